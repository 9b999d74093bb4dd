"""Opening a delivered file as text: decoded, lines counted and bounded."""

import codecs
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from catalog.errors import FeedRefused
from catalog.reading.cells import RAW_CUT, Record
from catalog.reading.unpacking import open_plain

MAX_RECORD = 8 * 1024 * 1024  # characters of one row; a forgotten quote would otherwise swallow the whole file
BAD = "\udcff"  # stands where bytes could not be decoded; no text can contain it
_CHUNK = 1024 * 1024
_FOREIGN = {
    b"PK\x03\x04": "a ZIP or XLSX file",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an XLS file",
    b"\x1f\x8b": "a second layer of gzip",
    b"\x28\xb5\x2f\xfd": "a second layer of zstd",
}


def open_text(path: Path, encoding: str) -> TextIO:
    """Decoded text with line ends as they came; undecodable bytes become `BAD`.

    Raises FeedRefused when the first bytes say that this is another kind of file or another encoding.
    """
    codecs.register_error("feedshelf.mark", _mark)
    file = open_plain(path)
    buffered = io.BufferedReader(file, _CHUNK)  # type: ignore[type-var]
    try:
        check_beginning(buffered.peek(4)[:4], encoding)
    except FeedRefused:
        buffered.close()
        raise
    return io.TextIOWrapper(buffered, encoding=encoding, errors="feedshelf.mark", newline="")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD, error.end


def check_beginning(first: bytes, encoding: str) -> None:
    """Raises FeedRefused when a file of text cannot begin with these four bytes in this encoding."""
    for magic, kind in _FOREIGN.items():
        if first.startswith(magic):
            raise FeedRefused(
                "unknown_format",
                f"The content is {kind}, not text.",
                remedy="Correct `format` in the mapping, or ask the vendor for text (csv, tsv, jsonl, json, xml; plain or packed once).",
            )
    if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and not encoding.startswith(("utf-16", "utf-32")):
        raise FeedRefused(
            "bad_encoding",
            f"The file begins with the mark of UTF-16, but is declared as {encoding}.",
            remedy='Write `encoding = "utf-16"` into the vendor\'s mapping.',
        )


def decoded(read: Callable[[int], str], size: int) -> str:
    """Reads on. Raises FeedRefused where a codec gives up instead of marking the byte, as UTF-16 without its mark."""
    try:
        return read(size)
    except UnicodeError as error:
        raise FeedRefused(
            "bad_encoding",
            f"The file is not in the encoding the mapping names ({error}).",
            remedy="Correct `encoding` in the mapping, for instance utf-8, utf-16-le, windows-1252 or windows-1251.",
        ) from error


class Ahead:
    """Text that can be looked at in blocks before its lines are read one by one."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._block = ""
        self._at = 0
        self._lines: io.StringIO | None = None

    @property
    def exhausted(self) -> bool:
        """True when nothing is left of the block last looked at."""
        return self._at >= len(self._block)

    def block(self, size: int) -> str:
        """What comes next, `size` characters of it or a little more while there are as many; none is taken yet.

        It never ends between the two characters of a line's end.
        """
        block = self._block[self._at :]
        if len(block) < size:
            block += decoded(self._text.read, size - len(block))
        while block.endswith("\r") and (following := decoded(self._text.read, 1)):
            block += following
        self._block, self._at, self._lines = block, 0, None
        return block

    def skip(self, characters: int) -> None:
        """Takes so many characters of the block."""
        self._at += characters
        self._lines = None

    def readline(self, limit: int) -> str:
        """The next line with its end, as `TextIO.readline` has it."""
        if self._lines is None:
            self._lines = io.StringIO(self._block, newline="")
            self._lines.seek(self._at)
        line = self._lines.readline(limit)
        self._at += len(line)
        if len(line) < limit and not line.endswith(("\n", "\r")):
            line += decoded(self._text.readline, limit - len(line))
        return line


class Lines:
    """Physical lines with their numbers, for a reader that may need several of them for one row.

    `taken` holds the lines of the row being read, `nul` whether NUL characters were dropped from it, `ended` whether
    the file ended while the row was read. Raises FeedRefused when one row grows beyond MAX_RECORD.
    """

    def __init__(self, text: "TextIO | Ahead") -> None:
        self._text = text
        self._again: list[str] = []
        self._size = 0
        self.number = 0
        self.taken: list[str] = []
        self.nul = False
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else decoded(self._text.readline, MAX_RECORD + 1)
        if not line:
            self.ended = True
            raise StopIteration
        if not self.number:
            line = line.removeprefix("\ufeff")
        self.number += 1
        self._size += len(line)
        if self._size > MAX_RECORD:
            raise self._too_long()
        if "\0" in line:
            line = line.replace("\0", "")
            self.nul = True
        self.taken.append(line)
        return line

    def begin(self) -> int:
        """Starts a row; returns the number of its first line."""
        self.taken, self._size, self.nul = [], 0, False
        return self.number + 1

    def retry_after_first(self) -> None:
        """Gives back all lines of the row but its first, so that one wrong quote costs one line."""
        back = self.taken[1:]
        self._again.extend(reversed(back))
        self.number -= len(back)
        self.taken = self.taken[:1]

    @property
    def gave_back(self) -> bool:
        """True when lines that were given back wait to be read again."""
        return bool(self._again)

    def _too_long(self) -> FeedRefused:
        first = self.number - len(self.taken)
        if self.taken:
            return unterminated(first)
        return FeedRefused(
            "giant_row",
            f"Line {first} is longer than {MAX_RECORD:,} characters.",
            remedy="Look at that line; perhaps the line ends or the format are not what the mapping says.",
        )


def unterminated(line: int) -> FeedRefused:
    """The refusal of a file in which a quote is opened and never closed."""
    return FeedRefused(
        "unterminated_quote",
        f"The quote opened in the row that begins at line {line} is never closed; everything after it would be lost.",
        remedy='Ask the vendor to correct that row, or write `quote = ""` into the mapping if quotes mean nothing in '
        "this file.",
    )


def readable(first: int, cells: list[Any], raw: str, nul: bool) -> Record:
    """The row that begins at a line, refused as bad_encoding when a byte of it could not be decoded."""
    if BAD in raw:
        shown = raw[:RAW_CUT].replace(BAD, "\ufffd")
        cells = [cell.replace(BAD, "\ufffd") for cell in cells]
        return Record(first, cells, shown, "bad_encoding", "bytes that the declared encoding does not have")
    return Record(first, cells, raw[:RAW_CUT], nul=nul)
