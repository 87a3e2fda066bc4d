//! The only reader of flags, environment and configuration file. Flags win over the environment, it over the file.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Error, bail};
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::auth::reach::{Network, PublicHost, Reach};
use crate::auth::rights::Reads;
use crate::clock::Zone;
use crate::domain::calendar::Day;
use crate::domain::channel::Secrets;
use crate::domain::incident::DRIFT_AFTER;
use crate::ledger::chain::{ChainHash, read_hash};
use crate::log::Format;
use crate::service::Manager;
use crate::store::api_keys::Scope;
use crate::store::backups::Plan;

/// What can be said on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "jq2qmt",
    version,
    about = "Keeps the target positions of quant strategies and tells QMT their exact total"
)]
pub struct CommandLine {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    paths: Paths,
    #[command(flatten)]
    serve: ServeOptions,
}

/// Where things lie; every command understands these.
#[derive(Debug, Clone, Args)]
struct Paths {
    /// Folder of the database [default: data]
    #[arg(long, global = true, value_name = "DIR", env = "JQ2QMT_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Folder of the clients' public keys and clients.toml [default: keys]
    #[arg(long, global = true, value_name = "DIR", env = "JQ2QMT_KEYS_DIR")]
    keys_dir: Option<PathBuf>,
    /// TOML file with any of the server's options, such as listen = "127.0.0.1:5366"
    #[arg(long, global = true, value_name = "FILE", env = "JQ2QMT_CONFIG")]
    config: Option<PathBuf>,
}

/// What the server can be told.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:5366]
    #[arg(long, value_name = "ADDR:PORT", env = "JQ2QMT_LISTEN")]
    listen: Option<SocketAddr>,
    /// Who may read positions; must be said when others than this machine can reach the server
    #[arg(long, env = "JQ2QMT_READS")]
    reads: Option<Reads>,
    /// Certificate chain for HTTPS, PEM; read again when it changes
    #[arg(long, value_name = "FILE", env = "JQ2QMT_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM; read again when it changes
    #[arg(long, value_name = "FILE", env = "JQ2QMT_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Name under which browsers and terminals reach the server, such as qmt.example.com; needed behind a proxy
    #[arg(long, value_name = "NAME", env = "JQ2QMT_PUBLIC_HOST")]
    public_host: Option<PublicHost>,

    /// Address or network of a reverse proxy that is believed when it says whose request it hands on (X-Forwarded-For); again,
    /// or with commas, for more
    #[arg(long, value_name = "CIDR", env = "JQ2QMT_TRUSTED_PROXY", value_delimiter = ',')]
    trusted_proxy: Vec<Network>,

    /// Zone in which times are shown [default: Asia/Shanghai]
    #[arg(long, value_name = "NAME", env = "JQ2QMT_ZONE")]
    zone: Option<String>,
    /// Seconds for which a signed token is good [default: 300]
    #[arg(long, value_name = "SECONDS", env = "JQ2QMT_TOKEN_MAX_AGE")]
    token_max_age: Option<u64>,

    /// How lines of the log are written [default: text]
    #[arg(long, env = "JQ2QMT_LOG_FORMAT")]
    log_format: Option<Format>,

    /// Copy the database so often while serving, such as 1h or 30m [default: never]
    #[arg(long, value_name = "SPAN", env = "JQ2QMT_BACKUP_EVERY")]
    backup_every: Option<String>,
    /// How many of these copies are kept [default: 48]
    #[arg(long, value_name = "N", env = "JQ2QMT_BACKUP_KEEP")]
    backup_keep: Option<usize>,
    /// Folder of these copies, of one server alone [default: backups in the data folder]
    #[arg(long, value_name = "DIR", env = "JQ2QMT_BACKUP_DIR")]
    backup_dir: Option<PathBuf>,
    /// Address that is asked every minute while the database takes writes, so that its watcher tells when the server is gone
    #[arg(long, value_name = "URL", env = "JQ2QMT_HEARTBEAT", hide_env_values = true)]
    // Text: clap would print one that cannot be used, and its secret with it.
    heartbeat: Option<String>,
    /// Minutes of trading time after which an account that does not hold its target is an incident [default: 10]
    #[arg(long, value_name = "MINUTES", env = "JQ2QMT_DRIFT_AFTER")]
    drift_after: Option<u64>,
    /// Begin with an empty book where there was one before
    #[arg(long)]
    new: bool,
    /// Fill an empty database with ten days of example strategies and accounts, marked by their names; only for this machine
    #[arg(long, env = "JQ2QMT_DEMO", value_parser = FalseyValueParser::new())]
    demo: bool,
}

