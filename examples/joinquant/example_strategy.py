# -*- coding: utf-8 -*-
"""A JoinQuant strategy that pushes its positions after the open and before the close.

Paste it into a strategy on JoinQuant, with jq_qmt_api.py, jq_config.py and the private key in the research root.

一个在开盘后和收盘前推送持仓的聚宽策略示例。
"""

from jq_qmt_api import JQQMTAPI, JQQMTError
from jqdata import *
from kuanke.user_space_api import *

# How the server calls this strategy; one name for each strategy. 策略名称，每个策略各用一个。
STRATEGY_NAME = "example"
# What part of the simulated account is to be held for real. 实盘与模拟盘的比例。
SCALE = 1.0

STOCKS = ["000001.XSHE", "600000.XSHG"]


def initialize(context):
    set_benchmark("000300.XSHG")
    run_daily(trade, time="09:35")
    run_daily(push, time="09:40")
    run_daily(push, time="14:50")


def process_initialize(context):
    """Runs again whenever JoinQuant restarts the strategy: a client is made anew."""
    g.jq2qmt = JQQMTAPI()


def trade(context):
    for stock in STOCKS:
        order_target_value(stock, context.portfolio.total_value / len(STOCKS) * 0.95)


def push(context):
    """A push that fails must not stop the strategy: the next one carries the whole list again."""
    try:
        answer = g.jq2qmt.push_portfolio(context, STRATEGY_NAME, scale=SCALE)
        log.info("jq2qmt: %s" % answer)
    except JQQMTError as error:
        log.error("jq2qmt: not pushed: %s" % error)
