//! Telling the service manager how the server is: systemd's protocol, a datagram to the socket that it names.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::store::Store;

/// A service manager that waits to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Its socket: a path, or after an `@` a name that stands in no folder.
    pub socket: String,
    /// Within what it wants to hear that the server is at work, where it does.
    pub watchdog: Option<Duration>,
}

impl Manager {
    /// Tells it something, such as `READY=1`. A server whose manager hears nothing serves all the same.
    pub fn tell(&self, words: &str) {
        if let Err(error) = self.send(words) {
            tracing::warn!(%error, words, "the service manager does not hear");
        }
    }

    #[cfg(unix)]
    fn send(&self, words: &str) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixDatagram};

        let address = match self.socket.strip_prefix('@') {
            #[cfg(target_os = "linux")]
            Some(name) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&self.socket)?,
        };
        let socket = UnixDatagram::unbound()?;
        // Nobody waits for a manager that does not read.
        socket.set_nonblocking(true)?;
        socket.send_to_addr(words.as_bytes(), &address).map(|_| ())
    }

    #[cfg(not(unix))]
    fn send(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Says so often that the server is at work that the manager does not restart it, for ever: whenever the writer has answered,
    /// and incidents are looked for. That the disk is full is an answer, and no restart would help; that there is none is what
    /// the manager is for.
    ///
    /// # Errors
    /// Never.
    pub async fn keep_telling(
        self,
        within: Duration,
        store: Store,
        is_looked: impl Fn() -> bool + Send,
    ) -> Result<(), Infallible> {
        let mut ticks = interval((within / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let _ = store.probe().await;
            if is_looked() {
                self.tell("WATCHDOG=1");
            }
        }
    }
}
