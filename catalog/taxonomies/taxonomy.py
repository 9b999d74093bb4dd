"""The category hierarchy, and the questions asked of it. Reading one from a file: catalog.taxonomies.taxonomy_files."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

SEPARATOR = " > "
NODE_SCHEMA = {
    "category_id": pl.String,
    "parent_id": pl.String,
    "path": pl.String,
    "name": pl.String,
    "level": pl.Int32,
    "is_leaf": pl.Boolean,
    "assignable": pl.Boolean,
    "scope_note": pl.String,
}


@dataclass(frozen=True)
class Taxonomy:
    """One version of a hierarchy. `nodes` has one row per node with the columns of `NODE_SCHEMA`."""

    version: str
    nodes: pl.DataFrame

    @classmethod
    def from_nodes(cls, nodes: pl.DataFrame) -> "Taxonomy":
        """Orders the nodes by path and names the version after their content, so the same file is the same version."""
        ordered = nodes.select(list(NODE_SCHEMA)).sort("path", "category_id")
        digest = hashlib.sha256()
        for row in ordered.iter_rows():
            digest.update(repr(row).encode())
        return cls(digest.hexdigest()[:16], ordered)

    @cached_property
    def _by_id(self) -> dict[str, dict]:
        return {row["category_id"]: row for row in self.nodes.iter_rows(named=True)}

    @cached_property
    def _by_path(self) -> dict[str, str]:
        return {path.casefold(): node for node, path in self.nodes.select("category_id", "path").iter_rows()}

    @cached_property
    def _unique_leaf(self) -> dict[str, str]:
        names: dict[str, list[str]] = {}
        for node, name in self.nodes.filter("is_leaf").select("category_id", "name").iter_rows():
            names.setdefault(name.casefold(), []).append(node)
        return {name: found[0] for name, found in names.items() if len(found) == 1}

    def __contains__(self, category_id: object) -> bool:
        return category_id in self._by_id

    def path(self, category_id: str) -> str:
        """The full path, levels joined by ' > '."""
        return self._by_id[category_id]["path"]

    def level(self, category_id: str) -> int:
        """Depth of the node: 1 below the root."""
        return self._by_id[category_id]["level"]

    def is_leaf(self, category_id: str) -> bool:
        """True when no other node names it as parent."""
        return self._by_id[category_id]["is_leaf"]

    def assignable(self, category_id: str) -> bool:
        """True when products may stand at this node."""
        return self._by_id[category_id]["assignable"]

    def parent(self, category_id: str) -> str | None:
        """The parent's id; None for a department."""
        return self._by_id[category_id]["parent_id"]

    def ancestors(self, category_id: str) -> list[str]:
        """Ids from the department (level 1) down to the node itself."""
        chain: list[str] = []
        node: str | None = category_id
        while node is not None:
            chain.append(node)
            node = self._by_id[node]["parent_id"]
        return chain[::-1]

    def resolve(self, text: str) -> str | None:
        """The id meant by an id, a full path or a leaf name that occurs once; None when nothing or several fit."""
        text = normal_path(text)
        if text in self._by_id:
            return text
        folded = text.casefold()
        return self._by_path.get(folded) or self._unique_leaf.get(folded)


def normal_path(text: str) -> str:
    """A path with single spaces around '>' and none at the ends."""
    return SEPARATOR.join([stripped for part in " ".join(text.split()).split(">") if (stripped := part.strip())])


def from_paths(paths: Iterable[str], ids: Iterable[str] | None = None) -> Taxonomy:
    """A taxonomy of the given paths and all their ancestors; without ids the id of a node is its path."""
    wanted = [normal_path(path) for path in paths]
    named = dict(zip(wanted, ids, strict=True)) if ids is not None else {}
    every: dict[str, str] = {}  # path -> its parent's
    for deepest in wanted:
        path = deepest
        while path and path not in every:
            every[path] = path.rpartition(SEPARATOR)[0]
            path = every[path]
    inner = set(every.values())
    rows = [
        (named.get(path, path), named.get(above, above) or None, path, path.rpartition(SEPARATOR)[2],
         path.count(SEPARATOR) + 1, path not in inner, True, None)
        for path, above in every.items()
    ]  # fmt: skip
    return Taxonomy.from_nodes(pl.DataFrame(rows, schema=NODE_SCHEMA, orient="row"))
