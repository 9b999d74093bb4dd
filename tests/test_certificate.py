"""The certificate against known truth: how often it is wrong, how often it gives nothing, how much it lets through."""

import json
import logging
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.certificate import HEADER, line, temperature_products
from catalog.certification.certificate import (
    Certificate,
    Terms,
    accepted_errors,
    certify,
    labels_missing,
    one_per_cluster,
)
from catalog.certification.policy import Policy
from catalog.certification.sequence import FIXED_GRID, Curve, choose_start, fixed_sequence, labels_needed, walk
from catalog.certification.start import chances
from catalog.errors import CatalogError
from catalog.placement.routing import route
from tests.simulated import DELTA, WORLDS, Products, Tally, World, best_chance, certified, tally, tree

TREE = tree()
LEVEL = DELTA / 4  # of one stratum at the first attempt, after the start


def check(seen: Tally, *, reachable: bool) -> None:
    """What certificate.md asks. Where even the best start would often fail, only validity can be asked for."""
    assert seen.violations <= seen.allowed
    if reachable:
        assert seen.no_leaf <= 0.02
        assert seen.leaf >= 0.9 * seen.leaf_oracle


@pytest.mark.parametrize("name", WORLDS)
def test_certificates_are_wrong_rarely_and_generous(name):
    check(tally(WORLDS[name], 0.98, (500, 2000), 200, pool=20_000), reachable=name == "accuracy 0.99")


@pytest.mark.parametrize("name", ["calibrated", "over-confident, vain rare departments"])
def test_at_95_percent_ten_thousand_labels_are_plenty(name):
    check(tally(WORLDS[name], 0.95, (500, 2000), 60, pool=20_000), reachable=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("target", [0.95, 0.98])
def test_certificates_are_wrong_rarely_in_a_thousand_draws(name, target):
    seen = tally(WORLDS[name], target, (500, 2000), 1000)
    logging.info("%s, target %s: %s", name, target, seen)
    best = best_chance(WORLDS[name].products(100_000, 999), (2000, target, DELTA / 2))
    check(seen, reachable=best >= 0.999)


def test_the_benchmark_prints_a_row_for_each_configuration():
    assert [temperature_products(n) for n in (150, 2000, 5000)] == [70, 500, 500]
    cells = [cell.strip() for cell in line("accuracy 0.99", 0.95, 500, 4).strip("|").split("|")]
    assert len(cells) == HEADER.count("|") - 1
    assert cells[:4] == ["accuracy 0.99", "0.95", "500", "0.0%"] and cells[8].endswith("/ 1.000")


def test_arrays_and_frames_are_certified_alike():
    for seed, world in enumerate((World(), World(mean=2.5, kin=0.97), World(mean=0.0))):
        before, sample = world.draw(300, 100 + seed), world.draw(900, 200 + seed)
        found = certify(before, sample, TREE, target=0.9, delta=DELTA)
        assert found.leaf.threshold is not None or found.parent.threshold is not None
        simulated = certified(Products.of(before), Products.of(sample), 0.9, DELTA / 2)
        assert (found.leaf.threshold, found.parent.threshold) == simulated


def test_at_the_boundary_the_level_is_kept_and_used():
    """Every threshold just misses the target: the hardest case, in which any certificate is a violation."""
    rng = np.random.default_rng(5)
    ones, passed, draws = np.ones(700, int), {True: 0, False: 0}, 500
    for _ in range(draws):
        curves = [
            Curve.from_events(rng.normal(3, 2, 700), ones, (rng.random(700) > 0.9499).astype(int), 700) for _ in "ab"
        ]
        for chosen in (True, False):
            found = walk(curves[0] if chosen else None, curves[1], 0.95, DELTA / 2, first=DELTA if chosen else None)
            passed[chosen] += found.last is not None
    limit = DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / draws)
    assert DELTA / 4 < passed[True] / draws <= limit
    assert passed[False] / draws <= limit / 2


def test_a_parent_that_just_misses_is_refused_although_the_leaf_chose_its_products():
    """The leaf threshold is found on the same labels; where no leaf is sure, parents have precision 0.9499."""
    rng, draws, wrong_claims = np.random.default_rng(11), 250, 0
    everyone = _parents_at_the_boundary(rng, 20_000)
    for _ in range(draws):
        samples = [_parents_at_the_boundary(rng, size) for size in (200, 600)]
        truth = everyone.truth(*certified(*samples, 0.95, DELTA))
        wrong_claims += min(precision for precision, _ in truth) < 0.95
    assert wrong_claims / draws <= DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / draws)


