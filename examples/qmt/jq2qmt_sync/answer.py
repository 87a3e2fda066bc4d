# -*- coding: utf-8 -*-
"""What a server's answer says. What is not one whole answer of a server that knows some book is a PollError."""

import collections
import json
import math

from .rules import terminal_code

# volumes: {terminal code: target in shares}, in the order of the answer. listed: an account's target, of which only
# what is listed may be traded, and in which the owner's shares are contained. holds: {code: why it must not be
# traded}. leaving: codes of which nobody wants any. ignored: codes of other markets. lineage: None where the server
# does not say.
Targets = collections.namedtuple("Targets", "volumes listed holds leaving ignored revision lineage update_time")


class PollError(Exception):
    """There are no targets to trade on; the text says why."""


class OtherTerminalError(PollError):
    """Another terminal holds the account."""


def read_json(body):
    """A JSON object; None for anything else."""
    try:
        answer = json.loads(body.decode("utf-8"), parse_constant=not_a_number)
    except (ValueError, RecursionError):  # brackets within brackets, without end
        return None
    return answer if isinstance(answer, dict) else None


def read_answer(status, body, account=""):
    """The targets of an answer, or PollError."""
    answer = read_json(body)
    if status != 200:
        refuse(status, answer or {})
    lines = (answer or {}).get("lines" if account else "positions")
    if not isinstance(lines, list) or (account and answer.get("account") != account):
        raise PollError("服务器的应答不是持仓数据：不交易")
    update_time = answer.get("updated_at" if account else "update_time")
    if not isinstance(update_time, str) or not update_time:
        raise PollError("服务器上还没有任何策略推送过持仓：不交易")
    if answer.get("demo"):
        raise PollError("服务器上有演示数据（DEMO_），没有人真要持有它们：不交易，请先删除")
    targets = Targets(
        volumes=collections.OrderedDict(),
        listed=bool(account),
        holds={},
        leaving=set(),
        ignored=[],
        revision=whole_number(answer, "revision", 0),
        lineage=whole_number(answer, "lineage", None),
        update_time=update_time,
    )
    for line in lines:
        read_line(line, targets)
    return targets


def refuse(status, answer):
    words = answer.get("error")
    text = "服务器应答 %d%s：不交易" % (status, "，" + str(words) if words else "")
    raise (OtherTerminalError if answer.get("code") == "other_terminal" else PollError)(text)


def whole_number(answer, name, default):
    number = answer.get(name, default)
    if number is not default and (isinstance(number, bool) or not isinstance(number, int)):
        raise PollError("服务器应答的 %s 无效：不交易" % name)
    return number


def read_line(line, targets):
    """Put one line into the targets. Where what is not named is sold, a code that is not understood may mean a holding,
    which would then look as if nobody wanted it: so it refuses the whole answer."""
    if not isinstance(line, dict) or not isinstance(line.get("code"), str):
        raise PollError("服务器的应答中有看不懂的持仓：不交易")
    spelled, hold = line["code"], line.get("hold")
    volume = line.get("volume" if targets.listed else "total_volume")
    if isinstance(volume, bool) or not isinstance(volume, (int, float)) or not math.isfinite(volume):
        raise PollError("服务器的应答中 %s 的数量无效：不交易" % spelled)
    try:
        code = terminal_code(spelled)
    except ValueError:
        if not targets.listed:
            raise PollError("看不懂证券代码 %s（它可能是已持有的证券）：不交易，请先更正" % spelled) from None
        code, hold = spelled, hold or "看不懂这个代码"
    if code is None:
        return targets.ignored.append(spelled)
    if code in targets.volumes:
        raise PollError("服务器的应答中 %s 出现两次：不交易" % code)
    # A short position cannot be held in a stock account; parts of a share cannot be traded.
    targets.volumes[code] = max(0, math.floor(volume))
    if hold is not None:
        targets.holds[code] = text_of_hold(hold)
    if not targets.volumes[code] or is_nothing(line.get("exact")):
        targets.leaving.add(code)
    return None


def text_of_hold(hold):
    """Whatever a hold looks like, it is one."""
    return str(hold.get("text") or hold.get("reason") or "暂停") if isinstance(hold, dict) else str(hold)


def is_nothing(exact):
    """Whether the strategies want nothing, whatever of the owner's own the line's volume contains."""
    try:
        return float(exact) <= 0
    except (TypeError, ValueError):
        return False


def not_a_number(text):
    raise ValueError(text)
