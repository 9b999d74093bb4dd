"""What is decided of an item is carried to look-alikes that come later: only where certified, and as long as it stands."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_look_alikes import LAMPS, MUGS, NOW, POLICY, Night, lamp

from catalog.certification.carrying import carried
from catalog.certification.certificate import Carried, Certificate, Terms, certify
from catalog.certification.metrics import binomial_cdf
from catalog.certification.policy import Policy
from catalog.integrity.invariants import INVARIANTS
from catalog.placement import look_alikes
from catalog.placement.taking_back import placed_in, take_back
from catalog.settings import Routing, Settings
from catalog.taxonomies.taxonomy import from_paths
from catalog.watch import explanation, facts, outcomes
from pipelines import certify as certify_job
from tests.hand_made import certificate
from tests.simulated import WORLDS, tree

CARRIES = replace(POLICY, look_alike_certified_precision=0.95)
TREE = tree()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path, CARRIES)
    yield made
    made.store.close()


def decide(shop: Night, item: str, category: str | None = LAMPS, verdict: str = "category") -> None:
    seq = 1 + (shop.store.one("SELECT max(seq) FROM decisions") or 0)
    (content,) = shop.rows(f"SELECT input_hash FROM live_items WHERE item_id = '{item}'")[0]
    shop.store.append_row(
        "decisions", decision_id=f"d{seq}", seq=seq, vendor="acme", item_id=item, input_hash=content, verdict=verdict,
        category_id=category, source="review", who="anna", decided_at=NOW, import_id=f"import {seq}",
    )  # fmt: skip


def standing(shop: Night) -> dict[str, tuple]:
    columns = "item_id, outcome, category_id, decided_by, reason"
    return {item: tuple(rest) for item, *rest in shop.rows(f"SELECT {columns} FROM standing_routes")}


PLACED = ("placed", LAMPS, "look_alike", "look_alike_decided")
WAITS = ("review", None, None, "below_threshold")


def test_a_decision_settles_look_alikes_that_come_later_and_those_that_wait(shop: Night) -> None:
    shop.routed(lamp("a"), lamp("b"), lamp("other", "Ceiling light chrome"))
    decide(shop, "a")
    shop.routed(lamp("a"), lamp("b"), lamp("c"), lamp("other", "Ceiling light chrome"), name="2.csv")
    found = standing(shop)
    assert found["a"][0] == "decided"
    assert found["b"] == found["c"] == PLACED
    assert found["other"] == WAITS
    ((precision, sentence),) = shop.rows(
        "SELECT certified_precision, sentence FROM standing_routes WHERE item_id = 'c'"
    )
    assert precision == 0.95 and sentence == "Placed in Lamps, as its look-alikes were decided."
    ((decisions,),) = shop.rows("SELECT decisions FROM look_alike_decisions WHERE item_id = 'c'")
    assert decisions == 1
    for one in INVARIANTS:
        if one.name in ("decisions_applied", "outcomes"):
            assert not shop.store.query(one.sql, {"run": None} if "$run" in one.sql else {}).height
    settled = shop.store.one("SELECT max(seq) FROM routes")
    assert shop.settle() == 0 and shop.store.one("SELECT max(seq) FROM routes") == settled, "nothing has changed"


def test_nothing_is_carried_without_a_certificate_or_against_the_settings(tmp_path: Path) -> None:
    shop = Night(tmp_path, POLICY)
    shop.routed(lamp("a"), lamp("b"))
    decide(shop, "a")
    shop.settle()
    assert standing(shop)["b"] == WAITS
    shop.serve(CARRIES)
    shop.settings = Settings(routing=Routing(carry_decisions=False))
    shop.settle()
    assert standing(shop)["b"] == WAITS
    shop.settings = Settings()
    shop.settle()
    assert standing(shop)["b"] == PLACED
    shop.settings = Settings(routing=Routing(carry_decisions=False))
    shop.routed(lamp("a"), lamp("b"), lamp("c"), name="2.csv")
    assert standing(shop)["b"] == PLACED, "what was published stays"
    assert standing(shop)["c"] == WAITS
    shop.store.close()


def test_what_was_carried_follows_the_decision_and_waits_where_decisions_differ(shop: Night) -> None:
    stock = [lamp(name) for name in "abcd"]
    shop.routed(*stock)
    decide(shop, "a")
    shop.settle()
    decide(shop, "a", MUGS)
    shop.settle()
    assert standing(shop)["c"] == ("placed", MUGS, "look_alike", "look_alike_decided")
    decide(shop, "b", LAMPS)
    shop.settle()
    found = standing(shop)
    assert found["c"] == found["d"] == WAITS, "two people say two things of them"
    decide(shop, "b", MUGS)
    shop.settle()
    assert standing(shop)["d"][1] == MUGS
    for seq in range(1, 5):
        shop.store.append_row("import_undos", seq=seq, import_id=f"import {seq}", undone_at=NOW)
    shop.settle()
    assert standing(shop)["d"] == WAITS, "nobody says anything any more"


def test_the_model_goes_first_and_a_person_before_both(shop: Night) -> None:
    shop.routed(lamp("a"), lamp("b"))
    decide(shop, "a", MUGS)
    shop.settle()
    assert standing(shop)["b"][1:3] == (MUGS, "look_alike")
    shop.routed(lamp("a"), lamp("b"), lamp("c", "Desk lamp - oak"), sure=True, name="3.csv")
    found = standing(shop)
    assert found["c"][1:3] == (LAMPS, "model"), "what is certified of the model stays what was certified"
    assert found["b"][1:3] == (MUGS, "look_alike"), "a sure model moves nothing that a person's word carries"
    decide(shop, "b", None, "none")
    shop.settle()
    assert standing(shop)["b"][0] == "review"


@pytest.mark.parametrize(
    "stop", [{"stopped_departments": frozenset({"Home"})}, {"suspended_vendors": frozenset({"acme"})}]
)
def test_where_automation_stopped_nothing_is_carried_and_what_stands_stays(shop: Night, stop: dict) -> None:
    shop.routed(lamp("a"), lamp("b"))
    decide(shop, "a")
    shop.settle()
    shop.serve(replace(CARRIES, **stop))
    shop.routed(lamp("a"), lamp("b"), lamp("c"), name="2.csv")
    found = standing(shop)
    assert found["b"] == PLACED and found["c"][0] == "review"


def test_control_draws_are_asked_and_a_run_takes_back_what_it_carried(shop: Night) -> None:
    shop.serve(replace(CARRIES, control_share=1.0))
    shop.routed(lamp("a"))
    decide(shop, "a")
    shop.routed(lamp("a"), lamp("new", "Ceiling light chrome"), lamp("b"), name="2.csv")
    found = standing(shop)
    assert found["new"][3] == "control" and found["b"] == PLACED, "of look-alikes one may be drawn"
    run = shop.store.one("SELECT run_id FROM standing_routes WHERE item_id = 'b'")
    work = shop.job()
    assert take_back(work, placed_in(work, run), "run_undone", "Taken back.") == 1
    assert standing(shop)["b"][0] == "review"


def test_an_explanation_names_the_decision_and_its_own_certificate(shop: Night) -> None:
    shop.routed(lamp("a"), lamp("b"), lamp("c"))
    decide(shop, "a")
    decide(shop, "b")
    shop.settle()
    found = facts.gather(shop.store, "acme", "c")
    told = dict(explanation.story(found, certificate(look_alikes=Carried(90, 1, 0.025, passed=True))))
    assert told["stands"].startswith("in Home > Lamps, put there as its look-alikes were decided since")
    assert told["look-alikes"] == "acme b was decided so by anna (review) on 2026-03-01, and so were 1 more"
    assert "tested on 90 products, 1 of them wrong" in told["certificate"]
    (change,) = outcomes.changes(found, pl.DataFrame(), CARRIES, from_paths([LAMPS, MUGS]), None)
    assert "another word on one of them" in change


def test_the_policy_keeps_its_name_where_nothing_is_carried() -> None:
    content = POLICY.to_dict()
    assert "look_alike_certified_precision" not in content
    assert Policy.from_dict(CARRIES.to_dict()) == CARRIES and CARRIES.policy_id != POLICY.policy_id
    passed = certificate(look_alikes=Carried(90, 0, 0.05, passed=True))
    assert Certificate.from_dict(passed.to_dict()) == passed
    assert Policy.from_certificate(passed).look_alike_certified_precision == 0.95
    failed = replace(passed, look_alikes=Carried(9, 3, 0.05, passed=False))
    assert Policy.from_certificate(failed).look_alike_certified_precision is None


def test_the_clusters_of_a_sample_are_those_of_routing(shop: Night) -> None:
    shop.routed(lamp("a"), lamp("b", "DESK lamp, oak"), lamp("c", brand="Potto"), lamp("d", "Ceiling light chrome"))
    live = shop.store.query("SELECT vendor, item_id, input_hash FROM live_items")
    found = dict(look_alikes.among(shop.job(), live).select("item_id", "look_alikes").rows())
    assert found == shop.clusters() and len(set(found.values())) == 3


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Carried(90, 1, 0.025, passed=True),
            "also settle look-alikes that come later: of 90 tried 1 belong elsewhere.",
        ),
        (Carried(16, 0, 0.025, passed=False), "of 16 tried 0 belong elsewhere; with none wrong it takes 72."),
        (None, None),
    ],
)
def test_training_says_what_came_of_it_and_what_is_missing(
    shop: Night, found: Carried | None, said: str | None
) -> None:
    body = json.dumps(certificate(model_id="m1", look_alikes=found).to_dict())
    shop.store.append_row("certificates", certificate_id="c1", model_id="m1", body=body, issued_at=NOW)
    policy = Policy.from_dict(CARRIES.to_dict())
    shop.store.append_row(
        "policies", policy_id=policy.policy_id, seq=9, model_id="m1", certificate_id="c1", created_at=NOW,
        body=json.dumps(policy.to_dict()), settings_hash=shop.settings.routing_hash,
    )  # fmt: skip
    lines = certify_job.outlook(shop.job(), "m1").splitlines()
    assert lines[0].startswith("Certified at 95%") and len(lines) == (1 if said is None else 2)
    assert said is None or lines[1].endswith(said)


def pairs(rng: np.random.Generator, products: int, alike: float) -> pl.DataFrame:
    """Labelled pairs the model is unsure of: the second item has the label of the first in a share `alike`."""
    first = alone(products, int(rng.integers(1e6))).with_columns(
        log_odds=pl.lit(-5.0), chain_mass=pl.lit([0.4, 0.2, 0.1])
    )
    leaves = TREE.nodes.filter("is_leaf")["category_id"].to_numpy()
    other = np.where(rng.random(products) < alike, first["category_id"].to_numpy(), rng.choice(leaves, products))
    second = first.with_columns(category_id=pl.Series(other.tolist()), item_id=pl.col("item_id") + "-too")
    return pl.concat([first, second]).with_columns(look_alikes="cluster")


def alone(products: int, seed: int) -> pl.DataFrame:
    return WORLDS["calibrated"].draw(products, seed).unique("cluster", keep="first", maintain_order=True)


def tried(sample: pl.DataFrame, target: float = 0.95) -> Carried:
    blank = certify(None, sample, TREE, target=target, delta=0.05)
    return carried([("calibration", sample)], blank, TREE, Terms())


def test_carrying_is_certified_at_its_level_and_not_below_the_target() -> None:
    """Where look-alikes agree in just the target's share, it passes in at most a share delta of draws, and not much less."""
    rng = np.random.default_rng(5)
    leaves = TREE.nodes.filter("is_leaf").height
    agree = (0.95 - 1 / leaves) / (1 - 1 / leaves)  # drawn anew a label may be the same by chance
    found = [tried(pairs(rng, 200, agree)) for _ in range(300)]
    assert {one.products for one in found} == {200}
    share = np.mean([one.passed for one in found])
    exact = max(p for k in range(10) if (p := binomial_cdf(k, 200, 0.05)) <= 0.025)  # the level of a first attempt
    assert exact > 0 and abs(share - exact) < 4 * (exact / 300) ** 0.5
    assert tried(pairs(rng, 200, 1.0)).passed and not tried(pairs(rng, 71, 1.0)).passed  # 72 is the least that can


def test_what_the_model_places_and_what_stands_alone_is_not_tried() -> None:
    rng = np.random.default_rng(6)
    sample = pairs(rng, 300, 1.0)
    assert tried(sample.with_columns(look_alikes=pl.lit(None, pl.String))).products == 0
    assert tried(sample.head(300)).products == 0
    first = pl.col("cluster").rank("dense") <= 150
    sure = sample.with_columns(log_odds=pl.when(first).then(9.0).otherwise("log_odds"))
    sure = sure.with_columns(leaf_id=pl.when(pl.col("log_odds") > 0).then("category_id").otherwise("leaf_id"))
    blank = certify(None, sure, TREE, target=0.95, delta=0.05)
    assert blank.leaf.passed
    assert carried([("calibration", sure)], blank, TREE, Terms()).products == 150
    assert not carried([], blank, TREE, Terms()).passed
