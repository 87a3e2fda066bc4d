# -*- coding: utf-8 -*-
"""One look after another: ask the server, read the terminal, decide, act, and say why an instrument is not there yet.

A terminal is any object with these methods; what it raises ends the look, and nothing more is done in it:
    account() -> (cash, value of all holdings) in CNY, or None while not logged in
    holdings() -> {code: Holding}        orders() -> [Order] of today        quotes(codes) -> {code: Quote}
    place(NewOrder, remark)              cancel(Order) -> whether the request was sent
"""

import collections
import datetime
import traceback

from .decide import (
    BUY,
    FINAL,
    REJECTED,
    SIDE_NAMES,
    Holding,
    Limits,
    Situation,
    cost,
    decide,
    differences,
    sales_in_flight,
)
from .poll import Poll, PollError
from .rules import CLOSED, china_time, phase, terminal_code

# Terminals show positions, orders and cash with a delay of up to 6 s; this long after an event they can be trusted.
SETTLE_SECONDS = 10
# An order that the terminal has not shown after ten times its usual delay was never placed.
UNSEEN_SECONDS = 60
# A cancel that has not come through is sent again.
CANCEL_AGAIN_SECONDS = 10
# Purchases that are short of cash wait this long for sales; then they take what there is.
PATIENCE_SECONDS = 60
# After a rejection an instrument waits, twice as long each time.
BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 30, 900
# What has not changed is said again after this long.
REPEAT_SECONDS = 600

# Marks our orders; the terminal keeps 24 ASCII characters of a remark.
REMARK = "jq2qmt-"

Settings = collections.namedtuple("Settings", "protected limits dry_run holidays interval")
Placed = collections.namedtuple("Placed", "order at held")


def make_session(terminal, options, clock=china_time, out=print):
    """A session from the settings at the head of a script: a mapping of their names to what the user wrote."""
    settings = Settings(
        protected={account_code(code): volume for code, volume in options["PROTECTED"].items()},
        limits=Limits(options["MAX_ORDER_VALUE"], options["MAX_DAILY_TURNOVER"], options["CANCEL_AFTER_SECONDS"]),
        dry_run=options["DRY_RUN"],
        holidays=tuple(options["HOLIDAYS"]),
        interval=options["INTERVAL_SECONDS"],
    )
    poll = Poll(
        options["SERVER"],
        options["API_KEY"],
        options["STRATEGIES"],
        options["INCLUDE_ADJUSTMENTS"],
        options["CA_FILE"],
    )
    return Session(terminal, poll, settings, clock, out)


def account_code(code):
    """A code that the user wrote, as the terminal writes it; what protects nothing must not look as if it did."""
    try:
        known = terminal_code(code)
    except ValueError:
        known = None
    if known is None:
        raise ValueError("PROTECTED 中的证券代码无效：%s" % code)
    return known


