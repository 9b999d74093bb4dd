"""Drift in words: what changed, by how much, which items show it, and what to do about it."""

import numpy as np
import polars as pl

from catalog.store import Store
from catalog.watch.drift import Judged
from catalog.watch.features import PLACE

EXAMPLES = 3
MOST_LINES = 5  # in a night's summary; the view drift has all of them
_TITLE = 50
_LABEL = (
    "label some of them drawn at random (catalog labels import FILE --random), then catalog train and catalog evaluate"
)
_FILE = "look at the examples and at the newest file (catalog vendor propose {vendor} FILE --update)"
_PICTURES = "look at the examples and ask the vendor about its pictures"
_NAMES = {
    "confidence": ("log-odds of the best guess", "{:.1f}", _LABEL),
    "expected_accuracy": ("accuracy expected from its confidence", "{:.0%}", _LABEL),
    "novelty": ("novelty (rank among known products)", "{:.2f}", _LABEL),
    "new_words": ("share of words never sent before", "{:.0%}", _FILE),
    "title_words": ("words of a title", "{:.1f}", _FILE),
    "without_picture": ("share without a picture", "{:.0%}", _PICTURES),
    "brightness": ("brightness of pictures (0 to 255)", "{:.0f}", _PICTURES),
    "sharpness": ("sharpness of pictures (grey levels)", "{:.1f}", _PICTURES),
    "picture_size": ("pixels of a picture", "{:,.0f}", _PICTURES),
    "categories": ("shares of categories", "", "if the vendor's range has changed, nothing; else " + _FILE),
    "text_embedding": ("what texts are about", "", f"{_FILE}; if the range has changed, {_LABEL}"),
    "picture_embedding": ("what pictures show", "", _PICTURES),
}


def numbers(statistic: str, found: Judged) -> tuple[float, float] | tuple[None, None]:
    """The mean of the batch and the usual one; None for a distance."""
    columns = PLACE[statistic]
    usual = float(found.usual[columns][0])
    if columns.stop - columns.start > 1 or np.isnan(usual):
        return None, None
    value = usual + float(found.shift[columns][0])
    return (float(np.exp(value)), float(np.exp(usual))) if statistic == "picture_size" else (value, usual)


def sentence(statistic: str, found: Judged, categories: list[str]) -> str:
    """What changed, by how much. `categories`: what the columns of shares are called."""
    what, form, _ = _NAMES[statistic]
    value, usual = numbers(statistic, found)
    if value is not None and usual is not None:
        return f"{what} {form.format(value)} instead of {form.format(usual)}"
    if statistic == "categories":
        shift, before = found.shift[PLACE[statistic]], found.usual[PLACE[statistic]]
        far = sorted(range(len(categories)), key=lambda n: -abs(shift[n]))[:2]
        moved = [f"{categories[n]} {before[n] + shift[n]:.0%} instead of {before[n]:.0%}" for n in far]
        return f"{what}: {', '.join(moved)}"
    return f"{what}: {found.score[statistic]:.1f} times as far from usual as one quiet batch in a hundred"


def called(statistic: str) -> str:
    """What a statistic is, in words."""
    return _NAMES[statistic][0] if statistic in _NAMES else statistic.replace("_", " ")


def remedy(statistic: str, vendor: str) -> str:
    """What to do next."""
    return _NAMES[statistic][2].format(vendor=vendor)


def examples(statistic: str, found: Judged, batch: np.ndarray, items: pl.DataFrame) -> list[str]:
    """The items that lean farthest to where the batch went."""
    columns = PLACE[statistic]
    weight = found.shift[columns] / np.maximum(found.spread[columns], 1e-9) ** 2
    lean = np.nan_to_num((batch[:, columns] - found.usual[columns]) @ weight, nan=-np.inf)
    rows = np.argsort(-lean, kind="stable")[:EXAMPLES]
    return [f"{item} {(title or '')[:_TITLE]}".strip() for item, title in items[rows].select("item_id", "title").rows()]


def lines(store: Store, run_id: str) -> list[str]:
    """A line for each vendor and department that alarmed in the run, for its summary."""
    found = store.query(
        """SELECT vendor, path, statistic, sentence, remedy, examples FROM drift WHERE run_id = ? AND alarm
           ORDER BY vendor, path NULLS FIRST, score DESC""",
        [run_id],
    )
    told = []
    for (vendor, path), part in found.group_by("vendor", "path", maintain_order=True):
        first = part.row(0, named=True)
        more = f" ({part.height - 1} more in the view drift)" if part.height > 1 else ""
        where = f"{vendor}, {path}" if path else str(vendor)
        told.append(
            f"drift         {where}: {first['sentence']}{more}. For example {'; '.join(first['examples'])}. "
            f"To do: {first['remedy']}."
        )
    rest = [f"              and {len(told) - MOST_LINES} more in the view drift"] if len(told) > MOST_LINES else []
    return [*told[:MOST_LINES], *rest]
