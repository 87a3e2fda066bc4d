//! What every answer passes on its way out: an error is drawn for who asked, and the headers are set, in this one place.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use tracing::{Instrument as _, Span};

use super::App;
use super::door::{admit, caught, is_https, note_client};
use super::error::AppError;
use super::pages;

/// Nothing from elsewhere, nothing inline, no frame around us.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Who may keep an answer, and for how long. A handler puts it into its answer's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum CachePolicy {
    /// Nobody: it is about now, or about somebody.
    #[default]
    NoStore,
    /// The asker, who must ask us each time whether it still holds: an old total is a wrong trade.
    Revalidate,
    /// Everybody, for ever: another content has another name.
    Forever,
}

impl CachePolicy {
    /// The value of `Cache-Control`.
    const fn header(self) -> HeaderValue {
        match self {
            Self::NoStore => const { HeaderValue::from_static("no-store") },
            Self::Revalidate => const { HeaderValue::from_static("private, no-cache") },
            Self::Forever => const { HeaderValue::from_static("public, max-age=31536000, immutable") },
        }
    }
}

/// What stands around all else: overloads, time-outs and panics pass it like every other answer.
pub(super) async fn around(app: &App, mut request: Request) -> Response {
    note_client(&app.state, &mut request);
    let is_https = is_https(&app.state, request.extensions());
    let for_programs = is_for_programs(request.uri().path());
    // Polls are the many: nothing of their requests is cloned, and only what goes wrong with them has a name.
    let name = (!request.method().is_safe()).then(|| app.state.figures.name_request());
    let span = name.as_ref().map_or_else(Span::none, |name| tracing::info_span!("request", id = name));
    let name = || name.unwrap_or_else(|| app.state.figures.name_request());
    let mut response = if for_programs {
        let response = admit(app, request).instrument(span).await;
        for_program(response, name).await
    } else {
        // Boxed, so that who waits for an answer for programs does not hold the room that pages need.
        Box::pin(for_people(app, request, name).instrument(span)).await
    };
    let policy = response.extensions().get::<CachePolicy>().copied().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, policy.header());
    harden(headers, is_https);
    if !for_programs {
        harden_for_browsers(headers);
    }
    response
}

/// Whether errors at a path are JSON.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// An answer to a program; an error says the request's name.
async fn for_program(mut response: Response, name: impl FnOnce() -> String) -> Response {
    let Some(error) = response.extensions_mut().remove::<AppError>() else { return response };
    let name = name();
    let drawing = async {
        tell(&error, &name, response.status());
        *response.body_mut() = error.body(Some(&name));
        // The router has measured the body that was there before.
        response.headers_mut().remove(CONTENT_LENGTH);
        response
    };
    named(caught(drawing).await, &name)
}

async fn for_people(app: &App, request: Request, name: impl FnOnce() -> String) -> Response {
    let (parts, body) = request.into_parts();
    let asked = parts.clone();
    let mut response = admit(app, Request::from_parts(parts, body)).await;
    let Some(error) = response.extensions_mut().remove::<AppError>() else { return response };
    let name = name();
    let drawing = async {
        tell(&error, &name, response.status());
        pages::draw_error(&app.state, &asked, &error, &name, response).await
    };
    named(caught(drawing).await, &name)
}

fn named(mut response: Response, name: &str) -> Response {
    if let Ok(name) = HeaderValue::from_str(name) {
        response.headers_mut().insert(REQUEST_ID, name);
    }
    response
}

/// Says by which name an answer that is our fault is found in the log. Others are the asker's, or wanted, or too many.
fn tell(error: &AppError, request: &str, status: StatusCode) {
    let code = error.code();
    match error {
        AppError::Internal | AppError::Timeout | AppError::Unavailable(_) | AppError::OutcomeUnknown => {
            tracing::error!(request, status = status.as_u16(), code, "answered with an error");
        }
        _ => tracing::debug!(request, status = status.as_u16(), code, "answered with an error"),
    }
}

fn harden(headers: &mut HeaderMap, is_https: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, const { HeaderValue::from_static("max-age=31536000") });
    }
}

