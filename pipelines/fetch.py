"""Fetches the pictures vendors name by URL, and gives their items the versions these make.  `catalog fetch`"""

import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from catalog.deliveries import revisions
from catalog.jobs import Counts, Job
from catalog.pictures import picture_cache
from catalog.pictures.picture_cache import PictureFiles
from catalog.settings import Images

if TYPE_CHECKING:
    from catalog.pictures.address_guard import GuardedBackend
    from catalog.pictures.fetching import Fetcher

BATCH = 512  # pictures asked for between two commits: what a killed run asks for again
TRIES = 3  # pictures of one item asked for in a night, one after the other


def run(job: Job, *, backend: "GuardedBackend | None" = None) -> Counts:
    """Asks for what is due, within the night's limits, appends new versions of the items concerned, tidies the cache.

    An item whose picture fails is asked for its next one in the same night, `TRIES` of them in all. Returns how many were
    asked for by what became of them, how many still wait, how many items changed, and how many pictures that nothing
    refers to any more were removed. A failure is a status on its items, asked again on a later night. Running it again
    asks only for what is due then.
    """
    files, limits = PictureFiles(job.workspace.pictures), job.settings.images
    files.clear_unfinished()
    counts, changed = Counter[str](), 0
    look = picture_cache.find_due if limits.fetch else picture_cache.waiting
    with _fetcher(limits, files, backend) as fetcher:
        for _ in range(TRIES):
            waiting, due = counts["waiting"], look(job.store, limits)
            if changed and due <= waiting:
                break  # no item has gone on to a picture nobody asked for yet
            asked = _fetch(job, fetcher, due) if fetcher and due else Counter[str]()
            counts.update(asked)
            counts["skipped"] = asked["skipped"]  # those of an earlier round are among them again
            counts["waiting"] = due - asked["ok"] - asked["unchanged"] - asked["failed"]
            revisions.find_placeholders(job.store, job.run_id, least=limits.placeholder_products)
            changed = revisions.revise(job.store, job.run_id, files, batch_rows=job.settings.feeds.batch_rows)
            if not (asked["failed"] and changed):
                break
    if counts["waiting"] and (asked or changed):  # an item that found another picture waits no more
        counts["waiting"] = look(job.store, limits)
    counts["revised"] = revisions.revised_in(job.store, job.run_id)
    counts["removed"] = picture_cache.remove_unused(job.store, files, limits.keep_unused_days)
    if counts["waiting"]:
        remedy = "more a night: max_fetches, max_minutes" if limits.fetch else "fetch = true"
        job.event("pictures_wait", counts={"waiting": counts["waiting"]}, remedy=f"{remedy} under [images]")
    if counts["removed"]:
        job.event("pictures_removed", counts={"removed": counts["removed"]})
    return dict(counts)


def _fetcher(
    limits: Images, files: PictureFiles, backend: "GuardedBackend | None"
) -> "AbstractContextManager[Fetcher | None]":
    """None where nothing is to be fetched."""
    if not limits.fetch:
        return nullcontext()
    from catalog.pictures.fetching import Fetcher  # noqa: PLC0415 - a fifth of a second for what asks hosts

    return Fetcher(limits, files.keep, backend)


def _fetch(job: Job, fetcher: "Fetcher", due: int) -> Counter[str]:
    files, limits, counts = PictureFiles(job.workspace.pictures), job.settings.images, Counter[str]()
    left = limits.max_fetches - picture_cache.asked_in(job.store, job.run_id)
    started, total = time.monotonic(), min(due, left)
    for batch in picture_cache.next_due(job.store, files, BATCH):
        asked = counts.total() - counts["skipped"]
        if asked >= left or fetcher.over:
            break
        found = fetcher.fetch(batch[: left - asked])
        picture_cache.record(job.store, job.run_id, found)
        counts.update(one.status for one in found)
        _show(job, counts, total, time.monotonic() - started)
    return counts


def _show(job: Job, counts: Counter[str], total: int, seconds: float) -> None:
    done = counts.total() - counts["skipped"]
    rate = done / max(seconds, 1e-3)
    job.progress("fetch", done, total)
    left = {"left": total - done, "per_second": round(rate, 1)}
    left |= {"seconds_left": round((total - done) / rate)} if done else {}
    job.event("fetching", counts={**counts, **left})
