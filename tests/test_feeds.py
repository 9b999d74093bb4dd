"""Files as vendors send them: every row comes back as taken or refused, or the whole file is refused with a remedy."""

import csv
import gzip
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from unittest import mock

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from catalog.errors import FeedRefused
from catalog.reading import delimited, feeds, openings, records, unpacking
from catalog.reading.cells import Record
from catalog.reading.feeds import RawBatch, read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds

LIMITS = Feeds(batch_rows=4)


def form(**given) -> Mapping:
    return Mapping.model_validate({"format": "csv", **given})


def read(path: Path, mapping: Mapping | None = None, limits: Feeds = LIMITS) -> RawBatch:
    found = list(read_rows(path, mapping or form(), limits))
    assert all(batch.rows.height + batch.rejects.height <= limits.batch_rows for batch in found)
    rows, rejects = (pl.concat(parts) for parts in zip(*((batch.rows, batch.rejects) for batch in found), strict=True))
    return RawBatch(rows.sort("line"), rejects.sort("line"))


def wrote(tmp_path: Path, content: str | bytes, name: str = "f.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path: Path, mapping: Mapping | None = None) -> FeedRefused:
    with pytest.raises(FeedRefused) as caught:
        read(path, mapping)
    assert caught.value.remedy
    return caught.value


def lines(count: int, text: str = "{n},Lamp {n}") -> list[str]:
    return [text.format(n=n) for n in range(count)]


def test_columns_are_found_by_name_not_by_place(tmp_path: Path) -> None:
    for header, row in (("item_id,title,price", "1,Lamp,5"), ("price,title,item_id", "5,Lamp,1")):
        rows = read(wrote(tmp_path, f"{header}\n{row}\n")).rows
        assert rows.select("line", "item_id", "title", "price").rows() == [(2, "1", "Lamp", "5")]


def test_line_numbers_survive_multi_line_cells_blank_lines_and_mixed_line_ends(tmp_path: Path) -> None:
    content = b'item_id,title\r\n1,"two\r\nlines"\n\n2,"three\n\r\nlines"\r3,x\n   \n4,last'
    rows = read(wrote(tmp_path, content)).rows
    assert rows.select("line", "item_id").rows() == [(2, "1"), (5, "2"), (8, "3"), (10, "4")]
    assert rows["title"].to_list() == ["two\r\nlines", "three\n\r\nlines", "x", "last"]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("windows-1251", "windows-1251"),
    ],
)
def test_declared_encodings_read_right(tmp_path: Path, encoding: str, declared: str) -> None:
    path = wrote(tmp_path, 'item_id,title\n1,"Лампа, синяя"\n'.encode(encoding))
    assert read(path, form(encoding=declared)).rows["title"].to_list() == ["Лампа, синяя"]


def test_utf16_that_was_not_declared_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    assert 'encoding = "utf-16"' in refused(wrote(tmp_path, "item_id,title\n1,x\n".encode("utf-16"))).remedy


def test_a_mark_before_a_quoted_header_is_no_part_of_it(tmp_path: Path) -> None:
    path = wrote(tmp_path, '\ufeff"item_id","title"\n"1","x"\n')
    assert read(path).rows["item_id"].to_list() == ["1"]


def test_bad_bytes_cost_their_row(tmp_path: Path) -> None:
    content = b"item_id,title\n" + "\n".join(lines(200)).encode() + b"\n900,caf\xe9\n901,fine\xc3\n902,ok\n"
    found = read(wrote(tmp_path, content))
    assert found.rejects.select("line", "rule").rows() == [(202, "bad_encoding"), (203, "bad_encoding")]
    assert found.rejects["raw"][0] == "900,caf\ufffd\n"
    assert found.rows.height == 201


def test_many_bad_bytes_mean_a_wrong_encoding(tmp_path: Path) -> None:
    path = wrote(tmp_path, "item_id,title\n" + "\n".join(lines(20, "{n},Лампа")), "f.csv")
    path.write_bytes(path.read_text(encoding="utf-8").encode("windows-1251"))
    why = refused(path)
    assert why.reason == "bad_encoding" and "windows-1251" in why.remedy


def test_nul_is_dropped_and_reported(tmp_path: Path) -> None:
    rows = read(wrote(tmp_path, b'item_id,title\n1,La\0mp\n2,"x\n\0y"\n3,z\n')).rows
    assert rows.select("title", "nul").rows() == [("Lamp", True), ("x\ny", True), ("z", False)]


