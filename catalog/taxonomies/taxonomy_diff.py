"""What became of each category between two versions of a hierarchy: by id where ids are stable, else by path and name."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, fields
from difflib import SequenceMatcher
from functools import cached_property

import polars as pl

from catalog.taxonomies.taxonomy import Taxonomy

KINDS = ("same", "renamed", "moved", "merged", "split", "removed", "added")
SIMILAR = 0.75  # names at least this alike, below the same parent, are one category renamed
_MOST_PAIRS = 20_000  # of names compared below one parent; beyond it only those that share a word
_SLACK = 1  # words of a merged or split name that its parts need not explain, such as "and"


@dataclass(frozen=True)
class Change:
    """One old category and one new one; a split has a row for each part. Empty ids where there is none."""

    kind: str
    old_id: str
    old_path: str
    new_id: str
    new_path: str
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Node:
    key: str
    parent: str | None
    name: str
    path: str
    words: frozenset[str]


class _Tree:
    """Nodes by id, children by parent."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.nodes: dict[str, _Node] = {}
        self.children: defaultdict[str | None, list[_Node]] = defaultdict(list)
        columns = ("category_id", "parent_id", "name", "path")
        for key, parent, name, path in taxonomy.nodes.sort("level", "path").select(columns).iter_rows():
            node = _Node(key, parent, name, path, frozenset(re.findall(r"\w+", name.casefold())))
            self.nodes[key] = node
            self.children[parent].append(node)

    @cached_property
    def by_path(self) -> dict[str, _Node]:
        """Nodes whose path is theirs alone."""
        return _alone((node.path.casefold(), node) for node in self.nodes.values())


def _alone(pairs: Iterable[tuple[str, _Node]]) -> dict[str, _Node]:
    found: dict[str, list[_Node]] = {}
    for key, node in pairs:
        found.setdefault(key, []).append(node)
    return {key: nodes[0] for key, nodes in found.items() if len(nodes) == 1}


@dataclass
class _Match:
    """What is known so far. `to`: old id -> new id; `sure`: how sure; `parts`: old id -> new ids of a split."""

    old: _Tree
    new: _Tree
    to: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    sure: dict[str, float] = field(default_factory=dict)
    merged: set[str] = field(default_factory=set)
    parts: dict[str, list[str]] = field(default_factory=dict)

    def join(self, old: _Node, new: _Node, sure: float) -> None:
        """These two are one category."""
        self.to[old.key] = new.key
        self.sure[old.key] = round(sure, 2)
        self.taken.add(new.key)

    def gone(self, parent: str | None) -> list[_Node]:
        """Old children without a counterpart."""
        return [node for node in self.old.children[parent] if node.key not in self.to and node.key not in self.parts]

    def fresh(self, parent: str | None) -> list[_Node]:
        """New children without a counterpart."""
        return [node for node in self.new.children[parent] if node.key not in self.taken]

    def families(self) -> list[tuple[str | None, str | None]]:
        """Old and new parents that are one, shallow first: below them counterparts are looked for."""
        known = [(key, self.to[key]) for key in self.old.nodes if key in self.to]
        pairs: list[tuple[str | None, str | None]] = [(None, None), *known]
        return [(old, new) for old, new in pairs if self.gone(old) and self.new.children[new]]


def diff(old: Taxonomy, new: Taxonomy) -> list[Change]:
    """One row per old category (more for a split) and one per added one, in the order of KINDS and of paths."""
    match = _Match(_Tree(old), _Tree(new))
    if _stable(match.old, match.new):
        for key, node in match.old.nodes.items():
            if key in match.new.nodes:
                match.join(node, match.new.nodes[key], 1.0)
    _by_path(match)
    known = -1
    while known != len(match.to) + len(match.parts):
        known = len(match.to) + len(match.parts)
        for step in (_same_name, _splits, _merges, _alike, _elsewhere):
            step(match)
    changes = [*_explained(match), *_added(match)]
    return sorted(changes, key=lambda c: (KINDS.index(c.kind), c.old_path, c.new_path))


def _stable(old: _Tree, new: _Tree) -> bool:
    """Ids name the same categories in both: many are shared, and those have mostly the same parent or name."""
    shared = [key for key in old.nodes if key in new.nodes]
    alike = sum(
        (old.nodes[key].parent is not None and old.nodes[key].parent == new.nodes[key].parent)
        or old.nodes[key].name == new.nodes[key].name
        for key in shared
    )
    return 2 * len(shared) >= min(len(old.nodes), len(new.nodes)) and 2 * alike >= len(shared) > 0


def _by_path(match: _Match) -> None:
    for path, node in match.old.by_path.items():
        found = match.new.by_path.get(path)
        if found and node.key not in match.to and found.key not in match.taken:
            match.join(node, found, 1.0)


def _same_name(match: _Match) -> None:
    for old, new in match.families():
        fresh = _alone((node.name.casefold(), node) for node in match.fresh(new))
        for name, node in _alone((node.name.casefold(), node) for node in match.gone(old)).items():
            if name in fresh:
                match.join(node, fresh[name], 1.0)


def _covers(whole: frozenset[str], parts: Iterable[frozenset[str]]) -> bool:
    """The parts' words are all of the whole's and leave at most one of it unexplained."""
    words = frozenset().union(*parts)
    return words <= whole and len(whole - words) <= _SLACK


def _splits(match: _Match) -> None:
    """'Mugs & Cups' that became 'Mugs' and 'Cups', also where one of them kept the id."""
    for old, new in [(None, None), *[(key, match.to[key]) for key in match.old.nodes if key in match.to]]:
        for node in match.old.children[old]:
            kept = match.new.nodes.get(match.to.get(node.key, ""))
            if node.key in match.parts or node.key in match.merged or (kept and not kept.words < node.words):
                continue
            parts = [part for part in match.fresh(new) if part.words and part.words < node.words]
            if kept:
                parts = [kept, *[part for part in parts if not part.words & kept.words]]
            if len(parts) > 1 and _covers(node.words, (part.words for part in parts)):
                match.to.pop(node.key, None)
                match.parts[node.key] = [part.key for part in parts]
                match.taken.update(match.parts[node.key])


