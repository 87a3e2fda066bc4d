"""Copies: made under traffic, looked through, kept in number, and put back while terminals poll."""

import os
import pathlib
import re
import shutil
import sqlite3
import stat
import sys
import threading
import time

import pytest
import requests
from conftest import TOTAL, UPDATE, Server, held, running, sign, until


def revisions(database):
    with sqlite3.connect(database) as connection:
        return connection.execute("SELECT count(*) FROM revisions").fetchone()[0]


def forge(path):
    """Let another have made a revision."""
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER revisions_are_not_updated")
        database.execute("UPDATE revisions SET actor = 'mallory' WHERE id = 2")
    database.close()


def leftovers(folder):
    return [path.name for path in pathlib.Path(folder).iterdir() if path.name.startswith(".jq2qmt-")]


def test_a_copy_under_traffic_is_whole_and_private(tmp_path):
    with running(tmp_path) as server:
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        stop, answers = threading.Event(), []

        def push():
            volume = 100
            while not stop.is_set():
                volume += 100
                answers.append(server.push("alpha", [held("000001.XSHE", volume)]).status_code)

        pushing = threading.Thread(target=push)
        pushing.start()
        try:
            for number in range(3):
                before = len(answers)
                until(lambda: len(answers) > before)  # noqa: B023
                made = server.run("backup", f"copy{number}.db")
                told = re.fullmatch(
                    rf"copied to copy{number}\.db: (\d+) revisions, head ([0-9a-f]{{64}}) of .+, (\d+) bytes\n",
                    made.stdout,
                )
                assert told, made.stdout
                copy = tmp_path / f"copy{number}.db"
                assert (revisions(copy), copy.stat().st_size) == (int(told[1]), int(told[3]))
                if sys.platform != "win32":
                    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        finally:
            stop.set()
            pushing.join()
        assert set(answers) == {200}
        assert leftovers(tmp_path) == []

        there = server.run("backup", "copy0.db", check=False)
        assert there.returncode == 1 and "copy0.db exists already" in there.stderr and "--force" in there.stderr
        before = revisions(tmp_path / "copy0.db")
        server.run("backup", "copy0.db", "--force")
        assert revisions(tmp_path / "copy0.db") > before
        for own in ("data/jq2qmt.db", "data/jq2qmt.db-wal", "./data/../data/JQ2QMT.head"):
            refused = server.run("backup", own, "--force", check=False)
            assert refused.returncode == 1 and "one of the server's own files" in refused.stderr, refused.stderr
        assert "cannot be written" in server.run("backup", "nowhere/copy.db", check=False).stderr


