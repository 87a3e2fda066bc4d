//! `jq2qmt verify`

use std::process::ExitCode;

use super::say;
use crate::config::Places;
use crate::store::open_read_only;
use crate::store::verify::{Verdict, verify};

/// Walks the chain and says what it found.
pub(super) async fn run(places: &Places) -> anyhow::Result<ExitCode> {
    let pool = open_read_only(&places.database())?;
    let verdict = verify(&pool).await?;
    pool.close().await;
    Ok(match verdict {
        Verdict::Whole { revisions, head } => {
            say(format_args!("unbroken: {revisions} revisions, head {}", hex::encode(head)))?;
            ExitCode::SUCCESS
        }
        Verdict::Broken { revision, reason } => {
            say(format_args!("BROKEN at revision {revision}: {reason}"))?;
            ExitCode::FAILURE
        }
        Verdict::Astray { strategy, reason } => {
            say(format_args!("the history is unbroken, but strategy {strategy:?} is ASTRAY: {reason}"))?;
            ExitCode::FAILURE
        }
    })
}
