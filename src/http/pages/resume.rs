//! Forms that outlived their session: after the login they are shown again, with what they would do, and sent by nobody but
//! the operator. What another site's page slipped in would be seen.

use std::borrow::Cow;

use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::super::AppState;
use super::super::error::AppError;
use super::form::Fields;
use super::view::View;
use super::{account_settings, adjustment, channels, confirm, guards, keys, state as state_page};
use crate::domain::account::AccountName;
use crate::domain::strategy::StrategyName;

/// A form that can be shown again. Others hold a password, or nothing worth keeping.
pub(super) enum Resumed {
    Adjustment,
    Restore(StrategyName),
    Delete(StrategyName),
    State(StrategyName),
    NewKey,
    Guards,
    Channel,
    Account(AccountName),
}

/// A name as it stands in a path.
fn decoded(name: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(name).decode_utf8().ok()
}

impl Resumed {
    /// The form that is sent to a path.
    pub(super) fn sent_to(path: &str) -> Option<Self> {
        match path {
            "/adjustment" => Some(Self::Adjustment),
            "/keys/create" => Some(Self::NewKey),
            "/guards" => Some(Self::Guards),
            "/channels" => Some(Self::Channel),
            _ => {
                if let Some((name, "settings")) = path.strip_prefix("/accounts/").and_then(|rest| rest.rsplit_once('/'))
                {
                    return AccountName::parse(&decoded(name)?).ok().map(Self::Account);
                }
                let (name, deed) = path.strip_prefix("/strategies/")?.rsplit_once('/')?;
                let name = StrategyName::parse(&decoded(name)?).ok()?;
                match deed {
                    "restore" => Some(Self::Restore(name)),
                    "delete" => Some(Self::Delete(name)),
                    "state" => Some(Self::State(name)),
                    _ => None,
                }
            }
        }
    }

    /// The page with the form, as it was filled in.
    pub(super) async fn show(self, state: &AppState, v: View, fields: &Fields) -> Result<Response, AppError> {
        match self {
            Self::Adjustment => adjustment::resume(state, v, fields).await,
            Self::Restore(name) => confirm::resume(state, v, name, Some(fields.get("to")), fields).await,
            Self::Delete(name) => confirm::resume(state, v, name, None, fields).await,
            Self::State(name) => state_page::resume(state, v, name, fields).await,
            Self::Account(name) => account_settings::resume(state, v, name, fields).await,
            Self::Guards => guards::resume(state, v, fields).await,
            Self::Channel => channels::resume(state, v, fields).await,
            Self::NewKey => keys::resume(state, v, fields).await,
        }
    }
}
