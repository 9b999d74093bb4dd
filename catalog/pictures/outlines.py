"""Whether two pictures show the same kind of thing from the same side, told without a network: by outline and shading.

Product photos stand on white: what is darker is the product. On 4,000 fashion photos pairs of near-equal titles whose outlines
agree were of one category in all but 0.1% (benchmarks/RESULTS.md, "Look-alikes").
"""

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
    return pixels.reshape(SIDE, step, SIDE, step, 3).mean(axis=(1, 3, 4)).round().astype(np.uint8).tobytes()


def agree(one: bytes, other: bytes) -> bool:
    """Whether both have the same outline and much the same shading; pictures without ground need nearly the same shading."""
    levels = np.frombuffer(one + other, np.uint8).reshape(2, -1).astype(np.float64)
    things = (levels < _GROUND).astype(np.float64)
    shading = _cosine(*(levels - levels.mean(axis=1, keepdims=True)))
    if things.mean(axis=1).max() > _FILLED:
        return shading >= _SHADING_ALONE
    return _cosine(*things) >= _SAME_OUTLINE and shading >= _SAME_SHADING


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    """0 where one of them is nothing."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0
