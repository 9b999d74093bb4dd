"""What a worker does: one copy of the classifier that answers shard after shard of a job's folder."""

import json
import os
import socket
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.inference.classifier import Classifier, Device
from catalog.inference.shards import Answer, Shard, ShardFolder, intact, write
from catalog.inference.signatures import ANYBODY, Trust
from catalog.jobs import program_version

MOST_ATTEMPTS = 5  # a shard that ended its worker so often would end every worker, again and again
_NAMED = 8  # pictures named when a worker does not see them


@dataclass(frozen=True)
class Work:
    """What all workers of a job share: its folder, its bundle, and how to run it."""

    folder: Path
    bundle: Path
    device: Device
    threads: int
    version: str
    trust: Trust = ANYBODY  # the keys themselves: a worker may see another keyring than the command


class ShardWorker:
    """Answers shards. What a person must put right is an answer too: raised, it would only be tried again."""

    def __init__(self, work: Work) -> None:
        self.work, self.folder = work, ShardFolder(work.folder)

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """{"shard": facts of a Shard} to {"answer": facts of an Answer, or problem and remedy}, as JSON."""
        shard = Shard(**json.loads(row["shard"]))
        try:
            facts = asdict(self.answer(shard))
        except CatalogError as error:
            facts = {"problem": f"Worker {_me()}, shard {shard.name}: {error.message}", "remedy": error.remedy}
        return {"answer": json.dumps(facts)}

    def answer(self, shard: Shard) -> Answer:
        """Predicts a shard and writes what comes out under the same name.

        Raises CatalogError when this worker cannot: no shared folder, another version, a shard that ends its workers.
        """
        self._begin(shard)
        inputs = pl.read_parquet(self.folder.inputs / shard.name)
        found = self._classifier.predict(inputs)
        reached("worker.predicted")
        written = write(self.folder.answers / shard.name, found)
        reached("worker.written")
        wanting = zip(inputs["image"].to_list(), found["image_status"].to_list(), strict=True)
        unseen = [path for path, status in wanting if status == "unreadable" and not Path(path).exists()]
        return Answer(
            **asdict(written), provider=self._classifier.provider, worker=_me(), unseen=tuple(unseen[:_NAMED])
        )

    def _begin(self, shard: Shard) -> None:
        if not intact(self.folder.inputs / shard.name, shard):
            raise CatalogError(
                f"{self.folder.inputs / shard.name} is missing or altered.",
                remedy="Workers need the workspace under the path it has for the command (shared storage).",
            )
        if program_version() != self.work.version:
            raise CatalogError(
                f"This worker runs feedshelf {program_version()}, the command {self.work.version}.",
                remedy="Install the same version on every machine of the cluster.",
            )
        with (self.folder.attempts / shard.name).open("ab") as file:
            file.write(b".")
            begun = file.tell()
        if begun > MOST_ATTEMPTS:
            raise CatalogError(
                f"{MOST_ATTEMPTS} workers died while they predicted this shard.",
                remedy="Give each worker more memory, or make scale.batch_rows smaller, which narrows it down.",
            )

    @cached_property
    def _classifier(self) -> Classifier:
        """Opened with the first shard: what refuses a bundle is then told like everything else."""
        return Classifier.open(
            self.work.bundle, trust=self.work.trust, device=self.work.device, threads=self.work.threads
        )


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
