//! The single writer: takes what is queued, writes it in one transaction, publishes the book, then answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::error::{NotStored, OpenError, Unavailable};
use super::figures::{StoreFigures, observe};
use super::historians::Historians;
use super::lineage;
use super::presence::Presence;
use super::sqlite::{self, api_keys, batch, incidents, operator, outbox, sessions, upkeep, used_tokens};
use super::witness::{Witness, Witnessed};
use super::{Errand, Stored};
use crate::clock::Clock;
use crate::domain::book::Book;
use crate::domain::channel::{Due, due, reports_due};
use crate::domain::moment::Moment;
use crate::domain::settings::Settings;
use crate::ledger::chain::{Entry, Head};
use crate::ledger::{Appended, Change, Draft, Filed, Filing, Ledger, Put, Receipt, Rejected, UsedToken};

/// How many commands may wait before new ones wait outside.
pub(super) const QUEUE: usize = 1024;

/// How many commands share a transaction at most.
const MAX_BATCH: usize = 256;

/// How long between two sweeps of forgotten tokens.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// From which length on the log is folded into the database when nobody waits, and at which in any case: bytes.
const FOLD_FROM: u64 = 16 << 20;
pub(super) const FOLD_AT: u64 = 32 << 20;

/// At which length of the log the historians pause, because it could not begin anew while they read: bytes.
const LOG_AT_MOST: u64 = 64 << 20;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Change(Box<Change>, oneshot::Sender<Result<Receipt, NotStored>>),
    Put(Box<Put>, oneshot::Sender<Result<Receipt, NotStored>>),
    Report(Box<Filing>, oneshot::Sender<Result<Filed, NotStored>>),
    Probe(oneshot::Sender<Result<(), Unavailable>>),
    Errand(Errand, oneshot::Sender<Result<bool, NotStored>>),
    KeyUse {
        id: i64,
        at: Moment,
    },
    SessionUse {
        digest: [u8; 32],
        at: Moment,
    },
    /// The historians pause, so that the log can be folded whole.
    Fold(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// The one who writes.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    presence: Presence,
    witness: Witness,
    lineage: i64,
    connection: SqliteConnection,
    queue: mpsc::Receiver<Command>,
    ledger: Ledger,
    book: Arc<ArcSwap<Book>>,
    stored: broadcast::Sender<Arc<[Stored]>>,
    published: watch::Sender<()>,
    clock: Clock,
    token_memory: Duration,
    last_sweep: Moment,
    folding: Folding,
    figures: StoreFigures,
    /// Whether the next COMMIT is said to have failed, though it did not.
    #[cfg(test)]
    is_doubted: bool,
}

/// What a writer takes over when the store is opened.
pub(super) struct Opening<'a> {
    pub(super) path: &'a Path,
    /// Where it publishes the book.
    pub(super) book: Arc<ArcSwap<Book>>,
    /// Where it tells what it has stored.
    pub(super) stored: broadcast::Sender<Arc<[Stored]>>,
    /// Where it tells that there is another book.
    pub(super) published: watch::Sender<()>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) folding: Folding,
    pub(super) figures: StoreFigures,
}

/// What whoever writes begins with.
pub(super) struct Begun {
    pub(super) connection: SqliteConnection,
    pub(super) ledger: Ledger,
    pub(super) witness: Witness,
    pub(super) lineage: i64,
}

impl Begun {
    /// What is there of a database that is up to date.
    pub(super) async fn at(path: &Path, now: Moment) -> Result<Self, OpenError> {
        let mut connection = sqlite::connect_writer(path).await?;
        let mut ledger = sqlite::load(&mut connection).await?;
        let (witness, seen) = Witness::open(path)?;
        let lineage = lineage::trace(&mut connection, &mut ledger, seen, now).await?;
        Ok(Self { connection, ledger, witness, lineage })
    }
}

/// When the log is folded into the database.
#[derive(Debug)]
pub(super) struct Folding {
    historians: Historians,
    queue: mpsc::WeakSender<Command>,
    /// How long the log has grown since the last time: bytes.
    unfolded: u64,
    /// Asks the historians to pause for it, and is over when they need not any more, also when it was lost.
    asking: Option<JoinHandle<()>>,
    /// At which length of the log they are asked: bytes.
    ask_at: u64,
}

