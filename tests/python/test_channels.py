"""Channels against robots on this machine: what each is sent, what its answers mean, and what hostile ones do."""

import base64
import datetime
import email.policy
import hashlib
import hmac
import http.server
import json
import socketserver
import sys
import threading
import time
import urllib.parse

import pytest
import requests
from conftest import PASSWORD, compiled, held, running
from fake_qmt import CHINA
from two_accounts import Clock

SECRET = "pl4nted-secret"
GOOD = {
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"code": 0, "msg": "success", "data": {}},
    "bark": {"code": 200, "message": "success", "timestamp": 1},
    "pushplus": {"code": 200, "msg": "请求成功", "data": "1"},
    "serverchan": {"code": 0, "message": "", "data": {"error": "SUCCESS", "errno": 0}},
    "webhook": {},
}
REFUSED = {
    "wecom": {"errcode": 93000, "errmsg": "invalid webhook url"},
    "dingtalk": {"errcode": 310000, "errmsg": "sign not match"},
    "feishu": {"code": 19021, "msg": "sign match fail"},
    "bark": {"code": 400, "message": "failed to get device token"},
    "pushplus": {"code": 903, "msg": "无效的用户令牌"},
    "serverchan": {"code": 40001, "message": "[AUTH]错误的Key"},
}
LIMITS = {
    "wecom": {"errcode": 45009, "errmsg": "api freq out of limit"},
    "dingtalk": {"errcode": 130101, "errmsg": "send too fast"},
    "feishu": {"code": 11232, "msg": "frequency limited"},
}


