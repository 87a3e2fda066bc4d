# -*- coding: utf-8 -*-
"""What became of the orders, and whether the terminal's lists show it yet. Whatever is in doubt blocks its instrument.

The lists lag by seconds as a rule, by most of a minute on a bad day, and are now and then empty. So nothing that was
seen is forgotten because a list lacks it, and a holding must be what it was and what was traded since, to the
share."""

import collections
import datetime

from .pricing import cost
from .terms import (
    BUY,
    FINAL,
    IN_FLIGHT,
    REFUSED,
    REJECTED,
    SELL,
    UNEXPLAINED,
    because,
    held_of,
    is_ours,
    seconds,
    text_of,
)

# What has not changed for this long is what it is: longer than any list was ever seen to lag.
QUIET_SECONDS = 60
# What is in doubt for longer than this no list will clear up any more: from then on it waits for a person.
DOUBT_SECONDS = 120
# For this long the cash may not show a purchase.
CASH_SECONDS = 45
# A cancel that has not come through is sent again.
CANCEL_AGAIN_SECONDS = 10
# After a rejection an instrument waits, twice as long each time.
BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 30, 900

Placed = collections.namedtuple("Placed", "order at")
# since: None for what time alone clears up.
Doubt = collections.namedtuple("Doubt", "why since hint")
# What the terminal shows of an instrument: its volume, what today's orders have traded of it, since when both stand so.
Shown = collections.namedtuple("Shown", "volume traded since")


