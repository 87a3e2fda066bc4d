//! The history as files, whole, as it is hashed (docs/ledger.md): JSON, JSON Lines, and CSV for people. They are made while
//! they are sent.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::AppState;
use super::super::csv::{Rows, download, download_as};
use super::super::document;
use super::super::error::AppError;
use super::super::extract::{Last, Query};
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::domain::book::sums;
use crate::domain::revision::Revision;
use crate::ledger::Line;
use crate::ledger::chain::Entry;
use crate::store::{Store, Untold};

/// After which revision.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct ExportQuery {
    /// After which revision; without it, all that are there: from the checkpoint on, where one was made.
    #[param(value_type = Option<i64>)]
    after: Last<Revision>,
}

/// How revisions are written one after the other.
#[derive(Clone)]
enum Format {
    Array,
    Lines,
    Csv(Zone),
}

impl Format {
    /// What stands before the first of them.
    fn beginning(&self) -> Bytes {
        match self {
            Self::Array => Bytes::from_static(b"["),
            Self::Lines => Bytes::new(),
            Self::Csv(_) => Rows::headed(&COLUMNS).bytes(),
        }
    }

    /// Some of them; the very first of the file, or more.
    fn part(&self, entries: &[Entry], is_first: bool) -> Bytes {
        if let Self::Csv(zone) = self {
            let mut rows = Rows::more();
            for entry in entries {
                add_rows(&mut rows, zone, entry);
            }
            return rows.bytes();
        }
        let mut text = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if matches!(self, Self::Array) {
                text.extend_from_slice(if is_first && index == 0 { b"\n" } else { b",\n" });
            }
            // Writing to memory cannot fail.
            let _ = serde_json::to_writer(&mut text, &Line::new(entry));
            if matches!(self, Self::Lines) {
                text.push(b'\n');
            }
        }
        text.into()
    }

    /// What stands behind the last.
    fn end(&self) -> Bytes {
        Bytes::from_static(if matches!(self, Self::Array) { b"\n]\n" } else { b"" })
    }
}

const COLUMNS: [&str; 13] = [
    "revision",
    "time",
    "subject_kind",
    "subject",
    "kind",
    "actor_kind",
    "actor",
    "address",
    "note",
    "instrument",
    "volume_before",
    "volume_after",
    "hash",
];

/// A row for each instrument that a revision changed; one row for a revision that changed none.
fn add_rows(rows: &mut Rows, zone: &Zone, entry: &Entry) {
    let record = &entry.record;
    let (id, time, hash) = (entry.revision.to_string(), zone.rfc3339(entry.at), hex::encode(entry.hash));
    let [address, note] = [&record.address, &record.note].map(|text| text.as_deref().unwrap_or_default());
    let (subject, actor) = (&record.subject, &record.actor);
    let [kind, actor_kind] = [record.kind.as_str(), actor.kind().as_str()];
    let head = [&id, &time, subject.kind(), subject.name(), kind, actor_kind, actor.name(), address, note];
    let mut add = |tail: [&str; 3]| rows.add(&[&head[..], &tail, &[&hash]].concat());
    let changes = record.changes.in_list();
    if changes.is_empty() {
        add([""; 3]);
    }
    for change in changes {
        let [before, after] = [&change.before, &change.after].map(|side| sums(side).0.to_string());
        add([&change.instrument.to_string(), &before, &after]);
    }
}

/// What the document says of these.
pub(super) fn entries() -> Vec<document::Entry> {
    vec![
        document::Entry::read("/api/v1/revisions.json", "The history as a JSON array, as it is hashed")
            .query::<ExportQuery>()
            .answers::<Vec<Line>>()
            .fails(&[410]),
        document::Entry::read("/api/v1/revisions.jsonl", "The history as JSON Lines")
            .query::<ExportQuery>()
            .answers_text("application/jsonl", "A revision in each line.")
            .fails(&[410]),
        document::Entry::read("/api/v1/revisions.csv", "The history as a file for spreadsheets")
            .query::<ExportQuery>()
            .answers_csv()
            .fails(&[410]),
    ]
}

/// `GET /api/v1/revisions.json`
pub(crate) async fn array(state: State<AppState>, _: Reader, query: Query<ExportQuery>) -> Result<Response, AppError> {
    let parts = export(&state.store, query, Format::Array).await?;
    Ok(download_as("application/json", "revisions.json", parts))
}

/// `GET /api/v1/revisions.jsonl`
pub(crate) async fn lines(state: State<AppState>, _: Reader, query: Query<ExportQuery>) -> Result<Response, AppError> {
    let parts = export(&state.store, query, Format::Lines).await?;
    Ok(download_as("application/jsonl", "revisions.jsonl", parts))
}

/// `GET /api/v1/revisions.csv`
pub(crate) async fn csv(state: State<AppState>, _: Reader, query: Query<ExportQuery>) -> Result<Response, AppError> {
    let parts = export(&state.store, query, Format::Csv(state.zone.clone())).await?;
    Ok(download("revisions.csv", parts))
}

/// What is left of an export: after which revision it goes on; None at its end.
struct Rest {
    store: Store,
    format: Format,
    after: Option<Revision>,
}

impl Rest {
    async fn next(mut self, is_first: bool) -> Result<(Bytes, Self), Untold> {
        let entries = self.store.entries_after(self.after.unwrap_or(Revision::END)).await?;
        self.after = entries.last().map(|last| last.revision);
        let part = if entries.is_empty() { self.format.end() } else { self.format.part(&entries, is_first) };
        Ok((part, self))
    }
}

/// The history after a revision, a part at a time.
async fn export(
    store: &Store,
    Query(query): Query<ExportQuery>,
    format: Format,
) -> Result<impl futures::Stream<Item = Result<Bytes, Untold>> + Send + 'static, AppError> {
    let (begin, after) = (format.beginning(), Some(query.after.0.unwrap_or_else(|| store.folded())));
    // What fails at once is answered as an error, not as a file that breaks off.
    let (first, rest) = Rest { store: store.clone(), format, after }.next(true).await?;
    let rest = stream::try_unfold(rest, async |rest| match rest.after {
        Some(_) => rest.next(false).await.map(Some),
        None => Ok(None),
    });
    Ok(stream::iter([Ok(begin), Ok(first)]).chain(rest))
}
