"""Signatures of bundles: a checksum says that a model is whole, a signature who vouched for it.

A signature is made over the bundle's manifest, which names every file by its sha256, and lies beside it. Public keys lie in
the keyring, a folder that best belongs to somebody else than whoever may write into the workspace.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from catalog import durable
from catalog.errors import BundleRefused, CatalogError
from catalog.settings import Settings, Workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURES = "signatures.json"
# Signed before the manifest, so that what the same key signed for another purpose is no signature of a bundle.
_PURPOSE = b"feedshelf bundle manifest 1\n"
_MOST_BYTES = 65_536  # of a file of signatures or keys: a few hundred bytes each


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: (id, 32 bytes) of each public key. Without keys, and where none is required, nobody is asked."""

    keys: tuple[tuple[str, bytes], ...] = ()
    required: bool = False
    keyring: str = ""

    def check(self, bundle: Path, manifest: bytes) -> None:
        """Raises BundleRefused unless a known key signed these bytes, or nothing is signed and nothing must be."""
        if not (self.keys or self.required):
            return
        said = _signatures(bundle)
        if not said:
            if self.required:
                raise _unsigned(bundle)
            return
        known = dict(self.keys)
        valid = [_valid(known[key], signature, manifest) for key, signature in said if key in known]
        if not valid:
            raise BundleRefused(
                f"The bundle {bundle} is refused: it is signed with {', '.join(key for key, _ in said)}, "
                f"and no such key is in {self.keyring}.",
                remedy="If that key is yours, put its public half there; else sign the bundle with one that is, or promote "
                "another model.",
            )
        if not all(valid):
            raise BundleRefused(
                f"The bundle {bundle} is refused: its signature is not one of this manifest.",
                remedy="Somebody altered it: restore it from a backup, or promote another model.",
            )


ANYBODY = Trust()


class _Asks(Protocol):
    """A job or a session: what knows its workspace and its settings."""

    @property
    def workspace(self) -> Workspace: ...
    @property
    def settings(self) -> Settings: ...


def trust_of(asking: _Asks) -> Trust:
    """What the settings of a job or a session say. Raises CatalogError as `trust` does."""
    return trust(asking.workspace, asking.settings)


def trust(workspace: Workspace, settings: Settings) -> Trust:
    """What the settings of a workspace say, its keyring read. Raises CatalogError when a key of it is none."""
    folder = workspace.root / settings.models.keyring
    files = sorted(folder.glob("*.pem"))
    if settings.models.require_signature and not files:
        raise CatalogError(
            f"Models must be signed (models.require_signature), and {folder} holds no public key.",
            remedy="Put the public keys that count there, as NAME.pem (docs/models.md, Signatures).",
        )
    keys = tuple(_raw(_public(file)) for file in files)
    return Trust(keys, settings.models.require_signature, str(folder))


def sign(bundle: Path, manifest: bytes, key_file: Path) -> str:
    """Signs a bundle and returns the key's id; other keys' signatures stay, and count as long as their keys do.

    Raises CatalogError when the file holds no usable private key, or others may read it.
    """
    key = _private(key_file)
    name, _ = _raw(key.public_key())
    ours = {"key": name, "signature": base64.b64encode(key.sign(_PURPOSE + manifest)).decode()}
    others = [
        {"key": other, "signature": base64.b64encode(said).decode()}
        for other, said in _signatures(bundle)
        if other != name
    ]
    durable.write(bundle / SIGNATURES, json.dumps([*others, ours], indent=1).encode() + b"\n")
    return name


def _valid(public: bytes, signature: bytes, manifest: bytes) -> bool:
    ed25519, _, wrong = _cryptography()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, _PURPOSE + manifest)
    except wrong:
        return False
    return True


def _signatures(bundle: Path) -> list[tuple[str, bytes]]:
    """(key's id, signature) of each; none where there is no such file."""
    path = bundle / SIGNATURES
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            raise ValueError
        said = json.loads(path.read_bytes())
        return [(str(one["key"]), base64.b64decode(one["signature"], validate=True)) for one in said]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleRefused(
            f"The bundle {bundle} is refused: its {SIGNATURES} cannot be read.",
            remedy=f"Sign it again: catalog models sign {bundle.name} --key FILE",
        ) from error


def _unsigned(bundle: Path) -> BundleRefused:
    return BundleRefused(
        f"The bundle {bundle} is refused: it is not signed, and models.require_signature asks for it.",
        remedy=f"If you vouch for it: catalog models sign {bundle.name} --key FILE",
    )


def _raw(key: "Ed25519PublicKey") -> tuple[str, bytes]:
    """A public key's id, the start of its sha256, and its 32 bytes."""
    raw = key.public_bytes_raw()
    return hashlib.sha256(raw).hexdigest()[:16], raw


def _public(file: Path) -> "Ed25519PublicKey":
    ed25519, serialization, _ = _cryptography()
    try:
        key = serialization.load_pem_public_key(_read(file))
    except Exception as error:  # the package raises half a dozen unrelated kinds
        raise _no_key(file, "public") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise _no_key(file, "public")
    return key


def _private(file: Path) -> "Ed25519PrivateKey":
    ed25519, serialization, _ = _cryptography()
    if file.is_file() and file.stat().st_mode & 0o077:
        raise CatalogError(
            f"Others than its owner may read the private key {file}.",
            remedy=f"Take that right away (chmod 600 {file}), and if others could have read it, make a new key.",
        )
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except Exception as error:
        raise _no_key(file, "private") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise _no_key(file, "private")
    return key


def _read(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(_MOST_BYTES)


def _no_key(file: Path, which: str) -> CatalogError:
    return CatalogError(
        f"{file} cannot be read as a {which} ed25519 key in PEM without a passphrase.",
        remedy="docs/models.md, Signatures, has the two lines that make a pair of keys.",
    )


def _cryptography() -> tuple[Any, Any, type[Exception]]:
    """The package, which only those need who sign or check."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        raise CatalogError(
            "Signatures of models need a package that is not installed.", remedy="pip install 'feedshelf[sign]'"
        ) from error
    return ed25519, serialization, InvalidSignature
