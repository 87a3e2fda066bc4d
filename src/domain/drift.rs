//! Drift: what is held and not wanted, or wanted and not held, explained to the share.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::board::Board;
use super::calendar::{Calendar, Day};
use super::code::{Code, Instrument};
use super::decimal::Volume;
use super::moment::Moment;
use super::report::{Mode, Reason, Side, Waiting};
use super::reported::{Reported, SILENT_AFTER};
use super::target::{Target, TargetLine};

/// An instrument of which something else is held than is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftLine {
    /// The code as the target spells it.
    pub code: Code,
    /// Its name, where somebody gave it.
    pub name: Option<SmolStr>,
    /// What is wanted: shares.
    pub target: Volume,
    /// What is held: shares.
    pub holding: Volume,
    /// Since when they differ, as far as was reported.
    pub since: Moment,
    /// Why: the parts add up to the difference.
    pub parts: Vec<DriftPart>,
}

/// A part of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftPart {
    /// Why.
    pub reason: Reason,
    /// How much of it, with the sign of the difference: shares.
    pub shares: Volume,
    /// The same in the terminal's words.
    pub words: Option<SmolStr>,
}

impl DriftLine {
    /// Holding minus target: shares.
    pub fn difference(&self) -> Volume {
        self.holding - self.target
    }
}

/// Where what is held differs from what is wanted, in the order of the target.
pub fn drift(target: &Target, reported: &Reported, calendar: &Calendar, now: Moment) -> Vec<DriftLine> {
    let known = Known::new(target, reported, calendar, now);
    target.lines.iter().filter_map(|line| known.drift_of(line)).collect()
}

/// The same of one line of the target.
pub fn drift_of_line(
    (target, line): (&Target, &TargetLine),
    reported: &Reported,
    calendar: &Calendar,
    now: Moment,
) -> Option<DriftLine> {
    Known::new(target, reported, calendar, now).drift_of(line)
}

/// What is known when differences are explained.
struct Known<'a> {
    reported: &'a Reported,
    /// When the target changed last.
    updated_at: Moment,
    in_flight: HashMap<(Instrument, Side), i64>,
    waiting: HashMap<Instrument, Vec<&'a Waiting>>,
    now: Moment,
    /// Whether the exchanges take orders.
    is_open: bool,
    /// Whether the target changed a moment ago and has hardly reached the terminal.
    is_new: bool,
}

impl<'a> Known<'a> {
    fn new(target: &Target, reported: &'a Reported, calendar: &Calendar, now: Moment) -> Self {
        let mut waiting: HashMap<Instrument, Vec<&Waiting>> = HashMap::new();
        for one in &reported.waiting {
            waiting.entry(one.code.instrument()).or_default().push(one);
        }
        let is_new =
            reported.revision < Some(target.mark.revision) && now.since(target.mark.updated_at) <= SILENT_AFTER;
        Self {
            reported,
            updated_at: target.mark.updated_at,
            in_flight: reported.in_flight(),
            waiting,
            now,
            is_open: calendar.is_trading_time(now),
            is_new,
        }
    }

    fn drift_of(&self, line: &TargetLine) -> Option<DriftLine> {
        let instrument = line.code.instrument();
        let holding = Volume::from(self.reported.held(&instrument));
        (holding != line.volume).then(|| DriftLine {
            code: line.code.clone(),
            name: line.name.clone(),
            target: line.volume,
            holding,
            since: self.reported.differs.get(&instrument).copied().unwrap_or(self.updated_at),
            parts: Difference::of(line, holding).explain(self),
        })
    }
}

/// A difference while it is explained.
struct Difference<'a> {
    line: &'a TargetLine,
    /// Which way a trade would have to go.
    side: Side,
    holding: Volume,
    /// What is not explained yet, from zero on: shares.
    rest: Volume,
    parts: Vec<DriftPart>,
}

impl<'a> Difference<'a> {
    fn of(line: &'a TargetLine, holding: Volume) -> Self {
        let side = if holding > line.volume { Side::Sell } else { Side::Buy };
        Self { line, side, holding, rest: holding.distance(line.volume), parts: Vec::new() }
    }

    /// Gives a reason for so much of what is left.
    fn because(&mut self, reason: Reason, shares: Volume, words: Option<SmolStr>) {
        let taken = shares.min(self.rest);
        if taken <= Volume::default() {
            return;
        }
        self.rest -= taken;
        let signed = if self.side == Side::Sell { taken } else { Volume::default() - taken };
        match self.parts.iter_mut().find(|part| part.reason == reason && part.words == words) {
            Some(part) => part.shares += signed,
            None => self.parts.push(DriftPart { reason, shares: signed, words }),
        }
    }

    /// Gives a reason for all that is left, where it holds.
    fn all_because(&mut self, reason: Reason, holds: bool) {
        if holds {
            self.because(reason, self.rest, None);
        }
    }

