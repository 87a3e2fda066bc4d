"""The bench itself: what must make it fail does, and its limit for pushes does the work that it stands for."""

import contextlib
import http.client
import itertools
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.parse

import pytest
from conftest import ROOT, TOTAL, private_pem, public_pem, running
from cryptography.hazmat.primitives.serialization import Encoding

sys.path.append(str(ROOT / "benches"))
import speed
import tools


@pytest.fixture(scope="module")
def limits():
    return tools.build("--bench", "limits")


@pytest.fixture
def run(limits):
    def run(*arguments):
        done = subprocess.run(
            [limits, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
        report = json.loads(done.stdout) if done.stdout else None
        return done.returncode, report, done.stderr

    return run


@pytest.fixture
def requests_file(tmp_path, quick_key):
    """Twenty pushes, signed by a key that a server has yet to be told."""
    requests = [tools.sign((private_pem(quick_key), number)) for number in range(20)]
    return tools.write_requests(tmp_path / "requests", requests)


def address(server):
    return server.url.removeprefix("http://")


@contextlib.contextmanager
def wire(behave):
    """Somebody who listens and does with each connection what is said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    kept.append(connection)
                    threading.Thread(target=talk, args=(connection, len(kept)), daemon=True).start()

        def talk(connection, number):
            with contextlib.suppress(OSError):
                behave(connection, number)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def answer(connection, times=10**6, status=b"200 OK"):
    for _ in range(times):
        if not connection.recv(1 << 20):
            return
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")


def test_pushes_that_are_taken_are_counted(run, server, requests_file, quick_key):
    (server.folder / "keys/bench.pem").write_bytes(public_pem(quick_key))
    code, report, message = run("replay", requests_file, "--address", address(server), "--connections", 4)
    assert (code, report["answers"]) == (0, {"200": 20}), message
    assert report["rate"] > 0 and report["p99_ms"] >= report["p50_ms"] > 0
    assert server.total()["revision"] == 20
    # The same again is refused, each of them: those are no pushes.
    code, report, message = run("replay", requests_file, "--address", address(server), "--connections", 4)
    assert (code, report["answers"]) == (1, {"401": 20})
    assert "not every answer is 200: {401: 20}" in message


def test_one_refusal_among_many_is_enough(run, server, requests_file, quick_key):
    (server.folder / "keys/bench.pem").write_bytes(public_pem(quick_key))
    requests_file.write_bytes(requests_file.read_bytes().replace(b"strategy-7", b"strategy-8"))
    code, report, _ = run("replay", requests_file, "--address", address(server))
    assert (code, report["answers"]) == (1, {"200": 19, "401": 1})


@pytest.mark.parametrize("times", [0, 3])
def test_a_server_that_hangs_up_fails_the_load(run, requests_file, times):
    def behave(connection, _):
        answer(connection, times)
        connection.close()

    with wire(behave) as listening:
        code, report, message = run("replay", requests_file, "--address", listening)
    assert (code, report["answers"]) == (1, {"200": times} if times else {})
    assert "the server hung up" in message or "reset" in message


def test_a_single_connection_that_gets_no_answer_fails_the_load(run, requests_file):
    def behave(connection, number):
        if number > 1:
            answer(connection)

    with wire(behave) as listening:
        code, report, message = run(
            "replay", requests_file, "--address", listening, "--connections", 3, "--patience", 1
        )
    assert (code, report["answers"]) == (1, {"200": 19})
    assert "the server fell silent" in message


def test_a_load_of_nothing_or_to_nobody_fails(run, requests_file, tmp_path):
    assert run("replay", requests_file, "--address", "127.0.0.1:1")[0] == 1
    with wire(lambda connection, _: answer(connection)) as listening:
        assert run("replay", requests_file, "--address", listening)[0] == 0
        whole = requests_file.read_bytes()
        for content, words in ((b"", "nothing was asked"), (whole[:-1], "cut off"), (b"\0\0", "cut off")):
            requests_file.write_bytes(content)
            code, _, message = run("replay", requests_file, "--address", listening)
            assert code == 1 and words in message
    assert run("replay", tmp_path / "missing", "--address", "127.0.0.1:1")[0] == 1
    assert run("replay")[0] == 2 and run()[0] == 2


def test_an_answer_that_is_none_fails_the_load(run, requests_file):
    for said in (
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx",
    ):

        def behave(connection, _, said=said):
            connection.recv(1 << 20)
            connection.sendall(said)
            connection.recv(1)

        with wire(behave) as listening:
            assert run("replay", requests_file, "--address", listening)[0] == 1, said


def test_a_poll_counts_what_it_expects_and_nothing_else(limits, server):
    load, port = tools.Load(limits), int(server.url.rsplit(":", 1)[1])
    report = load.poll(port, TOTAL, 4, 0.3)
    assert list(report["answers"]) == ["200"] and report["answers"]["200"] > 4
    tag = server.get(TOTAL).headers["ETag"]
    unchanged = ("--header", f"If-None-Match: {tag}", "--expect", "304")
    assert list(load.poll(port, TOTAL, 4, 0.3, *unchanged)["answers"]) == ["304"]
    for path, options in (("/nowhere", ()), (TOTAL, ("--expect", "304"))):
        with pytest.raises(SystemExit, match="the load failed"):
            load.poll(port, path, 4, 0.1, *options)


@pytest.mark.parametrize(("path", "options"), [(TOTAL, ()), ("/api/v1/events", ("--stream",))])
def test_a_crowd_hears_of_a_change_or_the_bench_fails(limits, server, tmp_path, path, options):
    api_key = server.run("key", "add", "bench", "--scope", "write").stdout.split()[-1]
    load, port, change = tools.Load(limits), int(server.url.rsplit(":", 1)[1]), tmp_path / "change"
    tools.seed(port, api_key, 1)
    change.write_bytes(tools.raw_push(api_key, tools.body_of(0, 1)))
    with load.crowd(port, path, change, 200, *options) as report:
        assert report == {}
    assert 0 < report["half_ms"] <= report["last_ms"] and report["answered_ms"] > 0
    # The same again changes nothing, and a stranger may not.
    with pytest.raises(SystemExit, match="the load failed"), load.crowd(port, path, change, 2, *options):
        pass
    change.write_bytes(tools.raw_push("nobody's", tools.body_of(0, 2)))
    with pytest.raises(SystemExit, match="the load failed"), load.crowd(port, path, change, 2, *options):
        pass


@pytest.mark.parametrize("said", [b"no", b"", None])
def test_one_of_a_crowd_that_hears_something_else_or_nothing_fails_the_bench(limits, tmp_path, said):
    """The first connection is the one that changes something; of the others, one is answered badly."""
    told = threading.Event()

    def reply(connection, body, tag=b""):
        head = b"HTTP/1.1 200 OK\r\n" + tag + b"Content-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)

    def behave(connection, number):
        while request := connection.recv(1 << 20):
            if number > 1:
                told.wait(10)
                if number != 3:
                    reply(connection, b"ok")
                elif said is None:
                    connection.close()
                elif said:
                    reply(connection, said)
            elif request.startswith(b"GET"):
                reply(connection, b"ok", b'etag: "1"\r\n')
            else:
                reply(connection, b'{"changed":true}')
                told.set()

    (tmp_path / "change").write_bytes(b"POST / HTTP/1.1\r\n\r\n")
    with wire(behave) as listening:
        port, load = int(listening.rsplit(":", 1)[1]), tools.Load(limits)
        with (
            pytest.raises(SystemExit, match="the load failed"),
            load.crowd(port, TOTAL, tmp_path / "change", 4, "--patience", 1),
        ):
            pass


def test_the_limit_for_pushes_verifies_and_stores_each(run, limits, requests_file, tmp_path, quick_key):
    (tmp_path / "key.der").write_bytes(tools.public(quick_key, Encoding.DER))
    with tools.running(limits, "pushes", tmp_path / "key.der", tmp_path / "bare.db") as (port, _, _):
        code, report, message = run("replay", requests_file, "--address", f"127.0.0.1:{port}", "--connections", 4)
        assert (code, report["answers"]) == (0, {"200": 20}), message
        stored = sqlite3.connect(tmp_path / "bare.db")
        assert stored.execute("SELECT count(*), min(length(body)) > 1000 FROM pushes").fetchone() == (20, 1)
        assert stored.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        # One letter of one token is another one.
        content = requests_file.read_bytes()
        at = content.index(b"X-Auth-Token: ") + 500
        requests_file.write_bytes(content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :])
        code, report, _ = run("replay", requests_file, "--address", f"127.0.0.1:{port}")
        assert (code, report["answers"]) == (1, {"200": 19, "401": 1})
        assert stored.execute("SELECT count(*) FROM pushes").fetchone() == (39,)


def test_a_program_that_ends_while_it_is_measured_fails_the_bench(limits, tmp_path):
    (tmp_path / "bytes").write_bytes(b"{}")
    with (
        pytest.raises(SystemExit, match="ended by itself"),
        tools.running(limits, "bytes", tmp_path / "bytes") as (_, process, _),
    ):
        process.kill()
        process.wait(10)
    with pytest.raises(SystemExit, match="ended by itself"), tools.running(limits, "bytes", tmp_path / "missing"):
        pass


def test_a_page_that_is_none_fails_the_bench(server):
    connection = http.client.HTTPConnection(address(server))
    for path, words in (("/nowhere", "answered 404"), ("/healthz", "too little")):
        with pytest.raises(SystemExit, match=words):
            tools.look(connection, path)


def test_years_are_written_as_traffic_writes_them(tmp_path):
    made = tools.make_years(tools.build("--bench", "years"), tmp_path, 2)
    # One push more on the first day.
    assert (made["last"], made["revisions"] >= 20 * (4 * 2 + 1)) == ("2016-01-05", True)
    # As many a day as make ten million in ten years.
    assert made["changes"] / 2 >= speed.CHANGES / speed.YEARS
    with running(tmp_path) as server:
        port = int(server.url.rsplit(":", 1)[1])
        measure = tools.answering(port, tools.day_of(made))
        assert measure() > 0
        assert server.run("verify").stdout.startswith(f"unbroken: {made['revisions']} revisions")
        name = server.get("/api/v1/strategies").json()["strategies"][0]["strategy_name"]
        for _, path, lines in speed.OLD_HISTORY:
            of_then = path.format(urllib.parse.quote(name), made["revisions"] // 2)
            assert tools.times(port, lambda _, path=of_then: path, lines) > 0
        with pytest.raises(SystemExit, match="lists nothing"):
            tools.times(port, lambda _: TOTAL + "?as_of=0", "positions")
        api_key = server.run("key", "add", "bench", "--scope", "write").stdout.split()[-1]
        list(tools.pushing([(port, api_key)], 1, [name]))
        (pushed,) = [
            one for one in server.get("/api/v1/strategies").json()["strategies"] if one["strategy_name"] == name
        ]
        assert pushed["revision"] > made["revisions"], "it is added to the years"


def test_years_of_minutes_change_a_line_of_each_strategy_every_minute(tmp_path):
    made = tools.make_years(tools.build("--bench", "years"), tmp_path, 1, "--each-minute")
    assert made["revisions"] == 20 * 240, "the first changes fifty lines, the others one each"
    assert made["changes"] == 20 * (50 + 239) and made["changes"] >= speed.MINUTE_CHANGES / speed.MINUTE_DAYS
    with running(tmp_path) as server:
        assert server.run("verify").stdout.startswith(f"unbroken: {made['revisions']} revisions")
        assert len(server.get("/api/v1/strategies").json()["strategies"]) == 20


def row(work, here, direction, goal, limit=None):
    return speed.Row(work, here, "ms", direction, goal, "the limit" if limit else "", limit)


def finish(rows, report):
    table = speed.Table()
    for one in rows:
        table.add(one)
    table.finish(report)


@pytest.mark.parametrize("changes", [1, 3, 50])
def test_a_push_changes_as_many_lines_as_it_is_weighed_by(changes):
    volumes = [[one["volume"] for one in json.loads(tools.growing(n, changes))["positions"]] for n in range(120)]
    for before, after in itertools.pairwise(volumes):
        assert sum(one != two for one, two in zip(before, after, strict=True)) == changes


def test_a_missed_goal_fails_the_bench_and_is_named(capsys):
    met = [row("a", 90, ">=", 0.9, 100), row("b", 1.3, "<=", 1.3, 1), row("c", 299, "<=", 300)]
    finish(met, report=False)
    assert "MISSED" not in capsys.readouterr().out
    missed = [row("slow", 89, ">=", 0.9, 100), row("late", 1.4, "<=", 1.3, 1), row("large", 301, "<=", 300)]
    for one in missed:
        with pytest.raises(SystemExit, match=f"^goals missed: {one.work}") as ended:
            finish([*met, one], report=False)
        # What is no number ends the program with 1.
        assert isinstance(ended.value.code, str)
        assert capsys.readouterr().out.count("MISSED") == 1
    finish(missed, report=True)
    assert capsys.readouterr().out.count("MISSED") == 3


def test_an_aim_that_is_not_reached_is_said_and_fails_nothing(capsys):
    aims = [(">=", 0.5, 0.5, 0.6, "the aim is 0.6"), (">=", 0.6, 0.5, 0.6, ""), ("<=", 4, 6, 3, "the aim is 3")]
    for direction, here, goal, aim, said in aims:
        one = speed.Row("a", here, "ms", direction, goal, aim=aim)
        finish([one], report=False)
        assert str(one).endswith(said or f"{goal:g}"), one
        assert "MISSED" not in capsys.readouterr().out
    assert str(speed.Row("a", 0.4, "ms", ">=", 0.5, aim=0.6)).endswith("MISSED")


def test_what_could_not_be_measured_is_a_missed_goal(capsys):
    with pytest.raises(SystemExit, match="goals missed: a push"):
        finish([row("a", 90, ">=", 0.9, 100), row("a push", None, ">=", 2)], report=False)
    assert re.search("a push +not measured .*MISSED", capsys.readouterr().out)


def test_measurements_are_taken_in_turns_and_the_middle_pair_counts():
    order, ours, limit = [], iter([1, 5, 2, 4, 3]), iter([1] * 5)
    measures = (lambda: order.append("ours") or next(ours), lambda: order.append("limit") or next(limit))
    assert speed.side_by_side(*measures) == [(3, 1)]
    assert order == ["ours", "limit"] * 5


def test_the_release_before_is_left_out_where_the_clone_does_not_reach_it(monkeypatch, tmp_path):
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    assert tools.build_before() is None
