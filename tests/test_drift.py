"""Drift: quiet runs stay quiet at the stated rate, shifts are seen and named, and a night says so once."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hand_made import HOSES, KETTLES, PANS, hand_made, hour, job
from PIL import Image, ImageFilter

from catalog.inference.bundle import LAYOUT
from catalog.inference.embeddings import MemoryEmbeddings
from catalog.inference.inputs import InputRules, text_key, tower_texts
from catalog.pictures.images import ImageRules
from catalog.pictures.looks import look
from catalog.publishing import views
from catalog.watch import drift, drift_words, features
from catalog.watch.drift import Reference, Statistic, judge
from pipelines import watch

STATISTICS = [
    Statistic("mean", slice(0, 1)),
    Statistic("rare", slice(1, 2), least=3**0.5),
    Statistic("shares", slice(2, 8), shares=True),
    Statistic("distance", slice(8, 20)),
]


def batch(random: np.random.Generator, n: int, series: float, shift: float = 0.0) -> np.ndarray:
    """n items; a series moves all of them together, as nights of shoes and nights of lamps do."""
    x, off = np.zeros((n, 20)), random.normal(0, series, 20)
    x[:, 0] = random.standard_t(5, n) + off[0] + shift
    x[:, 1] = random.random(n) < 0.01
    odds = np.exp(np.linspace(1.5, -1.5, 6) + off[2:8])
    x[np.arange(n), 2 + random.choice(6, n, p=odds / odds.sum())] = 1
    x[:, 8:] = random.normal(0, 1, (n, 12)) + off[8:]
    x[random.random(n) < 0.3, 8:] = np.nan
    return x


def alarms(seed: int, series: float, shift: float = 0.0) -> bool:
    random = np.random.default_rng(seed)
    runs, each = int(random.integers(5, 13)), int(random.integers(30, 80))
    earlier = np.concatenate([batch(random, each, series) for _ in range(runs)])
    reference = Reference(earlier, np.repeat(np.arange(runs), each))
    found = judge(reference, batch(random, 60, series, shift), STATISTICS, level=drift.RUN_LEVEL, seed=seed, draws=400)
    return bool(found.alarms)


@pytest.mark.parametrize("series", [0.0, 0.15])
def test_quiet_runs_alarm_at_the_stated_rate(series: float) -> None:
    quiet = sum(alarms(seed, series) for seed in range(240))
    # P(Binomial(240, 1/30) > 15) is 0.8%: an error rate of twice the stated one would be seen
    assert quiet <= 15
    assert sum(alarms(seed, series, shift=1.5) for seed in range(20)) >= 18


def test_the_same_seed_gives_the_same_answer() -> None:
    random = np.random.default_rng(1)
    reference = Reference(batch(random, 300, 0.1), np.repeat(np.arange(6), 50))
    one, two = (judge(reference, reference.values[:60], STATISTICS, level=0.01, seed=3, draws=200) for _ in range(2))
    assert one.score == two.score and one.bar == two.bar
    assert 0 < one.p_value <= 1 and one.alarms == []


def test_a_share_that_never_varied_needs_more_than_one_exception() -> None:
    reference = Reference(np.zeros((600, 1)), np.repeat(np.arange(6), 100))
    few, many = np.zeros((100, 1)), np.zeros((100, 1))
    few[:1], many[:20] = 1, 1
    for values, expected in ((few, []), (many, ["rare"])):
        found = judge(reference, values, [Statistic("rare", slice(0, 1), least=3**0.5)], level=0.001, seed=1, draws=200)
        assert found.alarms == expected


def test_new_words_are_new_to_all_other_runs() -> None:
    reference = [frozenset({"pan", "iron"}), frozenset({"pan"}), frozenset({"pot"}), frozenset()]
    earlier, now = features.new_words(
        reference, np.array([0, 1, 2, 2]), [frozenset({"pan", "pot"}), frozenset({"wok"})]
    )
    assert earlier[:3].tolist() == [0.5, 0.0, 1.0] and np.isnan(earlier[3])
    assert now.tolist() == [pytest.approx((0 + 1 / 3) / 2), 1.0]


def test_numbers_and_codes_are_no_words() -> None:
    frame = pl.DataFrame(
        {"title": ["Pan 24cm X-99 iron"], "description": [None]}, schema_overrides={"description": pl.String}
    )
    assert features.word_sets(frame) == [frozenset({"pan", "cm", "iron"})]


def test_embeddings_that_are_not_kept_are_missing_and_nothing_is_encoded() -> None:
    frame = pl.DataFrame({"title": ["a", "b"], "image_hash": [None, "p"]}, schema_overrides={"image_hash": pl.String})
    frame = frame.with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("brand", "vendor_category", "attributes", "description")
    )
    rules, kept = InputRules(ImageRules(32), 16, 0), MemoryEmbeddings()
    kept.put("t", [text_key(tower_texts(frame, rules)[0])], np.ones((1, 384), np.float32))
    text, picture = features.Embedded(rules, {"text": "t", "image": "i"}, kept).of(frame)
    assert np.isfinite(text[0]).all() and np.isnan(text[1]).all() and np.isnan(picture).all()
    two = np.random.default_rng(2).standard_normal((2, 384))
    apart = np.linalg.norm(np.subtract(*features.seen_from_fixed_directions(two)))
    assert apart == pytest.approx(np.linalg.norm(two[0] - two[1]), rel=0.4)
    assert LAYOUT.preprocess == "preprocess.json"


def test_how_a_picture_looks(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (90, 60, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "sharp.png")
    Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "blurred.png")
    Image.new("RGB", (10, 10), (255, 255, 255)).save(tmp_path / "white.png")
    (tmp_path / "broken.png").write_bytes(b"none")
    sharp, blurred, white = (look(str(tmp_path / f"{name}.png")) for name in ("sharp", "blurred", "white"))
    assert sharp and blurred and white
    assert sharp.pixels == 5400 and sharp.sharpness > 3 * blurred.sharpness
    assert (white.brightness, white.sharpness) == (255.0, 0.0)
    assert look(str(tmp_path / "broken.png")) is None and look(None) is None


def deliver(store, folder: Path, number: int, *, changed: bool = False) -> str:
    """A run of a vendor with 60 contents nobody saw before; when changed, half of them are hoses in another language."""
    random, run = np.random.default_rng(number), f"{number:06d}-watch"
    words = ["pan", "iron", "kettle", "steel", "copper", "lid", "handle", "black", "grey", "large", "small", "set"]
    others = ["schlauch", "garten", "meter", "wasser", "gelb", "lang", "rolle", "spritze"]
    at, keys = hour(100) + timedelta(days=number), [f"{number}-{n}" for n in range(60)]
    odd = [changed and n % 2 == 0 for n in range(60)]
    leaf = [HOSES if strange else str(random.choice([KETTLES, PANS])) for strange in odd]
    odds = random.normal(3, 1, 60) - 3 * np.array(odd)
    titles = [" ".join(random.choice(others if strange else words, 4)) for strange in odd]
    image = folder / "pan.png"
    if not image.exists():
        Image.new("RGB", (20, 20), (90, 90, 90)).save(image)
    both = {"input_hash": keys, "run_id": run}
    store.append_row("runs", run_id=run, job="nightly", started_at=at)
    store.append_row("deliveries", delivery_id=f"pots-{number}", vendor="pots", delivery_no=number, run_id=run, kind="delta",
                     status="accepted", rows_in=60, received_at=at)  # fmt: skip
    store.append("items", pl.DataFrame({**both, "vendor": "pots", "item_id": keys, "row_hash": keys, "title": titles,
        "image": str(image), "image_hash": [f"{number % 3}"] * 60, "image_status": "ok", "delivery_id": f"pots-{number}",
        "created_at": at}))  # fmt: skip
    store.append("predictions", pl.DataFrame({**both, "model_id": "m2", "leaf_id": leaf, "log_odds": odds,
        "probability": 1 / (1 + np.exp(-odds)), "novelty": random.random(60), "image_status": "used",
        "chain_ids": [["1", "11" if leaf != HOSES else "12", leaf] for leaf in leaf], "predicted_at": at}))  # fmt: skip
    return run


def test_a_night_names_vendor_change_size_examples_and_remedy_once(tmp_path: Path) -> None:
    workspace, store = hand_made(tmp_path)
    with store:
        views.create(store)
        # answers of another classifier: no bundle lies there
        store.execute("""UPDATE models SET facts = '{"kind": "foreign"}' WHERE model_id = 'm2'""")
        work = job(workspace, store)
        told = []
        for number in range(10, 18):
            run = deliver(store, tmp_path, number, changed=number == 17)
            found = [watch.run(type(work)(workspace, work.settings, store, run)) for _ in range(2)]
            assert found[1] == 0
            told.append(drift_words.lines(store, run))
        assert not any(told[:-1])
        (line,) = told[-1]
        assert line.startswith("drift         pots: ") and "For example 17-" in line and "To do: " in line
        held = store.query("SELECT run_id, count(*) AS n FROM drift_statistics GROUP BY ALL ORDER BY 1")["n"].to_list()
        assert held == [12] * 3, "five earlier runs are needed, and a second call writes nothing"
        assert store.one("SELECT count(*) FROM picture_looks") == 3
        found = store.query("SELECT statistic, sentence, path FROM drift WHERE alarm ORDER BY score DESC")
    assert {"new_words", "categories"} <= set(found["statistic"]) and found["path"].is_null().all()
    said = "; ".join(found["sentence"])
    assert (
        "share of words never sent before" in said
        and "others, such as Home > Garden > Hoses, 50% instead of 0%" in said
    )
