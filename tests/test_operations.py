"""The handbook of the morning after: an entry for every alarm, code and status there is, and commands that run."""

import ast
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from catalog.errors import Busy, CatalogError
from catalog.publishing import prometheus, verdict
from catalog.publishing.ending import Ending
from catalog.reading.unpacking import Packing
from pipelines import ending as night_end
from pipelines.cli import app
from pipelines.session import opened
from tests.untrained import untrained

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# Where a code is put together: what it can be. A new place of this kind must be named here.
COMPOSED = {
    "f'broken_{kind}'": {f"broken_{kind}" for kind in get_args(Packing)},
    "f'{kind}_bomb'": {f"{kind}_bomb" for kind in (*get_args(Packing), "parquet")},
    "header.rule": {"bad_quote", "bad_encoding"},
    "refused.reason": set(),  # raised again
    "waiting.refusal[0]": set(),  # of the inbox, found below
}
HELD = {"empty", "shrunk", "undone_before"}


def trees() -> list[ast.Module]:
    """The code that reads deliveries. A label file or other answers are read by commands that say so at once."""
    files = [*(ROOT / "catalog" / "reading").glob("*.py"), *(ROOT / "catalog" / "deliveries").glob("*.py")]
    return [ast.parse(file.read_text(encoding="utf-8")) for file in [*files, ROOT / "pipelines" / "ingest.py"]]


def pairs(node: ast.AST) -> list[str]:
    """The code of a (code, sentence) that is returned, or handed over as refusal=."""
    value = node.value if isinstance(node, ast.Return | ast.keyword) else None
    named = isinstance(node, ast.Return) or getattr(node, "arg", "") == "refusal"
    if named and isinstance(value, ast.Tuple) and len(value.elts) == 2 and isinstance(value.elts[0], ast.Constant):
        code, sentence = value.elts
        prose = isinstance(sentence, ast.JoinedStr | ast.Call) or isinstance(getattr(sentence, "value", None), str)
        return [str(code.value)] if prose else []
    return []


def codes() -> set[str]:
    """Every code a delivery can be refused or held with, read from the code."""
    found: set[str] = set()
    for node in (node for tree in trees() for node in ast.walk(tree)):
        found |= set(pairs(node))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "FeedRefused":
            code = node.args[0]
            found |= {str(code.value)} if isinstance(code, ast.Constant) else COMPOSED[ast.unparse(code)]
    return found


def section(heading: str) -> str:
    """What stands under a heading, up to the next of its rank."""
    rank = heading.partition(" ")[0]
    return TEXT.partition(f"\n{heading}\n")[2].partition(f"\n{rank} ")[0]


def listed(heading: str) -> list[str]:
    """The first cells of a section's table."""
    return re.findall(r"^\| `?(\w+)`? \|", section(heading), re.MULTILINE)[1:]


def test_every_code_of_a_refused_or_held_feed_has_its_line() -> None:
    refused, held = listed("## Refused feeds"), listed("## Held feeds")
    assert refused == sorted(refused) and set(held) == HELD
    assert set(refused) | set(held) == codes()


def test_every_alarm_has_its_entry_and_says_when_it_is_over() -> None:
    assert set(re.findall(r"^### (\w+)$", section("## Alarms"), re.MULTILINE)) == set(verdict.CODES)
    for entry in section("## Alarms").split("\n### ")[1:]:
        assert "Over " in entry, entry.partition("\n")[0]


def test_every_exit_status_has_its_line() -> None:
    known = {0, 2, CatalogError.exit_code, Busy.exit_code, night_end.OVER_ALLOWANCE}
    assert {int(status) for status in listed("## Exit statuses")} == known


def test_every_metric_has_its_line_and_a_unit() -> None:
    told = re.findall(r"^\| `(feedshelf_\w+)` \| (\w+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert told == list(prometheus.METRICS)
    units = ("_seconds", "_ratio", "_items", "_answers", "_rows", "_total", "_alarms", "_success", "_late", "_stale")
    for name, kind, _ in prometheus.METRICS:
        assert name.endswith(units) and (kind == "counter") == name.endswith("_total")


def test_every_field_of_the_json_has_its_line() -> None:
    fields = {"version", "text", "verdict", *Ending.__dataclass_fields__} - {"table", "complaint"}
    assert set(listed("### published/night.json")) == fields


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace after its first night, with a file taken and one refused."""
    deliveries = {"acme": "item_id,title\n1,red mug\n", "bolt": "sku;name\n1;lamp\n"}
    found = untrained(tmp_path_factory.mktemp("morning"), deliveries)
    with opened(found.root) as session:
        assert night_end.run(session).exit_status == night_end.OVER_ALLOWANCE
    return found


@pytest.mark.parametrize("line", sorted(set(re.findall(r"^    (catalog .+)$", TEXT, re.MULTILINE))))
def test_the_commands_run(place, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    done = CliRunner().invoke(app, [*words, "--workspace", str(place.root)])
    # The doctor has a remedy for a workspace without a model; what must hold does.
    assert done.exit_code == 0 or ("doctor" in words and "BROKEN" not in done.output), done.output
