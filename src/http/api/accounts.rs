//! Trading accounts: settled, and what each is to hold.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::super::AppState;
use super::super::as_of::AsOf;
use super::super::asking::Asker;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{OperatorRequest, PathText, Query, account_name, account_reader, peer_address};
use super::super::reason_text::{ReasonDto, hold_texts};
use super::super::scalars::Exact;
use super::super::targets::{OfTarget, Shape};
use super::guards::AsOfQuery;
use super::positions::{NotationQuery, Number};
use super::push_body::{PushBody, RawPush};
use super::{SavedAnswer, json, json_with_tag, read_body};
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::desk::terminals::{MAX_NAME_CHARS, Terminal, WaitingPoll};
use crate::desk::{AccountPreview, Supposed};
use crate::domain::account::{Account, AccountName};
use crate::domain::book::{Book, Mark};
use crate::domain::calendar::Day;
use crate::domain::code::Notation;
use crate::domain::decimal::{Amount, Decimal, Volume};
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::target::{Incomplete, LineHold, Target, TargetLine};

pub(super) fn settled<'a>(book: &'a Book, name: &AccountName) -> Result<&'a Arc<Settled>, AppError> {
    book.settings().account(name).ok_or_else(|| AppError::UnknownAccount(name.clone()))
}

/// An account as it is answered: as the operator wants it, with what is known beside.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountNow)]
struct AccountAnswer<'a> {
    account: &'a str,
    revision: Revision,
    updated_at: String,
    #[serde(flatten)]
    settings: &'a Account,
    /// Of each strategy that tells its own equity: that, and what of it the account holds. CNY.
    capital: Vec<Followed<'a>>,
    /// Whether its polls are answered.
    paused: bool,
    terminal: Option<TerminalDto>,
}

#[derive(Serialize, ToSchema)]
struct Followed<'a> {
    name: &'a str,
    scale: Decimal,
    total_value: Decimal,
    /// Scale times equity.
    #[schema(value_type = Exact)]
    capital: Number<Amount>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Terminal)]
struct TerminalDto {
    name: Option<String>,
    address: String,
    since: String,
    heard_at: String,
}

impl<'a> AccountAnswer<'a> {
    fn new(name: &'a AccountName, settled: &'a Settled, book: &'a Book, state: &AppState) -> Self {
        let capital = settled.account.strategies.iter().filter_map(|share| {
            let total_value = book.strategy(&share.name)?.told.total_value?;
            let capital = Number(total_value.times(share.scale));
            Some(Followed { name: share.name.as_str(), scale: share.scale, total_value, capital })
        });
        let terminal = state.desk.terminals().holder(name, state.clock.running()).map(|holder| TerminalDto {
            name: holder.terminal.name,
            address: holder.terminal.address.to_string(),
            since: state.zone.rfc3339(holder.since),
            heard_at: state.zone.rfc3339(holder.heard_at),
        });
        Self {
            account: name.as_str(),
            revision: settled.mark.revision,
            updated_at: state.zone.rfc3339(settled.mark.updated_at),
            settings: &settled.account,
            capital: capital.collect(),
            paused: book.settings().paused(Some(name)).is_some(),
            terminal,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Accounts)]
struct AccountsAnswer<'a> {
    accounts: Vec<AccountAnswer<'a>>,
}

/// An account as it was settled once.
#[derive(Serialize, ToSchema)]
struct AccountThen<'a> {
    account: &'a str,
    revision: Revision,
    settings: &'a Account,
}

/// What somebody asks about an account: how it is, or how it was.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it says which of two answers a handler gives")]
enum NowOrThen<'a> {
    Now(AccountAnswer<'a>),
    Then(AccountThen<'a>),
}

#[derive(Serialize, ToSchema)]
struct AccountSaved<'a> {
    account: &'a str,
    #[serde(flatten)]
    saved: SavedAnswer,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Released)]
