"""Measure the server against what the machine can do at best, and against the release before, in one run.

Called by `make bench`. Builds what it measures, prints a table, and fails when a goal is missed; with --report it only
prints. Needs git and the packages of tests/python/requirements.txt. Everything runs on this machine's loopback.
"""

import argparse
import contextlib
import dataclasses
import http.client
import json
import multiprocessing
import pathlib
import re
import statistics
import sys
import tempfile
import urllib.parse

import tools
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from tools import BEFORE, ROOT, body_of, get, push, running, serve

# Enough that a poll or a batch of pushes is always waiting, as in a burst at 14:50.
BURST = 64
# As many as strategies push at one moment on most desks.
FEW = 8
ROUNDS = 5
SECONDS = 3
# How many pushes a round has, about as long as the polls of a round take; what they reach of the least that keeps a
# push, and of the release before.
PUSHES = {BURST: (3_000, 0.45, 1.4), FEW: (1_500, 0.3, 1.3)}
# The pushes beside which the time of a poll is taken: four clients that push as fast as they are answered.
PUSHERS, PUSHES_BESIDE = 4, 1_500
# How many changes are weighed.
BYTES = 1_000
# Those who wait for one change; how often they are told of one, each time anew.
CROWD, CROWDS = 10_000, 3
# A desk's years, in days and in changes of a line: twenty strategies of fifty instruments that push four times a day;
# and what they are held against.
YEARS, CHANGES, DAYS = 2_500, 10_000_000, 10
# Five years in which each of them changes a line every minute, in days and in changes.
MINUTE_DAYS, MINUTE_CHANGES = 1_220, 5_800_000
# What the pages are to be quick with: strategies, of how many instruments in all; and how often each is looked at.
STRATEGIES, INSTRUMENTS, LOOKS = 500, 5_000, 20
# What is asked of those years, and under which name each answer lists something.
OLD_HISTORY = [
    ("a page of a strategy's history", "/api/v1/strategies/{}/revisions?limit=50&before={}", "revisions"),
    ("a list as of then", "/api/v1/positions/strategy/{}?as_of={}", "positions"),
    ("the total as of then", "/api/v1/positions/total?as_of={1}", "positions"),
    ("what changed since then", "/api/v1/strategies/{}/diff?from={}", "changes"),
]
TOTAL, EVENTS = "/api/v1/positions/total", "/api/v1/events"


@dataclasses.dataclass
class Row:
    """What was measured, beside what it is held against; without that, the number itself is held to the goal. None is
    what could not be measured, and meets no goal. An aim is what it is to become one day: it is said where it is not
    reached, and fails nothing."""

    work: str
    here: float | None
    unit: str
    # ">=" or "<="
    direction: str
    goal: float
    against: str = ""
    limit: float | None = None
    aim: float | None = None

    @property
    def measured(self):
        return self.here if self.limit is None else self.here / self.limit

    @property
    def met(self):
        return self.here is not None and self.reaches(self.goal)

    def reaches(self, bound):
        return self.measured >= bound if self.direction == ">=" else self.measured <= bound

    def __str__(self):
        goal = f"{self.direction} {self.goal:<6g}"
        if self.here is None:
            return f"{self.work:<46}{'not measured':>20}  {self.unit:<9}{self.against:<30}{'':>7}  {goal}  MISSED"
        limit = f"{'':>10}" if self.limit is None else f"{self.limit:>10.1f}"
        short = "" if self.aim is None or self.reaches(self.aim) else f"the aim is {self.aim:g}"
        return (
            f"{self.work:<46}{self.here:>10.1f}{limit}  {self.unit:<9}{self.against:<30}"
            f"{self.measured:>7.2f}  {goal}  {short if self.met else 'MISSED'}"
        ).rstrip()


HEAD = f"{'work':<46}{'here':>10}{'there':>10}  {'unit':<9}{'there is':<30}{'ratio':>7}  goal"


