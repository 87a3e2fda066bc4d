//! Positions: pushed, and read as one strategy's list, as every list, and as the merged total.

use std::sync::Arc;

use axum::extract::{FromRequest as _, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::path::HttpMethod;
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::as_of::AsOf;
use super::super::asking::{Asker, Making, Question};
use super::super::cache::{Common, Prepared};
use super::super::document::{Caller, Entry};
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, OperatorRequest, PathText, Pushed, Query, strategy_name, total_reader};
use super::super::reason_text::ReasonDto;
use super::super::scalars::Exact;
use super::super::targets::{OfTarget, Shape};
use super::accounts::{take_account, terminal};
use super::push_body::{PushBody, RawPush};
use super::{ChangeAnswer, HeldAnswer, OPERATOR_AUTH, json, json_as};
use crate::auth::rights::{Reader, TotalReader};
use crate::clock::Zone;
use crate::desk::terminals::Terminal;
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Mark, Strategy};
use crate::domain::calendar::Day;
use crate::domain::code::{Code, Notation};
use crate::domain::decimal::Decimal;
use crate::domain::position::{Position, PositionList};
use crate::domain::revision::{Actor, Revision};
use crate::domain::strategy::StrategyName;
use crate::domain::target::Target;
use crate::domain::total::{Selection, TotalLine};

const UNBOUND_WARNING: &str = "令牌未绑定请求体: 截获者可以换上另一份持仓。请在 auth_data 中加入 body_sha256 \
     (the token is not bound to the body: add body_sha256 to auth_data)";

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::sent_by(Caller::Pusher, UPDATE, "Push a strategy's whole list")
            .about("A push replaces the list; [] says that the strategy holds nothing. Nothing of a push that breaks a rule is stored.")
            .takes::<RawPush>()
            .answers::<ChangeAnswer>()
            .answers_as::<HeldAnswer>(202, "It waits for the operator: the target in force has not moved.")
            .fails(&[409, 422]),
        Entry::operator(HttpMethod::Post, "/api/v1/positions/update/internal", "Set a strategy's list by hand, also below zero")
            .takes::<RawPush>()
            .on_condition()
            .answers::<ChangeAnswer>()
            .fails(&[409]),
        Entry::read("/api/v1/positions/strategy/{*name}", "One strategy's list")
            .query::<PointQuery>()
            .answers_polls::<ListAnswer>()
            .fails(&[404, 410]),
        Entry::read("/api/v1/positions/total", "The merged total")
            .about(
                "Of the strategies that are asked for; to a key that is bound to an account: the account's target in the shape \
                 of a total, whose update_time is never null. A terminal does nothing unless it gets a 200 with a non-null \
                 update_time.",
            )
            .query::<SelectionQuery>()
            .query::<PointQuery>()
            .terminal_named()
            .answers_polls::<TotalAnswer>()
            .fails(&[404, 409, 410]),
        Entry::read("/api/v1/positions/all", "Every strategy's list")
            .query::<PointQuery>()
            .answers_polls::<AllAnswer>()
            .fails(&[404, 410]),
    ]
}

/// Where pushes go.
pub(crate) const UPDATE: &str = "/api/v1/positions/update";

/// `POST /api/v1/positions/update`
pub(crate) async fn update(State(state): State<AppState>, request: Request) -> Result<Response, AppError> {
    let mut counted = state.figures.pushing();
    let done = match Pushed::from_request(request, &state).await {
        Ok(pushed) => {
            pushed.pusher.name().clone_into(&mut counted.client);
            take(&state, pushed).await
        }
        Err(error) => Err(error),
    };
    counted.outcome = done.as_ref().map_or_else(AppError::code, |(outcome, _)| outcome);
    done.map(|(_, answer)| answer)
}

