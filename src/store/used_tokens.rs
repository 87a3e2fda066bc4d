//! The tables `used_tokens` and `upkeep`: a signed token is good once, also after a restart.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use super::positions::json;
use crate::domain::moment::Moment;

/// A signed token: when it says that it was signed, and the SHA-256 of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsedToken {
    /// When it was signed.
    pub signed_at: Moment,
    /// SHA-256 of the signature.
    pub digest: [u8; 32],
}

fn rows(tokens: &[UsedToken]) -> String {
    json(&tokens.iter().map(|token| (token.signed_at.as_micros(), hex::encode_upper(token.digest))).collect::<Vec<_>>())
}

/// Those of the tokens that were used before.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    tokens: &[UsedToken],
) -> Result<HashSet<UsedToken>, sqlx::Error> {
    let tokens = rows(tokens);
    let found = sqlx::query!(
        r#"SELECT t.signed_at AS "signed_at!", t.digest AS "digest!" FROM jsonb_each(?) AS j
         CROSS JOIN used_tokens AS t ON t.signed_at = j.value ->> 0 AND t.digest = unhex(j.value ->> 1)"#,
        tokens
    )
    .fetch_all(connection)
    .await?;
    let token = |signed_at, digest: Vec<u8>| {
        Some(UsedToken { signed_at: Moment::from_micros(signed_at), digest: digest.try_into().ok()? })
    };
    Ok(found.into_iter().filter_map(|row| token(row.signed_at, row.digest)).collect())
}

/// Records tokens as used.
pub(super) async fn record(connection: &mut SqliteConnection, tokens: &[UsedToken]) -> Result<(), sqlx::Error> {
    let tokens = rows(tokens);
    sqlx::query!(
        "INSERT INTO used_tokens (signed_at, digest) SELECT value ->> 0, unhex(value ->> 1) FROM jsonb_each(?)",
        tokens
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Before which moment of signing it is no longer known whether a token was used.
pub(super) async fn forgotten_before(connection: &mut SqliteConnection) -> Result<Moment, sqlx::Error> {
    let row = sqlx::query!("SELECT tokens_forgotten_before FROM upkeep").fetch_one(connection).await?;
    Ok(Moment::from_micros(row.tokens_forgotten_before))
}

/// Forgets the tokens signed before a moment, and says before when it is no longer known whether a token was used.
///
/// That is just after the last one forgotten, and not the given moment: a clock that ran ahead for a while must not keep
/// tokens out once it is right again.
pub(super) async fn forget(connection: &mut SqliteConnection, before: Moment) -> Result<Moment, sqlx::Error> {
    let before = before.as_micros();
    sqlx::query!(
        "UPDATE upkeep SET tokens_forgotten_before =
             max(tokens_forgotten_before, coalesce((SELECT max(signed_at) + 1 FROM used_tokens WHERE signed_at < ?), 0))",
        before
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM used_tokens WHERE signed_at < ?", before).execute(&mut *connection).await?;
    forgotten_before(connection).await
}
