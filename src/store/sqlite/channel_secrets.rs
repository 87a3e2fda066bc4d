//! The table `channel_secrets`: addresses, and what signs or logs in. Never in the history.

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::domain::channel::{ChannelName, Secrets};

/// The secrets of a channel.
pub(in crate::store) async fn find(
    executor: impl SqliteExecutor<'_>,
    channel: &ChannelName,
) -> Result<Option<Secrets>, sqlx::Error> {
    let channel = channel.as_str();
    let body = sqlx::query_scalar!("SELECT body FROM channel_secrets WHERE channel = ?", channel)
        .fetch_optional(executor)
        .await?;
    // The error of what cannot be read would show it.
    let unreadable = |_| sqlx::Error::Decode("the secrets of a channel are not what was written".into());
    body.map(|body| serde_json::from_str(&body).map_err(unreadable)).transpose()
}

/// Keeps the secrets of a channel, or with None forgets them.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    channel: &ChannelName,
    secrets: Option<&Secrets>,
) -> Result<(), sqlx::Error> {
    let channel = channel.as_str();
    let Some(secrets) = secrets else {
        return sqlx::query!("DELETE FROM channel_secrets WHERE channel = ?", channel)
            .execute(connection)
            .await
            .map(|_| ());
    };
    let body = super::json(secrets);
    sqlx::query!(
        "INSERT INTO channel_secrets (channel, body) VALUES (?, ?) ON CONFLICT (channel) DO UPDATE SET body = excluded.body",
        channel,
        body
    )
    .execute(connection)
    .await?;
    Ok(())
}
