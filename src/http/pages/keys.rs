//! `/keys`: clients with their public keys, and API keys.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::form::{CheckedForm, Fields};
use super::view::{Member, View};
use super::{html, see_other};
use crate::auth::api_key::{KeyFault, KeyWish, Secret};
use crate::auth::keyring::ClientInfo;
use crate::desk::NotDone;
use crate::domain::account::AccountName;
use crate::domain::strategy::Pattern;
use crate::store::api_keys::{ApiKey, Scope};

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    v: View,
    clients: Vec<ClientInfo>,
    keys: Vec<ApiKey>,
    /// A key that was made just now; this is the only time that it is shown.
    made: Option<Secret>,
    /// The key whose place it takes; it stays in force until it is revoked.
    replaced: Option<ApiKey>,
    wish: Wish,
    fault: Option<&'static str>,
    /// The accounts that a key can be bound to.
    accounts: Vec<AccountName>,
}

/// The question that comes before a key is revoked.
#[derive(Template)]
#[template(path = "key_revoke.html")]
struct RevokePage {
    v: View,
    key: ApiKey,
}

/// What a key that is asked for is to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum WishedScope {
    #[default]
    Read,
    Write,
    Account,
}

impl WishedScope {
    fn sent(fields: &Fields) -> Self {
        match fields.get("scope") {
            "write" => Self::Write,
            "account" => Self::Account,
            _ => Self::Read,
        }
    }
}

/// The key that somebody asks for, as it was typed.
#[derive(Default)]
struct Wish {
    name: String,
    scope: WishedScope,
    /// The account that it is bound to.
    account: String,
    patterns: String,
    /// The name of the key whose place it shall take.
    replaces: String,
    /// Whether it was sent before, by a session that had ended.
    resumed: bool,
}

impl Wish {
    fn sent(fields: &Fields) -> Self {
        Self {
            name: fields.get("name").trim().to_owned(),
            scope: WishedScope::sent(fields),
            account: fields.get("account").to_owned(),
            patterns: fields.get("patterns").to_owned(),
            replaces: fields.get("replaces").to_owned(),
            resumed: false,
        }
    }

    /// Whether it is bound to an account that is not there (any more): sent as it stands, it is refused by that name.
    fn is_of_another(&self, accounts: &[AccountName]) -> bool {
        !self.account.is_empty() && accounts.iter().all(|account| account.as_str() != self.account)
    }

    /// A key that allows what another does, under the next name that is free.
    fn instead_of(key: &ApiKey, keys: &[ApiKey]) -> Self {
        let patterns: Vec<&str> = key.strategies.iter().map(Pattern::as_str).collect();
        Self {
            name: next_name(&key.name, |name| keys.iter().any(|key| key.name == name)),
            scope: match key.scope {
                Scope::Read => WishedScope::Read,
                Scope::Write => WishedScope::Write,
                Scope::Account => WishedScope::Account,
            },
            account: key.account.as_ref().map(ToString::to_string).unwrap_or_default(),
            patterns: patterns.join("\n"),
            replaces: key.name.clone(),
            resumed: false,
        }
    }
}

/// `qmt` becomes `qmt-2`, and that `qmt-3`.
fn next_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = name.rsplit_once('-').and_then(|(stem, number)| Some((stem, number.parse::<u32>().ok()?)));
    let (stem, number) = numbered.unwrap_or((name, 1));
    let names = (number.saturating_add(1)..).map(|number| format!("{stem}-{number}"));
    names.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
}

/// The key of that name that is in force.
async fn in_force(state: &AppState, name: &str) -> Result<Option<ApiKey>, AppError> {
    let keys = state.store.api_keys().await?;
    Ok(keys.into_iter().find(|key| key.name == name && key.revoked_at.is_none()))
}

async fn draw(
    state: &AppState,
    v: View,
    status: StatusCode,
    made: Option<Secret>,
    wish: Wish,
    fault: Option<&'static str>,
) -> Result<Response, AppError> {
    let mut keys = state.store.api_keys().await?;
    keys.reverse();
    // Only once the new one is made is there something to say of the old one.
    let is_replaced = |key: &&ApiKey| key.name == wish.replaces && key.revoked_at.is_none();
    let replaced = keys.iter().find(is_replaced).filter(|_| made.is_some()).cloned();
    let accounts = state.store.book().settings().accounts().map(|(name, _)| name.clone()).collect();
    let clients = state.gate.keyring().await.infos();
    Ok(html(status, &KeysPage { v, clients, keys, made, replaced, wish, fault, accounts }))
}

