"""Names of categories that are UTF-8 somebody read as another encoding: said when a hierarchy is imported, because people
and the model would read them so, and every product name beside them is sound."""

from catalog.taxonomies.taxonomy import Taxonomy
from catalog.values.mojibake import meant

_SHOWN = 3
_ENCODINGS = ("windows-1252", "windows-1251", "mac_roman")


def misread_names(taxonomy: Taxonomy, file: str) -> str:
    """What to say about names that look misread or lost letters, with examples and the remedy; empty when none do."""
    names = [name for name in taxonomy.nodes["name"].unique(maintain_order=True) if not name.isascii()]
    found = {name: right for name in names if (right := meant(name)) != name}
    lost = [name for name in names if "\ufffd" in name]
    if not found and not lost:
        return ""
    shown = [f"{name!r} (meant is {right!r})" for name, right in list(found.items())[:_SHOWN]]
    shown += [repr(name) for name in lost[: _SHOWN - len(shown)]]
    number = len(found.keys() | set(lost))
    said = f"WARNING: {number:,} names look like text that was read in a wrong encoding: {', '.join(shown)}."
    return f"{said} {_remedy(found, file, lost=bool(lost))}"


def _remedy(found: dict[str, str], file: str, *, lost: bool) -> str:
    back = next((name for name in _ENCODINGS if all(_turned(text, name) == right for text, right in found.items())), "")
    if lost or not back:
        return "Get the file anew from where it comes from, in UTF-8, and import that."
    return f"Get the file anew, or turn it back and import the new one: iconv -f UTF-8 -t {back.upper()} {file} > {file}.utf8"


def _turned(text: str, encoding: str) -> str | None:
    try:
        return text.encode(encoding).decode("utf-8")
    except UnicodeError:
        return None
