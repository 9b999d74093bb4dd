"""Simulated weeks of a shop: what people decide and how long it takes them, and how right the catalogue is.

    python -m benchmarks.review weeks --set bigbasket --target 0.95

The items of a set come in a drawn order: a fifth at first, with its own labels as an unselected sample, then the rest in `WEEKS` weeks. Each
week the model predicts, the product routes (control stream and audits drawn as it does), everything in the queue is
answered in the product's order and groups, and a candidate trained on all that was said is promoted when the product's gate
lets it. Reviewers answer with the truth, or in 2% of decisions with another category; a group gets one answer, its commonest
truth, so that one mistake is a whole group wrong. An answer against an audited placement is looked at by a second one.
A decision on an item takes 12 s, on a group 15 s and 1 s a member.

"All by hand" is every item alone, 12 s each, with the same share of mistakes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.review.shop import Model, Shop
from catalog.certification.policy import Policy, department_of
from catalog.labels.clusters import assign_splits, hold_control
from catalog.learning import gate
from catalog.placement import routing
from catalog.review import queue_order
from catalog.settings import Routing

WEEKS = 8
FIRST = 0.2
MISTAKES = 0.02
ITEM_SECONDS, GROUP_SECONDS, MEMBER_SECONDS = 12.0, 15.0, 1.0
GROUPS = ("look-alikes", "titles")  # titles: as before items had a cluster of look-alikes
START = datetime(2026, 3, 2, tzinfo=UTC)
NOTHING = np.empty(0, np.int64)


@dataclass
class Books:
    """What is known of each item: what was said of it, by what, and where it stands. Arrays (n,)."""

    said: np.ndarray
    random: np.ndarray
    control: np.ndarray
    stands: np.ndarray
    by_model: np.ndarray
    week: np.ndarray

    @classmethod
    def of(cls, size: int) -> "Books":
        """Nothing is known yet."""
        nothing = np.full(size, None, object)
        return cls(
            nothing.copy(),
            np.zeros(size, bool),
            np.zeros(size, bool),
            nothing.copy(),
            np.zeros(size, bool),
            np.full(size, -1),
        )


@dataclass
class Work:
    """What the people of a week did."""

    incoming: int = 0
    decisions: int = 0
    seconds: float = 0.0
    settled: int = 0
    hidden: int = 0
    second_looks: int = 0
    in_groups: int = 0
    astray: int = 0
    wrong_in_groups: int = 0
    placed: int = 0
    placed_wrong: int = 0
    right: float = 0.0
    by_hand: float = 0.0
    served: str = ""

    def plus(self, other: "Work") -> "Work":
        """Both together; the last week's accuracies stay."""
        numbers = {
            name: getattr(self, name) + getattr(other, name)
            for name in self.__dataclass_fields__
            if name not in ("right", "by_hand", "served")
        }
        return Work(**numbers, right=other.right, by_hand=other.by_hand)


