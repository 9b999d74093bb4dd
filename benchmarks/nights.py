"""What a night costs where everything is classified already: a million items delivered, routed and published.

    python -m benchmarks.nights [--rows 1000000] [--workspace DIR] [--append benchmarks/RESULTS.md]

A bundle is trained on the drawn sample with frozen towers; drawn products (benchmarks/ingest.py) are ingested as another
vendor's delivery. Each of their inputs is given the answer that the model gave to some product of the sample, in its tables,
as if it had been classified: no network runs in what is timed. Then two nights: the first routes all of them, delivered
again with a tenth of the prices changed; the second is that delivery with 2% of the prices changed. Seconds are those of
`catalog nightly`, the whole process, and of its stages as the run's ledger has them; peak memory is the process's.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.end_to_end import CATALOG, configure, here, prepare, run, told
from benchmarks.ingest import PEAK, measured, products, workspace, write_csv
from catalog.sample import write_sample
from catalog.store import Store

ASKED = 60.0  # seconds a million
LABELS = 1500
# One prediction of the trained model for every input it has not seen, chosen by the input's hash.
_GIVEN = """
    INSERT INTO predictions BY NAME
    WITH known AS (SELECT *, row_number() OVER (ORDER BY input_hash) - 1 AS place FROM predictions),
         wanted AS (SELECT DISTINCT input_hash FROM live_items ANTI JOIN predictions USING (input_hash))
    SELECT k.* EXCLUDE (place, input_hash), w.input_hash
    FROM wanted w JOIN known k ON k.place = hash(w.input_hash) % (SELECT count(*) FROM known)
"""
_STAGES = """
    SELECT stage, round(epoch(finished_at) - epoch(started_at), 1)
    FROM stages WHERE run_id = (SELECT max(run_id) FROM runs WHERE job = 'nightly') ORDER BY started_at
"""


def learned(place: Path) -> None:
    """A workspace with a model of the drawn sample, and a vendor `drawn` with a mapping."""
    import polars as pl  # noqa: PLC0415

    folder = write_sample(place.with_name(f"{place.name}-sample"), products=LABELS + 100).labels
    found = pl.read_csv(folder / "items.csv", infer_schema_length=0).drop("image", strict=False)
    prepare(folder, place, found.head(LABELS), found.slice(LABELS, 10))
    shutil.rmtree(place / "feeds" / "bench")
    configure(place, 0.95, 0)
    run("train", "-w", str(place))
    with tempfile.TemporaryDirectory() as folder_of_form:
        vendor = Path(folder_of_form) / "vendor"
        workspace(vendor)
        shutil.copy(vendor / "vendors" / "drawn.toml", place / "vendors" / "drawn.toml")
    (place / "feeds" / "drawn").mkdir(parents=True)
    with (place / "catalog.toml").open("a") as file:
        file.write('\n[feeds]\nsettle_seconds = 0\n[database]\nmemory_limit = "1GB"\n')


def delivered(place: Path, rows: int, changed: float) -> None:
    """The drawn products as the vendor's next delivery."""
    target = place / "feeds" / "drawn" / f"{changed:g}.csv"
    write_csv(target, products(rows, html=0.2, changed=changed))


def nights(place: Path, rows: int) -> Iterator[str]:
    """Lines of a table in Markdown."""
    yield "| what | rows | seconds | seconds a million | peak MiB | asked | met |"
    yield "|---|---|---|---|---|---|---|"
    for what, changed in (("first routed, a tenth of prices new", 0.1), ("again, 2% of prices new", 0.02)):
        delivered(place, rows, changed)
        seconds, peak = measured([CATALOG, "nightly", "--workspace", str(place)])
        each = seconds / rows * 1e6
        met = "yes" if each <= ASKED and peak <= PEAK else "**no**"
        yield f"| {what} | {rows:,} | {seconds:.1f} | {each:.1f} | {peak:.0f} | {ASKED:g} s, {PEAK:,} MiB | {met} |"
        # of the run's ledger: what is published was written before the last stages ended
        with duckdb.connect(str(place / "state" / "work.duckdb"), read_only=True) as work:
            for name, stage in work.execute(_STAGES).fetchall():
                yield f"| - {name} | | {stage} | | | | |"


def main() -> None:
    """Measures, prints, and appends the table to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workspace", type=Path, help="made there, or used as it stands; a temporary one without it")
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.workspace or Path(scratch) / "workspace"
        if not place.exists():
            learned(place)
            delivered(place, options.rows, 0.0)
            run("ingest", "-w", str(place))
            with Store.open(place / "state" / "work.duckdb", memory_limit="2GB") as store:
                store.execute(_GIVEN)
        heading = [f"### Nights, {here()}, load {os.getloadavg()[0]:.1f} before", ""]
        told(heading, nights(place, options.rows), options.append)


if __name__ == "__main__":
    main()
