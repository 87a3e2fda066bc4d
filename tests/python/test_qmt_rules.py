"""The pure rules of the QMT scripts, as equations: lots, ticks, codes."""

import importlib
import math
import sys

import pytest
from conftest import ROOT
from fake_qmt import lots
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(ROOT / "examples/qmt"))
rules = importlib.import_module("jq2qmt_sync.rules")
decide = importlib.import_module("jq2qmt_sync.decide")

CODES = ["600000.SH", "000001.SZ", "300750.SZ", "302132.SZ", "688001.SH", "689009.SH", "430047.BJ", "920002.BJ"]
CODES += ["510300.SH", "159915.SZ", "161725.SZ", "184801.SZ", "110059.SH", "113001.SH", "123001.SZ", "127001.SZ"]


def may_sell(code, volume, sellable):
    """The exchange's rule, written as the fake writes it: apart from the scripts' own."""
    _, _, lot, least, remainder, _ = lots(code)
    if volume == sellable and remainder:
        return True
    if lot > 1 and remainder and volume % lot == sellable % lot:
        return True
    return volume % lot == 0 and volume >= least


@given(st.sampled_from(CODES), st.integers(0, 3000), st.integers(0, 3000))
def test_a_sale_is_the_largest_allowed_one(code, wanted, sellable):
    volume = rules.sell_volume(rules.board_of(code), wanted, sellable)
    allowed = [v for v in range(1, min(wanted, sellable) + 1) if may_sell(code, v, sellable)]
    assert volume == max(allowed, default=0)


@given(st.sampled_from(CODES), st.integers(0, 3000))
def test_a_purchase_is_the_largest_allowed_one(code, wanted):
    lot, least = lots(code)[:2]
    allowed = [v for v in range(least, wanted + 1) if v % lot == 0]
    assert rules.buy_volume(rules.board_of(code), wanted) == max(allowed, default=0)


@given(st.sampled_from(CODES), st.floats(0.01, 5000), st.booleans())
def test_a_price_lands_on_the_grid_on_the_right_side(code, price, up):
    board = rules.board_of(code)
    landed = rules.to_tick(board, price, up)
    ticks = landed / board.tick
    assert abs(ticks - round(ticks)) < 1e-6
    assert abs(landed - price) < board.tick * (1 + 1e-6)
    assert (landed >= price - 1e-6) if up else (landed <= price + 1e-6)


@given(st.sampled_from(CODES), st.integers(1, 500_000))
def test_a_price_on_the_grid_stays_what_it_is(code, ticks):
    board = rules.board_of(code)
    price = round(ticks * board.tick, 3)
    assert rules.to_tick(board, price, True) == rules.to_tick(board, price, False) == price


levels = st.lists(st.floats(0, 100), max_size=5)


@given(levels, levels, st.floats(0.01, 100), st.floats(0.01, 100))
def test_an_order_never_leaves_the_days_limits(asks, bids, one, other):
    down, up = sorted((round(one, 2), round(other, 2)))
    asks = sorted(round(price, 2) for price in asks if down <= round(price, 2) <= up)
    bids = sorted((round(price, 2) for price in bids if down <= round(price, 2) <= up), reverse=True)
    quote = decide.Quote(asks, bids, up, down, False, "20260105")
    for side in (decide.BUY, decide.SELL):
        price, why = decide.limit_price(rules.MAIN, side, quote)
        assert (price is None) == (why is not None)
        if price is not None:
            assert down - 1e-9 <= price <= up + 1e-9
            best = asks[0] if side == decide.BUY else bids[0]
            assert math.isclose(price, best) or (price > best) == (side == decide.BUY)


@pytest.mark.parametrize(
    ("code", "terminal"),
    [
        ("000001.XSHE", "000001.SZ"),
        ("600000.xshg", "600000.SH"),
        ("430047.BJSE", "430047.BJ"),
        ("430047.XBSE", "430047.BJ"),
        (" 510300.SH ", "510300.SH"),
        ("IF2601.CCFX", None),
        ("000001.OF", None),
    ],
)
def test_codes_of_either_notation(code, terminal):
    assert rules.terminal_code(code) == terminal


@pytest.mark.parametrize("code", ["", "600000", "600000.", ".SH", "60000A.SH", "6000000.SH", "600000.US", "CASH"])
def test_a_code_that_is_not_understood_is_an_error(code):
    with pytest.raises(ValueError):
        rules.terminal_code(code)