@dataclass
class Simulation:
    """A shop over its weeks."""

    shop: Shop
    groups: str = "look-alikes"
    seed: int = 0
    settings: Routing = field(default_factory=Routing)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.books = Books.of(self.shop.frame.height)
        names = np.unique(self.shop.truth.astype(str))
        self.others = names
        first = np.arange(int(FIRST * self.shop.frame.height))
        self.books.said[first] = self.shop.truth[first]
        self.books.stands[first] = self.books.said[first]
        self.books.random[first] = True
        self.books.week[first] = 0
        self.by_hand = np.array([self._answer(truth) for truth in self.shop.truth], object)
        self.serving: tuple[Model, Policy] = self._trained("m0")

    def weeks(self) -> Iterator[Work]:
        """Plays one week after the other."""
        size = self.shop.frame.height
        for week, rows in enumerate(np.array_split(np.arange(int(FIRST * size), size), WEEKS), start=1):
            self.books.week[rows] = week
            work = self._asked(rows, week)
            work.served = self._learned(week)
            known = np.flatnonzero((self.books.week >= 1) & (self.books.week <= week))
            work.right = float((self.books.stands[known] == self.shop.truth[known]).mean())
            work.by_hand = float((self.by_hand[known] == self.shop.truth[known]).mean())
            yield work

    def _asked(self, rows: np.ndarray, week: int) -> Work:
        model, policy = self.serving
        incoming = self.shop.predicted(model, rows).drop("cluster")
        if self.groups == "look-alikes":
            incoming = incoming.hstack(self.shop.look_alikes[rows])
        routed = routing.route(incoming, policy, self.shop.taxonomy)
        placed = routed["outcome"].is_in(["placed", "placed_at_parent"]).to_numpy()
        self.books.stands[rows] = routed["category_id"].to_numpy()
        self.books.by_model[rows] = placed
        at_leaf = (routed["outcome"] == "placed").to_numpy()
        wrong = self.books.stands[rows] != self.shop.truth[rows]
        work = Work(incoming=len(rows), placed=int(at_leaf.sum()), placed_wrong=int((at_leaf & wrong).sum()))
        queue = queue_order.ordered(
            waiting(routed, self.rng, START + timedelta(weeks=week)), START + timedelta(weeks=week)
        )
        for (_,), group in queue.group_by("group", maintain_order=True):
            self._decide(rows[group["seq"].to_numpy()], group, work)
        return work

    def _decide(self, rows: np.ndarray, group: pl.DataFrame, work: Work) -> None:
        truths = self.shop.truth[rows].astype(str)
        names, counts = np.unique(truths, return_counts=True)
        answer = self._answer(names[counts.argmax()])
        work.decisions += 1
        work.settled += len(rows)
        work.seconds += ITEM_SECONDS if len(rows) == 1 else GROUP_SECONDS + MEMBER_SECONDS * len(rows)
        if len(rows) > 1:
            work.in_groups += len(rows)
            work.astray += len(rows) - int(counts.max())
            work.wrong_in_groups += int((truths != answer).sum())
        if group["control"][0] or group["audit"][0]:
            work.hidden += 1
        if group["audit"][0] and not group["control"][0] and answer != self.books.stands[rows[0]]:
            work.second_looks += 1
            work.decisions += 1
            work.seconds += ITEM_SECONDS
            second = self._answer(truths[0])
            answer = self.books.stands[rows[0]] if second == self.books.stands[rows[0]] else second
        self.books.said[rows] = answer
        self.books.stands[rows] = answer
        self.books.control[rows] = group["control"][0]
        self.books.random[rows] = group["control"][0]

    def _answer(self, truth: str) -> str:
        return truth if self.rng.random() >= MISTAKES else str(self.rng.choice(self.others))

    def _learned(self, week: int) -> str:
        """Trains on everything said and lets the gate decide; says what came of it."""
        candidate, policy = self._trained(f"m{week}")
        splits, known = self._splits()
        rows = known[splits == "comparison"]
        basis = (
            rows
            if len(rows) >= ENOUGH_CONTROL
            else known[np.isin(splits, ["comparison", "temperature", "calibration"])]
        )
        verdict = gate.judge(self._products(basis, (candidate, policy)), self.shop.target)
        if verdict.refusals:
            return "refused"
        self.serving = candidate, policy
        return "promoted"

    def _splits(self) -> tuple[np.ndarray, np.ndarray]:
        known = np.flatnonzero(self.books.said != None)  # noqa: E711 - elementwise
        clusters, control = self.shop.frame["cluster"][known], pl.Series(self.books.control[known])
        random = pl.Series(self.books.random[known]) & ~control
        splits = hold_control(assign_splits(clusters, random, 7), clusters, control, 7)
        return splits.to_numpy(), known

    def _trained(self, name: str) -> tuple[Model, Policy]:
        splits, known = self._splits()
        learn = known[np.isin(splits, ["train", "early_stopping"])]
        temperature, calibration = known[splits == "temperature"], known[splits == "calibration"]
        labels = self.books.said[learn].astype(str)
        model = self.shop.train(learn, labels, temperature, name)
        policy = self.shop.policy(model, temperature, calibration, labels=self.books.said, settings=self.settings)
        return model, policy

    def _products(self, rows: np.ndarray, candidate: tuple[Model, Policy]) -> pl.DataFrame:
        said = pl.Series(self.books.said[rows].astype(str))
        frame = self.shop.frame[rows].with_columns(category_id=said)
        found = frame.select(
            department=department_of(self.shop.taxonomy, "category_id"), vendor="vendor",
            modality=pl.lit("text alone"), category="category_id",
        )  # fmt: skip
        for side, (model, policy) in (("first", candidate), ("second", self.serving)):
            predicted = self.shop.predicted(model, rows)
            placed = routing.propose(predicted.with_row_index("row"), policy, self.shop.taxonomy).sort("row")
            found = found.with_columns(
                (predicted["leaf_id"] == said).alias(f"{side}_right"),
                placed.select(pl.col("at_leaf") & pl.col("certified")).to_series().alias(f"{side}_placed"),
            )
        return found


