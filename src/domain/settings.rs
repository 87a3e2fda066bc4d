//! What the operator has settled around the lists: states, guards, schedules, accounts, pauses, the calendar, channels; and the pushes
//! that wait.
//!
//! The maps are persistent, as the book's are: a clone costs nothing and shares what did not change.

use std::sync::Arc;

use imbl::OrdMap;

use super::account::{Account, AccountName};
use super::book::Mark;
use super::calendar::Calendar;
use super::channel::{Channel, ChannelName};
use super::checkpoint::Checkpoint;
use super::code::Code;
use super::guard::Guards;
use super::hold::Hold;
use super::lock::Lock;
use super::moment::Moment;
use super::revision::{Revision, Topic};
use super::schedule::Schedule;
use super::state::{Pause, Standing, State};
use super::strategy::StrategyName;

/// An account as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What it is called.
    pub name: AccountName,
    /// As the operator wants it.
    pub account: Account,
    /// Instruments that strategies wanted which the account does not name any more: they stay in its target, as zero.
    pub former: Vec<Former>,
    /// The revision that made it so.
    pub mark: Mark,
}

/// An instrument that an account once followed a strategy in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// As it was spelled.
    pub code: Code,
    /// What it is called, where that was said.
    pub name: Option<String>,
}

/// Something that is settled, as it stands now.
#[derive(Debug, Clone)]
pub enum Setting {
    /// How a strategy stands with the operator.
    State(Standing),
    /// The push that waits; None when none does.
    Hold(Option<Hold>),
    /// The sequence that the last push took which was dropped before there was a strategy to keep it. None waits.
    Taken(i64),
    /// By when pushes are expected; None when that is not said.
    Schedule(Option<Schedule>),
    /// A trading account.
    Account(Settled),
    /// No account of that name any more, and what its strategies had wanted.
    NoAccount(Vec<Former>),
    /// Whether polls are answered.
    Pause(Pause),
    /// What is looked at before a push counts.
    Guards(Guards),
    /// What of an account is not traded, because its holding changed by other than trades.
    Locks(Vec<Lock>),
    /// On which days the exchanges trade.
    Calendar(Calendar),
    /// Over which way somebody is told of incidents; None when that is over.
    Channel(Option<Channel>),
    /// Up to where the history was folded.
    Checkpoint(Checkpoint),
}

/// All that is settled.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    standings: OrdMap<StrategyName, Arc<(Standing, Mark)>>,
    holds: OrdMap<StrategyName, Arc<Hold>>,
    taken: OrdMap<StrategyName, i64>,
    schedules: OrdMap<StrategyName, Arc<Schedule>>,
    accounts: OrdMap<AccountName, Arc<Settled>>,
    /// What accounts that are gone would list as zero, should they come back: their terminals may still hold it.
    gone: OrdMap<AccountName, Arc<Vec<Former>>>,
    pauses: OrdMap<Option<AccountName>, Arc<(Pause, Mark)>>,
    guards: Option<Arc<Guards>>,
    locks: OrdMap<AccountName, Arc<(Vec<Lock>, Mark)>>,
    calendar: Arc<Calendar>,
    channels: OrdMap<ChannelName, Arc<Channel>>,
    checkpoint: Option<Arc<Checkpoint>>,
    marks: OrdMap<Topic, Mark>,
    newest: Option<Mark>,
}

impl Settings {
    /// Settings of a store in which nothing was settled yet, with what guards it from the start.
    pub fn guarded_by(guards: Guards) -> Self {
        Self { guards: Some(Arc::new(guards)), ..Self::default() }
    }

    /// Settles something. The mark is that of the revision that says so.
    pub fn settle(&mut self, topic: Topic, setting: Setting, mark: Mark) {
        let is_there = !matches!(
            setting,
            Setting::Hold(None) | Setting::Schedule(None) | Setting::NoAccount(_) | Setting::Channel(None)
        );
        if !self.take(&topic, setting, mark) {
            return;
        }
        self.newest = Some(self.newest.map_or(mark, |newest| newest.newest(mark)));
        if is_there {
            self.marks.insert(topic, mark);
        } else {
            self.marks.remove(&topic);
        }
    }

