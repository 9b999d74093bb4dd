"""The packaged weights: read as they are stored, and what the multilingual text tower is for."""

import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from catalog.errors import CatalogError
from catalog.learning import packed, weights

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from catalog.inference.inputs import item_ngrams  # noqa: E402
from catalog.inference.weighting import lexicon  # noqa: E402
from catalog.learning import training  # noqa: E402
from catalog.learning.encoding import Data, encode, targets  # noqa: E402
from catalog.learning.head import Fusion  # noqa: E402
from catalog.learning.network import Encoder, encoder_for  # noqa: E402
from catalog.learning.towers import PackedEmbedding  # noqa: E402
from catalog.learning.training_settings import TrainingSettings  # noqa: E402
from catalog.taxonomies.taxonomy import from_paths  # noqa: E402
from tests.foreign_titles import ENGLISH, FOREIGN  # noqa: E402

pytestmark = pytest.mark.train
E5 = "multilingual-e5-small"
needs_e5 = pytest.mark.skipif(
    not weights.installed(weights.TEXT[E5]), reason="needs the packages of multilingual-e5-small (docs/encoders.md)"
)


def written(folder: Path, matrix: np.ndarray, scale: np.ndarray) -> Path:
    """A file of the format with one vector and one matrix, `matrix` int (rows, 64) in -8..7, `scale` (rows, 2)."""
    blocks = b""
    for row, scales in zip(matrix + 8, scale, strict=True):
        for block, one in zip(row.reshape(2, 32), scales, strict=True):
            blocks += np.float16(one).tobytes() + (block[:16] | block[16:] << 4).astype(np.uint8).tobytes()
    pieces = struct.pack("<5iQ", 2, 0, 2, 1, 3, 3) + struct.pack("<3I2f", 0, 1, 3, -1.0, -2.0) + b"abc"
    head = b"E5S1" + struct.pack("<8Ifi", 1, 64, 1, 2, 128, len(matrix), 8, 2, 1e-12, 32) + pieces
    head += struct.pack("<iI", 1, 9) + b"\0" * 9
    size = len(head) + 4 + 2 * (2 + 8 + 21)
    head += struct.pack("<i", 2)
    for name, kind, count, offset, length in (
        (b"emb.word", 1, matrix.size, size, len(blocks)),
        (b"emb.ln.b", 0, 4, size + len(blocks), 16),
    ):
        head += struct.pack("<H", 8) + name + struct.pack("<BIQQ", kind, count, offset, length)
    file = folder / "weights.bin"
    file.write_bytes(head + blocks + np.arange(4, dtype="<f4").tobytes())
    return file


def test_a_packed_table_is_read_and_answers_as_unpacked(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    matrix, scale = rng.integers(-8, 8, (5, 64)), rng.random((5, 2)).astype(np.float16)
    found = packed.read(written(tmp_path, matrix, scale))
    expected = matrix * np.repeat(scale.astype(np.float32), 32, axis=1)
    assert (found.width, found.pieces, found.positions) == (64, 5, 8)
    assert found.vectors["emb.ln.b"].tolist() == [0, 1, 2, 3]
    assert np.array_equal(found.matrices["emb.word"].unpacked(), expected.astype(np.float32))
    ids = torch.tensor([[4, 0, 2], [1, 1, 3]])
    assert np.array_equal(PackedEmbedding(found.matrices["emb.word"])(ids).numpy(), expected.astype(np.float32)[ids])


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"GGUF" + b"\0" * 60)
    with pytest.raises(CatalogError, match="no E5S1 file"):
        packed.read(tmp_path / "x.bin")


def rows(titles: dict[str, list[str]]) -> pl.DataFrame:
    found = [(title, category) for category, names in titles.items() for title in names]
    frame = pl.DataFrame(found, schema=["title", "category_id"], orient="row")
    return frame.with_columns(input_hash=pl.col("title"), image=pl.lit(None, pl.String))


def accuracies(encoder: Encoder, settings: TrainingSettings) -> dict[str, float]:
    """Accuracy per language of a head that has seen English titles only."""
    learn, stop = (rows({k: v[part] for k, v in ENGLISH.items()}) for part in (slice(4), slice(4, None)))
    taxonomy, classes = from_paths(sorted(ENGLISH)), sorted(ENGLISH)
    words = lexicon(item_ngrams(learn), 1, 10_000)

    def data(frame: pl.DataFrame) -> Data:
        target = targets(frame["category_id"].to_list(), classes, taxonomy)
        return encode(frame, encoder, words, target, lambda _done, _total: None)

    work = training.Work(settings, data(learn), data(stop), lambda *_: None)
    ngrams, _ = training.fit_ngrams(work, learn["title"].to_list())
    (_, text, _), (_, image, _) = (
        training.fit_modality(work, tower, name) for tower, name in ((encoder.text, "text"), (encoder.image, "image"))
    )
    fusion = Fusion(ngrams, text, image, training.prior_of(work.learn.target))
    training.mixed(fusion, work.stop)
    foreign = data(rows({k: [FOREIGN[language][k] for language in FOREIGN] for k in classes}))
    with torch.inference_mode():
        logits = fusion(foreign.text, foreign.image, foreign.present, *foreign.grams(np.arange(len(foreign))))
    right = foreign.target[torch.arange(len(logits)), logits.argmax(1)].float().reshape(len(classes), len(FOREIGN))
    return dict(zip(FOREIGN, right.mean(0).tolist(), strict=True))


@needs_e5
def test_english_labels_file_foreign_titles_with_the_multilingual_tower_only() -> None:
    torch.manual_seed(7)
    torch.set_num_threads(1)
    found = {}
    for name in (E5, "all-MiniLM-L6-v2"):
        settings = TrainingSettings(encoder_text=name, image_size=32, text_tokens=32, finetune_epochs=0)
        found[name] = accuracies(encoder_for(settings), settings)
    mean = {name: sum(by.values()) / len(by) for name, by in found.items()}
    assert min(found[E5].values()) >= 0.6, found
    assert mean[E5] >= 0.8, found
    assert mean[E5] >= mean["all-MiniLM-L6-v2"] + 0.3, found
