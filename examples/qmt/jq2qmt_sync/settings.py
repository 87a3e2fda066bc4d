# -*- coding: utf-8 -*-
"""What the user wrote at the head of a script: understood, or refused with a message that says what to do."""

import collections
import datetime
import pathlib
import re
import ssl
import urllib.parse

from .decide import Limits
from .rules import terminal_code

NAMES = (
    "ACCOUNT",
    "SERVER",
    "API_KEY",
    "CA_FILE",
    "ACCOUNT_NAME",
    "STRATEGIES",
    "INCLUDE_ADJUSTMENTS",
    "LINEAGE",
    "DRY_RUN",
    "REPORT",
    "PROTECTED",
    "MAX_ORDER_VALUE",
    "MIN_ORDER_VALUE",
    "MAX_DAILY_TURNOVER",
    "MAX_DAILY_SALES",
    "MAX_DEVIATION",
    "CANCEL_AFTER_SECONDS",
    "STEADY_SECONDS",
    "INTERVAL_SECONDS",
    "START",
    "HOLIDAYS",
)
# The server gives an account to another terminal when nobody has asked for a minute.
LONGEST_INTERVAL = 30

# protected: {terminal code: shares, None for all}; start: (hour, minute).
Settings = collections.namedtuple("Settings", "protected limits dry_run holidays start interval steady")


def read_settings(options):
    """The settings of a mapping of their names to what the user wrote. Raises ValueError, which names all that is
    wrong."""
    lacking = [name for name in NAMES if name not in options]
    if lacking:
        raise ValueError("jq2qmt 缺少设置：%s。请从新版脚本的开头补上" % "、".join(lacking))
    protected, problems = read_protected(options["PROTECTED"])
    problems = wrong_server(options) + wrong_numbers(options) + wrong_lists(options) + problems
    if problems:
        raise ValueError("jq2qmt 设置有误，未启动：\n" + "\n".join(problems))
    return Settings(
        protected=protected,
        limits=Limits(
            options["MAX_ORDER_VALUE"],
            options["MIN_ORDER_VALUE"],
            options["MAX_DAILY_TURNOVER"],
            options["MAX_DAILY_SALES"],
            options["MAX_DEVIATION"],
            options["CANCEL_AFTER_SECONDS"],
        ),
        dry_run=options["DRY_RUN"],
        holidays=tuple(options["HOLIDAYS"]),
        start=tuple(int(part) for part in options["START"].split(":")),
        interval=options["INTERVAL_SECONDS"],
        steady=options["STEADY_SECONDS"],
    )


def wrong_server(options):
    """What is wrong with where the server is and how one is known to it. The key itself is never printed."""
    problems, server, key = [], options["SERVER"], options["API_KEY"]
    try:
        parts = urllib.parse.urlsplit(server)
        port_is_wrong, host = False, parts.hostname
        parts.port  # noqa: B018
    except (ValueError, AttributeError):
        parts, port_is_wrong, host = urllib.parse.urlsplit(""), True, None
    if "@" in parts.netloc or "api_key" in parts.query:
        problems.append('SERVER 中不要写密钥：地址写成 SERVER = "http://主机:5366"，密钥写在 API_KEY')
    elif port_is_wrong:
        problems.append("SERVER 的地址或端口无效：写成 http://主机:5366")
    elif parts.scheme not in ("http", "https"):
        problems.append("SERVER 必须以 http:// 或 https:// 开头，例如 http://127.0.0.1:5366")
    elif not host or parts.query or parts.fragment:
        problems.append("SERVER 只写协议、主机和端口，例如 http://127.0.0.1:5366")
    if not isinstance(key, str) or not re.match(r"[\x21-\x7e]*$", key):
        problems.append("API_KEY 无效：原样粘贴 jq2qmt key add 显示的密钥，不含空格和中文；不需要密钥时写空字符串")
    ca_file = options["CA_FILE"]
    if ca_file is not None:
        try:
            ssl.create_default_context(cafile=ca_file)
        except ssl.SSLError:
            problems.append("CA_FILE 不是 PEM 格式的证书：%s" % ca_file)
        except (OSError, TypeError):
            there = isinstance(ca_file, str) and pathlib.Path(ca_file).is_file()
            words = (
                "读不了 CA_FILE（券商可能禁止策略读文件）：%s"
                if there
                else "找不到 CA_FILE：%s；没有自签名证书时写 None"
            )
            problems.append(words % ca_file)
    return problems


