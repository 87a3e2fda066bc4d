"""The process itself: stopping, slow and half requests, HTTPS."""

import contextlib
import datetime
import http.client
import ipaddress
import json
import resource
import socket
import ssl
import threading
import time

import requests
from conftest import INTERNAL, PASSWORD, TOTAL, UPDATE, held, private_pem, running
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

BODY = b'{"strategy_name": "ADJUSTMENT_A", "positions": []}'


def connect(server):
    return socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=20)


def head(length):
    return (
        f"POST {INTERNAL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Internal-Password: {PASSWORD}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_request_in_flight_is_finished_before_the_end(server):
    with connect(server) as slow:
        slow.sendall(head(len(BODY)) + BODY[:10])
        # Until the server has seen the beginning: it answers others in the meantime.
        assert server.get("/healthz").status_code == 200
        codes = []
        stopper = threading.Thread(target=lambda: codes.append(server.stop()))
        stopper.start()
        while "stopping" not in server.log():
            assert stopper.is_alive()
        slow.sendall(BODY[10:])
        assert slow.recv(4096).startswith(b"HTTP/1.1 200 OK")
    stopper.join()
    assert codes == [0]
    server.start()
    assert server.total()["revision"] == 1


def test_half_a_request_changes_nothing(server):
    with connect(server) as half:
        half.sendall(head(len(BODY)) + BODY[:-1])
        half.shutdown(socket.SHUT_WR)
        # Until the server has done with it, whatever that is.
        while half.recv(4096):
            pass
    assert server.total()["revision"] == 0


def test_a_body_that_is_too_large_gets_its_answer(server):
    body = {"strategy_name": "alpha", "positions": [], "x": "x" * (5 << 20)}
    answer = server.post(UPDATE, body, X_API_Key="none")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_strangers_with_slow_bodies_hold_nobody_up(server):
    """Unfinished requests without a credential, by the dozen: those who have one do not notice."""
    key = server.key
    begun = []
    try:
        for number in range(60):
            stranger = connect(server)
            begun.append(stranger)
            path, header = ((INTERNAL, ""), (UPDATE, "X-Auth-Token: e30=\r\n"))[number % 2]
            stranger.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}"
                "Content-Length: 4000000\r\n\r\n{".encode()
            )
        assert server.push("alpha", [held("000001.XSHE", 100)], key).status_code == 200
        assert server.post(INTERNAL, json.loads(BODY), X_Internal_Password=PASSWORD).status_code == 200
        assert len(server.total()["positions"]) == 1
        # More of them than there is room for are sent away at once.
        assert begun[-2].recv(12) == b"HTTP/1.1 503"
        # A stranger's push is refused before its body is there.
        assert begun[-1].recv(12) == b"HTTP/1.1 401"
    finally:
        for stranger in begun:
            stranger.close()


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))


def test_silent_sockets_hold_nobody_up(tmp_path):
    """More connections that say nothing than the process may have files: who has something to say is answered."""
    with running(tmp_path, preexec=few_files) as server, contextlib.ExitStack() as silent:
        assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (1024, 1024), "raised as far as it goes"
        key = server.key
        for _ in range(1100):
            silent.enter_context(connect(server))
        assert server.push("alpha", [held("000001.XSHE", 100)], key).status_code == 200
        assert server.get("/healthz").status_code == 200
        assert len(server.total()["positions"]) == 1
        assert server.log().count("connections") < 50, "the log is not filled by them"


def ask_and_never_read(server, silent, requests_each=200):
    """Asks for the same large answer again and again, and takes none of them."""
    deaf = silent.enter_context(socket.socket())
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.settimeout(20)
    deaf.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    deaf.sendall(f"GET {TOTAL}?strategies=alpha HTTP/1.1\r\nHost: x\r\n\r\n".encode() * requests_each)
    return deaf


def test_who_does_not_read_does_not_hold_up_the_stop(server):
    positions = [held(f"{number}.XSHG", 100) for number in range(5000)]
    assert server.push("alpha", positions).status_code == 200
    with contextlib.ExitStack() as silent:
        for _ in range(10):
            ask_and_never_read(server, silent)
        assert server.get("/healthz").status_code == 200
        # For how long they are waited for is a matter of seconds; that it is not for ever is seen here.
        assert server.stop() == 0


def wait_for_news(connection, tag):
    connection.request("GET", f"{TOTAL}?wait=60", headers={"If-None-Match": tag})


