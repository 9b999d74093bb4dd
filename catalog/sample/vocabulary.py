"""The words and the hierarchy of the drawn retailer, read once from words.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

SEPARATOR = " > "


@dataclass(frozen=True)
class Leaf:
    """A category that products are labelled with, and every word by which vendors call it.

    `own` maps a language (en, de, fr, short) to words of this leaf alone; `shared` are words of its whole group.
    `id` is empty for a stranger: a category that the hierarchy does not have.
    """

    id: str
    department: str
    group: str
    name: str
    shape: str
    neutral: str
    own: dict[str, list[str]]
    own_facts: list[str]
    shared: list[str]
    facts: list[str]
    materials: list[str]
    sizes: list[str]
    price: tuple[int, int]

    @property
    def path(self) -> str:
        """Department, group and name, joined as everywhere in the system."""
        return SEPARATOR.join((self.department, self.group, self.name))


@dataclass(frozen=True)
class Habit:
    """How one vendor writes and photographs; the keys of a table of words.toml."""

    languages: dict[str, int]
    colours: str
    studio: float
    templates: list[str]
    generic: list[str]
    divisions: dict[str, str]


@dataclass(frozen=True)
class Vocabulary:
    """All leaves, the strangers, the vendors' habits, and words that belong to no category."""

    leaves: list[Leaf]
    strangers: list[Leaf]
    brands: dict[str, list[str]]
    words: dict[str, list[str]]
    colour_names: dict[str, dict[str, str]]
    habits: dict[str, Habit]
    nodes: list[dict[str, str]]

    def siblings(self, leaf: Leaf) -> list[Leaf]:
        """The other leaves of the same group."""
        return [other for other in self.leaves if other.group == leaf.group and other.id != leaf.id]


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary; `nodes` are the rows of the taxonomy file (id, parent_id, name, scope_note), parents first."""
    raw = tomllib.loads(resources.files("catalog.sample").joinpath("words.toml").read_text(encoding="utf-8"))
    leaves: list[Leaf] = []
    nodes: dict[str, dict[str, str]] = {}
    departments = list(dict.fromkeys(group["department"] for group in raw["group"]))
    counts = dict.fromkeys(departments, 0)
    for group in raw["group"]:
        department = group["department"]
        counts[department] += 1
        top = f"c{departments.index(department) + 1:02d}00"
        middle = f"{top[:3]}{counts[department]}0"
        nodes.setdefault(top, _node(top, "", department, ""))
        nodes[middle] = _node(middle, top, group["name"], group["note"])
        for number, entry in enumerate(group["leaves"], start=1):
            leaf = _leaf(f"{middle[:4]}{number}", group, entry)
            nodes[leaf.id] = _node(leaf.id, middle, leaf.name, f"{leaf.own['en'][0]}: {', '.join(leaf.own_facts)}")
            leaves.append(leaf)
    strangers = [_stranger(entry) for entry in raw["stranger"]]
    habits = {name: Habit(**given) for name, given in raw["vendors"].items()}
    return Vocabulary(leaves, strangers, raw["brands"], raw["words"], raw["colour_names"], habits, list(nodes.values()))


def _node(category_id: str, parent: str, name: str, note: str) -> dict[str, str]:
    return {"id": category_id, "parent_id": parent, "name": name, "scope_note": note}


def _leaf(category_id: str, group: dict, entry: dict) -> Leaf:
    return Leaf(
        id=category_id,
        department=group["department"],
        group=group["name"],
        name=entry["name"],
        shape=entry["shape"],
        neutral=group["neutral"],
        own={"en": entry["nouns"], "de": entry["de"], "fr": entry["fr"], "short": entry["short"]},
        own_facts=entry["facts"],
        shared=group["shared"],
        facts=group["facts"],
        materials=group["materials"],
        sizes=group["sizes"],
        price=(group["price"][0], group["price"][1]),
    )


def _stranger(entry: dict) -> Leaf:
    nouns = entry["nouns"]
    return Leaf(
        id="",
        department=entry["department"],
        group="",
        name=entry["name"],
        shape=entry["shape"],
        neutral="carton",
        own={"en": nouns, "de": nouns, "fr": nouns, "short": nouns},
        own_facts=["for beginners and pros"],
        shared=nouns,
        facts=["new in our range"],
        materials=["composite", "glass"],
        sizes=["one size"],
        price=(79, 399),
    )
