"""The promise to reviewers under any order of events: no decision lost, none misapplied, nothing silently overwritten.

A state machine delivers, exports, edits, imports, crashes, takes back and changes the hierarchy at random; after each step
what stands and what is asked equal a model in plain Python that knows nothing of tables: it plays all that was said and
not taken back, in order, from the beginning.
"""

import csv
import io
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from review_desk import MUGS, PANS, PATHS, PUZZLES, Desk

import catalog.store
from catalog.review import undo
from catalog.store import Store
from pipelines import review, taxonomy

GROUP, ALONE = ("a1", "a2", "a3"), "b"
ITEMS = (*GROUP, ALONE)
WORDS = ("1", "2", "accept", "none", "unsure", "skip", "=Puzzles")
WRITTEN = {  # what spreadsheets and people make of a word
    "1": ("1", "1.0", "1,0", " 1"),
    "accept": ("ACCEPT", "accept ", "'Accept"),
    "none": ("none", "NONE"),
    "unsure": ("Unsure", " unsure "),
}
RENAMED = {MUGS: "cups"}
REMOVED = PANS
LOST = "(lost)"
MARKER = "adjudication"


@dataclass(frozen=True)
class Said:
    """One answer. written, at: when its sheet was written and it was taken in, in a count of events."""

    item: str
    verdict: str
    category: str | None
    who: str
    content: str
    written: int
    at: int
    source: int
    tree: int


@dataclass
class Sheet:
    """What was exported: rows as cells, the content behind each, and what each offered in ids of its time."""

    rows: list[dict[str, str]]
    content: dict[str, str]
    offers: tuple[str, ...]
    tree: int
    at: int


@dataclass(frozen=True)
class Edited:
    """A sheet as somebody saved it: bytes, the filled words by item in the order of its rows, and who did."""

    sheet: int
    name: str
    saved: bytes
    words: tuple[tuple[str, str], ...]
    who: str


@dataclass
class Model:
    """What must stand: a list of what was said, and of when the hierarchy changed."""

    log: list[Said | None] = field(default_factory=list)  # None: here the hierarchy changed
    undone: set[int] = field(default_factory=set)

    def played(self) -> dict[str, list[Said]]:
        """By item everything that counts, the last of it standing; conflicts leave a marker."""
        past: dict[str, list[Said]] = {item: [] for item in ITEMS}
        for said in self.log:
            if said is None:
                past = {item: [after_the_change(one) for one in known] for item, known in past.items()}
            elif said.source not in self.undone:
                self.weigh(said, past[said.item])
        return past

    def weigh(self, said: Said, past: list[Said]) -> bool:
        """Adds an answer to what was said before; False when it only repeats."""
        unseen = [one for one in past if one.at >= said.written]
        last_of = {one.who: (one.verdict, one.category) for one in unseen}
        meant = (said.verdict, said.category)
        if last_of.get(said.who) == meant:
            return False
        last = unseen[-1] if unseen else None
        agrees = last is None or last.verdict in ("unsure", "retired") or (last.verdict, last.category) == meant
        agrees = agrees or (last is not None and last.who == said.who)
        past.append(said)
        if MARKER in last_of or not agrees:
            past.append(replace(said, verdict="unsure", category=None, who=MARKER))
        return True

    def standing(self) -> dict[str, Said]:
        return {item: known[-1] for item, known in self.played().items() if known}

    def take(self, edited: Edited, sheet: Sheet, live: dict[str, str], tree: int, source: int, at: int) -> bool:
        """Takes a file in; False when it has a row that cannot be read, and nothing of it counts."""
        meant = {item: meaning(word, sheet, tree) for item, word in edited.words if word}
        if LOST in meant.values():
            return False
        leader = next((m for item, m in meant.items() if item in GROUP and m != "skip"), None)
        past = self.played()
        for item, word in edited.words:
            answer = meant.get(item) or (leader if item in GROUP and not word else None)
            if answer in (None, "skip") or sheet.content[item] != live[item]:
                continue
            verdict = answer if answer in ("none", "unsure") else "category"
            category = answer if verdict == "category" else None
            said = Said(item, verdict, category, edited.who, live[item], sheet.at, at, source, tree)
            if self.weigh(said, past[item]):
                self.log.append(said)
        return True


def after_the_change(said: Said) -> Said:
    if said.category == REMOVED:
        return replace(said, verdict="retired", category=None)
    return replace(said, category=RENAMED.get(said.category or "", said.category))


def meaning(word: str, sheet: Sheet, tree: int) -> str:
    """A category in today's ids, another verdict, or LOST where a row cannot be read."""
    if word == "=Puzzles":
        return PUZZLES
    if word not in ("1", "2", "accept"):
        return word
    place = 1 if word == "2" else 0
    found = sheet.offers[place] if place < len(sheet.offers) else LOST
    if sheet.tree == tree:
        return found
    return LOST if found == REMOVED else RENAMED.get(found, found)


