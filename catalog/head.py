"""The trained part above the towers: fixed n-gram scores, plus what text and picture add to them, in one softmax."""

import torch
from torch import Tensor, nn
from torch.nn import functional

FIRST_SCALE = 8.0  # logits per unit of n-gram score at the start of training


class LexicalBranch(nn.Module):
    """Lexicon rows int64 (b, l) and weights (b, l) -> scores (b, classes): a fixed linear model over n-grams."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        # Half precision halves the bundle; the same rounded table is trained on, exported and served.
        self.register_buffer("table", table.half())

    def forward(self, rows: Tensor, weights: Tensor) -> Tensor:
        """Scores, about 1 for the right class and 0 for the others. Padding has weight 0."""
        return torch.bmm(weights.unsqueeze(1), functional.embedding(rows, self.table).float()).squeeze(1)


class Head(nn.Module):
    """Logits of an item: scaled n-gram scores, a linear map of each tower, and a hidden layer over both towers.

    The linear maps and the last layer start at zero: training starts from the n-gram scores and can only add what text
    and picture know beyond them. From random weights the head ended below the n-grams alone (docs/decisions).
    """

    def __init__(self, widths: tuple[int, int], table: Tensor, *, hidden: int, dropout: float) -> None:
        super().__init__()
        classes = table.shape[1]
        self.norms = nn.ModuleList([nn.LayerNorm(width) for width in widths])
        self.straight = nn.ModuleList([nn.Linear(width, classes, bias=False) for width in widths])
        self.inner = nn.Linear(sum(widths) + 2, hidden)
        self.out = nn.Linear(hidden, classes)
        self.drop_inputs, self.drop_hidden = nn.Dropout(0.6 * dropout), nn.Dropout(dropout)
        self.lexical = LexicalBranch(table)
        self.scale = nn.Parameter(torch.tensor(FIRST_SCALE))
        self.missing = nn.Parameter(torch.zeros(2, classes))
        for layer in (*self.straight, self.out):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.out.bias)

    def logits(self, text: Tensor, image: Tensor, present: Tensor, scores: Tensor) -> Tensor:
        """Logits (b, classes), given the n-gram scores (b, classes); `present` (b, 2) says what an item has.

        What is missing adds a bias that was trained for it, and nothing else.
        """
        held = [present[:, :1], present[:, 1:]]
        towers = [
            self.drop_inputs(norm(x)) * here for norm, x, here in zip(self.norms, (text, image), held, strict=True)
        ]
        hidden = self.drop_hidden(functional.gelu(self.inner(torch.cat([*towers, present], dim=1))))
        straight = self.straight[0](towers[0]) + self.straight[1](towers[1])
        return self.out(hidden) + straight + self.scale * scores * held[0] + (1.0 - present) @ self.missing

    def forward(self, text: Tensor, image: Tensor, present: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """Logits (b, classes) as served: n-gram scores from the table."""
        return self.logits(text, image, present, self.lexical(rows, weights))
