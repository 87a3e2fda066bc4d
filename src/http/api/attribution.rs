//! What became of an account's and a strategy's days, as JSON and as files for spreadsheets.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::super::AppState;
use super::super::csv::{Rows, file};
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, PathText, Query, account_name, strategy_name};
use super::super::scalars::DayText;
use super::accounts::settled;
use super::json;
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::desk::{AccountDay, is_of};
use crate::domain::account::AccountName;
use crate::domain::attribution::{DayResult, Intent, LineDay, OwnerDay};
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::code::Instrument;
use crate::domain::decimal::Decimal;
use crate::domain::moment::Moment;
use crate::domain::money::Money;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;

/// The most days that are answered at a time: ten years.
const MOST_DAYS: u64 = 3_660;

/// Where nothing else is said, what became of so long.
const USUAL: Duration = Duration::from_hours(30 * 24);

/// CNY as a decimal string.
struct Cny(Money);

impl Serialize for Cny {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What stands and was counted, by its name in answers and files: CNY.
type Figure = (&'static str, fn(&DayResult) -> Money);

const FIGURES: [Figure; 13] = [
    ("value", |day| day.value),
    ("unrealized", |day| day.unrealized),
    ("realized", |day| day.figures.realized),
    ("profit", |day| day.profit),
    ("bought", |day| day.figures.bought),
    ("sold", |day| day.figures.sold),
    ("turnover", |day| day.figures.turnover()),
    ("fees", |day| day.figures.fees),
    ("fees_estimated", |day| day.figures.estimated),
    ("entered", |day| day.figures.entered),
    ("transferred", |day| day.figures.transferred),
    ("crossed", |day| day.figures.crossed),
    ("saved", |day| day.figures.saved),
];

/// Above zero where trading was dearer than the prices of the decisions.
const SHORTFALL: [Figure; 4] = [
    ("total", DayResult::shortfall),
    ("delay", |day| day.figures.delay),
    ("execution", |day| day.figures.execution),
    ("unfilled", |day| day.unfilled),
];

/// All figures of something, each CNY as a decimal string.
struct ResultDto<'a>(&'a DayResult);

/// Figures by their names.
struct Named<'a>(&'a DayResult, &'a [Figure]);

impl Serialize for Named<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.1.iter().map(|(name, of)| (name, Cny(of(self.0)))))
    }
}

impl Serialize for ResultDto<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_map(None)?;
        for (name, of) in FIGURES {
            all.serialize_entry(name, &Cny(of(self.0)))?;
        }
        all.serialize_entry("shortfall", &Named(self.0, &SHORTFALL))?;
        all.end()
    }
}

/// The schema of figures by their names.
fn described(figures: &[Figure]) -> ObjectBuilder {
    figures.iter().fold(ObjectBuilder::new(), |object, (name, _)| {
        object.property(*name, ObjectBuilder::new().schema_type(Type::String)).required(*name)
    })
}

impl PartialSchema for ResultDto<'_> {
    fn schema() -> RefOr<Schema> {
        let shortfall = described(&SHORTFALL)
            .description(Some("What trading cost over the prices of the decisions: above zero where it was dearer."));
        described(&FIGURES).property("shortfall", shortfall).required("shortfall").into()
    }
}

impl ToSchema for ResultDto<'_> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Figures".into()
    }
}

/// All figures of an owner, or of all of them together.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnerFigures)]
pub(super) struct Results<'a> {
    /// Null for what is nobody's, and for all together.
    strategy: Option<&'a str>,
    #[serde(flatten)]
    result: ResultDto<'a>,
}

impl<'a> Results<'a> {
    pub(super) const fn new(strategy: Option<&'a str>, result: &'a DayResult) -> Self {
        Self { strategy, result: ResultDto(result) }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AttributedOwner)]
struct OwnerDto<'a> {
    /// Null for what is nobody's: protected, by hand, not ours.
    strategy: Option<&'a str>,
    #[serde(flatten)]
    result: ResultDto<'a>,
    latency: LatencyDto,
    lines: Vec<LineDto<'a>>,
}

/// Between the steps of the day's decisions: seconds, the middle one of all; null where none came so far.
#[derive(Serialize, ToSchema)]
#[schema(as = Latency)]
struct LatencyDto {
    /// From the push to the terminal's first report that knows it.
    seen: Option<f64>,
    /// From there to the first order.
    ordered: Option<f64>,
    /// From there to the last trade.
    filled: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AttributedLine)]
