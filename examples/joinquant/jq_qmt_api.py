# -*- coding: utf-8 -*-
"""Push a JoinQuant strategy's positions to a jq2qmt server.

One file, Python 3.6, with what JoinQuant has installed: requests and cryptography. Upload it with jq_config.py and the
private key to the research root; see example_strategy.py for its use.

把聚宽策略的持仓推送到 jq2qmt 服务器。单文件，适用于聚宽的 Python 3.6。
"""

import base64
import collections
import contextlib
import datetime
import functools
import hashlib
import io
import json
import logging
import math
import random
import threading
import time
import uuid

import requests
import requests.adapters
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from requests.packages.urllib3.util.ssl_ import create_urllib3_context

try:
    from kuanke.user_space_api import get_security_info, log, read_file
except ImportError:  # outside of JoinQuant
    get_security_info = None
    log = None
    read_file = None

try:
    import jq_config
except ImportError:
    jq_config = None

UPDATE_PATH = "/api/v1/positions/update"
# No answer of the server's is longer: an acknowledgement is short, a list may be long.
MOST_BYTES = {"POST": 1 << 20, "GET": 64 << 20}
# What may pass by itself: everything else is the caller's to correct.
RETRY_STATUSES = (429, 502, 503, 504)
# JoinQuant's clock has no zone, and this one.
CHINA = datetime.timezone(datetime.timedelta(hours=8))
# The only kind of run whose positions are real.
LIVE_RUN = "sim_trade"


class JQQMTError(Exception):
    """A push was not acknowledged. `status` and `code` are the server's, or None when it did not answer; `reasons` are
    those of its guards: dicts with rule, text (Chinese), message (English), value and limit."""

    def __init__(self, message, status=None, code=None, reasons=()):
        super(JQQMTError, self).__init__(message)
        self.status = status
        self.code = code
        self.reasons = list(reasons)


class PushHeld(JQQMTError):  # noqa: N818
    """The server keeps the push until the operator approves or discards it. Until then the strategy's target is the one
    from before. `hold` is its number on the server, `answer` all that the server said."""

    def __init__(self, message, hold=None, reasons=(), answer=None):
        super(PushHeld, self).__init__(message, 202, None, reasons)
        self.hold = hold
        self.answer = answer


# A whole answer; `body` is {} where it is no JSON object.
Answer = collections.namedtuple("Answer", "status reason headers body")


