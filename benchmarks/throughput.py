"""How fast items are classified, beside eager torch with the same checkpoints in the same process.

    python -m benchmarks.throughput [FOLDER] [--items 600] [--only NAME ...] [--append benchmarks/RESULTS.md]

FOLDER holds items.csv of the house columns and images/; without it a sample is drawn. A bundle is trained on it with
frozen towers, or found in --workspace. Figures that are compared are measured in turn, round by round, on --threads
threads, and the medians are told; the machine's load stands in the heading, for other work on it spoils all of them.

- cold: items through `Classifier.predict` with an empty cache, files to categories. eager: the same towers in torch in
  batches of 32 as they come, pictures read by the same function on as many threads, a linear head on both vectors.
- towers: prepared inputs through the sessions as `predict` batches them, beside what their operations (torch's counter)
  take at the rate of a 1024-cubed matrix product, each thread with one of its own. int8: the image tower quantized.
- reading: CPU time of decoding and preparing a picture as a share of that plus both towers, by size of the picture.
- start: `catalog classify` on 10 items, the whole process. memory: its peak on more and more items.
"""

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import polars as pl
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.end_to_end import configure, here, prepare, run, told
from catalog.inference.classifier import IMAGE_BATCH, TEXT_BATCH, Classifier
from catalog.inference.early_exit import EarlyExit
from catalog.inference.inputs import INPUT_COLUMNS, TextTokenizer, length_batches, pad_ids, tower_texts
from catalog.learning.network import Encoder, embedded_encoder
from catalog.learning.training_settings import TrainingSettings
from catalog.pictures.images import decode, read_picture, to_tensor
from catalog.sample import write_sample

SIDE, EAGER_BATCH, LABELS = 1024, 32, 1500
SIZES = ((60, 80), (224, 224), (600, 800), (1200, 1600))
SECTIONS = ("cold", "towers", "int8", "reading", "start", "memory")
COMMAND = [sys.executable, "-m", "pipelines.cli"]
# From a small process: one that was started by this one would count this one's memory as its own peak.
APART = """
import json, os, subprocess, sys, time
started = time.perf_counter()
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(json.dumps([time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
sys.exit(status != 0)
"""


class Row(NamedTuple):
    """A row of the table; `met` is None where nothing was asked for."""

    what: str
    value: str
    asked: str = ""
    met: bool | None = None

    def line(self) -> str:
        """In Markdown."""
        met = "" if self.met is None else "yes" if self.met else "**no**"
        return f"| {self.what} | {self.value} | {self.asked} | {met} |"


