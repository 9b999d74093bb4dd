"""Predicts on a Ray cluster: inputs become shards, workers answer them, and what is complete and intact is stored.

`catalog classify --engine ray`, `catalog nightly --engine ray`
"""

from pathlib import Path

import polars as pl

from catalog.errors import CatalogError
from catalog.inference import ray_engine, unseen
from catalog.inference.pace import Pace
from catalog.inference.shard_worker import Work
from catalog.inference.shards import Answer, Plan, ShardFolder
from catalog.inference.signatures import trust_of
from catalog.jobs import Job


def run(job: Job, model_id: str, bundle: Path, *, limit: int | None = None) -> str | None:
    """Appends predictions; returns the provider that answered, None when there was nothing to predict.

    What an earlier start left unfinished is finished first: its shards that are complete and intact are not computed
    again. Raises CatalogError when Ray is missing, and when a shard is not what a worker finished.
    """
    folder, provider = ShardFolder(job.workspace.shards), None
    if left := folder.left(model_id):
        provider = _settle(job, folder, left, bundle, resumed=True)
    todo = unseen.batches(job, model_id, rows=job.settings.scale.batch_rows, limit=limit)
    if plan := folder.stage(todo, model_id):
        provider = _settle(job, folder, plan, bundle)
    return provider


def _settle(job: Job, folder: ShardFolder, plan: Plan, bundle: Path, *, resumed: bool = False) -> str:
    """Computes what is missing of a plan, checks all of it, stores it shard by shard and removes the folder."""
    _compute(job, folder, plan, bundle)
    answers = folder.accept(plan)
    for answer in answers:
        predictions = pl.read_parquet(folder.answers / answer.name)
        unseen.keep(
            job,
            unseen.not_kept(job, predictions, plan.model_id) if resumed else predictions,
            plan.model_id,
            answer.provider,
        )
    folder.clear()
    return answers[-1].provider


def _compute(job: Job, folder: ShardFolder, plan: Plan, bundle: Path) -> None:
    scale, serving = job.settings.scale, job.settings.serving
    finished = folder.finished(plan)
    done = sum(answer.rows for answer in finished.values())
    job.event("shards", counts={"shards": len(plan.shards), "finished": len(finished), "rows": plan.rows})
    waiting = [shard for shard in plan.shards if shard.name not in finished]
    if not waiting:
        return
    threads = serving.threads if scale.device == "cuda" else 1  # a processor a worker
    work = Work(folder.root, bundle, scale.device, threads, plan.version, trust_of(job))
    pace = Pace(job, plan.rows, before=done)
    for answer in ray_engine.answers(waiting, work, scale):
        require_pictures(answer)
        folder.record(answer)
        done += answer.rows
        pace.show(done)


def require_pictures(answer: Answer) -> None:
    """Raises CatalogError when a worker missed pictures that are here: it would answer from the text alone."""
    here = [path for path in answer.unseen if Path(path).exists()]
    if here:
        raise CatalogError(
            f"Worker {answer.worker} does not see pictures that are here, such as {here[0]}.",
            remedy="Workers need the workspace, pictures included, under the path it has for the command (shared storage).",
        )
