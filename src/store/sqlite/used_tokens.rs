//! The table `used_tokens`: a signed token is good once, also after a restart.

use sqlx::{SqliteConnection, SqliteExecutor};

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

/// When the newest token was signed.
pub(in crate::store) async fn newest(executor: impl SqliteExecutor<'_>) -> Result<Option<Moment>, sqlx::Error> {
    let newest =
        sqlx::query_scalar!(r#"SELECT max(signed_at) AS "newest: i64" FROM used_tokens"#).fetch_one(executor).await?;
    Ok(newest.map(Moment::from_micros))
}

/// Deletes the tokens signed before a moment, and says of each minute of signing from when until when they were signed:
/// between two of them there may be years, when a clock ran ahead.
pub(in crate::store) async fn sweep(
    connection: &mut SqliteConnection,
    before: Moment,
) -> Result<Vec<(Moment, Moment)>, sqlx::Error> {
    let before = before.as_micros();
    let swept = sqlx::query!(
        r#"SELECT min(signed_at) AS "from!: i64", max(signed_at) AS "until!: i64" FROM used_tokens WHERE signed_at < ?
           GROUP BY signed_at / 60000000"#,
        before
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM used_tokens WHERE signed_at < ?", before).execute(&mut *connection).await?;
    Ok(swept.into_iter().map(|row| (Moment::from_micros(row.from), Moment::from_micros(row.until))).collect())
}
