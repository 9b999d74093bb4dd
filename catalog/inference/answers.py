"""Answers of another classifier as files hold them: one candidate a row, several in a row, or a list in JSON.

Read by the same reader as feeds, so that dialects, damage and line numbers are treated alike.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from catalog.deliveries.inbox import VENDOR
from catalog.errors import FeedRefused
from catalog.labels.labels import CategoryNames
from catalog.reading.feeds import RawBatch, read_rows
from catalog.reading.mapping import Mapping, feed_format
from catalog.reading.records import open_rows
from catalog.settings import Feeds
from catalog.values.texts import plain_text

MOST = 10  # candidates of an item; what a prediction keeps
REJECT = ("line", "vendor", "item_id", "rule", "detail", "raw")
CANDIDATE = {
    "line": pl.Int64,
    "place": pl.Int64,
    "vendor": pl.String,
    "item_id": pl.String,
    "named": pl.String,
    "written": pl.String,
    "raw": pl.String,
}


@dataclass(frozen=True)
class Slot:
    """Where one candidate of a row may stand: the first column that is filled counts. `place` 0 is a row of its own."""

    place: int
    category: tuple[str, ...]
    score: tuple[str, ...]


SLOTS = (
    Slot(0, ("category", "category_id", "category_path"), ("score",)),
    *(
        Slot(
            n,
            (f"candidate_{n}", f"candidates.{n - 1}.category", f"candidates.{n - 1}"),
            (f"score_{n}", f"candidates.{n - 1}.score", f"scores.{n - 1}"),
        )
        for n in range(1, MOST + 1)
    ),
)


@dataclass(frozen=True)
class Answers:
    """What a file says. `candidates`: one row per candidate, best first within its item, with line, vendor, item_id,
    order (0 is the best), category_id (null: named, but no category here) and score (null without one).
    `rejects`: line, vendor, item_id, rule, detail, raw. An item whose best candidate is refused has no answer.
    """

    candidates: pl.DataFrame
    rejects: pl.DataFrame


def read_answers(file: Path, names: CategoryNames, limits: Feeds, *, vendor: str) -> Answers:
    """Reads a CSV, TSV, JSON Lines or Parquet file (also .gz); `vendor` stands where a row names none.

    Raises FeedRefused when it cannot be read or has no column that names a candidate.
    """
    form = _form(file)
    rows, rejects = [], []
    try:
        for batch in read_rows(file, form, limits):
            rows.append(_candidates(batch, vendor))
            rejects.append(batch.rejects.with_columns(vendor=pl.lit(vendor)).select(REJECT))
    except FeedRefused as refused:
        raise _without_mapping(refused) from None
    found = pl.concat([pl.DataFrame(schema=CANDIDATE), *rows])
    judged = _judged(found, names)
    return _settled(judged, pl.concat([pl.DataFrame(schema=_reject_schema()), *rejects]))


def _reject_schema() -> dict[str, pl.DataType]:
    return {name: pl.Int64() if name == "line" else pl.String() for name in REJECT}


def _form(file: Path) -> Mapping:
    """The columns of answers that this file has. It is no vendor's mapping: those demand a title or a picture."""
    every = [name for slot in SLOTS for name in (*slot.category, *slot.score)]
    asked = Mapping.model_construct(format=feed_format(file), columns={n: n for n in ("item_id", "vendor", *every)})
    header, records = open_rows(file, asked)
    records.close()
    present = [name for name in asked.columns if name in header]
    categories = {name for slot in SLOTS for name in slot.category}
    if "item_id" not in present or not categories & set(present):
        raise FeedRefused(
            "missing_column",
            f"The file needs a column item_id and one that names a category. Its columns: {', '.join(header[:30])}.",
            remedy=_FORMS,
        )
    return Mapping.model_construct(format=asked.format, columns={name: name for name in present})


_FORMS = (
    "Give item_id, vendor, category, score with a row per candidate; or candidate_1, score_1, candidate_2 ... in one "
    'row; or in JSON "candidates": [{"category": ..., "score": ...}].'
)


def _without_mapping(refused: FeedRefused) -> FeedRefused:
    """Answers have no mapping that could be corrected."""
    return FeedRefused(refused.reason, refused.message, remedy=_FORMS if refused.reason == "missing_column" else "")


