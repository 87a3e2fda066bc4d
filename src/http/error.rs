//! Every answer that is not a success: its status, its stable code, and its text in Chinese and English.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::reason_text::ReasonDto;
use crate::auth::Denied;
use crate::auth::password::WeakPassword;
use crate::desk::NotDone;
use crate::domain::account::AccountName;
use crate::domain::calendar::Day;
use crate::domain::channel::{ChannelError, ChannelName};
use crate::domain::code::Code;
use crate::domain::decimal::DecimalError;
use crate::domain::incident::IncidentId;
use crate::domain::position::{Breach, Field};
use crate::domain::revision::Revision;
use crate::domain::strategy::{NameError, StrategyName};
use crate::domain::target::Incomplete;
use crate::domain::total::UnknownStrategy;
use crate::ledger::Rejected;
use crate::store::{NotStored, Unavailable, Untold};

/// What is wrong with a field of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is not of the right JSON type.
    WrongType(&'static str),
    /// It is no amount of money from zero on.
    NotMoney,
    /// It is a number that cannot be taken.
    Number(DecimalError),
    /// It is no day.
    NotADay,
    /// It is a day before this one, which is today.
    Past(Day),
    /// It breaks a rule.
    Breach(Breach),
}

/// What is wrong with a request: nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// The body is not JSON, or not the object that is wanted; why, in English.
    Format(Cow<'static, str>),
    /// The strategy's name cannot be taken.
    Name(NameError),
    /// The strategy's name is not a string.
    NameNotText,
    /// The list has more positions than it may.
    TooManyPositions,
    /// An element of the list of positions is not an object.
    PositionNotObject {
        /// Which one, from 0.
        index: usize,
    },
    /// A position cannot be taken.
    Position {
        /// Which one, from 0.
        index: usize,
        /// The field to look at.
        field: Field,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The sequence is not a non-negative integer.
    Sequence,
    /// The equity is no amount of money.
    TotalValue,
    /// The time of the decision is no moment.
    DecidedAt,
    /// The account's name cannot be taken.
    AccountName(NameError),
    /// The channel's name cannot be taken.
    ChannelName(NameError),
    /// The channel cannot be so.
    Channel(ChannelError),
    /// A terminal's name cannot be taken.
    Terminal,
    /// A report cannot be taken.
    Report {
        /// Where in it.
        place: String,
        /// What is wrong there, in English.
        fault: String,
    },
    /// `If-Match` is no revision.
    IfMatch,
    /// A query parameter cannot be understood.
    Query(Cow<'static, str>),
    /// The new password is missing.
    MissingNewPassword,
    /// The new password is too weak.
    WeakPassword(WeakPassword),
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppError {
    /// The request cannot be understood or breaks a rule.
    Invalid(Invalid),
    /// No right to it.
    Denied(Denied),
    /// The selection names a strategy that does not exist.
    UnknownStrategy(UnknownStrategy),
    /// There is no such account.
    UnknownAccount(AccountName),
    /// There is no such channel.
    UnknownChannel(ChannelName),
    /// A channel did not take a message; why.
    ChannelRefused(String),
    /// Nobody was heard of for as long as this, or ever.
    NobodyHeard(Option<Duration>),
    /// What goes wrong is not found any more.
    NobodyLooks,
    /// No terminal has reported for the account yet.
    NothingReported(AccountName),
    /// Nothing is known of what these strategies want.
    Incomplete(Incomplete),
    /// The operator lets nobody poll; why.
    Paused(Option<String>),
    /// The old shape has no word for instruments that are never to be traded: these.
    NeverTraded(Vec<Code>),
    /// Another terminal holds the account.
    OtherTerminal {
        /// What it calls itself.
        name: Option<String>,
        /// Where it is.
        address: IpAddr,
        /// Since when.
        since: String,
    },
    /// There is no such revision, or not yet.
    UnknownRevision(Revision),
    /// What was before the checkpoint at this revision is in the archive.
    Folded(Revision),
    /// No incident of that number stands.
    UnknownIncident(IncidentId),
    /// The strategy did not exist at the revision that it is to go back to.
    NothingToRestore {
        /// The strategy.
        strategy: StrategyName,
        /// The revision.
        revision: Revision,
    },
    /// A condition of the change does not hold.
    Rejected(Rejected),
    /// The store cannot be read or written now.
    Unavailable(Unavailable),
    /// Whether the change was stored is not known.
    OutcomeUnknown,
    /// An API key of that name is in use.
    KeyNameTaken,
    /// No such path.
    NotFound,
    /// No such method on this path.
    MethodNotAllowed,
    /// The body took too long to arrive.
    SlowBody,
    /// The body is larger than the limit.
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is of another content type.
    UnsupportedMediaType(&'static str),
    /// Too many requests at a time.
    Overloaded,
    /// The answer took too long.
    Timeout,
    /// A task that the server cannot do without has ended; the process is about to.
    Failing(&'static str),
    /// A fault of ours; the cause is in the log.
    Internal,
}

impl From<Invalid> for AppError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Denied> for AppError {
    fn from(refused: Denied) -> Self {
        Self::Denied(refused)
    }
}

impl From<NotDone> for AppError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::NotStored(not_stored) => not_stored.into(),
            NotDone::UnknownRevision(revision) => Self::UnknownRevision(revision),
            NotDone::Folded(until) => Self::Folded(until),
            NotDone::NothingToRestore { strategy, revision } => Self::NothingToRestore { strategy, revision },
            NotDone::KeyNameTaken => Self::KeyNameTaken,
            NotDone::Channel(error) => Self::Invalid(Invalid::Channel(error)),
            NotDone::Fault(cause) => {
                tracing::error!(cause, "answered 500");
                Self::Internal
            }
        }
    }
}

impl From<NotStored> for AppError {
    fn from(not_stored: NotStored) -> Self {
        match not_stored {
            NotStored::Rejected(rejected) => Self::Rejected(rejected),
            NotStored::Unavailable(unavailable) => Self::Unavailable(unavailable),
            NotStored::Unknown => Self::OutcomeUnknown,
        }
    }
}

impl From<Unavailable> for AppError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<Untold> for AppError {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::Unavailable(unavailable) => unavailable.into(),
            Untold::Folded(until) => Self::Folded(until),
        }
    }
}

