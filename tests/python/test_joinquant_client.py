"""The JoinQuant client: against the real server, and against one that fails in every way a network does."""

import base64
import contextlib
import datetime
import http.server
import importlib
import json
import pickle
import socket
import socketserver
import ssl
import sys
import threading
import time
import types

import pytest
import requests
from conftest import PASSWORD, held, private_pem, public_pem
from cryptography.hazmat.primitives.asymmetric import ec
from fake_joinquant import JOINQUANT, context
from test_serving import certificate


@pytest.fixture
def client(joinquant, server, quick_key):
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    return joinquant.module.JQQMTAPI(api_url=server.url + "/", client_id="jq")


@pytest.fixture
def alone(joinquant):
    """A client without a server."""
    return joinquant.module.JQQMTAPI(api_url="http://127.0.0.1:1", client_id="jq")


class Scripted(http.server.ThreadingHTTPServer):
    """A server that answers from a script: a status, or (status, body, headers), or bytes as they are, or what to do to
    the connection. What a Drip does not send at once comes byte by byte, each within any time-out for a single read."""

    def __init__(self, script, upstream=None):
        self.script, self.upstream, self.seen, self.stored = list(script), upstream, [], []
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *about):
        # A client that leaves is what some of the tests are about.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*about)


class ScriptedHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((dict(self.headers), body))
        step = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        step = step(json.loads(body)) if callable(step) else step
        if step == "drop":
            self.close_connection = True
            return
        if isinstance(step, bytes):
            self.close_connection = True
            at_once = getattr(step, "at_once", len(step))
            self.wfile.write(step[:at_once])
            for byte in step[at_once:]:
                if self.server.over.wait(0.25):
                    break
                self.wfile.write(bytes([byte]))
            return
        if step in ("store and drop", "pass"):
            answer = requests.post(self.server.upstream + self.path, data=body, headers=dict(self.headers), timeout=10)
            self.server.stored.append(answer.status_code)
            if step == "store and drop":
                self.close_connection = True
                return
            self.reply(answer.status_code, answer.content)
            return
        status, content, *headers = step if isinstance(step, tuple) else (step, b"<html>a proxy</html>")
        self.reply(status, content, *headers)

    do_GET = do_POST  # noqa: N815

    def reply(self, status, content, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Drip(bytes):
    at_once = 0


STORED = {"message": "持仓更新成功", "revision": 7, "changed": True, "strategy_name": "alpha", "positions_count": 0}


def raw(body, head=b"HTTP/1.0 200 OK\r\n"):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def error(code, text="出错"):
    return json.dumps({"error": text, "code": code, "message": "wrong"}).encode()


@pytest.fixture
def strategy(joinquant, monkeypatch):
    """The example, under JoinQuant's own names: what it schedules and what it orders."""
    jqdata, scheduled, ordered = types.ModuleType("jqdata"), [], []
    jqdata.set_benchmark = lambda *_: None
    jqdata.run_daily = lambda function, time: scheduled.append((time, function))
    jqdata.order_target_value = lambda code, *_: ordered.append(code)
    joinquant.api.g = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "jqdata", jqdata)
    monkeypatch.syspath_prepend(str(JOINQUANT))
    monkeypatch.delitem(sys.modules, "example_strategy", raising=False)
    module = importlib.import_module("example_strategy")
    module.initialize(context())
    module.process_initialize(context())
    return types.SimpleNamespace(module=module, api=joinquant.api.g.jq2qmt, scheduled=scheduled, ordered=ordered)


def test_the_example_strategy_runs_as_it_is(joinquant, client, server, strategy):
    """What is scheduled is called, and what it holds arrives."""
    account = context(**{"000001.XSHE": (1000, 12.5)})
    account.portfolio.total_value = 1e6
    strategy.api.api_url, strategy.api.client_id = client.api_url, client.client_id
    for _, function in sorted(strategy.scheduled, key=lambda entry: entry[0]):
        function(account)
    assert strategy.ordered == strategy.module.STOCKS
    assert server.total(strategies="example")["positions"][0]["total_volume"] == 1000
    # A push that fails is logged, and the strategy goes on.
    strategy.api.api_url = Scripted([(403, error("strategy_forbidden", "无权"))]).url
    strategy.module.push(account)
    assert "not pushed: 无权" in joinquant.api.log.lines[-1]


