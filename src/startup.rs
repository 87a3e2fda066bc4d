//! From a configuration to a server that runs, and down again.

use std::convert::Infallible;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures::FutureExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::password::NewPassword;
use crate::auth::reach::Reach;
use crate::auth::rights::Gate;
use crate::clock::Clock;
use crate::config::{Config, Places, Tls};
use crate::desk::daily::Queued;
use crate::desk::expiry::Steadiness;
use crate::desk::incidents::{Backup, Disk, Surroundings};
use crate::doctor::{Doctor, Setup};
use crate::domain::watch::clock_behind;
use crate::files::{LOCK, create_private_dir};
use crate::http::{App, AppState};
use crate::ledger::MAX_AHEAD;
use crate::lifecycle::Lifecycle;
use crate::net::Bounds;
use crate::net::tls::Certificate;
use crate::store::backups::Backups;
use crate::store::{Store, backups};
use crate::{alert, demo, first_start, log, net};

/// How long requests in flight may take when the process ends because one of its tasks has.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a start waits for a terminal to show something.
const TELLING: Duration = Duration::from_secs(3);

/// How often the clock is held against the newest change.
const CLOCK_LOOK_EVERY: Duration = Duration::from_mins(1);

/// How often incidents are looked for though nothing changes, and how long a look rests after another.
const INCIDENTS_EVERY: Duration = Duration::from_secs(5);
const INCIDENTS_REST: Duration = Duration::from_secs(2);

/// Opens the port.
///
/// # Errors
/// When it is in use or may not be used.
pub fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}: stop what uses the port, or choose another with --listen ADDR:PORT")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `shutdown` is done and the requests in flight are answered. Its tasks belong to `lifecycle`.
///
/// # Errors
/// When something that the server needs cannot be had, or a task ends that must not.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    clock: Clock,
    lifecycle: Lifecycle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let _lock = prepare_data_dir(&config.places)?;
    log::keep_in(&config.places.data_dir);
    let store = open_store(&config, &clock, &lifecycle).await?;

    // The password is set last: until then a start that failed half-way is still the first one.
    let is_first = store.operator().await?.is_none();
    let new_key = if is_first { first_start::make_default_key(&config.places)? } else { None };
    let new_password = if is_first { first_password(&store, config.first_password.as_deref()).await? } else { None };
    let gate = Gate::new(&config.places.keys_dir, config.reads, config.token_max_age, clock.clone(), store.clone())?;
    let gate = gate.reached(config.reach.clone());
    if gate.keyring().await.is_empty() {
        tracing::warn!("no public key in the keys folder: nobody can push with a signature (jq2qmt keygen CLIENT_ID)");
    }
    lifecycle.task("the watcher of the keys folder", gate.watch_keys());
    let tls = match &config.tls {
        Some(files) => Some(load_tls(files, &lifecycle).await?),
        None => None,
    };
    let tls_is_on = tls.is_some();
    let state = AppState::new(store.clone(), gate, clock.clone(), config.zone.clone(), tls_is_on, lifecycle.health());
    state.messenger().pages_at(pages_url(&config.reach, tls_is_on, address));
    begin_tasks(&config, &state, &store, &clock, tls.clone(), &lifecycle);
    let stop = CancellationToken::new();
    let serving = net::serve(listener, Bounds::of_this_process(), tls, App::new(state.clone()), stop.clone());
    let serving = lifecycle.task("the listener", serving);

    let scheme = if tls_is_on { "https" } else { "http" };
    let base_url = url(scheme, reachable(address));
    state.suggest(first_start::suggestion(&config.places, &base_url));
    state.examined_by(Doctor::new(Setup::of(&config)));
    let words = first_start::words(&config.places, &base_url, new_key.as_ref(), new_password.as_ref());
    let words = if config.demo { words + &demo::words(&base_url) } else { words };
    tell(&store, words, new_password).await?;
    announce(&config, &state, &store, &url(scheme, address), &lifecycle).await;

    tokio::select! {
        () = shutdown => {}
        ended = lifecycle.failure() => {
            state.close();
            stop.cancel();
            // Who waits for what has ended is told so. Not for longer: the disk may never answer.
            let _ = timeout(LAST_WORDS, serving).await;
            return Err(ended.into());
        }
    }
    wind_down(&config, &lifecycle, &state, &stop, serving).await;
    store.close().await;
    lifecycle.end();
    Ok(())
}

/// Takes no more requests, and waits until those in flight are answered.
async fn wind_down(
    config: &Config,
    lifecycle: &Lifecycle,
    state: &AppState,
    stop: &CancellationToken,
    serving: JoinHandle<()>,
) {
    tracing::info!("stopping: requests in flight are finished first");
    if let Some(manager) = &config.manager {
        manager.tell("STOPPING=1");
    }
    lifecycle.stop();
    state.close();
    stop.cancel();
    let _ = serving.await;
}

