//! The single writer: takes what is queued, writes it in one transaction, publishes the book, then answers.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::database::{OpenError, connect_writer};
use super::positions::PlaceChanges;
use super::revisions::{ChainedRow, ChangeRow, Head, RevisionRow, fingerprint};
use super::strategies::StrategyRow;
use super::used_tokens::UsedToken;
use super::{Actor, Change, Receipt, Refusal, api_keys, operator, positions, revisions, strategies, used_tokens};
use crate::clock::Clock;
use crate::domain::book::{Book, Mark, Revision, Strategy, StrategyId};
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, PositionList};

/// How many commands share a transaction at most.
const MAX_BATCH: usize = 256;

/// How long between two sweeps of forgotten tokens.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Change(Box<Change>, oneshot::Sender<Result<Receipt, Refusal>>),
    Probe(oneshot::Sender<Result<(), Refusal>>),
    Password(String, oneshot::Sender<Result<(), Refusal>>),
    KeyUse { id: i64, at: Moment },
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
        clock: Clock,
        token_memory: Duration,
    ) -> Result<Self, OpenError> {
        let mut connection = connect_writer(&path).await?;
        let ledger = Ledger::load(&mut connection).await?;
        published.store(Arc::new(ledger.book.clone()));
        let last_sweep = Moment::from_micros(0);
        Ok(Self { path, connection, ledger, published, clock, token_memory, last_sweep, in_doubt: false })
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
        let (mut answers, mut done, mut closing) = (Vec::new(), Vec::new(), None);
        for command in commands {
            match command {
                Command::Change(change, answer) => {
                    batch.changes.push(*change);
                    answers.push(answer);
                }
                Command::Probe(answer) => {
                    batch.probe = true;
                    done.push(answer);
                }
                Command::Password(hash, answer) => {
                    batch.password = Some(hash);
                    done.push(answer);
                }
                Command::KeyUse { id, at } => {
                    batch.key_uses.insert(id, at);
                }
                Command::Close(answer) => closing = Some(answer),
            }
        }
        let (outcomes, written) = match self.commit(batch).await {
            Ok(outcomes) => (outcomes, Ok(())),
            Err(error) => {
                tracing::error!(%error, "a batch could not be stored");
                self.in_doubt = true;
                let refusal = Refusal::Unavailable(error.to_string());
                (vec![Err(refusal.clone()); answers.len()], Err(refusal))
            }
        };
        // Whoever asked may have hung up; what was stored is kept all the same.
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let _ = answer.send(outcome);
        }
        for answer in done {
            let _ = answer.send(written.clone());
        }
        closing
    }

    /// One transaction. On an error nothing is published and nobody is told that anything was kept.
    async fn commit(&mut self, batch: Batch) -> Result<Vec<Result<Receipt, Refusal>>, OpenError> {
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
        draft.rows.write(&mut transaction, &draft.ledger.book).await?;

        for (id, at) in batch.key_uses {
            api_keys::note_use(&mut *transaction, id, at).await?;
        }
        if let Some(hash) = batch.password {
            operator::set(&mut *transaction, &hash, now).await?;
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
        Ok(outcomes)
    }
}

/// What goes into one transaction.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    key_uses: BTreeMap<i64, Moment>,
    password: Option<String>,
    probe: bool,
}

/// A revision that waits to be written.
struct RevisionDraft {
    id: Revision,
    strategy: StrategyId,
    at: Moment,
    actor: Actor,
    address: Option<String>,
    parent_hash: revisions::ChainHash,
    hash: revisions::ChainHash,
}

/// What a batch writes.
#[derive(Default)]
struct Rows {
    strategies: BTreeSet<StrategyId>,
    places: PlaceChanges,
    revisions: Vec<RevisionDraft>,
    changes: Vec<(Revision, ChangeRow)>,
    tokens: Vec<UsedToken>,
}