impl ServeOptions {
    /// What is said at all.
    fn said(&self) -> Vec<&'static str> {
        // All of them, so that another one does not compile until it stands here.
        let Self {
            listen,
            reads,
            tls_cert,
            tls_key,
            public_host,
            trusted_proxy,
            zone,
            token_max_age,
            log_format,
            backup_every,
            backup_keep,
            backup_dir,
            heartbeat,
            drift_after,
            new,
            demo,
        } = self;
        let options = [
            ("--listen", listen.is_some()),
            ("--reads", reads.is_some()),
            ("--tls-cert", tls_cert.is_some()),
            ("--tls-key", tls_key.is_some()),
            ("--public-host", public_host.is_some()),
            ("--trusted-proxy", !trusted_proxy.is_empty()),
            ("--zone", zone.is_some()),
            ("--token-max-age", token_max_age.is_some()),
            ("--log-format", log_format.is_some()),
            ("--backup-every", backup_every.is_some()),
            ("--backup-keep", backup_keep.is_some()),
            ("--backup-dir", backup_dir.is_some()),
            ("--heartbeat", heartbeat.is_some()),
            ("--drift-after", drift_after.is_some()),
            ("--new", *new),
            ("--demo", *demo),
        ];
        options.into_iter().filter_map(|(option, is_said)| is_said.then_some(option)).collect()
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (the default)
    Serve(Box<ServeOptions>),
    /// Make a key pair for a client: the private key for the client, the public one for keys/
    Keygen(KeygenOptions),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Set the operator's password
    #[command(subcommand)]
    Password(PasswordCommand),
    /// Push a list of positions to a server, signed; exit 3 where the push waits for the operator's approval
    Push(PushOptions),
    /// Say where an account's holdings differ from its target, and why; exit 1 where something is not explained
    Drift(DriftOptions),
    /// Look whether keys, database, clock, disk, certificate, copies, calendar and channels are as a server with the same options
    /// needs them; exit 1 where something is not
    Doctor(Box<DoctorOptions>),
    /// Copy the database into a file, while a server goes on, and look through the copy
    Backup(BackupOptions),
    /// Put a copy in the place of the database, which goes aside; the server must not run
    Restore {
        /// The copy
        file: PathBuf,
    },
    /// Take over the strategies of an existing jq2qmt's database; says what it would do, and does it with --yes
    Import(ImportOptions),
    /// Fold the history before a day into an archive, so that the database grows no longer with its years; says what it would do, and
    /// does it with --yes
    Compact(CompactOptions),
    /// Let Windows run the server as a service
    #[cfg(windows)]
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Print the newest hash of the history with its time, to be written down where nobody can change it
    Head,
    /// Walk the hash chain of the history and hold the current state against it; exit 1 where it breaks
    Verify {
        /// A hash that was written down: say whether the history still contains it, and exit 1 where it does not
        #[arg(long, value_name = "HASH", value_parser = read_hash)]
        head: Option<ChainHash>,
        /// Instead of the database: an archive that compact has written
        #[arg(long, value_name = "FILE")]
        archive: Option<PathBuf>,
    },
}

/// How a key pair is made.
#[derive(Debug, Args)]
pub struct KeygenOptions {
    /// The client's id: letters, digits, - and _
    pub client_id: String,
    /// Size of the key
    #[arg(long, default_value_t = 3072, value_parser = clap::value_parser!(u32).range(2048..=8192))]
    pub bits: u32,
    /// Folder for the private key [default: the data folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Name of a further key of the same client, for rotation; its file is named after it
    #[arg(long)]
    pub tag: Option<String>,
}

/// What can be done with the service.
#[cfg(windows)]
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Install it with the folders and the configuration file that are said; other options stand in that file
    Install,
    /// Stop it and take it away; the folders stay
    Remove,
    /// What Windows starts
    Run,
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and show it, once
    Add {
        /// What it is called in lists and in the history
        name: String,
        /// What it allows: read or write
        #[arg(long, value_parser = scope, required_unless_present = "account", conflicts_with = "account")]
        scope: Option<Scope>,
        /// Instead of a scope: the account whose target it reads, with the calendar, and for which it reports, and nothing else
        #[arg(long, value_name = "ACCOUNT", conflicts_with = "strategy")]
        account: Option<String>,
        /// A strategy it may push to, * for any run of characters; again for more [default: all but ADJUSTMENT_*]
        #[arg(long, value_name = "PATTERN")]
        strategy: Vec<String>,
    },
    /// List the keys
    List,
    /// Revoke a key; a running server refuses it within a second
    Revoke {
        /// Its name
        name: String,
    },
}

