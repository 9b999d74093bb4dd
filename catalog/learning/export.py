"""Export to ONNX, with the refusal to write a bundle that answers differently from the network that was trained."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import polars as pl
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from catalog.errors import CatalogError
from catalog.inference.inputs import TextTokenizer, item_ngrams, pad_ids, tower_texts
from catalog.inference.weighting import padded, weighted
from catalog.learning import agreement
from catalog.learning.head import Fusion
from catalog.learning.network import Encoder
from catalog.pictures.images import read_picture, to_tensor

Progress = Callable[[str, int, int], None]
SAMPLE = 200  # items compared
TOLERANCE = {"text": 1e-4, "image": 1e-4, "fusion": 1e-3}  # of unit vectors, of unit vectors, of probabilities


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Keeps the exporters' hundreds of notes out of a night's log; warnings still come through."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def export(
    encoder: Encoder,
    fusion: Fusion,
    *,
    examples: pl.DataFrame,
    words: tuple[np.ndarray, np.ndarray],
    folder: Path,
    progress: Progress,
) -> dict[str, float]:
    """Writes the three networks in fp32, the towers in int8, tokenizer and preprocessing; returns the largest differences.

    Raises CatalogError when torch and ONNX Runtime differ by more than `TOLERANCE` on up to 200 of the products.
    """
    sample = examples.head(SAMPLE)
    compared = agreement.check(encoder, tower_texts(sample, encoder.rules), pictures_of(examples))
    inputs = sample_inputs(encoder, sample, words)
    (folder / "tokenizer.json").write_text(encoder.tokenizer, encoding="utf-8")
    (folder / "preprocess.json").write_text(encoder.rules.to_json(), encoding="utf-8")
    networks: list[tuple[str, nn.Module, list[str], str]] = [
        ("text", encoder.text.eval(), ["ids"], "vectors"),
        ("image", encoder.image.eval(), ["pixels"], "vectors"),
        ("fusion", fusion.eval(), ["text", "image", "present", "rows", "weights"], "logits"),
    ]
    differences = {}
    for done, (name, network, names, output) in enumerate(networks):
        progress("export", done, len(networks) + 2)
        write_onnx(network, [inputs[n] for n in names], names, output, folder / f"{name}.onnx")
        differences[name] = difference(network, folder / f"{name}.onnx", {n: inputs[n] for n in names}, output)
        if differences[name] > TOLERANCE[name]:
            raise CatalogError(
                f"{name}.onnx differs from the trained network by {differences[name]:.2g} (allowed {TOLERANCE[name]:.0e}).",
                remedy="Install the versions of torch and onnxruntime named in pyproject.toml and train again.",
            )
    quantize_text(folder / "text.onnx", folder / "text.int8.onnx")
    progress("export", 4, 5)
    quantize_image(folder / "image.onnx", folder / "image.int8.onnx", inputs["pixels"])
    progress("export", 5, 5)
    return differences | int8_agreement(folder, inputs) | compared


def pictures_of(examples: pl.DataFrame) -> list[str]:
    """Paths of up to 200 products' pictures."""
    return examples["image"].drop_nulls().head(SAMPLE).to_list()


def sample_inputs(
    encoder: Encoder, sample: pl.DataFrame, words: tuple[np.ndarray, np.ndarray]
) -> dict[str, torch.Tensor]:
    """What the three networks read of a sample, by input name; pictures that cannot be read are grey."""
    texts = [text or "-" for text in tower_texts(sample, encoder.rules)]
    ids = pad_ids(TextTokenizer(encoder.tokenizer, encoder.rules).encode(texts), encoder.rules.pad_id)
    grey = np.full((encoder.rules.image.size, encoder.rules.image.size, 3), 127, np.uint8)
    found = [read_picture(path, encoder.rules.image).pixels for path in sample["image"].head(64)]
    pixels = to_tensor(np.stack([grey if one is None else one for one in found]), encoder.rules.image)
    rows, weights = padded(weighted(item_ngrams(sample).mapped(words[0]), words[1]))
    with torch.inference_mode():
        text, image = encoder.text.eval()(torch.from_numpy(ids)), encoder.image.eval()(torch.from_numpy(pixels))
    image = image[torch.arange(len(text)) % len(image)]
    return {
        "ids": torch.from_numpy(ids),
        "pixels": torch.from_numpy(pixels),
        "text": text.clone(),
        "image": image.clone(),
        "present": torch.ones(len(text), 2),
        "rows": torch.from_numpy(rows),
        "weights": torch.from_numpy(weights),
    }


def write_onnx(network: nn.Module, inputs: list[torch.Tensor], names: list[str], output: str, file: Path) -> None:
    """One self-contained file with a dynamic batch, and a dynamic length where there is one."""
    batch, length = torch.export.Dim("batch", min=1, max=65536), torch.export.Dim("length", min=1, max=65536)
    dynamic = [{0: batch, 1: length} if name in ("ids", "rows", "weights") else {0: batch} for name in names]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notes to its own authors
        program = torch.onnx.export(
            network,
            tuple(tensor[:4].clone() for tensor in inputs),
            dynamo=True,
            input_names=names,
            output_names=[output],
            dynamic_shapes=tuple(dynamic),
            verbose=False,
        )
    program.save(str(file), external_data=False)


def difference(network: nn.Module, file: Path, inputs: dict[str, torch.Tensor], output: str) -> float:
    """The largest absolute difference between torch and ONNX Runtime; of probabilities where the output is logits."""
    with torch.inference_mode():
        expected = network(*inputs.values())
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {name: value.numpy() for name, value in inputs.items()})[0])
    if output == "logits":
        expected, found = expected.double().softmax(1), found.double().softmax(1)
    return float((expected - found).abs().max())


def quantize_text(source: Path, target: Path) -> None:
    """Weights of the matrix products to 8 bits in blocks; activations stay float, so an answer is the item's alone."""
    model = onnx.load(source)
    quantizer = MatMulNBitsQuantizer(model, bits=8, block_size=32, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


class _Pixels(CalibrationDataReader):
    def __init__(self, pixels: torch.Tensor) -> None:
        self._batches = iter([{"pixels": one.unsqueeze(0).numpy()} for one in pixels])

    def get_next(self) -> dict | None:
        return next(self._batches, None)


def quantize_image(source: Path, target: Path, pixels: torch.Tensor) -> None:
    """Static int8 with a scale per channel; activation ranges are those of the sample, never of the batch at hand."""
    prepared = target.with_suffix(".prepared")
    model = onnx.load(source)
    del model.graph.value_info[:]  # shapes left by the exporter stop the quantizer
    onnx.save(model, prepared)
    quant_pre_process(prepared, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        target,
        _Pixels(pixels),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


def int8_agreement(folder: Path, inputs: dict[str, torch.Tensor]) -> dict[str, float]:
    """Least cosine between fp32 and int8 vectors per tower. fp32 serves; these say what int8 would cost."""
    least = {}
    for name, key in (("text", "ids"), ("image", "pixels")):
        both = [
            onnxruntime.InferenceSession(str(folder / file), providers=["CPUExecutionProvider"]).run(
                None, {key: inputs[key].numpy()}
            )[0]
            for file in (f"{name}.onnx", f"{name}.int8.onnx")
        ]
        least[f"{name}_int8_cosine"] = float((both[0] * both[1]).sum(1).min())
    return least
