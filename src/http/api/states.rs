//! What the operator lets strategies do: states, sequences, schedules; and whether polls are answered.

use axum::extract::State as Shared;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{OperatorRequest, PathText, account_name, strategy_name};
use super::{ChangeAnswer, OPERATOR_AUTH, SavedAnswer, json, json_with_tag, read_body};
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::desk::StateWish;
use crate::domain::account::AccountName;
use crate::domain::revision::Revision;
use crate::domain::schedule::{Punctuality, Schedule};
use crate::domain::settings::Settings;
use crate::domain::state::{Pause, State};
use crate::domain::total::UnknownStrategy;
use crate::ledger::HoldAction;

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/strategies/{name}/state", "What the operator lets a strategy do, and how its pushes come")
            .answers_tagged::<StandingAnswer>()
            .fails(&[404]),
        Entry::operator(
            HttpMethod::Post,
            "/api/v1/strategies/{name}/state",
            "Let a strategy be live, frozen, flat or closed",
        )
        .takes::<StateBody>()
        .on_condition()
        .answers::<ChangeAnswer>()
        .fails(&[404, 409]),
        Entry::operator(HttpMethod::Post, "/api/v1/strategies/{name}/sequence", "Set back a strategy's last sequence")
            .takes::<SequenceBody>()
            .on_condition()
            .answers::<ChangeAnswer>()
            .fails(&[404]),
        Entry::operator(
            HttpMethod::Put,
            "/api/v1/strategies/{name}/schedule",
            "Say by when a strategy's pushes are expected",
        )
        .takes::<Schedule>()
        .on_condition()
        .answers::<SavedAnswer>(),
        Entry::operator(HttpMethod::Delete, "/api/v1/strategies/{name}/schedule", "Expect a strategy's pushes no more")
            .on_condition()
            .answers::<SavedAnswer>(),
        Entry::read("/api/v1/pause", "What is paused now").answers::<PausesAnswer>(),
        Entry::operator(HttpMethod::Post, "/api/v1/pause", "Answer terminals no more, or again")
            .takes::<PauseBody>()
            .answers::<PausedAnswer>()
            .fails(&[404]),
    ]
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SetState)]
#[serde(deny_unknown_fields)]
struct StateBody {
    state: State,
    /// Why, in at most 500 characters.
    note: Option<String>,
    /// What becomes of a push that waits.
    waiting: Option<WaitingWord>,
    /// The push that was seen to wait: with it, nothing is done when another one does.
    hold: Option<Revision>,
    /// Where it may stand; see [`OperatorRequest`].
    #[serde(default, rename = "internal_password")]
    #[schema(value_type = String)]
    _password: serde::de::IgnoredAny,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Waiting)]
#[serde(rename_all = "snake_case")]
enum WaitingWord {
    Apply,
    Discard,
}

impl From<WaitingWord> for HoldAction {
    fn from(word: WaitingWord) -> Self {
        match word {
            WaitingWord::Apply => Self::Apply,
            WaitingWord::Discard => Self::Discard,
        }
    }
}

/// `POST /api/v1/strategies/{name}/state`
pub(crate) async fn set_state(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let StateBody { state: wanted, note, waiting, hold, .. } = read_body(&request.body)?;
    let waiting = waiting.map(HoldAction::from);
    let wish = StateWish { state: wanted, note: checked_note(note)?, waiting, seen: hold };
    let receipt = state.desk.set_state(&request.operator, strategy.clone(), wish, request.if_match).await?;
    let message = match wanted {
        State::Live => "策略已恢复运行：推送立即生效",
        State::Frozen => "策略已冻结：目标保持不变，推送等待批准",
        State::Flat => "策略已清零：终端将卖出它的部分，推送等待批准",
        State::Closed => "策略已删除",
    };
    Ok(json(&ChangeAnswer::new(message, OPERATOR_AUTH, &strategy, &receipt)))
}

/// A note, of a length that a page can show.
pub(in crate::http) fn checked_note(note: Option<String>) -> Result<Option<String>, Invalid> {
    const MOST: usize = 500;
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    match note {
        Some(note) if note.chars().nth(MOST).is_some() => {
            Err(Invalid::Format("note has at most 500 characters".into()))
        }
        other => Ok(other),
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SetSequence)]
struct SequenceBody {
    /// Pushes must come after it; null for none.
    #[schema(minimum = 0)]
    last: Option<i64>,
}

/// `POST /api/v1/strategies/{name}/sequence`
pub(crate) async fn set_sequence(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let SequenceBody { last } = read_body(&request.body)?;
    if last.is_some_and(|last| last < 0) {
        return Err(Invalid::Sequence.into());
    }
    let receipt = state.desk.set_sequence(&request.operator, strategy.clone(), last, request.if_match).await?;
    Ok(json(&ChangeAnswer::new("sequence 已重设", OPERATOR_AUTH, &strategy, &receipt)))
}

/// `PUT /api/v1/strategies/{name}/schedule`
pub(crate) async fn set_schedule(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let schedule: Schedule = read_body(&request.body)?;
    let receipt = state.desk.set_schedule(&request.operator, strategy, Some(schedule), request.if_match).await?;
    Ok(json(&SavedAnswer::new("推送时间表已保存", &receipt)))
}

