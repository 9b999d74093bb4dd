"""The vendors' files: each its own format, column names and habits, with the faults that real feeds have."""

import csv
import gzip
import html
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from catalog.sample.products import Offer

Row = list[str]


@dataclass(frozen=True)
class Format:
    """How one vendor delivers. `mapping` is the text of vendors/<vendor>.toml, `write` makes the bytes of a file."""

    suffix: str
    mapping: str
    delta: bool
    write: Callable[[Sequence[Offer], Random, bool], bytes]


@dataclass(frozen=True)
class _Faults:
    """Positions of offers in a delivery that something is wrong with, each of them another."""

    places: list[int]

    @classmethod
    def drawn(cls, count: int, rng: Random) -> "_Faults":
        return cls(rng.sample(range(count), min(count, 24)))

    def __getitem__(self, number: int) -> int:
        return self.places[number % len(self.places)]


KESSEL_HEADER = ["Artikelnummer", "Bezeichnung", "Langtext", "Marke", "Preis", "Warengruppe", "Bild", "EAN", "Lager"]
KESSEL_MAPPING = """\
# kessel: semicolons, a byte order mark, Windows line ends, decimal commas. The whole range every night.
format = "csv"
encoding = "utf-8-sig"
delimiter = ";"

[columns]
item_id = "Artikelnummer"
title = "Bezeichnung"
description = "Langtext"
brand = "Marke"
price = "Preis"
vendor_category = "Warengruppe"
image = "Bild"
gtin = "EAN"

[rules]
price_decimal = ","
currency = "EUR"
duplicates = "quarantine"

[delivery]
kind = "full"
expected_every = "24h"
"""


def write_kessel(offers: Sequence[Offer], rng: Random, first: bool) -> bytes:
    """Semicolon CSV with a byte order mark, Windows line ends and a stock column nobody mapped."""
    rows = [_kessel_row(offer, rng) for offer in offers]
    rows += _kessel_faults(rows, _Faults.drawn(len(rows), rng), first)
    return _csv([KESSEL_HEADER, *rows], delimiter=";", line_end="\r\n").encode("utf-8-sig")


def _kessel_row(offer: Offer, rng: Random) -> Row:
    text = offer.description.replace(". ", ".\n", 1) if rng.random() < 0.1 else offer.description
    price = f"{offer.price:.2f}".replace(".", ",")
    gtin = offer.product.gtin or ""
    stock = str(rng.randrange(200))
    return [offer.item_id, offer.title, text, offer.brand, price, offer.vendor_category, offer.picture, gtin, stock]


def _kessel_faults(rows: list[Row], at: _Faults, first: bool) -> list[Row]:
    """Spoils some rows in place and returns rows that come twice."""
    again = [list(rows[at[0]]), list(rows[at[1]])]
    if not first:
        return again
    again.append(list(rows[at[2]]))
    for place in (at[3], at[4]):
        twin = list(rows[place])
        twin[1] = f"{twin[1]} (Auslauf)"
        again.append(twin)
    rows[at[5]] += ["Regal 7", "links"]
    rows[at[6]] = rows[at[6]][:3]
    rows[at[7]][4] = "auf Anfrage"
    rows[at[8]][1] = ""
    rows[at[9]][1], rows[at[9]][6] = "", ""
    rows[at[10]][1] = f'=HYPERLINK("http://shop.invalid/{rows[at[10]][0]}";"{rows[at[10]][1]}")'
    rows[at[11]][6] = "images/fehlt.jpg"
    return again


TIDEPOOL_MAPPING = """\
# tidepool: gzipped JSON Lines with nested fields. After the first file only what is new or changed.
format = "jsonl"

[columns]
item_id = "sku"
title = "productName"
description = "copy.long"
brand = "maker.label"
price = "offer.amount"
currency = "offer.ccy"
vendor_category = "taxon"
image = ["media.main", "media.other"]
gtin = "codes.ean"

[rules]
price_decimal = "."
duplicates = "last"

[delivery]
kind = "delta"
expected_every = "24h"
"""