def test_ragged_rows_are_refused_one_by_one(tmp_path: Path) -> None:
    extra = ["a,Lamp,5,,,", "b,Lamp,5,x", "c", "d,Lamp"]
    path = wrote(tmp_path, "\n".join(["item_id,title,unmapped", *lines(300, "{n},Lamp,"), *extra]))
    found = read(path)
    assert found.rejects.select("line", "item_id", "rule").rows() == [(303, "b", "ragged"), (304, "c", "ragged")]
    assert found.rows["item_id"].to_list()[-2:] == ["a", "d"]  # surplus empty cells; only an unmapped one missing


def test_few_ragged_rows_never_refuse_a_short_file(tmp_path: Path) -> None:
    good = "item_id,title\n" + "\n".join(lines(6))
    assert read(wrote(tmp_path, good + "\nx\ny\nz\nw")).rejects.height == 4
    assert refused(wrote(tmp_path, good + "\nx\ny\nz\nw\nv")).reason == "structure"
    assert refused(wrote(tmp_path, "item_id,title\nx\ny")).reason == "structure"  # not one row has the shape


def test_the_wrong_delimiter_is_refused_with_the_right_one(tmp_path: Path) -> None:
    path = wrote(tmp_path, "item_id;title\n" + "\n".join(lines(30, "{n};Lamp, nice")))
    why = refused(path)
    assert why.reason == "missing_column" and 'delimiter = ";"' in why.remedy
    assert read(path, form(delimiter=";")).rows.height == 30


def test_quotes_that_mean_nothing_are_refused_with_the_line_to_write(tmp_path: Path) -> None:
    path = wrote(tmp_path, "item_id\ttitle\n" + "\n".join(lines(30, '{n}\t"Neo" lamp')), "f.tsv")
    why = refused(path, form(format="tsv"))
    assert why.reason == "structure" and "quote = ''" in why.remedy
    assert read(path, form(format="tsv", quote="")).rows["title"][0] == '"Neo" lamp'


def test_a_wrong_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    path = wrote(tmp_path, 'item_id,title,brand\n1,a,b\n2,"open,b\n3,"c",d\n4,"in "side" it",x\n5,e,f\n')
    found = read(path)
    assert found.rows["item_id"].to_list() == ["1", "3", "5"]
    assert found.rejects.select("line", "rule").rows() == [(3, "bad_quote"), (5, "bad_quote")]


def test_an_unterminated_quote_names_the_line_where_it_opened(tmp_path: Path) -> None:
    why = refused(wrote(tmp_path, "item_id,title\n1,a\n" + '2,"never closed\n' + "\n".join(lines(50))))
    assert why.reason == "unterminated_quote" and "line 3" in why.message


def test_an_unterminated_quote_in_a_big_file_stops_early(tmp_path: Path) -> None:
    content = 'item_id,title\n1,a\n2,"open\n' + "\n".join(lines(200_000, "{n},Lamp {n}"))
    assert len(content) > 2 * records.MAX_CELL
    why = refused(wrote(tmp_path, content))
    assert why.reason == "unterminated_quote" and "line 3" in why.message


@pytest.mark.parametrize("cell", ["x" * (records.MAX_CELL + 1), "x" * (openings.MAX_RECORD + 1)])
def test_a_giant_cell_is_refused(tmp_path: Path, cell: str) -> None:
    why = refused(wrote(tmp_path, f"item_id,title\n1,{cell}\n"))
    assert why.reason in ("giant_cell", "giant_row") and "2" in why.message


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    header = ",".join(["item_id", "title", *(f"c{n}" for n in range(100_000))])
    assert refused(wrote(tmp_path, header + "\n")).reason == "too_many_columns"


def test_a_missing_column_names_the_line_of_the_mapping_and_the_header(tmp_path: Path) -> None:
    path = wrote(tmp_path, "sku,name\n1,x\n")
    why = refused(path)
    assert why.reason == "missing_column" and "sku, name" in why.message and "item_id = " in why.remedy
    why = refused(path, form(columns={"item_id": "sku", "title": "name", "brand": "Марка"}))
    assert "Марка" in why.message and 'brand = "Марка"' in why.remedy and "--update" in why.remedy


