"""Where a workspace stands: facts name files by their whole path, so that a workspace moved or restored must name them anew."""

from pathlib import Path

from catalog.jobs import now
from catalog.store import Store

_LATEST = "SELECT max_by(root, seq), max(seq) FROM workspace_places"
# The columns with absolute paths, most of them below the workspace's root.
_NAMED_ANEW = (
    "UPDATE items SET image = $after || substr(image, length($before) + 1) WHERE starts_with(image, $before || '/')",
    "UPDATE deliveries SET folder = $after || substr(folder, length($before) + 1) WHERE starts_with(folder, $before || '/')",
)


def settle(store: Store, root: Path) -> bool:
    """Makes facts that name files below the root where the workspace stood name them below `root`; says whether any had to.

    Else a workspace brought back on another machine would look for every picture where it lay on the first one. A picture's
    path decides nothing about a product, so no hash changes.
    """
    [(before, seq)] = store.query(_LATEST).rows()
    if before == str(root):
        return False
    with store.transaction():
        for statement in _NAMED_ANEW if before else ():
            store.execute(statement, {"before": before, "after": str(root)})
        store.append_row("workspace_places", seq=1 + (seq or 0), root=str(root), noted_at=now())
    return bool(before)
