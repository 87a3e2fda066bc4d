//! The messenger: takes what is due out of the outbox, and notes what became of it. What it takes stays on the disk until
//! it is delivered, so that a restart loses nothing; what was sent and not yet noted is sent again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::robots::{GIVEN_UP, Outcome};
use super::send::send;
use super::words::{Message, Voice};
use crate::clock::{Clock, Zone};
use crate::desk::daily::Daily;
use crate::desk::{Desk, NotDone};
use crate::domain::channel::{
    Bucket, Channel, ChannelKind, ChannelName, GROUPING, Language, Letter, Secrets, TOLD_WITHIN, parcels, pause,
};
use crate::domain::moment::Moment;
use crate::store::channels::{OutboxEntry, OutboxNote};
use crate::store::{NotStored, Store, Unavailable};

/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long whoever wants to be left alone is.
const LEFT_ALONE: Duration = Duration::from_mins(10);

/// How long a message may take in all: a mail server that answers in time may still answer without end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who carries what is to be told. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Messenger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    desk: Desk,
    clock: Clock,
    zone: Zone,
    base_url: OnceLock<String>,
    routes: Mutex<HashMap<ChannelName, Route>>,
}

/// What is remembered of a channel while the server runs.
#[derive(Debug, Default)]
struct Route {
    bucket: Bucket,
    is_busy: bool,
    /// What was delivered, and could not be noted: it is not sent again.
    told: Vec<i64>,
    /// How many messages went which way.
    counts: BTreeMap<&'static str, u64>,
}

/// A channel that something is sent over: no other message goes the same way meanwhile.
struct Journey<'a> {
    messenger: &'a Messenger,
    channel: &'a ChannelName,
}

impl Drop for Journey<'_> {
    fn drop(&mut self) {
        self.messenger.routes().entry(self.channel.clone()).or_default().is_busy = false;
    }
}

/// A message could not be made.
struct Unworded;

impl From<Unworded> for Outcome {
    fn from(_: Unworded) -> Self {
        Self::Refused("making the message failed".to_owned())
    }
}

impl Messenger {
    /// A messenger for what stands in the outbox of a store.
    pub fn new(store: Store, desk: Desk, clock: Clock, zone: Zone) -> Self {
        Self(Arc::new(Shared { store, desk, clock, zone, base_url: OnceLock::new(), routes: Mutex::default() }))
    }

    /// Says where people find the pages: once, at the start.
    pub fn pages_at(&self, base_url: String) {
        let _ = self.0.base_url.set(base_url);
    }

