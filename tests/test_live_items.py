"""Which items are live, under any order of deliveries, deletions, bad rows, holds, releases, retries and undone deliveries.

A state machine does what vendors and people do; a model in plain Python says what must be live, and the views must agree
after each step.
"""

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
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
from test_ingest import Shop

from catalog.deliveries import held
from catalog.deliveries.held import By
from catalog.errors import CatalogError
from pipelines import ingest

ITEMS = ("a", "b", "c", "d")
BAD = -1  # a row that names its item and breaks a rule
CONTENT = st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([0, 1, 0, 1, BAD]))
TONIGHT = st.sampled_from([1, 1, 0])
ANNA = By("anna", "as agreed")
MAX_DROP = 0.6


@dataclass
class File:
    """A file as written: what it says of which item, None for a deletion, BAD for a row without a title."""

    name: str
    kind: str
    rows: dict[str, int | None]

    @property
    def text(self) -> str:
        lines = [
            f"{item},{'' if v in (None, BAD) else f'Lamp {v}'},{'' if v is not None else 'delete'}"
            for item, v in self.rows.items()
        ]
        return "\n".join(["item_id,title,action", *lines]) + "\n"

    @property
    def brought(self) -> int:
        return sum(v != BAD for v in self.rows.values())

    def kept(self, known: dict[str, int]) -> set[str]:
        """What only bad rows of a full file name, of what was live before it."""
        return {item for item, v in self.rows.items() if v == BAD and item in known} if self.kind == "full" else set()

    def same(self, other: "File") -> bool:
        return (self.kind, self.text) == (other.kind, other.text)


@dataclass
class Taken:
    """A delivery as the model knows it. word: release or retry, once a person said so."""

    file: File
    status: str
    delivery_id: str = ""
    word: str = ""
    became: bool = False
    verdicts: Counter = field(default_factory=Counter)


