# -*- coding: utf-8 -*-
"""What to order and what to cancel, from what is wanted, held, quoted and in flight. Pure: no terminal, no clock."""

import collections

from .rules import CALL, CONTINUOUS, board_of, buy_volume, sell_volume, to_tick, why_left_alone

BUY, SELL = "buy", "sell"
SIDE_NAMES = {BUY: "买入", SELL: "卖出"}

# A terminal's own words for an order's life. Every other status, known or not, counts as in flight.
REJECTED = 57
FINAL = (53, 54, 56, REJECTED)
CANCEL_PENDING = (51, 52)

# Volumes in shares, prices in CNY per share, values in CNY.
Holding = collections.namedtuple("Holding", "volume sellable")
# `side` is None for what is neither a purchase nor a sale; `remark` tells our orders from those placed by hand.
Order = collections.namedtuple("Order", "id code side volume traded price status remark")
# asks, bids: prices from the best level on. up, down: the day's limits. day: of the quote, as 20261231.
Quote = collections.namedtuple("Quote", "asks bids up down suspended day")
# One instrument that is, or may be, away from its target.
Difference = collections.namedtuple("Difference", "code board wanted held sellable")
# What the account can pay and has done. working: {code: [Order]} in flight; blocked: {code: why} must wait; ages:
# {order id: seconds} of our own orders; patient: whether a purchase that is short of cash waits for sales in flight.
Situation = collections.namedtuple("Situation", "phase today cash turnover working blocked ages patient")
# max_order_value, max_daily_turnover: CNY, None for no limit. cancel_after: seconds an order may rest.
Limits = collections.namedtuple("Limits", "max_order_value max_daily_turnover cancel_after")
NewOrder = collections.namedtuple("NewOrder", "code side volume price")
# notes: {code: why it is not at its target}.
Plan = collections.namedtuple("Plan", "orders cancels notes")

# Fees that a broker sets aside with a purchase: a part of its value, and the commission's usual minimum in CNY.
FEE_RATE, LEAST_FEE = 0.001, 5.0
# Buying above 102 % of the best ask, or selling below 98 % of the best bid, is refused by the exchange.
CAGE = 0.02


def holdings_of(lines):
    """{code: Holding} of a terminal's (code, volume, sellable), in which an instrument may stand more than once: once
    for each of the account's shareholder numbers."""
    holdings = {}
    for code, volume, sellable in lines:
        before = holdings.get(code, Holding(0, 0))
        holdings[code] = Holding(before.volume + volume, before.sellable + sellable)
    return holdings


def differences(targets, holdings, protected):
    """What is away from its target, and notes on what will never be traded.

    `protected`: {code: shares that are not the strategies', None for all}."""
    found, notes = [], {}
    codes = list(targets) + sorted(code for code in holdings if code not in targets)
    for code in codes:
        holding = holdings.get(code, Holding(0, 0))
        board = board_of(code)
        wanted, kept = targets.get(code, 0), 0
        if code in protected:
            kept = holding.volume if protected[code] is None else protected[code]
        if board is None:
            if wanted or holding.volume:
                notes[code] = why_left_alone(code)
        elif protected.get(code, 0) is None:
            if wanted:
                notes[code] = "受保护的证券，不交易"
        elif holding.volume < kept:
            # Buying would make up for the lacking protected shares with the strategies' money.
            if wanted or holding.volume:
                notes[code] = "持有 %d 股，少于受保护的 %d 股：不交易，请更正 PROTECTED" % (holding.volume, kept)
        elif holding.volume != wanted + kept:
            found.append(Difference(code, board, wanted + kept, holding.volume, holding.sellable))
    return found, notes


def decide(found, quotes, situation, limits):
    """The orders and cancels of this moment. At most one order is in flight for an instrument; sales come before
    purchases; purchases are paid from the cash there is."""
    notes, orders = {}, []
    cancels = unwanted_orders(found, situation, limits)
    left = {"cash": situation.cash, "turnover": situation.turnover, "stopped": False}
    selling = situation.patient and sales_in_flight(situation.working)
    for side in (SELL, BUY):
        for item in found:
            if (item.held > item.wanted) != (side == SELL):
                continue
            why = why_not_now(item, quotes.get(item.code), situation)
            if why is None:
                order, why = draft(item, side, quotes[item.code], left["cash"])
                if why is not None and side == BUY and selling:
                    # One purchase with the money of the sales costs less than two.
                    order, why = None, "等待卖出的资金"
                if order is not None:
                    refusal = over_limit(order, left, limits)
                    if refusal is None:
                        orders.append(order)
                        selling = selling or (side == SELL and situation.patient)
                    why = refusal or why
            if why is not None:
                notes[item.code] = why
    return Plan(orders, cancels, notes)


def sales_in_flight(working):
    return any(order.side == SELL for orders in working.values() for order in orders)


