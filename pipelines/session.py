"""A workspace held by this process: lock taken, work database open, ready to hand out jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from catalog.jobs import Job, Progress, end_run, quiet, start_run
from catalog.keeping import places
from catalog.lock import RunLock, hold
from catalog.placement import ledger
from catalog.publishing import views
from catalog.review.review_ledger import workspace_id
from catalog.settings import Settings, Workspace
from catalog.store import Store


@dataclass(frozen=True)
class Session:
    """What a command works with while it holds the workspace."""

    workspace: Workspace
    settings: Settings
    store: Store
    lock: RunLock
    progress: Progress = quiet
    until: datetime | None = None

    def job(self, run_id: str) -> Job:
        """Work under an existing run."""
        return Job(self.workspace, self.settings, self.store, run_id, self.progress, until=self.until)

    def on(self, engine: Literal["local", "ray"]) -> "Session":
        """The same with another engine for this command."""
        scale = self.settings.scale.model_copy(update={"engine": engine})
        return replace(self, settings=self.settings.model_copy(update={"scale": scale}))

    @contextmanager
    def single(self, name: str, *facts: object) -> Iterator[Job]:
        """A run of one step that is not part of the nightly flow (train, labels, review); ends with the block."""
        run_id = start_run(self.store, name, key=ledger.digest(name, *facts), plan="[]")
        try:
            yield self.job(run_id)
        except Exception as error:
            end_run(self.store, run_id, "failed", message=str(error)[:500])
            raise
        end_run(self.store, run_id, "done")


@contextmanager
def opened(root: Path, *, progress: Progress = quiet) -> Iterator[Session]:
    """Opens a workspace for writing.

    Raises Busy (75) when another run holds it and CatalogError when it is no workspace or its settings are wrong.
    """
    workspace = Workspace(root).require()
    settings = workspace.settings()
    limits = settings.database
    with (
        hold(workspace.lock) as lock,
        Store.open(workspace.work_db, memory_limit=limits.memory_limit, threads=limits.threads) as store,
    ):
        views.create(store)
        places.settle(store, workspace.root)
        workspace_id(store)  # made with the workspace: sheets of a copy then belong to its original
        yield Session(workspace, settings, store, lock, progress)


@contextmanager
def passing(workspace: Workspace, settings: Settings, run_id: str, *, patience: float) -> Iterator[Job]:
    """The work database for the moments of one request, under a run that has begun; its views stand already.

    A run that starts meanwhile waits for it. Raises Busy when a run still holds the workspace after `patience` seconds.
    """
    limits = settings.database
    with (
        hold(workspace.lock, passing=True, patience=patience),
        Store.open(workspace.work_db, memory_limit=limits.memory_limit, threads=limits.threads) as store,
    ):
        store.stage = "page"
        yield Job(workspace, settings, store, run_id)
