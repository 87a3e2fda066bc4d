//! Robots: how each wants a message, and what its answer means. Pure: nothing is sent here.
//!
//! Robots answer 200 to what they refuse. What counts is the code in the body of the answer.

mod bark;
mod dingtalk;
mod feishu;
mod pushplus;
mod serverchan;
mod webhook;
mod wecom;

use aws_lc_rs::hmac;
use serde_json::Value;

use super::words::Message;
use crate::domain::channel::{ChannelKind, Secrets};
use crate::domain::moment::Moment;

/// What is to be sent with POST.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Where to.
    pub(super) url: String,
    /// With which headers.
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(super) body: String,
}

/// Its address is secret, and so may be what it says.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(…)")
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whoever carries it has taken it.
    Delivered,
    /// Too much was sent: whoever carries it wants to be left alone for a while.
    Limited(String),
    /// It was not taken; why.
    Refused(String),
}

/// What figures call that a message came too late to be tried again.
pub(super) const GIVEN_UP: &str = "given_up";

/// All that becomes of messages, as figures call it.
pub const OUTCOMES: [&str; 4] = ["delivered", "limited", "refused", GIVEN_UP];

impl Outcome {
    /// As figures call it.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Limited(_) => "limited",
            Self::Refused(_) => "refused",
        }
    }

    /// Why it was not taken; None where it was.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Delivered => None,
            Self::Limited(error) | Self::Refused(error) => Some(error),
        }
    }
}

/// How a robot wants a message.
pub(super) fn request(kind: ChannelKind, message: &Message, secrets: &Secrets, now: Moment) -> Request {
    match kind {
        ChannelKind::Wecom => wecom::request(message, secrets),
        ChannelKind::Dingtalk => dingtalk::request(message, secrets, now),
        ChannelKind::Feishu => feishu::request(message, secrets, now),
        ChannelKind::Bark => bark::request(message, secrets),
        ChannelKind::Pushplus => pushplus::request(message, secrets),
        ChannelKind::Serverchan => serverchan::request(message, secrets),
        // Mail goes another way.
        ChannelKind::Webhook | ChannelKind::Mail => webhook::request(message, secrets, now),
    }
}

/// What a robot's answer means.
pub(super) fn judge(kind: ChannelKind, status: u16, body: &str) -> Outcome {
    match kind {
        ChannelKind::Wecom => wecom::judge(status, body),
        ChannelKind::Dingtalk => dingtalk::judge(status, body),
        ChannelKind::Feishu => feishu::judge(status, body),
        ChannelKind::Bark => bark::judge(status, body),
        ChannelKind::Pushplus => pushplus::judge(status, body),
        ChannelKind::Serverchan => serverchan::judge(status, body),
        ChannelKind::Webhook | ChannelKind::Mail => webhook::judge(status),
    }
}

/// What the codes of a robot mean.
struct Codes {
    /// The members that may hold the code; the first that is there counts.
    members: &'static [&'static str],
    /// The member that says why.
    reason: &'static str,
    /// The code of what was taken.
    good: i64,
    /// The codes of what was too much.
    limits: &'static [i64],
}

impl Codes {
    fn judge(&self, status: u16, body: &str) -> Outcome {
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let code = self.members.iter().find_map(|member| number(&answer[*member]));
        match code {
            Some(code) if code == self.good && (200..300).contains(&status) => Outcome::Delivered,
            Some(code) => {
                let reason = answer[self.reason].as_str().unwrap_or_default();
                let error = format!("code {code}: {reason}");
                let is_limit = status == 429 || self.limits.contains(&code);
                if is_limit { Outcome::Limited(error) } else { Outcome::Refused(error) }
            }
            None if status == 429 => Outcome::Limited("HTTP 429".to_owned()),
            None => Outcome::Refused(format!("HTTP {status}, and no answer of this robot's")),
        }
    }
}

/// A code, which some write as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A POST of JSON.
fn post(url: &str, body: &Value) -> Request {
    Request {
        url: url.to_owned(),
        headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
        body: body.to_string(),
    }
}

fn hmac_sha256(key: &str, message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), message.as_bytes()).as_ref().to_vec()
}

/// Whole seconds since the Unix epoch.
const fn seconds(now: Moment) -> i64 {
    now.as_micros() / 1_000_000
}

/// As much of a text as goes into so many bytes.
fn within(text: &str, bytes: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub(MORE.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{MORE}", &text[..end])
}

/// A text with its link, in so many bytes: the link stays.
fn text_within(message: &Message, bytes: usize) -> String {
    let words = within(&format!("{}\n{}", message.title, message.body), bytes.saturating_sub(message.link.len() + 1));
    format!("{words}\n{}", message.link)
}

/// Text in Markdown that looks as it was written.
fn as_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\n\n"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' | '&' => escaped.extend(['\\', c]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
