"""Checkpoints as open_clip keeps them in a folder, tiny and untrained: the builds that differ in how they are served."""

import json
from pathlib import Path

import open_clip
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

TINY = {"width": 32, "heads": 2, "layers": 2, "vocab_size": 49408}
VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
OPENAI = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic", "resize_mode": "shortest"}
HALF = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "squash"}


def native(folder: Path) -> str:
    """A CLIP: causal text of length 77, pooled at the end of the text."""
    config = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": {"context_length": 77, **TINY}}
    return saved(folder, open_clip.CLIP(**config), config, OPENAI)


def whole_length(folder: Path) -> str:
    """A SigLIP: text that is read with its padding and pooled at the last position, punctuation removed."""
    words(folder)
    text = {
        "context_length": 12,
        "hf_tokenizer_name": str(folder),
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "pool_type": "last",
        "proj_bias": True,
        **TINY,
    }
    vision = {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear", "image_size": 160}
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text, "custom_text": True}
    return saved(folder, open_clip.CustomTextCLIP(24, vision, text), config, HALF)


def hugging(folder: Path) -> str:
    """A text tower of transformers, mean-pooled, and a convolutional one of timm, both with a projection."""
    pad = words(folder)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    transformers.BertConfig(**size, vocab_size=300, pad_token_id=pad).save_pretrained(folder)
    text = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_proj_type": "mlp"}
    vision = {"timm_model_name": "test_efficientnet", "timm_pool": "avg", "timm_proj": "linear", "image_size": 32}
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    made = open_clip.CustomTextCLIP(24, vision, text | {"hf_model_pretrained": False})
    return saved(folder, made, config, HALF)


def words(folder: Path) -> int:
    """A tokenizer of some 300 pieces; returns its padding id, which is not 0."""
    made = Tokenizer(models.BPE(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    made.train_from_iterator(
        ["a red running shoe, 42 - mug! of ceramic."] * 3, trainers.BpeTrainer(special_tokens=marks)
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return int(made.token_to_id("[PAD]"))


def saved(folder: Path, model: torch.nn.Module, config: dict, preprocess: dict) -> str:
    """Writes weights and configuration and names them as the setting `encoder` does."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    content = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    return f"local-dir:{folder}"
