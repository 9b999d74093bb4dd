"""The promise about runs under any order of events: one at a time, each file once, what broke off is finished or taken over.

A state machine delivers, runs nights, breaks them off at random points, takes runs back, imports labels and hierarchies and
edits the settings; a model in plain Python says which runs there are, how each ended, what each took and what is live.
What a broken-off night had done is no guess: the model goes step by step until it stands where the disk does, and it must
get there.
"""

import csv
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog.errors import CatalogError
from catalog.jobs import Job, now, open_run
from catalog.publishing import publication
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from pipelines import correct, ingest, labels, nightly, runs, taxonomy, verify, workspace
from pipelines.session import Session, opened
from tests.crashing import Children, children, first_difference, tables

TREES = tuple(
    f"id,parent_id,name\n1,,Home\n2,1,Mugs\n3,1,Pans\n4,,Toys\n{more}5,4,Kites\n" for more in ("", "8,4,Balls\n")
)
KINDS = {"acme": "full", "bolt": "delta"}
ITEMS = ("a", "b", "c", "d")
CATEGORIES = ("2", "3", "5")
MAX_DROP = 0.6
RULE = '[[rule]]\nid = "kites"\nkind = "never_automate"\nnode = "Toys > Kites"\nowner = "anna"\nsince = 2026-01-01\nwhy = "new"\n'
ANNA = runs.By("anna", "as agreed")
OUTCOMES = ("placed", "placed_at_parent", "review", "decided", "duplicate", "quarantine", "withdrawn")
# Where a night is broken off: at one of the first points of a stage, so that short stages have their share.
POINTS = {
    "ingest.": 24,
    "store.": 3,
    "disk.": 9,
    "route.": 3,
    "review.": 4,
    "publish.": 60,
    "changes.": 3,
    "verify.": 1,
    "end.": 1,
}
Version = int | None  # of an item's content; None deletes it
Rows = dict[str, Version]
ROWS = st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([0, 1, 0, 1, None]))
FILES = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), ROWS), min_size=1, max_size=2)
VENDORS = st.sampled_from([None, None, *KINDS])
BROKEN = st.tuples(VENDORS, st.sampled_from(list(POINTS)), st.integers(0, 99), st.sampled_from(["", "", ":ENOSPC"]))
# What follows each step: nothing, a night, or one that breaks off. Rules of their own would be left out of most examples.
TONIGHT = st.none() | st.tuples(VENDORS) | BROKEN | BROKEN


@dataclass(frozen=True)
class File:
    """A file as a vendor wrote it."""

    vendor: str
    name: str
    rows: tuple[tuple[str, Version], ...]

    def same(self, other: "File") -> bool:
        return (self.vendor, self.rows) == (other.vendor, other.rows)


@dataclass(eq=False)
class Run:
    """A run as the model knows it. state: what it started under; heir: who took it over; plan: what it was to take."""

    job: str
    state: tuple = ()
    plan: tuple[File, ...] = ()
    status: str | None = None
    heir: "Run | None" = None
    ingested: bool = False

    @property
    def answering(self) -> "Run":
        return self.heir.answering if self.heir else self


@dataclass
class Taken:
    """A delivery: a vendor's file, or its rows of a label file."""

    file: File
    run: Run
    status: str
    kind: str


