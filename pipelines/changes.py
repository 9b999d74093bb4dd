"""Writes what changed in the published categories, for a shop or PIM to apply.  `catalog export changes --since RUN|CURSOR`"""

from pathlib import Path
from typing import IO

from catalog.jobs import Job
from catalog.publishing import changes
from catalog.publishing.changes import Format, Manifest
from catalog.publishing.reader import reading
from catalog.settings import Workspace

# A run that was killed before it wrote its file, and whose successor went on, is written by that one.
DUE = """
    SELECT DISTINCT run_id FROM category_changes
    WHERE run_id < $run AND run_id > (SELECT coalesce(max(run_id), '') FROM stages WHERE stage = 'changes')
    UNION SELECT $run
    ORDER BY run_id
"""
BROKEN_OFF = """
    SELECT run_id FROM runs
    WHERE run_id < $run AND run_id > (SELECT coalesce(max(run_id), '') FROM stages WHERE stage = 'changes')
"""


def run(job: Job) -> list[Manifest]:
    """Writes published/changes/<run_id>.<format> with its manifest, also of runs that were killed before they could."""
    form = job.settings.changes.format
    broken_off = set(job.store.query(BROKEN_OFF, {"run": job.run_id})["run_id"])
    changes.clear_unfinished(job.workspace.changes, broken_off)
    return [
        changes.write_file(
            job.store.query, changes.of_run(job.store, run_id), job.workspace.changes / f"{run_id}.{form}", form
        )
        for run_id in job.store.query(DUE, {"run": job.run_id})["run_id"]
    ]


def export(
    workspace: Workspace, since: str, form: Format, target: Path | IO[bytes], tree: str | None = None
) -> Manifest | None:
    """Writes everything published after a run or cursor; the manifest of a file, None for a stream.

    It reads the published file alone, so that a night may run meanwhile. `tree`: another tree to name beside ours. Raises
    CatalogError when nothing is published, or there is no such run, cursor or tree.
    """
    with reading(workspace.published_db) as reader:
        stretch = changes.after(reader.query, since)
        there = changes.tree_named(reader.query, tree) if tree else None
        if isinstance(target, Path):
            return changes.write_file(reader.query, stretch, target, form, there)
        changes.write(reader.query, stretch, target, form, there)
        return None
