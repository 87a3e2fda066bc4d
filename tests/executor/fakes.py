"""The three that listen on loopback: the server, the broker, and the stranger to whom a redirect leads."""

import contextlib
import datetime
import hashlib
import http.server
import json
import threading
import time
import urllib.parse

from scenes import ACCOUNT, FLAT, REASONS, document
from world import LOT, PRICE

KEY = "executor-key"
TARGET, REPORT = f"/api/v1/accounts/{ACCOUNT}/target", f"/api/v1/accounts/{ACCOUNT}/report"
CALENDAR = "/api/v1/calendar"
DRIP_SECONDS = 15.0
ORDER_STATES = {"working", "filled", "cancelled", "rejected"}
# How long who waits for something new is kept, so that it does not ask without end.
WAIT_SECONDS = 0.2


class Handler(http.server.BaseHTTPRequestHandler):
    """What all three share. `world` is set by `listening`."""

    protocol_version = "HTTP/1.1"
    # Without it, an answer in two parts waits for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True
    world = None

    def log_message(self, *_):
        pass

    def handle(self):
        # Terminals are killed at the end of a scene, in the middle of whatever they do.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def answer(self, status, body=b"", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(raw), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(raw)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


class Server(Handler):
    """jq2qmt, as far as a terminal sees it."""

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        with self.world.lock:
            self.world.advance()
            self.check_names()
            if path.path == CALENDAR:
                return self.answer(200, {"days": calendar_days(path.query)})
            if path.path != TARGET:
                self.world.wrong(f"it asks for {path.path}")
                return self.answer(404, {"error": "not_found", "code": "not_found", "message": "no such page"})
            answer = self.world.phase.answer
            tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
            if answer.wanted is not None and self.headers.get("If-None-Match") == tag:
                self.world.give(answer)
                answer = None
            elif answer.way == "whole":
                self.world.give(answer)
        if answer is None:
            time.sleep(WAIT_SECONDS if "wait" in urllib.parse.parse_qs(path.query) else 0)
            return self.answer(304, ETag=tag)
        if answer.way != "whole":
            with self.world.lock:
                self.world.give(answer)
            return getattr(self, answer.way)(answer)
        return self.answer(answer.status, answer.body, **({"ETag": tag} if answer.status == 200 else {}))

    def cut(self, answer):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2])
        self.close_connection = True

    def drip(self, answer):
        """A little at a time, never the whole, for as long as the phase lasts or anybody can be meant to wait."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        end = time.monotonic() + DRIP_SECONDS
        for at in range(len(answer.body) // 2):
            self.wfile.write(answer.body[at : at + 1])
            time.sleep(0.1)
            if self.world.phase.answer is not answer or self.world.is_over.is_set() or time.monotonic() > end:
                break
        self.close_connection = True

    def away(self, _):
        self.answer(302, Location=self.world.stranger + TARGET)

    def lost(self, _):
        self.close_connection = True

    def check_names(self):
        if self.headers.get("X-API-Key") != KEY:
            self.world.wrong("it shows no X-API-Key, or another than it was given")
        name = self.headers.get("X-Terminal")
        if not name:
            self.world.wrong("it does not name itself (X-Terminal)")
        names = self.world.terminals
        if name not in names:
            names.append(name)
        if len(names) > 1 + sum(phase.restart for phase in self.world.scene.phases):
            self.world.wrong("it changes its name (X-Terminal)")

    def do_POST(self):
        raw = self.body()
        with self.world.lock:
            self.world.advance()
            self.check_names()
            if urllib.parse.urlsplit(self.path).path != REPORT:
                self.world.wrong(f"it posts to {self.path}")
                return self.answer(404, {"error": "not_found", "code": "not_found", "message": "no such page"})
            if not self.world.scene.takes_reports:
                refusal = {"error": "暂时不可用", "code": "unavailable", "message": "not now"}
                return self.answer(503, refusal)
            return self.take(raw)

    def take(self, raw):
        try:
            report = json.loads(raw)
            problems = list(wrong_in(report))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            report, problems = None, [f"it is not understood ({error!r})"]
        last = self.world.reports[-1] if self.world.reports else None
        if not problems and last is not None and moment(report) < moment(last):
            return self.answer(409, {"error": "stale_report", "code": "stale_report", "message": "older than the last"})
        for problem in problems:
            self.world.wrong(f"a report: {problem}")
        if problems:
            return self.answer(400, {"error": problems[0], "code": "invalid_report", "message": problems[0]})
        self.world.reports.append(report)
        return self.answer(200, {"stored": True, "target_revision": report.get("revision"), "warnings": []})


def calendar_days(query):
    """The one day that is asked about, of which this server knows nothing."""
    day = urllib.parse.parse_qs(query).get("from", [None])[0]
    return [{"day": day, "answer": "unknown", "source": None}]


def wrong_in(report):
    """What is wrong with the shape of a report."""
    if moment(report).tzinfo is None:
        yield "`at` has no offset"
    if report.get("mode", "live") != "live":
        yield "`mode` is not live"
    for one in report["holdings"]:
        if not (isinstance(one["code"], str) and is_count(one["volume"]) and is_count(one.get("sellable", 0))):
            yield f"a holding that cannot be: {one}"
    for one in report.get("orders", []):
        known = one["status"] in ORDER_STATES and one["side"] in ("buy", "sell")
        if not (
            known and is_id(one["id"]) and is_count(one["traded"]) and float(one["traded"]) <= float(one["volume"])
        ):
            yield f"an order that cannot be: {one}"
    for one in report.get("fills", []):
        if not (
            one["id"] and one["order"] and one["at"] and one["side"] in ("buy", "sell") and is_count(one["volume"])
        ):
            yield f"a fill that cannot be: {one}"
    for one in report.get("waiting", []):
        if one["reason"] not in REASONS or not is_count(one["shares"]):
            yield f"what waits, without a known reason: {one}"


def moment(report):
    return datetime.datetime.fromisoformat(report["at"])


def is_id(text):
    return isinstance(text, str) and 1 <= len(text) <= 64


def is_count(number):
    """Whether it is a number of shares: a JSON number or decimal text."""
    return not isinstance(number, bool) and float(number) >= 0 and float(number).is_integer()


class Broker(Handler):
    """The account's broker."""

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        with self.world.lock:
            self.world.advance()
            made = {
                "/clock": lambda: {"now": self.world.clock()},
                "/account": self.world.account,
                "/positions": self.world.positions,
                "/orders": self.world.listed_orders,
                "/fills": lambda: self.world.view(self.world.phase.order_lag).fills,
                "/quotes": lambda: quotes(parts.query),
            }.get(parts.path)
            return self.answer(404) if made is None else self.answer(200, made())

    def do_POST(self):
        try:
            asked = json.loads(self.body())
            made = {"/sleep": self.sleep, "/cancel": self.cancel, "/place": self.place}.get(self.path)
            return self.answer(404) if made is None else self.answer(200, made(asked))
        except (ValueError, TypeError, KeyError) as error:
            return self.answer(400, {"error": f"{self.path} is not understood: {error!r}"})

    def place(self, asked):
        code, side, remark = str(asked["code"]), {"buy": "buy", "sell": "sell"}[asked["side"]], asked.get("remark", "")
        volume, price = int(asked["volume"]), float(asked["price"])
        with self.world.lock:
            self.world.advance()
            return {"id": self.world.accept(code, side, volume, price, str(remark)).id}

    def cancel(self, asked):
        with self.world.lock:
            self.world.advance()
            return {"sent": self.world.cancel(str(asked["id"]))}

    def sleep(self, asked):
        with self.world.lock:
            self.world.sleep(float(asked["seconds"]))
            pause = self.world.phase.pause
        time.sleep(pause)
        while self.world.restarts.is_set():
            # Who is about to be ended does not see what comes after.
            time.sleep(0.01)
        return {"now": self.world.clock()}


def quotes(query):
    codes = urllib.parse.parse_qs(query).get("codes", [""])[0].split(",")
    quote = {"last": PRICE, "bid": 9.99, "ask": 10.01, "up": 11.0, "down": 9.0, "lot": LOT}
    return {code: quote for code in codes if code}


class Stranger(Handler):
    """Would have everything sold, and would like to have the key."""

    def do_GET(self):
        with self.world.lock:
            if self.headers.get("X-API-Key") or "api_key" in self.path:
                self.world.wrong("it shows its key to the address that a redirect names")
        self.answer(200, document(FLAT, 11))


@contextlib.contextmanager
def listening(handler, world):
    """The address at which a handler answers."""
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"world": world}))
    serving.daemon_threads, serving.block_on_close = True, False
    thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_address[1]}"
    finally:
        serving.shutdown()
        serving.server_close()
