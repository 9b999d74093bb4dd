"""What became of each category: the kinds by hand, the map of random edits by property, published versions by count."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.taxonomies.category_map import read_map, write_map
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy, from_paths
from catalog.taxonomies.taxonomy_diff import diff, table, text
from catalog.taxonomies.taxonomy_files import read_taxonomy
from catalog.taxonomies.taxonomy_nodes import Node, built

REAL = Path(os.environ.get("FEEDSHELF_REAL_DATA", Path(__file__).parents[2] / "shared")) / "taxonomies"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real taxonomies at {REAL} (set FEEDSHELF_REAL_DATA)")


def numbered(**paths: str) -> Taxonomy:
    """A hierarchy with ids n1, n2 ... given as id=path."""
    return from_paths(paths.values(), paths)


def kinds(old: Taxonomy, new: Taxonomy) -> set[tuple[str, str, str]]:
    return {(c.kind, c.old_path, c.new_path) for c in diff(old, new) if c.kind != "same"}


BEFORE = {"n1": "Home", "n2": "Home > Mugs", "n3": "Home > Cups", "n4": "Toys", "n5": "Toys > Balls & Frisbees"}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({**BEFORE, "n6": "Toys > Kites"}, {("added", "", "Toys > Kites")}),
        ({k: v for k, v in BEFORE.items() if k != "n3"}, {("removed", "Home > Cups", "")}),
        ({**BEFORE, "n3": "Home > Crockery"}, {("renamed", "Home > Cups", "Home > Crockery")}),
        ({**BEFORE, "n3": "Toys > Cups"}, {("moved", "Home > Cups", "Toys > Cups")}),
        # one keeps its id under the joint name, the other is part of it
        (
            {"n1": "Home", "n2": "Home > Mugs & Cups", "n4": "Toys", "n5": BEFORE["n5"]},
            {("renamed", "Home > Mugs", "Home > Mugs & Cups"), ("merged", "Home > Cups", "Home > Mugs & Cups")},
        ),
        # both ids are gone, the joint one is new
        (
            {"n1": "Home", "n9": "Home > Cups and Mugs", "n4": "Toys", "n5": BEFORE["n5"]},
            {("merged", "Home > Mugs", "Home > Cups and Mugs"), ("merged", "Home > Cups", "Home > Cups and Mugs")},
        ),
        # the old id keeps one part: what stood there may be either
        (
            {**BEFORE, "n5": "Toys > Balls", "n6": "Toys > Frisbees"},
            {("split", BEFORE["n5"], "Toys > Balls"), ("split", BEFORE["n5"], "Toys > Frisbees")},
        ),
        # a department renamed: what is below stands where it stood
        ({k: v.replace("Toys", "Games") for k, v in BEFORE.items()}, {("renamed", "Toys", "Games")}),
    ],
)
def test_kinds_by_hand(after: dict[str, str], expected: set[tuple[str, str, str]]) -> None:
    assert kinds(numbered(**BEFORE), numbered(**after)) == expected


def test_without_ids_names_and_places_tell() -> None:
    old = from_paths(["Home > Kitchen > Coffee mugs", "Home > Kitchen > Plates", "Home > Hall > Hooks", "Toys > Kites"])
    new = from_paths(
        [
            "House > Kitchen > Coffee mug",
            "House > Kitchen > Plates",
            "House > Hall > Lamps",
            "Toys > Hooks",
            "Toys > Kites",
        ]
    )
    assert kinds(old, new) == {
        ("renamed", "Home", "House"),
        ("renamed", "Home > Kitchen > Coffee mugs", "House > Kitchen > Coffee mug"),
        ("moved", "Home > Hall > Hooks", "Toys > Hooks"),
        ("added", "", "House > Hall > Lamps"),
    }


def test_numbers_shared_by_chance_are_no_ids() -> None:
    """Two hierarchies that both count from one have nothing in common."""
    one = from_paths(["A", "A > B", "C", "C > D"], ["1", "2", "3", "4"])
    other = from_paths(["W", "X", "X > Y", "W > Z"], ["1", "2", "3", "4"])
    assert Counter(kind for kind, *_ in kinds(one, other)) == {"removed": 4, "added": 4}


def test_names_that_only_share_a_word_are_not_merged() -> None:
    old = numbered(n1="Clothes", n2="Clothes > Dress", n3="Clothes > Shirts", n4="Clothes > Dress Shirts")
    new = numbered(n1="Clothes", n3="Clothes > Shirts", n4="Clothes > Dress Shirts")
    assert kinds(old, new) == {("removed", "Clothes > Dress", "")}


def test_it_reads_as_text_and_as_a_table() -> None:
    changes = diff(numbered(**BEFORE), numbered(**{**BEFORE, "n5": "Toys > Balls", "n6": "Toys > Frisbees"}))
    lines = text(changes).splitlines()
    assert lines[0] == "same 4, renamed 0, moved 0, merged 0, split 1, removed 0, added 0"
    assert len(lines) == 3
    assert table(changes).splitlines()[0] == "kind,old_id,old_path,new_id,new_path,confidence,reason"
    assert len(table(changes).splitlines()) == 7


# ---------------------------------------------------------------- random edit scripts

WORDS = [f"{a}{b}" for a in ("kor", "mal", "tev", "sul", "pim") for b in ("adon", "ebrix", "ilfen", "ogart", "unzel")]


class Tree:
    """A hierarchy being edited: id -> (parent, name). Remembers where each original node went."""

    def __init__(self, parents: list[int]) -> None:
        self.nodes = {str(n): ("" if up >= n else str(up), f"{WORDS[n]} shelf") for n, up in enumerate(parents)}
        self.now = {key: key for key in self.nodes}
        self.touched: set[str] = set()

    def built(self) -> Taxonomy:
        return built([Node(1, key, up, name) for key, (up, name) in self.nodes.items()], Path("tree"))

    def ancestors(self, key: str) -> list[str]:
        return [key, *self.ancestors(self.nodes[key][0])] if key else []

    def edit(self, kind: str, one: int, other: int) -> None:
        keys = sorted(self.nodes)
        key, target = keys[one % len(keys)], keys[other % len(keys)]
        up, name = self.nodes[key]
        if {key, target} & self.touched or key == target:
            return
        if kind == "rename":
            self.nodes[key] = (up, f"{name}s")
        elif kind == "move" and key not in self.ancestors(target):
            self.nodes[key] = (target, name)
        elif kind == "merge" and up == self.nodes[target][0] and not any(p == key for p, _ in self.nodes.values()):
            self.nodes[target] = (up, f"{self.nodes[target][1]} & {name}")
            del self.nodes[key]
            self.now = {old: target if new == key else new for old, new in self.now.items()}
        else:
            return
        self.touched |= {key, target}


EDITS = st.lists(
    st.tuples(st.sampled_from(["rename", "move", "merge"]), st.integers(0, 99), st.integers(0, 99)), max_size=8
)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=len(WORDS)), EDITS)
def test_the_map_of_random_edits_leads_every_node_to_where_it_went(
    tmp_path_factory: pytest.TempPathFactory, parents: list[int], edits: list[tuple[str, int, int]]
) -> None:
    tree = Tree(parents)
    old = tree.built()
    for kind, one, other in edits:
        tree.edit(kind, one, other)
    new = tree.built()
    file = tmp_path_factory.mktemp("map") / "map.csv"
    write_map(file, diff(old, new))
    moves = read_map(file, old, new).moves
    assert {key: move.target for key, move in moves.items()} == tree.now
    assert {new.path(move.target) for move in moves.values() if move.target} == set(new.nodes["path"])


@given(st.lists(st.integers(0, 30), min_size=2, max_size=len(WORDS)), EDITS)
def test_without_ids_renames_lead_to_where_they_went(parents: list[int], edits: list[tuple[str, int, int]]) -> None:
    tree = Tree(parents)
    old = tree.built()
    for _, one, other in edits:
        tree.edit("rename", one, other)
    new = tree.built()
    bare = [from_paths(version.nodes["path"]) for version in (old, new)]
    found = {c.old_path: c.new_path for c in diff(*bare)}
    assert found == {old.path(key): new.path(now) for key, now in tree.now.items()}


@given(st.lists(st.integers(0, 30), min_size=2, max_size=len(WORDS)), EDITS)
def test_a_version_against_itself_is_the_same(parents: list[int], edits: list[tuple[str, int, int]]) -> None:
    tree = Tree(parents)
    for edit in edits:
        tree.edit(*edit)
    assert {change.kind for change in diff(tree.built(), tree.built())} == {"same"}


# ---------------------------------------------------------------- published versions


@real
def test_google_between_its_versions() -> None:
    """2019 -> 2021: 13 ids are new (comm of the id columns), none is gone; 'Football' became 'American Football'."""
    old, new = (read_taxonomy(REAL / f"google/taxonomy-with-ids.en-US{when}.txt") for when in (".2019-07-10", ""))
    found = diff(old, new)
    counted = Counter(change.kind for change in found)
    assert (counted["added"], counted["removed"], counted["moved"], counted["merged"], counted["split"]) == (
        13,
        0,
        0,
        0,
        0,
    )
    assert counted["same"] + counted["renamed"] == old.nodes.height
    renamed = {
        c.old_path.rpartition(SEPARATOR)[2]: c.new_path.rpartition(SEPARATOR)[2] for c in found if c.kind == "renamed"
    }
    assert renamed["Football Gloves"] == "American Football Gloves"
    added = {c.new_path.rpartition(SEPARATOR)[2] for c in found if c.kind == "added"}
    assert {"Mini Skirts", "Bridal Kimonos"} <= added


@real
def test_google_in_another_language_keeps_its_ids() -> None:
    old, new = (read_taxonomy(REAL / f"google/taxonomy-with-ids.{language}.txt") for language in ("de-DE", "en-US"))
    found = diff(old, new)
    assert all(change.old_id == change.new_id for change in found if change.kind in ("same", "renamed", "moved"))
    assert not [change for change in found if change.kind in ("merged", "split", "removed")]


@real
def test_google_without_ids_loses_little() -> None:
    """By names alone all but the reworded are found again; one new wording shares too little with the old."""
    versions = [read_taxonomy(REAL / f"google/taxonomy-with-ids.en-US{when}.txt") for when in (".2019-07-10", "")]
    truth = {c.old_path: c.new_path for c in diff(*versions) if c.old_id}
    found = {c.old_path: c.new_path for c in diff(*(from_paths(tree.nodes["path"]) for tree in versions)) if c.old_id}
    wrong = {old for old, new in found.items() if new != truth[old]}
    assert all(not found[old] for old in wrong)  # never led astray, only left to a person
    assert len(wrong) <= 1