/// Takes a push in, and says what became of it.
async fn take(state: &AppState, pushed: Pushed) -> Result<(&'static str, Response), AppError> {
    let PushBody { strategy, positions, told } = PushBody::parse(&pushed.body, Day::of(state.clock.now()))?;
    let permit = pushed.pusher.to(strategy.clone())?;
    let (actor, unbound) = (permit.actor.clone(), permit.unbound);
    let receipt = state.desk.push(permit, positions, told).await?;
    let (auth_type, client_id) = match &actor {
        Actor::Key(name) => ("simple", name.as_str()),
        Actor::Client(name) | Actor::Import(name) => ("crypto", name.as_str()),
        Actor::Operator | Actor::Server => (OPERATOR_AUTH, "operator"),
    };
    if unbound {
        state.note_unbound(client_id);
    }
    let warning = unbound.then_some(UNBOUND_WARNING);
    if let Some((hold, reasons)) = &receipt.held {
        let reasons = reasons.iter().map(ReasonDto::of_hold).collect();
        let (message, strategy_name) = ("推送已收到，等待批准", strategy.as_str());
        let answer =
            HeldAnswer { message, held: true, hold: *hold, reasons, strategy_name, client_id, auth_type, warning };
        return Ok(("held", json_as(StatusCode::ACCEPTED, &answer)));
    }
    let answer = ChangeAnswer::new("持仓更新成功", auth_type, &strategy, &receipt);
    let outcome = if receipt.changed { "stored" } else { "unchanged" };
    Ok((outcome, json(&ChangeAnswer { client_id: Some(client_id), warning, ..answer })))
}

/// `POST /api/v1/positions/update/internal`
pub(crate) async fn update_internal(
    State(state): State<AppState>,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let PushBody { strategy, positions, told } = PushBody::parse(&request.body, Day::of(state.clock.now()))?;
    let OperatorRequest { operator, if_match, .. } = &request;
    let receipt = state.desk.correct(operator, strategy.clone(), positions, *if_match, told.sequence).await?;
    Ok(json(&ChangeAnswer::new("持仓更新成功（内部接口）", OPERATOR_AUTH, &strategy, &receipt)))
}

/// `GET /api/v1/positions/strategy/{name}`
pub(crate) async fn strategy(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<PointQuery>,
    asker: Asker,
) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let notation = query.notation();
    let Some(as_of) = query.as_of(&state.zone)? else { return asker.ask(state, OfList { name, notation }).await };
    let then = state.store.list_as_of(&name, as_of.revision(&state.store).await?).await?;
    let answer = async {
        let then = then.as_ref().and_then(|then| Some((then.list.as_ref()?, then.mark)));
        state.answers.prepare(&ListAnswer::new(then, notation, &state.zone)).map(Arc::new)
    };
    state.answers.respond(&asker.conditions, then.as_ref().map(|then| then.mark), answer).await
}

/// `GET /api/v1/positions/all`
pub(crate) async fn all(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<PointQuery>,
    asker: Asker,
) -> Result<Response, AppError> {
    let as_of = query.as_of(&state.zone)?;
    answered(state, OfAllLists { notation: query.notation() }, as_of, asker).await
}

/// What a question is answered now, or was then.
async fn answered<Q: Question>(
    state: AppState,
    question: Q,
    as_of: Option<AsOf>,
    asker: Asker,
) -> Result<Response, AppError> {
    let Some(as_of) = as_of else { return asker.ask(state, question).await };
    // Boxed, so that each of the thousands who wait does not hold the room that a look into the past needs.
    Box::pin(async move {
        let book = state.store.book_as_of(as_of.revision(&state.store).await?).await?;
        let (mark, maker) = (question.mark(&book)?, state.clone());
        let answer = async { state.workshop.make(move || question.make(&book, &maker)).await.map(Arc::new) };
        state.answers.respond(&asker.conditions, mark, answer).await
    })
    .await
}

/// Whose total is asked for, by somebody who may read it. Whoever shows a key that is bound to an account is its terminal,
/// and knows no other total.
pub(crate) enum OfWhom {
    All,
    Account(AccountName, Option<Terminal>),
}

impl FromRequestParts<AppState> for OfWhom {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        match total_reader(parts, state).await? {
            TotalReader::Account(account) => Ok(Self::Account(account, terminal(parts, true)?)),
            TotalReader::All(_) => Ok(Self::All),
        }
    }
}

