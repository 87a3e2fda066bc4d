//! `MySQL` and `MariaDB`, of an existing jq2qmt alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::OpenError;
use super::legacy::LegacyList;

/// How long a server may take to answer at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// A database and who asks it; it never prints the password.
#[derive(Clone)]
pub struct Address(MySqlConnectOptions);

impl FromStr for Address {
    type Err = OpenError;

    /// Reads `mysql://user:password@host/db`.
    fn from_str(text: &str) -> Result<Self, OpenError> {
        let (_, rest) = text.split_once("://").unwrap_or_default();
        // A password with one of these in it would be read as a host and a database, which are printed.
        if rest.split_once(['/', '?', '#']).is_some_and(|(_, rest)| rest.contains('@')) {
            let spelling = "in its address, what is special in user and password is written as %2F, %3F, %23 or %40";
            return Err(OpenError::Unusable(spelling.to_owned()));
        }
        let options: MySqlConnectOptions = text.parse()?;
        // By the server's own zone, as the jq2qmt that wrote there saw its times.
        Ok(Self(options.timezone(None)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(to) = self;
        let database = to.get_database().unwrap_or_default();
        write!(f, "mysql://{}@{}:{}/{database}", to.get_username(), to.get_host(), to.get_port())
    }
}

impl Address {
    /// Every strategy's row.
    pub(super) async fn lists(&self) -> Result<Vec<LegacyList>, OpenError> {
        let connecting = tokio::time::timeout(CONNECT_WITHIN, self.0.connect());
        let mut connection = connecting.await.map_err(|_| OpenError::Unusable("nobody answers there".to_owned()))??;
        let rows: Vec<(Option<String>, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT CAST(strategy_name AS CHAR), CAST(positions AS CHAR), CAST(update_time AS CHAR)
             FROM strategy_positions ORDER BY update_time, strategy_name",
        )
        .fetch_all(&mut connection)
        .await?;
        connection.close().await?;
        Ok(rows.into_iter().map(LegacyList::of).collect())
    }
}
