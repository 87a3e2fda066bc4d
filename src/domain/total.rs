//! The merged total: which strategies are taken, how they add up, what a poller is told.

use std::collections::{BTreeMap, HashMap, HashSet};

use smol_str::SmolStr;

use super::book::{Book, Mark, Over, Strategy};
use super::code::{Code, Instrument};
use super::decimal::{Amount, Volume};
use super::position::Position;
use super::strategy::{Kind, StrategyId, StrategyName};

/// Which strategies a total is taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// All but the manual overlays.
    Ordinary,
    /// These; each counts once.
    Named(Vec<StrategyName>),
}

/// A strategy that a selection names and nobody ever pushed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no strategy {:?}", .0.as_str())]
pub struct UnknownStrategy(pub StrategyName);

/// One instrument's line of a total. Its volume is never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalLine {
    /// The code as the first contributor spelled it.
    pub code: Code,
    /// The name that the first contributor gave.
    pub name: Option<SmolStr>,
    /// The sum of the volumes: shares, below zero when adjustments take away more than there is.
    pub volume: Volume,
    /// The sum of volumes times costs: CNY.
    pub amount: Amount,
    /// The amount over the volume, the double nearest to the exact quotient: CNY per share.
    pub average: f64,
}

/// What a selection amounts to.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    /// The lines: strategies by creation, then position order.
    pub lines: Vec<TotalLine>,
    /// How fresh the total is; None when no strategy was taken, so that a poller does nothing.
    pub mark: Option<Mark>,
    /// Whether any strategy was taken: without one, "no positions" would be a guess.
    pub known: bool,
}

impl Book {
    /// How fresh a selection is, without adding it up: two totals of a selection with equal marks are equal.
    ///
    /// # Errors
    /// When the selection names a strategy that does not exist. An adjustment that does not exist counts as empty.
    pub fn freshness(&self, selection: &Selection) -> Result<Option<Mark>, UnknownStrategy> {
        match selection {
            Selection::All => Ok(self.newest()),
            Selection::Ordinary => Ok(self.newest_ordinary()),
            Selection::Named(names) => {
                let mut newest: Option<Mark> = None;
                for name in names {
                    let mark = match self.strategy(name) {
                        Some(strategy) => Some(strategy.mark),
                        None if name.kind() == Kind::Adjustment => self.removal(name),
                        None => return Err(UnknownStrategy(name.clone())),
                    };
                    newest = match (newest, mark) {
                        (Some(one), Some(two)) => Some(one.newest(two)),
                        (one, two) => one.or(two),
                    };
                }
                Ok(newest)
            }
        }
    }

    /// Whether a selection takes an example strategy, whose positions nobody decided on.
    pub fn takes_demo(&self, selection: &Selection) -> bool {
        match selection {
            Selection::All => self.strategies().any(|strategy| strategy.name.is_demo()),
            Selection::Ordinary => self.strategies().any(|one| one.name.is_demo() && one.name.kind() == Kind::Ordinary),
            Selection::Named(names) => names.iter().any(|name| name.is_demo() && self.strategy(name).is_some()),
        }
    }

    /// Adds a selection up.
    ///
    /// # Errors
    /// When the selection names a strategy that does not exist. An adjustment that does not exist counts as empty.
    pub fn total(&self, selection: &Selection) -> Result<Total, UnknownStrategy> {
        let mark = self.freshness(selection)?;
        let (lines, known) = match selection {
            Selection::All => (self.led(Over::All), !self.is_empty()),
            Selection::Ordinary => (self.led(Over::Ordinary), self.len() > self.adjustments.len()),
            Selection::Named(names) => {
                let taken: BTreeMap<StrategyId, &Strategy> = names
                    .iter()
                    .filter_map(|name| self.strategy(name))
                    .map(|strategy| (strategy.id, &**strategy))
                    .collect();
                (merge(taken.values().copied()), !taken.is_empty())
            }
        };
        Ok(Total { lines, mark, known })
    }

    /// The lines that each strategy leads, by creation; those that are not known yet are made.
    fn led(&self, over: Over) -> Vec<TotalLine> {
        let mut lines = Vec::with_capacity(self.holdings.len());
        for (id, lead) in &self.leads {
            let Some(strategy) = self.strategies.get(id) else { continue };
            lines.extend_from_slice(lead.lines(over).get_or_init(|| self.lines_led_by(strategy, over)));
        }
        lines
    }

