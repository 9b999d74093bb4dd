"""What the audit makes of a certificate: departments whose automation stops by itself, and how they earn it back.

Looked at every night, for each department and outcome apart, from the answers under the certificate alone; the tests are
those of `catalog.certification.monitor`. What was stopped, and what was given back, is appended: the view `audits` can
change afterwards (a sheet taken back), what was done because of it is on record.
"""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from catalog.certification import monitor
from catalog.certification.policy import Policy
from catalog.jobs import Job, now
from catalog.placement import routing
from catalog.store import Store
from catalog.taxonomies.category_moves import model_translation, translation_from
from catalog.taxonomies.taxonomy import Taxonomy

STOPPED, RELEASED = "stopped", "released"
# One row per settled audit of a certificate, in the order in which they were first answered.
SETTLED = """
    SELECT department, outcome, result = 'wrong' AS wrong, asked_at FROM audits
    WHERE certificate_id = ? AND result <> 'open' ORDER BY first_seq
"""
# The last word on each department of a certificate.
LAST_WORDS = """
    SELECT word, key, answers, wrong, said_at, count(*) OVER (PARTITION BY key, word) AS times
    FROM audit_words WHERE certificate_id = ? QUALIFY row_number() OVER (PARTITION BY key ORDER BY seq DESC) = 1 ORDER BY key
"""
# One row per item drawn at random and answered in full since a time, with what the model says of it.
DRAWN = """
    SELECT d.vendor, d.item_id, d.category_id AS truth, p.* EXCLUDE (input_hash, model_id, run_id, predicted_at, provider, stage)
    FROM standing_decisions d JOIN predictions p ON p.input_hash = d.input_hash AND p.model_id = $model
    WHERE d.random AND d.source = 'review' AND d.verdict IN ('category', 'none') AND d.decided_at >= $since
    ORDER BY d.seq
"""
AFFECTED = "SELECT count(*) FROM live_items l JOIN predictions p USING (input_hash) WHERE p.chain_ids[1] = ? AND p.model_id = ?"


@dataclass(frozen=True)
class Watched:
    """A certificate's policy before anything is stopped, and the hierarchy of today."""

    certificate_id: str
    policy: Policy
    taxonomy: Taxonomy


def watch(job: Job, watched: Watched) -> None:
    """Appends what the answers of this night stop, and what the draws give back."""
    words = {row["key"]: row for row in job.store.query(LAST_WORDS, [watched.certificate_id]).iter_rows(named=True)}
    stopped = {key: row for key, row in words.items() if row["word"] == STOPPED}
    for key, row in stopped.items():
        _release(job, watched, key, row)
    begun = {key: row["said_at"] for key, row in words.items() if row["word"] == RELEASED}
    settled = job.store.query(SETTLED, [watched.certificate_id])
    for (key, _), part in sorted(settled.group_by("department", "outcome", maintain_order=True), key=lambda p: p[0]):
        if key not in stopped:
            since = part if key not in begun else part.filter(pl.col("asked_at") >= begun[key])
            if _stop(job, watched, str(key), since["wrong"]):
                stopped[str(key)] = {}


def _stop(job: Job, watched: Watched, key: str, wrong: pl.Series) -> bool:
    evidence = monitor.detector(wrong.to_numpy(), watched.policy.target).max(initial=0.0)
    if evidence < job.settings.audit.between_alarms:
        return False
    _say(job, watched, STOPPED, key, wrong, float(evidence))
    return True


def _release(job: Job, watched: Watched, key: str, word: dict[str, Any]) -> None:
    """The k-th time a department earns its automation back spends delta / (k (k + 1)), so that all times spend delta."""
    wrong = drawn_errors(job.store, watched, key, word["said_at"])
    evidence = monitor.regained(wrong.to_numpy(), watched.policy.target)
    times = word["times"]
    if evidence >= times * (times + 1) / watched.policy.delta:
        _say(job, watched, RELEASED, key, wrong, evidence)


def drawn_errors(store: Store, watched: Watched, key: str, since: object) -> pl.Series:
    """Bool per random draw since then that the policy would place in the department: whether that would be wrong."""
    model, taxonomy = watched.policy.model_id, watched.taxonomy
    drawn = store.query(DRAWN, {"model": model, "since": since})
    if not drawn.height:
        return pl.Series([], dtype=pl.Boolean)
    drawn = model_translation(store, model).predictions(drawn).with_row_index("row")
    today = translation_from(store, since).now(key)
    placed = routing.propose(drawn, watched.policy, taxonomy).filter("certified")
    inside = [
        (node, outcome, truth)
        for node, outcome, truth in placed.select("proposed", "proposed_outcome", "truth").rows()
        if taxonomy.ancestors(node)[0] == today
    ]
    right = [
        node == truth or (outcome == "placed_at_parent" and truth in taxonomy and node in taxonomy.ancestors(truth))
        for node, outcome, truth in inside
    ]
    return ~pl.Series(right, dtype=pl.Boolean)


def _say(job: Job, watched: Watched, word: str, key: str, wrong: pl.Series, evidence: float) -> None:
    job.store.append_row(
        "audit_words",
        seq=1 + (job.store.one("SELECT max(seq) FROM audit_words") or 0),
        word=word,
        certificate_id=watched.certificate_id,
        model_id=watched.policy.model_id,
        run_id=job.run_id,
        said_at=now(),
        key=key,
        answers=wrong.len(),
        wrong=int(wrong.sum()),
        evidence=evidence,
    )


def without_stopped(store: Store, policy: Policy, certificate_id: str) -> tuple[Policy, pl.DataFrame]:
    """The policy without what its audit stopped, and a row for each: kind, key, cause, ends, items."""
    rows = []
    for word in store.query(LAST_WORDS, [certificate_id]).filter(word=STOPPED).iter_rows(named=True):
        key = translation_from(store, word["said_at"]).now(word["key"])
        if key is not None:
            cause = (
                f"{word['wrong']} of {word['answers']} audited placements were wrong, two reviewers agreeing on each"
            )
            ends = "random draws from it that are answered in full and pass, or another certificate (catalog train)"
            rows.append(("department", key, cause, ends, store.one(AFFECTED, [key, policy.model_id])))
    schema = {"kind": pl.String, "key": pl.String, "cause": pl.String, "ends": pl.String, "items": pl.Int64}
    found = pl.DataFrame(rows, schema=schema, orient="row")
    return replace(policy, stopped_departments=frozenset(found["key"])), found
