"""EasyXT strategies that push what they hold. 会同步持仓的 EasyXT 策略。"""

import copy
import logging
import threading
import time

from jq2qmt_adapter import EasyXTJQ2QMTAdapter
from jq2qmt_settings import load

logger = logging.getLogger("jq2qmt")


class SyncStatus:
    """How a strategy's synchronisation stands. Moments are Unix seconds, None before the first."""

    def __init__(self):
        self.last_try = None
        self.last_success = None
        self.failures = 0
        self.error = ""
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

    def keep(self, strategy_name, positions):
        """From now on, this is what the strategy holds."""
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
        """Push every list that there is; whether all of them arrived. Without a list, nothing is pushed."""
        with self.pushing:
            with self.lock:
                names = list(self.lists)
            outcomes = [self.sync_one(name) for name in names]
        return all(outcomes)

    def sync_one(self, name):
        with self.lock:
            positions, status = self.lists[name], self.statuses[name]
        answer, error = None, ""
        try:
            answer = self.adapter.sync_positions_to_qmt(name, positions)
        except Exception as failure:  # whatever it is, the strategy goes on
            error = str(failure) or type(failure).__name__
            logger.warning("jq2qmt: %s not synchronised: %s", name, error)
        with self.lock:
            status.last_try = self.clock()
            status.error = error
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
        """Ends the background work; waits for a push that is under way."""
        self.stopping = True
        self.wake.set()
        if self.thread is not None:
            self.thread.join()

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
        config = jq2qmt_config if jq2qmt_config is not None else load()
        self.enable_jq2qmt = bool(enable_jq2qmt and config["enabled"])
        if self.enable_jq2qmt:
            sync = config["sync_settings"]
            self.jq2qmt = AutoSync(EasyXTJQ2QMTAdapter(config), sync["sync_interval"])
            if sync["auto_sync"]:
                self.jq2qmt.start()

    def update_positions(self, positions):
        """What the strategy holds now, whole: EasyXT positions. Goes on whatever happens to the synchronisation."""
        inherited = getattr(super(), "update_positions", None)
        if inherited is not None:
            inherited(positions)
        if self.jq2qmt is not None:
            self.jq2qmt.keep(self.strategy_name, positions)

    def sync_positions(self):
        """Push now and wait for it; whether it arrived. For strategies without auto_sync."""
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
