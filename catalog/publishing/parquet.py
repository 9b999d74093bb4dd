"""The published file as Parquet: a folder per table and date, and a list that says which files are one publication."""

import hashlib
import json
from pathlib import Path

from catalog import durable
from catalog.publishing import dictionary
from catalog.publishing.reader import Reader, reading
from catalog.store import quoted


def export(published: Path, folder: Path) -> Path:
    """Writes every table and view of a published file, and returns the list of the files.

    TABLE/run_date=YYYY-MM-DD/RUN.parquet, by the date of publication in UTC; files-YYYY-MM-DD.json names run, schema
    version and each file with its rows, bytes and sha256. The list is replaced last: who reads what it names never
    sees half a publication. Then files of that date which it no longer names are removed; other dates stay.
    """
    with reading(published) as reader:
        [run_id, date, version] = reader.query(
            "SELECT run_id, (published_at AT TIME ZONE 'UTC')::DATE::VARCHAR, schema_version FROM freshness"
        ).row(0)
        names = [found.name for found in dictionary.entries(reader.query) if found.kind != "macro"]
        files = [
            _written(reader, name, folder, Path(name) / f"run_date={date}" / f"{run_id}.parquet") for name in names
        ]
    listed = folder / f"files-{date}.json"
    facts = {"run_id": run_id, "run_date": date, "schema_version": version, "files": files}
    durable.write(listed, (json.dumps(facts, indent=1) + "\n").encode())
    for left in folder.glob(f"*/run_date={date}/*.parquet"):
        if left.name != f"{run_id}.parquet" or left.parent.parent.name not in names:
            left.unlink()
    return listed


def _written(reader: Reader, name: str, folder: Path, place: Path) -> dict[str, str | int]:
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        rows = reader.parquet(f"FROM {quoted(name)}", unfinished)
        durable.sync(unfinished)
        with unfinished.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = unfinished.stat().st_size
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)  # a full disk must get its space back
    return {"table": name, "path": place.as_posix(), "rows": rows, "bytes": size, "sha256": sha256}
