"""From delivered text to canonical items: one form for what means the same, hashes of it, and the rows that fail."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from catalog.errors import CatalogError
from catalog.feeds import ATTRIBUTE, RawBatch
from catalog.mapping import FACT_COLUMNS, LABEL_COLUMNS, TEXT_COLUMNS, Mapping
from catalog.markup import ENTITY, TAG, html_text
from catalog.pictures import Pictures
from catalog.prices import read_currency, read_gtin, read_price
from schemas.items import IMAGE_STATUSES, RULE_NAMES, Item, Reject

LONGEST = {"title": 500, "description": 5_000, "brand": 200, "vendor_category": 500}
LONGEST_ATTRIBUTE = 500
PRICE = pl.Decimal(18, 4)
# Control, zero-width and direction-changing characters; joiners (U+200C, U+200D) carry meaning in several scripts.
_INVISIBLE = (
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_CONTENT = ("title", "description", "brand", "vendor_category", "attributes", "image_hash")
_INPUT = ("vendor", *_CONTENT)  # the model knows vendors: two who say the same may mean different things
_DELIVERED = (*_CONTENT[:-1], "item_id", "price", "currency", "gtin_text", "product_id", "image_text")
# What its picture turned out to be makes another version of a row, also when that shows only after the delivery.
_ROW = ("delivered_hash", "image_hash", "image_status", "image_reason")
IMAGE_FLAG = "image_"  # how a flag begins that says why a picture is none
_WRAPPED = r'^="(.*)"$'  # how a spreadsheet is told to keep the zeros of an id
_SCIENTIFIC = r"^\d+([.,]\d+)?[eE]\+?\d+$"


@dataclass(frozen=True)
class Canonical:
    """items: rows that keep the contract `schemas.items.Item`. rejects: the others, as `schemas.items.Reject`."""

    items: pl.DataFrame
    rejects: pl.DataFrame


def canonicalize(batch: RawBatch, vendor: str, mapping: Mapping, pictures: Pictures) -> Canonical:
    """Canonical rows of a batch; every row of it comes back either as item or as reject.

    A column `vendor` in the rows goes before `vendor` (label files have it). A row no rule foresaw is refused as
    unexpected_error and stops no other.
    """
    rows = batch.rows
    if "vendor" not in rows.columns:
        rows = rows.with_columns(vendor=pl.lit(vendor))
    early = batch.rejects.with_columns(vendor=pl.lit(vendor)).select(_reject_columns())
    items, failed = bisected(rows, lambda part: _canonical(part, mapping, pictures))
    return Canonical(
        pl.concat([found.items for found in items]) if items else empty_items(),
        pl.concat([early, *(found.rejects for found in items), *failed]).sort("line"),
    )


def empty_items() -> pl.DataFrame:
    """No item, in the right shape."""
    return Item.create_empty().with_columns(pl.col("image_status").cast(pl.String))


def _reject_columns() -> list[pl.Expr]:
    return [
        pl.col("line"),
        pl.col("vendor"),
        pl.col("item_id"),
        pl.col("rule"),
        pl.col("detail").str.slice(0, 500),
        pl.col("raw").str.slice(0, 500),
    ]


def bisected(
    rows: pl.DataFrame, work: Callable[[pl.DataFrame], Canonical]
) -> tuple[list[Canonical], list[pl.DataFrame]]:
    """Does the work, halving the rows when it fails, until the row that makes it fail stands alone.

    Returns the results of the parts that went well and one reject per row that did not. CatalogError goes through.
    """
    if not rows.height:
        return [], []
    try:
        return [work(rows)], []
    except CatalogError:
        raise
    except Exception as error:
        if rows.height == 1:
            return [], [_unexpected(rows, error)]
    half = rows.height // 2
    left, right = bisected(rows[:half], work), bisected(rows[half:], work)
    return left[0] + right[0], left[1] + right[1]


def _unexpected(row: pl.DataFrame, error: Exception) -> pl.DataFrame:
    said = f"{type(error).__name__}: {error}"[:500]
    return row.with_columns(rule=pl.lit("unexpected_error"), detail=pl.lit(said)).select(_reject_columns())


def _canonical(rows: pl.DataFrame, mapping: Mapping, pictures: Pictures) -> Canonical:
    wide = _with_hashes(_with_pictures(_with_codes(_with_prices(_with_text(rows), mapping)), pictures))
    kept = wide.select(*Item.column_names())
    found = Item.filter(kept)
    items = found.result.with_columns(pl.col("image_status").cast(pl.String))
    details = found.failure.details()
    if not details.height:
        return Canonical(items, Reject.create_empty())
    broken = details.select("line", rule=_first_broken(details))
    as_json = pl.struct(pl.exclude("line", "raw", "nul")).struct.json_encode()
    delivered = rows.select("line", raw=pl.coalesce("raw", as_json))
    rejects = broken.join(wide.select("line", "vendor", "item_id", "price_text"), on="line").join(delivered, on="line")
    detail = pl.when(pl.col("rule") == "bad_price").then("price_text")
    return Canonical(items, rejects.with_columns(detail=detail).select(_reject_columns()))


def _first_broken(details: pl.DataFrame) -> pl.Expr:
    """The rule a row is filed under: a missing id before all others, then the order of the contract."""
    rules = [name for name in details.columns if name not in Item.column_names()]
    rules.sort(key=lambda name: name not in RULE_NAMES)
    chosen = [pl.when(pl.col(name) == "invalid").then(pl.lit(RULE_NAMES.get(name, name))) for name in rules]
    return pl.coalesce(*chosen)


def plain_text(column: str) -> pl.Expr:
    """NFC, nothing invisible, single spaces, none at the ends; empty text is null."""
    spaced = pl.col(column).str.normalize("NFC").str.replace_all(_INVISIBLE, "").str.replace_all(r"\s+", " ")
    return spaced.str.strip_chars().replace("", None)


def _with_text(rows: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in (*FACT_COLUMNS, *TEXT_COLUMNS) if name not in rows.columns]
    rows = rows.with_columns(*(pl.lit(None, pl.String).alias(name) for name in absent))
    attributes = [name for name in rows.columns if name.startswith(ATTRIBUTE)]
    texts = [*TEXT_COLUMNS, *attributes]
    rows = rows.with_columns(*(_without_html(rows[name]) for name in texts))
    labels = [name for name in LABEL_COLUMNS if name in rows.columns]
    rows = rows.with_columns(*(plain_text(name) for name in (*FACT_COLUMNS, *texts, *labels)))
    flags = [pl.when("nul").then(pl.lit("nul_removed"))]
    for name in texts:
        longest = LONGEST.get(name, LONGEST_ATTRIBUTE)
        flags.append(pl.when(pl.col(name).str.len_chars() > longest).then(pl.lit(f"{name}_cut")))
    rows = rows.with_columns(flags=pl.concat_list(*flags))
    rows = rows.with_columns(*(pl.col(name).str.slice(0, LONGEST.get(name, LONGEST_ATTRIBUTE)) for name in texts))
    return rows.with_columns(_attributes(rows, attributes))


def _without_html(column: pl.Series) -> pl.Series:
    marked = column.str.contains(f"{TAG}|{ENTITY}").fill_null(False)
    if not marked.any():
        return column
    found = column.filter(marked).unique()
    words = [html_text(text) for text in found]
    return column.replace(found, pl.Series(words, dtype=pl.String))


def _attributes(rows: pl.DataFrame, columns: list[str]) -> pl.Series:
    """JSON of the filled attributes, ordered by name."""
    names = sorted(columns)
    if not names:
        return pl.Series("attributes", [None] * rows.height, dtype=pl.String)
    short = [name.removeprefix(ATTRIBUTE) for name in names]
    found = []
    for cells in rows.select(names).iter_rows():
        filled = {name: cell for name, cell in zip(short, cells, strict=True) if cell}
        found.append(json.dumps(filled, ensure_ascii=False) if filled else None)
    return pl.Series("attributes", found, dtype=pl.String)


def _with_prices(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    texts = rows["price"].drop_nulls().unique()
    read = [read_price(text, mapping.rules.price_decimal) for text in texts]
    known = pl.DataFrame(
        {
            "price_text": texts,
            "price": pl.Series([price for price, _, _ in read], dtype=PRICE),
            "own_currency": pl.Series([currency for _, currency, _ in read], dtype=pl.String),
            "guessed": pl.Series([guessed for _, _, guessed in read], dtype=pl.Boolean),
        }
    )
    codes = rows["currency"].drop_nulls().unique()
    currencies = pl.DataFrame(
        {"currency": codes, "code": pl.Series([read_currency(code) for code in codes], dtype=pl.String)}
    )
    rows = rows.rename({"price": "price_text"}).join(known, on="price_text", how="left", maintain_order="left")
    rows = rows.join(currencies, on="currency", how="left", maintain_order="left")
    odd = pl.col("currency").is_not_null() & pl.col("code").is_null()
    default = pl.when(pl.col("price").is_not_null()).then(pl.lit(mapping.rules.currency, pl.String))
    return rows.with_columns(
        _flagged(
            pl.when("guessed").then(pl.lit("price_guessed")),
            pl.when(odd).then(pl.lit("bad_currency")),
        ),
        currency=pl.coalesce("code", "own_currency", default),
    )


def _flagged(*flags: pl.Expr) -> pl.Expr:
    return pl.col("flags").list.concat(pl.concat_list(*flags))


def _with_codes(rows: pl.DataFrame) -> pl.DataFrame:
    """Ids and GTINs as text, with flags for what a spreadsheet may have done to them."""
    codes = ("item_id", "gtin", "product_id")
    rows = rows.with_columns(*(pl.col(name).str.replace(_WRAPPED, "$1").alias(name) for name in codes))
    texts = rows["gtin"].drop_nulls().unique()
    read = [read_gtin(text) for text in texts]
    known = pl.DataFrame(
        {
            "gtin_text": texts,
            "gtin": pl.Series([gtin for gtin, _ in read], dtype=pl.String),
            "gtin_flag": pl.Series([flag for _, flag in read], dtype=pl.String),
        }
    )
    rows = rows.rename({"gtin": "gtin_text"}).join(known, on="gtin_text", how="left", maintain_order="left")
    scientific = pl.col("item_id").str.contains(_SCIENTIFIC) | pl.col("gtin_text").str.contains(_SCIENTIFIC)
    parent = pl.concat_str("vendor", pl.lit(":"), "product_id")
    product = pl.coalesce(parent, pl.concat_str(pl.lit("gtin:"), pl.col("gtin").str.zfill(14)))
    return rows.with_columns(
        _flagged(pl.col("gtin_flag"), pl.when(scientific).then(pl.lit("id_scientific"))),
        item_id=pl.col("item_id").replace("", None),
        product_id=product,
    )


def _with_pictures(rows: pl.DataFrame, pictures: Pictures) -> pl.DataFrame:
    found = pictures.find_all(rows["image"])
    return rows.rename({"image": "image_text"}).with_columns(
        pl.Series("image", [picture.image for picture in found], dtype=pl.String),
        pl.Series("image_hash", [picture.sha256 for picture in found], dtype=pl.String),
        pl.Series("image_status", [picture.status for picture in found], dtype=pl.Enum(IMAGE_STATUSES)),
        pl.Series("image_url", [picture.url for picture in found], dtype=pl.String),
        pl.Series("image_reason", [picture.reason for picture in found], dtype=pl.String),
    )


def _with_hashes(rows: pl.DataFrame) -> pl.DataFrame:
    return repictured(rows.with_columns(_hash(rows, _DELIVERED).alias("delivered_hash")))


def repictured(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with input_hash, row_hash and flags that agree with their picture (image_hash, image_status, image_reason).

    Used when a row is read and again when its picture comes later: both must make the same version of it.
    """
    other = pl.col("flags").list.eval(pl.element().filter(~pl.element().str.starts_with(IMAGE_FLAG)))
    return rows.with_columns(
        _hash(rows, _INPUT).alias("input_hash"),
        _hash(rows, _ROW).alias("row_hash"),
        flags=other.list.concat(pl.concat_list(pl.lit(IMAGE_FLAG) + pl.col("image_reason")))
        .list.drop_nulls()
        .list.unique(maintain_order=True),
    )


def _hash(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """32 hex characters per row. Each value is preceded by its length, so that no two rows read alike."""
    sized = []
    for name in columns:
        text = pl.col(name).cast(pl.String)
        sized.append(pl.coalesce(pl.concat_str(text.str.len_bytes(), pl.lit(":"), text), pl.lit("-")))
    joined = rows.select(pl.concat_str(*sized, separator=",")).to_series()
    found = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in joined]
    return pl.Series(found, dtype=pl.String)
