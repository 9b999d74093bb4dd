"""Vendors that should have delivered: how often each is due is kept as a fact, and views say who is late."""

import difflib
from pathlib import Path

from catalog.errors import CatalogError
from catalog.jobs import now
from catalog.reading.mapping import load_mapping
from catalog.settings import Workspace
from catalog.store import Store


def note_schedules(store: Store, workspace: Workspace) -> None:
    """Keeps what the mappings say today about `expected_every` where it differs from what was known."""
    known = dict(store.query("SELECT vendor, seconds FROM vendor_schedules").rows())
    said = {file.stem: _seconds(file, known.get(file.stem)) for file in sorted(workspace.vendors.glob("*.toml"))}
    first = 1 + (store.one("SELECT max(seq) FROM schedules") or 0)
    changed = [vendor for vendor in sorted(known | said) if said.get(vendor) != known.get(vendor)]
    with store.transaction():
        for seq, vendor in enumerate(changed, start=first):
            store.append_row("schedules", seq=seq, vendor=vendor, seconds=said.get(vendor), noted_at=now())


def _seconds(file: Path, known: int | None) -> int | None:
    try:
        due = load_mapping(file, Path("feed.csv")).delivery.due
    except CatalogError:
        return known  # the feed is refused for it when it comes; until then the vendor is due as ever
    return int(due.total_seconds()) if due else None


def require_known(store: Store, workspace: Workspace, vendor: str | None) -> None:
    """Raises CatalogError for a vendor without a folder, a form or a delivery: a night of nobody would look like one well done."""
    known = {folder.name for folder in workspace.feeds.glob("*") if folder.is_dir()}
    known |= {form.stem for form in workspace.vendors.glob("*.toml")}
    known |= set(store.query("SELECT DISTINCT vendor FROM deliveries")["vendor"])
    if vendor is not None and vendor not in known:
        near = sorted(difflib.get_close_matches(vendor, sorted(known), n=5, cutoff=0.0))
        remedy = f"Most like it: {', '.join(near)}." if near else "Put its file into feeds/VENDOR/."
        raise CatalogError(f"No vendor {vendor!r} is known here.", remedy=remedy)


def late_vendors(store: Store, vendor: str | None = None) -> list[str]:
    """Who is late now, in words: one line per vendor, the longest overdue first."""
    rows = store.query(
        "SELECT * FROM vendor_deadlines WHERE late AND vendor = coalesce(?, vendor) ORDER BY due_at, vendor", [vendor]
    )
    return [_line(row) for row in rows.iter_rows(named=True)]


def _line(row: dict) -> str:
    last = row["last_accepted_at"]
    before = (
        f"its last file was accepted on {last:%Y-%m-%d %H:%M}"
        if last
        else "it never delivered a file that was accepted"
    )
    came = row["last_status"] in ("held", "refused", "undone")
    todo = (
        f"Its youngest was {row['last_status']}: catalog feeds list --vendor {row['vendor']}"
        if came
        else f"Ask for its file, or correct expected_every in vendors/{row['vendor']}.toml."
    )
    return f"{row['vendor']} is late: due by {row['due_at']:%Y-%m-%d %H:%M}, {before}. {todo}"
