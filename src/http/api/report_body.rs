//! The body of a report: JSON on the outside, what a terminal holds, ordered and traded from here on.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use smol_str::SmolStr;
use utoipa::ToSchema;

use super::super::error::Invalid;
use crate::clock::Zone;
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::moment::Moment;
use crate::domain::report::{Fill, Holding, MAX_ENTRIES, Mode, Order, OrderStatus, Reason, Report, Side, Waiting};
use crate::domain::revision::Revision;

/// The longest id of an order or a fill, and the longest words of a terminal: characters. Of longer words the beginning is kept.
const MAX_ID: usize = 64;
const MAX_WORDS: usize = 200;

/// Shares: a whole number from 0 on, as a number or a decimal string.
#[derive(Debug, Clone, Copy)]
struct Shares(i64);

impl<'de> Deserialize<'de> for Shares {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Decimal::deserialize(deserializer)?;
        // Below 10^12, as every number here, so that sums of them are far from the end of the type.
        let whole = number.to_string().parse().ok().filter(|shares: &i64| *shares >= 0);
        whole.map(Self).ok_or_else(|| D::Error::custom(format!("{number} is no whole number of shares from 0 on")))
    }
}

/// CNY, or CNY per share, from 0 on.
#[derive(Debug, Clone, Copy)]
struct NotNegative(Decimal);

impl<'de> Deserialize<'de> for NotNegative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Decimal::deserialize(deserializer)?;
        if number.is_negative() { Err(D::Error::custom(format!("{number} is below 0"))) } else { Ok(Self(number)) }
    }
}

/// What tells orders and fills apart.
#[derive(Debug)]
struct Id(SmolStr);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.chars().nth(MAX_ID).is_some() || text.chars().any(char::is_control) {
            return Err(D::Error::custom(format!(
                "an id has 1 to {MAX_ID} characters, none of them a control character"
            )));
        }
        Ok(Self(text.into()))
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushedReport)]
pub(super) struct RawReport {
    /// When the terminal looked: RFC 3339, or a local time.
    at: String,
    #[serde(default = "live")]
    mode: Mode,
    revision: Option<Revision>,
    #[schema(value_type = Option<Decimal>)]
    cash: Option<NotNegative>,
    #[schema(value_type = Option<Decimal>)]
    total_asset: Option<NotNegative>,
    /// All that is held, each instrument once.
    // What is missing is not flat: a report that says nothing of holdings is none.
    holdings: Vec<RawHolding>,
    /// The orders of the day, each id once.
    #[serde(default)]
    orders: Vec<RawOrder>,
    /// Trades, some of which may have been reported before.
    #[serde(default)]
    fills: Vec<RawFill>,
    /// Why it does not trade what it would have to.
    #[serde(default)]
    waiting: Vec<RawWaiting>,
}

fn live() -> Mode {
    Mode::Live
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushedHolding)]
struct RawHolding {
    code: Code,
    #[schema(value_type = Decimal)]
    volume: Shares,
    #[schema(value_type = Option<Decimal>)]
    sellable: Option<Shares>,
    cost: Option<Decimal>,
    #[schema(value_type = Option<Decimal>)]
    price: Option<NotNegative>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushedOrder)]
struct RawOrder {
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    id: Id,
    code: Code,
    side: Side,
    #[schema(value_type = Decimal)]
    volume: Shares,
    #[schema(value_type = Decimal)]
    traded: Shares,
    #[schema(value_type = Option<Decimal>)]
    price: Option<NotNegative>,
    status: OrderStatus,
    placed_at: Option<String>,
    #[serde(default = "yes")]
    ours: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushedFill)]
struct RawFill {
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    id: Id,
    #[schema(value_type = Option<String>)]
    order: Option<Id>,
    code: Code,
    side: Side,
    #[schema(value_type = Decimal)]
    volume: Shares,
    #[schema(value_type = Decimal)]
    price: NotNegative,
    at: String,
    fee: Option<Decimal>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushedWaiting)]
