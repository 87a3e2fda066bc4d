"""EasyXT's positions to and from a jq2qmt server. EasyXT 持仓与 jq2qmt 服务器的互通。

Needs jq_qmt_api.py of the JoinQuant client beside it: signing and retrying are the same for everybody.
"""

import logging
import math
import os
import re
import time
from urllib.parse import quote

from .jq_qmt_api import JQQMTAPI, JQQMTError, PushHeld
from .settings import completed

logger = logging.getLogger("jq2qmt")

JOINQUANT = {"SH": "XSHG", "SZ": "XSHE", "BJ": "BJ"}
EASYXT = {"XSHG": "SH", "SH": "SH", "XSHE": "SZ", "SZ": "SZ", "XBSE": "BJ", "BJSE": "BJ", "BJ": "BJ"}
# How the codes of an exchange's boards begin: a code by itself says with these where it is traded.
BEGINNINGS = {
    "SH": ("60", "688", "689", "5", "110", "111", "113", "118"),
    "SZ": ("00", "300", "301", "302", "15", "16", "18", "123", "127", "128"),
    "BJ": ("43", "83", "87", "88", "920"),
}


class DataConverter:
    """Between EasyXT's positions {"symbol", "name", "quantity", "avg_price"} and the server's {"code", "name",
    "volume", "cost"}. Quantities in shares, prices in CNY per share. ValueError for what is no position."""

    @staticmethod
    def easyxt_to_jq2qmt(positions):
        """A whole list, as a push wants it. Quantities of zero are left out: they are no position. A code may
        do without its exchange where it says that by itself (600000), or have it before (SZ000001)."""
        converted = []
        for number, position in enumerate(positions, 1):
            symbol = field(position, "symbol", number)
            quantity = finite(field(position, "quantity", number), "quantity", number)
            price = finite(field(position, "avg_price", number), "avg_price", number)
            if quantity:
                code = recode(with_exchange(symbol, number), JOINQUANT)
                converted.append({"code": code, "name": position.get("name"), "volume": quantity, "cost": price})
        return converted

    @staticmethod
    def jq2qmt_to_easyxt(positions):
        """A strategy's list (volume, cost) or the total's (total_volume, avg_cost)."""
        converted = []
        for number, position in enumerate(positions, 1):
            total = "total_volume" in position
            quantity = field(position, "total_volume" if total else "volume", number)
            price = field(position, "avg_cost" if total else "cost", number)
            converted.append(
                {
                    "symbol": recode(field(position, "code", number), EASYXT),
                    "name": position.get("name") or "",
                    "quantity": finite(quantity, "volume", number),
                    "avg_price": finite(price, "cost", number),
                }
            )
        return converted


def recode(code, exchanges):
    """A code with its exchange's other name; one whose exchange is not known stays as it is."""
    symbol, dot, exchange = code.rpartition(".")
    return symbol + dot + exchanges.get(exchange.upper(), exchange) if dot else code


def with_exchange(symbol, number):
    """A code with its exchange. ValueError where nobody can tell: the server would not know what is to be traded."""
    text = symbol.strip() if isinstance(symbol, str) else ""
    before = re.match(r"(SH|SZ|BJ)\.?([0-9]{6})$", text.upper())
    if before:
        return "%s.%s" % (before.group(2), before.group(1))
    if "." in text:
        return text
    if re.match("[0-9]{6}$", text):
        for exchange, beginnings in BEGINNINGS.items():
            if text.startswith(beginnings):
                return "%s.%s" % (text, exchange)
    raise ValueError(
        "第 %d 条持仓的代码 %r 缺少交易所，例如 000001.SZ (position %d names no exchange)" % (number, symbol, number)
    )


def field(position, name, number):
    if not isinstance(position, dict) or position.get(name) in (None, ""):
        raise ValueError("第 %d 条持仓缺少 %s (position %d has no %s)" % (number, name, number, name))
    return position[name]


def finite(value, name, number):
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("第 %d 条持仓的 %s 不是数字 (position %d: %r)" % (number, name, number, value))
    return value


