"""The EasyXT integration against the real server: converter, adapter, strategies, and the panel off-screen."""

import datetime
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest
import requests
from conftest import INTERNAL, PASSWORD, ROOT, held, private_pem, public_pem
from hypothesis import given
from hypothesis import strategies as st
from test_joinquant_client import Drip, Scripted, raw

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def install(folder):
    """As the README says."""
    shutil.copytree(ROOT / "examples/easyxt/jq2qmt_easyxt", folder / "jq2qmt_easyxt")
    shutil.copy(ROOT / "examples/joinquant/jq_qmt_api.py", folder / "jq2qmt_easyxt")


EASYXT = tempfile.TemporaryDirectory()
install(pathlib.Path(EASYXT.name))
sys.path.append(EASYXT.name)
adapter_module = importlib.import_module("jq2qmt_easyxt.adapter")
strategy_module = importlib.import_module("jq2qmt_easyxt.strategy")
settings_module = importlib.import_module("jq2qmt_easyxt.settings")
api_module = importlib.import_module("jq2qmt_easyxt.jq_qmt_api")
DataConverter, JQQMTError = adapter_module.DataConverter, adapter_module.JQQMTError

symbols = st.builds("{:06d}.{}".format, st.integers(0, 999_999), st.sampled_from(["SH", "SZ", "BJ"]))
position_lists = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": symbols,
            "name": st.text(max_size=8),
            "quantity": st.integers(1, 10**6),
            "avg_price": st.floats(0.01, 1e4),
        }
    )
)


@given(position_lists)
def test_there_and_back_is_the_same(positions):
    sent = DataConverter.easyxt_to_jq2qmt(positions)
    assert DataConverter.jq2qmt_to_easyxt(sent) == positions
    total = [{**line, "total_volume": line["volume"], "avg_cost": line["cost"]} for line in sent]
    assert DataConverter.jq2qmt_to_easyxt(total) == positions


def test_the_notation_is_joinquants():
    positions = [{"symbol": "000001.SZ", "name": "平安银行", "quantity": 1000, "avg_price": 12.5}]
    assert DataConverter.easyxt_to_jq2qmt(positions) == [
        {"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 12.5}
    ]
    assert DataConverter.easyxt_to_jq2qmt([{"symbol": "600000.SH", "quantity": 0, "avg_price": 0}]) == []


@pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("600000", "600000.XSHG"),
        ("688981", "688981.XSHG"),
        ("510300", "510300.XSHG"),
        ("113050", "113050.XSHG"),
        ("000001", "000001.XSHE"),
        ("301001", "301001.XSHE"),
        ("159915", "159915.XSHE"),
        # EasyXT's own rule takes every 12 for Shanghai's; these are traded in Shenzhen.
        ("123001", "123001.XSHE"),
        ("430047", "430047.BJ"),
        ("920002", "920002.BJ"),
        ("SZ000001", "000001.XSHE"),
        ("sh.600000", "600000.XSHG"),
        (" 600000.sh ", "600000.XSHG"),
        ("000001.XSHE", "000001.XSHE"),
        ("IF2401.CCFX", "IF2401.CCFX"),
    ],
)
def test_a_code_that_says_where_it_is_traded_is_completed(symbol, code):
    (sent,) = DataConverter.easyxt_to_jq2qmt([easyxt(symbol, 100)])
    assert sent["code"] == code
    target = DataConverter.jq2qmt_to_easyxt([sent])
    (row,) = adapter_module.compare(target, [easyxt(symbol, 100)])
    assert row["difference"] == 0


@pytest.mark.parametrize(
    "symbol", ["204001", "131810", "900901", "60000", "6000000", "60000X", "６０００００", "CASH", 600000]
)
def test_a_code_that_does_not_say_where_it_is_traded_is_named(symbol):
    with pytest.raises(ValueError, match=r"第 2 条持仓的代码 .* 缺少交易所"):
        DataConverter.easyxt_to_jq2qmt([easyxt("600000", 1), easyxt(symbol, 100)])


def test_a_target_without_exchange_is_not_taken_for_a_holding_with_one():
    rows = adapter_module.compare([easyxt("600000", 100)], [easyxt("600000.SH", 100)])
    assert [(row["symbol"], row["difference"]) for row in rows] == [("600000", 100), ("600000.SH", -100)]


