//! Differences as people read them: bought, sold, new, gone; and what they do to the total.

use std::collections::{HashMap, HashSet};

use super::links::{account_path, strategy_path};
use super::settled::SettledLine;
use super::texts::Texts;
use super::view::View;
use crate::domain::book::{Book, sums};
use crate::domain::calendar::Day;
use crate::domain::changes::Changes;
use crate::domain::code::{Code, Instrument};
use crate::domain::decimal::Volume;
use crate::domain::position::{InstrumentChange, Placed};
use crate::domain::revision::{Actor, Revision, RevisionKind, Subject, Topic};
use crate::domain::strategy::StrategyName;
use crate::store::history::RevisionInfo;

/// What happened to an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    New,
    Gone,
    Bought,
    Sold,
    /// The volume is the same, the average cost is another.
    Cost,
    /// Only the last day on which it counts is another.
    Until,
    /// Name, order, notation or remark.
    Text,
}

/// One instrument's difference.
pub(super) struct ChangeLine {
    pub(super) code: Code,
    pub(super) name: String,
    verb: Verb,
    pub(super) before: Volume,
    pub(super) after: Volume,
    pub(super) delta: Volume,
    pub(super) cost_before: Option<f64>,
    pub(super) cost_after: Option<f64>,
    /// The last days on which its lines counted, and count.
    until: [Vec<Option<Day>>; 2],
}

fn is_negative(volume: Volume) -> bool {
    volume < Volume::default()
}

/// What is wanted of an instrument: shares, and what they cost on average.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) volume: Volume,
    pub(super) cost: Option<f64>,
}

impl ChangeLine {
    fn new(change: &InstrumentChange) -> Option<Self> {
        let entry = change.after.first().or(change.before.first())?;
        let side = |placed: &[Placed]| {
            let (volume, paid) = sums(placed);
            (!placed.is_empty()).then(|| Wanted { volume, cost: paid.per(volume) })
        };
        let name = entry.position.name().unwrap_or_default().to_owned();
        let line = Self::between((entry.position.code().clone(), name), side(&change.before), side(&change.after));
        Some(line.with_last_days([&change.before, &change.after].map(|side| last_days(side))))
    }

    fn with_last_days(self, until: [Vec<Option<Day>>; 2]) -> Self {
        let verb = if self.verb == Verb::Text && until[0] != until[1] { Verb::Until } else { self.verb };
        Self { verb, until, ..self }
    }

    /// What leads from the one to the other; None where the instrument is not listed.
    pub(super) fn between((code, name): (Code, String), before: Option<Wanted>, after: Option<Wanted>) -> Self {
        let (is_new, is_gone) = (before.is_none(), after.is_none());
        let Wanted { volume: before, cost: cost_before } = before.unwrap_or_default();
        let Wanted { volume: after, cost: cost_after } = after.unwrap_or_default();
        let delta = after - before;
        let verb = match (is_new, is_gone) {
            (true, _) => Verb::New,
            (_, true) => Verb::Gone,
            _ if delta.is_zero() && cost_before != cost_after => Verb::Cost,
            _ if delta.is_zero() => Verb::Text,
            _ if is_negative(delta) => Verb::Sold,
            _ => Verb::Bought,
        };
        Self { code, name, verb, before, after, delta, cost_before, cost_after, until: <[Vec<_>; 2]>::default() }
    }

    /// What is bought at the average cost that it then has, or sold at the one that it had: CNY, below zero where it is sold.
    pub(super) fn value(&self) -> f64 {
        let cost = if is_negative(self.delta) { self.cost_before } else { self.cost_after };
        self.delta.approximate() * cost.unwrap_or_default()
    }

    /// The same with its sign, as a column shows it.
    pub(super) fn value_text(&self, v: &View) -> String {
        signed_cash(self.value(), v)
    }

    /// The average cost that it has, or had.
    pub(super) fn cost(&self) -> Option<f64> {
        self.cost_after.or(self.cost_before)
    }

