//! Incidents: the one place that looks at everything, at the book, at the terminals and what they report, at the door and
//! at the machine, and says what somebody should be told of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::task::JoinError;

use super::Desk;
use crate::auth::refused::Refused;
use crate::auth::rights::{Gate, Operator};
use crate::auth::timing::Timing;
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::calendar::{Calendar, Day, Openness};
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::drift::DriftLine;
use crate::domain::incident::{
    Acknowledged, Concern, DRIFT_AFTER, Found, Incident, IncidentId, Key, Kind, NAMED, Standing, Step,
};
use crate::domain::moment::Moment;
use crate::domain::report::{Order, OrderStatus, Reason};
use crate::domain::reported::{Reported, SILENT_AFTER};
use crate::domain::revision::Topic;
use crate::domain::settings::Settled;
use crate::domain::total::Selection;
use crate::domain::watch::{Expected, Hearing, below_zero, clock_behind};
use crate::store::incidents::Which;
use crate::store::{NotStored, Store, Unavailable};

/// How many orders of an instrument the broker may reject in a day without a word, less one.
const REJECTED: u64 = 3;

/// How long a copy of the database may take besides the time between two: one that was missed is not yet told.
pub(crate) const COPY_TAKES: Duration = Duration::from_hours(1);

/// How long before its end a certificate is told of.
pub(crate) const CERTIFICATE_SOON: Duration = Duration::from_hours(14 * 24);

/// Below which a disk is nearly full, and above which it is not any more: bytes. What lies between ends nothing.
pub(crate) const DISK_LOW: u64 = 1 << 30;
const DISK_WELL: u64 = DISK_LOW + DISK_LOW / 4;

/// By how much the clock may differ from that of whoever reports.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

/// Within what the clock differs no more, once it did. What lies between ends nothing.
const CLOCK_WELL: Duration = Duration::from_secs(30);

/// What only memory knows of, and how long a server that began anew takes to learn it again.
const LEARNT_AGAIN: [(Kind, Duration); 2] =
    [(Kind::OtherTerminal, Duration::from_mins(3)), (Kind::RefusedSignatures, Duration::from_mins(10))];

/// How many of a kind begin: where there are more, it is no single one that is wrong.
const fn most(kind: Kind) -> usize {
    match kind {
        Kind::RefusedSignatures => 20,
        _ => 100,
    }
}

/// What the server knows of the machine that it runs on, and of how it is set up.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// For how long what an account holds may differ from its target: trading time.
    pub drift_after: Duration,
    /// When the certificate expires; None without one.
    pub certificate_ends: Option<Moment>,
    /// What is free on the disk; None where that cannot be known now.
    pub disk: Option<Disk>,
    /// The last copy of the database; None where the server makes none.
    pub backup: Option<Backup>,
}

/// What there is of a disk: bytes.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// What may still be written.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// How copies of the database go.
#[derive(Debug, Clone, Default)]
pub struct Backup {
    /// How often one is made.
    pub every: Duration,
    /// When the last one was made; None when there is none.
    pub made_at: Option<Moment>,
    /// Why the last try failed, when it did.
    pub error: Option<String>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { drift_after: DRIFT_AFTER, certificate_ends: None, disk: None, backup: None }
    }
}

/// What stands, and who looks at it. A clone is the same.
#[derive(Debug, Clone)]
pub struct Incidents {
    store: Store,
    clock: Clock,
    desk: Desk,
    refused: Refused,
    timing: Timing,
    /// What the clock had run when the server began.
    began: Duration,
    looks: Arc<Looks>,
    /// What stands as it is on the disk; None before it was read, and where it is not known what was written.
    kept: Arc<Mutex<Option<Standing>>>,
    /// The same, for all to see.
    shown: Arc<ArcSwap<Standing>>,
}

/// When looks ended last, by what the clock had run: microseconds.
#[derive(Debug)]
struct Looks {
    /// However it ended.
    ended: AtomicU64,
    /// With all that it found kept.
    kept: AtomicU64,
    /// Finding that terminals say that the clock is right, and none that it is not; 0 while none did.
    right: AtomicU64,
}

/// How long it may be until the next look ends: far longer than it takes between two.
const LOOKS_WITHIN: Duration = Duration::from_mins(1);

/// What has run, as it is kept in an atomic.
fn micros(running: Duration) -> u64 {
    u64::try_from(running.as_micros()).unwrap_or(u64::MAX)
}

