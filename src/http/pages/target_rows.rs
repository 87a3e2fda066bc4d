//! What Today shows of a target, the merged total's or an account's: line by line, beside the last close and what is held.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::sort::Sort;
use super::view::View;
use crate::domain::board::Board;
use crate::domain::book::{Book, Strategy};
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::decimal::{Decimal, Scaled, Volume};
use crate::domain::drift::{DriftLine, drift};
use crate::domain::moment::Moment;
use crate::domain::settings::Settled;
use crate::domain::since::Since;
use crate::domain::target::{self, HoldReason, Target, TargetLine};
use crate::domain::total::{Selection, TotalLine};

/// How many pieces a bar has at most: more cannot be told apart.
const PIECES: usize = 24;

/// How many colours strategies have in bars.
const COLOURS: usize = 8;

/// The columns that targets are sorted by; without one they keep their order.
pub(super) const COLUMNS: [&str; 12] = [
    "code", "name", "volume", "against", "holding", "drift", "hold", "exact", "average", "invested", "share", "holders",
];

/// One line of a target.
pub(super) struct TargetRow {
    pub(super) code: Code,
    pub(super) name: String,
    pub(super) volume: Volume,
    /// The same before lots, of an account: shares.
    pub(super) exact: Option<Scaled>,
    /// What was wanted at the last close; None where that is not known.
    pub(super) was: Option<Volume>,
    /// What the account holds; None where nothing is reported, and of the merged total.
    pub(super) holding: Option<Volume>,
    pub(super) drift: Option<DriftLine>,
    /// The last price that was reported: CNY per share.
    pub(super) price: Option<f64>,
    /// Why it must not be traded now.
    pub(super) hold: Option<HoldReason>,
    /// Whether it is no line any more, and stood in the target at the last close.
    pub(super) is_gone: bool,
    /// What the strategies paid on average, and for all of it: CNY.
    pub(super) average: Option<f64>,
    pub(super) cost: f64,
    /// What of the whole target's cost that is.
    pub(super) share: f64,
    /// How many strategies want it, where lines are sorted by that, and how much each, in rows that are shown.
    holders: usize,
    pub(super) parts: Vec<Part>,
    /// The same of an account's target, before it is told.
    wanted: Vec<target::Part>,
}

/// What one strategy wants of an instrument.
pub(super) struct Part {
    pub(super) strategy: String,
    /// Exact: shares.
    pub(super) volume: String,
    /// What it paid, of the merged total: CNY per share.
    pub(super) cost: Option<Decimal>,
    /// How long its piece of the bar is, and which of the colours its strategy has.
    weight: f64,
    colour: usize,
}

impl TargetRow {
    /// Whether the operator can let it be traded again.
    pub(super) const fn is_locked(&self) -> bool {
        matches!(self.hold, Some(HoldReason::UnexplainedChange(_)))
    }

    /// What has changed since the last close; None where it is as it was, or that is not known.
    pub(super) fn against(&self) -> Option<Volume> {
        self.was.map(|was| self.volume - was).filter(|moved| !moved.is_zero())
    }

    /// Whether it is less than nothing, which terminals take as nothing.
    pub(super) fn is_negative(&self) -> bool {
        self.volume < Volume::default()
    }

    /// The first reason for that, and how many more there are.
    pub(super) fn reason(&self, v: &View) -> String {
        let parts = self.drift.as_ref().map(|drift| drift.parts.as_slice()).unwrap_or_default();
        let Some((first, more)) = parts.split_first() else { return String::new() };
        let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
        v.t.of_drift(first) + &more
    }

    /// Why what is held is not what is wanted, in words.
    pub(super) fn reasons(&self, v: &View) -> String {
        let parts = self.drift.iter().flat_map(|drift| &drift.parts);
        let words: Vec<String> =
            parts.map(|part| format!("{} {}", v.t.of_drift(part), v.signed(&part.shares))).collect();
        words.join(v.t.comma)
    }

    /// The bar's pieces: from where, how long, and which colour, in hundredths of the line. What is too much for a bar is left
    /// out at its end.
    pub(super) fn pieces(&self) -> Vec<(f64, f64, usize)> {
        let whole: f64 = self.parts.iter().map(|part| part.weight).sum();
        let mut from = 0.0;
        let piece = |part: &Part| {
            let width = part.weight / whole.max(f64::MIN_POSITIVE) * 100.0;
            from += width;
            (from - width, width, part.colour)
        };
        self.parts.iter().take(PIECES).map(piece).collect()
    }

    /// Whether it is a row of the merged total: who wants it stands in the book.
    const fn is_of_total(&self) -> bool {
        self.exact.is_none()
    }

