"""Files of a workspace held against what is known of them: none that nothing speaks for, none altered since written."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.errors import CatalogError
from catalog.inference import bundle, signatures
from catalog.inference.shards import ShardFolder
from catalog.publishing.changes import MANIFEST
from catalog.settings import Workspace
from catalog.store import Store

# DuckDB's own, what a training that was killed left and the next one clears, and what the demo draws from.
_SCRATCH = {"spill", "training", "sample"}
_FOREIGN = "SELECT model_id FROM models WHERE facts->>'$.kind' = 'foreign'"
_STAGED = """
    SELECT sha256 FROM deliveries WHERE sha256 IS NOT NULL
    UNION SELECT unnest(from_json(parts, '[{"sha256":"VARCHAR"}]')).sha256 FROM deliveries WHERE parts IS NOT NULL
    UNION SELECT (plan_entry->>'$[2]') FROM (SELECT unnest(plan::JSON[]) AS plan_entry FROM runs WHERE plan IS NOT NULL)
"""


@dataclass(frozen=True)
class Files:
    """What files are held against. run_id: only what that run wrote, None for all; closed: no night is under way."""

    workspace: Workspace
    store: Store
    run_id: str | None
    closed: bool

    def said(self, path: Path) -> str:
        """A path as a person finds it in the workspace."""
        return path.relative_to(self.workspace.root).as_posix()

    def known(self, sql: str) -> set[str]:
        """The texts a statement answers."""
        return set(self.store.query(sql).to_series())


@dataclass(frozen=True)
class Inventory:
    """One thing that must hold of files. found: a text for each violation. nightly: whether each night can afford it."""

    name: str
    holds: str
    found: Callable[[Files], Iterator[str]]
    remedy: str
    nightly: bool = True


def orphans(files: Files) -> Iterator[str]:
    """Files in published/, state/ and models/ that nothing speaks for."""
    place = files.workspace
    answering = f"{place.published_db.name}.tmp"  # DuckDB's own, while somebody asks more than fits in memory
    named = {place.published_db.name, place.changes.name, place.night_json.name, answering}
    yield from _strangers(files, place.published, named)
    kept = {place.staged, place.embeddings, place.pictures, place.seen_files}
    ours = {place.lock.name, place.lock.with_suffix(".json").name, place.work_db.name, f"{place.work_db.name}.wal"}
    under_way = set() if files.closed else {place.shards.name}
    yield from _strangers(files, place.state, ours | _SCRATCH | under_way | {folder.name for folder in kept})
    models = files.known("SELECT model_id FROM models")
    yield from _strangers(files, place.models, {*models, place.current_model.name})
    runs = files.known("SELECT run_id FROM runs")
    for path in _listed(place.changes):
        if path.name.partition(".")[0] not in runs or (files.closed and not _vouched(path)):
            yield files.said(path)


def _strangers(files: Files, folder: Path, names: set[str]) -> Iterator[str]:
    yield from (files.said(path) for path in _listed(folder) if path.name not in names)


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _vouched(path: Path) -> bool:
    """Whether a file of changes has its manifest, or a manifest its file."""
    other = path.name.removesuffix(MANIFEST) if path.name.endswith(MANIFEST) else path.name + MANIFEST
    return path.with_name(other).exists()


def stored(files: Files) -> Iterator[str]:
    """Copies of deliveries, files in done/, pictures and embeddings: each under its own name and unaltered."""
    known = files.known(_STAGED)
    for path in _listed(files.workspace.staged):
        sha256 = path.name.partition(".")[0]
        if sha256 not in known or bundle.file_sha256(path) != sha256:
            yield files.said(path)
    yield from _altered(files, {sha256[:12] for sha256 in known})
    for folder in _listed(files.workspace.pictures):
        for path in _listed(folder):
            if folder.name == ".unfinished" or bundle.file_sha256(path) != path.name:
                yield files.said(path)
    for tower in _listed(files.workspace.embeddings):
        yield from (files.said(path) for path in _listed(tower) if path.suffix != ".arrow" or path.name.startswith("."))


def _altered(files: Files, begins: set[str]) -> Iterator[str]:
    """Files in done/ that a delivery's name promises other bytes for; people may keep files of their own there."""
    for path in sorted(files.workspace.feeds.glob("*/done/*")):
        named = path.name.partition("_")[0]
        if named in begins and bundle.file_sha256(path)[:12] != named:
            yield files.said(path)


