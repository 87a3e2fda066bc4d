"""The proof: an export is verified by the program in docs/ledger.md, and a history that was rebuilt is found out."""

import contextlib
import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys

import requests
from conftest import INTERNAL, PASSWORD, ROOT, held, running
from test_documents import FENCE

OPERATOR = {"X-Internal-Password": PASSWORD}


def printed_program():
    text = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    (program,) = [code for language, code in FENCE.findall(text) if language == "python"]
    return program


def verify(lines):
    """What the program of the document says of an export."""
    text = "".join(line + "\n" for line in lines)
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-c", printed_program()],
        input=text, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def fill(server):
    """A history of every kind of revision that there is room for here."""
    assert server.push("双均线", [held("000001.XSHE", 100) | {"name": "平安银行", "remark": "备注"}]).status_code == 200
    priced = held("600000.XSHG", 200.5, 8.123456789) | {"price": 9.01}
    pushed = server.push("双均线", [priced, held("000001.SZ", 100)], decided_at="2026-01-05T14:50:00+08:00")
    assert pushed.status_code == 200, pushed.text
    assert server.push("双均线", []).status_code == 200
    edit = {"strategy_name": "ADJUSTMENT_A", "positions": [held("510300.XSHG", -100)], "internal_password": PASSWORD}
    assert server.post(INTERNAL, edit).status_code == 200
    restore = f"{server.url}/api/v1/strategies/双均线/restore"
    assert requests.post(restore, json={"revision": 1}, headers=OPERATOR, timeout=10).status_code == 200
    assert server.push("双均线", [held("000001.XSHE", 300)]).status_code == 202
    account = {"strategies": [{"name": "双均线"}]}
    made = requests.put(f"{server.url}/api/v1/accounts/main", json=account, headers=OPERATOR, timeout=10)
    assert made.status_code == 200, made.text


def test_twenty_lines_verify_an_export(server):
    fill(server)
    answer = server.get("/api/v1/revisions.jsonl")
    assert answer.headers["Content-Type"] == "application/jsonl"
    lines = answer.content.decode().splitlines()
    head = server.run("head").stdout.split(",")[0]
    told = verify(lines)
    assert told.stdout == f"unbroken, head {head}\n", told.stderr
    assert len(printed_program().splitlines()) <= 21
    revisions = [json.loads(line) for line in lines]
    assert [one["revision"] for one in revisions] == list(range(1, len(lines) + 1))
    assert {"push", "edit", "restore", "hold", "set"} <= {one["kind"] for one in revisions}
    assert {"strategy", "account", "hold", "state"} <= {one["subject_kind"] for one in revisions}

    # One thing that is another way breaks it, at that revision.
    forgeries = {
        "actor": "mallory", "at": revisions[1]["at"] + 1, "subject": "other", "address": None, "note": None,
        "kind": "edit", "changes": [],
    }  # fmt: skip
    for name, value in forgeries.items():
        forged = [*lines]
        forged[1] = json.dumps(revisions[1] | {name: value})
        assert verify(forged).stderr == "BROKEN at revision 2\n", name
    assert verify(lines[:1] + lines[2:]).stderr == "BROKEN at revision 3\n"

    assert json.loads(server.get("/api/v1/revisions.json").content) == revisions
    assert server.get("/api/v1/revisions.json?after=2").json() == revisions[2:]
    assert server.get(f"/api/v1/revisions.json?after={len(lines)}").json() == []
    assert server.get(f"/api/v1/revisions.jsonl?after={len(lines)}").content == b""
    rows = list(csv.DictReader(io.StringIO(server.get("/api/v1/revisions.csv").content.decode("utf-8-sig"))))
    hashes = {one["revision"]: one["hash"] for one in revisions}
    assert {int(row["revision"]): row["hash"] for row in rows} == hashes
    assert [
        (row["instrument"], row["volume_before"], row["volume_after"]) for row in rows if row["revision"] == "2"
    ] == [
        ("000001.SZ", "100", "100"),
        ("600000.SH", "0", "200.5"),
    ]


