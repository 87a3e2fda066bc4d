//! The single writer: takes what is queued, writes it in one transaction, publishes the book, then answers.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::database::{OpenError, connect_writer};
use super::positions::PlaceChanges;
use super::revisions::{ChainedRow, ChangeRow, Head, RevisionRow, fingerprint};
use super::strategies::StrategyRow;
use super::used_tokens::UsedToken;
use super::{
    Actor, Change, Deed, Errand, Receipt, Refusal, Stored, api_keys, operator, positions, revisions, sessions,
    strategies, used_tokens,
};
use crate::clock::Clock;
use crate::domain::book::{Book, Mark, Revision, Strategy, StrategyId};
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Position, PositionList};
use crate::domain::strategy::StrategyName;

/// How many commands share a transaction at most.
const MAX_BATCH: usize = 256;

/// How long between two sweeps of forgotten tokens.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Change(Box<Change>, oneshot::Sender<Result<Receipt, Refusal>>),
    Probe(oneshot::Sender<Result<(), Refusal>>),
    Errand(Errand, oneshot::Sender<Result<bool, Refusal>>),
    KeyUse { id: i64, at: Moment },
    SessionUse { digest: [u8; 32], at: Moment },
    Close(oneshot::Sender<()>),
}

/// All that decides about the next change. A clone costs nothing, so a batch works on its own.
#[derive(Debug, Clone)]
struct Ledger {
    book: Book,
    head: Head,
    next_strategy: StrategyId,
    tokens_forgotten_before: Moment,
}

impl Ledger {
    async fn load(connection: &mut SqliteConnection) -> Result<Self, OpenError> {
        let (book, next_strategy) = strategies::load(connection).await?;
        let head = revisions::head(connection).await?;
        let tokens_forgotten_before = used_tokens::forgotten_before(connection).await?;
        Ok(Self { book, head, next_strategy, tokens_forgotten_before })
    }
}

/// The one who writes.
pub(super) struct Writer {
    path: PathBuf,
    connection: SqliteConnection,
    ledger: Ledger,
    published: Arc<ArcSwap<Book>>,
    stored: broadcast::Sender<Arc<[Stored]>>,
    clock: Clock,
    token_memory: Duration,
    last_sweep: Moment,
    /// Set when a transaction failed: whether it is on disk is then read from the disk, not guessed.
    in_doubt: bool,
}

impl Writer {
    /// Loads the book and publishes it.
    pub(super) async fn start(
        path: PathBuf,
        published: Arc<ArcSwap<Book>>,
        stored: broadcast::Sender<Arc<[Stored]>>,
        clock: Clock,
        token_memory: Duration,
    ) -> Result<Self, OpenError> {
        let mut connection = connect_writer(&path).await?;
        let ledger = Ledger::load(&mut connection).await?;
        published.store(Arc::new(ledger.book.clone()));
        let last_sweep = Moment::from_micros(0);
        Ok(Self { path, connection, ledger, published, stored, clock, token_memory, last_sweep, in_doubt: false })
    }