def _parents_at_the_boundary(rng: np.random.Generator, size: int) -> Products:
    """Leaves are always right above a score of 3 and in 66% below it, where a parent is right in 94.99%."""
    score = rng.normal(2, 2, size)
    sure = score > 3
    astray = ~sure & (rng.random(size) > 0.9499)
    wrong = astray | (~sure & (rng.random(size) > 0.7))
    return Products(score, wrong, np.where(sure, 1, 0.665), score + 8, astray, np.where(sure, 1, 0.9499))


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=120),
    st.floats(0.55, 0.99),
    st.floats(0.001, 0.3),
)
def test_nothing_passes_after_a_failure(rows, target, level):
    score, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    curve = Curve.from_events(score, np.ones(len(rows), int), (~right).astype(int), len(rows))
    grid = curve.grid()
    assert (np.diff(grid) < 0).all()
    steps = fixed_sequence(curve, grid, target, level)
    assert all(step.passed for step in steps[:-1])
    assert steps[-1].passed is False or len(steps) == len(grid)
    for step in steps:
        accepted = score >= step.threshold
        assert (step.n, step.k) == (accepted.sum(), (~right[accepted]).sum())
        assert step.p_value == pytest.approx(stats.binom.cdf(step.k, step.n, 1 - target), rel=1e-9)
        assert step.passed == (step.p_value <= level)


def test_the_least_that_can_pass():
    for target, level, n in ((0.98, 0.05, 149), (0.95, 0.05, 59), (0.99, 0.05, 299)):
        for size, passes in ((n, True), (n - 1, False)):
            curve = Curve.from_events(np.ones(size), np.ones(size, int), np.zeros(size, int), size)
            assert fixed_sequence(curve, np.array([1.0]), target, level)[0].passed is passes


def test_the_start_is_where_one_wrong_label_stops_nothing():
    score = np.linspace(8, 0, 1500)
    wrong = np.zeros(1500, int)
    wrong[[2, 400, 900]] = 1  # the third surest is mislabelled
    curve = Curve.from_events(score, np.ones(1500, int), wrong, 1500)
    assert not fixed_sequence(curve, curve.grid()[9:], 0.98, LEVEL)[0].passed
    start = choose_start(curve, curve.grid(), 1500, 0.98, LEVEL)
    assert curve.counts(curve.grid()[start : start + 1])[0][0] > 500
    assert walk(curve, curve, 0.98, LEVEL).last.n == 1500


def test_fixed_starts_keep_the_most_lenient_pass():
    score = np.linspace(9, -3, 2000)
    wrong = (score > 8.5).astype(int) * (np.arange(2000) % 3 == 0)  # the strict end is broken, and only that
    found = walk(None, Curve.from_events(score, np.ones(2000, int), wrong, 2000), 0.95, LEVEL)
    assert found.last.level == LEVEL / 5
    assert found.last.threshold == FIXED_GRID[-1]


def test_the_start_is_the_best_one_although_errors_are_few():
    """Of the surest the split shows two errors or five by chance; the curve through all products knows better."""
    world, tested = WORLDS["calibrated"], (2000, 0.98, DELTA / 2)
    everyone = world.products(50_000, 999)
    chances = []
    for seed in range(40):
        before = world.products(500, seed).leaf_curve()
        threshold = before.grid()[choose_start(before, before.grid(), *tested)]
        taken = everyone.score >= threshold
        n, precision = round(2000 * taken.mean()), everyone.chance[taken].mean()
        allowed = stats.binom.ppf(DELTA / 2, n, 0.02) - 1
        chances.append(stats.binom.cdf(allowed, n, 1 - precision))
    assert np.mean(chances) >= best_chance(everyone, tested) - 0.15


def test_chances_to_pass_are_beta_binomial():
    for target, level in ((0.98, 0.025), (0.6, 0.05)):
        n = np.array([0, 1, 5, 60, 1500])
        seen, rate = n / 3, np.linspace(0, 1 - target, 5)
        found = chances(seen, rate, n, target, level)
        for row, size in enumerate(n):
            k = np.arange(size + 1)
            passes = stats.binom.cdf(k, size, 1 - target) <= level
            prior = (seen[row] * rate[row] + 1, seen[row] * (1 - rate[row]) + 2 / (1 - target) - 1)
            assert found[row] == pytest.approx(stats.betabinom.pmf(k, size, *prior)[passes].sum(), abs=1e-9)


