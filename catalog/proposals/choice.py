"""Which column is what: names and contents scored together, the best pairs taken first, with what was seen."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log2
from typing import Any

from catalog.proposals.headers import meaning, words
from catalog.proposals.values import Values

ONE = ("item_id", "title", "description", "brand", "price", "currency", "gtin", "product_id", "vendor_category")
ENOUGH = 0.5  # score from which a column is taken
UNSURE = 0.6  # score below which it is said to be unsure
CLOSE = 0.08  # a rival this near is named
_FEW = 12  # rows from which content alone may decide


@dataclass(frozen=True)
class Scored:
    """A column for one of ours. name, content: from 0 to 1. score: of both together."""

    ours: str
    theirs: str
    score: float
    name: float
    content: float
    phrase: str


@dataclass(frozen=True)
class Chosen:
    """Their columns for one of ours, why, and what is unsure about it (empty when nothing is). preset: it says so."""

    ours: str
    theirs: list[Any]
    why: str
    unsure: str = ""
    preset: bool = False


@dataclass
class Choice:
    """What was chosen; `left`: columns recognised and left out, with the reason; `missing`: what has no column."""

    chosen: dict[str, Chosen] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def uses_preset(self) -> bool:
        """True when a preset reads some of the columns."""
        return any(one.preset for one in self.chosen.values())

    def taken(self) -> set[str]:
        """Their columns in use."""
        return {name for one in self.chosen.values() for name in one.theirs if isinstance(name, str)}


def choose(columns: list[Values]) -> Choice:
    """The best columns for ours. Columns whose header is empty or occurs twice are no candidates: they have no name.

    Where a repeated header means a column of ours outright, a weaker name does not stand in for it.
    """
    named = _nameable(columns)
    repeated = {column.header for column in columns} - {column.header for column in named} - {""}
    barred = {ours for ours in ONE if any(meaning(header, ours).score >= 0.85 for header in repeated)}
    scored = sorted((one for ours in ONE for column in named if (one := _score(ours, column))), key=_order)
    scored = [one for one in scored if one.ours not in barred or one.name >= 0.95]
    choice = Choice()
    for one in scored:
        if one.ours not in choice.chosen and one.theirs not in choice.taken() and _allowed(one, choice, named):
            choice.chosen[one.ours] = _explained(one, scored, named)
    _title_from_description(choice, named)
    _take_levels(choice, named)
    return choice


def _nameable(columns: list[Values]) -> list[Values]:
    seen = [column.header for column in columns]
    return [column for column in columns if column.header and seen.count(column.header) == 1]


def _order(one: Scored) -> tuple[float, int]:
    return -one.score, ONE.index(one.ours)


def _score(ours: str, column: Values) -> Scored | None:
    said = meaning(_within_variant(column.header) if ours in _OF_VARIANTS else column.header, ours)
    if not said.score and ours not in _ALONE:
        return None
    content = _CONTENT[ours](column) if column.filled else (0.5 if not column.cells else 0.0)
    score = said.score * (0.45 + 0.55 * content) if said.score else 0.0
    alone = 0.0 if ours == "currency" and column.words_too else _ALONE.get(ours, 0.0) * content
    alone = alone if len(column.filled) >= _FEW and not said.score >= 0.5 else 0.0
    best = max(score, alone)
    if best < ENOUGH or not _possible(ours, column):
        return None
    return Scored(ours, column.header, best, said.score, content, said.phrase)


_OF_VARIANTS = ("price", "currency", "gtin")  # of a product with variants inside it the first one's counts
_VARIANT = re.compile(r"^(?:variants|variations|skus|offers|children)\.0\.", re.IGNORECASE)


def _within_variant(header: str) -> str:
    """The name of a value without the list of variants that it stands in."""
    return _VARIANT.sub("", header)


# How far content speaks without a name: a code that is unique is mostly an id, a long text mostly a description.
_ALONE = {"item_id": 0.56, "title": 0.6, "description": 0.55, "currency": 0.75, "gtin": 0.85}


def _possible(ours: str, column: Values) -> bool:
    """False where the content contradicts the name outright."""
    if not column.filled or column.objects > 0.5:
        return not column.cells  # nothing is known of a file without rows; an empty column is of no use
    return {
        "item_id": column.distinct > max(1, 0.05 * len(column.filled)) or len(column.filled) == 1,
        "title": column.urls < 0.3 and column.letters > 0.2 and column.yes_no < 0.5 and column.dates < 0.5,
        "description": column.urls < 0.5 and column.yes_no < 0.5 and column.numbers < 0.5,
        "brand": column.urls < 0.3 and column.numbers < 0.7 and column.yes_no < 0.7,
        "price": column.readable_prices > 0.8 and column.prices > 0.1 and column.dates < 0.1,
        "currency": column.currencies > 0.8,
        "gtin": column.wholes > 0.3 and column.gtins > 0.2,
        "product_id": column.unique < 0.95 and column.distinct > 1,
        "vendor_category": column.urls < 0.5 and column.yes_no < 0.9 and not column.row_kinds,
    }[ours]


def _item_id(column: Values) -> float:
    """Unique, filled, short, without spaces; counting the rows, addresses and decimals speak against it."""
    points = column.unique**2 * min(1.0, column.fill * 1.05) * (0.5 + 0.5 * column.codes)
    if column.counter:
        points *= 0.5
    if column.urls > 0.5 or column.dates > 0.5:
        points *= 0.2
    return points * (0.5 if column.money > 0.5 and column.numbers > 0.5 else 1.0)


def _title(column: Values) -> float:
    """A few words, mostly letters, mostly different from row to row, filled."""
    several = min(1.0, log2(1 + column.words) / 2)
    short = 1.0 if column.length < 160 else 0.4
    varied = min(1.0, column.unique * 1.5) if len(column.filled) > 30 else 1.0
    plain = (1 - 0.5 * column.markup) * (0.7 if column.levels > 0.5 else 1.0)
    return several * short * (0.4 + 0.6 * varied) * min(1.0, column.letters * 1.6) * min(1.0, column.fill * 1.2) * plain


def _description(column: Values) -> float:
    """Long texts; markup speaks for them."""
    long = min(1.0, column.words / 15)
    return min(1.0, long + 0.3 * column.markup) * (0.5 + 0.5 * column.fill)


def _brand(column: Values) -> float:
    """One to three words that repeat."""
    repeats = 1 - column.unique if len(column.filled) > 10 else 0.7
    return (1.0 if column.words <= 3 else 0.4) * (0.5 + 0.5 * repeats)


def _price(column: Values) -> float:
    """Numbers that read as prices, best with decimals or a currency."""
    return min(1.0, column.readable_prices * (0.75 + 0.25 * column.money) * (0.6 + 0.4 * min(1.0, column.fill * 1.5)))


def _gtin(column: Values) -> float:
    """Check digits that check."""
    return column.gtins * (0.5 + 0.5 * min(1.0, column.unique * 1.2))


def _product_id(column: Values) -> float:
    """Codes that some rows share."""
    return (1 - abs(column.unique - 0.4)) * column.codes


def _vendor_category(column: Values) -> float:
    """Names that repeat, or paths; bare numbers say little."""
    repeats = 1 - column.unique if len(column.filled) > 10 else 0.7
    return (
        (min(1.0, 0.4 + 0.6 * repeats + 0.4 * column.levels))
        * (0.4 if column.numbers > 0.8 else 1.0)
        * (0.5 + 0.5 * column.fill)
        * (0.5 if column.distinct == 1 and len(column.filled) > 10 else 1.0)
    )


_CONTENT: dict[str, Callable[[Values], float]] = {
    "item_id": _item_id,
    "title": _title,
    "description": _description,
    "brand": _brand,
    "price": _price,
    "currency": lambda column: column.currencies,
    "gtin": _gtin,
    "product_id": _product_id,
    "vendor_category": _vendor_category,
}


def _allowed(one: Scored, choice: Choice, named: list[Values]) -> bool:
    """Keeps content alone from contradicting what was chosen by name."""
    if one.ours == "item_id" and one.name < 0.3:
        column = next(column for column in named if column.header == one.theirs)
        # A unique number may be anything; without a name only codes with letters or a common length pass.
        return (
            not column.counter and column.unique == 1 and column.fill == 1 and column.codes > 0.98 and column.urls < 0.1
        )
    if one.ours == "description" and one.name < 0.5:
        column = next(column for column in named if column.header == one.theirs)
        return "title" in choice.chosen and column.words > 25  # shorter ones are mostly a repetition of the others
    return not (one.ours == "product_id" and "item_id" not in choice.chosen)


def _explained(one: Scored, scored: list[Scored], named: list[Values]) -> Chosen:
    column = next(column for column in named if column.header == one.theirs)
    seen = _SEEN[one.ours](column) if column.filled else ""
    said = f'"{one.phrase}" means it' if one.name >= 0.5 else ""
    said += ", of the first variant" if said and _VARIANT.match(one.theirs) else ""
    if said and one.phrase == " ".join(words(one.theirs)):
        said = "the header means it"
    rivals = [
        other.theirs
        for other in scored
        if other.ours == one.ours and other.theirs != one.theirs and other.score > one.score - CLOSE
    ]
    unsure = []
    if one.name < 0.5:
        unsure.append("the header does not say so, only the content does")
    elif not column.cells:
        unsure.append("no row to check the name against")
    elif one.score < UNSURE:
        unsure.append("header and content together say so only weakly")
    if denied := next((other for other in named if one.name < 0.9 and _denied(one.ours, other)), None):
        unsure.append(f'"{denied.header}" is called so too, but holds {denied.examples[0][:40]!r}')
    if one.ours == "item_id" and column.counter:
        unsure.append("it counts the rows: ask whether a product keeps its number in the next file")
    if rivals:
        unsure.append("could also be " + ", ".join(f'"{name}"' for name in rivals[:3]))
    return Chosen(one.ours, [one.theirs], "; ".join(part for part in (said, seen) if part), "; ".join(unsure))


def _denied(ours: str, column: Values) -> bool:
    """Whether a column's whole name means one of ours, and its content is something else."""
    return column.fill > 0.5 and meaning(column.header, ours).score >= 0.95 and not _possible(ours, column)


