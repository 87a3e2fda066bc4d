"""The QMT script in a fake terminal: what it trades, when it waits, and that it says why."""

import itertools
import json

import pytest
from conftest import ROOT
from fake_qmt import BUY, CANCELLED, PART_CANCELLED, SELL, BigQMT, FakeQMT

QMT = ROOT / "examples/qmt"
SCRIPT = QMT / "qmt_jq_trade.py"
SETTINGS = {"ACCOUNT": "1234567", "DRY_RUN": False, "MAX_ORDER_VALUE": None, "MAX_DAILY_TURNOVER": None}
SETTINGS["MIN_ORDER_VALUE"] = 0
MAIN, OTHER, STAR, ETF, BOND, BEIJING = "600000.SH", "000001.SZ", "688001.SH", "510300.SH", "113001.SH", "430047.BJ"


class Desk:
    """A terminal with the script in it, and the answer that its server gives."""

    def __init__(self, fake, **settings):
        self.fake = fake
        self.targets = None
        self.revision = self.lineage = 1
        self.script = BigQMT(fake, SCRIPT, **{**SETTINGS, "SERVER": "http://127.0.0.1:1", **settings})
        if self.script.names["SESSION"]:
            self.script.names["SESSION"].poll.ask = self.ask

    def ask(self):
        """In place of the network: status and body. `targets`: {code: volume}, or an answer as it is."""
        if isinstance(self.targets, tuple):
            return self.targets
        lines = [{"code": code, "total_volume": volume} for code, volume in self.targets.items()]
        body = {"positions": lines, "update_time": "2026-01-05 09:00:00.000001"}
        body.update(revision=self.revision, lineage=self.lineage)
        return 200, json.dumps(body).encode()

    def trade(self, targets, seconds=120):
        self.targets = targets
        self.fake.advance(seconds)
        return self.fake.volumes()

    @property
    def output(self):
        return self.script.output


@pytest.fixture
def fake():
    fake = FakeQMT(start="2026-01-05 09:30:00")
    for code, price in [(MAIN, 10.0), (OTHER, 20.0), (STAR, 50.0), (ETF, 4.0), (BOND, 120.0), (BEIJING, 15.0)]:
        fake.list(code, price)
    fake.instruments[BOND].same_day = True
    return fake


@pytest.fixture
def desk(fake):
    yield Desk(fake)
    assert fake.refusals == []


def sold(fake):
    return [order for order in fake.placed if order.side == SELL]


def test_it_brings_the_account_to_the_targets(desk, fake):
    fake.hold(OTHER, 500)
    targets = {MAIN: 1000, STAR: 233, ETF: 10000, BOND: 20, BEIJING: 101}
    assert desk.trade(targets) == dict(sorted(targets.items()))
    # Arrived, it stays there.
    count = len(fake.placed)
    desk.trade(targets, 600)
    assert len(fake.placed) == count


def test_either_notation_is_understood(desk):
    assert desk.trade({"600000.XSHG": 300, "000001.XSHE": 200, "430047.BJSE": 100}) == {
        OTHER: 200,
        BEIJING: 100,
        MAIN: 300,
    }


ANSWERS = {
    "304": ((304, b""), "304"),
    "404": ((404, json.dumps({"error": "策略不存在"}).encode()), "404，策略不存在"),
    "500": ((500, b"oops"), "500"),
    "HTML": ((200, b"<html>log in</html>"), "不是持仓数据"),
    "half a body": ((200, b'{"positions": [{"code": "600000.SH", "total_vol'), "不是持仓数据"),
    "GBK": ((200, '{"positions": [], "update_time": "中"}'.encode("gbk")), "不是持仓数据"),
    "a list": ((200, b"[]"), "不是持仓数据"),
    "no positions": ((200, b'{"update_time": "2026-01-05 09:00:00"}'), "不是持仓数据"),
    "nobody pushed": ((200, b'{"positions": [], "update_time": null}'), "还没有任何策略"),
    "no update_time": ((200, b'{"positions": []}'), "还没有任何策略"),
}
LINES = {
    "no object": ([7], "看不懂的持仓"),
    "no code": ([{"total_volume": 1}], "看不懂的持仓"),
    "no volume": ([{"code": MAIN}], "数量无效"),
    "text": ([{"code": MAIN, "total_volume": "100"}], "数量无效"),
    "null": ([{"code": MAIN, "total_volume": None}], "数量无效"),
    "bool": ([{"code": MAIN, "total_volume": True}], "数量无效"),
    "infinite": ([{"code": MAIN, "total_volume": 1e999}], "不是持仓数据"),
    "twice": ([{"code": MAIN, "total_volume": 1}, {"code": "600000.XSHG", "total_volume": 1}], "出现两次"),
    # It may well be the holding itself that is meant.
    "no exchange": ([{"code": "600000", "total_volume": 100}], "看不懂证券代码 600000"),
    "unknown exchange": ([{"code": "600000.SS", "total_volume": 100}], "看不懂证券代码 600000.SS"),
}
for name, (lines, words) in LINES.items():
    body = json.dumps({"positions": lines, "update_time": "2026-01-05 09:00:00", "revision": 1})
    ANSWERS[name] = ((200, body.encode()), words)


