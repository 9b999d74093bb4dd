"""A drawn retailer's days, by the commands a person starts: two of them here, three weeks behind the slow marker."""

from pathlib import Path

import pytest
from conftest import SHELVES

from benchmarks.half_year import books
from benchmarks.half_year.__main__ import half_year, tables
from benchmarks.half_year.days import Plan, Shop
from benchmarks.half_year.retailer import Retailer

pytestmark = pytest.mark.train


def test_two_days_of_a_small_retailer(workspace_copy: Path) -> None:
    retailer = Retailer(SHELVES, vendors=5, items=50)
    shop = Shop(workspace_copy, retailer, Plan(2, half=2, retrain="", page=0))
    first, second = shop.day(1), shop.day(2)
    assert first.live == 50 and first.placed > 15 and first.placed_right / first.placed > 0.8
    assert first.changes["set model right"] + first.changes["set model wrong"] == first.placed
    assert first.answers > 3 and second.changes["set people right"] > 3  # what was answered stands a night later
    assert [(file["vendor"], file["reason"]) for file in second.files if file["status"] == "held"] == [
        ("vendor-03", "shrunk")
    ]
    assert ("file_held", "vendor-03") in second.alarms and "left: the vendor sends a whole one" in shop.mended[0]
    # a day has passed twice since the first files came
    taken = next((workspace_copy / "feeds" / "vendor-01" / "done").glob("*0001*"))
    assert taken.stat().st_mtime < workspace_copy.stat().st_mtime - 1.9 * 86_400
    (line,) = list(books.weeks(shop.mornings))[2:]
    assert line.startswith("| 1 | ") and f"| {second.placed:,} (" in line
    assert "allowed 0.50%" in next(books.jumps(shop))


@pytest.mark.slow  # trains, and plays three weeks
def test_three_weeks_with_everything_that_happens_in_half_a_year(tmp_path: Path) -> None:
    shop = half_year(tmp_path / "ws", 24, 200)
    alarms = {alarm for morning in shop.mornings for alarm in morning.alarms}
    assert {("vendor_late", "vendor-03"), ("file_refused", "vendor-06"), ("file_held", "vendor-08")} <= alarms
    text = "\n".join(tables(shop))
    assert "`catalog doctor --verify` ended with 0" in text
    assert any("its form updated and read again" in line for line in shop.mended)
    last = shop.mornings[-1]
    assert last.placed_right / last.placed > 0.9
    assert "file_refused" not in {code for code, _ in last.alarms}
    # a second start has nothing to play, and remembers all of it
    again = half_year(tmp_path / "ws", 24, 200)
    assert [vars(morning) for morning in again.mornings] == [vars(morning) for morning in shop.mornings]