/// What can be done with the password.
#[derive(Debug, Subcommand)]
pub enum PasswordCommand {
    /// Ask for a new password on the terminal, or read one line of standard input
    Set,
}

/// What is pushed where.
#[derive(Debug, Args)]
pub struct PushOptions {
    /// The server's address, such as <http://127.0.0.1:5366>
    #[arg(long, value_name = "URL", env = "JQ2QMT_SERVER")]
    pub server: String,
    /// The client's private key, PEM
    #[arg(long, value_name = "FILE", env = "JQ2QMT_KEY")]
    pub key: PathBuf,
    /// The client's id
    #[arg(long, value_name = "ID", env = "JQ2QMT_CLIENT")]
    pub client: String,
    /// The server's public host: the token is then refused by every server that is known under another name
    #[arg(long, value_name = "NAME", env = "JQ2QMT_AUDIENCE")]
    pub audience: Option<String>,

    /// The strategy whose list this is
    #[arg(long, value_name = "NAME")]
    pub strategy: String,
    /// Must be greater than the last one accepted for the strategy
    #[arg(long, value_name = "N")]
    pub sequence: Option<u64>,
    /// The list: JSON, or CSV with the columns code, volume, cost and optionally name, remark, until; - for standard input
    pub file: PathBuf,
}

/// Whose drift is looked at.
#[derive(Debug, Args)]
pub struct DriftOptions {
    /// The server's address, such as <http://127.0.0.1:5366>
    #[arg(long, value_name = "URL", env = "JQ2QMT_SERVER")]
    pub server: String,
    /// An API key that may read, where reading is not open
    #[arg(long, value_name = "KEY", env = "JQ2QMT_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// The account's name
    pub account: String,
}

/// What is looked at, and how it is told.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    #[command(flatten)]
    serve: ServeOptions,
    /// Tell what was found as JSON, in both languages
    #[arg(long)]
    pub json: bool,
    /// Send a test message over every channel
    #[arg(long)]
    pub send: bool,
}

/// Where a copy goes.
#[derive(Debug, Args)]
pub struct BackupOptions {
    /// The file to make
    pub file: PathBuf,
    /// Take the place of a file that is there
    #[arg(long)]
    pub force: bool,
}

/// What is taken over.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// The database to read, such as <sqlite:///path/to/its.db> or <mysql://user:password@host/its>
    // It may hold a password, which a list of processes would show.
    #[arg(long, value_name = "URL", env = "JQ2QMT_IMPORT_FROM", hide_env_values = true)]
    pub from: String,
    /// Zone of the times in it
    #[arg(long, value_name = "NAME", default_value = "Asia/Shanghai")]
    pub zone: String,
    /// Write what is taken; the server must not run
    #[arg(long)]
    pub yes: bool,
}

/// What is folded.
#[derive(Debug, Args)]
pub struct CompactOptions {
    /// The first day, in Shanghai, that stays as it is, such as 2026-01-01; at least 60 days ago
    #[arg(long, value_name = "DAY")]
    pub before: Day,
    /// The file for what is folded [default: beside the database, named by its revisions]
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
    /// Fold; the server must not run
    #[arg(long)]
    pub yes: bool,
}

/// What the configuration file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    #[serde(alias = "data_dir")]
    data_dir: Option<PathBuf>,
    #[serde(alias = "keys_dir")]
    keys_dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    reads: Option<Reads>,
    #[serde(alias = "tls_cert")]
    tls_cert: Option<PathBuf>,
    #[serde(alias = "tls_key")]
    tls_key: Option<PathBuf>,
    #[serde(alias = "public_host")]
    public_host: Option<String>,
    #[serde(alias = "trusted_proxy")]
    trusted_proxy: Vec<String>,
    zone: Option<String>,
    #[serde(alias = "token_max_age")]
    token_max_age: Option<u64>,
    #[serde(alias = "log_format")]
    log_format: Option<Format>,
    #[serde(alias = "backup_every")]
    backup_every: Option<String>,
    #[serde(alias = "backup_keep")]
    backup_keep: Option<usize>,
    #[serde(alias = "backup_dir")]
    backup_dir: Option<PathBuf>,
    heartbeat: Option<String>,
    #[serde(alias = "drift_after")]
    drift_after: Option<u64>,
    demo: bool,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// The configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Whether something stands in it that is as good as a password.
    pub holds_secret: bool,
}

