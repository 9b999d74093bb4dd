"""History divided by time, as it would have been: what is older teaches, the first part of the rest certifies, the last is tried."""

from datetime import datetime, timedelta

import polars as pl

from catalog.errors import CatalogError
from catalog.labels.clusters import unit_hash

MONTHS = timedelta(days=365)
LEAST_OLDER = 0.4  # share of the products that must be older than what is tried, else less is tried
EVIDENCE = 0.25  # share of what is tried that a shop would have labelled to certify
STOP = 0.1  # share of what teaches that training stops on
TEMPERATURE = 0.3  # share of the evidence that calibrates
LEAST = 200  # products


def splits(known: pl.DataFrame) -> pl.DataFrame:
    """Adds split: train, early_stopping, temperature, calibration, trial or excluded.

    `known` has decided_at (UTC) and cluster. What is tried is the last twelve months, or the last 60% where the history is
    shorter. A look-alike of what was learned from certifies nothing. Raises CatalogError when no dates tell old from new.
    """
    first, last = known["decided_at"].min(), known["decided_at"].max()
    if (
        known.height < LEAST
        or not isinstance(first, datetime)
        or not isinstance(last, datetime)
        or first.date() == last.date()
    ):
        raise CatalogError(
            f"{known.height} labelled products of {'one day' if first else 'no day'} have no history to try.",
            remedy=f"Give at least {LEAST} products with the column labelled_at: when each got its category.",
        )
    since = min(last - MONTHS, last)
    if (known["decided_at"] < since).mean() < LEAST_OLDER:  # type: ignore[operator]
        since = known["decided_at"].quantile(LEAST_OLDER, "nearest")  # type: ignore[assignment]
    certified = known.filter(pl.col("decided_at") >= since)["decided_at"].quantile(EVIDENCE, "nearest")
    draw = pl.Series("draw", unit_hash(known["cluster"].to_list(), "trial"))
    work = known.with_columns(draw)
    older, evidence = pl.col("decided_at") < since, pl.col("decided_at") < certified
    learned = work.filter(older)["cluster"].unique()
    return work.with_columns(
        split=pl.when(older & (pl.col("draw") < STOP)).then(pl.lit("early_stopping"))
        .when(older).then(pl.lit("train"))
        .when(~evidence).then(pl.lit("trial"))
        .when(pl.col("cluster").is_in(learned.implode())).then(pl.lit("excluded"))
        .when(pl.col("draw") < TEMPERATURE).then(pl.lit("temperature"))
        .otherwise(pl.lit("calibration"))
    ).drop("draw")  # fmt: skip
