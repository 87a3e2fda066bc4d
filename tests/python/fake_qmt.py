"""A QMT terminal with its broker and exchange, as the clients' tests need it.

The exchange keeps its own rules (lots, ticks, limits, hours, cash, T+1), written apart from the client's, and refuses
what breaks them; every refusal stays in `refusals`. An order goes through the statuses 48 to 57. What the terminal
shows lags behind what is. Its clock moves only by `advance`, and nothing here waits.
"""

import copy
import dataclasses
import datetime
import re
import sys
import types
from collections import deque

BUY, SELL = 48, 49
UNREPORTED, WAITING, REPORTED, CANCELLING, PART_CANCELLING = 48, 49, 50, 51, 52
PART_CANCELLED, CANCELLED, PART_FILLED, FILLED, REJECTED = 53, 54, 55, 56, 57
FINAL = {PART_CANCELLED, CANCELLED, FILLED, REJECTED}
FEE = 0.0005
CHINA = datetime.timezone(datetime.timedelta(hours=8))
TRADING = [("09:15", "09:25"), ("09:30", "11:30"), ("13:00", "15:00")]
NO_CANCEL = [("09:20", "09:25"), ("14:57", "15:00")]

# pattern: (lot to buy, least to buy, lot to sell, least to sell, a remainder may be sold whole, tick)
LOTS = {
    r"(60\d{4}\.SH|00\d{4}\.SZ|30[0-2]\d{3}\.SZ)$": (100, 100, 100, 100, True, 0.01),
    r"68[89]\d{3}\.SH$": (1, 200, 1, 200, True, 0.01),
    r"((43|83|87|88)\d{4}|920\d{3})\.BJ$": (1, 100, 1, 100, True, 0.01),
    r"(5\d{5}\.SH|1[568]\d{4}\.SZ)$": (100, 100, 100, 100, True, 0.001),
    r"(11[0138]\d{3}\.SH|12[378]\d{3}\.SZ)$": (10, 10, 10, 10, False, 0.001),
}


def lots(code):
    return next((rule for pattern, rule in LOTS.items() if re.match(pattern, code)), None)


@dataclasses.dataclass
class Instrument:
    code: str
    price: float = 10.0
    name: str = ""
    suspended: bool = False
    same_day: bool = False
    quoted_today: bool = True
    up: float = 0.0
    down: float = 0.0

    def open(self):
        """A new day: limits of ten per cent around the last price."""
        self.up, self.down = round(self.price * 1.1, 2), round(self.price * 0.9, 2)


@dataclasses.dataclass
class Position:
    volume: int = 0
    sellable: int = 0
    cost: float = 0.0

    def add(self, volume, price):
        """What comes in; the cost of a share is what was paid on average, as brokers show it."""
        self.cost = (self.cost * self.volume + price * volume) / (self.volume + volume)
        self.volume += volume


@dataclasses.dataclass
class Order:
    code: str
    side: int
    volume: int
    price: float
    remark: str
    at: datetime.datetime
    number: int
    status: int = UNREPORTED
    traded: int = 0
    value: float = 0.0
    id: str = ""
    reason: str = ""
    cancel_at: datetime.datetime | None = None

    @property
    def live(self):
        return self.status not in FINAL

    @property
    def rest(self):
        return self.volume - self.traded


@dataclasses.dataclass
class Deal:
    number: int
    order: Order
    price: float
    volume: int
    at: datetime.datetime
    fee: float


