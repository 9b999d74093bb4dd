"""Another classifier's scores made comparable with ours: calibrated log-odds, and masses that claim no more than it said.

Its scores are read in the form they have, and three numbers are fitted on labelled products that test nothing: slope
and bias of the best candidate's log-odds (Platt 1999), and how often the truth is among its other candidates when the
best is wrong. A straight line keeps the order of the scores and their ties, and a few dozen labels suffice; steps fitted
to the labels (isotonic regression) would tie the surest items, and those decide whether a certificate is earned.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from catalog.inference.scores import LEAST_MASS
from catalog.taxonomies.taxonomy import Taxonomy

Form = Literal["probability", "percent", "logit", "rank"]
FORMS: tuple[Form, ...] = get_args(Form)
_ITEM = ["vendor", "item_id"]
_TINY = 1e-300  # below what a float64 probability can be told apart from none
_SLOPE_SD, _BIAS_SD = 1.0, 10.0  # of the prior around "as it says": felt below a few dozen labels only
_NO_EDGE = 0.01  # half a step at either end where every score is exactly 0 or 1


@dataclass(frozen=True)
class Calibration:
    """How a foreign model's scores become log-odds: slope * z + bias, with z the log-odds its score claims.

    `low` and `high`: how far from 0 and 1 a score of exactly 0 or 1 counts, half the smallest distance seen otherwise: an
    LLM that says 1.00 and 0.99 is not infinitely sure. `others`: share of the wrong best candidates whose truth is among the
    others named. `labels`: products it was fitted on.
    """

    form: Form
    low: float
    high: float
    slope: float
    bias: float
    others: float
    labels: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def text(self) -> str:
        """The calibration in one sentence."""
        if self.form == "rank":
            line = f"no scores, only an order: every first candidate counts as {_sigmoid(self.bias):.1%} sure"
        else:
            line = f"scores read as {self.form}, log-odds = {self.slope:.2f} x its own {self.bias:+.2f}"
        return f"{line}; fitted on {self.labels} labelled products"


def form_of(scores: pl.Series) -> Form:
    """What the scores of a file look like: none, all within 0 and 1, all within 0 and 100, or anything."""
    known = scores.drop_nulls()
    if not len(known):
        return "rank"
    low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
    if low < 0.0 or high > 100.0:
        return "logit"
    return "probability" if high <= 1.0 else "percent"


def misfits(candidates: pl.DataFrame, form: Form) -> pl.Series:
    """Bool per candidate: its item cannot be read in this form, for want of a first score or with one out of range."""
    score, first = pl.col("score"), pl.col("score").first().over(_ITEM)
    limit = {"probability": 1.0, "percent": 100.0}.get(form)
    strange = pl.lit(False) if limit is None else ((score < 0.0) | (score > limit)).fill_null(False)
    silent = pl.lit(form != "rank") & first.is_null()
    return candidates.select((silent | strange).any().over(_ITEM).alias("misfit")).to_series()


def edges(candidates: pl.DataFrame, form: Form) -> tuple[float, float]:
    """Half the smallest distance from 0, and from 1, among the scores that are neither."""
    shares = _shares(candidates["score"].drop_nulls().to_numpy(), form)
    inner = shares[(shares > 0.0) & (shares < 1.0)]
    return (0.5 * float(inner.min()), 0.5 * float((1.0 - inner).min())) if len(inner) else (_NO_EDGE, _NO_EDGE)


def _shares(scores: np.ndarray, form: Form) -> np.ndarray:
    return scores / 100.0 if form == "percent" else scores


def claims(candidates: pl.DataFrame, form: Form, ends: tuple[float, float]) -> pl.DataFrame:
    """One row per item: vendor, item_id, category_id of the best candidate, z (the log-odds it claims).

    Probability and percent: log(p / (1 - p)). Logits: the best one less the log of the summed exp of the others named,
    as a softmax over them has it; alone, the logit itself. Rank: 0.
    """
    found = _claimed(candidates, form, ends)
    return found.filter(pl.col("order") == 0).select(*_ITEM, "category_id", "z")


def _claimed(candidates: pl.DataFrame, form: Form, ends: tuple[float, float]) -> pl.DataFrame:
    """Adds z and weight: by what share an item's other candidates divide what is left to them."""
    score, behind = pl.col("score"), pl.col("order") > 0
    halving = 0.5 ** pl.col("order")
    if form == "rank":
        return candidates.with_columns(z=pl.lit(0.0), weight=halving)
    if form == "logit":
        top = score.filter(behind).max().over(_ITEM)
        scaled = (score - top).exp()
        rest = top + scaled.filter(behind).sum().over(_ITEM).log()
        z = pl.when(top.is_null()).then(score).otherwise(score - rest)
    else:
        scaled = (score / (100.0 if form == "percent" else 1.0)).clip(ends[0], 1.0 - ends[1])
        z = (scaled / (1.0 - scaled)).log()
    unscored = score.is_null().any().over(_ITEM)
    return candidates.with_columns(z=z.first().over(_ITEM), weight=pl.when(unscored).then(halving).otherwise(scaled))


