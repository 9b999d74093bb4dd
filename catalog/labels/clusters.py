"""Look-alike clusters: which items are one product for counting, and which split of the labels a product belongs to."""

import hashlib
from collections.abc import Iterable

import numpy as np
import polars as pl

from catalog.errors import CatalogError
from catalog.values.gtin import gtins

# A key shared by more different titles than this says nothing about the product: a placeholder picture, a GTIN typed
# into every row, a column that is no variant parent. Left in, it would glue a whole feed into one product.
MAX_TITLES = {"image": 10, "gtin": 10, "product": 100}
SPLITS = {"train": 0.70, "early_stopping": 0.08, "temperature": 0.07, "calibration": 0.15}
ENOUGH = {"early_stopping": 500, "temperature": 500, "calibration": 5000}  # products; more would do better elsewhere
_LEARNS = ("train", "early_stopping")
_EVIDENCE = ("temperature", "calibration")


def stable_hash(texts: Iterable[str], salt: str = "") -> np.ndarray:
    """uint64 (n,): a hash that is the same on every machine and version, unlike polars' own."""
    salted, digests = hashlib.blake2b(salt.encode() + b"\x00", digest_size=8), list[bytes]()
    for text in texts:
        own = salted.copy()  # takes two thirds of the time of a hash begun anew
        own.update(text.encode())
        digests.append(own.digest())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def stable_names(texts: Iterable[str], salt: str = "") -> pl.Series:
    """The stable hash of each text as 16 hexadecimal digits."""
    digits = stable_hash(texts, salt).astype(">u8").tobytes().hex()
    return pl.Series([digits[start : start + 16] for start in range(0, len(digits), 16)], dtype=pl.String)


def unit_hash(texts: Iterable[str], salt: str = "") -> np.ndarray:
    """float64 (n,) in [0, 1): a uniform draw that belongs to the text, for shares chosen by hash."""
    return (stable_hash(texts, salt) >> np.uint64(11)) * 2.0**-53


def drawn_at(items: pl.DataFrame, salt: str = "") -> pl.Series:
    """float64 in [0, 1) per item (vendor, item_id): the control stream draws it at every share above it."""
    return low_half(draw_hash(items, salt))


def draw_hash(items: pl.DataFrame, salt: str = "") -> np.ndarray:
    """uint64 (n,): per item (vendor, item_id) what it is drawn by, for the control stream its lower half, for audits its upper."""
    return stable_hash(items.select(item_key()).to_series().to_list(), f"draw {salt}")


def low_half(drawn: np.ndarray) -> pl.Series:
    """float64 in [0, 1): the lower half of `draw_hash`."""
    return pl.Series((drawn & np.uint64(0xFFFFFFFF)) * 2.0**-32, dtype=pl.Float64)


def item_key() -> pl.Expr:
    """The text that names an item in every hash: vendor and item id, separated by a character neither may contain."""
    return pl.concat_str("vendor", "item_id", separator="\x1f")


def title_key(title: str = "title") -> pl.Expr:
    """A title without case, punctuation and word order of spaces; numbers are dropped where three words remain.

    'Nike Air Max, size 42' and 'NIKE air max size 43' share a key; 'Part 4711' keeps its number. Null for an empty one.
    """
    return pl.col(title).map_batches(_title_keys, return_dtype=pl.String)


def _title_keys(titles: pl.Series) -> pl.Series:
    """Step by step: as one expression what comes first would be worked out three times over."""
    words = titles.cast(pl.String).str.normalize("NFKC").str.to_lowercase()
    words = words.str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ").str.strip_chars()
    plain = words.str.replace_all(r"\b\p{N}+\b", " ").str.replace_all(r"\s+", " ").str.strip_chars()
    named = plain.str.count_matches(r"\p{L}{2,}") >= 3
    return plain.zip_with(named.fill_null(False), words).replace("", None)


