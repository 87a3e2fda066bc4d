"""The line that says what was done leads to where it is undone; and what was typed outlives its session."""

import requests
from conftest import PASSWORD, held
from playwright.sync_api import expect

ALPHA = "/strategies/alpha"


def test_what_is_settled_is_undone_where_it_is_said_to_be_done(tab, server):
    """A state, an account, rules, the calendar, a channel and a schedule: each goes back to what it was."""
    assert server.push("alpha", [held("600000.XSHG", 100)]).status_code == 200
    page = tab(javascript=False).log_in("/")

    def undo():
        page.locator(".notice.good").get_by_role("link", name="撤销此变更").click()

    def api(path):
        return requests.get(server.url + path, headers={"X-Internal-Password": PASSWORD}, timeout=10).json()

    page.goto(ALPHA + "/state?to=frozen")
    page.locator("main form[method=post] button").last.click()
    undo()
    page.get_by_role("button", name="恢复运行").click()
    expect(page.locator("[data-live=standing]")).to_contain_text("运行中")

    for scale in ("0.5", "0.25"):
        page.goto("/accounts/main/settings")
        page.locator("[name=strategy]").first.fill("alpha")
        page.locator("[name=scale]").first.fill(scale)
        page.locator("button[value=preview]").click()
        page.locator("button[value=save]").click()
    undo()
    expect(page.get_by_text("已填入此前的设置")).to_be_visible()
    expect(page.locator(".preview")).to_contain_text("0.25")
    page.locator("button[value=save]").click()
    assert api("/api/v1/accounts/main")["strategies"] == [{"name": "alpha", "scale": "0.5"}]

    before = api("/api/v1/guards")
    page.goto("/guards")
    page.get_by_role("button", name="换成较严格的一套").click()
    page.locator("button[value=save]").click()
    assert api("/api/v1/guards") != before
    undo()
    page.locator("button[value=save]").click()
    assert api("/api/v1/guards") == before

    page.goto("/calendar?year=2026")
    page.fill("#from", "2026-12-24")
    page.locator("button[value=days]").click()
    expect(page.locator("main table")).to_contain_text("12-24")
    undo()
    expect(page.locator(".preview")).to_contain_text("2026-12-24 → –")
    page.locator("button[value=back]").click()
    expect(page.locator("main table")).not_to_contain_text("12-24")

    for severity in ("notice", "alarm"):
        page.goto("/channels" + ("?edit=desk" if severity == "alarm" else ""))
        if severity == "notice":
            page.fill("#name", "desk")
            page.fill("#url", "https://example.com/robot?key=secret-of-the-robot")
        page.select_option("#severity", severity)
        page.get_by_role("button", name="保存").click()
    undo()
    assert page.input_value("#severity") == "notice"
    page.get_by_role("button", name="保存").click()
    assert api("/api/v1/channels")["channels"][0]["severity"] == "notice"
    page.get_by_role("link", name="删除渠道 desk").click()
    page.get_by_role("button", name="确认删除").click()
    expect(page.locator(".notice.good")).to_contain_text("已完成")
    assert page.get_by_role("link", name="撤销此变更").count() == 0, "its secret is gone"

    for times in ("09:35", "14:55"):
        page.goto(ALPHA + "/settings")
        page.fill("#times", times)
        page.locator("button[value=save]").click()
    undo()
    assert page.input_value("#times") == "09:35"


def test_a_channel_that_was_typed_survives_its_session_without_its_secrets(tab):
    one = tab(javascript=False)
    page = one.log_in("/channels")
    page.fill("#name", "desk")
    page.fill("#url", "https://example.com/robot?key=secret-of-the-robot")
    page.select_option("#severity", "alarm")
    one.context.clear_cookies(name="jq2qmt_session")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("main").get_by_text("登录已过期")).to_be_visible()
    assert "secret-of-the-robot" not in page.content()
    page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page.get_by_text("地址和密钥没有保留")).to_be_visible()
    assert [page.input_value(field) for field in ("#name", "#severity", "#url")] == ["desk", "alarm", ""]
