//! `jq2qmt push`

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::say;
use crate::auth::token::{Bound, sign_for};
use crate::clock::Clock;
use crate::config::PushOptions;
use crate::domain::decimal::Decimal;

const PATH: &str = "/api/v1/positions/update";

#[derive(Serialize)]
struct Body<'a> {
    strategy_name: &'a str,
    positions: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

/// Pushes a file and prints the answer.
pub(super) fn run(options: &PushOptions, clock: &Clock) -> anyhow::Result<()> {
    let key = read_key(&options.key).with_context(|| format!("{} cannot be used", options.key.display()))?;
    let text = read_text(&options.file).with_context(|| format!("{} cannot be read", options.file.display()))?;
    let positions = positions(&text).with_context(|| format!("{} cannot be pushed", options.file.display()))?;
    let body = Body { strategy_name: &options.strategy, positions, sequence: options.sequence };
    let body = serde_json::to_vec(&body)?;
    let bound = Bound { method: "POST", path: PATH, body: &body };
    let token = sign_for(options.audience.as_deref(), &key, &options.client, clock.now(), bound)?;

    // ureq brings no cryptography of its own. Only fails when some is installed already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!("{}{PATH}", options.server.trim_end_matches('/'));
    let request = agent.post(&url).header("Content-Type", "application/json").header("X-Auth-Token", token);
    let mut answer = request.send(&body[..]).with_context(|| format!("{url} cannot be reached"))?;
    let text = answer.body_mut().read_to_string().context("the answer broke off")?;
    if answer.status().is_success() {
        say(text)?;
        return Ok(());
    }
    bail!("the server refused with {}: {}", answer.status(), refusal(&text));
}

/// The server's own words, where the answer is its own.
fn refusal(text: &str) -> String {
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

fn read_key(path: &Path) -> anyhow::Result<RsaPrivateKey> {
    let pem = std::fs::read_to_string(path)?;
    if pem.contains("BEGIN PUBLIC KEY") {
        bail!("it is a public key; signing needs the private one");
    }
    let key = RsaPrivateKey::from_pkcs8_pem(pem.trim()).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem.trim()));
    key.context("it is not an RSA private key in PEM form without a passphrase")
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(path)?;
    }
    let text = String::from_utf8(bytes).context("it is not UTF-8; save it as UTF-8 (in Excel: CSV UTF-8)")?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// The list as JSON: a JSON list as it is, the `positions` of a JSON object, or the rows of a CSV file.
fn positions(text: &str) -> anyhow::Result<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Object {
        positions: Box<RawValue>,
    }
    match text.trim_start().chars().next() {
        Some('[') => Ok(serde_json::from_str(text)?),
        Some('{') => Ok(serde_json::from_str::<Object>(text)?.positions),
        // Pushing nothing sells everything: that must be said as [], not by an empty file.
        None => bail!("it is empty; to hold nothing, push the JSON list []"),
        Some(_) => from_csv(text),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvLine {
    code: String,
    name: Option<String>,
    volume: String,
    cost: String,
    remark: Option<String>,
}

#[derive(Serialize)]
struct Position {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    volume: Box<RawValue>,
    cost: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

fn from_csv(text: &str) -> anyhow::Result<Box<RawValue>> {
    let mut rows = Vec::new();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    for (n, row) in reader.deserialize().enumerate() {
        let line = n + 2;
        let row: CsvLine = row.with_context(|| format!("line {line}"))?;
        let number = |name: &str, text: &str| -> anyhow::Result<Box<RawValue>> {
            let number =
                Decimal::parse(text).map_err(|error| anyhow::anyhow!("line {line}: {name} {text:?} {error}"))?;
            Ok(RawValue::from_string(number.to_string())?)
        };
        let (volume, cost) = (number("volume", &row.volume)?, number("cost", &row.cost)?);
        rows.push(Position { code: row.code, name: row.name, volume, cost, remark: row.remark });
    }
    if rows.is_empty() {
        bail!("it has no rows below its first line; to hold nothing, push the JSON list []");
    }
    Ok(serde_json::value::to_raw_value(&rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        positions(text).map(|list| list.get().to_owned()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn json_goes_as_it_is_written() {
        assert_eq!(read("[{\"cost\": 1e-2}]").unwrap(), "[{\"cost\": 1e-2}]");
        assert_eq!(read(" {\"positions\": [1.0], \"x\": 2}").unwrap(), "[1.0]");
        assert_eq!(read("[]").unwrap(), "[]");
    }

    #[test]
    fn csv_rows_become_positions() {
        let csv = "code,name,volume,cost\n000001.XSHE, 平安银行 ,1000,12.345678901234567\r\n";
        let json = r#"[{"code":"000001.XSHE","name":"平安银行","volume":1000,"cost":12.345678901234567}]"#;
        assert_eq!(read(csv).unwrap(), json);
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_line() {
        for (text, expected) in [
            ("", "to hold nothing, push the JSON list []"),
            ("code,volume,cost\n", "to hold nothing, push the JSON list []"),
            ("code,volume,cost\n000001.SZ,1e99,1\n", "line 2: volume \"1e99\""),
            ("code,volume,cost\n000001.SZ,100\n", "line 2"),
            ("code,volumes,cost\n000001.SZ,100,1\n", "unknown field `volumes`"),
            ("code,volume,cost\n000001.SZ,\"1,000\",1\n", "line 2: volume \"1,000\" is not a number"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