class FakeQMT:
    """One account. Change `lag`, `fill`, `refuse`, `lose`, `cancel_delay` and the rest to make it behave badly."""

    def __init__(self, cash=1_000_000.0, start="2026-01-05 09:14:00"):
        self.now = datetime.datetime.fromisoformat(start)
        self.cash = cash
        self.instruments = {}
        self.positions = {}
        self.orders = []
        self.refusals = []
        self.placed = []
        self.deals = []
        self.timers = []
        self.logged_in = True
        self.lag = {"POSITION": 1.0, "ORDER": 0.5, "ACCOUNT": 1.0}
        self.report_delay = 1.0
        self.cancel_delay = 2.0
        self.fill = lambda order: order.rest
        # CNY that an order has cost once so much of its value is traded.
        self.fees = lambda _order, value: value * FEE
        self.refuse = lambda _order: None
        self.lose = lambda _order: False
        self.cancel_fails = lambda _order: False
        self.history = deque(maxlen=60)
        self.shown = {}
        self.number = 0

    # -- what a test arranges --

    def list(self, code, price=10.0, **fields):
        self.instruments[code] = Instrument(code, price, **fields)
        self.instruments[code].open()

    def hold(self, code, volume, sellable=None):
        self.positions[code] = Position(volume, volume if sellable is None else sellable)

    def bonus(self, code, per_ten):
        """The holding on the morning of an ex-date: so many shares more for ten, which cost what the fewer did."""
        position = self.positions[code]
        before = position.volume
        position.volume += before * per_ten // 10
        position.sellable = position.volume
        position.cost *= before / position.volume

    def allot(self, code, volume, price):
        """An IPO's allotment is paid and arrives: no order, no trade, and nothing to be sold on that day."""
        self.positions.setdefault(code, Position()).add(volume, price)
        self.cash -= volume * price

    def volumes(self):
        return {code: position.volume for code, position in sorted(self.positions.items()) if position.volume}

    def limit_up(self, code):
        self.instruments[code].price = self.instruments[code].up

    def limit_down(self, code):
        self.instruments[code].price = self.instruments[code].down

    def settled(self):
        return not any(order.live for order in self.orders)

    # -- time --

    def advance(self, seconds):
        """Let time pass, second by second: orders live on, and timers ring."""
        for _ in range(int(seconds)):
            self.now += datetime.timedelta(seconds=1)
            self.live()
            self.remember()
            for period, call in list(self.timers):
                if int(self.now.timestamp()) % period == 0:
                    call()

    def until(self, clock):
        hour, minute = map(int, clock.split(":"))
        target = self.now.replace(hour=hour, minute=minute, second=0)
        assert target >= self.now
        self.advance((target - self.now).total_seconds())

    def leap(self, clock):
        """Hours in which nobody looks pass at once."""
        hour, minute = map(int, clock.split(":"))
        target = self.now.replace(hour=hour, minute=minute, second=0)
        assert target > self.now
        self.now = target
        self.live()
        self.remember()

    def next_day(self, clock="09:14"):
        """The next weekday: what was bought may be sold, orders are gone, limits are new."""
        self.expire()
        self.now += datetime.timedelta(days=1)
        while self.now.weekday() >= 5:
            self.now += datetime.timedelta(days=1)
        hour, minute = map(int, clock.split(":"))
        self.now = self.now.replace(hour=hour, minute=minute, second=0)
        self.orders.clear()
        self.deals.clear()
        for code in [code for code, position in self.positions.items() if not position.volume]:
            del self.positions[code]
        for position in self.positions.values():
            position.sellable = position.volume
        for instrument in self.instruments.values():
            instrument.open()
        self.history.clear()
        self.shown.clear()
        self.remember()

    def between(self, spans):
        return any(start <= self.now.strftime("%H:%M") < end for start, end in spans)

    def open(self):
        return self.now.weekday() < 5 and self.between(TRADING)

    # -- the exchange and the broker --

    def order(self, side, code, volume, price, remark):
        """What passorder does; it tells nobody how it went."""
        self.number += 1
        order = Order(code, side, volume, price, remark[:24], self.now, self.number)
        if self.lose(order):
            return None
        others = [other for other in self.orders if other.code == code and other.live]
        order.reason = "two in flight" if others else self.broken_rule(order) or self.refuse(order) or ""
        self.placed.append(order)
        self.orders.append(order)
        if order.reason:
            return order
        if side == SELL:
            self.positions[code].sellable -= volume
        return order

    def broken_rule(self, order):
        """Why the exchange or the broker must refuse an order."""
        instrument, rule = self.instruments.get(order.code), lots(order.code)
        if not self.open():
            return "the market is closed"
        if instrument is None or rule is None:
            return "no such instrument"
        if instrument.suspended or not instrument.quoted_today:
            return "suspended"
        buy_lot, buy_least, sell_lot, sell_least, remainder, tick = rule
        if abs(order.price / tick - round(order.price / tick)) > 1e-6:
            return "off the tick"
        if not instrument.down - 1e-9 <= order.price <= instrument.up + 1e-9:
            return "outside of the price limits"
        if not isinstance(order.volume, int) or order.volume <= 0:
            return "no volume"
        if order.side == BUY:
            if order.volume % buy_lot or order.volume < buy_least:
                return "no lot to buy"
            if self.frozen() + order.volume * order.price * (1 + FEE) > self.cash + 1e-6:
                return "no cash"
            return None
        sellable = self.positions.get(order.code, Position()).sellable
        if order.volume > sellable:
            return "beyond the sellable"
        whole_remainder = remainder and order.volume % sell_lot == sellable % sell_lot
        if order.volume % sell_lot and not whole_remainder:
            return "no lot to sell"
        if order.volume < sell_least and order.volume != sellable and (sell_lot == 1 or not whole_remainder):
            return "too few to sell"
        return None

    def frozen(self):
        return sum(o.rest * o.price * (1 + FEE) for o in self.orders if o.side == BUY and o.live and not o.reason)

    def live(self):
        """One second in the life of every order."""
        for order in self.orders:
            age = (self.now - order.at).total_seconds()
            if order.status == UNREPORTED:
                order.status = WAITING
            elif order.status == WAITING and age >= self.report_delay:
                order.status = REJECTED if order.reason else REPORTED
                order.id = "" if order.reason else f"S{order.number:06d}"
                if order.reason:
                    self.refusals.append((order, order.reason))
            elif order.live:
                self.match(order)
                if order.live and order.cancel_at and self.now >= order.cancel_at:
                    self.end(order, PART_CANCELLED if order.traded else CANCELLED)
        if self.now.strftime("%H:%M") >= "15:00":
            self.expire()

    def match(self, order):
        if not self.open():
            return
        asks, bids = self.book(order.code)
        best = asks[0] if order.side == BUY else bids[0]
        reached = best and (order.price >= best if order.side == BUY else order.price <= best)
        volume = min(order.rest, int(self.fill(order))) if reached else 0
        if volume <= 0:
            return
        position = self.positions.setdefault(order.code, Position())
        if order.side == BUY:
            position.add(volume, best)
        else:
            position.volume -= volume
        if order.side == BUY and self.instruments[order.code].same_day:
            position.sellable += volume
        value = volume * best
        fee = self.fees(order, order.value + value) - self.fees(order, order.value)
        self.cash -= (value if order.side == BUY else -value) + fee
        order.traded += volume
        order.value += value
        self.deals.append(Deal(len(self.deals) + 1, order, best, volume, self.now, fee))
        if not order.rest:
            order.status = FILLED
        elif order.cancel_at is None:
            order.status = PART_FILLED

    def end(self, order, status):
        order.status = status
        if order.side == SELL and not order.reason:
            self.positions[order.code].sellable += order.rest

    def expire(self):
        for order in self.orders:
            if order.live:
                self.end(order, PART_CANCELLED if order.traded else CANCELLED)

    def cancel(self, order_id):
        order = next((o for o in self.orders if o.id == order_id and order_id), None)
        if order is None or not order.live or self.between(NO_CANCEL) or self.cancel_fails(order):
            return False
        if order.cancel_at is None:
            order.cancel_at = self.now + datetime.timedelta(seconds=self.cancel_delay)
            order.status = PART_CANCELLING if order.traded else CANCELLING
        return True

    def book(self, code):
        """Five levels on either side; none where the price is at its limit."""
        instrument, tick = self.instruments[code], lots(code)[5]
        levels = [tick * step for step in range(1, 6)]
        asks = [round(instrument.price + level, 3) for level in levels]
        bids = [round(instrument.price - level, 3) for level in levels]
        return (
            [price if price <= instrument.up else 0 for price in asks] if not instrument.suspended else [0] * 5,
            [price if price >= instrument.down else 0 for price in bids] if not instrument.suspended else [0] * 5,
        )

    # -- what the terminal shows, later than it is --

    def remember(self):
        state = {
            "POSITION": {code: copy.copy(position) for code, position in self.positions.items()},
            "ORDER": [copy.copy(order) for order in self.orders],
            "DEAL": list(self.deals),
            "ACCOUNT": (self.cash, self.cash - self.frozen(), self.holdings_value()),
        }
        self.history.append((self.now, state))

    def holdings_value(self):
        return sum(held.volume * self.instruments[code].price for code, held in self.positions.items() if held.volume)

    def show(self, kind):
        """The newest state that is older than the lag; never an older one than was shown before."""
        if not self.history:
            self.remember()
        lag = self.lag.get(kind, self.lag["ORDER"])
        border = max(self.now - datetime.timedelta(seconds=lag), self.shown.get(kind, self.history[0][0]))
        at, state = next(((at, state) for at, state in reversed(self.history) if at <= border), self.history[0])
        self.shown[kind] = at
        return state[kind]

    def ticks(self, codes):
        ticks = {}
        for code in codes:
            if code in self.instruments:
                asks, bids = self.book(code)
                day = self.now if self.instruments[code].quoted_today else self.now - datetime.timedelta(days=1)
                ticks[code] = {
                    "timetag": day.strftime("%Y%m%d %H:%M:%S"),
                    "lastPrice": self.instruments[code].price,
                    "askPrice": asks,
                    "bidPrice": bids,
                }
        return ticks

    def detail(self, code):
        instrument = self.instruments[code]
        return {
            "InstrumentStatus": int(instrument.suspended),
            "UpStopPrice": instrument.up,
            "DownStopPrice": instrument.down,
        }


