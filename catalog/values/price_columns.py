"""The price and the currency of every row, from the two cells that say them and the vendor's form."""

from collections.abc import Iterable

import polars as pl

from catalog.reading.mapping import Rules
from catalog.values.currencies import is_currency, read_currency
from catalog.values.prices import Price, read_price
from catalog.values.texts import flagged

PRICE = pl.Decimal(18, 4)
_GIVEN = ("price_text", "currency_text")
# One number with at most two decimals and no groups leaves nothing to weigh: these are most prices of most feeds.
_PLAIN = r"^([^\d\s.,'\-]{0,4})\s?([0-9]{1,12})(?:([.,])([0-9]{1,2}))?\s?([^\d\s.,'\-/*]{0,4})$"


def with_prices(rows: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Rows with price, currency and flags; `unread_price` is what stands in a cell that is no price at all."""
    rows = rows.rename({"price": "price_text", "currency": "currency_text"})
    bare = rows.select(_bare(rules)).to_series().fill_null(False)
    number = pl.col("price_text").str.replace(",", ".", literal=True)
    found = _plain(rows.filter(bare).select(*_GIVEN, number.alias("number"), sign=pl.lit("")), rules)
    if not bare.all():
        given = rows.filter(~bare).select(_GIVEN)
        read = given.join(_read(given.unique(), rules), on=_GIVEN, how="left", maintain_order="left", nulls_equal=True)
        places = pl.concat([bare.arg_true(), (~bare).arg_true()])
        found = pl.concat([found, read])[places.arg_sort()]
    rows = rows.with_columns(found["price"], found["currency"], found["price_flags"].fill_null([]))
    untold = [pl.col("price_flags").list.contains(why) for why in ("negative_price", "no_price")]
    unread = pl.when(~pl.any_horizontal(pl.col("price").is_not_null(), *untold)).then("price_text")
    return flagged(rows.with_columns(unread_price=unread), pl.col("price_flags"))


def _read(cells: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Distinct cells with what they say; of numbers with a word beside them each word is looked at once."""
    cells = cells.filter(pl.any_horizontal(pl.all().is_not_null()))
    parts = cells.with_columns(_parts(rules))
    known = pl.col("sign").is_not_null() & _known(parts, "sign")
    number = pl.concat_str("whole", pl.lit("."), "cents").alias("number")
    plain = parts.filter(known).select(*_GIVEN, number, "sign")
    others = cells.join(plain, on=_GIVEN, how="anti", nulls_equal=True)
    read = [_price(text, code, rules) for text, code in others.iter_rows()]
    return pl.concat([_plain(plain, rules), others.with_columns(_columns(read))])


def _bare(rules: Rules) -> pl.Expr:
    """Whether a price is a plain number with nothing beside it."""
    mark = {"auto": "[.,]", ".": "[.]", ",": ","}[rules.price_decimal]
    return pl.col("price_text").str.contains(f"^[0-9]{{1,12}}({mark}[0-9]{{1,2}})?$")


def _parts(rules: Rules) -> list[pl.Expr]:
    """sign: the word beside a plain number, '' for none, null where the number is not plain; whole and cents."""
    found = pl.col("price_text").str.extract_groups(_PLAIN).struct
    before, mark, after = (found.field(str(number)).fill_null("") for number in (1, 3, 5))
    marks = ["", ".", ","] if rules.price_decimal == "auto" else ["", rules.price_decimal]
    plain = mark.is_in(marks) & ((before == "") | (after == "")) & found.field("2").is_not_null()
    return [
        pl.when(plain).then(before + after).alias("sign"),
        found.field("2").alias("whole"),
        found.field("4").fill_null("0").alias("cents"),
    ]


def _known(parts: pl.DataFrame, column: str) -> pl.Expr:
    words = [word for word in parts[column].drop_nulls().unique() if not word or is_currency(word)]
    return pl.col(column).is_in(words)


def _plain(parts: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The prices whose number is plain: only what stands beside it is looked at one by one, as for a price of 1."""
    beside = parts.select("sign", "currency_text").unique()
    read = [_price(f"1 {sign}", code, rules) for sign, code in beside.iter_rows()]
    beside = beside.with_columns(_columns(read)).drop("price")
    found = parts.join(beside, on=["sign", "currency_text"], how="left", maintain_order="left", nulls_equal=True)
    price = pl.col("number").cast(PRICE)
    zero = pl.when(price == 0).then(pl.lit("zero_price"))
    flags = pl.col("price_flags").list.concat(pl.concat_list(zero)).list.drop_nulls()
    return found.select(*_GIVEN, price=price, currency="currency", price_flags=flags)


def _columns(read: Iterable[Price]) -> list[pl.Series]:
    read = list(read)
    return [
        pl.Series("price", [price.amount for price in read], dtype=PRICE),
        pl.Series("currency", [price.currency for price in read], dtype=pl.String),
        pl.Series("price_flags", [list(price.flags) for price in read], dtype=pl.List(pl.String)),
    ]


def _price(text: str | None, currency_text: str | None, rules: Rules) -> Price:
    """The price of a row; its currency is that of the column, else of the cell, else the vendor's."""
    stated = read_currency(currency_text, rules.currency) if currency_text else None
    price = read_price(text, rules.price_decimal, stated or rules.currency) if text else Price(None)
    default = rules.currency if price.amount is not None else None
    flags = [*price.flags]
    if currency_text and not stated and not is_currency(currency_text):
        flags.append("bad_currency")
    if stated and price.currency and stated != price.currency:
        flags.append("currency_conflict")
    return Price(price.amount, stated or price.currency or default, tuple(flags))
