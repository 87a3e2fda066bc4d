"""EasyXT's positions to and from a jq2qmt server. EasyXT 持仓与 jq2qmt 服务器的互通。

Needs jq_qmt_api.py of the JoinQuant client beside it: signing and retrying are the same for everybody.
"""

import math

import requests
from jq_qmt_api import JQQMTAPI, JQQMTError

JOINQUANT = {"SH": "XSHG", "SZ": "XSHE", "BJ": "BJ"}
EASYXT = {"XSHG": "SH", "SH": "SH", "XSHE": "SZ", "SZ": "SZ", "XBSE": "BJ", "BJSE": "BJ", "BJ": "BJ"}
TOTAL_PATH = "/api/v1/positions/total"


class DataConverter:
    """Between EasyXT's positions {"symbol", "name", "quantity", "avg_price"} and the server's {"code", "name",
    "volume", "cost"}. Quantities in shares, prices in CNY per share. ValueError for what is no position."""

    @staticmethod
    def easyxt_to_jq2qmt(positions):
        """A whole list, as a push wants it. Quantities of zero are left out: they are no position."""
        converted = []
        for number, position in enumerate(positions, 1):
            symbol = field(position, "symbol", number)
            quantity = finite(field(position, "quantity", number), "quantity", number)
            price = finite(field(position, "avg_price", number), "avg_price", number)
            if quantity:
                code = recode(symbol, JOINQUANT)
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
    """One server, with the settings of JQ2QMT_CONFIG. Everything that fails raises JQQMTError or ValueError."""

    def __init__(self, jq2qmt_config):
        self.config = jq2qmt_config
        auth, sync = jq2qmt_config["auth_config"], jq2qmt_config["sync_settings"]
        self.server_url = jq2qmt_config["server_url"].rstrip("/")
        self.read_api_key = auth.get("read_api_key")
        self.api = JQQMTAPI(
            api_url=self.server_url,
            private_key_file=auth["private_key_file"],
            client_id=auth["client_id"],
            use_crypto_auth=auth["use_crypto_auth"],
            simple_api_key=auth.get("simple_api_key"),
            retries=sync["retry_times"],
        )

    @property
    def enabled(self):
        return bool(self.config["enabled"])

    def sync_positions_to_qmt(self, strategy_name, positions):
        """Push a strategy's whole list of EasyXT positions. Returns the server's answer."""
        if not self.enabled:
            raise JQQMTError("jq2qmt 未启用：JQ2QMT_CONFIG['enabled'] 为 False (it is turned off)")
        return self.api.update_positions(strategy_name, DataConverter.easyxt_to_jq2qmt(positions))

    def get_merged_positions(self, strategy_names=None):
        """The merged targets of some strategies, or of all, as EasyXT positions.

        An empty list means that nothing is to be held. Whatever is not known is an error, never an empty list."""
        query = {"code_format": "qmt"}
        if strategy_names is not None:
            if not strategy_names:
                raise ValueError("strategy_names 为空；None 表示全部策略 (name at least one, or pass None for all)")
            query["strategy"] = list(strategy_names)
        headers = {"X-API-Key": self.read_api_key} if self.read_api_key else {}
        try:
            answer = requests.get(self.server_url + TOTAL_PATH, params=query, headers=headers, timeout=4)
            body = answer.json()
        except ValueError:
            raise JQQMTError("服务器的应答不是 JSON (no JSON answer: HTTP %d)" % answer.status_code) from None
        except requests.RequestException as error:
            raise JQQMTError("无法连接 %s：%s" % (self.server_url, error)) from error
        if answer.status_code != 200:
            words = body if isinstance(body, dict) else {}
            raise JQQMTError(str(words.get("error", answer.reason)), answer.status_code, words.get("code"))
        if not isinstance(body, dict) or not isinstance(body.get("positions"), list):
            raise JQQMTError("服务器的应答不是持仓数据 (not an answer of jq2qmt)")
        if body.get("update_time") is None:
            raise JQQMTError("服务器上还没有任何策略推送过持仓 (nobody has pushed yet)")
        return DataConverter.jq2qmt_to_easyxt(body["positions"])


def compare(target, actual):
    """Target against actual: rows of {"symbol", "name", "target", "actual", "difference"}, of two lists of EasyXT
    positions. A difference above zero is to be bought."""
    rows = {}
    for side, positions in (("target", target), ("actual", actual)):
        for position in positions:
            symbol = recode(position["symbol"], EASYXT)
            row = rows.setdefault(symbol, {"symbol": symbol, "name": "", "target": 0, "actual": 0})
            row["name"] = row["name"] or position.get("name") or ""
            row[side] += position["quantity"]
    return [dict(row, difference=row["target"] - row["actual"]) for row in rows.values()]
