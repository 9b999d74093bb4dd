"""How often quiet nights alarm, and which shifts are seen, by their size and the batch.

    python -m benchmarks.drift [SET ...] [--only KIND] [--earlier 6] [--data ../shared/data] [--trials 100] [--append benchmarks/RESULTS.md]

Batches are drawn again and again from a few thousand items with frozen embeddings, so that nothing is encoded twice. A
vendor is a shop of mwpd_gpc, or all of fashion5k; a model is a logistic regression on other items. Earlier batches have
35 items; one vendor a night, the level that the product uses.

- quiet: drawn like the reference. In series: every batch, earlier ones too, has a mix of categories of its own.
- mixed: a share of the batch comes from another shop. blurred: pictures under a Gaussian of 3 pixels. blanked: titles
  without the words of category names. no picture: the picture is gone.
- translated: the texts of a share of the batch are in a language nobody speaks, made by code: every letter stands for another
  one, a vowel for a vowel, so that words keep their lengths and their places, and all but numbers and the brand are new. It
  shows what the watch makes of words it has never seen; a real language shares names and stems with the one before it.
"""

import argparse
import platform
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageFilter
from sklearn.linear_model import LogisticRegression

from benchmarks.end_to_end import commit
from benchmarks.quality.data import DATA, category_words, load, without_words
from benchmarks.quality.frozen import Towers
from benchmarks.quality.trained import Lesson
from catalog.pictures.looks import look
from catalog.taxonomies.taxonomy import from_paths
from catalog.watch import features
from catalog.watch.drift import RUN_LEVEL, Reference, judge

EARLIER, EACH, BATCHES, SHARES = 6, 35, (40, 100), (0.05, 0.2, 0.5)
# Shops with enough offers; the last is as many small ones together, as a marketplace is. Each gets items of the next.
SHOPS = (("www.rallyhouse.com",), ("shop.cbssports.com",), ("icecat.us", "icecat.co.uk"), ())
OF_A_SHOP, LEARNED, PICTURED = 420, 1000, 600
DRAWS, SEED = 500, 5
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxz"
_ANOTHER = str.maketrans(
    _VOWELS + _CONSONANTS + (_VOWELS + _CONSONANTS).upper(),
    _VOWELS[2:] + _VOWELS[:2] + _CONSONANTS[7:] + _CONSONANTS[:7]
    + (_VOWELS[2:] + _VOWELS[:2] + _CONSONANTS[7:] + _CONSONANTS[:7]).upper(),
)  # fmt: skip
Shift = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Plan:
    """How often, after how many earlier batches, and which kinds of batches."""

    trials: int
    earlier: int
    only: str


@dataclass(frozen=True)
class Pool:
    """Items with all that features are made of; `rows` are numbers in it."""

    frame: pl.DataFrame
    text: np.ndarray
    picture: np.ndarray
    words: list[frozenset[str]]

    @classmethod
    def of(cls, frame: pl.DataFrame, text: np.ndarray, picture: np.ndarray) -> "Pool":
        """Unit vectors (n, width) of text and picture; a row of zeros is none."""
        return cls(frame, _seen(text), _seen(picture), features.word_sets(frame))

    def matrix(self, rows: np.ndarray, leaves: list[str]) -> np.ndarray:
        """The features of some rows."""
        return features.features(self.frame[rows], (self.text[rows], self.picture[rows]), leaves)


def _seen(vectors: np.ndarray) -> np.ndarray:
    found = features.seen_from_fixed_directions(vectors)
    found[~vectors.any(axis=1)] = np.nan
    return found


def alarmed(pool: Pool, earlier: np.ndarray, batch: np.ndarray, seed: int) -> list[str]:
    """What alarms for a batch of rows after earlier batches (runs, each) of rows."""
    rows, run = earlier.ravel(), np.repeat(np.arange(len(earlier)), earlier.shape[1])
    leaves = features.commonest(pool.frame[rows]["leaf_id"])
    before, after = pool.matrix(rows, leaves), pool.matrix(batch, leaves)
    words = [[pool.words[row] for row in part] for part in (rows, batch)]
    before[:, 3], after[:, 3] = features.new_words(words[0], run, words[1])
    found = judge(Reference(before, run), after, features.STATISTICS, level=RUN_LEVEL, seed=seed, draws=DRAWS)
    return found.alarms


