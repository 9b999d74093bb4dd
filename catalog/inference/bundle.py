"""A trained model as a folder: named by its content, verified before anything of it is loaded."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog import durable
from catalog.certification.calibration import Temperatures, log_odds
from catalog.errors import BundleRefused
from catalog.inference.early_exit import EarlyExit
from catalog.inference.novelty import Novelty
from catalog.inference.signatures import ANYBODY, SIGNATURES, Trust

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Layout:
    """The files of a bundle, each named once."""

    text: str = "text.onnx"
    image: str = "image.onnx"
    fusion: str = "fusion.onnx"
    tokenizer: str = "tokenizer.json"
    preprocess: str = "preprocess.json"
    labels: str = "labels.json"
    lexicon: str = "lexicon.npz"
    calibration: str = "calibration.json"
    card: str = "MODEL_CARD.md"


LAYOUT = Layout()


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. `classes` are category ids in label order; `ancestors` runs from the department to the class."""

    path: Path
    model_id: str
    classes: list[str]
    ancestors: dict[str, list[str]]
    towers: dict[str, str]
    temperatures: Temperatures
    novelty: Novelty
    early_exit: EarlyExit
    manifest: dict[str, Any]

    def odds(self, logits: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Calibrated log-odds (n, classes) of logits (n, classes); `present` (n, 2): what was read of each, text, picture."""
        return log_odds(logits / self.temperatures.of(present)[:, None])


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finalize(folder: Path, models: Path, facts: dict[str, Any], card: str) -> str:
    """Writes the model card (text of it given) and the manifest, names the folder by its content and moves it into place in one rename.

    The same content has the same id; a bundle that exists already stays as it is.
    """
    (folder / LAYOUT.card).write_text(card, encoding="utf-8")
    files = {file.name: file_sha256(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST}
    model_id = _named(files)
    manifest = {"format": FORMAT, "model_id": model_id, "files": files, "facts": facts}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, default=str) + "\n")
    for path in (*folder.iterdir(), folder):
        durable.sync(path)
    models.mkdir(parents=True, exist_ok=True)
    if not (models / model_id).exists():
        folder.rename(models / model_id)
        durable.sync(models)
    return model_id


def _named(files: dict[str, str]) -> str:
    """The id of a bundle of these files."""
    return hashlib.sha256(json.dumps([FORMAT, files]).encode()).hexdigest()[:12]


def verify(path: Path, trust: Trust = ANYBODY) -> dict[str, Any]:
    """The manifest of a bundle whose every file is what it says, and which one we trust has signed where that is asked.

    Raises BundleRefused naming the file, or what is wrong with the signature.
    """
    try:
        content = (path / MANIFEST).read_bytes()
        manifest = json.loads(content)
        expected = manifest["files"]
    except (OSError, ValueError, KeyError) as error:
        raise _refused(path, "its manifest cannot be read") from error
    trust.check(path, content)
    if manifest["format"] != FORMAT:
        raise _refused(path, f"it has format {manifest['format']}, this program reads {FORMAT}")
    if not (manifest.get("model_id") == path.name == _named(expected)):
        # the ledger knows a model by this name: whoever alters a file and its manifest has another model
        raise _refused(path, "its name is not that of its content")
    found = {file.name for file in path.iterdir()} - {MANIFEST, SIGNATURES}
    if found != set(expected):
        raise _refused(path, f"it should hold {sorted(expected)} and holds {sorted(found)}")
    with ThreadPoolExecutor(2) as pool:  # a large file is most of it: the others are read meanwhile
        right = pool.map(lambda name: _is(path / name, expected[name]), expected)
    for name, same in zip(expected, right, strict=True):
        if not same:
            raise _refused(path, f"{name} is not the file it was trained with")
    return manifest


def _is(file: Path, digest: str) -> bool:
    return not file.is_symlink() and file_sha256(file) == digest


def _refused(path: Path, why: str) -> BundleRefused:
    return BundleRefused(
        f"The bundle {path} is refused: {why}.", remedy="Restore it from a backup, or promote another model."
    )


def open_bundle(path: Path, *, trust: Trust = ANYBODY, verified: bool = True) -> Bundle:
    """Opens a bundle; `verified=False` is for one that is still being made and has no manifest yet."""
    manifest = verify(path, trust) if verified else {"model_id": "unfinished"}
    labels = json.loads((path / LAYOUT.labels).read_text())
    calibration = path / LAYOUT.calibration
    calibrated = json.loads(calibration.read_text()) if calibration.exists() else Temperatures().to_dict()
    return Bundle(
        path,
        manifest["model_id"],
        labels["classes"],
        labels["ancestors"],
        labels["towers"],
        Temperatures.from_dict(calibrated),
        Novelty.from_dict(calibrated),
        EarlyExit.from_dict(calibrated),
        manifest,
    )