/// Where things lie.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of the database.
    pub data_dir: PathBuf,
    /// Folder of the public keys.
    pub keys_dir: PathBuf,
}

impl Places {
    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("jq2qmt.db")
    }
}

/// How the server is to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where things lie.
    pub places: Places,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who may read.
    pub reads: Reads,
    /// Under which names and through which proxies the server is reached.
    pub reach: Reach,
    /// HTTPS, when wanted.
    pub tls: Option<Tls>,
    /// The configuration file, where there is one.
    pub file: Option<ConfigFile>,
    /// The zone in which times are shown.
    pub zone: Zone,
    /// For how long a signed token is good.
    pub token_max_age: Duration,
    /// How copies are made, where they are.
    pub backups: Option<Plan>,
    /// Who is told every minute that the server is there.
    pub heartbeat: Option<Secrets>,
    /// For how long an account may hold other than its target: trading time.
    pub drift_after: Duration,
    /// Whether an empty book is meant where there was one before.
    pub new: bool,
    /// Whether to fill an empty database with examples.
    pub demo: bool,
    /// The operator's password for the first start.
    pub first_password: Option<String>,
    /// The service manager that waits to be told, where one does.
    pub manager: Option<Manager>,
}

impl CommandLine {
    /// Whether the server is to run.
    pub const fn is_server(&self) -> bool {
        matches!(self.command, None | Some(Command::Serve(_)))
    }

    /// How lines of the log are written; a configuration file that cannot be used is said later, as text.
    pub fn log_format(&self) -> Format {
        let file = || self.file().ok().and_then(|file| file.log_format);
        self.said().first(|options| options.log_format).or_else(file).unwrap_or_default()
    }

    fn file(&self) -> anyhow::Result<File> {
        let Some(path) = &self.paths.config else { return Ok(File::default()) };
        let read = |path: &Path| -> anyhow::Result<File> { Ok(toml::from_str(&std::fs::read_to_string(path)?)?) };
        read(path).with_context(|| format!("the configuration file {} cannot be used", path.display()))
    }

    /// Where things lie.
    ///
    /// # Errors
    /// When the configuration file cannot be used.
    pub fn places(&self) -> anyhow::Result<Places> {
        let file = self.file()?;
        Ok(self.places_over(file.data_dir, file.keys_dir))
    }

    fn places_over(&self, data_dir: Option<PathBuf>, keys_dir: Option<PathBuf>) -> Places {
        Places {
            data_dir: self.paths.data_dir.clone().or(data_dir).unwrap_or_else(|| "data".into()),
            keys_dir: self.paths.keys_dir.clone().or(keys_dir).unwrap_or_else(|| "keys".into()),
        }
    }

