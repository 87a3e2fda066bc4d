#coding:gbk

# Bring a big-QMT account to the targets of a jq2qmt server. 让大 QMT 账户跟随 jq2qmt 服务器的目标持仓。
#
# One file, Python 3.6, standard library only. Made from big_qmt.py and jq2qmt_sync/ by build.py: change those.
# 单文件，由 build.py 生成；只需修改下面的设置。

# ---------------------------------------------------------------- 设置 settings
# 资金账号。 The account's number.
ACCOUNT = ""
# 服务器地址。 Where the server is.
SERVER = "http://127.0.0.1:5366"
# 读取密钥：服务器以 --reads key 运行时需要，由 jq2qmt key add 生成。 A key that reads, where the server wants one.
API_KEY = ""
# 自签名证书的 CA 文件路径；None 表示用系统的。 A certificate authority of one's own, as a file.
CA_FILE = None
# 服务器上账户的名称（推荐）：目标、缩放、持有人自己的股份都以服务器为准，只交易应答中列出且未暂停的证券。API_KEY 用
# jq2qmt key add qmt --account 名称 生成。空表示跟随旧的合并持仓，账户中没有目标的证券会被卖出！
# The account's name on the server (recommended): only what its target lists, and does not hold back, is traded. Empty:
# the merged total as ever, and what has no target is sold!
ACCOUNT_NAME = ""
# 只跟随这些策略；空表示全部。名字写错时服务器拒绝，不交易。仅用于合并持仓。 Only these strategies; none named: all.
STRATEGIES = []
# 是否包含手工调整（ADJUSTMENT_*）；指定了 STRATEGIES 时不起作用。 Whether manual overlays count; not with STRATEGIES.
INCLUDE_ADJUSTMENTS = True
# 服务器数据库的谱系号（lineage）：从未恢复过备份时是 1，恢复一次换一个数。与服务器不符时不交易，核对后按提示修改。
# The lineage of the server's database: 1, and another number after each restored backup. Another one is not traded on
# until you change this.
LINEAGE = 1
# True：只打印将要做什么，不下单。确认无误后改为 False。 Only print what would be done.
DRY_RUN = True
# 是否把持仓、委托、成交报告给服务器（仅指定 ACCOUNT_NAME 时）。 Whether to report to the server what the account has.
REPORT = True
# 不属于策略的持仓，永不卖出：{代码: 股数}，None 表示该证券完全不动。不在账户里的代码会使脚本停止。
# Shares that are not the strategies' and are never sold; None: leave the instrument alone. A code that is not held
# stops the script.
PROTECTED = {}
# 单笔委托上限（元）：更大的分批委托；None 表示不限。 An order's most in CNY: what is more goes in parts.
MAX_ORDER_VALUE = 200000
# 单笔委托下限（元），清仓除外。 An order's least in CNY, but for what ends a holding.
MIN_ORDER_VALUE = 1000
# 每日成交与委托总额上限（元），达到后不再买入；卖出另有上限，不受买入影响；None 表示不限。
# A day's most in CNY: at the first nothing is bought any more; sales have one of their own, and no purchase holds
# them up.
MAX_DAILY_TURNOVER = 2000000
MAX_DAILY_SALES = None
# 委托价偏离最新价的上限，集合竞价也一样：0.015 表示 1.5%。
# How far from the last price an order may go, in auctions too.
MAX_DEVIATION = 0.015
# 委托多久未成交就撤单（秒）。 Seconds that an order may rest.
CANCEL_AFTER_SECONDS = 30
# 目标多久不变才交易（秒）。 Seconds that a target must hold still before it is traded.
STEADY_SECONDS = 15
# 查询间隔（秒）。 Seconds between two looks.
INTERVAL_SECONDS = 5
# 每天从几点开始交易；"09:15" 表示参与开盘集合竞价。 When trading begins; "09:15" takes part in the opening auction.
START = "09:30"
# 交易所休市日，如 ["2027-01-01"]；服务器的交易日历说休市时、没有当天行情时，本来就不交易。
# Exchange holidays; when the server's calendar says closed, or without a quote of today, nothing is traded anyway.
HOLIDAYS = []
# ---------------------------------------------------------------- 设置到此为止 end of settings

