//! The table `outbox`: what is to be told over which channel, until it is delivered or too old.

use std::time::Duration;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::json;
use crate::domain::channel::{ChannelName, Due, Letter};
use crate::domain::moment::Moment;
use crate::store::channels::{ChannelStanding, OutboxEntry, OutboxNote};

/// How many are looked at together.
const MOST: i64 = 1_000;

/// How long what is settled is kept, to be looked at.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Adds what is to be told, in the transaction that found it. What is no incident is told once over a channel.
pub(in crate::store) async fn add(
    connection: &mut SqliteConnection,
    due: &[Due],
    now: Moment,
) -> Result<(), sqlx::Error> {
    if due.is_empty() {
        return Ok(());
    }
    let incident = |letter: &Letter| match letter {
        Letter::Incident(news) => Some(news.step.id),
        Letter::Report { .. } => None,
    };
    let row = |due: &Due| (due.channel.clone(), incident(&due.letter), json(&due.letter), due.at);
    let rows = json(&due.iter().map(row).collect::<Vec<_>>());
    sqlx::query!(
        "INSERT INTO outbox (channel, incident, body, created_at, due_at, attempts)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 3, 0 FROM jsonb_each(?)
         WHERE value ->> 1 IS NOT NULL
            OR NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.channel = value ->> 0 AND o.body = value ->> 2)",
        rows
    )
    .execute(&mut *connection)
    .await?;
    let before = now.minus(KEPT).as_micros();
    sqlx::query!("DELETE FROM outbox WHERE coalesce(delivered_at, given_up_at) < ?", before)
        .execute(connection)
        .await?;
    Ok(())
}

/// What waits and may be sent by a moment, in the order in which it came up.
pub(in crate::store) async fn waiting(
    executor: impl SqliteExecutor<'_>,
    until: Moment,
) -> Result<Vec<OutboxEntry>, sqlx::Error> {
    let until = until.as_micros();
    let rows = sqlx::query!(
        r#"SELECT o.id, o.channel, o.body, o.created_at, o.due_at, o.attempts,
                  coalesce(i.acknowledged_at, i.ended_at) IS NOT NULL AS "is_seen!: bool"
           FROM outbox AS o LEFT JOIN incidents AS i ON i.id = o.incident
           WHERE o.delivered_at IS NULL AND o.given_up_at IS NULL AND o.due_at <= ? ORDER BY o.due_at, o.id LIMIT ?"#,
        until,
        MOST
    )
    .fetch_all(executor)
    .await?;
    let waiting = rows.into_iter().filter_map(|row| {
        Some(OutboxEntry {
            id: row.id,
            channel: ChannelName::parse(&row.channel).ok()?,
            letter: serde_json::from_str(&row.body).ok(),
            first_due: Moment::from_micros(row.created_at),
            due_at: Moment::from_micros(row.due_at),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            is_seen: row.is_seen,
        })
    });
    Ok(waiting.collect())
}

/// Notes what became of attempts.
pub(in crate::store) async fn note(
    connection: &mut SqliteConnection,
    note: &OutboxNote,
    now: Moment,
) -> Result<(), sqlx::Error> {
    let (ids, now) = (json(&note.ids), now.as_micros());
    let (error, due_at) = (note.error.as_deref(), note.again_at.map(Moment::as_micros));
    sqlx::query!(
        "UPDATE outbox SET
             attempts = iif($5, attempts, attempts + 1),
             delivered_at = iif($2 IS NULL AND NOT $5, $3, NULL),
             failed_at = iif($2 IS NULL, failed_at, $3),
             error = coalesce($2, error),
             due_at = coalesce($4, due_at),
             given_up_at = iif($5 OR ($2 IS NOT NULL AND $4 IS NULL), $3, NULL)
         WHERE id IN (SELECT value FROM json_each($1))",
        ids,
        error,
        now,
        due_at,
        note.is_needless
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes a test of a channel, which is not tried again.
pub(in crate::store) async fn note_test(
    connection: &mut SqliteConnection,
    channel: &ChannelName,
    error: Option<&str>,
    now: Moment,
) -> Result<(), sqlx::Error> {
    let (channel, now) = (channel.as_str(), now.as_micros());
    sqlx::query!(
        "INSERT INTO outbox (channel, body, created_at, due_at, attempts, failed_at, error, delivered_at, given_up_at)
         VALUES ($1, 'null', $2, $2, 1, iif($3 IS NULL, NULL, $2), $3, iif($3 IS NULL, $2, NULL), iif($3 IS NULL, NULL, $2))",
        channel,
        now,
        error
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How each channel stands that ever had something to tell.
pub(in crate::store) async fn standings(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<(String, ChannelStanding)>, sqlx::Error> {
    // With a single max() the other columns are those of its row; what fails again keeps its row.
    let rows = sqlx::query!(
        r#"SELECT channel AS "channel!: String", max(failed_at) AS "failed_at: i64", error,
                  (SELECT max(delivered_at) FROM outbox AS d WHERE d.channel = o.channel) AS "delivered_at: i64",
                  (SELECT count(*) FROM outbox AS w
                   WHERE w.channel = o.channel AND w.delivered_at IS NULL AND w.given_up_at IS NULL) AS "waiting!: i64"
           FROM outbox AS o GROUP BY channel"#
    )
    .fetch_all(executor)
    .await?;
    let standing = rows.into_iter().map(|row| {
        let failed = row.failed_at.map(Moment::from_micros).zip(row.error);
        let delivered_at = row.delivered_at.map(Moment::from_micros);
        (row.channel, ChannelStanding { delivered_at, failed, waiting: row.waiting.unsigned_abs() })
    });
    Ok(standing.collect())
}
