"""How many answers our order takes to make a model as right as a random order makes it.

    python -m benchmarks.review order --set mwpd_gpc --labels 100 [--most 4000] [--seeds 2] [--data DIR] [--cache build/quality]

A model learns from so many labels; what waits is predicted, routed and ordered by the product's functions, and the first
half as many decisions as there are labels are answered rightly (a group with its commonest truth, which costs one decision);
the next model learns from all of it, and so on until so many decisions were made. In random order each item is asked alone.
Models are judged on the last fifth of the items; temperatures are fitted on 200 items of their own. Draws are seeded.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.review.shop import Model, Shop
from benchmarks.review.weeks import START, waiting
from catalog.certification.policy import Policy
from catalog.placement import routing
from catalog.review import queue_order

GROWTH = 0.5  # decisions of a round, for each that was made before
POOL = 12_000  # items that wait, at most
TEMPERATURE = 200
Order = Callable[[Shop, Model, np.ndarray, np.random.Generator], Iterator[np.ndarray]]
Curve = list[tuple[int, float]]


def ours(shop: Shop, model: Model, rows: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Decisions in the order of the product's queue: the items each settles."""
    routed = routing.route(shop.predicted(model, rows), Policy.review_everything(model.name), shop.taxonomy)
    queue = queue_order.ordered(waiting(routed, rng, START), START)
    for _, group in queue.group_by("group", maintain_order=True):
        yield rows[group["seq"].to_numpy()]


def at_random(shop: Shop, model: Model, rows: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One item a decision."""
    for row in rng.permutation(rows):
        yield np.array([row])


ORDERS: dict[str, Order] = {"our order": ours, "random": at_random}


def curve(shop: Shop, order: Order, labels: int, most: int, seed: int) -> Curve:
    """After so many decisions, so right. The first `labels` were drawn at random for every order."""
    drawn = np.random.default_rng(seed).permutation(shop.frame.height)
    test, temperature, rest = np.split(drawn, [len(drawn) // 5, len(drawn) // 5 + TEMPERATURE])
    known, waits = rest[:labels], rest[labels : labels + POOL]
    said, decisions, rng, found = shop.truth[known].astype(str), labels, np.random.default_rng(seed + 1), Curve()
    while True:
        model = shop.train(known, said, temperature, "lesson")
        found.append((decisions, float((shop.leaves(model)[test] == shop.truth[test]).mean())))
        if decisions >= most:
            return found
        asked = [
            group for group, _ in zip(order(shop, model, waits, rng), range(int(GROWTH * decisions)), strict=False)
        ]
        answers = [np.repeat(_commonest(shop.truth[group]), len(group)) for group in asked]
        known, said = np.concatenate([known, *asked]), np.concatenate([said, *answers])
        waits, decisions = np.setdiff1d(waits, known), decisions + len(asked)


def _commonest(truths: np.ndarray) -> str:
    names, counts = np.unique(truths.astype(str), return_counts=True)
    return str(names[counts.argmax()])


def as_right(curves: list[Curve], right: float) -> float:
    """Decisions until a model is as right, mean over curves, by straight lines between rounds; their end where it never is."""
    found = []
    for one in curves:
        decisions, level = np.array([n for n, _ in one], float), np.maximum.accumulate([a for _, a in one])
        steps = level + 1e-12 * np.arange(len(level))
        found.append(float(np.interp(right, steps, decisions)))
    return float(np.mean(found))


def run(name: str, data: Path, labels: int, most: int, seeds: int, cache: Path | None) -> list[str]:
    """How right each order's models are, round by round, and what share of the random order's decisions ours takes."""
    shop = Shop.opened(name, data, cache=cache)
    found = {
        title: [curve(shop, order, labels, most, seed) for seed in range(seeds)] for title, order in ORDERS.items()
    }
    rounds = [n for n, _ in found["random"][0]]
    lines = [f"{name}, {labels} labels first, {seeds} draws, models on {shop.reads}", ""]
    lines += ["| decisions | " + " | ".join(f"{n:,}" for n in rounds) + " |", "|---" * (1 + len(rounds)) + "|"]
    means = {
        title: [float(np.mean([dict(one)[n] for one in curves])) for n in rounds] for title, curves in found.items()
    }
    lines += [f"| {title} | {' | '.join(f'{a:.1%}' for a in right)} |" for title, right in means.items()]
    shares = [as_right(found["our order"], right) / n for n, right in zip(rounds, means["random"], strict=True)]
    lines.append(
        f"| decisions of ours for the random one's accuracy | {' | '.join(f'{share:.2f}' for share in shares)} |"
    )
    return lines
