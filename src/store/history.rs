//! What was: revisions, their changes, and the book as of an earlier one. Reads only, beside the writer.

use std::collections::HashMap;

use super::error::{Unavailable, Untold};
use super::sqlite::{documents, history, upkeep, verify};
use super::{Store, Stored};
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Mark};
use crate::domain::changes::Changes;
use crate::domain::code::Instrument;
use crate::domain::guard::Guards;
use crate::domain::moment::Moment;
use crate::domain::position::PositionList;
use crate::domain::revision::{Actor, Revision, RevisionKind, Subject, Topic};
use crate::domain::settings::{Setting, Settled};
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::{ChainHash, Entry, Head};
use crate::ledger::read_setting;

/// A revision, without its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionInfo {
    /// Its number.
    pub id: Revision,
    /// What it is about.
    pub subject: Subject,
    /// What it did.
    pub kind: RevisionKind,
    /// When it was made.
    pub at: Moment,
    /// Who made it.
    pub actor: Actor,
    /// From where: an IP address.
    pub address: Option<String>,
    /// What else is to be said of it; of some kinds a number.
    pub note: Option<String>,
    /// How many items changed.
    pub changes: i64,
    /// Its chain hash.
    pub hash: ChainHash,
    /// The chain hash of the revision before it.
    pub parent_hash: ChainHash,
}

impl RevisionInfo {
    /// When a push was decided, where it told.
    pub fn decided_at(&self) -> Option<Moment> {
        self.noted(&[RevisionKind::Push, RevisionKind::Hold]).map(Moment::from_micros)
    }

    /// The revision that a restore went back to.
    pub fn restored(&self) -> Option<Revision> {
        self.noted(&[RevisionKind::Restore]).map(Revision::new)
    }

    /// The push whose waiting it ended.
    pub fn ended_hold(&self) -> Option<Revision> {
        self.noted(&[RevisionKind::Approve, RevisionKind::Discard, RevisionKind::Supersede]).map(Revision::new)
    }

    /// The number that stands in the note of a revision of these kinds.
    fn noted(&self, kinds: &[RevisionKind]) -> Option<i64> {
        self.note.as_deref().filter(|_| kinds.contains(&self.kind))?.parse().ok()
    }
}

/// The revisions that come before so many changes are reached: what a page can hold in memory. At least one.
pub fn within(revisions: Vec<RevisionInfo>, most_changes: i64) -> Vec<RevisionInfo> {
    let mut sum = 0;
    let mut fits = |revision: &RevisionInfo| {
        let first = sum == 0;
        sum += revision.changes.max(1);
        first || sum <= most_changes
    };
    revisions.into_iter().take_while(|revision| fits(revision)).collect()
}

/// Which revisions are asked for; None asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of a strategy, of all that ever had the name.
    pub strategy: Option<StrategyName>,
    /// Those that changed an instrument.
    pub instrument: Option<Instrument>,
    /// Those of an actor.
    pub actor: Option<String>,
    /// Those of a kind.
    pub kind: Option<RevisionKind>,
    /// Those from a moment on.
    pub from: Option<Moment>,
    /// Those before a moment.
    pub to: Option<Moment>,
}

/// A document as of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentAsOf {
    /// JSON; None when it was withdrawn.
    pub body: Option<String>,
    /// The revision that made it so.
    pub revision: Revision,
    /// When that was made.
    pub at: Moment,
}

/// A strategy as of a revision.
#[derive(Debug, Clone)]
pub struct ListAsOf {
    /// The revision that made it so.
    pub mark: Mark,
    /// Its list; None when that revision removed the strategy.
    pub list: Option<PositionList>,
}

impl Store {
    /// The last revision that was folded into the checkpoint; [`Revision::NONE`] where none was.
    pub fn folded(&self) -> Revision {
        self.book().settings().checkpoint().map_or(Revision::NONE, |checkpoint| checkpoint.revision)
    }

    /// Refuses to tell of a point before the checkpoint; before the first revision there was nothing, and that is known.
    ///
    /// # Errors
    /// When it was folded.
    pub fn must_reach(&self, revision: Revision) -> Result<(), Untold> {
        let folded = self.folded();
        if revision <= Revision::NONE || revision >= folded { Ok(()) } else { Err(Untold::Folded(folded)) }
    }

    /// What something was at a revision, from what is found as of the revision that is to be looked at in its place: what nothing
    /// has changed between there and the checkpoint stands at the checkpoint.
    fn known_at<T>(
        &self,
        revision: Revision,
        found: Option<T>,
        since: impl Fn(&T) -> Revision,
    ) -> Result<Option<T>, Untold> {
        match &found {
            Some(then) if since(then) > revision => Err(Untold::Folded(self.folded())),
            _ => Ok(found),
        }
    }

    /// As of which revision is looked for what was at one.
    fn looked_at(&self, revision: Revision) -> Revision {
        if revision <= Revision::NONE { revision } else { revision.max(self.folded()) }
    }

