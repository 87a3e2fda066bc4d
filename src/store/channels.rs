//! Channels as they are stored: what of them is secret, and what is to be told over them.

use super::sqlite::{channel_secrets, outbox};
use super::{Errand, NotStored, Store, Unavailable};
use crate::domain::calendar::Day;
use crate::domain::channel::{ChannelName, Letter, Secrets};
use crate::domain::moment::Moment;

/// Something that is to be told.
#[derive(Debug, Clone)]
pub struct OutboxEntry {
    /// Its number.
    pub id: i64,
    /// Over which channel.
    pub channel: ChannelName,
    /// What; None where another version wrote it.
    pub letter: Option<Letter>,
    /// When it was to be told first.
    pub first_due: Moment,
    /// When it is to be tried.
    pub due_at: Moment,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether the incident was acknowledged, or is over.
    pub is_seen: bool,
}

/// What became of an attempt to tell something.
#[derive(Debug, Clone)]
pub struct OutboxNote {
    /// What was to be told.
    pub ids: Vec<i64>,
    /// Why it failed; None where it is delivered.
    pub error: Option<String>,
    /// When it is tried again; None where it is not.
    pub again_at: Option<Moment>,
    /// Whether it needed telling no more, so that nothing was tried.
    pub is_needless: bool,
}

/// How a channel stands.
#[derive(Debug, Clone, Default)]
pub struct ChannelStanding {
    /// When it told something last.
    pub delivered_at: Option<Moment>,
    /// When it last failed to, and why.
    pub failed: Option<(Moment, String)>,
    /// How much waits.
    pub waiting: u64,
}

impl Store {
    /// What of a channel is kept apart from the history.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn channel_secrets(&self, channel: &ChannelName) -> Result<Option<Secrets>, Unavailable> {
        Ok(channel_secrets::find(&self.readers, channel).await?)
    }

    /// What waits and may be sent by a moment, in the order in which it came up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox(&self, until: Moment) -> Result<Vec<OutboxEntry>, Unavailable> {
        Ok(outbox::waiting(&self.readers, until).await?)
    }

    /// How each channel stands that ever had something to tell.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn channel_standings(&self) -> Result<Vec<(String, ChannelStanding)>, Unavailable> {
        Ok(outbox::standings(&self.readers).await?)
    }

    /// Has the channels that want it tell what a day was like; those that were told to are not again.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn queue_report(&self, day: Day) -> Result<(), NotStored> {
        self.run(Errand::Report(day)).await.map(|_| ())
    }

    /// Notes what became of an attempt to tell something.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn note_outbox(&self, note: OutboxNote) -> Result<(), NotStored> {
        self.run(Errand::NoteOutbox(note)).await.map(|_| ())
    }

    /// Notes a test of a channel, and why it failed, if it did.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn note_test(&self, channel: ChannelName, error: Option<String>) -> Result<(), NotStored> {
        self.run(Errand::NoteTest(channel, error)).await.map(|_| ())
    }
}
