"""Record what Python's json.dumps makes of many values, for the Rust test of the canonical form.

Run it by hand when cases are to be added:  python tests/python/record_canonical_json.py
Each case is a pair: a JSON text as a client may send it, and json.dumps(json.loads(text), sort_keys=True).
"""

import json
import pathlib
import random

TARGET = pathlib.Path(__file__).parents[2] / "src/auth/canonical_json_cases.json"

ALPHABET = (
    'abzAZ019 _-."\\/\b\f\n\r\t\x00\x01\x1f\x7f\x80\xa0éßЖ中文股票策略'
    "\u2028\u2029\ud7ff\ue000\ufffd\uffff😀🀄𠀀\U0010ffff"
)
NUMBERS = [
    "0",
    "-0.0",
    "1e+22",
    "1e-07",
    "1e-05",
    "0.0001",
    "12345678901234567890",
    "-98765432109876543210",
    "1700000000",
    "1700000000.1234567",
    "2.5",
    "0.1",
    "1e+300",
    "5e-324",
    "1.7976931348623157e+308",
]


def text(rng):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(12)))


def value(rng, depth):
    kind = rng.randrange(8 if depth else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return json.loads(rng.choice(NUMBERS))
    if kind == 2:
        return rng.uniform(-1e6, 1e6)
    if kind <= 5:
        return text(rng)
    if kind == 6:
        return [value(rng, depth - 1) for _ in range(rng.randrange(5))]
    return {text(rng): value(rng, depth - 1) for _ in range(rng.randrange(6))}


def main():
    rng = random.Random(20260105)
    cases = []
    for n in range(400):
        data = {"client_id": text(rng), "timestamp": json.loads(rng.choice(NUMBERS)), text(rng): value(rng, 4)}
        members = list(data.items())
        rng.shuffle(members)
        sent = json.dumps(
            dict(members),
            ensure_ascii=n % 2 == 0,
            separators=[(",", ":"), (", ", ": "), (" ,\n", "\t:  ")][n % 3],
        )
        cases.append([sent, json.dumps(json.loads(sent), sort_keys=True)])
    TARGET.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n", encoding="ascii")


if __name__ == "__main__":
    main()
