"""Forms of exports that many shops send, as data: one TOML file each beside this one."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

_NAME = re.compile(r"^[a-z0-9]+$")


def preset_names() -> list[str]:
    """The presets there are."""
    return sorted(
        Path(file.name).stem for file in files("catalog.reading.presets").iterdir() if file.name.endswith(".toml")
    )


def preset(name: Any) -> dict[str, Any]:
    """What a preset sets, in the form of a mapping, with `formats` besides: the first is the usual one.

    Raises ValueError naming the known ones.
    """
    if not isinstance(name, str) or not _NAME.match(name) or name not in preset_names():
        raise ValueError(f"unknown preset {name!r}; known: {', '.join(preset_names())}")
    return tomllib.loads(files("catalog.reading.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def with_preset(given: dict[str, Any]) -> dict[str, Any]:
    """A form with what its preset sets and it does not. A column or rule of the form replaces the preset's one."""
    base = preset(given["preset"])
    formats = base.pop("formats")
    merged = {**base, **given}
    for section in ("columns", "rules", "delivery"):
        if isinstance(given.get(section, {}), dict):
            merged[section] = {**base.get(section, {}), **given.get(section, {})}
    merged.setdefault("format", formats[0])
    return merged


def preset_format(name: Any, feed: Path) -> str | None:
    """The format of a feed under a preset: the one its name says if the preset has it, else the preset's usual one."""
    if not name:
        return None
    formats = preset(name)["formats"]
    said = [suffix.lstrip(".").lower() for suffix in feed.suffixes[::-1]]
    return next((suffix for suffix in said if suffix in formats), formats[0])