impl Incidents {
    /// Those of a store; nothing stands before the first look.
    pub fn new(store: Store, clock: Clock, desk: Desk, gate: &Gate) -> Self {
        let began = clock.running();
        let (refused, timing) = (gate.refused().clone(), gate.timing().clone());
        let looks = Looks { ended: micros(began).into(), kept: micros(began).into(), right: 0.into() };
        let (looks, kept, shown) = (Arc::new(looks), Arc::default(), Arc::default());
        Self { store, clock, desk, refused, timing, began, looks, kept, shown }
    }

    /// Whether somebody looks still, whatever becomes of it.
    pub fn is_looked(&self) -> bool {
        self.is_recent(&self.looks.ended)
    }

    /// Whether what goes wrong is found and kept still.
    pub fn is_kept(&self) -> bool {
        self.is_recent(&self.looks.kept)
    }

    fn is_recent(&self, look: &AtomicU64) -> bool {
        micros(self.clock.running()).saturating_sub(look.load(Ordering::Relaxed)) < micros(LOOKS_WITHIN)
    }

    /// What stands, as the last look found it.
    pub fn standing(&self) -> Arc<Standing> {
        self.shown.load_full()
    }

    /// Whether the clock is said to be ahead, as the last look found it. One that is behind ends nothing early.
    pub fn doubt_clock(&self) -> bool {
        let standing = self.standing();
        let clock = standing.get(&Key::new(Kind::Clock, "")).map(|incident| &incident.concern);
        matches!(clock, Some(Concern::Clock { ahead }) if *ahead > 0)
    }

    /// Whether somebody has said since then, by what the clock had run, that it is right: the terminals that report, as the last look
    /// found them, or a push that was signed just now.
    pub fn bear_out_clock(&self, since: Duration) -> bool {
        self.looks.right.load(Ordering::Relaxed) > micros(since) || self.timing.is_accepted_since(since)
    }

    /// Looks at everything, and keeps what is to be told, in the transaction that queues it for the channels.
    ///
    /// # Errors
    /// When the store cannot be read or written: the next look finds the same again.
    pub async fn look(&self, surroundings: Surroundings) -> Result<Vec<Step>, NotStored> {
        let looked = self.look_once(surroundings).await;
        let now = micros(self.clock.running());
        self.looks.ended.store(now, Ordering::Relaxed);
        if looked.is_ok() {
            self.looks.kept.store(now, Ordering::Relaxed);
        }
        looked
    }

    async fn look_once(&self, surroundings: Surroundings) -> Result<Vec<Step>, NotStored> {
        let mut kept = self.kept.lock().await;
        let mut standing = self.taken(&mut kept).await?;
        let (book, now) = (self.store.book(), self.clock.now());
        let found = self.find(Arc::clone(&book), surroundings, standing.clone(), now).await?;
        if is_right(&book, now) {
            self.looks.right.store(micros(self.clock.running()), Ordering::Relaxed);
        }
        let steps = standing.steps(&found, book.settings().calendar(), now);
        if !steps.is_empty() {
            self.store.keep_incidents(steps.clone()).await?;
        }
        for step in &steps {
            let (id, kind, change): (_, _, &str) = (step.id.get(), step.concern.kind().as_str(), step.change.into());
            tracing::info!(id, kind, change, "an incident");
        }
        standing.take(&steps, &found);
        self.show(&mut kept, standing);
        Ok(steps)
    }

