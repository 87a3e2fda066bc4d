//! An account as its terminal has reported it, and what leads from one report to the next.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::calendar::Day;
use super::code::{Code, Instrument};
use super::decimal::{Decimal, Volume};
use super::moment::Moment;
use super::report::{Fill, Holding, Mode, Order, OrderStatus, Report, Side, Waiting};
use super::revision::Revision;
use super::target::{HoldReason, Target};

/// How long the lists of a terminal may be behind each other after a trade of ours: positions were seen to lag by 40 s.
const LAG: Duration = Duration::from_mins(2);

/// How long a change without a trade of ours waits for its explanation. Its line is not traded meanwhile.
const GRACE: Duration = Duration::from_mins(1);

/// How long lists that lag may keep a change from being unexplained, however long an order rests.
const AT_MOST: Duration = Duration::from_mins(5);

/// How long fills are remembered, to know them when they are reported again.
const FILLS_KNOWN: Duration = Duration::from_hours(31 * 24);

/// After how long without a report a terminal is silent: it reports once in 30 s.
pub const SILENT_AFTER: Duration = Duration::from_secs(90);

/// An account as its terminal has reported it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// When the terminal looked, by its own clock.
    pub at: Moment,
    /// When the server heard of it.
    pub heard_at: Moment,
    /// Whether the terminal trades.
    pub mode: Mode,
    /// The revision of the target that it goes by.
    pub revision: Option<Revision>,
    /// Cash that can be spent: CNY.
    pub cash: Option<Decimal>,
    /// Cash and holdings at their prices: CNY.
    pub total_asset: Option<Decimal>,
    /// What is held.
    pub holdings: BTreeMap<Instrument, Holding>,
    /// The orders of the day.
    pub orders: Vec<Order>,
    /// Why it does not trade what it would have to.
    pub waiting: Vec<Waiting>,
    /// Holdings that changed by other than is known of trades.
    pub astray: BTreeMap<Instrument, Astray>,
    /// When a trade of ours was last under way.
    pub traded: BTreeMap<Instrument, Moment>,
    /// What nobody wants and nobody holds any more, and the revision of the target that the terminal knew then: it is no line
    /// of the target, until somebody wants it again.
    pub gone: BTreeMap<Instrument, Revision>,
    /// Since when a holding differs from what is wanted.
    pub differs: BTreeMap<Instrument, Moment>,
    /// The fills of the last days, by what tells them apart, with what they say. Not written with the rest: fills have a
    /// table of their own.
    #[serde(skip)]
    pub fills: OrdMap<(Day, SmolStr), u64>,
}

/// A holding that changed by other than is known of trades: lists that lag, or something that nobody ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Astray {
    /// By how much more is held than trades explain: shares.
    pub shares: i64,
    /// Since when.
    pub since: Moment,
    /// Whether no trade of ours is near that might explain it yet.
    pub is_quiet: bool,
}

/// What a report changed of a holding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingChange {
    /// The instrument, as the terminal spells it.
    pub code: Code,
    /// What was held before: shares.
    pub before: i64,
    /// What is held: shares.
    pub after: i64,
    /// What of the difference new trades of ours explain: shares.
    pub filled: i64,
    /// The last price: CNY per share.
    pub price: Option<Decimal>,
}

/// What a report leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The account after it.
    pub reported: Reported,
    /// Trades that were not reported before.
    pub fills: Vec<Fill>,
    /// Holdings that are not as they were.
    pub changes: Vec<HoldingChange>,
    /// Holdings that changed, and no trade explains it: by how many shares.
    pub unexplained: Vec<(Code, i64)>,
    /// The last prices that were told, also of what is not held: CNY per share.
    pub prices: BTreeMap<Instrument, Decimal>,
    /// Which of the trades somebody ordered by hand.
    pub by_hand: HashSet<(Day, SmolStr)>,
    /// Fills that were reported before, and said something else then.
    pub contradicting: Vec<SmolStr>,
}

/// What of an instrument moved with a report.
#[derive(Default)]
struct Movement {
    code: Option<Code>,
    before: i64,
    after: i64,
    filled: i64,
    /// Whether an order that is known as ours brought shares.
    is_bought: bool,
    /// Whether somebody traded by hand.
    is_foreign: bool,
}

