"""Says which bundle serves.  `catalog promote MODEL`, `catalog rollback`"""

from catalog import durable
from catalog.errors import CatalogError
from catalog.inference import bundle
from catalog.jobs import Job, now
from catalog.placement import ledger


def run(job: Job, model_id: str, *, reason: str, action: str = "promote") -> None:
    """Makes a verified bundle, or imported answers, what serves from the next night on.

    Raises CatalogError when there is no such model.
    """
    store = job.store
    if not ledger.is_foreign(store, model_id):
        bundle.open_bundle(ledger.model_path(job.workspace, model_id))
    store.append_row(
        "promotions",
        model_id=model_id,
        seq=1 + (store.one("SELECT count(*) FROM promotions") or 0),
        action=action,
        reason=reason,
        run_id=job.run_id,
        promoted_at=now(),
    )
    write_pointer(job, model_id)


def write_pointer(job: Job, model_id: str) -> None:
    """`models/current` repeats for people and scripts what the ledger says; replaced in one rename."""
    target = job.workspace.current_model
    durable.write(target, f"{model_id}\n".encode())


def rollback(job: Job) -> str:
    """Goes back to the model that served before the current one and returns its id."""
    store = job.store
    current = ledger.current_model(store)
    before = store.one(
        """SELECT model_id FROM promotions WHERE model_id <> ? AND seq < (
               SELECT min(seq) FROM promotions WHERE model_id = ? ) ORDER BY seq DESC LIMIT 1""",
        [current, current],
    )
    if before is None:
        raise CatalogError(
            "No other model has served before this one.", remedy="Promote one by name: catalog promote MODEL."
        )
    run(job, before, reason=f"rollback from {current}", action="rollback")
    return before
