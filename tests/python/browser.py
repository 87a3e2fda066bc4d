"""Pages in a real browser: tabs that keep whatever goes wrong in them."""

import shutil
import warnings

import pytest
from conftest import PASSWORD
from playwright.sync_api import Error, sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium():
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    assert binary, "no Chromium is installed (on Debian, scripts/install-test-tools brings it)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


def take_picture(page, path):
    """Of the whole page, to be looked at: nothing that a test says of a page hangs on it.

    On a busy machine Chromium cannot now and then, and mostly can the next moment.
    """
    for attempt in range(1, 6):
        try:
            page.screenshot(path=path, full_page=True)
            return
        except Error as error:
            trouble = error
            page.wait_for_timeout(attempt * 200)
    path.unlink(missing_ok=True)
    warnings.warn(f"{path.name} could not be taken: {trouble}", stacklevel=2)


class Tab:
    """A page of a browser of its own; whatever goes wrong in it, or in another tab of that browser, is kept."""

    def __init__(self, chromium, server, javascript=True, language="zh", **options):
        locale = {"zh": "zh-CN", "en": "en-GB"}[language]
        options = {"viewport": DESKTOP, "java_script_enabled": javascript, "locale": locale, **options}
        self.context = chromium.new_context(base_url=server.url, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.trouble = []
        self.context.on("weberror", lambda error: self.trouble.append(str(error.error)))
        self.context.on("dialog", self.dismiss)
        self.context.on("request", self.check_host)
        self.context.on("console", self.check_console)
        self.url = server.url

    def dismiss(self, dialog):
        """Left open, it would hold the page up for ever."""
        self.trouble.append(dialog.message)
        dialog.dismiss()

    def check_host(self, request):
        if not request.url.startswith(self.url):
            self.trouble.append("a request to " + request.url)

    def check_console(self, message):
        # Chromium notes every answer that is no success; only what the page itself does wrong counts.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.trouble.append(message.text)

    def open(self, path):
        self.page.goto(path)
        return self.page

    def log_in(self, path="/"):
        self.open("/login?next=" + path)
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url(lambda url: "/login" not in url)
        return self.page

    def row(self, number):
        return self.page.locator(".editor tbody tr").nth(number)

    def type_row(self, number, **fields):
        for name, value in fields.items():
            self.row(number).locator(f"[name={name}]").fill(value)

    def typed(self, number, name):
        return self.row(number).locator(f"[name={name}]").input_value()


@pytest.fixture
def tab(chromium, server):
    tabs = []

    def make(**options):
        tabs.append(Tab(chromium, server, **options))
        return tabs[-1]

    yield make
    for one in tabs:
        one.context.close()
        assert one.trouble == []