def test_our_own_names_are_optional_but_for_the_id_and_something_to_see(tmp_path: Path) -> None:
    assert set(read(wrote(tmp_path, "item_id,image,other\n1,a.jpg,x\n")).rows.columns) == {
        "line", "raw", "nul", "item_id", "image", "images",
    }  # fmt: skip
    assert "title" in refused(wrote(tmp_path, "item_id,brand\n1,x\n")).remedy


def test_a_repeated_header_is_refused_only_where_it_is_mapped(tmp_path: Path) -> None:
    path = wrote(tmp_path, "id,name,value,unit,value\n1,Lamp,red,cm,12\n")
    mapped = {"item_id": "id", "title": "name"}
    assert read(path, form(columns=mapped)).rows.height == 1
    assert refused(path, form(columns={**mapped, "brand": "value"})).reason == "duplicate_header"
    rows = read(path, form(columns={**mapped, "attributes": ["value", "unit"]})).rows
    assert rows.select("^attributes.*$").rows(named=True) == [
        {"attributes.value": "red", "attributes.value#2": "12", "attributes.unit": "cm"}
    ]


def test_lists_are_joined_and_of_images_the_first_is_taken(tmp_path: Path) -> None:
    mapping = form(columns={"item_id": "id", "title": ["a", "b"], "image": ["i", "j"]})
    rows = read(wrote(tmp_path, "id,a,b,i,j\n1,x,y,,2.jpg\n2,x,,1.jpg,2.jpg\n3,,,,\n"), mapping).rows
    assert rows.select("title", "image").rows() == [("x y", "2.jpg"), ("x", "1.jpg"), (None, None)]


def test_lines_above_the_header_are_passed_over(tmp_path: Path) -> None:
    rows = read(wrote(tmp_path, "Price list\n,,\nitem_id,title\n1,x\n"), form(header_row=3)).rows
    assert rows.select("line", "item_id").rows() == [(4, "1")]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: str) -> None:
    assert refused(wrote(tmp_path, content)).reason == "no_header"


def test_a_header_alone_has_no_rows_and_is_no_error(tmp_path: Path) -> None:
    assert list(read_rows(wrote(tmp_path, "item_id,title\n"), form(), LIMITS)) == []


def test_gzip_reads_like_the_plain_file_whatever_its_name(tmp_path: Path) -> None:
    plain = ("item_id,title\n" + "\n".join(lines(10))).encode()
    expected = read(wrote(tmp_path, plain)).rows
    assert read(wrote(tmp_path, gzip.compress(plain), "f.csv.gz")).rows.equals(expected)
    assert read(wrote(tmp_path, gzip.compress(plain), "g.csv")).rows.equals(expected)
    assert read(wrote(tmp_path, gzip.compress(plain[:40]) + gzip.compress(plain[40:]), "h.gz")).rows.equals(expected)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "flipped", "size"])
def test_damaged_gzip_is_refused_before_any_row(tmp_path: Path, damage: str) -> None:
    good = bytearray(gzip.compress(("item_id,title\n" + "\n".join(lines(5_000))).encode()))
    broken = {
        "truncated": good[:-20],
        "garbage": good + b"trailing",
        "flipped": good[:1000] + bytes([good[1000] ^ 255]) + good[1001:],
        "size": good[:-4] + b"\1\0\0\0",
    }[damage]
    rows = read_rows(wrote(tmp_path, bytes(broken), "f.csv.gz"), form(), LIMITS)
    with pytest.raises(FeedRefused) as caught:
        next(rows)
    assert caught.value.reason == "broken_gzip"


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL", 1024 * 1024)
    bomb = gzip.compress(b"item_id,title\n1," + b"x" * 20_000_000)
    assert refused(wrote(tmp_path, bomb, "f.csv.gz")).reason == "gzip_bomb"


@pytest.mark.parametrize("first", [b"PAR1rest", b"\xd0\xcf\x11\xe0rest"])
def test_another_kind_of_file_under_a_text_name_is_refused(tmp_path: Path, first: bytes) -> None:
    assert refused(wrote(tmp_path, first)).reason == "unknown_format"