def test_an_export_of_more_than_is_held_at_a_time_is_whole(server):
    def many(volume):
        return [held(f"{code:06}.XSHE", volume) for code in range(1, 3001)]

    for volume in range(100, 600, 100):
        assert server.push("alpha", many(volume)).status_code == 200
    answer = server.get("/api/v1/revisions.jsonl")
    assert len(answer.content) > 2 << 20
    lines = answer.content.decode().splitlines()
    head = server.run("head").stdout.split(",")[0]
    assert verify(lines).stdout == f"unbroken, head {head}\n"
    assert server.get("/api/v1/revisions.json").json() == [json.loads(line) for line in lines]
    assert server.run("verify").stdout.startswith("unbroken: 5 revisions")


def test_an_export_needs_the_right_to_read(tmp_path):
    with running(tmp_path, "--reads", "key") as server:
        for kind in ("csv", "json", "jsonl"):
            assert server.get(f"/api/v1/revisions.{kind}").status_code == 401


def test_a_rebuilt_history_does_not_contain_the_head_that_was_witnessed(tmp_path):
    with running(tmp_path) as server:
        # Before the first revision too: whoever wrote that down is not told that the history was rebuilt.
        first = server.run("head").stdout.split(",")[0]
        assert f"contains {first}" in server.run("verify", "--head", first).stdout
        server.push("alpha", [held("000001.XSHE", 100)])
        told = server.run("head").stdout
        head = re.fullmatch(r"([0-9a-f]{64}), revision 1 of \d{4}-\d\d-\d\dT.+\+08:00\n", told)[1]
        server.push("alpha", [held("000001.XSHE", 200)])
        found = server.run("verify", "--head", head).stdout.splitlines()
        assert found[0].startswith("unbroken: 2 revisions") and found[1] == f"the history contains {told.strip()}"
        for wrong in ("abc", head + "00", "x" * 64):
            assert "64 hexadecimal digits" in server.run("verify", "--head", wrong, check=False).stderr
    # The same pushes make another chain: whole, and not the one that was witnessed.
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "keys/default.pem").unlink()
    with running(tmp_path) as server:
        server.push("alpha", [held("000001.XSHE", 100)])
        server.push("alpha", [held("000001.XSHE", 200)])
        lost = server.run("verify", "--head", head, check=False)
        assert lost.returncode == 1
        assert lost.stdout.startswith("unbroken: 2 revisions") and f"does NOT contain {head}" in lost.stdout
    # Nor where it stands in a row that the chain does not pass.
    with contextlib.closing(sqlite3.connect(tmp_path / "data/jq2qmt.db")) as database:
        own = {"id": -1, "at": 1, "hash": bytes.fromhex(head)}
        (names,) = database.execute("SELECT group_concat(name) FROM pragma_table_info('revisions')").fetchone()
        values = ", ".join(f":{name}" if name in own else name for name in names.split(","))
        database.execute(f"INSERT INTO revisions ({names}) SELECT {values} FROM revisions WHERE id = 1", own)
        database.commit()
    hidden = server.run("verify", "--head", head, check=False)
    assert hidden.returncode == 1 and f"does NOT contain {head}" in hidden.stdout


LEGACY = """CREATE TABLE strategy_positions (
    id INTEGER PRIMARY KEY, strategy_name VARCHAR(100) NOT NULL, positions JSON NOT NULL, update_time DATETIME)"""


def legacy(path, *rows):
    database = sqlite3.connect(path)
    database.execute(LEGACY)
    database.executemany(
        "INSERT INTO strategy_positions (strategy_name, positions, update_time) VALUES (?, ?, ?)", rows
    )
    database.commit()
    database.close()
    return path.read_bytes()


