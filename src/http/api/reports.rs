//! What terminals report of their accounts: taken, and looked at.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::csv::{Rows, file};
use super::super::document::{Caller, Entry};
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, PathText, Query, account_name, reporting};
use super::accounts::{settled, take_account, terminal};
use super::report_body::RawReport;
use super::{json, report_body};
use crate::auth::rights::{Reader, Reporter};
use crate::clock::Zone;
use crate::desk::terminals::Terminal;
use crate::domain::account::AccountName;
use crate::domain::code::{Code, Notation};
use crate::domain::decimal::Decimal;
use crate::domain::moment::Moment;
use crate::domain::report::{Fill, Holding, Order, Waiting};
use crate::domain::reported::Reported;
use crate::domain::revision::Revision;
use crate::store::reports::{HeldThen, Span};

/// How many fills, and how many changes of holdings, are answered at most; those before them are asked for with `to`.
const MOST: u32 = 10_000;

/// Where nothing else is said, what was within so long.
const USUAL: Duration = Duration::from_hours(24);

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::sent_by(
            Caller::Terminal,
            "/api/v1/accounts/{name}/report",
            "Report what an account holds, orders and trades",
        )
        .about("The whole state each time. A report holds the account for its terminal, as a poll of its target does.")
        .takes::<RawReport>()
        .terminal_named()
        .answers::<FiledAnswer>()
        .fails(&[404, 409]),
        Entry::read("/api/v1/accounts/{name}/report", "What the terminal reported last")
            .answers::<ReportAnswer>()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/holdings.csv", "What the terminal reported that is held, as a file")
            .answers_csv()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/fills", "Trades, newest first")
            .query::<SpanQuery>()
            .answers::<FillsAnswer>()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/fills.csv", "Trades as a file")
            .query::<SpanQuery>()
            .answers_csv()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/holdings/changes", "How holdings changed, newest first")
            .query::<SpanQuery>()
            .answers::<MovementsAnswer>()
            .fails(&[404]),
    ]
}

/// A terminal's report of an account, as it arrives.
pub(crate) struct Reporting {
    reporter: Reporter,
    terminal: Option<Terminal>,
    body: Bytes,
}

impl FromRequest<AppState> for Reporting {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, AppError> {
        let (mut parts, body) = request.into_parts();
        let PathText(name) = PathText::from_request_parts(&mut parts, state).await?;
        let name = account_name(&name)?;
        let (reporter, body) = reporting(&parts, body, state, &name).await?;
        Ok(Self { reporter, terminal: terminal(&parts, true)?, body })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Filed)]
struct FiledAnswer {
    stored: bool,
    /// The revision of the target now; null while what the account should hold is not known.
    target_revision: Option<Revision>,
    warnings: Vec<WarningDto>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportWarning)]
struct WarningDto {
    /// A stable word.
    warning: &'static str,
    /// In Chinese.
    text: String,
    /// In English.
    message: String,
}

