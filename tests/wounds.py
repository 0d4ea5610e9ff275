"""Bytes as an attacker or a bad line makes them: wounded, cut and random, the same on every run."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator

TIMES = 10_000


def mutated(seeds: list[bytes], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Half of them seeds with one to four wounds, a quarter seeds as they are or cut, a quarter noise."""
    for _ in range(TIMES):
        kind = rng.choice(("wounded", "wounded", "cut", "noise"))
        frame = bytearray(rng.choice(seeds))
        if kind == "noise":
            yield kind, rng.randbytes(rng.randrange(300))
            continue
        for _ in range(rng.randint(1, 4) if kind == "wounded" else 0):
            frame[rng.randrange(len(frame))] = rng.randrange(256)
        yield kind, bytes(frame if kind == "wounded" else frame[: rng.randint(0, len(frame))])


def tally(name: str, outcomes: Iterable[tuple[str, object]]) -> Counter[str]:
    counted = Counter(f"{kind}: {outcome}" for kind, outcome in outcomes)
    print(f"\n{name}: " + ", ".join(f"{what} {times}" for what, times in counted.most_common()))  # noqa: T201 - asked for
    return counted


ODD: tuple[object, ...] = (
    None,
    "",
    "é" * 300,
    b"",
    b"\xff" * 40,
    -1,
    0,
    2**31,
    2**63,
    2**70,
    1.5,
    float("nan"),
    True,
    [],
    {},
    [[[]]],
    {"a": 1},
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-23T08:00:00",
    "2026-11-23T08:00:00+14:00",
    "yesterday",
)
"""What a field may hold when another program, or a later one, filled it in."""


def odd(body: object, rng: random.Random) -> object:
    """A copy of a body of builtins in which one value, somewhere, is another; or a key is gone or new."""
    if isinstance(body, dict) and body:
        key = rng.choice(list(body))
        rest = {name: value for name, value in body.items() if name != key}
        return rest if rng.random() < 0.05 else {**rest, key: odd(body[key], rng)}
    if isinstance(body, (list, tuple)) and body and rng.random() < 0.7:
        at = rng.randrange(len(body))
        return [*body[:at], odd(body[at], rng), *body[at + 1 :]]
    return rng.choice(ODD)
