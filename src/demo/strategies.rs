//! Strategies with characters: what each holds, how much money it has, when it decides.

use super::market::{Market, Quote, Random, money};
use crate::domain::decimal::Decimal;
use crate::domain::position::Position;
use crate::domain::strategy::{Kind, NameError, StrategyName};

/// Hours and minutes of a day in Shanghai.
pub(super) type Minute = (u64, u64);

/// What a strategy chooses from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    All,
    MainBoards,
    Star,
    ChiNext,
    Beijing,
    Funds,
    Bonds,
}

impl Choice {
    fn takes(self, quote: &Quote) -> bool {
        let id = quote.board.id;
        match self {
            Self::All => true,
            Self::MainBoards => matches!(id, "sse_main" | "szse_main"),
            Self::Star => id == "sse_star",
            Self::ChiNext => matches!(id, "szse_chinext" | "sse_star"),
            Self::Beijing => id == "bse",
            Self::Funds => matches!(id, "sse_funds" | "szse_funds"),
            Self::Bonds => matches!(id, "sse_bonds" | "szse_bonds"),
        }
    }
}

/// What makes a strategy what it is.
#[derive(Debug, Clone)]
pub(super) struct Character {
    pub(super) name: &'static str,
    pub(super) choice: Choice,
    /// How many lines its list has.
    pub(super) lines: usize,
    /// How much it invests: CNY.
    pub(super) capital: i64,
    /// How many lines it exchanges when it decides, and of how many it changes the volume.
    pub(super) moves: (usize, usize),
    /// When it pushes; the first of the day's decisions alone changes anything where it is one of a month.
    pub(super) times: &'static [Minute],
    pub(super) is_monthly: bool,
}

/// A line of a list; costs are thousandths of CNY.
#[derive(Debug, Clone, Copy)]
struct Line {
    place: usize,
    volume: i64,
    cost: i64,
}

/// A strategy, and what it wants.
#[derive(Debug)]
pub(super) struct Trader {
    pub(super) character: Character,
    pub(super) name: StrategyName,
    lines: Vec<Line>,
    pub(super) sequence: i64,
}

impl Trader {
    pub(super) fn new(character: Character, name: &str) -> Result<Self, NameError> {
        Ok(Self { name: StrategyName::parse(name)?, character, lines: Vec::new(), sequence: 0 })
    }

    /// Decides anew: some lines go, others come, some weigh more or less than before.
    pub(super) fn decide(&mut self, market: &Market, random: &mut Random) {
        let (exchanged, changed) = self.character.moves;
        for _ in 0..exchanged.min(self.lines.len()) {
            let gone = random.place(self.lines.len());
            self.lines.remove(gone);
        }
        let kept = self.lines.len();
        self.fill(market, random);
        for _ in 0..changed.min(kept) {
            let place = random.place(kept);
            let Line { place: of, volume, cost } = self.lines[place];
            let next = self.volume_of(&market.quotes[of], random);
            self.lines[place] = Line { place: of, volume: next, cost: mixed((volume, cost), next, &market.quotes[of]) };
        }
    }

    /// Fees make what it holds dearer.
    pub(super) fn pay_fees(&mut self) {
        self.lines.iter_mut().for_each(|line| line.cost += 1);
    }

    /// Wants an instrument, whatever else it decides, in the place of its last line.
    pub(super) fn want(&mut self, place: usize, market: &Market, random: &mut Random) {
        if self.lines.iter().all(|line| line.place != place) {
            self.lines.pop();
            self.add(place, market, random);
        }
    }

    /// What went wrong: most of the list is missing, as when a source of data answers with its first page.
    pub(super) fn lose_most(&mut self) {
        self.lines.truncate(1);
    }

    /// An instrument that it wants, and how much: shares.
    pub(super) fn first(&self) -> Option<(usize, i64)> {
        self.lines.first().map(|line| (line.place, line.volume))
    }

    /// The list as it is pushed.
    pub(super) fn list(&self, market: &Market) -> Vec<Position> {
        self.lines.iter().filter_map(|line| position(&market.quotes[line.place], line.volume, line.cost)).collect()
    }

    /// What it says that it is worth: CNY.
    pub(super) fn worth(&self, market: &Market) -> Decimal {
        let gain = |line: &Line| line.volume * (market.quotes[line.place].price() - line.cost);
        money(self.character.capital * 1_050 + self.lines.iter().map(gain).sum::<i64>())
    }

