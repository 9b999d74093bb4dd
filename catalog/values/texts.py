"""Delivered text in one form: misread bytes mended if the vendor's form says so, words instead of HTML, length bounded."""

import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pyarrow as pa

from catalog.reading.mapping import FACT_COLUMNS, LABEL_COLUMNS, TEXT_COLUMNS, Mapping
from catalog.reading.stretched_columns import ATTRIBUTE
from catalog.values import attributes
from catalog.values.markup import without_markup
from catalog.values.mojibake import SUSPECT, mended

LONGEST = {"title": 500, "description": 5_000, "brand": 200, "vendor_category": 500}
LONGEST_ATTRIBUTE = 500
# Money and stock are words too; ids are never touched.
_MENDED_FACTS = ("price", "currency", "availability")
# Control, zero-width and direction-changing characters; joiners (U+200C, U+200D) carry meaning in several scripts.
_INVISIBLE = (
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)


_SPACE, _DELETE, _ASCII = ord(" "), 0x7F, 0x80
_NEAR = 1 << 17  # bytes looked at together: what fits a core's cache is not fetched five times
# Characters that no neighbour of their own kind composes with and that stand for themselves: without others, text is in
# NFC (Unicode Standard Annex 15, quick check). Latin, Cyrillic, kana, Chinese and Korean syllables, signs of prices.
_NOT_SURELY_NFC = (
    "[^\u0000-\u02ff\u0400-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2116\u2122"
    "\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]"
)


def plain_text(column: str) -> pl.Expr:
    """NFC, nothing invisible, single spaces, none at the ends; empty text is null."""
    return pl.col(column).map_batches(plain, return_dtype=pl.String)


def plain(column: pl.Series) -> pl.Series:
    """`plain_text` of a column at hand. Only texts that are not in that form already are worked on."""
    column = column.replace("", None) if (column == "").any() else column
    unsettled = _unsettled(column)
    if not unsettled.len():
        return column
    texts = _composed(column.gather(unsettled)).str.replace_all(_INVISIBLE, "")
    texts = texts.str.replace_all(r"\s{2,}|[^\S ]", " ").str.strip_chars().replace("", None)
    return column.clone().scatter(unsettled, texts)  # which writes where it is called


def beyond_ascii(column: pl.Series) -> pl.Series:
    """Where a text has characters beyond ASCII: what may be misread, composed or lost. Null is false."""
    return (column.str.len_bytes() != column.str.len_chars()).fill_null(False)


def _unsettled(column: pl.Series) -> pl.Series:
    """The rows whose text may not be in its one form: most is, printable ASCII with single spaces and none at the ends.

    Looked for in the bytes of all rows together, which takes a fifth of the time of an expression per row.
    """
    texts = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_string())
    _, places, content = texts.buffers()
    if content is None:
        return pl.Series([], dtype=pl.UInt32)
    offsets = np.frombuffer(places, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]
    starts, ends = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
    filled = starts < ends
    ascii_alone = data.max(initial=0) < _ASCII
    found = np.zeros(len(texts), bool) if ascii_alone else beyond_ascii(column).to_numpy().copy()
    found[np.searchsorted(ends, _odd(data), side="right")] = True
    found[filled] |= (data[starts[filled]] == _SPACE) | (data[ends[filled] - 1] == _SPACE)
    return pl.Series(found).arg_true()


def _odd(data: np.ndarray) -> np.ndarray:
    """Where control characters stand, and each space that follows another."""
    found = [np.empty(0, np.int64)]
    for at in range(0, len(data), _NEAR):
        some = data[max(at - 1, 0) : at + _NEAR]  # with the byte before
        odd = (some < _SPACE) | (some == _DELETE)
        spaces = some == _SPACE
        odd[1:] |= spaces[1:] & spaces[:-1]
        found.append(np.flatnonzero(odd) + max(at - 1, 0))
    return np.concatenate(found)


def _composed(texts: pl.Series) -> pl.Series:
    """In NFC."""
    unsure = texts.str.contains(_NOT_SURELY_NFC).arg_true()
    return texts.clone().scatter(unsure, texts.gather(unsure).str.normalize("NFC")) if unsure.len() else texts


def flagged(rows: pl.DataFrame, *flags: pl.Expr) -> pl.DataFrame:
    """Rows with these names added to their `flags`; null, or an empty list of names, adds nothing.

    Most batches have none of most flags, and to join lists takes longer than to see that.
    """
    named = rows.select(flag.alias(str(number)) for number, flag in enumerate(flags))
    said = [column for column in named if _says_something(column)]
    if not said:
        return rows
    return rows.with_columns(flags=pl.col("flags").list.concat(pl.concat_list(*said)).list.drop_nulls())


