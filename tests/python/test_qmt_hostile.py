"""The QMT script against an exchange and a terminal that mean it no good."""

import pytest
from fake_qmt import BUY, CANCELLED, FINAL, SELL
from test_qmt_trading import BOND, ETF, MAIN, OTHER, SETTINGS, STAR, Desk
from test_qmt_trading import desk as desk
from test_qmt_trading import fake as fake


@pytest.fixture
def calm(desk):
    """A script that has watched its terminal for a while."""
    desk.trade({}, 90)
    return desk


def hide(fake, monkeypatch, kind, seconds, code=None):
    """For a while the terminal's list is empty, or lacks an instrument."""
    show, until = fake.show, fake.now.timestamp() + seconds

    def shown(what):
        state = show(what)
        if what != kind or fake.now.timestamp() >= until:
            return state
        if code is None:
            return type(state)()
        return {name: position for name, position in state.items() if name != code}

    monkeypatch.setattr(fake, "show", shown)


def bought(fake, code=MAIN):
    return sum(order.volume for order in fake.placed if (order.code, order.side) == (code, BUY))


# -- the terminal's lists are behind, or lie --


@pytest.mark.parametrize("lag", [14, 25, 40])
@pytest.mark.parametrize("others", [0.5, 6.0, 40.0])
def test_positions_that_come_late_are_not_ordered_again(calm, fake, lag, others):
    fake.hold(OTHER, 2000)
    calm.trade({OTHER: 2000}, 200)
    fake.lag = {"POSITION": float(lag), "ORDER": others, "ACCOUNT": 40.0}
    assert calm.trade({MAIN: 1000, OTHER: 500}, 600) == {OTHER: 500, MAIN: 1000}
    assert [(order.code, order.volume) for order in fake.placed] == [(OTHER, 1500), (MAIN, 1000)]


def test_fills_that_come_in_drops_are_no_lie(fake):
    """Each second another ten shares: what is shown is never what it should be, and always on its way there."""
    calm = Desk(fake, CANCEL_AFTER_SECONDS=10_000)
    fake.lag = {"POSITION": 6.0, "ORDER": 0.0, "ACCOUNT": 6.0}
    fake.fill = lambda order: min(order.rest, 10)
    assert calm.trade({MAIN: 4000}, 900) == {MAIN: 4000}
    assert calm.trade({MAIN: 5000}, 300) == {MAIN: 5000}
    assert "停止交易" not in calm.output


def test_an_order_list_that_is_empty_for_a_while(calm, fake, monkeypatch):
    fake.fill = lambda _order: 0
    calm.trade({MAIN: 1000}, 40)
    assert len(fake.placed) == 1
    hide(fake, monkeypatch, "ORDER", 15)
    calm.trade({MAIN: 1000}, 15)
    assert len(fake.placed) == 1
    fake.fill = lambda order: order.rest
    assert calm.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    assert sum(order.traded for order in fake.placed) == 1000


def test_a_holding_that_is_missing_for_a_while(calm, fake, monkeypatch):
    fake.hold(MAIN, 1000)
    calm.trade({MAIN: 1000}, 200)
    hide(fake, monkeypatch, "POSITION", 12, MAIN)
    fake.hold(OTHER, 100)
    assert calm.trade({MAIN: 1000, OTHER: 100}, 120)[MAIN] == 1000
    assert bought(fake) == 0
    # It is trusted again at once.
    assert calm.trade({MAIN: 1200, OTHER: 100}, 60)[MAIN] == 1200


def test_a_holding_that_vanishes_for_good_waits_for_a_person(calm, fake, monkeypatch):
    fake.hold(MAIN, 1000)
    fake.hold(OTHER, 100)
    calm.trade({MAIN: 1000, OTHER: 100}, 200)
    hide(fake, monkeypatch, "POSITION", 10**9, MAIN)
    calm.trade({MAIN: 1000, OTHER: 200}, 100)
    assert bought(fake, OTHER) == 100, "nobody else waits"
    assert "停止交易" not in calm.output
    calm.trade({MAIN: 1000, OTHER: 200}, 3600)
    assert "600000.SH 停止交易：持仓 0 股，按已知的成交应为 1000 股" in calm.output
    calm.script.init()
    fake.next_day("09:29")
    calm.trade({MAIN: 1000, OTHER: 200}, 3600)
    assert bought(fake) == 0
    # A person starts the script anew.
    monkeypatch.undo()
    del fake.positions[MAIN]
    fake.timers.clear()
    assert Desk(fake).trade({MAIN: 1000, OTHER: 200}, 200)[MAIN] == 1000