    /// The newest revisions before one, newest first, at most `limit` of them: those that were folded are not among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revisions(
        &self,
        filter: &Filter,
        before: Option<Revision>,
        limit: i64,
    ) -> Result<Vec<RevisionInfo>, Unavailable> {
        let before = before.unwrap_or(Revision::END);
        let mut historian = self.historians.one().await?;
        Ok(history::revisions(&mut historian, filter, (self.folded(), before), limit).await?)
    }

    /// One revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revision(&self, id: Revision) -> Result<Option<RevisionInfo>, Untold> {
        let folded = self.folded();
        if Revision::NONE < id && id <= folded {
            return Err(Untold::Folded(folded));
        }
        let newest = self.revisions(&Filter::default(), Some(id.next()), 1).await?;
        Ok(newest.into_iter().next().filter(|revision| revision.id == id))
    }

    /// The revisions about the same subject that are next to one: the one before it, and the one after it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn neighbours(&self, of: &RevisionInfo) -> Result<[Option<Revision>; 2], Unavailable> {
        let mut historian = self.historians.one().await?;
        let next_to = history::neighbours(&mut historian, &of.subject, of.id).await?;
        let folded = self.folded();
        let next_to: Vec<Revision> = next_to.into_iter().filter(|one| *one > folded).collect();
        let find = |is_it: fn(&Revision, &Revision) -> bool| next_to.iter().copied().find(|one| is_it(one, &of.id));
        Ok([find(Revision::lt), find(Revision::gt)])
    }

    /// What revisions changed; of a list at most `most` instruments.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn changes(&self, of: &[RevisionInfo], most: usize) -> Result<HashMap<Revision, Changes>, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(history::changes(&mut historian, of, most).await?)
    }

    /// A strategy as of a revision: None when nobody had pushed it by then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_as_of(&self, strategy: &StrategyName, revision: Revision) -> Result<Option<ListAsOf>, Untold> {
        let (strategy, looked_at) = (strategy.clone(), self.looked_at(revision));
        let found = self.historians.look(async move |one| history::list_as_of(one, &strategy, looked_at).await).await?;
        self.known_at(revision, found, |then| then.mark.revision)
    }

    /// The whole book as of a revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn book_as_of(&self, revision: Revision) -> Result<Book, Untold> {
        self.must_reach(revision)?;
        Ok(self.historians.look(async move |one| history::book_as_of(one, revision).await).await?)
    }

    /// The revisions after one, oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn stored_after(&self, revision: Revision, limit: i64) -> Result<Vec<Stored>, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(history::stored_after(&mut historian, revision, limit).await?)
    }

    /// Revisions after one, oldest first, as they stand in the chain: as many as are read at a time, and none at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entries_after(&self, revision: Revision) -> Result<Vec<Entry>, Untold> {
        if revision < self.folded() {
            return Err(Untold::Folded(self.folded()));
        }
        Ok(self.historians.look(async move |one| verify::entries_after(one, revision).await).await?)
    }

    /// What a document said as of a revision, which revision had made it say so, and when; None before its first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn document_as_of(&self, topic: &Topic, revision: Revision) -> Result<Option<DocumentAsOf>, Untold> {
        let mut historian = self.historians.one().await?;
        let found = documents::body_as_of(&mut historian, topic, self.looked_at(revision)).await?;
        let found = found.map(|(body, revision, at)| DocumentAsOf { body, revision, at });
        self.known_at(revision, found, |then| then.revision)
    }

    /// What a document said as of a revision; None where nothing was settled yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn setting_as_of(&self, topic: Topic, revision: Revision) -> Result<Option<Setting>, Untold> {
        let Some(then) = self.document_as_of(&topic, revision).await? else { return Ok(None) };
        let mark = Mark { revision: then.revision, updated_at: then.at, ..Mark::START };
        Ok(read_setting(&topic, then.body.as_deref(), mark).map(Some).map_err(Unavailable)?)
    }

    /// What guarded the store before anything was settled.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn first_guards(&self) -> Result<Guards, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(if upkeep::is_guarded(&mut historian).await? { Guards::usual() } else { Guards::default() })
    }

    /// An account as of a revision; None where there was none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_as_of(&self, name: &AccountName, revision: Revision) -> Result<Option<Settled>, Untold> {
        Ok(match self.setting_as_of(Topic::Account(name.clone()), revision).await? {
            Some(Setting::Account(settled)) => Some(settled),
            _ => None,
        })
    }

    /// Where the chain ended at a moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head_at(&self, moment: Moment) -> Result<Head, Untold> {
        if let Some(checkpoint) = self.book().settings().checkpoint().filter(|checkpoint| moment < checkpoint.at) {
            return Err(Untold::Folded(checkpoint.revision));
        }
        let mut historian = self.historians.one().await?;
        Ok(history::head_at(&mut historian, moment).await?)
    }

    /// The newest revision at a moment; [`Revision::NONE`] before the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revision_at(&self, moment: Moment) -> Result<Revision, Untold> {
        Ok(self.head_at(moment).await?.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_the_newest_and_at_least_one() {
        let revision = |id, changes| RevisionInfo {
            id: Revision::new(id),
            subject: Subject::Strategy(StrategyName::parse("alpha").unwrap()),
            kind: RevisionKind::Push,
            at: Moment::from_micros(id),
            actor: Actor::Client("alice".to_owned()),
            address: None,
            note: None,
            changes,
            hash: [0; 32],
            parent_hash: [0; 32],
        };
        let fits = |most| within(vec![revision(3, 4), revision(2, 0), revision(1, 5)], most).len();
        assert_eq!([fits(1), fits(4), fits(5), fits(9), fits(10)], [1, 1, 2, 2, 3]);
    }
}
