"""What a machine does an hour: measured with the serving bundle, and said where there is none."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.inference.speed import Rate, Speed, limit
from pipelines import bench, workspace
from pipelines.cli import app


@pytest.mark.train
def test_the_serving_bundle_is_measured_on_drawn_items(workspace_copy: Path) -> None:
    text = bench.run(workspace_copy, seconds=0.1)
    figures = dict(re.findall(r"^(.+?)  +([\d,]+) (?:items|rows) a second", text, flags=re.MULTILINE))
    assert set(figures) == {"texts alone", "pictures alone", "text and picture", "deliveries"}
    assert all(int(figure.replace(",", "")) > 0 for figure in figures.values())
    assert text.count("ms of a processor each") == 3
    assert "drawn items" in text
    assert "CPUExecutionProvider" in text or "CUDAExecutionProvider" in text
    assert text.splitlines()[-1].startswith("The limit is ")


@pytest.mark.train
def test_a_bundle_that_is_not_whole_is_said(workspace_copy: Path) -> None:
    model = workspace_copy / "models" / (workspace_copy / "models" / "current").read_text().strip()
    (model / "text.onnx").unlink()
    text = bench.run(workspace_copy, seconds=0.1)
    assert "not measured" in text
    assert "text.onnx" in text


def test_without_a_bundle_it_says_what_is_missing(tmp_path: Path) -> None:
    workspace.init(tmp_path / "ws")
    answer = CliRunner().invoke(app, ["doctor", "--bench", "-w", str(tmp_path / "ws")])
    assert "catalog train" in answer.stdout
    assert "rows a second" in answer.stdout
    assert answer.exit_code == 1, "a workspace without a model needs a person, measured or not"


@pytest.mark.parametrize(
    ("speed", "rows", "said"),
    [
        ((200, 300, 120), 9_000, "encoding texts"),
        ((2_000, 300, 260), 9_000, "encoding pictures"),
        ((9_000, 8_000, 8_500), 3_000, "taking deliveries"),
    ],
)
def test_one_sentence_names_what_an_item_costs_most(speed: tuple[float, ...], rows: float, said: str) -> None:
    found = Speed(*(Rate(each, 0.01, 1.0) for each in speed))
    assert f"The limit is {said}" in limit(found, rows, "CPUExecutionProvider")
    assert "on CUDA" in limit(found, rows, "CUDAExecutionProvider")
