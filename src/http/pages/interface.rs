//! `/api`: what the interface says of itself, as people read it.

use std::sync::LazyLock;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::super::document;
use super::html;
use super::texts::Texts;
use super::view::View;

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    v: View,
    interface: &'static Interface,
}

/// The document as the page shows it: the same for everybody.
static INTERFACE: LazyLock<Interface> = LazyLock::new(|| Interface::of(&document::value()));

/// `GET /api`
pub(super) async fn page(v: View) -> Response {
    html(StatusCode::OK, &ApiPage { v, interface: &INTERFACE })
}

struct Interface {
    schemes: Vec<Scheme>,
    groups: Vec<Group>,
    schemas: Vec<Described>,
}

/// A way to show who asks.
struct Scheme {
    place: String,
    description: String,
}

struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    who: Who,
    summary: String,
    description: String,
    parameters: Vec<Member>,
    body: Option<Kind>,
    answers: Vec<Member>,
}

/// A parameter of a request, a member of an object, or an answer by its status.
struct Member {
    name: String,
    is_required: bool,
    place: Option<String>,
    kind: Kind,
    description: String,
}

/// A schema under its name.
struct Described {
    name: String,
    description: String,
    kind: Kind,
    members: Vec<Member>,
}

/// What something looks like: words, and perhaps the name of a schema among them.
#[derive(Default)]
struct Kind {
    before: String,
    schema: Option<String>,
    after: String,
}

/// Who may.
#[derive(Debug, Clone, Copy)]
enum Who {
    Anyone,
    Readers,
    Pushers,
    Terminals,
    Operator,
}

impl Who {
    fn of(operation: &Value) -> Self {
        let needs = |scheme: &str| list(operation, "security").iter().any(|one| one.get(scheme).is_some());
        match () {
            () if needs("token") => Self::Pushers,
            () if needs("session") => Self::Readers,
            () if needs("password") => Self::Operator,
            () if needs("api_key") => Self::Terminals,
            () => Self::Anyone,
        }
    }

    const fn word(self, t: &Texts) -> &'static str {
        match self {
            Self::Anyone => t.may_anyone,
            Self::Readers => t.may_readers,
            Self::Pushers => t.may_pushers,
            Self::Terminals => t.may_terminals,
            Self::Operator => t.may_operator,
        }
    }
}

/// A text, without the marks that Markdown sets around code.
fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().replace('`', "")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[name].as_object().into_iter().flat_map(Map::iter)
}

/// What a reference leads to.
fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

impl Kind {
    fn words(words: impl Into<String>) -> Self {
        Self { before: words.into(), ..Self::default() }
    }

    fn of(schema: &Value) -> Self {
        if let Some(reference) = schema["$ref"].as_str() {
            return Self { schema: reference.rsplit('/').next().map(str::to_owned), ..Self::default() };
        }
        let choices = [list(schema, "oneOf"), list(schema, "anyOf"), list(schema, "allOf")].concat();
        if !choices.is_empty() {
            return Self::of_choices(&choices);
        }
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            return Self::words(words.join(", "));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        if types.contains(&"array") {
            let Self { before, schema, after } = Self::of(&schema["items"]);
            return Self { before: format!("[ {before}"), schema, after: format!("{after}, … ]") };
        }
        Self::words(if types.is_empty() { "any".to_owned() } else { types.join(" or ") })
    }

    /// One of several; null is told last.
    fn of_choices(choices: &[Value]) -> Self {
        let (none, some): (Vec<&Value>, Vec<&Value>) = choices.iter().partition(|one| one["type"] == "null");
        let after = if none.is_empty() { "" } else { " or null" };
        if let [one] = some[..] {
            let Self { before, schema, after: rest } = Self::of(one);
            return Self { before, schema, after: rest + after };
        }
        let names: Vec<String> = some.iter().map(|one| Self::of(one).plain()).collect();
        Self::words(names.join(" or ") + after)
    }

    fn plain(self) -> String {
        self.before + self.schema.as_deref().unwrap_or_default() + &self.after
    }

    /// Of a request's body, or an answer's.
    fn of_content(value: &Value) -> Option<Self> {
        let (content_type, content) = members(value, "content").next()?;
        let kind = Self::of(&content["schema"]);
        Some(if content_type == "application/json" { kind } else { Self::words(content_type) })
    }
}

impl Member {
    fn parameter(parameter: &Value) -> Self {
        Self {
            name: text(parameter, "name"),
            is_required: parameter["required"] == true,
            place: parameter["in"].as_str().map(str::to_owned),
            kind: Kind::of(&parameter["schema"]),
            description: text(parameter, "description"),
        }
    }

    fn answer(document: &Value, status: &str, answer: &Value) -> Self {
        let answer = followed(document, answer);
        let kind = Kind::of_content(answer).unwrap_or_default();
        Self {
            name: status.to_owned(),
            is_required: false,
            place: None,
            kind,
            description: text(answer, "description"),
        }
    }

    /// Those of an object, and of the objects that it is made up of.
    fn of(document: &Value, schema: &Value) -> Vec<Self> {
        let required = list(schema, "required");
        let own = members(schema, "properties").map(|(name, property)| Self {
            name: name.clone(),
            is_required: required.iter().any(|one| one == name),
            place: None,
            kind: Kind::of(property),
            description: text(property, "description"),
        });
        let parts = list(schema, "allOf").iter().flat_map(|part| Self::of(document, followed(document, part)));
        own.chain(parts).collect()
    }
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        Self {
            id: text(operation, "operationId"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            who: Who::of(operation),
            summary: text(operation, "summary"),
            description: text(operation, "description"),
            parameters: list(operation, "parameters").iter().map(Member::parameter).collect(),
            body: Kind::of_content(&operation["requestBody"]),
            answers: members(operation, "responses")
                .map(|(status, answer)| Member::answer(document, status, answer))
                .collect(),
        }
    }
}

impl Interface {
    fn of(document: &Value) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (path, item) in members(document, "paths") {
            for (method, operation) in item.as_object().into_iter().flat_map(Map::iter) {
                let name = operation["tags"][0].as_str().unwrap_or_default();
                let operation = Operation::of(document, path, method, operation);
                match groups.iter_mut().find(|group| group.name == name) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group { name: name.to_owned(), operations: vec![operation] }),
                }
            }
        }
        let components = &document["components"];
        let way = |(_, way): (&String, &Value)| {
            let place = if way["type"] == "http" {
                format!("Authorization: {}", text(way, "scheme"))
            } else {
                format!("{}: {}", text(way, "in"), text(way, "name"))
            };
            Scheme { place, description: text(way, "description") }
        };
        let described = |(name, schema): (&String, &Value)| Described {
            name: name.clone(),
            description: text(schema, "description"),
            kind: Kind::of(schema),
            members: Member::of(document, schema),
        };
        Self {
            schemes: members(components, "securitySchemes").map(way).collect(),
            groups,
            schemas: members(components, "schemas").map(described).collect(),
        }
    }
}
