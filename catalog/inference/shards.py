"""A job cut into Parquet shards: the inputs, the answers, and the manifests that say what is complete and unaltered.

One folder holds one job:

    plan.json        the model, and name, rows and sha256 of every input shard; written last, so that it vouches for them
    inputs/          a Parquet file a shard, columns of INPUT_COLUMNS
    answers/         a Parquet file of the same name for every shard that a worker has finished
    answers.jsonl    name, rows, sha256, provider and worker of every finished shard, a line each
    attempts/        a byte for every time a worker began a shard
"""

import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from catalog import durable
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import program_version


@dataclass(frozen=True)
class Shard:
    """A file as it was written: its name, its rows and its sha256."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Answer(Shard):
    """A finished shard: who answered it, and where. `unseen`: some of the pictures that were not there for the worker."""

    provider: str
    worker: str
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The shards of a job, for one model by one version of the program."""

    model_id: str
    version: str
    shards: tuple[Shard, ...]

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows for shard in self.shards)


class ShardFolder:
    """The folder of one job. Only the driver writes the manifests; workers write shards."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inputs, self.answers, self.attempts = root / "inputs", root / "answers", root / "attempts"
        self._plan, self.manifest = root / "plan.json", root / "answers.jsonl"

    def stage(self, frames: Iterable[pl.DataFrame], model_id: str) -> Plan | None:
        """Writes each frame of inputs as a shard and then their plan; None when there are no inputs."""
        self.clear()
        for folder in (self.inputs, self.answers, self.attempts):
            folder.mkdir(parents=True)
        shards = tuple(write(self.inputs / f"{n:06d}.parquet", frame) for n, frame in enumerate(frames))
        if not shards:
            self.clear()
            return None
        plan = Plan(model_id, program_version(), shards)
        reached("classify.plan")
        durable.write(self._plan, json.dumps(asdict(plan)).encode())
        return plan

    def left(self, model_id: str) -> Plan | None:
        """The plan of a job that an earlier start left unfinished; None, and nothing left of it, when it is of no use.

        It is of use for the same model and program while every input is as it was written.
        """
        if not self._plan.exists():
            return None
        facts = json.loads(self._plan.read_bytes())
        plan = Plan(facts["model_id"], facts["version"], tuple(Shard(**shard) for shard in facts["shards"]))
        same = (plan.model_id, plan.version) == (model_id, program_version())
        if same and all(intact(self.inputs / shard.name, shard) for shard in plan.shards):
            return plan
        self.clear()
        return None

    def finished(self, plan: Plan) -> dict[str, Answer]:
        """The answers that are there and intact, by name. What else is in manifest and folder is removed.

        The manifest is written anew, so that the next line does not join one that a kill cut short.
        """
        shutil.rmtree(self.attempts, ignore_errors=True)
        self.attempts.mkdir()
        rows = {shard.name: shard.rows for shard in plan.shards}
        found = {
            name: answer
            for name, answer in self._recorded().items()
            if answer.rows == rows.get(name) and intact(self.answers / name, answer)
        }
        for file in self.answers.iterdir():
            if file.name not in found:
                file.unlink()
        durable.write(self.manifest, "".join(map(_line, found.values())).encode())
        return found

    def record(self, answer: Answer) -> None:
        """Adds a finished shard to the manifest; a shard answered twice stands as it was answered last."""
        reached("classify.shard")
        with self.manifest.open("a", encoding="utf-8") as file:
            file.write(_line(answer))
            file.flush()
            os.fsync(file.fileno())

    def accept(self, plan: Plan) -> list[Answer]:
        """The answers of all shards, in the order of the plan.

        Raises CatalogError when one is missing, truncated, altered or of another length than its inputs, and when there
        is one that nobody asked for: the next start removes such shards and computes them again.
        """
        recorded, rows = self._recorded(), {shard.name: shard.rows for shard in plan.shards}
        present = {file.name for file in self.answers.glob("*.parquet")}
        missing = [name for name in rows if name not in present or name not in recorded]
        altered = [
            name
            for name in rows
            if name not in missing
            and not (recorded[name].rows == rows[name] and intact(self.answers / name, recorded[name]))
        ]
        problems = (("missing", missing), ("altered", altered), ("not asked for", sorted(present - rows.keys())))
        said = [f"{len(names)} {what} ({names[0]})" for what, names in problems if names]
        if said:
            raise CatalogError(
                f"The shards in {self.answers} are not what the workers finished: {', '.join(said)}. Nothing was stored.",
                remedy="Start again: the shards that are wrong are computed anew, the others are kept. If it happens "
                "again, look whether another job writes there, and whether the shared disk is sound.",
            )
        return [recorded[shard.name] for shard in plan.shards]

    def altered(self) -> list[Path]:
        """Inputs and finished answers of a job in hand that are not, or no more, what was written."""
        if not self._plan.exists():
            return []
        shards = [Shard(**shard) for shard in json.loads(self._plan.read_bytes())["shards"]]
        written = [(self.inputs / shard.name, shard) for shard in shards]
        written += [(self.answers / name, answer) for name, answer in self._recorded().items()]
        return [path for path, shard in written if not intact(path, shard)]

    def clear(self) -> None:
        """Removes the job, the plan first: half a folder without a plan is nothing to carry on with."""
        self._plan.unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _recorded(self) -> dict[str, Answer]:
        """The manifest's last line of each shard. A line that a kill cut short says nothing."""
        found = {}
        lines = self.manifest.read_text(encoding="utf-8").splitlines() if self.manifest.exists() else []
        for line in lines:
            try:
                answer = answer_of(json.loads(line))
            except (ValueError, TypeError):
                continue
            found[answer.name] = answer
        return found


def answer_of(facts: dict) -> Answer:
    """An answer from its JSON form. Raises TypeError when it says too little or too much."""
    return Answer(**{**facts, "unseen": tuple(facts.get("unseen", ()))})


def _line(answer: Answer) -> str:
    return json.dumps(asdict(answer)) + "\n"


def write(target: Path, frame: pl.DataFrame) -> Shard:
    """Writes a shard whole or not at all. Its unfinished name is its own: two workers may answer one shard at a time."""
    held = io.BytesIO()
    frame.write_parquet(held)
    content = held.getvalue()
    unfinished = target.with_name(f".{uuid.uuid4().hex}")
    try:
        reached("shard.write")
        unfinished.write_bytes(content)
        durable.sync(unfinished)
        reached("shard.whole")
        unfinished.replace(target)
        reached("shard.renamed")
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    durable.sync(target.parent)
    return Shard(target.name, frame.height, hashlib.sha256(content).hexdigest())


def intact(file: Path, shard: Shard) -> bool:
    """Whether the file is there with the content that was written."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == shard.sha256
    except FileNotFoundError:
        return False
