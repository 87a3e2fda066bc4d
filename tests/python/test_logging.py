"""What becomes of the log when nobody takes it: the server goes on, and says afterwards what was lost."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest
from conftest import BINARY, INTERNAL, PASSWORD, TOTAL, Server, clean_environment, held, running

KEPT = "data/jq2qmt.log"
# More lines than fit into a pipe (Linux keeps 64 KiB, and a line has some 130 bytes) and into the server's queue.
MANY = 2000


class Piped(Server):
    """A server whose output goes where the test says."""

    def begin(self, **streams):
        self.listen = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.listen}"
        self.process = subprocess.Popen(
            [self.binary, "--listen", self.listen, *self.options], cwd=self.folder, env=self.environment, **streams
        )
        self.until_it_answers()
        return self

    def until_it_answers(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.get("/healthz").status_code == 200:
                    return
            except OSError:
                pass
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kept(self):
        return (self.folder / KEPT).read_text(encoding="utf-8")

    def signal(self, number):
        self.process.send_signal(number)
        return self.process.wait(40)


def free_port():
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        return socket_.getsockname()[1]


def edit(server, volume):
    body = {"strategy_name": "ADJUSTMENT_A", "positions": [held("000001.XSHE", volume)]}
    return server.post(INTERNAL, body, X_Internal_Password=PASSWORD)


def works(server, volume):
    """It takes pushes, shows them, and says that it is well."""
    pushed = server.push("alpha", [held("000001.XSHE", volume)])
    assert pushed.status_code == 200, pushed.text
    assert server.total(strategies="alpha")["positions"][0]["total_volume"] == volume
    assert server.get("/healthz").status_code == 200
    assert server.get("/readyz").status_code == 200


@pytest.mark.skipif(os.name != "posix", reason="file descriptors are POSIX's")
@pytest.mark.parametrize("streams", ["2>&-", "1>&- 2>&-"])
def test_closed_streams(tmp_path, streams):
    server = Piped(tmp_path, binary=BINARY)
    server.listen = f"127.0.0.1:{free_port()}"
    server.url = f"http://{server.listen}"
    shell = f'exec "{BINARY}" --listen {server.listen} {streams}'
    server.process = subprocess.Popen(["bash", "-c", shell], cwd=tmp_path, env=server.environment)
    server.until_it_answers()
    for volume in (100, 200):
        works(server, volume)
    assert server.stop() == 0
    assert "answered" in server.kept()


def test_a_reader_that_went_away_after_a_line(tmp_path):
    """`jq2qmt 2>&1 | head -1`"""
    server = Piped(tmp_path)
    reading, writing = os.pipe()
    server.begin(stdout=writing, stderr=writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    for volume in range(100, 1100, 100):
        works(server, volume)
    assert server.stop() == 0
    assert server.kept().count("answered") >= 10


@pytest.mark.parametrize("level", ["info", "no=filter=at=all"])
def test_a_reader_that_was_never_there(tmp_path, level):
    server = Piped(tmp_path, JQ2QMT_LOG=level)
    reading, writing = os.pipe()
    os.close(reading)
    server.begin(stdout=writing, stderr=writing)
    os.close(writing)
    works(server, 100)
    assert server.stop() == 0
    assert ("is no filter" in server.kept()) == (level != "info")
    assert "answered" in server.kept()


def test_each_line_of_json_is_an_object(tmp_path):
    """Also one that is longer than a line may be: this filter is repeated where it is said that it is none."""
    with running(tmp_path, "--log-format", "json", JQ2QMT_LOG='no="filter"=' * 2000) as server:
        works(server, 100)
    lines = [json.loads(line) for line in (tmp_path / KEPT).read_text(encoding="utf-8").splitlines()]
    (long,) = [line for line in lines if "JQ2QMT_LOG" in line["fields"]["message"]]
    assert (long["level"], long["target"]) == ("WARN", "jq2qmt::log") and long["timestamp"] < lines[-1]["timestamp"]
    assert long["fields"]["message"].endswith("...") and 4000 < len(json.dumps(long)) < 9000


def fill(pipe):
    """Leave no room for another byte."""
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(pipe, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(pipe, True)


@pytest.mark.parametrize(("full", "form"), [(True, "text"), (False, "json")])
def test_a_pipe_that_nobody_reads(tmp_path, full, form):
    """As a console on Windows in which text is marked."""
    server = Piped(tmp_path, "--log-format", form)
    reading, writing = os.pipe()
    if full:
        # Who served before left it so.
        fill(writing)
    server.begin(stdout=writing, stderr=writing)
    os.close(writing)
    for _ in range(MANY):
        answer = server.post(INTERNAL, {}, X_API_Key="none")
        assert answer.status_code in (400, 401, 429), answer.text
    works(server, 100)
    # Whoever reads again is told what is missing.
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb", buffering=0, closefd=False) as pipe:
        told = b""
        deadline = time.monotonic() + 30
        while b"lines of the log were lost" not in told or b"alpha" not in told:
            told += pipe.read(1 << 20) or b""
            works(server, 200)
            assert time.monotonic() < deadline, told[-2000:]
    assert server.stop() == 0
    os.close(reading)
    assert server.kept().count("answered") > MANY and "lost" not in server.kept()
    (lost,) = [line for line in told.decode().splitlines() if "lines of the log were lost" in line]
    if form == "json":
        lost = json.loads(lost)
        assert (lost["level"], lost["target"]) == ("WARN", "jq2qmt::log") and re.match(r"\d{4}-.*Z$", lost["timestamp"])
        lost = lost["fields"]["message"]
    assert re.fullmatch(r"\d+ lines of the log were lost here", lost)


def test_the_stop_does_not_wait_for_a_pipe_that_nobody_reads(tmp_path):
    server = Piped(tmp_path)
    reading, writing = os.pipe()
    server.begin(stdout=writing, stderr=writing)
    fill(writing)
    os.close(writing)
    works(server, 100)
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before < 20
    os.close(reading)


def test_log_and_data_on_one_full_disk(tmp_path):
    """A limit on the size of files stands for the full disk: the log's file meets it as the database does."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))

    # The log has come so far already.
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / KEPT).write_bytes(b"x" * ((1 << 20) - 101) + b"\n")
    server = Server(tmp_path, preexec=limit).start()
    key = server.key
    big = [held(f"{code:06}.XSHE", 100) for code in range(3000)]
    codes = []
    for number in range(60):
        codes.append(server.push(f"strategy-{number}", big, key).status_code)
        if codes[-1] != 200:
            break
    assert codes[-1] == 503 and codes[0] == 200
    health = server.get("/healthz")
    assert (health.status_code, health.json()["warnings"][0]["code"]) == (200, "log_lines_lost")
    assert "日志文件缺少" in server.get("/").text
    assert server.get(TOTAL).status_code == 200
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert server.push("after", [held("000001.XSHE", 100)], key).status_code == 200
    assert server.stop() == 0
    before, *said = (tmp_path / KEPT).read_text(encoding="utf-8").splitlines()
    assert set(before) == {"x"} and re.fullmatch(r"\d+ lines of the log were lost here", said[0])
    assert "answered" in said[-2] and "stopping" in said[-1]


