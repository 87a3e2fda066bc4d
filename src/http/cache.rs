//! Answers to polls: made once for each revision, told apart by a strong `ETag`, sent as they are or gzip-ed.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::answer::CachePolicy;
use super::capacity::KeptForAll;
use super::error::AppError;
use super::making::Once;
use crate::clock::Zone;
use crate::domain::book::Mark;

/// Smaller answers are not worth the compressing.
const GZIP_FROM: usize = 1024;

/// The questions whose answers are kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum Common {
    /// The total of everything, in a notation.
    Total { notation: usize },
    /// The total without adjustments, in a notation.
    OrdinaryTotal { notation: usize },
    /// Every strategy's list, in a notation.
    AllLists { notation: usize },
}

impl Common {
    const COUNT: usize = 9;

    const fn slot(self) -> usize {
        match self {
            Self::Total { notation } => notation,
            Self::OrdinaryTotal { notation } => 3 + notation,
            Self::AllLists { notation } => 6 + notation,
        }
    }
}

/// An answer's bytes, and the same gzip-ed once somebody asked for it.
#[derive(Debug)]
pub(super) struct Prepared {
    plain: Bytes,
    gzip: Once<Bytes>,
    is_for_all: bool,
}

impl Prepared {
    /// Serializes an answer.
    fn new(answer: &impl Serialize) -> Result<Self, AppError> {
        let plain = serde_json::to_vec(answer).map_err(|error| {
            tracing::error!(%error, "an answer could not be serialized");
            AppError::Internal
        })?;
        Ok(Self { plain: plain.into(), gzip: Once::default(), is_for_all: false })
    }

    /// The same, kept for everybody: it costs nothing to send it once more.
    pub(super) fn for_all(self) -> Self {
        Self { is_for_all: true, ..self }
    }

    /// The same, with what is sent to who unpacks it made in the same go.
    pub(super) fn zipped(self) -> Self {
        if self.plain.len() < GZIP_FROM {
            return self;
        }
        Self { gzip: Once::made(gzip(&self.plain)), ..self }
    }

    async fn gzip(&self) -> Result<Bytes, AppError> {
        let plain = self.plain.clone();
        self.gzip.get(move || Ok(gzip(&plain))).await
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

/// The kept answers of one state of the book.
#[derive(Debug, Default)]
struct Kept {
    mark: Option<Mark>,
    answers: [Once<Arc<Prepared>>; Common::COUNT],
}

/// What a poller has already, and what it can unpack.
pub(super) struct Conditions {
    known: Vec<HeaderValue>,
    pub(super) gzip: bool,
}

impl Conditions {
    /// Whether the poller has anything at all.
    pub(super) const fn is_any(&self) -> bool {
        !self.known.is_empty()
    }

    /// Whether the poller has the state that a tag names.
    pub(super) fn know(&self, tag: &Tag) -> bool {
        self.known.iter().any(|value| names_tag(value, tag.name()))
    }
}

/// The name of a state between quotes, as an `ETag` spells it.
pub(super) struct Tag(String);

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
        Ok(Self { known, gzip: accepts_gzip(&parts.headers) })
    }
}

/// The kept answers of the newest state, and how states are told apart.
#[derive(Debug)]
pub(super) struct Answers {
    kept: ArcSwap<Kept>,
    /// Differs between versions, zones and lineages, whose answers differ for the same state.
    seal: u64,
    lineage: i64,
}

impl Answers {
    pub(super) fn new(zone: &Zone, lineage: i64) -> Self {
        let digest = Sha256::digest(format!("{} {} {lineage}", env!("CARGO_PKG_VERSION"), zone.name()));
        Self { kept: ArcSwap::default(), seal: u64::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 8])), lineage }
    }

    /// Serializes an answer, with the lineage that it belongs to.
    pub(super) fn prepare(&self, answer: &impl Serialize) -> Result<Prepared, AppError> {
        #[derive(Serialize)]
        struct Answer<'a, T> {
            #[serde(flatten)]
            answer: &'a T,
            lineage: i64,
        }
        Prepared::new(&Answer { answer, lineage: self.lineage })
    }

    /// The answer to a common question about the state `mark`; `make` is asked once for each state, also when pollers come
    /// together: the others wait for the one who makes it.
    pub(super) async fn common(
        &self,
        question: Common,
        mark: Option<Mark>,
        make: impl FnOnce() -> Result<Prepared, AppError> + Send + 'static,
    ) -> Result<Arc<Prepared>, AppError> {
        let kept = self.kept_of(mark);
        kept.answers[question.slot()].get(|| make().map(|answer| Arc::new(answer.for_all()))).await
    }

    /// The kept answers of a state.
    fn kept_of(&self, mark: Option<Mark>) -> Arc<Kept> {
        let newest = |mark: Option<Mark>| mark.map(|mark| mark.revision);
        let kept = self.kept.load_full();
        if kept.mark == mark {
            return kept;
        }
        let fresh = Arc::new(Kept { mark, ..Kept::default() });
        if newest(kept.mark) > newest(mark) {
            // Whoever holds an older book must not take its answers away from the others.
            return fresh;
        }
        let found = self.kept.compare_and_swap(&kept, Arc::clone(&fresh));
        // Somebody may have been here first, with the same state.
        if found.mark == mark { Arc::clone(&found) } else { fresh }
    }

    /// The name of the state `mark`.
    pub(super) fn tag(&self, mark: Option<Mark>) -> Tag {
        let (revision, chain) = mark.map_or((0, 0), |mark| (mark.revision.get(), u64::from_be_bytes(mark.chain)));
        Tag(format!("\"{revision}-{:016x}\"", chain ^ self.seal))
    }

    /// Answers a read of the state `mark`: 304 when the asker has it, else `answer`, which is not begun before.
    pub(super) async fn respond(
        &self,
        conditions: &Conditions,
        mark: Option<Mark>,
        answer: impl Future<Output = Result<Arc<Prepared>, AppError>>,
    ) -> Result<Response, AppError> {
        let tag = self.tag(mark);
        if conditions.know(&tag) { Ok(tag.unchanged()) } else { answer.await?.response(&tag, conditions.gzip).await }
    }
}

