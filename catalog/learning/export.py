"""Export to ONNX, with the refusal to write a bundle that answers differently from the network that was trained."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import polars as pl
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from catalog.errors import CatalogError
from catalog.inference.inputs import TextTokenizer, item_ngrams, pad_ids, tower_texts
from catalog.inference.weighting import padded, weighted
from catalog.learning import agreement
from catalog.learning.head import Fusion
from catalog.learning.network import Encoder
from catalog.pictures.images import ImageRules, read_picture, to_tensor

Progress = Callable[[str, int, int], None]
SAMPLE = 200  # items compared
RANGES = 64  # pictures that the ranges of int8 are taken from
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
    """Writes the three networks, tokenizer and preprocessing; returns the largest differences.

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
        progress("export", done, len(networks))
        write_onnx(network, [inputs[n] for n in names], names, output, folder / f"{name}.onnx")
        differences[name] = difference(network, folder / f"{name}.onnx", {n: inputs[n] for n in names}, output)
        if differences[name] > TOLERANCE[name]:
            raise CatalogError(
                f"{name}.onnx differs from the trained network by {differences[name]:.2g} (allowed {TOLERANCE[name]:.0e}).",
                remedy="Install the versions of torch and onnxruntime named in pyproject.toml and train again.",
            )
    progress("export", len(networks), len(networks))
    return differences | compared


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


class _Pixels(CalibrationDataReader):
    def __init__(self, pixels: np.ndarray) -> None:
        self._batches = iter([{"pixels": one[None]} for one in pixels])

    def get_next(self) -> dict | None:
        return next(self._batches, None)


def image_in_int8(folder: Path, rules: ImageRules, pictures: Sequence[str]) -> dict[str, float]:
    """Puts the image tower of an exported bundle in int8 in the place of the one in fp32; returns their mean cosine.

    Ranges are those of up to 64 readable pictures; without any the tower stays as it is and nothing is returned.
    """
    found = [pixels for path in pictures if (pixels := read_picture(path, rules).pixels) is not None][:RANGES]
    if not found:
        return {}
    file, pixels = folder / "image.onnx", to_tensor(np.stack(found), rules)
    before = _vectors(file, pixels)
    with quiet_exporters():
        quantize_image(file, file, pixels)
    return {"image_int8_cosine": float((before * _vectors(file, pixels)).sum(1).mean())}


def quantize_image(source: Path, target: Path, pixels: np.ndarray) -> None:
    """Static int8 with a scale per channel; activation ranges are those of the sample, never of the batch at hand.

    Weights keep to 7 bits: processors without VNNI add two products in 16 bits, which 8 would overflow, and the bundle
    would answer otherwise there than where it was certified.
    """
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
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


def _vectors(file: Path, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(None, {"pixels": pixels})[0]