impl Folding {
    pub(super) const fn new(historians: Historians, queue: mpsc::WeakSender<Command>) -> Self {
        Self { historians, queue, unfolded: 0, asking: None, ask_at: LOG_AT_MOST }
    }

    /// Asks the historians to pause, and the writer to fold the log meanwhile; once at a time.
    fn ask(&mut self) {
        if self.asking.as_ref().is_some_and(|asking| !asking.is_finished()) {
            return;
        }
        let (historians, queue) = (self.historians.clone(), self.queue.clone());
        self.asking = Some(tokio::spawn(async move {
            let _pause = historians.pause().await;
            let (answer, done) = oneshot::channel();
            if let Some(queue) = queue.upgrade()
                && queue.send(Command::Fold(answer)).await.is_ok()
            {
                let _ = done.await;
            }
        }));
    }
}

/// Why a batch is not answered with what became of it.
enum Failure {
    /// Nothing of it was stored.
    Refused(Unavailable),
    /// Whether it was stored is not known; the writer has read from the disk what was, and goes on.
    Unknown(Unavailable),
    /// Nor can that be read: the writer must not go on.
    Fatal(Unavailable),
}

impl From<sqlx::Error> for Failure {
    /// Before the COMMIT: what the database says no to it takes back; what the driver says leaves no connection to go on with.
    fn from(error: sqlx::Error) -> Self {
        if error.as_database_error().is_some() { Self::Refused(error.into()) } else { Self::Fatal(error.into()) }
    }
}

/// What became of a batch whose COMMIT failed on its way to the disk.
#[derive(Debug, PartialEq, Eq)]
enum Settled {
    Stored,
    NotStored,
    Unknown,
}

/// What the chain says that is found on the disk.
fn settled(appended: &Appended, drafted: &Head, found: &Head) -> Settled {
    if appended.entries.is_empty() {
        // A batch without a revision leaves no trace to tell by.
        Settled::Unknown
    } else if found == drafted {
        Settled::Stored
    } else {
        Settled::NotStored
    }
}

impl Writer {
    /// Loads the book and publishes it.
    pub(super) async fn open(opening: Opening<'_>, clock: Clock, token_memory: Duration) -> Result<Self, OpenError> {
        let Opening { path, book, stored, published, commands: queue, folding, figures } = opening;
        let path = path.to_owned();
        let Begun { mut connection, ledger, witness, lineage } = Begun::at(&path, clock.now()).await?;
        // The log is there once something was written.
        upkeep::probe(&mut connection, clock.now()).await?;
        let presence = Presence::of(&path)?;
        let last_sweep = Moment::from_micros(0);
        let mut writer = Self {
            path,
            presence,
            witness,
            lineage,
            connection,
            queue,
            ledger,
            book,
            stored,
            published,
            clock,
            token_memory,
            last_sweep,
            folding,
            figures,
            #[cfg(test)]
            is_doubted: false,
        };
        writer.publish(writer.ledger.clone(), &Appended::default());
        Ok(writer)
    }

    /// The database's lineage.
    pub(super) const fn lineage(&self) -> i64 {
        self.lineage
    }

