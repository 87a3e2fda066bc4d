//! What is wanted at one time, instrument by instrument, to be laid beside what is wanted at another.

use std::collections::HashMap;

use super::changes::{ChangeLine, Wanted};
use crate::domain::book::Book;
use crate::domain::code::{Code, Instrument};
use crate::domain::decimal::{Amount, Volume};
use crate::domain::moment::Moment;
use crate::domain::position::{Position, PositionList};
use crate::domain::settings::Settled;
use crate::domain::target::Incomplete;
use crate::domain::total::TotalLine;

/// Instruments in the order of their list, with what is wanted of each.
#[derive(Default)]
pub(super) struct Sheet(Vec<(Code, String, Wanted)>);

impl Sheet {
    /// A strategy's list; an instrument may stand in it more than once.
    pub(super) fn of_list(list: &PositionList) -> Self {
        let mut places: HashMap<Instrument, usize> = HashMap::new();
        let mut rows: Vec<(&Position, Volume, Amount)> = Vec::new();
        for position in list.iter() {
            let place = *places.entry(position.code().instrument()).or_insert_with(|| {
                rows.push((position, Volume::default(), Amount::default()));
                rows.len() - 1
            });
            rows[place].1 += position.volume().into();
            rows[place].2 += position.amount();
        }
        let row = |(position, volume, paid): (&Position, Volume, Amount)| {
            let name = position.name().unwrap_or_default().to_owned();
            (position.code().clone(), name, Wanted { volume, cost: paid.per(volume) })
        };
        Self(rows.into_iter().map(row).collect())
    }

    /// The merged total.
    pub(super) fn of_total(lines: Vec<TotalLine>) -> Self {
        let row = |line: TotalLine| {
            (line.code, line.name.map(String::from).unwrap_or_default(), cut(line.volume, Some(line.average)))
        };
        Self(lines.into_iter().map(row).collect())
    }

    /// The merged total of some instruments.
    pub(super) fn of_sums<'a>(book: &Book, of: impl Iterator<Item = (&'a Instrument, &'a Position)>) -> Self {
        let row = |(instrument, position): (&Instrument, &Position)| {
            let (volume, paid) = book.sum(instrument);
            let name = position.name().unwrap_or_default().to_owned();
            (position.code().clone(), name, cut(volume, paid.per(volume)))
        };
        Self(of.map(row).collect())
    }

    /// An account's target.
    pub(super) fn of_target(book: &Book, settled: &Settled, began: Moment) -> Result<Self, Incomplete> {
        let lines = book.target(settled, began)?.lines.into_iter().map(|line| {
            let wanted = Wanted { volume: line.volume, cost: line.average };
            (line.code, line.name.map(String::from).unwrap_or_default(), wanted)
        });
        Ok(Self(lines.collect()))
    }
}

/// As terminals take a line: below zero is nothing.
fn cut(volume: Volume, cost: Option<f64>) -> Wanted {
    Wanted { volume: volume.max(Volume::default()), cost }
}

/// What leads from one sheet to another: instruments of which another volume is wanted, or at another cost.
pub(super) fn lines_between(before: Sheet, after: Sheet) -> Vec<ChangeLine> {
    let wants = |wanted: &Wanted| !wanted.volume.is_zero();
    let mut left: HashMap<Instrument, Wanted> =
        after.0.iter().filter(|row| wants(&row.2)).map(|(code, _, wanted)| (code.instrument(), *wanted)).collect();
    let mut lines = Vec::new();
    for (code, name, wanted) in before.0.into_iter().filter(|row| wants(&row.2)) {
        let now = left.remove(&code.instrument());
        lines.push(ChangeLine::between((code, name), Some(wanted), now));
    }
    for (code, name, wanted) in after.0 {
        if left.remove(&code.instrument()).is_some() {
            lines.push(ChangeLine::between((code, name), None, Some(wanted)));
        }
    }
    lines.retain(|line| !line.delta.is_zero() || line.is_of_cost());
    lines
}
