//! What an account's terminal reports, and what it would order now.

use std::collections::{BTreeMap, HashSet};

use super::super::error::AppError;
use super::target_rows::TargetRow;
use crate::desk::{Order, orders_of};
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::code::Instrument;
use crate::domain::decimal::{Decimal, Volume};
use crate::domain::moment::Moment;
use crate::domain::report::{self, Fill, Holding, Mode, Reason};
use crate::domain::revision::Revision;
use crate::domain::target::Target;
use crate::store::Store;
use crate::store::reports::Span;

/// How many of the day's fills are counted, and how many of them, and of the orders, are listed.
const FILLS: u32 = 10_000;
pub(super) const LISTED: usize = 100;

/// An account as its terminal has reported it last.
pub(super) struct AccountReport {
    pub(super) heard_at: Moment,
    pub(super) is_silent: bool,
    pub(super) is_dry: bool,
    /// The revision that the terminal goes by, and whether its target has a newer one.
    pub(super) revision: Option<Revision>,
    pub(super) is_behind: bool,
    /// CNY.
    pub(super) cash: Option<f64>,
    pub(super) total_asset: Option<f64>,
    /// What is held, at the last prices: CNY; None where one is not known.
    pub(super) value: Option<f64>,
    /// What may still be traded of the day's orders, and what became of the others.
    pub(super) in_flight: Vec<report::Order>,
    pub(super) settled_orders: usize,
    /// What is held and no line of the target: nobody's but the owner's.
    pub(super) beside: Vec<Holding>,
}

/// Why so much differs: the reason, of how many lines, and what they are worth: CNY, as far as prices are known.
pub(super) struct Because {
    pub(super) reason: Reason,
    pub(super) lines: usize,
    pub(super) worth: Option<f64>,
}

impl AccountReport {
    /// None before any report.
    pub(super) fn of(book: &Book, account: &AccountName, target: Option<&Target>, now: Moment) -> Option<Self> {
        let reported = book.reported(account)?;
        let worth = |holding: &Holding| Some(holding.price?.approximate() * Volume::from(holding.volume).approximate());
        let wanted: Option<HashSet<Instrument>> =
            target.map(|target| target.lines.iter().map(|line| line.code.instrument()).collect());
        let listed = |holding: &&Holding| {
            let is_wanted = |wanted: &HashSet<Instrument>| wanted.contains(&holding.code.instrument());
            holding.volume != 0 && wanted.as_ref().is_some_and(|wanted| !is_wanted(wanted))
        };
        let orders = || reported.orders_on(Day::of(now)).iter();
        Some(Self {
            heard_at: reported.heard_at,
            is_silent: reported.is_silent(now),
            is_dry: reported.mode == Mode::DryRun,
            revision: reported.revision,
            is_behind: target.is_some_and(|target| reported.revision.is_some_and(|one| one < target.mark.revision)),
            cash: reported.cash.map(Decimal::approximate),
            total_asset: reported.total_asset.map(Decimal::approximate),
            value: reported.holdings.values().map(worth).sum(),
            in_flight: orders().filter(|order| order.open() > 0).cloned().collect(),
            settled_orders: orders().filter(|order| order.open() == 0).count(),
            beside: reported.holdings.values().filter(listed).cloned().collect(),
        })
    }
}

/// What the terminal would order now; None before any report.
pub(super) fn orders_now(book: &Book, account: &AccountName, target: &Target, now: Moment) -> Option<Vec<Order>> {
    book.reported(account).map(|reported| orders_of(target, reported, Day::of(now)))
}

/// Why lines differ, what is worth most first.
pub(super) fn because(rows: &[TargetRow]) -> Vec<Because> {
    let mut reasons: BTreeMap<&'static str, Because> = BTreeMap::new();
    for row in rows {
        for part in row.drift.iter().flat_map(|drift| &drift.parts) {
            let entry = Because { reason: part.reason, lines: 0, worth: None };
            let because = reasons.entry(part.reason.as_str()).or_insert(entry);
            because.lines += 1;
            if let Some(price) = row.price.or(row.average) {
                *because.worth.get_or_insert_default() += part.shares.approximate().abs() * price;
            }
        }
    }
    let mut all: Vec<Because> = reasons.into_values().collect();
    all.sort_by(|one, two| two.worth.unwrap_or_default().total_cmp(&one.worth.unwrap_or_default()));
    all
}

/// The day's trades, newest first.
pub(super) async fn fills_of_today(store: &Store, account: &AccountName, now: Moment) -> Result<Vec<Fill>, AppError> {
    let today = Day::of(now);
    let span = Span { from: today.begins_at(), to: today.next().begins_at() };
    Ok(store.fills(account, span, FILLS).await?)
}
