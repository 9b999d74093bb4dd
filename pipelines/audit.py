"""Audits a model for bias on the products it is compared on.  Part of `catalog evaluate` and `catalog promote`"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from catalog import durable
from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.jobs import Job
from catalog.placement import ledger, vendor_categories
from catalog.placement.routing import route
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import latest_taxonomy
from catalog.watch import bias
from catalog.watch.bias import Audit
from pipelines import evaluate
from pipelines.evaluate import Evaluation

_KEYS = ["vendor", "item_id", "input_hash"]
# What the kinds of groups are made of; one row per content that was asked for.
_TRAITS = """
    SELECT vendor, item_id, input_hash, any_value(brand) AS brand, any_value(language) AS language,
           any_value(price) AS price, any_value(currency) AS currency
    FROM items SEMI JOIN asked USING (vendor, item_id, input_hash) GROUP BY ALL"""
_TAUGHT = """
    SELECT d.category_id, count(*) AS labels FROM example_splits s JOIN standing_decisions d USING (vendor, item_id)
    WHERE s.model_id = ? AND s.split = 'train' AND d.verdict = 'category' GROUP BY ALL"""
_NOTHING_STANDS = ("decided_category", "decided_verdict", "standing_category", "standing_outcome")


@dataclass(frozen=True)
class Audited:
    """A model beside the one that serves, and whom it serves worse."""

    evaluation: Evaluation
    audit: Audit

    def text(self) -> str:
        """For a terminal."""
        return f"{self.evaluation.text()}\n{self.audit.text()}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; examples of the comparison are left to `catalog models compare`."""
        comparison, verdict = self.evaluation.comparison, self.evaluation.verdict
        sides = {name: asdict(getattr(comparison, name)) for name in ("first", "second", "overall")}
        against = None if verdict is None else asdict(verdict)
        return {**sides, "verdict": against, "audit": self.audit.to_dict()}

    def require_promotable(self, model_id: str, *, bias: str) -> None:
        """Raises CatalogError when the comparison speaks against the model, or the audit where the settings let it block."""
        self.evaluation.require_passed()
        if bias == "block":
            self.require_no_bias(model_id)

    def require_no_bias(self, model_id: str) -> None:
        """Raises CatalogError when the audit names a group the model serves worse than others, and than today's does."""
        stops = [finding for finding in self.audit.named if finding.stops]
        if stops:
            said = "; ".join(finding.sentence() for finding in stops[:3])
            raise CatalogError(
                f"Refused by the bias audit ({len(stops)} findings): {said}.",
                remedy=f"Label more products of these groups and train again, or promote with --anyway; "
                f'reports/evaluate-{model_id}.json has all of it, [audit] bias = "report" only reports.',
            )


def run(job: Job, model_id: str | None) -> Audited:
    """As `evaluate.run`, with the audit of the model on the same products; both are kept in reports/evaluate-MODEL.json."""
    evaluation = evaluate.run(job, model_id)
    found = Audited(evaluation, _audit(job, evaluation.compared))
    target = job.workspace.reports / f"evaluate-{evaluation.compared.names[0]}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    durable.write(target, (json.dumps(found.to_dict(), ensure_ascii=False, indent=1) + "\n").encode())
    return found


def _audit(job: Job, compared: evaluate.Compared) -> Audit:
    """Items a model has no answer for count as wrong, at a confidence of 0."""
    store, taxonomy = job.store, latest_taxonomy(job.store)
    first, second = compared.names
    with store.frame("asked", compared.held_out.select(_KEYS)):
        traits = store.query(_TRAITS)
    frame = compared.held_out.drop("brand").join(traits, on=_KEYS, how="left", maintain_order="left")
    answers, before = (part.rename({"image_status": "seen"}) for part in compared.answers)
    frame = frame.join(answers, on="input_hash", how="left", maintain_order="left")
    frame = frame.join(store.query(_TAUGHT, [first]), on="category_id", how="left", maintain_order="left")
    names = dict(taxonomy.nodes.select("category_id", "path").rows())
    products = frame.select(
        "vendor", "item_id", "title", "brand", "language",
        bias.price_bands(frame["price"], frame["currency"]).alias("price_band"),
        bias.category_sizes(frame["labels"]).alias("category_size"),
        pl.when(pl.col("image").is_null()).then(pl.lit("without")).otherwise(pl.lit("with")).alias("picture"),
        (pl.col("leaf_id") == pl.col("category_id")).fill_null(False).alias("right"),
        pl.col("probability").fill_null(0.0),
        pl.col("leaf_id").replace(names).fill_null("nothing").alias("said"),
        pl.col("category_id").replace(names).alias("truth"),
        *_outcomes(job, frame, first, taxonomy),
    )  # fmt: skip
    if second != first:
        earlier = frame.select("input_hash", "category_id").join(
            before, on="input_hash", how="left", maintain_order="left"
        )
        right = (earlier["leaf_id"] == earlier["category_id"]).fill_null(False)
        products = products.with_columns(right_before=right, probability_before=earlier["probability"].fill_null(0.0))
    return bias.audit(first, products)


def _outcomes(job: Job, frame: pl.DataFrame, model_id: str, taxonomy: Taxonomy) -> list[pl.Series]:
    """Where the model's policy would put each product that nobody has decided; nulls while it has none that places."""
    body = job.store.one(
        "SELECT body FROM policies WHERE model_id = ? AND settings_hash = ? ORDER BY seq DESC LIMIT 1",
        [model_id, job.settings.routing_hash],
    )
    policy = Policy.from_dict(json.loads(body)) if body else None
    if policy is None or (policy.leaf_bar is None and policy.parent_bar is None):
        nothing = np.full(frame.height, None)
        return [pl.Series(name, nothing, dtype=pl.Boolean) for name in ("placed", "waits")]
    rows = frame.drop("image_status", strict=False).rename({"seen": "image_status"})
    rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in _NOTHING_STANDS)
    rows = vendor_categories.with_conflicts(
        rows.with_columns(row_hash=pl.col("input_hash")),
        ledger.vendor_category_rules(job.store, model_id, job.settings),
        taxonomy,
    )
    routed = route(rows, replace(policy, control_share=0.0, audit_share=0.0), taxonomy)
    return [(routed["outcome"] == "placed").alias("placed"), (routed["outcome"] == "review").alias("waits")]