struct LineDto<'a> {
    code: String,
    name: String,
    /// What is held: shares.
    volume: i64,
    wanted: i64,
    /// What is reported and not divided yet, because the terminal's lists may lag; in `volume`.
    unsettled: i64,
    /// On average: CNY per share.
    #[schema(value_type = Option<String>)]
    cost: Option<Cny>,
    price: Option<Decimal>,
    bought_shares: i64,
    sold_shares: i64,
    #[serde(flatten)]
    result: ResultDto<'a>,
    decision: Option<DecisionDto>,
}

/// What became of the last decision about it, where that is of the day.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
struct DecisionDto {
    revision: Revision,
    /// When the program says that it decided.
    decided_at: Option<String>,
    pushed_at: String,
    seen_at: Option<String>,
    ordered_at: Option<String>,
    filled_at: Option<String>,
    /// CNY per share.
    price: Option<Decimal>,
    /// The price when the terminal had seen it.
    arrival: Option<Decimal>,
}

impl DecisionDto {
    fn new(intent: &Intent, decided: &BTreeMap<Revision, Moment>, zone: &Zone) -> Self {
        let time = |at: Option<Moment>| at.map(|at| zone.rfc3339(at));
        Self {
            revision: intent.revision,
            decided_at: time(decided.get(&intent.revision).copied()),
            pushed_at: zone.rfc3339(intent.pushed_at),
            seen_at: time(intent.seen_at),
            ordered_at: time(intent.ordered_at),
            filled_at: time(intent.filled_at),
            price: intent.decided,
            arrival: intent.arrival,
        }
    }
}

/// The middle one of some durations: seconds.
fn middle(mut durations: Vec<Duration>) -> Option<f64> {
    durations.sort_unstable();
    durations.get(durations.len() / 2).map(Duration::as_secs_f64)
}

impl LatencyDto {
    fn new(owner: &OwnerDay, day: Day) -> Self {
        let intents = || {
            let intents = owner.lines.iter().filter_map(|line| line.part.intent.as_ref());
            intents.filter(|intent| is_of(intent, day))
        };
        let between = |step: fn(&Intent) -> Option<(Moment, Moment)>| {
            middle(intents().filter_map(step).map(|(from, to)| to.since(from)).collect())
        };
        Self {
            seen: between(|intent| Some((intent.pushed_at, intent.seen_at?))),
            ordered: between(|intent| Some((intent.seen_at?, intent.ordered_at?))),
            filled: between(|intent| Some((intent.ordered_at?, intent.filled_at?))),
        }
    }
}

impl<'a> LineDto<'a> {
    fn new(line: &'a LineDay, day: &AccountDay, on: Day, names: &Names<'_>, zone: &Zone) -> Self {
        let LineDay { instrument, price, loose, part, result } = line;
        let intent = part.intent.as_ref().filter(|intent| is_of(intent, on));
        Self {
            code: instrument.to_string(),
            name: names.of(line),
            volume: part.volume + loose,
            wanted: part.wanted,
            unsettled: *loose,
            cost: part.cost.per(part.volume).map(Cny),
            price: *price,
            bought_shares: result.figures.bought_shares,
            sold_shares: result.figures.sold_shares,
            result: ResultDto(result),
            decision: intent.map(|intent| DecisionDto::new(intent, &day.decided, zone)),
        }
    }
}

impl<'a> OwnerDto<'a> {
    fn new(owner: &'a OwnerDay, day: &AccountDay, on: Day, names: &Names<'_>, zone: &Zone) -> Self {
        Self {
            strategy: owner.owner.as_ref().map(StrategyName::as_str),
            result: ResultDto(&owner.result),
            latency: LatencyDto::new(owner, on),
            lines: owner.lines.iter().map(|line| LineDto::new(line, day, on, names, zone)).collect(),
        }
    }
}

/// How strategies call instruments: the oldest that names one.
struct Names<'a>(HashMap<Instrument, &'a str>);

impl<'a> Names<'a> {
    fn new(book: &'a Book) -> Self {
        let mut names = HashMap::new();
        for position in book.strategies().flat_map(|strategy| strategy.list.iter()) {
            if let Some(name) = position.name() {
                names.entry(position.code().instrument()).or_insert(name);
            }
        }
        Self(names)
    }