    fn board(&self) -> Option<&'static Board> {
        Board::of(&self.code.instrument())
    }

    /// Whether a text is found in it, or in the name of a strategy that wants it.
    fn says(&self, wanted: &str, book: &Book) -> bool {
        let says = |text: &str| text.to_lowercase().contains(wanted);
        [Notation::Jq, Notation::Qmt].iter().any(|notation| says(&self.code.to(*notation).to_string()))
            || says(&self.name)
            || self.wanted.iter().any(|part| says(part.strategy.as_str()))
            || self.is_of_total()
                && book.holders(&self.code.instrument()).iter().any(|holder| says(holder.name.as_str()))
    }
}

/// The merged total, beside what it was.
pub(super) fn of_total(
    book: &Book,
    lines: Vec<TotalLine>,
    then: Option<&Book>,
    since: Option<&Since>,
) -> Vec<TargetRow> {
    let gone =
        then.into_iter().flat_map(|then| then.total(&Selection::All).map(|total| total.lines).unwrap_or_default());
    let gone = gone.filter(|line| book.sum(&line.code.instrument()).0.is_zero());
    let gone: Vec<TargetRow> = gone
        .map(|line| TargetRow { volume: Volume::default(), cost: 0.0, is_gone: true, ..total_row(line, since) })
        .collect();
    shared(lines.into_iter().map(|line| total_row(line, since)).chain(gone).collect())
}

fn total_row(line: TotalLine, since: Option<&Since>) -> TargetRow {
    let instrument = line.code.instrument();
    let was = |since: &Since| since.instruments.get(&instrument).copied().unwrap_or(line.volume);
    TargetRow {
        was: since.map(was),
        name: line.name.map(String::from).unwrap_or_default(),
        volume: line.volume,
        exact: None,
        holding: None,
        drift: None,
        price: None,
        hold: None,
        is_gone: false,
        average: Some(line.average),
        cost: line.amount.approximate(),
        share: 0.0,
        holders: 0,
        parts: Vec::new(),
        wanted: Vec::new(),
        code: line.code,
    }
}

/// An account's target, beside what it was before, and what is held.
pub(super) fn of_account(
    book: &Book,
    settled: &Settled,
    target: &Target,
    before: Option<&Target>,
    now: Moment,
) -> Vec<TargetRow> {
    let reported = book.reported(&settled.name);
    let drifts = reported.map(|reported| drift(target, reported, book.settings().calendar(), now));
    let mut drifts: HashMap<Instrument, DriftLine> =
        drifts.into_iter().flatten().map(|line| (line.code.instrument(), line)).collect();
    let is_known = before.is_some();
    let lines = before.into_iter().flat_map(|before| &before.lines);
    let mut was: BTreeMap<Instrument, &TargetLine> = lines.map(|line| (line.code.instrument(), line)).collect();
    let mut row = |line: &TargetLine| {
        let instrument = line.code.instrument();
        let was = was.remove(&instrument).map(|line| line.volume).unwrap_or_default();
        let mut row = account_row(line, is_known.then_some(was));
        row.holding = reported.map(|reported| reported.held(&instrument).into());
        row.drift = drifts.remove(&instrument);
        let holding = reported.and_then(|reported| reported.holdings.get(&instrument));
        row.price = holding.and_then(|holding| holding.price).map(Decimal::approximate);
        row
    };
    let mut rows: Vec<TargetRow> = target.lines.iter().map(&mut row).collect();
    // What has left the target since then.
    let gone = was.into_values().filter(|line| !line.volume.is_zero());
    rows.extend(gone.map(|line| {
        let was = line.volume;
        let line =
            TargetLine { volume: Volume::default(), average: None, parts: Vec::new(), hold: None, ..line.clone() };
        TargetRow { is_gone: true, ..account_row(&line, Some(was)) }
    }));
    shared(rows)
}

fn account_row(line: &TargetLine, was: Option<Volume>) -> TargetRow {
    // The owner's own are no strategy's cost.
    let wanted = line.volume - line.protected.into();
    TargetRow {
        was,
        cost: line.average.map_or(0.0, |average| average * wanted.approximate()),
        name: line.name.as_deref().unwrap_or_default().to_owned(),
        volume: line.volume,
        exact: Some(line.exact),
        holding: None,
        drift: None,
        price: None,
        hold: line.hold.as_ref().map(|hold| hold.reason.clone()),
        is_gone: false,
        average: line.average,
        share: 0.0,
        holders: line.parts.len(),
        parts: Vec::new(),
        wanted: line.parts.clone(),
        code: line.code.clone(),
    }
}

/// Each with its share of what all cost.
fn shared(mut rows: Vec<TargetRow>) -> Vec<TargetRow> {
    let whole: f64 = rows.iter().map(|row| row.cost).sum();
    for row in rows.iter_mut().filter(|_| whole != 0.0) {
        row.share = row.cost / whole;
    }
    rows
}

/// Which colour each strategy has.
struct Colours(HashMap<String, usize>);

impl Colours {
    fn new(book: &Book) -> Self {
        Self(book.strategies().enumerate().map(|(n, strategy)| (strategy.name.to_string(), n % COLOURS)).collect())
    }

    fn of(&self, strategy: &str) -> usize {
        self.0.get(strategy).copied().unwrap_or_default()
    }
}

