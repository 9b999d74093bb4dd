"""The model card: what a bundle was made of, how well it did on labels it did not learn from, and where it ends.

The card is one of the bundle's files and the bundle's id is a hash of them. So it holds nothing that differs between two
runs on the same labels, no date of the run, and not the certificate, which is earned for that id afterwards.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import polars as pl

from catalog.certification.metrics import wilson
from catalog.certification.policy import department_of
from catalog.learning.weights import IMAGE, TEXT
from catalog.taxonomies.taxonomy import Taxonomy

LISTED = 20  # rows of a table
LEAST_VENDOR = 100  # products of a vendor that is shown as a slice of its own
FEW_LABELS = 5
_MODALITY = {"11": "text and picture", "10": "text alone", "01": "picture alone", "00": "neither"}


TINY = ("tiny", "none needed", "random numbers for trying things out", "feedshelf", "")
LIMITS = (
    "Probabilities are calibrated on products like the labels. For other vendors, seasons or languages they are a guess.",
    "It knows only the categories it has labels for; a product of any other gets the nearest of these.",
    "What may be placed without a person is decided by the certificate, never by this card's accuracies.",
    "Categories and products only: nothing here was tested for decisions about people.",
)


def measured(
    known: pl.DataFrame, predicted: pl.DataFrame, taxonomy: Taxonomy, dates: tuple[datetime | None, ...]
) -> dict:
    """What the card says of data and results, JSON-ready.

    `known` are the labelled items with cluster and split, `predicted` what the finished networks answer for those that
    were not trained on, by input_hash. Shares count one item of each look-alike cluster. `dates` are the first and last
    day that labels themselves state.
    """
    held = known.join(predicted.select("input_hash", "leaf_id", "has_text", "has_image"), on="input_hash")
    held = held.sort("vendor", "item_id").unique("cluster", keep="first", maintain_order=True)
    held = held.with_columns(
        right=(pl.col("leaf_id") == pl.col("category_id")).fill_null(False),
        above=(department_of(taxonomy, "leaf_id") == department_of(taxonomy, "category_id")).fill_null(False),
        department=department_of(taxonomy, "category_id"),
        modality=pl.col("has_text").cast(pl.Int8).cast(pl.String) + pl.col("has_image").cast(pl.Int8).cast(pl.String),
    )
    return {
        "splits": _splits(known),
        "vendors": known.group_by("vendor").len().sort("len", "vendor", descending=[True, False]).rows(),
        "dates": [day.date().isoformat() if day else None for day in dates],
        "categories": _categories(known, taxonomy),
        "accuracy": {name: _accuracy(held.filter(split=name)) for name in ("early_stopping", "calibration")},
        "slices": _slices(held.filter(pl.col("split").is_in(["early_stopping", "calibration"])), taxonomy),
        "pictures": int(known.filter(split="train")["image"].is_not_null().sum()),
    }


def _splits(known: pl.DataFrame) -> list[tuple[str, int, int]]:
    """(split, items, products)."""
    order = ("train", "early_stopping", "temperature", "calibration", "comparison", "excluded")
    parts = [(name, known.filter(split=name)) for name in order]
    # Shops without a control stream keep the card, and so the name, their model had before there was a comparison half.
    shown = [(name, part) for name, part in parts if part.height or name != "comparison"]
    return [(name, part.height, part["cluster"].n_unique()) for name, part in shown]


def _categories(known: pl.DataFrame, taxonomy: Taxonomy) -> dict[str, int]:
    counts = known.filter(split="train").group_by("category_id").len()
    leaves = taxonomy.nodes.filter("is_leaf").join(counts, on="category_id", how="left")
    labels = leaves["len"].fill_null(0)
    inner = known.join(taxonomy.nodes.filter(~pl.col("is_leaf")), on="category_id", how="semi").height
    return {
        "leaves": leaves.height,
        "unlabelled": int((labels == 0).sum()),
        "few": int(((labels > 0) & (labels < FEW_LABELS)).sum()),
        "inner": inner,
    }


def _accuracy(part: pl.DataFrame) -> dict[str, Any]:
    """n, and (share, low, high) at the leaf and at the top level; 95% intervals."""
    return {"n": part.height, "leaf": _share(part["right"]), "top": _share(part["above"])}


def _share(flags: pl.Series) -> tuple[float, float, float] | None:
    n, right = len(flags), int(flags.sum())
    return (right / n, *wilson(right, n)) if n else None


def _slices(held: pl.DataFrame, taxonomy: Taxonomy) -> list[tuple[str, str, int, tuple[float, float, float] | None]]:
    """(kind, name, products, leaf accuracy with its interval)."""
    found = []
    for kind, column, least in (
        ("department", "department", 1),
        ("modality", "modality", 1),
        ("vendor", "vendor", LEAST_VENDOR),
    ):
        for (key,), part in held.drop_nulls(column).group_by(column):
            name = taxonomy.path(str(key)) if kind == "department" else _MODALITY.get(str(key), str(key))
            if part.height >= least:
                found.append((kind, name, part.height, _share(part["right"])))
    return sorted(found, key=lambda row: (row[0], -row[2], row[1]))


def text(facts: dict[str, Any]) -> str:
    """The card as Markdown, from a bundle's facts; parts without facts are left out."""
    data = facts.get("card")
    parts = ["# Model card", "", f"Trained on {facts.get('examples', 0):,} labelled products.", ""]
    if data:
        parts += [*_data(data, facts), *_results(data), *_weights(facts), *_made(facts), *_ends(data)]
    return "\n".join([*parts, *_certificate()])