def _fails_as_jqqmt_error(method):
    """Whatever fails in it is a JQQMTError, for strategies that catch nothing else."""

    @functools.wraps(method)
    def wrapped(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except JQQMTError:
            raise
        except Exception as error:
            raise JQQMTError("%s: %s" % (type(error).__name__, error)) from error

    return wrapped


def _setting(name, default=None):
    return getattr(jq_config, name, default)


def _read(path):
    if read_file is not None:
        content = read_file(path)
        return content if isinstance(content, bytes) else content.encode("utf-8")
    with io.open(path, "rb") as file:
        return file.read()


def _warn(message):
    if log is not None:
        log.warn(message)
    else:
        logging.getLogger("jq2qmt").warning("%s", message)


def _number(value, what):
    """A plain number that JSON can carry; numpy's are turned into Python's."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise JQQMTError("%s is no finite number: %r" % (what, value))
    return value


def _amount(value):
    """An amount of CNY above zero that the server takes, or None: what is only told beside the list stops no push."""
    try:
        value = round(float(value), 6)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if 0 < value < 1e12 else None


def _moment(at):
    """A datetime as RFC 3339, without a zone taken for JoinQuant's; None for what is none."""
    if not isinstance(at, datetime.datetime):
        return None
    return (at.astimezone(CHINA) if at.tzinfo else at.replace(tzinfo=CHINA)).isoformat()


class JQQMTAPI(object):
    """A client of one server. Settings that are not given come from jq_config.py."""

    @_fails_as_jqqmt_error
    def __init__(
        self,
        api_url=None,
        private_key_file=None,
        client_id=None,
        use_crypto_auth=None,
        simple_api_key=None,
        max_seconds=10.0,
        timeout=4.0,
        retries=None,
        ca_file=None,
        on_held=None,
    ):
        """`max_seconds` bounds a whole push with its retries, `timeout` one attempt: a strategy must never stall.
        `retries` bounds how often a push is tried again; None leaves that to the time. `ca_file` holds the only
        certificates (PEM) that are trusted, for a server whose own is signed by nobody known. `on_held` says what
        becomes of a push that waits for the operator's approval: "raise" (PushHeld), or "warn" (a line in the log)."""
        self.api_url = (api_url or _setting("API_URL", "http://127.0.0.1:5366")).rstrip("/")
        self.client_id = client_id or _setting("CLIENT_ID", "default")
        self.use_crypto_auth = _setting("USE_CRYPTO_AUTH", True) if use_crypto_auth is None else use_crypto_auth
        self.simple_api_key = simple_api_key or _setting("SIMPLE_API_KEY")
        self.private_key_file = private_key_file or _setting("PRIVATE_KEY_FILE", "jq_private.pem")
        self.max_seconds = max_seconds
        self.timeout = timeout
        self.retries = retries
        self.ca_file = ca_file or _setting("CA_FILE")
        self.on_held = _known_on_held(on_held or _setting("ON_HELD", "raise"))
        self._key = None
        self._names = {}
        self._sequence = 0
        if not self.use_crypto_auth and not self.simple_api_key:
            raise JQQMTError("use_crypto_auth is off, so simple_api_key (SIMPLE_API_KEY in jq_config.py) is needed")

    # A client that an older version of this file made and pickled has none.
    ca_file = None
    on_held = "raise"
    _ca = None

    # The client is kept in JoinQuant's global `g`, which is pickled; a key cannot be, and is read again when needed.
    def __getstate__(self):
        return dict(self.__dict__, _key=None)

    def get_stock_name(self, code):
        """The instrument's name, or "" where it cannot be found out. Asked once for each code."""
        if code not in self._names:
            try:
                self._names[code] = get_security_info(code).display_name or ""
            except Exception as error:  # JoinQuant raises what it likes; a name is no reason not to push
                _warn("jq2qmt: no name for %s: %s" % (code, error))
                self._names[code] = ""
        return self._names[code]

    @_fails_as_jqqmt_error
    def update_positions(self, strategy_name, positions, on_held=None, total_value=None, decided_at=None):
        """Push the whole list of a strategy's positions: dicts with code, volume (shares), cost (CNY per share), and
        optionally name, remark and price (CNY per share, at which it was decided). Returns the server's answer; raises
        JQQMTError when it is not acknowledged, and PushHeld when it is held, unless `on_held` (here or of the client)
        is "warn": then the answer has "held". `total_value` is the equity that the list belongs to (CNY), `decided_at`
        when it was decided (datetime); they and the prices are told only where they are known."""
        deadline = time.monotonic() + self.max_seconds
        on_held = _known_on_held(on_held or self.on_held)
        content = {"strategy_name": strategy_name, "positions": [self._position(position) for position in positions]}
        told = {"total_value": _amount(total_value), "decided_at": _moment(decided_at)}
        content.update((name, value) for name, value in told.items() if value is not None)
        answer = self._deliver(content, deadline)
        if answer.get("held"):
            reasons = _reasons(answer, "reasons")
            held = PushHeld(
                "策略 %s 的推送等待批准（编号 %s），尚未生效，目标仍是原来的：%s。请在 %s/holds 批准或放弃 "
                "(held, not in force: approve or discard it there)"
                % (strategy_name, answer.get("hold"), _in_words(reasons) or "未说明原因", self.api_url),
                answer.get("hold"),
                reasons,
                answer,
            )
            if on_held == "raise":
                raise held
            _warn("jq2qmt: %s" % held)
        for warning in _reasons(answer, "warnings"):
            _warn("jq2qmt: 策略 %s 的推送已收到，但请注意 (take note)：%s" % (strategy_name, _in_words([warning])))
        return answer

    @_fails_as_jqqmt_error
    def push_portfolio(self, context, strategy_name, scale=1.0, allow_empty=False, on_held=None):
        """Push what the strategy's account holds, each volume times `scale`, and tell its equity (times `scale` as
        well: that of the list), its prices and its clock. Refuses to in a backtest, and without `allow_empty` where
        that is nothing at all: it would tell the terminal to sell everything."""
        if context.run_params.type != LIVE_RUN:
            raise JQQMTError("positions of a %s are not pushed, only those of a sim_trade" % context.run_params.type)
        positions = [
            {
                "code": position.security,
                # Down to whole shares: more than the strategy's share is never asked for.
                "volume": math.floor(position.total_amount * scale + 1e-9),
                "cost": position.avg_cost,
                "price": getattr(position, "price", None),
            }
            for position in context.portfolio.positions.values()
            if position.total_amount > 0
        ]
        if not allow_empty and not any(position["volume"] for position in positions):
            raise JQQMTError(
                "账户没有持仓，未推送：若确实应当空仓，请用 allow_empty=True "
                "(the account holds nothing: not pushed without allow_empty=True)"
            )
        equity = _amount(getattr(context.portfolio, "total_value", None))
        return self.update_positions(
            strategy_name,
            positions,
            on_held=on_held,
            total_value=equity and equity * scale,
            decided_at=getattr(context, "current_dt", None),
        )

    @_fails_as_jqqmt_error
    def read(self, path, query=(), api_key=None):
        """The JSON object that the server answers to a GET. JQQMTError for whatever else becomes of it, so that what is
        not known is never taken for nothing."""
        headers = {"X-API-Key": api_key} if api_key else {}
        url = requests.Request("GET", self.api_url + path, params=query).prepare().url
        trusted = self._trusted()
        try:
            answer = _in_time(self.timeout, _send, "GET", url, None, headers, trusted, self.timeout)
        except Exception as error:
            raise JQQMTError("无法连接 %s (cannot be reached): %s" % (self.api_url, error)) from error
        if answer.status != 200 or not answer.body:
            raise _refusal(answer)
        return answer.body

    def _position(self, position):
        code = position["code"]
        sent = {
            "code": code,
            "volume": _number(position["volume"], "the volume of %s" % code),
            "cost": _number(position["cost"], "the cost of %s" % code),
        }
        name = position.get("name") or self.get_stock_name(code)
        if name:
            sent["name"] = name
        if position.get("remark"):
            sent["remark"] = position["remark"]
        price = _amount(position.get("price"))
        if price is not None:
            sent["price"] = price
        return sent

    def _headers(self, body):
        headers = {"Content-Type": "application/json"}
        if not self.use_crypto_auth:
            headers["X-API-Key"] = self.simple_api_key
            return headers
        if self._key is None:
            try:
                pem = _read(self.private_key_file)
                self._key = serialization.load_pem_private_key(pem, password=None, backend=default_backend())
            except Exception as error:
                raise JQQMTError("no private key in %s: %s" % (self.private_key_file, error)) from error
        auth_data = {
            "client_id": self.client_id,
            "timestamp": int(time.time()),
            "method": "POST",
            "path": UPDATE_PATH,
            "body_sha256": hashlib.sha256(body).hexdigest(),
            "nonce": uuid.uuid4().hex,
        }
        signature = self._key.sign(
            json.dumps(auth_data, sort_keys=True).encode("utf-8"),
            padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH),
            hashes.SHA256(),
        )
        token = json.dumps({"auth_data": auth_data, "signature": base64.b64encode(signature).decode("ascii")})
        headers["X-Auth-Token"] = base64.b64encode(token.encode("utf-8")).decode("ascii")
        return headers

    def _trusted(self):
        """The certificates of `ca_file`, as text. JoinQuant gives a file's content and no path."""
        if self.ca_file and self._ca is None:
            try:
                pem = _read(self.ca_file).decode("ascii")
                _TrustOnly(pem)
                self._ca = pem
            except Exception as error:
                raise JQQMTError("no certificate in %s: %s" % (self.ca_file, error)) from error
        return self._ca

    def _body(self, content):
        """What is sent, with the number that goes with it."""
        # Microseconds, so that a client that starts anew goes on above the numbers of the one before it.
        self._sequence = sequence = max(self._sequence + 1, int(time.time() * 1e6))
        text = json.dumps(dict(content, sequence=sequence), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8"), sequence

    def _deliver(self, content, deadline):
        """Send until acknowledged, held, refused, or out of time; each time with a new token."""
        trusted = self._trusted()
        body, sequence = self._body(content)
        attempt = 0
        while True:
            attempt += 1
            headers = self._headers(body)
            seconds = max(0.1, min(self.timeout, deadline - time.monotonic()))
            try:
                answer = _in_time(seconds, _send, "POST", self.api_url + UPDATE_PATH, body, headers, trusted, seconds)
            except Exception as error:  # requests lets through what it does not know
                failure = JQQMTError("%s cannot be reached: %s" % (self.api_url, error))
                # An address or a header that is none stays so.
                if isinstance(error, ValueError):
                    raise failure from error
                wait = 0.0
            else:
                outcome = _outcome(answer)
                if not isinstance(outcome, JQQMTError):
                    return outcome
                failure = outcome
                if attempt > 1 and failure.code == "stale_sequence" and answer.body.get("last_sequence") == sequence:
                    # An attempt before this one was taken in, and only its answer was lost: it may be in force or held.
                    # The same list under a new number changes nothing, and is answered with what became of it.
                    failure = JQQMTError(
                        "推送已被收下，但应答丢失，不知是否生效 (taken in, but not known whether in force): %s"
                        % failure,
                        failure.status,
                        failure.code,
                    )
                    body, sequence = self._body(content)
                    attempt -= 1
                elif answer.status not in RETRY_STATUSES:
                    raise failure
                wait = _seconds(answer.headers.get("Retry-After"))
            wait = max(wait, min(4.0, 0.25 * 2**attempt)) * random.uniform(0.7, 1.3)
            if time.monotonic() + wait + 0.2 > deadline or (self.retries is not None and attempt > self.retries):
                raise failure
            _warn("jq2qmt: %s; trying again in %.1f s" % (failure, wait))
            time.sleep(wait)


def _in_time(seconds, function, *arguments):
    """What a function returns or raises, or requests.Timeout. In a thread of its own: neither a name's resolution nor a
    server that drips its answer heeds the time-out of requests, which is for one read."""
    outcome = []

    def work():
        try:
            outcome.append((function(*arguments), None))
        except Exception as error:
            outcome.append((None, error))

    worker = threading.Thread(target=work)
    worker.daemon = True
    worker.start()
    worker.join(seconds)
    if not outcome:
        raise requests.Timeout("no whole answer within %.1f s" % seconds)
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


class _TrustOnly(requests.adapters.HTTPAdapter):
    """Believes a server that shows one of these certificates, or one that they signed, and nobody else."""

    def __init__(self, pem):
        self._context = create_urllib3_context()
        self._context.load_verify_locations(cadata=pem)
        super(_TrustOnly, self).__init__()

    def init_poolmanager(self, *args, **kwargs):
        super(_TrustOnly, self).init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy, **kwargs):
        return super(_TrustOnly, self).proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn, *_):
        """Without the certificates that requests would add to these."""
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None


