"""Plain records by their bytes say what their elements say, whatever stands between and inside them; and a file that is
refused is refused with the same words after the same rows."""

from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import FeedRefused
from catalog.reading import xml_feeds, xml_runs
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.reading.stretches import Stretch
from catalog.settings import Feeds

OFFERS = Mapping.model_validate({"format": "xml", "preset": "yml"})
GOOGLE = Mapping.model_validate(
    {
        "format": "xml",
        "record": "offer",
        "columns": {
            "item_id": {"first": ["g:id", "@id"]},
            "title": ["name", "g:price"],
            "description": {"first": ["description/b", "description", "price/@id"], "required": False},
            "vendor_category": {"first": ["picture"], "required": False},
            "images": {"first": ["param", "picture"], "required": False},
            "attributes": ["name", {"first": ["url", "price"]}],
        },
        "rules": {"image_separator": ","},
    }
)
Said = tuple[pl.DataFrame, pl.DataFrame, str]


def said(path: Path, mapping: Mapping, size: int) -> Said:
    """Rows and rejects by their lines, and with which words the file is refused."""
    rows, rejects, wrong = [pl.DataFrame(schema={"line": pl.Int64})], [], ""
    try:
        for batch in read_rows(path, mapping, Feeds(batch_rows=size)):
            rows.append(batch.rows)
            rejects.append(batch.rejects)
    except FeedRefused as refused:
        wrong = f"{refused.reason}: {refused.message}"
    found = pl.concat(rows, how="diagonal").sort("line")
    return found.select(sorted(found.columns)), pl.concat(rejects) if rejects else pl.DataFrame(), wrong


def agree(path: Path, mapping: Mapping = OFFERS, *, size: int = 100, block: int = xml_runs.BLOCK) -> Said:
    """What a file says, with runs and without."""
    with patch.object(xml_runs, "BLOCK", block):
        by_runs = said(path, mapping, size)
    with patch.object(xml_feeds, "in_utf8", lambda *_: False):
        by_tree = said(path, mapping, size)
    assert by_runs[2] == by_tree[2]
    if by_runs[2]:  # how many rows came before the fault depends on how they are bundled
        common = set(by_runs[0]["line"]) & set(by_tree[0]["line"])
        by_runs, by_tree = (_only(common, one) for one in (by_runs, by_tree))
    assert by_runs[0].columns == by_tree[0].columns
    assert by_runs[0].equals(by_tree[0]), (by_runs[0], by_tree[0])
    assert by_runs[2] or by_runs[1].equals(by_tree[1])
    return by_runs


def _only(lines: set[int], found: Said) -> Said:
    rows = found[0].filter(pl.col("line").is_in(lines)) if lines else pl.DataFrame()
    return rows.select(name for name in rows.columns if rows[name].count()), *found[1:]


