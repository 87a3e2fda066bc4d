//! `jq2qmt verify`

use std::process::ExitCode;

use super::say;
use crate::config::Places;
use crate::ledger::replay::Astray;
use crate::store::verify::{Verdict, verify};

/// Walks the chain and says what it found.
pub(super) async fn run(places: &Places) -> anyhow::Result<ExitCode> {
    Ok(match verify(&places.database()).await? {
        Verdict::Whole { revisions, head } => {
            say(format_args!("unbroken: {revisions} revisions, head {}", hex::encode(head)))?;
            ExitCode::SUCCESS
        }
        Verdict::Broken { revision, reason } => {
            say(format_args!("BROKEN at revision {revision}: {reason}"))?;
            ExitCode::FAILURE
        }
        Verdict::Astray(Astray { strategy, reason }) => {
            say(format_args!("the history is unbroken, but strategy {strategy:?} is ASTRAY: {reason}"))?;
            ExitCode::FAILURE
        }
        Verdict::Misremembered(reason) => {
            say(format_args!(
                "the history is unbroken and leads to the current state, but {reason}: questions about the past may be \
                 answered wrongly. To have what is made from the history made anew, stop the server, set is_unfolded to 0 in \
                 the table upkeep, and start it again"
            ))?;
            ExitCode::FAILURE
        }
    })
}
