"""What somebody who watches money comes for, each within three clicks of Today: on the example book, with and without
JavaScript."""

import datetime
import shutil

import pytest
import requests
from conftest import PASSWORD, running
from playwright.sync_api import expect

SILENT, WAITING, AVERAGES = "DEMO_海龟趋势", "DEMO_北交所精选", "DEMO_双均线策略"
CHINA = datetime.timezone(datetime.timedelta(hours=8))

pytestmark = pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A folder with the example book, for each to begin with."""
    folder = tmp_path_factory.mktemp("example")
    with running(folder, "--demo"):
        pass
    return folder


@pytest.fixture
def server(example, tmp_path):
    folder = tmp_path / "server"
    shutil.copytree(example, folder)
    with running(folder, "--demo") as server:
        yield server


class Journey:
    """A way that begins at Today, and on which clicks are counted."""

    def __init__(self, tab, javascript):
        self.page = tab(javascript=javascript).log_in()
        self.again()

    def again(self):
        self.page.goto("/")
        self.clicks = 0

    def click(self, *wanted):
        """The first that is found of what a role and a name, or a locator, stand for."""
        self.clicks += 1
        assert self.clicks <= 3, "it takes more than three clicks"
        target = self.page.get_by_role(wanted[0], name=wanted[1]) if len(wanted) == 2 else wanted[0]
        target.first.click()

    def nav(self, name):
        self.click(self.page.locator("header nav").get_by_role("link", name=name))

    def strategy(self, name):
        return self.page.locator("[data-live=strategies] tr", has_text=name)

    def confirm(self):
        self.click(self.page.locator("main form[method=post] button").last)


@pytest.fixture
def journey(tab, javascript):
    return Journey(tab, javascript)


def list_of(server, strategy):
    answer = server.get(f"/api/v1/positions/strategy/{strategy}")
    assert answer.status_code == 200, answer.text
    return {line["code"]: line["volume"] for line in answer.json()["positions"]}


def lines(held):
    return [{"code": code, "volume": volume, "cost": 10.0} for code, volume in held.items()]


def total_of(server):
    return {line["code"]: line["total_volume"] for line in server.total()["positions"]}


def test_is_all_fresh(journey):
    page = journey.page
    expect(page.locator("[data-live=sums]")).to_contain_text("/ 12")
    expect(page.locator(".attention")).to_contain_text(SILENT)
    assert page.locator(".attention").inner_text().count(SILENT) == 1, "nothing is said twice"
    expect(journey.strategy(SILENT).locator(".late")).to_be_visible()
    journey.click(journey.strategy(SILENT).get_by_role("link", name=SILENT, exact=True))
    expect(page.locator("h1")).to_contain_text(SILENT)
    expect(page.locator("[data-live=standing]")).to_contain_text("推送时间表")


def test_why_is_it_held(journey):
    page = journey.page
    code = page.locator("[data-live=total] tbody tr a.code").first
    instrument = code.inner_text()
    journey.click(code)
    expect(page.locator("h1")).to_contain_text(instrument)
    wanter = page.locator("[data-live=wanters] tbody tr").first
    strategy = wanter.locator("th").inner_text()
    journey.click(wanter.get_by_role("link", name="版本"))
    expect(page.locator(".done")).to_contain_text(strategy)
    expect(page.locator("[aria-labelledby=difference] tbody")).to_contain_text(instrument)


def test_what_changed_today(server, journey):
    page, held = journey.page, list_of(server, AVERAGES)
    first = next(iter(held))
    assert server.push(AVERAGES, lines(held | {first: held[first] + 100})).status_code == 200
    revision = server.total()["revision"]
    journey.again()
    journey.click("link", "只看较昨收有变动")
    expect(page.locator("[data-live=total] tbody")).to_contain_text("+100")
    journey.again()
    journey.nav("历史")
    journey.click(page.locator("main").get_by_role("link", name="今日", exact=True))
    expect(page.locator("[data-live=history] h2")).to_have_count(1)
    journey.click(page.locator(f"#r{revision}").get_by_role("link", name="版本"))
    expect(page.locator("[aria-labelledby=difference] tbody")).to_contain_text("+100")


def test_a_wrong_push_is_undone_so_that_it_lasts(server, journey):
    page, held, total = journey.page, list_of(server, AVERAGES), total_of(server)
    wrong = lines({next(iter(held)): 100})
    assert server.push(AVERAGES, wrong).status_code == 200
    assert total_of(server) != total
    journey.again()
    expect(journey.strategy(AVERAGES)).to_contain_text("⚠")
    journey.click("link", f"撤销最近一次变动 {AVERAGES}")
    journey.confirm()
    expect(page.locator("[data-live=standing]")).to_contain_text("冻结")
    assert (list_of(server, AVERAGES), total_of(server)) == (held, total)
    # The script is not mended yet, and pushes the same again.
    assert server.push(AVERAGES, wrong).status_code == 202
    assert (list_of(server, AVERAGES), total_of(server)) == (held, total)


def test_a_strategy_is_stopped(server, journey):
    page, held = journey.page, list_of(server, AVERAGES)
    journey.click("link", f"冻结 {AVERAGES}")
    journey.confirm()
    expect(page.locator("[data-live=standing]")).to_contain_text("冻结")
    assert server.push(AVERAGES, []).status_code == 202
    assert list_of(server, AVERAGES) == held


def test_a_strategy_is_made_flat(server, journey):
    page, total = journey.page, total_of(server)
    journey.click(journey.strategy(AVERAGES).get_by_role("link", name=AVERAGES, exact=True))
    journey.click("link", "清零")
    journey.confirm()
    expect(page.locator("[data-live=standing]")).to_contain_text("清零")
    assert list_of(server, AVERAGES) == {}
    assert sum(total_of(server).values()) < sum(total.values())


def test_a_held_push_is_approved(server, journey):
    headers = {"X-Internal-Password": PASSWORD}
    holds = requests.get(server.url + "/api/v1/holds", headers=headers, timeout=10).json()["holds"]
    (waiting,) = (hold for hold in holds if hold["strategy_name"] == WAITING)
    assert list_of(server, WAITING) != (wanted := {line["code"]: line["volume"] for line in waiting["positions"]})
    journey.nav("等待批准")
    journey.click("button", f"批准 {WAITING}")
    expect(journey.page.get_by_role("status").filter(has_text="已完成：批准")).to_contain_text(WAITING)
    assert list_of(server, WAITING) == wanted
    # That can be undone as any change of a list.
    journey.click("link", "撤销此变更")
    expect(journey.page.locator("h1")).to_contain_text(f"恢复 {WAITING}")


def test_a_key_is_rotated(server, journey):
    page, old = journey.page, server.run("key", "add", "qmt", "--scope", "read").stdout.split()[-1]
    journey.nav("密钥")
    journey.click("link", "轮换 qmt")
    journey.click("button", "创建密钥")
    new = page.locator(".secret").inner_text()

    def answers():
        return [server.get("/api/v1/positions/total", headers={"X-API-Key": key}).status_code for key in (old, new)]

    assert answers() == [200, 200], "both are in force until the terminal has the new one"
    journey.again()
    journey.nav("密钥")
    journey.click(page.get_by_role("link", name="吊销 qmt", exact=True))
    journey.confirm()
    expect(page.locator("tr.removed")).to_contain_text("qmt")
    assert answers() == [401, 200]


def test_two_days_are_compared(journey):
    page = journey.page
    journey.nav("对比")
    journey.click("link", "昨日收盘 → 现在")
    expect(page.locator("#difference")).to_be_visible()
    journey.again()
    journey.nav("对比")
    now = datetime.datetime.now(CHINA)
    for name, days in (("from", 8), ("to", 1)):
        page.fill(f"#{name}", f"{now - datetime.timedelta(days=days):%Y-%m-%d} 15:00")
    journey.click(page.locator("main form button"))
    expect(page.locator("[aria-labelledby=difference] tbody tr").first).to_be_visible()
    expect(page.locator("#difference")).to_contain_text(f"{now - datetime.timedelta(days=8):%Y-%m-%d} 15:00")
