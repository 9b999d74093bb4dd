"""Answers to audited placements, beside what they judge: the audit counts from these rows.

An answer against a placement counts, and stands as a decision, only when a second reviewer agrees (views `audits` and
`unconfirmed_answers`): at 2% mistakes a single look would stop a healthy 98.5%. Until then the item stays where it is and is
asked again like any hidden row, of anybody but its first reviewer.
"""

import polars as pl

from catalog.jobs import Job
from catalog.review.decisions import ADJUDICATION
from catalog.taxonomies.taxonomy import Taxonomy

# One row per answer of an import to a hidden row whose item stands where it was placed or carried, and was drawn for the audit.
ANSWERS = """
    SELECT d.decision_id, d.vendor, d.item_id, d.input_hash, r.category_id AS placed_id, r.model_id, r.policy_id,
           CASE WHEN r.decided_by = 'look_alike' THEN 'carried' ELSE r.outcome END AS outcome, d.category_id AS answer_id, d.who, d.source, d.run_id, d.decided_at
    FROM decisions d
    JOIN export_rows e ON e.export_id = d.export_id AND e.vendor = d.vendor AND e.item_id = d.item_id AND e.blind
    JOIN standing_routes r ON r.vendor = d.vendor AND r.item_id = d.item_id AND r.input_hash = d.input_hash
    WHERE d.import_id = ? AND d.who <> ? AND d.verdict IN ('category', 'none') AND d.group_token IS NULL
      AND r.audit AND r.outcome IN ('placed', 'placed_at_parent')
    ORDER BY d.seq
"""


def append(job: Job, import_id: str, taxonomy: Taxonomy) -> None:
    """Appends what an import said about audited placements; call it in the transaction that appends its decisions.

    At a leaf, the model's or one that was carried from a look-alike, the answer must be the very place, at a parent the place or a category below it. An answer that no category
    fits is one against the placement; what finds fault with the item itself says nothing about it.
    """
    found = job.store.query(ANSWERS, [import_id, ADJUDICATION]).filter(
        pl.col("placed_id").is_in(taxonomy.nodes["category_id"].implode())
    )
    if not found.height:
        return
    judged = found.select("outcome", "placed_id", "answer_id").rows()
    first = 1 + (job.store.one("SELECT max(seq) FROM audit_answers") or 0)
    rows = found.drop("answer_id").with_columns(
        pl.Series("agrees", [_agrees(taxonomy, *row) for row in judged], dtype=pl.Boolean),
        pl.Series("department", [taxonomy.ancestors(placed)[0] for _, placed, _ in judged], dtype=pl.String),
        pl.int_range(first, first + found.height, dtype=pl.Int64).alias("seq"),
    )
    job.store.append("audit_answers", rows)


def _agrees(taxonomy: Taxonomy, outcome: str, placed: str, answer: str | None) -> bool:
    if answer is None or answer not in taxonomy:
        return False
    return placed == answer or (outcome == "placed_at_parent" and placed in taxonomy.ancestors(answer))