    /// Works until the store is closed or nobody is left to ask. Takes the whole thread, so that no request that is
    /// busy can hold up what all of them wait for.
    ///
    /// # Errors
    /// When the thread cannot be set up, or when it is not known what is on the disk.
    pub fn run(self) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.work()).map_err(std::io::Error::other)
    }

    async fn work(mut self) -> Result<(), Unavailable> {
        let mut commands = Vec::with_capacity(MAX_BATCH);
        while self.queue.recv_many(&mut commands, MAX_BATCH).await > 0 {
            self.figures.sizes.observe(u32::try_from(commands.len()).unwrap_or(u32::MAX).into());
            let (batch, mut answers) = sort(commands.drain(..));
            let folds = std::mem::take(&mut answers.folds);
            let closing = self.serve(batch, answers).await?;
            self.fold(!folds.is_empty()).await?;
            if !folds.is_empty() {
                // Where somebody else reads, the pause was for nothing; not again for every batch.
                let length = self.presence.check().unwrap_or(0);
                self.folding.ask_at = if length > LOG_AT_MOST { length + FOLD_FROM } else { LOG_AT_MOST };
            }
            for folded in folds {
                let _ = folded.send(());
            }
            if let Some(closed) = closing {
                if let Err(error) = self.connection.close().await {
                    tracing::warn!(%error, "the database was not closed cleanly");
                }
                let _ = closed.send(());
                return Ok(());
            }
        }
        Ok(())
    }

    /// Carries out a batch and answers it; the sender comes back when the writer is to close.
    ///
    /// # Errors
    /// When it is not known what is on the disk.
    async fn serve(&mut self, batch: Batch, answers: Answers) -> Result<Option<oneshot::Sender<()>>, Unavailable> {
        let begun = self.clock.running();
        let outcome = self.commit(batch).await;
        observe(&self.figures.batches, self.clock.running().saturating_sub(begun));
        match outcome {
            Ok(done) => Ok(answers.send(done)),
            Err(Failure::Refused(error)) => {
                tracing::error!(%error, "a batch could not be stored");
                batch::roll_back(&mut self.connection).await;
                Ok(answers.refuse(&error.clone().into(), &error))
            }
            Err(Failure::Unknown(error)) => Ok(answers.refuse(&NotStored::Unknown, &error)),
            Err(Failure::Fatal(error)) => {
                answers.refuse(&NotStored::Unknown, &error);
                Err(error)
            }
        }
    }

    /// One transaction. On an error nothing is published and nobody is told that anything was kept.
    async fn commit(&mut self, work: Batch) -> Result<Done, Failure> {
        let now = self.clock.now();
        let tokens = work.changes.iter().filter_map(Wish::token);
        let tokens: Vec<UsedToken> = tokens.filter(|token| !self.ledger.forgotten.covers(token.signed_at)).collect();
        let unused = batch::begin(&mut self.connection, &tokens).await?;
        let mut draft = self.ledger.draft(now, unused);
        let outcomes = work.changes.into_iter().map(|wish| wish.put_to(&mut draft)).collect();
        let filed = work.reports.into_iter().map(|filing| draft.report(filing)).collect();
        let (mut ledger, appended, unspent) = draft.finish();
        let ran = work.rest.write(&mut self.connection, ledger.book.settings(), now).await?;
        let sweep = now.since(self.last_sweep) >= SWEEP_EVERY || now < self.last_sweep;
        if sweep {
            self.sweep(&mut ledger, now).await?;
        }
        let begun = self.clock.running();
        let committed = batch::commit(&mut self.connection, &appended, &unspent).await;
        observe(&self.figures.commits, self.clock.running().saturating_sub(begun));
        #[cfg(test)]
        let committed = if self.is_doubted { Err(sqlx::Error::WorkerCrashed) } else { committed };
        self.folding.unfolded += match committed {
            Err(error) if batch::is_doubtful(&error) => {
                self.settle(error.into(), &ledger, &appended).await?;
                0
            }
            committed => committed?,
        };
        // What was written to a file that is gone is kept by nobody.
        let log_length = self.presence.check().map_err(|reason| Failure::Fatal(Unavailable(reason)))?;
        if log_length > self.folding.ask_at {
            self.folding.ask();
        }

        if sweep {
            self.last_sweep = now;
        }
        for token in &tokens {
            self.witness.spend(token.signed_at);
        }
        self.publish(ledger, &appended);
        Ok(Done { outcomes, filed, ran })
    }

    /// Deletes the tokens that are too old to be accepted, and remembers when those were signed.
    async fn sweep(&mut self, ledger: &mut Ledger, now: Moment) -> Result<(), sqlx::Error> {
        let swept = used_tokens::sweep(&mut self.connection, now.minus(self.token_memory)).await?;
        if swept.is_empty() {
            return Ok(());
        }
        for (from, until) in swept {
            ledger.forgotten.add(from, until);
        }
        upkeep::keep_forgotten(&mut self.connection, &ledger.forgotten).await
    }

    /// Folds the log into the database when nobody waits, when it has grown long, or `now`.
    ///
    /// # Errors
    /// When the disk failed meanwhile, and what was stored is not there to be seen.
    async fn fold(&mut self, now: bool) -> Result<(), Unavailable> {
        let unfolded = self.folding.unfolded;
        if !now && (unfolded < FOLD_FROM || (unfolded < FOLD_AT && !self.queue.is_empty())) {
            return Ok(());
        }
        self.folding.unfolded = 0;
        match self.fold_and_begin().await {
            Ok(()) => Ok(()),
            Err(error) if batch::is_doubtful(&error) => {
                tracing::error!(%error, "the disk failed while the log was folded into the database; looking what is on it");
                let found = self.look_again().await?;
                if found.head == self.ledger.head { Ok(()) } else { Err(error.into()) }
            }
            Err(error) => {
                tracing::warn!(%error, "the log could not be folded into the database");
                Ok(())
            }
        }
    }

    async fn fold_and_begin(&mut self) -> Result<(), sqlx::Error> {
        sqlite::fold(&mut self.connection).await?;
        // The next to write begins the log anew, unless somebody is reading in it.
        upkeep::probe(&mut self.connection, self.clock.now()).await
    }

    /// Finds out from the disk what became of a COMMIT that failed on its way there: the log may hold it whole, and then it
    /// would come back after a crash. Whatever is written next, over a new connection, takes its place unless it is
    /// there to be seen.
    async fn settle(&mut self, error: Unavailable, drafted: &Ledger, appended: &Appended) -> Result<(), Failure> {
        tracing::error!(%error, "the disk failed while a batch was written; looking what is on it");
        let found = self.look_again().await.map_err(|error| Failure::Fatal(error.into()))?;
        let outcome = settled(appended, &drafted.head, &found.head);
        if outcome == Settled::Stored {
            return Ok(());
        }
        self.publish(found, &Appended::default());
        Err(if outcome == Settled::Unknown { Failure::Unknown(error) } else { Failure::Refused(error) })
    }

    /// What is on the disk, seen over a new connection that goes on to write: what the old one holds in memory the disk may
    /// have lost.
    async fn look_again(&mut self) -> Result<Ledger, OpenError> {
        batch::roll_back(&mut self.connection).await;
        self.connection = sqlite::connect_writer(&self.path).await?;
        upkeep::probe(&mut self.connection, self.clock.now()).await?;
        sqlite::load(&mut self.connection).await
    }

    /// Lets everybody see what is now on disk.
    fn publish(&mut self, ledger: Ledger, appended: &Appended) {
        let mut book = ledger.book.clone();
        book.note_change(ledger.head.at);
        self.book.store(Arc::new(book));
        self.ledger = ledger;
        self.witness.note(&Witnessed::new(self.lineage, &self.ledger.head));
        let stored: Arc<[Stored]> = appended.entries.iter().map(Stored::from).collect();
        if !stored.is_empty() {
            // Nobody may be listening.
            let _ = self.stored.send(stored);
        }
        self.published.send_replace(());
    }
}