def bundles(files: Files) -> Iterator[str]:
    """Models that serve or can: every file as it was trained, and models/current naming the one that serves."""
    place = files.workspace
    current = files.store.one("SELECT model_id FROM promotions ORDER BY seq DESC LIMIT 1")
    foreign = files.known(_FOREIGN)
    every = files.known("SELECT model_id FROM models") if files.run_id is None else {current} - {None}
    for model_id in sorted(every - foreign):
        if (place.models / model_id).exists() or model_id == current:
            try:
                trusted = signatures.trust(place, place.settings())
                # one that does not serve may wait for its signature: it is refused when it is to serve
                needed = replace(trusted, required=trusted.required and model_id == current)
                bundle.verify(place.models / model_id, needed)
            except CatalogError as error:
                yield error.message
    if current is not None and _pointer(place.current_model) != current:
        yield f"models/current names {_pointer(place.current_model) or 'nothing'}, what serves is {current}"


def _pointer(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def shards(files: Files) -> Iterator[str]:
    """A job left for workers: inputs and finished answers as they were written."""
    folder = ShardFolder(files.workspace.shards)
    yield from (files.said(path) for path in folder.altered())


def published(files: Files) -> Iterator[str]:
    """The published file has the bytes that were published."""
    last = files.store.one("SELECT sha256 FROM publications ORDER BY published_at DESC, run_id DESC LIMIT 1")
    path = files.workspace.published_db
    if files.closed and last is not None and not path.exists():
        yield f"{files.said(path)} is gone"
    elif files.closed and last is not None and bundle.file_sha256(path) != last:
        yield files.said(path)


def change_files(files: Files) -> Iterator[str]:
    """Every file of changes is what its manifest says, and both what the changes say."""
    ends = files.store.query(
        'SELECT run_id, count(*) AS rows, max("cursor") AS last FROM category_changes GROUP BY run_id'
    )
    by_run = {run_id: (rows, last) for run_id, rows, last in ends.iter_rows()}
    for path in _listed(files.workspace.changes):
        run_id = path.name.partition(".")[0]
        if not path.name.endswith(MANIFEST) or files.run_id not in (None, run_id):
            continue
        file = path.with_name(path.name.removesuffix(MANIFEST))
        said = _read(path)
        rows, last = by_run.get(run_id, (0, said.get("last_cursor")))
        if (
            not file.exists()
            or (said.get("rows"), said.get("last_cursor")) != (rows, last)
            or hashlib.sha256(file.read_bytes()).hexdigest() != said.get("sha256")
        ):
            yield files.said(file)


def _read(manifest: Path) -> dict:
    try:
        found = json.loads(manifest.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


INVENTORIES = (
    Inventory(
        "no_orphans",
        "every file in published/, state/ and models/ is known",
        orphans,
        "Nothing reads it. Move it away; what a killed training left is also removed by the next one.",
    ),
    Inventory(
        "bundles_whole",
        "models are what was trained, and the one that serves is there",
        bundles,
        "Restore the folder from a backup, or promote another model; catalog promote MODEL also writes models/current.",
    ),
    Inventory(
        "changes_whole",
        "files of changes are what their manifests say",
        change_files,
        "Write it again: catalog export changes --since CURSOR --out FILE, with `since` of its manifest; keep readers off it.",
    ),
    Inventory(
        "published_whole",
        "the published file has the bytes that were published",
        published,
        "Publish again: catalog publish.",
        nightly=False,
    ),
    Inventory(
        "copies_whole",
        "copies of deliveries, pictures and embeddings are known and unaltered",
        stored,
        "Delete it: a picture or embedding comes again by itself, a copy in state/staged from feeds/VENDOR/done/; what stands "
        "there altered cannot be read again (the facts taken from it stay), unless the vendor sends it once more.",
        nightly=False,
    ),
    Inventory(
        "shards_whole",
        "shards left for workers are what was written",
        shards,
        "Nothing to do: the next night computes them anew. If it happens again, look whether the shared disk is sound.",
        nightly=False,
    ),
)
