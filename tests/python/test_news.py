"""What is told of incidents outside of the page: in the tab's title, and by the browser where somebody wants it."""

import re
import time

import requests
from conftest import PASSWORD, held
from playwright.sync_api import expect

NOTIFICATION = """
    window.told = [];
    // A tab that shows nothing yet keeps nothing.
    const kept = location.origin === "null" ? {} : sessionStorage;
    window.Notification = class extends EventTarget {
        static permission = kept.permission ?? "default";
        static async requestPermission() {
            kept.permission = this.permission = window.permissionToGive ?? "granted";
            window.asked = (window.asked ?? 0) + 1;
        }
        constructor(title, options) { super(); window.told.push([title, options.tag]); }
        close() {}
    };
"""


def strike(server, until_seen):
    """Lets a push wait, which is an incident, and what is told reach the pages: each revision has them look."""
    held_by_state(server, "alpha")
    for number in range(100):
        server.push("other", [held("600000.XSHG", 100 * (number + 1))])
        if until_seen():
            return
        time.sleep(0.3)
    raise AssertionError("nobody was told")


def held_by_state(server, name):
    assert server.push(name, [held("600000.XSHG", 100)]).status_code == 200
    headers = {"X-Internal-Password": PASSWORD}
    state = server.url + f"/api/v1/strategies/{name}/state"
    assert requests.post(state, json={"state": "frozen"}, headers=headers, timeout=10).status_code == 200
    assert server.push(name, [held("600000.XSHG", 300)]).status_code == 202


def test_a_new_incident_is_told_once_however_many_tabs_are_open(tab, server):
    one = tab()
    one.context.add_init_script(NOTIFICATION)
    page, other = one.log_in("/incidents"), one.context.new_page()
    other.goto("/")
    assert page.evaluate("window.asked") is None, "nobody is asked before they want it"
    page.get_by_role("button", name="开启浏览器提醒").click()
    expect(page.get_by_role("button", name="关闭浏览器提醒")).to_be_visible()
    # A browser gives the permission to all of a site's pages.
    other.evaluate("Notification.permission = 'granted'")
    title = page.title()

    def told():
        return page.evaluate("window.told") + other.evaluate("window.told")

    strike(server, told)
    other.wait_for_timeout(3000)
    ((what, _),) = told()
    expect(page.locator("[data-live=incidents]")).to_contain_text(what)
    assert re.fullmatch(r"\(\d+\) " + re.escape(re.sub(r"^\(\d+\) ", "", title)), page.title())
    # It stays as it was chosen, and what stands already is no news.
    page.reload()
    page.get_by_role("button", name="关闭浏览器提醒").click()
    expect(page.get_by_role("button", name="开启浏览器提醒")).to_be_visible()
    assert page.evaluate("window.told") == []


def test_without_the_permission_nothing_is_told_and_the_page_says_why(tab):
    one = tab()
    one.context.add_init_script(NOTIFICATION + "window.permissionToGive = 'denied';")
    page = one.log_in("/incidents")
    page.get_by_role("button", name="开启浏览器提醒").click()
    expect(page.get_by_text("浏览器禁止本站提醒")).to_be_visible()
    expect(page.get_by_role("button", name="开启浏览器提醒")).to_be_visible()
    expect(tab(javascript=False).log_in("/incidents").locator("#notify")).to_be_hidden()


def test_a_tab_that_nobody_sees_marks_its_title(tab, server):
    one = tab()
    one.context.add_init_script("Object.defineProperty(Document.prototype, 'hidden', { get: () => true });")
    page, other = one.log_in(), one.context.new_page()
    other.goto("/history")
    assert not page.title().startswith("(")
    strike(server, lambda: page.title().startswith("(") and other.title().startswith("("))
