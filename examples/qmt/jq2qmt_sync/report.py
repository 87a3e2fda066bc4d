# -*- coding: utf-8 -*-
"""Tell the server what the account has and what it waits for. Nothing of this ever keeps anybody from trading."""

import datetime
import json
import threading
import urllib.parse

from .answer import read_json
from .terms import BUY, CANCELLED, FILLED, PART_CANCELLED, REJECTED, SELL, held_of, is_ours, seconds, text_of

# What has not changed is told again after this long.
REPORT_SECONDS = 30
# A server that takes no reports is asked again after this long.
REFUSED_SECONDS = 600

ORDER_STATES = {FILLED: "filled", CANCELLED: "cancelled", PART_CANCELLED: "cancelled", REJECTED: "rejected"}


def report_body(now, state):
    """The whole state of an account, as `POST /api/v1/accounts/{name}/report` takes it."""
    account, prices = state["account"], state["prices"]
    return {
        "at": stamp(now),
        "mode": "dry_run" if state["dry_run"] else "live",
        "revision": state["revision"],
        "cash": decimal(account.cash, 2),
        "total_asset": decimal(account.cash + account.value if account.total is None else account.total, 2),
        "holdings": [
            {
                "code": code,
                "volume": holding.volume,
                "sellable": holding.sellable,
                "cost": decimal(holding.cost, 4),
                "price": decimal(prices.get(code), 4),
            }
            for code, holding in sorted(state["holdings"].items())
            if holding.volume
        ]
        + [
            {"code": code, "volume": 0, "price": decimal(price, 4)}
            for code, price in sorted(prices.items())
            if price and not held_of(state["holdings"], code)
        ],
        "orders": [
            {
                "id": order.id or order.remark,
                "code": order.code,
                "side": order.side,
                "volume": order.volume,
                "traded": order.traded,
                "price": decimal(order.price, 4),
                "status": ORDER_STATES.get(order.status, "working"),
                "placed_at": stamp(placed_at),
                "ours": is_ours(order),
            }
            for order, placed_at in state["orders"]
            if order.side in (BUY, SELL)
        ],
        "fills": [
            {
                "id": fill.id,
                "order": fill.order,
                "code": fill.code,
                "side": fill.side,
                "volume": fill.volume,
                "price": decimal(fill.price, 4),
                "at": stamp(fill.at or now),
            }
            for fill in state["fills"]
            if fill.side in (BUY, SELL)
        ],
        "waiting": [
            {"code": one.code, "shares": one.shares, "reason": one.why.reason, "text": text_of(one.why)}
            for one in state["waiting"]
            if one.shares
        ],
    }


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S+08:00")


def decimal(number, places):
    """A number as decimal text, without needless zeros beyond the cents; None where there is none."""
    if number is None or number != number or number in (float("inf"), float("-inf")):
        return None
    text = "%.*f" % (places, number)
    while places > 2 and text.endswith("0"):
        text, places = text[:-1], places - 1
    return text


class Reports(object):
    """Sends reports of one account, each time something changes and every half minute, in a thread of their own."""

    def __init__(self, wire, account, journal):
        self.wire, self.journal = wire, journal
        self.path = "/api/v1/accounts/%s/report" % urllib.parse.quote(account, safe="")
        self.sending, self.outcome = None, []
        self.last, self.sent_at, self.not_before = None, None, None

    def is_due(self, now, what_counts):
        """Whether to send one. `what_counts` is compared with what counted the last time."""
        if self.sending is not None and self.sending.is_alive():
            return False
        self.take_outcome(now)
        if self.not_before is not None and now < self.not_before:
            return False
        return self.sent_at is None or what_counts != self.last or seconds(now, self.sent_at) >= REPORT_SECONDS

    def send(self, body, now, what_counts):
        self.last, self.sent_at, self.outcome = what_counts, now, []
        raw = json.dumps(body).encode("utf-8")
        self.sending = threading.Thread(target=self.post, args=(raw, self.outcome))
        self.sending.daemon = True
        self.sending.start()

    def post(self, raw, outcome):
        try:
            result = self.wire.exchange(self.path, raw, Content_Type="application/json")
        except Exception as error:
            result = error
        outcome.append(result)

    def take_outcome(self, now):
        """What became of the last one, told once."""
        if not self.outcome:
            return None
        result, self.outcome = self.outcome[0], []
        if isinstance(result, Exception):
            self.last = None
            return self.journal.say("report", "报告没有送到服务器（%s）：稍后再报，不影响交易", now, (result,))
        status, body, _ = result
        if status == 200:
            return self.journal.settle("report")
        answer = read_json(body) or {}
        self.not_before = now + datetime.timedelta(seconds=REFUSED_SECONDS if status == 404 else REPORT_SECONDS)
        words = "服务器还不接收报告" if status == 404 else "服务器没有接受报告（%s，%s）"
        numbers = () if status == 404 else (status, answer.get("error"))
        return self.journal.say("report", words + "：不影响交易", now, numbers)
