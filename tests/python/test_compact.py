"""The history folded into an archive: what goes, what stays, what says so, and how both are still verified."""

import datetime
import gzip
import hashlib
import json
import shutil
import sqlite3
import stat
import subprocess
import sys

import pytest
import requests
from conftest import INTERNAL, PASSWORD, UPDATE, Server, compiled, held, sign
from test_ledger import printed_program
from two_accounts import CHINA, Clock

OPERATOR = {"X-Internal-Password": PASSWORD}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clock is put before Linux's C library")


def verify(lines, *start):
    """What the program of the document says of lines, which begin after a hash."""
    text = "".join(line + "\n" for line in lines)
    command = [sys.executable, "-X", "utf8", "-c", printed_program(), *start]
    return subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8")


class Years:
    """A server whose days are set by hand."""

    def __init__(self, folder):
        self.now = datetime.datetime.now(CHINA).replace(tzinfo=None, hour=10, minute=0, second=0, microsecond=0)
        self.clock = Clock(folder / "clock")
        preload = {"LD_PRELOAD": compiled("simulated_clock.c", folder), "SIMULATED_CLOCK": str(folder / "clock")}
        self.days_ago(0)
        self.server = Server(folder, **preload)

    def days_ago(self, days):
        self.at = self.now - datetime.timedelta(days=days)
        self.clock.set(self.at)

    def day(self, days_ago):
        return (self.now - datetime.timedelta(days=days_ago)).strftime("%Y-%m-%d")

    def push(self, strategy, positions):
        signed_at = self.at.replace(tzinfo=CHINA).timestamp()
        token = sign(self.server.key, {"client_id": "client1", "timestamp": signed_at})
        answer = self.server.post(UPDATE, {"strategy_name": strategy, "positions": positions}, X_Auth_Token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fill(self):
        """Pushes of two hundred days: alpha's go on, beta's end early, gamma is removed, and a rule is settled."""
        self.days_ago(200)
        self.server.start()
        self.push("beta", [held("510300.XSHG", 100)])
        self.push("gamma", [held("600519.XSHG", 100)])
        for volume in range(100, 7100, 100):
            self.push("alpha", [held("000001.XSHE", volume), held("600000.XSHG", 100)])
        gone = self.server.url + "/api/v1/strategies/gamma"
        assert requests.delete(gone, headers=OPERATOR, timeout=10).status_code == 200
        account = {"strategies": [{"name": "alpha"}]}
        made = requests.put(f"{self.server.url}/api/v1/accounts/main", json=account, headers=OPERATOR, timeout=10)
        assert made.status_code == 200, made.text
        self.days_ago(100)
        self.push("alpha", [held("000001.XSHE", 50)])
        edit = {
            "strategy_name": "ADJUSTMENT_A",
            "positions": [held("510300.XSHG", -100)],
            "internal_password": PASSWORD,
        }
        assert self.server.post(INTERNAL, edit).status_code == 200
        self.days_ago(1)
        self.push("alpha", [held("000001.XSHE", 60)])
        self.days_ago(0)


@pytest.fixture
def years(tmp_path):
    years = Years(tmp_path)
    years.fill()
    yield years
    if years.server.process.poll() is None:
        assert years.server.stop() == 0, years.server.log()


def answers(server):
    """What terminals and the API are told of now."""
    paths = ("positions/total", "strategies", "accounts/main/target", "positions/strategy/beta")
    return [
        {name: value for name, value in server.get(f"/api/v1/{path}").json().items() if name != "revision"}
        for path in paths
    ]


def export(server, after=""):
    return server.get(f"/api/v1/revisions.jsonl{after}").content.decode().splitlines()


def test_a_history_is_folded_and_both_parts_are_verified(years, tmp_path):
    server = years.server
    whole, before = export(server), answers(server)
    (last,) = [n for n, line in enumerate(whole) if json.loads(line)["kind"] == "set"][-1:]
    folded, kept = whole[: last + 1], whole[last + 1 :]
    checkpoint = json.loads(folded[-1])
    database = tmp_path / "data/jq2qmt.db"

    held_by = server.run("compact", "--before", years.day(150), "--yes", check=False)
    assert held_by.returncode == 1 and "another jq2qmt server is using the data folder" in held_by.stderr
    dry = server.run("compact", "--before", years.day(150)).stdout
    assert f"fold    {len(folded)} revisions, from 1 of " in dry and f"to {len(folded)} of {years.day(200)}" in dry
    assert checkpoint["hash"] in dry and f"jq2qmt-revisions-1-{len(folded)}.jsonl.gz" in dry
    assert "nothing was written" in dry and "as_of" in dry
    assert export(server) == whole
    server.stop()

    early = server.run("compact", "--before", years.day(59), check=False)
    assert early.returncode == 1 and "the last 60 days stay as they are" in early.stderr
    none = server.run("compact", "--before", years.day(300), "--yes")
    assert none.stdout.startswith("there is nothing to fold") and none.returncode == 0

    size = database.stat().st_size
    told = server.run("compact", "--before", years.day(150), "--yes").stdout
    archive = tmp_path / f"data/jq2qmt-revisions-1-{len(folded)}.jsonl.gz"
    assert gzip.decompress(archive.read_bytes()).decode().splitlines() == folded
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (
        digest in told
        and f"unbroken since the checkpoint at revision {len(folded)}: {len(whole) + 1} revisions" in told
    )
    assert [line[:3] for line in told.splitlines() if line[1:3] == "/6"] == [f"{step}/6" for step in range(1, 7)]
    assert f"had {size} bytes and has {database.stat().st_size}" in told and database.stat().st_size < size

    server.start()
    assert answers(server) == before
    rest = export(server)
    assert rest[:-1] == kept and json.loads(rest[-1])["subject_kind"] == "checkpoint"
    said = json.loads(json.loads(rest[-1])["document"]["after"])
    assert (said["revision"], said["hash"], said["archive"]) == (len(folded), checkpoint["hash"], digest)
    # The program of the document verifies the archive, what follows it, and both.
    head = server.run("head").stdout.split(",")[0]
    assert verify(folded).stdout == f"unbroken, head {checkpoint['hash']}\n"
    assert verify(rest, checkpoint["hash"]).stdout == f"unbroken, head {head}\n"
    assert verify(folded + rest).stdout == f"unbroken, head {head}\n"
    assert verify(rest).stderr == f"BROKEN at revision {len(folded) + 1}\n"

    # A head that was witnessed is found where it went.
    witnessed = json.loads(folded[3])["hash"]
    lost = server.run("verify", "--head", witnessed, check=False)
    assert lost.returncode == 1 and "only the archive knows it" in lost.stdout, lost.stdout
    found = server.run("verify", "--archive", archive, "--head", witnessed).stdout
    assert f"{len(folded)} revisions" in found and f"the archive contains {witnessed}, revision 4 of" in found
    assert server.run("verify", "--archive", archive, "--head", head, check=False).returncode == 1
    # One between the checkpoint and what tells of it is in the history, and does not say where that began.
    older = server.run("verify", "--head", json.loads(kept[0])["hash"], check=False)
    assert older.returncode == 1 and "the history contains" in older.stdout and "does not witness" in older.stdout
    assert "the history contains" in server.run("verify", "--head", head).stdout
    # The archive does.
    assert "the checkpoint of the database is what these revisions lead to" in found

    # It goes on, also after a restart, a copy and that put back.
    years.push("alpha", [held("000001.XSHE", 70)])
    years.push("delta", [held("600519.XSHG", 300)])
    server.run("backup", "copy.db")
    server.kill()
    server.start()
    assert "another copy of the database was put back" not in server.log()
    server.stop()
    server.run("restore", "copy.db")
    server.start()
    assert server.run("verify").stdout.startswith(f"unbroken since the checkpoint at revision {len(folded)}: ")


def test_the_past_before_the_checkpoint_is_refused_by_its_name(years):
    server = years.server
    revisions = [json.loads(line) for line in export(server)]
    last = max(one["revision"] for one in revisions if one["subject_kind"] == "account")
    since = [
        f"{path}as_of={point}"
        for point in (last, last + 1, last + 2, years.day(150) + "T10:00:00%2B08:00")
        for path in (
            "positions/total?", "positions/strategy/alpha?", "positions/strategy/beta?", "positions/strategy/gamma?",
            "accounts/main?", "guards?",
        )
    ]  # fmt: skip
    since += [
        f"strategies/alpha/diff?from={last}&to={last + 3}",
        f"strategies/alpha/diff?from={last + 1}&to={last + 2}",
    ]
    since += [f"strategies/beta/diff?to={last + 3}", "revisions/" + str(last + 1), "revisions/" + str(last + 2)]
    then = [server.get(f"/api/v1/{path}").json() for path in since]
    server.stop()
    server.run("compact", "--before", years.day(150), "--yes")
    server.start()
    moment = years.day(201) + "T00:00:00%2B08:00"
    for path in (
        f"positions/strategy/alpha?as_of={last - 1}", "positions/strategy/beta?as_of=1",
        f"positions/total?as_of={last - 1}", f"positions/total?as_of={moment}",
        "guards?as_of=3", "accounts/main?as_of=5", f"strategies/alpha/diff?from=2&to={last + 1}",
        f"strategies/alpha/diff?from={moment}", "revisions/2", f"revisions/{last}",
        "revisions.jsonl?after=0", "revisions.json?after=7", "revisions.csv?after=7",
    ):  # fmt: skip
        answer = server.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json().get("code")) == (410, "folded"), (path, answer.text)
        assert f"up to {last}" in answer.json()["message"] and f"版本 {last} " in answer.json()["error"]
    restored = requests.post(
        f"{server.url}/api/v1/strategies/alpha/restore", json={"revision": 5}, headers=OPERATOR, timeout=10
    )
    assert (restored.status_code, restored.json()["code"]) == (410, "folded"), restored.text

    # From the checkpoint on it is answered, also of what was set before.
    assert [server.get(f"/api/v1/{path}").json() for path in since] == then
    timeline = server.get("/api/v1/strategies/alpha/revisions").json()
    assert [one["revision"] for one in timeline["revisions"]] == [last + 3, last + 1]
    assert timeline["checkpoint"] == last and "next_before" not in timeline
    assert server.get("/api/v1/strategies/beta/revisions").json() == {"revisions": [], "checkpoint": last}
    assert server.get("/api/v1/strategies/nobody/revisions").status_code == 404
    day = server.get(f"/api/v1/reports/daily?day={years.day(201)}").json()
    assert day["head"] is None and server.get(f"/api/v1/reports/daily?day={years.day(100)}").json()["head"]

    pages = requests.Session()
    assert pages.post(f"{server.url}/login", data={"password": PASSWORD}, timeout=10).status_code == 200
    page = lambda path: pages.get(server.url + path, headers={"Accept-Language": "en"}, timeout=10)  # noqa: E731
    for path in ("/history", "/strategies/alpha", "/strategies/beta", f"/reports/{years.day(201)}"):
        assert "older history is in the archive" in page(path).text, path
    assert "before the checkpoint" in page("/instruments/510300.SH").text
    assert (page("/revisions/3").status_code, page(f"/revisions/{last + 1}").status_code) == (410, 200)
    assert page(f"/revisions/{last + 4}").status_code == 200 and "checkpoint" in page(f"/revisions/{last + 4}").text
    assert page(f"/compare?from={last}").status_code == 200
    assert page(f"/compare?from={last - 1}").status_code == 410
    assert page("/search?q=3").status_code == 200

    # The list that stood at the checkpoint is there to go back to, and what undoes the first change leads to it.
    (stood,) = [one["revision"] for one in revisions if one["revision"] <= last and one["subject"] == "alpha"][-1:]
    assert stood < last and f"restore?to={stood}" in page(f"/revisions/{last + 1}/undo").text
    restored = requests.post(
        f"{server.url}/api/v1/strategies/alpha/restore", json={"revision": stood}, headers=OPERATOR, timeout=10
    )
    assert restored.status_code == 200, restored.text
    total = {one["code"]: one["total_volume"] for one in server.total()["positions"]}
    assert total["000001.XSHE"] == 7000