PLAIN = [
    *(
        "<name> a </name>",
        "<name>ä\u00a0</name>",
        "<name/>",
        "<name></name >",
        "<name>a > b &amp;lt; &#38;amp;&lt;</name>",
    ),
    *(
        "<price>1</price>",
        "<price id='7'>2</price>",
        "<url>u&#x41;&#0065;</url>",
        '<url a="&lt;>">v</url>',
        " text ",
        "\n\t",
    ),
    *(
        "<picture>p1</picture>",
        "<picture> p2,p3 </picture>",
        "<picture>p1</picture>",
        "<description>d &quot;</description>",
    ),
    *(
        '<param name="Size">L</param>',
        '<param name="Size">XL</param>',
        '<param name=" Size ">M</param>',
        "<param>5</param>",
    ),
    *(
        '<param name="W&amp;H" unit="kg">3</param>',
        "<param name='Weight' unit=' '>3</param>",
        '<param name="a  b">c</param>',
    ),
    *(
        "<categoryId>1</categoryId>",
        "<categoryId> 2 </categoryId>",
        "<categoryId>9</categoryId>",
        "<barcode>7</barcode>",
        '<name lang="ru">n</name>',
        '<name lang="uk">m</name>',
        '<picture lang="ru">p1</picture>',
    ),
]
ODD = [
    *("<!-- c -->", "<?p i?>", "<name><![CDATA[<b>&x</name>]]></name>", "<name>x<b>y</b>z</name>", "<!--</offer>-->"),
    *(
        "<category>1</category>",
        "<offer id='8'><name>in</name></offer>",
        "<g:id>4</g:id>",
        "<h:id>5</h:id>",
        "<G>\U0001f600</G>",
    ),
    *(
        "<name>x<!-- c -->y</name>",
        "<name g:a='1'>n</name>",
        "<name xmlns='urn:n'>n</name>",
        "<name>\r\nx\ry</name>",
        "\ufffd",
    ),
    *(
        "<![CDATA[</offer><offer id='7'><name>c</name></offer>]]>",
        "<!-- <offer id='6'><name>o</name></offer> -->",
        "]] >",
    ),
    *(
        '<url a="1\n2" b="\t">w</url>',
        "<url a='x\"y\"z'>q</url>",
        '<param name="x\ty">1</param>',
        "<price>&#8364;&#x1F600;</price>",
    ),
    *(
        "<g:price>3</g:price>",
        '<param name="Size" name2="q" unit="cm">S</param>',
        "<description><b>x</b></description>",
    ),
]
BROKEN = [
    *(
        "<",
        "&",
        "&nbsp;",
        "]]>",
        "\x01",
        "&#0;",
        "&#xD800;",
        "</offer>",
        "<offer>",
        "<name>",
        "</name>",
        "<name a='1' a='2'/>",
        '<offer id="1" id="2"></offer>',
        '<offer id="1"group_id="2"></offer>',
        '<offer id="<"></offer>',
        '<offer id="&e;"></offer>',
        '<offer id="1></offer>',
    ),
    *(
        "<1a/>",
        "<name a=b/>",
        "<name a='<'/>",
        "\ufffe",
        "<x:y/>",
        "<!-- -- -->",
        "<name",
        "</offers><offers>",
        "<?xml version='1.0'?>",
    ),
    *(
        "<name a='&q;'/>",
        "</offer a='1'>",
        "<name>x</nam>",
        '<name a="1"b="2"/>',
        "<![CDATA[",
        "<!--",
        "]]>]]>",
        "<!DOCTYPE x>",
    ),
]
inside = st.lists(st.sampled_from(PLAIN), max_size=6).map("".join)
odd_inside = st.lists(st.sampled_from([*PLAIN, *ODD]), max_size=5).map("".join)
opening = st.sampled_from(
    [
        "<offer>",
        '<offer id="a">',
        "<offer id=\"b\" group_id='g'>",
        '<offer id=" c&amp; " available="true" >',
        "<offer\nid='d'>",
        '<offer  id = "e id=" group_id="x y">',
        '<offer id="it\'s&#65;&lt;&amp;lt;" group_id="">',
        '<offer group_id="g" id="a\tb">',
        '<offer id="a\nb">',
        '<offer id="f" group_id=\'it "is"\'>',
    ]
)
plain = st.builds("{}{}</offer>".format, opening, inside)
odd = st.builds("{}{}</offer>".format, opening, odd_inside) | st.sampled_from(
    [
        "<offer id='e'/>",
        "<g:offer id='f'><name>g</name></g:offer>",
        "<other><offer id='h'><name>i</name></offer></other>",
    ]
)
tree = st.sampled_from(
    ["", "<categories><category id='1'>A</category><category id='2' parentId='1'>B</category></categories>"]
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A feed of mostly plain offers; sometimes something is wrong with it."""
    between = st.sampled_from(["", "", "\n", " > ", *draw(st.just(ODD))])
    parts = draw(st.lists(st.one_of(plain, plain, plain, odd, between), max_size=12))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(parts)))
        parts.insert(at, draw(st.sampled_from(BROKEN) | st.builds("<offer>{}</offer>".format, st.sampled_from(BROKEN))))
    offers = "".join(parts)
    start = '<shop xmlns:g="urn:g">'
    text = f"{start}{draw(tree)}<offers>{offers}</offers>{draw(tree)}</shop>"
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=documents(),
    mapping=st.sampled_from([OFFERS, GOOGLE]),
    block=st.sampled_from([64, 200, 1_000, 100_000]),
    size=st.sampled_from([1, 100]),
)
def test_runs_say_what_the_tree_says(tmp_path: Path, text: str, mapping: Mapping, block: int, size: int) -> None:
    path = tmp_path / "feed"
    path.write_bytes(text.encode())
    agree(path, mapping, size=size, block=block)


def offers(count: int, *, inner: str = "", close: str = "</offers></shop>") -> str:
    each = "".join(
        f'<offer id="{n}"><name>n{n}</name><picture>{n}.jpg</picture>{inner}</offer>\n' for n in range(count)
    )
    return f'<shop xmlns:g="urn:g"><offers>{each}{close}'


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 3_000), byte=st.sampled_from([0, 9, 13, 34, 38, 39, 47, 60, 62, 93, 0x80, 0xC3, 0xFF]))
def test_one_byte_that_is_another_changes_no_more_than_it_does_in_the_tree(tmp_path: Path, at: int, byte: int) -> None:
    path = tmp_path / "feed"
    data = bytearray(offers(60, inner='<param name="Size">L</param>').encode())
    data[at % len(data)] = byte
    path.write_bytes(data)
    agree(path, block=700)


def stretched(path: Path, mapping: Mapping = OFFERS) -> int:
    """How many records of a file are read by their bytes."""
    return sum(piece.rows for piece in xml_feeds.xml_pieces(path, mapping) if isinstance(piece, Stretch))


def test_all_but_the_first_of_plain_records_are_read_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    for text in (
        offers(500),
        offers(500).replace("\n", "\r\n"),
        offers(500, inner="<vendor>&lt;a&#62; &amp;</vendor>"),
    ):
        path.write_bytes(text.encode())
        assert stretched(path) == 499
        assert agree(path)[0].height == 500


def test_an_odd_record_among_plain_ones_is_the_only_one_of_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_text(offers(500).replace("<name>n250<", "<!-- x --><name>n250<"))
    assert stretched(path) == 498
    assert agree(path)[0]["title"][250] == "n250"


def test_a_section_of_cdata_is_as_plain_as_other_text(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    inner = "<description> &lt;<![CDATA[ <p>a & b</p> </offer> ]]>&gt;<![CDATA[]]&gt;]]> </description>"
    path.write_text(offers(500, inner=inner))
    assert stretched(path) == 499
    assert set(agree(path)[0]["description"]) == {"< <p>a & b</p> </offer> >]]&gt;"}


def test_a_feed_of_odd_records_is_soon_left_to_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_text(offers(300, inner="<description><b>x</b></description>"))
    assert stretched(path) == 0
    assert agree(path)[0].height == 300


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (offers(300, close=""), "broken_xml"),
        (offers(300, close="<offer><name>&e;</name></offer></offers></shop>"), "broken_xml"),
        (offers(300, close=f"<offer><name>{'x' * 2_000_000}</name></offer></offers></shop>"), "giant_cell"),
        (offers(300, close="<a>" * 300 + "</a>" * 300 + "</offers></shop>"), "giant_xml"),
        ('<!DOCTYPE shop [<!ENTITY e "x">]>' + offers(300), "xml_entities"),
    ],
)
def test_bounds_hold_behind_a_run(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "feed"
    path.write_text(text)
    assert agree(path)[2].startswith(f"{reason}: ")


def test_other_encodings_are_left_to_the_tree_or_read_as_utf_8(tmp_path: Path) -> None:
    path, text = tmp_path / "feed", offers(300).replace("n7<", "Я<")
    path.write_bytes(b'<?xml version="1.0" encoding="windows-1251"?>' + text.encode("cp1251"))
    assert stretched(path) == 0
    assert agree(path)[0]["title"][7] == "Я"
    said = Mapping.model_validate({"format": "xml", "preset": "yml", "encoding": "windows-1251"})
    assert stretched(path, said) == 299
    assert agree(path, said)[0]["title"][7] == "Я"
    path.write_bytes(text.encode("utf-16"))
    assert stretched(path) == 0


def test_a_path_of_categories_longer_than_a_cell_is_refused_as_in_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    long = "".join(f"<category id='{n}' parentId='{n - 1}'>{'x' * 400_000}</category>" for n in range(1, 4))
    inner = "<categoryId>3</categoryId>"
    path.write_text(offers(3, inner=inner).replace("<offers>", f"<categories>{long}</categories><offers>"))
    assert agree(path)[2].startswith("giant_cell: ")


def test_a_row_with_too_many_attributes_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    crowd = "".join(f'<param name="n{n}">1</param>' for n in range(1_001))
    path.write_text(offers(900).replace("<name>n500<", f"{crowd}<name>n500<"))
    rows, rejects, _ = agree(path)
    assert rows.height == 899
    assert rejects["rule"].to_list() == ["too_many_attributes"]