    /// From what is known for certain to what only may be so.
    fn explain(mut self, known: &Known) -> Vec<DriftPart> {
        let instrument = self.line.code.instrument();
        let Known { reported, now, is_open, .. } = *known;
        if reported.is_silent(now) {
            self.all_because(if is_open { Reason::TerminalSilent } else { Reason::ClosedHours }, true);
            return self.parts;
        }
        let ordered = known.in_flight.get(&(instrument.clone(), self.side)).copied().unwrap_or_default();
        self.because(Reason::InFlight, ordered.into(), None);
        self.all_because(Reason::HeldLine, self.line.hold.is_some());
        for waiting in known.waiting.get(&instrument).into_iter().flatten() {
            self.because(waiting.reason, waiting.shares.into(), waiting.text.clone());
        }
        self.all_because(Reason::InFlight, known.is_new);
        self.all_because(Reason::DryRun, reported.mode == Mode::DryRun);
        if self.side == Side::Sell {
            let sellable = reported.holdings.get(&instrument).map_or(0, |holding| holding.sellable);
            let bought_today = (self.holding - sellable.into()).max(Volume::default());
            self.because(Reason::TPlus1, bought_today, None);
        }
        self.all_because(Reason::ClosedHours, !is_open);
        let board = Board::of_at(&instrument, Day::of(now));
        let taken = board.map_or(self.rest, |board| board.tradable(self.side, self.rest, self.holding));
        self.because(Reason::BelowLot, self.rest - taken, None);
        self.all_because(Reason::Unexplained, true);
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::book::Mark;
    use super::super::decimal::{Decimal, Scaled};
    use super::super::report::{Holding, Order, OrderStatus, Report};
    use super::super::revision::Revision;
    use super::super::target::{HoldReason, LineHold, Part};
    use super::*;

    const CODES: [&str; 4] = ["000001.SZ", "688981.SH", "113050.SH", "600000"];
    /// 2026-01-05 10:00 in Shanghai, a Monday.
    const NOW: Moment = Moment::from_micros(1_767_578_400_000_000);

    fn code(text: &str) -> Code {
        Code::parse(text).unwrap()
    }

    fn target(lines: &BTreeMap<&'static str, (String, bool)>) -> Target {
        let mark = Mark { revision: Revision::new(7), chain: [0; 8], updated_at: NOW };
        let line = |(text, (volume, is_held)): (&&str, &(String, bool))| TargetLine {
            code: code(text),
            name: None,
            exact: Scaled::default(),
            volume: Decimal::parse(volume).unwrap().into(),
            protected: Decimal::ZERO,
            average: None,
            hold: is_held.then_some(LineHold { reason: HoldReason::Protected, since: NOW }),
            parts: Vec::<Part>::new(),
        };
        Target { lines: lines.iter().map(line).collect(), owned: Vec::new(), mark, is_demo: false }
    }

    fn targets() -> impl Strategy<Value = Target> {
        let volume =
            prop_oneof![Just("0".to_owned()), (0..3000_u32).prop_map(|n| n.to_string()), Just("17.25".to_owned())];
        let one = (prop::sample::select(CODES.to_vec()), (volume, prop::bool::weighted(0.2)));
        prop::collection::vec(one, 0..5).prop_map(|lines| target(&lines.into_iter().collect()))
    }

    fn reports() -> impl Strategy<Value = Report> {
        let any_code = || prop::sample::select(CODES.to_vec());
        let holding = (any_code(), 0..3000_i64, 0..3000_i64);
        let order = (any_code(), any::<bool>(), 0..3000_i64, 0..3000_i64, any::<bool>());
        let reason = prop::sample::select(vec![Reason::Cash, Reason::LimitUp, Reason::Unexplained, Reason::InFlight]);
        let waiting = (any_code(), 0..3000_i64, reason);
        (
            prop::collection::vec(holding, 0..5),
            prop::collection::vec(order, 0..4),
            prop::collection::vec(waiting, 0..4),
            any::<bool>(),
            5..9_i64,
        )
            .prop_map(|(holdings, orders, waiting, is_live, revision)| {
                let holdings: BTreeMap<_, _> = holdings
                    .into_iter()
                    .map(|(text, volume, sellable)| {
                        (
                            text,
                            Holding {
                                code: code(text),
                                volume,
                                sellable: sellable.min(volume),
                                cost: None,
                                price: None,
                            },
                        )
                    })
                    .collect();
                let order = |(n, (text, buys, volume, traded, ours)): (usize, (&str, bool, i64, i64, bool))| Order {
                    id: n.to_string().into(),
                    code: code(text),
                    side: if buys { Side::Buy } else { Side::Sell },
                    volume,
                    traded,
                    price: None,
                    status: OrderStatus::Working,
                    placed_at: None,
                    ours,
                };
                Report {
                    at: NOW,
                    mode: if is_live { Mode::Live } else { Mode::DryRun },
                    revision: Some(Revision::new(revision)),
                    cash: None,
                    total_asset: None,
                    holdings: holdings.into_values().collect(),
                    orders: orders.into_iter().enumerate().map(order).collect(),
                    fills: Vec::new(),
                    waiting: waiting
                        .into_iter()
                        .map(|(text, shares, reason)| Waiting { code: code(text), shares, reason, text: None })
                        .collect(),
                }
            })
    }

    proptest! {
        /// Every difference has a name: the reasons add up to it, to the share, and none goes the other way.
        #[test]
        fn the_parts_add_up_to_the_difference(target in targets(), report in reports(), minutes in 0..2000_u64) {
            let reported = Reported::follow(None, report, NOW, Some(&target)).reported;
            let now = NOW.plus(std::time::Duration::from_mins(minutes));
            let lines = drift(&target, &reported, &Calendar::default(), now);
            for line in &lines {
                let sum = line.parts.iter().fold(Volume::default(), |sum, part| sum + part.shares);
                prop_assert_eq!(sum, line.difference());
                prop_assert!(!line.difference().is_zero());
                let sells = line.difference() > Volume::default();
                prop_assert!(line.parts.iter().all(|part| !part.shares.is_zero() && (part.shares > Volume::default()) == sells));
            }
            for line in &target.lines {
                let differs = Volume::from(reported.held(&line.code.instrument())) != line.volume;
                prop_assert_eq!(differs, lines.iter().any(|one| one.code == line.code));
            }
        }
    }
}