def _count(column: Values) -> str:
    return f"{column.distinct:,} different in {len(column.filled):,} filled of {len(column.cells):,} rows"


def _id_seen(column: Values) -> str:
    rows = len(column.cells)
    return f"unique in {rows:,} of {rows:,} rows" if column.unique == column.fill == 1 else _count(column)


_SEEN: dict[str, Callable[[Values], str]] = {
    "item_id": _id_seen,
    "title": lambda column: f"{column.words:.0f} words on average, {_count(column)}",
    "description": lambda column: (
        f"{column.words:.0f} words on average, {column.fill:.0%} filled" + (", HTML" if column.markup > 0.3 else "")
    ),
    "brand": _count,
    "price": lambda column: f"{column.readable_prices:.0%} read as prices, like {column.examples[0]!r}",
    "currency": lambda column: f"codes: {', '.join(column.examples)}",
    "gtin": lambda column: f"the check digit is right in {column.gtins:.0%}",
    "product_id": _count,
    "vendor_category": lambda column: f"{_count(column)}, like {column.examples[0][:50]!r}",
}


def _take_levels(choice: Choice, named: list[Values]) -> None:
    """Category 1, Category 2 ... side by side are the levels of one path: the first alone says little."""
    found = choice.chosen.get("vendor_category")
    if found is None or not (stem := _stem(found.theirs[0])):
        return
    levels = [column for column in named if _stem(column.header) == stem and column.filled]
    names = [column.header for column in levels if column.header not in choice.taken() or column.header in found.theirs]
    if len(names) > 1:
        names.sort(key=lambda name: [int(word) for word in words(name) if word.isdecimal()])
        choice.chosen["vendor_category"] = Chosen("vendor_category", names, "levels side by side, joined by a space")


def _stem(header: str) -> tuple[str, ...]:
    """The words of a header with one number among them, without it; empty for others."""
    said = words(header)
    bare = tuple(word for word in said if not word.isdecimal())
    return bare if len(bare) == len(said) - 1 else ()


def _title_from_description(choice: Choice, named: list[Values]) -> None:
    """A price list often calls the product's name its description: short texts, and nothing else that is a title."""
    found = choice.chosen.get("description")
    if "title" in choice.chosen or not found:
        return
    column = next(column for column in named if column.header == found.theirs[0])
    if column.words < 20:
        del choice.chosen["description"]
        why = f"the only text, {column.words:.0f} words on average"
        choice.chosen["title"] = Chosen("title", found.theirs, why, "the header says description")