def test_every_morning_the_strategy_repeats_what_it_holds(joinquant, strategy, client, server):
    """Before the market opens and before it trades, so that the account's targets are of the day."""
    assert [function.__name__ for time, function in strategy.scheduled if time == "09:25"] == ["push_every_morning"]
    assert min(strategy.scheduled, key=lambda entry: entry[0])[0] == "09:25"
    strategy.api.api_url, strategy.api.client_id = client.api_url, client.client_id
    morning, account = strategy.module.push_every_morning, context(**{"000001.XSHE": (1000, 12.5)})

    def spoken():
        (line,) = server.get("/api/v1/strategies").json()["strategies"]
        return line["last_push_at"], line["revision"]

    morning(account)
    pushed, revision = spoken()
    # The same list changes nothing, and yet the strategy has spoken.
    morning(account)
    again, same = spoken()
    assert again > pushed and same == revision and strategy.ordered == []
    # Where the account is of a backtest or holds nothing, nothing is said, and the strategy goes on.
    for other in (context("simple_backtest", X=(100, 1.0)), context("full_backtest", X=(100, 1.0)), context()):
        morning(other)
        assert spoken() == (again, revision) and "not pushed" in joinquant.api.log.lines[-1]
    strategy.module.ALLOW_EMPTY = True
    morning(context())
    assert server.total()["positions"] == [] and spoken()[1] > revision


def test_the_example_strategy_goes_on_when_its_push_is_held(joinquant, strategy):
    server = Scripted([(202, json.dumps(HELD).encode())])
    strategy.api.api_url = server.url
    strategy.module.push_every_morning(context(**{"000001.XSHE": (1000, 12.5)}))
    assert "等待批准（编号 12）" in joinquant.api.log.lines[-1] and "not pushed" not in joinquant.api.log.lines[-1]
    assert len(server.seen) == 1


