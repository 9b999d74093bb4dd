"""What training learns from and what a certificate is tested on: labelled items, their clusters, their splits."""

import math
from datetime import datetime
from typing import Any

import polars as pl

from catalog.certification import metrics, shortage
from catalog.errors import CatalogError
from catalog.jobs import digest
from catalog.labels.clusters import assert_no_leak, assign_splits, drawn_at, hold_control, look_alike_clusters
from catalog.store import Store
from catalog.taxonomies.category_moves import RETIRED, model_translation
from catalog.taxonomies.taxonomy import Taxonomy

# One row per item whose standing decision is a category, with the text and picture the decision was made on.
# A label outlives a small edit of the item, so the content is that of the decision, else the item's latest. A picture
# that was fetched later belongs to that content.
EXAMPLES = """
    SELECT d.vendor, d.item_id, i.input_hash, d.category_id, d.source, coalesce(d.random, false) AS random, d.decided_at, i.title,
           i.description, i.brand, i.vendor_category, i.attributes, i.gtin, i.product_id, i.image_hash,
           a."cluster" AS look_alikes, CASE WHEN i.image_status = 'ok' THEN i.image END AS image
    FROM standing_decisions d
    JOIN (SELECT * FROM items QUALIFY row_number() OVER (PARTITION BY vendor, item_id, input_hash ORDER BY created_at) = 1) c
      ON c.vendor = d.vendor AND c.item_id = d.item_id AND c.input_hash = d.input_hash
    LEFT JOIN revised r ON r.vendor = c.vendor AND r.item_id = c.item_id AND r.sighted_hash = c.row_hash
    JOIN items i ON i.vendor = c.vendor AND i.item_id = c.item_id AND i.row_hash = coalesce(r.row_hash, c.row_hash)
    LEFT JOIN look_alikes a ON a.vendor = i.vendor AND a.item_id = i.item_id AND a.input_hash = i.input_hash
    WHERE d.verdict = 'category'
    ORDER BY d.vendor, d.item_id
"""

# Since when more than the control stream's own share was drawn, for what was stopped, and that share; none where nothing was.
DRAWN_MORE = """
    SELECT min(since) AS since, any_value(p.share) AS share
    FROM ways_back, (SELECT arg_max((body::JSON->>'$.control_share')::DOUBLE, seq) AS share FROM policies WHERE body IS NOT NULL) p
    HAVING count(*) > 0
"""

LEAST_EXAMPLES = 20
LEAST_PRODUCTS = 10  # look-alikes counted once


def labelled(store: Store, taxonomy: Taxonomy, *, seed: int) -> pl.DataFrame:
    """Labelled items with their `cluster` and `split` (train, early_stopping, temperature, calibration, comparison,
    excluded)."""
    found = store.query(EXAMPLES)
    known = found.filter(pl.col("category_id").is_in(taxonomy.nodes["category_id"].implode()))
    clusters = look_alike_clusters(known)
    control = known["random"] & (known["source"] == "review") & ~_drawn_more(store, known)
    split = hold_control(assign_splits(clusters, known["random"] & ~control, seed=seed), clusters, control, seed=seed)
    assert_no_leak(clusters, split)
    return known.drop("decided_at", "look_alikes").with_columns(cluster=clusters, split=split)


def _drawn_more(store: Store, known: pl.DataFrame) -> pl.Series:
    """Bool per row: drawn because its vendor or department was stopped, and not by the control stream's own share as well.

    Such draws speak for that group alone: among the others they would make it weigh more than it does in what comes. They
    teach like any other answer.
    """
    found = store.query(DRAWN_MORE)
    if not found.height:
        return pl.repeat(False, known.height, eager=True)
    since, share = found.row(0)
    return ((known["decided_at"] >= since) & (drawn_at(known) >= (share or 0.0))).fill_null(False)


def require_enough(known: pl.DataFrame) -> None:
    """Raises CatalogError when there is too little to learn anything from: too few, all alike, or nothing to tell apart."""
    categories, products = known["category_id"].n_unique(), known["cluster"].n_unique()
    if known.height < LEAST_EXAMPLES or categories < 2:
        counted = "1 category" if categories == 1 else f"{categories} categories"
        raise CatalogError(
            f"There are {known.height} labelled products in {counted}.",
            remedy=f"Import at least {LEAST_EXAMPLES} in two or more categories: catalog labels import FILE.",
        )
    if products < LEAST_PRODUCTS:
        raise CatalogError(
            f"The {known.height} labelled products look alike: by titles, GTINs and pictures they are {products} products.",
            remedy=f"Import at least {LEAST_PRODUCTS} that differ: catalog labels import FILE.",
        )


