"""Who holds which part of the review queue: no item is in front of two people at once.

A lease lends the next rows of the queue to one reviewer until a time. It ends by itself row by row: when the row is
answered (by anybody), when its item changes, when it is given back, or when the time is over. Hidden rows are lent like
ordinary ones. A lease is a sheet: its rows get tokens of their own and are kept in `exports` and `export_rows`, so what
comes back is read, checked and recorded as from any other sheet.

The database is the only memory: nothing is cached here, so leases of a page that was restarted, of `catalog review
export --reviewer` and of the page are the same ones. Across processes the workspace's run lock lets one write at a time;
within one process every function here holds `store.exclusive()` from reading what is free to writing who took it.

How a review page uses it, with one open session for all of its reviewers:

    held = leases.resume(job, "anna")                      # after a reload: what she holds, as it was shown to her
    lent = leases.take(job, Wanted("anna", timedelta(minutes=30), groups=10, part=Narrowing(department="Home")))
    for group, rows in itertools.groupby(lent.rows, lambda row: row.group_token): ...
    leases.renew(job, "anna", timedelta(minutes=30))       # from time to time while she works, not at every click
    pipelines.review.answer(job, answers, submission=..., reviewer="anna")    # one `sheets.Answer` per row of the group
    leases.give_back(job, "anna", tokens)                  # skipped rows; without tokens all she holds

An answer ends the lease of its rows: no call is needed for that. An answer that comes after the lease ended is taken
like one from an old sheet: it stands unless somebody else has said something else meanwhile (`decisions.outcome`).
Everything a row may show is in `Waiting`: a hidden row (`blind`) already carries the neutral sentence and order. Never
show `blind`, `reason` or `low`. Work that writes decisions in the same process also belongs into `store.exclusive()`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from catalog.errors import CatalogError
from catalog.jobs import Job, now
from catalog.review import queue_order, review_ledger, review_queue, reviewers
from catalog.review.review_queue import EVERYTHING, Naming, Narrowing, Waiting
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import latest_taxonomy

# One row per reviewer and sheet of which somebody still holds rows. groups: answers that settle them all.
HOLDERS = """
    SELECT l.reviewer, l.export_id, x.file_name, count(*) AS rows, count(DISTINCT e.group_token) AS groups,
           min(l.taken_at) AS taken_at, max(l.until) AS until
    FROM live_leases l
    JOIN exports x USING (export_id)
    JOIN export_rows e ON e.export_id = l.export_id AND e.vendor = l.vendor AND e.item_id = l.item_id
    GROUP BY ALL ORDER BY taken_at, export_id
"""
# What one reviewer holds, sheet by sheet in the order shown.
HELD = """
    SELECT e.token, l.export_id, l.place, l.vendor, l.item_id, l.input_hash, l.until, l.taken_at
    FROM live_leases l
    JOIN export_rows e
        ON e.export_id = l.export_id AND e.vendor = l.vendor AND e.item_id = l.item_id AND e.input_hash = l.input_hash
    WHERE l.reviewer = ?
    ORDER BY l.taken_at, l.export_id, l.place
"""
# What a page shows beside what was offered, of rows in `held` alone: there may be a million others.
SHOWN = """
    WITH texts AS (
        SELECT vendor, item_id, input_hash, max_by(title, coalesce(created_at, 'epoch')) AS title,
               max_by(coalesce(image_url, image), coalesce(created_at, 'epoch')) AS image,
               max_by(image, coalesce(created_at, 'epoch')) AS picture
        FROM items SEMI JOIN held USING (vendor, item_id, input_hash) GROUP BY ALL
    ),
    reasons AS (
        SELECT vendor, item_id, arg_max_null(reason, seq) AS reason, arg_max_null(sentence, seq) AS sentence,
               arg_max_null(group_id, seq) AS group_id
        FROM routes SEMI JOIN held USING (vendor, item_id) GROUP BY ALL
    )
    SELECT h.*, t.title, t.image, t.picture, r.reason, r.sentence, r.group_id
    FROM held h LEFT JOIN texts t USING (vendor, item_id, input_hash) LEFT JOIN reasons r USING (vendor, item_id)
    ORDER BY h.taken_at, h.export_id, h.place