@pytest.mark.parametrize(
    "position",
    [
        {},
        None,
        {"symbol": "", "quantity": 1, "avg_price": 1},
        {"symbol": "600000.SH", "quantity": "1", "avg_price": 1},
        {"symbol": "600000.SH", "quantity": True, "avg_price": 1},
        {"symbol": "600000.SH", "quantity": float("nan"), "avg_price": 1},
        {"symbol": "600000.SH", "quantity": 1},
    ],
)
def test_what_is_no_position_is_named(position):
    good = {"symbol": "600000.SH", "quantity": 1, "avg_price": 1}
    with pytest.raises(ValueError, match="第 2 条持仓"):
        DataConverter.easyxt_to_jq2qmt([good, position])


@pytest.fixture
def config(server, quick_key, tmp_path):
    (server.folder / "keys/easyxt_client.pem").write_bytes(public_pem(quick_key))
    (tmp_path / "easyxt_private.pem").write_bytes(private_pem(quick_key))
    config = settings_module.load("nowhere.json")
    config.update(enabled=True, server_url=server.url)
    config["auth_config"]["private_key_file"] = str(tmp_path / "easyxt_private.pem")
    config["sync_settings"].update(retry_times=0)
    return config


@pytest.fixture
def adapter(config):
    return adapter_module.EasyXTJQ2QMTAdapter(config)


def easyxt(symbol, quantity, price=10.0, name="某股"):
    return {"symbol": symbol, "name": name, "quantity": quantity, "avg_price": price}


def test_the_adapter_pushes_and_reads(adapter, server):
    answer = adapter.sync_positions_to_qmt("动量", [easyxt("000001.SZ", 500), easyxt("600000.SH", 300, 9.5)])
    assert (answer["client_id"], answer["positions_count"], "warning" in answer) == ("easyxt_client", 2, False)
    server.push("beta", [held("000001.XSHE", 100), held("920002.BJ", 100)])
    assert [(line["symbol"], line["quantity"]) for line in adapter.get_merged_positions()] == [
        ("000001.SZ", 600),
        ("600000.SH", 300),
        ("920002.BJ", 100),
    ]
    assert adapter.get_merged_positions(["beta"])[0]["quantity"] == 100


def test_what_is_not_known_is_never_an_empty_list(adapter, server):
    with pytest.raises(JQQMTError, match="还没有任何策略推送过"):
        adapter.get_merged_positions()
    server.push("alpha", [])
    assert adapter.get_merged_positions() == []
    with pytest.raises(JQQMTError, match="策略不存在"):
        adapter.get_merged_positions(["alhpa"])
    with pytest.raises(ValueError, match="strategy_names"):
        adapter.get_merged_positions([])
    server.stop()
    with pytest.raises(JQQMTError, match="无法连接"):
        adapter.get_merged_positions()


def test_turned_off_it_pushes_nothing(config, server):
    config["enabled"] = False
    adapter = adapter_module.EasyXTJQ2QMTAdapter(config)
    assert adapter.is_available() is False
    with pytest.raises(JQQMTError, match="未启用"):
        adapter.sync_positions_to_qmt("alpha", [])
    assert server.total()["update_time"] is None


def test_retry_times_bounds_the_attempts(config, monkeypatch):
    config["sync_settings"]["retry_times"] = 2
    adapter = adapter_module.EasyXTJQ2QMTAdapter(config)
    tried, pauses = [], []

    def refuse(*_, **__):
        tried.append(1)
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(api_module.requests.Session, "request", refuse)
    monkeypatch.setattr(api_module.time, "sleep", pauses.append)
    with pytest.raises(JQQMTError, match="cannot be reached"):
        adapter.sync_positions_to_qmt("alpha", [])
    assert (len(tried), len(pauses)) == (3, 2)


