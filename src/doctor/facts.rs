//! What is so: gathered from files, the database, the machine, and the server that runs. Nothing is judged here, and
//! nothing is changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use ureq::tls::TlsConfig;

use super::Setup;
use super::rights::{self, Held};
use crate::alert::{self, Outcome};
use crate::auth::keyring::{self, Inspection, KeyringError};
use crate::clock::{Clock, Zone, http_date};
use crate::desk::incidents::Disk;
use crate::domain::channel::{Channel, ChannelName};
use crate::domain::moment::Moment;
use crate::files;
use crate::net::{self, client, tls};
use crate::store::OpenError;
use crate::store::backups::{self, Plan, Told};
use crate::store::channels::ChannelStanding;
use crate::store::inspect::{self, Engine, Seen};

/// How long a page waits for the pages of the database to be looked through.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the server that runs may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Who wants to know.
#[derive(Debug, Clone)]
pub enum Asker {
    /// The server itself, for a page; what became of its copies.
    Server(Arc<Told>),
    /// The command line; whether every channel is to be tried.
    CommandLine {
        /// Whether a test message goes over each channel.
        send: bool,
    },
}

/// What was seen at one moment.
#[derive(Debug)]
pub struct Facts {
    /// When.
    pub now: Moment,
    /// What the server is told about itself.
    pub setup: Setup,
    /// What is in the keys folder.
    pub keys: Result<Inspection, KeyringError>,
    /// Who may do what with files and folders, where that can be seen.
    pub rights: Option<Vec<Held>>,
    /// What is in the database.
    pub database: Result<Seen, OpenError>,
    /// Whether its pages are sound.
    pub pages: Pages,
    /// Whether a server runs.
    pub server: Running,
    /// When the certificate ends, where there is one; or why it cannot be used.
    pub certificate: Option<Result<Option<Moment>, String>>,
    /// What is free beside the database, and beside the copies.
    pub disks: Vec<Volume>,
    /// How many files a server started from here may have open; None without a limit.
    pub files: Option<u64>,
    /// What keeps the database.
    pub engine: Result<Engine, OpenError>,
    /// The copies, where any are made.
    pub copies: Option<Copies>,
    /// The channels.
    pub channels: Vec<ChannelFacts>,
}

/// Whether the pages of a database are sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// They are.
    Sound,
    /// What is damaged.
    Damaged(String),
    /// Looking through them took too long.
    TooMany,
    /// They cannot be read, which is said elsewhere.
    Unread,
}

/// Whether a server runs on the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// It is the one that looks.
    Itself,
    /// None does.
    Not,
    /// Whether one does cannot be seen; why.
    Unknown(String),
    /// One does, and nobody said where it listens.
    Unasked,
    /// One does, and answers: with which status, and when by its own clock.
    Answers(u16, Option<Moment>),
    /// One does, and does not answer; why.
    Silent(String),
}

/// A disk with what lies on it.
#[derive(Debug, Clone)]
pub struct Volume {
    /// The folder that was asked about.
    pub folder: PathBuf,
    /// What is free; None where that cannot be known.
    pub disk: Option<Disk>,
    /// How much the next copy of the database takes, where one is made there: bytes.
    pub needs: u64,
}

/// The copies that the server makes.
#[derive(Debug, Clone)]
pub struct Copies {
    /// How they are made.
    pub plan: Plan,
    /// When the newest was made.
    pub newest: Option<Moment>,
    /// Why the last try failed, where that is known.
    pub failure: Option<String>,
    /// Whether they lie on the database's own disk, as far as that can be seen.
    pub is_same_disk: bool,
    /// Why the newest could not be put back, where it was looked through.
    pub damage: Option<String>,
}

/// A channel, and how it stands.
#[derive(Debug, Clone)]
pub struct ChannelFacts {
    /// Its name.
    pub name: ChannelName,
    /// What it told.
    pub standing: ChannelStanding,
    /// What became of a message that was sent just now.
    pub tried: Option<Outcome>,
}

/// Looks at everything.
pub(super) async fn gather(setup: &Setup, clock: &Clock, asker: Asker) -> Facts {
    let database = setup.places.database();
    let seen = inspect::inspect(&database).await;
    let pages = match &seen {
        Err(OpenError::Missing(_) | OpenError::Emptied(_) | OpenError::SetAside(_)) => Pages::Unread,
        _ => pages(&database, &asker).await,
    };
    let certificate = match &setup.tls {
        Some(files) => Some(tls::Certificate::load(files.clone()).await.map(|loaded| loaded.expires_at())),
        None => None,
    };
    let channels = match &seen {
        Ok(seen) => channels(&database, seen, &asker, setup, clock).await,
        Err(_) => Vec::new(),
    };
    let (server, keys_dir) = (running(setup, &asker).await, setup.places.keys_dir.clone());
    let keys = blocking(move || keyring::inspect(&keys_dir)).await;
    Facts {
        now: clock.now(),
        rights: rights::look(setup, keys.as_ref().ok()),
        keys,
        pages,
        server,
        certificate: certificate.map(|loaded| loaded.map_err(|error| format!("{error:#}"))),
        disks: disks(setup).await,
        files: net::most_files(),
        engine: inspect::engine().await,
        copies: match setup.backups.clone() {
            Some(plan) => Some(copies(plan, &asker, &setup.places.data_dir).await),
            None => None,
        },
        channels,
        database: seen,
        setup: setup.clone(),
    }
}

