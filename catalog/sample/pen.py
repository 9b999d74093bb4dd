"""A pen that draws turned, stretched and shaded shapes: the only part of the sample that touches pixels of an object."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from PIL import ImageDraw

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]

STEEL: Colour = (176, 182, 190)
WOOD: Colour = (186, 140, 92)
DARK: Colour = (46, 46, 52)
GLASS: Colour = (204, 222, 228)
PAPER: Colour = (242, 240, 232)
LEAF: Colour = (78, 140, 70)
GOLD: Colour = (204, 170, 88)
_RING = [(math.cos(k * math.pi / 14), math.sin(k * math.pi / 14)) for k in range(28)]


def shade(colour: Colour, factor: float) -> Colour:
    """The colour darker (factor below 1) or lighter (above 1, towards white)."""
    if factor <= 1:
        return (int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor))
    mix = min(factor - 1, 1)
    return tuple(int(c + (255 - c) * mix) for c in colour)  # type: ignore[return-value]


@dataclass(frozen=True)
class View:
    """How an object stands in the picture: centre and half size in pixels, turn in radians, stretch, lean, mirrored."""

    x: float
    y: float
    size: float
    turn: float = 0.0
    stretch: float = 1.0
    lean: float = 0.0
    mirror: bool = False

    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, d, x, y): a point (u, v) of the unit square lands on (a u + b v + x, c u + d v + y)."""
        cos, sin = math.cos(self.turn) * self.size, math.sin(self.turn) * self.size
        flip = -self.stretch if self.mirror else self.stretch
        return (cos * flip, cos * self.lean - sin, sin * flip, sin * self.lean + cos, self.x, self.y)


class Pen:
    """Draws in the unit square: x to the right, y down, both from -1 to 1, whatever the view does to them.

    `colour` and `accent` are the product's own colours; `rng` gives each drawing its proportions.
    """

    def __init__(self, draw: ImageDraw.ImageDraw, view: View, colour: Colour, accent: Colour, rng: Random) -> None:
        self._draw = draw
        self._matrix = view.matrix()
        self._size = view.size
        self.colour = colour
        self.accent = accent
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        """A proportion of this one product."""
        return low + (high - low) * self.rng.random()

    def chance(self, share: float) -> bool:
        """True for about that share of products."""
        return self.rng.random() < share

    def _place(self, points: Iterable[Point]) -> list[Point]:
        a, b, c, d, x, y = self._matrix
        return [(a * u + b * v + x, c * u + d * v + y) for u, v in points]

    def area(self, points: Iterable[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon(self._place(points), fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.area(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled ellipse."""
        self.area([(x + rx * c, y + ry * s) for c, s in _RING], colour)

    def ring(self, box: Box, width: float, colour: Colour) -> None:
        """The outline of an ellipse (x, y, rx, ry)."""
        x, y, rx, ry = box
        self.line([(x + rx * c, y + ry * s) for c, s in [*_RING, _RING[0], _RING[1]]], width, colour)

    def arc(self, box: Box, span: Point, width: float, colour: Colour) -> None:
        """Part of the outline of an ellipse (x, y, rx, ry); `span` in degrees, clockwise from the right."""
        x, y, rx, ry = box
        start, end = math.radians(span[0]), math.radians(span[1])
        steps = [start + (end - start) * k / 14 for k in range(15)]
        self.line([(x + rx * math.cos(t), y + ry * math.sin(t)) for t in steps], width, colour)

    def line(self, points: Iterable[Point], width: float, colour: Colour) -> None:
        """A line through the points, `width` in units."""
        self._draw.line(self._place(points), fill=colour, width=max(1, round(width * self._size)), joint="curve")

    def bar(self, start: Point, end: Point, width: float, colour: Colour) -> None:
        """A straight bar with a light edge, as a round stick has."""
        self.line((start, end), width, colour)
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1
        nx, ny = -dy / length * width * 0.2, dx / length * width * 0.2
        moved = ((start[0] + nx, start[1] + ny), (end[0] + nx, end[1] + ny))
        self.line(moved, width * 0.25, shade(colour, 1.35))

    def turned(self, profile: list[Point], colour: Colour, tilt: float = 0.14) -> None:
        """A body as from a potter's wheel: `profile` lists (radius, y) from top to bottom; `tilt` opens the rim."""
        side = [(r, y) for r, y in profile]
        bottom_r, bottom_y = profile[-1]
        foot = [(bottom_r * c, bottom_y + bottom_r * tilt * s) for c, s in _RING if s >= -0.01]
        self.area([*side, *foot, *[(-r, y) for r, y in reversed(side)]], colour)
        dark = [*[(r * 0.98, y) for r, y in side], *[(r * 0.45, y) for r, y in reversed(side)]]
        self.area(dark, shade(colour, 0.84))
        light = [*[(-r * 0.82, y) for r, y in side], *[(-r * 0.58, y) for r, y in reversed(side)]]
        self.area(light, shade(colour, 1.3))
        radius, top = profile[0]
        self.oval(0, top, radius, radius * tilt, shade(colour, 1.12))
        self.oval(0, top + radius * tilt * 0.12, radius * 0.9, radius * tilt * 0.8, shade(colour, 0.55))
