//! Questions about the book as it is now: answered at once, or for who waits as soon as there is something new.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;
use utoipa::IntoParams;

use super::AppState;
use super::cache::{Common, Conditions, Prepared};
use super::capacity::Later;
use super::error::AppError;
use super::extract::{Admitted, Last, Query, peer_address};
use super::places::Place;
use super::targets::Shape;
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Mark};
use crate::net::{Line, Lingering};

/// What is asked of the book.
pub(super) trait Question: Send + Sync + 'static {
    /// The state of what is asked for: as long as it is the same, so is the answer.
    fn mark(&self, book: &Book) -> Result<Option<Mark>, AppError>;

    /// How its answer is made.
    fn making(&self) -> Making;

    /// Makes its answer.
    fn make(&self, book: &Book, state: &AppState) -> Result<Prepared, AppError>;
}

/// How an answer is made.
pub(super) enum Making {
    /// Once for all who ask the same.
    Once(Common),
    /// Once for all who ask what an account is to hold.
    Target(AccountName, Shape),
    /// For one asker, on a thread that may be busy.
    Apart,
    /// For one asker, on the spot: handing it over would take as long.
    OnTheSpot,
}

/// How long somebody waits, in seconds.
#[derive(Deserialize)]
#[serde(try_from = "u64")]
struct Seconds(u64);

impl TryFrom<u64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: u64) -> Result<Self, Self::Error> {
        if (1..=60).contains(&seconds) { Ok(Self(seconds)) } else { Err("must be 1 to 60") }
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct WaitQuery {
    /// With `If-None-Match`: for how many seconds to wait for something new.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 60)]
    wait: Last<Seconds>,
}

/// Somebody who asks: what they have already, and whether they wait for something else.
pub(super) struct Asker {
    pub(super) conditions: Conditions,
    patience: Option<Patience>,
}

impl FromRequestParts<AppState> for Asker {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let Ok(conditions) = Conditions::from_request_parts(parts, state).await;
        let Query(query): Query<WaitQuery> = Query::from_request_parts(parts, state).await?;
        let patience = match query.wait {
            // Who has nothing is not kept waiting for it.
            Last(Some(Seconds(seconds))) if conditions.is_any() => {
                Some(Patience::of(Duration::from_secs(seconds), parts, state).await?)
            }
            _ => None,
        };
        Ok(Self { conditions, patience })
    }
}

impl Asker {
    /// Answers a question about the book as it is now.
    pub(super) async fn ask(self, state: AppState, question: impl Question) -> Result<Response, AppError> {
        let Self { conditions, patience } = self;
        // Before the book is looked at: what is published from here on is heard of.
        let patience = patience.map(|patience| (patience, state.store.published()));
        let book = state.store.book();
        let mark = question.mark(&book)?;
        let tag = state.answers.tag(mark);
        match patience {
            _ if !conditions.know(&tag) => {
                let answer = prepare(&state, question, (book, mark), conditions.gzip, false).await?;
                answer.response(&tag, conditions.gzip).await
            }
            None => Ok(tag.unchanged()),
            Some((patience, published)) => {
                patience.wait(state, WaitingQuestion { published, question, has: mark, gzip: conditions.gzip })
            }
        }
    }
}

/// How long somebody waits, and what is needed for that of their request.
struct Patience {
    span: Duration,
    /// How much they asked: KiB, begun ones.
    weight: usize,
    address: IpAddr,
    line: Option<Line>,
    admitted: Admitted,
}

impl Patience {
    async fn of(span: Duration, parts: &Parts, state: &AppState) -> Result<Self, AppError> {
        Ok(Self {
            span,
            weight: 1 + parts.uri.query().map_or(0, str::len) / 1024,
            address: peer_address(parts)?,
            line: parts.extensions.get().cloned(),
            admitted: Admitted::of(parts, state).await?,
        })
    }

    /// Waits in a place for that, and on a connection that takes no seat meanwhile.
    fn wait(mut self, state: AppState, mut waiting: WaitingQuestion<impl Question>) -> Result<Response, AppError> {
        let place = state.capacity.waiting.weighing(self.weight, self.address).ok_or(AppError::Overloaded)?;
        let held = (place, self.line.as_ref().and_then(Line::linger));
        Ok(Later::response(self.span, async move {
            let heard = waiting.hear(&state, self.span, held).await;
            if !*state.closing.borrow() {
                self.admitted.renew(&state).await?;
            }
            waiting.answer(&state, heard?).await
        }))
    }
}

/// A question that waits.
struct WaitingQuestion<Q> {
    published: watch::Receiver<()>,
    question: Q,
    /// The state that the asker has.
    has: Option<Mark>,
    gzip: bool,
}

impl<Q: Question> WaitingQuestion<Q> {
    /// Waits for a state that the asker does not have, until the time is over or the server is to stop, and gives the book
    /// as it is then. What is held meanwhile is let go.
    async fn hear(
        &mut self,
        state: &AppState,
        span: Duration,
        _held: (Place, Option<Lingering>),
    ) -> Result<(Arc<Book>, Option<Mark>), AppError> {
        let mut closing = state.closing.subscribe();
        let mut end = pin!(async {
            tokio::select! {
                () = sleep(span) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        });
        loop {
            let is_over = tokio::select! {
                _ = self.published.changed() => false,
                () = &mut end => true,
            };
            let book = state.store.book();
            let mark = self.question.mark(&book)?;
            if is_over || mark != self.has {
                return Ok((book, mark));
            }
        }
    }

    async fn answer(self, state: &AppState, (book, mark): (Arc<Book>, Option<Mark>)) -> Result<Response, AppError> {
        let tag = state.answers.tag(mark);
        if mark == self.has {
            return Ok(tag.unchanged());
        }
        let answer = prepare(state, self.question, (book, mark), self.gzip, true).await?;
        answer.response(&tag, self.gzip).await
    }
}

/// The answer to a question; for those who `waited`, who may be a crowd, apart from what others ask.
async fn prepare(
    state: &AppState,
    question: impl Question,
    (book, mark): (Arc<Book>, Option<Mark>),
    gzip: bool,
    waited: bool,
) -> Result<Arc<Prepared>, AppError> {
    let (making, newest, maker) = (question.making(), book.newest(), state.clone());
    let make_of = |book: Arc<Book>| move || question.make(&book, &maker);
    let workshop = if waited { &state.crowd_workshop } else { &state.workshop };
    match making {
        Making::Once(common) => state.answers.common(common, newest, make_of(book)).await,
        Making::Target(account, shape) => {
            let kept = state.targets.of(&book, &account, shape, mark.unwrap_or(Mark::START));
            let make = make_of(book);
            kept.get(move || make().map(|answer| Arc::new(answer.for_all()))).await
        }
        Making::OnTheSpot if !waited => make_of(book)().map(Arc::new),
        _ => {
            let make = make_of(book);
            workshop.make(move || make().map(|answer| if gzip { answer.zipped() } else { answer })).await.map(Arc::new)
        }
    }
}
