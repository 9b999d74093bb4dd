"""Every fault of faults.toml has tests that prove what becomes of it, and at least one of them runs at every check."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

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
