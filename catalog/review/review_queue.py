"""Who waits for a person, and how that becomes rows of review sheets. In which order: catalog.review.queue_order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from catalog import sheets, tokens
from catalog.errors import CatalogError
from catalog.reading.cells import listed
from catalog.review import queue_order
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy

_TEXT = pl.String()
RECORD_SCHEMA = pl.Schema(
    {
        "export_id": _TEXT,
        "token": _TEXT,
        "group_token": _TEXT,
        "vendor": _TEXT,
        "item_id": _TEXT,
        "input_hash": _TEXT,
        "candidates": pl.List(_TEXT),
        "parent_id": _TEXT,
        "blind": pl.Boolean(),
    }
)
NEUTRAL = "In which category does this product belong?"
_HIDDEN = {"low": False, "group_id": None, "parent_id": None, "reason": None, "sentence": NEUTRAL}

# One row per live item whose standing route waits for a person, and per audit or control item nobody answered yet.
# What a reviewer settled since the item was last routed, or found unfit as it is, is not asked again. `unsure` is, so is
# what stood at a retired category, and `none` once there is another taxonomy.
# $asked: who is asked; an answer against a placement is looked at by somebody else.
# draw, lot: numbers in [0, 1) fixed by the item, the first anew for each export. held_by: who works on it now.
WAITING = """
    SELECT r.vendor, r.item_id, r.input_hash, l.row_hash, r.seq, r.reason, r.group_id, r.outcome <> 'review' AS low,
           (CASE WHEN m.now IS NULL THEN p.top_ids ELSE categories_now(p.top_ids, m.now) END)[1] AS likeliest,
           coalesce(r.queued_at, r.routed_at) AS queued_at,
           coalesce(r.control, false) OR (coalesce(r.audit, false) AND r.outcome IN ('placed', 'placed_at_parent')) AS blind,
           i.price::DOUBLE AS price, i.currency, p.top_log_odds[1] AS log_odds_1, p.top_log_odds[2] AS log_odds_2, p.novelty,
           ('0x' || sha256(concat_ws(chr(31), $secret, $export, r.vendor, r.item_id, r.input_hash))[:12])::BIGINT / 2 ** 48
               AS draw,
           ('0x' || sha256(concat_ws(chr(31), $secret, r.vendor, r.item_id, r.input_hash))[:12])::BIGINT / 2 ** 48 AS lot,
           h.reviewer AS held_by
    FROM standing_routes r
    JOIN live_items l ON l.vendor = r.vendor AND l.item_id = r.item_id AND l.input_hash = r.input_hash
    JOIN items i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.row_hash = l.row_hash
    LEFT JOIN predictions p ON p.input_hash = r.input_hash AND p.model_id = r.model_id
    LEFT JOIN model_categories_now m ON m.model_id = r.model_id
    LEFT JOIN standing_decisions d
        ON d.vendor = r.vendor AND d.item_id = r.item_id AND d.input_hash = r.input_hash AND d.source <> 'label'
    LEFT JOIN live_leases h ON h.vendor = r.vendor AND h.item_id = r.item_id AND h.input_hash = r.input_hash
    WHERE (awaits_person(r.outcome) OR is_rechecked(r.outcome, r.reason) OR (r.outcome = 'placed' AND (r.audit OR r.control)))
      AND (d.verdict IS NULL OR d.verdict IN ('unsure', 'retired')
           OR (d.verdict = 'none' AND d.taxonomy_version <> r.taxonomy_version)
           OR (d.verdict = 'category' AND awaits_person(r.outcome) AND d.decided_at < r.routed_at))
      AND r.reason IS DISTINCT FROM 'not_classified_yet'  -- the next night may place it
      AND ($vendor IS NULL OR r.vendor = $vendor)
      AND NOT EXISTS (
          FROM unconfirmed_answers u
          WHERE u.vendor = r.vendor AND u.item_id = r.item_id AND u.input_hash = r.input_hash AND u.who = $asked
      )
      AND ($held OR h.reviewer IS NULL)
"""
# What is shown of rows in `shown`, in their order: apart from the above, because of a million rows it would not fit in memory.
DETAILS = """
    SELECT s.at, i.title, coalesce(i.image_url, i.image) AS image, i.image AS picture, r.sentence, r.parent_id,
           coalesce(CASE WHEN m.now IS NULL THEN p.top_ids ELSE categories_now(p.top_ids, m.now) END, []) AS candidates
    FROM shown s
    JOIN items i ON i.vendor = s.vendor AND i.item_id = s.item_id AND i.row_hash = s.row_hash
    JOIN routes r ON r.vendor = s.vendor AND r.item_id = s.item_id AND r.seq = s.seq
    LEFT JOIN predictions p ON p.input_hash = s.input_hash AND p.model_id = r.model_id
    LEFT JOIN model_categories_now m ON m.model_id = r.model_id
    ORDER BY s.at
"""
# What a part of the queue may be named after: who has delivered, what items have waited for.
VENDORS = "SELECT DISTINCT vendor AS name FROM deliveries ORDER BY name"
REASONS = "SELECT DISTINCT reason AS name FROM routes WHERE reason IS NOT NULL ORDER BY name"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that waits for a person. `low`: it already stands at a parent; `candidates`: category ids, best first.

    `image` is what a reviewer can follow; `picture` the file to look at, where it is one.
    """

    vendor: str
    item_id: str
    input_hash: str
    title: str | None
    image: str | None
    reason: str | None
    sentence: str | None
    parent_id: str | None
    group_id: str | None
    candidates: tuple[str, ...]
    low: bool
    queued_at: datetime
    blind: bool
    picture: str | None = None
    token: str = ""
    group_token: str = ""


