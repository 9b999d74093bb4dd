"""What is wrong with feeds, fault by fault: the code a file is refused with, or what of its rows is taken and why not.

Every fixture is made here. A case names the fault, the file, the form it is read with, and what must come of it.
"""

import gzip
import json
import socket
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.deliveries.canonical import canonicalize
from catalog.errors import FeedRefused
from catalog.pictures.finding import Pictures
from catalog.reading import json_feeds, spreadsheets, unpacking, xml_elements
from catalog.reading.feeds import RawBatch, read_rows
from catalog.reading.mapping import FORMATS, Mapping
from catalog.settings import Feeds
from tests.packing import PACKERS, with_part, workbook, zipped

COLUMNS = {"item_id": "id", "title": "name"}
GOOD = "id,name\n" + "".join(f"{n},Lamp {n}\n" for n in range(500))
SHOP = '<?xml version="1.0" encoding="{}"?>{}<shop><offers>{}</offers></shop>'
OFFER = "<offer><id>{}</id><name>{}</name></offer>"
XML = {"format": "xml", "record": "offer"}
XLSX = {"format": "xlsx"}
JSON = {"format": "json"}


def shop(*names: str, doctype: str = "", encoding: str = "utf-8") -> str:
    return SHOP.format(encoding, doctype, "".join(OFFER.format(n, name) for n, name in enumerate(names)))


@dataclass(frozen=True)
class Case:
    """titles: of the rows taken; rejects: rules of the others; refused: the file's code, and a word of its remedy."""

    fault: str
    content: bytes
    form: dict = field(default_factory=dict)
    titles: list[str | None] | None = None
    rejects: list[str] = field(default_factory=list)
    refused: str = ""
    remedy: str = ""


def read(path: Path, form: dict) -> RawBatch:
    mapping = Mapping.model_validate({"format": "csv", "columns": COLUMNS, **form})
    found = list(read_rows(path, mapping, Feeds(batch_rows=100)))
    assert found, "no row at all"
    rows, rejects = pl.concat(b.rows for b in found), pl.concat(b.rejects for b in found)
    return RawBatch(rows.sort("line"), rejects.sort("line"))


def damaged(kind: str, how: str) -> bytes:
    good = PACKERS[kind](GOOD.encode())
    middle = len(good) // 2
    return {
        "truncated": good[:-15],
        "followed by garbage": good + b"garbage",
        "flipped": good[:middle] + bytes([good[middle] ^ 0xFF]) + good[middle + 1 :],
    }[how]


def encrypted() -> bytes:
    packed = bytearray(zipped(("items.csv", b"id,name\n1,x\n")))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


TITLED = [["Price list of Acme"], [], ["id", "name", "price"], ["007", "Lamp", 12.5], [], ["008", "Mug", 3]]
CYRILLIC = "Лампа синяя"
DTD = '<!DOCTYPE shop SYSTEM "shops.dtd">'

PACKED = [
    Case(f"{kind} {how}", damaged(kind, how), refused=f"broken_{kind}", remedy="again")
    for kind in PACKERS
    for how in ("truncated", "followed by garbage", "flipped")
    if (kind, how) != ("zstd", "flipped")  # zstd frames carry no checksum unless the sender asks for one
] + [
    Case("zip of two", zipped(("a.csv", b"x"), ("b.csv", b"y")), refused="zip_members", remedy="one feed"),
    Case("zip of none", zipped(), refused="zip_members"),
    Case("zip of a folder", zipped(("folder/", b"")), refused="zip_members"),
    Case("zip with what macOS adds", zipped(("a.csv", b"id,name\n1,x\n"), ("__MACOSX/._a.csv", b"?")), titles=["x"]),
    Case("zip with a hostile name", zipped(("../../etc/a.csv", b"id,name\n1,x\n")), titles=["x"]),
    Case("zip with a password", encrypted(), refused="broken_zip", remedy="password"),
    Case("packed twice", zipped(("a.csv.gz", gzip.compress(b"id,name\n1,x\n"))), refused="unknown_format"),
]

