//! Documents: how what is settled is written down, and what it says when it is read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::Fields;
use super::{read_list, write_list};
use crate::domain::account::{Account, AccountName};
use crate::domain::book::Mark;
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::guard::Finding;
use crate::domain::hold::{Hold, Reason};
use crate::domain::moment::Moment;
use crate::domain::revision::{Actor, ActorKind, Revision, Topic};
use crate::domain::settings::{Former, Setting, Settled};
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;

/// A document as it stands after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentState {
    /// Its number among documents.
    pub id: i64,
    /// What it is about.
    pub topic: Topic,
    /// Its newest revision.
    pub mark: Mark,
    /// How many revisions it has.
    pub revisions: u64,
    /// JSON; None once it is withdrawn.
    pub body: Option<Arc<str>>,
}

impl DocumentState {
    /// SHA-256 over all that is stored of it, bound to the revision that made it so; as a strategy's.
    pub fn seal(&self) -> [u8; 32] {
        let mut fields = Fields::default();
        fields.put(self.topic.kind().as_bytes());
        fields.put(self.topic.name().as_bytes());
        fields.put(&self.mark.chain);
        fields.put(&self.revisions.to_be_bytes());
        for number in [self.id, self.mark.revision.get()] {
            fields.put(&number.to_be_bytes());
        }
        fields.put_or_none(self.body.as_deref().map(str::as_bytes));
        fields.digest()
    }

    /// What it says.
    ///
    /// # Errors
    /// What is wrong with a body that nobody wrote.
    pub fn setting(&self) -> Result<Setting, String> {
        read_setting(&self.topic, self.body.as_deref(), self.mark)
    }
}

/// What a document's body says; the mark is that of the revision that wrote it.
///
/// # Errors
/// What is wrong with a body that nobody wrote.
pub fn read_setting(topic: &Topic, body: Option<&str>, mark: Mark) -> Result<Setting, String> {
    let understood = match topic {
        Topic::State(_) => read(body).map(|standing| Setting::State(standing.unwrap_or_default())),
        Topic::Hold(strategy) => {
            return match read(body) {
                Ok(Some(WrittenTaken { sequence })) => Ok(Setting::Taken(sequence)),
                _ => Ok(Setting::Hold(read_hold(strategy, body, mark)?)),
            };
        }
        Topic::Schedule(_) => read(body).map(Setting::Schedule),
        Topic::Account(name) => return read_account(name, body, mark),
        Topic::Pause(_) => read(body).and_then(|pause| present(pause).map(Setting::Pause)),
        Topic::Guards => read(body).and_then(|guards| present(guards).map(Setting::Guards)),
        Topic::Locks(_) => read(body).map(|locks| Setting::Locks(locks.unwrap_or_default())),
        Topic::Calendar => read(body).and_then(|calendar| present(calendar).map(Setting::Calendar)),
        Topic::Channel(_) => read(body).map(Setting::Channel),
        Topic::Checkpoint => read(body).and_then(|checkpoint| present(checkpoint).map(Setting::Checkpoint)),
    };
    understood.map_err(|error| error.to_string())
}

fn read<T: for<'de> Deserialize<'de>>(body: Option<&str>) -> Result<Option<T>, serde_json::Error> {
    body.map(serde_json::from_str).transpose()
}

/// What cannot be withdrawn.
fn present<T>(body: Option<T>) -> Result<T, serde_json::Error> {
    body.ok_or_else(|| serde::de::Error::custom("its body is missing"))
}

/// A body as it is written. Nothing that is written here can fail: no maps with other keys than text.
pub(super) fn write(body: &impl Serialize) -> Arc<str> {
    serde_json::to_string(body).unwrap_or_default().into()
}

/// A push that waits, as it is written: its number is that of the revision that first noted it.
#[derive(Serialize, Deserialize)]
struct WrittenHold {
    /// Where another revision noted it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Revision>,
    at: i64,
    actor_kind: String,
    actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    list: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_value: Option<Decimal>,
    reasons: Vec<WrittenReason>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenReason {
    Guard(Finding),
    State(State),
}

/// What is left of a push that was dropped before there was a strategy to keep its sequence, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTaken {
    sequence: i64,
}

/// The sequence of a push that was dropped, as it is written.
pub(super) fn write_taken(sequence: i64) -> Arc<str> {
    write(&WrittenTaken { sequence })
}

/// A push that waits, as it is written.
pub(super) fn write_hold(hold: &Hold) -> Arc<str> {
    let reason = |reason: &Reason| match reason {
        Reason::Guard(finding) => WrittenReason::Guard(finding.clone()),
        Reason::State(state) => WrittenReason::State(*state),
    };
    write(&WrittenHold {
        first: (hold.id != Revision::NONE).then_some(hold.id),
        at: hold.at.as_micros(),
        actor_kind: hold.actor.kind().as_str().to_owned(),
        actor: hold.actor.name().to_owned(),
        address: hold.address.clone(),
        // A list that was written is JSON.
        list: RawValue::from_string(write_list(&hold.list)).unwrap_or_default(),
        sequence: hold.sequence,
        total_value: hold.total_value,
        reasons: hold.reasons.iter().map(reason).collect(),
    })
}

fn read_hold(strategy: &StrategyName, body: Option<&str>, mark: Mark) -> Result<Option<Hold>, String> {
    let Some(written) = read::<WrittenHold>(body).map_err(|error| error.to_string())? else { return Ok(None) };
    let kind: ActorKind = written.actor_kind.parse().map_err(|error: strum::ParseError| error.to_string())?;
    let reason = |reason| match reason {
        WrittenReason::Guard(finding) => Reason::Guard(finding),
        WrittenReason::State(state) => Reason::State(state),
    };
    Ok(Some(Hold {
        id: written.first.unwrap_or(mark.revision),
        at: Moment::from_micros(written.at),
        actor: Actor::new(kind, written.actor),
        address: written.address,
        list: read_list(strategy.kind(), written.list.get())?,
        total_value: written.total_value,
        sequence: written.sequence,
        reasons: written.reasons.into_iter().map(reason).collect(),
    }))
}

/// An account as it is written: what the operator wants, unless it is gone, and what the ledger remembers for it.
#[derive(Serialize, Deserialize)]
struct WrittenAccount<A> {
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    account: Option<A>,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    former: Vec<(String, Option<String>)>,
}

/// An account as it is written; None where there is nothing to be written.
pub(super) fn write_account(account: Option<&Account>, former: &[Former]) -> Option<Arc<str>> {
    let former: Vec<_> = former.iter().map(|former| (former.code.to_string(), former.name.clone())).collect();
    (account.is_some() || !former.is_empty()).then(|| write(&WrittenAccount { account, former }))
}

fn read_account(name: &AccountName, body: Option<&str>, mark: Mark) -> Result<Setting, String> {
    let written: Option<WrittenAccount<Account>> = read(body).map_err(|error| error.to_string())?;
    let Some(WrittenAccount { account, former }) = written else { return Ok(Setting::NoAccount(Vec::new())) };
    let former = former.into_iter().map(|(code, name)| {
        let code = Code::parse(&code).map_err(|error| format!("{code:?} {error}"))?;
        Ok(Former { code, name })
    });
    let former = former.collect::<Result<_, String>>()?;
    Ok(match account {
        Some(account) => Setting::Account(Settled { name: name.clone(), account, former, mark }),
        None => Setting::NoAccount(former),
    })
}

#[cfg(test)]
mod tests;
