//! Back to an earlier list, and out of the book: what that would change is shown first, and done only if it still would.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{PathText, Query, Typed, strategy_name};
use super::changes::{ChangeLine, Flow, TotalChange};
use super::effect::OnAccounts;
use super::form::{CheckedForm, Fields};
use super::links::strategy_path;
use super::view::{Member, View};
use super::{html, links, see_other};
use crate::desk::{NotDone, Proposal};
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::revision::{Revision, RevisionKind};
use crate::domain::strategy::{Kind, StrategyName};
use crate::domain::total::UnknownStrategy;
use crate::ledger::Receipt;
use crate::store::history::ListAsOf;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    v: View,
    name: StrategyName,
    path: String,
    /// The revision to go back to; None to delete.
    to: Option<Revision>,
    /// What the strategy is at; the change is refused when it has moved on.
    expected: Revision,
    flow: Flow,
    lines: Vec<ChangeLine>,
    total: Vec<TotalChange>,
    accounts: OnAccounts,
    /// How many lines of the earlier list are left out, because their last day is over.
    over: usize,
    /// The accounts that have no target once it is deleted.
    stops: Vec<AccountName>,
    /// The push that waits: to delete the strategy drops it, and so does to go back without freezing.
    waiting: Option<Revision>,
    /// Whether pushes wait once the earlier list is back.
    freeze: bool,
    moved: bool,
    /// Whether it was sent before, by a session that had ended.
    resumed: bool,
}

impl ConfirmPage {
    fn stops(&self) -> String {
        let names: Vec<&str> = self.stops.iter().map(AccountName::as_str).collect();
        names.join(self.v.t.comma)
    }
}

/// How the question comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Somebody asked.
    Asked,
    /// It was confirmed, but the strategy had moved on.
    Moved { freeze: bool },
    /// It was confirmed by a session that had ended, when the strategy was at this revision.
    Resumed { then: Revision, freeze: bool },
}

/// Draws what going back to a revision, or with None deleting, would change.
async fn draw(
    state: &AppState,
    v: View,
    name: StrategyName,
    to: Option<Revision>,
    occasion: Occasion,
) -> Result<Response, AppError> {
    let preview = state.desk.preview(&name, to.map_or(Proposal::Remove, Proposal::Restore)).await?;
    let freeze = !matches!(occasion, Occasion::Moved { freeze: false } | Occasion::Resumed { freeze: false, .. });
    let resumed = matches!(occasion, Occasion::Resumed { .. });
    let moved = match occasion {
        Occasion::Asked => false,
        Occasion::Moved { .. } => true,
        Occasion::Resumed { then, .. } => then != preview.expected,
    };
    let status = if moved { StatusCode::CONFLICT } else { StatusCode::OK };
    let lines = ChangeLine::all(&preview.changes);
    let book = state.store.book();
    let page = ConfirmPage {
        stops: book.settings().accounts_of(&name).filter(|_| to.is_none()).cloned().collect(),
        flow: Flow::of(&lines),
        waiting: waiting(&book, &name),
        path: strategy_path(name.as_str()),
        expected: preview.expected,
        lines,
        total: TotalChange::all(&preview.before, &preview.after, &preview.changes),
        accounts: OnAccounts::of(state, &preview, &name).await?,
        over: preview.over,
        freeze,
        moved,
        resumed,
        v,
        name,
        to,
    };
    Ok(html(status, &page))
}

/// The push of a strategy that waits.
fn waiting(book: &Book, name: &StrategyName) -> Option<Revision> {
    book.settings().hold(name).map(|hold| hold.id)
}

/// Whether the push that waits is the one that the page showed.
fn is_as_seen(state: &AppState, name: &StrategyName, fields: &Fields) -> bool {
    waiting(&state.store.book(), name).unwrap_or(Revision::NONE).to_string() == fields.get("hold")
}

/// Back to which revision.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RestoreQuery {
    to: Typed,
}

/// `GET /strategies/{name}/restore?to=REVISION`
pub(super) async fn ask_restore(
    State(state): State<AppState>,
    Member(v): Member,
    PathText(name): PathText,
    Query(asked): Query<RestoreQuery>,
) -> Result<Response, AppError> {
    let to = revision(&asked.to, "to")?;
    draw(&state, v, strategy_name(&name)?, Some(to), Occasion::Asked).await
}

/// How many of a strategy's revisions are looked through for its last push.
const LOOKED_THROUGH: usize = 200;