ENOUGH_CONTROL = 200


def waiting(routed: pl.DataFrame, rng: np.random.Generator, when: datetime) -> pl.DataFrame:
    """What waits of a routed frame, with the columns that `queue_order.ordered` reads; `seq` is the row's number in it."""
    asked = pl.col("outcome").is_in(["review", "placed_at_parent"]) | pl.col("audit") | pl.col("control")
    rows = routed.with_columns(
        seq=pl.int_range(pl.len()), draw=pl.Series(rng.random(routed.height)), lot=pl.Series(rng.random(routed.height))
    )
    return rows.filter(asked).select(
        "vendor", "item_id", "seq", "reason", "group_id", "draw", "lot", "novelty", "audit", "control",
        low=pl.col("outcome") != "review",
        blind=pl.col("control") | pl.col("audit"),
        likeliest="leaf_id",
        queued_at=pl.lit(when),
        price=pl.lit(None, pl.Float64),
        currency=pl.lit(None, pl.String),
        log_odds_1=pl.col("top_log_odds").list.get(0, null_on_oob=True),
        log_odds_2=pl.col("top_log_odds").list.get(1, null_on_oob=True),
    )  # fmt: skip


def table(works: list[Work]) -> list[str]:
    """A line a week, and what it comes to for 1,000 incoming items."""
    lines = ["| week | incoming | placed at a leaf (wrong) | decisions | hours | catalogue right | all by hand right | the candidate |", "|---" * 8 + "|"]  # fmt: skip
    total = Work()
    for week, work in enumerate(works, start=1):
        total = total.plus(work)
        lines.append(
            f"| {week} | {work.incoming:,} | {work.placed:,} ({work.placed_wrong}) | {work.decisions:,} | "
            f"{work.seconds / 3600:.1f} | {work.right:.2%} | {work.by_hand:.2%} | {work.served} |"
        )
    per = 1000 / total.incoming
    lines += [
        "",
        "| for 1,000 incoming items | with the product | all by hand |",
        "|---|---|---|",
        f"| decisions | {total.decisions * per:,.0f} | 1,000 |",
        f"| seconds | {total.seconds * per:,.0f} | {1000 * ITEM_SECONDS:,.0f} |",
        f"| of them hidden rows (audit, control), second looks | {total.hidden * per:.0f}, {total.second_looks * per:.1f} | |",
        f"| placed at a leaf by itself, of them right | {total.placed * per:,.0f}, {1 - total.placed_wrong / max(total.placed, 1):.2%} | |",
        f"| items settled by a decision | {total.settled / max(total.decisions, 1):.2f} | 1 |",
        f"| items settled in groups, of them belonging elsewhere | {total.in_groups * per:,.0f}, {total.astray / max(total.in_groups, 1):.2%} | |",
        f"| the same with whole groups answered by mistake | {total.in_groups * per:,.0f}, {total.wrong_in_groups / max(total.in_groups, 1):.2%} | |",
    ]
    return lines


def run(
    name: str, data: Path, target: float, limit: int | None, cache: Path | None, groups: Sequence[str] = GROUPS[:1]
) -> list[str]:
    """The tables of one set, for each way to group it."""
    shop = Shop.opened(name, data, cache=cache, limit=limit)
    shop.target = target
    lines = []
    for by in groups:
        told = f"{name}, {target:.0%}, {shop.frame.height:,} items, models on {shop.reads}, groups by {by}"
        lines += [told, "", *table(list(Simulation(shop, by).weeks())), ""]
    return lines
