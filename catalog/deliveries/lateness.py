"""Vendors that should have delivered: how often each is due is kept as a fact, and views say who is late."""

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
