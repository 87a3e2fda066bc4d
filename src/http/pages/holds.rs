//! `/holds`: the pushes that wait, with what each would change; approved or discarded by their numbers.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::changes::{ChangeLine, TotalChange};
use super::effect::OnAccounts;
use super::form::CheckedForm;
use super::links::strategy_path;
use super::texts::Texts;
use super::view::{Reading, View};
use super::{html, links, see_other};
use crate::desk::NotDone;
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::decimal::Decimal;
use crate::domain::hold::Hold;
use crate::domain::moment::Moment;
use crate::domain::revision::{Actor, Revision};
use crate::domain::state::State as Standing;
use crate::domain::strategy::StrategyName;
use crate::ledger::{Receipt, Rejected};
use crate::store::NotStored;
use crate::store::history::Filter;

/// How many pushes a page shows, and how many lines of what each would change.
const SHOWN: usize = 50;
const LINES: usize = 200;

/// Among how many of a strategy's newest revisions the one is that was made just now.
const RECENT: i64 = 20;

#[derive(Template)]
#[template(path = "holds.html")]
struct HoldsPage {
    v: View,
    waiting: Vec<WaitingPush>,
    /// How many wait beyond those.
    more: usize,
    /// Why nothing was decided.
    notice: Option<String>,
}

/// A push that waits.
struct WaitingPush {
    id: Revision,
    name: StrategyName,
    path: String,
    /// The revision of the list that it would replace: approved is what was shown.
    list: Revision,
    at: Moment,
    /// Whether it was said on an earlier trading day: accounts trade nothing of it before it is said again.
    is_of_earlier: bool,
    actor: Actor,
    address: Option<String>,
    sequence: Option<i64>,
    total_value: Option<Decimal>,
    positions: usize,
    /// How many of them are over by now, and would not come into force.
    over: usize,
    state: Standing,
    reasons: Vec<String>,
    lines: Vec<ChangeLine>,
    hidden: usize,
    total: Vec<TotalChange>,
    total_hidden: usize,
    /// What it would do to the targets of the accounts that follow the strategy.
    accounts: OnAccounts,
}

impl WaitingPush {
    fn new(book: &Book, name: &StrategyName, hold: &Hold, now: Moment, t: &Texts) -> Self {
        let counting = hold.counting(Day::of(now));
        let over = hold.list.len() - counting.len();
        let (after, changes) = book.supposing(name, Some(counting));
        let calendar = book.settings().calendar();
        let mut lines = ChangeLine::all(&changes);
        let mut total = TotalChange::all(book, &after, &changes);
        let (hidden, total_hidden) = (lines.len().saturating_sub(LINES), total.len().saturating_sub(LINES));
        lines.truncate(LINES);
        total.truncate(LINES);
        Self {
            id: hold.id,
            name: name.clone(),
            path: strategy_path(name.as_str()),
            list: book.list_revision(name),
            at: hold.at,
            is_of_earlier: !calendar.is_same_trading_day(hold.at, now),
            actor: hold.actor.clone(),
            address: hold.address.clone(),
            sequence: hold.sequence,
            total_value: hold.total_value,
            positions: hold.list.len(),
            over,
            state: book.settings().state(name),
            reasons: hold.reasons.iter().map(|reason| t.of_reason(reason)).collect(),
            lines,
            hidden,
            total,
            total_hidden,
            accounts: OnAccounts::between(book, &after, name, now),
        }
    }

    /// Whether it can be approved as things stand: a strategy that is flat or closed is let live first.
    fn is_approvable(&self) -> bool {
        matches!(self.state, Standing::Live | Standing::Frozen)
    }

    fn actor_kind(&self, t: &Texts) -> &'static str {
        match self.actor {
            Actor::Client(_) => t.client,
            Actor::Key(_) => t.api_key,
            Actor::Operator => t.operator,
            Actor::Import(_) => t.import,
            Actor::Server => t.server,
        }
    }
}

async fn draw(state: &AppState, v: View, status: StatusCode, notice: Option<String>) -> Result<Response, AppError> {
    let (book, t, now) = (state.store.book(), v.t, state.clock.now());
    let more = book.settings().holds().len().saturating_sub(SHOWN);
    let make = move || {
        let mut holds: Vec<(StrategyName, Arc<Hold>)> =
            book.settings().holds().map(|(name, hold)| (name.clone(), Arc::clone(hold))).collect();
        holds.sort_by_key(|(_, hold)| hold.id);
        Ok(holds.iter().take(SHOWN).map(|(name, hold)| WaitingPush::new(&book, name, hold, now, t)).collect())
    };
    let waiting = state.workshop.make(make).await?;
    Ok(html(status, &HoldsPage { v, waiting, more, notice }))
}

/// `GET /holds`
pub(super) async fn page(State(state): State<AppState>, Reading { v, .. }: Reading) -> Result<Response, AppError> {
    draw(&state, v, StatusCode::OK, None).await
}

/// `POST /holds/approve`
pub(super) async fn approve(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let list = form.fields.get("list").parse().map_err(|_| Invalid::Query("list".into()))?;
    let done = state.desk.approve(&form.operator, hold(&form)?, Some(list)).await;
    answer(&state, form.v, done.map(|(_, receipt)| receipt)).await
}

/// `POST /holds/discard`
pub(super) async fn discard(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let hold = hold(&form)?;
    let done = match state.desk.discard(&form.operator, hold).await {
        // What is to be told is what became of the push, and not the list, which stays as it was.
        Ok((name, receipt)) => Ok(Receipt { revision: end_of(&state, name, hold).await?, changed: true, ..receipt }),
        Err(not_done) => Err(not_done),
    };
    answer(&state, form.v, done).await
}

/// The revision by which a push waits no more.
async fn end_of(state: &AppState, name: StrategyName, hold: Revision) -> Result<Revision, AppError> {
    let filter = Filter { strategy: Some(name), ..Filter::default() };
    let newest = state.store.revisions(&filter, None, RECENT).await?;
    Ok(newest.iter().find(|one| one.ended_hold() == Some(hold)).map_or(Revision::NONE, |one| one.id))
}

fn hold(form: &CheckedForm) -> Result<Revision, Invalid> {
    form.fields.get("hold").parse().map_err(|_| Invalid::Query("hold".into()))
}

/// Back to what waits; or, when it is another push by now, that one instead of what was seen.
async fn answer(state: &AppState, v: View, done: Result<Receipt, NotDone>) -> Result<Response, AppError> {
    let text = match done {
        Ok(receipt) => return Ok(see_other(&links::done("/holds", &[], &receipt))),
        Err(NotDone::NotStored(NotStored::Rejected(Rejected::HoldGone { waiting: Some(_), .. }))) => {
            v.t.push_superseded.to_owned()
        }
        Err(NotDone::NotStored(NotStored::Rejected(Rejected::HoldGone { waiting: None, .. }))) => {
            v.t.push_gone.to_owned()
        }
        Err(NotDone::NotStored(NotStored::Rejected(Rejected::WrongState(state)))) => {
            v.t.state_forbids(v.t.of_state(&state))
        }
        Err(moved) if moved.is_conflict() => v.t.strategy_moved.to_owned(),
        Err(other) => return Err(other.into()),
    };
    draw(state, v, StatusCode::CONFLICT, Some(text)).await
}
