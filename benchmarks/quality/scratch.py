"""The same network without anything learned beforehand: random towers, an n-gram table and a head, trained together."""

import time
from collections.abc import Iterator

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from benchmarks.quality.trained import Lesson, Trained, numbered, quality
from catalog.inference.inputs import TextTokenizer, item_ngrams, pad_ids, tower_texts
from catalog.inference.lexical import BUCKETS, Ngrams
from catalog.inference.weighting import lexicon, padded, weighted
from catalog.learning.network import Encoder, encoder_for
from catalog.learning.training_settings import TrainingSettings
from catalog.pictures.images import read_picture, to_tensor

EPOCHS, BATCH, PATIENCE = 30, 32, 5
RATE, TABLE_RATE = 3e-4, 3e-2
MAX_SECONDS = 1800.0
WORD_SPREAD = 0.02  # BERT's own first weights


class Scratch(nn.Module):
    """Both towers, a table of n-gram vectors, one hidden layer over all three, one softmax."""

    def __init__(self, encoder: Encoder, rows: int, classes: int, hidden: int = 512) -> None:
        super().__init__()
        self.text, self.image = encoder.text, encoder.image
        self.table = nn.EmbeddingBag(max(1, rows), 128, mode="sum")
        nn.init.normal_(self.table.weight, std=WORD_SPREAD)
        self.fuse = nn.Sequential(
            nn.Linear(encoder.text.width + encoder.image.width + 128, hidden), nn.GELU(), nn.Dropout(0.2)
        )
        self.out = nn.Linear(hidden, classes)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Logits (b, classes). `texts`, `images` number the items of the batch that have one; the others give zeros."""
        size = len(batch["grams"])
        text = torch.zeros(size, self.text.width, device=batch["grams"].device)
        image = torch.zeros(size, self.image.width, device=batch["grams"].device)
        if len(batch["texts"]):
            text = text.index_put((batch["texts"],), self.text(batch["ids"]))
        if len(batch["images"]):
            image = image.index_put((batch["images"],), self.image(batch["pixels"]))
        grams = self.table(batch["grams"], per_sample_weights=batch["weights"])
        return self.out(self.fuse(torch.cat([text, image, grams], dim=1)))


class Feed:
    """Batches of a frame. Pictures are decoded anew each time: a large set does not fit in memory."""

    def __init__(self, frame: pl.DataFrame, encoder: Encoder, words: tuple[np.ndarray, np.ndarray]) -> None:
        self.rules = encoder.rules
        texts = tower_texts(frame, self.rules)
        ids = TextTokenizer(encoder.tokenizer, self.rules).encode(texts)
        self.ids = [found if text else None for found, text in zip(ids, texts, strict=True)]
        self.images = frame["image"].to_list()
        self.grams: Ngrams = weighted(item_ngrams(frame).mapped(words[0]), words[1])

    def batch(self, rows: np.ndarray, device: str) -> dict[str, Tensor]:
        """The tensors of some items."""
        grams, weights = padded(self.grams.take(rows))
        ids = {place: self.ids[row] for place, row in enumerate(rows) if self.ids[row] is not None}
        found = {place: read_picture(self.images[row], self.rules.image).pixels for place, row in enumerate(rows)}
        pixels = {place: pixel for place, pixel in found.items() if pixel is not None}
        values = {
            "grams": grams,
            "weights": weights,
            "texts": np.array(list(ids), np.int64),
            "images": np.array(list(pixels), np.int64),
        }
        if ids:
            values["ids"] = pad_ids(list(ids.values()), self.rules.pad_id)
        if pixels:
            values["pixels"] = to_tensor(np.stack(list(pixels.values())), self.rules.image)
        return {name: torch.from_numpy(value).to(device) for name, value in values.items()}


def randomize(network: nn.Module) -> None:
    """Forgets everything: each layer gets the first weights its own class gives, word vectors BERT's spread."""
    for layer in network.modules():
        reset = getattr(layer, "reset_parameters", None)
        if reset is not None:
            reset()
        if isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight, std=WORD_SPREAD)


def from_scratch(
    lesson: Lesson, settings: TrainingSettings | None = None, *, epochs: int = EPOCHS, seconds: float = MAX_SECONDS
) -> Trained:
    """Trains until validation has not risen for `PATIENCE` epochs, the epochs are done or the time is up."""
    torch.manual_seed(lesson.seed)
    torch.set_num_threads(lesson.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = encoder_for(settings or TrainingSettings())
    for tower in (encoder.text, encoder.image):
        randomize(tower)
    words = lexicon(item_ngrams(lesson.learn), 2, BUCKETS)
    classes = sorted(lesson.learn["category_id"].unique())
    network = Scratch(encoder, len(words[1]), len(classes)).to(device)
    learn, stop = (Feed(frame, encoder, words) for frame in (lesson.learn, lesson.stop))
    target = torch.from_numpy(numbered(lesson.learn["category_id"], classes)).to(device)
    best, kept, waited, done, ends = (-1.0, 0.0), _weights(network), 0, 0, time.monotonic() + seconds
    for _ in _epochs(network, learn, target, lesson.seed, epochs):
        done += 1
        now = quality(_score(network, stop, device), lesson.stop["category_id"], classes)
        best, kept, waited = (now, _weights(network), 0) if now > best else (best, kept, waited + 1)
        if waited >= PATIENCE or time.monotonic() > ends:
            break
    network.load_state_dict(kept)
    told = {"epochs": done, "batch": BATCH, "rate": RATE, "seconds_allowed": seconds, "device": device}
    return Trained(classes, lambda frame: _score(network, Feed(frame, encoder, words), device), told)


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _epochs(network: Scratch, learn: Feed, target: Tensor, seed: int, epochs: int) -> Iterator[int]:
    """Trains one epoch after the other and hands over after each."""
    device, rng = str(target.device), np.random.default_rng(seed)
    table = list(network.table.parameters())
    rest = [value for name, value in network.named_parameters() if not name.startswith("table.")]
    optimizer = torch.optim.AdamW(
        [{"params": rest, "lr": RATE}, {"params": table, "lr": TABLE_RATE}], weight_decay=1e-2
    )
    for epoch in range(epochs):
        network.train()
        order = rng.permutation(len(target))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            if len(rows) < 2:  # batch norm needs two pictures
                continue
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(learn.batch(rows, device)), target[rows]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        yield epoch


@torch.inference_mode()
def _score(network: Scratch, feed: Feed, device: str) -> np.ndarray:
    network.eval()
    rows = np.arange(len(feed.images))
    parts = [network(feed.batch(rows[at : at + 64], device)).cpu().numpy() for at in range(0, len(rows), 64)]
    return np.concatenate(parts)
