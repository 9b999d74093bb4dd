"""Every fault of faults.toml has tests that prove what becomes of it, and at least one of them runs at every check."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from benchmarks import reliability

HERE = Path(__file__).parent
FAULTS = tomllib.loads((HERE / "faults.toml").read_text(encoding="utf-8"))


@cache
def functions(file: str) -> dict[str, bool]:
    """Name of each test of a file to whether it runs at every check."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    whole = [
        ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)
    ]
    return {
        node.name: not any(
            "mark.slow" in said or "mark.gpu" in said for said in [*whole, *map(ast.unparse, node.decorator_list)]
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def problems(fault: dict) -> list[str]:
    """What a fault's row lacks."""
    found = [] if fault.get("must", "").endswith(".") else ["does not say what must happen"]
    known = {}
    for named in fault.get("tests", []):
        file, _, name = named.partition("::")
        if not (HERE / file).is_file() or name not in functions(file):
            found.append(f"{named} is no test")
        else:
            known[named] = functions(file)[name]
    return found if any(known.values()) else [*found, "no test of it runs at every check"]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_its_proof(name: str) -> None:
    assert problems(FAULTS[name]) == []


def test_what_a_run_of_tests_counts_is_added_up(tmp_path: Path) -> None:
    """With the settings of this project, under which a warning of pytest's own about the file would be an error."""
    (tmp_path / "test_it.py").write_text(
        "def test_one(record_property):\n    record_property('kills', 3)\n"
        "def test_two(record_property):\n    record_property('kills', 4)\n"
    )
    words = ["-c", HERE.parent / "pyproject.toml", "--rootdir", tmp_path, "--junitxml", tmp_path / "run.xml", tmp_path]
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, words)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert reliability.ran(tmp_path / "run.xml") == {"tests passed": 2, "kills": 7}


@pytest.mark.parametrize(
    "fault",
    [
        {"must": "It ends.", "tests": []},
        {"must": "It ends.", "tests": ["test_faults.py::test_of_nothing"]},
        {"must": "It ends.", "tests": ["test_nowhere.py::test_every_fault_has_its_proof"]},
        {"must": "It ends.", "tests": ["test_ingest.py::test_killed_anywhere_a_second_start_ends_at_the_same_facts"]},
        {"tests": ["test_faults.py::test_every_fault_has_its_proof"]},
    ],
)
def test_a_fault_without_proof_is_noticed(fault: dict) -> None:
    assert problems(fault)