    /// Puts a setting in its place; false where it is none of that topic's.
    fn take(&mut self, topic: &Topic, setting: Setting, mark: Mark) -> bool {
        match (topic, setting) {
            (Topic::State(name), Setting::State(standing)) => {
                self.standings.insert(name.clone(), Arc::new((standing, mark)));
            }
            (Topic::Hold(name), setting) => {
                self.holds.remove(name);
                self.taken.remove(name);
                match setting {
                    Setting::Hold(Some(hold)) => drop(self.holds.insert(name.clone(), Arc::new(hold))),
                    Setting::Taken(sequence) => drop(self.taken.insert(name.clone(), sequence)),
                    _ => {}
                }
            }
            (Topic::Schedule(name), Setting::Schedule(Some(schedule))) => {
                self.schedules.insert(name.clone(), Arc::new(schedule));
            }
            (Topic::Schedule(name), _) => drop(self.schedules.remove(name)),
            (Topic::Account(name), Setting::Account(settled)) => {
                self.accounts.insert(name.clone(), Arc::new(settled));
            }
            (Topic::Account(name), Setting::NoAccount(former)) => {
                self.accounts.remove(name);
                self.gone.insert(name.clone(), Arc::new(former));
            }
            (Topic::Pause(account), Setting::Pause(pause)) => {
                self.pauses.insert(account.clone(), Arc::new((pause, mark)));
            }
            (Topic::Guards, Setting::Guards(guards)) => self.guards = Some(Arc::new(guards)),
            (Topic::Locks(account), Setting::Locks(locks)) => {
                self.locks.insert(account.clone(), Arc::new((locks, mark)));
            }
            (Topic::Calendar, Setting::Calendar(calendar)) => self.calendar = Arc::new(calendar),
            (Topic::Channel(name), Setting::Channel(Some(channel))) => {
                self.channels.insert(name.clone(), Arc::new(channel));
            }
            (Topic::Channel(name), _) => drop(self.channels.remove(name)),
            (Topic::Checkpoint, Setting::Checkpoint(checkpoint)) => self.checkpoint = Some(Arc::new(checkpoint)),
            // A reader of documents gives each topic a setting of its own.
            (
                Topic::State(_)
                | Topic::Account(_)
                | Topic::Pause(_)
                | Topic::Guards
                | Topic::Locks(_)
                | Topic::Calendar
                | Topic::Checkpoint,
                _,
            ) => return false,
        }
        true
    }

    /// The newest revision about anything settled.
    pub const fn newest(&self) -> Option<Mark> {
        self.newest
    }

