//! jq2qmt keeps the target positions of quant strategies and tells the trading terminal their exact total.
//!
//! Data comes in at the top and goes down; nothing below knows what is above it: `http → doctor → alert → desk → auth → store → ledger → domain`.
//!
//! * [`cli`]: the command line, a file for each command.
//! * [`config`]: the only reader of flags, environment and configuration file.
//! * [`startup`]: opens the store, builds the state, serves, shuts down; [`first_start`] and [`demo`] help a newcomer.
//! * [`lifecycle`]: the one owner of every task; [`log`]: where lines of the log go, whoever reads them.
//! * [`clock`]: the only reader of the wall clock; [`files`]: private folders, and names that outlast a power cut.
//! * [`service`]: what a service manager is told.
//! * [`net`]: who is connected; bounds on connections and their time.
//! * [`http`]: routes, extractors, answers.
//! * [`doctor`]: whether everything is as it should be for years.
//! * [`alert`]: telling people; what a message says, how each robot wants it, and its way there.
//! * [`desk`]: what people and programs do, once for API and pages.
//! * [`auth`]: who is it, and may they.
//! * [`store`]: the book on disk; one writer, one transaction for a batch, answers after COMMIT.
//! * [`ledger`]: pure; what a change is, what decides about it, and what it appends to the chain.
//! * [`domain`]: pure rules; instruments, exact numbers, positions, the book and its totals.

pub mod alert;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod desk;
mod digits;
pub mod doctor;
pub mod domain;
pub mod files;
pub mod first_start;
pub mod http;
pub mod ledger;
pub mod lifecycle;
pub mod log;
pub mod net;
pub mod service;
pub mod startup;
pub mod store;
