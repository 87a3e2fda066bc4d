"""Answers that no server would give: the script understands them whole, or has no targets to trade on."""

import json
import os
import sys

import pytest
from conftest import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(ROOT / "examples/qmt"))
from jq2qmt_sync.answer import PollError, read_answer

LINES = [("000001.SZ", 1300), ("600519.SH", 0), ("00700.HK", 100), ("123456.XX", 7), ("430047.BJ", -100)]
TOTAL = {
    "positions": [{"code": code, "name": "名", "total_volume": volume, "avg_cost": 1.5} for code, volume in LINES[:3]],
    "revision": 7, "lineage": 1, "update_time": "2026-01-05 14:50:00",
}  # fmt: skip
TARGET = {
    "account": "main", "revision": 7, "lineage": 1, "updated_at": "2026-01-05T14:50:00+08:00",
    "lines": [
        {"code": code, "volume": volume, "exact": str(volume), "hold": {"reason": "stale", "text": "今天没有推送"}}
        for code, volume in LINES
    ],
}  # fmt: skip
TOKENS = [
    b"null",
    b"NaN",
    b"-",
    b"1e999",
    b"9" * 5000,
    b"[" * 3000,
    b'"',
    b"\\ud800",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{}",
    b"true",
    b"0.5",
    b"\x00",
]
place = st.floats(0, 1)
change = st.one_of(
    st.tuples(st.just("flip"), place, st.integers(0, 7)),
    st.tuples(st.just("cut"), place, st.integers(1, 40)),
    st.tuples(st.just("put"), place, st.sampled_from(TOKENS)),
    st.tuples(st.just("twice"), place, st.integers(1, 80)),
)


def changed(body, changes):
    text = bytearray(body)
    for kind, where, what in changes:
        at = int(where * len(text))
        if kind == "flip" and at < len(text):
            text[at] ^= 1 << what
        elif kind == "cut":
            del text[at : at + what]
        elif kind == "put":
            text[at:at] = what
        elif kind == "twice":
            text[at:at] = text[at : at + what]
    return bytes(text)


@pytest.mark.parametrize(("whole", "account"), [(TOTAL, ""), (TARGET, "main")])
@settings(max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "1000")), deadline=None)
@given(changes=st.lists(change, max_size=4))
@example(changes=[("put", 0.0, b"[" * 100_000)])
@example(changes=[("put", 0.5, b"9" * 5000)])
def test_any_answer_is_understood_or_refused(whole, account, changes):
    body = changed(json.dumps(whole, ensure_ascii=False).encode(), changes)
    try:
        targets = read_answer(200, body, account)
    except PollError:
        assert changes, "the answer itself is understood"
        return
    assert all(type(volume) is int and volume >= 0 for volume in targets.volumes.values()), targets
    assert targets.leaving <= set(targets.volumes) >= set(targets.holds), targets
    assert type(targets.revision) is int and isinstance(targets.update_time, str), targets
