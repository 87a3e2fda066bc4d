//! What stands, and what a look at everything makes of it: each beginning, each change that matters and each end is told
//! once, and what stands unseen is told again after a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::calendar::Calendar;
use super::super::moment::Moment;
use super::{Concern, Key};

/// After how long what stands, and nobody has acknowledged, is told of again.
const AGAIN_AFTER: Duration = Duration::from_hours(4);

/// How long a change waits after the last word: what grows with every look is not told with every look.
const CHANGES_EVERY: Duration = Duration::from_mins(10);

/// An incident's number; grows from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(i64);

impl IncidentId {
    /// The incident of that number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// That the operator has seen an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// When.
    pub at: Moment,
    /// From where: an IP address.
    pub by: String,
}

/// An incident, whether it stands or is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// What was found; as it is now, or was in the end.
    pub concern: Concern,
    /// What was told last of it.
    pub told: Concern,
    /// When it was first found.
    pub began_at: Moment,
    /// When it last became more, or something else.
    pub changed_at: Moment,
    /// When it was told of last.
    pub told_at: Moment,
    /// When it was over; None while it stands.
    pub ended_at: Option<Moment>,
    /// Who has seen it as it was told last.
    pub acknowledged: Option<Acknowledged>,
}

/// What becomes of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Change {
    /// It was not there before.
    Begun,
    /// It is more than was told, or something else.
    Changed,
    /// It is as it was told, a good while ago, and nobody has acknowledged it.
    Again,
    /// It is over.
    Ended,
}

/// What is to be told of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which one.
    pub id: IncidentId,
    /// What has become of it.
    pub change: Change,
    /// What was found; at an end, the last that was.
    #[serde(flatten)]
    pub concern: Concern,
    /// When it began.
    pub began_at: Moment,
    /// When this was found.
    pub at: Moment,
}

/// What was found by a look at everything.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// What should be told of; each key once.
    pub concerns: BTreeMap<Key, Concern>,
    /// Of what nothing can be said now: if it stands, it stays.
    pub unseen: BTreeSet<Key>,
}

impl Found {
    /// Notes something that should be told of.
    pub fn add(&mut self, concern: Concern) {
        self.concerns.insert(concern.key(), concern);
    }
}

/// What stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    incidents: BTreeMap<Key, Incident>,
    /// The newest number that was given.
    newest: IncidentId,
}

impl Standing {
    /// What stands, and the newest number that was ever given.
    pub fn new(incidents: impl IntoIterator<Item = Incident>, newest: IncidentId) -> Self {
        Self { incidents: incidents.into_iter().map(|one| (one.concern.key(), one)).collect(), newest }
    }

    /// The incidents that stand, by kind and subject.
    pub fn incidents(&self) -> impl ExactSizeIterator<Item = &Incident> {
        self.incidents.values()
    }

    /// The incident of that key, if it stands.
    pub fn get(&self, key: &Key) -> Option<&Incident> {
        self.incidents.get(key)
    }

    /// What is to be told after a look.
    pub fn steps(&self, found: &Found, calendar: &Calendar, now: Moment) -> Vec<Step> {
        let mut newest = self.newest;
        let begun = found.concerns.iter().filter(|(key, _)| !self.incidents.contains_key(key));
        let begun = begun.filter(|(key, _)| key.kind.begins().count(calendar, now)).map(|(_, concern)| {
            newest = newest.next();
            Step { id: newest, change: Change::Begun, concern: concern.clone(), began_at: now, at: now }
        });
        let stood = self.incidents.iter().filter_map(|(key, incident)| {
            let concern = found.concerns.get(key);
            let change = match concern {
                Some(concern) => incident.change_to(concern, calendar, now)?,
                None if found.unseen.contains(key) => return None,
                None => Change::Ended,
            };
            let concern = concern.unwrap_or(&incident.concern).clone();
            Some(Step { id: incident.id, change, concern, began_at: incident.began_at, at: now })
        });
        // What is over first: it may be over because of what begins.
        let mut steps: Vec<Step> = stood.collect();
        steps.extend(begun);
        steps
    }

    /// Takes what was told, once it is on the disk, and what was found besides.
    pub fn take(&mut self, steps: &[Step], found: &Found) {
        for step in steps {
            self.take_step(step);
        }
        for (key, concern) in &found.concerns {
            if let Some(incident) = self.incidents.get_mut(key) {
                incident.concern = concern.clone();
            }
        }
    }

