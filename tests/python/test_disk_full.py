"""A disk without room: pushes get 503, reads go on, and it recovers when there is room."""

import resource
import signal
import sys

import pytest
from conftest import held, running

if sys.platform != "linux":
    pytest.skip("the limit of a running process is set through Linux's prlimit", allow_module_level=True)

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def test_pushes_are_refused_and_come_back(tmp_path):
    # A limit on the size of files stands in for the full disk: writes beyond it fail in the middle of a transaction.
    def ignore_the_signal_that_comes_with_the_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    with running(tmp_path, preexec=ignore_the_signal_that_comes_with_the_limit) as server:
        key = server.key
        assert server.push("alpha", [held("000001.XSHE", 100)], key).status_code == 200
        before = server.total()
        size = (tmp_path / "data/jq2qmt.db-wal").stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        for attempt in range(5):
            refused = server.push("alpha", [held("000001.XSHE", 200 + attempt)], key)
            assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable"), refused.text
            assert refused.headers["Retry-After"] == "1"
            assert server.total() == before
        not_ready = server.get("/readyz")
        assert (not_ready.status_code, not_ready.json()["code"]) == (503, "store_unavailable")
        assert server.get("/healthz").status_code == 200

        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
        assert server.get("/readyz").status_code == 200
        answer = server.push("alpha", [held("000001.XSHE", 300)], key)
        assert (answer.status_code, answer.json()["revision"]) == (200, 2)
        assert server.total()["positions"][0]["total_volume"] == 300
        assert server.run("verify").stdout.startswith("unbroken: 2 revisions")
