"""What can stand in for an id where the file has no column of ids: the GTIN, or a key out of several columns."""

from itertools import combinations

from catalog.proposals.choice import Choice, Chosen
from catalog.proposals.headers import meaning
from catalog.proposals.sample import Sample
from catalog.proposals.values import Values

_FEWEST = 10  # rows below which uniqueness proves nothing
_PARTS = 3
_CANDIDATES = 8


def stand_in(sample: Sample, choice: Choice) -> Chosen | None:
    """A key that tells the rows of a sample apart, always said to be unsure; None when there is none."""
    found = choice.chosen.get("gtin")
    column = sample.column(found.theirs[0]) if found else None
    if column and column.unique == column.fill == 1 and len(column.filled) >= _FEWEST:
        why = f"unique in {len(column.filled):,} of {len(column.cells):,} rows, and the file has no number of the vendor's own"
        unsure = "a product without a bar code could not be delivered; ask the vendor for their article number"
        return Chosen("item_id", [column.header], why, unsure)
    key = composite_key(sample.columns, choice)
    if not key:
        return None
    unsure = (
        "the file has no column of ids, and a corrected name would make a new item; ask for the vendor's article number"
    )
    return Chosen("item_id", key, f"together they tell {sample.said} apart", unsure)


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
