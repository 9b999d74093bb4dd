"""A work database with its tables and views, made once in a process and copied, because making it takes ten times as long."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from catalog.publishing import views
from catalog.store import Store


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ready-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Store.open(folder / "work.duckdb") as store:
        views.create(store)
    return folder / "work.duckdb"


def opened_ready(path: Path) -> Store:
    """A new database at this path, with everything in it that a night finds."""
    return Store.open(Path(shutil.copy(_made(), path)))
