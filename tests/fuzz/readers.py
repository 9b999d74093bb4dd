"""What reads files from outside, each with seeds made by code and what must hold of it whatever bytes come.

A reader refuses with a CatalogError that names a remedy, or accounts for every row; nothing else may come out of it. `take`
gets the bytes and a folder to work in. The first bytes of an input choose among the ways a reader can be asked.
"""

import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from catalog.deliveries.canonical import canonicalize
from catalog.deliveries.manifest import damage, read_manifest
from catalog.errors import CatalogError, FeedRefused
from catalog.pictures.archives import Archive, MemberRefused
from catalog.pictures.finding import Pictures
from catalog.pictures.images import ImageRules, decode
from catalog.pictures.picture_content import fault
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping, load_mapping
from catalog.review import sheet_files
from catalog.review.decisions import Offered, Reader, settle
from catalog.settings import Feeds
from catalog.sheets import COLUMNS, render
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.taxonomy_files import FORMS, read_taxonomy
from tests.old_workbooks import old_workbook
from tests.packing import PACKERS, workbook, zipped

ENCODINGS = (None, "utf-8", "utf-16", "windows-1251", "utf-16-le", "utf-32", "shift_jis", "gb18030", "iso2022_jp", "hz")
OURS = {"item_id": "id", "title": "name", "price": "price", "images": "image", "attributes": "*"}
ROWS = [
    ["id", "name", "price", "image"],
    ["1", "Lamp, big", "9.50", "a.jpg"],
    ["2", "Krug", "1.234,00", ""],
    ["2", "Cup"],
]
TAXONOMY = from_paths(["Home > Mugs", "Home > Lamps", "Toys > Kites", "Toys"])
TOKENS = ("BBBBBBBBBBBBB", "CCCCCCCCCCCCC")
SIDE = 64


@dataclass(frozen=True)
class Harness:
    """One reader under test. json_after: where its inputs are JSON, how many bytes stand before it."""

    take: Callable[[bytes, Path], None]
    seeds: Callable[[], list[bytes]]
    json_after: int | None = None


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """A refusal is an answer, if it says what to do."""
    try:
        yield
    except FeedRefused as refused:
        assert refused.reason and refused.message and refused.remedy
    except CatalogError as refused:
        assert refused.message and refused.remedy


def _rows(path: Path, form: dict[str, Any] | Mapping) -> None:
    """Every row of a feed is taken or refused, once."""
    mapping = form if isinstance(form, Mapping) else Mapping.model_validate(form)
    lines: list[int] = []
    with refusing():
        for batch in read_rows(path, mapping, Feeds(batch_rows=3)):
            found = canonicalize(batch, "acme", mapping, Pictures(path.parent))
            assert found.items.height + found.rejects.height == batch.rows.height + batch.rejects.height
            lines += [*batch.rows["line"], *batch.rejects["line"]]
    assert len(lines) == len(set(lines))


