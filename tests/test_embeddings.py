"""Kept embeddings: what was put is found, by whichever start, and nothing else."""

import hashlib
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.inference.embeddings import MOST_PARTS, KeptEmbeddings, MemoryEmbeddings


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def vectors(numbers: list[int]) -> np.ndarray:
    return np.array([[number, number / 2, -number] for number in numbers], np.float32).reshape(len(numbers), 3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), max_size=6, unique=True), max_size=2 * MOST_PARTS + 3))
def test_what_was_put_is_found_like_in_memory_and_by_the_next_start(tmp_path_factory, puts: list[list[int]]) -> None:
    folder = tmp_path_factory.mktemp("kept")
    kept, plain = KeptEmbeddings(folder), MemoryEmbeddings()
    everything = [key(number) for number in range(50)]
    for numbers in puts:
        for cache in (kept, plain):
            cache.put("text", [key(number) for number in numbers], vectors(numbers))
        assert_alike(kept, plain, everything)
    assert_alike(KeptEmbeddings(folder), plain, everything)
    assert kept.get("image", everything) == {}


def assert_alike(kept: KeptEmbeddings, plain: MemoryEmbeddings, keys: list[str]) -> None:
    found, expected = kept.get("text", keys), plain.get("text", keys)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert all(vector.dtype == np.float32 for vector in found.values())


def test_a_damaged_file_is_encoded_again(tmp_path: Path) -> None:
    KeptEmbeddings(tmp_path).put("text", [key(1)], vectors([1]))
    KeptEmbeddings(tmp_path).put("text", [key(2)], vectors([2]))
    damaged, whole = sorted((tmp_path / "text").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:200])
    found = KeptEmbeddings(tmp_path).get("text", [key(1), key(2)])
    assert len(found) == 1
    assert list((tmp_path / "text").iterdir()) == [whole]


def test_what_a_killed_write_left_is_not_read_and_goes(tmp_path: Path) -> None:
    place = tmp_path / "text"
    place.mkdir()
    (place / ".half").write_bytes(b"ARROW1")
    kept = KeptEmbeddings(tmp_path)
    assert kept.get("text", [key(1)]) == {}
    kept.put("text", [key(1)], vectors([1]))
    assert [path.suffix for path in place.iterdir()] == [".arrow"]