def fake_datetime(fake):
    """The datetime module, with the fake's clock for now."""

    class FakeDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            # The fake's clock is China Standard Time.
            moment = fake.now.replace(tzinfo=CHINA)
            return moment.astimezone(tz) if tz else fake.now

    return types.SimpleNamespace(
        datetime=FakeDatetime, timedelta=datetime.timedelta, timezone=datetime.timezone, date=datetime.date
    )


class BigQMT:
    """A script inside the terminal: its global functions, its ContextInfo, its timer, its printed lines."""

    def __init__(self, fake, path, **settings):
        self.fake, self.lines = fake, []
        self.names = {"__name__": "qmt_script", "print": self.print}
        self.names.update(
            get_trade_detail_data=self.get_trade_detail_data, passorder=self.passorder, cancel=self.cancel
        )
        self.account = settings.get("ACCOUNT")
        exec(compile(path.read_bytes(), str(path), "exec"), self.names)
        self.names.update(settings, datetime=fake_datetime(fake))
        self.init()

    def init(self):
        """What the terminal does at a start, and again at a reconnect: the timer of before may go on ringing."""
        self.context = types.SimpleNamespace(
            run_time=self.run_time, get_full_tick=self.fake.ticks, get_instrumentdetail=self.fake.detail
        )
        self.names["init"](self.context)

    def print(self, *words):
        self.lines.append(" ".join(map(str, words)))

    @property
    def output(self):
        return "\n".join(self.lines)

    def run_time(self, function, period, _start):
        seconds = int(re.fullmatch(r"(\d+)nSecond", period)[1])
        self.fake.timers.append((seconds, lambda: self.names[function](self.context)))

    def passorder(
        self, operation, order_type, account, code, price_type, price, volume, strategy, quick, remark, context
    ):
        assert (order_type, account, price_type, quick, context) == (1101, self.account, 11, 2, self.context)
        assert strategy and remark.isascii() and len(remark) <= 24, remark
        self.fake.order({23: BUY, 24: SELL}[operation], code, volume, price, remark)

    def cancel(self, order_id, account, kind, context):
        assert (account, kind, context) == (self.account, "STOCK", self.context)
        return self.fake.cancel(order_id)

    def get_trade_detail_data(self, account, kind, what):
        assert (account, kind) == (self.account, "STOCK")
        if not self.fake.logged_in:
            return []
        shown = self.fake.show(what)
        if what == "ACCOUNT":
            balance, available, value = shown
            return [types.SimpleNamespace(m_dAvailable=available, m_dBalance=balance + value, m_dInstrumentValue=value)]
        if what == "POSITION":
            return [self.position(code, position) for code, position in shown.items()]
        return [self.deal(deal) if what == "DEAL" else self.order(deal) for deal in shown]

    def position(self, code, position):
        symbol, exchange = code.split(".")
        instrument = self.fake.instruments.get(code)
        return types.SimpleNamespace(
            m_strInstrumentID=symbol,
            m_strExchangeID=exchange,
            m_strInstrumentName=instrument.name if instrument else "",
            m_nVolume=position.volume,
            m_nCanUseVolume=position.sellable,
            m_dOpenPrice=position.cost,
        )

    @staticmethod
    def order(order):
        symbol, exchange = order.code.split(".")
        return types.SimpleNamespace(
            m_strOrderSysID=order.id,
            m_strInstrumentID=symbol,
            m_strExchangeID=exchange,
            m_nOffsetFlag=order.side,
            m_nVolumeTotalOriginal=order.volume,
            m_nVolumeTraded=order.traded,
            m_dLimitPrice=order.price,
            m_nOrderStatus=order.status,
            m_strRemark=order.remark,
        )

    @staticmethod
    def deal(deal):
        symbol, exchange = deal.order.code.split(".")
        return types.SimpleNamespace(
            m_strTradeID=str(deal.number),
            m_strOrderSysID=deal.order.id,
            m_strInstrumentID=symbol,
            m_strExchangeID=exchange,
            m_nOffsetFlag=deal.order.side,
            m_dPrice=deal.price,
            m_nVolume=deal.volume,
            m_dTradeAmount=deal.price * deal.volume,
            m_strTradeDate=deal.at.strftime("%Y%m%d"),
            m_strTradeTime=deal.at.strftime("%H%M%S").lstrip("0"),
            m_strRemark=deal.order.remark,
        )


