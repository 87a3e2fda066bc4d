//! Who is it, and may they: signed tokens, API keys, the operator's password, and the rights that they yield.

pub mod api_key;
mod canonical_json;
pub mod keyring;
pub mod password;
pub mod reach;
pub mod refused;
pub mod rights;
pub mod session;
mod signature;
mod throttle;
pub mod timing;
pub mod token;

use std::time::Duration;

pub(crate) use self::throttle::network;

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A push came with no credential.
    #[error("no X-Auth-Token header and no API key")]
    MissingToken,
    /// The token cannot be read.
    #[error("the token cannot be read: {0}")]
    MalformedToken(&'static str),
    /// The token was signed too long ago.
    #[error("the token was signed too long ago")]
    TokenExpired,
    /// The token claims to be signed later than now.
    #[error("the token's timestamp lies in the future: check the clock of the machine that signed it")]
    TokenFromFuture,
    /// No key is known for the client.
    #[error("no public key is known for client {0:?}")]
    UnknownClient(String),
    /// None of the client's keys verifies the signature.
    #[error("the signature does not verify with the client's public key")]
    BadSignature,
    /// The token was signed for another request.
    #[error("the token was signed for another request: its {0} does not match")]
    TokenMismatch(&'static str),
    /// The client's tokens must be bound to a body.
    #[error("this client must send tokens that carry body_sha256")]
    UnboundToken,
    /// The credential does not cover the strategy.
    #[error("this credential may not push to strategy {0:?}")]
    StrategyForbidden(String),
    /// The credential does not cover the overlay.
    #[error(
        "{0:?} is an overlay, and overlays are the operator's: a client or key that is to push it needs a pattern that \
         begins with ADJUSTMENT_ (strategies in clients.toml, or key add --strategy)"
    )]
    OverlayForbidden(String),
    /// The operator's password is missing.
    #[error("no X-Internal-Password header and no internal_password in the body")]
    MissingPassword,
    /// The operator's password is wrong.
    #[error("the operator's password is wrong")]
    WrongPassword,
    /// Too many wrong passwords from one address.
    #[error("too many wrong passwords from this address")]
    LockedOut {
        /// Until the next try is answered.
        retry_after: Duration,
    },
    /// Too many wrong passwords from addresses that were never right.
    #[error(
        "too many wrong passwords from everywhere: an address from which the right one came within a week, or this machine \
         itself, need not wait"
    )]
    Crowded {
        /// Until the next try is answered.
        retry_after: Duration,
    },
    /// The page needs somebody who is logged in.
    #[error("nobody is logged in, or the session has ended")]
    NotLoggedIn,
    /// A form that no page of this session made.
    #[error("the form does not come from a page of this session")]
    ForeignForm,
    /// A form that another site's page sent.
    #[error(
        "a page of another site sent this. Behind a proxy that does not hand on the Host header, start the server with \
         --public-host NAME"
    )]
    ForeignSite,
    /// The request asks for a name that is not the server's.
    #[error(
        "this server is not known as \"{0}\": it answers under IP addresses and localhost, and under a name that it is \
         started with (--public-host NAME)"
    )]
    UnknownHost(String),
    /// A proxy handed the request over, and nobody said who may read.
    #[error(
        "this came through a proxy, so that others than this machine reach the server: start it with --reads key (holders \
         of an API key) or --reads open (everybody)"
    )]
    ThroughProxy,
    /// Reading needs a credential.
    #[error("reading needs an API key")]
    MissingReadCredential,
    /// Only a terminal's own key may report.
    #[error("reporting needs an API key that is bound to the account: jq2qmt key add NAME --account ACCOUNT")]
    MissingBoundKey,
    /// The API key is unknown or revoked.
    #[error("the API key is unknown or revoked")]
    UnknownApiKey,
    /// The API key's scope is another one.
    #[error("the API key has another scope; this needs {0}")]
    WrongScope(&'static str),
    /// The API key is bound to an account, and this is something else.
    #[error(
        "this API key is bound to account {0:?}: it reads that account's target and the calendar, reports for it, and does nothing else"
    )]
    BoundKey(String),
    /// Whether they may cannot be found out now.
    #[error("credentials cannot be checked now: {0}")]
    Unavailable(String),
}