    /// Whether the average cost is another one on either side.
    pub(super) fn moves_cost(&self) -> bool {
        self.cost_before.is_some() && self.cost_after.is_some() && self.cost_before != self.cost_after
    }

    /// The differences, those of volume first.
    pub(super) fn all(changes: &[InstrumentChange]) -> Vec<Self> {
        let mut lines: Vec<Self> = changes.iter().filter_map(Self::new).collect();
        lines.sort_by_key(|line| !line.is_of_volume());
        lines
    }

    /// How many lines do what, in words.
    pub(super) fn counts(lines: &[Self], t: &Texts) -> Vec<(&'static str, usize)> {
        let verbs = [Verb::New, Verb::Bought, Verb::Sold, Verb::Gone, Verb::Cost, Verb::Until, Verb::Text];
        let count = |verb| {
            let mut found = lines.iter().filter(|line| line.verb == verb).peekable();
            Some((found.peek()?.word(t), found.count()))
        };
        verbs.into_iter().filter_map(count).collect()
    }

    pub(super) const fn word(&self, t: &Texts) -> &'static str {
        match self.verb {
            Verb::New => t.new,
            Verb::Gone => t.gone,
            Verb::Bought => t.bought,
            Verb::Sold => t.sold,
            Verb::Cost => t.cost_changed,
            Verb::Until => t.until_changed,
            Verb::Text => t.text_changed,
        }
    }

    /// In China red is up and buying, green is down and selling.
    pub(super) fn class(&self) -> &'static str {
        match self.verb {
            Verb::Cost | Verb::Until | Verb::Text => "quiet",
            _ if is_negative(self.delta) => "sell",
            _ => "buy",
        }
    }

    pub(super) const fn is_of_volume(&self) -> bool {
        !matches!(self.verb, Verb::Cost | Verb::Until | Verb::Text)
    }

    pub(super) fn sign(&self) -> &'static str {
        if is_negative(self.delta) { "" } else { "+" }
    }

    /// The last day on which it counts, or counted; and from which to which, where that is another.
    pub(super) fn last_day(&self, t: &Texts) -> Option<String> {
        let [before, after] = self.until.each_ref().map(|days| days_text(days, t));
        let none = || t.no_last_day.to_owned();
        match (before, after, self.verb) {
            (None, None, _) => None,
            (before, _, Verb::Gone) => before,
            (_, after, Verb::New) => after,
            (before, after, _) if before == after => after,
            (before, after, _) => Some(format!("{} → {}", before.unwrap_or_else(none), after.unwrap_or_else(none))),
        }
    }

    pub(super) const fn is_of_cost(&self) -> bool {
        matches!(self.verb, Verb::Cost)
    }
}

/// The last days of what stands there, each once and None behind them where a line has none; empty where none has one.
pub(super) fn last_days(placed: &[Placed]) -> Vec<Option<Day>> {
    let mut days: Vec<Option<Day>> = placed.iter().map(|entry| entry.position.until()).collect();
    days.sort_by_key(|day| (day.is_none(), *day));
    days.dedup();
    if days == [None] {
        days.clear();
    }
    days
}

/// Last days in words; None where there is none.
pub(super) fn days_text(days: &[Option<Day>], t: &Texts) -> Option<String> {
    let text = |day: &Option<Day>| day.map_or_else(|| t.no_last_day.to_owned(), |day| day.to_string());
    (!days.is_empty()).then(|| days.iter().map(text).collect::<Vec<_>>().join(t.comma))
}

/// Money that is an estimate, with its sign.
pub(super) fn signed_cash(cash: f64, v: &View) -> String {
    format!("{}{}", if cash > 0.0 { "+" } else { "" }, v.cash(&cash))
}

/// What lines come to: how many are bought and sold, and for how much at their costs, in CNY.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) buys: usize,
    pub(super) bought: f64,
    pub(super) sells: usize,
    pub(super) sold: f64,
}

