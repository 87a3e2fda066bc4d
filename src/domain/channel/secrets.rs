//! What of a channel nobody is shown again: its address, and what signs or logs in. Kept apart from the history.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ChannelKind;

/// The longest address, and the longest secret, in characters.
const LONGEST: usize = 2_000;

/// The most that is kept of what a robot answered, in characters.
const MOST_OF_AN_ANSWER: usize = 300;

/// From how many characters on a part of an address is taken for secret, where it is looked for in an answer.
const SHORTEST_SECRET: usize = 4;

/// Parts of addresses that are the same for everybody.
const COMMON: [&str; 11] =
    ["api", "bot", "cgi-bin", "hook", "open-apis", "push", "robot", "send", "v1", "v2", "webhook"];

/// Parameters of addresses whose names are the same for everybody.
const COMMON_NAMES: [&str; 3] = ["access_token", "key", "token"];

/// What stands in the place of what is secret.
const MASK: &str = "…";

/// An address, and what goes with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// The whole address: `https://…`; of mail `smtps://HOST` or `smtp://HOST`.
    pub url: String,
    /// What signs, stands in the message, or logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Of mail: who logs in; the sender where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Of mail: the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of mail: to whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

/// Nothing of it reaches a log.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// Why an address, or what goes with it, cannot be used. It never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// No address of the web.
    #[error("url must be the whole address, such as https://example.com/path")]
    Url,
    /// No address of a mail server.
    #[error("url must be smtps://HOST or smtp://HOST, with :PORT where it is another one")]
    MailUrl,
    /// Mail that nobody sends, or nobody gets.
    #[error("mail needs from and to, addresses such as me@example.com")]
    MailAddress,
    /// Mail members where there is no mail.
    #[error("from, to and username are for mail alone")]
    NoMail,
    /// A secret that is none.
    #[error("secret must have 1 to 2000 characters, none of them a control character")]
    Secret,
    /// A webhook that nobody could tell from another's.
    #[error("a webhook needs a secret, with which its messages are signed")]
    Unsigned,
}

/// The parts of an address.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_plain =
            |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
        if url.len() > LONGEST || !rest.chars().all(is_plain) || rest.contains('#') {
            return None;
        }
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // Who logs in by the address would be shown with the host.
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        (!host.is_empty() && host.chars().all(is_host)).then_some(Self { scheme, host, path, query })
    }

    fn is_of(&self, schemes: &[&str]) -> bool {
        schemes.iter().any(|scheme| self.scheme.eq_ignore_ascii_case(scheme))
    }

    /// What of it may be secret.
    fn secret(&self) -> impl Iterator<Item = &'a str> {
        let segments = self.path.split('/').filter(|segment| !COMMON.contains(segment));
        let parameters = self.query.into_iter().flat_map(|query| query.split('&'));
        let values = parameters.map(|parameter| match parameter.split_once('=') {
            Some((name, value)) if COMMON_NAMES.contains(&name) => value,
            _ => parameter,
        });
        // ServerChan's key stands before that.
        let keys = self.path.split('/').filter_map(|segment| segment.strip_suffix(".send"));
        segments.chain(keys).chain(values).filter(|part| !part.is_empty())
    }
}

/// An address of the web that needs nothing besides.
impl FromStr for Secrets {
    type Err = SecretsError;

    fn from_str(url: &str) -> Result<Self, SecretsError> {
        let address = Self { url: url.to_owned(), secret: None, username: None, from: None, to: Vec::new() };
        address.check(ChannelKind::Wecom).map(|()| address)
    }
}

impl Secrets {
    /// Whether they are what a channel of that kind needs.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, kind: ChannelKind) -> Result<(), SecretsError> {
        let is_text =
            |text: &String| (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if self.secret.as_ref().is_some_and(|secret| !is_text(secret)) {
            return Err(SecretsError::Secret);
        }
        let parts = Parts::of(&self.url);
        if kind == ChannelKind::Mail {
            let is_server = |parts: &Parts| {
                parts.is_of(&["smtps", "smtp"]) && matches!(parts.path, "" | "/") && parts.query.is_none()
            };
            parts.filter(is_server).ok_or(SecretsError::MailUrl)?;
            let is_address = |text: &String| is_text(text) && text.contains('@') && !text.contains(char::is_whitespace);
            let is_mail = self.from.as_ref().is_some_and(is_address) && !self.to.is_empty() && self.to.len() <= 50;
            let is_user = self.username.as_ref().is_none_or(is_text);
            return if is_mail && is_user && self.to.iter().all(is_address) {
                Ok(())
            } else {
                Err(SecretsError::MailAddress)
            };
        }
        parts.filter(|parts| parts.is_of(&["https", "http"])).ok_or(SecretsError::Url)?;
        if self.from.is_some() || self.username.is_some() || !self.to.is_empty() {
            return Err(SecretsError::NoMail);
        }
        if kind == ChannelKind::Webhook && self.secret.is_none() { Err(SecretsError::Unsigned) } else { Ok(()) }
    }