def test_labels_needed_agrees_with_the_binomial():
    wrong = (np.arange(1000) % 100 == 50).astype(int)
    curve = Curve.from_events(np.full(1000, 2.0), np.ones(1000, int), wrong, 2000)  # 1% errors, half accepted
    need = labels_needed(curve, 0.98, 0.05)
    assert 2 * 450 < need < 2 * 620
    assert labels_needed(curve, 0.985, 0.05) > need
    assert labels_needed(curve, 0.995, 0.05) is None


SAMPLES = World().draw(700, 1), World().draw(1500, 2)


def certificate(target: float = 0.95, **terms: object) -> Certificate:
    return certify(*SAMPLES, TREE, target=target, delta=DELTA, terms=Terms(**terms))


def test_a_certificate_survives_json_and_repeats_itself():
    found = certificate(model_id="m", issued_at="2026-01-02T03:04:05Z")
    assert Certificate.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    shuffled = certify(
        SAMPLES[0].sample(fraction=1, shuffle=True, seed=1),
        SAMPLES[1].sample(fraction=1, shuffle=True, seed=1),
        TREE, target=0.95, delta=DELTA, terms=Terms(model_id="m", issued_at="2026-01-02T03:04:05Z"),
    )  # fmt: skip
    assert shuffled == found


def test_what_a_certificate_says():
    found = certificate()
    leaf = found.leaf
    assert leaf.level == LEVEL and leaf.p_value <= LEVEL
    assert leaf.lower_bound >= 0.95 and leaf.precision > leaf.lower_bound
    assert leaf.labels_missing == 0 and leaf.refusal is None
    placed = sum(group.n for group in leaf.departments)  # under D7's own threshold, less than was tested
    assert placed == sum(group.n for group in leaf.vendors) < leaf.n and leaf.bars["D7"] > leaf.threshold
    assert leaf.item_interval[0] < leaf.item_precision < leaf.item_interval[1]
    assert found.calibration_products == 1500
    tested = SAMPLES[1].filter(one_per_cluster(SAMPLES[1], 0))
    assert accepted_errors(tested, found, TREE).height == sum(group.k for group in leaf.departments) <= leaf.k
    wrong = accepted_errors(SAMPLES[1], found, TREE)
    assert (wrong["category_id"] != wrong["leaf_id"]).all() and (wrong["log_odds"] >= leaf.threshold).all()


def test_each_attempt_on_the_same_labels_costs():
    levels = [certificate(attempt=attempt).leaf.level for attempt in (1, 2, 3)]
    assert levels == [DELTA / 4, DELTA / 12, DELTA / 24]
    assert 2 * sum(DELTA / (2 * k * (k + 1)) for k in range(1, 10_000)) < DELTA


def test_nothing_passed_says_what_is_missing():
    few = SAMPLES[1].filter(pl.col("cluster").rank("dense") <= 60)
    found = certify(SAMPLES[0], few, TREE, target=0.95, delta=DELTA)
    assert found.leaf.threshold is None and found.leaf.refusal == "nothing_passed" and not found.automates
    assert found.leaf.coverage == 0.0
    assert 20 < found.leaf.labels_missing < 1000
    assert 20 < labels_missing(few, 0.95, LEVEL) < 1000
    assert labels_missing(SAMPLES[1], 0.95, LEVEL) == 0
    assert labels_missing(SAMPLES[1].with_columns(category_id=pl.lit("D0")), 0.95, LEVEL) is None
    everything = route(few.with_columns(ROUTE_NULLS), Policy.from_certificate(found, control_share=0.0), TREE)
    assert set(everything["outcome"]) == {"review"} and set(everything["reason"]) == {"no_certificate"}


ROUTE_NULLS = [
    *(pl.lit(None, pl.String).alias(name) for name in (
        "product_id", "decided_category", "decided_verdict", "standing_category", "standing_outcome", "image_status",
    )),
    pl.lit("r").alias("row_hash"), pl.lit("i").alias("input_hash"), pl.lit(True).alias("has_text"),
    pl.lit(True).alias("has_image"), pl.lit(0.0).alias("novelty"), pl.concat_list("leaf_id").alias("top_ids"),
    pl.concat_list("log_odds").alias("top_log_odds"),
]  # fmt: skip


