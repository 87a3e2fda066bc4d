"""tests/executor: a terminal that keeps docs/terminals.md passes, and whatever breaks a rule of it is caught."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT, clean_environment

RUN = ROOT / "tests/executor/run.py"
ENGINE = ROOT / "tests/executor/qmt_engine.py"
OTHER = ROOT / "tests/python/other_terminal.py"

# A rule that a terminal breaks, and by scene what is said of it there.
CAUGHT = {
    "sells_unlisted": {"unlisted": "a sale of 300 600519.SH, which is not listed"},
    "trades_held": {"hold": "a sale of 1000 600000.SH, whose line carries a hold"},
    "503_is_flat": {
        "incomplete": "a sale of 1000 600000.SH on a 503 `incomplete`",
        "paused": "a sale of 1000 600000.SH on a 503 `paused`",
    },
    "409_is_flat": {"other_terminal": "a sale of 1000 600000.SH on a 409 `other_terminal`"},
    "304_is_flat": {
        "unchanged": "a sale of 500 000001.SZ where 500 are held and 500 wanted",
        "unasked_304": "a sale of 1000 600000.SH on an unasked 304",
    },
    "failure_is_flat": {
        "half": "a sale of 1000 600000.SH on half an answer",
        "lost": "a sale of 1000 600000.SH on a lost connection",
        "slow": "a sale of 1000 600000.SH on an answer that drips in",
    },
    "reads_any_status": {"refused": "a sale of 1000 600000.SH on a 500 whose body looks like a target"},
    "follows_redirects": {"redirect": "it shows its key to the address that a redirect names"},
    "ignores_lineage": {
        "other_lineage": "a sale of 1000 600000.SH on another lineage",
        "other_lineage_at_start": "a sale of 1000 600000.SH on another lineage",
    },
    "ignores_revision": {"older_revision": "a sale of 1000 600000.SH on a revision that went back"},
    "ignores_account": {"malformed": "a sale of 1000 600000.SH on another account's target"},
    "ignores_demo": {"demo": "a sale of 1000 600000.SH on a demo"},
    "hasty": {"swap": "a sale of 1000 600000.SH on a target that stands for 6 s"},
    "orders_twice": {"replaced": "while another order for it was in flight"},
    "believes_lists": {
        "late_positions": "a purchase of 1000 600000.SH where 1000 are held and 1000 wanted",
        "vanished_position": "a purchase of 1000 600000.SH where 1000 are held and 1000 wanted",
    },
    "never_cancels": {
        "withdrawn": "a purchase of 500 600000.SH still rests at the end",
        "hold_in_flight": "a hold: a purchase of 500 600000.SH still rests at the end",
    },
    "replaces_at_once": {"replaced": "a purchase of 1000 600000.SH while another order for it was in flight"},
    "eager_at_start": {"restart": "a purchase of 1000 600000.SH where 1000 are held and 1000 wanted"},
    "sells_unsellable": {"sellable": "the broker refuses it, 400 may be sold today"},
    "buys_without_cash": {"cash": "the broker refuses it, there is not the cash for it"},
    "cancels_by_hand": {"by_hand": "it cancels an order that was placed by hand"},
    "silent": {"target": "nothing was reported"},
    "owns_everything": {"by_hand": "no report says of every order whether people placed it"},
    "nameless": {"paused": "it does not name itself"},
    "other_key": {"paused": "it shows no X-API-Key, or another than it was given"},
    "hangs": {"slow": "it hangs"},
    "stops_at_refusal": {"paused": "the target after: it holds 1000 600000.SH at the end, not 500"},
    "reports_fail": {"reports_refused": "it ended by itself, with exit code 1"},
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
    scenes = [argument for scene in CAUGHT[fault] for argument in ("--scene", scene)]
    done = run(*scenes, "--", sys.executable, OTHER, fault)
    assert done.returncode == 1
    told = dict(re.findall(r"^WRONG  (\w+): (.*?)(?=^WRONG|^right|^\d+ of)", done.stdout, re.MULTILINE | re.DOTALL))
    for scene, words in CAUGHT[fault].items():
        assert words in told.get(scene, ""), done.stdout


def test_every_scene_catches_somebody():
    done = run("--help")
    scenes = re.search(r"one of: ([\w, \n]+?)\.", done.stdout).group(1)
    assert {scene for told in CAUGHT.values() for scene in told} == set(re.findall(r"\w+", scenes))


def test_a_terminal_that_cannot_be_started_is_no_good_one():
    done = run("--scene", "demo", "--", sys.executable, OTHER, "no_such_fault")
    assert done.returncode == 1 and "it never asks for the target" in done.stdout
    assert "it ended by itself, with exit code 1" in done.stdout and "| AssertionError" in done.stdout
    done = subprocess.run([sys.executable, RUN, "--", "no-such-program"], capture_output=True, text=True)
    assert done.returncode == 2 and "no-such-program" in done.stderr