@pytest.mark.parametrize(("answer", "words"), ANSWERS.values(), ids=ANSWERS)
def test_without_a_whole_fresh_answer_nothing_happens(desk, fake, answer, words):
    fake.hold(MAIN, 1000)
    desk.trade(answer, 60)
    assert fake.placed == []
    assert words in desk.output and "不交易" in desk.output
    assert desk.trade({MAIN: 900}) == {MAIN: 900}


def test_a_revision_that_went_back_is_not_traded_on(desk):
    desk.revision = 8
    desk.trade({MAIN: 1000})
    desk.revision = 7
    assert desk.trade({}) == {MAIN: 1000}
    assert "从 8 退回到 7" in desk.output


def test_a_dry_run_is_the_default_and_only_says_what_it_would_do(fake):
    settings = {name: value for name, value in SETTINGS.items() if name != "DRY_RUN"}
    script = BigQMT(fake, SCRIPT, **settings)
    assert script.names["DRY_RUN"] is True
    desk = Desk(fake, DRY_RUN=script.names["DRY_RUN"])
    fake.hold(OTHER, 500)
    desk.trade({MAIN: 1000})
    assert fake.placed == []
    assert "[DRY_RUN] 卖出 000001.SZ 500 股" in desk.output
    assert desk.output.count("[DRY_RUN] 买入 600000.SH 1000 股") == 1


def test_without_an_account_number_it_only_asks_for_one(fake):
    desk = Desk(fake, ACCOUNT="")
    fake.advance(60)
    assert desk.output == "jq2qmt 请先在脚本开头填写资金账号 ACCOUNT"


def test_a_protected_code_that_protects_nothing_stops_the_start(fake):
    for code in ("60000.SHH", "510300", "000001.OF"):
        with pytest.raises(ValueError, match=code):
            Desk(fake, PROTECTED={code: 100})


def test_what_was_bought_today_is_sold_tomorrow(desk, fake):
    desk.trade({MAIN: 1000, BOND: 100})
    assert desk.trade({}) == {MAIN: 1000}, "a convertible bond may be sold on the same day"
    assert "600000.SH 目标 0，持有 1000：应卖 1000 股，今天可卖 0 股" in desk.output
    fake.next_day("09:31")
    assert desk.trade({}) == {}


def test_odd_lots(desk, fake):
    fake.hold(MAIN, 250)
    fake.hold(STAR, 350)
    fake.hold(BEIJING, 130)
    fake.hold(OTHER, 230)
    # 160 as 150 with the remainder; from 350 STAR shares 150 cannot be sold, all can.
    assert desk.trade({MAIN: 90, STAR: 200, BEIJING: 0, OTHER: 180}) == {OTHER: 200, MAIN: 100, STAR: 350}
    assert "688001.SH 目标 200，持有 350：应卖 150 股，不足科创板的交易单位" in desk.output
    assert "000001.SZ 目标 180，持有 230：应卖 20 股，不足主板的交易单位" in desk.output
    assert desk.trade({MAIN: 100, STAR: 0, OTHER: 200, BEIJING: 99, ETF: 150}) == {OTHER: 200, ETF: 100, MAIN: 100}
    assert "应买 99 股，不足北交所的交易单位" in desk.output
    assert "510300.SH 目标 150，持有 100：应买 50 股，不足基金的交易单位" in desk.output


