"""Two weeks of two accounts, day by day: what the server knows of them in the evening is what the broker knows."""

import collections
import datetime
import sys
from decimal import Decimal

import pytest
from conftest import compiled, public_pem, running
from fake_qmt import BUY, SELL
from two_accounts import ACCOUNTS, Clock, World

if sys.platform != "linux":
    pytest.skip("the server's clock is put before Linux's C library", allow_module_level=True)

BANK, SZ, STAR, ETF, BOND = "600000.SH", "000001.SZ", "688001.SH", "510300.SH", "113001.SH"
CHINEXT, IPO = "300750.SZ", "301501.SZ"
PRICES = {BANK: 10.0, SZ: 12.0, STAR: 50.0, ETF: 4.0, BOND: 120.0, CHINEXT: 200.0, IPO: 20.0}
SIDES = {BUY: "buy", SELL: "sell"}


@pytest.fixture
def world(tmp_path, joinquant, quick_key):
    clock = Clock(tmp_path / "clock")
    preload = {"LD_PRELOAD": compiled("simulated_clock.c", tmp_path), "SIMULATED_CLOCK": str(tmp_path / "clock")}
    with running(tmp_path, **preload) as server:
        (server.folder / "keys/jq.pem").write_bytes(public_pem(quick_key))
        server.listen = server.url.removeprefix("http://")
        world = World(server, clock, joinquant)
        world.list(PRICES)
        world.instruments[BOND].same_day = True
        yield world
        assert [terminal.fake.refusals for terminal in world.terminals.values()] == [[], []]
        assert server.run("verify").stdout.startswith("unbroken: ")


def check_day(world, drift=None, unfilled=None):
    """What the server knows is what the broker knows, to the share and the fen. By account and code: `drift` has the
    reasons of what differs from the target, `unfilled` the shares that came (or went) by other than trades of ours."""
    for account, terminal in world.terminals.items():
        check_report(world.get(account, "/report"), terminal)
        check_fills(world, account, terminal.fake.deals)
        check_unfilled(world, account, (unfilled or {}).get(account, {}))
        check_drift(world, account, (drift or {}).get(account, {}))
        check_attribution(world, account, world.now.date())


def check_report(report, terminal):
    holdings, cash, total = terminal.known()
    told = {
        one["code"]: (one["volume"], one["sellable"], float(one["cost"]), float(one["price"]))
        for one in report["holdings"]
    }
    assert told == holdings
    assert (Decimal(report["cash"]), Decimal(report["total_asset"])) == (cash, total)
    value = sum(one["volume"] * Decimal(one["price"]) for one in report["holdings"])
    assert cash + value == total
    assert report["silent"] == (not terminal.scripts)
    assert not any("报告" in script.output or "出错" in script.output for script in terminal.scripts)


def today(world):
    day = world.now.date()
    return f"?from={day}&to={day + datetime.timedelta(days=1)}"


def check_fills(world, account, deals):
    fills = world.get(account, "/fills" + today(world))["fills"]
    told = [(one["id"], one["code"], one["side"], one["volume"], float(one["price"])) for one in fills]
    made = [(str(deal.number), deal.order.code, SIDES[deal.order.side], deal.volume, deal.price) for deal in deals]
    assert sorted(told) == sorted(made)


def check_unfilled(world, account, told):
    moved = collections.Counter()
    for change in world.get(account, "/holdings/changes" + today(world))["changes"]:
        moved[change["code"]] += change["after"] - change["before"] - change["filled"]
    assert {code: shares for code, shares in moved.items() if shares} == told


def check_drift(world, account, told):
    lines = world.get(account, "/drift")["lines"]
    assert {line["code"]: [part["reason"] for part in line["parts"]] for line in lines} == told
    for line in lines:
        assert sum(part["shares"] for part in line["parts"]) == line["difference"] == line["holding"] - line["target"]


def check_attribution(world, account, day):
    """Every share that is held, and every fen of the day's trades, is a strategy's of the account or unassigned."""
    told, terminal = world.get(account, f"/attribution?day={day}"), world.terminals[account]
    assert (told["account"], told["day"]) == (account, str(day))
    strategies = told["strategies"]
    names = [one["strategy"] for one in strategies]
    assert len(names) == len(set(names)) and set(names) <= {one["name"] for one in ACCOUNTS[account]} | {None}
    shares = collections.Counter()
    for line in (line for one in strategies for line in one["lines"]):
        shares[line["code"]] += line["volume"]
    holdings, _, _ = terminal.known()
    assert {code: volume for code, volume in shares.items() if volume} == {
        code: one[0] for code, one in holdings.items()
    }
    sums = {what: sum(Decimal(one[what]) for one in strategies) for what in ("bought", "sold", "fees")}
    assert sums == terminal.traded()