def _says_something(column: pl.Series) -> bool:
    if column.dtype == pl.List:
        return bool((column.list.len() > 0).any())
    return column.null_count() < len(column)


def with_texts(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Rows with every text in its one form, `attributes` as JSON, `flags`, and `raw_text` (see `_mended`)."""
    absent = [name for name in (*FACT_COLUMNS, *TEXT_COLUMNS) if name not in rows.columns]
    rows = rows.with_columns(*(pl.lit(None, pl.String).alias(name) for name in absent))
    given = [name for name in rows.columns if name.startswith(ATTRIBUTE)]
    texts = [*TEXT_COLUMNS, *given]
    rows = rows.with_columns(flags=pl.concat_list(pl.when("nul").then(pl.lit("nul_removed"))).list.drop_nulls())
    rows = _mended(rows, texts, repair=mapping.rules.repair_mojibake)
    rows = rows.with_columns(*(without_markup(rows[name]) for name in texts))
    labels = [name for name in LABEL_COLUMNS if name in rows.columns]
    rows = rows.with_columns(*(plain(rows[name]) for name in (*FACT_COLUMNS, *texts, *labels)))
    names = attributes.named(given, ATTRIBUTE)
    return _cut(rows, texts).with_columns(attributes=attributes.as_json(names))


def _cut(rows: pl.DataFrame, texts: list[str]) -> pl.DataFrame:
    longest = {name: LONGEST.get(name, LONGEST_ATTRIBUTE) for name in texts}
    long = {name: most for name, most in longest.items() if (rows[name].str.len_bytes() > most).any()}
    flags = [_where(pl.col(name).str.len_chars() > most, f"{name}_cut") for name, most in long.items()]
    # Where the reader, or the vendor before it, put a sign for what could not be read.
    lost = [pl.col(name).str.contains("\ufffd", literal=True) for name in texts if beyond_ascii(rows[name]).any()]
    flags.append(_where(pl.any_horizontal(lost or [pl.lit(False)]), "lost_characters"))
    rows = flagged(rows, *flags)
    return rows.with_columns(*(pl.col(name).str.slice(0, most) for name, most in long.items()))


def _where(condition: pl.Expr, flag: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(flag))


def _mended(rows: pl.DataFrame, texts: list[str], *, repair: bool) -> pl.DataFrame:
    """With misread text mended and kept as delivered in `raw_text` (JSON, column -> text), or else only flagged."""
    columns = [*texts, *_MENDED_FACTS] if repair else texts
    better: dict[str, pl.Series] = {}
    for column in rows.select(columns):
        found = replaced(column, SUSPECT, mended)
        if found is not column:
            better[column.name] = found
    changed = {name: found.ne_missing(rows[name]) for name, found in better.items()}
    better = {name: found for name, found in better.items() if changed[name].any()}
    if not better:
        return rows.with_columns(raw_text=pl.lit(None, pl.String))
    touched = pl.any_horizontal([changed[name] for name in better])
    flag = _where(touched, "repaired_mojibake" if repair else "looks_like_mojibake")
    rows = flagged(rows, flag)
    if not repair:
        return rows.with_columns(raw_text=pl.lit(None, pl.String))
    raw_text = _as_json([rows[name].zip_with(changed[name], _nothing(rows)) for name in better])
    return rows.with_columns(raw_text, *better.values())


def _nothing(rows: pl.DataFrame) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)


def _as_json(columns: list[pl.Series]) -> pl.Series:
    """Raw text may hold line ends and control characters, so this is no expression; only mended rows have any."""
    found = []
    for cells in zip(*columns, strict=True):
        filled = {column.name: cell for column, cell in zip(columns, cells, strict=True) if cell is not None}
        found.append(json.dumps(filled, ensure_ascii=False) if filled else None)
    return pl.Series("raw_text", found, dtype=pl.String)


def replaced(column: pl.Series, suspect: str, better: Callable[[str], str]) -> pl.Series:
    """The column with `better` applied to the distinct texts that hold `suspect`, which begins with a character beyond
    ASCII; the very column when none does."""
    found = column.filter(beyond_ascii(column)).unique()
    found = found.filter(found.str.contains(suspect))
    if not found.len():
        return column
    return column.replace(found, pl.Series([better(text) for text in found], dtype=pl.String))