class Ledger(object):
    """Today's orders, ours and those of people, and what the holdings must be because of them."""

    def __init__(self):
        self.day = None
        self.stuck = {}  # code: Why, until the script is started anew
        self.carried = {}  # code: the least that the last day can have left of it
        self.clear()

    def clear(self):
        self.began = self.looked_at = None  # when the first look of the day was, and the last
        self.watched_from = None  # since when one look has followed another
        self.unseen = {}  # remark: Placed, not in the terminal's list yet
        self.placed_at = {}  # remark: when
        self.orders = collections.OrderedDict()  # key: the order as it was seen last
        self.first_seen = {}  # key: when the list first had it
        self.missing = {}  # key of an unfinished order: since when the list lacks it
        self.cancelled = {}  # key: when its cancel was last sent
        self.failures = {}  # code: (how many in a row, when the last)
        self.shown = {}  # code: Shown
        self.settled = {}  # code: volume less what today's orders have traded, once it can be trusted

    @staticmethod
    def key(order):
        # An order has no number of its own until the exchange has taken it.
        return order.remark if is_ours(order) else (order.id, order.code, order.side, order.volume)

    def observe(self, orders, holdings, now):
        """Take note of the terminal's lists. Returns those of our orders that have ended since."""
        if now.date() != self.day:
            self.carried = self.least_left()
            self.clear()
            self.day = now.date()
        self.began = self.began or now
        if self.looked_at is None or seconds(now, self.looked_at) > QUIET_SECONDS:
            # What a list did not clear up while nobody looked is no older for it.
            self.watched_from = now
        self.looked_at = now
        ended = self.note_orders(orders, now)
        self.note_holdings(holdings, now)
        return ended

    def note_orders(self, orders, now):
        ended = []
        for order in orders:
            if not (order.id or is_ours(order)):
                continue
            key = self.key(order)
            before = self.orders.get(key)
            self.first_seen.setdefault(key, now)
            self.unseen.pop(key, None)
            self.orders[key] = order
            if order.status in FINAL and (before is None or before.status not in FINAL):
                self.note_end(order, now)
                if key in self.placed_at:
                    ended.append(order)
        listed = {self.key(order) for order in orders}
        for key, order in self.orders.items():
            if key in listed or order.status in FINAL:
                self.missing.pop(key, None)
            else:
                self.missing.setdefault(key, now)
        return ended

    def note_end(self, order, now):
        if order.status == REJECTED:
            self.failures[order.code] = (self.failures.get(order.code, (0,))[0] + 1, now)
        elif order.traded:
            self.failures.pop(order.code, None)

    def note_holdings(self, holdings, now):
        traded = self.traded()
        for code in set(holdings) | set(traded) | set(self.shown) | set(self.carried):
            shown = self.shown.get(code, Shown(0, 0, self.began))
            pair = (held_of(holdings, code), traded.get(code, 0))
            if pair != shown[:2]:
                shown = Shown(pair[0], pair[1], now)
            self.shown[code] = shown
            is_quiet = seconds(now, max(shown.since, self.watched_from)) >= QUIET_SECONDS
            if code not in self.settled and is_quiet and not self.has_vanished(code):
                self.settled[code] = shown.volume - shown.traded

    def traded(self):
        """{code: shares that today's orders have bought, less those that they have sold}."""
        net = {}
        for order in self.orders.values():
            if order.side is not None:
                sign = 1 if order.side == BUY else -1
                net[order.code] = net.get(order.code, 0) + sign * order.traded
        return net

    def has_vanished(self, code):
        """Whether what the last day left is gone, and no order of today has sold it."""
        return self.carried.get(code, 0) > 0 and self.shown[code].volume == 0 and self.shown[code].traded >= 0

    def expected(self, code):
        """What the holding must be; None while nothing is known of it."""
        if code in self.settled:
            return self.settled[code] + self.shown[code].traded
        return self.carried[code] if self.has_vanished(code) else None

    def least_left(self):
        """{code: the least that this day can have left of it}. What may have been sold after the last look has not
        vanished."""
        left = {code: self.expected(code) for code in self.settled}
        rests = [(placed.order, placed.order.volume) for placed in self.unseen.values()]
        rests += [(order, order.volume - order.traded) for order in self.orders.values() if order.status not in FINAL]
        for order, rest in rests:
            if order.side == SELL and order.code in left:
                left[order.code] -= rest
        return {code: volume for code, volume in left.items() if volume > 0}

    def place(self, remark, order, now):
        """Take note of an order that is about to be placed."""
        shown = self.shown.setdefault(order.code, Shown(0, 0, self.began))
        self.settled.setdefault(order.code, shown.volume - shown.traded)
        self.unseen[remark] = Placed(order, now)
        self.placed_at[remark] = now

    def blocked(self, now):
        """{code: Why it must wait}: the terminal's lists do not show what they must, or an order was refused."""
        blocked = {}
        for code, (count, at) in self.failures.items():
            wait = min(LONGEST_BACK_OFF_SECONDS, BACK_OFF_SECONDS * 2 ** (count - 1))
            if seconds(now, at) < wait:
                again = (at + datetime.timedelta(seconds=wait)).strftime("%H:%M:%S")
                # How many it were is news, at what time the next comes is not.
                blocked[code] = because(REFUSED, "委托被拒（连续第 %d 次）" % count + "，%s 后再试", again)
        blocked.update((code, doubt.why) for code, doubt in self.doubts().items())
        blocked.update(self.stuck)
        return blocked

    def doubts(self):
        """{code: Doubt} of what the terminal's lists leave open."""
        doubts = {}
        for code, shown in self.shown.items():
            expected = self.expected(code)
            if expected is None:
                doubts[code] = Doubt(because(IN_FLIGHT, "等待终端数据稳定"), None, "")
            elif shown.volume != expected:
                why = because(IN_FLIGHT, "持仓 %d 股，按已知的成交应为 %d 股", shown.volume, expected)
                doubts[code] = Doubt(why, shown.since, "")
        for key, since in self.missing.items():
            order = self.orders[key]
            why = because(IN_FLIGHT, "委托 %s 尚未结束，却不在终端的列表中", order.id or order.remark)
            doubts[order.code] = Doubt(why, since, "")
        for remark, placed in self.unseen.items():
            why = because(IN_FLIGHT, "委托 %s 还没有出现在终端", remark)
            doubts[placed.order.code] = Doubt(why, placed.at, "（模型是否处于模拟信号模式？）")
        return doubts

    def give_up(self, now):
        """[(code, text)] of what no list has cleared up in time: from now on it waits for a person."""
        given_up = []
        for code, doubt in sorted(self.doubts().items()):
            if code in self.stuck or doubt.since is None:
                continue
            if seconds(now, max(doubt.since, self.watched_from)) < DOUBT_SECONDS:
                continue
            text = "停止交易：%s%s。请核对委托与持仓，确认后重新启动本脚本" % (text_of(doubt.why), doubt.hint)
            self.stuck[code] = because(UNEXPLAINED, "%s", text)
            given_up.append((code, text))
        return given_up

    def reserved_cash(self, now):
        """CNY of purchases that the terminal may not have set aside yet."""
        fresh = [
            cost(order.traded if order.status in FINAL else order.volume, order.price)
            for key, order in self.orders.items()
            if order.side == BUY and order.status != REJECTED and seconds(now, self.first_seen[key]) < CASH_SECONDS
        ]
        unseen = [cost(p.order.volume, p.order.price) for p in self.unseen.values() if p.order.side == BUY]
        return sum(fresh) + sum(unseen)

    def turnover(self, sides):
        """CNY that our orders of these sides have traded today or still may."""
        listed = [
            (order.traded if order.status in FINAL else order.volume) * order.price
            for order in self.orders.values()
            if order.side in sides and is_ours(order)
        ]
        unseen = [placed.order for placed in self.unseen.values()]
        return sum(listed) + sum(order.volume * order.price for order in unseen if order.side in sides)

    def has_open_sales(self):
        """Whether a sale is on its way, or its outcome is not shown yet."""
        doubtful = self.doubts()
        sales = [order for order in self.orders.values() if order.side == SELL and is_ours(order)]
        waiting = any(placed.order.side == SELL for placed in self.unseen.values())
        return waiting or any(order.status not in FINAL or order.code in doubtful for order in sales)

    def known_since(self, order, now):
        """When an order was placed; one that is not ours, when it was seen first."""
        key = self.key(order)
        return self.placed_at.get(key) or self.first_seen.get(key, now)

    def ages(self, orders, now):
        """{order id: seconds since it was first seen}, of our orders that can be cancelled now."""
        ages = {}
        for order in orders:
            key = self.key(order)
            sent = self.cancelled.get(key)
            again = sent is None or seconds(now, sent) >= CANCEL_AGAIN_SECONDS
            if order.id and again and is_ours(order):
                ages[order.id] = seconds(now, self.first_seen[key])
        return ages