struct ReleaseAnswer<'a> {
    /// In Chinese.
    message: &'static str,
    account: &'a str,
    /// Whether somebody held it.
    released: bool,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/accounts", "The trading accounts").answers::<AccountsAnswer>(),
        Entry::read("/api/v1/accounts/{name}", "One trading account")
            .about("With as_of: as it was settled then, under settings.")
            .query::<AsOfQuery>()
            .answers_tagged::<NowOrThen>()
            .fails(&[404, 410]),
        Entry::operator(HttpMethod::Put, "/api/v1/accounts/{name}", "Settle a trading account")
            .takes::<Account>()
            .on_condition()
            .answers::<AccountSaved>(),
        Entry::operator(HttpMethod::Delete, "/api/v1/accounts/{name}", "Delete a trading account; its history stays")
            .on_condition()
            .answers::<AccountSaved>()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/target", "What an account is to hold, line by line")
            .about("Also for the account's own key. A line with a hold is not traded; what is no line is nobody's.")
            .query::<NotationQuery>()
            .terminal_named()
            .answers_polls::<TargetAnswer>()
            .fails(&[404, 409]),
        Entry::operator(
            HttpMethod::Post,
            "/api/v1/accounts/{name}/release",
            "Free an account from the terminal that holds it",
        )
        .answers::<ReleaseAnswer>()
        .fails(&[404]),
        Entry::operator(
            HttpMethod::Post,
            "/api/v1/accounts/{name}/preview",
            "What a change would make the terminal trade",
        )
        .about("Of a strategy's list, or of another way to settle the account. Nothing is stored.")
        .takes::<Preview>()
        .answers::<PreviewAnswer>()
        .fails(&[404]),
    ]
}

/// What a preview supposes: an account, or a strategy's list.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it says which of two bodies a handler takes")]
enum Preview<'a> {
    Account(SupposedAccount),
    List(RawPush<'a>),
}

/// `GET /api/v1/accounts`
pub(crate) async fn all(State(state): State<AppState>, _: Reader) -> Response {
    let book = state.store.book();
    let accounts = book.settings().accounts();
    let accounts = accounts.map(|(name, settled)| AccountAnswer::new(name, settled, &book, &state)).collect();
    json(&AccountsAnswer { accounts })
}

/// `GET /api/v1/accounts/{name}`
pub(crate) async fn one(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<AsOfQuery>,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    if let Some(as_of) = AsOf::parameter("as_of", &query.as_of, &state.zone)? {
        return as_of_then(&state, name, as_of).await;
    }
    let book = state.store.book();
    let settled = settled(&book, &name)?;
    Ok(json_with_tag(&AccountAnswer::new(&name, settled, &book, &state), settled.mark.revision))
}

async fn as_of_then(state: &AppState, name: AccountName, as_of: AsOf) -> Result<Response, AppError> {
    let revision = as_of.revision(&state.store).await?;
    let then = state.store.account_as_of(&name, revision).await?;
    let then = then.ok_or_else(|| AppError::UnknownAccount(name.clone()))?;
    Ok(json(&AccountThen { account: name.as_str(), revision: then.mark.revision, settings: &then.account }))
}

/// `PUT /api/v1/accounts/{name}`
pub(crate) async fn set(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let account: Account = read_body(&request.body)?;
    let receipt = state.desk.set_account(&request.operator, name.clone(), account, request.if_match).await?;
    Ok(json(&AccountSaved { account: name.as_str(), saved: SavedAnswer::new("账户已保存", &receipt) }))
}

/// `DELETE /api/v1/accounts/{name}`
pub(crate) async fn remove(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let receipt = state.desk.remove_account(&request.operator, name.clone(), request.if_match).await?;
    Ok(json(&AccountSaved { account: name.as_str(), saved: SavedAnswer::new("账户已删除", &receipt) }))
}

/// `POST /api/v1/accounts/{name}/release`: whoever holds the account holds it no more.
pub(crate) async fn release(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    settled(&state.store.book(), &name)?;
    let released = state.desk.release_terminal(&request.operator, &name);
    Ok(json(&ReleaseAnswer { message: "账户已释放", account: name.as_str(), released }))
}

