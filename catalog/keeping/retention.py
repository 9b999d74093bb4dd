"""What a workspace may do without after some time: files alone, never facts, and nothing that anything still needs."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.deliveries.attention import UNANSWERED
from catalog.errors import CatalogError
from catalog.placement import ledger
from catalog.settings import Retention, Workspace
from catalog.store import Store

_DAY = 86_400
# Deliveries that somebody may still have read again: unanswered, or told to and not yet taken.
_WANTED = f"""
    SELECT parts FROM deliveries WHERE delivery_id IN (SELECT delivery_id FROM ({UNANSWERED}))
    UNION ALL
    SELECT parts FROM deliveries JOIN delivery_orders USING (delivery_id)
    WHERE word IN ('release', 'retry') AND delivery_id NOT IN (SELECT origin FROM deliveries WHERE origin IS NOT NULL)
"""
_PROMOTED = "SELECT DISTINCT model_id FROM (SELECT model_id FROM promotions ORDER BY seq DESC LIMIT ?)"
_NEWEST = "SELECT model_id FROM models ORDER BY trained_at DESC LIMIT ?"


@dataclass(frozen=True)
class Old:
    """A file or folder that may go: of which kind it is, and its bytes."""

    kind: str
    path: Path
    bytes: int


def outlived(store: Store, workspace: Workspace, keep: Retention) -> list[Old]:
    """What is older than the settings keep it and needed by nothing."""
    wanted = _wanted(store)
    copies = [
        *_older(workspace.staged.glob("*"), "copies of feeds", keep.copies_days),
        *_older(workspace.feeds.glob("*/done/*"), "feeds in done/", keep.copies_days),
    ]
    return [
        *(old for old in copies if not any(sha[:12] in old.path.name for sha in wanted)),
        *_older(workspace.outbox.glob("*"), "review sheets", keep.sheets_days),
        *_older((p for p in workspace.reports.glob("*.html") if p.name != "index.html"), "reports", keep.reports_days),
        *_older(workspace.changes.glob("*"), "files of changes", keep.changes_days),
        *_models(store, workspace, keep),
    ]


def _wanted(store: Store) -> set[str]:
    rows = store.query(_WANTED)["parts"].drop_nulls()
    return {part["sha256"] for text in rows for part in json.loads(text)}


def _older(paths: Iterable[Path], kind: str, days: int) -> Iterator[Old]:
    """Days 0: nothing is ever old."""
    limit = time.time() - days * _DAY
    for path in sorted(paths):
        facts = path.lstat()
        if days and path.is_file() and not path.is_symlink() and facts.st_mtime < limit:
            yield Old(kind, path, facts.st_size)


def _models(store: Store, workspace: Workspace, keep: Retention) -> Iterator[Old]:
    """Bundles that neither serve, nor served lately, nor are new; then embeddings of towers that no kept bundle has."""
    if not keep.models:
        return
    kept = {ledger.current_model(store)}
    for sql in (_PROMOTED, _NEWEST):
        kept |= set(store.query(sql, [keep.models])["model_id"])
    bundles = [path for path in sorted(workspace.models.glob("*")) if path.is_dir()]
    for path in bundles:
        if path.name not in kept:
            yield Old("models", path, size_of(path))
    towers = {tower for path in bundles if path.name in kept for tower in _towers(path)}
    for path in sorted(workspace.embeddings.glob("*")):
        if path.is_dir() and path.name not in towers:
            yield Old("embeddings", path, size_of(path))


def _towers(bundle: Path) -> set[str]:
    try:
        return set(json.loads((bundle / "labels.json").read_text(encoding="utf-8")).get("towers", {}).values())
    except (OSError, ValueError) as error:
        raise CatalogError(
            f"{bundle} cannot be read.", remedy="Look at it first: nothing was removed (catalog models list)."
        ) from error


def size_of(path: Path) -> int:
    """Bytes of a file, or of everything below a folder."""
    if not path.is_dir():
        return path.lstat().st_size if path.exists() else 0
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
