"""The data sets as frames of one form, read where they are: labelled items with their look-alike clusters."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from catalog.errors import CatalogError
from catalog.inference.inputs import clean_text
from catalog.labels.clusters import look_alike_clusters
from catalog.taxonomies.taxonomy import normal_path

DATA = Path("../shared/data")
FOLDERS = {
    "mwpd_gpc": "mwpd_gpc",
    "fashion5k_blanked": "fashion5k_224",
    "bigbasket": "bigbasket",
    "fashion5k": "fashion5k_224",
    "fashion44k": "fashion44k",
}
WITH_IMAGES = ("fashion5k_blanked", "fashion5k", "fashion44k")
TEXTS = ("title", "description", "brand", "vendor_category", "attributes")
# Other words for the commonest category of the fashion sets.
SHIRT_WORDS = frozenset({"tshirt", "t", "shirt", "shirts", "tee", "polo"})


def load(name: str, data: Path = DATA) -> pl.DataFrame:
    """One row per labelled item of a set.

    Columns: what a classifier reads (INPUT_COLUMNS), vendor, item_id, gtin, product_id, image_hash, `cluster`,
    `official` (the publisher's split or null), `category_id` (the label as delivered: what is trained on) and `truth`
    (what is judged against: on bigbasket the commonest label among rows of equal title and brand, else the label).
    Raises CatalogError when the set is not there.
    """
    folder = data / FOLDERS[name]
    if not (folder / "items.csv").exists():
        raise CatalogError(f"{folder}/items.csv is not there.", remedy="Name the folder of the data sets: --data DIR.")
    rows = pl.read_csv(folder / "items.csv", infer_schema_length=0)
    extra = folder / "items_extra.csv"
    if extra.exists():
        rows = rows.join(pl.read_csv(extra, infer_schema_length=0), on="item_id", how="left", maintain_order="left")
    frame = _house_columns(rows, folder)
    frame = frame.with_columns(cluster=look_alike_clusters(frame))
    if name == "fashion5k_blanked":  # clusters stay those of the full titles: the same split as fashion5k
        words = category_words(frame["category_id"].unique().to_list())
        titles = [clean_text(without_words(title, words)) for title in frame["title"]]
        frame = frame.with_columns(title=pl.Series(titles, dtype=pl.String))
    return frame.with_columns(truth=_commonest_label(frame) if name == "bigbasket" else pl.col("category_id"))


def _house_columns(rows: pl.DataFrame, folder: Path) -> pl.DataFrame:
    given = {column: rows[column].to_list() if column in rows.columns else [None] * rows.height for column in SOURCES}
    texts = {column: [clean_text(text) for text in given[SOURCE_OF.get(column, column)]] for column in TEXTS}
    images = [str((folder / image).resolve()) if image else None for image in given["image"]]
    return pl.DataFrame(
        {
            "vendor": [urlsplit(url).hostname or "unknown" if url else folder.name for url in given["url"]],
            "item_id": given["item_id"],
            "input_hash": given["item_id"],
            **texts,
            "image": images,
            "image_hash": [_file_hash(image) for image in images],
            "gtin": [None] * rows.height,
            "product_id": [None] * rows.height,
            "official": given["split"],
            "category_id": [normal_path(path or "") for path in given["category_path"]],
        },
        schema_overrides=dict.fromkeys((*TEXTS, "image", "image_hash", "gtin", "product_id", "official"), pl.String),
    )


SOURCE_OF = {"vendor_category": "vendor_category_text"}
SOURCES = (
    *("item_id", "title", "description", "brand", "attributes", "vendor_category_text"),
    *("image", "url", "split", "category_path"),
)


def _file_hash(path: str | None) -> str | None:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path and Path(path).exists() else None


def _commonest_label(frame: pl.DataFrame) -> pl.Expr:
    """The commonest label among rows that read the same; of equally common ones the first by name."""
    key = ["title", "brand"]
    counted = frame.group_by(*key, "category_id").len().sort("len", "category_id", descending=[True, False])
    first = counted.unique(key, keep="first", maintain_order=True)
    joined = frame.select(key).join(
        first.select(*key, "category_id"), on=key, how="left", nulls_equal=True, maintain_order="left"
    )
    return pl.lit(joined["category_id"])


def category_words(paths: list[str]) -> frozenset[str]:
    """The words of category names in lower case, each also without and with an s at its end."""
    found = {word for path in paths for word in re.findall("[a-z]+", path.lower())}
    bare = {word.rstrip("s") for word in found}
    return frozenset(SHIRT_WORDS | found | bare | {f"{word}s" for word in found})


def without_words(title: str | None, words: frozenset[str]) -> str:
    """The title's words that are not among the given ones, neither as written nor in the singular."""
    parts = re.findall("[A-Za-z0-9']+", title or "")
    return " ".join(part for part in parts if part.lower() not in words and part.lower().rstrip("s") not in words)
