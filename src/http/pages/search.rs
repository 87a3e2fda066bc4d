//! `/search`: strategies, instruments, revisions, accounts and pages by what somebody types; a single answer is gone to at once.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::initials::match_initials;
use super::known;
use super::links::{account_path, instrument_path, revision_path, strategy_path};
use super::texts::Texts;
use super::view::{Reading, View};
use super::{html, see_other};
use crate::domain::book::Book;
use crate::domain::code::{Code, Instrument};
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::store::Untold;

/// How many of each sort are listed.
const LISTED: usize = 50;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    v: View,
    typed: String,
    groups: Vec<Group>,
}

/// What was found of one sort.
struct Group {
    name: &'static str,
    hits: Vec<Hit>,
    hidden: usize,
}

/// Something that was found, and where it is.
struct Hit {
    link: String,
    label: String,
    beside: String,
    /// Whether it is what was typed, and does not only hold it.
    is_exact: bool,
}

/// What somebody looks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchQuery {
    q: Typed,
}

/// `GET /search`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<SearchQuery>,
) -> Result<Response, AppError> {
    let wish = Wish::of(&query.q);
    let mut groups = Vec::new();
    if !wish.typed.is_empty() {
        let found = [
            (v.t.strategies, strategies(&book, &wish, v.t)),
            (v.t.instruments, instruments(&book, &wish)),
            (v.t.revision, revision(&state, &wish, &v).await?),
            (v.t.accounts, accounts(&book, &wish)),
            (v.t.pages, pages(&wish, v.t)),
        ];
        groups.extend(found.into_iter().filter(|(_, hits)| !hits.is_empty()));
    }
    if let Some(only) = only(&groups) {
        return Ok(see_other(&only.link));
    }
    let group = |(name, mut hits): (&'static str, Vec<Hit>)| {
        let hidden = hits.len().saturating_sub(LISTED);
        hits.truncate(LISTED);
        Group { name, hits, hidden }
    };
    let groups = groups.into_iter().map(group).collect();
    Ok(html(StatusCode::OK, &SearchPage { v, typed: wish.typed, groups }))
}

/// The one thing that is meant: the only one that is what was typed, or that was found at all.
fn only<'a>(groups: &'a [(&'static str, Vec<Hit>)]) -> Option<&'a Hit> {
    let single = |exact: bool| {
        let mut hits = groups.iter().flat_map(|(_, hits)| hits).filter(|hit| hit.is_exact || !exact);
        hits.next().filter(|_| hits.next().is_none())
    };
    single(true).or_else(|| single(false))
}

/// What is looked for.
struct Wish {
    typed: String,
    lower: String,
    /// The instrument that it is the code of.
    instrument: Option<Instrument>,
}

impl Wish {
    fn of(typed: &str) -> Self {
        let typed = typed.trim().to_owned();
        let upper = typed.to_uppercase();
        let code = Code::infer(&upper).or_else(|| Code::parse(&upper).ok());
        Self { lower: typed.to_lowercase(), instrument: code.map(|code| code.instrument()), typed }
    }

    fn is(&self, name: &str) -> bool {
        name.to_lowercase() == self.lower
    }

    fn is_in(&self, name: &str) -> bool {
        name.to_lowercase().contains(&self.lower) || match_initials(name, &self.lower)
    }

    /// Something by its name, where that is like what was typed.
    fn hit(&self, name: &str, link: String) -> Option<Hit> {
        let hit = || Hit { link, label: name.to_owned(), beside: String::new(), is_exact: self.is(name) };
        self.is_in(name).then(hit)
    }
}

fn strategies(book: &Book, wish: &Wish, t: &Texts) -> Vec<Hit> {
    let hit = |name: &StrategyName| {
        let mut hit = wish.hit(name.as_str(), strategy_path(name.as_str()))?;
        if book.strategy(name).is_none() {
            let waits = book.settings().hold(name).is_some();
            (if waits { t.waits } else { t.state_closed }).clone_into(&mut hit.beside);
        }
        Some(hit)
    };
    known::strategies(book).iter().filter_map(hit).collect()
}

fn instruments(book: &Book, wish: &Wish) -> Vec<Hit> {
    let hit = |known: known::Known| {
        let instrument = known.code.instrument();
        let is_code = wish.instrument.as_ref() == Some(&instrument) || wish.is(instrument.symbol());
        let is_like = instrument.to_string().to_lowercase().contains(&wish.lower)
            || known.code.to_string().to_lowercase().contains(&wish.lower);
        let label = known.code.to_string();
        (is_code || is_like || wish.is_in(&known.name)).then(|| Hit {
            link: instrument_path(&label),
            label,
            is_exact: is_code || wish.is(&known.name),
            beside: known.name,
        })
    };
    known::instruments(book).into_iter().filter_map(hit).collect()
}

async fn revision(state: &AppState, wish: &Wish, v: &View) -> Result<Vec<Hit>, AppError> {
    let number = wish.lower.trim_start_matches(['#', 'r']);
    // A code may begin with zeros; a revision's number never does.
    let Some(number) = number.parse::<Revision>().ok().filter(|one| one.to_string() == number) else {
        return Ok(Vec::new());
    };
    let found = match state.store.revision(number).await {
        Err(Untold::Folded(_)) => None,
        found => found?,
    };
    let hit = found.map(|info| Hit {
        link: revision_path(number),
        label: format!("{} {number}", v.t.revision),
        beside: format!("{} {} {}", v.t.of_kind(&info.kind), info.subject.name(), v.time(&info.at)),
        is_exact: true,
    });
    Ok(hit.into_iter().collect())
}

fn accounts(book: &Book, wish: &Wish) -> Vec<Hit> {
    let names = book.settings().accounts().map(|(name, _)| name.as_str());
    names.filter_map(|name| wish.hit(name, account_path(name))).collect()
}

fn pages(wish: &Wish, t: &Texts) -> Vec<Hit> {
    let all = [
        (t.overview, "/"),
        (t.incidents, "/incidents"),
        (t.holds, "/holds"),
        (t.accounts, "/accounts"),
        (t.guards, "/guards"),
        (t.calendar, "/calendar"),
        (t.adjustments, "/adjustment"),
        (t.history, "/history"),
        (t.daily_report, "/reports"),
        (t.channels, "/channels"),
        (t.compare, "/compare"),
        (t.conflicts, "/conflicts"),
        (t.keys, "/keys"),
        (t.doctor, "/doctor"),
        (t.password, "/password"),
    ];
    all.into_iter().filter_map(|(name, path)| wish.hit(name, path.to_owned())).collect()
}
