"""Taking an import of answers back, by appending: its decisions no longer stand, earlier ones stand again, and what others
said since stays.

Two things are said anew, in the names of those who said them. An answer that only disagreed with what is gone now stands:
its conflict is over. And a decision that stands again under a hierarchy of today is told in today's ids.
"""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from catalog.errors import CatalogError
from catalog.jobs import Counts, Job, digest, now
from catalog.review.decisions import ADJUDICATION, Standing, weigh
from catalog.store import Store
from catalog.taxonomies.category_moves import RETIRED, Translation, append_decisions
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
# What was said about the items in `asked` and not taken back, oldest first, as it was first said, with when its sheet was
# written. Answers that wait for a second look say nothing yet; second_look: the answer is one.
SAID = """
    SELECT d.*, x.exported_at,
           EXISTS (
               FROM audit_answers a WHERE a.vendor = d.vendor AND a.item_id = d.item_id AND a.input_hash = d.input_hash
               AND a.decided_at < d.decided_at AND a.who <> d.who AND NOT a.agrees
           ) AS second_look
    FROM decisions d SEMI JOIN asked USING (vendor, item_id)
    ANTI JOIN withdrawn_answers w
        ON w.vendor = d.vendor AND w.item_id = d.item_id AND w.who = d.who AND w.source = d.source
        AND w.decided_at = d.decided_at
    ANTI JOIN unconfirmed_answers u
        ON u.vendor = d.vendor AND u.item_id = d.item_id AND u.who = d.who AND u.source = d.source
        AND u.decided_at = d.decided_at
    LEFT JOIN exports x ON x.export_id = d.export_id
    WHERE d.verdict NOT IN ('skip', 'retired') AND d.who <> ?
    QUALIFY row_number() OVER (
        PARTITION BY d.vendor, d.item_id, d.who, d.source, d.decided_at, d.export_id ORDER BY d.seq
    ) = 1
    ORDER BY d.seq
"""


_AGAIN = "conflict: what came between was taken back"


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
        over, anew = _settle(job, import_id, before)
        _translate(job, import_id)
        after = store.query(TOUCHED, [import_id])
    taken = store.one("SELECT count(*) FROM decisions WHERE import_id = ? AND who <> ?", [import_id, ADJUDICATION])
    return {
        "taken_back": taken,
        "earlier_stand_again": after.join(before, on="decision_id", how="anti").height - over - anew,
        "conflicts_over": over,
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


def _settle(job: Job, import_id: str, before: pl.DataFrame) -> tuple[int, int]:
    """Lets stand what would stand had the import never come: takes the answers in again that others gave about its items.

    Returns the items whose conflict is over, and those where two answers disagree now that the import came between.
    """
    stands = {(row["vendor"], row["item_id"]): row for row in job.store.query(TOUCHED, [import_id]).to_dicts()}
    with job.store.frame("asked", before.select("vendor", "item_id")):
        said = job.store.query(SAID, [ADJUDICATION])
    today = {version: Translation.from_version(job.store, version) for version in said["taxonomy_version"].unique()}
    over, anew = list[dict[str, Any]](), list[dict[str, Any]]()
    for key, rows in said.group_by("vendor", "item_id", maintain_order=True):
        row, disagrees = _settled(rows, today, str(current_version(job.store)))
        now_at = stands.get((str(key[0]), str(key[1])))
        disputed = now_at is not None and now_at["who"] == ADJUDICATION
        if row is not None and disagrees and not disputed:
            anew.append(row | {"verdict": "unsure", "category_id": None, "who": ADJUDICATION, "note": _AGAIN})
        elif row is not None and not disagrees and not _same(row, now_at):
            over.append(row)
    _say_again(job, import_id, over + anew, said.schema)
    return len(over), len(anew)


def _same(row: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """The answer itself, told in other ids perhaps, or the same words of the same person about the same content."""
    names = (("decided_at", "export_id"), ("verdict", "category_id", "taxonomy_version"))
    return (
        other is not None
        and (row["who"], row["input_hash"]) == (other["who"], other["input_hash"])
        and any(all(row[name] == other[name] for name in some) for some in names)
    )


def _say_again(job: Job, import_id: str, rows: list[dict[str, Any]], schema: pl.Schema) -> None:
    again = pl.DataFrame(rows, schema=schema).drop("exported_at", "second_look")
    first = 1 + (job.store.one("SELECT max(seq) FROM decisions") or 0)
    names = [digest(row["decision_id"], row["who"], "undone", import_id) for row in rows]
    again = again.with_columns(
        pl.Series("decision_id", names, dtype=pl.String),
        seq=pl.int_range(first, first + again.height, dtype=pl.Int64),
        run_id=pl.lit(job.run_id),
    )
    job.store.append("decisions", again)


def _settled(
    said: pl.DataFrame, today: dict[str | None, Translation], version: str
) -> tuple[dict[str, Any] | None, bool]:
    """Of an item's answers, taken in again in their order: the one that stands, or with True the one that disagreed."""
    gone = {words for told in today.values() for words in told.lost.values()}
    past: list[Standing] = []
    stands: dict[str, Any] | None = None
    disagrees = False
    for row in said.iter_rows(named=True):
        answer = _in_todays_ids(row, today)
        if row["taxonomy_version"] == version:  # what was said of a category that was gone by then is no disagreement
            past = [replace(one, verdict=RETIRED, category_id=None) if one.category_id in gone else one for one in past]
        how = _weighed(answer, row, past)
        if how == "repeated":
            continue
        past.append(answer)
        if how == "conflict":
            past.append(Standing("unsure", None, ADJUDICATION, answer.decided_at))
        if row["source"] != "label":  # a label is protected, and stands only where nobody answered
            stands, disagrees = row, how == "conflict"
    return stands, disagrees


def _weighed(answer: Standing, row: dict[str, Any], past: list[Standing]) -> str:
    if row["exported_at"] is None or row["second_look"]:
        return "applied"
    return weigh(answer, row["exported_at"], past)


def _in_todays_ids(row: dict[str, Any], today: dict[str | None, Translation]) -> Standing:
    """A category that is gone keeps a name of its own: two that are gone did not say the same."""
    told, category = today[row["taxonomy_version"]], row["category_id"]
    now_id = told.now(category) or told.lost.get(category, category)
    return Standing(row["verdict"], now_id, row["who"], row["decided_at"])


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
