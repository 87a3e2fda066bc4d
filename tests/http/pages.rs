//! The pages below the browser: sessions, forms, headers, what a page without JavaScript says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::ConnectInfo;
use axum::http::Request;
use futures::StreamExt as _;
use jq2qmt::auth::rights::Reads;
use jq2qmt::net::Application as _;
use serde_json::json;

use crate::app::{ALICE, Answer, App, PASSWORD, START, held};

/// Somebody with a browser: cookies are kept, forms are filled in.
pub(crate) struct Browser<'a> {
    pub(crate) app: &'a App,
    pub(crate) cookies: BTreeMap<String, String>,
    /// What it says of the page that sends a form.
    pub(crate) origin: Option<&'static str>,
    /// How a proxy says that it came.
    pub(crate) proto: Option<&'static str>,
    pub(crate) address: [u8; 4],
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app, cookies: BTreeMap::new(), origin: Some("http://server:5366"), proto: None, address: [192, 0, 2, 7] }
    }

    pub(crate) async fn operator(app: &'a App) -> Self {
        let mut browser = Self::new(app);
        let answer = browser.post("/login", &[("password", PASSWORD)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
        browser
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.proto.into_iter().fold(request, |request, proto| request.header("x-forwarded-proto", proto));
        let request = request.header("cookie", cookies.join("; ")).body(body).unwrap();
        let answer = self.app.send_from(self.address, request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    /// The text of a page.
    pub(crate) async fn page(&mut self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        text(&answer)
    }

    /// A form sent as it is.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("host", "server:5366");
        let request = self.origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        self.send(request, body.into()).await
    }

    /// A form of a page: with what the page hides in it.
    pub(crate) async fn submit(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page(page).await;
        self.submit_from(&page, path, fields).await
    }

    pub(crate) async fn submit_from(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let hidden = hidden_fields(page, path);
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
        self.post(path, &all).await
    }
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.bytes.to_vec()).unwrap()
}

fn unescape(text: &str) -> String {
    let letters = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    letters.iter().fold(text.to_owned(), |text, (escaped, letter)| text.replace(escaped, letter))
}

/// The hidden fields of the form that is sent to a path.
pub(crate) fn hidden_fields(page: &str, path: &str) -> Vec<(String, String)> {
    let (_, form) =
        page.split_once(&format!("method=\"post\" action=\"{path}\"")).unwrap_or_else(|| panic!("no form for {path}"));
    let form = form.split("</form>").next().unwrap();
    let hidden = form.split("<input type=\"hidden\" name=\"").skip(1);
    hidden
        .map(|input| {
            let (name, rest) = input.split_once('"').unwrap();
            let value = rest.strip_prefix(" value=\"").unwrap().split('"').next().unwrap();
            (name.to_owned(), unescape(value))
        })
        .collect()
}

#[tokio::test]
async fn every_page_tells_the_browser_what_it_may_not_do() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    for path in ["/", "/holds", "/accounts", "/guards", "/adjustment", "/history", "/keys", "/password", "/nowhere"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("strict-transport-security"), "", "plain HTTP promises nothing");
        let page = text(&answer);
        assert!(!page.contains(" style=") && !page.contains(" onclick") && !page.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn style_and_script_are_named_by_what_is_in_them() {
    let app = App::start().await;
    let page = Browser::new(&app).page("/").await;
    for kind in ["css", "js", "svg"] {
        let path = page.split('"').find(|path| path.starts_with("/static/") && path.ends_with(kind)).unwrap();
        let answer = app.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control").contains("immutable")),
            (200, true),
            "{path}"
        );
    }
    assert_eq!(app.get("/static/style.css").await.status, 404);
}

#[tokio::test]
async fn viewing_is_open_where_reads_are_and_changing_never() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("600000.SH", 100, 10.0)])).await.ok();
    let mut stranger = Browser::new(&app);
    for path in ["/", "/holds", "/accounts", "/guards", "/strategies/alpha", "/adjustment", "/history"] {
        assert!(!stranger.page(path).await.contains("name=\"form_token\" value=\"\""), "{path}");
    }
    for path in ["/keys", "/password", "/strategies/alpha/delete", "/strategies/alpha/restore?to=1"] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with("/login?next=%2F"), "{path}");
    }
    assert_eq!(stranger.post("/adjustment", &[("action", "save")]).await.status, 401);
}

#[tokio::test]
async fn where_reads_need_a_key_every_page_needs_a_login() {
    let app = App::start_with(Reads::Key).await;
    let mut stranger = Browser::new(&app);
    for path in
        ["/", "/holds", "/accounts", "/guards", "/strategies/alpha", "/adjustment", "/history", "/search?q=alpha"]
    {
        assert_eq!(stranger.get(path).await.header("location").split('?').next(), Some("/login"), "{path}");
    }
    assert!(!stranger.page("/login").await.contains("data-revision"), "nor is it told how much there is");
    let mut operator = Browser::operator(&app).await;
    operator.page("/").await;
    // The session reads the API as well: pages listen to events.
    assert_eq!(operator.get("/api/v1/positions/total").await.status, 200);
    assert_eq!(stranger.get("/api/v1/positions/total").await.status, 401);
}

#[tokio::test]
async fn a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let app = App::start().await;
    let answer = Browser::new(&app).post("/login", &[("password", PASSWORD), ("next", "/history")]).await;
    assert_eq!(answer.header("location"), "/history");
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(pair.starts_with("jq2qmt_session="), "{pair}");
    assert_eq!(sorted(attributes), ["HttpOnly", "Path=/", "SameSite=Strict"]);
}