    /// Up to where the history was folded; None where it is there from the first revision on.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_deref()
    }

    /// The newest revision of a topic; [`Revision::NONE`] for one of which nothing is settled.
    pub fn revision(&self, topic: &Topic) -> Revision {
        self.marks.get(topic).map_or(Revision::NONE, |mark| mark.revision)
    }

    /// When a topic was settled as it stands; None for one of which nothing is settled.
    pub fn settled_at(&self, topic: &Topic) -> Option<Moment> {
        self.marks.get(topic).map(|mark| mark.updated_at)
    }

    /// What the operator lets a strategy do.
    pub fn state(&self, name: &StrategyName) -> State {
        self.standings.get(name).map_or(State::Live, |standing| standing.0.state)
    }

    /// Whether a strategy's program is expected to push.
    pub fn expects(&self, name: &StrategyName) -> bool {
        self.state(name).is_expected()
    }

    /// How a strategy stands with the operator, and since which revision; None where the operator never said.
    pub fn standing(&self, name: &StrategyName) -> Option<(&Standing, Mark)> {
        self.standings.get(name).map(|standing| (&standing.0, standing.1))
    }

    /// The names of strategies that are closed.
    pub fn closed(&self) -> impl Iterator<Item = &StrategyName> {
        self.standings.iter().filter(|(_, standing)| standing.0.state == State::Closed).map(|(name, _)| name)
    }

    /// The push of a strategy that waits.
    pub fn hold(&self, name: &StrategyName) -> Option<&Arc<Hold>> {
        self.holds.get(name)
    }

    /// The last sequence that was taken under a name, by a push that waits or was dropped: where there is no strategy that
    /// keeps it.
    pub fn sequence_taken(&self, name: &StrategyName) -> Option<i64> {
        self.holds.get(name).map_or_else(|| self.taken.get(name).copied(), |hold| hold.sequence)
    }

    /// Every push that waits, by strategy.
    pub fn holds(&self) -> impl ExactSizeIterator<Item = (&StrategyName, &Arc<Hold>)> {
        self.holds.iter()
    }

    /// By when a strategy's pushes are expected.
    pub fn schedule(&self, name: &StrategyName) -> Option<&Arc<Schedule>> {
        self.schedules.get(name)
    }

    /// The same, while its program is expected to push.
    pub fn expected_by(&self, name: &StrategyName) -> Option<&Arc<Schedule>> {
        self.schedule(name).filter(|_| self.expects(name))
    }

    /// Every schedule, by strategy.
    pub fn schedules(&self) -> impl ExactSizeIterator<Item = (&StrategyName, &Arc<Schedule>)> {
        self.schedules.iter()
    }

    /// The accounts that follow a strategy, by name: without it their targets are not known.
    pub fn accounts_of(&self, strategy: &StrategyName) -> impl Iterator<Item = &AccountName> {
        let follows = |settled: &Settled| settled.account.strategies.iter().any(|share| share.name == *strategy);
        self.accounts.iter().filter(move |(_, settled)| follows(settled)).map(|(name, _)| name)
    }

    /// The account of that name.
    pub fn account(&self, name: &AccountName) -> Option<&Arc<Settled>> {
        self.accounts.get(name)
    }

    /// What an account followed once and does not follow any more; also of one that is gone.
    pub fn former(&self, name: &AccountName) -> &[Former] {
        let here = self.accounts.get(name).map(|settled| &settled.former);
        here.or_else(|| self.gone.get(name).map(|former| &**former)).map_or(&[], Vec::as_slice)
    }

    /// Every account, by name.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = (&AccountName, &Arc<Settled>)> {
        self.accounts.iter()
    }

    /// The pause that keeps an account's polls, or with None those of everything, from being answered, and since when.
    pub fn paused(&self, account: Option<&AccountName>) -> Option<(&Pause, Mark)> {
        self.paused_itself(None).or_else(|| account.and_then(|account| self.paused_itself(Some(account))))
    }

    /// The pause of an account itself, or with None of everything.
    pub fn paused_itself(&self, account: Option<&AccountName>) -> Option<(&Pause, Mark)> {
        self.pauses.get(&account.cloned()).filter(|pause| pause.0.paused).map(|pause| (&pause.0, pause.1))
    }

    /// What of an account changed by other than trades, as long as nobody released it, and the newest revision about that.
    pub fn locks(&self, account: &AccountName) -> Option<(&[Lock], Mark)> {
        self.locks.get(account).map(|locks| (&locks.0[..], locks.1))
    }

    /// On which days the exchanges trade, as far as that is known.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Every channel, by name.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = (&ChannelName, &Arc<Channel>)> + Clone {
        self.channels.iter()
    }

    /// The channel of that name.
    pub fn channel(&self, name: &ChannelName) -> Option<&Arc<Channel>> {
        self.channels.get(name)
    }

    /// What is looked at before a push counts.
    pub const fn guards(&self) -> Option<&Arc<Guards>> {
        self.guards.as_ref()
    }
}
