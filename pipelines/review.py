"""Asks people and takes their answers.  `catalog review export | import FILE`"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from catalog import sheets
from catalog.jobs import Counts, Job, digest, now
from catalog.review import review_ledger, review_queue
from catalog.review.decisions import Decision, Problem, Reader, Standing, outcome, settle
from catalog.review.review_ledger import Import
from catalog.taxonomies.versions import latest_taxonomy

Pages = dict[Path, list[review_queue.Waiting]]


@dataclass(frozen=True)
class ImportReport:
    """What became of a sheet. `counts`: rows, applied, through_group, conflicts, repeated, stale, undecided, problems;
    a file imported before has the single count `already_imported`."""

    counts: Counts
    problems: tuple[Problem, ...] = ()
    problem_sheet: Path | None = None


def export(job: Job, *, limit: int | None = None, vendor: str | None = None) -> list[Path]:
    """Writes everything that waits for a person to review/outbox and returns the sheets, possibly none.

    Files come first, the rows in the database after them in one transaction; the same run again writes the same bytes
    and records nothing twice. `limit` counts items.
    """
    store, taxonomy = job.store, latest_taxonomy(job.store)
    name = review_ledger.workspace_id(store)
    waiting = review_queue.waiting(store, vendor=vendor)
    queue = review_queue.arrange(waiting, taxonomy, workspace_id=name, run_id=job.run_id)[:limit]
    pages: Pages = {
        job.workspace.outbox / f"{job.run_id}-{number}.csv": page
        for number, page in enumerate(review_queue.paged(queue, job.settings.review.rows_per_sheet), start=1)
    }
    exported = store.query(
        "SELECT token FROM export_rows JOIN exports USING (export_id) WHERE run_id = ?", [job.run_id]
    )
    if exported.height and set(exported["token"]) != {row.token for row in queue}:
        return sorted(job.workspace.outbox.glob(f"{job.run_id}-*.csv"))  # answers came in since: leave the sheets alone
    delimiter = job.settings.review.delimiter
    files = {path: review_queue.page_bytes(page, taxonomy, delimiter=delimiter) for path, page in pages.items()}
    sheets.write(files, point=f"{store.stage}.sheet")
    if not exported.height:
        _record(job, pages)
    return list(files)


def _record(job: Job, pages: Pages) -> None:
    rows = [review_queue.record(page, path.stem) for path, page in pages.items()]
    if not rows:
        return
    exports = [
        {"export_id": path.stem, "run_id": job.run_id, "file_name": path.name, "rows": len(page), "exported_at": now()}
        for path, page in pages.items()
    ]
    with job.store.transaction():
        job.store.append("exports", pl.DataFrame(exports))
        kept = pl.DataFrame(list(itertools.chain(*rows)), schema=review_queue.RECORD_SCHEMA)
        job.store.append("export_rows", kept)


def import_sheet(job: Job, file: Path, *, partial: bool = False, reviewer: str | None = None) -> ImportReport:
    """Takes a filled sheet back. With problems nothing is applied, unless `partial`: then the other rows are.

    `reviewer` is who decided where the sheet does not say. Problems are also written to review/inbox as a sheet.
    Raises CatalogError when the file is no review sheet.
    """
    returned = sheets.read(file)
    if review_ledger.imported_before(job.store, returned.sha256):
        return ImportReport({"already_imported": len(returned.answers)})
    taxonomy = latest_taxonomy(job.store)
    known = review_ledger.offered(job.store, [answer.token for answer in returned.answers])
    decisions, problems = settle(returned.answers, known, Reader(taxonomy), reviewer=reviewer)
    sheet = _problem_sheet(job, file, problems)
    counts = {"rows": len(returned.answers), "applied": 0, "problems": len(problems)}
    if problems and not partial:
        return ImportReport(counts, tuple(problems), sheet)
    judged = _judge(job, decisions)
    counts |= _counts(judged, undecided=len(returned.answers) - len(decisions) - len(problems))
    source = Import(digest("import", returned.sha256), returned.sha256, file.name)
    with job.store.transaction():
        taken = [(decision, how) for decision, how in judged if how in ("applied", "conflict")]
        review_ledger.append_decisions(job, source, taken, taxonomy_version=taxonomy.version)
        review_ledger.append_import(job, source, counts)
    return ImportReport(counts, tuple(problems), sheet)


def _judge(job: Job, decisions: list[Decision]) -> list[tuple[Decision, str]]:
    """Each decision with what recording it amounts to, in order: a later row of a sheet sees the earlier ones."""
    said = review_ledger.history(job.store, [(d.offered.vendor, d.offered.item_id) for d in decisions])
    judged = []
    for decision in decisions:
        past = said[decision.offered.vendor, decision.offered.item_id]
        how = outcome(decision, past)
        judged.append((decision, how))
        if how in ("applied", "conflict"):
            past.append(Standing(decision.verdict, decision.category_id, decision.who, now()))
    return judged


def _counts(judged: list[tuple[Decision, str]], *, undecided: int) -> Counts:
    how = [judgement for _, judgement in judged]
    return {
        "applied": how.count("applied"),
        "through_group": sum(decision.through_group for decision, judgement in judged if judgement == "applied"),
        "conflicts": how.count("conflict"),
        "repeated": how.count("repeated"),
        "stale": how.count("stale"),
        "undecided": undecided,
    }


def _problem_sheet(job: Job, file: Path, problems: list[Problem]) -> Path | None:
    path = job.workspace.inbox / f"{file.stem}.problems.csv"
    if not problems:
        path.unlink(missing_ok=True)  # an old list of problems beside a clean sheet would mislead
        return None
    rows = [(p.line, p.token, p.column, p.problem, p.suggestion) for p in problems]
    content = sheets.render(
        ("line", "token", "column", "problem", "suggestion"), rows, delimiter=job.settings.review.delimiter
    )
    sheets.write({path: content}, point="review.problems")
    return path
