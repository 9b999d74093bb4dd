"""One look at a record finds the same cells as its paths, followed one by one; and a vendor's tree of categories says
the same wherever in the file it stands."""

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from catalog.reading import cells, json_feeds
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.reading.xml_columns import XmlColumns
from catalog.reading.xml_paths import parse_path
from catalog.settings import Feeds

SPACES = {"": "", "g:": ' xmlns:g="urn:g"', "h:": ' xmlns:h="urn:h"'}
PATHS = ["a", "b", "g:a", "h:b", "./a", "*", "*/a", "a/b", "a/*", "a[@id='1']", "b[a='x']", "b[@id='1']/a", "a/@id"]
PATHS += ["@id", "@g:id", "@none", ".", "c/a/b", "text()", "g:*", "@"]
words = st.sampled_from(["", " ", "x", " x ", "1", "y&amp;z", "<!-- x -->", "x<!-- y -->z", "<?p i?>", "ä€😀"])


def written(name: str, prefix: str, attributes: set[str], inner: str) -> str:
    shown = "".join(f' {key}="{value}"' for key, value in sorted(item.split("=") for item in attributes))
    return f"<{prefix}{name}{SPACES['g:']}{SPACES['h:']}{shown}>{inner}</{prefix}{name}>"


elements = st.recursive(
    words,
    lambda inner: st.builds(
        written,
        st.sampled_from("abc"),
        st.sampled_from(sorted(SPACES)),
        st.sets(st.sampled_from(["id=1", "g:id= 2 ", "h:id=", "other=3"]), max_size=2),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=12,
)


def followed(name: str, record: etree._Element) -> str | list[str] | None:
    path = parse_path(name)
    found = [record]
    for step in path.steps:
        found = [child for element in found for child in element.iterchildren("*") if step.fits(child)]
    if len(found) == 1:
        return path.value(found[0])
    values = [value for value in map(path.value, found) if value]
    return values[0] if len(values) == 1 else values or None


@settings(max_examples=200, deadline=None)
@given(
    children=st.lists(elements, max_size=6),
    attributes=st.sets(st.sampled_from(["id=1", "g:id= 2 ", "h:none="])),
    names=st.lists(st.sampled_from(PATHS), min_size=1, max_size=8, unique=True),
)
def test_one_walk_says_what_each_path_leads_to(children: list[str], attributes: set[str], names: list[str]) -> None:
    mapping = Mapping.model_validate(
        {"format": "xml", "record": "r", "columns": {"item_id": {"first": names}, "title": names[0]}}
    )
    columns = XmlColumns(mapping)
    for inner in ("".join(children), "", "".join(reversed(children))):  # what it learnt of one holds for the next
        record = etree.fromstring(written("r", "", attributes, inner))
        expected = [followed(name, record) for name in mapping.names]
        assert [cell for cell, name in zip(columns.cells(record), mapping.names, strict=True) if name != "*"] == [
            cell for cell, name in zip(expected, mapping.names, strict=True) if name != "*"
        ]


KEYS = ["a", "b", "a.b", "a.0", "b.1.a", "a.b.a"]
values = st.recursive(
    st.sampled_from([None, "", "x", "1.50", True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b", "c"]), inner),
    max_leaves=8,
)


@given(found=st.dictionaries(st.sampled_from(KEYS), values), names=st.permutations(KEYS))
def test_a_key_says_what_its_dotted_path_leads_to(found: dict, names: list[str]) -> None:
    mapping = Mapping.model_validate(
        {"format": "jsonl", "columns": {"item_id": {"first": names}, "title": names[0], "attributes": "*"}}
    )
    *row, others = json_feeds.Columns(mapping).cells(found)
    assert row == [cells.cell_of(cells.at(found, name)) for name in names]
    assert others == {
        path: text
        for path, text in cells.named(found)
        if not any(path == name or path.startswith(f"{name}.") or name.startswith(f"{path}.") for name in names)
    }


texts = st.sampled_from(["", "x", "ä😀", "\ud83d", "\ude00", "a\0b", "y" * cells.MAX_CELL])


@given(row=st.lists(st.none() | texts | st.lists(texts, max_size=2) | st.dictionaries(texts, texts, max_size=2)))
def test_cells_checked_together_are_those_checked_one_by_one(row: list) -> None:
    every = [text for cell in row for text in cells.texts(cell)]
    record = cells.checked(1, row, None, "half")
    assert (record.rule == "bad_encoding") == any(0xD800 <= ord(mark) <= 0xDFFF for text in every for mark in text[:9])
    assert record.nul == (record.rule is None and any("\0" in text for text in every))
    if record.rule is None:
        assert record.cells == cells.without_nul(row)


def placed(tmp_path: Path, before: list[str], offers: list[str], behind: list[str]) -> list[str | None]:
    tree = "<categories>{}</categories>"
    path = tmp_path / "feed"
    path.write_text(
        f"<shop>{tree.format(''.join(before))}<offers>{''.join(offers)}</offers>{tree.format(''.join(behind))}</shop>"
    )
    found = read_rows(path, Mapping.model_validate({"format": "xml", "preset": "yml"}), Feeds())
    rows = pl.concat([batch.rows.select("line", "vendor_category") for batch in found])
    return rows.sort("line")["vendor_category"].to_list()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nodes=st.lists(st.tuples(st.sampled_from("123456"), st.sampled_from(["", "1", "2", "3", "9"])), max_size=9),
    at=st.integers(0, 9),
    items=st.lists(st.lists(st.sampled_from("1234567"), max_size=3, unique=True), min_size=1, max_size=6),
)
def test_a_tree_says_the_same_wherever_it_stands(tmp_path: Path, nodes, at: int, items: list[list[str]]) -> None:
    tree: dict[str, tuple[str, str]] = {}
    for number, (key, parent) in enumerate(nodes):
        tree.setdefault(key, (f"N{number}", parent))

    def path(key: str, seen: tuple[str, ...] = ()) -> list[str]:
        if key not in tree or key in seen:
            return []
        return [*path(tree[key][1], (*seen, key)), tree[key][0]]

    expected = []
    for keys in items:
        known = [key for key in keys if key in tree] or keys
        expected.append(" | ".join(" > ".join(path(key)) or key for key in known) or None)
    written = [f'<category id="{key}" parentId="{parent}">N{n}</category>' for n, (key, parent) in enumerate(nodes)]
    offers = [
        f'<offer id="{n}">{"".join(f"<categoryId>{key}</categoryId>" for key in keys)}</offer>'
        for n, keys in enumerate(items)
    ]
    assert placed(tmp_path, written[:at], offers, written[at:]) == expected


def frames(path: Path, mapping: Mapping, batch_rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    found = list(read_rows(path, mapping, Feeds(batch_rows=batch_rows)))
    assert all(batch.rows.height + batch.rejects.height <= batch_rows for batch in found)
    rows = pl.concat([batch.rows for batch in found], how="diagonal").sort("line")
    return rows.select(sorted(rows.columns)), pl.concat([batch.rejects for batch in found])


inner = st.sampled_from(
    [
        *(
            "<name> a </name>",
            "<name>ä</name>",
            "<name/>",
            "<name><b>x</b> &amp; y</name>",
            "<url>u</url>",
            "<price>1</price>",
        ),
        *("<picture>p1</picture>", "<picture> p2 </picture>", "<picture>p1</picture>", "<picture/>", "<!-- c -->"),
        *('<param name="Size">L</param>', '<param name="Size">XL</param>', '<param name=" Size ">L</param>'),
        *('<param name="Weight" unit="kg">3</param>', '<param name="">4</param>', "<param>5</param>"),
        *("<categoryId>1</categoryId>", "<categoryId>2</categoryId>", "<barcode>7</barcode>", "<barcode>8</barcode>"),
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offers=st.lists(st.lists(inner, max_size=7), min_size=1, max_size=9), size=st.integers(1, 4))
def test_offers_given_together_say_what_each_says(tmp_path: Path, offers: list[list[str]], size: int) -> None:
    path = tmp_path / "feed"
    tree = '<categories><category id="1">N</category></categories>'
    several = "".join(f'<offer id="{n}">{"".join(offer)}</offer>' for n, offer in enumerate(offers))
    path.write_text(f"<shop>{tree}<offers>{several}</offers></shop>")
    mapping = Mapping.model_validate({"format": "xml", "preset": "yml"})
    (together, none), (apart, nor) = frames(path, mapping, 100), frames(path, mapping, size)
    assert together.equals(apart)
    assert none.equals(nor)
    assert together["line"].to_list() == list(range(1, len(offers) + 1))


def test_an_odd_offer_among_many_costs_no_other(tmp_path: Path) -> None:
    crowd = "".join(f'<param name="n{n}">1</param>' for n in range(1_001))
    offers = [f'<offer id="{n}"><name>{"x" * 100}</name>{crowd if n == 1_500 else ""}</offer>' for n in range(3_000)]
    path = tmp_path / "feed"
    path.write_text(f"<shop>{''.join(offers)}</shop>")
    rows, rejects = frames(path, Mapping.model_validate({"format": "xml", "preset": "yml"}), 50_000)
    assert rows["line"].to_list() == [n for n in range(1, 3_001) if n != 1_501]
    assert rejects.select("line", "item_id", "rule").rows() == [(1_501, "1500", "too_many_attributes")]


def test_what_a_test_of_the_elements_around_looks_at_may_be_long_gone(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    groups = [f"<group><kind>{kind}</kind>{f'<item><id>{kind}</id></item>' * 9_000}</group>" for kind in "ABA"]
    path.write_text(f"<shop>{''.join(groups)}</shop>")
    columns = {"item_id": "id", "title": "id"}
    rows, _ = frames(
        path, Mapping.model_validate({"format": "xml", "record": "group[kind='A']/item", "columns": columns}), 9_000
    )
    assert rows["item_id"].to_list() == ["A"] * 18_000
