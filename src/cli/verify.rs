//! `jq2qmt verify` and `jq2qmt head`

use std::process::ExitCode;

use super::say;
use crate::clock::Zone;
use crate::config::Places;
use crate::ledger::chain::{ChainHash, Head};
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
            None => say(format_args!(
                "the history does NOT contain {}: it was rebuilt, or is an older copy, since that head was written down",
                hex::encode(hash)
            ))?,
        }
        holds &= found.is_some();
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints where the history ends, to be written down elsewhere.
pub(super) async fn head(places: &Places) -> anyhow::Result<()> {
    say(about(&newest(&places.database()).await?)?)?;
    Ok(())
}

fn about(head: &Head) -> anyhow::Result<String> {
    let Head { revision, at, hash } = head;
    Ok(format!("{}, revision {revision} of {}", hex::encode(hash), Zone::named("Asia/Shanghai")?.rfc3339(*at)))
}