/// Fills in what every strategy wants of the rows that are shown. Of the merged total each list is walked once, however many
/// of its instruments are shown.
pub(super) fn fill_parts(book: &Book, rows: &mut [TargetRow]) {
    let colours = Colours::new(book);
    let part = |part: target::Part| Part {
        weight: part.volume.floor().max(Volume::default()).approximate(),
        colour: colours.of(part.strategy.as_str()),
        volume: part.volume.to_string(),
        cost: None,
        strategy: part.strategy.to_string(),
    };
    for row in &mut *rows {
        row.parts = std::mem::take(&mut row.wanted).into_iter().map(part).collect();
    }
    let mut parts: HashMap<Instrument, Vec<Part>> = HashMap::new();
    let mut holders: BTreeMap<_, Arc<Strategy>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_of_total()) {
        let instrument = row.code.instrument();
        holders.extend(book.holders(&instrument).into_iter().map(|strategy| (strategy.id, Arc::clone(strategy))));
        parts.insert(instrument, Vec::new());
    }
    for strategy in holders.values() {
        let colour = colours.of(strategy.name.as_str());
        for position in strategy.list.iter() {
            if let Some(parts) = parts.get_mut(&position.code().instrument()) {
                parts.push(Part {
                    strategy: strategy.name.to_string(),
                    volume: position.volume().to_string(),
                    cost: Some(position.cost()),
                    weight: position.volume().approximate().max(0.0),
                    colour,
                });
            }
        }
    }
    for row in rows.iter_mut().filter(|row| row.is_of_total()) {
        row.parts = parts.remove(&row.code.instrument()).unwrap_or_default();
    }
}

/// What of the lines is wanted.
pub(super) struct Narrowed<'a> {
    pub(super) search: &'a str,
    /// Only what has changed since the last close.
    pub(super) changed: bool,
    /// A board's id, or [`OTHER_BOARD`]; empty for all.
    pub(super) board: &'a str,
}

/// What codes are of whose board nothing is known.
pub(super) const OTHER_BOARD: &str = "other";

/// A board with lines in it: its id, what it is called, and how many there are.
pub(super) type BoardCount = (&'static str, &'static str, usize);

impl Narrowed<'_> {
    pub(super) const fn is_narrow(&self) -> bool {
        self.changed || !self.search.is_empty() || !self.board.is_empty()
    }

    /// Leaves what is wanted, and says how many lines there were board by board.
    pub(super) fn apply(&self, rows: &mut Vec<TargetRow>, book: &Book, v: &View) -> Vec<BoardCount> {
        let wanted = self.search.to_lowercase();
        // What is gone is a change, and no line of the present.
        rows.retain(|row| if self.changed { row.against().is_some() } else { !row.is_gone });
        rows.retain(|row| wanted.is_empty() || row.says(&wanted, book));
        let mut counts: BTreeMap<&'static str, (&'static str, usize)> = BTreeMap::new();
        for row in &*rows {
            let name = row.board().map_or(v.t.other_boards, |board| v.t.pick(board.chinese, board.english));
            counts.entry(board_id(row)).or_insert((name, 0)).1 += 1;
        }
        rows.retain(|row| self.board.is_empty() || board_id(row) == self.board);
        counts.into_iter().map(|(id, (name, count))| (id, name, count)).collect()
    }
}

fn board_id(row: &TargetRow) -> &'static str {
    row.board().map_or(OTHER_BOARD, |board| board.id)
}

/// Puts lines in the order that is asked for.
pub(super) fn sort(sort: &Sort, rows: &mut [TargetRow], book: &Book) {
    // Who wants it is looked up where it matters: of thousands of lines by hundreds of strategies it takes its time.
    if sort.column() == "holders" {
        for row in rows.iter_mut().filter(|row| row.is_of_total()) {
            row.holders = book.holders(&row.code.instrument()).len();
        }
    }
    let moved = |row: &TargetRow| row.was.map(|was| row.volume.distance(was)).unwrap_or_default();
    let drift = |row: &TargetRow| row.drift.as_ref().map(|drift| drift.holding.distance(drift.target));
    let average = |row: &TargetRow| row.average.unwrap_or_default();
    sort.by(rows, |one, two| match sort.column() {
        "code" => one.code.instrument().cmp(&two.code.instrument()),
        "name" => one.name.cmp(&two.name),
        "volume" => one.volume.cmp(&two.volume),
        "against" => moved(one).cmp(&moved(two)),
        "holding" => one.holding.cmp(&two.holding),
        "drift" => drift(one).cmp(&drift(two)),
        "hold" => one.hold.is_some().cmp(&two.hold.is_some()),
        "exact" => one.exact.cmp(&two.exact),
        "average" => average(one).total_cmp(&average(two)),
        "invested" | "share" => one.cost.total_cmp(&two.cost),
        "holders" => one.holders.cmp(&two.holders),
        _ => Ordering::Equal,
    });
}
