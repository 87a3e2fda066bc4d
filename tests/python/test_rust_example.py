"""examples/push.rs, as cargo builds it with the tests."""

import subprocess

import pytest
from conftest import BINARY

EXAMPLE = BINARY.parent / "examples/push"


@pytest.fixture
def push(server):
    def run(strategy, key="data/default_private.pem"):
        arguments = [EXAMPLE, server.url + "/", key, "rust-client", strategy]
        return subprocess.run(arguments, cwd=server.folder, capture_output=True, text=True, timeout=30)

    return run


def test_it_pushes_with_a_bound_token(push, server):
    first, second = push("锈"), push("锈")
    assert (first.returncode, first.stdout) == (0, "持仓更新成功: revision 1, changed\n"), first.stderr
    assert second.stdout == "持仓更新成功: revision 1, unchanged\n"
    assert [line["total_volume"] for line in server.total()["positions"]] == [1000, 5000]
    # A client that may send bound tokens only.
    server.stop()
    (server.folder / "keys/clients.toml").write_text("[default]\nunbound = false\nstrategies = ['锈']\n")
    server.start()
    assert push("锈").returncode == 0
    refused = push("other")
    assert refused.returncode == 1 and "strategy_forbidden" in refused.stderr


def test_what_is_missing_is_said(push, server):
    assert "4 arguments are needed, not 0" in subprocess.run([EXAMPLE], capture_output=True, text=True).stderr
    assert push("alpha", key="no-such-file").returncode == 1
    server.stop()
    assert push("alpha").returncode == 1
