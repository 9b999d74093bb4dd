"""Pictures kept by content, and what is known of each URL: asked when, with what answer, due again when."""

import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from catalog import durable
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import now
from catalog.pictures.wanted import Fetched, Wanted
from catalog.settings import Images
from catalog.store import Store

# A picture once seen outlives this many failures in a row: a server that is down for a night changes no item.
PATIENCE = 3
FIRST_RETRY_HOURS = 20  # so that the next night is late enough, also when it starts a little earlier
LONGEST_RETRY_HOURS = 30 * 24

# One row per URL of a live item whose turn it is: never asked, or failed and its pause over, or old enough to ask anew.
_WAITING = """
WITH named AS (
    SELECT i.image_url AS url, bool_or(l.delivered) AS delivered
    FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
    WHERE i.image_url IS NOT NULL GROUP BY i.image_url
)
SELECT url, delivered, p.etag, p.last_modified, p.sha256, p.url_key IS NOT NULL AS asked, p.failures
FROM named LEFT JOIN pictures_current p ON p.url_key = sha256(url)
WHERE p.url_key IS NULL OR $now >= p.fetched_at + to_hours(CASE
    WHEN p.failures = 0 THEN $revalidate
    ELSE least($retry * CAST(2 ** least(p.failures - 1, 10) AS BIGINT), $longest)
END)"""
# Items that only label files know come last. The order within a rank mixes the hosts.
_DUE = f"""CREATE OR REPLACE TEMP TABLE due_pictures AS
SELECT
    row_number() OVER (
        ORDER BY NOT delivered, CASE WHEN NOT asked THEN 0 WHEN failures > 0 THEN 1 ELSE 2 END, sha256(url)
    ) AS place,
    url, etag, last_modified, sha256
FROM ({_WAITING})"""
_NEXT = """SELECT place, url, etag, last_modified, sha256 FROM due_pictures WHERE place > ? ORDER BY place LIMIT ?"""
# Contents that must stay: of live items, of what anybody decided about, and behind the URLs of live items, which a later
# row may name again. A content that stands for no picture is one of the last.
_NEEDED = """CREATE OR REPLACE TEMP TABLE needed_pictures AS
WITH live AS (
    SELECT i.image_hash, i.image_url, i.images FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
),
urls AS (
    SELECT image_url AS url FROM live WHERE image_url IS NOT NULL
    UNION SELECT CASE WHEN starts_with(url, '//') THEN 'https:' || url ELSE url END
    FROM (SELECT unnest(images) AS url FROM live WHERE len(images) > 1)
)
SELECT image_hash AS sha256 FROM live WHERE image_hash IS NOT NULL
UNION
SELECT image_hash FROM items SEMI JOIN decisions USING (vendor, item_id) WHERE image_hash IS NOT NULL
UNION
SELECT p.sha256 FROM pictures_current p WHERE p.sha256 IS NOT NULL AND p.url_key IN (SELECT sha256(url) FROM urls)"""
_UNNEEDED = "SELECT sha256 FROM kept_files ANTI JOIN needed_pictures USING (sha256)"
_DAY = 86_400.0  # seconds
_MARKED_EVERY = 7 * _DAY

# Facts are narrowed to the URLs asked about before they are summed up: there may be millions of others.
_KNOWN = """
    WITH asked AS (SELECT url, sha256(url) AS url_key FROM given)
    SELECT a.url, CASE WHEN p.failures < $patience THEN p.sha256 END AS sha256, CASE WHEN sha256 IS NULL THEN p.reason END AS reason
    FROM asked a JOIN pictures_current p USING (url_key)
    WHERE p.url_key IN (SELECT url_key FROM asked)"""


class PictureFiles:
    """The bytes, each under its sha256: pictures/ab/abcd..."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unfinished = folder / ".unfinished"

    def clear_unfinished(self) -> None:
        """Removes what a killed run had begun to write; only the run that holds the workspace may do that."""
        for left in self._unfinished.glob("*"):
            left.unlink(missing_ok=True)

    def kept(self) -> Iterator[dict[str, Path]]:
        """All pictures, by content, in pieces."""
        for part in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            yield {path.name: path for path in part.iterdir()}

    def path(self, sha256: str) -> Path:
        """Where a content stands, or would."""
        return self.folder / sha256[:2] / sha256

    def keep(self, content: bytes) -> str:
        """Stores bytes, whole or not at all, and returns their sha256. Raises CatalogError when the disk is full."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if not target.exists():
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._unfinished.mkdir(exist_ok=True)
                _write(target, content, self._unfinished / uuid.uuid4().hex)
            except OSError as error:
                raise CatalogError(
                    f"{self.folder} could not be written: {error.strerror or type(error).__name__}.",
                    remedy="Look whether its disk is full or the folder belongs to another user (catalog doctor), "
                    "then run again; pictures fetched so far are kept.",
                ) from error
        return sha256


