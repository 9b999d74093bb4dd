"""The promotion gate: of candidates spoilt in known ways, and of truly better ones, how many pass.

    python -m benchmarks.review gate --set mwpd_gpc [--candidates 50] [--data DIR]

Products are divided by look-alike cluster: 55% to learn from, 7% for temperatures, 13% that certify, 10% for the comparison
(as the control stream's comparison half), 15% that stand in the shop and tell how good a model truly is. The gate is
`catalog.learning.gate.judge`, moves are `catalog.placement.moves.moved`, certificates and routing are the product's too.

Better: what serves has learned from 20 to 50% of the labels, the candidate from all, and gains two points or more in truth.
Spoilt: what serves has learned from 80%, the candidate from all of them, after one of

- shuffled: a share of 30 to 100% of the labels given to other products;
- flipped: one category with at least 20 labels is called by another's name;
- stale: of 3 to 15% of the categories the labels carry the name of a neighbour, as before a split of the hierarchy;
- truncated: the label file, sorted by category or not, ends after 30 to 60%.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.review.shop import Model, Shop
from catalog.certification.policy import Policy, department_of
from catalog.labels.clusters import unit_hash
from catalog.learning import gate
from catalog.placement import moves, routing
from catalog.settings import Routing

PARTS = {"learn": 0.55, "temperature": 0.07, "calibration": 0.13, "compare": 0.10, "shop": 0.15}
KINDS = ("shuffled", "flipped", "stale", "truncated")
BETTER = 0.02


@dataclass(frozen=True)
class Trial:
    """One candidate: what was done, what it is worth in truth, and whether gate and moves let it pass."""

    kind: str
    gain: float
    judged: bool
    few_moves: bool
    moved: float


@dataclass(frozen=True)
class Parts:
    """The rows of each part."""

    learn: np.ndarray
    temperature: np.ndarray
    calibration: np.ndarray
    compare: np.ndarray
    shop: np.ndarray

    @classmethod
    def of(cls, shop: Shop) -> "Parts":
        """By cluster; one item a cluster where models are compared."""
        place = np.searchsorted(np.cumsum(list(PARTS.values())), unit_hash(shop.frame["cluster"].to_list(), "gate"))
        place = np.minimum(place, len(PARTS) - 1)
        first = shop.frame["cluster"].is_first_distinct().to_numpy()
        rows = [np.flatnonzero((place == n) & (first | (n != 3))) for n in range(len(PARTS))]
        return cls(*rows)


def trials(shop: Shop, candidates: int, seed: int = 0) -> list[Trial]:
    """So many better and so many spoilt candidates."""
    rng, parts = np.random.default_rng(seed), Parts.of(shop)
    found: list[Trial] = []
    tries = 0
    while sum(trial.kind == "better" for trial in found) < candidates and tries < 3 * candidates:
        tries += 1
        champion = _model(shop, parts, _some(rng, parts.learn, rng.uniform(0.2, 0.5)), "champion")
        trial = _tried(shop, parts, "better", champion, _model(shop, parts, parts.learn, "candidate"))
        if trial.gain >= BETTER:
            found.append(trial)
    for number in range(candidates):
        kind = KINDS[number % len(KINDS)]
        champion = _model(shop, parts, _some(rng, parts.learn, 0.8), "champion")
        rows, labels = _spoilt(shop, parts.learn, kind, rng)
        found.append(_tried(shop, parts, kind, champion, _model(shop, parts, rows, "candidate", labels)))
    return found


def _some(rng: np.random.Generator, rows: np.ndarray, share: float) -> np.ndarray:
    return np.sort(rng.permutation(rows)[: int(share * len(rows))])


def _model(shop: Shop, parts: Parts, rows: np.ndarray, name: str, labels: np.ndarray | None = None) -> Model:
    return shop.train(rows, shop.truth[rows] if labels is None else labels, parts.temperature, name)


def _spoilt(shop: Shop, rows: np.ndarray, kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The rows learned from and their labels."""
    labels = shop.truth[rows].copy()
    names, counts = np.unique(labels.astype(str), return_counts=True)
    if kind == "shuffled":
        chosen = np.flatnonzero(rng.random(len(rows)) < rng.uniform(0.3, 1.0))
        labels[chosen] = labels[rng.permutation(chosen)]
    elif kind == "flipped":
        one = rng.choice(names[counts >= 20])
        labels[labels == one] = rng.choice(names[names != one])
    elif kind == "stale":
        gone = rng.choice(names, max(1, int(rng.uniform(0.03, 0.15) * len(names))), replace=False)
        for one in gone:
            near = [
                name for name in names if name not in gone and name.rpartition(" > ")[0] == one.rpartition(" > ")[0]
            ]
            labels[labels == one] = rng.choice(near or names[~np.isin(names, gone)])
    else:
        order = np.argsort(labels.astype(str), kind="stable") if rng.random() < 0.5 else rng.permutation(len(rows))
        kept = order[: int(rng.uniform(0.3, 0.6) * len(rows))]
        return rows[kept], labels[kept]
    return rows, labels


