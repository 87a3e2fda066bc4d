"""`jq2qmt doctor` over real set-ups, each well and then not."""

import contextlib
import datetime
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import pytest
from conftest import BINARY, Server, compiled, held, private_pem, running, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from test_channels import GOOD, REFUSED, Robot, settle
from two_accounts import Clock

linux_alone = pytest.mark.skipif(sys.platform != "linux", reason="it needs what Linux has")


def look(server, *options, lead=(), **environment):
    """What the doctor says of a server's set-up: exit code, and the findings of each check as (level, message)."""
    address = () if server.url is None else ("--listen", server.url.split("//")[1])
    done = subprocess.run(
        [*lead, BINARY, *address, *server.options, "doctor", "--json", *map(str, options)],
        cwd=server.folder, env=server.environment | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == "", done.stderr
    answer, checks = json.loads(done.stdout), {}
    for finding in answer["findings"]:
        assert finding["text"] and finding["message"] and (finding["todo"] is None) == (finding["level"] == "ok")
        checks.setdefault(finding["check"], []).append((finding["level"], finding["message"]))
    levels = [finding["level"] for finding in answer["findings"]]
    assert (answer["faults"], answer["notices"]) == (levels.count("fault"), levels.count("notice"))
    assert done.returncode == (1 if answer["faults"] else 0)
    return done.returncode, checks


def only(checks, check):
    assert len(checks[check]) == 1, checks
    return checks[check][0]


@contextlib.contextmanager
def database(server):
    connection = sqlite3.connect(server.folder / "data/jq2qmt.db")
    with connection:
        yield connection
    connection.close()


def test_a_set_up_that_is_well_has_nothing_to_do(tmp_path):
    robot = Robot()
    robot.says(GOOD["wecom"])
    with running(tmp_path, "--backup-every", "1h") as server:
        until(lambda: list((tmp_path / "data").glob("backups/jq2qmt-*.db")))
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        settle(server, "desk", kind="wecom", url=robot.url)
        (tmp_path / "keys/clients.toml").write_text('[default]\nstrategies = ["alpha"]\n')
        code, checks = look(server, "--send")
        # What the year brings is the calendar's to say, and what this machine has free and allows is its own.
        # Copies on another disk than the database's are for a test of their own.
        ours = [name for name in checks if name not in ("calendar", "disk", "files", "backup")]
        assert [checks[name][0][0] for name in ours] == ["ok"] * len(ours), checks
        assert ours == [
            "listen", "certificate", "keys", "rights", "database", "password", "server", "clock", "sqlite", "channel"
        ]  # fmt: skip
        assert len(checks["disk"]) == 2 and "calendar" in checks and only(checks, "backup")[0] != "fault"
        assert only(checks, "clock")[1] == "it agrees with the newest change, the newest token and the server's answers"
        assert len(robot.heard) == 1 and "jq2qmt" in robot.heard[0][2].decode()
        told = server.run("--listen", server.url.split("//")[1], "doctor", check=False).stdout
        assert "ok      database    sound" in told and told.rstrip().splitlines()[-1].endswith("notices")
        assert "NOTICE  backup      the server makes none" in told and "to do: start it with --backup-every" in told
    robot.shutdown()
    robot.server_close()
    assert code == 0 or only(checks, "calendar")[0] == "fault"


def test_where_no_server_ever_ran_the_doctor_leaves_nothing(tmp_path):
    code, checks = look(Server(tmp_path))
    assert code == 1 and "there is no database at data/jq2qmt.db" in only(checks, "database")[1]
    assert only(checks, "keys")[0] == "fault" and only(checks, "server")[0] == "notice"
    assert "password" not in checks, "what cannot be seen is not told"
    assert list(tmp_path.iterdir()) == []


def test_settings_that_no_server_starts_with_are_a_fault(tmp_path):
    code, checks = look(Server(tmp_path, "--listen", "0.0.0.0:5366"))
    assert code == 1 and list(checks) == ["settings"]
    assert "--reads key" in only(checks, "settings")[1]


def test_who_may_read_where(server):
    apart = Server(server.folder)
    for options, level in (
        (("--reads", "open", "--listen", "0.0.0.0:5366"), "fault"),
        (("--reads", "open", "--listen", "192.168.0.1:5366"), "notice"),
        (("--reads", "key", "--listen", "0.0.0.0:5366"), "ok"),
    ):
        apart.options = options
        _, checks = look(apart)
        assert only(checks, "listen")[0] == level, options


def test_keys_are_looked_at_one_by_one(server, quick_key):
    keys = server.folder / "keys"
    (keys / "broken.pem").write_text("hello")
    (keys / "private.pem").write_bytes(private_pem(quick_key))
    keys.chmod(0o777)
    code, checks = look(server)
    *wrong, (notice, _) = checks["keys"]
    assert code == 1 and {level for level, _ in wrong} == {"fault"} and notice == "notice"
    told = " ".join(message for _, message in wrong)
    assert "it is not an RSA public key" in told and "holds a private key" in told
    assert sys.platform == "win32" or "can be written by others" in told
    keys.chmod(0o755)
    for name in ("broken.pem", "private.pem", "default.pem"):
        (keys / name).unlink()
    assert only(look(server)[1], "keys")[0] == "notice", "nobody can sign"


def test_who_is_narrowed_less_than_it_seems_is_told(server):
    (_, wide) = look(server)[1]["keys"]
    assert wide[0] == "notice" and "default.pem is not narrowed" in wide[1], wide
    rules = server.folder / "keys/clients.toml"
    rules.write_text('[default]\nstrategies = ["alpha"]\n[alice]\nstrategies = ["beta"]\n')
    ((level, _), keyless) = look(server)[1]["keys"]
    assert level == "ok" and keyless[0] == "notice" and "narrows alice, of which no key is there" in keyless[1], keyless
    server.run("keygen", "alice", "--bits", "2048")
    assert only(look(server)[1], "keys")[0] == "ok"


@pytest.mark.skipif(sys.platform == "win32", reason="there it says that it did not look")
def test_what_others_can_write_or_read(server):
    (server.folder / "jq2qmt.toml").write_text('heartbeat = "http://127.0.0.1:9/"\n')
    apart = Server(server.folder, "--config", "jq2qmt.toml", "--listen", server.listen)
    data, key, settings = (server.folder / name for name in ("data", "keys/default.pem", "jq2qmt.toml"))
    settings.chmod(0o640)
    assert only(look(apart)[1], "rights")[0] == "ok"
    for path, mode, level, words in (
        (data, 0o755, "notice", "data can be entered by others"),
        (data, 0o777, "fault", "they could put another database there"),
        (key, 0o666, "fault", "they could put a key of their own there, and push with it"),
        (settings, 0o644, "notice", "the heartbeat's address"),
        (settings, 0o666, "fault", "they could tell the server something else"),
    ):
        before = path.stat().st_mode
        path.chmod(mode)
        code, checks = look(apart)
        found = only(checks, "rights")
        assert found[0] == level and words in found[1] and str(path.name) in found[1], found
        assert level == "notice" or code == 1
        path.chmod(before)
    settings.write_text("")
    settings.chmod(0o644)
    assert only(look(apart)[1], "rights")[0] == "ok", "nothing in it is secret"


def test_a_password_that_is_gone_is_missed(server):
    with database(server) as connection:
        connection.execute("DELETE FROM operator")
    code, checks = look(server)
    assert code == 1 and only(checks, "password")[0] == "fault"


def test_a_server_that_is_not_there_and_one_that_does_not_answer(server):
    assert only(look(server)[1], "server")[0] == "ok"
    apart = Server(server.folder, "--listen", "127.0.0.1:1")
    code, checks = look(apart)
    assert code == 1 and "nothing answers at 127.0.0.1:1" in only(checks, "server")[1]
    assert server.stop() == 0
    assert only(look(server)[1], "server") == ("notice", "none uses the data folder")
    server.start()


def test_a_database_that_is_damaged_or_of_another_version(tmp_path):
    with running(tmp_path) as server:
        for volume in range(100, 3000, 100):
            server.push("alpha", [held("000001.XSHE", volume)])
    path = tmp_path / "data/jq2qmt.db"
    whole = path.read_bytes()
    for statement, level, words in (
        ("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1", "fault", "written by a newer version"),
        ("UPDATE _sqlx_migrations SET success = 0", "fault", "half-way"),
        ("DELETE FROM _sqlx_migrations WHERE version > 1", "notice", "of an older version"),
        ("UPDATE strategies SET list = '[]'", "fault", "does not hold together"),
    ):
        with database(server) as connection:
            connection.execute(statement)
        found = only(look(server)[1], "database")
        assert found[0] == level and words in found[1], found
        path.write_bytes(whole)
    middle = len(whole) // 2 // 4096 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :])
    code, checks = look(server)
    assert code == 1 and only(checks, "database")[0] == "fault", checks
    path.write_bytes(b"")
    assert "the database is empty" in only(look(server)[1], "database")[1]


@linux_alone
def test_a_clock_that_is_slow_or_fast(tmp_path):
    clock = Clock(tmp_path / "clock")
    simulated = {"LD_PRELOAD": compiled("simulated_clock.c", tmp_path), "SIMULATED_CLOCK": str(tmp_path / "clock")}
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).replace(tzinfo=None)
    with running(tmp_path) as server:
        clock.set(now + datetime.timedelta(hours=3))
        fast = only(look(server, **simulated)[1], "clock")
        assert fast[0] == "fault" and "off this one" in fast[1], fast
        assert server.push("alpha", [held("000001.XSHE", 100)]).status_code == 200
        clock.set(now - datetime.timedelta(hours=3))
        code, checks = look(server, **simulated)
        assert code == 1 and "behind the newest change" in only(checks, "clock")[1], checks
        clock.set(datetime.datetime(2035, 6, 1, 12, 0, 0))
        assert only(look(server, **simulated)[1], "calendar")[0] == "fault"


