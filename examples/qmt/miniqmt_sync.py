"""Bring a miniQMT account to the targets of a jq2qmt server. 让 miniQMT 账户跟随 jq2qmt 服务器的目标持仓。

Runs beside the terminal in a Python of its own that has xtquant; needs the folder jq2qmt_sync/ beside it. Start it with
`python miniqmt_sync.py`; Ctrl-C ends it, and leaves orders as they are.
"""

import datetime
import random
import threading

from jq2qmt_sync.quotes import read_quote
from jq2qmt_sync.session import make_session
from jq2qmt_sync.terms import BUY, SELL, Account, Fill, Order, holdings_of
from xtquant import xtconstant, xtdata
from xtquant.xttrader import XtQuantTrader
from xtquant.xttype import StockAccount

# ---------------------------------------------------------------- 设置 settings
# miniQMT 的 userdata_mini 目录。 Where miniQMT keeps its data.
USERDATA = r"D:\QMT\userdata_mini"
# 资金账号。 The account's number.
ACCOUNT = ""
# 以下各项的含义见 qmt_jq_trade.py 开头。 What these mean stands at the head of qmt_jq_trade.py.
SERVER = "http://127.0.0.1:5366"
API_KEY = ""
CA_FILE = None
ACCOUNT_NAME = ""
STRATEGIES = []
INCLUDE_ADJUSTMENTS = True
LINEAGE = 1
DRY_RUN = True
REPORT = True
PROTECTED = {}
MAX_ORDER_VALUE = 200000
MIN_ORDER_VALUE = 1000
MAX_DAILY_TURNOVER = 2000000
MAX_DAILY_SALES = None
MAX_DEVIATION = 0.015
CANCEL_AFTER_SECONDS = 30
STEADY_SECONDS = 15
INTERVAL_SECONDS = 5
START = "09:30"
HOLIDAYS = []
# ---------------------------------------------------------------- 设置到此为止 end of settings

OPERATIONS = {BUY: xtconstant.STOCK_BUY, SELL: xtconstant.STOCK_SELL}
SIDES = {operation: side for side, operation in OPERATIONS.items()}
CHINA = datetime.timezone(datetime.timedelta(hours=8))
# A miniQMT that is not there is called again after twice as long each time, this at the most.
LONGEST_ABSENCE_SECONDS = 120


class MiniQMT(object):
    """A terminal reached through xtquant. A query that fails returns None, which ends the look it was made in."""

    def __init__(self):
        self.account_of = StockAccount(ACCOUNT)
        self.trader = None

    def connect(self):
        """Connect anew where the connection is lost; whether there is one now."""
        if self.trader is not None and self.account() is not None:
            return True
        if self.trader is not None:
            self.trader.stop()
        # Two connections of one number would throw each other out.
        self.trader = XtQuantTrader(USERDATA, random.randint(100000, 999999))
        self.trader.start()
        return self.trader.connect() == 0 and self.trader.subscribe(self.account_of) == 0

    def account(self):
        asset = self.trader.query_stock_asset(self.account_of)
        return None if asset is None else Account(asset.cash, asset.market_value, getattr(asset, "total_asset", None))

    def holdings(self):
        return holdings_of(
            (position.stock_code, position.volume, position.can_use_volume, getattr(position, "open_price", None))
            for position in answered(self.trader.query_stock_positions(self.account_of))
        )

    def orders(self):
        return [
            Order(
                str(order.order_id),
                order.stock_code,
                SIDES.get(order.order_type),
                order.order_volume,
                order.traded_volume,
                order.price,
                order.order_status,
                order.order_remark or "",
            )
            for order in answered(self.trader.query_stock_orders(self.account_of))
        ]

    def fills(self):
        return [
            Fill(
                str(trade.traded_id),
                str(trade.order_id),
                trade.stock_code,
                SIDES.get(trade.order_type),
                trade.traded_volume,
                trade.traded_price,
                datetime.datetime.fromtimestamp(trade.traded_time, CHINA) if trade.traded_time else None,
            )
            for trade in answered(self.trader.query_stock_trades(self.account_of))
        ]

    def quotes(self, codes):
        ticks = xtdata.get_full_tick(codes)
        return {code: read_quote(tick, xtdata.get_instrument_detail(code)) for code, tick in ticks.items()}

    def place(self, order, remark):
        self.trader.order_stock(
            self.account_of, order.code, OPERATIONS[order.side], order.volume, xtconstant.FIX_PRICE, order.price,
            "jq2qmt", remark,
        )  # fmt: skip

    def cancel(self, order):
        return self.trader.cancel_order_stock(self.account_of, int(order.id)) == 0


def answered(result):
    """What a query found. None is a query that failed, and must not look like an empty account."""
    if result is None:
        raise RuntimeError("xtquant 查询失败")
    return result


def main(stop=None):
    """Run until `stop`, a threading.Event, is set."""
    if not ACCOUNT:
        raise SystemExit("请先在脚本开头填写资金账号 ACCOUNT")
    stop = stop or threading.Event()
    terminal = MiniQMT()
    try:
        session = make_session(terminal, globals())
    except ValueError as problems:
        raise SystemExit(str(problems)) from None
    connected, pause = False, INTERVAL_SECONDS
    while not stop.wait(pause):
        before, connected = connected, terminal.connect()
        if connected:
            pause = INTERVAL_SECONDS
            if not before:
                session.start()
            session.step()
        else:
            pause = min(LONGEST_ABSENCE_SECONDS, pause * 2)
            print("jq2qmt 无法连接 miniQMT，%d 秒后重试" % pause)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("jq2qmt 已停止；未完成的委托保持原样")