def saved(rows: list[dict[str, str]], form: str, rng: random.Random) -> bytes:
    """A sheet as a spreadsheet saves it: columns moved, added and in other capitals, zeros and blanks lost or added."""
    names = list(rows[0])
    if rng.random() < 0.5:
        rng.shuffle(names)
        names.insert(1, "mine")
    head = [name.upper() if rng.random() < 0.3 else name for name in names]
    lines = [[row.get(name, "x") for name in names] for row in rows]
    if form == "xlsx":
        target = io.BytesIO()
        with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
            page = book.add_worksheet("Sheet1")
            for at, line in enumerate([head, *lines]):
                page.write_row(at, 0, line)
        return target.getvalue()
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter={"semicolon": ";", "tab": "\t"}.get(form, ","))
    writer.writerows([head, *lines, [""] * len(head)])
    return text.getvalue().encode({"utf-16": "utf-16", "cp1252": "cp1252"}.get(form, "utf-8-sig"))


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(nth: int, files: Path, leaves: Path) -> Iterator[None]:
    """The n-th point of the store ends the process: what was on the disk at that moment is in `leaves` afterwards."""
    points = iter(range(1, nth + 1))

    def reached(_name: str) -> None:
        if next(points, None) == nth:
            leaves.mkdir()
            for file in files.glob("work.duckdb*"):
                shutil.copy(file, leaves / file.name)
            raise Killed

    before: Callable[[str], None] = catalog.store.reached
    catalog.store.reached = reached
    try:
        yield
    finally:
        catalog.store.reached = before