import collections
import datetime
import json
import math
import pathlib
import re
import socket
import ssl
import threading
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid

# ---------------------------------------------------------------- jq2qmt_sync/rules.py
"""What the exchanges allow: boards, lots, ticks, hours. Sources: the trading rules of SSE, SZSE and BSE (2023)."""


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


# ---------------------------------------------------------------- jq2qmt_sync/terms.py
"""What terminals, orders, quotes and reasons are called, the same in every other file."""


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


# ---------------------------------------------------------------- jq2qmt_sync/pricing.py
"""At which price an order goes, and how much of it in one piece. Pure."""


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


# ---------------------------------------------------------------- jq2qmt_sync/decide.py
"""What to order and what to cancel, from what is wanted, held, quoted and in flight. Pure: no terminal, no clock."""


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


# ---------------------------------------------------------------- jq2qmt_sync/ledger.py
"""What became of the orders, and whether the terminal's lists show it yet. Whatever is in doubt blocks its instrument.

The lists lag by seconds as a rule, by most of a minute on a bad day, and are now and then empty. So nothing that was
seen is forgotten because a list lacks it, and a holding must be what it was and what was traded since, to the
share."""


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


# ---------------------------------------------------------------- jq2qmt_sync/steady.py
"""Which targets hold still: what one strategy drops and another takes a moment later is not sold and bought back."""


class Steady(object):
    """Since when each target has been what it is, by what the looks saw."""

    def __init__(self, needed):
        self.needed = needed
        self.wanted, self.since, self.began = {}, {}, None

    def observe(self, targets, now):
        wanted = {code: (volume, code in targets.holds) for code, volume in targets.volumes.items()}
        self.began = self.began or now
        for code in set(wanted) | set(self.wanted):
            if wanted.get(code) != self.wanted.get(code):
                self.since[code] = now
        self.wanted = wanted

    def restless(self, codes, now):
        """{code: Why} of those that have not held still for long enough."""
        why = because(IN_FLIGHT, "目标刚变，等它 %d 秒不变", self.needed)
        return {code: why for code in codes if seconds(now, self.since.get(code, self.began)) < self.needed}


# ---------------------------------------------------------------- jq2qmt_sync/quotes.py
"""The market data of both terminals, which is the same."""


def read_quote(tick, detail):
    """A quote from get_full_tick's tick and the instrument's detail; None where one of them is missing."""
    if not tick or not detail:
        return None
    stamp = str(tick.get("timetag") or "")[:8]
    return Quote(
        asks=list(tick.get("askPrice") or ()),
        bids=list(tick.get("bidPrice") or ()),
        up=detail.get("UpStopPrice") or 0.0,
        down=detail.get("DownStopPrice") or 0.0,
        suspended=(detail.get("InstrumentStatus") or 0) > 0,
        # Without a date nobody knows of which day it is.
        day=stamp if len(stamp) == 8 and stamp.isdigit() else None,
        last=tick.get("lastPrice") or tick.get("lastClose") or None,
    )


# ---------------------------------------------------------------- jq2qmt_sync/wire.py
"""One request and its answer over HTTP, in whichever thread it is called."""


MOST_BYTES = 16 * 1024 * 1024


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect leads to a login page or to a stranger; the key is not to follow."""

    def redirect_request(self, *_):
        return None


class Wire(object):
    """A server, and how one names oneself to it. `timeout` is in seconds."""

    def __init__(self, server, api_key="", terminal="", ca_file=None, timeout=2.0):
        self.server, self.timeout = server.rstrip("/"), timeout
        self.headers = {"Accept": "application/json"}
        if api_key:
            self.headers["X-API-Key"] = api_key
        if terminal:
            self.headers["X-Terminal"] = terminal
        self.opener = urllib.request.build_opener(
            # A system-wide proxy is for browsers.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
            NoRedirect(),
        )

    def exchange(self, path, body=None, **headers):
        """Status, body and entity tag of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.server + path, data=body, headers=dict(self.headers, **named))
        try:
            answer = self.opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            result = (answer.getcode(), answer.read(MOST_BYTES + 1), answer.headers.get("ETag"))
            # What is left of the announced length was cut off, or is more than any book.
            if getattr(answer, "length", None) or len(result[1]) > MOST_BYTES:
                raise ValueError("应答不完整或过长")
            return result


