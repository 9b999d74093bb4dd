"""Says which bundle serves.  `catalog promote MODEL`, `catalog rollback`"""

from pathlib import Path

from catalog import durable
from catalog.errors import CatalogError
from catalog.inference import bundle, signatures
from catalog.inference.signatures import trust_of
from catalog.jobs import Job, now
from catalog.placement import ledger, moves
from catalog.placement.moves import Moves
from catalog.settings import Workspace
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import certify, classify


def run(job: Job, model_id: str, *, reason: str, action: str = "promote") -> None:
    """Makes a verified bundle, or imported answers, what serves from the next night on.

    Raises CatalogError when there is no such model.
    """
    store = job.store
    if not ledger.is_foreign(store, model_id):
        bundle.open_bundle(ledger.model_path(job.workspace, model_id), trust=trust_of(job))
    if ledger.current_model(store) != model_id:  # a promotion killed before its pointer was written is one promotion
        store.append_row(
            "promotions",
            model_id=model_id,
            seq=1 + (store.one("SELECT count(*) FROM promotions") or 0),
            action=action,
            reason=reason,
            run_id=job.run_id,
            promoted_at=now(),
        )
    write_pointer(job)


def sign(place: Workspace, model_id: str, key: Path) -> str:
    """Signs a bundle whose files are what was trained; says with which key, and whether that key counts here.

    Raises CatalogError when there is no such bundle, it was altered, or the key cannot be used.
    """
    folder = ledger.model_path(place, model_id)
    bundle.verify(folder)
    name = signatures.sign(folder, (folder / bundle.MANIFEST).read_bytes(), key)
    known = {key for key, _ in signatures.trust(place, place.settings()).keys}
    keyring = place.root / place.settings().models.keyring
    return f"{model_id} is signed with {name}." + (
        "" if name in known else f" That key does not count here yet: put its public half into {keyring} as NAME.pem."
    )


def would_move(job: Job, model_id: str) -> Moves:
    """What would move were the model to serve. Its predictions of all live items are made for that, and kept: the next
    night would make them otherwise."""
    classify.run(job, model_id=model_id)
    policy = certify.run(job, model_id=model_id)
    if policy is None:
        raise CatalogError(f"There is no model {model_id}.", remedy="List them: catalog models list")
    return moves.would_move(job.store, policy, latest_taxonomy(job.store))


def write_pointer(job: Job) -> None:
    """`models/current` repeats for people and scripts what the ledger says; replaced in one rename where it does not."""
    target, model_id = job.workspace.current_model, ledger.current_model(job.store)
    said = f"{model_id}\n".encode()
    if model_id is not None and not (target.is_file() and target.read_bytes() == said):
        durable.write(target, said)


def rollback(job: Job) -> tuple[str, int]:
    """Goes back to the model that served before the current one, and puts back what the current one moved.

    Returns the model's id and how many items are back.
    """
    store = job.store
    write_pointer(job)  # of a rollback that was killed before it could: there may be none left to do
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
    with store.transaction():
        restored = moves.restore(job, str(current), latest_taxonomy(store))
        run(job, before, reason=f"rollback from {current}", action="rollback")
    return before, restored
