"""Strategies on JoinQuant, the server, and a QMT terminal, over several days."""

import concurrent.futures
import importlib
import shutil
import sys
import types

import pytest
from conftest import INTERNAL, PASSWORD, ROOT, held, public_pem
from fake_joinquant import context
from fake_qmt import BigQMT, FakeQMT, MiniQMT, fake_datetime
from test_qmt_trading import SCRIPT, SETTINGS

MAIN, CHINEXT, STAR, ETF, BOND = "600000.SH", "300750.SZ", "688001.SH", "510300.SH", "113001.SH"
PRICES = {MAIN: 10.0, CHINEXT: 200.0, STAR: 50.0, ETF: 4.0, BOND: 120.0, "000001.SZ": 12.0}


@pytest.fixture
def fake():
    fake = FakeQMT(cash=2_000_000.0, start="2026-01-05 09:29:30")
    for code, price in PRICES.items():
        fake.list(code, price)
    fake.instruments[BOND].same_day = True
    return fake


class Chain:
    """Both ends and the server between them."""

    def __init__(self, server, fake, joinquant):
        self.server, self.fake, self.joinquant = server, fake, joinquant
        self.script = self.start_script()

    def start_script(self, **settings):
        self.fake.timers.clear()
        self.script = BigQMT(self.fake, SCRIPT, **{**SETTINGS, "SERVER": self.server.url, **settings})
        return self.script

    def strategy(self, name, **holdings):
        """What a strategy's account holds on JoinQuant, pushed as the strategy pushes it."""
        api = self.joinquant.module.JQQMTAPI(api_url=self.server.url, client_id="jq")
        account = context(**{code: (volume, 10.0) for code, volume in holdings.items()})
        return api.push_portfolio(account, name, allow_empty=True)

    def adjust(self, *positions):
        body = {"strategy_name": "ADJUSTMENT_MAIN", "positions": list(positions)}
        answer = self.server.post(INTERNAL, body, X_Internal_Password=PASSWORD)
        assert answer.status_code == 200, answer.text

    def restart_server(self, empty=False):
        """At the same address, as a service does it."""
        self.server.kill()
        if empty:
            shutil.rmtree(self.server.folder / "data")
        self.server.start()

    def trade(self, seconds=180):
        self.fake.advance(seconds)
        return self.fake.volumes()

    def next_day(self):
        self.fake.next_day("09:29")
        self.fake.advance(60)


@pytest.fixture
def chain(server, fake, joinquant, quick_key):
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    server.listen = server.url.removeprefix("http://")
    yield Chain(server, fake, joinquant)
    assert fake.refusals == []


def test_several_days(chain, fake):
    # Monday: two strategies buy; what they hold in common is one line.
    chain.strategy("alpha", **{"600000.XSHG": 1000, "688001.XSHG": 233})
    chain.strategy("beta", **{"600000.XSHG": 550, "510300.XSHG": 10_000, "113001.XSHG": 55})
    # 1550 shares are 1500 in lots, 55 bonds are 50.
    monday = {BOND: 50, ETF: 10_000, MAIN: 1500, STAR: 233}
    assert chain.trade() == monday
    assert "600000.SH 目标 1550，持有 1500：应买 50 股，不足主板的交易单位" in chain.script.output
    # Alpha sells on the same day: only the bond of beta may go at once.
    chain.strategy("alpha", **{"600000.XSHG": 1000})
    chain.strategy("beta", **{"600000.XSHG": 550, "510300.XSHG": 10_000})
    assert chain.trade() == {ETF: 10_000, MAIN: 1500, STAR: 233}

    # Tuesday: the rest is sold. A limit-up stock and a suspended one wait.
    chain.next_day()
    assert chain.trade() == {ETF: 10_000, MAIN: 1500}
    fake.limit_up(CHINEXT)
    fake.instruments["000001.SZ"].suspended = True
    chain.strategy("gamma", **{"300750.XSHE": 500, "000001.XSHE": 800})
    assert chain.trade() == {ETF: 10_000, MAIN: 1500}
    assert "300750.SZ 目标 500，持有 0：涨停或无卖盘，无法买入" in chain.script.output
    assert "000001.SZ 目标 800，持有 0：停牌" in chain.script.output

    # Wednesday: both trade again; the operator takes 300 shares away and adds some of another.
    fake.instruments["000001.SZ"].suspended = False
    fake.instruments[CHINEXT].price = 210.0
    chain.next_day()
    assert chain.trade() == {"000001.SZ": 800, CHINEXT: 500, ETF: 10_000, MAIN: 1500}
    chain.adjust(held("600000.SH", -350), held("159915.SZ", 0), held("510300.SH", 2000, 4.0))
    wednesday = {"000001.SZ": 800, CHINEXT: 500, ETF: 12_000, MAIN: 1200}
    assert chain.trade() == wednesday
    # The server is killed and comes back with everything it answered for.
    chain.restart_server()
    assert chain.trade() == wednesday
    # A strategy that holds nothing any more says so, and only its part is sold.
    fake.next_day("09:29")
    chain.strategy("gamma")
    assert chain.trade(240) == {ETF: 12_000, MAIN: 1200}
    assert server_total(chain.server) == {ETF: 12_000, MAIN: 1200}


