"""What a training run can be told; every default has a measurement or a reason."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainingSettings:
    """Frozen settings of one training run (no torch needed to make one).

    `encoder` is "embedded" (towers named by encoder_text and encoder_image, weights from installed packages) or any
    name open_clip knows, "architecture/pretrained_tag", "hf-hub:..." or "local-dir:...".
    `image_precision` is what the image tower serves in; temperatures and certificate are earned in it. `early_exit`:
    whether the bundle gets a rule by which pictures need not be read (catalog/inference/early_exit.py).
    """

    encoder: str = "embedded"
    encoder_text: str = "all-MiniLM-L6-v2"
    encoder_image: str = "efficientnet-lite0"
    image_size: int = 160
    image_mode: str = "longest"
    image_precision: Literal["fp32", "int8"] = "fp32"
    text_tokens: int = 64
    early_exit: bool = True
    finetune_epochs: int = 4
    unfreeze_blocks: int = 12
    seed: int = 7
    min_terminal: int = 5
    inner: Literal["terminal", "partial"] = "terminal"
    dropout: float = 0.2
    head_rate: float = 2e-3
    text_rate: float = 1e-4
    image_rate: float = 1e-3
    layer_decay: float = 0.85
    lexical_min_items: int = 2
    tune_batch: int = 32
    threads: int = 2
