//! Feishu (飞书): the robot of a group, signed where it has a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Codes, Outcome, Request, hmac_sha256, post, seconds, text_within};
use crate::alert::words::Message;
use crate::domain::channel::Secrets;
use crate::domain::moment::Moment;

/// What it takes of a text: bytes; the whole request has 20 KB.
const LONGEST: usize = 15_000;

pub(super) fn request(message: &Message, secrets: &Secrets, now: Moment) -> Request {
    // What stands in angle brackets would call people: a name from elsewhere must not.
    let text = text_within(message, LONGEST).replace('<', "＜");
    let mut body = json!({"msg_type": "text", "content": {"text": text}});
    if let Some(secret) = &secrets.secret {
        let (timestamp, sign) = signature(secret, now);
        body["timestamp"] = timestamp.into();
        body["sign"] = sign.into();
    }
    post(&secrets.url, &body)
}

/// Over nothing, under the time in seconds and the secret.
pub(super) fn signature(secret: &str, now: Moment) -> (String, String) {
    let timestamp = seconds(now).to_string();
    let sign = STANDARD.encode(hmac_sha256(&format!("{timestamp}\n{secret}"), ""));
    (timestamp, sign)
}

pub(super) fn judge(status: u16, body: &str) -> Outcome {
    // The older form of its answers says StatusCode, the newer one code; both say 0 for what was taken.
    Codes { members: &["code", "StatusCode"], reason: "msg", good: 0, limits: &[11_232] }.judge(status, body)
}