class Tracker(object):
    """What happened to our orders, as far as the terminal's lagging lists do not tell it."""

    def __init__(self):
        self.day = None
        self.clear()

    def clear(self):
        self.unseen = {}  # remark: Placed, not in the terminal's list yet
        self.placed = {}  # remark: Placed, once in the list
        self.first_seen = {}  # key of an order: when the list first had it
        self.finished = {}  # key of an order: when the list first had its final state
        self.cancelled = {}  # key of an order: when its cancel was last sent
        self.failures = {}  # code: (how many in a row, when the last)

    @staticmethod
    def key(order):
        # An order has no number of its own until the exchange has taken it.
        return order.remark if order.remark.startswith(REMARK) else (order.id, order.code, order.side, order.volume)

    def observe(self, orders, now):
        """Take note of the terminal's list of today's orders."""
        if now.date() != self.day:
            self.day = now.date()
            self.clear()
        for order in orders:
            key = self.key(order)
            self.first_seen.setdefault(key, now)
            if key in self.unseen:
                self.placed[key] = self.unseen.pop(key)
            if order.status in FINAL and key not in self.finished:
                self.finished[key] = now
                if order.status == REJECTED:
                    self.fail(order.code, now)
                elif order.traded:
                    self.failures.pop(order.code, None)
        lost = [remark for remark, placed in self.unseen.items() if seconds(now, placed.at) >= UNSEEN_SECONDS]
        for remark in lost:
            self.fail(self.unseen.pop(remark).order.code, now)
        return lost

    def fail(self, code, now):
        self.failures[code] = (self.failures.get(code, (0,))[0] + 1, now)

    def place(self, remark, order, held, now):
        self.unseen[remark] = Placed(order, now, held)

    def blocked(self, orders, holdings, now):
        """{code: why it must wait}: the terminal's lists are behind what was ordered, or the order was refused."""
        blocked = {}
        for order in orders:
            key = self.key(order)
            if key in self.finished and not self.settled(order, key, holdings, now):
                blocked[order.code] = "等待持仓更新（委托 %s 刚结束）" % order.id
        for code, (count, at) in self.failures.items():
            wait = min(LONGEST_BACK_OFF_SECONDS, BACK_OFF_SECONDS * 2 ** (count - 1))
            if seconds(now, at) < wait:
                again = (at + datetime.timedelta(seconds=wait)).strftime("%H:%M:%S")
                blocked[code] = "委托被拒或未被执行（连续第 %d 次），%s 后再试" % (count, again)
        for placed in self.unseen.values():
            blocked[placed.order.code] = "等待终端显示刚下的委托"
        return blocked

    def settled(self, order, key, holdings, now):
        """Whether the position shows what an order has done."""
        if seconds(now, self.finished[key]) >= SETTLE_SECONDS:
            return True
        if key not in self.placed:
            return False
        change = order.traded if order.side == BUY else -order.traded
        return holdings.get(order.code, Holding(0, 0)).volume == self.placed[key].held + change

    def reserved_cash(self, orders, now):
        """CNY of purchases that the terminal may not have set aside yet."""
        fresh = [
            cost(order.volume, order.price)
            for order in orders
            if order.side == BUY and seconds(now, self.first_seen[self.key(order)]) < SETTLE_SECONDS
        ]
        unseen = [cost(p.order.volume, p.order.price) for p in self.unseen.values() if p.order.side == BUY]
        return sum(fresh) + sum(unseen)

    def turnover(self, orders):
        """CNY that our orders of today have traded or still may."""
        listed = [
            (order.traded if order.status in FINAL else order.volume) * order.price
            for order in orders
            if order.remark.startswith(REMARK)
        ]
        return sum(listed) + sum(p.order.volume * p.order.price for p in self.unseen.values())

    def ages(self, orders, now):
        """{order id: seconds since it was first seen}, of our orders that can be cancelled now."""
        ages = {}
        for order in orders:
            key = self.key(order)
            sent = self.cancelled.get(key)
            again = sent is None or seconds(now, sent) >= CANCEL_AGAIN_SECONDS
            if order.id and again and order.remark.startswith(REMARK):
                ages[order.id] = seconds(now, self.first_seen[key])
        return ages