XMLS = [
    Case("outside document type", shop("x", doctype=DTD).encode(), XML, titles=["x"]),
    Case("empty internal subset", shop("x", doctype="<!DOCTYPE shop []>").encode(), XML, refused="xml_entities"),
    Case(
        "entity",
        shop("&e;", doctype='<!DOCTYPE shop [<!ENTITY e SYSTEM "file:///etc/passwd">]>').encode(),
        XML,
        refused="xml_entities",
        remedy="ENTITY",
    ),
    Case(
        "parameter entity",
        shop("x", doctype='<!DOCTYPE shop [<!ENTITY % e SYSTEM "http://127.0.0.1:9/x"> %e;]>').encode(),
        XML,
        refused="xml_entities",
    ),
    Case(
        "entity in utf-16",
        shop("&e;", doctype='<!DOCTYPE shop [<!ENTITY e "x">]>', encoding="utf-16").encode("utf-16"),
        XML,
        refused="xml_entities",
    ),
    Case(
        "entity behind a comment",
        shop("&e;", doctype='<!-- <shop> --><!DOCTYPE shop [<!ENTITY e "x">]>').encode(),
        XML,
        refused="xml_entities",
    ),
    Case("doctype in a comment", shop("x", doctype="<!-- <!DOCTYPE a [<!ENTITY e ''>]> -->").encode(), XML, titles=["x"]),
    Case("long prologue", shop("x", doctype=f"<!--{'-x' * 600_000}-->").encode(), XML, refused="giant_xml"),
    Case("deep", shop("<b>" * 300 + "</b>" * 300).encode(), XML, refused="giant_xml", remedy="256"),
    Case("giant text", shop("x" * 11_000_000).encode(), XML, refused="giant_xml"),
    Case("giant cell", shop("x" * 2_000_000).encode(), XML, refused="giant_cell"),
    Case("giant attribute", shop("x").replace("<offer>", f"<offer a='{'x' * 2_000_000}'>").encode(),
         {**XML, "columns": {**COLUMNS, "brand": "@a"}}, refused="giant_cell"),
    Case("truncated", shop("x", "y").encode()[:-20], XML, refused="broken_xml", remedy="again"),
    Case("followed by garbage", shop("x").encode() + b"garbage", XML, refused="broken_xml"),
    Case("empty", b"", XML, refused="broken_xml"),
    Case("no XML", b"export function feed() { return `<shop/>` }", XML, refused="broken_xml"),
    Case("undefined entity", shop("a&nbsp;b").encode(), XML, refused="broken_xml"),
    Case("undefined entity under a document type", shop("a&nbsp;b", doctype=DTD).encode(), XML, titles=["a&nbsp;b"]),
    Case("wrong record", shop("x", "y").encode(), {**XML, "record": "product"}, refused="no_record",
         remedy='record = "offer"'),
    Case("no record", shop("x").encode(), {**XML, "record": ""}, refused="no_record", remedy="preset"),
    Case("wrong id", shop("x").encode(), {**XML, "columns": {"item_id": "@id", "title": "name"}}, refused="missing_column",
         remedy="item_id"),
    Case("declared windows-1251", shop(CYRILLIC, encoding="windows-1251").encode("cp1251"), XML, titles=[CYRILLIC]),
    Case("declared koi8-u", shop(CYRILLIC, encoding="koi8-u").encode("koi8-u"), XML, titles=[CYRILLIC]),
    Case("declared wrongly", shop(CYRILLIC).encode("cp1251"), XML, refused="bad_encoding", remedy="windows-1251"),
    Case("utf-16-le without a mark", shop(CYRILLIC, encoding="utf-16").encode("utf-16-le"), {**XML, "encoding": "utf-16-le"},
         titles=[CYRILLIC]),
    Case("mapped wrongly", shop(CYRILLIC, encoding="windows-1251").encode("cp1251"), {**XML, "encoding": "utf-8"}, refused="bad_encoding"),
    Case("declared wrongly, mapped rightly", shop(CYRILLIC).encode("cp1251"), {**XML, "encoding": "windows-1251"},
         titles=[CYRILLIC]),
    Case("unknown encoding", shop("x", encoding="klingon").encode(), XML, refused="bad_encoding"),
    Case("utf-16", shop(CYRILLIC, encoding="utf-16").encode("utf-16"), XML, titles=[CYRILLIC]),
    Case("byte order mark", b"\xef\xbb\xbf" + shop(CYRILLIC).encode(), XML, titles=[CYRILLIC]),
    Case("CRLF", shop("two\r\nlines").encode(), XML, titles=["two\nlines"]),
    Case("blank lines before it", b"\r\n\n " + shop("x").encode(), XML, titles=["x"]),
    Case("NUL", shop("a\0b").encode(), XML, refused="broken_xml"),
    Case("XLSX under its name", workbook({"a": TITLED}), XML, refused="unknown_format"),
]  # fmt: skip

