"""What a classification says of itself while it goes on."""

from pathlib import Path

import numpy as np
from structlog.testing import capture_logs

from catalog.inference.embeddings import MemoryEmbeddings
from catalog.inference.pace import CountedEmbeddings, Pace
from catalog.jobs import Job
from catalog.settings import Settings, Workspace
from catalog.store import Store


def test_it_tells_speed_kept_share_and_time_left_at_once_and_in_the_log_at_the_end(tmp_path: Path) -> None:
    shown: list[tuple[str, int, int, str]] = []
    cache = CountedEmbeddings(MemoryEmbeddings())
    cache.put("text", ["a"], np.zeros((1, 4), np.float32))
    assert list(cache.get("text", ["a", "b", "c", "d"])) == ["a"]
    with Store.open(tmp_path / "work.duckdb") as store, capture_logs() as lines:
        store.stage = "classify"
        job = Job(Workspace(tmp_path), Settings(), store, "000001-a", lambda *step: shown.append(step))
        pace = Pace(job, 100, cache=cache)
        pace.show(60)
        assert lines == []
        pace.show(100)
    assert [step[:3] for step in shown] == [("classify", 60, 100), ("classify", 100, 100)]
    assert shown[0][3].endswith("/s, 25% cached")
    (line,) = lines
    assert (line["event"], line["run_id"], line["stage"]) == ("classify_progress", "000001-a", "classify")
    assert {"done": 100, "total": 100, "cached": 0.25, "seconds_left": 0}.items() <= line["counts"].items()
    assert line["counts"]["per_second"] > 0


def test_what_an_earlier_start_had_finished_does_not_count_for_the_speed(tmp_path: Path) -> None:
    with Store.open(tmp_path / "work.duckdb") as store, capture_logs() as lines:
        Pace(Job(Workspace(tmp_path), Settings(), store, "000001-a"), 50, before=50).show(50)
    assert lines[0]["counts"] == {"done": 50, "total": 50, "per_second": 0.0}
