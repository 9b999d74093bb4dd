"""What a vendor's column is called, and which of our columns that means: a table of phrases in many languages."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

WEIGHTS = {"sure": 1.0, "likely": 0.75, "weak": 0.35}
_PLAIN = str.maketrans({"ß": "ss", "ı": "i", "ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe", "’": "'", "ʼ": "'"})
_HUMPS = re.compile(r"(?<=[^\W\d_A-ZА-ЯЁ])(?=[A-ZА-ЯЁІЇЄ])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)")
_NUMBER = re.compile(r"#(?!\w)")  # "Item #"
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Meaning:
    """How strongly a header's words mean a column of ours, from 0 to 1, and by which phrase of the table."""

    score: float = 0.0
    phrase: str = ""


NOTHING = Meaning()


@lru_cache(maxsize=65_536)
def words(header: str) -> tuple[str, ...]:
    """The header's words in one form: no case, no diacritics, no punctuation, CamelCase and digits apart.

    A word in capitals stays one word; a namespace or a path in front counts as words.
    """
    apart = _HUMPS.sub(" ", _NUMBER.sub(" number ", header.replace("'", " ")))
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return tuple(_WORD.findall(bare.casefold().translate(_PLAIN)))


@cache
def _table() -> dict[str, dict[str, list[tuple[str, ...]]]]:
    text = resources.files("catalog.proposals").joinpath("headers.toml").read_text(encoding="utf-8")
    return {
        ours: {kind: [words(phrase) for phrase in phrases] for kind, phrases in kinds.items()}
        for ours, kinds in tomllib.loads(text).items()
    }


@cache
def _phrases() -> dict[str, list[tuple[tuple[str, ...], float]]]:
    named = {ours: kinds for ours, kinds in _table().items() if ours not in ("owners", "fillers")}
    return {
        ours: [(phrase, WEIGHTS[kind]) for kind, phrases in kinds.items() for phrase in phrases]
        for ours, kinds in named.items()
    }


@cache
def _whole() -> dict[str, dict[str, float]]:
    """Our column -> phrases without spaces -> weight: 'productname' is 'product name'."""
    found: dict[str, dict[str, float]] = {}
    for ours, phrases in _phrases().items():
        known = found.setdefault(ours, {})
        for phrase, weight in phrases:
            known["".join(phrase)] = max(weight, known.get("".join(phrase), 0.0))
    return found


@cache
def _by_first_word() -> dict[str, dict[str, list[tuple[tuple[str, ...], float]]]]:
    """Our column -> the first word of a phrase -> the phrases: a header is compared with few of them."""
    found: dict[str, dict[str, list[tuple[tuple[str, ...], float]]]] = {}
    for ours, phrases in _phrases().items():
        known = found.setdefault(ours, {})
        for phrase, weight in phrases:
            known.setdefault(phrase[0], []).append((phrase, weight))
    return found


@cache
def _single(kind: str) -> frozenset[str]:
    return frozenset(word for phrase in _table()[kind]["words"] for word in phrase)


def columns() -> list[str]:
    """The columns of ours the table knows."""
    return list(_phrases())


@lru_cache(maxsize=65_536)
def meaning(header: str, ours: str) -> Meaning:
    """What the header says about one column of ours.

    The whole header in the table counts fully. A phrase inside it counts less the more words it leaves over, and
    little when one of those says that the thing is another's ('category id', 'brand name').
    """
    said = words(header)
    if not said:
        return NOTHING
    known = _whole()[ours]
    for form, share in ((said, 1.0), (_without_numbers(said), 0.97), (said[1:] if said[0] == "g" else (), 1.0)):
        if form and (weight := known.get("".join(form))):
            return Meaning(share * weight, " ".join(form))
    found = [
        Meaning(weight * _inside(said, phrase), " ".join(phrase))
        for word in dict.fromkeys(said)
        for phrase, weight in _by_first_word()[ours].get(word, [])
        if _holds(said, phrase)
    ]
    best = max(found, key=lambda one: (one.score, len(one.phrase)), default=NOTHING)
    elsewhere = any("".join(said) in phrases for other, phrases in _whole().items() if other != ours)
    return Meaning(best.score * 0.4, best.phrase) if elsewhere else best


def _without_numbers(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in said if not word.isdecimal())


def _holds(said: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return size < len(said) and any(said[at : at + size] == phrase for at in range(len(said) - size + 1))


def _inside(said: tuple[str, ...], phrase: tuple[str, ...]) -> float:
    left = [word for word in said if word not in phrase]
    if any(word in _single("owners") for word in left):
        return 0.2
    left = [word for word in left if word not in _single("fillers") and not word.isdecimal()]
    return 0.9 if not left else 0.65 if len(left) == 1 else 0.45