def test_large_orders_come_in_parts(desk, fake):
    fake.cash = 1e9
    assert desk.trade({STAR: 250_000}, 300) == {STAR: 250_000}
    assert [order.volume for order in fake.placed] == [100_000, 100_000, 50_000]
    assert "分批委托：交易所每笔至多 100000 股" in desk.output


def test_a_negative_or_broken_target(desk, fake):
    fake.hold(MAIN, 100)
    assert desk.trade({MAIN: -300, OTHER: 250.75}) == {OTHER: 200}


def test_instruments_that_are_never_traded(desk, fake):
    for code in ("204001.SH", "131810.SZ", "732001.SH", "00700.HK", "900901.SH"):
        fake.list(code)
        fake.hold(code, 1000)
    desk.trade({"204001.XSHG": 0, "IF2601.CCFX": 1, "000001.OF": 100, "019547.SH": 10})
    assert fake.placed == []
    for code, why in [
        ("204001.SH", "国债逆回购，不参与同步"),
        ("732001.SH", "申购、配售等代码，不参与同步"),
        ("00700.HK", "港股通，不参与同步"),
        ("900901.SH", "不认识的品种，不参与同步"),
        ("IF2601.CCFX", "其他市场的证券，不参与同步"),
        ("019547.SH", "不认识的品种，不参与同步"),
    ]:
        assert f"{code} {why}" in desk.output


def test_protected_holdings_are_never_sold(fake):
    desk = Desk(fake, PROTECTED={"600000.XSHG": 300, ETF: None, OTHER: 1000})
    fake.hold(MAIN, 500)
    fake.hold(ETF, 700)
    fake.hold(OTHER, 900)
    assert desk.trade({MAIN: 100, ETF: 5000, OTHER: 100}) == {OTHER: 900, ETF: 700, MAIN: 400}
    assert "510300.SH 受保护的证券，不交易" in desk.output
    assert "持有 900 股，少于受保护的 1000 股" in desk.output
    assert desk.trade({}) == {OTHER: 900, ETF: 700, MAIN: 300}
    assert desk.trade({MAIN: -200}) == {OTHER: 900, ETF: 700, MAIN: 300}


def test_sales_come_first_and_purchases_wait_for_their_cash(desk, fake):
    fake.cash = 3000.0
    fake.hold(OTHER, 500)
    assert desk.trade({MAIN: 1200}) == {MAIN: 1200}
    assert [(order.side, order.volume) for order in fake.placed] == [(SELL, 500), (BUY, 1200)]
    assert "600000.SH 目标 1200，持有 0：等待卖出的资金" in desk.output


def test_purchases_take_what_cash_there_is(desk, fake):
    fake.cash = 3500.0
    assert desk.trade({MAIN: 1200, OTHER: 100}) == {MAIN: 300}
    assert (
        "600000.SH 目标 1200，持有 0：应买 1200 股需约" in desk.output
        and "000001.SZ 目标 100，持有 0：应买 100 股需约" in desk.output
    )
    assert fake.cash >= 0


def test_cash_that_the_terminal_still_shows_is_not_spent_twice(desk, fake):
    fake.cash = 5000.0
    fake.lag["ACCOUNT"] = 6.0
    desk.trade({MAIN: 300}, 11)
    assert desk.trade({MAIN: 300, ETF: 1000}) == {ETF: 400, MAIN: 300}


def test_two_timers_look_no_more_often_than_one(desk, fake):
    asked = []
    whole = desk.ask
    desk.script.names["SESSION"].poll.ask = lambda: asked.append(fake.now) or whole()
    desk.targets = {}
    desk.script.init()
    desk.script.init()
    fake.advance(60)
    # Twelve looks, and what the two starts asked.
    assert len(asked) == 14


def test_a_sale_that_rests_does_not_hold_purchases_up_for_ever(desk, fake):
    fake.cash = 3500.0
    fake.hold(OTHER, 500)
    fake.fill = lambda order: 0 if order.side == SELL else order.rest
    assert desk.trade({MAIN: 1200}, 300) == {OTHER: 500, MAIN: 300}


