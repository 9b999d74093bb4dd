"""Filling towers with the weights that installed packages ship."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from catalog.learning import packed, weights
from catalog.learning.towers import PackedEmbedding
from catalog.learning.weights import PackagedWeights

# Names of the packed file's tensors within a layer, and what transformers calls them.
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@contextmanager
def text_folder(tower: PackagedWeights) -> Iterator[Path]:
    """A folder with config.json and tokenizer files as transformers reads them, gone afterwards where it was made up."""
    if tower.tokenizer is None:
        yield weights.locate(tower).parent
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copy(weights.locate_tokenizer(tower), folder / "tokenizer.json")
        marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512}
        (folder / "tokenizer_config.json").write_text(json.dumps(kind | marks))
        (folder / "config.json").write_text(json.dumps(_packed_config(weights.locate(tower))))
        yield folder


def _packed_config(file: Path) -> dict:
    content = packed.read(file)
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": content.width,
        "num_hidden_layers": content.layers,
        "num_attention_heads": content.heads,
        "intermediate_size": content.feed_forward,
        "max_position_embeddings": content.positions,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 1,
        # The table of 96 million weights is put in packed (`load_text`); a random one would be made for nothing.
        "vocab_size": 4,
    }


def load_text(bert: nn.Module, tower: PackagedWeights) -> None:
    """Loads a text tower's weights, every tensor of it."""
    file = weights.locate(tower)
    state = _packed_state(bert, file) if file.suffix == ".bin" else _sentence_transformers_state(file)
    bert.load_state_dict(state, strict=True)


def _sentence_transformers_state(file: Path) -> dict[str, Tensor]:
    """Its pooler and position ids are not part of this network."""
    unused = ("pooler.dense.bias", "pooler.dense.weight", "embeddings.position_ids")
    return {name: value for name, value in load_file(file).items() if name not in unused}


def _packed_state(bert: nn.Module, file: Path) -> dict[str, Tensor]:
    """The layers unpacked; the embedding table stays packed and is put in its place."""
    content = packed.read(file)
    table = PackedEmbedding(content.matrices["emb.word"])
    bert.embeddings.word_embeddings = table
    state = {f"embeddings.word_embeddings.{name}": value for name, value in table.state_dict().items()}
    for name, value in content.vectors.items():
        shape = (-1, content.width) if name in ("emb.pos", "emb.type") else (-1,)
        state[_transformers_name(name)] = torch.from_numpy(value.reshape(shape).copy())
    for name, matrix in content.matrices.items():
        if name != "emb.word":
            state[_transformers_name(name)] = torch.from_numpy(matrix.unpacked())
    return state


def _transformers_name(name: str) -> str:
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"


def load_image(trunk: nn.Module, tower: PackagedWeights) -> None:
    """Loads an efficientnet-pytorch checkpoint into timm's network of the same build.

    Both list the same layers in the same order; the strict loading compares the shapes one by one.
    """
    state = torch.load(weights.locate(tower), weights_only=True, map_location="cpu")
    tensors = [value for name, value in state.items() if not name.startswith("_fc.")]
    trunk.load_state_dict(dict(zip(trunk.state_dict(), tensors, strict=True)), strict=True)
