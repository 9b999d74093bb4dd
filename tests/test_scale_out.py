"""Beyond one process: workers of a real Ray cluster answer what the local engine answers, whoever dies meanwhile."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

import duckdb
import polars as pl
import pytest
from PIL import Image
from polars.testing import assert_frame_equal

from catalog.errors import CatalogError
from catalog.inference import unseen
from catalog.inference.shard_worker import MOST_ATTEMPTS, ShardWorker, Work
from catalog.inference.shards import Answer, Plan, ShardFolder
from catalog.placement import ledger
from catalog.publishing import views
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from catalog.store import Store
from pipelines import nightly, scale_out
from pipelines.session import opened
from tests.crashing import children
from tests.hand_made import hand_made

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[1]
# Ray reports nothing home, and the cluster on loopback asks no token of the command that joins it.
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
SCALE = "\n[scale]\nconcurrency = 2\nbatch_rows = 25\n"  # 120 items: five shards


@pytest.fixture(scope="module")
def delivered(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that has taken 120 items, a third with a picture, one of them unreadable, and predicted none."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("delivered") / "ws"))
    inbox = place / "feeds" / "acme"
    inbox.mkdir(parents=True)
    head, *rows = (shop / "first.csv").read_text().splitlines()
    pictures = [f"{n}.png" if n % 3 == 0 else "" for n in range(len(rows))]
    for number, name in enumerate(pictures):
        if name:
            Image.new("RGB", (40, 60), (2 * number, 90, 160)).save(inbox / name)
    feed = [f"{head},image", *(f"{row},{name}" for row, name in zip(rows, pictures, strict=True))]
    (inbox / "2026-01-01.csv").write_text("\n".join(feed) + "\n")
    with (place / "catalog.toml").open("a") as file:
        file.write(SCALE)
    with opened(place) as session:
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        assert run_id
        for name in ("ingest", "fetch", "certify"):
            nightly.step(session, name, run_id, found)
        spoilt = session.store.one("SELECT max(image) FROM items WHERE vendor = 'acme' AND image_status = 'ok'")
    Path(spoilt).write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    return place


@pytest.fixture(scope="module")
def local(delivered: Path) -> pl.DataFrame:
    """What the local engine predicts there."""
    place = Path(shutil.copytree(delivered, delivered.parent / "local"))
    classify(place, "local")
    return predictions(place)


@pytest.fixture
def place(delivered: Path, tmp_path: Path) -> Path:
    """A copy of one's own of the workspace whose items wait."""
    return Path(shutil.copytree(delivered, tmp_path / "ws"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a running cluster of two processors, which a process of its own holds until its input ends."""
    needs_ray()
    start = """
import sys, ray
ray.init("local", num_cpus=2, num_gpus=0, include_dashboard=False, object_store_memory=80 * 2**20)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, "-c", start], env=os.environ | ENVIRONMENT, **pipes) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


def needs_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'feedshelf[ray]'")
    if fault := no_cluster_because():
        pytest.skip(f"no Ray cluster can be started on this machine: {fault}")


