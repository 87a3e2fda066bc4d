//! What the interface says of itself, in `OpenAPI`: an entry for each route, made in the file of its handler.

use std::sync::LazyLock;

use axum::body::Bytes;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::Header;
use utoipa::openapi::info::InfoBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{License, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::error::ErrorBody;
use super::{api, live};
use crate::auth::rights::Reads;
use crate::domain::account::AccountName;
use crate::domain::channel::ChannelName;
use crate::domain::code::Code;
use crate::domain::strategy::StrategyName;

const JSON: &str = "application/json";

/// Who may send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Anybody.
    Anyone,
    /// Who may read.
    Reader,
    /// Who signs a token, or shows an API key for writing.
    Pusher,
    /// Whose API key is bound to the account.
    Terminal,
    /// Who knows the operator's password.
    Operator,
}

/// The ways to show an API key, by their names among the schemes.
const API_KEY: [&str; 4] = ["api_key", "api_key_bearer", "api_key_basic", "api_key_in_query"];

impl Caller {
    /// By what the caller is known: any one of these.
    fn schemes(self) -> Vec<&'static str> {
        match self {
            Self::Anyone => Vec::new(),
            Self::Reader => [&API_KEY[..], &["password", "session"]].concat(),
            Self::Pusher => [&["token"], &API_KEY[..]].concat(),
            Self::Terminal => API_KEY.to_vec(),
            Self::Operator => vec!["password"],
        }
    }

    /// With what a request may fail before it is looked at what it asks for.
    const fn failures(self) -> &'static [u16] {
        match self {
            Self::Anyone => &[403, 503],
            Self::Reader => &[401, 403, 429, 503],
            Self::Pusher | Self::Terminal => &[400, 401, 403, 408, 413, 415, 503],
            Self::Operator => &[400, 401, 403, 408, 413, 415, 429, 503],
        }
    }
}

/// Statuses of failures, and what they mean.
const FAILURES: [(u16, &str); 14] = [
    (400, "It cannot be understood, or breaks a rule: nothing of it was taken."),
    (401, "The credential is missing, or not good."),
    (
        403,
        "The credential is good for something else; or the request is meant for another server, or another site's page sent it.",
    ),
    (404, "There is no such thing."),
    (408, "The body took too long to arrive."),
    (409, "What is there does not allow it."),
    (410, "It was folded: only the archive still knows it."),
    (412, "Somebody else has changed it meanwhile."),
    (413, "The body is larger than 4 MiB."),
    (415, "The body is of another content type."),
    (422, "A guard refuses the push: the target stays as it was."),
    (429, "Too many wrong passwords came from the address."),
    (502, "The channel did not take the message."),
    (503, "Not now: a terminal must not trade, and everybody else may try again."),
];

/// Schemas by their names.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// What the document says of a route and a method.
pub(super) struct Entry {
    method: HttpMethod,
    /// As the router spells it.
    path: &'static str,
    caller: Caller,
    operation: OperationBuilder,
    failures: Vec<u16>,
    schemas: Schemas,
}

impl Entry {
    fn new(method: HttpMethod, path: &'static str, caller: Caller, summary: &str) -> Self {
        let operation =
            OperationBuilder::new().summary(Some(summary)).tag(tag(path)).operation_id(Some(id(&method, path)));
        let operation = path_parameters(path).into_iter().fold(operation, OperationBuilder::parameter);
        let named = if path.contains('{') { &[400][..] } else { &[] };
        let failures = [caller.failures(), named].concat();
        Self { method, path, caller, operation, failures, schemas: Schemas::new() }
    }

    /// What a reader asks for.
    pub(super) fn read(path: &'static str, summary: &str) -> Self {
        Self::new(HttpMethod::Get, path, Caller::Reader, summary)
    }

    /// What everybody may ask for.
    pub(super) fn for_anyone(path: &'static str, summary: &str) -> Self {
        Self::new(HttpMethod::Get, path, Caller::Anyone, summary)
    }

    /// What somebody who is no operator sends.
    pub(super) fn sent_by(caller: Caller, path: &'static str, summary: &str) -> Self {
        Self::new(HttpMethod::Post, path, caller, summary)
    }

    /// What only the operator does.
    pub(super) fn operator(method: HttpMethod, path: &'static str, summary: &str) -> Self {
        Self::new(method, path, Caller::Operator, summary)
    }

    /// What else is to be known.
    pub(super) fn about(self, description: &str) -> Self {
        Self { operation: self.operation.description(Some(description)), ..self }
    }

    /// It takes these parameters in its query.
    pub(super) fn query<Q: IntoParams>(mut self) -> Self {
        self.failures.push(400);
        let parameters = Q::into_params(|| Some(ParameterIn::Query));
        Self { operation: parameters.into_iter().fold(self.operation, OperationBuilder::parameter), ..self }
    }

