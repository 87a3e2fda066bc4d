"""The one-file script is what its sources make, in the form that big QMT takes."""

import ast
import subprocess
import sys

from conftest import ROOT

QMT = ROOT / "examples/qmt"
SOURCES = [QMT / "big_qmt.py", *sorted((QMT / "jq2qmt_sync").glob("[a-z]*.py"))]


def test_the_committed_file_is_current():
    done = subprocess.run([sys.executable, QMT / "build.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_is_gbk_and_says_so_first():
    script = (QMT / "qmt_jq_trade.py").read_bytes()
    assert script.startswith(b"#coding:gbk\n") and b"\r" not in script
    assert "目标持仓" in script.decode("gbk")


def test_no_name_of_one_source_hides_that_of_another():
    """In one file they all share one namespace, the terminal's own functions too."""
    owners = {}
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = getattr(node, "targets", [node])
            for name in filter(None, (getattr(target, "id", getattr(target, "name", None)) for target in targets)):
                assert owners.setdefault(name, path) == path, f"{name} in {owners[name].name} and {path.name}"
    assert {"decide", "make_session", "init"} <= set(owners)
    assert not {"passorder", "cancel", "get_trade_detail_data", "ContextInfo"} & set(owners)


def test_both_scripts_have_the_same_settings():
    def settings(path):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                try:
                    values[node.targets[0].id] = ast.literal_eval(node.value)
                except ValueError:
                    continue
        return values

    big, mini = settings(QMT / "big_qmt.py"), settings(QMT / "miniqmt_sync.py")
    common = settings(QMT / "jq2qmt_sync/settings.py")["NAMES"]
    assert {"ACCOUNT", "ACCOUNT_NAME", "SERVER", "DRY_RUN", "PROTECTED", "MAX_ORDER_VALUE", "START"} <= set(common)
    assert {name: big[name] for name in common} == {name: mini[name] for name in common}
