"""What every job is handed, and the ledger that makes runs repeatable: runs, their stages, their ends, the one still open."""

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import structlog

from catalog.settings import Settings, Workspace
from catalog.store import Store

Counts = dict[str, int]


class Progress(Protocol):
    """How work is shown while it goes on: what is done, of how much, and how it goes in a few words."""

    def __call__(self, what: str, done: int, total: int, note: str = "", /) -> None:
        """Shows a step."""
        ...


def quiet(_what: str, _done: int, _total: int, _note: str = "", /) -> None:
    """A progress callback that shows nothing."""


@dataclass(frozen=True)
class Job:
    """The workspace, its open store and the run this work is written under. until: when it takes up nothing more."""

    workspace: Workspace
    settings: Settings
    store: Store
    run_id: str
    progress: Progress = quiet
    log: Any = field(default_factory=structlog.get_logger)
    until: datetime | None = None

    @property
    def out_of_time(self) -> bool:
        """Whether the moment has come at which a night stops taking up more; never without a deadline."""
        return self.until is not None and now() >= self.until

    def event(self, name: str, **counts: Any) -> None:
        """One log line of this run."""
        self.log.info(name, run_id=self.run_id, stage=self.store.stage, **counts)


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def program_version() -> str:
    """The installed version, or '0' from a bare checkout."""
    try:
        return version("feedshelf")
    except PackageNotFoundError:
        return "0"


def digest(*parts: object) -> str:
    """A short name for the content of JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def start_run(store: Store, job: str, key: str, **facts: Any) -> str:
    """Appends the run's row and returns its id: a running number and the beginning of its key."""
    number = (store.one("SELECT count(*) FROM runs") or 0) + 1
    run_id = f"{number:06d}-{key[:8]}"
    store.append_row(
        "runs",
        run_id=run_id,
        job=job,
        key=key,
        version=program_version(),
        host=socket.gethostname(),
        pid=os.getpid(),
        started_at=now(),
        **facts,
    )
    return run_id


def end_run(store: Store, run_id: str, status: str, *, message: str = "", superseded_by: str | None = None) -> None:
    """Appends how the run ended: done, failed or superseded."""
    store.append_row(
        "run_ends", run_id=run_id, status=status, superseded_by=superseded_by, message=message, ended_at=now()
    )


@contextmanager
def stage(job: Job, name: str, key: str = "") -> Iterator[dict[str, Any]]:
    """Runs one step of a run and appends its row with the counts and provider the step put into the dict."""
    job.store.stage = name
    started = now()
    facts: dict[str, Any] = {"counts": {}, "provider": None}
    job.event("stage_started")
    yield facts
    job.store.append_row(
        "stages",
        run_id=job.run_id,
        stage=name,
        key=key,
        status="done",
        provider=facts["provider"],
        counts=json.dumps(facts["counts"]),
        started_at=started,
        finished_at=now(),
    )
    job.event("stage_finished", counts=facts["counts"])


@dataclass(frozen=True)
class OpenRun:
    """A nightly run that started and did not end: the process died, or its steps are run one by one."""

    run_id: str
    state_key: str
    plan: frozenset[tuple[str, ...]]
    finished_stages: frozenset[str]


def open_run(store: Store) -> OpenRun | None:
    """The youngest nightly run without an end, if any."""
    found = store.query(
        "SELECT run_id, state_key, plan FROM runs WHERE job = 'nightly' AND run_id NOT IN (SELECT run_id FROM run_ends) "
        "ORDER BY run_id DESC LIMIT 1"
    )
    if not found.height:
        return None
    run_id, state_key, plan = found.row(0)
    stages = store.query("SELECT stage FROM stages WHERE run_id = ?", [run_id])["stage"]
    return OpenRun(run_id, state_key, frozenset(tuple(entry) for entry in json.loads(plan)), frozenset(stages))


def note_left(job: Job, kind: str, left: Sequence[tuple[str | None, str | None, int]]) -> None:
    """Keeps what this run leaves of one kind (delivery, inputs, pictures, placements) for the next: vendor, name, rows."""
    with job.store.transaction():
        job.store.execute("DELETE FROM leftovers WHERE run_id = ? AND kind = ?", [job.run_id, kind])
        for vendor, name, rows in left:
            job.store.append_row(
                "leftovers", run_id=job.run_id, kind=kind, vendor=vendor, name=name, rows=rows, noted_at=now()
            )


def left_by_last(store: Store) -> list[tuple[str, str | None, str | None, int]]:
    """What the last nightly run that ended well left: kind, vendor, name, rows."""
    return store.query(
        """SELECT kind, vendor, name, rows FROM leftovers WHERE run_id = (
               SELECT max(run_id) FROM runs JOIN run_ends USING (run_id) WHERE job = 'nightly' AND status = 'done')
           ORDER BY kind, vendor, name"""
    ).rows()


def last_state(store: Store) -> str | None:
    """The state key of the last nightly run that ended well."""
    return store.one(
        "SELECT state_key FROM runs JOIN run_ends USING (run_id) WHERE job = 'nightly' AND status = 'done' "
        "ORDER BY run_id DESC LIMIT 1"
    )