def test_reading_takes_the_key_to_nobody_else(config):
    stranger = Scripted([(200, b"{}")])
    moved = Scripted([(307, b"{}", {"Location": stranger.url})])
    config["auth_config"]["read_api_key"] = "secret"
    for url, words in ((moved.url, "redirected"), (Scripted([Drip(raw(b"{}"))]).url, "no whole answer")):
        adapter = adapter_module.EasyXTJQ2QMTAdapter({**config, "server_url": url})
        adapter.api.timeout = 0.5
        for read in (adapter.get_merged_positions, adapter.get_all_strategies, adapter.get_conflicts):
            with pytest.raises(JQQMTError, match=words):
                read()
        assert adapter.test_connection() is False
    assert moved.seen[0][0]["X-API-Key"] == "secret" and stranger.seen == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"positions": 7, "update_time": "now"}'])
def test_what_is_no_answer_of_the_servers_is_no_list(config, body):
    adapter = adapter_module.EasyXTJQ2QMTAdapter({**config, "server_url": Scripted([(200, body)]).url})
    for read in (adapter.get_merged_positions, lambda: adapter.get_strategy_positions("alpha")):
        with pytest.raises(JQQMTError):
            read()


def test_what_easyxts_widget_and_example_ask_is_answered(adapter, server):
    """In their order, with the shapes that they show."""
    assert adapter.is_available() is True and adapter.test_connection() is True
    assert (adapter.get_sync_status()["status"], adapter.get_sync_status()["last_sync_time"]) == ("idle", None)
    with pytest.raises(JQQMTError, match="还没有推送过持仓"):
        adapter.get_strategy_positions("动量?/一")
    assert adapter.sync_positions_to_qmt("动量?/一", [easyxt("000001", 500)])
    assert adapter.get_strategy_positions("动量?/一") == [easyxt("000001.SZ", 500)]
    (strategy,) = adapter.get_all_strategies()
    assert (strategy["strategy_name"], strategy["positions"]) == ("动量?/一", [easyxt("000001.SZ", 500)])
    assert strategy["update_time"]
    status = adapter.get_sync_status()
    assert {name: status[name] for name in ("status", "last_error", "auto_sync", "sync_interval", "is_available")} == {
        "status": "success",
        "last_error": None,
        "auto_sync": True,
        "sync_interval": 30,
        "is_available": True,
    }
    assert datetime.datetime.fromisoformat(status["last_sync_time"])
    with pytest.raises(ValueError):
        adapter.sync_positions_to_qmt("动量?/一", [{"symbol": "600000.SH"}])
    assert adapter.get_sync_status()["status"] == "error" and "quantity" in adapter.get_sync_status()["last_error"]
    server.stop()
    assert adapter.test_connection() is False and adapter.is_available() is True


def test_settings_as_easyxts_users_write_them_are_enough(server, tmp_path, monkeypatch):
    key = server.run("key", "add", "easyxt", "--scope", "write").stdout.split()[-1]
    monkeypatch.chdir(tmp_path)
    # Without `enabled`, and with an API key no private key is named, and none is there.
    config = {"server_url": server.url, "auth_config": {"use_crypto_auth": False, "simple_api_key": key}}
    adapter = adapter_module.EasyXTJQ2QMTAdapter(config)
    assert adapter.is_available() and adapter.sync_positions_to_qmt("alpha", [])["auth_type"] == "simple"
    assert config.keys() == {"server_url", "auth_config"}
    # A signature needs a key; EasyXT's own example names all of these, and some of the settings beside their group.
    config["auth_config"] = {"use_crypto_auth": True, "private_key_file": "missing.pem", "simple_api_key": ""}
    adapter = adapter_module.EasyXTJQ2QMTAdapter({**config, "auto_sync": False, "sync_interval": 60})
    status = adapter.get_sync_status()
    assert (status["is_available"], status["auto_sync"], status["sync_interval"]) == (False, False, 60)
    # A strategy takes the same.
    strategy = Strategy(enable_jq2qmt=True, jq2qmt_config={"server_url": server.url, "auto_sync": False})
    assert strategy.enable_jq2qmt and not strategy.jq2qmt.running
    strategy.stop()


