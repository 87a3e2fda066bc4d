"""The pages in a real browser: with and without JavaScript, in both languages, light and dark, desktop and phone."""

import os
import pathlib
import re
import shutil

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from browser import DESKTOP, PHONE, Tab, take_picture
from conftest import INTERNAL, PASSWORD, ROOT, held, running
from playwright.sync_api import expect

SCREENSHOTS = pathlib.Path(os.environ.get("SCREENSHOTS", ROOT / "target/screenshots"))
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
STRATEGY = "/strategies/DEMO_%E5%8F%8C%E5%9D%87%E7%BA%BF%E7%AD%96%E7%95%A5"
BANK, WINE, FUND = ("000001.XSHE", "平安银行"), ("600519.XSHG", "贵州茅台"), ("510300.XSHG", "沪深300ETF")
EXAMPLES = {
    "DEMO_双均线策略": [(*BANK, 3000, 11.37), (*WINE, 200, 1486.52), ("300750.XSHE", "宁德时代", 500, 188.8137219)],
    "DEMO_小市值轮动": [
        (*BANK, 1200, 11.52), ("002594.XSHE", "比亚迪", 400, 231.05), ("688981.XSHG", "中芯国际", 600, 52.18),
        ("430047.BJ", "诺思兰德", 1000, 13.6),
    ],
    "DEMO_ETF动量": [
        (*FUND, 20000, 3.912), ("518880.XSHG", "黄金ETF", 8000, 5.447), ("159915.XSHE", "创业板ETF", 15000, 2.034),
    ],
    "ADJUSTMENT_DEMO": [(*BANK, -200, 11.4), ("511880.XSHG", "银华日利", 100, 100.2)],
}  # fmt: skip


def push_examples(server):
    for name, lines in EXAMPLES.items():
        positions = [dict(zip(("code", "name", "volume", "cost"), line, strict=True)) for line in lines]
        if name.startswith("ADJUSTMENT_"):
            body = {"strategy_name": name, "positions": positions}
            answer = server.post(INTERNAL, body, X_Internal_Password=PASSWORD)
        else:
            answer = server.push(name, positions)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def server(tmp_path):
    """A few examples, with a push and an adjustment after them."""
    with running(tmp_path) as server:
        push_examples(server)
        server.push(
            "DEMO_双均线策略",
            [
                {"code": "000001.XSHE", "name": "平安银行", "volume": 2500, "cost": 11.37},
                {"code": "600519.XSHG", "name": "贵州茅台", "volume": 300, "cost": 1486.52},
                {"code": "688981.XSHG", "name": "中芯国际", "volume": 400, "cost": 52.1234567},
            ],
        )
        adjustment = {"code": "000001.SZ", "name": "平安银行", "volume": -3000, "cost": 11.5, "remark": "周五前恢复"}
        body = {"strategy_name": "ADJUSTMENT_MAIN", "positions": [adjustment]}
        assert server.post(INTERNAL, body, X_Internal_Password=PASSWORD).status_code == 200
        example = server.url + "/api/v1/strategies/ADJUSTMENT_DEMO"
        assert requests.delete(example, headers={"X-Internal-Password": PASSWORD}, timeout=10).status_code == 200
        yield server


