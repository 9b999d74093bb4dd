"""What the retailer's own process decided, from a column of the feed: it is compared in the shadow, and decides nothing."""

import polars as pl

from catalog.deliveries.canonical import Canonical
from catalog.reading.mapping import OWN, Mapping
from catalog.store import Store

# The last word of each item, delivered again, is no news.
_NEWS = """SELECT
    (SELECT coalesce(max(seq), 0) FROM own_category_words) + row_number() OVER (ORDER BY line) AS seq,
    a.vendor, a.item_id, a.own_category AS said, a.own_means AS means, $1 AS delivery_id, $2 AS run_id, now() AS noted_at
FROM arrived a JOIN judged j USING (line) LEFT JOIN (
    SELECT item_id, arg_max(said, seq) AS said, arg_max(means, seq) AS means FROM own_category_words
    WHERE vendor = $3 AND delivery_id NOT IN (SELECT delivery_id FROM delivery_orders WHERE word = 'undo')
    GROUP BY item_id
) o ON o.item_id = a.item_id
WHERE a.vendor = $3 AND j.verdict IN ('new', 'changed', 'unchanged') AND a.own_category IS NOT NULL
  AND (o.said IS DISTINCT FROM a.own_category OR o.means IS DISTINCT FROM a.own_means)"""


def with_own(found: Canonical, rows: pl.DataFrame, mapping: Mapping) -> Canonical:
    """Adds own_category, the cell without blanks around it, and own_means, what the form's map makes of it.

    It is no part of a row's version: what a process decided says nothing about the item, and must not predict it anew.
    """
    if OWN not in rows.columns or not rows[OWN].is_not_null().any():
        return found
    said = pl.col(OWN).str.strip_chars().replace("", None)
    cells = rows.select("line", said)
    told = mapping.own_categories
    means = pl.col(OWN).replace_strict(list(told), list(told.values()), default=pl.col(OWN), return_dtype=pl.String)
    items = found.items.join(cells.with_columns(own_means=means), on="line", how="left", maintain_order="left")
    return Canonical(items, found.rejects)


def note(store: Store, vendor: str, delivery_id: str, run_id: str) -> None:
    """Appends what a judged delivery says anew. Call it inside the transaction that accepts it."""
    store.insert("own_category_words", _NEWS, [delivery_id, run_id, vendor])
