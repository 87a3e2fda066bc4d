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
# 只跟随这些策略；空表示全部。名字写错时服务器拒绝，不交易。 Only these strategies; none named: all.
STRATEGIES = []
# 是否包含手工调整（ADJUSTMENT_*）。 Whether manual overlays count.
INCLUDE_ADJUSTMENTS = True
# True：只打印将要做什么，不下单。确认无误后改为 False。 Only print what would be done.
DRY_RUN = True
# 不属于策略的持仓，永不卖出：{代码: 股数}，None 表示该证券完全不动。账户中其余持仓都会被调整到目标！
# Shares that are not the strategies' and are never sold; None: leave the instrument alone. All else in the account is
# brought to its target, and what has no target is sold!
PROTECTED = {}
# 单笔委托上限、每日成交与委托总额上限（元）；None 表示不限。 Limits in CNY.
MAX_ORDER_VALUE = 200000
MAX_DAILY_TURNOVER = 2000000
# 委托多久未成交就撤单（秒）。 Seconds that an order may rest.
CANCEL_AFTER_SECONDS = 30
# 查询间隔（秒）。 Seconds between two looks.
INTERVAL_SECONDS = 5
# 交易所休市日，如 ["2027-01-01"]；没有当天行情时本来就不交易。 Exchange holidays; no quote of today, no trade anyway.
HOLIDAYS = []
# ---------------------------------------------------------------- 设置到此为止 end of settings

import collections
import datetime
import json
import math
import re
import ssl
import threading
import traceback
import urllib.error
import urllib.parse
import urllib.request

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
CLOSED, AUCTION, CALL, CONTINUOUS = "closed", "auction", "call", "continuous"
PHASES = (
    ((9, 15), (9, 20), AUCTION),
    ((9, 20), (9, 25), CALL),
    ((9, 30), (11, 30), CONTINUOUS),
    ((13, 0), (14, 57), CONTINUOUS),
    ((14, 57), (15, 0), CALL),
)


def phase(moment, holidays=()):
    """The phase of a moment in China Standard Time. `holidays`: dates as 2026-10-01."""
    if moment.weekday() >= 5 or moment.strftime("%Y-%m-%d") in holidays:
        return CLOSED
    now = (moment.hour, moment.minute)
    for start, end, name in PHASES:
        if start <= now < end:
            return name
    return CLOSED


def china_time():
    """Now in China Standard Time, whatever zone the machine is set to."""
    return datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).replace(tzinfo=None)


# ---------------------------------------------------------------- jq2qmt_sync/decide.py
"""What to order and what to cancel, from what is wanted, held, quoted and in flight. Pure: no terminal, no clock."""


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
    )


# ---------------------------------------------------------------- jq2qmt_sync/poll.py
"""Ask the server for the merged targets. What is not one whole fresh answer is a PollError: nobody trades on it."""


# volumes: {terminal code: target in shares}, in the order of the answer.
Targets = collections.namedtuple("Targets", "volumes revision update_time ignored")

POLL_PATH = "/api/v1/positions/total"
MOST_BYTES = 16 * 1024 * 1024


class PollError(Exception):
    """There are no targets to trade on; the text says why."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect leads to a login page or to a stranger; the key is not to follow."""

    def redirect_request(self, *_):
        return None


