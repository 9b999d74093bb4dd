"""Takes a file that says where items belong.  `catalog correct FILE`"""

from dataclasses import dataclass
from pathlib import Path

from catalog.jobs import Counts, Job
from catalog.review import corrections, review_ledger, reviewers
from catalog.review.decisions import Problem
from catalog.taxonomies.versions import latest_taxonomy


@dataclass(frozen=True)
class Report:
    """What became of the file. counts: rows, applied, of them errors, repeated, problems; already_imported alone when it
    was taken before."""

    counts: Counts
    problems: tuple[Problem, ...] = ()


def run(job: Job, file: Path, *, partial: bool = False, who: str | None = None) -> Report:
    """Keeps each row as a person's decision, which the next night carries out. With problems nothing is kept, unless
    `partial`: then the other rows are.

    `who` said it where the file does not say. Raises CatalogError when the file cannot be read or lacks a column.
    """
    sha256, rows, unread = corrections.read(file, job.settings.feeds)
    source = review_ledger.new_import(job.store, sha256, file.name)
    if source is None:
        return Report({"already_imported": len(rows)})
    taxonomy = latest_taxonomy(job.store)
    rows, who = corrections.under_known_names(job.store, rows), reviewers.known(job.store, who) if who else None
    found, repeated, problems = corrections.judge(job.store, rows, taxonomy)
    problems = sorted([*unread, *problems], key=lambda problem: problem.line)
    counts = {
        "rows": len(rows) + len(unread),
        "applied": 0,
        "errors": 0,
        "repeated": repeated,
        "problems": len(problems),
    }
    if problems and not partial:
        return Report(counts, tuple(problems))
    counts |= {"applied": len(found), "errors": sum(one.kind == "error" for one in found)}
    with job.store.transaction():
        corrections.append(job, source.import_id, found, version=taxonomy.version, who=who)
        review_ledger.append_import(job, source, counts)
    return Report(counts, tuple(problems))
