"""What a workspace takes on the disk: measured with up to a million items, projected to ten million and half a year.

    python -m benchmarks.disk_budget WORKSPACE [--items 1000000] [--nights 3] [--append benchmarks/RESULTS.md]

WORKSPACE has trained at least two models (one that `benchmarks.half_year` played); it is copied. One vendor sends all its items
every night, nothing packed, each with a title, a price and 600 characters of description, letters drawn at random, which no
database packs well: texts of people take less. From night to night 1% of them change, half of these their texts, half their
prices. Then another of the models is promoted, as a weekly retraining does it, and all items are settled anew.

No network runs: each input is given an answer that the model gave to some product it knows, with probabilities of its own, and
a vector of `--width` numbers (384: the text tower of `encoder = "embedded"`), by the same code that keeps those of a network.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.end_to_end import here, told
from benchmarks.half_year.command import catalog
from catalog.inference.embeddings import KeptEmbeddings
from catalog.keeping.retention import size_of
from catalog.publishing.patching import MOST_DEAD
from catalog.settings import Retention, Routing, Workspace
from catalog.store import Store
from pipelines.keep import FOLDERS

PROJECTED, NIGHTS, WEEK = 10_000_000, 180, 7
DESCRIPTION, CHANGED = 600, 0.01
BOUNDED = ("published", "models", "pictures", "reports")  # parts below, and what does not grow with the items
PARTS = {
    **{name: path for name, path in FOLDERS.items() if name not in BOUNDED},
    "published file": "published/catalog.duckdb",
    "files of changes": "published/changes",
}
Bytes = dict[str, float]
# An answer of the model for every input that has none: that of a product it knows, chosen by the input's hash.
_GIVEN = """
    INSERT INTO predictions BY NAME
    WITH known AS (
        SELECT *, row_number() OVER (ORDER BY input_hash) - 1 AS place FROM predictions WHERE model_id = $model AND len(chain_ids) > 0
        ORDER BY input_hash LIMIT 1000
    ),
    wanted AS (
        SELECT DISTINCT input_hash FROM live_items ANTI JOIN (FROM predictions WHERE model_id = $model) USING (input_hash)
    )
    SELECT k.* EXCLUDE (place) REPLACE (
        w.input_hash AS input_hash, k.probability - random() * 1e-6 AS probability, k.log_odds - random() * 1e-6 AS log_odds,
        list_transform(k.top_log_odds, lambda x: x - random() * 1e-6) AS top_log_odds,
        list_transform(k.chain_mass, lambda x: x - random() * 1e-6) AS chain_mass,
        list_transform(k.chain_log_odds, lambda x: x - random() * 1e-6) AS chain_log_odds,
        k.novelty - random() * 1e-6 AS novelty
    )
    FROM wanted w JOIN known k ON k.place = hash(w.input_hash) % (SELECT count(*) FROM known)
    ORDER BY w.input_hash