def fit(candidates: pl.DataFrame, truth: pl.DataFrame, form: Form) -> Calibration:
    """Fits the three numbers on labelled products (`truth`: vendor, item_id, category_id); none at all are no error.

    Slope and bias maximize the likelihood of "the best candidate is right" under weak normal priors around 1 and 0, so
    that without labels the scores stand as they claim. A falling line would turn the order round: the slope is then 0,
    and the model's confidence says nothing.
    """
    ends = edges(candidates, form)
    known = truth.select(*_ITEM, truth="category_id")
    best = claims(candidates, form, ends).join(known, on=_ITEM)
    right = (best["category_id"] == best["truth"]).to_numpy().astype(np.float64)
    z = best["z"].to_numpy()
    slope, bias = (1.0, 0.0) if not len(z) else _line(z, right)
    missed = candidates.join(known, on=_ITEM).with_columns(
        hit=(pl.col("category_id") == pl.col("truth")).fill_null(False)
    )
    missed = missed.group_by(*_ITEM).agg(
        first=pl.col("hit").filter(pl.col("order") == 0).any(), hit=pl.col("hit").any(), named=pl.len()
    )
    missed = missed.filter(~pl.col("first") & (pl.col("named") > 1))
    others = (int(missed["hit"].sum()) + 1.0) / (missed.height + 2.0)
    return Calibration(form, *ends, slope, bias, others, best.height)


