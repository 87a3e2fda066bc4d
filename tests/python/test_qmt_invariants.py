"""Random targets, fills and failures against the QMT script: what must never happen, and what must come in the end."""

import datetime

from fake_qmt import SELL, FakeQMT, Position, lots
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_qmt_trading import BEIJING, BOND, ETF, MAIN, OTHER, STAR, Desk

CODES = [MAIN, OTHER, STAR, ETF, BOND, BEIJING]
PROTECTED = {OTHER: 150}
START = datetime.datetime(2026, 1, 5, 9, 31)

targets = st.dictionaries(st.sampled_from(CODES), st.one_of(st.integers(-200, 2000), st.just(0), st.just(1000)))
lag = st.sampled_from([0.0, 0.5, 2.0, 6.0, 40.0])
# How the world behaves for a while: seconds, targets, what is the matter with the server and the terminal.
spell = st.fixed_dictionaries(
    {
        "seconds": st.integers(20, 300),
        "targets": targets,
        "server": st.sampled_from(["up", "up", "up", "gone", "404", "empty", "cut"]),
        "lag": st.fixed_dictionaries({"POSITION": lag, "ORDER": lag, "ACCOUNT": lag}),
        "fill": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        "refuse": st.sampled_from([0, 0, 3]),
        "cancel_delay": st.sampled_from([1, 5, 20]),
        "cancel_fails": st.booleans(),
        "restart": st.sampled_from([None, None, "init", "script"]),
        "halted": st.sampled_from([None, None, MAIN, STAR]),
        # What the terminal does not show for its first half minute: a whole list, or one holding.
        "hidden": st.sampled_from([None, "ORDER", "ORDER", MAIN, OTHER, STAR]),
    }
)
ANSWERS = {
    "404": (404, b"{}"),
    "empty": (200, b'{"positions": [], "update_time": null, "revision": 0}'),
    "cut": (200, b'{"positions": [], "update_t'),
}


class World:
    def __init__(self, holdings):
        self.fake = FakeQMT(cash=40_000.0, start=START.isoformat(" "))
        for code, price in [(MAIN, 10.0), (OTHER, 20.0), (STAR, 50.0), (ETF, 4.0), (BOND, 120.0), (BEIJING, 15.0)]:
            self.fake.list(code, price)
        self.fake.instruments[BOND].same_day = True
        # What is protected and not held at all would stop the script.
        for code, volume in {OTHER: 1, **holdings}.items():
            self.fake.hold(code, volume or 1)
        self.answered = None
        self.restart()
        order = self.fake.order

        def checked(side, code, volume, price, remark):
            """What must hold at every order, before the broker has a say."""
            in_flight = [other for other in self.fake.orders if other.code == code and other.live]
            assert not in_flight, f"{code} is in flight already"
            assert self.answered == self.fake.now, "no fresh answer"
            assert not self.fake.instruments[code].suspended
            # What is really held, whatever the terminal shows.
            held = self.fake.positions.get(code, Position())
            wanted = max(0, self.desk.targets.get(code, 0)) + PROTECTED.get(code, 0)
            if side == SELL:
                assert volume <= held.sellable
                assert held.volume - volume >= wanted, f"{code} is sold twice"
            else:
                assert held.volume + volume <= wanted, f"{code} is bought twice"
            return order(side, code, volume, price, remark)

        self.fake.order = checked

    def restart(self):
        """A terminal that was started anew: the script has forgotten everything."""
        self.fake.timers.clear()
        self.desk = Desk(self.fake, PROTECTED=PROTECTED)
        session = self.desk.script.names["SESSION"]
        asked = session.poll.ask

        def ask():
            if self.desk.targets is None:
                raise OSError("connection refused")
            answer = asked()
            if answer[0] == 200 and b'"update_time": "' in answer[1]:
                self.answered = self.fake.now
            return answer

        def refuse_errors():
            try:
                return ask()
            except OSError as error:
                raise self.desk.script.names["PollError"](str(error)) from error

        session.poll.ask = refuse_errors

    def hide(self, what):
        """Let the terminal not show something for a while."""
        show, until = type(self.fake).show, self.fake.now + datetime.timedelta(seconds=30)

        def shown(kind):
            state = show(self.fake, kind)
            if self.fake.now > until:
                return state
            if kind == "POSITION":
                return {code: position for code, position in state.items() if code != what}
            return type(state)() if kind == what else state

        self.fake.show = shown

    def live(self, spell):
        fake = self.fake
        self.hide(spell["hidden"])
        refusals = iter(range(spell["refuse"]))
        fake.lag = spell["lag"]
        fake.fill = lambda order: order.rest * spell["fill"]
        fake.refuse = lambda _order: "a bad day" if next(refusals, None) is not None else None
        fake.cancel_delay = spell["cancel_delay"]
        fake.cancel_fails = lambda _order: spell["cancel_fails"]
        for code, instrument in fake.instruments.items():
            instrument.suspended = code == spell["halted"]
        if spell["restart"] == "init":
            self.desk.script.init()
        elif spell["restart"] == "script":
            self.restart()
        server = spell["server"]
        self.desk.targets = None if server == "gone" else ANSWERS.get(server, spell["targets"])
        before = len(fake.placed)
        fake.advance(spell["seconds"])
        assert server == "up" or len(fake.placed) == before, "traded without an answer"
        assert "Traceback" not in self.desk.output, self.desk.output

    def calm_down(self, targets):
        """Everything works, and the days go by."""
        calm = {"targets": targets, "server": "up", "fill": 1.0, "refuse": 0, "cancel_delay": 1, "cancel_fails": False}
        calm |= {
            "lag": {"POSITION": 1.0, "ORDER": 1.0, "ACCOUNT": 1.0},
            "restart": None,
            "halted": None,
            "hidden": None,
        }
        self.fake.cash = 10_000_000.0
        self.live(calm | {"seconds": 1200})
        self.fake.next_day("09:30")
        self.live(calm | {"seconds": 300})

    def check_arrival(self, targets):
        for code in CODES:
            held = self.fake.positions[code].volume if code in self.fake.positions else 0
            wanted = max(0, targets.get(code, 0))
            kept = PROTECTED.get(code, 0)
            if held < kept:
                continue
            lot, least = lots(code)[:2]
            # What is left is less than what may be ordered.
            assert abs(held - wanted - kept) < max(lot, least), (code, held, wanted, self.desk.output)


# Without shrinking: an example takes half a second, and says enough as it is.
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.dictionaries(st.sampled_from(CODES), st.integers(0, 1500)),
    st.lists(spell, min_size=1, max_size=6),
    targets,
)
def test_whatever_happens(holdings, spells, final):
    world = World(holdings)
    for spell in spells:
        world.live(spell)
    world.calm_down(final)
    world.check_arrival(final)
    broken = [reason for _, reason in world.fake.refusals if reason not in ("a bad day", "suspended")]
    assert broken == []
