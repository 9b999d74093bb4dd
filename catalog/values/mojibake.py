"""Text whose UTF-8 bytes were read as another encoding ('CafÃ©'): seeing it, and mending it without loss."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

_ROUNDS = 3  # text may have been spoilt more than once
_LEADS = ((0xC2, 0xDF, 1), (0xE0, 0xEF, 2), (0xF0, 0xF4, 3))  # first byte from, to, bytes that follow
# What mended text may hold. Left out: phonetic letters, Syriac, Hebrew accents and others that no product text has but
# that two ordinary characters (a capital and a closing quote) would decode to.
_PLAUSIBLE = re.compile(
    r"[\u00a0-\u017f\u0192\u0218-\u021b\u0300-\u036f\u0386-\u03ce\u0400-\u045f\u0490-\u0493\u04d8\u04d9\u04e8\u04e9"
    r"\u05d0-\u05ea\u060c\u061b\u061f\u0621-\u063a\u0640-\u0652\u0660-\u066d\u067e\u0686\u0698\u06a9\u06af\u06cc"
    r"\u0900-\u0dff\u0e00-\u0e7f\u1e00-\u1eff\u2000-\u206f\u20a0-\u20bf\u2100-\u214f\u2190-\u22ff\u2460-\u27bf"
    r"\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\ufeff\uff00-\uffef\U0001f300-\U0001faff]+"
)
_FOREIGN = re.compile(r"[\u0386-\u1dff\u3040-\ud7a3]")


@dataclass(frozen=True)
class Reading:
    """A wrong encoding. marks: the first bytes that give it away, and how often in a row they must.

    whole: a stretch of such characters is mended altogether or not at all, for its letters are ordinary ones there.
    """

    encoding: str
    marks: tuple[tuple[int, int], ...]
    whole: bool

    @cached_property
    def byte(self) -> dict[int, int]:
        """Code point -> byte, above ASCII; a byte the encoding does not have is the control character it equals."""
        known = {code: code for code in range(0x80, 0x100)} if self.encoding == "cp1252" else {}
        for code in range(0x80, 0x100):
            text = bytes([code]).decode(self.encoding, "ignore")
            if text:
                known[ord(text)] = code
        return known

    def letters(self, first: int, last: int) -> str:
        """The characters of these bytes, as a set of a regular expression."""
        found = sorted(point for point, code in self.byte.items() if first <= code <= last)
        return "[" + "".join(rf"\x{{{point:x}}}" for point in found) + "]"

    @cached_property
    def suspect(self) -> str:
        """What such text holds, as an expression for polars."""
        follows = self.letters(0x80, 0xBF)
        parts = []
        for lead, times in self.marks:
            count = next(more for first, last, more in _LEADS if first <= lead <= last)
            parts.append(f"(?:{self.letters(lead, lead)}{follows}{{{count}}}){{{times}}}")
        return "|".join(parts)

    @cached_property
    def pieces(self) -> re.Pattern[str]:
        """What is decoded at once: one character's bytes, or a whole stretch of them."""
        if self.whole:
            return re.compile(_python(self.letters(0x80, 0xFF)) + "+")
        follows = self.letters(0x80, 0xBF)
        one = "|".join(f"{self.letters(first, last)}{follows}{{{more}}}" for first, last, more in _LEADS)
        return re.compile(_python(f"(?:{one})+"))


def _python(expression: str) -> str:
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: f"\\U{int(found.group(1), 16):08x}", expression)


def _every(marks: range, times: int) -> tuple[tuple[int, int], ...]:
    return tuple((mark, times) for mark in marks)


READINGS = (
    Reading("cp1252", _every(range(0xC2, 0xDC), 1) + _every(range(0xE0, 0xF0), 1) + ((0xF0, 1),), whole=False),
    Reading("cp1251", ((0xD0, 2), (0xD1, 2), (0xE2, 1)), whole=True),
    Reading("mac_roman", ((0xC2, 1), (0xC3, 1), (0xC4, 1), (0xC5, 1), (0xD0, 2), (0xD1, 2), (0xE2, 1)), whole=True),
)
SUSPECT = "|".join(reading.suspect for reading in READINGS)
_HIGH = re.compile(r"[^\x00-\x7f]{2,}")
_MIXED = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]{2,}|[^\x00-\x7f]{2,}(?=[A-Za-z])")
# What may follow a capital in sound text, and with it makes the bytes of another letter.
_CLOSING = "\u00a0\u00ab\u00ae\u00b0\u00b2\u00b3\u00bb\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u2122\u203a"


def badness(text: str) -> int:
    """How many places of a text look like UTF-8 read as something else."""
    return sum(len(_suspect().findall(stretch)) for stretch in _HIGH.findall(text))


@cache
def _suspect() -> re.Pattern[str]:
    """Compiled when it is first asked for: that takes longer than all else a command imports of ours."""
    return re.compile(_python(SUSPECT))


def mended(text: str) -> str:
    """The text as it was before its bytes were misread, or unchanged.

    A stretch is replaced only if its bytes, encoded back, are strict UTF-8 of characters that product text has, and if
    the whole then looks less spoilt. The same text always gives the same answer.
    """
    for _ in range(_ROUNDS):
        best = min(_attempts(text), key=lambda attempt: attempt[0])[1]
        if best == text:
            break
        text = best
    return text


def meant(text: str) -> str:
    """`mended`, and Western letters that were read as Windows-1251 too: 'BoutonniГЁre' is 'Boutonnière'.

    For showing what is meant, not for changing items: a letter beside two of another script may be meant so in a name.
    """
    if not _HIGH.search(text):
        return text
    return _MIXED.sub(_western, mended(text))


def _western(found: re.Match[str]) -> str:
    try:
        letters = found.group().encode("cp1251").decode("utf-8")
    except UnicodeError:
        return found.group()
    return letters if re.fullmatch("[\u00c0-\u017f]+", letters) else found.group()


def _attempts(text: str) -> Iterator[tuple[int, str]]:
    yield badness(text), text
    for reading in READINGS:
        decoded: list[str] = []
        found = _mend(text, reading, decoded)
        # one letter of another script is no word of it
        if decoded and len(_FOREIGN.findall("".join(decoded))) != 1:
            yield badness(found), found


def _mend(text: str, reading: Reading, decoded: list[str]) -> str:
    def replaced(found: re.Match[str]) -> str:
        piece = found.group()
        try:
            meant = bytes(reading.byte[ord(letter)] for letter in piece).decode("utf-8")
        except UnicodeDecodeError:
            return piece
        if not _PLAUSIBLE.fullmatch(meant) or _ends_in_capitals(text, found):
            return piece
        decoded.append(meant)
        return meant

    return reading.pieces.sub(replaced, text)


def _ends_in_capitals(text: str, found: re.Match[str]) -> bool:
    """A capital letter and a closing sign after other capitals: 'LÃ 100%' (wool) is not 'Là 100%'."""
    piece, before, after = found.group(), text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    return len(piece) == 2 and piece[1] in _CLOSING and piece[0] != "Â" and before.isupper() and not after.isalpha()
