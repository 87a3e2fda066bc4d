//! The log: to standard error, and to a file in the data folder. Whoever logs neither waits nor fails: lines go through a
//! bounded queue to a thread for each place, and what a place does not take is counted, and said once it takes lines again.
//!
//! The queue is our own, after a look at `tracing-appender`: its file turns over by time and not by size, failed writes
//! are not counted, and it prints to the standard streams itself, which is what must not be done here.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::writer::{MakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// The file in the data folder; older ones are called after it, `.1` being the youngest of them.
pub const FILE: &str = "jq2qmt.log";

/// How large a file may grow, in bytes, before the next one is begun.
const FILE_SIZE: u64 = 10 << 20;

/// How many older files are kept.
const OLDER_FILES: usize = 4;

/// How many lines may wait for a place.
const QUEUE: usize = 1024;

/// How long a line may be, in bytes: with [`QUEUE`] it bounds what waits in memory.
const LINE: usize = 8 << 10;

/// How long the end of the process waits for what is queued.
const PATIENCE: Duration = Duration::from_secs(1);

/// What standard error is told in words of its own, and the file as a line.
const END: &str = "jq2qmt::end";

/// The process has one log, as it has one standard error.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Debug)]
struct Log {
    terminal: Outlet,
    file: Outlet,
    /// What the file is to be told, until it is known where it lies.
    unkept: Mutex<Option<Receiver<Message>>>,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// A JSON object on each line.
    Json,
}

/// Begins to log what a filter lets through: to standard error at once, and to a file once it is [known](keep_in) where.
/// Panics are lines of the log as well.
pub fn start(filter: &str, format: Format) {
    let ((terminal, lines), (file, unkept)) = (Outlet::new(format), Outlet::new(format));
    write_from("log to standard error", lines, &terminal, Terminal);
    let shown = terminal.clone().with_filter(|about| about.target() != END);
    // Neither the filter nor a layer may say themselves what is wrong: they would print it.
    let (parsed, mistake) = match EnvFilter::builder().parse(filter) {
        Ok(parsed) => (parsed, None),
        Err(mistake) => (EnvFilter::default().add_directive(LevelFilter::INFO.into()), Some(mistake)),
    };
    let ansi = io::stderr().is_terminal();
    let _ = tracing_subscriber::registry()
        .with(parsed)
        .with(filter_fn(is_told))
        .with(layer(format, ansi, shown))
        .with(layer(format, false, file.clone()))
        .try_init();
    if let Some(mistake) = mistake {
        tracing::warn!(%mistake, "JQ2QMT_LOG {filter:?} is no filter; the log tells what info tells");
    }
    if LOG.set(Log { terminal, file, unkept: Mutex::new(Some(unkept)) }).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let (thread, at) = (std::thread::current(), panic.location().map(ToString::to_string));
            let words = panic.payload_as_str().unwrap_or("without words");
            let trace = Backtrace::capture();
            let trace = (trace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(trace));
            tracing::error!(thread = thread.name(), at, trace, "a panic: {words}");
        }));
    }
}

/// Whether a line may be told at all, whatever the filter lets through. Of what libraries say in detail nobody knows what it
/// holds: ureq prints the addresses of robots, which are as good as passwords.
fn is_told(about: &Metadata<'_>) -> bool {
    *about.level() <= Level::INFO || about.target().starts_with("jq2qmt")
}

/// What writes lines to a place.
fn layer<S, W>(format: Format, ansi: bool, place: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().log_internal_errors(false).with_ansi(ansi).with_writer(place);
    match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().with_span_list(false).boxed(),
    }
}

/// From now on, and with what was logged before, the log is kept in a folder too. Nobody else may be using the folder.
pub fn keep_in(folder: &Path) {
    let Some(log) = LOG.get() else { return };
    if let Some(lines) = log.unkept.lock().unwrap_or_else(PoisonError::into_inner).take() {
        write_from("log to the file", lines, &log.file, Rotated::new(folder.join(FILE), FILE_SIZE));
    }
}

/// How many lines the file should hold and does not.
pub fn lost_lines() -> u64 {
    LOG.get().map_or(0, |log| log.file.lost.load(Ordering::Relaxed))
}

/// Writes words for people to standard error, and says when that is done: never, while nobody reads it.
///
/// # Errors
/// When standard error does not take them.
pub async fn tell(text: String) -> io::Result<()> {
    let (told, done) = oneshot::channel();
    match LOG.get() {
        Some(log) => log.terminal.send(Message::Words(text.into_bytes(), told)),
        None => drop(told.send(Terminal.take(text.as_bytes()))),
    }
    done.await.unwrap_or_else(|_| Err(io::Error::other("the queue to standard error is full")))
}

/// Writes a line to standard output, and says when that is done: never, while nobody reads it.
///
/// # Errors
/// When standard output does not take it.
pub async fn announce(line: String) -> io::Result<()> {
    let (told, done) = oneshot::channel();
    let write = move || drop(told.send(writeln!(io::stdout(), "{line}")));
    std::thread::Builder::new().name("standard output".to_owned()).spawn(write)?;
    done.await.unwrap_or_else(|_| Err(io::Error::other("it could not be written")))
}

