"""The plots of the pages, each from the rows of one question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.publishing import svg
from catalog.publishing.svg import Area, Words

_ROW = 40
_LONGEST_NAME = 46
Format = Callable[[float], str]


@dataclass(frozen=True)
class Point:
    """One run: its time, a value (None: not known), an interval around it, and what a person would say of it."""

    at: datetime
    value: float | None
    said: str
    low: float | None = None
    high: float | None = None
    few: bool = False  # rests on too few cases to judge by: drawn hollow, and no line goes through it


def percent(share: float) -> str:
    """A share, without a decimal where it has none."""
    return f"{share:.0%}" if abs(share * 100 - round(share * 100)) < 1e-6 else f"{share:.1%}"


def whole(value: float) -> str:
    """A count."""
    return f"{value:,.0f}"


def trend(
    points: Sequence[Point], words: Words, form: Format, *, edges: tuple[float, float] | None = None,
    target: tuple[float, str] | None = None, second: Sequence[Point] = (),
) -> str:  # fmt: skip
    """A line over runs, oldest first; with intervals as bars, a target as a dashed line, a second line in another colour.

    edges: lowest and highest value drawn; without, from 0 to the highest, to 1 at least.
    """
    known = [v for p in (*points, *second) for v in (p.value, p.high) if v is not None]
    low, high = edges or (0.0, max([*known, 0.9]) * 1.12)
    beside = 0.03 * max(len(points) - 1, 1)  # a point on the axis could not be told from it
    area = Area(-beside, max(len(points) - 1, 1) + beside, low, high)
    parts = [*_levels(area, form), *_days(area, points)]
    if target is not None:
        parts += [
            svg.line(area.left, area.y(target[0]), svg.WIDTH - area.right, area.y(target[0]), "aim"),
            svg.text(
                area.left + 4, area.y(target[0]) + 14, target[1], kind="small warm halo"
            ),  # above it the points stand
        ]
    for series, kind in ((points, "first"), (second, "second")):
        parts += _series(area, series, kind)
    return svg.drawing(words, parts, area.height)


def _levels(area: Area, form: Format) -> list[str]:
    """Horizontal lines with their values; whole numbers only where values are counts."""
    found = []
    labels: set[str] = set()
    for value in svg.ticks(area.low_y, area.high_y):
        if (label := form(value)) not in labels:
            labels.add(label)
            found.append(svg.line(area.left, area.y(value), svg.WIDTH - area.right, area.y(value), "grid"))
            found.append(svg.text(area.left - 6, area.y(value) + 4, label, kind="small muted", anchor="end"))
    return found


def _days(area: Area, points: Sequence[Point]) -> list[str]:
    """The days of the first and of the last run, with the hour where both are of one day."""
    if not points:
        return []
    y, first, last = area.height - 12, points[0].at, points[-1].at
    form = "%d %b %Y" if first.date() != last.date() or len(points) == 1 else "%d %b %H:%M"
    said = [svg.text(area.left, y, f"{first:{form}}", kind="small muted")]
    if len(points) > 1:
        said.append(svg.text(svg.WIDTH - area.right, y, f"{last:{form}}", kind="small muted", anchor="end"))
    return said


def _series(area: Area, points: Sequence[Point], kind: str) -> list[str]:
    placed = [(area.x(n), area.y(p.value), p) for n, p in enumerate(points) if p.value is not None]
    bars = [
        svg.line(x, area.y(p.low), x, area.y(p.high), f"interval {kind}")
        for x, _, p in placed
        if p.low is not None and p.high is not None
    ]
    radius = 3.5 if len(placed) <= 20 else 2
    dots = [svg.dot(x, y, p.said, kind=f"dot {'few' if p.few else kind}", radius=radius) for x, y, p in placed]
    return [*bars, svg.path([(x, y) for x, y, p in placed if not p.few], f"line {kind}"), *dots]


def bars(names: Sequence[str], values: Sequence[float], words: Words, *, notes: Sequence[str] = ()) -> str:
    """One horizontal bar a name, with the name above it and the number, or what is noted, at its right end."""
    top = max([*values, 1e-9])
    parts = []
    for n, (name, value) in enumerate(zip(names, values, strict=True)):
        y = n * _ROW
        parts += [
            svg.text(0, y + 14, svg.cut(name, _LONGEST_NAME)),
            svg.text(svg.WIDTH, y + 14, notes[n] if notes else whole(value), kind="muted", anchor="end"),
            svg.box(0, y + 20, svg.WIDTH, 8, "ground"),
            svg.box(0, y + 20, max(svg.WIDTH * value / top, 1.5), 8, "bar-fill"),
        ]
    return svg.drawing(words, parts, _ROW * len(names))


def against_bar(names: Sequence[str], shares: Sequence[float], words: Words) -> str:
    """One horizontal bar a name: how far it is on the way to the mark, 1, which all of them share."""
    top = max([*shares, 1.25])
    aim = svg.WIDTH / top
    parts = []
    for n, (name, share) in enumerate(zip(names, shares, strict=True)):
        y = n * _ROW
        parts += [
            svg.text(0, y + 14, svg.cut(name, _LONGEST_NAME)),
            svg.text(svg.WIDTH, y + 14, f"{share:.0%}", kind="warm strong" if share > 1 else "muted", anchor="end"),
            svg.box(0, y + 20, svg.WIDTH, 8, "ground"),
            svg.box(0, y + 20, max(svg.WIDTH * share / top, 1.5), 8, "over" if share > 1 else "bar-fill"),
            svg.line(aim, y + 17, aim, y + 31, "limit"),
        ]
    return svg.drawing(words, parts, _ROW * len(names))


def risk_coverage(
    curve: Sequence[tuple[float, float]], words: Words, *, target: float, mark: tuple[float, float] | None
) -> str:
    """Share of wrong among the surest products against how many they are, the target, and what was certified.

    `curve` holds (coverage, risk), strict to lenient; `mark` is that of the certified leaf stratum.
    """
    # the strict end of a curve is a handful of items; a single error there must not stretch the axis
    highest = max([risk for coverage, risk in curve if coverage >= 0.05], default=0.0)
    area = Area(0, 1, 0, min(1.0, max(highest, 1 - target) * 1.2))
    steps = _steps([(area.x(coverage), area.y(risk)) for coverage, risk in curve])
    aim = area.y(1 - target)
    parts = [
        *_levels(area, percent),
        *_shares(area, "share of products placed, the surest first"),
        svg.under(steps, area.y(0), "soft"),
        svg.path(steps, "line first"),
        svg.line(area.left, aim, svg.WIDTH - area.right, aim, "aim"),
        svg.text(area.left + 4, aim - 5, f"{percent(1 - target)} wrong: the target", kind="small warm halo"),
    ]
    if mark is not None:
        x, y = area.x(mark[0]), area.y(mark[1])
        said = f"certified: {percent(round(mark[0], 3))} placed, {1 - mark[1]:.1%} right"
        side = "end" if mark[0] > 0.5 else "start"
        parts += [
            svg.line(x, area.top, x, area.y(0), "aim first"),
            svg.dot(x, y, said, kind="ring", radius=6),
            svg.text(x + (-11 if side == "end" else 11), area.top + 10, said, kind="small halo", anchor=side),
        ]
    return svg.drawing(words, parts, area.height)


def _steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A curve as steps: a value holds up to the point it is given for."""
    found: list[tuple[float, float]] = []
    for x, y in points:
        found += [(found[-1][0], y)] if found else []
        found.append((x, y))
    return found