JSONS = [
    Case("array", b'[{"id": "007", "name": "Lamp"}]', JSON, titles=["Lamp"]),
    Case("array under a path", b'{"n": 1, "data": {"products": [{"id": 1, "name": "x"}], "k": []}, "z": {}}',
         {**JSON, "record": "data.products"}, titles=["x"]),
    Case("no array there", b'{"data": {"items": []}}', {**JSON, "record": "data.products"}, refused="no_record",
         remedy="data.products"),
    Case("no array at all", b'{"id": 1, "name": "x"}', JSON, refused="no_record", remedy="record"),
    Case("truncated", b'[{"id": 1, "name": "x"}, {"id": 2, "na', JSON, refused="broken_json", remedy="again"),
    Case("truncated behind the array", b'{"p": [{"id": 1, "name": "x"}]', {**JSON, "record": "p"}, refused="broken_json"),
    Case("followed by garbage", b'[{"id": 1, "name": "x"}] garbage', JSON, refused="broken_json"),
    Case("two arrays", b'[{"id": 1, "name": "x"}][{"id": 2, "name": "y"}]', JSON, refused="broken_json"),
    Case("lines, not an array", b'{"id": 1, "name": "x"}\n{"id": 2, "name": "y"}\n', JSON, refused="no_record",
         remedy="jsonl"),
    Case("empty", b"", JSON, refused="no_record"),
    Case("an entry that is none", json.dumps([7, *({"id": n, "name": "x"} for n in range(200))]).encode(), JSON,
         titles=["x"] * 200, rejects=["bad_json"]),
    Case("deep", b'[{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", JSON, refused="broken_json", remedy="again"),
    Case("byte order mark", b'\xef\xbb\xbf[{"id": 1, "name": "x"}]', JSON, titles=["x"]),
    Case("windows-1251", json.dumps([{"id": 1, "name": CYRILLIC}], ensure_ascii=False).encode("cp1251"),
         {**JSON, "encoding": "windows-1251"}, titles=[CYRILLIC]),
    Case("bad bytes", b'[{"id": 1, "name": "caf\xe9"}]', JSON, refused="bad_encoding", remedy="windows-1252"),
    Case("utf-16 not declared", '[{"id": 1, "name": "x"}]'.encode("utf-16"), JSON, refused="bad_encoding"),
    Case("half a character", json.dumps([{"id": n, "name": "x"} for n in range(200)]).replace('"x"', '"\\ud800"', 1)
         .encode(), JSON, titles=["x"] * 199, rejects=["bad_encoding"]),
    Case("NUL", b'[{"id": 1, "name": "a\\u0000b"}]', JSON, titles=["ab"]),
    Case("giant cell", b'[{"id": 1, "name": "' + b"x" * 2_000_000 + b'"}]', JSON, refused="giant_cell"),
    Case("the path of the id is wrong", b'[{"sku": 1, "name": "x"}]', JSON, refused="missing_column", remedy="item_id"),
]  # fmt: skip

GIANT = b'<worksheet><sheetData><row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row></sheetData></worksheet>'
BOOKS = [
    Case("title rows above the header", workbook({"a": TITLED}), {**XLSX, "header_row": 3}, titles=["Lamp", "Mug"]),
    Case("title rows not declared", workbook({"a": TITLED}), XLSX, refused="missing_column", remedy="item_id"),
    Case("rows empty where the header should be", workbook({"a": TITLED}), {**XLSX, "header_row": 2}, refused="no_header",
         remedy="header_row"),
    Case("header beyond the sheet", workbook({"a": TITLED}), {**XLSX, "header_row": 99}, refused="no_header"),
    Case("sheet by name", workbook({"a": [["x"]], "Goods": TITLED[2:]}), {**XLSX, "sheet": "Goods"},
         titles=["Lamp", "Mug"]),
    Case("sheet by number", workbook({"a": [["x"]], "Goods": TITLED[2:]}), {**XLSX, "sheet": 2}, titles=["Lamp", "Mug"]),
    Case("no such sheet", workbook({"a": TITLED}), {**XLSX, "sheet": "Goods"}, refused="missing_sheet", remedy="sheet"),
    Case("no sheet of that number", workbook({"a": TITLED}), {**XLSX, "sheet": 2}, refused="missing_sheet"),
    Case("empty sheet", workbook({"a": []}), XLSX, refused="no_header"),
    Case("gzip around it", gzip.compress(workbook({"a": TITLED[2:]})), XLSX, titles=["Lamp", "Mug"]),
    Case("zip around it", zipped(("a.xlsx", workbook({"a": TITLED[2:]}))), XLSX, titles=["Lamp", "Mug"]),
    Case("HTML under its name", b"<html><table><tr><td>id</td></tr></table></html>", {"format": "xls"},
         refused="unknown_format", remedy="HTML"),
    Case("CSV under its name", b"id,name\n1,x\n", {"format": "xls"}, refused="unknown_format", remedy="csv"),
    Case("XLSX under the name of XLS", workbook({"a": TITLED[2:]}), {"format": "xls"}, titles=["Lamp", "Mug"]),
    Case("XLS cut short", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), {"format": "xls"}, refused="broken_workbook"),
    Case("truncated", workbook({"a": TITLED})[:-200], XLSX, refused="broken_zip", remedy="again"),
    Case("a part is damaged", workbook({"a": TITLED}).replace(b"xl/workbook.xml", b"xl/workbook.xmX"), XLSX,
         refused="broken_workbook"),
    Case("one far cell", with_part(workbook({"a": TITLED}), "xl/worksheets/sheet1.xml", GIANT), XLSX,
         refused="workbook_too_large", remedy="empty rows"),
    Case("too many columns", workbook({"a": [[f"c{n}" for n in range(6_000)], ["1"]]}), XLSX, refused="too_many_columns"),
]  # fmt: skip