    /// The name; the code where nobody names it.
    fn of(&self, line: &LineDay) -> String {
        self.0.get(&line.instrument).map_or_else(|| line.instrument.to_string(), |name| (*name).to_owned())
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Attribution)]
struct AttributionAnswer<'a> {
    account: &'a str,
    #[schema(value_type = DayText)]
    day: String,
    known: String,
    totals: ResultDto<'a>,
    strategies: Vec<OwnerDto<'a>>,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read(
            "/api/v1/accounts/{name}/attribution",
            "What became of an account's day, by strategy and instrument",
        )
        .query::<DayQuery>()
        .answers::<AttributionAnswer>()
        .fails(&[404]),
        Entry::read(
            "/api/v1/accounts/{name}/attribution.csv",
            "The same as a file: a line for each owner's part of an instrument",
        )
        .query::<DayQuery>()
        .answers_csv()
        .fails(&[404]),
        Entry::read("/api/v1/strategies/{name}/performance", "What became of a strategy's days")
            .query::<PerformanceQuery>()
            .answers::<PerformanceAnswer>()
            .fails(&[404]),
        Entry::read("/api/v1/strategies/{name}/performance.csv", "The same as a file")
            .query::<PerformanceQuery>()
            .answers_csv()
            .fails(&[404]),
    ]
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct DayQuery {
    /// Without it, today.
    #[param(value_type = Option<DayText>, inline)]
    day: Last<String>,
}

impl DayQuery {
    pub(super) fn day(&self) -> Result<Option<Day>, Invalid> {
        self.day.day("day")
    }
}

async fn day_of(state: &AppState, name: &AccountName, query: &DayQuery) -> Result<(Day, AccountDay), AppError> {
    settled(&state.store.book(), name)?;
    let day = query.day()?.unwrap_or_else(|| Day::of(state.clock.now()));
    let known = state.desk.account_day(name, day).await?;
    Ok((day, known.ok_or_else(|| AppError::NothingReported(name.clone()))?))
}

/// `GET /api/v1/accounts/{name}/attribution?day=`: without a day, of today.
pub(crate) async fn attribution(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<DayQuery>,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let (on, day) = day_of(&state, &name, &query).await?;
    let book = state.store.book();
    let shared = state.clone();
    let answer = move || {
        let names = Names::new(&book);
        Ok::<_, AppError>(json(&AttributionAnswer {
            account: name.as_str(),
            day: on.to_string(),
            known: day.known.to_string(),
            totals: ResultDto(&day.total()),
            strategies: day.owners.iter().map(|owner| OwnerDto::new(owner, &day, on, &names, &shared.zone)).collect(),
        }))
    };
    state.workshop.make(answer).await
}

/// The beginning of a file whose rows end with every figure.
fn headed(first: &[&str]) -> Rows {
    let names = FIGURES.iter().map(|(name, _)| *name);
    let parts = SHORTFALL.iter().map(|(name, _)| if *name == "total" { "shortfall" } else { *name });
    Rows::headed(&first.iter().copied().chain(names).chain(parts).collect::<Vec<_>>())
}

fn add(rows: &mut Rows, first: &[&str], result: &DayResult) {
    let figures: Vec<String> = FIGURES.iter().chain(&SHORTFALL).map(|(_, of)| of(result).to_string()).collect();
    rows.add(&first.iter().copied().chain(figures.iter().map(String::as_str)).collect::<Vec<_>>());
}

/// The times of a line's decision as people read them.
fn times(line: &LineDay, on: Day, zone: &Zone) -> [String; 4] {
    let intent = line.part.intent.as_ref().filter(|intent| is_of(intent, on));
    let time = |of: fn(&Intent) -> Option<Moment>| intent.and_then(of).map(|at| zone.local(at)).unwrap_or_default();
    [
        time(|intent| Some(intent.pushed_at)),
        time(|intent| intent.seen_at),
        time(|intent| intent.ordered_at),
        time(|intent| intent.filled_at),
    ]
}

/// `GET /api/v1/accounts/{name}/attribution.csv?day=`: a line for each owner's part of an instrument.
pub(crate) async fn attribution_csv(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<DayQuery>,
) -> Result<Response, AppError> {
    let (on, day) = day_of(&state, &account_name(&name)?, &query).await?;
    let (book, shared) = (state.store.book(), state.clone());
    let make = move || {
        let names = Names::new(&book);
        let mut rows = headed(&[
            "strategy",
            "code",
            "name",
            "volume",
            "wanted",
            "cost",
            "price",
            "pushed_at",
            "seen_at",
            "ordered_at",
            "filled_at",
        ]);
        for owner in &day.owners {
            let strategy = owner.owner.as_ref().map(StrategyName::as_str).unwrap_or_default();
            for line in &owner.lines {
                let [volume, wanted] =
                    [line.part.volume + line.loose, line.part.wanted].map(|shares| shares.to_string());
                let cost = line.part.cost.per(line.part.volume).map(|cost| cost.to_string()).unwrap_or_default();
                let price = line.price.map(|price| price.to_string()).unwrap_or_default();
                let (code, name) = (line.instrument.to_string(), names.of(line));
                let [pushed, seen, ordered, filled] = times(line, on, &shared.zone);
                let first =
                    [strategy, &code, &name, &volume, &wanted, &cost, &price, &pushed, &seen, &ordered, &filled];
                add(&mut rows, &first, &line.result);
            }
        }
        Ok::<_, AppError>(file("attribution.csv", rows))
    };
    state.workshop.make(make).await
}

