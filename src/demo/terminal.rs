//! A terminal that follows its account's target by the exchange's rules, and reports.

use std::collections::BTreeMap;
use std::time::Duration;

use super::market::{Market, Quote, Random, money};
use crate::domain::account::AccountName;
use crate::domain::code::Code;
use crate::domain::moment::Moment;
use crate::domain::report::{Fill, Holding, Mode, Order, OrderStatus, Reason, Report, Side, Waiting};
use crate::domain::target::{Target, TargetLine};

/// What is held of an instrument.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    volume: i64,
    /// What of it was bought today.
    fresh: i64,
    /// What all of it cost: thousandths of CNY.
    paid: i64,
}

/// What happens meanwhile.
pub(super) struct Now<'a> {
    pub(super) at: Moment,
    /// Whether orders are matched.
    pub(super) is_open: bool,
    pub(super) market: &'a Market,
}

#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) account: AccountName,
    /// Thousandths of CNY.
    cash: i64,
    held: BTreeMap<usize, Held>,
    orders: Vec<Order>,
    /// Trades that are not reported yet.
    fills: Vec<Fill>,
    waiting: Vec<Waiting>,
    /// What changed today by other than it did: it leaves that alone until it is told to.
    doubted: Vec<usize>,
    /// Whether the broker says what a trade cost.
    tells_fees: bool,
    /// The last order's number, and the last trade's.
    numbers: (u64, u64),
}

impl Terminal {
    pub(super) fn new(account: AccountName, cash: i64, tells_fees: bool) -> Self {
        Self {
            account,
            cash: cash * 1_000,
            held: BTreeMap::new(),
            orders: Vec::new(),
            fills: Vec::new(),
            waiting: Vec::new(),
            doubted: Vec::new(),
            tells_fees,
            numbers: (0, 0),
        }
    }

    /// Lets shares be there from the beginning.
    pub(super) fn endow(&mut self, place: usize, volume: i64, market: &Market) {
        let paid = volume * market.quotes[place].price() * 9 / 10;
        self.held.insert(place, Held { volume, fresh: 0, paid });
    }

    /// A day begins: what was bought may be sold, and yesterday's orders are gone.
    pub(super) fn begin_day(&mut self) {
        self.orders.clear();
        self.waiting.clear();
        self.doubted.clear();
        self.held.retain(|_, held| held.volume != 0);
        self.held.values_mut().for_each(|held| held.fresh = 0);
    }

    /// Somebody sells by hand, past the target.
    pub(super) fn sell_by_hand(&mut self, place: usize, volume: i64, now: &Now<'_>) {
        let order = self.order((place, Side::Sell, volume), now, false);
        self.orders.push(order);
        let last = self.orders.len() - 1;
        self.doubted.push(place);
        self.trade(last, (place, volume), now.at, now.market);
    }

    /// Trades, orders, and says how things stand.
    pub(super) fn report(&mut self, target: Option<&Target>, now: &Now<'_>, random: &mut Random) -> Report {
        if now.is_open {
            self.match_orders(now, random);
            if let Some(target) = target {
                self.follow(target, now);
            }
        } else {
            self.cancel_rest();
            self.wait_for_hours(target, now.market);
        }
        let Market { quotes, .. } = now.market;
        let holding = |(place, held): (&usize, &Held)| Holding {
            code: quotes[*place].qmt.clone(),
            volume: held.volume,
            sellable: if quotes[*place].board.same_day { held.volume } else { held.volume - held.fresh },
            cost: Some(money(held.paid / held.volume.max(1))),
            price: Some(money(quotes[*place].price())),
        };
        let worth: i64 = self.held.iter().map(|(place, held)| held.volume * quotes[*place].price()).sum();
        Report {
            // Looking takes a moment.
            at: now.at.minus(Duration::from_millis(350)),
            mode: Mode::Live,
            revision: target.map(|target| target.mark.revision),
            cash: Some(money(self.cash)),
            total_asset: Some(money(self.cash + worth)),
            holdings: self.held.iter().filter(|(_, held)| held.volume != 0).map(holding).collect(),
            orders: self.orders.clone(),
            fills: std::mem::take(&mut self.fills),
            waiting: self.waiting.clone(),
        }
    }