def server_total(server):
    answer = server.total(code_format="qmt")
    return {line["code"]: line["total_volume"] for line in answer["positions"]}


@pytest.fixture
def settled(chain):
    """An account that stands at its targets, on the day after."""
    chain.strategy("alpha", **{"600000.XSHG": 1000, "510300.XSHG": 3000})
    assert chain.trade() == {ETF: 3000, MAIN: 1000}
    chain.next_day()
    return chain


def nothing_traded(chain, seconds, words):
    before, volumes = len(chain.fake.placed), chain.fake.volumes()
    assert chain.trade(seconds) == volumes
    assert len(chain.fake.placed) == before
    assert words in chain.script.output


def test_a_server_that_is_gone_for_an_hour(settled):
    settled.server.kill()
    nothing_traded(settled, 3600, "连接服务器失败")
    settled.server.start()
    settled.strategy("alpha", **{"600000.XSHG": 400})
    assert settled.trade() == {MAIN: 400}


def test_an_empty_database(settled):
    settled.restart_server(empty=True)
    nothing_traded(settled, 600, "还没有任何策略推送过持仓")
    # Not even a script that was started anew sells.
    settled.start_script()
    nothing_traded(settled, 600, "还没有任何策略推送过持仓")


def test_an_older_database(settled):
    """A backup that knows less than the script has seen."""
    copy = settled.server.folder / "copy"
    settled.server.stop()
    shutil.copytree(settled.server.folder / "data", copy)
    settled.server.start()
    settled.strategy("alpha", **{"600000.XSHG": 2000, "510300.XSHG": 3000})
    assert settled.trade() == {ETF: 3000, MAIN: 2000}
    settled.server.stop()
    shutil.rmtree(settled.server.folder / "data")
    shutil.move(copy, settled.server.folder / "data")
    settled.server.start()
    nothing_traded(settled, 600, "从 2 退回到 1")


def test_a_mistyped_strategy_name(settled):
    settled.start_script(STRATEGIES=["alhpa"])
    nothing_traded(settled, 600, "服务器应答 404，策略不存在")
    settled.start_script(STRATEGIES=["alpha"])
    assert settled.trade() == {ETF: 3000, MAIN: 1000}


def test_a_password_where_a_reader_needs_a_key(settled):
    settled.server.stop()
    settled.server.options = ("--reads", "key")
    settled.server.start()
    nothing_traded(settled, 300, "服务器应答 401")
    settled.start_script(API_KEY=settled.server.run("key", "add", "qmt", "--scope", "read").stdout.split()[-1])
    settled.strategy("alpha", **{"600000.XSHG": 500})
    assert settled.trade() == {MAIN: 500}


def test_twenty_strategies_in_the_same_second(chain):
    names = [f"strategy-{n}" for n in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda name: chain.strategy(name, **{"600000.XSHG": 100, "510300.XSHG": 200}), names))
    assert len({answer["revision"] for answer in answers}) == 20
    assert chain.trade() == {ETF: 4000, MAIN: 2000}