def _shares(area: Area, said: str) -> list[str]:
    """Shares along the bottom, and what they are of."""
    ground = area.height - area.bottom
    marks = [
        svg.text(area.x(s), ground + 14, f"{s:.0%}", kind="small muted", anchor="middle") for s in (0, 0.25, 0.5, 0.75)
    ]
    marks.append(svg.text(area.x(1), ground + 14, "100%", kind="small muted", anchor="end"))
    middle = (area.left + svg.WIDTH - area.right) / 2
    return [*marks, svg.text(middle, area.height - 4, said, kind="small muted", anchor="middle")]


def reliability(bands: Sequence[dict[str, float]], words: Words) -> str:
    """How often the model was right where it said so with this probability, against the diagonal where both are one.

    A band has said (mean probability), was_right, low, high (its interval) and n (products).
    """
    area = Area(0, 1, 0, 1, height=300, bottom=40)
    parts = [
        *_levels(area, percent),
        *_shares(area, "probability it gave"),
        svg.line(area.x(0), area.y(0), area.x(1), area.y(1), "aim"),
    ]
    for band in bands:
        x = area.x(band["said"])
        said = f"said {band['said']:.0%}, right {band['was_right']:.0%} of {band['n']:,} products"
        parts += [
            svg.line(x, area.y(band["low"]), x, area.y(band["high"]), "interval first"),
            svg.dot(x, area.y(band["was_right"]), said, kind="dot first", radius=4),
        ]
    return svg.drawing(words, parts, area.height)


def sparkline(values: Sequence[float | None], words: Words, said: str) -> str:
    """How a number went, oldest first, without axes; the last value is what `said` says."""
    known = [(n, v) for n, v in enumerate(values) if v is not None]
    if not known:
        return ""
    low, high = min(v for _, v in known), max(v for _, v in known)
    spread = (high - low) or 1.0
    step = 150 / max(len(values) - 1, 1)
    points = [
        (round(4 + n * step, 1), round(34 - 26 * (v - low) / spread, 1) if high > low else 21.0) for n, v in known
    ]
    last = points[-1]
    parts = [svg.path(points, "line first"), svg.dot(*last, said, kind="dot first", radius=3.5)]
    return svg.drawing(words, parts, 40, width=160, kind="spark")
