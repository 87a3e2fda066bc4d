//! `/strategies/{name}/state`: what the operator lets a strategy do. What that would change is shown first, and done only if
//! it still would.

use askama::Template;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::api::states::checked_note;
use super::super::error::{AppError, Invalid};
use super::super::extract::{PathText, Query, Typed, strategy_name};
use super::changes::{ChangeLine, Flow, TotalChange};
use super::effect::OnAccounts;
use super::form::{CheckedForm, Fields};
use super::links::{done, strategy_path};
use super::texts::Texts;
use super::view::{Member, View};
use super::{html, see_other};
use crate::desk::{Proposal, StateWish};
use crate::domain::book::Book;
use crate::domain::revision::{Revision, Topic};
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;
use crate::domain::total::UnknownStrategy;
use crate::ledger::{HoldAction, Receipt, Rejected};

#[derive(Template)]
#[template(path = "state.html")]
struct StatePage {
    v: View,
    name: StrategyName,
    path: String,
    now: State,
    wanted: State,
    /// What was seen: the change is refused when any of it has moved on.
    seen: Seen,
    note: String,
    chosen: Option<HoldAction>,
    outcomes: Vec<Outcome>,
    occasion: Occasion,
}

/// What a page showed, and a form of it brings back.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The strategy's revision.
    list: Revision,
    /// The newest revision of its state.
    state: Revision,
    /// The push that waits.
    hold: Option<Revision>,
}

impl Seen {
    fn now(book: &Book, name: &StrategyName) -> Self {
        let settings = book.settings();
        Self {
            list: book.list_revision(name),
            state: settings.revision(&Topic::State(name.clone())),
            hold: settings.hold(name).map(|hold| hold.id),
        }
    }

    fn sent(fields: &Fields) -> Result<Self, Invalid> {
        let revision = |field: &'static str| fields.get(field).parse().map_err(|_| Invalid::Query(field.into()));
        let hold = revision("hold")?;
        Ok(Self {
            list: revision("expected")?,
            state: revision("state")?,
            hold: Some(hold).filter(|hold| *hold != Revision::NONE),
        })
    }
}

/// What would come of it.
struct Outcome {
    /// What becomes of the push that waits, where that is to be chosen.
    waiting: Option<HoldAction>,
    flow: Flow,
    lines: Vec<ChangeLine>,
    total: Vec<TotalChange>,
    accounts: OnAccounts,
}

impl Outcome {
    fn is_apply(&self) -> bool {
        self.waiting == Some(HoldAction::Apply)
    }

    /// The id of what it does to accounts.
    fn id(&self) -> &'static str {
        if self.is_apply() { "applied" } else { "effect" }
    }

    /// What becomes of the push that waits.
    fn word(&self, t: &Texts) -> &'static str {
        if self.is_apply() { t.waiting_apply } else { t.waiting_discard }
    }
}

/// How the question comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Somebody asked.
    Asked,
    /// It was confirmed, but something had moved on.
    Moved,
    /// It was confirmed without saying what becomes of the push that waits.
    Unsaid,
    /// It was confirmed by a session that had ended, which had seen this.
    Resumed,
    /// The same, and something has moved on since.
    ResumedMoved,
}

impl Occasion {
    const fn is_moved(self) -> bool {
        matches!(self, Self::Moved | Self::ResumedMoved)
    }

