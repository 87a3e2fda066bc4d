"""A terminal as small as docs/terminals.md lets it be, made apart from that of examples/qmt; and with the name of a
fault, one that breaks that rule and no other."""

import collections
import contextlib
import http.client
import json
import math
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

FAULTS = (
    "sells_unlisted", "trades_held", "503_is_flat", "409_is_flat", "304_is_flat", "failure_is_flat", "reads_any_status",
    "follows_redirects", "ignores_lineage", "ignores_revision", "ignores_account", "ignores_demo", "hasty",
    "orders_twice", "believes_lists", "never_cancels", "replaces_at_once", "eager_at_start", "sells_unsellable",
    "buys_without_cash", "cancels_by_hand", "silent", "nameless", "other_key", "hangs", "stops_at_refusal",
    "reports_fail",
    "owns_everything",
)  # fmt: skip
FAULT = (*sys.argv[1:], None)[0]
assert FAULT in (None, *FAULTS)

SERVER, KEY, ACCOUNT = (os.environ["JQ2QMT_" + name] for name in ("SERVER", "API_KEY", "ACCOUNT"))
LINEAGE, TIMEOUT = int(os.environ["JQ2QMT_LINEAGE"]), float(os.environ["JQ2QMT_TIMEOUT"])
STEP, WATCH, STEADY = 5, 40, 12
Line = collections.namedtuple("Line", "volume is_held")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return super().redirect_request(*arguments) if FAULT == "follows_redirects" else None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def call(address, body, timeout, **headers):
    """Status, body and entity tag; whatever is not a whole answer is an exception."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {name.replace("_", "-"): text for name, text in headers.items()})
    try:
        answer = OPENER.open(request, timeout=timeout)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        return answer.status, read(answer, timeout), answer.headers.get("ETag")


def read(answer, timeout):
    """The whole body. What drips in never exceeds a socket's time-out, and must not be waited for all the same."""
    parts, end = [], time.monotonic() + (timeout or math.inf)
    while part := answer.read1():
        parts.append(part)
        if time.monotonic() > end:
            raise TimeoutError("too slow")
    if answer.length:
        raise OSError("half an answer")
    return b"".join(parts)


BROKER = http.client.HTTPConnection(os.environ["JQ2QMT_BROKER"].removeprefix("http://"))


def broker(path, body=None):
    BROKER.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
    with BROKER.getresponse() as answer:
        return json.load(answer)


def flat():
    """What nobody ever said: that nothing is wanted."""
    return {one["code"]: Line(0, False) for one in broker("/positions")}


class Server:
    def __init__(self):
        self.headers = {"X_API_Key": "another" if FAULT == "other_key" else KEY}
        if FAULT != "nameless":
            self.headers["X_Terminal"] = "other-" + uuid.uuid4().hex
        self.tag, self.kept, self.revision, self.stopped = None, None, 0, False

    def target(self):
        """{code: Line} of now, or None."""
        tag = {"If_None_Match": self.tag} if self.tag else {}
        timeout = None if FAULT == "hangs" else TIMEOUT
        status, body, tag = call(f"{SERVER}/api/v1/accounts/{ACCOUNT}/target", None, timeout, **self.headers, **tag)
        if f"{status}_is_flat" == FAULT:
            return flat()
        if status == 304 and self.kept is not None:
            return self.kept
        if status != 200 and FAULT != "reads_any_status":
            self.stopped = FAULT == "stops_at_refusal"
            return None
        self.kept, self.tag = self.understood(json.loads(body)), tag
        return self.kept

    def understood(self, answer):
        lines = {}
        for line in answer["lines"]:
            lines[line["code"]] = Line(int(line["volume"]), line["hold"] is not None and FAULT != "trades_held")
        if answer["account"] != ACCOUNT and FAULT != "ignores_account":
            raise ValueError("another account's")
        if answer.get("demo") and FAULT != "ignores_demo":
            raise ValueError("a demo")
        self.stopped |= answer["lineage"] != LINEAGE and FAULT != "ignores_lineage"
        self.stopped |= answer["revision"] < self.revision and FAULT not in ("ignores_revision", "ignores_lineage")
        self.revision = max(self.revision, answer["revision"])
        if self.stopped:
            raise ValueError("not the server that it was")
        return lines

    def report(self, now, positions, orders, away):
        if FAULT == "silent":
            return
        body = {
            "at": now, "mode": "live", "revision": self.revision, "cash": str(broker("/account")["cash"]),
            "holdings": positions, "fills": broker("/fills"),
            "orders": [{**order, "ours": bool(order["remark"]) or FAULT == "owns_everything"} for order in orders],
            "waiting": [{"code": code, "shares": shares, "reason": "held_line", "text": ""} for code, shares in away],
        }  # fmt: skip
        status, _, _ = call(f"{SERVER}/api/v1/accounts/{ACCOUNT}/report", body, TIMEOUT, **self.headers)
        assert status == 200 or FAULT != "reports_fail"