def test_a_push_as_the_field_writes_it(client, server, joinquant):
    answer = client.update_positions("双均线", [held("000001.XSHE", 1000, 12.345678901234567), held("900001.XSHG", 5)])
    assert (answer["message"], answer["client_id"], answer["changed"]) == ("持仓更新成功", "jq", True)
    assert "warning" not in answer
    listed = server.get("/api/v1/positions/strategy/双均线").json()["positions"]
    assert listed == [
        {"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 12.345678901234567},
        {"code": "900001.XSHG", "name": "", "volume": 5, "cost": 10},
    ]
    # The same again is accepted, and names are asked for once.
    assert client.update_positions("双均线", [held("000001.XSHE", 1000, 12.345678901234567)])["changed"] is True
    assert client.update_positions("双均线", [held("000001.XSHE", 1000, 12.345678901234567)])["changed"] is False
    assert joinquant.api.asked == ["000001.XSHE", "900001.XSHG"]
    assert client.get_stock_name("000001.XSHE") == "平安银行"


def test_a_client_that_was_pickled_goes_on(client, joinquant):
    client.update_positions("alpha", [])
    again = pickle.loads(pickle.dumps(client))
    assert again.update_positions("alpha", [held("X", 1)])["changed"] is True
    # So does one that was made anew after a restart, with the sequence above the old one.
    fresh = joinquant.module.JQQMTAPI(api_url=client.api_url, client_id="jq")
    assert fresh.update_positions("alpha", [])["changed"] is True


def test_the_portfolio_in_one_line(client, server):
    live = context(**{"000001.XSHE": (1050, 12.5), "600000.XSHG": (0, 9.0), "510300.XSHG": (300, 3.9)})
    client.push_portfolio(live, "alpha", scale=0.5)
    volumes = {line["code"]: line["total_volume"] for line in server.total()["positions"]}
    assert volumes == {"000001.XSHE": 525, "510300.XSHG": 150}
    # JoinQuant goes on listing what was sold on the day.
    listed = server.get("/api/v1/positions/strategy/alpha").json()["positions"]
    assert [line["code"] for line in listed] == ["000001.XSHE", "510300.XSHG"]
    client.push_portfolio(context(), "alpha", allow_empty=True)
    assert server.total()["positions"] == []


def test_the_server_keeps_what_the_strategy_tells_beside_its_list(client, server):
    """Its equity, the price of each line, and when it was decided, on a clock that has no zone."""
    account = context(**{"000001.XSHE": (1000, 12.5, 13.25), "600000.XSHG": (200, 9.0)})
    account.portfolio.total_value = 1e6
    answer = client.push_portfolio(account, "alpha", scale=0.5)
    listed = server.get("/api/v1/positions/strategy/alpha").json()["positions"]
    assert [line["price"] for line in listed] == [13.25, 9]
    decided_at = server.get(f"/api/v1/revisions/{answer['revision']}").json()["decided_at"]
    beijing = datetime.timezone(datetime.timedelta(hours=8))
    assert datetime.datetime.fromisoformat(decided_at) == account.current_dt.replace(tzinfo=beijing)
    # Half of the account is pushed: what it is worth is half as well.
    requests.put(
        server.url + "/api/v1/accounts/main",
        json={"strategies": [{"name": "alpha", "scale": "0.1"}]},
        headers={"X-Internal-Password": PASSWORD},
        timeout=10,
    ).raise_for_status()
    (capital,) = server.get("/api/v1/accounts/main").json()["capital"]
    assert (capital["total_value"], capital["capital"]) == ("500000", 50_000)


@pytest.mark.parametrize("unknown", [None, 0, -1.0, float("nan"), float("inf"), 1e-9, 1e12, "-", object()])
def test_what_is_not_known_beside_the_list_is_left_out_and_stops_no_push(client, server, unknown):
    account = context(**{"000001.XSHE": (100, 12.5)})
    account.portfolio.total_value = account.portfolio.positions["000001.XSHE"].price = account.current_dt = unknown
    revision = client.push_portfolio(account, "alpha")["revision"]
    assert "decided_at" not in server.get(f"/api/v1/revisions/{revision}").json()
    (line,) = server.get("/api/v1/positions/strategy/alpha").json()["positions"]
    assert "price" not in line
    # Nor does what JoinQuant does not have at all.
    del account.current_dt, account.portfolio.total_value, account.portfolio.positions["000001.XSHE"].price
    assert client.push_portfolio(account, "alpha")["changed"] is False


def test_a_list_of_the_strategys_own_may_tell_the_same(alone):
    server = Scripted([(200, json.dumps(STORED).encode())])
    alone.api_url = server.url
    moment = datetime.datetime.now(datetime.UTC)
    position = {**held("000001.XSHE", 100), "price": 12.3456789}
    assert alone.update_positions("alpha", [position], total_value=2e5, decided_at=moment) == STORED
    sent = json.loads(server.seen[0][1])
    assert (sent["total_value"], sent["positions"][0]["price"]) == (200_000, 12.345679)
    assert datetime.datetime.fromisoformat(sent["decided_at"]) == moment and sent["decided_at"].endswith("+08:00")
    alone.update_positions("alpha", [held("000001.XSHE", 100)])
    sent = json.loads(server.seen[1][1])
    assert sent.keys() == {"strategy_name", "positions", "sequence"} and "price" not in sent["positions"][0]


@pytest.mark.parametrize(
    ("account", "scale"),
    [
        ({}, 1.0),
        ({"600000.XSHG": (0, 9.0)}, 1.0),
        # Lines of zero shares say the same.
        ({"600000.XSHG": (1, 9.0)}, 0.5),
        ({"600000.XSHG": (100, 9.0), "000001.XSHE": (200, 12.5)}, 0.0),
    ],
)
def test_an_empty_portfolio_is_pushed_only_by_who_means_it(joinquant, alone, account, scale):
    server = Scripted([(200, json.dumps(STORED).encode())])
    alone.api_url = server.url
    with pytest.raises(joinquant.module.JQQMTError, match="allow_empty=True"):
        alone.push_portfolio(context(**account), "alpha", scale=scale)
    assert server.seen == []
    assert alone.push_portfolio(context(**account), "alpha", scale=scale, allow_empty=True) == STORED
    assert [line["volume"] for line in json.loads(server.seen[0][1])["positions"] if line["volume"]] == []
    # Part of an account is no empty one, and a list that the strategy made itself is its own to answer for.
    assert alone.push_portfolio(context(A=(1, 1.0), B=(2, 1.0)), "alpha", scale=0.5) == STORED
    assert alone.update_positions("alpha", []) == STORED


@pytest.mark.parametrize("run_type", ["simple_backtest", "full_backtest"])
def test_a_backtest_never_pushes(client, server, joinquant, run_type):
    with pytest.raises(joinquant.module.JQQMTError, match="backtest"):
        client.push_portfolio(context(run_type, **{"000001.XSHE": (100, 1.0)}), "alpha", allow_empty=True)
    assert server.total()["update_time"] is None


def test_the_servers_own_words(client, joinquant):
    with pytest.raises(joinquant.module.JQQMTError, match="第 1 条持仓的 volume 无效") as raised:
        client.update_positions("alpha", [held("000001.XSHE", -1)])
    assert (raised.value.status, raised.value.code) == (400, "invalid_position")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "100", None, True])