fn sorted(attributes: &str) -> Vec<&str> {
    attributes.split("; ").collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn under_tls_the_session_is_a_cookie_of_this_host_alone() {
    let app = App::start_with_tls().await;
    let answer = Browser::new(&app).post("/login", &[("password", PASSWORD)]).await;
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-jq2qmt_session="), "{pair}");
    assert_eq!(sorted(attributes), ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);

    let mut browser = Browser::operator(&app).await;
    browser.page("/keys").await;
    // Who can set a cookie for this host without TLS has not the name that counts.
    let secret = browser.cookies["__Host-jq2qmt_session"].clone();
    let mut other = Browser::new(&app);
    other.cookies.insert("jq2qmt_session".to_owned(), secret);
    assert_eq!(other.get("/keys").await.status, 303);
    // A browser keeps a cookie whose removal lacks what its name promises.
    let gone = browser.submit("/", "/logout", &[]).await;
    let (pair, attributes) = gone.header("set-cookie").split_once("; ").unwrap();
    assert_eq!(pair, "__Host-jq2qmt_session=");
    for promised in ["Secure", "Path=/", "Max-Age=0"] {
        assert!(sorted(attributes).contains(&promised), "{attributes}");
    }
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn a_login_leads_nowhere_else() {
    let app = App::start().await;
    // Browsers take tabs and line ends out of an address before they read it.
    for next in [
        "https://example.com/",
        "//example.com",
        "/\\example.com",
        "javascript:alert(1)",
        "/\r\nx: y",
        "/\t/example.com",
        "/\n/example.com",
        "/\u{0}/example.com",
        "/\u{7f}/example.com",
        "/ /example.com",
        "",
    ] {
        let answer = Browser::new(&app).post("/login", &[("password", PASSWORD), ("next", next)]).await;
        assert_eq!(answer.header("location"), "/", "{next:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_five_lock_out() {
    let app = App::start().await;
    let mut browser = Browser::new(&app);
    for _ in 0..5 {
        let answer = browser.post("/login", &[("password", "wrong")]).await;
        assert_eq!(answer.status, 401);
        assert!(text(&answer).contains("密码验证失败"));
    }
    let answer = browser.post("/login", &[("password", PASSWORD)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "60"));
    assert!(text(&answer).contains("请在 60 秒后重试"));
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(browser.post("/login", &[("password", PASSWORD)]).await.status, 303);
}

#[tokio::test]
async fn a_session_ends_when_idle_at_last_and_on_logout() {
    let app = App::start().await;
    let logged_in = async |browser: &mut Browser| browser.get("/keys").await.status == 200;
    let mut idle = Browser::operator(&app).await;
    app.clock.advance(Duration::from_hours(11));
    assert!(logged_in(&mut idle).await);
    app.store.probe().await.unwrap();
    app.clock.advance(Duration::from_hours(11));
    assert!(logged_in(&mut idle).await, "it was used in between");
    app.store.probe().await.unwrap();
    app.clock.advance(Duration::from_hours(12));
    assert!(!logged_in(&mut idle).await);

    let mut busy = Browser::operator(&app).await;
    for _ in 0..16 {
        app.clock.advance(Duration::from_hours(10));
        assert!(logged_in(&mut busy).await);
        app.store.probe().await.unwrap();
    }
    app.clock.advance(Duration::from_hours(10));
    assert!(!logged_in(&mut busy).await, "seven days are the most");

    let mut leaving = Browser::operator(&app).await;
    let cookie = leaving.cookies.clone();
    assert_eq!(leaving.submit("/", "/logout", &[]).await.status, 303);
    assert!(leaving.cookies.is_empty());
    leaving.cookies = cookie;
    assert!(!logged_in(&mut leaving).await, "the cookie alone is worth nothing any more");
}

#[tokio::test]
async fn a_session_of_a_clock_that_ran_ahead_ends_once_it_is_right_again() {
    let app = App::start().await;
    let logged_in = async |browser: &mut Browser| browser.get("/keys").await.status == 200;
    for hours in [8, 80 * 365 * 24] {
        app.clock.set(START);
        let mut used = Browser::operator(&app).await;
        app.clock.set(START.plus(Duration::from_hours(7)));
        assert!(logged_in(&mut used).await);
        app.store.probe().await.unwrap();
        app.clock.set(START.plus(Duration::from_hours(hours)));
        let mut begun = Browser::operator(&app).await;
        // Clocks are put right by a little all the time.
        app.clock.set(START.plus(Duration::from_hours(hours)).minus(Duration::from_mins(1)));
        assert!(logged_in(&mut begun).await);
        app.clock.set(START);
        assert!(!logged_in(&mut begun).await, "begun {hours} hours ahead");
        assert!(!logged_in(&mut used).await, "used ahead");
        assert!(logged_in(&mut Browser::operator(&app).await).await);
    }
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_not_a_new_password() {
    let mut app = App::start().await;
    let cookies = Browser::operator(&app).await.cookies;
    app.restart().await;
    let mut browser = Browser { cookies, ..Browser::new(&app) };
    browser.page("/keys").await;
    let body = json!({"new_password": "another-long-password"}).to_string();
    app.post("/api/v1/internal/password/set", &[("x-internal-password", PASSWORD)], body).await.ok();
    assert_eq!(browser.get("/keys").await.status, 303);
}

#[tokio::test]
async fn a_form_that_no_page_of_the_session_made_is_refused() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let other = Browser::operator(&app).await.page("/keys").await;
    let (_, foreign) = hidden_fields(&other, "/keys/create").remove(0);
    for token in ["", "0", &foreign] {
        let answer = browser.post("/keys/create", &[("form_token", token), ("name", "x"), ("scope", "read")]).await;
        assert_eq!(answer.status, 403, "{token}");
        assert!(text(&answer).contains("表单已失效"));
    }
    assert!(browser.page("/keys").await.contains("还没有密钥"));
    // Browsers say where a form comes from.
    let page = browser.page("/keys").await;
    let token = &hidden_fields(&page, "/keys/create")[0].1;
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200)] {
        let request = Request::post("/keys/create").header("sec-fetch-site", site);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = format!("form_token={token}&name={status}&scope=read");
        assert_eq!(browser.send(request, body.into()).await.status.as_u16(), status, "{site}");
    }
}

#[tokio::test]
async fn what_was_typed_survives_a_session_that_ends() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/adjustment").await;
    app.clock.advance(Duration::from_hours(13));
    let typed = [("code", "600000"), ("name", "浦发 & <b>"), ("volume", "-100"), ("cost", "9.5"), ("remark", "a=b")];
    let typed: Vec<_> = typed.into_iter().chain([("action", "preview")]).collect();
    let answer = browser.submit_from(&page, "/adjustment", &typed).await;
    assert_eq!(answer.status, 401);
    let login = text(&answer);
    assert!(login.contains("登录已过期") && !login.contains("<b>"));
    // A wrong password loses nothing either.
    let answer = browser.submit_from(&login, "/login", &[("password", "wrong")]).await;
    let back = browser.submit_from(&text(&answer), "/login", &[("password", PASSWORD)]).await;
    assert_eq!(back.status, 200);
    let preview = text(&back);
    for value in ["600000", "浦发 &#38; &#60;b&#62;", "-100", "9.5", "a=b", "保存前后对比", "请核对"] {
        assert!(preview.contains(value), "{value}");
    }
    // From there it goes on as from any preview.
    let saved = browser.submit_from(&preview, "/adjustment", &rows_of_preview(&typed)).await;
    assert_eq!(saved.status, 303, "{}", text(&saved));
    assert_eq!(app.total("").await["positions"][0]["total_volume"], -100);
}

/// What was typed, to be saved.
fn rows_of_preview<'a>(typed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let rows = typed.iter().copied().filter(|(name, _)| *name != "action");
    rows.chain([("action", "save")]).collect()
}