/// What moved of everything that was held, is held, or was traded since the report before.
fn movements(
    before: Option<&Reported>,
    holdings: &BTreeMap<Instrument, Holding>,
    fills: &[Fill],
    is_ours: impl Fn(&Fill) -> Option<bool>,
) -> BTreeMap<Instrument, Movement> {
    let mut movements: BTreeMap<Instrument, Movement> = BTreeMap::new();
    for (instrument, holding) in holdings {
        let movement = movements.entry(instrument.clone()).or_default();
        movement.after = holding.volume;
        movement.code = Some(holding.code.clone());
    }
    for (instrument, holding) in before.iter().flat_map(|before| &before.holdings) {
        let movement = movements.entry(instrument.clone()).or_default();
        movement.before = holding.volume;
        movement.code.get_or_insert_with(|| holding.code.clone());
    }
    for fill in fills {
        let (ours, movement) = (is_ours(fill), movements.entry(fill.code.instrument()).or_default());
        if ours == Some(false) {
            movement.is_foreign = true;
            continue;
        }
        movement.filled += fill.side.signed(fill.volume);
        movement.is_bought |= fill.side == Side::Buy && ours == Some(true);
        movement.code.get_or_insert_with(|| fill.code.clone());
    }
    for instrument in before.iter().flat_map(|before| before.astray.keys()) {
        movements.entry(instrument.clone()).or_default();
    }
    movements
}

impl Reported {
    /// What a report leads to. `target` is what the account is to hold; None while that is not known.
    pub fn follow(before: Option<&Self>, report: Report, now: Moment, target: Option<&Target>) -> Step {
        let Report { at, mode, revision, cash, total_asset, holdings, orders, fills, waiting } = report;
        let prices = holdings.iter().filter_map(|one| Some((one.code.instrument(), one.price?))).collect();
        let holdings: BTreeMap<Instrument, Holding> =
            holdings.into_iter().filter(|one| one.volume != 0).map(|one| (one.code.instrument(), one)).collect();
        let mut known = before.map(|before| before.fills.clone()).unwrap_or_default();
        let (fills, contradicting) = new_fills(&mut known, fills, now);
        // A fill may come before its order is listed, or after the order has left the list.
        let listed = before.into_iter().flat_map(|before| &before.orders).chain(&orders);
        let ours: HashMap<&SmolStr, bool> = listed.map(|order| (&order.id, order.ours)).collect();
        let is_ours = |fill: &Fill| fill.order.as_ref().and_then(|order| ours.get(order)).copied();
        let (foreign, own): (Vec<&Fill>, Vec<&Fill>) = fills.iter().partition(|fill| is_ours(fill) == Some(false));

        let movements = movements(before, &holdings, &fills, is_ours);
        let traded = traded(before, &orders, &own, now);
        let by_hand = foreign.iter().map(|fill| (Day::of(fill.at), fill.id.clone())).collect();
        let mut step = Step {
            reported: Self {
                at,
                heard_at: now,
                mode,
                revision,
                cash,
                total_asset,
                orders,
                waiting,
                astray: BTreeMap::new(),
                traded,
                gone: before.map(|before| before.gone.clone()).unwrap_or_default(),
                differs: BTreeMap::new(),
                fills: known,
                holdings,
            },
            fills,
            changes: Vec::new(),
            unexplained: Vec::new(),
            prices,
            by_hand,
            contradicting,
        };
        // The first report says how things stand; nothing is known that it could contradict.
        let lines = target.map(|target| target.lines.iter().map(|line| line.code.instrument()).collect());
        if let Some(before) = before {
            for (instrument, movement) in movements {
                step.account_for(before, instrument, &movement, now, lines.as_ref());
            }
        }
        let unexplained = step.unexplained.iter().map(|(code, _)| code.instrument()).collect();
        step.reported.compare(before, now, target, &unexplained);
        step
    }

    /// How much is held of an instrument: shares.
    pub fn held(&self, instrument: &Instrument) -> i64 {
        self.holdings.get(instrument).map_or(0, |holding| holding.volume)
    }

    /// The orders that stand on a day: those of another day are over.
    pub fn orders_on(&self, day: Day) -> &[Order] {
        if Day::of(self.at) == day { &self.orders } else { &[] }
    }

    /// How many shares orders of ours may still trade, by what and which way.
    pub fn in_flight(&self) -> HashMap<(Instrument, Side), i64> {
        let mut in_flight = HashMap::new();
        for order in self.orders.iter().filter(|order| order.ours && order.open() > 0) {
            *in_flight.entry((order.code.instrument(), order.side)).or_default() += order.open();
        }
        in_flight
    }

