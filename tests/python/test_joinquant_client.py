"""The JoinQuant client: against the real server, and against one that fails in every way a network does."""

import base64
import http.server
import importlib
import json
import pickle
import sys
import threading
import types

import pytest
import requests
from conftest import held, public_pem
from fake_joinquant import JOINQUANT, context


@pytest.fixture
def client(joinquant, server, quick_key):
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    return joinquant.module.JQQMTAPI(api_url=server.url + "/", client_id="jq")


class Scripted(http.server.ThreadingHTTPServer):
    """A server that answers from a script: a status, or what to do to the connection."""

    def __init__(self, script, upstream=None):
        self.script, self.upstream, self.seen, self.stored = list(script), upstream, [], []
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class ScriptedHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        step = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        if step == "drop":
            self.close_connection = True
            return
        if step in ("store and drop", "pass"):
            answer = requests.post(self.server.upstream + self.path, data=body, headers=dict(self.headers), timeout=10)
            self.server.stored.append(answer.status_code)
            if step == "store and drop":
                self.close_connection = True
                return
            self.reply(answer.status_code, answer.content)
            return
        status, content = step if isinstance(step, tuple) else (step, b"<html>a proxy</html>")
        self.reply(status, content)

    def reply(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def error(code, text="出错"):
    return json.dumps({"error": text, "code": code, "message": "wrong"}).encode()


def test_the_example_strategy_runs_as_it_is(joinquant, client, server, monkeypatch):
    """Under JoinQuant's own names: what is scheduled is called, and what it holds arrives."""
    jqdata, scheduled, ordered = types.ModuleType("jqdata"), [], []
    jqdata.set_benchmark = lambda *_: None
    jqdata.run_daily = lambda function, time: scheduled.append((time, function))
    jqdata.order_target_value = lambda code, *_: ordered.append(code)
    joinquant.api.g = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "jqdata", jqdata)
    monkeypatch.syspath_prepend(str(JOINQUANT))
    monkeypatch.delitem(sys.modules, "example_strategy", raising=False)
    strategy = importlib.import_module("example_strategy")
    account = context(**{"000001.XSHE": (1000, 12.5)})
    account.portfolio.total_value = 1e6
    strategy.initialize(account)
    strategy.process_initialize(account)
    joinquant.api.g.jq2qmt.api_url, joinquant.api.g.jq2qmt.client_id = client.api_url, client.client_id
    for _, function in sorted(scheduled, key=lambda entry: entry[0]):
        function(account)
    assert ordered == strategy.STOCKS
    assert server.total(strategies="example")["positions"][0]["total_volume"] == 1000
    # A push that fails is logged, and the strategy goes on.
    joinquant.api.g.jq2qmt.api_url = Scripted([(403, error("strategy_forbidden", "无权"))]).url
    strategy.push(account)
    assert "not pushed: 无权" in joinquant.api.log.lines[-1]


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
    client.push_portfolio(context(), "alpha")
    assert server.total()["positions"] == []


@pytest.mark.parametrize("run_type", ["simple_backtest", "full_backtest"])
def test_a_backtest_never_pushes(client, server, joinquant, run_type):
    with pytest.raises(joinquant.module.JQQMTError, match="backtest"):
        client.push_portfolio(context(run_type, **{"000001.XSHE": (100, 1.0)}), "alpha")
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
    assert flaky.stored == [200, 409]
    assert answer["message"] == "持仓更新成功"
    assert server.total()["revision"] == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_what_is_refused_is_not_tried_again(joinquant, client, status):
    refusing = Scripted([(status, error("stale_sequence"))])
    client.api_url = refusing.url
    with pytest.raises(joinquant.module.JQQMTError, match="出错") as raised:
        client.update_positions("alpha", [])
    assert raised.value.status == status and len(refusing.seen) == 1


def test_a_page_that_is_no_answer_is_no_acknowledgement(joinquant, client):
    for page in (b"<html>ok</html>", b"[]", b'"message"', b'{"ok": true}'):
        portal = Scripted([(200, page)])
        client.api_url = portal.url
        with pytest.raises(joinquant.module.JQQMTError, match="without a jq2qmt answer"):
            client.update_positions("alpha", [])


@pytest.mark.parametrize("failure", [503, "drop"])
def test_a_strategy_is_never_stalled(joinquant, client, failure):
    client.api_url = Scripted([failure]).url
    client.max_seconds = 10.0
    with pytest.raises(joinquant.module.JQQMTError):
        client.update_positions("alpha", [])
    assert joinquant.clock.passed <= 10.0
