"""Backups and their return, what may go by age, and tables of another version: on real workspaces, killed on the way too."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hand_made import RUN, hand_made, hour, rows

from catalog.errors import Busy, CatalogError
from catalog.keeping import backups, places
from catalog.lock import hold
from catalog.settings import Workspace
from catalog.store import Store
from pipelines import keep
from pipelines.session import opened


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace, store = hand_made(tmp_path / "shop")
    store.close()
    for name, text in (("feeds/acme/done/abc_items.csv", "a"), ("models/m2/labels.json", "{}"), ("policy.toml", "")):
        file = workspace.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (workspace.embeddings / "tower").mkdir(parents=True)
    (workspace.embeddings / "tower" / "part.arrow").write_text("computed anew")
    return workspace


def content(root: Path) -> dict[str, bytes]:
    """Every file but the locks and what is computed anew."""
    files = {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}
    return {name: text for name, text in files.items() if "state/run." not in name and "embeddings" not in name}


def backed_up(place: Workspace, target: Path) -> Path:
    keep.backup(place.root, target)
    (folder,) = [path for path in target.iterdir() if not path.name.startswith(".")]
    return folder


def test_a_backup_comes_back_as_it_was_in_another_place(place: Workspace, tmp_path: Path) -> None:
    folder = backed_up(place, tmp_path / "kept")
    before = content(place.root)
    said = keep.restore(folder, tmp_path / "again")
    assert content(tmp_path / "again") == before and "all verified" in said
    with Store.open(tmp_path / "again" / "state" / "work.duckdb") as store:
        assert store.one("SELECT count(*) FROM routes") == 12
    assert not (tmp_path / "again" / "state" / "embeddings").exists()
    files = {file.path for file in backups.verify(folder).files}
    assert {"catalog.toml", "policy.toml", "feeds/acme/done/abc_items.csv", "state/work.duckdb"} <= files


def test_a_workspace_that_stands_elsewhere_names_its_files_there(place: Workspace, tmp_path: Path) -> None:
    inside, outside = f"{place.root}/feeds/acme/images/kettle.jpg", f"{place.root}-other/kettle.jpg"
    with opened(place.root) as session:
        rows(session.store, "items", {"item_id": "p1", "image": inside}, {"item_id": "p2", "image": outside})
        rows(session.store, "deliveries", {"delivery_id": "p-1", "folder": f"{place.root}/feeds/acme"})
    folder = backed_up(place, tmp_path / "kept")
    keep.restore(folder, tmp_path / "again")
    pictures = "SELECT item_id, image FROM items WHERE image IS NOT NULL ORDER BY item_id"
    for root in (tmp_path / "again", tmp_path / "moved"):
        with opened(root) as session:
            named = dict(session.store.query(pictures).rows())
            assert named == {"p1": f"{root}/feeds/acme/images/kettle.jpg", "p2": outside}
            said = session.store.one("SELECT folder FROM deliveries WHERE delivery_id = 'p-1'")
            assert said == f"{root}/feeds/acme"
            assert not places.settle(session.store, root)
        if root.name == "again":
            root.rename(tmp_path / "moved")


def test_what_stands_is_only_moved_aside_when_told(place: Workspace, tmp_path: Path) -> None:
    folder = backed_up(place, tmp_path / "kept")
    saved = content(place.root)
    (place.root / "policy.toml").write_text("# newer")
    now = content(place.root)
    with pytest.raises(CatalogError, match=r"is not empty.*--over"):
        keep.restore(folder, place.root)
    assert content(place.root) == now
    with hold(place.lock), pytest.raises(Busy):
        keep.restore(folder, place.root, over=True)
    said = keep.restore(folder, place.root, over=True)
    assert content(place.root) == saved
    aside = Path(re.search(r"is in (\S+);", said)[1])  # type: ignore[index]
    assert content(aside) == now


def damage(folder: Path, kind: str) -> None:
    manifest = folder / backups.MANIFEST
    said = json.loads(manifest.read_text())
    if kind == "byte":
        database = folder / "state" / "work.duckdb"
        raw = bytearray(database.read_bytes())
        raw[len(raw) // 2] ^= 1
        database.write_bytes(raw)
    elif kind == "missing":
        (folder / "policy.toml").unlink()
    elif kind == "manifest":
        manifest.write_text(manifest.read_text()[:-40])
    elif kind == "edited":
        manifest.write_text(json.dumps({**said, "schema": 1}))
    elif kind == "none":
        manifest.unlink()
    elif kind == "outside":
        said.pop("sha256")
        said["files"][0]["path"] = "../elsewhere"
        manifest.write_text(json.dumps({**said, "sha256": backups._checksum(said)}))
    elif kind == "newer":
        said.pop("sha256")
        said["schema"] = 9999
        manifest.write_text(json.dumps({**said, "sha256": backups._checksum(said)}))


DAMAGES = {
    "byte": "work.duckdb is not what it was",
    "missing": "policy.toml is missing",
    "manifest": "backup.json is damaged",
    "edited": "its checksum differs",
    "none": "is no backup",
    "outside": "outside of itself",
    "newer": "of a newer version",
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_or_newer_backup_is_refused_and_nothing_is_touched(
    place: Workspace, tmp_path: Path, kind: str
) -> None:
    folder = backed_up(place, tmp_path / "kept")
    damage(folder, kind)
    before = content(place.root)
    with pytest.raises(CatalogError, match=DAMAGES[kind]):
        keep.restore(folder, place.root, over=True)
    with pytest.raises(CatalogError, match=DAMAGES[kind]):
        keep.restore(folder, tmp_path / "again")
    assert content(place.root) == before and not (tmp_path / "again").exists()


def catalog(*words: str, **environment: str) -> subprocess.CompletedProcess:
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "pipelines.cli", *words]
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": root} | environment, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("point", ["backup.file:3", "backup.rename"])
def test_a_killed_backup_is_none_and_the_next_one_is_whole(place: Workspace, tmp_path: Path, point: str) -> None:
    words = ("backup", str(tmp_path / "kept"), "-w", str(place.root))
    assert catalog(*words, FEEDSHELF_FAILPOINT=point).returncode == -9
    assert [path for path in (tmp_path / "kept").iterdir() if not path.name.startswith(".")] == []
    folder = backed_up(place, tmp_path / "kept")
    assert backups.verify(folder).size > 0
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [folder.name]


def test_a_killed_restore_leaves_both_and_is_repeated(place: Workspace, tmp_path: Path) -> None:
    folder = backed_up(place, tmp_path / "kept")
    saved = content(place.root)
    words = ("restore", str(folder), "--over", "-w", str(place.root))
    assert catalog(*words, FEEDSHELF_FAILPOINT="backup.file:4").returncode == -9
    assert content(place.root) == saved
    assert catalog(*words, FEEDSHELF_FAILPOINT="restore.aside").returncode == -9
    (aside,) = tmp_path.glob("shop.before-*")
    assert content(aside) == saved and not place.root.exists()
    done = catalog(*words)
    assert done.returncode == 0, done.stderr
    assert content(place.root) == saved


def test_a_backup_does_not_go_into_its_workspace_and_waits_for_no_run(place: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="lies in the workspace"):
        keep.backup(place.root, place.root / "kept")
    with hold(place.lock), pytest.raises(Busy):
        keep.backup(place.root, tmp_path / "kept")


def old(file: Path, days: int, text: str = "x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    when = time.time() - days * 86_400
    os.utime(file, (when, when))
    return file


def test_prune_removes_what_is_old_and_keeps_what_is_needed(place: Workspace) -> None:
    wanted, idle = "a" * 64, "b" * 64
    with Store.open(place.work_db) as store:
        store.execute(
            "UPDATE deliveries SET parts = ? WHERE delivery_id = 'bolt-3'",
            [json.dumps([{"name": "items.csv", "sha256": wanted, "bytes": 1}])],
        )
        rows(store, "models", {"model_id": "m9", "trained_at": hour(90)})
        rows(store, "models", {"model_id": "m0", "trained_at": hour(0)})
    for model, tower in (("m0", "t0"), ("m2", "t2"), ("m9", "t9")):
        old(place.models / model / "labels.json", 900, json.dumps({"towers": {"text": tower}}))
        old(place.embeddings / tower / "part.arrow", 900)
    stays = [
        old(place.staged / f"{wanted}.csv", 200),  # a delivery that is held for a person
        old(place.staged / f"{idle}.csv", 80),
        old(place.feeds / "bolt" / "done" / f"{wanted[:12]}_items.csv", 200),
        old(place.feeds / "bolt" / "waiting.csv", 900),
        old(place.outbox / f"{RUN[4]}-1.csv", 300),
        place.models / "m2" / "labels.json",  # serves
        place.models / "m9" / "labels.json",  # is the newest
        place.embeddings / "t2" / "part.arrow",
    ]
    goes = [
        old(place.staged / f"{idle}.jsonl", 91),
        old(place.feeds / "acme" / "done" / "0123_items.csv", 91),
        old(place.outbox / f"{RUN[1]}-1.csv", 366),
        old(place.reports / f"{RUN[1]}.html", 366),
        old(place.changes / f"{RUN[1]}.csv", 366),
        place.models / "m0" / "labels.json",
        place.embeddings / "t0" / "part.arrow",
        place.embeddings / "tower" / "part.arrow",
    ]
    place.settings_file.write_text("[retention]\nmodels = 1\n")
    would = keep.prune(place.root, dry_run=True)
    assert all(path.exists() for path in [*stays, *goes]) and "would be removed" in would
    said = keep.prune(place.root)
    assert [path for path in stays if not path.exists()] == [] and [path for path in goes if path.exists()] == []
    assert re.search(r"copies of feeds +1 removed", said) and re.search(r"embeddings +2 removed", said)
    assert re.search(r"work database +\d+\.\d+ GiB", said) and "free" in said.splitlines()[-1]
    with Store.open(place.work_db) as store:
        assert store.one("SELECT count(*) FROM routes") == 12
    place.settings_file.write_text(
        "[retention]\ncopies_days = 0\nsheets_days = 0\nreports_days = 0\nchanges_days = 0\nmodels = 0\n"
    )
    old(place.staged / f"{idle}.jsonl", 9000)
    assert keep.prune(place.root).startswith("Nothing is older")


def test_upgrade_goes_forward_and_refuses_to_go_back(place: Workspace) -> None:
    assert keep.upgrade(place.root).startswith("Nothing to do")
    with Store.open(place.work_db) as store:
        for table in ("category_changes", "corrected"):
            store.execute(f"DROP TABLE {table}")
        store.execute("DELETE FROM schema_version WHERE version = 10")
    assert "0010_changes" in keep.upgrade(place.root)
    assert keep.upgrade(place.root).startswith("Nothing to do")
    with Store.open(place.work_db) as store:
        assert (
            store.one("SELECT count(*) FROM category_changes") == 0 and store.one("SELECT count(*) FROM routes") == 12
        )
        store.execute("INSERT INTO schema_version VALUES (9999, 'from the future')")
    before = place.work_db.read_bytes()
    with pytest.raises(CatalogError, match="newer version"):
        keep.upgrade(place.root)
    assert place.work_db.read_bytes() == before


def test_what_only_reads_says_when_tables_are_older(place: Workspace) -> None:
    with Store.open(place.work_db) as store:
        store.execute("DELETE FROM schema_version WHERE version = 10")
    with pytest.raises(CatalogError, match="catalog upgrade"):
        Store.reading(place.work_db)
    shutil.rmtree(place.state)
    with pytest.raises(CatalogError, match="taxonomy import"):
        Store.reading(place.work_db)
