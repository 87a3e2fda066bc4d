//! The single writer: takes what is queued, writes it in one transaction, publishes the book, then answers.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Stored;
use super::ahead::{Ahead, Answers, Batch, Command, Done};
use super::error::{NotStored, OpenError, Unavailable};
use super::figures::{StoreFigures, observe};
use super::historians::Historians;
use super::lineage;
use super::presence::Presence;
use super::sqlite::{self, batch, upkeep, used_tokens};
use super::witness::{Witness, Witnessed};
use crate::clock::Clock;
use crate::domain::book::Book;
use crate::domain::moment::Moment;
use crate::ledger::chain::{Entry, Head};
use crate::ledger::{Appended, Ledger, UsedToken};

/// How many commands may wait before new ones wait outside.
pub(super) const QUEUE: usize = 1024;

/// How long between two sweeps of forgotten tokens.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// From which length on the log is folded into the database when nobody waits, and at which in any case: bytes.
const FOLD_FROM: u64 = 16 << 20;
pub(super) const FOLD_AT: u64 = 32 << 20;

/// At which length of the log the historians pause, because it could not begin anew while they read: bytes.
const LOG_AT_MOST: u64 = 64 << 20;

/// How long a batch that was written shows that the next one would be: whoever asks that, and anybody may, makes no work for the disk
/// meanwhile.
const SHOWN_FOR: Duration = Duration::from_secs(1);

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
    /// What comes next: of a ledger that is still on its way to the disk while a batch is written.
    ahead: Ahead,
    book: Arc<ArcSwap<Book>>,
    stored: broadcast::Sender<Arc<[Stored]>>,
    published: watch::Sender<()>,
    clock: Clock,
    token_memory: Duration,
    last_sweep: Moment,
    folding: Folding,
    figures: StoreFigures,
    /// When the last batch was begun of which something was written; None where one has failed since.
    stored_at: Option<Duration>,
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
enum CommitOutcome {
    Stored,
    NotStored,
    Unknown,
}