def test_who_waits_is_told_at_once_and_holds_up_no_stop(server):
    key = server.key
    assert server.push("alpha", [held("000001.XSHE", 100)], key).status_code == 200
    # More than may poll at a time from one address.
    crowd = [http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30) for _ in range(300)]
    tag = server.get(TOTAL).headers["ETag"]
    for connection in crowd:
        wait_for_news(connection, tag)
    assert server.push("alpha", [held("000001.XSHE", 200)], key).status_code == 200
    now = server.get(TOTAL)
    for connection in crowd:
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.headers["ETag"]) == (200, now.content, now.headers["ETag"])
        wait_for_news(connection, now.headers["ETag"])
    for _ in range(10):
        assert server.get("/healthz").status_code == 200, "by then all of them were heard"
    assert server.stop() == 0
    # Who holds up a stop is cut off, without an answer.
    assert {connection.getresponse().status for connection in crowd} == {304}


def test_broken_json_and_wrong_types(server):
    headers = {"X-Internal-Password": PASSWORD, "Content-Type": "application/json"}
    broken = requests.post(server.url + INTERNAL, data=b'{"strategy_name": ', headers=headers, timeout=10)
    assert (broken.status_code, broken.json()["error"]) == (400, "无效的数据格式")
    headers["Content-Type"] = "text/plain"
    assert requests.post(server.url + INTERNAL, data=BODY, headers=headers, timeout=10).status_code == 415


def certificate(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(private_pem(key))
    (folder / "cert.pem").write_bytes(built.public_bytes(Encoding.PEM))
    return name


def test_who_listens_does_not_hold_up_the_stop(server):
    """An event stream has no end of its own; the tab comes back when the server does."""
    with requests.get(server.url + "/api/v1/events", stream=True, timeout=10) as events:
        chunks = events.iter_content(None)
        assert next(chunks) == b"retry: 2000\n\n"
        assert server.stop() == 0
        assert list(chunks) == [], "it ended, and was not cut off"


def test_https_and_a_certificate_that_changes(tmp_path):
    certificate(tmp_path, "first")
    with running(tmp_path, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        assert server.url.startswith("https://")
        trusted = str(tmp_path / "cert.pem")
        assert requests.get(server.url + TOTAL, verify=trusted, timeout=10).status_code == 200
        signed = ("--key", "data/default_private.pem", "--client", "default", "--strategy", "alpha")
        unknown = server.run("push", "--server", server.url, *signed, "-", stdin="[]", check=False)
        assert unknown.returncode == 1 and "UnknownIssuer" in unknown.stderr, unknown.stderr
        form = {"password": PASSWORD}
        login = requests.post(server.url + "/login", data=form, verify=trusted, timeout=10, allow_redirects=False)
        name, *attributes = login.headers["Set-Cookie"].split("; ")
        assert name.startswith("__Host-jq2qmt_session=")
        assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]
        assert login.headers["Strict-Transport-Security"] == "max-age=31536000"

        def shown():
            pem = ssl.get_server_certificate(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
            return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()

        assert shown() == "CN=first"
        certificate(tmp_path, "second")
        deadline = time.monotonic() + 30
        while shown() == "CN=first":
            assert time.monotonic() < deadline, server.log()
        assert shown() == "CN=second"
        # HTTP/1.1 and nothing else, also after the certificate was read again.
        wants_http2 = ssl.create_default_context(cafile=trusted)
        wants_http2.set_alpn_protocols(["h2", "http/1.1"])
        with connect(server) as plain, wants_http2.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"
        body = {"strategy_name": "ADJUSTMENT_A", "positions": [held("X", 1)]}
        headers = {"X-Internal-Password": PASSWORD}
        assert (
            requests.post(server.url + INTERNAL, json=body, headers=headers, verify=trusted, timeout=10).status_code
            == 200
        )


def test_a_server_for_this_machine_is_for_this_machine(tmp_path):
    """A page whose name leads here, and a proxy that nobody spoke of, get told what is missing; options mend it."""
    with running(tmp_path) as server:
        for headers, code in (
            ({"Host": "evil.example"}, "unknown_host"),
            ({"X-Forwarded-For": "1.2.3.4"}, "reads_unsaid"),
        ):
            refused = server.get(TOTAL, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, code)
            assert "--" in refused.json()["message"] and "--" in refused.json()["error"]
    proxied = ("--public-host", "qmt.example.com", "--trusted-proxy", "127.0.0.0/8", "--reads", "open")
    with running(tmp_path, *proxied) as server:
        assert server.get(TOTAL, headers={"Host": "qmt.example.com", "X-Forwarded-For": "1.2.3.4"}).status_code == 200
        pushed = json.dumps([held("000001.XSHE", 100)])
        common = (
            "push",
            "--server",
            server.url,
            "--key",
            "data/default_private.pem",
            "--client",
            "a",
            "--strategy",
            "a",
            "-",
        )
        assert server.run(*common, "--audience", "qmt.example.com", stdin=pushed).returncode == 0
        refused = server.run(*common, "--audience", "other.example.com", stdin=pushed, check=False)
        assert refused.returncode == 1 and "audience" in refused.stderr