/// From which day to which, of which account.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct PerformanceQuery {
    /// The first day; without it, thirty days before the last.
    #[param(value_type = Option<DayText>, inline)]
    from: Last<String>,
    /// The last day; without it, today.
    #[param(value_type = Option<DayText>, inline)]
    to: Last<String>,
    /// In which account; without it, in all that report.
    #[param(value_type = Option<AccountName>, inline)]
    account: Last<String>,
}

/// A strategy's day in an account.
struct Performed {
    account: AccountName,
    day: Day,
    result: DayResult,
    latency: LatencyDto,
}

async fn performed(
    state: &AppState,
    strategy: &StrategyName,
    query: &PerformanceQuery,
) -> Result<(Day, Day, Vec<Performed>), AppError> {
    let to = query.to.day("to")?.unwrap_or_else(|| Day::of(state.clock.now()));
    let from = query.from.day("from")?.unwrap_or_else(|| Day::of(to.begins_at().minus(USUAL)));
    if to < from || to.begins_at().since(from.begins_at()) > Duration::from_hours(24 * MOST_DAYS) {
        return Err(Invalid::Query("from".into()).into());
    }
    let book = state.store.book();
    let only = query.account.0.as_deref().map(account_name).transpose()?;
    let accounts: Vec<AccountName> = match only {
        Some(name) => vec![settled(&book, &name)?.name.clone()],
        None => book.reports().map(|(name, _)| name.clone()).collect(),
    };
    let mut days = Vec::new();
    for account in accounts {
        let performed = state.desk.performance(&account, &Some(strategy.clone()), from, to).await?;
        days.extend(performed.into_iter().map(|(day, owner)| Performed {
            account: account.clone(),
            day,
            result: owner.result,
            latency: LatencyDto::new(&owner, day),
        }));
    }
    days.sort_by(|one, two| (one.day, &one.account).cmp(&(two.day, &two.account)));
    Ok((from, to, days))
}

#[derive(Serialize, ToSchema)]
#[schema(as = PerformanceDay)]
struct PerformedDto<'a> {
    #[schema(value_type = DayText)]
    day: String,
    account: &'a str,
    #[serde(flatten)]
    result: ResultDto<'a>,
    #[schema(value_type = LatencyDto)]
    latency: &'a LatencyDto,
}

impl<'a> PerformedDto<'a> {
    fn new(Performed { account, day, result, latency }: &'a Performed) -> Self {
        Self { day: day.to_string(), account: account.as_str(), result: ResultDto(result), latency }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Performance)]
struct PerformanceAnswer<'a> {
    strategy: &'a str,
    #[schema(value_type = DayText)]
    from: String,
    #[schema(value_type = DayText)]
    to: String,
    totals: ResultDto<'a>,
    days: Vec<PerformedDto<'a>>,
}

/// `GET /api/v1/strategies/{name}/performance?from=&to=&account=`: both days included; without them, the last 30.
pub(crate) async fn performance(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<PerformanceQuery>,
) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let (from, to, days) = performed(&state, &name, &query).await?;
    let mut totals = days.iter().fold(DayResult::default(), |total, day| total.with(&day.result));
    // What stands at the end is no sum over days.
    let standing = |of: fn(&DayResult) -> Money| -> Money {
        let mut last: BTreeMap<&AccountName, &DayResult> = BTreeMap::new();
        last.extend(days.iter().map(|day| (&day.account, &day.result)));
        last.into_values().map(of).sum()
    };
    (totals.value, totals.unrealized) = (standing(|day| day.value), standing(|day| day.unrealized));
    Ok(json(&PerformanceAnswer {
        strategy: name.as_str(),
        from: from.to_string(),
        to: to.to_string(),
        totals: ResultDto(&totals),
        days: days.iter().map(PerformedDto::new).collect(),
    }))
}

/// `GET /api/v1/strategies/{name}/performance.csv?from=&to=&account=`
pub(crate) async fn performance_csv(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(query): Query<PerformanceQuery>,
) -> Result<Response, AppError> {
    let (_, _, days) = performed(&state, &strategy_name(&name)?, &query).await?;
    let mut rows = headed(&["day", "account", "seen", "ordered", "filled"]);
    for Performed { account, day, result, latency } in &days {
        let [seen, ordered, filled] = [latency.seen, latency.ordered, latency.filled]
            .map(|seconds| seconds.map(|seconds| seconds.to_string()).unwrap_or_default());
        add(&mut rows, &[&day.to_string(), account.as_str(), &seen, &ordered, &filled], result);
    }
    Ok(file("performance.csv", rows))
}
