//! `/accounts`: the trading accounts, and the pause of everything.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::api::states::checked_note;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed, account_name};
use super::form::{CheckedForm, Fields};
use super::links::{account_path, done};
use super::view::{Member, Paused, Reading, View};
use super::{html, see_other};
use crate::desk::terminals::Holder;
use crate::domain::account::{Account, AccountName};
use crate::domain::state::Pause;
use crate::domain::strategy::StrategyName;

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    v: View,
    accounts: Vec<AccountRow>,
    pause: Option<Paused>,
}

struct AccountRow {
    name: AccountName,
    path: String,
    account: Account,
    pause: Option<Paused>,
    /// Strategies of which nothing is known: its target is not answered.
    incomplete: Vec<StrategyName>,
    holder: Option<Holder>,
}

/// `GET /accounts`
pub(super) async fn page(State(state): State<AppState>, Reading { v, book }: Reading) -> Response {
    let settings = book.settings();
    let row = |(name, settled): (&AccountName, &std::sync::Arc<crate::domain::settings::Settled>)| AccountRow {
        path: account_path(name.as_str()),
        account: settled.account.clone(),
        pause: Paused::of(settings, Some(name)),
        incomplete: book.target_mark(settled, v.now).err().map(|incomplete| incomplete.0).unwrap_or_default(),
        holder: state.desk.terminals().holder(name, state.clock.running()),
        name: name.clone(),
    };
    let page = AccountsPage { accounts: settings.accounts().map(row).collect(), pause: Paused::of(settings, None), v };
    html(StatusCode::OK, &page)
}

/// Which account to create.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewQuery {
    name: Typed,
}

/// `GET /account?name=`: on to the form of the account of that name.
pub(super) async fn create(Member(_): Member, Query(query): Query<NewQuery>) -> Result<Response, AppError> {
    let name = account_name(&query.name)?;
    Ok(see_other(&format!("{}/settings", account_path(name.as_str()))))
}

/// The pause that a form asks for.
pub(super) fn pause_of(fields: &Fields) -> Result<Pause, Invalid> {
    let note = checked_note(Some(fields.get("note").to_owned()))?;
    match fields.get("paused") {
        "yes" => Ok(Pause { paused: true, note }),
        "no" => Ok(Pause { paused: false, note }),
        _ => Err(Invalid::Query("paused".into())),
    }
}

/// `POST /pause`: of everything.
pub(super) async fn pause(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let receipt = state.desk.pause(&form.operator, None, pause_of(&form.fields)?).await?;
    Ok(see_other(&done("/accounts", &[], &receipt)))
}
