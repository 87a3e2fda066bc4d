//! PushPlus (推送加): hands on to WeChat; its token stands in the message.

use serde_json::json;

use super::{Codes, Outcome, Request, post, text_within};
use crate::alert::words::{Message, short};
use crate::domain::channel::Secrets;

/// What it takes of a title, in characters, and of a text, in bytes.
const LONGEST_TITLE: usize = 100;
const LONGEST: usize = 20_000;

pub(super) fn request(message: &Message, secrets: &Secrets) -> Request {
    let mut body = json!({
        "title": short(&message.title, LONGEST_TITLE),
        "content": text_within(message, LONGEST),
        "template": "txt",
    });
    if let Some(token) = &secrets.secret {
        body["token"] = token.as_str().into();
    }
    post(&secrets.url, &body)
}

pub(super) fn judge(status: u16, body: &str) -> Outcome {
    // 900: the account is restricted, and longer so the more is asked.
    Codes { members: &["code"], reason: "msg", good: 200, limits: &[900, 429] }.judge(status, body)
}
