//! `jq2qmt verify`

use std::process::ExitCode;

use super::say;
use crate::config::Places;
use crate::store::verify::{Verdict, verify};

/// Walks the chain and says what it found.
pub(super) async fn run(places: &Places) -> anyhow::Result<ExitCode> {
    let verdict = verify(&places.database()).await?;
    say(&verdict)?;
    Ok(if matches!(verdict, Verdict::Whole { .. }) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
