"""Neighbours and logistic regression on the embeddings of untouched towers."""

import hashlib
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.quality.trained import Lesson, Trained, numbered, quality
from catalog.inference.embeddings import KeptEmbeddings
from catalog.inference.inputs import TextTokenizer, length_batches, pad_ids, text_key, tower_texts
from catalog.learning.network import Encoder, encoder_for
from catalog.learning.training_settings import TrainingSettings
from catalog.pictures.images import file_bytes, read_picture, to_tensor

NEIGHBOURS = (1, 5, 15, 40)
SHARPNESS = (10.0, 30.0)
COSTS = (3.0, 30.0, 300.0)
BATCH, STEP = 32, 1024
MODALITIES = {"text": ("text",), "image": ("image",), "both": ("text", "image")}


class Towers:
    """Untouched towers whose embeddings are kept by content, across cells and sets."""

    def __init__(self, lesson: Lesson, settings: TrainingSettings | None = None) -> None:
        torch.set_num_threads(lesson.threads)
        self._settings = settings or TrainingSettings()
        self._cache = KeptEmbeddings(lesson.cache / "embeddings")
        self._encoder: Encoder | None = None

    def embed(self, frame: pl.DataFrame, modality: str) -> np.ndarray:
        """float32 (n, width): unit vectors of one modality, zeros where an item has none."""
        content = self._texts(frame) if modality == "text" else frame["image"].to_list()
        keys = [text_key(text) if text else "" for text in content] if modality == "text" else _picture_keys(content)
        first = {key: item for key, item in zip(keys, content, strict=True) if key}
        kept = self._cache.get(self._name(modality), list(first))
        missing = [key for key in first if key not in kept]
        for start in range(0, len(missing), STEP):
            step = missing[start : start + STEP]
            encode = self._encode_texts if modality == "text" else self._encode_pictures
            vectors = encode([first[key] for key in step])
            self._cache.put(self._name(modality), step, vectors)
            kept |= dict(zip(step, vectors, strict=True))
        width = getattr(self.encoder, modality).width
        return np.stack([kept[key] if key else np.zeros(width, np.float32) for key in keys])

    @property
    def encoder(self) -> Encoder:
        """Loaded when first needed."""
        if self._encoder is None:
            self._encoder = encoder_for(self._settings)
        return self._encoder

    def _name(self, modality: str) -> str:
        s = self._settings
        parts = (s.encoder_text, s.text_tokens) if modality == "text" else (s.encoder_image, s.image_size, s.image_mode)
        return "-".join(str(part) for part in parts)

    def _texts(self, frame: pl.DataFrame) -> list[str]:
        return tower_texts(frame, self.encoder.rules)

    @torch.inference_mode()
    def _encode_texts(self, texts: list[str]) -> np.ndarray:
        rules, tower = self.encoder.rules, self.encoder.text
        ids = TextTokenizer(self.encoder.tokenizer, rules).encode(texts)
        out = np.empty((len(texts), tower.width), np.float32)
        for rows in length_batches(np.array([len(found) for found in ids]), BATCH):
            out[rows] = tower(torch.from_numpy(pad_ids([ids[row] for row in rows], rules.pad_id))).numpy()
        return out

    @torch.inference_mode()
    def _encode_pictures(self, paths: list[str]) -> np.ndarray:
        rules, tower = self.encoder.rules.image, self.encoder.image
        out = np.zeros((len(paths), tower.width), np.float32)
        for start in range(0, len(paths), BATCH):
            found = [read_picture(path, rules).pixels for path in paths[start : start + BATCH]]
            good = [n for n, pixels in enumerate(found) if pixels is not None]
            if good:
                pixels = to_tensor(np.stack([found[n] for n in good]), rules)
                out[[start + n for n in good]] = tower(torch.from_numpy(pixels)).numpy()
        return out


