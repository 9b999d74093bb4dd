"""What a workspace of ten million items takes: measured with thousands of them, projected along a line.

Descriptions are letters drawn at random, which no database packs well: texts of people take less, never more.
"""

import random
import shutil
import string
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.half_year.command import catalog
from benchmarks.half_year.days import Plan, Shop
from benchmarks.half_year.retailer import DESCRIPTION, Retailer
from catalog.keeping.retention import size_of
from catalog.settings import Retention, Workspace
from pipelines.keep import FOLDERS

MEASURED = (2_000, 10_000)
PROJECTED = 10_000_000
NIGHTS = 180
Bytes = dict[str, int]


@dataclass(frozen=True)
class Budget:
    """What a part may take: bytes when nothing was delivered yet, of each live item, and of each live item a night, which
    counts for so many days as `kept` of `[retention]` says, and for ever without it."""

    empty: float
    item: float
    night: float
    kept: str | None = None

    def most(self, live: list[int], keep: Retention, between: int) -> float:
        """Bytes after these nights, by their live items; `between`: days between two prunes."""
        days = getattr(keep, self.kept) + between if self.kept else len(live)
        return self.empty + self.item * max(live) + self.night * sum(sorted(live, reverse=True)[:days])


# For items with 600 characters of description that no packing helps, and the tests' tiny towers (real ones: `embeddings` 3.3 kB).
BUDGETS = {
    "work database": Budget(20e6, 1_000, 100),
    "embeddings": Budget(1e6, 300, 10),
    "pictures": Budget(0, 0, 0),
    "copies of feeds": Budget(0, 0, 70, "copies_days"),  # of a tenth of the deliveries: those that were refused or held
    "feeds": Budget(0, 0, 800, "copies_days"),
    "models": Budget(0, 0, 0, "models"),
    "published": Budget(12e6, 1_000, 10),
    "review sheets": Budget(0.1e6, 50, 50, "sheets_days"),
    "reports": Budget(2.5e6, 10, 10, "reports_days"),
}


def held(found: float, allowed: float) -> str:
    """Whether a budget is kept, in a word."""
    return "kept" if found <= allowed else "**not kept**"


def projection(trained: Path, shelves: dict[str, str], sizes: tuple[int, int] = MEASURED) -> Iterator[str]:
    """Two workspaces with other numbers of items: the difference is what an item takes, whatever the empty one takes."""
    small, large = (_measured(trained, shelves, many) for many in sizes)
    span = sizes[1] - sizes[0]
    yield (
        f"Measured with {sizes[0]:,} and {sizes[1]:,} items, each with {DESCRIPTION} characters of description, letters drawn at "
        "random; a second night delivers all of them again with 1% changed, nothing packed. Projected: ten million times the "
        "bytes an item."
    )
    yield ""
    yield (
        f"| part | {sizes[0]:,} items, MB | {sizes[1]:,} items, MB | bytes an item | 10 million items, GB (projected) | "
        "bytes an item and night | a night of 10 million, GB (projected) | budget, bytes an item, and a night | |"
    )
    yield "|" + "---|" * 9
    rows = []
    for part in FOLDERS:
        first, again = ((large[n][part] - small[n][part]) / span for n in (0, 1))
        rows.append((small[0][part] / 1e6, large[0][part] / 1e6, first, again))
        yield _row(part, rows[-1], (BUDGETS[part].item + BUDGETS[part].night, BUDGETS[part].night))
    allowed = [sum(b.item + b.night for b in BUDGETS.values()), sum(b.night for b in BUDGETS.values())]
    yield _row("in all", tuple(map(sum, zip(*rows, strict=True))), (allowed[0], allowed[1]))
    yield ""
    yield from _half_year(dict(zip(FOLDERS, rows, strict=True)), Workspace(trained).settings().retention)


def _half_year(found: dict[str, tuple[float, ...]], keep: Retention) -> Iterator[str]:
    """What ten million items take after half a year of full feeds, with the retention of the settings and that of the default."""
    whole = PROJECTED / 1e9
    lasting = (
        sum(found[name][2] + NIGHTS * found[name][3] for name in ("work database", "published"))
        + found["embeddings"][2]
    )
    yield (
        f"After {NIGHTS} such nights, projected: work database, published file and embeddings {lasting * whole:,.0f} GB, which nothing "
        "removes; copies of feeds and the originals in done/ "
        + ", ".join(
            f"{days * whole * (found['copies of feeds'][3] + found['feeds'][3]):,.0f} GB with `copies_days = {days}`"
            for days in sorted({keep.copies_days, Retention().copies_days, 7})
        )
        + ". Vendors that send their feeds packed, or as deltas, take a fraction of that."
    )


def _row(name: str, found: tuple[float, ...], allowed: tuple[float, float]) -> str:
    small, large, first, again = found
    whole = PROJECTED / 1e9
    kept = held(max(first - allowed[0], again - allowed[1]), 0.5)
    return (
        f"| {name} | {small:.1f} | {large:.1f} | {first:,.0f} | {first * whole:,.1f} | {again:,.0f} | {again * whole:,.1f} | "
        f"{allowed[0]:,.0f}, {allowed[1]:,.0f} | {kept} |"
    )


def _measured(trained: Path, shelves: dict[str, str], many: int) -> tuple[Bytes, Bytes]:
    """Bytes by part that the first night of `many` items brings, and the second."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(shutil.copytree(trained, Path(scratch) / "ws"))
        retailer = Retailer(shelves, vendors=1, items=many)
        shop, (vendor,) = Shop(place, retailer, Plan(2)), retailer.vendors
        draw = random.Random(5)
        for item in vendor.items.values():
            item.description = "".join(draw.choices(string.ascii_lowercase + "     ", k=DESCRIPTION))
        found = [_sizes(place)]
        for night in (1, 2):
            vendor.write(shop.workspace.feeds / vendor.name / f"{night:04d}.csv", vendor.items.values())
            catalog(place, "nightly", ok=(0, 65))
            found.append(_sizes(place))
            retailer.a_night_passes(night)
        return _less(found[1], found[0]), _less(found[2], found[1])


def _sizes(place: Path) -> Bytes:
    return {name: size_of(place / path) for name, path in FOLDERS.items()}


def _less(after: Bytes, before: Bytes) -> Bytes:
    return {name: after[name] - before[name] for name in after}
