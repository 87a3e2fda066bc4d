"""What the server answers in each scene, and how the account must stand afterwards."""

import dataclasses
import json

ACCOUNT, LINEAGE = "main", 1
A, B, C = "600000.SH", "000001.SZ", "600519.SH"
REASONS = {
    "in_flight", "t_plus_1", "below_lot", "cash", "limit_up", "limit_down", "suspended", "no_quote", "closed_hours",
    "order_limit", "rejected", "held_line", "dry_run", "terminal_silent", "unexplained",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What the server says, and what may be traded on it. `wanted`: None where it is no target at all."""

    name: str
    status: int = 200
    body: bytes = b""
    wanted: dict | None = None
    holds: frozenset = frozenset()
    # How it is sent: whole, cut, drip, away (to another address) or lost.
    way: str = "whole"
    # Whether it stands for so short a time that nothing may be traded on it.
    brief: bool = False


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of a scene. `ends`: what must be held at its end; volumes in shares, times in seconds."""

    answer: Answer
    seconds: float
    ends: dict = dataclasses.field(default_factory=dict)
    settled: bool = True  # whether no order of the terminal's may rest at its end
    rests: tuple = ()  # codes whose orders are not filled
    partly: tuple = ()  # codes whose orders are half filled
    by_hand: tuple = ()  # codes for which somebody else places an order
    hides: tuple = ()  # codes that the list of positions lacks
    lag: float = 1.0  # by how much positions and cash are late
    order_lag: float = 0.5
    blind: float = 0.0  # how long all lists are empty at first
    restart: bool = False  # whether the terminal is ended and started anew
    pause: float = 0.0  # real time that a sleep takes at least, where something real has to end meanwhile

    @property
    def name(self):
        return self.answer.name


@dataclasses.dataclass(frozen=True)
class Scene:
    name: str
    about: str
    phases: tuple
    held: dict = dataclasses.field(default_factory=dict)
    sellable: dict = dataclasses.field(default_factory=dict)
    cash: float = 1_000_000.0
    checks: tuple = ()
    takes_reports: bool = True


def document(volumes, revision=10, lineage=LINEAGE, holds=None, **fields):
    holds = holds or {}
    lines = [
        {"code": code, "name": code, "volume": volume, "exact": str(volume), "hold": holds.get(code), "strategies": []}
        for code, volume in volumes.items()
    ]
    return {
        "account": ACCOUNT, "revision": revision, "updated_at": "2026-01-05T09:59:00.000001+08:00", "lines": lines,
        "lineage": lineage, **fields,
    }  # fmt: skip


def encode(value):
    return json.dumps(value).encode()


def target(volumes, name="a target", holds=None, brief=False, **fields):
    body = encode(document(volumes, holds=holds, **fields))
    wanted = {code: volume for code, volume in volumes.items() if code not in (holds or {})}
    return Answer(name, body=body, wanted=wanted, holds=frozenset(holds or ()), brief=brief)


def refusal(status, code, **fields):
    body = encode({"error": code, "code": code, "message": code, **fields})
    return Answer(f"a {status} `{code}`", status, body)


def no_target(name, body, status=200, way="whole"):
    return Answer(name, status, body if isinstance(body, bytes) else encode(body), way=way)


def others(time):
    """Another terminal has the account."""
    return refusal(409, "other_terminal", terminal={"name": "another", "since": f"2026-01-05T{time}+08:00"})


# What most accounts hold, and what an answer says that would sell it all, if it counted.
HELD, FLAT = {A: 1000, B: 500}, {A: 0, B: 0}
NOT_FRESH = {
    "reason": "not_fresh",
    "text": "等待今天的推送",
    "message": "no word today",
    "since": "2026-01-05T09:30:00+08:00",
}

# A terminal may watch the lists for this long before its first order, and may take this long for another.
FIRST, NEXT = 150, 100
# A fault lasts for this long; nothing may happen in it.
FAULT = 60


def told_all(world):
    """Whether the last report is the account as it is."""
    if not world.reports:
        yield "nothing was reported"
        return
    last = world.reports[-1]
    held = {code: volume for code, volume in world.held.items() if volume}
    told = {one["code"]: float(one["volume"]) for one in last["holdings"] if float(one["volume"])}
    if told != held:
        yield f"the last report tells of {told}, held are {held}"
    fills = {fill["id"] for report in world.reports for fill in report.get("fills", [])}
    if fills != {fill["id"] for fill in world.fills}:
        yield "the fills that were reported are not those that there were"
    if any(order["status"] == "working" for order in last.get("orders", [])):
        yield "the last report tells of an order at work, and none is"
    if last.get("revision") != json.loads(world.phase.answer.body)["revision"]:
        yield "the last report does not go by the target's revision"


def told_of_hold(world):
    waits = {(one["code"], one["reason"]) for report in world.reports for one in report.get("waiting", [])}
    if (A, "held_line") not in waits:
        yield f"no report says that {A} waits, with the reason held_line"


def told_of_people(world):
    orders = [order for report in world.reports for order in report.get("orders", [])]
    by_hand = {order.id for order in world.orders if order.by_hand}
    if any(order.get("ours", True) == (order["id"] in by_hand) for order in orders) or not orders:
        yield "no report says of every order whether people placed it (`ours`)"


def after(fault, *more):
    """A target that is reached, a fault in which nothing happens, and what comes then."""
    return (Phase(target(HELD, "the target before"), FIRST, HELD), *fault, *more)


def nothing(*answers, seconds=FAULT, **fields):
    return tuple(Phase(answer, seconds, HELD, **fields) for answer in answers)


CHANGED = Phase(target({A: 500, B: 500}, "the target after", revision=20), NEXT, {A: 500, B: 500})

SCENES = (
    Scene(
        "target", "is reached, and reported",
        (Phase(target({A: 0, B: 500}), FIRST, {A: 0, B: 500, C: 300}),
         Phase(target({A: 0, B: 800}, "another target", revision=11), NEXT, {A: 0, B: 800, C: 300})),
        {A: 1000, C: 300}, checks=(told_all,),
    ),
    Scene(
        "hold", "a line with a hold is not traded, whatever the reason, until it is released",
        (Phase(target({A: 0, B: 500, C: 100}, holds={A: NOT_FRESH, B: {"reason": "a_new_one"}}), FIRST,
               {A: 1000, B: 0, C: 100}),
         Phase(target({A: 0, B: 0, C: 100}, "the released target", revision=11), NEXT, {A: 0, B: 0, C: 100})),
        {A: 1000}, checks=(told_of_hold,),
    ),
    Scene(
        "hold_in_flight", "what rests of a line is cancelled when the line gets a hold",
        (Phase(target({A: 500}), FIRST, {A: 0}, settled=False, rests=(A,)),
         Phase(target({A: 500}, "a hold", holds={A: NOT_FRESH}, revision=11), FAULT, {A: 0}, rests=(A,))),
    ),
    Scene(
        "unlisted", "what is not listed is not touched, nor what is listed no longer",
        (Phase(target({A: 1000, B: 500}), FIRST, {A: 1000, B: 500, C: 300}),
         Phase(target({B: 500}, "a list without the line", revision=11), FAULT, {A: 1000, B: 500, C: 300}),
         Phase(target({}, "an empty list", revision=12), FAULT, {A: 1000, B: 500, C: 300})),
        {A: 1000, C: 300},
    ),
    Scene(
        "incomplete", "503: a strategy of which nothing is known, from the start and later",
        (Phase(refusal(503, "incomplete", strategies=["beta"]), FIRST, HELD),
         Phase(target({A: 1000, B: 500}), NEXT, HELD),
         *nothing(refusal(503, "incomplete", strategies=["beta"])), CHANGED), HELD,
    ),
    Scene("paused", "503: the operator's pause", after(nothing(refusal(503, "paused")), CHANGED), HELD),
    Scene(
        "other_terminal", "409: another terminal has the account, from the start and later",
        (Phase(others("09:59:30"), FAULT, HELD),
         Phase(target({A: 500, B: 500}), FIRST, {A: 500, B: 500}),
         Phase(others("10:03:00"), FAULT, {A: 500, B: 500})), HELD,
    ),
    Scene(
        "refused", "other 4xx and 5xx, also where their bodies look like a target",
        after(nothing(
            refusal(401, "unknown_api_key"), refusal(404, "unknown_account"), refusal(429, "locked_out"),
            refusal(503, "overloaded"), no_target("a 500 whose body looks like a target", document(FLAT, 11), 500),
            no_target("a 502 of a proxy", b"<html>502 Bad Gateway</html>", 502), seconds=20), CHANGED), HELD,
    ),
    Scene("half", "half an answer",
          after(nothing(no_target("half an answer", document(FLAT, 11), way="cut")), CHANGED), HELD),
    Scene("lost", "a connection that ends without an answer",
          after(nothing(no_target("a lost connection", b"", way="lost")), CHANGED), HELD),
    Scene(
        "malformed", "answers that are no target of this account",
        after(nothing(
            no_target("an answer that is not JSON", b'{"account": "main", "lines": ['),
            no_target("an empty answer", b""),
            no_target("a list", []),
            no_target("an answer without lines", {"account": ACCOUNT, "revision": 11, "lineage": 1}),
            no_target("a web page", b"<html>log in</html>"),
            no_target("another account's target", document(FLAT, 11, account="other")),
            no_target("the total of old", {"positions": [], "update_time": "2026-01-05 10:00:00.1", "revision": 11}),
            no_target("a line without a volume", document({}, 11, lines=[{"code": A, "hold": None}])),
            no_target("a line whose volume is no number", document({A: None, B: "none"}, 11)),
            seconds=20), CHANGED), HELD,
    ),
    Scene("redirect", "a redirect is not followed, and takes no key along",
          after(nothing(no_target("a redirect", document(FLAT, 11), 302, "away")), CHANGED), HELD),
    Scene("slow", "an answer that drips in counts for nothing, and holds nobody up for good",
          after(nothing(no_target("an answer that drips in", document(FLAT, 11), way="drip")),
                dataclasses.replace(CHANGED, seconds=250, pause=0.05)), HELD),
    Scene(
        "older_revision", "a revision that goes back is not traded on, nor what comes after it",
        after(nothing(no_target("a revision that went back", document(FLAT, 9)),
                      no_target("a revision after one that went back", document(FLAT, 12)))), HELD,
    ),
    Scene(
        "other_lineage", "the lineage of an older copy is not traded on, at whatever revision",
        after(nothing(no_target("another lineage", document(FLAT, 9, 2)),
                      no_target("another lineage", document(FLAT, 30, 2)))), HELD,
    ),
    Scene("other_lineage_at_start", "nor is it by a terminal that was just started",
          nothing(no_target("another lineage", document(FLAT, 30, 2)), seconds=FIRST), HELD),
    Scene("demo", "example data is nobody's wish",
          nothing(no_target("a demo", document(FLAT, demo=True)), seconds=FIRST), HELD),
    Scene(
        "unchanged", "304: the last answer holds, and what is left of it is traded",
        (Phase(target({A: 1000, B: 500}), FIRST, settled=False, partly=(A,)),
         Phase(target({A: 1000, B: 500}), NEXT, HELD)), {B: 500},
    ),
    Scene("unasked_304", "304 to who has no answer yet", nothing(Answer("an unasked 304", 304), seconds=FIRST), HELD),
    Scene(
        "withdrawn", "what rests is cancelled when nobody wants it any more",
        (Phase(target({A: 500, B: 500}), FIRST, {A: 0, B: 500}, settled=False, rests=(A,)),
         Phase(target({A: 0, B: 500}, "the target without it", revision=11), FAULT, {A: 0, B: 500}, rests=(A,)),
         Phase(target({A: 0, B: 500}, "the target without it", revision=11), FAULT, {A: 0, B: 500})),
    ),
    Scene(
        "swap", "what one strategy drops and another takes seconds later is not sold and bought back",
        after((Phase(target({A: 0, B: 500}, "a target that stands for 6 s", revision=11, brief=True), 6, HELD),
               Phase(target({A: 1000, B: 500}, "the target again", revision=12), NEXT, HELD))), HELD,
    ),
    Scene(
        "late_positions", "positions are 20 s late, orders 3 s: nothing is ordered twice",
        (Phase(target({A: 1000, B: 0}), FIRST + 60, {A: 1000, B: 0}, lag=20, order_lag=3),
         Phase(target({A: 1500, B: 0}, "another target", revision=11), NEXT + 60, {A: 1500, B: 0}, lag=20,
               order_lag=3)),
        {B: 500},
    ),
    Scene(
        "vanished_position", "a holding that a list lacks for 30 s is not bought again",
        after((Phase(target({A: 1000, B: 500}, "a list that lacks a holding"), 30, HELD, hides=(A,)),
               Phase(target({A: 1000, B: 500}, "the whole list again"), FAULT, HELD)), CHANGED), HELD,
    ),
    Scene(
        "replaced", "an order is cancelled, and that is confirmed, before another takes its place",
        (Phase(target({A: 500, B: 100}), FIRST, {A: 0, B: 100}, settled=False, rests=(A,)),
         Phase(target({A: 1000, B: 100}, "a greater target", revision=11), NEXT, {A: 0}, settled=False, rests=(A,)),
         Phase(target({A: 1000, B: 100}, "a greater target", revision=11), NEXT, {A: 1000, B: 100})),
    ),
    Scene("sellable", "only what may be sold today is sold",
          (Phase(target({A: 0, B: 500}), FIRST, {A: 600, B: 500}),), {A: 1000, B: 500}, {A: 400}),
    Scene("cash", "purchases are paid with what the sales have brought",
          (Phase(target({B: 1000, A: 0}), FIRST + NEXT, {A: 0, B: 1000}),), {A: 1500}, cash=100.0),
    Scene("by_hand", "what people order is not cancelled, and nothing is ordered beside it",
          (Phase(target({A: 500, B: 500}), FIRST, {A: 0, B: 500}, by_hand=(A,)),),
          checks=(told_of_people,)),
    Scene(
        "restart", "started anew while an order rests and the lists are empty for 30 s, it does not order again",
        (Phase(target({A: 1000, B: 500}), FIRST, {A: 0}, settled=False, rests=(A,)),
         Phase(target({A: 1000, B: 500}), FIRST, HELD, blind=30, restart=True)), {B: 500},
    ),
    Scene("reports_refused", "a server that takes no reports keeps nobody from trading",
          (Phase(target({A: 0, B: 800}), FIRST, {A: 0, B: 800}),), HELD, takes_reports=False),
)  # fmt: skip
