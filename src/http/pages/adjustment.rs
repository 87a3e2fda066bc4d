//! `/adjustment`: the overlays in a table, with the total before and after in view before anything is saved.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::AppState;
use super::super::error::{AppError, Fault, Invalid};
use super::super::error_text::fault_texts;
use super::super::extract::{Query, Typed};
use super::changes::{ChangeLine, TotalChange};
use super::form::{CheckedForm, Fields};
use super::html;
use super::see_other;
use super::view::{Reading, View};
use crate::domain::book::{Book, Revision};
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::position::{Field, Position};
use crate::domain::strategy::{ADJUSTMENT_PREFIX, Kind, StrategyName};
use crate::store::{Change, Deed, Refusal};

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
    preview: Option<Preview>,
    notice: Option<Notice>,
    their_changes: Vec<ChangeLine>,
}

/// What saving would do.
struct Preview {
    lines: Vec<ChangeLine>,
    total: Vec<TotalChange>,
}

enum Notice {
    Good(String),
    Bad(&'static str),
}

/// A row of the table as it was typed.
#[derive(Default)]
struct OverlayRow {
    code: String,
    name: String,
    volume: String,
    cost: String,
    remark: String,
    removed: bool,
    /// The code as it is understood, where that says more than what was typed.
    understood: Option<String>,
    /// What is wrong, by field.
    faults: Vec<(Field, String)>,
}

impl OverlayRow {
    fn of(position: &Position) -> Self {
        Self {
            code: position.code().to_string(),
            name: position.name().unwrap_or_default().to_owned(),
            volume: position.volume().to_string(),
            cost: position.cost().to_string(),
            remark: position.remark().unwrap_or_default().to_owned(),
            ..Self::default()
        }
    }

    fn is_blank(&self) -> bool {
        [&self.code, &self.name, &self.volume, &self.cost, &self.remark].iter().all(|text| text.trim().is_empty())
    }

    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(known, _)| known.to_string() == field).map(|(_, text)| text.as_str())
    }

    /// The position that the row describes; None when something is wrong, which is then noted. A code that the overlay
    /// holds already, whatever it is, stays as it is.
    fn read(&mut self, known: &HashMap<String, Code>, v: &View) -> Option<Position> {
        let t = v.t;
        let code = known.get(self.code.trim()).cloned().or_else(|| Code::infer(&self.code));
        if self.code.trim().is_empty() {
            self.faults.push((Field::Code, t.required.to_owned()));
        } else if code.is_none() {
            self.faults.push((Field::Code, t.code_unknown.to_owned()));
        }
        self.understood = code.as_ref().map(ToString::to_string).filter(|understood| understood != self.code.trim());
        let volume = self.number(Field::Volume, v);
        let cost = self.number(Field::Cost, v);
        let (code, volume, cost) = (code?.to_string(), volume?, cost?);
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let (name, remark) = (text(&self.name), text(&self.remark));
        let position = Position::new(Kind::Adjustment, &code, name.as_deref(), volume, cost, remark.as_deref());
        position.map_err(|breach| self.note(breach.field(), Fault::Breach(breach), v)).ok()
    }

    fn number(&mut self, field: Field, v: &View) -> Option<Decimal> {
        let text = if field == Field::Volume { &self.volume } else { &self.cost };
        // Thousands separators and full-width signs, as people paste them.
        let text: String = text.trim().chars().filter(|letter| !matches!(letter, ',' | '，')).collect();
        let text = text.replace(['－', '\u{2212}'], "-");
        if text.is_empty() {
            self.faults.push((field, v.t.required.to_owned()));
            return None;
        }
        Decimal::parse(text.strip_prefix('+').unwrap_or(&text))
            .map_err(|error| self.note(field, Fault::Number(error), v))
            .ok()
    }

    fn note(&mut self, field: Field, fault: Fault, v: &View) {
        let (chinese, english) = fault_texts(field, fault);
        self.faults.push((field, v.t.pick(chinese.to_owned(), english)));
    }
}

/// The rows of a form that say something.
fn rows_of(fields: &Fields) -> Vec<OverlayRow> {
    let column = |name: &'static str| fields.all(name).map(str::to_owned).collect::<Vec<_>>();
    let removed: Vec<usize> = fields.all("remove").filter_map(|row| row.parse().ok()).collect();
    let (names, volumes, costs, remarks) = (column("name"), column("volume"), column("cost"), column("remark"));
    let text = |column: &[String], n: usize| column.get(n).cloned().unwrap_or_default();
    let row = |(n, code)| OverlayRow {
        code,
        name: text(&names, n),
        volume: text(&volumes, n),
        cost: text(&costs, n),
        remark: text(&remarks, n),
        removed: removed.contains(&n),
        ..OverlayRow::default()
    };
    let rows = column("code").into_iter().enumerate().map(row);
    rows.filter(|row| !row.is_blank()).collect()
}

/// Stands for the rows that a preview showed: what is saved is what was seen.
fn digest(rows: &[OverlayRow]) -> String {
    let mut hasher = Sha256::new();
    for row in rows.iter().filter(|row| !row.removed) {
        for text in [&row.code, &row.name, &row.volume, &row.cost, &row.remark] {
            hasher.update(text.trim().len().to_be_bytes());
            hasher.update(text.trim());
        }
    }
    hex::encode(hasher.finalize())
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
    Ok(StrategyName::parse(text).map_err(Invalid::Name)?)
}

