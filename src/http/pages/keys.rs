//! `/keys`: clients with their public keys, and API keys.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::error::AppError;
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
    wish: Wish,
    fault: Option<&'static str>,
    /// The accounts that a key can be bound to.
    accounts: Vec<AccountName>,
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
            resumed: false,
        }
    }
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
    let accounts = state.store.book().settings().accounts().map(|(name, _)| name.clone()).collect();
    let clients = state.gate.keyring().await.infos();
    Ok(html(status, &KeysPage { v, clients, keys, made, wish, fault, accounts }))
}

/// `GET /keys`
pub(super) async fn page(State(state): State<AppState>, Member(v): Member) -> Result<Response, AppError> {
    draw(&state, v, StatusCode::OK, None, Wish::default(), None).await
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
        Ok(secret) => draw(&state, v, StatusCode::OK, Some(secret), Wish::default(), None).await,
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
    Ok(see_other("/keys"))
}
