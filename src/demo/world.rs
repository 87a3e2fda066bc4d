//! A world that is lived through in a ledger: strategies push, the operator settles, terminals follow and report. It follows
//! from its seed alone.

use std::time::Duration;

use anyhow::Context as _;

use super::market::{Market, Random, money};
use super::strategies::{CORRECTED, Character, FROZEN, LIMITED, Minute, SILENT, TIRELESS, Trader, WRONG, characters};
use super::terminal::{Now, Terminal};
use crate::domain::account::{Account, AccountName, Adjustments, Costs, Fresh, Protected, Share};
use crate::domain::board::Rounding;
use crate::domain::calendar::{Calendar, Day, TimeError, TimeOfDay};
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::revision::Actor;
use crate::domain::schedule::{Days, Schedule};
use crate::domain::state::State;
use crate::domain::strategy::{Kind, StrategyName};
use crate::ledger::{Aside, Change, Deed, Document, Draft, Filing, Put, SetState};

const SEED: u64 = 20_260_105;
const HOME: &str = "127.0.0.1";

/// How many trading days the example book has.
const DAYS: usize = 10;

/// At which times of a day terminals report: half a minute after the full one.
const REPORTS: &[Minute] = &[
    (9, 15),
    (9, 25),
    (9, 30),
    (9, 31),
    (9, 32),
    (9, 34),
    (9, 40),
    (10, 0),
    (10, 1),
    (10, 30),
    (11, 0),
    (11, 1),
    (11, 28),
    (13, 0),
    (13, 30),
    (13, 31),
    (14, 0),
    (14, 1),
    (14, 3),
    (14, 6),
    (14, 30),
    (14, 31),
    (14, 50),
    (14, 51),
    (14, 52),
    (14, 54),
    (14, 58),
    (15, 0),
    (15, 5),
];

/// The same for many days: after each push, and once the day is over.
const FEW_REPORTS: &[Minute] = &[(9, 35), (9, 36), (10, 30), (10, 31), (13, 30), (13, 31), (14, 50), (14, 51), (15, 1)];

/// Something that happens at a moment.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A strategy pushes; what it does not decide anew it says again.
    Push(usize),
    /// Every terminal reports.
    Report,
    Found,
    Correct,
    SellByHand,
    Freeze,
}

/// The days on which the example book's story happens.
#[derive(Debug, Clone, Copy)]
struct Story {
    /// When the operator corrects a list.
    corrected: Day,
    /// When the operator freezes a strategy.
    frozen: Day,
    /// The last day on which a strategy is heard that is silent then.
    spoken: Day,
    /// When somebody sells by hand.
    by_hand: Day,
    /// When a strategy pushes what it cannot mean, and an instrument stands at its limit.
    last: Day,
}

/// Strategies, accounts, terminals and the market that they trade in.
#[derive(Debug)]
pub struct World {
    random: Random,
    market: Market,
    traders: Vec<Trader>,
    terminals: Vec<Terminal>,
    accounts: Vec<(AccountName, Account)>,
    reports: &'static [Minute],
    /// None where nothing but business as usual happens.
    story: Option<Story>,
    first: Day,
    month: String,
}

