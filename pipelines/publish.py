"""Puts a new catalog.duckdb in front of the analysts.  `catalog publish`"""

import json
from collections.abc import Callable

from catalog.jobs import Counts, Job, now
from catalog.publishing.publication import Edition, publish


def run(job: Job, *, fence: Callable[[], None] | None = None) -> Counts:
    """Builds, checks and swaps in the published file; returns the rows of its main views.

    Killed before the rename, the old file stays; killed after it, a rerun publishes the same once more. `fence` is
    called right before the rename and raises when this run no longer owns the workspace.
    """
    published_at = now()
    edition = Edition(job.run_id, published_at, names=job.settings.review.names == "names")
    published = publish(job.store, job.workspace.published_db, edition, fence=fence)
    job.store.append_row(
        "publications",
        run_id=job.run_id,
        sha256=published.sha256,
        counts=json.dumps(published.counts),
        published_at=published_at,
        texts=published.texts,
        made=json.dumps(published.made),
    )
    return published.counts
