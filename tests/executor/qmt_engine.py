"""The engine of examples/qmt as a terminal of the fake broker: an adapter, as another terminal would have one."""

import datetime
import http.client
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/qmt"))

from jq2qmt_sync.decide import Quote
from jq2qmt_sync.session import make_session
from jq2qmt_sync.terms import CANCELLED, FILLED, PART_CANCELLED, REJECTED, Account, Fill, Order, holdings_of

INTERVAL_SECONDS = 5
STATUSES = {"working": 50, "filled": FILLED, "cancelled": CANCELLED, "rejected": REJECTED}


def settings():
    return {
        "ACCOUNT": "1", "SERVER": os.environ["JQ2QMT_SERVER"], "API_KEY": os.environ["JQ2QMT_API_KEY"], "CA_FILE": None,
        "ACCOUNT_NAME": os.environ["JQ2QMT_ACCOUNT"], "LINEAGE": int(os.environ["JQ2QMT_LINEAGE"]), "STRATEGIES": [],
        "INCLUDE_ADJUSTMENTS": True, "DRY_RUN": False, "REPORT": True, "PROTECTED": {}, "MAX_ORDER_VALUE": None,
        "MIN_ORDER_VALUE": 0, "MAX_DAILY_TURNOVER": None, "MAX_DAILY_SALES": None, "MAX_DEVIATION": 0.015,
        "CANCEL_AFTER_SECONDS": 30, "STEADY_SECONDS": 15, "INTERVAL_SECONDS": INTERVAL_SECONDS, "START": "09:30",
        "HOLIDAYS": [],
    }  # fmt: skip


class Broker:
    """What a session wants of a terminal, by the broker's HTTP."""

    def __init__(self, address):
        self.wire = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)

    def ask(self, path, body=None):
        self.wire.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
        with self.wire.getresponse() as answer:
            return json.load(answer)

    def now(self):
        return datetime.datetime.fromisoformat(self.ask("/clock")["now"]).replace(tzinfo=None)

    def sleep(self, seconds):
        self.ask("/sleep", {"seconds": seconds})

    def account(self):
        account = self.ask("/account")
        return Account(account["cash"], account["value"], account["total"])

    def holdings(self):
        return holdings_of((one["code"], one["volume"], one["sellable"], one["cost"]) for one in self.ask("/positions"))

    def orders(self):
        return [
            Order(
                one["id"], one["code"], one["side"], one["volume"], one["traded"], one["price"],
                PART_CANCELLED if one["status"] == "cancelled" and one["traded"] else STATUSES[one["status"]],
                one["remark"],
            )
            for one in self.ask("/orders")
        ]  # fmt: skip

    def fills(self):
        return [
            Fill(
                one["id"], one["order"], one["code"], one["side"], one["volume"], one["price"],
                datetime.datetime.fromisoformat(one["at"]),
            )
            for one in self.ask("/fills")
        ]  # fmt: skip

    def quotes(self, codes):
        today = self.now().strftime("%Y%m%d")
        return {
            code: Quote([one["ask"]], [one["bid"]], one["up"], one["down"], False, today, one["last"])
            for code, one in self.ask("/quotes?codes=" + ",".join(codes)).items()
        }

    def place(self, order, remark):
        self.ask("/place", {**order._asdict(), "remark": remark})

    def cancel(self, order):
        return self.ask("/cancel", {"id": order.id})["sent"]


def main():
    broker = Broker(os.environ["JQ2QMT_BROKER"])
    session = make_session(broker, settings(), broker.now)
    session.poll.timeout = session.poll.wire.timeout = float(os.environ["JQ2QMT_TIMEOUT"])
    session.start()
    while True:
        broker.sleep(INTERVAL_SECONDS)
        session.step()


if __name__ == "__main__":
    main()