class Poll(object):
    """Asks one server. `timeout` (seconds) bounds everything, names and slow bodies included."""

    def __init__(self, server, api_key="", strategies=(), include_adjustments=True, ca_file=None, timeout=2.0):
        query = [("strategy", name) for name in strategies]
        if not include_adjustments:
            query.append(("include_adjustments", "false"))
        self.url = server.rstrip("/") + POLL_PATH + ("?" + urllib.parse.urlencode(query) if query else "")
        self.headers = {"Accept": "application/json"}
        if api_key:
            self.headers["X-API-Key"] = api_key
        self.timeout = min(timeout, 2.0)
        self.opener = urllib.request.build_opener(
            # A system-wide proxy is for browsers.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
            NoRedirect(),
        )
        self.asking = None
        self.revision = -1

    def __call__(self):
        """The targets of now. Raises PollError."""
        targets = read_answer(*self.ask())
        if targets.revision < self.revision:
            raise PollError(
                "服务器的版本号从 %d 退回到 %d：不交易；若服务器是有意从备份恢复的，请重启本脚本"
                % (self.revision, targets.revision)
            )
        self.revision = targets.revision
        return targets

    def ask(self):
        """Status and body. In a thread of its own, because neither the name's resolution nor a body that drips in
        heeds a socket's time-out, and everything in the terminal waits for this call."""
        if self.asking is not None and self.asking.is_alive():
            raise PollError("上一次查询仍未返回：不交易")
        outcome = []
        self.asking = threading.Thread(target=self.fetch, args=(outcome,))
        self.asking.daemon = True
        self.asking.start()
        self.asking.join(self.timeout)
        if not outcome:
            raise PollError("服务器 %.0f 秒内没有应答：不交易" % self.timeout)
        if isinstance(outcome[0], Exception):
            raise PollError("连接服务器失败（%s）：不交易" % outcome[0])
        return outcome[0]

    def fetch(self, outcome):
        try:
            request = urllib.request.Request(self.url, headers=self.headers)
            try:
                answer = self.opener.open(request, timeout=self.timeout)
            except urllib.error.HTTPError as refusal:
                answer = refusal
            with answer:
                result = (answer.getcode(), answer.read(MOST_BYTES + 1))
                # What is left of the announced length was cut off, or is more than any book.
                if getattr(answer, "length", None) or len(result[1]) > MOST_BYTES:
                    raise ValueError("应答不完整或过长")
        except Exception as error:
            result = error
        outcome.append(result)


def read_answer(status, body):
    """The targets of an answer, or PollError: a whole JSON answer with status 200 of a server that knows some book."""
    try:
        answer = json.loads(body.decode("utf-8"), parse_constant=not_a_number)
    except ValueError:
        answer = None
    if status != 200:
        words = answer.get("error") if isinstance(answer, dict) else None
        raise PollError("服务器应答 %d%s：不交易" % (status, "，" + str(words) if words else ""))
    if not isinstance(answer, dict) or not isinstance(answer.get("positions"), list):
        raise PollError("服务器的应答不是持仓数据：不交易")
    if not isinstance(answer.get("update_time"), str) or not answer["update_time"]:
        raise PollError("服务器上还没有任何策略推送过持仓：不交易")
    if answer.get("demo"):
        raise PollError("服务器上有演示数据（DEMO_），没有人真要持有它们：不交易，请先删除")
    revision = answer.get("revision", 0)
    if isinstance(revision, bool) or not isinstance(revision, int):
        raise PollError("服务器应答的版本号无效：不交易")
    volumes, ignored = collections.OrderedDict(), []
    for line in answer["positions"]:
        code, volume = read_line(line)
        if code is None:
            ignored.append(line["code"])
        elif code in volumes:
            raise PollError("服务器的应答中 %s 出现两次：不交易" % code)
        else:
            volumes[code] = volume
    return Targets(volumes, revision, answer["update_time"], ignored)


def read_line(line):
    """One line's code, None for other markets, and its target. A code that is not understood may mean a holding, which
    would then look as if nobody wanted it: so it refuses the whole answer."""
    if not isinstance(line, dict) or not isinstance(line.get("code"), str):
        raise PollError("服务器的应答中有看不懂的持仓：不交易")
    volume = line.get("total_volume")
    if isinstance(volume, bool) or not isinstance(volume, (int, float)) or not math.isfinite(volume):
        raise PollError("服务器的应答中 %s 的数量无效：不交易" % line["code"])
    try:
        # A short position cannot be held in a stock account; parts of a share cannot be traded.
        return terminal_code(line["code"]), max(0, math.floor(volume))
    except ValueError:
        raise PollError("看不懂证券代码 %s（它可能是已持有的证券）：不交易，请先更正" % line["code"]) from None


def not_a_number(text):
    raise ValueError(text)


# ---------------------------------------------------------------- jq2qmt_sync/session.py
"""One look after another: ask the server, read the terminal, decide, act, and say why an instrument is not there yet.

A terminal is any object with these methods; what it raises ends the look, and nothing more is done in it:
    account() -> (cash, value of all holdings) in CNY, or None while not logged in
    holdings() -> {code: Holding}        orders() -> [Order] of today        quotes(codes) -> {code: Quote}
    place(NewOrder, remark)              cancel(Order) -> whether the request was sent
"""


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
        return (accounts[0].m_dAvailable, accounts[0].m_dInstrumentValue) if accounts else None

    def holdings(self):
        return holdings_of(
            (terminal_name(position), position.m_nVolume, position.m_nCanUseVolume)
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
