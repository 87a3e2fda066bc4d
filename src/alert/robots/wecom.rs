//! WeCom (企业微信): the robot of a group. Its whole address, with the key, is its secret.

use serde_json::json;

use super::{Codes, Outcome, Request, post, text_within};
use crate::alert::words::Message;
use crate::domain::channel::Secrets;

/// What it takes of a text: bytes.
const LONGEST: usize = 2_048;

pub(super) fn request(message: &Message, secrets: &Secrets) -> Request {
    post(&secrets.url, &json!({"msgtype": "text", "text": {"content": text_within(message, LONGEST)}}))
}

pub(super) fn judge(status: u16, body: &str) -> Outcome {
    // 45009: more than twenty messages a minute. -1: it is busy.
    Codes { members: &["errcode"], reason: "errmsg", good: 0, limits: &[45_009, 45_033, -1] }.judge(status, body)
}
