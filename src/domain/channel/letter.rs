//! What is to be told over a channel. Kept without words: the language is that of the channel when it is sent.

use serde::{Deserialize, Serialize};

use super::ChannelName;
use crate::domain::calendar::Day;
use crate::domain::incident::{Change, Kind, Step};
use crate::domain::moment::Moment;

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Letter {
    /// What a day was like: how it is known when it is told.
    Report {
        /// Which day.
        report: Day,
    },
    /// What has become of an incident.
    Incident(News),
}

/// What has become of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Whether it comes because nobody has acknowledged what the channel before this one told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unacknowledged: bool,
    /// What has become of which incident.
    #[serde(flatten)]
    pub step: Step,
}

impl News {
    /// What it is about.
    pub fn topic(&self) -> Topic {
        Topic::Incident(self.step.concern.kind(), self.step.change, self.unacknowledged)
    }
}

/// What is told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A day's report, by itself.
    Report(Day),
    /// Incidents of one kind, what has become of them, and whether nobody has acknowledged it.
    Incident(Kind, Change, bool),
}

impl Letter {
    /// What it is about.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Report { report } => Topic::Report(*report),
            Self::Incident(news) => news.topic(),
        }
    }

    /// Whether it comes only because nobody has acknowledged an incident.
    pub fn is_escalation(&self) -> bool {
        matches!(self, Self::Incident(News { unacknowledged: true, .. }))
    }
}

/// That a channel is to tell something, and not before when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which channel.
    pub channel: ChannelName,
    /// What.
    pub letter: Letter,
    /// Not before.
    pub at: Moment,
}
