"""Working ahead: results in order, no more than a few under way, errors where they belong."""

import time
from collections.abc import Iterator

import pytest

from catalog.deliveries.ahead import ahead


def test_results_come_in_order_however_long_each_takes() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 if number % 2 else 0)
        return number * 10

    assert list(ahead(work, range(9), workers=3)) == [number * 10 for number in range(9)]


def test_no_more_pieces_are_read_than_are_under_way_and_one() -> None:
    begun: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(10):
            begun.append(number)
            yield number

    results = ahead(lambda number: number, pieces(), workers=2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined] - waits for what is being read
    assert begun == [0, 1, 2, 3]


def test_an_error_is_raised_where_its_result_is_taken_and_nothing_is_begun_after() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        done.append(number)
        return number

    results = ahead(work, range(100), workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert max(done) < 5


def test_an_error_of_reading_comes_after_the_results_before_it() -> None:
    def pieces() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("unreadable")

    results = ahead(lambda number: number, pieces(), workers=2)
    assert [next(results), next(results), next(results)] == [1, 2, 3]
    with pytest.raises(ValueError, match="unreadable"):
        next(results)