class Ledger(RuleBasedStateMachine):
    """Three look-alike items and one alone, two named reviewers, a third who takes back, and the sheets they were given."""

    source: Path

    @initialize()
    def open_desk(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.database = Path(shutil.copy(self.source, self.folder / "work.duckdb"))
        self._open()
        for folder in self.desk.workspace.folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.model = Model()
        self.content = dict.fromkeys(ITEMS, "in-0")
        self.routed = dict.fromkeys(ITEMS, 0)  # the hierarchy an item was routed under
        self.tree, self.clock = 0, 0
        self.sheets: list[Sheet] = []
        self.files: list[Edited] = []
        self.imports: list[tuple[str, bytes]] = []  # id and file, by source
        self.kept: list[tuple] = []
        for item in ITEMS:
            self._deliver(item, 0)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def _open(self) -> None:
        self.store = Store.open(self.database)
        self.desk = Desk(self.folder, self.store)

    def _deliver(self, item: str, version: int) -> None:
        self.content[item], self.routed[item] = f"in-{version}", self.tree
        self.desk.item(item, input_hash=f"in-{version}", group_id="g" if item in GROUP else None)

    @rule(item=st.sampled_from(ITEMS), version=st.integers(0, 1))
    def deliver(self, item: str, version: int) -> None:
        self._deliver(item, version)

    @rule()
    def export(self) -> None:
        rows = self.desk.sheet()
        self.clock += 1
        assert {row["item_id"] for row in rows} == self.asked()
        if rows:
            offers = (PUZZLES,) if self.tree else (MUGS, PANS, PUZZLES)
            self.sheets.append(Sheet(rows, dict(self.content), offers, self.tree, self.clock))

    def asked(self) -> set[str]:
        standing = self.model.standing()
        return {item for item in ITEMS if item not in standing or self.open(standing[item])}

    def open(self, said: Said) -> bool:
        """Whether an item is asked again although this stands."""
        newer = said.verdict == "none" and said.tree != self.routed[said.item]
        return newer or said.verdict in ("unsure", "retired") or said.content != self.content[said.item]

    @precondition(lambda self: self.sheets)
    @rule(
        which=st.integers(0, 99),
        who=st.sampled_from(["anna", "bob"]),
        words=st.dictionaries(st.sampled_from(ITEMS), st.sampled_from(WORDS), min_size=1),
        dropped=st.sets(st.sampled_from(ITEMS), max_size=1),
        form=st.sampled_from(["comma", "semicolon", "tab", "utf-16", "cp1252", "xlsx"]),
        seed=st.integers(0, 99),
        crash=st.none() | st.integers(1, 6),
    )
    def answer(
        self, which: int, who: str, words: dict[str, str], dropped: set[str], form: str, seed: int, crash: int | None
    ) -> None:
        which, rng = which % len(self.sheets), random.Random(seed)
        rows = [row for row in self.sheets[which].rows if row["item_id"] not in dropped]
        if not rows:
            return
        rng.shuffle(rows)
        said = [(row["item_id"], words.get(row["item_id"], "")) for row in rows]
        filled = [self._filled(row, word, rng) for row, (_, word) in zip(rows, said, strict=True)]
        name = f"{len(self.files)}.{'xlsx' if form == 'xlsx' else 'csv'}"
        self.files.append(Edited(which, name, saved(filled, form, rng), tuple(said), who))
        self._take(self.files[-1], crash)

    def _filled(self, row: dict[str, str], word: str, rng: random.Random) -> dict[str, str]:
        column = (
            {"category": word[1:]} if word.startswith("=") else {"decision": rng.choice(WRITTEN.get(word, (word,)))}
        )
        token = f" {row['token'].lower()}" if rng.random() < 0.3 else row["token"]
        return row | {"token": token, "item_id": row["item_id"].lstrip("0")} | column

    @precondition(lambda self: self.files)
    @rule(which=st.integers(0, 99))
    def a_file_comes_again(self, which: int) -> None:
        self._take(self.files[which % len(self.files)], None)

    def _take(self, edited: Edited, crash: int | None) -> None:
        file = self.folder / edited.name
        file.write_bytes(edited.saved)
        if crash is not None:
            self._import_and_die(file, edited.who, crash)
        report = review.import_sheet(self.desk.job(), file, reviewer=edited.who)
        self.clock += 1
        known = [n for n, (_, content) in enumerate(self.imports) if content == edited.saved]
        if set(known) - self.model.undone:
            assert report.counts.keys() == {"already_imported"}
            return
        sheet, source = self.sheets[edited.sheet], len(self.imports)
        readable = self.model.take(edited, sheet, self.content, self.tree, source, self.clock)
        assert readable == (not report.problems)
        if readable:
            found = report.import_id or self.store.one(
                "SELECT import_id FROM imports ORDER BY imported_at DESC LIMIT 1"
            )
            self.imports.append((str(found), edited.saved))

    def _import_and_die(self, file: Path, who: str, nth: int) -> None:
        before, leaves = self.decisions(), self.folder / "leaves"
        job = self.desk.job()
        try:
            with killed_at(nth, self.folder, leaves):
                review.import_sheet(job, file, reviewer=who)
        except Killed:
            self.store.close()
            for left in self.folder.glob("work.duckdb*"):
                left.unlink()
            for left in leaves.iterdir():
                shutil.move(left, self.folder / left.name)
            leaves.rmdir()
            self._open()
            imported = self.store.one("SELECT count(*) FROM imports") > len(self.imports)
            assert imported or self.decisions() == before  # all of a sheet or nothing

    @precondition(lambda self: len(self.imports) > len(self.model.undone))
    @rule(which=st.integers(0, 99))
    def take_back(self, which: int) -> None:
        live = sorted(set(range(len(self.imports))) - self.model.undone)
        source = live[which % len(live)]
        undo.undo(self.desk.job(), self.imports[source][0], undo.By("dora"))
        self.model.undone.add(source)

    @precondition(lambda self: not self.tree and self.sheets)
    @rule()
    def the_hierarchy_changes(self) -> None:
        paths = {path: key for path, key in PATHS.items() if key not in (MUGS, PANS)} | {
            "Home > Kitchen > Cups": "cups"
        }
        parent = {path: PATHS.get(path.rpartition(" > ")[0], "") for path in paths}
        rows = [f"{key},{parent[path]},{path.rpartition(' > ')[2]}" for path, key in paths.items()]
        (self.folder / "new.csv").write_text("\n".join(["id,parent_id,name", *rows]))
        (self.folder / "map.csv").write_text(f"old_id,new_id\n{MUGS},cups\n{REMOVED},\n")
        taxonomy.run(self.desk.job(), self.folder / "new.csv", map_file=self.folder / "map.csv")
        self.model.log.append(None)
        self.tree = 1

    def decisions(self) -> list[tuple]:
        return self.desk.said("decision_id, item_id, verdict, category_id, who, input_hash, import_id")

    @invariant()
    def what_stands_is_what_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = self.store.query("SELECT item_id, verdict, category_id, who, input_hash FROM standing_decisions").rows()
        expected = {(s.item, s.verdict, s.category, s.who, s.content) for s in self.model.standing().values()}
        assert set(rows) == expected

    @invariant()
    def nothing_is_lost_or_changed(self) -> None:
        if hasattr(self, "store"):
            now = self.decisions()
            assert now[: len(self.kept)] == self.kept
            self.kept = now


def play(source: Path, examples: int, steps: int, *, derandomize: bool = True) -> None:
    Ledger.source = source
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=derandomize, print_blob=True,
    )  # fmt: skip
    run_state_machine_as_test(Ledger, settings=chosen)


def test_any_order_of_events_keeps_the_promise(prepared: Path) -> None:
    play(prepared, examples=5, steps=10)


@pytest.mark.slow
def test_many_orders_of_events_keep_the_promise(prepared: Path) -> None:
    play(prepared, examples=400, steps=20, derandomize=False)
