"""What stands between a model and its certificate: how many more labelled products, in all and by department."""

import math
from dataclasses import dataclass

import polars as pl

from catalog.certification.certificate import labels_missing, one_per_cluster
from catalog.certification.policy import admitted, department_of
from catalog.labels.clusters import SPLITS
from catalog.taxonomies.taxonomy import Taxonomy

_FEW = 30  # answered products below which a share of errors says too little
LISTED = 12


@dataclass(frozen=True)
class Need:
    """Calibration products that a group (a department, or all: name "") has and lacks.

    `missing` is None when the share of errors seen is too high at every threshold: then the model must become better
    first. `estimated` is False where too few were seen to know that share: `missing` then is the least that can do.
    """

    name: str
    products: int
    wrong: int
    missing: int | None
    estimated: bool

    def text(self) -> str:
        """What it has and lacks, without its name."""
        seen = f"{self.products:,} at hand, {self.wrong:,} of them wrong at the first candidate"
        if self.missing is None:
            return f"at the errors seen no number of labels would do ({seen})"
        if not self.missing:
            return f"enough ({seen})"
        return f"{'about' if self.estimated else 'at least'} {self.missing:,} more ({seen})"


def least(target: float, level: float) -> int:
    """The fewest products that can pass, if none of them is wrong: target ** n <= level."""
    return math.ceil(math.log(level) / math.log(target))


def need(sample: pl.DataFrame, target: float, level: float, name: str = "") -> Need:
    """What a labelled sample with predictions (as for `certify`) lacks for automation at a leaf at `target`.

    `level` is what the test may spend: delta / 4 at the first attempt.
    """
    tested = sample.filter(one_per_cluster(sample, 0)) if sample.height else sample
    right = (pl.col("leaf_id") == pl.col("category_id")).fill_null(False)
    wrong = tested.height - int(tested.select(right.sum()).item() or 0)
    missing = labels_missing(sample, target, level) if tested.height else None
    if missing is not None:
        return Need(name, tested.height, wrong, missing, estimated=True)
    if tested.filter(admitted(tested.columns, None)).height >= _FEW:
        return Need(name, tested.height, wrong, None, estimated=True)
    return Need(name, tested.height, wrong, max(1, least(target, level) - tested.height), estimated=False)


def by_department(sample: pl.DataFrame, taxonomy: Taxonomy, target: float, level: float) -> list[Need]:
    """One entry per department of the hierarchy, for a certificate of its own; those with most products first.

    A product belongs to the department that was predicted for it, for that is what a policy can see; without a
    prediction to that of its label.
    """
    predicted, labelled = department_of(taxonomy, "leaf_id"), department_of(taxonomy, "category_id")
    with_department = sample.with_columns(department=pl.coalesce(predicted, labelled))
    departments = taxonomy.nodes.filter(pl.col("level") == 1).select("category_id", "path")
    found = [
        need(with_department.filter(department=node), target, level, path) for node, path in departments.iter_rows()
    ]
    return sorted(found, key=lambda part: (-part.products, part.name))


def advice(sample: pl.DataFrame, taxonomy: Taxonomy, target: float, delta: float) -> list[str]:
    """Why nothing is placed at a leaf and how many labels would change that, as lines a person can act on."""
    level = delta / 4
    total = need(sample, target, level)
    why = total.text() if total.missing != 0 else f"the test did not pass, though the labels are {total.text()}"
    lines = [f"Nothing is placed automatically at {target:.0%}: {why}."]
    if not total.products:
        lines.append("None of the labels may certify: import products nobody selected with `labels import --random`.")
    if total.missing:
        labels = math.ceil(total.missing / SPLITS["calibration"])
        lines.append(f"That many come with about {labels:,} more labels imported with --random.")
    if total.missing is None:
        lines.append("It must make fewer errors first: any further label helps a model that is trained here.")
    parts = by_department(sample, taxonomy, target, level)
    lines += [f"  {part.name} alone: {part.text()}" for part in parts[:LISTED]]
    if len(parts) > LISTED:
        lines.append(f"  and {len(parts) - LISTED} departments with fewer products")
    return lines


def of_departments(
    sample: pl.DataFrame, taxonomy: Taxonomy, target: float, delta: float, refused: frozenset[str]
) -> list[str]:
    """The same for departments, by their ids, of which nothing is placed while a certificate lets others be; those that are
    none any more are left out."""
    names = {taxonomy.path(key) for key in refused if key in taxonomy}
    parts = [part for part in by_department(sample, taxonomy, target, delta / 4) if part.name in names]
    return [
        f"{part.name} is not placed automatically at {target:.0%}; for a certificate of its own: {part.text()}."
        for part in parts
    ]
