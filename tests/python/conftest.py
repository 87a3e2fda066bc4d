"""The real binary over a real socket, and clients that sign as JoinQuant scripts do."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

pytest_plugins = ["fake_joinquant", "browser"]

ROOT = pathlib.Path(__file__).parents[2]
BINARY = pathlib.Path(os.environ.get("JQ2QMT_BINARY", ROOT / "target/debug/jq2qmt")).resolve()
PASSWORD = "correct-horse-battery"
UPDATE = "/api/v1/positions/update"
INTERNAL = "/api/v1/positions/update/internal"
TOTAL = "/api/v1/positions/total"


def clean_environment(**extra):
    """This environment without what would configure a server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JQ2QMT_")} | extra


def compiled(source, folder):
    """A C file from beside the tests as a library that can stand before the C library: LD_PRELOAD takes its path."""
    library = folder / pathlib.Path(source).with_suffix(".so")
    file = pathlib.Path(__file__).with_name(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, file, "-ldl"], check=True)
    return str(library)


def sign(key, auth_data, salt=padding.PSS.MAX_LENGTH):
    """The X-Auth-Token over some auth_data, made as existing clients make it."""
    message = json.dumps(auth_data, sort_keys=True).encode()
    signature = key.sign(message, padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt), hashes.SHA256())
    envelope = {"auth_data": auth_data, "signature": base64.b64encode(signature).decode()}
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def public_pem(key):
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form)


def private_pem(key):
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


class Server:
    """A server in a folder of its own."""

    def __init__(self, folder, *options, binary=BINARY, preexec=None, **environment):
        self.folder, self.options, self.binary, self.preexec = pathlib.Path(folder), options, binary, preexec
        self.environment = clean_environment(JQ2QMT_PASSWORD=PASSWORD) | environment
        self.process = None
        self.listen = "127.0.0.1:0"
        self.url = None

    def run(self, *arguments, check=True, stdin=None):
        """Run a command of the program in the server's folder."""
        done = subprocess.run(
            [self.binary, *map(str, arguments)],
            cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def start(self):
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [self.binary, "--listen", self.listen, *self.options],
                cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True,
                preexec_fn=self.preexec,
            )  # fmt: skip
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), self.log()
        self.url = line.removeprefix("listening on ").strip()
        return self

    def log(self):
        return (self.folder / "log").read_text()

    def signal(self, number):
        self.process.send_signal(number)
        code = self.process.wait(40)
        self.process.stdout.close()
        return code

    def stop(self):
        return self.signal(signal.SIGTERM)

    def kill(self):
        return self.signal(signal.SIGKILL)

    @property
    def key(self):
        """The private key that the first start made."""
        pem = (self.folder / "data/default_private.pem").read_bytes()
        # It is a key: making sure of that takes longer than most tests.
        return serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)

    def get(self, path, **options):
        return requests.get(self.url + path, timeout=10, **options)

    def post(self, path, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(self.url + path, json=body, headers=headers, timeout=30)

    def push(self, strategy, positions, key=None, **fields):
        """Push as an existing client does: with an unbound token."""
        token = sign(key or self.key, {"client_id": "client1", "timestamp": time.time()})
        body = {"strategy_name": strategy, "positions": positions, **fields}
        return self.post(UPDATE, body, X_Auth_Token=token)

    def total(self, **query):
        answer = self.get(TOTAL, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.contextmanager
def running(folder, *options, preexec=None, **environment):
    server = Server(folder, *options, preexec=preexec, **environment).start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            assert server.stop() == 0, server.log()


@pytest.fixture
def server(tmp_path):
    """A fresh server with nothing in it."""
    with running(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def quick_key():
    """A small key, for tests that sign very often."""
    return rsa.generate_private_key(65537, 2048)


def held(code, volume, cost=10.0):
    return {"code": code, "volume": volume, "cost": cost}


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