#[tokio::test]
async fn what_was_to_be_saved_after_the_session_is_shown_first_and_not_saved() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/adjustment").await;
    let list = [["600000.SH", "-100", "9.5"]];
    let seen = text(&preview(&mut browser, "/adjustment", &list).await);
    app.clock.advance(Duration::from_hours(13));
    let fields: Vec<_> = rows(&list).into_iter().chain([("action", "save")]).collect();
    for (from, faulty) in [(&seen, false), (&page, true)] {
        let mut fields = fields.clone();
        if faulty {
            fields[2].1 = "many";
        }
        let login = browser.submit_from(from, "/adjustment", &fields).await;
        let back = browser.submit_from(&text(&login), "/login", &[("password", PASSWORD)]).await;
        assert_eq!(back.status, if faulty { 422 } else { 200 });
        assert_eq!(text(&back).contains("保存前后对比"), !faulty);
        assert!(app.store.book().is_empty(), "nothing is saved before it was seen");
        browser.cookies.clear();
    }
}

#[tokio::test]
async fn every_form_that_is_kept_comes_back_to_be_looked_at() {
    let app = App::start().await;
    app.push(&ALICE, "双/均", json!([held("600000.SH", 100, 10.0)])).await.ok();
    app.push(&ALICE, "双/均", json!([held("600000.SH", 900, 10.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let path = "/strategies/%E5%8F%8C%2F%E5%9D%87";
    let (restore, delete) = (format!("{path}/restore"), format!("{path}/delete"));
    for (asked, action, shown) in
        [(format!("{restore}?to=1"), restore, "900 → 100"), (delete.clone(), delete, "900 → 0")]
    {
        let page = browser.page(&asked).await;
        browser.cookies.clear();
        let login = text(&browser.submit_from(&page, &action, &[]).await);
        let back = browser.submit_from(&login, "/login", &[("password", PASSWORD)]).await;
        assert!(back.status == 200 && text(&back).contains(shown) && text(&back).contains("请核对"), "{}", text(&back));
        assert_eq!(app.total("").await["positions"][0]["total_volume"], 900);
        // What was confirmed was another list.
        browser.cookies.clear();
        app.push(&ALICE, "双/均", json!([held("600000.SH", 950, 10.0)])).await.ok();
        let back = browser.submit_from(&login, "/login", &[("password", PASSWORD)]).await;
        assert!(back.status == 409 && text(&back).contains("950 → "), "{}", text(&back));
        app.push(&ALICE, "双/均", json!([held("600000.SH", 900, 10.0)])).await.ok();
    }
    let page = browser.page("/keys").await;
    browser.cookies.clear();
    let wish = [("name", "qmt"), ("scope", "write"), ("patterns", "beta-*")];
    let login = text(&browser.submit_from(&page, "/keys/create", &wish).await);
    let back = text(&browser.submit_from(&login, "/login", &[("password", PASSWORD)]).await);
    assert!(back.contains("value=\"qmt\"") && back.contains("beta-*") && !back.contains("class=\"secret\""), "{back}");
    // What has nothing to look at, or holds a password, is not kept; one is back where it was.
    for (page, action) in [("/password", "/password"), ("/keys", "/keys/revoke"), ("/", "/logout")] {
        let body = browser.page(page).await;
        browser.cookies.clear();
        let fields = [("name", "x"), ("current", "secret-one"), ("new", "secret-two"), ("again", "secret-two")];
        let token = body.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let sent: Vec<_> = fields.into_iter().chain([("form_token", token.as_str())]).collect();
        let login = text(&browser.post(action, &sent).await);
        assert!(login.contains("登录已过期") && !login.contains("secret-") && !login.contains("name=\"pending\""));
        let back = browser.submit_from(&login, "/login", &[("password", PASSWORD)]).await;
        assert_eq!((back.status.as_u16(), back.header("location")), (303, action));
    }
}

#[tokio::test]
async fn a_foreign_sites_form_is_never_kept() {
    let app = App::start().await;
    let evil = [("overlay", ""), ("revision", "0"), ("code", "600000.SH"), ("volume", "1"), ("cost", "1")];
    let evil: Vec<_> = evil.into_iter().chain([("name", "evil"), ("remark", ""), ("action", "save")]).collect();
    let mut browser = Browser::new(&app);
    browser.origin = None;
    let unsaid = browser.post("/adjustment", &evil).await;
    let page = text(&unsaid);
    assert!(unsaid.status == 401 && page.contains("没有保留") && !page.contains("evil"), "{page}");
    let back = browser.submit_from(&page, "/login", &[("password", PASSWORD)]).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, "/adjustment"));
    browser.cookies.clear();

    for origin in ["http://evil.example", "http://server:80", "null"] {
        browser.origin = Some(origin);
        let foreign = browser.post("/adjustment", &evil).await;
        assert!(foreign.status == 403 && !text(&foreign).contains("evil"), "{origin}");
        // Nor does it lead the operator to a login that carries one.
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&evil).finish();
        let kept = [("pending_path", "/adjustment"), ("pending", &*body), ("password", "")];
        let login = browser.post("/login", &kept).await;
        assert!(login.status == 403 && !text(&login).contains("evil"), "{origin}");
    }
    browser.origin = None;
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&evil).finish();
    let kept = [("pending_path", "/adjustment"), ("pending", &*body), ("password", PASSWORD)];
    let back = browser.post("/login", &kept).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, "/"), "where nothing is said, nothing is kept");
}

/// The rows of the editor as a form sends them.
fn rows<'a>(rows: &[[&'a str; 3]]) -> Vec<(&'static str, &'a str)> {
    rows.iter()
        .flat_map(|[code, volume, cost]| {
            [("code", *code), ("name", ""), ("volume", *volume), ("cost", *cost), ("remark", "")]
        })
        .collect()
}

async fn preview(browser: &mut Browser<'_>, path: &str, of: &[[&str; 3]]) -> Answer {
    let fields: Vec<_> = rows(of).into_iter().chain([("action", "preview")]).collect();
    browser.submit(path, "/adjustment", &fields).await
}

async fn save(browser: &mut Browser<'_>, preview: &Answer, of: &[[&str; 3]]) -> Answer {
    let fields: Vec<_> = rows(of).into_iter().chain([("action", "save")]).collect();
    browser.submit_from(&text(preview), "/adjustment", &fields).await
}

