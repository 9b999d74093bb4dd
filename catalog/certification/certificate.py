"""The certificate: at least a share `target` of what is placed is right, said wrongly with chance `delta` at most.

Why the chance of any wrong claim is at most L = delta / (k (k + 1)) at attempt k, so at most delta over all. The
temperature split, independent of the calibration labels, fixes the order of the tests and which of two plans holds:

- apart: each stratum walks its fixed sequence at L / 2. The first threshold below the target is passed with chance
  L / 2 at most, and nothing after it is claimed unless it passed (Bauer 1991).
- leaf first, where leaves are likely to pass: the start of the leaf walk is tested at L, and only if it passes, the
  rest of the leaf walk and the parent walk at L / 2 each (a graph of Bretz et al. 2009). If the start is below the
  target, some claim is wrong with chance L at most; else one of two sequences is, each with chance L / 2 at most.

A department that the calibration labels show below the target, of what passed for all, has a stricter threshold, or goes
to review as a whole where none helps. Its threshold was chosen by calibration labels too, which is no claim of its own:
less is placed than passed, and what is left out are the least sure of a department that is less right than the whole.

The parent stratum's products depend on the leaf threshold, which calibration labels chose. That makes its test
stricter, never laxer: the leaf walk stops before the band of scores in which too many labels disagreed, and that
band goes to the parent's test.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from catalog.certification.evidence import Sample, Terms, one_per_cluster, prepare
from catalog.certification.grouped import groups_worth_testing, walk_groups
from catalog.certification.policy import admitted, department_of, may_stand, reaches
from catalog.certification.sequence import Curve, Step, choose_start, fixed_sequence, labels_needed, leaf_first, walk
from catalog.certification.stratum import POOLED, Found, Group, Stratum, StratumCertificate, report, stricter_bars
from catalog.errors import CatalogError
from catalog.labels.clusters import item_key, stable_hash
from catalog.taxonomies.taxonomy import Taxonomy

__all__ = [
    "Certificate",
    "Curve",
    "Group",
    "Step",
    "StratumCertificate",
    "Terms",
    "accepted_errors",
    "certify",
    "choose_start",
    "fixed_sequence",
    "labels_missing",
    "one_per_cluster",
]

_LEAST_TEMPERATURE = 30  # products; fewer cannot choose a start


@dataclass(frozen=True)
class Carried:
    """The test of catalog/certification/carrying.py: `products` tried, of them `wrong`, at `level`; whether decisions may be carried."""

    products: int
    wrong: int
    level: float
    passed: bool


@dataclass(frozen=True)
class Certificate:
    """Both strata, each with a test of its own; together they spend what this attempt may. `look_alikes` has a delta of its own."""

    model_id: str
    target: float
    delta: float
    min_level: int | None
    novelty_threshold: float | None
    groups: str
    leaf: StratumCertificate
    parent: StratumCertificate
    calibration_hash: str
    calibration_products: int
    temperature_products: int
    attempt: int
    issued_at: str
    look_alikes: Carried | None = None

    @property
    def automates(self) -> bool:
        """True when at least one stratum passed."""
        return self.leaf.passed or self.parent.passed

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Certificate":
        """The inverse of `to_dict`, also after a trip through JSON."""
        # Certificates of before decisions were carried do not speak of it.
        values = {field.name: content[field.name] for field in fields(cls) if field.name in content}
        if values.get("look_alikes") is not None:
            values["look_alikes"] = Carried(**values["look_alikes"])
        strata = {name: StratumCertificate.from_dict(values[name]) for name in ("leaf", "parent")}
        return cls(**{**values, **strata})


def certify(
    temperature_sample: pl.DataFrame | None,
    calibration_sample: pl.DataFrame,
    taxonomy: Taxonomy,
    *,
    target: float,
    delta: float,
    terms: Terms | None = None,
) -> Certificate:
    """Tests both strata on the calibration sample and returns what was earned; why that is valid stands at the top.

    Samples hold one row per labelled item: the prediction columns, category_id (the label), cluster, vendor, item_id,
    and optionally novelty, has_text, has_image and split. The temperature sample chooses where to start; None when
    there is none. Raises CatalogError when a product stands in both or a column is missing.
    """
    terms = terms or Terms()
    _check_terms(target, delta, terms)
    calibration = prepare(calibration_sample, "calibration", taxonomy, terms)
    temperature = None if temperature_sample is None else prepare(temperature_sample, "temperature", taxonomy, terms)
    if temperature is not None:
        _check_apart(temperature.frame["cluster"], calibration.frame["cluster"])
    if temperature is not None and temperature.products < _LEAST_TEMPERATURE:
        temperature = None
    test = _Test(temperature, calibration, target, terms.level(delta), terms.groups)
    leaf, parent = test.strata()
    return Certificate(
        model_id=terms.model_id,
        target=target,
        delta=delta,
        min_level=terms.min_level,
        novelty_threshold=terms.novelty_threshold,
        groups=terms.groups,
        leaf=leaf,
        parent=parent,
        calibration_hash=_content_hash(calibration_sample),
        calibration_products=calibration.products,
        temperature_products=temperature.products if temperature else 0,
        attempt=terms.attempt,
        issued_at=terms.issued_at,
    )


def _check_terms(target: float, delta: float, terms: Terms) -> None:
    if not (0.5 < target < 1.0 and 0.0 < delta < 0.5 and terms.attempt >= 1):
        raise CatalogError(
            f"No certificate can be issued at target {target}, delta {delta}, attempt {terms.attempt}.",
            remedy="Give a target between 0.5 and 1, a delta between 0 and 0.5 and count attempts from 1.",
        )
    if terms.groups not in ("pooled", "each"):
        raise CatalogError(
            f"Certificates for groups = {terms.groups!r} are not offered.",
            remedy='Set routing.groups to "pooled" or "each".',
        )


def _check_apart(temperature: pl.Series, calibration: pl.Series) -> None:
    shared = set(temperature) & set(calibration)
    if shared:
        raise CatalogError(
            f"{len(shared)} products stand in the temperature and in the calibration sample.",
            remedy="Assign the splits by cluster (assign_splits) and train again before certifying.",
        )


@dataclass(frozen=True)
class _Test:
    """Both samples and what may be spent on them. `spend` is the level of the whole attempt."""

    temperature: Sample | None
    calibration: Sample
    target: float
    spend: float
    groups: str

    def strata(self) -> tuple[StratumCertificate, StratumCertificate]:
        """The leaf's certificate, and the parent's for what the leaf leaves over."""
        first = self.spend if self._leaf_first() else None
        options = self.calibration.leaf_options()
        before = self.temperature.leaf_options() if self.temperature else None
        found = self._search(options, before, first)
        leaf = self._reported("leaf", options, before, found)
        options = self.calibration.parent_options(leaf.bar)
        before = self.temperature.parent_options(leaf.bar) if self.temperature else None
        rest = self._search(options, before, None)
        if first is not None and found.bar is None:
            rest = rest.withheld()
        return leaf, self._reported("parent", options, before, rest)

    def _reported(
        self, stratum: Stratum, options: pl.DataFrame, before: pl.DataFrame | None, found: Found
    ) -> StratumCertificate:
        first = report(stratum, self.calibration, options, found, self.target)
        refused, bar = first.review_departments, found.bar
        if not refused or not isinstance(bar, float):
            return first
        known = [(self.calibration, options)]
        known += [(self.temperature, before)] if self.temperature is not None and before is not None else []
        bars = stricter_bars(refused, bar, known, self.target)
        return report(stratum, self.calibration, options, found, self.target, bars=bars) if bars else first

    def _leaf_first(self) -> bool:
        if self.temperature is None or self.groups != "pooled":
            return False
        earlier = self.temperature
        leaf, parent = (earlier.curve(options) for options in (earlier.leaf_options(), earlier.parent_options(None)))
        return leaf_first(leaf, parent, self.calibration.products, self.target, self.spend)

    def _search(self, options: pl.DataFrame, before: pl.DataFrame | None, first: float | None) -> Found:
        """Walks pooled, or every group by itself. `first`: the level of the first step where it is not the half."""
        level = self.spend / 2.0
        if self.groups == "each":
            return self._apart(options, before, level)
        earlier = None if self.temperature is None or before is None else self.temperature.curve(before)
        curve = self.calibration.curve(options)
        walked = walk(earlier, curve, self.target, level, first=first)
        return Found({POOLED: walked}, {POOLED: curve}, level, apart=False)

    def _apart(self, options: pl.DataFrame, before: pl.DataFrame | None, level: float) -> Found:
        taxonomy = self.calibration.taxonomy
        if self.temperature is None or before is None:
            keys = taxonomy.nodes.filter(level=1)["category_id"].sort().to_list()
            curves = _by_department(self.calibration, options, keys)
            return Found(walk_groups(None, curves, self.target, level), curves, level, apart=True)
        keys = before.select(department_of(taxonomy, "node")).to_series().drop_nulls().unique().to_list()
        earlier = _by_department(self.temperature, before, keys)
        chosen = groups_worth_testing(earlier, self.calibration.products, self.target, level)
        curves = _by_department(self.calibration, options, chosen)
        return Found(walk_groups(earlier, curves, self.target, level), curves, level, apart=True)


def _by_department(sample: Sample, options: pl.DataFrame, keys: list[str]) -> dict[str, Curve]:
    """The curve of each department, by the node an item would be placed at."""
    parts = options.with_columns(department=department_of(sample.taxonomy, "node"))
    return {key: sample.curve(parts.filter(department=key)) for key in keys}


def _content_hash(sample: pl.DataFrame) -> str:
    rows = sample.select(pl.concat_str(item_key(), pl.col("category_id").fill_null(""), separator="\x1f"))
    joined = "\x1e".join(sorted(rows.to_series().to_list()))
    return f"{int(stable_hash([joined], 'calibration')[0]):016x}"


def labels_missing(sample: pl.DataFrame, target: float, level: float, seed: int = 0) -> int | None:
    """How many calibration products beside these would earn leaf automation at `target`, in about half of all draws.

    `sample` holds labelled predictions as for `certify` (its chain is not read); `level` is what the leaf test may
    spend: delta / 4 at the first attempt. 0 when these suffice; None when the error rate suffices at no threshold.
    """
    tested = sample.filter(one_per_cluster(sample, seed)).filter(admitted(sample.columns, None))
    wrong = tested.select((pl.col("leaf_id") != pl.col("category_id")).cast(pl.Int64)).to_series().to_numpy()
    products = sample["cluster"].n_unique()
    score = tested["log_odds"].to_numpy()
    need = labels_needed(Curve.from_events(score, np.ones_like(wrong), wrong, products), target, level)
    return None if need is None else max(0, need - products)


def accepted_errors(sample: pl.DataFrame, certificate: Certificate, taxonomy: Taxonomy) -> pl.DataFrame:
    """The rows placed at a leaf against their label, surest first: check these labels before blaming the model."""
    accepted = admitted(sample.columns, certificate.novelty_threshold) & may_stand(taxonomy)
    accepted &= reaches("log_odds", certificate.leaf.bar, department_of(taxonomy, "leaf_id"))
    wrong = pl.col("leaf_id") != pl.col("category_id")
    return sample.filter(accepted & wrong).sort("log_odds", "vendor", "item_id", descending=[True, False, False])
