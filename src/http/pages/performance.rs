//! What became of a strategy's wishes over some days: profit, what trading cost, and what fell short.

use super::super::AppState;
use super::super::error::AppError;
use super::links::{query, strategy_path};
use super::view::View;
use crate::domain::account::AccountName;
use crate::domain::attribution::DayResult;
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::money::Money;
use crate::domain::strategy::StrategyName;

/// The spans that are offered, in days, the usual one first; and the longest.
const SPANS: [i64; 3] = [30, 7, 90];
const LONGEST: i64 = 400;

/// How tall the bars of a day's profit are drawn, and how wide all of them are.
const HEIGHT: f64 = 60.0;
const WIDTH: f64 = 640.0;

pub(super) struct Performance {
    pub(super) from: Day,
    pub(super) to: Day,
    /// How many days, and where that span is shown.
    pub(super) spans: Vec<(i64, String, bool)>,
    pub(super) csv: String,
    pub(super) accounts: Vec<Summed>,
    /// Newest first.
    pub(super) days: Vec<(Day, DayResult)>,
    pub(super) bars: Vec<Bar>,
}

/// What became of it in an account.
pub(super) struct Summed {
    pub(super) account: AccountName,
    pub(super) total: DayResult,
    /// What it holds there at the end of the last day: CNY.
    pub(super) value: Money,
}

/// A day's profit.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) class: &'static str,
    pub(super) title: String,
}

impl Performance {
    /// What became of it in every account that reports, over the days that are asked for, else the last thirty.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn read(
        state: &AppState,
        book: &Book,
        name: &StrategyName,
        (from, to): (&str, &str),
        v: &View,
    ) -> Result<Self, AppError> {
        let today = Day::of(v.now);
        let to: Day = to.parse().unwrap_or(today).min(today);
        let from: Day = from.parse().unwrap_or_else(|_| to.after(1 - SPANS[0]));
        let from = from.min(to).max(to.after(-LONGEST));
        let (mut accounts, mut days) = (Vec::new(), std::collections::BTreeMap::<Day, DayResult>::new());
        for (account, _) in book.reports() {
            let performed = state.desk.performance(account, &Some(name.clone()), from, to).await?;
            let Some((_, last)) = performed.last() else { continue };
            let value = last.result.value;
            let mut total = DayResult::default();
            for (day, owner) in &performed {
                total = total.with(&owner.result);
                let sum = days.entry(*day).or_default();
                *sum = sum.with(&owner.result);
            }
            accounts.push(Summed { account: account.clone(), total, value });
        }
        let path = strategy_path(name.as_str());
        let span = |days: i64| {
            let begin = today.after(1 - days);
            let link =
                format!("{path}?{}#performance", query([("from", &*begin.to_string()), ("to", &today.to_string())]));
            (days, link, (begin, today) == (from, to))
        };
        Ok(Self {
            spans: SPANS.map(span).into(),
            csv: format!("/api/v1{path}/performance.csv?from={from}&to={to}"),
            bars: bars(&days, v),
            days: days.into_iter().rev().collect(),
            accounts,
            from,
            to,
        })
    }

    /// Over all accounts.
    pub(super) fn total(&self) -> DayResult {
        self.accounts.iter().fold(DayResult::default(), |total, one| total.with(&one.total))
    }

    /// The same in words, for who does not see the bars.
    pub(super) fn summary(&self, v: &View) -> String {
        v.t.profit_from_to(self.from, self.to, &v.fen(self.total().profit))
    }
}

fn bars(days: &std::collections::BTreeMap<Day, DayResult>, v: &View) -> Vec<Bar> {
    let profit = |result: &DayResult| result.profit.approximate();
    let most = days.values().map(|result| profit(result).abs()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let count = u32::try_from(days.len()).unwrap_or(u32::MAX).max(1);
    let step = (WIDTH / f64::from(count)).min(24.0);
    let bar = |(n, (day, result)): (u32, (&Day, &DayResult))| {
        let height = profit(result).abs() / most * HEIGHT;
        Bar {
            x: f64::from(n) * step,
            y: if profit(result) < 0.0 { HEIGHT } else { HEIGHT - height },
            width: step * 0.8,
            height,
            class: if profit(result) < 0.0 { "sell" } else { "buy" },
            title: format!("{day} {}", v.fen(result.profit)),
        }
    };
    (0..).zip(days).map(bar).collect()
}
