"""The columns of which there may be several: pictures and attributes; and what is known and left out."""

import re
from typing import Any

from catalog.proposals.choice import Choice, Chosen
from catalog.proposals.form import Entry
from catalog.proposals.headers import meaning, words
from catalog.proposals.sample import Sample
from catalog.proposals.values import Values
from catalog.values.availability import read_availability

MOST_ATTRIBUTES = 12
MOST_IMAGES = 10
_SCIENTIFIC = re.compile(r"^\d(?:[.,]\d+)?[eE]\+?\d+$")
_NAMED = {mark: re.compile(rf"\s*([^\W\d][\w /().-]{{0,39}}?)\s*{mark}(?!//)\s*\S") for mark in "=:"}
_FEWEST_PIECES = 10
_FEWEST_CONTINUED = 3  # rows without an id below which they may be mistakes


def add_extras(choice: Choice, columns: list[Values], *, repeated: list[str]) -> None:
    """Adds pictures, attributes and what is left out. `repeated`: headers that occur more than once."""
    _add_images(choice, columns, repeated)
    _add_availability(choice, columns, repeated)
    _add_attributes(choice, columns, repeated)
    _denied(choice, columns)
    for header in repeated:
        if header not in choice.taken() and any(meaning(header, ours).score >= 0.7 for ours in ("title", "item_id")):
            choice.left.append((header, "occurs several times in the header, so it cannot be mapped"))


def _free(choice: Choice, columns: list[Values], repeated: list[str]) -> list[Values]:
    taken = choice.taken()
    return [c for c in columns if c.header and c.header not in taken and c.header not in repeated and c.filled]


def _add_images(choice: Choice, columns: list[Values], repeated: list[str]) -> None:
    found = []
    for column in _free(choice, columns, repeated):
        said = meaning(column.header, "images").score
        if (said >= 0.5 and column.pictures > 0.5) or column.picture_files > 0.6 or (said >= 0.9 and column.urls > 0.5):
            found.append((said, column.fill, column))
    found.sort(key=lambda one: (-round(one[0], 1), -round(one[1], 1)))
    if not found:
        return
    first = found[0][2]
    why = f"{first.pictures:.0%} lead to pictures, {first.fill:.0%} filled"
    unsure = "the header does not say so, only the content does" if found[0][0] < 0.5 else ""
    if first.several_urls > 0.1:
        why += f"; {first.several_urls:.0%} hold several addresses"
    names = [column.header for _, _, column in found[:MOST_IMAGES]]
    choice.chosen["images"] = Chosen("images", names, why, unsure)


def _add_availability(choice: Choice, columns: list[Values], repeated: list[str]) -> None:
    for column in _free(choice, columns, repeated):
        if meaning(column.header, "availability").score >= 0.7:
            unread = column.share(lambda cell: read_availability(cell) is None)
            if "availability" not in choice.chosen and column.numbers < 0.5 and unread < 0.9:
                why = f"values: {', '.join(column.examples)[:60]}"
                choice.chosen["availability"] = Chosen("availability", [column.header], why)
            else:
                choice.left.append((column.header, "changes by itself, so it is no attribute"))


_OF_NONE = ("item_id", "title", "price", "gtin")  # columns whose absence somebody has to know of


def _denied(choice: Choice, columns: list[Values]) -> None:
    """Says of columns whose name means one of ours outright why they are not taken: their values contradict it."""
    for ours in _OF_NONE:
        for column in columns if ours not in choice.chosen else []:
            if column.filled and column.header not in choice.taken() and meaning(column.header, ours).score >= 0.9:
                shown = f"like {column.examples[0][:40]!r}"
                lost = column.share(_SCIENTIFIC.match) > 0.5
                why = (
                    f"is called a {ours}, but a spreadsheet has cut its numbers, {shown}: ask for that column as text"
                    if lost
                    else f"is called a {ours}, but does not hold one, {shown}"
                )
                choice.left.append((column.header, why))


def _add_attributes(choice: Choice, columns: list[Values], repeated: list[str]) -> None:
    found = []
    left = {header for header, _ in choice.left}
    for column in _free(choice, columns, repeated):
        said = meaning(column.header, "attributes").score
        other = max(meaning(column.header, ours).score for ours in ("price", "availability", "images", "item_id"))
        useful = column.urls < 0.1 and column.yes_no < 0.9 and column.length < 120 and column.distinct > 1
        if said >= 0.4 and said > other and useful and column.header not in left:
            found.append((said, column.fill, column.header))
    found.sort(key=lambda one: (-one[0], -one[1]))
    if "vendor_category" not in choice.chosen:
        found += [(0.5, 1.0, header) for header in repeated if meaning(header, "vendor_category").score >= 0.7]
    names: list[Any] = [header for _, _, header in found[:MOST_ATTRIBUTES]]
    packed = [
        part for column in _free(choice, columns, repeated) if (part := _packed(column)) and column.header not in names
    ]
    if names or packed:
        why = "describe the product by their names" if names else "cells hold names and values"
        choice.chosen["attributes"] = Chosen("attributes", packed + names, why)


