"""Where the records stand in JSON, and which names they have."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from catalog.reading.json_languages import spoken

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LOOKED_AT = 500  # records whose names are collected
_DEPTH = 3
_SEARCHED = 300_000  # characters in which the array must begin
_MOST_NAMES = 1_000


def array_names(text: str, record: str) -> tuple[list[str], list[str]]:
    """Dotted paths of the values in the array a path leads to, in order of first appearance; and the languages in which
    records say the same."""
    return _names(_in_array(text, record)), _languages(_in_array(text, record))


def line_names(text: str) -> tuple[list[str], list[str]]:
    """The same of JSON Lines."""
    return _names(_lines(text)), _languages(_lines(text))


def _languages(records: Iterator[dict[str, Any]]) -> list[str]:
    found: dict[str, None] = {}
    for one in islice(records, _LOOKED_AT):
        for value in (*one.values(), *(inner for o in one.values() if isinstance(o, dict) for inner in o.values())):
            found |= dict.fromkeys(said if len(said := spoken(value)) > 1 else ())
    return list(found)


def _names(records: Iterator[dict[str, Any]]) -> list[str]:
    found: dict[str, None] = {}
    for one in islice(records, _LOOKED_AT):
        for name in _paths(one, ""):
            if len(found) < _MOST_NAMES:
                found.setdefault(name)
    return list(found)


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def _paths(found: dict[str, Any], before: str) -> Iterator[str]:
    for key, value in found.items():
        path = f"{before}{key}"
        if spoken(value):
            yield path
        elif isinstance(value, dict) and _steps(path) < _DEPTH and "." not in key:
            yield from _paths(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from _paths(
                {inner: one for inner, one in value[0].items() if not isinstance(one, list)}, f"{path}.0."
            )
        else:
            yield path


def _steps(path: str) -> int:
    """Keys of a path; the place in a list is none."""
    return sum(not step.isdecimal() for step in path.split("."))


def arrays(text: str) -> list[tuple[str, int]]:
    """(dotted path, offset of the first object) of every array of objects at the beginning of a JSON text."""
    found: list[tuple[str, int]] = []
    open_keys: list[str] = []  # one per open bracket: the key it stands under, or nothing
    key = last = before = ""
    for token in _TOKEN.finditer(text[:_SEARCHED]):
        mark = token[0]
        if mark == ":":
            key = last
        elif mark in "{[":
            if mark == "{" and before == "[":
                found.append((".".join(name for name in open_keys if name), token.start()))
            open_keys.append(key)
        elif mark in "}]":
            open_keys = open_keys[:-1]
        last = _unquoted(mark) if mark[0] == '"' else last
        key = key if mark == ":" else ""
        before = mark
    return found


def _unquoted(token: str) -> str:
    try:
        return json.loads(token)
    except ValueError:
        return token[1:-1]


def array_of_records(text: str) -> str | None:
    """The path of the array whose objects have the most names; '' when the text itself is it, None when there is none."""
    best: tuple[float, str] | None = None
    for path in dict.fromkeys(path for path, _ in arrays(text)):
        records = list(islice(_in_array(text, path), 20))
        names = {name for one in records for name in _paths(one, "")}
        size = len(names) * (1 + min(5, len(records)))
        if records and (best is None or size > best[0]):
            best = (size, path)
    return best[1] if best else None


def _in_array(text: str, record: str) -> Iterator[dict[str, Any]]:
    start = next((at for path, at in arrays(text) if path == record), None)
    decoder = json.JSONDecoder()
    while start is not None:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            yield found
        rest = re.compile(r"\s*,\s*").match(text, end)
        start = rest.end() if rest else None
