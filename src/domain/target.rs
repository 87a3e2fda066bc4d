//! What a trading account is to hold: its strategies' lists at their scales, line by line. A terminal trades only what is
//! listed and carries no hold, so whatever is not known is left alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use smol_str::SmolStr;

use super::account::{Account, Adjustments, Fresh};
use super::board::{self, Board};
use super::book::{Book, Mark, Strategy};
use super::calendar::{Calendar, Day};
use super::code::{Code, Instrument};
use super::decimal::{Amount, Decimal, Scaled, Volume};
use super::lock::Lock;
use super::moment::Moment;
use super::settings::Settled;
use super::state::State;
use super::strategy::{Kind, StrategyId, StrategyName};

/// The golden ratio: it spreads small numbers over all bits.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Strategies that an account names and nobody ever heard of, or that are closed: what is wanted is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known of what these want: {}", .0.iter().map(StrategyName::as_str).collect::<Vec<_>>().join(", "))]
pub struct Incomplete(pub Vec<StrategyName>);

/// The state of an account's target: two of its targets with equal marks are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetMark {
    /// The newest revision of what the target is made from.
    pub mark: Mark,
    /// Who has spoken since the trading day began and since something was locked, and what of the account's report matters: a
    /// sum over numbers that stand for them.
    pub spoken: u64,
}

/// Why a line must not be traded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// The owner wants it never to be traded.
    Protected,
    /// The code names no exchange.
    UnknownCode,
    /// These have not spoken since the trading day began.
    NotFresh(Vec<StrategyName>),
    /// So many more shares are held than trades explain; below zero: fewer.
    UnexplainedChange(i64),
}

/// A line that must not be traded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineHold {
    /// Why.
    pub reason: HoldReason,
    /// Since when.
    pub since: Moment,
}

/// What one strategy wants of an instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The strategy, or the overlay.
    pub strategy: StrategyName,
    /// At the account's scale: shares.
    pub volume: Scaled,
    /// The price that it was decided at, where that was told: CNY per share.
    pub price: Option<Decimal>,
}

/// One instrument of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetLine {
    /// The code as the first contributor spelled it.
    pub code: Code,
    /// The name that the first contributor gave.
    pub name: Option<SmolStr>,
    /// What the strategies want together: shares, below zero when overlays take away more than there is.
    pub exact: Scaled,
    /// What the terminal is to hold: shares, in whole lots where a scale took part, the owner's own with them.
    pub volume: Volume,
    /// How many of them are the owner's own: shares.
    pub protected: Decimal,
    /// What the strategies paid on average, CNY per share; None where nothing is wanted.
    pub average: Option<f64>,
    /// Why it must not be traded now, if so.
    pub hold: Option<LineHold>,
    /// Who wants how much.
    pub parts: Vec<Part>,
}

/// What an account is to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What is wanted, strategies by creation, then position order; behind it what was wanted once, as zero.
    pub lines: Vec<TargetLine>,
    /// What is the owner's own of instruments that no line names, in shares: for terminals that sell whatever is not named.
    pub owned: Vec<(Code, Decimal)>,
    /// How fresh it is.
    pub mark: Mark,
    /// Whether an example strategy takes part, whose positions nobody decided on.
    pub is_demo: bool,
}

/// Strategies at their scales, by creation.
type Followed<'a> = BTreeMap<StrategyId, (&'a Arc<Strategy>, Decimal)>;

/// A line while it is added up.
struct Line {
    code: Code,
    name: Option<SmolStr>,
    exact: Scaled,
    /// Whether a scale other than 1 took part.
    is_scaled: bool,
    /// The scale of all who take part, while it is one: then the average does not depend on it, and is exact.
    scale: Option<Decimal>,
    /// What was paid, and for how many shares, before scales.
    paid: (Amount, Volume),
    /// The same at the scales, once they differ.
    weighed: (f64, f64),
    parts: Vec<Part>,
    /// Who wants it now.
    wanters: Vec<StrategyName>,
    /// Who wanted it once, and since when not.
    droppers: Vec<(StrategyName, Moment)>,
}

