"""Simulated weeks of a shop: what people decide and how long it takes them, and how right the catalogue is.

    python -m benchmarks.review weeks --set bigbasket --target 0.95 0.98 --first 0.2 0.5 --cache build/quality

The items of a set come in a drawn order: a share `--first` before the first week, with its own labels as an unselected sample, then
the rest in `WEEKS` weeks. Each week the model predicts, the product routes (control stream and audits drawn as it does), everything in
the queue is answered in the product's order and groups, decisions are carried to look-alikes of later weeks where that is certified, and a candidate trained on all that was said is promoted when the product's gate
lets it. Reviewers answer with the truth, or in 2% of decisions with another category; a group gets one answer, its commonest
truth, so that one mistake is a whole group wrong. An answer against an audited placement is looked at by a second one.
A decision on an item takes 12 s, on a group 15 s and 1 s a member. With `--kept METHOD` the model is one that the quality benchmark trained and whose scores it kept: it serves the test of its split with
the certificate it earned, and nothing is learned. benchmarks/review/groups.py reckons beside it what reviewers
who look at each member, and wider groups, would come to.

"All by hand" is every item alone, 12 s each, with the same share of mistakes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from benchmarks.review.groups import ITEM_SECONDS, MISTAKES, grouped, seconds
from benchmarks.review.shop import Model, Shop
from benchmarks.review.work import Work, table
from catalog.certification.policy import Policy, department_of
from catalog.labels.clusters import assign_splits, hold_control
from catalog.learning import gate
from catalog.placement import routing
from catalog.review import queue_order
from catalog.settings import Routing

WEEKS = 8
WEEKS_OF_KEPT = 2  # a fifth of the set is tested: as many items a week as where a fifth comes first
FIRST = 0.2
GROUPS = ("look-alikes", "titles")  # titles: as before items had a cluster of look-alikes
START = datetime(2026, 3, 2, tzinfo=UTC)


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
class Simulation:
    """A shop over its weeks."""

    shop: Shop
    groups: str = "look-alikes"
    first: float = FIRST
    begun: Model | None = None
    seed: int = 0
    settings: Routing = field(default_factory=Routing)

    def __post_init__(self) -> None:
        self.rng, self.beside = np.random.default_rng(self.seed), np.random.default_rng([self.seed, 1])
        self.books = Books.of(self.shop.frame.height)
        names = np.unique(self.shop.truth.astype(str))
        self.others = names
        kept = self.shop.served
        self.known = int(self.first * self.shop.frame.height) if kept is None else 1 + int(kept.calibration[-1])
        first = np.arange(self.known)
        self.books.said[first] = self.shop.truth[first]
        self.books.stands[first] = self.books.said[first]
        self.books.random[first] = True
        self.books.week[first] = 0
        self.by_hand = np.array([self._answer(truth) for truth in self.shop.truth], object)
        self.learned: Model | None = None
        self.refused: tuple[Model, Policy] | None = None
        self.serving: tuple[Model, Policy] = self._trained("m0", self.begun)
        self.begun = self.learned

    def weeks(self) -> Iterator[Work]:
        """Plays one week after the other."""
        rows_to_come = np.arange(self.known, self.shop.frame.height)
        weeks = WEEKS if self.shop.served is None else WEEKS_OF_KEPT
        for week, rows in enumerate(np.array_split(rows_to_come, weeks), start=1):
            self.books.week[rows] = week
            work = self._asked(rows, week)
            work.served = self._learned(week)
            known = np.flatnonzero((self.books.week >= 1) & (self.books.week <= week))
            work.right = float((self.books.stands[known] == self.shop.truth[known]).mean())
            work.by_hand = float((self.by_hand[known] == self.shop.truth[known]).mean())
            yield work

    def _asked(self, rows: np.ndarray, week: int) -> Work:
        routed, work = self._routed(rows, self.serving), Work(incoming=len(rows))
        self.books.stands[rows] = routed["category_id"].to_numpy()
        self.books.by_model[rows] = routed["outcome"].is_in(["placed", "placed_at_parent"]).to_numpy()
        self._counted(rows, routed, work)
        when = START + timedelta(weeks=week)
        queue = queue_order.ordered(waiting(routed, self.rng, when), when)
        unasked = np.setdiff1d(np.arange(len(rows)), queue["seq"].to_numpy())
        work.unasked_wrong = int((self.books.stands[rows[unasked]] != self.shop.truth[rows[unasked]]).sum())
        shown = queue.with_columns(routed[queue["seq"].to_list()].select("title", "brand"))
        for way, tally in work.careful.items():
            for members in grouped(shown, way):
                tally.add(self.shop.truth[rows[members]].astype(str), self.beside)
        for (_,), group in queue.group_by("group", maintain_order=True):
            self._decide(rows[group["seq"].to_numpy()], group, work)
        return work

    def _routed(self, rows: np.ndarray, by: tuple[Model, Policy]) -> pl.DataFrame:
        incoming = self.shop.predicted(by[0], rows).drop("cluster")
        if self.groups == "look-alikes":
            incoming = incoming.hstack(self.shop.look_alikes[rows]).with_columns(self._carried(rows))
        return routing.route(incoming, by[1], self.shop.taxonomy)

    def _carried(self, rows: np.ndarray) -> pl.Series:
        """What all of an item's look-alikes that were decided, or came labelled, are said to be."""
        said = self.shop.look_alikes.select("cluster", said=pl.Series(self.books.said.tolist(), dtype=pl.String))
        agreed = said.drop_nulls().group_by("cluster").agg(pl.col("said").unique())
        agreed = agreed.filter(pl.col("said").list.len() == 1).select("cluster", pl.col("said").list.first())
        found = self.shop.look_alikes[rows].join(agreed, on="cluster", how="left", maintain_order="left")
        return found["said"].alias("carried_category")

    def _counted(self, rows: np.ndarray, routed: pl.DataFrame, work: Work) -> None:
        """What was placed and why the rest was not; and what a candidate that was refused would have done."""
        truth = pl.Series(self.shop.truth[rows].astype(str))
        leaf, parent = routed["outcome"] == "placed", routed["outcome"] == "placed_at_parent"
        right, best = routed["category_id"] == truth, routed["leaf_id"] == truth
        above = pl.Series(
            [node in self.shop.taxonomy.ancestors(one) for node, one in zip(routed["category_id"], truth, strict=True)]
        )
        work.placed, work.placed_wrong = int(leaf.sum()), int((leaf & ~right).sum())
        alike = leaf & (routed["decided_by"] == "look_alike")
        work.carried, work.carried_wrong = int(alike.sum()), int((alike & ~right).sum())
        work.at_parent, work.at_parent_wrong = int(parent.sum()), int((parent & ~above).sum())
        work.best_right = int(best.sum())
        said = pl.select(pl.when(parent).then(pl.lit("stands at a parent")).otherwise(routed["reason"])).to_series()
        work.why = Counter(zip(said.filter(~leaf), best.filter(~leaf), strict=True))
        if self.refused is not None:
            other, many = self._routed(rows, self.refused), int(leaf.sum())
            surest = [
                float(
                    (one["leaf_id"] == truth).gather(one["log_odds"].arg_sort(descending=True).head(many)).mean() or 0.0
                )
                for one in (other, routed)
            ]
            work.refused = (
                f"right in {(other['leaf_id'] == truth).mean():.1%} of what came (what serves {best.mean():.1%}), would have placed "
                f"{(other['outcome'] == 'placed').mean():.1%} at a leaf ({leaf.mean():.1%}); of its surest {leaf.mean():.1%} right "
                f"{surest[0]:.1%} ({surest[1]:.1%})"
            )

    def _decide(self, rows: np.ndarray, group: pl.DataFrame, work: Work) -> None:
        truths = self.shop.truth[rows].astype(str)
        names, counts = np.unique(truths, return_counts=True)
        answer = self._answer(names[counts.argmax()])
        work.decisions += 1
        work.settled += len(rows)
        work.seconds += seconds(len(rows))
        work.on_parents += bool(group["at_parent"].all())
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
        if self.shop.served is not None:
            return "none"
        candidate, policy = self._trained(f"m{week}")
        splits, known = self._splits()
        rows = known[splits == "comparison"]
        basis = (
            rows
            if len(rows) >= ENOUGH_CONTROL
            else known[np.isin(splits, ["comparison", "temperature", "calibration"])]
        )
        verdict = gate.judge(self._products(basis, (candidate, policy)), self.shop.target)
        self.refused = (candidate, policy) if verdict.refusals else None
        if verdict.refusals:
            more = f" and {len(verdict.refusals) - 1} more" if len(verdict.refusals) > 1 else ""
            return f"refused: {verdict.refusals[0]}{more}"
        self.serving = candidate, policy
        return "promoted"

    def _splits(self) -> tuple[np.ndarray, np.ndarray]:
        known = np.flatnonzero(self.books.said != None)  # noqa: E711 - elementwise
        clusters, control = self.shop.frame["cluster"][known], pl.Series(self.books.control[known])
        random = pl.Series(self.books.random[known]) & ~control
        splits = hold_control(assign_splits(clusters, random, 7), clusters, control, 7)
        return splits.to_numpy(), known

    def _trained(self, name: str, model: Model | None = None) -> tuple[Model, Policy]:
        """A model of all that was said and its policy. `model`: where it is known already."""
        if (kept := self.shop.served) is not None:
            return kept.model, self.shop.policy(kept.model, kept.temperature, kept.calibration, settings=self.settings)
        splits, known = self._splits()
        learn = known[np.isin(splits, ["train", "early_stopping"])]
        temperature, calibration = known[splits == "temperature"], known[splits == "calibration"]
        labels = self.books.said[learn].astype(str)
        self.learned = model = model or self.shop.train(learn, labels, temperature, name, after=self.learned)
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
        at_parent=(pl.col("outcome") == "placed_at_parent") & ~pl.col("audit"),
        blind=pl.col("control") | pl.col("audit"),
        likeliest="leaf_id",
        queued_at=pl.lit(when),
        price=pl.lit(None, pl.Float64),
        currency=pl.lit(None, pl.String),
        log_odds_1=pl.col("top_log_odds").list.get(0, null_on_oob=True),
        log_odds_2=pl.col("top_log_odds").list.get(1, null_on_oob=True),
    )  # fmt: skip


def run(
    shop: Shop, target: float, first: float, groups: Sequence[str], begun: Model | None = None
) -> tuple[list[str], Model | None]:
    """The tables of one set, for each way to group it, and the model it began with, for another run of the same first share."""
    shop.target, lines = target, list[str]()
    for by in groups:
        simulation = Simulation(shop, by, first, begun)
        begins = f"{first:.0%} at first" if shop.served is None else f"certified on {simulation.known:,} others"
        told = f"{shop.name}, {target:.0%}, {shop.frame.height - simulation.known:,} items to come, {begins}, models on {shop.reads}, groups by {by}"
        lines += [told, "", *table(list(simulation.weeks())), ""]
        begun = simulation.begun
    return lines, begun


def runs(shop: Shop, targets: Sequence[float], firsts: Sequence[float], groups: Sequence[str]) -> Iterator[str]:
    """The lines of all runs of a set, each as soon as it is done. A shop of kept scores has one first share."""
    for first in firsts[: 1 if shop.served is not None else None]:
        begun = None
        for target in targets:
            lines, begun = run(shop, target, first, groups, begun)
            yield from lines