def test_the_price_is_the_second_level_within_the_limits(desk, fake):
    fake.instruments[OTHER].down = 19.985
    fake.hold(OTHER, 500)
    fake.instruments[MAIN].up = 10.01
    desk.trade({MAIN: 100, ETF: 100})
    prices = {order.code: order.price for order in fake.placed}
    assert prices == {OTHER: 19.99, MAIN: 10.01, ETF: 4.002}


def test_a_second_level_far_away_is_held_to_what_the_exchange_takes(fake, monkeypatch):
    desk = Desk(fake, MAX_DEVIATION=None)
    monkeypatch.setattr(fake, "book", lambda _code: ([10.01, 10.9, 0, 0, 0], [9.99, 9.1, 0, 0, 0]))
    fake.hold(OTHER, 500)
    fake.list(OTHER, 10.0)
    desk.trade({MAIN: 100})
    assert {order.code: order.price for order in fake.placed} == {MAIN: 10.21, OTHER: 9.8}


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ({"suspended": True}, "停牌"),
        ({"quoted_today": False}, "没有今天的行情"),
        ({"price": 11.0, "up": 11.0}, "涨停或无卖盘，无法买入"),
        ({"up": 0.0, "down": 0.0}, "没有涨跌停价"),
    ],
)
def test_what_cannot_be_traded_waits_and_is_traded_later(desk, fake, trouble, why, monkeypatch):
    before = dict(fake.instruments[MAIN].__dict__)
    for name, value in trouble.items():
        monkeypatch.setattr(fake.instruments[MAIN], name, value)
    if "没有涨跌停价" in why:
        monkeypatch.setattr(fake, "book", lambda _code: ([10.01] * 5, [9.99] * 5))
    assert desk.trade({MAIN: 1000}) == {}
    assert f"600000.SH 目标 1000，持有 0：{why}" in desk.output
    monkeypatch.undo()
    fake.instruments[MAIN].__dict__.update(before)
    assert desk.trade({MAIN: 1000}) == {MAIN: 1000}


def test_a_stock_at_its_lower_limit_cannot_be_sold(desk, fake):
    fake.hold(MAIN, 1000)
    fake.limit_down(MAIN)
    assert desk.trade({}) == {MAIN: 1000}
    assert "跌停或无买盘，无法卖出" in desk.output


def test_an_instrument_without_a_quote_waits(desk):
    assert desk.trade({"600001.SH": 100}) == {}
    assert "600001.SH 目标 100，持有 0：没有行情" in desk.output


def test_a_stale_order_is_cancelled_and_the_rest_ordered_after_its_final_state(desk, fake):
    """The cancel takes long, and the terminal shows it late."""
    fake.lag = {"POSITION": 6.0, "ORDER": 6.0, "ACCOUNT": 6.0}
    fake.cancel_delay = 30
    fake.fill = lambda order: 0 if order.number == 1 and order.traded else min(order.rest, 400)
    cancel, asked = fake.cancel, []
    fake.cancel = lambda number: asked.append(number) or cancel(number)
    assert desk.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    assert asked == ["S000001"], "one request is enough"
    first, second = fake.placed
    assert (first.status, first.traded, second.volume) == (PART_CANCELLED, 400, 600)
    assert (second.at - first.cancel_at).total_seconds() >= 4
    assert "撤单 S000001：买入 600000.SH 1000 股，已成交 400 股" in desk.output


def test_a_cancel_that_fails_is_sent_again(desk, fake):
    refused = []
    fake.cancel_fails = lambda order: len(refused) < 3 and not refused.append(order)
    fake.fill = lambda order: 0 if order.number == 1 else order.rest
    assert desk.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    assert len(refused) == 3 and "撤单请求未发出" in desk.output


def test_an_order_that_is_not_wanted_any_more_is_cancelled_at_once(desk, fake):
    fake.fill = lambda _order: 0
    desk.trade({MAIN: 1000}, 70)
    desk.trade({}, 20)
    assert [order.status for order in fake.placed] == [CANCELLED]
    assert fake.volumes() == {}


