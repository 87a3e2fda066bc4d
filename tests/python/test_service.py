"""What systemd is told, over the socket that it names, and the unit that it is given."""

import contextlib
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib

import pytest
from conftest import BINARY, ROOT, Server, clean_environment, until

if sys.platform != "linux":
    pytest.skip("systemd runs on Linux", allow_module_level=True)

SERVICE = ROOT / "examples/service"


@contextlib.contextmanager
def manager(name):
    """A service manager that listens under a name, and gives what it is told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(name.replace("@", "\0", 1))

        def hear(silence=20):
            ear.settimeout(silence)
            return ear.recv(4096).decode()

        yield hear


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_the_manager_hears_of_the_start_and_of_the_stop(tmp_path, is_abstract):
    name = f"@jq2qmt-{tmp_path}" if is_abstract else str(tmp_path / "notify")
    with manager(name) as hear:
        server = Server(tmp_path, NOTIFY_SOCKET=name).start()
        assert hear() == f"READY=1\nSTATUS=listening on {server.url}"
        assert server.get("/healthz").status_code == 200, "it listens by then"
        assert server.stop() == 0
        assert hear() == "STOPPING=1"


def test_the_watchdog_is_fed_while_the_server_is_at_work(tmp_path):
    with manager(str(tmp_path / "notify")) as hear:
        server = Server(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="100000").start()
        assert hear().startswith("READY=1")
        assert [hear() for _ in range(3)] == ["WATCHDOG=1"] * 3
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            while hear(silence=1):
                pass
        server.process.send_signal(signal.SIGCONT)
        assert server.stop() == 0


def test_the_watchdog_of_another_process_is_not_fed(tmp_path):
    watchdog = {"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}
    with manager(str(tmp_path / "notify")) as hear:
        server = Server(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), **watchdog).start()
        assert hear().startswith("READY=1")
        with pytest.raises(TimeoutError):
            hear(silence=1)
        assert server.stop() == 0


def test_a_manager_that_is_gone_hinders_nobody(tmp_path):
    server = Server(tmp_path, NOTIFY_SOCKET=str(tmp_path / "gone")).start()
    assert server.get("/healthz").status_code == 200
    # The log is written beside the answer.
    until(lambda: "the service manager does not hear" in server.log())
    assert server.stop() == 0


def test_the_unit_starts_what_there_is(tmp_path):
    unit = (SERVICE / "jq2qmt.service").read_text()
    (start,) = [line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=")]
    program, option, config = shlex.split(start)
    assert (pathlib.Path(program).name, option, pathlib.Path(config).name) == ("jq2qmt", "--config", "jq2qmt.toml")
    folders = ("--data-dir", tmp_path / "data", "--keys-dir", tmp_path / "keys")
    doctor = [BINARY, "--config", SERVICE / "jq2qmt.toml", *folders, "doctor"]
    told = subprocess.run(doctor, env=clean_environment(), capture_output=True, text=True, timeout=60)
    assert told.stderr == "" and "database" in told.stdout and "settings" not in told.stdout, told.stdout
    assert tomllib.loads((SERVICE / "jq2qmt.toml").read_text())["data-dir"].startswith("/var/lib/jq2qmt/")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    # Its program and its user are not there.
    unit = (SERVICE / "jq2qmt.service").read_text().replace("/usr/local/bin/jq2qmt", str(BINARY))
    path = tmp_path / "jq2qmt.service"
    path.write_text(unit.replace("=jq2qmt\n", "=daemon\n"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60
    )
    complaints = [line for line in verified.stderr.splitlines() if "jq2qmt.service" in line]
    assert complaints == [], verified.stderr
    # Out of 100, the less the better.
    judge = ["systemd-analyze", "security", "--offline=true", "--threshold=20", path]
    judged = subprocess.run(judge, capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged.stdout