/// Which key is meant.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyQuery {
    /// The one whose place a new one shall take.
    rotate: Typed,
    name: Typed,
}

/// `GET /keys`
pub(super) async fn page(
    State(state): State<AppState>,
    Member(v): Member,
    Query(asked): Query<KeyQuery>,
) -> Result<Response, AppError> {
    let rotated = in_force(&state, &asked.rotate).await?;
    let wish = match rotated {
        Some(key) => Wish::instead_of(&key, &state.store.api_keys().await?),
        None => Wish::default(),
    };
    draw(&state, v, StatusCode::OK, None, wish, None).await
}

/// `GET /keys/revoke?name=`: what the key does, before it is ended.
pub(super) async fn ask_revoke(
    State(state): State<AppState>,
    Member(v): Member,
    Query(asked): Query<KeyQuery>,
) -> Result<Response, AppError> {
    Ok(match in_force(&state, &asked.name).await? {
        Some(key) => html(StatusCode::OK, &RevokePage { v, key }),
        // A reload or a language switch after it was revoked asks again.
        None => see_other("/keys"),
    })
}

/// `POST /keys/create`
pub(super) async fn create(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let (v, fields) = (form.v, form.fields);
    let t = v.t;
    let wish = Wish::sent(&fields);
    let patterns: Vec<Pattern> =
        wish.patterns.lines().map(str::trim).filter(|line| !line.is_empty()).map(Pattern::new).collect();
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    let checked = match wish.scope {
        WishedScope::Read => KeyWish::new(&wish.name, Scope::Read, patterns),
        WishedScope::Write => KeyWish::new(&wish.name, Scope::Write, patterns),
        WishedScope::Account if !patterns.is_empty() => Err(KeyFault::NarrowedReader),
        WishedScope::Account => match account(&state, &wish.account) {
            Some(account) => KeyWish::bound(&wish.name, account),
            None => return draw(&state, v, refused, None, wish, Some(t.key_account_unknown)).await,
        },
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(KeyFault::Name) => return draw(&state, v, refused, None, wish, Some(t.key_name_bad)).await,
        Err(KeyFault::NarrowedReader | KeyFault::ScopeOrAccount) => {
            return draw(&state, v, refused, None, wish, Some(t.key_reader_narrowed)).await;
        }
    };
    match state.desk.make_key(&form.operator, checked).await {
        Ok(secret) => {
            let made = Wish { replaces: wish.replaces, ..Wish::default() };
            draw(&state, v, StatusCode::OK, Some(secret), made, None).await
        }
        Err(NotDone::KeyNameTaken) => draw(&state, v, refused, None, wish, Some(t.key_name_taken)).await,
        Err(not_done) => Err(not_done.into()),
    }
}

/// The account of that name, if there is one.
fn account(state: &AppState, name: &str) -> Option<AccountName> {
    let name = AccountName::parse(name).ok()?;
    state.store.book().settings().account(&name).map(|_| name)
}

/// The key that was asked for by a session that had ended, to be asked for again.
pub(super) async fn resume(state: &AppState, v: View, fields: &Fields) -> Result<Response, AppError> {
    let wish = Wish { resumed: true, ..Wish::sent(fields) };
    draw(state, v, StatusCode::OK, None, wish, None).await
}

/// `POST /keys/revoke`
pub(super) async fn revoke(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    state.desk.revoke_key(&form.operator, form.fields.get("name").to_owned()).await?;
    state.gate.forget_keys();
    Ok(see_other("/keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_has_the_next_name_that_is_free() {
        let taken = ["qmt", "qmt-2", "x-9"];
        let next = |name| next_name(name, |name| taken.contains(&name));
        assert_eq!([next("qmt"), next("x-9"), next("a-b")], ["qmt-3", "x-10", "a-b-2"]);
    }
}