impl Flow {
    pub(super) fn of(lines: &[ChangeLine]) -> Self {
        let mut flow = Self::default();
        for line in lines.iter().filter(|line| !line.delta.is_zero()) {
            if is_negative(line.delta) {
                (flow.sells, flow.sold) = (flow.sells + 1, flow.sold - line.value());
            } else {
                (flow.buys, flow.bought) = (flow.buys + 1, flow.bought + line.value());
            }
        }
        flow
    }

    /// What is bought less what is sold.
    pub(super) const fn sum(&self) -> f64 {
        self.bought - self.sold
    }

    pub(super) fn net(&self, v: &View) -> String {
        signed_cash(self.sum(), v)
    }
}

/// What a change does to one line of the merged total.
pub(super) struct TotalChange {
    pub(super) code: Code,
    pub(super) name: String,
    pub(super) before: Volume,
    pub(super) after: Volume,
    delta: Volume,
    /// How much more or less that is: the word beside it says which.
    pub(super) size: Volume,
}

impl TotalChange {
    /// The lines that differ between two books, of the instruments that changed.
    pub(super) fn all(before: &Book, after: &Book, changes: &[InstrumentChange]) -> Vec<Self> {
        let (books, names) = ((before, after), known_names(before, changes));
        let line = |change: &InstrumentChange| {
            let entry = change.after.first().or(change.before.first())?;
            let (before, after) = (books.0.sum(&change.instrument).0, books.1.sum(&change.instrument).0);
            let code = entry.position.code().clone();
            let name = name_of(change).or(names.get(&change.instrument).map(String::as_str)).unwrap_or_default();
            let name = name.to_owned();
            let (delta, size) = (after - before, before.distance(after));
            (before != after).then_some(Self { code, name, before, after, delta, size })
        };
        changes.iter().filter_map(line).collect()
    }

    pub(super) fn class(&self) -> &'static str {
        if is_negative(self.delta) { "sell" } else { "buy" }
    }

    /// What terminals will do about it, as far as it is them who trade on the total.
    pub(super) fn word(&self, t: &Texts) -> &'static str {
        if is_negative(self.delta) { t.to_sell } else { t.to_buy }
    }

    pub(super) fn falls_below_zero(&self) -> bool {
        is_negative(self.after)
    }
}

/// The names that strategies give to the instruments of those changes that bring none; each list is walked once.
fn known_names(book: &Book, changes: &[InstrumentChange]) -> HashMap<Instrument, String> {
    let unnamed = |change: &&InstrumentChange| name_of(change).is_none();
    let wanted: HashSet<&Instrument> = changes.iter().filter(unnamed).map(|change| &change.instrument).collect();
    let mut names = HashMap::new();
    if wanted.is_empty() {
        return names;
    }
    for position in book.strategies().flat_map(|strategy| strategy.list.iter()) {
        let instrument = position.code().instrument();
        if let Some(name) = position.name().filter(|_| wanted.contains(&instrument)) {
            names.entry(instrument).or_insert_with(|| name.to_owned());
        }
    }
    names
}

/// The name that a change itself brings.
fn name_of(change: &InstrumentChange) -> Option<&str> {
    change.after.first().or(change.before.first())?.position.name()
}

/// How much of a revision's changes a timeline shows.
pub(super) const SHOWN: usize = 12;

/// A revision with what it changed.
pub(super) struct Entry {
    pub(super) revision: RevisionInfo,
    pub(super) lines: Vec<ChangeLine>,
    /// What was settled, member by member.
    pub(super) settled: Vec<SettledLine>,
}

