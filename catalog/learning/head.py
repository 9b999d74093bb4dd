"""What stands above the towers: three branches that each answer alone, and the weights at which their answers are multiplied.

Branches trained together compete: the strongest explains the labels and the others are left with too little to learn.
Trained alone each is a specialist, and an item without picture or text gets the specialist's answer (docs/decisions).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

BRANCHES = ("ngrams", "text", "image")
LEAST_SHARE = 0.02  # of a class, as the n-gram branch estimates it: below, the estimate is noise around zero
# Weights before any held-out product was looked at, by what an item has: nothing, a picture, text, both.
FIRST_MIX = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.5, 0.0], [1.0, 0.5, 0.5]])


def pattern(present: Tensor) -> Tensor:
    """int64 (b,): 0 for an item with nothing, 1 with a picture, 2 with text, 3 with both. present float32 (b, 2)."""
    return (2 * present[:, 0] + present[:, 1]).to(torch.int64)


class LexicalBranch(nn.Module):
    """Lexicon rows int64 (b, l) and weights (b, l) -> logits (b, classes): a fixed linear model over n-grams.

    Its scores are least-squares estimates of class probabilities, so their logarithm is what multiplies with the other
    branches. (As logits they had a log-loss of 0.82 on held-out web shop offers, their logarithms 0.61.)
    """

    table: Tensor
    basis: Tensor | None

    def __init__(self, table: Tensor, basis: Tensor | None = None) -> None:
        super().__init__()
        # Half precision halves the bundle; the same rounded table is measured, exported and served.
        self.register_buffer("table", table.half())
        self.register_buffer("basis", basis)

    def scores(self, rows: Tensor, weights: Tensor) -> Tensor:
        """About 1 for the right class and 0 for the others. Padding has weight 0."""
        found = torch.bmm(weights.unsqueeze(1), functional.embedding(rows, self.table).float()).squeeze(1)
        return found if self.basis is None else found @ self.basis

    def forward(self, rows: Tensor, weights: Tensor) -> Tensor:
        """Logits (b, classes)."""
        return torch.log(self.scores(rows, weights).clamp(min=LEAST_SHARE))


class LinearBranch(nn.Module):
    """Unit vectors of a tower (b, width) -> logits (b, classes): layer norm, dropout, a linear map."""

    def __init__(self, width: int, classes: int, *, dropout: float) -> None:
        super().__init__()
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
        self.linear = nn.Linear(width, classes)
        # From zero: the first steps of fine-tuning would else carry random directions into a pretrained tower.
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits (b, classes)."""
        return self.linear(self.drop(self.norm(vectors)))


class Fusion(nn.Module):
    """Logits of an item: those of the branches it has something for, weighted, and what its classes' frequency says.

    A weighted sum of logits is a product of the branches' probabilities, each to the power of its weight (a logarithmic
    opinion pool, Genest and Zidek 1986). `mix` is (4, 3): `pattern` x `BRANCHES`; `prior` (classes,) log frequencies; `lift`
    (classes,) what is added for categories that will come more often than the labels say, mostly nothing.
    """

    mix: Tensor
    prior: Tensor
    lift: Tensor

    def __init__(self, ngrams: LexicalBranch, text: LinearBranch, image: LinearBranch, prior: Tensor) -> None:
        super().__init__()
        self.ngrams, self.text, self.image = ngrams, text, image
        self.register_buffer("prior", prior)
        self.register_buffer("mix", FIRST_MIX.clone())
        self.register_buffer("lift", torch.zeros_like(prior))

    def parts(self, text: Tensor, image: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """Logits (b, 3, classes) of each branch alone."""
        return torch.stack([self.ngrams(rows, weights), self.text(text), self.image(image)], dim=1)

    def forward(self, text: Tensor, image: Tensor, present: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """Logits (b, classes). Vectors of a missing modality are not read: their weight is 0."""
        shares = self.mix[pattern(present)]
        mixed = (shares.unsqueeze(2) * self.parts(text, image, rows, weights)).sum(1)
        nothing = (1.0 - present).prod(1, keepdim=True)
        return mixed + nothing * self.prior + self.lift
