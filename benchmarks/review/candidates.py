"""The promotion gate: of candidates spoilt in known ways, and of truly better ones, how many pass.

    python -m benchmarks.review gate --set mwpd_gpc [--candidates 50] [--data DIR]

Products are divided by look-alike cluster: 55% to learn from, 7% for temperatures, 13% that certify, 10% for the comparison
(as the control stream's comparison half), 15% that stand in the shop and tell how good a model truly is. The gate is
`catalog.learning.gate.judge`, moves are `catalog.placement.moves.moved`, certificates and routing are the product's too.

Better: what serves has learned from 15 to 40% of the labels, the candidate from 98%, and gains two points or more in truth.
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
from catalog.learning.history import History, few_of_each
from catalog.placement import moves, routing
from catalog.settings import Routing

PARTS = {"learn": 0.55, "temperature": 0.07, "calibration": 0.13, "compare": 0.10, "shop": 0.15}
KINDS = ("shuffled", "flipped", "stale", "truncated")
BETTER = 0.02
DRAWN = 4  # unspoilt models on either side


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


@dataclass(frozen=True)
class Judged:
    """A model with what the gate and the shop need of it, computed once: its policy; bool on the products compared, right
    and placed; how much of the shop it gets right, what it says of it and where it would place it. Of every item of the set
    its likeliest leaf, and what it was taught that item is, None where nothing."""

    policy: Policy
    right: pl.Series
    placed: pl.Series
    accuracy: float
    says: pl.DataFrame
    places: pl.DataFrame
    leaves: np.ndarray
    taught: np.ndarray

    @classmethod
    def of(cls, shop: Shop, parts: Parts, model: Model, taught: np.ndarray) -> "Judged":
        """Certifies, predicts and routes."""
        policy = shop.policy(model, parts.temperature, parts.calibration)
        compared, says = shop.predicted(model, parts.compare), shop.predicted(model, parts.shop)
        proposed = routing.propose(compared.with_row_index("row"), policy, shop.taxonomy).sort("row")
        by_model = pl.col("decided_by") == "model"
        places = routing.route(says, policy, shop.taxonomy).select(
            standing_category=pl.when(by_model).then("category_id"), standing_outcome=pl.when(by_model).then("outcome")
        )
        return cls(
            policy=policy,
            right=compared["leaf_id"] == compared["category_id"],
            placed=proposed.select(pl.col("at_leaf") & pl.col("certified")).to_series(),
            accuracy=float((says["leaf_id"] == says["category_id"]).sum()) / says.height,
            says=says.drop("standing_category", "standing_outcome"),
            places=places,
            leaves=shop.leaves(model),
            taught=taught,
        )


def trials(shop: Shop, candidates: int, seed: int = 0) -> list[Trial]:
    """So many better and so many spoilt candidates; the unspoilt models on either side are a handful, drawn anew."""
    rng, parts = np.random.default_rng(seed), Parts.of(shop)
    whole = [_judged(shop, parts, _some(rng, parts.learn, 0.98)) for _ in range(DRAWN)]
    most = [_judged(shop, parts, _some(rng, parts.learn, 0.8)) for _ in range(DRAWN)]
    found: list[Trial] = []
    for number in range(2 * candidates):
        champion = _judged(shop, parts, _some(rng, parts.learn, rng.uniform(0.15, 0.4)))
        trial = _tried(shop, parts, "better", champion, whole[number % DRAWN])
        found += [trial] if trial.gain >= BETTER else []
        if len(found) == candidates:
            break
    for number in range(candidates):
        kind = KINDS[number % len(KINDS)]
        candidate = _judged(shop, parts, *_spoilt(shop, parts.learn, kind, rng))
        found.append(_tried(shop, parts, kind, most[number % DRAWN], candidate))
    return found


def _some(rng: np.random.Generator, rows: np.ndarray, share: float) -> np.ndarray:
    return np.sort(rng.permutation(rows)[: int(share * len(rows))])


def _judged(shop: Shop, parts: Parts, rows: np.ndarray, labels: np.ndarray | None = None) -> Judged:
    said = shop.truth[rows] if labels is None else labels
    taught = np.full(shop.frame.height, None, object)
    taught[rows] = said
    return Judged.of(shop, parts, shop.train(rows, said, parts.temperature, "model"), taught)


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


def _tried(shop: Shop, parts: Parts, kind: str, champion: Judged, candidate: Judged) -> Trial:
    frame = shop.frame[parts.compare]
    products = frame.select(
        department=department_of(shop.taxonomy, "category_id"),
        vendor="vendor",
        modality=pl.lit("text alone"),
        category="category_id",
        first_right=candidate.right,
        second_right=champion.right,
        first_placed=candidate.placed,
        second_placed=champion.placed,
    )
    verdict = gate.judge(products, shop.target, _history(shop, parts, champion, candidate))
    standing = pl.concat([candidate.says, champion.places], how="horizontal")
    moved = moves.moved(standing.filter(pl.col("standing_category").is_not_null()), candidate.policy, shop.taxonomy)
    share = moved.elsewhere.height / max(moved.standing, 1)
    few = share <= Routing().max_moves
    return Trial(kind, candidate.accuracy - champion.accuracy, not verdict.refusals, few, share)


def _history(shop: Shop, parts: Parts, champion: Judged, candidate: Judged) -> History:
    """As `pipelines.evaluate` asks for it: labels the champion had, those it learned from and those kept from it."""
    titles = shop.frame.select("vendor", "item_id", "title")
    both = np.flatnonzero((champion.taught != None) & (candidate.taught != None))  # noqa: E711 - elementwise
    taught = titles[both].with_columns(
        category=pl.Series(champion.taught[both].astype(str)), now=pl.Series(candidate.taught[both].astype(str))
    )
    had = champion.taught.copy()
    kept = np.concatenate([parts.temperature, parts.calibration, parts.compare])
    had[kept] = shop.truth[kept]
    rows = np.flatnonzero(had != None)  # noqa: E711 - elementwise
    known = titles[rows].with_columns(
        cluster=shop.frame["cluster"][rows],
        category_id=pl.Series(had[rows].astype(str)),
        first_says=pl.Series(candidate.leaves[rows]),
        second_says=pl.Series(champion.leaves[rows]),
    )
    return History(taught, few_of_each(known).rename({"category_id": "category"}))


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


def run(name: str, data: Path, candidates: int, target: float, cache: Path | None) -> list[str]:
    """The table of one set."""
    shop = Shop.opened(name, data, cache=cache)
    shop.target = target
    parts = Parts.of(shop)
    found = trials(shop, candidates)
    head = f"{name}, {target:.0%}: compared on {len(parts.compare):,} products, shop of {len(parts.shop):,}, {len(parts.learn):,} labels, models on {shop.reads}"
    return [head, "", *table(shop, found)]
