"""Numbers of a sheet of Excel 97 to 2003 whose formats keep leading zeros, as its spreadsheet shows them.

The formats of cells stand in records of the workbook ([MS-XLS] 2.4.126 Format, 2.4.353 XF), each number's in its own record.
"""

import struct
from collections.abc import Iterator

import polars as pl

from catalog.reading.number_formats import Number, placed, shape
from catalog.reading.old_workbooks import SHEET, records, workbook_stream

_FORMAT, _STYLE = 0x41E, 0xE0
_OPENS, _NEWEST = 0x809, 0x0600  # texts are of two kinds, by the version that the first record says
_FORMULA, _REAL, _SHORT, _SHORTS = 0x06, 0x203, 0x27E, 0xBD
_FILLED = frozenset((_FORMULA, _REAL, _SHORT, _SHORTS, 0x204, 0x205, 0xD6, 0xFD))  # cells that are not blank
_NO_NUMBER = 0xFFFF  # ends the result of a formula that is a text, a truth value or an error


def with_old_zeros(data: bytes, sheet: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The cells of a sheet with the leading zeros their formats show. frame: every cell as text, from the first row on and
    the first filled column on.

    Raises ValueError when the file is damaged.
    """
    stream = workbook_stream(data)
    try:
        head = list(records(stream, 0))
        shapes = _shapes(head)
        start = _start(head, sheet) if shapes else None
        if start is None:
            return frame
        cells = [one for one in records(stream, start) if one[0] in _FILLED]
        first = min((struct.unpack_from("<H", content, 2)[0] for _, content in cells), default=0)
        numbers = (number for kind, content in cells for number in _numbers(kind, content) if number.style in shapes)
        return placed(frame, first, numbers, shapes)
    except struct.error as error:
        raise ValueError("it is cut short or damaged") from error


def _shapes(head: list[tuple[int, bytes]]) -> dict[int, list[str]]:
    """The styles of cells, by their number, whose format keeps leading zeros."""
    new = struct.unpack_from("<H", head[0][1])[0] >= _NEWEST
    texts = {
        struct.unpack_from("<H", one)[0]: _text(one[2:], 2 if new else 1, new=new)
        for kind, one in head
        if kind == _FORMAT
    }
    shapes = {number: places for number, code in texts.items() if (places := shape(code))}
    used = [struct.unpack_from("<H", content, 2)[0] for kind, content in head if kind == _STYLE]
    return {number: shapes[form] for number, form in enumerate(used) if form in shapes}


def _text(content: bytes, size: int, *, new: bool) -> str:
    """A text after the number of its characters, which takes `size` bytes."""
    length = int.from_bytes(content[:size], "little")
    if not new:
        return content[size : size + length].decode("latin-1")
    wide = content[size] & 1
    return content[size + 1 :][: length << wide].decode("utf-16-le" if wide else "latin-1", "replace")


def _start(head: list[tuple[int, bytes]], sheet: str) -> int | None:
    """Where a sheet begins in the stream; None when the workbook does not name it."""
    new = struct.unpack_from("<H", head[0][1])[0] >= _NEWEST
    named = (content for kind, content in head if kind == SHEET)
    return next((struct.unpack_from("<I", one)[0] for one in named if _text(one[6:], 1, new=new) == sheet), None)


def _numbers(kind: int, content: bytes) -> Iterator[Number]:
    """The cells of a record; none when it holds no number."""
    if kind == _REAL or (kind == _FORMULA and struct.unpack_from("<H", content, 12)[0] != _NO_NUMBER):
        row, column, style, value = struct.unpack_from("<HHHd", content)
        yield Number(row, column, style, value)
    elif kind == _SHORT:
        row, column, style, packed = struct.unpack_from("<HHHI", content)
        yield Number(row, column, style, _unpacked(packed))
    elif kind == _SHORTS:
        row, first = struct.unpack_from("<HH", content)
        several = struct.iter_unpack("<HI", content[4 : 4 + (len(content) - 6) // 6 * 6])
        for place, (style, packed) in enumerate(several):
            yield Number(row, first + place, style, _unpacked(packed))


def _unpacked(packed: int) -> float:
    """An RK number ([MS-XLS] 2.5.217): thirty bits of a whole number or of a double, perhaps times a hundred."""
    if packed & 2:
        value = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        value = struct.unpack("<d", struct.pack("<II", 0, packed & 0xFFFFFFFC))[0]
    return value / 100 if packed & 1 else value
