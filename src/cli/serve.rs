//! `jq2qmt serve`

use crate::clock::Clock;
use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::startup;

/// Runs the server until it is told to stop.
pub(super) async fn run(config: Config, clock: Clock) -> anyhow::Result<()> {
    until(config, clock, stop_signal()?).await
}

/// Runs the server until `stop` is done.
pub(super) async fn until(
    config: Config,
    clock: Clock,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = startup::bind(config.listen)?;
    startup::serve(config, listener, clock, Lifecycle::new(), stop).await
}

/// Ends with SIGTERM or Ctrl-C.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends with Ctrl-C, Ctrl-Break, a closed console window or the machine's shutdown.
#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
    let (mut interrupt, mut break_, mut close, mut shutdown) =
        (ctrl_c()?, ctrl_break()?, ctrl_close()?, ctrl_shutdown()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = break_.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}
