//! The cookies: the session's, the language's, and how pages look.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use super::AppState;
use super::door::is_https;
use crate::auth::session::SessionSecret;

const LANGUAGE: &str = "jq2qmt_language";
const ROWS: &str = "jq2qmt_rows";
const COLOURS: &str = "jq2qmt_colours";

/// How long a browser remembers a choice.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// The session's cookie of a request, by the name that it has on the way by which the browser reaches the server. Over
/// HTTPS none is taken that went over a line without it.
pub(super) struct SessionCookie {
    jar: CookieJar,
    is_https: bool,
}

impl SessionCookie {
    pub(super) fn of(parts: &Parts, state: &AppState) -> Self {
        Self { jar: CookieJar::from_headers(&parts.headers), is_https: is_https(state, &parts.extensions) }
    }

    /// What it holds.
    pub(super) fn value(&self) -> Option<&str> {
        self.jar.get(session_name(self.is_https)).map(Cookie::value)
    }

    /// A session has begun.
    pub(super) fn begin(self, secret: &SessionSecret) -> CookieJar {
        let cookie = session_cookie(secret.reveal().to_owned(), self.is_https);
        self.without_plain().add(cookie)
    }

    /// The session has ended.
    pub(super) fn end(self) -> CookieJar {
        let cookie = session_cookie(String::new(), self.is_https);
        self.without_plain().remove(cookie)
    }

    /// What a browser that has come to HTTPS has still from before, it shall send over no line.
    fn without_plain(self) -> CookieJar {
        if self.is_https { self.jar.remove(session_cookie(String::new(), false)) } else { self.jar }
    }
}

impl FromRequestParts<AppState> for SessionCookie {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(parts, state))
    }
}

/// Under HTTPS the name itself makes browsers take the cookie from this host alone, and send it to no other.
const fn session_name(is_https: bool) -> &'static str {
    if is_https { "__Host-jq2qmt_session" } else { "jq2qmt_session" }
}

/// Scripts do not see it, and no request that another site begins carries it.
fn session_cookie(value: String, is_https: bool) -> Cookie<'static> {
    let cookie = Cookie::build((session_name(is_https), value)).path("/").http_only(true);
    cookie.same_site(SameSite::Strict).secure(is_https).build()
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
