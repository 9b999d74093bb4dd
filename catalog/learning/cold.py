"""A model without labels: products are compared with the names and paths of the categories. Candidates, no automation."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from catalog.errors import CatalogError
from catalog.inference.inputs import item_ngrams
from catalog.inference.weighting import lexicon
from catalog.learning import ridge
from catalog.learning.encoding import Data, encode, targets
from catalog.learning.head import Fusion, LexicalBranch, LinearBranch
from catalog.learning.names import leaves_of, name_rows
from catalog.learning.network import encoder_for
from catalog.learning.training import MOST_NGRAMS, Progress, TrainingReport, prior_of, write, write_labels
from catalog.learning.training_settings import TrainingSettings
from catalog.taxonomies.taxonomy import Taxonomy

SHARPNESS = 20.0  # logits per unit of cosine; 10 to 40 rank alike, only the probabilities differ


def train_on_names(
    taxonomy: Taxonomy, settings: TrainingSettings, folder: Path, progress: Progress | None = None
) -> TrainingReport:
    """Writes a bundle without manifest whose classes are all leaves. Raises CatalogError when there are fewer than two."""
    show = progress or (lambda _what, _done, _total: None)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    leaves = leaves_of(taxonomy)
    if len(leaves) < 2:
        raise CatalogError(
            f"The taxonomy has {len(leaves)} leaves; there is nothing to choose between.",
            remedy="Import a hierarchy: catalog taxonomy import FILE.",
        )
    encoder, names = encoder_for(settings), name_rows(taxonomy, leaves)
    words = lexicon(item_ngrams(names), 1, MOST_NGRAMS)
    target = targets(leaves, leaves, taxonomy)
    data = [
        encode(names.with_columns(title=text), encoder, words, target, partial(show, "encode names"))
        for text in (names["title"], names["vendor_category"])
    ]
    rows = 1 + int(data[0].ngrams.bucket.max(initial=0))
    fitted = ridge.fit(data[0].ngrams, target, leaves, rows, ridge.Plan(settings.seed))
    image = LinearBranch(encoder.image.width, len(leaves), dropout=0.0)
    fusion = Fusion(LexicalBranch(fitted.table, fitted.basis), nearest(data), image, prior_of(target)).eval()
    parity = write(encoder, fusion, names, words, folder, show)
    write_labels(folder, leaves, taxonomy)
    return TrainingReport(
        leaves,
        float("nan"),
        float("nan"),
        {"text": {"items": 0, "ships": "names"}, "image": {"items": 0}},
        fusion.mix.tolist(),
        lexicon_rows=len(words[1]),
        parity=parity,
        encoder=encoder.name,
        weights=encoder.weights,
    )


@torch.no_grad()
def nearest(data: list[Data]) -> LinearBranch:
    """A branch whose logits are `SHARPNESS` times the cosine to the mean of each category's name and path.

    Layer norm stretches a unit vector of w numbers to the length sqrt(w), so the weights are divided by it.
    """
    centres: Tensor = torch.nn.functional.normalize(data[0].text + data[1].text, dim=1)
    branch = LinearBranch(centres.shape[1], len(centres), dropout=0.0)
    branch.linear.weight.copy_(SHARPNESS * centres / float(np.sqrt(centres.shape[1])))
    return branch.eval()
