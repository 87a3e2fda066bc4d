"""The QMT script on an account's target: what is listed and not held back is traded, by one terminal at a time."""

import copy
import http.server
import json
import threading

import pytest
from conftest import public_pem
from fake_qmt import BigQMT, FakeQMT
from test_desk import Desk as Office
from test_desk import fake as fake
from test_qmt_trading import ETF, MAIN, OTHER, SCRIPT, STAR, Desk


class AccountDesk(Desk):
    """A terminal with the script in it, and the target that its server answers."""

    def __init__(self, fake, **settings):
        self.holds, self.exact = {}, {}
        super().__init__(fake, **{"ACCOUNT_NAME": "main", **settings})

    def ask(self):
        if isinstance(self.targets, tuple):
            return self.targets
        lines = [
            {
                "code": code,
                "name": code,
                "volume": volume,
                "exact": self.exact.get(code, str(volume)),
                "hold": self.holds.get(code),
                "strategies": [],
            }
            for code, volume in self.targets.items()
        ]
        body = {"account": "main", "revision": self.revision, "updated_at": "2026-01-05T09:00:00.000001+08:00"}
        return 200, json.dumps({**body, "lines": lines, "lineage": self.lineage}).encode()


HOLD = {"reason": "not_fresh", "text": "alpha 今天还没有推送", "message": "", "since": "2026-01-05T09:00:00+08:00"}


@pytest.fixture
def exchange():
    """Another fake than that of the office."""
    exchange = FakeQMT(start="2026-01-05 09:30:00")
    for code, price in {MAIN: 10.0, OTHER: 20.0, STAR: 50.0, ETF: 4.0}.items():
        exchange.list(code, price)
    return exchange


@pytest.fixture
def desk(exchange):
    yield AccountDesk(exchange)
    assert exchange.refusals == []


def test_what_is_not_listed_is_not_ours(desk, exchange):
    exchange.hold(OTHER, 500)
    exchange.hold(STAR, 300)
    assert desk.trade({MAIN: 1000, STAR: 0}, 200) == {OTHER: 500, MAIN: 1000}
    assert desk.trade({MAIN: 1000}, 200) == {OTHER: 500, MAIN: 1000}
    assert OTHER not in desk.output


def test_a_line_with_a_hold_is_not_traded_and_what_rests_of_it_is_cancelled(desk, exchange):
    exchange.hold(OTHER, 500)
    desk.holds = {OTHER: HOLD}
    assert desk.trade({MAIN: 1000, OTHER: 0}, 200) == {OTHER: 500, MAIN: 1000}
    assert "000001.SZ 服务器暂停了这一行：alpha 今天还没有推送" in desk.output
    desk.holds = {}
    exchange.fill = lambda order: 0 if order.code == ETF else order.rest
    assert desk.trade({MAIN: 1000, OTHER: 0, ETF: 1000}, 25) == {MAIN: 1000}
    desk.holds = {ETF: HOLD}
    assert desk.trade({MAIN: 1000, OTHER: 0, ETF: 1000}, 15) == {MAIN: 1000}
    assert exchange.settled()
    # What is released holds still as long as what was pushed.
    exchange.fill = lambda order: order.rest
    desk.holds = {}
    assert desk.trade(desk.targets, 12) == {MAIN: 1000}
    assert desk.trade(desk.targets, 15) == {ETF: 1000, MAIN: 1000}


@pytest.mark.parametrize("hold", [{}, {"reason": "new_reason"}, True, "why not", 0])
def test_whatever_a_hold_looks_like_it_is_one(desk, hold):
    desk.holds = {MAIN: hold}
    assert desk.trade({MAIN: 1000, ETF: 1000}, 200) == {ETF: 1000}


def test_a_code_that_is_not_understood_keeps_only_itself_from_being_traded(desk, exchange):
    exchange.hold(MAIN, 500)
    assert desk.trade({"600000": 500, ETF: 1000, "IF2601.CCFX": 1}, 200) == {ETF: 1000, MAIN: 500}
    assert "600000 服务器暂停了这一行：看不懂这个代码" in desk.output


