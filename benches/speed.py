"""Measure the server against what the machine can do at best, in one run, and print the table.

Called by `make bench`:  speed.py SERVER_BINARY LIMITS_BINARY
Needs wrk, and the packages of tests/python/requirements.txt. Everything runs on this machine's loopback.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SERVER, LIMITS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
# Enough that a poll or a batch of pushes is always waiting, as in a burst at 14:50.
CONNECTIONS = 64
ROUNDS = 5
SECONDS = 3
PUSHES = 3_000
UPDATE = "/api/v1/positions/update"
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)


@contextlib.contextmanager
def running(*command, **environment):
    """Start a program that prints `listening on URL`, and give its port, its process and how long that took."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
    )
    try:
        port = int(process.stdout.readline().strip().rsplit(":", 1)[1])
        yield port, process, time.perf_counter() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def serve(folder):
    return running(
        SERVER, "--listen", "127.0.0.1:0", "--data-dir", folder / "data", "--keys-dir", folder / "keys",
        "--token-max-age", "3600", JQ2QMT_LOG="error",
    )  # fmt: skip


def prepare(folder):
    """Let a first start create its files, and make an API key for writing."""
    folder.mkdir()
    with serve(folder):
        pass
    made = subprocess.check_output(
        [SERVER, "--data-dir", folder / "data", "key", "add", "bench", "--scope", "write"], text=True
    )
    return made.split()[-1]


def positions(strategy, push):
    """Fifty positions; from one push to the next five volumes change."""
    changed = {(push * 5 + n) % 50 for n in range(5)}
    return [
        {
            "code": f"{600000 + (strategy * 37 + n) % 4000}.XSHG",
            "name": f"股票{(strategy * 37 + n) % 4000}",
            "volume": 1000 + (100 * (push % 7 + 1) if n in changed else 0),
            "cost": 12.345678901234567 + n,
        }
        for n in range(50)
    ]


def body_of(strategy, push):
    body = {"strategy_name": f"strategy-{strategy}", "positions": positions(strategy, push)}
    return json.dumps(body, ensure_ascii=False).encode()


def seed(port, api_key, strategies):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for strategy in range(strategies):
        push(connection, api_key, body_of(strategy, 0))


def push(connection, api_key, body):
    connection.request("POST", UPDATE, body, {"Content-Type": "application/json", "X-API-Key": api_key})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"a push was refused: {text.decode()}")


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.read(), answer.headers


def wrk(port, path, *options, seconds=SECONDS):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *options, f"http://127.0.0.1:{port}{path}"]
    return subprocess.check_output(command, text=True)


