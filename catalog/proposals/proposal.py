"""A form proposed for a vendor's file: what the file is, which column is what, and why."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.proposals.choice import Choice, Chosen, choose
from catalog.proposals.drafts import Draft, draft
from catalog.proposals.extras import add_extras, continued, image_rules, table_pairs
from catalog.proposals.form import Entry, written
from catalog.proposals.headers import meaning
from catalog.proposals.keys import stand_in
from catalog.proposals.looks import look
from catalog.proposals.media import image_base
from catalog.proposals.money import like_prices, money_rules
from catalog.proposals.presets import leave_to_preset
from catalog.proposals.sample import Sample, everything, take

OUR_NAMES = frozenset({"item_id", "title"})
NO_ID = (
    "The file has no column that tells its items apart from one file to the next. Ask the vendor for a column with "
    "their article number (SKU): one per product that can be sold, never empty, the same in every file."
)
NO_TITLE = "No column reads like the names of products. Ask the vendor which one is, or for one."


@dataclass
class Proposal:
    """What is proposed for one file. settings: keys at the top; fold, rules: those under [fold] and [rules];
    notes: remarks."""

    vendor: str
    file: str
    settings: list[Entry]
    sample: Sample
    choice: Choice
    fold: list[Entry] = field(default_factory=list)
    rules: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> list[str]:
        """What a person must answer before the form can be used; empty when nothing."""
        chosen = self.choice.chosen
        missing = [] if "item_id" in chosen else [self.no_id]
        return missing + ([] if {"title", "images"} & chosen.keys() else [NO_TITLE])

    @property
    def no_id(self) -> str:
        """Why there is no id: the columns that could have been one, and what to ask for."""
        if twice := repeated_ids(self.header):
            return (
                f"The column of ids, {twice[0]!r}, occurs several times in the header. Ask the vendor to name it once."
            )
        counters = [column.header for column in self.sample.columns if column.counter]
        said = f" {counters[0]!r} only counts the rows." if counters else ""
        return NO_ID.replace(" Ask", f"{said} Ask", 1)

    @property
    def unsure(self) -> list[str]:
        """What a person should look at, a sentence each."""
        said = [f"{entry.key}: {entry.unsure}" for entry in (*self.settings, *self.rules) if entry.unsure]
        return said + [f"{ours}: {one.unsure}" for ours, one in self.choice.chosen.items() if one.unsure]

    @property
    def header(self) -> list[str]:
        """Their columns."""
        return [column.header for column in self.sample.columns]

    @property
    def text(self) -> str:
        """The form as TOML."""
        opening = [
            f"Proposed by `catalog vendor propose {self.vendor} {self.file}` from {self.sample.said}.",
            "Read it through, look at what is marked UNSURE, then run "
            f"`catalog vendor check {self.vendor} {self.file}`.",
        ]
        columns = [entry_of(one) for one in _in_order(self.choice)]
        if "item_id" not in self.choice.chosen:
            columns.insert(0, Entry("item_id", "", f"I DO NOT KNOW. {self.no_id}", off=True))
        if not {"title", "images"} & self.choice.chosen.keys():
            columns.insert(1, Entry("title", "", f"I DO NOT KNOW. {NO_TITLE}", off=True))
        if any(one.preset for one in self.choice.chosen.values()):
            opening.append(
                "The preset reads the columns below. To read another one, take a line's # away and change it."
            )
        left = [f"Left out: {name!r} {why}." for name, why in self.choice.left[:12]]
        sections = {"": self.settings, "columns": columns, "fold": self.fold, "rules": self.rules}
        return written(
            opening, sections, [*self.notes, *left], list(dict.fromkeys(name for name in self.header if name))
        )

    @property
    def values(self) -> dict[str, Any]:
        """The form as the mapping is made of it."""
        columns = {ours: _one_or_all(one.theirs) for ours, one in self.choice.chosen.items() if not one.preset}
        rules = {entry.key: entry.value for entry in self.rules if not entry.off}
        top = {entry.key: entry.value for entry in self.settings if not entry.off}
        fold = {"fold": {entry.key: entry.value for entry in self.fold}} if self.fold else {}
        return {**top, "columns": columns, "rules": rules, **fold}


_ORDER = (
    "item_id", "title", "description", "brand", "price", "currency", "gtin", "product_id", "vendor_category", "images",
    "availability", "attributes",
)  # fmt: skip


def _in_order(choice: Choice) -> list[Chosen]:
    return sorted(choice.chosen.values(), key=lambda one: _ORDER.index(one.ours))


def entry_of(one: Chosen) -> Entry:
    """The line of a chosen column."""
    value = one.theirs if one.ours in ("images", "attributes") else _one_or_all(one.theirs)
    return Entry(one.ours, value, one.why, one.unsure, off=one.preset)


def _one_or_all(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names


def propose(path: Path, vendor: str) -> Proposal:
    """Proposes a form from a sample of a file.

    Raises FeedRefused saying what the file looks like when no form could read it. A file whose items cannot be told
    apart gives a proposal with something `unknown`.
    """
    found = draft(path, look(path))
    sample = take(path, everything(found.reading, found.names))
    proposal = Proposal(vendor, path.name, found.entries, sample, Choice())
    _fill(proposal, found)
    return proposal


def _fill(proposal: Proposal, found: Draft) -> None:
    sample = proposal.sample
    header = proposal.header
    repeated = list(dict.fromkeys(name for name in header if name and header.count(name) > 1))
    candidates = [column for column in sample.columns if not _is_label(column.header, header)]
    choice = choose(candidates)
    add_extras(choice, candidates, repeated=repeated)
    proposal.choice = choice
    _add_pairs(choice, [*found.pairs, *table_pairs(repeated, header)])
    if found.preset:
        _by_preset(proposal, found)
    if "item_id" not in choice.chosen and not repeated_ids(header) and (key := stand_in(sample, choice)):
        choice.chosen["item_id"] = key
    if not choice.uses_preset:
        proposal.fold = continued(choice, sample)
    proposal.rules = [*money_rules(choice, sample), *image_rules(choice, sample), *image_base(choice, sample)]
    proposal.notes += _remarks(proposal)


def repeated_ids(header: list[str]) -> list[str]:
    """Columns that occur several times and whose name means the id: no key made of others stands in for them."""
    return [name for name in dict.fromkeys(header) if header.count(name) > 1 and meaning(name, "item_id").score >= 0.7]


def _add_pairs(choice: Choice, pairs: list[dict[str, str]]) -> None:
    """Attributes that bring their own names come first: nobody has to list them."""
    if not pairs:
        return
    others = choice.chosen.get("attributes")
    names: list[Any] = [*pairs, *(others.theirs if others else [])]
    choice.chosen["attributes"] = Chosen("attributes", names, "names and values stand beside each other in the file")


def _by_preset(proposal: Proposal, found: Draft) -> None:
    """Leaves to the preset what it reads; where the file lacks the preset's id, the preset is not used."""
    if leave_to_preset(proposal.choice, proposal.sample, {**found.values, "preset": found.preset}):
        why = "root and record are" if found.record else "the header is"
        proposal.settings.append(Entry("preset", found.preset, f"{why} of this export"))
    elif found.record:
        proposal.settings.append(Entry("record", found.record, "the element that looks like a product"))


