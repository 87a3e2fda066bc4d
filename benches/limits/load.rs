//! The load: requests over so many connections, one at a time on each, and what came back.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use axum::body::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// What is to be sent.
pub(crate) enum Work {
    Once(VecDeque<Bytes>),
    Again { request: Bytes, ended: Arc<AtomicBool> },
}

impl Work {
    pub(crate) fn once(file: &Path) -> anyhow::Result<Self> {
        let mut rest = Bytes::from(std::fs::read(file)?);
        let mut requests = VecDeque::new();
        while !rest.is_empty() {
            let (length, _) = rest.split_first_chunk().context("the requests' file is cut off")?;
            let length = usize::try_from(u32::from_be_bytes(*length))?;
            ensure!(rest.len() >= 4 + length, "the requests' file is cut off");
            requests.push_back(rest.split_to(4 + length).split_off(4));
        }
        Ok(Self::Once(requests))
    }

    pub(crate) fn until_input_ends(request: String) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        // Nobody waits for this thread: a load that fails before its input ends must not hang.
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            told.store(true, Ordering::Relaxed);
        });
        Self::Again { request: request.into(), ended }
    }

    fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Once(requests) => requests.pop_front(),
            Self::Again { request, ended } => (!ended.load(Ordering::Relaxed)).then(|| request.clone()),
        }
    }
}

/// Whom to ask, and what must come back.
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) connections: usize,
    pub(crate) expect: u16,
    pub(crate) patience: Duration,
}

/// What came back so far.
#[derive(Default)]
struct Tally {
    answers: BTreeMap<u16, u32>,
    latencies: Vec<Duration>,
}

/// The line that is printed.
#[derive(serde::Serialize)]
struct Report {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    answers: BTreeMap<u16, u32>,
}

impl Load {
    /// Sends it all, prints what came back, and fails unless every request got the expected answer.
    #[tokio::main(flavor = "current_thread")]
    pub(crate) async fn carry(self, work: Work) -> anyhow::Result<()> {
        let tally = Rc::new(RefCell::new(Tally::default()));
        let start = Instant::now();
        let local = LocalSet::new();
        let outcome = tokio::select! {
            outcome = local.run_until(self.converse(work, &tally)) => outcome,
            () = silence(&tally, self.patience) => Err(anyhow!("the server fell silent: {:?}", self.patience)),
        };
        let mut tally = tally.take();
        println!("{}", serde_json::to_string(&tally.report(start.elapsed()))?);
        outcome?;
        ensure!(!tally.latencies.is_empty(), "nothing was asked");
        ensure!(tally.answers.keys().eq([&self.expect]), "not every answer is {}: {:?}", self.expect, tally.answers);
        Ok(())
    }

    /// Ends well when every connection has; the first trouble of one, a panic included, ends all of them.
    async fn converse(&self, work: Work, tally: &Rc<RefCell<Tally>>) -> anyhow::Result<()> {
        let work = Rc::new(RefCell::new(work));
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let socket = TcpStream::connect(&self.address).await.context("no connection")?;
            socket.set_nodelay(true)?;
            connections.spawn_local(connection(socket, Rc::clone(&work), Rc::clone(tally)));
        }
        while let Some(ended) = connections.join_next().await {
            ended.context("a connection's task")??;
        }
        Ok(())
    }
}

impl Tally {
    fn report(&mut self, took: Duration) -> Report {
        self.latencies.sort_unstable();
        let at = |percent| {
            let place = self.latencies.len().saturating_sub(1) * percent / 100;
            self.latencies.get(place).map_or(0.0, |latency: &Duration| 1e3 * latency.as_secs_f64())
        };
        let count: u32 = self.answers.values().sum();
        let rate = f64::from(count) / took.as_secs_f64();
        Report { rate, p50_ms: at(50), p99_ms: at(99), answers: self.answers.clone() }
    }
}

/// Returns when there was no answer for so long.
async fn silence(tally: &RefCell<Tally>, patience: Duration) {
    let mut before = 0;
    loop {
        tokio::time::sleep(patience).await;
        let now = tally.borrow().latencies.len();
        if now == before {
            return;
        }
        before = now;
    }
}

async fn connection(mut socket: TcpStream, work: Rc<RefCell<Work>>, tally: Rc<RefCell<Tally>>) -> anyhow::Result<()> {
    let mut answer = Vec::with_capacity(1 << 17);
    loop {
        // Not in the `while let`: the work would stay borrowed while others ask for it.
        let next = work.borrow_mut().next();
        let Some(request) = next else { return Ok(()) };
        let start = Instant::now();
        socket.write_all(&request).await.context("the server hung up")?;
        let status = read(&mut socket, &mut answer).await?;
        let mut tally = tally.borrow_mut();
        tally.latencies.push(start.elapsed());
        *tally.answers.entry(status).or_default() += 1;
    }
}

/// Reads one whole answer, and gives its status.
pub(crate) async fn read(socket: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<u16> {
    answer.clear();
    let mut whole = None;
    while whole.is_none_or(|(_, length)| answer.len() < length) {
        ensure!(socket.read_buf(answer).await? > 0, "the server hung up");
        whole = whole.map_or_else(|| measure(answer), |whole| Ok(Some(whole)))?;
    }
    let (status, length) = whole.context("no answer")?;
    ensure!(answer.len() == length, "more came than was asked for");
    Ok(status)
}

/// Status and whole length of an answer whose head is there.
fn measure(answer: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end])?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.with_context(|| format!("no HTTP: {head}"))?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    };
    let body = match (status, head.lines().find_map(header)) {
        (304, _) => 0,
        (_, Some(length)) => length?,
        (_, None) => bail!("an answer of unknown length: {head}"),
    };
    Ok(Some((status, end + 4 + body)))
}
