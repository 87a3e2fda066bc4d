//! `jq2qmt push`

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::client::{agent, refusal};
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

/// The exit code of a push that waits. A command line that cannot be understood ends with 2.
const HELD: u8 = 3;

/// Pushes a file and prints the answer. What of it somebody must look at is said on standard error.
pub(super) fn run(options: &PushOptions, clock: &Clock) -> anyhow::Result<ExitCode> {
    let key = read_key(&options.key).with_context(|| format!("{} cannot be used", options.key.display()))?;
    let text = read_text(&options.file).with_context(|| format!("{} cannot be read", options.file.display()))?;
    let positions = positions(&text).with_context(|| format!("{} cannot be pushed", options.file.display()))?;
    let body = Body { strategy_name: &options.strategy, positions, sequence: options.sequence };
    let body = serde_json::to_vec(&body)?;
    let bound = Bound { method: "POST", path: PATH, body: &body };
    let token = sign_for(options.audience.as_deref(), &key, &options.client, clock.now(), bound)?;

    let url = format!("{}{PATH}", options.server.trim_end_matches('/'));
    let request = agent().post(&url).header("Content-Type", "application/json").header("X-Auth-Token", token);
    let mut answer = request.send(&body[..]).with_context(|| format!("{url} cannot be reached"))?;
    let text = answer.body_mut().read_to_string().context("the answer broke off")?;
    if !answer.status().is_success() {
        bail!("the server refused with {}: {}", answer.status(), refusal(&text));
    }
    say(&text)?;
    let (notes, code) = notes(answer.status().as_u16(), &text);
    for note in notes {
        writeln!(std::io::stderr(), "{note}")?;
    }
    Ok(code)
}

/// What somebody must look at in the answer to a push that was taken, and how the program ends.
fn notes(status: u16, text: &str) -> (Vec<String>, ExitCode) {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Taken {
        held: bool,
        hold: Option<i64>,
        reasons: Vec<Reason>,
        warnings: Vec<Reason>,
    }
    #[derive(Deserialize)]
    struct Reason {
        text: String,
        message: String,
    }
    let taken: Taken = serde_json::from_str(text).unwrap_or_default();
    let said = |reason: &Reason| format!("{} ({})", reason.text, reason.message);
    let warnings = taken.warnings.iter().map(|warning| format!("warning: {}", said(warning)));
    if !taken.held && status != 202 {
        return (warnings.collect(), ExitCode::SUCCESS);
    }
    let hold = taken.hold.map(|hold| format!(" {hold}")).unwrap_or_default();
    let head = format!(
        "HELD: the push waits as hold{hold}; the target in force has not changed until the operator approves it"
    );
    let reasons = taken.reasons.iter().map(|reason| format!("because: {}", said(reason)));
    (std::iter::once(head).chain(reasons).chain(warnings).collect(), ExitCode::from(HELD))
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
    until: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
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
        let CsvLine { code, name, remark, until, .. } = row;
        rows.push(Position { code, name, volume, cost, remark, until });
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
    fn what_waits_is_not_taken_for_what_is_in_force() {
        let held = r#"{"message": "x", "held": true, "hold": 7, "reasons": [{"rule": "grows", "text": "太大", "message": "too large"}]}"#;
        let (said, code) = notes(202, held);
        assert_eq!((said[0].contains("hold 7"), code), (true, ExitCode::from(HELD)));
        assert_eq!(said[1..], ["because: 太大 (too large)"]);
        // A server that says no more than that it waits.
        assert_eq!(notes(202, "{}").1, ExitCode::from(HELD));
        let warned = r#"{"changed": true, "warnings": [{"text": "相同", "message": "the same"}]}"#;
        assert_eq!(notes(200, warned), (vec!["warning: 相同 (the same)".to_owned()], ExitCode::SUCCESS));
        assert_eq!(notes(200, r#"{"changed": true}"#), (Vec::new(), ExitCode::SUCCESS));
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
        // As the page of an overlay offers its list.
        let csv = "code,name,volume,cost,remark,until\nX,,-1,2,,2026-12-31\nY,,1,2,,\n";
        let json = r#"[{"code":"X","volume":-1,"cost":2,"until":"2026-12-31"},{"code":"Y","volume":1,"cost":2}]"#;
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