@pytest.fixture
def desk(server):
    """The same with a desk: a strategy whose push waits, a closed one, rules, two accounts, a terminal."""

    def operate(method, path, body=None):
        headers = {"X-Internal-Password": PASSWORD}
        answer = requests.request(method, server.url + "/api/v1" + path, json=body, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text

    bank = {"code": "000001.XSHE", "name": "平安银行", "volume": 3100, "cost": 11.3}
    fund = {"code": "510300.XSHG", "name": "沪深300ETF", "volume": 20000, "cost": 3.91}
    assert server.push("frozen", [bank, fund]).status_code == 200
    assert server.push("closed", [fund]).status_code == 200
    assert server.push("alpha", [bank], total_value=1000000).status_code == 200
    operate("POST", "/strategies/frozen/state", {"state": "frozen", "note": "等待核对新股"})
    operate("PUT", "/strategies/frozen/schedule", {"by": ["09:35", "14:55"], "days": "all"})
    operate("DELETE", "/strategies/closed")
    rules = {"grows": {"over": 3, "then": "hold"}, "turnover": {"over": "0.1", "then": "warn"}}
    operate("PUT", "/guards", [{"strategies": "*", "rules": rules}])
    assert server.push("frozen", [dict(bank, volume=31000)]).status_code == 202
    protected = [{"code": "600519.SH", "volume": None}, {"code": "510300.SH", "volume": 1000}]
    account = {"strategies": [{"name": "frozen", "scale": "0.37"}, {"name": "alpha"}], "protected": protected}
    operate("PUT", "/accounts/main", dict(account, costs={}, broker="华泰-8888"))
    unknown = [{"name": name} for name in ("alpha", "nobody", "closed")]
    operate("PUT", "/accounts/incomplete", {"strategies": unknown})
    operate("POST", "/pause", {"account": "incomplete", "paused": True, "note": "迁移中"})
    target = server.url + "/api/v1/accounts/main/target"
    assert requests.get(target, headers={"X-Terminal": "qmt-1"}, timeout=10).status_code == 200
    return server


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_an_adjustment_from_login_to_the_total(tab, server, javascript):
    one = tab(javascript=javascript)
    page = one.open("/adjustment")
    expect(page.get_by_text("登录后才能修改")).to_be_visible()
    page.locator("main").get_by_role("link", name="登录").click()
    page.fill("#password", "wrong password")
    page.click("main button")
    expect(page.locator("#fault")).to_have_text("密码验证失败")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/adjustment")
    one.type_row(1, code="600519", volume="-100", cost="1480.5", remark="减仓")
    one.type_row(2, code="abc", volume="1", cost="1")
    page.get_by_role("button", name="预览").click()
    expect(page.get_by_text("无法判断交易所")).to_be_visible()
    assert one.typed(1, "remark") == "减仓"
    one.row(2).locator("[name=remove]").check()
    page.get_by_role("button", name="预览").click()
    expect(page.get_by_text("= 600519.XSHG")).to_be_visible()
    row = page.locator(".preview table tbody tr")
    assert re.sub(r"\s+", " ", row.inner_text()).strip() == "600519.SH 贵州茅台 300 200 预计卖出 100 股"
    assert len(server.get("/api/v1/positions/strategy/ADJUSTMENT_MAIN").json()["positions"]) == 1
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已完成：编辑 ADJUSTMENT_MAIN")).to_be_visible()
    expect(page.locator("main").get_by_role("link", name="版本 9")).to_be_visible()
    assert one.typed(1, "code") == "600519.XSHG"
    page.goto("/")
    expect(page.locator("[data-live=total] tr", has_text="贵州茅台")).to_contain_text("200")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_a_strategy_is_looked_at_restored_and_deleted(tab, server, javascript):
    one = tab(javascript=javascript)
    page = one.log_in()
    page.locator("[data-live=strategies]").get_by_role("link", name="DEMO_双均线策略", exact=True).click()
    expect(page.locator(".timeline .entry").first).to_contain_text("清仓")
    expect(page.locator("svg.chart").first).to_be_visible()
    page.locator(".timeline .entry").last.get_by_role("link", name="恢复").click()
    expect(page.locator(".changes")).to_contain_text("2,500 → 3,000")
    page.get_by_role("button", name="确认恢复").click()
    # Pushes wait from then on, so that the next one does not undo it.
    expect(page.locator("[data-live=standing]")).to_contain_text("冻结")
    expect(page.locator(".timeline .entry").nth(1)).to_contain_text("← 1")
    page.get_by_role("link", name="删除策略").click()
    expect(page.get_by_text("终端会卖出它的部分")).to_be_visible()
    page.get_by_role("link", name="取消").click()
    page.get_by_role("link", name="删除策略").click()
    page.get_by_role("button", name="确认删除").click()
    expect(page.get_by_text("该策略已删除")).to_be_visible()
    names = [line["strategy_name"] for line in server.get("/api/v1/strategies").json()["strategies"]]
    assert "DEMO_双均线策略" not in names
    page.locator(".timeline .entry").get_by_role("link", name="恢复").first.click()
    page.get_by_role("button", name="确认恢复").click()
    expect(page.locator("[data-live=positions]")).to_contain_text("宁德时代")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_search_sort_and_parts(tab, javascript):
    page = tab(javascript=javascript).open("/")
    page.locator("[data-live=total]").get_by_role("link", name="持仓成本（元）").click()
    expect(page.locator("[data-live=total] tbody tr").first).to_contain_text("600519.SH")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("持仓成本（元）")
    expect(page.locator("#total")).to_be_in_viewport()
    page.locator("[data-live=total]").get_by_role("link", name="持仓成本（元）").click()
    expect(page.locator("[data-live=total] tbody tr").last).to_contain_text("600519.SH")
    page.fill("#q", "平安")
    page.get_by_role("button", name="筛选").click()
    expect(page.locator("[data-live=total] tbody tr")).to_have_count(1)
    page.locator("summary").click()
    expect(page.locator(".parts")).to_contain_text("ADJUSTMENT_MAIN −3,000 × 11.5")
    page.get_by_role("link", name="清除").click()
    assert page.url.endswith("/?sort=invested")
    expect(page.locator("[data-live=strategies] tbody tr")).to_have_count(4)


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_a_wrong_push_is_seen_and_undone_so_that_it_lasts(tab, server, javascript):
    page = tab(javascript=javascript).log_in()
    page.get_by_role("link", name="历史").click()
    page.locator("#r5").get_by_role("link", name="版本 5").click()
    expect(page.locator("h1")).to_contain_text("版本 5")
    rows = page.locator("[aria-labelledby=difference] tbody tr")
    expect(rows.first).to_contain_text("贵州茅台")
    page.locator("[aria-labelledby=difference]").get_by_role("link", name="代码").first.click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("代码")
    expect(rows.first).to_contain_text("平安银行")
    page.get_by_role("link", name="撤销此变更").click()
    expect(page.locator(".changes")).to_contain_text("2,500 → 3,000")
    page.get_by_role("button", name="确认恢复").click()
    expect(page.locator("[data-live=standing]")).to_contain_text("冻结")
    assert server.push("DEMO_双均线策略", []).json()["held"] is True


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_two_moments_are_compared(tab, javascript):
    page = tab(javascript=javascript).open("/history")
    page.get_by_role("link", name="对比").click()
    page.get_by_role("link", name="昨日收盘 → 现在").click()
    expect(page.locator("nav a[aria-current=page]", has_text="昨日收盘")).to_be_visible()
    first = page.locator("[aria-labelledby=difference] tbody tr").first
    expect(first).to_contain_text("600519.SH")
    page.fill("#strategy", "DEMO_ETF动量")
    page.locator("main form button").click()
    expect(first).to_contain_text("510300.SH")
    with page.expect_download() as download:
        page.get_by_role("link", name="下载 CSV").click()
    assert "510300.XSHG" in pathlib.Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.emulate_media(media="print")
    expect(page.locator("main form")).to_be_hidden()
    expect(page.locator("#difference")).to_contain_text("版本 8")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_why_an_instrument_is_held_and_its_adjustment(tab, javascript):
    page = tab(javascript=javascript).log_in()
    page.goto("/instruments/600519")
    expect(page.locator("h1")).to_contain_text("贵州茅台")
    row = page.locator("[aria-labelledby=wanters] tbody tr")
    expect(row).to_contain_text("DEMO_双均线策略")
    row.get_by_role("link", name="版本 5").click()
    expect(page.locator("h1")).to_contain_text("版本 5")
    page.locator("[aria-labelledby=difference]").get_by_role("link", name="600519.SH").click()
    page.locator("main").get_by_role("link", name="手工调整").click()
    assert page.locator(".editor [name=code]").nth(1).input_value() == "600519.SH"
    assert page.locator(".editor [name=name]").nth(1).input_value() == "贵州茅台"


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_what_changed_is_read_by_the_day_and_opens_in_place(tab, javascript):
    page = tab(javascript=javascript).open("/")
    page.get_by_role("link", name="历史").click()
    page.get_by_role("link", name="今日", exact=True).last.click()
    assert "from=" in page.url and page.locator("#from").input_value() == page.locator("#to").input_value() != ""
    expect(page.locator("main h2")).to_have_count(1)
    line = page.locator("#r5")
    expect(line.locator(".changes")).to_be_hidden()
    expect(line.locator(".sums")).to_contain_text("+2 −2")
    line.locator("summary").click()
    expect(line.locator(".changes")).to_contain_text("宁德时代")
    page.fill("#instrument", "600519")
    page.select_option("#kind", "push")
    page.get_by_role("button", name="筛选").click()
    expect(page.locator("#r5 .match")).to_contain_text("贵州茅台 200 → 300")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_one_field_finds_everything(tab, javascript):
    page = tab(javascript=javascript).open("/history")
    for typed, heading in (
        ("gzmt", "贵州茅台"),
        ("510300", "沪深300ETF"),
        ("5", "版本 5"),
        ("ADJUSTMENT_DEMO", "ADJUSTMENT_DEMO"),
    ):
        if javascript:
            page.keyboard.press("/" if typed != "5" else "Control+k")
            page.keyboard.type(typed)
        else:
            page.fill("#find", typed)
        page.keyboard.press("Enter") if javascript else page.locator("#find").press("Enter")
        expect(page.locator("h1")).to_contain_text(heading)
    page.fill("#find", "DEMO")
    page.locator("#find").press("Enter")
    expect(page.locator(".hits a").first).to_be_visible()
    # A slash that is typed into a field stays a slash.
    page.goto("/history")
    page.locator("#actor").press("/")
    assert page.locator("#actor").input_value() == "/"


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_an_adjustment_by_name_and_target(tab, javascript):
    one = tab(javascript=javascript)
    page = one.log_in("/adjustment")
    one.type_row(1, code="gzmt", target="150")
    page.get_by_role("button", name="预览").click()
    assert [one.typed(1, field) for field in ("code", "name", "volume")] == ["600519.SH", "贵州茅台", "-150"]
    expect(page.get_by_text("不是整手")).to_be_visible()
    expect(page.locator(".preview table")).to_contain_text("预计卖出 150 股")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("status").filter(has_text="已完成")).to_be_visible()
    page.get_by_role("link", name="撤销此变更").click()
    expect(page.locator("h1")).to_contain_text("恢复 ADJUSTMENT_MAIN")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
