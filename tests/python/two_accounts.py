"""Two accounts at a broker's, the script in their terminals, three strategies and the server, all by one clock.

The server's time of day is simulated as the terminals' is (simulated_clock.c), so that days, nights and weekends are
the same for everybody.
"""

import datetime
import decimal
import mmap
import shutil
import struct

import requests
from conftest import PASSWORD
from fake_joinquant import context
from fake_qmt import BUY, CHINA, SELL, BigQMT, FakeQMT
from test_qmt_trading import SCRIPT, SETTINGS

# A Monday, before trading begins.
START = "2026-01-05 09:28:00"
COSTS = {"commission": "0.00025", "least": "5", "duty": "0.0005", "transfer": "0.00001"}
ACCOUNTS = {
    "main": [{"name": "alpha"}, {"name": "beta"}],
    "small": [{"name": "beta", "scale": "0.5"}, {"name": "gamma", "scale": "0.5"}],
}
EXCHANGES = {"SH": "XSHG", "SZ": "XSHE"}


def fen(amount):
    return decimal.Decimal(f"{amount:.6f}").quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP)


def fees(order, value):
    """What an order has cost so far, each part of it to the fen; funds and bonds bear the commission alone."""
    if not value:
        return 0.0
    rates = {name: float(rate) for name, rate in COSTS.items()}
    parts = [max(rates["least"], value * rates["commission"])]
    if not order.code.startswith(("11", "12", "15", "16", "18", "5")):
        parts += [value * rates["transfer"], value * rates["duty"] if order.side == SELL else 0.0]
    return float(sum(map(fen, parts)))


class Clock:
    """What the server's clock says, in a file that both read."""

    def __init__(self, path):
        path.write_bytes(bytes(16))
        with path.open("r+b") as file:
            self.page = mmap.mmap(file.fileno(), 16)
        self.set(datetime.datetime.fromisoformat(START))

    def set(self, now):
        struct.pack_into("<q", self.page, 0, int(now.replace(tzinfo=CHINA).timestamp()) * 10**6)

    def advance(self, seconds):
        """Let time pass, for whoever looks at the time and for whoever measures it."""
        for place in (0, 8):
            (before,) = struct.unpack_from("<q", self.page, place)
            struct.pack_into("<q", self.page, place, before + seconds * 10**6)


class Terminal:
    """An account at the broker's, and the script in its terminal."""

    def __init__(self, instruments, **settings):
        self.fake = FakeQMT(cash=1_000_000.0, start=START)
        self.fake.instruments, self.fake.fees = instruments, fees
        self.settings, self.scripts = {**SETTINGS, **settings}, []
        self.add_script()

    def add_script(self):
        script = BigQMT(self.fake, SCRIPT, **self.settings)
        self.scripts.append(script)
        return script

    def stop(self):
        self.last = self.stands()
        self.fake.timers.clear()
        self.scripts.clear()

    def second(self):
        """A second passes; what the script reports in it arrives in it."""
        self.fake.advance(1)
        for script in self.scripts:
            sending = script.names["SESSION"].reports.sending
            if sending is not None:
                sending.join(10)

    def known(self):
        """What can be known of the account: what its terminal sees, or saw last."""
        return self.stands() if self.scripts else self.last

    def stands(self):
        """Holdings (volume, sellable, cost, price), cash and total asset."""
        fake, held = self.fake, {}
        for code, position in fake.positions.items():
            numbers = (position.volume, position.sellable, position.cost, fake.instruments[code].price)
            held[code] = tuple(round(number, 4) for number in numbers)
        return (
            {code: one for code, one in held.items() if one[0]},
            fen(fake.cash),
            fen(fake.cash + fake.holdings_value()),
        )

    def traded(self):
        """What was bought and sold today, and what that cost besides: CNY."""
        deals = self.fake.deals
        bought, sold = (
            sum(deal.volume * deal.price for deal in deals if deal.order.side == side) for side in (BUY, SELL)
        )
        return {"bought": fen(bought), "sold": fen(sold), "fees": fen(sum(deal.fee for deal in deals))}