    /// Incidents, the newest first, at most `limit`; those that stand as they are now, and not as they were told last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, which: Which, limit: u32) -> Result<Vec<Incident>, Unavailable> {
        let mut incidents = self.store.incidents(which, limit).await?;
        let standing = self.standing();
        for one in &mut incidents {
            if let Some(now) = standing.get(&one.concern.key()).filter(|now| now.id == one.id) {
                one.concern = now.concern.clone();
            }
        }
        Ok(incidents)
    }

    /// Notes that the operator has seen an incident: it is not told again until it changes. False when it does not stand.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn acknowledge(&self, by: &Operator, id: IncidentId) -> Result<bool, NotStored> {
        let mut kept = self.kept.lock().await;
        let mut standing = self.taken(&mut kept).await?;
        let by = Acknowledged { at: self.clock.now(), by: by.address().to_string() };
        let is_noted = self.store.acknowledge(id, by.clone()).await? && standing.acknowledge(id, &by);
        self.show(&mut kept, standing);
        Ok(is_noted)
    }

    /// Takes what stands, from the disk where it is not known. Whoever takes it gives it back once it is kept.
    async fn taken(&self, kept: &mut Option<Standing>) -> Result<Standing, Unavailable> {
        match kept.take() {
            Some(standing) => Ok(standing),
            None => self.store.standing().await,
        }
    }

    fn show(&self, kept: &mut Option<Standing>, standing: Standing) {
        self.shown.store(Arc::new(standing.clone()));
        *kept = Some(standing);
    }

    /// Looks on a thread that may be busy: targets are added up.
    async fn find(
        &self,
        book: Arc<Book>,
        surroundings: Surroundings,
        standing: Standing,
        now: Moment,
    ) -> Result<Found, Unavailable> {
        let (desk, refused) = (self.desk.clone(), self.refused.clone());
        let (running, began) = (self.clock.running(), self.began);
        let pushed_ahead = self.timing.ahead(running);
        busy(move || {
            let calendar = book.settings().calendar();
            let found = Found::default();
            let look =
                Look { book: &book, calendar, surroundings, standing, desk, pushed_ahead, running, began, now, found };
            look.everything(&refused)
        })
        .await
    }
}

/// By how many microseconds the clock is ahead of each terminal that reports now.
fn reported_ahead(book: &Book, now: Moment) -> impl Iterator<Item = i64> {
    let fresh = book.reporting().filter(move |(_, reported)| !reported.is_silent(now));
    fresh.map(|(_, one)| one.heard_at.ahead_of(one.at))
}

/// Whether terminals say that the clock is right, and none that it is not.
fn is_right(book: &Book, now: Moment) -> bool {
    let mut ahead = reported_ahead(book, now).map(|ahead| Duration::from_micros(ahead.unsigned_abs())).peekable();
    ahead.peek().is_some() && ahead.all(|ahead| ahead <= CLOCK_TOLERANCE)
}

/// Works on a thread that may be busy. What panics there panics here: a look that fails for ever would leave the server blind.
async fn busy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => Ok(done),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(cancelled)) => Err(Unavailable(cancelled.to_string())),
    }
}

/// One look.
struct Look<'a> {
    book: &'a Book,
    calendar: &'a Calendar,
    surroundings: Surroundings,
    standing: Standing,
    desk: Desk,
    /// By how much the clock is ahead as far as signed pushes say that it is off: microseconds.
    pushed_ahead: Option<i64>,
    running: Duration,
    began: Duration,
    now: Moment,
    found: Found,
}

/// Instruments as terminals spell them: the first few, and how many there are.
fn named<'a>(codes: impl Iterator<Item = &'a Code>) -> (Vec<String>, usize) {
    let all: Vec<String> = codes.map(|code| code.to(Notation::Qmt).to_string()).collect();
    let count = all.len();
    (all.into_iter().take(NAMED).collect(), count)
}

