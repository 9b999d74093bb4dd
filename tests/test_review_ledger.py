"""The promise to reviewers under any order of events: nothing lost, nothing unseen decided, nothing silently overwritten.

A state machine delivers, exports and imports at random; after each step the ledger is compared with what reviewers saw.
"""

import shutil
import tempfile
from pathlib import Path

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
from review_desk import Desk

from catalog.store import Store

ITEMS = ("a1", "a2", "a3")
ANSWERS = ("1", "2", "none", "unsure")


class Ledger(RuleBasedStateMachine):
    """Three look-alike items, two named reviewers and the sheets they were given."""

    source: Path

    @initialize()
    def open_desk(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.store = Store.open(Path(shutil.copy(self.source, self.folder / "work.duckdb")))
        self.desk = Desk(self.folder, self.store)
        for folder in self.desk.workspace.folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.content = dict.fromkeys(ITEMS, "in-0")
        self.sheets: list[tuple[list[dict[str, str]], dict[str, str], int]] = []
        self.imports = 0
        self.last: tuple[list[dict[str, str]], str] | None = None
        self.kept: list[tuple] = []
        for item in ITEMS:
            self.desk.item(item, input_hash="in-0", group_id="g")

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def decisions(self) -> list[tuple]:
        return self.desk.said("item_id, verdict, category_id, who, input_hash")

    @rule(item=st.sampled_from(ITEMS), version=st.integers(0, 2))
    def deliver(self, item: str, version: int) -> None:
        self.content[item] = f"in-{version}"
        self.desk.item(item, input_hash=f"in-{version}", group_id="g")

    @rule()
    def export(self) -> None:
        rows = self.desk.sheet()
        if rows:
            self.sheets.append((rows, dict(self.content), len(self.decisions())))

    @precondition(lambda self: self.sheets)
    @rule(
        which=st.integers(0, 99),
        who=st.sampled_from(["anna", "bob"]),
        said=st.dictionaries(st.sampled_from(ITEMS), st.sampled_from(ANSWERS), min_size=1),
    )
    def answer(self, which: int, who: str, said: dict[str, str]) -> None:
        rows, shown, known = self.sheets[which % len(self.sheets)]
        filled = [row | {"decision": said.get(row["item_id"], "")} for row in rows]
        before, standing = self.decisions(), self.standing()
        self.imports += 1
        report = self.desk.answer(filled, name=f"{self.imports}.csv", reviewer=who)
        assert not report.problems
        self.last = (filled, who)
        new = self.decisions()[len(before) :]
        for item, verdict, category, author, content in new:
            assert content == shown[item] == self.content[item]  # decided is what was seen and still is
            assert author in (who, "adjudication")
            older = [row for row in before[known:] if row[0] == item]
            against = older and older[-1][3] != who and older[-1][1] != "unsure"
            if against and (verdict, category) != older[-1][1:3]:
                assert self.standing()[item] == ("unsure", None)  # a colleague's answer was not overwritten
        for item, was in standing.items():
            if item not in {row[0] for row in new}:
                assert self.standing()[item] == was

    def standing(self) -> dict[str, tuple]:
        rows = self.store.query("SELECT item_id, verdict, category_id FROM standing_decisions").rows()
        return {item: (verdict, category) for item, verdict, category in rows}

    @precondition(lambda self: self.last is not None)
    @rule()
    def import_the_last_file_again(self) -> None:
        filled, who = self.last or ([], "")
        before = self.decisions()
        assert self.desk.answer(filled, name="again.csv", reviewer=who).counts.keys() == {"already_imported"}
        assert self.decisions() == before

    @invariant()
    def nothing_is_lost_or_changed(self) -> None:
        if hasattr(self, "store"):
            now = self.decisions()
            assert now[: len(self.kept)] == self.kept
            self.kept = now


def test_any_order_of_deliveries_exports_and_answers_keeps_the_promise(prepared: Path) -> None:
    Ledger.source = prepared
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