def test_what_is_no_number_is_not_sent(client, server, joinquant, bad):
    with pytest.raises(joinquant.module.JQQMTError, match="no finite number"):
        client.update_positions("alpha", [held("000001.XSHE", bad)])
    assert server.total()["update_time"] is None


def test_an_api_key_instead_of_a_signature(joinquant, server):
    key = server.run("key", "add", "jq", "--scope", "write").stdout.split()[-1]
    api = joinquant.module.JQQMTAPI(api_url=server.url, use_crypto_auth=False, simple_api_key=key)
    assert api.update_positions("alpha", [])["auth_type"] == "simple"
    with pytest.raises(joinquant.module.JQQMTError, match="SIMPLE_API_KEY"):
        joinquant.module.JQQMTAPI(use_crypto_auth=False)


@pytest.mark.parametrize("failure", [429, 502, 503, 504, "drop"])
def test_what_passes_is_tried_again_with_a_new_token(joinquant, server, client, failure):
    flaky = Scripted([failure, failure, "pass"], upstream=server.url)
    client.api_url = flaky.url
    assert client.update_positions("alpha", [held("000001.XSHE", 100)])["changed"] is True
    assert len(flaky.seen) == 3
    tokens = [json.loads(base64.b64decode(headers["X-Auth-Token"])) for headers, _ in flaky.seen]
    # The signatures alone always differ: their salt does.
    assert len({token["auth_data"]["nonce"] for token in tokens}) == len({token["signature"] for token in tokens}) == 3
    assert len({body for _, body in flaky.seen}) == 1
    assert 0 < joinquant.clock.passed < client.max_seconds
    assert any("trying again" in line for line in joinquant.api.log.lines)


def test_a_push_whose_answer_was_lost_is_known_to_be_stored(server, client):
    flaky = Scripted(["store and drop", "pass"], upstream=server.url)
    client.api_url = flaky.url
    answer = client.update_positions("alpha", [held("000001.XSHE", 100)])
    # Asked once more under a new number, the server says what became of the list.
    assert flaky.stored == [200, 409, 200]
    assert (answer["message"], answer["changed"], answer["revision"]) == ("持仓更新成功", False, 1)
    assert server.total()["revision"] == 1
    # That does not count as another try.
    flaky = Scripted(["store and drop", "pass"], upstream=server.url)
    client.api_url, client.retries = flaky.url, 1
    assert client.update_positions("alpha", [])["revision"] == 2
    assert flaky.stored == [200, 409, 200]


REASONS = [
    {"rule": "shrinks", "text": "持仓减少 95%", "message": "95 % less", "value": "0.95", "limit": "0.8"},
    {"rule": "instruments", "text": "只数过多", "message": "too many", "value": "201", "limit": "200"},
]
HELD = {"message": "推送已收到，等待批准", "held": True, "hold": 12, "reasons": REASONS, "strategy_name": "alpha"}


def test_a_held_push_is_no_success_and_is_not_sent_again(joinquant, alone):
    server = Scripted([(202, json.dumps(HELD).encode())])
    alone.api_url = server.url
    with pytest.raises(joinquant.module.JQQMTError, match="alpha 的推送等待批准（编号 12），尚未生效") as raised:
        alone.update_positions("alpha", [])
    assert isinstance(raised.value, joinquant.module.PushHeld) and len(server.seen) == 1
    assert (raised.value.hold, raised.value.reasons, raised.value.status) == (12, REASONS, 202)
    assert raised.value.answer == HELD
    for words in ("持仓减少 95%", "95 % less", "shrinks: 0.95 / 0.8", "只数过多", server.url + "/holds"):
        assert words in str(raised.value)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (copy.hold, str(copy)) == (12, str(raised.value))
    assert joinquant.api.log.lines == []


@pytest.mark.parametrize("where", ["client", "call", "settings"])
def test_a_held_push_is_a_line_in_the_log_for_who_asked_for_that(joinquant, monkeypatch, where):
    server = Scripted([(202, json.dumps(HELD).encode())])
    if where == "settings":
        monkeypatch.setattr(sys.modules["jq_config"], "ON_HELD", "warn")
    on_held = {"on_held": "warn"}
    api = joinquant.module.JQQMTAPI(api_url=server.url, **(on_held if where == "client" else {}))
    account = context(**{"000001.XSHE": (100, 12.5)})
    assert api.push_portfolio(account, "alpha", **(on_held if where == "call" else {})) == HELD
    (line,) = joinquant.api.log.lines
    assert "等待批准（编号 12），尚未生效" in line and "持仓减少 95%" in line and len(server.seen) == 1
    # Whoever says otherwise for one push is heard.
    with pytest.raises(joinquant.module.PushHeld):
        api.update_positions("alpha", [], on_held="raise")


