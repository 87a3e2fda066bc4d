//! What answers have in common: who may keep them, and what browsers are told.

use serde_json::json;

use crate::app::{ALICE, Answer, App, INTERNAL, PASSWORD, TOTAL, held};

const REVALIDATE: &str = "private, no-cache";
const FOREVER: &str = "public, max-age=31536000, immutable";

fn kept(answer: &Answer) -> &str {
    let headers: Vec<_> = answer.headers.get_all("cache-control").iter().collect();
    assert_eq!(headers.len(), 1, "{headers:?}");
    answer.header("cache-control")
}

#[tokio::test]
async fn who_may_keep_an_answer_is_said_of_each() {
    let app = App::start().await;
    let pushed = app.push(&ALICE, "alpha", json!([held("600000.SH", 100, 10.0)])).await;
    assert_eq!((pushed.status.as_u16(), kept(&pushed)), (200, "no-store"));
    for path in [TOTAL, "/api/v1/positions/all", "/api/v1/positions/strategy/alpha", "/api/v1/positions/total?as_of=1"]
    {
        let answer = app.get(path).await;
        assert_eq!((answer.status.as_u16(), kept(&answer)), (200, REVALIDATE), "{path}");
        let again = app.get_with(path, &[("if-none-match", answer.header("etag"))]).await;
        assert_eq!((again.status.as_u16(), kept(&again)), (304, REVALIDATE), "{path}");
    }
    for path in [
        "/",
        "/history",
        "/history.csv",
        "/strategies/alpha/positions.csv",
        "/login",
        "/keys",
        "/nowhere",
        "/static/nothing.css",
        "/api/v1/strategies",
        "/api/v1/revisions/1",
        "/api/v1/nope",
        "/api/v1/positions/total?strategy=nobody",
        "/healthz",
        "/readyz",
    ] {
        assert_eq!(kept(&app.get(path).await), "no-store", "{path}");
    }
    let page = String::from_utf8(app.get("/").await.bytes.to_vec()).unwrap();
    let assets: Vec<&str> = page.split('"').filter(|path| path.starts_with("/static/")).collect();
    assert_eq!(assets.len(), 5);
    for path in assets {
        assert_eq!(kept(&app.get(path).await), FOREVER, "{path}");
    }
}

#[tokio::test]
async fn programs_are_told_what_concerns_them_and_no_more() {
    for (app, transport) in [(App::start().await, ""), (App::start_with_tls().await, "max-age=31536000")] {
        let wrong = app.post(INTERNAL, &[("x-internal-password", PASSWORD)], "{}").await;
        assert_eq!(wrong.status, 400);
        for answer in [app.get(TOTAL).await, app.get("/api/v1/nope").await, app.get("/healthz").await, wrong] {
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("strict-transport-security"), transport);
            for name in ["content-security-policy", "referrer-policy", "cross-origin-opener-policy"] {
                assert_eq!(answer.header(name), "", "{name}");
            }
        }
        for path in ["/", "/nowhere", "/login", "/history.csv"] {
            assert_eq!(app.get(path).await.header("strict-transport-security"), transport, "{path}");
        }
    }
}

#[tokio::test]
async fn what_a_path_does_not_take_is_said_to_people_as_a_page() {
    let app = App::start().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = app.post("/history", &form, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (405, "text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    // A form that is none is refused as a page, too.
    let answer = app.post("/login", &[], "{}").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (415, "text/html; charset=utf-8"));
}