def gtin_key(delivered: pl.Series) -> pl.Series:
    """What names a product everywhere, in 14 digits, as `catalog.values.gtin` reads each cell; null for the others."""
    found = gtins(delivered)
    full = found["gtin"].str.zfill(14)
    return delivered.replace_strict(found["gtin_text"], full, default=None, return_dtype=pl.String)


def look_alike_clusters(frame: pl.DataFrame) -> pl.Series:
    """The cluster of each row, by same GTIN, same variant parent of a vendor, same title key or same picture.

    `frame` has the columns vendor, item_id, gtin, product_id, title, image_hash (the last five may hold nulls), and may have
    look_alikes: the cluster that nights gave the item, which holds together here as well. A
    cluster is named after the smallest hash among its title keys, so that a further item with a known title never
    renames it; one with a new title does so seldom.
    """
    keys = frame.select(
        own=item_key(),
        title=title_key(),
        gtin=gtin_key(frame["gtin"]),
        product=pl.concat_str("vendor", "product_id", separator="\x1f"),
        image=pl.col("image_hash"),
        night="look_alikes" if "look_alikes" in frame.columns else pl.lit(None, pl.String),
    ).with_columns(pl.when(pl.col(column).str.len_chars() > 0).then(column) for column in ("product", "image"))
    keys = keys.with_columns(
        pl.when(pl.col("title").drop_nulls().n_unique().over(column) <= limit).then(column)
        for column, limit in MAX_TITLES.items()
    )
    root = _components([keys[column] for column in ("title", "gtin", "product", "image", "night")], len(keys))
    named = stable_hash(keys.select(pl.coalesce("title", "own")).to_series().to_list(), "cluster")
    smallest = np.full(len(keys), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, root, named)
    return pl.Series("cluster", [f"{value:016x}" for value in smallest[root].tolist()], dtype=pl.String)


def _components(keys: list[pl.Series], size: int) -> np.ndarray:
    """Connected components of rows that share a key: the smallest row number of each, int64 (size,)."""
    parent = np.arange(size)
    groups = []
    for key in keys:
        rows = np.flatnonzero(key.is_not_null().to_numpy())
        if len(rows):
            groups.append((rows, key.gather(rows).rank("dense").to_numpy().astype(np.int64) - 1))
    changed = True
    while changed:
        before = parent.copy()
        for rows, group in groups:
            least = np.full(group.max() + 1, size)
            np.minimum.at(least, group, parent[rows])
            np.minimum.at(parent, parent[rows], least[group])
            np.minimum.at(parent, rows, least[group])
        while not np.array_equal(parent, parent[parent]):
            parent = parent[parent]
        changed = not np.array_equal(parent, before)
    return parent


def split_shares(products: int, evidence: int) -> dict[str, float]:
    """The share of each split among `products` of which `evidence` may certify: `SPLITS` as long as they are few.

    What early stopping and temperature have beyond `ENOUGH` goes to calibration, where every product counts, and what
    that has beyond its own goes to training: 5, 5 and 20% of 10,000, 1, 1 and 15% of 50,000.
    """
    most = {name: ENOUGH[name] / max(products if name == "early_stopping" else evidence, 1) for name in ENOUGH}
    shares = {name: min(SPLITS[name], most[name]) for name in ("early_stopping", "temperature")}
    rest = 1.0 - SPLITS["train"] - sum(shares.values())
    shares["calibration"] = max(SPLITS["calibration"], min(rest, most["calibration"]))
    return {"train": 1.0 - sum(shares.values()), **shares}


