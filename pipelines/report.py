"""Writes the page about a run and the list of all pages.  `catalog report`"""

import os
from pathlib import Path

from catalog.failpoints import reached
from catalog.jobs import Job
from catalog.publishing import report


def run(job: Job) -> Path:
    """Writes reports/<run_id>.html and reports/index.html; returns the first. Writing it again replaces it."""
    folder = job.workspace.reports
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job.run_id}.html"
    reached("report.page")
    _replace(path, report.page(job.store, job.run_id))
    reached("report.index")
    written = {page.stem for page in folder.glob("*.html")} - {"index"}
    _replace(folder / "index.html", report.index(job.store, written))
    return path


def _replace(path: Path, text: str) -> None:
    """A reader sees the old page or the new one, never half of it."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
