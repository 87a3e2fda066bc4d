//! The table of rights: for each route and method, and each kind of caller, whether they are let in or how they are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use jq2qmt::auth::rights::Reads;
use jq2qmt::auth::token::{Bound, sign};
use jq2qmt::net::Application as _;
use jq2qmt::store::Beside;
use jq2qmt::store::api_keys::Scope;
use serde_json::json;

use crate::app::{ALICE, App, Client, DEFAULT, MALLORY, PASSWORD, UPDATE, add_bound_key, add_key};
use crate::pages::{Browser, hidden_fields};

/// Who asks, by the columns. The first three ask a server that everybody may read, the others one that is read with keys.
/// `form` is a session that sends what a page of it hides in its forms, `foreign` the same from another site's page, `ended` a
/// session that logged out, `bound` the key of the account that is asked about, `other` that of another one.
///
/// `in` is let in, whatever is answered then; `login` is led to the login; a status is a refusal.
const TABLE: &str = "
method path                                      open:nobody open:bound open:revoked nobody wrong password session form  foreign ended read  write bound other revoked token
GET    /api/v1/accounts                          in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
DELETE /api/v1/accounts/{name}                   401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/accounts/{name}                   in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
PUT    /api/v1/accounts/{name}                   401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/accounts/{name}/attribution       in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/attribution.csv   in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/drift             in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/drift.csv         in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/fills             in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/fills.csv         in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/holdings.csv      in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/accounts/{name}/holdings/changes  in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
DELETE /api/v1/accounts/{name}/locks             401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/accounts/{name}/locks             in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
DELETE /api/v1/accounts/{name}/locks/{code}      401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
POST   /api/v1/accounts/{name}/preview           401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
POST   /api/v1/accounts/{name}/release           401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/accounts/{name}/report            in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
POST   /api/v1/accounts/{name}/report            401         in         401          401    401   401      401     401   401     401   401   401   in    403   401     401
GET    /api/v1/accounts/{name}/target            in          in         401          401    401   in       in      in    in      401   in    403   in    403   401     401
GET    /api/v1/auth/info                         in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /api/v1/boards                            in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/calendar                          in          in         401          401    401   in       in      in    in      401   in    403   in    in    401     401
PUT    /api/v1/calendar                          401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/channels                          401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
DELETE /api/v1/channels/{name}                   401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
PUT    /api/v1/channels/{name}                   401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
POST   /api/v1/channels/{name}/test              401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/conflicts                         in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/events                            in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/guards                            in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
PUT    /api/v1/guards                            401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
POST   /api/v1/guards/trial                      401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/heartbeat                         in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/holds                             in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
POST   /api/v1/holds/{id}/approve                401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
POST   /api/v1/holds/{id}/discard                401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/incidents                         in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
POST   /api/v1/incidents/{id}/acknowledge        401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/internal/password/info            in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /api/v1/internal/password/set             401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/openapi.json                      in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /api/v1/pause                             in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
POST   /api/v1/pause                             401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/positions/all                     in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/positions/strategy/{*name}        in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/positions/total                   in          in         401          401    401   in       in      in    in      401   in    403   in    in    401     401
POST   /api/v1/positions/update                  401         403        401          401    401   401      401     401   401     401   403   in    403   403   401     in
POST   /api/v1/positions/update/internal         401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/reports/daily                     in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/revisions.csv                     in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/revisions.json                    in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/revisions.jsonl                   in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/revisions/{id}                    in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/strategies                        in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
DELETE /api/v1/strategies/{name}                 401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/strategies/{name}/diff            in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/strategies/{name}/performance     in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /api/v1/strategies/{name}/performance.csv in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
POST   /api/v1/strategies/{name}/restore         401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/strategies/{name}/revisions       in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
DELETE /api/v1/strategies/{name}/schedule        401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
PUT    /api/v1/strategies/{name}/schedule        401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
POST   /api/v1/strategies/{name}/sequence        401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /api/v1/strategies/{name}/state           in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
POST   /api/v1/strategies/{name}/state           401         401        401          401    401   in       401     401   403     401   401   401   401   401   401     401
GET    /channels/delete                          login       login      login        login  login login    in      in    in      login login login login login login   login
GET    /doctor                                   login       login      login        login  login login    in      in    in      login login login login login login   login
GET    /healthz                                  in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /metrics                                  in          403        401          401    401   in       in      in    in      401   in    403   403   403   401     401
GET    /readyz                                   in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /                                         in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /account                                  login       login      login        login  login login    in      in    in      login login login login login login   login
GET    /accounts                                 in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /accounts/{name}                          in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /accounts/{name}/delete                   login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /accounts/{name}/delete                   401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /accounts/{name}/pause                    in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /accounts/{name}/pause                    401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /accounts/{name}/release                  in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /accounts/{name}/unlock                   in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /accounts/{name}/release                  401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
POST   /accounts/{name}/unlock                   401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /accounts/{name}/settings                 login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /accounts/{name}/settings                 401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /adjustment                               in          in         in           login  login login    in      in    in      login login login login login login   login
POST   /adjustment                               401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /api                                      in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /calendar                                 in          in         in           login  login login    in      in    in      login login login login login login   login
POST   /calendar                                 401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /channels                                 login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /channels                                 401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
POST   /channels/delete                          401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /channels/test                            in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /channels/test                            401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /compare                                  in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /conflicts                                in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /compare.csv                              in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /guards                                   in          in         in           login  login login    in      in    in      login login login login login login   login
POST   /guards                                   401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /history                                  in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /history.csv                              in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /holds                                    in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /holds/approve                            in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /holds/approve                            401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /holds/discard                            in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /holds/discard                            401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /incidents                                in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /incidents/acknowledge                    in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /incidents/acknowledge                    401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /instruments/{code}                       in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /keys                                     login       login      login        login  login login    in      in    in      login login login login login login   login
GET    /keys/create                              in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /keys/create                              401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /keys/revoke                              login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /keys/revoke                              401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /language                                 in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /login                                    in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /login                                    401         401        401          401    401   401      401     401   403     401   401   401   401   401   401     401
GET    /logout                                   in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /logout                                   401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /look                                     in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /password                                 login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /password                                 401         401        401          401    401   401      403     401   403     401   401   401   401   401   401     401
GET    /pause                                    in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /pause                                    401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /reports                                  in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /reports/{day}                            in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /revisions/{id}                           in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /revisions/{id}/undo                      login       login      login        login  login login    in      in    in      login login login login login login   login
GET    /search                                   in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /static/{name}                            in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
GET    /strategies/{name}                        in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /strategies/{name}/delete                 login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /strategies/{name}/delete                 401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /strategies/{name}/positions.csv          in          in         in           login  login login    in      in    in      login login login login login login   login
GET    /strategies/{name}/restore                login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /strategies/{name}/restore                401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /strategies/{name}/schedule               in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /strategies/{name}/schedule               401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /strategies/{name}/sequence               in          in         in           in     in    in       in      in    in      in    in    in    in    in    in      in
POST   /strategies/{name}/sequence               401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /strategies/{name}/settings               login       login      login        login  login login    in      in    in      login login login login login login   login
GET    /strategies/{name}/state                  login       login      login        login  login login    in      in    in      login login login login login login   login
POST   /strategies/{name}/state                  401         401        401          401    401   401      403     in    403     401   401   401   401   401   401     401
GET    /strategies/{name}/undo                   login       login      login        login  login login    in      in    in      login login login login login login   login
";

