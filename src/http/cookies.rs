//! The cookies: the session's, the language's, and how pages look.

use std::time::Duration;

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

const LANGUAGE: &str = "jq2qmt_language";
const ROWS: &str = "jq2qmt_rows";
const COLOURS: &str = "jq2qmt_colours";

/// How long a browser remembers a choice.
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
    choice_cookie(LANGUAGE, language)
}

/// Whether somebody chose roomy rows.
pub(super) fn is_roomy(jar: &CookieJar) -> bool {
    jar.get(ROWS).is_some_and(|cookie| cookie.value() == "roomy")
}

/// Whether somebody chose green for what rises, as outside of China.
pub(super) fn is_western(jar: &CookieJar) -> bool {
    jar.get(COLOURS).is_some_and(|cookie| cookie.value() == "west")
}

/// The cookie that keeps how high rows are.
pub(super) fn rows_cookie(is_roomy: bool) -> Cookie<'static> {
    choice_cookie(ROWS, if is_roomy { "roomy" } else { "dense" })
}

/// The cookie that keeps which colour rises.
pub(super) fn colours_cookie(is_western: bool) -> Cookie<'static> {
    choice_cookie(COLOURS, if is_western { "west" } else { "china" })
}

fn choice_cookie(name: &'static str, choice: &'static str) -> Cookie<'static> {
    let cookie = Cookie::build((name, choice)).path("/").same_site(SameSite::Lax);
    cookie.max_age(YEAR.try_into().unwrap_or_default()).build()
}
