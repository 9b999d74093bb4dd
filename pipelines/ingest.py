"""Reads what vendors delivered into items, sightings and rejects.  `catalog ingest`"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from catalog.deliveries import arrivals, facts
from catalog.deliveries.actions import with_actions
from catalog.deliveries.ahead import ahead
from catalog.deliveries.arrivals import Delivery
from catalog.deliveries.inbox import Pending
from catalog.deliveries.staging import let_go, put_away, stage
from catalog.errors import CatalogError, FeedRefused
from catalog.jobs import Counts, Job, note_left
from catalog.pictures.finding import found_for
from catalog.reading.feeds import RawBatch, read_rows
from catalog.reading.mapping import Mapping, load_mapping, of_kind


def run(job: Job, pending: list[Pending]) -> Counts:
    """Takes the waiting deliveries one by one, each in a transaction of its own; one that cannot be read stops no other.
    Those that have not begun when the time is up are left for the next night.

    Returns how many were accepted, refused, held and repeated. Repeating it in the same run changes nothing.
    """
    counts: Counter[str] = Counter()
    left = []
    for number, waiting in enumerate(pending):
        job.progress("ingest", number, len(pending))
        taken = _taken_before(job, waiting)
        if taken is None and job.out_of_time:
            left.append((waiting.vendor, waiting.path.name, 0))  # it stays in the inbox
            continue
        status = taken or _take(job, waiting)
        if status != "unfinished" and waiting.origin is None:
            put_away(waiting)
        if status in ("accepted", "repeated"):
            let_go(job.workspace, waiting)
        counts[status] += 1
        job.event("delivery", vendor=waiting.vendor, file=waiting.path.name, status=status)
    if left:
        note_left(job, "delivery", left)
    job.progress("ingest", len(pending), len(pending))
    return dict(counts)


def _taken_before(job: Job, waiting: Pending) -> str | None:
    """What this run, or one that it took over, already made of the delivery before it was killed."""
    return job.store.one(
        "SELECT d.status FROM deliveries d JOIN delivery_runs r USING (delivery_id) "
        "WHERE r.run_id = ? AND d.vendor = ? AND d.file_name = ? AND d.sha256 = ? AND d.origin IS NOT DISTINCT FROM ?",
        [job.run_id, waiting.vendor, waiting.path.name, waiting.sha256, waiting.origin],
    )


def _take(job: Job, waiting: Pending) -> str:
    try:
        if waiting.refusal:
            raise FeedRefused(waiting.refusal[0], waiting.refusal[1], remedy="")
        mapping = mapping_of(job, waiting)
        staged = stage(job.workspace, waiting)
    except FeedRefused as refused:
        return _refuse(job, delivery_of(job, waiting, None), refused, None)
    if staged is None:
        return "unfinished"
    delivery = delivery_of(job, waiting, mapping)
    last = arrivals.latest(job.store, waiting.vendor, labels=False)
    if last and last[:2] == (waiting.sha256, mapping.hash):
        why = ("repeated", "The file is the one this vendor delivered last; nothing changes.")
        arrivals.record(job.store, delivery, "repeated", rows=last[2], why=why)
        return "repeated"
    batches = rows_of(job, waiting, staged, mapping)
    try:
        with found_for(job, waiting.vendor, waiting.path.parent, mapping.rules.image_archive) as pictures:
            judged = ahead(lambda batch: with_actions(batch, waiting.vendor, mapping, pictures), batches)
            arrivals.collect(job.store, judged)
    except FeedRefused as refused:
        return _refuse(job, delivery, refused, arrivals.rows_read(job.store, waiting.vendor))
    return _accept_or_hold(job, delivery, mapping, released=waiting.released)


def mapping_of(job: Job, waiting: Pending) -> Mapping:
    """The vendor's form for this delivery; a manifest knows better whether it is a full one."""
    first = waiting.parts[0].path
    try:
        mapping = load_mapping(job.workspace.vendors / f"{waiting.vendor}.toml", first)
    except CatalogError as error:
        raise FeedRefused("bad_mapping", error.message, remedy=error.remedy) from error
    return of_kind(mapping, waiting.manifest.kind if waiting.manifest else None)


def rows_of(job: Job, waiting: Pending, staged: list[Path], mapping: Mapping) -> Iterator[RawBatch]:
    """The rows of all files, one after the other; lines count on, so that each row of a delivery has its own.

    Raises FeedRefused when a file has another number of rows than its manifest promises.
    """
    offset = 0
    for part, path in zip(waiting.parts, staged, strict=True):
        rows, last = 0, 0
        for batch in read_rows(path, mapping, job.settings.feeds):
            frames = (batch.rows, batch.rejects)
            rows += sum(frame.height for frame in frames)
            last = max(last, *(frame.select(pl.col("line").max()).item() or 0 for frame in frames))
            yield RawBatch(*(frame.with_columns(pl.col("line") + offset) for frame in frames)) if offset else batch
        promised = waiting.manifest.rows_of(part.name) if waiting.manifest else None
        if promised not in (None, rows):
            raise FeedRefused(
                "manifest_rows",
                f"{part.name} has {rows:,} rows, its manifest promises {promised:,}.",
                remedy="Ask the vendor to send it again; if the file is whole, the mapping may read it wrongly.",
            )
        offset += last


def delivery_of(job: Job, waiting: Pending, mapping: Mapping | None) -> Delivery:
    """What is kept of a delivery as a whole; without a mapping it was refused before it was read."""
    parts = [{"name": part.name, "sha256": part.sha256, "bytes": part.bytes} for part in waiting.parts]
    said = waiting.manifest
    marked = {"sha256": waiting.manifest_file.sha256} if waiting.manifest_file else {}
    return Delivery(
        vendor=waiting.vendor,
        run_id=job.run_id,
        file_name=waiting.path.name,
        sha256=waiting.sha256,
        bytes=waiting.bytes,
        kind=mapping.delivery.kind if mapping else "full",
        mapping_hash=mapping.hash if mapping else "",
        folder=waiting.path.parent,
        dated=waiting.dated,
        parts=json.dumps(parts),
        manifest=json.dumps({**said.model_dump(mode="json", exclude_none=True), **marked}) if said else None,
        origin=waiting.origin,
    )


def _refuse(job: Job, delivery: Delivery, refused: FeedRefused, rows: int | None) -> str:
    arrivals.record(job.store, delivery, "refused", rows=rows, why=(refused.reason, str(refused)))
    return "refused"


def doubt_of(job: Job, delivery: Delivery, mapping: Mapping, *, released: bool) -> tuple[str, str] | None:
    """Judges the collected rows; (code, sentence) when a person should look at the delivery before it is taken."""
    items = arrivals.judge(job.store, delivery.vendor, duplicates=mapping.rules.duplicates)
    if released:
        return None
    allowed = mapping.rules.max_drop or job.settings.feeds.max_drop
    undone = arrivals.taken_back(job.store, delivery) if delivery.origin is None else None
    return undone or arrivals.shrunk(job.store, delivery, items, allowed)


def _accept_or_hold(job: Job, delivery: Delivery, mapping: Mapping, *, released: bool) -> str:
    doubt = doubt_of(job, delivery, mapping, released=released)
    with job.store.transaction():
        if doubt:
            rows = arrivals.rows_read(job.store, delivery.vendor)
            arrivals.record(job.store, delivery, "held", rows=rows, why=doubt)
        else:
            facts.write(job.store, delivery, batch_rows=job.settings.feeds.batch_rows)
    return "held" if doubt else "accepted"
