"""The whole night: ingest, fetch, certify, classify, route, watch, review sheets, publish, changes, report, verify.  `catalog nightly`

A run is repeatable: what already happened is found in the ledger and not done again, so that a killed night is
finished by starting it once more, and a night without anything new does nothing.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from catalog.deliveries import held, lateness
from catalog.deliveries.inbox import Pending
from catalog.errors import CatalogError
from catalog.jobs import Job, digest, end_run, last_state, left_by_last, note_left, now, open_run, stage, start_run
from catalog.placement import ledger
from catalog.publishing import carrying
from catalog.publishing.reader import published_version
from catalog.settings import Feeds, Settings, Workspace
from catalog.store import Store
from pipelines import changes, classify, publish, report, review, route, rules, vendor_categories, verify
from pipelines.session import Session

# Review sheets come before publishing, so that the published backlog names the token each row has in its sheet.
STAGES = (
    "ingest",
    "fetch",
    "certify",
    "classify",
    "route",
    "watch",
    "review",
    "publish",
    "changes",
    "report",
    "verify",
)

# What a step leaves for the next night when its time is up, as `leftovers` names it.
LEAVES = {"ingest": "delivery", "fetch": "pictures", "classify": "inputs"}

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
    "watch": """SELECT count(DISTINCT vendor) AS vendors, count(*) AS statistics, count(*) FILTER (alarm) AS alarms
        FROM drift_statistics WHERE run_id = ?""",
    "review": "SELECT coalesce(sum(rows), 0)::BIGINT AS rows, count(*) AS sheets FROM exports WHERE run_id = ?",
    "changes": """SELECT count(*) AS rows, count(*) FILTER (action = 'set') AS set, count(*) FILTER (action = 'move') AS moved,
        count(*) FILTER (action = 'retire') AS retired FROM category_changes WHERE run_id = ?""",
}


@dataclass(frozen=True)
class Night:
    """How a night ended. `run_id` is None when there was nothing to do. files: looked at; refused: of them, held ones too;
    late: a line each; left: what its deadline left for the next night, a line each; rules: those that do not act, a line each.
    retraining: how the one that was due ended, in a line; None when none was. broken: what does not hold, a line each.
    """

    run_id: str | None
    refused: int = 0
    resumed: bool = False
    late: tuple[str, ...] = ()
    files: int = 0
    left: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    retraining: str | None = None
    broken: tuple[str, ...] = ()

    @property
    def trouble(self) -> int:
        """Refused and held files and late vendors together."""
        return self.refused + len(self.late)

    def allowed(self, limits: Feeds) -> int:
        """How many of those the settings let pass with a warning."""
        return max(limits.max_refused, math.floor(limits.max_refused_share * (self.files + len(self.late))))


def run(session: Session, *, vendor: str | None = None, retraining: str | None = None) -> Night:
    """Finishes the open run, if there is one, then runs what has arrived since.

    Changed circumstances (another model, taxonomy, decision or target) end an open run as superseded; the new run
    takes its deliveries over, so that no accepted row is without an outcome. With `retraining` (daily, weekly, monthly) a
    model is trained afterwards, when one is due, and serves from the next night on if nothing speaks against it.
    """
    lateness.require_known(session.store, session.workspace, vendor)
    lateness.note_schedules(session.store, session.workspace)
    session = replace(session, until=_last_start(session.store, session.until))
    night = _runs(session, vendor)
    left = tuple(_left(session.store, night.run_id)) if night.run_id else ()
    idle = rules.today_standing(session.store, session.workspace, session.settings).problems
    late = tuple(lateness.late_vendors(session.store, vendor))
    night = replace(night, late=late, left=left, rules=idle, broken=verify.attention(session))
    return night if retraining is None else replace(night, retraining=_retrained(session, retraining))


def _retrained(session: Session, every: str) -> str | None:
    from pipelines import retrain  # noqa: PLC0415 - see _ingest

    return retrain.run(session) if retrain.due(session.store, every) else None


def deadline(text: str, here: datetime | None = None) -> datetime:
    """The next time the clock of this machine says HH:MM. Raises CatalogError when the text is no such time."""
    here = here or datetime.now().astimezone()
    try:
        hour, minute = (int(part) for part in text.split(":"))
        found = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    except ValueError:
        raise CatalogError(f"{text!r} is no time of day.", remedy="Write it as hours and minutes: 06:00") from None
    return found if found > here else found + timedelta(days=1)


# What the steps after classifying took in each of the last nights, in seconds.
_CLOSING = """
    SELECT coalesce(max(seconds), 0) FROM (
        SELECT run_id, sum(epoch(finished_at) - epoch(started_at)) AS seconds FROM stages
        WHERE stage IN ('route', 'watch', 'review', 'publish', 'changes', 'report')
        GROUP BY run_id ORDER BY run_id DESC LIMIT 5
    )
"""


def _last_start(store: Store, until: datetime | None) -> datetime | None:
    """When to take up nothing more, so that what is complete is published by `until`: as long before it as publishing took
    at worst in the last nights, and a quarter more."""
    return until - timedelta(seconds=1.25 * store.one(_CLOSING)) if until else None


_LAST_TEXTS = "SELECT arg_max(texts, (published_at, run_id)) FROM publications"
_WORDS = {
    "delivery": "{vendor}, {name}: not taken yet, it stays in the inbox",
    "inputs": "{rows:,} items are not classified yet",
    "pictures": "pictures behind URLs were not fetched",
    "placements": "{rows:,} placements were taken back: automation was switched off",
}


def _left(store: Store, run_id: str) -> list[str]:
    rows = store.query("SELECT * FROM leftovers WHERE run_id = ? ORDER BY kind, vendor, name", [run_id])
    return [_WORDS[row["kind"]].format_map(row) for row in rows.iter_rows(named=True)]


def to_take(session: Session) -> list[Pending]:
    """What waits for this workspace's next run."""
    return held.to_take(session.store, session.workspace, session.settings.feeds)


