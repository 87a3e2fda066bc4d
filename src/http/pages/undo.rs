//! The way back to before a revision: a page that shows what going back changes, before it is done.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{PathText, Typed};
use super::links::{self, account_path, revision_path, strategy_path};
use super::lists::Lists;
use super::see_other;
use super::texts::Texts;
use super::view::Member;
use crate::domain::book::Mark;
use crate::domain::changes::Changes;
use crate::domain::revision::{Revision, RevisionKind, Subject, Topic};
use crate::domain::settings::Setting;
use crate::domain::state::State as StrategyState;
use crate::ledger::read_setting;
use crate::store::history::{ListAsOf, RevisionInfo};

/// Where a revision is undone.
pub(super) struct Undo {
    pub(super) link: String,
    /// What that does.
    pub(super) lead: String,
    /// Whether what the revision made is deleted, because there was nothing before it.
    pub(super) is_removal: bool,
}

impl RevisionInfo {
    /// Whether it can be taken back: not what was decided about a push, or reported, nor what only programs and secrets know,
    /// nor that a day is over.
    pub(super) const fn has_way_back(&self) -> bool {
        !matches!(
            (&self.subject, self.kind),
            (_, RevisionKind::Sequence | RevisionKind::Expire)
                | (Subject::Document(Topic::Hold(_) | Topic::Locks(_)), _)
                | (Subject::Document(Topic::Channel(_)), RevisionKind::Withdraw)
        )
    }
}

impl Undo {
    /// The way back to before a revision; None where there is none.
    pub(super) fn of(info: &RevisionInfo, lists: &Lists, changes: Option<&Changes>, t: &Texts) -> Option<Self> {
        if !info.has_way_back() {
            return None;
        }
        match (&info.subject, changes) {
            (Subject::Strategy(name), _) => Self::of_list(&strategy_path(name.as_str()), lists, t),
            (Subject::Document(topic), Some(Changes::Document(change))) => {
                Self::of_document(topic, info.id.before(), change.before.as_deref(), t)
            }
            _ => None,
        }
    }

    fn of_list(path: &str, lists: &Lists, t: &Texts) -> Option<Self> {
        match &lists.before {
            Some(ListAsOf { mark, list: Some(_) }) => Some(Self {
                link: format!("{path}/restore?to={}", mark.revision),
                lead: t.undo_lead(mark.revision),
                is_removal: false,
            }),
            _ if lists.list_after().is_some() => Some(Self::removal(format!("{path}/delete"), t.undo_first)),
            _ => None,
        }
    }

    fn removal(link: String, lead: &str) -> Self {
        Self { link, lead: lead.to_owned(), is_removal: true }
    }

    /// To the page that settles it, filled in as it was.
    fn of_document(topic: &Topic, then: Revision, before: Option<&str>, t: &Texts) -> Option<Self> {
        let settled = |link| Some(Self { link, lead: t.undo_settled.to_owned(), is_removal: false });
        // What is not understood is gone back to by nobody.
        let was = before.map(|body| read_setting(topic, Some(body), Mark::START)).transpose().ok()?;
        match topic {
            Topic::State(name) => {
                let path = strategy_path(name.as_str());
                let state = if let Some(Setting::State(standing)) = was { standing.state } else { StrategyState::Live };
                match state {
                    StrategyState::Closed => Some(Self::removal(format!("{path}/delete"), t.undo_settled)),
                    state => settled(format!("{path}/state?to={}", state.as_str())),
                }
            }
            Topic::Schedule(name) => settled(format!("{}/settings?as_of={then}", strategy_path(name.as_str()))),
            Topic::Account(name) => {
                let path = account_path(name.as_str());
                if matches!(was, Some(Setting::Account(_))) {
                    settled(format!("{path}/settings?as_of={then}"))
                } else {
                    Some(Self::removal(format!("{path}/delete"), t.undo_created))
                }
            }
            Topic::Pause(Some(name)) => settled(account_path(name.as_str()) + "#pause"),
            Topic::Pause(None) => settled("/accounts#pause".to_owned()),
            Topic::Guards => settled(format!("/guards?as_of={then}")),
            Topic::Calendar => settled(format!("/calendar?as_of={then}#back")),
            Topic::Channel(name) if before.is_none() => {
                let query = links::query([("name", name.as_str())]);
                Some(Self::removal(format!("/channels/delete?{query}"), t.undo_created))
            }
            Topic::Channel(name) => {
                let query = links::query([("edit", name.as_str()), ("as_of", &then.to_string())]);
                settled(format!("/channels?{query}#form"))
            }
            Topic::Hold(_) | Topic::Locks(_) | Topic::Checkpoint => None,
        }
    }
}

/// As of which revision a page is to be filled in, to be looked at and saved.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AsOf {
    as_of: Typed,
}

impl AsOf {
    pub(super) fn revision(&self) -> Option<Revision> {
        self.as_of.parse().ok()
    }
}

/// `GET /revisions/{id}/undo`: on to where it is undone.
pub(super) async fn ask(
    State(state): State<AppState>,
    Member(v): Member,
    PathText(id): PathText,
) -> Result<Response, AppError> {
    let id: Revision = id.parse().map_err(|_| AppError::NotFound)?;
    let info = state.store.revision(id).await?.ok_or(AppError::UnknownRevision(id))?;
    let changes = state.store.changes(std::slice::from_ref(&info), usize::MAX).await?.remove(&id);
    let undo = Undo::of(&info, &Lists::of(&state.store, &info).await?, changes.as_ref(), v.t);
    Ok(see_other(&undo.map_or_else(|| revision_path(id), |undo| undo.link)))
}