def test_a_key_is_rotated(tab, server, javascript):
    one = tab(javascript=javascript)
    if javascript:
        one.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = one.log_in("/keys")
    page.fill("#name", "qmt")
    page.get_by_role("button", name="创建密钥").click()
    old = page.locator(".secret").inner_text()
    page.goto("/keys")
    page.get_by_role("link", name="轮换 qmt").click()
    assert page.input_value("#name") == "qmt-2"
    page.get_by_role("button", name="创建密钥").click()
    new = page.locator(".secret").inner_text()
    if javascript:
        page.get_by_role("button", name="复制").click()
        expect(page.get_by_role("button", name="已复制")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == new
    else:
        expect(page.locator("[data-copy]")).to_be_hidden()
    total = "/api/v1/positions/total"
    assert [server.get(total, headers={"X-API-Key": key}).status_code for key in (old, new)] == [200, 200]
    page.get_by_role("link", name="吊销 qmt", exact=True).first.click()
    expect(page.get_by_text("立即被拒绝")).to_be_visible()
    page.get_by_role("button", name="确认吊销").click()
    expect(page.locator("tr.removed")).to_contain_text("qmt")


def test_rows_and_colours_by_a_switch(tab):
    page = tab(javascript=False).open("/")
    cell = page.locator("[data-live=total] tbody th").first

    def seen():
        colour = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--buy')")
        bad = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--bad')")
        return cell.bounding_box()["height"], colour == bad

    height, is_red = seen()
    page.get_by_role("link", name="宽松行距").click()
    page.get_by_role("link", name="绿涨红跌").click()
    assert page.url.endswith("/")
    assert is_red and not seen()[1] and 7 <= seen()[0] - height <= 9
    page.get_by_role("link", name="紧凑行距").click()
    page.get_by_role("link", name="红涨绿跌").click()
    assert seen() == (height, True)


def test_a_chart_says_what_stands_under_the_pointer(tab):
    page = tab().open(STRATEGY)
    chart = page.locator("svg[data-points]").first
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + box["height"] / 2)
    expect(page.locator(".readout")).to_contain_text(re.compile(r"版本 5 · client1$"))
    expect(chart.locator(".cursor")).to_have_count(1)


