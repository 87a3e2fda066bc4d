//! `jq2qmt drift`

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::client::{agent, refusal};
use super::say;
use crate::config::DriftOptions;

#[derive(Deserialize)]
struct Drift {
    revision: i64,
    reported_at: Option<String>,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    code: String,
    name: String,
    target: serde_json::Number,
    holding: serde_json::Number,
    difference: serde_json::Number,
    since: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    reason: String,
    shares: serde_json::Number,
    text: String,
}

/// Prints where an account's holdings differ from its target, and why. Ends with 1 where something is not explained, or
/// no terminal has reported, so that a script can watch.
pub(super) fn run(options: &DriftOptions) -> anyhow::Result<ExitCode> {
    let (server, account) = (options.server.trim_end_matches('/'), &options.account);
    let url = format!("{server}/api/v1/accounts/{}/drift", utf8_percent_encode(account, NON_ALPHANUMERIC));
    let request = agent().get(&url);
    let request = match &options.api_key {
        Some(key) => request.header("X-API-Key", key),
        None => request,
    };
    let mut answer = request.call().with_context(|| format!("{url} cannot be reached"))?;
    let text = answer.body_mut().read_to_string().context("the answer broke off")?;
    if !answer.status().is_success() {
        bail!("the server refused with {}: {}", answer.status(), refusal(&text));
    }
    let drift: Drift = serde_json::from_str(&text).context("the answer is not a drift's")?;
    let Some(reported_at) = &drift.reported_at else {
        writeln!(std::io::stderr(), "no terminal has reported for account {account} yet: nothing is known")?;
        return Ok(ExitCode::FAILURE);
    };
    say(format!("account {account}, target of revision {}, reported at {reported_at}", drift.revision))?;
    say(table(&drift.lines))?;
    let is_unexplained = |line: &Line| line.parts.iter().any(|part| part.reason == "unexplained");
    let unexplained = drift.lines.iter().filter(|line| is_unexplained(line)).count();
    if unexplained > 0 {
        writeln!(std::io::stderr(), "UNEXPLAINED: {unexplained} of {} lines", drift.lines.len())?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each reason; names last, because their letters are of different widths.
fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "holdings are what the target says".to_owned();
    }
    let mut rows = vec![["code", "target", "holding", "difference", "since", "shares", "reason"].map(str::to_owned)];
    let mut tails = vec!["name and text".to_owned()];
    for line in lines {
        let numbers = [&line.target, &line.holding, &line.difference].map(ToString::to_string);
        for (n, part) in line.parts.iter().enumerate() {
            let [target, holding, difference] = numbers.clone();
            let mut row = [
                line.code.clone(),
                target,
                holding,
                difference,
                line.since.chars().take(19).collect(),
                part.shares.to_string(),
                part.reason.clone(),
            ];
            if n > 0 {
                row[..5].fill(String::new());
            }
            rows.push(row);
            tails.push(if n == 0 { format!("{}: {}", line.name, part.text) } else { part.text.clone() });
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let is_number = |column: usize| matches!(column, 1..=3 | 5);
    let drawn = rows.iter().zip(&tails).map(|(row, tail)| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if is_number(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let cells: Vec<String> = cells.chain([tail.clone()]).collect();
        cells.join("  ").trim_end().to_owned()
    });
    drawn.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_reason() {
        let lines: Vec<Line> = serde_json::from_value(serde_json::json!([{
            "code": "000001.SZ", "name": "平安银行", "target": 1300, "holding": 700, "difference": -600,
            "since": "2026-01-05T14:50:00.000000+08:00",
            "parts": [{"reason": "in_flight", "shares": -150, "text": "已报单"},
                      {"reason": "limit_up", "shares": -450, "text": "涨停"}],
        }]))
        .unwrap();
        let drawn = table(&lines);
        let drawn: Vec<&str> = drawn.lines().collect();
        assert_eq!(
            drawn[0],
            "code       target  holding  difference  since                shares  reason     name and text"
        );
        assert_eq!(
            drawn[1],
            "000001.SZ    1300      700        -600  2026-01-05T14:50:00    -150  in_flight  平安银行: 已报单"
        );
        assert_eq!(drawn[2], "                                                               -450  limit_up   涨停");
        assert_eq!(table(&[]), "holdings are what the target says");
    }
}
