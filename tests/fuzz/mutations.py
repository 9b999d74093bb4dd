"""Mutations that keep JSON valid: bytes changed at random hardly ever get past its parser."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

ODD = [
    None, True, [], {}, "", 0, -1, 1.5, 1e308, 10**30, "\ud800", "\0", "x" * 300, "=1", "../x", [[]], {"": None}, [None],
    "2026-01-01T00:00:00", "0" * 64,
]  # fmt: skip
Mutate = Callable[[bytes, int], bytes]


def json_values(data: bytes, most: int, seed: int, plain: Mutate, *, choices: int = 0) -> bytes:
    """One value of a JSON text replaced by an odd or another one, dropped or doubled; other bytes are left to `plain`.

    choices: how many of the first bytes are none of the text.
    """
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return plain(data, most)
    try:
        found = json.loads(data[choices:])
    except (ValueError, RecursionError):
        return plain(data, most)
    for _ in range(rng.randint(1, 3)):
        found = _changed(found, rng)
    return (data[:choices] + json.dumps(found).encode())[:most]


def _changed(found: Any, rng: random.Random) -> Any:
    places = list(_places(found))
    if not places:
        return deepcopy(rng.choice(ODD))
    parent, key = rng.choice(places)
    how = rng.randrange(4)
    if how == 0:
        parent[key] = deepcopy(rng.choice(ODD))
    elif how == 1:
        other, at = rng.choice(places)
        parent[key] = deepcopy(other[at])
    elif how == 2 and isinstance(parent, dict):
        parent[rng.choice([*parent, "", "name", "id"])] = parent.pop(key)
    elif isinstance(parent, list):
        parent.insert(key, deepcopy(parent[key]))
    else:
        del parent[key]
    return found


def _places(found: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value below."""
    waiting = [found]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict | list):
            for key in list(here) if isinstance(here, dict) else range(len(here)):
                yield here, key
                waiting.append(here[key])
