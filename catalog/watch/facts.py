"""What is known of one item, from the tables a night writes: where it stands, since when, and every word said about it."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from catalog.errors import CatalogError
from catalog.placement.vendor_categories import lineage
from catalog.store import Store

_KNOWN = """
    SELECT DISTINCT vendor FROM (
        SELECT vendor, item_id FROM items UNION ALL SELECT vendor, item_id FROM rejects
    ) WHERE item_id = $item AND ($vendor IS NULL OR vendor = $vendor) ORDER BY vendor"""
# The newest version of the item, whether live or withdrawn.
_CONTENT = """
    SELECT i.vendor, i.item_id, i.input_hash, i.title, i.description, i.brand, i.vendor_category, i.attributes,
           CASE WHEN i.image_status = 'ok' THEN i.image END AS image, i.image_hash, i.image_status
    FROM items i LEFT JOIN live_items l USING (vendor, item_id, row_hash)
    WHERE i.vendor = ? AND i.item_id = ?
    ORDER BY l.row_hash IS NOT NULL DESC, i.created_at DESC LIMIT 1"""
_REFUSED = """
    SELECT f.received_at, f.file_name, r.line, r.rule, r.detail, f.status
    FROM rejects r JOIN delivery_runs f USING (delivery_id)
    WHERE r.vendor = ? AND r.item_id = ? ORDER BY f.received_at DESC, r.line LIMIT 3"""
_LAST = """
    SELECT r.outcome, r.sentence, r.run_id, r.routed_at, n.path
    FROM standing_routes r LEFT JOIN category_nodes n USING (category_id) WHERE r.vendor = ? AND r.item_id = ?"""
_THEIRS = """
    SELECT c.vendor_category, n.path, c.items, c.right_items, c.said_by
    FROM vendor_category_counts c LEFT JOIN category_nodes n USING (category_id)
    WHERE c.vendor = ? AND c.vendor_category IN (SELECT unnest(?)) ORDER BY c.level DESC LIMIT 1"""

_CARRIED = """
    SELECT l.decisions, d.vendor, d.item_id, d.who, d.source, d.decided_at
    FROM look_alike_decisions l JOIN standing_decisions d USING (decision_id) WHERE l.vendor = ? AND l.item_id = ? LIMIT 1"""


@dataclass(frozen=True)
class Facts:
    """`lineage` is the item's row of item_lineage, None when it is not live; `content` (one row, columns of INPUT_COLUMNS
    and image_hash) is empty when no row of it was ever accepted. `refused`: its rows in quarantine, the last first. `carried`: the
    latest decision on a look-alike of it, where it stands as those were decided, and how many there are."""

    vendor: str
    item_id: str
    lineage: dict[str, Any] | None
    content: pl.DataFrame
    reasons: tuple[str, ...]
    last: dict[str, Any] | None
    refused: list[dict[str, Any]]
    theirs: dict[str, Any] | None
    carried: dict[str, Any] | None = None

    @property
    def title(self) -> str | None:
        """As delivered last; None where that has none."""
        return self.content["title"].item() if self.content.height else None


def vendor_of(store: Store, item_id: str, vendor: str | None) -> str | None:
    """Whose item it is; None when nobody delivered one of this id. Raises CatalogError when several vendors did."""
    found = store.query(_KNOWN, {"item": item_id, "vendor": vendor})["vendor"].to_list()
    if len(found) > 1:
        raise CatalogError(
            f"{len(found)} vendors deliver an item {item_id!r}: {', '.join(found[:10])}.",
            remedy="Say whose it is: --vendor NAME.",
        )
    return found[0] if found else None


def gather(store: Store, vendor: str, item_id: str) -> Facts:
    """All of it, in a handful of look-ups of one item."""
    key = [vendor, item_id]
    content = store.query(_CONTENT, key)
    category = content["vendor_category"].item() if content.height else None
    theirs = store.query(_THEIRS, [vendor, lineage(category)]) if category else pl.DataFrame()
    reasons = store.one("SELECT reasons FROM standing_routes WHERE vendor = ? AND item_id = ?", key) or ()
    return Facts(
        vendor=vendor,
        item_id=item_id,
        lineage=_row(store.query("SELECT * FROM item_lineage WHERE vendor = ? AND item_id = ?", key)),
        content=content,
        reasons=tuple(reasons),
        last=_row(store.query(_LAST, key)),
        refused=store.query(_REFUSED, key).to_dicts(),
        theirs=_row(theirs),
        carried=_row(store.query(_CARRIED, key)) if "look_alike_decided" in reasons else None,
    )


def _row(found: pl.DataFrame) -> dict[str, Any] | None:
    return found.row(0, named=True) if found.height else None
