"""What became of a run's rows: one line per vendor, a total, and whether the counts balance."""

from io import StringIO

import polars as pl
from rich.console import Console
from rich.table import Table

from catalog.publishing.publication import OUTCOMES, SETTLED
from catalog.publishing.questions import Ask

APART = ("withdrawn", "refused", "held", "repeated", "undone", "gone", "kept")
TOTAL = "total"
_NUMBERS = ("rows_in", *OUTCOMES, *APART, "files_refused", "files_held")
_COUNTED = f"SELECT vendor, {', '.join(_NUMBERS)} FROM run_summary WHERE run_id = $run_id ORDER BY vendor"
_WIDTH = 160


def counts(ask: Ask, run_id: str) -> pl.DataFrame:
    """One row per vendor of the run and a last row `total`.

    Columns vendor, rows_in, one per outcome, withdrawn, refused, held, repeated, undone (rows), gone, kept (items),
    files_refused, files_held (files), balanced (rows_in equals the sum of the outcomes and withdrawn). Empty when the run took no delivery.
    """
    found = ask(_COUNTED.replace("$run_id", "'" + run_id.replace("'", "''") + "'")).cast(
        dict.fromkeys(_NUMBERS, pl.Int64)
    )
    if found.height > 1:
        found = pl.concat([found, found.select(pl.lit(TOTAL).alias("vendor"), pl.sum(*_NUMBERS))])
    return found.with_columns((pl.col("rows_in") == pl.sum_horizontal(*SETTLED)).alias("balanced"))


def table(frame: pl.DataFrame) -> Table:
    """The counts as a table for the terminal; columns without any row are left out of those kept apart."""
    shown = [name for name in ("rows_in", *OUTCOMES, *APART) if name not in APART or frame[name].sum()]
    result = Table(box=None, pad_edge=False, header_style="bold")
    result.add_column("vendor")
    for name in shown:
        result.add_column(name.replace("_", " "), justify="right")
    for row in frame.iter_rows(named=True):
        cells = [f"{row[name]:,}" for name in shown]
        result.add_row(_plain(row["vendor"]), *cells, style="bold" if row["vendor"] == TOTAL else None)
    return result


def _plain(text: str) -> str:
    """Vendor names are data: brackets in them are no markup."""
    return text.replace("[", "\\[")


def run_table(ask: Ask, run_id: str) -> str:
    """The run's counts as plain lines, and whether they balance. ask: the published file once it has the run, where the
    counts are a table; in the work database they are made of every row ever delivered."""
    frame = counts(ask, run_id)
    if not frame.height:
        return "No deliveries in this run."
    lines = StringIO()
    Console(file=lines, width=_WIDTH, color_system=None).print(table(frame))
    drawn = "\n".join(line.rstrip() for line in lines.getvalue().splitlines())
    wrong = frame.filter(~pl.col("balanced") & (pl.col("vendor") != TOTAL))["vendor"].to_list()
    parts = SETTLED if frame["withdrawn"].sum() else OUTCOMES
    verdict = f"The counts of {', '.join(wrong)} do NOT balance." if wrong else f"rows in = {' + '.join(parts)}"
    return "\n".join([drawn, verdict, *_kept_out(frame)])


def _kept_out(frame: pl.DataFrame) -> list[str]:
    """A line on refused and held files: their rows cannot always be counted, the files can."""
    vendors = frame.filter(pl.col("vendor") != TOTAL)
    refused, held = (int(vendors[name].sum()) for name in ("files_refused", "files_held"))
    return [f"Files refused: {refused}, held: {held}."] if refused or held else []
