"""What a training run can be told; every default has a measurement or a reason."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainingSettings:
    """Frozen settings of one training run (no torch needed to make one).

    `encoder` is "embedded" (towers named by encoder_text and encoder_image, weights from installed packages) or any
    name open_clip knows, "architecture/pretrained_tag", "hf-hub:..." or "local-dir:...".
    """

    encoder: str = "embedded"
    encoder_text: str = "all-MiniLM-L6-v2"
    encoder_image: str = "efficientnet-lite0"
    image_size: int = 160
    image_mode: str = "longest"
    text_tokens: int = 64
    finetune_epochs: int = 3
    unfreeze_blocks: int = 2
    seed: int = 7
    min_terminal: int = 5
    inner: Literal["terminal", "partial"] = "terminal"
    modality_dropout: float = 0.15
    hidden: int = 512
    dropout: float = 0.5
    probe_epochs: int = 40
    batch: int = 128
    head_rate: float = 5e-4
    tower_rate: float = 5e-5
    layer_decay: float = 0.7
    lexical_min_items: int = 2
    tune_batch: int = 32
    patience: int = 4
    threads: int = 2