    /// Fills some of what is ordered, some of it in part.
    fn match_orders(&mut self, now: &Now<'_>, random: &mut Random) {
        for index in 0..self.orders.len() {
            let order = &self.orders[index];
            let Some(place) = now.market.find(&order.code.instrument()).filter(|_| order.open() > 0) else { continue };
            let quote = &now.market.quotes[place];
            if is_stuck(quote, order.side) {
                continue;
            }
            let (open, (_, lot)) = (order.open(), quote.lot());
            let half = open / 2 / lot * lot;
            let volume = if half > 0 && random.within(0, 4) == 0 { half } else { open };
            let at = now.at.minus(Duration::from_micros(random.within(2_000_000, 25_000_000).unsigned_abs()));
            self.trade(index, (place, volume), at, now.market);
        }
    }

    fn trade(&mut self, index: usize, (place, volume): (usize, i64), at: Moment, market: &Market) {
        let (order, quote) = (&mut self.orders[index], &market.quotes[place]);
        let price = quote.beside(if order.side == Side::Buy { 1 } else { -1 });
        let is_first = order.traded == 0;
        order.traded += volume;
        if order.traded == order.volume {
            order.status = OrderStatus::Filled;
        }
        let amount = volume * price;
        let fee = fee(amount, order.side, quote, is_first);
        let held = self.held.entry(place).or_default();
        if order.side == Side::Buy {
            held.fresh += volume;
            held.paid += amount;
            self.cash -= amount + fee;
        } else {
            held.paid -= held.paid / held.volume.max(1) * volume;
            self.cash += amount - fee;
        }
        held.volume += order.side.signed(volume);
        self.numbers.1 += 1;
        self.fills.push(Fill {
            id: format!("{:07}", self.numbers.1).into(),
            order: Some(order.id.clone()),
            code: order.code.clone(),
            side: order.side,
            volume,
            price: money(price),
            at,
            fee: self.tells_fees.then(|| money(fee)),
        });
    }

    /// Orders what the target wants and is not there, sales first, and says why what is left waits.
    fn follow(&mut self, target: &Target, now: &Now<'_>) {
        self.waiting.clear();
        let lines: Vec<(usize, &TargetLine)> = target
            .lines
            .iter()
            .filter(|line| line.hold.is_none())
            .filter_map(|line| Some((now.market.find(&line.code.instrument())?, line)))
            .filter(|(place, _)| !self.doubted.contains(place))
            .collect();
        for (place, line) in &lines {
            self.sell(*place, line.volume.shares(), now);
        }
        let mut spendable = self.cash - self.ordered(now.market);
        for (place, line) in &lines {
            self.buy(*place, line.volume.shares(), &mut spendable, now);
        }
    }

    /// What orders to buy that stand would cost: thousandths of CNY.
    fn ordered(&self, market: &Market) -> i64 {
        let cost = |order: &Order| {
            let place = market.find(&order.code.instrument()).filter(|_| order.side == Side::Buy)?;
            Some(order.open() * market.quotes[place].beside(2))
        };
        self.orders.iter().filter_map(cost).sum()
    }

    fn is_ordered(&self, code: &Code) -> bool {
        self.orders.iter().any(|order| order.open() > 0 && order.code == *code)
    }

    fn sell(&mut self, place: usize, wanted: i64, now: &Now<'_>) {
        let held = self.held.get(&place).copied().unwrap_or_default();
        let quote = &now.market.quotes[place];
        let excess = held.volume - wanted;
        if excess <= 0 || self.is_ordered(&quote.qmt) {
            return;
        }
        let sellable = if quote.board.same_day { held.volume } else { held.volume - held.fresh };
        let free = excess.min(sellable);
        if free < excess {
            self.wait(quote, excess - free, Reason::TPlus1);
        }
        if is_stuck(quote, Side::Sell) {
            self.wait(quote, free, Reason::LimitDown);
            return;
        }
        // What is odd of a holding is sold at once or not at all.
        let step = i64::from(quote.board.step);
        let volume = if free == held.volume { free } else { free / step * step };
        self.place_order((place, Side::Sell, volume), now);
    }

