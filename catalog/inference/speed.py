"""How many items a second a classifier does on this machine, nothing of them seen before."""

import itertools
import time
from dataclasses import dataclass

import polars as pl

from catalog.inference.classifier import Classifier

SECONDS = 3.0  # of work that make a figure worth saying
_AT_ONCE = 128  # items between two looks at the clock


@dataclass(frozen=True)
class Rate:
    """Items a second, and the seconds of a processor each took; `processors`: how many this process got meanwhile."""

    per_second: float
    cost: float
    processors: float


@dataclass(frozen=True)
class Speed:
    """By text alone, by picture alone, and with both."""

    texts: Rate
    pictures: Rate
    both: Rate


def measure(classifier: Classifier, items: pl.DataFrame, *, seconds: float) -> Speed:
    """Predicts `items` (columns of INPUT_COLUMNS, each with text and picture) over and over without a kept embedding."""
    words = ("title", "description", "brand", "vendor_category", "attributes")
    no_picture = items.with_columns(image=pl.lit(None, pl.String))
    no_text = items.with_columns(pl.lit(None, pl.String).alias(name) for name in words)
    return Speed(*(rate(classifier, frame, seconds) for frame in (no_picture, no_text, items)))


def rate(classifier: Classifier, items: pl.DataFrame, seconds: float) -> Rate:
    """Over at least `seconds`; the first predictions, which load and allocate, are not counted."""
    classifier.predict(items.head(16))
    began, worked, done = time.monotonic(), time.process_time(), 0
    for part in itertools.cycle(items.iter_slices(_AT_ONCE)):
        classifier.predict(part)  # its own memory: a text seen in an earlier turn is encoded again
        done += part.height
        if time.monotonic() - began >= seconds:
            break
    passed, worked = time.monotonic() - began, time.process_time() - worked
    return Rate(done / passed, worked / done, worked / passed)


def limit(speed: Speed, rows: float, provider: str) -> str:
    """One sentence on what an item costs most, and what would raise it. `rows`: taken from a file in a second."""
    costs = {
        "taking deliveries": 1 / rows,
        "encoding pictures": max(1 / speed.both.per_second - 1 / speed.texts.per_second, 0.0),
        "encoding texts": 1 / speed.texts.per_second,
    }
    most = max(costs, key=lambda name: costs[name])
    share = costs[most] / sum(costs.values())
    more = {
        "taking deliveries": "a faster processor raises it; feeds are read by one machine",
        "encoding pictures": "more processors, a GPU or more machines raise it (docs/scaling.md)",
        "encoding texts": "more processors, a GPU or more machines raise it (docs/scaling.md)",
    }
    where = "" if provider == "CPUExecutionProvider" else f" on {provider.removesuffix('ExecutionProvider')}"
    return f"The limit is {most}{where}, {share:.0%} of the time a new item with a picture takes: {more[most]}."
