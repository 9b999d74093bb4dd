"""A workspace with routed items, and the reviewers in front of it: real tables, real sheets."""

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog import sheets
from catalog.jobs import Job, start_run
from catalog.publishing import views
from catalog.review.review_queue import Narrowing
from catalog.settings import Review, Settings, Workspace
from catalog.store import Store
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import current_version, save_taxonomy
from pipelines import review

PATHS = {
    "Home": "1",
    "Home > Kitchen": "11",
    "Home > Kitchen > Mugs": "111",
    "Home > Kitchen > Pans": "112",
    "Home > Garden": "12",
    "Home > Garden > Pans": "121",
    "Toys": "2",
    "Toys > Puzzles": "0021",
}
MUGS, PANS, GARDEN_PANS, PUZZLES, KITCHEN = "111", "112", "121", "0021", "11"
START = datetime(2026, 3, 1, tzinfo=UTC)


class Desk:
    """A workspace with routed items, and the reviewers in front of it."""

    def __init__(self, root: Path, store: Store, **review_settings: object) -> None:
        self.workspace = Workspace(root)
        self.store = store
        self.settings = Settings(review=Review(**review_settings))

    def job(self) -> Job:
        return Job(self.workspace, self.settings, self.store, start_run(self.store, "review", "k" * 8))

    def item(self, item_id: str, **facts: object) -> None:
        """Delivers and routes one item; `facts` override columns of its route, its item or its prediction."""
        seq = 1 + (self.store.one("SELECT max(seq) FROM routes") or 0)
        hashes = {"input_hash": str(facts.get("input_hash", f"in-{item_id}")), "row_hash": f"row-{seq}"}
        key = {"vendor": str(facts.get("vendor", "acme")), "item_id": item_id}
        self.store.append_row("sightings", delivery_id="d1", delivery_no=1, line=seq, status="new", **key, **hashes)
        known = {name: facts[name] for name in ("price", "currency") if name in facts}
        picture = facts.get("image", "/p.jpg")
        self.store.append_row(
            "items", title=facts.get("title", f"title {item_id}"), image=picture, **known, **key, **hashes
        )
        top = list(facts.get("top", (MUGS, PANS, PUZZLES)))
        seen = self.store.one("SELECT count(*) FROM predictions WHERE input_hash = ?", [hashes["input_hash"]])
        if top and not seen:
            self.store.append_row("predictions", model_id="m1", input_hash=hashes["input_hash"], top_ids=top)
        route = {
            "outcome": "review",
            "category_id": None,
            "reason": "unsure",
            "sentence": "The leaf is not sure enough.",
            "parent_id": KITCHEN,
            "audit": False,
            "control": False,
            "group_id": None,
            "routed_at": START + timedelta(minutes=seq),
            "taxonomy_version": current_version(self.store),
        }
        route |= {name: facts[name] for name in route if name in facts}
        self.store.append_row("routes", run_id="r1", model_id="m1", seq=seq, **key, **hashes, **route)

    def sheet(self, *, vendor: str | None = None, **options: object) -> list[dict[str, str]]:
        """A fresh export, all its sheets as one, cells as a reviewer sees them."""
        return [row for path in review.export(self.job(), part=Narrowing(vendor), **options) for row in cells(path)]

    def answer(self, rows: list[dict[str, str]], name: str = "back.csv", **options: object) -> review.ImportReport:
        """Sends rows back."""
        file = self.workspace.root / name
        file.write_bytes(sheets.render(list(rows[0]), [list(row.values()) for row in rows]))
        return review.import_sheet(self.job(), file, **options)

    def said(self, columns: str = "item_id, verdict, category_id, who") -> list[tuple]:
        return self.store.query(f"SELECT {columns} FROM decisions ORDER BY seq").rows()


def cells(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def of(rows: list[dict[str, str]], item_id: str) -> dict[str, str]:
    (row,) = [row for row in rows if row["item_id"] == item_id]
    return row


def standing(desk: Desk) -> list[tuple]:
    return desk.store.query("SELECT item_id, verdict, category_id FROM standing_decisions ORDER BY ALL").rows()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work database with taxonomy, model and one delivery; copied for each test, because making it takes longer."""
    path = tmp_path_factory.mktemp("prepared") / "work.duckdb"
    with Store.open(path) as store:
        save_taxonomy(store, from_paths(PATHS, PATHS.values()), "test")
        views.create(store)
        store.append_row("promotions", model_id="m1", seq=1, promoted_at=START)
        store.append_row(
            "deliveries", delivery_id="d1", vendor="acme", delivery_no=1, run_id="r1", kind="full", status="accepted"
        )
    return path


@pytest.fixture
def desk(tmp_path: Path, prepared: Path) -> Iterator[Desk]:
    with Store.open(Path(shutil.copy(prepared, tmp_path / "work.duckdb"))) as store:
        desk = Desk(tmp_path, store)
        for folder in desk.workspace.folders:
            folder.mkdir(parents=True, exist_ok=True)
        yield desk
