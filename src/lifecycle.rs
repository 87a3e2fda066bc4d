//! One owner of every task. All of them are essential: when one ends before it is told to, the process ends, with exit
//! code 1. A service manager starts it again; a mute server that answers polls from a frozen book would be worse.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use futures::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task that ended before it was told to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{task} has stopped: {cause}")]
pub struct Ended {
    /// Which one.
    pub task: &'static str,
    /// Why, as far as it is known.
    pub cause: String,
}

/// Whether every task is at work.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<OnceLock<Ended>>);

impl Health {
    /// The first task that ended; None while all is well.
    pub fn ended(&self) -> Option<&Ended> {
        self.0.get()
    }
}

/// The owner of every task. A clone is the same owner.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    health: Health,
    failed: CancellationToken,
    stopping: CancellationToken,
    over: CancellationToken,
}

impl Lifecycle {
    /// An owner of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every task is at work.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Runs a task. The handle tells when it has ended, as it should after [`Self::stop`].
    pub fn task<E: Display>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> JoinHandle<()> {
        let owner = self.clone();
        tokio::spawn(async move {
            let caught = AssertUnwindSafe(work).catch_unwind();
            if let Some(outcome) = owner.over.run_until_cancelled(caught).await {
                owner.note(name, outcome.map(|done| done.map_err(|error| error.to_string())));
            }
        })
    }

    /// Runs a task that takes a whole thread.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn thread<E: Display>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) -> std::io::Result<()> {
        let owner = self.clone();
        let run = move || {
            let outcome = catch_unwind(AssertUnwindSafe(work));
            owner.note(name, outcome.map(|done| done.map_err(|error| error.to_string())));
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run).map(|_| ())
    }

    /// Waits for the first task that ends before it is told to.
    pub async fn failure(&self) -> Ended {
        self.failed.cancelled().await;
        let unknown = || Ended { task: "a task", cause: "its cause is unknown".to_owned() };
        self.health.ended().cloned().unwrap_or_else(unknown)
    }

    /// From now on the end of a task is no failure.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Ends what still runs.
    pub fn end(&self) {
        self.stop();
        self.over.cancel();
    }

    fn note(&self, task: &'static str, outcome: Result<Result<(), String>, Box<dyn Any + Send>>) {
        if self.stopping.is_cancelled() {
            return;
        }
        let cause = match outcome {
            Ok(Ok(())) => "nobody told it to".to_owned(),
            Ok(Err(error)) => error,
            Err(panic) => format!("it panicked ({})", words(&*panic)),
        };
        // The first one is the cause; what ends after it is a consequence. Health fails before anybody is told.
        let _ = self.health.0.set(Ended { task, cause });
        self.failed.cancel();
    }
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use super::*;

    type Outcome = Result<(), String>;

    async fn end_of(run: impl FnOnce(&Lifecycle)) -> String {
        let owner = Lifecycle::new();
        let _idle = owner.task("an idle task", pending::<Result<(), Infallible>>());
        assert_eq!(owner.health().ended(), None);
        run(&owner);
        let ended = owner.failure().await;
        assert_eq!(owner.health().ended(), Some(&ended), "health fails with it");
        ended.to_string()
    }

    #[tokio::test]
    async fn the_end_of_a_task_is_a_failure_with_its_name() {
        let end = end_of(|owner| drop(owner.task("the listener", async { Outcome::Ok(()) }))).await;
        assert_eq!(end, "the listener has stopped: nobody told it to");
        let end =
            end_of(|owner| drop(owner.task("the listener", async { Outcome::Err("port gone".to_owned()) }))).await;
        assert_eq!(end, "the listener has stopped: port gone");
        let end = end_of(|owner| drop(owner.task("the listener", async { panic!("number {}", 7) as Outcome }))).await;
        assert_eq!(end, "the listener has stopped: it panicked (number 7)");
    }

    #[tokio::test]
    async fn the_end_of_a_thread_is_a_failure_too() {
        let end = end_of(|owner| owner.thread("the writer", || panic!("disk") as Outcome).unwrap()).await;
        assert_eq!(end, "the writer has stopped: it panicked (disk)");
        let end = end_of(|owner| owner.thread("the writer", || Outcome::Ok(())).unwrap()).await;
        assert_eq!(end, "the writer has stopped: nobody told it to");
    }

    #[tokio::test]
    async fn who_was_told_to_stop_may_end() {
        let owner = Lifecycle::new();
        let idle = owner.task("an idle task", pending::<Result<(), Infallible>>());
        owner.stop();
        owner.task("the listener", async { Outcome::Ok(()) }).await.unwrap();
        assert_eq!(owner.health().ended(), None);
        owner.end();
        idle.await.unwrap();
        assert_eq!(owner.health().ended(), None);
    }
}