fn moment(day: Day, (hours, minutes): Minute, seconds: u64) -> Moment {
    day.begins_at().plus(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// The trading days before a day and the day itself, oldest first.
fn trading_days(last: Day, count: usize) -> Vec<Day> {
    let mut days: Vec<Day> =
        std::iter::successors(Some(last), |day| Some(Calendar::default().trading_day_before(*day)))
            .take(count)
            .collect();
    days.reverse();
    days
}

impl World {
    /// The example book, with the days that it has lived by `now`.
    ///
    /// # Errors
    /// Never, as its names are names.
    pub fn example(now: Moment) -> anyhow::Result<(Self, Vec<Day>)> {
        let today = Day::of(Calendar::default().trading_day_began(now));
        // Before it has pushed today, yesterday's wrong push is the last one.
        let last = if moment(today, (9, 32), 0) <= now { today } else { Calendar::default().trading_day_before(today) };
        let days = trading_days(last, DAYS);
        let before = |count: usize| days[DAYS - 1 - count];
        let story = Story { corrected: before(6), frozen: before(2), spoken: before(3), by_hand: before(1), last };
        let traders = characters().into_iter().map(|one| {
            let name = one.name;
            Trader::new(one, name)
        });
        let mut world = Self::new(traders.collect::<Result<_, _>>()?, REPORTS, days[0]);
        world.story = Some(story);
        world.settle_examples()?;
        let days = if last == today { days } else { days.into_iter().chain([today]).collect() };
        Ok((world, days))
    }

    /// As many strategies of fifty instruments as are asked for, which push four times a day, and an account that follows all.
    ///
    /// # Errors
    /// Never, as its names are names.
    pub fn tireless(strategies: usize, first: Day) -> anyhow::Result<Self> {
        let trader = |number: usize| Trader::new(TIRELESS, &format!("{}{number}", TIRELESS.name));
        let traders: Vec<Trader> = (1..=strategies).map(trader).collect::<Result<_, _>>()?;
        let mut world = Self::new(traders, FEW_REPORTS, first);
        let shares = world.shares(Decimal::ONE, |_| true);
        world.add_account("DEMO_主账户", 400_000_000, account(shares, Fresh::Today))?;
        Ok(world)
    }

    fn new(traders: Vec<Trader>, reports: &'static [Minute], first: Day) -> Self {
        Self {
            random: Random::new(SEED),
            market: Market::new(),
            traders,
            terminals: Vec::new(),
            accounts: Vec::new(),
            reports,
            story: None,
            first,
            month: String::new(),
        }
    }

    fn shares(&self, scale: Decimal, is_followed: impl Fn(&Character) -> bool) -> Vec<Share> {
        let taken = self.traders.iter().filter(|trader| is_followed(&trader.character));
        taken.map(|trader| Share { name: trader.name.clone(), scale }).collect()
    }

    fn settle_examples(&mut self) -> anyhow::Result<()> {
        let protected = |code: &str, volume| anyhow::Ok(Protected { code: Code::parse(code)?, volume });
        let main = Account {
            adjustments: Adjustments::All,
            protected: vec![protected("600519.SH", Some(Decimal::whole(300)))?, protected("601318.SH", None)?],
            ..account(self.shares(Decimal::ONE, |_| true), Fresh::Today)
        };
        let small =
            self.shares(money(370), |one| [SILENT, WRONG].contains(&one.name) || one.is_monthly || one.lines < 10);
        self.add_account("DEMO_主账户", 90_000_000, main)?;
        self.add_account("DEMO_子账户", 20_000_000, account(small, Fresh::Any))?;
        for (code, volume) in [("600519.XSHG", 300), ("601318.XSHG", 2_000)] {
            self.terminals[0].endow(self.market.place_of(code), volume, &self.market);
        }
        Ok(())
    }

    fn add_account(&mut self, name: &str, cash: i64, account: Account) -> anyhow::Result<()> {
        let name = AccountName::parse(name)?;
        // One broker names fees, the other leaves them to be computed.
        self.terminals.push(Terminal::new(name.clone(), cash, self.terminals.is_empty()));
        self.accounts.push((name, account));
        Ok(())
    }

    /// Lives through a trading day, as far as it is over by a moment.
    ///
    /// # Errors
    /// When the ledger rejects something, which would be a mistake here.
    pub fn live(&mut self, draft: &mut Draft, day: Day, until: Moment) -> anyhow::Result<()> {
        self.market.begin_day(&mut self.random);
        self.terminals.iter_mut().for_each(Terminal::begin_day);
        if self.story.is_some_and(|story| story.last == day) {
            self.market.seal(self.market.place_of("600111.XSHG"));
        }
        let mut events = self.events(day);
        events.sort_by_key(|(at, _)| *at);
        for (at, event) in events.into_iter().filter(|(at, _)| *at <= until) {
            draft.pass_to(at);
            self.happen(draft, at, event).with_context(|| format!("{event:?} on {day}"))?;
        }
        self.month = month(day);
        Ok(())
    }

    /// Lets every terminal report once more.
    ///
    /// # Errors
    /// As [`Self::live`].
    pub fn report(&mut self, draft: &mut Draft, at: Moment) -> anyhow::Result<()> {
        draft.pass_to(at);
        self.happen(draft, at, Event::Report)
    }

    fn events(&self, day: Day) -> Vec<(Moment, Event)> {
        let mut events = Vec::new();
        for (number, trader) in self.traders.iter().enumerate() {
            let apart = 3 + 2 * number as u64 % 20;
            if day == self.first {
                events.push((moment(day, (9, 10), apart), Event::Push(number)));
            }
            if self.story.is_none_or(|story| trader.character.name != SILENT || day <= story.spoken) {
                let pushes = trader.character.times.iter().map(|time| (moment(day, *time, apart), Event::Push(number)));
                events.extend(pushes);
            }
        }
        events.extend(self.reports.iter().map(|time| (moment(day, *time, 30), Event::Report)));
        if day == self.first {
            events.push((moment(day, (9, 12), 0), Event::Found));
        }
        let story = self.story.iter().flat_map(|story| {
            [
                (story.corrected, (10, 15), Event::Correct),
                (story.frozen, (10, 40), Event::Freeze),
                (story.by_hand, (14, 1), Event::SellByHand),
            ]
        });
        events.extend(story.filter(|(of, ..)| *of == day).map(|(_, time, event)| (moment(day, time, 10), event)));
        events
    }

    fn happen(&mut self, draft: &mut Draft, at: Moment, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Push(number) => self.push(draft, at, number),
            Event::Report => self.report_all(draft, at),
            Event::Found => self.found(draft),
            Event::Correct => self.correct(draft),
            Event::SellByHand => {
                self.sell_by_hand(at);
                Ok(())
            }
            Event::Freeze => freeze(draft),
        }
    }

    fn push(&mut self, draft: &mut Draft, at: Moment, number: usize) -> anyhow::Result<()> {
        let (day, Self { random, market, traders, story, month: last_month, .. }) = (Day::of(at), self);
        let trader = &mut traders[number];
        let is_new = trader.sequence == 0;
        if is_new || !trader.character.is_monthly || month(day) != *last_month {
            trader.decide(market, random);
        }
        if story.is_none() {
            // So that every push changes every line, as where each of them is traded.
            trader.pay_fees();
        }
        let is_last = story.is_some_and(|story| story.last == day);
        if is_last && trader.character.name == LIMITED {
            trader.want(market.place_of("600111.XSHG"), market, random);
        }
        if is_last && trader.character.name == WRONG {
            trader.lose_most();
        }
        trader.sequence += 1;
        let positions = trader.list(market);
        let aside = Aside {
            sequence: Some(trader.sequence),
            total_value: Some(trader.worth(market)),
            decided_at: Some(at.minus(Duration::from_millis(1_700))),
        };
        let (deed, by) = (Deed::Replace(positions), Actor::Client("demo".to_owned()));
        let change = Change { aside, ..Change::new(trader.name.clone(), deed, by, Some(HOME.to_owned())) };
        draft.take(change)?;
        Ok(())
    }

    fn report_all(&mut self, draft: &mut Draft, at: Moment) -> anyhow::Result<()> {
        let Self { random, market, terminals, .. } = self;
        let calendar = Calendar::default();
        if calendar.is_trading_time(at) {
            market.pass(random);
        }
        let is_open = calendar.is_trading_time(at) && at >= moment(Day::of(at), (9, 30), 0);
        for terminal in terminals {
            let book = draft.book();
            let settled = book.settings().account(&terminal.account);
            let target = settled.and_then(|settled| book.target(settled, at).ok());
            let account = terminal.account.clone();
            if settled.is_none() {
                continue;
            }
            let report = terminal.report(target.as_ref(), &Now { at, is_open, market }, random);
            let (actor, address) = (Actor::Key("demo-qmt".to_owned()), Some(HOME.to_owned()));
            draft.report(Filing { account, report, actor, address })?;
        }
        Ok(())
    }

    /// The operator's first morning: accounts, an overlay, schedules.
    fn found(&self, draft: &mut Draft) -> anyhow::Result<()> {
        for (name, account) in &self.accounts {
            put(draft, Document::Account(name.clone(), Some(account.clone())))?;
        }
        if self.story.is_none() {
            return Ok(());
        }
        let overlay = [("000001.XSHE", "平安银行", -200_000, 11_400), ("511880.XSHG", "银华日利", 100_000, 100_200)];
        let position = |(code, name, volume, cost)| {
            Position::new(Kind::Adjustment, code, Some(name), money(volume), money(cost), Some("长期底仓调整"))
        };
        let positions = overlay.map(position).into_iter().collect::<Result<_, _>>()?;
        let name = StrategyName::parse("ADJUSTMENT_DEMO")?;
        draft.take(Change::new(name, Deed::Replace(positions), Actor::Operator, Some(HOME.to_owned())))?;
        for trader in &self.traders {
            let by = trader.character.times.iter().map(|time| due(*time)).collect::<Result<_, _>>()?;
            let schedule = Schedule::new(by, Days::Trading)?;
            put(draft, Document::Schedule(trader.name.clone(), Some(schedule)))?;
        }
        Ok(())
    }

    /// The operator halves the first line of a list.
    fn correct(&self, draft: &mut Draft) -> anyhow::Result<()> {
        let trader = self.traders.iter().find(|trader| trader.character.name == CORRECTED);
        let Some((trader, (place, volume))) = trader.and_then(|trader| Some((trader, trader.first()?))) else {
            return Ok(());
        };
        let (quote, mut positions) = (&self.market.quotes[place], trader.list(&self.market));
        let (_, lot) = quote.lot();
        let (half, cost) = (money((volume / 2 / lot * lot).max(lot) * 1_000), positions[0].cost());
        positions[0] =
            Position::new(Kind::Ordinary, quote.code, Some(quote.name), half, cost, Some("公告核查，先减半"))?;
        let change = Change::new(trader.name.clone(), Deed::Replace(positions), Actor::Operator, Some(HOME.to_owned()));
        draft.take(change)?;
        Ok(())
    }

    /// Somebody sells some of what only the silent strategy wants in the smaller account, so that the line stays locked.
    fn sell_by_hand(&mut self, at: Moment) {
        let Self { market, traders, terminals, .. } = self;
        let of = |trader: &&Trader| trader.character.name == SILENT;
        let wanted = traders.iter().find(of).and_then(Trader::first);
        if let (Some((place, _)), Some(terminal)) = (wanted, terminals.last_mut()) {
            let (least, _) = market.quotes[place].lot();
            terminal.sell_by_hand(place, least, &Now { at, is_open: true, market });
        }
    }
}

fn month(day: Day) -> String {
    day.to_string().chars().take(7).collect()
}

/// By when a push of a time is expected.
fn due((hours, minutes): Minute) -> Result<TimeOfDay, TimeError> {
    format!("{hours:02}:{:02}", minutes + 3).parse()
}

fn account(strategies: Vec<Share>, fresh: Fresh) -> Account {
    let number = Decimal::thousandths;
    let hundredth_of_a_thousandth = |count: i128| Decimal::parse(&format!("{count}e-5")).unwrap_or_default();
    Account {
        strategies,
        adjustments: Adjustments::Named(Vec::new()),
        protected: Vec::new(),
        rounding: Rounding::Nearest,
        fresh,
        costs: Some(Costs {
            commission: hundredth_of_a_thousandth(25),
            least: number(5_000),
            duty: hundredth_of_a_thousandth(50),
            transfer: hundredth_of_a_thousandth(1),
        }),
        broker: None,
    }
}

fn put(draft: &mut Draft, document: Document) -> anyhow::Result<()> {
    let (actor, address) = (Actor::Operator, Some(HOME.to_owned()));
    draft.settle(Put { document, actor, address, expected_revision: None })?;
    Ok(())
}

fn freeze(draft: &mut Draft) -> anyhow::Result<()> {
    let note = Some("流动性不足，待核对".to_owned());
    let wish = SetState { state: State::Frozen, note, waiting: None, seen: None, back_to: None };
    let name = StrategyName::parse(FROZEN)?;
    draft.take(Change::new(name, Deed::SetState(wish), Actor::Operator, Some(HOME.to_owned())))?;
    Ok(())
}
