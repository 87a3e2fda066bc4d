//! Pushes that wait until somebody approves or discards them.

use serde::{Deserialize, Serialize};

use super::calendar::Day;
use super::decimal::Decimal;
use super::guard::Finding;
use super::moment::Moment;
use super::position::{Position, PositionList};
use super::revision::{Actor, Revision};
use super::state::State;

/// Why a push waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reason {
    /// A guard says so.
    Guard(Finding),
    /// The operator does not let the strategy's pushes count now.
    State(State),
}

impl Reason {
    /// Whether it is the same reason as another: what was found may be told by the minute.
    pub fn is_like(&self, other: &Self) -> bool {
        let same = |one: &Finding, two: &Finding| (one.rule, one.then, &one.code) == (two.rule, two.then, &two.code);
        match (self, other) {
            (Self::Guard(one), Self::Guard(two)) => same(one, two),
            (Self::State(one), Self::State(two)) => one == two,
            _ => false,
        }
    }
}

/// A push that waits. The target in force stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The revision that first noted it: whoever approves names it, so that what was approved is what was seen.
    pub id: Revision,
    /// When it came; on a later day on which it was pushed again, when it first was.
    pub at: Moment,
    /// Who pushed.
    pub actor: Actor,
    /// From where: an IP address.
    pub address: Option<String>,
    /// What the strategy wants.
    pub list: PositionList,
    /// The strategy's equity as it told: CNY.
    pub total_value: Option<Decimal>,
    /// The sequence that it took.
    pub sequence: Option<i64>,
    /// Why it waits; never empty.
    pub reasons: Vec<Reason>,
}

impl Hold {
    /// What would come into force today: lines whose last day is over do not.
    pub fn counting(&self, today: Day) -> Vec<Position> {
        self.list.iter().filter(|position| !position.is_over(today)).cloned().collect()
    }
}
