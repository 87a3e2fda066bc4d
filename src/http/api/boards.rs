//! The boards: in which volumes and prices the exchanges trade, for clients to hold their own tables against.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::document::Entry;
use super::super::scalars::DayText;
use super::json;
use crate::auth::rights::Reader;
use crate::domain::board::{Board, boards};
use crate::domain::decimal::Decimal;

#[derive(Serialize, ToSchema)]
#[schema(as = Board)]
struct BoardDto {
    id: &'static str,
    name: &'static str,
    name_en: &'static str,
    exchange: &'static str,
    /// How its codes begin.
    #[schema(value_type = Vec<String>)]
    codes: &'static [&'static str],
    /// The first day on which the rule holds.
    #[schema(value_type = DayText)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = Boards)]
struct BoardsAnswer {
    boards: Vec<BoardDto>,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    let summary = "Lots, ticks and codes of the boards, each with the day from which it holds";
    vec![Entry::read("/api/v1/boards", summary).answers::<BoardsAnswer>()]
}

/// `GET /api/v1/boards`
pub(crate) async fn all(_: Reader) -> Response {
    json(&BoardsAnswer { boards: boards().iter().map(BoardDto::from).collect() })
}
