"""What a form must say so that the prices of a sample are read as they are meant."""

import re
from collections import Counter
from dataclasses import replace

from catalog.proposals.choice import Choice
from catalog.proposals.form import Entry
from catalog.proposals.sample import Sample
from catalog.proposals.values import Values
from catalog.values.prices import read_currency, read_price

_PART = re.compile(r"[A-Z]{3}(?![A-Za-z])|[€£]|R\$|zł|Kč", re.ASCII)
_SAYS_CURRENCY = re.compile(r"currency\s*[=:]", re.IGNORECASE)
_SIGN = re.compile(r"[\d\s+-]|(?<=\d)[.,](?=\d)")
_LONE = re.compile(r"^\D*\d{1,3}([.,])(\d+)\D*$")
_DOUBTFUL = re.compile(r"^\D*[1-9]\d{0,2}[.,]\d{3}\D*$")  # 1.299: one and a bit, or a thousand


def money_rules(choice: Choice, sample: Sample) -> list[Entry]:
    """Entries of [rules] about prices. Prices nobody can read make the choice of their column unsure."""
    column = sample.column(choice.chosen["price"].theirs[0]) if "price" in choice.chosen else None
    if column is None:
        return []
    rules = _decimal(column)
    if "currency" not in choice.chosen and column.share(lambda cell: read_price(cell)[1]) < 0.5:
        rules.append(_currency(column, [one.header for one in sample.columns]))
    _mark_unreadable(column, choice)
    return rules


def _currency(column: Values, headers: list[str]) -> Entry:
    """`currency` where the header names one ("Price (GBP)"); else a line for a person to fill."""
    for header in (column.header, *(one for one in headers if _SAYS_CURRENCY.search(one))):
        named = {code for word in _PART.findall(header) if word == word.upper() and (code := read_currency(word))}
        if len(named) == 1:
            return Entry("currency", named.pop(), f"the header says so: {header[:60]!r}")
    signs = Counter(sign for cell in column.looked_at if (sign := _SIGN.sub("", cell).strip(" .,")))
    sign = signs.most_common(1)[0][0][:20] if signs else ""
    why = "the file says no currency" if not sign else f"prices say {sign!r}, which several currencies are written as"
    return Entry("currency", "EUR", f"{why}: write the right one here and remove the #", off=True)


def like_prices(choice: Choice, sample: Sample) -> list[str]:
    """Columns that no name says to be the price and that hold amounts of money."""
    taken = {*choice.taken(), *(name for name, _ in choice.left)}
    return [
        column.header
        for column in sample.columns
        if column.header
        and column.header not in taken
        and column.money > 0.8
        and column.readable_prices > 0.95
        and column.prices > 0.5
        and column.dates < 0.1
        and column.distinct > 1
    ]


def _decimal(column: Values) -> list[Entry]:
    """`price_decimal` where some prices leave doubt (1.299: a thousand?) and the others settle it."""
    doubtful = [cell for cell in column.looked_at if _DOUBTFUL.match(cell)]
    if not doubtful:
        return []
    marks = {".": 0, ",": 0}
    for cell in column.looked_at:
        if (found := _LONE.match(cell)) and len(found[2]) != 3:
            marks[found[1]] += 1
        elif "," in cell and "." in cell:
            marks[max(",.", key=cell.rfind)] += 1
    mark = max(marks, key=lambda one: marks[one])
    if not marks[mark]:
        return [
            Entry(
                "price_decimal",
                ".",
                f"is {doubtful[0]!r} one and a bit, or a thousand?",
                "no price settles it",
                off=True,
            )
        ]
    if min(marks.values()):
        return [Entry("price_decimal", mark, "most prices are written so", "others are not")]
    return [
        Entry(
            "price_decimal",
            mark,
            f"prices with other than three decimals are written so; {doubtful[0]!r} alone leaves doubt",
        )
    ]


def _mark_unreadable(column: Values, choice: Choice) -> None:
    bad = [cell for cell in column.looked_at if read_price(cell)[0] is None]
    if not bad:
        return
    found, share = choice.chosen["price"], len(bad) / len(column.looked_at)
    said = f"{share:.0%} of the prices cannot be read, like {bad[0][:40]!r}: these rows would be quarantined"
    choice.chosen["price"] = replace(found, unsure="; ".join(part for part in (found.unsure, said) if part))
