"""Backups, their return, what may go by age, and the way to a newer program.  `catalog backup | restore | prune | upgrade`"""

import shutil
from collections import Counter
from pathlib import Path

from catalog.errors import CatalogError
from catalog.inference import signatures
from catalog.inference.bundle import MANIFEST
from catalog.jobs import program_version
from catalog.keeping import backups, retention
from catalog.keeping.backups import Facts
from catalog.lock import hold
from catalog.publishing import views
from catalog.publishing.reader import reading
from catalog.review.review_ledger import workspace_id
from catalog.settings import Workspace
from catalog.store import Store, migrations
from pipelines.session import opened
from pipelines.status import disk

FOLDERS = {
    "work database": "state/work.duckdb",
    "embeddings": "state/embeddings",
    "pictures": "state/pictures",
    "copies of feeds": "state/staged",
    "feeds": "feeds",
    "models": "models",
    "published": "published",
    "review sheets": "review",
    "reports": "reports",
}


def backup(root: Path, target: Path) -> str:
    """Writes a backup below `target`; no run may be at work meanwhile. Raises Busy, and CatalogError as `backups.write`."""
    workspace = Workspace(root).require()
    limits = workspace.settings().database
    with hold(workspace.lock):
        with Store.open(workspace.work_db, memory_limit=limits.memory_limit, threads=limits.threads) as store:
            facts = Facts(workspace_id(store), store.one("SELECT max(version) FROM schema_version"), program_version())
            store.execute("CHECKPOINT")
        folder = backups.write(workspace.root, target, facts)
    manifest = backups.Manifest.read(folder)
    return (
        f"{folder}: {len(manifest.files):,} files, {manifest.size / 2**30:.3f} GiB, each with its sha256.\n"
        f"Embeddings are left out: they are computed anew. To bring it back: catalog restore {folder} --workspace DIR"
    )


def restore(folder: Path, root: Path, *, over: bool = False) -> str:
    """Makes `root` the workspace that was backed up. What stands there stays, beside it, under another name.

    Raises CatalogError when the backup is damaged or newer than this program, or something stands at `root` and it was not
    said that it may be replaced; Busy when a run works there. Nothing is changed then.
    """
    target = root.resolve()
    occupied = target.exists() and any(target.iterdir())
    if occupied and not over:
        raise CatalogError(
            f"{target} is not empty.", remedy="Name an empty folder, or say --over: what stands there is moved aside."
        )
    manifest = backups.Manifest.read(folder)
    newest = max(migrations())
    if manifest.schema > newest:
        raise CatalogError(
            f"The backup is of a newer version ({manifest.program}, schema {manifest.schema}, this program knows {newest}).",
            remedy="Upgrade this installation first. Nothing was changed.",
        )
    manifest = backups.verify(folder)
    _require_trusted(folder, *([target] if occupied else []))
    if not occupied:
        if target.exists():
            target.rmdir()
        backups.put_in_place(backups.unpack(folder, manifest, target), target)
        return f"{target} is as it was on {manifest.written_at[:16]} UTC ({len(manifest.files):,} files, all verified)."
    with hold(Workspace(target).lock):
        aside = backups.put_in_place(backups.unpack(folder, manifest, target), target)
    if aside is not None:
        Workspace(aside).lock.with_suffix(".json").unlink(missing_ok=True)  # this process, which works there no more
    return (
        f"{target} is as it was on {manifest.written_at[:16]} UTC. What stood there is in {aside}; "
        "remove it when you are sure."
    )


def _require_trusted(folder: Path, *standing: Path) -> None:
    """The model that serves in a backup is signed as its own settings ask, and as those ask which it takes the place of:
    a backup that somebody made must not say by itself that nobody needs to sign.
    """
    kept = Workspace(folder)
    model_id = kept.current_model.read_text(encoding="utf-8").strip() if kept.current_model.is_file() else ""
    bundle = kept.models / Path(model_id).name
    if not (bundle / MANIFEST).is_file():  # none serves, or the imported answers of another classifier do
        return
    for place in (kept, *map(Workspace, standing)):
        try:
            settings = place.settings()
        except (CatalogError, OSError):  # a workspace too damaged to be asked is what backups are for
            continue
        signatures.trust(place, settings).check(bundle, (bundle / MANIFEST).read_bytes())


def prune(root: Path, *, dry_run: bool = False) -> str:
    """Removes what [retention] does not keep; facts in the work database stay. Raises Busy when a run is at work."""
    with opened(root) as session:
        workspace = session.workspace
        found = retention.outlived(session.store, workspace, session.settings.retention)
        if not dry_run:
            for old in found:
                if old.path.is_dir():
                    shutil.rmtree(old.path)
                else:
                    old.path.unlink()
            _list_reports(workspace)
        lines = _counted(found, "would be removed" if dry_run else "removed")
        sizes = [(name, retention.size_of(workspace.root / path)) for name, path in FOLDERS.items()]
    budget = [f"{name:<20}{size / 2**30:>9.3f} GiB" for name, size in sizes]
    return "\n".join(
        [*(lines or ["Nothing is older than [retention] keeps it."]), "", *budget, f"{'in all':<20}{disk(workspace)}"]
    )


def _counted(found: list[retention.Old], what: str) -> list[str]:
    files, sizes = Counter(old.kind for old in found), Counter[str]()
    for old in found:
        sizes[old.kind] += old.bytes
    return [f"{kind:<20}{files[kind]:>6,} {what}, {sizes[kind] / 2**30:.3f} GiB" for kind in sorted(files)]


def _list_reports(workspace: Workspace) -> None:
    from catalog import durable  # noqa: PLC0415 - with the charts, a quarter of a second that --dry-run need not pay
    from catalog.publishing import report  # noqa: PLC0415

    written = {page.stem for page in workspace.reports.glob("*.html")} - {"index"}
    if written and workspace.published_db.exists():
        with reading(workspace.published_db) as reader:
            durable.write(workspace.reports / "index.html", report.index(reader.query, written).encode())


def upgrade(root: Path) -> str:
    """Brings tables and views to this program's version. Raises CatalogError when they are of a newer one."""
    workspace = Workspace(root).require()
    workspace.settings()
    with hold(workspace.lock):
        before = Store.versions(workspace.work_db)
        with Store.open(workspace.work_db) as store:
            views.create(store)
    done = [file.name.removesuffix(".sql") for version, file in sorted(migrations().items()) if version not in before]
    newest = max(migrations())
    if not done:
        return f"Nothing to do: the tables are of this version (schema {newest}, program {program_version()})."
    return (
        f"Schema {max(before, default=0)} became {newest}: {', '.join(done)}. Published files are renewed by the next night.\n"
        "There is no way back but a backup from before (catalog backup DIR)."
    )