    fn buy(&mut self, place: usize, wanted: i64, spendable: &mut i64, now: &Now<'_>) {
        let held = self.held.get(&place).map_or(0, |held| held.volume);
        let quote = &now.market.quotes[place];
        let lack = wanted - held;
        if lack <= 0 || self.is_ordered(&quote.qmt) {
            return;
        }
        if is_stuck(quote, Side::Buy) {
            self.wait(quote, lack, Reason::LimitUp);
            return;
        }
        let (least, step) = (i64::from(quote.board.least), i64::from(quote.board.step));
        let volume = if lack < least { 0 } else { lack / step * step };
        self.wait(quote, lack - volume, Reason::BelowLot);
        let cost = volume * quote.beside(2);
        if cost > *spendable {
            self.wait(quote, lack, Reason::Cash);
            return;
        }
        *spendable -= cost;
        self.place_order((place, Side::Buy, volume), now);
    }

    fn place_order(&mut self, what: (usize, Side, i64), now: &Now<'_>) {
        if what.2 > 0 {
            let order = self.order(what, now, true);
            self.orders.push(order);
        }
    }

    fn order(&mut self, (place, side, volume): (usize, Side, i64), now: &Now<'_>, ours: bool) -> Order {
        let quote = &now.market.quotes[place];
        self.numbers.0 += 1;
        Order {
            id: format!("{:06}", self.numbers.0).into(),
            code: quote.qmt.clone(),
            side,
            volume,
            traded: 0,
            price: Some(money(quote.beside(if side == Side::Buy { 2 } else { -2 }))),
            status: OrderStatus::Working,
            placed_at: Some(now.at.minus(Duration::from_millis(200))),
            ours,
        }
    }

    fn wait(&mut self, quote: &Quote, shares: i64, reason: Reason) {
        if shares > 0 {
            self.waiting.push(Waiting { code: quote.qmt.clone(), shares, reason, text: None });
        }
    }

    /// All that differs and waits for nothing else waits until orders are matched.
    fn wait_for_hours(&mut self, target: Option<&Target>, market: &Market) {
        for line in target.into_iter().flat_map(|target| &target.lines) {
            let Some(place) = market.find(&line.code.instrument()) else { continue };
            let quote = &market.quotes[place];
            if self.waiting.iter().any(|one| one.code == quote.qmt) {
                continue;
            }
            let held = self.held.get(&place).map_or(0, |held| held.volume);
            self.wait(quote, (line.volume.shares() - held).abs(), Reason::ClosedHours);
        }
    }

    fn cancel_rest(&mut self) {
        for order in self.orders.iter_mut().filter(|order| order.status == OrderStatus::Working) {
            order.status = OrderStatus::Cancelled;
        }
    }
}

fn is_stuck(quote: &Quote, side: Side) -> bool {
    match side {
        Side::Buy => quote.is_at_upper(),
        Side::Sell => quote.is_at_lower(),
    }
}

/// What a trade costs: thousandths of CNY, in whole fen. The least commission is an order's, and falls on its first trade.
fn fee(amount: i64, side: Side, quote: &Quote, is_first: bool) -> i64 {
    let least = if is_first { 5_000 } else { 0 };
    let commission = (amount / 4_000).max(least);
    let is_taxed = side == Side::Sell && quote.board.is_of_shares();
    let duty = if is_taxed { amount / 2_000 } else { 0 };
    let transfer = if quote.board.is_of_shares() { amount / 100_000 } else { 0 };
    (commission + duty + transfer + 5) / 10 * 10
}
