"""Embeddings kept by tower and content, so that nothing is encoded twice."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from catalog import durable
from catalog.failpoints import reached


class EmbeddingCache(Protocol):
    """Where a classifier looks before it encodes. Keys are content hashes, vectors float32 (width,)."""

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors it has among these keys."""
        ...

    def put(self, tower: str, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors (n, width) under n keys."""
        ...


class MemoryEmbeddings:
    """Kept in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, np.ndarray]] = {}

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors it has among these keys."""
        have = self._kept.get(tower, {})
        return {key: have[key] for key in keys if key in have}

    def put(self, tower: str, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors (n, width) under n keys."""
        self._kept.setdefault(tower, {}).update(zip(keys, vectors, strict=True))


class ParquetEmbeddings:
    """Kept as append-only Parquet shards, one folder a tower; float32, so that a kept vector answers like a new one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors it has among these keys."""
        if not keys or not list((self.folder / tower).glob("*.parquet")):
            return {}
        wanted = pl.LazyFrame({"key": list(dict.fromkeys(keys))})
        kept = pl.scan_parquet(self.folder / tower / "*.parquet", glob=True).join(wanted, on="key", how="semi")
        found = kept.unique("key", keep="any").collect()
        return dict(zip(found["key"], found["vector"].to_numpy(), strict=True)) if found.height else {}

    def put(self, tower: str, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors (n, width) under n keys; a killed write leaves no shard behind that a reader would see."""
        if not keys:
            return
        place = self.folder / tower
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob(".*"):
            left.unlink()
        name = uuid.uuid4().hex
        new = place / f".{name}"
        pl.DataFrame({"key": list(keys), "vector": np.ascontiguousarray(vectors, dtype=np.float32)}).write_parquet(new)
        durable.sync(new)
        reached("classify.embeddings")
        new.rename(place / f"{name}.parquet")
