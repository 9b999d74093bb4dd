"""Pictures of cells that hold several: each once, whatever way they are compared."""

import itertools

import polars as pl
import pytest

from catalog.reading import stretched_columns

CELLS = [["a", " b ", "a"], None, [], ["", " "], ["b"], ["c", "c", "c", "d", "c", "a"], ["d"]]
ONCE = [["a", "b"], [], [], [], ["b"], ["c", "d", "a"], ["d"]]


@pytest.mark.parametrize("few", [0, 32])
def test_each_text_of_a_cell_stands_once_in_its_order(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretched_columns, "FEW", few)
    texts, ends = stretched_columns._filled(pl.Series(CELLS, dtype=pl.List(pl.String)))
    assert [texts[begin:end].to_list() for begin, end in itertools.pairwise(ends)] == ONCE
