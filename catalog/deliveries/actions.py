"""Rows that say what to do with an item: a delivery's action column tells deletions from the rest."""

import polars as pl

from catalog.deliveries.canonical import Canonical, canonicalize, item_ids
from catalog.deliveries.own_categories import with_own
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import RAW_REJECTS, RawBatch
from catalog.reading.mapping import ACTION, Mapping

DELETE = "delete"
_KEPT = ("line", "raw", "nul", "item_id")


def with_actions(batch: RawBatch, vendor: str, mapping: Mapping, pictures: Pictures) -> Canonical:
    """Canonical rows of a batch; those that delete an item say so in a column `action` and carry nothing but their id.

    A word that means nothing here quarantines its row as unknown_action. In files that use our own column names, a column
    `action` counts only in a delta: elsewhere the name says something else.
    """
    if ACTION not in batch.rows.columns or not (mapping.explicit or mapping.delivery.kind == "delta"):
        return with_own(canonicalize(batch, vendor, mapping, pictures), batch.rows, mapping)
    word = pl.col(ACTION).fill_null("").str.strip_chars().str.to_lowercase()
    actions = mapping.delivery.actions
    deletes, upserts = (word.is_in([name.lower() for name in names]) for names in (actions.delete, actions.upsert))
    rest = batch.rows.filter(~deletes & (upserts | (word == ""))).drop(ACTION)
    unknown = batch.rows.filter(~deletes & ~upserts & (word != ""))
    kept = canonicalize(RawBatch(rest, batch.rejects), vendor, mapping, pictures)
    gone = _deletions(batch.rows.filter(deletes), vendor, mapping, pictures)
    found = Canonical(
        pl.concat([kept.items, gone.items], how="diagonal"),
        pl.concat([kept.rejects, gone.rejects, _unknown(unknown, vendor)]).sort("line"),
    )
    return with_own(found, batch.rows, mapping)


def _deletions(rows: pl.DataFrame, vendor: str, mapping: Mapping, pictures: Pictures) -> Canonical:
    """A deletion may leave all but the id empty, so a title stands in: ids must read the same as in other rows."""
    bare = rows.select(*_KEPT, title=pl.lit("-"))
    found = canonicalize(RawBatch(bare, pl.DataFrame(schema=RAW_REJECTS)), vendor, mapping, pictures)
    return Canonical(found.items.with_columns(row_hash=pl.lit(""), action=pl.lit(DELETE)), found.rejects)


def _unknown(rows: pl.DataFrame, vendor: str) -> pl.DataFrame:
    return rows.select(
        "line",
        vendor=pl.lit(vendor),
        item_id=item_ids(),
        rule=pl.lit("unknown_action"),
        detail=pl.col(ACTION).str.slice(0, 500),
        raw=pl.col("raw").str.slice(0, 500),
    )