def assign_splits(clusters: pl.Series, random: pl.Series, seed: int) -> pl.Series:
    """The split of each labelled row: train, early_stopping, temperature, calibration or excluded.

    A cluster goes to one split, by its hash and `split_shares`. `random` (bool) says that the label is of an unselected sample: only such
    labels are evidence (temperature, calibration). Another label in those shares trains instead, unless its cluster
    also holds random ones: then it is excluded, for training on it would teach the model the evidence. With no random
    label at all the temperature may be fitted on the others; the calibration split stays empty, and so nothing is
    certified. Of few clusters none may fall into early stopping by chance: then the last of those that train go there,
    for without any training could not stop.
    """
    frame = pl.DataFrame({"cluster": clusters, "random": random.fill_null(False)})
    names = frame["cluster"].unique()
    place = unit_hash(names.to_list(), f"split {seed}")
    evidence = frame.filter("random")["cluster"].n_unique() or len(names)
    bounds = np.cumsum(list(split_shares(len(names), evidence).values()))[:-1]
    chosen = pl.DataFrame({"cluster": names, "share": np.array(list(SPLITS))[np.searchsorted(bounds, place, "right")]})
    share, declared = pl.col("share"), pl.col("random")
    reserved = share.is_in(_EVIDENCE)
    mixed = pl.when(declared.any().over("cluster")).then(pl.lit("excluded")).otherwise(pl.lit("train"))
    split = pl.when(~reserved | declared).then(share).otherwise(mixed)
    if not frame["random"].any():
        split = pl.when(share != "calibration").then(share).otherwise(pl.lit("train"))
    joined = frame.join(chosen, on="cluster", how="left", maintain_order="left").with_columns(split=split)
    if not (joined["split"] == "early_stopping").any():
        joined = joined.with_columns(
            split=pl.when(_spared(joined, seed)).then(pl.lit("early_stopping")).otherwise("split")
        )
    return joined["split"]


def hold_control(splits: pl.Series, clusters: pl.Series, control: pl.Series, seed: int) -> pl.Series:
    """The splits with the control stream held apart: it never trains, one half of its products (`comparison`) compares
    models, the other half calibrates.

    `control` (bool) names its rows. Other labels of their products are excluded, lest a look-alike teach the answers.
    """
    frame = pl.DataFrame({"split": splits, "cluster": clusters, "control": control.fill_null(False)})
    compared = pl.Series(unit_hash(clusters.to_list(), f"control {seed}") < 0.5)
    held = pl.when(compared).then(pl.lit("comparison")).otherwise(pl.lit("calibration"))
    apart = pl.col("control").any().over("cluster")
    return frame.select(split=pl.when("control").then(held).when(apart).then(pl.lit("excluded")).otherwise("split"))[
        "split"
    ]


def _spared(joined: pl.DataFrame, seed: int) -> pl.Expr:
    """Bool per row: a training cluster that stops instead, as many as the shares foresee, one at least and never all."""
    names = joined.filter(split="train")["cluster"].unique().to_list()
    several = round(len(names) * SPLITS["early_stopping"] / (SPLITS["train"] + SPLITS["early_stopping"]))
    last = np.argsort(unit_hash(names, f"split {seed}"))[len(names) - min(max(several, 1), len(names) - 1) :]
    return pl.col("cluster").is_in([names[place] for place in last]) & (pl.col("split") == "train")


def assert_no_leak(clusters: pl.Series, splits: pl.Series) -> None:
    """Raises CatalogError when a cluster stands in two splits of which one is evidence for the other."""
    roles = {**dict.fromkeys(_LEARNS, "learns"), **dict.fromkeys(("temperature",), "temperature")}
    roles |= {"calibration": "calibration", "comparison": "comparison"}
    frame = pl.DataFrame({"cluster": clusters, "role": splits.replace_strict(roles, default=None)}).drop_nulls()
    shared = frame.group_by("cluster").agg(pl.col("role").n_unique()).filter(pl.col("role") > 1)
    if len(shared):
        raise CatalogError(
            f"{len(shared)} products stand both in what the model learned from and in what judges it "
            f"(for example cluster {shared['cluster'].sort()[0]}).",
            remedy="Assign the splits of all labels anew with assign_splits and train again before certifying.",
        )
