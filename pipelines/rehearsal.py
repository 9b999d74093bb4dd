"""What a night would do, without doing it: the same files read and judged, and nothing written.  `catalog nightly --dry-run`"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from catalog.deliveries import arrivals, held
from catalog.deliveries.actions import with_actions
from catalog.deliveries.inbox import Pending, inbox
from catalog.deliveries.lateness import late_vendors, require_known
from catalog.errors import FeedRefused
from catalog.inference import unseen
from catalog.jobs import Job, last_state, left_by_last, open_run
from catalog.lock import hold
from catalog.pictures.finding import found_for
from catalog.placement import ledger
from catalog.placement.switch import switched_off
from catalog.settings import Settings, Workspace
from catalog.store import Store
from pipelines import ingest, nightly, route

_VERDICTS = """
    SELECT count(*) FILTER (verdict = 'new') AS new, count(*) FILTER (verdict = 'changed') AS changed,
           count(*) FILTER (verdict = 'unchanged') AS unchanged, count(*) FILTER (verdict = 'deleted') AS deleted,
           count(*) FILTER (verdict = 'duplicate') AS duplicate, count(*) FILTER (verdict = 'differing') AS differing
    FROM judged
"""
_NEW_INPUTS = """
    SELECT count(DISTINCT input_hash) FROM arrived a JOIN judged j USING (line)
    WHERE j.verdict IN ('new', 'changed') AND a.vendor = ?
      AND input_hash NOT IN (SELECT input_hash FROM predictions WHERE model_id = ?)
"""
_GONE = """
    SELECT count(*) FROM live_before
    WHERE item_id NOT IN (SELECT item_id FROM arrived WHERE vendor = ?) AND item_id NOT IN (SELECT item_id FROM kept_back)
"""


def run(root: Path, *, vendor: str | None = None) -> str:
    """A line for each file that waits, for what would be classified and settled, and for what a person has to look at.

    Each file is compared with what stands now, so that of two files of one vendor the second says more than it will be.
    Placements depend on what the model would say, and are not foretold. Raises CatalogError when a run is at work.
    """
    workspace = Workspace(root).require()
    settings = workspace.settings()
    limits = settings.database
    with (
        tempfile.TemporaryDirectory(prefix="feedshelf-dry-run-") as scratch,
        hold(workspace.lock, passing=True),
        Store.reading(workspace.work_db, memory_limit=limits.memory_limit, threads=limits.threads) as store,
    ):
        # Spilled rows and unpacked pictures go to a folder of their own.
        store.execute("SET temp_directory = $folder", {"folder": scratch})
        job = Job(Workspace(Path(scratch)), settings, store, "dry-run")
        return "\n".join(_lines(job, workspace, settings, vendor))


def _lines(job: Job, workspace: Workspace, settings: Settings, vendor: str | None) -> Iterator[str]:
    store, refused, inputs = job.store, 0, 0
    require_known(store, workspace, vendor)
    found = [p for p in held.to_take(store, workspace, settings.feeds, tidy=False) if vendor in (None, p.vendor)]
    yield _beginning(store, nightly.state_of(store, workspace, settings), found)
    for waiting in found:
        told, taken, new = _file(job, workspace, waiting)
        refused, inputs = refused + (not taken), inputs + new
        yield f"{waiting.vendor}, {waiting.path.name}: {told}"
    keys = {waiting.key for waiting in found}
    for waiting in inbox(workspace, settings.feeds):
        if waiting.key not in keys and vendor in (None, waiting.vendor):
            yield f"{waiting.vendor}, {waiting.path.name}: would stay in the inbox. {waiting.waits or 'It is on hold.'}"
    yield from _after(job, workspace, settings, inputs)
    late = late_vendors(store, vendor)
    yield from late
    yield f"{refused} of {len(found)} files would be refused or held, {len(late)} vendors are late. Nothing was written."


def _beginning(store: Store, state: str, found: list[Pending]) -> str:
    left = open_run(store)
    if left and left.state_key == state:
        return f"Would finish run {left.run_id}, which did not end, then take what has arrived since."
    if left:
        return f"Would take over from run {left.run_id}, which did not end: model, settings or decisions have changed."
    if not found and state == last_state(store) and not left_by_last(store):
        return "Nothing to do: no new delivery, decision, model or setting since the last run."
    return "Would start a run."


def _file(job: Job, workspace: Workspace, waiting: Pending) -> tuple[str, bool, int]:
    """What would become of a delivery, whether it would be taken, and how many inputs would be classified for it."""
    real = Job(workspace, job.settings, job.store, job.run_id)
    try:
        if waiting.refusal:
            raise FeedRefused(waiting.refusal[0], waiting.refusal[1], remedy="")
        mapping = ingest.mapping_of(real, waiting)
        last = arrivals.latest(job.store, waiting.vendor, labels=False)
        if last and last[:2] == (waiting.sha256, mapping.hash):
            return "would change nothing: it is the file this vendor delivered last", True, 0
        batches = ingest.rows_of(job, waiting, [part.path for part in waiting.parts], mapping)
        with found_for(job, waiting.vendor, waiting.path.parent, mapping.rules.image_archive) as pictures:
            arrivals.collect(job.store, (with_actions(b, waiting.vendor, mapping, pictures) for b in batches))
    except FeedRefused as refused:
        return f"would be REFUSED. {refused}", False, 0
    doubt = ingest.doubt_of(job, ingest.delivery_of(real, waiting, mapping), mapping, released=waiting.released)
    if doubt:
        return f"would be HELD. {doubt[1]}", False, 0
    inputs = job.store.one(_NEW_INPUTS, [waiting.vendor, ledger.current_model(job.store)])
    return _counted(job.store, waiting.vendor, mapping.delivery.kind), True, inputs


def _counted(store: Store, vendor: str, kind: str) -> str:
    rows = arrivals.rows_read(store, vendor)
    counts = store.query(_VERDICTS).row(0, named=True)
    differing = counts.pop("differing")
    quarantined = differing + store.one("SELECT count(*) FROM turned_away WHERE vendor = ?", [vendor])
    gone = store.one(_GONE, [vendor]) if kind == "full" else 0
    said = [f"{number:,} {name}" for name, number in (*counts.items(), ("quarantined", quarantined)) if number]
    return f"would be taken: {rows:,} rows ({', '.join(said)})" + (f"; {gone:,} items would be gone" if gone else "")


def _after(job: Job, workspace: Workspace, settings: Settings, inputs: int) -> Iterator[str]:
    model = ledger.current_model(job.store)
    if model is None:
        yield "No model serves: everything would go to review."
        return
    waiting = 0 if ledger.is_foreign(job.store, model) else unseen.count(job, model)
    yield f"{inputs + waiting:,} inputs would be classified by {model}."
    anew = route.due(replace(job, workspace=workspace), off=switched_off(workspace))
    yield f"{anew:,} items would be settled anew although their vendor changed nothing (model, settings, decisions)."
    if switched_off(workspace):
        yield 'Automation is switched off: the model would place nothing (automation = "off" in catalog.toml).'
    elif settings.mode == "shadow":
        yield 'Nothing would be placed: mode = "shadow" only compares.'