#[tokio::test]
async fn an_overlay_is_previewed_then_saved() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([{"code": "600000.XSHG", "name": "浦发银行", "volume": 1000, "cost": 10}]))
        .await
        .ok();
    let mut browser = Browser::operator(&app).await;
    let typed = [["600000", "-300", "10.5"], ["  ", "", ""], ["000001.sz", "1,000", "12"]];
    let seen = preview(&mut browser, "/adjustment", &typed).await;
    assert_eq!(seen.status, 200);
    let page = text(&seen);
    assert!(page.contains("= 600000.XSHG") && page.contains("= 000001.SZ"), "what was inferred is shown");
    assert!(page.contains("浦发银行"), "the name that the book knows");
    assert!(app.get("/api/v1/positions/strategy/ADJUSTMENT_MAIN").await.ok()["update_time"].is_null());
    let saved = save(&mut browser, &seen, &typed).await;
    assert_eq!((saved.status.as_u16(), saved.header("location")), (303, "/adjustment?name=ADJUSTMENT_MAIN&done=2"));
    let list = app.get("/api/v1/positions/strategy/ADJUSTMENT_MAIN").await.ok();
    assert_eq!(list["positions"][0], json!({"code": "600000.XSHG", "name": "浦发银行", "volume": -300, "cost": 10.5}));
    assert_eq!(list["positions"][1], json!({"code": "000001.SZ", "name": "", "volume": 1000, "cost": 12}));
    let page = browser.page(saved.header("location")).await;
    assert!(
        page.contains("已完成：编辑 ADJUSTMENT_MAIN") && page.contains("href=\"/revisions/2/undo\">撤销此变更"),
        "{page}"
    );
    assert!(!Browser::new(&app).page(saved.header("location")).await.contains("已完成"));
    let revision = app.get("/api/v1/revisions/2").await.ok();
    assert_eq!((&revision["kind"], &revision["actor"]), (&json!("edit"), &json!("operator")));
}

#[tokio::test]
async fn what_is_saved_is_what_was_previewed() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let seen = preview(&mut browser, "/adjustment", &[["600000", "100", "10"]]).await;
    let saved = save(&mut browser, &seen, &[["600000", "10000", "10"]]).await;
    assert_eq!(saved.status, 200);
    assert!(text(&saved).contains("预览之后内容又有改动"));
    assert!(app.store.book().is_empty());
    let saved = save(&mut browser, &saved, &[["600000", "10000", "10"]]).await;
    assert_eq!(saved.status, 303);
}

#[tokio::test]
async fn the_second_of_two_operators_is_shown_what_the_first_did() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", 100, 10.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let mine = [["600000.SH", "100", "10"], ["510300", "500", "4"]];
    let seen = preview(&mut browser, "/adjustment", &mine).await;
    app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", 700, 10.0)])).await.ok();
    let conflict = save(&mut browser, &seen, &mine).await;
    assert_eq!(conflict.status, 409);
    let page = text(&conflict);
    assert!(page.contains("value=\"510300\""), "nothing typed is lost");
    assert_eq!(app.get("/api/v1/positions/strategy/ADJUSTMENT_MAIN").await.ok()["positions"][0]["volume"], 700);
    // What only the first changed is theirs, in the rows as well; what only the second typed stays.
    assert_eq!(fates(&page), [["–", "–", "500 × 4", "您的"], ["100 × 10", "700 × 10", "100 × 10", "他人的"]]);
    assert!(page.contains("value=\"700\"") && !page.contains("name=\"volume\" value=\"100\""), "{page}");
    let both = [["600000.SH", "700", "10"], ["510300", "500", "4"]];
    assert_eq!(save(&mut browser, &conflict, &both).await.status, 303);
    assert_eq!(volumes_of_main(&app).await, [700, 500]);
}

/// The volumes that the main overlay has.
async fn volumes_of_main(app: &App) -> Vec<i64> {
    let list = app.get("/api/v1/positions/strategy/ADJUSTMENT_MAIN").await.ok();
    list["positions"].as_array().unwrap().iter().map(|one| one["volume"].as_i64().unwrap()).collect()
}

/// What a merge shows of each instrument: as it was, theirs, mine, and whose is taken.
fn fates(page: &str) -> Vec<Vec<&str>> {
    let (_, merge) = page.split_once("id=\"merge\"").unwrap();
    let rows = merge.split("</section>").next().unwrap().split("<tr>").skip(2);
    let cells = rows.map(|row| row.split_once("</th>").unwrap().1.split("</td>").skip(1).take(4));
    cells.map(|cells| cells.map(|cell| cell.rsplit('>').next().unwrap()).collect()).collect()
}

#[tokio::test]
async fn where_two_changed_one_line_mine_stays_until_i_say_otherwise() {
    let app = App::start().await;
    let base = json!([held("600000.SH", 100, 10.0), held("600519.SH", 200, 10.0), held("000001.SZ", 300, 10.0)]);
    app.edit("ADJUSTMENT_MAIN", base).await.ok();
    let mut browser = Browser::operator(&app).await;
    let mine = [["600000.SH", "150", "10"], ["600519.SH", "200", "10"], ["000001.SZ", "300", "10"]];
    let seen = preview(&mut browser, "/adjustment", &mine).await;
    // They change the same line, take another one out, and add a third.
    let theirs = json!([held("600000.SH", 700, 10.0), held("000001.SZ", 300, 10.0), held("510300.SH", 900, 4.0)]);
    app.edit("ADJUSTMENT_MAIN", theirs).await.ok();
    let conflict = save(&mut browser, &seen, &mine).await;
    assert_eq!(conflict.status, 409);
    let page = text(&conflict);
    let both = ["100 × 10", "700 × 10", "150 × 10", "您的（两人改得不同）"];
    let (added, gone) = (["–", "900 × 4", "–", "他人的"], ["200 × 10", "–", "200 × 10", "他人的"]);
    let shown = fates(&page);
    assert!(
        [both, added, gone].iter().all(|fate| shown.iter().any(|one| one == fate)) && shown.len() == 3,
        "{shown:?}"
    );
    assert!(page.contains("class=\"removed\"") && page.contains("value=\"510300.SH\""), "{page}");
    let merged = [["600000.SH", "150", "10"], ["000001.SZ", "300", "10"], ["510300.SH", "900", "4"]];
    assert_eq!(save(&mut browser, &conflict, &merged).await.status, 303);
    assert_eq!(volumes_of_main(&app).await, [150, 300, 900]);
}

#[tokio::test]
async fn an_overlay_says_what_the_total_becomes_and_is_filled_in_from_the_book() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([{"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 11.3}]))
        .await
        .ok();
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", -100, 11.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    assert!(browser.page("/adjustment").await.contains("placeholder=\"900\""));
    // A name, or its initials, stands for the code; the target for how much less that is.
    let target = [
        ("code", "payh"),
        ("name", ""),
        ("volume", ""),
        ("target", "1,150"),
        ("cost", ""),
        ("remark", ""),
        ("action", "preview"),
    ];
    let page = text(&browser.submit("/adjustment?name=B", "/adjustment", &target).await);
    for shown in ["value=\"000001.SZ\"", "value=\"平安银行\"", "value=\"250\"", "placeholder=\"1,150\"", "不是整手"]
    {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(page.contains("<option value=\"000001.SZ\">平安银行</option>"));
    let typed = [
        ("code", "000001.SZ"),
        ("name", "平安银行"),
        ("volume", "250"),
        ("target", "1000"),
        ("cost", "11.3"),
        ("remark", ""),
        ("action", "save"),
    ];
    // Another target after the preview is looked at first.
    let page = text(&browser.submit_from(&page, "/adjustment", &typed).await);
    assert!(
        page.contains("value=\"100\"") && page.contains("预览之后内容又有改动") && !page.contains("不是整手"),
        "{page}"
    );
}

#[tokio::test]
async fn mistakes_are_named_at_the_field_and_nothing_typed_is_lost() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let typed = [
        ["abc", "100", "1"],
        ["600000", "many", "1"],
        ["600000", "100", ""],
        ["", "100", "1"],
        ["600000", "1e99", "1"],
        ["600000", "1e11", "1e11"],
    ];
    let answer = preview(&mut browser, "/adjustment", &typed).await;
    assert_eq!(answer.status, 422);
    let page = text(&answer);
    let faults = [
        ("code-0", "无法判断交易所"),
        ("volume-1", "不是数字"),
        ("cost-2", "必填"),
        ("code-3", "必填"),
        ("volume-4", "超出可精确计算的范围"),
        ("volume-5", "数量与成本之积"),
    ];
    for (field, words) in faults {
        let (_, fault) =
            page.split_once(&format!("id=\"fault-{field}\">")).unwrap_or_else(|| panic!("{field}: {page}"));
        assert!(fault.split('<').next().unwrap().contains(words), "{field}");
    }
    assert!(page.contains("value=\"many\""));
}