    fn lines_led_by(&self, strategy: &Strategy, over: Over) -> Vec<TotalLine> {
        // An instrument may stand in a list more than once.
        let mut seen = HashSet::with_capacity(strategy.list.len());
        let line = |position: &Position| {
            let instrument = position.code().instrument();
            let holdings = self.holdings.get(&instrument)?;
            if holdings.leader(over) != Some(strategy.id) || !seen.insert(instrument) {
                return None;
            }
            let (volume, amount) = holdings.sums(over);
            let (code, name) = (position.code().clone(), position.name().map(SmolStr::from));
            let average = amount.per(volume)?;
            Some(TotalLine { code, name, volume, amount, average })
        };
        strategy.list.iter().filter_map(line).collect()
    }
}

/// Adds strategies up afresh, in the order given.
pub fn merge<'a>(strategies: impl Iterator<Item = &'a Strategy>) -> Vec<TotalLine> {
    let mut places: HashMap<Instrument, usize> = HashMap::new();
    let mut lines: Vec<TotalLine> = Vec::new();
    for position in strategies.flat_map(|strategy| strategy.list.iter()) {
        let place = *places.entry(position.code().instrument()).or_insert_with(|| {
            lines.push(TotalLine {
                code: position.code().clone(),
                name: position.name().map(SmolStr::from),
                volume: Volume::default(),
                amount: Amount::default(),
                average: 0.0,
            });
            lines.len() - 1
        });
        lines[place].volume += position.volume().into();
        lines[place].amount += position.amount();
    }
    lines.retain_mut(|line| {
        let average = line.amount.per(line.volume);
        line.average = average.unwrap_or_default();
        average.is_some()
    });
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use proptest::test_runner::TestCaseError;

    use super::super::book::Told;
    use super::super::decimal::Decimal;
    use super::super::moment::Moment;
    use super::super::position::{Position, PositionList};
    use super::super::revision::Revision;
    use super::*;

    /// Something that happens to a book.
    #[derive(Debug, Clone)]
    enum Event {
        Push(&'static str, Vec<(&'static str, i32, String)>),
        Remove(&'static str),
    }

    fn event() -> impl Strategy2<Value = Event> {
        let name = || prop::sample::select(vec!["alpha", "beta", "策略", "ADJUSTMENT_MAIN", "ADJUSTMENT_B"]);
        let code = prop::sample::select(vec!["000001.XSHE", "000001.SZ", "600000.XSHG", "600000.SH", "430047.BJ", "X"]);
        let cost = (1_u64..u64::MAX, 0_u32..20).prop_map(|(digits, exponent)| format!("{digits}e-{exponent}"));
        let cost = cost.prop_filter("beyond what is accepted", |cost| Decimal::parse(cost).is_ok());
        let positions = prop::collection::vec((code, -300..300_i32, cost), 0..6);
        prop_oneof![
            4 => (name(), positions).prop_map(|(name, positions)| Event::Push(name, positions)),
            1 => name().prop_map(Event::Remove),
        ]
    }

    use proptest::strategy::Strategy as Strategy2;

    fn name(text: &str) -> StrategyName {
        StrategyName::parse(text).unwrap()
    }

    fn mark(revision: i64) -> Mark {
        Mark { revision: Revision::new(revision), chain: [0; 8], updated_at: Moment::from_micros(revision) }
    }

    fn positions(kind: Kind, entries: &[(&str, i32, String)]) -> Vec<Position> {
        let position = |(code, volume, cost): &(&str, i32, String)| {
            let volume = if kind == Kind::Ordinary { volume.abs() } else { *volume };
            let volume = Decimal::parse(&volume.to_string()).unwrap();
            Position::new(kind, code, None, volume, Decimal::parse(cost).unwrap(), None).unwrap()
        };
        entries.iter().map(position).collect()
    }

    fn push(book: &mut Book, at: i64, to: &str, entries: &[(&str, i32, String)]) {
        let name = name(to);
        let positions = positions(name.kind(), entries);
        let (mark, last_push_at) = (mark(at), Some(Moment::from_micros(at)));
        let strategy = |id, list| super::Strategy {
            id,
            name: name.clone(),
            list,
            mark,
            revisions: 1,
            last_push_at,
            sequence: None,
            told: Told::default(),
        };
        match book.strategy(&name).cloned() {
            Some(current) => {
                let list = current.list.followed_by(positions);
                let changes = current.list.changes_to(&list);
                book.replace(&Arc::new(strategy(current.id, list)), &changes);
            }
            None => book.add(Arc::new(strategy(StrategyId::new(at), PositionList::default().followed_by(positions)))),
        }
    }

    fn take(book: &mut Book, at: i64, event: &Event) {
        match event {
            Event::Push(to, entries) => push(book, at, to, entries),
            Event::Remove(of) => drop(book.remove(&name(of), mark(at))),
        }
    }

    fn replay(events: &[Event]) -> Book {
        let mut book = Book::default();
        for (at, event) in (1..).zip(events) {
            take(&mut book, at, event);
        }
        book
    }

    fn check_running_total(book: &Book) -> Result<(), TestCaseError> {
        let all: Vec<TotalLine> = merge(book.strategies().map(|strategy| &**strategy));
        prop_assert_eq!(&book.total(&Selection::All).unwrap().lines, &all);
        let ordinary = book.strategies().filter(|strategy| strategy.name.kind() == Kind::Ordinary);
        let ordinary: Vec<TotalLine> = merge(ordinary.map(|strategy| &**strategy));
        prop_assert_eq!(&book.total(&Selection::Ordinary).unwrap().lines, &ordinary);
        let names = book.strategies().map(|strategy| strategy.name.clone()).collect();
        prop_assert_eq!(&book.total(&Selection::Named(names)).unwrap().lines, &all);
        let held: usize = all.iter().filter(|line| !line.volume.is_zero()).count();
        prop_assert!(book.holdings.len() >= held);
        Ok(())
    }

    proptest! {
        #[test]
        fn the_running_total_equals_one_computed_afresh(events in prop::collection::vec(event(), 0..40)) {
            let mut book = Book::default();
            for (at, event) in (1..).zip(&events) {
                take(&mut book, at, event);
                // Asked for each time, so that what is kept of it must be forgotten at the right moment.
                check_running_total(&book)?;
            }
            // With every strategy gone, nothing is left over.
            let mut emptied = book.clone();
            let names: Vec<StrategyName> = emptied.strategies().map(|strategy| strategy.name.clone()).collect();
            for name in &names {
                emptied.remove(name, mark(1_000));
            }
            prop_assert!(emptied.holdings.is_empty() && emptied.leads.is_empty());
            prop_assert!(emptied.adjustments.is_empty());
            prop_assert!(!emptied.total(&Selection::All).unwrap().known);
            // A reader's book stays as it was.
            check_running_total(&book)?;
        }

        #[test]
        fn the_total_does_not_depend_on_the_order_of_pushes(
            lists in prop::collection::vec(event(), 1..8),
            shuffle in prop::collection::vec(any::<prop::sample::Index>(), 8),
        ) {
            let mut pushes: Vec<Event> = Vec::new();
            for event in lists {
                if let Event::Push(to, _) = &event {
                    pushes.retain(|other| !matches!(other, Event::Push(earlier, _) if earlier == to));
                    pushes.push(event);
                }
            }
            let sums = |events: &[Event]| {
                let lines = replay(events).total(&Selection::All).unwrap().lines;
                let sum = |line: &TotalLine| {
                    (line.code.instrument(), (line.volume, line.amount, line.average.to_bits()))
                };
                lines.iter().map(sum).collect::<BTreeMap<_, _>>()
            };
            let expected = sums(&pushes);
            let mut shuffled = Vec::new();
            for index in shuffle.iter().cycle() {
                if pushes.is_empty() {
                    break;
                }
                shuffled.push(pushes.remove(index.index(pushes.len())));
            }
            prop_assert_eq!(sums(&shuffled), expected);
        }

        #[test]
        fn every_change_moves_the_mark_of_what_it_touches(events in prop::collection::vec(event(), 1..20)) {
            let selections = [
                Selection::All,
                Selection::Ordinary,
                Selection::Named(vec![name("ADJUSTMENT_MAIN"), name("ADJUSTMENT_B")]),
            ];
            let mut book = Book::default();
            for (at, event) in (1..).zip(&events) {
                let before: Vec<Total> = selections.iter().map(|selection| book.total(selection).unwrap()).collect();
                take(&mut book, at, event);
                for (selection, before) in selections.iter().zip(before) {
                    let after = book.total(selection).unwrap();
                    if after.lines != before.lines {
                        prop_assert_eq!(after.mark, Some(mark(at)), "{:?}", selection);
                    }
                }
            }
        }
    }

    #[test]
    fn an_unknown_strategy_is_an_error_and_an_unknown_adjustment_is_empty() {
        let mut book = Book::default();
        push(&mut book, 1, "alpha", &[("000001.SZ", 100, "1".to_owned())]);
        let total = |names: &[&str]| book.total(&Selection::Named(names.iter().map(|text| name(text)).collect()));
        assert_eq!(total(&["alpha", "beta"]), Err(UnknownStrategy(name("beta"))));
        assert_eq!(total(&["alpha", "alpha", "ADJUSTMENT_X"]).unwrap().lines.len(), 1);
        let nothing = total(&["ADJUSTMENT_X"]).unwrap();
        assert!(nothing.lines.is_empty() && nothing.mark.is_none() && !nothing.known);
    }
}
