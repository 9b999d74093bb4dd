"""Imports products that already have a category as standing decisions.  `catalog labels import FILE`"""

import hashlib
from collections import Counter
from pathlib import Path

from catalog.deliveries import arrivals, facts
from catalog.deliveries.arrivals import Delivery
from catalog.deliveries.inbox import VENDOR
from catalog.errors import CatalogError
from catalog.jobs import Counts, Job, digest
from catalog.labels.labels import NOBODY, LabelReader, append_decisions
from catalog.pictures.finding import found_for
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import load_mapping
from catalog.taxonomies.versions import latest_taxonomy


def run(job: Job, file: Path, *, vendor: str | None = None, random: bool = False, source: str = "label") -> Counts:
    """Takes every vendor's rows of the file as a delivery of kind 'labels' with one decision per item.

    vendor: whose products these are where the file has no vendor column. random: nobody selected these products, so
    that they may certify. source: a name for where the labels come from, kept as a note. A file that is the vendor's
    latest label file, under the same taxonomy, changes nothing. Raises FeedRefused when the file cannot be read.
    """
    _check(file, vendor)
    taxonomy, mapping = latest_taxonomy(job.store), load_mapping(None, file)
    who = "import" if source == "label" else source
    with found_for(job, vendor or NOBODY, file.parent) as pictures:
        reader = LabelReader(taxonomy, mapping, pictures, vendor=vendor or NOBODY, who=who)
        arrivals.collect(job.store, (reader.read(batch) for batch in read_rows(file, mapping, job.settings.feeds)))
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    key = digest(mapping.hash, taxonomy.version, random, source)
    counts: Counter[str] = Counter(rows=0, labels=0, duplicate=0, quarantined=0, repeated=0)
    with job.store.transaction():
        for name in arrivals.by_vendor(job.store):
            delivery = Delivery(name, job.run_id, file.name, sha256, file.stat().st_size, "labels", key, file.parent)
            counts.update(_take(job, delivery, random=random, note=None if source == "label" else source))
    return dict(counts)


def _check(file: Path, vendor: str | None) -> None:
    if not file.is_file():
        raise CatalogError(f"{file} does not exist.", remedy="Name a file with labelled products.")
    if vendor is not None and not VENDOR.match(vendor):
        raise CatalogError(
            f"{vendor!r} is no vendor name.", remedy="Use letters, digits, point, underscore and hyphen only."
        )


def _take(job: Job, delivery: Delivery, *, random: bool, note: str | None) -> Counts:
    store = job.store
    rows = arrivals.rows_read(store, delivery.vendor)
    last = arrivals.latest(store, delivery.vendor, labels=True)
    if last and last[:2] == (delivery.sha256, delivery.mapping_hash):
        return {"rows": rows, "repeated": rows}
    arrivals.judge(store, delivery.vendor, duplicates="quarantine")
    delivery_id = facts.write(store, delivery, batch_rows=job.settings.feeds.batch_rows)
    labels = append_decisions(store, delivery_id, delivery.run_id, random=random, note=note)
    rejects = store.one("SELECT count(*) FROM rejects WHERE delivery_id = ?", [delivery_id])
    return {"rows": rows, "labels": labels, "duplicate": rows - labels - rejects, "quarantined": rejects}
