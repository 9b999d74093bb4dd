"""Training: a head on frozen towers first, then the towers' last blocks; the better of the two ships."""

import copy
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from catalog import ridge
from catalog.encoding import Data, class_list, encode, lower_batch, targets
from catalog.errors import CatalogError
from catalog.export import export, quiet_exporters
from catalog.head import Head
from catalog.inputs import item_ngrams
from catalog.network import Encoder, encoder_for
from catalog.taxonomy import Taxonomy
from catalog.training_settings import TrainingSettings
from catalog.weighting import lexicon

Progress = Callable[[str, int, int], None]
LARGEST_TABLE = 40_000_000  # weights of the n-gram table; beyond it the rarest n-grams are left out
AVERAGE_DECAY = 0.99
TEMPERATURES = (0.7, 0.85, 1.0, 1.2, 1.5, 1.8, 2.2, 2.7)


@dataclass(frozen=True)
class TrainingReport:
    """What came out. Log-losses and accuracies are on the early-stopping split; `finetuned` says which net ships."""

    classes: list[str]
    probe_loss: float
    probe_accuracy: float
    finetuned_loss: float | None
    finetuned_accuracy: float | None
    finetuned: bool
    lexicon_rows: int
    parity: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict:
        """JSON-ready, the class list left out; a figure no product could be counted for is None, since JSON has no NaN."""
        facts = {name: value for name, value in asdict(self).items() if name != "classes"}
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value for name, value in facts.items()
        }


@dataclass(frozen=True)
class Score:
    """Log-loss (at its best temperature) and accuracy on held-out items."""

    loss: float
    accuracy: float