/// Says why the process ends, on standard error and in the file, and waits a moment for what is queued.
pub fn end(why: Option<&anyhow::Error>) {
    let Some(log) = LOG.get() else {
        // With nowhere to write to there is nobody to tell.
        let _ = why.map(|error| writeln!(io::stderr(), "error: {error:#}"));
        return;
    };
    if let Some(error) = why {
        tracing::error!(target: END, "the end: {error:#}");
        log.terminal.send(Message::Line(format!("error: {error:#}\n").into_bytes()));
    }
    let (done, waiting) = mpsc::sync_channel(2);
    log.terminal.send(Message::Flush(done.clone()));
    if log.unkept.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
        log.file.send(Message::Flush(done.clone()));
    }
    drop(done);
    // One after the other, each for as long as is left to it; a place that takes nothing is not waited for any longer.
    while waiting.recv_timeout(PATIENCE).is_ok() {}
}

/// What goes through a queue.
#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Words(Vec<u8>, oneshot::Sender<io::Result<()>>),
    Flush(SyncSender<()>),
}

/// The near end of the queue to a place.
#[derive(Debug, Clone)]
struct Outlet {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    format: Format,
}

impl Outlet {
    fn new(format: Format) -> (Self, Receiver<Message>) {
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        (Self { queue, lost: Arc::default(), format }, messages)
    }

