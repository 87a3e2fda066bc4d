"""What a newcomer sees, and what a second start leaves alone."""

import contextlib
import html
import os
import re
import shlex
import shutil
import signal
import sqlite3
import stat
import subprocess
import time

import pytest
import requests
from conftest import BINARY, INTERNAL, Server, clean_environment, held, public_pem, running


def test_what_is_printed_works_as_printed(tmp_path):
    server = Server(tmp_path)
    del server.environment["JQ2QMT_PASSWORD"]
    server.start()
    told = server.log()
    push = re.search(r"try a push:\n +(.+)\n", told)[1]
    curl = re.search(r"see the total:\n +(.+)\n", told)[1]
    password = re.search(r"operator's password.*\n +(\S+)\n", told)[1]
    pushed = subprocess.run(shlex.split(push), cwd=tmp_path, env=clean_environment(), capture_output=True, text=True)
    assert pushed.returncode == 0, pushed.stderr
    assert '"changed":true' in pushed.stdout and "warning" not in pushed.stdout
    lines = requests.get(shlex.split(curl)[-1], timeout=10).json()["positions"]
    assert [(line["code"], line["total_volume"]) for line in lines] == [("000001.XSHE", 1000), ("600000.XSHG", 800)]
    edit = server.post(INTERNAL, {"strategy_name": "ADJUSTMENT_A", "positions": []}, X_Internal_Password=password)
    assert edit.status_code == 200
    assert server.stop() == 0

    # A second start tells no password, and makes no key.
    private = (tmp_path / "data/default_private.pem").read_bytes()
    server.start()
    assert server.log().count(password) == 1
    assert server.log().count("try a push") == 1
    assert (tmp_path / "data/default_private.pem").read_bytes() == private
    assert server.stop() == 0
    assert password.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())


def test_a_key_may_be_made_before_the_first_start(tmp_path):
    server = Server(tmp_path, "--reads", "key")
    made = server.run("key", "add", "qmt", "--scope", "read").stdout
    assert "data/jq2qmt.db: no server has run on this folder yet" in made
    key = made.splitlines()[-1]
    assert [path.name for path in (tmp_path / "data").iterdir() if not path.name.startswith("jq2qmt.db")] == []
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data/jq2qmt.db").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    server.start()
    assert "try a push" in server.log(), "it is a first start all the same"
    assert server.get("/api/v1/positions/total", headers={"X-API-Key": key}).status_code == 200
    assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
    assert server.stop() == 0
    # Nothing is made where there is nothing to list or to revoke.
    for command in (["list"], ["revoke", "qmt"]):
        elsewhere = server.run("key", *command, "--data-dir", "elsewhere", check=False)
        assert elsewhere.returncode == 1 and not (tmp_path / "elsewhere").exists(), elsewhere


