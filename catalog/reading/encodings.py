"""Which encoding a file's bytes are written in: marks, strict UTF-8, else what makes plausible words of them."""

import codecs
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

# Letters beyond ASCII that a language writes, and the encodings its files come in.
_LATIN = {
    "German": ("windows-1252 iso-8859-15 cp850 mac-roman", "äöüß"),
    "French": ("windows-1252 iso-8859-15 cp850 mac-roman", "àâçéèêëîïôùûüœ"),
    "Spanish": ("windows-1252 iso-8859-15 cp850 mac-roman", "áéíñóúü"),
    "Portuguese": ("windows-1252 iso-8859-15 cp850 mac-roman", "ãõâêôáéíóúàçü"),
    "Italian": ("windows-1252 iso-8859-15 cp850 mac-roman", "àèéìòù"),
    "Nordic": ("windows-1252 iso-8859-15 cp850 mac-roman", "åäöæøé"),
    "Polish": ("windows-1250 iso-8859-2 cp852", "ąćęłńóśźż"),
    "Czech": ("windows-1250 iso-8859-2 cp852", "áčďéěíňóřšťúůýžľĺŕô"),
    "Hungarian": ("windows-1250 iso-8859-2 cp852", "áéíóöőúüű"),
    "South Slavic": ("windows-1250 iso-8859-2 cp852", "čćđšž"),
    "Romanian": ("windows-1250 iso-8859-2 iso-8859-16", "ăâîșțşţ"),
    "Turkish": ("windows-1254 cp857", "çğıöşüâ"),
    "Baltic": ("windows-1257 iso-8859-13", "āčēģīķļņšūžąęėįųõäöü"),
}
# Scripts of their own: encodings, first and last letter, the commonest letters (about half of any text).
_SCRIPTS = {
    "Cyrillic": ("windows-1251 koi8-u koi8-r cp866 iso-8859-5 mac-cyrillic", "\u0400", "\u052f", "оеаинтрсвлкмі"),
    "Greek": ("windows-1253 iso-8859-7", "\u0370", "\u03ff", "αοιετσνηυρκπ"),
    "Hebrew": ("windows-1255 iso-8859-8", "\u05d0", "\u05ea", "יולהאתמרבנשח"),
    "Arabic": ("windows-1256 iso-8859-6", "\u0600", "\u06ff", "اليمونترب"),
    "Thai": ("cp874", "\u0e00", "\u0e7f", "านรอกเงยลมสว"),
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Windows calls ANSI, another one in each country; at equal plausibility the earlier one wins.
_ANSI = (
    *("windows-1252", "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1257"),
    *("windows-1255", "windows-1256", "cp874"),
)
_LOOKED_AT = 60_000  # bytes a guess is made from
_JUDGED = 6_000  # bytes charset-normalizer is asked about; it takes its time
_SIGNS = "°€£«»–—“”’‘…®™·§©²³½¼×µ\u00a0ªº"
_RUN = re.compile(r"(?=[^\W\d_]*[^\W\d_\x00-\x7f])[^\W\d_]+")  # words with a letter beyond ASCII


@dataclass(frozen=True)
class Encoding:
    """name: as Python knows it, empty when no encoding makes sense of the bytes. why: one clause. sure: no guess."""

    name: str
    why: str
    sure: bool = True


def find_encoding(pieces: list[bytes]) -> Encoding:
    """The encoding of pieces of one file, the first of which is its beginning; the others may begin mid-character."""
    head = pieces[0]
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, f"begins with the byte order mark of {name.upper()}")
    if wide := _without_mark(head):
        return Encoding(wide, f"every other byte is zero, as in {wide.upper()}", sure=False)
    if all(_is_utf8(piece, whole_start=not number) for number, piece in enumerate(pieces)):
        plain = all(piece.isascii() for piece in pieces)
        return Encoding("utf-8", "only ASCII seen, which UTF-8 contains" if plain else "valid UTF-8 throughout")
    return _guess(b"\n".join(_telling_lines(pieces)) or head[:_LOOKED_AT])


