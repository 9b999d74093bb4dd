"""What the work database knows about review sheets: rows once exported, answers since, and how answers are kept."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from catalog.jobs import Job, digest, now
from catalog.review.decisions import ADJUDICATION, Decision, Offered, Standing
from catalog.review.review_queue import Waiting, record
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation, translation_from

# One row per exported row whose token a sheet brought back, beside what its item is now.
OFFERED = """
    SELECT e.export_id, e.token, e.group_token, e.vendor, e.item_id, e.input_hash, e.candidates, e.parent_id, e.blind,
           x.exported_at, l.input_hash AS live_hash,
           coalesce(r.control AND r.input_hash = e.input_hash, false) AS control,
           u.who AS first_look
    FROM export_rows e
    JOIN exports x USING (export_id)
    JOIN returned t USING (token)
    LEFT JOIN live_items l ON l.vendor = e.vendor AND l.item_id = e.item_id
    LEFT JOIN standing_routes r ON r.vendor = e.vendor AND r.item_id = e.item_id
    LEFT JOIN unconfirmed_answers u ON u.vendor = e.vendor AND u.item_id = e.item_id AND u.input_hash = e.input_hash
"""
# One row per decision on an item of the sheet, oldest first.
HISTORY = """
    SELECT d.vendor, d.item_id, d.taxonomy_version, d.verdict, d.category_id, d.who, d.decided_at
    FROM decisions d SEMI JOIN asked USING (vendor, item_id)
    ANTI JOIN withdrawn_answers w
        ON w.vendor = d.vendor AND w.item_id = d.item_id AND w.who = d.who AND w.source = d.source
        AND w.decided_at = d.decided_at
    WHERE d.verdict <> 'skip' ORDER BY d.seq
"""
Item = tuple[str, str]


@dataclass(frozen=True)
class Import:
    """One sheet taken in: its id and where it came from. `file_name` is None for the answers of a page."""

    import_id: str
    sha256: str
    file_name: str | None


def workspace_id(store: Store) -> str:
    """The name that ties tokens to this workspace; given once, when first asked for."""
    found = store.one("SELECT workspace_id FROM workspace ORDER BY created_at LIMIT 1")
    if found is None:
        found = uuid.uuid4().hex
        store.append_row("workspace", workspace_id=found, created_at=now())
    return str(found)


def offered(store: Store, tokens: Iterable[str]) -> dict[str, Offered]:
    """The exported row of each token this workspace has written. Tokens of elsewhere are absent.

    What a row offered is in today's ids, whichever version of the hierarchy it was written under.
    """
    with store.frame("returned", pl.DataFrame({"token": sorted(set(tokens))}, schema={"token": pl.String})):
        rows = store.query(OFFERED).iter_rows(named=True)
    known: dict[object, Translation] = {}
    found = {}
    for row in rows:
        moment = row["exported_at"]
        if moment not in known:
            known[moment] = translation_from(store, moment)
        today = [_today(category, known[moment]) for category in (*(row["candidates"] or ()), row["parent_id"])]
        found[row["token"]] = Offered(**{**row, "candidates": tuple(today[:-1]), "parent_id": today[-1]})
    return found


def _today(category: str | None, translation: Translation) -> str | None:
    """What a sheet offered, in today's ids; in words where it is gone, so that it never means what now has its id."""
    return category if category is None else translation.lost.get(category) or translation.now(category)


def history(store: Store, items: Iterable[Item]) -> defaultdict[Item, list[Standing]]:
    """What has been said about each item, oldest first, in today's ids; in words where a category is gone."""
    keys = pl.DataFrame(sorted(set(items)), schema={"vendor": pl.String, "item_id": pl.String}, orient="row")
    said: defaultdict[Item, list[Standing]] = defaultdict(list)
    with store.frame("asked", keys):
        rows = store.query(HISTORY)
    known = {version: Translation.from_version(store, version) for version in rows["taxonomy_version"].unique()}
    for vendor, item_id, version, verdict, category, who, decided_at in rows.iter_rows():
        said[vendor, item_id].append(Standing(verdict, _today(category, known[version]), who, decided_at))
    return said


def new_import(store: Store, sha256: str, file_name: str | None) -> Import | None:
    """The import a file becomes; None when this very file was taken in already and not taken back since."""
    known = store.query("SELECT import_id FROM imports WHERE sha256 = ?", [sha256])["import_id"]
    undone = store.query("SELECT import_id FROM import_undos")["import_id"].to_list()
    if any(import_id not in undone for import_id in known):
        return None
    return Import(digest("import", sha256, *([len(known)] if len(known) else [])), sha256, file_name)


def exported(store: Store, run_id: str) -> pl.DataFrame:
    """vendor, item_id and input_hash of every row on the sheets of a run."""
    return store.query(
        "SELECT r.vendor, r.item_id, r.input_hash FROM export_rows r JOIN exports USING (export_id) WHERE run_id = ?",
        [run_id],
    )


def append_export(
    job: Job, export_id: str, rows: list[Waiting], *, file_name: str | None = None, reviewer: str | None = None
) -> None:
    """Appends a sheet and its rows; call it in a transaction. `file_name` is None for rows that a page shows."""
    facts = {"run_id": job.run_id, "file_name": file_name, "rows": len(rows), "reviewer": reviewer}
    job.store.append_row("exports", export_id=export_id, exported_at=now(), **facts)
    job.store.append("export_rows", record(rows, export_id))


def append_decisions(job: Job, source: Import, taken: list[tuple[Decision, str]], *, taxonomy_version: str) -> None:
    """Appends decisions with how each was judged (`applied` or `conflict`); a conflict gets a marker after it.

    The marker's verdict `unsure` stands until somebody answers a sheet written after it.
    """
    rows: list[dict[str, Any]] = []
    for decision, judged in taken:
        rows.append(_row(decision))
        if judged == "conflict":
            rows.append(_marker(decision))
    first = 1 + (job.store.one("SELECT max(seq) FROM decisions") or 0)
    facts = {
        "import_id": source.import_id,
        "taxonomy_version": taxonomy_version,
        "source": "review",
        "run_id": job.run_id,
        "decided_at": now(),
    }
    for number, row in enumerate(rows):
        row.update(facts, seq=first + number, decision_id=digest(source.import_id, number))
    if rows:
        job.store.append("decisions", pl.DataFrame(rows, infer_schema_length=None))


def append_import(job: Job, source: Import, counts: dict[str, int]) -> None:
    """Appends the sheet itself, so that the same file again changes nothing."""
    job.store.append_row(
        "imports",
        import_id=source.import_id,
        sha256=source.sha256,
        file_name=source.file_name,
        counts=json.dumps(counts),
        run_id=job.run_id,
        imported_at=now(),
    )


def _row(decision: Decision) -> dict[str, Any]:
    row = decision.offered
    return {
        "vendor": row.vendor,
        "item_id": row.item_id,
        "input_hash": row.input_hash,
        "verdict": decision.verdict,
        "category_id": decision.category_id,
        "who": decision.who,
        "random": row.control and not decision.through_group,
        "note": decision.note,
        "export_id": row.export_id,
        "group_token": row.group_token if decision.through_group else None,
    }


def _marker(decision: Decision) -> dict[str, Any]:
    said = decision.category_id or decision.verdict
    note = f"conflict: {decision.who} says {said}, which is not what stood before"
    return _row(decision) | {
        "verdict": "unsure",
        "category_id": None,
        "who": ADJUDICATION,
        "random": False,
        "note": note,
        "group_token": None,
    }
