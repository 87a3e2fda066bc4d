//! How a strategy stands after a batch, and the seal that tells whether what is read later is what was written.

use std::sync::Arc;

use super::fields::Fields;
use crate::domain::book::{Past, Strategy, Told};
use crate::domain::code::Instrument;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::schedule::Met;
use crate::domain::strategy::{StrategyId, StrategyName};

/// A strategy as it stands after a batch.
#[derive(Debug, Clone)]
pub struct StrategyState {
    /// The strategy; with an empty list when it is gone.
    pub strategy: Arc<Strategy>,
    /// Whether it was taken out of lists and totals.
    pub removed: bool,
    /// Whether the batch brought its list to where one is kept, so that no list is far from one in the history.
    pub is_kept: bool,
}

/// SHA-256 over all that is stored of a strategy, bound to the revision that made it so: no bit of it turns unseen, and
/// no state passes for that of another revision. `list` is the list as it is written.
pub fn seal(strategy: &Strategy, removed: bool, list: &str) -> [u8; 32] {
    let mut fields = Fields::default();
    let Strategy { id, name, mark, revisions, last_push_at, sequence, told, .. } = strategy;
    fields.put(name.as_str().as_bytes());
    fields.put(&mark.chain);
    fields.put(&revisions.to_be_bytes());
    for number in [id.get(), mark.revision.get(), mark.updated_at.as_micros()] {
        fields.put(&number.to_be_bytes());
    }
    for number in [last_push_at.map(Moment::as_micros), *sequence] {
        fields.put_or_none(number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }
    fields.put(&[removed.into()]);
    fields.put(list.as_bytes());
    // What older versions did not write is sealed where it is there, so that their seals hold.
    let Told { spoken_at, met, total_value, .. } = told;
    if spoken_at.is_some() || met.is_some() || total_value.is_some() {
        fields.put_or_none(spoken_at.map(|at| at.as_micros().to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice));
        fields.put_or_none(met.as_ref().map(written_met).as_deref().map(str::as_bytes));
        fields.put_or_none(total_value.as_ref().map(ToString::to_string).as_deref().map(str::as_bytes));
    }
    fields.digest()
}

/// The beginning of a SHA-256 over what a strategy wanted once: a turned bit would list another instrument as zero, and a
/// terminal might sell it.
pub fn seal_past(strategy: &StrategyName, instrument: &Instrument, past: &Past) -> [u8; 8] {
    let mut fields = Fields::default();
    for text in [strategy.as_str(), &instrument.to_string(), &past.code.to_string()] {
        fields.put(text.as_bytes());
    }
    fields.put_or_none(past.name.as_deref().map(str::as_bytes));
    for number in [past.revision.get(), past.at.as_micros()] {
        fields.put(&number.to_be_bytes());
    }
    fields.digest().first_chunk().copied().unwrap_or_default()
}

/// Which times of a schedule were met, as it is written.
pub fn written_met(met: &Met) -> String {
    // Two numbers can always be written.
    serde_json::to_string(met).unwrap_or_default()
}

/// SHA-256 over a list as it is kept at a revision, so that the past is not read from what was not written.
pub fn seal_list(strategy: StrategyId, revision: Revision, updated_at: Moment, list: &str) -> [u8; 32] {
    let mut fields = Fields::default();
    for number in [strategy.get(), revision.get(), updated_at.as_micros()] {
        fields.put(&number.to_be_bytes());
    }
    fields.put(list.as_bytes());
    fields.digest()
}
