"""Whether a workbook of Excel 97 to 2003 is whole and not encrypted, before a reader that trusts it opens it.

The container is OLE ([MS-CFB]): sectors chained by an allocation table. In it the stream `Workbook` (`Book` before 1997)
is a row of BIFF records ([MS-XLS]). A reader follows the chains wherever a damaged file leads it, into gigabytes or past
rows that were cut off; so everything it will follow is followed here first.
"""

import struct
from array import array
from collections.abc import Iterator
from sys import byteorder

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PASSWORD = "it is protected by a password"
_STREAMS = ("workbook", "book")
_ENCRYPTED = "encryptedpackage"  # a newer workbook with a password comes in this container too
_END = 0xFFFFFFFA  # numbers from here on are marks, not sectors
_ENTRY = 128
SHEET = 0x85  # kind of the record that names a sheet and says where it begins
_OPENS, _CLOSES, _FILEPASS, _DIMENSIONS = 0x809, 0x0A, 0x2F, 0x200
# Records of one or several cells: the row and the first column come first, and where there are several the last column last.
_CELLS = frozenset((0x06, 0x201, 0x203, 0x204, 0x205, 0x27E, 0xD6, 0xFD, 0x406, 0x206))
_ROWS_OF_CELLS = frozenset((0xBD, 0xBE))


def largest_sheet(data: bytes) -> tuple[int, int]:
    """Rows and columns of the sheet with the most cells, by what its records say and by where its cells stand.

    Raises ValueError saying what is wrong when the file is cut short, damaged or encrypted.
    """
    try:
        return max(_extents(workbook_stream(data)), key=lambda size: size[0] * size[1], default=(0, 0))
    except struct.error as error:
        raise ValueError("it is cut short or damaged") from error


def workbook_stream(data: bytes) -> bytes:
    """The records of all sheets. Raises ValueError saying what is wrong when the file is cut short, damaged or encrypted."""
    return _Container(data).workbook()


class _Container:
    """The streams of an OLE file."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(SIGNATURE):
            raise ValueError("it is no OLE container")
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise ValueError("its header is damaged")
        self._size = 1 << shift
        count, first_directory, _, self._cutoff, mini, _, more, _ = struct.unpack_from("<8I", data, 44)
        if count > len(data) // self._size:
            raise ValueError("its header is damaged")
        self._table = self._numbers(self._tables(count, more))
        self._mini_table = self._numbers(self._chain(mini, self._table))
        self._directory = b"".join(self._sector(number) for number in self._chain(first_directory, self._table))

    def workbook(self) -> bytes:
        """The stream with the sheets."""
        found = {name: (start, size) for name, start, size in self._entries()}
        name = next((name for name in _STREAMS if name in found), None)
        if name is None:
            raise ValueError(PASSWORD if _ENCRYPTED in found else "it holds no sheets")
        start, size = found[name]
        if size >= self._cutoff:
            return self._stream(start, size)
        if "" not in found:
            raise ValueError("its directory has no root, which holds small streams")
        root = self._stream(*found[""])
        pieces = [root[64 * number :][:64] for number in self._chain(start, self._mini_table)]
        return _long_enough(b"".join(pieces), size)

    def _entries(self) -> Iterator[tuple[str, int, int]]:
        """(name, first sector, bytes) of the streams; the root, which holds the small ones, has no name here."""
        for at in range(0, len(self._directory) - _ENTRY + 1, _ENTRY):
            entry = self._directory[at : at + _ENTRY]
            length, kind = struct.unpack_from("<HB", entry, 64)
            start, size = struct.unpack_from("<II", entry, 116)
            if kind == 5:
                yield "", start, size
            elif kind == 2:
                yield entry[: max(0, length - 2)].decode("utf-16-le", "replace").lower(), start, size

    def _stream(self, start: int, size: int) -> bytes:
        return _long_enough(b"".join(map(self._sector, self._chain(start, self._table))), size)

    def _tables(self, count: int, more: int) -> list[int]:
        """The sectors of the allocation table: the header names 109, sectors of their own the rest."""
        found = list(struct.unpack_from("<109I", self._data, 76))
        seen = 0
        while more < _END and len(found) < count:
            sector = self._numbers([more])
            found += sector[:-1]
            more = sector[-1]
            seen += 1
            if seen > count:
                raise ValueError("its allocation table runs in a circle")
        return [number for number in found[:count] if number < _END]

    def _numbers(self, sectors: list[int]) -> "array[int]":
        found = array("I")
        for number in sectors:
            found.frombytes(self._sector(number).ljust(self._size, b"\xff"))
        if byteorder == "big":
            found.byteswap()
        return found

    def _chain(self, start: int, table: "array[int]") -> list[int]:
        """The sectors of a stream in order."""
        found: list[int] = []
        while start < _END:
            if start >= len(table) or len(found) > len(table):
                raise ValueError("its allocation table is damaged")
            found.append(start)
            start = table[start]
        return found

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        if start >= len(self._data):
            raise ValueError("it is cut short")
        return self._data[start : start + self._size]


def _long_enough(stream: bytes, size: int) -> bytes:
    if len(stream) < size:
        raise ValueError("it is cut short")
    return stream[:size]


def _extents(stream: bytes) -> list[tuple[int, int]]:
    """Rows and columns of every sheet. Raises ValueError when the records of one do not come to their end."""
    offsets = []
    for kind, content in records(stream, 0):
        if kind == _FILEPASS:
            raise ValueError(PASSWORD)
        if kind == SHEET:
            offsets.append(struct.unpack_from("<I", content)[0])
    return [_extent(stream, offset) for offset in offsets]


def _extent(stream: bytes, offset: int) -> tuple[int, int]:
    rows = columns = 0
    for kind, content in records(stream, offset):
        if kind in _CELLS:
            row, column = struct.unpack_from("<HH", content)
        elif kind in _ROWS_OF_CELLS:
            row, column = *struct.unpack_from("<H", content), *struct.unpack_from("<H", content, len(content) - 2)
        elif kind == _DIMENSIONS:
            first, row, start, column = struct.unpack_from("<IIHH" if len(content) == 14 else "<HHHH", content)
            if first > row or start > column:
                raise ValueError("the size of a sheet is damaged")
        else:
            continue
        rows, columns = max(rows, row + 1), max(columns, column + 1)
    return rows, columns


def records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """(kind, content) of the records from one that opens a part to the one that closes it; charts stand inside."""
    depth = 0
    while True:
        if at + 4 > len(stream):
            raise ValueError("it is cut short")
        kind, length = struct.unpack_from("<HH", stream, at)
        if not depth and kind != _OPENS:
            raise ValueError("a part of it does not begin as one")
        depth += (kind == _OPENS) - (kind == _CLOSES)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length
        if not depth:
            return