def cell(pool: Pool, own: list[np.ndarray], shift: Shift, size: int, plan: Plan, *, series: bool = False) -> str:
    """Share of trials that alarm, and what alarms most. Where a shop has too few items they are drawn with repetition."""
    hits, named, before = 0, Counter[str](), plan.earlier * EACH
    for trial in range(plan.trials):
        random = np.random.default_rng(1000 * SEED + trial)
        rows = own[trial % len(own)]
        plain = random.permutation(rows) if len(rows) >= before + size else random.choice(rows, before + size)
        drawn = _in_series(pool, rows, [EACH] * plan.earlier + [size], random) if series else plain
        found = alarmed(pool, drawn[:before].reshape(-1, EACH), shift(random, drawn[before : before + size]), trial)
        hits += bool(found)
        named.update(found[:1])
    most = ", ".join(f"{name} {count}" for name, count in named.most_common(2))
    return f"{hits / plan.trials:.1%}" + (f" ({most})" if most else "")


def translated(text: str | None, brand: str | None) -> str | None:
    """The text in the language nobody speaks; the words of the brand stay, as they do in any language."""
    known = {word.lower() for word in (brand or "").split()}
    words = (text or "").split()
    return " ".join(word if word.lower() in known else word.translate(_ANOTHER) for word in words) or None


def _quiet(_: np.random.Generator, batch: np.ndarray) -> np.ndarray:
    return batch


def _in_series(pool: Pool, rows: np.ndarray, sizes: list[int], random: np.random.Generator) -> np.ndarray:
    """Batches with repetition, each with a mix of categories of its own: shares times a gamma of mean 1 and variance 1/4."""
    leaf = pool.frame[rows]["leaf_id"].to_numpy()
    names = np.unique(leaf)
    parts = []
    for many in sizes:
        odds = dict(zip(names, random.gamma(4, 0.25, len(names)), strict=True))
        weight = np.array([odds[name] for name in leaf])
        parts.append(random.choice(rows, many, p=weight / weight.sum()))
    return np.concatenate(parts)


