"""GTINs as vendors write them: what identifies a product everywhere, and why the rest does not."""

import re
from operator import mul
from typing import NamedTuple

import numpy as np
import polars as pl

_NAMED = re.compile(r"^(?:ean|gtin|upc|isbn|jan|barcode)(?:[-_ ]?(?:8|1[0234]))?(?:-?[a-z])?\s*[:#]?\s*(?=[\d'])", re.I)
_SEVERAL = re.compile(r"\s*[,;|/]\s*|(?<=\d{8})\s+(?=\d{8})")
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+")
_SPACED = re.compile(r"[\s\u2010-\u2015-]")
_DIGITS = re.compile(r"[0-9]+")
_ISBN = re.compile(r"[0-9]{9}[0-9Xx]")
_WEIGHTS = (3, 1) * 6 + (3,)
# Numbers shops give out for themselves, and coupons: the same number means another thing in the next shop
# (GS1 General Specifications, 1.4).
_INTERNAL = ("02", "04", "2", "980", "981", "982", "983", "984", "99")
_INTERNAL_8 = ("0", "2")
_AS_8 = "000000"  # how the 14 digits of a GTIN-8 begin, and of nothing else


class Gtin(NamedTuple):
    """digits: 8, 12, 13 or 14 of them, or None when the cell names no product. flag: what was odd, or None."""

    digits: str | None
    flag: str | None


def gtin_columns(texts: pl.Series) -> pl.DataFrame:
    """gtin and gtin_flag of each text, in their order."""
    sound = _sound(texts)
    given = pl.DataFrame({"gtin_text": texts})
    read = given.join(gtins(texts.filter(~sound)), on="gtin_text", how="left", maintain_order="left")
    return read.select(gtin=pl.when(sound).then("gtin_text").otherwise("gtin"), gtin_flag="gtin_flag")


def gtins(texts: pl.Series) -> pl.DataFrame:
    """One row per distinct text: gtin_text, gtin, gtin_flag as `read_gtin` says. Sound GTINs take no Python each."""
    found = pl.DataFrame({"gtin_text": texts.drop_nulls().unique()}, schema={"gtin_text": pl.String})
    sound = _sound(found["gtin_text"])
    good, others = found.filter(sound), found.filter(~sound)
    read = [read_gtin(text) for text in others["gtin_text"]]
    return pl.concat(
        [
            good.with_columns(gtin="gtin_text", gtin_flag=pl.lit(None, pl.String)),
            others.with_columns(
                pl.Series("gtin", [digits for digits, _ in read], dtype=pl.String),
                pl.Series("gtin_flag", [flag for _, flag in read], dtype=pl.String),
            ),
        ]
    )


def _sound(texts: pl.Series) -> pl.Series:
    """Whether a text is 12 to 14 digits with a right check digit and no prefix of one shop's own."""
    plain = texts.str.contains(r"^[0-9]{12,14}$")
    number = rest = pl.select(pl.when(plain).then(texts).cast(pl.Int64).fill_null(0)).to_series().to_numpy()
    total = np.zeros(len(number), np.int64)
    for weight in (1, *_WEIGHTS[::-1]):
        rest, digit = np.divmod(rest, 10)
        total += weight * digit
    body = number % 10**13
    internal = np.any([body // 10 ** (13 - len(prefix)) == int(prefix) for prefix in _INTERNAL], axis=0)
    short = number < 10**8  # a GTIN-8 with zeros before it
    internal = np.where(short, np.isin(number // 10**7, [int(prefix) for prefix in _INTERNAL_8]), internal)
    return pl.Series((total > 0) & (total % 10 == 0) & ~internal)


def read_gtin(text: str) -> Gtin:
    """The GTIN of a cell. Spaces, hyphens, a name in front ('EAN: ') and a spreadsheet's '.0' do not matter.

    Flags: gtin_invalid (length, or the check digit of the GS1 General Specifications, 7.9), gtin_scientific (digits
    were lost), internal_gtin, gtin_ambiguous (an ISBN and a shortened UPC at once); kept nevertheless:
    gtin_zeros_restored, isbn_10, gtin_several (the first good one is taken).
    """
    cells = [cell for cell in _SEVERAL.split(text) if cell]
    if len(cells) < 2 or _SCIENTIFIC.fullmatch(text.strip()):
        return _read(text)
    good = next((found for cell in cells if (found := _read(cell)).digits), None)
    return Gtin(good.digits, "gtin_several") if good else Gtin(None, "gtin_invalid")


def _read(text: str) -> Gtin:
    text = _NAMED.sub("", text.strip()).lstrip("'")
    if _SCIENTIFIC.fullmatch(text):
        return Gtin(None, "gtin_scientific")
    code = _SPACED.sub("", text)
    if code.endswith(".0"):
        code = code[:-2]
    if not _DIGITS.fullmatch(code) or not code.strip("0"):
        return _isbn_10(code) or Gtin(None, "gtin_invalid")
    if len(code) in (8, 12, 13, 14):
        return _judged(code, None) if _checks(code) else Gtin(None, "gtin_invalid")
    return _shortened(code)


def _shortened(code: str) -> Gtin:
    """Of 7 or 9 to 11 digits: what a spreadsheet took the zeros of, or an ISBN-10."""
    if len(code) not in (7, 9, 10, 11):
        return Gtin(None, "gtin_invalid")
    readings = [_isbn_10(code)] if len(code) == 10 else []
    if code[0] != "0" and _checks(code):  # no spreadsheet leaves the second of two zeros
        readings.append(_judged(code.zfill(8 if len(code) == 7 else 12), "gtin_zeros_restored"))
    found = [reading for reading in readings if reading]
    if len(found) == 2:
        return Gtin(None, "gtin_ambiguous")
    return found[0] if found else Gtin(None, "gtin_invalid")


def _checks(digits: str) -> bool:
    return (sum(map(mul, map(int, digits.zfill(14)), (*_WEIGHTS, 1)))) % 10 == 0


def _isbn_10(code: str) -> Gtin | None:
    """Its ISBN-13 when the check digit fits (ISO 2108: weights 10 to 1, modulo 11)."""
    if not _ISBN.fullmatch(code):
        return None
    last = 10 if code[9] in "xX" else int(code[9])
    if (sum((10 - place) * int(digit) for place, digit in enumerate(code[:9])) + last) % 11:
        return None
    return Gtin(with_check_digit("978" + code[:9]), "isbn_10")


def with_check_digit(body: str) -> str:
    """The digits followed by the one that makes them a GTIN (GS1 General Specifications, 7.9)."""
    return body + str(-sum(map(mul, map(int, body.zfill(13)), _WEIGHTS)) % 10)


def _judged(digits: str, flag: str | None) -> Gtin:
    """A GTIN with a right check digit, unless its prefix makes it a number of one shop."""
    full = digits.zfill(14)
    internal = full[6:].startswith(_INTERNAL_8) if full.startswith(_AS_8) else full[1:].startswith(_INTERNAL)
    return Gtin(None, "internal_gtin") if internal else Gtin(digits, flag)