def test_pushes_while_the_terminal_trades(chain, fake):
    """Targets that move between two looks, orders that fill in parts: the last word counts."""
    fake.fill = lambda order: max(10, order.rest // 30 * 10)
    fake.lag = dict.fromkeys(fake.lag, 4.0)
    for volume in (1000, 300, 2500, 0, 1800):
        chain.strategy("alpha", **{"600000.XSHG": volume, "113001.XSHG": volume // 10})
        fake.advance(17)
    assert chain.trade(900)[MAIN] >= 1800
    chain.next_day()
    assert chain.trade(300) == {BOND: 180, MAIN: 1800}


class Clock(types.SimpleNamespace):
    """In place of the event that miniQMT's loop waits on: time passes on the fake's clock, for a while."""

    def wait(self, seconds):
        if self.left <= 0:
            return True
        self.left -= seconds
        self.fake.advance(seconds)
        self.each()
        return False


@pytest.fixture
def mini(chain, fake, monkeypatch):
    """miniqmt_sync.py as it is started, over a fake xtquant."""
    fake.timers.clear()
    terminal = MiniQMT(fake)
    terminal.install(monkeypatch)
    monkeypatch.syspath_prepend(str(ROOT / "examples/qmt"))
    monkeypatch.delitem(sys.modules, "miniqmt_sync", raising=False)
    module = importlib.import_module("miniqmt_sync")
    for name, value in {**SETTINGS, "SERVER": chain.server.url}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(importlib.import_module("jq2qmt_sync.rules"), "datetime", fake_datetime(fake))
    terminal.module = module
    terminal.run = lambda seconds, each=lambda: None: module.main(Clock(fake=fake, left=seconds, each=each))
    return terminal


def test_mini_qmt_with_the_same_engine(chain, mini, fake, capsys):
    chain.strategy("alpha", **{"600000.XSHG": 1000, "688001.XSHG": 233})
    mini.run(120)
    assert fake.volumes() == {MAIN: 1000, STAR: 233}
    fake.next_day("09:31")
    fake.fill = lambda order: 0 if order.number == 3 else order.rest
    chain.strategy("alpha", **{"688001.XSHG": 233})
    mini.run(180)
    assert fake.volumes() == {STAR: 233}
    assert "撤单 3：卖出 600000.SH 1000 股" in capsys.readouterr().out


def test_mini_qmt_tells_what_was_traded(chain, mini, fake):
    chain.strategy("alpha", **{"600000.XSHG": 1000})
    mini.run(120)
    terminal = mini.module.MiniQMT()
    assert terminal.connect()
    [fill] = terminal.fills()
    assert (fill.code, fill.side, fill.volume, fill.price) == (MAIN, "buy", 1000, 10.01)
    assert fill.order == terminal.orders()[0].id and fill.at.replace(tzinfo=None) == fake.deals[0].at
    assert terminal.account().total == pytest.approx(2_000_000, abs=20)


def test_mini_qmt_says_what_is_wrong_with_its_settings(mini, monkeypatch):
    monkeypatch.setattr(mini.module, "SERVER", "127.0.0.1:5366")
    with pytest.raises(SystemExit, match="SERVER 必须以 http"):
        mini.run(10)


def test_mini_qmt_that_loses_its_terminal(chain, mini, fake, capsys):
    chain.strategy("alpha", **{"600000.XSHG": 1000})
    moments = iter([True] * 2 + [False] * 6)

    def each():
        mini.connected = next(moments, True)

    mini.run(900, each)
    assert fake.volumes() == {MAIN: 1000}
    assert len(mini.traders) > 1 and len(fake.placed) == 1
    # Ever more seldom.
    said = capsys.readouterr().out
    assert [f"无法连接 miniQMT，{n} 秒后重试" in said for n in (5, 10, 20, 40, 80, 120, 160)] == [False] + [
        True
    ] * 5 + [False]
