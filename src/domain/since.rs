//! What has changed between two books: strategy by strategy, and instrument by instrument.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::book::{Book, Strategy};
use super::code::Instrument;
use super::decimal::{Amount, Volume};
use super::position::{Placed, PositionList};
use super::strategy::StrategyName;

/// How a strategy's list differs from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListChange {
    /// How many instruments it holds more of, or anew.
    pub more: usize,
    /// How many it holds less of, or not any more.
    pub less: usize,
    /// What the list costs, less what it cost: CNY.
    pub amount: Amount,
}

/// What has changed since an earlier book.
#[derive(Debug, Clone, Default)]
pub struct Since {
    /// Strategies whose lists are not as they were; also those that are gone.
    pub strategies: BTreeMap<StrategyName, ListChange>,
    /// Instruments of which another total is wanted: what it was.
    pub instruments: HashMap<Instrument, Volume>,
    /// What all lists cost, less what they cost: CNY.
    pub amount: Amount,
    /// What of the totals is to be bought, and sold, at what the lists say that it costs: CNY.
    pub bought: f64,
    /// See `bought`.
    pub sold: f64,
}

impl Since {
    /// What a book is that another was earlier.
    pub fn new(then: &Book, now: &Book) -> Self {
        let mut since = Self::default();
        let mut touched: BTreeSet<Instrument> = BTreeSet::new();
        let gone = then.strategies().filter(|strategy| now.strategy(&strategy.name).is_none());
        for strategy in now.strategies().chain(gone) {
            let name = &strategy.name;
            let (before, after) = (then.strategy(name), now.strategy(name));
            let stands = |one: Option<&Arc<Strategy>>| one.map(|one| (one.mark.revision, one.told.gist));
            if stands(before) == stands(after) {
                continue;
            }
            let list = |one: Option<&Arc<Strategy>>| one.map_or_else(PositionList::default, |one| one.list.clone());
            let (before, after) = (list(before), list(after));
            let mut change = ListChange { amount: after.amount() - before.amount(), ..ListChange::default() };
            for changed in before.changes_to(&after) {
                let volume =
                    |placed: &[Placed]| -> Volume { placed.iter().map(|one| one.position.volume().into()).sum() };
                let (was, is) = (volume(&changed.before), volume(&changed.after));
                change.more += usize::from(is > was);
                change.less += usize::from(is < was);
                touched.insert(changed.instrument);
            }
            since.amount += change.amount;
            if change != ListChange::default() {
                since.strategies.insert(name.clone(), change);
            }
        }
        for instrument in touched {
            since.note(&instrument, then, now);
        }
        since
    }

    fn note(&mut self, instrument: &Instrument, then: &Book, now: &Book) {
        let ((was, paid), (is, costs)) = (then.sum(instrument), now.sum(instrument));
        if was == is {
            return;
        }
        let average = costs.per(is).or_else(|| paid.per(was)).unwrap_or_default();
        let value = (is - was).approximate() * average;
        *(if value < 0.0 { &mut self.sold } else { &mut self.bought }) += value.abs();
        self.instruments.insert(instrument.clone(), was);
    }
}

#[cfg(test)]
mod tests {
    use super::super::decimal::Decimal;
    use super::super::position::Position;
    use super::super::strategy::Kind;
    use super::*;

    fn list(held: &[(&str, u32)]) -> Vec<Position> {
        let position = |(code, volume): &(&str, u32)| {
            Position::new(Kind::Ordinary, code, None, Decimal::whole(*volume), Decimal::whole(10), None).unwrap()
        };
        held.iter().map(position).collect()
    }

    #[test]
    fn what_one_drops_and_another_takes_is_no_trade() {
        let name = |text| StrategyName::parse(text).unwrap();
        let (then, _) =
            Book::default().supposing(&name("alpha"), Some(list(&[("600000.SH", 300), ("000001.SZ", 100)])));
        let (then, _) = then.supposing(&name("beta"), Some(list(&[("510300.SH", 100)])));
        let (now, _) = then.supposing(&name("alpha"), Some(list(&[("000001.SZ", 150)])));
        let (now, _) = now.supposing(&name("beta"), Some(list(&[("600000.SH", 200), ("510300.SH", 100)])));
        // What is supposed has no revision of its own; it differs by its list.
        let since = Since::new(&then, &now);
        let alpha = since.strategies[&name("alpha")];
        assert_eq!((alpha.more, alpha.less, alpha.amount.to_string()), (1, 1, "-2500".to_owned()));
        let beta = since.strategies[&name("beta")];
        assert_eq!((beta.more, beta.less, beta.amount.to_string()), (1, 0, "2000".to_owned()));
        assert_eq!((since.bought, since.sold), (500.0, 1000.0), "100 of 600000 are sold and not 300");
        assert_eq!(since.amount.to_string(), "-500");
        assert_eq!(since.instruments.len(), 2);
        let (gone, _) = now.supposing(&name("beta"), None);
        assert_eq!(Since::new(&now, &gone).strategies[&name("beta")].less, 2);
    }
}