def _tried(shop: Shop, parts: Parts, kind: str, champion: Model, candidate: Model) -> Trial:
    policies = [shop.policy(model, parts.temperature, parts.calibration) for model in (champion, candidate)]
    verdict = gate.judge(_products(shop, parts, (candidate, champion), policies[::-1]), shop.target)
    right = [
        (shop.predicted(model, parts.shop)["leaf_id"] == shop.frame[parts.shop]["category_id"]).mean()
        for model in (candidate, champion)
    ]
    found = _moves(shop, parts, champion, policies[0], (candidate, policies[1]))
    most = Routing().max_moves
    few = found.elsewhere.height <= most * found.standing
    return Trial(
        kind,
        float(right[0]) - float(right[1]),
        not verdict.refusals,
        few,
        found.elsewhere.height / max(found.standing, 1),
    )  # type: ignore[arg-type]


def _products(shop: Shop, parts: Parts, models: tuple[Model, Model], policies: list[Policy]) -> pl.DataFrame:
    """What `catalog evaluate` would hand to the gate."""
    frame = shop.frame[parts.compare]
    found = frame.select(
        department=department_of(shop.taxonomy, "category_id"),
        vendor="vendor",
        modality=pl.lit("text alone"),
        category="category_id",
    )
    for side, model, policy in zip(("first", "second"), models, policies, strict=True):
        predicted = shop.predicted(model, parts.compare)
        placed = routing.propose(predicted.with_row_index("row"), policy, shop.taxonomy).sort("row")
        found = found.with_columns(
            (predicted["leaf_id"] == predicted["category_id"]).alias(f"{side}_right"),
            placed.select(pl.col("at_leaf") & pl.col("certified")).to_series().alias(f"{side}_placed"),
        )
    return found


def _moves(shop: Shop, parts: Parts, champion: Model, policy: Policy, after: tuple[Model, Policy]) -> moves.Moves:
    """What of the shop that the champion placed the candidate would move."""
    placed = routing.route(shop.predicted(champion, parts.shop), policy, shop.taxonomy)
    stands = placed.select(
        "item_id",
        standing_outcome=pl.when(pl.col("decided_by") == "model").then("outcome"),
        at=pl.when(pl.col("decided_by") == "model").then("category_id"),
    )["at", "standing_outcome"]
    rows = shop.predicted(after[0], parts.shop).with_columns(
        standing_category=stands["at"], standing_outcome=stands["standing_outcome"]
    )
    return moves.moved(rows.filter(pl.col("standing_category").is_not_null()), after[1], shop.taxonomy)


def table(shop: Shop, found: list[Trial]) -> list[str]:
    """One line a kind."""
    lines = ["| candidates | n | true change, median (worst, best) | pass the comparison | pass both, unattended | moves, median |", "|---" * 6 + "|"]  # fmt: skip
    kinds = ["better", *KINDS]
    for kind in [*kinds, "spoilt, all"]:
        part = [t for t in found if t.kind == kind or (kind == "spoilt, all" and t.kind in KINDS)]
        if not part:
            continue
        gains = np.array([trial.gain for trial in part])
        both = sum(trial.judged and trial.few_moves for trial in part)
        lines.append(
            f"| {kind} | {len(part)} | {np.median(gains):+.1%} ({gains.min():+.1%}, {gains.max():+.1%}) | "
            f"{sum(t.judged for t in part)} | {both} | {np.median([t.moved for t in part]):.2%} |"
        )
    passed = [t for t in found if t.kind in KINDS and t.judged and t.few_moves]
    lines += ["", f"Spoilt ones that passed both: {', '.join(f'{t.kind} ({t.gain:+.1%})' for t in passed) or 'none'}."]
    return lines


def run(name: str, data: Path, candidates: int, target: float) -> list[str]:
    """The table of one set."""
    shop = Shop.opened(name, data)
    shop.target = target
    parts = Parts.of(shop)
    found = trials(shop, candidates)
    head = f"{name}, {target:.0%}: compared on {len(parts.compare):,} products, shop of {len(parts.shop):,}, {len(parts.learn):,} labels"
    return [head, "", *table(shop, found)]
