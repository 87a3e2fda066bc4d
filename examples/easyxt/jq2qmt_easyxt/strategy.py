"""EasyXT strategies that push what they hold. 会同步持仓的 EasyXT 策略。"""

import copy
import logging
import threading
import time
import weakref

from .adapter import EasyXTJQ2QMTAdapter
from .jq_qmt_api import PushHeld
from .settings import completed, load

logger = logging.getLogger("jq2qmt")

# Who synchronises which strategy of which server. Two lists under one name would take turns, and real shares with them.
OWNERS, OWNING = weakref.WeakValueDictionary(), threading.Lock()


class SyncStatus:
    """How a strategy's synchronisation stands. Moments are Unix seconds, None before the first."""

    def __init__(self):
        self.last_try = None
        self.last_success = None
        self.failures = 0
        self.error = ""
        # The server's words where it keeps the newest list until it is approved: no failure, and not in force.
        self.held = ""
        self.revision = None
        # Whether the server may not have the newest list.
        self.pending = True


class AutoSync:
    """Pushes each strategy's newest list in the background: at once, after a failure again, and every `interval`
    seconds so that the server knows that the strategy lives. A strategy never waits for it."""

    def __init__(self, adapter, interval, clock=time.time):
        self.adapter, self.interval, self.clock = adapter, interval, clock
        self.lists, self.statuses = {}, {}
        self.lock = threading.Lock()
        # One push at a time: a slow old one must not end after a newer one.
        self.pushing = threading.Lock()
        self.wake = threading.Event()
        self.stopping = False
        self.thread = None

    def claim(self, strategy_name):
        """From now on until `stop`, nobody else synchronises that strategy. ValueError where somebody does."""
        with OWNING:
            if OWNERS.setdefault((self.adapter.server_url, strategy_name), self) is not self:
                raise ValueError(
                    "策略 %s 已有实例在同步，请先 stop() 或换一个 strategy_name "
                    "(another instance synchronises under this name: stop it first)" % strategy_name
                )

    def keep(self, strategy_name, positions):
        """From now on, this is what the strategy holds. ValueError where another instance says so under its name."""
        self.claim(strategy_name)
        with self.lock:
            # The strategy may go on changing its list while it is being sent.
            self.lists[strategy_name] = copy.deepcopy(list(positions))
            self.statuses.setdefault(strategy_name, SyncStatus()).pending = True
        self.wake.set()

    def status(self):
        """{strategy name: SyncStatus} of all that have a list."""
        with self.lock:
            return {name: copy.copy(status) for name, status in self.statuses.items()}

    def sync_now(self):
        """Push every list that there is; whether all of them are in force. Without a list, nothing is pushed."""
        with self.pushing:
            with self.lock:
                names = list(self.lists)
            outcomes = [self.sync_one(name) for name in names]
        return all(outcomes)

    def sync_one(self, name):
        with self.lock:
            positions, status = self.lists[name], self.statuses[name]
        answer, error, held = None, "", ""
        try:
            # It may have been stopped since, and another instance begun.
            self.claim(name)
            answer = self.adapter.sync_positions_to_qmt(name, positions)
        except PushHeld as waiting:
            held = str(waiting)
            if held != status.held:
                logger.warning("jq2qmt: %s", held)
        except Exception as failure:  # whatever it is, the strategy goes on
            error = str(failure) or type(failure).__name__
            logger.warning("jq2qmt: %s not synchronised: %s", name, error)
        with self.lock:
            status.last_try = self.clock()
            status.error, status.held = error, held
            status.failures = status.failures + 1 if error else 0
            status.pending = bool(error) or self.lists[name] is not positions
            if answer is not None:
                status.last_success = status.last_try
                status.revision = answer.get("revision", status.revision)
        return answer is not None

    @property
    def running(self):
        return self.thread is not None and self.thread.is_alive()

    def start(self):
        if not self.running:
            self.stopping = False
            self.wake.set()
            self.thread = threading.Thread(target=self.run, name="jq2qmt-sync", daemon=True)
            self.thread.start()

    def stop(self):
        """Ends the background work; waits for a push that is under way. The names are free again."""
        self.stopping = True
        self.wake.set()
        if self.thread is not None:
            self.thread.join()
        with OWNING:
            for name in [name for name, owner in OWNERS.items() if owner is self]:
                del OWNERS[name]

    def run(self):
        while not self.stopping:
            self.wake.wait(self.interval)
            self.wake.clear()
            if not self.stopping:
                self.sync_now()


class JQ2QMTMixin:
    """Put before EasyXT's own strategy class: `class MyStrategy(JQ2QMTMixin, StrategyTemplate)`."""

    def __init__(self, *args, strategy_name=None, enable_jq2qmt=False, jq2qmt_config=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.strategy_name = strategy_name or type(self).__name__
        self.jq2qmt = None
        config = completed(jq2qmt_config) if jq2qmt_config is not None else load()
        self.enable_jq2qmt = bool(enable_jq2qmt and config["enabled"])
        if self.enable_jq2qmt:
            sync = config["sync_settings"]
            self.jq2qmt = AutoSync(EasyXTJQ2QMTAdapter(config), sync["sync_interval"])
            self.jq2qmt.claim(self.strategy_name)
            if sync["auto_sync"]:
                self.jq2qmt.start()

    def update_positions(self, positions):
        """What the strategy holds now, whole: EasyXT positions. Goes on whatever happens to the synchronisation; only
        where it was stopped and another instance took its name since, that is a ValueError."""
        inherited = getattr(super(), "update_positions", None)
        if inherited is not None:
            inherited(positions)
        if self.jq2qmt is not None:
            self.jq2qmt.keep(self.strategy_name, positions)

    def sync_positions(self):
        """Push now and wait for it; whether it is in force. For strategies without auto_sync."""
        return self.jq2qmt is not None and self.jq2qmt.sync_now()

    def stop(self):
        inherited = getattr(super(), "stop", None)
        if inherited is not None:
            inherited()
        if self.jq2qmt is not None:
            self.jq2qmt.stop()


class Positions:
    """Keeps a strategy's list."""

    def __init__(self):
        self.positions = []

    def update_positions(self, positions):
        self.positions = list(positions)


class BaseStrategy(JQ2QMTMixin, Positions):
    """A strategy that keeps its list, and synchronises it where `enable_jq2qmt` is set."""
