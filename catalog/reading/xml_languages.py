"""Elements of an XML file that say the same in several languages: one language counts, or titles would run together."""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from catalog.reading.mapping import Mapping
from catalog.reading.xml_elements import elements
from catalog.reading.xml_paths import XmlPath, local, parse_path

_OWN = "{http://www.w3.org/XML/1998/namespace}lang"


def spoken(element: etree._Element) -> str:
    """The language an element says it is in (`lang` or `xml:lang`), in small letters; empty when it says none."""
    return (element.get("lang") or element.get(_OWN) or "").strip().casefold()


class Languages:
    """Chooses among elements. wanted: the language that counts where there is one of it; empty for none in particular."""

    def __init__(self, wanted: str = "") -> None:
        self._wanted = wanted.strip().casefold()

    def chosen(self, found: list[etree._Element]) -> list[etree._Element]:
        """Those of one language: the wanted one, else those that say none, else that of the first. All where no two
        languages are among them. Empty ones count only where all are."""
        if len(found) < 2 or len({spoken(element) for element in found}) < 2:
            return found
        filled = [element for element in found if len(element) or (element.text or "").strip()] or found
        said = [spoken(element) for element in filled]
        wanted = next((one for one in said if one and self._wanted in (one, one.partition("-")[0])), None)
        language = wanted or ("" if "" in said else said[0])
        return [element for element, one in zip(filled, said, strict=True) if one == language]

    def others(self, found: list[etree._Element], path: XmlPath) -> Iterator[tuple[str, str]]:
        """What the elements that were not chosen say, by their name and language."""
        kept = self.chosen(found)
        for element in found:
            if element not in kept and (text := path.value(element)):
                yield f"{local(element)} {spoken(element)}".strip(), text


def languages(path: Path, mapping: Mapping) -> Languages:
    """The language that the form names, else the one that the file names before its first record."""
    return Languages(mapping.language or _default(path, mapping))


def _default(path: Path, mapping: Mapping) -> str:
    records = {step.name for one in mapping.records for step in parse_path(one).steps[-1:]}
    for source in mapping.default_language:
        for element in elements(path, mapping.said_encoding, [source, *mapping.records]):
            if local(element) in records:
                break
            if text := (element.text or "").strip():
                return text
    return ""
