//! A list unfolded from its history: change after change, from an earlier list or from nothing.

use std::collections::BTreeMap;

use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Placed, Position, PositionList};
use crate::domain::revision::RevisionKind;

/// A list on its way through its history.
#[derive(Debug, Clone, Default)]
pub struct Unfolded {
    places: BTreeMap<i64, Position>,
    updated_at: Option<Moment>,
}

impl Unfolded {
    /// From a list that is known, and the moment when a poller had last seen it change.
    pub fn from_list(list: &PositionList, updated_at: Moment) -> Self {
        let places = list.placed().iter().map(|Placed { place, position }| (*place, position.clone()));
        Self { places: places.collect(), updated_at: Some(updated_at) }
    }

    /// Goes on by what a revision changed.
    ///
    /// # Errors
    /// When a change does not start from what is there.
    pub fn follow(
        &mut self,
        kind: RevisionKind,
        at: Moment,
        changes: Vec<InstrumentChange>,
    ) -> Result<(), &'static str> {
        const ASTRAY: &str = "a change does not start from what was there before it";
        if kind == RevisionKind::Remove || changes.iter().any(InstrumentChange::is_seen) {
            self.updated_at = Some(at);
        }
        // The first revision may hold nothing.
        self.updated_at.get_or_insert(at);
        for Placed { place, position } in changes.iter().flat_map(|change| &change.before) {
            if self.places.remove(place).as_ref() != Some(position) {
                return Err(ASTRAY);
            }
        }
        for Placed { place, position } in changes.into_iter().flat_map(|change| change.after) {
            if self.places.insert(place, position).is_some() {
                return Err(ASTRAY);
            }
        }
        Ok(())
    }

    /// When a poller had last seen something change; None before the first revision.
    pub const fn updated_at(&self) -> Option<Moment> {
        self.updated_at
    }

    /// How many lines it has here.
    pub fn lines(&self) -> usize {
        self.places.len()
    }

    /// The list as it stands here.
    pub fn list(self) -> PositionList {
        PositionList::from_placed(self.places.into_iter().map(|(place, position)| Placed { place, position }).collect())
    }
}
