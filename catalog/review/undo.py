"""Taking an import of answers back, by appending: its decisions no longer stand, earlier ones stand again, and what others
said since stays.

Two things are said anew, in the names of those who said them. An answer that only disagreed with what is gone now stands:
its conflict is over. And a decision that stands again under a hierarchy of today is told in today's ids.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from catalog.errors import CatalogError
from catalog.jobs import Counts, Job, digest, now
from catalog.review.decisions import ADJUDICATION, Standing, weigh
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation, append_decisions
from catalog.taxonomies.versions import current_version

# One row per import, the youngest first. undone_at: when it was taken back, by whom.
IMPORTS = """
    SELECT i.import_id, i.file_name, i.imported_at, i.counts->>'applied' AS applied, u.who AS undone_by, u.undone_at
    FROM imports i LEFT JOIN import_undos u USING (import_id)
    ORDER BY i.imported_at DESC, i.import_id LIMIT ?
"""
# Items an import said something about, with what stands now.
TOUCHED = """
    SELECT s.* FROM standing_decisions s
    SEMI JOIN (SELECT vendor, item_id FROM decisions WHERE import_id = ?) t USING (vendor, item_id)
"""
# What was said about the items in `asked` and not taken back, oldest first, with when its sheet was written.
SAID = """
    SELECT d.*, x.exported_at
    FROM decisions d SEMI JOIN asked USING (vendor, item_id)
    ANTI JOIN withdrawn_answers w
        ON w.vendor = d.vendor AND w.item_id = d.item_id AND w.who = d.who AND w.source = d.source
        AND w.decided_at = d.decided_at
    LEFT JOIN exports x ON x.export_id = d.export_id
    WHERE d.verdict <> 'skip' AND d.source <> 'label' ORDER BY d.seq
"""


@dataclass(frozen=True)
class By:
    """Who takes something back, and why."""

    who: str | None = None
    note: str | None = None


def imports(store: Store, limit: int = 30) -> list[str]:
    """One line per import, the youngest first."""
    rows = store.query(IMPORTS, [limit]).iter_rows(named=True)
    lines = [
        f"{row['import_id']}  {row['imported_at']:%Y-%m-%d %H:%M}  {int(row['applied'] or 0):>6,} applied  "
        f"{row['file_name'] or 'on the page'}"
        + (f"  taken back {row['undone_at']:%Y-%m-%d %H:%M}" if row["undone_at"] else "")
        for row in rows
    ]
    return lines or ["No sheet has been imported. To import one: catalog review import FILE"]


def undo(job: Job, import_id: str, by: By) -> Counts:
    """Takes an import back in one transaction. Counts: decisions taken back; items where an earlier decision stands
    again, where another reviewer's answer does now, and that nobody has decided.

    Raises CatalogError when the import is unknown or was taken back already.
    """
    store = job.store
    with store.exclusive(), store.transaction():
        _require_standing(store, import_id)
        before = store.query(TOUCHED, [import_id])
        store.append_row(
            "import_undos",
            seq=1 + (store.one("SELECT max(seq) FROM import_undos") or 0),
            import_id=import_id,
            who=by.who,
            note=by.note,
            run_id=job.run_id,
            undone_at=now(),
        )
        agreed = _settle_conflicts(job, import_id)
        _translate(job, import_id)
        after = store.query(TOUCHED, [import_id])
    taken = store.one("SELECT count(*) FROM decisions WHERE import_id = ? AND who <> ?", [import_id, ADJUDICATION])
    return {
        "taken_back": taken,
        "earlier_stand_again": after.join(before, on="decision_id", how="anti").height - agreed,
        "conflicts_over": agreed,
        "undecided": before.join(after, on=["vendor", "item_id"], how="anti").height,
    }


def _require_standing(store: Store, import_id: str) -> None:
    if not store.one("SELECT count(*) FROM imports WHERE import_id = ?", [import_id]):
        raise CatalogError(f"There is no import {import_id!r}.", remedy="List them: catalog review imports.")
    found = store.query("SELECT who, undone_at FROM import_undos WHERE import_id = ?", [import_id])
    if found.height:
        who, at = found.row(0)
        raise CatalogError(
            f"The import {import_id} was taken back already, {at:%Y-%m-%d %H:%M}{f' by {who}' if who else ''}.",
            remedy="Nothing to do. To take its answers again, import its file again.",
        )


def _settle_conflicts(job: Job, import_id: str) -> int:
    """Says again what only disagreed with the import; returns for how many items."""
    disputed = job.store.query(TOUCHED, [import_id]).filter(pl.col("who") == ADJUDICATION)
    with job.store.frame("asked", disputed.select("vendor", "item_id")):
        said = job.store.query(SAID).filter(pl.col("who") != ADJUDICATION)
    last = [_settled(rows) for _, rows in said.group_by("vendor", "item_id", maintain_order=True)]
    again = pl.DataFrame([row for row in last if row], schema=said.schema).drop("exported_at")
    first = 1 + (job.store.one("SELECT max(seq) FROM decisions") or 0)
    again = again.with_columns(
        pl.Series("decision_id", [digest(key, "undone", import_id) for key in again["decision_id"]], dtype=pl.String),
        seq=pl.int_range(first, first + again.height, dtype=pl.Int64),
        run_id=pl.lit(job.run_id),
    )
    return job.store.append("decisions", again)


def _settled(said: pl.DataFrame) -> dict[str, Any] | None:
    """The answer that stands when an item's answers are taken in again, in their order; None when they disagree."""
    past: list[Standing] = []
    stands: dict[str, Any] | None = None
    for row in said.iter_rows(named=True):
        answer = Standing(row["verdict"], row["category_id"], row["who"], row["decided_at"])
        disagrees = row["exported_at"] is not None and weigh(answer, row["exported_at"], past) == "conflict"
        past.append(answer)
        if disagrees:
            past.append(Standing("unsure", None, ADJUDICATION, answer.decided_at))
        stands = None if disagrees else row
    return stands


def _translate(job: Job, import_id: str) -> None:
    """Tells decisions that stand again in today's ids, as an import of the hierarchy would have, had they stood then."""
    version = current_version(job.store)
    old = job.store.query(TOUCHED, [import_id]).filter(
        (pl.col("verdict") == "category") & (pl.col("taxonomy_version") != version)
    )
    for (before,), rows in old.group_by("taxonomy_version", maintain_order=True):
        translation = Translation.from_version(job.store, str(before))
        lost = translation.lost
        words = [f"{lost[key]}" if key in lost else None for key in rows["category_id"]]
        ids = [translation.now(key) for key in rows["category_id"]]
        told = rows.with_columns(pl.Series("new_id", ids, dtype=pl.String), pl.Series("words", words, dtype=pl.String))
        append_decisions(job, told, str(version), None)