TABLES = [
    Case("swapped columns", b"name,id\nx,1\n", titles=["x"]),
    Case("no header", b"1,x\n2,y\n", refused="missing_column", remedy="item_id"),
    Case("a title above the header", b"Price list\nid,name\n1,x\n", {"header_row": 2}, titles=["x"]),
    Case("surplus cells", GOOD.encode() + b"900,x,y\n", titles=[f"Lamp {n}" for n in range(500)], rejects=["ragged"]),
    Case("unterminated quote", GOOD.encode() + b'900,"x\n', refused="unterminated_quote", remedy="quote"),
    Case("mapped column twice", b"id,name,name\n1,x,y\n", refused="duplicate_header"),
    Case("other columns twice", b"id,name,a,a\n1,x,y,z\n", titles=["x"]),
    Case("utf-16 declared", "id,name\n1,Лампа\n".encode("utf-16"), {"encoding": "utf-16"}, titles=["Лампа"]),
    Case("NUL", b"id,name\n1,a\0b\n", titles=["ab"]),
    Case("mixed line ends", b"id,name\r\n1,x\n2,y\r3,z", titles=["x", "y", "z"]),
]


@pytest.mark.parametrize(
    "case", [*PACKED, *XMLS, *JSONS, *BOOKS, *TABLES], ids=lambda c: f"{c.form.get('format', '')} {c.fault}"
)
def test_what_becomes_of_a_fault(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "feed"
    path.write_bytes(case.content)
    if case.refused:
        with pytest.raises(FeedRefused) as caught:
            read(path, case.form)
        assert caught.value.reason == case.refused
        assert caught.value.remedy and case.remedy in caught.value.remedy
        return
    found = read(path, case.form)
    assert found.rows["title"].to_list() == case.titles
    assert found.rejects["rule"].to_list() == case.rejects


@pytest.mark.parametrize("kind", PACKERS)
def test_every_packing_reads_like_the_plain_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "plain.csv").write_bytes(GOOD.encode())
    (tmp_path / "packed").write_bytes(PACKERS[kind](GOOD.encode()))
    assert read(tmp_path / "packed", {}).rows.equals(read(tmp_path / "plain.csv", {}).rows)


