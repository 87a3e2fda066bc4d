# -*- coding: utf-8 -*-
"""Push a JoinQuant strategy's positions to a jq2qmt server.

One file, Python 3.6, with what JoinQuant has installed: requests and cryptography. Upload it with jq_config.py and the
private key to the research root; see example_strategy.py for its use.

把聚宽策略的持仓推送到 jq2qmt 服务器。单文件，适用于聚宽的 Python 3.6。
"""

import base64
import hashlib
import io
import json
import math
import random
import time
import uuid

import requests
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

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
# What may pass by itself: everything else is the caller's to correct.
RETRY_STATUSES = (429, 502, 503, 504)
# The only kind of run whose positions are real.
LIVE_RUN = "sim_trade"


class JQQMTError(Exception):
    """A push was not acknowledged. `status` and `code` are the server's, or None when it did not answer."""

    def __init__(self, message, status=None, code=None):
        super(JQQMTError, self).__init__(message)
        self.status = status
        self.code = code


def _setting(name, default=None):
    return getattr(jq_config, name, default)


def _read(path):
    if read_file is not None:
        return read_file(path)
    with io.open(path, "rb") as file:
        return file.read()


def _say(level, message):
    if log is not None:
        getattr(log, level)(message)


def _number(value, what):
    """A plain number that JSON can carry; numpy's are turned into Python's."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise JQQMTError("%s is no finite number: %r" % (what, value))
    return value


class JQQMTAPI(object):
    """A client of one server. Settings that are not given come from jq_config.py."""

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
    ):
        """`max_seconds` bounds a whole push with its retries, `timeout` one attempt: a strategy must never stall.
        `retries` bounds how often a push is tried again; None leaves that to the time."""
        self.api_url = (api_url or _setting("API_URL", "http://127.0.0.1:5366")).rstrip("/")
        self.client_id = client_id or _setting("CLIENT_ID", "default")
        self.use_crypto_auth = _setting("USE_CRYPTO_AUTH", True) if use_crypto_auth is None else use_crypto_auth
        self.simple_api_key = simple_api_key or _setting("SIMPLE_API_KEY")
        self.private_key_file = private_key_file or _setting("PRIVATE_KEY_FILE", "jq_private.pem")
        self.max_seconds = max_seconds
        self.timeout = timeout
        self.retries = retries
        self._key = None
        self._names = {}
        self._sequence = 0
        if not self.use_crypto_auth and not self.simple_api_key:
            raise JQQMTError("use_crypto_auth is off, so simple_api_key (SIMPLE_API_KEY in jq_config.py) is needed")

    # The client is kept in JoinQuant's global `g`, which is pickled; a key cannot be, and is read again when needed.
    def __getstate__(self):
        return dict(self.__dict__, _key=None)

    def get_stock_name(self, code):
        """The instrument's name, or "" where it cannot be found out. Asked once for each code."""
        if code not in self._names:
            try:
                self._names[code] = get_security_info(code).display_name or ""
            except Exception as error:  # JoinQuant raises what it likes; a name is no reason not to push
                _say("warn", "jq2qmt: no name for %s: %s" % (code, error))
                self._names[code] = ""
        return self._names[code]

    def update_positions(self, strategy_name, positions):
        """Push the whole list of a strategy's positions: dicts with code, volume (shares), cost (CNY per share), and
        optionally name and remark. Returns the server's answer; raises JQQMTError when it is not acknowledged."""
        moment = time.time()
        # Microseconds, so that a client that starts anew goes on above the numbers of the one before it.
        self._sequence = max(self._sequence + 1, int(moment * 1e6))
        body = json.dumps(
            {
                "strategy_name": strategy_name,
                "positions": [self._position(position) for position in positions],
                "sequence": self._sequence,
            },
            ensure_ascii=False,
            allow_nan=False,
        ).encode("utf-8")
        return self._deliver(body, self._sequence, moment + self.max_seconds)

    def push_portfolio(self, context, strategy_name, scale=1.0):
        """Push what the strategy's account holds, each volume times `scale`. Does nothing in a backtest."""
        if context.run_params.type != LIVE_RUN:
            raise JQQMTError("positions of a %s are not pushed, only those of a sim_trade" % context.run_params.type)
        held = [position for position in context.portfolio.positions.values() if position.total_amount > 0]
        return self.update_positions(
            strategy_name,
            [
                {
                    "code": position.security,
                    # Down to whole shares: more than the strategy's share is never asked for.
                    "volume": math.floor(position.total_amount * scale + 1e-9),
                    "cost": position.avg_cost,
                }
                for position in held
            ],
        )

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
        return sent

    def _headers(self, body):
        headers = {"Content-Type": "application/json"}
        if not self.use_crypto_auth:
            headers["X-API-Key"] = self.simple_api_key
            return headers
        if self._key is None:
            pem = _read(self.private_key_file)
            pem = pem.encode("utf-8") if not isinstance(pem, bytes) else pem
            self._key = serialization.load_pem_private_key(pem, password=None, backend=default_backend())
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

    def _deliver(self, body, sequence, deadline):
        """Send until acknowledged, refused, or out of time; each time with a new token."""
        attempt = 0
        while True:
            attempt += 1
            left = deadline - time.time()
            try:
                answer = requests.post(
                    self.api_url + UPDATE_PATH,
                    data=body,
                    headers=self._headers(body),
                    timeout=max(0.1, min(self.timeout, left)),
                )
            except requests.RequestException as error:
                failure = JQQMTError("%s cannot be reached: %s" % (self.api_url, error))
                wait = 0.0
            else:
                outcome = self._outcome(answer)
                if not isinstance(outcome, JQQMTError):
                    return outcome
                failure = outcome
                # The attempt before this one was stored, and only its answer was lost.
                if attempt > 1 and failure.code == "stale_sequence" and _json(answer).get("last_sequence") == sequence:
                    return {"message": "持仓更新成功", "changed": None, "sequence": sequence}
                if answer.status_code not in RETRY_STATUSES:
                    raise failure
                wait = _seconds(answer.headers.get("Retry-After"))
            wait = max(wait, min(4.0, 0.25 * 2**attempt)) * random.uniform(0.7, 1.3)
            if time.time() + wait + 0.2 > deadline or (self.retries is not None and attempt > self.retries):
                raise failure
            _say("warn", "jq2qmt: %s; trying again in %.1f s" % (failure, wait))
            time.sleep(wait)

    def _outcome(self, answer):
        """The acknowledgement, or the error that says why it is none."""
        body = _json(answer)
        if answer.status_code == 200 and "message" in body:
            return body
        text = body.get("error") or "HTTP %d without a jq2qmt answer" % answer.status_code
        return JQQMTError("%s (%s)" % (text, body.get("message", answer.reason)), answer.status_code, body.get("code"))


def _json(answer):
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(text):
    try:
        return max(0.0, float(text))
    except (TypeError, ValueError):
        return 0.0