    /// Where it leads, as far as that may be shown.
    pub fn masked(&self) -> String {
        let Some(Parts { scheme, host, path, query }) = Parts::of(&self.url) else { return MASK.to_owned() };
        let segment = |segment: &str| {
            if segment.is_empty() || COMMON.contains(&segment) { segment.to_owned() } else { MASK.to_owned() }
        };
        let path = path.split('/').map(segment).collect::<Vec<_>>().join("/");
        let parameter = |parameter: &str| match parameter.split_once('=') {
            Some((name, _)) if COMMON_NAMES.contains(&name) => format!("{name}={MASK}"),
            _ => MASK.to_owned(),
        };
        let query = query.map(|query| format!("?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&")));
        let mut shown = format!("{scheme}://{host}{path}{}", query.unwrap_or_default());
        if !self.to.is_empty() {
            shown = format!("{shown} → {}", self.to.iter().map(|to| masked_mail(to)).collect::<Vec<_>>().join(", "));
        }
        shown
    }

    /// What somebody answered, as it may be kept and shown: they may have repeated what they were sent.
    pub fn scrub(&self, answer: &str) -> String {
        let parts = Parts::of(&self.url);
        let mut secret: Vec<&str> = parts.iter().flat_map(Parts::secret).collect();
        secret.push(&self.url);
        secret.extend(self.secret.as_deref().into_iter().chain(self.username.as_deref()).chain(self.from.as_deref()));
        secret.extend(self.to.iter().map(String::as_str));
        // A longer one may hold a shorter one.
        secret.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
        let mut text = answer.to_owned();
        for part in secret.into_iter().filter(|part| part.len() >= SHORTEST_SECRET) {
            text = text.replace(part, MASK);
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_OF_AN_ANSWER).collect()
    }
}

/// An address of mail: who knows it recognizes it.
fn masked_mail(address: &str) -> String {
    let (name, host) = address.rsplit_once('@').unwrap_or((address, ""));
    format!("{}{MASK}@{host}", name.chars().next().map(String::from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Secrets {
        Secrets { url: url.to_owned(), secret: None, username: None, from: None, to: Vec::new() }
    }

    #[test]
    fn of_an_address_is_shown_what_everybody_knows() {
        for (url, shown) in [
            (
                "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a-91f6",
                "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
            ),
            (
                "https://oapi.dingtalk.com/robot/send?access_token=4f1",
                "https://oapi.dingtalk.com/robot/send?access_token=…",
            ),
            ("https://open.feishu.cn/open-apis/bot/v2/hook/f19-ab", "https://open.feishu.cn/open-apis/bot/v2/hook/…"),
            ("https://api.day.app/Sx9", "https://api.day.app/…"),
            ("https://www.pushplus.plus/send", "https://www.pushplus.plus/send"),
            ("https://sctapi.ftqq.com/SCT1.send", "https://sctapi.ftqq.com/…"),
            ("http://10.0.0.1:80/relay/?s3cret&a=b&token=x", "http://10.0.0.1:80/…/?…&…&token=…"),
            ("https://me:pass@example.com/", "…"),
        ] {
            assert_eq!(at(url).masked(), shown);
        }
        let to = vec!["owner@example.com".to_owned()];
        assert_eq!(
            Secrets { to, ..at("smtps://smtp.example.com") }.masked(),
            "smtps://smtp.example.com → o…@example.com"
        );
        assert_eq!(format!("{:?}", at("https://example.com/s3cret")), "Secrets(…)");
    }

    #[test]
    fn what_was_sent_does_not_come_back_in_an_answer() {
        let secrets =
            Secrets { secret: Some("SECabc".to_owned()), ..at("https://example.com/robot/send?access_token=t0ken") };
        let answer = "bad t0ken\u{7}, SECabc, https://example.com/robot/send?access_token=t0ken";
        assert_eq!(secrets.scrub(answer), "bad … , …, …");
        assert_eq!(at("https://sctapi.ftqq.com/SCT1x.send").scrub("bad key SCT1x, SCT1x.send"), "bad key …, …");
        assert_eq!(secrets.scrub(&"长".repeat(1_000)).chars().count(), MOST_OF_AN_ANSWER);
    }

    #[test]
    fn each_kind_needs_its_own() {
        use ChannelKind::{Mail, Webhook, Wecom};
        for url in [
            "",
            "example.com",
            "ftp://example.com/",
            "https://",
            "https:///x",
            "https://a b/",
            "https://u:p@h/",
            "https://h/#x",
        ] {
            assert_eq!(at(url).check(Wecom), Err(SecretsError::Url), "{url}");
        }
        assert_eq!(at("https://example.com/x").check(Wecom), Ok(()));
        assert_eq!(at("HTTPS://alert_relay:8080/x").check(Wecom), Ok(()));
        assert_eq!(at("https://example.com/x").check(Webhook), Err(SecretsError::Unsigned));
        let empty = Secrets { secret: Some(String::new()), ..at("https://example.com/x") };
        assert_eq!(empty.check(Wecom), Err(SecretsError::Secret));
        let mail = |url: &str, from: &str, to: &[&str]| {
            let to = to.iter().map(|to| (*to).to_owned()).collect();
            Secrets { from: Some(from.to_owned()), to, ..at(url) }
        };
        assert_eq!(mail("smtps://smtp.example.com:465", "a@b.c", &["d@e.f"]).check(Mail), Ok(()));
        assert_eq!(mail("smtps://smtp.example.com", "a@b.c", &[]).check(Mail), Err(SecretsError::MailAddress));
        assert_eq!(mail("smtps://smtp.example.com", "a", &["d@e.f"]).check(Mail), Err(SecretsError::MailAddress));
        assert_eq!(mail("https://smtp.example.com", "a@b.c", &["d@e.f"]).check(Mail), Err(SecretsError::MailUrl));
        assert_eq!(mail("https://example.com/x", "a@b.c", &["d@e.f"]).check(Wecom), Err(SecretsError::NoMail));
    }
}
