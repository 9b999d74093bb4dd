"""Which encoder suits these labels: frozen embeddings of a sample and a linear probe on them. Ranks; trains nothing else.

Only products that training may see are used (splits train and early_stopping), one item of each look-alike cluster:
those that calibrate or certify stay unseen, or the choice would spend them.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import polars as pl
import torch

from catalog.certification.metrics import wilson
from catalog.errors import CatalogError
from catalog.inference.inputs import TEXT_FIELDS
from catalog.jobs import Progress
from catalog.learning import weights
from catalog.learning.encoding import encode
from catalog.learning.network import Encoder, encoder_for
from catalog.learning.training_settings import TrainingSettings

LEARN, HELD_OUT = 2000, 1000  # products: enough to tell encoders apart that differ by about 3 points
LEAST = 40
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # as shares of the mean eigenvalue of the kernel
_EMPTY_LEXICON = (np.full(1 << 20, -1, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True)
class Sample:
    """Products to fit the probe on, then those to judge it on; `learned` counts the first, `label` numbers categories."""

    frame: pl.DataFrame
    label: np.ndarray
    learned: int


@dataclass(frozen=True)
class Side:
    """One tower's view of a sample: vectors (n, width), which items have one, megabytes, seconds an item."""

    vectors: np.ndarray
    held: np.ndarray
    megabytes: float
    seconds: float


@dataclass(frozen=True)
class Ranked:
    """An encoder and how its probes did: `right_*` bool for each judged product that has what the probe reads."""

    setting: dict[str, str]
    right_text: np.ndarray
    right_image: np.ndarray
    right: np.ndarray
    megabytes: float
    items_per_second: float


def candidates(settings: TrainingSettings) -> list[TrainingSettings]:
    """Every installed text tower with every installed picture tower, and the configured encoder where it is another."""
    texts, images = ([name for name, tower in known.items() if weights.installed(tower)] for known in _known())
    found = [
        replace(settings, encoder="embedded", encoder_text=text, encoder_image=image)
        for text, image in product(texts, images)
    ]
    return found if settings in found else [*found, settings]


def _known() -> tuple[dict[str, weights.PackagedWeights], dict[str, weights.PackagedWeights]]:
    return weights.TEXT, weights.IMAGE


def sample(known: pl.DataFrame, *, learn: int, held_out: int, seed: int) -> Sample:
    """Draws products from labelled rows with columns cluster, split and category_id.

    Judged are only products of categories that the probe learns. Raises CatalogError when there are too few.
    """
    usable = known.filter(pl.col("split").is_in(["train", "early_stopping"]))
    drawn = usable.sample(fraction=1.0, shuffle=True, seed=seed).unique("cluster", keep="first", maintain_order=True)
    judged = min(held_out, drawn.height // 3)
    held, taught = drawn.head(judged), drawn.slice(judged, learn)
    held = held.filter(pl.col("category_id").is_in(taught["category_id"].unique().implode()))
    if taught.height + held.height < LEAST or not held.height or taught["category_id"].n_unique() < 2:
        raise CatalogError(
            f"{drawn.height} labelled products that may be trained on are too few to compare encoders.",
            remedy="Import more labelled products: catalog labels import FILE.",
        )
    frame = pl.concat([taught, held])
    label = frame["category_id"].rank("dense").to_numpy().astype(np.int64) - 1
    return Sample(frame, label, taught.height)


def compare(found: Sample, tried: list[TrainingSettings], progress: Progress) -> list[Ranked]:
    """The encoders, the best probe on text and picture first. Every tower encodes the sample once."""
    texts: dict[tuple[str, str], Side] = {}
    images: dict[tuple[str, str], Side] = {}
    for number, settings in enumerate(tried):
        text_key, image_key = (settings.encoder, settings.encoder_text), (settings.encoder, settings.encoder_image)
        if text_key not in texts or image_key not in images:
            encoder = encoder_for(replace(settings, unfreeze_blocks=0))
            show = partial(progress, f"encode {number + 1} of {len(tried)}")
            texts[text_key] = texts.get(text_key) or _side(found.frame, encoder, "text", show)
            images[image_key] = images.get(image_key) or _side(found.frame, encoder, "image", show)
    ranked = [
        _judged(
            found,
            settings,
            texts[settings.encoder, settings.encoder_text],
            images[settings.encoder, settings.encoder_image],
        )
        for settings in tried
    ]
    return sorted(ranked, key=lambda one: (-one.right.mean(), -one.items_per_second))


def _side(frame: pl.DataFrame, encoder: Encoder, part: str, show: partial) -> Side:
    hidden = ["image"] if part == "text" else [name for name in TEXT_FIELDS if name in frame.columns]
    alone = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in hidden)
    begun = time.perf_counter()
    data = encode(alone, encoder, _EMPTY_LEXICON, torch.zeros(frame.height, 1, dtype=torch.bool), show)
    seconds = time.perf_counter() - begun
    tower, column = (encoder.text, 0) if part == "text" else (encoder.image, 1)
    vectors, held = (data.text if part == "text" else data.image).numpy(), data.present[:, column].numpy() > 0
    tensors = [*tower.parameters(), *tower.buffers()]
    megabytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6
    return Side(vectors, held, megabytes, seconds / max(1, int(held.sum())))


