//! `jq2qmt compact`

use std::path::Path;

use anyhow::{bail, ensure};

use super::say;
use super::verify::about;
use crate::clock::{Clock, Zone};
use crate::config::{CompactOptions, Places};
use crate::domain::calendar::Day;
use crate::startup;
use crate::store::compaction::{Compacted, Plan, Step, compact, plan};
use crate::store::verify::Verdict;

/// How many days stay as they are: pages, closes and the trial of guards read as far back as thirty trading days.
const LEAST_DAYS: i64 = 60;

/// Folds the history before a day into an archive and a checkpoint, or says what that would do.
pub(super) async fn run(places: &Places, options: &CompactOptions, clock: &Clock) -> anyhow::Result<()> {
    let CompactOptions { before, archive, yes } = options;
    let (database, days) = (places.database(), Day::of(clock.now()).since(*before));
    ensure!(
        days >= LEAST_DAYS,
        "--before {before} is {days} days ago, and the last {LEAST_DAYS} days stay as they are: pages, closes and the trial of guards \
         read them"
    );
    if !yes {
        let Some(plan) = plan(&database, before.begins_at()).await? else { return nothing(*before) };
        let archive = archive.clone().unwrap_or_else(|| plan.archive(&database));
        tell(&plan, *before, &archive)?;
        say("nothing was written; the same with --yes writes it, while the server is stopped")?;
        return Ok(());
    }
    ensure!(database.exists(), "there is no database at {}", database.display());
    let _lock = startup::hold_data_dir(places)?;
    let done = compact(&database, before.begins_at(), archive.as_deref(), clock.now(), tell_step).await?;
    let Some((plan, archive, compacted)) = done else { return nothing(*before) };
    tell_done(&plan, &archive, &compacted)
}

fn nothing(before: Day) -> anyhow::Result<()> {
    Ok(say(format_args!("there is nothing to fold: no revision before {before} that is not folded already"))?)
}

/// Says what would be done.
fn tell(plan: &Plan, before: Day, archive: &Path) -> anyhow::Result<()> {
    let (zone, (first, first_at)) = (Zone::named("Asia/Shanghai")?, plan.first);
    say(format_args!(
        "fold    {} revisions, from {first} of {} to {} of {}, all before {before}",
        plan.revisions,
        zone.rfc3339(first_at),
        plan.last.revision,
        zone.rfc3339(plan.last.at)
    ))?;
    if let Some(since) = plan.since {
        say(format_args!("        the archive goes on where the one before ends, at revision {since}"))?;
    }
    say(format_args!("        up to the hash {}", hex::encode(plan.last.hash)))?;
    let is_there = if archive.exists() { ", WHICH EXISTS ALREADY and would not be overwritten" } else { "" };
    say(format_args!("into    {}{is_there}", archive.display()))?;
    say(format_args!("free    about {} of the {} bytes of the database", plan.freed, plan.database))?;
    say(
        "lose    every look at what was before: as_of, comparisons, restoring and the pages of these revisions answer 410 then, and \
         lists of the history end there; the archive has them, and lists, totals and targets stay as they are",
    )?;
    Ok(())
}

/// Says what begins. Nobody may be listening any more, and that is no reason to stop in the middle.
fn tell_step(step: Step) {
    let _unheard = say(match step {
        Step::Verify => "1/6     walking the history as it is",
        Step::Archive => "2/6     writing the archive, and reading it back",
        Step::Fold => "3/6     taking what is in the archive out of the database",
        Step::Prove => "4/6     walking what is left; until this is done the database is as it was",
        Step::Shrink => "5/6     it is folded; writing the database anew, without what is free in it",
        Step::VerifyAgain => "6/6     walking what was written",
    });
}

/// Says what was done.
fn tell_done(plan: &Plan, archive: &Path, compacted: &Compacted) -> anyhow::Result<()> {
    let Compacted { archived, head, sizes: (before, after), unshrunk, verdict } = compacted;
    say(format_args!(
        "folded {} revisions up to {} into {}, SHA-256 {}: keep it, and a copy of it elsewhere",
        plan.revisions,
        plan.last.revision,
        archive.display(),
        hex::encode(archived.digest)
    ))?;
    say(format_args!("the database had {before} bytes and has {after}"))?;
    if let Some(reason) = unshrunk {
        say(format_args!("it could not be made smaller ({reason}); what is free in it is used again"))?;
    }
    say(format_args!("the history now ends with {}: write it down elsewhere", about(head)?))?;
    say(verdict)?;
    if !matches!(verdict, Verdict::Whole { .. }) {
        bail!("what is there now does not hold together: put the newest copy back");
    }
    Ok(())
}