/// `GET /api/v1/positions/total`
pub(crate) async fn total(
    State(state): State<AppState>,
    of: OfWhom,
    Query(selected): Query<SelectionQuery>,
    Query(query): Query<PointQuery>,
    asker: Asker,
) -> Result<Response, AppError> {
    let as_of = query.as_of(&state.zone)?;
    if let OfWhom::Account(account, terminal) = of {
        if as_of.is_some() {
            // A terminal that asks for the past must not trade what is wanted now.
            return Err(Invalid::Query("as_of".into()).into());
        }
        let seat = take_account(&state, &account, terminal)?;
        let question = OfTarget::new(&state, account, Shape::Total(query.notation()), seat);
        return asker.ask(state, question).await;
    }
    let question = OfTotal { selection: selected.selection()?, notation: query.notation() };
    answered(state, question, as_of, asker).await
}

/// Refuses a poll while the operator lets nobody poll.
fn unless_paused(book: &Book) -> Result<(), AppError> {
    match book.settings().paused(None) {
        Some((pause, _)) => Err(AppError::Paused(pause.note.clone())),
        None => Ok(()),
    }
}

/// Of whom.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct SelectionQuery {
    /// Lists of names, with commas: only these strategies.
    #[param(value_type = Option<Vec<String>>)]
    strategies: Vec<String>,
    /// Single names, which may hold commas.
    #[param(value_type = Option<Vec<String>>)]
    strategy: Vec<String>,
    /// Anything but `false`: with the overlays, where no strategy is named.
    #[param(value_type = Option<String>)]
    include_adjustments: Last<String>,
}

/// As of when, and in which notation.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct PointQuery {
    /// In which notation codes are answered; left out: as they were pushed.
    #[param(value_type = Option<CodeFormat>, inline)]
    code_format: Last<CodeFormat>,
    /// As of which revision, or when.
    #[param(value_type = Option<String>)]
    as_of: Last<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CodeFormat {
    Jq,
    Qmt,
}

impl SelectionQuery {
    fn selection(&self) -> Result<Selection, Invalid> {
        // Existing pollers send an empty list when they want everything.
        let lists = self.strategies.iter().filter(|list| !list.is_empty()).flat_map(|list| list.split(','));
        let mut names = strategy_names("strategies", lists)?;
        names.extend(strategy_names("strategy", self.strategy.iter().map(String::as_str))?);
        let adjustments = self.include_adjustments.0.as_ref().is_none_or(|text| !text.eq_ignore_ascii_case("false"));
        Ok(match (names.is_empty(), adjustments) {
            (false, _) => Selection::Named(names),
            (true, true) => Selection::All,
            (true, false) => Selection::Ordinary,
        })
    }
}

impl PointQuery {
    fn as_of(&self, zone: &Zone) -> Result<Option<AsOf>, Invalid> {
        AsOf::parameter("as_of", &self.as_of, zone)
    }

    const fn notation(&self) -> Notation {
        notation(&self.code_format)
    }
}

/// In which notation codes are to be answered.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct NotationQuery {
    /// In which notation codes are answered; left out: as they were pushed.
    #[param(value_type = Option<CodeFormat>, inline)]
    code_format: Last<CodeFormat>,
}

impl NotationQuery {
    pub(super) const fn notation(&self) -> Notation {
        notation(&self.code_format)
    }
}

const fn notation(format: &Last<CodeFormat>) -> Notation {
    match format.0 {
        None => Notation::AsPushed,
        Some(CodeFormat::Jq) => Notation::Jq,
        Some(CodeFormat::Qmt) => Notation::Qmt,
    }
}

fn strategy_names<'a>(
    parameter: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<StrategyName>, Invalid> {
    names.map(|name| StrategyName::parse(name).map_err(|_| Invalid::Query(parameter.into()))).collect()
}

/// One strategy's list.
struct OfList {
    name: StrategyName,
    notation: Notation,
}

impl Question for OfList {
    fn mark(&self, book: &Book) -> Result<Option<Mark>, AppError> {
        unless_paused(book)?;
        Ok(book.strategy(&self.name).map(|strategy| strategy.mark))
    }

    fn making(&self) -> Making {
        Making::OnTheSpot
    }