def kept_embeddings(cache: Path, frame: pl.DataFrame, modality: str) -> tuple[np.ndarray | None, float]:
    """What a cache has of a frame's embeddings, float32 (n, width) with zeros where it has none, and the share of items with
    a text (a picture) it has; None where that is nothing. Encodes nothing."""
    settings = TrainingSettings()
    encoder = encoder_for(settings)
    if modality == "text":
        texts = tower_texts(frame, encoder.rules)
        keys, tower = [text_key(text) if text else "" for text in texts], (settings.encoder_text, settings.text_tokens)
    else:
        keys = _picture_keys(frame["image"].to_list())
        tower = (settings.encoder_image, settings.image_size, settings.image_mode)
    kept = KeptEmbeddings(cache / "embeddings").get("-".join(map(str, tower)), [key for key in keys if key])
    asked = [key for key in keys if key]
    if not kept:
        return None, 0.0
    nothing = np.zeros(len(next(iter(kept.values()))), np.float32)
    return np.stack([kept.get(key, nothing) for key in keys]), sum(key in kept for key in asked) / len(asked)


def _picture_keys(paths: list[str | None]) -> list[str]:
    contents = [file_bytes(path) for path in paths]
    return [hashlib.sha256(data).hexdigest() if data is not None else "" for data in contents]


def _inputs(towers: Towers, modalities: tuple[str, ...], frame: pl.DataFrame) -> np.ndarray:
    return np.concatenate([towers.embed(frame, modality) for modality in modalities], axis=1)


def neighbours(lesson: Lesson, which: str, settings: TrainingSettings | None = None) -> Trained:
    """The nearest training items by cosine vote, nearer ones more; how many and how much more is tuned."""
    towers = Towers(lesson, settings)
    embed = partial(_inputs, towers, MODALITIES[which])
    learn, stop = embed(lesson.learn), embed(lesson.stop)
    classes = sorted(lesson.learn["category_id"].unique())
    target = numbered(lesson.learn["category_id"], classes)
    vote = partial(_votes, learn, target, len(classes))
    options = [(k, sharpness) for k in NEIGHBOURS for sharpness in SHARPNESS]
    k, sharpness = max(options, key=lambda option: quality(vote(stop, *option), lesson.stop["category_id"], classes))
    settings_used = {"neighbours": k, "sharpness": sharpness, "embeddings": "kept"}
    return Trained(classes, lambda frame: vote(embed(frame), k, sharpness), settings_used)


def _votes(
    learn: np.ndarray, target: np.ndarray, classes: int, items: np.ndarray, k: int, sharpness: float
) -> np.ndarray:
    """log of the summed weights exp(sharpness x cosine) of the k nearest, by class, with a little for every class."""
    out = np.empty((len(items), classes))
    k = min(k, len(learn))
    for start in range(0, len(items), STEP):
        likeness = items[start : start + STEP] @ learn.T
        nearest = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
        weight = np.exp(sharpness * (np.take_along_axis(likeness, nearest, axis=1) - 1.0))
        votes = np.zeros((len(nearest), classes))
        np.add.at(votes, (np.arange(len(nearest))[:, None], target[nearest]), weight)
        out[start : start + STEP] = np.log(votes + 0.05 * votes.sum(1, keepdims=True) / classes + 1e-30)
    return out


def regression(lesson: Lesson, which: str, settings: TrainingSettings | None = None) -> Trained:
    """Multinomial logistic regression on embeddings, its cost tuned."""
    towers = Towers(lesson, settings)
    embed = partial(_inputs, towers, MODALITIES[which])
    learn, stop = embed(lesson.learn), embed(lesson.stop)
    fitted = {cost: _fitted(learn, lesson.learn["category_id"], cost) for cost in COSTS}
    classes = list(next(iter(fitted.values())).classes_)
    scored: dict[float, Callable[[np.ndarray], np.ndarray]] = {
        cost: partial(_log_probabilities, model) for cost, model in fitted.items()
    }
    best = max(COSTS, key=lambda cost: quality(scored[cost](stop), lesson.stop["category_id"], classes))
    return Trained(classes, lambda frame: scored[best](embed(frame)), {"cost": best, "embeddings": "kept"})


def _fitted(x: np.ndarray, labels: pl.Series, cost: float) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 150 steps are enough for a ranking of costs and a fit
        return LogisticRegression(C=cost, max_iter=150, tol=1e-3).fit(x, labels.to_numpy())


def _log_probabilities(model: LogisticRegression, x: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_log_proba(x)).clip(min=-60.0)
