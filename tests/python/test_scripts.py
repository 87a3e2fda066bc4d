"""What the scripts beside the program say and leave alone."""

import pathlib
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

if sys.platform != "linux":
    pytest.skip("the packages are a Debian system's", allow_module_level=True)

SCRIPT = ROOT / "scripts/install-test-tools"
PACKAGES = SCRIPT.read_text(encoding="utf-8").split("packages=(")[1].split(")")[0].split()

#: Answers as Debian's does, from two files beside it: what is installed, and what that provides under other names.
DPKG_QUERY = """#!/bin/sh
here=$(dirname "$0")
[ -n "$3" ] || exec cat "$here/provided"
grep -qxF "$3" "$here/installed" && echo "install ok installed"
"""


class Machine:
    """A machine on which nothing is found but what a test puts there."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for tool in ["bash", "sh", "grep", "id", "cat", "dirname"]:
            (self.folder / tool).symlink_to(shutil.which(tool))
        self.has("cargo")
        self.has("apt-get", f"#!/bin/sh\ntouch {self.folder}/was-installed\n")
        self.has("sudo", '#!/bin/sh\nshift\nexec "$@"\n')

    def has(self, *commands):
        name, text = (*commands, "#!/bin/sh\n")[:2]
        (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def is_debian(self, installed, provided=""):
        self.has("dpkg-query", DPKG_QUERY)
        (self.folder / "installed").write_text("\n".join(installed), encoding="utf-8")
        (self.folder / "provided").write_text(provided, encoding="utf-8")

    def dry_run(self):
        """The exit code and what is said."""
        command = [self.folder / "bash", SCRIPT, "--dry-run"]
        done = subprocess.run(command, env={"PATH": str(self.folder)}, capture_output=True, text=True, timeout=60)
        assert not (self.folder / "was-installed").exists(), "a dry run installs nothing"
        assert done.stdout == ""
        return done.returncode, done.stderr


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_where_all_is_there_nothing_is_said(machine):
    machine.is_debian(PACKAGES)
    assert machine.dry_run() == (0, "")


def test_what_is_missing_is_said_and_not_installed(machine):
    machine.is_debian([package for package in PACKAGES if package not in ("gcc", "chromium")])
    assert machine.dry_run() == (1, "make test needs what root can install: apt-get install gcc chromium\n")


def test_what_another_package_provides_is_there(machine):
    others = [package for package in PACKAGES if package != "libglib2.0-0"]
    machine.is_debian(others, "install ok installed libglib2.0-0 (= 2.84), libgio\n")
    assert machine.dry_run() == (0, "")
    machine.is_debian(others, "deinstall ok config-files libglib2.0-0 (= 2.84)\ninstall ok installed libglib2.0-0x\n")
    assert machine.dry_run() == (1, "make test needs what root can install: apt-get install libglib2.0-0\n")


def test_without_rust_or_debian_it_says_what_it_cannot_install(machine):
    (machine.folder / "cargo").unlink()
    code, said = machine.dry_run()
    assert code == 1 and said.startswith("make test needs Rust: ")
    machine.has("cargo")
    assert machine.dry_run() == (1, "make test needs, and cannot install here: cc curl python3 chromium\n")
    for command in ["cc", "curl", "python3", "chromium-browser"]:
        machine.has(command)
    assert machine.dry_run() == (0, "")