fn harden_for_browsers(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    headers.insert(REFERRER_POLICY, const { HeaderValue::from_static("same-origin") });
    headers.insert(OPENER_POLICY, const { HeaderValue::from_static("same-origin") });
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use axum::Extension;
    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use axum::routing::get;
    use http_body_util::BodyExt as _;

    use super::super::AppState;
    use super::super::error::{Fault, Invalid};
    use super::super::rooms::{Room, Routes};
    use super::*;
    use crate::auth::rights::{Gate, Reads};
    use crate::clock::{Clock, Zone};
    use crate::domain::moment::Moment;
    use crate::domain::position::Field;
    use crate::lifecycle::Health;
    use crate::net::Application as _;
    use crate::store::Store;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    async fn state(dir: &tempfile::TempDir, is_tls: bool) -> AppState {
        let clock = Clock::manual(Moment::from_micros(0));
        let age = Duration::from_mins(5);
        let (store, writer) = Store::open(&dir.path().join("jq2qmt.db"), clock.clone(), age).await.unwrap();
        std::thread::spawn(|| writer.run());
        let gate = Gate::new(dir.path(), Reads::Open, age, clock.clone(), store.clone()).unwrap();
        AppState::new(store, gate, clock, Zone::named("Asia/Shanghai").unwrap(), is_tls, Health::default())
    }

    /// Handlers that fail, each as a page and as an endpoint.
    fn failing(state: AppState) -> App {
        async fn panics() {
            panic!("as it must")
        }
        let panicking = ["/page/panic", "/api/v1/x/panic"];
        let routes =
            panicking.into_iter().fold(Routes::of(Room::Polls), |routes, path| routes.route(path, get(panics)));
        let sleeping = ["/page/sleep", "/api/v1/x/sleep"];
        let sleep = || get(std::future::pending::<()>);
        let routes = sleeping.into_iter().fold(routes, |routes, path| routes.route(path, sleep()));
        let unspeakable = ["/page/unspeakable", "/api/v1/x/unspeakable"];
        App::over(
            unspeakable.into_iter().fold(routes, |routes, path| routes.route(path, get(self::unspeakable))),
            state,
        )
    }

    /// An error that names a day which no calendar reaches: saying it panics.
    async fn unspeakable() -> (StatusCode, Extension<AppError>) {
        let fault = Fault::Past(serde_json::from_str(&i64::MAX.to_string()).unwrap());
        let error = Invalid::Position { index: 0, field: Field::Until, fault };
        (StatusCode::BAD_REQUEST, Extension(error.into()))
    }

    async fn ask(app: &App, path: &str, cookie: &str) -> (u16, HeaderMap, String) {
        let request =
            Request::get(path).header("cookie", cookie).extension(ConnectInfo(SocketAddr::from((PEER, 40_000))));
        let response = app.answer(request.body(Body::empty()).unwrap()).await;
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (parts.status.as_u16(), parts.headers, text)
    }

    /// Asks for a page and for an endpoint that fail alike, and holds each against what it must look like.
    async fn check(app: &App, failure: &str, status: u16, code: &str, is_tls: bool) {
        let transport = if is_tls { Some("max-age=31536000") } else { None };
        let header =
            |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());

        let (answered, headers, text) = ask(app, &format!("/page/{failure}"), "").await;
        assert_eq!((answered, header(&headers, "content-type").as_deref()), (status, Some("text/html; charset=utf-8")));
        assert!(text.contains("<html") && text.contains(&format!("<code>{code}</code>")), "{text}");
        assert_eq!(header(&headers, "content-security-policy").as_deref(), CONTENT_POLICY.to_str().ok());
        assert_eq!(header(&headers, "cross-origin-opener-policy").as_deref(), Some("same-origin"));
        assert_eq!(header(&headers, "referrer-policy").as_deref(), Some("same-origin"));

        let (answered, json, text) = ask(app, &format!("/api/v1/x/{failure}"), "").await;
        assert_eq!((answered, header(&json, "content-type").as_deref()), (status, Some("application/json")));
        assert!(text.contains(&format!("\"code\":\"{code}\"")), "{text}");
        assert_eq!(header(&json, "content-security-policy"), None);

        for headers in [headers, json] {
            assert_eq!(header(&headers, "x-content-type-options").as_deref(), Some("nosniff"));
            assert_eq!(header(&headers, "cache-control").as_deref(), Some("no-store"));
            assert_eq!(header(&headers, "strict-transport-security").as_deref(), transport);
        }
    }

    #[tokio::test]
    async fn a_failure_is_a_page_for_people_and_json_for_programs() {
        let dir = tempfile::tempdir().unwrap();
        for is_tls in [false, true] {
            let state = state(&dir, is_tls).await;
            let app = failing(state.clone());
            check(&app, "panic", 500, "internal_error", is_tls).await;
            check(&app, "nowhere", 404, "not_found", is_tls).await;
            // Whoever draws these must not need the database: there is none any more.
            state.store.clone().close().await;
            tokio::time::pause();
            check(&app, "sleep", 503, "timeout", is_tls).await;
            let _places: Vec<_> = std::iter::from_fn(|| state.capacity.place(Room::Polls, PEER)).collect();
            check(&app, "panic", 503, "overloaded", is_tls).await;
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn an_error_that_cannot_be_drawn_is_answered_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let app = failing(state(&dir, false).await);
        for path in ["/page/unspeakable", "/api/v1/x/unspeakable"] {
            let (status, headers, text) = ask(&app, path, "").await;
            assert_eq!((status, headers["content-type"].to_str().unwrap()), (500, "application/json"), "{path}");
            assert!(text.contains("\"code\":\"internal_error\"") && headers.contains_key("x-request-id"), "{text}");
            assert_eq!(headers["cache-control"], "no-store");
        }
    }

    #[tokio::test]
    async fn who_asked_is_looked_up_for_their_mistakes_and_not_for_ours() {
        let dir = tempfile::tempdir().unwrap();
        let state = state(&dir, false).await;
        let cookie = format!("jq2qmt_session={}", state.gate.open_session().await.unwrap().reveal());
        let app = failing(state);
        for (path, is_member) in [("/page/nowhere", true), ("/page/panic", false)] {
            let (_, _, page) = ask(&app, path, &cookie).await;
            assert_eq!(page.contains("action=\"/logout\""), is_member, "{path}");
        }
    }

    #[test]
    fn each_policy_has_its_header() {
        for (policy, header) in [
            (CachePolicy::NoStore, "no-store"),
            (CachePolicy::Revalidate, "private, no-cache"),
            (CachePolicy::Forever, "public, max-age=31536000, immutable"),
        ] {
            assert_eq!(policy.header(), header);
        }
        assert_eq!(CachePolicy::default(), CachePolicy::NoStore, "what nobody thought of is not kept");
    }
}
