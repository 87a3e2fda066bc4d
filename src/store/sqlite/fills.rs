//! The table `fills`: trades, each once, however often it is reported.

use std::sync::Arc;

use futures::TryStreamExt as _;
use smol_str::SmolStr;
use sqlx::SqliteConnection;

use super::{json, parsed};
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::code::Code;
use crate::domain::moment::Moment;
use crate::domain::report::{Fill, Side};
use crate::domain::reported::digest;
use crate::ledger::FiledStep;
use crate::store::error::OpenError;
use crate::store::reports::Span;

/// Appends trades that were not reported before.
pub(super) async fn append(connection: &mut SqliteConnection, filed: &[FiledStep]) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = filed.iter().flat_map(rows).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO fills (account, day, fill, order_id, code, side, volume, price, fee, at, heard_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
                value ->> 8, value ->> 9, value ->> 10
         FROM jsonb_each(?) WHERE true ON CONFLICT DO NOTHING",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

type FillRow<'a> = (&'a str, Day, &'a str, Option<&'a str>, String, &'a str, i64, String, Option<String>, i64, i64);

fn rows(FiledStep { account, step, .. }: &FiledStep) -> impl Iterator<Item = FillRow<'_>> {
    let heard_at = step.reported.heard_at.as_micros();
    step.fills.iter().map(move |fill| {
        let Fill { id, order, code, side, volume, price, at, fee } = fill;
        let (price, fee) = (price.to_string(), fee.map(|fee| fee.to_string()));
        let (account, side, at) = (account.as_str(), side.as_str(), at.as_micros());
        (
            account,
            Day::of(fill.at),
            id.as_str(),
            order.as_deref(),
            code.to_string(),
            side,
            *volume,
            price,
            fee,
            at,
            heard_at,
        )
    })
}

/// A trade's row.
struct FillRecord {
    fill: String,
    order_id: Option<String>,
    code: String,
    side: String,
    volume: i64,
    price: String,
    fee: Option<String>,
    at: i64,
}

impl FillRecord {
    fn fill(self) -> Result<Fill, sqlx::Error> {
        Ok(Fill {
            id: self.fill.into(),
            order: self.order_id.map(SmolStr::from),
            code: Code::parse(&self.code).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            side: if self.side == Side::Buy.as_str() { Side::Buy } else { Side::Sell },
            volume: self.volume,
            price: parsed(&self.price)?,
            at: Moment::from_micros(self.at),
            fee: self.fee.as_deref().map(parsed).transpose()?,
        })
    }
}

/// The trades of an account within a span, newest first, at most so many.
pub(in crate::store) async fn within(
    connection: &mut SqliteConnection,
    account: &AccountName,
    span: Span,
    limit: u32,
) -> Result<Vec<Fill>, sqlx::Error> {
    let (account, from, to) = (account.as_str(), span.from.as_micros(), span.to.as_micros());
    let (first, last) = (json(&Day::of(span.from)), json(&Day::of(span.to)));
    let rows = sqlx::query_as!(
        FillRecord,
        "SELECT fill, order_id, code, side, volume, price, fee, at FROM fills
         WHERE account = ? AND day >= CAST(? AS INTEGER) AND day <= CAST(? AS INTEGER) AND at >= ? AND at < ?
         ORDER BY day DESC, at DESC, fill DESC LIMIT ?",
        account,
        first,
        last,
        from,
        to,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(FillRecord::fill).collect()
}

/// Adds to the accounts of a book which trades of the last days were reported.
pub(super) async fn load(connection: &mut SqliteConnection, book: &mut Book) -> Result<(), OpenError> {
    let accounts: Vec<_> = book.reports().map(|(account, reported)| (account.clone(), Arc::clone(reported))).collect();
    for (account, reported) in accounts {
        let mut reported = (*reported).clone();
        let name = account.as_str();
        let mut rows = sqlx::query_as!(
            FillRecord,
            "SELECT fill, order_id, code, side, volume, price, fee, at FROM fills
             WHERE account = ? AND day >= (SELECT max(day) - 32 FROM fills WHERE account = ?)",
            name,
            name
        )
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let fill = row.fill()?;
            reported.fills.insert((Day::of(fill.at), fill.id.clone()), digest(&fill));
        }
        drop(rows);
        book.report(account, Arc::new(reported));
    }
    Ok(())
}
