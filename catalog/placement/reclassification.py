"""Judging standing placements anew on purpose: what keeps its place only because the old category is not improbable may leave it.

A night leaves such items alone, as the shop's own order would move with every model. Whoever wants it otherwise for a vendor
or a branch says so, having seen what would move; the next night moves those, to certified categories alone, whatever
`routing.max_moves` says. Rules, suspensions and the kill switch hold in that night as in any other.
"""

from dataclasses import dataclass

import polars as pl

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.jobs import Job, now
from catalog.placement.moves import STANDING, Moves, moved
from catalog.store import Store
from catalog.taxonomies.category_moves import model_translation, standing_now
from catalog.taxonomies.taxonomy import Taxonomy


@dataclass(frozen=True)
class Part:
    """Which placements of a model are meant: those of a vendor, those at or below a category, all where neither is named."""

    vendor: str | None = None
    node: str | None = None


def would_move(store: Store, policy: Policy, taxonomy: Taxonomy, part: Part) -> Moves:
    """What would move, if nothing but a certificate were asked of it. Records nothing. Raises CatalogError for an unknown node."""
    rows = standing_now(
        store, model_translation(store, policy.model_id).predictions(store.query(STANDING, [policy.model_id]))
    )
    rows = rows.filter(pl.col("standing_category").is_not_null())
    if part.vendor is not None:
        rows = rows.filter(vendor=part.vendor)
    if part.node is not None:
        rows = rows.filter(pl.col("standing_category").is_in(_below(part.node, taxonomy)))
    return moved(rows.with_columns(reclassified=pl.lit(True)), policy, taxonomy)


def _below(text: str, taxonomy: Taxonomy) -> list[str]:
    node = taxonomy.resolve(text)
    if node is None:
        raise CatalogError(
            f"{text!r} names no category, or several.",
            remedy="Give an id, a full path, or a leaf name that occurs once.",
        )
    return [one for one in taxonomy.nodes["category_id"] if node in taxonomy.ancestors(one)]


def let_move(job: Job, found: Moves, who: str, note: str | None) -> None:
    """Lets these items move in the next night that settles them."""
    store, items = job.store, found.items
    first = 1 + (store.one("SELECT max(seq) FROM reclassified_items") or 0)
    store.append(
        "reclassified_items",
        items.select(
            "vendor",
            "item_id",
            seq=pl.int_range(first, first + items.height, dtype=pl.Int64),
            route_seq=pl.lit(store.one("SELECT max(seq) FROM routes"), pl.Int64),
            who=pl.lit(who),
            note=pl.lit(note, pl.String),
            run_id=pl.lit(job.run_id),
            said_at=pl.lit(now()),
        ),
    )
