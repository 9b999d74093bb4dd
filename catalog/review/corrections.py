"""Corrections: a file that says where items belong, whatever anybody thought before, read and kept as decisions."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from catalog import sheets
from catalog.errors import CatalogError, FeedRefused
from catalog.jobs import Job, digest, now
from catalog.reading.encodings import find_ansi
from catalog.reading.feeds import RawBatch, read_rows
from catalog.reading.mapping import Mapping, feed_format
from catalog.review import reviewers
from catalog.review.decisions import ANONYMOUS, Problem, Reader
from catalog.settings import Feeds
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy

SOURCE = "correction"
_REQUIRED = {"vendor": "vendor", "item_id": "item_id", "category_path": "category"}
_OPTIONAL = {"description": "note", "labelled_by": "who"}  # our columns that are free for them
_TITLE = {"title": "item_id"}  # a form must name one, and this one is always there
_SUGGESTED = 20  # unknown items that are looked for under similar ids; each is compared with all of them
_LIKE = 0.9
# One row per asked item with what stands; input_hash is NULL when it is not live.
STANDING = """
    SELECT g.line, g.vendor, g.item_id, l.input_hash, r.outcome, r.decided_by, r.model_id, r.seq AS route_seq,
        CASE WHEN has_category(r.outcome) THEN r.category_id END AS from_id,
        d.category_id AS decided_id, d.source <> 'label' AND d.input_hash = l.input_hash AS said,
        EXISTS (FROM items i WHERE i.vendor = g.vendor AND i.item_id = g.item_id) AS known
    FROM given g
    LEFT JOIN live_items l USING (vendor, item_id)
    LEFT JOIN standing_routes r USING (vendor, item_id)
    LEFT JOIN standing_decisions d USING (vendor, item_id)
    ORDER BY g.line
"""
# The live items whose names come nearest to an unknown one: other zeros or case, another vendor's, a slip of the finger.
NEAR = f"""
    SELECT g.line, l.vendor || ' ' || l.item_id AS meant
    FROM given g JOIN live_items l
        ON ltrim(lower(l.item_id), '0') = ltrim(lower(g.item_id), '0')
        OR (l.vendor = g.vendor AND jaro_winkler_similarity(l.item_id, g.item_id) >= {_LIKE})
    QUALIFY row_number() OVER (
        PARTITION BY g.line ORDER BY l.vendor = g.vendor DESC, jaro_winkler_similarity(l.item_id, g.item_id) DESC, l.vendor, l.item_id
    ) = 1
"""


@dataclass(frozen=True)
class Row:
    """One row of the file as written; `category` is an id, a path or a leaf name."""

    line: int
    vendor: str
    item_id: str
    category: str
    note: str = ""
    who: str = ""


@dataclass(frozen=True)
class Correction:
    """A row that can be kept: the category it means, and what stood when it was said."""

    row: Row
    category_id: str
    input_hash: str
    kind: str
    from_id: str | None
    decided_by: str | None
    model_id: str | None
    route_seq: int | None


def read(file: Path, limits: Feeds) -> tuple[str, list[Row], list[Problem]]:
    """The hash of the file's bytes, its rows, and the lines that cannot be read as one.

    CSV as spreadsheets save it, XLSX and the other formats of feeds. Raises CatalogError when it lacks a column.
    """
    if not file.is_file():
        raise CatalogError(f"{file} does not exist.", remedy="Name a file with vendor, item_id and category.")
    try:
        batches = list(read_rows(file, _form(file), limits))
    except FeedRefused as refused:
        raise CatalogError(
            f"{file}: {refused.message}",
            remedy="Give a table with the columns vendor, item_id and category; note and who may be added.",
        ) from refused
    rows = sorted((row for batch in batches for row in _rows(batch)), key=lambda row: row.line)
    problems = [
        Problem(line, "", "row", detail or rule)
        for batch in batches
        for line, rule, detail in batch.rejects.select("line", "rule", "detail").iter_rows()
    ]
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest(), rows, problems


def _form(file: Path) -> Mapping:
    columns = _REQUIRED | _TITLE | {ours: {"first": [theirs], "required": False} for ours, theirs in _OPTIONAL.items()}
    form = feed_format(file)
    if form not in ("csv", "tsv"):
        return Mapping(format=form, columns=columns)
    with file.open("rb") as content:
        start = content.read(sheets.MAX_BYTES)
    try:
        start.decode("utf-8-sig")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else find_ansi(start) or "cp1252"
    header = start.partition(b"\n")[0].decode(encoding, errors="replace")
    return Mapping(format=form, encoding=encoding, delimiter=max(",;\t", key=header.count), columns=columns)


def _rows(batch: RawBatch) -> Iterable[Row]:
    ours = (*_REQUIRED, *_OPTIONAL)
    frame = batch.rows.select(
        "line", *(pl.col(name) if name in batch.rows.columns else pl.lit(None).alias(name) for name in ours)
    )
    for line, *cells in frame.iter_rows():
        vendor, item_id, category, note, who = (sheets.original((cell or "").strip()).strip() for cell in cells)
        yield Row(line, vendor, item_id, category, note, who)


def judge(store: Store, rows: list[Row], taxonomy: Taxonomy) -> tuple[list[Correction], int, list[Problem]]:
    """The corrections to keep, how many rows say what somebody has said already, and the rows with a problem."""
    problems: list[Problem] = []
    kept = _once(rows, problems)
    standing = _standing(store, kept)
    _unknown(store, [row for row in kept if standing[row.line]["input_hash"] is None], standing, problems)
    reader, found, repeated = Reader(taxonomy), list[Correction](), 0
    for row in kept:
        now_at = standing[row.line]
        meant = _nobody(row) or _category(row, reader)
        if isinstance(meant, Problem):
            problems.append(meant)
        elif now_at["said"] and now_at["decided_id"] == meant:
            repeated += 1
        elif now_at["input_hash"] is not None:
            kind = _kind(now_at["from_id"], now_at["outcome"], meant, taxonomy)
            model = now_at["model_id"] if now_at["decided_by"] == "model" else None
            facts = (now_at["input_hash"], kind, now_at["from_id"], now_at["decided_by"], model, now_at["route_seq"])
            found.append(Correction(row, meant, *facts))
    return found, repeated, sorted(problems, key=lambda problem: problem.line)


def _once(rows: list[Row], problems: list[Problem]) -> list[Row]:
    """Each item once; a second row on it is dropped when it says the same and a problem when it does not."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        for column in ("vendor", "item_id", "category"):
            if not getattr(row, column):
                problems.append(Problem(row.line, "", column, "is empty", "Fill it, or remove the row."))
                break
        else:
            seen = first.setdefault((row.vendor, row.item_id), row)
            if seen.category != row.category:
                problems.append(
                    Problem(row.line, "", "category", f"row {seen.line} says another", "Keep one of the rows.")
                )
    return list(first.values())