    fn send(&self, message: Message) {
        if self.queue.try_send(message).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Takes a line, whatever becomes of it.
impl Write for Outlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(Message::Line(self.format.cut(line)));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Outlet {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Format {
    /// As much of a line as is taken. An object stays one, with all that it says but for its fields: these are its beginning.
    fn cut(self, line: &[u8]) -> Vec<u8> {
        if line.len() <= LINE {
            return line.to_vec();
        }
        match self {
            Self::Text => [beginning(line, LINE), b"...\n"].concat(),
            Self::Json => {
                let mut object: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
                // In a text of its own each byte may become two.
                let begins = String::from_utf8_lossy(beginning(line, LINE / 2));
                object.insert("fields".to_owned(), json!({"message": format!("{begins}...")}));
                format!("{}\n", Value::Object(object)).into_bytes()
            }
        }
    }

    /// What stands where lines are missing.
    fn missing(self, count: u64) -> String {
        let message = format!("{count} lines of the log were lost here");
        match self {
            Self::Text => format!("{message}\n"),
            Self::Json => {
                let mut timestamp = String::new();
                // As the other lines say it; writing to memory cannot fail.
                let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
                let fields = json!({"message": message});
                let object =
                    json!({"timestamp": timestamp, "level": "WARN", "fields": fields, "target": module_path!()});
                format!("{object}\n")
            }
        }
    }
}

/// As much of a line, between two characters.
fn beginning(line: &[u8], most: usize) -> &[u8] {
    let is_inside = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
    &line[..(0..=most).rev().find(|at| !is_inside(at)).unwrap_or(0)]
}

/// Where lines end up.
trait Place: Send + 'static {
    /// Writes all of it, or as if nothing had been written.
    fn take(&mut self, text: &[u8]) -> io::Result<()>;
}

/// Standard error. Nobody else writes to it while the log does: this thread may wait for ever, holding its lock.
struct Terminal;

impl Place for Terminal {
    fn take(&mut self, text: &[u8]) -> io::Result<()> {
        io::stderr().write_all(text)
    }
}

/// Lets a thread of its own write what comes through a queue.
fn write_from(name: &str, messages: Receiver<Message>, outlet: &Outlet, mut place: impl Place) {
    let (lost, format) = (outlet.lost.clone(), outlet.format);
    let write = move || {
        let mut said = 0;
        for message in messages {
            let missing = lost.load(Ordering::Relaxed) - said;
            if missing > 0 && place.take(format.missing(missing).as_bytes()).is_ok() {
                said += missing;
            }
            match message {
                Message::Line(line) => {
                    lost.fetch_add(u64::from(place.take(&line).is_err()), Ordering::Relaxed);
                }
                // Who waits may have gone.
                Message::Words(text, told) => drop(told.send(place.take(&text))),
                Message::Flush(done) => {
                    let _ = done.try_send(());
                }
            }
        }
    };
    // Without a thread every line is lost, and counted.
    let _ = std::thread::Builder::new().name(name.to_owned()).spawn(write);
}

/// A file that makes way for the next one when it is full.
struct Rotated {
    path: PathBuf,
    most: u64,
    open: Option<(File, u64)>,
}

impl Rotated {
    const fn new(path: PathBuf, most: u64) -> Self {
        Self { path, most, open: None }
    }

    /// The file with its length, opened where it is not.
    fn current(&mut self) -> io::Result<(File, u64)> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let mut options = File::options();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    fn older(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Moves every file on by one; the oldest goes.
    fn turn_over(&self) -> io::Result<()> {
        for number in (1..OLDER_FILES).rev() {
            // A number may be missing.
            let _ = std::fs::rename(self.older(number), self.older(number + 1));
        }
        std::fs::rename(&self.path, self.older(1))
    }
}

impl Place for Rotated {
    fn take(&mut self, text: &[u8]) -> io::Result<()> {
        let (mut file, mut length) = self.current()?;
        let more = text.len() as u64;
        if length > 0 && length + more > self.most {
            drop(file);
            // Where it cannot be moved it begins anew: it must not grow for ever.
            if self.turn_over().is_err() {
                File::options().write(true).truncate(true).open(&self.path)?;
            }
            (file, length) = self.current()?;
        }
        if let Err(error) = file.write_all(text) {
            // Half a line would be the beginning of the next one. On a full disk taking away is possible.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.open = Some((file, length + more));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that takes a line when it is told to.
    struct Slow(Receiver<()>, mpsc::Sender<String>);

    impl Place for Slow {
        fn take(&mut self, text: &[u8]) -> io::Result<()> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(String::from_utf8(text.to_vec()).unwrap()).map_err(io::Error::other)
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_and_said() {
        let (mut outlet, lines) = Outlet::new(Format::Text);
        let ((go, wait), (write, written)) = (mpsc::channel(), mpsc::channel());
        for number in 0..QUEUE + 7 {
            outlet.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!(outlet.lost.load(Ordering::Relaxed), 7);
        write_from("slow", lines, &outlet, Slow(wait, write));
        for _ in 0..=QUEUE {
            go.send(()).unwrap();
        }
        let written: Vec<String> = (0..=QUEUE).map(|_| written.recv().unwrap()).collect();
        assert_eq!(written[..2], ["7 lines of the log were lost here\n", "0\n"]);
        assert_eq!(written[QUEUE], format!("{}\n", QUEUE - 1));
    }

    #[test]
    fn what_a_place_refuses_is_counted_too() {
        let (mut outlet, lines) = Outlet::new(Format::Text);
        let (go, wait) = mpsc::channel();
        let (write, _) = mpsc::channel();
        drop(go);
        write_from("broken", lines, &outlet, Slow(wait, write));
        outlet.write_all(b"one\n").unwrap();
        let (done, waiting) = mpsc::sync_channel(1);
        outlet.send(Message::Flush(done));
        waiting.recv().unwrap();
        assert_eq!(outlet.lost.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_long_line_is_cut_between_two_characters() {
        assert_eq!(Format::Text.cut(b"short\n"), b"short\n");
        let long = format!("x{}\n", "长".repeat(LINE));
        let text = String::from_utf8(Format::Text.cut(long.as_bytes())).unwrap();
        assert!(text.len() <= LINE + 4 && text.ends_with("长...\n"), "{}", text.len());
    }

    #[test]
    fn a_long_object_stays_an_object() {
        assert_eq!(Format::Json.cut(b"{\"a\":1}\n"), b"{\"a\":1}\n");
        for text in ["长".repeat(LINE), "\"\\\n".repeat(LINE)] {
            let line = json!({"level": "WARN", "fields": {"message": text, "n": 1}, "span": {"id": "1-1"}});
            let line = Format::Json.cut(format!("{line}\n").as_bytes());
            assert!(line.len() <= LINE + 100 && line.ends_with(b"\n"), "{}", line.len());
            let object: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!((&object["level"], &object["span"]["id"]), (&json!("WARN"), &json!("1-1")));
            let message = object["fields"]["message"].as_str().unwrap();
            assert!(message.starts_with("{\"") && message.ends_with("..."), "{message}");
        }
    }

    #[test]
    fn files_turn_over_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let mut file = Rotated::new(path.clone(), 10);
        for number in 0..9 {
            file.take(format!("line {number}\n").as_bytes()).unwrap();
        }
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        let older: Vec<String> = (1..=OLDER_FILES).map(|number| read(file.older(number))).collect();
        assert_eq!(read(path), "line 8\n");
        assert_eq!(older, ["line 7\n", "line 6\n", "line 5\n", "line 4\n"]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1 + OLDER_FILES);
    }

    #[test]
    fn a_file_that_cannot_be_moved_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = Rotated::new(dir.path().join(FILE), 10);
        // Nothing can take the place of a folder that is not empty.
        std::fs::create_dir_all(file.older(1).join("x")).unwrap();
        for number in 0..5 {
            file.take(format!("line {number}\n").as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), "line 4\n");
    }

    #[test]
    fn a_folder_that_comes_back_is_written_to_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        let mut file = Rotated::new(folder.join(FILE), 100);
        assert!(file.take(b"lost\n").is_err());
        std::fs::create_dir(&folder).unwrap();
        file.take(b"kept\n").unwrap();
        assert_eq!(std::fs::read_to_string(folder.join(FILE)).unwrap(), "kept\n");
    }
}
