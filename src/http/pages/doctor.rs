//! `/doctor`: whether everything is as it should be for years, the worst first; the same as `jq2qmt doctor` says.

use std::cmp::Reverse;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::error::AppError;
use super::html;
use super::view::{Member, View};
use crate::doctor::{Asker, Finding, Level, Sentence};

#[derive(Template)]
#[template(path = "doctor.html")]
struct DoctorPage {
    v: View,
    findings: Vec<Finding>,
}

impl DoctorPage {
    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    fn title(&self, finding: &Finding) -> &'static str {
        let (chinese, english) = finding.check.title();
        self.v.t.pick(chinese, english)
    }

    fn level(&self, level: Level) -> &'static str {
        match level {
            Level::Ok => self.v.t.finding_ok,
            Level::Notice => self.v.t.finding_notice,
            Level::Fault => self.v.t.finding_fault,
        }
    }

    fn words<'a>(&self, sentence: &'a Sentence) -> &'a str {
        self.v.t.pick(&sentence.zh, &sentence.en)
    }
}

/// `GET /doctor`
pub(super) async fn page(State(state): State<AppState>, Member(v): Member) -> Result<Response, AppError> {
    let doctor = state.doctor.get().ok_or(AppError::NotFound)?;
    let mut findings = doctor.look(&state.clock, Asker::Server(state.store.backups().told())).await;
    findings.sort_by_key(|finding| Reverse(finding.level));
    Ok(html(StatusCode::OK, &DoctorPage { v, findings }))
}
