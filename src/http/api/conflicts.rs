//! Conflicts: what contradicts what, shown and counted.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::conflict_text::conflict_texts;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, Query};
use super::super::scalars::Exact;
use super::json;
use super::positions::{NotationQuery, Number};
use crate::auth::rights::Reader;
use crate::desk::{WINDOW, conflicts};
use crate::domain::code::Notation;
use crate::domain::conflict::{Conflict, Matter, Short};
use crate::domain::decimal::Volume;

/// How far back is looked at most, in seconds.
const LONGEST: u64 = 86_400;

/// How many conflicts are answered; all are counted.
const SHOWN: usize = 1_000;

/// Within how many seconds.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct WindowQuery {
    /// How far back is looked: 600 where it is not said.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 86400)]
    window: Last<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Conflicts)]
struct ConflictsAnswer {
    /// Seconds.
    window: u64,
    /// Whether the window held more revisions than are looked at: then the newest of them were.
    is_cut: bool,
    counts: Counts,
    conflicts: Vec<ConflictDto>,
}

#[derive(Default, Serialize, ToSchema)]
#[schema(as = ConflictCounts)]
struct Counts {
    crossing: usize,
    negative: usize,
    adjustment: usize,
    shared: usize,
}

impl Counts {
    fn of(conflicts: &[Conflict]) -> Self {
        let mut counts = Self::default();
        for conflict in conflicts {
            match conflict.matter {
                Matter::Crossing { .. } => counts.crossing += 1,
                Matter::Negative(_) => counts.negative += 1,
                Matter::Adjustment { .. } => counts.adjustment += 1,
                Matter::Shared { .. } => counts.shared += 1,
            }
        }
        counts
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Conflict)]
struct ConflictDto {
    kind: &'static str,
    code: String,
    name: String,
    /// In Chinese.
    text: String,
    /// In English.
    message: String,
    #[serde(flatten)]
    matter: MatterDto,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ConflictMatter)]
#[serde(untagged)]
enum MatterDto {
    Crossing {
        buys: Vec<MoveDto>,
        sells: Vec<MoveDto>,
        #[schema(value_type = Exact)]
        volume: Number<Volume>,
    },
    Negative {
        /// Null for the total over all strategies.
        account: Option<String>,
        exact: String,
    },
    Adjustment {
        strategy_name: String,
        #[schema(value_type = Exact)]
        takes: Number<Volume>,
        #[schema(value_type = Exact)]
        wanted: Number<Volume>,
        bought: Vec<MoveDto>,
    },
    Shared {
        broker: String,
        accounts: Vec<AccountDto>,
    },
}

#[derive(Serialize, ToSchema)]
#[schema(as = Move)]
struct MoveDto {
    strategy_name: String,
    #[schema(value_type = Exact)]
    volume: Number<Volume>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SharingAccount)]
struct AccountDto {
    account: String,
    #[schema(value_type = Exact)]
    volume: Number<Volume>,
}

impl ConflictDto {
    fn new(conflict: Conflict, notation: Notation, window: u64) -> Self {
        let (text, message) = conflict_texts(&conflict, window);
        let code = conflict.code.to(notation).to_string();
        let name = conflict.name.map_or_else(|| code.clone(), |name| name.to_string());
        let kind = conflict.matter.kind();
        Self { kind, code, name, text, message, matter: conflict.matter.into() }
    }
}

impl From<Matter> for MatterDto {
    fn from(matter: Matter) -> Self {
        let moves = |moves: Vec<_>| {
            let dto = |(name, volume): (crate::domain::strategy::StrategyName, Volume)| MoveDto {
                strategy_name: name.to_string(),
                volume: Number(volume),
            };
            moves.into_iter().map(dto).collect()
        };
        match matter {
            Matter::Crossing { buys, sells, volume } => {
                Self::Crossing { buys: moves(buys), sells: moves(sells), volume: Number(volume) }
            }
            Matter::Negative(Short::Total(volume)) => Self::Negative { account: None, exact: volume.to_string() },
            Matter::Negative(Short::Account(account, exact)) => {
                Self::Negative { account: Some(account.to_string()), exact: exact.to_string() }
            }
            Matter::Adjustment { overlay, takes, wanted, bought } => Self::Adjustment {
                strategy_name: overlay.to_string(),
                takes: Number(takes),
                wanted: Number(wanted),
                bought: moves(bought),
            },
            Matter::Shared { broker, accounts } => {
                let account = |(account, volume): (crate::domain::account::AccountName, Volume)| AccountDto {
                    account: account.to_string(),
                    volume: Number(volume),
                };
                Self::Shared { broker, accounts: accounts.into_iter().map(account).collect() }
            }
        }
    }
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/conflicts", "What contradicts what, shown and counted")
            .query::<WindowQuery>()
            .query::<NotationQuery>()
            .answers::<ConflictsAnswer>(),
    ]
}

/// `GET /api/v1/conflicts`
pub(crate) async fn all(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<WindowQuery>,
    Query(read): Query<NotationQuery>,
) -> Result<Response, AppError> {
    let window = query.window.0.unwrap_or(WINDOW.as_secs());
    if !(1..=LONGEST).contains(&window) {
        return Err(Invalid::Query("window".into()).into());
    }
    let found = conflicts(&state.store, Duration::from_secs(window), state.clock.now()).await?;
    let counts = Counts::of(&found.conflicts);
    let shown = found.conflicts.into_iter().take(SHOWN);
    let conflicts = shown.map(|conflict| ConflictDto::new(conflict, read.notation(), window)).collect();
    Ok(json(&ConflictsAnswer { window, is_cut: found.is_cut, counts, conflicts }))
}
