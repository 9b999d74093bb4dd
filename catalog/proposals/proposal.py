"""A form proposed for a vendor's file: what the file is, which column is what, and why."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.mapping import Mapping
from catalog.proposals import dialects, structure
from catalog.proposals.choice import Choice, Chosen, choose
from catalog.proposals.extras import add_extras
from catalog.proposals.form import Entry, written
from catalog.proposals.keys import composite_key
from catalog.proposals.looks import Look, look, refused
from catalog.proposals.money import money_rules
from catalog.proposals.sample import Sample, everything, take

OUR_NAMES = frozenset({"item_id", "title"})
NO_ID = (
    "The file has no column that tells its items apart from one file to the next. Ask the vendor for a column with "
    "their article number (SKU): one per product that can be sold, never empty, the same in every file."
)
NO_TITLE = "No column reads like the names of products. Ask the vendor which one is, or for one."


@dataclass
class Proposal:
    """What is proposed for one file. settings: keys at the top; rules: those under [rules]; notes: remarks."""

    vendor: str
    file: str
    settings: list[Entry]
    sample: Sample
    choice: Choice
    rules: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> list[str]:
        """What a person must answer before the form can be used; empty when nothing."""
        chosen = self.choice.chosen
        missing = [] if "item_id" in chosen else [NO_ID]
        return missing + ([] if {"title", "images"} & chosen.keys() else [NO_TITLE])

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
            columns.insert(0, Entry("item_id", "", f"I DO NOT KNOW. {NO_ID}", off=True))
        if not {"title", "images"} & self.choice.chosen.keys():
            columns.insert(1, Entry("title", "", f"I DO NOT KNOW. {NO_TITLE}", off=True))
        left = [f"Left out: {name!r} {why}." for name, why in self.choice.left[:12]]
        sections = {"": self.settings, "columns": columns, "rules": self.rules}
        return written(opening, sections, [*self.notes, *left], self.header)

    @property
    def values(self) -> dict[str, Any]:
        """The form as the mapping is made of it."""
        columns = {ours: _one_or_all(one.theirs) for ours, one in self.choice.chosen.items()}
        rules = {entry.key: entry.value for entry in self.rules if not entry.off}
        top = {entry.key: entry.value for entry in self.settings if not entry.off}
        return {**top, "columns": columns, "rules": rules}


_ORDER = (
    "item_id", "title", "description", "brand", "price", "currency", "gtin", "product_id", "vendor_category", "images",
    "availability", "attributes",
)  # fmt: skip


def _in_order(choice: Choice) -> list[Chosen]:
    return sorted(choice.chosen.values(), key=lambda one: _ORDER.index(one.ours))


def entry_of(one: Chosen) -> Entry:
    """The line of a chosen column."""
    value = one.theirs if one.ours in ("images", "attributes") else _one_or_all(one.theirs)
    return Entry(one.ours, value, one.why, one.unsure)


def _one_or_all(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names


def propose(path: Path, vendor: str) -> Proposal:
    """Proposes a form from a sample of a file.

    Raises FeedRefused saying what the file looks like when no form could read it. A file whose items cannot be told
    apart gives a proposal with something `unknown`.
    """
    seen = look(path)
    settings, mapping = _READERS[seen.format](path, seen)
    sample = take(path, mapping)
    proposal = Proposal(vendor, path.name, settings, sample, Choice())
    _fill(proposal)
    return proposal


def _fill(proposal: Proposal) -> None:
    sample = proposal.sample
    header = proposal.header
    repeated = list(dict.fromkeys(name for name in header if name and header.count(name) > 1))
    candidates = [column for column in sample.columns if not _is_label(column.header, header)]
    choice = choose(candidates)
    add_extras(choice, candidates, repeated=repeated)
    proposal.choice = choice
    if "item_id" not in choice.chosen:
        _try_composite(proposal)
    proposal.rules, notes = money_rules(choice, sample)
    proposal.notes += notes + _remarks(proposal)


def _is_label(name: str, header: list[str]) -> bool:
    """In a file with our own names these columns are labels, which a model must not read as input."""
    return header and OUR_NAMES <= set(header) and name in ("category_path", "category_id")


def _try_composite(proposal: Proposal) -> None:
    key = composite_key(proposal.sample.columns, proposal.choice)
    if key:
        proposal.choice.chosen["item_id"] = Chosen(
            "item_id",
            key,
            f"together they tell {proposal.sample.said} apart",
            "the file has no column of ids, and a corrected name would make a new item; ask the vendor for their "
            "article number",
        )


def _remarks(proposal: Proposal) -> list[str]:
    sample, found = proposal.sample, proposal.choice.chosen.get("item_id")
    said = []
    if not sample.rows:
        said.append("The file has no rows: the columns were chosen by their names alone.")
    if sample.broken:
        said.append(f"{sample.broken:,} of {sample.read:,} rows do not have the shape of the header or cannot be read.")
    column = sample.column(found.theirs[0]) if found and len(found.theirs) == 1 else None
    if column and column.filled and column.unique < 1:
        again = len(column.filled) - column.distinct
        said.append(
            f"{again:,} rows repeat an id. Where they differ none is believed; "
            'with `duplicates = "last"` under [rules] the last one is.'
        )
    if OUR_NAMES <= set(proposal.header):
        said.append("The file uses our own column names; without any form its columns of these names would be read.")
    return said


def _csv(path: Path, seen: Look) -> tuple[list[Entry], Mapping]:
    dialect = dialects.find_dialect(seen.text)
    if dialect is None or dialect.even < 0.5:
        raise refused(
            "structure",
            f"{path.name} is text, but no delimiter splits it into columns of one width; it begins with "
            f"{' '.join(seen.text.split())[:60]!r}.",
            "Ask the vendor for a table with a header: csv, tsv, xlsx, or for jsonl, json or xml.",
        )
    header = dialects.find_header(dialect.rows)
    if header is None or not header.sure:
        number = header.row if header else 1
        raise refused(
            "no_header",
            f"{path.name} has no line that names its columns; line {number}, which could, looks like the data below it.",
            "Ask the vendor to send a header, or write one as the first line of the file.",
        )
    entries = _dialect_entries(seen, dialect, header)
    draft = {entry.key: entry.value for entry in entries}
    return entries, everything(draft, [next(name for name in header.cells if name)])


def _dialect_entries(seen: Look, dialect: dialects.Dialect, header: dialects.Header) -> list[Entry]:
    tab = dialect.delimiter == "\t"
    entries = [Entry("format", "tsv" if tab else "csv", "delimited text by its content"), _encoding(seen)]
    if not tab:
        why = f"{dialect.even:.0%} of the rows then have {dialect.width} columns"
        entries.append(Entry("delimiter", dialect.delimiter, why, _uneven(dialect)))
    if dialect.quote != '"':
        why = "quotes mean nothing here: read as such, rows break" if not dialect.quote else "cells stand in apostrophes"
        entries.append(Entry("quote", dialect.quote, why))
    if header.row > 1:
        above = f", above it stands {header.above[0]!r}" if header.above else ""
        entries.append(Entry("header_row", header.row, f"the line that names the columns{above}"))
    return entries


def _uneven(dialect: dialects.Dialect) -> str:
    return "" if dialect.even > 0.98 else "some rows have another width"


def _encoding(seen: Look) -> Entry:
    found = seen.encoding
    if found is None:
        raise AssertionError("text has an encoding")
    return Entry("encoding", found.name, found.why, "" if found.sure else "few letters to judge by")


def _jsonl(path: Path, seen: Look) -> tuple[list[Entry], Mapping]:
    entries = [Entry("format", "jsonl", seen.why), _encoding(seen)]
    names = structure.line_names(seen.text)
    return entries, everything({entry.key: entry.value for entry in entries}, names)


def _parquet(path: Path, seen: Look) -> tuple[list[Entry], Mapping]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only Parquet files pay for it

    entries = [Entry("format", "parquet", seen.why)]
    return entries, everything({"format": "parquet"}, list(pq.read_schema(path).names))


_READERS = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