@pytest.mark.parametrize("kind", PACKERS)
def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(unpacking, "SMALL", 1024 * 1024)
    (tmp_path / "bomb").write_bytes(PACKERS[kind](b"id,name\n1," + b"x" * 20_000_000))
    with pytest.raises(FeedRefused) as caught:
        read(tmp_path / "bomb", {})
    assert caught.value.reason == f"{kind}_bomb"


@pytest.mark.parametrize("many", ["rows", "entries of one row"])
def test_a_parquet_file_of_one_long_text_many_times_is_refused(tmp_path: Path, many: str) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000, pa.int32()), pa.array(["x" * 500_000]))
    if many == "rows":
        table = pa.table({"id": [str(n) for n in range(1_000)], "name": texts})
    else:
        table = pa.table({"id": ["1"], "name": pa.ListArray.from_arrays(pa.array([0, 1_000], pa.int32()), texts)})
    pq.write_table(table, tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 50_000
    with pytest.raises(FeedRefused) as caught:
        read(tmp_path / "bomb.parquet", {"format": "parquet"})
    assert caught.value.reason == "parquet_bomb"


def test_texts_in_lists_maps_and_structures_of_a_parquet_file_are_read(tmp_path: Path) -> None:
    kinds = {
        "list": pa.list_(pa.string()),
        "map": pa.map_(pa.string(), pa.string()),
        "s": pa.struct({"t": pa.string()}),
    }
    values = {"list": [["x", "y"], None], "map": [[("a", "b")], None], "s": [{"t": "z"}, None]}
    table = pa.table({"id": ["1", "2"], **{name: pa.array(values[name], kind) for name, kind in kinds.items()}})
    pq.write_table(table, tmp_path / "f.parquet")
    for title, said in (("list", "x, y"), ("map", "a"), ("s.t", "z")):
        found = read(tmp_path / "f.parquet", {"format": "parquet", "columns": {"item_id": "id", "title": title}})
        assert said in found.rows["title"][0] and found.rows["title"][1] is None


def test_a_workbook_bomb_is_refused_by_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "SMALL", 1024 * 1024)
    book = with_part(workbook({"a": TITLED}), "xl/sharedStrings.xml", b"<sst>" + b" " * 20_000_000 + b"</sst>")
    (tmp_path / "bomb.xlsx").write_bytes(book)
    with pytest.raises(FeedRefused) as caught:
        read(tmp_path / "bomb.xlsx", XLSX)
    assert caught.value.reason == "xlsx_bomb"


