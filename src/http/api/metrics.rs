//! `GET /metrics`: figures for Prometheus, looked up when they are asked for.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use strum::VariantArray as _;
use tokio::time::timeout;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::AppError;
use crate::alert::OUTCOMES;
use crate::auth::rights::Reader;
use crate::desk::{DriftLines, WINDOW, conflicts};
use crate::domain::book::Book;
use crate::domain::conflict::{Conflict, Matter};
use crate::domain::incident::Kind;
use crate::domain::moment::Moment;
use crate::log;
use crate::net::Line;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How long is waited for what only the history says; Prometheus itself waits for 10 seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many strategies have a series of their own: whoever may push under any name could make as many as he likes.
const MAX_STRATEGIES: usize = 1_000;

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    let figures = Entry::read("/metrics", "Figures for Prometheus");
    vec![figures.answers_text("application/openmetrics-text", "OpenMetrics.")]
}

/// What tells the members of a figure apart.
type Labels = Vec<(&'static str, String)>;

/// Figures as they are now.
#[derive(Default)]
struct Sheet(Registry);

impl Sheet {
    /// A number that goes up and down, for each of some.
    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    /// One number that goes up and down.
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    /// A number that only grows, for each of some.
    fn counters(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn of_requests(&mut self, state: &AppState) {
        let answers = state
            .figures
            .answers()
            .map(|(room, answer, count)| (vec![("room", room.to_owned()), ("answer", answer.to_owned())], count));
        self.counters("jq2qmt_requests", "Answers by what was asked; unchanged is a 304", answers);
        let pushes = state.figures.pushes().into_iter().flat_map(|(client, outcomes)| {
            let labels = move |outcome: &str| vec![("client", client.clone()), ("outcome", outcome.to_owned())];
            outcomes.into_iter().map(move |(outcome, count)| (labels(outcome), count))
        });
        self.counters("jq2qmt_pushes", "Pushes by client and what became of them", pushes);
    }

    fn of_book(&mut self, state: &AppState, book: &Book, now: Moment) {
        self.gauge("jq2qmt_revision", "The newest revision", number(book.revision().get().unsigned_abs()));
        self.gauge("jq2qmt_strategies", "Strategies that have a list", count(book.len()));
        let mut pushed: Vec<_> =
            book.strategies().filter_map(|strategy| Some((strategy.last_push_at?, &strategy.name))).collect();
        pushed.sort_unstable();
        let ages = pushed
            .into_iter()
            .take(MAX_STRATEGIES)
            .map(|(last_push_at, name)| (vec![("strategy", name.to_string())], now.since(last_push_at).as_secs_f64()));
        self.gauges("jq2qmt_strategy_age_seconds", "Since a strategy's own program pushed last", ages);
        let terminals = book.settings().accounts().filter_map(|(account, _)| {
            let reported = book.reported(account).map(|reported| reported.heard_at);
            let age = now.since(reported.max(state.desk.terminals().heard_at(account))?).as_secs_f64();
            Some((vec![("account", account.to_string())], age))
        });
        self.gauges("jq2qmt_terminal_age_seconds", "Since an account's terminal was heard of last", terminals);
        self.gauge("jq2qmt_holds", "Pushes that wait for the operator", count(book.settings().holds().len()));
        let drift = book.settings().accounts().filter_map(|(name, settled)| {
            // Of an account whose target is not known there is no number to tell.
            let DriftLines { all, unexplained } = state.desk.drift_lines(book, settled, now).ok()??;
            let labels = |explained: &str| vec![("account", name.to_string()), ("explained", explained.to_owned())];
            Some([(labels("no"), count(unexplained)), (labels("yes"), count(all - unexplained))])
        });
        self.gauges("jq2qmt_drift_lines", "Instruments whose holding is not the target", drift.flatten());
    }

    fn of_conflicts(&mut self, found: &[Conflict]) {
        // Also those of which there is none: what is absent raises no alert.
        let counts = Matter::KINDS.map(|kind| {
            let of_kind = found.iter().filter(|conflict| conflict.matter.kind() == kind).count();
            (vec![("kind", kind.to_owned())], count(of_kind))
        });
        self.gauges("jq2qmt_conflicts", "What contradicts what, as /api/v1/conflicts counts it", counts);
    }

    fn of_incidents(&mut self, state: &AppState) {
        let mut standing: BTreeMap<Kind, usize> = BTreeMap::new();
        for incident in state.incidents().standing().incidents() {
            *standing.entry(incident.concern.kind()).or_default() += 1;
        }
        let labels =
            |kind: Kind| vec![("kind", kind.as_str().to_owned()), ("severity", kind.severity().as_str().to_owned())];
        // Also those of which none stands: what is absent raises no alert.
        let counts = Kind::VARIANTS.iter().map(|kind| (labels(*kind), count(standing.get(kind).copied().unwrap_or(0))));
        self.gauges("jq2qmt_incidents", "Incidents that stand", counts);
        let channels = state.store.book();
        let counted = state.messenger().counts();
        // Also what never happened: where a series begins with its first number, nobody sees that it grew.
        let alerts = channels.settings().channels().flat_map(|(channel, _)| OUTCOMES.map(|outcome| (channel, outcome)));
        let alerts = alerts.map(|(channel, outcome)| {
            let count = counted.get(channel).and_then(|outcomes| outcomes.get(outcome)).copied().unwrap_or(0);
            (vec![("channel", channel.to_string()), ("outcome", outcome.to_owned())], count)
        });
        self.counters("jq2qmt_alerts", "Messages by channel and what became of them", alerts);
    }

    fn of_store(&mut self, state: &AppState, now: Moment) {
        let store = &state.store;
        self.gauge("jq2qmt_lineage", "Grows when an older copy is put back", number(store.lineage().unsigned_abs()));
        self.gauge("jq2qmt_queue", "Commands that wait for the writer", count(store.waiting()));
        let figures = store.figures();
        for (name, help, histogram) in [
            ("jq2qmt_store_answer_seconds", "From the queue to the answer", &figures.answers),
            ("jq2qmt_batch_seconds", "What the writer takes for a batch", &figures.batches),
            ("jq2qmt_commit_seconds", "What writing and COMMIT of a batch take", &figures.commits),
            ("jq2qmt_batch_commands", "Commands that share a batch", &figures.sizes),
        ] {
            self.0.register(name, help, histogram.clone());
        }
        let sizes = store.sizes().into_iter().map(|(file, bytes)| (vec![("file", file.to_owned())], number(bytes)));
        self.gauges("jq2qmt_file_bytes", "How long the database's files are", sizes);
        let told = store.backups().told();
        let every = told.every.map(|every| (Labels::new(), every.as_secs_f64()));
        self.gauges("jq2qmt_backup_every_seconds", "How often a copy is to be made; absent where none is", every);
        let age = told.newest.map(|(at, _)| (Labels::new(), now.since(at).as_secs_f64()));
        self.gauges("jq2qmt_backup_age_seconds", "Since the newest copy was made", age);
        let bytes = told.newest.map(|(_, bytes)| (Labels::new(), number(bytes)));
        self.gauges("jq2qmt_backup_bytes", "How long the newest copy is", bytes);
        let made = [("made", told.made), ("failed", told.failed)];
        let made = made.map(|(outcome, count)| (vec![("outcome", outcome.to_owned())], count));
        self.counters("jq2qmt_backups", "Copies that the server made, or could not make", made);
    }

    fn of_process(&mut self, line: Option<&Line>) {
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.gauges("jq2qmt_build_info", "The program", [(version, 1.0)]);
        self.counter("jq2qmt_log_lines_lost", "Lines that are missing in the log file", log::lost_lines());
        if let Some((seated, lingering)) = line.map(Line::connections) {
            let counts = [("seated", seated), ("waiting", lingering)];
            let counts = counts.map(|(kind, number)| (vec![("kind", kind.to_owned())], count(number)));
            self.gauges("jq2qmt_connections", "Connections; those that wait for something to happen apart", counts);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            self.gauge("jq2qmt_open_files", "Files and connections that the process has open", count(open.count()));
        }
    }
}

/// As near as a figure can say it.
#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other number")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn count(things: usize) -> f64 {
    number(u64::try_from(things).unwrap_or(u64::MAX))
}

/// `GET /metrics`
pub(crate) async fn metrics(
    State(state): State<AppState>,
    _: Reader,
    line: Option<Extension<Line>>,
) -> Result<Response, AppError> {
    let (book, now) = (state.store.book(), state.clock.now());
    let asked = state.clone();
    // Figures are wanted most where the database is slow or gone: they wait for no look into the history, and go without it.
    let found = timeout(PATIENCE, conflicts(&state.store, WINDOW, now)).await;
    let text = state
        .workshop
        .make(move || {
            let mut sheet = Sheet::default();
            sheet.of_process(line.as_deref());
            sheet.of_requests(&asked);
            sheet.of_store(&asked, now);
            sheet.of_incidents(&asked);
            sheet.of_book(&asked, &book, now);
            if let Ok(Ok(found)) = found {
                sheet.of_conflicts(&found.conflicts);
            }
            let mut text = String::new();
            // Writing to memory cannot fail.
            let _ = encode(&mut text, &sheet.0);
            Ok(text)
        })
        .await?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    Ok(response)
}
