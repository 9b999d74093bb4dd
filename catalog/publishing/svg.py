"""Small drawings as SVG text: no script, no fixed size, colours from the page's style sheet, words for those who do not see.

All are 400 units wide, so that on a phone the text in them is still as large as the text around them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH = 400


@dataclass(frozen=True)
class Words:
    """name: unique on the page. title: what is drawn. desc: what a person would read off it."""

    name: str
    title: str
    desc: str = ""


@dataclass(frozen=True)
class Area:
    """Where values are drawn, in units of the drawing, and which values the edges stand for."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float
    height: int = 210
    left: int = 46
    right: int = 14
    top: int = 16
    bottom: int = 34

    def x(self, value: float) -> float:
        """Left to right."""
        span = (self.high_x - self.low_x) or 1.0
        return round(self.left + (WIDTH - self.left - self.right) * (value - self.low_x) / span, 1)

    def y(self, value: float) -> float:
        """Bottom to top; values beyond the edges stay on them."""
        span = (self.high_y - self.low_y) or 1.0
        inside = min(max(value, self.low_y), self.high_y)
        return round(
            self.height - self.bottom - (self.height - self.top - self.bottom) * (inside - self.low_y) / span, 1
        )


def drawing(words: Words, parts: Iterable[str], height: float, *, width: float = WIDTH, kind: str = "") -> str:
    """The whole drawing, with its title and description."""
    described = f'<desc id="{words.name}-d">{escape(words.desc)}</desc>' if words.desc else ""
    labelled = f"{words.name}-t {words.name}-d" if words.desc else f"{words.name}-t"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-labelledby="{labelled}"><title id="{words.name}-t">{escape(words.title)}</title>{described}'
        f"{''.join(parts)}</svg>"
    )


def text(x: float, y: float, said: str, *, kind: str = "", anchor: str = "start") -> str:
    """One line of text. kind: classes of the style sheet."""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}"{side} class="{kind}">{escape(said)}</text>'


def path(points: list[tuple[float, float]], kind: str) -> str:
    """A line through points, in units of the drawing."""
    return f'<path class="{kind}" d="M{"L".join(f"{x:g} {y:g}" for x, y in points)}"/>' if points else ""


def under(points: list[tuple[float, float]], ground: float, kind: str) -> str:
    """The area between a line and the ground."""
    if not points:
        return ""
    return path([(points[0][0], ground), *points, (points[-1][0], ground)], kind)


def dot(x: float, y: float, said: str, *, kind: str = "dot", radius: float = 3) -> str:
    """A point with what it stands for."""
    return f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{radius:g}"><title>{escape(said)}</title></circle>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled rectangle."""
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{max(width, 0):g}" height="{max(height, 0):g}" rx="1.5"/>'


def ticks(low: float, high: float, *, about: int = 4) -> list[float]:
    """Round values between two, about that many."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    magnitude = 10.0 ** floor(log10(rough))
    step = min((m * magnitude for m in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    first = ceil(low / step - 1e-9)
    found = [round(n * step, 10) for n in range(first, first + 20)]
    return [value for value in found if value <= high + step * 1e-6]


def cut(said: str, most: int) -> str:
    """A text no longer than that; of a path the end tells more than the beginning."""
    if len(said) <= most:
        return said
    tail = said[-(most - 2) :]
    return f"… {tail.partition(' > ')[2] or tail}" if " > " in said else said[: most - 1] + "…"
