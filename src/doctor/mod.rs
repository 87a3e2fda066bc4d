//! The doctor: is everything as it should be for years? What is so is gathered in [`facts`], what it means is said in
//! [`judge`], the same for the command line and the page.

pub mod facts;
pub mod judge;
pub mod rights;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::Mutex;

pub use self::facts::Asker;
use crate::auth::rights::Reads;
use crate::clock::{Clock, Zone};
use crate::config::{Config, ConfigFile, Places, Tls};
use crate::store::backups::Plan;

/// How much there is to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// Nothing fails, and somebody should know.
    Notice,
    /// Something fails, or will.
    Fault,
}

impl Level {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "their titles say it")]
pub enum Check {
    Settings,
    Listen,
    Certificate,
    Keys,
    Rights,
    Database,
    Password,
    Server,
    Clock,
    Backup,
    Disk,
    Files,
    Sqlite,
    Calendar,
    Channel,
}

impl Check {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it is called, in Chinese and English.
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Settings => ("配置", "Settings"),
            Self::Listen => ("监听与读取", "Address and reading"),
            Self::Certificate => ("证书", "Certificate"),
            Self::Keys => ("公钥目录", "Keys folder"),
            Self::Rights => ("文件权限", "Rights"),
            Self::Database => ("数据库", "Database"),
            Self::Password => ("操作员密码", "Operator's password"),
            Self::Server => ("服务器进程", "Server"),
            Self::Clock => ("时钟", "Clock"),
            Self::Backup => ("备份", "Copies"),
            Self::Disk => ("磁盘", "Disk"),
            Self::Files => ("打开文件数", "Open files"),
            Self::Sqlite => ("SQLite", "SQLite"),
            Self::Calendar => ("交易日历", "Calendar"),
            Self::Channel => ("通知渠道", "Channels"),
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// What was found by a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// By which.
    pub check: Check,
    /// How much there is to it.
    pub level: Level,
    /// What it means.
    pub meaning: Sentence,
    /// What to do; None where nothing is to be done.
    pub todo: Option<Sentence>,
}

/// What the server is told about itself, as far as it can be looked at.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where things lie.
    pub places: Places,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may read.
    pub reads: Reads,
    /// Whether a proxy hands requests on to it.
    pub is_proxied: bool,
    /// HTTPS, when wanted.
    pub tls: Option<Tls>,
    /// The configuration file, where there is one.
    pub file: Option<ConfigFile>,
    /// How copies are made, where they are.
    pub backups: Option<Plan>,
    /// The zone in which times are told.
    pub zone: Zone,
}

impl Setup {
    /// That of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            places: config.places.clone(),
            listen: config.listen,
            reads: config.reads,
            is_proxied: !config.reach.proxies.is_empty(),
            tls: config.tls.clone(),
            file: config.file.clone(),
            backups: config.backups.clone(),
            zone: config.zone.clone(),
        }
    }
}

/// For how long what was found is not looked for again: an open page comes anew with every change of the book.
const KEPT: Duration = Duration::from_secs(10);

/// Who looks, one look at a time: it reads the whole database.
#[derive(Debug)]
pub struct Doctor {
    setup: Setup,
    /// What was found last, and what the clock had run then.
    last: Mutex<Option<(Duration, Vec<Finding>)>>,
}

impl Doctor {
    /// The one who looks at a set-up.
    pub fn new(setup: Setup) -> Self {
        Self { setup, last: Mutex::default() }
    }

    /// Looks at everything, unless somebody just has, and says what was found, in the order of the checks.
    pub async fn look(&self, clock: &Clock, asker: Asker) -> Vec<Finding> {
        let mut last = self.last.lock().await;
        if let Some((at, findings)) = &*last
            && clock.running().saturating_sub(*at) < KEPT
        {
            return findings.clone();
        }
        let findings = judge::judge(&facts::gather(&self.setup, clock, asker).await);
        *last = Some((clock.running(), findings.clone()));
        findings
    }
}