class Session(object):
    """Brings one account to the server's targets. Call `start` at every start or reconnect, `step` on a timer."""

    def __init__(self, terminal, poll, settings, clock=china_time, out=print):
        self.terminal, self.poll, self.settings, self.clock, self.out = terminal, poll, settings, clock, out
        self.tracker = Tracker()
        self.quiet_since = None
        self.last_step = None
        self.sales_since = self.last_sale = None
        self.count = 0
        self.said = {}

    def start(self):
        """Say what is going to happen. The terminal may still be loading: the first order waits."""
        now = self.clock()
        self.quiet_since = now
        mode = "DRY_RUN：只显示，不下单" if self.settings.dry_run else "实盘：将自动下单"
        self.out("jq2qmt %s 启动，%s；服务器 %s" % (now.strftime("%Y-%m-%d %H:%M:%S"), mode, self.poll.url))
        try:
            targets = self.poll()
        except PollError as refusal:
            self.out("jq2qmt %s" % refusal)
        else:
            self.out("jq2qmt 服务器正常：版本 %d，%d 个目标" % (targets.revision, len(targets.volumes)))

    def step(self):
        """One look. Whatever goes wrong in it, nothing is traded, and the next look starts afresh."""
        now = self.clock()
        # A second init may leave two timers running.
        if self.last_step is not None and 0 <= seconds(now, self.last_step) < self.settings.interval / 2.0:
            return
        self.last_step = now
        try:
            self.look(now)
        except PollError as refusal:
            self.say("server", str(refusal), now)
        except Exception:
            self.say("error", "出错，本次不再操作：\n" + traceback.format_exc(), now)

    def look(self, now):
        today = phase(now, self.settings.holidays)
        if today == CLOSED:
            return self.say("phase", "非交易时间", now)
        self.said.pop("phase", None)
        targets = self.poll()
        account = self.terminal.account()
        if account is None:
            return self.say("account", "终端没有资金账号的数据（未登录？）：不交易", now)
        cash, value = account
        holdings, orders = self.terminal.holdings(), self.terminal.orders()
        if value >= 1 and not any(holding.volume for holding in holdings.values()):
            return self.say("account", "终端尚未载入持仓（持仓市值 %.2f 元，持仓为空）：不交易" % value, now)
        for remark in self.tracker.observe(orders, now):
            self.out("jq2qmt 委托 %s 一直没有出现在终端：模型是否处于模拟信号模式？" % remark)
        if self.quiet_since is None or seconds(now, self.quiet_since) < SETTLE_SECONDS:
            self.quiet_since = self.quiet_since or now
            return self.say("account", "刚启动，等待终端数据稳定", now)
        for topic in ("server", "error", "account"):
            self.said.pop(topic, None)
        return self.trade(targets, today, cash, holdings, orders, now)

    def trade(self, targets, today, cash, holdings, orders, now):
        working = collections.OrderedDict()
        for order in orders:
            if order.status not in FINAL:
                working.setdefault(order.code, []).append(order)
        found, notes = differences(targets.volumes, holdings, self.settings.protected)
        blocked = self.tracker.blocked(orders, holdings, now)
        situation = Situation(
            phase=today,
            today=now.strftime("%Y%m%d"),
            cash=cash - self.tracker.reserved_cash(orders, now),
            turnover=self.tracker.turnover(orders),
            working=working,
            blocked=blocked,
            ages=self.tracker.ages(orders, now),
            patient=self.sales_since is None or seconds(now, self.sales_since) < PATIENCE_SECONDS,
        )
        wanted = [item.code for item in found if item.code not in working and item.code not in blocked]
        quotes = self.terminal.quotes(wanted) if wanted else {}
        plan = decide(found, quotes, situation, self.settings.limits)
        notes.update(plan.notes)
        notes.update((code, "其他市场的证券，不参与同步") for code in targets.ignored)
        self.explain(notes, found, now)
        self.remember_sales(sales_in_flight(working) or any(order.side != BUY for order in plan.orders), now)
        held = {item.code: item.held for item in found}
        for order in plan.cancels:
            self.cancel(order, now)
        for order in plan.orders:
            self.place(order, held[order.code], now)

    def remember_sales(self, selling, now):
        """Keep when the current run of sales began: between a cancel and the next order none is in flight."""
        if selling:
            self.sales_since = self.sales_since or now
            self.last_sale = now
        elif self.last_sale is not None and seconds(now, self.last_sale) > PATIENCE_SECONDS:
            self.sales_since = self.last_sale = None

    def cancel(self, order, now):
        text = "撤单 %s：%s %s %d 股，已成交 %d 股" % (
            order.id,
            SIDE_NAMES[order.side],
            order.code,
            order.volume,
            order.traded,
        )
        if self.settings.dry_run:
            return self.say(("cancel", order.id), "[DRY_RUN] " + text, now)
        self.tracker.cancelled[self.tracker.key(order)] = now
        sent = self.terminal.cancel(order)
        return self.out("jq2qmt %s%s" % (text, "" if sent else "（撤单请求未发出，稍后再试）"))

    def place(self, order, held, now):
        text = "%s %s %d 股，限价 %s" % (SIDE_NAMES[order.side], order.code, order.volume, order.price)
        if self.settings.dry_run:
            return self.say(("order", order.code), "[DRY_RUN] " + text, now)
        self.count += 1
        remark = "%s%s-%d" % (REMARK, now.strftime("%H%M%S"), self.count)
        # Noted before it is sent: a call that fails half-way may have placed it.
        self.tracker.place(remark, order, held, now)
        self.out("jq2qmt %s（%s）" % (text, remark))
        return self.terminal.place(order, remark)

    def explain(self, notes, found, now):
        """Say for each instrument why it is not at its target, once, and again when that changes."""
        aims = {item.code: "目标 %d，持有 %d：" % (item.wanted, item.held) for item in found}
        for code, why in notes.items():
            self.say(("note", code), "%s %s%s" % (code, aims.get(code, ""), why), now)
        for topic in [topic for topic in self.said if topic[0] == "note" and topic[1] not in notes]:
            del self.said[topic]

    def say(self, topic, text, now):
        """Print what is new about a topic, and what is not every ten minutes."""
        before, at = self.said.get(topic, (None, now))
        if text != before or seconds(now, at) >= REPEAT_SECONDS:
            self.said[topic] = (text, now)
            self.out("jq2qmt %s" % text)


def seconds(later, earlier):
    return (later - earlier).total_seconds()