@dataclass
class Model:
    """What must be there: runs and deliveries in their order, and what waits in the inboxes."""

    runs: list[Run] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    inbox: list[File] = field(default_factory=list)
    published: Run | None = None
    # what a run's key names besides the feeds: hierarchy, target, switch, rules, and a count of all that was said
    tree: int = 0
    target: float = 0.98  # as it comes
    automation: str = "on"
    ruled: bool = False
    said: int = 0

    @property
    def state(self) -> tuple:
        return (self.tree, self.target, self.automation, self.ruled, self.said)

    @property
    def open(self) -> Run | None:
        return next((run for run in self.runs if run.job == "nightly" and run.status is None), None)

    def count(self, job: str) -> int:
        return sum(run.job == job for run in self.runs)

    def standing(self, vendor: str) -> list[Taken]:
        """The vendor's feeds that count."""
        return [t for t in self.taken if t.file.vendor == vendor and t.status == "accepted" and t.kind != "labels"]

    def live(self) -> set[tuple[str, str, str]]:
        found: dict[str, Rows] = {vendor: {} for vendor in KINDS}
        for taken in self.taken:
            if taken.status == "accepted":
                kept = {} if taken.kind == "full" else found[taken.file.vendor]
                merged = kept | dict(taken.file.rows)
                found[taken.file.vendor] = {item: version for item, version in merged.items() if version is not None}
        return {(vendor, item, title(item, v)) for vendor, items in found.items() for item, v in items.items()}

    def read(self, file: File) -> str:
        """What must become of a file."""
        before = self.standing(file.vendor)
        if before and before[-1].file.same(file):
            return "repeated"
        if any(t.status == "undone" and t.file.same(file) for t in self.taken):
            return "held"
        if KINDS[file.vendor] == "full":
            had, has = len(before[-1].file.rows) if before else 0, len(file.rows)
            if not has or (had and had - has >= MAX_DROP * had):
                return "held"
        return "accepted"

    def night(self, vendor: str | None) -> Iterator[None]:
        """A night, one thing after the other, as far as somebody asks: what is open first, then what has arrived."""
        for _ in range(2):
            left, resumed = self.open, False
            waiting = [f for f in self.inbox if vendor in (None, f.vendor) or (left and self.looked_at(f, left))]
            waiting.sort(key=lambda f: (f.vendor, f.name))
            if left and left.state == self.state:
                run, resumed = left, True
                waiting = [] if run.ingested else [file for file in waiting if file in run.plan]
            elif not left and not waiting and self.state == self.last_state:
                return
            else:
                run = Run("nightly", self.state, tuple(waiting))
                self.runs.append(run)
                if left:
                    left.status, left.heir = "superseded", run
                yield
            yield from self.stages(run, waiting)
            if not resumed:
                return

    def stages(self, run: Run, waiting: list[File]) -> Iterator[None]:
        for file in waiting:
            if not self.looked_at(file, run):
                self.taken.append(Taken(file, run, self.read(file), KINDS[file.vendor]))
                yield
            self.inbox.remove(file)
            yield
        if not run.ingested:
            run.ingested = True
            yield
        self.published = run
        yield
        run.status = "done"
        yield

    def looked_at(self, file: File, run: Run) -> bool:
        return any(taken.run.answering is run and taken.file == file for taken in self.taken)

    @property
    def last_state(self) -> tuple | None:
        done = [run for run in self.runs if run.job == "nightly" and run.status == "done"]
        return done[-1].state if done else None

    def to_undo(self, run: Run) -> list[Taken]:
        """The deliveries that taking a night back undoes; none where it is refused."""
        own = [t for t in self.taken if t.run.answering is run and t.status == "accepted" and t.kind != "labels"]
        built_on = any(other.run.answering is not run for own_ in own for other in self.later(own_))
        return [] if run.status != "done" or run.job != "nightly" or built_on else own

    def later(self, taken: Taken) -> list[Taken]:
        standing = self.standing(taken.file.vendor)
        return standing[standing.index(taken) + 1 :]


def title(item: str, version: Version) -> str:
    return f"{item} thing {version}"


def table(path: Path, *rows: tuple) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


