//! The tables `used_tokens` and `upkeep`: a signed token is good once, also after a restart.

use sqlx::SqliteConnection;

use super::json;
use crate::domain::moment::Moment;
use crate::ledger::UsedToken;

statement! {
    /// Records tokens as used, and gives those that were not used before.
    TAKE(rows) = "INSERT INTO used_tokens (signed_at, digest)
            SELECT value ->> 0, unhex(value ->> 1) FROM jsonb_each($1) WHERE true
            ON CONFLICT DO NOTHING RETURNING signed_at, digest"
}

statement! {
    /// Takes back the record of tokens whose changes were rejected: they allowed nothing.
    GIVE_BACK(rows) = "DELETE FROM used_tokens
                 WHERE (signed_at, digest) IN (SELECT value ->> 0, unhex(value ->> 1) FROM jsonb_each($6))"
}

/// The rows of tokens.
pub(super) fn rows<'a>(tokens: impl IntoIterator<Item = &'a UsedToken>) -> String {
    let row = |token: &UsedToken| (token.signed_at.as_micros(), hex::encode_upper(token.digest));
    json(&tokens.into_iter().map(row).collect::<Vec<_>>())
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
pub(in crate::store) async fn forget(connection: &mut SqliteConnection, before: Moment) -> Result<Moment, sqlx::Error> {
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
