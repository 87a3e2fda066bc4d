# -*- coding: utf-8 -*-
"""The market data of both terminals, which is the same."""

from .decide import Quote


def read_quote(tick, detail):
    """A quote from get_full_tick's tick and the instrument's detail; None where one of them is missing."""
    if not tick or not detail:
        return None
    stamp = str(tick.get("timetag") or "")[:8]
    return Quote(
        asks=list(tick.get("askPrice") or ()),
        bids=list(tick.get("bidPrice") or ()),
        up=detail.get("UpStopPrice") or 0.0,
        down=detail.get("DownStopPrice") or 0.0,
        suspended=(detail.get("InstrumentStatus") or 0) > 0,
        # Without a date nobody knows of which day it is.
        day=stamp if len(stamp) == 8 and stamp.isdigit() else None,
        last=tick.get("lastPrice") or tick.get("lastClose") or None,
    )