class Trader:
    """Seconds are counted in steps, as the broker's clock has slept."""

    def __init__(self):
        self.server, self.time = Server(), 0
        self.since, self.lines = {}, {}
        self.known = None  # {code: shares that are held for certain}, once the lists have been watched
        self.traded, self.mine, self.waits = {}, {}, {}

    def look(self):
        try:
            lines = self.server.target()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, http.client.HTTPException):
            if FAULT != "failure_is_flat" or self.server.stopped:
                return
            lines = flat()
        if lines is None or self.server.stopped:
            return
        positions, orders = broker("/positions"), broker("/orders")
        held = {one["code"]: one["volume"] for one in positions}
        self.observe(lines, held, orders)
        if self.time >= WATCH or FAULT == "eager_at_start":
            sellable = {one["code"]: one["sellable"] for one in positions}
            self.trade(lines, held, sellable, orders)
        away = [(code, abs(line.volume - held.get(code, 0))) for code, line in lines.items() if line.is_held]
        with contextlib.suppress(OSError):
            self.server.report(broker("/clock")["now"], positions, orders, away)

    def observe(self, lines, held, orders):
        """What the lists say, and since when; what they lack, and what they do not show yet."""
        for code in set(lines) | set(self.lines):
            if lines.get(code) != self.lines.get(code):
                self.since[code] = self.time
        self.lines = lines
        traded = collections.Counter()
        for order in orders:
            traded[order["code"]] += order["traded"] * (1 if order["side"] == "buy" else -1)
            self.mine.pop(order["remark"], None)
        if self.known is None and self.time >= WATCH:
            self.known = {code: held.get(code, 0) - traded[code] for code in set(held) | set(traded)}
        self.traded = traded

    def trade(self, lines, held, sellable, orders):
        working = collections.defaultdict(list)
        for order in orders:
            if order["status"] == "working":
                working[order["code"]].append(order)
        cash = broker("/account")["cash"] - sum(o["volume"] * o["price"] for code in working for o in working[code])
        if FAULT == "sells_unlisted":
            lines = {**{code: Line(0, False) for code in held}, **lines}
        for code, line in sorted(lines.items(), key=lambda one: one[1].volume - held.get(one[0], 0)):
            lacking = line.volume - held.get(code, 0)
            if self.must_wait(code, line, lacking, working[code]) or line.is_held or not self.is_certain(code, held):
                continue
            if lacking < 0:
                lacking = max(lacking, -sellable.get(code, 0)) if FAULT != "sells_unsellable" else lacking
            elif FAULT != "buys_without_cash":
                lacking = min(lacking, int(cash / 10.2) // 100 * 100)
            if lacking:
                cash -= max(0, lacking) * 10.01
                self.place(code, lacking)

    def must_wait(self, code, line, lacking, working):
        """Whether something is in flight for an instrument. What is not wanted so is cancelled."""
        for order in working:
            if FAULT == "replaces_at_once" and self.time - self.since[code] < STEADY:
                return True
            rest = (order["volume"] - order["traded"]) * (1 if order["side"] == "buy" else -1)
            mine = order["remark"] or FAULT == "cancels_by_hand"
            if mine and (line.is_held or rest != lacking) and FAULT != "never_cancels":
                broker("/cancel", {"id": order["id"]})
                if FAULT == "replaces_at_once":
                    return False
        return bool(working) and FAULT != "orders_twice"

    def is_certain(self, code, held):
        """Whether the lists show what they must, and the target has held still."""
        if FAULT != "hasty" and self.time - self.since.get(code, 0) < STEADY:
            return False
        if FAULT in ("believes_lists", "orders_twice"):
            return True
        if any(placed == code for placed in self.mine.values()):
            return False
        return self.known is None or held.get(code, 0) == self.known.get(code, 0) + self.traded[code]

    def place(self, code, volume):
        remark = uuid.uuid4().hex
        self.mine[remark] = code
        side, price = ("buy", 10.01) if volume > 0 else ("sell", 9.99)
        order = {"code": code, "side": side, "volume": abs(volume), "price": price, "remark": remark}
        broker("/place", order)


def main():
    trader = Trader()
    while True:
        broker("/sleep", {"seconds": STEP})
        trader.time += STEP
        trader.look()


main()