class Bench:
    """What all sections work with."""

    def __init__(self, folder: Path, workspace: Path, options: argparse.Namespace) -> None:
        self.folder, self.workspace, self.options = folder, workspace, options
        model = (workspace / "models" / "current").read_text().strip()
        self.bundle = workspace / "models" / model
        self.classifier = Classifier.open(self.bundle, device="cpu", threads=options.threads)
        self.items = items(folder, options.items)
        self.encoder: Encoder = embedded_encoder(TrainingSettings())
        self.pool = ThreadPoolExecutor(options.threads)

    def rounds(self, works: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Median wall seconds of each, after one round that is not counted; every round runs all of them in turn."""
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(self.options.rounds + 1):
            for name, work in works.items():
                started = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - started)
        return {name: statistics.median(found[1:]) for name, found in seconds.items()}


def items(folder: Path, count: int) -> pl.DataFrame:
    """Rows with a picture, in the form `predict` reads."""
    found = pl.read_csv(folder / "items.csv", infer_schema_length=0).filter(pl.col("image").is_not_null())
    found = found.sample(min(count, found.height), seed=5).with_columns(input_hash=pl.col("item_id"))
    absent = [pl.lit(None, pl.String).alias(name) for name in INPUT_COLUMNS if name not in found.columns]
    found = found.with_columns(*absent, image=pl.lit(f"{folder.resolve()}/") + pl.col("image"))
    return found.select(INPUT_COLUMNS)


def trained(folder: Path, place: Path, labels: int = LABELS) -> None:
    """A workspace with a bundle of frozen towers, its labels from the folder."""
    found = pl.read_csv(folder / "items.csv", infer_schema_length=0)
    house = ("item_id", "title", "description", "brand", "price", "category_path", "image", "vendor_category")
    found = found.select(name for name in house if name in found.columns)
    labelled = found.sample(min(labels, found.height - 10), seed=1)
    prepare(folder, place, labelled, found.join(labelled, on="item_id", how="anti").head(10))
    shutil.rmtree(place / "feeds" / "bench")
    configure(place, 0.95, 0)
    run("train", "-w", str(place))


def eager(bench: Bench, head: torch.nn.Linear) -> None:
    """What serves where nobody looks at speed; texts of a batch are padded to its longest."""
    rules, tokenizer = bench.encoder.rules, TextTokenizer(bench.encoder.tokenizer, bench.encoder.rules)
    with torch.inference_mode():
        for at in range(0, bench.items.height, EAGER_BATCH):
            part = bench.items.slice(at, EAGER_BATCH)
            ids = torch.from_numpy(pad_ids(tokenizer.encode(tower_texts(part, rules)), rules.pad_id))
            found = list(bench.pool.map(partial(read_picture, rules=rules.image), part["image"]))
            pixels = torch.from_numpy(
                to_tensor(np.stack([one.pixels for one in found if one.pixels is not None]), rules.image)
            )
            held = (ids != rules.pad_id).float()
            hidden = bench.encoder.text.bert(input_ids=ids, attention_mask=held).last_hidden_state
            text = (hidden * held.unsqueeze(-1)).sum(1) / held.sum(1, keepdim=True)
            image = bench.encoder.image.trunk(pixels)
            both = [torch.nn.functional.normalize(vectors, dim=-1) for vectors in (text[: len(image)], image)]
            head(torch.cat(both, dim=1)).softmax(1)


def cold(bench: Bench) -> Iterator[Row]:
    """The whole of it against eager torch."""
    head = torch.nn.Linear(bench.encoder.text.width + bench.encoder.image.width, len(bench.classifier.bundle.classes))
    # Every item through both towers, whatever rule the bundle has: benchmarks/early_exit.py measures the rule.
    bundle = replace(bench.classifier.bundle, early_exit=EarlyExit())
    full = Classifier(bundle, "cpu", bench.options.threads)
    works = {"eager": lambda: eager(bench, head), "cold": lambda: full.predict(bench.items)}
    found, count = bench.rounds(works), bench.items.height
    ratio = found["eager"] / found["cold"]
    yield Row(f"eager torch, {count:,} items", f"{count / found['eager']:.0f} items/s")
    yield Row(
        f"classify, cold, {count:,} items",
        f"{count / found['cold']:.0f} items/s, {ratio:.2f} of eager",
        "2.5 (4)",
        ratio >= 2.5,
    )


def batches(bench: Bench) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs of both towers, as the classifier batches them."""
    rules = bench.classifier.rules
    ids = TextTokenizer(bench.encoder.tokenizer, rules).encode(tower_texts(bench.items, rules))
    texts = [
        pad_ids([ids[row] for row in rows], rules.pad_id)
        for rows in length_batches(np.array([len(one) for one in ids]), TEXT_BATCH)
    ]
    found = [one.pixels for one in bench.pool.map(partial(read_picture, rules=rules.image), bench.items["image"])]
    pixels = to_tensor(np.stack([one for one in found if one is not None]), rules.image)
    size = IMAGE_BATCH["CPUExecutionProvider"]
    return texts, [pixels[at : at + size] for at in range(0, len(pixels), size)]


def operations(bench: Bench, texts: list[np.ndarray]) -> tuple[float, float]:
    """Operations (twice the multiplications) of the texts without padding between them, and of one picture."""
    lengths = np.concatenate([(batch != bench.classifier.rules.pad_id).sum(1) for batch in texts])
    size, total = bench.classifier.rules.image.size, 0
    for length, times in zip(*np.unique(lengths, return_counts=True), strict=True):
        total += int(times) * counted(bench.encoder.text, torch.full((1, int(length)), 7))
    return total, counted(bench.encoder.image, torch.zeros(1, 3, size, size))


def counted(network: torch.nn.Module, inputs: torch.Tensor) -> int:
    """Operations of one pass as torch counts them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(inputs)
    return counter.get_total_flops()


def session(model: Path | bytes) -> Any:
    """A session on one thread, as the classifier makes them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def product(*, int8: bool) -> Callable[[], object]:
    """A matrix product of two billion operations."""
    draw = np.random.default_rng(3).integers(0, 60, (SIDE, SIDE))
    weight = draw.astype(np.int8) if int8 else draw.astype(np.float32)
    kinds = (TensorProto.UINT8, TensorProto.INT32) if int8 else (TensorProto.FLOAT, TensorProto.FLOAT)
    ends = [helper.make_tensor_value_info(name, kind, [SIDE, SIDE]) for name, kind in zip("xy", kinds, strict=True)]
    node = helper.make_node("MatMulInteger" if int8 else "MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    made, given = session(model.SerializeToString()), {"x": draw.astype(np.uint8 if int8 else np.float32)}
    return lambda: made.run(None, given)


def everywhere(bench: Bench, work: Callable[[Any], object], inputs: list) -> None:
    """All inputs, on all threads."""
    for _ in bench.pool.map(work, inputs):
        pass


def towers(bench: Bench) -> Iterator[Row]:
    """Both towers in fp32."""
    texts, pixels = batches(bench)
    text, image, multiply = (
        session(bench.bundle / "text.onnx"),
        session(bench.bundle / "image.onnx"),
        product(int8=False),
    )
    found = bench.rounds(
        {
            "product": lambda: everywhere(bench, lambda _: multiply(), [None] * 16),
            "text": lambda: everywhere(bench, lambda batch: text.run(None, {"ids": batch}), texts),
            "image": lambda: everywhere(bench, lambda batch: image.run(None, {"pixels": batch}), pixels),
        }
    )
    rate = 16 * 2 * SIDE**3 / found["product"]
    needed_text, needed_image = operations(bench, texts)
    needed_image *= sum(map(len, pixels))
    share = (needed_text + needed_image) / rate / (found["text"] + found["image"])
    yield Row("fp32 matrix product", f"{rate / 1e9:.0f} GFLOP/s")
    for name, needed in (("text", needed_text), ("image", needed_image)):
        each = 1000 * found[name] / bench.items.height
        yield Row(f"{name} tower, fp32", f"{each:.2f} ms an item, {needed / rate / found[name]:.0%} of the limit")
    yield Row("both towers, fp32", f"{share:.0%} of the limit", "60% (70%)", share >= 0.6)


def int8(bench: Bench) -> Iterator[Row]:
    """The image tower in int8 and fp32."""
    from catalog.learning.export import quantize_image, quiet_exporters  # noqa: PLC0415 - only here

    texts, pixels = batches(bench)
    with tempfile.TemporaryDirectory() as place, quiet_exporters():
        file = Path(place) / "image.onnx"
        quantize_image(bench.bundle / "image.onnx", file, np.concatenate(pixels[:16]))
        towers, multiply = {"fp32": session(bench.bundle / "image.onnx"), "int8": session(file)}, product(int8=True)
    found = bench.rounds(
        {"product": lambda: everywhere(bench, lambda _: multiply(), [None] * 16)}
        | {
            name: partial(everywhere, bench, lambda batch, tower=tower: tower.run(None, {"pixels": batch}), pixels)
            for name, tower in towers.items()
        }
    )
    rate = 16 * 2 * SIDE**3 / found["product"]
    share = operations(bench, texts[:1])[1] * sum(map(len, pixels)) / rate / found["int8"]
    yield Row("int8 matrix product", f"{rate / 1e9:.0f} GOP/s")
    value = f"{1000 * found['int8'] / bench.items.height:.2f} ms an item, {share:.0%} of the limit, {found['fp32'] / found['int8']:.2f} of fp32"
    yield Row("image tower, int8", value, "40% (55%)", share >= 0.4)


def reading(bench: Bench) -> Iterator[Row]:
    """What pictures cost before the tower, by their size."""
    rules = bench.classifier.rules.image
    texts, pixels = batches(bench)
    ends = (session(bench.bundle / "text.onnx"), session(bench.bundle / "image.onnx"))
    drawn = {size: [resized(path, size) for path in bench.items["image"][:24]] for size in SIZES}

    def through() -> None:
        for batch in texts[:: max(1, len(texts) // 4)]:
            ends[0].run(None, {"ids": batch})
        for batch in pixels[:12]:
            ends[1].run(None, {"pixels": batch})

    def cpu(work: Callable[[], object]) -> float:
        found = []
        for _ in range(bench.options.rounds):
            started = time.thread_time()
            work()
            found.append(time.thread_time() - started)
        return statistics.median(found)

    through()
    chosen = texts[:: max(1, len(texts) // 4)]
    text = cpu(lambda: [ends[0].run(None, {"ids": batch}) for batch in chosen]) / sum(map(len, chosen))
    image = cpu(lambda: [ends[1].run(None, {"pixels": batch}) for batch in pixels[:12]]) / sum(map(len, pixels[:12]))
    for size, files in drawn.items():
        each = cpu(lambda files=files: to_tensor(np.stack([decode(one, rules) for one in files]), rules)) / len(files)
        share = each / (each + text + image)
        what = f"reading a picture of {size[0]}x{size[1]}, {statistics.mean(map(len, files)) / 1024:.0f} KiB"
        yield Row(what, f"{1000 * each:.2f} ms of CPU, {share:.0%} of the cost", "15%", share <= 0.15)


def resized(path: str, size: tuple[int, int]) -> bytes:
    """A picture as a JPEG of another size."""
    with Image.open(path) as image:
        made, out = image.convert("RGB").resize(size, Image.Resampling.BICUBIC), io.BytesIO()
    made.save(out, "JPEG", quality=88)
    return out.getvalue()


def delivered(bench: Bench, place: Path, count: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and peak MiB of `catalog classify` for `count` items, each with a title of its own."""
    shutil.copytree(bench.workspace, place, ignore=shutil.ignore_patterns("labels", "embeddings"))
    known = items(bench.folder, 5000)
    number = np.arange(count)
    feed = known[number % known.height].select(
        pl.Series("item_id", [f"t{n}" for n in number]), pl.format("{} {}", "title", pl.Series(number)), image="image"
    )
    inbox = place / "feeds" / "timed"
    (inbox / "images").mkdir(parents=True)
    for path in feed["image"].unique():
        shutil.copy(path, inbox / "images" / Path(path).name)
    feed.with_columns("images/" + pl.col("image").str.split("/").list.last()).write_csv(inbox / "items.csv")
    run("ingest", "-w", str(place))
    apart = subprocess.run(
        [sys.executable, "-c", APART, *COMMAND, "classify", "-w", str(place)], check=True, stdout=subprocess.PIPE
    )
    seconds, cpu, peak = json.loads(apart.stdout.splitlines()[-1])
    return seconds, cpu, peak


def start(bench: Bench) -> Iterator[Row]:
    """The whole process on 10 items."""
    found = []
    for _ in range(bench.options.rounds):
        with tempfile.TemporaryDirectory() as place:
            found.append(delivered(bench, Path(place) / "workspace", 10))
    seconds, cpu = (statistics.median(column) for column in list(zip(*found, strict=True))[:2])
    value = f"{seconds:.2f} s, {cpu:.2f} s of CPU"
    yield Row("catalog classify, 10 items, whole process", value, "2 s (1 s)", seconds <= 2)


def memory(bench: Bench) -> Iterator[Row]:
    """Peak memory of the process on more and more items."""
    for count in bench.options.memory_items:
        with tempfile.TemporaryDirectory() as place:
            seconds, _, peak = delivered(bench, Path(place) / "workspace", count)
        yield Row(
            f"catalog classify, {count:,} items", f"{peak:.0f} MiB at most, {seconds:.0f} s", "2,048 MiB", peak <= 2048
        )


def main() -> None:
    """Measures, prints, and appends the table to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--workspace", type=Path, help="made there, or used as it stands; a temporary one without it")
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-items", type=int, nargs="*", default=[2_000, 8_000])
    parser.add_argument("--only", nargs="*", default=SECTIONS, choices=SECTIONS)
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sections = {"cold": cold, "towers": towers, "int8": int8, "reading": reading, "start": start, "memory": memory}
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or write_sample(Path(scratch) / "sample", products=LABELS + 500).labels
        workspace = options.workspace or Path(scratch) / "workspace"
        if not workspace.exists():
            trained(folder, workspace)
        bench = Bench(folder, workspace, options)
        title = f"### Classifying, {here()}, load {os.getloadavg()[0]:.1f} before"
        heading = [title, "", "| what | measured | asked (aim) | met |", "|---|---|---|---|"]
        told(heading, (row.line() for name in options.only for row in sections[name](bench)), options.append)


if __name__ == "__main__":
    main()