/// What a cell says.
fn outcome(status: u16, location: &str) -> String {
    match status {
        303 if location.starts_with("/login") => "login".to_owned(),
        401 | 403 | 429 => status.to_string(),
        _ => "in".to_owned(),
    }
}

fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// A session, and what its forms carry.
async fn session(app: &App) -> (String, String) {
    let mut browser = Browser::operator(app).await;
    let page = browser.page("/keys").await;
    let (_, token) = hidden_fields(&page, "/keys/create").into_iter().find(|(name, _)| name == "form_token").unwrap();
    (format!("jq2qmt_session={}", browser.cookies["jq2qmt_session"]), token)
}

/// A server with everybody who may ask it.
struct Door {
    app: App,
    session: (String, String),
    ended: String,
    keys: BTreeMap<&'static str, String>,
    asked: u32,
}

impl Door {
    async fn of(reads: Reads) -> Self {
        let app = App::start_with(reads).await;
        let keys = BTreeMap::from([
            ("read", add_key(&app, "read", Scope::Read, &[]).await),
            ("write", add_key(&app, "write", Scope::Write, &[]).await),
            ("bound", add_bound_key(&app, "bound", "main").await),
            ("other", add_bound_key(&app, "other", "second").await),
            ("revoked", add_key(&app, "revoked", Scope::Read, &[]).await),
        ]);
        let database = Beside::open(&app.database()).await.unwrap();
        assert!(database.revoke_key("revoked", app.clock.now()).await.unwrap());
        let (ended, token) = session(&app).await;
        let mut door = Self { session: session(&app).await, ended: ended.clone(), app, keys, asked: 0 };
        let form = format!("form_token={token}");
        let logout = Request::post("/logout").header("cookie", ended);
        let logout = logout.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(door.answer(logout, form).await, "in");
        door
    }