def test_what_is_to_become_of_a_held_push_is_known_before_it_is_sent(joinquant, alone):
    with pytest.raises(joinquant.module.JQQMTError, match="on_held"):
        joinquant.module.JQQMTAPI(on_held="ignore")
    server = Scripted([(202, json.dumps(HELD).encode())])
    alone.api_url = server.url
    with pytest.raises(joinquant.module.JQQMTError, match="on_held"):
        alone.update_positions("alpha", [], on_held="warning")
    assert server.seen == []


@pytest.mark.parametrize(
    "body",
    [
        {**STORED, "held": False},
        STORED,
        {"message": "accepted"},
        {**HELD, "hold": None},
        {**HELD, "held": "yes"},
        {},
    ],
)
def test_a_202_that_names_no_hold_is_no_answer(joinquant, alone, body):
    alone.api_url = Scripted([(202, json.dumps(body).encode())]).url
    with pytest.raises(joinquant.module.JQQMTError, match="without a jq2qmt answer") as raised:
        alone.update_positions("alpha", [], on_held="warn")
    assert type(raised.value) is joinquant.module.JQQMTError


@pytest.mark.parametrize("reasons", [None, "shrinks", [], [None, "x"], [{}], {"rule": "shrinks"}])
def test_a_held_push_is_held_whatever_its_reasons_look_like(joinquant, alone, reasons):
    alone.api_url = Scripted([(202, json.dumps({**HELD, "reasons": reasons}).encode())]).url
    with pytest.raises(joinquant.module.PushHeld, match="编号 12"):
        alone.update_positions("alpha", [])


def test_what_says_that_it_is_held_is_never_a_success(joinquant, alone):
    alone.api_url = Scripted([(200, json.dumps({**STORED, "held": True}).encode())]).url
    with pytest.raises(joinquant.module.PushHeld):
        alone.update_positions("alpha", [])
    # And what was refused is not held.
    alone.api_url = Scripted([(422, json.dumps(HELD).encode())]).url
    with pytest.raises(joinquant.module.JQQMTError) as raised:
        alone.update_positions("alpha", [], on_held="warn")
    assert type(raised.value) is joinquant.module.JQQMTError


def test_a_push_that_a_guard_rejects_is_not_sent_again(joinquant, alone):
    body = {"error": "推送被拒绝", "code": "guard", "message": "rejected", "reasons": REASONS}
    server = Scripted([(422, json.dumps(body).encode())])
    alone.api_url = server.url
    with pytest.raises(joinquant.module.JQQMTError, match=r"推送被拒绝.*持仓减少 95%.*只数过多") as raised:
        alone.update_positions("alpha", [], on_held="warn")
    assert (raised.value.status, raised.value.code, raised.value.reasons) == (422, "guard", REASONS)
    assert type(raised.value) is joinquant.module.JQQMTError and len(server.seen) == 1


def test_warnings_of_a_push_that_is_in_force_are_logged(joinquant, alone, monkeypatch, caplog):
    answer = {**STORED, "warnings": REASONS}
    alone.api_url = Scripted([(200, json.dumps(answer).encode())]).url
    assert alone.update_positions("alpha", []) == answer
    assert ["持仓减少 95% (95 % less) [shrinks: 0.95 / 0.8]" in line for line in joinquant.api.log.lines] == [
        True,
        False,
    ]
    assert "只数过多" in joinquant.api.log.lines[1] and "alpha" in joinquant.api.log.lines[1]
    # Outside of JoinQuant they go where a program's warnings go.
    monkeypatch.setattr(joinquant.module, "log", None)
    alone.update_positions("alpha", [])
    assert "持仓减少 95%" in caplog.text and len(joinquant.api.log.lines) == 2


def stale(body):
    """The server's word when this push was taken in before."""
    return 409, json.dumps({"error": "过期", "code": "stale_sequence", "last_sequence": body["sequence"]}).encode()


