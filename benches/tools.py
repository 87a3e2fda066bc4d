"""What `speed.py` measures with: programs built and run, requests signed beforehand, loads that check their answers."""

import base64
import contextlib
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import secrets
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

ROOT = pathlib.Path(__file__).parents[1]
# The release before this one.
BEFORE = "e76d024"
UPDATE = "/api/v1/positions/update"
PASSWORD = "correct-horse-battery"
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)


def build(kind, name, *options, folder=ROOT, **environment):
    """Let cargo build a program, and give the file that it names: an older one may lie beside it."""
    done = subprocess.run(
        ["cargo", "build", "--quiet", "--message-format=json-render-diagnostics", kind, name, *map(str, options)],
        cwd=folder, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    # A bench brings a server with it.
    built = (message for message in messages if message.get("executable") and message["target"]["name"] == name)
    (program,) = (message["executable"] for message in built)
    return pathlib.Path(program)


def build_both(*options):
    """The sender of requests, and the server.

    In this order: with a bench cargo also builds a server with the features that only tests need, and leaves it in the
    place of the real one.
    """
    return build("--bench", "limits", *options), build("--bin", "jq2qmt", *options)


def build_before():
    """The server of the release before; None where the clone does not reach it. Cargo knows whether it is built."""
    target, source = ROOT / "target/bench/before", ROOT / f"target/bench/{BEFORE}"
    if not source.exists():
        archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True)
        if archive.returncode != 0:
            return None
        target.mkdir(parents=True, exist_ok=True)
        # What was cut short has another name.
        unpacked = pathlib.Path(tempfile.mkdtemp(dir=target))
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(unpacked, filter="data")
        unpacked.rename(source)
    # Built as it was: cargo finds this release's .cargo/config.toml there too, and does not overrule the environment.
    options = ("--release", "--locked", "--target-dir", target)
    return build("--bin", "jq2qmt", *options, folder=source, LIBSQLITE3_FLAGS="")


