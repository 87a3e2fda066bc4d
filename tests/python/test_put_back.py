"""Databases that are put back, taken away or shared by hand: nobody takes an old or an empty book for the newest."""

import shutil
import sys
import time

import pytest
import requests
from conftest import TOTAL, UPDATE, Server, held, running, sign


def test_a_copy_that_is_put_back_is_told_to_everybody(tmp_path):
    database, copy = tmp_path / "data/jq2qmt.db", tmp_path / "copy.db"
    with running(tmp_path) as server:
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        server.stop()
        shutil.copy(database, copy)
        server.start()
        assert server.push("alpha", [held("000001.XSHE", 200)]).status_code == 200
        before = server.get(TOTAL)
        token = sign(server.key, {"client_id": "client1", "timestamp": time.time()})
        server.stop()
        shutil.copy(copy, database)

        server.start()
        after = server.total()
        assert (after["revision"], after["positions"][0]["total_volume"]) == (1, 100)
        lineage = after["lineage"]
        assert before.json()["lineage"] == 1 and lineage > 1
        assert "put back" in server.log()
        refused = server.post(UPDATE, {"strategy_name": "alpha", "positions": []}, X_Auth_Token=token)
        assert (refused.status_code, refused.json()["code"]) == (401, "token_expired"), refused.text
        # As far as before, and another history.
        assert server.push("alpha", [held("000001.XSHE", 300)]).json()["revision"] == 2
        again = server.get(TOTAL, headers={"If-None-Match": before.headers["ETag"]})
        assert (again.status_code, again.headers["ETag"] == before.headers["ETag"]) == (200, False)
        events = server.url + "/api/v1/events"
        with requests.get(events, headers={"Last-Event-ID": "2"}, stream=True, timeout=10) as stream:
            told = [line for line in (next(lines) for lines in [stream.iter_lines()] for _ in range(6)) if line]
        assert b"event: reset" in told and f"id: 2.{lineage}".encode() in told, told
        with requests.get(events, headers={"Last-Event-ID": f"1.{lineage}"}, stream=True, timeout=10) as stream:
            told = [line for line in (next(lines) for lines in [stream.iter_lines()] for _ in range(6)) if line]
        assert b"event: revision" in told and f"id: 2.{lineage}".encode() in told, told


@pytest.mark.parametrize("lose", ["delete", "empty"])
def test_a_book_that_is_gone_does_not_start_as_an_empty_one(tmp_path, lose):
    with running(tmp_path) as server:
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
    database = tmp_path / "data/jq2qmt.db"
    for _ in range(2):
        if lose == "delete":
            database.unlink(missing_ok=True)
        else:
            database.write_bytes(b"")
        refused = server.run("--listen", "127.0.0.1:0", check=False)
        assert refused.returncode == 1
        assert "revision 1 was seen beside it" in refused.stderr and "--new" in refused.stderr, refused.stderr
    with running(tmp_path, "--new") as server:
        assert server.total()["update_time"] is None
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200


def test_a_restore_that_was_cut_off_does_not_leave_an_empty_book(tmp_path):
    """After the database went aside, before the copy has its name; what remembers the newest revision is lost too."""
    with running(tmp_path) as server:
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
    data = tmp_path / "data"
    aside = data / "before-restore-20260105T065000Z"
    aside.mkdir()
    (data / "jq2qmt.db").rename(aside / "jq2qmt.db")
    (data / "jq2qmt.head").unlink()
    for _ in range(2):
        refused = server.run("--listen", "127.0.0.1:0", check=False)
        assert refused.returncode == 1
        assert aside.name in refused.stderr and "--new" in refused.stderr, refused.stderr
    (aside / "jq2qmt.db").replace(data / "jq2qmt.db")
    with running(tmp_path) as server:
        assert server.total()["revision"] == 1
    (data / "jq2qmt.db").unlink()
    (data / "jq2qmt.head").unlink()
    with running(tmp_path, "--new") as server:
        assert server.total()["update_time"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_files_that_go_away_under_a_running_server_end_it(tmp_path):
    with running(tmp_path) as server:
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        (tmp_path / "data/jq2qmt.db").unlink()
        lost = server.push("alpha", [held("000001.XSHE", 200)])
        assert (lost.status_code, lost.json()["code"]) == (503, "outcome_unknown"), lost.text
        assert server.process.wait(30) == 1
        server.process.stdout.close()
        assert "is gone" in server.log()


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is locked cannot be deleted there")
def test_a_deleted_lock_lets_no_second_server_in(tmp_path):
    with running(tmp_path) as server:
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        (tmp_path / "data/jq2qmt.lock").unlink()
        second = Server(tmp_path).run("--listen", "127.0.0.1:0", check=False)
        assert second.returncode == 1
        assert "another jq2qmt server is using the data folder" in second.stderr
