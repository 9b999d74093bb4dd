"""Prices and GTINs as vendors write them."""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_SYMBOLS = {
    "€": "EUR", "$": "USD", "us$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₴": "UAH", "₺": "TRY",
    "₩": "KRW", "₪": "ILS", "r$": "BRL", "zł": "PLN", "kč": "CZK", "rs.": "INR", "rs": "INR", "kr": None, "kr.": None,
    "грн": "UAH", "грн.": "UAH", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "лв": "BGN", "лв.": "BGN",  # noqa: RUF001
}  # fmt: skip
# ISO 4217, active codes of countries.
_CODES = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
    MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
    UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG""".split()  # noqa: SIM905 - 150 quoted strings would take 150 lines
)
_QUOTES = "'\u2019"  # thousands in Switzerland
_NUMBER = re.compile(rf"\d(?:[\d.,{_QUOTES} ]*\d)?")
_TENTH_OF_MILLIS = Decimal("0.0001")
_LIMIT = Decimal(10) ** 14
_RESTRICTED = range(200, 300)


@lru_cache(maxsize=65_536)
def read_price(text: str, decimal: str = "auto") -> tuple[Decimal | None, str | None, bool]:
    """(price, currency, guessed) of a cell; a price of None means that it cannot be read.

    decimal: '.' or ',' as declared, or 'auto': the last of two different separators is the decimal one; a single
    comma before exactly three digits separates thousands, a single point does not (guessed is then True).
    A unit behind a slash ('3,20 € /ud.') is left out.
    """
    plain = text.replace("\u00a0", " ").replace("\u202f", " ").split("/")[0].strip()
    found = _NUMBER.findall(plain)
    words = _NUMBER.sub(" ", plain).split()
    if len(found) != 1 or any(not _is_currency(word) for word in words):
        return None, None, False
    currency = next((code for word in words if (code := read_currency(word))), None)
    number, guessed = _plain_number(re.sub(f"[{_QUOTES} ]", "", found[0]), decimal)
    try:
        price = Decimal(number).quantize(_TENTH_OF_MILLIS) if number else None
    except InvalidOperation:
        price = None
    return (price if price is not None and price < _LIMIT else None), currency, guessed


def _is_currency(word: str) -> bool:
    return word.lower() in _SYMBOLS or word.upper() in _CODES


def read_currency(text: str) -> str | None:
    """The ISO code of a currency's code or sign; None when it is none, or one that several countries use."""
    word = text.strip().lower()
    if word in _SYMBOLS:
        return _SYMBOLS[word]
    return word.upper() if word.upper() in _CODES else None


def _plain_number(digits: str, decimal: str) -> tuple[str | None, bool]:
    """The number with a point as decimal sign, or None; and whether the reading was a guess."""
    marks = [mark for mark in digits if mark in ".,"]
    guessed = False
    if decimal == "auto":
        decimal, guessed = _guess(digits, marks)
    other = "," if decimal == "." else "."
    whole, _, fraction = digits.partition(decimal)
    if fraction and not fraction.isdecimal():
        return None, False
    if other in whole and not all(len(group) == 3 for group in whole.split(other)[1:]):
        return None, False
    whole = whole.replace(other, "")
    return (f"{whole}.{fraction or '0'}" if whole.isdecimal() else None), guessed


def _guess(digits: str, marks: list[str]) -> tuple[str, bool]:
    if len(set(marks)) == 2:
        return marks[-1], False
    if len(marks) > 1:
        return ("," if marks[0] == "." else "."), False
    if not marks:
        return ".", False
    whole, fraction = re.split("[.,]", digits)
    thousands = len(fraction) == 3 and len(whole) <= 3 and whole != "0"
    if marks[0] == ",":
        return ("." if thousands else ","), thousands
    return ".", thousands


@lru_cache(maxsize=65_536)
def read_gtin(text: str) -> tuple[str | None, str | None]:
    """(digits, None) of a GTIN that identifies a product everywhere, else (None, flag that says why not).

    Checks length (8, 12, 13 or 14), the check digit (GS1 General Specifications, 7.9), and refuses numbers shops give
    out for themselves (prefixes 02, 04 and 2): the same number means another thing in the next shop.
    """
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", digits) or not int(digits):
        return None, "gtin_invalid"
    long = digits.zfill(14)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(long[:13]))
    if (10 - total % 10) % 10 != int(long[13]):
        return None, "gtin_invalid"
    if len(digits) == 8:
        return (None, "gtin_restricted") if digits[0] in "02" else (digits, None)
    if int(long[1:4]) in _RESTRICTED or long[1:3] in ("02", "04"):
        return None, "gtin_restricted"
    return digits, None
