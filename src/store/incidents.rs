//! Incidents on the disk: what stands, what was, and what is to be said of it.

use super::error::{NotStored, Unavailable};
use super::sqlite::incidents;
use super::{Errand, Store};
use crate::domain::incident::{Acknowledged, Incident, IncidentId, Kind, Standing, Step};
use crate::domain::moment::Moment;

/// Which incidents are looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Only those that stand, or only those that are over.
    pub is_open: Option<bool>,
    /// Only those of a kind.
    pub kind: Option<Kind>,
    /// Only those with smaller numbers.
    pub before: Option<IncidentId>,
}

impl Store {
    /// Keeps what becomes of incidents, and in the same transaction what is to be told of it over which channel.
    ///
    /// # Errors
    /// When the store cannot write, or the disk failed in between.
    pub async fn keep_incidents(&self, steps: Vec<Step>) -> Result<(), NotStored> {
        self.run(Errand::Incidents(steps)).await.map(|_| ())
    }

    /// Notes that the operator has seen an incident; false when none of that number stands.
    ///
    /// # Errors
    /// As [`Self::keep_incidents`].
    pub async fn acknowledge(&self, id: IncidentId, by: Acknowledged) -> Result<bool, NotStored> {
        self.run(Errand::Acknowledge(id, by)).await
    }

    /// The incidents that stand, as they were told last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn standing(&self) -> Result<Standing, Unavailable> {
        Ok(incidents::standing(&self.readers).await?)
    }

    /// Incidents, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn incidents(&self, which: Which, limit: u32) -> Result<Vec<Incident>, Unavailable> {
        Ok(incidents::find(&self.readers, which, limit).await?)
    }

    /// The incidents that stood at any time from one moment to before another, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn incidents_within(&self, from: Moment, to: Moment, limit: u32) -> Result<Vec<Incident>, Unavailable> {
        Ok(incidents::within(&self.readers, from, to, limit).await?)
    }
}