impl Rows {
    async fn write(&self, connection: &mut SqliteConnection, book: &Book) -> Result<(), sqlx::Error> {
        if !self.strategies.is_empty() {
            let touched = self.strategies.iter().filter_map(|id| book.by_id(*id));
            let rows: Vec<StrategyRow> = touched.map(|strategy| StrategyRow::from(&**strategy)).collect();
            strategies::write(connection, &rows).await?;
        }
        positions::write(connection, &self.places).await?;
        if !self.revisions.is_empty() {
            let rows: Vec<ChainedRow> = self.revisions.iter().filter_map(|draft| draft.row(book)).collect();
            revisions::append(connection, &rows, &self.changes).await?;
        }
        if !self.tokens.is_empty() {
            used_tokens::record(connection, &self.tokens).await?;
        }
        Ok(())
    }
}

impl RevisionDraft {
    fn row<'a>(&'a self, book: &'a Book) -> Option<ChainedRow<'a>> {
        let strategy = book.by_id(self.strategy)?;
        let row =
            revision_row(self.id, self.strategy, strategy.name.as_str(), self.at, &self.actor, self.address.as_deref());
        Some(ChainedRow { row, parent_hash: hex::encode_upper(self.parent_hash), hash: hex::encode_upper(self.hash) })
    }
}

fn revision_row<'a>(
    id: Revision,
    strategy_id: StrategyId,
    strategy: &'a str,
    at: Moment,
    actor: &'a Actor,
    address: Option<&'a str>,
) -> RevisionRow<'a> {
    let (actor_kind, name) = actor.parts();
    let kind = actor.revision_kind();
    RevisionRow { id, strategy_id, strategy, kind, at: at.as_micros(), actor_kind, actor: name, address, note: None }
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

        let empty = PositionList::default();
        let before = current.as_ref().map_or(&empty, |current| &current.list);
        let after = before.followed_by(change.positions);
        let differs = current.is_none() || !before.same_positions(&after);
        let (list, changes) = if differs {
            let changes = before.changes_to(&after);
            (after, changes)
        } else {
            (before.clone(), Vec::new())
        };
        let (id, kept_mark) = match &current {
            Some(current) => (current.id, Some(current.mark)),
            None => (self.next_strategy(), None),
        };
        let mark = match kept_mark {
            Some(mark) if !differs => mark,
            kept => {
                let mark = self.append(id, change.strategy.as_str(), &changes, change.actor, change.address, now);
                // Remarks are for people: a change of theirs alone must not send the terminals trading.
                let seen = kept.filter(|_| before.same_targets(&list)).map_or(mark.updated_at, |kept| kept.updated_at);
                Mark { updated_at: seen, ..mark }
            }
        };
        let receipt = Receipt { revision: mark.revision, changed: differs, positions: list.len() };
        let sequence = change.sequence.or_else(|| current.as_ref().and_then(|current| current.sequence));
        self.rows.strategies.insert(id);
        let strategy = Strategy { id, name: change.strategy, list, mark, last_push_at: now, sequence };
        match current {
            Some(_) => self.ledger.book.replace(strategy, &changes),
            None => self.ledger.book.add(strategy),
        }
        Ok(receipt)
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
        strategy: StrategyId,
        name: &str,
        changes: &[InstrumentChange],
        actor: Actor,
        address: Option<String>,
        now: Moment,
    ) -> Mark {
        let parent = self.ledger.head;
        let (id, at) = (parent.revision + 1, now.max(parent.at.next()));
        let mut rows: Vec<ChangeRow> = changes.iter().map(ChangeRow::from).collect();
        rows.sort_by(|one, two| one.instrument.cmp(&two.instrument));
        let hash = revision_row(id, strategy, name, at, &actor, address.as_deref()).hash(&parent.hash, &rows);

        for change in changes {
            self.rows.places.extend(change.before.iter().map(|placed| ((strategy, placed.place), None)));
        }
        for placed in changes.iter().flat_map(|change| &change.after) {
            self.rows.places.insert((strategy, placed.place), Some(placed.position.clone()));
        }
        self.rows.changes.extend(rows.into_iter().map(|row| (id, row)));
        self.rows.revisions.push(RevisionDraft { id, strategy, at, actor, address, parent_hash: parent.hash, hash });
        self.ledger.head = Head { revision: id, at, hash };
        Mark { revision: id, fingerprint: fingerprint(&hash), updated_at: at }
    }
}
