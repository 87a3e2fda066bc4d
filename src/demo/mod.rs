//! An example book that is alive: ten days of strategies, accounts and terminals, none of which anybody decided on. Their names
//! begin with `DEMO_`, and terminals do not trade them.

mod market;
mod strategies;
mod terminal;
mod world;

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

pub use self::world::World;
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::moment::Moment;
use crate::domain::report::Report;
use crate::domain::reported::Reported;
use crate::domain::revision::{Actor, Revision};
use crate::domain::strategy::StrategyName;
use crate::ledger::Filing;
use crate::store::Store;
use crate::store::chronicle::Chronicle;

/// How often the terminals of the examples report.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// What a start with examples tells.
pub fn words(base_url: &str) -> String {
    format!(
        "\n示例数据：名称以 DEMO_ 开头的策略与账户不是任何人的决定，终端不会交易 / example data: nobody decided on what is \
         called DEMO_, and no terminal trades it\n在浏览器中查看 / look in a browser:\n    {base_url}\n    {base_url}/accounts\n    \
         {base_url}/history\n\n"
    )
}

/// Fills a database that holds nothing with ten trading days up to now; one that holds examples stays as it is.
///
/// # Errors
/// When it holds anything else, or cannot be written.
pub async fn fill(path: &Path, now: Moment) -> anyhow::Result<()> {
    let mut chronicle = Chronicle::open(path, now).await.with_context(|| format!("cannot open {}", path.display()))?;
    if chronicle.book().revision() == Revision::NONE {
        let (mut world, days) = World::example(now)?;
        for day in days {
            let mut draft = chronicle.draft(day.begins_at());
            world.live(&mut draft, day, now)?;
            chronicle.write(draft).await?;
        }
        let mut draft = chronicle.draft(now);
        world.report(&mut draft, now)?;
        chronicle.write(draft).await?;
    } else if !is_example(chronicle.book()) {
        bail!(
            "--demo fills an empty database, and {} holds strategies or accounts that are no examples: start without --demo, or \
             name another folder with --data-dir",
            path.display()
        );
    }
    Ok(chronicle.close().await?)
}

/// Whether a book has nothing in it but examples.
fn is_example(book: &Book) -> bool {
    book.strategies().all(|strategy| strategy.name.is_demo())
        && book.settings().accounts().all(|(name, _)| is_example_account(name))
}

fn is_example_account(name: &AccountName) -> bool {
    StrategyName::parse(name.as_str()).is_ok_and(|name| name.is_demo())
}

/// Lets the terminals of the examples say again and again what they said last: one that says nothing is silent.
///
/// # Errors
/// Never.
pub async fn keep_reporting(store: Store, clock: Clock) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    loop {
        ticks.tick().await;
        let book = store.book();
        for (account, reported) in book.reports().filter(|(account, _)| is_example_account(account)) {
            let (actor, report) = (Actor::Key("demo-qmt".to_owned()), again(reported, clock.now()));
            // An account that was deleted reports no more, and what could not be stored is said again.
            let _ = store.file(Filing { account: account.clone(), report, actor, address: None }).await;
        }
    }
}

/// What was reported, as of another moment.
fn again(reported: &Reported, at: Moment) -> Report {
    let Reported { mode, revision, cash, total_asset, ref holdings, ref orders, ref waiting, .. } = *reported;
    Report {
        at,
        mode,
        revision,
        cash,
        total_asset,
        holdings: holdings.values().cloned().collect(),
        orders: orders.clone(),
        fills: Vec::new(),
        waiting: waiting.clone(),
    }
}

#[cfg(test)]
mod tests;
