//! The table `positions`, and the form in which placed positions are written down.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::domain::book::StrategyId;
use crate::domain::decimal::Decimal;
use crate::domain::position::{Placed, Position};
use crate::domain::strategy::Kind;

/// A placed position as JSON: `[place, code, name, volume, cost, remark]`, the numbers as text so that they stay exact.
#[derive(Debug, Serialize, Deserialize)]
struct Written<'a>(
    i64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Option<Cow<'a, str>>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Option<Cow<'a, str>>,
);

impl<'a> Written<'a> {
    fn new(place: i64, position: &'a Position) -> Self {
        Self(
            place,
            position.code().to_string().into(),
            position.name().map(Cow::from),
            position.volume().to_string().into(),
            position.cost().to_string().into(),
            position.remark().map(Cow::from),
        )
    }
}

/// Placed positions as text; None for none.
pub(super) fn write_placed(placed: &[Placed]) -> Option<String> {
    let written: Vec<Written> = placed.iter().map(|entry| Written::new(entry.place, &entry.position)).collect();
    (!written.is_empty()).then(|| json(&written))
}

/// Reads what [`write_placed`] wrote.
pub(super) fn read_placed(kind: Kind, text: &str) -> Result<Vec<Placed>, String> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let read = |Written(place, code, name, volume, cost, remark)| {
        let number = |text: &str| Decimal::parse(text).map_err(|error| format!("{text:?} {error}"));
        let (volume, cost) = (number(&volume)?, number(&cost)?);
        let position = Position::new(kind, &code, name.as_deref(), volume, cost, remark.as_deref());
        Ok(Placed { place, position: position.map_err(|breach| breach.to_string())? })
    };
    written.into_iter().map(read).collect()
}

/// Rows as the JSON array that a statement unfolds again with `jsonb_each`: one statement for any number of rows.
pub(super) fn json(rows: &impl Serialize) -> String {
    // Nothing that is written here can fail: no maps, no foreign types.
    serde_json::to_string(rows).unwrap_or_default()
}

/// What is to become of places in lists: a position, or nothing.
pub(super) type PlaceChanges = BTreeMap<(StrategyId, i64), Option<Position>>;

/// Writes what became of places.
pub(super) async fn write(connection: &mut SqliteConnection, changes: &PlaceChanges) -> Result<(), sqlx::Error> {
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
        .filter_map(|((strategy, place), position)| Some((strategy, Written::new(*place, position.as_ref()?))))
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
