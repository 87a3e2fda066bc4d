//! DingTalk (钉钉): the robot of a group, signed where it has a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Codes, Outcome, Request, hmac_sha256, post, text_within};
use crate::alert::words::Message;
use crate::domain::channel::Secrets;
use crate::domain::moment::Moment;

/// What it takes of a text: bytes.
const LONGEST: usize = 20_000;

pub(super) fn request(message: &Message, secrets: &Secrets, now: Moment) -> Request {
    let body = json!({"msgtype": "text", "text": {"content": text_within(message, LONGEST)}});
    let url = match &secrets.secret {
        Some(secret) => {
            let (timestamp, sign) = signature(secret, now);
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("timestamp", &timestamp)
                .append_pair("sign", &sign)
                .finish();
            let joint = if secrets.url.contains('?') { '&' } else { '?' };
            format!("{}{joint}{query}", secrets.url)
        }
        None => secrets.url.clone(),
    };
    post(&url, &body)
}

/// Over the time in milliseconds and the secret, under the secret.
pub(super) fn signature(secret: &str, now: Moment) -> (String, String) {
    let timestamp = (now.as_micros() / 1_000).to_string();
    let sign = STANDARD.encode(hmac_sha256(secret, &format!("{timestamp}\n{secret}")));
    (timestamp, sign)
}

pub(super) fn judge(status: u16, body: &str) -> Outcome {
    // More than twenty messages a minute are refused under one or the other, and so is everything for ten minutes then.
    let limits = &[130_101, 410_100, 90_030, -1];
    Codes { members: &["errcode"], reason: "errmsg", good: 0, limits }.judge(status, body)
}