    /// How the server is to run.
    ///
    /// # Errors
    /// When what is said does not fit together.
    pub fn config(&self) -> anyhow::Result<Config> {
        let (file, said) = (self.file()?, self.said());
        let listen = said.first(|options| options.listen).or(file.listen);
        let listen = listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 5366)));
        let proxies = said.proxies(&file)?;
        let is_private = listen.ip().is_loopback() && proxies.is_empty();
        let reads_said = said.first(|options| options.reads).or(file.reads);
        let reads = match reads_said {
            Some(reads) => reads,
            None if is_private => Reads::Open,
            None => bail!(who_may_read(listen)),
        };
        let demo = said.any(|options| options.demo) || file.demo;
        if demo && !is_private {
            bail!(
                "--demo is for this machine alone (--listen 127.0.0.1:5366, no --trusted-proxy): a terminal that read its \
                 example positions would trade them"
            );
        }
        let reach = Reach {
            public_host: said.public_host(&file)?,
            proxies,
            by_known_names: reads == Reads::Open && listen.ip().is_loopback(),
            for_this_machine: reads_said.is_none(),
        };
        let (tls, zone, token_max_age) = (said.tls(&file)?, said.zone(&file)?, said.token_max_age(&file)?);
        let first_password = environment("JQ2QMT_PASSWORD");
        let places = self.places_over(file.data_dir.clone(), file.keys_dir.clone());
        let backups = said.backups(&file, &places)?;
        Ok(Config {
            backups,
            listen,
            reads,
            reach,
            tls,
            file: self.paths.config.clone().map(|path| ConfigFile { path, holds_secret: file.heartbeat.is_some() }),
            zone,
            token_max_age,
            heartbeat: said.heartbeat(&file)?,
            drift_after: said.drift_after(&file)?,
            // Neither in the environment nor in the file: it is meant for one start.
            new: said.any(|options| options.new),
            demo,
            first_password,
            manager: manager(),
            places,
        })
    }

    /// What Windows is to know of this server as its service. It starts it in a folder of its own, and not with this
    /// environment: only what stands in the configuration file is there again, and names the same files only where it is whole.
    ///
    /// # Errors
    /// When the server would not start as it does here.
    pub fn as_service(&self) -> anyhow::Result<AsService> {
        let said = self.serve.said();
        if !said.is_empty() {
            bail!(
                "the service would not be told {}: let the file that --config names say it, and neither a flag nor the \
                 environment",
                said.join(", ")
            );
        }
        let Places { data_dir, keys_dir } = self.config().context("the server would not start with this")?.places;
        let File { tls_cert, tls_key, backup_dir, .. } = self.file()?;
        for (option, path) in [("tls-cert", &tls_cert), ("tls-key", &tls_key), ("backup-dir", &backup_dir)] {
            if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
                let (path, whole) = (path.display(), std::path::absolute(path)?);
                let whole = whole.display();
                bail!(
                    "{option} = {path} would be looked for in a folder of Windows: let it be a whole path, such as {whole}"
                );
            }
        }
        let absolute = |path: &PathBuf| std::path::absolute(path);
        let (data_dir, keys_dir) = (absolute(&data_dir)?, absolute(&keys_dir)?);
        let config = self.paths.config.as_ref().map(absolute).transpose()?;
        let mut arguments: Vec<OsString> = vec!["service".into(), "run".into()];
        let kept = [("--data-dir", Some(&data_dir)), ("--keys-dir", Some(&keys_dir)), ("--config", config.as_ref())];
        for (option, path) in kept.into_iter().filter_map(|(option, path)| Some((option, path?))) {
            arguments.extend([option.into(), path.into()]);
        }
        Ok(AsService {
            arguments,
            folders: [data_dir, keys_dir].into_iter().chain(backup_dir).collect(),
            files: config.into_iter().chain(tls_cert).chain(tls_key).collect(),
        })
    }

    /// `jq2qmt --listen X serve` and `jq2qmt serve --listen X` say the same, and to the doctor too.
    const fn said(&self) -> Said<'_> {
        match &self.command {
            Some(Command::Serve(options)) => Said { here: options, above: Some(&self.serve) },
            Some(Command::Doctor(options)) => Said { here: &options.serve, above: Some(&self.serve) },
            _ => Said { here: &self.serve, above: None },
        }
    }
}

/// A server as a service of Windows.
#[derive(Debug, PartialEq, Eq)]
pub struct AsService {
    /// With which arguments it is started.
    pub arguments: Vec<OsString>,
    /// The folders that it writes into.
    pub folders: Vec<PathBuf>,
    /// The files that it reads besides.
    pub files: Vec<PathBuf>,
}

/// What flags and the environment say about the server: behind the command, and before it.
struct Said<'a> {
    here: &'a ServeOptions,
    above: Option<&'a ServeOptions>,
}