def test_a_broken_chain_gives_no_copy_and_is_not_put_back(tmp_path):
    with running(tmp_path) as server:
        for volume in (100, 200, 300):
            assert server.push("alpha", [held("000001.XSHE", volume)]).status_code == 200
        server.run("backup", "whole.db")
        shutil.copy(tmp_path / "whole.db", tmp_path / "broken.db")
        forge(tmp_path / "broken.db")
        in_use = server.run("restore", "whole.db", check=False)
        assert in_use.returncode == 1 and "another jq2qmt server is using the data folder" in in_use.stderr
        server.stop()

        shutil.copy(tmp_path / "whole.db", tmp_path / "newer.db")
        with sqlite3.connect(tmp_path / "newer.db") as database:
            database.execute(
                "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time"
                " FROM _sqlx_migrations LIMIT 1"
            )
        database.close()
        sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE mine (x)").connection.close()
        (tmp_path / "empty.db").write_bytes(b"")
        torn = bytearray((tmp_path / "whole.db").read_bytes())
        (tmp_path / "torn.db").write_bytes(torn[: len(torn) // 2])
        before = (tmp_path / "data/jq2qmt.db").read_bytes()
        for name, words in {
            "broken.db": "BROKEN at revision 2",
            "newer.db": "written by a newer version",
            "other.db": "no database of jq2qmt",
            "empty.db": "no database of jq2qmt",
            "torn.db": "malformed",
            "nowhere.db": "there is no copy at nowhere.db",
        }.items():
            refused = server.run("restore", name, check=False)
            assert refused.returncode == 1 and words in refused.stderr, (name, refused.stderr)
        assert (tmp_path / "data/jq2qmt.db").read_bytes() == before
        assert leftovers(tmp_path / "data") == [] and list((tmp_path / "data").glob("before-restore-*")) == []

        # A server whose own history is broken starts no copy of it.
        forge(tmp_path / "data/jq2qmt.db")
        refused = server.run("backup", "copy.db", check=False)
        assert refused.returncode == 1 and "BROKEN at revision 2" in refused.stderr
        assert not (tmp_path / "copy.db").exists() and leftovers(tmp_path) == []
        server.start()


def test_a_copy_of_an_older_version_is_brought_up_to_date_when_it_is_put_back(tmp_path):
    script = (pathlib.Path(__file__).parents[1] / "store/first_release.sql").read_text(encoding="utf-8")
    database = sqlite3.connect(tmp_path / "old.db")
    database.executescript(script)
    database.close()
    (tmp_path / "keys").mkdir()
    server = Server(tmp_path)
    told = server.run("restore", "old.db").stdout
    assert told.startswith("put back old.db: 8 revisions") and "what was there before" not in told
    assert server.run("verify").stdout.startswith("unbroken: 8 revisions")
    with running(tmp_path) as server:
        assert server.total()["revision"] == 8


def test_a_restore_is_seen_by_everybody_who_polls(tmp_path):
    """The rehearsal: a terminal polls on while the server is stopped, an older copy put back, and started again."""
    with running(tmp_path) as server:
        server.listen = server.url.removeprefix("http://")
        server.push("alpha", [held("000001.XSHE", 100)])
        server.run("backup", "copy.db")
        server.push("alpha", [held("000001.XSHE", 200)])
        token = sign(server.key, {"client_id": "client1", "timestamp": time.time()})
        stop, seen, tags = threading.Event(), [], set()

        def poll():
            tag = None
            while not stop.is_set():
                try:
                    headers = {"If-None-Match": tag} if tag else {}
                    answer = requests.get(server.url + TOTAL, headers=headers, timeout=5)
                except requests.ConnectionError:
                    continue
                if answer.status_code == 200:
                    tag, body = answer.headers["ETag"], answer.json()
                    tags.add(tag)
                    seen.append((body["lineage"], body["revision"], body["positions"][0]["total_volume"]))
                else:
                    assert answer.status_code in (304, 503), answer.text

        polling = threading.Thread(target=poll)
        polling.start()
        try:
            until(lambda: seen)
            server.stop()
            told = server.run("restore", "copy.db").stdout
            server.start()
            until(lambda: seen[-1][0] > 1)
            refused = server.post(UPDATE, {"strategy_name": "alpha", "positions": []}, X_Auth_Token=token)
            assert (refused.status_code, refused.json()["code"]) == (401, "token_expired"), refused.text
            assert server.push("alpha", [held("000001.XSHE", 300)]).json()["revision"] == 2
            until(lambda: seen[-1][2] == 300)
        finally:
            stop.set()
            polling.join()
        # Never anything but what was in force, and what was put back is known by its lineage.
        lineage = seen[-1][0]
        assert seen == [(1, 2, 200), (lineage, 1, 100), (lineage, 2, 300)] and len(tags) == 3
        aside = re.search(r"what was there before lies in (\S+)", told)[1]
        assert f"the lineage is now {lineage}" in told and revisions(tmp_path / aside / "jq2qmt.db") == 2
        assert "put back" not in server.log(), "the start finds the lineage that the restore began"


@pytest.mark.parametrize("lost", ["folder", "head"])
def test_a_copy_on_a_new_machine_begins_another_lineage(tmp_path, lost):
    with running(tmp_path) as server:
        server.push("alpha", [held("000001.XSHE", 100)])
        server.run("backup", "copy.db")
    if lost == "folder":
        shutil.rmtree(tmp_path / "data")
    else:
        (tmp_path / "data/jq2qmt.head").unlink()
    Server(tmp_path).run("restore", "copy.db")
    with running(tmp_path) as server:
        assert server.total()["lineage"] > 1 and server.total()["revision"] == 1


def test_a_copy_put_in_its_place_by_hand_begins_another_lineage(tmp_path):
    with running(tmp_path) as server:
        server.push("alpha", [held("000001.XSHE", 100)])
        server.run("backup", "copy.db")
    # On another machine nothing remembers what was seen.
    (tmp_path / "other/data").mkdir(parents=True)
    shutil.copytree(tmp_path / "keys", tmp_path / "other/keys")
    shutil.copy(tmp_path / "copy.db", tmp_path / "other/data/jq2qmt.db")
    for _ in range(2):
        with running(tmp_path / "other") as server:
            total = server.total()
            assert total["lineage"] > 1 and total["revision"] == 1
            # The log goes on over both starts: the second adds no such line.
            assert server.log().count("another copy of the database was put back") == 1


def test_a_folder_that_was_rolled_back_as_a_whole_is_put_back_as_a_copy(tmp_path):
    with running(tmp_path) as server:
        server.push("alpha", [held("000001.XSHE", 100)])
    shutil.copytree(tmp_path / "data", tmp_path / "snapshot")
    with running(tmp_path) as server:
        server.push("alpha", [held("000001.XSHE", 200)])
    shutil.rmtree(tmp_path / "data")
    shutil.move(tmp_path / "snapshot", tmp_path / "data")
    Server(tmp_path).run("restore", "data/jq2qmt.db")
    with running(tmp_path) as server:
        assert server.total()["lineage"] > 1 and server.total()["revision"] == 1


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files to others")
def test_what_root_puts_back_belongs_to_whoever_owned_the_database(tmp_path):
    with running(tmp_path) as server:
        server.push("alpha", [held("000001.XSHE", 100)])
        server.run("backup", "copy.db")
    data = tmp_path / "data"
    (data / "jq2qmt.head").unlink()
    for path in [data, *data.iterdir()]:
        os.chown(path, 12345, 12345)
    told = server.run("restore", "copy.db").stdout
    aside = pathlib.Path(re.search(r"what was there before lies in (\S+)", told)[1])
    for path in (data / "jq2qmt.db", data / "jq2qmt.head", data / aside.name):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345), path


def test_the_server_makes_copies_and_keeps_so_many(tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "mine.db").write_text("mine")
    (folder / ".jq2qmt-backup-killed.tmp").mkdir()
    (folder / ".jq2qmt-backup-killed.tmp/half").write_text("half")

    def made():
        return sorted(path.name for path in folder.glob("jq2qmt-*.db"))

    plan = ("--backup-every", "1s", "--backup-keep", "2", "--backup-dir", "copies")
    with running(tmp_path, *plan) as server:
        server.push("alpha", [held("000001.XSHE", 100)])
        names = set()
        until(lambda: names.update(made()) or len(names) >= 4)
        until(lambda: len(made()) == 2 and set(made()).isdisjoint(sorted(names)[:2]))
        newest = folder / made()[-1]
    # Those that others put there are theirs; what a killed server left is gone.
    assert (folder / "mine.db").read_text() == "mine" and leftovers(folder) == []
    assert revisions(folder / made()[-1]) == 1 and re.fullmatch(r"jq2qmt-\d{8}T\d{6}Z\.db", newest.name)
    before = made()
    # A restart is no reason for another one.
    with running(tmp_path, "--backup-every", "1h", "--backup-dir", "copies") as server:
        assert server.push("alpha", [held("000001.XSHE", 200)]).status_code == 200
        assert made() == before


@pytest.mark.skipif(sys.platform == "win32", reason="a folder stands in the way differently there")
def test_a_copy_that_fails_does_not_end_the_server(tmp_path):
    (tmp_path / "copies").write_text("a file is in the way")
    with running(tmp_path, "--backup-every", "1s", "--backup-dir", "copies") as server:
        until(lambda: "a copy of the database could not be made" in server.log())
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        assert server.get("/healthz").status_code == 200
        (tmp_path / "copies").unlink()
        until(lambda: "a copy was made" in server.log())


def test_an_old_copy_that_cannot_be_deleted_makes_no_more_of_them(tmp_path):
    folder = tmp_path / "copies"
    # A folder of that name is deleted by nobody who deletes files.
    (folder / "jq2qmt-20200101T000000Z.db").mkdir(parents=True)

    def made():
        return {path.name for path in folder.glob("jq2qmt-*.db") if path.is_file()}

    with running(tmp_path, "--backup-every", "1s", "--backup-keep", "2", "--backup-dir", "copies") as server:
        names = set()
        until(lambda: names.update(made()) or len(names) >= 4)
        until(lambda: len(made()) == 2)
        assert "an old copy could not be deleted" in server.log()
        assert "a copy of the database could not be made" not in server.log()