def _merges(match: _Match) -> None:
    """'Mugs' and 'Cups' that became 'Mugs & Cups', also where one of them kept its id under the new name."""
    holders = {new: old for old, new in match.to.items()}
    for old, new in match.families():
        for target in match.new.children[new]:
            holder = match.old.nodes.get(holders.get(target.key, ""))
            if holder and not holder.words < target.words:
                continue
            found = [node for node in match.gone(old) if node.words and node.words < target.words]
            taught = [holder, *found] if holder else found
            if found and len(taught) > 1 and _covers(target.words, (node.words for node in taught)):
                for node in found:
                    match.join(node, target, 0.8)
                    match.merged.add(node.key)


def _alike(match: _Match) -> None:
    """The best pairs below one parent: similar names, a name that only gained or lost words, or the same children."""
    for old, new in match.families():
        gone, fresh = match.gone(old), match.fresh(new)
        few = len(gone) * len(fresh) <= _MOST_PAIRS
        near = [(a, b) for a in gone for b in fresh if few or a.words & b.words]
        longer = [(a.key, b.key) for a, b in near if a.words < b.words or b.words < a.words]
        times = Counter(key for pair in longer for key in pair)
        alone = {pair for pair in longer if times[pair[0]] == times[pair[1]] == 1}
        pairs = [(max(_likeness(a, b, match), SIMILAR * ((a.key, b.key) in alone)), a, b) for a, b in near]
        for sure, a, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1].path, pair[2].path)):
            if sure >= SIMILAR and a.key not in match.to and b.key not in match.taken:
                match.join(a, b, sure)


def _likeness(old: _Node, new: _Node, match: _Match) -> float:
    names = SequenceMatcher(None, old.name.casefold(), new.name.casefold(), autojunk=False).ratio()
    below = [
        {n.name.casefold() for n in tree.children[key]} for tree, key in ((match.old, old.key), (match.new, new.key))
    ]
    shared = len(below[0] & below[1])
    return max(names, shared / len(below[0] | below[1]) if shared > 1 else 0.0)


def _elsewhere(match: _Match) -> None:
    """A name that one old and one new category without a counterpart have, wherever they stand."""
    gone = (n for n in match.old.nodes.values() if n.key not in match.to and n.key not in match.parts)
    fresh = _alone((n.name.casefold(), n) for n in match.new.nodes.values() if n.key not in match.taken)
    for name, node in _alone((n.name.casefold(), n) for n in gone).items():
        if name in fresh:
            words = [set(re.findall(r"\w+", n.path.casefold())) for n in (node, fresh[name])]
            match.join(node, fresh[name], 0.5 + 0.4 * len(words[0] & words[1]) / len(words[0] | words[1]))


def _explained(match: _Match) -> Iterable[Change]:
    for key, node in match.old.nodes.items():
        if key in match.parts:
            parts = [match.new.nodes[part] for part in match.parts[key]]
            into = " and ".join(part.name for part in parts)
            yield from (Change("split", key, node.path, p.key, p.path, 0.8, f"its name became {into}") for p in parts)
        elif key in match.to:
            yield _carried(match, node, match.new.nodes[match.to[key]])
        else:
            yield Change("removed", key, node.path, "", "", 1.0, _nearest(match, node))


def _carried(match: _Match, old: _Node, new: _Node) -> Change:
    """The change of a category that has one counterpart."""
    same_parent = (match.to.get(old.parent) if old.parent else None) == new.parent
    renamed = "" if old.name == new.name else f"{old.name} is now {new.name}"
    kind, reason = "same", "" if old.path == new.path else "a category above it changed"
    if old.key in match.merged:
        kind, reason = "merged", f"its name is part of {new.name}"
    elif not same_parent:
        kind, reason = "moved", "; ".join(part for part in ("below another category", renamed) if part)
    elif renamed:
        kind, reason = "renamed", renamed
    return Change(kind, old.key, old.path, new.key, new.path, match.sure[old.key], reason)


def _nearest(match: _Match, node: _Node) -> str:
    """What a person may want to write into the map instead: the nearest category above that is still there."""
    up = node.parent
    while up is not None and up not in match.to:
        up = match.old.nodes[up].parent
    return f"nearest left: {match.new.nodes[match.to[up]].path}" if up is not None else "nothing above it is left"


def _added(match: _Match) -> Iterable[Change]:
    free = (node for key, node in match.new.nodes.items() if key not in match.taken)
    return (Change("added", "", "", node.key, node.path, 1.0, "") for node in free)


def table(changes: list[Change]) -> str:
    """Every change as a row of a CSV, unchanged categories too."""
    return pl.DataFrame(
        [astuple(change) for change in changes], schema=[column.name for column in fields(Change)], orient="row"
    ).write_csv()


def text(changes: list[Change]) -> str:
    """The counts of each kind, then a line for every change that people would notice."""
    counted = Counter(change.kind for change in changes)
    counted["split"] = len({change.old_id for change in changes if change.kind == "split"})
    lines = [", ".join(f"{kind} {counted[kind]}" for kind in KINDS)]
    for change in changes:
        if change.kind != "same":
            sides = [side for side in (change.old_path, change.new_path) if side]
            why = f"  ({change.reason})" if change.reason else ""
            lines.append(f"{change.kind:<8} {' -> '.join(sides)}{why}")
    return "\n".join(lines)