def test_a_holding_that_vanishes_overnight_waits_for_a_person(calm, fake):
    fake.hold(MAIN, 1000)
    fake.hold(OTHER, 100)
    calm.trade({MAIN: 1000, OTHER: 100}, 200)
    fake.next_day("09:29")
    del fake.positions[MAIN]
    # A split is none of our business either, but it is no riddle.
    fake.hold(OTHER, 150)
    calm.trade({MAIN: 1000, OTHER: 300}, 900)
    assert (bought(fake), bought(fake, OTHER)) == (0, 100)
    assert "600000.SH 停止交易" in calm.output and "000001.SZ 停止交易" not in calm.output


def test_what_was_sold_in_the_last_moment_did_not_vanish(calm, fake):
    fake.hold(MAIN, 1000)
    fake.hold(OTHER, 100)
    calm.targets = {MAIN: 1000, OTHER: 100}
    fake.until("14:58")
    fake.fill = lambda order: order.rest if fake.now.strftime("%H:%M:%S") >= "14:59:58" else 0
    calm.targets = {OTHER: 100}
    fake.until("15:01")
    assert fake.volumes() == {OTHER: 100}
    fake.fill = lambda order: order.rest
    fake.next_day("09:29")
    assert calm.trade({MAIN: 700, OTHER: 100}, 300) == {OTHER: 100, MAIN: 700}


def test_an_order_that_never_shows_is_not_placed_again(calm, fake):
    fake.lose = lambda order: order.code == MAIN
    calm.trade({MAIN: 1000, OTHER: 100}, 110)
    assert "停止交易" not in calm.output
    fake.lose = lambda _order: False
    calm.trade({MAIN: 1000, OTHER: 100}, 3600)
    assert fake.volumes() == {OTHER: 100}
    assert "600000.SH 停止交易：委托 jq2qmt-" in calm.output and "模型是否处于模拟信号模式" in calm.output
    fake.next_day("09:29")
    assert calm.trade({MAIN: 1000, OTHER: 100}, 300) == {OTHER: 100}
    fake.timers.clear()
    assert Desk(fake).trade({MAIN: 1000, OTHER: 100}, 300) == {OTHER: 100, MAIN: 1000}


def test_what_nobody_looked_at_is_no_riddle(calm, fake, monkeypatch):
    """The server is gone just after an order, and the list is empty when it is back."""
    calm.trade({MAIN: 1000}, 20)
    assert len(fake.placed) == 1 and calm.trade((500, b""), 300) == {MAIN: 1000}
    hide(fake, monkeypatch, "ORDER", 30)
    assert calm.trade({MAIN: 1200}, 150) == {MAIN: 1200}
    assert "停止交易" not in calm.output


def test_an_order_that_shows_late_is_waited_for(calm, fake):
    fake.lag["ORDER"] = 50.0
    assert calm.trade({MAIN: 1000}, 300) == {MAIN: 1000}
    assert len(fake.placed) == 1


def test_an_unfinished_order_that_the_list_loses_waits_for_a_person(calm, fake, monkeypatch):
    fake.fill = lambda _order: 0
    calm.trade({MAIN: 1000}, 25)
    hide(fake, monkeypatch, "ORDER", 10**9)
    calm.trade({MAIN: 1000}, 1800)
    assert len(fake.placed) == 1
    assert "600000.SH 停止交易：委托 S000001 尚未结束" in calm.output


def test_a_script_that_starts_while_its_lists_are_behind(calm, fake):
    fake.lag = {"POSITION": 40.0, "ORDER": 15.0, "ACCOUNT": 40.0}
    calm.trade({MAIN: 1000}, 20)
    assert len(fake.placed) == 1
    fake.timers.clear()
    assert Desk(fake).trade({MAIN: 1000}, 400) == {MAIN: 1000}
    assert len(fake.placed) == 1