/// `POST /api/v1/accounts/{name}/report`
pub(crate) async fn report(State(state): State<AppState>, reporting: Reporting) -> Result<Response, AppError> {
    let Reporting { reporter, terminal, body } = reporting;
    // Its seat is the account's for a minute from now on; a report waits for nothing.
    drop(take_account(&state, &reporter.account, terminal)?);
    let report = report_body::parse(&body, &state.zone)?;
    let filed = state.desk.report(reporter, report).await?;
    let locked = filed.locked.iter().map(|(code, shares)| WarningDto {
        warning: "unexplained_change",
        text: format!("{code} 的持仓变动了 {shares:+} 股，没有成交可以解释：该行已锁定，等待策略重新推送或操作员解除"),
        message: format!(
            "the holding of {code} changed by {shares:+} shares, which no fill explains: its line is locked until its \
             strategies push again or the operator releases it"
        ),
    });
    let contradicting = filed.contradicting.iter().map(|fill| WarningDto {
        warning: "fill_differs",
        text: format!("成交 {fill} 与先前上报的内容不同：以先前的为准"),
        message: format!("fill {fill} was reported before and said something else then: the first word counts"),
    });
    let warnings = locked.chain(contradicting).collect();
    Ok(json(&FiledAnswer { stored: true, target_revision: filed.target, warnings }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
struct ReportAnswer<'a> {
    account: &'a str,
    /// By the terminal's clock.
    reported_at: String,
    /// By the server's.
    heard_at: String,
    /// Whether it has not been heard of for a while.
    silent: bool,
    mode: &'static str,
    revision: Option<Revision>,
    cash: Option<Decimal>,
    total_asset: Option<Decimal>,
    holdings: Vec<HoldingDto>,
    orders: Vec<OrderDto<'a>>,
    waiting: Vec<WaitingDto<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Holding)]
struct HoldingDto {
    code: String,
    volume: i64,
    sellable: i64,
    cost: Option<Decimal>,
    price: Option<Decimal>,
}

impl HoldingDto {
    fn new(Holding { code, volume, sellable, cost, price }: &Holding) -> Self {
        Self { code: spelled(code), volume: *volume, sellable: *sellable, cost: *cost, price: *price }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
struct OrderDto<'a> {
    id: &'a str,
    code: String,
    side: &'static str,
    volume: i64,
    traded: i64,
    price: Option<Decimal>,
    status: &'static str,
    placed_at: Option<String>,
    ours: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Waited)]
struct WaitingDto<'a> {
    code: String,
    shares: i64,
    reason: &'static str,
    text: Option<&'a str>,
}

/// A code as terminals spell it.
pub(super) fn spelled(code: &Code) -> String {
    code.to(Notation::Qmt).to_string()
}

impl<'a> ReportAnswer<'a> {
    fn new(account: &'a AccountName, reported: &'a Reported, now: Moment, zone: &Zone) -> Self {
        let order = |order: &'a Order| OrderDto {
            id: &order.id,
            code: spelled(&order.code),
            side: order.side.as_str(),
            volume: order.volume,
            traded: order.traded,
            price: order.price,
            status: order.status.into(),
            placed_at: order.placed_at.map(|at| zone.rfc3339(at)),
            ours: order.ours,
        };
        let waiting = |waiting: &'a Waiting| WaitingDto {
            code: spelled(&waiting.code),
            shares: waiting.shares,
            reason: waiting.reason.as_str(),
            text: waiting.text.as_deref(),
        };
        Self {
            account: account.as_str(),
            reported_at: zone.rfc3339(reported.at),
            heard_at: zone.rfc3339(reported.heard_at),
            silent: reported.is_silent(now),
            mode: reported.mode.into(),
            revision: reported.revision,
            cash: reported.cash,
            total_asset: reported.total_asset,
            holdings: reported.holdings.values().map(HoldingDto::new).collect(),
            orders: reported.orders.iter().map(order).collect(),
            waiting: reported.waiting.iter().map(waiting).collect(),
        }
    }
}

fn reported(state: &AppState, name: &AccountName) -> Result<Arc<Reported>, AppError> {
    let book = state.store.book();
    settled(&book, name)?;
    book.reported(name).cloned().ok_or_else(|| AppError::NothingReported(name.clone()))
}

/// `GET /api/v1/accounts/{name}/report`: what the terminal reported last.
pub(crate) async fn last(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let reported = reported(&state, &name)?;
    Ok(json(&ReportAnswer::new(&name, &reported, state.clock.now(), &state.zone)))
}

/// `GET /api/v1/accounts/{name}/holdings.csv`
pub(crate) async fn holdings_csv(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let reported = reported(&state, &name)?;
    let mut rows = Rows::headed(&["code", "volume", "sellable", "cost", "price"]);
    for holding in reported.holdings.values() {
        let [volume, sellable] = [holding.volume, holding.sellable].map(|shares| shares.to_string());
        let [cost, price] = [holding.cost, holding.price].map(money);
        rows.add(&[&spelled(&holding.code), &volume, &sellable, &cost, &price]);
    }
    Ok(file("holdings.csv", rows))
}

/// An amount of money, or nothing.
fn money(amount: Option<Decimal>) -> String {
    amount.map(|amount| amount.to_string()).unwrap_or_default()
}

