"""Maps from an old version of the hierarchy to a new one: writing one for a person, reading it back, what it says."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from catalog import sheets
from catalog.errors import CatalogError
from catalog.jobs import digest
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.taxonomy_diff import Change
from catalog.taxonomies.taxonomy_nodes import Problems

COLUMNS = ("old_id", "old_path", "new_id", "new_path", "kind", "confidence", "reason")
_ONE = ("same", "renamed", "moved", "merged")


@dataclass(frozen=True)
class Move:
    """What became of one old category: one new id, several (a split), or none (removed)."""

    old_id: str
    new_ids: tuple[str, ...]
    kind: str
    reason: str = ""

    @property
    def target(self) -> str | None:
        """Where everything that stood there goes by itself; None when a person must say."""
        return self.new_ids[0] if len(self.new_ids) == 1 else None


@dataclass(frozen=True)
class CategoryMap:
    """Every old category by its id. `map_id` names the rows a person handed in; None where ids alone said it."""

    moves: dict[str, Move]
    map_id: str | None = None
    silent: frozenset[str] = frozenset()  # removed, for neither a row nor an equal id speaks for them

    def sentence(self, old_id: str, old: Taxonomy, new: Taxonomy) -> str:
        """Why what stood there needs a person, in words."""
        move, path = self.moves[old_id], old.path(old_id)
        if move.new_ids:
            parts = " and ".join(new.path(part) for part in move.new_ids)
            return f"It stood at {path}, which was split into {parts}."
        return f"It stood at {path}, which the taxonomy no longer has."


def by_ids(old: Taxonomy, new: Taxonomy) -> CategoryMap:
    """The map without a map: an id that is still there is the same category, any other is gone."""
    return _completed({}, old, new, None)


def _completed(said: dict[str, Move], old: Taxonomy, new: Taxonomy, map_id: str | None) -> CategoryMap:
    moves = dict(said)
    silent = set()
    for key in old.nodes["category_id"]:
        if key not in moves and key in new:
            moves[key] = Move(key, (key,), "same")
        elif key not in moves:
            moves[key] = Move(key, (), "removed")
            silent.add(key)
    return CategoryMap(moves, map_id, frozenset(silent))


def write_map(file: Path, changes: Iterable[Change]) -> int:
    """Writes the rows that say more than an equal id does, for a person to correct; returns how many."""
    rows = [
        (c.old_id, c.old_path, c.new_id, c.new_path, c.kind, f"{c.confidence:.2f}", c.reason)
        for c in changes
        if c.old_id and (c.kind != "same" or c.old_id != c.new_id)
    ]
    sheets.write({file: sheets.render(COLUMNS, rows)}, point="taxonomy.map")
    return len(rows)


def read_map(file: Path, old: Taxonomy, new: Taxonomy) -> CategoryMap:
    """The map of a file, whatever else its columns are: how many rows an old id has says whether it is a split.

    A category is named by its id or its full path. Raises CatalogError that names the lines that say nothing sensible.
    """
    problems, said = Problems(file), dict[str, Move]()
    for line, row in _rows(file):
        key, target = (
            _known(tree, row[f"{side}_id"], row[f"{side}_path"]) for tree, side in ((old, "old"), (new, "new"))
        )
        if key is None:
            problems.add(line, f"{row['old_id'] or row['old_path']!r} is no category of the version before")
        elif row["new_id"] and target is None:
            problems.add(line, f"{row['new_id']!r} is no category of the new version")
        else:
            before = said.get(key, Move(key, (), "removed"))
            targets = tuple(dict.fromkeys((*before.new_ids, *([target] if target and row["new_id"] else ()))))
            said[key] = Move(key, targets, _kind(targets, row["kind"]), row["reason"] or before.reason)
    problems.stop("Correct these rows, or write the map again: catalog taxonomy diff OLD NEW --map FILE.")
    rows = sorted((move.old_id, move.new_ids) for move in said.values())
    return _completed(said, old, new, digest("category map", rows))


def _kind(targets: tuple[str, ...], written: str) -> str:
    if len(targets) == 1:
        return written if written in _ONE else "moved"
    return "split" if targets else "removed"


def _known(taxonomy: Taxonomy, key: str, path: str) -> str | None:
    """The category meant by an id as it is, else by a path."""
    if key in taxonomy:
        return key
    return taxonomy.resolve(key) if key else taxonomy.resolve(path) if path else None


def _rows(file: Path) -> Iterable[tuple[int, dict[str, str]]]:
    """Line number and the cells of COLUMNS, each a text; a spreadsheet may have saved it with another delimiter."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Give the map as a UTF-8 CSV file.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    absent = {"old_id", "new_id"} - set(reader.fieldnames or ())
    if absent:
        raise CatalogError(
            f"{file} is no map: it lacks the columns {', '.join(sorted(absent))}.",
            remedy="Write one and correct it: catalog taxonomy diff OLD NEW --map FILE.",
        )
    for row in reader:
        cells = {name: sheets.original((row.get(name) or "").strip()).strip() for name in COLUMNS}
        if any(cells.values()):
            yield reader.line_num, cells
