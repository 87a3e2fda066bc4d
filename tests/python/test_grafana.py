"""The dashboard and the rules for Prometheus ask for nothing that the server does not tell."""

import datetime
import json
import re
import shutil
import subprocess

import pytest
import requests
import yaml
from conftest import PASSWORD, ROOT, UPDATE, running, sign, until
from cryptography.hazmat.primitives.asymmetric import rsa

FOLDER = ROOT / "examples/grafana"
OPERATOR = {"X-Internal-Password": PASSWORD}
#: What Prometheus itself adds to what it reads.
ADDED = {"instance", "job", "alertname", "severity"}
SELECTOR = re.compile(r"\b(jq2qmt_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|=|!=|!~)\s*"([^"]*)"')


def panels():
    return json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]


def rules():
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions():
    """Every query, with the labels that its words speak of."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"], re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    for rule in rules():
        yield rule["expr"], re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])


def told(server):
    """What is served: by each name, the values of each label."""
    found = {}
    for line in server.get("/metrics").content.decode().splitlines():
        if not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            values = found.setdefault(name, {})
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels or ""):
                values.setdefault(label, set()).add(value)
    return found


def live(server):
    """Lets happen whatever has a figure only once it has happened."""
    keys = server.folder / "keys"
    # Where there is a default key, every client is known.
    (keys / "default.pem").rename(keys / "client1.pem")
    now = datetime.datetime.now(datetime.UTC)
    used = sign(server.key, {"client_id": "client1", "timestamp": int(now.timestamp())})
    stranger = sign(server.key, {"client_id": "stranger", "timestamp": int(now.timestamp())})
    forged = sign(rsa.generate_private_key(65537, 2048), {"client_id": "client1", "timestamp": int(now.timestamp())})
    body = {"strategy_name": "a", "positions": []}
    until(lambda: server.post(UPDATE, body, X_Auth_Token=stranger).json().get("code") == "unknown_client")
    hour = datetime.timedelta(hours=1)
    late, early = (
        sign(server.key, {"client_id": "client1", "timestamp": int((now + off).timestamp())}) for off in (-hour, hour)
    )
    for token, status in [(used, 200), (used, 401), (forged, 401), (late, 401), (early, 401)]:
        assert server.post(UPDATE, body, X_Auth_Token=token).status_code == status
    account = f"{server.url}/api/v1/accounts/main"
    put = requests.put(account, json={"strategies": [{"name": "a"}]}, headers=OPERATOR, timeout=10)
    key = server.run("key", "add", "qmt", "--account", "main").stdout.split()[-1]
    report = {"at": now.isoformat(), "holdings": [{"code": "600000.SH", "volume": 100}]}
    reported = requests.post(f"{account}/report", json=report, headers={"X-API-Key": key}, timeout=10)
    assert (put.status_code, reported.status_code) == (200, 200), reported.text
    channel = f"{server.url}/api/v1/channels/desk"
    nobody = {"kind": "webhook", "url": "http://127.0.0.1:9/", "secret": "s"}
    assert requests.put(channel, json=nobody, headers=OPERATOR, timeout=10).status_code == 200
    assert requests.post(f"{channel}/test", headers=OPERATOR, timeout=30).status_code == 502
    until(lambda: "jq2qmt_backup_age_seconds" in told(server))


def test_every_metric_and_label_is_served(tmp_path):
    with running(tmp_path, "--backup-every", "1h") as server:
        live(server)
        served = told(server)
    missing = []
    for expr, spoken_of in questions():
        names = [name for name, _ in SELECTOR.findall(expr)]
        missing += [(expr, name) for name in names if name not in served]
        known = set().union(ADDED, *(served.get(name, {}) for name in names))
        grouped = [label for group in re.findall(r"\bby \(([^)]*)\)", expr) for label in re.findall(r"\w+", group)]
        missing += [(expr, label) for label in [*grouped, *spoken_of] if label not in known]
        for name, matchers in SELECTOR.findall(expr):
            for label, value in MATCHER.findall(matchers):
                values = served.get(name, {}).get(label, set())
                if label not in ADDED:
                    missing += [(expr, f"{label}={one}") for one in value.split("|") if one not in values]
    assert missing == []


def test_panels_lie_beside_each_other():
    places = set()
    for panel in panels():
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
        assert x + w <= 24 and not cells & places, panel["title"]
        places |= cells
    numbers = [panel["id"] for panel in panels()]
    assert len(numbers) == len(set(numbers)) > 15
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    assert {rule["labels"]["severity"] for rule in rules()} <= {"notice", "warning", "alarm"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: package prometheus) is not there")
def test_prometheus_understands_it(tmp_path):
    def promtool(*arguments):
        done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts.test.yml")
    exprs = [target["expr"] for panel in panels() for target in panel["targets"]]
    exprs = [expr.replace("$__rate_interval", "5m").replace("$instance", ".*") for expr in exprs]
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    written = tmp_path / "panels.yml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    promtool("check", "rules", str(written))
    tested = yaml.safe_load((FOLDER / "alerts.test.yml").read_text(encoding="utf-8"))
    firing = json.dumps(tested["tests"])
    assert [rule["alert"] for rule in rules() if rule["alert"] not in firing] == [], "each was seen firing"
