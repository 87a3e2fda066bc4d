"""The documents do what they say."""

import os
import pathlib
import re
import subprocess
import sys

from conftest import BINARY, PASSWORD, ROOT, clean_environment

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_api_usage_works_as_printed(server):
    script = ["set -euo pipefail"]
    for language, text in FENCE.findall((ROOT / "API_USAGE.md").read_text(encoding="utf-8")):
        if language == "python":
            (server.folder / "push.py").write_text(text, encoding="utf-8")
        elif language == "sh":
            script.append(text.replace("http://127.0.0.1:5366", server.url))
    assert f"PASSWORD={PASSWORD} " in script[1] and len(script) > 8
    search = [str(BINARY.parent), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=server.folder, env=clean_environment(PATH=os.pathsep.join(search)), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n304\n" in done.stdout
    assert server.total()["positions"] == [
        {"code": "000001.XSHE", "name": "平安银行", "total_volume": 1500, "avg_cost": 12.7},
        {"code": "600000.XSHG", "name": "浦发银行", "total_volume": 500, "avg_cost": 9.02},
        {"code": "510300.XSHG", "name": "510300.XSHG", "total_volume": 10000, "avg_cost": 3.912},
    ]


def test_both_readmes_say_the_same():
    """Same sections, same code, same options; only the words differ."""
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))

    def frame(text):
        code = [re.sub(r" *#.*", "", block) for language, block in FENCE.findall(text) if language != "mermaid"]
        return re.findall(r"^#+", text, re.MULTILINE), code, set(re.findall(r"JQ2QMT_\w+", text)), text.count("\n* ")

    assert frame(english) == frame(chinese)


def test_every_error_code_is_documented():
    source = (ROOT / "src/http/error_text.rs").read_text(encoding="utf-8")
    codes = set(re.findall(r'"([a-z]+(?:_[a-z0-9]+)+)"', source))
    codes |= {"overloaded", "timeout", "unavailable"}
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "API_USAGE.md").read_text(encoding="utf-8")))
    assert codes - documented == set()
