//! The cookies: the session's and the language's.

use std::time::Duration;

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

const LANGUAGE: &str = "jq2qmt_language";

/// How long a browser remembers the language.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Under TLS the name itself makes browsers take the cookie from this host alone, and send it to no other.
const fn session_name(is_tls: bool) -> &'static str {
    if is_tls { "__Host-jq2qmt_session" } else { "jq2qmt_session" }
}

/// What the session's cookie holds.
pub(super) fn session(jar: &CookieJar, is_tls: bool) -> Option<&str> {
    jar.get(session_name(is_tls)).map(Cookie::value)
}

/// The session's cookie: scripts do not see it, and no request that another site begins carries it.
pub(super) fn session_cookie(value: String, is_tls: bool) -> Cookie<'static> {
    let cookie = Cookie::build((session_name(is_tls), value)).path("/").http_only(true);
    cookie.same_site(SameSite::Strict).secure(is_tls).build()
}

/// Whether somebody chose English; None when they chose nothing yet.
pub(super) fn is_english(jar: &CookieJar) -> Option<bool> {
    jar.get(LANGUAGE).map(|cookie| cookie.value() == "en")
}

/// The cookie that keeps the choice of a language.
pub(super) fn language_cookie(language: &'static str) -> Cookie<'static> {
    let cookie = Cookie::build((LANGUAGE, language)).path("/").same_site(SameSite::Lax);
    cookie.max_age(YEAR.try_into().unwrap_or_default()).build()
}
