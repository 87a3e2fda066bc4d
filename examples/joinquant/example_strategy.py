# -*- coding: utf-8 -*-
"""A JoinQuant strategy that pushes its positions before and after the open and before the close.

Paste it into a strategy on JoinQuant, with jq_qmt_api.py, jq_config.py and the private key in the research root.

一个在开盘前、开盘后和收盘前推送持仓的聚宽策略示例。
"""

from jq_qmt_api import JQQMTAPI, JQQMTError, PushHeld
from jqdata import *
from kuanke.user_space_api import *

# How the server calls this strategy; one name for each strategy. 策略名称，每个策略各用一个。
STRATEGY_NAME = "example"
# What part of the simulated account is to be held for real. 实盘与模拟盘的比例。
SCALE = 1.0
# True for a strategy that at times holds nothing. While it is False, an account without positions is taken for a
# mistake and not pushed, so that the terminal keeps what it has.
# 策略有时会空仓则改为 True。为 False 时，空仓视为异常，不推送，实盘保持原有持仓。
ALLOW_EMPTY = False

STOCKS = ["000001.XSHE", "600000.XSHG"]


def initialize(context):
    set_benchmark("000300.XSHG")
    run_daily(push_every_morning, time="09:25")
    run_daily(trade, time="09:35")
    run_daily(push, time="09:40")
    run_daily(push, time="14:50")


def process_initialize(context):
    """Runs again whenever JoinQuant restarts the strategy: a client is made anew."""
    g.jq2qmt = JQQMTAPI()


def trade(context):
    for stock in STOCKS:
        order_target_value(stock, context.portfolio.total_value / len(STOCKS) * 0.95)


def push_every_morning(context):
    """To repeat yesterday's list is to speak: on the server an account's targets are fresh only when each of its
    strategies has pushed on the day, and until then its terminal trades nothing for it. JoinQuant's account knows
    splits and bonus shares of the day by now, so what is pushed is no volume from before an ex-date.

    每天开盘前重复推送当前持仓：当天推送过，账户的目标才算有效。
    """
    push(context)


def push(context):
    """A push that fails must not stop the strategy: the next one carries the whole list again. In a backtest, nothing
    is pushed."""
    try:
        answer = g.jq2qmt.push_portfolio(context, STRATEGY_NAME, scale=SCALE, allow_empty=ALLOW_EMPTY)
        log.info("jq2qmt: %s" % answer)
    except PushHeld as held:
        # Received, and waiting for the operator: not to be sent again.
        log.warn("jq2qmt: %s" % held)
    except JQQMTError as error:
        log.error("jq2qmt: not pushed: %s" % error)