@pytest.mark.parametrize("min_level", [None, 1])
def test_what_is_certified_is_what_serves(min_level):
    """The router places exactly the calibration products that the certificate counted, and as right."""
    world = World(mean=0.0)
    sample = world.draw(1500, 2)
    found = certify(world.draw(700, 1), sample, TREE, target=0.85, delta=DELTA, terms=Terms(min_level=min_level))
    policy = Policy.from_certificate(found, control_share=0.0)
    tested = sample.filter(one_per_cluster(sample, 0)).rename({"category_id": "truth"})
    routed = route(tested.drop("cluster").with_columns(ROUTE_NULLS), policy, TREE)
    for outcome, stratum in (("placed", found.leaf), ("placed_at_parent", found.parent)):
        placed = routed.filter(pl.col("outcome") == outcome)
        assert stratum.threshold is not None
        wrong = sum(place not in TREE.ancestors(truth) for place, truth in placed.select("category_id", "truth").rows())
        kept = [group for group in stratum.departments if group.automated]
        assert (placed.height, wrong) == (sum(group.n for group in kept), sum(group.k for group in kept))
        assert stratum.coverage == placed.height / 1500


# The traps of calibration, planted one by one.


def test_a_leak_between_the_samples_is_refused():
    with pytest.raises(CatalogError, match="temperature and in the calibration sample"):
        certify(SAMPLES[1].head(300), SAMPLES[1], TREE, target=0.95, delta=DELTA)
    with pytest.raises(CatalogError, match="another split"):
        trained_on = SAMPLES[1].with_columns(split=pl.lit("train"))
        certify(None, trained_on, TREE, target=0.95, delta=DELTA)


def test_one_product_with_many_items_is_one_product():
    """Four hundred easy variants of one product would earn a certificate if each of them counted."""
    easy = World(mean=12.0, noise=0.0).draw(400, 5)
    singles = easy.with_columns(cluster="item_id")
    one = easy.with_columns(cluster=pl.lit("one"))
    assert certify(None, singles, TREE, target=0.95, delta=DELTA).leaf.threshold is not None
    found = certify(None, one, TREE, target=0.95, delta=DELTA)
    assert found.leaf.threshold is None and found.calibration_products == 1


def test_a_large_cluster_of_errors_refuses_by_items():
    """By products the precision is high; by items half of what would be placed is wrong."""
    good = World(mean=12.0, noise=0.0).draw(400, 5).with_columns(cluster="item_id")
    heavy = [
        good[:1].select(pl.all().repeat_by(120).explode())
        .with_columns(cluster=pl.lit(f"heavy{n}"), category_id=pl.lit("D0"), item_id=pl.int_range(pl.len()).cast(pl.String) + f"h{n}")
        for n in range(4)
    ]  # fmt: skip
    found = certify(None, pl.concat([good, *heavy]), TREE, target=0.95, delta=DELTA).leaf
    assert found.p_value <= found.level
    assert found.item_precision < 0.7 and found.item_interval[1] < 0.95
    assert found.threshold is None and found.refusal == "item_weighted_below_target"


def test_a_bad_department_goes_to_review():
    good = World(mean=12.0, noise=0.0).draw(2500, 5)
    bad = pl.col("leaf_id").str.starts_with("D7") & (pl.int_range(pl.len()) % 3 == 0)
    found = certify(None, good.with_columns(category_id=pl.when(bad).then(pl.lit("D0")).otherwise("category_id")), TREE,
                    target=0.95, delta=DELTA)  # fmt: skip
    groups = {group.key: group for group in found.leaf.departments}
    assert found.leaf.threshold is not None
    assert found.leaf.review_departments == {"D7"}
    assert groups["D7"].upper_bound < 0.95 and not groups["D7"].automated
    assert found.leaf.coverage == pytest.approx((found.leaf.n - groups["D7"].n) / found.calibration_products)


