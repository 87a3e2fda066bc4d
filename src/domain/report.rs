//! What a terminal reports of its account: what it holds, ordered and traded, and what it waits for.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::code::Code;
use super::decimal::Decimal;
use super::moment::Moment;
use super::revision::Revision;

/// The most holdings, orders, fills, and entries of what is waited for, that a report may have; each.
pub const MAX_ENTRIES: usize = 10_000;

/// What a terminal reports, the whole state each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When it looked, by its own clock.
    pub at: Moment,
    /// Whether it trades.
    pub mode: Mode,
    /// The revision of the target that it goes by; None before it has seen one.
    pub revision: Option<Revision>,
    /// Cash that can be spent: CNY.
    pub cash: Option<Decimal>,
    /// Cash and holdings at their prices: CNY.
    pub total_asset: Option<Decimal>,
    /// All that is held, each instrument once; of others a volume of zero, where their prices are told.
    pub holdings: Vec<Holding>,
    /// The orders of the day, each id once.
    pub orders: Vec<Order>,
    /// Trades, some of which may have been reported before.
    pub fills: Vec<Fill>,
    /// Why it does not trade what it would have to.
    pub waiting: Vec<Waiting>,
}

/// Whether a terminal trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// It does.
    Live,
    /// It only says what it would do.
    DryRun,
}

/// What is held of an instrument. Volumes are shares, of convertible bonds pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The code as the terminal spells it.
    pub code: Code,
    /// How much.
    pub volume: i64,
    /// How much of it may be sold today.
    pub sellable: i64,
    /// What it cost on average: CNY per share.
    pub cost: Option<Decimal>,
    /// The last price: CNY per share.
    pub price: Option<Decimal>,
}

/// Which way a trade goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Side {
    /// Sells.
    Sell,
    /// Buys.
    Buy,
}

impl Side {
    /// The side as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What so many shares that are traded do to what is held.
    pub const fn signed(self, volume: i64) -> i64 {
        match self {
            Self::Buy => volume,
            Self::Sell => -volume,
        }
    }
}

/// What has become of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OrderStatus {
    /// It may still be filled.
    Working,
    /// All of it is traded.
    Filled,
    /// What was not traded will not be.
    Cancelled,
    /// The exchange or the broker refused it.
    Rejected,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The broker's number.
    pub id: SmolStr,
    /// Of what.
    pub code: Code,
    /// Which way.
    pub side: Side,
    /// How much: shares.
    pub volume: i64,
    /// How much of it is traded: shares.
    pub traded: i64,
    /// Its limit: CNY per share.
    pub price: Option<Decimal>,
    /// What has become of it.
    pub status: OrderStatus,
    /// When it was placed.
    pub placed_at: Option<Moment>,
    /// Whether the terminal placed it to follow the target; else somebody did by hand.
    pub ours: bool,
}

impl Order {
    /// How much of it may still be traded: shares.
    pub fn open(&self) -> i64 {
        if self.status == OrderStatus::Working { (self.volume - self.traded).max(0) } else { 0 }
    }
}

/// A trade. Within an account told apart by day and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fill {
    /// The exchange's number.
    pub id: SmolStr,
    /// The order that it belongs to.
    pub order: Option<SmolStr>,
    /// Of what.
    pub code: Code,
    /// Which way.
    pub side: Side,
    /// How much: shares.
    pub volume: i64,
    /// CNY per share.
    pub price: Decimal,
    /// When.
    pub at: Moment,
    /// What it cost besides: CNY.
    pub fee: Option<Decimal>,
}

/// Why a terminal does not trade what it would have to, as far as it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Of what.
    pub code: Code,
    /// How much: shares.
    pub shares: i64,
    /// Why.
    pub reason: Reason,
    /// The same in the terminal's words.
    pub text: Option<SmolStr>,
}

/// Why what is held differs from what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[schema(as = WaitingReason)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// It is ordered, or the target is on its way to the terminal.
    InFlight,
    /// What was bought today may be sold tomorrow.
    #[serde(rename = "t_plus_1")]
    #[strum(serialize = "t_plus_1")]
    TPlus1,
    /// The exchange takes no order of so little.
    BelowLot,
    /// There is not enough money.
    Cash,
    /// It stands at its upper limit, and nobody sells.
    LimitUp,
    /// It stands at its lower limit, and nobody buys.
    LimitDown,
    /// Its trade is suspended.
    Suspended,
    /// The terminal knows no price of today.
    NoQuote,
    /// The exchange is closed, or the terminal's hours are over.
    ClosedHours,
    /// The terminal's own limits forbid it.
    OrderLimit,
    /// Orders were refused.
    Rejected,
    /// The target says not to trade it now.
    HeldLine,
    /// The terminal only says what it would do.
    DryRun,
    /// The terminal is not heard of.
    TerminalSilent,
    /// Nothing known explains it.
    Unexplained,
}

impl Reason {
    /// The reason as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether nobody need look at what it explains: it is as it should be, nobody can change it, or it is told by itself, as
    /// a silent terminal is and a line that is held.
    pub const fn is_expected(self) -> bool {
        match self {
            Self::TPlus1
            | Self::BelowLot
            | Self::Suspended
            | Self::ClosedHours
            | Self::HeldLine
            | Self::DryRun
            | Self::TerminalSilent => true,
            Self::InFlight
            | Self::Cash
            | Self::LimitUp
            | Self::LimitDown
            | Self::NoQuote
            | Self::OrderLimit
            | Self::Rejected
            | Self::Unexplained => false,
        }
    }
}
