"""The example book: every page of it is alive and whole, and it never comes to lie over somebody's own."""

import html
import re
import urllib.parse

import pytest
import requests
from conftest import INTERNAL, PASSWORD, held, running

MAIN, SMALL = "DEMO_主账户", "DEMO_子账户"
# What leads away, changes something, or is a file.
NO_PAGE = ("/static/", "/language", "/logout", "/login", "/healthz")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with running(tmp_path_factory.mktemp("demo"), "--demo") as server:
        yield server


def asked(server, path, **query):
    answer = server.get("/api/v1" + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def links(text):
    found = {html.unescape(link) for link in re.findall(r'href="(/[^"#]*)', text)}
    return {link for link in found if not link.startswith(NO_PAGE)}


def test_every_page_of_the_example_book_is_whole(demo):
    operator = requests.Session()
    assert operator.post(demo.url + "/login", {"password": PASSWORD}, timeout=30).ok
    waiting, seen, kinds = ["/", "/accounts", "/history", "/guards", "/holds", "/keys", "/adjustment"], set(), set()
    while waiting:
        path = waiting.pop()
        # One of each kind, whatever is asked of it, of each strategy and account.
        kind = re.sub(r"\d+", "N", path.partition("?")[0]) + str(
            sorted(dict(urllib.parse.parse_qsl(path.partition("?")[2])))
        )
        if kind in seen:
            continue
        seen.add(kind)
        answer = operator.get(demo.url + path, timeout=30)
        assert answer.status_code == 200, (path, answer.status_code)
        if answer.headers["Content-Type"].startswith("text/html"):
            assert not re.search(r"\bNaN\b|\binf\b|Some\(|(?<!If-)None\b", answer.text), path
            waiting += links(answer.text)
        kinds.add(path.split("/")[1].partition("?")[0])
    assert {"", "accounts", "strategies", "history", "guards", "holds"} <= kinds and len(seen) > 50


def test_the_example_book_is_alive(demo):
    strategies = asked(demo, "/strategies")["strategies"]
    names = {one["strategy_name"] for one in strategies}
    assert len(names) == 13 and all(name.startswith(("DEMO_", "ADJUSTMENT_DEMO")) for name in names)
    total = demo.total()
    assert total["demo"] is True and len(total["positions"]) > 60
    for account in (MAIN, SMALL):
        target = asked(demo, f"/accounts/{account}/target")
        assert target["demo"] is True and len(target["lines"]) > 20
        drift = asked(demo, f"/accounts/{account}/drift")["lines"]
        reasons = {part["reason"] for line in drift for part in line["parts"]}
        assert "held_line" in reasons and "unexplained" not in reasons
        day = asked(demo, f"/accounts/{account}/attribution")
        assert len(day["strategies"]) > 5 and float(day["totals"]["value"]) > 1_000_000
    days = asked(demo, "/strategies/DEMO_沪深300增强/performance")["days"]
    assert len(days) >= 10 and any(float(day["profit"]) != 0 for day in days)
    locked = [line for line in asked(demo, f"/accounts/{SMALL}/target")["lines"] if line["hold"]]
    assert [line["hold"]["reason"] for line in locked] == ["unexplained_change"]


def test_a_start_with_examples_says_so(demo):
    log = demo.log()
    assert "example data: nobody decided on what is called DEMO_" in log
    assert f"{demo.url}/accounts" in log


def test_examples_stay_and_are_whole(tmp_path):
    with running(tmp_path, "--demo") as server:
        empty = {"strategy_name": "DEMO_ETF动量", "positions": []}
        assert server.post(INTERNAL, empty, X_Internal_Password=PASSWORD).status_code == 200
        revision = server.total()["revision"]
    assert server.run("verify").stdout.startswith("unbroken: ")
    with running(tmp_path, "--demo") as server:
        assert server.total()["revision"] == revision
        assert server.push("alpha", [held("000001.XSHE", 1)]).status_code == 200
    refused = server.run("--demo", "--listen", "127.0.0.1:0", check=False)
    assert refused.returncode == 1
    assert "--demo fills an empty database, and data/jq2qmt.db holds strategies" in refused.stderr
    with running(tmp_path) as server:
        assert len(asked(server, "/strategies")["strategies"]) == 14
