"""What serves: a function of the item alone, whatever the batch, the order, the cache and the pictures."""

import hashlib
import itertools
import json
import random
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from catalog.errors import BundleRefused, CatalogError
from catalog.inference import bundle
from catalog.inference.classifier import Classifier, KeptEmbeddings, MemoryEmbeddings
from tests.conftest import product

pytestmark = pytest.mark.train
LISTS = ["top_log_odds", "chain_mass", "chain_log_odds"]


@pytest.fixture(scope="module")
def model(learned: Path) -> Path:
    return learned / "models" / (learned / "models" / "current").read_text().strip()


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """500 inputs of very different length, a third with a picture, one of them unreadable."""
    folder, rng = tmp_path_factory.mktemp("pictures"), random.Random(3)
    rows = []
    for number in range(500):
        image = folder / f"{number}.png"
        if number % 3 == 0:
            Image.new("RGB", (40, 60), (number % 256, 90, 160)).save(image)
        row = product(rng, number)
        words = " ".join([row["description"]] * rng.randint(0, 9))
        picture = str(image) if image.exists() else None
        rows.append({"input_hash": f"h{number}", "title": row["title"], "description": words, "image": picture})
    (folder / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    empty = dict.fromkeys(("brand", "vendor_category", "attributes"), pl.lit(None, pl.String))
    return pl.DataFrame(rows).with_columns(**empty)


def test_the_answer_depends_on_the_item_alone(model: Path, items: pl.DataFrame) -> None:
    classifier = Classifier.open(model)
    straight = classifier.predict(items)
    mixed = items.sample(fraction=1.0, shuffle=True, seed=1)
    parts = [classifier.predict(mixed.slice(start, 37)) for start in range(0, mixed.height, 37)]
    other = items.select("input_hash").join(pl.concat(parts), on="input_hash", how="left", maintain_order="left")
    assert other["leaf_id"].to_list() == straight["leaf_id"].to_list()
    assert other["chain_ids"].to_list() == straight["chain_ids"].to_list()
    assert np.abs((other["probability"] - straight["probability"]).to_numpy()).max() < 1e-5


def test_a_kept_embedding_answers_like_a_new_one(model: Path, items: pl.DataFrame, tmp_path: Path) -> None:
    classifier, few = Classifier.open(model), items.head(60)
    kept = KeptEmbeddings(tmp_path)
    first, second = (classifier.predict(few, embeddings=kept) for _ in range(2))
    assert first.equals(second)
    assert list(tmp_path.rglob("*.arrow"))
    assert first.equals(classifier.predict(few, embeddings=MemoryEmbeddings()))


def test_missing_and_unreadable_pictures_are_states(model: Path, items: pl.DataFrame) -> None:
    found = Classifier.open(model).predict(items.head(4))
    assert found["image_status"].to_list() == ["unreadable", "missing", "missing", "used"]
    assert found["has_image"].to_list() == [False, False, False, True]


def test_an_item_without_any_text_still_gets_an_answer(model: Path, items: pl.DataFrame) -> None:
    bare = items.slice(3, 1).with_columns(title=pl.lit(None, pl.String), description=pl.lit(None, pl.String))
    found = Classifier.open(model).predict(bare)
    assert found["has_text"].to_list() == [False]
    assert found["leaf_id"][0]


def test_node_masses_fall_down_the_chain_and_agree_with_the_leaves(model: Path, items: pl.DataFrame) -> None:
    classifier = Classifier.open(model)
    found = classifier.predict(items.head(50))
    for chain, mass in found.select("chain_ids", "chain_mass").iter_rows():
        assert all(high >= low - 1e-12 for high, low in itertools.pairwise(mass))
        assert classifier.bundle.ancestors[chain[-1]] == chain
    p, log_odds = found["probability"].to_numpy(), found["log_odds"].to_numpy()
    assert np.isfinite(log_odds).all(), "a probability that rounds to 1 must still be ordered by its log-odds"
    plain = p < 1 - 1e-6
    assert np.allclose(np.log(p[plain] / (1 - p[plain])), log_odds[plain], atol=1e-4)


def test_a_flipped_byte_in_any_file_refuses_the_bundle(workspace_copy: Path) -> None:
    path = workspace_copy / "models" / (workspace_copy / "models" / "current").read_text().strip()
    files = sorted(json.loads((path / "manifest.json").read_text())["files"])
    assert {"text.onnx", "labels.json", "lexicon.npz", "calibration.json"} <= set(files)
    for name in files:
        right = (path / name).read_bytes()
        content = bytearray(right)
        content[len(content) // 2] ^= 1
        (path / name).write_bytes(content)
        with pytest.raises(BundleRefused, match=name):
            Classifier.open(path)
        (path / name).write_bytes(right)
    assert Classifier.open(path)


def test_a_network_whose_weights_lie_elsewhere_is_not_loaded(model: Path, tmp_path: Path) -> None:
    """Also where nobody looks at the manifest: a file of ours that names /etc/passwd as its weights reads nothing."""
    import onnx
    from onnx.external_data_helper import set_external_data

    (tmp_path / "secret.bin").write_bytes(b"hunter2!" * 100_000)
    for number, place in enumerate(("../secret.bin", str(tmp_path / "secret.bin"), "link.bin")):
        folder = Path(shutil.copytree(model, tmp_path / f"bundle-{number}"))
        (folder / "link.bin").symlink_to("../secret.bin")
        network = onnx.load(folder / "fusion.onnx")
        weights = max(network.graph.initializer, key=lambda one: len(one.raw_data))
        length, weights.raw_data = len(weights.raw_data), b""
        set_external_data(weights, place, offset=0, length=length)
        weights.ClearField("raw_data")
        (folder / "fusion.onnx").write_bytes(network.SerializeToString())
        with pytest.raises(Exception, match="External data path"):
            Classifier.open(folder, verify=False)


def test_a_file_more_or_less_refuses_the_bundle(workspace_copy: Path) -> None:
    path = workspace_copy / "models" / (workspace_copy / "models" / "current").read_text().strip()
    (path / "more.bin").write_bytes(b"external")
    with pytest.raises(BundleRefused, match=r"more\.bin"):
        Classifier.open(path)


@pytest.mark.parametrize("renamed", [False, True])
def test_an_altered_bundle_with_a_manifest_to_match_is_refused(workspace_copy: Path, renamed: bool) -> None:
    """Classes in another order answer with other categories: only the name tells, which the ledger holds."""
    path = workspace_copy / "models" / (workspace_copy / "models" / "current").read_text().strip()
    labels = json.loads((path / "labels.json").read_text())
    labels["classes"].reverse()
    (path / "labels.json").write_text(json.dumps(labels))
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["labels.json"] = bundle.file_sha256(path / "labels.json")
    if renamed:
        manifest["model_id"] = hashlib.sha256(json.dumps([1, manifest["files"]]).encode()).hexdigest()[:12]
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleRefused, match="its name is not that of its content"):
        Classifier.open(path)


def test_the_same_content_is_the_same_model(model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.json").write_text("{}")
    first, second = (
        bundle.finalize(tmp_path / name, tmp_path / "models", {"a": 1}, "A card.") for name in ("one", "two")
    )
    assert first == second
    manifest = json.loads((tmp_path / "models" / first / "manifest.json").read_text())
    assert set(manifest["files"]) == {"labels.json", "MODEL_CARD.md"}


def test_cuda_that_is_not_there_is_an_error(model: Path) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    with pytest.raises(CatalogError, match="CUDA"):
        Classifier.open(model, device="cuda")


@pytest.fixture(scope="module")
def in_int8(model: Path, items: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle with its image tower in int8, not yet named by its content."""
    export = pytest.importorskip("catalog.learning.export", reason="needs the extra `train`")
    place = Path(shutil.copytree(model, tmp_path_factory.mktemp("int8") / "bundle"))
    rules = Classifier.open(model).rules.image
    found = export.image_in_int8(place, rules, export.pictures_of(items.slice(1)))
    assert found["image_int8_cosine"] > 0.9
    return place


def test_int8_answers_for_the_item_alone_too(in_int8: Path, items: pl.DataFrame) -> None:
    classifier = Classifier.open(in_int8, verify=False)
    shown = items.filter(pl.col("image").is_not_null())
    straight = classifier.predict(shown)
    mixed = shown.sample(fraction=1.0, shuffle=True, seed=2)
    parts = [classifier.predict(mixed.slice(start, 7)) for start in range(0, mixed.height, 7)]
    other = shown.select("input_hash").join(pl.concat(parts), on="input_hash", how="left", maintain_order="left")
    assert other["leaf_id"].to_list() == straight["leaf_id"].to_list()
    assert np.abs((other["probability"] - straight["probability"]).to_numpy()).max() < 1e-5


def test_vectors_of_int8_do_not_depend_on_the_batch_by_a_bit(in_int8: Path, items: pl.DataFrame) -> None:
    classifier = Classifier.open(in_int8, verify=False)
    shown = items.filter(pl.col("image").is_not_null()).slice(1, 12)
    width = classifier.embed(shown).shape[1] - 32  # behind the text vector
    alone = np.concatenate([classifier.embed(shown.slice(row, 1)) for row in range(shown.height)])
    assert (classifier.embed(shown)[:, -width:] == alone[:, -width:]).all()


def test_int8_weights_keep_to_what_every_processor_adds_without_overflow(in_int8: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra `train`")
    held = [onnx.numpy_helper.to_array(one) for one in onnx.load(in_int8 / "image.onnx").graph.initializer]
    weights = [one for one in held if one.dtype == np.int8 and one.ndim == 4]
    assert weights
    assert max(int(np.abs(one.astype(int)).max()) for one in weights) <= 64
