"""Hierarchies as they are published: recognised by content, kept whole, refused by line."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import CatalogError
from catalog.taxonomies.misread_names import misread_names
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.taxonomy_files import form_of, read_taxonomy
from catalog.taxonomies.taxonomy_nodes import Node, built
from pipelines import taxonomy, workspace
from pipelines.session import opened

REAL = Path(os.environ.get("FEEDSHELF_REAL_DATA", Path(__file__).parents[2] / "shared")) / "taxonomies"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real taxonomies at {REAL} (set FEEDSHELF_REAL_DATA)")

# One small hierarchy in every form: Home > Mugs (a note where the form has one), Home > Cups.
BOTH = {"h1": "Home", "m1": "Home > Mugs", "c1": "Home > Cups"}
GPC_JSON = {"LanguageCode": "EN", "Schema": [{
    "Level": 1, "Code": "h1", "Title": "Home", "Definition": "", "Childs": [
        {"Level": 2, "Code": "m1", "Title": "Mugs", "Definition": "For hot drinks.", "Childs": [
            {"Level": 5, "Code": "a1", "Title": "Colour", "Childs": []}]},
        {"Level": 2, "Code": "c1", "Title": "Cups", "Definition": "", "Childs": []}]}]}  # fmt: skip
SHOPIFY_JSON = {"version": "2025-06", "verticals": [{"name": "Home", "prefix": "h", "categories": [
    {"id": "h1", "level": 0, "name": "Home", "full_name": "Home", "parent_id": None, "attributes": [{"id": "x", "name": "Colour"}],
     "children": [{"id": "m1", "name": "Mugs"}, {"id": "c1", "name": "Cups"}], "ancestors": []},
    {"id": "m1", "level": 1, "name": "Mugs", "parent_id": "h1", "children": [], "ancestors": [{"id": "h1", "name": "Home"}]},
    {"id": "c1", "level": 1, "name": "Cups", "parent_id": "h1", "children": []}]}]}  # fmt: skip
GPC_XML = """<?xml version="1.0" encoding="UTF-8"?>
<g:schema xmlns:g="urn:gpc"><segment code="h1" text="Home"><family code="m1" text="Mugs" definition="For hot drinks.">
<class code="a" text="x"/></family><family code="c1" text="Cups"/></segment></g:schema>"""
GPC_TABLE = (
    "SegmentCode,SegmentTitle,FamilyCode,FamilyTitle,FamilyDefinition,AttributeCode,AttributeTitle\n"
    "h1,Home,m1,Mugs,For hot drinks.,9,Colour\nh1,Home,m1,Mugs,For hot drinks.,8,Size\nh1,Home,c1,Cups,,,\n"
)
FORMS = [
    ("google", "# Google_Product_Taxonomy_Version: 1\nh1 - Home\nm1 - Home > Mugs\nc1 - Home > Cups\n", BOTH),
    ("google", "# Google_Product_Taxonomy_Version: 1\nHome\nHome > Mugs\nHome > Cups\n", None),
    ("shopify", "# Shopify\n# Format: x\n\ngid://h1  : Home\ngid://m1 : Home > Mugs\ngid://c1   : Home > Cups\n", "gid"),
    ("shopify", json.dumps(SHOPIFY_JSON), BOTH),
    ("gpc", json.dumps(GPC_JSON), BOTH),
    ("gpc", GPC_XML.replace('<class code="a" text="x"/>', ""), BOTH),
    ("gpc", GPC_TABLE, BOTH),
    ("parents", "id,parent_id,name\nh1,,Home\nm1,h1,Mugs\nc1,h1,Cups\n", BOTH),
    ("parents", "Category ID;Parent Category ID;Category Name\nh1;0;Home\nm1;h1;Mugs\nc1;h1;Cups\n", BOTH),
    ("parents", "nodeId\tparentId\tlabel\tdefinition\nh1\tnull\tHome\t\nm1\th1\tMugs\tFor hot drinks.\nc1\th1\tCups\t\n", BOTH),
    ("labelled", "category_id,category_path\nh1,Home\nm1,Home > Mugs\nc1,Home>Cups\n", BOTH),
    ("labelled", "item_id,title,category_path\n1,x,Home > Mugs\n2,y,Home > Cups\n3,z,Home > Cups\n", None),
    ("paths", "Home > Mugs\nHome > Cups\n", None),
    ("paths", "T-Shirts - Men > Long\nT-Shirts - Men > Short\n", "men"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "text", "expected"), FORMS, ids=lambda value: value[:25] if isinstance(value, str) else None
)
def test_a_form_is_recognised_by_what_it_holds(tmp_path: Path, form: str, text: str, expected: object) -> None:
    file = tmp_path / "anything.dat"
    file.write_text(text)
    assert form_of(text) == form
    nodes = read_taxonomy(file).nodes
    found = dict(nodes.select("category_id", "path").rows())
    if expected == "men":
        assert sorted(found) == ["T-Shirts - Men", "T-Shirts - Men > Long", "T-Shirts - Men > Short"]
    elif expected == "gid":
        assert found == {f"gid://{key}": path for key, path in BOTH.items()}
    else:
        assert found == (expected or {path: path for path in BOTH.values()})
    if "hot drinks" in text:
        assert nodes.filter(name="Mugs")["scope_note"].item() == "For hot drinks."
    assert read_taxonomy(file, form).version == read_taxonomy(file).version


def test_the_form_can_be_said(tmp_path: Path) -> None:
    file = tmp_path / "departments.txt"
    file.write_text("Home\nToys\n")
    assert read_taxonomy(file, "paths").nodes["path"].to_list() == ["Home", "Toys"]
    with pytest.raises(CatalogError, match="not a taxonomy this program knows") as error:
        read_taxonomy(file)
    assert "--format" in error.value.remedy


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_spreadsheet_may_have_saved_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "tree.csv"
    file.write_bytes("id;parent;name\r\n1;;Дім\r\n2;1;Чашки\r\n".encode(encoding))
    assert read_taxonomy(file).path("2") == "Дім > Чашки"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,parent,name\n1,,a\n2,3,b\n3,2,c\n4,9,d\n", r"line 5: category '4' names the unknown parent '9'"),
        ("id,parent,name\n1,,a\n2,3,b\n3,2,c\n", r"line \d: category '\d' is its own ancestor"),
        ("id,parent,name\n1,,a\n2,2,b\n", r"line 3: category '2' is its own ancestor"),
        ("id,parent,name\n1,,a\n2,1,b\n1,2,c\n", r"line 4: the id '1' occurs twice, first in line 2"),
        ("id,parent,name\n1,,a\n,1,b\n3,1,\n", r"line 3: a category without an id; line 4: a category without a name"),
        ("1 - A\n2 - A > B\n1 - A > C\n", r"line 3: the id '1' occurs twice, first in line 1"),
        ("1 - A\n2 - A > B\n3 - A>B\n", r"line 3: the path 'A > B' occurs twice, first in line 2"),
        ("1 - A\n2 - A > B\nA > C\n", r"line 3: 'A > C' has no id"),
        ('{"a": ', "not a JSON file"),
        ("<schema><segment code='1'", "not well-formed XML"),
        ("<!DOCTYPE s [<!ENTITY x 'y'>]><s/>", "document type"),
        ("<schema/>", "holds no category"),
        ("{}", "holds no category"),
    ],
)
def test_a_broken_hierarchy_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "tree"
    file.write_text(text)
    with pytest.raises(CatalogError, match=said) as error:
        read_taxonomy(file)
    assert error.value.remedy


def test_only_the_first_lines_are_named(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_text("id,parent,name\n" + "".join(f"{n},x{n},a\n" for n in range(20)))
    with pytest.raises(CatalogError, match="and 15 more"):
        read_taxonomy(file)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 12)), max_size=12))
def test_any_parents_make_a_tree_or_are_refused(edges: list[tuple[int, int]]) -> None:
    nodes = [Node(n, str(key), "" if up < 0 else f"{up}", f"n{key}") for n, (key, up) in enumerate(edges, 2)]
    try:
        tree = built(nodes, Path("tree.csv"))
    except CatalogError:
        return
    assert tree.nodes.height == len(edges)
    for key in tree.nodes["category_id"]:
        assert tree.path(key).count(" > ") + 1 == tree.level(key) == len(tree.ancestors(key))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_hierarchy_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("bytes") / "file"
    file.write_bytes(content)
    try:
        assert read_taxonomy(file).nodes.height > 0
    except CatalogError as error:
        assert error.remedy


@real
@pytest.mark.parametrize(
    ("name", "form", "nodes", "leaf", "path"),
    [
        # one node a line that is not a comment or empty: grep -vc '^#'
        ("google/taxonomy-with-ids.en-US.txt", "google", 5595, "3", "Animals & Pet Supplies > Pet Supplies > Bird Supplies"),
        ("google/taxonomy-with-ids.en-US.2019-07-10.txt", "google", 5582, "1", "Animals & Pet Supplies"),
        ("google/taxonomy-with-ids.de-DE.txt", "google", 5427, "4679", "Baby & Kleinkind > Baby Badebedarf > Babybadewannen"),
        ("shopify/categories.txt", "shopify", 10595, "gid://shopify/TaxonomyCategory/ap-1", "Animals & Pet Supplies > Live Animals"),
        # 6,074 lines with the header; 187 bricks have the name of their only class, so paths repeat and ids do not
        ("gs1_gpc/paths.csv", "parents", 6073, "70010000", "arts/crafts/needlework > arts/crafts/needlework supply"),
    ],
)  # fmt: skip
def test_published_hierarchies_are_whole(name: str, form: str, nodes: int, leaf: str, path: str) -> None:
    file = REAL / name
    tree = read_taxonomy(file)
    assert form_of(file.read_text(encoding="utf-8-sig")) == form
    assert tree.nodes.height == nodes == tree.nodes["category_id"].n_unique()
    assert tree.path(leaf) == path
    departments = tree.nodes.filter(pl.col("parent_id").is_null())
    assert departments["level"].to_list() == [1] * departments.height


@real
def test_the_same_hierarchy_without_ids_has_the_same_paths(tmp_path: Path) -> None:
    tree = read_taxonomy(REAL / "google/taxonomy-with-ids.en-US.txt")
    file = tmp_path / "taxonomy.txt"
    file.write_text("# Google_Product_Taxonomy_Version: 2021-09-21\n" + "\n".join(tree.nodes["path"]) + "\n")
    bare = read_taxonomy(file)
    assert bare.nodes["path"].to_list() == tree.nodes["path"].to_list()
    assert bare.version == from_paths(tree.nodes["path"]).version


SOUND = ["Boutonnières", "Crêpe Pans", "Piñatas", "Größen", "Café & Thé", "Рёбра", "USB-Кабель", "日本語", "Mugs"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Boutonnière", "cp1251"), ("Entrées", "cp1251"), ("Entrées", "cp1252"), ("Größen", "mac_roman")],
)
def test_names_that_were_misread_are_said_with_the_way_back(name: str, encoding: str, tmp_path: Path) -> None:
    spoilt = name.encode().decode(encoding)
    file = tmp_path / "tree.txt"
    file.write_text("\n".join(f"{n} - {one}" for n, one in enumerate([*SOUND, spoilt], 1)), encoding="utf-8")
    said = misread_names(read_taxonomy(file), "tree.txt")
    assert said.startswith("WARNING: 1 names") and f"{spoilt!r} (meant is {name!r})" in said
    back = said.rpartition("-t ")[2].split()[0]  # what the warning says to run turns the whole name back
    assert spoilt.encode(back).decode() == name
    assert misread_names(from_paths([*SOUND, name]), "tree.txt") == ""
    assert "anew" in misread_names(from_paths(["Entr\ufffdes"]), "tree.txt")


def test_an_import_says_so(tmp_path: Path) -> None:
    (tmp_path / "tree.txt").write_text("1 - Pi\u0413\u00b1atas\n2 - Mugs\n", encoding="utf-8")
    with opened(workspace.init(tmp_path / "ws").root) as session, session.single("taxonomy") as job:
        assert "WARNING: 1 names" in taxonomy.run(job, tmp_path / "tree.txt")