def test_on_paper_a_page_says_of_when_it_is(tab):
    page = tab(color_scheme="dark").open("/compare?from=4")
    expect(page.locator(".printed")).to_be_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".printed")).to_contain_text(re.compile(r"jq2qmt · 2\d{3}-.* · 版本 \d+"))
    assert page.locator("header").is_hidden() and page.locator(".filters").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_history_filters_live_in_the_address(tab):
    page = tab(javascript=False).open("/history")
    page.fill("#instrument", "600519")
    page.get_by_role("button", name="筛选").click()
    expect(page.locator(".entry")).to_have_count(2)
    assert "instrument=600519" in page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="下载 CSV").click()
    text = pathlib.Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert text.count("600519.XSHG") == 2 and "000001" not in text
    page.goto("/history?instrument=600519&from=soon")
    expect(page.get_by_text("筛选条件无法识别")).to_be_visible()
    assert page.input_value("#instrument") == "600519"


def test_keys_and_password(tab, server):
    page = tab(javascript=False).log_in("/keys")
    page.fill("#name", "qmt")
    page.get_by_role("button", name="创建密钥").click()
    secret = page.locator(".secret").inner_text()
    assert server.get("/api/v1/positions/total", headers={"X-API-Key": secret}).status_code == 200
    page.goto("/keys")
    assert secret not in page.content()
    page.get_by_role("link", name="吊销 qmt").click()
    page.get_by_role("button", name="确认吊销").click()
    expect(page.locator("tr.removed")).to_contain_text("已吊销")
    page.get_by_role("link", name="密码", exact=True).click()
    page.fill("#current", PASSWORD)
    page.fill("#new", "short")
    page.fill("#again", "short")
    page.get_by_role("button", name="设置密码").click()
    expect(page.locator("#new-fault")).to_contain_text("至少 10 个字符")
    for field, value in [
        ("#current", PASSWORD),
        ("#new", "another-long-password"),
        ("#again", "another-long-password"),
    ]:
        page.fill(field, value)
    page.get_by_role("button", name="设置密码").click()
    expect(page.get_by_text("密码已更新")).to_be_visible()
    page.get_by_role("button", name="退出登录").click()
    expect(page.locator("header").get_by_role("link", name="登录")).to_be_visible()


