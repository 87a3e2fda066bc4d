//! `jq2qmt key add|list|revoke`

use anyhow::{Context as _, bail};

use super::say;
use crate::auth::api_key::{KeyWish, Secret};
use crate::clock::{Clock, Zone};
use crate::config::{KeyCommand, Places};
use crate::domain::account::AccountName;
use crate::domain::excerpt::Excerpt;
use crate::domain::strategy::Pattern;
use crate::first_start;
use crate::store::Beside;
use crate::store::api_keys::{ApiKey, Scope};

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
        KeyCommand::Add { name, scope, strategy, account } => {
            let wish = match (scope, account) {
                (Some(scope), None) => KeyWish::new(name, *scope, strategy.iter().map(Pattern::new).collect())?,
                (None, Some(account)) => {
                    let account =
                        AccountName::parse(account).with_context(|| format!("the account's name {account:?}"))?;
                    KeyWish::bound(name, account)?
                }
                _ => bail!("say what the key allows: --scope read, --scope write, or --account ACCOUNT"),
            };
            let allows = match account {
                Some(account) => format!("bound to account {account:?}"),
                None => scope.map(Scope::as_str).unwrap_or_default().to_owned(),
            };
            let secret = Secret::generate()?;
            let key = wish.with(&secret);
            if !database.add_key(&key, clock.now()).await? {
                bail!("there is a key named {name:?} already; revoke it first, or choose another name");
            }
            say(format_args!("API key {name:?} ({allows}), shown this once:\n{}", secret.reveal()))?;
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
    let may = match &key.account {
        Some(account) => format!("account: {}", Excerpt(account.as_str())),
        None if strategies.is_empty() => "strategies: *".to_owned(),
        None => format!("strategies: {}", Excerpt(&strategies.join(" "))),
    };
    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| zone.rfc3339(at));
    let state = key.revoked_at.map_or_else(|| "in use".to_owned(), |at| format!("revoked {}", zone.rfc3339(at)));
    format!(
        "{}…  {}  \"{}\"  {may}  created {}  last used {used}  {state}",
        Excerpt(&key.prefix),
        key.scope.as_str(),
        Excerpt(&key.name),
        zone.rfc3339(key.created_at)
    )
}