def train(
    examples: pl.DataFrame,
    taxonomy: Taxonomy,
    settings: TrainingSettings,
    folder: Path,
    progress: Progress | None = None,
) -> TrainingReport:
    """Trains on split `train`, stops on `early_stopping`, reads no other row, and writes a bundle without manifest.

    Raises CatalogError when there is too little to train on or the exported networks answer differently.
    """
    show = progress or (lambda _what, _done, _total: None)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    learn, stop = (examples.filter(split=name) for name in ("train", "early_stopping"))
    classes = class_list(learn, taxonomy, inner=settings.inner, min_terminal=settings.min_terminal)
    if len(classes) < 2 or not stop.height:
        raise CatalogError(
            f"{learn.height} products in {len(classes)} categories are too few to train and stop on.",
            remedy="Import more labelled products: catalog labels import FILE.",
        )
    encoder = encoder_for(settings)
    words = lexicon(item_ngrams(learn), settings.lexical_min_items, LARGEST_TABLE // len(classes))
    learn_data, stop_data = (
        encode(part, encoder, words, targets(part["category_id"].to_list(), classes, taxonomy), partial(show, what))
        for part, what in ((learn, "encode"), (stop, "encode held out"))
    )
    head = new_head(encoder, learn_data, clusters_of(learn), settings)
    stop_data.scores = table_scores(head, stop_data)
    head, probe = fit_head(head, learn_data, stop_data, settings, show)
    shipped, tuned = (encoder, head), None
    if settings.finetune_epochs and settings.unfreeze_blocks:
        tuned_parts, tuned = finetune(encoder, head, learn_data, stop_data, settings, show)
        shipped = tuned_parts if tuned.loss < probe.loss else shipped
    np.savez(folder / "lexicon.npz", row_of_bucket=words[0], idf=words[1])
    with quiet_exporters():
        parity = export(*shipped, examples=learn, words=words, folder=folder, progress=show)
    write_labels(folder, classes, taxonomy)
    return TrainingReport(
        classes,
        probe_loss=probe.loss,
        probe_accuracy=probe.accuracy,
        finetuned_loss=tuned.loss if tuned else None,
        finetuned_accuracy=tuned.accuracy if tuned else None,
        finetuned=tuned is not None and tuned.loss < probe.loss,
        lexicon_rows=len(words[1]),
        parity=parity,
    )


def clusters_of(learn: pl.DataFrame) -> list[str]:
    """The look-alike cluster of each item; every item its own where none are named."""
    return learn["cluster" if "cluster" in learn.columns else "input_hash"].to_list()


def new_head(encoder: Encoder, learn: Data, clusters: list[str], settings: TrainingSettings) -> Head:
    """A head whose n-gram branch is fitted and whose other branches are not; fills `learn.scores`."""
    rows = 1 + int(learn.ngrams.bucket.max(initial=0))
    table, learn.scores = ridge.fit(learn.ngrams, learn.target, clusters, rows, seed=settings.seed)
    return Head((encoder.text.width, encoder.image.width), table, hidden=settings.hidden, dropout=settings.dropout)


@torch.inference_mode()
def table_scores(head: Head, data: Data) -> Tensor:
    """What the n-gram branch says of items it was not fitted on."""
    parts = np.array_split(np.arange(len(data)), max(1, len(data) // 256))
    return torch.cat([head.lexical(*data.grams(rows)) for rows in parts])


def write_labels(folder: Path, classes: list[str], taxonomy: Taxonomy) -> None:
    """labels.json: classes in label order, the way down to each, and the towers named by their content."""
    towers = {
        part: hashlib.sha256((folder / f"{part}.onnx").read_bytes()).hexdigest()[:16] for part in ("text", "image")
    }
    content = {"classes": classes, "ancestors": {name: taxonomy.ancestors(name) for name in classes}, "towers": towers}
    (folder / "labels.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def subset_loss(logits: Tensor, target: Tensor) -> Tensor:
    """-log of the probability of the allowed classes, mean over the items that allow any. target bool (b, classes)."""
    allowed = target.any(1)
    inside = logits.masked_fill(~target, -1e9).logsumexp(1)
    return (logits.logsumexp(1) - inside)[allowed].sum() / allowed.sum().clamp(min=1)


def drop_modalities(present: Tensor, share: float) -> Tensor:
    """Takes the text or the picture away from a share of the items that have both."""
    both = present.all(1)
    draw = torch.rand(len(present))
    kept = present.clone()
    kept[both & (draw < share / 2), 0] = 0.0
    kept[both & (draw > 1 - share / 2), 1] = 0.0
    return kept


def head_loss(head: Head, inputs: tuple[Tensor, ...], target: Tensor) -> Tensor:
    """Loss of the answer, plus half of what it would be without the n-grams, on text alone and on the picture alone.

    Without those the n-grams explain most labels, and the towers are left with too little to learn from.
    """
    text, image, present, scores = inputs
    loss = subset_loss(head.logits(*inputs), target)
    loss = loss + 0.5 * subset_loss(head.logits(text, image, present, torch.zeros_like(scores)), target)
    both = present.all(1)
    if both.any():
        for alone in ([1.0, 0.0], [0.0, 1.0]):
            shown = torch.tensor(alone).expand(int(both.sum()), 2)
            logits = head.logits(text[both], image[both], shown, scores[both])
            loss = loss + 0.5 * both.float().mean() * subset_loss(logits, target[both])
    return loss


@torch.inference_mode()
def score(head: Head, data: Data, vectors: tuple[Tensor, Tensor] | None = None) -> Score:
    """Log-loss and accuracy of a head on encoded items (`vectors`: other embeddings than those kept)."""
    head.eval()
    text, image = vectors or (data.text, data.image)
    logits = []
    for rows in np.array_split(np.arange(len(data)), max(1, len(data) // 256)):
        logits.append(head.logits(text[rows], image[rows], data.present[rows], data.scores[rows]))
    found = torch.cat(logits)
    allowed = data.target.any(1)
    right = data.target[torch.arange(len(found)), found.argmax(1)][allowed].float().mean()
    # The temperature is fitted after training, so a network is not judged by how confident it is.
    loss = min(float(subset_loss(found / temperature, data.target)) for temperature in TEMPERATURES)
    return Score(loss, float(right))


def fit_head(head: Head, learn: Data, stop: Data, settings: TrainingSettings, show: Progress) -> tuple[Head, Score]:
    """Trains the head on kept embeddings until the held-out log-loss has not fallen for `patience` epochs."""
    optimizer = torch.optim.AdamW(head.parameters(), lr=settings.head_rate, weight_decay=1e-2)
    rng = np.random.default_rng(settings.seed)
    best, kept, waited = Score(float("inf"), 0.0), copy.deepcopy(head), 0
    for epoch in range(settings.probe_epochs):
        head.train()
        order = rng.permutation(len(learn))
        for start in range(0, len(order), settings.batch):
            rows = order[start : start + settings.batch]
            present = drop_modalities(learn.present[rows], settings.modality_dropout)
            inputs = (learn.text[rows], learn.image[rows], present, learn.scores[rows])
            _step(optimizer, head_loss(head, inputs, learn.target[rows]))
        now = score(head, stop)
        show("train head", epoch + 1, settings.probe_epochs)
        if now.loss < best.loss:
            best, kept, waited = now, copy.deepcopy(head), 0
        else:
            waited += 1
            if waited >= settings.patience:
                break
    show("train head", settings.probe_epochs, settings.probe_epochs)
    return kept, best


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


class Tuned(torch.nn.Module):
    """Upper blocks and head together, fed with what the frozen blocks gave."""

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.text, self.image, self.head = encoder.text, encoder.image, head

    def vectors(self, data: Data, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Embeddings of some items through the blocks being trained; zeros where missing."""
        hidden, held, maps = lower_batch(data, rows)
        present = data.present[rows]
        text = self.text.upper(hidden, held) * present[:, :1]
        image = self.image.upper(maps) * present[:, 1:] if maps.ndim > 1 else data.image[rows]
        return text, image


def rate_groups(net: Tuned, settings: TrainingSettings) -> list[dict]:
    """Parameter groups: the head at its rate, each block deeper down at `layer_decay` of the one above."""
    groups = [{"params": list(net.head.parameters()), "lr": settings.head_rate / 2}]
    for tower in (net.text, net.image):
        for depth, parameters in enumerate(tower.depth_groups()):
            groups.append({"params": parameters, "lr": settings.tower_rate * settings.layer_decay**depth})
    return groups


def finetune(
    encoder: Encoder, head: Head, learn: Data, stop: Data, settings: TrainingSettings, show: Progress
) -> tuple[tuple[Encoder, Head], Score]:
    """Trains the last blocks with the head, warm-up and cosine decay, weights averaged; keeps the best epoch."""
    net = Tuned(
        replace(encoder, text=copy.deepcopy(encoder.text), image=copy.deepcopy(encoder.image)), copy.deepcopy(head)
    )
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE_DECAY)
    )
    groups = rate_groups(net, settings)
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-2)
    batches = settings.finetune_epochs * -(-len(learn) // settings.tune_batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [g["lr"] for g in groups], total_steps=batches + 1, pct_start=0.1
    )
    rng, done = np.random.default_rng(settings.seed), 0
    best, kept = Score(float("inf"), 0.0), average.module
    for _ in range(settings.finetune_epochs):
        net.train()
        net.image.eval()  # batch norm keeps the statistics of the pretraining: small batches would spoil them
        order = rng.permutation(len(learn))
        for start in range(0, len(order), settings.tune_batch):
            rows = order[start : start + settings.tune_batch]
            text, image = net.vectors(learn, rows)
            present = drop_modalities(learn.present[rows], settings.modality_dropout)
            _step(optimizer, head_loss(net.head, (text, image, present, learn.scores[rows]), learn.target[rows]))
            schedule.step()
            average.update_parameters(net)
            done += 1
            show("fine-tune", done, batches)
        now = score_tuned(average.module, stop)
        if now.loss < best.loss:
            best, kept = now, copy.deepcopy(average.module)
    kept.eval()
    return (replace(encoder, text=kept.text, image=kept.image), kept.head), best


@torch.inference_mode()
def score_tuned(net: Tuned, data: Data) -> Score:
    """Like `score`, through the trained blocks."""
    net.eval()
    parts = [net.vectors(data, rows) for rows in np.array_split(np.arange(len(data)), max(1, len(data) // 64))]
    text, image = (torch.cat(column) for column in zip(*parts, strict=True))
    return score(net.head, data, (text, image))