class Shelf(RuleBasedStateMachine):
    """One vendor, four items, one file after the other."""

    @initialize()
    def open_shop(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shelf-"))
        self.shop = Shop(self.folder)
        self.number = 0
        self.inbox: list[File] = []
        self.past: list[Taken] = []
        self.readable, self.on_hold = True, False
        self.looked_at: list[str] = []

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.shop.store.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------- the model

    def effective(self) -> list[Taken]:
        return [taken for taken in self.past if taken.status == "accepted"]

    def live(self, until: Taken | None = None) -> dict[str, int]:
        """What the accepted deliveries leave live, up to and with `until`."""
        found: dict[str, int] = {}
        for taken in self.effective():
            if taken.file.kind == "full":
                found = {item: found[item] for item in taken.file.kept(found)}
            for item, version in taken.file.rows.items():
                if version == BAD:
                    continue
                found.pop(item, None)
                if version is not None:
                    found[item] = version
            if taken is until:
                break
        return found

    def later(self, taken: Taken) -> list[Taken]:
        return [other for other in self.past[self.past.index(taken) + 1 :] if other.status == "accepted"]

    def read(self, file: File, origin: Taken | None) -> str:
        """What must become of a file, seen from the deliveries before it."""
        before = self.effective()
        if not self.readable:
            return "refused"
        if before and before[-1].file.same(file):
            return "repeated"
        if origin is None and any(t.status == "undone" and t.file.same(file) for t in self.past):
            return "held"
        released = origin is not None and origin.word == "release"
        if file.kind == "full" and not released:
            last = next((t for t in reversed(before) if t.file.kind == "full"), None)
            had, has = last.file.brought if last else 0, file.brought
            named = (had + (last.verdicts["kept"] if last else 0), has + len(file.kept(self.live())))
            if not has or any(had and had - has >= MAX_DROP * had for had, has in ((had, has), named)):
                return "held"
        return "accepted"

    def verdicts(self, file: File) -> Counter:
        known = self.live()
        found = Counter(
            "deleted" if v is None else "new" if i not in known else "unchanged" if known[i] == v else "changed"
            for i, v in file.rows.items()
            if v != BAD
        )
        return found + Counter(kept=len(file.kept(known)))

    # ------------------------------------------------------------- what happens

    def put(self, kind: str, rows: dict[str, int | None]) -> None:
        self.number += 1
        file = File(f"f_2026-01-01T{self.number // 60:02d}{self.number % 60:02d}00.csv", kind, rows)
        path = self.shop.deliver(file.text, name=file.name)
        path.with_name(f"{file.name}.manifest.json").write_text(json.dumps({"kind": kind, "rows": len(rows)}))
        self.inbox.append(file)

    @rule(content=CONTENT, nights=TONIGHT)
    def deliver_all(self, content: dict[str, int], nights: int) -> None:
        self.put("full", dict(sorted(content.items())))
        self.pass_nights(nights)

    @rule(content=CONTENT, deleted=st.sets(st.sampled_from(ITEMS), max_size=2), nights=TONIGHT)
    def deliver_changes(self, content: dict[str, int], deleted: set[str], nights: int) -> None:
        rows: dict[str, int | None] = {**content, **dict.fromkeys(deleted)}
        self.put("delta", dict(sorted(rows.items())))
        self.pass_nights(nights)

    def pass_nights(self, nights: int) -> None:
        for _ in range(nights):
            self.night(readable=True)

    @precondition(lambda self: self.past)
    @rule(which=st.integers(0, 99), nights=TONIGHT)
    def deliver_an_old_file_again(self, which: int, nights: int) -> None:
        old = self.past[which % len(self.past)].file
        self.put(old.kind, old.rows)
        self.pass_nights(nights)

    @rule()
    def hold_or_lift(self) -> None:
        (held.lift if self.on_hold else held.hold)(self.shop.job(), "acme", None, ANNA)
        self.on_hold = not self.on_hold

    @rule(readable=st.sampled_from([True, True, True, True, False]))
    def night(self, readable: bool) -> None:
        self.readable = readable
        self.shop.mapping("" if readable else 'formt = "csv"\n')
        job = self.shop.job()
        ingest.run(job, held.to_take(self.shop.store, self.shop.workspace, self.shop.settings.feeds))
        ordered = [taken for taken in self.past if taken.word and not taken.became]
        waiting = [(taken.file, taken) for taken in ordered] + [
            (file, None) for file in ([] if self.on_hold else self.inbox)
        ]
        rows = self.shop.rows(
            f"SELECT delivery_id, file_name, status FROM deliveries WHERE run_id = '{job.run_id}' ORDER BY received_at"
        )
        assert len(rows) == len(waiting)
        for (file, origin), (delivery_id, name, status) in zip(
            sorted(waiting, key=lambda w: w[0].name), rows, strict=True
        ):
            expected = self.read(file, origin)
            assert (name, status) == (file.name, expected)
            verdicts = self.verdicts(file) if status == "accepted" else Counter()
            self.past.append(Taken(file, status, delivery_id, verdicts=verdicts))
            if origin:
                origin.became = True
        if not self.on_hold:
            self.inbox = []

    @precondition(lambda self: self.past)
    @rule(which=st.integers(0, 99), word=st.sampled_from(["release", "retry"]))
    def have_one_taken(self, which: int, word: str) -> None:
        left = (
            [taken for taken in self.past if taken.status in ("held", "refused", "undone")] if which % 4 else self.past
        )
        taken = (left or self.past)[-1 - which % len(left or self.past)]
        right = taken.status == "held" or (word == "retry" and taken.status in ("refused", "undone"))
        allowed = right and not taken.word and not self.later(taken)
        assert self.said(word, taken.delivery_id) == allowed
        taken.word = word if allowed else taken.word

    @precondition(lambda self: self.past)
    @rule(which=st.integers(0, 5), with_later=st.booleans())
    def take_one_back(self, which: int, with_later: bool) -> None:
        some = self.effective() or self.past
        taken = some[-1 - which % len(some)]
        later = self.later(taken)
        allowed = taken.status == "accepted" and (with_later or not later)
        assert self.said("undo", taken.delivery_id, with_later) == allowed
        for other in [taken, *later] if allowed else []:
            other.status = "undone"

    def said(self, word: str, delivery_id: str, with_later: bool = False) -> bool:
        job = self.shop.job()
        try:
            if word == "undo":
                held.undo(job, delivery_id, ANNA, with_later=with_later)
            else:
                {"release": held.release, "retry": held.retry}[word](job, delivery_id, ANNA)
        except CatalogError as error:
            assert "catalog" in error.remedy
            return False
        return True

    # ------------------------------------------------------------- what must hold

    @invariant()
    def after_each_step_that_can_matter(self) -> None:
        statuses = [taken.status for taken in getattr(self, "past", [])]
        if statuses != getattr(self, "looked_at", []):
            self.the_views_say_what_the_model_says()
            self.every_row_is_accounted_for()
            self.looked_at = statuses

    def the_views_say_what_the_model_says(self) -> None:
        found = self.shop.rows("SELECT item_id, title FROM live_items JOIN items USING (vendor, item_id, row_hash)")
        assert sorted(found) == sorted((item, f"Lamp {version}") for item, version in self.live().items())
        gone = Counter(delivery for (delivery,) in self.shop.rows("SELECT delivery_id FROM departures"))
        before: set[str] = set()
        for taken in self.effective():
            after = set(self.live(taken))
            assert gone[taken.delivery_id] == len(before - after)
            before = after
        assert gone.total() == sum(gone[taken.delivery_id] for taken in self.effective())

    def every_row_is_accounted_for(self) -> None:
        counts: dict[str, Counter] = {}
        for delivery, status, rows in self.shop.rows(
            "SELECT delivery_id, status, count(*) FROM sightings GROUP BY ALL"
        ):
            counts.setdefault(delivery, Counter())[status] = rows
        expected = {taken.delivery_id: taken.verdicts for taken in self.past if taken.verdicts}
        assert counts == expected
        refused = dict(self.shop.rows("SELECT delivery_id, count(*) FROM rejects GROUP BY ALL"))
        read = "SELECT delivery_id, rows_in FROM deliveries WHERE status = 'accepted'"
        for delivery, rows in self.shop.rows(read):
            seen = counts.get(delivery, Counter())
            assert rows == seen.total() - seen["kept"] + refused.get(delivery, 0)


@pytest.mark.parametrize("examples", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_any_order_of_events_leaves_live_what_the_model_says(examples: int) -> None:
    run_state_machine_as_test(
        Shelf,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