/// Somebody who may read an account's target, and the terminal that it is.
pub(crate) struct AtAccount {
    name: AccountName,
    /// None for who only looks.
    terminal: Option<Terminal>,
}

impl FromRequestParts<AppState> for AtAccount {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let PathText(name) = PathText::from_request_parts(parts, state).await?;
        let name = account_name(&name)?;
        let reader = account_reader(parts, state, &name).await?;
        let terminal = terminal(parts, reader.is_bound())?;
        Ok(Self { name, terminal })
    }
}

/// The terminal that sent a request: one that names itself, or whoever shows a key that is bound to the account.
pub(super) fn terminal(parts: &Parts, is_bound: bool) -> Result<Option<Terminal>, AppError> {
    let name = parts.headers.get("x-terminal").map(|name| name.to_str().map(str::trim));
    let address = peer_address(parts)?;
    match name {
        None => Ok(is_bound.then_some(Terminal { name: None, address, is_bound })),
        Some(Ok(name)) if !name.is_empty() && name.len() <= MAX_NAME_CHARS => {
            Ok(Some(Terminal { name: Some(name.to_owned()), address, is_bound }))
        }
        Some(_) => Err(Invalid::Terminal.into()),
    }
}

/// Gives the account to its terminal, or keeps it for another. It is the terminal's also while its question waits.
pub(super) fn take_account(
    state: &AppState,
    name: &AccountName,
    terminal: Option<Terminal>,
) -> Result<Option<WaitingPoll>, AppError> {
    // Who asks for what is not there does not take it.
    settled(&state.store.book(), name)?;
    let Some(terminal) = terminal else { return Ok(None) };
    let taken = state.desk.terminals().take(name, &terminal, state.clock.now(), state.clock.running());
    taken.map(|()| Some(state.desk.terminals().waiting(name, &terminal))).map_err(|holder| AppError::OtherTerminal {
        name: holder.terminal.name,
        address: holder.terminal.address,
        since: state.zone.rfc3339(holder.since),
    })
}

/// `GET /api/v1/accounts/{name}/target`
pub(crate) async fn target(
    State(state): State<AppState>,
    at: AtAccount,
    Query(query): Query<NotationQuery>,
    asker: Asker,
) -> Result<Response, AppError> {
    let seat = take_account(&state, &at.name, at.terminal)?;
    let question = OfTarget::new(&state, at.name, Shape::Lines(query.notation()), seat);
    asker.ask(state, question).await
}

/// A target as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(in crate::http) struct TargetAnswer<'a> {
    account: &'a str,
    revision: Revision,
    updated_at: String,
    lines: Vec<LineDto<'a>>,
    /// Only said where it is so: example strategies take part, and a terminal must not trade.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TargetLine)]
struct LineDto<'a> {
    code: String,
    name: String,
    /// What is to be held: shares, in whole lots.
    #[schema(value_type = Exact)]
    volume: Number<Volume>,
    /// The same before it was rounded, as a decimal string.
    exact: String,
    /// Why the line must not be traded now.
    #[schema(required)]
    hold: Option<LineHoldDto>,
    strategies: Vec<PartDto<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LineHold)]
struct LineHoldDto {
    /// A stable word.
    reason: &'static str,
    /// In Chinese.
    text: String,
    /// In English.
    message: String,
    since: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TargetPart)]
struct PartDto<'a> {
    name: &'a str,
    volume: String,
}

impl<'a> TargetAnswer<'a> {
    pub(in crate::http) fn new(account: &'a AccountName, target: &'a Target, notation: Notation, zone: &Zone) -> Self {
        let hold = |hold: &LineHold| {
            let (reason, text, message) = hold_texts(&hold.reason);
            LineHoldDto { reason, text, message, since: zone.rfc3339(hold.since) }
        };
        let line = |line: &'a TargetLine| {
            let code = line.code.to(notation).to_string();
            let parts = line.parts.iter();
            LineDto {
                name: line.name.as_deref().map_or_else(|| code.clone(), str::to_owned),
                code,
                volume: Number(line.volume),
                exact: line.exact.to_string(),
                hold: line.hold.as_ref().map(hold),
                strategies: parts
                    .map(|part| PartDto { name: part.strategy.as_str(), volume: part.volume.to_string() })
                    .collect(),
            }
        };
        Self {
            account: account.as_str(),
            revision: target.mark.revision,
            updated_at: zone.rfc3339(target.mark.updated_at),
            lines: target.lines.iter().map(line).collect(),
            demo: target.is_demo,
        }
    }
}

