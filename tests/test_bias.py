"""The bias audit: planted bias is named with an example, and where there is none hardly anything is ever named."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats
from typer.testing import CliRunner

from catalog.settings import Workspace
from catalog.watch import bias
from pipelines import cli
from pipelines.session import opened


def products(seed: int, n: int = 700) -> pl.DataFrame:
    """Products whose every group is alike: right as often as the confidence says, placed when it is high."""
    random = np.random.default_rng(seed)
    p = random.beta(8, 1, n)
    pick = lambda *values: random.choice(np.array(values, dtype=object), n).tolist()  # noqa: E731
    return pl.DataFrame(
        {
            "vendor": pick("a", "a", "b", "c", "d"), "item_id": [str(k) for k in range(n)], "title": ["x"] * n,
            "brand": pick("m", "n", "o", None), "language": pick("en", "en", "de", None),
            "price_band": bias.price_bands(pl.Series(random.gamma(2, 10, n)), pl.Series(pick("EUR", "USD"))),
            "category_size": bias.category_sizes(pl.Series(random.integers(1, 300, n))), "picture": pick("with", "without"),
            "right": random.random(n) < p, "probability": p, "placed": p > 0.9, "waits": p < 0.8,
            "said": ["A"] * n, "truth": ["B"] * n,
        }
    )  # fmt: skip


def test_without_bias_an_audit_hardly_ever_names_anything() -> None:
    named = sum(bool(bias.audit("m", products(seed)).named) for seed in range(60))
    # P(Binomial(60, 0.05) > 8) is 0.6%
    assert named <= 8


def test_planted_bias_is_named_with_its_size_and_an_example() -> None:
    frame = products(1)
    unlucky = (pl.col("vendor") == "b") & (pl.int_range(pl.len()) % 3 == 0)
    frame = frame.with_columns(right=pl.when(unlucky).then(False).otherwise("right"))
    found = bias.audit("m", frame)
    worst = found.named[0]
    assert (worst.dimension, worst.group, worst.worse, worst.stops) == ("vendor", "b", True, True)
    assert {one.measure for one in found.named if one.group == "b"} == {"accuracy", "calibration"}
    inside = frame.filter(vendor="b")
    accuracy = next(one for one in found.named if one.measure == "accuracy")
    assert accuracy.value == pytest.approx(inside["right"].mean()) and accuracy.low < accuracy.value < accuracy.high
    assert "b " in accuracy.example and "is B, said A" in accuracy.example
    assert "worse   vendor b: accuracy" in found.text()
    assert json.loads(json.dumps(found.to_dict()))["findings"][0]["dimension"] == "vendor"


def test_what_waits_more_is_named_and_stops_nothing() -> None:
    frame = products(2).with_columns(waits=pl.when(pl.col("picture") == "without").then(True).otherwise("waits"))
    found = bias.audit("m", frame)
    assert {(one.group, one.measure, one.worse) for one in found.named} == {
        ("without", "review", True),
        ("with", "review", False),
    }
    assert not any(one.stops for one in found.named)


def test_a_model_that_is_no_worse_than_the_serving_one_is_not_stopped() -> None:
    frame = products(1)
    unlucky = (pl.col("vendor") == "b") & (pl.int_range(pl.len()) % 3 == 0)
    frame = frame.with_columns(right=pl.when(unlucky).then(False).otherwise("right"))
    worse = frame.with_columns(
        right_before=pl.col("right") & (pl.col("vendor") != "b"), probability_before="probability"
    )
    better = frame.with_columns(right_before=pl.lit(True), probability_before="probability")
    assert not any(one.stops for one in bias.audit("m", worse).named)
    assert any(one.stops for one in bias.audit("m", better).named)


def test_too_few_products_are_said_to_be_too_few() -> None:
    found = bias.audit("m", products(1, n=40))
    assert not found.findings and "too few" in found.text()


def test_a_model_that_places_nothing_is_audited_for_what_it_says() -> None:
    nothing = [pl.lit(None, pl.Boolean).alias(name) for name in ("placed", "waits")]
    found = bias.audit("m", products(3).with_columns(nothing))
    assert {one.measure for one in found.findings} == {"accuracy", "calibration"}


@pytest.mark.parametrize(("one", "other"), [((3, 40), (20, 60)), ((0, 30), (0, 50)), ((30, 30), (45, 50))])
def test_fisher_is_twice_the_smaller_tail(one: tuple[int, int], other: tuple[int, int]) -> None:
    (k, n), (j, m) = one, other
    tails = [stats.fisher_exact([[k, n - k], [j, m - j]], alternative=side).pvalue for side in ("less", "greater")]
    assert bias.fisher(one, other) == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-9)


def test_holm() -> None:
    assert bias.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert bias.holm([]) == []


def test_groups() -> None:
    many = pl.Series("brand", ["a"] * 30 + ["b"] * 29 + [None] * 31)
    assert bias.grouped(many).value_counts().sort("count")["brand"].to_list() == ["(others)", "a", "(none)"]
    bands = bias.price_bands(pl.Series([1, 2, 3, 4, 100, None]), pl.Series(["EUR"] * 4 + ["JPY", "EUR"]))
    assert bands.to_list() == [
        "cheapest quarter",
        "second quarter",
        "third quarter",
        "dearest quarter",
        "dearest quarter",
        None,
    ]
    assert bias.category_sizes(pl.Series([None, 9, 10, 200])).to_list()[1:3] == [
        "fewer than 10 labels",
        "10 to 49 labels",
    ]


@pytest.mark.train
def test_evaluate_names_it_and_promote_refuses_where_the_settings_say_so(learned: Path, tmp_path: Path) -> None:
    place = Workspace(Path(shutil.copytree(learned, tmp_path / "ws")))
    model = place.current_model.read_text().strip()
    with opened(place.root) as session:
        # two of five Borg products are labelled as something else than what they are
        session.store.execute(
            """UPDATE decisions SET category_id = (SELECT min(category_id) FROM categories WHERE is_leaf)
               WHERE item_id::INT % 5 < 2 AND item_id IN (SELECT item_id FROM items WHERE brand = 'Borg')"""
        )
    place.settings_file.write_text(place.settings_file.read_text() + '\n[audit]\nbias = "block"\n')

    def catalog(*words: str):
        return CliRunner().invoke(cli.app, [*words, "--workspace", str(place.root)])

    found = json.loads(catalog("evaluate", "--json").stdout)
    kept = json.loads((place.reports / f"evaluate-{model}.json").read_text())
    assert found == kept and found["first"]["model_id"] == model
    named = [(one["dimension"], one["group"], one["measure"]) for one in found["audit"]["findings"] if one["stops"]]
    assert ("brand", "Borg", "accuracy") in named
    assert {one["measure"] for one in found["audit"]["findings"]} == set(bias.MEASURES)
    refused = catalog("promote", model)
    assert refused.exit_code == 1 and "brand Borg: " in str(refused.exception)
    assert "--anyway" in str(refused.exception)
    assert "Bias audit" in catalog("promote", model, "--anyway").stdout