    /// Asks from an address of its own, so that no guess locks anybody else out. What is answered may never end.
    async fn answer(&mut self, request: axum::http::request::Builder, body: impl Into<Body>) -> String {
        self.asked += 1;
        // Wrong guesses from everywhere share a minute.
        self.app.clock.advance(Duration::from_secs(4));
        let [_, high, middle, low] = self.asked.to_be_bytes();
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, high, middle, low], 40_000))));
        let answer = self.app.application().answer(request).await;
        let location = answer.headers().get("location").map_or("", |value| value.to_str().unwrap());
        outcome(answer.status().as_u16(), location)
    }

    /// What becomes of a request by one of the callers.
    async fn ask(&mut self, method: &str, path: &str, caller: &str) -> String {
        let path = path.replace("/accounts/{name}", "/accounts/main").replace(['{', '}', '*'], "");
        let is_form = !is_for_programs(&path) && method == "POST";
        let request = Request::builder().method(method).uri(&path);
        let (cookie, token) = self.session.clone();
        let request = match caller {
            "nobody" => request,
            "wrong" => request.header("x-internal-password", "wrong"),
            "password" => request.header("x-internal-password", PASSWORD),
            "session" | "form" => request.header("cookie", cookie),
            "foreign" => request.header("cookie", cookie).header("sec-fetch-site", "cross-site"),
            "ended" => request.header("cookie", &self.ended),
            "token" => {
                let bound = Bound { method, path: &path, body: b"{}" };
                request.header("x-auth-token", sign(&ALICE.key, ALICE.id, self.app.clock.now(), bound).unwrap())
            }
            key => request.header("x-api-key", &self.keys[key]),
        };
        let answer = match (is_form, caller) {
            (true, "form" | "foreign" | "ended") => {
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                self.answer(request, format!("form_token={token}")).await
            }
            (true, _) => self.answer(request.header("content-type", "application/x-www-form-urlencoded"), "").await,
            (false, _) if method == "GET" => self.answer(request, Body::empty()).await,
            (false, _) => self.answer(request.header("content-type", "application/json"), "{}").await,
        };
        if path == "/logout" && answer == "in" {
            self.session = session(&self.app).await;
        }
        answer
    }
}

