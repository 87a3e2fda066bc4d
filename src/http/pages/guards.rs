//! `/guards`: the rules for pushes as a form, with what each would have done to the pushes of the last thirty days.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::Query;
use super::form::{CheckedForm, Fields};
use super::guard_entry::GuardEntry;
use super::undo::AsOf;
use super::view::{Reading, View};
use super::{html, links, see_other};
use crate::desk::{Trial, TrialLine, try_guards};
use crate::domain::guard::{Guards, MAX_GUARDS, RuleName, Then};
use crate::domain::revision::{Revision, Topic};
use crate::domain::settings::Setting;

/// How many examples of each finding are shown.
const EXAMPLES: usize = 3;

#[derive(Template)]
#[template(path = "guards.html")]
struct GuardsPage {
    v: View,
    entries: Vec<GuardEntry>,
    /// What the guards are at, or were last held against.
    revision: Revision,
    /// Stands for the guards that the trial below was made with: what is saved is what was tried.
    digest: String,
    trial: Option<Tried>,
    notice: Option<Notice>,
}

enum Notice {
    Good(&'static str),
    Bad(&'static str),
}

/// What guards would have done.
struct Tried {
    pushes: usize,
    is_cut: bool,
    rejected: usize,
    held: usize,
    warned: usize,
    on: Vec<Met>,
    off: Vec<Met>,
}

/// What one rule would have done.
struct Met {
    rule: RuleName,
    then: Then,
    count: usize,
    examples: Vec<TrialLine>,
}

impl Tried {
    fn new(trial: Trial) -> Self {
        let (rejected, held, warned) = (trial.count(Then::Reject), trial.count(Then::Hold), trial.count(Then::Warn));
        let (pushes, is_cut) = (trial.pushes, trial.is_cut);
        Self { pushes, is_cut, rejected, held, warned, on: met(trial.lines), off: met(trial.off) }
    }
}

/// What each rule would have done.
fn met(lines: Vec<TrialLine>) -> Vec<Met> {
    let mut met: BTreeMap<(RuleName, Then), Met> = BTreeMap::new();
    for line in lines {
        let (rule, then) = (line.finding.rule, line.finding.then);
        let one = met.entry((rule, then)).or_insert_with(|| Met { rule, then, count: 0, examples: Vec::new() });
        one.count += 1;
        if one.examples.len() < EXAMPLES {
            one.examples.push(line);
        }
    }
    met.into_values().collect()
}

/// `GET /guards`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<AsOf>,
) -> Result<Response, AppError> {
    let settings = book.settings();
    let then = query.revision().filter(|_| v.logged_in());
    let guards = match then {
        Some(then) => match state.store.setting_as_of(Topic::Guards, then).await? {
            Some(Setting::Guards(guards)) => guards,
            _ => state.store.first_guards().await?,
        },
        None => settings.guards().map(|guards| (**guards).clone()).unwrap_or_default(),
    };
    let notice = then.map(|_| Notice::Good(v.t.earlier_filled_in));
    let page = GuardsPage {
        entries: guards.entries().iter().map(GuardEntry::of).collect(),
        revision: settings.revision(&Topic::Guards),
        digest: String::new(),
        trial: None,
        notice,
        v,
    };
    // Whoever may read looks over the connections that all readers share.
    let trial = try_guards(&state.store, guards.clone(), page.v.now).await?;
    Ok(page.with(&guards, trial).draw(StatusCode::OK))
}

/// `POST /guards`
pub(super) async fn edit(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let mut page = GuardsPage::sent(v, &fields)?;
    match fields.get("action") {
        "add" if page.entries.len() < MAX_GUARDS => {
            page.entries.push(GuardEntry::default());
            return Ok(page.draw(StatusCode::OK));
        }
        "stricter" => {
            let guards = Guards::stricter();
            page.entries = guards.entries().iter().map(GuardEntry::of).collect();
            page.notice = Some(Notice::Good(page.v.t.stricter_filled_in));
            return page.tried(&state, guards, StatusCode::OK).await;
        }
        _ => {}
    }
    let Some(guards) = page.read() else { return Ok(page.faulty()) };
    let (saving, current) = (fields.get("action") == "save", state.store.book().settings().revision(&Topic::Guards));
    let mut status = StatusCode::OK;
    if saving && fields.get("digest") == digest(&guards) && current == page.revision {
        match state.desk.set_guards(&operator, guards.clone(), Some(page.revision)).await {
            Ok(receipt) => return Ok(see_other(&links::done("/guards", &[], &receipt))),
            Err(not_done) if not_done.is_conflict() => {}
            Err(not_done) => return Err(not_done.into()),
        }
    }
    let current = state.store.book().settings().revision(&Topic::Guards);
    if current != page.revision {
        page.notice = Some(Notice::Bad(page.v.t.guards_moved));
        page.revision = current;
        status = StatusCode::CONFLICT;
    } else if saving {
        page.notice = Some(Notice::Bad(page.v.t.tried_other));
    }
    page.tried(&state, guards, status).await
}

/// The form as it was sent by a session that had ended.
pub(super) async fn resume(state: &AppState, v: View, fields: &Fields) -> Result<Response, AppError> {
    let mut page = GuardsPage::sent(v, fields)?;
    let Some(guards) = page.read() else { return Ok(page.faulty()) };
    page.notice = Some(Notice::Good(page.v.t.resumed));
    page.tried(state, guards, StatusCode::OK).await
}

/// Stands for guards that were tried.
fn digest(guards: &Guards) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(guards).unwrap_or_default()))
}

impl GuardsPage {
    fn sent(v: View, fields: &Fields) -> Result<Self, AppError> {
        let count = fields.get("entries").parse::<usize>().ok().filter(|count| *count <= MAX_GUARDS);
        let count = count.ok_or_else(|| Invalid::Query("entries".into()))?;
        let entries = (0..count).map(|n| GuardEntry::sent(fields, n)).filter(|entry| !entry.removed).collect();
        let revision = fields.get("revision").parse().map_err(|_| Invalid::Query("revision".into()))?;
        Ok(Self { v, entries, revision, digest: String::new(), trial: None, notice: None })
    }

    /// The guards that the form describes; None when something is wrong in one of its fields, which is then noted.
    fn read(&mut self) -> Option<Guards> {
        let t = self.v.t;
        // All of them are read, so that every fault is shown at once.
        let read: Vec<_> = self.entries.iter_mut().map(|entry| entry.read(t)).collect();
        Guards::try_from(read.into_iter().collect::<Option<Vec<_>>>()?).ok()
    }

    fn faulty(mut self) -> Response {
        self.notice = Some(Notice::Bad(self.v.t.fix_errors));
        self.draw(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// The page with what the guards would have done.
    async fn tried(self, state: &AppState, guards: Guards, status: StatusCode) -> Result<Response, AppError> {
        let trial = state.desk.try_guards(guards.clone(), self.v.now).await?;
        Ok(self.with(&guards, trial).draw(status))
    }

    fn with(self, guards: &Guards, trial: Trial) -> Self {
        Self { digest: digest(guards), trial: Some(Tried::new(trial)), ..self }
    }

    fn draw(self, status: StatusCode) -> Response {
        html(status, &self)
    }
}
