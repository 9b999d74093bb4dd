"""The network: a text tower and an image tower composed by open_clip, and the head that fuses them.

Towers are split where fine-tuning stops: `lower` is frozen and its output can be kept, `upper` is trained.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
import transformers
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from catalog import weights
from catalog.errors import CatalogError
from catalog.images import ImageRules
from catalog.inputs import InputRules
from catalog.training_settings import TrainingSettings

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class BertTower(nn.Module):
    """A BERT encoder with mean pooling: ids int64 (b, l) -> unit vectors float32 (b, width)."""

    def __init__(self, encoder: nn.Module, trained: int) -> None:
        super().__init__()
        self.bert, self.pad_id = encoder.transformer, encoder.config.pad_token_id
        self.width, self.blocks = encoder.config.hidden_size, self.bert.encoder.layer
        self.trained = min(trained, len(self.blocks))

    def lower(self, ids: Tensor) -> Tensor:
        """Hidden states (b, l, width) below the trained blocks."""
        mask = _attention_mask(ids != self.pad_id)
        hidden = self.bert.embeddings(input_ids=ids)
        for block in self.blocks[: len(self.blocks) - self.trained]:
            hidden = block(hidden, mask)
        return hidden

    def upper(self, hidden: Tensor, held: Tensor) -> Tensor:
        """Unit vectors (b, width) of hidden states (b, l, width); `held` bool (b, l) is False on padding."""
        mask = _attention_mask(held)
        for block in self.blocks[len(self.blocks) - self.trained :]:
            hidden = block(hidden, mask)
        weight = held.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weight).sum(1) / weight.sum(1).clamp(min=1.0), dim=-1)

    def forward(self, ids: Tensor) -> Tensor:
        """All of the tower."""
        return self.upper(self.lower(ids), ids != self.pad_id)

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters by depth, topmost block first, for layer-wise rates."""
        return [list(block.parameters()) for block in reversed(self.blocks[len(self.blocks) - self.trained :])]


def _attention_mask(held: Tensor) -> Tensor:
    return torch.zeros(held.shape).masked_fill(~held, -1e9)[:, None, None, :]


class ConvTower(nn.Module):
    """An EfficientNet trunk with average pooling: pixels float32 (b, 3, s, s) -> unit vectors (b, width)."""

    def __init__(self, trunk: nn.Module, trained: int) -> None:
        super().__init__()
        self.trunk, self.width = trunk, trunk.num_features
        self.trained = min(trained, len(trunk.blocks))

    def lower(self, pixels: Tensor) -> Tensor:
        """Feature maps (b, c, h, w) below the trained blocks."""
        hidden = self.trunk.bn1(self.trunk.conv_stem(pixels))
        for block in self.trunk.blocks[: len(self.trunk.blocks) - self.trained]:
            hidden = block(hidden)
        return hidden

    def upper(self, hidden: Tensor) -> Tensor:
        """Unit vectors (b, width) of feature maps."""
        for block in self.trunk.blocks[len(self.trunk.blocks) - self.trained :]:
            hidden = block(hidden)
        hidden = self.trunk.bn2(self.trunk.conv_head(hidden))
        return functional.normalize(self.trunk.global_pool(hidden), dim=-1)

    def forward(self, pixels: Tensor) -> Tensor:
        """All of the tower."""
        return self.upper(self.lower(pixels))

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters by depth, the top first, for layer-wise rates."""
        if not self.trained:
            return []
        top = [*self.trunk.conv_head.parameters(), *self.trunk.bn2.parameters()]
        blocks = self.trunk.blocks[len(self.trunk.blocks) - self.trained :]
        return [top, *(list(block.parameters()) for block in reversed(blocks))]


@dataclass(frozen=True)
class Encoder:
    """Both towers and what prepares their input; `reference_*` are open_clip's own, for comparison at export."""

    name: str
    text: nn.Module
    image: nn.Module
    tokenizer: str
    rules: InputRules
    reference_clean: Callable[[str], str]
    reference_ids: Callable[[list[str]], Tensor]
    reference_pixels: Callable[[Image.Image], Tensor]


def embedded_encoder(settings: TrainingSettings) -> Encoder:
    """The towers of the installed weight packages, composed as an open_clip CustomTextCLIP.

    Raises CatalogError when a package is missing or its file is not the pinned one.
    """
    text_weights = _named(weights.TEXT, settings.encoder_text, "encoder_text")
    image_weights = _named(weights.IMAGE, settings.encoder_image, "encoder_image")
    text_file = weights.locate(text_weights)
    clip = _compose(text_file.parent, image_weights.architecture, settings.image_size)
    _load_bert(clip.text.transformer, text_file)
    state = torch.load(weights.locate(image_weights), weights_only=True, map_location="cpu")
    clip.visual.trunk.load_state_dict(_timm_names(state, clip.visual.trunk), strict=True)
    return _encoder(clip, text_file.parent, settings)


