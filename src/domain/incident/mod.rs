//! Incidents: what somebody should be told of. One has a key (what kind, about what), begins, may change, and ends.

mod standing;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::standing::{Acknowledged, Change, Found, Incident, IncidentId, Standing, Step};
use super::account::AccountName;
use super::calendar::{Calendar, Day};
use super::hold::Reason;
use super::moment::Moment;
use super::revision::Revision;
use super::strategy::StrategyName;

/// How urgent an incident is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    ToSchema,
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

impl Severity {
    /// The severity as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What was found, with all that its text says. Two of one key differ in what has changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::EnumDiscriminants)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum_discriminants(name(Kind), derive(Hash, PartialOrd, Ord, Serialize, Deserialize))]
#[strum_discriminants(derive(strum::EnumString, strum::IntoStaticStr, strum::VariantArray))]
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
        /// When it was last heard of.
        since: Moment,
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
        /// Why it waits.
        reasons: Vec<Reason>,
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

/// For how long what an account holds may differ from its target, where nobody said otherwise: trading time.
pub const DRIFT_AFTER: Duration = Duration::from_mins(10);

/// How many instruments an incident names.
pub const NAMED: usize = 5;

/// What makes an incident one: there stands one at a time for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What kind it is.
    pub kind: Kind,
    /// What it is about; empty where there is only one of the kind.
    pub subject: String,
}

impl Key {
    /// The key of that kind and subject.
    pub fn new(kind: Kind, subject: &(impl ToString + ?Sized)) -> Self {
        Self { kind, subject: subject.to_string() }
    }
}

/// When something is worth a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// At any time.
    Always,
    /// While the exchanges take orders.
    Trading,
}

impl Hours {
    /// Whether it is such a time.
    pub fn count(self, calendar: &Calendar, now: Moment) -> bool {
        self == Self::Always || calendar.is_trading_time(now)
    }
}

impl Kind {
    /// The kind as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How urgent it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::TerminalSilent | Self::OtherTerminal | Self::OrdersRejected | Self::Disk => Severity::Alarm,
            Self::StrategyLate
            | Self::StrategySilent
            | Self::Drift
            | Self::PushHeld
            | Self::Locked
            | Self::BelowZero
            | Self::RefusedSignatures
            | Self::Backup
            | Self::Certificate
            | Self::Clock => Severity::Warning,
            Self::CalendarUnknown => Severity::Notice,
        }
    }

    /// When one begins: what nobody can trade on is nobody's business at night. One that stands stays, whatever the hour.
    pub const fn begins(self) -> Hours {
        match self {
            Self::StrategySilent | Self::TerminalSilent | Self::Drift => Hours::Trading,
            _ => Hours::Always,
        }
    }

    /// When one that stands is told of again: a reminder to trade helps only while the exchanges do.
    pub const fn reminds(self) -> Hours {
        match self {
            Self::RefusedSignatures
            | Self::Backup
            | Self::Certificate
            | Self::Disk
            | Self::Clock
            | Self::CalendarUnknown => Hours::Always,
            _ => Hours::Trading,
        }
    }
}

impl Concern {
    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.into()
    }

    /// What makes it one with what was found before.
    pub fn key(&self) -> Key {
        let kind = self.kind();
        match self {
            Self::StrategyLate { strategy, .. }
            | Self::StrategySilent { strategy, .. }
            | Self::PushHeld { strategy, .. } => Key::new(kind, strategy),
            Self::TerminalSilent { account, .. }
            | Self::Drift { account, .. }
            | Self::Locked { account, .. }
            | Self::OtherTerminal { account, .. } => Key::new(kind, account),
            // Neither holds a control character, so that no two pairs are spelled alike.
            Self::OrdersRejected { account, instrument, .. } => Key::new(kind, &format!("{account}\t{instrument}")),
            Self::RefusedSignatures { address, .. } => Key::new(kind, address),
            Self::BelowZero { .. }
            | Self::Backup { .. }
            | Self::Certificate { .. }
            | Self::Disk { .. }
            | Self::Clock { .. }
            | Self::CalendarUnknown { .. } => Key::new(kind, ""),
        }
    }

    /// The account that it is about.
    pub const fn account(&self) -> Option<&AccountName> {
        match self {
            Self::TerminalSilent { account, .. }
            | Self::Drift { account, .. }
            | Self::Locked { account, .. }
            | Self::OtherTerminal { account, .. }
            | Self::OrdersRejected { account, .. } => Some(account),
            _ => None,
        }
    }

    /// The strategy that it is about.
    pub const fn strategy(&self) -> Option<&StrategyName> {
        match self {
            Self::StrategyLate { strategy, .. }
            | Self::StrategySilent { strategy, .. }
            | Self::PushHeld { strategy, .. } => Some(strategy),
            _ => None,
        }
    }

    /// Whether it says so much more than what was told that it is worth another word. Both have the same key.
    pub fn outgrows(&self, told: &Self) -> bool {
        match (self, told) {
            (Self::StrategyLate { due, .. }, Self::StrategyLate { due: told, .. }) => due != told,
            (Self::PushHeld { hold, .. }, Self::PushHeld { hold: told, .. }) => hold != told,
            (Self::Certificate { expires_at }, Self::Certificate { expires_at: told }) => expires_at != told,
            (Self::CalendarUnknown { from }, Self::CalendarUnknown { from: told }) => from < told,
            (
                Self::Drift { instruments, count, .. }
                | Self::Locked { instruments, count, .. }
                | Self::BelowZero { instruments, count },
                Self::Drift { instruments: told, count: told_count, .. }
                | Self::Locked { instruments: told, count: told_count, .. }
                | Self::BelowZero { instruments: told, count: told_count },
            ) => {
                // Where only the first few were named, another one may have been among the rest.
                let all_named = told.len() == *told_count;
                count > told_count || (all_named && instruments.iter().any(|one| !told.contains(one)))
            }
            (Self::RefusedSignatures { count, .. }, Self::RefusedSignatures { count: told, .. }) => {
                *count >= told.saturating_mul(10)
            }
            (Self::OrdersRejected { count, .. }, Self::OrdersRejected { count: told, .. }) => {
                *count >= told.saturating_mul(2)
            }
            (Self::Backup { error, .. }, Self::Backup { error: told, .. }) => error.is_some() && told.is_none(),
            (Self::Disk { free, .. }, Self::Disk { free: told, .. }) => *free < told / 2,
            (Self::Clock { ahead }, Self::Clock { ahead: told }) => {
                ahead.unsigned_abs() > told.unsigned_abs().saturating_mul(2)
            }
            _ => false,
        }
    }
}
