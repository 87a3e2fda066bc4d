//! `/conflicts`: what contradicts what, in the lists, the overlays, between accounts, and in what was bought and sold just now.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::conflict_text::conflict_texts;
use super::super::error::AppError;
use super::html;
use super::texts::Texts;
use super::view::{Reading, View};
use crate::desk::{WINDOW, conflicts};
use crate::domain::code::Code;
use crate::domain::conflict::{Conflict, Matter};

/// How many of a kind are listed.
const LISTED: usize = 200;

#[derive(Template)]
#[template(path = "conflicts.html")]
struct ConflictsPage {
    v: View,
    groups: Vec<Group>,
    /// Whether more was pushed lately than is looked at.
    is_cut: bool,
}

/// What is of one kind.
struct Group {
    kind: &'static str,
    name: &'static str,
    lead: &'static str,
    count: usize,
    lines: Vec<Line>,
}

struct Line {
    code: Code,
    name: String,
    text: String,
}

impl Group {
    fn of(kind: &'static str, found: &[Conflict], t: &Texts) -> Self {
        let all: Vec<&Conflict> = found.iter().filter(|conflict| conflict.matter.kind() == kind).collect();
        let line = |conflict: &&Conflict| {
            let (chinese, english) = conflict_texts(conflict, WINDOW.as_secs());
            let name = conflict.name.as_deref().unwrap_or_default().to_owned();
            Line { code: conflict.code.clone(), name, text: t.pick(chinese, english) }
        };
        let (name, lead) = t.of_conflict(kind);
        Self { kind, name, lead, count: all.len(), lines: all.iter().take(LISTED).map(line).collect() }
    }
}

/// `GET /conflicts`
pub(super) async fn page(State(state): State<AppState>, Reading { v, .. }: Reading) -> Result<Response, AppError> {
    let found = conflicts(&state.store, WINDOW, v.now).await?;
    let groups = Matter::KINDS.map(|kind| Group::of(kind, &found.conflicts, v.t));
    let groups = groups.into_iter().filter(|group| group.count > 0).collect();
    Ok(html(StatusCode::OK, &ConflictsPage { v, groups, is_cut: found.is_cut }))
}