def wrong_numbers(options):
    problems = []
    for name in ("MAX_ORDER_VALUE", "MAX_DAILY_TURNOVER", "MAX_DAILY_SALES"):
        if options[name] is not None and not (is_number(options[name]) and options[name] > 0):
            problems.append("%s 必须是大于零的金额（元），或 None 表示不限" % name)
    for name in ("MIN_ORDER_VALUE", "STEADY_SECONDS", "CANCEL_AFTER_SECONDS"):
        if not is_number(options[name]) or options[name] < 0:
            problems.append("%s 必须是不小于零的数" % name)
    most, least = options["MAX_ORDER_VALUE"], options["MIN_ORDER_VALUE"]
    if is_number(most) and is_number(least) and most < least:
        problems.append("MIN_ORDER_VALUE 大于 MAX_ORDER_VALUE：什么都买不了")
    deviation = options["MAX_DEVIATION"]
    if deviation is not None and not (is_number(deviation) and 0 < deviation < 1):
        problems.append("MAX_DEVIATION 是比例：0.015 表示 1.5%；None 表示不限")
    interval = options["INTERVAL_SECONDS"]
    most = LONGEST_INTERVAL if options["ACCOUNT_NAME"] else 3600
    if isinstance(interval, bool) or not isinstance(interval, int) or not 1 <= interval <= most:
        problems.append("INTERVAL_SECONDS 必须是 1 到 %d 的整数（秒）" % most)
    lineage = options["LINEAGE"]
    if isinstance(lineage, bool) or not isinstance(lineage, int) or lineage < 1:
        problems.append("LINEAGE 必须是整数；服务器从未恢复过备份时写 1")
    return problems


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def wrong_lists(options):
    problems = []
    for name in ("STRATEGIES", "HOLIDAYS"):
        value = options[name]
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            problems.append('%s 必须是字符串的列表，例如 ["..."]' % name)
        elif name == "HOLIDAYS" and not all(is_date(item) for item in value):
            problems.append('HOLIDAYS 中的日期写成 "2027-01-01"')
    for name in ("INCLUDE_ADJUSTMENTS", "DRY_RUN", "REPORT"):
        if not isinstance(options[name], bool):
            problems.append("%s 必须是 True 或 False，不带引号" % name)
    if not isinstance(options["ACCOUNT_NAME"], str):
        problems.append('ACCOUNT_NAME 必须是服务器上账户的名称，或 ""')
    start = options["START"]
    if not isinstance(start, str) or not re.match(r"(09:(1[5-9]|[2-5]\d)|1[0-4]:[0-5]\d)$", start):
        problems.append('START 写成 "09:30"，在 09:15 和 14:59 之间')
    return problems


def is_date(text):
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d") == text
    except ValueError:
        return False


def read_protected(wanted):
    """{terminal code: shares}, and what is wrong: what protects nothing must not look as if it did."""
    if not isinstance(wanted, dict):
        return {}, ['PROTECTED 写成 {代码: 股数}，例如 {"600000.SH": 300, "510300.SH": None}']
    protected, problems = {}, []
    for code, volume in wanted.items():
        try:
            known = terminal_code(code)
        except (ValueError, AttributeError):
            known = None
        if known is None:
            problems.append("PROTECTED 中的证券代码无效：%s；写成 600000.SH 或 600000.XSHG" % code)
        elif known in protected:
            problems.append("PROTECTED 中 %s 出现两次（%s）" % (known, code))
        elif volume is not None and (isinstance(volume, bool) or not isinstance(volume, int) or volume < 0):
            problems.append("PROTECTED 中 %s 的股数无效：写整数，或 None 表示完全不动" % code)
        else:
            protected[known] = volume
    return protected, problems