    const fn is_resumed(self) -> bool {
        matches!(self, Self::Resumed | Self::ResumedMoved)
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Asked | Self::Resumed => StatusCode::OK,
            Self::Moved | Self::ResumedMoved => StatusCode::CONFLICT,
            Self::Unsaid => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

/// What is asked for, as it was typed.
struct Asked {
    wanted: State,
    note: String,
    chosen: Option<HoldAction>,
}

impl Asked {
    fn sent(fields: &Fields) -> Result<Self, Invalid> {
        let chosen = match fields.get("waiting") {
            "apply" => Some(HoldAction::Apply),
            "discard" => Some(HoldAction::Discard),
            _ => None,
        };
        Ok(Self { wanted: state(fields.get("to"))?, note: fields.get("note").to_owned(), chosen })
    }
}

/// A state that is asked for; to close a strategy is to delete it, which has a page of its own.
fn state(text: &str) -> Result<State, Invalid> {
    let state = text.parse().ok().filter(|state| *state != State::Closed);
    state.ok_or_else(|| Invalid::Query("to".into()))
}

async fn draw(
    state: &AppState,
    v: View,
    name: StrategyName,
    asked: Asked,
    occasion: Occasion,
) -> Result<Response, AppError> {
    let book = state.store.book();
    let now = book.settings().state(&name);
    if book.strategy(&name).is_none() && now != State::Closed {
        return Err(UnknownStrategy(name).into());
    }
    if book.strategy(&name).is_none() && asked.wanted != State::Live {
        return Err(AppError::Rejected(Rejected::WrongState(now)));
    }
    let is_to_be_chosen = asked.wanted == State::Live && book.settings().hold(&name).is_some();
    let choices: &[Option<HoldAction>] =
        if is_to_be_chosen { &[Some(HoldAction::Apply), Some(HoldAction::Discard)] } else { &[None] };
    let mut outcomes = Vec::new();
    for waiting in choices {
        outcomes.push(outcome(state, &book, &name, asked.wanted, *waiting).await?);
    }
    let Asked { wanted, note, chosen } = asked;
    let (path, seen) = (strategy_path(name.as_str()), Seen::now(&book, &name));
    let page = StatePage { v, name, path, now, wanted, seen, note, chosen, outcomes, occasion };
    Ok(html(occasion.status(), &page))
}

/// What would come of a state, given what becomes of the push that waits.
async fn outcome(
    state: &AppState,
    book: &Book,
    name: &StrategyName,
    wanted: State,
    waiting: Option<HoldAction>,
) -> Result<Outcome, AppError> {
    let settings = book.settings();
    let applied = settings.hold(name).filter(|_| waiting == Some(HoldAction::Apply));
    let before_flat = settings.standing(name).and_then(|(standing, _)| standing.target);
    // Frozen, what is flat stays so.
    let before_flat = before_flat.filter(|_| wanted == State::Live);
    let proposal = match (applied, wanted, before_flat) {
        (Some(hold), ..) => Some(Proposal::Correct(hold.list.iter().cloned().collect())),
        (None, State::Flat, _) => Some(Proposal::Correct(Vec::new())),
        (None, _, Some(target)) => Some(Proposal::Restore(target)),
        (None, _, None) => None,
    };
    let Some(proposal) = proposal else {
        let (flow, accounts) = (Flow::default(), OnAccounts::default());
        return Ok(Outcome { waiting, flow, lines: Vec::new(), total: Vec::new(), accounts });
    };
    let preview = state.desk.preview(name, proposal).await?;
    let lines = ChangeLine::all(&preview.changes);
    Ok(Outcome {
        waiting,
        flow: Flow::of(&lines),
        lines,
        total: TotalChange::all(&preview.before, &preview.after, &preview.changes),
        accounts: OnAccounts::of(state, &preview, name).await?,
    })
}

/// Which state.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StateQuery {
    to: Typed,
}

/// `GET /strategies/{name}/state?to=STATE`
pub(super) async fn ask(
    Shared(state): Shared<AppState>,
    Member(v): Member,
    PathText(name): PathText,
    Query(query): Query<StateQuery>,
) -> Result<Response, AppError> {
    let asked = Asked { wanted: self::state(&query.to)?, note: String::new(), chosen: None };
    draw(&state, v, strategy_name(&name)?, asked, Occasion::Asked).await
}

/// `POST /strategies/{name}/state`
pub(super) async fn set(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let (name, asked, seen) = (strategy_name(&name)?, Asked::sent(&fields)?, Seen::sent(&fields)?);
    if Seen::now(&state.store.book(), &name) != seen {
        return draw(&state, v, name, asked, Occasion::Moved).await;
    }
    if asked.wanted == State::Live && seen.hold.is_some() && asked.chosen.is_none() {
        return draw(&state, v, name, asked, Occasion::Unsaid).await;
    }
    let waiting = asked.chosen.filter(|_| asked.wanted == State::Live);
    let note = checked_note(Some(asked.note.clone()))?;
    let wish = StateWish { state: asked.wanted, note, waiting, seen: seen.hold };
    match state.desk.set_state(&operator, name.clone(), wish, Some(seen.list.max(seen.state))).await {
        Ok(receipt) => {
            // What is to be told is the state, and not the list, which may be an older revision.
            let revision = state.store.book().state_revision(&name);
            Ok(see_other(&done(&strategy_path(name.as_str()), &[], &Receipt { revision, ..receipt })))
        }
        Err(not_done) if not_done.is_conflict() || not_done.is_about_another_push() => {
            draw(&state, v, name, asked, Occasion::Moved).await
        }
        Err(not_done) => Err(not_done.into()),
    }
}

/// Asks again what was confirmed by a session that had ended.
pub(super) async fn resume(
    state: &AppState,
    v: View,
    name: StrategyName,
    fields: &Fields,
) -> Result<Response, AppError> {
    let is_same = Seen::now(&state.store.book(), &name) == Seen::sent(fields)?;
    let occasion = if is_same { Occasion::Resumed } else { Occasion::ResumedMoved };
    draw(state, v, name, Asked::sent(fields)?, occasion).await
}
