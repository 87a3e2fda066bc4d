//! Channels: over which ways people are told of incidents.

use super::{Desk, NotDone};
use crate::auth::rights::Operator;
use crate::domain::channel::{Channel, ChannelError, ChannelKind, ChannelName, Secrets, Terms};
use crate::domain::revision::Revision;
use crate::ledger::{Document, Receipt};

/// A channel as the operator wants it. With an address it is all there is; without one, what is not said stays as it is.
#[derive(Debug)]
pub struct ChannelWish {
    /// By whom it is carried.
    pub kind: ChannelKind,
    /// The whole address.
    pub url: Option<String>,
    /// What signs, stands in the message, or logs in; empty for none.
    pub secret: Option<String>,
    /// Of mail: who logs in; empty for the sender.
    pub username: Option<String>,
    /// Of mail: the sender.
    pub from: Option<String>,
    /// Of mail: to whom.
    pub to: Option<Vec<String>>,
    /// What it tells.
    pub terms: Terms,
}

impl ChannelWish {
    /// What is to be kept apart from the history, over what is.
    fn secrets(&self, known: Option<&Secrets>) -> Result<Secrets, ChannelError> {
        // A secret never follows to an address that it was not given for.
        let known = if self.url.is_some() { None } else { Some(known.ok_or(ChannelError::NoAddress)?) };
        let said = |said: &Option<String>, known: Option<&String>| {
            said.as_ref().or(known).filter(|text| !text.is_empty()).cloned()
        };
        let secrets = Secrets {
            url: self.url.clone().or_else(|| known.map(|known| known.url.clone())).unwrap_or_default(),
            secret: said(&self.secret, known.and_then(|known| known.secret.as_ref())),
            username: said(&self.username, known.and_then(|known| known.username.as_ref())),
            from: said(&self.from, known.and_then(|known| known.from.as_ref())),
            to: self.to.clone().or_else(|| known.map(|known| known.to.clone())).unwrap_or_default(),
        };
        secrets.check(self.kind)?;
        Ok(secrets)
    }
}

impl Desk {
    /// Settles over which way somebody is told of what. With `expected`, only if the channel is at that revision.
    ///
    /// # Errors
    /// When the wish cannot be kept, the condition does not hold, or the store cannot write.
    pub async fn set_channel(
        &self,
        by: &Operator,
        name: ChannelName,
        wish: ChannelWish,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        let book = self.store.book();
        let settings = book.settings();
        let known = settings.channel(&name).filter(|channel| channel.kind == wish.kind);
        let known_secrets = if known.is_some() { self.store.channel_secrets(&name).await? } else { None };
        wish.terms.check(&name)?;
        let secrets = wish.secrets(known_secrets.as_ref())?;
        if wish.terms.escalate.as_ref().is_some_and(|escalate| settings.channel(&escalate.to).is_none()) {
            return Err(ChannelError::ToNobody.into());
        }
        let credential = match known.filter(|_| known_secrets.as_ref() == Some(&secrets)) {
            Some(known) => known.credential.clone(),
            None => mark()?,
        };
        let channel = Channel { kind: wish.kind, address: secrets.masked(), credential, terms: wish.terms };
        self.put(by, Document::Channel(name, Some((channel, secrets))), expected).await
    }

    /// Takes a channel away.
    ///
    /// # Errors
    /// When another one leads to it, the condition does not hold, or the store cannot write.
    pub async fn remove_channel(
        &self,
        by: &Operator,
        name: ChannelName,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        let book = self.store.book();
        let leads_here =
            |channel: &Channel| channel.terms.escalate.as_ref().is_some_and(|escalate| escalate.to == name);
        if book.settings().channels().any(|(_, channel)| leads_here(channel)) {
            return Err(ChannelError::Needed.into());
        }
        self.put(by, Document::Channel(name, None), expected).await
    }
}

/// What stands in the history for an address and its secrets: it tells them apart and says nothing of them.
fn mark() -> Result<String, NotDone> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| NotDone::Fault(error.to_string()))?;
    Ok(hex::encode(bytes))
}
