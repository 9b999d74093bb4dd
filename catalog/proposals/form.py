"""A vendor's form as TOML text, with the reason of each line beside it."""

import json
import re
from dataclasses import dataclass
from typing import Any

_BARE = re.compile(r"^[A-Za-z0-9_-]+$")
_HEADER_MARK = "# Their columns, kept for --update: "
_LONG = 100


@dataclass(frozen=True)
class Entry:
    """One key of the form. unsure: what a person should look at, empty when nothing. off: the line is commented out."""

    key: str
    value: Any
    why: str = ""
    unsure: str = ""
    off: bool = False


def literal(value: Any) -> str:
    """A value as TOML. Text comes from a vendor: every character that could end the string is escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key(name)} = {literal(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        inner = [literal(one) for one in value]
        flat = f"[{', '.join(inner)}]"
        return flat if len(flat) <= _LONG else "[\n" + "".join(f"    {one},\n" for one in inner) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A key as TOML."""
    return name if _BARE.match(name) else literal(name)


def comment(text: str) -> str:
    """Text on one line without characters that TOML forbids in comments."""
    return "".join(c for c in " ".join(text.split()) if c == "\t" or (c >= " " and c != "\x7f"))


def line(entry: Entry) -> str:
    """`key = value  # why`; what is unsure is said first. A long line has its comment above."""
    said = "; ".join(part for part in (entry.unsure and f"UNSURE: {entry.unsure}", entry.why) if part)
    text = f"{key(entry.key)} = {literal(entry.value)}"
    if entry.off:
        text = "\n".join(f"# {part}" for part in text.splitlines())
    said = comment(said)
    if not said:
        return text
    if "\n" in text or len(text) + len(said) > 2 * _LONG:
        return f"# {said}\n{text}"
    return f"{text}  # {said}"


def written(opening: list[str], sections: dict[str, list[Entry]], notes: list[str], header: list[str]) -> str:
    """The whole form. sections: '' for the keys at the top; notes: remarks at the end; header: their columns."""
    parts = ["".join(f"# {comment(said)}\n" for said in opening)]
    for name, entries in sections.items():
        if entries:
            parts.append((f"[{name}]\n" if name else "") + "".join(f"{line(entry)}\n" for entry in entries))
    if notes:
        parts.append("".join(f"# {comment(note)}\n" for note in notes))
    if header:
        parts.append(_HEADER_MARK + comment(json.dumps(header, ensure_ascii=False)) + "\n")
    return "\n".join(parts)


def kept_header(text: str) -> list[str]:
    """Their columns as a form proposed earlier keeps them; empty when it does not."""
    for one in text.splitlines():
        if one.startswith(_HEADER_MARK):
            try:
                found = json.loads(one.removeprefix(_HEADER_MARK))
            except ValueError:
                return []
            return [str(name) for name in found] if isinstance(found, list) else []
    return []
