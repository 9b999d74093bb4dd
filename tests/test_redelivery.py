"""A delivery that comes again, a little changed: only what is new is read and encoded. Counted, never timed."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from structlog.testing import capture_logs

from pipelines import nightly
from pipelines.session import opened

pytestmark = pytest.mark.train

ITEMS = 100
COLUMNS = ["item_id", "title", "price", "image"]
STAGES = ("ingest", "fetch", "certify", "classify", "route")


def items(shop: Path) -> list[dict[str, str]]:
    """Products of the shop, each with a text and a picture of its own."""
    with (shop / "first.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:ITEMS]
    rows[0]["title"] = "X1"  # of no language
    return [{name: row.get(name, "") for name in COLUMNS[:3]} | {"image": f"{row['item_id']}.png"} for row in rows]


def drawn(path: Path, number: int) -> None:
    """A picture that no other number gives."""
    Image.new("RGB", (40, 40), (number % 250, number // 250, 90)).save(path)
    settled(path)


def settled(path: Path) -> None:
    """As if it had lain there for a minute: what was written just now is read once more, to be sure."""
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns - 60_000_000_000))


def deliver(place: Path, rows: list[dict[str, str]], name: str, **dialect: str) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), **dialect)
    writer.writeheader()
    writer.writerows(rows)
    (place / "feeds" / "acme" / name).write_bytes(text.getvalue().encode())


def encoded(place: Path) -> tuple[int, int]:
    """Texts and pictures whose embedding is kept."""
    model = (place / "models" / "current").read_text().strip()
    towers = json.loads((place / "models" / model / "labels.json").read_text())["towers"]
    counts = []
    for part in ("text", "image"):
        files = (place / "state" / "embeddings" / towers[part]).glob("*.arrow")
        counts.append(sum(pa.ipc.open_file(pa.OSFile(str(file))).read_all().num_rows for file in files))
    return counts[0], counts[1]


def night(place: Path) -> dict[str, int]:
    """What a night up to its outcomes did: texts and pictures encoded, picture files read, inputs predicted, items settled,
    texts whose language was looked for."""
    before = encoded(place)
    with capture_logs() as lines, opened(place) as session:
        waiting = nightly.to_take(session)
        run, _ = nightly.begin(session, waiting)
        assert run is not None
        for name in STAGES:
            nightly.step(session, name, run, waiting)
        nightly.close(session, run)
        predicted = session.store.one("SELECT count(*) FROM predictions WHERE run_id = ?", [run])
        routed = session.store.one("SELECT count(*) FROM routes WHERE run_id = ? AND vendor = 'acme'", [run])
        told = session.store.one("SELECT count(*) FROM told")
    read = sum(line["read"] for line in lines if line["event"] == "picture_files")
    texts, pictures = (now - then for now, then in zip(encoded(place), before, strict=True))
    found = {"texts": texts, "pictures": pictures, "read": read, "predicted": predicted, "routed": routed}
    return found | {"languages": told}


@pytest.fixture(scope="module")
def first(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A workspace after the first delivery, and what its night did."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("redelivered") / "ws"))
    inbox = place / "feeds" / "acme"
    inbox.mkdir(parents=True)
    rows = items(shop)
    for number, row in enumerate(rows):
        drawn(inbox / row["image"], number)
    deliver(place, rows, "1.csv")
    return place, night(place)


def test_the_first_delivery_encodes_every_item(first: tuple[Path, dict[str, int]]) -> None:
    assert set(first[1].values()) == {ITEMS}


def test_other_prices_order_columns_and_line_ends_encode_nothing(
    first: tuple[Path, dict[str, int]], shop: Path
) -> None:
    rows = [row | {"exported": "2026-11-02"} for row in reversed(items(shop))]
    for row in rows[-2:]:
        row["price"] = "1.99"
    deliver(first[0], rows, "2.csv", lineterminator="\n")
    did = night(first[0])
    assert did.pop("read") <= ITEMS / 10  # one in a hundred, drawn anew each night
    assert set(did.values()) == {0}


def test_of_changed_items_only_what_changed_is_encoded(first: tuple[Path, dict[str, int]], shop: Path) -> None:
    rows = items(shop)
    rows[3]["title"] += " second edition"  # a text
    drawn(first[0] / "feeds" / "acme" / rows[4]["image"], 1000)  # a picture under the same name
    rows[5]["title"] += " second edition"  # both
    drawn(first[0] / "feeds" / "acme" / rows[5]["image"], 1001)
    deliver(first[0], rows, "3.csv")
    did = night(first[0])
    assert 2 <= did.pop("read") <= 2 + ITEMS / 10
    assert did == {"texts": 2, "pictures": 2, "predicted": 3, "routed": 3, "languages": 3}
