//! The crowd: so many connections that wait for one change, and when each of them heard of it.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::load::read;

/// After how many questions the crowd lets the server come after: one that it has not heard yet comes from a connection
/// that says nothing.
const TOGETHER: usize = 64;

/// Whom to ask, and what.
pub(crate) struct Crowd {
    pub(crate) address: String,
    pub(crate) connections: usize,
    pub(crate) patience: Duration,
    /// What everybody wants to know.
    pub(crate) path: String,
    /// Whether it is a stream of events.
    pub(crate) is_stream: bool,
}

/// The line that is printed: milliseconds since the change was sent, until it was answered, and until half of the crowd
/// and the last of it had heard.
#[expect(clippy::struct_field_names, reason = "a unit is part of a name")]
#[derive(serde::Serialize)]
struct Report {
    answered_ms: f64,
    half_ms: f64,
    last_ms: f64,
}

impl Crowd {
    /// Lets everybody wait and says so; sends a change once standard input ends, and prints when it was heard. Fails
    /// unless everybody hears what is asked for.
    #[tokio::main(flavor = "current_thread")]
    pub(crate) async fn gather(self, change: &Path) -> anyhow::Result<()> {
        let change = std::fs::read(change)?;
        raise_file_limit(self.connections)?;
        LocalSet::new().run_until(self.tell(&change)).await
    }

    async fn tell(&self, change: &[u8]) -> anyhow::Result<()> {
        let mut own = self.connect().await?;
        let crowd = self.waiting(&mut own).await?;
        println!("{} wait", crowd.len());
        // Whoever hangs up meanwhile is found out below.
        let mut nothing = [0];
        tokio::task::spawn_blocking(move || std::io::stdin().read(&mut nothing)).await??;
        let mut hearing = JoinSet::new();
        for socket in crowd {
            hearing.spawn_local(hear(socket, self.is_stream));
        }
        tokio::task::yield_now().await;
        let sent = Instant::now();
        let pushed = ask(&mut own, change).await?;
        let answered = sent.elapsed();
        let mut times = Vec::with_capacity(self.connections);
        let wanted = self.wanted(&mut own, &pushed).await?;
        loop {
            let next = tokio::time::timeout(self.patience, hearing.join_next()).await;
            let Some(heard) = next.context("somebody hears nothing")? else { break };
            let (at, heard) = heard.context("a connection's task")??;
            ensure!(heard == wanted, "somebody hears something else: {heard}");
            times.push(at.duration_since(sent));
        }
        times.sort_unstable();
        let (half, last) = (times.get(times.len() / 2), times.last());
        let (half, last) = (half.context("nobody waits")?, last.context("nobody waits")?);
        let [answered_ms, half_ms, last_ms] = [answered, *half, *last].map(|time| 1e3 * time.as_secs_f64());
        println!("{}", serde_json::to_string(&Report { answered_ms, half_ms, last_ms })?);
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let socket = TcpStream::connect(&self.address).await.context("no connection")?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    fn request(&self, query: &str, header: &str) -> Vec<u8> {
        let Self { path, address, .. } = self;
        format!("GET {path}{query} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n").into_bytes()
    }

    /// Everybody, once they have asked and the server has heard them.
    async fn waiting(&self, own: &mut TcpStream) -> anyhow::Result<Vec<TcpStream>> {
        let request = if self.is_stream { self.request("", "") } else { self.patient_request(own).await? };
        let mut crowd = Vec::with_capacity(self.connections);
        for number in 1..=self.connections {
            let mut socket = self.connect().await?;
            socket.write_all(&request).await.context("the server hung up")?;
            if self.is_stream {
                read_until(&mut socket, "retry: 2000\n\n\r\n").await?;
            } else if number % TOGETHER == 0 {
                ask(own, &self.request("", "")).await?;
            }
            crowd.push(socket);
        }
        Ok(crowd)
    }

    /// The question of who knows what there is.
    async fn patient_request(&self, own: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
        let now = ask(own, &self.request("", "")).await?;
        let tag = now.lines().find_map(|line| line.strip_prefix("etag: ")).context("an answer without a tag")?;
        Ok(self.request("?wait=60", &format!("If-None-Match: {tag}\r\n")))
    }

    /// What everybody must hear of the change that was answered so.
    async fn wanted(&self, own: &mut TcpStream, pushed: &str) -> anyhow::Result<String> {
        ensure!(pushed.contains("\"changed\":true"), "nothing was changed: {pushed}");
        if !self.is_stream {
            return Ok(body(&ask(own, &self.request("", "")).await?).to_owned());
        }
        let revision = pushed.split_once("\"revision\":").and_then(|(_, rest)| rest.split(',').next());
        Ok(format!("event: revision\nid: {}\n", revision.context("an answer without a revision")?))
    }
}

/// Waits for what one of the crowd is told, and says when that was.
async fn hear(mut socket: TcpStream, is_stream: bool) -> anyhow::Result<(Instant, String)> {
    if is_stream {
        let chunk = read_until(&mut socket, "\n\n\r\n").await?;
        let at = Instant::now();
        // Between the chunk's length and what is told of the revision.
        let event = chunk.split_once("\r\n").and_then(|(_, event)| event.split_once("data: "));
        return Ok((at, event.context("no event")?.0.to_owned()));
    }
    let mut answer = Vec::new();
    let status = read(&mut socket, &mut answer).await?;
    let at = Instant::now();
    ensure!(status == 200, "somebody who waits is answered {status}");
    Ok((at, body(&String::from_utf8(answer)?).to_owned()))
}

/// Asks, and gives the whole answer, which must be a 200.
async fn ask(socket: &mut TcpStream, request: &[u8]) -> anyhow::Result<String> {
    socket.write_all(request).await.context("the server hung up")?;
    let mut answer = Vec::new();
    read(socket, &mut answer).await?;
    let answer = String::from_utf8(answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "the server refuses: {answer}");
    Ok(answer)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

async fn read_until(socket: &mut TcpStream, end: &str) -> anyhow::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        ensure!(socket.read_buf(&mut text).await? > 0, "the server hung up");
    }
    Ok(String::from_utf8(text)?)
}

/// Lets this process have a connection for everybody.
fn raise_file_limit(connections: usize) -> anyhow::Result<()> {
    let wanted = u64::try_from(connections)? + 64;
    #[cfg(unix)]
    {
        let files = rlimit::increase_nofile_limit(wanted)?;
        ensure!(files >= wanted, "only {files} files may be open (ulimit -Hn), and {wanted} are needed");
    }
    Ok(())
}