    /// It looks at a header.
    pub(super) fn header(self, name: &str, description: &str) -> Self {
        let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
        let header = header.description(Some(description)).schema(Some(text()));
        Self { operation: self.operation.parameter(header), ..self }
    }

    /// A terminal may say its name.
    pub(super) fn terminal_named(self) -> Self {
        self.header("X-Terminal", "What the terminal that asks calls itself: it holds the account from then on.")
    }

    /// Its JSON body.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(self.of::<T>())).build();
        let body = RequestBodyBuilder::new().content(JSON, content).required(Some(Required::True)).build();
        Self { operation: self.operation.request_body(Some(body)), ..self }
    }

    /// The same change may be made on condition that nobody has made another one.
    pub(super) fn on_condition(mut self) -> Self {
        self.failures.push(412);
        self.header(
            "If-Match",
            "The revision, in quotes, that the change is made against; \"0\" where nothing is there yet.",
        )
    }

    /// Its answer: 200 with a JSON body.
    pub(super) fn answers<T: ToSchema>(self) -> Self {
        self.answers_as::<T>(200, "Done.")
    }

    /// An answer with a JSON body.
    pub(super) fn answers_as<T: ToSchema>(mut self, status: u16, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(self.of::<T>())).build();
        self.answered(status, ResponseBuilder::new().description(description).content(JSON, content))
    }

    /// The same with the entity tag that `If-Match` takes.
    pub(super) fn answers_tagged<T: ToSchema>(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(self.of::<T>())).build();
        self.answered(200, tagged(ResponseBuilder::new().description("Done.").content(JSON, content)))
    }

    /// Its answer to who polls it: kept by who asks, until there is something new.
    pub(super) fn answers_polls<T: ToSchema>(self) -> Self {
        let polled = self.query::<super::asking::WaitQuery>().answers_tagged::<T>();
        let polled = polled.answered(304, tagged(ResponseBuilder::new().description("Nothing has changed.")));
        polled.header("If-None-Match", "The ETag of the answer that is there already.")
    }

    /// Its answer: 200 with a body that is no JSON.
    pub(super) fn answers_text(self, content_type: &str, description: &str) -> Self {
        self.answers_content(content_type, text(), description)
    }

    /// Its answer: 200 with a body that no type of ours describes.
    pub(super) fn answers_content(self, content_type: &str, schema: RefOr<Schema>, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        self.answered(200, ResponseBuilder::new().description(description).content(content_type, content))
    }

    /// Its answer: 200 with a file of comma-separated values.
    pub(super) fn answers_csv(self) -> Self {
        self.answers_text("text/csv", "A file for spreadsheets, with a line of names at its head.")
    }

    fn answered(self, status: u16, response: ResponseBuilder) -> Self {
        Self { operation: self.operation.response(status.to_string(), response.build()), ..self }
    }

    /// With which statuses it may fail besides those of everybody who calls it.
    pub(super) fn fails(mut self, statuses: &[u16]) -> Self {
        self.failures.extend(statuses);
        self
    }

    /// A reference to a type's schema, which is noted.
    fn of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        Ref::from_schema_name(T::name()).into()
    }

    fn item(mut self, reads: Reads) -> PathItem {
        self.failures.sort_unstable();
        self.failures.dedup();
        let mut operation = self.operation;
        for status in self.failures {
            let response: RefOr<Response> = Ref::from_response_name(status.to_string()).into();
            operation = operation.response(status.to_string(), response);
        }
        if self.caller == Caller::Anyone || self.caller == Caller::Reader && reads == Reads::Open {
            operation = operation.security(SecurityRequirement::default());
        }
        let none: [&str; 0] = [];
        let schemes = self.caller.schemes().into_iter().map(|scheme| SecurityRequirement::new(scheme, none));
        PathItem::new(self.method, schemes.fold(operation, OperationBuilder::security))
    }
}

fn tagged(response: ResponseBuilder) -> ResponseBuilder {
    response.header("ETag", Header::new(text()))
}

/// Under which noun an entry stands.
fn tag(path: &str) -> &str {
    let noun = path.strip_prefix("/api/v1/").and_then(|path| path.split(['/', '.']).next());
    noun.unwrap_or("server")
}

/// What an entry is called by programs that are made from the document.
fn id(method: &HttpMethod, path: &str) -> String {
    let words = path.strip_prefix("/api/v1").unwrap_or(path);
    format!("{}{}", word(method), words.replace(['{', '}', '*'], "").replace(['/', '.'], "_"))
}

const fn word(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Put => "put",
        HttpMethod::Post => "post",
        HttpMethod::Delete => "delete",
        _ => "get",
    }
}

/// The path as `OpenAPI` spells it, which knows no wildcard over several segments.
fn spelled(path: &str) -> String {
    path.replace("{*", "{")
}

