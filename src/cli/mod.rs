//! The command line: a file for each command.

mod key;
mod keygen;
mod password;
mod push;
mod serve;
mod verify;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::clock::Clock;
use crate::config::{Command, CommandLine, PasswordCommand};

/// Does what the command line says. What goes wrong is said on standard error, with exit code 1.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(crate::config::log_filter()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match carry_out(&line) {
        Ok(code) => code,
        Err(error) => {
            // With nowhere to write to there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
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
        Some(Command::Push(options)) => push::run(options, &clock)?,
        Some(Command::Verify) => return runtime.block_on(verify::run(&line.places()?)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for whoever called.
fn say(text: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}
