//! The table `positions`: every list as it stands now.

use std::collections::BTreeMap;

use super::json;
use crate::domain::position::Position;
use crate::domain::strategy::StrategyId;
use crate::ledger::WrittenPosition;

statement! {
    /// Clears places in lists.
    CLEAR = "DELETE FROM positions
             WHERE (strategy_id, place) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))"
}

statement! {
    /// Writes positions at their places.
    WRITE = "INSERT INTO positions (strategy_id, place, code, name, volume, cost, remark)
             SELECT value ->> 0, value ->> '$[1][0]', value ->> '$[1][1]', value ->> '$[1][2]',
                    value ->> '$[1][3]', value ->> '$[1][4]', value ->> '$[1][5]'
             FROM jsonb_each(?) WHERE true
             ON CONFLICT (strategy_id, place) DO UPDATE SET
                 code = excluded.code, name = excluded.name, volume = excluded.volume, cost = excluded.cost,
                 remark = excluded.remark"
}

/// What became of places in lists: the rows to clear, and those to write.
pub(super) fn rows(changes: &BTreeMap<(StrategyId, i64), Option<Position>>) -> (String, String) {
    let gone = changes.iter().filter(|(_, position)| position.is_none()).map(|(key, _)| key);
    let kept = changes
        .iter()
        .filter_map(|((strategy, place), position)| Some((strategy, WrittenPosition::new(*place, position.as_ref()?))));
    (json(&gone.collect::<Vec<_>>()), json(&kept.collect::<Vec<_>>()))
}
