"""What a decision is worth: the order of the review queue in one formula.

    worth(decision) = sum over the items it settles of value x age x lesson

    value   2 ** clip(log10(price / median price), -1, 1)   1/2 for a tenth of the usual price, 2 for ten times as much
    age     1 + min(days waiting, 30) / 30                  twice as much after a month, no more
    lesson  1 + the share of the waiting items that a lottery draws after it: twice as much for the first, 1 for the last

In the lottery an item is the next with a chance in proportion to SURE + (1 - SURE) x doubt ** 2, where doubt is what the
model wavers, 1 - (p1 - p2), or how unlike all that is known the item is, (novelty - 0.9) / 0.1, whichever is more. Asking
strictly by doubt asks for one confused corner of the catalogue over and over until the next model; a drawn sample of the
doubtful teaches more (benchmarks/RESULTS.md, "The order of the queue").

An item of the usual price that came today is worth 1 to 2. One without a price has the usual one, one without a prediction
takes no part in the lottery and is worth 1.
p1 and p2 are the probabilities of the two likeliest categories, novelty is a rank among known products, the median is that
of the waiting items in the same currency. The number of items weighs most by far: a group of ten look-alikes is worth at
least 5, a single item at most 8.

Worth is counted in whole thousandths, so that a sum does not depend on the order in which it is taken.
"""

from datetime import datetime

import polars as pl

MONTH = 30  # days
UNUSUAL = 0.9  # the novelty rank above which an item counts as unlike what is known
SURE = 0.05  # tickets of an item of which the model is sure, where one it knows nothing of has 1


def worth(as_of: datetime) -> pl.Expr:
    """Thousandths of what one item adds to a decision, Int64, never null.

    Reads price, currency, queued_at, log_odds_1, log_odds_2 (of the likeliest and the second category), novelty and draw, a
    number in [0, 1) that is the item's lot.
    """
    return (1000 * _value() * _age(as_of) * _lesson()).round().cast(pl.Int64).alias("worth")


def _value() -> pl.Expr:
    price = pl.when(pl.col("price") > 0).then(pl.col("price").cast(pl.Float64))
    ratio = price / price.median().over("currency")
    return (2.0 ** ratio.log10().clip(-1, 1)).fill_null(1.0)


def _age(as_of: datetime) -> pl.Expr:
    days = (pl.lit(as_of) - pl.col("queued_at")).dt.total_days()
    return 1 + days.clip(0, MONTH).fill_null(0) / MONTH


def _lesson() -> pl.Expr:
    # Exponential times with a rate of so many tickets each: the least of them is drawn in proportion to its tickets.
    time = -(1 - pl.col("draw")).log() / (SURE + (1 - SURE) * _doubt() ** 2)
    return 1 + ((time.count() - time.rank("max")) / time.count()).fill_null(0.0)


def _doubt() -> pl.Expr:
    """From 0 to 1; null where neither a prediction nor a novelty is known."""
    first, second = (1 / (1 + (-pl.col(f"log_odds_{n}")).exp()) for n in (1, 2))
    wavers = (1 - (first - second.fill_null(0.0))).clip(0, 1)
    unlike = ((pl.col("novelty").fill_nan(None) - UNUSUAL) / (1 - UNUSUAL)).clip(0, 1)
    return pl.max_horizontal(wavers, unlike)
