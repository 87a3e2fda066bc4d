"""The closed loop: real server, strategies on JoinQuant, and a terminal that follows an account and reports.

The terminal's clock runs through days within seconds, and the server's does not, so those days are of the last weeks.
"""

import datetime
import json

import pytest
from conftest import public_pem
from fake_qmt import FakeQMT
from test_desk import ETF, MAIN, STAR
from test_desk import Desk as Office

ACCOUNT = "/api/v1/accounts/small"
SINCE = "?from=2000-01-01"


@pytest.fixture
def fake():
    today = datetime.datetime.now(datetime.UTC).date()
    monday = today - datetime.timedelta(days=today.weekday() + 14)
    fake = FakeQMT(cash=2_000_000.0, start=f"{monday} 09:29:00")
    for code, price in {MAIN: 10.0, STAR: 50.0, ETF: 4.0}.items():
        fake.list(code, price)
    return fake


class Loop(Office):
    """The office, and what the server was told of the account."""

    def settle(self, seconds=300):
        """Lets the terminal trade, and its last report arrive."""
        volumes = self.trade(seconds)
        self.trade(40)
        reports = self.script.names["SESSION"].reports
        reports.sending.join(10)
        return volumes

    def told(self):
        return {one["code"]: one["volume"] for one in self.get("/report")["holdings"]}

    def drift(self):
        return self.get("/drift")["lines"]

    def lines(self):
        return {line["code"]: (line["volume"], line["hold"]) for line in self.get("/target?code_format=qmt")["lines"]}

    def get(self, path):
        answer = self.server.get(ACCOUNT + path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def loop(server, fake, joinquant, quick_key):
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    server.listen = server.url.removeprefix("http://")
    loop = Loop(server, fake, joinquant, ACCOUNT_NAME="small")
    # Among the last weeks may be a holiday.
    days = [fake.now.date() + datetime.timedelta(days=n) for n in range(14)]
    loop.operate("PUT", "/api/v1/calendar", {"open": [str(day) for day in days if day.weekday() < 5], "closed": []})
    loop.everybody()
    yield loop
    assert fake.refusals == []
    assert server.run("verify").stdout.startswith("unbroken: ")


def test_what_was_bought_is_reported_to_the_share(loop, fake):
    assert loop.settle() == {ETF: 3700, MAIN: 600}
    assert loop.told() == fake.volumes() and loop.drift() == []
    fills = loop.get("/fills" + SINCE)["fills"]
    assert {(fill["id"], fill["code"], fill["volume"]) for fill in fills} == {
        (str(deal.number), deal.order.code, deal.volume) for deal in fake.deals
    }
    changes = loop.get("/holdings/changes" + SINCE)["changes"]
    assert all(change["after"] - change["before"] == change["filled"] for change in changes), json.dumps(changes)
    assert loop.get("/locks")["locks"] == []


def test_what_is_sold_off_leaves_the_target_and_a_share_bought_by_hand_is_never_touched(loop, fake):
    loop.settle()
    fake.next_day("09:29")
    loop.strategy("gamma", **{"600000.XSHG": 100})
    assert loop.settle() == {MAIN: 600}
    assert loop.told() == {MAIN: 600} and ETF not in loop.lines()
    fake.hold(ETF, 100)
    fake.next_day("09:29")
    assert loop.settle(600) == {ETF: 100, MAIN: 600}
    assert loop.told() == {ETF: 100, MAIN: 600} and ETF not in loop.lines()


def test_a_bonus_share_is_not_sold(loop, fake):
    """On the ex-date there are three shares more for ten, and the strategies have not said yet what they want then."""
    # Held from before, because the server's own clock knows of no night between a trade and now.
    fake.hold(MAIN, 600)
    fake.hold(ETF, 3700)
    loop.settle()
    fake.next_day("09:20")
    fake.hold(MAIN, 780)
    assert loop.settle(900) == {ETF: 3700, MAIN: 780}
    volume, hold = loop.lines()[MAIN]
    assert (volume, hold["reason"]) == (600, "unexplained_change")
    [line] = loop.drift()
    assert (line["code"], line["difference"], line["parts"][0]["reason"]) == (MAIN, 180, "held_line")
    assert loop.settle() == {ETF: 3700, MAIN: 780}


def test_a_second_copy_of_the_script_stops(loop, fake):
    loop.settle()
    placed = len(fake.placed)
    answer = loop.server.get(ACCOUNT + "/target", headers={"X-API-Key": loop.keys["small"], "X-Terminal": "copy"})
    assert (answer.status_code, answer.json()["code"]) == (409, "other_terminal")
    assert len(fake.placed) == placed