    /// Whether the terminal has not been heard of for a while.
    pub fn is_silent(&self, now: Moment) -> bool {
        // What was heard while the clock ran ahead says nothing about when.
        now.since(self.heard_at) > SILENT_AFTER || self.heard_at.since(now) > SILENT_AFTER
    }

    /// Stands for what of it decides about the target: which lines are left out, and which must not be traded.
    pub fn digest(&self) -> u64 {
        let mut sum = 0;
        let mut add = |what: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            what(&mut hasher);
            sum ^= hasher.finish();
        };
        for one in &self.gone {
            add(&|hasher| one.hash(hasher));
        }
        for (instrument, astray) in self.astray.iter().filter(|(_, astray)| astray.is_quiet) {
            add(&|hasher| (instrument, astray.shares, astray.since).hash(hasher));
        }
        sum
    }

    /// Notes since when holdings differ from what is wanted, and what is nobody's concern any more.
    fn compare(
        &mut self,
        before: Option<&Self>,
        now: Moment,
        target: Option<&Target>,
        unexplained: &HashSet<Instrument>,
    ) {
        let Some(target) = target else {
            self.differs = before.map(|before| before.differs.clone()).unwrap_or_default();
            return;
        };
        // Only a terminal that knows the target buys nothing more of what it does not want; and one glance alone may lag.
        let seen = Some(target.mark.revision).filter(|newest| before.is_some() && self.revision >= Some(*newest));
        let ordered: HashSet<Instrument> = self.in_flight().into_keys().map(|(instrument, _)| instrument).collect();
        for line in &target.lines {
            let instrument = line.code.instrument();
            let held = self.held(&instrument);
            if Volume::from(held) != line.volume {
                let since = before.and_then(|before| before.differs.get(&instrument)).copied().unwrap_or(now);
                self.differs.insert(instrument.clone(), since);
            }
            if !line.parts.is_empty() {
                self.gone.remove(&instrument);
                continue;
            }
            let is_doubted = unexplained.contains(&instrument)
                || line.hold.as_ref().is_some_and(|hold| matches!(hold.reason, HoldReason::UnexplainedChange(_)));
            let is_settled = !is_doubted && !ordered.contains(&instrument) && !self.astray.contains_key(&instrument);
            if let Some(seen) = seen.filter(|_| is_settled && Volume::from(held) <= line.protected.into()) {
                self.gone.insert(instrument, seen);
            }
        }
    }
}

impl Step {
    /// Notes how a holding moved, and whether trades explain it.
    fn account_for(
        &mut self,
        before: &Reported,
        instrument: Instrument,
        movement: &Movement,
        now: Moment,
        lines: Option<&HashSet<Instrument>>,
    ) {
        let Movement { code, before: held, after, filled, is_bought, is_foreign } = movement;
        let Some(code) = code.clone().or_else(|| Code::parse(&instrument.to_string()).ok()) else { return };
        if held != after || *filled != 0 {
            let price = self.reported.holdings.get(&instrument).and_then(|holding| holding.price);
            let (before, after, filled) = (*held, *after, *filled);
            self.changes.push(HoldingChange { code: code.clone(), before, after, filled, price });
        }
        if *is_bought {
            // What we bought is ours to sell; what somebody bought by hand is not.
            self.reported.gone.remove(&instrument);
        }
        let earlier = before.astray.get(&instrument);
        let shares = earlier.map_or(0, |astray| astray.shares) + (after - held) - filled;
        let is_listed = lines.is_none_or(|lines| lines.contains(&instrument)) || before.gone.contains_key(&instrument);
        if shares == 0 || !is_listed {
            return;
        }
        let since = earlier.map_or(now, |astray| astray.since);
        let traded = self.reported.traded.get(&instrument).copied();
        let explained_by = traded.map_or(since, |at| at.plus(LAG).min(since.plus(AT_MOST)));
        // While it is not known what is wanted, nothing is traded, and nothing need be locked.
        if now < explained_by.max(since.plus(GRACE)) || lines.is_none() {
            let is_quiet = traded.is_none() || *is_foreign || earlier.is_some_and(|astray| astray.is_quiet);
            self.reported.astray.insert(instrument, Astray { shares, since, is_quiet });
        } else {
            self.unexplained.push((code, shares));
        }
    }
}