def is_timeout(error):
    """Whether nothing came in time."""
    return isinstance(error, socket.timeout) or isinstance(getattr(error, "reason", None), socket.timeout)


def advice_on(error, server):
    """What to do about a connection that failed; empty where nothing is known."""
    words = str(error).upper()
    if "CERTIFICATE" in words:
        return "；证书不受信任：自签名证书请在 CA_FILE 填写 CA 文件"
    if "WRONG_VERSION_NUMBER" in words or "UNKNOWN_PROTOCOL" in words or "HTTP_REQUEST" in words:
        return "；服务器不使用 TLS：SERVER 请写 http://"
    if server.startswith("http://") and ("BADSTATUSLINE" in repr(error).upper() or "REMOTE" in repr(error).upper()):
        return "；若服务器启用了 TLS，SERVER 请写 https://"
    if "REFUSED" in words or "10061" in words:
        return "；请确认服务器正在运行，地址和端口正确"
    return ""


# ---------------------------------------------------------------- jq2qmt_sync/answer.py
"""What a server's answer says. What is not one whole answer of a server that knows some book is a PollError."""


# volumes: {terminal code: target in shares}, in the order of the answer. listed: an account's target, of which only
# what is listed may be traded, and in which the owner's shares are contained. holds: {code: why it must not be
# traded}. leaving: codes of which nobody wants any. ignored: codes of other markets. lineage: None where the server
# does not say.
Targets = collections.namedtuple("Targets", "volumes listed holds leaving ignored revision lineage update_time")


class PollError(Exception):
    """There are no targets to trade on; the text says why."""


class OtherTerminalError(PollError):
    """Another terminal holds the account."""


def read_json(body):
    """A JSON object; None for anything else."""
    try:
        answer = json.loads(body.decode("utf-8"), parse_constant=not_a_number)
    except (ValueError, RecursionError):  # brackets within brackets, without end
        return None
    return answer if isinstance(answer, dict) else None


def read_answer(status, body, account=""):
    """The targets of an answer, or PollError."""
    answer = read_json(body)
    if status != 200:
        refuse(status, answer or {})
    lines = (answer or {}).get("lines" if account else "positions")
    if not isinstance(lines, list) or (account and answer.get("account") != account):
        raise PollError("服务器的应答不是持仓数据：不交易")
    update_time = answer.get("updated_at" if account else "update_time")
    if not isinstance(update_time, str) or not update_time:
        raise PollError("服务器上还没有任何策略推送过持仓：不交易")
    if answer.get("demo"):
        raise PollError("服务器上有演示数据（DEMO_），没有人真要持有它们：不交易，请先删除")
    targets = Targets(
        volumes=collections.OrderedDict(),
        listed=bool(account),
        holds={},
        leaving=set(),
        ignored=[],
        revision=whole_number(answer, "revision", 0),
        lineage=whole_number(answer, "lineage", None),
        update_time=update_time,
    )
    for line in lines:
        read_line(line, targets)
    return targets


def refuse(status, answer):
    words = answer.get("error")
    text = "服务器应答 %d%s：不交易" % (status, "，" + str(words) if words else "")
    raise (OtherTerminalError if answer.get("code") == "other_terminal" else PollError)(text)


def whole_number(answer, name, default):
    number = answer.get(name, default)
    if number is not default and (isinstance(number, bool) or not isinstance(number, int)):
        raise PollError("服务器应答的 %s 无效：不交易" % name)
    return number


def read_line(line, targets):
    """Put one line into the targets. Where what is not named is sold, a code that is not understood may mean a holding,
    which would then look as if nobody wanted it: so it refuses the whole answer."""
    if not isinstance(line, dict) or not isinstance(line.get("code"), str):
        raise PollError("服务器的应答中有看不懂的持仓：不交易")
    spelled, hold = line["code"], line.get("hold")
    volume = line.get("volume" if targets.listed else "total_volume")
    if isinstance(volume, bool) or not isinstance(volume, (int, float)) or not math.isfinite(volume):
        raise PollError("服务器的应答中 %s 的数量无效：不交易" % spelled)
    try:
        code = terminal_code(spelled)
    except ValueError:
        if not targets.listed:
            raise PollError("看不懂证券代码 %s（它可能是已持有的证券）：不交易，请先更正" % spelled) from None
        code, hold = spelled, hold or "看不懂这个代码"
    if code is None:
        return targets.ignored.append(spelled)
    if code in targets.volumes:
        raise PollError("服务器的应答中 %s 出现两次：不交易" % code)
    # A short position cannot be held in a stock account; parts of a share cannot be traded.
    targets.volumes[code] = max(0, math.floor(volume))
    if hold is not None:
        targets.holds[code] = text_of_hold(hold)
    if not targets.volumes[code] or is_nothing(line.get("exact")):
        targets.leaving.add(code)
    return None


