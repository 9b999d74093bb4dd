"""Shared, real, small inputs: a shop with eight shelves, and a workspace that has learned them."""

import csv
import os
import random
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from review_desk import desk, prepared  # noqa: F401 - fixtures

# No test is timed: a busy machine must not fail a property.
settings.register_profile("untimed", deadline=None, derandomize=True)
settings.load_profile("untimed")

MEMORY = Path("/dev/shm")
ROOM = 8 * 2**30  # bytes free, so that a run of all tests cannot fill it


def pytest_configure() -> None:
    """Folders of tests lie in memory where there is plenty: a night waits for the disk a hundred times and more.

    Not where programs in it may not be run: a test installs the wheel there.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = 1024 * int(told["MemAvailable"].split()[0])
        if min(free, shutil.disk_usage(MEMORY).free) > ROOM:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


# Files of half a minute and more. They come first: a worker that meets one last lets the other wait for it.
LONG = (
    "test_kill", "test_real_deliveries", "test_sample", "test_report", "test_crash_loop", "test_scale_out", "test_changes",
    "test_deliveries", "test_retrain", "test_publication", "test_review_page", "test_predictions",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, in the order of `LONG`; the others stay as they were."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


SETTINGS = """\
[routing]
target = 0.9
control_share = 0.0
audit_share = 0.02

[training]
encoder_text = "tiny"
encoder_image = "tiny"
image_size = 32
finetune_epochs = 0

[serving]
threads = 1
batch_rows = 25

[feeds]
batch_rows = 60
settle_seconds = 0
"""
SHELVES = {
    "Home > Kitchen > Mugs": "mug cup coffee handle ceramic espresso",
    "Home > Kitchen > Plates": "plate dish dinner porcelain stoneware rim",
    "Home > Light > Lamps": "lamp desk bulb shade light led",
    "Home > Light > Candles": "candle wax wick scented tealight soy",
    "Sport > Shoes > Running": "running shoe trail sole cushion marathon",
    "Sport > Shoes > Football": "football boot studs turf leather striker",
    "Sport > Balls > Tennis": "tennis ball felt court can pressure",
    "Sport > Balls > Basketball": "basketball ball rubber hoop indoor grip",
}
COMMON = [
    "new",
    "black",
    "white",
    "set",
    "pack",
    "large",
    "small",
    "premium",
    "basic",
    "2026",
    "sale",
    "quality",
    "gift",
]
FIELDS = ["item_id", "title", "description", "brand", "price", "category_path"]


@pytest.fixture(autouse=True)
def exporter(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("train"):
        keep_operators()


@cache
def keep_operators() -> None:
    """torch's exporter lists its thousands of operators for each of the three networks of a bundle: once is enough."""
    with suppress(ImportError, AttributeError):  # it is no public part of torch
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))


def product(rng: random.Random, number: int, *, vague: bool = False) -> dict[str, str]:
    """A product of one shelf; a vague one is described by words that every shelf uses."""
    path, words = rng.choice(list(SHELVES.items()))
    own = [] if vague else rng.sample(words.split(), 3)
    title = own + rng.sample(COMMON, 3)
    rng.shuffle(title)
    return {
        "item_id": f"{number:05d}",
        "title": " ".join([*title, f"{rng.choice('ABCDEFG')}{rng.randint(100, 99999)}"]),
        "description": " ".join(rng.sample(COMMON, 2) + own[:1]),
        "brand": rng.choice(["Acme", "Borg", "Cyan"]),
        "price": f"{rng.randint(1, 300)}.{rng.randint(10, 99)}",
        "category_path": path,
    }


def write(path: Path, rows: list[dict[str, str]], fields: list[str]) -> None:
    """A CSV of the house columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with catalog.toml, labels.csv (800 products), first.csv (120 items) and second.csv.

    second.csv is first.csv with ten new prices and one new item; truth.csv holds the delivered items' categories.
    """
    folder = tmp_path_factory.mktemp("shop")
    rng = random.Random(7)
    (folder / "catalog.toml").write_text(SETTINGS)
    write(folder / "labels.csv", [product(rng, n) for n in range(800)], FIELDS)
    delivered = [product(rng, 1000 + n, vague=n % 6 == 0) for n in range(120)]
    write(folder / "first.csv", delivered, FIELDS[:-1])
    write(folder / "truth.csv", delivered, ["item_id", "category_path"])
    cheaper = [row | {"price": "1.00"} if n < 10 else row for n, row in enumerate(delivered)]
    write(folder / "second.csv", [*cheaper, product(rng, 5000)], FIELDS[:-1])
    return folder


@pytest.fixture(scope="session")
def taught(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with taxonomy and labels, and no model."""
    from pipelines import labels, taxonomy, workspace
    from pipelines.session import opened

    place = workspace.init(tmp_path_factory.mktemp("taught") / "ws")
    place.settings_file.write_text((shop / "catalog.toml").read_text())
    with opened(place.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, shop / "labels.csv")
        with session.single("labels") as job:
            labels.run(job, shop / "labels.csv", vendor="history", random=True)
    return place.root


@pytest.fixture(scope="session")
def learned(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with taxonomy, labels and a promoted bundle; copy it before changing it (`workspace_copy`)."""
    from pipelines import train
    from pipelines.session import opened

    place = Path(shutil.copytree(taught, tmp_path_factory.mktemp("learned") / "ws"))
    with opened(place) as session, session.single("train") as job:
        train.run(job)
    return place


@pytest.fixture
def workspace_copy(learned: Path, tmp_path: Path) -> Path:
    """A workspace of one's own that has learned the shelves."""
    return Path(shutil.copytree(learned, tmp_path / "ws"))