def test_it_lives_beside_the_files_of_the_newest_easyxt(tmp_path):
    """Which are adapters/jq2qmt_adapter.py, and a package jq2qmt_adapter where somebody installed it."""
    theirs = "class EasyXTJQ2QMTAdapter:\n    def __init__(self, config):\n        self.qka_client = None\n"
    for folder in ("strategies/adapters", "jq2qmt_adapter"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").write_text("from .jq2qmt_adapter import EasyXTJQ2QMTAdapter\n")
        (tmp_path / folder / "jq2qmt_adapter.py").write_text(theirs)
    before = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    install(tmp_path)
    (tmp_path / "use.py").write_text(
        "import sys\n"
        "sys.path.append('strategies')\n"
        "from adapters.jq2qmt_adapter import EasyXTJQ2QMTAdapter as Theirs\n"
        "import jq2qmt_adapter\n"
        "from jq2qmt_easyxt import BaseStrategy, EasyXTJQ2QMTAdapter, JQ2QMTMixin, load\n"
        "assert Theirs({}).qka_client is None and jq2qmt_adapter.EasyXTJQ2QMTAdapter({}).qka_client is None\n"
        "assert not hasattr(EasyXTJQ2QMTAdapter(load()), 'qka_client')\n"
        "class Mine(JQ2QMTMixin, Theirs): pass\n"
        "assert Mine({}).jq2qmt is None and BaseStrategy().positions == []\n"
    )
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not before & {path.relative_to(tmp_path) for path in (tmp_path / "jq2qmt_easyxt").rglob("*")}


class Strategy(strategy_module.BaseStrategy):
    pass


def wait_for(condition, what):
    """Until something that another thread does is done."""
    done = threading.Event()
    for _ in range(500):
        if condition():
            return
        done.wait(0.02)
    raise AssertionError(what)


def test_a_strategy_synchronises_what_it_holds(config, server):
    strategy = Strategy(strategy_name="alpha", enable_jq2qmt=True, jq2qmt_config=config)
    positions = [easyxt("600000.SH", 300)]
    strategy.update_positions(positions)
    positions.append(easyxt("600000.SH", 9999))
    wait_for(lambda: not strategy.jq2qmt.status()["alpha"].pending, "no push arrived")
    assert server.total(strategies="alpha")["positions"][0]["total_volume"] == 300
    assert strategy.positions[0]["quantity"] == 300
    strategy.stop()
    assert not strategy.jq2qmt.running


def test_a_strategy_goes_on_without_the_server(config, server, caplog):
    config["sync_settings"].update(auto_sync=False)
    strategy = Strategy(enable_jq2qmt=True, jq2qmt_config=config)
    assert strategy.sync_positions() is True, "nothing to push yet"
    assert server.total()["update_time"] is None
    server.listen = server.url.removeprefix("http://")
    server.stop()
    strategy.update_positions([easyxt("600000.SH", 300)])
    assert strategy.sync_positions() is False and strategy.sync_positions() is False
    status = strategy.jq2qmt.status()["Strategy"]
    assert (status.failures, status.pending, status.last_success) == (2, True, None)
    assert "cannot be reached" in status.error and "not synchronised" in caplog.text
    # What no server takes is a failure as well.
    strategy.update_positions([{"symbol": "600000.SH"}])
    assert strategy.sync_positions() is False
    server.start()
    strategy.update_positions([easyxt("600000.SH", 400)])
    assert strategy.sync_positions() is True
    status = strategy.jq2qmt.status()["Strategy"]
    assert (status.failures, status.pending, status.error) == (0, False, "")
    assert server.total()["positions"][0]["total_volume"] == 400


def test_the_list_is_pushed_again_on_the_timer(config):
    config["sync_settings"]["sync_interval"] = 0.05
    strategy = Strategy(strategy_name="alpha", enable_jq2qmt=True, jq2qmt_config=config)
    strategy.update_positions([])
    wait_for(lambda: strategy.jq2qmt.status()["alpha"].revision, "no push arrived")
    first = strategy.jq2qmt.status()["alpha"].last_try
    wait_for(lambda: strategy.jq2qmt.status()["alpha"].last_try > first, "it was pushed only once")
    strategy.stop()


def test_two_instances_under_one_name_are_refused(config, server):
    config["sync_settings"]["auto_sync"] = False

    def strategy(**more):
        return Strategy(enable_jq2qmt=True, jq2qmt_config={**config, **more})

    first = strategy()
    with pytest.raises(ValueError, match="策略 Strategy 已有实例在同步"):
        strategy()
    # Under another name, for another server or without synchronisation there is nothing to confuse.
    other = Strategy(strategy_name="beta", enable_jq2qmt=True, jq2qmt_config=config)
    elsewhere, idle = strategy(server_url="http://127.0.0.1:1"), strategy(enabled=False)
    # What the panel pushes is told apart from them as well.
    panels = strategy_module.AutoSync(adapter_module.EasyXTJQ2QMTAdapter(config), 30)
    with pytest.raises(ValueError, match="beta 已有实例在同步"):
        panels.keep("beta", [])
    first.update_positions([easyxt("600000.SH", 300)])
    assert first.sync_positions() is True
    # Once it has stopped, the name is free, and the old list no longer pushed over the new one.
    first.stop()
    second = strategy()
    second.update_positions([easyxt("600000.SH", 400)])
    assert second.sync_positions() is True and first.sync_positions() is False
    assert server.total()["positions"][0]["total_volume"] == 400
    assert "已有实例在同步" in first.jq2qmt.status()["Strategy"].error
    # So it is when an instance is simply gone.
    del second
    strategy().stop()
    for one in (other, elsewhere, idle):
        one.stop()


@pytest.fixture
def guarded(server):
    """A server on which an empty list waits for approval."""
    guards = [{"strategies": "*", "rules": {"empty": {"then": "hold"}}}]
    operate(server, "/api/v1/guards", guards)
    return server


def operate(server, path, body=None):
    """What the operator does."""
    method = "PUT" if path.split("/")[3] in ("guards", "accounts") else "POST"
    headers = {"X-Internal-Password": PASSWORD}
    answer = requests.request(method, server.url + path, json=body, headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text


def test_a_held_push_is_shown_as_held_and_is_no_error(config, guarded, caplog):
    config["sync_settings"]["auto_sync"] = False
    strategy = Strategy(strategy_name="alpha", enable_jq2qmt=True, jq2qmt_config=config)
    strategy.update_positions([easyxt("600000.SH", 300)])
    assert strategy.sync_positions() is True
    revision = strategy.jq2qmt.status()["alpha"].revision
    strategy.update_positions([])
    assert strategy.sync_positions() is False and strategy.sync_positions() is False
    status = strategy.jq2qmt.status()["alpha"]
    assert (status.failures, status.error, status.pending, status.revision) == (0, "", False, revision)
    assert "等待批准" in status.held and status.last_success < status.last_try
    adapters = strategy.jq2qmt.adapter.get_sync_status()
    assert (adapters["status"], adapters["last_error"]) == ("held", None) and "等待批准" in adapters["held"]
    assert caplog.text.count("等待批准") == 1
    # Said again, it is the same push to decide about; once approved, it is in force.
    (hold,) = guarded.get("/api/v1/holds").json()["holds"]
    operate(guarded, f"/api/v1/holds/{hold['hold']}/approve")
    assert strategy.sync_positions() is True
    assert strategy.jq2qmt.status()["alpha"].held == "" and guarded.total()["positions"] == []
    strategy.stop()


@pytest.mark.parametrize(("enable", "enabled"), [(False, True), (True, False), (False, False)])
def test_a_strategy_without_synchronisation_touches_no_server(config, enable, enabled):
    config["enabled"] = enabled
    strategy = Strategy(enable_jq2qmt=enable, jq2qmt_config=config)
    strategy.update_positions([easyxt("600000.SH", 300)])
    assert strategy.jq2qmt is None and strategy.positions and not strategy.sync_positions()
    strategy.stop()


def test_the_mixin_goes_before_a_strategy_class_of_easyxt(config):
    class Template:
        def __init__(self, params):
            self.params = params

        def update_positions(self, positions):
            self.seen = positions

    class Mixed(strategy_module.JQ2QMTMixin, Template):
        pass

    config["enabled"] = False
    strategy = Mixed({"n": 5}, enable_jq2qmt=True, jq2qmt_config=config)
    strategy.update_positions([1])
    assert (strategy.params, strategy.seen) == ({"n": 5}, [1])


def test_settings_are_kept_and_merged(tmp_path):
    path = str(tmp_path / "settings.json")
    config = settings_module.load(path)
    assert config == settings_module.JQ2QMT_CONFIG and config is not settings_module.JQ2QMT_CONFIG
    config["auth_config"]["client_id"] = "客户"
    settings_module.save(config, path)
    assert settings_module.load(path) == config
    pathlib.Path(path).write_text(json.dumps({"sync_settings": {"retry_times": 7}}))
    assert settings_module.load(path)["sync_settings"] == {"auto_sync": True, "sync_interval": 30, "retry_times": 7}
    pathlib.Path(path).write_text("{half")
    with pytest.raises(ValueError):
        settings_module.load(path)


@pytest.fixture(scope="session")
def application():
    from PyQt5.QtGui import QFontDatabase
    from PyQt5.QtWidgets import QApplication

    application = QApplication.instance() or QApplication([])
    assert QFontDatabase().families(), "no font is installed (Debian: apt-get install fonts-noto-cjk)"
    return application


@pytest.fixture
def panel(application, config):
    from jq2qmt_easyxt.panel import JQ2QMTPanel

    config["sync_settings"]["auto_sync"] = False
    actual = [easyxt("000001.SZ", 500), easyxt("510300.SH", 1200), easyxt("600000.SH", 300)]
    saved = []
    panel = JQ2QMTPanel(
        config,
        actual_positions=lambda: actual,
        strategy_positions=lambda: {"动量": [easyxt("600000.SH", 300, 9.5, "浦发银行")]},
        saved=saved.append,
    )
    panel.saves, panel.application = saved, application
    panel.resize(960, 640)
    panel.show()
    yield panel
    panel.close()


def until(panel, condition, what):
    """Let the window live until something shows."""

    def live():
        panel.application.processEvents()
        return condition()

    wait_for(live, what)


def cells(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def test_the_panel_compares_target_and_actual(panel, server, tmp_path):
    server.push(
        "动量",
        [
            {"code": "000001.XSHE", "name": "平安银行", "volume": 1500, "cost": 12.345},
            {"code": "600000.XSHG", "name": "浦发银行", "volume": 300, "cost": 9.5},
        ],
    )
    panel.refresh.click()
    until(panel, lambda: panel.comparison.rowCount() == 3, "no rows came")
    assert cells(panel.comparison) == [
        ["000001.SZ", "平安银行", "1,500", "500", "1,000", "买入"],
        ["600000.SH", "浦发银行", "300", "300", "0", "一致"],
        ["510300.SH", "某股", "0", "1,200", "-1,200", "卖出"],
    ]
    assert cells(panel.targets)[0] == ["000001.SZ", "平安银行", "1,500", "12.345"]
    assert "3 个证券，2 个未到目标" in panel.table_message.text()
    panel.sync_now()
    until(panel, lambda: "已同步" in panel.status.text(), panel.status.text())
    assert panel.grab().save(str(pathlib.Path(os.environ.get("SCREENSHOTS", tmp_path)) / "easyxt-panel.png"))


def test_the_panel_says_that_the_target_is_unknown(panel, server):
    server.push("动量", [held("600000.XSHG", 100)])
    panel.refresh.click()
    until(panel, lambda: panel.comparison.rowCount() == 3, "no rows came")
    server.stop()
    panel.refresh.click()
    until(panel, lambda: "目标未知" in panel.table_message.text(), panel.table_message.text())
    assert panel.comparison.rowCount() == panel.targets.rowCount() == 0
    panel.sync_now()
    until(panel, lambda: "连续失败 1 次" in panel.status.text(), panel.status.text())
    panel.test.click()
    until(panel, lambda: "连接失败" in panel.server_message.text(), panel.server_message.text())


@pytest.fixture
def account(server):
    """An account of two strategies, and how its terminal reports."""
    server.push("动量", [held("000001.XSHE", 1000), held("600000.XSHG", 300), held("CASH", 5)])
    server.push("反转", [held("000001.XSHE", 500)])
    strategies = [{"name": "动量"}, {"name": "反转", "scale": "0.5"}]
    operate(server, "/api/v1/accounts/main", {"strategies": strategies})
    key = server.run("key", "add", "qmt", "--account", "main").stdout.split()[-1]

    def report(**more):
        at = datetime.datetime.now(datetime.UTC).isoformat()
        body = {"at": at, "revision": server.total()["revision"], **more}
        url = server.url + "/api/v1/accounts/main/report"
        answer = requests.post(url, json=body, headers={"X-API-Key": key}, timeout=10)
        assert answer.status_code == 200, answer.text

    report.key = key
    return report


def set_account(panel, name, read_key=""):
    panel.account.setText(name)
    panel.read_key.setText(read_key)
    panel.store.click()
    assert panel.server_message.text() == "✓ 已保存"


def refreshed(panel):
    panel.refresh.click()
    until(panel, lambda: "读取：" in panel.table_message.text(), panel.table_message.text())
    return panel.table_message.text()


def test_the_panel_shows_what_the_server_says_of_an_account(panel, account, tmp_path):
    set_account(panel, "main")
    assert "终端还没有报告过，差额未知" in refreshed(panel) and panel.drift.rowCount() == 0
    account(
        holdings=[{"code": "000001.SZ", "volume": 1400}, {"code": "600000.SH", "volume": 100}],
        waiting=[
            {"code": "000001.SZ", "shares": 100, "reason": "rejected", "text": "委托被拒"},
            {"code": "600000.SH", "shares": 150, "reason": "limit_up", "text": "涨停"},
            {"code": "600000.SH", "shares": 50, "reason": "cash", "text": "资金不足"},
        ],
    )
    assert "账户 main：" in refreshed(panel) and "3 个差额" in panel.table_message.text()
    assert [row[0] for row in cells(panel.drift)] == ["000001.SZ", "600000.SH", "CASH"]
    assert cells(panel.drift)[:2] == [
        ["000001.SZ", "000001.SZ", "1,300", "1,400", "100", "委托被拒 100 股"],
        ["600000.SH", "600000.SH", "300", "100", "-200", "涨停 -150 股；资金不足 -50 股"],
    ]
    # Who gets what, and what is not traded; 1,250 are 1,300 in whole lots.
    assert [row[2:4] for row in cells(panel.shares)] == [
        ["1,300", "动量 1000 · 反转 250"],
        ["300", "动量 300"],
        ["5", "动量 5"],
    ]
    assert [bool(row[4]) for row in cells(panel.shares)] == [False, False, True]
    assert "3 个证券有份额，1 个暂停交易" in panel.table_message.text()
    panel.tabs.setCurrentWidget(panel.drift)
    panel.application.processEvents()
    assert panel.grab().save(str(pathlib.Path(os.environ.get("SCREENSHOTS", tmp_path)) / "easyxt-account.png"))


def test_what_nothing_explains_is_an_alarm(panel):
    parts = [{"reason": "unexplained", "shares": 5, "text": "原因不明", "message": "unexplained"}]
    line = {"code": "600000.SH", "name": "浦发银行", "target": 100, "holding": 105, "difference": 5, "parts": parts}
    drift = {"account": "main", "reported_at": datetime.datetime.now(datetime.UTC).isoformat(), "lines": [line]}
    # In the order in which the panel asks.
    bodies = [{"conflicts": [], "counts": {}}, {"positions": [], "update_time": "now"}, drift, {"lines": []}]
    panel.url.setText(Scripted([(200, json.dumps(body).encode()) for body in bodies]).url)
    set_account(panel, "main")
    assert "1 个差额，其中有原因不明的" in refreshed(panel) and panel.table_message.text().startswith("✗")
    assert cells(panel.drift) == [["600000.SH", "浦发银行", "100", "105", "5", "原因不明 5 股"]]


def test_of_an_account_that_is_not_known_nothing_is_shown(panel, server, account):
    set_account(panel, "main")
    account(holdings=[])
    assert "3 个差额" in refreshed(panel) and panel.shares.rowCount() == 3
    operate(server, "/api/v1/pause", {"account": "main", "paused": True, "note": "断线"})
    # Of several questions, one may be answered and another not.
    assert "策略份额未知：" in refreshed(panel) and panel.shares.rowCount() == 0
    assert "3 个目标" in panel.table_message.text() and panel.targets.rowCount() == 3
    set_account(panel, "mian")
    assert "账户差额未知：" in refreshed(panel) and panel.table_message.text().startswith("✗")
    assert panel.drift.rowCount() == panel.shares.rowCount() == 0


def test_the_panel_never_takes_the_place_of_the_accounts_terminal(panel, server, account):
    """With the terminal's own key, it reads nothing."""
    set_account(panel, "main", read_key=account.key)
    text = refreshed(panel)
    for what in ("目标", "冲突", "账户差额", "策略份额"):
        assert what + "未知" in text
    target = server.get("/api/v1/accounts/main/target", headers={"X-API-Key": account.key, "X-Terminal": "desk-1"})
    assert target.status_code == 200, target.text


def test_the_panel_shows_conflicts(panel, server):
    server.push("alpha", [held("600000.XSHG", 300)])
    assert "0 个冲突" in refreshed(panel)
    overlay = {"strategy_name": "ADJUSTMENT_MAIN", "positions": [held("600000.XSHG", -500)]}
    server.post(INTERNAL, overlay, X_Internal_Password=PASSWORD)
    assert "2 个冲突" in refreshed(panel)
    assert {tuple(row[:2]) for row in cells(panel.conflicts)} == {
        ("总量为负", "600000.SH"),
        ("调整过量", "600000.SH"),
    }
    assert all(row[3] for row in cells(panel.conflicts))


def test_the_panel_shows_what_waits_for_approval(panel, guarded):
    guarded.push("动量", [held("600000.XSHG", 100)])
    panel.strategy_positions = lambda: {"动量": []}
    panel.sync_now()
    until(panel, lambda: "等待批准" in panel.status.text(), panel.status.text())
    assert "尚未生效" in panel.status.text() and "失败" not in panel.status.text()
    assert panel.status.text()[0] not in "✓✗"


def test_what_the_panel_cannot_show_does_not_end_it(panel):
    body = {"conflicts": [{}], "counts": {}, "positions": [{}], "update_time": "now"}
    panel.url.setText(Scripted([(200, json.dumps(body).encode())]).url)
    panel.store.click()
    assert "无法显示" in refreshed(panel) and "目标未知" in panel.table_message.text()


@pytest.mark.usefixtures("application")
def test_settings_that_are_not_whole_are_enough_for_the_panel(server):
    from jq2qmt_easyxt.panel import JQ2QMTPanel

    auth = {"use_crypto_auth": False, "simple_api_key": "key"}
    panel = JQ2QMTPanel({"server_url": server.url, "auth_config": auth, "auto_sync": False})
    assert panel.enabled.isChecked() and panel.api_key.text() == "key" and not panel.sync.running
    panel.close()


def test_the_panel_keeps_settings(panel, server):
    panel.test.click()
    until(panel, lambda: "连接正常" in panel.server_message.text(), panel.server_message.text())
    panel.url.setText("localhost:5366")
    panel.store.click()
    assert "应以 http:// 或 https:// 开头" in panel.server_message.text() and panel.saves == []
    panel.url.setText(server.url + "/")
    panel.auth.setCurrentIndex(1)
    assert not panel.key_file.isEnabled() and panel.api_key.isEnabled()
    panel.store.click()
    assert "未保存" in panel.server_message.text() and panel.saves == []
    panel.api_key.setText("jq2qmt_key")
    panel.interval.setValue(60)
    panel.store.click()
    assert panel.server_message.text() == "✓ 已保存"
    (saved,) = panel.saves
    assert (saved["server_url"], saved["auth_config"]["simple_api_key"]) == (server.url, "jq2qmt_key")
    assert saved["sync_settings"] == {"auto_sync": False, "sync_interval": 60, "retry_times": 0}


def test_the_panel_starts_and_stops_the_synchronisation(panel):
    panel.start.click()
    assert panel.sync.running and panel.start.text() == "停止自动同步"
    panel.start.click()
    until(panel, lambda: panel.start.text() == "开始自动同步", "it did not stop")
    panel.enabled.setChecked(False)
    panel.store.click()
    assert not panel.start.isEnabled() and panel.status.text() == "未启用"
