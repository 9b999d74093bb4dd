"""The certificate: at least a share `target` of what is placed is right, said wrongly with chance `delta` at most."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import polars as pl

from catalog.clusters import item_key, stable_hash
from catalog.errors import CatalogError
from catalog.evidence import Sample, Terms, one_per_cluster, prepare
from catalog.metrics import lower_bound, upper_bound
from catalog.policy import admitted, may_stand
from catalog.sequence import Curve, Step, Walk, choose_start, fixed_sequence, labels_needed, walk
from catalog.taxonomy import Taxonomy

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

_CONFIDENCE = 0.95  # of department bounds and of the item-weighted interval
_LEAST_TEMPERATURE = 30  # products; fewer cannot choose a start
_BOOTSTRAPS = 1000
Stratum = Literal["leaf", "parent"]


@dataclass(frozen=True)
class Group:
    """One department (or vendor) among the accepted calibration products: n of them, k wrong.

    `upper_bound` of the precision is one-sided, 95%, exact. `automated` is False where it lies below the target.
    """

    key: str
    name: str
    n: int
    k: int
    precision: float
    upper_bound: float
    automated: bool


@dataclass(frozen=True)
class StratumCertificate:
    """What one stratum's test found; its figures speak for this stratum alone.

    `threshold` is None when nothing passed or the item-weighted precision refused it; `n`, `k` and `p_value` then are
    those of the first step. `lower_bound` is exact, one-sided, at confidence 1 - `level`. `coverage` is the share of
    all calibration products placed in this stratum. `labels_missing` is None when no number of labels would do.
    """

    stratum: Stratum
    target: float
    level: float
    threshold: float | None
    start: float | None
    n: int
    k: int
    p_value: float
    precision: float | None
    lower_bound: float
    n_available: int
    coverage: float
    item_precision: float | None
    item_interval: tuple[float, float] | None
    labels_missing: int | None
    refusal: str | None
    departments: tuple[Group, ...] = ()
    vendors: tuple[Group, ...] = ()

    @property
    def review_departments(self) -> frozenset[str]:
        """Ids of the departments that are seen below the target and therefore go to review."""
        return frozenset(group.key for group in self.departments if not group.automated)


@dataclass(frozen=True)
class Certificate:
    """Both strata, each with a test of its own at half of what this attempt may spend."""

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

    @property
    def automates(self) -> bool:
        """True when at least one stratum passed."""
        return self.leaf.threshold is not None or self.parent.threshold is not None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Certificate":
        """The inverse of `to_dict`, also after a trip through JSON."""
        values = {field.name: content[field.name] for field in fields(cls)}
        return cls(**{**values, "leaf": _stratum_from(values["leaf"]), "parent": _stratum_from(values["parent"])})


def _stratum_from(content: dict[str, Any]) -> StratumCertificate:
    tables = {name: tuple(Group(**row) for row in content[name]) for name in ("departments", "vendors")}
    interval = content["item_interval"]
    return StratumCertificate(**{**content, **tables, "item_interval": None if interval is None else tuple(interval)})


def certify(
    temperature_sample: pl.DataFrame | None,
    calibration_sample: pl.DataFrame,
    taxonomy: Taxonomy,
    *,
    target: float,
    delta: float,
    terms: Terms | None = None,
) -> Certificate:
    """Tests both strata on the calibration sample and returns what was earned.

    Samples hold one row per labelled item: the prediction columns, category_id (the label), cluster, vendor, item_id,
    and optionally novelty, has_text, has_image and split. The temperature sample chooses where to start; None when
    there is none. Raises CatalogError when a product stands in both or a column is missing.

    The parent stratum's products depend on the leaf threshold, which calibration labels chose. That makes its test
    stricter, never laxer: the leaf walk stops before the band of scores in which too many labels disagreed.
    """
    terms = terms or Terms()
    _check_terms(target, delta, terms)
    calibration = prepare(calibration_sample, "calibration", taxonomy, terms)
    temperature = None if temperature_sample is None else prepare(temperature_sample, "temperature", taxonomy, terms)
    if temperature is not None:
        _check_apart(temperature.frame["cluster"], calibration.frame["cluster"])
    if temperature is not None and temperature.products < _LEAST_TEMPERATURE:
        temperature = None
    level = delta / (terms.attempt * (terms.attempt + 1)) / 2.0
    before = temperature.leaf_options() if temperature else None
    leaf = _stratum("leaf", calibration, calibration.leaf_options(), (temperature, before), (target, level))
    before = temperature.parent_options(leaf.threshold) if temperature else None
    options = calibration.parent_options(leaf.threshold)
    parent = _stratum("parent", calibration, options, (temperature, before), (target, level))
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
    if terms.groups != "pooled":
        raise CatalogError(
            f"Certificates for groups = {terms.groups!r} are not offered.", remedy='Set routing.groups to "pooled".'
        )


def _check_apart(temperature: pl.Series, calibration: pl.Series) -> None:
    shared = set(temperature) & set(calibration)
    if shared:
        raise CatalogError(
            f"{len(shared)} products stand in the temperature and in the calibration sample.",
            remedy="Assign the splits by cluster (assign_splits) and train again before certifying.",
        )


def _stratum(
    stratum: Stratum,
    sample: Sample,
    options: pl.DataFrame,
    before: tuple[Sample | None, pl.DataFrame | None],
    promise: tuple[float, float],
) -> StratumCertificate:
    target, level = promise
    curve = sample.curve(options)
    earlier, earlier_options = before
    temperature = None if earlier is None or earlier_options is None else earlier.curve(earlier_options)
    walked = walk(temperature, curve, target, level)
    placed = None if walked.last is None else sample.placed(options, walked.last.threshold)
    return _report(stratum, sample, (curve, walked, placed), target)


def _report(
    stratum: Stratum, sample: Sample, found: tuple[Curve, Walk, pl.DataFrame | None], target: float
) -> StratumCertificate:
    curve, walked, placed = found
    step = walked.last or walked.first or Step(0.0, 0, 0, 1.0, False)
    departments = () if placed is None else _groups(placed, "department", target, sample.taxonomy)
    automated = (
        None
        if placed is None
        else placed.filter(~pl.col("department").is_in([group.key for group in departments if not group.automated]))
    )
    item_precision, interval = (None, None) if automated is None else _item_weighted(automated, sample.seed)
    refusal = "nothing_passed" if walked.last is None else None
    if interval is not None and interval[1] < target:
        refusal = "item_weighted_below_target"
    need = labels_needed(curve, target, walked.level) if walked.last is None else 0
    tested = 0 if refusal or automated is None else int(automated["tested"].sum())
    return StratumCertificate(
        stratum=stratum,
        target=target,
        level=walked.level,
        threshold=None if refusal else step.threshold,
        start=walked.start,
        n=step.n,
        k=step.k,
        p_value=step.p_value,
        precision=(step.n - step.k) / step.n if step.n else None,
        lower_bound=lower_bound(step.n - step.k, step.n, 1.0 - walked.level),
        n_available=int(curve.n[-1]) if len(curve.n) else 0,
        coverage=tested / max(sample.products, 1),
        item_precision=item_precision,
        item_interval=interval,
        labels_missing=None if need is None else max(0, need - sample.products),
        refusal=refusal,
        departments=departments,
        vendors=() if placed is None else _groups(placed, "vendor", target, None),
    )


def _groups(placed: pl.DataFrame, column: str, target: float, taxonomy: Taxonomy | None) -> tuple[Group, ...]:
    counted = placed.filter("tested").group_by(column).agg(n=pl.len(), k=(~pl.col("right")).sum()).sort(column)
    groups = []
    for key, n, k in counted.iter_rows():
        bound = upper_bound(n - k, n, _CONFIDENCE)
        name = taxonomy.path(key) if taxonomy else key
        groups.append(Group(key, name, n, k, (n - k) / n, bound, bound >= target))
    return tuple(groups)


def _item_weighted(placed: pl.DataFrame, seed: int) -> tuple[float | None, tuple[float, float] | None]:
    """Precision over items instead of products, with a 95% percentile interval from resampled clusters."""
    if not len(placed):
        return None, None
    sums = placed.group_by("cluster").agg(n=pl.len(), right=pl.col("right").sum()).sort("cluster")
    n, right = sums["n"].to_numpy().astype(np.float64), sums["right"].to_numpy().astype(np.float64)
    generator = np.random.default_rng(seed)
    shares = []
    for _ in range(_BOOTSTRAPS):
        drawn = generator.integers(0, len(n), len(n))
        shares.append(right[drawn].sum() / n[drawn].sum())
    low, high = np.quantile(shares, [0.5 - _CONFIDENCE / 2, 0.5 + _CONFIDENCE / 2])
    return float(right.sum() / n.sum()), (float(low), float(high))


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
    if certificate.leaf.threshold is None:
        return sample.clear()
    accepted = admitted(sample.columns, certificate.novelty_threshold) & may_stand(taxonomy)
    wrong = pl.col("leaf_id") != pl.col("category_id")
    return sample.filter(accepted & (pl.col("log_odds") >= certificate.leaf.threshold) & wrong).sort(
        "log_odds", "vendor", "item_id", descending=[True, False, False]
    )
