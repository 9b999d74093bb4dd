"""Trains on what people said since, and promotes or refuses unattended.  `catalog nightly --retrain weekly`

Comes after the night is published and never fails it: a refusal is a line for a person to read. Each step is in the
ledger, so that what was killed is finished by the next night.
"""

from dataclasses import dataclass
from datetime import timedelta

from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import Job, digest, now
from catalog.placement import ledger
from catalog.store import Store
from pipelines import audit, promote
from pipelines.session import Session

# A little less than their name, so that a night that starts some minutes earlier than the last one is not passed over.
EVERY = {"daily": timedelta(hours=20), "weekly": timedelta(days=6.5), "monthly": timedelta(days=27.5)}
# One row: the retraining that began last and did not end, and the model it has trained so far.
OPEN = """
    SELECT retraining_id, max(model_id) AS model_id FROM retrainings
    WHERE retraining_id NOT IN (SELECT retraining_id FROM retrainings WHERE step = 'ended')
    GROUP BY retraining_id ORDER BY max(seq) DESC LIMIT 1
"""
_UNANSWERED = """
    SELECT outcome IN ('refused', 'failed') AND NOT EXISTS (FROM promotions WHERE promoted_at > said_at)
    FROM retrainings WHERE step = 'ended' ORDER BY seq DESC LIMIT 1"""
LAST = "SELECT outcome, sentence, model_id, said_at FROM retrainings WHERE step = 'ended' ORDER BY seq DESC LIMIT 1"
# Whether what serves was promoted since a retraining began.
PROMOTED = """
    SELECT (SELECT max(promoted_at) FROM promotions) >= (SELECT min(said_at) FROM retrainings WHERE retraining_id = ?)
"""
# When anything was last learned from, and whether labels came since: the same labels make the same model.
LEARNED = """
    SELECT greatest((SELECT max(said_at) FROM retrainings WHERE step = 'ended'), (SELECT max(trained_at) FROM models)) AS at,
           (SELECT count(*) FROM decisions JOIN runs USING (run_id)
            WHERE verdict = 'category' AND started_at > (SELECT max(trained_at) FROM models)) AS since
"""


@dataclass(frozen=True)
class _Retraining:
    """One that is under way. `model_id` is None until its model is trained."""

    retraining_id: str
    model_id: str | None


def due(store: Store, every: str) -> bool:
    """True when one was left unfinished, or the time has come and people said something since."""
    if store.query(OPEN).height:
        return True
    last, since = store.query(LEARNED).row(0)
    return since > 0 and (last is None or now() - last >= EVERY[every])


def run(session: Session) -> str:
    """Begins a retraining, or goes on with the one left over; returns how it ended, in a line."""
    with session.single("retrain") as job:
        under_way = _begun(job)
        try:
            model_id = under_way.model_id or _trained(job, under_way)
            outcome, sentence = _weighed(job, model_id, under_way)
        except (CatalogError, ImportError) as error:  # no labels, no `train` extra: for a person, not for the night
            model_id, outcome, sentence = None, "failed", str(error)
        reached("retrain.end")
        _say(job, under_way, "ended", model_id=model_id, outcome=outcome, sentence=sentence)
    return str(line(session.store))


def _begun(job: Job) -> _Retraining:
    left = job.store.query(OPEN)
    if left.height:
        return _Retraining(*left.row(0))
    fresh = _Retraining(digest("retrain", job.run_id), None)
    _say(job, fresh, "begun")
    return fresh


def _trained(job: Job, under_way: _Retraining) -> str:
    """Trains. What was killed in here trains again: the same labels make the same model, which is recorded once."""
    from pipelines import train  # noqa: PLC0415 - torch is loaded only where a model is trained

    model_id = train.run(job)
    reached("retrain.trained")
    _say(job, under_way, "trained", model_id=model_id)
    return model_id


def _weighed(job: Job, model_id: str, under_way: _Retraining) -> tuple[str, str]:
    """The outcome and why; promotes where nothing speaks against it. Nobody approves moves at night."""
    if model_id == ledger.current_model(job.store):
        promote.write_pointer(job)  # of a promotion that was killed before it could
        if job.store.one(PROMOTED, [under_way.retraining_id]):
            return "promoted", "it serves since the night that was killed"
        return "unchanged", "it is the model that serves"
    if job.settings.models.require_signature:  # a night holds no private key, and must not
        sign = f"catalog models sign {model_id} --key FILE, then catalog promote {model_id}"
        return "refused", f"{model_id} waits for a signature: {sign}"
    found = audit.run(job, model_id)
    reached("retrain.evaluated")
    try:
        found.require_promotable(model_id, bias=job.settings.audit.bias)
        moves = promote.would_move(job, model_id)
        moves.require_few(job.settings.routing.max_moves)
    except CatalogError as error:
        return "refused", str(error)
    promote.run(job, model_id, reason="retrained")
    return "promoted", f"{found.evaluation.comparison.brief()} {moves.text().splitlines()[0]}"


def _say(
    job: Job,
    under_way: _Retraining,
    step: str,
    *,
    model_id: str | None = None,
    outcome: str | None = None,
    sentence: str | None = None,
) -> None:
    job.store.append_row(
        "retrainings",
        seq=1 + (job.store.one("SELECT max(seq) FROM retrainings") or 0),
        retraining_id=under_way.retraining_id,
        run_id=job.run_id,
        said_at=now(),
        step=step,
        model_id=model_id,
        outcome=outcome,
        sentence=sentence,
    )


def line(store: Store) -> str | None:
    """How the last retraining ended, in a line for the summary; None when there was none."""
    found = store.query(LAST)
    if not found.height:
        return None
    outcome, sentence, model_id, said_at = found.row(0)
    named = f" {model_id}" if model_id else ""
    first, *more = sentence.strip().removeprefix("Refused: ").splitlines()
    why = (
        f"{first.rstrip('.')}; catalog promote {model_id} says it in full"
        if more and model_id
        else " ".join([first, *more])
    )
    return f"retraining    {said_at:%Y-%m-%d}{named} {outcome}: {why}"


def attention(store: Store) -> list[str]:
    """The line, when a person should look: the last one was refused or failed, and no model was promoted since."""
    return [str(line(store))] if store.one(_UNANSWERED) else []
