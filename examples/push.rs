//! Push a strategy's positions from Rust. To be copied into a strategy of one's own; it uses nothing of this crate.
//!
//! ```text
//! cargo run --example push -- http://127.0.0.1:5366 data/default_private.pem my-client my-strategy
//! ```
//!
//! Needs in `Cargo.toml`: `base64`, `hex`, `rand`, `rsa` 0.10, `serde` (with derive), `serde_json`, `sha2` 0.11, `ureq` 3.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with its own clock")]

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::pss::SigningKey;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PATH: &str = "/api/v1/positions/update";

/// What the strategy wants to hold of one instrument: volume in shares, cost in CNY per share.
#[derive(Serialize)]
struct Position {
    code: &'static str,
    name: &'static str,
    volume: u64,
    cost: f64,
}

/// A push replaces the strategy's whole list; pushing it again heals one that was lost.
#[derive(Serialize)]
struct Push<'a> {
    strategy_name: &'a str,
    positions: &'a [Position],
    /// Grows from push to push, so that a delayed one cannot put an old list over a new one.
    sequence: u64,
}

/// What of the server's answer, an acknowledgement or a refusal, a strategy may want to know.
#[derive(Debug, Deserialize)]
struct Answer {
    message: String,
    revision: Option<u64>,
    changed: Option<bool>,
    code: Option<String>,
}

struct Client {
    server: String,
    id: String,
    key: RsaPrivateKey,
    agent: ureq::Agent,
}

impl Client {
    /// `client_id` in ASCII letters, digits and dashes: it goes into the signed text as it is.
    fn new(server: &str, client_id: &str, pem: &str) -> Result<Self> {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(5)))
            .http_status_as_error(false)
            .build()
            .into();
        let key = RsaPrivateKey::from_pkcs8_pem(pem)?;
        Ok(Self { server: server.trim_end_matches('/').to_owned(), id: client_id.to_owned(), key, agent })
    }

    /// Only `Ok` means that the server keeps the positions.
    fn push(&self, strategy_name: &str, positions: &[Position]) -> Result<Answer> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let sequence = u64::try_from(now.as_micros())?;
        let body = serde_json::to_vec(&Push { strategy_name, positions, sequence })?;
        let mut answer = self
            .agent
            .post(format!("{}{PATH}", self.server))
            .header("Content-Type", "application/json")
            .header("X-Auth-Token", self.token(now.as_secs(), &body)?)
            .send(&body[..])?;
        let status = answer.status();
        let answer: Answer = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        if !status.is_success() {
            return Err(format!("{status}: {} ({})", answer.message, answer.code.unwrap_or_default()).into());
        }
        Ok(answer)
    }

    /// A token for this body, once: keys in order, with a blank after each colon and comma.
    fn token(&self, timestamp: u64, body: &[u8]) -> Result<String> {
        let auth_data = format!(
            r#"{{"body_sha256": "{}", "client_id": "{}", "method": "POST", "nonce": "{}", "path": "{PATH}", "timestamp": {timestamp}}}"#,
            hex::encode(Sha256::digest(body)),
            self.id,
            hex::encode(rand::random::<[u8; 16]>()),
        );
        // The longest salt that the key has room for.
        let salt = (usize::try_from(self.key.n().bits())? - 1).div_ceil(8) - Sha256::output_size() - 2;
        let signer = SigningKey::<Sha256>::new_with_salt_len(self.key.clone(), salt);
        let signature = signer.try_sign_with_rng(&mut rand::rng(), auth_data.as_bytes())?;
        let signature = STANDARD.encode(signature.to_bytes());
        Ok(STANDARD.encode(format!(r#"{{"auth_data": {auth_data}, "signature": "{signature}"}}"#)))
    }
}

fn main() -> Result<()> {
    let [server, key_file, client_id, strategy] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|arguments: Vec<_>| {
            format!("4 arguments are needed, not {}: SERVER KEY_FILE CLIENT STRATEGY", arguments.len())
        })?;
    let client = Client::new(&server, &client_id, &std::fs::read_to_string(key_file)?)?;
    let positions = [
        Position { code: "000001.XSHE", name: "平安银行", volume: 1000, cost: 12.34 },
        Position { code: "510300.XSHG", name: "沪深300ETF", volume: 5000, cost: 3.987 },
    ];
    let answer = client.push(&strategy, &positions)?;
    let changed = if answer.changed == Some(true) { "changed" } else { "unchanged" };
    writeln!(std::io::stdout(), "{}: revision {}, {changed}", answer.message, answer.revision.unwrap_or_default())?;
    Ok(())
}
