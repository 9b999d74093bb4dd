"""Rows of JSON Lines, and of an array of objects in a JSON file, which is read piece by piece."""

import json
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from catalog.errors import FeedRefused
from catalog.reading.cells import RAW_CUT, Cell, Record, at, cell_of, checked, named, text_of
from catalog.reading.columns import EVERY, Pairs
from catalog.reading.json_languages import chosen, others, spoken
from catalog.reading.mapping import OTHER_LANGUAGES, TOLD, Mapping
from catalog.reading.openings import BAD, Lines, decoded, open_text, readable

MAX_VALUE = 16 * 1024 * 1024  # characters of one record, or of what stands beside the records
_CHUNK = 1024 * 1024
_WRONG = "half of a surrogate pair"


def json_lines(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """Rows of JSON Lines: an object a line. Numbers keep the digits they were written with."""
    columns = Columns(mapping)
    with open_text(path, mapping.encoding) as text:
        lines = Lines(text)
        while True:
            first = lines.begin()
            line = next(lines, None)
            if line is None:
                return
            if line and not line.isspace():
                yield _json_line(first, line, lines.nul, columns)


def _json_line(first: int, line: str, nul: bool, columns: "Columns") -> Record:
    if BAD in line:
        return readable(first, [], line, nul)
    raw = line[:RAW_CUT]
    try:
        found = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        return Record(first, [], raw, "bad_json", f"{type(error).__name__}: {error}"[:200])
    if not isinstance(found, dict):
        return Record(first, [], raw, "bad_json", "the line is not an object")
    record = checked(first, columns.cells(found), raw, _WRONG)
    return record._replace(nul=True) if nul else record


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: None)


class Columns:
    """The cells of objects, in the order of a mapping's names. Most columns are a key of the object itself.

    language: the one that counts where a value says the same in several.
    """

    def __init__(self, mapping: Mapping) -> None:
        each = {part.each: part for part in mapping.pairs}
        self.language = mapping.language
        self._told = list(dict.fromkeys(name for ours in TOLD for name in mapping.wanted.get(ours, [])))
        self._names = mapping.names
        taken = [name for name in mapping.names if name != EVERY]
        around = (name[:end] for name in taken for end, mark in enumerate(name) if mark == ".")
        self._taken, self._below = {*taken, *around}, tuple(f"{name}." for name in taken)
        self._others: list[tuple[int, Callable[[dict[str, Any]], Cell]]] = []
        for place, name in enumerate(self._names):
            if name == EVERY:
                self._others.append((place, self._unasked))
            elif name == OTHER_LANGUAGES:
                self._others.append((place, self._in_other_languages))
            elif name in each:
                self._others.append((place, partial(_pairs_at, path=name, part=each[name])))
            elif "." in name:
                self._others.append((place, partial(self._at, path=name)))

    def cells(self, found: dict[str, Any]) -> list[Cell]:
        """The cells of an object."""
        values = map(found.get, self._names)
        cells: list[Cell] = [
            value if value is None or isinstance(value, str) else self._cell(value) for value in values
        ]
        for place, read in self._others:
            cells[place] = read(found)
        return cells

    def _cell(self, value: Any) -> Cell:
        if isinstance(value, dict | list) and (said := spoken(value)):
            return cell_of(said[chosen(said, self.language)])
        return cell_of(value)

    def _at(self, found: dict[str, Any], path: str) -> Cell:
        return self._cell(at(found, path))

    def _in_other_languages(self, found: dict[str, Any]) -> dict[str, str]:
        """What titles, descriptions and brands say in languages that do not count."""
        every = ((path, spoken(at(found, path))) for path in self._told)
        return {name: text for path, said in every if said for name, text in others(path, said, self.language)}

    def _unasked(self, found: dict[str, Any]) -> dict[str, str]:
        """Every value no other column is mapped to, under its dotted path."""
        taken, below = self._taken, self._below
        return {path: text for path, text in named(found) if path not in taken and not path.startswith(below)}


def _pairs_at(found: dict[str, Any], path: str, part: Pairs) -> dict[str, str]:
    return _pairs(at(found, path), part)


def _pairs(found: Any, part: Pairs) -> dict[str, str]:
    """Named texts out of a list of objects, or out of one object, whose keys are the names."""
    if isinstance(found, dict):
        return dict(named(found))
    pairs: dict[str, str] = {}
    for entry in found if isinstance(found, list) else []:
        key, text = text_of(at(entry, part.name)), text_of(at(entry, part.value))
        if key and text and text not in part.without:
            measure = text_of(at(entry, part.unit)) if part.unit else None
            shown = f"{text} {measure}" if measure else text
            pairs[key] = f"{pairs[key]}, {shown}" if key in pairs else shown
    return pairs


