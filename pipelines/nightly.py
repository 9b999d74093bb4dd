"""The whole night: ingest, fetch, certify, classify, route, review sheets, publish, changes, report, verify.  `catalog nightly`

A run is repeatable: what already happened is found in the ledger and not done again, so that a killed night is
finished by starting it once more, and a night without anything new does nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile

from catalog.deliveries import held, lateness
from catalog.deliveries.inbox import Pending
from catalog.jobs import Job, digest, end_run, last_state, open_run, stage, start_run
from catalog.placement import ledger
from pipelines import changes, classify, publish, report, review, route, vendor_categories, verify
from pipelines.session import Session

# Review sheets come before publishing, so that the published backlog names the token each row has in its sheet.
STAGES = ("ingest", "fetch", "certify", "classify", "route", "review", "publish", "changes", "report", "verify")

# Counts come from the tables, never from a variable: a resumed run must report what an unbroken one would.
COUNTS = {
    "ingest": """SELECT count(*) FILTER (status = 'accepted') AS accepted, count(*) FILTER (status = 'refused') AS refused,
        count(*) FILTER (status = 'held') AS held, coalesce(sum(rows_in), 0)::BIGINT AS rows_in
        FROM deliveries WHERE run_id = ?""",
    "fetch": """SELECT count(*) FILTER (status = 'ok') AS fetched, count(*) FILTER (status = 'unchanged') AS unchanged,
        count(*) FILTER (status = 'failed') AS failed, coalesce(sum(bytes), 0)::BIGINT AS bytes,
        (SELECT count(*) FROM live_items JOIN items USING (vendor, item_id, row_hash) WHERE image_status = 'remote')
            AS items_waiting
        FROM pictures WHERE run_id = ?""",
    "classify": "SELECT count(*) AS predicted FROM predictions WHERE run_id = ?",
    "route": """SELECT count(*) AS routed, count(*) FILTER (outcome = 'placed') AS placed,
        count(*) FILTER (outcome = 'placed_at_parent') AS placed_at_parent, count(*) FILTER (outcome = 'review') AS review,
        count(*) FILTER (outcome = 'decided') AS decided FROM routes WHERE run_id = ?""",
    "review": "SELECT coalesce(sum(rows), 0)::BIGINT AS rows, count(*) AS sheets FROM exports WHERE run_id = ?",
    "changes": """SELECT count(*) AS rows, count(*) FILTER (action = 'set') AS set, count(*) FILTER (action = 'move') AS moved,
        count(*) FILTER (action = 'retire') AS retired FROM category_changes WHERE run_id = ?""",
}


@dataclass(frozen=True)
class Night:
    """How a night ended. `run_id` is None when there was nothing to do. refused: files, held ones too; late and broken: a line each."""

    run_id: str | None
    refused: int = 0
    resumed: bool = False
    late: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def run(session: Session, *, vendor: str | None = None) -> Night:
    """Finishes the open run, if there is one, then runs what has arrived since.

    Changed circumstances (another model, taxonomy, decision or target) end an open run as superseded; the new run
    takes its deliveries over, so that no accepted row is without an outcome.
    """
    lateness.note_schedules(session.store, session.workspace)
    night = _runs(session, vendor)
    late = tuple(lateness.late_vendors(session.store, vendor))
    return replace(night, late=late, broken=verify.attention(session))


def to_take(session: Session) -> list[Pending]:
    """What waits for this workspace's next run."""
    return held.to_take(session.store, session.workspace, session.settings.feeds)


def _runs(session: Session, vendor: str | None) -> Night:
    night = Night(None)
    for _ in range(2):
        found = [p for p in to_take(session) if vendor in (None, p.vendor)]
        run_id, resumed = begin(session, found)
        if run_id is None:
            return night
        finish(session, run_id, found)
        refused = session.store.one(
            "SELECT count(*) FROM deliveries WHERE run_id = ? AND status IN ('refused', 'held')", [run_id]
        )
        night = Night(run_id, night.refused + refused, resumed)
        if not resumed:
            return night
    return night


def begin(session: Session, found: list[Pending]) -> tuple[str | None, bool]:
    """The run to work under and whether it is a resumed one; None when nothing has changed since the last."""
    store = session.store
    state = ledger.state_key(store, session.settings)
    left = open_run(store)
    if left and left.state_key == state:
        return left.run_id, True
    published = session.workspace.published_db.exists()
    idle = published and state == last_state(store) and not verify.was_broken(session)
    if not left and not found and idle and not _pictures_due(session):
        return None, False
    return _start(session, found, state, left.run_id if left else None), False


def _pictures_due(session: Session) -> bool:
    from catalog.pictures.picture_cache import find_due  # noqa: PLC0415 - see _ingest

    limits = session.settings.images
    return limits.fetch and find_due(session.store, limits) > 0


def _start(session: Session, found: list[Pending], state: str, left: str | None) -> str:
    store = session.store
    plan = [list(p.key) for p in found]
    with store.transaction():
        run_id = start_run(
            store,
            "nightly",
            digest(plan, state),
            plan=json.dumps(plan),
            state_key=state,
            settings_hash=session.settings.routing_hash,
            model_id=ledger.current_model(store),
            taxonomy_version=store.one("SELECT taxonomy_version FROM taxonomies ORDER BY seq DESC LIMIT 1"),
        )
        if left:
            end_run(store, left, "superseded", superseded_by=run_id)
    return run_id


def finish(session: Session, run_id: str, found: list[Pending]) -> None:
    """What is left of a run, to its end.

    A step that somebody ran before one that it follows is done again: a run ends only when all it was to settle is.
    """
    left = open_run(session.store)
    done = left.finished_stages if left else frozenset()
    plan = left.plan if left else frozenset()
    planned = [p for p in found if p.key in plan]
    for name in STAGES[len(list(takewhile(done.__contains__, STAGES))) :]:
        step(session, name, run_id, planned)
    session.store.stage = "end"
    end_run(session.store, run_id, "done")


def step(session: Session, name: str, run_id: str, planned: list[Pending]) -> None:
    """Runs one stage of a run and writes its row in the ledger."""
    job = session.job(run_id)
    works: dict[str, Callable[[Job], object]] = {
        "ingest": lambda job: _ingest(job, planned),
        "fetch": _fetch,
        "certify": _certify,
        "classify": classify.run,
        "route": route.run,
        "publish": lambda job: publish.run(job, fence=session.lock.check),
        "review": review.export,
        "changes": changes.run,
        "report": report.run,
        "verify": lambda job: facts.update(counts=verify.run(job)),
    }
    with stage(job, name) as facts:
        works[name](job)
        if name in COUNTS:
            facts["counts"] = session.store.query(COUNTS[name], [run_id]).row(0, named=True)
        facts["provider"] = (
            session.store.one("SELECT any_value(provider) FROM predictions WHERE run_id = ?", [run_id])
            if name == "classify"
            else None
        )


def _ingest(job: Job, planned: list[Pending]) -> None:
    """Loaded with its stage: what reads files and asks hosts is a third of a second that other commands need not pay."""
    from pipelines import ingest  # noqa: PLC0415

    ingest.run(job, planned)


def _fetch(job: Job) -> None:
    from pipelines import fetch  # noqa: PLC0415 - see _ingest

    fetch.run(job)


def _certify(job: Job) -> None:
    from pipelines import certify  # noqa: PLC0415 - see _ingest

    vendor_categories.learn(job)
    certify.run(job)
