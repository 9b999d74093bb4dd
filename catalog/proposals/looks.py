"""What a file is by its content: the format a form would name, or what it looks like when it is no feed."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from catalog.errors import FeedRefused
from catalog.reading.encodings import Encoding, find_encoding
from catalog.reading.mapping import Format
from catalog.reading.openings import open_plain

HEAD = 4 * 1024 * 1024  # bytes of the beginning that are looked at
PIECE = 512 * 1024  # bytes of each further piece
PIECES = 3
_TAR = b"ustar"  # stands at byte 257
_BINARY = {
    _TAR: "a tar archive",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
    b"MZ": "a Windows program",
    b"{\\rtf": "an RTF document",
}
_ELEMENT = re.compile(r"\s*(<\?xml|<!--|<!DOCTYPE|<[A-Za-z_][\w.:-]*[\s/>])")
_TABLE = re.compile(r"<table\b.*<tr\b.*<tr\b", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(r"<(form|script|nav|iframe)\b", re.IGNORECASE)
_HTML = re.compile(r"\s*(<!doctype\s+html|<html|<head|<body|<table|<div)", re.IGNORECASE)
_CODE = re.compile(
    r"^\s*(import\s.{0,200}\bfrom\s|import\s+[\w{*]|export\s|function[\s(]|const\s+\w+\s*=|let\s+\w+\s*=|var\s+\w+\s*=|"
    r"<\?php|#!|package\s+\w+;|using\s+\w+|module\.exports|def\s+\w+\(|class\s+\w+\s*[{(:])",
    re.MULTILINE,
)
_CALL = re.compile(r"^\s*[\w.$]+\s*\(\s*[\[{]")
_SQL = re.compile(r"^\s*(--.*\n\s*)*(INSERT INTO|CREATE TABLE|DROP TABLE|BEGIN TRANSACTION|/\*!)", re.IGNORECASE)
_HTTP = re.compile(r"^HTTP/[\d.]+ \d{3}")


@dataclass(frozen=True)
class Look:
    """format and why: one clause. encoding: of text, None for others. text: its beginning, decoded. whole: all of it."""

    format: Format
    why: str
    encoding: Encoding | None = None
    text: str = ""
    whole: bool = True
    head: bytes = b""


def look(path: Path) -> Look:
    """What the file is by its content, its name aside.

    Raises FeedRefused saying what it looks like when it is no feed, or not whole.
    """
    if path.stat().st_size == 0:
        raise refused("empty", f"{path.name} is empty.", "Ask the vendor to send it again.")
    if workbook := _workbook(path):
        return Look(workbook, f"the content is {workbook.upper()}")
    with open_plain(path) as file:
        pieces, whole = _pieces(file, path)
    head = pieces[0]
    if head.startswith(b"PAR1"):
        return Look("parquet", "the content is Parquet")
    _require_text(path, head)
    encoding = find_encoding(pieces)
    if not encoding.name.startswith(("utf-16", "utf-32")):
        _require_no_binary(path, head)
    if not encoding.name:
        raise refused(
            "bad_encoding",
            f"{path.name}: {encoding.why}; perhaps it was damaged on its way.",
            "Ask the vendor which encoding the file has, or for UTF-8.",
        )
    text = _decoded(head, encoding.name, whole=whole)
    kind, why = _kind(path, text, whole=whole)
    return Look(kind, why, encoding, text, whole, head)


def refused(reason: str, message: str, remedy: str) -> FeedRefused:
    """The refusal of a file that is no feed."""
    return FeedRefused(reason, message, remedy=remedy)


def _workbook(path: Path) -> Format | None:
    with path.open("rb") as file:
        first = file.read(8)
    if first == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "xls"
    if first.startswith(b"PK\x03\x04"):
        import zipfile  # noqa: PLC0415 - few files are archives

        try:
            names = zipfile.ZipFile(path).namelist()
        except zipfile.BadZipFile:
            return None
        if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
            return "xlsx"
        if "mimetype" in names or any(name.startswith(("word/", "ppt/")) for name in names):
            raise refused(
                "unknown_format",
                f"{path.name} is a text document or an OpenDocument file, not a workbook this program reads.",
                "Save it as XLSX or CSV, or ask the vendor to.",
            )
    return None


def _pieces(file: BinaryIO, path: Path) -> tuple[list[bytes], bool]:
    """The beginning, and where that is cheap some pieces of the rest; and whether the beginning is all."""
    head = file.read(HEAD)
    more = file.read(1)
    if not more:
        return [head], True
    size = path.stat().st_size
    with path.open("rb") as plain:
        if plain.read(64) != head[:64]:  # packed: the rest is not at hand
            return [head], False
        pieces = [head]
        for number in range(1, PIECES + 1):
            plain.seek(HEAD + (size - HEAD - PIECE) * number // PIECES if size > HEAD + PIECE else HEAD)
            pieces.append(plain.read(PIECE))
    return pieces, False


def _require_text(path: Path, head: bytes) -> None:
    for magic, kind in _BINARY.items():
        if head.startswith(magic, 257 if magic == _TAR else 0):
            raise refused(
                "unknown_format",
                f"{path.name} is {kind}, not a feed.",
                "Ask the vendor for csv, tsv, jsonl, json, xml, xlsx or parquet (plain, gzip, zip or zstd).",
            )
    if not head.strip(b"\0 \r\n\t\xef\xbb\xbf"):
        raise refused("empty", f"{path.name} holds nothing but blanks.", "Ask the vendor to send it again.")


def _require_no_binary(path: Path, head: bytes) -> None:
    counts = [head[:4_000].count(bytes([code])) for code in (*range(1, 9), 14, 15, 16, 17, 18, 19, 20, 127)]
    odd = sum(counts[1:])  # the first alone is a delimiter, of Hive and others
    if odd > len(head[:4_000]) / 50:
        raise refused(
            "unknown_format",
            f"{path.name} is binary, of no format this program knows.",
            "Ask the vendor for csv, tsv, jsonl, json, xml, xlsx or parquet.",
        )


def _decoded(head: bytes, encoding: str, *, whole: bool) -> str:
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    return text if whole else text[: max(text.rfind("\n"), text.rfind("\r"), len(text) // 2) + 1]


def _kind(path: Path, text: str, *, whole: bool) -> tuple[Format, str]:
    start = text.lstrip()[:2_000]
    _require_no_code(path, text, start)
    if _ELEMENT.match(start):
        return "xml", "the content is XML"
    if start[:1] in "{[" and (kind := _json_kind(text, whole=whole)):
        return kind, "every line is a JSON object" if kind == "jsonl" else "the content is JSON"
    if start[:1] in "{[" and start[1:].lstrip()[:1] in '"{[':
        raise refused(
            "bad_json",
            f"{path.name} begins like JSON ({_shown(start)}) but cannot be read as such{_where(text)}.",
            "Ask the vendor for valid JSON: an array of objects, or an object a line.",
        )
    return "csv", "the content is delimited text"


def _require_no_code(path: Path, text: str, start: str) -> None:
    """Raises FeedRefused for pages, programs and what wraps a feed in them."""
    kind = ""
    if _HTML.match(start) and _TABLE.search(text) and not _PAGE.search(text):
        raise refused(
            "unknown_format",
            f"{path.name} is a table in HTML, as some shops export it for Excel, whatever its name says: it begins with {_shown(start)}.",
            "Ask the vendor for csv or xlsx; until then open it in a spreadsheet program and save it as xlsx, all cells as text.",
        )
    if _HTML.match(start):
        kind = "a web page (HTML)"
    elif _HTTP.match(start):
        kind = "an HTTP answer with its headers"
    elif _SQL.match(start):
        kind = "an SQL script"
    elif _CALL.match(start) or _CODE.match(start):
        kind = "program code"
    if not kind:
        return
    inside = _feed_inside(text)
    raise refused(
        "unknown_format",
        f"{path.name} looks like {kind}: it begins with {_shown(start)}." + inside,
        "Ask the vendor for the feed itself: open its address in a browser and save what is shown, "
        "or have the export written to a file.",
    )


def _feed_inside(text: str) -> str:
    at = text.find("<?xml", 1)
    if at < 0:
        return ""
    return f" XML begins only at line {text.count(chr(10), 0, at) + 1}, inside it."


def _json_kind(text: str, *, whole: bool) -> Format | None:
    """jsonl when the first lines are objects each, json when the text begins as one value; None when neither."""
    lines = [line for line in text[:2_000_000].splitlines() if line.strip()]
    first = lines[:50] if whole else lines[:-1][:50] or lines
    good = sum(_is_object(line) for line in first)
    if good >= max(1, 0.9 * len(first)) and (len(first) > 1 or not _holds_records(first[0])):
        return "jsonl"
    if not whole:
        return "json"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return "json"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _where(text: str) -> str:
    """The line at which JSON breaks off: of JSON Lines the first that is no object."""
    lines = text.splitlines()
    if len(lines) > 1 and _is_object(lines[0]):
        broken = [number for number, line in enumerate(lines, start=1) if line.strip() and not _is_object(line)]
        more = f" and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        return f": line {broken[0]}{more} is no object, {_shown(lines[broken[0] - 1])}" if broken else ""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f": line {error.lineno}, character {error.colno}: {error.msg}"
    except (ValueError, RecursionError):
        pass
    return ""


def _holds_records(line: str) -> bool:
    found = json.loads(line)
    return _has_array(found) or keyed(found)


def keyed(found: dict[str, Any]) -> bool:
    """Whether products stand under their ids, as {"A1": {...}, "A2": {...}}, in an object or in one inside it."""
    inner = list(found.values())
    alike = len(inner) > 1 and all(isinstance(one, dict) and one and one.keys() == inner[0].keys() for one in inner)
    return alike or any(isinstance(one, dict) and keyed(one) for one in inner)


def _has_array(found: dict[str, Any]) -> bool:
    """Whether an array of objects stands in an object, or in an object inside it."""
    return any(
        bool(value and isinstance(value[0], dict)) if isinstance(value, list) else _has_array(value)
        for value in found.values()
        if isinstance(value, list | dict)
    )


def _shown(text: str) -> str:
    return repr(" ".join(text.split())[:60])