"""
_KEPT = ["export_id", "place", "vendor", "item_id", "input_hash", "taken_at"]


@dataclass(frozen=True)
class Wanted:
    """What a reviewer asks for: at most so many groups and items, for how long, of which part of the queue."""

    reviewer: str
    length: timedelta
    items: int | None = None
    groups: int | None = None
    part: Narrowing = EVERYTHING


@dataclass(frozen=True)
class Lease:
    """What was lent: rows in the order to be shown, members of a group side by side. Empty when nothing is free."""

    export_id: str
    reviewer: str
    until: datetime
    rows: tuple[Waiting, ...] = ()


def free(
    job: Job,
    taxonomy: Taxonomy,
    naming: Naming,
    *,
    part: Narrowing = EVERYTHING,
    groups: int | None = None,
    items: int | None = None,
) -> pl.DataFrame:
    """The next rows nobody holds, in order, as `queue_order.ordered` gives them. Lends nothing.

    Groups come whole; one larger than `items` is cut there, and its other rows stay free. Raises CatalogError when the
    department is none.
    """
    rows = review_queue.waiting(job.store, taxonomy, naming, part)
    as_of = job.store.one("SELECT started_at FROM runs WHERE run_id = ?", [job.run_id]) or now()
    return queue_order.first_groups(queue_order.ordered(rows, as_of), groups=groups, items=items)


def take(job: Job, wanted: Wanted) -> Lease:
    """Lends the next free rows to a reviewer and records them as a sheet without a file, at once and in one transaction.

    Raises CatalogError when the reviewer has no name or the department is none.
    """
    who = reviewers.known(job.store, wanted.reviewer)
    with job.store.exclusive():
        number = job.store.one("SELECT count(*) FROM exports WHERE run_id = ?", [job.run_id])
        export_id = f"{job.run_id}-{number + 1}"
        taxonomy = latest_taxonomy(job.store)
        naming = Naming(review_ledger.workspace_id(job.store), export_id)
        part = replace(wanted.part, reviewer=who)
        queue = free(job, taxonomy, naming, part=part, groups=wanted.groups, items=wanted.items)
        rows = review_queue.named(review_queue.detailed(job.store, queue, taxonomy), taxonomy, naming)
        until = now() + wanted.length
        if rows:
            with job.store.transaction():
                review_ledger.append_export(job, export_id, rows, reviewer=who)
                lend(job, export_id, rows, who, until)
    return Lease(export_id, who, until, tuple(rows))


def lend(job: Job, export_id: str, rows: Sequence[Waiting], reviewer: str, until: datetime) -> None:
    """Appends the lease of a sheet that was just written. Call it within `store.exclusive()`, in the transaction that
    records the sheet."""
    keys = [(row.vendor, row.item_id, row.input_hash) for row in rows]
    taken = pl.DataFrame(keys, schema=dict.fromkeys(("vendor", "item_id", "input_hash"), pl.String), orient="row")
    taken = taken.with_row_index("place", offset=1).with_columns(export_id=pl.lit(export_id), taken_at=pl.lit(now()))
    _say(job, taken, "taken", reviewer, until)


def renew(job: Job, reviewer: str, length: timedelta, tokens: Iterable[str] | None = None) -> int:
    """Prolongs what a reviewer still holds, or of it the rows with these tokens, to now + `length`; returns the rows.

    Fewer than expected: the others were answered, changed or ran out, and may be somebody else's by now.
    """
    return _change(job, reviewer, "renewed", now() + length, tokens)


def give_back(job: Job, reviewer: str, tokens: Iterable[str] | None = None) -> int:
    """Frees what a reviewer holds, or of it the rows with these tokens; returns the rows that are free now."""
    return _change(job, reviewer, "returned", now(), tokens)


def holders(store: Store) -> pl.DataFrame:
    """Who holds what: reviewer, export_id, file_name (null for a page's), rows, groups, taken_at, until."""
    return store.query(HOLDERS)


def resume(job: Job, reviewer: str) -> Lease:
    """What a reviewer holds over all of their leases, as it was shown; rows whose item changed since are left out.

    Candidates are today's ids; one that is gone stands there in words, so that the others keep their numbers.

    `until` is the earliest end; the Lease is empty, with the present time, when nothing is held.
    """
    with job.store.exclusive():
        with job.store.frame("held", job.store.query(HELD, [reviewers.known(job.store, reviewer)])):
            held = job.store.query(SHOWN)
        offered = review_ledger.offered(job.store, held["token"])
    rows = []
    for row in held.iter_rows(named=True):
        shown = offered[row["token"]]
        if not shown.stale:
            rows.append(_as_shown(row, shown))
    until = held["until"].min() if rows else now()
    return Lease(held["export_id"][-1] if rows else "", reviewer, until, tuple(rows))  # type: ignore[arg-type]


def _as_shown(row: dict, shown: review_ledger.Offered) -> Waiting:
    return Waiting(
        vendor=row["vendor"],
        item_id=row["item_id"],
        input_hash=row["input_hash"],
        title=row["title"],
        image=row["image"],
        reason=None if shown.blind else row["reason"],
        sentence=review_queue.NEUTRAL if shown.blind else row["sentence"],
        parent_id=None if shown.blind else shown.parent_id,
        group_id=None if shown.blind else row["group_id"],
        candidates=shown.candidates,
        low=False,
        queued_at=row["taken_at"],
        blind=shown.blind,
        picture=row["picture"],
        token=row["token"],
        group_token=shown.group_token,
    )


def duration(text: str) -> timedelta:
    """How long a lease lasts, from such as 30m, 4h or 2d. Raises CatalogError for anything else."""
    found = re.fullmatch(r"([1-9]\d{0,3})([mhd])", text.strip())
    if not found:
        raise CatalogError(
            f"{text!r} is no length of time.", remedy="Write a number and a unit: 30m, 4h or 2d (--lease 2d)."
        )
    return int(found[1]) * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[found[2]]


def _change(job: Job, reviewer: str, word: str, until: datetime, tokens: Iterable[str] | None) -> int:
    who = reviewers.known(job.store, reviewer)
    with job.store.exclusive():
        held = job.store.query(HELD, [who])
        if tokens is not None:
            held = held.filter(pl.col("token").is_in(list(tokens)))
        if held.height:
            _say(job, held.select(_KEPT), word, who, until)
    return held.height


def _say(job: Job, rows: pl.DataFrame, word: str, reviewer: str, until: datetime) -> None:
    first = 1 + (job.store.one("SELECT max(seq) FROM leases") or 0)
    facts = {"word": word, "reviewer": reviewer, "until": until, "run_id": job.run_id, "said_at": now()}
    job.store.append(
        "leases",
        rows.with_columns(
            pl.int_range(first, first + rows.height, dtype=pl.Int64).alias("seq"),
            *(pl.lit(value).alias(name) for name, value in facts.items()),
        ),
    )