def rate(output):
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def side_by_side(ours, limit):
    """Two measurements taken in turns, so that both see the same machine: the pair whose ratio is the median."""
    pairs = sorted(((ours(), limit()) for _ in range(ROUNDS)), key=lambda pair: pair[0] / pair[1])
    return pairs[ROUNDS // 2]


def compare_polls(table, folder):
    api_key = prepare(folder)
    with serve(folder) as (port, _, _):
        seed(port, api_key, 20)
        total, headers = get(port, "/api/v1/positions/total")
        (folder / "total.json").write_bytes(total)
        with running(LIMITS, "serve", str(folder / "total.json")) as (bare, _, _):
            ours, limit = side_by_side(
                lambda: rate(wrk(port, "/api/v1/positions/total")), lambda: rate(wrk(bare, "/bytes"))
            )
            table.append((f"poll of the total ({len(total) / 1000:.0f} kB)", ours, limit, "polls/s", 0.9))
            tag = f"If-None-Match: {headers['ETag']}"
            ours, limit = side_by_side(
                lambda: rate(wrk(port, "/api/v1/positions/total", "-H", tag)), lambda: rate(wrk(bare, "/304"))
            )
            table.append(("the same, unchanged (304)", ours, limit, "polls/s", 0.8))


def sign(task):
    """One raw HTTP request: a push of 50 positions with a token bound to it."""
    pem, number = task
    body = body_of(number % 20, number // 20)
    data = {
        "client_id": "bench", "timestamp": int(time.time()), "method": "POST", "path": UPDATE,
        "body_sha256": hashlib.sha256(body).hexdigest(), "nonce": secrets.token_hex(16),
    }  # fmt: skip
    key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    signature = key.sign(json.dumps(data, sort_keys=True).encode(), PSS, hashes.SHA256())
    token = {"auth_data": data, "signature": base64.b64encode(signature).decode()}
    head = (
        f"POST {UPDATE} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Auth-Token: {base64.b64encode(json.dumps(token).encode()).decode()}\r\n\r\n"
    )
    return head.encode() + body


def compare_pushes(table, folder):
    prepare(folder)
    key = rsa.generate_private_key(65537, 4096)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "keys/bench.pem").write_bytes(public)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    message = b"{}" * 100
    (folder / "message").write_bytes(message)
    (folder / "signature").write_bytes(key.sign(message, PSS, hashes.SHA256()))
    with multiprocessing.Pool() as pool:
        requests = pool.map(sign, [(pem, number) for number in range(PUSHES * ROUNDS)], chunksize=100)

    def ours():
        batch, requests[:] = requests[:PUSHES], requests[PUSHES:]
        (folder / "requests").write_bytes(b"".join(batch))
        (folder / "sizes").write_text("".join(f"{len(request)}\n" for request in batch))
        # Stops with an error unless every push is answered 200.
        arguments = [f"127.0.0.1:{port}", folder / "requests", folder / "sizes", str(CONNECTIONS)]
        return float(subprocess.check_output([LIMITS, "replay", *arguments], text=True))

    def limit():
        files = [str(folder / name) for name in ("keys/bench.pem", "message", "signature")]
        return float(subprocess.check_output([LIMITS, "verify", *files], text=True))

    with serve(folder) as (port, _, _):
        rates = side_by_side(ours, limit)
    table.append(("signed durable push, 50 positions, RSA-4096", *rates, "pushes/s", 0.7))


def compare_books(table, small, large):
    small_key, large_key = prepare(small), prepare(large)
    with serve(small) as (small_port, _, _), serve(large) as (large_port, _, _):
        seed(small_port, small_key, 10)
        seed(large_port, large_key, 10_000)
        connections = {
            "small": (http.client.HTTPConnection("127.0.0.1", small_port), small_key, []),
            "large": (http.client.HTTPConnection("127.0.0.1", large_port), large_key, []),
        }
        for number in range(1, 400):
            for connection, api_key, times in connections.values():
                body = body_of(number % 10, number)
                start = time.perf_counter()
                push(connection, api_key, body)
                times.append(1e3 * (time.perf_counter() - start))
    small_ms, large_ms = (statistics.median(times) for _, _, times in connections.values())
    table.append(("push into 10,000 strategies, against 10 (at most)", large_ms, small_ms, "ms", 1.5))
    with serve(large) as (port, process, seconds):
        get(port, "/healthz")
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        megabytes = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000
    return seconds, megabytes


def main():
    table = []
    # On the disk of the checkout: a temporary folder may lie in memory, where a sync costs nothing.
    with tempfile.TemporaryDirectory(dir=LIMITS.parent) as name:
        folder = pathlib.Path(name)
        compare_polls(table, folder / "polls")
        compare_pushes(table, folder / "pushes")
        seconds, megabytes = compare_books(table, folder / "small", folder / "large")
    print(f"{'work':<52}{'here':>10}{'limit':>10}  {'unit':<9}{'ratio':>6}{'goal':>6}")
    for work, ours, limit, unit, goal in table:
        print(f"{work:<52}{ours:>10.1f}{limit:>10.1f}  {unit:<9}{ours / limit:>6.2f}{goal:>6.2f}")
    print(f"{'start with 10,000 strategies x 50 positions':<52}{seconds:>10.2f}{1.0:>10.1f}  s")
    print(f"{'the same, most memory used':<52}{megabytes:>10.0f}{300.0:>10.1f}  MB")


if __name__ == "__main__":
    main()
