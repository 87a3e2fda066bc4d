"""Every kind of secret is planted in a server that logs all it can, and then looked for in all that it says."""

import base64
import collections
import hashlib
import html
import json
import re
import sqlite3
import time

import pytest
import requests
from conftest import INTERNAL, PASSWORD, UPDATE, Server, held, private_pem, running, sign, until
from test_channels import GOOD, REFUSED, SECRET, Robot, settle
from test_openapi import furnish

GUESS, MADE_UP = "pl4nted-guess-at-the-password", "jq2qmt_pl4nted0000000000000000000000000000000000"
MAIL = {"from": "pl4nted@example.com", "to": ["pl4nted@example.org"]}
# Who guesses comes from elsewhere: five guesses would lock this machine out.
ELSEWHERE = {"X-Forwarded-For": "192.0.2.1"}


class Secrets(dict):
    """What must come up nowhere, by what it is: texts, of which none may be found."""

    def plant(self, name, *texts):
        for text in texts:
            assert len(text) >= 8, (name, "what is so short comes up by chance")
        self[name] = (*self.get(name, ()), *texts)

    def key(self, name, key):
        # As it stands in `Authorization: Basic`, too, where it begins at any of three places.
        basic = base64.b64encode(f"qmt:{key}".encode()).decode()
        self.plant(name, key, basic[8:-4], hashlib.sha256(key.encode()).hexdigest())

    def token(self, name, token):
        """Of a token the signature is secret: who it is from and when is not."""
        signature = json.loads(base64.b64decode(token))["signature"]
        self.plant(name, token[-64:], signature[:64])

    def found_in(self, text):
        return [name for name, texts in self.items() if any(planted in text for planted in texts)]


class Said:
    """All that was said, and by whom."""

    def __init__(self, secrets):
        self.secrets, self.leaks = secrets, []

    def heard(self, where, text):
        for name in self.secrets.found_in(text):
            place = next(text.index(planted) for planted in self.secrets[name] if planted in text)
            self.leaks.append(f"{where}: {name}: {text[max(0, place - 80) : place + 80]!r}")

    def nothing(self):
        """No secret was among it, so far."""
        leaks, self.leaks = self.leaks, []
        assert not leaks, "\n".join(leaks)

    def answer(self, where, answer):
        self.heard(where, "\n".join(f"{name}: {value}" for name, value in answer.headers.items()) + answer.text)
        return answer


@pytest.fixture(scope="module")
def robot():
    robot = Robot()
    yield robot
    robot.shutdown()
    robot.server_close()


@pytest.fixture(scope="module", params=["text", "json"])
def planted(request, tmp_path_factory, robot, quick_key):
    """A server in which everything secret has been used, rightly and wrongly."""
    folder, secrets = tmp_path_factory.mktemp("secrets"), Secrets()
    robot.says(GOOD["wecom"])
    options = ("--reads", "key", "--log-format", request.param, "--trusted-proxy", "127.0.0.1")
    # The operator sets the filter, and wants to know everything.
    with running(folder, *options, JQ2QMT_LOG="trace", JQ2QMT_HEARTBEAT=robot.url) as server:
        said = Said(secrets)
        plant(server, said, robot, quick_key)
        yield server, said


def plant(server, said, robot, quick_key):
    secrets = said.secrets
    secrets.plant("the operator's password", PASSWORD)
    secrets.plant("a wrong password", GUESS)
    secrets.plant("what leads to a robot", "pl4nted-key", "pl4nted-token")
    secrets.plant("a channel's secret", SECRET)
    secrets.plant("an address of mail", MAIL["from"], *MAIL["to"])
    secrets.plant("the password of another's database", "pl4nted-import")
    for name, pem in (
        ("a client's private key", private_pem(quick_key)),
        ("the default private key", server_pem(server)),
    ):
        secrets.plant(name, *pem.decode().splitlines()[1:-2])
    terminal, reader = furnish(server)
    writer = server.run("key", "add", "writer", "--scope", "write").stdout.split()[-1]
    for name, key in (("a terminal's key", terminal), ("a key that reads", reader), ("a key that writes", writer)):
        secrets.key(name, key)
    secrets.key("a key of nobody", MADE_UP)
    server.keys = {"terminal": terminal, "reader": reader, "writer": writer}

    robot.says(REFUSED["feishu"])
    settle(server, "desk", kind="feishu", url=robot.url, secret=SECRET)
    settle(server, "hook", kind="webhook", url=robot.url, secret=SECRET)
    settle(server, "mail", kind="mail", url="smtps://127.0.0.1:1", secret=SECRET, **MAIL)
    push_all(server, said, quick_key)
    guess_all(server, said, quick_key)
    server.session = log_in(server, said)
    secrets.plant("a session", server.session)
    with sqlite3.connect(server.folder / "data/jq2qmt.db") as database:
        secrets.plant("the password's hash", database.execute("SELECT password_hash FROM operator").fetchone()[0])
    until(lambda: any(path.startswith("/hook") and not body for path, _, body in robot.heard), 60)


