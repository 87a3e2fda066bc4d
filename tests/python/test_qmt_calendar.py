"""The QMT script asks the server whether the exchanges trade today, and believes only a clear no."""

import json
import threading

import pytest
from conftest import public_pem
from fake_qmt import FakeQMT
from test_desk import ETF, STAR
from test_desk import Desk as Office
from test_qmt_trading import MAIN, Desk

CLOSED = "服务器的交易日历：今天休市"


@pytest.fixture
def fake():
    fake = FakeQMT(start="2026-01-05 09:30:00")
    for code, price in {MAIN: 10.0, STAR: 50.0, ETF: 4.0}.items():
        fake.list(code, price)
    return fake


def waited_for(script):
    """The script's calendar, whose answers are there by the end of the look that asked."""
    days = script.names["SESSION"].trading_days
    ask = days.ask
    days.ask = lambda day, now: ask(day, now) or (days.asking and days.asking.join(10))
    return days


class Calendar:
    """A desk whose server says of each day what `says` says."""

    def __init__(self, fake, says, **settings):
        self.says, self.asked = says, []
        self.desk = Desk(fake, **settings)
        waited_for(self.desk.script).wire.exchange = self.exchange

    def exchange(self, path):
        self.asked.append(path)
        day = path.split("from=")[1].split("&")[0]
        assert path == f"/api/v1/calendar?from={day}&to={day}"
        answer = self.says(day) if callable(self.says) else self.says
        if isinstance(answer, tuple):
            return (*answer, None)
        return 200, json.dumps({"days": [{"day": day, "answer": answer, "source": "data"}]}).encode(), None


def test_nothing_is_asked_or_traded_on_a_day_that_the_server_calls_closed(fake):
    calendar = Calendar(fake, "closed")
    desk, polls = calendar.desk, []
    ask = desk.script.names["SESSION"].poll.ask
    desk.script.names["SESSION"].poll.ask = lambda: polls.append(fake.now) or ask()
    assert desk.trade({MAIN: 100}, 1500) == {} and fake.placed == []
    assert CLOSED in desk.output and len(polls) <= 1
    # Once in ten minutes, should somebody correct it.
    assert len(calendar.asked) == 3
    calendar.says = "open"
    assert desk.trade({MAIN: 100}, 900) == {MAIN: 100}


def test_a_day_that_is_open_is_asked_for_once(fake):
    calendar = Calendar(fake, "open")
    assert calendar.desk.trade({MAIN: 100}, 3600) == {MAIN: 100}
    assert len(calendar.asked) == 1
    fake.next_day("09:31")
    assert calendar.desk.trade({MAIN: 200}) == {MAIN: 200}
    assert [path[-10:] for path in calendar.asked] == ["2026-01-05", "2026-01-06"]


ANSWERS = {
    "unknown": "unknown",
    "an older server": (404, b'{"error": "no such path", "code": "not_found"}'),
    "no right to it": (403, b'{"error": "bound", "code": "bound_key"}'),
    "a page": (200, b"<html>closed</html>"),
    "another day": (200, b'{"days": [{"day": "2026-01-06", "answer": "closed"}]}'),
    "no days": (200, b'{"days": []}'),
    "a list": (200, b'["closed"]'),
    "a number": (200, b'{"days": 7}'),
    "a day without an answer": (200, b'{"days": [{"day": "2026-01-05"}]}'),
    "a word of its own": (200, b'{"days": [{"day": "2026-01-05", "answer": "shut"}]}'),
    "a refusal that says closed": (503, b'{"days": [{"day": "2026-01-05", "answer": "closed"}]}'),
}


@pytest.mark.parametrize("says", ANSWERS.values(), ids=ANSWERS)
def test_without_a_clear_no_everything_is_as_ever(fake, says):
    desk = Calendar(fake, says).desk
    assert desk.trade({MAIN: 100}) == {MAIN: 100}
    assert CLOSED not in desk.output and "出错" not in desk.output


def test_a_server_that_breaks_off_is_no_answer(fake):
    def breaks(_day):
        raise ConnectionResetError

    assert Calendar(fake, breaks).desk.trade({MAIN: 100}) == {MAIN: 100}


def test_a_server_that_hangs_holds_nothing_up_and_is_not_asked_beside(fake):
    over, desk, asked = threading.Event(), Desk(fake), []
    desk.script.names["SESSION"].trading_days.wire.exchange = lambda path: asked.append(path) or over.wait(60)
    try:
        assert desk.trade({MAIN: 100}, 1500) == {MAIN: 100}
        assert len(asked) == 1
    finally:
        over.set()


def test_what_is_closed_by_the_scripts_own_belts_stays_so(fake):
    calendar = Calendar(fake, "open", HOLIDAYS=["2026-01-05"])
    calendar.desk.trade({MAIN: 100})
    fake.now = fake.now.replace(day=10)
    calendar.desk.trade({MAIN: 100})
    assert fake.placed == [] and calendar.asked == []
    fake.now = fake.now.replace(day=12)
    assert calendar.desk.trade({MAIN: 100}) == {MAIN: 100}


def test_a_bound_key_is_told_of_a_holiday_by_the_real_server(server, joinquant, quick_key):
    (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
    server.listen = server.url.removeprefix("http://")
    # A Friday on which the exchanges were closed, though the fake one is not.
    fake = FakeQMT(cash=2_000_000.0, start="2026-01-02 09:30:00")
    for code, price in {MAIN: 10.0, STAR: 50.0, ETF: 4.0}.items():
        fake.list(code, price)
    office = Office(server, fake, joinquant, ACCOUNT_NAME="small")
    office.everybody()
    waited_for(office.script)
    assert office.trade(300) == {} and fake.placed == []
    assert CLOSED in office.script.output
    fake.next_day("09:30")
    assert office.trade(300) != {}
    # The operator says otherwise, and terminals go by it from their next question on.
    office.operate("PUT", "/api/v1/calendar", {"open": [], "closed": ["2026-01-06"]})
    fake.next_day("09:30")
    placed = len(fake.placed)
    office.strategy("alpha", **{"600000.XSHG": 9000})
    office.trade(300)
    assert len(fake.placed) == placed
    assert fake.refusals == []
