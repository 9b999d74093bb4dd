"""How many labels are missing: counted where errors are known, the least possible where they are not, none where none help."""

import polars as pl
import pytest

from catalog.certification import shortage
from catalog.taxonomies.taxonomy import from_paths

TREE = from_paths(["A > A1", "A > A2", "B > B1", "C > C1"])
LEVEL = 0.05 / 4


def sample(*groups: tuple[str, str | None, int]) -> pl.DataFrame:
    """(label, prediction, products) each; the surest first."""
    rows = [(label, said) for label, said, count in groups for _ in range(count)]
    return pl.DataFrame(
        {
            "vendor": ["v"] * len(rows),
            "item_id": [str(n) for n in range(len(rows))],
            "cluster": [f"c{n}" for n in range(len(rows))],
            "category_id": [label for label, _ in rows],
            "leaf_id": [said for _, said in rows],
            "log_odds": [None if said is None else 9.0 - 0.01 * n for n, (_, said) in enumerate(rows)],
        },
        schema_overrides={"leaf_id": pl.String, "category_id": pl.String, "log_odds": pl.Float64},
    )


def test_the_least_number_is_the_first_that_can_pass() -> None:
    for target in (0.9, 0.95, 0.98):
        n = shortage.least(target, LEVEL)
        assert target**n <= LEVEL < target ** (n - 1)


def test_few_products_need_at_least_the_least() -> None:
    for found in (sample(), sample(("A > A1", "A > A1", 5)), sample(("A > A1", "A > A2", 3))):
        lacks = shortage.need(found, 0.98, LEVEL)
        assert lacks.missing == shortage.least(0.98, LEVEL) - found.height
        assert not lacks.estimated


def test_with_an_error_rate_known_the_number_is_an_estimate_and_falls_with_products() -> None:
    counts = [
        shortage.need(sample(("A > A1", "A > A1", n), ("A > A1", "A > A2", n // 50)), 0.95, LEVEL) for n in (30, 60)
    ]
    assert all(found.estimated for found in counts)
    assert counts[0].missing is not None
    assert counts[1].missing is not None
    assert counts[0].missing > counts[1].missing > 0
    assert shortage.need(sample(("A > A1", "A > A1", 900)), 0.95, LEVEL).missing == 0


def test_too_many_errors_say_so_instead_of_a_number() -> None:
    lacks = shortage.need(sample(("A > A1", "A > A2", 40), ("A > A1", "A > A1", 40)), 0.95, LEVEL)
    assert lacks.missing is None
    assert (lacks.products, lacks.wrong) == (80, 40)
    assert "no number of labels" in lacks.text()


def test_every_department_is_told_apart_by_what_was_predicted() -> None:
    found = sample(("A > A1", "A > A1", 20), ("A > A1", "B > B1", 4), ("B > B1", None, 3))
    parts = {part.name: (part.products, part.wrong) for part in shortage.by_department(found, TREE, 0.95, LEVEL)}
    assert parts == {"A": (20, 0), "B": (7, 7), "C": (0, 0)}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (sample(), "labels import --random"),
        (sample(("A > A1", "A > A1", 30)), "C alone: at least"),
        (sample(("A > A1", "A > A2", 60)), "must make fewer errors first"),
    ],
)
def test_advice_names_what_to_do(found: pl.DataFrame, said: str) -> None:
    lines = shortage.advice(found, TREE, 0.95, 0.05)
    assert lines[0].startswith("Nothing is placed automatically at 95%")
    assert said in "\n".join(lines)


def test_of_some_departments_alone_what_each_lacks() -> None:
    found = sample(("A > A1", "A > A1", 40), ("B > B1", "C > C1", 1), ("C > C1", "C > C1", 3))
    (line,) = shortage.of_departments(found, TREE, 0.95, 0.05, frozenset({"C", "gone"}))
    assert line.startswith("C is not placed automatically at 95%; for a certificate of its own: at least ")
    assert "(4 at hand, 1 of them wrong at the first candidate)." in line
