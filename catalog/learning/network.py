"""The encoder that the settings name, composed or loaded by open_clip: a text tower, an image tower, their input rules."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import open_clip
import torch
import transformers
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from PIL import Image
from torch import Tensor, nn

from catalog.errors import CatalogError
from catalog.inference.inputs import InputRules
from catalog.learning import embedded, tokenizer_json, weights
from catalog.learning.towers import BertTower, ClipImageTower, ClipTextTower, ConvTower, FrozenTower
from catalog.learning.training_settings import TrainingSettings
from catalog.pictures.images import ImageRules

# What the weights were trained with: timm's figures; ImageNet's, which the packages name, cost 1.6 points (docs/decisions).
_HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
_LOCAL = "local-dir:"
_HUB = "hf-hub:"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_BERT_LIKE = ("bert", "roberta", "xlm-roberta")
_POOLING = {"MeanPooler": "mean", "ClsLastHiddenStatePooler": "first", "ClsPooler": "pooler"}
_CLIP_POOLING = {"argmax": "end", "eos": "end", "first": "first", "last": "last"}


@dataclass(frozen=True)
class Encoder:
    """Both towers and what prepares their input; `reference_*` are open_clip's own, for comparison at export.

    `weights` says in words where they come from, for the model card.
    """

    name: str
    weights: str
    text: nn.Module
    image: nn.Module
    tokenizer: str
    rules: InputRules
    reference_clean: Callable[[str], str]
    reference_ids: Callable[[list[str]], Tensor]
    reference_pixels: Callable[[Image.Image], Tensor]


def encoder_for(settings: TrainingSettings) -> Encoder:
    """The encoder the settings name; encoder_text "tiny" is a pair of small untrained towers for tests and dry runs.

    Raises CatalogError when it is not there, not what it should be, or of a build that cannot be served.
    """
    if settings.encoder != "embedded":
        return open_clip_encoder(settings)
    return tiny_encoder(settings) if settings.encoder_text == "tiny" else embedded_encoder(settings)


def embedded_encoder(settings: TrainingSettings) -> Encoder:
    """The towers of the installed weight packages, composed as an open_clip CustomTextCLIP.

    Raises CatalogError when a package is missing or its file is not the pinned one.
    """
    text = _named(weights.TEXT, settings.encoder_text, "encoder_text")
    image = _named(weights.IMAGE, settings.encoder_image, "encoder_image")
    with embedded.text_folder(text) as folder:
        # Both projections default to random layers (an mlp, a linear one); None and "none" give the towers as they are.
        reading = CLIPTextCfg(
            hf_model_name=str(folder), hf_model_pretrained=False, hf_pooler_type="mean_pooler", hf_proj_type=None
        )
        width = transformers.AutoConfig.from_pretrained(folder).hidden_size
        clip = CustomTextCLIP(width, _vision(image.architecture, settings.image_size), reading)
        tokenizer = open_clip.tokenizer.HFTokenizer(str(folder), context_length=settings.text_tokens)
        definition = (folder / "tokenizer.json").read_text(encoding="utf-8")
    embedded.load_text(clip.text.transformer, text)
    embedded.load_image(clip.visual.trunk, image)
    sources = [weights.credit(settings.encoder_text, text), weights.credit(settings.encoder_image, image)]
    return replace(_composed(clip, tokenizer, definition, settings, text.prefix), weights=", ".join(sources))


def _vision(architecture: str, size: int) -> CLIPVisionCfg:
    return CLIPVisionCfg(
        timm_model_name=architecture,
        timm_model_pretrained=False,
        timm_pool="avg",
        timm_proj="none",
        image_size=size,
    )


def _composed(
    clip: CustomTextCLIP, tokenizer: Any, definition: str, settings: TrainingSettings, prefix: str
) -> Encoder:
    image = ImageRules(settings.image_size, settings.image_mode, **_HALF)
    preprocess = {"size": image.size, "resize_mode": image.mode, "fill_color": 255, **_HALF}
    return Encoder(
        name=f"{settings.encoder_text}+{settings.encoder_image}",
        weights="untrained",
        text=BertTower(clip.text, settings.unfreeze_blocks).eval(),
        image=ConvTower(clip.visual.trunk, settings.unfreeze_blocks).eval(),
        tokenizer=definition,
        rules=InputRules(image, settings.text_tokens, clip.text.config.pad_token_id, text_prefix=prefix),
        reference_clean=tokenizer.clean_fn,
        reference_ids=lambda texts: tokenizer([prefix + text for text in texts]),
        reference_pixels=_transform(preprocess),
    )


def _transform(preprocess: dict[str, Any]) -> Callable[[Image.Image], Tensor]:
    return open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(**preprocess), is_train=False)


def _named(known: dict[str, weights.PackagedWeights], name: str, setting: str) -> weights.PackagedWeights:
    if name not in known:
        raise CatalogError(f"{setting} = {name!r} is not known.", remedy=f"Choose one of: {', '.join(known)}.")
    return known[name]


def open_clip_encoder(settings: TrainingSettings) -> Encoder:
    """A checkpoint that open_clip knows: architecture/tag, hf-hub:owner/name or local-dir:/absolute/folder.

    Picture size, mean and the like are the checkpoint's own; of the settings only `text_tokens` counts, as far as the
    checkpoint reads. Raises CatalogError when it cannot be loaded or cannot be served.
    """
    name, trained = settings.encoder, settings.unfreeze_blocks
    clip, config = _loaded(name)
    reading = config["text_cfg"]
    longest = int(reading.get("context_length", getattr(clip.text, "context_length", 77)))
    tokens, padding = min(settings.text_tokens, longest), 0
    if not hasattr(clip.text, "config") and (clip.text.attn_mask is None or clip.text.pool_type == "last"):
        tokens = padding = longest  # padding is part of what this network was trained to read
    tokenizer = open_clip.get_tokenizer(_tokenizer_name(name), context_length=tokens)
    pad_id = tokenizer_json.padding_id(tokenizer)
    image = _image_rules(name, clip.visual.preprocess_cfg)
    return Encoder(
        name=name,
        weights=f"open_clip's {name}; its licence is on the page of that model",
        text=_text_tower(name, clip.text, pad_id, trained).eval(),
        image=_image_tower(clip.visual, image.size, trained).eval(),
        tokenizer=tokenizer_json.expressed(tokenizer, name, (reading.get("tokenizer_kwargs") or {}).get("clean")),
        rules=InputRules(image, tokens, pad_id, text_padding=padding),
        reference_clean=tokenizer.clean_fn,
        reference_ids=tokenizer,
        reference_pixels=_transform(clip.visual.preprocess_cfg),
    )


def _loaded(name: str) -> tuple[CustomTextCLIP, dict[str, Any]]:
    """The model with its text tower in `.text`, and its configuration."""
    architecture, _, tag = name.rpartition("/")
    try:
        if name.startswith((_LOCAL, _HUB)):
            if name.startswith(_LOCAL):
                _refuse_pickle(Path(name.removeprefix(_LOCAL)))
            config = open_clip.get_model_config(name)
            return open_clip.create_model(name, require_pretrained=True, force_custom_text=True), config
        known = open_clip.pretrained.get_pretrained_cfg(architecture, tag)
        if not known:
            raise ValueError(f"it knows no {architecture or name!r} with weights {tag!r}")
        # A mere warning of open_clip otherwise: weights trained with one activation run with another.
        gelu = bool(known.get("quick_gelu"))
        clip = open_clip.create_model(
            architecture, tag, require_pretrained=True, force_custom_text=True, force_quick_gelu=gelu
        )
        return clip, open_clip.get_model_config(architecture)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise CatalogError(
            f"open_clip could not load {name}: {error}.",
            remedy='Set encoder to "embedded", to a pair of `open_clip.list_pretrained()` joined by "/", or to '
            "hf-hub:owner/name where the hub can be reached, or local-dir:/absolute/folder where it cannot.",
        ) from error


def _refuse_pickle(folder: Path) -> None:
    """Raises CatalogError for a folder with pickled weights, which run code when opened, or with none at all."""
    pickles = sorted(file.name for file in folder.glob("*") if file.suffix in _PICKLES)
    if pickles or not folder.is_absolute() or not list(folder.glob("*.safetensors")):
        held = f"holds {', '.join(pickles)}" if pickles else "is no absolute folder with a .safetensors file"
        raise CatalogError(
            f"{folder} {held}.",
            remedy="Keep open_clip_config.json, the tokenizer's files and weights as .safetensors in it, nothing pickled.",
        )


def _tokenizer_name(name: str) -> str:
    return name if name.startswith((_LOCAL, _HUB)) else name.rpartition("/")[0]


def _text_tower(name: str, text: nn.Module, pad_id: int, trained: int) -> nn.Module:
    if hasattr(text, "config"):
        pooling = _POOLING.get(type(text.pooler).__name__)
        if text.config.model_type in _BERT_LIKE and pooling and text.config.pad_token_id == pad_id:
            return BertTower(text, trained, pooling=pooling)
    elif text.cls_emb is None and not text.use_pad_mask and text.pool_type in _CLIP_POOLING:
        return ClipTextTower(text, trained, pad_id=pad_id, pooling=_CLIP_POOLING[text.pool_type])
    kind = text.config.model_type if hasattr(text, "config") else "an open_clip text tower with a token of its own"
    raise CatalogError(
        f"The text tower of {name} ({kind}) cannot be served.",
        remedy=f"Choose a model whose text tower is CLIP's or one of: {', '.join(_BERT_LIKE)}.",
    )


def _image_tower(visual: nn.Module, size: int, trained: int) -> nn.Module:
    trunk = getattr(visual, "trunk", None)
    if type(trunk).__name__ == "EfficientNet":
        heads = {name for name, _ in visual.head.named_children()}
        if heads <= {"drop", "proj"} and isinstance(trunk.classifier, nn.Identity):
            return ConvTower(trunk, trained, visual.head)
    if isinstance(visual, open_clip.transformer.VisionTransformer) and visual.pool_type != "none":
        return ClipImageTower(visual, trained)
    return FrozenTower(visual, size)


def _image_rules(name: str, preprocess: dict[str, Any]) -> ImageRules:
    size = preprocess["size"]
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1 or preprocess["interpolation"] not in ("bicubic", "bilinear"):
        raise CatalogError(
            f"{name} reads pictures of {size} fitted by {preprocess['interpolation']}, which is not served.",
            remedy="Choose a model that reads square pictures fitted by bicubic or bilinear resampling.",
        )
    return ImageRules(
        int(sides.pop()),
        preprocess["resize_mode"],
        preprocess["interpolation"],
        tuple(preprocess["mean"]),
        tuple(preprocess["std"]),
    )


def tiny_encoder(settings: TrainingSettings) -> Encoder:
    """Two-layer towers with random weights fixed by the seed: every part works, nothing is known."""
    torch.manual_seed(settings.seed)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(**size, vocab_size=30522, attn_implementation="eager")
    vision = _vision("test_efficientnet", settings.image_size)
    clip = CustomTextCLIP(256, vision, CLIPTextCfg(context_length=16, vocab_size=64, width=32, heads=2, layers=1))
    clip.text = _TinyText(transformers.BertModel(config, add_pooling_layer=False), config)
    with embedded.text_folder(weights.TEXT["all-MiniLM-L6-v2"]) as folder:
        tokenizer = open_clip.tokenizer.HFTokenizer(str(folder), context_length=settings.text_tokens)
        definition = (folder / "tokenizer.json").read_text(encoding="utf-8")
    return _composed(clip, tokenizer, definition, settings, "")


class _TinyText(nn.Module):
    """What `BertTower` reads of an open_clip text tower."""

    def __init__(self, transformer: nn.Module, config: transformers.BertConfig) -> None:
        super().__init__()
        self.transformer, self.config = transformer, config