def test_the_file_is_bounded_and_private(tmp_path):
    with running(tmp_path, JQ2QMT_LOG="info") as server:
        for _ in range(20):
            edit(server, 100)
    text = (tmp_path / KEPT).read_text(encoding="utf-8")
    assert text.count("answered") == 20
    assert not re.search("[\x00-\x08\x1b]", text), "no colours in a file"
    if os.name == "posix":
        assert (tmp_path / KEPT).stat().st_mode & 0o777 == 0o600
    # What went before is kept when the server starts again, and moves on when the file is full.
    with (tmp_path / KEPT).open("ab") as file:
        file.write(b"x" * (11 << 20) + b"\n")
    with running(tmp_path) as server:
        edit(server, 200)
    assert (tmp_path / (KEPT + ".1")).stat().st_size > 11 << 20
    assert (tmp_path / KEPT).stat().st_size < 1 << 20
    for number in range(1, 9):
        with (tmp_path / KEPT).open("ab") as file:
            file.write(b"y" * (11 << 20) + b"\n")
        with running(tmp_path) as server:
            edit(server, 300 + number)
    kept = sorted(path.name for path in (tmp_path / "data").glob("jq2qmt.log*"))
    assert kept == ["jq2qmt.log", *(f"jq2qmt.log.{number}" for number in range(1, 5))]


def refused(folder):
    """What a start says that does not come about."""
    command = [BINARY, "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr


def test_what_stopped_the_start_is_in_the_file_too(tmp_path):
    with running(tmp_path) as server:
        assert "error: another jq2qmt server is using the data folder" in refused(tmp_path)
        edit(server, 100)
    # A stranger to the folder writes nothing into it.
    assert "another jq2qmt" not in (tmp_path / KEPT).read_text(encoding="utf-8")
    (tmp_path / "keys/private.pem").write_bytes((tmp_path / "data/default_private.pem").read_bytes())
    message = refused(tmp_path).splitlines()[-1].removeprefix("error: ")
    assert "private" in message and message in (tmp_path / KEPT).read_text(encoding="utf-8")


def test_signals_end_it_whatever_the_streams(tmp_path):
    server = Piped(tmp_path)
    reading, writing = os.pipe()
    server.begin(stdout=subprocess.DEVNULL, stderr=writing)
    os.close(writing)
    os.close(reading)
    works(server, 100)
    assert server.signal(signal.SIGINT) == 0
