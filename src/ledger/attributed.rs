//! How what accounts hold is divided among those who want it: kept up with every report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::draft::Draft;
use crate::domain::account::AccountName;
use crate::domain::attribution::{Attribution, Event, Owner, Part, Situation};
use crate::domain::reported::{Reported, Step};
use crate::domain::settings::Settled;
use crate::domain::target::Target;

/// How often prices are kept when nothing else moves: all of them stand in one row.
const PRICES_KEPT_EVERY: Duration = Duration::from_mins(5);

/// How an account's holdings are divided after a report, and what of the report changed that.
#[derive(Debug)]
pub struct Attributed {
    /// After it.
    pub attribution: Arc<Attribution>,
    /// What of it did it; nothing where it touched nothing.
    pub event: Event,
    /// Those whose parts are not as they were.
    pub owners: BTreeSet<Owner>,
    /// Whether it is to be kept.
    pub is_kept: bool,
}

/// Those whose parts of what an event touches are not as they were.
fn changed(before: Option<&Attribution>, after: &Attribution, event: &Event) -> BTreeSet<Owner> {
    let mut owners = BTreeSet::new();
    for instrument in event.touches.keys() {
        let parts_before = before.and_then(|before| before.items.get(instrument)).map(|item| &item.parts);
        let parts = after.items.get(instrument).into_iter().flat_map(|item| &item.parts);
        let is_as_before = |part: &&Part| parts_before.is_some_and(|before| before.contains(part));
        owners.extend(parts.filter(|part| !is_as_before(part)).map(|part| part.owner.clone()));
    }
    owners
}

impl Draft {
    /// Divides what is held after a report.
    pub(super) fn attribute(
        &mut self,
        name: &AccountName,
        reported: Option<&Reported>,
        step: &Step,
        target: Option<&Target>,
        settled: &Settled,
    ) -> Attributed {
        let (book, account) = (&self.ledger.book, &settled.account);
        let before = self.ledger.attributions.get(name).cloned();
        let situation = Situation { before: reported, step, target, book, account };
        let (mut attribution, event) = Attribution::follow(before.as_deref(), &situation);
        let owners = changed(before.as_deref(), &attribution, &event);
        let is_kept = before.is_none_or(|before| {
            let is_due = before.kept_at.is_none_or(|at| self.now.since(at) >= PRICES_KEPT_EVERY || self.now < at);
            !event.touches.is_empty()
                || before.loose != attribution.loose
                || is_due && before.prices != attribution.prices
        });
        if is_kept {
            attribution.kept_at = Some(self.now);
        }
        let attribution = Arc::new(attribution);
        self.ledger.attributions.insert(name.clone(), Arc::clone(&attribution));
        Attributed { attribution, event, owners, is_kept }
    }
}

#[cfg(test)]
mod tests;
