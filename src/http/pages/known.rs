//! What the book knows by name: what filters, fields and the search offer.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::book::Book;
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::strategy::StrategyName;
use crate::domain::total::Selection;

/// An instrument that somebody wants, wanted once, or holds.
pub(super) struct Known {
    pub(super) code: Code,
    pub(super) name: String,
}

/// Every strategy and overlay, also those that are closed, or whose first push waits.
pub(super) fn strategies(book: &Book) -> Vec<StrategyName> {
    let all = book.strategies().map(|strategy| &strategy.name).chain(book.settings().closed()).chain(book.pasts());
    all.chain(book.settings().holds().map(|(name, _)| name)).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// Every instrument, by its code as terminals write it.
pub(super) fn instruments(book: &Book) -> Vec<Known> {
    let mut names: BTreeMap<Instrument, String> = BTreeMap::new();
    let mut note = |instrument: Instrument, name: &str| {
        let known = names.entry(instrument).or_default();
        if known.is_empty() {
            name.clone_into(known);
        }
    };
    // A total of everything names no strategy that could be unknown.
    for line in book.total(&Selection::All).into_iter().flat_map(|total| total.lines) {
        note(line.code.instrument(), line.name.as_deref().unwrap_or_default());
    }
    for (instrument, past) in book.pasts().flat_map(|name| book.past(name)) {
        note(instrument.clone(), past.name.as_deref().unwrap_or_default());
    }
    // What sums up to nothing stands in no total.
    let held = book.reports().flat_map(|(_, reported)| reported.holdings.keys());
    book.instruments().chain(held).for_each(|instrument| note(instrument.clone(), ""));
    let spelled = |(instrument, name): (Instrument, String)| {
        Some(Known { code: Code::parse(&instrument.to_string()).ok()?.to(Notation::Qmt), name })
    };
    names.into_iter().filter_map(spelled).collect()
}