class Ledger(RuleBasedStateMachine):
    """Two vendors, one of whom sends everything each time and one only changes; labels decide, no model serves."""

    children: Children
    template: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="runs-"))
        self.place = Workspace(Path(shutil.copytree(self.template, self.folder / "ws")))
        self.model = Model(runs=[Run("taxonomy", status="done")])
        self.corrected: dict[tuple[str, str], list[tuple[Run, str]]] = {}
        self.label_files: dict[str, tuple] = {}
        self.ended: dict[str, tuple] = {}
        self.number = 0
        self.unlooked = self.sound = True
        self.held = ExitStack()
        self._open: Session | None = None
        self.vendors_deliver([("acme", {"a": 0, "b": 0, "c": 1}), ("bolt", {"a": 0, "d": 1})])

    @property
    def session(self) -> Session:
        self._open = self._open or self.held.enter_context(opened(self.place.root))
        return self._open

    def let_go(self) -> None:
        self._open = None
        self.held.close()

    # ------------------------------------------------------------- what happens

    @rule(files=FILES, night=TONIGHT)
    def vendors_deliver(self, files: list[tuple[str, Rows]], night: tuple | None = None) -> None:
        for vendor, rows in files:
            kept = {item: version for item, version in rows.items() if version is not None or KINDS[vendor] == "delta"}
            self._put(vendor, tuple(sorted(kept.items())))
        self.tonight(night)

    @precondition(lambda self: any(taken.kind != "labels" for taken in self.model.taken))
    @rule(which=st.integers(0, 9), night=TONIGHT)
    def a_vendor_delivers_the_same_again(self, which: int, night: tuple | None) -> None:
        feeds = [taken.file for taken in self.model.taken if taken.kind != "labels"]
        self._put(feeds[-1 - which % len(feeds)].vendor, feeds[-1 - which % len(feeds)].rows)
        self.tonight(night)

    def _put(self, vendor: str, rows: tuple[tuple[str, Version], ...]) -> None:
        self.number += 1
        file = File(vendor, f"f_2026-01-01T00{self.number // 60:02}{self.number % 60:02}.csv", rows)
        cells = [(i, "" if v is None else title(i, v), "delete" if v is None else "") for i, v in rows]
        table(self.place.feeds / vendor / file.name, ("item_id", "title", "action"), *cells)
        self.model.inbox.append(file)

    def tonight(self, night: tuple | None) -> None:
        if night:
            self.after_each_step_that_can_matter()
            {1: self.a_night, 4: self.a_night_breaks_off}[len(night)](*night)

    @rule(vendor=VENDORS)
    def a_night(self, vendor: str | None) -> None:
        before = self.place.published_db.stat() if self.place.published_db.exists() else None
        known = len(self.model.runs)
        steps = len(list(self.model.night(vendor)))
        self.let_go()
        night = nightly.run(self.session, vendor=vendor)
        self.unlooked = True
        assert not night.broken
        assert (night.run_id is None) == (not steps)
        assert night.resumed == (steps > 0 and len(self.model.runs) == known)
        if not steps:
            assert self.place.published_db.stat() == before, "the same start again changes nothing"
            event("nothing to do")

    def a_night_breaks_off(self, vendor: str | None, stage: str, nth: int, how: str) -> None:
        self.let_go()
        code = (
            "from pathlib import Path\nfrom pipelines import nightly\nfrom pipelines.session import opened\n"
            f"nightly.STAGES = {nightly.STAGES!r}\n"
            f"with opened(Path({str(self.place.root)!r})) as session: nightly.run(session, vendor={vendor!r})"
        )
        status = self.children.run(code=code, point=f"{stage}:{1 + nth % POINTS[stage]}{how}")
        self.unlooked = True
        assert status in (0, 1 if how else -signal.SIGKILL), self.children.said
        event(f"broken off in {stage}" if status else "not broken off")
        steps = self.model.night(vendor)
        if status:
            found = self.found()
            while self.expected() != found:
                assert next(steps, "ended") is None, f"no start comes by {found}; it ends at {self.expected()}"
        else:
            list(steps)

    def found(self) -> tuple:
        """How far the runs have come, as the disk has it."""
        store = self.session.store
        waiting = sorted(path.name for path in self.place.feeds.glob("*/*.csv"))
        counts = [store.one(f"SELECT count(*) FROM {table}") for table in ("runs", "run_ends", "deliveries")]
        ingested = store.one("SELECT count(DISTINCT run_id) FROM stages WHERE stage = 'ingest'")
        shown = None
        if self.place.published_db.exists():
            shown = query_published(self.place.published_db, "SELECT run_id FROM freshness").item()
        return (*counts, waiting, ingested, shown and int(shown[:6]))

    def expected(self) -> tuple:
        """The same as the model has it."""
        known, shown = self.model.runs, self.model.published
        ended = sum(run.status is not None for run in known)
        ingested = sum(run.ingested for run in known)
        waiting = sorted(file.name for file in self.model.inbox)
        number = known.index(shown) + 1 if shown else None
        return (len(known), ended, len(self.model.taken), waiting, ingested, number)

    @precondition(lambda self: len(self.model.runs) > 1)
    @rule(which=st.sampled_from([0, 0, 0, 1, 2, 3]), night=TONIGHT)
    def a_run_is_taken_back(self, which: int, night: tuple | None) -> None:
        self._take_back(which)
        self.tonight(night)

    def _take_back(self, which: int) -> None:
        nights = [run for run in self.model.runs if run.job in ("nightly", "correct")] or self.model.runs
        target = nights[-1 - which % len(nights)]
        run_id = self.session.store.query("SELECT run_id FROM runs ORDER BY run_id")["run_id"][
            self.model.runs.index(target)
        ]
        undone = self.model.to_undo(target)
        answers = [said for said in self.corrected.values() if any(run is target for run, _ in said)]
        mine = Run("runs undo", status="done" if undone or answers else "failed")
        self.model.runs.append(mine)
        self.unlooked = True
        try:
            with self.session.single("runs undo", run_id, "anna") as job:
                runs.undo(job, runs.plan(job, run_id), ANNA)
        except CatalogError as refused:
            assert refused.remedy
            assert mine.status == "failed", refused
            event("undo refused")
            return
        assert mine.status == "done", "it had to be refused"
        event(f"{target.job} taken back")
        self.model.said += 1
        for taken in undone:
            taken.status = "undone"
        for said in answers:
            said[:] = [one for one in said if one[0] is not target]

    @rule(
        vendor=st.sampled_from(sorted(KINDS)), item=st.sampled_from(ITEMS), category=st.sampled_from(CATEGORIES),
        version=st.integers(0, 1), night=TONIGHT,
    )  # fmt: skip
    def labels_are_imported(self, vendor: str, item: str, category: str, version: int, night: tuple | None) -> None:
        file = table(
            self.folder / "labels.csv",
            ("vendor", "item_id", "title", "category_id"),
            (vendor, item, title(item, version), category),
        )
        run = self._single("labels", lambda job: labels.run(job, file))
        told = (item, category, version, self.model.tree)
        if self.label_files.get(vendor) != told:
            self.label_files[vendor] = told
            self.model.said += 1
            self.model.taken.append(Taken(File(vendor, file.name, ((item, version),)), run, "accepted", "labels"))
        self.tonight(night)

    @precondition(lambda self: self.model.live())
    @rule(which=st.integers(0, 99), category=st.integers(0, 1), night=TONIGHT)
    def an_item_is_corrected(self, which: int, category: int, night: tuple | None) -> None:
        live = sorted(self.model.live())
        vendor, item, _ = live[which % len(live)]
        said = self.corrected.setdefault((vendor, item), [])
        word = [c for c in CATEGORIES if not said or c != said[-1][1]][category]
        self.number += 1
        file = table(
            self.folder / "correct.csv",
            ("vendor", "item_id", "category", "note"),
            (vendor, item, word, f"sheet {self.number}"),
        )
        said.append((self._single("correct", lambda job: correct.run(job, file, who="bo")), word))
        self.model.said += 1
        self.tonight(night)

    @precondition(lambda self: self.model.count("taxonomy") <= self.model.count("nightly"))
    @rule(night=TONIGHT)
    def the_hierarchy_changes(self, night: tuple | None) -> None:
        self.model.tree = 1 - self.model.tree
        (self.folder / "tree.csv").write_text(TREES[self.model.tree])
        self._single("taxonomy", lambda job: taxonomy.run(job, self.folder / "tree.csv"))
        self.tonight(night)

    def _single(self, name: str, work: Callable[[Job], object]) -> Run:
        with self.session.single(name) as job:
            work(job)
        self.unlooked = True
        self.model.runs.append(Run(name, status="done"))
        return self.model.runs[-1]

    @rule(
        precision=st.sampled_from([0.9, 0.95]),
        automation=st.sampled_from(["on", "off"]),
        ruled=st.booleans(),
        night=TONIGHT,
    )
    def somebody_edits_the_settings(self, precision: float, automation: str, ruled: bool, night: tuple | None) -> None:
        self.model.target, self.model.automation, self.model.ruled = precision, automation, ruled
        self.let_go()
        text = f"[feeds]\nsettle_seconds = 0\n[routing]\ntarget = {precision}\n[database]\nthreads = 1\n"
        self.place.settings_file.write_text(f'automation = "{automation}"\n{text}')
        self.place.policy_file.write_text(RULE if ruled else "")
        self.tonight(night)

    # ------------------------------------------------------------- what must hold

    @invariant()
    def after_each_step_that_can_matter(self) -> None:
        if not getattr(self, "unlooked", False):
            return
        self.sound = False
        self.runs_are_what_the_model_says()
        self.deliveries_are_what_the_model_says()
        self.what_is_published_is_of_one_run()
        self.sound, self.unlooked = True, False

    def runs_are_what_the_model_says(self) -> None:
        rows = self.session.store.query(
            "SELECT run_id, job, status, superseded_by FROM runs LEFT JOIN run_ends USING (run_id) ORDER BY started_at"
        ).rows()
        ids = [run_id for run_id, *_ in rows]
        assert ids == sorted(set(ids)), "run ids grow"
        assert [int(run_id[:6]) for run_id in ids] == list(range(1, len(ids) + 1))
        known = self.model.runs
        heirs = [ids[known.index(run.heir)] if run.heir else None for run in known]
        assert [tuple(row[1:]) for row in rows] == [
            (r.job, r.status, heir) for r, heir in zip(known, heirs, strict=True)
        ]
        left = [run_id for run_id, _, status, _ in rows if status is None]
        assert len(left) <= 1
        found = open_run(self.session.store)
        assert [found.run_id] == left if found else not left
        now_ended = {run_id: (status, heir) for run_id, _, status, heir in rows if status}
        assert self.ended.items() <= now_ended.items(), "a run that ended never opens again"
        self.ended = now_ended

    def deliveries_are_what_the_model_says(self) -> None:
        store = self.session.store
        rows = store.query(
            "SELECT vendor, file_name, kind, status, run_id[:6]::INTEGER, received_in[:6]::INTEGER, rows_in "
            "FROM delivery_runs ORDER BY received_at"
        ).rows()
        number = {id(run): n for n, run in enumerate(self.model.runs, 1)}
        assert rows == [
            (
                t.file.vendor,
                t.file.name,
                t.kind,
                t.status,
                number[id(t.run.answering)],
                number[id(t.run)],
                len(t.file.rows),
            )
            for t in self.model.taken
        ]
        live = store.query("SELECT vendor, item_id, title FROM live_items JOIN items USING (vendor, item_id, row_hash)")
        assert sorted(live.rows()) == sorted(self.model.live())
        ended = "run_id IN (SELECT run_id FROM run_ends WHERE status = 'done')"
        settled = store.query(f"SELECT run_id, vendor, rows_in, {' + '.join(OUTCOMES)} FROM run_summary WHERE {ended}")
        assert [row for row in settled.rows() if row[2] != row[3]] == []

    def what_is_published_is_of_one_run(self) -> None:
        assert self.found() == self.expected()
        if self.place.published_db.exists():
            runs_named = query_published(self.place.published_db, "SELECT max(run_id) FROM runs WHERE job = 'nightly'")
            shown = query_published(self.place.published_db, "SELECT run_id FROM freshness")
            assert shown.rows() == runs_named.rows()
            assert [path.name for path in self.place.published.glob(".tmp-*") if self.model.open is None] == []

    # ------------------------------------------------------------- in the end

    def teardown(self) -> None:
        if not hasattr(self, "place"):
            return
        try:
            if self.sound and not self.unlooked:
                self.a_last_night_leaves_nothing_open()
        finally:
            self.let_go()
            shutil.rmtree(self.folder)

    def a_last_night_leaves_nothing_open(self) -> None:
        self.a_night(None)
        self.after_each_step_that_can_matter()
        self.a_night(None)
        assert self.model.open is None and not self.model.inbox
        assert [one.line() for one in verify.everything(self.session) if one.violations] == []
        published, whole = self.place.published_db, self.folder / "whole" / "catalog.duckdb"
        edition = publication.Edition(f"{len(self.model.runs):06}-again", now())
        assert not publication.publish(self.session.store, whole, edition).stayed
        publication.publish(self.session.store, published, edition)
        assert first_difference(tables(published), tables(whole)) == ""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a hierarchy."""
    folder = tmp_path_factory.mktemp("template")
    place = workspace.init(folder / "ws")
    place.settings_file.write_text("[feeds]\nsettle_seconds = 0\n[database]\nthreads = 1\n")
    (place.vendors / "bolt.toml").write_text('format = "csv"\n[delivery]\nkind = "delta"\n')
    (folder / "tree.csv").write_text(TREES[0])
    with opened(place.root) as session, session.single("taxonomy") as job:
        taxonomy.run(job, folder / "tree.csv")
    return place.root


@pytest.mark.usefixtures("no_page")
@pytest.mark.parametrize(("taken_over", "vendor"), [(True, None), (True, "bolt"), (False, "bolt")])
def test_a_file_that_a_run_which_broke_off_had_looked_at_is_not_taken_again(
    template: Path, tmp_path: Path, taken_over: bool, vendor: str | None
) -> None:
    place = Workspace(Path(shutil.copytree(template, tmp_path / "ws")))
    table(place.feeds / "acme" / "f_2026-01-01.csv", ("item_id", "title"))  # held: it is empty
    with children(tmp_path) as process:
        words = ("nightly", "-w", place.root)
        assert process.run(*words, point="ingest.put_away") == -signal.SIGKILL
    label = table(tmp_path / "labels.csv", ("vendor", "item_id", "title", "category_id"), ("bolt", "a", "a thing", "2"))
    with opened(place.root) as session:
        if taken_over:
            with session.single("labels") as job:
                labels.run(job, label)
        night = nightly.run(session, vendor=vendor)
        assert (night.resumed, night.files, night.refused) == (not taken_over, 1, 1)
        assert not list(place.feeds.glob("*/*.csv"))
        assert nightly.run(session).run_id is None
        assert session.store.query("SELECT status FROM delivery_runs WHERE vendor = 'acme'")["status"].to_list() == [
            "held"
        ]


def test_a_night_out_of_time_puts_away_what_it_had_looked_at(template: Path, tmp_path: Path) -> None:
    place = Workspace(Path(shutil.copytree(template, tmp_path / "ws")))
    for vendor in ("acme", "bolt"):
        table(place.feeds / vendor / "f_2026-01-01.csv", ("item_id", "title", "action"))
    with opened(place.root) as session:
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        job = session.job(run_id or "")
        assert ingest.run(job, found[:1]) == {"held": 1}
        shutil.move(next(place.feeds.glob("acme/done/*.csv")), found[0].path)  # as it stands after a kill
        assert ingest.run(replace(job, until=now()), found) == {"held": 1}
        assert [p.name for p in place.feeds.glob("*/*.csv")] == ["f_2026-01-01.csv"]
        assert session.store.query("SELECT vendor, kind FROM leftovers").rows() == [("bolt", "delivery")]


def play(template: Path, folder: Path, *, examples: int, steps: int, derandomize: bool) -> None:
    Ledger.template = template
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=derandomize, print_blob=True,
    )  # fmt: skip
    with children(folder) as Ledger.children:
        run_state_machine_as_test(Ledger, settings=chosen)


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nights without their page: it is a third of so small a night, and nothing follows from it."""
    monkeypatch.setattr(nightly, "STAGES", tuple(name for name in nightly.STAGES if name != "report"))


@pytest.mark.usefixtures("no_page")
def test_any_order_of_events_keeps_the_runs_in_order(template: Path, tmp_path: Path) -> None:
    play(template, tmp_path, examples=3, steps=8, derandomize=True)


@pytest.mark.slow
@pytest.mark.usefixtures("no_page")
def test_many_orders_of_events_keep_the_runs_in_order(template: Path, tmp_path: Path) -> None:
    play(template, tmp_path, examples=200, steps=12, derandomize=False)