#[tokio::test]
async fn a_code_that_is_there_already_stays_as_it_is() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([held("CASH", 1, 1.0), held("if2601.ccfx", 2, 1.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let typed = [["CASH", "1", "1"], ["if2601.ccfx", "2", "1"], ["600000", "100", "10"]];
    let seen = preview(&mut browser, "/adjustment", &typed).await;
    assert_eq!(save(&mut browser, &seen, &typed).await.status, 303);
    let list = app.get("/api/v1/positions/strategy/ADJUSTMENT_MAIN").await.ok();
    let codes: Vec<_> = list["positions"].as_array().unwrap().iter().map(|line| line["code"].clone()).collect();
    assert_eq!(codes, ["CASH", "if2601.ccfx", "600000.XSHG"]);
}

#[tokio::test]
async fn rows_are_removed_and_more_are_offered() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_B", json!([held("600000.SH", 1, 1.0), held("000001.SZ", 2, 1.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let fields = rows(&[["600000.SH", "1", "1"], ["000001.SZ", "2", "1"]]);
    let fields: Vec<_> = fields.into_iter().chain([("remove", "0"), ("action", "preview")]).collect();
    let seen = browser.submit("/adjustment?name=B", "/adjustment", &fields).await;
    let fields: Vec<_> = fields[..11].iter().copied().chain([("action", "save")]).collect();
    let saved = browser.submit_from(&text(&seen), "/adjustment", &fields).await;
    assert_eq!(saved.status, 303);
    let list = app.get("/api/v1/positions/strategy/ADJUSTMENT_B").await.ok();
    assert_eq!(list["positions"].as_array().unwrap().len(), 1);
    let more: Vec<_> = fields[..11].iter().copied().chain([("action", "more")]).collect();
    let page = text(&browser.submit("/adjustment?name=B", "/adjustment", &more).await);
    assert_eq!(page.matches("name=\"code\"").count(), 12);
}

#[tokio::test]
async fn restore_and_delete_show_what_they_change_and_hold_against_it() {
    let app = App::start().await;
    app.push(&ALICE, "双/均", json!([held("600000.SH", 100, 10.0)])).await.ok();
    app.push(&ALICE, "双/均", json!([held("600000.SH", 900, 10.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let path = "/strategies/%E5%8F%8C%2F%E5%9D%87";
    let (restore, delete) = (format!("{path}/restore"), format!("{path}/delete"));
    let page = browser.page(&format!("{restore}?to=1")).await;
    assert!(page.contains("900 → 100") && page.contains("\u{2212}800"), "{page}");
    // The strategy pushes in between: what was confirmed is not what would happen.
    app.push(&ALICE, "双/均", json!([held("600000.SH", 950, 10.0)])).await.ok();
    let moved = browser.submit_from(&page, &restore, &[]).await;
    assert_eq!(moved.status, 409);
    assert!(text(&moved).contains("950 → 100"));
    assert_eq!(browser.submit_from(&text(&moved), &restore, &[]).await.header("location"), format!("{path}?done=4"));
    assert_eq!(app.total("").await["positions"][0]["total_volume"], 100);

    assert!(browser.page(&delete).await.contains("100 → 0"));
    assert_eq!(browser.submit(&delete, &delete, &[]).await.status, 303);
    assert!(browser.page(path).await.contains("该策略已删除"));
    assert!(browser.page(&format!("{restore}?to=3")).await.contains("0 → 950"));
    assert_eq!(browser.get(&delete).await.status, 404);
    assert_eq!(browser.get(&format!("{restore}?to=99")).await.status, 404);
    assert_eq!(browser.get(&format!("{restore}?to=x")).await.status, 400);
    assert_eq!(browser.get("/strategies/nobody").await.status, 404);
}

#[tokio::test]
async fn the_overview_says_what_needs_attention() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("600000.SH", 100, 10.0)])).await.ok();
    app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", -300, 10.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/").await;
    assert!(
        page.contains("600000.SH 的目标总持仓为负（\u{2212}200 股）") && page.contains("密码自首次启动以来没有修改过")
    );
    assert!(!page.contains("没有推送") && !page.contains("未绑定"));
    // Two days later, on Wednesday, nobody has pushed on Tuesday. Overlays are never late.
    app.clock.advance(Duration::from_hours(48));
    let token = ALICE.unbound_token(app.clock.now());
    let body = json!({"strategy_name": "beta", "positions": []}).to_string();
    app.post(crate::app::UPDATE, &[("x-auth-token", &token)], body).await.ok();
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/").await;
    assert!(page.contains("策略 alpha 自上个交易日以来没有推送（最近：2 天前）"));
    assert_eq!(page.matches("没有推送（").count(), 1);
    assert!(page.contains("客户端 alice 的令牌未绑定请求体"));
    let fields = [("current", PASSWORD), ("new", "another-long-password"), ("again", "another-long-password")];
    app.clock.advance(Duration::from_secs(1));
    browser.submit("/password", "/password", &fields).await;
    assert!(!browser.page("/").await.contains("密码自首次启动以来没有修改过"));
}

#[tokio::test]
async fn examples_are_marked_wherever_they_count() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("600000.SH", 100, 10.0)])).await.ok();
    let mut browser = Browser::new(&app);
    for path in ["/", "/strategies/alpha"] {
        assert!(!browser.page(path).await.contains("演示"), "{path}");
    }
    app.edit("ADJUSTMENT_DEMO", json!([held("600000.SH", 100, 10.0)])).await.ok();
    let page = browser.page("/").await;
    let (before, after) = page.split_once("id=\"total\"").unwrap();
    assert!(
        before.contains("演示数据计入目标总持仓") && before.contains("<span class=\"badge warn\">演示</span>"),
        "{page}"
    );
    assert!(after.split("</h2>").next().unwrap().contains("<span class=\"badge warn\">演示</span>"), "{page}");
    let heading = browser.page("/strategies/ADJUSTMENT_DEMO").await;
    assert!(heading.split("</h1>").next().unwrap().contains("<span class=\"badge warn\">演示</span>"), "{heading}");
}

