"""Feeds packed and damaged, and workbooks, for tests."""

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import xlsxwriter

Damage = Callable[[bytes], bytes]


def zipped(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zip": lambda content: zipped(("items.csv", content)),
    "zstd": zstd,
}


def workbook(sheets: dict[str, Sequence[Sequence[Any]]]) -> bytes:
    """Text stays text, numbers stay numbers; a cell ('=', formula, value) is a formula with the value a program left."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    if isinstance(cell, tuple):
                        sheet.write_formula(row, column, cell[1], None, cell[2])
                    elif isinstance(cell, str):
                        sheet.write_string(row, column, cell)
                    elif cell is not None:
                        sheet.write(row, column, cell)
    return packed.getvalue()


def with_part(book: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one of its parts replaced."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = [(part, content if part == name else archive.read(part)) for part in archive.namelist()]
    return zipped(*parts)