def test_json_lines_keep_digits_and_find_nested_values(tmp_path: Path) -> None:
    row = '{"id": 0012345678901234567890, "n": 1}'
    content = [
        '{"id": "007", "name": "Lamp", "price": {"amount": 12.90}, "img": ["a.jpg", "b.jpg"], "tags": ["x", "y"]}',
        '{"id": 12345678901234567890, "name": "Mug", "price": {"amount": 1E5}, "a.b": true, "img": []}',
        "",
        row,
        "[1, 2]",
        '{"id": 5, "name": null, "img": [{"url": "u"}]}',
    ]
    mapping = form(
        format="jsonl",
        columns={"item_id": "id", "title": "name", "price": "price.amount", "image": "img", "brand": ["tags", "a.b"]},
    )
    good = [json.dumps({"id": n, "name": "x"}) for n in range(300)]
    found = read(wrote(tmp_path, "\n".join(content + good), "f.jsonl"), mapping)
    assert found.rows.select("line", "item_id", "title", "price", "image", "brand").rows()[:3] == [
        (1, "007", "Lamp", "12.90", "a.jpg", "x, y"),
        (2, "12345678901234567890", "Mug", "1E5", None, "true"),
        (6, "5", None, None, '{"url": "u"}', None),
    ]
    assert found.rejects.select("line", "rule").rows() == [(4, "bad_json"), (5, "bad_json")]


def test_json_escapes_that_no_text_can_hold(tmp_path: Path) -> None:
    good = "\n".join(json.dumps({"item_id": n, "title": "x"}) for n in range(200))
    content = '{"item_id": 1, "title": "\\ud800"}\n{"item_id": 2, "title": "a\\u0000b"}\n{"item_id":3,"title":"\\ud83d\\ude00"}\n'
    found = read(wrote(tmp_path, content + good, "f.jsonl"), form(format="jsonl"))
    assert found.rejects.select("line", "rule").rows() == [(1, "bad_encoding")]
    assert found.rows.select("title", "nul").rows()[:2] == [("ab", True), ("\U0001f600", False)]


def test_deep_json_is_a_bad_row_and_a_wrong_id_refuses_the_file(tmp_path: Path) -> None:
    deep = '{"item_id": ' + "[" * 100_000 + "]" * 100_000 + "}"
    good = "\n".join(json.dumps({"item_id": n, "title": "x"}) for n in range(200))
    assert read(wrote(tmp_path, deep + "\n" + good, "f.jsonl"), form(format="jsonl")).rejects["rule"].to_list() == [
        "bad_json"
    ]
    why = refused(wrote(tmp_path, '{"sku": 1, "title": "x"}\n', "g.jsonl"), form(format="jsonl"))
    assert why.reason == "missing_column" and "item_id" in why.remedy


def test_parquet_reads_as_text_plain_or_gzipped(tmp_path: Path) -> None:
    table = pa.table(
        {
            "item_id": pa.array([7.0, 8.0, None]),
            "title": pa.array(["Lamp", "Mug\0", "Rug"]).dictionary_encode(),
            "price": pa.array([Decimal("12.90"), None, Decimal("1.00")]),
            "made": pa.array([date(2026, 1, 2), None, None]),
            "spec": pa.array([{"size": 3, "tags": ["a", "b"]}, None, {"size": None, "tags": []}]),
            "unmapped": pa.array([1, 2, 3]),
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    packed = wrote(tmp_path, gzip.compress((tmp_path / "f.parquet").read_bytes()), "f.parquet.gz")
    columns = {
        "item_id": "item_id",
        "title": "title",
        "price": "price",
        "brand": "spec.size",
        "attributes": ["spec.tags", "made"],
    }
    mapping = form(format="parquet", columns=columns)
    for path in (tmp_path / "f.parquet", packed):
        rows = read(path, mapping).rows.drop("raw")
        assert rows.rows(named=True)[:2] == [
            {"line": 1, "nul": False, "item_id": "7", "price": "12.90", "title": "Lamp", "brand": "3",
             "attributes.spec.tags": "a, b", "attributes.made": "2026-01-02"},
            {"line": 2, "nul": True, "item_id": "8", "price": None, "title": "Mug", "brand": None,
             "attributes.spec.tags": None, "attributes.made": None},
        ]  # fmt: skip
        assert rows["item_id"][2] is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.parquet", "f.parquet.gz"]


def test_broken_parquet_and_missing_columns_are_refused(tmp_path: Path) -> None:
    assert (
        refused(wrote(tmp_path, b"PAR1 nothing PAR1", "f.parquet"), form(format="parquet")).reason == "broken_parquet"
    )
    pq.write_table(pa.table({"sku": [1]}), tmp_path / "g.parquet")
    why = refused(tmp_path / "g.parquet", form(format="parquet"))
    assert why.reason == "missing_column" and "sku" in why.message


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True), cells, cells), max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    packed=st.booleans(),
)
def test_whatever_a_correct_writer_writes_comes_back(tmp_path: Path, rows, delimiter, end, packed) -> None:
    text = io.StringIO()
    # Python's own writer leaves a lone CR or LF unquoted when it is not the line end it writes.
    broken = any(mark in cell for row in rows for cell in row for mark in "\r\n")
    quoting = csv.QUOTE_ALL if broken else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("item_id", "title", "brand"), *rows])
    content = text.getvalue().encode()
    path = wrote(tmp_path, gzip.compress(content) if packed else content)
    found = list(read_rows(path, form(delimiter=delimiter), Feeds(batch_rows=3)))
    taken = [row for batch in found for row in batch.rows.select("item_id", "title", "brand").rows()]
    assert taken == rows