impl From<&Entry> for Stored {
    fn from(entry: &Entry) -> Self {
        Self { revision: entry.revision, subject: entry.record.subject.clone(), at: entry.at }
    }
}

/// What goes into one transaction.
#[derive(Default)]
struct Batch {
    changes: Vec<Wish>,
    reports: Vec<Filing>,
    rest: Rest,
}

/// A change of a strategy, or of what is settled around the lists.
enum Wish {
    Change(Change),
    Put(Put),
}

impl Wish {
    fn token(&self) -> Option<UsedToken> {
        match self {
            Self::Change(change) => change.token,
            Self::Put(_) => None,
        }
    }

    fn put_to(self, draft: &mut Draft) -> Result<Receipt, Rejected> {
        match self {
            Self::Change(change) => draft.take(change),
            Self::Put(put) => draft.settle(put),
        }
    }
}

/// What is written besides changes.
#[derive(Default)]
struct Rest {
    key_uses: BTreeMap<i64, Moment>,
    session_uses: BTreeMap<[u8; 32], Moment>,
    errands: Vec<Errand>,
    probe: bool,
}

/// What became of a batch that was stored: of each change, and whether each errand found anything to do.
struct Done {
    outcomes: Vec<Result<Receipt, Rejected>>,
    filed: Vec<Result<Filed, Rejected>>,
    ran: Vec<bool>,
}