def test_two_operators_in_two_windows(tab):
    first, second = tab(), tab()
    first.log_in("/adjustment")
    second.log_in("/adjustment")
    second.type_row(1, code="510300", volume="500", cost="4")
    second.page.get_by_role("button", name="预览").click()
    first.type_row(0, volume="-200")
    first.page.get_by_role("button", name="预览").click()
    first.page.get_by_role("button", name="保存").click()
    expect(first.page.get_by_text("已完成")).to_be_visible()
    second.page.get_by_role("button", name="保存").click()
    expect(second.page.get_by_text("他人已修改此表")).to_be_visible()
    row = second.page.locator("[aria-labelledby=merge] tbody tr").first
    expect(row).to_contain_text("−3,000 × 11.5 周五前恢复")
    expect(row).to_contain_text("−200 × 11.5 周五前恢复")
    # What only the first changed is theirs; what the second typed is kept.
    assert (second.typed(0, "volume"), second.typed(1, "code")) == ("-200", "510300")
    second.page.get_by_role("button", name="保存").click()
    expect(second.page.get_by_text("已完成")).to_be_visible()


def test_a_session_that_ends_in_the_middle_of_an_edit(tab):
    one = tab()
    page = one.log_in("/adjustment")
    one.type_row(1, code="510300", name=EVIL, volume="500", cost="4", remark="不要丢")
    one.context.clear_cookies(name="jq2qmt_session")
    page.get_by_role("button", name="预览").click()
    expect(page.locator("main").get_by_text("登录已过期")).to_be_visible()
    page.fill("#password", PASSWORD)
    page.click("main button")
    # What it would do is seen before it is done.
    expect(page.locator(".preview")).to_be_visible()
    expect(page.get_by_text("请核对后再提交")).to_be_visible()
    assert (one.typed(1, "remark"), one.typed(1, "name")) == ("不要丢", EVIL)


def test_pages_stay_live(tab, server):
    one = tab()
    page = one.open("/")
    row = page.locator("[data-live=total] tr", has_text="贵州茅台")
    row.locator("summary").click()
    expect(row).to_contain_text("300")
    page.locator("[data-live=total]").get_by_role("link", name="占比").focus()
    server.push("DEMO_双均线策略", [{"code": "600519.XSHG", "name": "贵州茅台", "volume": 700, "cost": 1486.52}])
    expect(row).to_contain_text("700")
    assert "changed" in row.get_attribute("class")
    assert page.evaluate("document.activeElement.textContent") == "占比"
    expect(page.locator("#live")).to_have_text("数据已更新")
    # What was opened stays open; what did not change is not marked.
    assert row.locator("details").evaluate("details => details.open")
    other = page.locator("[data-live=total] tr", has_text="比亚迪")
    assert "changed" not in (other.get_attribute("class") or "")
    server.push("新策略", [held("600000.XSHG", 100)])
    expect(page.locator("[data-live=strategies]")).to_contain_text("新策略")


def test_all_numbers_of_a_page_are_refreshed_together(tab, server):
    page = tab().log_in()
    # What stands outside of every part that is named, as the sum in a heading may.
    page.locator("main h1, main h2").first.evaluate("heading => (heading.dataset.old = 'yes')")
    page.fill("#q", "not sent")
    page.locator("[data-live=total] summary").first.click()
    server.push("DEMO_双均线策略", [{"code": "600519.XSHG", "name": "贵州茅台", "volume": 700, "cost": 1486.52}])
    expect(page.locator("[data-live=total] tr", has_text="贵州茅台")).to_contain_text("700")
    assert page.locator("[data-old]").count() == 0, "the heading is of the same answer as the table"
    assert page.input_value("#q") == "not sent"
    # An answer that is not whole changes nothing.
    page.route("**/", lambda route: route.fulfill(status=503, body="<main data-live=total>nothing</main>"))
    with page.expect_request("**/"):
        server.push("DEMO_双均线策略", [{"code": "600519.XSHG", "name": "贵州茅台", "volume": 900, "cost": 1486.52}])
    expect(page.locator("[data-live=total] tr", has_text="贵州茅台")).to_contain_text("700")


def test_a_session_that_ends_is_said_by_the_page_that_is_open(tab, server):
    one = tab()
    page = one.log_in()
    expect(page.locator("#session-over")).to_be_hidden()
    one.context.clear_cookies(name="jq2qmt_session")
    server.push("新策略", [held("600000.XSHG", 100)])
    expect(page.locator("#session-over")).to_be_visible()
    page.locator("#session-over").get_by_role("link").click()
    page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page.locator("[data-live=strategies]")).to_contain_text("新策略")


def test_a_dozen_tabs_of_one_browser_share_a_connection(tab, server):
    """A browser opens six connections to a server: the seventh tab must not wait for ever."""
    one = tab()
    pages = [one.context.new_page() for _ in range(12)]
    for page in pages:
        page.goto("/")
    server.push("新策略", [held("600000.XSHG", 100)])
    for page in pages:
        expect(page.locator("[data-live=strategies]")).to_contain_text("新策略")
    # Whoever listens is closed: another one takes over.
    for page in pages[:6]:
        page.close()
    server.push("另一个", [held("600000.XSHG", 100)])
    for page in pages[6:]:
        expect(page.locator("[data-live=strategies]")).to_contain_text("另一个")


