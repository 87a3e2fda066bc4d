//! `jq2qmt password set`

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::bail;

use super::say;
use crate::auth::password::NewPassword;
use crate::clock::Clock;
use crate::config::Places;
use crate::store::Beside;

/// Sets the operator's password; a running server knows it at once.
pub(super) async fn set(places: &Places, clock: &Clock) -> anyhow::Result<()> {
    let database = Beside::open(&places.database()).await?;
    let password = NewPassword::parse(&ask()?)?;
    database.set_password(&password.hash()?, clock.now()).await?;
    database.close().await;
    say("the operator's password is set")?;
    Ok(())
}

fn ask() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("new password (at least 10 characters): ")?;
    if password != rpassword::prompt_password("the same again: ")? {
        bail!("the two are not the same; nothing was changed");
    }
    Ok(password)
}