/// What is supposed: an account, or else the list of a strategy, as a push spells it.
#[derive(Deserialize, ToSchema)]
struct SupposedAccount {
    #[schema(value_type = Account, required)]
    account: Option<Account>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccountPreview)]
struct PreviewAnswer {
    orders: Vec<OrderDto>,
    /// CNY, at what the strategies paid on average; below zero where sales bring more; null where orders are not known.
    cash_needed: Option<f64>,
    /// CNY in the account; null while no terminal has reported.
    cash: Option<Decimal>,
    rounded: Vec<RoundedDto>,
    findings: Vec<ReasonDto>,
    /// Strategies of which nothing is known: the target would not be answered.
    incomplete: Vec<String>,
    /// Strategies of which nothing is known now: the present target is not known, and so no orders are.
    present_unknown: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SupposedOrder)]
struct OrderDto {
    code: String,
    name: String,
    /// `buy` or `sell`.
    side: &'static str,
    #[schema(value_type = Exact)]
    volume: Number<Volume>,
    price: Option<f64>,
    /// Whether the line is not traded now.
    held: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Rounded)]
struct RoundedDto {
    code: String,
    exact: String,
    #[schema(value_type = Exact)]
    volume: Number<Volume>,
}

impl PreviewAnswer {
    fn new(preview: AccountPreview, cash: Option<Decimal>) -> Self {
        let orders = preview.orders.into_iter().map(|order| {
            let code = order.code.to(Notation::Qmt).to_string();
            OrderDto {
                name: order.name.unwrap_or_else(|| code.clone()),
                code,
                side: order.side.as_str(),
                volume: Number(order.volume),
                price: order.price,
                held: order.is_held,
            }
        });
        let rounded = preview.rounded.into_iter().map(|(code, exact, volume)| RoundedDto {
            code: code.to(Notation::Qmt).to_string(),
            exact: exact.to_string(),
            volume: Number(volume),
        });
        let names = |incomplete: Option<Incomplete>| -> Vec<String> {
            incomplete.iter().flat_map(|incomplete| &incomplete.0).map(ToString::to_string).collect()
        };
        Self {
            orders: orders.collect(),
            cash_needed: preview.cash_needed,
            cash,
            rounded: rounded.collect(),
            findings: preview.findings.iter().map(ReasonDto::of).collect(),
            incomplete: names(preview.incomplete),
            present_unknown: names(preview.present_unknown),
        }
    }
}

/// `POST /api/v1/accounts/{name}/preview`: what a strategy's list, or another account, would make the terminal trade.
pub(crate) async fn preview(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let SupposedAccount { account } =
        serde_json::from_slice(&request.body).map_err(|error| Invalid::Format(error.to_string().into()))?;
    let book = state.store.book();
    let (supposed, settled) = if let Some(account) = account {
        let new = || Settled {
            name: name.clone(),
            account: account.clone(),
            former: book.settings().former(&name).to_vec(),
            mark: Mark::START,
        };
        let settled = book.settings().account(&name).map_or_else(new, |settled| (**settled).clone());
        (Supposed::Account(account), settled)
    } else {
        let PushBody { strategy, positions, .. } = PushBody::parse(&request.body, Day::of(state.clock.now()))?;
        (Supposed::List(strategy, positions), (**settled(&book, &name)?).clone())
    };
    let (desk, now) = (state.desk.clone(), state.clock.now());
    let cash = book.reported(&name).and_then(|reported| reported.cash);
    let make = move || Ok(json(&PreviewAnswer::new(desk.preview_account(&settled, supposed, now), cash)));
    state.workshop.make(make).await
}
