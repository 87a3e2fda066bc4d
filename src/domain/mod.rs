//! Pure rules: what an instrument, a position, a strategy, a revision and a total are. No I/O, no clock, no SQL, no HTTP.

pub mod account;
pub mod board;
pub mod book;
pub mod calendar;
pub mod changes;
pub mod code;
pub mod conflict;
pub mod decimal;
pub mod drift;
pub mod excerpt;
pub mod fingerprint;
pub mod guard;
pub mod hold;
pub mod lock;
pub mod moment;
pub mod position;
pub mod report;
pub mod reported;
pub mod revision;
pub mod schedule;
pub mod settings;
pub mod state;
pub mod strategy;
pub mod target;
pub mod total;
pub mod watch;