def text_of_hold(hold):
    """Whatever a hold looks like, it is one."""
    return str(hold.get("text") or hold.get("reason") or "暂停") if isinstance(hold, dict) else str(hold)


def is_nothing(exact):
    """Whether the strategies want nothing, whatever of the owner's own the line's volume contains."""
    try:
        return float(exact) <= 0
    except (TypeError, ValueError):
        return False


def not_a_number(text):
    raise ValueError(text)


# ---------------------------------------------------------------- jq2qmt_sync/trading_days.py
"""Ask the server whether the exchanges trade today, without holding the terminal up. Only a clear no counts."""


CALENDAR_PATH = "/api/v1/calendar?from=%s&to=%s"
# Once it says that they trade, it is not asked again on that day; a day that is closed may have been mistyped.
ASK_AGAIN_SECONDS = 600


class TradingDays(object):
    """The server's calendar, of which one day is looked at."""

    def __init__(self, wire):
        self.wire = wire
        # The last day that was answered, with the answer.
        self.answered = (None, None)
        self.asking, self.asked_at = None, None

    def are_closed(self, now):
        """Whether the server has said that the exchanges are closed today. Never waits for it."""
        day = now.strftime("%Y-%m-%d")
        known, answer = self.answered
        if known != day or answer != "open":
            self.ask(day, now)
        return known == day and answer == CLOSED

    def ask(self, day, now):
        is_recent = self.asked_at is not None and 0 <= seconds(now, self.asked_at) < ASK_AGAIN_SECONDS
        if is_recent or (self.asking is not None and self.asking.is_alive()):
            return
        self.asked_at = now
        self.asking = threading.Thread(target=self.fetch, args=(day,))
        self.asking.daemon = True
        self.asking.start()

    def fetch(self, day):
        """Keeps what is answered. What is no answer, or says that it is not known, leaves everything as it was."""
        try:
            status, body, _ = self.wire.exchange(CALENDAR_PATH % (day, day))
            days = (read_json(body) or {}).get("days") if status == 200 else None
            answers = [one["answer"] for one in days or [] if one["day"] == day]
        except Exception:
            return
        if answers:
            self.answered = (day, answers[0])


# ---------------------------------------------------------------- jq2qmt_sync/poll.py
"""Ask the server for the targets, without holding the terminal up, and stop where the server is not what it was."""


TOTAL_PATH = "/api/v1/positions/total"


class NoAnswerError(PollError):
    """The server says nothing, which takes the terminal's time each time it is asked."""


