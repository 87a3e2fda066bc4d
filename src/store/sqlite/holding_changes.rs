//! The table `holding_changes`: how what accounts hold has moved.

use sqlx::SqliteConnection;

use super::{json, parsed};
use crate::domain::account::AccountName;
use crate::domain::code::Code;
use crate::domain::moment::Moment;
use crate::domain::reported::HoldingChange;
use crate::ledger::FiledStep;
use crate::store::reports::{HeldThen, Span};

/// Appends how holdings moved.
pub(super) async fn append(connection: &mut SqliteConnection, filed: &[FiledStep]) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = filed.iter().flat_map(rows).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO holding_changes (account, at, item, code, before, after, filled, price)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
         FROM jsonb_each(?)",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

type HoldingRow<'a> = (&'a str, i64, String, String, i64, i64, i64, Option<String>);

fn rows(FiledStep { account, step, .. }: &FiledStep) -> impl Iterator<Item = HoldingRow<'_>> {
    let at = step.reported.heard_at.as_micros();
    step.changes.iter().map(move |HoldingChange { code, before, after, filled, price }| {
        let price = price.map(|price| price.to_string());
        (account.as_str(), at, code.instrument().to_string(), code.to_string(), *before, *after, *filled, price)
    })
}

/// How an account's holdings moved within a span, newest first, at most so many times.
pub(in crate::store) async fn within(
    connection: &mut SqliteConnection,
    account: &AccountName,
    span: Span,
    limit: u32,
) -> Result<Vec<HeldThen>, sqlx::Error> {
    let (account, from, to) = (account.as_str(), span.from.as_micros(), span.to.as_micros());
    let rows = sqlx::query!(
        "SELECT at, code, before, after, filled, price FROM holding_changes
         WHERE account = ? AND at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?",
        account,
        from,
        to,
        limit
    )
    .fetch_all(connection)
    .await?;
    let understood = rows.into_iter().map(|row| {
        let code = Code::parse(&row.code).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let price = row.price.as_deref().map(parsed).transpose()?;
        let change = HoldingChange { code, before: row.before, after: row.after, filled: row.filled, price };
        Ok(HeldThen { at: Moment::from_micros(row.at), change })
    });
    understood.collect()
}