impl Line {
    fn new(code: Code, name: Option<SmolStr>) -> Self {
        Self {
            code,
            name,
            exact: Scaled::default(),
            is_scaled: false,
            scale: None,
            paid: (Amount::default(), Volume::default()),
            weighed: (0.0, 0.0),
            parts: Vec::new(),
            wanters: Vec::new(),
            droppers: Vec::new(),
        }
    }

    fn average(&self) -> Option<f64> {
        if self.scale.is_some() {
            return self.paid.0.per(self.paid.1);
        }
        let (amount, volume) = self.weighed;
        (volume != 0.0).then(|| amount / volume)
    }
}

/// The trading day that a target is made on.
struct Today<'a> {
    calendar: &'a Calendar,
    /// When it began.
    began: Moment,
    /// When the one before began, at the earliest: what was dropped since then may not have been traded yet.
    recently: Moment,
}

impl<'a> Today<'a> {
    fn new(calendar: &'a Calendar, now: Moment) -> Self {
        let began = calendar.trading_day_began(now);
        let recently = calendar.trading_day_surely_before(Day::of(began)).begins_at();
        Self { calendar, began, recently }
    }

    /// Stands for all of it that decides about a target.
    const fn digest(&self) -> u64 {
        self.began.as_micros().unsigned_abs() ^ self.recently.as_micros().unsigned_abs().wrapping_mul(GOLDEN)
    }

    /// Whether a moment is of this day.
    fn has(&self, at: Moment) -> bool {
        self.calendar.trading_day_began(at) == self.began
    }

    /// Whether a moment is of a day to come.
    fn is_before(&self, at: Moment) -> bool {
        self.calendar.trading_day_began(at) > self.began
    }
}

/// Whether a strategy's word is of today: a word that a clock put into the days to come is of none. What the operator made flat
/// is the operator's word.
fn has_spoken(book: &Book, strategy: &Strategy, today: &Today<'_>) -> bool {
    strategy.told.spoken_at.is_some_and(|at| today.has(at)) || book.settings().state(&strategy.name) == State::Flat
}

/// Whether a strategy's own word is newer than a lock, and not one of the days to come. What the operator did to its list
/// answers nothing, nor does a push that waits.
fn has_spoken_since(strategy: &Strategy, lock: &Lock, today: &Today<'_>) -> bool {
    let is_newer = |at: Moment| at > lock.at && !today.is_before(at);
    strategy.told.spoken_at.is_some_and(is_newer) && strategy.last_push_at.is_some_and(is_newer)
}

