//! What an existing jq2qmt keeps: a row for each strategy, in its table `strategy_positions`.

use std::path::Path;

use super::error::OpenError;
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

/// Reads them all, oldest first, and touches nothing.
///
/// # Errors
/// When there is no such file, or no such table in it.
pub async fn lists(path: &Path) -> Result<Vec<LegacyList>, OpenError> {
    if !path.exists() {
        return Err(OpenError::Unusable(format!("there is no file {}", path.display())));
    }
    let pool = sqlite::open_read_only(path)?;
    let lists = sqlite::legacy::lists(&pool).await;
    pool.close().await;
    Ok(lists?)
}
