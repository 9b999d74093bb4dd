"""Predicts for every delivered input the serving model has not seen.  `catalog classify [--engine ray]`"""

from pathlib import Path

from catalog.inference import unseen
from catalog.inference.pace import CountedEmbeddings, Pace
from catalog.inference.shards import ShardFolder
from catalog.inference.signatures import trust_of
from catalog.jobs import Job, note_left
from catalog.placement import ledger


def run(job: Job, *, limit: int | None = None, model_id: str | None = None) -> str | None:
    """Appends predictions of a model (default: the serving one); returns the provider that answered, None when there was nothing to predict.

    Without a promoted model nothing is predicted; so too when imported answers serve: what they do not name has no
    prediction and goes to review. What is not classified when the time is up is left for the next night; workers of a
    cluster finish what they have begun.
    """
    model_id = model_id or ledger.current_model(job.store)
    if model_id is None or ledger.is_foreign(job.store, model_id):
        return None
    if job.out_of_time:
        left = unseen.count(job, model_id, limit=limit)
        note_left(job, "inputs", [(None, None, left)] if left else [])
        return None
    path = ledger.model_path(job.workspace, model_id)
    if job.settings.scale.engine == "ray":
        from pipelines import scale_out  # noqa: PLC0415 - see _here

        return scale_out.run(job, model_id, path, limit=limit)
    return _here(job, model_id, path, limit)


def _here(job: Job, model_id: str, path: Path, limit: int | None) -> str | None:
    """In this process, batch by batch, each in its own transaction: a killed run loses at most one batch."""
    ShardFolder(job.workspace.shards).clear()  # what a killed run cut for Ray is predicted here now
    total = unseen.count(job, model_id, limit=limit)
    if not total:
        return None
    from catalog.inference.classifier import Classifier, KeptEmbeddings  # noqa: PLC0415 - a night without new inputs need not pay for the runtime

    serving, done = job.settings.serving, 0
    classifier = Classifier.open(path, trust=trust_of(job), device=serving.device, threads=serving.threads)
    cache = CountedEmbeddings(KeptEmbeddings(job.workspace.embeddings))
    pace = Pace(job, total, cache=cache)
    for batch in unseen.batches(job, model_id, rows=serving.batch_rows, limit=limit):
        unseen.keep(job, classifier.predict(batch, embeddings=cache), model_id, classifier.provider)
        done += batch.height
        pace.show(done)
        if job.out_of_time and done < total:
            note_left(job, "inputs", [(None, None, total - done)])
            break
    return classifier.provider
