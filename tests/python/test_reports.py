"""What a terminal reports, as who watches the account on the command line sees it."""

import datetime

import pytest
import requests
from conftest import PASSWORD, held

ACCOUNT = "/api/v1/accounts/主账户"


@pytest.fixture
def report(server):
    """An account that is to hold 1,000 of 000001, and how its terminal reports."""
    assert server.push("alpha", [held("000001.XSHE", 1000)]).status_code == 200
    answer = requests.put(
        server.url + ACCOUNT,
        json={"strategies": [{"name": "alpha"}]},
        headers={"X-Internal-Password": PASSWORD},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    key = server.run("key", "add", "qmt", "--account", "主账户").stdout.split()[-1]

    def report(volume, **more):
        at = datetime.datetime.now(datetime.UTC).isoformat()
        holdings = [{"code": "000001.SZ", "volume": volume}]
        body = {"at": at, "revision": 1, "holdings": holdings, **more}
        answer = requests.post(server.url + ACCOUNT + "/report", json=body, headers={"X-API-Key": key}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return report


def drift(server):
    return server.run("drift", "主账户", "--server", server.url, check=False)


def test_drift_is_a_table_and_its_exit_code_an_alarm(server, report):
    silent = drift(server)
    assert (silent.returncode, silent.stdout) == (1, "")
    assert "no terminal has reported" in silent.stderr
    report(1000)
    same = drift(server)
    assert (same.returncode, same.stderr) == (0, "")
    assert "holdings are what the target says" in same.stdout
    waiting = [{"code": "000001.SZ", "shares": 300, "reason": "limit_up", "text": "涨停"}]
    sold = {"id": "9", "code": "000001.SZ", "side": "sell", "volume": 300, "price": 10}
    sold["at"] = datetime.datetime.now(datetime.UTC).isoformat()
    report(700, waiting=waiting, fills=[sold])
    explained = drift(server)
    assert explained.returncode == 0, explained.stderr
    row = explained.stdout.splitlines()[2].split()
    assert row[:4] == ["000001.SZ", "1000", "700", "-300"] and row[-1] == "涨停"
    report(1000, mode="dry_run", orders=[{"id": "1", "code": "000001.SZ", "side": "sell", "volume": 5, "traded": 0,
                                          "status": "cancelled"}])  # fmt: skip
    assert drift(server).returncode == 0
    unknown = server.run("drift", "nobody", "--server", server.url, check=False)
    assert unknown.returncode == 1 and "there is no account" in unknown.stderr


def test_what_was_reported_outlives_a_kill(server, report):
    report(1200, cash="12.34")
    server.kill()
    server.start()
    kept = server.get(ACCOUNT + "/report").json()
    assert (kept["cash"], kept["holdings"][0]["volume"]) == ("12.34", 1200)
    assert server.run("verify").returncode == 0
