//! `jq2qmt key add|list|revoke`

use anyhow::bail;

use super::say;
use crate::auth::api_key::{KeyWish, Secret};
use crate::clock::{Clock, Zone};
use crate::config::{KeyCommand, Places};
use crate::domain::excerpt::Excerpt;
use crate::domain::strategy::Pattern;
use crate::first_start;
use crate::store::Beside;
use crate::store::api_keys::ApiKey;

/// Works on the database beside the server that may be running.
pub(super) async fn run(places: &Places, command: &KeyCommand, clock: &Clock) -> anyhow::Result<()> {
    if matches!(command, KeyCommand::Add { .. }) {
        // A key may be the first thing that somebody makes, before the server ever ran.
        let (database, is_new) = (places.database(), !places.database().exists());
        first_start::create_database(places)?;
        if is_new {
            say(format_args!("made {}: no server has run on this folder yet", database.display()))?;
        }
    }
    let database = Beside::open(&places.database()).await?;
    match command {
        KeyCommand::Add { name, scope, strategy } => {
            let strategies = strategy.iter().map(Pattern::new).collect();
            let wish = KeyWish::new(name, *scope, strategies)?;
            let secret = Secret::generate()?;
            let key = wish.with(&secret);
            if !database.add_key(&key, clock.now()).await? {
                bail!("there is a key named {name:?} already; revoke it first, or choose another name");
            }
            say(format_args!("API key {name:?} ({}), shown this once:\n{}", scope.as_str(), secret.reveal()))?;
        }
        KeyCommand::List => {
            let zone = Zone::named("Asia/Shanghai")?;
            for key in database.api_keys().await? {
                say(line(&key, &zone))?;
            }
        }
        KeyCommand::Revoke { name } => {
            if !database.revoke_key(name, clock.now()).await? {
                bail!("there is no key named {name:?} in use");
            }
            say(format_args!("API key {name:?} is revoked"))?;
        }
    }
    database.close().await;
    Ok(())
}

fn line(key: &ApiKey, zone: &Zone) -> String {
    let strategies: Vec<&str> = key.strategies.iter().map(Pattern::as_str).collect();
    let strategies = if strategies.is_empty() { "*".to_owned() } else { strategies.join(" ") };
    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| zone.rfc3339(at));
    let state = key.revoked_at.map_or_else(|| "in use".to_owned(), |at| format!("revoked {}", zone.rfc3339(at)));
    format!(
        "{}…  {}  \"{}\"  strategies: {}  created {}  last used {used}  {state}",
        Excerpt(&key.prefix),
        key.scope.as_str(),
        Excerpt(&key.name),
        Excerpt(&strategies),
        zone.rfc3339(key.created_at)
    )
}
