"""The archives of a release, packed from a file that stands in for the binary: nothing is built here."""

import hashlib
import importlib.machinery
import importlib.util
import posixpath
import re
import subprocess
import sys
import tarfile
import zipfile

import pytest
from conftest import ROOT, clean_environment

LINUX, WINDOWS = "x86_64-unknown-linux-musl", "x86_64-pc-windows-gnu"


def dist(*arguments, check=True):
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/dist", *map(str, arguments)],
        env=clean_environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


def packed(path):
    """Every file of an archive, with its mode."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {one.filename: (archive.read(one), one.external_attr >> 16) for one in archive.infolist()}
    with tarfile.open(path) as archive:
        assert all((one.uid, one.gid, one.uname, one.isfile()) == (0, 0, "", True) for one in archive)
        return {one.name: (archive.extractfile(one).read(), one.mode) for one in archive}


@pytest.mark.parametrize(("target", "binary", "suffix"), [(LINUX, "jq2qmt", "tar.gz"), (WINDOWS, "jq2qmt.exe", "zip")])
def test_an_archive_holds_what_somebody_needs_who_has_nothing_else(tmp_path, target, binary, suffix):
    (tmp_path / binary).write_bytes(b"a program")
    (tmp_path / binary).chmod(0o755)
    for out in ("one", "two"):
        dist("--binary", tmp_path / binary, "--out", tmp_path / out, target)
    (archive,) = (tmp_path / "one").glob(f"jq2qmt-*-{target}.{suffix}")
    assert archive.read_bytes() == (tmp_path / "two" / archive.name).read_bytes(), "the same sources, the same archive"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (tmp_path / "one/SHA256SUMS").read_text() == f"{digest}  {archive.name}\n"

    files = packed(archive)
    folder = archive.name.removesuffix(f".{suffix}") + "/"
    assert all(name.startswith(folder) for name in files), "it unpacks into a folder of its own"
    files = {name.removeprefix(folder): about for name, about in files.items()}
    assert files[binary] == (b"a program", 0o755)
    for name in ("README.md", "README.zh-CN.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/operations.md"):
        assert files[name] == ((ROOT / name).read_bytes(), 0o644), name
    for name in ("joinquant/jq_qmt_api.py", "qmt/qmt_jq_trade.py", "service/jq2qmt.service", "service/jq2qmt.toml"):
        assert f"examples/{name}" in files, name
    assert not [name for name in files if "__pycache__" in name or name.startswith(("src/", "tests/python", "data/"))]
    for name in files:
        # What is read leads to nothing that only the sources have.
        links = re.findall(r"\]\(([^)#:]+)[^):]*\)", files[name][0].decode()) if name.endswith(".md") else []
        there = [posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) for link in links]
        assert not [link for link in there if not any(file == link or file.startswith(link + "/") for file in files)], (
            name
        )
    # What holds another terminal to its rules is named in what is to be read.
    assert "tests/executor/run.py" in files
    parts = files["LICENSES-OF-PARTS.txt"][0].decode()
    for words in ("tokio 1.", "libsqlite3-sys", "aws-lc-sys", "Permission is hereby granted", "Apache License"):
        assert words in parts, words
    assert "insta 1." not in parts, "what only tests is not in it"
    assert ("windows-service" in parts) == (target == WINDOWS)


def test_a_target_that_cannot_be_built_here_is_named_with_what_it_needs(tmp_path):
    # A target that Rust knows and that nobody has for this.
    done = dist("--out", tmp_path / "out", "s390x-unknown-linux-gnu", check=False)
    assert done.returncode == 1 and "nothing was made" in done.stderr
    assert "not made for s390x-unknown-linux-gnu: it needs rustup target add s390x-unknown-linux-gnu" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def script():
    loader = importlib.machinery.SourceFileLoader("dist", str(ROOT / "scripts/dist"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("dist", loader))
    loader.exec_module(module)
    return module


def test_what_is_left_out_fails_unless_that_is_enough(tmp_path, monkeypatch, script):
    (tmp_path / "jq2qmt").write_bytes(b"a program")
    monkeypatch.setattr(script, "missing", lambda target: "what nobody has" if target == WINDOWS else None)
    monkeypatch.setattr(script, "build", lambda _: tmp_path / "jq2qmt")
    monkeypatch.setattr(sys, "argv", ["dist", "--out", str(tmp_path / "out"), LINUX, WINDOWS])
    with pytest.raises(SystemExit, match="not every target was made"):
        script.main()
    (line,) = (tmp_path / "out/SHA256SUMS").read_text().splitlines()
    assert line.endswith(f"{LINUX}.tar.gz")
    sys.argv.append("--partial")
    script.main()


def test_a_compiler_of_the_same_name_for_another_machine_is_missing(tmp_path, monkeypatch, script):
    machine = "aarch64-linux-gnu"
    monkeypatch.setattr(script, "told", lambda name, *_: str(tmp_path) if name == "rustc" else f"{machine}\n")
    monkeypatch.setattr(script.shutil, "which", lambda name: name)
    assert script.missing(LINUX) == f"a musl-gcc that makes code for x86_64, not for {machine}"
    machine = "x86_64-linux-gnu"
    assert script.missing(LINUX) is None
