"""Workbooks of Excel 97 to 2003 for tests: BIFF8 records in an OLE2 container, both as Microsoft publishes them.

Only what a price list has: text, whole numbers, decimals and dates, in one or several sheets.
"""

import datetime
import struct
from collections.abc import Sequence

Cell = str | int | float | datetime.date | tuple[int | float | str, str] | None  # with its number format in a tuple

_SECTOR = 512
_NO_SECTOR, _LAST_SECTOR, _FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_FIRST_DAY = datetime.date(1899, 12, 30)
_PLAIN, _DATE = 0, 1  # our two cell formats, by their order
_FILEPASS = 0x2F  # stands in workbooks with a password


def old_workbook(sheets: dict[str, Sequence[Sequence[Cell]]], *, password: bool = False) -> bytes:
    """An XLS file. password: it says that it is encrypted."""
    return _container(_stream(sheets, password=password))


def _stream(sheets: dict[str, Sequence[Sequence[Cell]]], *, password: bool) -> bytes:
    bodies = [_sheet(rows, _codes(sheets)) for rows in sheets.values()]
    opening = _record(0x809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 6))
    if password:
        opening += _record(_FILEPASS, bytes(54))
    opening += _record(0x42, struct.pack("<H", 1200))
    codes = _codes(sheets)
    opening += b"".join(
        _record(0x41E, struct.pack("<HHB", 164 + n, len(c), 0) + c.encode()) for n, c in enumerate(codes)
    )
    shapes = (0, 14, *range(164, 164 + len(codes)))
    opening += b"".join(_record(0xE0, struct.pack("<HH", 0, shape) + bytes(16)) for shape in shapes)
    names = [name.encode("utf-16-le") for name in sheets]
    offset = len(opening) + sum(4 + 8 + len(name) for name in names) + 4
    for name, body in zip(names, bodies, strict=True):
        opening += _record(0x85, struct.pack("<IHBB", offset, 0, len(name) // 2, 1) + name)
        offset += len(body)
    return opening + _record(0x0A) + b"".join(bodies)


def _codes(sheets: dict[str, Sequence[Sequence[Cell]]]) -> list[str]:
    """The number formats of all cells, each once."""
    every = (cell[1] for rows in sheets.values() for row in rows for cell in row if isinstance(cell, tuple))
    return list(dict.fromkeys(every))


def _sheet(rows: Sequence[Sequence[Cell]], codes: list[str]) -> bytes:
    size = struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows), default=0), 0)
    places = [(row, column, cell) for row, cells in enumerate(rows) for column, cell in enumerate(cells)]
    cells = [
        _cell(row, column, cell[0], 2 + codes.index(cell[1])) if isinstance(cell, tuple) else _cell(row, column, cell)
        for row, column, cell in places
    ]
    start = _record(0x809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 6))
    return start + _record(0x200, size) + b"".join(cells) + _record(0x0A)


def _cell(row: int, column: int, cell: Cell, style: int = _PLAIN) -> bytes:
    if cell is None or isinstance(cell, tuple):
        return b""
    if isinstance(cell, str) and cell.startswith("="):  # a formula, of which its result is kept
        return _record(0x06, struct.pack("<HHHd", row, column, style, float(cell[1:])) + bytes(8))
    if isinstance(cell, str):
        text = struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le")
        return _record(0x204, struct.pack("<HHH", row, column, style) + text)
    if isinstance(cell, datetime.date):
        return _record(0x203, struct.pack("<HHHd", row, column, _DATE, (cell - _FIRST_DAY).days))
    if isinstance(cell, int) and abs(cell) < 1 << 29:  # RK: thirty bits, of which one is the sign
        return _record(0x27E, struct.pack("<HHHi", row, column, style, cell << 2 | 2))
    return _record(0x203, struct.pack("<HHHd", row, column, style, cell))


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _container(stream: bytes) -> bytes:
    """The stream as `Workbook`: header, allocation table, directory, then the stream's sectors one after the other."""
    stream = stream.ljust(4096, b"\0")  # shorter ones would stand in sectors of another size
    sectors = -(-len(stream) // _SECTOR)
    tables = next(count for count in range(1, 110) if count * _SECTOR // 4 >= count + 1 + sectors)
    first = tables + 1
    chain = [*range(first + 1, first + sectors), _LAST_SECTOR]
    table = [_FAT_SECTOR] * tables + [_LAST_SECTOR] + chain
    table += [_NO_SECTOR] * (tables * _SECTOR // 4 - len(table))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, _LAST_SECTOR, 0, _LAST_SECTOR, 0)
    header += struct.pack("<109I", *range(tables), *[_NO_SECTOR] * (109 - tables))
    directory = _entry("Root Entry", 5, child=1) + _entry("Workbook", 2, start=first, size=len(stream))
    body = struct.pack(f"<{len(table)}I", *table) + directory.ljust(_SECTOR, b"\0")
    return header + body + stream.ljust(sectors * _SECTOR, b"\0")


def _entry(name: str, kind: int, *, child: int = _NO_SECTOR, start: int = _LAST_SECTOR, size: int = 0) -> bytes:
    text = name.encode("utf-16-le")
    links = struct.pack("<BBIII", kind, 1, _NO_SECTOR, _NO_SECTOR, child)
    return (
        text.ljust(64, b"\0") + struct.pack("<H", len(text) + 2) + links + bytes(36) + struct.pack("<IQ", start, size)
    )
