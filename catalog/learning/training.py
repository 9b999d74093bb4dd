"""Training: each branch alone, on frozen towers first, then with the towers tuned; what held-out products prefer ships."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from catalog.allocators import tensors_kept
from catalog.errors import CatalogError
from catalog.inference.inputs import item_ngrams
from catalog.inference.lexical import Ngrams
from catalog.inference.weighting import lexicon
from catalog.learning import doubts, ridge
from catalog.learning.encoding import Data, Lexicon, class_list, embed, encode, targets
from catalog.learning.export import export, image_in_int8, pictures_of, quiet_exporters
from catalog.learning.head import Fusion, LexicalBranch, LinearBranch
from catalog.learning.mixing import set_mix
from catalog.learning.network import Encoder, encoder_for
from catalog.learning.objective import Score, score_logits
from catalog.learning.probe import fit_probe
from catalog.learning.training_settings import TrainingSettings
from catalog.learning.tuning import Plan, Split, tune
from catalog.taxonomies.taxonomy import Taxonomy

Progress = Callable[[str, int, int], None]
MOST_NGRAMS = 400_000  # rows of the n-gram table; beyond them the rarest n-grams are left out
# Texts and pictures a tuning run sees at most, whatever the number of labels; then there are fewer epochs, at least one.
# On 2 cores a text of 50 pieces takes 10 ms and a picture of 160 pixels 20 ms, forward and back.
MOST_SEEN = {"text": 60_000, "image": 28_000}
LEAST_TUNED = 200  # products with a text (or a picture) below which tuning its tower would only learn them by heart


@dataclass(frozen=True)
class TrainingReport:
    """What came out. Log-losses and accuracies are on the early-stopping split.

    `branches`: per branch the score of the frozen tower's probe and of the tuned one, and which ships. `mix`: the
    weights of `head.Fusion`. `doubts`: labels to check, as `doubts.table`. `expected`: what training was told of new categories.
    """

    classes: list[str]
    loss: float
    accuracy: float
    branches: dict[str, dict[str, object]]
    mix: list[list[float]]
    lexicon_rows: int
    parity: dict[str, float] = field(default_factory=dict)
    encoder: str = ""
    weights: str = ""
    doubts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=doubts.SCHEMA))
    expected: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict:
        """JSON-ready, of the doubts only their number; a figure no product could be counted for is None, JSON has no NaN."""
        told = asdict(replace(self, doubts=pl.DataFrame()))
        return {name: _finite(told[name]) for name in told.keys() - {"classes"}} | {"doubts": self.doubts.height}


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@tensors_kept()
def train(
    examples: pl.DataFrame,
    taxonomy: Taxonomy,
    settings: TrainingSettings,
    folder: Path,
    progress: Progress | None = None,
    *,
    expected: Mapping[str, float] | None = None,
) -> TrainingReport:
    """Trains on split `train`, stops on `early_stopping`, reads no other row, and writes a bundle without manifest.

    `expected`: by category that is to come more often than among the labels, how many times.

    Raises CatalogError when there is too little to train on or the exported networks answer differently.
    """
    show = progress or (lambda _what, _done, _total: None)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    learn, stop = (examples.filter(split=name) for name in ("train", "early_stopping"))
    classes = class_list(learn, taxonomy, inner=settings.inner, min_terminal=settings.min_terminal)
    _require_enough(classes, learn, stop)
    encoder = encoder_for(settings)
    words = lexicon(item_ngrams(learn), settings.lexical_min_items, MOST_NGRAMS)
    places = [targets(part["category_id"].to_list(), classes, taxonomy) for part in (learn, stop)]
    work = Work(
        settings,
        encode(learn, encoder, words, places[0], partial(show, "encode"), scratch=folder.parent),
        encode(stop, encoder, words, places[1], partial(show, "encode held out"), scratch=folder.parent),
        show,
    )
    encoder, fusion, fitted = fit(work, encoder, (clusters_of(learn), clusters_of(stop)))
    fusion.lift.copy_(torch.tensor([math.log((expected or {}).get(name, 1.0)) for name in classes]))
    parity = write(encoder, fusion, learn, words, folder, show)
    if settings.image_precision == "int8":
        parity |= image_in_int8(folder, encoder.rules.image, pictures_of(learn))
    write_labels(folder, classes, taxonomy)
    return TrainingReport(
        classes,
        fitted.score.loss,
        fitted.score.accuracy,
        fitted.branches,
        fusion.mix.tolist(),
        lexicon_rows=len(words[1]),
        parity=parity,
        encoder=encoder.name,
        weights=encoder.weights,
        doubts=doubts.table(fitted.doubts, learn, classes),
        expected={name: often for name, often in (expected or {}).items() if name in classes},
    )


def _require_enough(classes: list[str], learn: pl.DataFrame, stop: pl.DataFrame) -> None:
    if len(classes) < 2 or not stop.height:
        raise CatalogError(
            f"{learn.height} products in {len(classes)} categories are too few to train and stop on.",
            remedy="Import more labelled products: catalog labels import FILE.",
        )


@dataclass(frozen=True)
class Fitted:
    """What fitting found: the held-out score, what was measured of each branch, and the labels it doubts."""

    score: Score
    branches: dict[str, dict[str, object]]
    doubts: doubts.Doubts


def fit(work: "Work", encoder: Encoder, clusters: tuple[list[str], list[str]]) -> tuple[Encoder, Fusion, Fitted]:
    """Every branch alone, then their weights; the clusters are those of the items to learn from and to stop on."""
    ngrams, left_out = fit_ngrams(work, clusters[0])
    doubted = doubted_labels(work, left_out, clusters[0])
    del left_out
    encoder, fusion, score, facts = fit_branches(work, encoder, ngrams, clusters)
    return encoder, fusion, Fitted(score, facts, doubted)


def fit_branches(
    work: "Work", encoder: Encoder, ngrams: LexicalBranch, clusters: tuple[list[str], list[str]]
) -> tuple[Encoder, Fusion, Score, dict[str, dict[str, object]]]:
    """The towers that ship, the three branches as one, and what was measured of them together and of each."""
    text_tower, text, text_facts = fit_modality(work, encoder.text, "text")
    image_tower, image, image_facts = fit_modality(work, encoder.image, "image")
    fusion = Fusion(ngrams, text, image, prior_of(work.learn.target))
    score = score_logits(mixed(fusion, work.stop), work.stop.target)
    facts = {"ngrams": _facts(branch_score(fusion, work.stop)), "text": text_facts, "image": image_facts}
    fusion.ngrams = refitted(work, [*clusters[0], *clusters[1]])
    return replace(encoder, text=text_tower, image=image_tower), fusion, score, facts


@dataclass(frozen=True)
class Work:
    """What every branch is trained with."""

    settings: TrainingSettings
    learn: Data
    stop: Data
    show: Progress


def clusters_of(learn: pl.DataFrame) -> list[str]:
    """The look-alike cluster of each item; every item its own where none are named."""
    return learn["cluster" if "cluster" in learn.columns else "input_hash"].to_list()


def fit_ngrams(work: Work, clusters: list[str]) -> tuple[LexicalBranch, Tensor]:
    """The n-gram branch, solved in closed form, and what it says of each item without it, (n, classes)."""
    grams = work.learn.ngrams
    rows = 1 + int(max(grams.bucket.max(initial=0), work.stop.ngrams.bucket.max(initial=0)))
    fitted = ridge.fit(grams, work.learn.target, clusters, rows, ridge.Plan(work.settings.seed, left_out=True))
    assert fitted.left_out is not None
    return LexicalBranch(fitted.table, fitted.basis), fitted.left_out


def doubted_labels(work: Work, ngrams: Tensor, clusters: list[str]) -> doubts.Doubts:
    """Labels to check, by the n-grams' left-out shares and those of the towers as they came (tuned ones know the label)."""
    learn = work.learn
    with_words = torch.from_numpy(np.flatnonzero(learn.ngrams.lengths()))
    branches = [doubts.LeftOut(ngrams[with_words], with_words)] if len(with_words) else []
    for vectors, inputs in ((learn.text, learn.texts), (learn.image, learn.pixels)):
        rows = torch.from_numpy(inputs.rows)
        if len(rows):
            names = [clusters[row] for row in inputs.rows]
            branches.append(doubts.LeftOut(doubts.left_out_shares(vectors[rows], learn.target[rows], names), rows))
    return doubts.doubted(branches, learn.target)