def test_a_lost_connection_is_said_and_mended(tab, server):
    page = tab().open("/")
    expect(page.locator("#lost")).to_be_hidden()
    server.listen = server.url.removeprefix("http://")
    server.kill()
    expect(page.locator("#lost")).to_be_visible(timeout=15_000)
    before = page.locator("[data-live=strategies] time").first.inner_text()
    expect(page.locator("[data-live=strategies] time").first).not_to_have_text(before, timeout=5_000)
    server.start()
    server.push("回来了", [held("600000.XSHG", 100)])
    expect(page.locator("#lost")).to_be_hidden(timeout=20_000)
    expect(page.locator("[data-live=strategies]")).to_contain_text("回来了")


def test_an_older_copy_that_is_put_back_is_said(tab, server):
    """Its revisions have numbers that the page has seen already: it would wait for later ones for ever."""
    server.listen = server.url.removeprefix("http://")
    server.stop()
    shutil.copytree(server.folder / "data", server.folder / "copy")
    server.start()
    one = tab()
    page, other = one.open("/"), one.context.new_page()
    other.goto("/")
    for number in range(3):
        server.push(f"later-{number}", [held("600000.XSHG", 100)])
    for tab_ in (page, other):
        expect(tab_.locator("[data-live=strategies]")).to_contain_text("later-2")
        expect(tab_.locator("#put-back")).to_be_hidden()
    server.kill()
    shutil.rmtree(server.folder / "data")
    shutil.copytree(server.folder / "copy", server.folder / "data")
    server.start()
    for tab_ in (page, other):
        expect(tab_.locator("#put-back")).to_be_visible(timeout=20_000)
        expect(tab_.locator("[data-live=strategies]")).not_to_contain_text("later-2")
    server.push("new-again", [held("600000.XSHG", 100)])
    expect(page.locator("[data-live=strategies]")).to_contain_text("new-again")
    page.reload()
    expect(page.locator("#put-back")).to_be_hidden()


def test_what_strangers_write_is_only_text(tab, server):
    position = {"code": "600000.XSHG", "name": EVIL, "volume": 100, "cost": 10, "remark": EVIL}
    assert server.push(EVIL, [position]).status_code == 200
    assert server.push("alpha", [position]).status_code == 200
    body = {"strategy_name": "ADJUSTMENT_MAIN", "positions": [position]}
    assert server.post(INTERNAL, body, X_Internal_Password=PASSWORD).status_code == 200
    (server.folder / "keys" / "<img src=x onerror=alert(1)>.pem").write_bytes(
        (server.folder / "keys/default.pem").read_bytes()
    )
    one = tab()
    page = one.log_in()
    for path in ["/", "/strategies/alpha", "/history", "/adjustment", "/keys", "/strategies/alpha/delete"]:
        one.open(path)
        assert page.locator("main img, main script").count() == 0, path
        assert "onerror=alert(1)" in page.content(), f"{path} does not show it at all"
    page.goto("/")
    page.locator("[data-live=strategies]").get_by_role("link", name=EVIL, exact=True).click()
    expect(page.locator("h1")).to_have_text(EVIL)
    # The live refresh parses a page as well.
    page.goto("/")
    server.push(EVIL, [dict(position, volume=200)])
    expect(page.locator("[data-live=total] tr", has_text="600000.SH")).to_contain_text("400")