/// Who waits for a batch, in its order. Whoever asked may have hung up; what was stored is kept all the same.
#[derive(Default)]
struct Answers {
    changes: Vec<oneshot::Sender<Result<Receipt, NotStored>>>,
    reports: Vec<oneshot::Sender<Result<Filed, NotStored>>>,
    errands: Vec<oneshot::Sender<Result<bool, NotStored>>>,
    probes: Vec<oneshot::Sender<Result<(), Unavailable>>>,
    folds: Vec<oneshot::Sender<()>>,
    closing: Option<oneshot::Sender<()>>,
}

/// Parts what is to be done from who waits for it.
fn sort(commands: impl Iterator<Item = Command>) -> (Batch, Answers) {
    let (mut batch, mut answers) = (Batch::default(), Answers::default());
    for command in commands {
        match command {
            Command::Change(change, answer) => {
                batch.changes.push(Wish::Change(*change));
                answers.changes.push(answer);
            }
            Command::Put(put, answer) => {
                batch.changes.push(Wish::Put(*put));
                answers.changes.push(answer);
            }
            Command::Report(filing, answer) => {
                batch.reports.push(*filing);
                answers.reports.push(answer);
            }
            Command::Probe(answer) => {
                batch.rest.probe = true;
                answers.probes.push(answer);
            }
            Command::Errand(errand, answer) => {
                batch.rest.errands.push(errand);
                answers.errands.push(answer);
            }
            Command::KeyUse { id, at } => {
                batch.rest.key_uses.insert(id, at);
            }
            Command::SessionUse { digest, at } => {
                batch.rest.session_uses.insert(digest, at);
            }
            Command::Fold(answer) => answers.folds.push(answer),
            Command::Close(answer) => answers.closing = Some(answer),
        }
    }
    (batch, answers)
}

impl Answers {
    fn send(self, done: Done) -> Option<oneshot::Sender<()>> {
        for (answer, outcome) in self.changes.into_iter().zip(done.outcomes) {
            let _ = answer.send(outcome.map_err(NotStored::from));
        }
        for (answer, filed) in self.reports.into_iter().zip(done.filed) {
            let _ = answer.send(filed.map_err(NotStored::from));
        }
        for (answer, ran) in self.errands.into_iter().zip(done.ran) {
            let _ = answer.send(Ok(ran));
        }
        for answer in self.probes {
            let _ = answer.send(Ok(()));
        }
        self.closing
    }

    /// Tells those who wait for something to be stored why it is not, as far as is known, and the others the cause.
    fn refuse(self, not_stored: &NotStored, cause: &Unavailable) -> Option<oneshot::Sender<()>> {
        for answer in self.changes {
            let _ = answer.send(Err(not_stored.clone()));
        }
        for answer in self.reports {
            let _ = answer.send(Err(not_stored.clone()));
        }
        for answer in self.errands {
            let _ = answer.send(Err(not_stored.clone()));
        }
        for answer in self.probes {
            let _ = answer.send(Err(cause.clone()));
        }
        self.closing
    }
}

impl Rest {
    /// Writes it all, and says of each errand whether there was anything to do.
    async fn write(
        self,
        connection: &mut SqliteConnection,
        settings: &Settings,
        now: Moment,
    ) -> Result<Vec<bool>, sqlx::Error> {
        for (id, at) in self.key_uses {
            api_keys::note_use(&mut *connection, id, at).await?;
        }
        for (digest, at) in self.session_uses {
            sessions::note_use(&mut *connection, &digest, at).await?;
        }
        let mut ran = Vec::with_capacity(self.errands.len());
        for errand in self.errands {
            ran.push(errand.run(connection, settings, now).await?);
        }
        if self.probe {
            upkeep::probe(connection, now).await?;
        }
        Ok(ran)
    }
}

