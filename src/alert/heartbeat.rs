//! A dead man's switch: an address is asked every minute while the writer commits and incidents are looked for. Whoever
//! watches it tells when the server is gone, which the server itself cannot.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use super::send::agent;
use crate::desk::incidents::Incidents;
use crate::domain::channel::Secrets;
use crate::store::Store;

/// How often it is asked.
const EVERY: Duration = Duration::from_mins(1);

/// Asks an address every minute while the store takes writes and what goes wrong is found, for ever. It is as good as a password: who knows it can keep
/// the watcher still.
///
/// # Errors
/// Never.
pub async fn beat(address: Secrets, store: Store, incidents: Incidents) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_heard = true;
    loop {
        ticks.tick().await;
        if let Err(error) = store.probe().await {
            tracing::warn!(%error, "no heartbeat is sent: the store takes no writes");
            continue;
        }
        if !incidents.is_kept() {
            tracing::warn!("no heartbeat is sent: nobody looks for incidents");
            continue;
        }
        let heard = ask(address.clone()).await;
        match &heard {
            Err(error) if was_heard => tracing::warn!(error, "whoever watches the heartbeat does not hear it"),
            Ok(()) if !was_heard => tracing::info!("the heartbeat is heard again"),
            _ => {}
        }
        was_heard = heard.is_ok();
    }
}

async fn ask(address: Secrets) -> Result<(), String> {
    let (answer, heard) = oneshot::channel();
    let ask = move || match agent().get(&address.url).call() {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
        Err(error) => Err(address.scrub(&error.to_string())),
    };
    let work = move || drop(answer.send(ask()));
    std::thread::Builder::new().name("the heartbeat".to_owned()).spawn(work).map_err(|error| error.to_string())?;
    heard.await.unwrap_or_else(|_| Err("asking failed".to_owned()))
}
