//! The HTTP interface: state, routes and layers.

mod answer;
pub mod api;
mod as_of;
mod asking;
mod cache;
mod capacity;
mod conflict_text;
mod cookies;
mod csv;
mod document;
mod door;
pub mod error;
mod error_text;
mod extract;
mod figures;
mod incident_text;
mod live;
mod making;
mod pages;
mod places;
mod reason_text;
mod rooms;
mod scalars;
mod targets;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use futures::FutureExt as _;
use tokio::sync::watch;
use tower::ServiceExt as _;

use self::cache::Answers;
use self::capacity::Capacity;
use self::error::AppError;
use self::figures::Figures;
use self::making::Workshop;
use self::rooms::{Room, Rooms, Routes};
use self::targets::Targets;
use crate::alert::Messenger;
use crate::auth::rights::Gate;
use crate::clock::{Clock, Zone};
use crate::desk::Desk;
use crate::desk::incidents::Incidents;
use crate::doctor::Doctor;
use crate::lifecycle::Health;
use crate::net::Application;
use crate::store::Store;

/// The largest body of a request, in bytes.
pub const MAX_BODY: usize = 4 << 20;

/// The largest body of a login, in bytes.
pub const MAX_LOGIN_BODY: usize = 64 << 10;

/// How many clients that send unbound tokens are remembered.
const MAX_UNBOUND: usize = 20;

/// All that handlers share. A clone is one more reference.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

/// What an [`AppState`] refers to.
#[derive(Debug)]
pub struct Shared {
    store: Store,
    desk: Desk,
    messenger: Messenger,
    gate: Gate,
    clock: Clock,
    zone: Zone,
    answers: Answers,
    workshop: Workshop,
    incidents: Incidents,
    targets: Targets,
    /// Apart: a crowd that waited must not hold up who asks just now.
    crowd_workshop: Workshop,
    capacity: Capacity,
    figures: Figures,
    /// Whether the server is to stop: whoever only listens must let go.
    closing: watch::Sender<bool>,
    health: Health,
    /// Whether browsers reach the server by HTTPS.
    is_tls: bool,
    /// A push to try, shown as long as there is none.
    first_push: OnceLock<String>,
    /// Who looks whether everything is as it should be.
    doctor: OnceLock<Doctor>,
    /// Clients that sent a token bound to nothing since the start.
    unbound: Mutex<BTreeSet<String>>,
}

impl AppState {
    /// Brings together what handlers need.
    pub fn new(store: Store, gate: Gate, clock: Clock, zone: Zone, is_tls: bool, health: Health) -> Self {
        let answers = Answers::new(&zone, store.lineage());
        let (capacity, closing) = (Capacity::default(), watch::Sender::new(false));
        let desk = Desk::new(&store);
        let incidents = Incidents::new(store.clone(), clock.clone(), desk.clone(), &gate);
        Self(Arc::new(Shared {
            messenger: Messenger::new(store.clone(), desk.clone(), clock.clone(), zone.clone()),
            desk,
            store,
            gate,
            clock,
            zone,
            answers,
            workshop: Workshop::for_askers(),
            crowd_workshop: Workshop::for_crowds(),
            incidents,
            targets: Targets::default(),
            capacity,
            figures: Figures::default(),
            closing,
            is_tls,
            health,
            first_push: OnceLock::new(),
            doctor: OnceLock::new(),
            unbound: Mutex::default(),
        }))
    }

    /// Where everything is done that changes something.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What somebody should be told of.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Notes that a client's token was bound to nothing, for the operator to see.
    fn note_unbound(&self, client: &str) {
        let mut unbound = self.unbound.lock().unwrap_or_else(PoisonError::into_inner);
        // Under default.pem a client may call itself what it likes; a few names are enough to act on.
        if unbound.len() < MAX_UNBOUND {
            unbound.insert(client.to_owned());
        }
    }

    /// What the overview suggests to try as long as nobody has pushed: a command.
    pub fn suggest(&self, push: String) {
        let _ = self.first_push.set(push);
    }

    /// Says who looks whether everything is as it should be: once, at the start.
    pub fn examined_by(&self, doctor: Doctor) {
        let _ = self.doctor.set(doctor);
    }

    /// Who tells people of incidents.
    pub fn messenger(&self) -> &Messenger {
        &self.messenger
    }

    /// Ends what would otherwise never end: the connections of those who listen.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The whole application: what the binary serves and the tests call.
///
/// Requests must carry the peer's address as [`ConnectInfo`].
#[derive(Debug, Clone)]
pub struct App {
    state: AppState,
    rooms: Arc<Rooms>,
    router: Router,
}

impl App {
    /// All routes over this state.
    pub fn new(state: AppState) -> Self {
        Self::over(routes().merge(pages::routes()), state)
    }

    fn over(routes: Routes, state: AppState) -> Self {
        let (known, rooms) = routes.parted();
        let answering = known
            .fallback(async || AppError::NotFound)
            .method_not_allowed_fallback(async || AppError::MethodNotAllowed)
            .with_state(state.clone());
        Self { state, rooms: Arc::new(rooms), router: answering }
    }

    /// The paths of all routes, with their wildcards. Which methods each takes, it says to who asks with another one.
    pub fn paths(&self) -> &[&'static str] {
        &self.rooms.paths
    }