class Poll(object):
    """Asks one server, for an account's target or for the total of strategies. `timeout` (seconds) bounds everything,
    names and slow bodies included. `lineage`: the one that a person has agreed to; None for whichever is met first."""

    def __init__(
        self, server, api_key="", strategies=(), include_adjustments=True, ca_file=None, timeout=2.0,
        account="", terminal="", lineage=None,
    ):  # fmt: skip
        # The total is asked for without a name: it is as it ever was.
        self.wire = Wire(server, api_key, terminal if account else "", ca_file, min(timeout, 2.0))
        self.timeout = self.wire.timeout
        query = [("strategy", name) for name in strategies]
        if not include_adjustments:
            query.append(("include_adjustments", "false"))
        self.path = TOTAL_PATH + ("?" + urllib.parse.urlencode(query) if query else "")
        if account:
            self.path = "/api/v1/accounts/%s/target?code_format=qmt" % urllib.parse.quote(account, safe="")
        self.url = self.wire.server + self.path
        self.account, self.lineage = account, lineage
        self.asking = None
        self.revision = -1
        # The newest whole answer with its entity tag, and the tag of what was answered last.
        self.kept, self.tag, self.answered_tag = None, None, None
        # Why no answer counts any more until a person has started the script anew.
        self.stopped = None

    def __call__(self):
        """The targets of now. Raises PollError."""
        if self.stopped is not None:
            raise PollError(self.stopped)
        asked_with, self.answered_tag = self.tag, None
        status, body = self.ask()
        if status == 304 and asked_with is not None:
            return self.kept
        try:
            targets = read_answer(status, body, self.account)
        except OtherTerminalError as refusal:
            if self.account and self.kept is not None:
                self.stop("%s；本终端已让出账户，确认只有一个终端后重新启动本脚本" % refusal)
            raise
        self.check(targets)
        self.kept, self.tag = targets, self.answered_tag
        return targets

    def check(self, targets):
        """Whether this is the server, and the database, that it was."""
        if targets.lineage is not None:
            if self.lineage is None:
                self.lineage = targets.lineage
            if targets.lineage != self.lineage:
                self.stop(
                    "服务器的数据库从备份恢复过（lineage %d，应为 %d）：不交易；"
                    "核对服务器上的持仓后，把 LINEAGE 改为 %d 并重新启动本脚本"
                    % (targets.lineage, self.lineage, targets.lineage)
                )
        if targets.revision < self.revision:
            self.stop(
                "服务器的版本号从 %d 退回到 %d：不交易；若服务器是有意从备份恢复的，核对服务器上的持仓后重启本脚本"
                % (self.revision, targets.revision)
            )
        self.revision = targets.revision

    def stop(self, text):
        self.stopped = text
        raise PollError(text)

    def ask(self):
        """Status and body. In a thread of its own, because neither the name's resolution nor a body that drips in
        heeds a socket's time-out, and everything in the terminal waits for this call."""
        if self.asking is not None and self.asking.is_alive():
            raise NoAnswerError("上一次查询仍未返回：不交易")
        outcome = []
        self.asking = threading.Thread(target=self.fetch, args=(outcome, self.tag))
        self.asking.daemon = True
        self.asking.start()
        self.asking.join(self.timeout)
        if not outcome or is_timeout(outcome[0]):
            raise NoAnswerError("服务器 %.0f 秒内没有应答：不交易" % self.timeout)
        if isinstance(outcome[0], Exception):
            advice = advice_on(outcome[0], self.wire.server)
            raise PollError("连接服务器失败（%s）：不交易%s" % (outcome[0], advice))
        status, body, self.answered_tag = outcome[0]
        return status, body

    def fetch(self, outcome, tag):
        try:
            result = self.wire.exchange(self.path, **({"If_None_Match": tag} if tag else {}))
        except Exception as error:
            result = error
        outcome.append(result)


# ---------------------------------------------------------------- jq2qmt_sync/report.py
"""Tell the server what the account has and what it waits for. Nothing of this ever keeps anybody from trading."""


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


# ---------------------------------------------------------------- jq2qmt_sync/settings.py
"""What the user wrote at the head of a script: understood, or refused with a message that says what to do."""


NAMES = (
    "ACCOUNT",
    "SERVER",
    "API_KEY",
    "CA_FILE",
    "ACCOUNT_NAME",
    "STRATEGIES",
    "INCLUDE_ADJUSTMENTS",
    "LINEAGE",
    "DRY_RUN",
    "REPORT",
    "PROTECTED",
    "MAX_ORDER_VALUE",
    "MIN_ORDER_VALUE",
    "MAX_DAILY_TURNOVER",
    "MAX_DAILY_SALES",
    "MAX_DEVIATION",
    "CANCEL_AFTER_SECONDS",
    "STEADY_SECONDS",
    "INTERVAL_SECONDS",
    "START",
    "HOLIDAYS",
)
# The server gives an account to another terminal when nobody has asked for a minute.
LONGEST_INTERVAL = 30

# protected: {terminal code: shares, None for all}; start: (hour, minute).
Settings = collections.namedtuple("Settings", "protected limits dry_run holidays start interval steady")