def test_the_list_that_a_flat_strategy_goes_back_to_is_not_folded(tmp_path):
    years = Years(tmp_path)
    server, command = years.server, ("compact", "--before", years.day(150))

    def settle(state):
        answer = server.post("/api/v1/strategies/beta/state", {"state": state}, X_Internal_Password=PASSWORD)
        assert answer.status_code == 200, answer.text

    years.days_ago(200)
    server.start()
    years.push("beta", [held("510300.XSHG", 100)])
    settle("flat")
    years.days_ago(0)
    server.stop()
    for options in ([], ["--yes"]):
        refused = server.run(*command, *options, check=False)
        assert refused.returncode == 1, refused.stdout
        assert "is flat and goes back to revision 1, which would be folded" in refused.stderr, refused.stderr
    # Where it went flat later, the list is the one that stands at the checkpoint.
    server.start()
    settle("live")
    settle("flat")
    server.stop()
    assert "unbroken since the checkpoint" in server.run(*command, "--yes").stdout
    server.start()
    settle("live")
    beta = server.get("/api/v1/positions/strategy/beta").json()
    assert [one["volume"] for one in beta["positions"]] == [100]
    assert server.stop() == 0, server.log()


def test_a_later_day_folds_the_checkpoint_as_well(years, tmp_path):
    server = years.server
    whole = export(server)
    server.stop()
    server.run("compact", "--before", years.day(150), "--yes")
    there = server.run("compact", "--before", years.day(150), "--yes")
    assert there.stdout.startswith("there is nothing to fold")
    dry = server.run("compact", "--before", years.day(70)).stdout
    assert "goes on where the one before ends" in dry
    server.run("compact", "--before", years.day(70), "--archive", "second.gz", "--yes")
    (first,) = tmp_path.glob("data/jq2qmt-revisions-1-*.jsonl.gz")
    lines = gzip.decompress(first.read_bytes() + (tmp_path / "second.gz").read_bytes()).decode().splitlines()
    assert lines == whole[: len(lines)] and len(lines) == len(whole) - 1
    both = tmp_path / "both.gz"
    both.write_bytes(first.read_bytes() + (tmp_path / "second.gz").read_bytes())
    whole_archive = server.run("verify", "--archive", both).stdout
    assert f"unbroken: {len(lines)} revisions after {'0' * 64}" in whole_archive
    assert "the checkpoint of the database is what these revisions lead to" in whole_archive
    assert "and not where this archive ends" in server.run("verify", "--archive", first).stdout
    assert (
        "put the archives from the first one on behind each other"
        in server.run("verify", "--archive", "second.gz").stdout
    )
    server.start()
    assert server.run("verify").stdout.startswith(f"unbroken since the checkpoint at revision {len(lines)}: ")
    head = server.run("head").stdout.split(",")[0]
    assert verify(lines + export(server)).stdout == f"unbroken, head {head}\n"
    beta = server.get(f"/api/v1/positions/strategy/beta?as_of={len(lines)}").json()
    assert [one["volume"] for one in beta["positions"]] == [100]
    # Months later the checkpoints' own revisions are folded too.
    server.stop()
    years.days_ago(-100)
    told = server.run("compact", "--before", years.day(-10), "--yes").stdout
    assert "unbroken since the checkpoint at revision" in told
    server.start()
    assert len(export(server)) == 1


