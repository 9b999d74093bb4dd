"""Product pictures drawn in code: an object on a background, lit, a little noisy, as a small JPEG."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from types import ModuleType
from typing import Literal

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from catalog.sample import shapes_home, shapes_things, shapes_wear
from catalog.sample.pen import Colour, Pen, View, shade

Kind = Literal["clear", "neutral", "carton", "close"]
Drawing = Callable[[Pen], None]
_TILE = 448  # pixels: at least twice the largest picture and room to move
# What a photographer lays down in any direction.
_LONG = {"fork", "spoon", "table_knife", "spade", "rake", "hammer", "saw", "screwdriver", "wrench", "pliers"}
_LONG |= {"surfboard", "kite", "frying_pan", "flipflop"}

COLOURS: dict[str, Colour] = {
    "black": (52, 52, 56),
    "white": (226, 226, 222),
    "grey": (140, 144, 150),
    "navy": (44, 62, 104),
    "blue": (64, 118, 186),
    "red": (190, 52, 48),
    "burgundy": (122, 36, 54),
    "green": (74, 132, 78),
    "olive": (116, 122, 66),
    "yellow": (226, 186, 64),
    "orange": (224, 128, 52),
    "pink": (222, 140, 164),
    "purple": (122, 84, 150),
    "brown": (126, 86, 58),
    "beige": (206, 184, 150),
    "teal": (48, 134, 138),
}


@dataclass(frozen=True)
class Shot:
    """What a picture shows: a shape's name, how (`kind`), the colour's name, and the seed of everything else.

    `studio` (0 to 1) is how often the photographer uses a plain white background.
    """

    shape: str
    kind: Kind
    colour: str
    seed: str
    studio: float = 0.5
    prop: str | None = None


def draw_picture(shot: Shot) -> bytes:
    """The picture as JPEG bytes, 120 to 200 pixels a side; the same shot gives the same bytes."""
    rng = Random(f"picture {shot.seed}")
    width, height = _size(rng)
    canvas = _background(rng, shot.studio, (width * 2, height * 2))
    draw = ImageDraw.Draw(canvas)
    for name, view in _views(shot, rng, width * 2, height * 2):
        if shot.kind != "close" and rng.random() < 0.6:
            _shadow(draw, canvas, view)
        base = _vary(COLOURS[shot.colour], rng)
        accent = _vary(COLOURS[rng.choice(list(COLOURS))], rng)
        _drawings()[name](Pen(draw, view, base, accent, rng))
    return _jpeg(_lit(canvas.reduce(2), rng), rng)


@cache
def _drawings() -> dict[str, Drawing]:
    modules: list[ModuleType] = [shapes_home, shapes_things, shapes_wear]
    return {n: f for m in modules for n, f in vars(m).items() if getattr(f, "__module__", "") == m.__name__}


def _size(rng: Random) -> tuple[int, int]:
    side = rng.choice((136, 144, 152, 160))
    return (side, side) if rng.random() < 0.7 else (side, min(200, round(side * rng.uniform(0.85, 1.25))))


def _vary(colour: Colour, rng: Random) -> Colour:
    """The colour as this lot and this light show it."""
    light = rng.uniform(-14, 14)
    return tuple(int(min(255, max(0, c + light + rng.uniform(-10, 10)))) for c in colour)  # type: ignore[return-value]


def _views(shot: Shot, rng: Random, width: int, height: int) -> list[tuple[str, View]]:
    """Which drawings stand where: mostly one object, sometimes a pair, a prop behind it, or a close crop."""
    half = min(width, height) / 2
    name = "carton" if shot.kind == "carton" else shot.shape
    lean = rng.uniform(-0.12, 0.12)
    turn = rng.gauss(0, 0.14)
    if shot.kind == "clear" and shot.shape in _LONG:
        turn = rng.uniform(-math.pi, math.pi) if rng.random() < 0.35 else rng.gauss(0, 0.6)

    def view(dx: float, dy: float, size: float) -> View:
        return View(
            width / 2 + dx * half,
            height / 2 + dy * half,
            size * half,
            turn,
            rng.uniform(0.86, 1.16),
            lean,
            rng.random() < 0.5,
        )

    if shot.kind == "close":
        return [(name, view(rng.uniform(-1.2, 1.2), rng.uniform(-1.2, 1.2), rng.uniform(2.2, 3.2)))]
    if shot.kind == "clear" and rng.random() < 0.13:
        gap = rng.uniform(0.4, 0.5)
        return [(name, view(-gap, -0.1, 0.44)), (name, view(gap, 0.12, 0.44))]
    found = [(name, view(rng.uniform(-0.16, 0.16), rng.uniform(-0.14, 0.14), rng.uniform(0.58, 0.86)))]
    if shot.prop:
        side = rng.choice((-1, 1))
        found.insert(0, (shot.prop, view(side * 0.68, rng.choice((-0.6, 0.6)), rng.uniform(0.22, 0.34))))
    return found


@cache
def _tiles() -> list[Image.Image]:
    """Backgrounds that are prepared once: gradients, walls over tables, boards, cloth. Square, `_TILE` pixels."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:_TILE, 0:_TILE] / _TILE
    tones = [(246, 246, 246), (222, 228, 234), (238, 224, 206), (206, 222, 212), (232, 208, 208), (196, 190, 182)]
    found = []
    for tone in tones:
        colour = np.array(tone, dtype=np.float64)
        found.append(colour * (1 - 0.18 * np.hypot(x - 0.5, y - 0.4))[..., None])
        wall = np.where((y < 0.62)[..., None], colour, colour * 0.72 * np.array([1.0, 0.94, 0.86]))
        found.append(wall * (1 - 0.1 * x)[..., None])
    for tone in ((196, 158, 116), (150, 112, 80), (222, 206, 184)):
        grain = np.sin(y * 60 + np.sin(x * 7) * 1.5) * 9 + np.sin(y * 211 + x * 9) * 4
        found.append(np.array(tone) + grain[..., None])
    for tone in ((178, 188, 198), (224, 220, 210), (120, 130, 126)):
        weave = rng.normal(0, 9, (_TILE // 4, _TILE // 4)).repeat(4, axis=0).repeat(4, axis=1)
        found.append(np.array(tone) + weave[..., None])
    return [Image.fromarray(np.clip(tile, 0, 255).astype(np.uint8)) for tile in found]


@cache
def _lights() -> tuple[list[Image.Image], list[Image.Image]]:
    """Gradients to multiply with and grains to add, each RGB and half a tile a side."""
    rng = np.random.default_rng(1)
    side = _TILE // 2
    y, x = np.mgrid[0:side, 0:side] / side
    fields = [1 - 0.22 * x, 1 - 0.22 * (1 - x), 1 - 0.2 * y, 1 - 0.3 * np.hypot(x - 0.5, y - 0.5), 1 - 0.14 * (x + y)]
    warm = np.array([1.0, 0.97, 0.92])
    tints = [field[..., None] * tint for field in fields for tint in (np.ones(3), warm, warm[::-1])]
    grains = [rng.normal(128, sigma, (side, side, 3)) for sigma in (2.0, 3.0, 5.0, 8.0)]
    return (
        [Image.fromarray((255 * np.clip(t, 0, 1)).astype(np.uint8)) for t in tints],
        [Image.fromarray(np.clip(g, 0, 255).astype(np.uint8)) for g in grains],
    )


def _background(rng: Random, studio: float, size: tuple[int, int]) -> Image.Image:
    if rng.random() < studio:
        level = rng.choice((255, 255, 252, 246, 240))
        return Image.new("RGB", size, (level, level, level))
    tile = rng.choice(_tiles())
    left, top = rng.randrange(_TILE - size[0] + 1), rng.randrange(_TILE - size[1] + 1)
    return tile.crop((left, top, left + size[0], top + size[1]))


def _shadow(draw: ImageDraw.ImageDraw, canvas: Image.Image, view: View) -> None:
    """A soft dark patch below the object, in the tones of the background there."""
    x = min(max(int(view.x), 0), canvas.width - 1)
    y = min(max(int(view.y + view.size * 0.95), 0), canvas.height - 1)
    floor: Colour = canvas.getpixel((x, y))  # type: ignore[assignment]
    for wide, tone in ((0.85, 0.95), (0.7, 0.89), (0.55, 0.83)):
        rx, ry = view.size * wide, view.size * wide * 0.16
        draw.ellipse((view.x - rx, y - ry, view.x + rx, y + ry), fill=shade(floor, tone))


def _lit(image: Image.Image, rng: Random) -> Image.Image:
    tints, grains = _lights()
    box = (0, 0, *image.size)
    lit = ImageChops.multiply(image, rng.choice(tints).crop(box)) if rng.random() < 0.7 else image
    left, top = rng.randrange(224 - image.width + 1), rng.randrange(224 - image.height + 1)
    grain = rng.choice(grains).crop((left, top, left + image.width, top + image.height))
    return ImageChops.add(lit, grain, 1, -128)


def _jpeg(image: Image.Image, rng: Random) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.choice((62, 70, 78)))
    return buffer.getvalue()