fn overlays(book: &Book) -> Vec<String> {
    let known = book.strategies().filter(|strategy| strategy.name.kind() == Kind::Adjustment);
    let mut names: Vec<String> = known.map(|strategy| strategy.name.to_string()).collect();
    if !names.iter().any(|name| name == MAIN) {
        names.insert(0, MAIN.to_owned());
    }
    names
}

/// Which overlay, and what became of it just now: the revision that saved it, or that it is the same as before.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AdjustmentQuery {
    name: Typed,
    saved: Typed,
}

/// `GET /adjustment`
pub(super) async fn page(
    Reading { v, book }: Reading,
    Query(asked): Query<AdjustmentQuery>,
) -> Result<Response, AppError> {
    let name = overlay_name(&asked.name)?;
    let current = book.strategy(&name);
    let rows = current.map(|strategy| strategy.list.iter().map(OverlayRow::of).collect()).unwrap_or_default();
    let notice = match &*asked.saved {
        "" => None,
        "same" => Some(Notice::Good(v.t.unchanged.to_owned())),
        revision => revision.parse::<Revision>().ok().map(|n| Notice::Good(v.t.saved_as(n))),
    };
    let page = AdjustmentPage {
        overlays: overlays(&book),
        revision: current.map_or(0, |strategy| strategy.mark.revision),
        rows,
        digest: String::new(),
        preview: None,
        notice,
        their_changes: Vec::new(),
        v,
        name,
    };
    Ok(html(StatusCode::OK, &page.with_spare_rows(SPARE_ROWS)))
}

impl AdjustmentPage {
    fn with_spare_rows(mut self, spare: usize) -> Self {
        if self.v.logged_in() {
            self.rows.extend(std::iter::repeat_with(OverlayRow::default).take(spare));
        }
        self
    }
}

/// `POST /adjustment`
pub(super) async fn edit(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let CheckedForm { v, operator, address, fields, .. } = form;
    let name = overlay_name(fields.get("overlay"))?;
    let revision: Revision = fields.get("revision").parse().map_err(|_| Invalid::Query("revision".into()))?;
    let mut rows = rows_of(&fields);
    let (action, spare) = (fields.get("action"), if fields.get("action") == "more" { MORE_ROWS } else { SPARE_ROWS });
    let book = state.store.book();
    let mut page = AdjustmentPage {
        overlays: overlays(&book),
        digest: digest(&rows),
        rows: Vec::new(),
        revision,
        preview: None,
        notice: None,
        their_changes: Vec::new(),
        v,
        name,
    };
    if action == "more" {
        page.rows = rows;
        return Ok(html(StatusCode::OK, &page.with_spare_rows(spare)));
    }
    let current = book.strategy(&page.name).into_iter().flat_map(|overlay| overlay.list.iter());
    let known = current.map(|position| (position.code().to_string(), position.code().clone())).collect();
    let kept = rows.iter_mut().filter(|row| !row.removed);
    let read: Vec<Option<Position>> = kept.map(|row| row.read(&known, &page.v)).collect();
    page.rows = rows;
    let Some(positions) = read.into_iter().collect::<Option<Vec<Position>>>() else {
        page.notice = Some(Notice::Bad(page.v.t.fix_errors));
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page.with_spare_rows(spare)));
    };
    let seen = fields.get("digest") == page.digest;
    if action == "save" && seen {
        let deed = Deed::Replace(positions.clone());
        let change = Change::new(page.name.clone(), deed, operator.actor(), Some(address.to_string()));
        match state.store.submit(Change { expected_revision: Some(revision), ..change }).await {
            Ok(receipt) => {
                let saved = if receipt.changed { receipt.revision.to_string() } else { "same".to_owned() };
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("name", page.name.as_str())
                    .append_pair("saved", &saved)
                    .finish();
                return Ok(see_other(&format!("/adjustment?{query}")));
            }
            Err(Refusal::RevisionMoved { .. }) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    // A preview, also of what was to be saved and was not.
    let book = state.store.book();
    let newest = book.strategy(&page.name).map_or(0, |strategy| strategy.mark.revision);
    let mut status = StatusCode::OK;
    if newest != revision {
        page.their_changes = their_changes(&state, &page.name, revision, &book).await?;
        page.notice = Some(Notice::Bad(page.v.t.conflict));
        page.revision = newest;
        status = StatusCode::CONFLICT;
    } else if action == "save" {
        page.notice = Some(Notice::Bad(page.v.t.previewed_other));
    }
    let (supposed, changes) = book.supposing(&page.name, Some(positions));
    page.preview =
        Some(Preview { lines: ChangeLine::all(&changes), total: TotalChange::all(&book, &supposed, &changes) });
    Ok(html(status, &page.with_spare_rows(spare)))
}

/// What somebody else changed since a revision.
async fn their_changes(
    state: &AppState,
    name: &StrategyName,
    since: Revision,
    book: &Book,
) -> Result<Vec<ChangeLine>, AppError> {
    let then = state.store.list_as_of(name, since).await?.and_then(|then| then.list).unwrap_or_default();
    let now = book.strategy(name).map(|strategy| strategy.list.clone()).unwrap_or_default();
    Ok(ChangeLine::all(&then.changes_to(&now)))
}