def _unread(proposal: Proposal) -> list[str]:
    """Their filled columns that are neither read nor said to be left out: what nobody is told of is never missed."""
    choice = proposal.choice
    if choice.uses_preset:
        return []  # an export has hundreds of columns, and its preset is made for it
    inside = {part.get(key) for part in _pairs_of(choice) for key in ("name", "value", "unit", "each", "packed")}
    known = {*choice.taken(), *(name for name, _ in choice.left), *(name for name in inside if name)}
    known |= {name for entry in proposal.fold if isinstance(entry.value, list) for name in entry.value}
    filled = (column.header for column in proposal.sample.columns if column.filled)
    return [name for name in dict.fromkeys(filled) if name and name not in known]


def _pairs_of(choice: Choice) -> list[dict[str, str]]:
    found = choice.chosen.get("attributes")
    return [one for one in found.theirs if isinstance(one, dict)] if found else []


def _is_label(name: str, header: list[str]) -> bool:
    """In a file with our own names these columns are labels, which a model must not read as input."""
    return set(header) >= OUR_NAMES and name in ("category_path", "category_id")


def _remarks(proposal: Proposal) -> list[str]:
    sample, found = proposal.sample, proposal.choice.chosen.get("item_id")
    said = []
    if not sample.rows:
        said.append("The file has no rows: the columns were chosen by their names alone.")
    if sample.broken:
        said.append(f"{sample.broken:,} of {sample.read:,} rows do not have the shape of the header or cannot be read.")
    column = sample.column(found.theirs[0]) if found and len(found.theirs) == 1 else None
    if column and column.filled and column.unique < 1 and found and not (found.preset or proposal.fold):
        again = len(column.filled) - column.distinct
        said.append(
            f"{again:,} rows repeat an id. Where they differ none is believed; "
            'with `duplicates = "last"` under [rules] the last one is.'
        )
    if "price" not in proposal.choice.chosen and (like := like_prices(proposal.choice, sample)):
        said.append(
            f"No column is called a price; {' or '.join(repr(name) for name in like[:3])} could be one: write the right one as "
            "`price` under [columns]."
        )
    if others := _unread(proposal):
        said.append(
            f"Not read, and not known as a column of ours: {', '.join(map(repr, others[:20]))}"
            f"{f' and {len(others) - 20} more' if len(others) > 20 else ''}."
        )
    if set(proposal.header) >= OUR_NAMES:
        said.append("The file uses our own column names; without any form its columns of these names would be read.")
    return said
