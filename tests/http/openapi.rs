//! What the interface says of itself, held against what the router does.

use std::collections::BTreeSet;

use jq2qmt::auth::rights::Reads;
use serde_json::Value;

use crate::app::App;
use crate::pages::text;

const DOCUMENT: &str = "/api/v1/openapi.json";

/// Whether a path is one for programs.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Every value of a member of that name, wherever it stands.
fn all<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let (own, parts): (Option<&Value>, Vec<&Value>) = match value {
        Value::Object(members) => (members.get(name), members.values().collect()),
        Value::Array(elements) => (None, elements.iter().collect()),
        _ => (None, Vec::new()),
    };
    own.into_iter().chain(parts.into_iter().flat_map(|part| all(part, name))).collect()
}

#[tokio::test]
async fn each_route_has_an_entry_and_each_entry_a_route() {
    let app = App::start().await;
    let document = app.get(DOCUMENT).await.ok();
    let paths = document["paths"].as_object().unwrap();
    let entries: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())))
        .collect();
    let routes = app.routes().await;
    let routes: BTreeSet<(String, String)> = routes
        .into_iter()
        .filter(|(_, path)| is_for_programs(path))
        // OpenAPI knows no wildcard over several segments.
        .map(|(method, path)| (method, path.replace("{*", "{")))
        .collect();
    let without_entry: Vec<_> = routes.difference(&entries).collect();
    let without_route: Vec<_> = entries.difference(&routes).collect();
    assert!(without_entry.is_empty() && without_route.is_empty(), "{without_entry:?} {without_route:?}");
}

#[tokio::test]
async fn what_the_document_refers_to_is_in_it() {
    let app = App::start().await;
    let answer = app.get(DOCUMENT).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.ok();
    assert_eq!(document["openapi"], "3.1.0");
    for reference in all(&document, "$ref") {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let ids: Vec<_> = all(&document["paths"], "operationId").into_iter().map(Value::as_str).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each is called otherwise");
    for requirement in all(&document["paths"], "security") {
        for scheme in requirement.as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap().keys()) {
            assert!(document["components"]["securitySchemes"].get(scheme).is_some(), "{scheme}");
        }
    }
}

#[tokio::test]
async fn reading_needs_a_credential_where_the_server_is_read_so() {
    for (reads, may_anybody) in [(Reads::Open, true), (Reads::Key, false)] {
        let app = App::start_with(reads).await;
        let document = app.get(DOCUMENT).await.ok();
        let needs = |method: &str, path: &str| document["paths"][path][method]["security"].as_array().unwrap().clone();
        let nothing = serde_json::json!({});
        assert_eq!(needs("get", "/api/v1/positions/total").contains(&nothing), may_anybody);
        assert!(!needs("post", "/api/v1/positions/update").contains(&nothing));
        assert_eq!(needs("put", "/api/v1/guards"), [serde_json::json!({"password": []})]);
        assert!(needs("get", "/healthz").contains(&nothing));
    }
}

#[tokio::test]
async fn people_read_it_as_a_page_in_both_languages() {
    let app = App::start_with(Reads::Key).await;
    let document = app.get(DOCUMENT).await.ok();
    for (language, heading) in [("zh", "接口说明"), ("en", "The interface")] {
        let answer = app.get_with("/api", &[("accept-language", language)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        let page = text(&answer);
        assert!(page.contains(&format!("<h1>{heading}</h1>")) && page.contains("href=\"/api\" aria-current"));
        for id in all(&document["paths"], "operationId") {
            assert!(page.contains(&format!("<details id=\"{}\">", id.as_str().unwrap())), "{id}");
        }
        for (name, _) in document["components"]["schemas"].as_object().unwrap() {
            assert!(page.contains(&format!("<div id=\"schema-{name}\">")), "{name}");
        }
        // Where a link of the page leads is on it.
        for target in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
        }
        assert!(page.contains("<code>POST /api/v1/positions/update</code>") && page.contains("#schema-Push"));
    }
}