#[tokio::test]
async fn targets_that_are_no_whole_lots_are_named_in_one_line() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("600000.XSHG", 300, 1.0), held("IF2401.CCFX", 1, 1.0)])).await.ok();
    let mut browser = Browser::new(&app);
    assert!(!browser.page("/").await.contains("整手"));
    let odd = [held("000001.XSHE", 1150, 1.0), held("688981.SH", 199, 1.0), held("600000.XSHG", 300, 1.0)];
    app.push(&ALICE, "alpha", json!(odd)).await.ok();
    let page = browser.page("/").await;
    let (_, line) = page.split_once("<li><a href=\"/#total\">").unwrap();
    let words = "2 个目标数量不是整手：000001.SZ（1,150）、688981.SH（199）。终端按整手交易，无法正好达到。</a></li>";
    assert!(line.starts_with(words), "{line}");
    app.push(&ALICE, "beta", json!([held("510300.SH", 1, 1.0), held("113050.SH", 5, 1.0)])).await.ok();
    browser.get("/language?to=en").await;
    let page = browser.page("/").await;
    let (_, line) = page.split_once("<li><a href=\"/#total\">").unwrap();
    let words = "Targets that are no whole lots (4): 000001.SZ (1,150), 688981.SH (199), 510300.SH (1) and others. \
                 Terminals trade whole lots and cannot reach them exactly.</a></li>";
    assert!(line.starts_with(words), "{line}");
    assert_eq!(page.matches("whole lots (").count(), 1);
}

/// Whatever sorts a table or turns its pages leads to a place of the same page.
fn assert_returns_to_the_table(page: &str) {
    let links = [" aria-sort=\"none\"><a href=\"", "<a rel=\"prev\" href=\"", "<a rel=\"next\" href=\""];
    let links = links.iter().flat_map(|before| page.split(before).skip(1));
    let links: Vec<_> = links.filter_map(|rest| rest.split('"').next()).collect();
    assert!(!links.is_empty(), "{page}");
    for link in links {
        let place = link.rsplit_once('#').map(|(_, place)| format!("id=\"{place}\""));
        assert!(place.is_some_and(|place| page.contains(&place)), "{link}");
    }
}

#[tokio::test]
async fn five_thousand_instruments_are_searched_sorted_and_paged() {
    let app = App::start().await;
    let many: Vec<_> = (0..5000).map(|n| held(&format!("{n:06}.SZ"), n + 1, 1.0)).collect();
    app.push(&ALICE, "many", json!(many)).await.ok();
    let mut browser = Browser::new(&app);
    let first_in = |page: &str, part: &str| {
        let (_, rest) = page.split_once(&format!("data-live=\"{part}\"")).unwrap();
        rest.split("href=\"/instruments/").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let first = |page: &str| first_in(page, "total");
    let page = browser.page("/").await;
    assert!(page.len() < 600_000, "{}", page.len());
    assert_returns_to_the_table(&page);
    assert!(first(&page) == "000000.SZ" && page.contains("1 / 25"));
    assert_eq!(first(&browser.page("/?page=25").await), "004800.SZ");
    assert_eq!(first(&browser.page("/?page=99").await), "004800.SZ");
    assert_eq!(first(&browser.page("/?sort=-volume").await), "004999.SZ");
    assert_eq!(first(&browser.page("/?sort=-volume&page=2").await), "004799.SZ");
    assert_eq!(first(&browser.page("/?q=004321").await), "004321.SZ");
    assert_eq!(first(&browser.page("/?q=4321.xshe").await), "004321.SZ");
    assert!(browser.page("/?q=nothing").await.contains("没有符合条件的内容"));
    assert!(browser.page("/?q=4321&sort=-volume").await.contains("/?q=4321&#38;sort=volume#total"));
    // No page is longer, whatever it shows of them.
    let account = json!({"strategies": [{"name": "many"}], "fresh": "any"}).to_string();
    app.operate("PUT", "/api/v1/accounts/main", &[], &account).await.ok();
    for (path, part, code) in [
        ("/accounts/main?sort=-volume&page=2", "target", "004799.SZ"),
        ("/strategies/many?page=25", "positions", "004800.SZ"),
        ("/compare?from=0&sort=code&page=25", "comparison", "004800.SZ"),
    ] {
        let page = browser.page(path).await;
        assert!(page.len() < 600_000, "{path} {}", page.len());
        assert_eq!(first_in(&page, part), code, "{path}");
        assert!(page.contains(" / 25<"), "{path}");
        assert_returns_to_the_table(&page);
    }
    assert!(browser.page("/revisions/1?page=3").await.contains("3 / 25"));
}

#[tokio::test]
async fn the_history_is_filtered_and_its_pages_do_not_move() {
    let app = App::start().await;
    for n in 0..60 {
        app.push(&ALICE, "alpha", json!([held("600000.SH", n, 10.0)])).await.ok();
    }
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", 5, 10.0)])).await.ok();
    let mut browser = Browser::new(&app);
    let revisions = |page: &str| -> Vec<String> {
        page.split("id=\"r").skip(1).map(|entry| entry.split('"').next().unwrap().to_owned()).collect()
    };
    let page = browser.page("/history").await;
    assert_eq!((revisions(&page).len(), revisions(&page)[0].as_str()), (50, "61"));
    app.edit("ADJUSTMENT_MAIN", json!([])).await.ok();
    assert_eq!(revisions(&browser.page("/history?before=12").await)[0], "11");
    assert_eq!(revisions(&browser.page("/history?strategy=ADJUSTMENT_MAIN").await), ["62", "61"]);
    assert_eq!(revisions(&browser.page("/history?instrument=000001").await), ["62", "61"]);
    assert_eq!(revisions(&browser.page("/history?actor=operator").await), ["62", "61"]);
    assert_eq!(revisions(&browser.page("/history?from=2026-01-06").await).len(), 0);
    assert_eq!(revisions(&browser.page("/history?to=2026-01-06&actor=alice").await).len(), 50);
    let bad = browser.get("/history?from=yesterday").await;
    assert_eq!((bad.status.as_u16(), revisions(&text(&bad)).len()), (400, 0));
    assert!(text(&bad).contains("筛选条件无法识别"));
}

#[tokio::test]
async fn csv_opens_in_excel_and_holds_no_formula() {
    let app = App::start().await;
    let nasty = json!([{"code": "600000.SH", "name": "=1+1", "volume": 100, "cost": 10.25, "remark": "@x,\"y\""}]);
    app.push(&ALICE, "=cmd()", nasty).await.ok();
    let answer = app.get("/strategies/%3Dcmd%28%29/positions.csv").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert!(answer.header("content-disposition").starts_with("attachment"));
    let expected = "\u{feff}code,name,volume,cost,remark\n600000.SH,'=1+1,100,10.25,\"'@x,\"\"y\"\"\"\n";
    assert_eq!(text(&answer), expected);
    app.push(&ALICE, "=cmd()", json!([])).await.ok();
    let history = text(&app.get("/history.csv").await);
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("2,2026-01-05T14:50:00.000001+08:00,'=cmd(),push,client,alice,192.0.2.7,600000.SH"),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with(",100,0,10.25,,strategy"), "{}", lines[1]);
    assert_eq!(text(&app.get("/history.csv?strategy=other").await).lines().count(), 1);
}

