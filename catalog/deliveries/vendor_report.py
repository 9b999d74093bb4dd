"""The issue list of a vendor's latest delivery: what was refused or doubted, line by line, and what to send instead."""

import re
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog.deliveries.arrivals import what_to_run
from catalog.deliveries.remedies import RULES, remedy
from catalog.errors import CatalogError
from catalog.sheets import render
from catalog.store import Store

LISTED = 20  # rows of one problem on the page; the CSV has them all
MOST = 50_000  # rows of the CSV
COLUMNS = ("line", "item_id", "taken", "code", "problem", "example", "what_to_send_instead", "good_example")
_LATEST = """SELECT delivery_id, vendor, file_name, status, reason, sentence, rows_in, received_at FROM deliveries
WHERE vendor = ? AND kind <> 'labels' AND status <> 'repeated' ORDER BY received_at DESC, delivery_id LIMIT 1"""
_ISSUES = """WITH seen AS (
    SELECT s.line, s.item_id, i.flags, i.title, i.price, i.image, i.image_status
    FROM sightings s
    LEFT JOIN revised r ON r.vendor = s.vendor AND r.item_id = s.item_id AND r.sighted_hash = s.row_hash
    JOIN items i ON i.vendor = s.vendor AND i.item_id = s.item_id AND i.row_hash = coalesce(r.row_hash, s.row_hash)
    WHERE s.delivery_id = $1 AND s.status NOT IN ('duplicate', 'kept')
),
flagged AS (
    SELECT
        line, item_id, unnest(flags) AS flag,
        CASE WHEN flag IN ('ambiguous_price', 'price_range', 'price_from', 'currency_conflict')
            THEN concat(title, ' (taken as ', price, ')') ELSE title END AS example
    FROM seen
)
SELECT line, item_id, rule AS code, coalesce(detail, raw) AS example FROM rejects WHERE delivery_id = $1
UNION ALL
SELECT line, item_id, flag, example FROM flagged WHERE NOT starts_with(flag, 'image_')
UNION ALL
SELECT line, item_id, 'image_' || image_status, image || coalesce(' (' || list_filter(flags, lambda f: starts_with(f, 'image_'))[1][7:] || ')', '')
FROM seen
WHERE image_status IN ('unreadable', 'refused', 'fetch_failed') OR image_status = 'missing' AND image IS NOT NULL
ORDER BY line, code LIMIT $2"""
_CUT = 200
_USER = re.compile(r"(:\\?/\\?/)[^/\s\"'<>@]*@")  # also where JSON writes a slash as \/
_QUERY = re.compile(r"(:\\?/\\?/[^\s\"'<>?#]*)[?#][^\s\"'<>;,|]*")


@dataclass(frozen=True)
class Issue:
    """One problem of one row."""

    line: int
    item_id: str | None
    code: str
    example: str

    @property
    def taken(self) -> bool:
        """Whether the row was taken all the same."""
        return self.code not in RULES


@dataclass(frozen=True)
class Issues:
    """The latest delivery of a vendor and all its problems, by line."""

    vendor: str
    file_name: str
    status: str
    sentence: str | None
    rows: int | None
    received_at: datetime
    issues: list[Issue]

    @property
    def by_code(self) -> list[tuple[str, list[Issue]]]:
        """Problems of one kind together: refused rows first, then the commonest."""
        found: dict[str, list[Issue]] = {}
        for issue in self.issues:
            found.setdefault(issue.code, []).append(issue)
        return sorted(found.items(), key=lambda one: (one[1][0].taken, -len(one[1]), one[0]))


def _shown(example: str) -> str:
    """In one line, its addresses without user, password, query and fragment: a report is sent around."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1", " ".join(example.split())))


def issues(store: Store, vendor: str) -> Issues:
    """Raises CatalogError when the vendor has delivered nothing yet."""
    latest = store.query(_LATEST, [vendor])
    if not latest.height:
        raise CatalogError(
            f"Nothing of {vendor} has been read yet.",
            remedy=f"Put a file into feeds/{vendor}/ and run `catalog nightly`; before that, `catalog vendor check` "
            "says what a file would give.",
        )
    row = latest.row(0, named=True)
    found = store.query(_ISSUES, [row["delivery_id"], MOST]).iter_rows()
    listed = [Issue(line, item_id, code, _shown(example or "")[:_CUT]) for line, item_id, code, example in found]
    ours = what_to_run(row["status"], row["reason"], row["delivery_id"])  # a command of ours is nothing for the vendor
    sentence = row["sentence"] and row["sentence"].removesuffix(ours).rstrip()
    names = ("vendor", "file_name", "status", "received_at")
    return Issues(rows=row["rows_in"], issues=listed, sentence=sentence, **{name: row[name] for name in names})


def as_csv(found: Issues) -> bytes:
    """A row per problem, inert in a spreadsheet."""
    rows = [_row(issue) for issue in found.issues]
    if found.status in ("refused", "held"):
        code = f"file_{found.status}"
        rows.insert(0, ("", "", "no", code, found.sentence or "", found.file_name, "See the problem.", ""))
    return render(COLUMNS, rows)


def _row(issue: Issue) -> tuple[object, ...]:
    words = remedy(issue.code)
    taken = "yes" if issue.taken else "no"
    return issue.line, issue.item_id, taken, issue.code, words.problem, issue.example, words.send, words.example


def as_html(found: Issues) -> str:
    """One self-contained page, every text of the vendor escaped."""
    groups = [(remedy(code), code, listed[:LISTED], len(listed)) for code, listed in found.by_code]
    refused_rows = len({issue.line for issue in found.issues if not issue.taken})
    pages = Environment(loader=PackageLoader("catalog"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return pages.get_template("vendor.html").render(found=found, groups=groups, refused_rows=refused_rows)