class EasyXTJQ2QMTAdapter:
    """One server, with the settings of JQ2QMT_CONFIG, of which any may be left out. What fails raises JQQMTError or
    ValueError, so that what is not known is never an empty list; only the questions with a yes or no answer no."""

    def __init__(self, jq2qmt_config):
        self.config = completed(jq2qmt_config)
        auth = self.config["auth_config"]
        self.server_url = self.config["server_url"].rstrip("/")
        self.api = JQQMTAPI(
            api_url=self.server_url,
            private_key_file=auth["private_key_file"],
            client_id=auth["client_id"],
            use_crypto_auth=auth["use_crypto_auth"],
            simple_api_key=auth["simple_api_key"],
            retries=self.config["sync_settings"]["retry_times"],
            ca_file=auth["ca_file"],
            on_held="raise",
        )
        self.sync_status, self.last_sync_time, self.last_error, self.held = "idle", None, None, None

    @property
    def enabled(self):
        return bool(self.config["enabled"])

    def is_available(self):
        """Whether it is turned on and has what it pushes with; says nothing about the server."""
        auth = self.config["auth_config"]
        return self.enabled and (not auth["use_crypto_auth"] or os.path.isfile(auth["private_key_file"]))

    def test_connection(self):
        """Whether a jq2qmt server answers."""
        try:
            return "auth_type" in self.api.read("/api/v1/auth/info")
        except JQQMTError as error:
            logger.warning("jq2qmt: %s", error)
            return False

    def sync_positions_to_qmt(self, strategy_name, positions):
        """Push a strategy's whole list of EasyXT positions. Returns the server's answer; PushHeld when it waits there
        for approval."""
        self.sync_status, self.last_error, self.held = "syncing", None, None
        try:
            if not self.enabled:
                raise JQQMTError("jq2qmt 未启用：JQ2QMT_CONFIG['enabled'] 为 False (it is turned off)")
            answer = self.api.update_positions(strategy_name, DataConverter.easyxt_to_jq2qmt(positions))
        except PushHeld as held:
            self.sync_status, self.held = "held", str(held)
            raise
        except Exception as error:
            self.sync_status, self.last_error = "error", str(error)
            raise
        self.sync_status, self.last_sync_time = "success", time.strftime("%Y-%m-%d %H:%M:%S")
        return answer

    def get_sync_status(self):
        """How the last push ended. `status` is idle, syncing, success, held or error; of a held push, which is no error
        and not in force, `held` has the words."""
        sync = self.config["sync_settings"]
        return {
            "status": self.sync_status,
            "last_sync_time": self.last_sync_time,
            "last_error": self.last_error,
            "held": self.held,
            "auto_sync": sync["auto_sync"],
            "sync_interval": sync["sync_interval"],
            "is_available": self.is_available(),
        }

    def get_merged_positions(self, strategy_names=None):
        """The merged targets of some strategies, or of all, as EasyXT positions.

        An empty list means that nothing is to be held. Whatever is not known is an error, never an empty list."""
        query = {}
        if strategy_names is not None:
            if not strategy_names:
                raise ValueError("strategy_names 为空；None 表示全部策略 (name at least one, or pass None for all)")
            query["strategy"] = list(strategy_names)
        body = self.read("/api/v1/positions/total", "positions", **query)
        if body.get("update_time") is None:
            raise JQQMTError("服务器上还没有任何策略推送过持仓 (nobody has pushed yet)")
        return DataConverter.jq2qmt_to_easyxt(body["positions"])

    def get_strategy_positions(self, strategy_name):
        """What one strategy wants, as EasyXT positions; an error for one that never pushed."""
        body = self.read("/api/v1/positions/strategy/" + quote(strategy_name, safe=""), "positions")
        if body.get("update_time") is None:
            raise JQQMTError("策略 %s 还没有推送过持仓 (it has not pushed yet)" % strategy_name)
        return DataConverter.jq2qmt_to_easyxt(body["positions"])

    def get_all_strategies(self):
        """[{"strategy_name", "positions", "update_time"}] of every strategy."""
        return [
            dict(strategy, positions=DataConverter.jq2qmt_to_easyxt(strategy["positions"]))
            for strategy in self.read("/api/v1/positions/all", "strategies")["strategies"]
        ]

    def get_drift(self, account):
        """What an account on the server holds and does not want, or the other way round, with the reasons."""
        return self.read("/api/v1/accounts/%s/drift" % quote(account, safe=""), "lines")

    def get_account_target(self, account):
        """What an account is to hold, line by line, and for which strategies."""
        return self.read("/api/v1/accounts/%s/target" % quote(account, safe=""), "lines")

    def get_conflicts(self):
        """What contradicts what on the server."""
        return self.read("/api/v1/conflicts", "conflicts")

    def read(self, path, what, **query):
        """The server's answer, with a list of that name in it."""
        query["code_format"] = "qmt"
        body = self.api.read(path, query, self.config["auth_config"]["read_api_key"])
        if not isinstance(body.get(what), list):
            raise JQQMTError("服务器的应答中没有 %s (not an answer of jq2qmt)" % what)
        return body


def compare(target, actual):
    """Target against actual: rows of {"symbol", "name", "target", "actual", "difference"}, of two lists of EasyXT
    positions, of which `actual` may do without exchanges. A difference above zero is to be bought."""
    rows = {}
    for side, positions in (("target", target), ("actual", actual)):
        for number, position in enumerate(positions, 1):
            # A target without exchange is something of its own for the server.
            symbol = position["symbol"] if side == "target" else with_exchange(position["symbol"], number)
            symbol = recode(symbol, EASYXT)
            row = rows.setdefault(symbol, {"symbol": symbol, "name": "", "target": 0, "actual": 0})
            row["name"] = row["name"] or position.get("name") or ""
            row[side] += position["quantity"]
    return [dict(row, difference=row["target"] - row["actual"]) for row in rows.values()]