/// Begins what works beside the requests.
fn begin_tasks(
    config: &Config,
    state: &AppState,
    store: &Store,
    clock: &Clock,
    certificate: Option<Certificate>,
    lifecycle: &Lifecycle,
) {
    lifecycle.task("the watcher of the clock", watch_clock(store.clone(), clock.clone()));
    if let Some(plan) = config.backups.clone() {
        let making = backups::keep_making(store.clone(), config.places.database(), plan, clock.clone());
        lifecycle.task("the maker of copies", making);
    }
    if config.demo {
        lifecycle.task("the terminals of the examples", demo::keep_reporting(store.clone(), clock.clone()));
    }
    if let Some(address) = &config.heartbeat {
        lifecycle.task("the heartbeat", alert::beat(address.clone(), store.clone(), state.incidents().clone()));
    }
    let look = Look {
        data_dir: config.places.data_dir.clone(),
        drift_after: config.drift_after,
        certificate,
        backups: store.backups().clone(),
    };
    lifecycle.task("the reader of past closes", state.desk().clone().keep_closes(clock.clone()));
    lifecycle.task("the watcher of incidents", watch_incidents(state.clone(), store.clone(), clock.clone(), look));
    lifecycle.task("the messenger", state.messenger().clone().run());
}

/// Says that the server is there, last: whoever waits for this line finds everything said and the port open.
async fn announce(config: &Config, state: &AppState, store: &Store, url: &str, lifecycle: &Lifecycle) {
    let line = log::announce(format!("listening on {url}"));
    if !matches!(timeout(TELLING, line).await, Ok(Ok(()))) {
        tracing::warn!("standard output takes nothing; listening on {url}");
    }
    let Some(manager) = &config.manager else { return };
    manager.tell(&format!("READY=1\nSTATUS=listening on {url}"));
    if let Some(within) = manager.watchdog {
        let incidents = state.incidents().clone();
        let telling = manager.clone().keep_telling(within, store.clone(), move || incidents.is_looked());
        lifecycle.task("the watchdog", telling);
    }
}

/// Creates the data folder where there is none, and holds it for this process.
fn prepare_data_dir(places: &Places) -> anyhow::Result<Vec<File>> {
    let lock = hold_data_dir(places)?;
    first_start::create_private_file(&places.database())?;
    Ok(lock)
}

/// The same without a database in it.
pub(crate) fn hold_data_dir(places: &Places) -> anyhow::Result<Vec<File>> {
    let data_dir = &places.data_dir;
    create_private_dir(data_dir)
        .with_context(|| format!("the data folder {} cannot be created", data_dir.display()))?;
    lock(data_dir)
}

/// Opens the store, and lets its writer work.
async fn open_store(config: &Config, clock: &Clock, lifecycle: &Lifecycle) -> anyhow::Result<Store> {
    // As long as a token could still be accepted, and as far as its clock may run ahead.
    let token_memory = config.token_max_age + MAX_AHEAD;
    let path = config.places.database();
    if config.new {
        Store::begin_anew(&path, clock.now())?;
    }
    if config.demo {
        demo::fill(&path, clock.now()).await?;
    }
    let (store, writer) = Store::open(&path, clock.clone(), token_memory)
        .await
        .with_context(|| format!("cannot open {}", path.display()))?;
    lifecycle.thread("the writer", || writer.run())?;
    Ok(store)
}

fn url(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{address}")
}

/// Where people find the pages: under the public name, behind a proxy at its usual port.
fn pages_url(reach: &Reach, is_tls: bool, address: SocketAddr) -> String {
    let is_proxied = address.ip().is_loopback() || !reach.proxies.is_empty();
    match (&reach.public_host, is_tls) {
        (Some(host), _) if is_proxied => format!("https://{host}"),
        (Some(host), true) => format!("https://{host}:{}", address.port()),
        (Some(host), false) => format!("http://{host}:{}", address.port()),
        (None, true) => url("https", reachable(address)),
        (None, false) => url("http", reachable(address)),
    }
}

/// An address at which this machine reaches the server: "everywhere" is no place to call.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { (Ipv4Addr::LOCALHOST, address.port()).into() } else { address }
}

/// Holds the data folder for this process: two writers would each believe the book to be theirs.
fn lock(data_dir: &Path) -> anyhow::Result<Vec<File>> {
    let path = data_dir.join(LOCK);
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    // Who could open it could lock it, and keep the server from starting.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path);
    let file = file.with_context(|| format!("the data folder {} cannot be written", data_dir.display()))?;
    // A file in it can be deleted and made anew, the folder itself not while it is in use. Where a folder cannot be opened
    // as a file is, an open file cannot be deleted.
    let held: Vec<File> = std::iter::once(file).chain(File::open(data_dir)).collect();
    for held in &held {
        hold(held, data_dir)?;
    }
    Ok(held)
}

fn hold(held: &File, data_dir: &Path) -> anyhow::Result<()> {
    match held.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            bail!("another jq2qmt server is using the data folder {}", data_dir.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock the data folder {}", data_dir.display()))
        }
    }
}

/// Sets the operator's first password as it was given; else one is made up here, to be shown and then set.
async fn first_password(store: &Store, given: Option<&str>) -> anyhow::Result<Option<NewPassword>> {
    let Some(text) = given else { return NewPassword::generate().map(Some) };
    let password = NewPassword::parse(text).context("JQ2QMT_PASSWORD cannot be used")?;
    store.set_password_hash(password.hash()?).await?;
    Ok(None)
}

