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

import datetime

from jq2qmt_sync.quotes import read_quote
from jq2qmt_sync.session import make_session
from jq2qmt_sync.terms import BUY, SELL, Account, Fill, Order, holdings_of

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
