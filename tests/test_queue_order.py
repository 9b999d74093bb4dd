"""The order of the review queue, with answers worked out by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from catalog.review import queue_order
from catalog.review.worth import worth

NOW = datetime(2026, 6, 30, tzinfo=UTC)
USUAL = {
    "price": 10.0,
    "currency": "EUR",
    "queued_at": NOW,
    "log_odds_1": 50.0,
    "log_odds_2": -50.0,
    "novelty": 0.5,
    "draw": 0.5,
}
SCHEMA = {"price": pl.Float64, "currency": pl.String, "queued_at": pl.Datetime("us", "UTC"), "novelty": pl.Float64}
SCHEMA |= dict.fromkeys(("log_odds_1", "log_odds_2", "draw"), pl.Float64)


@pytest.mark.parametrize(
    ("facts", "thousandths"),
    [
        ({}, 1000),
        ({"price": 100.0}, 2000),  # ten times the usual
        ({"price": 1e6}, 2000),
        ({"price": 1.0}, 500),
        ({"price": 20.0}, 1232),  # 2 ** log10(2)
        ({"price": None}, 1000),
        ({"price": 100.0, "currency": "CZK"}, 1000),  # the usual price among its own
        ({"queued_at": NOW - timedelta(days=15)}, 1500),
        ({"queued_at": NOW - timedelta(days=400)}, 2000),
        ({"queued_at": NOW + timedelta(days=1)}, 1000),
        (
            {"log_odds_1": 0.0, "log_odds_2": 0.0},
            1800,
        ),  # 50 against 50: with one draw for all it comes before the other four
        ({"log_odds_1": 1.0986123, "log_odds_2": -1.0986123}, 1800),  # 75 against 25
        ({"draw": 0.4}, 1800),
        ({"log_odds_1": None, "log_odds_2": None, "novelty": None}, 1000),
        ({"novelty": 0.95}, 1800),
        ({"novelty": float("nan")}, 1000),
        ({"price": 100.0, "queued_at": NOW - timedelta(days=30), "novelty": 1.0}, 7200),
    ],
)
def test_an_item_adds_to_a_decision_what_the_formula_says(facts: dict[str, object], thousandths: int) -> None:
    rows = pl.DataFrame([USUAL] * 4 + [USUAL | facts], schema=SCHEMA)
    assert rows.select(worth(NOW))["worth"].to_list() == [1000] * 4 + [thousandths]


def queue(*rows: dict[str, object]) -> pl.DataFrame:
    base = USUAL | {
        "vendor": "acme", "reason": "close_call", "group_id": None, "low": False, "blind": False, "lot": 0.5,
        "likeliest": "1",
    }  # fmt: skip
    return pl.DataFrame(
        [base | {"item_id": f"a{n}"} | row for n, row in enumerate(rows)],
        schema_overrides=SCHEMA | {"group_id": pl.String},
    )


def order(rows: pl.DataFrame) -> list[str]:
    return queue_order.ordered(rows, NOW)["item_id"].to_list()


def test_what_is_worth_more_comes_first_and_what_stands_at_a_parent_last() -> None:
    rows = queue(
        {"item_id": "parent", "low": True, "price": 1e6},
        {"item_id": "usual"},
        {"item_id": "old", "queued_at": NOW - timedelta(days=30)},
        {"item_id": "pair1", "group_id": "g"},
        {"item_id": "pair2", "group_id": "g", "queued_at": NOW - timedelta(days=3)},
        {"item_id": "dear", "price": 1000.0, "queued_at": NOW - timedelta(days=30)},
    )
    assert order(rows) == ["dear", "pair1", "pair2", "old", "usual", "parent"]
    found = queue_order.ordered(rows, NOW)
    assert found["worth"].to_list() == [4000, 2100, 2100, 2000, 1000, 2000]
    assert found["group_size"].to_list() == [1, 2, 2, 1, 1, 1]


def test_of_equal_worth_the_reason_then_the_older_then_the_name_decides() -> None:
    hour = timedelta(hours=1)
    rows = queue(
        {"item_id": "b", "reason": "b"},
        {"item_id": "a", "reason": "b"},
        {"item_id": "older", "reason": "b", "queued_at": NOW - hour},
        {"item_id": "first", "reason": "a"},
    )
    assert order(rows) == ["first", "older", "a", "b"]
    assert order(rows.reverse()) == ["first", "older", "a", "b"]


def test_hidden_rows_hide_as_many_ordinary_ones_and_spread_by_their_draw() -> None:
    rows = queue(
        *({"item_id": f"plain{n}", "draw": n / 10, "group_id": "g"} for n in range(6)),
        {"item_id": "audit0", "blind": True, "draw": 0.95, "group_id": "g"},
        {"item_id": "audit1", "blind": True, "draw": 0.05},
    )
    found = queue_order.ordered(rows, NOW)
    assert found.filter("blind")["item_id"].to_list() == ["plain0", "audit1", "plain1", "audit0"]
    assert found.filter("blind")["group_size"].to_list() == [1] * 4
    assert found.filter("blind")["worth"].to_list() == [None] * 4
    assert found.filter(~pl.col("blind"))["group_size"].to_list() == [4] * 4


def test_ordinary_rows_that_are_hidden_stand_as_late_as_audits_do() -> None:
    draws = [(n + 0.5) / 400 for n in range(400)]
    rows = queue(
        *({"item_id": f"plain{n}", "draw": draw} for n, draw in enumerate(draws)),
        *({"item_id": f"audit{n}", "draw": draw, "blind": True} for n, draw in enumerate(draws[::4])),
    )
    hidden = queue_order.ordered(rows, NOW).filter("blind")
    assert hidden.height == 200
    quarters = [hidden[at : at + 50]["item_id"].str.starts_with("audit").sum() for at in range(0, 200, 50)]
    assert quarters == [25, 25, 25, 25]


def test_at_most_half_of_the_ordinary_rows_are_hidden() -> None:
    rows = queue(*({"blind": n > 3} for n in range(20)))
    assert queue_order.ordered(rows, NOW)["blind"].sum() == 16 + 2


def test_whole_groups_from_the_front() -> None:
    rows = queue(
        *(
            {"group_id": name, "item_id": f"{name}{n}"}
            for name, size in (("a", 3), ("b", 2), ("c", 1))
            for n in range(size)
        )
    )
    found = queue_order.ordered(rows, NOW)
    assert [queue_order.first_groups(found, items=n).height for n in range(1, 8)] == [1, 2, 3, 3, 5, 6, 6]
    assert [queue_order.first_groups(found, groups=n).height for n in range(1, 5)] == [3, 5, 6, 6]
    assert queue_order.first_groups(found, groups=2, items=4).height == 3
    assert queue_order.first_groups(found.head(0), groups=2, items=4).height == 0


def test_nothing_waiting_is_an_order_too() -> None:
    assert order(queue({}).head(0)) == []


def test_the_doubtful_are_drawn_more_often_and_not_they_alone() -> None:
    """Two thirds are sure; each of them comes among the first tenth as seldom as its tickets say."""
    rows = queue(
        *(
            {
                "draw": (n * 0.6180339887) % 1,
                "log_odds_1": 0.0 if n % 3 == 0 else 50.0,
                "log_odds_2": 0.0 if n % 3 == 0 else -50.0,
            }
            for n in range(1500)
        )
    )
    first = queue_order.ordered(rows, NOW).head(150)
    sure = int((first["log_odds_1"] > 0).sum())
    assert 5 <= sure <= 25  # 1,000 tickets of a twentieth beside 500 whole ones: about one in eleven