impl Book {
    /// The strategies that an account follows, with the account's scale, by creation; and those of which nothing is known.
    fn known<'a>(&'a self, account: &Account) -> (Followed<'a>, Vec<StrategyName>) {
        let mut followed = BTreeMap::new();
        let mut missing = Vec::new();
        for share in &account.strategies {
            match self.strategy(&share.name).filter(|_| self.settings().state(&share.name) != State::Closed) {
                Some(strategy) => drop(followed.insert(strategy.id, (strategy, share.scale))),
                None => missing.push(share.name.clone()),
            }
        }
        (followed, missing)
    }

    /// The same of an account whose strategies are all known.
    fn followed<'a>(&'a self, account: &Account) -> Result<Followed<'a>, Incomplete> {
        let (followed, missing) = self.known(account);
        if missing.is_empty() { Ok(followed) } else { Err(Incomplete(missing)) }
    }

    /// The overlays that count in an account, by creation.
    fn overlays<'a>(&'a self, adjustments: &'a Adjustments) -> Box<dyn Iterator<Item = &'a Arc<Strategy>> + 'a> {
        match adjustments {
            Adjustments::All => Box::new(self.adjustments.iter().filter_map(|id| self.by_id(*id))),
            Adjustments::Named(names) => Box::new(names.iter().filter_map(|name| self.strategy(name))),
        }
    }

    /// How fresh an account's target is at `now`, without adding it up.
    ///
    /// # Errors
    /// When nothing is known of what one of its strategies wants.
    pub fn target_mark(&self, settled: &Settled, now: Moment) -> Result<TargetMark, Incomplete> {
        let account = &settled.account;
        let followed = self.followed(account)?;
        let today = Today::new(self.settings().calendar(), now);
        let (locks, locked) = self.settings().locks(&settled.name).unzip();
        let mut mark = locked.map_or(settled.mark, |locked| settled.mark.newest(locked));
        let mut spoken = today.digest() ^ self.reported_digest(&settled.name);
        for (strategy, _) in followed.values() {
            mark = mark.newest(strategy.mark);
            let number = strategy.id.get().unsigned_abs().wrapping_mul(GOLDEN);
            if account.fresh == Fresh::Today && has_spoken(self, strategy, &today) {
                spoken ^= number.rotate_left(17);
            }
            let since =
                locks.unwrap_or_default().iter().filter(|lock| has_spoken_since(strategy, lock, &today)).count();
            spoken ^= number.rotate_left(29).wrapping_mul(since as u64);
        }
        let overlays = match &account.adjustments {
            Adjustments::All => self.newest_adjustment(),
            Adjustments::Named(names) => {
                let marks = names.iter().filter_map(|name| {
                    self.strategy(name).map(|strategy| strategy.mark).or_else(|| self.removal(name))
                });
                marks.reduce(Mark::newest)
            }
        };
        Ok(TargetMark { mark: overlays.map_or(mark, |overlays| mark.newest(overlays)), spoken })
    }

    /// What an account is to hold at `now`.
    ///
    /// # Errors
    /// When nothing is known of what one of its strategies wants.
    pub fn target(&self, settled: &Settled, now: Moment) -> Result<Target, Incomplete> {
        let account = &settled.account;
        let taken = self.with_overlays(self.followed(account)?, account);
        let mark = self.target_mark(settled, now)?.mark;
        let is_demo = taken.values().any(|(strategy, _)| strategy.name.is_demo());
        let lines = self.lines(settled, &taken, now);
        let named: HashSet<Instrument> = lines.iter().map(|line| line.code.instrument()).collect();
        let beside = account.protected.iter().filter(|own| !named.contains(&own.code.instrument()));
        let owned = beside.filter_map(|own| Some((own.code.clone(), own.volume?))).collect();
        Ok(Target { lines, owned, mark, is_demo })
    }

    /// The lines of an account's target as far as its strategies are known, and whether that is all of it: what is not known
    /// of one hides nothing of the others.
    pub(super) fn known_lines(&self, settled: &Settled, now: Moment) -> (Vec<TargetLine>, bool) {
        let (followed, missing) = self.known(&settled.account);
        let taken = self.with_overlays(followed, &settled.account);
        (self.lines(settled, &taken, now), missing.is_empty())
    }

    fn with_overlays<'a>(&'a self, followed: Followed<'a>, account: &'a Account) -> Followed<'a> {
        let overlays = self.overlays(&account.adjustments).map(|overlay| (overlay.id, (overlay, Decimal::ONE)));
        followed.into_iter().chain(overlays).collect()
    }

    /// What these want together.
    fn lines(&self, settled: &Settled, taken: &Followed<'_>, now: Moment) -> Vec<TargetLine> {
        let (account, today) = (&settled.account, Today::new(self.settings().calendar(), now));
        let mut sheet = Sheet::default();
        for (strategy, scale) in taken.values() {
            sheet.add(strategy, *scale);
        }
        self.add_past(&mut sheet, settled);
        let protected: HashMap<Instrument, Option<Decimal>> =
            account.protected.iter().map(|one| (one.code.instrument(), one.volume)).collect();
        let spoken = self.spoken(account, &today);
        let finished = |line| self.finished(line, settled, &protected, &today, &spoken);
        sheet.lines.into_iter().map(finished).collect()
    }

    /// Who of an account's strategies has spoken today.
    fn spoken<'a>(&'a self, account: &'a Account, today: &Today<'_>) -> HashSet<&'a StrategyName> {
        let names = account.strategies.iter().map(|share| &share.name);
        names.filter(|name| self.strategy(name).is_some_and(|one| has_spoken(self, one, today))).collect()
    }

    /// Adds what the account's strategies wanted once, as zero, but for what the terminal has reported gone since.
    fn add_past(&self, sheet: &mut Sheet, settled: &Settled) {
        let named = settled.account.strategies.iter().map(|share| &share.name);
        let overlays: Vec<&StrategyName> = match &settled.account.adjustments {
            Adjustments::All => self.pasts().filter(|name| name.kind() == Kind::Adjustment).collect(),
            Adjustments::Named(these) => these.iter().collect(),
        };
        let reported = self.reported(&settled.name);
        let reported_gone =
            |instrument: &Instrument| reported.and_then(|reported| reported.gone.get(instrument)).copied();
        let mut gone: Vec<Line> = Vec::new();
        let mut places: HashMap<Instrument, usize> = HashMap::new();
        let mut zero =
            |instrument: &Instrument, code: &Code, name: Option<SmolStr>, by: Option<(StrategyName, Moment)>| {
                let line = if let Some(place) = sheet.places.get(instrument) {
                    &mut sheet.lines[*place]
                } else {
                    let place = *places.entry(instrument.clone()).or_insert_with(|| {
                        gone.push(Line::new(code.clone(), name));
                        gone.len() - 1
                    });
                    &mut gone[place]
                };
                line.droppers.extend(by);
            };
        for name in named.chain(overlays) {
            for (instrument, past) in self.past(name) {
                if !sheet.places.contains_key(instrument) && reported_gone(instrument) >= Some(past.revision) {
                    continue;
                }
                let by = (name.kind() == Kind::Ordinary).then(|| (name.clone(), past.at));
                zero(instrument, &past.code, past.name.clone(), by);
            }
        }
        for former in settled.former.iter().filter(|former| reported_gone(&former.code.instrument()).is_none()) {
            zero(&former.code.instrument(), &former.code, former.name.as_deref().map(SmolStr::from), None);
        }
        gone.sort_by_cached_key(|line| line.code.instrument());
        sheet.lines.extend(gone);
    }

    fn finished(
        &self,
        line: Line,
        settled: &Settled,
        protected: &HashMap<Instrument, Option<Decimal>>,
        today: &Today<'_>,
        spoken: &HashSet<&StrategyName>,
    ) -> TargetLine {
        let instrument = line.code.instrument();
        let own = protected.get(&instrument).copied();
        let whole = line.exact.floor().max(Volume::default());
        let whole = if line.is_scaled {
            board::round(Board::of_at(&instrument, Day::of(today.began)), whole, settled.account.rounding)
        } else {
            whole
        };
        let kept = own.flatten().unwrap_or_default();
        let hold = if own == Some(None) {
            Some(LineHold { reason: HoldReason::Protected, since: settled.mark.updated_at })
        } else if instrument.exchange().is_none() {
            Some(LineHold { reason: HoldReason::UnknownCode, since: settled.mark.updated_at })
        } else {
            self.unexplained(&line, &instrument, settled, today).or_else(|| {
                let silent = silent(&line, settled, today, spoken);
                (!silent.is_empty()).then_some(LineHold { reason: HoldReason::NotFresh(silent), since: today.began })
            })
        };
        TargetLine {
            average: line.average(),
            volume: whole + kept.into(),
            protected: kept,
            code: line.code,
            name: line.name,
            exact: line.exact,
            hold,
            parts: line.parts,
        }
    }

    /// A change of what is held of a line that no trade explains, and that not all whom it concerns have answered with a push.
    fn unexplained(
        &self,
        line: &Line,
        instrument: &Instrument,
        settled: &Settled,
        today: &Today<'_>,
    ) -> Option<LineHold> {
        let hold = |shares, since| LineHold { reason: HoldReason::UnexplainedChange(shares), since };
        let (locks, _) = self.settings().locks(&settled.name).unwrap_or((&[], settled.mark));
        if let Some(lock) = locks.iter().find(|lock| lock.code.instrument() == *instrument) {
            let concerned = concerned(line, today);
            let answered =
                concerned.iter().all(|name| self.strategy(name).is_some_and(|one| has_spoken_since(one, lock, today)));
            if concerned.is_empty() || !answered {
                return Some(hold(lock.shares, lock.at));
            }
        }
        let astray = self.reported(&settled.name)?.astray.get(instrument).filter(|astray| astray.is_quiet)?;
        Some(hold(astray.shares, astray.since))
    }
}