impl Tag {
    fn name(&self) -> &str {
        self.0.trim_matches('"')
    }

    /// A 304 to who has this state.
    pub(super) fn unchanged(&self) -> Response {
        response(StatusCode::NOT_MODIFIED, &self.0, Body::empty())
    }
}

impl Prepared {
    /// A 200 with this answer, which is the one of the state that `tag` names.
    pub(super) async fn response(&self, tag: &Tag, gzip: bool) -> Result<Response, AppError> {
        let mut response = if self.plain.len() < GZIP_FROM || !gzip {
            response(StatusCode::OK, &tag.0, Body::from(self.plain.clone()))
        } else {
            // Another encoding is another strong tag; both name the same state.
            let mut zipped =
                response(StatusCode::OK, &format!("\"{}-gz\"", tag.name()), Body::from(self.gzip().await?));
            zipped.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            zipped
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.is_for_all {
            response.extensions_mut().insert(KeptForAll);
        }
        Ok(response)
    }
}

fn response(status: StatusCode, tag: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    response.extensions_mut().insert(CachePolicy::Revalidate);
    response
}

fn names_tag(value: &HeaderValue, tag: &str) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').map(str::trim).any(|candidate| {
        let candidate = candidate.strip_prefix("W/").unwrap_or(candidate);
        let inner = candidate.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inner.is_some_and(|inner| inner.strip_suffix("-gz").unwrap_or(inner) == tag)
    })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    offers.flat_map(|value| value.split(',')).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip") || coding == "*");
        let refused = parts.any(|part| matches!(part.strip_prefix("q=").map(str::parse::<f32>), Some(Ok(0.0))));
        gzip && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Barrier;

    use super::*;
    use crate::domain::moment::Moment;
    use crate::domain::revision::Revision;

    fn mark(revision: i64) -> Mark {
        Mark { revision: Revision::new(revision), chain: [0; 8], updated_at: Moment::from_micros(revision) }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn who_comes_together_is_answered_by_one_making() {
        let answers = Arc::new(Answers::new(&Zone::named("UTC").unwrap(), 1));
        let count = Arc::new(AtomicUsize::new(0));
        let (rounds, pollers) = (200, 8);
        let ready = Arc::new(Barrier::new(pollers));
        let poll = |_| {
            let (answers, count, ready) = (Arc::clone(&answers), Arc::clone(&count), Arc::clone(&ready));
            tokio::spawn(async move {
                for revision in 1..=rounds {
                    ready.wait().await;
                    let count = Arc::clone(&count);
                    let make = move || {
                        count.fetch_add(1, Ordering::Relaxed);
                        // Long enough that the others come meanwhile.
                        Prepared::new(&vec![0; 50_000])
                    };
                    answers.common(Common::Total { notation: 0 }, Some(mark(revision)), make).await.unwrap();
                }
            })
        };
        let polls: Vec<_> = (0..pollers).map(poll).collect();
        for poll in polls {
            poll.await.unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), usize::try_from(rounds).unwrap());
    }

    #[tokio::test]
    async fn an_older_book_takes_nothing_away_from_a_newer_one() {
        let answers = Answers::new(&Zone::named("UTC").unwrap(), 1);
        let total = Common::Total { notation: 0 };
        let ask = async |revision, answer: &'static str| {
            let prepared = answers.common(total, Some(mark(revision)), move || Prepared::new(&answer)).await.unwrap();
            String::from_utf8(prepared.plain.to_vec()).unwrap()
        };
        assert_eq!(ask(2, "new").await, "\"new\"");
        assert_eq!(ask(1, "old").await, "\"old\"");
        assert_eq!(ask(2, "made again").await, "\"new\"");
    }
}