    fn make(&self, book: &Book, state: &AppState) -> Result<Prepared, AppError> {
        let now = book.strategy(&self.name).map(|strategy| (&strategy.list, strategy.mark));
        state.answers.prepare(&ListAnswer::new(now, self.notation, &state.zone))
    }
}

/// Every list.
struct OfAllLists {
    notation: Notation,
}

impl Question for OfAllLists {
    fn mark(&self, book: &Book) -> Result<Option<Mark>, AppError> {
        unless_paused(book)?;
        Ok(book.newest())
    }

    fn making(&self) -> Making {
        Making::Once(Common::AllLists { notation: self.notation as usize })
    }

    fn make(&self, book: &Book, state: &AppState) -> Result<Prepared, AppError> {
        state.answers.prepare(&AllAnswer::new(book, self.notation, &state.zone))
    }
}

/// A total.
struct OfTotal {
    selection: Selection,
    notation: Notation,
}

impl Question for OfTotal {
    fn mark(&self, book: &Book) -> Result<Option<Mark>, AppError> {
        unless_paused(book)?;
        Ok(book.freshness(&self.selection)?)
    }

    fn making(&self) -> Making {
        let notation = self.notation as usize;
        match self.selection {
            Selection::All => Making::Once(Common::Total { notation }),
            Selection::Ordinary => Making::Once(Common::OrdinaryTotal { notation }),
            Selection::Named(_) => Making::Apart,
        }
    }

    fn make(&self, book: &Book, state: &AppState) -> Result<Prepared, AppError> {
        state.answers.prepare(&TotalAnswer::new(book, self, &state.zone)?)
    }
}

/// Prints as text what JSON takes as it is: exact numbers, and codes.
fn number<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match text.parse::<i64>() {
        Ok(integer) => serializer.serialize_i64(integer),
        Err(_) => RawValue::from_string(text.to_owned()).map_err(serde::ser::Error::custom)?.serialize(serializer),
    }
}

/// A position as it is answered.
pub(super) struct PositionDto<'a> {
    pub(super) position: &'a Position,
    pub(super) notation: Notation,
}

/// An exact number.
pub(super) struct Number<T>(pub(super) T);

impl<T: ToString> Serialize for Number<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0.to_string(), serializer)
    }
}

/// A code in the notation asked for.
struct CodeText<'a>(&'a Code, Notation);

impl Serialize for CodeText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.to(self.1))
    }
}

/// A position of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Position)]
pub(super) struct WrittenPosition<'a> {
    #[schema(value_type = Code)]
    code: CodeText<'a>,
    name: &'a str,
    /// Shares.
    #[schema(value_type = Exact)]
    volume: Number<Decimal>,
    /// CNY per share.
    #[schema(value_type = Exact)]
    cost: Number<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    /// At which it was decided: CNY per share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Exact>)]
    price: Option<Number<Decimal>>,
    /// Of an overlay: the last day on which it counts, in Shanghai.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-31")]
    until: Option<String>,
}

impl Serialize for PositionDto<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { position, notation } = self;
        WrittenPosition {
            code: CodeText(position.code(), *notation),
            name: position.name().unwrap_or_default(),
            volume: Number(position.volume()),
            cost: Number(position.cost()),
            remark: position.remark(),
            price: position.price().map(Number),
            until: position.until().map(|day| day.to_string()),
        }
        .serialize(serializer)
    }
}

pub(super) fn positions(list: &PositionList, notation: Notation) -> Vec<PositionDto<'_>> {
    list.iter().map(|position| PositionDto { position, notation }).collect()
}

fn update_time(mark: Option<Mark>, zone: &Zone) -> Option<String> {
    mark.map(|mark| zone.local(mark.updated_at))
}

/// One strategy's list; for a name never pushed nothing, at no time.
#[derive(Serialize, ToSchema)]
#[schema(as = List)]
struct ListAnswer<'a> {
    #[schema(value_type = Vec<WrittenPosition>)]
    positions: Vec<PositionDto<'a>>,
    /// Null for a strategy that never pushed.
    #[schema(required)]
    update_time: Option<String>,
    revision: Revision,
}