def write_tidepool(offers: Sequence[Offer], rng: Random, first: bool) -> bytes:
    """Gzipped JSON Lines; the time in the gzip header is zero, so that the same offers are the same bytes."""
    lines = [_tidepool_line(offer) for offer in offers]
    at = _Faults.drawn(len(lines), rng)
    lines.append(lines[at[0]])
    if first:
        lines += [lines[at[1]], lines[at[2]].replace('"productName": "', '"productName": "Re-issue ')]
        lines[at[3]] = lines[at[3]][: len(lines[at[3]]) // 2]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def _tidepool_line(offer: Offer) -> str:
    return json.dumps(
        {
            "sku": offer.item_id,
            "productName": offer.title,
            "copy": {"long": offer.description or None},
            "maker": {"label": offer.brand} if offer.brand else None,
            "offer": {"amount": offer.price, "ccy": "EUR"},
            "taxon": offer.vendor_category or None,
            "media": {"main": offer.picture or None, "other": []},
            "codes": {"ean": offer.product.gtin},
        },
        ensure_ascii=False,
    )


PERLE_HEADER = ["ref", "nom", "texte_html", "marque", "rayon", "prix", "photo", "code_barres"]
PERLE_MAPPING = """\
# perle: commas, descriptions in HTML, prices with their currency. The whole range every night.
format = "csv"
delimiter = ","

[columns]
item_id = "ref"
title = "nom"
description = "texte_html"
brand = "marque"
vendor_category = "rayon"
price = "prix"
image = "photo"
gtin = "code_barres"

[rules]
duplicates = "last"

[delivery]
kind = "full"
expected_every = "24h"
"""


def write_perle(offers: Sequence[Offer], rng: Random, first: bool) -> bytes:
    """Comma CSV with HTML descriptions and prices that name their currency."""
    rows = [_perle_row(offer) for offer in offers]
    at = _Faults.drawn(len(rows), rng)
    again = [list(rows[at[0]])]
    rows[at[1]][1] = f"-50% Sale {rows[at[1]][1]}"
    if first:
        again.append([*rows[at[2]][:1], f"{rows[at[2]][1]} (nouveau)", *rows[at[2]][2:]])
        rows[at[3]][6] = "../autre/secret.jpg"
        rows[at[4]] = rows[at[4]][:5]
        rows[at[5]][7] = "4006381333932"  # one digit off: a GTIN whose check digit is wrong
    return _csv([PERLE_HEADER, *rows, *again], delimiter=",", line_end="\n").encode()


def _perle_row(offer: Offer) -> Row:
    rng = Random(f"html {offer.item_id}")
    sentences = re.findall(r".+?\.(?: |$)", offer.description)
    parts = [html.escape(part.strip()).replace("é", "&eacute;") for part in sentences]
    listed = "".join(f"<li>{part}</li>" for part in parts[1:])
    text = f"<p><b>{parts[0]}</b>&nbsp;</p><ul>{listed}</ul>" if parts else rng.choice(("", "<p></p>"))
    if rng.random() < 0.1:
        text += "<script>track('item')</script>"
    price = f"USD {offer.price:.2f}" if rng.random() < 0.3 else f"{offer.price:.2f} €".replace(".", ",")
    gtin = offer.product.gtin or ""
    return [offer.item_id, offer.title, text, offer.brand, offer.vendor_category, price, offer.picture, gtin]


def _csv(rows: list[Row], *, delimiter: str, line_end: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return buffer.getvalue()


FORMATS: dict[str, Format] = {
    "kessel": Format(".csv", KESSEL_MAPPING, False, write_kessel),
    "tidepool": Format(".jsonl.gz", TIDEPOOL_MAPPING, True, write_tidepool),
    "perle": Format(".csv", PERLE_MAPPING, False, write_perle),
}


def write_mappings(folder: Path) -> dict[str, Path]:
    """Writes vendors/<vendor>.toml of each vendor and returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {vendor: folder / f"{vendor}.toml" for vendor in FORMATS}
    for vendor, file in files.items():
        file.write_text(FORMATS[vendor].mapping, encoding="utf-8")
    return files
