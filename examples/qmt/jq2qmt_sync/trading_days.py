# -*- coding: utf-8 -*-
"""Ask the server whether the exchanges trade today, without holding the terminal up. Only a clear no counts."""

import threading

from .answer import read_json
from .rules import CLOSED
from .terms import seconds

CALENDAR_PATH = "/api/v1/calendar?from=%s&to=%s"
# Once it says that they trade, it is not asked again on that day; a day that is closed may have been mistyped.
ASK_AGAIN_SECONDS = 600


class TradingDays(object):
    """The server's calendar, of which one day is looked at."""

    def __init__(self, wire):
        self.wire = wire
        # The last day that was answered, with the answer.
        self.answered = (None, None)
        self.asking, self.asked_at = None, None

    def are_closed(self, now):
        """Whether the server has said that the exchanges are closed today. Never waits for it."""
        day = now.strftime("%Y-%m-%d")
        known, answer = self.answered
        if known != day or answer != "open":
            self.ask(day, now)
        return known == day and answer == CLOSED

    def ask(self, day, now):
        is_recent = self.asked_at is not None and 0 <= seconds(now, self.asked_at) < ASK_AGAIN_SECONDS
        if is_recent or (self.asking is not None and self.asking.is_alive()):
            return
        self.asked_at = now
        self.asking = threading.Thread(target=self.fetch, args=(day,))
        self.asking.daemon = True
        self.asking.start()

    def fetch(self, day):
        """Keeps what is answered. What is no answer, or says that it is not known, leaves everything as it was."""
        try:
            status, body, _ = self.wire.exchange(CALENDAR_PATH % (day, day))
            days = (read_json(body) or {}).get("days") if status == 200 else None
            answers = [one["answer"] for one in days or [] if one["day"] == day]
        except Exception:
            return
        if answers:
            self.answered = (day, answers[0])
