"""Who waits for a person, in which order, and how that becomes rows of review sheets.

Most rows come in groups of look-alikes, the largest first, because one decision settles the group. Among them hide
rows nobody may recognise: audits of what was placed, the control stream, and as many ordinary rows, all alone in their
group, with a neutral sentence and candidates in alphabetical order, spread evenly by a hash.
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from catalog import sheets, tokens
from catalog.errors import CatalogError
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
STARTING = "no_certificate"  # the reason of every item while the model has earned no certificate
NEUTRAL = "In which category does this product belong?"

# One row per live item whose standing route waits for a person, and per audit or control item nobody answered yet.
# What a reviewer settled since the item was last routed, or found unfit as it is, is not asked again. `unsure` is, so is what stood
# at a retired category, and `none` once there is another taxonomy. What somebody holds is not asked a second time.
WAITING = """
    SELECT r.vendor, r.item_id, r.input_hash, i.title, coalesce(i.image_url, i.image) AS image,
           i.image AS picture, r.reason, r.sentence, r.parent_id, r.group_id,
           coalesce(categories_now(p.top_ids, m.now), []) AS candidates, r.outcome = 'placed_at_parent' AS low, coalesce(r.queued_at, r.routed_at) AS queued_at,
           coalesce(r.control, false) OR (coalesce(r.audit, false) AND r.outcome = 'placed') AS blind
    FROM standing_routes r
    JOIN live_items l ON l.vendor = r.vendor AND l.item_id = r.item_id AND l.input_hash = r.input_hash
    JOIN items i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.row_hash = l.row_hash
    LEFT JOIN predictions p ON p.input_hash = r.input_hash AND p.model_id = r.model_id
    LEFT JOIN model_categories_now m ON m.model_id = r.model_id
    LEFT JOIN standing_decisions d
        ON d.vendor = r.vendor AND d.item_id = r.item_id AND d.input_hash = r.input_hash AND d.source <> 'label'
    WHERE (awaits_person(r.outcome) OR (r.outcome = 'placed' AND (r.audit OR r.control)))
      AND (d.verdict IS NULL OR d.verdict IN ('unsure', 'retired')
           OR (d.verdict = 'none' AND d.taxonomy_version <> r.taxonomy_version)
           OR (d.verdict = 'category' AND awaits_person(r.outcome) AND d.decided_at < r.routed_at))
      AND (? IS NULL OR r.vendor = ?)
      AND NOT EXISTS (
          FROM live_leases h WHERE h.vendor = r.vendor AND h.item_id = r.item_id AND h.input_hash = r.input_hash
      )
    ORDER BY r.vendor, r.item_id
