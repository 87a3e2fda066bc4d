//! `/revisions/{id}`: what a revision did, for good: who, when, from where, the whole difference, what terminals made of it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{PathText, Query, Typed};
use super::changes::{ChangeLine, Entry, Flow, whole_entry};
use super::effect::{Effect, follows, parted};
use super::html;
use super::links::revision_path;
use super::lists::Lists;
use super::paging::Pages;
use super::sheet::Sheet;
use super::sort::Sort;
use super::undo::Undo;
use super::view::{Reading, View};
use crate::domain::account::AccountName;
use crate::domain::book::{Book, sums};
use crate::domain::changes::Changes;
use crate::domain::decimal::Amount;
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, PositionList};
use crate::domain::revision::{Revision, RevisionKind, Subject, Topic};
use crate::domain::settings::Settled;
use crate::store::history::RevisionInfo;

#[derive(Template)]
#[template(path = "revision.html")]
struct RevisionPage {
    v: View,
    entry: Entry,
    /// The push's own word for when it was decided.
    decided_at: Option<Moment>,
    /// What the list cost: CNY. None where it is about no list.
    cost: Option<CostChange>,
    flow: Flow,
    counts: Vec<(&'static str, usize)>,
    sort: Sort,
    pages: Pages,
    effects: Vec<Effect>,
    /// Accounts that follow the strategy, and whose targets stayed as they were.
    untouched: Vec<AccountName>,
    undo: Option<Undo>,
    /// Whether the strategy has moved on since.
    is_superseded: bool,
    before: Option<Revision>,
    after: Option<Revision>,
    /// The same of its subject.
    before_here: Option<Revision>,
    after_here: Option<Revision>,
}

/// What a list cost before and after: CNY.
struct CostChange {
    before: Amount,
    after: Amount,
}

impl CostChange {
    fn difference(&self, v: &View) -> String {
        let difference = self.after - self.before;
        let sign = if difference > Amount::default() { "+" } else { "" };
        format!("{sign}{}", v.money(&difference))
    }

    fn class(&self) -> &'static str {
        match self.after.cmp(&self.before) {
            std::cmp::Ordering::Less => "sell",
            std::cmp::Ordering::Equal => "",
            std::cmp::Ordering::Greater => "buy",
        }
    }
}

/// In which order, and which page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RevisionQuery {
    sort: Typed,
    page: Typed,
}

/// `GET /revisions/{id}`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    PathText(id): PathText,
    Query(query): Query<RevisionQuery>,
) -> Result<Response, AppError> {
    let id: Revision = id.parse().map_err(|_| AppError::NotFound)?;
    let info = state.store.revision(id).await?.ok_or(AppError::UnknownRevision(id))?;
    let changes = state.store.changes(std::slice::from_ref(&info), usize::MAX).await?.remove(&id);
    let [before_here, after_here] = state.store.neighbours(&info).await?;
    let lists = Lists::of(&state.store, &info).await?;
    let (effects, untouched) = effects(&state, &book, &info, &lists).await?;
    let in_list = changes.as_ref().map(Changes::in_list).unwrap_or_default();
    let cost = lists.after.as_ref().map(|_| cost_change(lists.list_after(), in_list));
    let is_superseded = info
        .subject
        .strategy()
        .and_then(|name| book.strategy(name))
        .is_some_and(|strategy| strategy.mark.revision > id);
    let undo = Undo::of(&info, &lists, changes.as_ref(), v.t);
    let decided_at = info.decided_at();
    let mut entry = whole_entry(info, changes.as_ref(), &v);
    let sort = Sort::of_changes(&query.sort, &revision_path(id));
    sort.apply(&mut entry.lines);
    let (flow, counts) = (Flow::of(&entry.lines), ChangeLine::counts(&entry.lines, v.t));
    let pages = Pages::new(&query.page, entry.lines.len(), &sort.address(), "page", "difference");
    entry.lines = pages.of(entry.lines);
    let page = RevisionPage {
        flow,
        counts,
        before: Some(id.before()).filter(|before| *before > Revision::NONE),
        after: Some(id.next()).filter(|after| *after <= book.revision()),
        v,
        entry,
        decided_at,
        cost,
        sort,
        pages,
        effects,
        untouched,
        undo,
        is_superseded,
        before_here,
        after_here,
    };
    Ok(html(StatusCode::OK, &page))
}

fn cost_change(after: Option<&PositionList>, changes: &[InstrumentChange]) -> CostChange {
    let after = after.map(PositionList::amount).unwrap_or_default();
    let took = |sum: Amount, change: &InstrumentChange| sum + sums(&change.before).1 - sums(&change.after).1;
    CostChange { before: changes.iter().fold(after, took), after }
}

/// What a revision did to the targets of the accounts that there are now, and to the merged total.
async fn effects(
    state: &AppState,
    now: &Book,
    info: &RevisionInfo,
    lists: &Lists,
) -> Result<(Vec<Effect>, Vec<AccountName>), AppError> {
    let (store, at) = (&state.store, info.at);
    match &info.subject {
        Subject::Strategy(name) if info.changes > 0 || info.kind == RevisionKind::Remove => {
            let mut accounts = Vec::new();
            for (account, settled) in now.settings().accounts() {
                let is_of_then = settled.mark.revision <= info.id;
                let settled =
                    if is_of_then { Some((**settled).clone()) } else { store.account_as_of(account, info.id).await? };
                accounts.extend(settled.filter(|settled| follows(&settled.account, name)));
            }
            let before = store.book_as_of(info.id.before()).await?;
            let list = lists.list_after().map(|list| list.iter().cloned().collect());
            let name = name.clone();
            let make = move || {
                let (after, changes) = before.supposing(&name, list);
                let mut effects = vec![Effect::on_total(&before, &after, &changes)];
                effects.extend(accounts.iter().map(|settled| {
                    let name = Some(settled.name.clone());
                    Effect::between(name, Sheet::of_target(&before, settled, at), Sheet::of_target(&after, settled, at))
                }));
                Ok(effects)
            };
            Ok(parted(state.workshop.make(make).await?))
        }
        Subject::Document(Topic::Account(name)) => {
            let (before, after) =
                (store.account_as_of(name, info.id.before()).await?, store.account_as_of(name, info.id).await?);
            let (Some(before), Some(after)) = (before, after) else { return Ok((Vec::new(), Vec::new())) };
            let book = store.book_as_of(info.id).await?;
            let make = move || {
                let sheet = |settled: &Settled| Sheet::of_target(&book, settled, at);
                Ok(vec![Effect::between(Some(after.name.clone()), sheet(&before), sheet(&after))])
            };
            Ok(parted(state.workshop.make(make).await?))
        }
        _ => Ok((Vec::new(), Vec::new())),
    }
}