def _write(target: Path, content: bytes, unfinished: Path) -> None:
    try:
        unfinished.write_bytes(content)
        durable.sync(unfinished)
        reached("pictures.rename")
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def find_due(store: Store, limits: Images) -> int:
    """Lists the URLs whose turn it is for `next_due`; returns how many there are."""
    store.execute(_DUE, _times(limits))
    return store.one("SELECT count(*) FROM due_pictures")


def waiting(store: Store, limits: Images) -> int:
    """How many URLs' turn it is, without their list."""
    return store.one(f"SELECT count(*) FROM ({_WAITING})", _times(limits))


def _times(limits: Images) -> dict[str, Any]:
    hours = {"revalidate": limits.revalidate_hours, "retry": FIRST_RETRY_HOURS, "longest": LONGEST_RETRY_HOURS}
    return {"now": now(), **hours}


def next_due(store: Store, files: PictureFiles, size: int) -> Iterator[list[Wanted]]:
    """The URLs listed by `find_due`, in pieces. Without the bytes at hand nothing is asked conditionally."""
    last = 0
    while (part := store.query(_NEXT, [last, size])).height:
        last = part["place"][-1]
        yield [
            Wanted(url, etag, changed, sha256) if sha256 and files.path(sha256).exists() else Wanted(url)
            for _, url, etag, changed, sha256 in part.iter_rows()
        ]


def record(store: Store, run_id: str, found: Iterable[Fetched]) -> None:
    """Appends one fact for each picture asked for, in a transaction; what was skipped leaves none."""
    asked = [one for one in found if one.status != "skipped"]
    if not asked:
        return
    with store.transaction():
        first = 1 + (store.one("SELECT max(seq) FROM pictures") or 0)
        facts = {
            "url_key": [hashlib.sha256(one.url.encode()).hexdigest() for one in asked],
            "seq": range(first, first + len(asked)),
            "run_id": [run_id] * len(asked),
            "fetched_at": [now()] * len(asked),
        }
        names = ("sha256", "etag", "last_modified", "status", "reason", "bytes")
        facts |= {name: [getattr(one, name) for one in asked] for name in names}
        schema = {"seq": pl.Int64, "bytes": pl.Int64} | dict.fromkeys(names[:-1], pl.String)
        store.append("pictures", pl.DataFrame(facts, schema_overrides=schema))


def asked_in(store: Store, run_id: str) -> int:
    """How many pictures a run has asked for."""
    return store.one("SELECT count(*) FROM pictures WHERE run_id = ?", [run_id])


def known(store: Store, urls: pl.Series) -> pl.DataFrame:
    """url, sha256 where its content is known, else the reason why it fails; the others are absent."""
    found = store.query(_KNOWN, {"patience": PATIENCE}, given=urls.alias("url").to_frame())
    return found.select(pl.all().cast(pl.String))


def remove_unused(store: Store, files: PictureFiles, days: int) -> int:
    """Removes pictures that nothing has needed for `days` days or longer; returns how many.

    How long is told by the file's time: one that is needed is given a new time when its own is a week old. A run killed
    on the way leaves some for the next. Call it when items have the pictures they will have tonight.
    """
    if next(files.folder.glob("[0-9a-f][0-9a-f]/*"), None) is None:
        return 0
    store.execute(_NEEDED)
    removed, today = 0, time.time()
    for kept in files.kept():
        names = pl.DataFrame({"sha256": list(kept)}, schema={"sha256": pl.String})
        with store.frame("kept_files", names):
            unneeded = set(store.query(_UNNEEDED)["sha256"])
        for sha256, path in kept.items():
            with suppress(OSError):  # what cannot be removed tonight must not stop the night
                removed += _tidied(path, today, needed=sha256 not in unneeded, days=days)
    return removed


def _tidied(path: Path, today: float, *, needed: bool, days: int) -> bool:
    """True when the picture was removed."""
    age = today - path.stat().st_mtime
    if needed and age > _MARKED_EVERY:
        os.utime(path)
    if needed or age <= days * _DAY + _MARKED_EVERY:
        return False
    reached("pictures.remove")
    path.unlink()
    return True


def placeholders(store: Store, vendor: str) -> frozenset[str]:
    """Contents that stand for no picture in this vendor's feeds."""
    found = store.query("SELECT sha256 FROM placeholders WHERE vendor = ?", [vendor])
    return frozenset(found["sha256"])
