//! `jq2qmt import`

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;
use serde_json::value::RawValue;

use super::say;
use crate::clock::{Clock, Zone};
use crate::config::{ImportOptions, Places};
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::excerpt::Excerpt;
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::revision::Actor;
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;
use crate::ledger::{Change, Deed};
use crate::store::chronicle::Chronicle;
use crate::store::legacy::{LegacyList, Source};
use crate::{first_start, http, startup, store};

/// What becomes of a row.
enum Fate {
    /// It is taken: the list of a strategy, as of a moment.
    Taken(StrategyName, Vec<Position>, Moment),
    /// The strategy is here already, or was removed here.
    Left,
    /// It cannot be taken, and why.
    Refused(String),
}

/// Takes over the strategies of an existing jq2qmt: all of them or none, for a total that misses one sells what it holds.
pub(super) async fn run(places: &Places, options: &ImportOptions, clock: &Clock) -> anyhow::Result<ExitCode> {
    let zone = Zone::named(&options.zone).with_context(|| format!("{:?} is no time zone", options.zone))?;
    let source: Source = options.from.parse()?;
    let rows = source.lists().await.with_context(|| format!("{source} cannot be read"))?;
    let database = places.database();
    if !options.yes {
        let book = if database.exists() { store::look(&database).await? } else { Book::default() };
        let fates = judge(&rows, &book, &zone, clock.now());
        let is_refused = tell(&rows, &fates, &zone)?;
        say(if is_refused {
            "nothing would be written, because something is refused: put it right in a copy of the source"
        } else {
            "nothing was written; the same with --yes writes it, while the server is stopped"
        })?;
        return Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let _lock = startup::hold_data_dir(places)?;
    first_start::create_private_file(&database)?;
    let mut chronicle = Chronicle::open(&database, clock.now()).await?;
    let fates = judge(&rows, chronicle.book(), &zone, clock.now());
    if tell(&rows, &fates, &zone)? {
        bail!("nothing was written, because something is refused: put it right in a copy of the source");
    }
    let actor = Actor::Import(source.to_string());
    let mut draft = chronicle.draft(clock.now());
    for fate in fates {
        if let Fate::Taken(strategy, positions, at) = fate {
            draft.pass_to(at);
            draft.take(Change::new(strategy, Deed::Replace(positions), actor.clone(), None))?;
        }
    }
    chronicle.write(draft).await?;
    say(format_args!("written; the newest revision is {}", chronicle.book().revision()))?;
    chronicle.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// What becomes of each row, in their order.
fn judge(rows: &[LegacyList], book: &Book, zone: &Zone, now: Moment) -> Vec<Fate> {
    let mut seen = HashSet::new();
    let fate = |row: &LegacyList| match read(row, zone, now) {
        Err(reason) => Fate::Refused(reason),
        Ok((strategy, ..)) if !seen.insert(strategy.clone()) => Fate::Refused("it stands there twice".to_owned()),
        Ok((strategy, ..)) if book.strategy(&strategy).is_some() => Fate::Left,
        // What the operator has removed here does not come back by the way.
        Ok((strategy, ..)) if book.settings().state(&strategy) == State::Closed => Fate::Left,
        Ok((strategy, positions, at)) => Fate::Taken(strategy, positions, at),
    };
    rows.iter().map(fate).collect()
}

/// What a row says, by the rules for a push.
fn read(row: &LegacyList, zone: &Zone, now: Moment) -> Result<(StrategyName, Vec<Position>, Moment), String> {
    let positions = row.positions.as_deref().ok_or("it has no positions")?;
    let positions: &RawValue = serde_json::from_str(positions).map_err(|error| format!("its positions: {error}"))?;
    let body = json!({"strategy_name": row.name}).to_string();
    let body = format!("{},\"positions\":{positions}}}", body.trim_end_matches('}'));
    let (strategy, positions) = http::api::read_list(body.as_bytes(), Day::of(now))?;
    let at = row.updated_at.as_deref().ok_or("it has no update_time")?;
    let at = zone.parse(at).ok_or_else(|| format!("its update_time {:?} is no time", Excerpt(at).to_string()))?;
    if at > now { Err("its update_time lies in the future".to_owned()) } else { Ok((strategy, positions, at)) }
}

/// Says what becomes of each row, and whether any is refused.
fn tell(rows: &[LegacyList], fates: &[Fate], zone: &Zone) -> anyhow::Result<bool> {
    let mut is_refused = false;
    for (row, fate) in rows.iter().zip(fates) {
        let name = Excerpt(&row.name);
        match fate {
            Fate::Taken(_, positions, at) => {
                say(format_args!("take    {name}: {} positions of {}", positions.len(), zone.rfc3339(*at)))?;
            }
            Fate::Left => say(format_args!("leave   {name}: it is or was here, and stays as it is"))?,
            Fate::Refused(reason) => {
                is_refused = true;
                say(format_args!("REFUSE  {name}: {reason}"))?;
            }
        }
    }
    if rows.is_empty() {
        say("there is nothing to take")?;
    }
    Ok(is_refused)
}