def test_copies_that_stay_away(tmp_path):
    with running(tmp_path, "--backup-every", "1h") as server:
        until(lambda: list((tmp_path / "data").glob("backups/jq2qmt-*.db")))
    (copy,) = (tmp_path / "data").glob("backups/jq2qmt-*.db")
    level, words = only(look(server)[1], "backup")
    if sys.platform == "linux":
        assert level == "notice" and "on the database's own disk" in words, words
        with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
            shutil.copy(copy, memory)
            elsewhere = Server(tmp_path, "--backup-every", "1h", "--backup-dir", memory)
            assert only(look(elsewhere)[1], "backup")[0] == "ok"
    whole = copy.read_bytes()
    copy.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    level, words = only(look(server)[1], "backup")
    assert level == "fault" and "the newest cannot be used" in words, words
    copy.write_bytes(whole)
    copy.rename(copy.with_name("jq2qmt-20200101T000000Z.db"))
    code, checks = look(server)
    assert code == 1 and only(checks, "backup")[0] == "fault" and "2020-01-01" in only(checks, "backup")[1]
    shutil.rmtree(copy.parent)
    assert only(look(server)[1], "backup")[0] == "notice", "the first is made soon after the start"
    with database(server) as connection:
        connection.execute("UPDATE operator SET created_at = 0")
    assert only(look(server)[1], "backup")[0] == "fault"


