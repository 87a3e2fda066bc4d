//! The table `api_keys`: keys are stored as SHA-256 and told apart by a prefix.

use sqlx::SqliteExecutor;

use super::{json, parsed};
use crate::domain::account::AccountName;
use crate::domain::moment::Moment;
use crate::domain::strategy::Pattern;
use crate::store::api_keys::{ApiKey, NewApiKey};

/// A row, before its texts are understood.
struct KeyRecord {
    id: i64,
    name: String,
    scope: String,
    strategies: String,
    account: Option<String>,
    prefix: String,
    created_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TryFrom<KeyRecord> for ApiKey {
    type Error = sqlx::Error;

    fn try_from(row: KeyRecord) -> Result<Self, sqlx::Error> {
        let patterns: Vec<String> =
            serde_json::from_str(&row.strategies).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Self {
            id: row.id,
            name: row.name,
            scope: parsed(&row.scope)?,
            strategies: patterns.into_iter().map(Pattern::new).collect(),
            account: row.account.as_deref().map(account_name).transpose()?,
            prefix: row.prefix,
            created_at: Moment::from_micros(row.created_at),
            last_used_at: row.last_used_at.map(Moment::from_micros),
            revoked_at: row.revoked_at.map(Moment::from_micros),
        })
    }
}

/// An account's name as it is written.
fn account_name(text: &str) -> Result<AccountName, sqlx::Error> {
    AccountName::parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Every key, by creation.
pub(in crate::store) async fn all(executor: impl SqliteExecutor<'_>) -> Result<Vec<ApiKey>, sqlx::Error> {
    sqlx::query_as!(
        KeyRecord,
        "SELECT id, name, scope, strategies, account, prefix, created_at, last_used_at, revoked_at FROM api_keys ORDER BY id"
    )
    .fetch_all(executor)
    .await?
    .into_iter()
    .map(ApiKey::try_from)
    .collect()
}

/// The key with that SHA-256, unless it was revoked.
pub(in crate::store) async fn find(
    executor: impl SqliteExecutor<'_>,
    digest: &[u8; 32],
) -> Result<Option<ApiKey>, sqlx::Error> {
    let digest = digest.as_slice();
    sqlx::query_as!(
        KeyRecord,
        "SELECT id, name, scope, strategies, account, prefix, created_at, last_used_at, revoked_at
         FROM api_keys WHERE digest = ? AND revoked_at IS NULL",
        digest
    )
    .fetch_optional(executor)
    .await?
    .map(ApiKey::try_from)
    .transpose()
}

/// Stores a key; false when a key of that name is in use.
pub(in crate::store) async fn add(
    executor: impl SqliteExecutor<'_>,
    key: &NewApiKey,
    now: Moment,
) -> Result<bool, sqlx::Error> {
    let (scope, now, digest) = (key.scope.as_str(), now.as_micros(), key.digest.as_slice());
    let account = key.account.as_ref().map(AccountName::as_str);
    let strategies = json(&key.strategies.iter().map(Pattern::as_str).collect::<Vec<_>>());
    let stored = sqlx::query!(
        "INSERT INTO api_keys (name, scope, strategies, account, prefix, digest, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING",
        key.name,
        scope,
        strategies,
        account,
        key.prefix,
        digest,
        now
    )
    .execute(executor)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// Revokes the key of that name; false when there is none in use.
pub(in crate::store) async fn revoke(
    executor: impl SqliteExecutor<'_>,
    name: &str,
    now: Moment,
) -> Result<bool, sqlx::Error> {
    let now = now.as_micros();
    let revoked = sqlx::query!("UPDATE api_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", now, name)
        .execute(executor)
        .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Notes when a key was last used.
pub(in crate::store) async fn note_use(
    executor: impl SqliteExecutor<'_>,
    id: i64,
    at: Moment,
) -> Result<(), sqlx::Error> {
    let at = at.as_micros();
    sqlx::query!("UPDATE api_keys SET last_used_at = ? WHERE id = ?", at, id).execute(executor).await?;
    Ok(())
}