/// The wildcards of a path: what each names is seen by where it stands.
fn path_parameters(path: &str) -> Vec<Parameter> {
    let segments: Vec<&str> = path.split('/').collect();
    let wildcard = |pair: &[&str]| {
        let name = pair[1].strip_prefix('{')?.strip_suffix('}')?.trim_start_matches('*');
        let (schema, description) = match (pair[0], name) {
            ("accounts", _) => (AccountName::schema(), "The account."),
            ("channels", _) => (ChannelName::schema(), "The channel."),
            ("locks", _) => (Code::schema(), "The instrument's code, in any notation."),
            (_, "id") => (number(), "Its number."),
            _ => (StrategyName::schema(), "The strategy."),
        };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        Some(parameter.description(Some(description)).schema(Some(schema)).build())
    };
    segments.windows(2).filter_map(wildcard).collect()
}

/// Any text.
fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// A whole number from 0 on.
fn number() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(i64::MAX)).into()
}

/// Every entry.
fn entries() -> Vec<Entry> {
    [api::entries(), live::entries()].into_iter().flatten().collect()
}

fn key(scheme: fn(ApiKeyValue) -> ApiKey, name: &str, description: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(scheme(ApiKeyValue::with_description(name, description)))
}

fn http(scheme: HttpAuthScheme, description: &str) -> SecurityScheme {
    let built: Http = HttpBuilder::new().scheme(scheme).description(Some(description)).build();
    SecurityScheme::Http(built)
}

/// How callers show who they are.
fn schemes() -> [(&'static str, SecurityScheme); 7] {
    [
        (
            "token",
            key(
                ApiKey::Header,
                "X-Auth-Token",
                "base64 of {\"auth_data\": {…}, \"signature\": \"<base64>\"}: the signature is RSASSA-PSS with SHA-256, MGF1 \
                 with SHA-256 and the longest salt, over auth_data as Python's json.dumps(…, sort_keys=True) spells it. \
                 auth_data holds client_id (whose key in keys/ verifies it) and timestamp (Unix seconds), and should hold \
                 body_sha256, method, path and nonce, which must match the request. A token is good once, for 300 s.",
            ),
        ),
        ("api_key", key(ApiKey::Header, "X-API-Key", "An API key: made by jq2qmt key add, or on the page of keys.")),
        ("api_key_bearer", http(HttpAuthScheme::Bearer, "The same, as a bearer token.")),
        ("api_key_basic", http(HttpAuthScheme::Basic, "The same, as the password of HTTP Basic with any user name.")),
        ("api_key_in_query", key(ApiKey::Query, "api_key", "The same, in the query.")),
        (
            "password",
            key(
                ApiKey::Header,
                "X-Internal-Password",
                "The operator's password. Where a request has a body, it may stand in it instead, as internal_password.",
            ),
        ),
        (
            "session",
            key(
                ApiKey::Cookie,
                "jq2qmt_session",
                "The session of a browser that is logged in to the pages; under HTTPS it is __Host-jq2qmt_session.",
            ),
        ),
    ]
}

/// The whole document, for a server that is read so.
fn document(reads: Reads) -> OpenApi {
    let mut of_errors = Schemas::new();
    ErrorBody::schemas(&mut of_errors);
    let mut components = ComponentsBuilder::new().schema_from::<ErrorBody>().schemas_from_iter(of_errors);
    for (status, description) in FAILURES {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content).build();
        components = components.response(status.to_string(), response);
    }
    components =
        schemes().into_iter().fold(components, |components, (name, scheme)| components.security_scheme(name, scheme));
    let mut paths = PathsBuilder::new();
    for mut entry in entries() {
        components = components.schemas_from_iter(std::mem::take(&mut entry.schemas));
        paths = paths.path(spelled(entry.path), entry.item(reads));
    }
    let info = InfoBuilder::new()
        .title("jq2qmt")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(License::new("MIT OR Apache-2.0")));
    let info = info.description(Some(
        "Keeps the target positions of quant strategies and tells the trading terminal their exact total. Volumes are in \
         shares, costs in CNY per share. A terminal that gets anything but a 200 does nothing: what is missing is not flat.",
    ));
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components.build())).build()
}

/// The document as JSON, for who draws it.
pub(super) fn value() -> serde_json::Value {
    serde_json::to_value(document(Reads::Key)).unwrap_or_default()
}

static OPEN: LazyLock<Bytes> = LazyLock::new(|| written(Reads::Open));
static KEY: LazyLock<Bytes> = LazyLock::new(|| written(Reads::Key));

fn written(reads: Reads) -> Bytes {
    serde_json::to_vec(&document(reads)).unwrap_or_default().into()
}

/// The document of a server that is read so.
pub(super) fn bytes(reads: Reads) -> Bytes {
    match reads {
        Reads::Open => OPEN.clone(),
        Reads::Key => KEY.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_two_schemas_have_one_name() {
        let mut known: BTreeMap<String, serde_json::Value> = BTreeMap::new();
        for (name, schema) in entries().into_iter().flat_map(|entry| entry.schemas) {
            let schema = serde_json::to_value(schema).unwrap();
            let before = known.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == schema), "{name}");
        }
    }
}
