"""Whether two pictures show the same kind of thing from the same side, told without a network: by outline and shading.

Product photos stand on white: what is darker is the product. On 4,000 fashion photos pairs of near-equal titles whose outlines
agree were of one category in all but 0.1% (benchmarks/RESULTS.md, "Look-alikes").
"""

from functools import lru_cache

import numpy as np

from catalog.pictures.images import ImageRules, decode, file_bytes

SIDE = 16  # squares along a side
_RULES = ImageRules(64, mode="longest")
_GROUND = 235  # grey levels from here on are the ground a product stands on
_FILLED = 0.9  # a picture that shows less ground than the rest of this has no outline
_SAME_OUTLINE, _SAME_SHADING, _SHADING_ALONE = 0.94, 0.7, 0.95


def outline(path: str | None) -> bytes | None:
    """The mean grey levels of SIDE x SIDE squares; None where there is no picture to read. Never raises on what a vendor may
    deliver."""
    content = file_bytes(path)
    pixels = None if content is None else decode(content, _RULES)
    if pixels is None:
        return None
    step = _RULES.size // SIDE
    sums = pixels.reshape(SIDE, step, SIDE, step * 3).sum(axis=1, dtype=np.uint32).sum(axis=2)
    return ((sums + 3 * step * step // 2) // (3 * step * step)).astype(np.uint8).tobytes()


def agree(one: bytes, other: bytes) -> bool:
    """Whether both have the same outline and much the same shading; pictures without ground need nearly the same shading."""
    thing, shading, full = _directions(one)
    other_thing, other_shading, other_full = _directions(other)
    alike = float(shading @ other_shading)
    if full or other_full:
        return alike >= _SHADING_ALONE
    return alike >= _SAME_SHADING and float(thing @ other_thing) >= _SAME_OUTLINE


@lru_cache(maxsize=1 << 14)  # 40 MB: one picture is compared with dozens, and this takes ten times as long as comparing
def _directions(outline: bytes) -> tuple[np.ndarray, np.ndarray, bool]:
    """float32 (SIDE * SIDE,) each, of length 1: where something stands, and how light it is; then whether hardly any ground
    is seen. Zeros where there is nothing: they agree with none."""
    levels = np.frombuffer(outline, np.uint8).astype(np.float32)
    things = (levels < _GROUND).astype(np.float32)
    return _unit(things), _unit(levels - levels.mean()), float(things.mean()) > _FILLED


def _unit(values: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(values)
    return values / length if length else values
