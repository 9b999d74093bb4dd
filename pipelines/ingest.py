"""Reads what vendors delivered into items, sightings and rejects.  `catalog ingest`"""

from collections import Counter
from collections.abc import Iterator

from catalog import arrivals
from catalog.arrivals import Delivery
from catalog.canonical import Canonical, canonicalize
from catalog.deliveries import Pending, put_away, stage
from catalog.errors import CatalogError, FeedRefused
from catalog.feeds import read_rows
from catalog.jobs import Counts, Job
from catalog.mapping import Mapping, load_mapping
from catalog.pictures import Pictures, found_for


def run(job: Job, pending: list[Pending]) -> Counts:
    """Takes the waiting files one by one, each in a transaction of its own; a file that cannot be read stops no other.

    Returns how many files were accepted, refused, held and repeated. Repeating it in the same run changes nothing.
    """
    counts: Counter[str] = Counter()
    for number, waiting in enumerate(pending):
        job.progress("ingest", number, len(pending))
        status = _taken_before(job, waiting) or _take(job, waiting)
        if status != "unfinished":
            put_away(waiting)
        counts[status] += 1
        job.event("delivery", vendor=waiting.vendor, file=waiting.path.name, status=status)
    job.progress("ingest", len(pending), len(pending))
    return dict(counts)


def _taken_before(job: Job, waiting: Pending) -> str | None:
    """What this very run already made of the file before it was killed."""
    return job.store.one(
        "SELECT status FROM deliveries WHERE run_id = ? AND vendor = ? AND file_name = ? AND sha256 = ?",
        [job.run_id, waiting.vendor, waiting.path.name, waiting.sha256],
    )


def _take(job: Job, waiting: Pending) -> str:
    try:
        if waiting.refusal:
            raise FeedRefused(waiting.refusal[0], waiting.refusal[1], remedy="")
        mapping = _mapping(job, waiting)
        staged = stage(job.workspace, waiting)
    except FeedRefused as refused:
        return _refuse(job, _delivery(job, waiting, None), refused, None)
    if staged is None:
        return "unfinished"
    delivery = _delivery(job, waiting, mapping)
    last = arrivals.latest(job.store, waiting.vendor, labels=False)
    if last and last[:2] == (waiting.sha256, mapping.hash):
        why = ("repeated", "The file is the one this vendor delivered last; nothing changes.")
        arrivals.record(job.store, delivery, "repeated", rows=last[2], why=why)
        return "repeated"
    batches = read_rows(staged, mapping, job.settings.feeds)
    try:
        with found_for(job, waiting.vendor, waiting.path.parent, mapping.rules.image_archive) as pictures:
            arrivals.collect(job.store, _canonical(batches, waiting.vendor, mapping, pictures))
    except FeedRefused as refused:
        return _refuse(job, delivery, refused, arrivals.rows_read(job.store, waiting.vendor))
    return _accept_or_hold(job, delivery, mapping)


def _mapping(job: Job, waiting: Pending) -> Mapping:
    try:
        return load_mapping(job.workspace.vendors / f"{waiting.vendor}.toml", waiting.path)
    except CatalogError as error:
        raise FeedRefused("bad_mapping", error.message, remedy=error.remedy) from error


def _canonical(batches: Iterator, vendor: str, mapping: Mapping, pictures: Pictures) -> Iterator[Canonical]:
    return (canonicalize(batch, vendor, mapping, pictures) for batch in batches)


def _delivery(job: Job, waiting: Pending, mapping: Mapping | None) -> Delivery:
    return Delivery(
        vendor=waiting.vendor,
        run_id=job.run_id,
        file_name=waiting.path.name,
        sha256=waiting.sha256,
        bytes=waiting.bytes,
        kind=mapping.delivery.kind if mapping else "full",
        mapping_hash=mapping.hash if mapping else "",
        folder=waiting.path.parent,
    )


def _refuse(job: Job, delivery: Delivery, refused: FeedRefused, rows: int | None) -> str:
    again = f"To have it read again, put feeds/{delivery.vendor}/done/{delivery.sha256[:12]}_{delivery.file_name} back."
    why = (refused.reason, f"{refused} {again}")
    arrivals.record(job.store, delivery, "refused", rows=rows, why=why)
    return "refused"


def _accept_or_hold(job: Job, delivery: Delivery, mapping: Mapping) -> str:
    items = arrivals.judge(job.store, delivery.vendor, duplicates=mapping.rules.duplicates)
    allowed = mapping.rules.max_drop or job.settings.feeds.max_drop
    shrunk = arrivals.shrunk(job.store, delivery, items, allowed)
    with job.store.transaction():
        if shrunk:
            rows = arrivals.rows_read(job.store, delivery.vendor)
            arrivals.record(job.store, delivery, "held", rows=rows, why=shrunk)
        else:
            arrivals.write(job.store, delivery, batch_rows=job.settings.feeds.batch_rows)
    return "held" if shrunk else "accepted"
