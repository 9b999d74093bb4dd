"""How a workspace stands, also while a night is at work in it.  `catalog status`"""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from catalog.deliveries import attention, held
from catalog.deliveries.inbox import inbox
from catalog.errors import Busy
from catalog.placement.rules import Standing
from catalog.publishing import overview
from catalog.publishing.overview import Around, Feeds
from catalog.publishing.reader import reading
from catalog.settings import Settings, Workspace
from catalog.store import Store
from catalog.watch import drift_words
from pipelines import rules, verify
from pipelines.session import opened

_MOST_FILES = 300_000  # looked at for the line on disk use; a shop of millions of pictures has many more


def text(root: Path) -> str:
    """Ten lines, and below them what about deliveries needs a person, each with what to do."""
    from pipelines import retrain  # noqa: PLC0415 - what compares models need not be loaded by other commands

    workspace = Workspace(root).require()
    settings = workspace.settings()
    try:
        with opened(root) as session:
            store = session.store
            watched = store.one("SELECT max(run_id) FROM drift_statistics") or ""
            deliveries = attention.lines(store, workspace, settings.feeds)
            broken = verify.attention(session)
            more = [*broken, *deliveries, *drift_words.lines(store, watched), *retrain.attention(store)]
            known = around(workspace, settings, feeds(store, workspace, settings))
            said = known.automation + ruled(rules.today_standing(store, workspace, settings))
            lines = overview.lines(store.query, replace(known, needs=len(more), automation=said))
            return "\n".join([*lines, *pictures(store, fetching=settings.images.fetch), *more])
    except Busy as busy:
        working = str(busy.message).rstrip(".")
    if not workspace.published_db.exists():
        return f"at work       {working}; nothing has been published yet"
    waiting = tuple(f"{found.vendor} {found.path.name}" for found in _inbox(workspace, settings))
    with reading(workspace.published_db) as reader:
        return "\n".join(overview.lines(reader.query, around(workspace, settings, Feeds(waiting), working)))


def around(workspace: Workspace, settings: Settings, waiting: Feeds, working: str | None = None) -> Around:
    """What the tables do not know."""
    return Around(waiting, disk(workspace), switch(settings), working)


def switch(settings: Settings) -> str:
    """What the settings say of placing, in words."""
    return f"mode {settings.mode}" + (", automation is SWITCHED OFF" if settings.automation == "off" else "")


def ruled(found: Standing) -> str:
    """The rules of policy.toml, in words; empty where there are none."""
    idle = f", {len(found.problems)} do not act: catalog rules check" if found.problems else ""
    return f", {len(found.acting)} rules act{idle}" if found.acting or found.problems else ""


def feeds(store: Store, workspace: Workspace, settings: Settings) -> Feeds:
    """What stands in the inboxes and what of it the next night takes."""
    standing = held.holds(store)
    found = _inbox(workspace, settings)
    taken = [one for one in found if one.waits is None and not held.on_hold(one, standing)]
    return Feeds(tuple(f"{one.vendor} {one.path.name}" for one in taken), len(found) - len(taken))


def _inbox(workspace: Workspace, settings: Settings) -> list:
    return inbox(workspace, settings.feeds.model_copy(update={"settle_seconds": 0}))


def pictures(store: Store, *, fetching: bool) -> list[str]:
    """A line on pictures behind URLs, where there are any."""
    waiting, failed = store.query(
        """SELECT count(*) FILTER (image_status = 'remote'), count(*) FILTER (image_status = 'fetch_failed')
           FROM live_items JOIN items USING (vendor, item_id, row_hash)"""
    ).row(0)
    if not waiting and not failed:
        return []
    said = f"pictures      {waiting:,} items wait for theirs, {failed:,} got none from its URL"
    return [said if fetching or not waiting else f"{said}; to fetch them set fetch = true under [images]"]


def disk(workspace: Workspace) -> str:
    """What the workspace takes and what is left, in words."""
    used, complete = used_bytes(workspace.root)
    free = shutil.disk_usage(workspace.root).free
    least = "" if complete else "at least "
    return f"{least}{used / 2**30:.2f} GiB used, {free / 2**30:.1f} GiB free"


def used_bytes(folder: Path) -> tuple[int, bool]:
    """Bytes of the files below a folder, links not followed, and whether all of them were looked at."""
    total, seen, waiting = 0, 0, [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except (FileNotFoundError, PermissionError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
                continue
            total += entry.stat(follow_symlinks=False).st_size
            seen += 1
        if seen > _MOST_FILES:
            return total, False
    return total, True
