"""From delivered text to canonical items: one form for what means the same, hashes of it, and the rows that fail."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import polars_hash as plh

from catalog.errors import CatalogError
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import RawBatch
from catalog.reading.mapping import Mapping
from catalog.values.availability import read_availability, says_availability
from catalog.values.gtin import gtin_columns
from catalog.values.image_references import based, references, used
from catalog.values.price_columns import with_prices
from catalog.values.texts import flagged, plain_text, with_texts
from schemas.items import IMAGE_STATUSES, RULE_NAMES, Item, Reject

_TEXT = ("title", "description", "brand", "vendor_category", "attributes")
# The model knows vendors: two who say the same may mean different things.
_INPUT = ("vendor", "text_hash", "image_hash")
_DELIVERED = (
    "text_hash",
    "item_id",
    "price",
    "currency",
    "gtin_text",
    "product_id",
    "image_text",
    "availability",
)
# What its picture turned out to be makes another version of a row, also when that shows only after the delivery. So does
# another URL out of several: with the row of the one before it would never be asked for.
_ROW = ("delivered_hash", "image_hash", "image_status", "image_reason", "image_url")
MOST_UNEXPECTED = 100  # rows of a batch that are looked for one by one when the program fails on them
_BETWEEN, _NULL = "\x1f", "\0"
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
    early = batch.rejects.with_columns(vendor=pl.lit(vendor), item_id=item_ids()).select(_reject_columns())
    items, failed = bisected(rows, lambda part: _canonical(part, mapping, pictures))
    return Canonical(
        pl.concat([found.items for found in items]) if items else empty_items(),
        pl.concat([early, *(found.rejects for found in items), *failed]).sort("line"),
    )


def empty_items() -> pl.DataFrame:
    """No item, in the right shape."""
    return Item.create_empty().with_columns(pl.col("image_status").cast(pl.String))


def item_ids() -> pl.Expr:
    """Ids of raw rows as those of items are read: a refused row must name its item like any other."""
    return plain_text("item_id").str.replace(_WRAPPED, "$1").replace("", None)


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

    Returns the results of the parts that went well and one reject per row that did not. After MOST_UNEXPECTED such rows
    the fault is not theirs: parts that fail then are refused whole, or a large file would take days. CatalogError goes
    through.
    """
    done: list[Canonical] = []
    failed: list[pl.DataFrame] = []
    waiting = [rows] if rows.height else []
    while waiting:
        part = waiting.pop()
        try:
            done.append(work(part))
        except CatalogError:
            raise
        except Exception as error:
            if part.height == 1 or len(failed) >= MOST_UNEXPECTED:
                failed.append(_unexpected(part, error))
            else:
                half = part.height // 2
                waiting += [part[half:], part[:half]]
    return done, failed


def _unexpected(rows: pl.DataFrame, error: Exception) -> pl.DataFrame:
    said = f"{type(error).__name__}: {error}"[:500]
    told = rows.with_columns(item_id=item_ids(), rule=pl.lit("unexpected_error"), detail=pl.lit(said))
    return told.select(_reject_columns())


def _canonical(rows: pl.DataFrame, mapping: Mapping, pictures: Pictures) -> Canonical:
    wide = _with_hashes(_with_pictures(_with_facts(with_texts(rows, mapping), mapping), mapping, pictures))
    kept = wide.select(*Item.column_names())
    found = Item.filter(kept)
    items = found.result.with_columns(pl.col("image_status").cast(pl.String))
    details = found.failure.details()
    if not details.height:
        return Canonical(items, Reject.create_empty())
    broken = details.select("line", rule=_first_broken(details))
    as_json = pl.struct(pl.exclude("line", "raw", "nul")).struct.json_encode()
    delivered = rows.select("line", raw=pl.coalesce("raw", as_json))
    rejects = broken.join(wide.select("line", "vendor", "item_id", "unread_price"), on="line").join(
        delivered, on="line"
    )
    detail = pl.when(pl.col("rule") == "bad_price").then("unread_price")
    return Canonical(items, rejects.with_columns(detail=detail).select(_reject_columns()))


