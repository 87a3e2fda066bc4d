"""The panel of the EasyXT integration: settings, synchronisation, and what the server says about target, holding,
difference, conflicts and who gets what. EasyXT 的 jq2qmt 面板。

Alone: `python -m jq2qmt_easyxt.panel`. In EasyXT's window: `tabs.addTab(JQ2QMTPanel(load()), "jq2qmt")`.
"""

import copy
import sys
import time

from PyQt5.QtCore import QObject, QRunnable, Qt, QThreadPool, QTimer, pyqtSignal
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from .adapter import EasyXTJQ2QMTAdapter, compare
from .jq_qmt_api import JQQMTAPI
from .settings import completed, load, save
from .strategy import AutoSync

# In China red is up and buying, green is down and selling; the word beside it says the same.
BUY_COLOUR, SELL_COLOUR = QColor("#c62828"), QColor("#2e7d32")
POSITION_COLUMNS = ("代码", "名称", "数量（股）", "均价（元）")
COMPARISON_COLUMNS = ("代码", "名称", "目标（股）", "实际（股）", "差额（股）", "操作")
# The server's difference is what is held too much.
DRIFT_COLUMNS = ("代码", "名称", "目标（股）", "持有（股）", "差额（持有−目标）", "原因")
SHARE_COLUMNS = ("代码", "名称", "目标（股）", "各策略（股）", "暂停交易的原因")
CONFLICT_COLUMNS = ("类型", "代码", "名称", "说明")
CONFLICT_KINDS = {"crossing": "互相买卖", "negative": "总量为负", "adjustment": "调整过量", "shared": "共用券商账户"}


class Task(QRunnable):
    """Something that takes time, away from the window's thread; its outcome comes back as a signal."""

    class Signals(QObject):
        done = pyqtSignal(object, object)

    def __init__(self, work, then):
        super().__init__()
        self.work = work
        self.signals = Task.Signals()
        self.signals.done.connect(then)

    def run(self):
        try:
            result, error = self.work(), None
        except Exception as failure:  # shown to the one who asked
            result, error = None, failure
        try:
            self.signals.done.emit(result, error)
        except RuntimeError:
            # The window was closed meanwhile: nobody is left to be told.
            return


def attempt(function, *arguments):
    """What comes of it, and the error: of several things that are asked, one may be known and another not."""
    try:
        return function(*arguments), None
    except Exception as error:  # shown in its place
        return None, error


class Table(QTableWidget):
    """A read-only table; columns from `coloured` on take a row's colour. The last one gets what room is left where it
    has sentences."""

    def __init__(self, columns, coloured, name, sentences=False):
        super().__init__(0, len(columns))
        self.coloured = coloured
        self.setHorizontalHeaderLabels(columns)
        self.setAccessibleName(name)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setAlternatingRowColors(True)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeToContents if sentences else QHeaderView.Stretch)
        header.setStretchLastSection(sentences)

    def show_rows(self, rows, colours=None):
        self.setRowCount(len(rows))
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                item = QTableWidgetItem(value if isinstance(value, str) else number(value))
                if not isinstance(value, str):
                    item.setTextAlignment(int(Qt.AlignRight | Qt.AlignVCenter))
                if colours and colours[at] is not None and column >= self.coloured:
                    item.setForeground(colours[at])
                # What does not fit can be read all the same.
                item.setToolTip(item.text())
                self.setItem(at, column, item)


def number(value):
    """With thousands separators, at the precision it has."""
    text = "{:,.6f}".format(value).rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


