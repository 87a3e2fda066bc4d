# -*- coding: utf-8 -*-
"""One request and its answer over HTTP, in whichever thread it is called."""

import socket
import ssl
import urllib.error
import urllib.request

MOST_BYTES = 16 * 1024 * 1024


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect leads to a login page or to a stranger; the key is not to follow."""

    def redirect_request(self, *_):
        return None


class Wire(object):
    """A server, and how one names oneself to it. `timeout` is in seconds."""

    def __init__(self, server, api_key="", terminal="", ca_file=None, timeout=2.0):
        self.server, self.timeout = server.rstrip("/"), timeout
        self.headers = {"Accept": "application/json"}
        if api_key:
            self.headers["X-API-Key"] = api_key
        if terminal:
            self.headers["X-Terminal"] = terminal
        self.opener = urllib.request.build_opener(
            # A system-wide proxy is for browsers.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
            NoRedirect(),
        )

    def exchange(self, path, body=None, **headers):
        """Status, body and entity tag of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.server + path, data=body, headers=dict(self.headers, **named))
        try:
            answer = self.opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            result = (answer.getcode(), answer.read(MOST_BYTES + 1), answer.headers.get("ETag"))
            # What is left of the announced length was cut off, or is more than any book.
            if getattr(answer, "length", None) or len(result[1]) > MOST_BYTES:
                raise ValueError("应答不完整或过长")
            return result


def is_timeout(error):
    """Whether nothing came in time."""
    return isinstance(error, socket.timeout) or isinstance(getattr(error, "reason", None), socket.timeout)


def advice_on(error, server):
    """What to do about a connection that failed; empty where nothing is known."""
    words = str(error).upper()
    if "CERTIFICATE" in words:
        return "；证书不受信任：自签名证书请在 CA_FILE 填写 CA 文件"
    if "WRONG_VERSION_NUMBER" in words or "UNKNOWN_PROTOCOL" in words or "HTTP_REQUEST" in words:
        return "；服务器不使用 TLS：SERVER 请写 http://"
    if server.startswith("http://") and ("BADSTATUSLINE" in repr(error).upper() or "REMOTE" in repr(error).upper()):
        return "；若服务器启用了 TLS，SERVER 请写 https://"
    if "REFUSED" in words or "10061" in words:
        return "；请确认服务器正在运行，地址和端口正确"
    return ""