def refitted(work: Work, clusters: list[str]) -> LexicalBranch:
    """The n-gram branch once more, on the early-stopping items too: nothing is left for them to decide."""
    grams = Ngrams.joined([work.learn.ngrams, work.stop.ngrams])
    target = torch.cat([work.learn.target, work.stop.target])
    rows = 1 + int(grams.bucket.max(initial=0))
    fitted = ridge.fit(grams, target, clusters, rows, ridge.Plan(work.settings.seed))
    return LexicalBranch(fitted.table, fitted.basis)


def fit_modality(work: Work, tower: nn.Module, name: str) -> tuple[nn.Module, LinearBranch, dict[str, object]]:
    """The tower and branch of one modality that ship, and what was measured on the way."""
    learn, stop = (
        Split(part.texts if name == "text" else part.pixels, part.target) for part in (work.learn, work.stop)
    )
    vectors = [getattr(part, name) for part in (work.learn, work.stop)]
    rows = [torch.from_numpy(split.inputs.rows) for split in (learn, stop)]
    if not len(rows[0]):
        return tower, LinearBranch(tower.width, learn.target.shape[1], dropout=0.0).eval(), {"items": 0}
    work.show(f"train {name}", 0, 1)
    pairs = [(v[r], split.target[r]) for v, r, split in zip(vectors, rows, (learn, stop), strict=True)]
    branch, probe = fit_probe(*pairs)
    work.show(f"train {name}", 1, 1)
    facts: dict[str, object] = {"items": len(rows[0]), "probe": asdict(probe), "ships": "probe"}
    plan = plan_for(work.settings, name, len(rows[0]))
    if not plan.epochs or not tower.depth_groups() or len(rows[0]) < LEAST_TUNED:
        return tower, branch, facts
    tuned_tower, tuned_branch, tuned = tune(tower, learn, stop, plan, partial(work.show, f"tune {name}"))
    facts["tuned"] = asdict(tuned)
    if tuned.loss >= probe.loss:
        return tower, branch, facts
    for part in (work.learn, work.stop):
        inputs = part.texts if name == "text" else part.pixels
        setattr(part, name, embed(tuned_tower, inputs, len(part), partial(_shown, work.show, name, len(part))))
    return tuned_tower, tuned_branch, {**facts, "ships": "tuned"}


