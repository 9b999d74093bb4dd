"""The n-gram branch: one ridge regression per class, with scores on its own training items that did not see them.

Ridge regression gives in closed form what it would have said of an item without that item: what finds wrong labels
(catalog/learning/doubts.py), for on its own training items a branch is always right.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from catalog.inference.lexical import Ngrams

PENALTY = 0.1  # of the mean squared length of an item; best of 0.03, 0.1 and 0.3 on held-out web shop offers
CHUNK = 20_000  # items solved together: time grows with the cube, 3.2 GB at most; tables of chunks are averaged
LARGEST = 40_000_000  # weights of the table, 80 MB in the bundle
_BLOCK = 256
_LARGEST_CLUSTER = 200


@dataclass(frozen=True)
class Ridge:
    """A fitted branch. `table` float32 (rows, rank) times `basis` (rank, classes) are its weights; basis None: rank = classes.

    `left_out` float16 (n, classes): the scores of the training items, each from a fit without its cluster; None where
    they were not asked for.
    """

    table: Tensor
    basis: Tensor | None
    left_out: Tensor | None


@dataclass(frozen=True)
class Plan:
    """How to solve. `largest`: weights of the table beyond which it is stored as a product of two."""

    seed: int
    largest: int = LARGEST
    left_out: bool = False


def fit(grams: Ngrams, target: Tensor, clusters: list[str], rows: int, plan: Plan) -> Ridge:
    """Solves the branch for n items whose n-grams lie below `rows`.

    With X the weighted n-grams (n, rows) of length 1 and Y the labels: K = X X', a = (K + penalty I)^-1 Y, table = X' a.
    Without the items S of a cluster the scores of S are Y_S - (G_SS)^-1 a_S with G = (K + penalty I)^-1, the block form
    of the leave-one-out formula of ridge regression (Rifkin and Lippert 2007). Look-alikes are left out together: each
    would tell the label of the other.
    """
    labels = target.float() / target.sum(1, keepdim=True).clamp(min=1)
    alpha = torch.zeros_like(labels)
    scores = torch.zeros(labels.shape, dtype=torch.float16) if plan.left_out else None
    chunks = _chunks(clusters, plan.seed)
    for members in chunks:
        factor = _factor(_sparse(grams.take(members), rows))
        alpha[members] = torch.cholesky_solve(labels[members], factor)
        if scores is not None:
            names = [clusters[row] for row in members]
            scores[members] = _left_out(factor, alpha[members], labels[members], names).half()
        del factor
    basis = _basis(alpha, labels, plan.largest // max(rows, 1))
    narrow = alpha if basis is None else alpha @ basis.t()
    return Ridge((_sparse(grams, rows).t() @ narrow) / len(chunks), basis, scores)


def _basis(alpha: Tensor, labels: Tensor, rank: int) -> Tensor | None:
    """Orthonormal directions (rank, classes) that keep most of the table's square; None where all of it fits.

    They are the first eigenvectors of table' table = a' K a, which is a' Y but for the small penalty term.
    """
    if labels.shape[1] <= rank:
        return None
    square = alpha.t() @ labels
    _, vectors = torch.linalg.eigh(0.5 * (square + square.t()))
    return vectors[:, -max(rank, 1) :].t().contiguous()


def _chunks(clusters: list[str], seed: int) -> list[np.ndarray]:
    """Row numbers in chunks of about `CHUNK`, a cluster always in one of them."""
    names, cluster = np.unique(np.array(clusters), return_inverse=True)
    count = -(-len(clusters) // CHUNK)
    chunk_of = np.random.default_rng(seed).integers(0, count, len(names))[cluster]
    return [found for number in range(count) if len(found := np.flatnonzero(chunk_of == number))]


def _sparse(grams: Ngrams, rows: int) -> Tensor:
    """CSR float32 (n, rows); two n-grams of an item that share a row (a collision of hashes) are added up."""
    item = np.repeat(np.arange(len(grams)), grams.lengths())
    places = torch.from_numpy(np.stack([item, grams.bucket.astype(np.int64)]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse")  # that the format is young; the tests hold what is used of it
        found = torch.sparse_coo_tensor(
            places, torch.from_numpy(grams.weight), (len(grams), rows), check_invariants=True
        )
        return found.coalesce().to_sparse_csr()


def _factor(x: Tensor) -> Tensor:
    """Cholesky factor (n, n) of X X' + penalty I; the penalty follows the items' length, whatever fields they have."""
    kernel = torch.empty(x.shape[0], x.shape[0])
    crow, col, value = x.crow_indices(), x.col_indices(), x.values()
    for start in range(0, x.shape[0], _BLOCK):
        stop = min(start + _BLOCK, x.shape[0])
        low, high = int(crow[start]), int(crow[stop])
        item = torch.repeat_interleave(torch.arange(stop - start), crow[start + 1 : stop + 1] - crow[start:stop])
        block = torch.zeros(x.shape[1], stop - start)
        block[col[low:high], item] = value[low:high]
        kernel[:, start:stop] = x @ block
    kernel.diagonal().add_(PENALTY * float(kernel.diagonal().mean().clamp(min=1e-6)))
    return torch.linalg.cholesky(kernel, out=kernel)  # in its place: gigabytes, never two of them at once


def _left_out(factor: Tensor, alpha: Tensor, labels: Tensor, clusters: list[str]) -> Tensor:
    inverse = torch.cholesky_inverse(factor)
    scores = labels - alpha / inverse.diagonal().unsqueeze(1)
    _, cluster, counts = np.unique(np.array(clusters), return_inverse=True, return_counts=True)
    order = np.argsort(cluster, kind="stable")
    starts = np.cumsum(counts) - counts
    for number in np.flatnonzero((counts > 1) & (counts <= _LARGEST_CLUSTER)):
        members = torch.from_numpy(order[starts[number] : starts[number] + counts[number]])
        block = inverse[members][:, members]
        scores[members] = labels[members] - torch.linalg.solve(block, alpha[members])
    return scores