"""
_FRESH = "SELECT DISTINCT input_hash FROM live_items WHERE vendor = 'drawn'"


@dataclass(frozen=True)
class Budget:
    """Bytes: of each item once, of each item and night for ever, or for as many days as `kept` of `[retention]`, and of each
    item and promoted retraining. reused: what nights leave dead makes room for the next, up to patching.MOST_DEAD."""

    item: float = 0
    night: float = 0
    kept: str | None = None
    retraining: float = 0
    reused: bool = False

    def after(self, keep: Retention) -> float:
        """Bytes an item that may stand there after half a year, by these settings."""
        if self.reused:
            return (self.item + self.night + self.retraining) * (1 + MOST_DEAD)
        nights = min(NIGHTS, getattr(keep, self.kept) + WEEK) if self.kept else NIGHTS
        return self.item + nights * self.night + NIGHTS // WEEK * self.retraining


BUDGETS = {
    "work database": Budget(1_500, 100, retraining=600),
    "embeddings": Budget(1_700, 10),
    "copies of feeds": Budget(0, 1, "copies_days"),
    "feeds": Budget(0, 800, "copies_days"),
    "review sheets": Budget(50, 25, "sheets_days"),
    "published file": Budget(1_200, 70, retraining=120, reused=True),
    "files of changes": Budget(250, 10, "changes_days", retraining=1),
}


@dataclass
class Shop:
    """A workspace, and the feed of the vendor `drawn` as it is today."""

    place: Path
    feed: pl.DataFrame
    width: int
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    nights: int = 0
    known: set[str] = field(default_factory=set)

    def delivers(self) -> None:
        """All items as one file."""
        folder = Workspace(self.place).feeds / "drawn"
        folder.mkdir(exist_ok=True)
        self.nights += 1
        self.feed.write_csv(folder / f"{self.nights:04d}.csv")

    def changes(self) -> None:
        """1% of the items, half of them their texts and half their prices."""
        what = self.draw.random(self.feed.height)
        price = pl.when(pl.Series(what < CHANGED / 2)).then(pl.col("price") + 1).otherwise("price")
        told = pl.Series((what >= CHANGED / 2) & (what < CHANGED))
        text = pl.Series(letters(self.draw, int(told.sum())))
        place = told.cast(pl.Int64).cum_sum() - 1
        self.feed = self.feed.with_columns(
            price=price, description=pl.when(told).then(text.gather(place.clip(0))).otherwise("description")
        )

    def night(self) -> Bytes:
        """Takes the file, gives the answers and vectors that a network would, and runs the night; bytes by part after it."""
        catalog(self.place, "ingest", ok=(0, 65))
        self.answered()
        catalog(self.place, "nightly", ok=(0, 65))
        return _sizes(self.place)

    def answered(self, model: str | None = None) -> None:
        """Answers of a model, that which serves if none is named, for every input; vectors for those that are new."""
        workspace = Workspace(self.place)
        with Store.open(workspace.work_db, memory_limit="3GB", threads=1) as store:
            model = model or workspace.current_model.read_text().strip()
            store.execute(_GIVEN, {"model": model})
            new = [key for key in store.query(_FRESH)["input_hash"] if key not in self.known]
        kept = KeptEmbeddings(workspace.embeddings)
        for start in range(0, len(new), 2048):
            part = new[start : start + 2048]
            kept.put("measured", part, self.draw.standard_normal((len(part), self.width)).astype(np.float32))
        self.known.update(new)


def letters(draw: np.random.Generator, many: int) -> list[str]:
    """Descriptions of lower-case letters and blanks."""
    alphabet = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz     ", np.uint8)
    drawn = alphabet[draw.integers(0, len(alphabet), (many, DESCRIPTION), dtype=np.uint8)]
    return [row.tobytes().decode() for row in drawn]


def drawn_feed(many: int) -> pl.DataFrame:
    """Items of one vendor under the names of the house."""
    draw = np.random.default_rng(3)
    texts: list[str] = []
    for start in range(0, many, 50_000):
        texts += letters(draw, min(50_000, many - start))
    return pl.DataFrame(
        {
            "item_id": [f"A{n:08d}" for n in range(many)],
            "title": [f"{text[100:140].strip()} {n % 9973}" for n, text in enumerate(texts)],
            "description": texts,
            "brand": [("Acme", "Borg", "Cyan", "Dorn")[n % 4] for n in range(many)],
            "price": draw.integers(1, 999, many),
        }
    )


def measured(trained: Path, scratch: Path, items: int, nights: int, width: int) -> tuple[Bytes, Bytes, Bytes]:
    """Bytes an item: of the first night, of an ordinary one, and of one after another model was promoted."""
    place = Path(shutil.copytree(trained, scratch / "ws"))
    settings = place / "catalog.toml"  # the vendor is one that no label names
    settings.write_text(
        settings.read_text().replace("[routing]\n", '[routing]\nunseen_vendor = "place_with_warning"\n')
    )
    shutil.rmtree(place / "feeds")
    (place / "feeds").mkdir()
    shop = Shop(place, drawn_feed(items), width)
    shop.answered()
    before = _sizes(place)
    shop.delivers()
    found = [shop.night()]
    for _ in range(nights):
        shop.changes()
        shop.delivers()
        found.append(shop.night())
        print(f"night {len(found)}: {sum(found[-1].values()) / 1e6:,.0f} MB", flush=True)
    other = next(
        path for path in sorted(Workspace(place).models.glob("*")) if path.is_dir() and path.name != _serves(place)
    )
    shop.answered(other.name)
    catalog(place, "promote", other.name, "--anyway", "--approve-moves")
    shop.changes()
    shop.delivers()
    found.append(shop.night())
    first, ordinary = _less(found[0], before, items), _less(found[-2], found[0], items * nights)
    return first, ordinary, {name: one - ordinary[name] for name, one in _less(found[-1], found[-2], items).items()}


def _sizes(place: Path) -> Bytes:
    with Store.open(Workspace(place).work_db, memory_limit="1GB", threads=1) as store:
        store.execute("CHECKPOINT")  # what stands in the log belongs to the file
    return {name: float(size_of(place / path)) for name, path in PARTS.items()}


def _serves(place: Path) -> str:
    return Workspace(place).current_model.read_text().strip()


def _less(after: Bytes, before: Bytes, items: int) -> Bytes:
    return {name: (after[name] - before[name]) / items for name in after}


def table(found: tuple[Bytes, Bytes, Bytes], items: int, keep: Retention) -> Iterator[str]:
    """Lines of a table in Markdown, the budget of each part and whether it is kept; GB are projected."""
    first, night, retraining = found
    gigabytes = PROJECTED / 1e9
    yield (
        f"Measured with {items:,} items. Projected: {PROJECTED:,} items after {NIGHTS} full feeds with {CHANGED:.0%} changed a night and "
        f"{NIGHTS // WEEK} promoted retrainings, by `[retention]` as it comes. Bundles and pages are left out: as many of them whatever the number of items. "
        f"The published file reuses what it deletes, up to {MOST_DEAD:.0%}; a retraining is projected to move what `routing.max_moves` lets pass, though here it moved everything."
    )
    yield ""
    yield "| part | bytes an item | an item and night | an item and retraining | kept | projected, GB | budget, GB | |"
    yield "|---|---|---|---|---|---|---|---|"
    totals = [0.0, 0.0]
    for name, budget in BUDGETS.items():
        at_once = (
            max(0.0, first[name] - night[name]) if budget.kept else first[name]
        )  # what a night brings is in the first
        rows = (
            Routing().max_moves if name == "files of changes" else 1.0
        )  # drawn answers move every item, a model's may not
        taken = Budget(at_once, night[name], budget.kept, rows * retraining[name], budget.reused)
        sizes = [one.after(keep) * gigabytes for one in (taken, budget)]
        totals = [total + size for total, size in zip(totals, sizes, strict=True)]
        days = f"{getattr(keep, budget.kept)} days" if budget.kept else "always"
        held = "kept" if sizes[0] <= sizes[1] else "**not kept**"
        yield (
            f"| {name} | {first[name]:,.0f} | {night[name]:,.1f} | {retraining[name]:,.1f} | {days} | {sizes[0]:,.1f} | {sizes[1]:,.0f} | {held} |"
        )
    held = "kept" if totals[0] <= totals[1] else "**not kept**"
    yield f"| in all | {sum(first.values()):,.0f} | {sum(night.values()):,.1f} | {sum(retraining.values()):,.1f} | | {totals[0]:,.1f} | {totals[1]:,.0f} | {held} |"


def main() -> None:
    """Measures, prints, and appends the table to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(options.workspace, Path(scratch), options.items, options.nights, options.width)
    told([f"### Disk budget, {here()}", ""], table(found, options.items, Retention()), options.append)


if __name__ == "__main__":
    main()
