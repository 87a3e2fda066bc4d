# -*- coding: utf-8 -*-
"""One look after another: ask the server, read the terminal, decide, act, and say why an instrument is not there yet.

A terminal is any object with these methods; what it raises ends the look, and nothing more is done in it:
    account() -> Account, or None while not logged in
    holdings() -> {code: Holding}        orders() -> [Order] of today        quotes(codes) -> {code: Quote}
    fills() -> [Fill] of today           place(NewOrder, remark)
    cancel(Order) -> whether the request was sent
"""

import collections
import datetime
import traceback
import uuid

from .answer import PollError
from .decide import Situation, decide, differences, sales_in_flight
from .journal import Journal
from .ledger import QUIET_SECONDS, Ledger
from .poll import NoAnswerError, Poll
from .report import Reports, report_body
from .rules import CLOSED, NOON, PAUSE, china_time, phase
from .settings import read_settings
from .steady import Steady
from .terms import (
    BUY,
    FINAL,
    IN_FLIGHT,
    ONLY_SHOWN,
    REJECTED,
    REMARK,
    SELL,
    SIDE_NAMES,
    Waiting,
    because,
    held_of,
    seconds,
    text_of,
)
from .trading_days import TradingDays
from .wire import Wire

# Purchases that are short of cash wait this long for sales; then they take what there is.
PATIENCE_SECONDS = 90
# A server that says nothing is asked again after twice as long each time, this at the most.
LONGEST_SILENCE_SECONDS = 120


def make_session(terminal, options, clock=china_time, out=print):
    """A session from the settings at the head of a script: a mapping of their names to what the user wrote."""
    settings = read_settings(options)
    # Kept for the script's lifetime: by it the server knows one terminal from another.
    name = "qmt-" + uuid.uuid4().hex[:16]
    account = options["ACCOUNT_NAME"]
    poll = Poll(
        options["SERVER"],
        options["API_KEY"],
        () if account else options["STRATEGIES"],
        bool(account) or options["INCLUDE_ADJUSTMENTS"],
        options["CA_FILE"],
        account=account,
        terminal=name,
        lineage=options["LINEAGE"],
    )
    session = Session(terminal, poll, settings, clock, out)
    wire = Wire(options["SERVER"], options["API_KEY"], name, options["CA_FILE"])
    session.trading_days = TradingDays(wire)
    if account and options["REPORT"]:
        session.reports = Reports(wire, account, session.journal)
    session.remarks = remarks_on(options)
    return session


def remarks_on(options):
    """What is to be said at the start about settings that do not count."""
    if options["ACCOUNT_NAME"] and (options["STRATEGIES"] or not options["INCLUDE_ADJUSTMENTS"]):
        return ["已指定 ACCOUNT_NAME：策略和手工调整以服务器上的账户为准，STRATEGIES 和 INCLUDE_ADJUSTMENTS 不起作用"]
    if options["STRATEGIES"] and options["INCLUDE_ADJUSTMENTS"]:
        return ["已指定 STRATEGIES：INCLUDE_ADJUSTMENTS 不起作用；需要手工调整时，把 ADJUSTMENT_… 也写进 STRATEGIES"]
    return []


