"""What the values of a column look like: shares of the filled cells, from which a proposal reasons."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from catalog.values.prices import read_currency, read_price

LOOKED_AT = 1_500  # filled cells judged one by one; counts of distinct values use all of the sample
_IN_A_ROW = 2_000  # cells at the beginning of a sample, where it leaves no row out
_URL = re.compile(r"^(https?:)?//\S+$", re.IGNORECASE)
_PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|bmp|avif)($|[?#&;,| ])", re.IGNORECASE)
_PICTURE_WORD = re.compile(r"(image|img|photo|picture|media|thumb|foto|bild|cdn)", re.IGNORECASE)
_NUMBER = re.compile(r"^[-+]?\d+([.,]\d+)*$")
_WHOLE = re.compile(r"^\d+$")
_DATE = re.compile(r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([ T].*)?$")
_MARKUP = re.compile(r"<[a-zA-Z/][^>]{0,200}>")
_CODE = re.compile(r"^[^\s]{1,64}$")
_SEVERAL = re.compile(r"\s*[,;|#\n]\s*(?=(https?:)//)|\s*[,;|\n]\s*(?=//)")
_WORDS_TOO = frozenset(("ALL", "TOP", "TRY", "CUP", "MOP", "PEN", "MAD", "BAM"))  # codes of currencies that are words
_YES_NO = frozenset("true false yes no y n 0 1 + - t f ja nein si да нет так ні oui non sim nao tak ne ano".split())  # noqa: SIM905 - one line
# What rows of an export are, one beside the other: no category of what is sold.
_ROW_KINDS = frozenset(
    "product products variant variants variation variations parent child simple configurable bundle grouped virtual "  # noqa: SIM905 - a few lines
    "downloadable option image master sku item single variable subscription main produkt variante hauptartikel kind vater "
    "einfach variabel producto variacion variación produit prodotto variabile produto variação wariant prosty "
    "zmienny varianta товар вариант варіант вариация простой простий".split()
)
_LEVELS = re.compile(r"\S\s*( > |>|\||/|::|»|->)\s*\S")


@dataclass(frozen=True)
class Values:
    """The cells of one column in the sample, in the order of the file; None and blank cells are not filled."""

    header: str
    cells: list[str | None]

    @cached_property
    def filled(self) -> list[str]:
        """The filled cells without surrounding space."""
        return [text for cell in self.cells if cell and (text := cell.strip())]

    @cached_property
    def looked_at(self) -> list[str]:
        """At most LOOKED_AT of the filled cells, spread over the sample."""
        step = max(1, len(self.filled) // LOOKED_AT)
        return self.filled[::step][:LOOKED_AT]

    def share(self, holds: Callable[[str], object]) -> float:
        """Of the filled cells looked at, the share for which something holds; 0 when none is filled."""
        return sum(bool(holds(cell)) for cell in self.looked_at) / len(self.looked_at) if self.looked_at else 0.0

    @cached_property
    def fill(self) -> float:
        """Filled cells among all."""
        return len(self.filled) / len(self.cells) if self.cells else 0.0

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value occurs."""
        return Counter(self.filled)

    @property
    def distinct(self) -> int:
        """Different values."""
        return len(self.counts)

    @property
    def unique(self) -> float:
        """Different values among the filled cells, 1 when none repeats."""
        return self.distinct / len(self.filled) if self.filled else 0.0

    @cached_property
    def counter(self) -> bool:
        """True when the cells count the rows (0, 1, 2 ...): they then name the row and not what stands in it."""
        first = self.filled[:_IN_A_ROW]
        numbers = [int(cell) for cell in first if _WHOLE.match(cell) and len(cell) < 16]
        if len(numbers) < max(3, 0.9 * len(first)):  # a line of totals at the end counts no row
            return False
        steps = sum(later - earlier == 1 for earlier, later in pairwise(numbers))
        return numbers[0] in (0, 1, 2) and steps >= 0.98 * (len(numbers) - 1)

    @cached_property
    def numbers(self) -> float:
        """Share of bare numbers."""
        return self.share(_NUMBER.match)

    @cached_property
    def wholes(self) -> float:
        """Share of bare digits."""
        return self.share(_WHOLE.match)

    @cached_property
    def dates(self) -> float:
        """Share of dates and times."""
        return self.share(_DATE.match)

    @cached_property
    def objects(self) -> float:
        """Share of cells that hold JSON objects, which say nothing in a column of ours."""
        return self.share(lambda cell: cell[0] == "{" and cell[-1] == "}")

    @cached_property
    def urls(self) -> float:
        """Share of cells that begin with an address."""
        return self.share(lambda cell: _URL.match(_SEVERAL.split(cell)[0]))

    @cached_property
    def pictures(self) -> float:
        """Share of cells that lead to a picture: an address or a path that ends like one, or an address that says so."""
        return self.share(
            lambda cell: _PICTURE.search(cell) or (_URL.match(cell) and _PICTURE_WORD.search(cell.partition("//")[2]))
        )

    @cached_property
    def picture_files(self) -> float:
        """Share of cells with the extension of a picture."""
        return self.share(_PICTURE.search)

    @cached_property
    def several_urls(self) -> float:
        """Share of cells with more than one address."""
        return self.share(_SEVERAL.search)

    @cached_property
    def prices(self) -> float:
        """Share of cells read as a price of more than nothing."""
        return self.share(lambda cell: (found := read_price(cell)[0]) is not None and found > 0)

    @cached_property
    def readable_prices(self) -> float:
        """Share of cells read as a price, nothing included."""
        return self.share(lambda cell: read_price(cell)[0] is not None)

    @cached_property
    def money(self) -> float:
        """Share of prices with a currency or exactly two decimals."""
        return self.share(lambda cell: read_price(cell)[1] or re.search(r"[.,]\d\d$", cell))

    @cached_property
    def currencies(self) -> float:
        """Share of cells that are a currency's code or sign alone."""
        return self.share(
            lambda cell: (
                len(cell) <= 4 and not cell.isdecimal() and cell in (cell.upper(), cell.lower()) and read_currency(cell)
            )
        )

    @property
    def words_too(self) -> bool:
        """True when all values are words that happen to be codes of currencies."""
        return all(cell.upper() in _WORDS_TOO for cell in self.counts)

    @cached_property
    def gtins(self) -> float:
        """Share of cells with 8, 12, 13 or 14 digits of which the last checks; shop-made numbers check too."""
        return self.share(_checks)

    @cached_property
    def yes_no(self) -> float:
        """Share of switches."""
        return self.share(lambda cell: cell.lower() in _YES_NO)

    @property
    def row_kinds(self) -> bool:
        """True when all values, four of them at most, are words for kinds of rows."""
        kinds = {frozenset(re.split(r"[\s_,-]+", cell.casefold())) for cell in self.counts}
        return 0 < len(kinds) < 5 and all(words <= _ROW_KINDS for words in kinds)

    @cached_property
    def markup(self) -> float:
        """Share of cells with HTML."""
        return self.share(_MARKUP.search)

    @cached_property
    def codes(self) -> float:
        """Share of cells of at most 64 characters without a space."""
        return self.share(_CODE.match)

    @cached_property
    def levels(self) -> float:
        """Share of cells with a separator of category levels; addresses and numbers have none."""
        return self.share(lambda cell: _LEVELS.search(cell) and "://" not in cell and not cell[0].isdigit())

    @cached_property
    def words(self) -> float:
        """Words per filled cell, on average; scripts without spaces count two characters as one."""
        return _mean(max(len(cell.split()), _dense(cell) / 2) for cell in self.looked_at)

    @cached_property
    def length(self) -> float:
        """Characters per filled cell, on average."""
        return _mean(len(cell) for cell in self.looked_at)

    @cached_property
    def letters(self) -> float:
        """Letters among the characters that are no spaces."""
        return _mean(
            sum(c.isalpha() for c in cell[:500]) / (sum(not c.isspace() for c in cell[:500]) or 1)
            for cell in self.looked_at
        )

    @property
    def examples(self) -> list[str]:
        """The two commonest values."""
        return [value for value, _ in self.counts.most_common(2)]


def _checks(cell: str) -> bool:
    """Whether a cell is a GTIN by its length and its check digit (GS1 General Specifications, 7.9)."""
    digits = re.sub(r"[\s-]", "", cell)
    if not digits.isdecimal() or len(digits) not in (8, 12, 13, 14) or not int(digits):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0


def _dense(cell: str) -> int:
    return sum("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" or "\u0e00" <= c <= "\u0e7f" for c in cell)


def _mean(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return sum(found) / len(found) if found else 0.0
