"""How the QMT script asks the server, over real sockets: against every way in which an answer can fail to come."""

import socket
import threading
import time

import pytest
from conftest import ROOT, held, running
from test_serving import certificate


@pytest.fixture
def package(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples/qmt"))
    from jq2qmt_sync import poll

    return poll


class Wire:
    """A server that sends given bytes to each connection, piece by piece, and then closes it or holds it open."""

    def __init__(self, *pieces, hold=False):
        self.pieces, self.hold = pieces, hold
        self.asked, self.finished = [], threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                self.asked.append(connection.recv(65536).decode())
                for piece in self.pieces:
                    # A piece that drips in: half a second between two.
                    if self.hold and self.finished.wait(0.15):
                        break
                    connection.sendall(piece)
                if self.hold:
                    self.finished.wait(10)


def answer(body, length=None, head=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"):
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % (length or len(body)) + body


LINE = b'{"code": "600000.XSHG", "total_volume": 100}'
GOOD = b'{"positions": [%s], "update_time": "2026-01-05 09:00:00", "revision": 3}' % LINE


def test_a_whole_answer(package):
    wire = Wire(answer(GOOD))
    poll = package.Poll(wire.url + "/", "secret-key", ["双均线", "a,b"], include_adjustments=False)
    targets = poll()
    assert (dict(targets.volumes), targets.revision, targets.ignored) == ({"600000.SH": 100}, 3, [])
    request = wire.asked[0]
    query = "strategy=%E5%8F%8C%E5%9D%87%E7%BA%BF&strategy=a%2Cb&include_adjustments=false"
    assert f"GET /api/v1/positions/total?{query} HTTP/1.1" in request
    assert "x-api-key: secret-key" in request.lower() and "if-none-match" not in request.lower()


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([answer(GOOD, length=500)], "连接服务器失败"),
        ([answer(GOOD[:40], length=40)], "不是持仓数据"),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GOOD[:60]], "不是持仓数据"),
        ([b""], "连接服务器失败"),
        ([b"SSH-2.0-OpenSSH\r\n"], "连接服务器失败"),
        ([answer(b"", head=b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/login\r\n")], "应答 302"),
        ([b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"], "应答 304"),
        ([answer(GOOD.replace(b'"revision"', b'"demo": true, "revision"'))], "演示数据"),
        ([answer(b"<html>", head=b"HTTP/1.1 502 Bad Gateway\r\n")], "应答 502"),
    ],
)
def test_anything_else_is_refused(package, pieces, words):
    with pytest.raises(package.PollError, match=words):
        package.Poll(Wire(*pieces).url)()


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200 OK\r\n"],
        # Each piece comes within the time, the whole does not.
        [answer(GOOD)[n : n + 8] for n in range(0, 200, 8)],
    ],
)
def test_a_server_that_hangs_does_not_hold_the_terminal_up(package, pieces):
    wire = Wire(*pieces, hold=True)
    poll = package.Poll(wire.url, timeout=0.3)
    before = time.monotonic()
    # Where nothing comes at all, the socket's own time-out is up at the same moment, and either may be the first.
    drips = len(pieces) > 1
    with pytest.raises(package.PollError, match="没有应答：不交易" if drips else "没有应答：不交易|timed out"):
        poll()
    # While that one hangs, no second one is started.
    with pytest.raises(package.PollError, match="上一次查询仍未返回" if drips else "不交易"):
        poll()
    # Every piece of the slow body would take 3 s.
    assert time.monotonic() - before < 2.5
    wire.finished.set()
    poll.asking.join(5)
    wire.pieces, wire.hold = [answer(GOOD)], False
    assert poll().revision == 3


def test_no_timeout_is_longer_than_two_seconds(package):
    assert package.Poll("http://127.0.0.1:1", timeout=60).timeout == 2.0


def test_nobody_there_and_no_such_name(package):
    for url in ("http://127.0.0.1:1", "http://no-such-host.invalid"):
        with pytest.raises(package.PollError, match="连接服务器失败"):
            package.Poll(url)()


def test_the_real_server_with_a_reading_key(package, tmp_path):
    with running(tmp_path, "--reads", "key") as server:
        key = server.run("key", "add", "qmt", "--scope", "read").stdout.split()[-1]
        with pytest.raises(package.PollError, match="应答 401"):
            package.Poll(server.url)()
        poll = package.Poll(server.url, key)
        with pytest.raises(package.PollError, match="还没有任何策略"):
            poll()
        server.push("alpha", [held("000001.XSHE", 300), held("688001.XSHG", 200)])
        assert dict(poll().volumes) == {"000001.SZ": 300, "688001.SH": 200}
        with pytest.raises(package.PollError, match="应答 404，策略不存在"):
            package.Poll(server.url, key, ["alhpa"])()


def test_a_wrong_protocol_and_a_certificate_that_nobody_knows(package, tmp_path):
    certificate(tmp_path, "first")
    with running(tmp_path, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        with pytest.raises(package.PollError, match="证书不受信任：自签名证书请在 CA_FILE 填写"):
            package.Poll(server.url)()
        with pytest.raises(package.PollError, match="若服务器启用了 TLS，SERVER 请写 https://"):
            package.Poll(server.url.replace("https:", "http:"))()
        with pytest.raises(package.PollError, match="还没有任何策略"):
            package.Poll(server.url, ca_file=str(tmp_path / "cert.pem"))()
    with running(tmp_path) as server, pytest.raises(package.PollError, match="服务器不使用 TLS：SERVER 请写 http://"):
        package.Poll(server.url.replace("http:", "https:"))()


def test_a_304_that_was_not_asked_for_says_nothing(package):
    poll = package.Poll("http://127.0.0.1:1")
    poll.ask = lambda: (200, GOOD)
    assert poll().revision == 3
    poll.ask = lambda: (304, b"")
    with pytest.raises(package.PollError, match="应答 304"):
        poll()


def test_what_has_not_changed_is_not_sent_again(package, server):
    server.push("alpha", [held("000001.XSHE", 300)])
    poll = package.Poll(server.url)
    exchange, found = poll.wire.exchange, []
    poll.wire.exchange = lambda *rest, **headers: found.append(exchange(*rest, **headers)) or found[-1]
    assert [dict(poll().volumes) for _ in range(3)] == [{"000001.SZ": 300}] * 3
    server.push("alpha", [held("000001.XSHE", 400)])
    assert [dict(poll().volumes) for _ in range(2)] == [{"000001.SZ": 400}] * 2
    assert [status for status, _, _ in found] == [200, 304, 304, 200, 304]
