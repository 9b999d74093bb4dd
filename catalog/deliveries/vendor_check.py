"""What a delivery would give: a file read, judged and counted in tables of its own, which are thrown away."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from catalog.deliveries import arrivals
from catalog.deliveries.actions import with_actions
from catalog.deliveries.remedies import remedy
from catalog.jobs import Job
from catalog.pictures.finding import found_for
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Settings, Workspace
from catalog.store import Store

# One row per item that would be taken: what is said of items is said of these, not of the rows they came in.
_TAKEN = """CREATE OR REPLACE TEMP VIEW taken AS SELECT a.* FROM arrived a JOIN judged j USING (line)
WHERE j.verdict NOT IN ('duplicate', 'differing', 'deleted')"""
_RULES = """SELECT rule, count(*) AS rows, min(line) AS line, arg_min(coalesce(detail, raw, ''), line) AS value
FROM (
    SELECT rule, line, detail, raw FROM turned_away
    UNION ALL
    SELECT 'duplicate_id', a.line, 'id ' || a.item_id, NULL FROM arrived a JOIN judged j USING (line)
    WHERE j.verdict = 'differing'
) GROUP BY rule ORDER BY rows DESC, rule"""
_FLAGS = """SELECT flag, count(*) AS rows, min(line) AS line, arg_min(coalesce(title, item_id), line) AS value
FROM (SELECT unnest(flags) AS flag, line, title, item_id FROM taken) GROUP BY flag ORDER BY rows DESC, flag"""
_COUNTS = """SELECT
    count(*) AS accepted,
    (SELECT count(*) FROM judged WHERE verdict = 'duplicate') AS duplicates,
    (SELECT count(*) FROM judged WHERE verdict = 'deleted') AS deleted,
    count(DISTINCT vendor_category) AS categories,
    count(title) AS titles,
    count(price) AS prices,
    count(gtin) AS gtins,
    count(image) AS images_named,
    count(*) FILTER (image_status = 'ok') AS images_found,
    count(*) FILTER (image_status = 'remote') AS images_remote
