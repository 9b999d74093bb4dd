"""Eight deliveries of one real shop, in order: who is new, changed, unchanged and gone each day.

The numbers were counted from the files by a script that knows nothing of this program: offers by id, compared with the
offers of the file before by name, description, brand, price, currency, picture and parameters. An offer that was away for
a while counts as new on its return.
"""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from test_deliveries import Dock
from test_real_feeds import FOLDER

HISTORY = FOLDER / "akcent_history"
pytestmark = pytest.mark.skipif(not HISTORY.is_dir(), reason=f"no history at {HISTORY} (set FEEDSHELF_REAL_DATA)")

# day -> (new, changed, unchanged, gone)
DAYS = {
    "2026-02-22": (152, 0, 0, 0),
    "2026-03-03": (2, 144, 0, 8),
    "2026-03-12": (26, 136, 0, 10),
    "2026-03-21": (19, 143, 9, 10),
    "2026-03-30": (5, 165, 0, 6),
    "2026-04-08": (12, 161, 0, 9),
    "2026-04-17": (13, 161, 0, 12),
    "2026-04-27": (5, 161, 0, 13),
}
BY_DAY = "SELECT delivery_no, status, count(*) FROM sightings GROUP BY ALL"
GONE = "SELECT delivery_no, count(*) FROM departures JOIN deliveries USING (delivery_id) GROUP BY ALL"


@pytest.fixture
def dock(tmp_path: Path):
    made = Dock(tmp_path)
    made.mapping('preset = "yml"\n')
    yield made
    made.store.close()


def bring(dock: Dock, day: str) -> None:
    inbox = dock.workspace.feeds / "acme"
    inbox.mkdir(exist_ok=True)
    shutil.copy(HISTORY / f"akcent_{day}.xml", inbox / f"akcent_{day}.xml")


def counted(dock: Dock) -> dict[str, tuple[int, ...]]:
    seen = {(number, status): rows for number, status, rows in dock.rows(BY_DAY)}
    gone = dict(dock.rows(GONE))
    assert {status for _, status in seen} <= {"new", "changed", "unchanged"}
    return {
        day: (*(seen.get((n, status), 0) for status in ("new", "changed", "unchanged")), gone.get(n, 0))
        for n, day in enumerate(DAYS, start=1)
    }


def test_each_day_is_told_from_the_one_before(dock: Dock) -> None:
    live = 0
    for day, (new, _, _, gone) in DAYS.items():
        bring(dock, day)
        assert dock.night() == {"accepted": 1}
        live += new - gone
        assert len(dock.live()) == live
    assert counted(dock) == DAYS
    assert dock.rows("SELECT count(*) FROM rejects") == [(0,)]


def test_all_files_in_one_night_end_at_the_same_and_so_does_a_return_to_the_first(dock: Dock) -> None:
    for day in reversed(DAYS):  # the dates in their names order them, not when they came
        bring(dock, day)
    assert dock.night() == {"accepted": 8}
    assert counted(dock) == DAYS
    first = [item for (item,) in dock.rows("SELECT item_id FROM sightings WHERE delivery_no = 1 ORDER BY 1")]
    last = dock.live()
    bring(dock, "2026-02-22")
    assert dock.night() == {"accepted": 1}
    assert dock.live() == first
    assert Counter(dock.statuses())["new"] == len(set(first) - set(last))
