//! `/adjustment`: the overlays in a table, with the total before and after in view before anything is saved.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed, strategy_name};
use super::changes::{ChangeLine, Flow, TotalChange};
use super::effect::OnAccounts;
use super::form::{CheckedForm, Fields};
use super::known::{self, Known};
use super::overlay_merge::{Fate, MergeLine, take_theirs};
use super::overlay_row::{OverlayRow, digest, rows_of};
use super::view::{Reading, View};
use super::{html, links, see_other};
use crate::desk::Proposal;
use crate::domain::book::Book;
use crate::domain::code::Code;
use crate::domain::position::{MAX_POSITIONS, Position};
use crate::domain::revision::Revision;
use crate::domain::strategy::{ADJUSTMENT_PREFIX, Kind, StrategyName};

/// The overlay that there always is.
const MAIN: &str = "ADJUSTMENT_MAIN";

/// How many empty rows are offered, and how many when more are asked for.
const SPARE_ROWS: usize = 3;
const MORE_ROWS: usize = 10;

#[derive(Template)]
#[template(path = "adjustment.html")]
struct AdjustmentPage {
    v: View,
    name: StrategyName,
    overlays: Vec<String>,
    rows: Vec<OverlayRow>,
    /// What the rows were read from, or last held against.
    revision: Revision,
    digest: String,
    preview: Option<Difference>,
    notice: Option<Notice>,
    merged: Vec<MergeLine>,
    instruments: Vec<Known>,
}

/// What saving would do.
struct Difference {
    flow: Flow,
    lines: Vec<ChangeLine>,
    total: Vec<TotalChange>,
    accounts: OnAccounts,
}

enum Notice {
    Good(String),
    Bad(&'static str),
}

fn overlay_name(text: &str) -> Result<StrategyName, AppError> {
    let text = if text.is_empty() { MAIN } else { text };
    let with_prefix;
    let text = if text.starts_with(ADJUSTMENT_PREFIX) {
        text
    } else {
        with_prefix = format!("{ADJUSTMENT_PREFIX}{text}");
        &with_prefix
    };
    Ok(strategy_name(text)?)
}

fn overlays(book: &Book) -> Vec<String> {
    let known = book.strategies().filter(|strategy| strategy.name.kind() == Kind::Adjustment);
    let mut names: Vec<String> = known.map(|strategy| strategy.name.to_string()).collect();
    if !names.iter().any(|name| name == MAIN) {
        names.insert(0, MAIN.to_owned());
    }
    names
}

/// Which overlay. With a code, a row for that is there to be filled in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AdjustmentQuery {
    name: Typed,
    code: Typed,
}

/// `GET /adjustment`
pub(super) async fn page(
    Reading { v, book }: Reading,
    Query(asked): Query<AdjustmentQuery>,
) -> Result<Response, AppError> {
    let name = overlay_name(&asked.name)?;
    let current = book.strategy(&name);
    let row = |position: &Position| {
        let mut row = OverlayRow::of(position);
        row.weigh(&book, &name, position);
        row
    };
    let mut rows: Vec<OverlayRow> = current.map(|strategy| strategy.list.iter().map(row).collect()).unwrap_or_default();
    let is_there = |code: &Code| {
        rows.iter().any(|row| Code::infer(&row.code).is_some_and(|one| one.instrument() == code.instrument()))
    };
    let wanted = Code::infer(&asked.code).filter(|code| v.logged_in() && !is_there(code));
    rows.extend(wanted.map(|code| OverlayRow::about(&book, &code)));
    let page = AdjustmentPage {
        overlays: overlays(&book),
        revision: current.map_or(Revision::NONE, |strategy| strategy.mark.revision),
        rows,
        digest: String::new(),
        preview: None,
        notice: None,
        merged: Vec::new(),
        instruments: known::instruments(&book),
        v,
        name,
    };
    Ok(page.draw(StatusCode::OK, SPARE_ROWS))
}

/// `POST /adjustment`
pub(super) async fn edit(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let book = state.store.book();
    let mut page = AdjustmentPage::sent(&book, v, &fields)?;
    let action = fields.get("action");
    if action == "more" {
        return Ok(page.draw(StatusCode::OK, MORE_ROWS));
    }
    let base = page.base(&state, &book).await?;
    let Some(positions) = page.read_rows(&book, &base) else { return Ok(page.faulty()) };
    if positions.len() > MAX_POSITIONS {
        return Err(Invalid::TooManyPositions.into());
    }
    let saving = action == "save";
    if saving && fields.get("digest") == page.digest {
        let (name, positions) = (page.name.clone(), positions.clone());
        match state.desk.correct(&operator, name, positions, Some(page.revision), None).await {
            Ok(receipt) => {
                return Ok(see_other(&links::done("/adjustment", &[("name", page.name.as_str())], &receipt)));
            }
            Err(not_done) if not_done.is_conflict() => {}
            Err(not_done) => return Err(not_done.into()),
        }
    }
    // A preview, also of what was to be saved and was not.
    page.preview(&state, &book, (&base, positions), saving).await
}

