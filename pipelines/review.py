"""Asks people and takes their answers.  `catalog review export | import FILE`"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from catalog import sheets
from catalog.errors import CatalogError
from catalog.inference.signatures import trust_of
from catalog.jobs import Counts, Job, now
from catalog.placement import ledger
from catalog.review import (
    audit_answers,
    leases,
    queue_dump,
    queue_order,
    review_ledger,
    review_queue,
    reviewers,
    sheet_files,
)
from catalog.review.decisions import Decision, Problem, Reader, Standing, outcome, settle
from catalog.review.review_ledger import Import
from catalog.review.review_queue import EVERYTHING, Naming, Narrowing
from catalog.sheets import Answer
from catalog.store import Store
from catalog.taxonomies.category_moves import model_translation
from catalog.taxonomies.versions import latest_taxonomy

if TYPE_CHECKING:
    from catalog.review.telling import Telling

Pages = dict[Path, list[review_queue.Waiting]]
BATCH_ROWS = 100_000  # rows of sheets made at a time


@dataclass(frozen=True)
class ImportReport:
    """What became of a sheet. `counts`: rows, applied, through_group, conflicts, repeated, stale, undecided, problems;
    what was imported before has the single count `already_imported`. `import_id` is None when nothing was recorded."""

    counts: Counts
    problems: tuple[Problem, ...] = ()
    problem_sheet: Path | None = None
    import_id: str | None = None


@dataclass(frozen=True)
class Assignment:
    """Whose sheet it is and how long its rows are lent."""

    reviewer: str
    length: timedelta


def export(
    job: Job,
    *,
    limit: int | None = None,
    part: Narrowing = EVERYTHING,
    to: Assignment | None = None,
    form: str | None = None,
    telling: "Telling | None" = None,
) -> list[Path]:
    """Writes what waits for a person and nobody holds to review/outbox and returns the sheets, possibly none.

    With `to` the rows are lent to one reviewer, with `telling` each says what moved the model. Files come first, the rows in the database after them in one
    transaction; the same run again writes the same bytes and records nothing twice. `limit` counts items. Raises
    CatalogError for a form or department that is none.
    """
    store, taxonomy = job.store, latest_taxonomy(job.store)
    who = reviewers.known(store, to.reviewer) if to else None
    naming = Naming(review_ledger.workspace_id(store), job.run_id)
    files = sheet_files.SheetFiles(form or job.settings.review.format, taxonomy, job.settings.review.delimiter)
    with store.exclusive():
        queue = leases.free(job, taxonomy, naming, part=replace(part, reviewer=who), items=limit)
        before = review_ledger.exported(store, job.run_id)
        if before.height and not _same(before, queue):
            return sorted(job.workspace.outbox.glob(f"{job.run_id}-*"))  # answers came in since: leave the sheets alone
        written: list[Path] = []
        with store.transaction():
            for rows in _batches(queue, job.settings.review.rows_per_sheet):
                found = review_queue.named(review_queue.detailed(store, pl.concat(rows), taxonomy), taxonomy, naming)
                found = telling.told(store, found) if telling else found
                pages = _pages(job, found, [len(page) for page in rows], start=len(written) + 1, suffix=files.suffix)
                sheets.write(
                    {path: files.content(page, who or "") for path, page in pages.items()}, point=f"{store.stage}.sheet"
                )
                if not before.height:
                    _record(job, pages, who, now() + to.length if to else None)
                written += pages
    return written


def nightly(job: Job) -> list[Path]:
    """The sheets of a night: what is worth most, for a million rows by morning would be read by nobody."""
    return export(job, limit=job.settings.review.nightly_rows or None)


def explaining(job: Job) -> "Telling":
    """For `export`: the bundle that serves, to ask what moved it. Raises CatalogError when no bundle of ours serves."""
    from catalog.inference.classifier import Classifier, KeptEmbeddings  # noqa: PLC0415 - needed on request only
    from catalog.review.telling import Telling  # noqa: PLC0415

    model_id, serving = ledger.current_model(job.store), job.settings.serving
    if model_id is None or ledger.is_foreign(job.store, model_id):
        raise CatalogError(
            "Nothing can be asked what moved it: no bundle of ours serves.",
            remedy="Leave --explain out, or promote a trained model: catalog models list",
        )
    path = ledger.model_path(job.workspace, model_id)
    classifier = Classifier.open(path, trust=trust_of(job), device=serving.device, threads=serving.threads)
    moves = model_translation(job.store, model_id)
    return Telling(classifier, KeptEmbeddings(job.workspace.embeddings), latest_taxonomy(job.store), moves)


def _same(before: pl.DataFrame, queue: pl.DataFrame) -> bool:
    return before.height == queue.height == before.join(queue, on=before.columns, how="semi").height


def _batches(queue: pl.DataFrame, rows_per_sheet: int) -> Iterator[list[pl.DataFrame]]:
    """The pages of an ordered queue, some at a time: memory does not grow with the queue."""
    sizes = queue.select(pl.col("group").rle()).unnest("group")["len"]
    start, pages = 0, list[pl.DataFrame]()
    for length in review_queue.page_lengths(sizes, rows_per_sheet):
        pages.append(queue.slice(start, length))
        start += length
        if sum(map(len, pages)) >= BATCH_ROWS:
            yield pages
            pages = []
    if pages:
        yield pages


def _pages(job: Job, rows: list[review_queue.Waiting], lengths: list[int], *, start: int, suffix: str) -> Pages:
    """Each page under the path of its sheet, counted from `start`."""
    every = iter(rows)
    return {
        job.workspace.outbox / f"{job.run_id}-{number}{suffix}": list(itertools.islice(every, length))
        for number, length in enumerate(lengths, start=start)
    }


def dump(job: Job, file: Path, part: Narrowing = EVERYTHING) -> int:
    """Writes the whole queue, what is held included, to a CSV or Parquet file; records nothing. Returns the rows."""
    taxonomy = latest_taxonomy(job.store)
    naming = Naming(review_ledger.workspace_id(job.store), job.run_id)
    rows = review_queue.waiting(job.store, taxonomy, naming, part, held=True)
    return queue_dump.dump(job.store, queue_order.ordered(rows, now()), taxonomy, file)


def _record(job: Job, pages: Pages, reviewer: str | None, until: datetime | None) -> None:
    for path, page in pages.items():
        review_ledger.append_export(job, path.stem, page, file_name=path.name, reviewer=reviewer)
        if reviewer is not None and until is not None:
            leases.lend(job, path.stem, page, reviewer, until)


def import_sheet(
    job: Job, file: Path, *, partial: bool = False, reviewer: str | None = None, encoding: str | None = None
) -> ImportReport:
    """Takes a filled sheet back. With problems nothing is applied, unless `partial`: then the other rows are.

    `reviewer` is who decided where the sheet does not say; `encoding` that of a CSV, found where None. Problems are also written to review/inbox as a sheet.
    Raises CatalogError when the file is no review sheet.
    """
    returned = sheet_files.read(file, encoding)
    with job.store.exclusive():
        source = review_ledger.new_import(job.store, returned.sha256, file.name)
        if source is None:
            return ImportReport({"already_imported": len(returned.answers)})
        report = _record_answers(job, source, returned.answers, partial=partial, reviewer=reviewer)
    return replace(report, problem_sheet=_problem_sheet(job, file, report.problems))


def answer(job: Job, answers: Sequence[Answer], *, submission: str, reviewer: str) -> ImportReport:
    """Takes answers that come without a file, such as a page's: all of them or, with problems, none.

    Give every row of a group, the empty ones too: the first filled one settles them. `submission` is a name the page
    made up for this very answer: sent twice it is taken once. Undoing it is `catalog review undo` of its import id.
    """
    sha256 = hashlib.sha256(f"submission:{submission}".encode()).hexdigest()
    with job.store.exclusive():
        source = review_ledger.new_import(job.store, sha256, None)
        if source is None:
            return ImportReport({"already_imported": len(answers)})
        return _record_answers(job, source, answers, partial=False, reviewer=reviewer)


def _record_answers(
    job: Job, source: Import, answers: Sequence[Answer], *, partial: bool, reviewer: str | None
) -> ImportReport:
    taxonomy = latest_taxonomy(job.store)
    answers, reviewer = _under_known_names(job.store, answers, reviewer)
    known = review_ledger.offered(job.store, [answer.token for answer in answers])
    decisions, problems = settle(answers, known, Reader(taxonomy), reviewer=reviewer)
    counts = {"rows": len(answers), "applied": 0, "problems": len(problems)}
    if problems and not partial:
        return ImportReport(counts, tuple(problems))
    judged = _judge(job, decisions)
    counts |= _counts(judged, undecided=len(answers) - len(decisions) - len(problems))
    with job.store.transaction():
        taken = [(decision, how) for decision, how in judged if how in ("applied", "conflict")]
        review_ledger.append_decisions(job, source, taken, taxonomy_version=taxonomy.version)
        audit_answers.append(job, source.import_id, taxonomy)
        review_ledger.append_import(job, source, counts)
    return ImportReport(counts, tuple(problems), import_id=source.import_id)


def _under_known_names(
    store: Store, answers: Sequence[Answer], reviewer: str | None
) -> tuple[list[Answer], str | None]:
    """The answers, and who decided where they do not say, each name as this workspace writes it."""
    names = reviewers.spellings(store, (answer.reviewer for answer in answers))
    told = [replace(answer, reviewer=names.get(answer.reviewer, answer.reviewer)) for answer in answers]
    return told, reviewers.known(store, reviewer) if reviewer else None


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


def _problem_sheet(job: Job, file: Path, problems: Sequence[Problem]) -> Path | None:
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