def main(world):
    return world.main.fake.volumes()


def small(world):
    return world.small.fake.volumes()


def placed(world):
    return sum(len(terminal.fake.placed) for terminal in world.terminals.values())


def listed(world, account):
    return {line["code"] for line in world.get(account, "/target?code_format=qmt")["lines"]}


def locks(world, account):
    return {lock["code"]: lock["shares"] for lock in world.get(account, "/locks")["locks"]}


def trade(world):
    """A trading day, of which the morning's opening and the last minutes are looked at."""
    world.until("09:34")
    world.leap("14:52")
    world.until("14:56")


def test_two_weeks(world):
    for day in (
        strategies_begin,
        one_takes_what_another_drops,
        shares_are_allotted,
        the_owner_buys_by_hand,
        a_copy_of_the_script,
        an_ex_date,
        a_terminal_is_gone,
        it_comes_back,
        an_older_copy_of_the_database,
        everything_is_sold,
    ):
        day(world)
        world.night()


def strategies_begin(world):
    """Monday."""
    world.push("alpha", {BANK: 1000, STAR: 300})
    world.push("beta", {BANK: 2000, ETF: 10_000, SZ: 1000})
    world.push("gamma", {SZ: 3000, BOND: 100})
    trade(world)
    assert main(world) == {SZ: 1000, ETF: 10_000, BANK: 3000, STAR: 300}
    assert small(world) == {SZ: 2000, BOND: 50, ETF: 5000, BANK: 1000}
    assert locks(world, "main") == locks(world, "small") == {}
    check_day(world)


def one_takes_what_another_drops(world):
    """Tuesday. What crosses inside is not traded; orders are filled in parts."""
    world.morning({BANK: 10.35, SZ: 11.82, STAR: 51.27, BOND: 121.305})
    world.main.fake.fill = world.small.fake.fill = lambda order: min(order.rest, 300)
    world.push("alpha", {BANK: 400, STAR: 300})
    world.push("beta", {BANK: 2600, ETF: 10_000, SZ: 3000})
    world.push("gamma", {SZ: 1000, BOND: 100})
    trade(world)
    assert main(world) == {SZ: 3000, ETF: 10_000, BANK: 3000, STAR: 300}
    assert small(world) == {SZ: 2000, BOND: 50, ETF: 5000, BANK: 1300}
    assert [deal.volume for deal in world.main.fake.deals] == [300] * 6 + [200]
    assert len({deal.order.number for deal in world.main.fake.deals}) == 1
    check_day(world)
    world.main.fake.fill = world.small.fake.fill = lambda order: order.rest


def shares_are_allotted(world):
    """Wednesday. The owner of main gets new shares that are not traded yet; beta leaves an instrument."""
    world.morning({BANK: 10.21, ETF: 4.057})
    world.instruments[IPO].suspended = True
    world.main.fake.allot(IPO, 500, 20.0)
    world.push("beta", {BANK: 2600, SZ: 3000})
    trade(world)
    assert main(world) == {SZ: 3000, IPO: 500, BANK: 3000, STAR: 300}
    assert small(world) == {SZ: 2000, BOND: 50, BANK: 1300}
    assert not {ETF, IPO} & (listed(world, "main") | listed(world, "small"))
    check_day(world, unfilled={"main": {IPO: 500}})


def the_owner_buys_by_hand(world):
    """Thursday. In small it is what no strategy wants any more, and a bond comes and goes; main waits for one that is
    at its limit."""
    world.morning({SZ: 12.2, ETF: 4.1, BOND: 122.0})
    world.limit_up(CHINEXT)
    world.push("alpha", {BANK: 400, STAR: 300, CHINEXT: 200})
    world.push("gamma", {SZ: 1000, BOND: 300})
    world.until("09:34")
    assert small(world)[BOND] == 150
    world.push("gamma", {SZ: 1000, BOND: 100})
    world.leap("14:52")
    world.small.fake.order(BUY, ETF, 1000, 4.15, "")
    world.until("14:56")
    assert main(world) == {SZ: 3000, IPO: 500, BANK: 3000, STAR: 300}
    assert small(world) == {SZ: 2000, BOND: 50, ETF: 1000, BANK: 1300}
    check_day(world, drift={"main": {CHINEXT: ["limit_up"]}}, unfilled={"small": {ETF: 1000}})