class Robot(http.server.ThreadingHTTPServer):
    """Answers every POST as it is told to, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard = []
        self.answer = (200, {}, b"{}")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook/pl4nted-key?access_token=pl4nted-token"

    def says(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = (status, headers, body)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.heard.append((self.path, dict(self.headers), b""))
        self.respond()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.respond()

    def respond(self):
        answer = self.server.answer
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def robot():
    robot = Robot()
    yield robot
    robot.shutdown()
    robot.server_close()


def operate(server, method, path, body=None):
    headers = {"X-Internal-Password": PASSWORD}
    return requests.request(method, server.url + "/api/v1/channels" + path, json=body, headers=headers, timeout=40)


def settle(server, name, **channel):
    answer = operate(server, "PUT", "/" + name, channel)
    assert answer.status_code == 200, answer.text


def try_out(server, name):
    answer = operate(server, "POST", f"/{name}/test")
    return answer.status_code, answer.json().get("message")


def test_each_robot_is_understood(server, robot):
    for kind, good in GOOD.items():
        settle(server, kind, kind=kind, url=robot.url, secret=SECRET)
        robot.says(good)
        assert try_out(server, kind)[0] == 200, kind
        if kind in REFUSED:
            robot.says(REFUSED[kind])
            status, words = try_out(server, kind)
            assert status == 502 and list(REFUSED[kind].values())[1] in words, (kind, words)
        if kind in LIMITS:
            robot.says(LIMITS[kind])
            assert try_out(server, kind)[0] == 502, kind


def test_signatures_are_those_of_another_implementation(server, robot):
    def mac(key, message):
        return hmac.new(key.encode(), message, hashlib.sha256)

    for kind in ("dingtalk", "feishu", "webhook"):
        robot.says(GOOD[kind])
        settle(server, kind, kind=kind, url=robot.url, secret=SECRET)
        assert try_out(server, kind)[0] == 200
        path, headers, body = robot.heard.pop()
        told = json.loads(body)
        if kind == "dingtalk":
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
            (at,), (sign,) = query["timestamp"], query["sign"]
            expected = base64.b64encode(mac(SECRET, f"{at}\n{SECRET}".encode()).digest()).decode()
            age = time.time() - int(at) / 1000
        elif kind == "feishu":
            at, sign = told["timestamp"], told["sign"]
            expected = base64.b64encode(mac(f"{at}\n{SECRET}", b"").digest()).decode()
            age = time.time() - int(at)
        else:
            at, sign = headers["x-jq2qmt-timestamp"], headers["x-jq2qmt-signature"]
            expected = "sha256=" + mac(SECRET, f"{at}.".encode() + body).hexdigest()
            age = time.time() - int(at)
        assert sign == expected and abs(age) < 60, kind


def test_hostile_answers_are_no_success_and_harm_nobody(server, robot):
    elsewhere = Robot()
    settle(server, "desk", kind="wecom", url=robot.url)
    bodies = (b"", b"<html>", b"null", b"[]", b'{"errcode": "0"', b'{"ok": true}', b"\xff\xfe", b'{"errcode": true}')
    for body in bodies:
        robot.says(body)
        assert try_out(server, "desk")[0] == 502, body
    robot.says(GOOD["wecom"], 302, location=elsewhere.url)
    assert try_out(server, "desk")[0] == 502 and elsewhere.heard == [], "a secret must not be carried elsewhere"
    robot.says(b"[" * (8 << 20))
    assert try_out(server, "desk")[0] == 502

    def repeats(handler):
        body = json.dumps({"errcode": 1, "errmsg": f"{SECRET} {handler.path} pl4nted-key pl4nted-token"}).encode()
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    settle(server, "desk", kind="wecom", url=robot.url, secret=SECRET)
    robot.answer = repeats
    assert "pl4nted" not in str(try_out(server, "desk"))
    elsewhere.server_close()
    assert server.get("/healthz").status_code == 200


def test_a_robot_that_never_answers_is_left_after_a_while(server, robot):
    def sleeps(handler):
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        for _ in range(60):
            handler.wfile.write(b" ")
            time.sleep(1)

    settle(server, "desk", kind="wecom", url=robot.url)
    robot.answer = sleeps
    began = time.monotonic()
    status, words = try_out(server, "desk")
    assert status == 502 and "timeout" in words and time.monotonic() - began < 25, words
    assert server.get("/healthz").json()["status"] == "ok"


def test_what_is_planted_comes_up_nowhere(server, robot):
    robot.says(REFUSED["feishu"])
    settle(server, "desk", kind="feishu", url=robot.url, secret=SECRET)
    try_out(server, "desk")
    settle(
        server,
        "mail",
        kind="mail",
        url="smtps://127.0.0.1:1",
        secret=SECRET,
        **{"from": "pl4nted@a.b", "to": ["pl4nted@c.d"]},
    )
    assert try_out(server, "mail")[0] == 502
    for name, body in (("bad", {"kind": "wecom", "url": "pl4nted"}), ("bad", {"kind": "mail", "url": robot.url})):
        assert "pl4nted" not in operate(server, "PUT", "/" + name, body).text
    answers = [operate(server, "GET", "").text, server.log()]
    answers += [server.get(f"/api/v1/revisions/{n}").text for n in (1, 2)]
    answers += [server.get("/history").text, server.run("verify").stdout]
    assert all("pl4nted" not in answer for answer in answers), answers
    assert operate(server, "GET", "").json()["channels"][0]["last_failure"]["error"] == "code 19021: sign match fail"
    assert operate(server, "DELETE", "/desk").status_code == 200
    assert b"pl4nted-key" not in b"".join(path.read_bytes() for path in (server.folder / "data").glob("*.log"))


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that takes everything, or says that it does not."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MailHandler)
        self.heard, self.refuses = [], False
        threading.Thread(target=self.serve_forever, daemon=True).start()


class MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        def say(line):
            self.wfile.write(line.encode() + b"\r\n")

        say("220 mail")
        for line in self.rfile:
            word = line.decode().strip().upper()
            if word.startswith("EHLO"):
                say("250-mail")
                say("250 AUTH PLAIN LOGIN")
            elif word == "DATA":
                say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                self.server.heard.append(b"".join(lines).decode())
                say("554 no such mailbox" if self.server.refuses else "250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("235 in" if word.startswith("AUTH") else "250 ok")


def test_mail_is_sent(server):
    mailbox = Mailbox()
    url = f"smtp://127.0.0.1:{mailbox.server_address[1]}"
    settle(
        server, "mail", kind="mail", url=url, secret=SECRET, to=["owner@example.com"], **{"from": "jq2qmt@example.com"}
    )
    assert try_out(server, "mail")[0] == 200
    (mail,) = mailbox.heard
    mail = email.message_from_string(mail, policy=email.policy.default)
    assert (mail["to"], mail["subject"]) == ("owner@example.com", "jq2qmt 测试：mail")
    assert "这是一条测试消息" in mail.get_content()
    mailbox.refuses = True
    status, words = try_out(server, "mail")
    assert status == 502 and "554" in words, words
    shown = operate(server, "GET", "").json()["channels"][0]["address"]
    assert shown == f"{url} → o…@example.com"
    mailbox.shutdown()
    mailbox.server_close()


def test_the_heartbeat_is_heard(tmp_path, robot):
    with running(tmp_path, "--heartbeat", robot.url) as server:
        deadline = time.monotonic() + 20
        while not robot.heard and time.monotonic() < deadline:
            time.sleep(0.05)
        assert robot.heard and robot.heard[0][0] == "/hook/pl4nted-key?access_token=pl4nted-token"
        assert server.get("/api/v1/heartbeat").json()["status"] == "ok"
        assert "pl4nted" not in server.log()


def within(seconds, look):
    """What a look finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the server's clock is put before Linux's C library")
def test_a_kill_between_an_incident_and_its_message_loses_nothing(tmp_path, robot):
    clock, now = Clock(tmp_path / "clock"), datetime.datetime.now(CHINA).replace(tzinfo=None)
    clock.set(now)
    preload = {"LD_PRELOAD": compiled("simulated_clock.c", tmp_path), "SIMULATED_CLOCK": str(tmp_path / "clock")}
    with running(tmp_path, **preload) as server:
        settle(server, "desk", kind="wecom", url=robot.url, incidents=["push_held"])
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        frozen = server.post("/api/v1/strategies/alpha/state", {"state": "frozen"}, X_Internal_Password=PASSWORD)
        assert frozen.status_code == 200, frozen.text
        assert server.push("alpha", [held("000001.XSHE", 200)]).status_code == 202
        assert within(20, lambda: operate(server, "GET", "").json()["channels"][0]["waiting"]), "it is in the outbox"
        server.kill()
        assert robot.heard == []
        robot.says(GOOD["wecom"])
        clock.set(now + datetime.timedelta(seconds=31))
        server.start()
        (sent,) = within(20, lambda: robot.heard[:])
        assert "策略 alpha 有一次推送等待批准" in json.loads(sent[2])["text"]["content"]
        assert within(20, lambda: operate(server, "GET", "").json()["channels"][0]["last_success"])
        server.kill()
        server.start()
        assert operate(server, "GET", "").json()["channels"][0]["waiting"] == 0
        assert len(robot.heard) == 1
