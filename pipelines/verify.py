"""Asks whether everything that must hold does: the last step of a night, and  `catalog doctor --verify`

What a night finds broken is kept as its counts, and said again by every start, by `status` and by the exit status until
a later look finds it whole.
"""

import json
from collections.abc import Mapping

from catalog.integrity.verification import Checked, Scope, verify
from catalog.jobs import Counts, Job, last_state, open_run, stage
from catalog.placement import ledger
from pipelines.session import Session

_LAST = "SELECT counts FROM stages WHERE stage = 'verify' ORDER BY finished_at DESC, run_id DESC LIMIT 1"


def run(job: Job, *, settled: bool = True) -> Counts:
    """What one run wrote, and what holds over all of it as far as each night can afford; returns the counts of `verify`.

    settled: whether this run routed. Raises nothing: what is published stands, and a person must look.
    """
    found = verify(job.store, job.workspace, Scope(job.run_id, settled, closed=True))
    for one in broken(found):
        job.log.error("invariant_broken", run_id=job.run_id, stage="verify", invariant=one.name, said=one.line())
    return counted(found)


def counted(found: list[Checked]) -> Counts:
    """asked, broken, and under its name how often each broken one is violated."""
    wrong = broken(found)
    asked = sum(not one.skipped for one in found)
    return {"asked": asked, "broken": len(wrong), **{one.name: one.violations for one in wrong}}


def broken(found: list[Checked]) -> list[Checked]:
    """Those that do not hold."""
    return [one for one in found if one.violations]


def everything(session: Session) -> list[Checked]:
    """All invariants over all that was ever kept. A look that finds something, or finds it gone, is recorded as a run."""
    found = _look(session)
    if broken(found) or was_broken(session):
        with session.single("verify") as job, stage(job, "verify") as facts:
            facts["counts"] = counted(found)
    return found


def _look(session: Session) -> list[Checked]:
    store = session.store
    under_way = open_run(store) is not None
    settled = not under_way and ledger.state_key(store, session.settings) == last_state(store)
    return verify(store, session.workspace, Scope(None, settled, closed=not under_way))


def was_broken(session: Session) -> bool:
    """Whether the last look found something."""
    return _counts(session).get("broken", 0) > 0


def _counts(session: Session) -> Mapping[str, int]:
    return json.loads(session.store.one(_LAST) or "{}")


def attention(session: Session) -> tuple[str, ...]:
    """One loud line for each thing that the last look found broken and that still is."""
    return tuple(one.line() for one in broken(_look(session))) if was_broken(session) else ()