def test_the_overview_of_an_empty_store_shows_the_push_to_try(server):
    page = server.get("/", headers={"Accept-Language": "en"}).text
    command = html.unescape(re.search(r"<pre class=\"command\"><code>(.*)</code></pre>", page)[1])
    assert command == re.search(r"try a push:\n +(.+)\n", server.log())[1]
    done = subprocess.run(
        shlex.split(command), cwd=server.folder, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "command" not in server.get("/", headers={"Accept-Language": "en"}).text


def newcomer(folder):
    """A server for whose operator no password was chosen."""
    server = Server(folder)
    del server.environment["JQ2QMT_PASSWORD"]
    return server


def told_password(server):
    return re.findall(r"operator's password.*\n +(\S+)\n", server.log())[-1]


def knows(server, password):
    edit = {"strategy_name": "ADJUSTMENT_A", "positions": []}
    return server.post(INTERNAL, edit, X_Internal_Password=password).status_code == 200


def test_a_start_that_was_interrupted_between_the_halves_of_a_key(tmp_path):
    server = newcomer(tmp_path).start()
    public = (tmp_path / "keys/default.pem").read_bytes()
    server.kill()
    shutil.rmtree(tmp_path / "keys")
    for path in (tmp_path / "data").glob("jq2qmt.*"):
        path.unlink()
    server.start()
    assert (tmp_path / "keys/default.pem").read_bytes() == public
    assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
    assert knows(server, told_password(server))
    assert server.stop() == 0


def test_a_private_key_that_is_none_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/default_private.pem").write_text("")
    done = subprocess.run(
        [BINARY, "--listen", "127.0.0.1:0"], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "data/default_private.pem is no private key; move it away, and the next start makes" in done.stderr


def test_a_first_start_that_is_killed_at_any_moment(tmp_path):
    """Whenever it is: the next start is one as well, and what it shows works."""
    for step in range(12):
        folder = tmp_path / str(step)
        folder.mkdir()
        server = newcomer(folder)
        with (folder / "log").open("a") as log:
            command = [BINARY, "--listen", "127.0.0.1:0"]
            first = subprocess.Popen(command, cwd=folder, env=server.environment, stdout=subprocess.DEVNULL, stderr=log)
        # Each time a little further: until one more thing is there.
        wanted = ["data", "data/jq2qmt.db", "data/first_push.csv", "data/default_private.pem", "keys/default.pem"]
        deadline = time.monotonic() + 30
        while not (folder / wanted[step % len(wanted)]).exists() and first.poll() is None:
            assert time.monotonic() < deadline
        first.kill()
        first.wait()
        server.start()
        assert not list((folder / "keys").glob("*private*"))
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        assert knows(server, told_password(server)), step
        assert server.stop() == 0


@contextlib.contextmanager
def mute(server, full):
    """Start a server whose standard error is a pipe that is full, or one that nobody holds the other end of."""
    reading, writing = os.pipe()
    if full:
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
    else:
        os.close(reading)
    process = subprocess.Popen(
        [BINARY, "--listen", "127.0.0.1:0"],
        cwd=server.folder, env=server.environment, stdout=subprocess.PIPE, stderr=writing, text=True,
    )  # fmt: skip
    os.close(writing)
    with process.stdout:
        yield process, process.stdout.readline().removeprefix("listening on ").strip(), reading


@pytest.mark.skipif(os.name != "posix", reason="a pipe of POSIX's")
def test_a_password_that_nobody_saw_is_not_the_operators(tmp_path):
    """Killed after the password was stored and before it was shown, it would never be shown again."""
    server = newcomer(tmp_path)
    for full in (False, True):
        with mute(server, full) as (process, url, reading):
            info = requests.get(url + "/api/v1/internal/password/info", timeout=10).json()
            assert info == {"has_password": False}
            if full:
                # Somebody reads at last: now it is shown, and now it is set.
                with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
                    for line in pipe:
                        if "operator's password" in line:
                            password = next(pipe).strip()
                            break
                    deadline = time.monotonic() + 30
                    while not requests.get(url + "/api/v1/internal/password/info", timeout=10).json()["has_password"]:
                        assert time.monotonic() < deadline
                    server.url = url
                    assert knows(server, password)
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
    # What was shown is the operator's now, and no other is shown.
    server.start()
    assert "operator's password" not in server.log()
    assert knows(server, password)
    assert server.stop() == 0


@pytest.mark.skipif(os.name != "posix", reason="a pipe of POSIX's")
def test_a_password_that_was_shown_late_and_cannot_be_set_is_in_the_log(tmp_path):
    """Whoever has seen it would try it in vain, and nothing would say why."""
    server = newcomer(tmp_path)
    with mute(server, full=True) as (process, _, reading):
        with contextlib.closing(sqlite3.connect(tmp_path / "data/jq2qmt.db")) as database, database:
            database.execute(
                "CREATE TRIGGER broken BEFORE INSERT ON operator BEGIN SELECT raise(ABORT, 'as it must'); END"
            )
        with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
            assert any("operator's password" in line for line in pipe)
            deadline = time.monotonic() + 30
            while "the password that was shown is not set" not in (tmp_path / "data/jq2qmt.log").read_text():
                assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_private_things_are_private(server):
    def mode(path):
        return stat.S_IMODE((server.folder / path).stat().st_mode)

    assert mode("data") == 0o700
    assert mode("data/default_private.pem") == 0o600
    assert mode("data/jq2qmt.lock") == 0o600
    assert not list((server.folder / "keys").glob("*private*"))


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_nobody_else_may_add_a_key(tmp_path):
    def open_umask():
        os.umask(0)

    # Whatever the shell's umask lets others do, the folder is the owner's.
    for command in ([], ["keygen", "alice"]):
        keys = tmp_path / ("-".join(command) or "serve") / "keys"
        keys.parent.mkdir()
        server = Server(keys.parent, preexec=open_umask)
        if command:
            subprocess.run(
                [BINARY, *command], cwd=keys.parent, env=server.environment, preexec_fn=open_umask, check=True
            )
        else:
            assert server.start().stop() == 0
        assert stat.S_IMODE(keys.stat().st_mode) == 0o755

    for mode in (0o775, 0o757):
        keys.chmod(mode)
        refused = server.run(check=False)
        assert refused.returncode == 1 and "others could put a key of their own there" in refused.stderr
        mend = re.search(r"chmod .+", refused.stderr)[0]
        subprocess.run(shlex.split(mend), cwd=keys.parent, check=True)
        assert server.start().stop() == 0


def test_keys_that_are_there_are_enough(tmp_path, quick_key):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/quick.pem").write_bytes(public_pem(quick_key))
    with running(tmp_path) as server:
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["quick.pem"]
        assert "try a push" not in server.log()


def test_a_weak_first_password_stops_the_start(tmp_path):
    done = subprocess.run(
        [BINARY, "--listen", "127.0.0.1:0"],
        cwd=tmp_path, env=clean_environment(JQ2QMT_PASSWORD="short"), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "JQ2QMT_PASSWORD cannot be used: the password must have at least 10 characters" in done.stderr


def test_examples_are_for_this_machine_alone(tmp_path):
    """A terminal that reads them trades them."""
    for elsewhere in (("--listen", "0.0.0.0:0"), ("--trusted-proxy", "127.0.0.1")):
        refused = Server(tmp_path).run("--demo", "--reads", "open", *elsewhere, check=False)
        assert refused.returncode == 1 and "--demo is for this machine alone" in refused.stderr
        assert not (tmp_path / "data").exists()
