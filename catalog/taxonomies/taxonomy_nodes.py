"""From nodes that name their parents to a hierarchy, or to the lines that make it none."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from catalog.errors import CatalogError
from catalog.taxonomies.taxonomy import NODE_SCHEMA, SEPARATOR, Taxonomy

_SHOWN = 5
_ROOT = ("", "0", "-1", "null", "none", "\\n", "root")  # what stands for no parent, unless a node is called that
_HALF = re.compile("[\ud800-\udfff]")  # of a character: JSON can name one, UTF-8 has none


@dataclass(frozen=True, slots=True)
class Node:
    """A node as a file gives it. `parent` is empty for a department; `line` is where to correct it."""

    line: int
    key: str
    parent: str
    name: str
    note: str = ""
    assignable: bool = True


@dataclass
class Problems:
    """What is wrong with a file, collected so that a person corrects it once and not line by line."""

    file: Path
    found: list[str] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """One line of the file and what is wrong with it."""
        self.found.append(f"line {line}: {what}")

    def stop(self, remedy: str) -> None:
        """Raises CatalogError that names the first lines, when there are any."""
        if self.found:
            more = f"; and {len(self.found) - _SHOWN} more" if len(self.found) > _SHOWN else ""
            raise CatalogError(f"{self.file}: {'; '.join(self.found[:_SHOWN])}{more}.", remedy=remedy)


def built(nodes: Iterable[Node], file: Path) -> Taxonomy:
    """The hierarchy. Raises CatalogError for repeated ids, missing names, unknown parents and cycles, by line."""
    problems = Problems(file)
    kept = _unique(nodes, problems)
    problems.stop("Give every category an id of its own and a name.")
    if not kept:
        raise CatalogError(f"{file} holds no category.", remedy="Give a taxonomy file with at least one category.")
    parents = {node.key: _parent(node, kept) for node in kept.values()}
    for node in kept.values():
        if parents[node.key] and parents[node.key] not in kept:
            problems.add(node.line, f"category {node.key!r} names the unknown parent {node.parent!r}")
    problems.stop("Add the missing categories, or correct the parent column.")
    paths = _paths(kept, parents, problems)
    problems.stop("Correct the parent column.")
    inner = set(parents.values())
    rows = [
        (key, parents[key] or None, path, kept[key].name, level, key not in inner, kept[key].assignable, kept[key].note or None)
        for key, (path, level) in paths.items()
    ]  # fmt: skip
    return Taxonomy.from_nodes(pl.DataFrame(rows, schema=NODE_SCHEMA, orient="row"))


def _unique(nodes: Iterable[Node], problems: Problems) -> dict[str, Node]:
    kept: dict[str, Node] = {}
    for node in nodes:
        if not node.key or not node.name:
            problems.add(node.line, f"a category without {'a name' if node.key else 'an id'}")
        elif _HALF.search(f"{node.key}{node.parent}{node.name}{node.note}"):
            problems.add(node.line, f"category {node.key!r} holds half a character, which no file can")
        elif node.key in kept:
            problems.add(node.line, f"the id {node.key!r} occurs twice, first in line {kept[node.key].line}")
        else:
            kept[node.key] = node
    return kept


def _parent(node: Node, known: dict[str, Node]) -> str:
    if node.parent not in known and node.parent.casefold() in _ROOT:
        return ""
    return node.parent


def _paths(nodes: dict[str, Node], parents: dict[str, str], problems: Problems) -> dict[str, tuple[str, int]]:
    """Path and level of each node; nodes on or below a cycle are left out, and one line of each cycle is named."""
    paths: dict[str, tuple[str, int]] = {}
    lost: set[str] = set()
    for start in nodes:
        chain, key = [], start
        while key and key not in paths and key not in lost and key not in chain:
            chain.append(key)
            key = parents[key]
        if key in chain:
            problems.add(nodes[key].line, f"category {key!r} is its own ancestor")
        if key in chain or key in lost:
            lost.update(chain)
            continue
        for node in reversed(chain):
            above, level = paths.get(parents[node], ("", 0))
            paths[node] = (f"{above}{SEPARATOR}{nodes[node].name}" if above else nodes[node].name, level + 1)
    return paths