/// `DELETE /api/v1/strategies/{name}/schedule`
pub(crate) async fn remove_schedule(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let receipt = state.desk.set_schedule(&request.operator, strategy, None, request.if_match).await?;
    Ok(json(&SavedAnswer::new("推送时间表已删除", &receipt)))
}

/// How a strategy stands: what it may do, what waits, and whether its pushes come as expected.
#[derive(Serialize, ToSchema)]
#[schema(as = Standing)]
struct StandingAnswer<'a> {
    strategy_name: &'a str,
    /// The newest of its list and of its state: whoever changes the state names it in `If-Match`.
    revision: Revision,
    state: State,
    note: Option<&'a str>,
    /// Since when; null where the operator never said.
    since: Option<String>,
    /// The push that waits.
    hold: Option<Revision>,
    schedule: Option<&'a Schedule>,
    punctuality: Option<Punctuality>,
    sequence: Option<i64>,
    last_push_at: Option<String>,
    spoken_at: Option<String>,
}

/// `GET /api/v1/strategies/{name}/state`
pub(crate) async fn standing(
    Shared(state): Shared<AppState>,
    _: Reader,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let book = state.store.book();
    let (settings, strategy) = (book.settings(), book.strategy(&name));
    let standing = settings.standing(&name);
    let sequence = strategy.map_or_else(|| settings.sequence_taken(&name), |strategy| strategy.sequence);
    if strategy.is_none() && standing.is_none() && settings.hold(&name).is_none() && sequence.is_none() {
        return Err(UnknownStrategy(name).into());
    }
    let time = |at| state.zone.rfc3339(at);
    let schedule = settings.schedule(&name).map(|schedule| &**schedule);
    let last_push_at = book.last_push_at(&name);
    let met = strategy.and_then(|strategy| strategy.told.met);
    let revision = book.state_revision(&name);
    let answer = StandingAnswer {
        strategy_name: name.as_str(),
        revision,
        state: settings.state(&name),
        note: standing.and_then(|(standing, _)| standing.note.as_deref()),
        since: standing.map(|(_, mark)| time(mark.updated_at)),
        hold: settings.hold(&name).map(|hold| hold.id),
        schedule,
        punctuality: schedule
            .map(|schedule| schedule.status(met, last_push_at, settings.calendar(), state.clock.now())),
        sequence,
        last_push_at: last_push_at.map(time),
        spoken_at: strategy.and_then(|strategy| strategy.told.spoken_at).map(time),
    };
    Ok(json_with_tag(&answer, revision))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Pause)]
struct PauseBody {
    /// Of which account; of all where none is named.
    #[schema(value_type = Option<AccountName>)]
    account: Option<String>,
    paused: bool,
    /// Why, in at most 500 characters.
    note: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Paused)]
struct PausedAnswer<'a> {
    account: Option<&'a str>,
    paused: bool,
    #[serde(flatten)]
    saved: SavedAnswer,
}

/// `POST /api/v1/pause`
pub(crate) async fn pause(Shared(state): Shared<AppState>, request: OperatorRequest) -> Result<Response, AppError> {
    let PauseBody { account, paused, note } = read_body(&request.body)?;
    let account = account.as_deref().map(account_name).transpose()?;
    let pause = Pause { paused, note: checked_note(note)? };
    let receipt = state.desk.pause(&request.operator, account.clone(), pause).await?;
    let message = if paused {
        "已暂停：终端的查询不再得到目标，不会交易"
    } else {
        "已恢复：终端重新得到目标"
    };
    let account = account.as_ref().map(AccountName::as_str);
    Ok(json(&PausedAnswer { account, paused, saved: SavedAnswer::new(message, &receipt) }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Pauses)]
struct PausesAnswer<'a> {
    paused: Vec<PauseLine<'a>>,
}

#[derive(Serialize, ToSchema)]
struct PauseLine<'a> {
    account: Option<&'a str>,
    note: Option<&'a str>,
    since: String,
    revision: Revision,
}

impl<'a> PauseLine<'a> {
    /// Each by its own pause: that of everything is said once.
    fn new(account: Option<&'a AccountName>, settings: &'a Settings, zone: &Zone) -> Option<Self> {
        let (pause, mark) = settings.paused_itself(account)?;
        Some(Self {
            account: account.map(AccountName::as_str),
            note: pause.note.as_deref(),
            since: zone.rfc3339(mark.updated_at),
            revision: mark.revision,
        })
    }
}

/// `GET /api/v1/pause`: what is paused now.
pub(crate) async fn pauses(Shared(state): Shared<AppState>, _: Reader) -> Response {
    let book = state.store.book();
    let settings = book.settings();
    let names = std::iter::once(None).chain(settings.accounts().map(|(name, _)| Some(name)));
    let paused = names.filter_map(|account| PauseLine::new(account, settings, &state.zone));
    json(&PausesAnswer { paused: paused.collect() })
}