TOKENS = [
    "a",
    "é",
    "ф",
    " ",
    "x,y",
    ",",
    "\n",
    "\r\n",
    "\r",
    '"',
    '""',
    '"b"',
    '"c,d"',
    '"e\nf"',
    '"g ""h"""',
    "\0",
    "\udcff",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(st.sampled_from(TOKENS), max_size=40).map("".join),
    block=st.integers(1, 60),
    quote=st.sampled_from(['"', ""]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_rows_taken_many_at_a_time_are_those_taken_one_by_one(tmp_path: Path, body, block, quote, encoding) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(("item_id,title,brand\n" + body).encode(encoding, errors="replace"))
    mapping = form(quote=quote, encoding=encoding)
    with mock.patch.object(delimited, "_BLOCK", block):
        together = outcome(lambda: flattened(*delimited.csv_pieces(path, mapping)))
    assert together == outcome(lambda: list(delimited.csv_rows(path, mapping)[1]))


def outcome(read) -> list[Record] | str:
    try:
        return read()
    except FeedRefused as refused:
        return refused.reason


def flattened(_header: list[str], pieces) -> list[Record]:
    """Every row by itself, in the order of lines."""
    found = []
    for piece in pieces:
        if isinstance(piece, Record):
            found.append(piece)
        else:
            cells = piece.cells.rows()
            found += [
                Record(line, list(row), raw)
                for line, row, raw in zip(piece.lines.tolist(), cells, piece.raw, strict=True)
            ]
    return sorted(found, key=lambda record: record.line)


@pytest.mark.parametrize(
    ("columns", "separator"),
    [
        ({"title": "a", "image": "b"}, ""),
        ({"title": ["a", {"first": ["b", "c"]}], "image": ["b", "c"]}, ""),
        ({"title": {"first": ["b", "c"]}, "image": [{"first": ["b", "c"]}, "a"]}, ";"),
        ({"title": "a", "image": "c", "attributes": ["b", {"first": ["a", "c"], "name": "either"}]}, ";"),
        ({"title": "a", "attributes": "*"}, ""),
    ],
)
def test_columns_of_many_rows_say_what_each_row_says(tmp_path: Path, columns: dict, separator: str) -> None:
    lines = ["1,x,y,z", "2,, y ; y;,", "3,,,", "4,  ,,p;q", "5,u,v;w,v"]
    mapping = form(columns={"item_id": "id", **columns}, rules={"image_separator": separator})
    path = wrote(tmp_path, "id,a,b,c\n" + "\n".join(lines) + "\n")
    together = pl.concat(batch.rows for batch in read_rows(path, mapping, LIMITS))
    with mock.patch.object(feeds, "open_pieces", records.open_rows):
        one_by_one = pl.concat(batch.rows for batch in read_rows(path, mapping, LIMITS))
    assert_frame_equal(together, one_by_one)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_whatever_bytes_come_the_outcome_is_rows_or_a_refusal(tmp_path: Path, body: bytes) -> None:
    path = wrote(tmp_path, b"item_id,title\n" + body)
    try:
        found = list(read_rows(path, form(), Feeds(batch_rows=3)))
    except FeedRefused as why:
        assert why.remedy
        return
    seen = [line for batch in found for line in [*batch.rows["line"], *batch.rejects["line"]]]
    assert len(seen) == len(set(seen))
