//! SQLite itself: which one is in this program, and what is known of it.

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::store::error::OpenError;
use crate::store::inspect::Engine;

/// From which versions on SQLite loses no commit when two connections fold the log at once (sqlite.org/wal.html, "WAL-reset
/// bug"): the branch in which it was mended, and those that got it afterwards.
const MENDED: (u32, u32, u32) = (3, 51, 3);
const MENDED_LATER: [(u32, u32, u32); 2] = [(3, 44, 6), (3, 50, 7)];

/// What is in this program.
pub(in crate::store) async fn engine() -> Result<Engine, OpenError> {
    let mut connection = SqliteConnectOptions::new().connect().await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await?;
    let (major, minor, patch) = MENDED;
    let is_mended = loses_no_commit(&version);
    Ok(Engine { name: "SQLite", version, is_mended, mended: format!("{major}.{minor}.{patch}") })
}

/// Whether a version is one of those that were mended.
fn loses_no_commit(version: &str) -> bool {
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    let [major, minor, patch] = parts[..] else { return false };
    let is_branch = |mended: &(u32, u32, u32)| (mended.0, mended.1) == (major, minor) && patch >= mended.2;
    (major, minor, patch) >= MENDED || MENDED_LATER.iter().any(is_branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_lose_no_commit_are_known() {
        for version in ["3.44.6", "3.44.7", "3.50.7", "3.51.3", "3.51.10", "3.52.0", "3.53.1", "4.0.0"] {
            assert!(loses_no_commit(version), "{version}");
        }
        for version in ["3.7.0", "3.44.5", "3.45.9", "3.50.6", "3.51.2", "", "3.51", "three"] {
            assert!(!loses_no_commit(version), "{version}");
        }
    }

    #[tokio::test]
    async fn sqlite_is_one_that_loses_no_commit() {
        let engine = engine().await.unwrap();
        assert!(engine.is_mended, "{engine:?}");
    }
}
