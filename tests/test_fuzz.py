"""The properties the fuzzer asks of every reader, of its seeds and of what it has found; `python -m tests.fuzz` looks for more."""

import struct
from pathlib import Path

import pytest

from tests.fuzz.readers import READERS
from tests.packing import zipped


def _rootless() -> bytes:
    """A workbook that says its stream is small, and whose directory has no root, where small streams are."""
    whole = bytearray(READERS["xls"].seeds()[0])
    (shift,), (directory,) = struct.unpack_from("<H", whole, 30), struct.unpack_from("<I", whole, 48)
    struct.pack_into("<I", whole, 56, 1 << 20)
    whole[512 + (directory << shift) + 66] = 0
    return bytes(whole)


# (reader, input) of finds that were put right.
FOUND: list[tuple[str, bytes]] = [
    (
        "label_studio",
        b'[{"data": {}, "annotations": [{"result": [{"from_name": "decision", "value": {"choices": -1}}]}]}]',
    ),
    ("label_studio", b'[{"data": {}, "annotations": [{"result": [{"from_name": "decision", "value": "=1"}]}]}]'),
    ("label_studio", b'[{"data": {}, "completions": [{"result": -1}]}]'),
    (
        "label_studio",
        b'[{"data": {}, "annotations": [{"result": [{"from_name": "decision", "value": {"choices": {"a": 1}}}]}]}]',
    ),
    ("label_studio", b'[{"data": {}, "annotations": [{"result": [{"from_name": "note", "value": {"text": [{}]}}]}]}]'),
    (
        "label_studio",
        b'[{"data": {"token": "BBBBBBBBBBBBB", "reviewer": "\\ud800"}, "annotations": [{"result": [{"from_name": "decision", "value": {"choices": ["1"]}}]}]}]',
    ),
    ("label_studio", b"[" * 4000),
    ("archives", b"\0" + zipped(("xtems.csv", b"id,name\n1,a\n")).replace(b"xtems.csv", b"\0tems.csv")),
    ("manifest", b'{"delivered_at": "0001-01-01T00:00:00+14:00"}'),
    ("manifest", b'{"delivered_at": "9999-12-31T23:59:59-14:00"}'),
    ("taxonomy", b'\0{"verticals": {"id": "\\ud800", "name": "a"}}'),
    ("taxonomy", b"\0id,parent_id,\0\rme,note\n1,,H\n"),
    ("taxonomy", b"\0item_id,title,category_path\n1,x-\0ome > Mugs\n"),
    ("xls", _rootless()),
]


@pytest.mark.parametrize("reader", READERS)
def test_seeds_are_taken_or_refused(reader: str, tmp_path: Path) -> None:
    harness = READERS[reader]
    seeds = harness.seeds()
    assert len(seeds) > 1
    for seed in seeds:
        harness.take(seed, tmp_path)
        harness.take(seed[: len(seed) // 2], tmp_path)


@pytest.mark.parametrize(("reader", "found"), FOUND)
def test_what_was_found_stays_right(reader: str, found: bytes, tmp_path: Path) -> None:
    READERS[reader].take(found, tmp_path)