class World:
    """Everybody, and what happens to them."""

    def __init__(self, server, clock, joinquant):
        self.server, self.clock = server, clock
        self.now = datetime.datetime.fromisoformat(START)
        self.instruments, self.terminals, self.lists = {}, {}, {}
        for account, strategies in ACCOUNTS.items():
            self.operate("PUT", f"/api/v1/accounts/{account}", {"strategies": strategies, "costs": COSTS})
            key = server.run("key", "add", f"qmt-{account}", "--account", account).stdout.split()[-1]
            settings = {"SERVER": server.url, "API_KEY": key, "ACCOUNT_NAME": account}
            self.terminals[account] = Terminal(self.instruments, **settings)
        self.main, self.small = self.terminals.values()
        joinquant.module.time.time = lambda: self.now.replace(tzinfo=CHINA).timestamp()
        self.client = joinquant.module.JQQMTAPI(api_url=server.url, client_id="jq")

    # -- the exchange --

    def list(self, prices):
        for code, price in prices.items():
            self.main.fake.list(code, price)

    def limit_up(self, code):
        self.main.fake.limit_up(code)

    def ex_date(self, code, per_ten):
        """So many bonus shares for ten, and a price that is lower for it."""
        for terminal in self.terminals.values():
            terminal.fake.bonus(code, per_ten)
        instrument = self.instruments[code]
        instrument.price = round(instrument.price * 10 / (10 + per_ten), 2)
        instrument.open()

    # -- time --

    def until(self, clock):
        """Second by second."""
        while self.now.strftime("%H:%M") < clock:
            self.now += datetime.timedelta(seconds=1)
            self.clock.set(self.now)
            for terminal in self.terminals.values():
                terminal.second()

    def leap(self, clock):
        """Hours in which nobody looks."""
        for terminal in self.terminals.values():
            terminal.fake.leap(clock)
        self.follow()

    def night(self):
        """To the next morning before trading begins."""
        for terminal in self.terminals.values():
            terminal.fake.next_day("09:28")
        self.follow()

    def morning(self, prices):
        """Other prices, and every strategy says its list again."""
        for code, price in prices.items():
            self.instruments[code].price = price
        self.everybody_repeats()

    def follow(self):
        self.now = self.main.fake.now
        self.clock.set(self.now)

    # -- people --

    def operate(self, method, path, body=None):
        headers = {"X-Internal-Password": PASSWORD}
        answer = requests.request(method, self.server.url + path, json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def push(self, strategy, holdings=None):
        """What a strategy holds on JoinQuant; where nothing is said, what it held before."""
        self.lists[strategy] = holdings = self.lists[strategy] if holdings is None else holdings
        positions = {}
        for code, volume in holdings.items():
            symbol, exchange = code.split(".")
            positions[f"{symbol}.{EXCHANGES[exchange]}"] = (volume, self.instruments[code].price)
        self.client.push_portfolio(context(now=self.now, **positions), strategy, allow_empty=True)

    def everybody_repeats(self):
        for strategy in self.lists:
            self.push(strategy)

    def free(self, account):
        self.operate("POST", f"/api/v1/accounts/{account}/release")

    def start(self, account, **settings):
        """The script is started, anew where one ran, and the account is free for it."""
        terminal = self.terminals[account]
        terminal.stop()
        self.free(account)
        terminal.settings.update(settings)
        terminal.add_script()

    # -- the server --

    @property
    def database(self):
        return self.server.folder / "data/jq2qmt.db"

    def get(self, account, path):
        answer = self.server.get(f"/api/v1/accounts/{account}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lineage(self):
        return self.get("main", "/target")["lineage"]

    def copy_database(self):
        self.server.stop()
        shutil.copy(self.database, self.server.folder / "copy.db")
        self.server.start()

    def restore_database(self):
        self.server.stop()
        shutil.copy(self.server.folder / "copy.db", self.database)
        self.server.start()
