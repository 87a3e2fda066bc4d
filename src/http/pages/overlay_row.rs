//! The rows of an overlay as they are typed, and how they are understood.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::super::error::Fault;
use super::super::error_text::fault_texts;
use super::super::extract::last_day;
use super::form::Fields;
use super::initials::match_initials;
use super::known::Known;
use super::view::View;
use crate::digits::rounded;
use crate::domain::board::Board;
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::code::{Code, Instrument};
use crate::domain::decimal::{Decimal, Volume};
use crate::domain::position::{Field, Position};
use crate::domain::strategy::{Kind, StrategyName};

/// A row of the table as it was typed.
#[derive(Default)]
pub(super) struct OverlayRow {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) volume: String,
    pub(super) cost: String,
    pub(super) remark: String,
    /// The last day on which it counts; empty where there is none.
    pub(super) until: String,
    /// What the merged total shall become, in place of how much more or less that is.
    pub(super) target: String,
    pub(super) removed: bool,
    /// What the merged total becomes with it, and whether that is no whole lot.
    pub(super) becomes: Option<Volume>,
    pub(super) is_odd: bool,
    /// The code as it is understood, where that says more than what was typed.
    pub(super) understood: Option<String>,
    /// What is wrong, by field.
    faults: Vec<(Field, String)>,
}

impl OverlayRow {
    pub(super) fn of(position: &Position) -> Self {
        Self {
            code: position.code().to_string(),
            name: position.name().unwrap_or_default().to_owned(),
            volume: position.volume().to_string(),
            cost: position.cost().to_string(),
            remark: position.remark().unwrap_or_default().to_owned(),
            until: position.until().map(|day| day.to_string()).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// A row for an instrument, with its name and average cost as the book has them.
    pub(super) fn about(book: &Book, code: &Code) -> Self {
        let instrument = code.instrument();
        let holders = book.holders(&instrument);
        let positions = holders.iter().flat_map(|strategy| strategy.list.iter());
        let name = positions.filter(|position| position.code().instrument() == instrument).find_map(Position::name);
        let (volume, paid) = book.sum(&instrument);
        let cost = paid.per(volume).map(|cost| rounded(&format!("{cost}"), 4)).unwrap_or_default();
        Self { code: code.to_string(), name: name.unwrap_or_default().to_owned(), cost, ..Self::default() }
    }

    /// Whether it is about an instrument.
    pub(super) fn is_of(&self, instrument: &Instrument) -> bool {
        let code = Code::infer(&self.code).or_else(|| Code::parse(self.code.trim()).ok());
        code.is_some_and(|code| code.instrument() == *instrument)
    }

    fn texts(&self) -> [&String; 7] {
        [&self.code, &self.name, &self.volume, &self.cost, &self.remark, &self.until, &self.target]
    }

    fn is_blank(&self) -> bool {
        self.texts().iter().all(|text| text.trim().is_empty())
    }

    /// Fills in what the book knows: the code of a name, name and average cost where they were left out, and how much more or
    /// less leads to the target that was typed.
    pub(super) fn fill(&mut self, book: &Book, instruments: &[Known], overlay: &StrategyName, v: &View) {
        if Code::infer(&self.code).is_none()
            && let Some(code) = code_of(instruments, self.code.trim())
        {
            self.code = code.to_string();
        }
        let Some(code) = Code::infer(&self.code) else { return };
        if self.name.trim().is_empty() || self.cost.trim().is_empty() {
            let about = Self::about(book, &code);
            for (text, known) in [(&mut self.name, about.name), (&mut self.cost, about.cost)] {
                if text.trim().is_empty() {
                    *text = known;
                }
            }
        }
        if !self.target.trim().is_empty()
            && let Some(target) = self.number(Field::Volume, &self.target.clone(), v)
        {
            self.volume = (Volume::from(target) - others(book, overlay, &code.instrument())).to_string();
            self.target.clear();
        }
    }

    /// Says what the merged total becomes with the row.
    pub(super) fn weigh(&mut self, book: &Book, overlay: &StrategyName, position: &Position) {
        let instrument = position.code().instrument();
        let becomes = others(book, overlay, &instrument) + position.volume().into();
        self.is_odd = Board::is_odd(&instrument, becomes);
        self.becomes = Some(becomes);
    }

    pub(super) fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(known, _)| known.to_string() == field).map(|(_, text)| text.as_str())
    }