impl<'a> ListAnswer<'a> {
    fn new(list: Option<(&'a PositionList, Mark)>, notation: Notation, zone: &Zone) -> Self {
        let mark = list.map(|(_, mark)| mark);
        Self {
            positions: list.map(|(list, _)| positions(list, notation)).unwrap_or_default(),
            update_time: update_time(mark, zone),
            revision: mark.map_or(Revision::NONE, |mark| mark.revision),
        }
    }
}

/// Every strategy's list.
#[derive(Serialize, ToSchema)]
#[schema(as = Lists)]
struct AllAnswer<'a> {
    strategies: Vec<NamedList<'a>>,
    revision: Revision,
}

#[derive(Serialize, ToSchema)]
struct NamedList<'a> {
    strategy_name: &'a str,
    #[serde(flatten)]
    list: ListAnswer<'a>,
}

impl<'a> AllAnswer<'a> {
    fn new(book: &'a Book, notation: Notation, zone: &Zone) -> Self {
        let named = |strategy: &'a Arc<Strategy>| NamedList {
            strategy_name: strategy.name.as_str(),
            list: ListAnswer::new(Some((&strategy.list, strategy.mark)), notation, zone),
        };
        let revision = book.newest().map_or(Revision::NONE, |mark| mark.revision);
        Self { strategies: book.strategies().map(named).collect(), revision }
    }
}

/// A merged total.
#[derive(Serialize, ToSchema)]
#[schema(as = Total)]
struct TotalAnswer {
    positions: Vec<TotalPosition>,
    /// Null where nothing is known: a terminal must not trade.
    #[schema(required)]
    update_time: Option<String>,
    revision: Revision,
    /// Only said where it is so: example strategies are among those taken, and a terminal must not trade.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
}

#[derive(Serialize, ToSchema)]
struct TotalPosition {
    code: String,
    name: String,
    /// Shares.
    #[schema(value_type = Exact)]
    total_volume: Number<crate::domain::decimal::Volume>,
    /// CNY per share.
    avg_cost: f64,
}

impl TotalAnswer {
    fn new(book: &Book, question: &OfTotal, zone: &Zone) -> Result<Self, AppError> {
        let total = book.total(&question.selection)?;
        let position = |line: TotalLine| {
            let code = line.code.to(question.notation).to_string();
            TotalPosition {
                name: line.name.map_or_else(|| code.clone(), String::from),
                code,
                avg_cost: line.average,
                total_volume: Number(line.volume),
            }
        };
        Ok(Self {
            positions: total.lines.into_iter().map(position).collect(),
            // Without any strategy, "nothing is held" would be a guess: a poller skips on null.
            update_time: update_time(total.mark.filter(|_| total.known), zone),
            revision: total.mark.map_or(Revision::NONE, |mark| mark.revision),
            demo: book.takes_demo(&question.selection),
        })
    }
}

/// An account's target in the shape of a merged total. It cannot say "hold"; what is not wanted is left out.
#[derive(Serialize)]
pub(in crate::http) struct AccountTotalAnswer {
    positions: Vec<TotalPosition>,
    update_time: String,
    revision: Revision,
    /// Only said where it is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
}

impl AccountTotalAnswer {
    pub(in crate::http) fn new(target: &Target, notation: Notation, zone: &Zone) -> Self {
        let wanted = target.lines.iter().filter(|line| !line.volume.is_zero());
        let position = |line: &crate::domain::target::TargetLine| {
            let code = line.code.to(notation).to_string();
            TotalPosition {
                name: line.name.as_deref().map_or_else(|| code.clone(), str::to_owned),
                code,
                avg_cost: line.average.unwrap_or_default(),
                total_volume: Number(line.volume),
            }
        };
        // These terminals sell what is not named, so the owner's own is named here though no strategy ever wanted it.
        let owned = target.owned.iter().filter(|(_, volume)| *volume > Decimal::ZERO).map(|(code, volume)| {
            let code = code.to(notation).to_string();
            TotalPosition { name: code.clone(), code, avg_cost: 0.0, total_volume: Number((*volume).into()) }
        });
        Self {
            positions: wanted.map(position).chain(owned).collect(),
            update_time: zone.local(target.mark.updated_at),
            revision: target.mark.revision,
            demo: target.is_demo,
        }
    }
}
