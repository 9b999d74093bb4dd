"""Plots as SVG text without scripts: drawn by Vega-Lite, coloured by the page's own style sheet."""

import math
import re
from typing import Any, Literal

import altair as alt
import polars as pl
import vl_convert

# The page's style sheet maps these fills and strokes to its own colours, so that one SVG serves light and dark.
INK, MUTED, LINE, ACCENT, WARM, PAPER = "#1f2328", "#6a6f76", "#e4e1da", "#2c6e6a", "#b7791f", "#fffefb"
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"
_POINTS = 240
_ROW = 30
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED, "titleColor": MUTED, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "gridColor": LINE, "domainColor": LINE, "tickColor": LINE, "labelPadding": 6, "titlePadding": 10,
        "labelLimit": 300,
    },
}  # fmt: skip


def risk_coverage(curve: pl.DataFrame, *, target: float, mark: tuple[float, float] | None) -> str:
    """Share of errors among the surest items against how many they are, with the target and what was certified.

    `curve` has columns coverage and risk; `mark` is (coverage, risk) of the certified leaf stratum.
    """
    thinned = _thinned(curve)
    top = max(float(curve["risk"].max() or 0), 1 - target) * 1.15  # type: ignore[arg-type]
    # the strict end of a curve is a handful of items; a single error there must not stretch the axis
    x = alt.X("coverage:Q", title="share of products placed, the surest first", scale=alt.Scale(domain=[0, 1]))
    x = x.axis(format="%", tickCount=5, grid=False)
    y = alt.Y("risk:Q", title="wrong among them", scale=alt.Scale(domain=[0, min(1.0, top)]))
    y = y.axis(format=".0%" if top > 0.08 else ".1%", tickCount=5)
    base = alt.Chart(thinned)
    layers = [
        base.mark_area(color=ACCENT, opacity=0.10, interpolate="step-before").encode(x=x, y=y),
        base.mark_line(color=ACCENT, strokeWidth=2, interpolate="step-before").encode(x=x, y=y),
        _horizontal(1 - target, f"{_percent(1 - target)} wrong: the target of {_percent(target)} right"),
    ]
    if mark is not None:
        layers += _marked(*mark)
    return _svg(alt.layer(*layers).properties(width=860, height=280), "Risk-coverage curve of the calibration sample")


def _horizontal(risk: float, text: str) -> Any:
    data = alt.Chart(pl.DataFrame({"risk": [risk], "text": [text], "x": [0.0]}))
    rule = data.mark_rule(color=WARM, strokeDash=[5, 4], strokeWidth=1.4).encode(y="risk:Q")
    label = data.mark_text(color=WARM, align="left", dx=6, dy=-8, fontSize=12).encode(
        x="x:Q", y="risk:Q", text="text:N"
    )
    return alt.layer(rule, label)


def _marked(coverage: float, risk: float) -> list[Any]:
    text = f"certified: {_percent(coverage)} placed, {1 - risk:.1%} right"
    data = alt.Chart(pl.DataFrame({"coverage": [coverage], "risk": [risk], "text": [text]}))
    where = {"x": "coverage:Q", "y": "risk:Q"}
    side: Literal["left", "right"] = "right" if coverage > 0.5 else "left"
    return [
        data.mark_rule(color=ACCENT, strokeWidth=1, strokeDash=[2, 3]).encode(x="coverage:Q"),
        data.mark_point(color=ACCENT, fill=PAPER, filled=False, size=90, strokeWidth=2.4, opacity=1).encode(**where),
        data.mark_text(color=INK, align=side, dx=-14 if side == "right" else 14, dy=-12, fontSize=13).encode(
            **where, text="text:N"
        ),
    ]


def bars(names: list[str], values: list[int], *, title: str, color: str = ACCENT) -> str:
    """One horizontal bar a name, the number at its end, in the order given."""
    data = alt.Chart(pl.DataFrame({"name": names, "value": values}))
    y = alt.Y(
        "name:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, labelColor=INK, labelFontSize=13)
    )
    x = alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, max(values) * 1.12]))
    drawn = alt.layer(
        data.mark_bar(color=color, height=16).encode(x=x, y=y),
        data.mark_text(color=MUTED, align="left", dx=6, fontSize=12).encode(
            x=x, y=y, text=alt.Text("value:Q", format=",")
        ),
    )
    return _svg(drawn.properties(width=620, height=_ROW * len(names)), title)


def _thinned(curve: pl.DataFrame) -> pl.DataFrame:
    step = max(1, math.ceil(curve.height / _POINTS))
    return (
        curve.select("coverage", "risk")
        .gather_every(step)
        .vstack(curve.select("coverage", "risk").tail(1))
        .unique(maintain_order=True)
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if abs(share * 100 - round(share * 100)) < 1e-6 else f"{share:.1%}"


def _svg(chart: Any, title: str) -> str:
    """The drawing without fixed size, so that it shrinks with the page, and with a title for those who cannot see it."""
    drawn: str = vl_convert.vegalite_to_svg(chart.configure(**_CONFIG).to_json())
    drawn = re.sub(r"^<\?xml[^>]*>\s*", "", drawn)
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{title}" ', drawn, count=1)
