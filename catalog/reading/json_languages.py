"""Values of JSON that say the same in several languages, as `{"en": ..., "de": ...}` or a list of entries that name theirs:
one language counts, or the object itself would stand in a title."""

from collections.abc import Iterator
from typing import Any

from catalog.reading.cells import text_of

# Keys of which one must be there: others are words too (`id`, `no`, `is`), and stand only beside these.
_LANGUAGES = frozenset(
    "en de fr es it pl nl pt ru uk cs sk sv da fi nb nn hu ro bg el tr ar he ja zh ko hr sr sl et lv lt vi th fa hi "  # noqa: SIM905 - one line
    "eng deu ger fra fre spa ita pol nld dut por rus ukr ces cze swe dan fin hun ron tur ara jpn zho kor".split()
)
_OTHERS = frozenset("id is no ga ms ca eu gl be ka hy az kk uz bs mk sq mt cy bn ta te ur tl lb is nor".split())  # noqa: SIM905 - one line
_KEYS = ("lang", "language", "locale", "languageCode", "language_code", "@language", "@lang")
_TEXTS = ("value", "text", "content", "@value", "name", "title", "label", "description", "translation")


def spoken(value: Any) -> dict[str, Any]:
    """Language, in small letters, to what is said in it; empty where a value is no such object or list."""
    if isinstance(value, dict):
        return _by_key(value)
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return _listed(value)
    return {}


def chosen(said: dict[str, Any], wanted: str) -> str:
    """The language that counts: the wanted one where it says something, else the first that does."""
    wanted = _code(wanted)
    filled = [language for language, value in said.items() if value] or list(said)
    return next((one for one in filled if wanted and wanted in (one, one.partition("-")[0])), filled[0])


def others(path: str, said: dict[str, Any], wanted: str) -> Iterator[tuple[str, str]]:
    """What the other languages say, by the last step of a path and the language."""
    kept = chosen(said, wanted)
    for language, value in said.items():
        if language != kept and (text := text_of(value)):
            yield f"{path.rpartition('.')[2]} {language}", text


def _by_key(value: dict[str, Any]) -> dict[str, Any]:
    codes = {_code(key): one for key, one in value.items()}
    first = {code.partition("-")[0] for code in codes}
    if not first & _LANGUAGES or first - _LANGUAGES - _OTHERS:
        return {}
    return codes if all(one is None or isinstance(one, str | list) for one in codes.values()) else {}


def _listed(entries: list[dict[str, Any]]) -> dict[str, Any]:
    key = next((key for key in _KEYS if all(isinstance(entry.get(key), str) for entry in entries)), None)
    text = next((name for name in _TEXTS if name in entries[0]), None)
    if key is None or text is None:
        return {}
    found = {_code(entry[key]): entry.get(text) for entry in entries}
    return found if {code.partition("-")[0] for code in found} & _LANGUAGES else {}


def _code(text: str) -> str:
    return text.strip().replace("_", "-").casefold()
