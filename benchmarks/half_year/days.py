"""Days of a shop: vendors deliver, the night runs, people answer what they are asked and mend what is held; a day passes.

All of it by the commands a person or a timer would start. Time passes by making everything that the workspace knows, and
its files, a day older: the same as if the clock had moved, but for the names of runs.
"""

import csv
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from benchmarks.end_to_end import commit
from benchmarks.half_year import on_purpose
from benchmarks.half_year.applied import Applied
from benchmarks.half_year.command import catalog
from benchmarks.half_year.retailer import MERGED, Retailer, Vendor
from catalog.deliveries import lateness
from catalog.keeping.retention import size_of
from catalog.publishing import verdict
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from catalog.store import Store, quoted
from pipelines import nightly, verify
from pipelines.cli import app
from pipelines.keep import FOLDERS
from pipelines.session import opened

MISTAKES = 0.02
ANSWERS = 60  # a person's of a working day
DAY = 86_400
_TIMES = """
    SELECT table_name, list(column_name) AS names FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (table_name)
    WHERE data_type LIKE 'TIMESTAMP%' AND NOT internal GROUP BY 1 ORDER BY 1
"""
_CHANGES = 'SELECT * FROM changes WHERE run_id = (SELECT run_id FROM freshness) ORDER BY "cursor"'
_STANDS = "SELECT vendor, item_id, path, outcome, decided_by FROM current_category WHERE vendor <> 'history'"
_FILES = "SELECT vendor, status, reason, delivery_id, file_name FROM delivery_runs WHERE run_id = (SELECT run_id FROM freshness)"


