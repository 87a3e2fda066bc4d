//! The program; see [`jq2qmt::cli`].

use std::process::ExitCode;

/// Much of a push is allocation: lists of positions, texts, bodies.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    jq2qmt::cli::run()
}