def read_settings(options):
    """The settings of a mapping of their names to what the user wrote. Raises ValueError, which names all that is
    wrong."""
    lacking = [name for name in NAMES if name not in options]
    if lacking:
        raise ValueError("jq2qmt 缺少设置：%s。请从新版脚本的开头补上" % "、".join(lacking))
    protected, problems = read_protected(options["PROTECTED"])
    problems = wrong_server(options) + wrong_numbers(options) + wrong_lists(options) + problems
    if problems:
        raise ValueError("jq2qmt 设置有误，未启动：\n" + "\n".join(problems))
    return Settings(
        protected=protected,
        limits=Limits(
            options["MAX_ORDER_VALUE"],
            options["MIN_ORDER_VALUE"],
            options["MAX_DAILY_TURNOVER"],
            options["MAX_DAILY_SALES"],
            options["MAX_DEVIATION"],
            options["CANCEL_AFTER_SECONDS"],
        ),
        dry_run=options["DRY_RUN"],
        holidays=tuple(options["HOLIDAYS"]),
        start=tuple(int(part) for part in options["START"].split(":")),
        interval=options["INTERVAL_SECONDS"],
        steady=options["STEADY_SECONDS"],
    )


def wrong_server(options):
    """What is wrong with where the server is and how one is known to it. The key itself is never printed."""
    problems, server, key = [], options["SERVER"], options["API_KEY"]
    try:
        parts = urllib.parse.urlsplit(server)
        port_is_wrong, host = False, parts.hostname
        parts.port  # noqa: B018
    except (ValueError, AttributeError):
        parts, port_is_wrong, host = urllib.parse.urlsplit(""), True, None
    if "@" in parts.netloc or "api_key" in parts.query:
        problems.append('SERVER 中不要写密钥：地址写成 SERVER = "http://主机:5366"，密钥写在 API_KEY')
    elif port_is_wrong:
        problems.append("SERVER 的地址或端口无效：写成 http://主机:5366")
    elif parts.scheme not in ("http", "https"):
        problems.append("SERVER 必须以 http:// 或 https:// 开头，例如 http://127.0.0.1:5366")
    elif not host or parts.query or parts.fragment:
        problems.append("SERVER 只写协议、主机和端口，例如 http://127.0.0.1:5366")
    if not isinstance(key, str) or not re.match(r"[\x21-\x7e]*$", key):
        problems.append("API_KEY 无效：原样粘贴 jq2qmt key add 显示的密钥，不含空格和中文；不需要密钥时写空字符串")
    ca_file = options["CA_FILE"]
    if ca_file is not None:
        try:
            ssl.create_default_context(cafile=ca_file)
        except ssl.SSLError:
            problems.append("CA_FILE 不是 PEM 格式的证书：%s" % ca_file)
        except (OSError, TypeError):
            there = isinstance(ca_file, str) and pathlib.Path(ca_file).is_file()
            words = (
                "读不了 CA_FILE（券商可能禁止策略读文件）：%s"
                if there
                else "找不到 CA_FILE：%s；没有自签名证书时写 None"
            )
            problems.append(words % ca_file)
    return problems


