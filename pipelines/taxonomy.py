"""Imports a version of the category hierarchy.  `catalog taxonomy import FILE`"""

from pathlib import Path

from catalog.jobs import Job
from catalog.taxonomies import save_taxonomy
from catalog.taxonomy_files import read_taxonomy


def run(job: Job, file: Path) -> str:
    """Keeps the hierarchy as the current version and returns a sentence about it; the same content changes nothing."""
    taxonomy = read_taxonomy(file)
    save_taxonomy(job.store, taxonomy, str(file))
    copy = job.workspace.taxonomy / f"{taxonomy.version}.csv"
    taxonomy.nodes.write_csv(copy)
    leaves, levels = int(taxonomy.nodes["is_leaf"].sum()), taxonomy.nodes["level"].to_list()
    return f"Taxonomy {taxonomy.version}: {taxonomy.nodes.height} categories, {leaves} leaves, {max(levels)} levels."
