"""The run lock: a run turns others away, what only passes is waited for."""

import json
import threading
from pathlib import Path

import pytest

from catalog.errors import Busy
from catalog.lock import hold


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "run.lock"


def test_a_run_waits_for_what_only_passes(path: Path) -> None:
    held, free = threading.Event(), threading.Event()

    def page() -> None:
        with hold(path, passing=True):
            held.set()
            free.wait(10)

    thread = threading.Thread(target=page)
    thread.start()
    assert held.wait(10)
    threading.Timer(0.2, free.set).start()
    with hold(path):
        assert free.is_set()
        assert json.loads(path.with_suffix(".json").read_text())["passing"] is False
    thread.join()


def test_a_run_turns_everybody_away_and_is_waited_for_on_request(path: Path) -> None:
    with hold(path):
        for options in ({}, {"passing": True}, {"patience": 0.1}):
            with pytest.raises(Busy, match=r"process \d+ on "), hold(path, **options):
                pass


def test_a_holder_that_has_not_signed_yet_is_waited_for_a_moment(path: Path) -> None:
    with hold(path):
        path.with_suffix(".json").unlink()
        with pytest.raises(Busy, match="another process"), hold(path):
            pass
    with hold(path):
        pass


def test_many_that_pass_at_once_take_turns(path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def page(number: int) -> None:
        with hold(path, passing=True):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=page, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
