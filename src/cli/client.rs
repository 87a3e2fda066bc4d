//! What commands that ask a server have in common.

use std::time::Duration;

use serde::Deserialize;

use crate::net::client;

/// Who asks, and gives up after half a minute.
pub(super) fn agent() -> ureq::Agent {
    client(Duration::from_secs(30)).build().into()
}

/// The server's own words, where the answer is its own.
pub(super) fn refusal(text: &str) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        message: String,
    }
    match serde_json::from_str(text) {
        Ok(Refusal { error, message }) => format!("{error} ({message})"),
        Err(_) => text.chars().take(500).collect(),
    }
}
