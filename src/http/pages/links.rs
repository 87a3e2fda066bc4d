//! Links between pages.

use std::fmt::Write as _;

use axum::http::Uri;

use crate::domain::revision::Revision;
use crate::ledger::Receipt;

/// Where a strategy's page is.
pub(super) fn strategy_path(name: &str) -> String {
    path_below("/strategies/", name)
}

/// Where an account's page is.
pub(super) fn account_path(name: &str) -> String {
    path_below("/accounts/", name)
}

/// Where an instrument's page is.
pub(super) fn instrument_path(code: &str) -> String {
    path_below("/instruments/", code)
}

/// Where a revision's page is.
pub(super) fn revision_path(revision: Revision) -> String {
    format!("/revisions/{revision}")
}

fn path_below(folder: &str, name: &str) -> String {
    let mut path = folder.to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// A path of ours, or the overview: a link must not lead the operator elsewhere.
pub(super) fn own_path(path: &str) -> &str {
    // Browsers take tabs and line ends out before they read an address: what looks like one slash may become two.
    let ours = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    if ours && path.bytes().all(|byte| byte.is_ascii_graphic()) { path } else { "/" }
}

/// Path and query of an address, for links that lead back to it. An API key is left out: no page asks for one, and it would
/// go on from link to link, and onto paper.
pub(super) fn without_key(uri: &Uri) -> String {
    let is_key = |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == "api_key");
    let query: Vec<&str> =
        uri.query().into_iter().flat_map(|query| query.split('&')).filter(|pair| !is_key(pair)).collect();
    if query.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), query.join("&")) }
}

/// Where a change leads back to, which then says what was done.
pub(super) fn done(path: &str, parameters: &[(&str, &str)], receipt: &Receipt) -> String {
    let done = if receipt.changed { receipt.revision.to_string() } else { "same".to_owned() };
    let parameters = parameters.iter().copied().chain([("done", done.as_str())]);
    format!("{path}?{}", query(parameters))
}

/// A query of those parameters that say something.
pub(super) fn query<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let telling = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(telling).finish()
}