FROM taken"""
# Ids a spreadsheet has touched: exponents, a ".0", error values, and numbers whose last digits became zeros.
_DAMAGED = """SELECT count(*) AS rows, min(line) AS line, arg_min(item_id, line) AS value FROM arrived
WHERE regexp_full_match(item_id, '\\d+([.,]\\d+)?[eE]\\+?\\d+|\\d+[.,]0|#(N/A|REF!|VALUE!|NAME\\?)|#{3,}|\\d{12,}0{5,}')"""
_EXAMPLES = """SELECT vendor_category, count(*) AS rows FROM taken WHERE vendor_category IS NOT NULL
GROUP BY vendor_category ORDER BY rows DESC, vendor_category LIMIT 3"""
_FIRST = "SELECT line, item_id, title, price, currency FROM taken ORDER BY line LIMIT 3"
_CURRENCIES = """SELECT string_agg(DISTINCT currency, ', ' ORDER BY currency), min(price), max(price) FROM taken
WHERE price IS NOT NULL"""
_SHOWN = 60


@dataclass(frozen=True)
class Found:
    """Rows with one rule, flag or trouble, the first of them, and what stood there."""

    code: str
    rows: int
    line: int
    value: str


@dataclass(frozen=True)
class Checked:
    """What a file would give. rules: of rows that would be quarantined; flags: of rows that would be taken."""

    rows: int
    counts: dict[str, int]
    rules: list[Found]
    flags: list[Found]
    damaged: list[Found]
    categories: list[tuple[str, int]]
    money: tuple[str | None, object, object]
    first: list[tuple]

    @property
    def quarantined(self) -> int:
        """Rows that would be refused one by one."""
        return sum(found.rows for found in self.rules)

    @property
    def accepted(self) -> bool:
        """Whether the delivery would be taken: a file without one usable row is held."""
        return self.counts["accepted"] + self.counts["deleted"] > 0


def check(path: Path, vendor: str, mapping: Mapping, settings: Settings) -> Checked:
    """Reads a file as a delivery would be read and counts; nothing is kept.

    Raises FeedRefused, with the line where there is one, when the delivery would be refused as a whole.
    """
    limits = settings.database
    with tempfile.TemporaryDirectory(prefix="feedshelf-check-") as folder:
        work = Path(folder) / "check.duckdb"
        with Store.open(work, memory_limit=limits.memory_limit, threads=limits.threads) as store:
            job = Job(Workspace(Path(folder)), settings, store, "check")
            with found_for(job, vendor, path.parent, mapping.rules.image_archive) as pictures:
                batches = read_rows(path, mapping, settings.feeds)
                arrivals.collect(store, (with_actions(batch, vendor, mapping, pictures) for batch in batches))
            arrivals.judge(store, vendor, duplicates=mapping.rules.duplicates)
            store.execute(_TAKEN)
            return _counted(store, vendor)


def _counted(store: Store, vendor: str) -> Checked:
    return Checked(
        rows=arrivals.rows_read(store, vendor),
        counts=store.query(_COUNTS).row(0, named=True),
        rules=[Found(*row) for row in store.query(_RULES).iter_rows()],
        flags=[Found(*row) for row in store.query(_FLAGS).iter_rows()],
        damaged=[Found("damaged_id", *row) for row in store.query(_DAMAGED).iter_rows() if row[0]],
        categories=store.query(_EXAMPLES).rows(),
        money=store.query(_CURRENCIES).row(0),
        first=store.query(_FIRST).rows(),
    )


def text(found: Checked, vendor: str) -> str:
    """The findings as lines a person reads, the next step last."""
    counts = found.counts
    lines = [
        f"rows          {found.rows:,}",
        f"accepted      {counts['accepted']:,}",
        f"duplicates    {counts['duplicates']:,} that say the same as another row",
        *([f"deleted       {counts['deleted']:,} that say so in the action column"] if counts["deleted"] else []),
        f"quarantined   {found.quarantined:,}",
        *(_line(one) for one in found.rules),
        f"titles        {counts['titles']:,}",
        f"categories    {counts['categories']:,} of the vendor's own" + _most(found.categories),
        f"images        {counts['images_named']:,} named, {counts['images_found']:,} found here, "
        f"{counts['images_remote']:,} addresses",
        f"prices        {counts['prices']:,} read" + _span(found.money),
        f"GTINs         {counts['gtins']:,} valid",
    ]
    if found.flags:
        lines += ["flagged, but taken", *(_line(one) for one in found.flags)]
    if found.damaged:
        lines += ["ids that look damaged by a spreadsheet", *(_line(one) for one in found.damaged)]
    if found.first:
        lines += ["the first items", *(_item(row) for row in found.first)]
    return "\n".join([*lines, "", *_next(found, vendor)])


def _line(one: Found) -> str:
    value = " ".join(one.value.split())[:_SHOWN]
    return f"  {one.rows:>9,}  {one.code:<22} first in line {one.line}: {value}"


def _most(categories: list[tuple[str, int]]) -> str:
    return ": " + "; ".join(f"{name[:_SHOWN]} ({rows:,})" for name, rows in categories) if categories else ""


def _span(money: tuple[str | None, object, object]) -> str:
    currencies, low, high = money
    return "" if low is None else f", from {low:.2f} to {high:.2f} {currencies or '(no currency)'}"


def _item(row: tuple) -> str:
    line, item_id, title, price, currency = row
    cost = "" if price is None else f", {price:.2f} {currency or ''}".rstrip()
    return f"  line {line}: {item_id[:_SHOWN]} = {(title or 'no title')[:80]}{cost}"


def _next(found: Checked, vendor: str) -> list[str]:
    if not found.accepted:
        return [
            "The file would be HELD: it has no row that can be taken.",
            f"Correct [columns] in vendors/{vendor}.toml, or ask the vendor for a complete file.",
        ]
    said = [f"The file would be accepted. Put it into feeds/{vendor}/ and run `catalog nightly`."]
    worst = found.rules[0] if found.rules else None
    if worst and worst.rows > 0.05 * found.rows:
        words = remedy(worst.code)
        said.append(f"Look at {worst.code} first: {words.problem} To the vendor: {words.send}")
        if worst.code == "duplicate_id":
            said.append(
                f'Or write `duplicates = "last"` under [rules] of vendors/{vendor}.toml to believe the last row.'
            )
    if found.damaged:
        said.append("Ask the vendor to format the column of ids as text: damaged ids cannot be repaired here.")
    if found.counts["titles"] == 0:
        said.append("No item has a title: look at the line `title` of the mapping.")
    return said