    fn take_step(&mut self, step: &Step) {
        let key = step.concern.key();
        let incident = self.incidents.get_mut(&key);
        match (step.change, incident) {
            (Change::Ended, _) => drop(self.incidents.remove(&key)),
            (change, Some(incident)) => {
                incident.told_at = step.at;
                incident.told = step.concern.clone();
                if change == Change::Changed {
                    (incident.changed_at, incident.acknowledged) = (step.at, None);
                }
            }
            (_, None) => {
                self.newest = self.newest.max(step.id);
                self.incidents.insert(key, Incident::begun(step));
            }
        }
    }

    /// Notes that the operator has seen an incident as it stands; false when none of that number does.
    pub fn acknowledge(&mut self, id: IncidentId, by: &Acknowledged) -> bool {
        let incident = self.incidents.values_mut().find(|incident| incident.id == id);
        incident.map(|incident| incident.acknowledged = Some(by.clone())).is_some()
    }
}

impl Incident {
    fn begun(step: &Step) -> Self {
        Self {
            id: step.id,
            concern: step.concern.clone(),
            told: step.concern.clone(),
            began_at: step.at,
            changed_at: step.at,
            told_at: step.at,
            ended_at: None,
            acknowledged: None,
        }
    }

    /// What of one that stands is worth a word, as it is found now.
    fn change_to(&self, concern: &Concern, calendar: &Calendar, now: Moment) -> Option<Change> {
        let quiet = now.since(self.told_at);
        if concern.outgrows(&self.told) && quiet >= CHANGES_EVERY {
            return Some(Change::Changed);
        }
        let is_due = quiet >= AGAIN_AFTER && self.acknowledged.is_none();
        (is_due && concern.kind().reminds().count(calendar, now)).then_some(Change::Again)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::account::AccountName;
    use super::super::super::strategy::StrategyName;
    use super::super::Kind;
    use super::*;

    /// 2026-01-05 10:00 in Shanghai, a Monday.
    const MORNING: Moment = Moment::from_micros(1_767_578_400_000_000);

    fn after(hours: u64, minutes: u64) -> Moment {
        MORNING.plus(Duration::from_hours(hours) + Duration::from_mins(minutes))
    }

    fn locked(count: usize) -> Concern {
        let instruments = (0..count).map(|n| format!("60000{n}.SH")).collect();
        Concern::Locked { account: AccountName::parse("main").unwrap(), instruments, count }
    }

    fn silent() -> Concern {
        Concern::TerminalSilent { account: AccountName::parse("main").unwrap(), since: MORNING }
    }

    fn late(due: Moment) -> Concern {
        Concern::StrategyLate { strategy: StrategyName::parse("alpha").unwrap(), due }
    }

    fn found(concerns: impl IntoIterator<Item = Concern>) -> Found {
        let mut found = Found::default();
        concerns.into_iter().for_each(|one| found.add(one));
        found
    }

    /// Looks, takes what is to be told, and says it.
    fn look(standing: &mut Standing, found: &Found, now: Moment) -> Vec<(&'static str, i64)> {
        let steps = standing.steps(found, &Calendar::default(), now);
        standing.take(&steps, found);
        steps.iter().map(|step| (step.change.into(), step.id.get())).collect()
    }

    #[test]
    fn each_beginning_each_change_that_matters_and_each_end_is_told_once() {
        let mut standing = Standing::default();
        assert_eq!(look(&mut standing, &found([locked(1)]), MORNING), [("begun", 1)]);
        assert_eq!(look(&mut standing, &found([locked(1)]), after(0, 11)), []);
        assert_eq!(look(&mut standing, &found([locked(2)]), after(0, 12)), [("changed", 1)]);
        assert_eq!(look(&mut standing, &found([locked(3)]), after(0, 13)), [], "it changed a minute ago");
        assert_eq!(look(&mut standing, &found([locked(1)]), after(0, 30)), [], "it is less than was told");
        assert_eq!(look(&mut standing, &found([]), after(0, 31)), [("ended", 1)]);
        assert_eq!(look(&mut standing, &found([]), after(0, 32)), []);
        assert_eq!(look(&mut standing, &found([locked(1)]), after(0, 33)), [("begun", 2)]);
    }

    #[test]
    fn what_stands_is_told_again_until_it_is_acknowledged() {
        let mut standing = Standing::default();
        let (id, by) = (IncidentId::new(1), Acknowledged { at: MORNING, by: "192.0.2.7".to_owned() });
        look(&mut standing, &found([locked(1)]), MORNING);
        assert_eq!(look(&mut standing, &found([locked(1)]), after(3, 59)), []);
        assert_eq!(look(&mut standing, &found([locked(1)]), after(4, 0)), [("again", 1)]);
        assert!(standing.acknowledge(id, &by) && !standing.acknowledge(id.next(), &by));
        assert_eq!(look(&mut standing, &found([locked(1)]), after(24, 0)), []);
        assert_eq!(look(&mut standing, &found([locked(2)]), after(24, 1)), [("changed", 1)]);
        assert_eq!(standing.incidents().next().unwrap().acknowledged, None, "another matter was acknowledged");
    }

    #[test]
    fn what_nobody_can_trade_on_begins_in_trading_hours_and_stays() {
        let mut standing = Standing::default();
        assert_eq!(look(&mut standing, &found([silent()]), after(2, 0)), [], "noon");
        assert_eq!(look(&mut standing, &found([silent()]), after(3, 0)), [("begun", 1)]);
        assert_eq!(look(&mut standing, &found([silent()]), after(12, 0)), [], "nobody can do anything about it now");
        assert_eq!(look(&mut standing, &found([silent()]), after(23, 30)), [("again", 1)]);
        assert_eq!(look(&mut standing, &found([]), after(36, 0)), [("ended", 1)], "at night as well");
        assert_eq!(
            look(&mut standing, &found([late(after(9, 0))]), after(9, 0)),
            [("begun", 2)],
            "it is due when it is due"
        );
    }

    #[test]
    fn another_time_due_is_a_change() {
        let mut standing = Standing::default();
        look(&mut standing, &found([late(MORNING)]), MORNING);
        assert_eq!(look(&mut standing, &found([late(after(1, 0))]), after(1, 0)), [("changed", 1)]);
    }

    #[test]
    fn of_what_nothing_is_known_nothing_is_told() {
        let mut standing = Standing::default();
        look(&mut standing, &found([silent(), locked(1)]), MORNING);
        let mut unseen = Found::default();
        unseen.unseen.insert(silent().key());
        assert_eq!(look(&mut standing, &unseen, after(0, 1)), [("ended", 2)]);
        assert_eq!(standing.incidents().map(|one| one.concern.kind()).collect::<Vec<_>>(), [Kind::TerminalSilent]);
    }

    fn concerns() -> impl Strategy<Value = Vec<Concern>> {
        let one = prop_oneof![
            (1..9_usize).prop_map(locked),
            Just(silent()),
            (0..3_u64).prop_map(|hours| late(after(hours, 0))),
            (1..200_u64).prop_map(|count| Concern::RefusedSignatures { address: "192.0.2.1".to_owned(), count }),
        ];
        prop::collection::vec(one, 0..4)
    }

    proptest! {
        #[test]
        fn an_end_follows_a_beginning_and_nothing_is_told_twice(
            looks in prop::collection::vec((concerns(), 1..400_u64, any::<bool>()), 1..60)
        ) {
            let (mut standing, mut now) = (Standing::default(), MORNING);
            // What a reader of the messages knows: what stands, as it was told last, and when.
            let mut told: BTreeMap<Key, (IncidentId, Concern, Moment)> = BTreeMap::new();
            let mut numbers = BTreeSet::new();
            for (concerns, minutes, is_kept) in looks {
                now = now.plus(Duration::from_mins(minutes));
                let found = found(concerns);
                let steps = standing.steps(&found, &Calendar::default(), now);
                // What could not be written is as if nobody had looked.
                if !is_kept {
                    continue;
                }
                standing.take(&steps, &found);
                for step in steps {
                    let key = step.concern.key();
                    let before = told.remove(&key);
                    match (step.change, before) {
                        (Change::Begun, None) => prop_assert!(numbers.insert(step.id), "each has a number of its own"),
                        (Change::Ended, Some((id, ..))) => {
                            prop_assert!(id == step.id && !found.concerns.contains_key(&key));
                            continue;
                        }
                        (Change::Changed, Some((id, before, at))) => {
                            prop_assert!(id == step.id && step.concern.outgrows(&before));
                            prop_assert!(now.since(at) >= CHANGES_EVERY);
                        }
                        (Change::Again, Some((id, _, at))) => {
                            prop_assert!(id == step.id && now.since(at) >= AGAIN_AFTER);
                        }
                        (change, before) => prop_assert!(false, "{change:?} after {before:?}"),
                    }
                    told.insert(key, (step.id, step.concern, now));
                }
                // Whoever begins anew with what was told knows what is to be told next.
                let anew = Standing::new(standing.incidents().cloned(), standing.newest);
                prop_assert_eq!(&anew, &standing);
                prop_assert!(told.keys().eq(standing.incidents.keys()));
                prop_assert!(found.concerns.keys().filter(|key| key.kind.begins() == super::super::Hours::Always)
                    .all(|key| told.contains_key(key)));
            }
        }
    }
}
