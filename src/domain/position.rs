//! Positions and lists of them: checked where they come in, valid ever after.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;

use smol_str::SmolStr;

use super::calendar::Day;
use super::code::{Code, CodeError, Instrument};
use super::decimal::{Amount, Decimal};
use super::strategy::Kind;

/// As in [`Book`](super::book::Book).
type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// The longest stock name, in characters.
pub const MAX_STOCK_NAME_CHARS: usize = 100;
/// The longest remark, in characters.
pub const MAX_REMARK_CHARS: usize = 1000;

/// The most positions of a list that is pushed or typed.
pub const MAX_POSITIONS: usize = 5_000;

/// A field of a position, as it is called on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The instrument's code.
    Code,
    /// The instrument's name.
    Name,
    /// Shares.
    Volume,
    /// CNY per share.
    Cost,
    /// A note that is kept and given back.
    Remark,
    /// CNY per share, at which the position was decided.
    Price,
    /// The last day on which the position counts.
    Until,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "code",
            Self::Name => "name",
            Self::Volume => "volume",
            Self::Cost => "cost",
            Self::Remark => "remark",
            Self::Price => "price",
            Self::Until => "until",
        })
    }
}

/// The rule that a position breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// The code is none.
    #[error("code {0}")]
    Code(#[from] CodeError),
    /// A strategy's volume is below zero; only an adjustment's may be.
    #[error("volume must not be negative")]
    NegativeVolume,
    /// A strategy's cost is zero or below; only an adjustment's may be.
    #[error("cost must be greater than 0")]
    CostNotPositive,
    /// Volume times cost is beyond what can be summed exactly.
    #[error("volume times cost is beyond what can be summed exactly: it must stay below 10^18")]
    AmountTooLarge,
    /// A text is longer than it may be.
    #[error("{0} is too long")]
    TextTooLong(Field),
}

impl Breach {
    /// The field to look at.
    pub const fn field(self) -> Field {
        match self {
            Self::Code(_) => Field::Code,
            Self::NegativeVolume | Self::AmountTooLarge => Field::Volume,
            Self::CostNotPositive => Field::Cost,
            Self::TextTooLong(field) => field,
        }
    }
}

/// A target: so many shares of an instrument, at a cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    code: Code,
    name: Option<SmolStr>,
    volume: Decimal,
    cost: Decimal,
    remark: Option<Box<str>>,
    price: Option<Decimal>,
    until: Option<Day>,
}

impl Position {
    /// Checks a position against the rules of its list's kind.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn new(
        kind: Kind,
        code: &str,
        name: Option<&str>,
        volume: Decimal,
        cost: Decimal,
        remark: Option<&str>,
    ) -> Result<Self, Breach> {
        let code = Code::parse(code)?;
        if kind == Kind::Ordinary && volume.is_negative() {
            return Err(Breach::NegativeVolume);
        }
        if kind == Kind::Ordinary && cost <= Decimal::ZERO {
            return Err(Breach::CostNotPositive);
        }
        if !volume.times(cost).is_summable() {
            return Err(Breach::AmountTooLarge);
        }
        // A text has at most as many characters as bytes.
        let longer = |text: Option<&str>, limit| {
            text.is_some_and(|text| text.len() > limit && text.chars().nth(limit).is_some())
        };
        if longer(name, MAX_STOCK_NAME_CHARS) {
            return Err(Breach::TextTooLong(Field::Name));
        }
        if longer(remark, MAX_REMARK_CHARS) {
            return Err(Breach::TextTooLong(Field::Remark));
        }
        let name = name.filter(|name| !name.is_empty()).map(SmolStr::from);
        Ok(Self { code, name, volume, cost, remark: remark.map(Box::from), price: None, until: None })
    }

    /// The position, decided at this price.
    #[must_use]
    pub fn at_price(self, price: Option<Decimal>) -> Self {
        Self { price, ..self }
    }

    /// The position, which counts through this day and not beyond; with None until somebody changes it.
    #[must_use]
    pub fn through(self, until: Option<Day>) -> Self {
        Self { until, ..self }
    }

    /// The code as it was pushed.
    pub const fn code(&self) -> &Code {
        &self.code
    }

    /// The instrument's name, where one was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Shares.
    pub const fn volume(&self) -> Decimal {
        self.volume
    }

    /// CNY per share.
    pub const fn cost(&self) -> Decimal {
        self.cost
    }

    /// The note that came with the position.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// The price that it was decided at, where that was told: CNY per share.
    pub const fn price(&self) -> Option<Decimal> {
        self.price
    }

    /// The last day on which it counts, where there is one.
    pub const fn until(&self) -> Option<Day> {
        self.until
    }

    /// Whether its last day is over.
    pub fn is_over(&self, today: Day) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    /// Volume times cost: CNY.
    pub fn amount(&self) -> Amount {
        self.volume.times(self.cost)
    }

    /// Whether both say the same to a poller; remarks are for people, and a day that is to come is nobody's trade yet.
    fn same_target(&self, other: &Self) -> bool {
        self.code == other.code && self.name == other.name && self.volume == other.volume && self.cost == other.cost
    }

    /// Whether both say the same. The price moves all day, and is none of what is wanted.
    fn same_line(&self, other: &Self) -> bool {
        self.same_target(other) && self.remark == other.remark && self.until == other.until
    }
}