def server_pem(server):
    return (server.folder / "data/default_private.pem").read_bytes()


def push_all(server, said, quick_key):
    """Pushes that are signed, each with a token of which something is wrong, but for the first."""
    now = time.time()
    body = {"strategy_name": "alpha", "positions": [held("000001.SZ", 900)]}
    data = {"client_id": "client1", "timestamp": now}
    for name, key, auth_data in (
        ("a token", server.key, data),
        ("a token that is old", server.key, data | {"timestamp": now - 9000}),
        ("a token for another body", server.key, data | {"body_sha256": "0" * 64}),
        ("a token by another's key", quick_key, data),
        ("a token for another server", server.key, data | {"audience": "elsewhere.example"}),
    ):
        token = sign(key, auth_data)
        said.secrets.token(name, token)
        for again in ("", " again"):
            said.answer(name + again, server.post(UPDATE, body, X_Auth_Token=token))
        said.answer(f"{name} that is cut", server.post(UPDATE, body, X_Auth_Token=token[:-9]))
    for key in server.keys.values():
        said.answer("a push with a key", server.post(UPDATE, body | {"strategy_name": "beta"}, X_API_Key=key))


def guess_all(server, said, quick_key):
    """What people send by mistake, or where it does not belong."""
    pem = private_pem(quick_key).decode()
    line = pem.replace("\n", "")
    for path in (UPDATE, INTERNAL, "/api/v1/accounts/main/report", "/login", "/nowhere", "/api/v1/nowhere"):
        for body in (pem, json.dumps({"key": pem}), json.dumps({"strategy_name": pem, "positions": pem}), line):
            # A guess with the right password counts as none.
            headers = {"X-API-Key": server.keys["terminal"], "X-Internal-Password": PASSWORD}
            sent = requests.post(server.url + path, data=body, headers=headers, timeout=30)
            said.answer(f"a private key as the body to {path}", sent)
    for name in ("X-Auth-Token", "X-API-Key", "Authorization", "Cookie", "X-Nothing"):
        said.answer(f"a private key as {name}", server.post(UPDATE, {}, **{name: line}))
    for key in (*server.keys.values(), MADE_UP):
        for name in ("X-Auth-Token", "Cookie", "Authorization", "If-Match", "X-Terminal", "If-None-Match"):
            said.answer(f"a key as {name}", server.post(UPDATE, {}, **{name: key}))
    for body in ({"strategy_name": "alpha"}, {"new_password": GUESS, "old_password": GUESS}):
        path = INTERNAL if "strategy_name" in body else "/api/v1/internal/password/set"
        said.answer("a wrong password", server.post(path, body, X_Internal_Password=GUESS, **ELSEWHERE))
    login = requests.post(server.url + "/login", data={"password": GUESS, "next": "/"}, headers=ELSEWHERE, timeout=30)
    assert said.answer("a login", login).status_code == 401
    for kind, url in (("wecom", "pl4nted-key"), ("mail", "http://pl4nted-key/"), ("wecom", "https://a:pl4nted-key@b/")):
        body = {"kind": kind, "url": url, "secret": SECRET}
        headers = {"X-Internal-Password": PASSWORD}
        sent = requests.put(server.url + "/api/v1/channels/bad", json=body, headers=headers, timeout=30)
        assert said.answer("a channel that is wrong", sent).status_code == 400


def log_in(server, said):
    """A session's cookie. That its owner is told it is what a login is for."""
    form = {"password": PASSWORD, "next": "/"}
    answer = requests.post(server.url + "/login", data=form, allow_redirects=False, timeout=30)
    assert answer.status_code == 303
    cookie = answer.headers.pop("set-cookie")
    said.answer("a login", answer)
    return re.match("jq2qmt_session=([^;]+)", cookie)[1]