/// What the chain says that is found on the disk.
fn commit_outcome(appended: &Appended, drafted: &Head, found: &Head) -> CommitOutcome {
    if appended.entries.is_empty() {
        // A batch without a revision leaves no trace to tell by.
        CommitOutcome::Unknown
    } else if found == drafted {
        CommitOutcome::Stored
    } else {
        CommitOutcome::NotStored
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
            ahead: Ahead::of(&ledger, clock.now()),
            ledger,
            book,
            stored,
            published,
            clock,
            token_memory,
            last_sweep,
            folding,
            figures,
            stored_at: None,
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
        while self.gather().await {
            let following = Ahead::of(&self.ledger, self.clock.now());
            let Ahead { batch, mut answers, commands } = std::mem::replace(&mut self.ahead, following);
            self.figures.sizes.observe(commands.into());
            self.figures.ahead.set(0);
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

    /// Gathers what waits, and waits for something where nothing does; false once nobody is left to ask.
    async fn gather(&mut self) -> bool {
        if self.ahead.commands == 0 {
            let Some(command) = self.queue.recv().await else { return false };
            self.ahead.gather(command, self.clock.now());
        }
        while self.ahead.has_room()
            && let Ok(command) = self.queue.try_recv()
        {
            self.ahead.gather(command, self.clock.now());
        }
        true
    }

    /// Carries out a batch and answers it; the sender comes back when the writer is to close.
    ///
    /// # Errors
    /// When it is not known what is on the disk.
    async fn serve(&mut self, batch: Batch, answers: Answers) -> Result<Option<oneshot::Sender<()>>, Unavailable> {
        let begun = self.clock.running();
        if batch.only_asks() && self.is_shown(begun) {
            return Ok(answers.send(Done::default()));
        }
        let outcome = self.commit(batch, answers.closing.is_some()).await;
        self.stored_at = match &outcome {
            Ok(done) if done.wrote => Some(begun),
            Ok(_) => self.stored_at,
            Err(_) => None,
        };
        observe(&self.figures.batches, self.clock.running().saturating_sub(begun));
        let (not_stored, cause) = match outcome {
            Ok(done) => return Ok(answers.send(done)),
            Err(Failure::Refused(error)) => {
                tracing::error!(%error, "a batch could not be stored");
                batch::roll_back(&mut self.connection).await;
                (error.clone().into(), error)
            }
            Err(Failure::Unknown(error)) => (NotStored::Unknown, error),
            Err(Failure::Fatal(error)) => {
                answers.refuse(&NotStored::Unknown, &error);
                return Err(error);
            }
        };
        self.ahead.batch.follow(&self.ledger, self.clock.now());
        Ok(answers.refuse(&not_stored, &cause))
    }

    /// Whether it was shown just now that writes are taken.
    fn is_shown(&self, now: Duration) -> bool {
        self.stored_at.is_some_and(|at| now.saturating_sub(at) < SHOWN_FOR) && self.presence.check().is_ok()
    }

    /// One transaction. On an error nothing is published and nobody is told that anything was kept.
    async fn commit(&mut self, mut work: Batch, is_last: bool) -> Result<Done, Failure> {
        let now = self.clock.now();
        let unused = batch::begin(&mut self.connection, &work.tokens).await?;
        // A COMMIT of nothing reaches no disk.
        let marks = work.rest.probe || !unused.is_empty();
        if unused != work.tokens {
            work.draft_again(&self.ledger, now, unused);
        }
        let Batch { reports, rest, tokens, mut draft, outcomes, .. } = work;
        // The last wish may be from a while ago, or there was none.
        draft.pass_to(now);
        let filed = reports.into_iter().map(|filing| draft.report(filing)).collect();
        let (mut ledger, appended, unspent) = draft.finish();
        let wrote = marks || !appended.entries.is_empty();
        let ran = rest.write(&mut self.connection, ledger.book.settings(), now).await?;
        let sweep = now.since(self.last_sweep) >= SWEEP_EVERY || now < self.last_sweep;
        if sweep {
            self.sweep(&mut ledger, now).await?;
        }
        let begun = self.clock.running();
        self.ahead = Ahead::of(&ledger, now);
        let committed = self.write(&appended, &unspent, is_last).await;
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
        Ok(Done { outcomes, filed, ran, wrote })
    }

    /// Writes what a batch appends, and commits. While that is on its way to the disk, what follows is gathered and drafted,
    /// unless this was the last.
    async fn write(
        &mut self,
        appended: &Appended,
        unspent: &HashSet<UsedToken>,
        is_last: bool,
    ) -> Result<u64, sqlx::Error> {
        let mut committing = pin!(async {
            // As though SQLite took its time: where there is but one core, it is often done before anybody looks.
            #[cfg(test)]
            tokio::task::yield_now().await;
            batch::commit(&mut self.connection, appended, unspent).await
        });
        loop {
            tokio::select! {
                // First: SQLite has its work before the next draft begins.
                biased;
                committed = &mut committing => return committed,
                Some(command) = self.queue.recv(), if !is_last && self.ahead.has_room() => {
                    self.ahead.gather(command, self.clock.now());
                    self.figures.ahead.inc();
                }
            }
        }
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
        let is_waited_for = self.ahead.commands > 0 || !self.queue.is_empty();
        if !now && (unfolded < FOLD_FROM || (unfolded < FOLD_AT && is_waited_for)) {
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
        let outcome = commit_outcome(appended, &drafted.head, &found.head);
        if outcome == CommitOutcome::Stored {
            return Ok(());
        }
        self.publish(found, &Appended::default());
        Err(if outcome == CommitOutcome::Unknown { Failure::Unknown(error) } else { Failure::Refused(error) })
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

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::verify::{Verdict, verify};
    use super::*;
    use crate::domain::revision::{Actor, Revision};
    use crate::domain::strategy::StrategyName;
    use crate::ledger::{Change, Deed};

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
        let mut draft = writer.ledger.draft(NOW, HashSet::new());
        draft.take(change()).unwrap();
        let (drafted, appended, _) = draft.finish();
        let before = writer.ledger.head;
        assert_eq!(commit_outcome(&appended, &drafted.head, &drafted.head), CommitOutcome::Stored);
        assert_eq!(commit_outcome(&appended, &drafted.head, &before), CommitOutcome::NotStored);
        let others = Head { hash: [9; 32], ..drafted.head };
        assert_eq!(
            commit_outcome(&appended, &drafted.head, &others),
            CommitOutcome::NotStored,
            "as far, but another chain"
        );
        assert_eq!(commit_outcome(&Appended::default(), &before, &before), CommitOutcome::Unknown);
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

    /// Carries out what was gathered, and says how much was gathered meanwhile.
    async fn serve(writer: &mut Writer) -> u32 {
        let following = Ahead::of(&writer.ledger, NOW);
        let Ahead { batch, answers, .. } = std::mem::replace(&mut writer.ahead, following);
        writer.serve(batch, answers).await.unwrap();
        writer.ahead.commands
    }

    #[tokio::test]
    async fn what_was_drafted_upon_a_batch_that_is_not_stored_is_drafted_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let (store, mut writer) = open(&path).await;
        let refuse = "CREATE TRIGGER refused BEFORE INSERT ON revisions WHEN NEW.actor = 'mallory'
                      BEGIN SELECT RAISE (ABORT, 'refused'); END";
        sqlx::query(refuse).execute(&mut writer.connection).await.unwrap();
        let submit = |change: Change| {
            let store = store.clone();
            tokio::spawn(async move { store.submit(change).await })
        };
        let first = submit(Change { actor: Actor::Client("mallory".to_owned()), ..change() });
        assert!(writer.gather().await);
        let second = submit(change());
        tokio::task::yield_now().await;
        let gathered = serve(&mut writer).await;
        assert_eq!((gathered, store.waiting()), (1, 1), "the second was gathered while the first was written");
        assert!(matches!(first.await.unwrap(), Err(NotStored::Unavailable(_))));
        assert_eq!(store.book().revision(), Revision::NONE);
        serve(&mut writer).await;
        let receipt = second.await.unwrap().unwrap();
        assert_eq!((receipt.revision, receipt.changed), (Revision::new(1), true));
        drop(writer);
        assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 1, .. }));
    }

    #[tokio::test]
    async fn a_token_that_the_batch_before_used_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut writer) = open(&dir.path().join("db")).await;
        let submit = |deed| {
            let token = Some(UsedToken { signed_at: NOW, digest: [7; 32] });
            let (store, change) = (store.clone(), Change { deed, token, ..change() });
            tokio::spawn(async move { store.submit(change).await })
        };
        let first = submit(Deed::Replace(Vec::new()));
        assert!(writer.gather().await);
        let second = submit(Deed::Remove { revive: false });
        tokio::task::yield_now().await;
        assert_eq!(serve(&mut writer).await, 1, "the second was gathered while the first was written");
        assert!(first.await.unwrap().is_ok());
        serve(&mut writer).await;
        assert_eq!(second.await.unwrap(), Err(NotStored::Rejected(crate::ledger::Rejected::TokenReplayed)));
        assert_eq!(store.book().revision(), Revision::new(1));
    }
}