def _data(data: dict, facts: dict) -> list[str]:
    first, last = data["dates"]
    when = f"The labels that state a date are from {first} to {last}." if first else "No label states a date."
    vendors = [f"{name} ({number:,})" for name, number in data["vendors"][:LISTED]]
    more = f" and {len(data['vendors']) - LISTED} more" if len(data["vendors"]) > LISTED else ""
    kinds = data["categories"]
    return [
        "## Data",
        "",
        *_table(("split", "items", "products"), [(s, f"{i:,}", f"{p:,}") for s, i, p in data["splits"]]),
        "",
        "Look-alikes are one product and stand in one split. It learned from `train`, stopped on `early_stopping`, took "
        "its temperature from `temperature`; `calibration` is for the certificate. `excluded` look like these.",
        "",
        f"Vendors: {', '.join(vendors)}{more}. {when}",
        f"Taxonomy {facts.get('taxonomy_version')}: {kinds['leaves']:,} leaves, {kinds['unlabelled']:,} without a label to "
        f"learn from, {kinds['few']:,} with fewer than {FEW_LABELS}; {kinds['inner']:,} labels at inner nodes.",
        "",
    ]


def _results(data: dict) -> list[str]:
    rows = [
        (name.replace("_", " "), f"{part['n']:,}", _percent(part["leaf"]), _percent(part["top"]))
        for name, part in data["accuracy"].items()
    ]
    slices = [(kind, name, f"{n:,}", _percent(share)) for kind, name, n, share in data["slices"]]
    kept = [
        row for kind in ("department", "modality", "vendor") for row in [r for r in slices if r[0] == kind][:LISTED]
    ]
    return [
        "## Results",
        "",
        "Of the exported networks, one item per product, with 95% intervals.",
        "",
        *_table(("split", "products", "leaf accuracy", "top-level accuracy"), rows),
        "",
        "The same products (both splits) by department of the label, by what an item has, and by vendor:",
        "",
        *_table(("slice", "name", "products", "leaf accuracy"), kept),
        "",
    ]


def _percent(share: Any) -> str:
    return "not measured" if share is None else f"{share[0]:.1%} ({share[1]:.1%} to {share[2]:.1%})"


def _weights(facts: dict) -> list[str]:
    settings = facts.get("settings", {})
    names = [settings.get("encoder_text"), settings.get("encoder_image")]
    if settings.get("encoder", "embedded") != "embedded":
        names = [settings["encoder"]]
    rows = [_origin(name) for name in names if name]
    return ["## Weights it started from", "", *_table(("name", "licence", "origin", "package", "sha256"), rows), ""]


def _origin(name: str) -> tuple[str, ...]:
    if name == "tiny":
        return TINY
    known = TEXT.get(name) or IMAGE.get(name)
    if known is None:
        return (name, "see its source", "open_clip", "", "")
    return (name, known.licence, known.origin, known.weights.release, known.weights.sha256)


def _branch(name: str, facts: dict) -> str:
    """What happened to one tower, in words."""
    probe, tuned = facts.get("probe"), facts.get("tuned")
    if probe is None:
        return f"No {name} to learn from."
    if tuned is None:
        return f"The {name} tower stayed as it came; its early-stopping log-loss is {_loss(probe)}."
    ships = "so the tuned one ships" if facts["ships"] == "tuned" else "so it ships as it came"
    return f"The {name} tower: early-stopping log-loss {_loss(probe)} frozen, {_loss(tuned)} tuned, {ships}."


def _loss(score: dict) -> str:
    return "unknown" if score["loss"] is None else f"{score['loss']:.3f}"


def _made(facts: dict) -> list[str]:
    report, settings = facts.get("report", {}), facts.get("settings", {})
    branches = report.get("branches", {})
    told = " ".join(_branch(name, branches[name]) for name in ("text", "image") if name in branches)
    rows = [(name.replace("_", " "), str(value)) for name, value in sorted(settings.items())]
    return [
        "## How it was made",
        "",
        "Three branches answer each for itself: a linear model of words and characters, a text tower and an image tower. "
        f"Their answers are multiplied, with weights fitted on the early-stopping products for every combination of text and "
        f"picture an item can come with. {told} Temperatures, fitted on the exported networks, make the scores "
        "probabilities.",
        "",
        "Settings not said in `catalog.toml` are the defaults; each default has its measurement or reason in "
        "`catalog/learning/training_settings.py` and `docs/decisions`.",
        "",
        *_table(("setting", "value"), rows),
        "",
    ]


def _ends(data: dict) -> list[str]:
    own = []
    if not data["pictures"]:
        own.append("No product it learned from had a picture: pictures tell it nothing.")
    if len(data["vendors"]) < 5:
        own.append("Its labels name fewer than five vendors: how well it does on another's products is not known.")
    if not data["accuracy"]["calibration"]["n"]:
        own.append("No label was declared an unselected sample: nothing says how it does on products as they come.")
    return ["## Limits", "", *(f"- {line}" for line in (*LIMITS, *own)), ""]


def _certificate() -> list[str]:
    return [
        "## Certificate",
        "",
        "It is earned after this card is sealed and kept in the workspace: `catalog models list`, `catalog models compare` "
        "and the report say what it is.",
        "",
    ]


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A Markdown table; what others wrote cannot break out of its cell."""
    lines = [header, tuple("---" for _ in header), *rows]
    return [f"| {' | '.join(str(cell).replace('|', '/').replace(chr(10), ' ') for cell in line)} |" for line in lines]
