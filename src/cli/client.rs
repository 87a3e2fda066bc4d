//! What commands that ask a server have in common.

use std::time::Duration;

use serde::Deserialize;

/// Who asks, and gives up after half a minute. A redirect is not followed: it would carry a key elsewhere.
pub(super) fn agent() -> ureq::Agent {
    // ureq brings no cryptography of its own. Only fails when some is installed already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into()
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