"""


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
    """A part of the queue. department: id, path or name of a top category, under which the likeliest one must lie."""

    vendor: str | None = None
    department: str | None = None
    reason: str | None = None


EVERYTHING = Narrowing()


def waiting(store: Store, *, vendor: str | None = None) -> list[Waiting]:
    """Everything the sheets could ask now, of one vendor or of all, in no order that means anything."""
    rows = store.query(WAITING, [vendor, vendor]).iter_rows(named=True)
    return [Waiting(**{**row, "candidates": tuple(row["candidates"])}) for row in rows]


def narrowed(rows: list[Waiting], taxonomy: Taxonomy, part: Narrowing) -> list[Waiting]:
    """The rows of a part of the queue, before anything is hidden.

    Each hidden row falls to one reason by a hash, in proportion to the ordinary rows that wait for it: a team that works
    reason by reason answers all of them, and no part tells what they are. Raises CatalogError when there is no such
    department.
    """
    if part.vendor is not None:
        rows = [row for row in rows if row.vendor == part.vendor]
    if part.department is not None:
        wanted = _department(taxonomy, part.department)
        rows = [row for row in rows if _proposed_department(row, taxonomy) == wanted]
    if part.reason is not None:
        start, end = _stretch(Counter(row.reason or "" for row in rows if not row.blind), part.reason)
        rows = [
            row
            for row in rows
            if (
                start <= _share(f"{row.vendor}\x1f{row.item_id}\x1f{row.input_hash}") < end
                if row.blind
                else row.reason == part.reason
            )
        ]
    return rows


def _department(taxonomy: Taxonomy, text: str) -> str:
    tops = taxonomy.nodes.filter(pl.col("level") == 1)
    said = text.strip().casefold()
    for category_id, path in tops.select("category_id", "path").iter_rows():
        if said in (category_id.casefold(), path.casefold()):
            return category_id
    raise CatalogError(f"There is no department {text!r}.", remedy=f"Name one of: {', '.join(tops['path'].head(40))}.")


def _proposed_department(row: Waiting, taxonomy: Taxonomy) -> str | None:
    likeliest = next((c for c in row.candidates if c in taxonomy), None)
    return None if likeliest is None else taxonomy.ancestors(likeliest)[0]


def _stretch(sizes: Counter[str], reason: str) -> tuple[float, float]:
    """The part of [0, 1) that belongs to a reason, in proportion to its rows."""
    total = sum(sizes.values())
    before = sum(size for name, size in sizes.items() if name < reason)
    return (before / total, (before + sizes[reason]) / total) if total else (0.0, 0.0)


def arrange(rows: list[Waiting], taxonomy: Taxonomy, *, workspace_id: str, run_id: str) -> list[Waiting]:
    """The queue: rows with tokens, hidden ones hidden, groups together, in the order to be worked through.

    Doubtful items come before those that already stand at a parent; then the larger group, the reason, the older item.
    While nothing is certified the proposed categories take turns. The same rows give the same queue.
    """
    named = [
        replace(
            row,
            token=tokens.item_token(workspace_id, run_id, row.vendor, row.item_id, row.input_hash),
            candidates=tuple(c for c in row.candidates if c in taxonomy)[: sheets.CANDIDATES],
        )
        for row in rows
    ]
    hidden = _matched(named)
    settled = [_hide(row, taxonomy) if row.blind or row.token in hidden else row for row in named]
    grouped = [
        replace(row, group_token=tokens.group_token(workspace_id, run_id, row.group_id or row.token)) for row in settled
    ]
    return _ordered(grouped)


def _matched(rows: list[Waiting]) -> set[str]:
    """Tokens of ordinary rows to hide beside the audits: as many as there are, at most half of the ordinary ones."""
    ordinary = sorted(row.token for row in rows if not row.blind)
    return set(ordinary[: min(len(rows) - len(ordinary), len(ordinary) // 2)])


def _hide(row: Waiting, taxonomy: Taxonomy) -> Waiting:
    """The row without anything that tells what the system thought of it."""
    neutral = tuple(sorted(row.candidates, key=taxonomy.path))
    return replace(
        row, blind=True, low=False, candidates=neutral, group_id=None, parent_id=None, reason=None, sentence=NEUTRAL
    )


def _ordered(rows: list[Waiting]) -> list[Waiting]:
    open_rows = [row for row in rows if not row.blind]
    size = Counter(row.group_token for row in open_rows)
    first: dict[str, tuple] = {}
    for row in open_rows:
        key = (row.low, -size[row.group_token], row.reason or "", row.queued_at, row.group_token)
        first[row.group_token] = min(key, first.get(row.group_token, key))
    place = {group: number for number, group in enumerate(_in_turns(sorted(first, key=first.__getitem__), open_rows))}
    doubtful = sum(not key[0] for key in first.values()) or len(first)

    def position(row: Waiting) -> tuple:
        # Hidden rows fall between the doubtful groups: at the end of the queue nobody would ever answer an audit.
        at = _share(row.token) * doubtful if row.blind else place[row.group_token]
        return at, row.group_token, row.vendor, row.item_id

    return sorted(rows, key=position)


def _in_turns(groups: list[str], rows: list[Waiting]) -> list[str]:
    """While nothing is certified, one group of each proposed category after the other, in the order given otherwise.

    A model that starts learns more from a hundred categories seen once than from the largest seen a hundred times.
    """
    proposed = {row.group_token: row.candidates[0] for row in rows if row.reason == STARTING and row.candidates}
    seen: Counter[str] = Counter()
    turn: dict[str, int] = {}
    for group in groups:
        turn[group] = seen[proposed[group]] if group in proposed else 0
        if group in proposed:
            seen[proposed[group]] += 1
    low = {row.group_token for row in rows if row.low}
    return sorted(groups, key=lambda group: (group in low, turn[group]))


def _share(token: str) -> float:
    """A number in [0, 1) fixed by the token."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:6], "big") / 2**48


def first_groups(queue: Iterable[Waiting], *, groups: int | None, items: int | None) -> list[Waiting]:
    """Whole groups from the front of an arranged queue, as many as fit. A first group that is too large alone is cut."""
    found: list[Waiting] = []
    by_group = itertools.groupby(queue, key=lambda row: row.group_token)
    for _, members in itertools.islice(by_group, groups):
        group = list(members)
        room = len(group) if items is None else items - len(found)
        if found and room < len(group):
            break
        found += group[:room]
    return found


def paged(queue: Iterable[Waiting], rows_per_sheet: int) -> list[list[Waiting]]:
    """Sheets of at most `rows_per_sheet` rows; a group is split only when it alone is larger than a sheet."""
    pages: list[list[Waiting]] = []
    for _, members in itertools.groupby(queue, key=lambda row: row.group_token):
        group = list(members)
        if not pages or len(pages[-1]) + len(group) > rows_per_sheet:
            pages.append([])
        for row in group:
            if len(pages[-1]) == rows_per_sheet:
                pages.append([])
            pages[-1].append(row)
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


def record(page: list[Waiting], export_id: str) -> list[dict[str, Any]]:
    """The rows of one sheet as `export_rows` keeps them."""
    shared = [name for name in RECORD_SCHEMA if name != "export_id"]
    return [{"export_id": export_id} | {name: getattr(row, name) for name in shared} for row in page]
