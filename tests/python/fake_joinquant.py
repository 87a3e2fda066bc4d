"""JoinQuant's cloud, as far as its strategies and our client use it."""

import datetime
import importlib
import sys
import types

import pytest
from conftest import ROOT, private_pem

JOINQUANT = ROOT / "examples/joinquant"


class FakeLog:
    def __init__(self):
        self.lines = []

    def warn(self, text):
        self.lines.append(text)

    info = error = warn


def fake_kuanke(files):
    """JoinQuant's kuanke.user_space_api, as far as clients use it; counts what is asked of it."""
    api = types.ModuleType("kuanke.user_space_api")
    api.log = FakeLog()
    api.asked = []

    def get_security_info(code):
        api.asked.append(code)
        if code.startswith("9"):
            raise ValueError("no such security")
        return types.SimpleNamespace(display_name={"000001.XSHE": "平安银行"}.get(code, "某股"))

    api.get_security_info = get_security_info
    api.files = files
    api.read_file = lambda path: files[path]
    return api


@pytest.fixture
def joinquant(monkeypatch, quick_key):
    """JoinQuant's cloud: the client's module, freshly imported, and the fake it runs in."""
    kuanke = types.ModuleType("kuanke")
    kuanke.user_space_api = fake_kuanke({"jq_private.pem": private_pem(quick_key)})
    monkeypatch.setitem(sys.modules, "kuanke", kuanke)
    monkeypatch.setitem(sys.modules, "kuanke.user_space_api", kuanke.user_space_api)
    monkeypatch.syspath_prepend(str(JOINQUANT))
    for name in ("jq_qmt_api", "jq_config"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("jq_qmt_api")
    # Tests do not wait: what would be slept away passes on the client's own clock.
    clock = types.SimpleNamespace(passed=0.0)
    real = module.time
    fake_time = types.SimpleNamespace(
        time=lambda: real.time() + clock.passed, monotonic=lambda: real.monotonic() + clock.passed
    )

    def sleep(seconds):
        clock.passed += seconds

    fake_time.sleep = sleep
    monkeypatch.setattr(module, "time", fake_time)
    return types.SimpleNamespace(module=module, api=kuanke.user_space_api, clock=clock)


def context(run_type="sim_trade", now=None, **holdings):
    """The strategy's account: shares and cost of each code, and where it is not the cost, its price."""
    positions = {
        code: types.SimpleNamespace(security=code, total_amount=amount, avg_cost=cost, price=(price or [cost])[0])
        for code, (amount, cost, *price) in holdings.items()
    }
    equity = 100_000.0 + sum(position.total_amount * position.price for position in positions.values())
    beijing = now or datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    return types.SimpleNamespace(
        run_params=types.SimpleNamespace(type=run_type),
        current_dt=beijing.replace(tzinfo=None, microsecond=0),
        portfolio=types.SimpleNamespace(positions=positions, total_value=equity),
    )