/// Whose word on a line is not of today, of those whom it concerns.
fn silent(line: &Line, settled: &Settled, today: &Today<'_>, spoken: &HashSet<&StrategyName>) -> Vec<StrategyName> {
    if settled.account.fresh == Fresh::Any {
        return Vec::new();
    }
    let mut silent: Vec<StrategyName> =
        concerned(line, today).into_iter().filter(|name| !spoken.contains(name)).cloned().collect();
    silent.dedup();
    silent
}

/// Whom a line concerns: those who want it, and those who wanted it last. A strategy that dropped it on the trading day before
/// counts among those: what it dropped may not have been traded yet.
fn concerned<'a>(line: &'a Line, today: &Today<'_>) -> Vec<&'a StrategyName> {
    let last = line.droppers.iter().map(|(_, at)| *at).max().filter(|_| line.wanters.is_empty());
    let dropped = line
        .droppers
        .iter()
        .filter(|(name, at)| (*at >= today.recently || Some(*at) == last) && !line.wanters.contains(name));
    line.wanters.iter().chain(dropped.map(|(name, _)| name)).collect()
}

/// Lines while they are added up, and where each instrument's stands.
#[derive(Default)]
struct Sheet {
    lines: Vec<Line>,
    places: HashMap<Instrument, usize>,
}

