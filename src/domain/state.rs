//! What the operator lets a strategy do, and whether terminals are answered at all.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use super::moment::Moment;
use super::revision::Revision;

/// What the operator lets a strategy do. A decision of the operator's lasts until the operator takes it back.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// A push is in force at once.
    #[default]
    Live,
    /// The target stays as it is; pushes wait.
    Frozen,
    /// The target counts as zero of everything; pushes wait.
    Flat,
    /// Out of lists and totals; pushes wait.
    Closed,
}

impl State {
    /// The state as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether its program is expected to push: of what is flat or closed the operator has said all.
    pub const fn is_expected(self) -> bool {
        matches!(self, Self::Live | Self::Frozen)
    }
}

/// How a strategy stands with the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// What it may do.
    pub state: State,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// While it is flat: the revision whose list it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Revision>,
    /// While it is flat: when that list was last said. To let the strategy live again is not to say it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Moment>,
}

/// Whether polls are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// False once they are answered again.
    pub paused: bool,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
