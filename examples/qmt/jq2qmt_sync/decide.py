# -*- coding: utf-8 -*-
"""What to order and what to cancel, from what is wanted, held, quoted and in flight. Pure: no terminal, no clock."""

import collections

from .pricing import affordable, cost, limit_price, purchase_slice, sale_slice
from .rules import CALL, CONTINUOUS, NOON, PAUSE, board_of, buy_volume, sell_volume, why_left_alone
from .terms import (
    BELOW_LOT,
    BUY,
    CANCEL_PENDING,
    CASH,
    CLOSED_HOURS,
    HELD_LINE,
    IN_FLIGHT,
    NO_QUOTE,
    ORDER_LIMIT,
    SELL,
    SIDE_NAMES,
    SUSPENDED,
    T_PLUS_1,
    Holding,
    NewOrder,
    Waiting,
    because,
)

# asks, bids: prices from the best level on. up, down: the day's limits. day: of the quote, as 20261231. last: the last
# price, before the first trade of a day yesterday's close; None where neither is known.
Quote = collections.namedtuple("Quote", "asks bids up down suspended day last")
Quote.__new__.__defaults__ = (None,)
# One instrument that is away from its target. leaving: nobody wants any of it.
Difference = collections.namedtuple("Difference", "code board wanted held sellable leaving")
# What the account can pay and has done. reserved: whether the cash is less than the terminal shows, because of
# purchases that it may not have counted; turnover, sold: CNY of today; working: {code: [Order]} in flight; blocked:
# {code: Why} must wait; ages: {order id: seconds} of our own orders; patient: whether a purchase that is short of
# cash waits for sales; selling: whether there are any.
Situation = collections.namedtuple(
    "Situation", "phase today cash reserved turnover sold working blocked ages patient selling"
)
# CNY, None for no limit; cancel_after: seconds an order may rest; max_deviation: a part of the last price.
Limits = collections.namedtuple(
    "Limits", "max_order_value min_order_value max_daily_turnover max_daily_sales max_deviation cancel_after"
)
# waiting: [Waiting], why instruments are not at their targets.
Plan = collections.namedtuple("Plan", "orders cancels waiting")


def differences(targets, holdings, protected):
    """What is away from its target, and [Waiting] of what will not be traded at all.

    `protected`: {code: shares that are not the strategies', None for all}."""
    found, waiting = [], []
    codes = list(targets.volumes)
    if not targets.listed:
        codes += sorted(code for code in holdings if code not in targets.volumes)
    for code in codes:
        holding = holdings.get(code, Holding(0, 0, 0.0))
        wanted = whole_target(targets, code, protected, holding)
        if holding.volume == wanted:
            continue
        board, why = board_of(code), why_never(targets, code, protected, holding)
        if why is None:
            leaving = code in targets.leaving or code not in targets.volumes
            found.append(Difference(code, board, wanted, holding.volume, holding.sellable, leaving))
        else:
            waiting.append(Waiting(code, abs(wanted - holding.volume), why))
    return found, waiting


def whole_target(targets, code, protected, holding):
    """What the account is to hold of an instrument, the protected shares with it."""
    wanted, kept = targets.volumes.get(code, 0), protected.get(code, 0)
    if kept is None:
        return wanted or holding.volume
    # An account's target has the owner's shares in it already; what is protected here must stay all the same.
    return max(wanted, kept) if targets.listed else wanted + kept


def why_never(targets, code, protected, holding):
    """What keeps an instrument from being traded, whatever the market does; or None."""
    kept = protected.get(code, 0)
    if code in targets.holds:
        return because(HELD_LINE, "服务器暂停了这一行：" + targets.holds[code].replace("%", "%%"))
    if board_of(code) is None:
        return because(HELD_LINE, "%s", why_left_alone(code))
    if kept is None:
        return because(HELD_LINE, "受保护的证券，不交易")
    if holding.volume < kept:
        # Buying would make up for the lacking protected shares with the strategies' money.
        return because(HELD_LINE, "持有 %d 股，少于受保护的 %d 股：不交易，请更正 PROTECTED", holding.volume, kept)
    return None


def decide(found, quotes, situation, limits):
    """The orders and cancels of this moment. At most one order is in flight for an instrument; sales come before
    purchases; purchases are paid from the cash there is."""
    orders, waiting, budget = [], [], Budget(situation, limits)
    for side in (SELL, BUY):
        for item in found:
            if (item.held > item.wanted) != (side == SELL):
                continue
            order, why = draft(item, side, quotes.get(item.code), situation, budget)
            if order is not None:
                orders.append(order)
            if why is not None:
                lacking = abs(item.wanted - item.held) - (order.volume if order else 0)
                waiting.append(Waiting(item.code, lacking, why))
    return Plan(orders, unwanted_orders(found, situation, limits), waiting)


def sales_in_flight(working):
    return any(order.side == SELL for orders in working.values() for order in orders)


def draft(item, side, quote, situation, budget):
    """The order that brings an instrument as near to its target as it can come now, and what keeps the rest."""
    why = why_not_now(item, quote, situation)
    if why is not None:
        return None, why
    price, why = limit_price(item.board, side, quote, budget.limits.max_deviation)
    if price is None:
        return None, why
    volume, why = (sale if side == SELL else purchase)(item, price, budget)
    if not volume:
        return None, why
    order = NewOrder(item.code, side, volume, price)
    refusal = budget.refusal(order, item.leaving)
    if refusal is not None:
        return None, refusal
    budget.book(order)
    return order, why


