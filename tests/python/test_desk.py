"""Three strategies, two accounts at their scales, and a terminal that knows only the old total, end to end."""

import time

import pytest
import requests
from conftest import PASSWORD, TOTAL, UPDATE, held, public_pem, sign
from fake_joinquant import context
from fake_qmt import BigQMT, FakeQMT
from test_qmt_trading import SCRIPT, SETTINGS

MAIN, STAR, ETF = "600000.SH", "688001.SH", "510300.SH"
ACCOUNTS = {"main": "1", "small": "0.37"}


@pytest.fixture
def fake():
    fake = FakeQMT(cash=2_000_000.0, start="2026-01-05 09:29:30")
    for code, price in {MAIN: 10.0, STAR: 50.0, ETF: 4.0}.items():
        fake.list(code, price)
    return fake


class Desk:
    """The operator, the strategies on JoinQuant, and the terminal of the account "small"."""

    def __init__(self, server, fake, joinquant, **settings):
        self.server, self.fake, self.joinquant = server, fake, joinquant
        for account in ACCOUNTS:
            self.set_account(account)
        self.keys = {
            account: server.run("key", "add", f"qmt-{account}", "--account", account).stdout.split()[-1]
            for account in ACCOUNTS
        }
        self.settings = {**SETTINGS, "SERVER": server.url, "API_KEY": self.keys["small"], **settings}
        self.script = BigQMT(fake, SCRIPT, **self.settings)

    def operate(self, method, path, body=None):
        answer = requests.request(
            method, self.server.url + path, json=body, headers={"X-Internal-Password": PASSWORD}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def set_account(self, account, **settings):
        follows = [{"name": name, "scale": ACCOUNTS[account]} for name in ("alpha", "beta", "gamma")]
        self.operate("PUT", f"/api/v1/accounts/{account}", {"strategies": follows, "adjustments": "all", **settings})

    def strategy(self, name, **holdings):
        """What a strategy's account holds on JoinQuant, pushed as the strategy does it. A push that waits may look like
        any answer, or like an error: what counts is what the server says afterwards."""
        api = self.joinquant.module.JQQMTAPI(api_url=self.server.url, client_id="jq")
        try:
            api.push_portfolio(context(**{code: (volume, 10.0) for code, volume in holdings.items()}), name)
        except self.joinquant.module.JQQMTError as error:
            assert error.status == 202, error

    def everybody(self):
        self.strategy("alpha", **{"600000.XSHG": 1000})
        self.strategy("beta", **{"600000.XSHG": 500, "688001.XSHG": 233})
        self.strategy("gamma", **{"510300.XSHG": 10_000})

    def target(self, account):
        """Wanted exactly, and to be held, by code."""
        answer = self.server.get(f"/api/v1/accounts/{account}/target?code_format=qmt")
        assert answer.status_code == 200, answer.text
        assert all(line["hold"] is None for line in answer.json()["lines"])
        return {line["code"]: (line["exact"], line["volume"]) for line in answer.json()["lines"]}

    def holds(self):
        return self.server.get("/api/v1/holds").json()["holds"]

    def guard(self):
        grows = {"strategies": "*", "rules": {"grows": {"over": 3, "then": "hold"}}}
        self.operate("PUT", "/api/v1/guards", [grows])

    def state(self, name, state, **fields):
        return self.operate("POST", f"/api/v1/strategies/{name}/state", {"state": state, **fields})

    def trade(self, seconds=180):
        self.fake.advance(seconds)
        return self.fake.volumes()

    def next_day(self):
        self.fake.next_day("09:29")
        return self.trade(240)

    def nothing_traded(self, words=None, seconds=300):
        before, volumes, said = len(self.fake.placed), self.fake.volumes(), len(self.script.lines)
        assert self.trade(seconds) == volumes
        assert len(self.fake.placed) == before
        assert words is None or words in "\n".join(self.script.lines[said:])


@pytest.fixture
def desk(server, fake, joinquant, quick_key):
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    server.listen = server.url.removeprefix("http://")
    yield Desk(server, fake, joinquant)
    assert fake.refusals == []
    assert server.run("verify").stdout.startswith("unbroken: ")


@pytest.fixture
def settled(desk):
    """The account stands at its targets, on the day after."""
    desk.everybody()
    assert desk.trade() == {ETF: 3700, MAIN: 600}
    assert desk.next_day() == {ETF: 3700, MAIN: 600}
    return desk


def test_two_accounts_at_their_scales(desk):
    desk.everybody()
    assert desk.target("main") == {MAIN: ("1500", 1500), STAR: ("233", 233), ETF: ("10000", 10000)}
    # 555 shares are nearer to 6 lots than to 5; of 86 shares the smallest order of 200 is too far away.
    assert desk.target("small") == {MAIN: ("555", 600), STAR: ("86.21", 0), ETF: ("3700", 3700)}
    assert desk.trade() == {ETF: 3700, MAIN: 600}
    assert desk.server.total()["positions"][0]["total_volume"] == 1500, "without a key it is the total as ever"


def test_a_key_in_the_address_is_bound_to_its_account(desk):
    desk.everybody()
    for account, volume in {"main": 1500, "small": 600}.items():
        address = desk.server.url.replace("http://", f"http://qmt:{desk.keys[account]}@")
        total = requests.get(address + TOTAL, timeout=10).json()
        assert total["positions"][0]["total_volume"] == volume
        other = next(name for name in ACCOUNTS if name != account)
        for path in (f"/api/v1/accounts/{other}/target", "/api/v1/positions/all", "/api/v1/accounts", "/api/v1/holds"):
            assert requests.get(address + path, timeout=10).status_code == 403, path


def test_what_is_the_owners_own_is_not_sold(desk, fake):
    """Also where no strategy ever wanted it: this terminal sells whatever the server does not name."""
    fake.hold(STAR, 300)
    fake.hold(MAIN, 100)
    desk.set_account("small", protected=[{"code": STAR, "volume": 300}, {"code": MAIN, "volume": 100}])
    desk.strategy("alpha", **{"600000.XSHG": 1000})
    desk.strategy("beta", **{"600000.XSHG": 500})
    desk.strategy("gamma", **{"510300.XSHG": 10_000})
    assert desk.trade() == {ETF: 3700, MAIN: 700, STAR: 300}
    # A terminal that leaves alone what is not named hears nothing of it.
    assert set(desk.target("small")) == {ETF, MAIN}


def test_a_new_server_sells_nothing(desk, fake):
    """Only one of three strategies has pushed: of the others' holdings nothing is known."""
    fake.hold(MAIN, 600)
    fake.hold(ETF, 3700)
    desk.nothing_traded("服务器应答 503")
    desk.strategy("alpha", **{"600000.XSHG": 1000})
    refused = desk.server.get(TOTAL, headers={"X-API-Key": desk.keys["small"]})
    assert (refused.status_code, refused.json()["code"]) == (503, "incomplete")
    assert "beta" in refused.text and "gamma" in refused.text and "alpha" not in refused.json()["message"]
    desk.nothing_traded("服务器应答 503", 3600)
    desk.strategy("beta", **{"600000.XSHG": 500})
    desk.nothing_traded("服务器应答 503")
    # The last of them speaks.
    desk.strategy("gamma", **{"510300.XSHG": 5000})
    fake.next_day("09:29")
    assert desk.trade(240) == {ETF: 1900, MAIN: 600}


def test_a_wrong_push_waits_and_is_discarded(settled):
    settled.guard()
    settled.strategy("alpha", **{"600000.XSHG": 10_000})
    [hold] = settled.holds()
    assert (hold["strategy_name"], hold["reasons"][0]["rule"]) == ("alpha", "grows")
    settled.nothing_traded()
    settled.operate("POST", f"/api/v1/holds/{hold['hold']}/discard")
    assert settled.holds() == [] and settled.target("small")[MAIN] == ("555", 600)
    settled.nothing_traded()
    # What comes next is in force.
    settled.strategy("alpha", **{"600000.XSHG": 2000})
    assert settled.trade() == {ETF: 3700, MAIN: 900}


def test_a_push_that_waits_is_approved(settled):
    settled.guard()
    settled.strategy("alpha", **{"600000.XSHG": 10_000})
    [hold] = settled.holds()
    settled.nothing_traded()
    settled.operate("POST", f"/api/v1/holds/{hold['hold']}/approve")
    assert settled.holds() == [] and settled.target("main")[MAIN] == ("10500", 10500)
    assert settled.trade() == {ETF: 3700, MAIN: 3900}


def test_a_restore_lasts(settled):
    before = settled.server.get("/api/v1/positions/strategy/alpha").json()["revision"]
    settled.strategy("alpha", **{"600000.XSHG": 2000})
    assert settled.trade() == {ETF: 3700, MAIN: 900}
    settled.operate("POST", "/api/v1/strategies/alpha/restore", {"revision": before})
    assert settled.next_day() == {ETF: 3700, MAIN: 600}
    # The client does not know of it, and says the same again and again.
    for _ in range(3):
        settled.strategy("alpha", **{"600000.XSHG": 2000})
        settled.nothing_traded(seconds=60)
    [hold] = settled.holds()
    assert hold["reasons"][0]["rule"] == "frozen"
    # What the operator decided lasts until he takes it back.
    settled.state("alpha", "live", waiting="apply")
    assert settled.trade() == {ETF: 3700, MAIN: 900}


def test_states_as_the_terminal_sees_them(settled):
    settled.state("alpha", "frozen")
    settled.strategy("alpha", **{"600000.XSHG": 3000})
    settled.nothing_traded()
    settled.state("alpha", "live", waiting="discard")
    settled.nothing_traded()
    # Flat: beta's 500 shares are left, which are 2 lots here.
    settled.state("alpha", "flat")
    settled.strategy("alpha", **{"600000.XSHG": 1000})
    assert settled.trade() == {ETF: 3700, MAIN: 200}
    settled.state("alpha", "live", waiting="discard")
    assert settled.trade() == {ETF: 3700, MAIN: 600}
    # Closed: what the account is to hold is not known any more.
    settled.state("alpha", "closed")
    settled.nothing_traded("服务器应答 503")


def test_a_pause(settled):
    settled.operate("POST", "/api/v1/pause", {"account": "small", "paused": True, "note": "停机检查"})
    settled.strategy("alpha", **{"600000.XSHG": 2000})
    settled.nothing_traded("服务器应答 503")
    assert settled.target("main")[MAIN] == ("2500", 2500), "another account's polls go on"
    settled.operate("POST", "/api/v1/pause", {"account": "small", "paused": False})
    assert settled.trade() == {ETF: 3700, MAIN: 900}


def test_a_held_push_survives_kill_9(settled, quick_key):
    """Killed between the 202 and whatever comes next: it waits still, and is not in force."""
    settled.guard()
    server = settled.server
    for n in range(5):
        volume = 10_000 + n
        token = sign(quick_key, {"client_id": "jq", "timestamp": time.time(), "nonce": f"{n:016}"})
        sequence = int(time.time() * 1e6)
        body = {"strategy_name": "alpha", "positions": [held("600000.XSHG", volume)], "sequence": sequence}
        answer = server.post(UPDATE, body, X_Auth_Token=token)
        server.kill()
        assert answer.status_code == 202, answer.text
        server.start()
        [hold] = settled.holds()
        assert hold["hold"] == answer.json()["hold"] and hold["positions"][0]["volume"] == volume
        assert settled.target("small")[MAIN] == ("555", 600)
        replayed = server.post(UPDATE, body, X_Auth_Token=token)
        assert (replayed.status_code, replayed.json()["code"]) == (401, "token_replayed")
        again = server.post(UPDATE, body, X_Auth_Token=sign(quick_key, {"client_id": "jq", "timestamp": time.time()}))
        assert (again.status_code, again.json()["code"]) == (409, "stale_sequence")
    settled.nothing_traded()
    settled.operate("POST", f"/api/v1/holds/{hold['hold']}/approve")
    server.kill()
    server.start()
    assert settled.holds() == [] and settled.target("main")[MAIN] == ("10504", 10504)