/// Does on a thread of its own what may wait for a disk or an answer.
async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(look).await {
        Ok(seen) => seen,
        // What panics there is a fault of ours, as it would be here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn pages(database: &Path, asker: &Asker) -> Pages {
    let patience = if matches!(asker, Asker::Server(_)) { PATIENCE } else { Duration::MAX };
    match timeout(patience, inspect::damage(database)).await {
        Err(_) => Pages::TooMany,
        Ok(Ok(None)) => Pages::Sound,
        Ok(Ok(Some(damage))) => Pages::Damaged(damage),
        Ok(Err(_)) => Pages::Unread,
    }
}

async fn disks(setup: &Setup) -> Vec<Volume> {
    let size = std::fs::metadata(setup.places.database()).map_or(0, |about| about.len());
    let data = (setup.places.data_dir.clone(), 0);
    let copies = setup.backups.as_ref().map(|plan| (plan.folder.clone(), size));
    let mut volumes = Vec::new();
    for (folder, needs) in std::iter::once(data).chain(copies) {
        volumes.push(blocking(move || Volume { disk: free(&folder), folder, needs }).await);
    }
    volumes
}

/// What is free where a folder lies, or is to lie.
fn free(folder: &Path) -> Option<Disk> {
    let there = std::path::absolute(folder).ok()?;
    let disk = there.ancestors().find_map(|folder| fs4::statvfs(folder).ok())?;
    Some(Disk { free: disk.available_space(), total: disk.total_space() })
}

/// The copies. A page does not wait for a second database to be looked through.
async fn copies(plan: Plan, asker: &Asker, data_dir: &Path) -> Copies {
    let newest = backups::newest_in(&plan.folder);
    let (failure, damage) = match (asker, &newest) {
        (Asker::Server(told), _) => (told.failure.as_ref().map(|(_, why)| why.clone()), None),
        (Asker::CommandLine { .. }, Some((_, copy))) => (None, damage(copy).await),
        (Asker::CommandLine { .. }, None) => (None, None),
    };
    let is_same_disk = disk_of(&plan.folder).is_some_and(|disk| disk_of(data_dir) == Some(disk));
    Copies { newest: newest.map(|(at, _)| at), failure, is_same_disk, damage, plan }
}

/// What is wrong with a copy: one that is no database any more says so by refusing to be read.
async fn damage(copy: &Path) -> Option<String> {
    inspect::damage(copy).await.unwrap_or_else(|error| Some(error.to_string()))
}

/// Which disk a folder lies on, or is to lie on.
#[cfg(unix)]
fn disk_of(folder: &Path) -> Option<u64> {
    let there = std::path::absolute(folder).ok()?;
    let about = there.ancestors().find_map(|folder| std::fs::metadata(folder).ok())?;
    Some(std::os::unix::fs::MetadataExt::dev(&about))
}

#[cfg(not(unix))]
fn disk_of(_: &Path) -> Option<u64> {
    None
}

async fn running(setup: &Setup, asker: &Asker) -> Running {
    if matches!(asker, Asker::Server(_)) {
        return Running::Itself;
    }
    match files::is_in_use(&setup.places.data_dir) {
        Ok(false) => Running::Not,
        Err(error) => Running::Unknown(error.to_string()),
        Ok(true) if setup.listen.port() == 0 => Running::Unasked,
        Ok(true) => {
            let scheme = if setup.tls.is_some() { "https" } else { "http" };
            let url = format!("{scheme}://{}/healthz", reachable(setup.listen));
            blocking(move || ask(&url)).await
        }
    }
}

/// An address at which this machine reaches what listens everywhere.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, address.port()).into()
}

/// Asks the server how it is.
fn ask(url: &str) -> Running {
    let agent: ureq::Agent = client(ANSWERS_WITHIN)
        .proxy(None)
        // Its certificate is for the name by which others reach it, and nothing secret is said.
        .tls_config(TlsConfig::builder().disable_verification(true).build())
        .build()
        .into();
    match agent.get(url).call() {
        Ok(answer) => {
            let date = answer.headers().get("date").and_then(|date| http_date(date.to_str().ok()?));
            Running::Answers(answer.status().as_u16(), date)
        }
        Err(error) => Running::Silent(error.to_string()),
    }
}

async fn channels(database: &Path, seen: &Seen, asker: &Asker, setup: &Setup, clock: &Clock) -> Vec<ChannelFacts> {
    let send = matches!(asker, Asker::CommandLine { send: true });
    let mut facts = Vec::new();
    for (name, channel) in seen.book.settings().channels() {
        let standing = seen.channels.get(name.as_str()).cloned().unwrap_or_default();
        let tried = if send { Some(try_out(database, name, channel, &setup.zone, clock.now()).await) } else { None };
        facts.push(ChannelFacts { name: name.clone(), standing, tried });
    }
    facts
}

/// Sends a test message over a channel.
async fn try_out(database: &Path, name: &ChannelName, channel: &Channel, zone: &Zone, now: Moment) -> Outcome {
    match inspect::channel_secrets(database, name).await {
        Ok(Some(secrets)) => alert::try_out(name, channel, &secrets, zone, now).await,
        Ok(None) => Outcome::Refused("the channel has no address".to_owned()),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}
