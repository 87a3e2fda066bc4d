"""tests/executor: a terminal that keeps docs/terminals.md passes, and whatever breaks a rule of it is caught."""

import subprocess
import sys

import pytest
from conftest import ROOT, clean_environment

RUN = ROOT / "tests/executor/run.py"
ENGINE = ROOT / "tests/executor/qmt_engine.py"
OTHER = ROOT / "tests/python/other_terminal.py"

# A rule that a terminal breaks, a scene in which it does, and what is said of it.
CAUGHT = {
    "sells_unlisted": ("unlisted", "a sale of 300 600519.SH, which is not listed"),
    "trades_held": ("hold", "a sale of 1000 600000.SH, whose line carries a hold"),
    "503_is_flat": ("incomplete", "a sale of 1000 600000.SH on a 503 `incomplete`"),
    "failure_is_flat": ("half", "a sale of 1000 600000.SH on half an answer"),
    "304_is_flat": ("unchanged", "a target: it holds 0 600000.SH at the end, not 1000"),
    "reads_any_status": ("refused", "a sale of 1000 600000.SH on a 500 whose body looks like a target"),
    "follows_redirects": ("redirect", "it shows its key to the address that a redirect names"),
    "ignores_lineage": ("other_lineage", "a sale of 1000 600000.SH on another lineage"),
    "ignores_revision": ("older_revision", "a sale of 1000 600000.SH on a revision that went back"),
    "ignores_account": ("malformed", "a sale of 1000 600000.SH on another account's target"),
    "ignores_demo": ("demo", "a sale of 1000 600000.SH on a demo"),
    "hasty": ("swap", "a sale of 1000 600000.SH on a target that stands for 6 s"),
    "orders_twice": ("replaced", "while another order for it was in flight"),
    "believes_lists": ("late_positions", "a purchase of 1000 600000.SH where 1000 are held and 1000 wanted"),
    "never_cancels": ("withdrawn", "a purchase of 500 600000.SH still rests at the end"),
    "replaces_at_once": ("replaced", "a purchase of 1000 600000.SH while another order for it was in flight"),
    "eager_at_start": ("restart", "a purchase of 1000 600000.SH where 1000 are held and 1000 wanted"),
    "sells_unsellable": ("sellable", "the broker refuses it, 400 may be sold today"),
    "buys_without_cash": ("cash", "the broker refuses it, there is not the cash for it"),
    "cancels_by_hand": ("by_hand", "it cancels an order that was placed by hand"),
    "silent": ("target", "nothing was reported"),
    "nameless": ("paused", "it does not name itself"),
    "other_key": ("paused", "it shows no X-API-Key, or another than it was given"),
    "hangs": ("slow", "it hangs"),
    "stops_at_refusal": ("paused", "the target after: it holds 1000 600000.SH at the end, not 500"),
    "reports_fail": ("reports_refused", "it ended by itself, with exit code 1"),
}


def run(*arguments):
    done = subprocess.run(
        [sys.executable, RUN, *arguments], env=clean_environment(), capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    return done


@pytest.mark.parametrize("terminal", [ENGINE, OTHER], ids=lambda path: path.stem)
def test_who_keeps_the_rules_passes(terminal):
    done = run("--", sys.executable, terminal)
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout


@pytest.mark.parametrize("fault", CAUGHT)
def test_who_breaks_a_rule_is_caught(fault):
    scene, words = CAUGHT[fault]
    done = run("--scene", scene, "--", sys.executable, OTHER, fault)
    assert done.returncode == 1 and f"WRONG  {scene}" in done.stdout, done.stdout
    assert words in done.stdout


def test_every_fault_of_the_other_terminal_is_looked_for():
    done = subprocess.run([sys.executable, OTHER, "no_such_fault"], capture_output=True, text=True)
    assert done.returncode == 1 and "AssertionError" in done.stderr