impl Said<'_> {
    /// What is said nearest to the command.
    fn first<T>(&self, pick: impl Fn(&ServeOptions) -> Option<T>) -> Option<T> {
        pick(self.here).or_else(|| self.above.and_then(pick))
    }

    fn any(&self, pick: fn(&ServeOptions) -> bool) -> bool {
        pick(self.here) || self.above.is_some_and(pick)
    }

    fn proxies(&self, file: &File) -> anyhow::Result<Vec<Network>> {
        let said = |options: &ServeOptions| Some(options.trusted_proxy.clone()).filter(|proxies| !proxies.is_empty());
        let written = || file.trusted_proxy.iter().map(|text| text.parse()).collect::<Result<_, String>>();
        self.first(said).map_or_else(written, Ok).map_err(Error::msg)
    }

    fn public_host(&self, file: &File) -> anyhow::Result<Option<PublicHost>> {
        let written = |text: &String| text.parse().with_context(|| format!("public-host = {text:?} cannot be used"));
        match self.first(|options| options.public_host.clone()) {
            None => file.public_host.as_ref().map(written).transpose(),
            said => Ok(said),
        }
    }

    fn tls(&self, file: &File) -> anyhow::Result<Option<Tls>> {
        let cert = self.first(|options| options.tls_cert.clone()).or_else(|| file.tls_cert.clone());
        let key = self.first(|options| options.tls_key.clone()).or_else(|| file.tls_key.clone());
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Tls { cert, key })),
            (None, None) => Ok(None),
            _ => bail!("--tls-cert and --tls-key go together"),
        }
    }

    fn heartbeat(&self, file: &File) -> anyhow::Result<Option<Secrets>> {
        let said = self.first(|options| options.heartbeat.clone()).or_else(|| file.heartbeat.clone());
        // The text is as good as a password: what is wrong with it is said without it.
        said.map(|text| text.parse().context("the address of the heartbeat cannot be used")).transpose()
    }

    fn zone(&self, file: &File) -> anyhow::Result<Zone> {
        let zone = self.first(|options| options.zone.clone()).or_else(|| file.zone.clone());
        let zone = zone.as_deref().unwrap_or("Asia/Shanghai");
        Zone::named(zone).with_context(|| format!("{zone:?} is no time zone, such as Asia/Shanghai"))
    }

    fn token_max_age(&self, file: &File) -> anyhow::Result<Duration> {
        let max_age = self.first(|options| options.token_max_age).or(file.token_max_age).unwrap_or(300);
        if !(1..=86_400).contains(&max_age) {
            bail!("--token-max-age must be 1 to 86400 seconds");
        }
        Ok(Duration::from_secs(max_age))
    }

    fn backups(&self, file: &File, places: &Places) -> anyhow::Result<Option<Plan>> {
        let every = self.first(|options| options.backup_every.clone()).or_else(|| file.backup_every.clone());
        let keep = self.first(|options| options.backup_keep).or(file.backup_keep);
        let folder = self.first(|options| options.backup_dir.clone()).or_else(|| file.backup_dir.clone());
        let Some(every) = every else {
            if keep.is_some() || folder.is_some() {
                bail!("--backup-keep and --backup-dir need --backup-every, such as --backup-every 1h");
            }
            return Ok(None);
        };
        let span = every.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        let every = span.filter(|span| *span >= Duration::from_secs(1));
        let every = every.context("--backup-every must be a span of a second or more, such as 1h or 30m")?;
        let keep = keep.unwrap_or(48);
        if keep == 0 {
            bail!("--backup-keep must be at least 1");
        }
        Ok(Some(Plan { every, keep, folder: folder.unwrap_or_else(|| places.data_dir.join("backups")) }))
    }

    fn drift_after(&self, file: &File) -> anyhow::Result<Duration> {
        let Some(minutes) = self.first(|options| options.drift_after).or(file.drift_after) else {
            return Ok(DRIFT_AFTER);
        };
        if !(1..=1_440).contains(&minutes) {
            bail!("--drift-after must be 1 to 1440 minutes");
        }
        Ok(Duration::from_mins(minutes))
    }
}

/// Why a server that others reach does not start before it is said who may read.
fn who_may_read(listen: SocketAddr) -> String {
    let why = if listen.ip().is_loopback() {
        "through a proxy (--trusted-proxy) other machines reach the server".to_owned()
    } else {
        format!("{listen} can be reached from other machines")
    };
    format!(
        "{why}, so say who may read the positions:\n  \
         --reads key   holders of an API key (jq2qmt key add NAME --scope read) and the operator\n  \
         --reads open  everybody who reaches the port"
    )
}

fn scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|_| format!("{text:?} is no scope; it is read or write"))
}

