"""Every command, and what each says when it cannot."""

import json
import socket
import sqlite3
import subprocess

import pytest
import requests
from conftest import BINARY, INTERNAL, PASSWORD, TOTAL, UPDATE, clean_environment, held, private_pem, running, until


def refused(folder, *arguments, **environment):
    """The message of a program that must not start."""
    done = subprocess.run(
        [BINARY, *map(str, arguments)],
        cwd=folder, env=clean_environment(**environment), capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode != 0 and done.stdout == "", done.stdout
    return done.stderr


def test_keygen_makes_a_client_that_can_push(server):
    made = server.run("keygen", "alice", "--out", "alice-private")
    assert "alice-private/alice_private.pem" in made.stdout
    assert "keys/alice.pem" in made.stdout
    again = server.run("keygen", "alice", check=False)
    assert again.returncode == 1 and "--tag" in again.stderr
    server.run("keygen", "alice", "--tag", "2", "--bits", "2048")
    for key in ("alice-private/alice_private.pem", "data/alice_2_private.pem"):
        push(server, "--key", key, "--client", "alice", "--strategy", "alpha", "-", stdin="[]")
    for bad in ("../alice", "a.b", "", "a/b", "x" * 65):
        assert "cannot be part of a key's file name" in server.run("keygen", bad, check=False).stderr
    inside = server.run("keygen", "bob", "--out", "keys", check=False)
    assert inside.returncode == 1 and "does not belong in the keys folder" in inside.stderr
    assert server.run("keygen", "bob", "--bits", "1024", check=False).returncode == 2


def push(server, *arguments, stdin=None, check=True):
    return server.run("push", "--server", server.url, *arguments, stdin=stdin, check=check)


def test_push_reads_json_and_csv(server):
    default = ("--key", "data/default_private.pem", "--client", "default", "--strategy", "双均线")
    (server.folder / "list.json").write_text('[{"code":"000001.XSHE","volume":100,"cost":12.345678901234567}]')
    answer = json.loads(push(server, *default, "list.json").stdout)
    assert (answer["client_id"], answer["strategy_name"], answer["changed"]) == ("default", "双均线", True)
    assert "warning" not in answer
    (server.folder / "list.csv").write_bytes("\ufeffcode,volume,cost,remark\r\n600000.XSHG,200,8.9,备注\r\n".encode())
    push(server, *default, "list.csv", "--sequence", "5")
    listed = server.get("/api/v1/positions/strategy/双均线").json()["positions"]
    assert listed == [{"code": "600000.XSHG", "name": "", "volume": 200, "cost": 8.9, "remark": "备注"}]

    stale = push(server, *default, "list.csv", "--sequence", "5", check=False)
    assert stale.returncode == 1
    assert "409" in stale.stderr and "sequence 已过期" in stale.stderr
    wrong = push(server, *default, "-", stdin='[{"code":"X","volume":-1,"cost":1}]', check=False)
    assert wrong.returncode == 1 and "第 1 条持仓的 volume 无效" in wrong.stderr
    for text, expected in {"": "to hold nothing, push the JSON list []", "[{": "cannot be pushed"}.items():
        empty = push(server, *default, "-", stdin=text, check=False)
        assert empty.returncode == 1 and expected in empty.stderr
    public = push(server, "--key", "keys/default.pem", "--client", "a", "--strategy", "a", "list.csv", check=False)
    assert public.returncode == 1 and "it is a public key" in public.stderr
    gone = server.run("push", "--server", "http://127.0.0.1:1", *default, "list.csv", check=False)
    assert gone.returncode == 1 and "cannot be reached" in gone.stderr


def test_push_says_what_waits_and_what_is_warned_of(server):
    rules = {"strategies": "alpha", "rules": {"instruments": {"over": 1, "then": "hold"}}}
    also = {"strategies": "beta", "rules": {"instruments": {"over": 1, "then": "warn"}}}
    put = requests.put(
        server.url + "/api/v1/guards", json=[rules, also], headers={"X-Internal-Password": PASSWORD}, timeout=10
    )
    assert put.status_code == 200, put.text
    key = ("--key", "data/default_private.pem", "--client", "default")
    two = json.dumps([held("000001.XSHE", 100), held("600000.XSHG", 100)])
    waits = push(server, *key, "--strategy", "alpha", "-", stdin=two, check=False)
    assert waits.returncode == 3 and json.loads(waits.stdout)["held"] is True
    lines = waits.stderr.splitlines()
    assert "the target in force has not changed" in lines[0] and f"hold {json.loads(waits.stdout)['hold']};" in lines[0]
    assert lines[1].startswith("because: 共 2 条持仓") and "the list has 2 lines" in lines[1]
    assert server.total()["positions"] == []
    warned = push(server, *key, "--strategy", "beta", "-", stdin=two)
    assert warned.stderr.startswith("warning: 共 2 条持仓") and json.loads(warned.stdout)["changed"] is True
    quiet = push(server, *key, "--strategy", "beta", "-", stdin="[]")
    assert quiet.stderr == ""
    assert "exit 3" in server.run("--help").stdout


def test_api_keys_come_and_go_beside_the_server(tmp_path):
    with running(tmp_path, "--reads", "key") as server:
        assert server.get(TOTAL).status_code == 401
        read = server.run("key", "add", "qmt", "--scope", "read").stdout.split()[-1]
        # As an unmodified poller is given it: in the address.
        with_key = server.url.replace("http://", f"http://qmt:{read}@")
        assert requests.get(with_key + TOTAL, timeout=10).json()["positions"] == []
        write = server.run("key", "add", "jq", "--scope", "write", "--strategy", "alpha*").stdout.split()[-1]
        body = {"strategy_name": "alpha1", "positions": []}
        assert server.post(UPDATE, body, X_API_Key=write).json()["auth_type"] == "simple"
        assert server.post(UPDATE, {**body, "strategy_name": "beta"}, X_API_Key=write).status_code == 403
        listed = server.run("key", "list").stdout
        assert "qmt" in listed and "alpha*" in listed and read not in listed and read[:13] in listed
        twice = server.run("key", "add", "qmt", "--scope", "read", check=False)
        assert twice.returncode == 1 and "already" in twice.stderr
        narrowed = server.run("key", "add", "x", "--scope", "read", "--strategy", "a", check=False)
        assert narrowed.returncode == 1
        server.run("key", "revoke", "jq")
        assert server.run("key", "revoke", "jq", check=False).returncode == 1
        assert "revoked 20" in server.run("key", "list").stdout


def test_password_set_works_at_once(server):
    short = server.run("password", "set", stdin="short\n", check=False)
    assert short.returncode == 1 and "at least 10 characters" in short.stderr
    server.run("password", "set", stdin="a-new-password\n")
    body = {"strategy_name": "ADJUSTMENT_A", "positions": []}
    assert server.post(INTERNAL, body, X_Internal_Password=PASSWORD).status_code == 401
    assert server.post(INTERNAL, body, X_Internal_Password="a-new-password").status_code == 200


def test_verify_names_what_is_broken(server):
    for volume in (100, 200, 300):
        server.push("alpha", [{"code": "X", "volume": volume, "cost": 1}])
    assert server.run("verify").stdout.startswith("unbroken: 3 revisions")
    database = sqlite3.connect(server.folder / "data/jq2qmt.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute("UPDATE revisions SET actor = 'mallory' WHERE id = 2")
    database.execute("DROP TRIGGER revisions_are_not_updated")
    database.execute("UPDATE revisions SET actor = 'mallory' WHERE id = 2")
    database.commit()
    broken = server.run("verify", check=False)
    assert broken.returncode == 1
    assert broken.stdout.startswith("BROKEN at revision 2")


def test_commands_without_a_database_say_so(tmp_path):
    for command in (["verify"], ["key", "list"], ["password", "set"]):
        assert "there is no database at data/jq2qmt.db" in refused(tmp_path, *command)
    assert not (tmp_path / "data").exists()


def test_bad_configurations_stop_the_start(tmp_path):
    (tmp_path / "bad.toml").write_text('lisen = "127.0.0.1:0"\n')
    assert "unknown field `lisen`" in refused(tmp_path, "--config", "bad.toml")
    (tmp_path / "bad.toml").write_text("listen = 5366\n")
    assert "bad.toml" in refused(tmp_path, "--config", "bad.toml")
    assert "nowhere.toml" in refused(tmp_path, "--config", "nowhere.toml")
    elsewhere = refused(tmp_path, "--listen", "0.0.0.0:0")
    assert "--reads key" in elsewhere and "--reads open" in elsewhere
    assert "invalid" in refused(tmp_path, JQ2QMT_LISTEN="localhost")
    assert "no time zone" in refused(tmp_path, "--zone", "Mars/Olympus")
    assert "--tls-cert and --tls-key go together" in refused(tmp_path, "--tls-cert", "x.pem")
    assert not (tmp_path / "data").exists()
    assert "nowhere.pem" in refused(
        tmp_path, "--listen", "127.0.0.1:0", "--tls-cert", "nowhere.pem", "--tls-key", "k.pem"
    )


def test_options_come_from_flags_environment_and_file(tmp_path):
    (tmp_path / "jq2qmt.toml").write_text('data-dir = "from-file"\nkeys_dir = "keys-from-file"\nzone = "UTC"\n')
    with running(tmp_path, "--config", "jq2qmt.toml", "--data-dir", "from-flag", JQ2QMT_DATA_DIR="from-environment"):
        assert (tmp_path / "from-flag/jq2qmt.db").exists() and (tmp_path / "keys-from-file").exists()
    with running(tmp_path, JQ2QMT_CONFIG="jq2qmt.toml", JQ2QMT_DATA_DIR="from-environment"):
        assert (tmp_path / "from-environment/jq2qmt.db").exists() and not (tmp_path / "from-file").exists()


def test_what_is_in_the_way_is_named(tmp_path, quick_key):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused(tmp_path, "--listen", f"127.0.0.1:{port}")
        assert f"cannot listen on 127.0.0.1:{port}" in message and "--listen" in message
    (tmp_path / "file").write_text("")
    assert "the data folder file/data cannot be created" in refused(
        tmp_path, "--listen", "127.0.0.1:0", "--data-dir", "file/data"
    )
    with running(tmp_path):
        again = refused(tmp_path, "--listen", "127.0.0.1:0")
        assert "another jq2qmt server is using the data folder data" in again

    keys = tmp_path / "keys"
    (keys / "broken.pem").write_text("hello")
    assert "broken.pem: it is not an RSA public key" in refused(tmp_path, "--listen", "127.0.0.1:0")
    (keys / "broken.pem").write_bytes(private_pem(quick_key))
    assert "broken.pem holds a private key" in refused(tmp_path, "--listen", "127.0.0.1:0")
    (keys / "broken.pem").unlink()

    database = sqlite3.connect(tmp_path / "data/jq2qmt.db")
    database.execute(
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time"
        " FROM _sqlx_migrations LIMIT 1"
    )
    database.commit()
    database.close()
    assert "written by a newer version of jq2qmt" in refused(tmp_path, "--listen", "127.0.0.1:0")
    (tmp_path / "data/jq2qmt.db").write_text("a letter, not a database, but long enough to look at twice" * 20)
    assert "cannot open data/jq2qmt.db" in refused(tmp_path, "--listen", "127.0.0.1:0")


def test_what_comes_from_outside_is_shown_as_text(server):
    """Escape sequences could hide what is on the screen, and a line end could fake a line of the log."""
    evil = "a\x1b[2J\nz\u202eexe"
    server.run("key", "add", "script", "--scope", "write", "--strategy", evil)
    listed = server.run("key", "list").stdout
    assert listed.count("\n") == 1 and not set(listed) & set("\x1b\u202e") and "a\\u{1b}[2J\\nz\\u{202e}exe" in listed

    requests.delete(server.url + "/api/v1/strategies/%1B" + "y" * 5000, timeout=10)
    # The log is written beside the answer.
    until(lambda: "yyy" in server.log())
    lines = [line for line in server.log().splitlines() if "yyy" in line]
    assert len(lines) == 1 and len(lines[0]) < 700 and "/strategies/%1Byyy" in lines[0]
