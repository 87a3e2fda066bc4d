"""A line of an overlay that ends by a day, in the real server: what went by while it was dead is over at its start."""

import datetime
import subprocess
import sys

import pytest
from conftest import INTERNAL, PASSWORD, Server, compiled, held, until
from test_ledger import printed_program
from two_accounts import Clock

OVERLAY = "/api/v1/positions/strategy/ADJUSTMENT_MAIN"


@pytest.mark.skipif(sys.platform != "linux", reason="the server's clock is put before Linux's C library")
def test_a_server_that_was_killed_over_midnight_takes_out_what_is_over(tmp_path):
    clock = Clock(tmp_path / "clock")
    preload = {"LD_PRELOAD": compiled("simulated_clock.c", tmp_path), "SIMULATED_CLOCK": str(tmp_path / "clock")}
    server = Server(tmp_path, **preload).start()
    today, tomorrow = "2026-01-05", "2026-01-06"
    lines = [held("600000.SH", 300) | {"until": today}, held("000001.SZ", -100) | {"until": tomorrow}]
    body = {"strategy_name": "ADJUSTMENT_MAIN", "positions": lines}
    answer = server.post(INTERNAL, body, X_Internal_Password=PASSWORD)
    assert answer.status_code == 200, answer.text
    server.kill()

    clock.set(datetime.datetime.fromisoformat(f"{tomorrow} 09:20:00"))
    server.start()

    def codes():
        return [one["code"] for one in server.get(OVERLAY).json()["positions"]]

    # A time service may put the clock right yet, whoever else has the same.
    to = ("--server", server.url, "--key", "data/default_private.pem", "--client", "default", "--strategy", "alpha")
    server.run("push", *to, "-", stdin="[]")
    assert codes() == ["600000.SH", "000001.SZ"]
    clock.advance(300)
    until(lambda: codes() == ["000001.SZ"])
    made = server.get("/api/v1/revisions/3").json()
    assert (made["kind"], made["actor"], made["updated_at"][:10]) == ("expire", "server", tomorrow)
    program = [sys.executable, "-X", "utf8", "-c", printed_program()]
    export = server.get("/api/v1/revisions.jsonl").content
    assert "2026-01-05" in export.decode()
    assert subprocess.run(program, input=export, capture_output=True, check=True).stdout.startswith(b"unbroken")
    assert server.stop() == 0
    assert server.run("verify").returncode == 0