impl Look<'_> {
    fn everything(mut self, refused: &Refused) -> Found {
        self.schedules();
        self.silence();
        self.holds();
        self.below_zero();
        for (account, settled) in self.book.settings().accounts() {
            self.terminal(account);
            self.locks(account);
            if let Some(reported) = self.book.reported(account) {
                self.drift(settled, reported);
                self.rejected(account, reported);
            }
        }
        for (address, count) in refused.many(self.running) {
            self.found.add(Concern::RefusedSignatures { address: address.to_string(), count });
        }
        self.machine();
        self.learnt_again();
        self.limit();
        self.found
    }

    /// What stood before a restart, and cannot have been found again since, stays.
    fn learnt_again(&mut self) {
        let passed = self.running.saturating_sub(self.began);
        let is_early = |key: &Key| LEARNT_AGAIN.iter().any(|(kind, span)| *kind == key.kind && passed < *span);
        self.found.unseen.extend(self.standing.incidents().map(|one| one.concern.key()).filter(is_early));
    }

    /// Leaves out what would begin where there is enough of its kind. What stands stays, so that nothing begins and ends by
    /// turns.
    fn limit(&mut self) {
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        for key in self.found.concerns.keys().filter(|key| self.standing.get(key).is_some()) {
            *counts.entry(key.kind).or_default() += 1;
        }
        self.found.concerns.retain(|key, _| {
            let count = counts.entry(key.kind).or_default();
            let stands = self.standing.get(key).is_some();
            let fits = stands || *count < most(key.kind);
            *count += usize::from(fits && !stands);
            fits
        });
    }

    fn stands(&self, key: &Key) -> bool {
        self.standing.get(key).is_some()
    }

    /// Times that went by without a push. What was due before the schedule was settled was not due by it.
    fn schedules(&mut self) {
        let settings = self.book.settings();
        let expected = settings.schedules().filter(|(name, _)| settings.expects(name));
        for (name, schedule) in expected {
            let met = self.book.strategy(name).and_then(|strategy| strategy.told.met);
            let missed = schedule.missed(met, self.book.last_push_at(name), self.calendar, self.now);
            let settled_at = settings.settled_at(&Topic::Schedule(name.clone()));
            match missed.filter(|(due, _)| settled_at.is_some_and(|settled_at| *due > settled_at)) {
                Some((due, Openness::Open)) => self.found.add(Concern::StrategyLate { strategy: name.clone(), due }),
                // Perhaps nothing was due meanwhile, and what was missed before is missed still.
                Some(_) => drop(self.found.unseen.insert(Key::new(Kind::StrategyLate, name))),
                None => {}
            }
        }
    }

    /// Strategies without a schedule that have not pushed since the last trading day.
    fn silence(&mut self) {
        let (settings, expected) = (self.book.settings(), Expected::at(self.calendar, self.now));
        let unscheduled = self.book.strategies().filter(|one| settings.schedule(&one.name).is_none());
        for strategy in unscheduled.filter(|one| expected.of(one, settings) == Hearing::Silent) {
            if let Some(since) = strategy.last_push_at {
                self.found.add(Concern::StrategySilent { strategy: strategy.name.clone(), since });
            }
        }
    }

    fn holds(&mut self) {
        for (strategy, hold) in self.book.settings().holds() {
            let (strategy, reasons) = (strategy.clone(), hold.reasons.clone());
            self.found.add(Concern::PushHeld { strategy, hold: hold.id, reasons });
        }
    }

    fn below_zero(&mut self) {
        let Ok(total) = self.book.total(&Selection::All) else { return };
        let (instruments, count) = named(below_zero(&total.lines).map(|line| &line.code));
        if count > 0 {
            self.found.add(Concern::BelowZero { instruments, count });
        }
    }

    /// Whether an account's terminal is there, and whether another is as well.
    fn terminal(&mut self, account: &AccountName) {
        if let Some(address) = self.desk.terminals.contested(account, self.running) {
            self.found.add(Concern::OtherTerminal { account: account.clone(), address: address.to_string() });
        }
        let reported = self.book.reported(account).map(|reported| reported.heard_at);
        let heard = reported.max(self.desk.terminals.heard_at(account));
        let key = Key::new(Kind::TerminalSilent, account);
        // One that was never there is not missed; one that was missed before a restart may be gone still.
        let Some(since) = heard else {
            self.found.unseen.insert(key);
            return;
        };
        let holds = self.desk.terminals.holder(account, self.running).is_some();
        // What lies far ahead was heard before the clock was set back.
        let is_near = self.now.since(since) <= SILENT_AFTER && since.since(self.now) <= SILENT_AFTER;
        if holds || is_near {
            return;
        }
        let today = Day::of(self.now);
        // It has not had the time to come back; or whether it should is not known.
        let is_excused = self.running.saturating_sub(self.began) < SILENT_AFTER
            || (self.calendar.openness(today) == Openness::Unknown && Day::of(since) != today);
        if is_excused {
            self.found.unseen.insert(key);
        } else {
            self.found.add(Concern::TerminalSilent { account: account.clone(), since });
        }
    }

    fn locks(&mut self, account: &AccountName) {
        let locks = self.book.settings().locks(account).map(|(locks, _)| locks).unwrap_or_default();
        let (instruments, count) = named(locks.iter().map(|lock| &lock.code));
        if count > 0 {
            self.found.add(Concern::Locked { account: account.clone(), instruments, count });
        }
    }

    /// What an account holds and should not, or should and does not, for too long. Whether it does is known of accounts that
    /// report; the target is added up only where a report has already said that something differs.
    fn drift(&mut self, settled: &Settled, reported: &Reported) {
        let key = Key::new(Kind::Drift, &settled.name);
        let is_old = |since: Moment| self.calendar.have_traded_for(self.surroundings.drift_after, since, self.now);
        if !reported.differs.values().any(|since| is_old(*since)) {
            return;
        }
        let counts = Kind::Drift.begins().count(self.calendar, self.now);
        let drift = (counts && !reported.is_silent(self.now)).then(|| self.desk.drift(self.book, settled, self.now));
        let Some(Ok(drift)) = drift else {
            // What differed when it was last heard of may do so still.
            self.found.unseen.insert(key);
            return;
        };
        let is_wrong = |line: &&DriftLine| line.parts.iter().any(|part| !part.reason.is_expected());
        let lines: Vec<&DriftLine> = drift.lines.iter().filter(|line| is_old(line.since)).filter(is_wrong).collect();
        let (instruments, count) = named(lines.iter().map(|line| &line.code));
        if let Some(since) = lines.iter().map(|line| line.since).min() {
            self.found.add(Concern::Drift { account: settled.name.clone(), instruments, count, since });
        }
    }

    /// What the broker rejects again and again today.
    fn rejected(&mut self, account: &AccountName, reported: &Reported) {
        let mut counts: BTreeMap<Instrument, (&Code, u64)> = BTreeMap::new();
        let is_today = |order: &&Order| Day::of(order.placed_at.unwrap_or(reported.heard_at)) == Day::of(self.now);
        let rejected = reported.orders.iter().filter(|order| order.ours && order.status == OrderStatus::Rejected);
        for order in rejected.filter(is_today) {
            counts.entry(order.code.instrument()).or_insert((&order.code, 0)).1 += 1;
        }
        for (instrument, (code, count)) in counts.into_iter().filter(|(_, (_, count))| *count >= REJECTED) {
            let told = reported.waiting.iter().filter(|one| one.reason == Reason::Rejected);
            let reason = told.filter(|one| one.code.instrument() == instrument).find_map(|one| one.text.clone());
            self.found.add(Concern::OrdersRejected {
                account: account.clone(),
                instrument: code.to(Notation::Qmt).to_string(),
                count,
                reason: reason.map(String::from),
            });
        }
    }

    /// The machine, and the calendar.
    fn machine(&mut self) {
        let Surroundings { certificate_ends, disk, ref backup, .. } = self.surroundings;
        let backup = backup.clone();
        if let Some(expires_at) = certificate_ends.filter(|end| *end <= self.now.plus(CERTIFICATE_SOON)) {
            self.found.add(Concern::Certificate { expires_at });
        }
        let disk_key = Key::new(Kind::Disk, "");
        let enough = if self.stands(&disk_key) { DISK_WELL } else { DISK_LOW };
        match disk {
            None => drop(self.found.unseen.insert(disk_key)),
            Some(Disk { free, total }) if free < enough => self.found.add(Concern::Disk { free, total }),
            Some(_) => {}
        }
        if let Some(Backup { every, made_at, error }) = backup
            && (error.is_some() || made_at.is_none_or(|at| self.now.since(at) > 2 * every + COPY_TAKES))
        {
            self.found.add(Concern::Backup { made_at, error });
        }
        self.clock();
        if let Some(from) = self.calendar.unknown_soon(Day::of(self.now)) {
            self.found.add(Concern::CalendarUnknown { from });
        }
    }

    /// Whether the clock is off by what others say: the newest change, which it had seen; or every terminal that reports, and
    /// signed pushes that are refused for their time, for one of them alone may be wrong itself.
    fn clock(&mut self) {
        let key = Key::new(Kind::Clock, "");
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        if let Some(behind) = clock_behind(self.book, self.now) {
            self.found.add(Concern::Clock { ahead: -micros(behind) });
            return;
        }
        let ahead = reported_ahead(self.book, self.now);
        let least = ahead.chain(self.pushed_ahead).min_by_key(|ahead| ahead.unsigned_abs());
        let tolerance = micros(if self.stands(&key) { CLOCK_WELL } else { CLOCK_TOLERANCE });
        match least {
            Some(ahead) if ahead.saturating_abs() > tolerance => self.found.add(Concern::Clock { ahead }),
            // Who said that it is off is not there to say that it is not.
            None if self.book.reporting().next().is_some() => drop(self.found.unseen.insert(key)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "a rule that cannot be followed")]
    async fn a_look_that_panics_is_not_taken_for_one_that_the_store_refused() {
        let _ = busy(|| panic!("a rule that cannot be followed")).await;
    }
}
