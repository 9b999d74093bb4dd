"""Two models on the same labelled products: what each gets right, and how sure the difference is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from catalog.certification.metrics import top_k_accuracy, wilson
from catalog.certification.policy import department_of
from catalog.taxonomies.taxonomy import Taxonomy

LISTED = 12  # departments
EXAMPLES = 5
_FLOOR = 1e-6  # of the probability of a truth, lest one item decide the log-loss
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Paired:
    """Leaf accuracy of two models on the same n products. `gain` is first minus second, with its 95% interval."""

    n: int
    first: float
    second: float
    gain: float
    low: float
    high: float


def paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """The difference of two paired shares, from bool (n,) each; half a product is added to each of the four cells.

    Without that the interval of two models that never differ would have no width (Agresti and Min 2005).
    """
    n = len(first)
    ahead, behind = int((first & ~second).sum()), int((~first & second).sum())
    centre = (ahead - behind) / (n + 2)
    half = _Z * math.sqrt((ahead + behind + 1) / (n + 2) - centre**2) / math.sqrt(n + 2)
    gain = (ahead - behind) / n if n else 0.0
    shares = (float(first.mean()), float(second.mean())) if n else (0.0, 0.0)
    return Paired(n, *shares, gain, max(-1.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True)
class Side:
    """What one model does on the products compared. `answered`: share with a prediction at all."""

    model_id: str
    accuracy: float
    interval: tuple[float, float]
    top_5: float
    log_loss: float
    answered: float


@dataclass(frozen=True)
class Comparison:
    """Two models side by side. `departments`: (name, paired figures) by the department of the label, largest first.

    `only_first` and `only_second` are products that one model alone gets right: vendor, item_id, title, category_id,
    leaf_id (what the other one said).
    """

    first: Side
    second: Side
    overall: Paired
    departments: list[tuple[str, Paired]]
    only_first: pl.DataFrame
    only_second: pl.DataFrame

    def brief(self) -> str:
        """The comparison in two lines."""
        found = self.overall
        line = f"{self.first.model_id}: leaf accuracy {found.first:.1%} on {found.n} products not trained on."
        if self.first.model_id == self.second.model_id:
            return line
        return f"{line}\nAgainst {self.second.model_id}: {found.second:.1%} on the same; {_difference(found)}."


def _difference(found: Paired) -> str:
    return f"difference {found.gain:+.1%} (95% interval {found.low:+.1%} to {found.high:+.1%})"


def compare(
    held_out: pl.DataFrame, answers: tuple[pl.DataFrame, pl.DataFrame], names: tuple[str, str], taxonomy: Taxonomy
) -> Comparison:
    """Compares two models on `held_out` (vendor, item_id, input_hash, title, category_id; one item a product).

    `answers` are their predictions by input_hash (leaf_id, top_ids, top_log_odds); an item without one counts as wrong.
    """
    frames = [held_out.join(part, on="input_hash", how="left", maintain_order="left") for part in answers]
    right = [(frame["leaf_id"] == frame["category_id"]).fill_null(False).to_numpy() for frame in frames]
    leaves = int(taxonomy.nodes["is_leaf"].sum())
    sides = [_side(name, frame, hits, leaves) for name, frame, hits in zip(names, frames, right, strict=True)]
    only = [
        frames[1 - n].filter(right[n] & ~right[1 - n]).select("vendor", "item_id", "title", "category_id", "leaf_id")
        for n in (0, 1)
    ]
    parts = _departments(held_out, right[0], right[1], taxonomy)
    return Comparison(sides[0], sides[1], paired(right[0], right[1]), parts, only[0], only[1])


def _side(name: str, frame: pl.DataFrame, right: np.ndarray, leaves: int) -> Side:
    n = frame.height
    return Side(
        model_id=name,
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), n),
        top_5=top_k_accuracy(frame["top_ids"], frame["category_id"], 5),
        log_loss=float(-np.log(truth_probability(frame, leaves)).mean()),
        answered=1.0 - frame["leaf_id"].null_count() / n,
    )


def truth_probability(frame: pl.DataFrame, leaves: int) -> np.ndarray:
    """float64 (n,): the probability each row's prediction gives to its label, never below one in a million.

    What a prediction leaves to candidates it does not list is spread evenly over the other leaves of the hierarchy: both
    kinds of models list ten at most. Without a prediction every leaf is as likely.
    """
    out = np.empty(frame.height)
    columns = frame.select("category_id", "top_ids", "top_log_odds").iter_rows()
    for row, (truth, top_ids, top_log_odds) in enumerate(columns):
        ids = top_ids or []
        p = 1.0 / (1.0 + np.exp(-np.clip(np.asarray(top_log_odds or [], np.float64), -500, 500)))
        hidden = max(0.0, 1.0 - float(p.sum())) / max(1, leaves - len(ids))
        out[row] = p[ids.index(truth)] if truth in ids else hidden
    return np.maximum(out, _FLOOR)


def _departments(
    held_out: pl.DataFrame, first: np.ndarray, second: np.ndarray, taxonomy: Taxonomy
) -> list[tuple[str, Paired]]:
    frame = held_out.select(department_of(taxonomy, "category_id").alias("node")).with_columns(
        first=pl.Series(first), second=pl.Series(second)
    )
    found = [
        (taxonomy.path(str(node)), paired(part["first"].to_numpy(), part["second"].to_numpy()))
        for (node,), part in frame.drop_nulls("node").group_by("node")
    ]
    return sorted(found, key=lambda part: (-part[1].n, part[0]))


def table(found: Comparison, taxonomy: Taxonomy, certified: tuple[str, str]) -> str:
    """The whole comparison as lines for a terminal; `certified` says of each model what it may place by itself."""
    sides = (found.first, found.second)
    lines = [f"On {found.overall.n} labelled products that neither was trained on, one of each look-alike cluster:", ""]
    rows = [
        ("", *(side.model_id for side in sides)),
        ("leaf accuracy", *(f"{s.accuracy:.1%} ({s.interval[0]:.1%} to {s.interval[1]:.1%})" for s in sides)),
        ("among the first five", *(f"{side.top_5:.1%}" for side in sides)),
        ("log-loss", *(f"{side.log_loss:.3f}" for side in sides)),
        ("products answered", *(f"{side.answered:.1%}" for side in sides)),
        ("automation", *certified),
    ]
    lines += _columns(rows)
    lines += ["", f"Accuracy of the first less the second: {_difference(found.overall)}.", ""]
    parts = [("department", "products", sides[0].model_id, sides[1].model_id, "difference (95% interval)")]
    for name, p in found.departments[:LISTED]:
        parts.append(
            (name, str(p.n), f"{p.first:.1%}", f"{p.second:.1%}", f"{p.gain:+.1%} ({p.low:+.1%} to {p.high:+.1%})")
        )
    lines += _columns(parts)
    if len(found.departments) > LISTED:
        lines.append(f"and {len(found.departments) - LISTED} departments with fewer products")
    for side, other, only in ((*sides, found.only_first), (*sides[::-1], found.only_second)):
        lines += ["", f"Only {side.model_id} is right: {only.height} products"]
        lines += [_example(row, other.model_id, taxonomy) for row in only.head(EXAMPLES).iter_rows(named=True)]
    return "\n".join(lines)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _example(row: dict, other: str, taxonomy: Taxonomy) -> str:
    said = taxonomy.path(row["leaf_id"]) if row["leaf_id"] in taxonomy else row["leaf_id"] or "nothing"
    truth = taxonomy.path(row["category_id"])
    return f"  {row['vendor']} {row['item_id']}  {(row['title'] or '')[:60]}  is {truth}; {other} said {said}"