@lru_cache(maxsize=1)
def no_cluster_because() -> str:
    """Why Ray itself, without any of our code, does not come up here (a container without shared memory, say); else empty."""
    start = """
import ray
ray.init("local", num_cpus=1, num_gpus=0, include_dashboard=False, object_store_memory=80 * 2**20)
assert ray.get(ray.remote(lambda: 7).remote()) == 7
"""
    try:
        tried = subprocess.run(
            [sys.executable, "-c", start],
            env=os.environ | ENVIRONMENT,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        return "it did not come up in two minutes"
    return (tried.stderr.strip().splitlines() or ["no reason given"])[-1] if tried.returncode else ""


def classify(place: Path, engine: str) -> None:
    with opened(place) as session:
        nightly.step(session.on(engine), "classify", "000002-test", [])


def command(place: Path, verb: str, address: str = "", **environment: str) -> subprocess.CompletedProcess:
    """`catalog VERB --engine ray` in a process of its own, on the cluster at that address or on one it starts."""
    settings = place / "catalog.toml"
    settings.write_text(settings.read_text() + (f'address = "{address}"\n' if address else ""))
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", verb, "--engine", "ray", "-w", str(place)],
        env=os.environ | ENVIRONMENT | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def predictions(place: Path) -> pl.DataFrame:
    with Store.open(place / "state" / "work.duckdb") as store:
        return store.query(
            """SELECT * EXCLUDE (run_id, predicted_at) FROM predictions
               WHERE input_hash IN (SELECT input_hash FROM sightings WHERE vendor = 'acme')
                 AND run_id IS NOT NULL AND predicted_at IS NOT NULL ORDER BY input_hash"""
        )


def assert_equal(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert found.height == 120
    assert_frame_equal(found, expected, abs_tol=1e-5, rel_tol=1e-5)  # as exact as batches of another make-up allow


def folder_of(place: Path) -> ShardFolder:
    return ShardFolder(Workspace(place).shards)


def counts(result: subprocess.CompletedProcess, event: str) -> list[str]:
    """What the log lines of an event say."""
    return [line.partition(f" {event} ")[2] for line in result.stderr.splitlines() if f" {event} " in line]


# ---------------------------------------------------------------- on a cluster


def test_a_cluster_answers_like_one_process(place: Path, local: pl.DataFrame, cluster: str) -> None:
    result = command(place, "nightly", cluster)
    assert result.returncode == 0, result.stderr
    assert "120" in result.stdout, "the night went on to its end"
    assert set(local["image_status"]) == {"used", "missing", "unreadable"}
    assert_equal(predictions(place), local)
    assert not folder_of(place).root.exists()
    assert counts(result, "shards") == ["shards=5 finished=0 rows=120"]
    assert counts(result, "classify_progress")[-1].startswith("done=120 total=120 per_second=")


def test_a_killed_worker_changes_nothing(place: Path, local: pl.DataFrame) -> None:
    """Every worker is killed (SIGKILL) in its second shard, after predicting and before writing."""
    needs_ray()
    settings, log = place / "catalog.toml", place / "points.log"
    # three shards: each worker that dies costs the start of another
    settings.write_text(settings.read_text().replace(SCALE, SCALE.replace("25", "40")))
    result = command(place, "classify", FEEDSHELF_FAILPOINT="worker.predicted:2", FEEDSHELF_FAILPOINT_LOG=str(log))
    assert result.returncode == 0, result.stderr
    assert log.read_text().split().count("worker.predicted") > 3, "no worker died"
    assert_equal(predictions(place), local)


def test_a_killed_driver_is_carried_on_and_an_altered_shard_computed_anew(
    place: Path, local: pl.DataFrame, cluster: str
) -> None:
    killed = command(place, "classify", cluster, FEEDSHELF_FAILPOINT="classify.shard:4")
    assert killed.returncode == -signal.SIGKILL
    assert predictions(place).height == 0
    folder = folder_of(place)
    first, *_ = [json.loads(line)["name"] for line in folder.manifest.read_text().splitlines()]
    content = bytearray((folder.answers / first).read_bytes())
    content[len(content) // 2] ^= 1
    (folder.answers / first).write_bytes(content)
    again = command(place, "classify")
    assert again.returncode == 0, again.stderr
    assert counts(again, "shards") == ["shards=5 finished=2 rows=120"]
    assert_equal(predictions(place), local)


def test_a_cluster_without_a_gpu_is_an_error_where_one_was_asked_for(place: Path, cluster: str) -> None:
    settings = place / "catalog.toml"
    settings.write_text(settings.read_text().replace("concurrency = 2", 'device = "cuda"'))
    result = command(place, "classify", cluster)
    assert result.returncode == 1
    assert "no GPU for a worker. Where machines come on demand set scale.concurrency" in result.stderr


# ---------------------------------------------------------------- the folder and a worker, without a cluster


@pytest.fixture
def answered(place: Path) -> tuple[Path, ShardFolder, Plan]:
    """The workspace, and a job in it whose five shards a worker in this process has answered."""
    folder = folder_of(place)
    with opened(place) as session:
        model_id = ledger.current_model(session.store)
        assert model_id
        job = session.job("000002-test")
        assert unseen.count(job, model_id) == 120
        plan = folder.stage(unseen.batches(job, model_id, rows=25), model_id)
    assert plan
    assert [shard.rows for shard in plan.shards] == [25, 25, 25, 25, 20]
    worker = ShardWorker(work_of(place, plan))
    folder.finished(plan)
    for shard in plan.shards:
        folder.record(worker.answer(shard))
    return place, folder, plan


def work_of(place: Path, plan: Plan, version: str | None = None) -> Work:
    return Work(folder_of(place).root, place / "models" / plan.model_id, "cpu", 1, version or plan.version)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def altered(file: Path) -> None:
    pl.read_parquet(file).with_columns(probability=pl.lit(0.999)).write_parquet(file)


def another(file: Path) -> None:
    shutil.copy(file, file.with_name("000099.parquet"))


@pytest.mark.parametrize("spoil", [Path.unlink, truncated, altered, another], ids=lambda spoil: spoil.__name__)
def test_a_shard_that_is_not_what_a_worker_finished_is_refused(
    answered: tuple[Path, ShardFolder, Plan], spoil: Callable[[Path], None]
) -> None:
    _, folder, plan = answered
    assert len(folder.accept(plan)) == 5
    spoil(folder.answers / plan.shards[1].name)
    with folder.manifest.open("a") as file:
        file.write('{"name": "0000')  # and the last line was cut short
    with pytest.raises(CatalogError, match=r"0000(01|99)\.parquet.*Start again"):
        folder.accept(plan)
    left = folder.finished(plan)
    assert len(left) == (5 if spoil is another else 4)
    for shard in plan.shards:
        if shard.name not in left:
            folder.record(ShardWorker(work_of(answered[0], plan)).answer(shard))
    assert len(folder.accept(plan)) == 5


def test_a_job_killed_while_it_is_stored_is_stored_once(
    answered: tuple[Path, ShardFolder, Plan], local: pl.DataFrame
) -> None:
    place, folder, plan = answered
    with opened(place) as session:
        some = pl.read_parquet(folder.answers / plan.shards[2].name)
        unseen.keep(session.job("000002-test"), some, plan.model_id, "CPUExecutionProvider")
    classify(place, "ray")  # every shard is answered: no cluster is needed
    assert_equal(predictions(place), local)
    assert not folder.root.exists()


WORKED = """
import json
from pathlib import Path
from catalog.inference.shard_worker import ShardWorker, Work
worker = ShardWorker(Work(Path({root!r}), Path({bundle!r}), "cpu", 1, {version!r}))
for shard in json.loads({shards!r}):
    worker({{"shard": json.dumps(shard)}})
"""
# Where a worker may die: before it writes, with the file whole under another name, under its name, and with all of it done.
DEATHS = (
    "worker.predicted",
    "shard.write",
    "disk.sync",
    "shard.whole",
    "shard.renamed",
    "disk.sync:2",
    "worker.written",
)


@pytest.mark.parametrize("deaths", [DEATHS[3::3], pytest.param(DEATHS, marks=pytest.mark.slow)], ids=["some", "all"])
def test_a_worker_killed_in_the_write_of_a_shard_leaves_nothing_that_counts(
    answered: tuple[Path, ShardFolder, Plan], local: pl.DataFrame, tmp_path: Path, deaths: tuple[str, ...]
) -> None:
    """And the driver with it: the next start keeps what the manifest vouches for, and computes the other shards anew."""
    place, folder, plan = answered
    work = work_of(place, plan)
    alive, said = ShardWorker(work), {"root": str(work.folder), "bundle": str(work.bundle), "version": work.version}
    with children(tmp_path) as process:
        for number, point in enumerate(deaths):
            shard = plan.shards[number % 5]
            (folder.answers / shard.name).unlink()
            code = WORKED.format(**said, shards=json.dumps([asdict(shard)]))
            assert process.run(code=code, point=point) == -signal.SIGKILL, process.said
            half = [file.name for file in folder.answers.iterdir() if file.name.startswith(".")]
            assert len(half) == (point in ("disk.sync", "shard.whole")), point
            there = (folder.answers / shard.name).exists()
            assert there == (point in ("shard.renamed", "disk.sync:2", "worker.written")), point
            left = folder.finished(plan)
            assert {file.name for file in folder.answers.iterdir()} == left.keys(), point
            assert left.keys() == {other.name for other in plan.shards if there or other != shard}, point
            if not there:
                folder.record(alive.answer(shard))
    classify(place, "ray")  # every shard is answered: no cluster is needed
    assert_equal(predictions(place), local)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_night_on_a_cluster_killed_at_each_kind_of_point_ends_the_same(
    place: Path, local: pl.DataFrame, cluster: str, tmp_path: Path, record_property
) -> None:
    """Its driver, at the first and the last of the points of a name up to the last shard stored; the workers go with it."""
    log, calm = tmp_path / "points.log", Path(shutil.copytree(place, tmp_path / "calm"))
    assert command(calm, "nightly", cluster, FEEDSHELF_FAILPOINT_LOG=str(log)).returncode == 0
    reached = log.read_text().split()
    reached = reached[: len(reached) - reached[::-1].index("classify.stages")]
    begun = reached.index("shard.write")
    places = {reached.index(name, begun) for name in set(reached[begun:])}
    places |= {len(reached) - 1 - reached[::-1].index(name) for name in set(reached[begun:])}
    expected = published(calm)
    for n in sorted(places):
        copy = Path(shutil.copytree(place, tmp_path / f"killed-{n}"))
        killed = command(copy, "nightly", cluster, FEEDSHELF_FAILPOINT=f":{n + 1}")
        assert killed.returncode == -signal.SIGKILL, (reached[n], killed.stderr)
        again = command(copy, "nightly")
        assert again.returncode == 0, (reached[n], again.stderr)
        assert_equal(predictions(copy), local)
        assert published(copy) == expected, reached[n]
        assert not folder_of(copy).root.exists()
        shutil.rmtree(copy)
    record_property("kills", len(places))
    record_property("kills in the driver of a cluster", len(places))


def published(place: Path) -> list[tuple]:
    asked = "SELECT vendor, item_id, category_id, outcome FROM current_category ORDER BY ALL"
    return query_published(Workspace(place).published_db, asked).rows()


def test_a_job_of_another_model_or_with_altered_inputs_is_not_carried_on(
    answered: tuple[Path, ShardFolder, Plan],
) -> None:
    _, folder, plan = answered
    assert folder.left(plan.model_id) == plan
    truncated(folder.inputs / plan.shards[0].name)
    assert folder.left(plan.model_id) is None
    assert folder.stage([pl.DataFrame({"input_hash": ["a"]})], "another")
    assert folder.left(plan.model_id) is None
    assert not folder.root.exists()


def test_the_local_engine_leaves_no_job_behind(answered: tuple[Path, ShardFolder, Plan], local: pl.DataFrame) -> None:
    place, folder, _ = answered
    classify(place, "local")
    assert not folder.root.exists()
    assert_equal(predictions(place), local)


def test_what_a_worker_cannot_do_is_told_with_its_remedy(answered: tuple[Path, ShardFolder, Plan]) -> None:
    place, folder, plan = answered
    shard = plan.shards[0]

    def told(worker: ShardWorker) -> dict:
        return json.loads(worker({"shard": json.dumps(asdict(shard))})["answer"])

    assert "Install the same version" in told(ShardWorker(work_of(place, plan, "0.0.1")))["remedy"]
    (folder.attempts / shard.name).write_bytes(b"." * MOST_ATTEMPTS)
    assert "died" in told(ShardWorker(work_of(place, plan)))["problem"]
    (folder.inputs / shard.name).unlink()
    assert "shared storage" in told(ShardWorker(work_of(place, plan)))["remedy"]


def test_a_picture_that_only_the_command_sees_is_an_error(place: Path) -> None:
    seen = Answer("000000.parquet", 25, "", "CPUExecutionProvider", "node-7:12", (str(place / "catalog.toml"),))
    with pytest.raises(CatalogError, match=r"node-7:12.*catalog\.toml.*shared storage"):
        scale_out.require_pictures(seen)
    scale_out.require_pictures(replace(seen, unseen=(str(place / "gone.png"),)))


def test_a_missing_ray_names_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CatalogError, match=r"pip install 'feedshelf\[ray\]'"):
        classify(place, "ray")


def test_help_does_not_import_ray() -> None:
    loaded = "import sys, pipelines.cli, pipelines.nightly; print('ray' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", loaded], env=os.environ | ENVIRONMENT, capture_output=True, check=True
    )
    assert answer.stdout.strip() == b"False"


# ---------------------------------------------------------------- beyond one database file


def test_the_views_answer_the_same_over_parquet_files(tmp_path: Path) -> None:
    """Every view over the facts as Parquet files: what docs/scaling.md says of the time after one DuckDB file."""
    _, work = hand_made(tmp_path / "ws")
    views.create(work)
    named = [view.name for view in views.standing() + views.questions()]
    assert len(named) > 30
    tables = work.query("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'").to_series()
    migrated = work.query("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY view_name").rows()
    with duckdb.connect() as connection:
        lake = Store(connection, tmp_path / "none")
        lake.execute("SET TimeZone = 'UTC'")
        for name in tables:
            file = tmp_path / f"{name}.parquet"
            work.query(f'SELECT * FROM "{name}"').write_parquet(file)
            lake.execute(f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{file}')")
        for name, sql in migrated:
            if name not in named:
                lake.execute(sql)
        views.create(lake)
        for name in named:
            question = f'SELECT * FROM "{name}"'
            answers = [sorted(map(repr, store.connection.execute(question).fetchall())) for store in (lake, work)]
            assert answers[0] == answers[1], name
    work.close()