def test_a_purchase_that_the_cash_does_not_show_yet(calm, fake):
    fake.cash = 30_000.0
    fake.lag["ACCOUNT"] = 40.0
    assert calm.trade({MAIN: 2000}, 25) == {MAIN: 2000}
    calm.trade({MAIN: 2000, ETF: 5000}, 200)
    assert fake.refusals == []


def test_cash_that_is_in_doubt_makes_no_small_order(calm, fake):
    fake.cash = 30_000.0
    assert calm.trade({MAIN: 1000}, 25) == {MAIN: 1000}
    assert calm.trade({MAIN: 1000, ETF: 4000}, 100) == {ETF: 4000, MAIN: 1000}
    assert [order.volume for order in fake.placed] == [1000, 4000]
    assert "等待终端的资金更新" in calm.output


# -- thin books --


def test_no_price_is_far_from_the_last(desk, fake, monkeypatch):
    monkeypatch.setattr(fake, "book", lambda _code: ([10.01, 10.19, 0, 0, 0], [9.99, 9.81, 0, 0, 0]))
    fake.hold(OTHER, 500)
    fake.list(OTHER, 10.0)
    desk.trade({MAIN: 100})
    assert {order.code: order.price for order in fake.placed} == {MAIN: 10.15, OTHER: 9.85}


def test_where_the_best_price_is_far_away_the_order_rests_near_the_last(calm, fake, monkeypatch):
    monkeypatch.setattr(fake, "book", lambda _code: ([10.8, 10.9, 0, 0, 0], [9.2, 9.1, 0, 0, 0]))
    fake.hold(OTHER, 500)
    fake.list(OTHER, 10.0)
    calm.trade({MAIN: 100, OTHER: 500}, 100)
    calm.trade({MAIN: 100}, 30)
    assert {order.code: order.price for order in fake.placed} == {MAIN: 10.15, OTHER: 9.85}


def test_the_auction_keeps_to_the_close_of_yesterday(fake, monkeypatch):
    """Before the first trade there is no last price."""
    fake.now = fake.now.replace(hour=9, minute=10)
    ticks = fake.ticks

    close = {"lastPrice": 0.0, "lastClose": 0.0}
    monkeypatch.setattr(fake, "ticks", lambda codes: {code: {**tick, **close} for code, tick in ticks(codes).items()})
    monkeypatch.setattr(fake, "book", lambda _code: ([10.5, 0, 0, 0, 0], [10.5, 0, 0, 0, 0]))
    desk = Desk(fake, START="09:15")
    desk.targets = {MAIN: 100}
    fake.until("09:18")
    assert fake.placed == [] and "没有最新价" in desk.output
    close["lastClose"] = 10.0
    fake.until("09:25")
    assert [order.price for order in fake.placed] == [10.15]


# -- limits that do not keep anybody in --


def test_orders_come_in_slices(fake):
    desk = Desk(fake, MAX_ORDER_VALUE=20_000)
    fake.hold(OTHER, 3000)
    fake.hold(STAR, 950)
    assert desk.trade({MAIN: 5000}, 900) == {MAIN: 5000}
    assert all(order.volume * order.price <= 20_000 for order in fake.placed)
    assert len(fake.placed) < 12 and "分批委托：每笔不超过 MAX_ORDER_VALUE" in desk.output


def test_a_lot_above_the_limit_is_sold_and_not_bought(fake):
    desk = Desk(fake, MAX_ORDER_VALUE=1500)
    fake.hold(OTHER, 300)
    assert desk.trade({STAR: 200}, 300) == {}
    assert [order.volume for order in fake.placed] == [100, 100, 100]
    assert "超过 MAX_ORDER_VALUE" in desk.output


def test_purchases_never_keep_a_sale_from_going(fake):
    desk = Desk(fake, MAX_DAILY_TURNOVER=15_000)
    fake.hold(OTHER, 5000)
    assert desk.trade({MAIN: 1000, OTHER: 5000, ETF: 2000}, 200) == {OTHER: 5000, MAIN: 1000}
    assert "MAX_DAILY_TURNOVER" in desk.output
    assert desk.trade({MAIN: 1000, ETF: 2000}) == {MAIN: 1000}


