//! Drift: what is held and not wanted, or wanted and not held, with the reasons; and what is locked because nothing explains it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::super::AppState;
use super::super::csv::{Rows, file};
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{OperatorRequest, PathText, PathTexts, account_name};
use super::super::scalars::Exact;
use super::accounts::settled;
use super::json;
use super::positions::Number;
use super::reports::spelled;
use crate::alert::drift_texts;
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::desk::Drift;
use crate::domain::account::AccountName;
use crate::domain::code::Code;
use crate::domain::decimal::Volume;
use crate::domain::drift::{DriftLine, DriftPart};
use crate::domain::lock::Lock;
use crate::domain::revision::Revision;

#[derive(Serialize, ToSchema)]
#[schema(as = Drift)]
struct DriftAnswer<'a> {
    account: &'a str,
    revision: Revision,
    /// Null before any report.
    reported_at: Option<String>,
    lines: Vec<DriftLineDto>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DriftLine)]
pub(super) struct DriftLineDto {
    code: String,
    name: String,
    #[schema(value_type = Exact)]
    target: Number<Volume>,
    #[schema(value_type = Exact)]
    holding: Number<Volume>,
    /// Holding minus target.
    #[schema(value_type = Exact)]
    difference: Number<Volume>,
    since: String,
    parts: Vec<DriftPartDto>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DriftPart)]
struct DriftPartDto {
    /// A stable word.
    reason: &'static str,
    #[schema(value_type = Exact)]
    shares: Number<Volume>,
    /// In the terminal's words, or in Chinese.
    text: String,
    /// In English.
    message: String,
}

impl DriftPartDto {
    fn new(part: &DriftPart) -> Self {
        let (text, message) = drift_texts(part.reason);
        let text = part.words.as_deref().unwrap_or(text).to_owned();
        Self { reason: part.reason.as_str(), shares: Number(part.shares), text, message: message.to_owned() }
    }
}

impl DriftLineDto {
    pub(super) fn new(line: &DriftLine, zone: &Zone) -> Self {
        let code = spelled(&line.code);
        Self {
            name: line.name.as_deref().map_or_else(|| code.clone(), str::to_owned),
            code,
            target: Number(line.target),
            holding: Number(line.holding),
            difference: Number(line.difference()),
            since: zone.rfc3339(line.since),
            parts: line.parts.iter().map(DriftPartDto::new).collect(),
        }
    }
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/accounts/{name}/drift", "What is held and not wanted, or wanted and not held, and why")
            .answers::<DriftAnswer>()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/drift.csv", "The same as a file: a line for each reason")
            .answers_csv()
            .fails(&[404]),
        Entry::read("/api/v1/accounts/{name}/locks", "What is not traded because nothing explains how it changed")
            .answers::<LocksAnswer>()
            .fails(&[404]),
        Entry::operator(HttpMethod::Delete, "/api/v1/accounts/{name}/locks", "Release every lock of an account")
            .answers::<Unlocked>()
            .fails(&[404]),
        Entry::operator(
            HttpMethod::Delete,
            "/api/v1/accounts/{name}/locks/{code}",
            "Release the lock of an instrument",
        )
        .answers::<Unlocked>()
        .fails(&[404]),
    ]
}

async fn drift_now(state: &AppState, name: &AccountName) -> Result<Drift, AppError> {
    let (book, now) = (state.store.book(), state.clock.now());
    let (settled, desk) = (Arc::clone(settled(&book, name)?), state.desk.clone());
    state.workshop.make(move || Ok(desk.drift(&book, &settled, now)?)).await
}

/// `GET /api/v1/accounts/{name}/drift`
pub(crate) async fn drift(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let Drift { revision, reported_at, lines } = drift_now(&state, &name).await?;
    Ok(json(&DriftAnswer {
        account: name.as_str(),
        revision,
        reported_at: reported_at.map(|at| state.zone.rfc3339(at)),
        lines: lines.iter().map(|line| DriftLineDto::new(line, &state.zone)).collect(),
    }))
}

/// `GET /api/v1/accounts/{name}/drift.csv`: a line for each reason.
pub(crate) async fn csv(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let mut rows =
        Rows::headed(&["code", "name", "target", "holding", "difference", "since", "reason", "shares", "text"]);
    for line in drift_now(&state, &name).await?.lines {
        let since = state.zone.local(line.since);
        let DriftLineDto { code, name, target, holding, difference, parts, .. } = DriftLineDto::new(&line, &state.zone);
        let [target, holding, difference] = [target, holding, difference].map(|Number(volume)| volume.to_string());
        for part in parts {
            let shares = part.shares.0.to_string();
            rows.add(&[&code, &name, &target, &holding, &difference, &since, part.reason, &shares, &part.text]);
        }
    }
    Ok(file("drift.csv", rows))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Lock)]
struct LockDto {
    code: String,
    /// By how many shares more is held than fills explain; below zero: fewer.
    shares: i64,
    at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Locks)]
struct LocksAnswer<'a> {
    account: &'a str,
    locks: Vec<LockDto>,
}

#[derive(Serialize, ToSchema)]
struct Unlocked<'a> {
    /// In Chinese.
    message: &'static str,
    account: &'a str,
    revision: Revision,
    /// How many are left.
    locks: usize,
}

/// `GET /api/v1/accounts/{name}/locks`
pub(crate) async fn locks(
    State(state): State<AppState>,
    _: Reader,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    let (name, book) = (account_name(&name)?, state.store.book());
    settled(&book, &name)?;
    let (locks, _) = book.settings().locks(&name).unzip();
    let dto = |lock: &Lock| LockDto { code: spelled(&lock.code), shares: lock.shares, at: state.zone.rfc3339(lock.at) };
    let locks = locks.unwrap_or_default().iter().map(dto).collect();
    Ok(json(&LocksAnswer { account: name.as_str(), locks }))
}

/// `DELETE /api/v1/accounts/{name}/locks`: all of them are released.
pub(crate) async fn release_all(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    release(&state, account_name(&name)?, None, &request).await
}

/// `DELETE /api/v1/accounts/{name}/locks/{code}`
pub(crate) async fn release_one(
    State(state): State<AppState>,
    PathTexts([name, code]): PathTexts<2>,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let code = Code::parse(&code).map_err(|_| Invalid::Query("code".into()))?;
    release(&state, account_name(&name)?, Some(code), &request).await
}

async fn release(
    state: &AppState,
    account: AccountName,
    code: Option<Code>,
    request: &OperatorRequest,
) -> Result<Response, AppError> {
    let receipt = state.desk.release(&request.operator, account.clone(), code).await?;
    let (revision, left) = (receipt.revision, receipt.positions);
    Ok(json(&Unlocked { message: "已解除锁定", account: account.as_str(), revision, locks: left }))
}