def _encoder(clip: CustomTextCLIP, text_folder: Path, settings: TrainingSettings) -> Encoder:
    image = ImageRules(settings.image_size, settings.image_mode, **_IMAGENET)
    rules = InputRules(image, settings.text_tokens, clip.text.config.pad_token_id)
    tokenizer = open_clip.tokenizer.HFTokenizer(str(text_folder), context_length=settings.text_tokens)
    transform = open_clip.transform.image_transform(
        image.size,
        is_train=False,
        mean=image.mean,
        std=image.std,
        resize_mode=image.mode,
        interpolation=image.interpolation,
        fill_color=255,
    )
    return Encoder(
        name=f"{settings.encoder_text}+{settings.encoder_image}",
        text=BertTower(clip.text, settings.unfreeze_blocks).eval(),
        image=ConvTower(clip.visual.trunk, settings.unfreeze_blocks).eval(),
        tokenizer=(text_folder / "tokenizer.json").read_text(encoding="utf-8"),
        rules=rules,
        reference_clean=tokenizer.clean_fn,
        reference_ids=tokenizer,
        reference_pixels=transform,
    )


def _named(known: dict[str, weights.PackagedWeights], name: str, setting: str) -> weights.PackagedWeights:
    if name not in known:
        raise CatalogError(f"{setting} = {name!r} is not known.", remedy=f"Choose one of: {', '.join(known)}.")
    return known[name]


def _compose(text_folder: Path, image_architecture: str, image_size: int) -> CustomTextCLIP:
    # Both projections default to random layers (an mlp, a linear one); None and "none" give the towers as they are.
    vision = CLIPVisionCfg(
        timm_model_name=image_architecture,
        timm_model_pretrained=False,
        timm_pool="avg",
        timm_proj="none",
        image_size=image_size,
    )
    text = CLIPTextCfg(
        hf_model_name=str(text_folder), hf_model_pretrained=False, hf_pooler_type="mean_pooler", hf_proj_type=None
    )
    width = _width_of(text_folder)
    return CustomTextCLIP(width, vision, text)


def _width_of(text_folder: Path) -> int:
    return json.loads((text_folder / "config.json").read_text())["hidden_size"]


def _load_bert(bert: nn.Module, file: Path) -> None:
    """Loads a sentence-transformers file strictly; its pooler and position ids are not part of this network."""
    unused = ("pooler.dense.bias", "pooler.dense.weight", "embeddings.position_ids")
    state = {name: value for name, value in load_file(file).items() if name not in unused}
    bert.load_state_dict(state, strict=True)


def _timm_names(state: dict[str, Tensor], trunk: nn.Module) -> dict[str, Tensor]:
    """The tensors of an efficientnet-pytorch checkpoint under timm's names.

    Both list the same layers in the same order; the shapes are compared one by one by the strict loading that follows.
    """
    tensors = [value for name, value in state.items() if not name.startswith("_fc.")]
    return dict(zip(trunk.state_dict(), tensors, strict=True))


def encoder_for(settings: TrainingSettings) -> Encoder:
    """The encoder the settings name; "tiny" is a pair of small untrained towers for tests and dry runs."""
    return tiny_encoder(settings) if settings.encoder_text == "tiny" else embedded_encoder(settings)


def tiny_encoder(settings: TrainingSettings) -> Encoder:
    """Two-layer towers with random weights fixed by the seed: every part works, nothing is known."""
    torch.manual_seed(settings.seed)
    tokenizer_folder = weights.locate(next(iter(weights.TEXT.values()))).parent
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(**size, vocab_size=30522, attn_implementation="eager")
    vision = CLIPVisionCfg(
        timm_model_name="test_efficientnet",
        timm_model_pretrained=False,
        timm_pool="avg",
        timm_proj="none",
        image_size=settings.image_size,
    )
    clip = CustomTextCLIP(256, vision, CLIPTextCfg(context_length=16, vocab_size=64, width=32, heads=2, layers=1))
    clip.text = _TinyText(transformers.BertModel(config, add_pooling_layer=False), config)
    return _encoder(clip, tokenizer_folder, settings)


class _TinyText(nn.Module):
    """What `BertTower` reads of an open_clip text tower."""

    def __init__(self, transformer: nn.Module, config: transformers.BertConfig) -> None:
        super().__init__()
        self.transformer, self.config = transformer, config