def test_a_held_push_whose_answer_was_lost_is_not_taken_for_a_success(joinquant, alone):
    server = Scripted(["drop", stale, (202, json.dumps(HELD).encode())])
    alone.api_url = server.url
    with pytest.raises(joinquant.module.PushHeld, match="编号 12"):
        alone.update_positions("alpha", [held("000001.XSHE", 100)])
    first, second, third = (json.loads(body) for _, body in server.seen)
    assert first == second and third.pop("sequence") > first.pop("sequence") and third == first
    # Where no answer ever comes, it is not known, and not for longer than a push may take.
    alone.api_url = Scripted(["drop", stale]).url
    with pytest.raises(joinquant.module.JQQMTError, match="不知是否生效"):
        alone.update_positions("alpha", [])
    assert joinquant.clock.passed <= 2 * alone.max_seconds
    # Another's newer push is no reason to push over it.
    for script in (["drop", (409, stale({"sequence": 1})[1])], [stale]):
        server = Scripted(script)
        alone.api_url = server.url
        with pytest.raises(joinquant.module.JQQMTError, match="过期"):
            alone.update_positions("alpha", [])
        assert len(server.seen) == len(script)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_what_is_refused_is_not_tried_again(joinquant, alone, status):
    refusing = Scripted([(status, error("stale_sequence"))])
    alone.api_url = refusing.url
    with pytest.raises(joinquant.module.JQQMTError, match="出错") as raised:
        alone.update_positions("alpha", [])
    assert raised.value.status == status and len(refusing.seen) == 1


def test_a_page_that_is_no_answer_is_no_acknowledgement(joinquant, alone):
    pages = [b"<html>ok</html>", b"[]", b'"message"', b'{"ok": true}', b"[" * 100_000, b"\xff", b""]
    # What a captive portal, a proxy or another program may well say; and a revision that is none.
    for revision in ({}, {"revision": None}, {"revision": "7"}, {"revision": True}):
        pages.append(json.dumps({**STORED, "revision": None, **revision}).encode())
    pages.append(json.dumps({name: value for name, value in STORED.items() if name != "revision"}).encode())
    for page in pages:
        portal = Scripted([(200, page)])
        alone.api_url = portal.url
        with pytest.raises(joinquant.module.JQQMTError, match="without a jq2qmt answer"):
            alone.update_positions("alpha", [])
        assert len(portal.seen) == 1
    # The same with a revision is one.
    alone.api_url = Scripted([(200, json.dumps(STORED).encode())]).url
    assert alone.update_positions("alpha", []) == STORED
    alone.api_url = Scripted([(201, json.dumps(STORED).encode())]).url
    with pytest.raises(joinquant.module.JQQMTError):
        alone.update_positions("alpha", [])


@pytest.mark.parametrize("failure", [503, "drop"])
def test_a_strategy_is_never_stalled(joinquant, alone, failure):
    alone.api_url = Scripted([failure]).url
    alone.max_seconds = 10.0
    with pytest.raises(joinquant.module.JQQMTError):
        alone.update_positions("alpha", [])
    assert joinquant.clock.passed <= 10.0


@pytest.mark.parametrize("at_once", [0, 17, 45])
def test_a_server_that_drips_does_not_outlast_the_deadline(joinquant, alone, at_once):
    """Status line, headers and body may each come byte by byte."""
    drip = Drip(raw(json.dumps(STORED).encode()))
    drip.at_once = at_once
    server = Scripted([drip])
    alone.api_url, alone.max_seconds = server.url, 2.0
    before = time.monotonic()
    with pytest.raises(joinquant.module.JQQMTError, match="no whole answer"):
        alone.update_positions("alpha", [])
    assert time.monotonic() - before < 3.0
    # One attempt may take less than the whole, so that a second finds the server well again.
    server.script, alone.max_seconds, alone.timeout = [drip, (200, json.dumps(STORED).encode())], 10.0, 0.5
    assert alone.update_positions("alpha", []) == STORED
    server.over.set()


def test_a_server_that_takes_nothing_in_does_not_outlast_the_deadline(joinquant, alone):
    listening = socket.create_server(("127.0.0.1", 0))
    alone.api_url, alone.max_seconds = f"http://127.0.0.1:{listening.getsockname()[1]}", 1.0
    before = time.monotonic()
    with pytest.raises(joinquant.module.JQQMTError, match="cannot be reached"):
        alone.update_positions("alpha", [])
    assert time.monotonic() - before < 2.5
    listening.close()


def test_a_clock_that_is_set_does_not_move_the_deadline(joinquant, alone, monkeypatch):
    """A second of waiting, in which the wall clock goes back by an hour."""
    clock, sleep = joinquant.module.time, joinquant.module.time.sleep
    wall, back = clock.time, types.SimpleNamespace(by=0.0)
    monkeypatch.setattr(clock, "time", lambda: wall() - back.by)

    def set_back(seconds):
        sleep(seconds)
        back.by += 3600

    monkeypatch.setattr(clock, "sleep", set_back)
    refusing = Scripted([503])
    alone.api_url = refusing.url
    with pytest.raises(joinquant.module.JQQMTError):
        alone.update_positions("alpha", [])
    assert joinquant.clock.passed <= alone.max_seconds and len(refusing.seen) < 10