class JQ2QMTPanel(QWidget):
    """`config`: as settings.load gives it. `actual_positions()`: what the account holds, as EasyXT positions;
    `strategy_positions()`: {strategy name: its EasyXT positions}. Either may raise, and is called in the background."""

    def __init__(self, config, actual_positions=None, strategy_positions=None, saved=save, parent=None):
        super().__init__(parent)
        self.config = completed(config)
        self.actual_positions, self.strategy_positions, self.saved = actual_positions, strategy_positions, saved
        self.pool = QThreadPool(self)
        self.sync = None
        self.setWindowTitle("jq2qmt")
        layout = QVBoxLayout(self)
        top = QHBoxLayout()
        top.addWidget(self.server_group(), 3)
        top.addWidget(self.sync_group(), 2)
        layout.addLayout(top)
        layout.addWidget(self.tables(), 1)
        self.show_config()
        self.connect_server()
        self.clock = QTimer(self)
        self.clock.timeout.connect(self.show_status)
        self.clock.start(1000)

    # -- the parts --

    def server_group(self):
        group = QGroupBox("服务器设置")
        form = QFormLayout(group)
        self.enabled = QCheckBox("启用 jq2qmt 同步")
        self.url = QLineEdit()
        self.auth = QComboBox()
        self.auth.addItems(["RSA 签名（推荐）", "API 密钥"])
        self.client_id, self.key_file = QLineEdit(), QLineEdit()
        self.api_key, self.read_key, self.account = QLineEdit(), QLineEdit(), QLineEdit()
        self.account.setPlaceholderText("服务器上的账户名，可不填")
        for secret in (self.api_key, self.read_key):
            secret.setEchoMode(QLineEdit.Password)
        self.browse = QPushButton("选择…")
        self.browse.clicked.connect(self.choose_key)
        key_row = QHBoxLayout()
        key_row.addWidget(self.key_file)
        key_row.addWidget(self.browse)
        form.addRow(self.enabled)
        form.addRow("服务器地址", self.url)
        form.addRow("认证方式", self.auth)
        form.addRow("客户端编号", self.client_id)
        form.addRow("私钥文件", key_row)
        form.addRow("写入密钥", self.api_key)
        form.addRow("读取密钥", self.read_key)
        form.addRow("交易账户", self.account)
        self.test, self.store = QPushButton("测试连接"), QPushButton("保存设置")
        self.test.clicked.connect(self.test_connection)
        self.store.clicked.connect(self.save_config)
        buttons = QHBoxLayout()
        buttons.addWidget(self.test)
        buttons.addWidget(self.store)
        form.addRow(buttons)
        self.server_message = message()
        form.addRow(self.server_message)
        self.auth.currentIndexChanged.connect(self.show_auth)
        return group

    def sync_group(self):
        group = QGroupBox("同步控制")
        grid = QGridLayout(group)
        self.auto = QCheckBox("自动同步")
        self.interval, self.retries = QSpinBox(), QSpinBox()
        self.interval.setRange(5, 3600)
        self.interval.setSuffix(" 秒")
        self.retries.setRange(0, 10)
        self.retries.setSuffix(" 次")
        self.start, self.now = QPushButton("开始自动同步"), QPushButton("立即同步")
        self.start.clicked.connect(self.toggle)
        self.now.clicked.connect(self.sync_now)
        self.status = message()
        grid.addWidget(self.auto, 0, 0, 1, 2)
        grid.addWidget(QLabel("同步间隔"), 1, 0)
        grid.addWidget(self.interval, 1, 1)
        grid.addWidget(QLabel("失败重试"), 2, 0)
        grid.addWidget(self.retries, 2, 1)
        grid.addWidget(self.start, 3, 0)
        grid.addWidget(self.now, 3, 1)
        grid.addWidget(self.status, 4, 0, 1, 2)
        grid.setRowStretch(5, 1)
        return group

    def tables(self):
        self.targets = Table(POSITION_COLUMNS, 2, "目标持仓")
        self.comparison = Table(COMPARISON_COLUMNS, 4, "目标与实际")
        self.drift = Table(DRIFT_COLUMNS, 4, "账户差额", sentences=True)
        self.shares = Table(SHARE_COLUMNS, 4, "策略份额", sentences=True)
        self.conflicts = Table(CONFLICT_COLUMNS, 4, "冲突", sentences=True)
        tabs = QTabWidget()
        for table in (self.comparison, self.targets, self.drift, self.shares, self.conflicts):
            tabs.addTab(table, table.accessibleName())
        self.refresh = QPushButton("刷新")
        self.refresh.clicked.connect(self.refresh_tables)
        self.table_message = message()
        row = QHBoxLayout()
        row.addWidget(self.table_message, 1)
        row.addWidget(self.refresh)
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(tabs, 1)
        column.addLayout(row)
        self.tabs = tabs
        return box

    # -- settings --

    def show_config(self):
        auth, sync = self.config["auth_config"], self.config["sync_settings"]
        self.enabled.setChecked(self.config["enabled"])
        self.url.setText(self.config["server_url"])
        self.auth.setCurrentIndex(0 if auth["use_crypto_auth"] else 1)
        self.client_id.setText(auth["client_id"])
        self.key_file.setText(auth["private_key_file"])
        self.api_key.setText(auth.get("simple_api_key") or "")
        self.read_key.setText(auth.get("read_api_key") or "")
        self.account.setText(self.config["account"] or "")
        self.auto.setChecked(sync["auto_sync"])
        self.interval.setValue(sync["sync_interval"])
        self.retries.setValue(sync["retry_times"])
        self.show_auth()

    def show_auth(self):
        signed = self.auth.currentIndex() == 0
        for widget in (self.client_id, self.key_file, self.browse):
            widget.setEnabled(signed)
        self.api_key.setEnabled(not signed)

    def entered(self):
        """The settings as they stand in the fields; what the fields do not show stays."""
        config = copy.deepcopy(self.config)
        config["enabled"] = self.enabled.isChecked()
        config["server_url"] = self.url.text().strip().rstrip("/")
        config["account"] = self.account.text().strip() or None
        config["auth_config"].update(
            use_crypto_auth=self.auth.currentIndex() == 0,
            client_id=self.client_id.text().strip(),
            private_key_file=self.key_file.text().strip(),
            simple_api_key=self.api_key.text().strip() or None,
            read_api_key=self.read_key.text().strip() or None,
        )
        config["sync_settings"].update(
            auto_sync=self.auto.isChecked(),
            sync_interval=self.interval.value(),
            retry_times=self.retries.value(),
        )
        return config

    def choose_key(self):
        path, _ = QFileDialog.getOpenFileName(self, "选择私钥文件", "", "PEM (*.pem);;*")
        if path:
            self.key_file.setText(path)

    def save_config(self):
        config = self.entered()
        if not config["server_url"].startswith(("http://", "https://")):
            say(self.server_message, "服务器地址应以 http:// 或 https:// 开头", False)
            return
        try:
            EasyXTJQ2QMTAdapter(config)
            self.saved(config)
        except Exception as error:  # a missing key, a disk that refuses
            say(self.server_message, "未保存：%s" % error, False)
            return
        self.config = config
        self.connect_server()
        say(self.server_message, "已保存", True)

    def connect_server(self):
        """Work with the settings as they are saved."""
        lists = {}
        if self.sync is not None:
            lists = self.sync.lists
            self.sync.stop()
        try:
            self.adapter = EasyXTJQ2QMTAdapter(self.config)
        except Exception as error:  # settings made by hand
            self.adapter, self.sync = None, None
            say(self.server_message, "设置有误：%s" % error, False)
        else:
            self.sync = AutoSync(self.adapter, self.config["sync_settings"]["sync_interval"])
            for name, positions in lists.items():
                self.sync.keep(name, positions)
            if self.adapter.enabled and self.config["sync_settings"]["auto_sync"]:
                self.sync.start()
        self.show_status()

    def test_connection(self):
        """Ask the server, with what stands in the fields, who it is."""
        url = self.url.text().strip().rstrip("/")
        say(self.server_message, "正在连接 %s …" % url, None)
        self.test.setEnabled(False)

        def ask():
            api = JQQMTAPI(api_url=url, use_crypto_auth=True, ca_file=self.config["auth_config"]["ca_file"])
            return api.read("/api/v1/auth/info")["auth_type"]

        def tell(_kind, error):
            self.test.setEnabled(True)
            if error is None:
                say(self.server_message, "连接正常：%s" % url, True)
            else:
                say(self.server_message, "连接失败：%s" % error, False)

        self.pool.start(Task(ask, tell))

    # -- synchronisation --

    def toggle(self):
        if self.sync is None:
            return
        if self.sync.running:
            # It ends by itself after the push under way; the window does not wait for it.
            self.pool.start(Task(self.sync.stop, lambda *_: self.show_status()))
        else:
            self.sync.start()
        self.show_status()

    def sync_now(self):
        if self.sync is None:
            return
        self.now.setEnabled(False)
        say(self.status, "正在同步…", None)

        def push():
            if self.strategy_positions is not None:
                for name, positions in self.strategy_positions().items():
                    self.sync.keep(name, positions)
            return self.sync.sync_now()

        def tell(_arrived, error):
            self.now.setEnabled(True)
            self.show_status()
            if error is not None:
                say(self.status, "同步失败：%s" % error, False)

        self.pool.start(Task(push, tell))

    def show_status(self):
        running = self.sync is not None and self.sync.running
        self.start.setText("停止自动同步" if running else "开始自动同步")
        usable = self.adapter is not None and self.adapter.enabled
        self.start.setEnabled(usable)
        self.now.setEnabled(usable)
        if not usable:
            say(self.status, "未启用", None)
            return
        lines, healthy = [], True
        for name, status in sorted(self.sync.status().items()):
            if status.error:
                lines.append("%s：连续失败 %d 次，%s" % (name, status.failures, status.error))
                healthy = False
            elif status.held:
                # Neither good nor bad: the operator decides.
                lines.append("%s：等待批准。%s" % (name, status.held))
                healthy = healthy and None
            elif status.last_success is not None:
                at = time.strftime("%H:%M:%S", time.localtime(status.last_success))
                lines.append("%s：%s 已同步，版本 %s" % (name, at, status.revision))
            else:
                lines.append("%s：等待同步" % name)
        if not lines:
            lines.append("自动同步运行中，还没有策略更新持仓" if running else "还没有策略更新持仓")
        say(self.status, "\n".join(lines), healthy if self.sync.status() else None)

    # -- tables --

    def refresh_tables(self):
        if self.adapter is None:
            return
        self.refresh.setEnabled(False)
        say(self.table_message, "正在读取…", None)
        adapter, account = self.adapter, self.config["account"]

        def read():
            conflicts = attempt(adapter.get_conflicts)
            # A key that is bound to an account is refused this; the total or the target asked with it would take the
            # place of the account's terminal.
            refused = conflicts if getattr(conflicts[1], "code", None) == "bound_key" else None
            target = refused or attempt(adapter.get_merged_positions)
            views = [(self.show_targets, target), (self.show_conflicts, conflicts)]
            if self.actual_positions is not None:
                views.append((self.show_comparison, (target, attempt(self.actual_positions))))
            if account:
                views.append((self.show_drift, refused or attempt(adapter.get_drift, account)))
                views.append((self.show_shares, refused or attempt(adapter.get_account_target, account)))
            return views

        self.pool.start(Task(read, self.show_tables))

    def show_tables(self, views, _):
        self.refresh.setEnabled(True)
        for table in (self.comparison, self.targets, self.drift, self.shares, self.conflicts):
            # What is not known must not look like what was known before.
            table.setRowCount(0)
        told = [self.shown(show, outcome) for show, outcome in views]
        goods = [good for _, good in told]
        good = False if False in goods else None if None in goods else True
        say(self.table_message, "%s 读取：%s" % (time.strftime("%H:%M:%S"), "；".join(text for text, _ in told)), good)

    def shown(self, show, outcome):
        """Its words; also where what came cannot be shown."""
        told, error = attempt(show, *outcome)
        return told if error is None else ("无法显示：%r" % error, False)

    def show_targets(self, target, error):
        if error is not None:
            return "目标未知：%s" % error, False
        self.targets.show_rows([(row["symbol"], row["name"], row["quantity"], row["avg_price"]) for row in target])
        return "%d 个目标" % len(target), True

    def show_comparison(self, target, actual):
        (target, no_target), (actual, no_actual) = target, actual
        if no_target is not None or no_actual is not None:
            return "目标与实际无法比较：%s" % (no_actual or "目标未知"), False
        rows, colours = [], []
        for row in compare(target, actual):
            difference = row["difference"]
            action = "买入" if difference > 0 else "卖出" if difference < 0 else "一致"
            colours.append(colour_of(difference))
            rows.append((row["symbol"], row["name"], row["target"], row["actual"], difference, action))
        self.comparison.show_rows(rows, colours)
        open_rows = sum(colour is not None for colour in colours)
        return "%d 个证券，%d 个未到目标" % (len(rows), open_rows), not open_rows or None

    def show_drift(self, drift, error):
        if error is not None:
            return "账户差额未知：%s" % error, False
        if drift["reported_at"] is None:
            return "账户 %s：终端还没有报告过，差额未知" % drift["account"], False
        lines = drift["lines"]
        names = ("code", "name", "target", "holding", "difference")
        rows = [tuple(line[name] for name in names) + (in_words(line["parts"]),) for line in lines]
        self.drift.show_rows(rows, [colour_of(-line["difference"]) for line in lines])
        reasons = [part["reason"] for line in lines for part in line["parts"]]
        text = "账户 %s：%s 报告，%d 个差额" % (
            drift["account"],
            drift["reported_at"][:19].replace("T", " "),
            len(lines),
        )
        if "unexplained" in reasons:
            return text + "，其中有原因不明的", False
        return text, not lines or None

    def show_shares(self, target, error):
        if error is not None:
            return "策略份额未知：%s" % error, False
        rows = []
        for line in target["lines"]:
            parts = " · ".join("%s %s" % (part["name"], part["volume"]) for part in line["strategies"])
            rows.append(
                (line["code"], line["name"], line["volume"], parts or "无", (line["hold"] or {}).get("text", ""))
            )
        self.shares.show_rows(rows)
        on_hold = sum(line["hold"] is not None for line in target["lines"])
        return "%d 个证券有份额，%d 个暂停交易" % (len(rows), on_hold), not on_hold or None

    def show_conflicts(self, conflicts, error):
        if error is not None:
            return "冲突未知：%s" % error, False
        found = conflicts["conflicts"]
        self.conflicts.show_rows(
            [(CONFLICT_KINDS.get(one["kind"], one["kind"]), one["code"], one["name"], one["text"]) for one in found]
        )
        return "%d 个冲突" % sum(conflicts["counts"].values()), not found or None

    def closeEvent(self, event):
        self.clock.stop()
        if self.sync is not None:
            self.sync.stop()
        self.pool.waitForDone()
        super().closeEvent(event)


def colour_of(difference):
    """What is to be bought, above zero, and what is to be sold."""
    return BUY_COLOUR if difference > 0 else SELL_COLOUR if difference < 0 else None


def in_words(parts):
    return "；".join("%s %s 股" % (part["text"], number(part["shares"])) for part in parts)


def message():
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.PlainText)
    label.setTextInteractionFlags(Qt.TextSelectableByMouse | Qt.TextSelectableByKeyboard)
    return label


def say(label, text, good):
    """Words with a sign before them, because colour is never the only one. None: neither good nor bad."""
    sign, colour = {True: ("✓ ", "#2e7d32"), False: ("✗ ", "#c62828"), None: ("", "")}[good]
    label.setText(sign + text)
    label.setStyleSheet("color: %s" % colour if colour else "")


def main():
    application = QApplication(sys.argv)
    panel = JQ2QMTPanel(load())
    panel.resize(960, 640)
    panel.show()
    sys.exit(application.exec_())


if __name__ == "__main__":
    main()
