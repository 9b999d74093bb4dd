"""How fast deliveries are taken, beside DuckDB's own reading of the same file in the same run.

    python -m benchmarks.ingest [--rows 1000000] [--only NAME ...] [--append benchmarks/RESULTS.md]

Products are drawn with a fixed seed: some 400 characters a row, a GTIN, a price, the URL of a picture, two attributes, a
category. Every measurement runs in a process of its own, the first of them once before to fill the page cache; peak memory
is that of the process. `--rows 5000000` makes the table of the 2 GB file.

- duckdb: `CREATE TABLE AS read_csv` with the same dialect, all columns as text, into a new database file.
- staged: the same file up to the judgement of every row: raw text, contract, hashes, duplicates (`arrivals.judge`).
- first / again: `catalog ingest` of a file with HTML in 20% of its descriptions, as a vendor's first delivery, where every
  item is new and its language is looked for, and as the next one with 10% of the prices changed and 2% new items.
- drawn.*, odd.csv: such a file only read into its columns (`feeds.read_rows`), and taken as far as staged, with HTML in 20%
  of its descriptions. odd.csv has a quote inside a cell of every row and has to be read row by row; offers.xml is read by
  the preset `yml`, with a category tree, two pictures and three parameters an offer.
"""

import argparse
import csv
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import duckdb

from benchmarks.end_to_end import CATALOG, commit
from catalog.allocators import keep_pages
from catalog.deliveries import arrivals
from catalog.deliveries.actions import with_actions
from catalog.deliveries.ahead import ahead
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds
from catalog.store import Store
from catalog.values.gtin import with_check_digit

HEADER = ("sku", "name", "text", "brand", "price", "currency", "ean", "category", "stock", "picture", "colour", "size")
COLUMNS = {
    "item_id": "sku",
    "title": "name",
    "description": "text",
    "brand": "brand",
    "price": "price",
    "currency": "currency",
    "gtin": "ean",
    "vendor_category": "category",
    "availability": "stock",
    "images": ["picture"],
    "attributes": ["colour", "size"],
}
WORDS = [
    "steel",
    "cotton",
    "running",
    "shoe",
    "jacket",
    "blue",
    "red",
    "green",
    "waterproof",
    "leather",
    "classic",
    "ultra",
    "light",
    "bottle",
    "kitchen",
    "garden",
    "tool",
    "drill",
    "cordless",
    "battery",
    "lamp",
    "table",
    "chair",
    "wooden",
    "oak",
    "soft",
    "pillow",
    "organic",
    "coffee",
    "beans",
    "roasted",
    "espresso",
    "machine",
    "cable",
    "charger",
    "phone",
    "case",
    "screen",
    "glass",
    "travel",
    "bag",
    "for",
    "with",
    "and",
    "the",
    "of",
    "every",
    "day",
    "large",
    "small",
    "comfort",
    "handle",
    "cover",
    "set",
]
BRANDS = ("Alder", "Nordwind", "Kestrel", "Bluebird", "Omega", "Halden")
THIRD, WITH_RULES, ITEMS, SHEET, PEAK = 1 / 3, 40_000, 30_000, 10_000, 2048


def products(rows: int, *, html: float, changed: float = 0.0, fresh: float = 0.0) -> Iterator[tuple[str, ...]]:
    """Rows in the order of HEADER; the same number gives the same product but for what changed or is fresh."""
    draw, other = random.Random(7), random.Random(8)
    texts = [" ".join(draw.choices(WORDS, k=48)) for _ in range(5_000)]
    for number in range(rows):
        text = texts[number % len(texts)].capitalize() + f" {number}."
        if draw.random() < html:
            text = f"<p>{text[:90]}</p><ul><li>{text[90:180]}</li></ul><br/>Care &amp; use: {text[180:]}"
        elif draw.random() < 0.3:
            text = f'{text[:120]}, "{text[120:]}"'
        price = draw.randrange(100, 99_999) + (other.random() < changed)
        name = f"N{number}" if other.random() < fresh else f"A{number}"
        gtin = with_check_digit(f"4{number * 37 % 10**11:011d}")
        title = f"{BRANDS[number % 6]} {' '.join(draw.choices(WORDS, k=5))} {number % 977}"
        category = f"Home > {WORDS[number % 40].title()} > {WORDS[number % 23].title()}"
        yield (
            *(name, title, text, BRANDS[number % 6], f"{price / 100:.2f}", "EUR", gtin, category, "in stock"),
            f"https://pictures.example/{number // 1000}/{number}.jpg",
            *(WORDS[number % 31], str(number % 60)),
        )


def write_csv(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)


