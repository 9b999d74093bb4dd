"""What picture files held when they were last read, so that a file that has not changed is not read every night."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from catalog import durable

SCHEMA = {
    "path": pl.String,
    "size": pl.Int64,
    "changed": pl.Int64,  # ns
    "inode": pl.UInt64,
    "sha256": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "used": pl.Date,
}
SAME = ["path", "size", "changed", "inode"]
REREAD = 0.01  # of the files that seem unchanged: a copy that keeps its times would never be noticed
# A file may be written again within the clock tick of its time stamp, and would then look as it did.
SETTLED = 2_000_000_000  # ns
FRESH = timedelta(days=7)  # how often "used" is written anew: a rewrite every night would cost more than it tells
FORGOTTEN = timedelta(days=90)  # since a file was last named


@dataclass(frozen=True)
class Facts:
    """A file as it lies there: absolute path, bytes, time of change in ns, inode."""

    path: str
    size: int
    changed: int
    inode: int


class SeenFiles:
    """Files of one vendor, by path, size, time of change and inode: sha256, status and reason of each.

    A share of them, drawn anew with every salt, counts as not seen, and is read. If one of those turns out to be
    another than was kept, nothing that is kept counts any more: whoever copies files with their times and sizes has
    changed others too. `opened` counts the files that were read, `deceived` those that had changed unnoticed.
    """

    def __init__(self, file: Path, *, salt: str = "", today: date | None = None) -> None:
        self._file, self._today = file, today or datetime.now(UTC).date()
        self._kept = _read(file)
        drawn = self._kept["path"].hash(*_seeds(salt)) % 10_000 < 10_000 * REREAD
        self._drawn, self._kept = self._kept.filter(drawn), self._kept.filter(~drawn)
        self._new: list[tuple[object, ...]] = []
        self._checked = 0  # of the new ones
        self._used: list[pl.DataFrame] = []
        self.opened = self.deceived = 0

    def find(self, files: list[Facts]) -> dict[str, tuple[str | None, str, str | None]]:
        """Path to sha256, status and reason, for those of the files that are as they were."""
        asked = pl.DataFrame([(f.path, f.size, f.changed, f.inode) for f in files], schema=_asked(), orient="row")
        found = self._kept.join(asked, on=SAME, how="semi")
        self._used.append(found.filter(pl.col("used") < self._today - FRESH).select("path"))
        return {path: tuple(said) for path, *said in found.select("path", "sha256", "status", "reason").iter_rows()}

    def read(self, file: Facts, sha256: str | None, status: str, reason: str | None) -> None:
        """Remembers what a file held that had to be read."""
        self.opened += 1
        if time.time_ns() - file.changed > SETTLED:
            self._new.append((file.path, file.size, file.changed, file.inode, sha256, status, reason, self._today))

    def check(self) -> None:
        """Compares what was read since with what was kept of the same files; forgets everything if one differs."""
        new = pl.DataFrame(self._new[self._checked :], schema=SCHEMA, orient="row")
        self._checked = len(self._new)
        other = new.join(self._drawn, on=SAME).filter(pl.col("sha256").ne_missing(pl.col("sha256_right")))
        if other.height:
            self.deceived += other.height
            self._kept, self._drawn = self._kept.clear(), self._drawn.clear()

    def save(self) -> None:
        """Writes what is known now; nothing when nothing is new."""
        self.check()
        used = pl.concat([pl.DataFrame(schema={"path": pl.String}), *self._used])
        if not self._new and not used.height and not self.deceived:
            return
        new = pl.DataFrame(self._new, schema=SCHEMA, orient="row").unique("path", keep="last")
        old = pl.concat([self._kept, self._drawn]).join(new, on="path", how="anti")
        seen = old["path"].is_in(used["path"].implode())
        old = old.with_columns(used=pl.when(seen).then(pl.lit(self._today)).otherwise("used"))
        kept = pl.concat([new, old.filter(pl.col("used") >= self._today - FORGOTTEN)])
        with durable.replacing(self._file) as file:
            kept.write_ipc(file, compression="zstd", compat_level=pl.CompatLevel.oldest())


def _asked() -> dict[str, pl.DataType | type[pl.DataType]]:
    return {name: SCHEMA[name] for name in SAME}


def _seeds(salt: str) -> tuple[int, ...]:
    return (int.from_bytes(salt.encode()[-8:].rjust(8, b"\0")),)


def _read(file: Path) -> pl.DataFrame:
    """What is kept; nothing where the file is not there or damaged, for then every picture is simply read again."""
    try:
        found = pl.read_ipc(file)
        return found.select(SCHEMA.keys()).cast(SCHEMA)  # type: ignore[arg-type]
    except (OSError, pl.exceptions.PolarsError):
        return pl.DataFrame(schema=SCHEMA)