def _packed(column: Values) -> dict[str, str] | None:
    """How cells with several names and values come apart, `colour=red;size=L`; None when they are no such cells. The names
    come again from row to row, which those in a sentence do not."""
    for equals in "=:":
        for between in ";|\n,":
            pieces = [piece for cell in column.looked_at for piece in cell.strip(f"{between} ").split(between)]
            names = [found[1] for piece in pieces if (found := _NAMED[equals].match(piece))]
            several = len(pieces) >= max(_FEWEST_PIECES, 2 * len(column.looked_at))
            if several and len(names) > 0.95 * len(pieces) and len(set(names)) < 0.3 * len(names):
                return {"packed": column.header, "between": between, "equals": equals}
    return None


_NAMES = ("name", "назва", "название", "nombre", "nom", "nome", "bezeichnung", "nazwa", "nazev", "naziv", "attribute")
_VALUES = ("value", "значення", "значение", "valor", "valeur", "wert", "valore", "wartosc", "hodnota", "vrednost")
_UNITS = ("unit", "одиниця", "единица", "unidad", "unite", "einheit", "unita", "jednostka", "jednotka", "jedinica")


def table_pairs(repeated: list[str], header: list[str]) -> list[dict[str, str]]:
    """Repeated columns that hold names, values and units of attributes, as equally often as each other."""

    def called(known: tuple[str, ...]) -> list[str]:
        plain = {"".join(words(one)) for one in known}
        return [name for name in repeated if any(word in plain for word in words(name))]

    for name in called(_NAMES):
        for value in called(_VALUES):
            if value != name and header.count(value) == header.count(name):
                unit = next((one for one in called(_UNITS) if header.count(one) == header.count(name)), None)
                return [{"name": name, "value": value, **({"unit": unit} if unit else {})}]
    return []


def image_rules(choice: Choice, sample: Sample) -> list[Entry]:
    """`image_separator` where cells hold several addresses."""
    found = choice.chosen.get("images")
    column = sample.column(found.theirs[0]) if found else None
    if column is None or (found and found.preset) or column.several_urls < 0.05:
        return []
    marks = {
        mark: sum(bool(re.search(rf"\S\s*{re.escape(mark)}\s*(https?:)?//", c)) for c in column.looked_at)
        for mark in ",;|#\n"
    }
    mark = max(marks, key=lambda one: marks[one])
    why = f"{column.several_urls:.0%} of the cells of {column.header!r} hold several addresses"
    return [Entry("image_separator", mark, why)]


def continued(choice: Choice, sample: Sample) -> list[Entry]:
    """`[fold]` where rows with neither id nor title say more of the product above them: its other pictures, categories,
    store views. As rows of their own each would be quarantined."""
    columns = [sample.column(choice.chosen[ours].theirs[0]) for ours in ("item_id", "title") if ours in choice.chosen]
    if len(columns) < 2 or len(choice.chosen["item_id"].theirs) > 1 or not (columns[0] and columns[1]):
        return []
    if (group := _group(columns[1], choice, sample)) is not None:
        rows = sum(not (cell or "").strip() for cell in columns[1].cells)
        why = f"{rows:,} of {sample.rows:,} rows have no title and repeat the {group.header!r} of one that has: its variants"
        unsure = "" if group is columns[0] else f"{columns[0].header!r} is no longer read; is it the number you need"
        choice.chosen["item_id"] = Chosen("item_id", [group.header], f"one for each title, {_titles(group)}", unsure)
        return [Entry("by", [group.header], why)]
    ids, titles = columns[0].cells, columns[1].cells
    blank = [place for place, cell in enumerate(ids) if not (cell or "").strip()]
    if len(blank) < max(_FEWEST_CONTINUED, 0.1 * len(ids)) or blank[0] == 0:
        return []
    if any((titles[place] or "").strip() for place in blank):
        return []
    why = f"{len(blank):,} of {len(ids):,} rows have neither id nor title: they say more of the product above"
    return [Entry("by", [columns[0].header], why), Entry("blank_continues", True)]


def _group(titles: Values, choice: Choice, sample: Sample) -> Values | None:
    """The column that rows without a title share with the one row that has it; None where there is none. As rows of their
    own they would be quarantined, for there is nothing to tell them by. No column that means something else: two products
    of one price would be one."""
    meant = [one.theirs for ours, one in choice.chosen.items() if ours not in ("item_id", "product_id", "title")]
    other = [name for theirs in meant for name in theirs]
    named = [bool((cell or "").strip()) for cell in titles.cells]
    if sum(not one for one in named) < max(_FEWEST_CONTINUED, 0.1 * len(named)):
        return None
    free = (column for column in sample.columns if column is not titles and column.header not in other)
    return next((column for column in free if column.money < 0.5 and _shared(column, named)), None)


def _shared(column: Values, named: list[bool]) -> bool:
    """True when each row with a title has a value of its own, and every other row one of these."""
    if column.fill < 1 or column.codes < 1 or not column.header or column.counter:
        return False
    own = [cell for cell, one in zip(column.cells, named, strict=True) if one]
    return len(set(own)) == len(own) and set(column.cells) == set(own)


def _titles(column: Values) -> str:
    return f"{column.distinct:,} different in {len(column.cells):,} rows"