    fn fill(&mut self, market: &Market, random: &mut Random) {
        let is_free = |place: &usize| self.lines.iter().all(|line| line.place != *place);
        let choice = self.character.choice;
        let chosen = market.quotes.iter().enumerate().filter(|(_, quote)| choice.takes(quote));
        let mut free: Vec<usize> = chosen.map(|(place, _)| place).filter(is_free).collect();
        while self.lines.len() < self.character.lines && !free.is_empty() {
            let place = free.swap_remove(random.place(free.len()));
            self.add(place, market, random);
        }
    }

    fn add(&mut self, place: usize, market: &Market, random: &mut Random) {
        let quote = &market.quotes[place];
        let volume = self.volume_of(quote, random);
        self.lines.push(Line { place, volume, cost: quote.price() });
    }

    /// About an equal part of the money, in lots.
    fn volume_of(&self, quote: &Quote, random: &mut Random) -> i64 {
        let lines = i64::try_from(self.character.lines).unwrap_or(1);
        let part = self.character.capital * 1_000 / lines * random.within(80, 121) / 100;
        let (least, lot) = quote.lot();
        (part / quote.price() / lot * lot).max(least)
    }
}

/// What shares cost on average once there are so many.
fn mixed((volume, cost): (i64, i64), next: i64, quote: &Quote) -> i64 {
    let bought = (next - volume).max(0);
    (volume.min(next) * cost + bought * quote.price()) / next.max(1)
}

/// A position of a strategy, decided at the price of the moment.
fn position(quote: &Quote, volume: i64, cost: i64) -> Option<Position> {
    let volume = money(volume * 1_000);
    let position = Position::new(Kind::Ordinary, quote.code, Some(quote.name), volume, money(cost), None).ok()?;
    Some(position.at_price(Some(money(quote.price()))))
}

const OPEN_AND_CLOSE: &[Minute] = &[(9, 25), (14, 50)];
const OPEN: &[Minute] = &[(9, 25)];
const CLOSE: &[Minute] = &[(14, 50)];
const INTRADAY: &[Minute] = &[(10, 0), (11, 0), (13, 30), (14, 30)];

pub(super) const WRONG: &str = "DEMO_行业轮动";
pub(super) const SILENT: &str = "DEMO_海龟趋势";
pub(super) const FROZEN: &str = "DEMO_北交所精选";
pub(super) const CORRECTED: &str = "DEMO_小市值轮动";
pub(super) const LIMITED: &str = "DEMO_沪深300增强";

const fn character(
    name: &'static str,
    choice: Choice,
    (lines, capital): (usize, i64),
    moves: (usize, usize),
    times: &'static [Minute],
) -> Character {
    Character { name, choice, lines, capital, moves, times, is_monthly: false }
}

/// The strategies of the example book.
pub(super) fn characters() -> [Character; 12] {
    use Choice::{Beijing, Bonds, ChiNext, Funds, MainBoards, Star};
    [
        character("DEMO_双均线策略", MainBoards, (8, 4_000_000), (1, 2), OPEN_AND_CLOSE),
        character(CORRECTED, MainBoards, (30, 6_000_000), (3, 4), CLOSE),
        character(LIMITED, MainBoards, (60, 12_000_000), (4, 8), OPEN),
        character("DEMO_ETF动量", Funds, (4, 3_000_000), (1, 1), CLOSE),
        character("DEMO_可转债轮动", Bonds, (4, 2_000_000), (0, 2), OPEN),
        character("DEMO_日内反转", ChiNext, (5, 1_500_000), (1, 2), INTRADAY),
        Character { is_monthly: true, ..character("DEMO_红利低波", MainBoards, (20, 8_000_000), (6, 6), OPEN) },
        character("DEMO_科创成长", Star, (10, 5_000_000), (1, 2), CLOSE),
        character(FROZEN, Beijing, (5, 1_000_000), (0, 1), OPEN),
        character("DEMO_ETF网格", Funds, (3, 1_200_000), (0, 2), INTRADAY),
        character(WRONG, MainBoards, (22, 11_000_000), (2, 3), &[(9, 31)]),
        character(SILENT, ChiNext, (10, 3_500_000), (1, 2), CLOSE),
    ]
}

/// One of many that are alike, of fifty instruments, and decide four times a day.
pub(super) const TIRELESS: Character =
    character("DEMO_", Choice::All, (50, 5_000_000), (1, 4), &[(9, 35), (10, 30), (13, 30), (14, 50)]);
