"""The drawn retailer: the same every time, readable, as hard as it says, and with real life in its deliveries."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, UnidentifiedImageError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import LinearSVC

from catalog.deliveries.canonical import canonicalize
from catalog.labels.clusters import assign_splits, gtin_key, title_key
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping, load_mapping
from catalog.sample import VENDORS, Sample, write_sample
from catalog.sample.products import gtin13
from catalog.settings import Feeds
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.taxonomy_files import read_taxonomy

HARDNESS = (0.6, 0.97)  # what accuracy by text, by picture and by both must lie between


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The sample of the demo, in full."""
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def labels(sample: Sample) -> pl.DataFrame:
    return pl.read_csv(sample.labels / "items.csv", infer_schema=False).with_columns(pl.all().fill_null(""))


@pytest.fixture(scope="module")
def taxonomy(sample: Sample) -> Taxonomy:
    return read_taxonomy(sample.taxonomy)


def delivered(sample: Sample, night: int, vendor: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows and rejects of one delivery, read as production reads them."""
    file = sample.nights[night][vendor]
    batches = list(read_rows(file, load_mapping(sample.mappings[vendor], file), Feeds()))
    return pl.concat([b.rows for b in batches]), pl.concat([b.rejects for b in batches])


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        write_sample(tmp_path / name, seed=seed, products=40, delivered=60)
    one = digest(tmp_path / "one")
    assert one == digest(tmp_path / "two")
    assert one["labels/items.csv"] != digest(tmp_path / "other")["labels/items.csv"]


def test_progress_counts_up_to_the_number_of_pictures(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_sample(tmp_path, products=150, delivered=60, progress=lambda _what, done, total: seen.append((done, total)))
    drawn = len(list(tmp_path.rglob("*.jpg")))
    assert seen[-1] == (drawn, drawn)
    assert seen == sorted(seen)


@pytest.mark.parametrize(("products", "count"), [(0, 60), (10, 59)])
def test_a_sample_too_small_for_its_faults_is_refused(tmp_path: Path, products: int, count: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        write_sample(tmp_path, products=products, delivered=count)


def test_the_hierarchy_has_three_levels_and_enough_leaves(taxonomy: Taxonomy) -> None:
    leaves = taxonomy.nodes.filter("is_leaf")
    assert leaves.height >= 45
    assert leaves["level"].unique().to_list() == [3]
    assert taxonomy.nodes["level"].max() == 3
    assert leaves["name"].n_unique() == leaves.height
    assert leaves["scope_note"].null_count() == 0


def test_labels_fill_every_leaf_and_a_calibration_split(labels: pl.DataFrame, taxonomy: Taxonomy) -> None:
    counts = labels["category_path"].value_counts()
    assert labels.height >= 4000
    assert set(counts["category_path"]) == set(taxonomy.nodes.filter("is_leaf")["path"])
    assert counts["count"].min() >= 25
    assert labels.select("vendor", "item_id").n_unique() == labels.height
    clusters = labels.select(title_key()).to_series()
    splits = assign_splits(clusters, pl.Series([True] * labels.height), seed=7)
    assert clusters.n_unique() > 0.98 * labels.height
    assert (splits == "calibration").sum() >= 600


def test_pictures_are_small_varied_and_sometimes_missing(sample: Sample, labels: pl.DataFrame) -> None:
    named = labels.filter(pl.col("image") != "")["image"]
    files = [sample.labels / name for name in named]
    assert 0.03 < 1 - len(named) / labels.height < 0.09
    assert len({file.read_bytes() for file in files}) == len(files)
    assert sum(file.stat().st_size for file in files) / len(files) < 6_000
    for file in files[:40]:
        with Image.open(file) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert all(110 <= side <= 200 for side in image.size)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("night", [0, 1])
def test_every_file_is_read_by_its_mapping(sample: Sample, night: int, vendor: str) -> None:
    rows, rejects = delivered(sample, night, vendor)
    truth = pl.read_csv(sample.truth, infer_schema=False).filter(pl.col("vendor") == vendor)
    assert set(rows["item_id"]) <= set(truth["item_id"])
    assert rows["title"].n_unique() > 0.8 * rows.height
    assert rejects.height <= 2
    delta = tomllib.loads(sample.mappings[vendor].read_text())["delivery"]["kind"] == "delta"
    assert (30 if night and delta else 350) <= rows.height <= 500


def test_the_three_formats_are_what_they_say(sample: Sample) -> None:
    kessel, tidepool, perle = (sample.nights[0][vendor].read_bytes() for vendor in VENDORS)
    assert kessel.startswith(b"\xef\xbb\xbfArtikelnummer;")
    assert kessel.count(b"\r\n") > 400
    assert tidepool.startswith(b"\x1f\x8b")
    assert b"<p>" in perle
    assert "€".encode() in perle
    assert b"USD " in perle


def test_real_life_is_in_the_first_night(sample: Sample) -> None:
    found = {vendor: delivered(sample, 0, vendor) for vendor in VENDORS}
    rows, rejects = found["kessel"]
    assert sorted(rejects["rule"]) == ["ragged", "ragged"]
    assert rows["item_id"].str.starts_with("0").all()
    assert (rows["price"] == "auf Anfrage").sum() == 1
    assert rows["title"].str.starts_with("=HYPERLINK(").sum() == 1
    assert (rows["title"] == "").sum() == 2
    assert rows.filter(pl.col("title") == "", pl.col("image").is_null()).height == 1
    assert rows["image"].str.contains("fehlt").sum() == 1
    assert not (sample.pictures["kessel"] / "images/fehlt.jpg").exists()
    content = rows.drop("line", "raw", "nul")
    assert content.is_duplicated().sum() == 6
    assert content.unique()["item_id"].is_duplicated().sum() == 4
    assert found["tidepool"][1]["rule"].to_list() == ["bad_json"]
    perle = found["perle"][0]
    assert perle["title"].str.starts_with("-50%").sum() == 1
    assert perle["image"].str.contains("..", literal=True).sum() == 1


def test_a_labelled_item_is_delivered_with_the_text_and_picture_of_its_label(
    sample: Sample, labels: pl.DataFrame
) -> None:
    shared = ["title", "description", "brand", "vendor_category", "image_hash"]
    known = canonical(sample.labels / "items.csv", Mapping(format="csv"), Pictures(sample.labels), "labels")
    same = 0
    for vendor in VENDORS:
        file = sample.nights[0][vendor]
        items = canonical(file, load_mapping(sample.mappings[vendor], file), Pictures(sample.pictures[vendor]), vendor)
        again = items.join(known, on=["vendor", "item_id", *shared], how="semi", nulls_equal=True)
        twice = items.join(known, on=["vendor", "item_id"], how="semi")
        assert twice.height - again.height <= 3
        same += again.height
    assert same >= 60


def canonical(file: Path, mapping: Mapping, pictures: Pictures, vendor: str) -> pl.DataFrame:
    """The items of a file as ingest keeps them."""
    batches = read_rows(file, mapping, Feeds())
    return pl.concat([canonicalize(batch, vendor, mapping, pictures).items for batch in batches])


def test_two_delivered_pictures_cannot_be_read(sample: Sample) -> None:
    broken = []
    for file in (f for vendor in VENDORS for f in sample.pictures[vendor].rglob("*.jpg")):
        try:
            with Image.open(file) as image:
                image.load()
        except (OSError, UnidentifiedImageError):
            broken.append(file)
    assert len(broken) == 2


def test_every_other_picture_that_is_named_exists(sample: Sample) -> None:
    for night, vendor in ((night, vendor) for night in (0, 1) for vendor in VENDORS):
        named = [name for name in delivered(sample, night, vendor)[0]["image"] if name]
        lost = [name for name in named if not (sample.pictures[vendor] / name).exists()]
        assert len(lost) == (night == 0 and vendor in ("kessel", "perle"))


def test_the_second_night_changes_some_adds_some_and_drops_some(sample: Sample) -> None:
    for vendor in VENDORS:
        first, second = (delivered(sample, night, vendor)[0].unique("item_id", keep="first") for night in (0, 1))
        both = first.join(second, on="item_id", suffix="_now")
        new = second.filter(~pl.col("item_id").is_in(first["item_id"].implode()))
        assert both.filter(pl.col("price") != pl.col("price_now")).height >= 15
        assert 3 <= both.filter(pl.col("title") != pl.col("title_now")).height <= 25
        assert new.height >= 15
        if vendor != "tidepool":
            assert 5 <= first.height - both.height <= 30


def test_some_delivered_items_are_already_labelled_and_some_share_a_gtin(sample: Sample, labels: pl.DataFrame) -> None:
    rows = {vendor: delivered(sample, 0, vendor)[0].with_columns(vendor=pl.lit(vendor)) for vendor in VENDORS}
    everything = pl.concat([frame.select("vendor", "item_id", "gtin") for frame in rows.values()])
    known = everything.join(labels, on=["vendor", "item_id"], how="semi")
    assert 60 <= known.unique().height <= 140
    coded = everything.filter(pl.col("gtin").str.len_chars() > 0)
    coded = coded.with_columns(key=gtin_key(coded["gtin"]))
    assert coded["key"].null_count() == 1
    sellers = coded.group_by("key").agg(pl.col("vendor").n_unique())
    assert (sellers["vendor"] > 1).sum() >= 10
    others = everything.join(labels.filter(pl.col("gtin") != ""), on="gtin").filter(
        pl.col("vendor") != pl.col("vendor_right")
    )
    assert others.height >= 10


def test_gtins_are_valid() -> None:
    assert gtin_key(pl.Series([gtin13(n) for n in range(200)])).null_count() == 0


def test_strangers_are_in_no_category(sample: Sample, taxonomy: Taxonomy) -> None:
    truth = pl.read_csv(sample.truth, infer_schema=False)
    strange = truth.filter(pl.col("category_id").is_null())
    assert set(strange["vendor"]) == set(VENDORS)
    assert all(taxonomy.resolve(path) is None for path in strange["category_path"])
    known = truth.drop_nulls("category_id")
    assert all(taxonomy.path(i) == path for i, path in known.select("category_id", "category_path").iter_rows())


def test_mappings_name_only_known_keys(sample: Sample) -> None:
    for vendor in VENDORS:
        mapping = load_mapping(sample.mappings[vendor], sample.nights[0][vendor])
        assert isinstance(mapping, Mapping)
        assert mapping.delivery.kind == ("delta" if vendor == "tidepool" else "full")
        assert mapping.delivery.due is not None


def halves(labels: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to learn from (as many as training gets) and to judge on."""
    order = np.random.default_rng(0).permutation(labels.height)
    return order[:3080], order[3080:3740]


def text_scores(labels: pl.DataFrame) -> np.ndarray:
    """(n, classes) of the rows to judge on: words and character n-grams under a linear model."""
    learn, judge = halves(labels)
    texts = labels.select(pl.concat_str("title", "brand", "vendor_category", "description", separator=". ")).to_series()
    train, test = texts[learn].to_list(), texts[judge].to_list()
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    chars = TfidfVectorizer(sublinear_tf=True, ngram_range=(2, 4), min_df=3, analyzer="char_wb")
    found = [(v.fit_transform(train), v.transform(test)) for v in (words, chars)]
    one, two = (LinearSVC(C=0.5).fit(x, labels["category_path"][learn]).decision_function(t) for x, t in found)
    return one + two


@pytest.fixture(scope="module")
def texts(labels: pl.DataFrame) -> np.ndarray:
    return text_scores(labels)


def accuracy(scores: np.ndarray, labels: pl.DataFrame) -> float:
    """On as many rows to judge on as there are scores."""
    learn, judge = halves(labels)
    classes = np.unique(labels["category_path"][learn].to_numpy())
    known = labels["category_path"][judge[: len(scores)]].to_numpy()
    return float((classes[scores.argmax(axis=1)] == known).mean())


def test_the_text_alone_decides_much_but_not_all(texts: np.ndarray, labels: pl.DataFrame) -> None:
    assert HARDNESS[0] < accuracy(texts, labels) < HARDNESS[1]


@pytest.mark.train
@pytest.mark.parametrize(("learnt", "judged"), [(600, 250), pytest.param(1200, 660, marks=pytest.mark.slow)])
def test_neither_text_nor_picture_alone_decides_what_both_decide(
    sample: Sample, labels: pl.DataFrame, texts: np.ndarray, learnt: int, judged: int
) -> None:
    learn, judge = halves(labels)
    learn, judge = learn[:learnt], judge[:judged]
    features = picture_features(sample, labels, np.concatenate([learn, judge]))
    known = labels["category_path"][learn].to_numpy()
    head = RidgeClassifier(100.0).fit(features[: len(learn)], known)
    pictures, texts = head.decision_function(features[len(learn) :]), texts[:judged]
    by_text, by_picture = accuracy(texts, labels), accuracy(pictures, labels)
    by_both = accuracy(texts / texts.std() + pictures / pictures.std(), labels)
    assert HARDNESS[0] < by_picture < HARDNESS[1]
    assert HARDNESS[0] < by_both < HARDNESS[1]
    assert by_both > max(by_text, by_picture) + 0.05


def picture_features(sample: Sample, labels: pl.DataFrame, rows: np.ndarray) -> np.ndarray:
    """(n, width) of the packaged image encoder, frozen; zeros where there is no picture."""
    import torch

    from catalog.learning.network import embedded_encoder
    from catalog.learning.training_settings import TrainingSettings
    from catalog.pictures.images import decode

    encoder = embedded_encoder(TrainingSettings())
    rules = encoder.rules.image
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (rules.mean, rules.std))
    paths = [labels["image"][int(row)] for row in rows]
    shown = [place for place, path in enumerate(paths) if path]
    found: list[np.ndarray] = []
    with torch.inference_mode():
        for start in range(0, len(shown), 32):
            part = [decode((sample.labels / paths[place]).read_bytes(), rules) for place in shown[start : start + 32]]
            pixels = (np.stack(part).transpose(0, 3, 1, 2).astype(np.float32) / 255 - mean) / std
            found.append(encoder.image.eval()(torch.from_numpy(pixels)).numpy())
    features = np.zeros((len(rows), found[0].shape[1]), np.float32)
    known = np.concatenate(found)
    features[shown] = (known - known.mean(axis=0)) / (known.std(axis=0) + 1e-3)
    return features