def why_not_now(item, quote, situation):
    """What keeps an instrument from being ordered at this moment, or None."""
    if item.code in situation.working:
        order = situation.working[item.code][0]
        side = SIDE_NAMES.get(order.side, "其他")
        return "等待委托 %s：%s %d 股，已成交 %d 股" % (order.id, side, order.volume, order.traded)
    if item.code in situation.blocked:
        return situation.blocked[item.code]
    if quote is None or quote.day is None:
        return "没有行情"
    if quote.suspended:
        return "停牌"
    if quote.day != situation.today:
        return "没有今天的行情（最近 %s）" % quote.day
    return None


def draft(item, side, quote, cash):
    """The order that brings an instrument as near to its target as it can come now, and what it leaves undone."""
    price, why = limit_price(item.board, side, quote)
    if price is None:
        return None, why
    if side == SELL:
        return draft_sale(item, price)
    return draft_purchase(item, price, cash)


def draft_sale(item, price):
    excess = item.held - item.wanted
    volume = sell_volume(item.board, excess, item.sellable)
    order = NewOrder(item.code, SELL, volume, price) if volume else None
    if volume in (excess, item.board.most):
        return order, None
    if item.sellable < excess:
        return order, "应卖 %d 股，今天可卖 %d 股" % (excess, item.sellable)
    return order, "应卖 %d 股，不足%s的交易单位" % (excess - volume, item.board.name)


def draft_purchase(item, price, cash):
    lacking = item.wanted - item.held
    whole = buy_volume(item.board, lacking)
    if not whole:
        return None, "应买 %d 股，不足%s的交易单位" % (lacking, item.board.name)
    affordable = int(max(0.0, cash - LEAST_FEE) / (price * (1 + FEE_RATE)))
    volume = buy_volume(item.board, min(whole, affordable))
    order = NewOrder(item.code, BUY, volume, price) if volume else None
    if volume < whole:
        return order, "应买 %d 股需约 %.2f 元，可用 %.2f 元" % (whole, cost(whole, price), max(0.0, cash))
    if volume in (lacking, item.board.most):
        return order, None
    return order, "应买 %d 股，其中 %d 股不足%s的交易单位" % (lacking, lacking - volume, item.board.name)


def cost(volume, price):
    """What a purchase takes from the cash, at the most."""
    return volume * price * (1 + FEE_RATE) + LEAST_FEE


def limit_price(board, side, quote):
    """The second level of the other side's book (the first where there is no second), within the day's limits and what
    the exchange takes; or None and why there is no price."""
    prices = [price for price in (quote.asks if side == BUY else quote.bids)[:2] if price and price > 0]
    if not prices:
        return None, "涨停或无卖盘，无法买入" if side == BUY else "跌停或无买盘，无法卖出"
    if not (quote.up > 0 and quote.down > 0):
        return None, "没有涨跌停价"
    if side == BUY:
        price = min(prices[-1], max(prices[0], to_tick(board, prices[0] * (1 + CAGE), False)), quote.up)
        return to_tick(board, price, True), None
    price = max(prices[-1], min(prices[0], to_tick(board, prices[0] * (1 - CAGE), True)), quote.down)
    return to_tick(board, price, False), None


def over_limit(order, left, limits):
    """Book an order against the cash and the limits that people set; why not, where one is reached."""
    value = order.volume * order.price
    if limits.max_order_value is not None and value > limits.max_order_value:
        return "%s %d 股约 %.2f 元，超过 MAX_ORDER_VALUE（%.2f 元）：不下单" % (
            SIDE_NAMES[order.side],
            order.volume,
            value,
            limits.max_order_value,
        )
    most = limits.max_daily_turnover
    if left["stopped"] or (most is not None and left["turnover"] + value > most):
        left["stopped"] = True
        return "今天的成交与委托 %.2f 元，再加 %.2f 元超过 MAX_DAILY_TURNOVER（%.2f 元）：不再下单" % (
            left["turnover"],
            value,
            most,
        )
    left["turnover"] += value
    if order.side == BUY:
        left["cash"] -= cost(order.volume, order.price)
    return None


def unwanted_orders(found, situation, limits):
    """Those of our orders in flight that rest too long, or that the target no longer asks for."""
    if situation.phase == CALL:
        return []
    wishes = {item.code: item.wanted - item.held for item in found}
    cancels = []
    for code, working in sorted(situation.working.items()):
        for order in working:
            if order.id not in situation.ages or order.status in CANCEL_PENDING:
                continue
            rest = order.volume - order.traded
            wish = wishes.get(code, 0) * (1 if order.side == BUY else -1)
            stale = situation.phase == CONTINUOUS and situation.ages[order.id] >= limits.cancel_after
            if stale or rest > max(wish, 0):
                cancels.append(order)
    return cancels