def _first_broken(details: pl.DataFrame) -> pl.Expr:
    """The rule a row is filed under: a missing id before all others, then the order of the contract."""
    rules = [name for name in details.columns if name not in Item.column_names()]
    rules.sort(key=lambda name: name not in RULE_NAMES)
    chosen = [pl.when(pl.col(name) == "invalid").then(pl.lit(RULE_NAMES.get(name, name))) for name in rules]
    return pl.coalesce(*chosen)


def _with_facts(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    return _with_availability(_with_codes(with_prices(rows, mapping.rules)), mapping.rules.availability)


def _with_codes(rows: pl.DataFrame) -> pl.DataFrame:
    """Ids and GTINs as text, with flags for what a spreadsheet may have done to them."""
    codes = ("item_id", "gtin", "product_id")
    wrapped = [name for name in codes if rows[name].str.starts_with('="').any()]
    rows = rows.with_columns(*(pl.col(name).str.replace(_WRAPPED, "$1") for name in wrapped))
    rows = rows.rename({"gtin": "gtin_text"})
    rows = rows.hstack(gtin_columns(rows["gtin_text"]))
    parent = pl.concat_str("vendor", pl.lit(":"), "product_id")
    product = pl.coalesce(parent, pl.concat_str(pl.lit("gtin:"), pl.col("gtin").str.zfill(14)))
    scientific = pl.when(pl.col("item_id").str.contains(_SCIENTIFIC)).then(pl.lit("id_scientific"))
    rows = flagged(rows, pl.col("gtin_flag"), scientific)
    return rows.with_columns(item_id=pl.col("item_id").replace("", None), product_id=product)


def _with_availability(rows: pl.DataFrame, numbers: str) -> pl.DataFrame:
    texts = rows["availability"].drop_nulls().unique()
    states = pl.Series([read_availability(text, numbers) for text in texts], dtype=pl.String)
    silent = [text for text in texts if not says_availability(text)]
    state = rows["availability"].replace_strict(texts, states, default=None, return_dtype=pl.String)
    said = pl.col("availability").is_not_null() & ~pl.col("availability").is_in(silent)
    unknown = pl.when(said & state.is_null()).then(pl.lit("unknown_availability"))
    return flagged(rows, unknown).with_columns(availability=state)


def _with_pictures(rows: pl.DataFrame, mapping: Mapping, pictures: Pictures) -> pl.DataFrame:
    """`images`, all that were delivered, and of them the one to use: the first that can be read, else be fetched."""
    rows = rows.with_columns(images=based(references(rows), mapping.rules.image_base)).drop("image")
    found = used(rows["images"], pictures.table(rows["images"].explode()))
    status = pl.col("image_status").fill_null("missing").cast(pl.Enum(IMAGE_STATUSES))
    return rows.hstack(found).with_columns(status, image_text=pl.col("images").list.join("\0"))


def _with_hashes(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(_hash(rows, _TEXT).alias("text_hash"))
    return _versioned(rows.with_columns(_hash(rows, _DELIVERED).alias("delivered_hash")))


def repictured(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with input_hash, row_hash and flags that agree with their picture (the columns image_...).

    For rows that were read before, when their picture comes: both must make the same version of it.
    """
    return _versioned(rows.with_columns(_hash(rows, _TEXT).alias("text_hash"))).drop("text_hash")


def _versioned(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(_hash(rows, _INPUT).alias("input_hash"), _hash(rows, _ROW).alias("row_hash"))
    of_pictures = pl.element().str.starts_with(IMAGE_FLAG)
    if rows.select(pl.col("flags").explode().str.starts_with(IMAGE_FLAG).any()).item():
        rows = rows.with_columns(flags=pl.col("flags").list.eval(pl.element().filter(~of_pictures)))
    return flagged(rows, pl.lit(IMAGE_FLAG) + pl.col("image_reason"))


def _hash(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """The first 32 hex characters of BLAKE3 per row. Canonical text holds no control characters (`texts.plain`), so that
    those between the values, and that for null, keep any two rows from reading alike."""
    said = [pl.col(name).cast(pl.String).fill_null(_NULL) for name in columns]
    return rows.select(plh.concat_str(*said, separator=_BETWEEN).chash.blake3().str.slice(0, 32)).to_series()
