//! The table `positions`: every list as it stands now.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::json;
use crate::domain::position::Position;
use crate::domain::strategy::StrategyId;
use crate::ledger::WrittenPosition;

/// Writes what became of places in lists: a position, or nothing.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    changes: &BTreeMap<(StrategyId, i64), Option<Position>>,
) -> Result<(), sqlx::Error> {
    let gone: Vec<_> = changes.iter().filter(|(_, position)| position.is_none()).map(|(key, _)| key).collect();
    if !gone.is_empty() {
        let gone = json(&gone);
        sqlx::query!(
            "DELETE FROM positions WHERE (strategy_id, place) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))",
            gone
        )
        .execute(&mut *connection)
        .await?;
    }
    let kept: Vec<_> = changes
        .iter()
        .filter_map(|((strategy, place), position)| Some((strategy, WrittenPosition::new(*place, position.as_ref()?))))
        .collect();
    if !kept.is_empty() {
        let kept = json(&kept);
        sqlx::query!(
            "INSERT INTO positions (strategy_id, place, code, name, volume, cost, remark)
             SELECT value ->> 0, value ->> '$[1][0]', value ->> '$[1][1]', value ->> '$[1][2]',
                    value ->> '$[1][3]', value ->> '$[1][4]', value ->> '$[1][5]'
             FROM jsonb_each(?) WHERE true
             ON CONFLICT (strategy_id, place) DO UPDATE SET
                 code = excluded.code, name = excluded.name, volume = excluded.volume, cost = excluded.cost,
                 remark = excluded.remark",
            kept
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