impl Sheet {
    /// Adds a strategy's list at a scale.
    fn add(&mut self, strategy: &Strategy, scale: Decimal) {
        let weight = scale.approximate();
        for position in strategy.list.iter() {
            let place = *self.places.entry(position.code().instrument()).or_insert_with(|| {
                self.lines.push(Line::new(position.code().clone(), position.name().map(SmolStr::from)));
                self.lines.len() - 1
            });
            let line = &mut self.lines[place];
            let volume = position.volume().scaled(scale);
            line.exact += volume;
            line.is_scaled |= scale != Decimal::ONE && position.volume() != Decimal::ZERO;
            match line.scale {
                _ if line.parts.is_empty() => line.scale = Some(scale),
                // So far one scale was enough.
                Some(one) if one != scale => {
                    let weight = one.approximate();
                    line.weighed = (line.paid.0.approximate() * weight, line.paid.1.approximate() * weight);
                    line.scale = None;
                }
                _ => {}
            }
            if line.scale.is_none() {
                line.weighed.0 += position.amount().approximate() * weight;
                line.weighed.1 += position.volume().approximate() * weight;
            }
            line.paid.0 += position.amount();
            line.paid.1 += position.volume().into();
            match line.parts.last_mut().filter(|part| part.strategy == strategy.name) {
                Some(part) => part.volume += volume,
                None => line.parts.push(Part { strategy: strategy.name.clone(), volume, price: position.price() }),
            }
            if strategy.name.kind() == Kind::Ordinary && line.wanters.last() != Some(&strategy.name) {
                line.wanters.push(strategy.name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
