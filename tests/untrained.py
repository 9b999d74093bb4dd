"""A real workspace with two categories, no model and files in its inboxes: a night of it takes a second."""

from pathlib import Path

from catalog.settings import Workspace
from pipelines import taxonomy, workspace
from pipelines.session import opened


def untrained(folder: Path, deliveries: dict[str, str], settings: str = "") -> Workspace:
    """deliveries: the text of one CSV by vendor. settings: what catalog.toml says beside [feeds]."""
    place = workspace.init(folder / "ws")
    place.settings_file.write_text(f"[feeds]\nsettle_seconds = 0\n{settings}")
    tree = folder / "tree.csv"
    tree.write_text("id,parent_id,name\n1,,Home\n11,1,Mugs\n12,1,Lamps\n")
    with opened(place.root) as session, session.single("taxonomy") as job:
        taxonomy.run(job, tree)
    for vendor, text in deliveries.items():
        (place.feeds / vendor).mkdir()
        (place.feeds / vendor / "items.csv").write_text(text)
    return place
