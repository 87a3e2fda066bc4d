//! Who asks other servers.

use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

/// How a client begins that waits so long for a whole answer. No redirect is followed, for it would carry a secret elsewhere;
/// what an answer's status means is for the caller to say.
pub fn client(patience: Duration) -> ConfigBuilder<AgentScope> {
    // ureq brings no cryptography of its own. Only fails when some is installed already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ureq::Agent::config_builder().timeout_global(Some(patience)).max_redirects(0).http_status_as_error(false)
}