def write_jsonl(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as JSON Lines."""
    with path.open("w") as file:
        file.writelines(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in rows)


def write_json(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as one JSON array."""
    with path.open("w") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(",\n" * bool(number) + json.dumps(dict(zip(HEADER, row, strict=True))))
        file.write("]")


def write_xml(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as elements `item`."""
    with path.open("w") as file:
        file.write("<catalog>\n")
        for row in rows:
            cells = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in zip(HEADER, row, strict=True))
            file.write(f"<item>{cells}</item>\n")
        file.write("</catalog>\n")


def write_yml(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as offers of Yandex' language: a category tree, two pictures and three parameters each."""
    tree = "".join(
        f'<category id="{number}"'
        + (f' parentId="{number // 10}"' if number > 9 else "")
        + f">{WORDS[number % 40]}</category>"
        for number in range(1, 400)
    )
    with path.open("w") as file:
        file.write(f"<yml_catalog><shop><categories>{tree}</categories><offers>\n")
        for number, row in enumerate(rows):
            cells = dict(zip(HEADER, map(escape, row), strict=True))
            file.write(
                f'<offer id="{cells["sku"]}" available="true"><url>https://shop.example/{number}</url>'
                f"<price>{cells['price']}</price><currencyId>EUR</currencyId><categoryId>{number % 399 + 1}</categoryId>"
                f"<picture>{cells['picture']}</picture><picture>{cells['picture']}?back</picture><name>{cells['name']}</name>"
                f"<vendor>{cells['brand']}</vendor><barcode>{cells['ean']}</barcode>"
                f'<description>{cells["text"]}</description><param name="Colour">{cells["colour"]}</param>'
                f'<param name="Size">{cells["size"]}</param><param name="Weight" unit="kg">{number % 17}</param></offer>\n'
            )
        file.write("</offers></shop></yml_catalog>\n")


def write_xlsx(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as a sheet, all cells text."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - only here

    book = Workbook(str(path), {"constant_memory": True, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for number, row in enumerate([HEADER, *rows]):
        sheet.write_row(number, 0, row)
    book.close()


def write_odd_csv(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as CSV, with a sign for inches in every title that no writer should leave unquoted."""
    with path.open("w") as file:
        file.write("|".join(HEADER) + "\n")
        file.writelines("|".join((row[0], f'{row[1]} 5"', *row[2:])) + "\n" for row in rows)


Writer = Callable[[Path, Iterator[tuple[str, ...]]], None]
WRITERS: dict[str, Writer] = {
    "drawn.jsonl": write_jsonl,
    "drawn.json": write_json,
    "drawn.xml": write_xml,
    "offers.xml": write_yml,
    "drawn.xlsx": write_xlsx,
    "odd.csv": write_odd_csv,
}


def form(path: Path) -> Mapping:
    """The mapping of a drawn file."""
    if path.name == "offers.xml":
        return Mapping.model_validate({"format": "xml", "preset": "yml"})
    more = {"drawn.xml": {"record": "item"}, "odd.csv": {"delimiter": "|"}}.get(path.name, {})
    return Mapping.model_validate({"format": path.suffix[1:], "columns": COLUMNS, **more})


def duckdb_reads(path: Path) -> None:
    """What the speed of reading is held against."""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in HEADER)
    dialect = "header = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false"
    with duckdb.connect(str(path.with_suffix(".duckdb")), config={"memory_limit": "1GB"}) as connection:
        connection.execute(f"CREATE TABLE rows AS FROM read_csv('{path}', {dialect}, columns = {{{columns}}})")


def staged(path: Path) -> None:
    """Raw text, contract, hashes and duplicates, all that comes before the verdicts are written."""
    settings, mapping = Feeds(), form(path)
    with Store.open(path.parent / "staged" / "work.duckdb", memory_limit="1GB") as store:
        pictures = Pictures(path.parent)
        batches = read_rows(path, mapping, settings)
        arrivals.collect(store, ahead(lambda batch: with_actions(batch, "drawn", mapping, pictures), batches))
        arrivals.judge(store, "drawn", duplicates="quarantine")


def read(path: Path) -> None:
    """The rows in their columns, as text."""
    for _ in read_rows(path, form(path), Feeds()):
        pass


STEPS: dict[str, Callable[[Path], None]] = {"duckdb": duckdb_reads, "staged": staged, "read": read}


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def step(name: str, path: Path) -> tuple[float, float]:
    """A step of this file in a process of its own; the seconds are those of the work, without imports."""
    out = path.with_suffix(".seconds")
    _, peak = measured([sys.executable, "-m", "benchmarks.ingest", "--step", name, str(path), str(out)])
    return float(out.read_text()), peak


def delivered(place: Path, path: Path) -> tuple[float, float]:
    """`catalog ingest` of a file in a workspace."""
    shutil.copy(path, place / "feeds" / "drawn" / path.name)
    return measured([CATALOG, "ingest", "--workspace", str(place)])


def workspace(place: Path) -> None:
    """A workspace whose vendor `drawn` has a mapping."""
    measured([CATALOG, "init", str(place)])
    (place / "feeds" / "drawn").mkdir(parents=True)
    columns = "\n".join(f"{ours} = {json.dumps(theirs)}" for ours, theirs in COLUMNS.items())
    (place / "vendors" / "drawn.toml").write_text(f'format = "csv"\n[columns]\n{columns}\n')
    (place / "catalog.toml").write_text('[feeds]\nsettle_seconds = 0\n[database]\nmemory_limit = "1GB"\n')


def tables(folder: Path, rows: int, only: list[str]) -> Iterator[str]:
    """Lines of a table in Markdown."""
    yield "| what | rows | seconds | rows/s | of DuckDB | peak MiB | asked | met |"
    yield "|---|---|---|---|---|---|---|---|"
    if not only or "csv" in only:
        path = folder / "plain.csv"
        write_csv(path, products(rows, html=0))
        step("duckdb", path)
        path.with_suffix(".duckdb").unlink()
        base, peak = step("duckdb", path)
        yield f"| duckdb | {rows:,} | {base:.1f} | {rows / base:,.0f} | 1 | {peak:.0f} | | |"
        seconds, peak = step("staged", path)
        met = base / seconds >= THIRD and peak <= PEAK
        yield Row("staged", rows, seconds, peak, base / seconds).line(met=met, asked="a third, 2,048 MiB")
        path.unlink()
    if not only or "ingest" in only:
        yield from deliveries(folder, rows)
    for name, write in WRITERS.items():
        if not only or name in only:
            yield from format_of(folder / name, write, min(rows, 200_000))


def format_of(path: Path, write: Writer, rows: int) -> Iterator[str]:
    """A file of one format, only read and taken as far as `staged`."""
    write(path, products(rows, html=0.2))
    asked = SHEET if path.suffix == ".xlsx" else ITEMS
    for name in ("read", "staged"):
        seconds, peak = step(name, path)
        row = Row(f"{path.name}, {name}", rows, seconds, peak)
        yield row.line(met=rows / seconds >= asked, asked=f"{asked:,} rows/s")
    path.unlink()


def deliveries(folder: Path, rows: int) -> Iterator[str]:
    """Two deliveries of one vendor through the command."""
    place = folder / "workspace"
    workspace(place)
    for name, changed, fresh in (("first", 0.0, 0.0), ("again", 0.1, 0.02)):
        path = folder / f"{name}.csv"
        write_csv(path, products(rows, html=0.2, changed=changed, fresh=fresh))
        seconds, peak = delivered(place, path)
        fast, asked = rows / seconds >= WITH_RULES, "40,000 rows/s, 2,048 MiB"
        if name == "first":  # the language of every item: asked for is the speed where few are new
            fast, asked = True, "2,048 MiB"
        yield Row(f"ingest, {name}", rows, seconds, peak).line(met=fast and peak <= PEAK, asked=asked)
        path.unlink()


class Row(NamedTuple):
    """A row of the table. ratio: of DuckDB's speed."""

    what: str
    rows: int
    seconds: float
    peak: float
    ratio: float | None = None

    def line(self, *, met: bool, asked: str) -> str:
        """In Markdown."""
        ratio = f"{self.ratio:.2f}" if self.ratio else ""
        figures = f"{self.rows:,} | {self.seconds:.1f} | {self.rows / self.seconds:,.0f} | {ratio} | {self.peak:.0f}"
        return f"| {self.what} | {figures} | {asked} | {'yes' if met else '**no**'} |"


def main() -> None:
    """Measures, prints, and appends the table to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", default=[], help=f"csv, ingest, {', '.join(WRITERS)}")
    parser.add_argument("--folder", type=Path, help="where files are written; a temporary folder without it")
    parser.add_argument("--append", type=Path)
    parser.add_argument("--step", nargs=3, metavar=("NAME", "FILE", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    keep_pages()  # as the command does; processes of the steps inherit it
    if options.step:
        name, path, out = options.step
        started = time.perf_counter()
        STEPS[name](Path(path))
        Path(out).write_text(str(time.perf_counter() - started))
        return
    where = f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {os.cpu_count()} cores {platform.machine()}"
    lines = [f"### Taking deliveries, {where}", ""]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for found in tables(Path(folder), options.rows, options.only):
            print(found, flush=True)
            lines.append(found)
    if options.append:
        with options.append.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
