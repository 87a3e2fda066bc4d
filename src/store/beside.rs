//! The database of a server, worked on beside that server: only tables that it does not keep in memory.

use std::path::Path;

use sqlx::SqlitePool;

use super::api_keys::{ApiKey, NewApiKey};
use super::error::{OpenError, Unavailable};
use super::sqlite::{self, api_keys, operator};
use super::witness;
use crate::domain::moment::Moment;

/// A way into the database beside the server that may be running.
#[derive(Debug)]
pub struct Beside(SqlitePool);

impl Beside {
    /// Opens the database and brings it up to date.
    ///
    /// # Errors
    /// When there is none, or it comes from a newer version.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        witness::must_not_be_emptied(path)?;
        sqlite::open_existing(path).await.map(Self)
    }

    /// Stores an API key; false when a key of that name is in use.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_key(&self, key: &NewApiKey, now: Moment) -> Result<bool, Unavailable> {
        Ok(api_keys::add(&self.0, key, now).await?)
    }

    /// Every API key that was ever made, by creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Unavailable> {
        Ok(api_keys::all(&self.0).await?)
    }

    /// Revokes the API key of that name; false when there is none in use.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_key(&self, name: &str, now: Moment) -> Result<bool, Unavailable> {
        Ok(api_keys::revoke(&self.0, name, now).await?)
    }

    /// Sets the operator's password hash, and ends every session.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_password(&self, hash: &str, now: Moment) -> Result<(), Unavailable> {
        let mut connection = self.0.acquire().await?;
        Ok(operator::set(&mut connection, hash, now).await?)
    }

    /// Closes the files.
    pub async fn close(self) {
        self.0.close().await;
    }
}