def _runs(session: Session, vendor: str | None) -> Night:
    night = Night(None)
    for _ in range(2):
        looked_at = _looked_at(session.store)
        waiting = [p for p in to_take(session) if vendor in (None, p.vendor) or p.key in looked_at]
        found = _first_left(session, waiting)
        run_id, resumed = begin(session, found)
        if run_id is None:
            return night
        finish(session, run_id, found)
        files, refused = session.store.query(
            "SELECT count(*), count(*) FILTER (status IN ('refused', 'held')) FROM delivery_runs WHERE run_id = ?",
            [run_id],
        ).row(0)
        night = Night(run_id, night.refused + refused, resumed, files=night.files + files)
        if not resumed:
            return night
    return night


def _looked_at(store: Store) -> set[tuple[str, ...]]:
    """Keys of what the run that did not end has read already, of any vendor: a night for another vendor that left such a file
    in the inbox would have the next one read, and hold, it once more."""
    left = open_run(store)
    if left is None:
        return set()
    read = store.query(
        "SELECT d.vendor, d.file_name, d.sha256, d.origin FROM deliveries d JOIN delivery_runs r USING (delivery_id) "
        "WHERE r.run_id = ?",
        [left.run_id],
    )
    return {tuple(part for part in row if part is not None) for row in read.iter_rows()}


def _first_left(session: Session, found: list[Pending]) -> list[Pending]:
    """Vendors whose files the last night had no time for come first: else those late in the alphabet would never be read."""
    waited = {vendor for kind, vendor, *_ in left_by_last(session.store) if kind == "delivery"}
    return sorted(found, key=lambda waiting: waiting.vendor not in waited)


def begin(session: Session, found: list[Pending]) -> tuple[str | None, bool]:
    """The run to work under and whether it is a resumed one; None when nothing has changed since the last."""
    store = session.store
    state = state_of(store, session.workspace, session.settings)
    left = open_run(store)
    if left and left.state_key == state:
        return left.run_id, True
    if not left and not found and _idle(session, state):
        return None, False
    return _start(session, found, state, left.run_id if left else None), False


def _idle(session: Session, state: str) -> bool:
    """Whether nothing but a delivery would give a run something to do."""
    same = state == last_state(session.store) and not left_by_last(session.store) and _published_as_today(session)
    return same and not verify.was_broken(session) and not _pictures_due(session)


def state_of(store: Store, workspace: Workspace, settings: Settings) -> str:
    """Names everything besides the feeds that decides what a run does, the rules of policy.toml too."""
    ruled = rules.state(store, workspace, settings)
    state = ledger.state_key(store, settings)
    return digest(state, ruled) if ruled else state


def _published_as_today(session: Session) -> bool:
    """Whether analysts and the report find what this program publishes: a newer one brings views the old file lacks."""
    texts = carrying.texts(session.store, names=session.settings.review.names == "names")
    version = published_version(session.workspace.published_db)
    return version == session.store.one("SELECT schema_version()") and session.store.one(_LAST_TEXTS) == texts


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
    # What an older program published lacks what the page asks, and is published once more: else a night that was killed between
    # the two, and upgraded, would never end.
    if "publish" in done and not _published_as_today(session):
        done -= {"publish"}
    plan = left.plan if left else frozenset()
    planned = [p for p in found if p.key in plan]
    for name in STAGES[len(list(takewhile(done.__contains__, STAGES))) :]:
        step(session, name, run_id, planned)
    close(session, run_id)


def close(session: Session, run_id: str) -> None:
    """Ends a run whose catalogue is published."""
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
        "watch": _watch,
        "publish": lambda job: _publish(job, session),
        "review": _review,
        "changes": changes.run,
        "report": report.run,
        "verify": lambda job: facts.update(counts=verify.run(job)),
    }
    with stage(job, name) as facts:
        if name in LEAVES:  # what a killed start of this step had left, it may take now
            note_left(job, LEAVES[name], [])
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

    limits = job.settings.images
    if job.until and limits.fetch:
        minutes = math.floor((job.until - now()).total_seconds() / 60)
        if minutes < 1:
            note_left(job, "pictures", [(None, None, 0)])
            return
        images = limits.model_copy(update={"max_minutes": min(limits.max_minutes, minutes)})
        job = replace(job, settings=job.settings.model_copy(update={"images": images}))
    fetch.run(job)


def _review(job: Job) -> None:
    route.withdraw_if_switched_off(job)
    review.nightly(job)


def _publish(job: Job, session: Session) -> None:
    route.withdraw_if_switched_off(job)
    publish.run(job, fence=session.lock.check)


def _watch(job: Job) -> None:
    from pipelines import watch  # noqa: PLC0415 - see _ingest

    watch.run(job)


def _certify(job: Job) -> None:
    from pipelines import certify  # noqa: PLC0415 - see _ingest

    vendor_categories.learn(job)
    certify.run(job)
    rules.note(job)