def test_an_existing_jq2qmt_is_taken_over(tmp_path):
    listed = [{"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 12.345678901234567}]
    before = legacy(
        tmp_path / "old.db",
        ("beta", "[]", "2025-11-04 09:31:00"),
        ("双均线", json.dumps(listed), "2025-11-03 14:50:00.123456"),
        ("ADJUSTMENT_A", '[{"code": "600000.SH", "volume": -100, "cost": 0}]', "2025-11-05 10:00:00"),
    )
    with running(tmp_path) as server:
        server.push("beta", [held("510300.XSHG", 100)])
        dry = server.run("import", "--from", f"sqlite://{tmp_path}/old.db").stdout
        assert dry.splitlines() == [
            "take    双均线: 1 positions of 2025-11-03T14:50:00.123456+08:00",
            "leave   beta: it is or was here, and stays as it is",
            "take    ADJUSTMENT_A: 1 positions of 2025-11-05T10:00:00.000000+08:00",
            "nothing was written; the same with --yes writes it, while the server is stopped",
        ]
        assert len(server.total()["positions"]) == 1
        in_use = server.run("import", "--from", "sqlite://old.db", "--yes", check=False)
        assert in_use.returncode == 1 and "another jq2qmt server is using the data folder" in in_use.stderr
        server.stop()
        assert server.run("import", "--from", f"sqlite:///{tmp_path}/old.db", "--yes").stdout.endswith(
            "written; the newest revision is 3\n"
        )
        server.start()
        total = {line["code"]: line["total_volume"] for line in server.total()["positions"]}
        assert total == {"510300.XSHG": 100, "000001.XSHE": 1000, "600000.SH": -100}
        strategies = {one["strategy_name"]: one for one in server.get("/api/v1/strategies").json()["strategies"]}
        # It does not count as said today.
        assert strategies["双均线"]["last_push_at"] == "2025-11-03T14:50:00.123456+08:00"
        (made,) = server.get("/api/v1/strategies/双均线/revisions").json()["revisions"]
        assert (made["kind"], made["actor_kind"], made["actor"]) == ("import", "import", f"{tmp_path}/old.db")
        again = server.run("import", "--from", f"sqlite://{tmp_path}/old.db").stdout
        assert again.count("leave ") == 3
        assert server.run("verify").stdout.startswith("unbroken: 3 revisions")
    assert (tmp_path / "old.db").read_bytes() == before


def test_an_import_takes_all_or_nothing(tmp_path):
    good = ("alpha", '[{"code": "000001.XSHE", "volume": 100, "cost": 1}]', "2025-11-03 14:50:00")
    refused = {
        "position 1: volume must not be negative": ("b", '[{"code": "X", "volume": -1, "cost": 1}]', "2025-11-03"),
        "its positions: ": ("c", "[{", "2025-11-03"),
        "invalid type": ("d", '"[]"', "2025-11-03"),
        "its update_time": ("e", "[]", "yesterday"),
        "in the future": ("f", "[]", "2999-01-01"),
        "it has no update_time": ("g", "[]", None),
        "strategy_name": ("h\n", "[]", "2025-11-03"),
        "it stands there twice": ("alpha", "[]", "2025-11-04"),
    }
    legacy(tmp_path / "old.db", good, *refused.values())
    with running(tmp_path) as server:
        server.stop()
        for options in ([], ["--yes"]):
            told = server.run("import", "--from", "sqlite://old.db", *options, check=False)
            assert told.returncode == 1
            lines = told.stdout.splitlines()
            assert [line for line in lines if line.startswith("take")] == [
                "take    alpha: 1 positions of 2025-11-03T14:50:00.000000+08:00"
            ]
            assert sum(line.startswith("REFUSE  ") for line in lines) == len(refused)
            for reason in refused:
                assert any(reason in line for line in lines), (reason, lines)
        server.start()
        assert server.total()["update_time"] is None
    for source, words in {
        "mysql+pymysql://root:secret@host/db": "cargo build --release --features mysql",
        "postgresql://root:secret@host/db": "takes sqlite:///PATH and mysql://",
        "sqlite://nowhere.db": "there is no file nowhere.db",
        "sqlite://data/jq2qmt.db": "no such table: strategy_positions",
    }.items():
        failed = server.run("import", "--from", source, check=False)
        assert failed.returncode == 1 and words in failed.stderr and "secret" not in failed.stderr, failed.stderr
