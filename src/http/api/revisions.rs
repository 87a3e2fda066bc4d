//! One revision, with what it changed; and revisions as they are answered.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::AppError;
use super::super::extract::PathText;
use super::super::scalars::AnyDocument;
use super::json;
use super::positions::{PositionDto, WrittenPosition};
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::domain::changes::Changes;
use crate::domain::code::Notation;
use crate::domain::position::{InstrumentChange, Placed};
use crate::domain::revision::{Revision, Subject};
use crate::domain::strategy::StrategyName;
use crate::store::history::RevisionInfo;

/// A revision as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = RevisionInfo)]
pub(super) struct RevisionDto<'a> {
    revision: Revision,
    /// The strategy that it is about; null for what is settled around all of them.
    strategy_name: Option<&'a str>,
    /// What it is about, where that is no list: its kind and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<SubjectDto<'a>>,
    kind: &'a str,
    actor_kind: &'a str,
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored_revision: Option<Revision>,
    /// The push whose waiting it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Revision>,
    /// When a push was decided, where it told.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    updated_at: String,
    changes_count: i64,
}

impl<'a> RevisionDto<'a> {
    pub(super) fn new(revision: &'a RevisionInfo, zone: &Zone) -> Self {
        let subject = match &revision.subject {
            Subject::Strategy(_) => None,
            Subject::Document(topic) => Some(SubjectDto { kind: topic.kind(), name: topic.name() }),
        };
        Self {
            revision: revision.id,
            strategy_name: revision.subject.strategy().map(StrategyName::as_str),
            subject,
            kind: revision.kind.as_str(),
            actor_kind: revision.actor.kind().as_str(),
            actor: revision.actor.name(),
            address: revision.address.as_deref(),
            restored_revision: revision.restored(),
            hold: revision.ended_hold(),
            decided_at: revision.decided_at().map(|at| zone.rfc3339(at)),
            updated_at: zone.rfc3339(revision.at),
            changes_count: revision.changes,
        }
    }
}

/// What a document is about.
#[derive(Serialize, ToSchema)]
#[schema(as = Subject)]
struct SubjectDto<'a> {
    kind: &'a str,
    name: &'a str,
}

/// What happened to one instrument.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeDto<'a> {
    instrument: String,
    #[schema(value_type = Vec<WrittenPosition>)]
    before: Vec<PositionDto<'a>>,
    #[schema(value_type = Vec<WrittenPosition>)]
    after: Vec<PositionDto<'a>>,
}

impl<'a> ChangeDto<'a> {
    pub(super) fn new(change: &'a InstrumentChange) -> Self {
        fn side(placed: &[Placed]) -> Vec<PositionDto<'_>> {
            let dto = |entry| PositionDto { position: entry, notation: Notation::AsPushed };
            placed.iter().map(|entry| &entry.position).map(dto).collect()
        }
        Self { instrument: change.instrument.to_string(), before: side(&change.before), after: side(&change.after) }
    }
}

#[derive(Serialize, ToSchema)]
struct WholeRevision<'a> {
    #[serde(flatten)]
    revision: RevisionDto<'a>,
    parent_hash: String,
    hash: String,
    changes: Vec<ChangeDto<'a>>,
    /// A document's whole body, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<DocumentDto>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DocumentChange)]
struct DocumentDto {
    #[schema(value_type = AnyDocument)]
    before: Option<Box<RawValue>>,
    #[schema(value_type = AnyDocument)]
    after: Option<Box<RawValue>>,
}

impl DocumentDto {
    fn new(changes: &Changes) -> Option<Self> {
        let Changes::Document(change) = changes else { return None };
        let raw = |body: Option<&str>| body.and_then(|body| RawValue::from_string(body.to_owned()).ok());
        Some(Self { before: raw(change.before.as_deref()), after: raw(change.after.as_deref()) })
    }
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/revisions/{id}", "One revision with everything it changed")
            .answers::<WholeRevision>()
            .fails(&[404, 410]),
    ]
}

/// `GET /api/v1/revisions/{id}`
pub(crate) async fn revision(
    State(state): State<AppState>,
    _: Reader,
    PathText(id): PathText,
) -> Result<Response, AppError> {
    let id = id.parse().map_err(|_| AppError::NotFound)?;
    let info = state.store.revision(id).await?.ok_or(AppError::UnknownRevision(id))?;
    let of: HashMap<_, _> = state.store.changes(std::slice::from_ref(&info), usize::MAX).await?;
    Ok(json(&WholeRevision {
        revision: RevisionDto::new(&info, &state.zone),
        parent_hash: hex::encode(info.parent_hash),
        hash: hex::encode(info.hash),
        changes: of.get(&id).map(Changes::in_list).unwrap_or_default().iter().map(ChangeDto::new).collect(),
        document: of.get(&id).and_then(DocumentDto::new),
    }))
}
