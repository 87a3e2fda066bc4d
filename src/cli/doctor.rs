//! `jq2qmt doctor`

use std::process::ExitCode;

use serde::Serialize;

use super::say;
use crate::clock::Clock;
use crate::config::{Config, DoctorOptions};
use crate::doctor::{Asker, Doctor, Finding, Level, Setup, judge};

#[derive(Serialize)]
struct Answer<'a> {
    faults: usize,
    notices: usize,
    findings: Vec<FindingDto<'a>>,
}

#[derive(Serialize)]
struct FindingDto<'a> {
    check: &'static str,
    level: &'static str,
    /// In Chinese and English: what it means, and what to do.
    text: &'a str,
    message: &'a str,
    todo: Option<[&'a str; 2]>,
}

/// Looks at everything that a server with these options needs. Ends with 1 where there is a fault, so that a script can watch.
pub(super) async fn run(
    config: anyhow::Result<Config>,
    options: &DoctorOptions,
    clock: &Clock,
) -> anyhow::Result<ExitCode> {
    let findings = match config {
        Ok(config) => {
            let asker = Asker::CommandLine { send: options.send };
            Doctor::new(Setup::of(&config)).look(clock, asker).await
        }
        Err(error) => vec![judge::unusable(&format!("{error:#}"))],
    };
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let (faults, notices) = (count(Level::Fault), count(Level::Notice));
    if options.json {
        let answer = Answer { faults, notices, findings: findings.iter().map(dto).collect() };
        say(serde_json::to_string_pretty(&answer)?)?;
    } else {
        for finding in &findings {
            say(lines(finding))?;
        }
        say(format_args!("{faults} faults, {notices} notices"))?;
    }
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn dto(finding: &Finding) -> FindingDto<'_> {
    FindingDto {
        check: finding.check.as_str(),
        level: finding.level.as_str(),
        text: &finding.meaning.zh,
        message: &finding.meaning.en,
        todo: finding.todo.as_ref().map(|todo| [&*todo.zh, &*todo.en]),
    }
}

/// A finding for people: what it means, and on a line of its own what to do.
fn lines(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Notice => "NOTICE",
        Level::Fault => "FAULT",
    };
    let lead = format!("{level:<7} {:<11} {}", finding.check.as_str(), finding.meaning.en);
    match &finding.todo {
        Some(todo) => format!("{lead}\n{:20}to do: {}", "", todo.en),
        None => lead,
    }
}
