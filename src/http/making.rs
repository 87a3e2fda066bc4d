//! Answers that take work: made on threads that may be busy, while those that poll do something else.

use std::fmt;
use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, ready};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::error::AppError;

/// Something that is made once, for all who come together or later.
pub(super) struct Once<T>(OnceLock<Shared<BoxFuture<'static, Result<T, AppError>>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Once").finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static> Once<T> {
    /// What is there already.
    pub(super) fn made(it: T) -> Self {
        Self(OnceLock::from(ready(Ok(it)).boxed().shared()))
    }

    /// What was made, or what `make` makes. Whoever asked first may have left meanwhile: it is made all the same.
    pub(super) async fn get(&self, make: impl FnOnce() -> Result<T, AppError> + Send + 'static) -> Result<T, AppError> {
        let making =
            self.0.get_or_init(|| spawn_blocking(make).map(|outcome| outcome.unwrap_or_else(lost)).boxed().shared());
        match making.peek() {
            Some(there) => there.clone(),
            None => making.clone().await,
        }
    }
}

/// Where answers are made that only one asker wants: so many at a time.
#[derive(Debug)]
pub(super) struct Workshop(Arc<Semaphore>);

impl Workshop {
    /// For whoever asks: all processors may be busy with it.
    pub(super) fn for_askers() -> Self {
        Self::with(processors())
    }

    /// For those who waited for the same change and come together: however many they are, half of the processors are
    /// left to others.
    pub(super) fn for_crowds() -> Self {
        Self::with((processors() / 2).max(1))
    }

    fn with(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    pub(super) async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let work = move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _place = place;
            make()
        };
        spawn_blocking(work).await.unwrap_or_else(lost)
    }
}

fn processors() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Work that panicked.
fn lost<T>(error: impl fmt::Display) -> Result<T, AppError> {
    tracing::error!(%error, "an answer could not be made");
    Err(AppError::Internal)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Work that ends only when the thread that waits for it does something else.
    fn work() -> (impl FnOnce() -> Result<u8, AppError> + Send + 'static, impl Future<Output = ()>) {
        let (tell, heard) = mpsc::channel();
        (move || heard.recv().map_err(|_| AppError::Internal), async move { tell.send(7).unwrap() })
    }

    #[tokio::test]
    async fn the_thread_that_asks_is_free_meanwhile() {
        let once = Once::default();
        let (make, other) = work();
        let (first, second, ()) = tokio::join!(once.get(make), once.get(|| Ok(8)), other);
        assert_eq!((first, second, once.get(|| Ok(9)).await), (Ok(7), Ok(7), Ok(7)));
        let ((make, other), workshop) = (work(), Workshop::for_crowds());
        assert_eq!(tokio::join!(workshop.make(make), other).0, Ok(7));
    }

    #[tokio::test]
    async fn what_was_begun_is_made_for_those_who_are_left() {
        let once = Once::default();
        let (make, other) = work();
        assert!(once.get(make).now_or_never().is_none(), "the first asker leaves");
        assert_eq!(tokio::join!(once.get(|| Ok(8)), other).0, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        assert_eq!(Once::<u8>::default().get(|| panic!("as it must")).await, Err(AppError::Internal));
    }
}
