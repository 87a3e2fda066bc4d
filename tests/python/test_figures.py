"""Figures for Prometheus, and the name that leads from an answer to its lines in the log."""

import datetime
import json
import re
import sys
import time

import requests
from conftest import PASSWORD, TOTAL, held, running

OPERATOR = {"X-Internal-Password": PASSWORD}
LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


def figures(server, **options):
    """Every figure, by its name and labels."""
    answer = server.get("/metrics", **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    lines = answer.content.decode().splitlines()
    assert lines[-1] == "# EOF"
    found = {}
    for line in lines:
        if not line.startswith("#"):
            name, labels, value = LINE.fullmatch(line).groups()
            key = (name, *sorted(re.findall(r'="([^"]*)"', labels or "")))
            assert key not in found, line
            found[key] = float(value)
    return found


def test_figures_follow_what_happens(server):
    started = figures(server)
    assert started["jq2qmt_revision",] == 0
    assert ("jq2qmt_backup_age_seconds",) not in started
    assert server.push("双均线", [held("000001.XSHE", 1000)]).status_code == 200
    assert server.push("双均线", [held("000001.XSHE", 1000)]).status_code == 200
    assert server.push("双均线", [held("X", -1)]).status_code == 400
    forged = server.post("/api/v1/positions/update", {"strategy_name": "a", "positions": []}, X_Auth_Token="e30=")
    assert forged.status_code == 401
    frozen = {"state": "frozen"}
    answer = requests.post(f"{server.url}/api/v1/strategies/双均线/state", json=frozen, headers=OPERATOR, timeout=10)
    assert answer.status_code == 200, answer.text
    assert server.push("双均线", [held("000001.XSHE", 500)]).status_code == 202
    tag = server.get(TOTAL).headers["ETag"]
    for _ in range(3):
        assert server.get(TOTAL, headers={"If-None-Match": tag}).status_code == 304
    put = {"strategies": [{"name": "双均线"}]}
    account = server.url + "/api/v1/accounts/main"
    assert requests.put(account, json=put, headers=OPERATOR, timeout=10).status_code == 200
    key = server.run("key", "add", "qmt", "--account", "main").stdout.split()[-1]
    report = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(),
        "holdings": [{"code": "000001.SZ", "volume": 1200}, {"code": "600000.SH", "volume": 100}],
    }
    reported = requests.post(account + "/report", json=report, headers={"X-API-Key": key}, timeout=10)
    assert reported.status_code == 200, reported.text

    found = figures(server)
    pushes = {key[1:]: value for key, value in found.items() if key[0] == "jq2qmt_pushes_total"}
    assert pushes == {
        ("client1", "stored"): 1, ("client1", "unchanged"): 1, ("client1", "invalid_position"): 1,
        ("client1", "held"): 1, ("", forged.json()["code"]): 1,
    }  # fmt: skip
    assert found["jq2qmt_requests_total", "polls", "unchanged"] == 3
    assert found["jq2qmt_requests_total", "ok", "polls"] == 1
    assert found["jq2qmt_requests_total", "pushes", "refused"] == 2
    assert found["jq2qmt_holds",] == 1 and found["jq2qmt_lineage",] == 1
    assert found["jq2qmt_revision",] == len(server.get("/api/v1/revisions.jsonl").text.splitlines())
    assert 0 <= found["jq2qmt_strategy_age_seconds", "双均线"] < 60
    assert 0 <= found["jq2qmt_terminal_age_seconds", "main"] < 60
    drift = requests.get(account + "/drift", timeout=10).json()["lines"]
    unexplained = [line for line in drift if any(part["reason"] == "unexplained" for part in line["parts"])]
    assert found["jq2qmt_drift_lines", "main", "no"] == len(unexplained)
    assert found["jq2qmt_drift_lines", "main", "yes"] == len(drift) - len(unexplained) and drift
    for name in ("store_answer", "batch", "commit"):
        assert found[f"jq2qmt_{name}_seconds_count",] > 3 and found[f"jq2qmt_{name}_seconds_sum",] > 0
    assert found["jq2qmt_batch_commands_bucket", "1.0"] > 3
    assert found["jq2qmt_file_bytes", "database"] > 0 and found["jq2qmt_queue",] == 0
    assert found["jq2qmt_connections", "seated"] >= 1 and found["jq2qmt_log_lines_lost_total",] == 0
    if sys.platform == "linux":
        assert found["jq2qmt_open_files",] > 5


