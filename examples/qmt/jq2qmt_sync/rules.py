# -*- coding: utf-8 -*-
"""What the exchanges allow: boards, lots, ticks, hours. Sources: the trading rules of SSE, SZSE and BSE (2023)."""

import collections
import datetime
import math
import re

# Volumes in shares (convertible bonds: pieces), ticks in CNY. `remainder`: what is left below a lot may be sold, whole.
Board = collections.namedtuple("Board", "name least step most tick remainder")

MAIN = Board("主板", 100, 100, 1000000, 0.01, True)
CHINEXT = Board("创业板", 100, 100, 300000, 0.01, True)
STAR = Board("科创板", 200, 1, 100000, 0.01, True)
BEIJING = Board("北交所", 100, 1, 1000000, 0.01, True)
FUND = Board("基金", 100, 100, 1000000, 0.001, True)
BOND = Board("可转债", 10, 10, 1000000, 0.001, False)

BOARDS = (
    (re.compile(r"60\d{4}\.SH$"), MAIN),
    (re.compile(r"00\d{4}\.SZ$"), MAIN),
    (re.compile(r"30[012]\d{3}\.SZ$"), CHINEXT),
    (re.compile(r"68[89]\d{3}\.SH$"), STAR),
    (re.compile(r"(43|83|87|88)\d{4}\.BJ$|920\d{3}\.BJ$"), BEIJING),
    (re.compile(r"5\d{5}\.SH$|1[568]\d{4}\.SZ$"), FUND),
    (re.compile(r"11[0138]\d{3}\.SH$|12[378]\d{3}\.SZ$"), BOND),
)
# Held for other reasons than a strategy's: cash lent overnight, subscriptions, Stock Connect.
NEVER_TRADED = (
    (re.compile(r"204\d{3}\.SH$|131\d{3}\.SZ$"), "国债逆回购"),
    (re.compile(r"7[0-9]{5}\.SH$"), "申购、配售等代码"),
    (re.compile(r"\d{5}\."), "港股通"),
)

EXCHANGES = {"XSHG": "SH", "SH": "SH", "XSHE": "SZ", "SZ": "SZ", "XBSE": "BJ", "BJSE": "BJ", "BJ": "BJ"}
# Markets that JoinQuant knows and a stock account cannot trade: no holding here can be meant by them.
OTHER_MARKETS = ("OF", "CCFX", "XSGE", "XDCE", "XZCE", "XINE", "GFEX", "XHKG", "HK")


def terminal_code(code):
    """A code of either notation as the terminal writes it (000001.XSHE -> 000001.SZ); None where it is another
    market's; ValueError where it is not understood."""
    symbol, _, suffix = code.strip().upper().rpartition(".")
    if suffix in EXCHANGES and re.match(r"\d{5,6}$", symbol):
        return "%s.%s" % (symbol, EXCHANGES[suffix])
    if symbol and suffix in OTHER_MARKETS:
        return None
    raise ValueError(code)


def board_of(code):
    """The board of a code, or None: what has none is left alone."""
    for pattern, board in BOARDS:
        if pattern.match(code):
            return board
    return None


def why_left_alone(code):
    """Why a code without a board is never traded."""
    for pattern, kind in NEVER_TRADED:
        if pattern.match(code):
            return "%s，不参与同步" % kind
    return "不认识的品种，不参与同步"


def buy_volume(board, wanted):
    """The most shares that one order may buy without exceeding what is wanted."""
    volume = min(wanted, board.most)
    volume -= volume % board.step
    return volume if volume >= board.least else 0


def sell_volume(board, wanted, sellable):
    """The most shares that one order may sell without exceeding what is wanted: whole lots, or with them the whole of
    a remainder that is no lot."""
    volume = min(wanted, sellable, board.most)
    if volume <= 0:
        return 0
    if board.remainder and volume == sellable:
        return volume
    whole = volume - volume % board.step
    odd = sellable % board.step if board.remainder else 0
    with_odd = odd + (volume - odd) // board.step * board.step if 0 < odd <= volume else 0
    return max(whole if whole >= board.least else 0, with_odd)


def to_tick(board, price, up):
    """A price on the board's grid: the next one above (`up`) or below, unless it is on the grid already."""
    ticks = price / board.tick
    nearest = round(ticks)
    if abs(ticks - nearest) > 1e-6:
        nearest = math.ceil(ticks) if up else math.floor(ticks)
    return round(nearest * board.tick, 3)


# Phases of a trading day. Orders of the auctions rest until they end; from 09:20 and from 14:57 no cancel is taken.
# In a pause nothing is ordered or cancelled; from a minute before the lunch break on, what is in flight is cancelled.
CLOSED, AUCTION, CALL, PAUSE, CONTINUOUS, NOON = "closed", "auction", "call", "pause", "continuous", "noon"
PHASES = (
    ((9, 15), (9, 20), AUCTION),
    ((9, 20), (9, 25), CALL),
    ((9, 25), (9, 30), PAUSE),
    ((9, 30), (11, 29), CONTINUOUS),
    ((11, 29), (13, 0), NOON),
    ((13, 0), (14, 57), CONTINUOUS),
    ((14, 57), (15, 0), CALL),
)


def phase(moment, holidays=(), start=(9, 15)):
    """The phase of a moment in China Standard Time. `holidays`: dates as 2026-10-01; before `start` it is a pause."""
    if moment.weekday() >= 5 or moment.strftime("%Y-%m-%d") in holidays:
        return CLOSED
    now = (moment.hour, moment.minute)
    for first, end, name in PHASES:
        if first <= now < end:
            return name if now >= start else PAUSE
    return CLOSED


def china_time():
    """Now in China Standard Time, whatever zone the machine is set to."""
    return datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).replace(tzinfo=None)
