"""Prices as vendors write them: '1.299,00 €', '1 299,00 zł', '$1,299.00', 'ab 12,50 €', '12,50 - 15,00'."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from catalog.values.currencies import THOUSANDTHS, WHOLE, is_currency, read_currency

_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
_NUMBER = re.compile(r"[0-9]+(?:[.,' ][0-9]+)*|(?<![^\W\d])[.,][0-9]+")
_UNIT = re.compile(r"\s*/\s*(?:[0-9]+\s*)?[^\W\d]+\.?|\s*/-?\s*$")  # '/ud.', '/ 100 g', and the Indian '/-'
# 1.299,-- and 1'299.-: what stands before a sign for no cents is whole, so that its own signs part thousands.
_WHOLE_NUMBER = re.compile(r"(?<![0-9.,'])([0-9]{1,3}(?:[., '][0-9]{3})+)(?=[.,]\s?-{1,2}(?!\s*[0-9]))")
_TAX_RATE = re.compile(
    r"[0-9]{1,2}(?:[.,][0-9]{1,2})?\s?%(?=\s*(?:mwst|ust|vat|iva|tva|btw|moms|dph|gst|ндс|пдв))", re.IGNORECASE
)
_NO_CENTS = re.compile(r"(?<=[0-9])[.,]\s?-{1,2}(?!\s*[0-9])")  # 12.- and 49,--
_EURO_BETWEEN = re.compile(r"([0-9])\s?€\s?([0-9]{2})(?![0-9.,])")  # 12€90
_RANGE = re.compile(r"-|\.{2,3}|to|bis|till|a|à|до|al|~")
_FROM = frozenset(
    [
        "from",
        "ab",
        "desde",
        "de",
        "à",
        "a",
        "partir",
        "od",
        "от",
        "від",
        "da",
        "vanaf",
        "fra",
        "från",
        "frå",
        "starting",
        "at",
        "alkaen",
        "min.",
        "începând",
        "lähtien",
        "من",
    ]
)
_WITH_TAX = frozenset(
    [
        "incl",
        "incl.",
        "inkl",
        "inkl.",
        "inc.",
        "mwst",
        "mwst.",
        "ust",
        "ust.",
        "vat",
        "iva",
        "tva",
        "ttc",
        "btw",
        "moms",
        "dph",
        "gst",
        "с",
        "ндс",
        "з",
        "пдв",
    ]
)
# What stands for a price that is not told; compared without spaces and in lower case.
_UNTOLD = frozenset(
    """- -- n/a na null none nan tba tbd onrequest priceonrequest callforprice call askforprice poa aufanfrage
    preisaufanfrage surdemande prixsurdemande aconsultar consultar surichiesta sobconsulta nazapytanie nadotaz позапросу
    ценапозапросу зазапитом договорная договірна уточняйте""".split()  # noqa: SIM905 - a line a word
)
_SAME = str.maketrans(
    {"\u2019": "'", "\u00b4": "'", "\u02bc": "'", "\u2212": "-", "\u2010": "-", "\u2011": "-"}
    | dict.fromkeys("\u2012\u2013\u2014\u2015", "-")
)
_ARABIC_DECIMAL, _ARABIC_THOUSANDS = "\u066b", "\u066c"
_TENTH_OF_MILLIS = Decimal("0.0001")
_LIMIT = Decimal(10) ** 14


class Price(NamedTuple):
    """amount in the main unit of the currency, or None; currency: ISO code the cell itself says, or None.

    flags: ambiguous_price, price_range, price_from, zero_price; without an amount negative_price, no_price (the cell
    says that it tells none), or nothing: then the cell cannot be read.
    """

    amount: Decimal | None
    currency: str | None = None
    flags: tuple[str, ...] = ()


@lru_cache(maxsize=65_536)
def read_price(text: str, decimal: str = "auto", currency: str | None = None) -> Price:
    """The price of a cell.

    decimal: '.' or ',' as declared, or 'auto': the last of two different separators is the decimal one. A single one
    before exactly three digits leaves doubt, unless the currency has no or three decimals: then a comma is read as
    thousands, a point as decimal, and the flag ambiguous_price says so. currency: of the row or the vendor, where
    known. Units behind a slash ('3,20 € /ud.') and notes that tax is included are left out; of a range the lowest
    price stays.
    """
    if decimal != "," and _PLAIN.fullmatch(text):
        return _flagged(Decimal(text), None, [])
    plain, decimal = _normal(text, decimal)
    if plain.lower().replace(" ", "") in _UNTOLD:
        return Price(None, None, ("no_price",))
    plain = _TAX_RATE.sub(" ", _WHOLE_NUMBER.sub(lambda found: re.sub(r"\D", "", found[1]), plain))
    plain = _EURO_BETWEEN.sub(r"\1.\2 €", _NO_CENTS.sub("", _UNIT.sub(" ", plain)))
    return _around(plain, decimal, currency)


def _around(plain: str, decimal: str, currency: str | None) -> Price:
    """Splits a cell into its numbers and the words around them, which must be known ones."""
    numbers = _NUMBER.findall(plain)
    around = _NUMBER.split(plain)
    if not 1 <= len(numbers) <= 2 or not all(_is_range(part) for part in around[1:-1]):
        return Price(None)
    before, *between, after = around
    words, flags = _words(f"{before} {after}")
    if between:
        inner, _ = _words(between[0])
        words, flags = words + [word for word in inner if not _RANGE.fullmatch(word.lower())], ["price_range"]
    if not all(is_currency(word) for word in words):
        return Price(None)
    own = next((code for word in words if (code := read_currency(word, currency))), None)
    if "-" in before or after.lstrip().startswith("-"):  # some systems write the minus behind
        return Price(None, own, ("negative_price",))
    return _read(numbers, own, flags, (decimal, own or currency))


def _normal(text: str, decimal: str) -> tuple[str, str]:
    """ASCII digits, plain spaces, one kind of quote and dash; and the decimal sign Arabic writing makes certain."""
    plain = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME)
    if not plain.isascii():
        plain = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in plain)
        if _ARABIC_DECIMAL in plain or _ARABIC_THOUSANDS in plain:
            plain, decimal = plain.replace(_ARABIC_THOUSANDS, "").replace(_ARABIC_DECIMAL, "."), "."
    return " ".join(plain.replace("*", " ").split()), decimal


def _words(text: str) -> tuple[list[str], list[str]]:
    """What stands around the number, without dashes, brackets, 'from' and 'tax included'; and the flags of that."""
    found = re.sub(r"(?<!:)-|[()]", " ", text).split()
    flags = ["price_from"] if any(word.lower() in _FROM for word in found) else []
    return [word for word in found if word.lower() not in _FROM | _WITH_TAX], flags


def _is_range(between: str) -> bool:
    return any(_RANGE.fullmatch(word.lower()) for word in between.split()) or "-" in between


def _read(numbers: list[str], own: str | None, flags: list[str], rule: tuple[str, str | None]) -> Price:
    amounts = []
    for number in numbers:
        amount, guessed = _amount(number, *rule)
        if amount is None:
            return Price(None, own)
        amounts.append(amount)
        flags = ["ambiguous_price", *flags] if guessed and "ambiguous_price" not in flags else flags
    return _flagged(min(amounts), own, flags)


def _flagged(amount: Decimal, own: str | None, flags: list[str]) -> Price:
    return Price(amount, own, tuple(flags if amount else [*flags, "zero_price"]))


def _amount(number: str, decimal: str, currency: str | None) -> tuple[Decimal | None, bool]:
    """The number, None when its separators make no sense; and whether the reading was a guess."""
    guessed = False
    if decimal == "auto":
        decimal, guessed = _decimal_sign(number, currency)
    whole, _, fraction = number.rpartition(decimal) if decimal in number else (number, "", "")
    if not _grouped(whole) or (fraction and not fraction.isdecimal()):
        return None, False
    digits = re.sub(r"\D", "", whole)
    try:
        amount = Decimal(f"{digits or '0'}.{fraction or '0'}").quantize(_TENTH_OF_MILLIS)
    except InvalidOperation:
        return None, False
    return (amount if amount < _LIMIT else None), guessed


def _grouped(whole: str) -> bool:
    """Whether digits stand in groups of three, or as in India in twos before the last three, parted by one sign."""
    signs = set(re.findall(r"\D", whole))
    if not signs:
        return True
    first, *groups = re.split(r"\D", whole)
    sizes = [len(group) for group in groups]
    if len(signs) > 1 or not first or sizes[-1] != 3:
        return False
    return (len(first) <= 3 and set(sizes) == {3}) or (signs == {","} and len(first) <= 2 and set(sizes[:-1]) == {2})


def _decimal_sign(number: str, currency: str | None) -> tuple[str, bool]:
    marks = [mark for mark in number if mark in ".,"]
    if len(set(marks)) == 2:
        return marks[-1], False
    if len(marks) > 1:
        return ("," if marks[0] == "." else "."), False
    if not marks or "'" in number or " " in number:
        return (marks or ["."])[0], False
    whole, fraction = re.split("[.,]", number)
    if len(fraction) != 3 or not 1 <= len(whole) <= 3 or whole[0] == "0":
        return marks[0], False
    if currency in WHOLE:
        return ("," if marks[0] == "." else "."), False
    return ".", not (currency in THOUSANDTHS and marks[0] == ".")
