//! Reading the chain from its beginning, or from the checkpoint, for [`Replay`] to walk.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use sqlx::{SqliteConnection, SqlitePool};

use super::revisions::{self, actor, chain_hash, changes, subject};
use super::{attribution_events, checkpoint, item_eras, kept_lists, must_be_current, parsed, upkeep};
use crate::domain::moment::Moment;
use crate::domain::revision::{Revision, Topic};
use crate::domain::strategy::StrategyId;
use crate::ledger::chain::{Entry, Head, Record};
use crate::ledger::replay::Replay;
use crate::store::error::OpenError;
use crate::store::verify::{Since, Verdict};

/// How many revisions are held in memory at a time, and from which length of their changes on no more: bytes.
const PAGE: i64 = 1000;
const PAGE_LENGTH: usize = 1 << 20;

/// Walks the whole chain, from the checkpoint on where there is one, and shows each head whose content was held against its hash.
pub(in crate::store) async fn verify(pool: &SqlitePool, look: impl FnMut(&Head)) -> Result<Verdict, OpenError> {
    let mut connection = pool.acquire().await?;
    must_be_current(&mut connection).await?;
    // One read transaction, so that a server which goes on writing is seen at one moment.
    let mut snapshot = sqlx::Connection::begin_with(&mut *connection, "BEGIN DEFERRED").await?;
    walk(&mut snapshot, look).await
}

/// Walks the whole chain within a transaction.
pub(in crate::store) async fn verify_within(snapshot: &mut SqliteConnection) -> Result<Verdict, OpenError> {
    walk(snapshot, |_| {}).await
}

async fn walk(snapshot: &mut SqliteConnection, mut look: impl FnMut(&Head)) -> Result<Verdict, OpenError> {
    upkeep::must_be_there(snapshot).await?;
    let mut replay = checkpoint::begin(snapshot).await?;
    let begun = *replay.head();
    look(&begun);
    if let Some((revision, reason)) = unlinked(snapshot, &replay, &mut look).await? {
        return Ok(Verdict::Broken { revision, reason });
    }
    let mut kept = kept_lists::all(snapshot).await?.into_iter().peekable();
    let mut misremembered = unkept(snapshot, &replay, &mut kept).await?;
    while let page = page_after(snapshot, replay.head().revision).await?
        && !page.is_empty()
    {
        for row in page {
            let revision = Revision::new(row.id);
            let followed = row.entry().map_err(|error| error.to_string()).and_then(|entry| Ok(replay.follow(entry)?));
            if let Err(reason) = followed {
                return Ok(Verdict::Broken { revision, reason });
            }
            look(replay.head());
            misremembered = misremembered.or(astray_list(snapshot, &replay, &mut kept).await?);
        }
    }
    let misremembered = misremembered.or_else(|| kept.next().map(|(at, _)| at));
    let (ledger, _) = match super::read(snapshot).await {
        Ok(read) => read,
        Err(OpenError::Astray(astray)) => return Ok(Verdict::Astray(astray)),
        Err(error) => return Err(error),
    };
    let (revisions, head) = (replay.length(), *replay.head());
    if let Some(astray) = replay.compare(&ledger.book, &ledger.documents) {
        return Ok(Verdict::Astray(astray));
    }
    if let Some(at) = misremembered {
        return Ok(Verdict::Misremembered(format!(
            "the list kept as of revision {at} is not the one that it leads to"
        )));
    }
    if let Some(account) = attribution_events::astray(snapshot, &ledger).await? {
        return Ok(Verdict::Misremembered(format!("how account {account} is divided is not what its events lead to")));
    }
    let told = ledger.documents.get(&Topic::Checkpoint).map(|document| document.mark.revision);
    let since = told.map(|told_in| Since { checkpoint: begun, told_in });
    Ok(match item_eras::missing(snapshot, begun.revision).await? {
        Some((at, item)) => Verdict::Misremembered(format!("nothing says that revision {at} changed {item}")),
        None => Verdict::Whole { revisions, head, since },
    })
}

/// The kept lists that are still to be looked at.
type Kept = std::iter::Peekable<std::vec::IntoIter<(Revision, StrategyId)>>;

/// The first of the lists that are kept up to where a walk has come which is not the one that it leads to.
async fn astray_list(
    connection: &mut SqliteConnection,
    replay: &Replay,
    kept: &mut Kept,
) -> Result<Option<Revision>, sqlx::Error> {
    let mut first = None;
    while let Some((at, strategy)) = kept.next_if(|(at, _)| *at <= replay.head().revision) {
        let is_true = match replay.list_at(strategy, at) {
            Some(list) => kept_lists::is_true(connection, strategy, at, list).await?,
            None => false,
        };
        if !is_true {
            first.get_or_insert(at);
        }
    }
    Ok(first)
}

/// The same at the checkpoint, where the list of every strategy is kept: what led there is not.
async fn unkept(
    connection: &mut SqliteConnection,
    replay: &Replay,
    kept: &mut Kept,
) -> Result<Option<Revision>, sqlx::Error> {
    let there: HashSet<Revision> = kept.clone().map(|(at, _)| at).collect();
    let missing = replay.lists().map(|(_, at, ..)| at).find(|at| !there.contains(at));
    Ok(astray_list(connection, replay, kept).await?.or(missing))
}

