"""What is to be said at the top of a form, by format: how the file is opened, and what its columns are called."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from typing import Any

from catalog.proposals import dialects, structure
from catalog.proposals.form import Entry
from catalog.proposals.headers import meaning
from catalog.proposals.looks import Look, keyed, refused
from catalog.proposals.presets import preset_of_json, preset_of_table, preset_of_xml
from catalog.proposals.xml_structure import declared_encoding, xml_structure
from catalog.reading.mapping import Format
from catalog.reading.parquet_feeds import column_names
from catalog.reading.presets import preset as preset_sets
from catalog.reading.spreadsheets import first_rows

_SHEET_ROWS = 200


@dataclass(frozen=True)
class Draft:
    """entries: the keys at the top. names: their columns, where the format asks for them by name. pairs: attributes
    that bring their own names. preset: the one the structure is of, empty when none. record: of XML, the product."""

    entries: list[Entry]
    names: list[str]
    pairs: list[dict[str, str]] = field(default_factory=list)
    preset: str = ""
    record: str = ""

    @property
    def reading(self) -> dict[str, Any]:
        """The keys with which the sample is read."""
        return {**self.values, **({"record": self.record} if self.record else {})}

    @property
    def values(self) -> dict[str, Any]:
        """The keys as a mapping takes them."""
        return {entry.key: entry.value for entry in self.entries if not entry.off}


def draft(path: Path, seen: Look) -> Draft:
    """Raises FeedRefused when the file has no header, no even rows, or no element or array of products."""
    return _DRAFTS[seen.format](path, seen)


def _csv(path: Path, seen: Look) -> Draft:
    dialect = dialects.find_dialect(seen.text)
    if dialect is None or dialect.even < 0.5:
        raise refused(
            "structure",
            f"{path.name} is text, but no delimiter splits it into columns of one width; it begins with "
            f"{' '.join(seen.text.split())[:60]!r}.",
            "Ask the vendor for a table with a header (csv, tsv, xlsx), or for jsonl, json or xml.",
        )
    header = dialects.find_header(dialect.rows)
    if header is None or not header.sure:
        raise _no_header(path, header)
    return Draft(_dialect(seen, dialect, header), _named(header), preset=preset_of_table(header.cells))


def _named(header: dialects.Header) -> list[str]:
    return [name for name in header.cells if name]


def _no_header(path: Path, header: dialects.Header | None) -> Exception:
    number = header.row if header else 1
    return refused(
        "no_header",
        f"{path.name} has no line that names its columns; line {number}, which could, looks like the data below it.",
        "Ask the vendor to send a header, or write one as the first line of the file.",
    )


def _dialect(seen: Look, dialect: dialects.Dialect, header: dialects.Header) -> list[Entry]:
    tab = dialect.delimiter == "\t"
    entries = [Entry("format", "tsv" if tab else "csv", "delimited text by its content"), _encoding(seen)]
    if not tab:
        why = f"{dialect.even:.0%} of the rows then have {dialect.width} columns"
        unsure = "" if dialect.even > 0.98 else "some rows have another width"
        entries.append(Entry("delimiter", dialect.delimiter, why, unsure))
    if dialect.quote != '"':
        why = "cells stand in apostrophes" if dialect.quote else "quotes mean nothing here: read as such, rows break"
        entries.append(Entry("quote", dialect.quote, why))
    if dialect.escape:
        entries.append(Entry("escape", dialect.escape, "quotes inside cells stand behind a backslash"))
    return entries + _header_row(header)


def _header_row(header: dialects.Header) -> list[Entry]:
    if header.row == 1:
        return []
    above = f", above it stands {header.above[0]!r}" if header.above else ""
    return [Entry("header_row", header.row, f"the line that names the columns{above}")]


def _encoding(seen: Look) -> Entry:
    found = seen.encoding
    if found is None:
        raise AssertionError("text has an encoding")
    return Entry("encoding", found.name, found.why, "" if found.sure else "few letters to judge by")


def _jsonl(_: Path, seen: Look) -> Draft:
    names, languages = structure.line_names(seen.text)
    entries = [Entry("format", "jsonl", seen.why), _encoding(seen), *_language(languages)]
    return Draft(entries, names, preset=preset_of_json(names))


def _language(languages: list[str]) -> list[Entry]:
    """`language` where records say the same in several: the first is a guess."""
    if not languages:
        return []
    why = f"the file says the same in {' and '.join(languages[:10])}; the others become attributes"
    return [Entry("language", languages[0], why, "is this the language of your categories")]


def _json(path: Path, seen: Look) -> Draft:
    record = structure.array_of_records(seen.text)
    names, languages = structure.array_names(seen.text, record) if record is not None else ([], [])
    if record is None or not names:
        raise refused(
            "no_record",
            f"{path.name} is JSON without an array of objects, so nothing in it is a row{_by_key(seen)}.",
            "Ask the vendor for an array of objects, or an object a line.",
        )
    entries = [Entry("format", "json", seen.why), _encoding(seen)]
    if record:
        entries.append(Entry("record", record, "the array whose objects have the most values"))
    return Draft(entries + _language(languages), names, preset=preset_of_json(names))


def _by_key(seen: Look) -> str:
    try:
        found = json.loads(seen.text)
    except (ValueError, RecursionError):
        return ""
    return "; its products stand under keys of their own" if isinstance(found, dict) and keyed(found) else ""


def _parquet(path: Path, seen: Look) -> Draft:
    return Draft([Entry("format", "parquet", seen.why)], column_names(path))


def _workbook(path: Path, seen: Look) -> Draft:
    """The sheet whose header says most, by names and by rows."""
    sheets, every = [], first_rows(path, _SHEET_ROWS)
    for name, rows in every.items():
        lines = [dialects.Line(n, [cell or "" for cell in row]) for n, row in enumerate(rows, start=1)]
        lines = [one for one in lines if one.filled]
        header = dialects.find_header(lines)
        if header and header.sure:
            sheets.append((_says(header) * log2(1 + len(lines)), name, header))
    if not sheets:
        raise _no_header(path, None)
    _, name, header = max(sheets, key=lambda one: one[0])
    entries = [Entry("format", seen.format, seen.why), Entry("sheet", name, _among(name, len(sheets), len(every)))]
    return Draft(entries + _header_row(header), _named(header), preset=preset_of_table(header.cells))


def _says(header: dialects.Header) -> float:
    asked = ("item_id", "title", "price", "images", "description", "gtin")
    return 0.1 + sum(max((meaning(name, ours).score for name in _named(header)), default=0.0) for ours in asked)


def _among(name: str, tables: int, sheets: int) -> str:
    if tables > 1:
        return f"of {tables} sheets the one whose header says most"
    return f"of {sheets} sheets the only one with a header" if sheets > 1 else f"the only sheet, {name!r}"


def _xml(path: Path, seen: Look) -> Draft:
    said, entries = declared_encoding(seen.head), [Entry("format", "xml", seen.why)]
    encoding = _true_encoding(seen, said)
    if encoding:
        entries.append(
            Entry(
                "encoding",
                encoding,
                f"declared {said or 'as nothing'}, but its bytes are no such text",
                "few files do this",
            )
        )
    found = xml_structure(seen.head, encoding)
    if found is None or not found.names:
        raise refused(
            "no_record",
            f"{path.name} is XML, but none of its elements looks like a product, or its beginning cannot be read.",
            "Ask the vendor for a complete product feed.",
        )
    preset = preset_of_xml(found.root, found.record.rpartition("/")[2], found.names)
    if not preset:
        entries.append(Entry("record", found.record, found.why))
    if found.languages and not (preset and preset_sets(preset).get("default_language")):
        entries += _language(found.languages)
    return Draft(entries, found.names, found.pairs, preset, found.record)


def _true_encoding(seen: Look, said: str) -> str | None:
    """The encoding to name in the form: only where the file's own declaration cannot be right."""
    if seen.encoding is None or seen.encoding.name in ("utf-16", "utf-32"):
        return None
    try:
        seen.head[: seen.head.rfind(b">") + 1].decode(said or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return seen.encoding.name
    return None


_DRAFTS: dict[Format, Callable[[Path, Look], Draft]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "json": _json,
    "parquet": _parquet,
    "xlsx": _workbook,
    "xls": _workbook,
    "xml": _xml,
}
