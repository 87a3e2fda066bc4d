//! The daily report in a message: what each account traded and what differed at the close, what each strategy did and cost,
//! what somebody had to be told of, and where the history ended.

use super::{Message, Voice};
use crate::desk::daily::{Daily, DailyAccount, Traded};
use crate::digits::{grouped, rounded, signed};
use crate::domain::calendar::Day;
use crate::domain::drift::DriftLine;
use crate::domain::incident::NAMED;
use crate::domain::money::Money;
use crate::domain::report::Reason;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::Head;

/// How many accounts, strategies of an account, and incidents a message names.
const MOST: usize = 8;

impl Voice<'_> {
    /// What is said of a day where nothing more has room.
    pub(super) fn report_title(&self, day: Day) -> String {
        self.pick(format!("{day} 日报"), format!("Daily report {day}"))
    }

    /// What a day was like.
    pub(super) fn report(&self, daily: &Daily) -> Message {
        let differing = daily.accounts.iter().flat_map(|one| &one.drift).map(Vec::len).sum::<usize>();
        let (accounts, incidents) = (daily.accounts.len(), daily.incidents.len());
        let rest = self.pick(
            format!("：账户 {accounts} 个，收盘偏差 {differing} 只，事件 {incidents} 件"),
            format!(" · accounts {accounts} · differing at the close {differing} · incidents {incidents}"),
        );
        let mut lines = Vec::new();
        for account in daily.accounts.iter().take(MOST) {
            self.account(account, &mut lines);
        }
        self.and_more(accounts, &mut lines);
        self.incidents(daily, &mut lines);
        lines.extend(daily.head.as_ref().and_then(|head| self.head(head)));
        self.message(self.report_title(daily.day) + &rest, lines.join("\n"), &format!("/reports/{}", daily.day))
    }

    fn account(&self, account: &DailyAccount, lines: &mut Vec<String>) {
        let name = &account.account;
        let Some(became) = &account.became else {
            lines.push(self.pick(format!("{name}：当日没有报告"), format!("{name}: nothing was reported that day")));
            return;
        };
        let count = |is_counted: fn(&Traded) -> bool| account.traded.values().filter(|one| is_counted(one)).count();
        let (bought, sold) = (count(|one| one.bought_shares != 0), count(|one| one.sold_shares != 0));
        let sum = |of: fn(&Traded) -> Money| grouped(&whole(account.traded.values().map(of).sum()));
        let (paid, got) = (sum(|one| one.bought), sum(|one| one.sold));
        let total = became.total();
        let (profit, fees) = (signed(&whole(total.profit)), grouped(&whole(total.figures.fees)));
        lines.push(self.pick(
            format!("{name}：买入 {bought} 只 {paid} 元，卖出 {sold} 只 {got} 元；盈亏 {profit} 元，费用 {fees} 元"),
            format!(
                "{name}: bought {bought} for CNY {paid}, sold {sold} for CNY {got}; profit CNY {profit}, fees CNY {fees}"
            ),
        ));
        lines.push(self.drift(account.drift.as_deref()));
        for owner in became.owners.iter().take(MOST) {
            let nobody = self.pick("不属于任何策略", "no strategy's");
            let who = owner.owner.as_ref().map_or(nobody, StrategyName::as_str);
            let (profit, fees) = (signed(&whole(owner.result.profit)), grouped(&whole(owner.result.figures.fees)));
            let turnover = grouped(&whole(owner.result.figures.turnover()));
            lines.push(self.pick(
                format!("· {who}：盈亏 {profit} 元，成交 {turnover} 元，费用 {fees} 元"),
                format!("· {who}: profit CNY {profit}, turnover CNY {turnover}, fees CNY {fees}"),
            ));
        }
        self.and_more(became.owners.len(), lines);
    }

    fn drift(&self, lines: Option<&[DriftLine]>) -> String {
        let Some(lines) = lines else {
            return self.pick("收盘偏差不详", "What differed at the close is not known").to_owned();
        };
        if lines.is_empty() {
            return self.pick("收盘与目标一致", "At the close it was as it should be").to_owned();
        }
        let named: Vec<String> = lines.iter().take(NAMED).map(|line| self.difference(line)).collect();
        let named = self.instruments(&named, lines.len());
        self.pick(format!("收盘偏差：{named}"), format!("Differing at the close: {named}"))
    }

    /// By how much what is held differs, and why.
    fn difference(&self, line: &DriftLine) -> String {
        let why = line.parts.iter().map(|part| {
            let (chinese, english) = drift_texts(part.reason);
            self.pick(chinese, english)
        });
        let why = why.collect::<Vec<_>>().join(self.pick("、", ", "));
        let (code, shares) = (&line.code, signed(&line.difference().to_string()));
        self.pick(format!("{code} {shares}（{why}）"), format!("{code} {shares} ({why})"))
    }

    fn incidents(&self, daily: &Daily, lines: &mut Vec<String>) {
        for incident in daily.incidents.iter().take(MOST) {
            let what = self.said(&incident.concern).what;
            lines.push(match (incident.ended_at, self.pick("仍在持续", "still so")) {
                (Some(_), _) => self.pick(format!("· 事件：{what}"), format!("· Incident: {what}")),
                (None, so) => self.pick(format!("· 事件：{what}（{so}）"), format!("· Incident: {what} ({so})")),
            });
        }
        self.and_more(daily.incidents.len(), lines);
    }

    fn and_more(&self, count: usize, lines: &mut Vec<String>) {
        let rest = count.saturating_sub(MOST);
        if rest > 0 {
            lines.push(self.pick(format!("· 另有 {rest} 个"), format!("· and {rest} more")));
        }
    }

    /// Where the history ended, for whoever keeps the message.
    fn head(&self, head: &Head) -> Option<String> {
        let (revision, hash) = (head.revision, hex::encode(head.hash));
        let line =
            self.pick(format!("账本：修订 {revision}，{hash}"), format!("The ledger: revision {revision}, {hash}"));
        (revision != Revision::NONE).then_some(line)
    }
}

/// Whole yuan.
fn whole(money: Money) -> String {
    rounded(&money.to_string(), 0)
}

/// Why what is held differs from what is wanted: in Chinese and English.
pub const fn drift_texts(cause: Reason) -> (&'static str, &'static str) {
    match cause {
        Reason::InFlight => ("已报单或终端即将报单", "ordered, or on its way to the terminal"),
        Reason::TPlus1 => ("今日买入，明日才能卖出", "bought today: it may be sold on the next trading day"),
        Reason::BelowLot => ("不足一手，交易所不接受", "less than the exchange takes an order for"),
        Reason::Cash => ("资金不足", "not enough cash"),
        Reason::LimitUp => ("涨停，无法买入", "at its upper limit: nobody sells"),
        Reason::LimitDown => ("跌停，无法卖出", "at its lower limit: nobody buys"),
        Reason::Suspended => ("停牌", "its trade is suspended"),
        Reason::NoQuote => ("终端没有今日行情", "the terminal knows no price of today"),
        Reason::ClosedHours => ("不在交易时段", "outside of trading hours"),
        Reason::OrderLimit => ("超出终端的交易限额", "beyond the terminal's own limits"),
        Reason::Rejected => ("报单被拒绝", "the order was refused"),
        Reason::HeldLine => ("该行暂不交易", "the target says not to trade this line now"),
        Reason::DryRun => ("终端处于模拟运行，不下单", "the terminal is in a dry run and places no orders"),
        Reason::TerminalSilent => ("终端失联", "the terminal is not heard of"),
        Reason::Unexplained => ("原因不明，请检查", "nothing known explains it: look at it"),
    }
}