#[tokio::test]
async fn everybody_may_what_the_table_says() {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let callers: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().skip(2).collect();
    let rows: BTreeMap<(String, String), Vec<&str>> = lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let route = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
            (route, words.collect())
        })
        .collect();
    let (mut open, mut by_key) = (Door::of(Reads::Open).await, Door::of(Reads::Key).await);
    let routes = open.app.routes().await;
    let known: BTreeSet<_> = routes.iter().map(|(method, path)| (method.clone(), (*path).to_owned())).collect();
    let mut wrong = Vec::new();
    wrong.extend(
        rows.keys().filter(|row| !known.contains(row)).map(|(method, path)| format!("no route: {method} {path}")),
    );
    for (method, path) in known {
        let mut found = Vec::new();
        for caller in &callers {
            found.push(match caller.strip_prefix("open:") {
                Some(caller) => open.ask(&method, &path, caller).await,
                None => by_key.ask(&method, &path, caller).await,
            });
        }
        if rows.get(&(method.clone(), path.clone())).is_none_or(|row| *row != found) {
            let found =
                callers.iter().zip(&found).map(|(caller, cell)| format!("{caller}: {cell}")).collect::<Vec<_>>();
            wrong.push(format!("{method} {path} {}", found.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "these rows are missing or other ones:\n{}", wrong.join("\n"));
}

/// Who pushes to which strategy: `alpha`, which every credential that is narrowed covers; `beta`, which none of those does; and
/// an overlay. `in` is let in; everything else is the code of the refusal.
const PUSHES: [(&str, [&str; 3]); 24] = [
    ("nothing", ["missing_token"; 3]),
    ("no token", ["malformed_token"; 3]),
    ("token", ["in", "in", "strategy_forbidden"]),
    ("token of narrow", ["in", "strategy_forbidden", "strategy_forbidden"]),
    ("token of overlays", ["in", "strategy_forbidden", "in"]),
    ("token of nobody", ["in", "in", "strategy_forbidden"]),
    ("token bound to nothing", ["in", "in", "strategy_forbidden"]),
    ("token of narrow bound to nothing", ["unbound_token"; 3]),
    ("token by another's key", ["bad_signature"; 3]),
    ("token that is old", ["token_expired"; 3]),
    ("token of tomorrow", ["token_from_future"; 3]),
    ("token that was used", ["token_replayed"; 3]),
    ("token for another body", ["token_mismatch"; 3]),
    ("token for another path", ["token_mismatch"; 3]),
    ("token for another method", ["token_mismatch"; 3]),
    ("write", ["in", "in", "strategy_forbidden"]),
    ("write narrow", ["in", "strategy_forbidden", "strategy_forbidden"]),
    ("write overlays", ["in", "strategy_forbidden", "in"]),
    ("read", ["wrong_scope"; 3]),
    ("bound", ["wrong_scope"; 3]),
    ("revoked", ["unknown_api_key"; 3]),
    ("made up", ["unknown_api_key"; 3]),
    ("password", ["missing_token"; 3]),
    ("session", ["missing_token"; 3]),
];

const CLIENTS: &str = "
[narrow]
strategies = [\"alpha\"]
unbound = false
[overlays]
strategies = [\"alpha\", \"ADJUSTMENT_*\"]
";

/// A token for a push of that body, as one of the rows sends it.
fn token(app: &App, row: &str, body: &str) -> String {
    let signed = |client: &Client, id: &str, bound| sign(&client.key, id, app.clock.now(), bound).unwrap();
    let this = Bound { method: "POST", path: UPDATE, body: body.as_bytes() };
    let day = Duration::from_hours(24);
    match row {
        "token of narrow" => signed(&DEFAULT, "narrow", this),
        "token of overlays" => signed(&DEFAULT, "overlays", this),
        "token of nobody" => signed(&DEFAULT, "nobody of that name", this),
        "token bound to nothing" => ALICE.unbound_token(app.clock.now()),
        "token of narrow bound to nothing" => {
            Client { id: "narrow", key: DEFAULT.key.clone() }.unbound_token(app.clock.now())
        }
        "token by another's key" => signed(&MALLORY, ALICE.id, this),
        "token that is old" => ALICE.unbound_token(app.clock.now().minus(day)),
        "token of tomorrow" => ALICE.unbound_token(app.clock.now().plus(day)),
        "token for another body" => signed(&ALICE, ALICE.id, Bound { body: b"{}", ..this }),
        "token for another path" => signed(&ALICE, ALICE.id, Bound { path: "/", ..this }),
        "token for another method" => signed(&ALICE, ALICE.id, Bound { method: "PUT", ..this }),
        "no token" => "x".to_owned(),
        _ => signed(&ALICE, ALICE.id, this),
    }
}

#[tokio::test]
async fn everybody_pushes_where_the_table_says() {
    let door = Door::of(Reads::Open).await;
    let app = &door.app;
    for client in ["narrow", "overlays"] {
        std::fs::write(app.keys().join(format!("{client}.pem")), DEFAULT.public_pem()).unwrap();
    }
    std::fs::write(app.keys().join("clients.toml"), CLIENTS).unwrap();
    app.clock.advance(Duration::from_secs(1));
    let narrow = add_key(app, "narrow", Scope::Write, &["alpha"]).await;
    let overlays = add_key(app, "overlays", Scope::Write, &["alpha", "ADJUSTMENT_*"]).await;
    for (row, expected) in PUSHES {
        for (strategy, expected) in ["alpha", "beta", "ADJUSTMENT_MAIN"].into_iter().zip(expected) {
            let body = json!({"strategy_name": strategy, "positions": []}).to_string();
            let token = token(app, row, &body);
            let header = match row {
                "nothing" => ("x-nothing", ""),
                "password" => ("x-internal-password", PASSWORD),
                "session" => ("cookie", &*door.session.0),
                "write narrow" => ("x-api-key", &*narrow),
                "write overlays" => ("x-api-key", &*overlays),
                "made up" => ("x-api-key", "jq2qmt_made_up"),
                key if door.keys.contains_key(key) => ("x-api-key", &*door.keys[key]),
                _ => ("x-auth-token", &*token),
            };
            if row == "token that was used" {
                // An overlay's would not be used up: it is refused before.
                let other = json!({"strategy_name": "alpha", "positions": []}).to_string();
                let used = self::token(app, row, &other);
                app.post(UPDATE, &[("x-auth-token", &used)], other.clone()).await.ok();
                let again = app.post(UPDATE, &[("x-auth-token", &used)], other).await;
                assert_eq!(again.refusal().1, expected, "{row}");
                continue;
            }
            let answer = app.post(UPDATE, &[header], body).await;
            let found = if answer.status == 200 { "in".to_owned() } else { answer.refusal().1 };
            assert_eq!(found, expected, "{row}: {strategy}");
        }
    }
}
