//! What is written besides the book: keys, sessions, incidents, and what is told of them.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::api_keys::NewApiKey;
use super::channels::OutboxNote;
use super::sqlite::{api_keys, incidents, operator, outbox, sessions, upkeep};
use crate::domain::calendar::Day;
use crate::domain::channel::{ChannelName, Due, due, reports_due};
use crate::domain::incident::{Acknowledged, IncidentId, Step};
use crate::domain::moment::Moment;
use crate::domain::settings::Settings;

/// What is written besides the book.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// Sets the operator's password hash, and ends every session.
    SetPassword(String),
    /// Begins a session, and forgets those begun before a moment.
    OpenSession { digest: [u8; 32], useless_before: Moment },
    /// Ends a session.
    CloseSession([u8; 32]),
    /// Stores an API key.
    AddKey(NewApiKey),
    /// Revokes the API key of that name.
    RevokeKey(String),
    /// Notes what became of attempts to tell something.
    NoteOutbox(OutboxNote),
    /// Notes a test of a channel, and why it failed, if it did.
    NoteTest(ChannelName, Option<String>),
    /// Keeps what becomes of incidents, and what is to be told of it over which channel.
    Incidents(Vec<Step>),
    /// Have channels tell what a day was like.
    Report(Day),
    /// Notes that the operator has seen an incident.
    Acknowledge(IncidentId, Acknowledged),
}

/// What is written besides changes.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) key_uses: BTreeMap<i64, Moment>,
    pub(super) session_uses: BTreeMap<[u8; 32], Moment>,
    pub(super) errands: Vec<Errand>,
    pub(super) probe: bool,
}

impl Rest {
    /// Writes it all, and says of each errand whether there was anything to do.
    pub(super) async fn write(
        self,
        connection: &mut SqliteConnection,
        settings: &Settings,
        now: Moment,
    ) -> Result<Vec<bool>, sqlx::Error> {
        for (id, at) in self.key_uses {
            api_keys::note_use(&mut *connection, id, at).await?;
        }
        for (digest, at) in self.session_uses {
            sessions::note_use(&mut *connection, &digest, at).await?;
        }
        let mut ran = Vec::with_capacity(self.errands.len());
        for errand in self.errands {
            ran.push(errand.run(connection, settings, now).await?);
        }
        if self.probe {
            upkeep::probe(connection, now).await?;
        }
        Ok(ran)
    }
}

impl Errand {
    async fn run(
        self,
        connection: &mut SqliteConnection,
        settings: &Settings,
        now: Moment,
    ) -> Result<bool, sqlx::Error> {
        match self {
            Self::SetPassword(hash) => operator::set(connection, &hash, now).await.map(|()| true),
            Self::OpenSession { digest, useless_before } => {
                sessions::open(connection, &digest, now, useless_before).await.map(|()| true)
            }
            Self::CloseSession(digest) => sessions::close(connection, &digest).await,
            Self::AddKey(key) => api_keys::add(connection, &key, now).await,
            Self::RevokeKey(name) => api_keys::revoke(connection, &name, now).await,
            Self::NoteOutbox(note) => outbox::note(connection, &note, now).await.map(|()| true),
            Self::NoteTest(channel, error) => {
                outbox::note_test(connection, &channel, error.as_deref(), now).await.map(|()| true)
            }
            Self::Incidents(steps) => {
                incidents::write(connection, &steps).await?;
                // By the channels as this batch leaves them.
                let channels = settings.channels().map(|(name, channel)| (name, &**channel));
                let due: Vec<Due> = steps.iter().flat_map(|step| due(channels.clone(), step)).collect();
                outbox::add(connection, &due, now).await.map(|()| true)
            }
            Self::Report(day) => {
                let channels = settings.channels().map(|(name, channel)| (name, &**channel));
                outbox::add(connection, &reports_due(channels, day, now), now).await.map(|()| true)
            }
            Self::Acknowledge(id, by) => incidents::acknowledge(connection, id, &by).await,
        }
    }
}