def _given(rows: list[Row]) -> pl.DataFrame:
    schema = {"line": pl.Int64, "vendor": pl.String, "item_id": pl.String}
    return pl.DataFrame([(row.line, row.vendor, row.item_id) for row in rows], schema=schema, orient="row")


def _standing(store: Store, rows: list[Row]) -> dict[int, dict]:
    found = store.query(STANDING, given=_given(rows))
    return {row["line"]: row for row in found.iter_rows(named=True)}


def _unknown(store: Store, rows: list[Row], standing: dict[int, dict], problems: list[Problem]) -> None:
    new = [row for row in rows if not standing[row.line]["known"]]
    near = dict(store.query(NEAR, given=_given(new[:_SUGGESTED])).rows()) if new else {}
    for row in rows:
        name = f"{row.vendor} {row.item_id}"
        if standing[row.line]["known"]:
            hint = "Remove the row; it can be corrected when it is delivered again."
            problems.append(Problem(row.line, "", "item_id", f"{name} is not delivered any more", hint))
        else:
            hint = near.get(row.line, "Look it up: catalog sql 'FROM live_items'; ids are text, zeros in front count.")
            problems.append(Problem(row.line, "", "item_id", f"there is no item {name}", hint))


def under_known_names(store: Store, rows: list[Row]) -> list[Row]:
    """The rows, each `who` as this workspace writes that reviewer's name."""
    names = reviewers.spellings(store, (row.who for row in rows))
    return [replace(row, who=names.get(row.who, row.who)) for row in rows]


def _nobody(row: Row) -> Problem | None:
    if not reviewers.is_ledgers(row.who):
        return None
    return Problem(row.line, "", "who", f"no reviewer is called {row.who!r}", "Write who says so, or nothing.")


def _category(row: Row, reader: Reader) -> str | Problem:
    found = reader.taxonomy.resolve(row.category)
    if found is None:
        hint = reader.near(row.category) or "Give an id, a full path or the name of one leaf."
        return Problem(row.line, "", "category", f"there is no category {row.category!r}", hint)
    if not reader.taxonomy.assignable(found):
        return Problem(row.line, "", "category", f"products cannot stand at {reader.taxonomy.path(found)}")
    return found


def _kind(from_id: str | None, outcome: str | None, category_id: str, taxonomy: Taxonomy) -> str:
    if from_id is None:
        return "unplaced"
    if from_id == category_id:
        return "confirmed"
    below = outcome == "placed_at_parent" and from_id in taxonomy.ancestors(category_id)
    return "refined" if below else "error"


def append(job: Job, import_id: str, corrections: list[Correction], *, version: str, who: str | None) -> None:
    """Appends them as decisions of a person, and as reported errors. Call it inside the transaction.

    `who` said what the file names nobody for.
    """
    first = 1 + (job.store.one("SELECT max(seq) FROM decisions") or 0)
    rows = [
        {
            "decision_id": digest(import_id, number),
            "seq": first + number,
            "vendor": one.row.vendor,
            "item_id": one.row.item_id,
            "category_id": one.category_id,
            "run_id": job.run_id,
        }
        for number, one in enumerate(corrections)
    ]
    if not rows:
        return
    moment = now()
    said = [
        {"input_hash": one.input_hash, "who": one.row.who or who or ANONYMOUS, "note": one.row.note or None}
        for one in corrections
    ]
    facts = {
        "verdict": "category",
        "taxonomy_version": version,
        "source": SOURCE,
        "random": False,
        "import_id": import_id,
    }
    frame = pl.DataFrame(rows)
    notes = pl.DataFrame(said, schema=dict.fromkeys(("input_hash", "who", "note"), pl.String))
    constants = [pl.lit(value).alias(name) for name, value in {**facts, "decided_at": moment}.items()]
    job.store.append("decisions", pl.concat([frame, notes], how="horizontal").with_columns(constants))
    stood = pl.DataFrame(
        [(one.kind, one.from_id, one.decided_by, one.model_id, one.route_seq) for one in corrections],
        schema={**dict.fromkeys(("kind", "from_id", "decided_by", "model_id"), pl.String), "route_seq": pl.Int64},
        orient="row",
    )
    job.store.append("corrected", pl.concat([frame, stood], how="horizontal").with_columns(corrected_at=pl.lit(moment)))