def test_nothing_is_folded_that_does_not_hold_nor_written_over(years, tmp_path):
    server, before = years.server, ("compact", "--before", years.day(150), "--yes")
    server.stop()
    database = tmp_path / "data/jq2qmt.db"
    (tmp_path / "mine.gz").write_bytes(b"mine")
    refused = server.run(*before, "--archive", "mine.gz", check=False)
    assert refused.returncode == 1 and "mine.gz exists already" in refused.stderr
    assert (tmp_path / "mine.gz").read_bytes() == b"mine"
    own = server.run(*before, "--archive", "data/jq2qmt.db-wal", check=False)
    assert own.returncode == 1 and "one of the server's own files" in own.stderr
    assert "nothing was folded" in server.run(*before, "--archive", "nowhere/a.gz", check=False).stderr
    shutil.copy(database, tmp_path / "whole.db")
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TRIGGER revisions_are_not_updated")
        connection.execute("UPDATE revisions SET actor = 'mallory' WHERE id = 2")
    connection.close()
    broken = server.run(*before, check=False)
    assert broken.returncode == 1 and "BROKEN at revision 2" in broken.stderr, broken.stderr
    assert list(tmp_path.glob("data/*.gz")) == [] and list(tmp_path.glob("data/.jq2qmt-*")) == []
    shutil.copy(tmp_path / "whole.db", database)
    server.run(*before)

    # Whatever is forged of what stays is found.
    shutil.copy(database, tmp_path / "folded.db")
    last = int(server.run("verify").stdout.split("revision ")[1].split(":")[0])
    update = "DROP TRIGGER revisions_are_not_updated; UPDATE revisions"
    rest = "actor_kind, actor, address, note, hash, changes"
    for forgery, words in {
        "UPDATE checkpoint SET state = replace(state, '7000', '9000')": "the checkpoint is not what was written",
        "UPDATE checkpoint SET revision = revision - 1": "the checkpoint is not",
        "DELETE FROM checkpoint": "the revision before it is missing",
        f"{update} SET actor = 'mallory' WHERE id = 1": "BROKEN at revision 1:",
        f"DROP TRIGGER revisions_are_not_deleted; DELETE FROM revisions WHERE id = {last + 1}": "BROKEN",
        "UPDATE kept_lists SET list = '[]' WHERE revision = 1": "the list kept as of revision 1",
        "DELETE FROM kept_lists WHERE revision = 1": "the list kept as of revision 1",
        "UPDATE past_instruments SET revision = 1": "ASTRAY",
        f"INSERT INTO revisions SELECT 2, strategy_id, document_id, kind, at + 1, {rest} FROM revisions WHERE id = 1": (
            "BROKEN at revision 2"
        ),
    }.items():
        shutil.copy(tmp_path / "folded.db", database)
        with sqlite3.connect(database) as connection:
            connection.executescript(forgery)
        connection.close()
        found = server.run("verify", check=False)
        assert found.returncode == 1 and words in found.stdout + found.stderr, (forgery, found.stdout, found.stderr)

    # What only repeats the history is made anew from the checkpoint on.
    shutil.copy(tmp_path / "folded.db", database)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE upkeep SET is_unfolded = 0")
    connection.close()
    server.start()
    assert server.run("verify").stdout.startswith("unbroken since the checkpoint")