def test_json_and_xml_are_bounded_between_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_feeds, "MAX_VALUE", 100_000)
    monkeypatch.setattr(json_feeds, "_CHUNK", 1_000)
    monkeypatch.setattr(xml_elements, "MAX_GAP", 1_000_000)
    beside = json.dumps({"meta": ["x" * 50] * 5_000, "p": [{"id": 1, "name": "x"}]})
    for content, form in (
        (beside, {**JSON, "record": "p"}),
        (shop(*["x" * 50] * 20_000), {**XML, "record": "product"}),
    ):
        (tmp_path / "feed").write_text(content)
        with pytest.raises(FeedRefused) as caught:
            read(tmp_path / "feed", form)
        assert caught.value.reason == "giant_row" and "record" in caught.value.remedy


def test_json_read_in_small_pieces_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": n, "name": f'Lamp {n} \\ " [ü]', "n": {"x": [1.50, -2e3, None, True]}} for n in range(50)]
    (tmp_path / "feed").write_text(json.dumps({"a": 12345, "p": rows, "z": "\u20ac"}, ensure_ascii=False))
    form = {**JSON, "record": "p", "columns": {**COLUMNS, "brand": "n.x"}}
    whole = read(tmp_path / "feed", form).rows
    monkeypatch.setattr(json_feeds, "_CHUNK", 7)
    assert read(tmp_path / "feed", form).rows.equals(whole)
    assert whole["brand"][0] == "1.5, -2000.0, true"


def test_nothing_outside_an_xml_file_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "evil.dtd").write_text('<!ENTITY e "FETCHED">')
    with socket.create_server(("127.0.0.1", 0)) as server:
        for address in (f"http://127.0.0.1:{server.getsockname()[1]}/evil.dtd", (tmp_path / "evil.dtd").as_uri()):
            path = tmp_path / "feed.xml"
            path.write_text(shop("a &e; b", doctype=f'<!DOCTYPE shop SYSTEM "{address}">'))
            assert read(path, XML).rows["title"].to_list() == ["a &e; b"]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()


def test_numbers_of_a_workbook_stay_what_they_are(tmp_path: Path) -> None:
    rows = [
        ["id", "name", "gtin", "note"],
        ["00123", 5, "123456789012345678", ("=", "=1+1", "")],
        [7, 5.5, 4006381333931, ("=", "=1+1", 2)],
        [100000, 0.1 + 0.2, "0012", ("=", "=1/0", "#DIV/0!")],
    ]
    (tmp_path / "f.xlsx").write_bytes(workbook({"a": rows}))
    found = read(tmp_path / "f.xlsx", {**XLSX, "columns": {**COLUMNS, "gtin": "gtin", "brand": "note"}}).rows
    assert found.select("line", "item_id", "title", "gtin", "brand").rows() == [
        (2, "00123", "5", "123456789012345678", None),
        (3, "7", "5.5", "4006381333931", "2"),
        (4, "100000", "0.3", "0012", None),
    ]


def test_a_parquet_cell_that_is_half_a_character_costs_its_row(tmp_path: Path) -> None:
    table = pa.table({"id": ["1", "2"], "name": pa.array([b"x", b"\xff"], pa.binary())})
    pq.write_table(table, tmp_path / "f.parquet")
    found = read(tmp_path / "f.parquet", {"format": "parquet"})
    assert (found.rows["title"].to_list(), found.rejects["rule"].to_list()) == (["x"], ["bad_encoding"])