def _send(method, url, body, headers, trusted, seconds):
    with requests.Session() as session:
        if trusted:
            session.mount("https://", _TrustOnly(trusted))
        # A redirect leads to a login page or to a stranger; key and list are not to follow.
        answer = session.request(
            method, url, data=body, headers=headers, timeout=seconds, allow_redirects=False, stream=True
        )
        content = b""
        with contextlib.closing(answer):
            for chunk in answer.iter_content(65536):
                content += chunk
                if len(content) > MOST_BYTES[method]:
                    raise ValueError("its answer is longer than any of jq2qmt's")
    try:
        parsed = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        parsed = None
    return Answer(answer.status_code, answer.reason, answer.headers, parsed if isinstance(parsed, dict) else {})


def _known_on_held(on_held):
    if on_held not in ("raise", "warn"):
        raise JQQMTError('on_held is "raise" or "warn", not %r' % (on_held,))
    return on_held


def _reasons(body, name):
    reasons = body.get(name)
    return [reason for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []


def _in_words(reasons):
    return "；".join(
        "%s (%s) [%s: %s / %s]" % tuple(reason.get(part, "") for part in ("text", "message", "rule", "value", "limit"))
        for reason in reasons
    )


def _outcome(answer):
    """The acknowledgement, also that of a push that is held, or the error that says why it is none."""
    body = answer.body
    if answer.status in (200, 202) and body.get("held") is True and body.get("hold") is not None:
        return body
    revision = body.get("revision")
    if answer.status == 200 and "message" in body and isinstance(revision, int) and not isinstance(revision, bool):
        return body
    return _refusal(answer)


def _refusal(answer):
    """What the server says where it does not do as it is told."""
    body = answer.body
    if 300 <= answer.status < 400:
        text = "redirected to %s, which is not followed: correct API_URL" % answer.headers.get("Location")
        return JQQMTError("HTTP %d: %s" % (answer.status, text), answer.status)
    text = body.get("error") or "HTTP %d without a jq2qmt answer" % answer.status
    text = "%s (%s)" % (text, body.get("message", answer.reason))
    reasons = _reasons(body, "reasons")
    if reasons:
        text += "：" + _in_words(reasons)
    return JQQMTError(text, answer.status, body.get("code"), reasons)


def _seconds(text):
    try:
        return max(0.0, float(text))
    except (TypeError, ValueError):
        return 0.0
