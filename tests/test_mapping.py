"""The vendor's form: what it may say, and what a person is told when it says something else."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from catalog.errors import CatalogError
from catalog.reading.mapping import Mapping, load_mapping

FEED = Path("items.csv")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "acme.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_form_the_file_uses_our_names(tmp_path: Path) -> None:
    for file in (None, tmp_path / "none.toml"):
        mapping = load_mapping(file, FEED)
        assert not mapping.explicit
        assert mapping.wanted["item_id"] == ["item_id"]
        assert (mapping.format, mapping.separator, mapping.encoding) == ("csv", ",", "utf-8")
        assert (mapping.rules.duplicates, mapping.delivery.kind) == ("quarantine", "full")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a.csv", "csv"),
        ("A.CSV.GZ", "csv"),
        ("a.tsv", "tsv"),
        ("a.txt", "tsv"),
        ("a.ndjson.gz", "jsonl"),
        ("a.b.parquet", "parquet"),
        ("a.xlsx", "xlsx"),
        ("a.XLS", "xls"),
        ("a.json.zst", "json"),
        ("a.xml.zip", "xml"),
        ("a.yml", "xml"),
    ],
)
def test_the_format_follows_from_the_name(name: str, known: str) -> None:
    assert load_mapping(None, Path(name)).format == known


@pytest.mark.parametrize("name", ["a.ods", "a", "a.gz", "csv"])
def test_an_unknown_format_names_the_known_ones(name: str) -> None:
    with pytest.raises(CatalogError, match="csv, tsv, jsonl, json, parquet, xlsx, xls, xml"):
        load_mapping(None, Path(name))


def test_a_full_form(tmp_path: Path) -> None:
    text = """
        format = "csv"
        encoding = "windows-1251"
        delimiter = ";"
        quote = ""
        header_row = 3
        [columns]
        item_id = "Код_товару"
        title = ["Марка", "Назва"]
        images = ["a", "b"]
        attributes = ["Колір"]
        [rules]
        duplicates = "last"
        max_drop = 0.9
        price_decimal = ","
        currency = "UAH"
        [delivery]
        kind = "delta"
        expected_every = "36h"
    """
    mapping = load_mapping(written(tmp_path, text), FEED)
    assert mapping.wanted == {"item_id": ["Код_товару"], "title": ["Марка", "Назва"], "image": ["a", "b"]}
    assert mapping.attributes == ["Колір"]
    assert mapping.delivery.due == timedelta(hours=36)


def test_a_form_may_leave_the_format_to_the_name(tmp_path: Path) -> None:
    assert load_mapping(written(tmp_path, 'delimiter = ";"'), Path("a.jsonl")).format == "jsonl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('formt = "csv"', "formt"),
        ('format = "ods"', "'csv', 'tsv', 'jsonl', 'json', 'parquet', 'xlsx', 'xls' or 'xml'"),
        ('encoding = "latin-99"', "latin-99"),
        ('encoding = "hex"', "no encoding of text"),
        ('encoding = "utf-7"', "no encoding of text"),
        ('delimiter = ";;"', "delimiter"),
        ('delimiter = "\\n"', "cannot separate"),
        ("header_row = 0", "header_row"),
        ('[columns]\ntitel = "x"', "'titel'"),
        ('[columns]\ntitle = "x"', "item_id"),
        ('[columns]\nitem_id = "x"', "title, an image"),
        ('[columns]\nitem_id = ""\ntitle = "x"', "names no column"),
        ('[rules]\nduplicates = "first"', "rules.duplicates"),
        ("[rules]\nmax_drop = 2", "rules.max_drop"),
        ('[rules]\ncurrency = "euro"', "rules.currency"),
        ('[delivery]\nexpected_every = "soon"', "delivery.expected_every"),
        ("format = ", "Invalid value"),
    ],
)
def test_a_wrong_form_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(CatalogError) as caught:
        load_mapping(file, FEED)
    assert str(file) in caught.value.message or file.name in caught.value.message
    assert said in caught.value.message
    assert caught.value.remedy


def test_the_hash_names_what_decides_the_content() -> None:
    def form(**changes) -> str:
        return Mapping.model_validate({"format": "csv", **changes}).hash

    assert form() == form(encoding="utf8") == form(rules={"max_drop": 0.5}) == form(delivery={"expected_every": "1d"})
    different = [
        form(),
        form(delimiter=";"),
        form(encoding="cp1251"),
        form(columns={"item_id": "a", "title": "b"}),
        form(columns={"item_id": "a", "title": "c"}),
        form(rules={"duplicates": "last"}),
        form(rules={"price_decimal": ","}),
        form(delivery={"kind": "delta"}),
    ]
    assert len(set(different)) == len(different)


def test_the_shape_is_empty_for_a_plain_table_and_names_what_else_decides_the_text() -> None:
    def form(**changes) -> Mapping:
        columns = {"item_id": "a", "title": "b", **changes.pop("columns", {})}
        return Mapping.model_validate({"format": "csv", "columns": columns, **changes})

    assert form().shape == form(columns={"attributes": ["c"]}, delimiter=";").shape == {}
    different = [
        form(columns={"attributes": "*"}),
        form(columns={"attributes": [{"name": "n", "value": "v"}]}),
        form(columns={"attributes": [{"name": "n", "value": "v", "unit": "u"}]}),
        form(columns={"attributes": [{"packed": "p"}]}),
        form(fold={"by": ["a"]}),
        form(record="offer"),
        form(categories={"record": ["c"], "id": ["@id"], "name": ["."]}),
    ]
    assert len({str(mapping.shape) for mapping in different}) == len({mapping.hash for mapping in different}) == 7


def test_a_form_without_an_archive_keeps_its_name_and_another_archive_makes_another() -> None:
    plain = Mapping(format="csv")
    assert plain.hash == "c09c1b122a201268"  # as it was before there were archives, presets and actions
    named = [Mapping.model_validate({"format": "csv", "rules": {"image_archive": f"{n}.zip"}}) for n in "ab"]
    assert len({plain.hash, *(mapping.hash for mapping in named)}) == 3
    for wrong in ("../a.zip", "a/b.zip", "a.rar", ""):
        with pytest.raises(ValidationError):
            Mapping.model_validate({"format": "csv", "rules": {"image_archive": wrong}})


@pytest.mark.parametrize(
    "wrong",
    ["/media", "../media", "a/../../b", "C:/media", "\\\\host\\x", "file:///etc", "https://", "https://me@x.test/"],
)
def test_a_base_of_pictures_leads_nowhere_else(wrong: str) -> None:
    with pytest.raises(ValidationError, match="neither a folder"):
        Mapping.model_validate({"format": "csv", "rules": {"image_base": wrong}})
    for good in ("", ".", "media/product", "https://x.test/media", "s3://bucket/pictures/"):
        assert Mapping.model_validate({"format": "csv", "rules": {"image_base": good}}).rules.image_base == good