def wrong_numbers(options):
    problems = []
    for name in ("MAX_ORDER_VALUE", "MAX_DAILY_TURNOVER", "MAX_DAILY_SALES"):
        if options[name] is not None and not (is_number(options[name]) and options[name] > 0):
            problems.append("%s 必须是大于零的金额（元），或 None 表示不限" % name)
    for name in ("MIN_ORDER_VALUE", "STEADY_SECONDS", "CANCEL_AFTER_SECONDS"):
        if not is_number(options[name]) or options[name] < 0:
            problems.append("%s 必须是不小于零的数" % name)
    most, least = options["MAX_ORDER_VALUE"], options["MIN_ORDER_VALUE"]
    if is_number(most) and is_number(least) and most < least:
        problems.append("MIN_ORDER_VALUE 大于 MAX_ORDER_VALUE：什么都买不了")
    deviation = options["MAX_DEVIATION"]
    if deviation is not None and not (is_number(deviation) and 0 < deviation < 1):
        problems.append("MAX_DEVIATION 是比例：0.015 表示 1.5%；None 表示不限")
    interval = options["INTERVAL_SECONDS"]
    most = LONGEST_INTERVAL if options["ACCOUNT_NAME"] else 3600
    if isinstance(interval, bool) or not isinstance(interval, int) or not 1 <= interval <= most:
        problems.append("INTERVAL_SECONDS 必须是 1 到 %d 的整数（秒）" % most)
    lineage = options["LINEAGE"]
    if isinstance(lineage, bool) or not isinstance(lineage, int) or lineage < 1:
        problems.append("LINEAGE 必须是整数；服务器从未恢复过备份时写 1")
    return problems


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def wrong_lists(options):
    problems = []
    for name in ("STRATEGIES", "HOLIDAYS"):
        value = options[name]
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            problems.append('%s 必须是字符串的列表，例如 ["..."]' % name)
        elif name == "HOLIDAYS" and not all(is_date(item) for item in value):
            problems.append('HOLIDAYS 中的日期写成 "2027-01-01"')
    for name in ("INCLUDE_ADJUSTMENTS", "DRY_RUN", "REPORT"):
        if not isinstance(options[name], bool):
            problems.append("%s 必须是 True 或 False，不带引号" % name)
    if not isinstance(options["ACCOUNT_NAME"], str):
        problems.append('ACCOUNT_NAME 必须是服务器上账户的名称，或 ""')
    start = options["START"]
    if not isinstance(start, str) or not re.match(r"(09:(1[5-9]|[2-5]\d)|1[0-4]:[0-5]\d)$", start):
        problems.append('START 写成 "09:30"，在 09:15 和 14:59 之间')
    return problems


def is_date(text):
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d") == text
    except ValueError:
        return False


def read_protected(wanted):
    """{terminal code: shares}, and what is wrong: what protects nothing must not look as if it did."""
    if not isinstance(wanted, dict):
        return {}, ['PROTECTED 写成 {代码: 股数}，例如 {"600000.SH": 300, "510300.SH": None}']
    protected, problems = {}, []
    for code, volume in wanted.items():
        try:
            known = terminal_code(code)
        except (ValueError, AttributeError):
            known = None
        if known is None:
            problems.append("PROTECTED 中的证券代码无效：%s；写成 600000.SH 或 600000.XSHG" % code)
        elif known in protected:
            problems.append("PROTECTED 中 %s 出现两次（%s）" % (known, code))
        elif volume is not None and (isinstance(volume, bool) or not isinstance(volume, int) or volume < 0):
            problems.append("PROTECTED 中 %s 的股数无效：写整数，或 None 表示完全不动" % code)
        else:
            protected[known] = volume
    return protected, problems


# ---------------------------------------------------------------- jq2qmt_sync/journal.py
"""What is told to people: a line when something changes, and every ten minutes how things stand."""


# How often it is told how things stand; what comes and goes is not told again before.
SUMMARY_SECONDS = 600


class Journal(object):
    """Prints the lines, each with our name before it."""

    def __init__(self, out):
        self.out = out
        self.said = {}  # topic: {words: when they were printed}
        self.standing = {}  # topic: the words that hold
        self.summed_at = None

    def line(self, text):
        self.out("jq2qmt %s" % text)

    def say(self, topic, words, now, numbers=(), shown=None):
        """Print words about a topic where they are others than the last. Numbers alone are no news; neither is what
        `shown`, printed in place of the words, says beyond them."""
        if self.standing.get(topic) == words:
            return
        self.standing[topic] = words
        before = self.said.setdefault(topic, {})
        if words not in before or seconds(now, before[words]) >= SUMMARY_SECONDS:
            before[words] = now
            self.line(shown or (words % numbers if numbers else words))

    def tell(self, topic, text, now):
        """Say a text that was made elsewhere, numbers and all."""
        self.say(topic, re.sub(r"\d+", "0", text), now, shown=text)

    def settle(self, *topics):
        """There is nothing to say about these any more."""
        for topic in topics:
            self.standing.pop(topic, None)

    def keep_only(self, kind, topics):
        """Of a kind of topics, these alone have something to be said about."""
        self.settle(*[topic for topic in self.standing if topic[0] == kind and topic not in topics])

    def summary(self, text, now):
        """Print how things stand, where that was not done for a while."""
        self.summed_at = self.summed_at or now
        if seconds(now, self.summed_at) >= SUMMARY_SECONDS:
            self.summed_at = now
            self.line("小结 %s：%s" % (now.strftime("%H:%M"), text))