    /// Carries what is due, for ever. Nothing that fails ends it.
    ///
    /// # Errors
    /// Never.
    pub async fn run(self) -> Result<(), Infallible> {
        let (mut ticks, mut journeys) = (tokio::time::interval(LOOK_EVERY), JoinSet::new());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.carry_due(&mut journeys).await {
                tracing::warn!(%error, "what is to be told cannot be looked at");
            }
            while let Some(journey) = journeys.try_join_next() {
                if let Err(error) = journey {
                    tracing::error!(%error, "a channel's messages were left behind; the next look takes them up");
                }
            }
        }
    }

    /// How many messages each channel was sent since the start, by what became of them.
    pub fn counts(&self) -> HashMap<ChannelName, BTreeMap<&'static str, u64>> {
        self.routes().iter().map(|(name, route)| (name.clone(), route.counts.clone())).collect()
    }

    fn count(&self, name: &ChannelName, outcome: &'static str, messages: u64) {
        *self.routes().entry(name.clone()).or_default().counts.entry(outcome).or_default() += messages;
    }

    /// Sets out with what is due now, a journey for each channel: a slow one keeps no other.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn carry_due(&self, journeys: &mut JoinSet<()>) -> Result<(), Unavailable> {
        for channel in self.due().await?.into_keys() {
            let messenger = self.clone();
            journeys.spawn(async move { messenger.carry(channel).await });
        }
        Ok(())
    }

    /// What each channel is to tell now.
    async fn due(&self) -> Result<HashMap<ChannelName, Vec<OutboxEntry>>, Unavailable> {
        let now = self.0.clock.now();
        let mut by_channel: HashMap<ChannelName, Vec<OutboxEntry>> = HashMap::new();
        for waiting in self.0.store.outbox(now.plus(GROUPING)).await? {
            by_channel.entry(waiting.channel.clone()).or_default().push(waiting);
        }
        // What would be due a moment later goes along; nobody is called before his time.
        by_channel.retain(|_, all| all.iter().any(|one| one.due_at <= now));
        let goes =
            |one: &OutboxEntry| one.due_at <= now || one.letter.as_ref().is_some_and(|letter| !letter.is_escalation());
        for all in by_channel.values_mut() {
            all.retain(goes);
        }
        Ok(by_channel)
    }

    async fn carry(&self, name: ChannelName) {
        let Some(_journey) = self.set_out(&name) else { return };
        if let Err(error) = self.carry_all(&name).await {
            tracing::warn!(%error, channel = name.as_str(), "what became of a message cannot be noted");
        }
    }

    /// Carries what waits when nothing else is on its way: what was read before may have been told meanwhile.
    async fn carry_all(&self, name: &ChannelName) -> Result<(), NotStored> {
        // Where that fails, the rest is told all the same.
        if let Err(error) = self.note_told(name).await {
            tracing::warn!(%error, channel = name.as_str(), "what was told cannot be noted");
        }
        let told = self.told(name);
        let Some(mut waiting) = self.due().await?.remove(name) else { return Ok(()) };
        waiting.retain(|one| !told.contains(&one.id));
        let book = self.0.store.book();
        let (needless, waiting): (Vec<OutboxEntry>, Vec<OutboxEntry>) = waiting.into_iter().partition(is_needless);
        if !needless.is_empty() {
            let ids = needless.iter().map(|one| one.id).collect();
            self.0.store.note_outbox(OutboxNote { ids, error: None, again_at: None, is_needless: true }).await?;
        }
        let (waiting, strange): (Vec<OutboxEntry>, Vec<OutboxEntry>) =
            waiting.into_iter().partition(|one| one.letter.is_some());
        self.give_up(&strange, "another version wrote it").await?;
        let Some(channel) = book.settings().channel(name) else {
            return self.give_up(&waiting, "the channel is gone").await;
        };
        let Some(secrets) = self.0.store.channel_secrets(name).await? else {
            return self.give_up(&waiting, "the channel has no address").await;
        };
        let topics: Vec<_> = waiting.iter().filter_map(|one| one.letter.as_ref().map(Letter::topic)).collect();
        let taken = |parcel: Vec<usize>| parcel.into_iter().map(|place| &waiting[place]).collect::<Vec<_>>();
        let mut parcels: VecDeque<Vec<&OutboxEntry>> =
            parcels(&topics, self.left(name)).into_iter().map(taken).collect();
        // Letters that are told apart may take the room of those behind them: these wait as others do.
        while self.left(name) > 0
            && let Some(parcel) = parcels.pop_front()
        {
            let outcome = match self.tell(name, channel, &secrets, &parcel).await {
                Ok(outcome) => outcome,
                Err(unworded) if parcel.len() == 1 => unworded.into(),
                Err(Unworded) => {
                    // One by one, so that a letter that cannot be worded keeps no other.
                    parcel.into_iter().rev().for_each(|one| parcels.push_front(vec![one]));
                    continue;
                }
            };
            self.see(name, &outcome);
            let is_limit = matches!(outcome, Outcome::Limited(_));
            self.note(name, &parcel, outcome).await?;
            if is_limit {
                // Whoever wants to be left alone is left alone with the rest as well.
                let rest: Vec<_> = parcels.into_iter().flatten().collect();
                return self.note(name, &rest, Outcome::Limited("the message before it was too much".to_owned())).await;
            }
        }
        Ok(())
    }

    /// How many messages a channel may tell now.
    fn left(&self, name: &ChannelName) -> usize {
        self.routes().entry(name.clone()).or_default().bucket.left(self.0.clock.running())
    }

    /// Tells letters in one message. What panics there would else be tried each second, for ever, and keep the rest.
    async fn tell(
        &self,
        name: &ChannelName,
        channel: &Channel,
        secrets: &Secrets,
        parcel: &[&OutboxEntry],
    ) -> Result<Outcome, Unworded> {
        let letters: Vec<Letter> = parcel.iter().filter_map(|one| one.letter.clone()).collect();
        let telling = async {
            match self.reports(&letters).await {
                Ok(reports) => {
                    let message = self.voice(channel.terms.language).tell(letters, &reports);
                    self.send(name, channel, secrets, message).await
                }
                Err(error) => Outcome::Refused(error.to_string()),
            }
        };
        AssertUnwindSafe(telling).catch_unwind().await.map_err(|_| Unworded)
    }

    /// What the days were like that are told of, as it is known now.
    async fn reports(&self, letters: &[Letter]) -> Result<Vec<Daily>, NotDone> {
        let mut reports = Vec::new();
        for letter in letters {
            if let Letter::Report { report } = letter {
                reports.push(self.0.desk.daily(*report).await?);
            }
        }
        Ok(reports)
    }

    /// Tells over a channel that it works, and says what became of that.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn test(&self, name: &ChannelName, channel: &Channel) -> Result<Outcome, NotStored> {
        let Some(secrets) = self.0.store.channel_secrets(name).await? else {
            return Ok(Outcome::Refused("the channel has no address".to_owned()));
        };
        if self.routes().entry(name.clone()).or_default().bucket.left(self.0.clock.running()) == 0 {
            return Ok(Outcome::Limited("fifteen messages were sent within a minute".to_owned()));
        }
        let message = self.voice(channel.terms.language).test(name.as_str());
        let outcome = self.send(name, channel, &secrets, message).await;
        self.see(name, &outcome);
        self.0.store.note_test(name.clone(), outcome.error().map(str::to_owned)).await?;
        Ok(outcome)
    }

    async fn send(&self, name: &ChannelName, channel: &Channel, secrets: &Secrets, message: Message) -> Outcome {
        self.routes().entry(name.clone()).or_default().bucket.take(self.0.clock.running());
        sent(channel.kind, secrets.clone(), message, self.0.clock.now()).await
    }

    /// Counts what became of a message, and logs why it was not taken.
    fn see(&self, name: &ChannelName, outcome: &Outcome) {
        if let Some(error) = outcome.error() {
            tracing::warn!(channel = name.as_str(), error, "a message was not delivered");
        }
        self.count(name, outcome.as_str(), 1);
    }

    /// Notes what became of an attempt: when it comes again, unless it is delivered or too old.
    async fn note(&self, name: &ChannelName, parcel: &[&OutboxEntry], outcome: Outcome) -> Result<(), NotStored> {
        let now = self.0.clock.now();
        let (error, least) = match outcome {
            Outcome::Delivered => (None, Duration::ZERO),
            Outcome::Limited(error) => (Some(error), LEFT_ALONE),
            Outcome::Refused(error) => (Some(error), Duration::ZERO),
        };
        if error.is_none() {
            let ids = parcel.iter().map(|one| one.id);
            self.routes().entry(name.clone()).or_default().told.extend(ids);
            return self.note_told(name).await;
        }
        let mut settled: HashMap<Option<Moment>, Vec<i64>> = HashMap::new();
        for one in parcel {
            let is_old = now.since(one.first_due) >= TOLD_WITHIN;
            if is_old {
                tracing::warn!(channel = name.as_str(), "a message could not be delivered for a day and is given up");
                self.count(name, GIVEN_UP, 1);
            }
            let again = (!is_old).then(|| now.plus(pause(one.attempts + 1).max(least)));
            settled.entry(again).or_default().push(one.id);
        }
        for (again_at, ids) in settled {
            self.0.store.note_outbox(OutboxNote { ids, error: error.clone(), again_at, is_needless: false }).await?;
        }
        Ok(())
    }

    async fn give_up(&self, all: &[OutboxEntry], why: &str) -> Result<(), NotStored> {
        if all.is_empty() {
            return Ok(());
        }
        let ids = all.iter().map(|one| one.id).collect();
        let error = Some(why.to_owned());
        self.0.store.note_outbox(OutboxNote { ids, error, again_at: None, is_needless: false }).await
    }

    /// Notes what was delivered over a channel and is not noted yet.
    async fn note_told(&self, name: &ChannelName) -> Result<(), NotStored> {
        let ids = self.told(name);
        if ids.is_empty() {
            return Ok(());
        }
        let note = OutboxNote { ids: ids.clone(), error: None, again_at: None, is_needless: false };
        self.0.store.note_outbox(note).await?;
        self.routes().entry(name.clone()).or_default().told.retain(|id| !ids.contains(id));
        Ok(())
    }

    /// What was delivered over a channel and is not noted yet.
    fn told(&self, name: &ChannelName) -> Vec<i64> {
        self.routes().get(name).map(|route| route.told.clone()).unwrap_or_default()
    }

    fn voice(&self, language: Language) -> Voice<'_> {
        let base_url = self.0.base_url.get().map_or("", String::as_str);
        Voice { language, zone: &self.0.zone, base_url }
    }

    /// Takes a channel, unless something is on its way over it.
    fn set_out<'a>(&'a self, channel: &'a ChannelName) -> Option<Journey<'a>> {
        let is_busy = std::mem::replace(&mut self.routes().entry(channel.clone()).or_default().is_busy, true);
        // Made only where it is begun: its end frees the channel.
        (!is_busy).then(|| Journey { messenger: self, channel })
    }

    fn routes(&self) -> MutexGuard<'_, HashMap<ChannelName, Route>> {
        self.0.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells over a channel that it works, where no server does; nothing is noted of it.
