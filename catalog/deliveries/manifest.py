"""A vendor's manifest `<feed>.manifest.json`: which files belong together, and how to tell that they are whole.

Two forms: `{"files": [{"name", "bytes", "sha256", "rows"}, ...], "delivered_at", "kind"}`, or for the one file it is named
after `{"bytes", "sha256", "rows"}`. Everything but the names is optional.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    ValidationError,
    field_validator,
)

from catalog.errors import CatalogError

SUFFIX = ".manifest.json"
_MOST_BYTES = 1024 * 1024
_MOST_SAID = 5


class _Read(BaseModel):
    # keys we do not know are the vendor's own business
    model_config = ConfigDict(frozen=True, extra="ignore")


def _plain_name(name: object) -> object:
    if isinstance(name, str) and (not name or name.startswith(".") or "/" in name or "\\" in name):
        raise ValueError(f"{name!r} is no plain name of a file in the same folder")
    return name


def _lower(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


class File(_Read):
    """What the vendor says of one file; None where nothing is said."""

    name: Annotated[str, BeforeValidator(_plain_name)]
    bytes: int | None = Field(None, ge=0)
    sha256: Annotated[str | None, BeforeValidator(_lower)] = Field(None, pattern="^[0-9a-f]{64}$")
    rows: int | None = Field(None, ge=0)


class Manifest(_Read):
    """What the vendor says of one delivery. The order of the files is the order of their rows."""

    files: tuple[File, ...] = Field(min_length=1)
    delivered_at: AwareDatetime | NaiveDatetime | None = None
    kind: Literal["full", "delta"] | None = None

    @field_validator("delivered_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        """In the calendar's first and last hours a time with a zone has no place in UTC."""
        try:
            return value.astimezone(UTC) if value is not None and value.tzinfo else value
        except OverflowError as error:
            raise ValueError("is no time that UTC has") from error

    @property
    def dated(self) -> datetime | None:
        """When it was delivered, in UTC; a time without a zone is taken as UTC."""
        given = self.delivered_at
        if given is None:
            return None
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)

    def rows_of(self, name: str) -> int | None:
        """Rows promised for a file."""
        return next((file.rows for file in self.files if file.name == name), None)


def read_manifest(path: Path, feeds: list[str]) -> Manifest:
    """Reads a manifest file. `feeds` are the names beside it, among which the single-file form finds its own.

    Raises CatalogError when it is no manifest or names files elsewhere.
    """
    remedy = "Ask the vendor for a correct one (docs/deliveries.md), or remove it to have the files taken without."
    if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        raise CatalogError(f"{path.name} is a link or larger than any manifest.", remedy=remedy)
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(given, dict):
            raise TypeError("it is no JSON object")
        if "files" not in given:
            given = {**given, "files": [{**given, "name": _named_after(path, feeds)}]}
        found = Manifest.model_validate(given)
    except ValidationError as error:
        raise CatalogError(f"{path.name} cannot be used: {_wrong(error)}.", remedy=remedy) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise CatalogError(f"{path.name} cannot be read: {error}.", remedy=remedy) from error
    if len({file.name for file in found.files}) < len(found.files):
        raise CatalogError(f"{path.name} names a file twice.", remedy=remedy)
    return found


def _wrong(error: ValidationError) -> str:
    """What is wrong where, without what only follows from it: a list whose entries are wrong counts as empty too."""
    found = {".".join(map(str, one["loc"])): one for one in error.errors()}
    said = [(place, one) for place, one in found.items() if not any(other.startswith(f"{place}.") for other in found)]
    words = [f"{place} is {one['input']!r:.60}: {one['msg']}" for place, one in said[:_MOST_SAID]]
    return "; ".join(words)


def _named_after(path: Path, feeds: list[str]) -> str:
    """The file a single-file manifest is about: `items.csv` for items.csv.manifest.json or items.manifest.json."""
    stem = path.name[: -len(SUFFIX)]
    if stem in feeds:
        return stem
    alike = [name for name in feeds if name.startswith(f"{stem}.")]
    return alike[0] if len(alike) == 1 else stem


def damage(manifest: Manifest, present: Mapping[str, tuple[int, str]]) -> str:
    """What speaks against the files being whole, in words; empty when nothing does. present: name -> (bytes, sha256)."""
    said = [problem for file in manifest.files if (problem := _damaged(file, present.get(file.name)))]
    more = f" and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
    return "; ".join(said[:_MOST_SAID]) + more


def _damaged(file: File, found: tuple[int, str] | None) -> str:
    if found is None:
        return f"{file.name} is missing"
    size, sha256 = found
    if file.bytes is not None and file.bytes != size:
        return f"{file.name} has {size:,} bytes instead of {file.bytes:,}"
    if file.sha256 is not None and file.sha256 != sha256:
        return f"{file.name} has another sha256 ({sha256[:12]}... instead of {file.sha256[:12]}...)"
    return ""
