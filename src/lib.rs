//! jq2qmt keeps the target positions of quant strategies and tells the trading terminal their exact total.
//!
//! Data comes in at the top and goes down; nothing below knows what is above it: `http → auth → store → domain`.

/// Who is it, and may they: signed tokens, API keys, the operator's password, and the rights that they yield.
pub mod auth;
/// The command line: a file for each command.
pub mod cli;
/// The only reader of the wall clock.
pub mod clock;
/// The only reader of flags, environment and configuration file.
pub mod config;
/// Example strategies for a newcomer.
pub mod demo;
/// Pure rules: instruments, exact numbers, positions, strategies, the book and its totals.
pub mod domain;
/// What a first start creates and tells.
pub mod first_start;
/// The HTTP interface.
pub mod http;
/// Opens the store, builds the state, serves, shuts down.
pub mod startup;
/// The book on disk: one writer, one transaction for a batch, answers after COMMIT.
pub mod store;
