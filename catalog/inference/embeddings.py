"""Embeddings kept by tower and content, so that nothing is encoded twice."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from catalog import durable
from catalog.failpoints import reached

MOST_PARTS = 16  # sorted parts of an index, before they become one
_PLACE = np.dtype([("hash", np.uint64), ("file", np.uint32), ("row", np.uint32)])


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


class KeptEmbeddings:
    """Kept as append-only Arrow files, one folder a tower; float32, so that a kept vector answers like a new one.

    A look-up reads the vectors it finds and no others, however many are kept; 16 bytes a vector are held in memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._towers: dict[str, _Places] = {}

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors it has among these keys."""
        found: dict[str, np.ndarray] = {}
        for path, rows in self._places(tower).find(list(dict.fromkeys(keys))):
            with _opened(path) as table:
                part = table.take(pa.array(rows))
                vectors = part["vector"].combine_chunks()
                numbers = vectors.flatten().to_numpy().reshape(len(rows), -1)
                found |= dict(zip(part["key"].to_pylist(), numbers, strict=True))
        return {key: found[key] for key in keys if key in found}

    def put(self, tower: str, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors (n, width) under n keys; a killed write leaves nothing behind that a reader would see."""
        if not keys:
            return
        new = pl.DataFrame({"key": list(keys), "vector": np.ascontiguousarray(vectors, dtype=np.float32)})
        self._places(tower).add([(_written(self.folder / tower, new), new["key"])])

    def _places(self, tower: str) -> "_Places":
        if tower not in self._towers:
            self._towers[tower] = _Places(self.folder / tower)
        return self._towers[tower]


class _Places:
    """Where each key of a tower stands: files, and sorted by the hash of the key the number of its file and row."""

    def __init__(self, folder: Path) -> None:
        self._files: list[Path] = []
        self._parts: list[np.ndarray] = []
        self.add((path, keys) for path in sorted(folder.glob("*.arrow")) if (keys := _keys(path)) is not None)

    def add(self, files: Iterable[tuple[Path, pl.Series]]) -> None:
        """Takes in the keys of files."""
        new = []
        for path, keys in files:
            part = np.empty(len(keys), _PLACE)
            part["hash"], part["file"], part["row"] = keys.hash(), len(self._files), np.arange(len(keys))
            self._files.append(path)
            new.append(part)
        if len(self._parts) >= MOST_PARTS:
            new, self._parts = [*self._parts, *new], []
        if new:
            together = np.concatenate(new)
            self._parts.append(together[np.argsort(together["hash"], kind="stable")])

    def find(self, keys: list[str]) -> Iterator[tuple[Path, np.ndarray]]:
        """Files with the rows in them that may hold these keys: two keys may have one hash."""
        wanted = pl.Series(keys, dtype=pl.String).hash().to_numpy()
        found = [part[at] for part in self._parts for at in [_at(part["hash"], wanted)]]
        places = np.sort(np.concatenate([np.empty(0, _PLACE), *found]), order=["file", "row"])
        for number in np.unique(places["file"]):
            yield self._files[number], places["row"][places["file"] == number]


def _at(hashes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where in sorted hashes the wanted ones stand; those that do not are left out."""
    at = np.searchsorted(hashes, wanted)
    inside = at < len(hashes)
    return at[inside][hashes[at[inside]] == wanted[inside]]


def _keys(path: Path) -> pl.Series | None:
    """The keys of a file; None, and the file is gone, when it is damaged: what it kept is encoded again."""
    try:
        with _opened(path) as table:
            return pl.Series("key", table["key"])
    except pa.ArrowInvalid:
        path.unlink()
        return None


@contextmanager
def _opened(path: Path) -> Iterator[pa.Table]:
    """A file's table while inside, mapped into memory: only what is looked at is read."""
    with pa.memory_map(str(path)) as file:
        yield pa.ipc.open_file(file).read_all()


def _written(folder: Path, new: pl.DataFrame) -> Path:
    for left in folder.glob(".*"):
        left.unlink()
    target = folder / f"{uuid.uuid4().hex}.arrow"
    with durable.replacing(target) as file:
        new.write_ipc(file, compression="uncompressed", compat_level=pl.CompatLevel.oldest())
        reached("classify.embeddings")
    return target