def why_not_now(item, quote, situation):
    """What keeps an instrument from being ordered at this moment, or None."""
    if item.code in situation.working:
        order = situation.working[item.code][0]
        side = SIDE_NAMES.get(order.side, "其他")
        return because(IN_FLIGHT, "等待委托 %s：%s %d 股，已成交 %d 股", order.id, side, order.volume, order.traded)
    if item.code in situation.blocked:
        return situation.blocked[item.code]
    if situation.phase in (PAUSE, NOON):
        return because(CLOSED_HOURS, "现在不下单")
    if quote is None or quote.day is None:
        return because(NO_QUOTE, "没有行情")
    if quote.suspended:
        return because(SUSPENDED, "停牌")
    if quote.day != situation.today:
        return because(NO_QUOTE, "没有今天的行情（最近 %s）", quote.day)
    return None


def sale(item, price, budget):
    """How much to sell, and what keeps the rest."""
    board, excess = item.board, item.held - item.wanted
    whole = sell_volume(board, excess, item.sellable)
    volume = sale_slice(board, whole, item.sellable, price, budget.limits.max_order_value)
    if volume < whole:
        return volume, budget.sliced()
    if volume == excess:
        return volume, None
    if volume == board.most:
        return volume, because(ORDER_LIMIT, "分批委托：交易所每笔至多 %d 股", board.most)
    if item.sellable < excess:
        return volume, because(T_PLUS_1, "应卖 %d 股，今天可卖 %d 股", excess, item.sellable)
    return volume, because(BELOW_LOT, "应卖 %d 股，不足%s的交易单位", excess - volume, board.name)


def purchase(item, price, budget):
    """How much to buy, and what keeps the rest."""
    board, lacking = item.board, item.wanted - item.held
    whole = buy_volume(board, lacking)
    if not whole:
        return 0, because(BELOW_LOT, "应买 %d 股，不足%s的交易单位", lacking, board.name)
    part = purchase_slice(board, whole, price, budget.limits.max_order_value)
    if not part:
        return 0, because(
            ORDER_LIMIT, "一笔至少约 %.2f 元，超过 MAX_ORDER_VALUE（%.2f 元）：不买",
            board.least * price, budget.limits.max_order_value,
        )  # fmt: skip
    volume = buy_volume(board, min(part, affordable(budget.cash, price)))
    if volume < part:
        if budget.reserved:
            return 0, because(CASH, "等待终端的资金更新")
        if budget.patient and budget.selling:
            # One purchase with the money of the sales costs less than two.
            return 0, because(CASH, "等待卖出的资金")
        return volume, because(
            CASH, "应买 %d 股需约 %.2f 元，可用 %.2f 元", whole, cost(whole, price), max(0.0, budget.cash)
        )
    if volume < whole:
        return volume, budget.sliced()
    if volume == lacking:
        return volume, None
    if volume == board.most:
        return volume, because(ORDER_LIMIT, "分批委托：交易所每笔至多 %d 股", board.most)
    return volume, because(BELOW_LOT, "应买 %d 股，其中 %d 股不足%s的交易单位", lacking, lacking - volume, board.name)


class Budget(object):
    """The cash, and what the limits that people set leave of a day."""

    def __init__(self, situation, limits):
        self.limits, self.patient, self.reserved = limits, situation.patient, situation.reserved
        self.cash, self.turnover, self.sold = situation.cash, situation.turnover, situation.sold
        self.selling = situation.selling
        self.ended = set()

    def sliced(self):
        return because(ORDER_LIMIT, "分批委托：每笔不超过 MAX_ORDER_VALUE（%.2f 元）", self.limits.max_order_value)

    def refusal(self, order, leaving):
        """Why an order is not placed; or None. A day's turnover ends purchases only: nothing bought keeps a sale in."""
        value, side, least = order.volume * order.price, order.side, self.limits.min_order_value
        if value < least and not (side == SELL and leaving):
            words = "%s %d 股约 %.2f 元，低于 MIN_ORDER_VALUE（%.2f 元）：不值得手续费"
            return because(ORDER_LIMIT, words, SIDE_NAMES[side], order.volume, value, least)
        if side == SELL:
            most, done, words = self.limits.max_daily_sales, self.sold, "今天的卖出"
            end = "超过 MAX_DAILY_SALES（%.2f 元）：不再卖出"
        else:
            most, done, words = self.limits.max_daily_turnover, self.turnover, "今天的成交与委托"
            end = "超过 MAX_DAILY_TURNOVER（%.2f 元）：不再买入"
        if most is None or (side not in self.ended and done + value <= most):
            return None
        # A smaller one that would still fit must not go before those that come first.
        self.ended.add(side)
        return because(ORDER_LIMIT, words + " %.2f 元，再加 %.2f 元" + end, done, value, most)

    def book(self, order):
        value = order.volume * order.price
        self.turnover += value
        if order.side == BUY:
            self.cash -= cost(order.volume, order.price)
        else:
            self.sold += value
            self.selling = True


def unwanted_orders(found, situation, limits):
    """Those of our orders in flight that rest too long, that the target no longer asks for, or that would rest over the
    lunch break, to be filled after it whatever is wanted by then."""
    if situation.phase in (CALL, PAUSE):
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
            if stale or situation.phase == NOON or rest > max(wish, 0):
                cancels.append(order)
    return cancels