impl Entry {
    pub(super) const fn kind(&self, t: &Texts) -> &'static str {
        t.of_kind(&self.revision.kind)
    }

    pub(super) fn actor_kind(&self, t: &Texts) -> &'static str {
        match self.revision.actor {
            Actor::Client(_) => t.client,
            Actor::Key(_) => t.api_key,
            Actor::Operator => t.operator,
            Actor::Import(_) => t.import,
            Actor::Server => t.server,
        }
    }

    /// Who, beside what kind of actor it is.
    pub(super) fn actor(&self) -> &str {
        match &self.revision.actor {
            Actor::Operator | Actor::Server => "",
            Actor::Client(name) | Actor::Key(name) | Actor::Import(name) => name,
        }
    }

    /// Whether a strategy's list can go back to it.
    pub(super) fn is_restorable(&self) -> bool {
        matches!(self.revision.subject, Subject::Strategy(_)) && self.revision.kind != RevisionKind::Remove
    }

    /// The strategy that it is about.
    pub(super) const fn strategy(&self) -> Option<&StrategyName> {
        self.revision.subject.strategy()
    }

    /// What it is about, where that is no list.
    pub(super) const fn subject(&self, t: &Texts) -> Option<&'static str> {
        match &self.revision.subject {
            Subject::Strategy(_) => None,
            Subject::Document(topic) => Some(match topic {
                Topic::State(_) => t.topic_state,
                Topic::Hold(_) => t.topic_hold,
                Topic::Schedule(_) => t.topic_schedule,
                Topic::Account(_) => t.topic_account,
                Topic::Pause(_) => t.topic_pause,
                Topic::Guards => t.topic_guards,
                Topic::Locks(_) => t.topic_locks,
                Topic::Calendar => t.topic_calendar,
                Topic::Channel(_) => t.topic_channel,
                Topic::Checkpoint => t.topic_checkpoint,
            }),
        }
    }

    /// The page of what it is about, where that is no list.
    pub(super) fn link(&self) -> Option<String> {
        let Subject::Document(topic) = &self.revision.subject else { return None };
        Some(match topic {
            Topic::State(strategy) | Topic::Schedule(strategy) => strategy_path(strategy.as_str()),
            Topic::Hold(_) => "/holds".to_owned(),
            Topic::Account(account) | Topic::Pause(Some(account)) | Topic::Locks(account) => {
                account_path(account.as_str())
            }
            Topic::Pause(None) => "/accounts".to_owned(),
            Topic::Guards => "/guards".to_owned(),
            Topic::Calendar => "/calendar".to_owned(),
            Topic::Channel(_) => "/channels".to_owned(),
            Topic::Checkpoint => "/history".to_owned(),
        })
    }

    /// The revision that its note names: what a restore went back to, or the push whose waiting ended.
    pub(super) fn noted(&self) -> Option<Revision> {
        self.revision.restored().or_else(|| self.revision.ended_hold())
    }

    /// How many changes are not shown.
    pub(super) fn hidden(&self) -> usize {
        match self.revision.subject {
            Subject::Strategy(_) => {
                usize::try_from(self.revision.changes).unwrap_or(0).saturating_sub(self.lines.len())
            }
            Subject::Document(_) => 0,
        }
    }
}

/// Revisions with what they changed, as far as a timeline shows it.
pub(super) async fn entries(
    store: &crate::store::Store,
    revisions: Vec<RevisionInfo>,
    v: &View,
) -> Result<Vec<Entry>, crate::store::Unavailable> {
    let mut changes = store.changes(&revisions, SHOWN).await?;
    let entry = |revision: RevisionInfo| {
        let changes = changes.remove(&revision.id);
        whole_entry(revision, changes.as_ref(), v)
    };
    Ok(revisions.into_iter().map(entry).collect())
}

/// A revision with all of what it changed that is known.
pub(super) fn whole_entry(revision: RevisionInfo, changes: Option<&Changes>, v: &View) -> Entry {
    let settled = match (&revision.subject, changes) {
        (Subject::Document(topic), Some(Changes::Document(change))) => SettledLine::all(topic, change, v),
        _ => Vec::new(),
    };
    Entry { settled, ..list_entry(revision, changes.map(Changes::in_list).unwrap_or_default()) }
}

/// A revision of a list.
pub(super) fn list_entry(revision: RevisionInfo, changes: &[InstrumentChange]) -> Entry {
    Entry { revision, lines: ChangeLine::all(changes), settled: Vec::new() }
}
