"""Learns what vendors' own categories mean here, and takes a person's word for it.  `catalog vendor categories`"""

import csv
import io
from pathlib import Path

import polars as pl

from catalog import sheets
from catalog.deliveries.inbox import VENDOR
from catalog.errors import CatalogError
from catalog.jobs import Counts, Job, digest, now
from catalog.placement import vendor_categories
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.taxonomy_nodes import Problems
from catalog.taxonomies.versions import latest_taxonomy

COLUMNS = ("vendor", "vendor_category", "items", "right_items", "lower_bound", "category_id", "path", "said", "who")
OK, NONE = ("ok", "yes", "confirm"), ("none", "no")
Said = tuple[str, str, str | None, str]


def learn(job: Job) -> int:
    """Appends what the decisions of today say, unless that is what was learned last; returns the rows appended."""
    store = job.store
    found = vendor_categories.learn(store.query(vendor_categories.DECIDED), latest_taxonomy(store))
    learned_id = digest(found.rows())
    if not found.height or learned_id == store.one("SELECT arg_max(learned_id, seq) FROM vendor_category_learned"):
        return 0
    facts = {
        "learned_id": learned_id,
        "seq": 1 + (store.one("SELECT max(seq) FROM vendor_category_learned") or 0),
        "run_id": job.run_id,
        "learned_at": now(),
    }
    return store.append(
        "vendor_category_learned", found.with_columns(pl.lit(value).alias(name) for name, value in facts.items())
    )


def shown(job: Job, vendor: str | None = None) -> pl.DataFrame:
    """The view of that name, learned anew, the worst and the largest first."""
    learn(job)
    found = job.store.query("SELECT * FROM vendor_categories WHERE ? IS NULL OR vendor = ?", [vendor, vendor])
    return vendor_categories.worst_first(found)


def export(job: Job, file: Path, vendor: str | None = None) -> int:
    """Writes them for a person to confirm or correct in the column `said`; returns how many."""
    found = shown(job, vendor)
    rows = found.with_columns(said=pl.lit(""), who=pl.lit("")).select(COLUMNS).rows()
    sheets.write({file: sheets.render(COLUMNS, rows)}, point="vendor_categories.sheet")
    return len(rows)


def import_said(job: Job, file: Path, who: str | None = None) -> Counts:
    """Appends what a person said: `ok`, `none` (it means nothing of ours), or our category by id, path or leaf name.

    Empty rows say nothing; what already stands is not repeated. Raises CatalogError that names the lines, and then nothing
    is kept. It acts on predictions from the next certificate on.
    """
    store, taxonomy = job.store, latest_taxonomy(job.store)
    said = _said(file, taxonomy, who)
    standing = {(row[0], row[1]): (row[2], row[3]) for row in store.query(vendor_categories.SAID).iter_rows()}
    new = [row for row in said if standing.get(row[:2]) != row[2:]]
    schema = dict.fromkeys(("vendor", "vendor_category", "category_id", "who"), pl.String)
    first = 1 + (store.one("SELECT max(seq) FROM vendor_category_said") or 0)
    facts = {"taxonomy_version": taxonomy.version, "run_id": job.run_id, "said_at": now()}
    rows = pl.DataFrame(new, schema=schema, orient="row").with_columns(
        pl.int_range(first, first + len(new), dtype=pl.Int64).alias("seq"),
        *(pl.lit(value).alias(name) for name, value in facts.items()),
    )
    store.append("vendor_category_said", rows)
    return {"said": len(said), "new": len(new)}


def _said(file: Path, taxonomy: Taxonomy, who: str | None) -> list[Said]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Give a UTF-8 CSV file.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    absent = {"vendor", "vendor_category", "said"} - set(reader.fieldnames or ())
    if absent:
        raise CatalogError(
            f"{file} lacks the columns {', '.join(sorted(absent))}.",
            remedy="Write it with: catalog vendor categories --export FILE",
        )
    problems, found = Problems(file), list[Said]()
    for row in reader:
        cells = {name: sheets.original((row.get(name) or "").strip()).strip() for name in COLUMNS}
        if cells["said"]:
            said = _meant(cells, taxonomy, cells["who"] or who)
            if isinstance(said, str):
                problems.add(reader.line_num, said)
            else:
                found.append(said)
    problems.stop("Correct these rows; nothing was kept.")
    return found


def _meant(cells: dict[str, str], taxonomy: Taxonomy, who: str | None) -> Said | str:
    """What a row says, or what is wrong with it."""
    names = vendor_categories.lineage(cells["vendor_category"])
    if not VENDOR.match(cells["vendor"]) or not names:
        return "names no vendor and category of theirs"
    if not who:
        return "does not say who: fill the column who, or give --who"
    word = cells["said"].casefold()
    if word in NONE:
        return cells["vendor"], names[-1], None, who
    asked = (cells["category_id"] or cells["path"]) if word in OK else cells["said"]
    meant = taxonomy.resolve(asked)
    if meant is None:
        return f"{asked!r} is no category here"
    return cells["vendor"], names[-1], meant, who
