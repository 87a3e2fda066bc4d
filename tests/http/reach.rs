//! Under which names the server answers, and what proxies say.

use jq2qmt::auth::reach::Reach;
use serde_json::json;

use crate::app::{ALICE, App, INTERNAL, PASSWORD, TOTAL, UPDATE};
use crate::pages::Browser;

const BODY: &str = r#"{"strategy_name":"alpha","positions":[]}"#;

fn named(name: &str) -> Reach {
    Reach { public_host: Some(name.parse().unwrap()), ..Reach::default() }
}

#[tokio::test]
async fn a_page_whose_name_was_made_to_lead_here_reads_nothing() {
    let app = App::start_reached(Reach { by_known_names: true, ..named("qmt.example.com") }).await;
    for host in ["127.0.0.1:5366", "localhost:5366", "[::1]:5366", "QMT.example.com"] {
        app.get_with(TOTAL, &[("host", host)]).await.ok();
    }
    for path in [TOTAL, "/api/v1/positions/all", "/api/v1/events", "/healthz", "/api/v1/nowhere"] {
        let refused = app.get_with(path, &[("host", "evil.example:5366")]).await;
        assert!(refused.json()["message"].as_str().unwrap().contains("--public-host NAME"));
        assert_eq!(refused.refusal(), (403, "unknown_host".to_owned()), "{path}");
    }
    // People get a page that says what to do, in their language.
    let page = app.get_with("/", &[("host", "evil.example")]).await;
    let text = String::from_utf8(page.bytes.to_vec()).unwrap();
    assert!(page.status == 403 && text.contains("<html") && text.contains("--public-host"), "{text}");
    // Nothing is done for such a page either.
    let answer = app.post(INTERNAL, &[("host", "evil.example"), ("x-internal-password", PASSWORD)], BODY).await;
    assert_eq!((answer.status.as_u16(), app.store.book().len()), (403, 0));
}

#[tokio::test]
async fn through_a_proxy_that_nobody_spoke_of_nothing_is_answered() {
    let app = App::start_reached(Reach { for_this_machine: true, ..Reach::default() }).await;
    app.get(TOTAL).await.ok();
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"] {
        let refused = app.get_with(TOTAL, &[(header, "192.0.2.1")]).await;
        assert!(refused.json()["message"].as_str().unwrap().contains("--reads key"));
        assert_eq!(refused.refusal(), (403, "reads_unsaid".to_owned()), "{header}");
    }
}

/// Guesses once for somebody behind the proxy.
async fn guess(app: &App, forwarded: &str) -> u16 {
    let headers = [("x-internal-password", "wrong"), ("x-forwarded-for", forwarded)];
    app.post(INTERNAL, &headers, BODY).await.status.as_u16()
}

#[tokio::test]
async fn behind_a_proxy_that_is_believed_each_client_is_itself() {
    // The tests' peer is 192.0.2.7.
    let believed = Reach { proxies: vec!["192.0.2.0/24".parse().unwrap()], ..Reach::default() };
    let app = App::start_reached(believed).await;
    for _ in 0..5 {
        assert_eq!(guess(&app, "198.51.100.1").await, 401);
    }
    // What a client claims to have come by before the proxy is its own invention.
    assert_eq!(guess(&app, "203.0.113.5, 198.51.100.1").await, 429);
    assert_eq!(guess(&app, "198.51.100.2").await, 401);
    let headers = [("x-internal-password", PASSWORD), ("x-forwarded-for", "198.51.100.3")];
    app.post(INTERNAL, &headers, BODY).await.ok();
    let history = app.get("/api/v1/strategies/alpha/revisions").await.ok();
    assert!(history.to_string().contains("198.51.100.3"), "{history}");

    let app = App::start().await;
    for client in 1..=5 {
        assert_eq!(guess(&app, &format!("198.51.100.{client}")).await, 401);
    }
    assert_eq!(guess(&app, "198.51.100.6").await, 429, "a proxy that nobody spoke of is the client");
}

#[tokio::test]
async fn https_at_a_proxy_that_is_believed_counts_as_our_own() {
    let believed = Reach { proxies: vec!["192.0.2.7".parse().unwrap()], ..Reach::default() };
    let app = App::start_reached(believed).await;
    let transport = async |said: &str| {
        let answer = app.get_with(TOTAL, &[("x-forwarded-proto", said)]).await;
        answer.header("strict-transport-security").to_owned()
    };
    assert_eq!((transport("https").await.as_str(), transport("http").await.as_str()), ("max-age=31536000", ""));
    // Somebody comes by HTTP first. What went over the line in plain is no session by HTTPS.
    let mut browser = Browser::operator(&app).await;
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["jq2qmt_session"]);
    let before = browser.cookies["jq2qmt_session"].clone();
    browser.proto = Some("https");
    browser.origin = Some("https://server:5366");
    assert_eq!(browser.get("/keys").await.status, 303);
    let answer = browser.post("/login", &[("password", PASSWORD)]).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["__Host-jq2qmt_session"], "the plain one is taken back");
    browser.page("/keys").await;
    // By HTTP again nobody is logged in, also with the value of the other cookie.
    let secret = browser.cookies["__Host-jq2qmt_session"].clone();
    let mut plain = Browser::new(&app);
    plain.cookies.insert("__Host-jq2qmt_session".to_owned(), secret);
    assert_eq!(plain.get("/keys").await.status, 303);
    // Under both names each counts on its own way alone.
    browser.cookies.insert("jq2qmt_session".to_owned(), before);
    assert_eq!(browser.submit("/keys", "/logout", &[]).await.status, 303);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);

    for (app, by) in [(App::start().await, "nobody spoke of it"), (reached_by("10.0.0.1").await, "another one")] {
        let mut browser = Browser { proto: Some("https"), ..Browser::new(&app) };
        let answer = browser.post("/login", &[("password", PASSWORD)]).await;
        assert_eq!(answer.header("strict-transport-security"), "", "{by}");
        assert!(!answer.header("set-cookie").contains("Secure"), "{by}");
        assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["jq2qmt_session"], "{by}");
    }
}

async fn reached_by(proxy: &str) -> App {
    App::start_reached(Reach { proxies: vec![proxy.parse().unwrap()], ..Reach::default() }).await
}

#[tokio::test]
async fn a_token_may_name_the_server_that_it_is_for() {
    let push = async |app: &App, audience: &str| {
        let seconds = app.clock.now().as_micros() / 1_000_000;
        let data = format!(r#"{{"audience": {audience}, "client_id": "alice", "timestamp": {seconds}}}"#);
        app.post(UPDATE, &[("x-auth-token", &ALICE.token_over(&data, 32))], BODY).await
    };
    let app = App::start_reached(named("qmt.example.com")).await;
    push(&app, r#""QMT.example.com""#).await.ok();
    push(&app, "null").await.ok();
    app.push(&ALICE, "alpha", json!([])).await.ok();
    for other in [r#""other.example.com""#, r#""""#, r#""127.0.0.1""#] {
        let refused = push(&app, other).await;
        assert!(refused.json()["message"].as_str().unwrap().contains("audience"), "{other}");
        assert_eq!(refused.refusal(), (401, "token_mismatch".to_owned()), "{other}");
    }
    assert_eq!(push(&app, "7").await.refusal(), (401, "malformed_token".to_owned()));
    // Without a name of its own a server cannot tell.
    push(&App::start().await, r#""other.example.com""#).await.ok();
}