def _put(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


def delimited(data: bytes, folder: Path) -> None:
    """CSV and TSV."""
    choice, body = data[:2].ljust(2, b"\0"), data[2:]
    form: dict[str, Any] = {"format": "tsv" if choice[0] & 16 else "csv", "columns": OURS}
    form["encoding"] = ENCODINGS[choice[0] % 16 % len(ENCODINGS)] or "utf-8"
    form |= {"quote": ""} if choice[1] & 1 else {}
    form |= {"fold": {"by": ["id"], "blank_continues": True}} if choice[1] & 2 else {}
    form |= {"header_row": 2} if choice[1] & 4 else {}
    form |= {"delimiter": ";"} if choice[1] & 8 and form["format"] == "csv" else {}
    _rows(_put(body, folder / "feed"), form)


def _delimited_seeds() -> list[bytes]:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(ROWS)
    plain = text.getvalue()
    return [
        b"\0\0" + plain.encode(),
        b"\x10\0" + plain.replace(",", "\t").encode(),
        b"\x02\x02" + plain.encode("utf-16"),
        b"\x06\0" + plain.encode("shift_jis"),
        b'\0\x01id,name,price,image\n1,a"b,2,\n\n3,\0,x,y,z\r\n',
        b'\0\x08\xef\xbb\xbf"id";name\r"1\n";\'x\'\n',
    ]


def jsonish(data: bytes, folder: Path) -> None:
    """JSON and JSON Lines."""
    choice, body = data[:1].ljust(1, b"\0")[0], data[1:]
    columns = {"item_id": "id", "title": "name", "price": "p.amount", "attributes": "*"}
    form: dict[str, Any] = {"format": "jsonl" if choice & 1 else "json", "columns": columns}
    form |= {"record": "shop.offers"} if choice & 2 and not choice & 1 else {}
    form |= {"encoding": "utf-16"} if choice & 4 else {}
    _rows(_put(body, folder / "feed"), form)


def _jsonish_seeds() -> list[bytes]:
    rows = [
        {"id": 1, "name": "x", "p": {"amount": 1.5}, "tags": ["a", {"b": None}]},
        {"id": "2", "name": "\u00fc\ud83d"},
    ]
    return [
        b"\0" + json.dumps(rows).encode(),
        b"\x01" + b"\n".join(json.dumps(row).encode() for row in rows),
        b"\x02" + json.dumps({"shop": {"offers": rows}}).encode(),
        b"\x04" + json.dumps(rows).encode("utf-16"),
        b'\0[{"id": 1e400, "name": NaN, "id": 2}, [], null, {"id": {"a": [1, 2]}}]',
    ]


def xml(data: bytes, folder: Path) -> None:
    """XML with a named record, or the first that repeats."""
    choice, body = data[:1].ljust(1, b"\0")[0], data[1:]
    columns = {"item_id": "@id" if choice & 1 else "id", "title": "name", "images": "picture", "attributes": "*"}
    form: dict[str, Any] = {"format": "xml", "record": "offer", "columns": columns}
    form |= {"encoding": "windows-1251"} if choice & 2 else {}
    _rows(_put(body, folder / "feed"), form)


def _xml_seeds() -> list[bytes]:
    offer = '<offer id="{0}"><id>{0}</id><name>n &amp; {0}</name><picture>a.jpg</picture><picture/></offer>'
    shop = f"<shop><offers>{''.join(offer.format(n) for n in range(3))}</offers></shop>"
    return [
        b"\0" + shop.encode(),
        b"\x01" + f'<?xml version="1.0" encoding="utf-16"?>{shop}'.encode("utf-16"),
        b"\x02" + f'<?xml version="1.0"?><!DOCTYPE shop SYSTEM "shop.dtd">{shop}'.encode("windows-1251"),
        b"\0<!DOCTYPE a [<!ENTITY x 'y'>]><shop><offer><id>&x;</id></offer></shop>",
        b'\0<s xmlns:g="u"><offer><g:id>1</g:id><name><![CDATA[<b>x</b>]]></name><!-- c --><?p i?></offer></s>',
    ]


PARTS = (
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/workbook.xml",
    "xl/styles.xml",
    "xl/_rels/workbook.xml.rels",
    "[Content_Types].xml",
)


def _book(data: bytes, sheet: bytes) -> bytes:
    """A workbook one of whose parts is what came, else the bytes as they are: behind checksums no mutation gets anywhere."""
    choice, body = data[:1].ljust(1, b"\0")[0], data[1:]
    if choice >= len(PARTS):
        return body
    with zipfile.ZipFile(io.BytesIO(sheet)) as archive:
        parts = [(name, body if name == PARTS[choice] else archive.read(name)) for name in archive.namelist()]
    return zipped(*parts)


def _book_seeds(sheet: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(sheet)) as archive:
        parts = [bytes([place]) + archive.read(name) for place, name in enumerate(PARTS)]
    return [*parts, b"\xff" + sheet]


BOOK = workbook({"a": [*ROWS, [7, "n", 1.5, ("=", "=1+1", 2)]], "b": [["x"]]})


def xlsx(data: bytes, folder: Path) -> None:
    """XLSX."""
    _rows(_put(_book(data, BOOK), folder / "feed"), {"format": "xlsx", "columns": OURS})


def xls(data: bytes, folder: Path) -> None:
    """XLS."""
    _rows(_put(data, folder / "feed"), {"format": "xls", "columns": OURS})


def _xls_seeds() -> list[bytes]:
    rows = [*ROWS, [7, "n", 1.5, None]]
    return [old_workbook({"a": rows}), old_workbook({"a": rows, "b": [["x"]]}, password=True)]


def archives(data: bytes, folder: Path) -> None:
    """Packed feeds, and archives of pictures."""
    choice, body = data[:1].ljust(1, b"\0")[0], data[1:]
    if choice & 7 == 1:
        archive = Archive(_put(body, folder / "pictures.zip"), max_bytes=100_000)
        try:
            for name in ("a.jpg", "b/c.png", "../d.jpg", "/etc/passwd", "\0", ""):
                with contextlib.suppress(MemberRefused):
                    archive.read(name)
        finally:
            archive.close()
        return
    pack = {2: "gzip", 3: "zip", 4: "zstd"}.get(choice & 7)
    packed = PACKERS[pack](body) if pack else body
    _rows(_put(packed, folder / "feed"), {"format": "csv", "columns": OURS})


def _archives_seeds() -> list[bytes]:
    rows = b"id,name,price,image\n1,a,2,\n2,b,3,x.jpg\n"
    packed = [b"\0" + pack(rows) for pack in PACKERS.values()]
    nested = PACKERS["gzip"](PACKERS["zip"](rows))
    pictures = zipped(("a.jpg", _picture("JPEG")), ("b/c.png", _picture("PNG")), ("../d.jpg", b"x"))
    return [*packed, b"\0" + nested, b"\x01" + pictures, b"\x02" + rows, b"\x03" + rows, b"\x04" + rows]


def manifest(data: bytes, folder: Path) -> None:
    """A manifest beside deliveries."""
    path = _put(data, folder / "items.csv.manifest.json")
    with refusing():
        found = read_manifest(path, ["items.csv", "other.csv"])
        assert found.files
        assert isinstance(damage(found, {"items.csv": (1, "0" * 64)}), str)
        assert found.dated is None or found.dated.tzinfo is not None


def _manifest_seeds() -> list[bytes]:
    one = {"bytes": 1, "sha256": "0" * 64, "rows": 3, "delivered_at": "2026-01-02T03:04:05+02:00", "kind": "full"}
    many = {"files": [{"name": "items.csv", "rows": 1}, {"name": "other.csv"}], "delivered_at": "2026-01-02T03:04:05"}
    return [json.dumps(one).encode(), json.dumps(many).encode(), b'{"files": [{"name": "../x"}]}', b"\xef\xbb\xbf{}"]


def _sheet(path: Path) -> None:
    """Every row of a sheet that came back is a decision, a problem, or without an answer."""
    offered = {
        token: Offered(
            "e", token, "g", "acme", token, "h", ("2", "3"), None, False, datetime(2026, 1, 1, tzinfo=UTC), "h"
        )
        for token in TOKENS
    }
    with refusing():
        found = sheet_files.read(path)
        decisions, problems = settle(found.answers, offered, Reader(TAXONOMY), reviewer="anna")
        assert len({answer.line for answer in found.answers}) == len(found.answers)
        assert {decision.offered.token for decision in decisions} <= set(TOKENS)
        known = {answer.token for answer in found.answers} & set(TOKENS)
        assert len(decisions) <= len(known)
        for said in (*map(str, problems), *(decision.note + decision.who for decision in decisions)):
            said.encode()  # as it is stored and written back


def _filled() -> list[list[str]]:
    rows = []
    for token, decision, category in zip(TOKENS, ("1", ""), ("", "Home > Mugs"), strict=True):
        said = {
            "token": token,
            "group": "g",
            "vendor": "acme",
            "decision": decision,
            "category": category,
            "note": "'=x",
        }
        rows.append([said.get(name, "") for name in COLUMNS])
    return rows


def sheet_csv(data: bytes, folder: Path) -> None:
    """A review sheet as CSV."""
    _sheet(_put(data, folder / "sheet.csv"))


def _sheet_csv_seeds() -> list[bytes]:
    plain = render(COLUMNS, _filled())
    text = plain.decode("utf-8-sig")
    return [plain, text.replace(",", ";").encode("cp1252"), text.encode("utf-16"), b"sep=;\ntoken;decision\nB;1\n"]


REVIEW = workbook({"review": [list(COLUMNS), *_filled()]})


def sheet_xlsx(data: bytes, folder: Path) -> None:
    """A review sheet as XLSX."""
    _sheet(_put(_book(data, REVIEW), folder / "sheet.xlsx"))


def label_studio(data: bytes, folder: Path) -> None:
    """An export of Label Studio; what does not begin like JSON is read as another form of sheet."""
    _sheet(_put(data, folder / "export.json"))


def _label_studio_seeds() -> list[bytes]:
    results = [
        {"from_name": "decision", "value": {"choices": ["candidate 1"]}},
        {"from_name": "category", "value": {"taxonomy": [["Home", "Mugs"]]}},
        {"from_name": "note", "value": {"text": ["a", "b"]}},
    ]
    task = {"data": {"token": TOKENS[0], "reviewer": "bob"}}
    new = {**task, "annotations": [{"result": results, "completed_by": {"email": "a@b.c"}}, {"was_cancelled": True}]}
    old = {**task, "completions": [{"result": results[:1], "completed_by": 3}]}
    return [json.dumps(found).encode() for found in ([new], [old, task], [{"data": {"token": 5}}], {"data": []})]


def mapping(data: bytes, folder: Path) -> None:
    """A vendor's form, and a feed read by it."""
    feed = _put(render(ROWS[0], ROWS[1:3]), folder / "feed.csv")
    with refusing():
        found = load_mapping(_put(data, folder / "acme.toml"), feed)
        assert len(found.hash) > 8
        if found.format in ("csv", "tsv"):
            _rows(feed, found)


def _mapping_seeds() -> list[bytes]:
    texts = (
        'format = "csv"\ndelimiter = ","\nencoding = "utf-8"\n[columns]\nitem_id = "id"\ntitle = ["name", "price"]\n',
        'preset = "shopify"\n[delivery]\nkind = "delta"\nexpected_every = "24h"\n[rules]\nduplicates = "last"\n',
        'format = "xml"\nrecord = "offer"\n[columns]\nitem_id = "@id"\ntitle = "name"\nattributes = "*"\n',
        'format = "csv"\n[columns]\nitem_id = "id"\ntitle = "name"\n[fold]\nby = ["id"]\n[actions]\ndelete = ["x"]\n',
    )
    return [text.encode() for text in texts]


def taxonomy(data: bytes, folder: Path) -> None:
    """A hierarchy in any form."""
    choice, body = data[:1].ljust(1, b"\0")[0], data[1:]
    forms = (None, *FORMS)
    with refusing():
        found = read_taxonomy(_put(body, folder / "tree.txt"), forms[choice % len(forms)])
        ids = found.nodes["category_id"].to_list()
        assert ids and len(ids) == len(set(ids))
        assert all(found.path(key) for key in ids)


def _taxonomy_seeds() -> list[bytes]:
    texts = (
        "# Google_Product_Taxonomy_Version: 2021\n1 - Animals\n3 - Animals > Pets\n",
        "id,parent_id,name,note\n1,,Home,\n2,1,Mugs,x\n",
        "Home > Mugs\nHome > Lamps\n",
        "item_id,title,category_path\n1,x,Home > Mugs\n",
        json.dumps({"verticals": [{"categories": [{"id": "a", "name": "A", "children": [{"id": "b", "name": "B"}]}]}]}),
        json.dumps({"Schema": [{"Level": 1, "Code": 1, "Title": "A", "Childs": [{"Code": 2, "Title": "B"}]}]}),
        '<a><segment code="1" text="A"><family code="2" text="B"/></segment></a>',
        "SegmentCode,SegmentTitle,FamilyCode,FamilyTitle\n1,A,2,B\n",
    )
    return [b"\0" + text.encode() for text in texts]


def pictures(data: bytes, folder: Path) -> None:
    """The decoder's front door: a code or pixels, and what is no usable picture is never an exception."""
    del folder
    said = fault(data)
    assert said in (None, "not_an_image", "too_many_pixels", "too_small", "truncated")
    pixels = decode(data, ImageRules(size=SIDE))
    assert pixels is None or pixels.shape == (SIDE, SIDE, 3)


def _picture(form: str, mode: str = "RGB") -> bytes:
    packed = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert(mode).save(packed, form)
    return packed.getvalue()


def _pictures_seeds() -> list[bytes]:
    forms = [
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("GIF", "P"),
        ("BMP", "RGB"),
    ]
    return [_picture(*one) for one in [*forms, ("WEBP", "RGB"), ("TIFF", "RGB")]]


READERS = {
    "delimited": Harness(delimited, _delimited_seeds),
    "json": Harness(jsonish, _jsonish_seeds, json_after=1),
    "xml": Harness(xml, _xml_seeds),
    "xlsx": Harness(xlsx, lambda: _book_seeds(BOOK)),
    "xls": Harness(xls, _xls_seeds),
    "archives": Harness(archives, _archives_seeds),
    "manifest": Harness(manifest, _manifest_seeds, json_after=0),
    "sheet_csv": Harness(sheet_csv, _sheet_csv_seeds),
    "sheet_xlsx": Harness(sheet_xlsx, lambda: _book_seeds(REVIEW)),
    "label_studio": Harness(label_studio, _label_studio_seeds, json_after=0),
    "mapping": Harness(mapping, _mapping_seeds),
    "taxonomy": Harness(taxonomy, _taxonomy_seeds, json_after=1),
    "pictures": Harness(pictures, _pictures_seeds),
}
