"""Takes the pictures of the documents: of the example book on a fixed day, and of messages. Run it after a build."""

import base64
import datetime
import html
import pathlib
import re
import shutil
import tempfile
import time

import requests
from browser import DESKTOP, PHONE, Tab
from conftest import PASSWORD, ROOT, compiled, running, until
from playwright.sync_api import sync_playwright
from two_accounts import Clock

#: A Wednesday, while the exchanges trade and after the wrong push.
NOW = datetime.datetime(2026, 11, 18, 14, 40)
ACCOUNT = "/accounts/DEMO_%E4%B8%BB%E8%B4%A6%E6%88%B7"
#: What is called how, where it is, and with what it is looked at.
PICTURES = {
    "today": ("/", {}),
    "today-dark": ("/", {"color_scheme": "dark"}),
    "today-phone": ("/", {"viewport": PHONE}),
    "account": (ACCOUNT, {}),
    "held-push": ("/holds", {}),
    "incidents": ("/incidents", {}),
}
#: No picture is heavier: bytes.
MOST = 150_000

#: A browser makes WebP of what it has drawn.
TO_WEBP = """async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.8).split(",")[1];
}"""


#: Of the messages that docs/alerts.md shows, by what their first line begins with.
MESSAGES = {
    "zh": ["【警报】账户", "【警告】账户", "【已恢复】", "2026-01-05 日报"],
    "en": ["[Alarm] The terminal", "[Warning] Account", "[Over]", "Daily report"],
}
#: A chat on a telephone.
CHAT = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 12px; width: 366px; background: #ededed; font: 15px/1.5 sans-serif; }
p { margin: 0 0 12px; padding: 10px 12px; border-radius: 10px; background: #fff; white-space: pre-wrap; }
p { overflow-wrap: anywhere; }
</style>"""


def messages(language):
    """What is sent, word for word: a test holds the document to it."""
    shown = re.findall(r"```text\n(.*?)\n```", (ROOT / "docs/alerts.md").read_text(encoding="utf-8"), re.DOTALL)
    every = [message for block in shown for message in block.split("\n\n")]
    return [next(one for one in every if one.startswith(begins)) for begins in MESSAGES[language]]


def draw_messages(browser, folder, language):
    page = browser.new_page(viewport={"width": 390, "height": 100}, device_scale_factor=2)
    page.set_content(CHAT + "".join(f"<p>{html.escape(one)}</p>" for one in messages(language)))
    picture = webp(page, page.screenshot(full_page=True))
    (folder / f"messages-{language}.webp").write_bytes(picture)
    page.close()


def webp(page, png):
    picture = base64.b64decode(page.evaluate(TO_WEBP, base64.b64encode(png).decode()))
    assert len(picture) <= MOST, len(picture)
    return picture


def take(browser, server, folder, language):
    converter = browser.new_page()
    for name, (path, options) in PICTURES.items():
        one = Tab(browser, server, language=language, device_scale_factor=1, **{"viewport": DESKTOP, **options})
        one.log_in()
        page = one.open(path)
        page.evaluate("document.fonts.ready")
        picture = webp(converter, page.screenshot())
        assert one.trouble == [], (name, one.trouble)
        (folder / f"{name}-{language}.webp").write_bytes(picture)
        one.context.close()
    converter.close()


def main():
    folder = ROOT / "docs/images"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        home = pathlib.Path(home)
        clock = Clock(home / "clock")
        clock.set(NOW)
        preload = {"LD_PRELOAD": compiled("simulated_clock.c", home), "SIMULATED_CLOCK": str(home / "clock")}
        with running(home, "--demo", **preload) as server:
            headers = {"X-Internal-Password": PASSWORD}

            def incidents():
                answer = requests.get(server.url + "/api/v1/incidents", headers=headers, timeout=10).json()
                return answer["incidents"]

            until(incidents)
            # Which of them stand is known after one look; how strategies have moved is read once somebody has looked.
            server.get("/")
            time.sleep(3)
            clock.set(NOW + datetime.timedelta(seconds=20))
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("chromium-browser"), args=["--no-sandbox"]
            )
            for language in ("zh", "en"):
                take(browser, server, folder, language)
                draw_messages(browser, folder, language)
            browser.close()


if __name__ == "__main__":
    main()