@contextlib.contextmanager
def running(*command, **environment):
    """Start a program that prints `listening on URL`, and give its port, its process and how long that took."""
    with tempfile.TemporaryFile("w+") as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **environment}
        )
        try:
            line = process.stdout.readline()
            if line.startswith("listening on "):
                yield int(line.strip().rsplit(":", 1)[1]), process, time.perf_counter() - start
            if process.poll() is not None or not line:
                log.seek(0)
                sys.exit(f"{command[0]} ended by itself: {log.read()}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            process.stdout.close()


def serve(binary, folder):
    return running(
        binary, "--listen", "127.0.0.1:0", "--data-dir", folder / "data", "--keys-dir", folder / "keys",
        "--token-max-age", "3600", JQ2QMT_LOG="error", JQ2QMT_PASSWORD=PASSWORD,
    )  # fmt: skip


def prepare(binary, folder):
    """Let a first start create its files, and make an API key for writing."""
    folder.mkdir()
    with serve(binary, folder):
        pass
    return add_key(binary, folder)


def add_key(binary, folder):
    """An API key that may push as whom it likes."""
    made = subprocess.check_output(
        [binary, "--data-dir", folder / "data", "key", "add", "bench", "--scope", "write"], text=True
    )
    return made.split()[-1]


def line(instrument, volume, n):
    """The nth line of a list."""
    cost = 12.345678901234567 + n
    return {"code": f"{600000 + instrument}.XSHG", "name": f"股票{instrument}", "volume": volume, "cost": cost}


def positions(strategy, push, instruments):
    """Fifty positions of so many instruments; from one push to the next five volumes change."""
    changed = {(push * 5 + n) % 50 for n in range(5)}
    return [
        line((strategy * 37 + n) % instruments, 1000 + (100 * (push % 7 + 1) if n in changed else 0), n)
        for n in range(50)
    ]


def growing(push, changes):
    """A list of fifty of which so many volumes grow with each push."""
    return list_of("growing", [line(n, 1000 + 100 * ((push * changes + 49 - n) // 50), n) for n in range(50)])


def body_of(strategy, push, instruments=4_000, name=None):
    return list_of(name or f"strategy-{strategy}", positions(strategy, push, instruments))


def list_of(name, positions):
    """The body of a push."""
    return json.dumps({"strategy_name": name, "positions": positions}, ensure_ascii=False).encode()


def push(connection, api_key, body):
    connection.request("POST", UPDATE, body, {"Content-Type": "application/json", "X-API-Key": api_key})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"a push was refused: {text.decode()}")


def raw_push(api_key, body):
    """A push as it goes over the wire."""
    head = (
        f"POST {UPDATE} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def seed(port, api_key, strategies, **options):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for strategy in range(strategies):
        push(connection, api_key, body_of(strategy, 0, **options))


def make_account(port, name, strategies, scale):
    """A trading account that follows so many of the seeded strategies."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    shares = [{"name": f"strategy-{number}", "scale": scale} for number in range(strategies)]
    headers = {"Content-Type": "application/json", "X-Internal-Password": PASSWORD}
    connection.request("PUT", f"/api/v1/accounts/{name}", json.dumps({"strategies": shares}), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"an account was refused: {text.decode()}")


def make_years(writer, folder, days, *options):
    """A folder with a database of so many trading days; what its writer says of it, and how many changes it holds."""
    (folder / "data").mkdir(parents=True)
    database = folder / "data/jq2qmt.db"
    made = json.loads(subprocess.check_output([writer, database, "--days", str(days), *options], text=True))
    with contextlib.closing(sqlite3.connect(database)) as connection:
        counted = "SELECT sum(json_array_length(changes)) FROM revisions WHERE strategy_id IS NOT NULL"
        (made["changes"],) = connection.execute(counted).fetchone()
    return made


def day_of(made):
    """Where the last of those days is attributed."""
    return f"/api/v1/accounts/{urllib.parse.quote('DEMO_主账户')}/attribution?day={made['last']}"


def answering(port, path):
    """Measures how long an answer takes that names twenty strategies."""
    if len(json.loads(get(port, path)[0])["strategies"]) < 20:
        sys.exit(f"{path} has too few owners")
    return lambda: times(port, lambda _: path)


def times(port, path_of, lines=None):
    """How long answers take, the path of each by its number: the middle one of many, in ms. Where it is said
    under which name they list something, each must."""
    taken = []
    for number in range(20):
        start = time.perf_counter()
        answer, _ = get(port, path_of(number))
        taken.append(1e3 * (time.perf_counter() - start))
        if lines and not json.loads(answer)[lines]:
            sys.exit(f"{path_of(number)} lists nothing")
    return statistics.median(taken)


def pushing(servers, strategies, names=None):
    """How long a push takes at each of servers (a port and an API key), in turns: the middle one of many, in ms."""
    connections = [http.client.HTTPConnection("127.0.0.1", port) for port, _ in servers]
    taken = [[] for _ in servers]
    for number in range(1, 400):
        body = body_of(number % strategies, number, name=names and names[number % strategies])
        for connection, (_, api_key), all_of in zip(connections, servers, taken, strict=True):
            start = time.perf_counter()
            push(connection, api_key, body)
            all_of.append(1e3 * (time.perf_counter() - start))
    return map(statistics.median, taken)


def look(connection, path):
    """How long it takes until a page begins, and until it is there as a browser gets it: ms."""
    start = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    began = time.perf_counter()
    text = answer.read()
    ended = time.perf_counter()
    if answer.status != 200 or len(text) < 10_000:
        sys.exit(f"{path} answered {answer.status}, or too little")
    return 1e3 * (began - start), 1e3 * (ended - start)


def resident(process):
    """How much memory a process uses, in kB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1.024


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"{path} answered {answer.status}: {text.decode()}")
    return text, answer.headers


def sign(task):
    """One raw HTTP request: a push of 50 positions with a token bound to it."""
    pem, number = task
    body = body_of(number % 20, number // 20)
    data = {
        "client_id": "bench", "timestamp": int(time.time()), "method": "POST", "path": UPDATE,
        "body_sha256": hashlib.sha256(body).hexdigest(), "nonce": secrets.token_hex(16),
    }  # fmt: skip
    key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    # Sent as it was signed, for the bare server, which cuts it out.
    message = json.dumps(data, sort_keys=True)
    signature = base64.b64encode(key.sign(message.encode(), PSS, hashes.SHA256())).decode()
    token = f'{{"auth_data": {message}, "signature": "{signature}"}}'
    head = (
        f"POST {UPDATE} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Auth-Token: {base64.b64encode(token.encode()).decode()}\r\n\r\n"
    )
    return head.encode() + body


def private_pem(key):
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


def public(key, encoding=serialization.Encoding.PEM):
    return key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def write_requests(file, requests):
    file.write_bytes(b"".join(struct.pack(">I", len(request)) + request for request in requests))
    return file


class Load:
    """The sender of requests, `limits`. It fails unless every answer has the expected status."""

    def __init__(self, binary):
        self.binary = binary

    def replay(self, port, file, connections):
        """Send each request of the file once."""
        return self._report(self._start("replay", file, port, connections))

    @contextlib.contextmanager
    def polling(self, port, path, connections, *options):
        """Poll while something else is done; the report is there afterwards."""
        report = {}
        process = self._start("poll", path, port, connections, *options)
        try:
            yield report
        finally:
            report |= self._report(process)

    def poll(self, port, path, connections, seconds, *options):
        with self.polling(port, path, connections, *options) as report:
            time.sleep(seconds)
        return report

    @contextlib.contextmanager
    def crowd(self, port, path, change, connections, *options):
        """Let a crowd wait, and tell it of a change after what is done meanwhile; the report is there afterwards."""
        report = {}
        process = self._start("crowd", path, port, connections, change, *options)
        try:
            process.stdout.readline()
            yield report
        finally:
            report |= self._report(process)

    def _start(self, what, of, port, connections, *options):
        command = [self.binary, what, of, "--address", f"127.0.0.1:{port}", "--connections", connections, *options]
        return subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _report(self, process):
        # The end of its input ends a poll, and lets a crowd be told.
        output, _ = process.communicate()
        if process.returncode != 0:
            sys.exit(f"the load failed: {output}")
        return json.loads(output)
