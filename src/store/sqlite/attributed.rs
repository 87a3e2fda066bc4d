//! The tables `attributed` and `attributed_days`: how what accounts hold is divided, at the end of each day.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::json;
use super::revisions::strategy_name;
use crate::domain::account::AccountName;
use crate::domain::attribution::{Attribution, Close, Owner, Share};
use crate::domain::calendar::Day;
use crate::domain::moment::Moment;
use crate::domain::strategy::StrategyName;
use crate::ledger::replay::Astray;
use crate::ledger::{Attributed, FiledStep, Ledger};
use crate::store::attributed::DayKept;
use crate::store::error::OpenError;

/// Writes how holdings are divided, where that is not as it was.
pub(super) async fn write(connection: &mut SqliteConnection, filed: &[FiledStep]) -> Result<(), sqlx::Error> {
    for FiledStep { account, attributed, .. } in filed.iter().filter(|filed| filed.attributed.is_kept) {
        let Attributed { attribution, .. } = attributed;
        let (account, day, body) = (account.as_str(), json(&attribution.day), json(&attribution.close()));
        sqlx::query!(
            "INSERT INTO attributed_days (account, day, body) VALUES (?, CAST(? AS INTEGER), ?)
             ON CONFLICT DO UPDATE SET body = excluded.body",
            account,
            day,
            body
        )
        .execute(&mut *connection)
        .await?;
        let rows: Vec<_> = attributed
            .owners
            .iter()
            .map(|owner| {
                let Share { owner, totals, parts } = attribution.share_of(owner);
                (owner.map(String::from).unwrap_or_default(), json(&totals), json(&parts))
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        let rows = json(&rows);
        sqlx::query!(
            "INSERT INTO attributed (account, owner, day, totals, parts)
             SELECT ?, value ->> 0, CAST(? AS INTEGER), value ->> 1, value ->> 2 FROM jsonb_each(?) WHERE true
             ON CONFLICT (account, owner, day) DO UPDATE SET totals = excluded.totals, parts = excluded.parts",
            account,
            day,
            rows
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// How an account was divided at the end of a day, or of the last one before it of which something is known.
pub(in crate::store) async fn until(
    connection: &mut SqliteConnection,
    account: &AccountName,
    day: Day,
) -> Result<Option<DayKept>, sqlx::Error> {
    let (account, day) = (account.as_str(), json(&day));
    let found = sqlx::query!(
        "SELECT day, body FROM attributed_days WHERE account = ? AND day <= CAST(? AS INTEGER) ORDER BY day DESC LIMIT 1",
        account,
        day
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(found) = found else { return Ok(None) };
    // Every owner is found by a step in the index, however many days there are of each.
    let rows = sqlx::query!(
        r#"WITH RECURSIVE owners(owner) AS (
             SELECT min(owner) FROM attributed WHERE account = ?1
             UNION ALL
             SELECT (SELECT min(owner) FROM attributed WHERE account = ?1 AND owner > owners.owner)
             FROM owners WHERE owners.owner IS NOT NULL
           )
           SELECT kept.owner AS "owner!", kept.day AS "day!", kept.totals AS "totals!", kept.parts AS "parts!"
           FROM owners JOIN attributed AS kept ON kept.id = (
             SELECT id FROM attributed WHERE account = ?1 AND owner = owners.owner AND day <= CAST(?2 AS INTEGER)
             ORDER BY day DESC LIMIT 1
           )"#,
        account,
        day
    )
    .fetch_all(connection)
    .await?;
    let shares = rows.into_iter().map(|row| {
        let share = share(&row.owner, &row.totals, &row.parts)?;
        Ok((day_of(row.day)?, share))
    });
    let shares = shares.collect::<Result<_, sqlx::Error>>()?;
    Ok(Some(DayKept { day: day_of(found.day)?, close: understood(&found.body)?, shares }))
}

/// What else was known of an account at the end of the days from one to another, and of the last one before them.
pub(in crate::store) async fn closes(
    connection: &mut SqliteConnection,
    account: &AccountName,
    from: Day,
    to: Day,
) -> Result<BTreeMap<Day, Close>, sqlx::Error> {
    let (account, from, to) = (account.as_str(), json(&from), json(&to));
    let rows = sqlx::query!(
        r#"SELECT day AS "day!", body FROM attributed_days
           WHERE account = ?1 AND day <= CAST(?3 AS INTEGER) AND day >= coalesce(
             (SELECT max(day) FROM attributed_days WHERE account = ?1 AND day < CAST(?2 AS INTEGER)), 0)"#,
        account,
        from,
        to
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((day_of(row.day)?, understood(&row.body)?))).collect()
}

/// What an owner had at the end of the days from one to another on which that changed, and of the last one before them.
pub(in crate::store) async fn shares(
    connection: &mut SqliteConnection,
    account: &AccountName,
    owner: &Owner,
    from: Day,
    to: Day,
) -> Result<BTreeMap<Day, Share>, sqlx::Error> {
    let (account, from, to) = (account.as_str(), json(&from), json(&to));
    let owner = owner.as_ref().map(StrategyName::as_str).unwrap_or_default();
    let rows = sqlx::query!(
        r#"SELECT day AS "day!", totals, parts FROM attributed
           WHERE account = ?1 AND owner = ?2 AND day <= CAST(?4 AS INTEGER) AND day >= coalesce(
             (SELECT max(day) FROM attributed WHERE account = ?1 AND owner = ?2 AND day < CAST(?3 AS INTEGER)), 0)"#,
        account,
        owner,
        from,
        to
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((day_of(row.day)?, share(owner, &row.totals, &row.parts)?))).collect()
}

fn share(owner: &str, totals: &str, parts: &str) -> Result<Share, sqlx::Error> {
    let owner = if owner.is_empty() { None } else { Some(strategy_name(owner)?) };
    Ok(Share { owner, totals: understood(totals)?, parts: understood(parts)? })
}

fn day_of(number: i64) -> Result<Day, sqlx::Error> {
    understood(&number.to_string())
}

/// What was written as JSON.
pub(super) fn understood<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Adds to a ledger how what accounts hold is divided.
pub(super) async fn load(connection: &mut SqliteConnection, ledger: &mut Ledger) -> Result<(), OpenError> {
    let last = Day::of(Moment::from_micros(i64::MAX));
    let accounts: Vec<AccountName> = ledger.book.reports().map(|(account, _)| account.clone()).collect();
    for account in accounts {
        let kept = until(connection, &account, last).await.map_err(|error| match error {
            sqlx::Error::Decode(reason) => OpenError::from(Astray {
                strategy: format!("how account {account} is divided"),
                reason: reason.to_string(),
            }),
            other => other.into(),
        })?;
        if let Some(DayKept { day, close, shares }) = kept {
            let attribution = Attribution::resume(day, close, shares.into_iter().map(|(_, share)| share));
            ledger.attributions.insert(account, Arc::new(attribution));
        }
    }
    Ok(())
}
