"""Hold a terminal to docs/terminals.md: play server and broker to it, faults included, and say what it does wrong.

    python tests/executor/run.py [--scene NAME]… [--scale NUMBER] -- COMMAND…

Exit code 1 where something was wrong. Needs nothing but Python 3.11; README.md beside it says how a terminal is joined
to it.
"""

import argparse
import concurrent.futures
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

from fakes import KEY, Broker, Server, Stranger, listening
from scenes import ACCOUNT, LINEAGE, SCENES
from world import World

# A terminal that sleeps by the broker's clock, and has not done so in this time, hangs.
SILENCE_SECONDS = 10
# How long it may take to end when it is told to, before it is killed.
GRACE_SECONDS = 2
# Real time within which an answer of the server is to be given up.
TIMEOUT_SECONDS = 0.5
LAST_LINES = 12


class Terminal:
    """The program under test."""

    def __init__(self, command, environment):
        self.command, self.environment = command, environment
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT
        )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace").splitlines()[-LAST_LINES:]


def play(scene, command, scale):
    """What was wrong in a scene, and the last lines that the terminal wrote."""
    world = World(scene, scale)
    with contextlib.ExitStack() as open_ones:
        server, broker, world.stranger = (
            open_ones.enter_context(listening(handler, world)) for handler in (Server, Broker, Stranger)
        )
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "JQ2QMT_SERVER": server, "JQ2QMT_API_KEY": KEY, "JQ2QMT_ACCOUNT": ACCOUNT, "JQ2QMT_LINEAGE": str(LINEAGE),
            "JQ2QMT_BROKER": broker, "JQ2QMT_TIMEOUT": str(TIMEOUT_SECONDS), "JQ2QMT_SCALE": str(scale),
        }  # fmt: skip
        terminal = Terminal(command, environment)
        try:
            watch(world, terminal)
        finally:
            terminal.end()
    faults = list(world.faults.items())
    if faults and world.exit_code is not None:
        faults.append((f"it ended by itself, with exit code {world.exit_code}", 1))
    return faults, terminal.last_words()


def watch(world, terminal):
    """Until the scene is over: start the terminal anew where the scene does, and let nobody wait for one that hangs."""
    while not world.is_over.wait(0.01):
        with world.lock:
            world.advance()
            if world.restarts.is_set():
                terminal.kill()
                terminal.start()
                world.slept_at = world.slept_at and time.monotonic()
                world.restarts.clear()
            elif terminal.process.poll() is not None:
                # To end is a way to stop. Whether it was one here, the rest of the scene tells.
                world.exit_code = terminal.process.returncode
                world.skip()
            elif world.slept_at is not None and time.monotonic() - world.slept_at > SILENCE_SECONDS:
                world.wrong(f"it hangs: for {SILENCE_SECONDS} s it has not come back to sleep")
                world.is_over.set()


def tell(scene, faults, words):
    print(f"{'WRONG' if faults else 'right'}  {scene.name}: {scene.about}")
    for fault, count in faults:
        print(f"       - {fault}" + (f" ({count} times)" if count > 1 else ""))
    if faults:
        print("".join(f"         | {line}\n" for line in words), end="")
    sys.stdout.flush()


def read_arguments():
    known = {scene.name: scene for scene in SCENES}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    only = f"play only this one, or again for more; one of: {', '.join(known)}."
    parser.add_argument("--scene", action="append", choices=known, metavar="NAME", help=only)
    parser.add_argument("--scale", type=float, default=1.0, help="how long a second of the scenes is (1)")
    parser.add_argument("--jobs", type=int, default=4, help="how many scenes are played at a time (4)")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the terminal, after --")
    arguments = parser.parse_args()
    if shutil.which(arguments.command[0]) is None:
        parser.error(f"no such command: {arguments.command[0]}")
    arguments.scenes = [known[name] for name in arguments.scene] if arguments.scene else SCENES
    return arguments


def main():
    arguments = read_arguments()
    sys.stdout.reconfigure(errors="replace")
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        played = pool.map(lambda scene: play(scene, arguments.command, arguments.scale), arguments.scenes)
        for scene, (faults, words) in zip(arguments.scenes, played, strict=True):
            tell(scene, faults, words)
            wrong += bool(faults)
    print(f"{len(arguments.scenes) - wrong} of {len(arguments.scenes)} scenes right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