/// From when to when.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct SpanQuery {
    /// A time; without it, a day before the end.
    #[param(value_type = Option<String>)]
    from: Last<String>,
    /// A time; without it, now.
    #[param(value_type = Option<String>)]
    to: Last<String>,
}

impl SpanQuery {
    fn span(&self, state: &AppState) -> Result<Span, Invalid> {
        let moment = |name: &'static str, text: &Last<String>| {
            let text = text.0.as_deref();
            text.map(|text| state.zone.parse(text).ok_or(Invalid::Query(name.into()))).transpose()
        };
        let to = moment("to", &self.to)?.unwrap_or_else(|| state.clock.now().plus(Duration::from_mins(1)));
        let from = moment("from", &self.from)?.unwrap_or_else(|| to.minus(USUAL));
        Ok(Span { from, to })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Fill)]
struct FillDto<'a> {
    id: &'a str,
    order: Option<&'a str>,
    code: String,
    side: &'static str,
    volume: i64,
    price: Decimal,
    fee: Option<Decimal>,
    at: String,
}

impl<'a> FillDto<'a> {
    fn new(fill: &'a Fill, zone: &Zone) -> Self {
        Self {
            id: &fill.id,
            order: fill.order.as_deref(),
            code: spelled(&fill.code),
            side: fill.side.as_str(),
            volume: fill.volume,
            price: fill.price,
            fee: fill.fee,
            at: zone.rfc3339(fill.at),
        }
    }
}

async fn fills_of(state: &AppState, name: &AccountName, query: &SpanQuery) -> Result<Vec<Fill>, AppError> {
    settled(&state.store.book(), name)?;
    Ok(state.store.fills(name, query.span(state)?, MOST).await?)
}

#[derive(Serialize, ToSchema)]
#[schema(as = Fills)]
struct FillsAnswer<'a> {
    account: &'a str,
    fills: Vec<FillDto<'a>>,
    /// Whether there may be more, before these.
    is_cut: bool,
}

/// `GET /api/v1/accounts/{name}/fills`: newest first.
pub(crate) async fn fills(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<SpanQuery>,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let fills = fills_of(&state, &name, &query).await?;
    let is_cut = fills.len() >= MOST as usize;
    let fills = fills.iter().map(|fill| FillDto::new(fill, &state.zone)).collect();
    Ok(json(&FillsAnswer { account: name.as_str(), fills, is_cut }))
}

/// `GET /api/v1/accounts/{name}/fills.csv`
pub(crate) async fn fills_csv(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<SpanQuery>,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let mut rows = Rows::headed(&["at", "code", "side", "volume", "price", "fee", "order", "id"]);
    for fill in fills_of(&state, &name, &query).await? {
        let (volume, price, fee) = (fill.volume.to_string(), fill.price.to_string(), money(fill.fee));
        let (at, code, order) = (state.zone.local(fill.at), spelled(&fill.code), fill.order.unwrap_or_default());
        rows.add(&[&at, &code, fill.side.as_str(), &volume, &price, &fee, &order, &fill.id]);
    }
    Ok(file("fills.csv", rows))
}

#[derive(Serialize, ToSchema)]
#[schema(as = HoldingChange)]
struct MovementDto {
    at: String,
    code: String,
    before: i64,
    after: i64,
    /// What of the difference trades of ours explain.
    filled: i64,
    price: Option<Decimal>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HoldingChanges)]
struct MovementsAnswer<'a> {
    account: &'a str,
    changes: Vec<MovementDto>,
    /// Whether there may be more, before these.
    is_cut: bool,
}

/// `GET /api/v1/accounts/{name}/holdings/changes`: newest first.
pub(crate) async fn changes(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<SpanQuery>,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    settled(&state.store.book(), &name)?;
    let changes = state.store.holding_changes(&name, query.span(&state)?, MOST).await?;
    let dto = |HeldThen { at, change }: &HeldThen| MovementDto {
        at: state.zone.rfc3339(*at),
        code: spelled(&change.code),
        before: change.before,
        after: change.after,
        filled: change.filled,
        price: change.price,
    };
    let is_cut = changes.len() >= MOST as usize;
    Ok(json(&MovementsAnswer { account: name.as_str(), changes: changes.iter().map(dto).collect(), is_cut }))
}
