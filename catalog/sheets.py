"""Review sheets as files: cells that stay inert in a spreadsheet, and reading back what a spreadsheet made of them."""

import contextlib
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog import durable, tokens
from catalog.errors import CatalogError
from catalog.failpoints import reached

CANDIDATES = 5
COLUMNS = (
    "token",
    "group",
    "group_size",
    "vendor",
    "item_id",
    "title",
    "image",
    "sentence",
    *(f"candidate_{n + 1}" for n in range(CANDIDATES)),
    "decision",
    "category",
    "note",
    "reviewer",
)
TRUSTED = ("token", "decision", "category", "note", "reviewer")
MAX_BYTES = 64 * 2**20
# What begins a formula, in some languages of the spreadsheet in its wide form; "19,-" is a price.
FORMULA = r"[=+@\uff1d\uff0b\uff0d\uff20]|-[^ \t\r\n.,;|]"
_ACTIVE = frozenset("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")
# A spreadsheet that divides cells at another mark than the sheet does makes a cell of what follows such a mark.
MARKS = r"[,;|\t\r\n]"
_INSIDE = re.compile(rf"(?<={MARKS})(?='*(?:{FORMULA}))")
_QUOTED_INSIDE = re.compile(rf"(?<={MARKS})'(?='*(?:{FORMULA}))")
_CELL_LIMIT = 1_000_000


@dataclass(frozen=True)
class Answer:
    """One row of a sheet as it came back; only what an import trusts. `line` is the spreadsheet's row number."""

    line: int
    token: str
    decision: str = ""
    category: str = ""
    note: str = ""
    reviewer: str = ""

    @property
    def filled(self) -> bool:
        """True when the reviewer answered this row."""
        return bool(self.decision or self.category)


@dataclass(frozen=True)
class Returned:
    """A sheet that came back: the hash of the file's bytes and its rows in file order."""

    sha256: str
    answers: tuple[Answer, ...]


def inert(text: str) -> str:
    """A cell no spreadsheet executes: text that could start a formula, or with ', gets one ' in front; so does what would
    after a mark at which some spreadsheets divide cells."""
    text = _INSIDE.sub("'", text)
    return f"'{text}" if text[:1] in _ACTIVE else text


def original(cell: str) -> str:
    """Undoes `inert`: exactly the ' it wrote are taken away."""
    return _QUOTED_INSIDE.sub("", cell.removeprefix("'"))


def render(header: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> bytes:
    """A CSV as spreadsheets like it: UTF-8 with BOM, CRLF, every cell inert. None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([inert("" if value is None else str(value)) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def write(files: dict[Path, bytes], *, point: str) -> None:
    """Puts files in place so that a crash leaves no half-written one: temporary names, fsync, then the renames.

    `point` names the failpoint reached after each rename. Raises CatalogError when the disk is full.
    """
    parts = {path: path.with_name(f".{path.name}.part") for path in files}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path].write_bytes(content)
            durable.sync(parts[path])
        for path, part in parts.items():
            part.replace(path)
            reached(point)
        for folder in {path.parent for path in files}:
            durable.sync(folder)
    except OSError as error:
        for part in parts.values():
            with contextlib.suppress(OSError):  # the first error is the one to report
                part.unlink()
        raise CatalogError(
            f"A sheet cannot be written to {error.filename or 'the disk'}: {error.strerror}.",
            remedy="Make room or give write permission, then run the command again.",
        ) from error


def read(file: Path, encoding: str | None = None) -> Returned:
    """Reads a sheet whatever a spreadsheet did to it: delimiter, encoding, order, extra and missing columns.

    `encoding` of its text; None for UTF-8, UTF-16 with a mark, or Western ANSI. Raises CatalogError when the file is no
    review sheet: no column `token`, neither `decision` nor `category`, one of them twice, or bytes no spreadsheet writes.
    """
    if not file.is_file():
        raise CatalogError(f"There is no sheet {file}.", remedy="Give the path of a filled review sheet.")
    if file.stat().st_size > MAX_BYTES:
        raise CatalogError(f"{file} has more than {MAX_BYTES // 2**20} MiB.", remedy="Import sheets one by one.")
    content = file.read_bytes()
    return Returned(hashlib.sha256(content).hexdigest(), answers(_rows(_text(content, file, encoding), file), file))


def answers(rows: Sequence[tuple[int, list[str]]], file: Path) -> tuple[Answer, ...]:
    """The answers in (row number, cells), header first; rows without any text are left out.

    Raises CatalogError when the header is none of a review sheet.
    """
    places = _places(rows[0][1], file)
    return tuple(_answer(line, cells, places) for line, cells in rows[1:] if any(cell.strip() for cell in cells))


def _text(content: bytes, file: Path, declared: str | None) -> str:
    """The text of a file; tokens and decisions are plain in every encoding, and survive one that is none of it."""
    if declared:
        return _as_declared(content, file, declared)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        ways: tuple[tuple[str, str], ...] = (("utf-16", "strict"),)
    else:
        ways = (("utf-8-sig", "strict"), ("cp1252", "replace"))
    for encoding, errors in ways:
        with contextlib.suppress(UnicodeDecodeError):
            text = content.decode(encoding, errors)
            if "\0" not in text:
                return text
    raise CatalogError(f"{file} is not a text file.", remedy="Save the sheet as CSV (UTF-8) and import that file.")


def _as_declared(content: bytes, file: Path, encoding: str) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except (LookupError, UnicodeError) as error:
        raise CatalogError(
            f"{file} cannot be read as {encoding}: {error}.",
            remedy="Name the encoding it was saved in, for instance --encoding windows-1251, or none.",
        ) from error


def _rows(text: str, file: Path) -> list[tuple[int, list[str]]]:
    """(row number, cells) with the delimiter under which the header has most of our columns; header first."""
    first, _, rest = text.partition("\n")
    skip = first.strip().lower().startswith("sep=")
    header = rest.partition("\n")[0] if skip else first
    delimiter = max(",;\t", key=lambda mark: len(set(_names(header.split(mark))) & set(COLUMNS)))
    before = csv.field_size_limit(_CELL_LIMIT)
    try:
        found = list(csv.reader(io.StringIO(rest if skip else text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Save the sheet as CSV again.") from error
    finally:
        csv.field_size_limit(before)
    if not found:
        raise CatalogError(f"{file} is empty.", remedy="Give a filled review sheet.")
    return [(number + 1 + skip, cells) for number, cells in enumerate(found)]


def _names(cells: Iterable[str]) -> list[str]:
    return ["_".join(cell.strip().strip('"').casefold().split()) for cell in cells]


def _places(header: list[str], file: Path) -> dict[str, int]:
    names = _names(header)
    for name in TRUSTED:
        if names.count(name) > 1:
            raise CatalogError(f"{file} has the column {name!r} twice.", remedy="Remove the one that is not meant.")
    if "token" not in names or not {"decision", "category"} & set(names):
        raise CatalogError(
            f"{file} is no review sheet: it lacks the column {'token' if 'token' not in names else 'decision'!r}.",
            remedy="Import a sheet from review/outbox; columns may be moved and added, these must stay.",
        )
    return {name: names.index(name) for name in TRUSTED if name in names}


def _answer(line: int, cells: list[str], places: dict[str, int]) -> Answer:
    values = {name: original(cells[at].strip()).strip() for name, at in places.items() if at < len(cells)}
    return Answer(line, **{**values, "token": tokens.normal(values.get("token", ""))})
