//! Incidents: what somebody should be told of. One has a key (what kind, about what), begins, may change, and ends.

use serde::{Deserialize, Serialize};

use super::account::AccountName;
use super::calendar::Day;
use super::moment::Moment;
use super::revision::Revision;
use super::strategy::StrategyName;

/// How urgent an incident is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// To be known before the next trading day.
    Notice,
    /// To be looked at today.
    Warning,
    /// Orders go wrong, or do not go, until somebody acts.
    Alarm,
}

/// What was found, with all that its text says. Two of one key differ in what has changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::EnumDiscriminants)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum_discriminants(name(Kind), derive(Hash, PartialOrd, Ord, Serialize, Deserialize))]
#[strum_discriminants(derive(strum::Display, strum::EnumString, strum::VariantArray))]
#[strum_discriminants(serde(rename_all = "snake_case"), strum(serialize_all = "snake_case"))]
pub enum Concern {
    /// A time of its schedule went by without a push.
    StrategyLate {
        /// Of which strategy.
        strategy: StrategyName,
        /// Which time.
        due: Moment,
    },
    /// A strategy has not pushed since the last trading day.
    StrategySilent {
        /// Which.
        strategy: StrategyName,
        /// When it pushed last.
        since: Moment,
    },
    /// An account's terminal does not ask while the exchanges trade.
    TerminalSilent {
        /// Of which account.
        account: AccountName,
        /// When it asked last; None when it has not since the server began.
        since: Option<Moment>,
    },
    /// What an account holds differs from its target for too long.
    Drift {
        /// Which account.
        account: AccountName,
        /// The instruments, as the target spells them; the first few.
        instruments: Vec<String>,
        /// How many there are.
        count: usize,
        /// Since when.
        since: Moment,
    },
    /// A push waits for the operator.
    PushHeld {
        /// Of which strategy.
        strategy: StrategyName,
        /// Its number.
        hold: Revision,
        /// Why, as the answer to the push said it.
        reasons: Vec<String>,
    },
    /// Instruments of an account changed by other than trades, and are not traded.
    Locked {
        /// Which account.
        account: AccountName,
        /// The instruments; the first few.
        instruments: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// More of an instrument is taken away than there is.
    BelowZero {
        /// The instruments; the first few.
        instruments: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// Many pushes from one address had no good signature.
    RefusedSignatures {
        /// Which address.
        address: String,
        /// How many, within the span that is looked at.
        count: u64,
    },
    /// Another terminal asks for an account that one has.
    OtherTerminal {
        /// Which account.
        account: AccountName,
        /// From where it asks.
        address: String,
    },
    /// The broker rejects orders for an instrument again and again.
    OrdersRejected {
        /// Of which account.
        account: AccountName,
        /// Which instrument.
        instrument: String,
        /// How many today.
        count: u64,
        /// What the broker said last.
        reason: Option<String>,
    },
    /// The last copy of the database failed, or is too old.
    Backup {
        /// When the last one was made; None when there is none.
        made_at: Option<Moment>,
        /// Why the last try failed, when it did.
        error: Option<String>,
    },
    /// The certificate will expire soon.
    Certificate {
        /// When.
        expires_at: Moment,
    },
    /// The disk that the database is on is nearly full.
    Disk {
        /// What is free: bytes.
        free: u64,
        /// What there is: bytes.
        total: u64,
    },
    /// The server's clock differs from what others say.
    Clock {
        /// By how many microseconds it is ahead; below zero, behind.
        ahead: i64,
    },
    /// The calendar does not say whether the exchanges trade on days to come.
    CalendarUnknown {
        /// The first such day.
        from: Day,
    },
}