def _line(z: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    slope, bias = _newton(z, right)
    return (slope, bias) if slope >= 0.0 else _newton(np.zeros_like(z), right, slope=0.0)


def _newton(z: np.ndarray, right: np.ndarray, slope: float = 1.0) -> tuple[float, float]:
    """Penalized logistic regression of two numbers by Newton's method; steps are halved until the loss falls."""
    design = np.stack([z, np.ones_like(z)], axis=1)
    centre, precision = np.array([slope, 0.0]), np.diag([_SLOPE_SD**-2, _BIAS_SD**-2])

    def loss(at: np.ndarray) -> float:
        line, away = design @ at, at - centre
        return float((np.logaddexp(0.0, line) - right * line).sum() + 0.5 * away @ precision @ away)

    at, best = centre, loss(centre)
    for _ in range(100):
        p = _sigmoid(design @ at)
        gradient = design.T @ (p - right) + precision @ (at - centre)
        step = np.linalg.solve((design * (p * (1.0 - p))[:, None]).T @ design + precision, gradient)
        size = 1.0
        while size > 1e-10 and loss(at - size * step) > best:
            size *= 0.5
        at = at - size * step
        before, best = best, loss(at)
        if before - best < 1e-10:
            break
    return float(at[0]), float(at[1])


def _sigmoid(odds: np.ndarray | float) -> Any:
    return np.exp(-np.logaddexp(0.0, -np.asarray(odds, np.float64)))


def predictions(candidates: pl.DataFrame, calibration: Calibration, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per item: vendor, item_id and the prediction columns as `scores.describe` has them.

    What the best candidate leaves goes, for the share `others`, to the other candidates by their own scores, none above
    the best; everything else goes to no node, so that no parent gains from categories nobody named.
    """
    found = _claimed(candidates, calibration.form, (calibration.low, calibration.high))
    odds = calibration.slope * pl.col("z") + calibration.bias
    found = found.with_columns(odds=odds, best=_probability(odds), rest=_probability(-odds))
    behind = pl.col("weight").filter(pl.col("order") > 0).sum().over(_ITEM)
    share = pl.min_horizontal("best", pl.col("rest") * calibration.others * pl.col("weight") / behind)
    found = found.with_columns(p=pl.when(pl.col("order") == 0).then("best").otherwise(share))
    named = found.filter(pl.col("category_id").is_not_null())
    top = named.group_by(*_ITEM, maintain_order=True).agg(
        leaf_id=pl.col("category_id").first(),
        probability=pl.col("best").first(),
        log_odds=pl.col("odds").first(),
        top_ids=pl.col("category_id").sort_by("p", descending=True, maintain_order=True),
        top_log_odds=pl.when(pl.col("order") == 0)
        .then("odds")
        .otherwise(pl.min_horizontal("odds", pl.col("p").clip(_TINY).log() - (1.0 - pl.col("p")).log()))
        .sort_by("p", descending=True, maintain_order=True),
        novelty=pl.col("rest").first(),
    )
    chains = top.join(_chains(named, taxonomy), on=_ITEM, how="left", maintain_order="left")
    return chains.with_columns(pl.col("^chain_.*$").fill_null([]))


def _probability(odds: pl.Expr) -> pl.Expr:
    """1 / (1 + exp(-odds)); an overflow of exp ends at 0, as it should."""
    return 1.0 / (1.0 + (-odds).exp())


def _chains(named: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per item: chain_ids, chain_mass, chain_log_odds, always down to the child with most of the named mass."""
    mass = _node_mass(named, taxonomy)
    parts, at = [], named.select(_ITEM).unique().with_columns(parent=pl.lit(None, pl.String))
    for level in sorted(mass["level"].unique()):
        here = mass.filter(level=level).join(at, on=[*_ITEM, "parent"], nulls_equal=True)
        here = here.filter(pl.col("mass") >= LEAST_MASS).sort("mass", "leads", "node", descending=[True, True, False])
        here = here.unique(_ITEM, keep="first", maintain_order=True)
        parts.append(here.select(*_ITEM, "level", "node", "mass", "log_odds"))
        at = here.select(*_ITEM, parent="node")
    chain = pl.concat(parts).sort(*_ITEM, "level").group_by(*_ITEM, maintain_order=True)
    return chain.agg(chain_ids="node", chain_mass="mass", chain_log_odds="log_odds")


def _node_mass(named: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per item and node above or at a candidate: node, parent, level, leads (the best is inside), mass, log_odds.

    Inside and outside are summed apart and the best candidate's share is never taken from 1, so that a sure answer keeps
    its log-odds on every level.
    """
    nodes = named["category_id"].unique().to_list()
    lines = pl.DataFrame({"category_id": nodes, "node": [taxonomy.ancestors(node) for node in nodes]}).explode("node")
    place = taxonomy.nodes.select(node="category_id", parent="parent_id", level="level")
    lines = lines.join(place, on="node")
    first = pl.col("order") == 0
    behind = pl.col("p").filter(~first).sum()
    items = named.with_columns(unnamed=(pl.col("rest") - behind.over(_ITEM)).clip(0.0), behind=behind.over(_ITEM))
    wide = items.join(lines, on="category_id").group_by(*_ITEM, "node", "parent", "level")
    found = wide.agg(
        best=pl.col("best").first(),
        leads=first.any(),
        inside=behind,
        behind=pl.col("behind").first(),
        unnamed=pl.col("unnamed").first(),
    )
    mass = pl.when("leads").then("best").otherwise(0.0) + pl.col("inside")
    outside = pl.when("leads").then(0.0).otherwise("best") + (pl.col("behind") - pl.col("inside")).clip(0.0)
    outside = outside + pl.col("unnamed")
    odds = mass.clip(_TINY).log() - outside.clip(_TINY).log()
    return found.select(*_ITEM, "node", "parent", "level", "leads", mass=mass, log_odds=odds)
