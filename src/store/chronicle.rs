//! A history that is written at once, each change at the time at which it is said to have happened: of examples, and to
//! measure with. Through the ledger and the transactions of real traffic; nothing else may have the database open.

use std::collections::HashSet;
use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use super::error::{OpenError, Unavailable};
use super::sqlite::{self, batch};
use super::witness::{self, Witness, Witnessed};
use super::writer::{self, Begun};
use crate::domain::book::Book;
use crate::domain::moment::Moment;
use crate::ledger::{Draft, Ledger};

/// A database to which a history is written.
#[derive(Debug)]
pub struct Chronicle {
    connection: SqliteConnection,
    ledger: Ledger,
    witness: Witness,
    lineage: i64,
    /// How long the log has grown since it was folded: bytes.
    unfolded: u64,
}

impl Chronicle {
    /// Opens the database at `path`, creating it where there is none.
    ///
    /// # Errors
    /// As [`Store::open`](super::Store::open).
    pub async fn open(path: &Path, now: Moment) -> Result<Self, OpenError> {
        witness::must_not_be_emptied(path)?;
        sqlite::create_or_migrate(path).await?;
        let Begun { connection, ledger, witness, lineage } = Begun::at(path, now).await?;
        Ok(Self { connection, ledger, witness, lineage, unfolded: 0 })
    }

    /// The book as it stands.
    pub const fn book(&self) -> &Book {
        &self.ledger.book
    }

    /// A draft of what follows.
    pub fn draft(&self, now: Moment) -> Draft {
        self.ledger.draft(now, HashSet::new())
    }

    /// Writes all of a draft in one transaction.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn write(&mut self, draft: Draft) -> Result<(), Unavailable> {
        let (ledger, appended, _) = draft.finish();
        batch::begin(&mut self.connection, &HashSet::new()).await?;
        self.unfolded += batch::commit(&mut self.connection, &appended, &HashSet::new()).await?;
        self.ledger = ledger;
        self.witness.note(&Witnessed::new(self.lineage, &self.ledger.head));
        if self.unfolded >= writer::FOLD_AT {
            sqlite::fold(&mut self.connection).await?;
            self.unfolded = 0;
        }
        Ok(())
    }

    /// Closes the file.
    ///
    /// # Errors
    /// When what was written cannot be brought into the database.
    pub async fn close(self) -> Result<(), Unavailable> {
        Ok(self.connection.close().await?)
    }
}
