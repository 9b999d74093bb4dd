"""What the audit makes of a certificate: departments whose automation stops by itself; `ways_back` says how they return.

Looked at every night, for each department and outcome apart, from the answers under the certificate alone; what was carried to
look-alikes is one group of its own, over all departments, and only carrying stops with it. The test is that of `catalog.certification.monitor`. What was stopped, and what was given back, is appended: the view `audits` can
change afterwards (a sheet taken back), what was done because of it is on record.
"""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from catalog.certification import monitor
from catalog.certification.policy import Policy
from catalog.jobs import Job, now
from catalog.store import Store
from catalog.taxonomies.category_moves import translation_from
from catalog.taxonomies.taxonomy import Taxonomy

STOPPED, RELEASED = "stopped", "released"
CARRIED = "carried"  # an outcome of audits, and the key of its word
GROUND = "audit "  # begins the ground of what the audit stopped, in `ways_back`
# One row per vendor or department that is stopped, and by what: `since` is null where nobody has written down when.
STOPS: dict[str, Any] = {
    "kind": pl.String,
    "key": pl.String,
    "cause": pl.String,
    "ends": pl.String,
    "items": pl.Int64,
    "ground": pl.String,
    "since": pl.Datetime("us", "UTC"),
}
# One row per settled audit of a certificate, in the order in which they were first answered.
SETTLED = """
    SELECT department, outcome, result = 'wrong' AS wrong, asked_at FROM audits
    WHERE certificate_id = ? AND result <> 'open' ORDER BY first_seq
"""
# The last word on each department of a certificate.
LAST_WORDS = """
    SELECT seq, word, key, answers, wrong, said_at
    FROM audit_words WHERE certificate_id = ? QUALIFY row_number() OVER (PARTITION BY key ORDER BY seq DESC) = 1 ORDER BY key
"""
_ANOTHER = "another certificate (catalog train)"
STANDING_CARRIED = "SELECT count(*) FROM placements WHERE decided_by = 'look_alike'"
AFFECTED = "SELECT count(*) FROM live_items l JOIN predictions p USING (input_hash) WHERE p.chain_ids[1] = ? AND p.model_id = ?"


@dataclass(frozen=True)
class Watched:
    """A certificate's policy before anything is stopped, and the hierarchy of today."""

    certificate_id: str
    policy: Policy
    taxonomy: Taxonomy


def watch(job: Job, watched: Watched) -> None:
    """Appends what the answers of this night stop."""
    words = {row["key"]: row for row in job.store.query(LAST_WORDS, [watched.certificate_id]).iter_rows(named=True)}
    stopped = {key: row for key, row in words.items() if row["word"] == STOPPED}
    begun = {key: row["said_at"] for key, row in words.items() if row["word"] == RELEASED}
    settled = job.store.query(SETTLED, [watched.certificate_id])
    # Two outcomes of a department may stop it, carried ones none: they speak of people's decisions, not of the model.
    settled = settled.with_columns(
        department=pl.when(pl.col("outcome") == CARRIED).then(pl.lit(CARRIED)).otherwise("department")
    )
    for (key, _), part in sorted(settled.group_by("department", "outcome", maintain_order=True), key=lambda p: p[0]):
        if key not in stopped:
            since = part if key not in begun else part.filter(pl.col("asked_at") >= begun[key])
            if _stop(job, watched, str(key), since["wrong"]):
                stopped[str(key)] = {}


def _stop(job: Job, watched: Watched, key: str, wrong: pl.Series) -> bool:
    evidence = monitor.detector(wrong.to_numpy(), watched.policy.target).max(initial=0.0)
    if evidence < job.settings.audit.between_alarms:
        return False
    _say(job, watched, STOPPED, key, (wrong.len(), int(wrong.sum())), float(evidence))
    return True


def release(job: Job, watched: Watched, ground: str, answered: tuple[int, int]) -> None:
    """Appends that random draws gave back what was stopped; `ground` names the word that stopped it, `answered` how many draws
    there were, and how many of them were wrong."""
    key = job.store.one("SELECT key FROM audit_words WHERE seq = ?", [int(ground.removeprefix(GROUND))])
    _say(job, watched, RELEASED, key, answered, None)


def _say(job: Job, watched: Watched, word: str, key: str, answered: tuple[int, int], evidence: float | None) -> None:
    answers, wrong = answered
    job.store.append_row(
        "audit_words",
        seq=1 + (job.store.one("SELECT max(seq) FROM audit_words") or 0),
        word=word,
        certificate_id=watched.certificate_id,
        model_id=watched.policy.model_id,
        run_id=job.run_id,
        said_at=now(),
        key=key,
        answers=answers,
        wrong=wrong,
        evidence=evidence,
    )


def without_stopped(store: Store, policy: Policy, certificate_id: str) -> tuple[Policy, pl.DataFrame]:
    """The policy without what its audit stopped, and a row for each with the columns of `STOPS`."""
    rows = []
    for word in store.query(LAST_WORDS, [certificate_id]).filter(word=STOPPED).iter_rows(named=True):
        if word["key"] == CARRIED:
            cause = f"{word['wrong']} of {word['answers']} audited items that were placed as their look-alikes were decided were wrong"
            ground = f"{GROUND}{word['seq']}"
            rows.append(("look-alikes", CARRIED, cause, _ANOTHER, store.one(STANDING_CARRIED), ground, word["said_at"]))
            policy = replace(policy, look_alike_certified_precision=None)
            continue
        key = translation_from(store, word["said_at"]).now(word["key"])
        if key is not None:
            cause = (
                f"{word['wrong']} of {word['answers']} audited placements were wrong, two reviewers agreeing on each"
            )
            ends = f"random draws from it that are answered in full and pass, or {_ANOTHER}"
            items = store.one(AFFECTED, [key, policy.model_id])
            rows.append(("department", key, cause, ends, items, f"{GROUND}{word['seq']}", word["said_at"]))
    found = pl.DataFrame(rows, schema=STOPS, orient="row")
    return replace(policy, stopped_departments=frozenset(found.filter(kind="department")["key"])), found
