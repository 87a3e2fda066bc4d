"""The contract that existing scripts and pollers rely on: recorded requests and answers, and more of the same."""

import base64
import json
import math
import pathlib
import re
import time

import pytest
import requests
from conftest import INTERNAL, PASSWORD, TOTAL, UPDATE, held, public_pem, sign
from cryptography.hazmat.primitives.asymmetric import rsa

VECTORS = json.loads((pathlib.Path(__file__).parent / "contract/vectors.json").read_text(encoding="utf-8"))
LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$")
WILDCARDS = {
    "*": lambda got: isinstance(got, str) and got != "",
    "*time": lambda got: got is None or (isinstance(got, str) and LOCAL_TIME.match(got)),
    "*zh": lambda got: isinstance(got, str) and re.search(r"[\u4e00-\u9fff]", got),
}
UNICODE_ID = '客户端"1\\\n\x7fé😀'


def auth_data(kind):
    now = int(time.time())
    return {"client_id": "client1", "timestamp": now} | {
        "rsa-expired": {"timestamp": now - 3600},
        "rsa-future": {"timestamp": now + 3600},
        "rsa-unicode": {"client_id": UNICODE_ID},
        "rsa-float": {"timestamp": time.time()},
        "rsa-extra": {
            "nonce": "abcdefghijklmnop", "zeta": [1, 2.5, None, True, {"b": 1, "a": "é"}], "alpha": 1e22,
            "tiny": 1e-7, "neg": -0.0,
        },
    }.get(kind, {})  # fmt: skip


def token(kind, key):
    if kind == "rsa-otherkey":
        key = rsa.generate_private_key(65537, 2048)
    data = auth_data(kind)
    if kind != "rsa-tampered":
        return sign(key, data, **({"salt": 32} if kind == "rsa-short-salt" else {}))
    envelope = json.loads(base64.b64decode(sign(key, data)))
    envelope["auth_data"]["client_id"] = "client2"
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def differences(want, got, at="$"):
    """What of the recorded answer the server's answer lacks; further keys are welcome."""
    if isinstance(want, str) and want in WILDCARDS:
        return [] if WILDCARDS[want](got) else [f"{at}: {got!r} does not match {want}"]
    if isinstance(want, dict) and isinstance(got, dict):
        missing = [f"{at}.{key}: missing" for key in want.keys() - got.keys()]
        return missing + [
            d for key in want.keys() & got.keys() for d in differences(want[key], got[key], f"{at}.{key}")
        ]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [
            d for n, (one, two) in enumerate(zip(want, got, strict=True)) for d in differences(one, two, f"{at}[{n}]")
        ]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (want, got))
    same = math.isclose(want, got, rel_tol=1e-12, abs_tol=1e-12) if numbers else type(want) is type(got) and want == got
    return [] if same else [f"{at}: wanted {want!r}, got {got!r}"]


def replay(server, key, case):
    headers, body = dict(case.get("headers", {})), case.get("json")
    if case["auth"].startswith("rsa"):
        headers["X-Auth-Token"] = token(case["auth"], key)
    elif case["auth"] == "password":
        headers["X-Internal-Password"] = PASSWORD
    elif case["auth"] == "password-body":
        body = {**body, "internal_password": PASSWORD}
    answer = requests.request(case["method"], server.url + case["path"], headers=headers, json=body, timeout=10)
    if answer.status_code != case["status"]:
        return [f"status: wanted {case['status']}, got {answer.status_code}: {answer.text[:200]}"]
    return differences(case["response"], answer.json()) if case.get("response") is not None else []


def test_recorded_answers(server):
    assert len(VECTORS) > 50
    key = server.key
    failed = {}
    for number, case in enumerate(VECTORS, 1):
        found = replay(server, key, case)
        if found:
            failed[f"{number}. {case['method']} {case['path']} [{case['auth']}]"] = found
    assert failed == {}


@pytest.mark.parametrize("kind", ["rsa", "rsa-unicode", "rsa-float", "rsa-extra", "rsa-short-salt"])
def test_tokens_that_python_clients_sign(server, kind):
    body = {"strategy_name": "alpha", "positions": [held("000001.XSHE", 100)]}
    answer = server.post(UPDATE, body, X_Auth_Token=token(kind, server.key))
    assert answer.status_code == 200, answer.text
    assert answer.json()["client_id"] == auth_data(kind)["client_id"]


def test_password_in_body(server):
    body = {"strategy_name": "ADJUSTMENT_MAIN", "positions": [], "internal_password": PASSWORD}
    assert server.post(INTERNAL, body).status_code == 200


@pytest.mark.parametrize("bits", [2048, 4096, 8192])
def test_key_sizes(server, bits):
    key = rsa.generate_private_key(65537, bits)
    (server.folder / "keys" / f"client{bits}.pem").write_bytes(public_pem(key))
    data = {"client_id": f"client{bits}", "timestamp": int(time.time())}
    # A key that was put there just now is known at once.
    answer = server.post(UPDATE, {"strategy_name": "a", "positions": []}, X_Auth_Token=sign(key, data))
    assert answer.status_code == 200, answer.text


def test_costs_of_seventeen_digits_come_back_as_they_were(server):
    cost = 12.345678901234567
    server.push("alpha", [held("000001.XSHE", 300, cost), held("600000.XSHG", 7, 0.1 + 0.2)])
    listed = server.get("/api/v1/positions/strategy/alpha").json()["positions"]
    assert [position["cost"] for position in listed] == [cost, 0.1 + 0.2]
    assert [line["avg_cost"] for line in server.total()["positions"]] == [cost, 0.1 + 0.2]
    assert [type(line["total_volume"]) for line in server.total()["positions"]] == [int, int]


def test_an_existing_poller_acts_on_every_change_and_on_nothing_else(server):
    """What pollers in the field do: skip a non-200, skip a null time, act when the time is another one."""
    acted, last = [], None

    def poll():
        nonlocal last
        answer = server.get(TOTAL, params={"strategies": "alpha"})
        if answer.status_code != 200 or answer.json()["update_time"] in (None, last):
            return
        last = answer.json()["update_time"]
        acted.append({line["code"]: line["total_volume"] for line in answer.json()["positions"]})

    poll()
    server.push("beta", [held("000001.XSHE", 1)])
    poll()
    for volume in (100, 100, 200):
        server.push("alpha", [held("000001.XSHE", volume)])
        poll()
        poll()
    server.push("alpha", [])
    poll()
    assert acted == [{"000001.XSHE": 100}, {"000001.XSHE": 200}, {}]
