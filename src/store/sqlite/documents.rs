//! The table `documents`: what is settled, each as it stands now, under a seal.

use std::sync::Arc;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::batch::Bytes;
use super::json;
use crate::domain::book::Mark;
use crate::domain::moment::Moment;
use crate::domain::revision::{Revision, Topic};
use crate::ledger::chain::beginning;
use crate::ledger::replay::Astray;
use crate::ledger::{DocumentState, Ledger};
use crate::store::error::OpenError;

statement! {
    /// Writes documents as they stand now.
    WRITE(bytes, rows) = "INSERT INTO documents (id, kind, name, revision, revisions, seal, body)
                          SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                                 substr($1, value ->> '$[5][0]', value ->> '$[5][1]'),
                                 CAST(substr($1, value ->> '$[6][0]', value ->> '$[6][1]') AS TEXT)
                          FROM jsonb_each($7) WHERE true
                          ON CONFLICT (id) DO UPDATE SET
                              revision = excluded.revision, revisions = excluded.revisions, seal = excluded.seal,
                              body = excluded.body"
}

/// The rows of documents as they stand now.
pub(super) fn rows<'a>(states: impl Iterator<Item = &'a Arc<DocumentState>>, bytes: &mut Bytes) -> String {
    json(&states.map(|state| row(state, bytes)).collect::<Vec<_>>())
}

fn row<'a>(state: &'a DocumentState, bytes: &mut Bytes) -> impl Serialize + use<'a> {
    let DocumentState { id, topic, mark, revisions, body } = state;
    let (seal, body) = (bytes.put(&state.seal()), body.as_deref().map(|body| bytes.put(body.as_bytes())));
    (id, topic.kind(), topic.name(), mark.revision, revisions, seal, body)
}

/// A document's row, with what its newest revision says.
struct DocumentRecord {
    id: i64,
    kind: String,
    name: String,
    revision: i64,
    revisions: i64,
    seal: Vec<u8>,
    body: Option<String>,
    /// Whose the newest revision is; None when it is missing.
    owner: Option<i64>,
    hash: Option<Vec<u8>>,
    at: Option<i64>,
}

impl DocumentRecord {
    /// What the row says, when it is what was written.
    fn checked(self) -> Result<DocumentState, Astray> {
        let astray = |reason: String| Astray { strategy: format!("{} {}", self.kind, self.name), reason };
        let topic = Topic::parse(&self.kind, &self.name).map_err(|error| astray(error.to_string()))?;
        let newest = self.hash.as_deref().zip(self.at).filter(|_| self.owner == Some(self.id));
        let (hash, at) =
            newest.ok_or_else(|| astray(format!("its newest revision, {}, is not in the history", self.revision)))?;
        let mark = Mark {
            revision: Revision::new(self.revision),
            chain: beginning(hash),
            updated_at: Moment::from_micros(at),
        };
        let revisions = self.revisions.unsigned_abs();
        let state = DocumentState { id: self.id, topic, mark, revisions, body: self.body.as_deref().map(Arc::from) };
        if state.seal().as_slice() == self.seal {
            return Ok(state);
        }
        Err(astray("what is stored of it is not what was written".to_owned()))
    }
}

/// Adds every document to a ledger, and says how many revisions they have.
pub(super) async fn load(connection: &mut SqliteConnection, ledger: &mut Ledger) -> Result<u64, OpenError> {
    let rows = sqlx::query_as!(
        DocumentRecord,
        r#"SELECT d.id, d.kind, d.name, d.revision, d.revisions, d.seal, d.body, r.document_id AS "owner?: i64",
                  r.hash AS "hash?: Vec<u8>", r.at AS "at?: i64"
           FROM documents AS d LEFT JOIN revisions AS r ON r.id = d.revision ORDER BY d.id"#
    )
    .fetch_all(connection)
    .await?;
    let mut revisions = 0;
    for row in rows {
        let state = row.checked()?;
        let strategy = || format!("{} {}", state.topic.kind(), state.topic.name());
        let setting = state.setting().map_err(|reason| Astray { strategy: strategy(), reason })?;
        ledger.book.settings_mut().settle(state.topic.clone(), setting, state.mark);
        ledger.next_document = state.id + 1;
        revisions += state.revisions;
        ledger.documents.insert(state.topic.clone(), Arc::new(state));
    }
    Ok(revisions)
}

/// A document's body as of a revision: None before its first, and once it was withdrawn.
pub(in crate::store) async fn body_as_of(
    connection: &mut SqliteConnection,
    topic: &Topic,
    revision: Revision,
) -> Result<Option<(Option<String>, Revision, Moment)>, sqlx::Error> {
    let (kind, name, revision) = (topic.kind(), topic.name(), revision.get());
    let row = sqlx::query!(
        r#"SELECT r.id AS "id!: i64", r.at, r.changes ->> 1 AS "body?: String"
           FROM documents AS d JOIN revisions AS r ON r.document_id = d.id
           WHERE d.kind = ? AND d.name = ? AND r.id <= ? ORDER BY r.id DESC LIMIT 1"#,
        kind,
        name,
        revision
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.body, Revision::new(row.id), Moment::from_micros(row.at))))
}
