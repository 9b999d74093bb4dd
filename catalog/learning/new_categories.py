"""How often a category will come that is younger than the labels: ten labels of a new one do not say that it is rare.

A network learns from its labels how often each category comes. Of one that a later version of the hierarchy brought the
labels only tell what came since, so that it is hardly ever said first, however surely it is known
(docs/decisions/2026-11-30-new-leaf.md). Its logit is raised by the logarithm of how much more often it is expected
(Saerens, Latinne and Decaestecker 2002).
"""

import numpy as np
import polars as pl

from catalog.store import Store

# Categories that the first version did not have, and since when there could be labels of each: a label may be older than
# the version, when it was imported with its date or stood under the category's former id.
_LATER = """
    WITH introduced AS (
        SELECT category_id, min(imported_at) AS imported_at FROM categories JOIN taxonomies USING (taxonomy_version) GROUP BY ALL
    )
    SELECT category_id, least(any_value(imported_at), min(decided_at)) AS since
    FROM standing_decisions JOIN introduced USING (category_id)
    WHERE verdict = 'category' AND imported_at > (SELECT min(imported_at) FROM taxonomies)
    GROUP BY category_id ORDER BY category_id
"""
_SAID = "SELECT decided_at FROM standing_decisions WHERE verdict = 'category' ORDER BY decided_at"


def expected(store: Store, known: pl.DataFrame) -> dict[str, float]:
    """By category that is younger than the labels: how many times as often as among them it is expected, above 1.

    Its share of what was labelled since it exists, and never more labels than a category has on average: the first ten of
    a new one often come in one file. `known`: the labelled items with their `category_id`.
    """
    counts = dict(known["category_id"].value_counts().iter_rows())
    said = store.query(_SAID)["decided_at"].to_numpy()
    found = dict[str, float]()
    for category, since in store.query(_LATER).iter_rows():
        number = counts.get(category, 0)
        labelled_since = len(said) - int(np.searchsorted(said, np.datetime64(since.replace(tzinfo=None))))
        if number and labelled_since:
            often = min(len(said) / labelled_since, known.height / len(counts) / number)
            found |= {category: often} if often > 1 else {}
    return found