/// A position and its place in a list.
///
/// Places grow along the list but leave gaps, so that a position which stays where it was keeps its place when others
/// come and go, and the history records only what really changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where in the list the position stands, relative to the others.
    pub place: i64,
    /// The position.
    pub position: Position,
}

/// A strategy's whole list of positions, in order. The same instrument may stand in it more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PositionList(Vec<Placed>);

/// What happened to one instrument between two lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentChange {
    /// The instrument.
    pub instrument: Instrument,
    /// What the list held of it before; empty when nothing.
    pub before: Vec<Placed>,
    /// What the list holds of it now; empty when nothing.
    pub after: Vec<Placed>,
}

impl InstrumentChange {
    /// Whether a poller sees it; remarks are for people, and so are last days until they are over.
    pub fn is_seen(&self) -> bool {
        let same = |one: &Placed, two: &Placed| one.place == two.place && one.position.same_target(&two.position);
        self.before.len() != self.after.len() || !self.before.iter().zip(&self.after).all(|(one, two)| same(one, two))
    }
}

impl PositionList {
    /// The gap left between two places, for positions that come in between later.
    const GAP: i64 = 1 << 20;

    /// Rebuilds a list from placed positions, in any order.
    pub fn from_placed(mut placed: Vec<Placed>) -> Self {
        placed.sort_by_key(|entry| entry.place);
        Self(placed)
    }

    /// The list that follows this one: the given positions, each at its old place where the order allows. One that stays as
    /// it was keeps the price that it was decided at.
    #[must_use]
    pub fn followed_by(&self, positions: Vec<Position>) -> Self {
        let instruments = || positions.iter().map(|position| position.code.instrument());
        let kept = if self.iter().map(|position| position.code.instrument()).eq(instruments()) {
            self.0.iter().map(|entry| Some(entry.place)).collect()
        } else {
            self.kept_places(instruments())
        };
        let places = fill_gaps(&kept).unwrap_or_else(|| (1..).map(|n: i64| n * Self::GAP).take(kept.len()).collect());
        let follow = |(place, position): (i64, Position)| {
            let old = self.0.binary_search_by_key(&place, |old| old.place).ok().map(|number| &self.0[number].position);
            let position = match old.filter(|old| old.same_line(&position)) {
                Some(old) => position.at_price(old.price),
                None => position,
            };
            Placed { place, position }
        };
        Self(places.into_iter().zip(positions).map(follow).collect())
    }

    /// The old place of each instrument that still follows those before it.
    fn kept_places(&self, instruments: impl Iterator<Item = Instrument>) -> Vec<Option<i64>> {
        let mut old_places: HashMap<Instrument, VecDeque<i64>> = HashMap::default();
        for entry in &self.0 {
            old_places.entry(entry.position.code.instrument()).or_default().push_back(entry.place);
        }
        let mut last_kept = 0;
        let mut keep = |instrument| {
            let place = old_places.get_mut(&instrument)?.pop_front()?;
            (place > last_kept).then(|| {
                last_kept = place;
                place
            })
        };
        instruments.map(&mut keep).collect()
    }