def test_no_page_shows_a_secret(planted):
    """Pages are found by the links of others, from the first on, as people find them."""
    server, said = planted
    browser = requests.Session()
    browser.cookies.set("jq2qmt_session", server.session)
    seen, kinds, waiting = set(), collections.Counter(), ["/", "/login", "/nowhere"]
    while waiting:
        path = waiting.pop()
        # Days go on for ever: of a page with other numbers, or other values of the same questions, three are enough.
        place, _, query = path.partition("?")
        kind = (re.sub(r"\d+", "0", place), *sorted(part.split("=")[0] for part in query.split("&")))
        if path in seen or kinds[kind] == 3:
            continue
        seen.add(path)
        kinds[kind] += 1
        answer = said.answer(f"GET {path}", browser.get(server.url + path, timeout=30))
        assert answer.status_code < 500, path
        if "text/html" in answer.headers.get("content-type", ""):
            links = re.findall(r'(?:href|action|src)="(/[^"#]*)', answer.text)
            waiting += [html.unescape(link) for link in links if not link.startswith("/logout")]
    for wanted in (
        "/doctor",
        "/keys",
        "/channels",
        "/incidents",
        "/history.csv",
        "/accounts/main",
        "/api",
        "/password",
    ):
        assert any(path.split("?")[0] == wanted for path in seen), (wanted, seen)
    for path in sorted({path.split("?")[0] for path in seen}):
        # Who comes without a session, but with a key where it does not belong, is sent on or refused.
        for headers in ({}, {"X-API-Key": server.keys["reader"]}):
            query = {"api_key": server.keys["reader"]} if not headers else {}
            answer = requests.get(server.url + path, params=query, headers=headers, allow_redirects=False, timeout=30)
            said.answer(f"GET {path} with a key", answer)
    said.nothing()


def test_no_form_shows_a_secret(planted):
    """What was typed and could not be saved is shown again: but for what is secret."""
    server, said = planted
    cookies = {"jq2qmt_session": server.session}
    token = html.unescape(
        re.search(
            r'name="form_token" value="([^"]+)"', requests.get(server.url + "/keys", cookies=cookies, timeout=30).text
        )[1]
    )
    channel = {"name": "bad name", "kind": "wecom", "url": "pl4nted-key", "secret": SECRET, "from": MAIL["from"]}
    passwords = {
        "password": GUESS,
        "current": GUESS,
        "new": GUESS,
        "new_password": GUESS,
        "again": GUESS,
        "repeat": GUESS,
    }
    for path, form in (
        ("/channels", channel),
        ("/channels", channel | {"name": "desk", "url": "https://a:pl4nted-key@b/"}),
        ("/password", passwords),
        ("/keys/create", {"name": "writer", "scope": "read", "secret": SECRET}),
    ):
        for form_token, site in ((token, "same-origin"), ("none", "same-origin"), (token, "cross-site")):
            headers = {"Sec-Fetch-Site": site} | ELSEWHERE
            for with_cookies in (cookies, {}, {"jq2qmt_session": MADE_UP}):
                answer = requests.post(
                    server.url + path, data=form | {"form_token": form_token}, cookies=with_cookies, headers=headers,
                    allow_redirects=False, timeout=30,
                )  # fmt: skip
                said.answer(f"POST {path}", answer)
    # The answer that shows a new key shows it once, and only it.
    answer = requests.post(
        server.url + "/keys/create", data={"name": "fresh", "scope": "read", "form_token": token}, cookies=cookies,
        headers={"Sec-Fetch-Site": "same-origin"}, timeout=30,
    )  # fmt: skip
    key = re.search(r"jq2qmt_[A-Za-z0-9_-]{40,}", answer.text)[0]
    said.answer("POST /keys/create", answer)
    said.secrets.key("a key that a page has made", key)
    said.answer("GET /keys", requests.get(server.url + "/keys", cookies=cookies, timeout=30))
    said.nothing()


