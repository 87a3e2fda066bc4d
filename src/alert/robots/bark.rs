//! Bark: an app for iPhones; its address ends with the key of the device.

use serde_json::json;

use super::{Codes, Outcome, Request, post, within};
use crate::alert::words::Message;
use crate::domain::channel::Secrets;
use crate::domain::incident::Severity;

/// What goes into one notification of Apple's: 4 KiB in all.
const LONGEST: usize = 2_500;

pub(super) fn request(message: &Message, secrets: &Secrets) -> Request {
    // An alarm shows through a focus; what is no alarm wakes nobody.
    let level = if message.severity == Some(Severity::Alarm) { "timeSensitive" } else { "active" };
    let mut body = json!({
        "title": message.title,
        "body": within(&message.body, LONGEST),
        "url": message.link,
        "group": "jq2qmt",
        "level": level,
    });
    if let Some(key) = &secrets.secret {
        body["device_key"] = key.as_str().into();
    }
    post(&secrets.url, &body)
}

pub(super) fn judge(status: u16, body: &str) -> Outcome {
    Codes { members: &["code"], reason: "message", good: 200, limits: &[429] }.judge(status, body)
}