class Session(object):
    """Brings one account to the server's targets. Call `start` at every start or reconnect, `step` on a timer."""

    def __init__(self, terminal, poll, settings, clock=china_time, out=print):
        self.terminal, self.poll, self.settings, self.clock = terminal, poll, settings, clock
        self.journal, self.ledger, self.steady = Journal(out), Ledger(), Steady(settings.steady)
        self.reports, self.trading_days, self.remarks = None, None, []
        self.quiet_since = None
        self.last_step = None
        self.mutes, self.ask_again = 0, None
        self.sales_since = self.last_sale = None
        self.count = 0
        self.standing = "还没有数据"
        # Whether the protected codes were looked for, and why nothing is done until the script is started anew.
        self.checked, self.stopped = False, None

    def start(self):
        """Say what is going to happen. The terminal may still be loading: the first order waits."""
        now = self.clock()
        self.quiet_since = now
        mode = "DRY_RUN：只显示，不下单" if self.settings.dry_run else "实盘：将自动下单"
        self.journal.line("%s 启动，%s；服务器 %s" % (now.strftime("%Y-%m-%d %H:%M:%S"), mode, self.poll.url))
        for remark in self.remarks:
            self.journal.line(remark)
        try:
            targets = self.poll()
        except PollError as refusal:
            self.journal.line(str(refusal))
        else:
            self.journal.line("服务器正常：版本 %d，%d 个目标" % (targets.revision, len(targets.volumes)))

    def step(self):
        """One look. Whatever goes wrong in it, nothing is traded, and the next look starts afresh."""
        now = self.clock()
        # A second init may leave two timers running.
        if self.last_step is not None and 0 <= seconds(now, self.last_step) < self.settings.interval / 2.0:
            return
        self.last_step = now
        if phase(now, self.settings.holidays) == CLOSED:
            self.journal.say("phase", "非交易时间", now)
            return
        try:
            if self.trading_days is not None and self.trading_days.are_closed(now):
                self.journal.say("phase", "服务器的交易日历：今天休市，不交易", now)
                return
            self.journal.settle("phase")
            self.look(now)
        except PollError as refusal:
            self.standing = str(refusal)
            self.journal.tell("server", self.standing, now)
        except Exception:
            self.standing = "出错，本次不再操作"
            self.journal.tell("error", "出错，本次不再操作：\n" + traceback.format_exc(), now)
        self.journal.summary(self.standing, now)

    def look(self, now):
        if self.stopped is not None:
            return self.idle(self.stopped, now)
        if self.ask_again is not None and now < self.ask_again:
            return None
        targets = self.ask(now)
        self.journal.settle("server")
        self.steady.observe(targets, now)
        account = self.terminal.account()
        if account is None:
            return self.idle("终端没有资金账号的数据（未登录？）：不交易", now)
        holdings, orders = self.terminal.holdings(), self.terminal.orders()
        if account.value >= 1 and not any(holding.volume for holding in holdings.values()):
            return self.idle("终端尚未载入持仓（持仓市值 %.2f 元，持仓为空）：不交易", now, account.value)
        for order in self.ledger.observe(orders, holdings, now):
            self.tell_end(order)
        for code, text in self.ledger.give_up(now):
            self.journal.line("%s %s" % (code, text))
        self.quiet_since = self.quiet_since or now
        if seconds(now, max(self.quiet_since, self.ledger.began)) < QUIET_SECONDS:
            return self.idle("刚启动、重连或新的交易日：等待终端数据稳定 %d 秒", now, QUIET_SECONDS)
        if not self.checked and self.lacks_protected(holdings):
            return self.idle(self.stopped, now)
        self.journal.settle("error", "account")
        return self.trade(targets, account, holdings, orders, now)

    def idle(self, words, now, *numbers):
        """Nothing is done in this look."""
        self.standing = words % numbers
        self.journal.say("account", words, now, numbers)

    def ask(self, now):
        """The targets of now. Who says nothing is asked less and less often: each time takes the terminal's only
        thread."""
        try:
            targets = self.poll()
        except NoAnswerError:
            self.mutes += 1
            silence = min(LONGEST_SILENCE_SECONDS, self.settings.interval * 2**self.mutes)
            self.ask_again = now + datetime.timedelta(seconds=silence)
            raise
        except PollError:
            self.mutes, self.ask_again = 0, None
            raise
        self.mutes, self.ask_again = 0, None
        return targets

    def lacks_protected(self, holdings):
        """Whether there are protected codes that the account does not hold: they may be mistyped."""
        absent = [code for code in self.settings.protected if not held_of(holdings, code)]
        # What was there a moment ago, and is not in the list now, may well come back.
        lacking = sorted(set(absent) - set(self.ledger.doubts()))
        self.checked = not absent
        if lacking:
            self.stopped = "PROTECTED 中的证券不在账户里：%s；不交易，请更正后重新启动本脚本" % "、".join(lacking)
        return bool(lacking)

    def trade(self, targets, account, holdings, orders, now):
        working = collections.OrderedDict()
        for order in orders:
            if order.status not in FINAL:
                working.setdefault(order.code, []).append(order)
        found, waiting = differences(targets, holdings, self.settings.protected)
        situation = self.situation(found, account, orders, working, now)
        wanted = [item.code for item in found if item.code not in working and item.code not in situation.blocked]
        quotes = self.terminal.quotes(wanted) if wanted and situation.phase not in (PAUSE, NOON) else {}
        plan = decide(found, quotes, situation, self.settings.limits)
        waiting += plan.waiting
        self.explain(waiting, found, targets, now)
        self.remember_sales(situation.selling or any(order.side == SELL for order in plan.orders), now)
        for order in plan.cancels:
            self.cancel(order, now)
        aims = {item.code: item.wanted for item in found}
        for order in plan.orders:
            if self.settings.dry_run:
                self.show(order, aims[order.code], now)
            else:
                self.place(order, now)
        self.report(targets, account, holdings, waiting + self.drafted(plan.orders), now)

    def situation(self, found, account, orders, working, now):
        """What the account can pay, has done, and must wait for."""
        blocked = self.steady.restless([item.code for item in found], now)
        blocked.update(self.ledger.blocked(now))
        reserved = self.ledger.reserved_cash(now)
        return Situation(
            phase=phase(now, self.settings.holidays, self.settings.start),
            today=now.strftime("%Y%m%d"),
            cash=account.cash - reserved,
            reserved=reserved > 0,
            turnover=self.ledger.turnover((BUY, SELL)),
            sold=self.ledger.turnover((SELL,)),
            working=working,
            blocked=blocked,
            ages=self.ledger.ages(orders, now),
            patient=self.sales_since is None or seconds(now, self.sales_since) < PATIENCE_SECONDS,
            selling=self.ledger.has_open_sales() or sales_in_flight(working),
        )

    def drafted(self, orders):
        """[Waiting] of what has just been ordered, or would have been."""
        why = because(ONLY_SHOWN, "DRY_RUN，不下单") if self.settings.dry_run else because(IN_FLIGHT, "刚刚下单")
        return [Waiting(order.code, order.volume, why) for order in orders]

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
            return self.journal.say(("cancel", order.id), "[DRY_RUN] " + text, now)
        self.ledger.cancelled[self.ledger.key(order)] = now
        sent = self.terminal.cancel(order)
        words = text if sent else text + "（撤单请求未发出，稍后再试）"
        return self.journal.say(("cancel", order.id), words, now)

    def show(self, order, wanted, now):
        """Say what would be ordered: once for each target, at whatever price."""
        words = "%s %s→%d" % (SIDE_NAMES[order.side], order.code, wanted)
        shown = "[DRY_RUN] %s %s %d 股，限价 %s" % (SIDE_NAMES[order.side], order.code, order.volume, order.price)
        self.journal.say(("order", order.code), words, now, shown=shown)

    def place(self, order, now):
        self.count += 1
        remark = "%s%s-%d" % (REMARK, now.strftime("%H%M%S"), self.count)
        # Noted before it is sent: a call that fails half-way may have placed it.
        self.ledger.place(remark, order, now)
        text = "%s %s %d 股，限价 %s" % (SIDE_NAMES[order.side], order.code, order.volume, order.price)
        self.journal.line("%s（%s）" % (text, remark))
        self.terminal.place(order, remark)

    def tell_end(self, order):
        traded = "被拒绝" if order.status == REJECTED else "成交 %d 股" % order.traded
        self.journal.line(
            "委托 %s 结束：%s %s %d 股，%s" % (order.remark, SIDE_NAMES[order.side], order.code, order.volume, traded)
        )

    def explain(self, waiting, found, targets, now):
        """Say for each instrument why it is not at its target, once, and again when that changes."""
        aims = {item.code: "目标 %d，持有 %d：" % (item.wanted, item.held) for item in found}
        wanted = {item.code: item.wanted for item in found}
        told = ["%s %s%s" % (one.code, aims.get(one.code, ""), text_of(one.why)) for one in waiting]
        for one, text in zip(waiting, told):
            # Another target is news, as another reason is; how much is held already is not.
            self.journal.say(
                ("note", one.code), "%s→%s %s" % (one.code, wanted.get(one.code), one.why.words), now, shown=text
            )
        for code in targets.ignored:
            self.journal.say(("note", code), "%s 其他市场的证券，不参与同步" % code, now)
        topics = {("note", code) for code in [one.code for one in waiting] + targets.ignored}
        self.journal.keep_only("note", topics)
        self.journal.keep_only("order", {("order", item.code) for item in found})
        numbers = (targets.revision, len(targets.volumes), len(told))
        self.standing = "版本 %d，目标 %d 个，未到位 %d 个" % numbers + ("：" + "；".join(told) if told else "")

    def report(self, targets, account, holdings, waiting, now):
        """Tell the server, where it is to be told. Whatever goes wrong, it is no reason not to trade."""
        if self.reports is None:
            return
        orders = [(order, self.ledger.known_since(order, now)) for order in self.ledger.orders.values()]
        counts = (holdings, orders, [one[:2] + (one.why.reason,) for one in waiting], targets.revision)
        try:
            if self.reports.is_due(now, counts):
                # Whose trade one is, its order says: without that, one by hand would pass for ours.
                listed = {order.id for order, _ in orders}
                # What a purchase cost beyond its decision is told by the prices before it.
                held = {code for code in holdings if holdings[code].volume}
                wanted = {code for code, volume in targets.volumes.items() if volume > 0}
                quotes = self.terminal.quotes(sorted(held | wanted))
                state = {
                    "account": account,
                    "prices": {code: quote.last for code, quote in quotes.items() if quote is not None},
                    "dry_run": self.settings.dry_run,
                    "revision": targets.revision,
                    "holdings": holdings,
                    "orders": orders,
                    "fills": [fill for fill in self.terminal.fills() if fill.order in listed],
                    "waiting": waiting,
                }
                self.reports.send(report_body(now, state), now, counts)
        except Exception as error:
            self.journal.say("report", "报告未发出（%s）：不影响交易", now, (error,))
