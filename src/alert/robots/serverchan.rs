//! ServerChan (Server酱): hands on to WeChat; its address holds the key.

use serde_json::json;

use super::{Codes, Outcome, Request, as_markdown, post};
use crate::alert::words::{Message, short};
use crate::domain::channel::Secrets;

/// What it takes of a title, in characters.
const LONGEST_TITLE: usize = 31;

pub(super) fn request(message: &Message, secrets: &Secrets) -> Request {
    // The title is cut, so the text repeats it.
    let text = as_markdown(&format!("{}\n{}", message.title, message.body));
    let body = json!({"title": short(&message.title, LONGEST_TITLE), "desp": format!("{text}\n\n{}", message.link)});
    post(&secrets.url, &body)
}

pub(super) fn judge(status: u16, body: &str) -> Outcome {
    Codes { members: &["code"], reason: "message", good: 0, limits: &[429] }.judge(status, body)
}