/// The service manager that started this process and waits to be told of it.
fn manager() -> Option<Manager> {
    let own = environment("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let micros = environment("WATCHDOG_USEC").filter(|_| own).and_then(|micros| micros.parse().ok());
    let watchdog = micros.filter(|micros| *micros > 0).map(Duration::from_micros);
    Some(Manager { socket: environment("NOTIFY_SOCKET")?, watchdog })
}

/// What the log is to tell: `error`, `warn`, `info` or `debug`, or a filter such as `jq2qmt::http=debug`.
pub fn log_filter() -> String {
    environment("JQ2QMT_LOG").unwrap_or_else(|| "info".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> anyhow::Result<Config> {
        CommandLine::try_parse_from(std::iter::once(&"jq2qmt").chain(arguments))?.config()
    }

    #[test]
    fn the_defaults_are_for_this_machine_alone() {
        let config = config(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:5366");
        assert_eq!(config.reads, Reads::Open);
        assert_eq!(config.places.database(), Path::new("data/jq2qmt.db"));
    }

    #[test]
    fn listening_elsewhere_needs_a_choice() {
        for address in ["0.0.0.0:5366", "[::]:5366", "192.0.2.1:80"] {
            let error = config(&["--listen", address]).unwrap_err().to_string();
            assert!(error.contains("--reads key") && error.contains("--reads open"), "{error}");
            assert_eq!(config(&["--listen", address, "--reads", "key"]).unwrap().reads, Reads::Key);
        }
        assert_eq!(config(&["--listen", "[::1]:0"]).unwrap().reads, Reads::Open);
        assert_eq!(config(&["serve", "--listen", "127.0.0.1:1", "--reads", "key"]).unwrap().reads, Reads::Key);
    }

    #[test]
    fn flags_win_over_the_file_wherever_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jq2qmt.toml");
        let file = path.to_str().unwrap();
        std::fs::write(&path, "listen = \"127.0.0.1:7000\"\ndata-dir = \"elsewhere\"\nzone = \"UTC\"").unwrap();
        let from_file = config(&["--config", file]).unwrap();
        assert_eq!((from_file.listen.port(), from_file.zone.name()), (7000, "UTC"));
        assert_eq!(from_file.places.data_dir, Path::new("elsewhere"));
        for arguments in [["--listen", "127.0.0.1:1", "serve"], ["serve", "--listen", "127.0.0.1:1"]] {
            let arguments = [&["--config", file, "--data-dir", "here"], &arguments[..]].concat();
            let said = config(&arguments).unwrap();
            assert_eq!((said.listen.port(), said.places.data_dir.as_path()), (1, Path::new("here")));
        }
        std::fs::write(&path, "lisen = \"127.0.0.1:7000\"").unwrap();
        let error = format!("{:#}", config(&["--config", file]).unwrap_err());
        assert!(error.contains("jq2qmt.toml") && error.contains("unknown field `lisen`"), "{error}");
    }

    #[test]
    fn a_service_is_told_what_stands_in_the_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (path, here) = (dir.path().join("jq2qmt.toml"), std::env::current_dir().unwrap());
        let service = |arguments: &[&str]| {
            let file = ["jq2qmt", "--config", path.to_str().unwrap()];
            CommandLine::try_parse_from(file.iter().chain(arguments))
                .unwrap()
                .as_service()
                .map_err(|e| format!("{e:#}"))
        };
        let at = |name: &str| dir.path().join(name).display().to_string();
        let (cert, key, copies) = (at("cert.pem"), at("key.pem"), at("copies"));
        let write = |cert: &str, key: &str, copies: &str| {
            let tls = format!("tls-cert = {cert:?}\ntls-key = {key:?}\n");
            std::fs::write(&path, format!("{tls}backup-every = \"1h\"\nbackup-dir = {copies:?}\n")).unwrap();
        };
        write(&cert, &key, &copies);
        let installed = service(&["--data-dir", "here"]).unwrap();
        let (data, keys) = (here.join("here"), here.join("keys"));
        let arguments = ["service", "run", "--data-dir"].map(OsString::from).into_iter().chain([(&data).into()]);
        let arguments = arguments.chain(["--keys-dir".into(), (&keys).into(), "--config".into(), (&path).into()]);
        assert_eq!(installed.arguments, arguments.collect::<Vec<OsString>>());
        assert_eq!(installed.folders, [data, keys, copies.clone().into()]);
        assert_eq!(installed.files, [path.clone(), cert.clone().into(), key.clone().into()]);

        for (option, value) in [("--listen", "127.0.0.1:1"), ("--reads", "key"), ("--tls-key", &key), ("--zone", "UTC")]
        {
            let error = service(&[option, value]).unwrap_err();
            assert!(error.contains(&format!("would not be told {option}: let the file")), "{error}");
        }
        assert!(service(&["--demo", "--new"]).unwrap_err().contains("--new, --demo"));
        for (option, cert, key, copies) in [
            ("tls-cert", "cert.pem", &*key, &*copies),
            ("tls-key", &cert, "tls/key.pem", &copies),
            ("backup-dir", &cert, &key, "../copies"),
        ] {
            write(cert, key, copies);
            let error = service(&[]).unwrap_err();
            assert!(error.starts_with(option) && error.contains("a whole path"), "{error}");
        }
        std::fs::write(&path, "listen = \"0.0.0.0:1\"").unwrap();
        assert!(service(&[]).unwrap_err().starts_with("the server would not start with this"));
    }

    #[test]
    fn how_the_server_is_reached_is_said_or_follows() {
        let reach = |arguments: &[&str]| config(arguments).map(|config| config.reach);
        let alone = reach(&[]).unwrap();
        assert!(alone.by_known_names && alone.for_this_machine && alone.public_host.is_none());
        let open = reach(&["--reads", "open", "--public-host", "QMT.example.com"]).unwrap();
        assert!(open.by_known_names && !open.for_this_machine && open.public_host == "qmt.example.com".parse().ok());
        assert!(!reach(&["--reads", "key"]).unwrap().by_known_names);
        assert!(!reach(&["--listen", "0.0.0.0:1", "--reads", "open"]).unwrap().by_known_names);

        let proxies = ["--trusted-proxy", "10.0.0.0/8,192.0.2.1", "--trusted-proxy", "fd00::/8"];
        let error = reach(&proxies).unwrap_err().to_string();
        assert!(error.contains("(--trusted-proxy) other machines") && error.contains("--reads key"), "{error}");
        let proxies = reach(&[&proxies[..], &["--reads", "key"]].concat()).unwrap().proxies;
        assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.1", "fd00::/8"].map(|text| text.parse().unwrap()));
        for (option, value, words) in [
            ("--public-host", "https://a", "no scheme, port or path"),
            ("--trusted-proxy", "proxy", "an address or a CIDR"),
        ] {
            let error = reach(&[option, value]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jq2qmt.toml");
        std::fs::write(&path, "public-host = \"a.example\"\ntrusted-proxy = [\"10.1.0.0/16\"]\nreads = \"key\"")
            .unwrap();
        let file = ["--config", path.to_str().unwrap()];
        let from_file = reach(&file).unwrap();
        assert_eq!((from_file.public_host, from_file.proxies.len()), ("a.example".parse().ok(), 1));
        let over = reach(&[&file[..], &["--public-host", "b.example", "--trusted-proxy", "::1"]].concat()).unwrap();
        assert_eq!((over.public_host, over.proxies), ("b.example".parse().ok(), vec!["::1".parse().unwrap()]));
        for wrong in ["public-host = \"a:1\"", "trusted-proxy = [\"x\"]"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(reach(&file).is_err(), "{wrong}");
        }
    }

    #[test]
    fn half_a_certificate_is_refused() {
        assert!(config(&["--tls-cert", "cert.pem"]).is_err());
        assert!(config(&["--token-max-age", "0"]).is_err());
        assert!(config(&["--drift-after", "0"]).is_err());
        assert!(config(&["--zone", "Mars/Olympus"]).is_err());
    }

    #[test]
    fn copies_are_made_where_it_is_said_how_often() {
        let plan = |arguments: &[&str]| config(arguments).map(|config| config.backups);
        assert_eq!(plan(&[]).unwrap(), None);
        let hourly = Plan { every: Duration::from_hours(1), keep: 48, folder: "here/backups".into() };
        assert_eq!(plan(&["--data-dir", "here", "--backup-every", "1h"]).unwrap(), Some(hourly));
        let said = ["serve", "--backup-every", "30m", "--backup-keep", "2", "--backup-dir", "there"];
        let half = Plan { every: Duration::from_mins(30), keep: 2, folder: "there".into() };
        assert_eq!(plan(&said).unwrap(), Some(half.clone()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jq2qmt.toml");
        std::fs::write(&path, "backup-every = \"30m\"\nbackup_keep = 2\nbackup-dir = \"there\"").unwrap();
        assert_eq!(plan(&["--config", path.to_str().unwrap()]).unwrap(), Some(half));
        for wrong in [
            &["--backup-keep", "2"][..],
            &["--backup-dir", "there"],
            &["--backup-every", "0s"],
            &["--backup-every", "-1h"],
            &["--backup-every", "often"],
            &["--backup-every", "1h", "--backup-keep", "0"],
        ] {
            assert!(plan(wrong).is_err(), "{wrong:?}");
        }
    }
}