def test_a_department_that_is_right_where_it_is_sure_keeps_what_is_sure():
    """Of what passed for all, the least sure part of it goes to review, not the whole of it."""
    half = pl.col("log_odds").median().over(pl.col("leaf_id").str.slice(0, 2))
    bad = pl.col("leaf_id").str.starts_with("D7") & (pl.col("log_odds") < half) & (pl.int_range(pl.len()) % 2 == 0)
    spoilt = pl.when(bad).then(pl.lit("D0")).otherwise("category_id")
    before, after = (World(mean=12.0, noise=0.0).draw(n, n).with_columns(category_id=spoilt) for n in (2400, 2500))
    found = certify(before, after, TREE, target=0.95, delta=DELTA).leaf
    assert found.review_departments == frozenset() and found.passed
    assert found.bars["D7"] > found.threshold and set(found.bars.values()) == {found.threshold, found.bars["D7"]}
    groups = {group.key: group for group in found.departments}
    kept = groups["D7"]
    assert kept.n > 20 and kept.precision > 0.95
    passed_there = found.n - sum(group.n for key, group in groups.items() if key != "D7")
    assert kept.n < passed_there < 400
    policy = Policy.from_certificate(certify(before, after, TREE, target=0.95, delta=DELTA))
    assert policy.leaf_bar == found.bars


def test_each_department_by_itself():
    """The pooled test passes over a bad department; its own test does not, and says what a certificate would take."""
    good = World(mean=9.0, noise=0.0)
    samples = [
        sample.with_columns(
            category_id=pl.when(pl.col("leaf_id").str.starts_with("D1") & (pl.int_range(pl.len()) % 12 == 0))
            .then(pl.lit("D0"))
            .otherwise("category_id")
        )
        for sample in (good.draw(700, 1), good.draw(3000, 2))
    ]
    found = certify(*samples, TREE, target=0.95, delta=DELTA, terms=Terms(groups="each"))
    tests = {test.key: test for test in found.leaf.tests}
    assert set(tests) <= {f"D{d}" for d in range(8)} and found.leaf.threshold is None
    assert tests["D0"].threshold is not None and "D1" not in found.leaf.bar
    assert all(test.level >= LEVEL / len(tests) for test in tests.values())
    assert all((test.p_value <= test.level) == (test.threshold is not None) for test in tests.values())
    passed = [test for test in tests.values() if test.threshold is not None]
    assert (found.leaf.n, found.leaf.k) == (sum(t.n for t in passed), sum(t.k for t in passed))
    assert Certificate.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    policy = Policy.from_certificate(found, control_share=0.0)
    tested = samples[1].filter(one_per_cluster(samples[1], 0)).rename({"category_id": "truth"})
    routed = route(tested.drop("cluster").with_columns(ROUTE_NULLS), policy, TREE)
    assert routed.filter(pl.col("outcome") == "placed").height == found.leaf.n
    alone = certify(None, samples[1], TREE, target=0.95, delta=DELTA, terms=Terms(groups="each"))
    assert all(test.level == LEVEL / 8 / 5 for test in alone.leaf.tests) and alone.leaf.passed


def test_labels_at_inner_nodes_are_scored_where_they_stand():
    """An inner label is right at a leaf only for its own terminal class, at a parent for itself and its ancestors."""
    base = World(mean=12.0, noise=0.0).draw(600, 8).with_columns(cluster="item_id")
    group = pl.col("chain_ids").list.get(1)
    inner = certify(None, base.with_columns(category_id=group), TREE, target=0.95, delta=DELTA)
    assert inner.leaf.threshold is None and inner.leaf.precision in (0.0, None)
    assert inner.parent.threshold is not None and inner.parent.precision == 1.0
    terminal = certify(None, base.with_columns(category_id=group, leaf_id=group), TREE, target=0.95, delta=DELTA)
    assert terminal.leaf.threshold is not None and terminal.leaf.precision == 1.0
    above = certify(
        None, base.with_columns(category_id=pl.col("chain_ids").list.get(0)), TREE, target=0.95, delta=DELTA
    )
    assert not above.automates


def test_terms_that_make_no_sense_are_refused():
    for target, delta, terms in ((1.0, 0.05, Terms()), (0.95, 0.0, Terms()), (0.95, 0.05, Terms(groups="some"))):
        with pytest.raises(CatalogError):
            certify(*SAMPLES, TREE, target=target, delta=delta, terms=terms)
    with pytest.raises(CatalogError, match="lacks the columns"):
        certify(None, SAMPLES[1].drop("chain_mass"), TREE, target=0.95, delta=DELTA)


def test_an_empty_sample_earns_nothing():
    found = certify(None, SAMPLES[1].clear(), TREE, target=0.95, delta=DELTA)
    assert not found.automates and found.leaf.labels_missing is None