BEGINNINGS = {
    "csv": b"id,name\n",
    "tsv": b"id\tname\n",
    "jsonl": b'{"id": 1, "name": "x"}\n',
    "json": b'[{"id": 1, "name": "x"},',
    "xml": b"<shop><offer><id>1</id><name>x</name></offer>",
    "xlsx": workbook({"a": [["id", "name"], ["1", "x"]]}),
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "parquet": b"PAR1",
}
PACKINGS = {"plain": bytes, **PACKERS}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(FORMATS),
    packing=st.sampled_from(sorted(PACKINGS)),
    body=st.binary(max_size=300),
    at=st.integers(0, 10_000),
    encoding=st.sampled_from(
        [None, "utf-8", "utf-16", "windows-1251", "utf-16-le", "utf-32", "shift_jis", "gb18030", "hz"]
    ),
    fold=st.booleans(),
)
def test_whatever_bytes_come_every_row_is_accounted_for(tmp_path, kind, packing, body, at, encoding, fold) -> None:
    start = BEGINNINGS[kind]
    content = start[: at % (len(start) + 1)] + body + start[at % (len(start) + 1) :] if at % 3 else start + body
    path = tmp_path / "feed"
    path.write_bytes(PACKINGS[packing](content))
    form = {"format": kind, "record": "offer" if kind == "xml" else "", "columns": {**COLUMNS, "attributes": "*"}}
    form |= {"encoding": encoding} if encoding else {}
    form |= {"fold": {"by": ["id"], "blank_continues": True}} if fold else {}
    mapping = Mapping.model_validate(form)
    lines: list[int] = []
    try:
        for batch in read_rows(path, mapping, Feeds(batch_rows=3)):
            found = canonicalize(batch, "acme", mapping, Pictures(tmp_path))
            assert found.items.height + found.rejects.height == batch.rows.height + batch.rejects.height
            lines += [*batch.rows["line"], *batch.rejects["line"]]
    except FeedRefused as why:
        assert why.reason and why.remedy
        return
    assert len(lines) == len(set(lines))


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
tables = st.lists(st.tuples(st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True), cells, cells), min_size=1, max_size=12)


def written(kind: str, rows: list[tuple[str, str, str]]) -> bytes:
    names = ("id", "name", "brand")
    if kind == "json":
        return json.dumps({"p": [dict(zip(names, row, strict=True)) for row in rows]}).encode()
    if kind == "xlsx":
        return workbook({"a": [names, *rows]})
    from lxml import etree

    root = etree.Element("shop")
    for row in rows:
        offer = etree.SubElement(root, "offer")
        for name, text in zip(names, row, strict=True):
            etree.SubElement(offer, name).text = text
    return etree.tostring(root)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["json", "xlsx", "xml"]), packing=st.sampled_from(sorted(PACKINGS)), rows=tables)
def test_whatever_table_is_written_comes_back(tmp_path, kind, packing, rows) -> None:
    (tmp_path / "feed").write_bytes(PACKINGS[packing](written(kind, rows)))
    record = {"json": "p", "xml": "offer", "xlsx": ""}[kind]
    found = read(tmp_path / "feed", {"format": kind, "record": record, "columns": {**COLUMNS, "brand": "brand"}})
    assert not found.rejects.height
    taken = [
        tuple((cell or "").strip() for cell in row) for row in found.rows.select("item_id", "title", "brand").rows()
    ]
    assert taken == [tuple(cell.strip() for cell in row) for row in rows]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=14), ragged=st.sets(st.integers(0, 13)))
def test_folding_loses_no_row_wherever_the_rows_of_a_product_stand(tmp_path, keys, ragged) -> None:
    rows = [f"{key},{n}" if n not in ragged else f"{key},{n},surplus" for n, key in enumerate(keys)]
    (tmp_path / "feed").write_text("\n".join(["Handle,Image Src", *rows]))
    mapping = Mapping.model_validate({"preset": "shopify"})
    found = []
    try:
        found = list(read_rows(tmp_path / "feed", mapping, Feeds(batch_rows=3)))
    except FeedRefused as why:
        assert why.reason == "structure"
        return
    lines = [line for batch in found for line in [*batch.rows["line"], *batch.rejects["line"]]]
    # A ",0" has a cell beside the empty one, so it is a row; every line below the header is.
    assert sorted(lines) == [n + 2 for n in range(len(keys))]
    good = [(n, key) for n, key in enumerate(keys) if n not in ragged]
    pictures = {
        (row["item_id"], *row["images"])
        for batch in found
        for row in batch.rows.iter_rows(named=True)
        if row["item_id"]
    }
    assert pictures == {(key, *(str(n) for n, k in good if k == key)) for _, key in good if key}
    folded = sum(int(batch.rows["folded"].sum()) for batch in found)
    assert folded == sum(1 for _, key in good if key) - len({key for _, key in good if key})
