"""Opening a delivered file: compression checked before any row is taken, text decoded, lines counted and bounded."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from catalog.errors import FeedRefused

MAX_RECORD = 8 * 1024 * 1024  # characters of one row; a forgotten quote would otherwise swallow the whole file
MAX_INFLATION = 200  # text compresses 5 to 20 times; a bomb about 1,000 times
SMALL = 64 * 1024 * 1024  # below this size no inflation does harm
BAD = "\udcff"  # stands where bytes could not be decoded; no text can contain it
_CHUNK = 1024 * 1024
_FOREIGN = {b"PK\x03\x04": "a ZIP or XLSX file", b"PAR1": "a Parquet file", b"\xd0\xcf\x11\xe0": "an XLS file"}


def is_gzip(path: Path) -> bool:
    """True when the content is gzip, whatever the name says."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def check_gzip(path: Path) -> None:
    """Reads a gzip file to its end once: a reader that stops early would lose rows without a word.

    Raises FeedRefused when it is truncated, damaged, followed by something else, or a bomb.
    """
    size, plain = path.stat().st_size, 0
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                plain += len(chunk)
                if plain > SMALL and plain > MAX_INFLATION * size:
                    raise FeedRefused(
                        "gzip_bomb",
                        f"The file grows to more than {MAX_INFLATION} times its size when unpacked.",
                        remedy="Ask the vendor to send it uncompressed.",
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise FeedRefused(
            "broken_gzip",
            f"The gzip file is truncated or damaged after {plain:,} bytes ({error}).",
            remedy="Ask the vendor to send it again; nothing of it was taken.",
        ) from error


def open_plain(path: Path) -> BinaryIO:
    """The file's bytes without compression. Gzip is checked as a whole first."""
    if not is_gzip(path):
        return path.open("rb")
    check_gzip(path)
    return gzip.open(path, "rb")  # type: ignore[return-value]


def open_text(path: Path, encoding: str) -> TextIO:
    """Decoded text with line ends as they came; undecodable bytes become `BAD`.

    Raises FeedRefused when the first bytes say that this is another kind of file or another encoding.
    """
    codecs.register_error("feedshelf.mark", _mark)
    file = open_plain(path)
    first = file.read(4)
    file.seek(0)
    try:
        _check_beginning(first, encoding)
    except FeedRefused:
        file.close()
        raise
    buffered = io.BufferedReader(file, _CHUNK)  # type: ignore[type-var]
    return io.TextIOWrapper(buffered, encoding=encoding, errors="feedshelf.mark", newline="")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD, error.end


def _check_beginning(first: bytes, encoding: str) -> None:
    for magic, kind in _FOREIGN.items():
        if first.startswith(magic):
            raise FeedRefused(
                "unknown_format",
                f"The content is {kind}, not text.",
                remedy="Ask the vendor for csv, tsv, jsonl or parquet (plain or .gz), or correct `format` in the mapping.",
            )
    if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and not encoding.startswith(("utf-16", "utf-32")):
        raise FeedRefused(
            "bad_encoding",
            f"The file begins with the mark of UTF-16, but is declared as {encoding}.",
            remedy='Write `encoding = "utf-16"` into the vendor\'s mapping.',
        )


class Lines:
    """Physical lines with their numbers, for a reader that may need several of them for one row.

    `taken` holds the lines of the row being read, `nul` whether NUL characters were dropped from it, `ended` whether
    the file ended while the row was read. Raises FeedRefused when one row grows beyond MAX_RECORD.
    """

    def __init__(self, text: TextIO) -> None:
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
        line = self._again.pop() if self._again else self._text.readline(MAX_RECORD + 1)
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