# ---------------------------------------------------------------- jq2qmt_sync/session.py
"""One look after another: ask the server, read the terminal, decide, act, and say why an instrument is not there yet.

A terminal is any object with these methods; what it raises ends the look, and nothing more is done in it:
    account() -> Account, or None while not logged in
    holdings() -> {code: Holding}        orders() -> [Order] of today        quotes(codes) -> {code: Quote}
    fills() -> [Fill] of today           place(NewOrder, remark)
    cancel(Order) -> whether the request was sent
"""


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

# ---------------------------------------------------------------- big_qmt.py
# Big QMT's words: what to do, for one account in shares, at a limit price, at once.
OPERATIONS = {BUY: 23, SELL: 24}
SIDES = {48: BUY, 49: SELL}
ONE_ACCOUNT_SHARES, LIMIT_PRICE, AT_ONCE = 1101, 11, 2


class BigQMT(object):
    """The terminal that this script runs in. Its functions are global names there."""

    def __init__(self):
        self.context = None

    @staticmethod
    def details(kind):
        return get_trade_detail_data(ACCOUNT, "STOCK", kind)

    def account(self):
        accounts = self.details("ACCOUNT")
        if not accounts:
            return None
        return Account(accounts[0].m_dAvailable, accounts[0].m_dInstrumentValue, accounts[0].m_dBalance)

    def holdings(self):
        return holdings_of(
            (terminal_name(position), position.m_nVolume, position.m_nCanUseVolume, position.m_dOpenPrice)
            for position in self.details("POSITION")
        )

    def orders(self):
        return [
            Order(
                order.m_strOrderSysID,
                terminal_name(order),
                SIDES.get(order.m_nOffsetFlag),
                order.m_nVolumeTotalOriginal,
                order.m_nVolumeTraded,
                order.m_dLimitPrice,
                order.m_nOrderStatus,
                order.m_strRemark,
            )
            for order in self.details("ORDER")
        ]

    def fills(self):
        return [
            Fill(
                deal.m_strTradeID,
                deal.m_strOrderSysID,
                terminal_name(deal),
                SIDES.get(deal.m_nOffsetFlag),
                deal.m_nVolume,
                deal.m_dPrice,
                time_of(deal.m_strTradeDate, deal.m_strTradeTime),
            )
            for deal in self.details("DEAL")
        ]

    def quotes(self, codes):
        quotes = {}
        for code, tick in self.context.get_full_tick(codes).items():
            detail = self.context.get_instrumentdetail(code)
            quotes[code] = read_quote(tick, detail)
        return quotes

    def place(self, order, remark):
        passorder(
            OPERATIONS[order.side], ONE_ACCOUNT_SHARES, ACCOUNT, order.code, LIMIT_PRICE, order.price, order.volume,
            "jq2qmt", AT_ONCE, remark, self.context,
        )  # fmt: skip

    def cancel(self, order):
        return cancel(order.id, ACCOUNT, "STOCK", self.context)


def terminal_name(item):
    return "%s.%s" % (item.m_strInstrumentID, item.m_strExchangeID)


def time_of(day, time):
    """When a deal was made, from 20261231 and 93005 or 09:30:05; None where it is spelled otherwise."""
    try:
        return datetime.datetime.strptime(str(day) + str(time).replace(":", "").zfill(6), "%Y%m%d%H%M%S")
    except ValueError:
        return None


TERMINAL = BigQMT()
# Survives a second init, as ContextInfo does not.
SESSION = None


def init(ContextInfo):
    """Called by the terminal at the start, and again at a reconnect and on a new trading day."""
    global SESSION
    TERMINAL.context = ContextInfo
    if not ACCOUNT:
        print("jq2qmt 请先在脚本开头填写资金账号 ACCOUNT")
        return
    if SESSION is None:
        SESSION = make_session(TERMINAL, globals())
    SESSION.start()
    ContextInfo.run_time("jq2qmt_step", "%dnSecond" % INTERVAL_SECONDS, "2020-01-01 09:30:00")


def jq2qmt_step(ContextInfo):
    """Called by the terminal's timer."""
    TERMINAL.context = ContextInfo
    if SESSION is not None:
        SESSION.step()


def handlebar(ContextInfo):
    """Called by the terminal for each bar; it demands that there is one."""