def test_sales_have_a_limit_of_their_own(fake):
    desk = Desk(fake, MAX_DAILY_SALES=25_000)
    fake.hold(OTHER, 1000)
    fake.hold(ETF, 2000)
    assert desk.trade({MAIN: 3000}) == {MAIN: 3000, ETF: 2000}
    assert "MAX_DAILY_SALES（25000.00 元）：不再卖出" in desk.output


# -- targets that do not hold still --


def test_what_one_drops_and_another_takes_is_not_traded(calm, fake):
    fake.hold(MAIN, 1000)
    calm.trade({MAIN: 1000}, 200)
    for _ in range(10):
        calm.trade({}, 7)
        calm.trade({MAIN: 1000}, 30)
    assert fake.placed == []
    # And what is left in the end is traded once.
    calm.trade({MAIN: 400}, 4)
    calm.trade({MAIN: 1700}, 8)
    assert calm.trade({MAIN: 1400}, 60) == {MAIN: 1400}
    assert [order.volume for order in fake.placed] == [400]


def test_how_long_a_target_holds_still_can_be_set(fake):
    desk = Desk(fake, STEADY_SECONDS=60)
    desk.trade({}, 90)
    assert desk.trade({MAIN: 100}, 55) == {}
    assert "目标刚变，等它 60 秒不变" in desk.output
    assert desk.trade({MAIN: 100}, 30) == {MAIN: 100}


# -- hours --


def test_nothing_is_traded_in_the_opening_auction_unless_asked_for(fake):
    fake.now = fake.now.replace(hour=9, minute=10)
    desk = Desk(fake)
    desk.targets = {MAIN: 100}
    fake.until("09:35")
    assert [order.at.strftime("%H:%M:%S") for order in fake.placed] == ["09:30:00"]


def test_what_rests_is_cancelled_before_the_lunch_break(fake):
    calm = Desk(fake, CANCEL_AFTER_SECONDS=600)
    calm.trade({}, 90)
    fake.now = fake.now.replace(hour=11, minute=28, second=0)
    fake.fill = lambda order: order.rest if fake.now.hour == 13 else 0
    calm.targets = {MAIN: 1000}
    fake.until("12:30")
    assert fake.placed and all(order.status in FINAL for order in fake.placed)
    # Withdrawn over lunch, it is not filled afterwards; what is wanted still is placed again.
    calm.targets = {OTHER: 100}
    fake.until("13:10")
    assert fake.volumes() == {OTHER: 100}
    assert {order.status for order in fake.placed if order.code == MAIN} == {CANCELLED}


# -- what is not worth its fees --


def test_small_orders_are_left_alone_unless_they_end_a_holding(fake):
    desk = Desk(fake, MIN_ORDER_VALUE=1000)
    fake.hold(OTHER, 30)
    fake.hold(BOND, 30)
    assert desk.trade({ETF: 200, BOND: 25, MAIN: 100}) == {BOND: 30, MAIN: 100}
    assert "低于 MIN_ORDER_VALUE（1000.00 元）" in desk.output
    assert desk.trade({ETF: 300, BOND: 10, MAIN: 100}, 200) == {BOND: 10, ETF: 300, MAIN: 100}


# -- the log --


def test_a_morning_of_dry_run_fits_on_a_page(fake):
    desk = Desk(fake, DRY_RUN=True)
    fake.cash = 30_000.0
    fake.hold(OTHER, 500)
    fake.hold(ETF, 20_000, sellable=0)
    desk.targets = {MAIN: 5000, OTHER: 100, ETF: 1000}
    for n in range(2 * 60 * 12):
        # The prices and the cash are never twice the same.
        fake.instruments[MAIN].price = round(10 + n % 37 / 100, 2)
        fake.instruments[OTHER].price = round(20 + n % 23 / 100, 2)
        fake.cash += 1.17
        fake.advance(5)
    assert "[DRY_RUN] 卖出 000001.SZ 400 股" in desk.output and "今天可卖 0 股" in desk.output
    assert len(desk.script.lines) < 40, desk.output
    assert 10 <= desk.output.count("小结") <= 13


