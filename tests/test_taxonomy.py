"""Hierarchies in the formats people have, and the questions asked of them."""

from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.taxonomy_files import read_taxonomy


def test_google_text_keeps_its_ids(tmp_path: Path) -> None:
    file = tmp_path / "google.txt"
    file.write_text(
        "# Google_Product_Taxonomy_Version: 2021-09-21\n1 - Animals\n3 - Animals > Pets\n4 - Animals > Pets > Fish\n"
    )
    taxonomy = read_taxonomy(file)
    assert taxonomy.ancestors("4") == ["1", "3", "4"]
    assert taxonomy.is_leaf("4")
    assert not taxonomy.is_leaf("3")
    assert taxonomy.level("4") == 3


def test_ids_of_any_kind_before_a_colon(tmp_path: Path) -> None:
    file = tmp_path / "shopify.txt"
    file.write_text("# Categories\n# Format: {GID} : {path}\ngid://x/aa    : Animals\ngid://x/aa-1  : Animals > Pets\n")
    assert read_taxonomy(file).path("gid://x/aa-1") == "Animals > Pets"


def test_id_and_parent_csv(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_text("id;parent_id;name;scope_note;assignable\n1;;Home;;no\n2;1;Mugs;for hot drinks;\n")
    taxonomy = read_taxonomy(file)
    assert taxonomy.path("2") == "Home > Mugs"
    assert taxonomy.assignable("2")
    assert not taxonomy.assignable("1")


def test_paths_of_a_labelled_file_bring_their_ancestors(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text('item_id,title,category_path\n1,"a\nb",Home > Mugs\n2,c,Home >  Plates\n3,d,Home\n')
    taxonomy = read_taxonomy(file)
    assert taxonomy.nodes["category_id"].to_list() == ["Home", "Home > Mugs", "Home > Plates"]


def test_the_version_is_the_content() -> None:
    one, two = from_paths(["a > b", "a > c"]), from_paths(["a > c", "a > b"])
    assert one.version == two.version
    assert one.version != from_paths(["a > b"]).version


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Home > Mugs", "Home > Mugs"),
        ("home>mugs", "Home > Mugs"),
        ("mugs", "Home > Mugs"),
        ("Cups", None),
        ("Nowhere", None),
    ],
)
def test_resolve_takes_id_path_or_a_unique_leaf_name(text: str, meant: str | None) -> None:
    taxonomy = from_paths(["Home > Mugs", "Home > Cups", "Sport > Cups"])
    assert taxonomy.resolve(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,parent_id,name\n1,2,a\n2,1,b\n", "ancestor"),
        ("id,parent_id,name\n1,9,a\n", "unknown parent"),
        ("id,parent_id,name\n1,,a\n1,,b\n", "twice"),
        ("a,b\n1,2\n", "columns"),
        ("\n", "no category"),
        ("1 - A\nB\n", "no id"),
    ],
)
def test_a_broken_hierarchy_is_refused_with_a_remedy(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "tree.csv"
    file.write_text(text)
    with pytest.raises(CatalogError, match=said) as error:
        read_taxonomy(file)
    assert error.value.remedy