def _replaced(share: float, by: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> Shift:
    def shift(random: np.random.Generator, batch: np.ndarray) -> np.ndarray:
        out, many = batch.copy(), max(1, round(share * len(batch)))
        out[:many] = by(random, batch[:many])
        return out

    return shift


def predicted(frame: pl.DataFrame, vectors: np.ndarray, learn: np.ndarray) -> pl.DataFrame:
    """The frame with leaf_id, probability, log_odds and novelty by a regression on some of its rows."""
    model = LogisticRegression(C=30.0, max_iter=60, tol=1e-2).fit(
        vectors[learn], frame["category_id"].to_numpy()[learn]
    )
    p = model.predict_proba(vectors)
    best = np.clip(p.max(1), 1e-6, 1 - 1e-6)
    return frame.with_columns(
        leaf_id=pl.Series(model.classes_[p.argmax(1)].tolist()),
        probability=pl.Series(best),
        log_odds=pl.Series(np.log(best / (1 - best))),
        novelty=pl.Series(1 - best),
    )


def shops(data: Path, cache: Path, plan: Plan) -> list[str]:
    """The rows of mwpd_gpc."""
    items = load("mwpd_gpc", data).sample(fraction=1.0, shuffle=True, seed=SEED)
    large = [host for shop in SHOPS for host in shop]
    small = items.filter(~pl.col("vendor").is_in(large))
    parts = [items.filter(pl.col("vendor").is_in(shop)).head(OF_A_SHOP) for shop in SHOPS if shop] + [
        small.head(OF_A_SHOP)
    ]
    own, others = pl.concat(parts), small.tail(LEARNED)
    pairs = own.select("title", "description", "brand").rows()
    foreign = own.with_columns(
        title=pl.Series([translated(title, brand) for title, _, brand in pairs], dtype=pl.String),
        description=pl.Series([translated(text, brand) for _, text, brand in pairs], dtype=pl.String),
    )
    frame = pl.concat([own, others, foreign])
    text = _towers(cache).embed(frame, "text")
    elsewhere = own.height + others.height  # the same offers, translated
    learn = np.arange(own.height, elsewhere)
    frame = _looked(predicted(frame, text, learn).with_columns(image_status=pl.lit("missing")))
    pool = Pool.of(frame, text, np.zeros((frame.height, 1)))
    groups = np.split(np.arange(own.height), np.cumsum([part.height for part in parts])[:-1])
    place = {int(row): n for n, rows in enumerate(groups) for row in rows}

    def of_another(random: np.random.Generator, batch: np.ndarray) -> np.ndarray:
        return random.choice(groups[(place[int(batch[0])] + 1) % len(groups)], len(batch), replace=False)

    kinds = [("mwpd_gpc", "quiet", _quiet, False), ("mwpd_gpc", "quiet, in series", _quiet, True)]
    kinds += [("mwpd_gpc", f"mixed {share:.0%}", _replaced(share, of_another), False) for share in SHARES]
    abroad = {share: _replaced(share, lambda _, batch: batch + elsewhere) for share in SHARES}
    kinds += [("mwpd_gpc", f"translated {share:.0%}", shift, False) for share, shift in abroad.items()]
    return _rows(pool, groups, [kind for kind in kinds if plan.only in kind[1]], plan)


def fashion(data: Path, cache: Path, plan: Plan) -> list[str]:
    """The rows of fashion5k: pictures and titles are changed."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = load("fashion5k", data).sample(PICTURED + EARLIER * EACH + max(BATCHES), seed=SEED)
        items = drawn.tail(drawn.height - PICTURED)
        words = category_words(drawn["category_id"].unique().to_list())
        blank = items.with_columns(title=pl.Series([without_words(title, words) for title in items["title"]]))
        blurred = items.with_columns(image=pl.Series([_blurred(path, Path(folder)) for path in items["image"]]))
        bare = items.with_columns(image=pl.lit(None, pl.String))
        frame = pl.concat([drawn.head(PICTURED), items, blurred, blank, bare])
        towers = _towers(cache)
        text, picture = towers.embed(frame, "text"), towers.embed(frame, "image")
        there = pl.when(pl.col("image").is_null()).then(pl.lit("missing")).otherwise(pl.lit("ok"))
        found = predicted(frame, np.concatenate([text, picture], axis=1), np.arange(PICTURED))
        pool = Pool.of(_looked(found.with_columns(image_status=there)), text, picture)
    own, n = np.arange(PICTURED, PICTURED + items.height), items.height
    kinds: list[tuple[str, str, Shift, bool]] = [
        ("fashion5k", "quiet", _quiet, False),
        ("fashion5k", "quiet, in series", _quiet, True),
    ]
    for place, name in enumerate(("blurred", "blanked", "no picture"), start=1):
        for share in SHARES:
            shift = _replaced(share, lambda _, batch, place=place: batch + place * n)  # type: ignore[misc]
            kinds.append(("fashion5k", f"{name} {share:.0%}", shift, False))
    return _rows(pool, [own], [kind for kind in kinds if plan.only in kind[1]], plan)


def _rows(pool: Pool, own: list[np.ndarray], kinds: list[tuple[str, str, Shift, bool]], plan: Plan) -> list[str]:
    rows = []
    for name, kind, shift, series in kinds:
        this = replace(plan, trials=3 * plan.trials) if shift is _quiet else plan
        cells = [cell(pool, own, shift, size, this, series=series) for size in BATCHES]
        rows.append(f"| {name} | {kind} | {plan.earlier} | {this.trials} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    return rows


def _towers(cache: Path) -> Towers:
    nothing = pl.DataFrame()
    return Towers(Lesson(nothing, nothing, from_paths([]), SEED, cache=cache, work=cache))


def _blurred(path: str, folder: Path) -> str:
    target = folder / Path(path).name
    with Image.open(path) as image:
        image.convert("RGB").filter(ImageFilter.GaussianBlur(3)).save(target, quality=92)
    return str(target)


def _looked(frame: pl.DataFrame) -> pl.DataFrame:
    looks = [look(path) for path in frame["image"]]
    return frame.with_columns(
        brightness=pl.Series([one and one.brightness for one in looks], dtype=pl.Float64),
        sharpness=pl.Series([one and one.sharpness for one in looks], dtype=pl.Float64),
        pixels=pl.Series([one and one.pixels for one in looks], dtype=pl.Int64),
    )


SETS = {"mwpd_gpc": shops, "fashion5k": fashion}


def main() -> None:
    """Prints the table and appends it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--only", default="", help="kinds of batches with this word in their name")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=Path("build/quality"))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--earlier", type=int, default=EARLIER, help="batches before the one that is judged")
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    heading = f"### Drift, {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {platform.machine()}"
    columns = " | ".join(f"alarms, batch of {size}" for size in BATCHES)
    lines = [
        heading,
        "",
        f"| set | batch | earlier batches | trials | {columns} |",
        "|---|---|---|---" + "|---" * len(BATCHES) + "|",
    ]
    for name in options.sets:
        lines += SETS[name](options.data, options.cache, Plan(options.trials, options.earlier, options.only))
    print("\n".join(lines))
    if options.append:
        with options.append.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines, ""]))


if __name__ == "__main__":
    main()
