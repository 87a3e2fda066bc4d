//! Writes a database of years of trading for `benches/speed.py`: twenty strategies of fifty instruments that push four times a
//! day and change each line every time, and an account whose terminal follows them; or that each change one line every minute.

#![expect(clippy::print_stdout, reason = "a measuring tool, run by hand")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser as _;
use jq2qmt::demo::World;
use jq2qmt::domain::calendar::{Calendar, Day};
use jq2qmt::domain::decimal::Decimal;
use jq2qmt::domain::moment::Moment;
use jq2qmt::domain::position::Position;
use jq2qmt::domain::revision::Actor;
use jq2qmt::domain::strategy::{Kind, StrategyName};
use jq2qmt::ledger::{Change, Deed, Draft};
use jq2qmt::store::chronicle::Chronicle;

/// A measuring tool; see benches/speed.py.
#[derive(clap::Parser)]
struct Options {
    /// The database, which must not be there yet.
    database: PathBuf,
    /// How many trading days.
    #[arg(long, default_value_t = 2_500)]
    days: usize,
    #[arg(long, default_value_t = 20)]
    strategies: usize,
    /// One line of each strategy every trading minute, and no account.
    #[arg(long)]
    each_minute: bool,
    /// The first day.
    #[arg(long, default_value = "2016-01-04")]
    from: Day,
}

/// What strategies do.
trait Trading {
    /// All of a day.
    fn day(&mut self, draft: &mut Draft, day: Day) -> anyhow::Result<()>;
}

impl Trading for World {
    fn day(&mut self, draft: &mut Draft, day: Day) -> anyhow::Result<()> {
        self.live(draft, day, Moment::from_micros(i64::MAX))
    }
}

/// Strategies of which each changes one line every trading minute.
struct Minutes {
    strategies: Vec<(StrategyName, Vec<Position>)>,
    passed: u32,
}

impl Minutes {
    const LINES: u32 = 50;

    fn new(strategies: usize) -> anyhow::Result<Self> {
        let strategy = |number| {
            let list = (0..Self::LINES).map(|line| position(line, 1_000)).collect::<anyhow::Result<_>>()?;
            Ok((StrategyName::parse(&format!("minutes-{number}"))?, list))
        };
        Ok(Self { strategies: (0..strategies).map(strategy).collect::<anyhow::Result<_>>()?, passed: 0 })
    }
}

impl Trading for Minutes {
    fn day(&mut self, draft: &mut Draft, day: Day) -> anyhow::Result<()> {
        // From 9:30 to 11:30 and from 13:00 to 15:00.
        for minute in (570..690).chain(780..900) {
            draft.pass_to(day.begins_at().plus(Duration::from_mins(minute)));
            self.passed += 1;
            let line = self.passed % Self::LINES;
            for (name, list) in &mut self.strategies {
                list[line as usize] = position(line, 1_000 + self.passed)?;
                let by = Actor::Client("bench".to_owned());
                draft.take(Change::new(name.clone(), Deed::Replace(list.clone()), by, None))?;
            }
        }
        Ok(())
    }
}

fn position(line: u32, volume: u32) -> anyhow::Result<Position> {
    let (code, cost) = (format!("{}.XSHG", 600_000 + line), Decimal::parse("12.345678901234567")?);
    Ok(Position::new(Kind::Ordinary, &code, None, Decimal::whole(volume), cost, None)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // Cargo says that it is a bench.
    let options = Options::parse_from(std::env::args_os().filter(|argument| argument != "--bench"));
    let start = Instant::now();
    let mut chronicle = Chronicle::open(&options.database, options.from.begins_at()).await?;
    let mut trading: Box<dyn Trading> = if options.each_minute {
        Box::new(Minutes::new(options.strategies)?)
    } else {
        Box::new(World::tireless(options.strategies, options.from)?)
    };
    let days = std::iter::successors(Some(options.from), |day| Some(day.next()))
        .filter(|day| Calendar::default().may_trade(*day));
    let mut last = options.from;
    for day in days.take(options.days) {
        let mut draft = chronicle.draft(day.begins_at());
        trading.day(&mut draft, day)?;
        chronicle.write(draft).await?;
        last = day;
    }
    let revisions = chronicle.book().revision();
    chronicle.close().await?;
    println!("{{\"last\": \"{last}\", \"revisions\": {revisions}, \"seconds\": {:.1}}}", start.elapsed().as_secs_f64());
    Ok(())
}
