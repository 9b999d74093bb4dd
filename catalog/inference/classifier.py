"""What serves: a bundle run by ONNX Runtime. The answer for an item depends on that item alone."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
import polars as pl

from catalog.errors import CatalogError
from catalog.inference.bundle import LAYOUT, Bundle, open_bundle
from catalog.inference.early_exit import checked
from catalog.inference.embeddings import EmbeddingCache, KeptEmbeddings, MemoryEmbeddings
from catalog.inference.inputs import (
    InputRules,
    TextTokenizer,
    item_ngrams,
    length_batches,
    pad_ids,
    text_key,
    tower_texts,
)
from catalog.inference.lexical import Ngrams
from catalog.inference.scores import Tree, describe
from catalog.inference.signatures import ANYBODY, Trust
from catalog.inference.weighting import padded, weighted
from catalog.pictures.images import ImageRules, decode, file_bytes, to_tensor

__all__ = ["Classifier", "EmbeddingCache", "KeptEmbeddings", "MemoryEmbeddings"]

Device = Literal["auto", "cpu", "cuda"]
TEXT_BATCH = 16
# What one core's caches hold: 16 pictures at once take 5 to 10% longer each. A GPU has no use for so few.
IMAGE_BATCH = {"CPUExecutionProvider": 4, "CUDAExecutionProvider": 16}
FUSION_BATCH = 64
KEY_BATCH = 64
STEP = 2048


@dataclass(frozen=True)
class Encoded:
    """Everything the fusion reads of n items."""

    text: np.ndarray
    image: np.ndarray
    present: np.ndarray
    ngrams: Ngrams
    image_status: list[str]

    def take(self, rows: np.ndarray) -> "Encoded":
        """Some of the items."""
        status = [self.image_status[row] for row in rows]
        return Encoded(self.text[rows], self.image[rows], self.present[rows], self.ngrams.take(rows), status)


class Classifier:
    """A served bundle. Results are the same whatever the batch, the order and the cache."""

    def __init__(self, bundle: Bundle, device: Device, threads: int) -> None:
        self.bundle, self.threads = bundle, threads
        path = bundle.path
        self.rules = InputRules.from_json((path / LAYOUT.preprocess).read_text())
        self._tokenizer = TextTokenizer.from_file(path / LAYOUT.tokenizer, self.rules)
        self._sessions = {part: _session(path / f"{part}.onnx", device) for part in ("text", "image", "fusion")}
        with np.load(path / LAYOUT.lexicon, allow_pickle=False) as lexicon:
            self._row_of_bucket, self._idf = lexicon["row_of_bucket"], lexicon["idf"]
        self._tree = Tree(bundle.classes, bundle.ancestors)
        self._width = {part: self._sessions[part].get_outputs()[0].shape[1] for part in ("text", "image")}

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        trust: Trust = ANYBODY,
        device: Device = "auto",
        threads: int = 2,
        verify: bool = True,
    ) -> "Classifier":
        """Loads a bundle after checking every file of it, and its signature as `trust` asks.

        Raises BundleRefused when a file is not what the manifest says, CatalogError when CUDA was asked for and is
        not there: a night on the wrong device would quietly take ten times as long.
        """
        return cls(open_bundle(path, trust=trust, verified=verify), device, threads)

    @property
    def provider(self) -> str:
        """The execution provider that the sessions really got."""
        return self._sessions["fusion"].get_providers()[0]

    def predict(self, frame: pl.DataFrame, *, embeddings: EmbeddingCache | None = None) -> pl.DataFrame:
        """One row per item of `frame` (columns of INPUT_COLUMNS), in its order: what `describe` gives, and the input's state.

        Further columns: input_hash, has_text, has_image, image_status (used, missing, unreadable, not_read), stage
        (`early_exit.STAGES`).
        """
        cache = embeddings if embeddings is not None else MemoryEmbeddings()
        parts = [self._predict(frame.slice(at, STEP), cache) for at in range(0, max(frame.height, 1), STEP)]
        return pl.concat(parts)

    def _predict(self, frame: pl.DataFrame, cache: EmbeddingCache) -> pl.DataFrame:
        encoded, logits, stage = self._staged(frame, cache)
        found = describe(logits, self.bundle.temperatures.of(encoded.present), self._tree)
        unlike = pl.Series(self.bundle.novelty.of(logits, encoded.present), dtype=pl.Float64)
        return found.with_columns(
            frame["input_hash"],
            novelty=unlike.fill_nan(None).fill_null(found["novelty"]),
            has_text=pl.Series(encoded.present[:, 0] > 0),
            has_image=pl.Series(encoded.present[:, 1] > 0),
            image_status=pl.Series(encoded.image_status, dtype=pl.String),
            stage=pl.Series(stage, dtype=pl.String),
        )

    def _staged(self, frame: pl.DataFrame, cache: EmbeddingCache) -> tuple[Encoded, np.ndarray, np.ndarray]:
        """What was read, logits float64 (n, classes), and the stage (n,) of each answer, as `early_exit.STAGES`."""
        if self.bundle.early_exit.bar is None:
            encoded = self._encode(frame, cache)
            return encoded, self._fuse(encoded).astype(np.float64), np.full(frame.height, "full", object)
        shown = frame["image"] if "image" in frame.columns else pl.Series([None] * frame.height, dtype=pl.String)
        alone = self._encode(frame.with_columns(image=pl.lit(None, pl.String)), cache)
        by_words = self._fuse(alone).astype(np.float64)
        leaving = (alone.present[:, 0] > 0) & shown.is_not_null().to_numpy()
        leaving &= self.bundle.early_exit.leaving(self.bundle.odds(by_words, alone.present).max(axis=1))
        looked = leaving & checked(frame["input_hash"].to_list())
        reading = pl.Series(~leaving | looked)
        pictures = pl.select(pl.when(reading).then(shown)).to_series().to_list()
        with ThreadPoolExecutor(self.threads) as pool:
            image, status = self._images(pictures, cache, pool)
        status = ["not_read" if early else said for early, said in zip(leaving & ~looked, status, strict=True)]
        present = np.column_stack([alone.present[:, 0], [said == "used" for said in status]]).astype(np.float32)
        encoded = Encoded(alone.text, image, present, alone.ngrams, status)
        logits = by_words.copy()
        rows = np.flatnonzero(present[:, 1])
        logits[rows] = self._fuse(encoded.take(rows))
        same = logits.argmax(axis=1) == by_words.argmax(axis=1)
        stage = np.where(leaving, np.where(looked, np.where(same, "checked", "contradicted"), "text"), "full")
        return encoded, logits, stage

    def logits(self, frame: pl.DataFrame, *, embeddings: EmbeddingCache | None = None) -> np.ndarray:
        """float64 (n, classes), before the temperature."""
        return self.raw(frame, embeddings=embeddings)[0]

    def raw(self, frame: pl.DataFrame, *, embeddings: EmbeddingCache | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Logits float64 (n, classes) before the temperature, and whether text and picture were read, bool (n, 2)."""
        cache = embeddings if embeddings is not None else MemoryEmbeddings()
        parts = [self._encode(frame.slice(at, STEP), cache) for at in range(0, frame.height, STEP)]
        logits = np.concatenate([self._fuse(part) for part in parts]).astype(np.float64)
        return logits, np.concatenate([part.present for part in parts]) > 0

    def embed(self, frame: pl.DataFrame, *, embeddings: EmbeddingCache | None = None) -> np.ndarray:
        """float32 (n, text width + image width); zeros where a modality is missing."""
        encoded = self._encode(frame, embeddings if embeddings is not None else MemoryEmbeddings())
        return np.concatenate([encoded.text, encoded.image], axis=1)

    def pixels(self, path: str | None) -> np.ndarray | None:
        """uint8 (size, size, 3): what the image tower sees of a picture file; None when there is none to see."""
        return _pixels(path, self.rules.image)

    def raw_with_pictures(
        self, item: pl.DataFrame, pixels: np.ndarray, *, embeddings: EmbeddingCache
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `raw`, of one item (a frame of one row) with each of n pictures in place of its own.

        `pixels` is uint8 (n, size, size, 3). Nothing of the pictures is kept.
        """
        encoded, size = self._encode(item, embeddings), IMAGE_BATCH[self.provider]
        batches = [to_tensor(pixels[at : at + size], self.rules.image) for at in range(0, len(pixels), size)]
        image = np.concatenate([self._sessions["image"].run(None, {"pixels": batch})[0] for batch in batches])
        same = np.zeros(len(pixels), np.int64)
        present = encoded.present[same]
        present[:, 1] = 1.0
        shown = Encoded(encoded.text[same], image, present, encoded.ngrams.take(same), [])
        return self._fuse(shown).astype(np.float64), present > 0

    def _encode(self, frame: pl.DataFrame, cache: EmbeddingCache) -> Encoded:
        texts = tower_texts(frame, self.rules)
        paths = frame["image"].to_list() if "image" in frame.columns else [None] * frame.height
        with ThreadPoolExecutor(self.threads) as pool:
            text = self._texts(texts, cache, pool)
            image, status = self._images(paths, cache, pool)
        present = np.array([[bool(t) for t in texts], [s == "used" for s in status]], np.float32).T
        grams = item_ngrams(frame).mapped(self._row_of_bucket)
        return Encoded(text, image, present, weighted(grams, self._idf), status)

    def _texts(self, texts: list[str], cache: EmbeddingCache, pool: ThreadPoolExecutor) -> np.ndarray:
        tower, keys = self.bundle.towers["text"], [text_key(text) if text else "" for text in texts]
        first = {key: text for key, text in zip(keys, texts, strict=True) if key}
        have = cache.get(tower, list(first))
        missing = [key for key in first if key not in have]
        ids = self._tokenizer.encode([first[key] for key in missing])
        new = np.empty((len(missing), self._width["text"]), np.float32)

        def work(rows: np.ndarray) -> None:
            batch = pad_ids([ids[row] for row in rows], self.rules.pad_id)
            new[rows] = self._sessions["text"].run(None, {"ids": batch})[0]

        lengths = np.array([len(found) for found in ids], dtype=np.int64)
        _each(pool, work, length_batches(lengths, TEXT_BATCH))
        cache.put(tower, missing, new)
        return _gather(keys, have | dict(zip(missing, new, strict=True)), self._width["text"])

    def _images(
        self, paths: Sequence[str | None], cache: EmbeddingCache, pool: ThreadPoolExecutor
    ) -> tuple[np.ndarray, list[str]]:
        tower = self.bundle.towers["image"]
        keys = _content_keys(paths, pool)
        first = {key: path for key, path in zip(keys, paths, strict=True) if key}
        have = cache.get(tower, list(first))
        missing = [key for key in first if key not in have]
        new = np.empty((len(missing), self._width["image"]), np.float32)
        read = np.zeros(len(missing), dtype=bool)

        def work(rows: np.ndarray) -> None:
            found = [_pixels(first[missing[row]], self.rules.image) for row in rows]
            good = [n for n, pixels in enumerate(found) if pixels is not None]
            if good:
                batch = to_tensor(np.stack([p for p in found if p is not None]), self.rules.image)
                new[rows[good]] = self._sessions["image"].run(None, {"pixels": batch})[0]
                read[rows[good]] = True

        size = IMAGE_BATCH[self.provider]
        _each(pool, work, [np.arange(at, min(at + size, len(missing))) for at in range(0, len(missing), size)])
        cache.put(tower, [key for key, ok in zip(missing, read, strict=True) if ok], new[read])
        vectors = have | {key: new[n] for n, key in enumerate(missing) if read[n]}
        status = [
            "used" if key in vectors else "unreadable" if path else "missing"
            for key, path in zip(keys, paths, strict=True)
        ]
        return _gather(keys, vectors, self._width["image"]), status

    def _fuse(self, encoded: Encoded) -> np.ndarray:
        """float32 (n, classes). Items of like n-gram count share a batch; padding has weight 0 and changes nothing."""
        logits = np.empty((len(encoded.text), len(self.bundle.classes)), np.float32)
        for rows in length_batches(encoded.ngrams.lengths(), FUSION_BATCH):
            buckets, weights = padded(encoded.ngrams.take(rows))
            logits[rows] = self._sessions["fusion"].run(
                None,
                {
                    "text": encoded.text[rows],
                    "image": encoded.image[rows],
                    "present": encoded.present[rows],
                    "rows": buckets,
                    "weights": weights,
                },
            )[0]
        return logits


def _each(pool: ThreadPoolExecutor, work: Callable[[np.ndarray], None], batches: list[np.ndarray]) -> None:
    for _ in pool.map(work, [batch for batch in batches if len(batch)]):
        pass


def _gather(keys: Sequence[str | None], vectors: dict[str, np.ndarray], width: int) -> np.ndarray:
    out = np.zeros((len(keys), width), np.float32)
    for row, key in enumerate(keys):
        if key in vectors:
            out[row] = vectors[key]
    return out


def _content_keys(paths: Sequence[str | None], pool: ThreadPoolExecutor) -> list[str | None]:
    """The sha256 of each file's bytes; None where there is none to read. A file that several share is read once."""
    distinct = list(dict.fromkeys(paths))
    parts = [distinct[at : at + KEY_BATCH] for at in range(0, len(distinct), KEY_BATCH)]
    keys = [key for part in pool.map(lambda part: [_content_key(path) for path in part], parts) for key in part]
    found = dict(zip(distinct, keys, strict=True))
    return [found[path] for path in paths]


def _content_key(path: str | None) -> str | None:
    data = file_bytes(path)
    return hashlib.sha256(data).hexdigest() if data is not None else None


def _pixels(path: str | None, rules: ImageRules) -> np.ndarray | None:
    data = file_bytes(path)
    return decode(data, rules) if data is not None else None


def _session(file: Path, device: Device) -> Any:
    """A session on one thread: two callers with a thread each are faster than one caller with two."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(os.fspath(file), options, providers=_providers(device))
    if device == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise CatalogError(
            "CUDA was asked for (serving.device) and ONNX Runtime could not start it.",
            remedy="Check the driver and the CUDA libraries, or set serving.device to auto or cpu.",
        )
    return session


def _providers(device: Device) -> list[str]:
    offered = onnxruntime.get_available_providers()
    wanted = device == "cuda" or (device == "auto" and Path("/dev/nvidia0").exists())
    if wanted and "CUDAExecutionProvider" in offered:
        onnxruntime.preload_dlls()
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]
