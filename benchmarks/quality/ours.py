"""Our own model through its public door: train a bundle, then score with what would serve."""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quality.trained import Lesson, Trained, only
from catalog.inference.classifier import Classifier
from catalog.inference.embeddings import MemoryEmbeddings
from catalog.inference.novelty import energy
from catalog.learning import training
from catalog.learning.export import RANGES, image_in_int8, pictures_of
from catalog.learning.training_settings import TrainingSettings


def ours(lesson: Lesson, settings: TrainingSettings, shown: str = "both") -> Trained:
    """Trains a bundle and opens it as serving does. `shown` says what it may see: both, text or image.

    The bundle lies in the lesson's work folder and is read from there while it scores.
    """
    folder = lesson.work
    examples = pl.concat(
        [lesson.learn.with_columns(split=pl.lit("train")), lesson.stop.with_columns(split=pl.lit("early_stopping"))]
    )
    report = training.train(only(examples, shown), lesson.taxonomy, settings, folder)
    kept = MemoryEmbeddings()

    def novelty(frame: pl.DataFrame, _temperature: float) -> np.ndarray:
        """What is served is a rank of this among known products, which orders items alike."""
        return energy(served.logits(only(frame, shown), embeddings=kept))

    served = Classifier.open(folder, device="cpu", threads=lesson.threads, verify=False)
    told = {"settings": asdict(settings), "report": report.to_dict(), "shown": shown}

    def int8() -> dict[str, float]:
        return int8_agreement(folder, only(lesson.stop, shown), lesson.threads)

    return Trained(
        report.classes, lambda frame: served.logits(only(frame, shown), embeddings=kept), told, novelty, int8
    )


def int8_agreement(folder: Path, frame: pl.DataFrame, threads: int) -> dict[str, float]:
    """Share of items whose likeliest class stays when the image tower runs in int8; ranges from 64 other pictures."""
    rules = Classifier.open(folder, device="cpu", verify=False).rules.image
    other = folder.with_name(f"{folder.name}-int8")
    shutil.copytree(folder, other)
    if not image_in_int8(other, rules, pictures_of(frame)):
        return {}
    kept = frame.slice(RANGES)
    agreed = float((_likeliest(folder, kept, threads) == _likeliest(other, kept, threads)).mean())
    shutil.rmtree(other)
    return {"image": agreed}


def _likeliest(folder: Path, frame: pl.DataFrame, threads: int) -> np.ndarray:
    served = Classifier.open(folder, device="cpu", threads=threads, verify=False)
    return served.logits(frame, embeddings=MemoryEmbeddings()).argmax(1)


def tuned(lesson: Lesson, shown: str = "both") -> Trained:
    """As the settings' defaults train: head first, then the towers' last blocks, the better of the two."""
    return ours(lesson, TrainingSettings(seed=lesson.seed, threads=lesson.threads), shown)


def probe(lesson: Lesson) -> Trained:
    """The head alone, on towers as they came."""
    return ours(lesson, TrainingSettings(seed=lesson.seed, threads=lesson.threads, finetune_epochs=0))
