"""What a canonical feed row and a refused one look like, and the rules that tell them apart."""

import dataframely as dy
import polars as pl

# remote: behind a URL that was not fetched yet; fetch_failed: it was tried in vain. `flags` says why (image_<reason>).
IMAGE_STATUSES = ("ok", "missing", "unreadable", "refused", "remote", "fetch_failed")
AVAILABILITIES = ("in_stock", "out_of_stock", "preorder", "backorder", "discontinued")
# The rule a person sees for what a column demands.
RULE_NAMES = {
    "item_id|nullability": "missing_item_id",
    "item_id|max_length": "bad_item_id",
}


class Item(dy.Schema):
    """One row per feed row that may become a version of an item; text is canonical, empty text is null."""

    line = dy.Int64(nullable=False)
    vendor = dy.String(nullable=False)
    item_id = dy.String(nullable=False, max_length=200)
    row_hash = dy.String(nullable=False, min_length=32, max_length=32)
    input_hash = dy.String(nullable=False, min_length=32, max_length=32)
    delivered_hash = dy.String(nullable=False, min_length=32, max_length=32)
    title = dy.String(nullable=True)
    description = dy.String(nullable=True)
    brand = dy.String(nullable=True)
    price = dy.Decimal(18, 4, nullable=True)
    currency = dy.String(nullable=True, regex="^[A-Z]{3}$")
    availability = dy.String(nullable=True, check=lambda column: column.is_in(AVAILABILITIES))
    gtin = dy.String(nullable=True, regex=r"^(\d{8}|\d{12,14})$")
    product_id = dy.String(nullable=True)
    vendor_category = dy.String(nullable=True)
    attributes = dy.String(nullable=True)
    image = dy.String(nullable=True)
    images = dy.List(dy.String(nullable=False), nullable=False)
    image_hash = dy.String(nullable=True, regex="^[0-9a-f]{64}$")
    image_status = dy.Enum(IMAGE_STATUSES, nullable=False)
    image_url = dy.String(nullable=True)
    flags = dy.List(dy.String(nullable=False), nullable=False)
    raw_text = dy.String(nullable=True)
    unread_price = dy.String(nullable=True)

    @dy.rule()
    def bad_price(cls) -> pl.Expr:
        """A price was delivered and could not be read."""
        return pl.col("unread_price").is_null()

    @dy.rule()
    def nothing_to_classify(cls) -> pl.Expr:
        """Neither a title nor a picture was delivered."""
        return pl.col("title").is_not_null() | pl.col("image").is_not_null()

    @dy.rule()
    def hash_without_picture(cls) -> pl.Expr:
        """A content hash stands exactly where the picture could be read."""
        return (pl.col("image_status").cast(pl.String) == "ok") == pl.col("image_hash").is_not_null()


class Reject(dy.Schema):
    """One row per refused feed row, with the name of the rule it broke. raw is cut to 500 characters."""

    line = dy.Int64(nullable=False)
    vendor = dy.String(nullable=False)
    item_id = dy.String(nullable=True)
    rule = dy.String(nullable=False)
    detail = dy.String(nullable=True)
    raw = dy.String(nullable=True, max_length=500)
