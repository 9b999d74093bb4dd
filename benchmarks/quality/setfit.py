"""The off-the-shelf rival: a sentence encoder fine-tuned with a softmax layer on top, text only.

Batch 16, AdamW at 2e-5, a tenth of the steps as warm-up, then linear decay: the defaults of the library's own examples.
"""

import numpy as np
import polars as pl
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from benchmarks.quality.trained import Lesson, Trained, numbered
from catalog.learning import weights

EPOCHS, BATCH, RATE, TOKENS = 3, 16, 2e-5, 128
MODEL = "all-MiniLM-L6-v2"


def fine_tuned(lesson: Lesson, *, epochs: int = EPOCHS) -> Trained:
    """Trains encoder and layer together on title, brand, vendor's category and description."""
    torch.manual_seed(lesson.seed)
    torch.set_num_threads(lesson.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = SentenceTransformer(str(weights.locate(weights.TEXT[MODEL]).parent), device=device)
    model.max_seq_length = TOKENS
    classes = sorted(lesson.learn["category_id"].unique())
    layer = nn.Linear(model.encode([MODEL], show_progress_bar=False).shape[1], len(classes)).to(device)
    texts, target = joined(lesson.learn), torch.from_numpy(numbered(lesson.learn["category_id"], classes))
    optimizer = torch.optim.AdamW([*model.parameters(), *layer.parameters()], lr=RATE)
    steps = epochs * -(-len(texts) // BATCH)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    )
    rng = np.random.default_rng(lesson.seed)
    model.train()
    for _ in range(epochs):
        order = rng.permutation(len(texts))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            loss = nn.functional.cross_entropy(
                _embed(model, [texts[row] for row in rows], layer), target[rows].to(device)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    settings = {"model": MODEL, "epochs": epochs, "batch": BATCH, "rate": RATE, "tokens": TOKENS, "device": device}
    return Trained(classes, lambda frame: _score(model, layer, joined(frame)), settings)


def joined(frame: pl.DataFrame) -> list[str]:
    """The text fields of each item in one string."""
    fields = ("title", "brand", "vendor_category", "description")
    return frame.select(pl.concat_str(pl.col(*fields), separator=". ", ignore_nulls=True)).to_series().to_list()


def _embed(model: SentenceTransformer, texts: list[str], layer: nn.Module) -> torch.Tensor:
    features = model.preprocess(texts)
    moved = {name: value.to(model.device) if torch.is_tensor(value) else value for name, value in features.items()}
    return layer(model(moved)["sentence_embedding"])


@torch.inference_mode()
def _score(model: SentenceTransformer, layer: nn.Linear, texts: list[str]) -> np.ndarray:
    out = np.empty((len(texts), layer.out_features), np.float32)
    order = np.argsort([len(text) for text in texts], kind="stable")
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        out[rows] = _embed(model, [texts[row] for row in rows], layer).cpu().numpy()
    return out
