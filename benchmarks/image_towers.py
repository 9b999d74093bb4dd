"""Frozen image towers compared: logistic regression on their embeddings of the same pictures.

    python benchmarks/image_towers.py FOLDER [--items 2000]

FOLDER holds items.csv and images/. Titles are not read, except that rows of the same normalized title stay in one fold.
Prints one JSON line per tower, size and normalization: accuracy over five folds, seconds per picture on one thread.
The penalty is chosen inside each training part.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from end_to_end import title_bucket
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from catalog.learning.network import embedded_encoder
from catalog.learning.training_settings import TrainingSettings
from catalog.pictures.images import read_picture, to_tensor

FOLDS = 5
PENALTIES = (0.001, 0.01, 0.1)
NORMALS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
CASES = (
    ("efficientnet-lite0", 160, "half"),
    ("efficientnet-lite0", 160, "imagenet"),
    ("efficientnet-lite2", 160, "half"),
    ("efficientnet-lite2", 160, "imagenet"),
    ("efficientnet-lite0", 192, "half"),
    ("efficientnet-lite0", 192, "imagenet"),
    ("efficientnet-lite2", 192, "half"),
    ("efficientnet-lite2", 192, "imagenet"),
    ("efficientnet-lite0", 224, "half"),
    ("efficientnet-lite2", 224, "half"),
)


def sample(folder: Path, items: int) -> pl.DataFrame:
    """The items whose titles hash lowest, of categories with ten or more of them; with their fold."""
    found = pl.read_csv(folder / "items.csv", infer_schema_length=0)
    keys = [title_bucket(t, i) for t, i in found.select("title", "item_id").iter_rows()]
    found = found.with_columns(key=pl.Series(keys)).sort("key").head(items)
    found = found.filter(pl.len().over("category_path") >= 10)
    return found.with_columns(fold=(pl.col("key") * 1e9).cast(pl.Int64) % FOLDS)


@torch.inference_mode()
def embed(paths: list[str], name: str, size: int, normal: str) -> tuple[np.ndarray, float]:
    """float32 (n, width) and the tower's seconds per picture (decoding is not counted)."""
    encoder = embedded_encoder(TrainingSettings(encoder_image=name, image_size=size))
    mean, std = NORMALS[normal]
    rules = type(encoder.rules.image)(size, encoder.rules.image.mode, mean=mean, std=std)
    parts, seconds = [], 0.0
    for start in range(0, len(paths), 32):
        pixels = [read_picture(path, rules).pixels for path in paths[start : start + 32]]
        batch = torch.from_numpy(to_tensor(np.stack(pixels), rules))
        begun = time.process_time()
        parts.append(encoder.image(batch).numpy())
        seconds += time.process_time() - begun
    return np.concatenate(parts), seconds / len(paths)


def fitted(vectors: np.ndarray, labels: np.ndarray, penalty: float) -> object:
    """A logistic regression on standardized vectors."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300)).fit(vectors, labels)


def right(vectors: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """bool (n,): was the item's category found by a model that saw none of its fold."""
    found = np.zeros(len(labels), bool)
    for number in range(FOLDS):
        learn, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        inner, held = train_test_split(learn, test_size=0.2, random_state=number)
        scores = [fitted(vectors[inner], labels[inner], c).score(vectors[held], labels[held]) for c in PENALTIES]
        model = fitted(vectors[learn], labels[learn], PENALTIES[int(np.argmax(scores))])
        found[test] = model.predict(vectors[test]) == labels[test]
    return found


def main() -> None:
    """Runs every case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    items = sample(options.folder, options.items)
    paths = [str(options.folder / image) for image in items["image"]]
    labels, fold = items["category_path"].to_numpy(), items["fold"].to_numpy()
    first = None
    for name, size, normal in CASES:
        vectors, seconds = embed(paths, name, size, normal)
        found = right(vectors, labels, fold)
        first = found if first is None else first
        gain = found.astype(float) - first
        line = {
            "tower": name,
            "size": size,
            "normal": normal,
            "items": len(found),
            "categories": len(set(labels)),
            "accuracy": round(float(found.mean()), 4),
            "over_first": round(float(gain.mean()), 4),
            "standard_error": round(float(gain.std() / len(gain) ** 0.5), 4),
            "cpu_ms": round(1000 * seconds, 1),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