PAGES = {
    "overview": "/",
    "overview-account": "/?account=main&changed=1",
    "strategy": STRATEGY,
    "restore": STRATEGY + "/restore?to=1",
    "delete": STRATEGY + "/delete",
    "freeze": STRATEGY + "/state?to=frozen",
    "flat": STRATEGY + "/state?to=flat",
    "live": "/strategies/frozen/state?to=live",
    "frozen": "/strategies/frozen",
    "closed": "/strategies/closed",
    "settings": "/strategies/frozen/settings",
    "holds": "/holds",
    "incidents": "/incidents",
    "channels": "/channels",
    "conflicts": "/conflicts",
    "calendar-back": "/calendar?as_of=1",
    "guards": "/guards",
    "calendar": "/calendar?year=2026",
    "calendar-unknown": "/calendar?year=2030",
    "accounts": "/accounts",
    "account": "/accounts/main?strategy=alpha&wanted=500000",
    "account-incomplete": "/accounts/incomplete",
    "account-settings": "/accounts/main/settings",
    "account-new": "/accounts/new/settings",
    "account-delete": "/accounts/main/delete",
    "adjustment": "/adjustment",
    "history": "/history",
    "history-filtered": "/history?instrument=000001&kind=push",
    "search": "/search?q=0",
    "search-nothing": "/search?q=nothing",
    "revision": "/revisions/5?sort=-delta",
    "revision-settled": "/revisions/18",
    "compare": "/compare?from=4",
    "compare-account": "/compare?from=17&account=main",
    "compare-fault": "/compare?from=soon&strategy=a&account=b",
    "instrument": "/instruments/000001",
    "keys": "/keys",
    "key-rotate": "/keys?rotate=qmt-key",
    "key-revoke": "/keys/revoke?name=qmt-key",
    "password": "/password",
    "doctor": "/doctor",
    "interface": "/api",
    "error": "/nowhere",
}


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_empty_store_fits_too(chromium, tmp_path, language, size):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with running(tmp_path) as server:
        for scheme in ("light", "dark"):
            viewport = DESKTOP if size == "desktop" else PHONE
            one = Tab(chromium, server, language=language, color_scheme=scheme, viewport=viewport, bypass_csp=True)
            page = one.open("/")
            expect(page.locator(".command")).to_contain_text("jq2qmt push --server")
            page.locator("#put-back").evaluate("banner => banner.hidden = false")
            take_picture(page, SCREENSHOTS / f"empty-{language}-{scheme}-{size}.png")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{wide} px too wide"
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            one.context.close()
            assert one.trouble == []


