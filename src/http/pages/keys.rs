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
}

/// The key that somebody asks for, as it was typed.
#[derive(Default)]
struct Wish {
    name: String,
    write: bool,
    patterns: String,
    /// Whether it was sent before, by a session that had ended.
    resumed: bool,
}

impl Wish {
    fn sent(fields: &Fields) -> Self {
        Self {
            name: fields.get("name").trim().to_owned(),
            write: fields.get("scope") == "write",
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
    let clients = state.gate.keyring().await.infos();
    Ok(html(status, &KeysPage { v, clients, keys, made, wish, fault }))
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
    let patterns = wish.patterns.lines().map(str::trim).filter(|line| !line.is_empty()).map(Pattern::new).collect();
    let scope = if wish.write { Scope::Write } else { Scope::Read };
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    let checked = match KeyWish::new(&wish.name, scope, patterns) {
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
