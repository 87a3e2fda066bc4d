//! One revision, with what it changed; and revisions as they are answered.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::PathText;
use super::json;
use super::positions::PositionDto;
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::domain::code::Notation;
use crate::domain::position::{InstrumentChange, Placed};
use crate::domain::revision::{Revision, Subject};
use crate::store::history::RevisionInfo;

/// A revision as it is answered.
#[derive(Serialize)]
pub(super) struct RevisionDto<'a> {
    revision: Revision,
    strategy_name: &'a str,
    kind: &'a str,
    actor_kind: &'a str,
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored_revision: Option<Revision>,
    updated_at: String,
    changes_count: i64,
}

impl<'a> RevisionDto<'a> {
    pub(super) fn new(revision: &'a RevisionInfo, zone: &Zone) -> Self {
        let Subject::Strategy(strategy) = &revision.subject;
        Self {
            revision: revision.id,
            strategy_name: strategy.as_str(),
            kind: revision.kind.as_str(),
            actor_kind: revision.actor.kind().as_str(),
            actor: revision.actor.name(),
            address: revision.address.as_deref(),
            restored_revision: revision.note.as_deref().and_then(|note| note.parse().ok()),
            updated_at: zone.rfc3339(revision.at),
            changes_count: revision.changes,
        }
    }
}

/// What happened to one instrument.
#[derive(Serialize)]
pub(super) struct ChangeDto<'a> {
    instrument: String,
    before: Vec<PositionDto<'a>>,
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

#[derive(Serialize)]
struct WholeRevision<'a> {
    #[serde(flatten)]
    revision: RevisionDto<'a>,
    parent_hash: String,
    hash: String,
    changes: Vec<ChangeDto<'a>>,
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
        changes: of.get(&id).into_iter().flatten().map(ChangeDto::new).collect(),
    }))
}