    /// Works until it is told to close or nobody is left to ask.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut commands = Vec::with_capacity(MAX_BATCH);
        while queue.recv_many(&mut commands, MAX_BATCH).await > 0 {
            if let Some(closed) = self.serve(commands.drain(..)).await {
                if let Err(error) = self.connection.close().await {
                    tracing::warn!(%error, "the database was not closed cleanly");
                }
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Carries out a batch and answers it; the sender comes back when the writer is to close.
    async fn serve(&mut self, commands: impl Iterator<Item = Command>) -> Option<oneshot::Sender<()>> {
        let mut batch = Batch::default();
        let (mut answers, mut ran, mut probed, mut closing) = (Vec::new(), Vec::new(), Vec::new(), None);
        for command in commands {
            match command {
                Command::Change(change, answer) => {
                    batch.changes.push(*change);
                    answers.push(answer);
                }
                Command::Probe(answer) => {
                    batch.probe = true;
                    probed.push(answer);
                }
                Command::Errand(errand, answer) => {
                    batch.errands.push(errand);
                    ran.push(answer);
                }
                Command::KeyUse { id, at } => {
                    batch.key_uses.insert(id, at);
                }
                Command::SessionUse { digest, at } => {
                    batch.session_uses.insert(digest, at);
                }
                Command::Close(answer) => closing = Some(answer),
            }
        }
        let (outcomes, did, written) = match self.commit(batch).await {
            Ok((outcomes, did)) => (outcomes, did.into_iter().map(Ok).collect(), Ok(())),
            Err(error) => {
                tracing::error!(%error, "a batch could not be stored");
                self.in_doubt = true;
                let refusal = Refusal::Unavailable(error.to_string());
                (vec![Err(refusal.clone()); answers.len()], vec![Err(refusal.clone()); ran.len()], Err(refusal))
            }
        };
        // Whoever asked may have hung up; what was stored is kept all the same.
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let _ = answer.send(outcome);
        }
        for (answer, did) in ran.into_iter().zip(did) {
            let _ = answer.send(did);
        }
        for answer in probed {
            let _ = answer.send(written.clone());
        }
        closing
    }

    /// One transaction. On an error nothing is published and nobody is told that anything was kept.
    async fn commit(&mut self, batch: Batch) -> Result<(Vec<Result<Receipt, Refusal>>, Vec<bool>), OpenError> {
        if self.in_doubt {
            self.connection = connect_writer(&self.path).await?;
            self.ledger = Ledger::load(&mut self.connection).await?;
            self.published.store(Arc::new(self.ledger.book.clone()));
            self.in_doubt = false;
        }
        let now = self.clock.now();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let tokens: Vec<UsedToken> = batch.changes.iter().filter_map(|change| change.token).collect();
        let used =
            if tokens.is_empty() { HashSet::new() } else { used_tokens::find(&mut transaction, &tokens).await? };
        let mut draft = Draft { ledger: self.ledger.clone(), used, rows: Rows::default() };
        let outcomes = batch.changes.into_iter().map(|change| draft.take(change, now)).collect();
        draft.rows.write(&mut transaction).await?;

        for (id, at) in batch.key_uses {
            api_keys::note_use(&mut *transaction, id, at).await?;
        }
        for (digest, at) in batch.session_uses {
            sessions::note_use(&mut *transaction, &digest, at).await?;
        }
        let mut did = Vec::with_capacity(batch.errands.len());
        for errand in batch.errands {
            did.push(run(&mut transaction, errand, now).await?);
        }
        if batch.probe {
            let now = now.as_micros();
            sqlx::query!("UPDATE upkeep SET probed_at = ?", now).execute(&mut *transaction).await?;
        }
        let sweep = now.since(self.last_sweep) >= SWEEP_EVERY;
        if sweep {
            draft.ledger.tokens_forgotten_before =
                used_tokens::forget(&mut transaction, now.minus(self.token_memory)).await?;
        }
        transaction.commit().await?;

        if sweep {
            self.last_sweep = now;
        }
        self.published.store(Arc::new(draft.ledger.book.clone()));
        self.ledger = draft.ledger;
        let stored: Arc<[Stored]> = draft.rows.revisions.iter().map(RevisionDraft::stored).collect();
        if !stored.is_empty() {
            // Nobody may be listening.
            let _ = self.stored.send(stored);
        }
        Ok((outcomes, did))
    }
}

/// Writes something besides the book, and says whether there was anything to do.
async fn run(connection: &mut SqliteConnection, errand: Errand, now: Moment) -> Result<bool, sqlx::Error> {
    match errand {
        Errand::SetPassword(hash) => operator::set(connection, &hash, now).await.map(|()| true),
        Errand::OpenSession { digest, useless_before } => {
            sessions::open(connection, &digest, now, useless_before).await.map(|()| true)
        }
        Errand::CloseSession(digest) => sessions::close(connection, &digest).await,
        Errand::AddKey(key) => api_keys::add(connection, &key, now).await,
        Errand::RevokeKey(name) => api_keys::revoke(connection, &name, now).await,
    }
}

/// What goes into one transaction.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    key_uses: BTreeMap<i64, Moment>,
    session_uses: BTreeMap<[u8; 32], Moment>,
    errands: Vec<Errand>,
    probe: bool,
}

/// Who does something to a strategy, and how the history calls it.
struct Origin {
    kind: &'static str,
    actor: Actor,
    address: Option<String>,
    note: Option<String>,
}