/// Parts the fills that are new from those that were reported before, and notes them.
fn new_fills(known: &mut OrdMap<(Day, SmolStr), u64>, fills: Vec<Fill>, now: Moment) -> (Vec<Fill>, Vec<SmolStr>) {
    let oldest = Day::of(now.minus(FILLS_KNOWN));
    let old: Vec<_> = known.keys().take_while(|(day, _)| *day < oldest).cloned().collect();
    for key in old {
        known.remove(&key);
    }
    let (mut new, mut contradicting) = (Vec::new(), Vec::new());
    for fill in fills {
        let key = (Day::of(fill.at), fill.id.clone());
        // Whether one that is older was reported is not known any more.
        if key.0 < oldest {
            continue;
        }
        let content = digest(&fill);
        match known.get(&key) {
            None => {
                known.insert(key, content);
                new.push(fill);
            }
            Some(before) if *before != content => contradicting.push(fill.id),
            Some(_) => {}
        }
    }
    (new, contradicting)
}

/// Stands for what a fill says: what would change a holding or money.
pub fn digest(fill: &Fill) -> u64 {
    let mut hasher = DefaultHasher::new();
    (fill.code.instrument(), fill.side as u8, fill.volume, fill.price).hash(&mut hasher);
    hasher.finish()
}