#[tokio::test]
async fn a_csv_holds_the_whole_history_and_the_server_a_part_at_a_time() {
    let app = App::start().await;
    let list = |n: i64| -> Vec<_> { (0..5_000).map(|code| held(&format!("{code:06}.SZ"), n, 1.0)).collect() };
    for n in 1..=21 {
        app.push(&ALICE, "many", json!(list(n))).await.ok();
    }
    let mut request = Request::get("/history.csv").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 40_000))));
    let body = app.application().answer(request).await.into_body();
    assert_eq!(body.size_hint().exact(), None, "it is made while it is sent");
    let (mut parts, mut whole) = (body.into_data_stream(), Vec::new());
    while let Some(part) = parts.next().await.transpose().unwrap() {
        assert!(part.len() < 1 << 20, "{}", part.len());
        whole.extend_from_slice(&part);
    }
    assert_eq!(String::from_utf8(whole).unwrap().lines().count(), 1 + 21 * 5_000);
    let list = text(&app.get("/strategies/many/positions.csv").await);
    assert_eq!(list.lines().count(), 5_001);
    assert!(list.lines().last().unwrap().starts_with("004999.SZ,"));
}

#[tokio::test]
async fn keys_are_made_shown_once_and_revoked() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let wish = [("name", "qmt<b>"), ("scope", "write"), ("patterns", "beta-*\n\n alpha ")];
    let made = text(&browser.submit("/keys", "/keys/create", &wish).await);
    let secret = made.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let page = browser.page("/keys").await;
    assert!(
        !page.contains(&secret) && page.contains(&secret[..13]) && page.contains("beta-*") && !page.contains("<b>")
    );
    let push = async |name: &str| {
        let body = json!({"strategy_name": name, "positions": []}).to_string();
        app.post(crate::app::UPDATE, &[("x-api-key", &secret)], body).await
    };
    push("alpha").await.ok();
    assert_eq!(push("gamma").await.refusal().0, 403);
    let taken = browser.submit("/keys", "/keys/create", &wish).await;
    assert_eq!(taken.status, 422);
    assert!(text(&taken).contains("已有同名密钥") && text(&taken).contains("beta-*"), "what was typed stays");
    for (bad, words) in [
        ([("name", ""), ("scope", "read"), ("patterns", "")], "名称为 1 到 100 个字符"),
        ([("name", "r"), ("scope", "read"), ("patterns", "x")], "读取密钥不能限定策略"),
    ] {
        let answer = browser.submit("/keys", "/keys/create", &bad).await;
        assert!(answer.status == 422 && text(&answer).contains(words), "{words}");
    }
    assert_eq!(browser.get("/keys/create").await.header("location"), "/keys");
    let page = browser.page("/keys").await;
    let form_token = hidden_fields(&page, "/keys/create").remove(0).1;
    assert_eq!(browser.post("/keys/revoke", &[("form_token", &form_token), ("name", "qmt<b>")]).await.status, 303);
    assert_eq!(push("alpha").await.refusal(), (401, "unknown_api_key".to_owned()), "at once, as the question says");
    assert!(browser.page("/keys").await.contains("已吊销"));
    assert_eq!(
        browser.get("/keys/revoke?name=qmt%3Cb%3E").await.header("location"),
        "/keys",
        "there is nothing to ask"
    );
    // Clients are listed with the fingerprint of their keys.
    assert!(page.contains(">alice<") && page.contains("class=\"print\">"));
}

#[tokio::test]
async fn a_key_is_rotated_with_an_overlap_and_revoked_after_a_question() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let wish = [("name", "qmt"), ("scope", "write"), ("patterns", "beta-*")];
    browser.submit("/keys", "/keys/create", &wish).await;
    let page = browser.page("/keys?rotate=qmt").await;
    assert!(page.contains("value=\"qmt-2\"") && page.contains("beta-*</textarea>"), "{page}");
    let next = [("name", "qmt-2"), ("scope", "write"), ("patterns", "beta-*")];
    let made = text(&browser.submit_from(&page, "/keys/create", &next).await);
    assert!(made.contains("旧密钥 <b>qmt</b>：最近使用 从未"), "{made}");
    assert!(made.contains("data-copy=\"secret\"") && made.contains("href=\"/keys/revoke?name=qmt\""), "{made}");
    let asked = browser.page("/keys/revoke?name=qmt").await;
    assert!(asked.contains("立即被拒绝") && !browser.page("/keys").await.contains("已吊销"), "{asked}");
    assert_eq!(browser.submit_from(&asked, "/keys/revoke", &[]).await.status, 303);
    assert!(browser.page("/keys").await.contains("已吊销"));
    // What is no key, or no key any more, prefills nothing.
    assert!(!browser.page("/keys?rotate=qmt").await.contains("name=\"replaces\""));
    assert!(!browser.page("/keys?rotate=%3Cimg%3E").await.contains("<img>"));
}

#[tokio::test]
async fn rows_and_colours_are_switched_and_remembered() {
    let app = App::start().await;
    let mut browser = Browser::new(&app);
    let page = browser.page("/history?actor=x").await;
    assert!(!page.contains("data-rows") && page.contains("/look?rows=roomy&#38;back=%2Fhistory%3Factor%3Dx"), "{page}");
    for link in ["/look?rows=roomy&back=/history", "/look?colours=west&back=/history"] {
        assert_eq!(browser.get(link).await.header("location"), "/history");
    }
    assert!(browser.page("/").await.contains("data-rows=\"roomy\" data-colours=\"west\""));
    browser.get("/look?colours=china&back=//evil.example").await;
    assert!(!browser.page("/").await.contains("data-colours"));
    assert_eq!(browser.get("/look?rows=dense&back=//evil.example").await.header("location"), "/");
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let mut other = Browser::operator(&app).await;
    let new = "another-long-password";
    for (current, first, second, words) in [
        ("wrong", new, new, "密码验证失败"),
        (PASSWORD, "tooshort", "tooshort", "新密码太短"),
        (PASSWORD, new, "something else", "两次输入不一致"),
    ] {
        let fields = [("current", current), ("new", first), ("again", second)];
        let answer = browser.submit("/password", "/password", &fields).await;
        assert!(answer.status != 200 && text(&answer).contains(words), "{words}");
        assert!(!text(&answer).contains(first), "no password is sent back");
    }
    let answer = browser.submit("/password", "/password", &[("current", PASSWORD), ("new", new), ("again", new)]).await;
    assert!(text(&answer).contains("密码已更新"));
    browser.page("/password").await;
    assert_eq!(other.get("/password").await.status, 303);
    assert_eq!(Browser::new(&app).post("/login", &[("password", PASSWORD)]).await.status, 401);
}