/// The editor as it was sent by a session that had ended: with its preview, though it was to be saved.
pub(super) async fn resume(state: &AppState, v: View, fields: &Fields) -> Result<Response, AppError> {
    let book = state.store.book();
    let mut page = AdjustmentPage::sent(&book, v, fields)?;
    let base = page.base(state, &book).await?;
    let Some(positions) = page.read_rows(&book, &base) else { return Ok(page.faulty()) };
    page.notice = Some(Notice::Good(page.v.t.resumed.to_owned()));
    page.preview(state, &book, (&base, positions), false).await
}

impl AdjustmentPage {
    /// The page as its form was sent.
    fn sent(book: &Book, v: View, fields: &Fields) -> Result<Self, AppError> {
        let rows = rows_of(fields);
        Ok(Self {
            overlays: overlays(book),
            digest: String::new(),
            rows,
            revision: fields.get("revision").parse().map_err(|_| Invalid::Query("revision".into()))?,
            preview: None,
            notice: None,
            merged: Vec::new(),
            instruments: known::instruments(book),
            v,
            name: overlay_name(fields.get("overlay"))?,
        })
    }

    /// The list that the rows were read from, where another one has taken its place since.
    async fn base(&self, state: &AppState, book: &Book) -> Result<Vec<Position>, AppError> {
        if book.list_revision(&self.name) == self.revision {
            return Ok(Vec::new());
        }
        Ok(state.desk.list_at(&self.name, self.revision).await?.iter().cloned().collect())
    }

    /// The positions that the rows describe, filled in from the book; None when something is wrong in one of them, which is
    /// then noted. What stands in `base` as it was is nobody's fault, though its last day be over by now.
    fn read_rows(&mut self, book: &Book, base: &[Position]) -> Option<Vec<Position>> {
        let current = book.strategy(&self.name).into_iter().flat_map(|overlay| overlay.list.iter());
        let known: HashMap<String, Code> =
            current.map(|position| (position.code().to_string(), position.code().clone())).collect();
        let read = |row: &mut OverlayRow| {
            if !known.contains_key(row.code.trim()) || !row.target.is_empty() {
                row.fill(book, &self.instruments, &self.name, &self.v);
            }
            let position = row.read(&known, base, &self.v)?;
            row.weigh(book, &self.name, &position);
            Some(position)
        };
        // All of them are read, so that every fault is shown at once.
        let read: Vec<Option<Position>> = self.rows.iter_mut().filter(|row| !row.removed).map(read).collect();
        self.digest = digest(&self.rows);
        read.into_iter().collect()
    }

    /// Shows what is wrong in the rows.
    fn faulty(mut self) -> Response {
        self.notice = Some(Notice::Bad(self.v.t.fix_errors));
        self.draw(StatusCode::UNPROCESSABLE_ENTITY, SPARE_ROWS)
    }

    /// Shows what saving would do, with what somebody else did meanwhile taken in.
    async fn preview(
        mut self,
        state: &AppState,
        book: &Book,
        (base, mut positions): (&[Position], Vec<Position>),
        saving: bool,
    ) -> Result<Response, AppError> {
        let mut status = StatusCode::OK;
        let current = book.list_revision(&self.name);
        if current != self.revision {
            positions = match self.merge(book, base, &positions) {
                Some(merged) => merged,
                None => return Ok(self.faulty()),
            };
            status = StatusCode::CONFLICT;
        } else if saving {
            self.notice = Some(Notice::Bad(self.v.t.previewed_other));
        }
        let preview = state.desk.preview(&self.name, Proposal::Correct(positions)).await?;
        let total = TotalChange::all(&preview.before, &preview.after, &preview.changes);
        let lines = ChangeLine::all(&preview.changes);
        let accounts = OnAccounts::of(state, &preview, &self.name).await?;
        self.preview = Some(Difference { flow: Flow::of(&lines), lines, total, accounts });
        Ok(self.draw(status, SPARE_ROWS))
    }

    /// Takes in what somebody else changed since the rows were read, and shows whose word counts in which line.
    fn merge(&mut self, book: &Book, base: &[Position], mine: &[Position]) -> Option<Vec<Position>> {
        let overlay = book.strategy(&self.name);
        let theirs: Vec<Position> = overlay.iter().flat_map(|overlay| overlay.list.iter().cloned()).collect();
        self.merged = MergeLine::all(base, &theirs, mine);
        take_theirs(&mut self.rows, &self.merged);
        self.notice = Some(Notice::Bad(self.v.t.conflict));
        self.revision = overlay.map_or(Revision::NONE, |overlay| overlay.mark.revision);
        self.read_rows(book, &[])
    }

    /// The page, with so many empty rows for who may fill them.
    fn draw(mut self, status: StatusCode, spare: usize) -> Response {
        if self.v.logged_in() {
            self.rows.extend(std::iter::repeat_with(OverlayRow::default).take(spare));
        }
        html(status, &self)
    }
}