/// The list before the last push that is in force; None where there was none. What went back to a list leads on from there, so
/// that to undo twice is to undo two pushes.
async fn before_last_push(state: &AppState, name: &StrategyName) -> Result<Option<Revision>, AppError> {
    let mut at = state.store.book().strategy(name).map(|strategy| strategy.mark.revision);
    for _ in 0..LOOKED_THROUGH {
        let Some(then) = at else { break };
        let Some(ListAsOf { mark, list: Some(_) }) = state.store.list_as_of(name, then).await? else { return Ok(None) };
        let Some(info) = state.store.revision(mark.revision).await? else { return Ok(None) };
        let went_back_to = info.note.as_deref().and_then(|note| note.parse().ok());
        at = match info.kind {
            RevisionKind::Restore => went_back_to.filter(|to| *to < mark.revision),
            RevisionKind::Flat | RevisionKind::Sequence | RevisionKind::Expire => Some(mark.revision.before()),
            // An overlay's only hand is the operator's.
            RevisionKind::Edit if name.kind() == Kind::Ordinary => Some(mark.revision.before()),
            _ => {
                let before = state.store.list_as_of(name, mark.revision.before()).await?;
                return Ok(before.filter(|before| before.list.is_some()).map(|before| before.mark.revision));
            }
        };
    }
    Ok(None)
}

/// `GET /strategies/{name}/undo`: to the list before the last push, or to where the strategy is deleted if there was none.
pub(super) async fn ask_undo(
    State(state): State<AppState>,
    Member(_): Member,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let path = strategy_path(name.as_str());
    state.store.book().strategy(&name).ok_or_else(|| UnknownStrategy(name.clone()))?;
    Ok(see_other(&match before_last_push(&state, &name).await? {
        Some(to) => format!("{path}/restore?to={to}"),
        None => format!("{path}/delete"),
    }))
}

/// `GET /strategies/{name}/delete`
pub(super) async fn ask_delete(
    State(state): State<AppState>,
    Member(v): Member,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    draw(&state, v, strategy_name(&name)?, None, Occasion::Asked).await
}

/// `POST /strategies/{name}/restore`
pub(super) async fn restore(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let (name, expected) = (strategy_name(&name)?, expected(&form.fields)?);
    let to = revision(form.fields.get("to"), "to")?;
    // So that the next push does not undo it.
    let freeze = freezes(&form.fields);
    if !freeze && !is_as_seen(&state, &name, &form.fields) {
        return draw(&state, form.v, name, Some(to), Occasion::Moved { freeze }).await;
    }
    let done = state.desk.restore(&form.operator, name.clone(), to, freeze, Some(expected)).await;
    answer(&state, form.v, name, Some(to), freeze, done).await
}

/// `POST /strategies/{name}/delete`
pub(super) async fn delete(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let (name, expected) = (strategy_name(&name)?, expected(&form.fields)?);
    if !is_as_seen(&state, &name, &form.fields) {
        return draw(&state, form.v, name, None, Occasion::Moved { freeze: true }).await;
    }
    let done = state.desk.remove(&form.operator, name.clone(), false, Some(expected)).await;
    answer(&state, form.v, name, None, true, done).await
}

/// Asks again what was confirmed by a session that had ended.
pub(super) async fn resume(
    state: &AppState,
    v: View,
    name: StrategyName,
    to: Option<&str>,
    fields: &Fields,
) -> Result<Response, AppError> {
    let to = to.map(|to| revision(to, "to")).transpose()?;
    draw(state, v, name, to, Occasion::Resumed { then: expected(fields)?, freeze: freezes(fields) }).await
}

/// Whether pushes are to wait once the earlier list is back: unless it was unticked.
fn freezes(fields: &Fields) -> bool {
    fields.get("freeze") == "on"
}

/// What the page that was confirmed had seen.
fn expected(fields: &Fields) -> Result<Revision, Invalid> {
    revision(fields.get("expected"), "expected")
}

fn revision(text: &str, field: &'static str) -> Result<Revision, Invalid> {
    text.parse().map_err(|_| Invalid::Query(field.into()))
}

/// On to the strategy; or, when somebody else was faster, what it would change now.
async fn answer(
    state: &AppState,
    v: View,
    name: StrategyName,
    to: Option<Revision>,
    freeze: bool,
    done: Result<Receipt, NotDone>,
) -> Result<Response, AppError> {
    match done {
        Ok(receipt) => Ok(see_other(&links::done(&strategy_path(name.as_str()), &[], &receipt))),
        Err(not_done) if not_done.is_conflict() => draw(state, v, name, to, Occasion::Moved { freeze }).await,
        Err(not_done) => Err(not_done.into()),
    }
}
