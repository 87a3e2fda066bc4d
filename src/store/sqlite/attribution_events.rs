//! The table `attribution_events`: what of each report changed how an account is divided.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::attributed::understood;
use super::json;
use crate::domain::account::AccountName;
use crate::domain::attribution::{Attribution, Event};
use crate::ledger::{FiledStep, Ledger};

/// Appends what of reports changed something.
pub(super) async fn append(connection: &mut SqliteConnection, filed: &[FiledStep]) -> Result<(), sqlx::Error> {
    let touching = filed.iter().filter(|filed| !filed.attributed.event.touches.is_empty());
    let rows: Vec<_> = touching.map(|filed| (filed.account.as_str(), json(&filed.attributed.event))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO attribution_events (account, body) SELECT value ->> 0, value ->> 1 FROM jsonb_each(?)",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The first account that is divided otherwise than its events lead to.
pub(super) async fn astray(
    connection: &mut SqliteConnection,
    ledger: &Ledger,
) -> Result<Option<AccountName>, sqlx::Error> {
    for (account, kept) in &ledger.attributions {
        if !leads_to(connection, account, kept).await? {
            return Ok(Some(account.clone()));
        }
    }
    Ok(None)
}

/// Whether an account's events lead to how it is divided.
async fn leads_to(
    connection: &mut SqliteConnection,
    account: &AccountName,
    kept: &Arc<Attribution>,
) -> Result<bool, sqlx::Error> {
    /// How many events are held in memory at a time.
    const PAGE: i64 = 1000;
    let name = account.as_str();
    let (mut after, mut repeated): (i64, Option<Attribution>) = (0, None);
    loop {
        let page = sqlx::query!(
            "SELECT id, body FROM attribution_events WHERE account = ? AND id > ? ORDER BY id LIMIT ?",
            name,
            after,
            PAGE
        )
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for row in &page {
            let Ok(event) = understood::<Event>(&row.body) else { return Ok(false) };
            repeated.get_or_insert_with(|| Attribution::beginning(event.day)).repeat(&event);
        }
    }
    let mut repeated = repeated.unwrap_or_else(|| Attribution::beginning(kept.day));
    repeated.begin_day(kept.day);
    Ok((&repeated.items, &repeated.totals) == (&kept.items, &kept.totals))
}
