//! Telling people: what a message says, how each robot wants it, and its way there.
//!
//! A channel that cannot be reached is a channel's trouble, never the server's: what is to be told waits on the disk.

mod heartbeat;
mod messenger;
mod robots;
mod send;
mod words;

pub use self::heartbeat::beat;
pub use self::messenger::{Messenger, try_out};
pub use self::robots::{OUTCOMES, Outcome};
pub use self::words::{Said, drift_texts, said};