def test_orders_of_people_are_waited_for_and_left_alone(desk, fake):
    fake.order(BUY, MAIN, 500, 9.5, "by hand")
    desk.trade({MAIN: 1000}, 300)
    assert [order.remark for order in fake.placed] == ["by hand"]
    assert "等待委托 S000001：买入 500 股" in desk.output
    fake.cancel("S000001")
    assert desk.trade({MAIN: 1000}) == {MAIN: 1000}


def test_a_position_behind_its_order_is_not_ordered_on(desk, fake):
    """The order is shown as filled at once, the position six seconds later."""
    fake.lag = {"POSITION": 6.0, "ORDER": 0.0, "ACCOUNT": 6.0}
    assert desk.trade({MAIN: 1000}) == {MAIN: 1000}
    assert len(fake.placed) == 1


def test_rejections_are_retried_ever_more_seldom(desk, fake):
    fake.refuse = lambda _order: "the broker does not like it"
    desk.trade({MAIN: 1000}, 1800)
    times = [order.at for order in fake.placed]
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
    assert 30 <= gaps[0] <= 60 and gaps[-1] >= 400 and len(gaps) < 8, gaps
    assert "委托被拒（连续第 2 次）" in desk.output
    # A new day starts afresh.
    fake.next_day("09:31")
    once = iter(["still not"])
    fake.refuse = lambda _order: next(once, None)
    assert desk.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    fake.refusals.clear()


def test_a_trade_makes_up_for_the_rejections_before_it(desk, fake):
    refusals = iter(["not now"] * 2)
    fake.refuse = lambda _order: next(refusals, None)
    assert desk.trade({MAIN: 500}, 600) == {MAIN: 500}
    fake.refuse = lambda _order: "not now"
    desk.trade({MAIN: 1000}, 60)
    assert "连续第 2 次" in desk.output and "连续第 3 次" not in desk.output
    fake.refusals.clear()


def test_a_terminal_that_silently_places_nothing_is_named(desk, fake):
    fake.lose = lambda _order: True
    desk.trade({MAIN: 1000}, 200)
    assert "模型是否处于模拟信号模式" in desk.output and "还没有出现在终端" in desk.output


@pytest.mark.parametrize("at", [5, 11, 12, 14, 20])
def test_init_may_run_again_at_any_moment(desk, fake, at):
    """With the timer of before still ringing, with the script's memory kept and with it lost."""
    fake.lag = {"POSITION": 6.0, "ORDER": 5.0, "ACCOUNT": 6.0}
    desk.trade({MAIN: 1000}, at)
    desk.script.init()
    desk.trade({MAIN: 1000}, 3)
    fake.timers.clear()
    again = Desk(fake)
    assert again.trade({MAIN: 1000}) == {MAIN: 1000}
    assert len(fake.placed) == 1


def test_an_instrument_on_two_shareholder_numbers_is_one_holding(desk, fake):
    fake.hold(MAIN, 1000)
    details = desk.script.get_trade_detail_data

    def twice(account, kind, what):
        lines = details(account, kind, what)
        if what == "POSITION":
            for line in lines:
                line.m_nVolume, line.m_nCanUseVolume = line.m_nVolume // 2, line.m_nCanUseVolume // 2
        return lines * 2 if what == "POSITION" else lines

    desk.script.names["get_trade_detail_data"] = twice
    desk.trade({MAIN: 1000})
    assert fake.placed == []


def test_an_order_that_neither_buys_nor_sells_is_waited_for(desk, fake):
    fake.order(BUY, MAIN, 100, 9.5, "by hand").side = 50
    fake.fill = lambda order: 0 if order.side == 50 else order.rest
    assert desk.trade({MAIN: 1000, OTHER: 100}) == {OTHER: 100}
    assert "等待委托 S000001：其他 100 股" in desk.output


def test_a_terminal_that_has_not_loaded_yet(desk, fake):
    fake.hold(MAIN, 1000)
    fake.logged_in = False
    desk.trade({MAIN: 2000}, 60)
    assert fake.placed == [] and "没有资金账号的数据" in desk.output
    fake.logged_in = True
    show = fake.show
    fake.show = lambda kind: {} if kind == "POSITION" else show(kind)
    desk.trade({MAIN: 2000}, 60)
    assert fake.placed == [] and "终端尚未载入持仓（持仓市值 10000.00 元，持仓为空）" in desk.output
    fake.show = show
    assert desk.trade({MAIN: 2000}) == {MAIN: 2000}


