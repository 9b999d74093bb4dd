"""Scores kept outside git: what a method said of every judged item, so that figures need no second training."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CACHE = Path("build/quality")


@dataclass(frozen=True)
class Scores:
    """Logits of each part, float32 (n, classes), the item ids they belong to, and a novelty score where one was given.

    Parts are those of the split, `test_no_image` and `test_no_text`; `temperature` was fitted on the part of that name.
    """

    classes: list[str]
    temperature: float
    items: dict[str, list[str]]
    logits: dict[str, np.ndarray]
    novelty: dict[str, np.ndarray] = field(default_factory=dict)


def save(file: Path, scores: Scores) -> None:
    """Writes a compressed npz, complete or not at all."""
    arrays = {"classes": np.array(scores.classes), "temperature": np.array(scores.temperature)}
    for part, logits in scores.logits.items():
        arrays[f"logits/{part}"] = logits.astype(np.float32)
        arrays[f"items/{part}"] = np.array(scores.items[part])
    arrays |= {f"novelty/{part}": values.astype(np.float32) for part, values in scores.novelty.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.npz")
    np.savez_compressed(partial, **arrays)  # type: ignore[arg-type]
    partial.rename(file)


def load(file: Path) -> Scores:
    """The inverse of `save`."""
    with np.load(file, allow_pickle=False) as content:
        named = {name: content[name] for name in content.files}
    groups: dict[str, dict[str, np.ndarray]] = {"logits": {}, "items": {}, "novelty": {}}
    for name, values in named.items():
        group, _, part = name.partition("/")
        if part:
            groups[group][part] = values
    items = {part: values.tolist() for part, values in groups["items"].items()}
    return Scores(named["classes"].tolist(), float(named["temperature"]), items, groups["logits"], groups["novelty"])