/// Tells what a first start has to tell, and sets the password that is among it once it was shown: one that nobody has
/// seen would lock the operator out. Nobody waits long for a terminal that takes nothing; what fails later is in the log.
async fn tell(store: &Store, words: String, password: Option<NewPassword>) -> anyhow::Result<()> {
    if words.is_empty() {
        return Ok(());
    }
    let (store, hash) = (store.clone(), password.map(|password| password.hash()).transpose()?);
    let (done, telling) = oneshot::channel();
    tokio::spawn(async move {
        let told = AssertUnwindSafe(show_and_set(&store, words, hash)).catch_unwind().await;
        let told = told.unwrap_or_else(|_| Err(anyhow!("it panicked")));
        if let Err(Err(error)) = done.send(told) {
            tracing::error!("the password that was shown is not set; the next start makes another: {error:#}");
        }
    });
    timeout(TELLING, telling).await.unwrap_or_else(|_| {
        tracing::warn!("nobody reads standard error; the operator's password is set once it was shown there");
        Ok(Ok(()))
    })?
}

async fn show_and_set(store: &Store, words: String, hash: Option<String>) -> anyhow::Result<()> {
    if let Err(error) = log::tell(words).await {
        tracing::warn!(%error, "standard error takes nothing; the next start tells anew what this one should have told");
        return Ok(());
    }
    match hash {
        // While nobody looked, it may have been set by other means.
        Some(hash) if store.operator().await?.is_none() => Ok(store.set_password_hash(hash).await?),
        _ => Ok(()),
    }
}

/// Says when the clock is behind what it said before, and when it has caught up, for ever.
async fn watch_clock(store: Store, clock: Clock) -> Result<(), Infallible> {
    let (mut ticks, mut was_behind) = (tokio::time::interval(CLOCK_LOOK_EVERY), false);
    loop {
        ticks.tick().await;
        let behind = clock_behind(&store.book(), clock.now());
        match (was_behind, behind) {
            (false, Some(by)) => tracing::warn!(?by, "the clock is behind the newest change: it ran ahead once"),
            (true, None) => tracing::info!("the clock has caught up with the newest change"),
            _ => {}
        }
        was_behind = behind.is_some();
    }
}

/// Where the server looks for what goes wrong around it.
struct Look {
    data_dir: PathBuf,
    drift_after: Duration,
    certificate: Option<Certificate>,
    backups: Backups,
}

/// How the copies go that the server makes. The first is on its way until it is there or has failed.
fn backup(told: &backups::Told) -> Option<Backup> {
    let (every, newest) = (told.every?, told.newest.map(|(at, _)| at));
    let error = told.failure.as_ref().map(|(_, why)| why.clone());
    (newest.is_some() || error.is_some()).then_some(Backup { every, made_at: newest, error })
}

impl Look {
    async fn surroundings(&self) -> Surroundings {
        let path = self.data_dir.clone();
        let disk = tokio::task::spawn_blocking(move || fs4::statvfs(path)).await;
        let disk = disk.ok().and_then(Result::ok);
        Surroundings {
            drift_after: self.drift_after,
            certificate_ends: self.certificate.as_ref().and_then(Certificate::expires_at),
            disk: disk.map(|disk| Disk { free: disk.available_space(), total: disk.total_space() }),
            backup: backup(&self.backups.told()),
        }
    }
}

/// Looks for what somebody should be told of, soon after each change and every few seconds, for ever; after a trading day has
/// it told what that was like, and once a line's last day is over takes it out of its overlay.
async fn watch_incidents(state: AppState, store: Store, clock: Clock, look: Look) -> Result<(), Infallible> {
    let (desk, incidents) = (state.desk(), state.incidents());
    let mut queued = Queued::default();
    let mut steadiness = Steadiness::at_start(clock.running());
    let (mut published, mut ticks) = (store.published(), tokio::time::interval(INCIDENTS_EVERY));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = published.changed() => {}
        }
        match incidents.look(look.surroundings().await).await {
            // Only a look says whether the clock is right.
            Ok(_) => {
                if let Err(error) = desk.expire(&mut steadiness, &clock, incidents).await {
                    tracing::error!(%error, "lines that are over could not be taken out; the next look does it");
                }
            }
            Err(error) => {
                tracing::error!(%error, "incidents could not be looked for; the next look finds the same again");
            }
        }
        if let Err(error) = desk.end_day(&mut queued, clock.now()).await {
            tracing::error!(%error, "the end of the day could not be noted; the next look does it");
        }
        // Many changes at once are looked at once.
        tokio::time::sleep(INCIDENTS_REST).await;
    }
}

/// Reads the certificate, and again whenever its files change.
async fn load_tls(files: &Tls, lifecycle: &Lifecycle) -> anyhow::Result<Certificate> {
    let certificate = Certificate::load(files.clone()).await?;
    lifecycle.task("the reader of the certificate", certificate.clone().watch());
    Ok(certificate)
}
