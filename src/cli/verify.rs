//! `jq2qmt verify` and `jq2qmt head`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::say;
use crate::clock::Zone;
use crate::config::Places;
use crate::domain::checkpoint::Checkpoint;
use crate::ledger::Snapshot;
use crate::ledger::chain::{ChainHash, Head};
use crate::ledger::replay::Replay;
use crate::store::archive::{Archived, read};
use crate::store::compaction::latest;
use crate::store::verify::{Verdict, newest, verify, witnessed};

/// Walks the chain and says what it found, and whether it contains a head that was written down.
pub(super) async fn run(places: &Places, head: Option<ChainHash>) -> anyhow::Result<ExitCode> {
    let database = places.database();
    let Some(hash) = head else {
        let verdict = verify(&database).await?;
        say(&verdict)?;
        return Ok(exit(matches!(verdict, Verdict::Whole { .. })));
    };
    let (verdict, found) = witnessed(&database, &hash).await?;
    say(&verdict)?;
    let Verdict::Whole { since, .. } = verdict else { return Ok(ExitCode::FAILURE) };
    match (&found, since) {
        (Some(head), _) => say(format_args!("the history contains {}", about(head)?))?,
        (None, Some(since)) => say(format_args!(
            "the history does not contain {} after its checkpoint at revision {}: if it lies before that, only the archive knows it \
             (jq2qmt verify --archive FILE --head HASH)",
            hex::encode(hash),
            since.checkpoint.revision
        ))?,
        (None, None) => say(format_args!(
            "the history does NOT contain {}: it was rebuilt, or is an older copy, since that head was written down",
            hex::encode(hash)
        ))?,
    }
    // What a checkpoint begins with hangs on no revision that is older than the one that tells of it: it may be a forger's.
    let untold = found.zip(since).filter(|(head, since)| head.revision < since.told_in);
    if let Some((_, since)) = untold {
        say(format_args!(
            "it does not witness what the checkpoint at revision {} begins with, which was settled later, in revision {}: hold the \
             archive against it (jq2qmt verify --archive FILE), and write down a newer head (jq2qmt head)",
            since.checkpoint.revision, since.told_in
        ))?;
    }
    Ok(exit(found.is_some() && untold.is_none()))
}

const fn exit(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Walks along an archive and says what it holds, whether that contains a head that was written down, and whether it led to what
/// the database's checkpoint begins with.
pub(super) async fn archive(places: &Places, file: &Path, head: Option<ChainHash>) -> anyhow::Result<ExitCode> {
    let (mut found, mut led) = (None, Some(Replay::default()));
    let archived = read(file, |line, lines| {
        found = found.or(Some(lines.head).filter(|one| Some(one.hash) == head));
        // One that goes on where another ends does not say what led there.
        led = led.take().filter(|_| lines.begin == Head::START.hash);
        match &mut led {
            Some(led) => Ok(led.follow(line.entry()?)?),
            None => Ok(()),
        }
    });
    let Archived { lines, digest } = archived.with_context(|| format!("{} does not hold", file.display()))?;
    say(format_args!(
        "unbroken: {} revisions after {}, the last {}; SHA-256 of the file {}",
        lines.length,
        hex::encode(lines.begin),
        about(&lines.head)?,
        hex::encode(digest)
    ))?;
    let contains = match (head, &found) {
        (None, _) => true,
        (Some(_), Some(head)) => {
            say(format_args!("the archive contains {}", about(head)?))?;
            true
        }
        (Some(hash), None) => {
            say(format_args!("the archive does NOT contain {}", hex::encode(hash)))?;
            false
        }
    };
    let fits = match latest(&places.database()).await? {
        None => true,
        Some(checkpoint) => fits(&checkpoint, &lines.head, led.as_ref())?,
    };
    Ok(exit(contains && fits))
}

/// Says whether a database's checkpoint is what the revisions of an archive lead to.
fn fits(checkpoint: &Checkpoint, last: &Head, led: Option<&Replay>) -> anyhow::Result<bool> {
    let at = checkpoint.revision;
    let (said, fits) = if last.revision != at {
        (format!("the checkpoint of the database is at revision {at}, and not where this archive ends"), true)
    } else if hex::encode(last.hash) != checkpoint.hash {
        (format!("the checkpoint of the database, at revision {at}, has ANOTHER hash"), false)
    } else {
        match led.map(|led| hex::encode(Snapshot::of(led).seal())) {
            None => {
                let said = "it ends at the checkpoint of the database; to see what led there, put the archives from the first one \
                            on behind each other (cat)";
                (said.to_owned(), true)
            }
            Some(seal) if seal == checkpoint.seal => {
                ("the checkpoint of the database is what these revisions lead to".to_owned(), true)
            }
            Some(_) => ("the checkpoint of the database is NOT what these revisions lead to".to_owned(), false),
        }
    };
    say(said)?;
    Ok(fits)
}

/// Prints where the history ends, to be written down elsewhere.
pub(super) async fn head(places: &Places) -> anyhow::Result<()> {
    say(about(&newest(&places.database()).await?)?)?;
    Ok(())
}

pub(super) fn about(head: &Head) -> anyhow::Result<String> {
    let Head { revision, at, hash } = head;
    Ok(format!("{}, revision {revision} of {}", hex::encode(hash), Zone::named("Asia/Shanghai")?.rfc3339(*at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_held_against_what_an_archive_leads_to() {
        let (led, Snapshot { head, .. }) = (Replay::default(), Snapshot::of(&Replay::default()));
        let [hash, seal] = [head.hash, Snapshot::of(&led).seal()].map(hex::encode);
        let told =
            Checkpoint { revision: head.revision, at: head.at, hash, seal, archive: String::new(), revisions: 0 };
        let other = "11".repeat(32);
        assert!(fits(&told, &head, Some(&led)).unwrap());
        assert!(fits(&told, &head, None).unwrap(), "it says nothing of what led there");
        assert!(!fits(&Checkpoint { seal: other.clone(), ..told.clone() }, &head, Some(&led)).unwrap());
        assert!(!fits(&Checkpoint { hash: other.clone(), ..told.clone() }, &head, Some(&led)).unwrap());
        let elsewhere = Checkpoint { revision: head.revision.next(), hash: other, ..told };
        assert!(fits(&elsewhere, &head, Some(&led)).unwrap(), "it is another archive's");
    }
}
