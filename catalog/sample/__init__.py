"""A drawn retailer to try the system on: products, pictures and vendors' files, all made by code from a seed.

Its figures say that everything works, never how well: the words and pictures of real shops are harder in other ways.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from catalog.sample.deliveries import Nights, labelled_offers, two_nights
from catalog.sample.pictures import draw_picture
from catalog.sample.products import VENDORS, Offer
from catalog.sample.vendors import FORMATS, write_mappings
from catalog.sample.vocabulary import vocabulary

__all__ = ["VENDORS", "Sample", "write_sample"]

Progress = Callable[[str, int, int], None]
LABEL_COLUMNS = (
    "item_id",
    "vendor",
    "title",
    "description",
    "brand",
    "price",
    "category_path",
    "image",
    "gtin",
    "vendor_category",
    "labelled_at",
)
DATES = ("2025-03-03", "2025-03-04")
_LABEL_NOISE = 0.015
_HISTORY = 540  # days over which the labelled products were filed, up to the day before the first night


@dataclass(frozen=True)
class Sample:
    """Where the parts of a written sample lie.

    taxonomy: CSV of id, parent_id, name, scope_note. labels: folder with items.csv (our column names) and images/.
    nights: for each night the file of each vendor. mappings: the form of each vendor. pictures: the folder each
    vendor's picture paths (images/...) point into; it belongs beside the vendor's file. truth: CSV of vendor, item_id,
    category_id, category_path for every delivered item, the id empty where the hierarchy has no such category.
    """

    taxonomy: Path
    labels: Path
    nights: tuple[dict[str, Path], ...]
    mappings: dict[str, Path]
    pictures: dict[str, Path]
    truth: Path


def write_sample(
    folder: Path, *, seed: int = 7, products: int = 4400, delivered: int = 420, progress: Progress | None = None
) -> Sample:
    """Writes the sample into `folder`: `products` labelled ones, and about `delivered` a night from each vendor.

    The same arguments write the same bytes. `delivered` is at least 60, so that each fault finds a row of its own.
    """
    if products < 1 or delivered < 60:
        raise ValueError(f"products ({products}) must be at least 1 and delivered ({delivered}) at least 60.")
    labelled = labelled_offers(seed, products)
    nights = {v: two_nights(seed, v, labelled, delivered, delta=FORMATS[v].delta) for v in VENDORS}
    sample = Sample(
        taxonomy=_write_csv(folder / "taxonomy.csv", vocabulary().nodes),
        labels=_write_labels(folder / "labels", seed, labelled),
        nights=tuple(_write_night(folder / f"night_{n + 1}", seed, nights, n) for n in range(len(DATES))),
        mappings=write_mappings(folder / "vendors"),
        pictures={vendor: folder / "pictures" / vendor for vendor in VENDORS},
        truth=_write_csv(folder / "truth.csv", _truth(nights)),
    )
    _write_pictures(sample, labelled, nights, progress or (lambda _what, _done, _total: None))
    return sample


def _write_csv(file: Path, rows: Iterable[dict[str, str]]) -> Path:
    rows = list(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def _write_labels(folder: Path, seed: int, offers: Sequence[Offer]) -> Path:
    days = [_HISTORY * (len(offers) - n) // len(offers) for n in range(len(offers))]
    first = date.fromisoformat(DATES[0])
    rows = (_label_row(seed, offer, first - timedelta(days=back)) for offer, back in zip(offers, days, strict=True))
    _write_csv(folder / "items.csv", rows)
    return folder


def _label_row(seed: int, offer: Offer, filed: date) -> dict[str, str]:
    """A labelled product under our column names; a few stand in the wrong category, as in every real catalogue."""
    leaf, rng = offer.product.leaf, Random(f"{seed} label {offer.vendor} {offer.item_id}")
    if rng.random() < _LABEL_NOISE:
        leaf = rng.choice(vocabulary().siblings(leaf) or vocabulary().leaves)
    cells = (
        offer.item_id,
        offer.vendor,
        offer.title,
        offer.description,
        offer.brand,
        f"{offer.price:.2f}",
        leaf.path,
        _labelled_picture(offer),
        offer.product.gtin or "",
        offer.vendor_category,
        filed.isoformat(),
    )
    return dict(zip(LABEL_COLUMNS, cells, strict=True))


def _labelled_picture(offer: Offer) -> str:
    return f"images/{offer.vendor}-{offer.item_id}.jpg" if offer.shot else ""


def _write_night(folder: Path, seed: int, nights: dict[str, Nights], number: int) -> dict[str, Path]:
    files = {}
    for vendor, every in nights.items():
        content = FORMATS[vendor].write(every[number], Random(f"{seed} faults {vendor} {number}"), number == 0)
        files[vendor] = folder / f"{vendor}_{DATES[number]}{FORMATS[vendor].suffix}"
        folder.mkdir(parents=True, exist_ok=True)
        files[vendor].write_bytes(content)
    return files


def _truth(nights: dict[str, Nights]) -> Iterator[dict[str, str]]:
    for vendor in VENDORS:
        for item_id, offer in _range(nights[vendor]).items():
            leaf = offer.product.leaf
            path = leaf.path if leaf.id else f"{leaf.department} > {leaf.name}"
            yield {"vendor": vendor, "item_id": item_id, "category_id": leaf.id, "category_path": path}


def _range(nights: Nights) -> dict[str, Offer]:
    """Every offer a vendor ever delivers, in the order of its id."""
    latest = {offer.item_id: offer for night in nights for offer in night}
    return {item_id: latest[item_id] for item_id in sorted(latest)}


def _write_pictures(sample: Sample, labelled: Sequence[Offer], nights: dict[str, Nights], progress: Progress) -> None:
    """Draws every picture; a product that is labelled and delivered gets the same bytes in both places."""
    shots = [(sample.labels / _labelled_picture(offer), offer.shot) for offer in labelled if offer.shot]
    for vendor, every in nights.items():
        folder = sample.pictures[vendor]
        shots += [(folder / offer.picture, offer.shot) for offer in _range(every).values() if offer.shot]
    for place in {file.parent for file, _ in shots}:
        place.mkdir(parents=True, exist_ok=True)
    for done, (file, shot) in enumerate(shots, start=1):
        file.write_bytes(draw_picture(shot))
        if done % 100 == 0 or done == len(shots):
            progress("drawing the sample", done, len(shots))
    _spoil(sample, labelled, nights)


def _spoil(sample: Sample, labelled: Sequence[Offer], nights: dict[str, Nights]) -> None:
    """Breaks one picture off in the middle and puts a web server's excuse in the place of another."""
    known = {(offer.vendor, offer.item_id) for offer in labelled}
    for vendor, excuse in (("kessel", b""), ("tidepool", b"<html><h1>404 Not Found</h1></html>")):
        new = (o for o in nights[vendor][0] if o.shot and o.product.leaf.id and (vendor, o.item_id) not in known)
        file = sample.pictures[vendor] / next(new).picture
        file.write_bytes(excuse or file.read_bytes()[:900])
