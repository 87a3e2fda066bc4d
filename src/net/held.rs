//! A body that holds on to something until it was sent. It is handed over in slices, so that this is known: a whole body
//! would be taken over at once, however slowly the client takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

/// How much is handed over at a time, in bytes.
const SLICE: usize = 64 << 10;

/// A body, and what ends with it.
pub(crate) struct Held<G> {
    body: Body,
    /// What came of the body and was not handed over yet.
    rest: Bytes,
    _guard: G,
}

impl<G: Unpin + Send + 'static> Held<G> {
    /// Lets go of `guard` when `body` was handed over for sending, or dropped.
    pub(crate) fn until_sent(body: Body, guard: G) -> Body {
        Body::new(Self { body, rest: Bytes::new(), _guard: guard })
    }
}

impl<G: Unpin> http_body::Body for Held<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)?) else { return Poll::Ready(None) };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(SLICE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (u64::try_from(self.rest.len()).unwrap_or(u64::MAX), self.body.size_hint());
        let mut whole = SizeHint::new();
        whole.set_lower(rest.saturating_add(hint.lower()));
        if let Some(upper) = hint.upper() {
            whole.set_upper(rest.saturating_add(upper));
        }
        whole
    }
}