    /// Answers a request in the room where it belongs.
    async fn work(&self, request: Request) -> Response {
        let routed = |request| self.router.clone().oneshot(request).map(|Ok(response)| response);
        match self.rooms.of(&request) {
            Some(room) => {
                let response = capacity::bounded(&self.state, room, request, routed).await;
                self.state.figures.answered(room, response.status());
                response
            }
            None => routed(request).await,
        }
    }
}

impl Application for App {
    async fn answer(&self, request: Request) -> Response {
        answer::around(self, request).await
    }
}

fn routes() -> Routes {
    let polls = Routes::of(Room::Polls)
        .route("/api/v1/positions/strategy/{*name}", get(api::positions::strategy))
        .route("/api/v1/positions/total", get(api::positions::total))
        .route("/api/v1/positions/all", get(api::positions::all))
        .route("/api/v1/accounts/{name}/target", get(api::accounts::target))
        .route("/api/v1/strategies", get(api::strategies::all))
        .route("/api/v1/events", get(live::events));
    let pushes = Routes::of(Room::Pushes)
        .route(api::positions::UPDATE, post(api::positions::update))
        .route("/api/v1/accounts/{name}/report", post(api::reports::report));
    let operators = Routes::of(Room::Operators)
        .route("/api/v1/positions/update/internal", post(api::positions::update_internal))
        .route("/api/v1/strategies/{name}", delete(api::strategies::remove))
        .route("/api/v1/strategies/{name}/restore", post(api::strategies::restore))
        .route("/api/v1/strategies/{name}/state", post(api::states::set_state))
        .route("/api/v1/strategies/{name}/sequence", post(api::states::set_sequence))
        .route(
            "/api/v1/strategies/{name}/schedule",
            put(api::states::set_schedule).delete(api::states::remove_schedule),
        )
        .route("/api/v1/pause", post(api::states::pause))
        .route("/api/v1/guards", put(api::guards::set))
        .route("/api/v1/calendar", put(api::calendar::set))
        .route("/api/v1/channels", get(api::channels::all))
        .route("/api/v1/channels/{name}", put(api::channels::set).delete(api::channels::remove))
        .route("/api/v1/channels/{name}/test", post(api::channels::test))
        .route("/api/v1/guards/trial", post(api::guards::trial))
        .route("/api/v1/holds/{id}/approve", post(api::holds::approve))
        .route("/api/v1/holds/{id}/discard", post(api::holds::discard))
        .route("/api/v1/incidents/{id}/acknowledge", post(api::incidents::acknowledge))
        .route("/api/v1/accounts/{name}", put(api::accounts::set).delete(api::accounts::remove))
        .route("/api/v1/accounts/{name}/release", post(api::accounts::release))
        .route("/api/v1/accounts/{name}/preview", post(api::accounts::preview))
        .route("/api/v1/accounts/{name}/locks", delete(api::drift::release_all))
        .route("/api/v1/accounts/{name}/locks/{code}", delete(api::drift::release_one))
        .route("/api/v1/internal/password/set", post(api::password::set));
    let history = Routes::of(Room::History)
        .route("/api/v1/strategies/{name}/revisions", get(api::strategies::revisions))
        .route("/api/v1/strategies/{name}/diff", get(api::strategies::diff))
        .route("/api/v1/conflicts", get(api::conflicts::all))
        .route("/api/v1/accounts/{name}/holdings/changes", get(api::reports::changes))
        .route("/api/v1/accounts/{name}/fills", get(api::reports::fills))
        .route("/api/v1/accounts/{name}/fills.csv", get(api::reports::fills_csv))
        .route("/api/v1/accounts/{name}/attribution", get(api::attribution::attribution))
        .route("/api/v1/accounts/{name}/attribution.csv", get(api::attribution::attribution_csv))
        .route("/api/v1/reports/daily", get(api::daily::daily))
        .route("/api/v1/strategies/{name}/performance", get(api::attribution::performance))
        .route("/api/v1/strategies/{name}/performance.csv", get(api::attribution::performance_csv))
        .route("/api/v1/revisions/{id}", get(api::revisions::revision));
    let exports = Routes::of(Room::Exports)
        .route("/api/v1/revisions.json", get(api::ledger::array))
        .route("/api/v1/revisions.jsonl", get(api::ledger::lines))
        .route("/api/v1/revisions.csv", get(api::ledger::csv));
    let pages = Routes::of(Room::Pages)
        .route("/api/v1/strategies/{name}/state", get(api::states::standing))
        .route("/api/v1/pause", get(api::states::pauses))
        .route("/api/v1/guards", get(api::guards::all))
        .route("/api/v1/holds", get(api::holds::all))
        .route("/api/v1/incidents", get(api::incidents::all))
        .route("/api/v1/accounts", get(api::accounts::all))
        .route("/api/v1/accounts/{name}", get(api::accounts::one))
        .route("/api/v1/accounts/{name}/report", get(api::reports::last))
        .route("/api/v1/accounts/{name}/holdings.csv", get(api::reports::holdings_csv))
        .route("/api/v1/accounts/{name}/drift", get(api::drift::drift))
        .route("/api/v1/accounts/{name}/drift.csv", get(api::drift::csv))
        .route("/api/v1/accounts/{name}/locks", get(api::drift::locks))
        .route("/metrics", get(api::metrics::metrics))
        .route("/api/v1/calendar", get(api::calendar::days))
        .route("/api/v1/boards", get(api::boards::all))
        .route("/api/v1/auth/info", get(api::auth::info))
        .route("/api/v1/openapi.json", get(api::openapi::document))
        .route("/api/v1/internal/password/info", get(api::password::info));
    let health = Routes::of(Room::Health).route("/healthz", get(api::health::healthz));
    let readiness = Routes::of(Room::Readiness)
        .route("/readyz", get(api::health::readyz))
        .route("/api/v1/heartbeat", get(api::heartbeat::heartbeat));
    let api = polls.merge(pushes).merge(operators).merge(history).merge(exports).merge(pages);
    api.merge(health).merge(readiness)
}

/// The peer's address, as the server hands it over.
type Peer = ConnectInfo<SocketAddr>;
