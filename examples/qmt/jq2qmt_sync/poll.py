# -*- coding: utf-8 -*-
"""Ask the server for the merged targets. What is not one whole fresh answer is a PollError: nobody trades on it."""

import collections
import json
import math
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request

from .rules import terminal_code

# volumes: {terminal code: target in shares}, in the order of the answer.
Targets = collections.namedtuple("Targets", "volumes revision update_time ignored")

POLL_PATH = "/api/v1/positions/total"
MOST_BYTES = 16 * 1024 * 1024


class PollError(Exception):
    """There are no targets to trade on; the text says why."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect leads to a login page or to a stranger; the key is not to follow."""

    def redirect_request(self, *_):
        return None


class Poll(object):
    """Asks one server. `timeout` (seconds) bounds everything, names and slow bodies included."""

    def __init__(self, server, api_key="", strategies=(), include_adjustments=True, ca_file=None, timeout=2.0):
        query = [("strategy", name) for name in strategies]
        if not include_adjustments:
            query.append(("include_adjustments", "false"))
        self.url = server.rstrip("/") + POLL_PATH + ("?" + urllib.parse.urlencode(query) if query else "")
        self.headers = {"Accept": "application/json"}
        if api_key:
            self.headers["X-API-Key"] = api_key
        self.timeout = min(timeout, 2.0)
        self.opener = urllib.request.build_opener(
            # A system-wide proxy is for browsers.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
            NoRedirect(),
        )
        self.asking = None
        self.revision = -1

    def __call__(self):
        """The targets of now. Raises PollError."""
        targets = read_answer(*self.ask())
        if targets.revision < self.revision:
            raise PollError(
                "服务器的版本号从 %d 退回到 %d：不交易；若服务器是有意从备份恢复的，请重启本脚本"
                % (self.revision, targets.revision)
            )
        self.revision = targets.revision
        return targets

    def ask(self):
        """Status and body. In a thread of its own, because neither the name's resolution nor a body that drips in
        heeds a socket's time-out, and everything in the terminal waits for this call."""
        if self.asking is not None and self.asking.is_alive():
            raise PollError("上一次查询仍未返回：不交易")
        outcome = []
        self.asking = threading.Thread(target=self.fetch, args=(outcome,))
        self.asking.daemon = True
        self.asking.start()
        self.asking.join(self.timeout)
        if not outcome:
            raise PollError("服务器 %.0f 秒内没有应答：不交易" % self.timeout)
        if isinstance(outcome[0], Exception):
            raise PollError("连接服务器失败（%s）：不交易" % outcome[0])
        return outcome[0]

    def fetch(self, outcome):
        try:
            request = urllib.request.Request(self.url, headers=self.headers)
            try:
                answer = self.opener.open(request, timeout=self.timeout)
            except urllib.error.HTTPError as refusal:
                answer = refusal
            with answer:
                result = (answer.getcode(), answer.read(MOST_BYTES + 1))
                # What is left of the announced length was cut off, or is more than any book.
                if getattr(answer, "length", None) or len(result[1]) > MOST_BYTES:
                    raise ValueError("应答不完整或过长")
        except Exception as error:
            result = error
        outcome.append(result)


def read_answer(status, body):
    """The targets of an answer, or PollError: a whole JSON answer with status 200 of a server that knows some book."""
    try:
        answer = json.loads(body.decode("utf-8"), parse_constant=not_a_number)
    except ValueError:
        answer = None
    if status != 200:
        words = answer.get("error") if isinstance(answer, dict) else None
        raise PollError("服务器应答 %d%s：不交易" % (status, "，" + str(words) if words else ""))
    if not isinstance(answer, dict) or not isinstance(answer.get("positions"), list):
        raise PollError("服务器的应答不是持仓数据：不交易")
    if not isinstance(answer.get("update_time"), str) or not answer["update_time"]:
        raise PollError("服务器上还没有任何策略推送过持仓：不交易")
    if answer.get("demo"):
        raise PollError("服务器上有演示数据（DEMO_），没有人真要持有它们：不交易，请先删除")
    revision = answer.get("revision", 0)
    if isinstance(revision, bool) or not isinstance(revision, int):
        raise PollError("服务器应答的版本号无效：不交易")
    volumes, ignored = collections.OrderedDict(), []
    for line in answer["positions"]:
        code, volume = read_line(line)
        if code is None:
            ignored.append(line["code"])
        elif code in volumes:
            raise PollError("服务器的应答中 %s 出现两次：不交易" % code)
        else:
            volumes[code] = volume
    return Targets(volumes, revision, answer["update_time"], ignored)


def read_line(line):
    """One line's code, None for other markets, and its target. A code that is not understood may mean a holding, which
    would then look as if nobody wanted it: so it refuses the whole answer."""
    if not isinstance(line, dict) or not isinstance(line.get("code"), str):
        raise PollError("服务器的应答中有看不懂的持仓：不交易")
    volume = line.get("total_volume")
    if isinstance(volume, bool) or not isinstance(volume, (int, float)) or not math.isfinite(volume):
        raise PollError("服务器的应答中 %s 的数量无效：不交易" % line["code"])
    try:
        # A short position cannot be held in a stock account; parts of a share cannot be traded.
        return terminal_code(line["code"]), max(0, math.floor(volume))
    except ValueError:
        raise PollError("看不懂证券代码 %s（它可能是已持有的证券）：不交易，请先更正" % line["code"]) from None


def not_a_number(text):
    raise ValueError(text)
