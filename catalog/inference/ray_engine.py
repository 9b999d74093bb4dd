"""The one door to Ray: shards go out to workers of a cluster, answers come back as they are finished.

Only names and checksums travel through Ray. Inputs, answers, pictures and the bundle are read and written in place, which
therefore has to be storage that every machine sees under the same path.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any

from catalog.errors import CatalogError
from catalog.inference.shard_worker import ShardWorker, Work
from catalog.inference.shards import Answer, Shard, answer_of
from catalog.settings import Scale

_OBJECT_STORE = 80 * 2**20  # bytes; Ray's least is 75 MiB, and names need no more


def library() -> ModuleType:
    """The module ray, ray.data loaded. Raises CatalogError where it is not installed."""
    try:
        import ray  # noqa: PLC0415 - an optional extra, and slow to import
        import ray.data  # noqa: PLC0415
    except ImportError as error:
        raise CatalogError(
            "The engine ray needs a library that is not installed here.",
            remedy="Install it with `pip install 'feedshelf[ray]'`, or classify with `--engine local`.",
        ) from error
    return ray


def answers(shards: Sequence[Shard], work: Work, scale: Scale) -> Iterator[Answer]:
    """The answer of every shard, in the order in which they are finished.

    A worker that dies is started anew, and so is its shard. Raises CatalogError for what a worker cannot put right, and
    when the cluster is not there.
    """
    ray = library()
    with _cluster(ray, scale):
        try:
            for row in _dataset(ray, shards, work, scale).iter_rows():
                yield _answer(json.loads(row["answer"]))
        except ray.exceptions.RayError as error:
            raise CatalogError(
                f"The Ray cluster gave up: {str(error).strip().splitlines()[-1]}",
                remedy="Start again: finished shards are kept. If it happens again, the logs are in /tmp/ray on its head.",
            ) from error


def _dataset(ray: ModuleType, shards: Sequence[Shard], work: Work, scale: Scale) -> Any:
    """A block a shard, so that each is given out, and tried again, alone."""
    on_gpu = scale.device == "cuda"
    most = scale.concurrency or _there(ray, "GPU" if on_gpu else "CPU")
    rows = [{"shard": json.dumps(asdict(shard))} for shard in shards]
    return ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        ShardWorker,
        fn_constructor_args=(work,),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(most, len(rows))),
        num_cpus=1,
        num_gpus=1 if on_gpu else None,
    )


def _there(ray: ModuleType, kind: str) -> int:
    """How many processors or GPUs the cluster has. Raises CatalogError when it has none: Ray would wait for ever."""
    found = int(ray.cluster_resources().get(kind, 0))
    if not found:
        raise CatalogError(
            f"The Ray cluster has no {kind} for a worker.",
            remedy="Where machines come on demand set scale.concurrency to how many there may be; else see scale.device.",
        )
    return found


def _answer(facts: dict) -> Answer:
    if "problem" in facts:
        raise CatalogError(facts["problem"], remedy=facts["remedy"])
    return answer_of(facts)


@contextlib.contextmanager
def _cluster(ray: ModuleType, scale: Scale) -> Iterator[None]:
    """The cluster this process is connected to while inside; one that was connected before stays so."""
    if ray.is_initialized():
        yield
        return
    _quiet(ray)
    address = scale.address or os.environ.get("RAY_ADDRESS", "")  # a job of a cluster is told so by its environment
    own = {"num_cpus": scale.concurrency or None, "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else own),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise CatalogError(
            f"There is no Ray cluster at {address or 'this machine'}: {str(error).strip().splitlines()[0]}",
            remedy="Start one with `ray start --head`, correct scale.address, or leave it empty: then one is started here.",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _quiet(ray: ModuleType) -> None:
    """The log is ours: Ray's own progress and its reports about plans would be every second line."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
