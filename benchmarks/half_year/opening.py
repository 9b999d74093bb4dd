"""The retailer's first day: a workspace, its hierarchy, what it has filed by hand, a first model."""

from pathlib import Path

from typer.testing import CliRunner

from benchmarks.half_year.command import catalog
from benchmarks.half_year.retailer import MERGED, MOVED, RENAMED, Retailer, tree
from pipelines.cli import app

SETTINGS = """\
[routing]
target = 0.9
audit_share = 0.02

[training]
encoder_text = "tiny"
encoder_image = "tiny"
image_size = 32
finetune_epochs = 0

[serving]
threads = 1

[database]
threads = 1

[feeds]
settle_seconds = 0

[retention]
copies_days = 30
sheets_days = 30
reports_days = 60
changes_days = 60
models = 3
"""


def written(file: Path, retailer: Retailer, *, changed: bool = False) -> None:
    """The hierarchy with ids that outlive a new name and another place, but not a merge."""
    ids: dict[str, str] = {}
    if changed:
        before = set(retailer.shelves) - {MERGED[2], RENAMED[1], MOVED[1]} | {*MERGED[:2], RENAMED[0], MOVED[0]}
        tree(file, before, ids)
        ids |= {RENAMED[1]: ids[RENAMED[0]], MOVED[1]: ids[MOVED[0]]}
    tree(file, retailer.shelves, ids)


def opened_shop(place: Path, retailer: Retailer, labels: int) -> None:
    """Makes the workspace at `place` and trains."""
    CliRunner().invoke(app, ["init", str(place)], catch_exceptions=False)
    (place / "catalog.toml").write_text(SETTINGS)
    written(place / "tree.csv", retailer)
    retailer.labels(place / "history.csv", labels)
    catalog(place, "taxonomy", "import", str(place / "tree.csv"))
    catalog(place, "labels", "import", str(place / "history.csv"), "--vendor", "history", "--random")
    catalog(place, "train")
