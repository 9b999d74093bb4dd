"""A key out of several columns, for files without a column of ids."""

from itertools import combinations

from catalog.proposals.choice import Choice
from catalog.proposals.headers import meaning
from catalog.proposals.values import Values

_FEWEST = 10  # rows below which uniqueness proves nothing
_PARTS = 3
_CANDIDATES = 8


def composite_key(columns: list[Values], choice: Choice) -> list[str]:
    """Their columns that together tell all rows of the sample apart, the title first; empty when none do.

    Only what describes a product may take part: a price, a date or a stock level changes from night to night, and
    with it every id.
    """
    title = choice.chosen.get("title")
    rows = len(columns[0].cells) if columns else 0
    if title is None or rows < _FEWEST:
        return []
    by_name = {column.header: column for column in columns}
    first = by_name[title.theirs[0]]
    others = [by_name[name] for name in _describing(columns, choice)][:_CANDIDATES]
    for size in range(_PARTS):
        for more in combinations(others, size):
            if _tells_apart([first, *more]):
                return [column.header for column in (first, *more)]
    return []


def _describing(columns: list[Values], choice: Choice) -> list[str]:
    brand = choice.chosen.get("brand")
    seen = [column.header for column in columns]
    named = [
        column
        for column in columns
        if seen.count(column.header) == 1 and column.fill > 0.9 and meaning(column.header, "attributes").score >= 0.5
    ]
    named.sort(key=lambda column: -column.distinct)
    return [column.header for column in named] + (brand.theirs if brand else [])


def _tells_apart(columns: list[Values]) -> bool:
    rows = list(zip(*(column.cells for column in columns), strict=True))
    return all(row[0] and row[0].strip() for row in rows) and len(set(rows)) == len(rows)
