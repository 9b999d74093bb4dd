"""Whether a candidate may take over: refused where it is worse than what serves, anywhere it matters, and told where.

A slice is worse when a one-sided sign test on the products where only one of the two is right says so. All the tests of one
kind of slice (Holm 1979), and the kinds together, refuse a candidate that is worse nowhere with chance `LEVEL` at most, as
far as products are concerned that neither model learned from. What was known when the serving model learned (`history.py`)
is tested category by category in the same way, without that promise.
Four rules need no test, for the harm they keep out shows in few products:

- accuracy over all products lower by more than `MARGIN`, as far as can be seen;
- a renamed category: most products of it that both models learned from carry another label now;
- a lost category: none of its products right, where what serves gets `LOST` or more of them right;
- automation: fewer products placed by more than `MARGIN` beyond chance, or placements surely below the target.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from catalog.certification.metrics import binomial_cdf, upper_bound
from catalog.errors import CatalogError
from catalog.learning.comparison import Paired, paired
from catalog.learning.history import History, elsewhere, renamed

LEVEL = 0.05
MARGIN = 0.01
LOST = 5  # products
SLICES = ("department", "vendor", "modality", "category")
LEARNED = "labelled before"  # the kind of slice that is a category's labels as the serving model had them
PRODUCTS = pl.Schema(
    {
        **dict.fromkeys(SLICES, pl.String),
        **dict.fromkeys(("first_right", "second_right", "first_placed", "second_placed"), pl.Boolean),
    }
)


@dataclass(frozen=True)
class Slice:
    """Both models on the products of one slice. `p_value`: of that the first is not worse. `worse`: beyond chance."""

    kind: str
    name: str
    paired: Paired
    p_value: float
    worse: bool

    def line(self) -> str:
        """The slice in a line."""
        p = self.paired
        where = {"all": "all products", LEARNED: f"what was labelled {self.name}"}.get(
            self.kind, f"{self.kind} {self.name}"
        )
        return f"{where}: {p.first:.1%} against {p.second:.1%} on {p.n} ({p.low:+.1%} to {p.high:+.1%})"


@dataclass(frozen=True)
class Verdict:
    """What the comparison says: every slice, the first of them all products, what is placed by itself, and why not."""

    slices: tuple[Slice, ...]
    placed: Paired
    refusals: tuple[str, ...]

    def require_passed(self) -> None:
        """Raises CatalogError with every refusal."""
        if self.refusals:
            raise CatalogError(
                f"Refused: {'; '.join(self.refusals)}.",
                remedy="Train again with more labels, or add --anyway if you know better.",
            )


def judge(products: pl.DataFrame, target: float, history: History | None = None) -> Verdict:
    """Judges the first model against the second on products of known category, one row each, columns of `PRODUCTS`.

    `placed`: the model's policy would place the product at a leaf by itself; `target` is what that policy promises.
    """
    products = products.select(pl.col(name).cast(kind) for name, kind in PRODUCTS.items())
    level = LEVEL / (1 + len(SLICES))
    slices = [_slice("all", "", products, level)]
    for kind in SLICES:
        slices += _holm([_slice(kind, str(name), part, level) for name, part in _parts(products, kind)], level)
    placed = paired(products["first_placed"].to_numpy(), products["second_placed"].to_numpy())
    refusals = [f"it is worse on {found.line()}" for found in slices if found.worse]
    if not slices[0].worse and slices[0].paired.gain < -MARGIN:
        refusals.append(f"it is seen worse on {slices[0].line()}")
    refusals += _lost(slices) + _automation(products, placed, target)
    if history is not None:
        before = _before(history.known, level)
        slices += before
        refusals += renamed(history.taught) + _contradicted(before, history.known)
    return Verdict(tuple(slices), placed, tuple(refusals))


def _before(known: pl.DataFrame, level: float) -> list[Slice]:
    """Every category the serving model had labels of, on those labels."""
    right = known.with_columns(
        (pl.col(f"{side}_says") == pl.col("category")).fill_null(False).alias(f"{side}_right")
        for side in ("first", "second")
    )
    return _holm([_slice(LEARNED, str(name), part, level) for name, part in _parts(right, "category")], level)


def _contradicted(before: list[Slice], known: pl.DataFrame) -> list[str]:
    refusals = []
    for found in before:
        if found.worse:
            wrong = known.filter((pl.col("category") == found.name) & pl.col("first_says").ne_missing(found.name))
            refusals.append(f"it is worse on {found.line()}, and puts {elsewhere(wrong, 'first_says')}")
    return refusals


def _parts(products: pl.DataFrame, kind: str) -> list[tuple[object, pl.DataFrame]]:
    known = products.filter(pl.col(kind).is_not_null())
    return sorted(((key[0], part) for key, part in known.group_by(kind)), key=lambda part: str(part[0]))


def _slice(kind: str, name: str, products: pl.DataFrame, level: float) -> Slice:
    first, second = (products[column].to_numpy() for column in ("first_right", "second_right"))
    ahead, behind = int((first & ~second).sum()), int((~first & second).sum())
    p_value = binomial_cdf(ahead, ahead + behind, 0.5) if ahead + behind else 1.0
    return Slice(kind, name, paired(first, second), p_value, p_value <= level)


def _holm(slices: list[Slice], level: float) -> list[Slice]:
    """The slices, the least of them first, each `worse` where Holm's procedure rejects at `level` over all of them."""
    ordered = sorted(slices, key=lambda found: (found.p_value, found.name))
    found, still = [], True
    for place, one in enumerate(ordered):
        still = still and one.p_value <= level / (len(ordered) - place)
        found.append(Slice(one.kind, one.name, one.paired, one.p_value, still))
    return found


def _lost(slices: list[Slice]) -> list[str]:
    return [
        f"it gets nothing right in {found.name}, where {right} of {found.paired.n} are right now"
        for found in slices
        if found.kind == "category" and not found.worse and found.paired.first == 0
        and (right := round(found.paired.second * found.paired.n)) >= LOST
    ]  # fmt: skip


def _automation(products: pl.DataFrame, placed: Paired, target: float) -> list[str]:
    refusals = []
    if placed.high < -MARGIN:
        refusals.append(
            f"it places fewer products by itself: {placed.first:.1%} against {placed.second:.1%} "
            f"({placed.low:+.1%} to {placed.high:+.1%})"
        )
    own = products.filter("first_placed")
    right = int(own["first_right"].sum())
    if upper_bound(right, own.height, 1.0 - LEVEL) < target:
        refusals.append(f"of the {own.height} products it would place {right} are right, less than {target:.0%}")
    return refusals


def text(verdict: Verdict, listed: int = 12) -> str:
    """The verdict as lines: all products, automation, the slices that differ most, and what refuses it."""
    kinds: Mapping[str, list[Slice]] = {
        kind: [found for found in verdict.slices if found.kind == kind] for kind in (*SLICES, LEARNED)
    }
    lines = [verdict.slices[0].line(), f"placed by itself: {verdict.placed.first:.1%} against {verdict.placed.second:.1%} "
             f"({verdict.placed.low:+.1%} to {verdict.placed.high:+.1%})"]  # fmt: skip
    for kind, found in kinds.items():
        shown = found if kind in ("department", "vendor", "modality") else [one for one in found if one.paired.gain]
        lines += [f"  {one.line()}" for one in shown[:listed]]
        if len(shown) > listed:
            lines.append(f"  and {len(shown) - listed} more of this kind, each less sure to be worse")
    return "\n".join([*lines, *(f"Refused: {why}." for why in verdict.refusals)])
