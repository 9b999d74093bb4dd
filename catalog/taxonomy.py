"""The category hierarchy: reading it from the formats people have, and asking it questions."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from catalog.errors import CatalogError

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
_ID_AND_PATH = re.compile(r"^(\S+)\s+[-:]\s+(.+)$")  # "1 - Animals" (Google), "gid://... : Animals" (Shopify)


@dataclass(frozen=True)
class Taxonomy:
    """One version of a hierarchy. `nodes` has one row per node with the columns of `NODE_SCHEMA`."""

    version: str
    nodes: pl.DataFrame

    @classmethod
    def from_nodes(cls, nodes: pl.DataFrame) -> "Taxonomy":
        """Orders the nodes by path and names the version after their content, so the same file is the same version."""
        ordered = nodes.select(list(NODE_SCHEMA)).sort("path")
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
    return SEPARATOR.join(" ".join(part.split()) for part in text.split(">") if part.strip())


def from_paths(paths: Iterable[str], ids: Iterable[str] | None = None) -> Taxonomy:
    """A taxonomy of the given paths and all their ancestors; without ids the id of a node is its path."""
    wanted = [normal_path(path) for path in paths]
    named = dict(zip(wanted, ids, strict=True)) if ids is not None else {}
    every = sorted({SEPARATOR.join(p.split(SEPARATOR)[: n + 1]) for p in wanted for n in range(p.count(SEPARATOR) + 1)})
    parents = {path.rpartition(SEPARATOR)[0] for path in every}
    rows = []
    for path in every:
        parent, _, name = path.rpartition(SEPARATOR)
        rows.append(
            {
                "category_id": named.get(path, path),
                "parent_id": named.get(parent, parent) or None,
                "path": path,
                "name": name,
                "level": path.count(SEPARATOR) + 1,
                "is_leaf": path not in parents,
                "assignable": True,
                "scope_note": None,
            }
        )
    return Taxonomy.from_nodes(pl.DataFrame(rows, schema=NODE_SCHEMA))


def read_taxonomy(file: Path) -> Taxonomy:
    """Reads Google's text format, a CSV of id, parent and name, or the paths of a labelled file.

    Raises CatalogError when the file is none of these, has a cycle, a missing parent or a repeated id.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Give a UTF-8 text file.") from error
    lines = [line for line in text.splitlines() if line.strip()]
    content = [line for line in lines if not line.startswith("#")]
    if not content:
        raise CatalogError(f"{file} holds no category.", remedy="Give a taxonomy file with at least one category.")
    if len(content) < len(lines) or _ID_AND_PATH.match(content[0]):
        return _from_text(content, file)
    if SEPARATOR in content[0] and "," not in content[0]:
        return from_paths(content)
    return _from_csv(file, text)


def _from_text(content: list[str], file: Path) -> Taxonomy:
    """One category a line, with or without an id before its path, as Google and Shopify publish theirs."""
    found = [_ID_AND_PATH.match(line) for line in content]
    if not any(found):
        return from_paths(content)
    wrong = next((line for line, match in zip(content, found, strict=True) if not match), None)
    if wrong is not None:
        raise CatalogError(f"{file}: the line {wrong[:80]!r} has no id.", remedy="Give every line as: id - path.")
    return from_paths([m[2] for m in found if m], [m[1] for m in found if m])


def _from_csv(file: Path, text: str) -> Taxonomy:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    header = {name.strip().casefold(): name for name in (rows[0] if rows else {}) if name}
    id_column = header.get("category_id") or header.get("id")
    parent_column = header.get("parent_id") or header.get("parent")
    name_column = header.get("name") or header.get("category_name") or header.get("title")
    if not (id_column and parent_column and name_column) and "category_path" in header:
        return from_paths(
            {row[header["category_path"]] for row in rows if (row[header["category_path"]] or "").strip()}
        )
    if not (id_column and parent_column and name_column):
        raise CatalogError(
            f"{file} is not a taxonomy this program knows (columns: {', '.join(header) or 'none'}).",
            remedy="Give Google's text format, a CSV with the columns id, parent_id and name, "
            "or a labelled file with a column category_path.",
        )
    note, assign = header.get("scope_note"), header.get("assignable")
    nodes = {}
    for row in rows:
        key = row[id_column].strip()
        if key in nodes:
            raise CatalogError(f"{file}: the id {key!r} occurs twice.", remedy="Give every category an id of its own.")
        nodes[key] = (
            (row[parent_column] or "").strip() or None,
            " ".join(row[name_column].split()),
            (row[note] or None) if note else None,
            not assign or (row[assign] or "true").strip().lower() not in {"false", "0", "no"},
        )
    return _from_parents(nodes, file)


def _from_parents(nodes: dict[str, tuple[str | None, str, str | None, bool]], file: Path) -> Taxonomy:
    parents = {parent for parent, *_ in nodes.values()}
    rows = []
    for key, (parent, name, note, assignable) in nodes.items():
        path, seen, up = [name], {key}, parent
        while up is not None:
            if up not in nodes or up in seen:
                problem = "is its own ancestor" if up in seen else f"names the unknown parent {up!r}"
                raise CatalogError(f"{file}: category {key!r} {problem}.", remedy="Correct the parent column.")
            seen.add(up)
            path.append(nodes[up][1])
            up = nodes[up][0]
        rows.append(
            {
                "category_id": key,
                "parent_id": parent,
                "path": SEPARATOR.join(path[::-1]),
                "name": name,
                "level": len(path),
                "is_leaf": key not in parents,
                "assignable": assignable,
                "scope_note": note,
            }
        )
    return Taxonomy.from_nodes(pl.DataFrame(rows, schema=NODE_SCHEMA))