class Table:
    """What was measured, printed as it comes: a run takes an hour, and one that is cut short is not for nothing."""

    def __init__(self):
        self.missed = []
        print(HEAD)

    def add(self, row):
        print(row, flush=True)
        if not row.met:
            self.missed.append(f"{row.work} ({row.against})" if row.against else row.work)

    def finish(self, report):
        """Fail when a goal was missed."""
        if self.missed and not report:
            sys.exit("goals missed: " + ", ".join(self.missed))


def side_by_side(*measures):
    """Measurements taken in turns, so that all see the same machine. For each but the first: the pair of it and the
    first whose ratio is the median."""
    rounds = [[measure() for measure in measures] for _ in range(ROUNDS)]
    pairs = ([(one[0], one[n]) for one in rounds] for n in range(1, len(measures)))
    return [sorted(pair, key=lambda two: two[0] / two[1])[ROUNDS // 2] for pair in pairs]


class Bench:
    def __init__(self, server, before, load, folder):
        self.server, self.before, self.load, self.folder = server, before, load, folder
        self.table = Table()
        # One key for all: making one takes as long as signing a thousand times.
        self.key = rsa.generate_private_key(65537, 4096)
        self.signed = 0

    def new(self, name, binary=None):
        """A folder with a server's files, where the bench's signatures are known; and an API key."""
        folder = self.folder / name
        api_key = tools.prepare(binary or self.server, folder)
        (folder / "keys/bench.pem").write_bytes(tools.public(self.key))
        return folder, api_key

    def sign(self, rounds, count):
        """So many files of so many signed pushes."""
        numbers = range(self.signed, self.signed + rounds * count)
        self.signed = numbers.stop
        pem = tools.private_pem(self.key)
        with multiprocessing.Pool() as pool:
            requests = pool.map(tools.sign, [(pem, number) for number in numbers], chunksize=100)
        batches = (requests[n : n + count] for n in range(0, len(requests), count))
        return [
            tools.write_requests(self.folder / f"requests-{numbers.start}-{n}", one) for n, one in enumerate(batches)
        ]

    def polls(self):
        folder, api_key = self.new("polls")
        with serve(self.server, folder) as (port, _, _):
            tools.seed(port, api_key, 20)
            total, headers = get(port, TOTAL)
            (folder / "total.json").write_bytes(total)
            with running(self.load.binary, "bytes", folder / "total.json") as (bare, _, _):
                if get(bare, "/bytes")[0] != total:
                    sys.exit("the bare server answers something else")
                size = f"{len(total) / 1000:.0f} kB"
                self.compare_polls(f"poll of the total ({size})", (port, TOTAL), (bare, "/bytes"), 0.7, 0.9)
                unchanged = ("--header", f"If-None-Match: {headers['ETag']}", "--expect", "304")
                self.compare_polls(
                    "the same, unchanged (304)", (port, TOTAL, *unchanged), (bare, "/304", *unchanged), 0.65, 0.8
                )
            self.polls_beside_pushes(port)

    def compare_polls(self, work, ours, bare, goal, aim):
        def rate(port, path, *options):
            return lambda: self.load.poll(port, path, BURST, SECONDS, *options)["rate"]

        ((here, limit),) = side_by_side(rate(*ours), rate(*bare))
        self.table.add(Row(work, here, "polls/s", ">=", goal, "bare axum", limit, aim))

    def polls_beside_pushes(self, port):
        batches = iter(self.sign(ROUNDS, PUSHES_BESIDE))

        def beside():
            with self.load.polling(port, TOTAL, FEW) as report:
                self.load.replay(port, next(batches), PUSHERS)
            return report["p99_ms"]

        def alone():
            return self.load.poll(port, TOTAL, FEW, SECONDS)["p99_ms"]

        ((here, limit),) = side_by_side(beside, alone)
        work = f"p99 of {FEW} pollers, {PUSHERS} pushing all the time"
        self.table.add(Row(work, here, "ms", "<=", 6, "nobody pushing", limit, aim=3))

    def pushes(self):
        """The same requests to each, in turns: a token is good once at each of them."""
        folder, _ = self.new("pushes")
        (folder / "key.der").write_bytes(tools.public(self.key, Encoding.DER))
        with contextlib.ExitStack() as stack:
            ports = [
                stack.enter_context(serve(self.server, folder))[0],
                stack.enter_context(running(self.load.binary, "pushes", folder / "key.der", folder / "bare.db"))[0],
            ]
            if self.before:
                older, _ = self.new("before", self.before)
                ports.append(stack.enter_context(serve(self.before, older))[0])
            for connections, (count, *goals) in PUSHES.items():
                self.compare_pushes(ports, connections, self.sign(ROUNDS, count), goals)

    def compare_pushes(self, ports, connections, batches, goals):
        def rate(port):
            files = iter(batches)
            return lambda: self.load.replay(port, next(files), connections)["rate"]

        limit, *before = side_by_side(*map(rate, ports))
        work = f"signed durable push, {connections} connections"
        self.table.add(Row(work, limit[0], "pushes/s", ">=", goals[0], "bare axum + RSA + commit", limit[1], aim=0.6))
        for here, there in before or [(None, None)]:
            self.table.add(Row(work, here, "pushes/s", ">=", goals[1], f"the release before ({BEFORE})", there, aim=2))

    def accounts(self):
        """What accounts cost: the answer to a terminal, and a push into a book that many of them follow."""
        books = [self.new("plain"), self.new("followed")]
        with contextlib.ExitStack() as stack:
            ports = [stack.enter_context(serve(self.server, folder))[0] for folder, _ in books]
            for port, (_, api_key) in zip(ports, books, strict=True):
                tools.seed(port, api_key, 20)
            for number in range(100):
                tools.make_account(ports[1], f"account{number}", 20, scale="0.5")
            path = "/api/v1/accounts/account0/target"
            target, _ = get(ports[1], path)
            if len(json.loads(target)["lines"]) < 50:
                sys.exit("the account's target has too few lines")
            (books[1][0] / "target.json").write_bytes(target)
            with running(self.load.binary, "bytes", books[1][0] / "target.json") as (bare, _, _):
                size = f"{len(target) / 1000:.0f} kB"
                self.compare_polls(
                    f"poll of an account's target ({size})", (ports[1], path), (bare, "/bytes"), 0.7, 0.9
                )
            without, followed = tools.pushing(list(zip(ports, (api_key for _, api_key in books), strict=True)), 10)
        self.table.add(Row("push with 100 accounts x 20 strategies", followed, "ms", "<=", 1.5, "no account", without))

    def crowds(self):
        self.crowd("waits", (TOTAL, "/total"))
        self.crowd("listeners", (EVENTS, "/events"), "--stream")

    def crowd(self, work, paths, *options):
        """How soon a crowd hears of a change, and what each of it weighs."""
        folder, api_key = self.new(work)
        with contextlib.ExitStack() as stack:
            port, process, _ = stack.enter_context(serve(self.server, folder))
            # One list, so that the loopback is not what is measured.
            tools.seed(port, api_key, 1)
            total, _ = get(port, TOTAL)
            (folder / "total.json").write_bytes(total)
            bare, other, _ = stack.enter_context(running(self.load.binary, "waits", folder / "total.json"))
            tell_bare = f"POST /change HTTP/1.1\r\nHost: 127.0.0.1:{bare}\r\nContent-Length: 0\r\n\r\n".encode()
            rounds = []
            for number in range(1, CROWDS + 1):
                ours = self.gather((port, paths[0]), process, tools.raw_push(api_key, body_of(0, number)), options)
                rounds.append((ours, self.gather((bare, paths[1]), other, tell_bare, options)))
        size = f" for a total of {len(total) / 1000:.0f} kB" if not options else ""
        (here, _), (there, _) = sorted(rounds, key=lambda two: two[0][0] / two[1][0])[CROWDS // 2]
        self.table.add(Row(f"{CROWD:,} {work}{size}: push to last", here, "ms", "<=", 2, "bare axum", there))
        # The first crowd's: what it leaves behind is used again by the next.
        (_, weight), (_, least) = rounds[0]
        self.table.add(Row("the same, memory of each", weight, "kB", "<=", 2, "bare axum", least))

    def gather(self, where, process, change, options):
        """Milliseconds until the last of a crowd has heard of a change, and what each of it weighs: kB."""
        (self.folder / "change").write_bytes(change)
        before = tools.resident(process)
        with self.load.crowd(*where, self.folder / "change", CROWD, *options) as report:
            weight = (tools.resident(process) - before) / CROWD
        return report["last_ms"], weight

    def bytes(self):
        """What a change takes in the database, by how many of fifty lines it changes."""
        for changes in (1, 3, 50):
            here = self.grown(self.server, f"bytes-{changes}", changes)
            there = self.grown(self.before, f"bytes-before-{changes}", changes) if self.before else None
            work = f"what a push that changes {changes} of 50 lines takes"
            self.table.add(Row(work, here if there else None, "bytes", "<=", 1, "the release before", there))

    def grown(self, server, name, changes):
        folder, api_key = self.new(name, server)
        lengths = []
        for pushes in (range(1), range(1, BYTES + 1)):
            with serve(server, folder) as (port, _, _):
                connection = http.client.HTTPConnection("127.0.0.1", port)
                for number in pushes:
                    push(connection, api_key, tools.growing(number, changes))
            lengths.append((folder / "data/jq2qmt.db").stat().st_size)
        return (lengths[1] - lengths[0]) / BYTES

    def books(self):
        books = [self.new("small"), self.new("large")]
        sizes = (10, 10_000)
        with contextlib.ExitStack() as stack:
            ports = [stack.enter_context(serve(self.server, folder))[0] for folder, _ in books]
            for port, (_, api_key), strategies in zip(ports, books, sizes, strict=True):
                tools.seed(port, api_key, strategies)
            small, large = tools.pushing(list(zip(ports, (api_key for _, api_key in books), strict=True)), 10)
        self.table.add(Row("push into 10,000 strategies x 50", large, "ms", "<=", 1.3, "into 10", small))
        with serve(self.server, books[1][0]) as (port, process, seconds):
            get(port, "/healthz")
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            megabytes = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000
            if len(json.loads(get(port, "/api/v1/strategies")[0])["strategies"]) != sizes[1]:
                sys.exit("the server started without its strategies")
        self.table.add(Row("start with 10,000 strategies x 50", seconds, "s", "<=", 1))
        self.table.add(Row("the same, most memory used", megabytes, "MB", "<=", 300))

    def looks(self):
        """How soon a page is there in a book of many strategies, when one of them has pushed just before each look."""
        folder, api_key = self.new("looks")
        with serve(self.server, folder) as (port, _, _):
            tools.seed(port, api_key, STRATEGIES, instruments=INSTRUMENTS)
            tools.make_account(port, "main", STRATEGIES, scale="0.5")
            connection = http.client.HTTPConnection("127.0.0.1", port)
            size = f"{STRATEGIES} strategies, {INSTRUMENTS:,} instruments"
            for work, path in ((f"Today: {size}", "/"), ("an account's page", "/accounts/main")):
                times = []
                for number in range(1, LOOKS + 1):
                    push(connection, api_key, body_of(number, number, INSTRUMENTS))
                    times.append(tools.look(connection, path))
                first, whole = map(statistics.median, zip(*times, strict=True))
                self.table.add(Row(work, first, "ms", "<=", 100))
                self.table.add(Row("the same, all of it", whole, "ms", "<=", 300))

    def years(self, writer):
        """A day's attribution where there are ten years of it, against the same where there are ten days."""
        folders = [self.folder / "years", self.folder / "days"]
        made = [tools.make_years(writer, folder, days) for folder, days in zip(folders, (YEARS, DAYS), strict=True)]
        if made[0]["changes"] < CHANGES:
            sys.exit(f"ten years hold {made[0]['changes']:,} changes, fewer than {CHANGES:,}")
        # A first start makes a key, which takes as long as chance will have it.
        for folder in folders:
            with serve(self.server, folder):
                pass
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(serve(self.server, folder)) for folder in folders]
            ((years, days),) = side_by_side(
                *(tools.answering(port, tools.day_of(one)) for (port, _, _), one in zip(started, made, strict=True))
            )
        size = (folders[0] / "data/jq2qmt.db").stat().st_size / 1e9
        work = f"a day's attribution in ten years ({size:.1f} GB, {made[0]['changes'] / 1e6:.1f} M changes)"
        self.table.add(Row(work, years, "ms", "<=", 50))
        self.table.add(Row("the same", years, "ms", "<=", 2, "in ten days", days))
        self.table.add(Row("start with ten years", started[0][2], "s", "<=", 1))
        self.old_history(folders[0], made[0]["revisions"], "ten years")

    def minutes(self, writer):
        """Five years of as many revisions as strategies make that change a line each trading minute."""
        folder = self.folder / "minutes"
        made = tools.make_years(writer, folder, MINUTE_DAYS, "--each-minute")
        if made["changes"] < MINUTE_CHANGES:
            sys.exit(f"five years hold {made['changes']:,} changes, fewer than {MINUTE_CHANGES:,}")
        with serve(self.server, folder):
            pass
        with serve(self.server, folder) as (_, _, seconds):
            pass
        size = (folder / "data/jq2qmt.db").stat().st_size / 1e9
        work = f"start with five years of minutes ({size:.1f} GB, {made['revisions'] / 1e6:.1f} M revisions)"
        self.table.add(Row(work, seconds, "s", "<=", 1))
        self.old_history(folder, made["revisions"], "five years of minutes")

    def old_history(self, folder, revisions, years):
        """What is asked of years, at another place each time; and a push that is added to them."""
        fresh, fresh_key = self.new(f"fresh-{folder.name}")
        with serve(self.server, folder) as (port, _, _), serve(self.server, fresh) as (other, _, _):
            names = [one["strategy_name"] for one in json.loads(get(port, "/api/v1/strategies")[0])["strategies"]]

            def of(path):
                """Of a strategy, and of a revision somewhere in the middle."""
                return lambda n: path.format(urllib.parse.quote(names[n % len(names)]), (n + 1) * revisions // 22)

            for work, path, lines in OLD_HISTORY:
                self.table.add(Row(f"in {years}: {work}", tools.times(port, of(path), lines), "ms", "<=", 20))
            keys = (tools.add_key(self.server, folder), fresh_key)
            old, new = tools.pushing([(port, keys[0]), (other, keys[1])], len(names), names)
        self.table.add(Row(f"push after {years}", old, "ms", "<=", 1.5, "into an empty server", new))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="only print, also when a goal is missed")
    report = parser.parse_args().report
    print(f"building this release, the tools and the release before ({BEFORE}): minutes at the first time", flush=True)
    limits, server = tools.build_both("--release")
    before = tools.build_before()
    if before is None:
        print(f"commit {BEFORE} is not in this clone (git fetch --unshallow): what is held against it is missed")
    print("signing and measuring: some minutes", flush=True)
    # On the disk of the checkout: a temporary folder may lie in memory, where a sync costs nothing.
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as name:
        bench = Bench(server, before, tools.Load(limits), pathlib.Path(name))
        bench.polls()
        bench.pushes()
        bench.accounts()
        bench.crowds()
        bench.bytes()
        bench.books()
        bench.looks()
        writer = tools.build("--bench", "years", "--release")
        bench.years(writer)
        bench.minutes(writer)
    bench.table.finish(report)


if __name__ == "__main__":
    main()
