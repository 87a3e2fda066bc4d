//! How what accounts hold is divided among those who want it: kept up with every report.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::draft::Draft;
use crate::domain::account::AccountName;
use crate::domain::attribution::{Attribution, Event, Owner, Situation};
use crate::domain::reported::{Reported, Step};
use crate::domain::settings::Settled;
use crate::domain::target::Target;

/// How an account's holdings are divided after a report, and what of the report changed that.
#[derive(Debug)]
pub struct Attributed {
    /// After it.
    pub attribution: Arc<Attribution>,
    /// What of it did it; nothing where it touched nothing.
    pub event: Event,
    /// Whether the day's prices, or what is not divided yet, are not as they were.
    pub has_moved: bool,
}

impl Attributed {
    /// Those whose parts are not as they were.
    pub fn owners(&self) -> BTreeSet<&Owner> {
        let touched = self.event.touches.keys().filter_map(|instrument| self.attribution.items.get(instrument));
        touched.flat_map(|item| &item.parts).map(|part| &part.owner).collect()
    }
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
        let (attribution, event) = Attribution::follow(before.as_deref(), &situation);
        let has_moved = before.is_none_or(|before| {
            !event.touches.is_empty() || (&before.prices, &before.loose) != (&attribution.prices, &attribution.loose)
        });
        let attribution = Arc::new(attribution);
        self.ledger.attributions.insert(name.clone(), Arc::clone(&attribution));
        Attributed { attribution, event, has_moved }
    }
}

#[cfg(test)]
mod tests;
