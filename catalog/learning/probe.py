"""Linear branches on frozen embeddings: multinomial logistic regression, its penalty chosen on held-out products."""

import copy

import torch
from torch import Tensor

from catalog.learning.head import LinearBranch
from catalog.learning.objective import Score, score_logits, subset_loss

PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3)  # of the squared weights, per item; from strict to lenient data sizes
ITERATIONS = 60
CHUNK = 4096


def fit_probe(learn: tuple[Tensor, Tensor], stop: tuple[Tensor, Tensor]) -> tuple[LinearBranch, Score]:
    """The branch with the least held-out log-loss, and that score.

    Both parts are vectors (n, width) and targets bool (n, classes), items without the modality left out. L-BFGS from
    the previous penalty's solution, strongest penalty first.
    """
    vectors, target = learn
    branch = LinearBranch(vectors.shape[1], target.shape[1], dropout=0.0)
    best, kept = Score(float("inf"), 0.0), copy.deepcopy(branch)
    for penalty in sorted(PENALTIES, reverse=True):
        _minimize(branch, vectors, target, penalty)
        with torch.inference_mode():
            now = score_logits(branch(stop[0]), stop[1])
        if now.loss < best.loss:
            best, kept = now, copy.deepcopy(branch)
    return kept.eval(), best


def _minimize(branch: LinearBranch, vectors: Tensor, target: Tensor, penalty: float) -> None:
    parameters = list(branch.linear.parameters())
    optimizer = torch.optim.LBFGS(parameters, max_iter=ITERATIONS, history_size=8, line_search_fn="strong_wolfe")
    with torch.no_grad():
        normal = branch.norm(vectors)
    counted = int(target.any(1).sum())

    def closure() -> Tensor:
        """In chunks: the logits of 40,000 items and 6,000 classes at once would be a gigabyte, several times over."""
        optimizer.zero_grad()
        total = penalty * branch.linear.weight.square().sum()
        total.backward()
        for x, y in zip(normal.split(CHUNK), target.split(CHUNK), strict=True):
            loss = subset_loss(branch.linear(x), y) * (int(y.any(1).sum()) / max(counted, 1))
            loss.backward()
            total = total.detach() + loss.detach()
        return total

    optimizer.step(closure)
