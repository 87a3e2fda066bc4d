//! A look at a database from beside it, in whatever state it is, for whoever looks for faults. Nothing in it is changed.

use std::collections::HashMap;
use std::path::Path;

use sqlx::SqlitePool;

use super::channels::ChannelStanding;
use super::error::OpenError;
use super::operator::Operator;
use super::sqlite::{self, channel_secrets as secrets, copies, incidents, operator, outbox, used_tokens};
use super::witness;
use crate::domain::book::Book;
use crate::domain::channel::{ChannelName, Secrets};
use crate::domain::incident::{Concern, Key, Kind};
use crate::domain::moment::Moment;

/// What stands in a database that can be used.
#[derive(Debug)]
pub struct Seen {
    /// The book.
    pub book: Book,
    /// The operator, if a password was ever set.
    pub operator: Option<Operator>,
    /// When the newest token was signed, of those that are remembered.
    pub newest_token: Option<Moment>,
    /// By how many microseconds the server found its clock to be ahead, while that incident stands.
    pub clock_ahead: Option<i64>,
    /// How channels stand that ever had something to tell.
    pub channels: HashMap<String, ChannelStanding>,
}

/// Reads the database at `path`.
///
/// # Errors
/// When there is none, it was emptied, is of another version, or does not hold together.
pub async fn inspect(path: &Path) -> Result<Seen, OpenError> {
    witness::must_not_be_emptied(path)?;
    let pool = sqlite::open_read_only(path)?;
    let seen = read(&pool).await;
    pool.close().await;
    seen
}

async fn read(pool: &SqlitePool) -> Result<Seen, OpenError> {
    let mut book = sqlite::look(pool).await?;
    book.note_change(sqlite::verify::newest(pool).await?.at);
    let clock = incidents::standing(pool).await?.get(&Key::new(Kind::Clock, "")).map(|one| one.concern.clone());
    Ok(Seen {
        book,
        operator: operator::find(pool).await?,
        newest_token: used_tokens::newest(pool).await?,
        clock_ahead: clock.and_then(|concern| if let Concern::Clock { ahead } = concern { Some(ahead) } else { None }),
        channels: outbox::standings(pool).await?.into_iter().collect(),
    })
}

/// Says what is damaged in the pages of the database at `path`, if anything is; without its indexes, which takes a fraction of
/// the time.
///
/// # Errors
/// When they cannot be read.
pub async fn damage(path: &Path) -> Result<Option<String>, OpenError> {
    let pool = sqlite::open_read_only(path)?;
    let damage = copies::plain_damage(&pool).await;
    pool.close().await;
    Ok(damage?)
}

/// What of a channel is kept apart from the history.
///
/// # Errors
/// When it cannot be read.
pub async fn channel_secrets(path: &Path, channel: &ChannelName) -> Result<Option<Secrets>, OpenError> {
    let pool = sqlite::open_read_only(path)?;
    let found = secrets::find(&pool, channel).await;
    pool.close().await;
    Ok(found?)
}

/// What keeps the database.
#[derive(Debug)]
pub struct Engine {
    /// What it is called.
    pub name: &'static str,
    /// Which one is in this program.
    pub version: String,
    /// Whether it loses no commit when two connections fold the log at once.
    pub is_mended: bool,
    /// From which version on it loses none.
    pub mended: String,
}

/// What keeps databases in this program.
///
/// # Errors
/// When it cannot be asked.
pub async fn engine() -> Result<Engine, OpenError> {
    sqlite::engine().await
}