def test_an_archive_that_was_changed_is_not_believed(years, tmp_path):
    server = years.server
    server.stop()
    server.run("compact", "--before", years.day(150), "--archive", "a.gz", "--yes")
    whole = (tmp_path / "a.gz").read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    forged = [*lines[:1], lines[1].replace(b"client1", b"mallory"), *lines[2:]]
    for content, words in {
        gzip.compress(b"".join(forged)): "line 2 of the archive: revision 2: its content does not match its hash",
        gzip.compress(b"".join(lines[:3] + lines[4:])): "line 4 of the archive: revision 5: it does not follow",
        gzip.compress(b"{}\n"): "it is no revision",
        gzip.compress(b""): "there is no revision in the archive",
        whole[:-20]: "the archive: ",
        b"no gzip": "the archive: ",
    }.items():
        (tmp_path / "a.gz").write_bytes(content)
        found = server.run("verify", "--archive", "a.gz", check=False)
        assert found.returncode == 1 and words in found.stderr, (words, found.stderr)


def test_a_crash_leaves_what_was_or_what_is_to_be(years, tmp_path):
    server, command = years.server, ("compact", "--before", years.day(150), "--yes")
    before = answers(server)
    server.stop()
    shutil.copytree(tmp_path / "data", tmp_path / "whole")
    plain = server.environment
    syncs = compiled("failing_sync.c", tmp_path)
    preload = plain["LD_PRELOAD"] + ":" + syncs
    states = []
    for number in range(1, 100):
        shutil.rmtree(tmp_path / "data")
        shutil.copytree(tmp_path / "whole", tmp_path / "data")
        server.environment = plain | {"LD_PRELOAD": preload, "SYNC_KILL": str(number)}
        ended = server.run(*command, check=False).returncode
        server.environment = plain
        states.append(server.run("verify").stdout.split(":")[0].split(" at ")[0])
        if ended == 0:
            break
        assert ended == -9
        again = server.run(*command, check=False)
        archives = list(tmp_path.glob("data/*.gz"))
        if states[-1] == "unbroken" and again.returncode == 1:
            assert "exists already and is not overwritten" in again.stderr, again.stderr
            assert server.run("verify", "--archive", archives[0]).stdout.startswith("unbroken: ")
            archives[0].unlink()
            again = server.run(*command)
        assert again.returncode == 0, again.stderr
        assert server.run("verify").stdout.startswith("unbroken since the checkpoint")
    assert set(states) == {"unbroken", "unbroken since the checkpoint"} and states == sorted(states)
    server.start()
    assert answers(server) == before
    server.stop()

    # A disk that loses what it was given.
    for file in (".tmp", "jq2qmt.db-wal"):
        shutil.rmtree(tmp_path / "data")
        shutil.copytree(tmp_path / "whole", tmp_path / "data")
        (tmp_path / "fault").write_bytes(b"x")
        fault = {"LD_PRELOAD": preload, "SYNC_FAULT": str(tmp_path / "fault"), "SYNC_FAULT_ON": file}
        server.environment = plain | fault
        failed = server.run(*command, check=False)
        server.environment = plain
        assert failed.returncode == 1 and (tmp_path / "fault").read_bytes() == b"", (file, failed.stdout)
        assert server.run("verify").stdout.startswith("unbroken: ")
        assert list(tmp_path.glob("data/.jq2qmt-*")) == []