def _candidates(batch: RawBatch, vendor: str) -> pl.DataFrame:
    rows = batch.rows
    named = plain_text("vendor") if "vendor" in rows.columns else pl.lit(None, pl.String)
    rows = rows.with_columns(vendor=named.fill_null(vendor), item_id=plain_text("item_id"))
    slots = list(_slots(rows))
    kept = [rows.select(*_KEPT, place=pl.lit(place), named=name, written=score) for place, name, score in slots]
    found = pl.concat(kept).filter(pl.col("named").is_not_null() | pl.col("written").is_not_null())
    silent = rows.join(found.select("line"), on="line", how="anti")
    silent = silent.select(*_KEPT, place=pl.lit(0), named=pl.lit(None, pl.String), written=pl.lit(None, pl.String))
    return pl.concat([found, silent]).select(pl.col(name).cast(kind) for name, kind in CANDIDATE.items())


_KEPT = ("line", "vendor", "item_id", "raw")


def _slots(rows: pl.DataFrame) -> Iterator[tuple[int, pl.Expr, pl.Expr]]:
    for slot in SLOTS:
        if set(slot.category) & set(rows.columns):
            yield slot.place, _first(slot.category, rows.columns), _first(slot.score, rows.columns)


def _first(names: Iterable[str], columns: list[str]) -> pl.Expr:
    return pl.coalesce(*(plain_text(name) for name in names if name in columns), pl.lit(None, pl.String))


def _judged(found: pl.DataFrame, names: CategoryNames) -> pl.DataFrame:
    """Adds category_id, score, and the rule a candidate breaks with what to say about it."""
    texts = found["named"].unique().to_list()
    meant = [names.mean(text) for text in texts]
    known = pl.DataFrame(
        {
            "named": texts,
            "category_id": [node for node, _, _ in meant],
            "broken": [rule or None for _, rule, _ in meant],
            "said": [detail for _, _, detail in meant],
        },
        schema=dict.fromkeys(("named", "category_id", "broken", "said"), pl.String),
    )
    vendors = [name for name in found["vendor"].unique() if not VENDOR.match(name)]
    number = pl.col("written").str.strip_suffix("%").str.strip_chars().str.replace(",", ".", literal=True)
    found = found.join(known, on="named", how="left", nulls_equal=True, maintain_order="left")
    found = found.with_columns(score=number.cast(pl.Float64, strict=False))
    unread = pl.col("written").is_not_null() & ~pl.col("score").is_finite().fill_null(False)
    again = pl.col("place").gt(0) & (pl.col("line") != pl.col("line").min().over("vendor", "item_id"))
    rules = {
        "missing_item_id": (pl.col("item_id").is_null(), pl.lit("item_id is empty")),
        "bad_vendor": (pl.col("vendor").is_in(vendors), pl.col("vendor")),
        "duplicate_item": (again.fill_null(False), pl.lit("the item stands in an earlier row")),
        "bad_score": (unread, pl.col("written")),
    }
    rule = pl.coalesce([pl.when(holds).then(pl.lit(name)) for name, (holds, _) in rules.items()] + [pl.col("broken")])
    detail = pl.coalesce([pl.when(holds).then(text) for holds, text in rules.values()] + [pl.col("said")])
    return found.with_columns(rule=rule, detail=detail)


def _settled(judged: pl.DataFrame, rejects: pl.DataFrame) -> Answers:
    """Orders the candidates of each item and leaves out the items whose best candidate cannot be known."""
    item = ["vendor", "item_id"]
    lost = judged.filter(pl.col("rule").is_in(["missing_item_id", "bad_vendor", "duplicate_item"]))
    rest = judged.join(lost.select("line", "place"), on=["line", "place"], how="anti")
    rest = rest.sort(
        "vendor", "item_id", "score", "line", "place", descending=[False, False, True, False, False], nulls_last=True
    )
    unreadable = (pl.col("rule") == "bad_score").any().over(item)
    headless = unreadable.fill_null(False) | pl.col("category_id").first().over(item).is_null()
    kept = rest.filter(~headless)
    # The second time a category is named says nothing; one that is unknown keeps its place and its score.
    key = pl.coalesce("category_id", pl.format("\x1f{}", "named"))
    kept = kept.filter(pl.struct(*item, key).is_first_distinct()) if kept.height else kept
    kept = kept.with_columns(order=pl.int_range(pl.len()).over(item)).filter(pl.col("order") < MOST)
    refused = pl.concat([rejects, judged.filter(pl.col("rule").is_not_null()).select(REJECT)])
    refused = refused.unique(maintain_order=True).sort("line", maintain_order=True)
    return Answers(kept.select("line", *item, "order", "category_id", "score"), refused)


def spelled(name: str) -> bool:
    """True for a name that a foreign model may have: it becomes part of an id."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,39}", name) is not None