def find_ansi(content: bytes) -> str | None:
    """The ANSI code page of Windows under which the bytes of a whole file make most sense as words.

    The Western one where they say too little; None for a file in UTF-8 or UTF-16, and for one that none of them reads.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _is_utf8(content, whole_start=True):
        return None
    sample = b"\n".join(_telling_lines([content]))
    able = [name for name in _ANSI if _readable(content, name)]
    return max(able, key=lambda name: _plausibility(sample, name)[0], default=None)


def _readable(content: bytes, name: str) -> bool:
    try:
        content.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(piece: bytes, *, whole_start: bool) -> bool:
    if not whole_start:  # at most three bytes of a character cut in two
        piece = piece[next((at for at in range(4) if piece[at : at + 1] and piece[at] & 0xC0 != 0x80), 0) :]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def _without_mark(head: bytes) -> str:
    sample = head[:2_000]
    sample = sample[: len(sample) // 2 * 2]
    if len(sample) < 8:
        return ""
    even, odd = (sample[start::2].count(0) for start in (0, 1))
    if even + odd < max(3, len(sample) / 50) or min(even, odd) > (even + odd) / 20:
        return ""
    name = "utf-16-le" if odd > even else "utf-16-be"
    return name if _decoded(sample, name) else ""


def _telling_lines(pieces: list[bytes]) -> list[bytes]:
    """Lines with bytes beyond ASCII: in a long file of numbers they are few, and all the evidence there is."""
    found, size = [], 0
    for piece in pieces:
        for line in piece.splitlines():
            if not line.isascii() and size < _LOOKED_AT:
                found.append(line[:5_000])
                size += len(found[-1])
    return found


def _guess(sample: bytes) -> Encoding:
    scored = sorted(((_plausibility(sample, name), name) for name in _candidates(sample)), key=lambda one: -one[0][0])
    (score, letters, group), name = scored[0]
    if score < 0.5:
        return Encoding("", "no encoding makes words of the bytes beyond ASCII", sure=False)
    why = f"not UTF-8; {name} makes {group} words of {letters:,} letters beyond ASCII"
    read = _decoded(sample, name)
    near = (other for (points, _, kind), other in scored[1:] if points > score - 0.03 and kind != group)
    rival = next((other for other in near if _decoded(sample, other) != read), "")
    if rival:
        why += f"; could also be {rival}"
    return Encoding(name, why, sure=not rival and score > 0.8 and letters >= 20)


def _candidates(sample: bytes) -> list[str]:
    """Encodings in order of trust: at equal plausibility the earlier one wins."""
    families = [names.split() for names, *_ in (*_LATIN.values(), *_SCRIPTS.values())]
    from charset_normalizer import from_bytes  # noqa: PLC0415 - for files of no known encoding, not for every night

    theirs = [codecs.lookup(match.encoding).name for match in from_bytes(sample[:_JUDGED])][:3]
    known = {name for names in families for name in names} | _MULTIBYTE
    usual = [names[0] for names in families]
    rest = [name for names in families for name in names[1:]]
    likely = [name for name in theirs if name in usual]
    return list(dict.fromkeys([*likely, *usual, *(n for n in theirs if n in known), *sorted(_MULTIBYTE), *rest]))


def _plausibility(sample: bytes, name: str) -> tuple[float, int, str]:
    """(score from 0 to 1, letters beyond ASCII, whose letters they are) when the bytes are read in an encoding."""
    text = _decoded(sample, name)
    if text is None:
        return 0.0, 0, ""
    beyond = Counter({c: times for c, times in Counter(text).items() if c > "\x7f" and c != "\ufffd"})
    runs = Counter(run for run in _RUN.findall(text) if len(run) > 1)  # a letter alone may be a sign read wrongly
    letters: Counter[str] = Counter()
    for run, times in runs.items():
        for c in run:
            if c > "\x7f" and c.isalpha():
                letters[c] += times
    total = letters.total()
    if total < max(3, beyond.total() / 4):
        signs = _share(beyond, lambda c: c in _SIGNS or c.isalpha())
        return (0.7 * signs if name == "windows-1252" else 0.0), total, "no"
    group, covered = _whose(letters, name)
    odd = _share(beyond, lambda c: "\u2500" <= c <= "\u25ff" or c < "\u00a0" or c in "¤¦¬¶¨¸¯")
    shaped = sum(times * _shape(run) for run, times in runs.items()) / runs.total()
    return covered * shaped * (1 - odd), total, group


def _decoded(sample: bytes, name: str) -> str | None:
    text = sample.decode(name, errors="replace")
    # A sample cut mid-character costs one replacement; more of them mean another encoding.
    return None if text.count("\ufffd") > 1 + len(text) // 2_000 else text


def _whose(letters: Counter[str], name: str) -> tuple[str, float]:
    """The language or script that covers most of the letters, among those written in this encoding."""
    if name in _MULTIBYTE:
        return "East Asian", 0.98 * _usual(_share(letters, _MULTIBYTE_LETTERS[name]), 0.8)
    found = {}
    for script, (names, first, last, common) in _SCRIPTS.items():
        if name in names.split():
            within = sum(times for c, times in letters.items() if first <= c <= last) / letters.total()
            found[script] = within * _usual(_within(letters, common), 0.6) * _telling(letters, script)
    for language, (names, alphabet) in _LATIN.items():
        if name in names.split():
            found[language] = _within(letters, f"{alphabet}i̇")  # a dotted capital i is two characters when small
    best = max(found, key=lambda group: found[group])
    return best, found[best]


def _within(letters: Counter[str], alphabet: str) -> float:
    """Share of the letters that an alphabet has, capitals or not."""
    return _share(letters, lambda c: c.lower() in alphabet)


def _telling(letters: Counter[str], script: str) -> float:
    """Less than 1 where a script tells itself less apart: by no capitals, or in Greek by words without accents."""
    if script == "Greek":
        return 0.85 + 0.15 * min(1.0, _within(letters, "άέήίόύώ") / 0.05)
    return 1.0 if script == "Cyrillic" else 0.95


def _usual(share: float, expected: float) -> float:
    """1 when the commonest letters of a language are as common as expected, down to 0.3 when there are none."""
    return 0.3 + 0.7 * min(1.0, share / expected)


def _everyday(encoding: str, first: int, last: int, *, kana: bool = False) -> Callable[[str], bool]:
    """Whether a character stands among the everyday ones of a national standard, by the first of its two bytes."""

    def common(letter: str) -> bool:
        if "\u3041" <= letter <= "\u30fe":
            return kana
        code = letter.encode(encoding, errors="ignore")
        return len(code) == 2 and first <= code[0] <= last

    return common


_MULTIBYTE_LETTERS = {
    "gb18030": _everyday("gb2312", 0xB0, 0xD7),
    "big5hkscs": _everyday("big5", 0xA4, 0xC6),
    "cp932": _everyday("euc_jp", 0xB0, 0xCF, kana=True),
    "euc_jp": _everyday("euc_jp", 0xB0, 0xCF, kana=True),
    "cp949": _everyday("euc_kr", 0xB0, 0xC8),
}
_MULTIBYTE = frozenset(_MULTIBYTE_LETTERS)


def _shape(run: str) -> float:
    """1 for a word of one script with its capitals where capitals stand, 0 for none, capitals throughout between."""
    if len({_script(c) for c in run if c.isalpha()}) > 1 or "\u03c2" in run[:-1]:  # a final sigma inside
        return 0.0
    return 1.0 if run[1:] == run[1:].lower() else 0.85 if run.isupper() else 0.0


def _script(letter: str) -> str:
    return next((name for name, (_, first, last, _common) in _SCRIPTS.items() if first <= letter <= last), "Latin")


def _share(counted: Counter[str], holds: Callable[[str], object]) -> float:
    return sum(times for one, times in counted.items() if holds(one)) / (counted.total() or 1)
