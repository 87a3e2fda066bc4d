//! An incident as pages show it, with what may be done about it at once.

use super::super::incident_text::{kind_texts, severity_texts};
use super::links::strategy_path;
use super::texts::Texts;
use crate::alert::{Said, said};
use crate::clock::Zone;
use crate::domain::book::Book;
use crate::domain::channel::Language;
use crate::domain::incident::{Incident, Severity};
use crate::domain::moment::Moment;
use crate::domain::state::State as StrategyState;
use crate::domain::strategy::StrategyName;

/// An incident as it is shown.
pub(super) struct Shown {
    pub(super) id: i64,
    pub(super) kind: &'static str,
    pub(super) severity: &'static str,
    pub(super) is_alarm: bool,
    pub(super) what: String,
    pub(super) more: String,
    pub(super) meanwhile: &'static str,
    pub(super) place: String,
    pub(super) began_at: Moment,
    pub(super) ended_at: Option<Moment>,
    pub(super) acknowledged_at: Option<Moment>,
    /// What may be done about it at once.
    pub(super) acts: Option<Acts>,
}

/// What may be done with the strategy that an incident is about.
pub(super) struct Acts {
    pub(super) path: String,
    /// Whether it can be frozen.
    pub(super) is_live: bool,
}

impl Acts {
    /// None where there is no list to undo anything of.
    fn with(strategy: &StrategyName, book: &Book) -> Option<Self> {
        book.strategy(strategy)?;
        let is_live = book.settings().state(strategy) == StrategyState::Live;
        Some(Self { path: strategy_path(strategy.as_str()), is_live })
    }
}

impl Shown {
    pub(super) fn new(incident: &Incident, book: &Book, zone: &Zone, t: &Texts) -> Self {
        let kind = incident.concern.kind();
        let pick = |(zh, en)| t.pick(zh, en);
        let language = t.pick(Language::Zh, Language::En);
        let Said { what, more, meanwhile, path } = said(&incident.concern, language, zone);
        Self {
            id: incident.id.get(),
            kind: pick(kind_texts(kind)),
            severity: pick(severity_texts(kind.severity())),
            is_alarm: kind.severity() == Severity::Alarm,
            what,
            more,
            meanwhile,
            place: path,
            began_at: incident.began_at,
            ended_at: incident.ended_at,
            acknowledged_at: incident.acknowledged.as_ref().map(|seen| seen.at),
            acts: incident.concern.strategy().and_then(|strategy| Acts::with(strategy, book)),
        }
    }
}