@linux_alone
def test_a_disk_without_room(server):
    # There is nothing free where Linux shows its processes.
    apart = Server(server.folder, "--backup-every", "1h", "--backup-dir", "/proc/copies")
    code, checks = look(apart)
    assert code == 1
    (_, of_copies) = checks["disk"]
    assert of_copies[0] == "fault" and "/proc/copies: 0 MiB free" in of_copies[1], of_copies


@linux_alone
def test_few_open_files(server):
    for most, level in ((300, "fault"), (2000, "notice"), (4096, "ok")):
        few = ("sh", "-c", f'ulimit -n {most} && exec "$@"', "sh")
        assert only(look(server, lead=few)[1], "files")[0] == level, most


def certificate(folder, name, ends):
    """A certificate that ends so far from now, with its key."""
    key, subject = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
    )
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=400))
    built = built.not_valid_after(now + ends).sign(key, hashes.SHA256())
    (folder / f"{name}-key.pem").write_bytes(private_pem(key))
    (folder / f"{name}.pem").write_bytes(built.public_bytes(Encoding.PEM))


def test_a_certificate_is_read_and_its_end_told(tmp_path):
    days = datetime.timedelta(days=1)
    for name, ends in (("good", 90 * days), ("soon", 5 * days), ("over", -days)):
        certificate(tmp_path, name, ends)
    for cert, key, level in (
        ("good", "good-key", "ok"),
        ("soon", "soon-key", "notice"),
        ("over", "over-key", "fault"),
        ("good", "soon-key", "fault"),
        ("nowhere", "good-key", "fault"),
    ):
        options = ("--tls-cert", f"{cert}.pem", "--tls-key", f"{key}.pem")
        found = only(look(Server(tmp_path, *options))[1], "certificate")
        assert found[0] == level, (cert, key, found)
    plain = Server(tmp_path, "--listen", "10.0.0.1:1", "--reads", "key")
    assert only(look(plain)[1], "certificate")[0] == "notice", "in the clear"


def test_the_server_is_asked_over_https_whoever_signed_its_certificate(tmp_path):
    certificate(tmp_path, "own", datetime.timedelta(days=90))
    with running(tmp_path, "--tls-cert", "own.pem", "--tls-key", "own-key.pem") as server:
        _, checks = look(server)
        assert only(checks, "server")[0] == "ok" and only(checks, "clock")[0] == "ok", checks


def test_a_channel_is_tried_when_it_is_asked_for(server):
    robot = Robot()
    robot.says(REFUSED["wecom"])
    settle(server, "desk", kind="wecom", url=robot.url)
    assert only(look(server)[1], "channel")[0] == "notice" and robot.heard == [], "nothing is sent unasked"
    code, checks = look(server, "--send")
    assert code == 1 and "invalid webhook url" in only(checks, "channel")[1] and len(robot.heard) == 1
    robot.shutdown()
    robot.server_close()
