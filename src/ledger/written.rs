//! The form in which placed positions are written down, in the history and so in the chain's hashes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::decimal::Decimal;
use crate::domain::position::{Placed, Position};
use crate::domain::strategy::Kind;

/// A placed position as JSON: `[place, code, name, volume, cost, remark]`, the numbers as text so that they stay exact.
#[derive(Debug, Serialize, Deserialize)]
pub struct WrittenPosition<'a>(
    i64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Option<Cow<'a, str>>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Option<Cow<'a, str>>,
);

impl<'a> WrittenPosition<'a> {
    /// A position at its place.
    pub fn new(place: i64, position: &'a Position) -> Self {
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
pub fn write_placed(placed: &[Placed]) -> Option<String> {
    let written: Vec<WrittenPosition> =
        placed.iter().map(|entry| WrittenPosition::new(entry.place, &entry.position)).collect();
    // Numbers and texts in a list can always be written.
    (!written.is_empty()).then(|| serde_json::to_string(&written).unwrap_or_default())
}

/// Reads what [`write_placed`] wrote.
///
/// # Errors
/// What is wrong with a text that it did not write.
pub fn read_placed(kind: Kind, text: &str) -> Result<Vec<Placed>, String> {
    let written: Vec<WrittenPosition> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let read = |WrittenPosition(place, code, name, volume, cost, remark)| {
        let number = |text: &str| Decimal::parse(text).map_err(|error| format!("{text:?} {error}"));
        let (volume, cost) = (number(&volume)?, number(&cost)?);
        let position = Position::new(kind, &code, name.as_deref(), volume, cost, remark.as_deref());
        Ok(Placed { place, position: position.map_err(|breach| breach.to_string())? })
    };
    written.into_iter().map(read).collect()
}
