# -*- coding: utf-8 -*-
"""Which targets hold still: what one strategy drops and another takes a moment later is not sold and bought back."""

from .terms import IN_FLIGHT, because, seconds


class Steady(object):
    """Since when each target has been what it is, by what the looks saw."""

    def __init__(self, needed):
        self.needed = needed
        self.wanted, self.since, self.began = {}, {}, None

    def observe(self, targets, now):
        wanted = {code: (volume, code in targets.holds) for code, volume in targets.volumes.items()}
        self.began = self.began or now
        for code in set(wanted) | set(self.wanted):
            if wanted.get(code) != self.wanted.get(code):
                self.since[code] = now
        self.wanted = wanted

    def restless(self, codes, now):
        """{code: Why} of those that have not held still for long enough."""
        why = because(IN_FLIGHT, "目标刚变，等它 %d 秒不变", self.needed)
        return {code: why for code in codes if seconds(now, self.since.get(code, self.began)) < self.needed}