/// A revision that waits to be written.
struct RevisionDraft {
    id: Revision,
    strategy: (StrategyId, StrategyName),
    at: Moment,
    origin: Origin,
    parent_hash: revisions::ChainHash,
    hash: revisions::ChainHash,
}

/// What a batch writes.
#[derive(Default)]
struct Rows {
    /// Strategies as they stand after the batch, and whether they are gone.
    strategies: BTreeMap<StrategyId, (Arc<Strategy>, bool)>,
    places: PlaceChanges,
    revisions: Vec<RevisionDraft>,
    changes: Vec<(Revision, ChangeRow)>,
    tokens: Vec<UsedToken>,
}

impl Rows {
    async fn write(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if !self.strategies.is_empty() {
            // Those that are gone first: they free their names.
            let (gone, here) = self.strategies.values().partition::<Vec<_>, _>(|(_, removed)| *removed);
            let rows: Vec<StrategyRow> =
                gone.into_iter().chain(here).map(|(strategy, removed)| StrategyRow::new(strategy, *removed)).collect();
            strategies::write(connection, &rows).await?;
        }
        positions::write(connection, &self.places).await?;
        if !self.revisions.is_empty() {
            let rows: Vec<ChainedRow> = self.revisions.iter().map(RevisionDraft::row).collect();
            revisions::append(connection, &rows, &self.changes).await?;
        }
        if !self.tokens.is_empty() {
            used_tokens::record(connection, &self.tokens).await?;
        }
        Ok(())
    }
}

impl RevisionDraft {
    fn row(&self) -> ChainedRow<'_> {
        ChainedRow {
            row: revision_row(self.id, &self.strategy, self.at, &self.origin),
            parent_hash: hex::encode_upper(self.parent_hash),
            hash: hex::encode_upper(self.hash),
        }
    }

    fn stored(&self) -> Stored {
        Stored { revision: self.id, strategy: self.strategy.1.clone(), at: self.at }
    }
}

fn revision_row<'a>(
    id: Revision,
    strategy: &'a (StrategyId, StrategyName),
    at: Moment,
    origin: &'a Origin,
) -> RevisionRow<'a> {
    let (actor_kind, actor) = origin.actor.parts();
    RevisionRow {
        id,
        strategy_id: strategy.0,
        strategy: strategy.1.as_str(),
        kind: origin.kind,
        at: at.as_micros(),
        actor_kind,
        actor,
        address: origin.address.as_deref(),
        note: origin.note.as_deref(),
    }
}

/// The ledger as it will stand after the batch, and the rows that lead there.
struct Draft {
    ledger: Ledger,
    used: HashSet<UsedToken>,
    rows: Rows,
}

impl Draft {
    /// Takes one change, or refuses it and leaves everything as it was.
    fn take(&mut self, change: Change, now: Moment) -> Result<Receipt, Refusal> {
        let current = self.ledger.book.strategy(&change.strategy).cloned();
        self.check(&change, current.as_deref())?;
        self.used.extend(change.token);
        self.rows.tokens.extend(change.token);
        let Change { strategy, deed, actor, address, sequence, .. } = change;
        let pushed = actor.revision_kind();
        let origin = move |kind, note| Origin { kind, actor, address, note };
        match (deed, current) {
            (Deed::Remove, Some(current)) => Ok(self.remove(&current, origin("remove", None), now)),
            (Deed::Remove, None) => Err(Refusal::UnknownStrategy(strategy)),
            (Deed::Replace(list), current) => {
                Ok(self.replace(strategy, list, current.as_ref(), origin(pushed, None), sequence, now))
            }
            (Deed::Restore { to, positions }, current) => {
                let origin = origin("restore", Some(to.to_string()));
                Ok(self.replace(strategy, positions, current.as_ref(), origin, sequence, now))
            }
        }
    }

