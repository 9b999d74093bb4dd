"""Writes the page about a run and the list of all pages.  `catalog report`"""

from pathlib import Path

from catalog import durable
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import Job
from catalog.publishing.reader import published_version, reading


def run(job: Job) -> Path:
    """Writes reports/<run_id>.html and reports/index.html; returns the first. Writing it again replaces it.

    Asks the published file. Raises CatalogError when nothing is published, or by another version.
    """
    from catalog.publishing import report  # noqa: PLC0415 - it brings what training measures with

    published = job.workspace.published_db
    if published.exists() and published_version(published) != job.store.one("SELECT schema_version()"):
        raise CatalogError(
            "What is published was written by another version of the program.",
            remedy="Run catalog nightly: it publishes anew, and writes the page.",
        )
    folder = job.workspace.reports
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job.run_id}.html"
    with reading(published) as reader:
        reached("report.page")
        page = report.page(reader.query, job.store, job.run_id, job.settings.audit)
        durable.write(path, page.encode())
        reached("report.index")
        written = {file.stem for file in folder.glob("*.html")} - {"index"}
        durable.write(folder / "index.html", report.index(reader.query, written).encode())
    return path
