"""Rows as they stand in a file of any format: every one yielded, with its line, readable or not."""

from collections.abc import Generator
from pathlib import Path

from catalog.reading.cells import MAX_CELL, Block, Record, Rows
from catalog.reading.delimited import csv_pieces, csv_rows, suggest_dialect
from catalog.reading.json_feeds import json_array, json_lines
from catalog.reading.mapping import HEADERLESS, Mapping
from catalog.reading.parquet_feeds import parquet_rows
from catalog.reading.spreadsheets import sheet_rows
from catalog.reading.stretches import Stretch
from catalog.reading.xml_feeds import xml_pieces, xml_rows

__all__ = ["HEADERLESS", "MAX_CELL", "Record", "Rows", "open_pieces", "open_rows", "suggest_dialect"]


def open_rows(path: Path, mapping: Mapping) -> Rows:
    """The header and the rows of a file. For JSON and XML the header is the list of columns asked for.

    Raises FeedRefused, at once or on the way, when the file as a whole cannot be read truthfully.
    """
    match mapping.format:
        case "jsonl":
            return mapping.names, json_lines(path, mapping)
        case "json":
            return mapping.names, json_array(path, mapping)
        case "xml":
            return mapping.names, xml_rows(path, mapping)
        case "parquet":
            return parquet_rows(path, mapping)
        case "xlsx" | "xls":
            return sheet_rows(path, mapping)
    return csv_rows(path, mapping)


def open_pieces(path: Path, mapping: Mapping) -> tuple[list[str], Generator[Record | Stretch | Block, None, None]]:
    """The same rows, those of delimited text and of XML many at a time where they need no look at each: where rows fold or
    belong together they do, and in delimited text where a row's attributes bring their own names."""
    together = mapping.fold or mapping.variants
    if mapping.format in ("csv", "tsv") and not (together or mapping.pairs or mapping.packed):
        return csv_pieces(path, mapping)
    if mapping.format == "xml" and not together:
        return mapping.names, xml_pieces(path, mapping)
    return open_rows(path, mapping)