def test_a_line_says_what_changes_and_the_summary_what_stands(calm, fake):
    fake.instruments[MAIN].suspended = True
    calm.trade({MAIN: 1000, OTHER: 100}, 1300)
    assert calm.output.count("jq2qmt 600000.SH 目标 1000，持有 0：停牌") == 1
    lines = [line for line in calm.script.lines if "小结" in line]
    assert len(lines) == 2
    assert "版本 1，目标 2 个，未到位 1 个：600000.SH 目标 1000，持有 0：停牌" in lines[-1]
    assert "委托 jq2qmt-" in calm.output and "结束：买入 000001.SZ 100 股，成交 100 股" in calm.output


def test_what_comes_and_goes_is_said_once(calm, fake):
    calm.targets = {MAIN: 1000}
    for n in range(30):
        fake.instruments[MAIN].suspended = n % 2 == 0
        fake.instruments[MAIN].quoted_today = n % 2 == 0
        fake.advance(10)
    assert len([line for line in calm.script.lines if "600000.SH 目标 1000" in line and "小结" not in line]) == 3


# -- what is wrong in the settings, and a server that says nothing --


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SERVER": "http://qmt:sesame@127.0.0.1:5366"}, "API_KEY"),
        ({"SERVER": "http://127.0.0.1:5366/?api_key=sesame"}, "API_KEY"),
        ({"SERVER": "127.0.0.1:5366"}, "http://"),
        ({"SERVER": "ftp://127.0.0.1:5366"}, "http://"),
        ({"SERVER": "http://"}, "主机"),
        ({"SERVER": "http://127.0.0.1:port"}, "端口"),
        ({"API_KEY": "密钥"}, "API_KEY"),
        ({"CA_FILE": "no/such/file.pem"}, "找不到 CA_FILE：no/such/file.pem"),
        ({"CA_FILE": __file__}, "不是 PEM"),
        ({"INTERVAL_SECONDS": 0.5}, "INTERVAL_SECONDS"),
        ({"INTERVAL_SECONDS": 0}, "INTERVAL_SECONDS"),
        ({"STRATEGIES": "alpha"}, "STRATEGIES"),
        ({"START": "9.30"}, "START"),
        ({"HOLIDAYS": ["2026/10/01"]}, "HOLIDAYS"),
        ({"MAX_DEVIATION": 1.5}, "0.015"),
        ({"MAX_ORDER_VALUE": 500, "MIN_ORDER_VALUE": 1000}, "MIN_ORDER_VALUE"),
        ({"MAX_DAILY_SALES": "100"}, "MAX_DAILY_SALES"),
        ({"DRY_RUN": "False"}, "DRY_RUN"),
        ({"PROTECTED": {MAIN: 100, "600000.XSHG": 200}}, "600000.XSHG"),
        ({"PROTECTED": {MAIN: "100"}}, MAIN),
        ({"PROTECTED": [MAIN]}, "PROTECTED"),
    ],
)
def test_a_setting_that_cannot_be_meant_stops_the_start_and_says_what_to_do(fake, settings, words):
    with pytest.raises(ValueError, match=words) as stop:
        Desk(fake, **settings)
    assert "sesame" not in str(stop.value)


def test_everything_that_is_wrong_is_said_at_once(fake):
    with pytest.raises(ValueError, match=r"(?s)SERVER.*START.*PROTECTED"):
        Desk(fake, SERVER="x", START="x", PROTECTED={"510300": 1, "60000.SHH": None})


def test_overlays_that_do_not_count_are_said_at_the_start(fake):
    assert "INCLUDE_ADJUSTMENTS" not in Desk(fake).output
    assert "INCLUDE_ADJUSTMENTS 不起作用" in Desk(fake, STRATEGIES=["alpha"]).output
    assert "INCLUDE_ADJUSTMENTS" not in Desk(fake, STRATEGIES=["alpha"], INCLUDE_ADJUSTMENTS=False).output


