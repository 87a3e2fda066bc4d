# -*- coding: utf-8 -*-
"""Ask the server for the targets, without holding the terminal up, and stop where the server is not what it was."""

import threading
import urllib.parse

from .answer import OtherTerminalError, PollError, read_answer
from .wire import Wire, advice_on, is_timeout

TOTAL_PATH = "/api/v1/positions/total"


class NoAnswerError(PollError):
    """The server says nothing, which takes the terminal's time each time it is asked."""


class Poll(object):
    """Asks one server, for an account's target or for the total of strategies. `timeout` (seconds) bounds everything,
    names and slow bodies included. `lineage`: the one that a person has agreed to; None for whichever is met first."""

    def __init__(
        self, server, api_key="", strategies=(), include_adjustments=True, ca_file=None, timeout=2.0,
        account="", terminal="", lineage=None,
    ):  # fmt: skip
        # The total is asked for without a name: it is as it ever was.
        self.wire = Wire(server, api_key, terminal if account else "", ca_file, min(timeout, 2.0))
        self.timeout = self.wire.timeout
        query = [("strategy", name) for name in strategies]
        if not include_adjustments:
            query.append(("include_adjustments", "false"))
        self.path = TOTAL_PATH + ("?" + urllib.parse.urlencode(query) if query else "")
        if account:
            self.path = "/api/v1/accounts/%s/target?code_format=qmt" % urllib.parse.quote(account, safe="")
        self.url = self.wire.server + self.path
        self.account, self.lineage = account, lineage
        self.asking = None
        self.revision = -1
        # The newest whole answer with its entity tag, and the tag of what was answered last.
        self.kept, self.tag, self.answered_tag = None, None, None
        # Why no answer counts any more until a person has started the script anew.
        self.stopped = None

    def __call__(self):
        """The targets of now. Raises PollError."""
        if self.stopped is not None:
            raise PollError(self.stopped)
        asked_with, self.answered_tag = self.tag, None
        status, body = self.ask()
        if status == 304 and asked_with is not None:
            return self.kept
        try:
            targets = read_answer(status, body, self.account)
        except OtherTerminalError as refusal:
            if self.account and self.kept is not None:
                self.stop("%s；本终端已让出账户，确认只有一个终端后重新启动本脚本" % refusal)
            raise
        self.check(targets)
        self.kept, self.tag = targets, self.answered_tag
        return targets

    def check(self, targets):
        """Whether this is the server, and the database, that it was."""
        if targets.lineage is not None:
            if self.lineage is None:
                self.lineage = targets.lineage
            if targets.lineage != self.lineage:
                self.stop(
                    "服务器的数据库从备份恢复过（lineage %d，应为 %d）：不交易；"
                    "核对服务器上的持仓后，把 LINEAGE 改为 %d 并重新启动本脚本"
                    % (targets.lineage, self.lineage, targets.lineage)
                )
        if targets.revision < self.revision:
            self.stop(
                "服务器的版本号从 %d 退回到 %d：不交易；若服务器是有意从备份恢复的，核对服务器上的持仓后重启本脚本"
                % (self.revision, targets.revision)
            )
        self.revision = targets.revision

    def stop(self, text):
        self.stopped = text
        raise PollError(text)

    def ask(self):
        """Status and body. In a thread of its own, because neither the name's resolution nor a body that drips in
        heeds a socket's time-out, and everything in the terminal waits for this call."""
        if self.asking is not None and self.asking.is_alive():
            raise NoAnswerError("上一次查询仍未返回：不交易")
        outcome = []
        self.asking = threading.Thread(target=self.fetch, args=(outcome, self.tag))
        self.asking.daemon = True
        self.asking.start()
        self.asking.join(self.timeout)
        if not outcome or is_timeout(outcome[0]):
            raise NoAnswerError("服务器 %.0f 秒内没有应答：不交易" % self.timeout)
        if isinstance(outcome[0], Exception):
            advice = advice_on(outcome[0], self.wire.server)
            raise PollError("连接服务器失败（%s）：不交易%s" % (outcome[0], advice))
        status, body, self.answered_tag = outcome[0]
        return status, body

    def fetch(self, outcome, tag):
        try:
            result = self.wire.exchange(self.path, **({"If_None_Match": tag} if tag else {}))
        except Exception as error:
            result = error
        outcome.append(result)