def test_no_endpoint_shows_a_secret(planted):
    server, said = planted
    reader = server.keys["reader"]
    basic = base64.b64encode(f"qmt:{reader}".encode()).decode()
    callers = [
        {"headers": {"X-API-Key": reader}},
        {"headers": {"Authorization": f"Basic {basic}"}},
        {"params": {"api_key": reader}},
        {"headers": {"X-Internal-Password": PASSWORD}},
        {"headers": {"X-API-Key": server.keys["terminal"], "X-Terminal": "pl4nted"}},
        {"headers": {"X-API-Key": server.keys["writer"]}},
        {"headers": {"X-API-Key": MADE_UP}},
        {"params": {"api_key": MADE_UP, "nothing": MADE_UP}},
        {"cookies": {"jq2qmt_session": server.session}},
    ]
    names = {"name": "main", "code": "000001.SZ", "id": "1"}
    paths = server.get("/api/v1/openapi.json").json()["paths"]
    assert len(paths) > 50
    for path, methods in paths.items():
        name = {"strategies": "alpha", "strategy": "alpha", "channels": "desk"}.get(path.split("/")[-2], "main")
        place = re.sub(r"\{(\w+)\}", lambda found, name=name: (names | {"name": name})[found[1]], path)
        for method in methods:
            if method == "delete":
                continue
            for number, caller in enumerate(callers):
                # What changes something is only asked with what is no answer to it.
                body = None if method == "get" else {"key": MADE_UP, "url": "pl4nted-key", "password": GUESS}
                with requests.request(
                    method, server.url + place, json=body, timeout=30, stream=True, allow_redirects=False, **caller
                ) as answer:
                    where = f"{method} {place} by {number}"
                    if path == "/api/v1/events" and answer.ok:
                        said.heard(where, next(answer.iter_content(None)).decode())
                    else:
                        said.answer(where, answer)
    wanted = {"/metrics", "/api/v1/revisions.jsonl", "/api/v1/revisions.csv", "/api/v1/incidents", "/api/v1/channels"}
    assert wanted <= set(paths)
    said.nothing()


def test_no_command_shows_a_secret(planted):
    server, said = planted
    variables = {
        "JQ2QMT_API_KEY": server.keys["reader"],
        "JQ2QMT_IMPORT_FROM": "mysql://user:pl4nted-import@127.0.0.1:1/its",
        "JQ2QMT_HEARTBEAT": "https://pl4nted-key.example/pl4nted-token",
    }
    (server.folder / "list.json").write_text(json.dumps([held("000001.SZ", 100)]))
    (server.folder / "keys/mistake.pem").write_bytes(server_pem(server))
    listen, pushing = (
        ("--listen", server.url.split("//")[1]),
        ("--server", server.url, "--client", "c", "--strategy", "alpha"),
    )
    commands = [
        ("doctor",),
        ("doctor", "--json"),
        ("doctor", "--send"),
        (*listen, "doctor"),
        ("head",),
        ("verify",),
        ("key", "list"),
        ("key", "revoke", "nobody"),
        ("drift", "--server", server.url, "main"),
        ("drift", "--server", server.url, "nobody"),
        ("drift", "--server", server.url, "--api-key", MADE_UP, "main"),
        ("import",),
        ("import", "--from", "postgres://user:pl4nted-import@127.0.0.1/its"),
        ("compact", "--before", "2020-01-01"),
        ("backup", "copy.db"),
        ("push", *pushing, "--key", "data/default_private.pem", "list.json"),
        ("push", *pushing, "--key", "keys/mistake.pem", "data/default_private.pem"),
        ("push", *pushing, "--key", "list.json", "list.json"),
        ("keygen", "mistake"),
        ("keygen", "fresh", "--bits", "2048"),
        ("--heartbeat", "pl4nted-key", "serve"),
        ("serve",),
        ("--help",),
        *((command, "--help") for command in ("serve", "doctor", "drift", "import", "push", "compact", "backup")),
    ]
    settings = server.folder / "secret.toml"
    settings.write_text('heartbeat = "pl4nted-key"\nlisten = 1\n')
    commands.append(("--config", "secret.toml", "doctor"))
    apart = Server(server.folder, JQ2QMT_LOG="trace", **variables)
    for command in commands:
        done = apart.run(*command, check=False)
        said.heard(f"jq2qmt {' '.join(command)}", done.stdout + done.stderr)
    short = "pl4nted"
    done = apart.run("password", "set", check=False, stdin=short + "\n")
    assert done.returncode == 1 and short not in done.stdout + done.stderr
    (server.folder / "keys/mistake.pem").unlink()
    said.nothing()


def test_no_log_holds_a_secret(planted):
    """Last of all, after everything that was asked above."""
    server, said = planted
    kept = [*(server.folder / "data").glob("jq2qmt.log*"), server.folder / "log"]
    assert len(kept) >= 2
    for path in kept:
        text = path.read_text(encoding="utf-8")
        assert "answered with an error" in text, "it tells what debug tells"
        said.heard(path.name, text)
    said.nothing()
