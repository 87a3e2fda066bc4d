"""Bring a miniQMT account to the targets of a jq2qmt server. 让 miniQMT 账户跟随 jq2qmt 服务器的目标持仓。

Runs beside the terminal in a Python of its own that has xtquant; needs the folder jq2qmt_sync/ beside it. Start it with
`python miniqmt_sync.py`; Ctrl-C ends it, and leaves orders as they are.
"""

import random
import threading

from jq2qmt_sync.decide import BUY, SELL, Order, holdings_of
from jq2qmt_sync.quotes import read_quote
from jq2qmt_sync.session import make_session
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
STRATEGIES = []
INCLUDE_ADJUSTMENTS = True
DRY_RUN = True
PROTECTED = {}
MAX_ORDER_VALUE = 200000
MAX_DAILY_TURNOVER = 2000000
CANCEL_AFTER_SECONDS = 30
INTERVAL_SECONDS = 5
HOLIDAYS = []
# ---------------------------------------------------------------- 设置到此为止 end of settings

OPERATIONS = {BUY: xtconstant.STOCK_BUY, SELL: xtconstant.STOCK_SELL}
SIDES = {operation: side for side, operation in OPERATIONS.items()}


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
        return None if asset is None else (asset.cash, asset.market_value)

    def holdings(self):
        return holdings_of(
            (position.stock_code, position.volume, position.can_use_volume)
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
    session = make_session(terminal, globals())
    connected = False
    while not stop.wait(INTERVAL_SECONDS):
        before, connected = connected, terminal.connect()
        if not connected:
            print("jq2qmt 无法连接 miniQMT，稍后重试")
        elif not before:
            session.start()
        if connected:
            session.step()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("jq2qmt 已停止；未完成的委托保持原样")
