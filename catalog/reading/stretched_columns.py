"""What the rows of a stretch say in our columns, by expressions over all of them at once: the same that
`header.Columns` reads from one row after the other."""

import polars as pl

from catalog.reading.header import Columns
from catalog.reading.stretches import Stretch

ATTRIBUTE = "attributes."


def as_rows(stretch: Stretch, columns: Columns) -> pl.DataFrame:
    """The rows as `feeds.RawBatch` has them."""
    said = [_text(parts).alias(ours) for ours, parts in columns.parts.items() if ours != "image"]
    said += [_first(places).alias(ATTRIBUTE + name) for name, places in columns.attributes.items()]
    if "image" in columns.parts:
        said.append(_images(columns.parts["image"], columns.image_separator).alias("images"))
    rows = stretch.cells.select(
        pl.Series("line", stretch.lines), pl.Series("raw", stretch.raw), pl.lit(False).alias("nul"), *said
    )
    return rows.with_columns(image=pl.col("images").list.first()) if "images" in rows.columns else rows


def _cell(place: int) -> pl.Expr:
    return pl.col(str(place))


def _text(parts: list[list[int]]) -> pl.Expr:
    """The parts that are filled, joined; a column of its own as it is delivered, be it empty."""
    if len(parts) == 1 and len(parts[0]) == 1:
        return _cell(parts[0][0])
    return pl.concat_str([_first(part) for part in parts], separator=" ", ignore_nulls=True).replace("", None)


def _first(places: list[int]) -> pl.Expr:
    """The first that is filled, else null."""
    return pl.coalesce([_cell(place).replace("", None) for place in places])


def _images(parts: list[list[int]], separator: str) -> pl.Expr:
    """All pictures in order, each once: of each part those of its first place that names any."""
    named = [pl.coalesce([_several(place, separator) for place in part]).fill_null([]) for part in parts]
    if len(named) == 1 and not separator:
        return named[0]
    return pl.concat_list(named).list.unique(maintain_order=True)


def _several(place: int, separator: str) -> pl.Expr:
    """The pictures one cell names; null when it names none."""
    if not separator:
        texts = pl.concat_list(_cell(place).str.strip_chars().replace("", None))
    else:
        texts = _cell(place).str.split(separator).list.eval(pl.element().str.strip_chars().replace("", None))
    texts = texts.list.drop_nulls()
    return pl.when(texts.list.len() > 0).then(texts)
