"""The SQL that ships with the program: reading it, ordering it, and creating it in a database.

`sql/macros`, `sql/tables` and `sql/views` hold one statement a file. `sql/tables` names, column by column, which facts of
the work database are published. `sql/views/standing` says how today's state follows from the facts: in the work database
these are views, in the published file tables of the same name. All other views read nothing but what is published, so
the same text works on both sides. What the pages ask stands in `sql/report` and creates nothing (questions.py).

The comment that opens a file describes what it makes, and becomes its comment in the published file:

    -- One row per item that ... (the grain, which may go on
    -- over more lines)
    -- vendor: what the column holds
    -- candidate_*: what each of candidate_1, candidate_2 ... holds
    --   an indented line goes on with the column above it
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from importlib import resources

from catalog.store import Store, literal, quoted

_COLUMN = re.compile(r"^-- ([a-z_][a-z0-9_]*\*?): (\S.*)$")
_MORE = re.compile(r"^--   (\S.*)$")
_PLAIN = re.compile(r"^-- (\S.*)$")
_NUMBER = re.compile(r"\d+$")
_LEVEL_LINE = re.compile(r"^(\s*)level\(c\.path, 1\) AS level_1$", re.MULTILINE)
_READ = r"\b(FROM|JOIN) ({})\b"
_CREATE = re.compile(r"^CREATE OR REPLACE (VIEW|MACRO) ", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """One file of sql/: its name (the view's or macro's) and its text."""

    name: str
    text: str

    @cached_property
    def _head(self) -> tuple[str, dict[str, str]]:
        grain: list[str] = []
        columns: dict[str, str] = {}
        for number, line in enumerate(self.text.splitlines(), start=1):
            if not line.startswith("--"):
                break
            if column := _COLUMN.match(line):
                if column[1] in columns:
                    raise ValueError(f"{self.name}.sql:{number} describes {column[1]} twice")
                columns[column[1]] = column[2]
            elif columns and (more := _MORE.match(line)):
                columns[list(columns)[-1]] += f" {more[1]}"
            elif not columns and (plain := _PLAIN.match(line)):
                grain.append(plain[1])
            else:
                raise ValueError(
                    f"{self.name}.sql:{number} is neither '-- column: meaning' nor goes on with one: {line}"
                )
        return " ".join(grain), columns

    @property
    def grain(self) -> str:
        """The opening sentence, e.g. 'One row per live item.' ValueError when the opening comment has another form."""
        return self._head[0]

    @property
    def columns(self) -> dict[str, str]:
        """Column name to its meaning, as the opening comment gives it; `path_*` stands for path_1, path_2 ..."""
        return self._head[1]

    def meaning(self, column: str) -> str | None:
        """What a column holds; None when the opening comment does not say."""
        return self.columns.get(column) or self.columns.get(_NUMBER.sub("*", column))

    @cached_property
    def body(self) -> str:
        """The statement without its comments."""
        return re.sub(r"--.*", "", self.text)

    @cached_property
    def words(self) -> set[str]:
        """Every word of the statement without its comments: among them the names it reads."""
        return set(re.findall(r"\w+", self.body))

    @property
    def is_table_macro(self) -> bool:
        """Whether it is asked FROM rather than in an expression."""
        return ") AS TABLE" in self.text

    def as_table(self) -> "Statement":
        """The statement that keeps this view's rows as a table of the same name."""
        return Statement(self.name, _CREATE.sub("CREATE TABLE ", self.text, count=1))

    @property
    def asked(self) -> str:
        """What a table asks for."""
        return self.body.split(f"CREATE TABLE {self.name} AS\n", 1)[1].rstrip().removesuffix(";")

    def asking_of(self, others: Mapping[str, str]) -> str:
        """The same, with other relations in place of some that it reads, by name."""
        return reading_of(self.asked, others)


def reading_of(sql: str, others: Mapping[str, str]) -> str:
    """A statement with other relations in place of some that it reads by their bare names."""
    named = re.compile(_READ.format("|".join(others)))
    return named.sub(lambda found: f"{found[1]} {others[found[2]]}", sql)


