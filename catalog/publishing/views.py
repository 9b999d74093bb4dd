"""The SQL that ships with the program: reading it, ordering it, and creating it in a database.

`sql/macros` and `sql/views` hold one statement a file. `sql/views/standing` says how today's state follows from the
facts: in the work database these are views, in the published file tables of the same name. All other views read
nothing but them and a few small tables, so the same text works on both sides.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from importlib import resources

from catalog.store import Store, quoted

_HEADER = re.compile(r"^-- (?:(\w+): )?(.+)$")
_LEVEL_LINE = re.compile(r"^(\s*)level_name\(c\.path, 1\) AS level_1$", re.MULTILINE)
_CREATE = re.compile(r"^CREATE OR REPLACE (VIEW|MACRO) ", re.MULTILINE)
_LEVEL_COLUMN = re.compile(r"^level_\d+$")


@dataclass(frozen=True)
class Statement:
    """One file of sql/: its name (the view's or macro's) and its text."""

    name: str
    text: str

    @cached_property
    def grain(self) -> str:
        """The opening sentence, e.g. 'One row per live item.'"""
        return _HEADER.match(self.text.splitlines()[0])[2]  # type: ignore[index]

    @cached_property
    def columns(self) -> dict[str, str]:
        """Column name to its meaning, as the opening comment gives it."""
        found: dict[str, str] = {}
        for line in self.text.splitlines()[1:]:
            match = _HEADER.match(line)
            if match is None or match[1] is None:
                break
            found[match[1]] = match[2]
        return found

    @cached_property
    def words(self) -> set[str]:
        """Every word of the statement without its comments: among them the names it reads."""
        return set(re.findall(r"\w+", re.sub(r"--.*", "", self.text)))

    def as_table(self) -> str:
        """The statement that keeps this view's rows as a table of the same name."""
        return _CREATE.sub("CREATE TABLE ", self.text, count=1)


def macros() -> list[Statement]:
    """The macros, by name."""
    return _read("macros")


def standing() -> list[Statement]:
    """The views of sql/views/standing, each after those it reads."""
    return _ordered(_read("views", "standing"))


def questions() -> list[Statement]:
    """The views analysts use, each after those it reads."""
    return _ordered(_read("views"))


def _read(*folders: str) -> list[Statement]:
    folder = resources.files("sql").joinpath(*folders)
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda file: file.name)
    return [Statement(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files]


def _ordered(statements: list[Statement]) -> list[Statement]:
    by_name = {statement.name: statement for statement in statements}
    reads = {name: sorted((by_name[name].words & by_name.keys()) - {name}) for name in by_name}
    return [by_name[name] for name in TopologicalSorter(reads).static_order()]


def create(store: Store) -> None:
    """Creates or replaces every macro and view in the work database; call it again after a taxonomy import."""
    depth = taxonomy_depth(store)
    with store.transaction():  # forty commits would wait for the disk forty times, in every command
        for macro in macros():
            store.execute(macro.text)
        for view in standing() + questions():
            store.execute(with_levels(view, depth).text)


def taxonomy_depth(store: Store) -> int:
    """Levels of the deepest category ever imported, at least 1."""
    return int(store.one("SELECT coalesce(max(level), 1) FROM categories"))


def with_levels(view: Statement, depth: int) -> Statement:
    """The view with level_1 ... level_`depth` where its text names level_1; others come back as they are."""

    def every_level(match: re.Match[str]) -> str:
        return ",\n".join(f"{match[1]}level_name(c.path, {n}) AS level_{n}" for n in range(1, depth + 1))

    return Statement(view.name, _LEVEL_LINE.sub(every_level, view.text))


def comment(store: Store, view: Statement, kind: str = "VIEW") -> None:
    """Writes the view's grain and the meaning of its columns into the database, where SQL tools show them."""
    store.execute(f"COMMENT ON {kind} {quoted(view.name)} IS {_literal(view.grain)}")
    names = store.query(f"DESCRIBE {quoted(view.name)}")["column_name"]
    for name in names:
        meaning = _meaning(view, name)
        if meaning:
            store.execute(f"COMMENT ON COLUMN {quoted(view.name)}.{quoted(name)} IS {_literal(meaning)}")


def _meaning(view: Statement, column: str) -> str | None:
    if column in view.columns:
        return view.columns[column]
    if _LEVEL_COLUMN.match(column):
        return f"name of the category or its ancestor at level {column.rpartition('_')[2]}; NULL below the category"
    number = column.rpartition("_")[2]
    first = view.columns.get(column.removesuffix(number) + "1")
    return f"as {column.removesuffix(number)}1, number {number} by likelihood" if first and number.isdigit() else None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