impl From<Incomplete> for AppError {
    fn from(incomplete: Incomplete) -> Self {
        Self::Incomplete(incomplete)
    }
}

impl From<UnknownStrategy> for AppError {
    fn from(unknown: UnknownStrategy) -> Self {
        Self::UnknownStrategy(unknown)
    }
}

/// An error as it is sent.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody<'a> {
    /// In Chinese.
    error: &'a str,
    /// A stable word.
    code: &'a str,
    /// In English.
    message: &'a str,
    /// By which the request is found in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// Which position of a push cannot be taken, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// Which of its fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The sequence that a push must come after.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sequence: Option<i64>,
    /// The revision that `If-Match` should have named.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_revision: Option<Revision>,
    /// Why a guard refuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<ReasonDto>,
    /// Strategies of which nothing is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strategies: Vec<String>,
    /// The push that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Revision>,
    /// The terminal that holds the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    terminal: Option<HolderDto<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Holder)]
struct HolderDto<'a> {
    name: Option<&'a str>,
    address: String,
    since: &'a str,
}

impl AppError {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Denied(Denied::LockedOut { retry_after } | Denied::Crowded { retry_after }) => Some(*retry_after),
            Self::Overloaded
            | Self::Failing(_)
            | Self::Timeout
            | Self::Unavailable(_)
            | Self::OutcomeUnknown
            | Self::Paused(_)
            | Self::Incomplete(_)
            | Self::Denied(Denied::Unavailable(_)) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// Seconds, rounded up: who waits that long is let in.
pub(super) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

impl AppError {
    /// The JSON that says it, with the request's name where it has one.
    pub(super) fn body(&self, request_id: Option<&str>) -> Body {
        let text = self.text();
        let (error, message) = (&*text.chinese, &*text.english);
        let mut body = ErrorBody { error, code: text.code, message, request_id, ..ErrorBody::default() };
        match self {
            Self::Invalid(Invalid::PositionNotObject { index }) => body.position = Some(*index),
            Self::Invalid(Invalid::Position { index, field, .. }) => {
                (body.position, body.field) = (Some(*index), Some(field.to_string()));
            }
            Self::Rejected(Rejected::StaleSequence { last }) => body.last_sequence = Some(*last),
            Self::Rejected(Rejected::RevisionMoved { current }) => body.current_revision = Some(*current),
            Self::Rejected(Rejected::Guarded(findings)) => body.reasons = findings.iter().map(ReasonDto::of).collect(),
            Self::Rejected(Rejected::HoldGone { waiting, .. }) => body.hold = *waiting,
            Self::Rejected(Rejected::WaitingUnsaid(hold)) => body.hold = Some(*hold),
            Self::Incomplete(Incomplete(names)) => body.strategies = names.iter().map(ToString::to_string).collect(),
            Self::OtherTerminal { name, address, since } => {
                body.terminal = Some(HolderDto { name: name.as_deref(), address: address.to_string(), since });
            }
            _ => {}
        }
        Body::from(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if let Self::Unavailable(Unavailable(cause)) | Self::Denied(Denied::Unavailable(cause)) = &self {
            tracing::error!(cause, "answered 503");
        }
        let mut response = Response::new(self.body(None));
        *response.status_mut() = self.text().status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, whole_seconds(wait).into());
        }
        if self == Self::Denied(Denied::MissingReadCredential) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"jq2qmt\", charset=\"UTF-8\""));
        }
        // For who draws it as a page.
        response.extensions_mut().insert(self);
        response
    }
}