def test_a_mute_server_is_asked_less_and_less_often(calm, fake):
    asked = []
    mute = calm.script.names["NoAnswerError"]

    def ask():
        asked.append(fake.now)
        raise mute("服务器 2 秒内没有应答：不交易")

    poll = calm.script.names["SESSION"].poll
    poll.ask = ask
    calm.trade({MAIN: 100}, 600)
    # Every five seconds would be 120 times, 240 of 600 seconds.
    assert 5 <= len(asked) <= 14 and "没有应答" in calm.output
    assert fake.placed == []
    poll.ask = calm.ask
    assert calm.trade({MAIN: 100}, 180) == {MAIN: 100}
    # It is asked as often as ever again.
    poll.ask = lambda: asked.append(fake.now) or calm.ask()
    del asked[:]
    fake.advance(60)
    assert len(asked) == 12


# -- a server that is not what it was --


def test_a_restored_backup_stays_stopped_also_when_it_has_passed_the_old_one(calm, fake):
    calm.revision = 8
    assert calm.trade({MAIN: 100}, 60) == {MAIN: 100}
    calm.revision = 5
    calm.trade({}, 30)
    assert "从 8 退回到 5" in calm.output and "重启" in calm.output
    calm.revision = 12
    fake.next_day("09:29")
    calm.script.init()
    assert calm.trade({OTHER: 100}, 600) == {MAIN: 100}
    fake.timers.clear()
    again = Desk(fake)
    again.revision = 12
    assert again.trade({OTHER: 100}, 200) == {OTHER: 100}


def test_another_lineage_waits_for_a_person_whatever_its_revision(calm, fake):
    assert calm.trade({MAIN: 100}, 60) == {MAIN: 100}
    calm.lineage, calm.revision = 2, 50
    fake.next_day("09:29")
    assert calm.trade({}, 300) == {MAIN: 100}
    assert "LINEAGE 改为 2" in calm.output
    # Not even a script that was started anew by the terminal goes on.
    fake.timers.clear()
    again = Desk(fake)
    again.lineage, again.revision = 2, 50
    assert again.trade({}, 300) == {MAIN: 100}
    fake.timers.clear()
    agreed = Desk(fake, LINEAGE=2)
    agreed.lineage, agreed.revision = 2, 50
    assert agreed.trade({}, 300) == {}


# -- what is the owner's --


def test_protected_codes_that_are_not_held_stop_the_script(fake):
    fake.hold(MAIN, 1000)
    desk = Desk(fake, PROTECTED={MAIN: 100, "000001.XSHE": 300, ETF: None})
    assert desk.trade({MAIN: 2000}, 900) == {MAIN: 1000}
    assert "PROTECTED 中的证券不在账户里：000001.SZ、510300.SH" in desk.output
    fake.timers.clear()
    assert Desk(fake, PROTECTED={MAIN: 100}).trade({MAIN: 2000}, 200) == {MAIN: 2100}


def test_a_protected_holding_that_is_missing_for_a_while_stops_nobody(fake, monkeypatch):
    fake.hold(OTHER, 300)
    fake.hold(ETF, 100)
    desk = Desk(fake, PROTECTED={OTHER: 300})
    desk.trade({MAIN: 100, ETF: 100}, 55)
    hide(fake, monkeypatch, "POSITION", 12, OTHER)
    assert desk.trade({MAIN: 100, ETF: 100}, 100) == {OTHER: 300, ETF: 100, MAIN: 100}


def test_an_owner_who_sells_what_was_protected_stops_nobody(fake):
    fake.hold(OTHER, 300)
    desk = Desk(fake, PROTECTED={OTHER: 300})
    desk.trade({MAIN: 100}, 200)
    fake.order(SELL, OTHER, 300, 19.9, "by hand")
    assert desk.trade({MAIN: 200}, 200) == {MAIN: 200}


def test_settings_of_an_older_script_are_named(fake):
    desk = Desk(fake)
    options = {name: desk.script.names[name] for name in SETTINGS}
    with pytest.raises(ValueError, match=r"缺少设置：.*SERVER"):
        desk.script.names["make_session"](None, options)