def test_an_answer_without_end_is_not_kept(joinquant, alone):
    endless = Scripted([raw(b"x" * (8 << 20))])
    alone.api_url = endless.url
    with pytest.raises(joinquant.module.JQQMTError, match="longer than any"):
        alone.update_positions("alpha", [])
    assert len(endless.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(joinquant, alone, status):
    stranger = Scripted([(200, json.dumps(STORED).encode())])
    moved = Scripted([(status, json.dumps(STORED).encode(), {"Location": stranger.url + "/login"})])
    alone.api_url = moved.url
    with pytest.raises(joinquant.module.JQQMTError, match="redirected to http://") as raised:
        alone.update_positions("alpha", [])
    assert (raised.value.status, len(moved.seen), stranger.seen) == (status, 1, [])


@pytest.mark.parametrize(
    "settings",
    [
        {"api_url": "nowhere"},
        {"api_url": "ftp://127.0.0.1"},
        {"api_url": "http://"},
        {"api_url": "http://127.0.0.1:99999"},
        {"api_url": "http://%s.invalid" % ("a" * 80)},
        {"api_url": "https://127.0.0.1:1"},
        {"api_url": 5366},
        {"private_key_file": "missing.pem"},
        {"private_key_file": "garbage.pem"},
        {"private_key_file": "curve.pem"},
        {"use_crypto_auth": False, "simple_api_key": "a\nb"},
        {"use_crypto_auth": False, "simple_api_key": "密钥"},
        {"use_crypto_auth": False, "simple_api_key": 7},
    ],
)
def test_every_wrong_setting_is_a_jqqmt_error(joinquant, settings):
    joinquant.api.files.update(
        {"garbage.pem": b"-----BEGIN", "curve.pem": private_pem(ec.generate_private_key(ec.SECP256R1()))}
    )
    with pytest.raises(joinquant.module.JQQMTError) as raised:
        joinquant.module.JQQMTAPI(**{"api_url": "http://127.0.0.1:1", **settings}).update_positions("alpha", [])
    assert str(raised.value).strip(": ")
    if "private_key_file" in settings and settings["private_key_file"] != "curve.pem":
        assert settings["private_key_file"] in str(raised.value)


@pytest.mark.parametrize(
    "positions",
    [
        None,
        7,
        [None],
        ["000001.XSHE"],
        [{"volume": 1, "cost": 1.0}],
        [{"code": "X", "cost": 1.0}],
        [{**held("X", 1), "remark": object()}],
        [held("\ud800", 1)],
        [held("X", 10**400)],
    ],
)
def test_every_wrong_list_is_a_jqqmt_error(joinquant, alone, positions):
    server = Scripted([(200, json.dumps(STORED).encode())])
    alone.api_url = server.url
    with pytest.raises(joinquant.module.JQQMTError):
        alone.update_positions("alpha", positions)
    assert server.seen == []


@pytest.mark.parametrize("scale", ["half", None, float("nan"), float("inf")])
def test_every_wrong_scale_is_a_jqqmt_error(joinquant, alone, scale):
    server = Scripted([(200, json.dumps(STORED).encode())])
    alone.api_url = server.url
    for account in (context(**{"000001.XSHE": (100, 1.0)}), types.SimpleNamespace()):
        with pytest.raises(joinquant.module.JQQMTError):
            alone.push_portfolio(account, "alpha", scale=scale)
    assert server.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        raw(json.dumps(STORED).encode())[:-9],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        raw(b"no gzip", b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n"),
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
)
def test_every_broken_answer_is_a_jqqmt_error(joinquant, alone, answer):
    alone.api_url = Scripted([answer]).url
    with pytest.raises(joinquant.module.JQQMTError):
        alone.update_positions("alpha", [])


def with_tls(server, folder):
    """The same server behind TLS, with the certificate that lies in a folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{server.server_port}"


@pytest.fixture
def signed_by_itself(joinquant, tmp_path):
    """A server whose certificate nobody signed, and the folder that it lies in. A research folder holds that one as
    ca.pem, and another server's as other.pem."""
    (tmp_path / "other").mkdir()
    certificate(tmp_path / "other", "other")
    certificate(tmp_path, "ours")
    joinquant.api.files["other.pem"] = (tmp_path / "other/cert.pem").read_bytes()
    joinquant.api.files["ca.pem"] = (tmp_path / "cert.pem").read_bytes()
    server = Scripted([(200, json.dumps(STORED).encode())])
    server.tls_url = with_tls(server, tmp_path)
    return server


def test_a_certificate_that_signed_itself_is_trusted_when_it_is_named(
    joinquant, signed_by_itself, monkeypatch, tmp_path
):
    def push(**settings):
        api = joinquant.module.JQQMTAPI(**{"api_url": signed_by_itself.tls_url, "retries": 0, **settings})
        return pickle.loads(pickle.dumps(api)).update_positions("alpha", [])

    assert push(ca_file="ca.pem") == STORED
    # As text, as some of JoinQuant's versions give it; and from the settings.
    joinquant.api.files["text.pem"] = joinquant.api.files["ca.pem"].decode()
    monkeypatch.setattr(sys.modules["jq_config"], "CA_FILE", "text.pem")
    assert push() == STORED
    monkeypatch.setattr(sys.modules["jq_config"], "CA_FILE", None)
    assert len(signed_by_itself.seen) == 2
    with pytest.raises(joinquant.module.JQQMTError, match="CERTIFICATE_VERIFY_FAILED"):
        push()
    # It is the only one that is trusted: what the machine trusts does not count beside it.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    assert push() == STORED
    with pytest.raises(joinquant.module.JQQMTError, match="CERTIFICATE_VERIFY_FAILED"):
        push(ca_file="other.pem")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "cert.pem"))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(joinquant.module.JQQMTError, match="CERTIFICATE_VERIFY_FAILED"):
        push(ca_file="other.pem")
    # And only for the address that it names.
    with pytest.raises(joinquant.module.JQQMTError, match=r"(?i)hostname"):
        push(ca_file="ca.pem", api_url=signed_by_itself.tls_url.replace("127.0.0.1", "localhost"))
    assert len(signed_by_itself.seen) == 3
    for name in ("missing.pem", "jq_private.pem"):
        with pytest.raises(joinquant.module.JQQMTError, match=f"no certificate in {name}"):
            push(ca_file=name)


