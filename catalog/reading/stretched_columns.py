"""What the rows of a stretch say in our columns, by expressions over all of them at once: the same that
`header.Columns` reads from one row after the other."""

import numpy as np
import polars as pl

from catalog.reading.cells import listed
from catalog.reading.header import BETWEEN_CATEGORIES, SINGLE, Columns, together
from catalog.reading.stretches import Stretch

ATTRIBUTE = "attributes."
FEW = 32  # texts of a cell that are compared one by one
Lists = frozenset[str]  # names of columns whose cells are lists


def as_rows(stretch: Stretch, columns: Columns) -> pl.DataFrame:
    """The rows as `feeds.RawBatch` has them."""
    lists = frozenset(name for name, kind in stretch.cells.schema.items() if kind == pl.List)
    others = ("image", "title") if columns.instead else ("image",)
    said = [_text(ours, parts, lists).alias(ours) for ours, parts in columns.parts.items() if ours not in others]
    if columns.instead and "title" in columns.parts:
        said.append(_titles(stretch.cells, columns, lists))
    own = {name: _first("", places, lists) for name, places in columns.attributes.items()}
    brought = {} if stretch.named is None else {column.name: pl.lit(column) for column in stretch.named}
    for name in dict.fromkeys([*own, *brought]):
        both = [found[name] for found in (own, brought) if name in found]
        said.append((pl.coalesce(both) if len(both) > 1 else both[0]).alias(ATTRIBUTE + name))
    if "image" in columns.parts:
        said += _pictures(stretch.cells, columns, lists)
    return stretch.cells.select(
        pl.Series("line", stretch.lines), pl.Series("raw", stretch.raw), pl.lit(False).alias("nul"), *said
    )


def _cell(place: int, ours: str, lists: Lists) -> pl.Expr:
    """A cell as one text; see `header.joined`."""
    cell = pl.col(str(place))
    if str(place) not in lists:
        return cell
    if ours in SINGLE:
        return cell.list.first()
    return cell.list.join(BETWEEN_CATEGORIES if ours == "vendor_category" else ", ").replace("", None)


def _text(ours: str, parts: list[list[int]], lists: Lists) -> pl.Expr:
    """The parts that are filled, joined; a column of its own as it is delivered, be it empty."""
    if len(parts) == 1 and len(parts[0]) == 1:
        return _cell(parts[0][0], ours, lists)
    return pl.concat_str([_first(ours, part, lists) for part in parts], separator=" ", ignore_nulls=True).replace(
        "", None
    )


def _titles(cells: pl.DataFrame, columns: Columns, lists: Lists) -> pl.Expr:
    """Titles, those of rows that name none made of other columns."""
    named = [_first("title", part, lists) for part in columns.parts["title"]]
    texts = cells.select(title=pl.coalesce(named))["title"]
    rows = texts.is_null().arg_true()
    if rows.len():
        parts = cells[rows].select(_cell(place, "title", lists).alias(str(place)) for place in columns.instead)
        texts = texts.scatter(rows, pl.Series([together(row) for row in parts.iter_rows()], dtype=pl.String))
    return pl.lit(texts).alias("title")


def _first(ours: str, places: list[int], lists: Lists) -> pl.Expr:
    """The first that is filled, else null."""
    return pl.coalesce([_cell(place, ours, lists).replace("", None) for place in places])


def _pictures(cells: pl.DataFrame, columns: Columns, lists: Lists) -> list[pl.Expr]:
    """`images`, and `image`, the first of them."""
    parts = columns.parts["image"]
    if len(parts) == len(parts[0]) == 1 and not columns.image_separator:
        texts, ends = _filled(cells[str(parts[0][0])])
        several = listed("images", texts, ends)
        return [pl.lit(several), pl.lit(several.list.first().alias("image"))]
    images = _images(parts, columns.image_separator, lists)
    return [images.alias("images"), images.list.first().alias("image")]


def _filled(column: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The filled texts of all cells, each once a cell, and where those of a cell begin and end: by expressions over lists
    it takes several times as long."""
    if column.dtype != pl.List:
        texts = column.str.strip_chars().replace("", None)
        return texts.drop_nulls(), np.concatenate([[0], np.cumsum(texts.is_not_null().to_numpy(), dtype=np.int64)])
    counts = column.list.len().fill_null(0).to_numpy().astype(np.int64)
    texts = column.explode().drop_nulls().str.strip_chars()
    rows = np.repeat(np.arange(counts.size), counts)
    kept = (texts != "").to_numpy().copy()
    longest = int(counts.max(initial=0))
    if longest > FEW:  # else thousands of texts in one cell would take as many turns for all cells
        both = pl.DataFrame({"row": rows, "text": texts})
        kept &= both.select(pl.struct("row", "text").is_first_distinct()).to_series().to_numpy()
    else:
        for apart in range(1, longest):
            again = rows[apart:] == rows[:-apart]
            again &= (texts[apart:] == texts[:-apart]).to_numpy()
            kept[apart:] &= ~again
    if not kept.all():
        texts, counts = texts.filter(pl.Series(kept)), np.bincount(rows[kept], minlength=counts.size)
    return texts, np.concatenate([[0], np.cumsum(counts)])


def _images(parts: list[list[int]], separator: str, lists: Lists) -> pl.Expr:
    """All pictures in order, each once: of each part those of its first place that names any."""
    named = [pl.coalesce([_several(place, separator, lists) for place in part]).fill_null([]) for part in parts]
    if len(named) == 1 and not separator and not any(str(place) in lists for place in parts[0]):
        return named[0]
    return pl.concat_list(named).list.unique(maintain_order=True)


def _several(place: int, separator: str, lists: Lists) -> pl.Expr:
    """The pictures one cell names; null when it names none."""
    cell = pl.col(str(place))
    if str(place) in lists and separator:
        cell = cell.list.join(separator)
    if separator:
        texts = cell.str.split(separator).list.eval(pl.element().str.strip_chars().replace("", None))
    elif str(place) in lists:
        texts = cell.list.eval(pl.element().str.strip_chars().replace("", None))
    else:
        texts = pl.concat_list(cell.str.strip_chars().replace("", None))
    texts = texts.list.drop_nulls()
    return pl.when(texts.list.len() > 0).then(texts)
