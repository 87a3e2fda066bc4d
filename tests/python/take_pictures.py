"""Takes the pictures of both READMEs anew, of the example book on a fixed day. To be run after `cargo build`."""

import base64
import datetime
import pathlib
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


def take(browser, server, folder, language):
    converter = browser.new_page()
    for name, (path, options) in PICTURES.items():
        one = Tab(browser, server, language=language, device_scale_factor=1, **{"viewport": DESKTOP, **options})
        one.log_in()
        page = one.open(path)
        page.evaluate("document.fonts.ready")
        png = base64.b64encode(page.screenshot()).decode()
        webp = base64.b64decode(converter.evaluate(TO_WEBP, png))
        assert len(webp) <= MOST and one.trouble == [], (name, len(webp), one.trouble)
        (folder / f"{name}-{language}.webp").write_bytes(webp)
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
            browser.close()


if __name__ == "__main__":
    main()
