//! `jq2qmt verify` and `jq2qmt head`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::say;
use crate::clock::Zone;
use crate::config::Places;
use crate::ledger::chain::{ChainHash, Head};
use crate::store::archive::{Archived, read};
use crate::store::verify::{Verdict, newest, verify, witnessed};

/// Walks the chain and says what it found, and whether it contains a head that was written down.
pub(super) async fn run(places: &Places, head: Option<ChainHash>) -> anyhow::Result<ExitCode> {
    let database = places.database();
    let verdict = verify(&database).await?;
    say(&verdict)?;
    let mut holds = matches!(verdict, Verdict::Whole { .. });
    if let Some(hash) = head {
        let found = witnessed(&database, &hash).await?;
        match &found {
            Some(head) => say(format_args!("the history contains {}", about(head)?))?,
            None if let Verdict::Whole { since: Some(since), .. } = &verdict => say(format_args!(
                "the history does not contain {} after its checkpoint at revision {}: if it lies before that, only the archive knows it \
                 (jq2qmt verify --archive FILE --head HASH)",
                hex::encode(hash),
                since.revision
            ))?,
            None => say(format_args!(
                "the history does NOT contain {}: it was rebuilt, or is an older copy, since that head was written down",
                hex::encode(hash)
            ))?,
        }
        holds &= found.is_some();
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Walks along an archive and says what it holds, and whether that contains a head that was written down.
pub(super) fn archive(file: &Path, head: Option<ChainHash>) -> anyhow::Result<ExitCode> {
    let mut found = None;
    let archived = read(file, |one| found = found.or(Some(*one).filter(|one| Some(one.hash) == head)));
    let Archived { lines, digest } = archived.with_context(|| format!("{} does not hold", file.display()))?;
    say(format_args!(
        "unbroken: {} revisions after {}, the last {}; SHA-256 of the file {}",
        lines.length,
        hex::encode(lines.begin),
        about(&lines.head)?,
        hex::encode(digest)
    ))?;
    match (head, &found) {
        (None, _) => {}
        (Some(_), Some(head)) => say(format_args!("the archive contains {}", about(head)?))?,
        (Some(hash), None) => {
            say(format_args!("the archive does NOT contain {}", hex::encode(hash)))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
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
