"""The pictures a row names: all of them in order, and which one is used."""

import polars as pl

from catalog.values.texts import plain, plain_text

MOST = 50  # of an item; more are an export gone wrong, and each is looked for on the disk
_BETWEEN = "\x1f"
# Where a cell holds several: before an address, or after the ending of a picture's name, never inside a name.
_PARTING = r"[\s,;|]"
_BEFORE_ADDRESS = r"(?i)(?:\s*[,;|]\s*|\s+)((?:https?:|s3:|gs:)?//)"
_AFTER_NAME = r"(?i)(\.(?:jpe?g|png|webp|gif|bmp|avif))\s*[,;|]\s*"
_ELSEWHERE = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:|[/\\]{2})"
_UPWARDS = r"(?:^|[/\\])\.\.(?:[/\\]|$)"
# Then a URL that failed: it is asked again, what is not in the folder waits for the vendor.
PREFERRED = ("ok", "remote", "fetch_failed")
_RANKS = {status: rank for rank, status in enumerate(PREFERRED)}


def references(rows: pl.DataFrame) -> pl.Series:
    """list[str] per row: the readers' column `images`, else what the cell `image` holds, each once; never null."""
    cells = rows["image"]
    if "images" in rows.columns:
        filled = rows["images"].list.len().fill_null(0) > 0
        if not cells.filter(~filled).count() and _stand_alone(rows["images"].filter(filled)):
            images = rows["images"].fill_null([])
            several = (images.list.len() > 1).any()  # most rows have one, and to look at the lists takes long
            return images.list.unique(maintain_order=True).list.head(MOST) if several else images
        listed = rows["images"].list.drop_nulls().list.join(_BETWEEN).replace("", None)
        cells = pl.select(pl.coalesce(listed, cells)).to_series()
    if cells.null_count() == len(cells):
        return pl.Series("images", [[]], dtype=pl.List(pl.String)).new_from_index(0, len(cells))
    single = ~cells.str.contains("//", literal=True).fill_null(False)
    parted = pl.select(
        pl.when(single)
        .then(cells.str.replace_all(_AFTER_NAME, f"$1{_BETWEEN}"))
        .otherwise(cells.str.replace_all(_BEFORE_ADDRESS, f"{_BETWEEN}$1"))
        .str.replace_all(r"\s*\|\s*", _BETWEEN)
        .alias("image")
    )
    parted = parted.with_columns(pl.col("image").str.split(_BETWEEN).alias("images")).with_row_index("row")
    each = parted.explode("images").with_columns(plain_text("images")).drop_nulls("images")
    lists = each.group_by("row").agg(pl.col("images").unique(maintain_order=True).head(MOST))
    found = parted.select("row").join(lists, on="row", how="left", maintain_order="left")["images"]
    return found.fill_null([])


def based(images: pl.Series, base: str) -> pl.Series:
    """The same references, those that name a place below a media folder under that folder, with or without a `/` before.

    base: a folder relative to the feed, `.` for its own, or a URL; empty to change nothing. A path that leads upwards, to
    a drive or to another host stays as it is, so that it is refused as what it is.
    """
    if not base:
        return images
    one, head = pl.element(), "" if base == "." else f"{base.rstrip('/')}/"
    elsewhere = one.str.contains(_ELSEWHERE) | one.str.contains(_UPWARDS)
    below = pl.concat_str(pl.lit(head), one.str.replace_all("\\", "/", literal=True).str.replace("^/", ""))
    return images.list.eval(pl.when(elsewhere).then(one).otherwise(below))


def _stand_alone(images: pl.Series) -> bool:
    """True when each picture is named by a text of its own in its one form: then there is nothing to part."""
    texts = images.explode()
    if texts.null_count() or (texts == "").any() or texts.str.contains(_PARTING).any():
        return False
    return plain(texts).equals(texts)


def used(images: pl.Series, found: pl.DataFrame) -> pl.DataFrame:
    """One row per list of references: of what they lead to (`Pictures.table`), the first that can be read, else may be
    fetched, else failed to be fetched, else the first; nulls for none.
    """
    ranked = found.with_columns(rank=pl.col("image_status").replace_strict(_RANKS, default=len(_RANKS)))
    each = pl.DataFrame({"row": pl.arange(len(images), eager=True), "named": images}).explode(
        "named", empty_as_null=True
    )
    each = each.join(ranked, on="named", how="left", maintain_order="left")
    if each.height > len(images):
        each = each.filter(pl.col("rank").is_null() | (pl.col("rank") == pl.col("rank").min().over("row")))
        each = each.unique("row", keep="first", maintain_order=True)
    return each.drop("row", "named", "rank")
