//! The table `reports`: what each terminal reported last, with what follows from it, under a seal.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::json;
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::reported::Reported;
use crate::ledger::replay::Astray;
use crate::ledger::{FiledStep, seal_reported};
use crate::store::error::OpenError;

/// Writes what accounts' terminals reported, in their order: the last of an account's stays.
pub(super) async fn write(connection: &mut SqliteConnection, filed: &[FiledStep]) -> Result<(), sqlx::Error> {
    for FiledStep { account, step, .. } in filed {
        let body = json(&step.reported);
        let seal = seal_reported(account, &body);
        let (account, seal) = (account.as_str(), seal.as_slice());
        sqlx::query!(
            "INSERT INTO reports (account, body, seal) VALUES (?, ?, ?)
             ON CONFLICT (account) DO UPDATE SET body = excluded.body, seal = excluded.seal",
            account,
            body,
            seal
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Adds to a book what terminals have reported; which fills are known comes from elsewhere.
pub(super) async fn load(connection: &mut SqliteConnection, book: &mut Book) -> Result<(), OpenError> {
    let rows = sqlx::query!("SELECT account, body, seal FROM reports ORDER BY account").fetch_all(connection).await?;
    for row in rows {
        let astray = |reason: String| Astray { strategy: format!("the report of account {}", row.account), reason };
        let account = AccountName::parse(&row.account).map_err(|error| astray(error.to_string()))?;
        if seal_reported(&account, &row.body).as_slice() != row.seal {
            return Err(astray("what is stored of it is not what was written".to_owned()).into());
        }
        let reported: Reported = serde_json::from_str(&row.body).map_err(|error| astray(error.to_string()))?;
        book.report(account, Arc::new(reported));
    }
    Ok(())
}
