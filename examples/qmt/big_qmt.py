# -*- coding: utf-8 -*-
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

from jq2qmt_sync.decide import BUY, SELL, Order, holdings_of
from jq2qmt_sync.quotes import read_quote
from jq2qmt_sync.session import make_session

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