    /// The positions at their places, in order.
    pub fn placed(&self) -> &[Placed] {
        &self.0
    }

    /// The positions, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Position> {
        self.0.iter().map(|entry| &entry.position)
    }

    /// How many positions the list holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the list is empty: on purpose, since somebody pushed it so.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it costs: CNY.
    pub fn amount(&self) -> Amount {
        self.iter().map(Position::amount).sum()
    }

    /// Whether the list holds these positions in this order, remarks and last days included, at whatever price they were decided.
    pub fn repeats<'a>(&self, positions: impl IntoIterator<Item = &'a Position>) -> bool {
        let mut positions = positions.into_iter();
        self.iter().all(|one| positions.next().is_some_and(|two| one.same_line(two))) && positions.next().is_none()
    }

    /// What leads from this list to `next`, instrument by instrument, by the place of the first difference.
    pub fn changes_to(&self, next: &Self) -> Vec<InstrumentChange> {
        let mut numbers: HashMap<Instrument, usize> = HashMap::default();
        let mut changes: Vec<InstrumentChange> = Vec::new();
        for instrument in self.differences(next) {
            numbers.entry(instrument).or_insert_with_key(|instrument| {
                changes.push(InstrumentChange {
                    instrument: instrument.clone(),
                    before: Vec::new(),
                    after: Vec::new(),
                });
                changes.len() - 1
            });
        }
        if changes.is_empty() {
            return changes;
        }
        for (list, pick) in [
            (self, (|change| &mut change.before) as fn(&mut InstrumentChange) -> &mut Vec<Placed>),
            (next, |change| &mut change.after),
        ] {
            for entry in &list.0 {
                if let Some(number) = numbers.get(&entry.position.code.instrument()) {
                    pick(&mut changes[*number]).push(entry.clone());
                }
            }
        }
        changes
    }

    /// What is different in `other`, instrument by instrument. Places do not count: they tell lists apart that follow each
    /// other, and two that do not may hold the same at other places.
    pub fn compared_to(&self, other: &Self) -> Vec<InstrumentChange> {
        let mut changes = self.changes_to(other);
        changes.retain(|InstrumentChange { before, after, .. }| {
            before.len() != after.len()
                || !before.iter().zip(after).all(|(one, two)| one.position.same_line(&two.position))
        });
        changes
    }

    /// The instruments of all entries that do not stand unchanged at the same place in both lists.
    fn differences(&self, next: &Self) -> Vec<Instrument> {
        let (mut old, mut new) = (self.0.iter().peekable(), next.0.iter().peekable());
        let mut found = Vec::new();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return found,
                (Some(one), Some(two)) => one.place.cmp(&two.place),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            let one = if order.is_le() { old.next() } else { None };
            let two = if order.is_ge() { new.next() } else { None };
            if !one.zip(two).is_some_and(|(one, two)| one.position.same_line(&two.position)) {
                found.extend(one.into_iter().chain(two).map(|entry| entry.position.code.instrument()));
            }
        }
    }
}

