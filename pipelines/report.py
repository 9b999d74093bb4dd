"""Writes the page about a run and the list of all pages.  `catalog report`"""

from pathlib import Path

from catalog import durable
from catalog.failpoints import reached
from catalog.jobs import Job


def run(job: Job) -> Path:
    """Writes reports/<run_id>.html and reports/index.html; returns the first. Writing it again replaces it."""
    from catalog.publishing import report  # noqa: PLC0415 - its charts import a quarter of a second

    folder = job.workspace.reports
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job.run_id}.html"
    reached("report.page")
    durable.write(path, report.page(job.store, job.run_id).encode())
    reached("report.index")
    written = {page.stem for page in folder.glob("*.html")} - {"index"}
    durable.write(folder / "index.html", report.index(job.store, written).encode())
    return path
