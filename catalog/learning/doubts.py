"""Labels that their own neighbourhood contradicts: what the branches would say of a training item had they never seen it.

A wrong label costs twice: the model learns it, and a certificate counts the right answer as an error. People check a
short list of the likeliest ones instead of reading everything again.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from catalog.learning.head import LEAST_SHARE
from catalog.learning.objective import subset_loss

PENALTY = 1e-3  # of the mean squared feature: embeddings are few and dense, little holds them back
LEAST_LABELS = 5  # of the category suggested: with fewer nobody knows what is usual there
SAMPLE = 4_000  # items the branches' weights are fitted on
_ROWS = 4_096
SCHEMA = {
    "vendor": pl.String,
    "item_id": pl.String,
    "input_hash": pl.String,
    "category_id": pl.String,
    "suggested_id": pl.String,
    "share_label": pl.Float64,
    "share_suggested": pl.Float64,
}


def left_out_shares(vectors: Tensor, target: Tensor, clusters: list[str]) -> Tensor:
    """float16 (n, classes): what a ridge regression on vectors (n, width) says of each item without its look-alikes.

    With A = X'X + penalty I and S the items of a cluster: Y_S - (I - X_S A^-1 X_S')^-1 (Y_S - X_S A^-1 X'Y), the block
    form of the leave-one-out residual (Cook and Weisberg 1982).
    """
    x = torch.cat([vectors, torch.ones(len(vectors), 1)], dim=1)
    square = x.t() @ x
    square.diagonal().add_(PENALTY * float(square.diagonal().mean()))
    half = torch.linalg.solve_triangular(
        torch.linalg.cholesky(square), x.t(), upper=False
    ).t()  # half half' = X A^-1 X'
    weights = sum(half[rows].t() @ _labels(target[rows]) for rows in _parts(len(x)))
    shares = torch.empty(target.shape, dtype=torch.float16)
    for rows in _parts(len(x)):
        labels = _labels(target[rows])
        kept = 1.0 - half[rows].square().sum(1, keepdim=True)
        shares[rows] = (labels - (labels - half[rows] @ weights) / kept).half()
    for members in _look_alikes(clusters):
        labels = _labels(target[members])
        block = torch.eye(len(members)) - half[members] @ half[members].t()
        shares[members] = (labels - torch.linalg.solve(block, labels - half[members] @ weights)).half()
    return shares


def _labels(target: Tensor) -> Tensor:
    return target.float() / target.sum(1, keepdim=True).clamp(min=1)


def _parts(count: int) -> list[slice]:
    """Rows in parts: at thousands of classes a table of all of them as float32 would be gigabytes."""
    return [slice(start, min(start + _ROWS, count)) for start in range(0, count, _ROWS)]


def _look_alikes(clusters: list[str]) -> list[Tensor]:
    """Row numbers of each cluster with two or more items."""
    _, cluster, counts = np.unique(np.array(clusters), return_inverse=True, return_counts=True)
    order = torch.from_numpy(np.argsort(cluster, kind="stable"))
    return [rows for rows in order.split(counts.tolist()) if len(rows) > 1]


@dataclass(frozen=True)
class LeftOut:
    """Left-out shares of one branch: float16 (m, classes) for the items `rows` (m,) that it has something for."""

    shares: Tensor
    rows: Tensor


@dataclass(frozen=True)
class Doubts:
    """Doubted items, the most doubtful first: row, class suggested, and the probabilities of label and suggestion."""

    rows: np.ndarray
    suggested: np.ndarray
    share_label: np.ndarray
    share_suggested: np.ndarray


def doubted(branches: list[LeftOut], target: Tensor) -> Doubts:
    """The items with one label each, bool target (n, classes), whose label the branches together contradict.

    An item labelled y is doubted when another class k is its likeliest and at least as likely as k is, on average, for
    the items that do carry k (confident learning, Northcutt, Jiang and Chuang 2021, equation 2). Order: how far the
    probability of k exceeds that of y.
    """
    single = (target.sum(1) == 1).nonzero().squeeze(1)
    if not branches or not len(single):
        return Doubts(*(np.zeros(0, kind) for kind in (np.int64, np.int64, np.float64, np.float64)))
    weights = _weights(branches, target, single)
    own, best, likeliest = (torch.cat(part) for part in zip(*_answers(branches, weights, target, single), strict=True))
    label = target[single].byte().argmax(1)
    count = torch.zeros(target.shape[1]).index_add(0, label, torch.ones(len(label)))
    usual = torch.zeros(target.shape[1]).index_add(0, label, own) / count.clamp(min=1)
    wrong = (likeliest != label) & (best >= usual[likeliest]) & (count[likeliest] >= LEAST_LABELS)
    found = wrong.nonzero().squeeze(1)
    found = found[(own - best)[found].argsort(stable=True)]
    return Doubts(
        *(part.numpy() for part in (single[found], likeliest[found], own[found].double(), best[found].double()))
    )


def _answers(branches: list[LeftOut], weights: Tensor, target: Tensor, single: Tensor) -> list[tuple[Tensor, ...]]:
    """Per part of the items: probability of the label, that of the likeliest class, and this class."""
    found: list[tuple[Tensor, ...]] = []
    for part in _parts(len(single)):
        p = _pooled(_logs(branches, single[part]), weights).softmax(1)
        best, likeliest = p.max(1)
        found.append((p[target[single[part]]], best, likeliest))
    return found


def _logs(branches: list[LeftOut], rows: Tensor) -> Tensor:
    """Logarithms of the shares, float32 (rows, branches, classes); 0 where a branch has nothing for the item."""
    logs = torch.zeros(len(rows), len(branches), branches[0].shares.shape[1])
    for number, branch in enumerate(branches):
        place = torch.full((int(rows.max()) + 1,), -1)
        held = branch.rows[branch.rows < len(place)]
        place[held] = torch.arange(len(held))
        at = place[rows]
        logs[at >= 0, number] = branch.shares[at[at >= 0]].float().clamp(min=LEAST_SHARE).log()
    return logs


def _pooled(logs: Tensor, weights: Tensor) -> Tensor:
    """Logits (rows, classes). The branches an item has share the weight of those it lacks: else it would look unsure."""
    held = logs.ne(0).any(2) * weights
    share = held * (weights.sum() / held.sum(1, keepdim=True).clamp(min=1e-9))
    return (share.unsqueeze(2) * logs).sum(1)


def _weights(branches: list[LeftOut], target: Tensor, single: Tensor) -> Tensor:
    """How much each branch counts: weights (branches,) of least log-loss on a sample of the left-out answers."""
    sample = single[torch.linspace(0, len(single) - 1, min(len(single), SAMPLE)).long()]
    logs, log_weight = _logs(branches, sample), torch.zeros(len(branches), requires_grad=True)
    optimizer = torch.optim.LBFGS([log_weight], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = subset_loss(_pooled(logs, log_weight.exp()), target[sample])
        loss.backward()
        return loss

    optimizer.step(closure)
    return log_weight.detach().exp()


def table(doubts: Doubts, learn: pl.DataFrame, classes: list[str]) -> pl.DataFrame:
    """The doubts as a list for people, columns `SCHEMA`; category names that served as examples are left out."""
    found = learn[doubts.rows].select(
        pl.col(name).cast(pl.String) if name in learn.columns else pl.lit(None, pl.String).alias(name)
        for name in ("vendor", "item_id", "input_hash", "category_id")
    )
    listed = found.with_columns(
        suggested_id=pl.Series([classes[number] for number in doubts.suggested], dtype=pl.String),
        share_label=pl.Series(doubts.share_label, dtype=pl.Float64),
        share_suggested=pl.Series(doubts.share_suggested, dtype=pl.Float64),
    )
    return listed.filter(pl.col("item_id").is_not_null()).select(list(SCHEMA))