class MiniQMT:
    """The xtquant package over the fake. `install` puts it where imports find it."""

    def __init__(self, fake):
        self.fake, self.connected, self.traders = fake, True, []

    def install(self, monkeypatch):
        package = types.ModuleType("xtquant")
        parts = {
            "xtconstant": types.SimpleNamespace(STOCK_BUY=23, STOCK_SELL=24, FIX_PRICE=11),
            "xtdata": types.SimpleNamespace(get_full_tick=self.fake.ticks, get_instrument_detail=self.fake.detail),
            "xttrader": types.SimpleNamespace(XtQuantTrader=self.trader),
            "xttype": types.SimpleNamespace(StockAccount=lambda number: ("account", number)),
        }
        monkeypatch.setitem(sys.modules, "xtquant", package)
        for name, part in parts.items():
            module = types.ModuleType(f"xtquant.{name}")
            module.__dict__.update(part.__dict__)
            setattr(package, name, module)
            monkeypatch.setitem(sys.modules, f"xtquant.{name}", module)

    def trader(self, _path, session):
        self.traders.append(session)
        return types.SimpleNamespace(
            start=lambda: None,
            stop=lambda: None,
            connect=lambda: 0 if self.connected else -1,
            subscribe=lambda _account: 0,
            query_stock_asset=self.asset,
            query_stock_positions=self.positions,
            query_stock_orders=self.orders,
            query_stock_trades=self.trades,
            order_stock=self.order_stock,
            cancel_order_stock=self.cancel_order_stock,
        )

    def asset(self, _account):
        if not self.connected:
            return None
        balance, available, value = self.fake.show("ACCOUNT")
        return types.SimpleNamespace(cash=available, market_value=value, total_asset=balance + value)

    def positions(self, _account):
        if not self.connected:
            return None
        return [
            types.SimpleNamespace(
                stock_code=code, volume=held.volume, can_use_volume=held.sellable, open_price=held.cost
            )
            for code, held in self.fake.show("POSITION").items()
        ]

    def orders(self, _account):
        if not self.connected:
            return None
        return [
            types.SimpleNamespace(
                order_id=order.number,
                stock_code=order.code,
                order_type={BUY: 23, SELL: 24}[order.side],
                order_volume=order.volume,
                traded_volume=order.traded,
                price=order.price,
                order_status=order.status,
                order_remark=order.remark,
            )
            for order in self.fake.show("ORDER")
        ]

    def trades(self, _account):
        if not self.connected:
            return None
        return [
            types.SimpleNamespace(
                traded_id=str(deal.number),
                order_id=deal.order.number,
                stock_code=deal.order.code,
                order_type={BUY: 23, SELL: 24}[deal.order.side],
                traded_volume=deal.volume,
                traded_price=deal.price,
                traded_time=int(deal.at.replace(tzinfo=CHINA).timestamp()),
            )
            for deal in self.fake.show("DEAL")
        ]

    def order_stock(self, _account, code, operation, volume, price_type, price, _strategy, remark):
        assert price_type == 11 and remark.isascii() and len(remark) <= 24
        order = self.fake.order({23: BUY, 24: SELL}[operation], code, volume, price, remark)
        return order.number if order else -1

    def cancel_order_stock(self, _account, number):
        order = next(order for order in self.fake.orders if order.number == number)
        return 0 if self.fake.cancel(order.id) else -1