def test_a_terminal_is_heard_of_by_our_clock_also_where_it_only_polls(server):
    assert server.push("alpha", [held("000001.XSHE", 1000)]).status_code == 200
    keys = {}
    for name in ("polls", "reports"):
        account = f"{server.url}/api/v1/accounts/{name}"
        put = {"strategies": [{"name": "alpha"}]}
        assert requests.put(account, json=put, headers=OPERATOR, timeout=10).status_code == 200
        keys[name] = {"X-API-Key": server.run("key", "add", name, "--account", name).stdout.split()[-1]}
    assert server.get("/api/v1/accounts/polls/target", headers=keys["polls"]).status_code == 200
    # By the terminal's own clock it was yesterday.
    at = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).isoformat()
    report = {"at": at, "holdings": []}
    path = f"{server.url}/api/v1/accounts/reports/report"
    answer = requests.post(path, json=report, headers=keys["reports"], timeout=10)
    assert answer.status_code == 200, answer.text
    found = figures(server)
    for name in keys:
        assert 0 <= found["jq2qmt_terminal_age_seconds", name] < 60


def test_figures_are_for_who_may_read(tmp_path):
    with running(tmp_path, "--reads", "key") as server:
        assert server.get("/metrics").status_code == 401
        key = server.run("key", "add", "prometheus", "--scope", "read").stdout.split()[-1]
        assert figures(server, auth=("prometheus", key))["jq2qmt_revision",] == 0
        write = server.run("key", "add", "jq", "--scope", "write").stdout.split()[-1]
        assert server.get("/metrics", headers={"X-API-Key": write}).status_code == 403
        bound = server.run("key", "add", "qmt", "--account", "main").stdout.split()[-1]
        assert server.get("/metrics", headers={"X-API-Key": bound}).status_code == 403


def test_copies_have_figures(tmp_path):
    (tmp_path / "copies").write_text("in the way")
    with running(tmp_path, "--backup-every", "1s", "--backup-dir", "copies") as server:

        def until(figure):
            end = time.monotonic() + 30
            while figures(server).get(figure, 0) < 1:
                assert time.monotonic() < end
                time.sleep(0.05)

        until(("jq2qmt_backups_total", "failed"))
        (tmp_path / "copies").unlink()
        until(("jq2qmt_backups_total", "made"))
        found = figures(server)
        assert found["jq2qmt_backup_every_seconds",] == 1 and found["jq2qmt_backup_bytes",] > 4096
        assert 0 <= found["jq2qmt_backup_age_seconds",] < 30


def test_an_error_has_a_name_in_the_log(tmp_path):
    with running(tmp_path, "--log-format", "json") as server:
        refused = requests.delete(server.url + "/api/v1/strategies/nobody", headers=OPERATOR, timeout=10)
        name = refused.headers["X-Request-Id"]
        assert (refused.status_code, refused.json()["request_id"]) == (404, name)
        again = requests.delete(server.url + "/api/v1/strategies/nobody", headers=OPERATOR, timeout=10)
        assert again.headers["X-Request-Id"] != name
        # Reads have one too, and pages show it.
        unknown = server.get(TOTAL + "?strategies=nobody")
        assert (unknown.status_code, unknown.json()["request_id"]) == (404, unknown.headers["X-Request-Id"])
        page = server.get("/nowhere")
        assert page.status_code == 404 and page.headers["X-Request-Id"] in page.text
        assert "X-Request-Id" not in server.get(TOTAL).headers
        server.stop()
    lines = [json.loads(line) for line in (tmp_path / "data/jq2qmt.log").read_text().splitlines()]
    (told,) = [line for line in lines if line.get("span", {}).get("id") == name]
    assert told["level"] == "INFO" and told["target"].startswith("jq2qmt::")
    assert (told["fields"]["message"], told["fields"]["status"], told["fields"]["method"]) == (
        "answered",
        404,
        "DELETE",
    )


def test_the_log_is_for_people_unless_it_is_said(tmp_path):
    (tmp_path / "jq2qmt.toml").write_text('log-format = "json"\n')
    with running(tmp_path, "--config", "jq2qmt.toml"):
        pass
    kept = tmp_path / "data/jq2qmt.log"
    assert all(json.loads(line) for line in kept.read_text().splitlines())
    kept.unlink()
    with running(tmp_path, "--config", "jq2qmt.toml", JQ2QMT_LOG_FORMAT="text") as server:
        refused = requests.delete(server.url + "/api/v1/strategies/nobody", headers=OPERATOR, timeout=10)
    assert re.search(rf'request\{{id="?{refused.headers["X-Request-Id"]}"?\}}.* answered', kept.read_text())
