//! The operator's password and API keys, changed while the server runs.

use super::{Desk, NotDone};
use crate::auth::api_key::{KeyWish, Secret};
use crate::auth::password::NewPassword;
use crate::auth::rights::Operator;
use crate::domain::excerpt::Excerpt;
use crate::store::Errand;

impl Desk {
    /// Sets the operator's password. Every session has ended then.
    ///
    /// # Errors
    /// When the store cannot write, or the machine gives no randomness.
    pub async fn set_password(&self, by: &Operator, password: NewPassword) -> Result<(), NotDone> {
        // Hashing takes some 20 ms of CPU.
        let hashing = tokio::task::spawn_blocking(move || password.hash()).await;
        let hash = hashing.map_err(anyhow::Error::from).flatten().map_err(fault)?;
        self.store.set_password_hash(hash).await?;
        tracing::info!(address = %by.address(), "the operator's password was set");
        Ok(())
    }

    /// Makes an API key. This is the only time that its secret can be shown.
    ///
    /// # Errors
    /// When its name is taken, the store cannot write, or the machine gives no randomness.
    pub async fn make_key(&self, by: &Operator, wish: KeyWish) -> Result<Secret, NotDone> {
        let secret = Secret::generate().map_err(fault)?;
        let key = wish.with(&secret);
        let name = key.name.clone();
        if !self.store.run(Errand::AddKey(key)).await? {
            return Err(NotDone::KeyNameTaken);
        }
        tracing::info!(address = %by.address(), name = %Excerpt(&name), "an API key was made");
        Ok(secret)
    }

    /// Revokes an API key; false when there is none of that name in use.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn revoke_key(&self, by: &Operator, name: String) -> Result<bool, NotDone> {
        let revoked = self.store.run(Errand::RevokeKey(name.clone())).await?;
        if revoked {
            tracing::info!(address = %by.address(), name = %Excerpt(&name), "an API key was revoked");
        }
        Ok(revoked)
    }
}

fn fault(error: impl std::fmt::Display) -> NotDone {
    NotDone::Fault(error.to_string())
}
