"""Categories as products: a leaf's name is a title, its path what a vendor would call it. What serves where labels lack."""

import hashlib

import polars as pl

from catalog.inference.inputs import clean_text
from catalog.taxonomies.taxonomy import Taxonomy

ENOUGH = 20  # labels a leaf, on average, from which names add nothing to speak of (benchmarks/cold_start.py)
_TEXT = ("title", "vendor_category")
_ABSENT = ("description", "brand", "attributes", "image")


def leaves_of(taxonomy: Taxonomy) -> list[str]:
    """Ids of the leaves a product may stand at."""
    return taxonomy.nodes.filter("is_leaf", "assignable")["category_id"].sort().to_list()


def name_rows(taxonomy: Taxonomy, leaves: list[str]) -> pl.DataFrame:
    """One row per leaf, in the columns of a training example: title its name, vendor_category its path, split `train`."""
    names = dict(taxonomy.nodes.select("category_id", "name").iter_rows())
    rows = [
        {
            "category_id": leaf,
            "title": clean_text(names[leaf]),
            "vendor_category": clean_text(taxonomy.path(leaf)),
            "input_hash": hashlib.sha256(f"category {leaf}".encode()).hexdigest()[:32],
            "cluster": f"category {leaf}",
            "split": "train",
        }
        for leaf in leaves
    ]
    schema = dict.fromkeys(("category_id", *_TEXT, "input_hash", "cluster", "split"), pl.String)
    empty = [pl.lit(None, pl.String).alias(name) for name in _ABSENT]
    return pl.DataFrame(rows, schema=schema).with_columns(*empty)


def with_names(examples: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """The examples, and while labels are few every leaf's name among those to learn from; else as they are.

    So leaves without a label can be predicted, and one with three is not known by these alone.
    """
    leaves = leaves_of(taxonomy)
    learned = examples.filter(split="train").height
    if not leaves or learned >= ENOUGH * len(leaves):
        return examples
    return pl.concat([examples, name_rows(taxonomy, leaves)], how="diagonal")