def a_copy_of_the_script(world):
    """Friday. Somebody starts one beside the script, and it waits; then the operator frees the account, the copy is the
    first to ask, and the script stops. The allotted shares are traded now, and dearer."""
    world.morning({CHINEXT: 221.0, IPO: 22.0})
    world.instruments[IPO].suspended = False
    script, copy = world.main.scripts[0], world.main.add_script()
    world.until("09:34")
    assert main(world)[CHINEXT] == 200 and "账户正由另一个终端使用" in copy.output
    world.free("main")
    world.main.fake.timers.reverse()
    world.push("alpha", {BANK: 400, STAR: 500, CHINEXT: 200})
    world.leap("14:52")
    world.until("14:56")
    assert "本终端已让出账户" in script.output
    assert main(world) == {SZ: 3000, CHINEXT: 200, IPO: 500, BANK: 3000, STAR: 500}
    assert small(world) == {SZ: 2000, BOND: 50, ETF: 1000, BANK: 1300}
    check_day(world)


def an_ex_date(world):
    """Monday. There are three shares more for ten, and in the morning the strategies repeat what they held before."""
    world.ex_date(BANK, 3)
    before = placed(world)
    world.morning({})
    world.until("09:34")
    for account, bonus in {"main": 900, "small": 390}.items():
        assert locks(world, account)[BANK] == bonus
        check_drift(world, account, {BANK: ["held_line"]})
    world.push("alpha", {BANK: 520, STAR: 500, CHINEXT: 200})
    world.push("beta", {BANK: 3380, SZ: 3000})
    world.leap("14:52")
    world.until("14:56")
    assert placed(world) == before
    assert (main(world)[BANK], small(world)[BANK]) == (3900, 1690)
    # The half of 3380 shares is 1690, and the nearest that can be wanted 1700.
    check_day(world, drift={"small": {BANK: ["below_lot"]}}, unfilled={"main": {BANK: 900}, "small": {BANK: 390}})
    world.small.stop()


def a_terminal_is_gone(world):
    """Tuesday. It is that of small, since the evening."""
    world.morning({BANK: 7.9, SZ: 12.5, STAR: 49.0})
    world.push("beta", {BANK: 2980, SZ: 3000})
    trade(world)
    assert (main(world)[BANK], small(world)[BANK]) == (3500, 1690)
    check_day(world, drift={"small": {BANK: ["terminal_silent"]}})
    world.copy_database()


def it_comes_back(world):
    """Wednesday."""
    world.morning({BANK: 8.0, SZ: 12.6})
    world.start("small")
    world.push("alpha", {BANK: 520, STAR: 700, CHINEXT: 200})
    world.push("gamma", {SZ: 3000, BOND: 100})
    trade(world)
    assert main(world) == {SZ: 3000, CHINEXT: 200, IPO: 500, BANK: 3500, STAR: 700}
    assert small(world) == {SZ: 3000, BOND: 50, ETF: 1000, BANK: 1500}
    check_day(world)


def an_older_copy_of_the_database(world):
    """Thursday. At noon it is that of Tuesday, which knows nothing of what was traded since. The terminals stop until
    people have agreed to it, and what the copy lacks is locked until the strategies have spoken."""
    world.morning({BANK: 8.1, CHINEXT: 230.0})
    world.push("alpha", {BANK: 520, STAR: 700})
    world.push("beta", {BANK: 2980, SZ: 2000})
    world.until("09:34")
    world.restore_database()
    world.leap("13:30")
    before = placed(world)
    world.everybody_repeats()
    world.until("13:32")
    lineage = world.lineage()
    for account, terminal in world.terminals.items():
        assert f"LINEAGE 改为 {lineage} " in terminal.scripts[-1].output
        world.start(account, LINEAGE=lineage)
    world.until("13:36")
    assert (locks(world, "main"), locks(world, "small")) == ({STAR: 200}, {ETF: 1000, BANK: -190, SZ: 1000})
    world.everybody_repeats()
    world.leap("14:52")
    world.until("14:56")
    assert placed(world) == before
    assert main(world) == {SZ: 2000, IPO: 500, BANK: 3500, STAR: 700}
    assert small(world) == {SZ: 2500, BOND: 50, ETF: 1000, BANK: 1500}
    check_day(world, unfilled={"main": {STAR: 200}, "small": {BANK: -190, SZ: 1000}})


def everything_is_sold(world):
    """Friday. What is not the strategies' stays."""
    world.morning({SZ: 12.0, IPO: 24.0})
    for strategy in ("alpha", "beta", "gamma"):
        world.push(strategy, {})
    trade(world)
    assert (main(world), small(world)) == ({IPO: 500}, {ETF: 1000})
    assert listed(world, "main") == listed(world, "small") == set()
    check_day(world)
