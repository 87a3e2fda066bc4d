"""The documents do what they say."""

import json
import os
import pathlib
import re
import subprocess
import sys

from conftest import BINARY, PASSWORD, ROOT, clean_environment

#: The rooms of the source, from the top down: each may use those below it.
ROOMS = [
    "main",
    "cli",
    "startup",
    "first_start",
    "demo",
    "http",
    "doctor",
    "alert",
    "desk",
    "net",
    "config",
    "service",
    "auth",
    "store",
    "ledger",
]
ROOMS += ["lifecycle", "log", "clock", "files", "digits", "domain"]

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shape(value):
    """What an answer looks like, whatever its values."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def json_in(text):
    """Every JSON object that stands in a text, one after the other."""
    found, decoder, at = [], json.JSONDecoder(), text.find("{")
    while at >= 0:
        value, end = decoder.raw_decode(text, at)
        found.append(value)
        at = text.find("{", end)
    return found


def test_api_usage_works_as_printed(server):
    # A refusal fails the script, also where a call forgets to ask for that.
    script = ['set -euo pipefail; curl() { command curl --fail-with-body "$@"; }']
    answers = []
    for language, text in FENCE.findall((ROOT / "API_USAGE.md").read_text(encoding="utf-8")):
        if language == "python":
            (server.folder / "push.py").write_text(text, encoding="utf-8")
        elif language == "sh":
            script.append(text.replace("http://127.0.0.1:5366", server.url))
        else:
            assert language == "json"
            answers.append(json.loads(text))
    assert f"PASSWORD={PASSWORD} " in script[1] and len(script) > 8
    search = [str(BINARY.parent), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=server.folder, env=clean_environment(PATH=os.pathsep.join(search)), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n304\n" in done.stdout
    # What is printed as an answer looks as the real ones do.
    refused = server.push("alpha", [{"code": "X", "volume": 1, "cost": 1}, {"code": "Y", "volume": -1, "cost": 1}])
    real = [shape(answer) for answer in [*json_in(done.stdout), refused.json()]]
    assert len(answers) == 9 and [answer for answer in answers if shape(answer) not in real] == []
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
    assert len(codes) > 30
    codes |= {"overloaded", "timeout", "unavailable"}
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "API_USAGE.md").read_text(encoding="utf-8")))
    assert codes - documented == set()


def test_no_arrow_runs_upward():
    """Data comes in at the top and goes down; nothing below knows what is above it."""
    source = ROOT / "src"
    rooms = {path.name.removesuffix(".rs") for path in source.iterdir()} - {"lib"}
    assert rooms == set(ROOMS), "each room has its place"
    drawn = re.findall(r"`(\w+(?: → \w+)+)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert drawn and all(path.split(" → ") == sorted(path.split(" → "), key=ROOMS.index) for path in drawn)
    arrows = set()
    for path in source.rglob("*.rs"):
        room = path.relative_to(source).parts[0].removesuffix(".rs")
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"\bcrate::(\w+)", text)
        used += [name for group in re.findall(r"\bcrate::\{([^;]*)\};", text) for name in re.findall(r"\w+", group)]
        arrows |= {(room, one, str(path.relative_to(ROOT))) for one in used if one in rooms}
    assert {("http", "desk"), ("desk", "auth"), ("startup", "net")} <= {arrow[:2] for arrow in arrows}, "they are seen"
    assert sorted(arrow for arrow in arrows if ROOMS.index(arrow[0]) > ROOMS.index(arrow[1])) == []


def test_only_the_store_knows_what_the_database_is():
    """SQL stands in one folder, and no type of the database leaves its room."""
    store = ROOT / "src/store"
    spoken = re.compile(r'"(SELECT|INSERT|UPDATE|DELETE|BEGIN|PRAGMA|VACUUM|ATTACH) |sqlite_version|pub use .*sqlite')
    for path in (ROOT / "src").rglob("*.rs"):
        text = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
        if store not in path.parents:
            assert not re.search(r"\bsqlx\b", text), path
        if path not in (store / "mysql.rs", ROOT / "src/cli/push.rs") and store / "sqlite" not in path.parents:
            assert not spoken.search(text), path


def test_the_map_names_every_room_and_nothing_that_is_not_there():
    """Each file says in its first line what it is for, so that the map need not."""
    source = ROOT / "src"
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    plan = re.search(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    rooms = [path.name for path in source.iterdir()]
    assert [room for room in rooms if not re.search(rf"\b{re.escape(room)}\b", plan)] == []
    silent = [path for path in source.rglob("*.rs") if path.name != "tests.rs" and not starts_with_a_sentence(path)]
    assert silent == []
    named = re.findall(r"^([\w./]+/)", plan, re.MULTILINE)
    missing = [name for name in named if not (ROOT / name).exists()]
    for document in ("architecture", "internals"):
        named = re.findall(r"`((?:\w+/)+\w+)(?:\.rs)?`", (ROOT / f"docs/{document}.md").read_text(encoding="utf-8"))
        assert len(named) > 20
        missing += [
            name
            for name in named
            if not any((source / f"{name}{end}").exists() for end in (".rs", "")) and not list(ROOT.glob(f"{name}*"))
        ]
    assert missing == []


def starts_with_a_sentence(path):
    return path.read_text(encoding="utf-8").startswith("//! ")


def test_what_shows_a_claim_is_there():
    """Files and tests that stand behind the claims about security and reliability."""
    folders = ["src", "tests"]
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".rs", ".py")]
    known = set()
    for path in sources:
        known |= set(re.findall(r"\b(?:fn|def) (\w+)", path.read_text(encoding="utf-8")))
    files = {path.name for path in sources}
    missing = []
    for name in ("security", "reliability"):
        for one in re.findall(r"`([^`\s]+)`", (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")):
            if re.match(r"(src|tests|docs|examples)/[\w/.]+$", one):
                missing += [(name, one)] if not (ROOT / one).exists() else []
            elif re.fullmatch(r"\w+\.py", one):
                missing += [(name, one)] if one not in files else []
            elif re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", one):
                missing += [(name, one)] if one not in known else []
    assert len(known) > 1000 and missing == []
