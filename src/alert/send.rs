//! The way there: HTTP and SMTP, each with an end to its patience.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::SmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use super::robots::{self, Outcome};
use super::words::Message;
use crate::domain::channel::{ChannelKind, Secrets};
use crate::domain::moment::Moment;
use crate::net::client;

/// How long a message may take in all.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest answer that is read: bytes.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Who asks other servers. They are strangers: neither a slow answer nor an endless one is waited for.
pub(super) fn agent() -> ureq::Agent {
    client(PATIENCE).build().into()
}

/// Sends a message, and waits for what becomes of it. What it says of an error holds nothing secret.
pub(super) fn send(kind: ChannelKind, secrets: &Secrets, message: &Message, now: Moment) -> Outcome {
    let outcome = if kind == ChannelKind::Mail {
        mail(secrets, message).map_or_else(Outcome::Refused, |()| Outcome::Delivered)
    } else {
        post(kind, secrets, message, now).unwrap_or_else(|error| Outcome::Refused(error.to_string()))
    };
    match outcome {
        Outcome::Delivered => Outcome::Delivered,
        Outcome::Limited(error) => Outcome::Limited(secrets.scrub(&error)),
        Outcome::Refused(error) => Outcome::Refused(secrets.scrub(&error)),
    }
}

fn post(kind: ChannelKind, secrets: &Secrets, message: &Message, now: Moment) -> Result<Outcome, ureq::Error> {
    let request = robots::request(kind, message, secrets, now);
    let mut post = agent().post(&request.url);
    for (name, value) in &request.headers {
        post = post.header(*name, value);
    }
    let mut answer = post.send(&request.body)?;
    let status = answer.status().as_u16();
    if kind == ChannelKind::Webhook {
        return Ok(robots::judge(kind, status, ""));
    }
    let body = answer.body_mut().with_config().limit(LONGEST_ANSWER).lossy_utf8(true).read_to_string()?;
    Ok(robots::judge(kind, status, &body))
}

fn mail(secrets: &Secrets, message: &Message) -> Result<(), String> {
    let mailbox = |address: &str| address.parse::<Mailbox>().map_err(|error| error.to_string());
    let from = secrets.from.as_deref().unwrap_or_default();
    let mail = lettre::Message::builder().from(mailbox(from)?).subject(&message.title);
    // Without it nothing says that the text is UTF-8.
    let mut mail = mail.header(ContentType::TEXT_PLAIN);
    for to in &secrets.to {
        mail = mail.to(mailbox(to)?);
    }
    let mail = mail.body(format!("{}\n\n{}\n", message.body, message.link)).map_err(|error| error.to_string())?;
    let transport = transport(secrets).map_err(|error| error.to_string())?;
    transport.send(&mail).map(|_| ()).map_err(|error| error.to_string())
}

/// The way to a mail server: TLS from the first byte, or from STARTTLS on. Only on this machine without.
fn transport(secrets: &Secrets) -> Result<SmtpTransport, lettre::transport::smtp::Error> {
    let (scheme, server) = secrets.url.split_once("://").unwrap_or(("smtps", &secrets.url));
    let server = server.trim_end_matches('/');
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => (host, port.parse().ok()),
        _ => (server, None),
    };
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let scheme = scheme.to_ascii_lowercase();
    let tls = match scheme.as_str() {
        "smtp" if is_here => Tls::None,
        "smtp" => Tls::Required(TlsParameters::new_rustls(host.to_owned())?),
        _ => Tls::Wrapper(TlsParameters::new_rustls(host.to_owned())?),
    };
    let usual = if scheme == "smtp" { 587 } else { 465 };
    let builder = SmtpTransport::builder_dangerous(host).port(port.unwrap_or(usual)).tls(tls).timeout(Some(PATIENCE));
    let user = secrets.username.clone().or_else(|| secrets.from.clone()).unwrap_or_default();
    let credentials = secrets.secret.clone().map(|password| Credentials::new(user, password));
    Ok(credentials.into_iter().fold(builder, SmtpTransportBuilder::credentials).build())
}
