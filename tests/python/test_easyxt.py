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
from conftest import PASSWORD, ROOT, held, private_pem, public_pem
from hypothesis import given
from hypothesis import strategies as st

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
    with pytest.raises(JQQMTError, match="未启用"):
        adapter_module.EasyXTJQ2QMTAdapter(config).sync_positions_to_qmt("alpha", [])
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