def sample(store: Store, model_id: str, split: str) -> pl.DataFrame:
    """The items of one split of a model's examples, with their truth and the prediction that is served for them.

    An item without a prediction (imported answers may leave some out) stays, with nulls: it is a product that was not
    placed, and the same labels must stay the same set whichever model is certified on them. All ids are today's.
    A label whose category was split or removed stays as well, with the category `retired`: placed anywhere it counts as
    wrong, for leaving it out would hide errors.
    """
    found = store.query(
        """SELECT s.vendor, s.item_id, s.cluster, s.input_hash, coalesce(d.category_id, d.verdict) AS category_id,
                  p.* EXCLUDE (input_hash, run_id, predicted_at, provider)
           FROM example_splits s
           JOIN standing_decisions d ON d.vendor = s.vendor AND d.item_id = s.item_id AND d.verdict IN ('category', 'retired')
           LEFT JOIN predictions p ON p.input_hash = s.input_hash AND p.model_id = s.model_id
           WHERE s.model_id = ? AND s.split = ? ORDER BY s.vendor, s.item_id""",
        [model_id, split],
    )
    return model_translation(store, model_id).predictions(found).drop("lost_leaf")


def stated_dates(store: Store) -> tuple[datetime | None, datetime | None]:
    """First and last time that decisions in force state themselves.

    A label file without dates gets the time of its import, which says nothing about the labels.
    """
    found = store.query(
        """SELECT min(decided_at), max(decided_at) FROM standing_decisions d LEFT JOIN runs r USING (run_id)
           WHERE d.verdict = 'category' AND coalesce(d.import_id, '') NOT IN (SELECT map_id FROM category_map WHERE map_id IS NOT NULL)
             AND (d.source <> 'label' OR d.decided_at < r.started_at)"""
    )
    first, last = found.row(0)
    return first, last


def fingerprint(calibration: pl.DataFrame) -> str:
    """Names a set of calibration labels, so that repeated attempts on the same set are counted. Retired labels are left
    out: a model trained on the new hierarchy does not have them."""
    known = calibration.filter(pl.col("category_id") != RETIRED)
    return digest(known.select("vendor", "item_id", "category_id").sort("vendor", "item_id").rows())


def attempts(store: Store, labels: str) -> int:
    """How many certificates were tried for on a set of labels, whatever its categories were called then."""
    return store.one(
        """WITH RECURSIVE same AS (
               SELECT ?::VARCHAR AS name UNION SELECT n.before FROM calibration_names n JOIN same ON n.after = same.name
           )
           SELECT count(*) FROM certificates WHERE calibration_hash IN (SELECT name FROM same)""",
        [labels],
    )


def calibration_names(store: Store) -> dict[str, str]:
    """The name of each certified model's calibration labels, by model."""
    models = store.query("SELECT DISTINCT model_id FROM certificates ORDER BY model_id")["model_id"]
    return {model: fingerprint(sample(store, model, "calibration")) for model in models}


def measured(calibration: pl.DataFrame, *, delta: float) -> dict[str, Any]:
    """What the report shows of a model: leaf accuracy, risk-coverage curve, reliability, labels missing per target.

    The curve is thinned to at most 200 points. Labels missing count calibration products at the first attempt's level.
    """
    if not calibration.height:
        return {
            "leaf_accuracy": None,
            "products": 0,
            "risk_coverage": {"coverage": [], "risk": []},
            "reliability": [],
            "labels_missing": {},
        }
    right = (calibration["leaf_id"] == calibration["category_id"]).fill_null(False).to_numpy()
    score = calibration["log_odds"].cast(pl.Float64).fill_null(-math.inf).to_numpy()  # no answer is the least sure one
    curve = metrics.risk_coverage(score, right)
    curve = curve.gather_every(max(1, curve.height // 200))
    said = calibration["probability"].is_not_null().to_numpy()  # imported answers may leave some out
    bands = metrics.reliability(calibration["probability"].drop_nulls().to_numpy(), right[said])
    return {
        "leaf_accuracy": float(right.mean()),
        "products": calibration["cluster"].n_unique(),
        "risk_coverage": {"coverage": curve["coverage"].to_list(), "risk": curve["risk"].to_list()},
        "reliability": bands.to_dicts(),
        "labels_missing": {f"{p:.2f}": shortage.need(calibration, p, delta / 4).missing for p in (0.95, 0.98, 0.99)},
    }
