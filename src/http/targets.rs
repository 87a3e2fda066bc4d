//! Answers about what accounts are to hold: made once for each state of an account, as those about the total are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;

use super::AppState;
use super::api::accounts::{TargetAnswer, began};
use super::api::positions::AccountTotalAnswer;
use super::cache::{Conditions, Prepared};
use super::error::AppError;
use super::making::Once;
use crate::domain::account::AccountName;
use crate::domain::book::Mark;
use crate::domain::code::Notation;
use crate::domain::target::TargetMark;

/// How a target is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// Line by line, with holds.
    Lines(Notation),
    /// As a merged total, for terminals that know nothing else.
    Total(Notation),
}

#[derive(Debug, Clone)]
struct Kept {
    mark: TargetMark,
    answer: Arc<Once<Arc<Prepared>>>,
}

/// The newest answers about accounts' targets.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<HashMap<(AccountName, Shape), Kept>>);

impl Targets {
    /// The answer about a state of an account's target, made or to be made.
    fn of(&self, account: &AccountName, shape: Shape, mark: TargetMark) -> Arc<Once<Arc<Prepared>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.clone(), shape);
        match kept.get(&key) {
            Some(kept) if kept.mark == mark => Arc::clone(&kept.answer),
            // Whoever holds an older book must not take its answers away from the others.
            Some(kept) if kept.mark.mark.revision > mark.mark.revision => Arc::default(),
            _ => {
                let answer = Arc::new(Once::default());
                kept.insert(key, Kept { mark, answer: Arc::clone(&answer) });
                answer
            }
        }
    }

    /// Forgets the answers about accounts that are no more.
    fn forget(&self, account: &AccountName) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(name, _), _| name != account);
    }
}

/// What the entity tag of a target is made from: also who has spoken, because holds depend on it.
fn tagged(mark: TargetMark) -> Mark {
    let chain = u64::from_be_bytes(mark.mark.chain) ^ mark.spoken.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Mark { chain: chain.to_be_bytes(), ..mark.mark }
}

impl AppState {
    /// Answers what an account is to hold, unless its polls are paused or what it should hold is not known.
    pub(super) async fn target(
        &self,
        name: &AccountName,
        shape: Shape,
        conditions: &Conditions,
    ) -> Result<Response, AppError> {
        let (book, began) = (self.store.book(), began(self));
        let Some(settled) = book.settings().account(name).cloned() else {
            self.targets.forget(name);
            return Err(AppError::UnknownAccount(name.clone()));
        };
        if let Some((pause, _)) = book.settings().paused(Some(name)) {
            return Err(AppError::Paused(pause.note.clone()));
        }
        let mark = book.target_mark(&settled, began)?;
        let answer = async {
            let (maker, account) = (self.clone(), name.clone());
            let make = move || {
                let target = book.target(&settled, began)?;
                let prepared = match shape {
                    Shape::Lines(notation) => {
                        maker.answers.prepare(&TargetAnswer::new(&account, &target, notation, &maker.zone))
                    }
                    Shape::Total(notation) => {
                        maker.answers.prepare(&AccountTotalAnswer::new(&target, notation, &maker.zone))
                    }
                };
                prepared.map(|prepared| Arc::new(prepared.for_all()))
            };
            self.targets.of(name, shape, mark).get(make).await
        };
        self.answers.respond(conditions, Some(tagged(mark)), answer).await
    }
}
