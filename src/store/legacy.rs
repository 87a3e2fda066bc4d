//! What an existing jq2qmt keeps: a row for each strategy, in its table `strategy_positions`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::OpenError;
#[cfg(feature = "mysql")]
use super::mysql;
use super::sqlite;

/// A strategy's row, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyList {
    /// The strategy's name.
    pub name: String,
    /// Its list, JSON.
    pub positions: Option<String>,
    /// When it was pushed, by that server's clock.
    pub updated_at: Option<String>,
}

impl LegacyList {
    pub(super) fn of((name, positions, updated_at): (Option<String>, Option<String>, Option<String>)) -> Self {
        Self { name: name.unwrap_or_default(), positions, updated_at }
    }
}

/// Where they stand.
pub enum Source {
    /// In a file.
    Sqlite(PathBuf),
    /// At a server of `MySQL` or `MariaDB`.
    #[cfg(feature = "mysql")]
    Mysql(Box<mysql::Address>),
}

impl FromStr for Source {
    type Err = OpenError;

    /// Reads `sqlite:///path`, `sqlite://path`, `sqlite:////path` as `SQLAlchemy` spells it, and `mysql://…` or its
    /// `mysql+pymysql://…`.
    fn from_str(address: &str) -> Result<Self, OpenError> {
        if let Some(path) = address.strip_prefix("sqlite://") {
            let path = path.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(path);
            return Ok(Self::Sqlite(path.into()));
        }
        let mysql = address.split_once("://").filter(|(scheme, _)| scheme.split('+').next() == Some("mysql"));
        let (_, rest) = mysql.ok_or_else(|| {
            let takes = "--from takes sqlite:///PATH and mysql://USER:PASSWORD@HOST/DATABASE; export another database \
                         into an SQLite file first";
            OpenError::Unusable(takes.to_owned())
        })?;
        Self::at_mysql(rest)
    }
}

impl Source {
    #[cfg(feature = "mysql")]
    fn at_mysql(rest: &str) -> Result<Self, OpenError> {
        format!("mysql://{rest}").parse().map(Box::new).map(Self::Mysql)
    }

    #[cfg(not(feature = "mysql"))]
    fn at_mysql(_: &str) -> Result<Self, OpenError> {
        let build = "this jq2qmt was built without MySQL; `cargo build --release --features mysql` makes one that reads it, \
                     or export the table into an SQLite file";
        Err(OpenError::Unusable(build.to_owned()))
    }

    /// Reads every row, oldest first, and touches nothing.
    ///
    /// # Errors
    /// When there is no such database, or no such table in it.
    pub async fn lists(&self) -> Result<Vec<LegacyList>, OpenError> {
        match self {
            Self::Sqlite(path) => in_file(path).await,
            #[cfg(feature = "mysql")]
            Self::Mysql(address) => address.lists().await,
        }
    }
}

/// Without a password.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            #[cfg(feature = "mysql")]
            Self::Mysql(address) => address.fmt(f),
        }
    }
}

async fn in_file(path: &Path) -> Result<Vec<LegacyList>, OpenError> {
    if !path.exists() {
        return Err(OpenError::Unusable(format!("there is no file {}", path.display())));
    }
    let pool = sqlite::open_read_only(path)?;
    let lists = sqlite::legacy::lists(&pool).await;
    pool.close().await;
    Ok(lists?)
}
