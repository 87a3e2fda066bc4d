# -*- coding: utf-8 -*-
"""At which price an order goes, and how much of it in one piece. Pure."""

from .rules import buy_volume, sell_volume, to_tick
from .terms import BUY, LIMIT_DOWN, LIMIT_UP, NO_QUOTE, because

# Fees that a broker sets aside with a purchase: a part of its value, and the commission's usual minimum in CNY.
FEE_RATE, LEAST_FEE = 0.001, 5.0
# Buying above 102 % of the best ask, or selling below 98 % of the best bid, is refused by the exchange.
CAGE = 0.02


def cost(volume, price):
    """What a purchase takes from the cash, at the most."""
    return volume * price * (1 + FEE_RATE) + LEAST_FEE


def affordable(cash, price):
    """The shares that the cash pays, with their fees."""
    return int(max(0.0, cash - LEAST_FEE) / (price * (1 + FEE_RATE)))


def limit_price(board, side, quote, max_deviation=None):
    """The second level of the other side's book (the first where there is no second), within the day's limits, what
    the exchange takes and `max_deviation` of the last price, where an order rests if the book is further away; or None
    and why there is no price."""
    prices = [price for price in (quote.asks if side == BUY else quote.bids)[:2] if price and price > 0]
    if not prices:
        return None, (
            because(LIMIT_UP, "涨停或无卖盘，无法买入")
            if side == BUY
            else because(LIMIT_DOWN, "跌停或无买盘，无法卖出")
        )
    if not (quote.up > 0 and quote.down > 0):
        return None, because(NO_QUOTE, "没有涨跌停价")
    if max_deviation is not None and not (quote.last and quote.last > 0):
        return None, because(NO_QUOTE, "没有最新价")
    if side == BUY:
        price = min(prices[-1], max(prices[0], to_tick(board, prices[0] * (1 + CAGE), False)), quote.up)
        if max_deviation is not None:
            price = min(price, max(quote.down, to_tick(board, quote.last * (1 + max_deviation), False)))
        return to_tick(board, price, True), None
    price = max(prices[-1], min(prices[0], to_tick(board, prices[0] * (1 - CAGE), True)), quote.down)
    if max_deviation is not None:
        price = max(price, min(quote.up, to_tick(board, quote.last * (1 - max_deviation), True)))
    return to_tick(board, price, False), None


def purchase_slice(board, volume, price, most_value):
    """As many of the shares as may be bought in one order."""
    return volume if most_value is None else buy_volume(board, min(volume, int(most_value / price)))


def sale_slice(board, volume, sellable, price, most_value):
    """As many of the shares as may be sold in one order. A limit keeps nobody in: the least lot always goes."""
    if most_value is None or volume * price <= most_value:
        return volume
    part = sell_volume(board, min(volume, int(most_value / price)), sellable)
    return part or sell_volume(board, min(volume, board.least), sellable) or volume