/// When a trade of ours was last under way, instrument by instrument.
fn traded(before: Option<&Reported>, orders: &[Order], fills: &[&Fill], now: Moment) -> BTreeMap<Instrument, Moment> {
    let earlier = before.into_iter().flat_map(|before| &before.traded);
    let mut traded: BTreeMap<Instrument, Moment> = earlier
        .filter(|(_, at)| **at <= now && now.since(**at) < LAG)
        .map(|(instrument, at)| (instrument.clone(), *at))
        .collect();
    let statuses: HashMap<&SmolStr, (OrderStatus, i64)> = before
        .map(|before| before.orders.iter().map(|order| (&order.id, (order.status, order.traded))).collect())
        .unwrap_or_default();
    let moves = |order: &&Order| {
        order.ours && (order.open() > 0 || statuses.get(&order.id) != Some(&(order.status, order.traded)))
    };
    let ordered = orders.iter().filter(moves).map(|order| &order.code);
    for code in ordered.chain(fills.iter().map(|fill| &fill.code)) {
        traded.insert(code.instrument(), now);
    }
    traded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::book::Mark;
    use super::super::decimal::Scaled;
    use super::super::target::TargetLine;
    use super::*;

    const NOW: Moment = Moment::from_micros(1_767_578_400_000_000);
    const CODES: [&str; 3] = ["000001.SZ", "600000.SH", "430047.BJ"];

    fn code(text: &str) -> Code {
        Code::parse(text).unwrap()
    }

    fn report(at: Moment, held: &BTreeMap<&'static str, i64>, fills: Vec<Fill>) -> Report {
        let holding = |(text, volume): (&&str, &i64)| Holding {
            code: code(text),
            volume: *volume,
            sellable: *volume,
            cost: None,
            price: None,
        };
        Report {
            at,
            mode: Mode::Live,
            revision: Some(Revision::new(1)),
            cash: None,
            total_asset: None,
            holdings: held.iter().map(holding).collect(),
            orders: Vec::new(),
            fills,
            waiting: Vec::new(),
        }
    }

    /// A target that lists every code, wanted.
    fn target() -> Target {
        let mark = Mark { revision: Revision::new(1), chain: [0; 8], updated_at: NOW };
        let line = |text: &&str| TargetLine {
            code: code(text),
            name: None,
            exact: Scaled::default(),
            volume: Volume::whole(100_000),
            protected: Decimal::ZERO,
            average: None,
            hold: None,
            parts: Vec::new(),
        };
        Target { lines: CODES.iter().map(line).collect(), owned: Vec::new(), mark, is_demo: false }
    }

    fn fill(id: usize, text: &str, signed: i64) -> Fill {
        Fill {
            id: id.to_string().into(),
            order: None,
            code: code(text),
            side: if signed < 0 { Side::Sell } else { Side::Buy },
            volume: signed.abs(),
            price: Decimal::ONE,
            at: NOW,
            fee: None,
        }
    }

    /// What happens between two reports: trades in pieces, and what moves without one.
    #[derive(Debug, Clone)]
    struct Between {
        trades: Vec<(&'static str, i64)>,
        by_hand: Option<(&'static str, i64)>,
        seconds: u64,
    }

    fn between() -> impl Strategy<Value = Between> {
        let code = || prop::sample::select(CODES.to_vec());
        let shares = || (1..500_i64, any::<bool>()).prop_map(|(shares, buys)| if buys { shares } else { -shares });
        let by_hand = prop::option::weighted(0.2, (code(), shares()));
        (prop::collection::vec((code(), shares()), 0..4), by_hand, 0..200_u64)
            .prop_map(|(trades, by_hand, seconds)| Between { trades, by_hand, seconds })
    }

    proptest! {
        /// However trades are cut in pieces, repeated and late: what is unexplained or still astray is, instrument by
        /// instrument, what moved without a trade, to the share.
        #[test]
        fn what_no_trade_explains_is_what_moved_without_one(days in prop::collection::vec(between(), 0..12), repeat: bool) {
            let mut held: BTreeMap<&'static str, i64> = CODES.iter().map(|code| (*code, 100_000)).collect();
            let mut by_hand: BTreeMap<Instrument, i64> = BTreeMap::new();
            let mut unexplained: BTreeMap<Instrument, i64> = BTreeMap::new();
            let mut reported = Reported::follow(None, report(NOW, &held, Vec::new()), NOW, None).reported;
            let (mut fills, mut now) = (Vec::new(), NOW);
            for Between { trades, by_hand: moved, seconds } in days {
                now = now.plus(Duration::from_secs(seconds));
                for (text, shares) in &trades {
                    *held.get_mut(text).unwrap() += shares;
                    fills.push(fill(fills.len(), text, *shares));
                }
                if let Some((text, shares)) = moved {
                    *held.get_mut(text).unwrap() += shares;
                    *by_hand.entry(code(text).instrument()).or_default() += shares;
                }
                let told = if repeat { fills.clone() } else { fills[fills.len() - trades.len()..].to_vec() };
                let target = target();
                let step = Reported::follow(Some(&reported), report(now, &held, told), now, Some(&target));
                prop_assert_eq!(step.fills.len(), trades.len(), "each counts once");
                for (code, shares) in &step.unexplained {
                    *unexplained.entry(code.instrument()).or_default() += shares;
                }
                reported = step.reported;
            }
            for text in CODES {
                let instrument = code(text).instrument();
                let astray = reported.astray.get(&instrument).map_or(0, |astray| astray.shares);
                let said = unexplained.get(&instrument).copied().unwrap_or_default() + astray;
                prop_assert_eq!(said, by_hand.get(&instrument).copied().unwrap_or_default());
            }
        }

        /// A report that is sent again changes nothing.
        #[test]
        fn a_report_sent_twice_changes_nothing(one in between(), two in between()) {
            let mut held: BTreeMap<&'static str, i64> = CODES.iter().map(|code| (*code, 100_000)).collect();
            let mut reported = Reported::follow(None, report(NOW, &held, Vec::new()), NOW, None).reported;
            for Between { trades, by_hand, .. } in [one, two] {
                for (text, shares) in trades.iter().chain(by_hand.iter()) {
                    *held.get_mut(text).unwrap() += shares;
                }
                let fills: Vec<Fill> = trades.iter().enumerate().map(|(n, (text, shares))| fill(n, text, *shares)).collect();
                let first = Reported::follow(Some(&reported), report(NOW, &held, fills.clone()), NOW, None);
                let again = Reported::follow(Some(&first.reported), report(NOW, &held, fills), NOW, None);
                prop_assert_eq!(&again.reported, &first.reported);
                prop_assert!(again.fills.is_empty() && again.changes.is_empty() && again.unexplained.is_empty());
                reported = again.reported;
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let held = BTreeMap::from([("000001.SZ", 100)]);
        let mut one = report(NOW, &held, vec![fill(1, "000001.SZ", 100)]);
        one.orders = vec![Order {
            id: "7".into(),
            code: code("000001.SZ"),
            side: Side::Buy,
            volume: 200,
            traded: 100,
            price: Some(Decimal::ONE),
            status: OrderStatus::Working,
            placed_at: Some(NOW),
            ours: true,
        }];
        let before = Reported::follow(None, report(NOW, &BTreeMap::new(), Vec::new()), NOW, None).reported;
        let mut reported = Reported::follow(Some(&before), one, NOW, None).reported;
        let read: Reported = serde_json::from_str(&serde_json::to_string(&reported).unwrap()).unwrap();
        reported.fills = OrdMap::new();
        assert_eq!(read, reported);
    }
}