impl Errand {
    async fn run(
        self,
        connection: &mut SqliteConnection,
        settings: &Settings,
        now: Moment,
    ) -> Result<bool, sqlx::Error> {
        match self {
            Self::SetPassword(hash) => operator::set(connection, &hash, now).await.map(|()| true),
            Self::OpenSession { digest, useless_before } => {
                sessions::open(connection, &digest, now, useless_before).await.map(|()| true)
            }
            Self::CloseSession(digest) => sessions::close(connection, &digest).await,
            Self::AddKey(key) => api_keys::add(connection, &key, now).await,
            Self::RevokeKey(name) => api_keys::revoke(connection, &name, now).await,
            Self::Settle(settled) => outbox::settle(connection, &settled, now).await.map(|()| true),
            Self::NoteTest(channel, error) => {
                outbox::note_test(connection, &channel, error.as_deref(), now).await.map(|()| true)
            }
            Self::Incidents(steps) => {
                incidents::write(connection, &steps).await?;
                // By the channels as this batch leaves them.
                let channels = settings.channels().map(|(name, channel)| (name, &**channel));
                let due: Vec<Due> = steps.iter().flat_map(|step| due(channels.clone(), step)).collect();
                outbox::add(connection, &due, now).await.map(|()| true)
            }
            Self::Report(day) => {
                let channels = settings.channels().map(|(name, channel)| (name, &**channel));
                outbox::add(connection, &reports_due(channels, day, now), now).await.map(|()| true)
            }
            Self::Acknowledge(id, by) => incidents::acknowledge(connection, id, &by).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::verify::{Verdict, verify};
    use super::*;
    use crate::domain::revision::{Actor, Revision};
    use crate::domain::strategy::StrategyName;
    use crate::ledger::Deed;

    const NOW: Moment = Moment::from_micros(1_767_595_800_000_000);

    fn change() -> Change {
        let strategy = StrategyName::parse("alpha").unwrap();
        Change::new(strategy, Deed::Replace(Vec::new()), Actor::Client("alice".to_owned()), None)
    }

    async fn open(path: &Path) -> (Store, Writer) {
        Store::open(path, Clock::manual(NOW), Duration::from_mins(6)).await.unwrap()
    }

    #[tokio::test]
    async fn only_the_chain_on_the_disk_says_what_a_failed_commit_has_stored() {
        let dir = tempfile::tempdir().unwrap();
        let (_, writer) = open(&dir.path().join("db")).await;
        let mut draft = writer.ledger.draft(NOW, std::collections::HashSet::new());
        draft.take(change()).unwrap();
        let (drafted, appended, _) = draft.finish();
        let before = writer.ledger.head;
        assert_eq!(settled(&appended, &drafted.head, &drafted.head), Settled::Stored);
        assert_eq!(settled(&appended, &drafted.head, &before), Settled::NotStored);
        let others = Head { hash: [9; 32], ..drafted.head };
        assert_eq!(settled(&appended, &drafted.head, &others), Settled::NotStored, "as far, but another chain");
        assert_eq!(settled(&Appended::default(), &before, &before), Settled::Unknown);
    }

    #[tokio::test]
    async fn what_is_stored_though_its_commit_failed_is_told_to_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let (store, mut writer) = open(&path).await;
        writer.is_doubted = true;
        std::thread::spawn(|| writer.run());
        let mut heard = store.subscribe();
        let receipt = store.submit(change()).await.unwrap();
        assert_eq!((receipt.revision, receipt.changed), (Revision::new(1), true));
        let told: Vec<Revision> = heard.try_recv().unwrap().iter().map(|stored| stored.revision).collect();
        assert_eq!((told, store.book().revision()), (vec![Revision::new(1)], Revision::new(1)));
        store.close().await;
        assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 1, .. }));
    }
}