@dataclass(frozen=True)
class Plan:
    """On which night what happens; nights count from 1, 0 is never."""

    nights: int
    half: int = 0  # a vendor sends half a file by mistake
    header: int = 0  # a vendor renames a column
    late: int = 0  # a vendor does not deliver for four nights
    shift: int = 0  # a vendor changes its range
    closes: int = 0  # a vendor gives up most of what it sells
    tree: int = 0  # the hierarchy changes
    refile: int = 0  # one shelf is filed under another, a model that says so promoted (on_purpose.py)
    rollback: int = 0  # and withdrawn
    again: int = 0  # and promoted again
    reclassify: int = 0  # everything is judged anew on purpose
    retrain: str = "weekly"
    page: int = 7  # every so many nights run whole, by the command

    @classmethod
    def of(cls, nights: int) -> "Plan":
        """Everything happens once, spread over the nights."""
        parts = {"half": 0.14, "header": 0.22, "late": 0.33, "shift": 0.42, "closes": 0.5, "tree": 0.55}
        monday = 1 + 7 * max(1, (nights - 7) // 7)  # the models' days begin after a weekly retraining
        days = {"refile": 0, "rollback": 2, "again": 4, "reclassify": 7}
        acts = {name: monday + day for name, day in days.items()}
        return cls(nights, **{name: max(2, round(share * nights)) for name, share in parts.items()}, **acts)


@dataclass
class Morning:
    """What stood after a night. `changes`: how many by what was done and whether it was right; `bytes`: by part."""

    night: int
    seconds: float
    status: int
    alarms: list[tuple[str, str]]
    files: list[dict]
    changes: Counter = field(default_factory=Counter)
    moved: list[tuple[str, str]] = field(default_factory=list)
    placed: int = 0
    placed_right: int = 0
    live: int = 0
    waiting: int = 0
    answers: int = 0
    retraining: str = ""
    delivered: int = 0
    bytes: dict[str, int] = field(default_factory=dict)
    acts: list[dict] = field(default_factory=list)  # what was begun on this day, see on_purpose.py
    came_to: list[dict] = field(default_factory=list)  # what the acts of the day before came to
    commit: str = ""  # of the program that played the night
    replayed: str | None = (
        None  # how the files of changes differ from what stands: "" in nothing, None if nobody looked
    )


def a_day_passes(place: Path) -> None:
    """Makes everything a day older."""
    workspace = Workspace(place)
    with Store.open(workspace.work_db) as store, store.transaction():
        for table, names in store.query(_TIMES).iter_rows():
            older = ", ".join(f"{quoted(name)} = {quoted(name)} - INTERVAL 1 DAY" for name in names)
            store.execute(f"UPDATE {quoted(table)} SET {older}")
        store.execute(
            "UPDATE publications SET made = NULL"
        )  # facts never change elsewhere: tables of them would be kept
    kept = (workspace.staged, workspace.feeds, workspace.outbox, workspace.inbox, workspace.reports, workspace.changes)
    for path in (path for folder in kept for path in folder.rglob("*") if path.is_file()):
        then = path.stat().st_mtime - DAY
        os.utime(path, (then, then))


def _without_a_page(place: Path) -> tuple[str, ...]:
    """A night's other steps, where there is anything to do; a line for each thing that does not hold."""
    with opened(place) as session:
        lateness.note_schedules(session.store, session.workspace)
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        for name in nightly.STAGES if run_id else ():
            if name != "report":
                nightly.step(session, name, str(run_id), found)
        if run_id:
            nightly.close(session, run_id)
        return verify.attention(session)


class Shop:
    """A workspace and the people around it."""

    def __init__(self, place: Path, retailer: Retailer, plan: Plan) -> None:
        self.place, self.retailer, self.plan = place, retailer, plan
        self.workspace = Workspace(place)
        self.people = random.Random(11)
        self.mornings: list[Morning] = []
        self.mended: list[str] = []
        self.applied, self.commit = Applied(), commit()
        for vendor in retailer.vendors:
            form = self.workspace.vendors / f"{vendor.name}.toml"
            if not form.exists():  # else a later start, and a form that somebody may have updated since
                form.write_text(vendor.form)
            (self.workspace.feeds / vendor.name).mkdir(exist_ok=True)

    def ask(self, sql: str) -> pl.DataFrame:
        """Rows of the published file."""
        return query_published(self.workspace.published_db, sql)

    def command(self, *words: str) -> str:
        """What a command says; it must end with 0."""
        return catalog(self.place, *words)[1]

    def standing(self) -> Iterator[tuple]:
        """vendor, item_id, path, outcome and decided_by of what vendors send."""
        return self.ask(_STANDS).iter_rows()

    def day(self, night: int) -> Morning:
        """One night and the day after it."""
        self._vendors(night)
        delivered = sum(size_of(file) for file in self.workspace.feeds.glob("*/*.csv"))
        morning = self._night(night)
        morning.delivered = delivered
        if night % 7 not in (5, 6):
            morning.answers = self._answered(night)
        self._mend(morning)
        morning.acts = [act | {"night": night} for act in on_purpose.done(self, night)]
        if night % 7 == 0:
            catalog(self.place, "prune")
        morning.bytes = {name: size_of(self.place / path) for name, path in FOLDERS.items()}
        a_day_passes(self.place)
        self.mornings.append(morning)
        return morning

    def remembers(self, morning: Morning, mended: list[str]) -> None:
        """A day of an earlier start, which the workspace has seen: the vendors' world goes on without it."""
        if morning.night > 1:
            self.retailer.a_night_passes(morning.night)
        self._news(morning.night, known=True)
        for vendor in self.retailer.vendors:
            if not self._is_late(vendor, morning.night):
                vendor.touched.clear()
        self.mornings.append(morning)
        self.mended += mended

    # ------------------------------------------------------------- what vendors do

    def _vendors(self, night: int) -> None:
        if night > 1:
            self.retailer.a_night_passes(night)
        self._news(night)
        for vendor in self.retailer.vendors:
            self._delivers(vendor, night)

    def _news(self, night: int, *, known: bool = False) -> None:
        if night == self.plan.header:
            self.retailer.who(5).title = "product_name"
        if night == self.plan.shift:
            self.retailer.new_range()
        if night == self.plan.closes:
            self.retailer.closes_down(self.retailer.who(10), 0.8)
        if night == self.plan.refile:
            self.retailer.refiled(*on_purpose.REFILED)
        if night == self.plan.tree:
            self.retailer.new_hierarchy()
            if not known:
                self._new_tree()

    def _new_tree(self) -> None:
        new, made, old = self.place / "tree_new.csv", self.place / "map.csv", self.place / "tree.csv"
        from benchmarks.half_year.opening import written  # noqa: PLC0415

        written(new, self.retailer, changed=True)
        CliRunner().invoke(app, ["taxonomy", "diff", str(old), str(new), "--map", str(made)], catch_exceptions=False)
        self.mended.append(catalog(self.place, "taxonomy", "import", str(new), "--map", str(made))[1].strip())

    def _delivers(self, vendor: Vendor, night: int) -> None:
        if self._is_late(vendor, night) or (vendor.kind == "delta" and not vendor.touched):
            return
        items = list(vendor.items.values())
        if vendor.kind == "delta":
            items = [item for key, item in vendor.items.items() if vendor.touched.get(key) == "here"]
        if night == self.plan.half and vendor is self.retailer.who(7):
            items = items[: len(items) // 4]
        vendor.write(self.workspace.feeds / vendor.name / f"{vendor.name}-{night:04d}.csv", items)
        vendor.touched.clear()

    def _is_late(self, vendor: Vendor, night: int) -> bool:
        return bool(self.plan.late) and vendor is self.retailer.who(2) and 0 <= night - self.plan.late < 4

    # ------------------------------------------------------------- the night

    def _night(self, night: int) -> Morning:
        """Sundays by the command, with training where it is due; other nights by what stands behind it, without the page."""
        started = time.perf_counter()
        said, status = "", 0
        if self.plan.page and (night % self.plan.page == 0 or night == 1):
            retrain = ["--retrain", self.plan.retrain] if self.plan.retrain else []
            status, said = catalog(self.place, "nightly", *retrain, ok=(0, 65))
        broken = _without_a_page(self.place)
        if broken:
            raise RuntimeError("; ".join(broken))
        with opened(self.place) as session:
            found = verdict.alarms(self.ask, str(self._run()), today=session.store.query)
        morning = Morning(
            night, time.perf_counter() - started, status,
            alarms=[(one.code, one.about) for one in found],
            files=self.ask(_FILES).to_dicts(),
            commit=self.commit,
            retraining="".join(re.findall(r"^retraining .*? (promoted|refused|failed|unchanged)", said, re.MULTILINE)),
        )  # fmt: skip
        self._count(morning)
        return morning

    def _run(self) -> str:
        return str(self.ask("SELECT run_id FROM freshness").item())

    def _count(self, morning: Morning) -> None:
        for row in self.ask(_CHANGES).iter_rows(named=True):
            if row["vendor"] == "history":
                continue
            kind = self._kind(row)
            morning.changes[kind] += 1
            if kind.startswith("move model"):
                morning.moved.append((row["vendor"], row["item_id"]))
        for vendor, item, path, outcome, by in self.standing():
            if by == "model":
                morning.placed += 1
                morning.placed_right += self._right(vendor, item, path, outcome)
        morning.live = sum(len(vendor.items) for vendor in self.retailer.vendors)
        morning.waiting = self.ask("SELECT count(*) FROM review_backlog").item()
        morning.replayed = self.applied.compared(self)
        acts = self.mornings[-1].acts if self.mornings else []
        morning.came_to = [on_purpose.came_to(self, act, morning) for act in acts]

    def _kind(self, row: dict) -> str:
        merged = row["old_path"] in MERGED[:2] and row["new_path"] == MERGED[2]
        if row["action"] == "retire" or merged:
            return "retired" if row["action"] == "retire" else "mapped"
        who = "people" if row["status"] == "decided" else "model"
        right = self._right(row["vendor"], row["item_id"], row["new_path"], row["status"])
        further_down = (row["new_path"] or "").startswith(f"{row['old_path']} > ")
        action = "refine" if further_down else row["action"]
        return f"{action} {who} {'right' if right else 'wrong'}"

    def _right(self, vendor: str, item: str, path: str, outcome: str) -> bool:
        """At a parent, above the right leaf is right."""
        truth = self.retailer.belongs(vendor, item) or ""
        return truth == path or (outcome == "placed_at_parent" and truth.startswith(f"{path} > "))

    # ------------------------------------------------------------- what people do

    def _answered(self, night: int) -> int:
        """The reviewer takes the night's sheets from the top; one row of a group is answered, the others follow."""
        given = 0
        for sheet in sorted(self.workspace.outbox.glob(f"{self._run()}-*.csv")):
            with sheet.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
            seen: set[str] = set()
            for row in rows:
                if given >= ANSWERS or row["group"] in seen:
                    continue
                seen.add(row["group"])
                row["category"] = self._answer(row["vendor"], row["item_id"])
                given += 1
            back = self.workspace.inbox / f"{sheet.stem}-{night}.csv"
            with back.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows(rows)
            catalog(self.place, "review", "import", str(back), "--reviewer", ("anna", "bea", "carl")[night % 3])
        return given

    def _answer(self, vendor: str, item: str) -> str:
        draw = self.people
        wrong = draw.random() < MISTAKES
        return draw.choice(self.retailer.shelves) if wrong else str(self.retailer.belongs(vendor, item))

    def _mend(self, morning: Morning) -> None:
        """Somebody looks at what was refused or held: a renamed column is mapped, a vendor that closes down is believed."""
        by = ("--by", "anna")
        for file in morning.files:
            vendor, status, delivery = file["vendor"], file["status"], str(file["delivery_id"])
            told = f"night {morning.night}: {vendor}'s {file['file_name']} {status} ({file['reason']})"
            if status == "refused":
                (found,) = (self.workspace.feeds / vendor / "done").glob(f"*{Path(file['file_name']).stem}*")
                catalog(self.place, "vendor", "propose", vendor, str(found), "--update", "--force", ok=(0, 1))
                catalog(self.place, "feeds", "retry", delivery, *by)
                self.mended.append(f"{told}, its form updated and read again")
            elif status == "held" and vendor == self.retailer.who(10).name:
                catalog(self.place, "feeds", "release", delivery, *by)
                self.mended.append(f"{told}, released after a call")
            elif status == "held":
                self.mended.append(f"{told}, left: the vendor sends a whole one")