ANSWERS = {
    "paused": ((503, json.dumps({"code": "paused", "error": "已暂停"}).encode()), "503，已暂停"),
    "incomplete": (
        (503, json.dumps({"code": "incomplete", "error": "策略 beta 未知"}).encode()),
        "503，策略 beta 未知",
    ),
    "another account": ((200, b'{"account": "small", "revision": 1, "updated_at": "x", "lines": []}'), "不是持仓数据"),
    "the total": ((200, b'{"positions": [], "update_time": "x", "revision": 1}'), "不是持仓数据"),
    "no time": ((200, b'{"account": "main", "revision": 1, "lines": []}'), "还没有任何策略"),
    "demo": ((200, b'{"account": "main", "revision": 1, "updated_at": "x", "lines": [], "demo": true}'), "演示数据"),
    "304": ((304, b""), "304"),
}


@pytest.mark.parametrize(("answer", "words"), ANSWERS.values(), ids=ANSWERS)
def test_without_a_whole_target_nothing_happens(desk, exchange, answer, words):
    exchange.hold(MAIN, 1000)
    desk.trade(answer, 150)
    assert exchange.placed == [] and words in desk.output
    assert desk.trade({MAIN: 0}, 200) == {}


def test_the_owners_shares_are_in_the_target_and_what_is_protected_here_stays(exchange):
    exchange.hold(MAIN, 1000)
    exchange.hold(OTHER, 700)
    exchange.hold(ETF, 500)
    desk = AccountDesk(exchange, PROTECTED={MAIN: 300, OTHER: 700, ETF: None})
    assert desk.trade({MAIN: 400, OTHER: 0, ETF: 1000}, 200) == {OTHER: 700, ETF: 500, MAIN: 400}


def test_a_small_remainder_that_nobody_wants_is_sold_down_to_the_owners(exchange):
    exchange.hold(OTHER, 130)
    exchange.hold(MAIN, 130)
    desk = AccountDesk(exchange, MIN_ORDER_VALUE=1000)
    desk.exact = {OTHER: "0"}
    assert desk.trade({OTHER: 100, MAIN: 100}, 200) == {OTHER: 100, MAIN: 130}


def test_settings_of_the_total_that_do_not_count_are_said(exchange):
    assert "STRATEGIES 和 INCLUDE_ADJUSTMENTS 不起作用" in AccountDesk(exchange, STRATEGIES=["alpha"]).output
    assert "不起作用" not in AccountDesk(exchange).output


# -- with the real server --


@pytest.fixture
def office(server, fake, joinquant, quick_key):
    """The office of test_desk, whose terminal asks for its account's target."""
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    yield Office(server, fake, joinquant, ACCOUNT_NAME="small")
    assert fake.refusals == []


def statuses(script):
    """Of every answer from now on."""
    wire, found = script.names["SESSION"].poll.wire, []
    exchange = wire.exchange

    def watched(*arguments, **headers):
        answer = exchange(*arguments, **headers)
        found.append(answer[0])
        return answer

    wire.exchange = watched
    return found


def test_an_account_that_follows_three_strategies(office, fake):
    fake.hold("000001.SZ", 300)
    fake.list("000001.SZ", 20.0)
    office.nothing_traded("服务器应答 503")
    office.everybody()
    found = statuses(office.script)
    assert office.trade(240) == {"000001.SZ": 300, ETF: 3700, MAIN: 600}
    # What has not changed is not sent again.
    assert found.count(200) == 1 and found.count(304) > 20
    # A strategy leaves an instrument: it stays listed, with nothing wanted.
    office.strategy("gamma", **{"688001.XSHG": 10})
    fake.next_day("09:29")
    assert office.trade(240) == {"000001.SZ": 300, MAIN: 600}