@dataclass(frozen=True)
class Narrowing:
    """A part of the queue. department: id, path or name of a top category, under which the likeliest one must lie.

    reviewer: who is asked: nobody is shown a placement again that they alone have spoken against.
    """

    vendor: str | None = None
    department: str | None = None
    reason: str | None = None
    reviewer: str | None = None


EVERYTHING = Narrowing()


@dataclass(frozen=True)
class Naming:
    """What ties tokens and draws to this workspace, and to this export."""

    workspace_id: str
    export: str = ""


def waiting(
    store: Store,
    taxonomy: Taxonomy,
    naming: Naming,
    part: Narrowing = EVERYTHING,
    *,
    held: bool = False,
) -> pl.DataFrame:
    """What could be asked now, or a part of it, in no order that means anything; with `held` also what somebody holds.

    What is shown of a row is not in it: `detailed` adds that. Raises CatalogError when there is no such vendor, department or
    reason.
    """
    _require_known(store, part)
    params = {
        "secret": naming.workspace_id,
        "export": naming.export,
        "vendor": part.vendor,
        "held": held,
        "asked": part.reviewer,
    }
    rows = store.query(WAITING, params)
    if part.department is not None:
        rows = queue_order.in_department(rows, taxonomy, part.department)
    return rows if part.reason is None else queue_order.for_reason(rows, part.reason)


def _require_known(store: Store, part: Narrowing) -> None:
    """A name mistyped would else look like work that is done."""
    for what, said, names in (("vendor", part.vendor, VENDORS), ("reason", part.reason, REASONS)):
        if said is not None:
            known = store.query(names)["name"].to_list()
            if said not in known:
                remedy = f"Known are: {', '.join(known[:40]) or 'none yet'}."
                raise CatalogError(f"There is no {what} {said!r}.", remedy=remedy)


def detailed(store: Store, queue: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """The rows with what is shown of them: title, image, picture, sentence, parent_id and up to five `candidates`, all
    of them categories of today."""
    queue = queue.with_row_index("at")
    with store.frame("shown", queue.select("at", "vendor", "item_id", "input_hash", "row_hash", "seq")):
        found = store.query(DETAILS)
    ids = taxonomy.nodes["category_id"]
    known = pl.element().replace_strict(ids, ids, default=None, return_dtype=pl.String)
    found = found.with_columns(pl.col("candidates").list.eval(known).list.drop_nulls().list.head(sheets.CANDIDATES))
    return queue.join(found, on="at", how="left", maintain_order="left").drop("at")


def named(queue: pl.DataFrame, taxonomy: Taxonomy, naming: Naming) -> list[Waiting]:
    """Detailed rows of an ordered queue with their tokens; hidden ones without anything that tells what the system thought of
    them."""
    columns = [field.name for field in fields(Waiting) if field.name in queue.columns]
    return [_named(values, taxonomy, naming) for values in queue.select(columns).iter_rows(named=True)]


def _named(values: dict[str, Any], taxonomy: Taxonomy, naming: Naming) -> Waiting:
    candidates = tuple(values["candidates"])
    if values["blind"]:
        values, candidates = values | _HIDDEN, tuple(sorted(candidates, key=taxonomy.path))
    key = (naming.workspace_id, naming.export)
    token = tokens.item_token(*key, values["vendor"], values["item_id"], values["input_hash"])
    group = tokens.group_token(*key, values["group_id"] or token)
    return Waiting(**{**values, "candidates": candidates, "token": token, "group_token": group})


def page_lengths(group_sizes: Iterable[int], rows_per_sheet: int) -> list[int]:
    """Rows of each sheet, of groups in their order; a group is split only when it alone is larger than a sheet."""
    pages: list[int] = []
    for size in group_sizes:
        if not pages or pages[-1] + size > rows_per_sheet:
            pages.append(0)
        left = size
        while left:
            if pages[-1] == rows_per_sheet:
                pages.append(0)
            taken = min(left, rows_per_sheet - pages[-1])
            pages[-1] += taken
            left -= taken
    return pages


def page_cells(page: list[Waiting], taxonomy: Taxonomy, reviewer: str = "") -> list[list[object]]:
    """The cells of one sheet, in the order of `sheets.COLUMNS`. `group_size` counts the rows of this sheet that one
    decision settles."""
    size = Counter(row.group_token for row in page)
    return [_cells(row, size[row.group_token], taxonomy, reviewer) for row in page]


def _cells(row: Waiting, group_size: int, taxonomy: Taxonomy, reviewer: str) -> list[object]:
    sentence = row.sentence or ""
    if row.parent_id in taxonomy and not row.blind:
        sentence = f"{sentence} (parent: {taxonomy.path(str(row.parent_id))})".strip()
    paths = [taxonomy.path(candidate) for candidate in row.candidates]
    paths += [""] * (sheets.CANDIDATES - len(paths))
    head = [row.token, row.group_token, group_size, row.vendor, row.item_id, row.title, row.image, sentence]
    return [*head, *paths, "", "", "", reviewer]


def record(page: list[Waiting], export_id: str) -> pl.DataFrame:
    """The rows of one sheet as `export_rows` keeps them."""
    plain = [name for name in RECORD_SCHEMA if name not in ("export_id", "candidates")]
    columns = {name: [getattr(row, name) for row in page] for name in plain}
    # not from lists of Python's: polars makes a series of each, which takes longer than all the rest of a sheet
    flat = pl.Series([each for row in page for each in row.candidates], dtype=pl.String)
    candidates = listed("candidates", flat, np.cumsum([0, *(len(row.candidates) for row in page)], dtype=np.int64))
    found = pl.DataFrame(columns, schema_overrides={name: RECORD_SCHEMA[name] for name in plain})
    return found.with_columns(candidates, pl.lit(export_id).alias("export_id")).select(RECORD_SCHEMA.names())
