# -*- coding: utf-8 -*-
"""What terminals, orders, quotes and reasons are called, the same in every other file."""

import collections

BUY, SELL = "buy", "sell"
SIDE_NAMES = {BUY: "买入", SELL: "卖出"}

# A terminal's own words for an order's life. Every other status, known or not, counts as in flight.
PART_CANCELLED, CANCELLED, FILLED, REJECTED = 53, 54, 56, 57
FINAL = (PART_CANCELLED, CANCELLED, FILLED, REJECTED)
CANCEL_PENDING = (51, 52)

# Marks our orders; the terminal keeps 24 ASCII characters of a remark.
REMARK = "jq2qmt-"

# Volumes in shares, prices in CNY per share, values in CNY.
# value: of all holdings. total: with the cash, None where the terminal does not say.
Account = collections.namedtuple("Account", "cash value total")
Holding = collections.namedtuple("Holding", "volume sellable cost")
# `side` is None for what is neither a purchase nor a sale; `remark` tells our orders from those placed by hand.
Order = collections.namedtuple("Order", "id code side volume traded price status remark")
# One execution. `at`: China Standard Time, None where the terminal does not say.
Fill = collections.namedtuple("Fill", "id order code side volume price at")
NewOrder = collections.namedtuple("NewOrder", "code side volume price")

# Why something is not at its target: `reason` for programs, as reports name it; `words` for people, a template in which
# the `numbers` are put. What has other numbers and the same words is no news.
Why = collections.namedtuple("Why", "reason words numbers")
# A Why of an instrument, and how many shares it keeps from their target.
Waiting = collections.namedtuple("Waiting", "code shares why")

IN_FLIGHT, T_PLUS_1, BELOW_LOT, CASH = "in_flight", "t_plus_1", "below_lot", "cash"
LIMIT_UP, LIMIT_DOWN, SUSPENDED, NO_QUOTE = "limit_up", "limit_down", "suspended", "no_quote"
CLOSED_HOURS, ORDER_LIMIT, REFUSED = "closed_hours", "order_limit", "rejected"
HELD_LINE, ONLY_SHOWN, UNEXPLAINED = "held_line", "dry_run", "unexplained"


def because(reason, words, *numbers):
    return Why(reason, words, numbers)


def text_of(why):
    return why.words % why.numbers


def is_ours(order):
    return order.remark.startswith(REMARK)


def holdings_of(lines):
    """{code: Holding} of a terminal's (code, volume, sellable, cost), in which an instrument may stand more than once:
    once for each of the account's shareholder numbers."""
    holdings = {}
    for code, volume, sellable, cost in lines:
        before = holdings.get(code, Holding(0, 0, 0.0))
        whole = before.volume + volume
        average = (before.volume * before.cost + volume * (cost or 0.0)) / whole if whole else 0.0
        holdings[code] = Holding(whole, before.sellable + sellable, average)
    return holdings


def held_of(holdings, code):
    return holdings[code].volume if code in holdings else 0


def seconds(later, earlier):
    return (later - earlier).total_seconds()
