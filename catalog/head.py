"""The trained part above the towers: one branch per modality and one for n-grams, summed into one softmax."""

import torch
from torch import Tensor, nn
from torch.nn import functional

FIRST_SCALE = 8.0  # logits per unit of n-gram score at the start of training


class Branch(nn.Module):
    """Vectors (b, width) -> logits (b, classes): a linear map plus what one hidden layer adds."""

    def __init__(self, width: int, classes: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.straight = nn.LayerNorm(width), nn.Linear(width, classes)
        self.inner, self.out = nn.Linear(width, hidden), nn.Linear(hidden, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits of this branch alone."""
        x = self.norm(vectors)
        return self.straight(x) + self.out(self.dropout(functional.gelu(self.inner(x))))


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
    """Sums the branches of what is present: a missing picture or text leaves its branch out, which is trained for."""

    def __init__(self, widths: tuple[int, int], table: Tensor, *, hidden: int, dropout: float) -> None:
        super().__init__()
        classes = table.shape[1]
        self.text = Branch(widths[0], classes, hidden, dropout)
        self.image = Branch(widths[1], classes, hidden, dropout)
        self.both = Branch(widths[0] + widths[1], classes, hidden, dropout)
        self.lexical = LexicalBranch(table)
        self.scale = nn.Parameter(torch.tensor(FIRST_SCALE))
        self.missing = nn.Parameter(torch.zeros(2, classes))

    def branches(self, text: Tensor, image: Tensor, present: Tensor, scores: Tensor) -> list[Tensor]:
        """Logits (b, classes) of text, image, both together, n-grams; zeros where the modality is missing."""
        has_text, has_image = present[:, :1], present[:, 1:]
        return [
            self.text(text) * has_text,
            self.image(image) * has_image,
            self.both(torch.cat([text, image], dim=1)) * has_text * has_image,
            self.scale * scores * has_text,
        ]

    def combine(self, branches: list[Tensor], present: Tensor) -> Tensor:
        """Logits (b, classes) of the sum, with a bias for each missing modality."""
        return torch.stack(branches).sum(0) + (1.0 - present) @ self.missing

    def forward(self, text: Tensor, image: Tensor, present: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """Logits (b, classes) as served: n-gram scores from the table."""
        return self.combine(self.branches(text, image, present, self.lexical(rows, weights)), present)
