"""What stands in a published file, told by its own comments: for the command line and for docs/data-dictionary.md."""

import re
from dataclasses import dataclass

from catalog.errors import CatalogError
from catalog.publishing.questions import Ask

LISTED = """
    SELECT 'view' AS kind, view_name AS name, comment AS holds FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT 'table', table_name, comment FROM duckdb_tables() WHERE NOT internal
    UNION ALL SELECT 'macro', function_name || '(' || array_to_string(parameters, ', ') || ')', comment
    FROM duckdb_functions() WHERE NOT internal AND function_type IN ('macro', 'table_macro')
    ORDER BY kind DESC, name
"""
COLUMNS = """
    SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal
    ORDER BY table_name, column_index
"""
_GROUPS = {
    "view": ("Views", "Questions, answered when they are asked."),
    "table": ("Tables", "What the views read, there to be used as well."),
    "macro": ("Macros", "Expressions, and functions to be asked FROM. How to call them: docs/sql.md."),
}
_OPENING = """\
# Data dictionary

Every view, table and macro of `published/catalog.duckdb`, written from the comments in the file itself by
`make dictionary`. In a file at hand: `catalog sql .tables`, `catalog sql ".describe NAME"`. Schema version {version}.
"""


@dataclass(frozen=True)
class Column:
    """One column, or several that differ by their number and are shown as one."""

    name: str
    kind: str
    holds: str


@dataclass(frozen=True)
class Entry:
    """A view, table or macro. holds: what a row is, or what a macro answers. Macros have no columns."""

    kind: str
    name: str
    holds: str
    columns: tuple[Column, ...]


def entries(ask: Ask) -> list[Entry]:
    """All of a published file: views, tables, macros, each by name."""
    columns: dict[str, list[Column]] = {}
    for table, name, kind, holds in ask(COLUMNS).rows():
        columns.setdefault(table, []).append(Column(name, _short(kind), holds or ""))
    found = ask(LISTED).rows()
    return [Entry(kind, name, holds or "", tuple(_folded(columns.get(name, [])))) for kind, name, holds in found]


def entry(ask: Ask, name: str) -> Entry:
    """One of them; a macro also without its parameters. Raises CatalogError when there is none of that name."""
    every = entries(ask)
    for found in every:
        if name.lower() in (found.name, found.name.partition("(")[0]):
            return found
    raise CatalogError(f"Nothing published is called {name}.", remedy="`catalog sql .tables` lists what there is.")


def markdown(ask: Ask) -> str:
    """The dictionary as a page: views, tables, macros."""
    every = entries(ask)
    version = ask("SELECT schema_version()").item()
    parts = [_OPENING.format(version=version)]
    for kind, (heading, sentence) in _GROUPS.items():
        parts.append(f"## {heading}\n\n{sentence}\n")
        of_kind = [found for found in every if found.kind == kind]
        if kind == "macro":
            parts.append("\n".join(f"- `{found.name}`: {found.holds}" for found in of_kind) + "\n")
        else:
            parts += [_section(found) for found in of_kind]
    return "\n".join(parts)


def _section(found: Entry) -> str:
    lines = [f"| {column.name} | {column.kind} | {_cell(column.holds)} |" for column in found.columns]
    return "\n".join(
        [f"### {found.name}\n", f"{found.holds}\n", "| column | type | holds |", "|---|---|---|", *lines, ""]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _short(kind: str) -> str:
    return kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


def _folded(columns: list[Column]) -> list[Column]:
    """candidate_1, candidate_2 ... of one meaning as candidate_1 ..., for their number grows with the taxonomy."""
    found: dict[tuple[str, str], Column] = {}
    for column in columns:
        stem = re.sub(r"\d+$", "", column.name)
        numbered = stem.endswith("_") and stem != column.name
        key = (stem if numbered else column.name, column.holds)
        found.setdefault(key, Column(f"{column.name} ..." if numbered else column.name, column.kind, column.holds))
    return list(found.values())
