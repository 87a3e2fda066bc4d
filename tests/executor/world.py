"""An account with its broker and its clock: what is true, what is shown of it later, what the terminal does wrong."""

import collections
import dataclasses
import datetime
import heapq
import itertools
import threading
import time

CHINA = datetime.timezone(datetime.timedelta(hours=8))
# A Monday within trading hours.
BEGIN = datetime.datetime(2026, 1, 5, 10, 0, tzinfo=CHINA)
LOT, PRICE, FEE = 100, 10.0, 0.001
FILL_SECONDS, CANCEL_SECONDS = 1, 2
# A terminal that lives in real time, asks in one thread and trades in another, may act on an answer that was replaced
# this moment.
OVERLAP_SECONDS = 0.1


@dataclasses.dataclass
class Order:
    id: str
    code: str
    side: str
    volume: int
    price: float
    remark: str
    placed_at: str
    by_hand: bool = False
    traded: int = 0
    status: str = "working"

    def __str__(self):
        return f"{'a purchase' if self.side == 'buy' else 'a sale'} of {self.volume} {self.code}"


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the account was at a moment, in seconds of the scene."""

    at: float
    cash: float
    held: dict
    sellable: dict
    orders: list
    fills: list


class World:
    """A scene that is being played. Whoever touches it holds `lock`."""

    def __init__(self, scene, scale):
        self.scene, self.scale, self.lock = scene, scale, threading.RLock()
        self.began, self.slept, self.now = time.monotonic(), 0.0, 0.0
        self.slept_at = None  # real time at which the terminal slept last by the broker's clock
        self.cash, self.held, self.sellable = scene.cash, dict(scene.held), {**scene.held, **scene.sellable}
        self.orders, self.fills, self.reports = [], [], []
        self.faults = collections.Counter()
        self.events, self.numbers = [], itertools.count(1)
        self.phase, self.phase_began, self.given = None, 0.0, []
        self.is_over, self.restarts = threading.Event(), threading.Event()
        self.terminals, self.stranger, self.exit_code = [], "", None
        self.shown = []
        self.remember()
        at = 0.0
        for phase in scene.phases:
            self.later(at, lambda phase=phase: self.enter(phase))
            at += phase.seconds
        self.later(at, self.end)
        self.advance()

    # -- time --

    def later(self, at, call):
        heapq.heappush(self.events, (at, next(self.numbers), call))

    def advance(self):
        """Let everything happen that is due. The clock runs by itself, until the terminal sleeps by it for the first
        time: from then on it goes by what is slept alone, however busy the machine is."""
        if self.slept_at is None:
            self.slept = time.monotonic() - self.began
        until = self.slept / self.scale
        while self.events and self.events[0][0] <= until and not self.is_over.is_set():
            at, _, call = heapq.heappop(self.events)
            self.now = max(self.now, at)
            call()
        self.now = max(self.now, until)

    def skip(self):
        """Go to the end of the phase: nobody is there who could do anything in it."""
        rest = max(0.0, self.phase_began + self.phase.seconds - self.now) * self.scale
        self.began, self.slept = self.began - rest, self.slept + rest
        self.advance()

    def sleep(self, seconds):
        self.slept_at = time.monotonic()
        self.slept += seconds
        self.advance()

    def clock(self):
        return (BEGIN + datetime.timedelta(seconds=self.now * self.scale)).isoformat()

    def enter(self, phase):
        self.check_phase()
        self.phase, self.phase_began = phase, self.now
        if phase.restart:
            self.restarts.set()
        for order in self.live():
            self.fill_later(order)
        for code in phase.by_hand:
            self.accept(code, "buy", LOT, PRICE, "", by_hand=True)
        self.remember()

    def end(self):
        self.check_phase()
        if not self.given:
            self.wrong("it never asks for the target")
        for check in self.scene.checks:
            for fault in check(self):
                self.wrong(fault)
        self.is_over.set()

    # -- what is right --

    def wrong(self, text):
        if not self.is_over.is_set():
            self.faults[text] += 1

    def check_phase(self):
        phase = self.phase
        if phase is None:
            return
        for code, volume in phase.ends.items():
            if self.held.get(code, 0) != volume:
                self.wrong(f"{phase.name}: it holds {self.held.get(code, 0)} {code} at the end, not {volume}")
        for order in self.live():
            if phase.settled and not order.by_hand:
                self.wrong(f"{phase.name}: {order} still rests at the end")

    def give(self, answer):
        """Take note of what the terminal is told."""
        if not self.given or self.given[-1][1] is not answer:
            self.given.append((time.monotonic(), answer))

    def judge(self, order):
        """Take note of what is wrong with an order: when no answer allows it that may still be in the terminal's hands,
        or when another is in flight."""
        if any(other.code == order.code for other in self.live()):
            self.wrong(f"{order} while another order for it was in flight")
        complaints, replaced = [], None
        oldest = time.monotonic() - (OVERLAP_SECONDS if self.slept_at is None else 0)
        for at, answer in reversed(self.given):
            if replaced is not None and replaced < oldest:
                break
            complaints.append(self.complaint(answer, order))
            replaced = at
        if not complaints:
            self.wrong(f"{order} before any target was given")
        elif None not in complaints:
            self.wrong(complaints[0])

    def complaint(self, answer, order):
        """What an answer has against an order, or None."""
        if order.code in answer.holds:
            return f"{order}, whose line carries a hold"
        if answer.wanted is None:
            return f"{order} on {answer.name}"
        if order.code not in answer.wanted:
            return f"{order}, which is not listed"
        lacking = answer.wanted[order.code] - self.held.get(order.code, 0)
        if order.volume > (lacking if order.side == "buy" else -lacking):
            held = self.held.get(order.code, 0)
            return f"{order} where {held} are held and {answer.wanted[order.code]} wanted"
        return f"{order} on {answer.name}" if answer.brief else None

    # -- the broker --

    def live(self):
        return [order for order in self.orders if order.status == "working"]

    def accept(self, code, side, volume, price, remark, by_hand=False):
        order = Order(str(len(self.orders) + 1), code, side, volume, price, remark, self.clock(), by_hand)
        if not by_hand:
            self.judge(order)
            refusal = self.refusal(order)
            if refusal is not None:
                order.status = "rejected"
                self.wrong(f"{order}: the broker refuses it, {refusal}")
        self.orders.append(order)
        self.fill_later(order)
        self.remember()
        return order

    def refusal(self, order):
        reserved = sum((one.volume - one.traded) * one.price for one in self.live() if one.side == "buy")
        if order.volume <= 0 or order.volume % LOT:
            return f"lots are of {LOT}"
        if abs(order.price / PRICE - 1) > 0.1:
            return "the price is beyond the day's limits"
        if order.side == "sell" and order.volume > self.sellable.get(order.code, 0):
            return f"{self.sellable.get(order.code, 0)} may be sold today"
        if order.side == "buy" and order.volume * order.price * (1 + FEE) > self.cash - reserved:
            return "there is not the cash for it"
        return None

    def fill_later(self, order):
        if order.status == "working" and not order.by_hand and order.code not in self.phase.rests:
            self.later(self.now + FILL_SECONDS, lambda: self.fill(order))

    def fill(self, order):
        part = order.code in self.phase.partly
        if order.status != "working" or order.code in self.phase.rests or (part and order.traded):
            return
        volume = order.volume // LOT // 2 * LOT if part else order.volume - order.traded
        sign = 1 if order.side == "buy" else -1
        order.traded += volume
        order.status = "filled" if order.traded == order.volume else "working"
        self.held[order.code] = self.held.get(order.code, 0) + sign * volume
        if order.side == "sell":
            self.sellable[order.code] -= volume
        self.cash -= sign * volume * PRICE
        if volume:
            self.fills.append(
                {"id": str(len(self.fills) + 1), "order": order.id, "code": order.code, "side": order.side,
                 "volume": volume, "price": PRICE, "at": self.clock()}
            )  # fmt: skip
        self.remember()

    def cancel(self, number):
        for order in self.live():
            if order.id == number:
                if order.by_hand:
                    self.wrong(f"it cancels an order that was placed by hand ({order})")
                self.later(self.now + CANCEL_SECONDS, lambda order=order: self.cancelled(order))
                return True
        return False

    def cancelled(self, order):
        if order.status == "working":
            order.status = "cancelled"
            self.remember()

    # -- what is shown --

    def remember(self):
        orders = [dataclasses.asdict(order) for order in self.orders]
        self.shown.append(Shown(self.now, self.cash, dict(self.held), dict(self.sellable), orders, list(self.fills)))

    def view(self, lag):
        """What the broker's lists show: the account as it was a while ago."""
        return next((one for one in reversed(self.shown) if one.at <= self.now - lag), self.shown[0])

    def is_blind(self):
        """Whether the lists are empty still, after a new connection."""
        return self.now - self.phase_began < self.phase.blind

    def positions(self):
        seen = self.view(self.phase.lag)
        return [
            {"code": code, "volume": volume, "sellable": min(volume, seen.sellable.get(code, 0)), "cost": PRICE}
            for code, volume in sorted(seen.held.items())
            if volume and code not in self.phase.hides and not self.is_blind()
        ]

    def listed_orders(self):
        return [] if self.is_blind() else self.view(self.phase.order_lag).orders

    def account(self):
        seen = self.view(self.phase.lag)
        value = sum(seen.held.values()) * PRICE
        return {"cash": round(seen.cash, 2), "value": value, "total": round(seen.cash + value, 2)}
