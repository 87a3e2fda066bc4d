//! Two who edited one overlay: what the first saved and what the second typed become one, line by line.

use std::collections::BTreeMap;

use super::overlay_row::OverlayRow;
use super::texts::Texts;
use super::view::View;
use crate::domain::code::{Code, Instrument};
use crate::domain::position::Position;

/// An instrument that somebody changed.
pub(super) struct MergeLine {
    pub(super) code: Code,
    pub(super) name: String,
    base: Vec<Position>,
    theirs: Vec<Position>,
    mine: Vec<Position>,
    pub(super) fate: Fate,
}

/// Whose word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Only they changed it.
    Theirs,
    /// Only I did, or both alike.
    Mine,
    /// Both did, differently: mine, until I say otherwise.
    Both,
}

impl MergeLine {
    /// The instruments in which three lists are not alike.
    pub(super) fn all(base: &[Position], theirs: &[Position], mine: &[Position]) -> Vec<Self> {
        let mut sides: BTreeMap<Instrument, [Vec<Position>; 3]> = BTreeMap::new();
        for (side, list) in [base, theirs, mine].into_iter().enumerate() {
            for position in list {
                // A price belongs to the moment of a push, and nobody types it here.
                sides.entry(position.code().instrument()).or_default()[side].push(position.clone().at_price(None));
            }
        }
        sides.into_values().filter_map(Self::of).collect()
    }

    fn of([base, theirs, mine]: [Vec<Position>; 3]) -> Option<Self> {
        let fate = match (theirs == base, mine == base || mine == theirs) {
            (true, true) => return None,
            (false, true) => Fate::Theirs,
            (true, false) => Fate::Mine,
            (false, false) => Fate::Both,
        };
        let named = mine.first().or(theirs.first()).or(base.first())?;
        let (code, name) = (named.code().clone(), named.name().unwrap_or_default().to_owned());
        Some(Self { code, name, base, theirs, mine, fate })
    }

    /// Base, theirs and mine, as they are shown.
    pub(super) fn sides(&self, v: &View) -> [(&'static str, String); 3] {
        let text = |side: &[Position]| {
            let parts = side.iter().map(|one| {
                let remark = one.remark().map(|remark| format!(" {remark}")).unwrap_or_default();
                let until = one.until().map(|day| format!(" {} {day}", v.t.until)).unwrap_or_default();
                format!("{} × {}{remark}{until}", v.number(&one.volume()), v.number(&one.cost()))
            });
            if side.is_empty() { "–".to_owned() } else { parts.collect::<Vec<_>>().join(v.t.comma) }
        };
        [(v.t.merge_base, text(&self.base)), (v.t.merge_theirs, text(&self.theirs)), (v.t.merge_mine, text(&self.mine))]
    }
}

impl Fate {
    pub(super) const fn word(self, t: &Texts) -> &'static str {
        match self {
            Self::Theirs => t.merge_theirs,
            Self::Mine => t.merge_mine,
            Self::Both => t.merge_both,
        }
    }
}

/// Takes into the rows what only they changed; all else stays as it was typed.
pub(super) fn take_theirs(rows: &mut Vec<OverlayRow>, lines: &[MergeLine]) {
    for line in lines.iter().filter(|line| line.fate == Fate::Theirs) {
        let instrument = line.code.instrument();
        let mut theirs = line.theirs.iter().map(OverlayRow::of);
        for row in rows.iter_mut().filter(|row| row.is_of(&instrument)) {
            match theirs.next() {
                Some(their) => *row = their,
                None => row.removed = true,
            }
        }
        rows.extend(theirs);
    }
}