/// The first of the revisions up to the checkpoint that is not as it hangs in the chain, and why: of each subject there is its
/// newest one.
async fn unlinked(
    connection: &mut SqliteConnection,
    replay: &Replay,
    mut look: impl FnMut(&Head),
) -> Result<Option<(Revision, String)>, sqlx::Error> {
    let (mut links, until, mut after) = (replay.links().into_iter(), replay.head().revision, Revision::NONE);
    while after < until
        && let page = page_after(connection, after).await?
        && !page.is_empty()
    {
        for row in page {
            after = Revision::new(row.id);
            if after > until {
                break;
            }
            let Some(link) = links.next().filter(|link| link.revision == after) else {
                return Ok(Some((after, "it is older than the checkpoint, which does not know it".to_owned())));
            };
            // The one before it is not there to say its hash.
            let entry = row.entry().map(|entry| Entry { parent: link.parent, ..entry });
            match entry {
                Ok(entry) if entry.link() == link && entry.is_intact() => look(&entry.head()),
                Ok(_) => return Ok(Some((after, "its content does not match its hash".to_owned()))),
                Err(error) => return Ok(Some((after, error.to_string()))),
            }
        }
    }
    Ok(links.next().map(|link| (link.revision, "it is missing, and something stands as it left it".to_owned())))
}

/// The head of the chain that ends with a revision, where its last link holds.
pub(super) async fn head(connection: &mut SqliteConnection, newest: Revision) -> Result<Head, OpenError> {
    if newest == Revision::NONE {
        return Ok(Head::START);
    }
    let page = page_after(connection, newest.before()).await?;
    let entry = page.into_iter().next().and_then(|row| row.entry().ok()).filter(Entry::is_intact);
    let entry =
        entry.ok_or_else(|| OpenError::Corrupt(format!("revision {newest}, the newest, is not what was written")))?;
    Ok(entry.head())
}

/// A revision with its changes, before its texts are understood.
pub(super) struct EntryRecord {
    id: i64,
    subject_id: i64,
    strategy: Option<String>,
    document_kind: Option<String>,
    document: Option<String>,
    kind: String,
    at: i64,
    actor_kind: String,
    actor: String,
    address: Option<String>,
    note: Option<String>,
    parent_hash: Option<Vec<u8>>,
    hash: Vec<u8>,
    changes: String,
}

/// The revisions after one, oldest first, some at a time, as they stand in the chain.
pub(in crate::store) async fn entries_after(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Vec<Entry>, sqlx::Error> {
    page_after(connection, revision).await?.into_iter().map(EntryRecord::entry).collect()
}

/// Where the chain ends, if its last link holds.
pub(in crate::store) async fn newest(pool: &SqlitePool) -> Result<Head, OpenError> {
    let mut connection = pool.acquire().await?;
    must_be_current(&mut connection).await?;
    let newest = revisions::newest(&mut connection).await?;
    head(&mut connection, newest).await
}

/// The revisions after one, oldest first, some at a time.
pub(super) async fn page_after(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Vec<EntryRecord>, sqlx::Error> {
    let after = revision.get();
    let mut rows = sqlx::query_as!(
        EntryRecord,
        r#"SELECT r.id, coalesce(r.strategy_id, r.document_id) AS "subject_id!: i64", s.name AS "strategy?",
                  d.kind AS "document_kind?", d.name AS "document?", r.kind, r.at, r.actor_kind, r.actor, r.address,
                  r.note, p.hash AS "parent_hash?: Vec<u8>", r.hash, r.changes
           FROM revisions AS r LEFT JOIN strategies AS s ON s.id = r.strategy_id
                LEFT JOIN documents AS d ON d.id = r.document_id
                LEFT JOIN revisions AS p ON p.id = r.id - 1
           WHERE r.id > ? ORDER BY r.id LIMIT ?"#,
        after,
        PAGE
    )
    .fetch(connection);
    let (mut page, mut length) = (Vec::new(), 0);
    while length < PAGE_LENGTH
        && let Some(row) = rows.try_next().await?
    {
        length += row.changes.len();
        page.push(row);
    }
    Ok(page)
}

impl EntryRecord {
    pub(super) fn entry(self) -> Result<Entry, sqlx::Error> {
        let document = self.document_kind.as_deref().zip(self.document.as_deref());
        let subject = subject(self.strategy.as_deref(), document)?;
        let record = Record {
            changes: changes(&subject, &self.changes)?,
            subject,
            subject_id: self.subject_id,
            kind: parsed(&self.kind)?,
            actor: actor(&self.actor_kind, self.actor)?,
            address: self.address,
            note: self.note,
        };
        Ok(Entry {
            revision: Revision::new(self.id),
            at: Moment::from_micros(self.at),
            parent: self.parent_hash.map_or(Ok(Head::START.hash), |hash| chain_hash(&hash))?,
            record,
            hash: chain_hash(&self.hash)?,
        })
    }
}
