//! A webhook of one's own: JSON, signed with HMAC-SHA-256 over its time and its body.

use serde_json::json;

use super::{Outcome, Request, hmac_sha256, post, seconds};
use crate::alert::words::Message;
use crate::domain::channel::Secrets;
use crate::domain::moment::Moment;

pub(super) fn request(message: &Message, secrets: &Secrets, now: Moment) -> Request {
    let timestamp = seconds(now).to_string();
    let Message { title, body, link, severity, news, reports } = message;
    let reports: Vec<String> = reports.iter().map(ToString::to_string).collect();
    let told = json!({
        "title": title, "body": body, "link": link, "severity": severity, "incidents": news, "reports": reports,
    });
    let mut request = post(&secrets.url, &told);
    let secret = secrets.secret.as_deref().unwrap_or_default();
    let signature = signature(secret, &timestamp, &request.body);
    request.headers.push(("x-jq2qmt-timestamp", timestamp));
    request.headers.push(("x-jq2qmt-signature", signature));
    request
}

/// `sha256=` and the HMAC in hexadecimal digits, over the time, a dot and the body.
pub(super) fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    format!("sha256={}", hex::encode(hmac_sha256(secret, &format!("{timestamp}.{body}"))))
}

pub(super) fn judge(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Delivered,
        429 => Outcome::Limited("HTTP 429".to_owned()),
        _ => Outcome::Refused(format!("HTTP {status}")),
    }
}
