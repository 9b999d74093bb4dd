"""What this machine does an hour.  `catalog doctor --bench`"""

import csv
import io
import os
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from PIL import Image
from structlog import ReturnLogger

from catalog.errors import CatalogError
from catalog.inference.classifier import Classifier
from catalog.inference.inputs import INPUT_COLUMNS
from catalog.inference.signatures import trust_of
from catalog.inference.speed import SECONDS, Rate, limit, measure
from catalog.placement import ledger
from catalog.sample.deliveries import labelled_offers
from catalog.sample.pictures import draw_picture
from catalog.sample.products import Offer
from pipelines import ingest, nightly, workspace
from pipelines.session import Session, opened

ITEMS = 256  # measured with, over and over
ROWS = 20_000  # of the file that is taken
SIDE = 800  # pixels of a drawn picture, as shops show them
# Of this workspace's own items, so that texts and pictures are as long and as large as they are here.
OWN = """
    SELECT i.input_hash, i.title, i.description, i.brand, i.vendor_category, i.attributes, i.vendor, i.image
    FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
    WHERE l.delivered AND i.title IS NOT NULL AND i.image_status = 'ok' ORDER BY i.input_hash LIMIT ?
"""


def run(root: Path, *, seconds: float = SECONDS) -> str:
    """Measures for about 20 seconds, `seconds` for each figure of the classifier.

    Without a bundle only the taking of deliveries is measured, and what is missing is said.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = _ingest(folder)
        with opened(root) as session:
            said = _classify(session, folder, rows, seconds)
    return "\n".join([*said[:-1], _line("deliveries", rows, "rows"), said[-1]])


def _classify(session: Session, folder: Path, rows: float, seconds: float) -> list[str]:
    store, serving = session.store, session.settings.serving
    model_id = ledger.current_model(store)
    if model_id is None or ledger.is_foreign(store, model_id):
        why = "imported answers serve" if model_id else "no model serves yet: train one with `catalog train`"
        return [f"texts, pictures  not measured, {why}", "Taking deliveries is all that could be measured."]
    try:
        path = ledger.model_path(session.workspace, model_id)
        classifier = Classifier.open(path, trust=trust_of(session), device=serving.device, threads=serving.threads)
    except CatalogError as error:
        return [f"texts, pictures  not measured: {error.message}", error.remedy]
    own = store.query(OWN, [ITEMS])
    items = own if own.height == ITEMS else _drawn(folder)
    speed = measure(classifier, items, seconds=seconds)
    whose = "this workspace's items" if own.height == ITEMS else f"drawn items, pictures of {SIDE} pixels"
    return [
        f"measured on       {whose}, none seen before; {classifier.provider}, {serving.threads} threads",
        *[
            f"{_line(what, rate.per_second, 'items')}, {1000 * rate.cost:.1f} ms of a processor each"
            for what, rate in (
                ("texts alone", speed.texts),
                ("pictures alone", speed.pictures),
                ("text and picture", speed.both),
            )
        ],
        *_busy(speed.both, serving.threads, classifier.provider),
        limit(speed, rows, classifier.provider),
    ]


def _busy(found: Rate, threads: int, provider: str) -> list[str]:
    """Says so when other work took the processors away: the figures are then too low."""
    if provider != "CPUExecutionProvider" or found.processors > 0.75 * min(threads, os.cpu_count() or 1):
        return []
    return [f"This machine was busy: the classifier got {found.processors:.1f} of {threads} processors. Measure again."]


def _line(what: str, per_second: float, unit: str) -> str:
    return f"{what:<17} {per_second:>9,.0f} {unit} a second, {per_second * 3600:>12,.0f} an hour"


def _drawn(folder: Path) -> pl.DataFrame:
    """Sample products as inputs, columns of INPUT_COLUMNS, each with a picture of its own."""
    offers = [offer for offer in labelled_offers(7, 2 * ITEMS) if offer.shot][:ITEMS]
    rows = [
        (str(n), o.title, o.description, o.brand, o.vendor_category, None, o.vendor, _picture(folder / f"{n}.jpg", o))
        for n, o in enumerate(offers)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(INPUT_COLUMNS, pl.String), orient="row")


def _picture(file: Path, offer: Offer) -> str:
    assert offer.shot
    with Image.open(io.BytesIO(draw_picture(offer.shot))) as drawn:
        drawn.resize((SIDE, SIDE)).save(file, quality=85)
    return str(file)


def _ingest(folder: Path) -> float:
    """Rows a second from a file to facts, in a workspace of its own."""
    place = workspace.init(folder / "workspace")
    place.settings_file.write_text("[feeds]\nsettle_seconds = 0\n")
    inbox = place.feeds / "bench"
    inbox.mkdir()
    offers = labelled_offers(7, ITEMS)
    with (inbox / "items.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "title", "description", "brand", "price"])
        for number in range(ROWS):
            offer = offers[number % ITEMS]
            writer.writerow([number, f"{offer.title} {number}", offer.description, offer.brand, f"{offer.price:.2f}"])
    with opened(place.root) as session:
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        job = replace(
            session.job(run_id or ""), log=ReturnLogger()
        )  # a scratch workspace is none of the log's business
        began = time.monotonic()
        ingest.run(job, found)
        return ROWS / (time.monotonic() - began)
