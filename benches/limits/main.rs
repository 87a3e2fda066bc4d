//! The tools of `benches/speed.py`: servers that do no more than the work needs at best, and a sender of requests that
//! counts what comes back and fails unless every answer is the expected one.

#![expect(clippy::print_stdout, reason = "a measuring tool, run by hand")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]

mod bare;
mod crowd;
mod load;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;

use crate::crowd::Crowd;
use crate::load::{Load, Work};

/// Measuring tools; see benches/speed.py.
#[derive(clap::Parser)]
enum Command {
    /// Serves `GET /bytes`, which answers a file's bytes, and `GET /304`.
    Bytes { file: PathBuf },
    /// Serves `GET /total?wait=…`, which answers a file's bytes, `GET /events`, and `POST /change`, which those hear of.
    Waits { file: PathBuf },
    /// Takes signed pushes: one verification each, one row each, one commit for all that wait.
    Pushes {
        /// The public key, as DER.
        key: PathBuf,
        database: PathBuf,
    },
    /// Sends each request of a file once: four bytes of length (big-endian), then the request.
    Replay {
        file: PathBuf,
        #[command(flatten)]
        to: To,
    },
    /// Sends one GET again and again until standard input ends.
    Poll {
        path: String,
        #[arg(long)]
        header: Option<String>,
        #[command(flatten)]
        to: To,
    },
    /// Lets a crowd wait for what a GET answers, prints a line, and sends a change once a line comes from standard input.
    Crowd {
        path: String,
        /// The change: a raw request.
        change: PathBuf,
        /// What is asked for is a stream of events.
        #[arg(long)]
        stream: bool,
        #[command(flatten)]
        to: To,
    },
}

#[derive(clap::Args)]
struct To {
    #[arg(long)]
    address: String,
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// The status that every answer must have.
    #[arg(long, default_value_t = 200)]
    expect: u16,
    /// Seconds without any answer after which the server counts as silent.
    #[arg(long, default_value_t = 10)]
    patience: u64,
}

impl To {
    fn carry(self, work: Work) -> anyhow::Result<()> {
        let patience = Duration::from_secs(self.patience);
        Load { address: self.address, connections: self.connections, expect: self.expect, patience }.carry(work)
    }
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` passes this to whatever it runs.
    match Command::parse_from(std::env::args().filter(|argument| argument != "--bench")) {
        Command::Bytes { file } => bare::bytes(&file),
        Command::Waits { file } => bare::crowd(&file),
        Command::Pushes { key, database } => bare::pushes(&key, &database),
        Command::Replay { file, to } => to.carry(Work::once(&file)?),
        Command::Poll { path, header, to } => {
            let header = header.map(|header| format!("{header}\r\n")).unwrap_or_default();
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{header}\r\n", to.address);
            to.carry(Work::until_input_ends(request))
        }
        Command::Crowd { path, change, stream: is_stream, to } => {
            let To { address, connections, patience, .. } = to;
            let patience = Duration::from_secs(patience);
            Crowd { address, connections, patience, path, is_stream }.gather(&change)
        }
    }
}