def _judged(found: Sample, settings: TrainingSettings, text: Side, image: Side) -> Ranked:
    one, other = (_scaled(side, found.learned) for side in (text, image))
    judged = slice(found.learned, None)
    names = ("encoder_text", "encoder_image") if settings.encoder == "embedded" else ("encoder",)
    return Ranked(
        {name: getattr(settings, name) for name in names},
        _right(one, found)[text.held[judged]],
        _right(other, found)[image.held[judged]],
        _right(np.concatenate([one, other], axis=1), found),
        text.megabytes + image.megabytes,
        1 / max(1e-9, text.seconds * text.held.mean() + image.seconds * image.held.mean()),
    )


def _scaled(side: Side, learned: int) -> np.ndarray:
    """Vectors around their mean and of length about 1; zeros where the item has none."""
    known = side.vectors[:learned][side.held[:learned]]
    if not len(known):
        return np.zeros_like(side.vectors)
    mean = known.mean(0)
    return (side.vectors - mean) / np.sqrt(((known - mean) ** 2).sum(1).mean() + 1e-12) * side.held[:, None]


def _right(vectors: np.ndarray, found: Sample) -> np.ndarray:
    """bool (judged,): whether a ridge regression on the other products' categories names the right one.

    The penalty is the one with the most right answers when each product is left out: with G = (K + penalty I)^-1 and
    a = G Y its scores are Y - a / diag(G) (Rifkin and Lippert 2007). No judged product takes part in that.
    """
    learn, judged = vectors[: found.learned].astype(np.float64), vectors[found.learned :].astype(np.float64)
    label = found.label[: found.learned]
    target = np.eye(found.label.max() + 1)[label]
    target -= target.mean(0)
    values, basis = np.linalg.eigh(learn @ learn.T)
    best, alpha = -1.0, np.zeros_like(target)
    for penalty in np.array(PENALTIES) * max(values.mean(), 1e-9):
        shrunk = basis / (np.maximum(values, 0) + penalty)
        here = shrunk @ (basis.T @ target)
        left_out = target - here / (shrunk * basis).sum(1)[:, None]
        if (score := float((left_out.argmax(1) == label).mean())) > best:
            best, alpha = score, here
    # The means taken off above are given back: without a vector the commonest category is named.
    scores = judged @ learn.T @ alpha + np.eye(found.label.max() + 1)[label].mean(0)
    return scores.argmax(1) == found.label[found.learned :]


def choice(ranked: list[Ranked]) -> Ranked:
    """The fastest of those that are not worse than the best beyond chance (95% interval of the paired difference)."""
    best = ranked[0].right.astype(float)

    def as_good(one: Ranked) -> bool:
        worse = best - one.right
        return float(worse.mean()) <= 1.96 * float(worse.std()) / len(worse) ** 0.5

    return max(filter(as_good, ranked), key=lambda one: one.items_per_second)


def table(ranked: list[Ranked], found: Sample) -> str:
    """The comparison as text, and what to write into catalog.toml."""
    head = ("encoder", "text", "image", "both", "MB", "items/s")
    rows = [head] + [
        (
            " + ".join(one.setting.values()),
            *(_share(right) for right in (one.right_text, one.right_image, one.right)),
            f"{one.megabytes:.0f}",
            f"{one.items_per_second:.0f}",
        )
        for one in ranked
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    chosen = "\n".join(f'{name} = "{value}"' for name, value in choice(ranked).setting.items())
    judged = len(found.label) - found.learned
    return "\n".join(
        [
            f"Share of right categories on {judged} products, by a linear probe fitted on {found.learned} others.",
            "It ranks encoders; a trained model does better. In brackets the 95% interval.",
            "",
            *lines,
            "",
            "Write into catalog.toml, the fastest that is not worse than the best beyond chance:",
            "[training]",
            chosen,
        ]
    )


def _share(right: np.ndarray) -> str:
    if not len(right):
        return "-"
    low, high = wilson(int(right.sum()), len(right))
    return f"{right.mean():.1%} ({low:.1%}-{high:.1%})"