/// Places for the entries that kept none, between their neighbours; None when a gap is too narrow.
fn fill_gaps(kept: &[Option<i64>]) -> Option<Vec<i64>> {
    let mut places: Vec<i64> = Vec::with_capacity(kept.len());
    let mut rest = kept;
    while !rest.is_empty() {
        let open = rest.iter().take_while(|place| place.is_none()).count();
        let low = places.last().copied().unwrap_or(0);
        let steps = i64::try_from(open).ok()? + 1;
        let step = match rest.get(open).copied().flatten() {
            Some(high) => (high - low) / steps,
            None => PositionList::GAP,
        };
        if step == 0 || low.checked_add(step.checked_mul(steps)?).is_none() {
            return None;
        }
        places.extend((1..steps).map(|n| low + n * step));
        places.extend(rest.get(open).copied().flatten());
        rest = rest.get(open + 1..).unwrap_or_default();
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(code: &str, volume: &str) -> Position {
        let number = |text| Decimal::parse(text).unwrap();
        Position::new(Kind::Ordinary, code, None, number(volume), number("1"), None).unwrap()
    }

    fn list(codes: &[&str]) -> Vec<Position> {
        codes.iter().map(|code| position(code, "100")).collect()
    }

    #[test]
    fn each_kind_has_its_rules() {
        let number = |text| Decimal::parse(text).unwrap();
        let check =
            |kind, volume, cost| Position::new(kind, "000001.SZ", None, number(volume), number(cost), None).map(|_| ());
        assert_eq!(check(Kind::Ordinary, "0", "0.01"), Ok(()));
        assert_eq!(check(Kind::Ordinary, "-1", "1"), Err(Breach::NegativeVolume));
        assert_eq!(check(Kind::Ordinary, "1", "0"), Err(Breach::CostNotPositive));
        assert_eq!(check(Kind::Ordinary, "1", "-1"), Err(Breach::CostNotPositive));
        assert_eq!(check(Kind::Adjustment, "-100", "-1.5"), Ok(()));
        assert_eq!(check(Kind::Adjustment, "1", "0"), Ok(()));
        assert_eq!(check(Kind::Adjustment, "-1e11", "1e11"), Err(Breach::AmountTooLarge));
    }

    #[test]
    fn a_position_that_stays_keeps_its_place() {
        let first = PositionList::default().followed_by(list(&["A", "B", "C"]));
        let second = first.followed_by(list(&["A", "X", "C", "Y"]));
        let changed: Vec<String> =
            first.changes_to(&second).iter().map(|change| change.instrument.to_string()).collect();
        assert_eq!(changed, ["B", "X", "Y"]);
    }

    #[test]
    fn a_code_that_stands_twice_is_one_change() {
        let first = PositionList::default().followed_by(list(&["A", "A", "B"]));
        let second = first.followed_by(list(&["A", "B"]));
        let changes = first.changes_to(&second);
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].before.len(), changes[0].after.len()), (2, 1));
    }

    #[test]
    fn another_notation_is_a_change_of_the_same_instrument() {
        let first = PositionList::default().followed_by(list(&["000001.XSHE"]));
        let second = first.followed_by(list(&["000001.SZ"]));
        let changes = first.changes_to(&second);
        assert!(changes.len() == 1 && changes[0].is_seen());
    }

    #[test]
    fn when_no_gap_is_left_the_places_are_dealt_anew() {
        let mut current = PositionList::default().followed_by(list(&["A", "Z"]));
        for n in 0..60 {
            let mut codes = vec!["A".to_owned(), format!("N{n}")];
            codes.extend(current.iter().skip(1).map(|position| position.code().to_string()));
            let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
            current = current.followed_by(list(&codes));
            assert!(current.0.is_sorted_by(|one, two| one.place < two.place));
        }
        assert_eq!(current.len(), 62);
    }

    proptest! {
        #[test]
        fn changes_lead_from_one_list_to_the_next(
            one in prop::collection::vec(("[A-F]", 0..3_u32), 0..8),
            two in prop::collection::vec(("[A-F]", 0..3_u32), 0..8),
        ) {
            let positions = |entries: &[(String, u32)]| -> Vec<Position> {
                entries.iter().map(|(code, volume)| position(code, &volume.to_string())).collect()
            };
            let before = PositionList::default().followed_by(positions(&one));
            let after = before.followed_by(positions(&two));
            prop_assert!(after.iter().cloned().eq(positions(&two)));
            prop_assert!(after.0.is_sorted_by(|one, two| one.place < two.place));

            let mut replayed = before.0.clone();
            for change in before.changes_to(&after) {
                replayed.retain(|entry| entry.position.code.instrument() != change.instrument);
                replayed.extend(change.after);
            }
            prop_assert_eq!(PositionList::from_placed(replayed), after);
        }
    }
}