#[tokio::test]
async fn english_by_a_switch_that_is_remembered() {
    let app = App::start().await;
    let mut browser = Browser::new(&app);
    assert!(browser.page("/").await.contains("<html lang=\"zh-CN\">"));
    let switched = browser.get("/language?to=en&back=%2Fhistory%3Factor%3Dx").await;
    assert_eq!(switched.header("location"), "/history?actor=x");
    let page = browser.page("/").await;
    assert!(page.contains("<html lang=\"en\">") && page.contains(">Today<"));
    let nowhere = text(&browser.get("/nowhere").await);
    assert!(nowhere.contains("there is nothing at this path") && nowhere.contains("路径不存在"));
    for back in ["https://example.com", "//example.com"] {
        assert_eq!(browser.get(&format!("/language?to=zh&back={back}")).await.header("location"), "/");
    }
}

#[tokio::test]
async fn the_browsers_language_until_one_is_chosen() {
    let app = App::start().await;
    for (asked, spoken) in [
        ("en-GB,en;q=0.9", "en"),
        ("en;q=0.8, zh-CN", "zh-CN"),
        ("fr, zh;q=0.3, EN;q=0.5", "en"),
        ("zh-TW,zh;q=0.9,en-US;q=0.8", "zh-CN"),
        ("en, zh", "zh-CN"),
        ("fr, de", "zh-CN"),
        ("en;q=0", "zh-CN"),
        ("en;q=much", "zh-CN"),
        ("", "zh-CN"),
    ] {
        for path in ["/", "/nowhere"] {
            let page = text(&app.get_with(path, &[("accept-language", asked)]).await);
            assert!(page.contains(&format!("<html lang=\"{spoken}\">")), "{asked} at {path}");
        }
    }
    for (chosen, spoken) in [("en", "en"), ("zh", "zh-CN")] {
        let cookie = format!("jq2qmt_language={chosen}");
        let page = text(&app.get_with("/", &[("accept-language", "en, zh;q=0.9"), ("cookie", &cookie)]).await);
        assert!(page.contains(&format!("<html lang=\"{spoken}\">")), "{chosen} was chosen");
    }
}

#[tokio::test]
async fn pages_are_gzip_ed_but_not_for_the_pages_of_others() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("600000.SH", 100, 9.0)])).await.ok();
    let encoding = async |path: &str, site: &str| {
        let mut headers = vec![("accept-encoding", "gzip, br")];
        headers.extend((!site.is_empty()).then_some(("sec-fetch-site", site)));
        let answer = app.get_with(path, &headers).await;
        let encoding = answer.headers.get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        (answer, encoding)
    };
    let (style, script) = {
        let page = text(&app.get("/").await);
        let named = |end: &str| {
            let path = page.split('"').find(|part| part.starts_with("/static/") && part.ends_with(end));
            path.unwrap().to_owned()
        };
        (named(".css"), named(".js"))
    };
    for path in ["/", "/history", "/login", &style, &script] {
        for site in ["", "none", "same-origin"] {
            let (answer, encoding) = encoding(path, site).await;
            assert_eq!(encoding.as_deref(), Some("gzip"), "{path} {site}");
            let mut unpacked = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&answer.bytes[..]), &mut unpacked).unwrap();
            let plain = text(&app.get(path).await);
            assert_eq!(unpacked.len(), plain.len(), "{path}");
            assert!(answer.header("vary").contains("accept-encoding"));
        }
        // What others wrote and what they must not know stand in one page: its length must tell nothing.
        for site in ["cross-site", "same-site", "new-kind-of-site"] {
            assert_eq!(encoding(path, site).await.1, None, "{path} {site}");
        }
    }
    for path in ["/history.csv", "/strategies/alpha/positions.csv"] {
        assert_eq!(encoding(path, "").await.1, None, "{path}");
    }
    assert_eq!(app.get("/").await.headers.get("content-encoding"), None);
}

#[tokio::test]
async fn every_page_carries_another_token_for_its_forms() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let page = browser.page("/keys").await;
        tokens.push(hidden_fields(&page, "/keys/create").remove(0).1);
    }
    let (one, two) = (&tokens[0], &tokens[1]);
    assert_ne!(one, two);
    let alike = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    assert!(alike < 16, "{one} and {two} begin alike");
    // All of them are good, also that of a page left open.
    for (number, token) in tokens.iter().enumerate() {
        let name = format!("key-{number}");
        let fields = [("form_token", &**token), ("name", &name), ("scope", "read")];
        assert_eq!(browser.post("/keys/create", &fields).await.status, 200);
    }
}

#[tokio::test]
async fn an_empty_overview_suggests_a_push() {
    let app = App::start().await;
    app.state.suggest("./jq2qmt push --key \"<my> key.pem\"".to_owned());
    let suggested = |page: &str| page.contains("./jq2qmt push --key &#34;&#60;my&#62; key.pem&#34;");
    assert!(suggested(&text(&app.get("/").await)));
    assert!(!suggested(&text(&app.get("/?q=x").await)), "nobody asked for a strategy that is not there");
    app.push(&ALICE, "alpha", json!([])).await.ok();
    assert!(!suggested(&text(&app.get("/").await)));
}

#[tokio::test]
async fn texts_from_elsewhere_stay_texts() {
    let app = App::start().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let position =
        json!({"code": format!("{}{}", &evil[..40], ".SH"), "name": evil, "volume": 1, "cost": 1, "remark": evil});
    app.push(&ALICE, evil, json!([position.clone()])).await.ok();
    app.edit("ADJUSTMENT_<i>", json!([position])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let path =
        "/strategies/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%22%27%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E";
    let query = "%3Cscript%3E%22";
    for path in [
        "/".to_owned(),
        format!("/?q={query}&sort={query}"),
        path.to_owned(),
        format!("{path}/delete"),
        format!("{path}/restore?to=1"),
        "/history".to_owned(),
        format!("/history?strategy={query}&actor={query}&from={query}"),
        "/adjustment?name=%3Ci%3E".to_owned(),
        format!("/login?next={query}"),
        format!("/nowhere/{query}"),
    ] {
        let answer = browser.get(&path).await;
        let page = text(&answer);
        assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("<i>"), "{path}: {page}");
        let repeats_nothing = ["/login", "/nowhere"].iter().any(|start| path.starts_with(start));
        assert!(repeats_nothing || page.contains("&#60;"), "{path} does not show it at all: {page}");
    }
}
