"""Whether what somebody decided may be carried to look-alikes that come later, without asking anybody.

Two look-alikes stand in one category more or less often: it depends on the shop's products and labels (of web shop offers 81%, among
those that the model leaves to people; of a shop that lists many products twice 62%). So it is tested before it is done, on labels that
nobody selected: of a product the model would leave to people, and that has a look-alike among the labels, one other is drawn,
and its category is said of it. At most one trial a product; the share that is right is at least `target` when
P(Binomial(n, 1 - target) <= k) is at most the level of the attempt (one hypothesis, exact binomial test). The certificate has a
delta of its own, and is never quoted for what the model places.

That the thresholds were chosen by the same labels makes the test stricter, never laxer: the walk stops before the band of scores in
which too many labels disagreed, and that band is left to people.
"""

from collections.abc import Iterable

import polars as pl

from catalog.certification.certificate import Carried, Certificate
from catalog.certification.evidence import Sample, Terms, prepare
from catalog.certification.metrics import binomial_cdf
from catalog.certification.policy import department_of
from catalog.labels.clusters import item_key, stable_hash
from catalog.taxonomies.taxonomy import Taxonomy


def carried(
    samples: Iterable[tuple[str, pl.DataFrame]], certificate: Certificate, taxonomy: Taxonomy, terms: Terms
) -> Carried:
    """Tests whether a look-alike's category may be said of what the certificate leaves to people.

    samples: splits by name with their labelled rows as for `certify`, and `look_alikes`: the cluster that routing would
    put each item in, null for an item alone.
    """
    tried = [_trials(prepare(rows, split, taxonomy, terms), certificate) for split, rows in samples]
    right = pl.concat([part["right"] for part in tried]) if tried else pl.Series("right", [], pl.Boolean)
    n, k = right.len(), int((~right).sum())
    level = terms.level(certificate.delta)
    passed = n > 0 and binomial_cdf(k, n, 1.0 - certificate.target) <= level
    return Carried(n, k, level, passed)


def _trials(sample: Sample, certificate: Certificate) -> pl.DataFrame:
    """One row per product that is tried: `right`."""
    drawn = stable_hash(sample.frame.select(item_key()).to_series().to_list(), f"carried {sample.seed}")
    known = sample.frame.select("row", "cluster", "look_alikes", "category_id", drawn=drawn).drop_nulls("look_alikes")
    # An item alone has nobody to hear it from.
    known = known.filter(pl.len().over("look_alikes") > 1)
    asked = known.filter(~pl.col("row").is_in(_placed(sample, certificate)["row"].implode()))
    asked = asked.sort("drawn", "row").unique("cluster", keep="first", maintain_order=True)
    leaves = sample.taxonomy.nodes.filter("is_leaf")["category_id"]
    heard = known.filter(pl.col("category_id").is_in(leaves.implode()))
    others = asked.join(heard, on="look_alikes", suffix="_said").filter(pl.col("row") != pl.col("row_said"))
    said = others.sort("drawn_said", "row_said").unique("row", keep="first", maintain_order=True)
    return said.select(right=(pl.col("category_id") == pl.col("category_id_said")).fill_null(False))


def _placed(sample: Sample, certificate: Certificate) -> pl.DataFrame:
    """The items that the model places, at a leaf or at a parent: row."""
    leaf, parent = certificate.leaf, certificate.parent
    options = (sample.leaf_options(), leaf), (sample.parent_options(leaf.bar), parent)
    found = []
    for rows, stratum in options:
        at = sample.placed(rows, stratum.bar).with_columns(department=department_of(sample.taxonomy, "node"))
        found.append(at.filter(~pl.col("department").is_in(list(stratum.review_departments))).select("row"))
    return pl.concat(found)