def macros() -> list[Statement]:
    """The macros that only compute, by name: views use them."""
    return [macro for macro in _read("macros") if not macro.is_table_macro]


def table_macros() -> list[Statement]:
    """The macros that answer with rows of views, by name: they come after the views."""
    return [macro for macro in _read("macros") if macro.is_table_macro]


def tables() -> tuple[list[Statement], list[Statement]]:
    """The facts that are published as they are: those made before the standing tables, and those that read these."""
    every, standing_names = _read("tables"), {view.name for view in standing()}
    later = [table for table in every if table.words & standing_names]
    return [table for table in every if table not in later], later


def standing() -> list[Statement]:
    """The views of sql/views/standing, each after those it reads."""
    return list(_ordered("views", "standing"))


def questions() -> list[Statement]:
    """The views analysts use, each after those it reads."""
    return list(_ordered("views"))


@cache
def _ordered(*folders: str) -> tuple[Statement, ...]:
    return tuple(ordered(list(_read(*folders))))


@cache
def _read(*folders: str) -> tuple[Statement, ...]:
    """Read once a process: a publication asks ten times, and to find the words of all statements takes longer than many of them."""
    folder = resources.files("sql").joinpath(*folders)
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Statement(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files)


def ordered(statements: list[Statement]) -> list[Statement]:
    """Statements, each after those it reads."""
    by_name = {statement.name: statement for statement in statements}
    reads = {name: sorted((by_name[name].words & by_name.keys()) - {name}) for name in by_name}
    return [by_name[name] for name in TopologicalSorter(reads).static_order()]


def create(store: Store) -> None:
    """Creates or replaces every macro and view in the work database; call it again after a taxonomy import.

    Where they were made from these very texts, nothing is done: every command comes by here.
    """
    depth = taxonomy_depth(store)
    viewed = [with_levels(view, depth) for view in standing() + questions()]
    statements = [*macros(), *viewed, *table_macros()]
    last = viewed[-1].name
    texts = [store.one("SELECT max(version) FROM schema_version"), *(statement.text for statement in statements)]
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    if store.query("SELECT comment FROM duckdb_views() WHERE view_name = ?", [last])["comment"].to_list() == [digest]:
        return
    with store.transaction():  # forty commits would wait for the disk forty times
        for statement in statements:
            store.execute(statement.text)
        store.execute(f"COMMENT ON VIEW {quoted(last)} IS '{digest}'")


def taxonomy_depth(store: Store) -> int:
    """Levels of the deepest category ever imported, at least 1."""
    return int(store.one("SELECT coalesce(max(level), 1) FROM categories"))


def with_levels(view: Statement, depth: int) -> Statement:
    """The view with level_1 ... level_`depth` where its text names level_1; others come back as they are."""

    def every_level(match: re.Match[str]) -> str:
        return ",\n".join(f"{match[1]}level(c.path, {n}) AS level_{n}" for n in range(1, depth + 1))

    return Statement(view.name, _LEVEL_LINE.sub(every_level, view.text))


def comment(store: Store, kinds: dict[str, list[Statement]]) -> None:
    """Writes grains and the meanings of columns into the database in use, where SQL tools show them.

    kinds: statements by the word COMMENT ON has for what they made: TABLE, VIEW, MACRO or MACRO TABLE.
    """
    found = store.query(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND database_name = current_database()"
    ).rows()
    comments = []
    for kind, statements in kinds.items():
        for statement in statements:
            name = quoted(statement.name)
            comments.append(f"COMMENT ON {kind} {name} IS {literal(statement.grain)}")
            meant = {column: statement.meaning(column) for table, column in found if table == statement.name}
            comments += [
                f"COMMENT ON COLUMN {name}.{quoted(column)} IS {literal(meaning)}"
                for column, meaning in meant.items()
                if meaning
            ]
    with store.transaction():  # one for all: each would be one more wait for the disk
        store.execute(";\n".join(comments))