def json_array(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """Rows of the array that `record` names by its dotted path, or that the file itself is; numbered from 1.

    Raises FeedRefused when the file is no JSON to its very end, or has no such array.
    """
    columns = Columns(mapping)
    with open_text(path, mapping.encoding) as text:
        reader = _Reader(text)
        before: dict[str, Any] = {}
        keys = [key for key in mapping.records[0].split(".") if key]
        for line, (found, raw) in enumerate(_in_array(reader, keys, mapping.records[0], before), start=1):
            if line == 1 and not columns.language:
                said = (at(before, one) for one in mapping.default_language)
                columns.language = next((one for one in said if one and isinstance(one, str)), "")
            if not isinstance(found, dict):
                yield Record(line, [], raw, "bad_json", "the entry is not an object")
            else:
                yield checked(line, columns.cells(found), raw, _WRONG)


def _in_array(reader: "_Reader", keys: list[str], path: str, before: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """The values of the array. before: filled with the short texts that stand before it, under their keys."""
    yield from _values(reader, keys, path, before)
    if reader.peek():
        raise broken_json(f"something follows the end of the JSON at character {reader.place:,}")


def _values(reader: "_Reader", keys: list[str], path: str, before: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    first = reader.peek()
    if not keys and first == "[":
        yield from reader.entries()
    elif keys and first == "{":
        yield from _members(reader, keys, path, before)
    else:
        kind = {"{": "an object", "[": "an array", "": "nothing"}.get(first, "neither an object nor an array")
        raise _no_array(
            f"stands {kind} where {'the array' if not keys else f'an object with the key {keys[0]!r}'} should be", path
        )


def _members(reader: "_Reader", keys: list[str], path: str, before: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    seen, found = [], False
    for key in reader.members():
        seen.append(key)
        if key == keys[0] and not found:
            found = True
            yield from _values(reader, keys[1:], path, before.setdefault(key, {}))
        elif not isinstance(value := reader.value()[0], list):
            before[key] = value
    if not found:
        raise _no_array(f"has no key {keys[0]!r}; it has {', '.join(seen[:20])[:300] or 'none'}", path)


def _no_array(what: str, path: str) -> FeedRefused:
    return FeedRefused(
        "no_record",
        f"The JSON file has no array of records{f' at {path!r}' if path else ''}: there {what}.",
        remedy='Write where the array stands into the mapping, for instance `record = "data.products"`; '
        'leave `record` out when the file itself is the array, or write `format = "jsonl"` for an object a line.',
    )


def broken_json(why: str) -> FeedRefused:
    """The refusal of a JSON file that cannot be parsed to its end: what follows the error would be lost."""
    return FeedRefused(
        "broken_json",
        f"The JSON file cannot be read: {why}.",
        remedy="Ask the vendor to send it again, or correct `format` or `encoding` in the mapping.",
    )


class _Reader:
    """Values of a JSON text, one after the other, with no more than one of them in memory."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._before = 0
        self._ended = False
        self._start = True

    @property
    def place(self) -> int:
        """1-based number of the character that is read next."""
        return self._before + self._at + 1

    def _more(self) -> bool:
        """Reads on; False at the end of the text."""
        self._before += self._at
        self._buffer = self._buffer[self._at :]
        self._at = 0
        if len(self._buffer) > MAX_VALUE:
            raise FeedRefused(
                "giant_row",
                f"The JSON value at character {self.place:,} is longer than {MAX_VALUE:,} characters.",
                remedy="Look at that place; perhaps `record` in the mapping does not name the array of products.",
            )
        chunk = decoded(self._text.read, max(_CHUNK, len(self._buffer)))
        if self._start:
            chunk, self._start = chunk.removeprefix("\ufeff"), False
        self._buffer += chunk
        self._ended = not chunk
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in " \t\r\n":
                    return self._buffer[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """Reads one of these characters."""
        found = self.peek()
        if not found or found not in expected:
            shown = f"{found!r} stands" if found else "the file ends"
            raise broken_json(f"{shown} at character {self.place:,} where one of {' '.join(expected)} should be")
        self._at += 1
        return found

    def value(self) -> tuple[Any, str]:
        """The next value and the beginning of its text."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._buffer, self._at)
            except RecursionError:
                raise broken_json(f"the value at character {self.place:,} is nested too deeply") from None
            except ValueError as error:
                if self._more():
                    continue
                raise broken_json(f"{str(error).partition(':')[0]} at character {self.place:,}") from None
            # A number at the end of what was read may go on.
            if end < len(self._buffer) or self._ended or not self._more():
                raw = self._buffer[self._at : min(end, self._at + RAW_CUT)]
                if self._buffer.find(BAD, self._at, end) >= 0:
                    raise _undecodable(self.place)
                self._at = end
                return found, raw

    def entries(self) -> Iterator[tuple[Any, str]]:
        """The values of the array that begins here."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here; whoever asks for the next one has read the value."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                self.take('"')
            key, _ = self.value()
            self.take(":")
            yield str(key)
            if self.take(",}") == "}":
                return


def _undecodable(place: int) -> FeedRefused:
    return FeedRefused(
        "bad_encoding",
        f"The value at character {place:,} has bytes the declared encoding does not have.",
        remedy="Write the encoding the vendor uses into the mapping, for instance "
        '`encoding = "windows-1252"` (western Europe) or `encoding = "windows-1251"` (Cyrillic).',
    )