pub async fn try_out(name: &ChannelName, channel: &Channel, secrets: &Secrets, zone: &Zone, now: Moment) -> Outcome {
    let voice = Voice { language: channel.terms.language, zone, base_url: "" };
    sent(channel.kind, secrets.clone(), voice.test(name.as_str()), now).await
}

/// Whether something needs telling no more: nobody need be called for what was acknowledged, or is over.
fn is_needless(waiting: &OutboxEntry) -> bool {
    waiting.is_seen && waiting.letter.as_ref().is_some_and(Letter::is_escalation)
}

/// Sends on a thread of its own: at the end of the process nobody waits for one that waits for a stranger.
async fn sent(kind: ChannelKind, secrets: Secrets, message: Message, now: Moment) -> Outcome {
    let (answer, outcome) = oneshot::channel();
    let work = move || drop(answer.send(send(kind, &secrets, &message, now)));
    match std::thread::Builder::new().name("a message".to_owned()).spawn(work) {
        Ok(_) => match tokio::time::timeout(PATIENCE, outcome).await {
            Ok(outcome) => outcome.unwrap_or_else(|_| Outcome::Refused("sending it failed".to_owned())),
            Err(_) => Outcome::Refused(format!("nothing came of it within {} s", PATIENCE.as_secs())),
        },
        Err(error) => Outcome::Refused(error.to_string()),
    }
}