    /// Puts a list in the place of the current one; a strategy that is new begins with it.
    fn replace(
        &mut self,
        name: StrategyName,
        positions: Vec<Position>,
        current: Option<&Arc<Strategy>>,
        origin: Origin,
        sequence: Option<i64>,
        now: Moment,
    ) -> Receipt {
        let empty = PositionList::default();
        let before = current.map_or(&empty, |current| &current.list);
        let after = before.followed_by(positions);
        let differs = current.is_none() || !before.same_positions(&after);
        let (list, changes) = if differs {
            let changes = before.changes_to(&after);
            (after, changes)
        } else {
            (before.clone(), Vec::new())
        };
        let (id, kept_mark) = match current {
            Some(current) => (current.id, Some(current.mark)),
            None => (self.next_strategy(), None),
        };
        // A restore is the operator's doing; the strategy itself has not been heard of.
        let heard = current.filter(|_| origin.kind == "restore").map(|current| current.last_push_at);
        let mark = match kept_mark {
            Some(mark) if !differs => mark,
            kept => {
                let mark = self.append((id, name.clone()), &changes, origin, now);
                // Remarks are for people: a change of theirs alone must not send the terminals trading.
                let seen = kept.filter(|_| before.same_targets(&list)).map_or(mark.updated_at, |kept| kept.updated_at);
                Mark { updated_at: seen, ..mark }
            }
        };
        let receipt = Receipt { revision: mark.revision, changed: differs, positions: list.len() };
        let sequence = sequence.or_else(|| current.and_then(|current| current.sequence));
        let last_push_at = heard.unwrap_or(now);
        let strategy = Arc::new(Strategy { id, name, list, mark, last_push_at, sequence });
        self.rows.strategies.insert(id, (Arc::clone(&strategy), false));
        match current {
            Some(_) => self.ledger.book.replace(strategy, &changes),
            None => self.ledger.book.add(strategy),
        }
        receipt
    }

    /// Takes a strategy out of lists and totals.
    fn remove(&mut self, current: &Strategy, origin: Origin, now: Moment) -> Receipt {
        let changes = current.list.changes_to(&PositionList::default());
        let mark = self.append((current.id, current.name.clone()), &changes, origin, now);
        self.ledger.book.remove(&current.name, mark);
        let gone = Strategy { list: PositionList::default(), mark, ..current.clone() };
        self.rows.strategies.insert(current.id, (Arc::new(gone), true));
        Receipt { revision: mark.revision, changed: true, positions: 0 }
    }

    fn check(&self, change: &Change, current: Option<&Strategy>) -> Result<(), Refusal> {
        if let Some(token) = &change.token {
            if token.signed_at < self.ledger.tokens_forgotten_before {
                return Err(Refusal::TokenForgotten);
            }
            if self.used.contains(token) {
                return Err(Refusal::TokenReplayed);
            }
        }
        let revision = current.map_or(0, |current| current.mark.revision);
        if change.expected_revision.is_some_and(|expected| expected != revision) {
            return Err(Refusal::RevisionMoved { current: revision });
        }
        match (change.sequence, current.and_then(|current| current.sequence)) {
            (Some(sequence), Some(last)) if sequence <= last => Err(Refusal::StaleSequence { last }),
            _ => Ok(()),
        }
    }

    fn next_strategy(&mut self) -> StrategyId {
        let id = self.ledger.next_strategy;
        self.ledger.next_strategy += 1;
        id
    }

    /// Appends a revision to the chain, later than any before it whatever the wall clock says.
    fn append(
        &mut self,
        strategy: (StrategyId, StrategyName),
        changes: &[InstrumentChange],
        origin: Origin,
        now: Moment,
    ) -> Mark {
        let parent = self.ledger.head;
        let (id, at) = (parent.revision + 1, now.max(parent.at.next()));
        let mut rows: Vec<ChangeRow> = changes.iter().map(ChangeRow::from).collect();
        rows.sort_by(|one, two| one.instrument.cmp(&two.instrument));
        let hash = revision_row(id, &strategy, at, &origin).hash(&parent.hash, &rows);

        for change in changes {
            self.rows.places.extend(change.before.iter().map(|placed| ((strategy.0, placed.place), None)));
        }
        for placed in changes.iter().flat_map(|change| &change.after) {
            self.rows.places.insert((strategy.0, placed.place), Some(placed.position.clone()));
        }
        self.rows.changes.extend(rows.into_iter().map(|row| (id, row)));
        self.rows.revisions.push(RevisionDraft { id, strategy, at, origin, parent_hash: parent.hash, hash });
        self.ledger.head = Head { revision: id, at, hash };
        Mark { revision: id, fingerprint: fingerprint(&hash), updated_at: at }
    }
}
