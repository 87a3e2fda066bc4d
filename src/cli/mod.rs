//! The command line: a file for each command.

mod backup;
mod client;
mod compact;
mod doctor;
mod drift;
mod import;
mod key;
mod keygen;
mod password;
mod push;
mod serve;
#[cfg(windows)]
mod service;
mod verify;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Parser as _;

use crate::clock::Clock;
use crate::config::{Command, CommandLine, PasswordCommand, log_filter};
use crate::log;

/// Does what the command line says. What goes wrong is said on standard error, with exit code 1.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    if line.is_server() {
        log::start(&log_filter(), line.log_format());
    }
    let done = unpanicked(|| carry_out(&line));
    log::end(done.as_ref().err());
    done.unwrap_or(ExitCode::FAILURE)
}

/// Makes an error of a panic: what panicked is in the log; without this its last lines would not be.
fn unpanicked<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(anyhow!("a panic, as said above")))
}

fn carry_out(line: &CommandLine) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let runtime = tokio::runtime::Runtime::new()?;
    match &line.command {
        None | Some(Command::Serve(_)) => {
            let served = runtime.block_on(serve::run(line.config()?, clock));
            // After a failure something may still wait for a disk that does not answer.
            runtime.shutdown_timeout(Duration::from_secs(1));
            served?;
        }
        Some(Command::Keygen(options)) => keygen::run(&line.places()?, options)?,
        Some(Command::Key(command)) => runtime.block_on(key::run(&line.places()?, command, &clock))?,
        Some(Command::Password(PasswordCommand::Set)) => runtime.block_on(password::set(&line.places()?, &clock))?,
        Some(Command::Push(options)) => return push::run(options, &clock),
        Some(Command::Drift(options)) => return drift::run(options),
        Some(Command::Doctor(options)) => return runtime.block_on(doctor::run(line.config(), options, &clock)),
        Some(Command::Backup(options)) => runtime.block_on(backup::make(&line.places()?, options))?,
        Some(Command::Restore { file }) => runtime.block_on(backup::restore(&line.places()?, file, &clock))?,
        Some(Command::Import(options)) => {
            return runtime.block_on(import::run(&line.places()?, options, &clock));
        }
        #[cfg(windows)]
        Some(Command::Service(command)) => service::run(line, command)?,
        Some(Command::Head) => runtime.block_on(verify::head(&line.places()?))?,
        Some(Command::Compact(options)) => runtime.block_on(compact::run(&line.places()?, options, &clock))?,
        Some(Command::Verify { head, archive: Some(file) }) => {
            return runtime.block_on(verify::archive(&line.places()?, file, *head));
        }
        Some(Command::Verify { head, archive: None }) => return runtime.block_on(verify::run(&line.places()?, *head)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for whoever called.
fn say(text: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}
