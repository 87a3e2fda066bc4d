"""What `import` takes over from MySQL: `make test-mysql` builds the program for it, and brings the MariaDB."""

import json
import os
import shutil
import socket
import subprocess
import tempfile

import pytest
from conftest import BINARY, clean_environment, running, until

# Debian keeps servers where not everybody looks for programs.
PATH = os.environ["PATH"] + ":/usr/sbin"
PASSWORD = "p@ss/word:1"
AS_NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
LISTED = [{"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 12.345678901234567}]
TABLE = """
CREATE TABLE its.strategy_positions (id INT AUTO_INCREMENT PRIMARY KEY, strategy_name VARCHAR(100) NOT NULL,
    positions JSON, update_time DATETIME(6)) CHARACTER SET utf8mb4
"""


class MariaDb:
    """A server of its own, in a folder of its own, that nobody but us asks."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("mariadb-install-db", f"--datadir={folder}/data", "--auth-root-authentication-method=normal")
        options = [f"--datadir={folder}/data", f"--socket={folder}/socket", f"--port={self.port}"]
        options += ["--bind-address=127.0.0.1", "--skip-name-resolve", f"--pid-file={folder}/pid"]
        command = [shutil.which("mariadbd", path=PATH), "--no-defaults", *options]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **AS_NOBODY
        )
        until(lambda: self.ask("SELECT 1", check=False).returncode == 0)

    def run(self, program, *options, **more):
        command = [shutil.which(program, path=PATH), "--no-defaults", *options]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, **{"check": True, **more, **AS_NOBODY}
        )

    def ask(self, sql, **more):
        options = [f"--socket={self.folder}/socket", "--user=root", "--default-character-set=utf8mb4"]
        return self.run("mariadb", *options, input=sql, timeout=60, **more)

    def put(self, *rows):
        texts = ", ".join(
            "(" + ", ".join("NULL" if cell is None else f"'{cell}'" for cell in row) + ")" for row in rows
        )
        self.ask(f"INSERT INTO its.strategy_positions (strategy_name, positions, update_time) VALUES {texts}")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def mariadb():
    folder = tempfile.mkdtemp(prefix="mariadb-")
    if AS_NOBODY:
        shutil.chown(folder, "nobody", "nogroup")
    server = MariaDb(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def its(mariadb):
    """The other jq2qmt's database, and its address as that program's settings spell it."""
    reader = f"'reader'@'%' IDENTIFIED BY '{PASSWORD}'"
    mariadb.ask(f"CREATE DATABASE its; {TABLE}; CREATE USER {reader}; GRANT SELECT ON its.* TO 'reader'@'%'")
    mariadb.address = f"mysql+pymysql://reader:p%40ss%2Fword%3A1@127.0.0.1:{mariadb.port}/its?charset=utf8mb4"
    yield mariadb
    mariadb.ask("DROP DATABASE its; DROP USER 'reader'@'%'")


def test_strategies_are_taken_over_from_mysql(tmp_path, its):
    its.put(
        ("beta", "[]", "2025-11-04 09:31:00"),
        ("双均线", json.dumps(LISTED, ensure_ascii=False), "2025-11-03 14:50:00.123456"),
        ("ADJUSTMENT_A", '[{"code": "600000.SH", "volume": -100, "cost": 0}]', "2025-11-05 10:00:00"),
    )
    before = its.ask("CHECKSUM TABLE its.strategy_positions").stdout
    with running(tmp_path) as server:
        server.push("beta", [{"code": "510300.XSHG", "volume": 100, "cost": 1}])
        assert server.run("import", "--from", its.address).stdout.splitlines() == [
            "take    双均线: 1 positions of 2025-11-03T14:50:00.123456+08:00",
            "leave   beta: it is or was here, and stays as it is",
            "take    ADJUSTMENT_A: 1 positions of 2025-11-05T10:00:00.000000+08:00",
            "nothing was written; the same with --yes writes it, while the server is stopped",
        ]
        server.stop()
        written = server.run("import", "--from", its.address, "--yes")
        assert written.stdout.endswith("written; the newest revision is 3\n")
        server.start()
        total = {line["code"]: line["total_volume"] for line in server.total()["positions"]}
        assert total == {"510300.XSHG": 100, "000001.XSHE": 1000, "600000.SH": -100}
        (made,) = server.get("/api/v1/strategies/双均线/revisions").json()["revisions"]
        assert (made["kind"], made["actor"]) == ("import", f"mysql://reader@127.0.0.1:{its.port}/its")
        assert server.run("verify").stdout.startswith("unbroken: 3 revisions")
        for told in (written.stdout, written.stderr, server.log(), json.dumps(made)):
            assert not any(secret in told for secret in (PASSWORD, "p%40ss"))
    assert its.ask("CHECKSUM TABLE its.strategy_positions").stdout == before


def test_an_import_from_mysql_takes_all_or_nothing(tmp_path, its):
    its.put(
        ("alpha", json.dumps(LISTED, ensure_ascii=False), "2025-11-03 14:50:00"),
        ("b", '[{"code": "X", "volume": -1, "cost": 1}]', "2025-11-03"),
        ("c", None, "2025-11-03"),
        ("d", "[]", None),
        ("e", "[]", "2999-01-01"),
    )
    with running(tmp_path) as server:
        server.stop()
        told = server.run("import", "--from", its.address, "--yes", check=False)
        assert told.returncode == 1 and told.stdout.count("REFUSE ") == 4, told.stdout
        server.start()
        assert server.total()["update_time"] is None


def test_what_cannot_be_read_is_said_without_the_password(tmp_path, its):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = closed.getsockname()[1]
        for address, words in {
            its.address.replace("reader", "nobody"): "Access denied for user 'nobody'",
            its.address.replace("/its", "/another"): "another",
            its.address.replace(
                f":{its.port}", f":{nowhere}"
            ): f"mysql://reader@127.0.0.1:{nowhere}/its cannot be read",
            f"mysql://reader:{PASSWORD}@127.0.0.1/its": "is written as %2F",
            "mysql://reader:word:1#@127.0.0.1/its": "is written as %2F",
        }.items():
            # In its environment no list of processes shows it.
            environment = clean_environment(JQ2QMT_IMPORT_FROM=address)
            command = [BINARY, "import"]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 1 and words in done.stderr, done.stderr
            assert not any(secret in done.stdout + done.stderr for secret in (PASSWORD, "p%40ss", "word:1"))