def test_a_second_terminal_waits_and_the_first_stops_when_it_has_lost_the_account(office, fake):
    office.everybody()
    assert office.trade(180) == {ETF: 3700, MAIN: 600}
    second = FakeQMT(cash=2_000_000.0, start=fake.now.isoformat(" "))
    for code, price in {MAIN: 10.0, STAR: 50.0, ETF: 4.0}.items():
        second.list(code, price)
    other = BigQMT(second, SCRIPT, **office.settings)
    second.advance(180)
    assert second.placed == [] and "账户正由另一个终端使用: qmt-" in other.output
    # The operator frees the account, and the other one is the first to ask.
    office.operate("POST", "/api/v1/accounts/small/release")
    second.advance(180)
    assert second.volumes() == {ETF: 3700, MAIN: 600}
    office.strategy("alpha", **{"600000.XSHG": 2000})
    office.nothing_traded("本终端已让出账户")
    office.operate("POST", "/api/v1/accounts/small/release")
    office.nothing_traded(seconds=600)
    # A person starts it anew, while the other one is silent.
    fake.timers.clear()
    office.script = BigQMT(fake, SCRIPT, **office.settings)
    assert office.trade(180) == {ETF: 3700, MAIN: 900}


# -- reports --


class Receiver(http.server.ThreadingHTTPServer):
    """A server that takes reports with a given status, and answers every other question with a target."""

    def __init__(self, status):
        self.status, self.reports, self.names = status, [], set()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, self.headers["Content-Type"]) == ("/api/v1/accounts/main/report", "application/json")
        self.server.reports.append(body)
        self.server.names.add((self.headers["X-Terminal"], self.headers["X-API-Key"]))
        answer = json.dumps({"stored": True, "target_revision": 1, "warnings": []}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def reporting(exchange, status=200, **settings):
    """A desk whose reports are sent by the time that a look is over."""
    receiver = Receiver(status)
    desk = AccountDesk(exchange, SERVER=receiver.url, API_KEY="key", **settings)
    reports = desk.script.names["SESSION"].reports
    if reports is not None:
        send = reports.send
        reports.send = lambda *arguments: send(*arguments) or reports.sending.join(10)
    return desk, receiver


def test_a_report_says_what_there_is_and_what_is_waited_for(exchange):
    exchange.hold(OTHER, 500, sellable=200)
    exchange.instruments[STAR].suspended = True
    exchange.cash = 12_345.675
    desk, receiver = reporting(exchange)
    desk.holds = {ETF: HOLD}
    exchange.fill = lambda order: min(order.rest, 100) if not order.traded else 0
    desk.trade({MAIN: 1000, OTHER: 0, STAR: 250, ETF: 300}, 70)
    first = receiver.reports[0]
    assert first == {
        "at": "2026-01-05T09:31:05+08:00",
        "mode": "live",
        "revision": 1,
        "cash": "12345.67",
        "total_asset": "22345.67",
        "holdings": [
            {"code": OTHER, "volume": 500, "sellable": 200, "cost": "0.00", "price": "20.00"},
            {"code": ETF, "volume": 0, "price": "4.00"},
            {"code": MAIN, "volume": 0, "price": "10.00"},
            {"code": STAR, "volume": 0, "price": "50.00"},
        ],
        "orders": [],
        "fills": [],
        "waiting": [
            {"code": ETF, "shares": 300, "reason": "held_line", "text": "服务器暂停了这一行：alpha 今天还没有推送"},
            {"code": OTHER, "shares": 300, "reason": "t_plus_1", "text": "应卖 500 股，今天可卖 200 股"},
            {"code": STAR, "shares": 250, "reason": "suspended", "text": "停牌"},
            {"code": OTHER, "shares": 200, "reason": "in_flight", "text": "刚刚下单"},
            {"code": MAIN, "shares": 1000, "reason": "in_flight", "text": "刚刚下单"},
        ],
    }
    desk.trade(desk.targets, 10)
    last = receiver.reports[-1]
    ours = last["orders"][0]
    numbers = [order.pop("id") for order in last["orders"]]
    assert ours == {
        "code": OTHER,
        "side": "sell",
        "volume": 200,
        "traded": 100,
        "price": "19.98",
        "status": "working",
        "placed_at": "2026-01-05T09:31:05+08:00",
        "ours": True,
    }
    fills = [(fill["order"], fill["code"], fill["side"], fill["volume"], fill["price"]) for fill in last["fills"]]
    assert fills == [(numbers[0], OTHER, "sell", 100, "19.99"), (numbers[1], MAIN, "buy", 100, "10.01")]
    assert last["fills"][0]["at"] == "2026-01-05T09:31:08+08:00"
    [(name, key)] = receiver.names
    assert key == "key" and name == desk.script.names["SESSION"].poll.wire.headers["X-Terminal"]


def test_a_trade_is_reported_once_its_order_says_whose_it_is(exchange):
    desk, receiver = reporting(exchange)
    desk.trade({MAIN: 1000}, 120)
    deal = copy.copy(exchange.deals[-1])
    deal.number, deal.order = 99, copy.copy(deal.order)
    deal.order.id = "by hand"
    exchange.deals.append(deal)
    desk.trade(desk.targets, 40)
    told = [fill["order"] for fill in receiver.reports[-1]["fills"]]
    assert told and "by hand" not in told


def test_what_is_waited_for_adds_up_to_the_difference(exchange):
    exchange.hold(OTHER, 530)
    exchange.cash = 6_000.0
    desk, receiver = reporting(exchange, MAX_ORDER_VALUE=4_000)
    targets = {MAIN: 1050, OTHER: 45, STAR: 130}
    exchange.fill = lambda order: 0 if order.code == MAIN else order.rest
    desk.trade(targets, 400)
    for report in receiver.reports:
        holdings = {line["code"]: line["volume"] for line in report["holdings"]}
        for code, wanted in targets.items():
            waiting = sum(entry["shares"] for entry in report["waiting"] if entry["code"] == code)
            assert waiting == abs(wanted - holdings.get(code, 0)), (code, report)
    assert len(receiver.reports) > 5


def test_a_report_is_sent_when_something_changes_and_twice_a_minute(exchange):
    desk, receiver = reporting(exchange, DRY_RUN=True)
    desk.trade({MAIN: 1000}, 60 + 121)
    assert 4 <= len(receiver.reports) <= 6
    assert {report["mode"] for report in receiver.reports} == {"dry_run"}
    assert receiver.reports[-1]["waiting"][0]["reason"] == "dry_run"
    before = len(receiver.reports)
    desk.trade({MAIN: 2000}, 20)
    assert len(receiver.reports) > before


def test_a_server_that_takes_no_reports_is_no_reason_not_to_trade(exchange):
    desk, receiver = reporting(exchange, status=404)
    assert desk.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    assert len(receiver.reports) == 1 and desk.output.count("服务器还不接收报告") == 1
    # It is asked again some day.
    receiver.status = 200
    desk.trade({MAIN: 1000}, 700)
    assert len(receiver.reports) > 2


@pytest.mark.parametrize("trouble", ["gone", "500", "no deals"])
def test_no_trouble_with_a_report_keeps_anybody_from_trading(exchange, trouble, monkeypatch):
    desk, receiver = reporting(exchange, status=500 if trouble == "500" else 200)
    if trouble == "gone":
        receiver.shutdown()
        receiver.server_close()
    if trouble == "no deals":
        show = exchange.show
        monkeypatch.setattr(exchange, "show", lambda kind: 1 / 0 if kind == "DEAL" else show(kind))
    assert desk.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    lines = [line for line in desk.script.lines if "报告" in line]
    assert len(lines) == 1 and "不影响交易" in lines[0]


def test_reports_can_be_switched_off(exchange):
    desk, receiver = reporting(exchange, REPORT=False)
    assert desk.trade({MAIN: 1000}, 200) == {MAIN: 1000}
    assert receiver.reports == []
    assert Desk(exchange).script.names["SESSION"].reports is None, "the total knows no account to report for"


def test_trading_goes_on_whether_the_real_server_takes_reports_or_not(office):
    office.everybody()
    assert office.trade(240) == {ETF: 3700, MAIN: 600}
    assert office.script.output.count("报告") <= 1