#: Half of all combinations, in which any two of them meet: a minute and a half each.
LOOKS = [("zh", "light", "desktop"), ("zh", "dark", "phone"), ("en", "light", "phone"), ("en", "dark", "desktop")]


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS)
@pytest.mark.usefixtures("desk")
def test_every_page_fits_and_axe_finds_nothing(tab, language, scheme, size):
    """Screenshots of all pages are left in target/screenshots, to be looked at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    viewport = DESKTOP if size == "desktop" else PHONE
    one = tab(language=language, color_scheme=scheme, viewport=viewport, bypass_csp=True)

    def look(name):
        take_picture(one.page, SCREENSHOTS / f"{name}-{language}-{scheme}-{size}.png")
        wide = one.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px too wide"
        found = Axe().run(one.page)
        assert found.violations_count == 0, name + "\n" + found.generate_report()
        chinese = re.findall(r"[\u4e00-\u9fff]+", one.page.locator("main").inner_text())
        if language == "en" and name in ("keys", "password", "login", "doctor"):
            assert chinese == [], name

    one.open("/login")
    look("login")
    one.log_in("/keys")
    one.page.fill("#name", "qmt-key")
    one.page.locator("main form button").last.click()
    one.page.wait_for_selector(".secret")
    look("key-made")
    for name, path in PAGES.items():
        one.open(path)
        look(name)
    one.open("/adjustment")
    one.type_row(1, code="600519", volume="-100", cost="1480.5")
    one.page.locator("button[value=preview]").click()
    one.page.wait_for_selector(".preview")
    look("preview")
    one.type_row(2, code="abc")
    one.page.locator("button[value=preview]").click()
    one.page.wait_for_selector(".fault")
    look("faults")
    one.open("/accounts/main/settings")
    one.page.locator("[name=scale]").first.fill("0.5")
    one.page.locator("button[value=preview]").click()
    one.page.wait_for_selector(".preview")
    look("account-preview")
    one.page.locator("[name=scale]").first.fill("-1")
    one.page.locator("[name=code]").last.fill("x")
    one.page.locator("button[value=preview]").click()
    one.page.wait_for_selector(".fault")
    look("account-faults")
    one.open("/guards")
    one.page.locator("button[value=stricter]").click()
    look("guards-stricter")
    one.page.locator("[name=shrinks-limit-0]").fill("80")
    one.page.locator("button[value=try]").click()
    one.page.wait_for_selector(".fault")
    look("guards-faults")
    one.open("/calendar?year=2026")
    one.page.fill("#from", "2026-11-07")
    one.page.locator("button[value=days]").click()
    one.page.wait_for_selector(".fault")
    look("calendar-faults")
    one.open("/adjustment")
    one.type_row(2, code="abc", volume="1", cost="1")
    one.context.clear_cookies(name="jq2qmt_session")
    one.page.locator("button[value=preview]").click()
    one.page.wait_for_selector("#password")
    look("login-again")
    one.page.fill("#password", PASSWORD)
    one.page.click("main button")
    look("resumed-faults")
    for name, path in (("adjustment", "/adjustment"), ("restore", STRATEGY + "/restore?to=1"), ("keys", "/keys")):
        one.open(path)
        if name == "keys":
            one.page.fill("#name", "qmt")
        one.context.clear_cookies(name="jq2qmt_session")
        one.page.locator("main form[method=post] button").last.click(no_wait_after=True)
        one.page.fill("#password", PASSWORD)
        one.page.click("main button")
        expect(one.page.get_by_text("尚未提交" if language == "zh" else "nothing was sent yet")).to_be_visible()
        look("resumed-" + name)


@pytest.mark.parametrize("javascript", [True, False], ids=["with-js", "without-js"])
@pytest.mark.usefixtures("desk")
def test_a_push_is_undone_and_a_strategy_stopped_from_today(tab, server, javascript):
    page = tab(javascript=javascript).log_in()
    page.get_by_role("link", name="撤销最近一次变动 DEMO_双均线策略").click()
    page.wait_for_url("**/restore?to=1")
    page.locator("main form[method=post] button").last.click()
    page.wait_for_url(lambda url: "/restore" not in url)
    restored = server.get("/api/v1/positions/strategy/DEMO_双均线策略").json()["positions"]
    assert [line["volume"] for line in restored] == [3000, 200, 500]
    page.goto("/")
    page.get_by_role("link", name="冻结 alpha").click()
    page.wait_for_url("**/state?to=frozen")
    page.locator("main form[method=post] button").last.click()
    page.goto("/")
    expect(page.locator("[data-live=strategies] tr", has_text="alpha")).to_contain_text("冻结")


@pytest.mark.usefixtures("desk")
def test_targets_are_looked_at_by_account_and_board(tab):
    page = tab(javascript=False).open("/")
    total = page.locator("[data-live=total]")
    total.get_by_role("link", name="main", exact=True).click()
    expect(total.locator("h2")).to_contain_text("main")
    expect(total.locator("tr", has_text="平安银行")).to_be_visible()
    total.get_by_role("link", name="上海基金").click()
    expect(total.locator("tbody tr")).to_have_count(1)
    total.get_by_role("link", name="偏差").click()
    assert "account=main&board=sse_funds&sort=-drift" in page.url
    page.fill("#q", "nothing")
    page.get_by_role("button", name="筛选").click()
    assert "account=main" in page.url and "board=sse_funds" in page.url
    expect(total.get_by_text("没有符合条件的内容")).to_be_visible()


@pytest.mark.usefixtures("desk")
def test_rows_are_narrow_and_their_heads_stay(tab):
    def heights(page):
        return page.locator(".dense tbody tr").evaluate_all(
            "rows => rows.map(row => row.getBoundingClientRect().height)"
        )

    page = tab().log_in()
    for path in ("/", "/?account=main", "/accounts/main"):
        page.goto(path)
        assert heights(page) and max(heights(page)) <= 28.5, path
    panel = page.locator(".panel").first
    panel.evaluate("panel => { panel.style.maxHeight = '60px'; panel.style.width = '300px'; panel.scrollTo(200, 20); }")
    corner = panel.evaluate(
        """panel => {
            const at = (one) => one.getBoundingClientRect();
            const [head, row] = panel.querySelectorAll("th:first-child");
            return [at(head).top - at(panel).top, at(head).left - at(panel).left, at(row).left - at(panel).left];
        }"""
    )
    assert max(map(abs, corner)) <= 2, corner
    phone = tab(viewport=PHONE).log_in()
    for path in ("/", "/?account=main", "/accounts/main"):
        phone.goto(path)
        # Two lines, and the space around them.
        assert max(heights(phone)) <= 50, path


@pytest.mark.usefixtures("desk")
def test_an_accounts_target_is_sorted_by_every_column(tab):
    page = tab(javascript=False).open("/accounts/main")
    heads = page.locator("[aria-labelledby=target] thead a")
    names = heads.all_inner_texts()
    assert len(names) == 11
    for name in names:
        page.locator("[aria-labelledby=target] thead").get_by_role("link", name=name, exact=True).first.click()
        expect(page.locator("[aria-labelledby=target] th[aria-sort]:not([aria-sort=none])")).to_have_count(1)
    page.goto("/accounts/main?sort=-volume")
    volumes = page.locator("[aria-labelledby=target] tbody td.one").all_inner_texts()
    numbers = [int(re.sub(r"[^0-9]", "", volume) or 0) for volume in volumes]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) > 1


def test_the_keyboard_reaches_everything(tab):
    page = tab().log_in()
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert {"A", "BUTTON", "SUMMARY"} <= reached


def test_reads_behind_a_key_need_a_login(chromium, tmp_path):
    with running(tmp_path, "--reads", "key") as server:
        push_examples(server)
        one = Tab(chromium, server)
        one.open("/history?actor=client1")
        one.page.fill("#password", PASSWORD)
        one.page.click("main button")
        one.page.wait_for_url("**/history?actor=client1")
        expect(one.page.locator(".entry")).to_have_count(3)
        # The session listens to events, too.
        server.push("新策略", [held("600000.XSHG", 100)])
        one.page.goto("/")
        server.push("另一个", [held("600000.XSHG", 100)])
        expect(one.page.locator("[data-live=strategies]")).to_contain_text("另一个")
        one.context.close()
        assert one.trouble == []