def test_reading_trusts_only_that_certificate_as_well(joinquant, signed_by_itself):
    for ca_file, expected in (("ca.pem", contextlib.nullcontext()), ("other.pem", pytest.raises(Exception))):
        api = joinquant.module.JQQMTAPI(api_url=signed_by_itself.tls_url, ca_file=ca_file)
        with expected as raised:
            assert api.read("/api/v1/positions/total") == STORED
    assert raised.type is joinquant.module.JQQMTError and "CERTIFICATE_VERIFY_FAILED" in str(raised.value)


def test_a_client_of_an_older_version_goes_on(alone):
    """JoinQuant keeps the client's data where a strategy's code is replaced, without what came to be since."""
    alone.api_url = Scripted([(200, json.dumps(STORED).encode())]).url
    old = {"api_url", "client_id", "use_crypto_auth", "simple_api_key", "private_key_file", "max_seconds", "timeout"}
    old |= {"retries", "_key", "_names", "_sequence"}
    for name in set(vars(alone)) - old:
        delattr(alone, name)
    assert pickle.loads(pickle.dumps(alone)).push_portfolio(context(X=(100, 1.0)), "alpha") == STORED


def test_through_a_proxy_only_that_certificate_is_trusted_as_well(joinquant, signed_by_itself, monkeypatch):
    """A proxy that hands bytes on, as requests finds it in the environment."""

    class Tunnel(socketserver.StreamRequestHandler):
        def handle(self):
            asked = self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            host, port = asked.split()[1].decode().split(":")
            tunnelled.append(host)
            with socket.create_connection((host, int(port))) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(target=hand_on, args=(there, self.connection), daemon=True).start()
                hand_on(self.connection, there)

    def hand_on(one, other):
        with contextlib.suppress(OSError):
            while piece := one.recv(65536):
                other.sendall(piece)

    tunnelled = []
    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    api = joinquant.module.JQQMTAPI(api_url=signed_by_itself.tls_url, ca_file="ca.pem", retries=0)
    assert api.update_positions("alpha", []) == STORED
    api = joinquant.module.JQQMTAPI(api_url=signed_by_itself.tls_url, ca_file="other.pem", retries=0)
    with pytest.raises(joinquant.module.JQQMTError, match="CERTIFICATE_VERIFY_FAILED"):
        api.update_positions("alpha", [])
    assert tunnelled == ["127.0.0.1", "127.0.0.1"]
    proxy.shutdown()