    /// The position that the row describes; None when something is wrong, which is then noted. A code that the overlay
    /// holds already, whatever it is, stays as it is.
    pub(super) fn read(&mut self, known: &HashMap<String, Code>, base: &[Position], v: &View) -> Option<Position> {
        let t = v.t;
        let code = known.get(self.code.trim()).cloned().or_else(|| Code::infer(&self.code));
        if self.code.trim().is_empty() {
            self.faults.push((Field::Code, t.required.to_owned()));
        } else if code.is_none() {
            self.faults.push((Field::Code, t.code_unknown.to_owned()));
        }
        self.understood = code.as_ref().map(ToString::to_string).filter(|understood| understood != self.code.trim());
        let volume = self.number(Field::Volume, &self.volume.clone(), v);
        let cost = self.number(Field::Cost, &self.cost.clone(), v);
        let until = self.last_day(base, Day::of(v.now)).map_err(|fault| self.note(Field::Until, fault, v)).ok();
        let (code, volume, cost, until) = (code?.to_string(), volume?, cost?, until?);
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let (name, remark) = (text(&self.name), text(&self.remark));
        let position = Position::new(Kind::Adjustment, &code, name.as_deref(), volume, cost, remark.as_deref());
        let position = position.map_err(|breach| self.note(breach.field(), Fault::Breach(breach), v)).ok()?;
        Some(position.through(until))
    }

    /// The row's last day. One that stands so in `base` was typed before it was over.
    fn last_day(&self, base: &[Position], today: Day) -> Result<Option<Day>, Fault> {
        let text = self.until.trim();
        let own = base.iter().filter(|one| one.code().to_string() == self.code.trim());
        match own.filter_map(Position::until).find(|day| day.to_string() == text) {
            None if text.is_empty() => Ok(None),
            None => last_day(text, today).map(Some),
            known => Ok(known),
        }
    }

    fn number(&mut self, field: Field, text: &str, v: &View) -> Option<Decimal> {
        // Thousands separators and full-width signs, as people paste them.
        let text: String = text.trim().chars().filter(|letter| !matches!(letter, ',' | '，')).collect();
        let text = text.replace(['－', '\u{2212}'], "-");
        if text.is_empty() {
            self.faults.push((field, v.t.required.to_owned()));
            return None;
        }
        Decimal::parse(text.strip_prefix('+').unwrap_or(&text))
            .map_err(|error| self.note(field, Fault::Number(error), v))
            .ok()
    }

    fn note(&mut self, field: Field, fault: Fault, v: &View) {
        let (chinese, english) = fault_texts(field, fault);
        self.faults.push((field, v.t.pick(chinese.into_owned(), english)));
    }
}

/// What is wanted of an instrument beside an overlay.
fn others(book: &Book, overlay: &StrategyName, instrument: &Instrument) -> Volume {
    let own = book.strategy(overlay).into_iter().flat_map(|overlay| overlay.list.iter());
    let own = own.filter(|position| position.code().instrument() == *instrument);
    own.fold(book.sum(instrument).0, |rest, position| rest - position.volume().into())
}

/// The code of the one instrument that is known by a name, or by its initials.
fn code_of(known: &[Known], name: &str) -> Option<Code> {
    let single = |is_it: &dyn Fn(&str) -> bool| {
        let mut found = known.iter().filter(|known| is_it(&known.name));
        found.next().filter(|_| found.next().is_none()).map(|known| known.code.clone())
    };
    single(&|known| known == name && !name.is_empty()).or_else(|| single(&|known| match_initials(known, name)))
}

/// The rows of a form that say something.
pub(super) fn rows_of(fields: &Fields) -> Vec<OverlayRow> {
    let column = |name: &'static str| fields.all(name).map(str::to_owned).collect::<Vec<_>>();
    let removed: Vec<usize> = fields.all("remove").filter_map(|row| row.parse().ok()).collect();
    let (names, volumes, costs, remarks) = (column("name"), column("volume"), column("cost"), column("remark"));
    let (targets, untils) = (column("target"), column("until"));
    let text = |column: &[String], n: usize| column.get(n).cloned().unwrap_or_default();
    let row = |(n, code)| OverlayRow {
        code,
        name: text(&names, n),
        volume: text(&volumes, n),
        cost: text(&costs, n),
        remark: text(&remarks, n),
        until: text(&untils, n),
        target: text(&targets, n),
        removed: removed.contains(&n),
        ..OverlayRow::default()
    };
    let rows = column("code").into_iter().enumerate().map(row);
    rows.filter(|row| !row.is_blank()).collect()
}

/// Stands for the rows that a preview showed: what is saved is what was seen.
pub(super) fn digest(rows: &[OverlayRow]) -> String {
    let mut hasher = Sha256::new();
    for row in rows.iter().filter(|row| !row.removed) {
        for text in row.texts() {
            hasher.update(text.trim().len().to_be_bytes());
            hasher.update(text.trim());
        }
    }
    hex::encode(hasher.finalize())
}
