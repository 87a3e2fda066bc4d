"""An answered push is kept: kill -9 in the middle of a load, thirty times over."""

import random
import threading
import time

import requests
from conftest import UPDATE, Server, held, public_pem, sign

CRASHES = 30
STRATEGIES = 8


class Pusher(threading.Thread):
    """Pushes rising volumes to one strategy until the server is gone; remembers what was answered."""

    def __init__(self, server, key, strategy, stored, sent):
        super().__init__()
        self.server, self.key, self.strategy = server, key, strategy
        # What is stored before the first answer is the least that must be there after the crash.
        self.acknowledged, self.sent = stored, sent
        self.tokens = []
        self.unexpected = None

    def run(self):
        session = requests.Session()
        while True:
            self.sent += 1
            token = sign(self.key, {"client_id": "quick", "timestamp": time.time(), "nonce": f"{self.sent:016}"})
            body = {"strategy_name": self.strategy, "positions": [held("000001.XSHE", self.sent), held("X", 7)]}
            try:
                answer = session.post(self.server.url + UPDATE, json=body, headers={"X-Auth-Token": token}, timeout=30)
            except requests.RequestException:
                return
            if answer.status_code != 200:
                self.unexpected = answer.text
                return
            self.acknowledged = self.sent
            self.tokens.append((token, body))


def test_acknowledged_pushes_survive_kill_9(tmp_path, quick_key):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/quick.pem").write_bytes(public_pem(quick_key))
    server = Server(tmp_path, JQ2QMT_LOG="error").start()
    stored, sent = [0] * STRATEGIES, [0] * STRATEGIES
    random_moment = random.Random(7)
    acknowledged = replays = 0
    for crash in range(CRASHES):
        pushers = [Pusher(server, quick_key, f"strategy-{n}", stored[n], sent[n]) for n in range(STRATEGIES)]
        for pusher in pushers:
            pusher.start()
        enough = random_moment.randrange(5, 120)
        while sum(len(pusher.tokens) for pusher in pushers) < enough and any(p.is_alive() for p in pushers):
            pushers[0].join(0.001)
        server.kill()
        for pusher in pushers:
            pusher.join()
        assert [pusher.unexpected for pusher in pushers] == [None] * STRATEGIES
        acknowledged += sum(len(pusher.tokens) for pusher in pushers)

        server.start()
        for n, pusher in enumerate(pushers):
            answer = server.get(f"/api/v1/positions/strategy/strategy-{n}").json()
            stored[n] = answer["positions"][0]["volume"] if answer["positions"] else 0
            # What was answered, or the one push whose answer never came; and that one wholly.
            assert pusher.acknowledged <= stored[n] <= pusher.sent, f"crash {crash}: {pusher.strategy}"
            assert len(answer["positions"]) in (0, 2)
            sent[n] = pusher.sent
        total = {line["code"]: line["total_volume"] for line in server.total()["positions"]}
        lists = server.get("/api/v1/positions/all").json()["strategies"]
        assert total.get("000001.XSHE", 0) == sum(entry["positions"][0]["volume"] for entry in lists)
        for pusher in pushers:
            for token, body in pusher.tokens[-1:]:
                replayed = server.post(UPDATE, body, X_Auth_Token=token)
                assert (replayed.status_code, replayed.json()["code"]) == (401, "token_replayed")
                replays += 1
        assert server.run("verify").stdout.startswith("unbroken: ")
    # Everybody was in it, and was held against what is on disk.
    assert server.total()["revision"] >= acknowledged >= CRASHES * 5
    assert min(stored) > 0 and replays >= CRASHES
    assert server.stop() == 0


def test_twenty_strategies_at_once_lose_nothing(server):
    key = server.key
    answers = []

    def push(number):
        answers.append(server.push(f"strategy-{number}", [held("000001.XSHE", 100 + number)], key).json())

    threads = [threading.Thread(target=push, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["revision"] for answer in answers) == list(range(1, 21))
    lists = server.get("/api/v1/positions/all").json()["strategies"]
    assert len({entry["update_time"] for entry in lists}) == 20
    assert server.total()["positions"][0]["total_volume"] == sum(100 + number for number in range(20))