def test_an_error_of_the_terminal_ends_the_look_only(desk, fake):
    show = fake.show
    fake.show = lambda kind: 1 / 0 if kind == "ORDER" else show(kind)
    desk.trade({MAIN: 100}, 60)
    assert fake.placed == [] and "ZeroDivisionError" in desk.output
    fake.show = show
    assert desk.trade({MAIN: 100}) == {MAIN: 100}


def test_hours(fake):
    fake.now = fake.now.replace(hour=8, minute=0)
    fake.hold(OTHER, 500)
    desk = Desk(fake, CANCEL_AFTER_SECONDS=600, START="09:15")
    asked = []
    whole = desk.ask
    desk.script.names["SESSION"].poll.ask = lambda: asked.append(fake.now.strftime("%H:%M")) or whole()
    fake.fill = lambda _order: 0
    desk.targets = {OTHER: 500, MAIN: 100}
    cancel, cancelled = fake.cancel, []
    fake.cancel = lambda number: cancelled.append(fake.now.strftime("%H:%M")) or cancel(number)
    fake.until("16:00")
    assert min(asked) == "09:15" and max(asked) == "14:59"
    # Also while nothing is traded: what changes meanwhile must hold still, and an account stays this terminal's.
    assert [at for at in asked if "09:25" <= at < "09:30"] and [at for at in asked if "11:30" <= at < "13:00"]
    # An order of the auction rests until it ends; in the closing auction none is cancelled.
    first, second = fake.placed[:2]
    assert first.at.strftime("%H:%M") == "09:16" and second.at.strftime("%H:%M") == "09:30"
    assert cancelled and not [at for at in cancelled if at < "09:30" or at >= "14:57"]
    assert "非交易时间" in desk.output


def test_no_cancel_is_asked_for_while_none_is_taken(desk, fake):
    fake.now = fake.now.replace(hour=14, minute=55, second=50)
    fake.fill = lambda _order: 0
    cancel, cancelled = fake.cancel, []
    fake.cancel = lambda number: cancelled.append(fake.now) or cancel(number)
    desk.trade({MAIN: 1000}, 72)
    desk.trade({}, 120)
    assert len(fake.placed) == 1 and cancelled == []


def test_a_weekend_and_a_holiday(fake):
    fake.now = fake.now.replace(day=10)
    desk = Desk(fake, HOLIDAYS=["2026-01-12"])
    desk.trade({MAIN: 100}, 60)
    fake.now = fake.now.replace(day=12)
    desk.trade({MAIN: 100}, 60)
    assert fake.placed == []
    fake.now = fake.now.replace(day=13)
    assert desk.trade({MAIN: 100}) == {MAIN: 100}


def test_limits_of_value_stop_with_a_message(fake):
    desk = Desk(fake, MAX_ORDER_VALUE=20_000, MAX_DAILY_TURNOVER=15_000)
    assert desk.trade({OTHER: 500, MAIN: 3000, ETF: 2000, BEIJING: 100}) == {OTHER: 500}
    assert "超过 MAX_DAILY_TURNOVER（15000.00 元）：不再买入" in desk.output
    # Neither a restart nor the end of an order resets what today has traded.
    fake.timers.clear()
    desk = Desk(fake, MAX_DAILY_TURNOVER=15_000)
    assert desk.trade({OTHER: 500, ETF: 2000}) == {OTHER: 500}
    fake.next_day("09:31")
    assert desk.trade({OTHER: 500, ETF: 2000}) == {OTHER: 500, ETF: 2000}


def test_the_turnover_is_what_was_traded_and_what_still_may_be(fake):
    desk = Desk(fake, MAX_DAILY_TURNOVER=15_000)
    fake.fill = lambda _order: 0
    # Each would take 10,000: while one of them rests there is no room for the other.
    desk.trade({MAIN: 1000, OTHER: 500}, 80)
    assert len(fake.placed) == 1
    # One that was cancelled without a trade takes nothing.
    desk.trade({MAIN: 1000}, 300)
    fake.fill = lambda order: order.rest
    assert desk.trade({MAIN: 1000}) == {MAIN: 1000}