def _shown(show: Progress, name: str, total: int, done: int) -> None:
    show(f"encode {name} anew", done, total)


def plan_for(settings: TrainingSettings, name: str, items: int) -> Plan:
    """How the tower of a modality is tuned on so many items."""
    text = name == "text"
    epochs = settings.finetune_epochs if text else 2 * settings.finetune_epochs
    return Plan(
        epochs=min(epochs, max(1, round(MOST_SEEN[name] / items))),
        rate=settings.text_rate if text else settings.image_rate,
        layer_decay=settings.layer_decay,
        head_rate=settings.head_rate,
        batch=settings.tune_batch,
        dropout=settings.dropout,
        seed=settings.seed,
    )


def prior_of(target: Tensor) -> Tensor:
    """Log frequencies (classes,) of the classes, one product added to each."""
    share = target.float() / target.sum(1, keepdim=True).clamp(min=1)
    counts = share.sum(0) + 1.0
    return torch.log(counts / counts.sum())


@torch.inference_mode()
def parts_of(fusion: Fusion, data: Data) -> Tensor:
    """Logits (n, 3, classes) of each branch for every item of a split."""
    chunks = np.array_split(np.arange(len(data)), max(1, len(data) // 256))
    return torch.cat([fusion.parts(data.text[r], data.image[r], *data.grams(r)) for r in chunks])


def mixed(fusion: Fusion, stop: Data) -> Tensor:
    """Sets the weights of the branches and returns the mixed logits of the held-out items."""
    return set_mix(fusion.eval(), parts_of(fusion, stop).clone(), stop.present, stop.target)


def branch_score(fusion: Fusion, stop: Data) -> Score:
    """The n-gram branch alone."""
    return score_logits(parts_of(fusion, stop)[:, 0], stop.target)


def _facts(score: Score) -> dict[str, object]:
    return {"alone": asdict(score)}


def write(
    encoder: Encoder, fusion: Fusion, learn: pl.DataFrame, words: Lexicon, folder: Path, show: Progress
) -> dict[str, float]:
    """The lexicon and the exported networks; returns the differences export found."""
    np.savez(folder / "lexicon.npz", row_of_bucket=words[0], idf=words[1])
    with quiet_exporters():
        return export(encoder, fusion, examples=learn, words=words, folder=folder, progress=show)


def write_labels(folder: Path, classes: list[str], taxonomy: Taxonomy) -> None:
    """labels.json: classes in label order, the way down to each, and the towers named by their content."""
    # With the preparation of inputs: the same network fed by another rule gives vectors that must not be mixed.
    inputs = (folder / "preprocess.json").read_bytes() + (folder / "tokenizer.json").read_bytes()
    towers = {
        part: hashlib.sha256((folder / f"{part}.onnx").read_bytes() + inputs).hexdigest()[:16]
        for part in ("text", "image")
    }
    content = {"classes": classes, "ancestors": {name: taxonomy.ancestors(name) for name in classes}, "towers": towers}
    (folder / "labels.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
