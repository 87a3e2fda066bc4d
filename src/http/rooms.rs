//! Which room each request belongs to, so that it takes a place there.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Request;
use axum::routing::MethodRouter;

use super::AppState;
use super::places::Places;

/// What a request is for. Each has places of its own, so that no crowd keeps anybody else waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Whether the process answers: waits for nothing.
    Health,
    /// Whether the store takes writes: waits for the disk.
    Readiness,
    /// What the book says now.
    Polls,
    /// What programs want it to say.
    Pushes,
    /// What people look at.
    Pages,
    /// What the operator does.
    Operators,
    /// What was.
    History,
    /// What was, as files: a place is held until the file was taken.
    Exports,
}

impl Room {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 8] = [
        Self::Health,
        Self::Readiness,
        Self::Polls,
        Self::Pushes,
        Self::Pages,
        Self::Operators,
        Self::History,
        Self::Exports,
    ];

    /// What it is called in figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Readiness => "readiness",
            Self::Polls => "polls",
            Self::Pushes => "pushes",
            Self::Pages => "pages",
            Self::Operators => "operators",
            Self::History => "history",
            Self::Exports => "exports",
        }
    }

    /// Its places, in all and for one address.
    pub(super) fn places(self) -> Places {
        match self {
            Self::Health => Places::new("questions for health", 64, 64),
            Self::Readiness => Places::new("questions for readiness", 16, 16),
            Self::Polls => Places::new("polls", 512, 256),
            // Fewer than one address has connections: those that wait for the disk leave seats for its polls.
            Self::Pushes => Places::new("pushes", 512, 384),
            Self::Pages => Places::new("pages", 64, 32),
            // More than strangers and logins have together: those take a place here too, before it is known who they are.
            Self::Operators => Places::new("the operator", 128, 128),
            Self::History => Places::new("looks into the history", 8, 4),
            Self::Exports => Places::new("exports", 4, 2),
        }
    }

    /// Whether its requests change something.
    const fn is_of_changes(self) -> bool {
        matches!(self, Self::Pushes | Self::Operators)
    }

    /// Where a request of this room belongs: who asks what was, looks back, wherever it is asked.
    fn of(self, request: &Request) -> Self {
        let query = request.uri().query().filter(|_| matches!(self, Self::Polls | Self::Pages));
        let mut parameters = query.into_iter().flat_map(|query| form_urlencoded::parse(query.as_bytes()));
        if parameters.any(|(name, _)| name == "as_of") { Self::History } else { self }
    }
}

/// The rooms of a path: of who only looks, and of who changes something.
#[derive(Debug, Clone, Copy, Default)]
struct OfPath {
    looking: Option<Room>,
    changing: Option<Room>,
}

/// Routes, and the rooms that their requests belong to.
pub(super) struct Routes {
    room: Room,
    router: Router<AppState>,
    rooms: BTreeMap<&'static str, OfPath>,
}

impl Routes {
    /// No routes yet, of one room.
    pub(super) fn of(room: Room) -> Self {
        Self { room, router: Router::new(), rooms: BTreeMap::new() }
    }

    pub(super) fn route(mut self, path: &'static str, methods: MethodRouter<AppState>) -> Self {
        let of_path = self.rooms.entry(path).or_default();
        if self.room.is_of_changes() {
            of_path.changing = Some(self.room);
        } else {
            of_path.looking = Some(self.room);
        }
        Self { router: self.router.route(path, methods), ..self }
    }

    /// These, and those of another room.
    pub(super) fn merge(mut self, other: Self) -> Self {
        for (path, rooms) in other.rooms {
            let of_path = self.rooms.entry(path).or_default();
            of_path.looking = of_path.looking.or(rooms.looking);
            of_path.changing = of_path.changing.or(rooms.changing);
        }
        Self { router: self.router.merge(other.router), ..self }
    }

    /// The same with something around them.
    pub(super) fn within(self, around: impl FnOnce(Router<AppState>) -> Router<AppState>) -> Self {
        Self { router: around(self.router), ..self }
    }

    /// The router, and what finds a request's room.
    pub(super) fn parted(self) -> (Router<AppState>, Rooms) {
        let (mut by_path, paths) = (matchit::Router::new(), self.rooms.keys().copied().collect());
        for (path, rooms) in self.rooms {
            let inserted = by_path.insert(path, rooms);
            debug_assert!(inserted.is_ok(), "the router has refused it before");
        }
        (self.router, Rooms { by_path, paths })
    }
}

/// Where requests belong. It is asked before the router is, because a layer of the router would cost every poll the clone
/// of a route and two boxes.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    by_path: matchit::Router<OfPath>,
    /// As they are spelled.
    pub(super) paths: Vec<&'static str>,
}

impl Rooms {
    /// Where a request belongs; None where there is no such path.
    pub(super) fn of(&self, request: &Request) -> Option<Room> {
        let OfPath { looking, changing } = *self.by_path.at(request.uri().path()).ok()?.value;
        let room = if request.method().is_safe() { looking.or(changing) } else { changing.or(looking) };
        room.map(|room| room.of(request))
    }
}
