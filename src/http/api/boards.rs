//! The boards: in which volumes and prices the exchanges trade, for clients to hold their own tables against.

use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::json;
use crate::auth::rights::Reader;
use crate::domain::board::{Board, boards};
use crate::domain::decimal::Decimal;

#[derive(Serialize)]
struct BoardDto {
    id: &'static str,
    name: &'static str,
    name_en: &'static str,
    exchange: &'static str,
    /// How its codes begin.
    codes: &'static [&'static str],
    /// The first day on which the rule holds.
    from: String,
    least: u32,
    step: u32,
    lot: u32,
    /// CNY.
    tick: Decimal,
    same_day: bool,
}

impl From<&Board> for BoardDto {
    fn from(board: &Board) -> Self {
        let Board { id, chinese: name, english: name_en, codes, from, least, step, lot, tick, same_day, .. } = *board;
        let (exchange, from) = (board.exchange.as_str(), from.to_string());
        Self { id, name, name_en, exchange, codes, from, least, step, lot, tick, same_day }
    }
}

/// `GET /api/v1/boards`
pub(crate) async fn all(_: Reader) -> Response {
    let boards: Vec<BoardDto> = boards().iter().map(BoardDto::from).collect();
    json(&json!({"boards": boards}))
}