struct RawWaiting {
    code: Code,
    #[schema(value_type = Decimal)]
    shares: Shares,
    reason: Reason,
    text: Option<String>,
}

/// Why a report is none: where, and what is wrong there.
fn wrong(place: impl Into<String>, fault: impl Into<String>) -> Invalid {
    Invalid::Report { place: place.into(), fault: fault.into() }
}

fn moment(text: &str, place: impl Fn() -> String, zone: &Zone) -> Result<Moment, Invalid> {
    zone.parse(text).ok_or_else(|| wrong(place(), format!("{text:?} is no time such as 2026-01-05T09:31:05+08:00")))
}

/// Reads and checks a report.
pub(super) fn parse(body: &[u8], zone: &Zone) -> Result<Report, Invalid> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let raw: RawReport = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path().to_string();
        wrong(if place == "." { "the report".to_owned() } else { place }, error.into_inner().to_string())
    })?;
    json.end().map_err(|error| wrong("the report", error.to_string()))?;
    for (list, length) in [
        ("holdings", raw.holdings.len()),
        ("orders", raw.orders.len()),
        ("fills", raw.fills.len()),
        ("waiting", raw.waiting.len()),
    ] {
        if length > MAX_ENTRIES {
            return Err(wrong(list, format!("has more than {MAX_ENTRIES} entries")));
        }
    }
    let at = moment(&raw.at, || "at".to_owned(), zone)?;
    let order = |(index, raw)| order(index, raw, zone);
    let fill = |(index, raw)| fill(index, raw, zone);
    Ok(Report {
        at,
        mode: raw.mode,
        revision: raw.revision,
        cash: raw.cash.map(|cash| cash.0),
        total_asset: raw.total_asset.map(|asset| asset.0),
        holdings: holdings(raw.holdings)?,
        orders: raw.orders.into_iter().enumerate().map(order).collect::<Result<_, _>>()?,
        fills: raw.fills.into_iter().enumerate().map(fill).collect::<Result<_, _>>()?,
        waiting: raw.waiting.into_iter().map(waiting).collect(),
    })
}

fn holdings(raw: Vec<RawHolding>) -> Result<Vec<Holding>, Invalid> {
    let mut seen = HashSet::new();
    let holding = |(index, raw): (usize, RawHolding)| {
        let RawHolding { code, volume: Shares(volume), sellable, cost, price } = raw;
        if !seen.insert(code.instrument()) {
            return Err(wrong(format!("holdings[{index}].code"), format!("{code} stands twice")));
        }
        let sellable = sellable.map_or(volume, |sellable| sellable.0.min(volume));
        // Some terminals say 0 before they know a price.
        let price = price.map(|price| price.0).filter(|price| *price != Decimal::ZERO);
        Ok(Holding { code, volume, sellable, cost, price })
    };
    raw.into_iter().enumerate().map(holding).collect()
}

fn order(index: usize, raw: RawOrder, zone: &Zone) -> Result<Order, Invalid> {
    let placed_at =
        raw.placed_at.map(|text| moment(&text, || format!("orders[{index}].placed_at"), zone)).transpose()?;
    let RawOrder {
        id: Id(id), code, side, volume: Shares(volume), traded: Shares(traded), price, status, ours, ..
    } = raw;
    Ok(Order { id, code, side, volume, traded, price: price.map(|price| price.0), status, placed_at, ours })
}

fn fill(index: usize, raw: RawFill, zone: &Zone) -> Result<Fill, Invalid> {
    let RawFill { id: Id(id), order, code, side, volume: Shares(volume), price: NotNegative(price), at, fee } = raw;
    if volume == 0 {
        return Err(wrong(format!("fills[{index}].volume"), "nothing was traded"));
    }
    let at = moment(&at, || format!("fills[{index}].at"), zone)?;
    Ok(Fill { id, order: order.map(|order| order.0), code, side, volume, price, at, fee })
}

fn waiting(RawWaiting { code, shares: Shares(shares), reason, text }: RawWaiting) -> Waiting {
    let words = |text: String| text.chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect();
    Waiting { code, shares, reason, text: text.map(words) }
}
