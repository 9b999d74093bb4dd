"""What no category fits becomes a few proposals with names that say what they are."""

import random

import polars as pl
from review_desk import KITCHEN, PATHS
from typer.testing import CliRunner

from catalog.review.new_categories import Proposal, gather, proposals, text, tree
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.taxonomy_files import read_taxonomy
from catalog.taxonomies.versions import latest_taxonomy

TREE = from_paths(PATHS, PATHS.values())
COMMON = ["Acme", "premium", "black", "new", "set", "large"]
KINDS = {
    "yoga mat": ["grip", "foam", "rolled"],
    "drone camera": ["propeller", "flight", "battery"],
    "dog leash": ["nylon", "collar"],
}


def found_unfit(each: int = 12) -> pl.DataFrame:
    rng, rows = random.Random(3), []
    for kind, words in KINDS.items():
        for n in range(each):
            parts = kind.split() + rng.sample(words, 1) + rng.sample(COMMON, 2)
            rng.shuffle(parts)
            rows.append(
                (
                    f"v{n % 3}",
                    f"{kind[:3]}{n}",
                    f"{' '.join(parts)} {rng.randint(10, 99)} cm",
                    KITCHEN if "mat" in kind else None,
                )
            )
    rng.shuffle(rows)
    return pl.DataFrame(rows, schema=["vendor", "item_id", "title", "near_id"], orient="row")


def shop() -> list[str]:
    rng = random.Random(4)
    return [" ".join([*rng.sample(COMMON, 3), rng.choice(["mug", "pan", "puzzle"])]) for _ in range(500)]


def test_kinds_are_gathered_and_named_by_what_stands_out():
    made = gather(found_unfit(), [*shop(), *found_unfit()["title"]], TREE, least=3)
    assert [one.items for one in made] == [12, 12, 12]
    assert {
        frozenset(kind.split()) <= set(one.name.split())
        for one, kind in zip(sorted(made, key=lambda m: m.name), sorted(KINDS), strict=True)
    } == {True}
    assert not any(word.lower() in one.name for one in made for word in COMMON)
    (mats,) = [one for one in made if "yoga" in one.name]
    assert (mats.parent_id, mats.vendors, len(mats.examples)) == (KITCHEN, 3, 5)
    shown = text(made, TREE)
    assert "Home > Kitchen > " in shown and "12 items of 3 vendors" in shown


def test_what_is_alone_is_no_category():
    frame = found_unfit(1)
    assert gather(frame, shop(), TREE, least=2) == []
    assert len(gather(frame, shop(), TREE, least=1)) == 3
    assert gather(frame.clear(), shop(), TREE, least=1) == []


def test_the_hierarchy_with_the_proposals_in_it_can_be_imported(tmp_path):
    found = [
        Proposal("yoga mat", KITCHEN, 9, 2, ()),
        Proposal("mugs", KITCHEN, 5, 1, ()),
        Proposal("drone", None, 4, 1, ()),
        Proposal("drone", None, 3, 1, ()),
    ]
    (tmp_path / "tree.csv").write_bytes(tree(found, TREE).write_csv().encode())
    made = read_taxonomy(tmp_path / "tree.csv")
    paths = dict(made.nodes.select("category_id", "path").iter_rows())
    new = {name: path for name, path in paths.items() if name not in TREE}
    assert new == {
        "new-yoga-mat": "Home > Kitchen > yoga mat",
        "new-mugs": "Home > Kitchen > mugs",
        "new-drone": "drone",
    }
    assert {name: path for name, path in paths.items() if name in TREE} == dict(
        TREE.nodes.select("category_id", "path").iter_rows()
    )


def test_decisions_become_proposals_until_somebody_finds_a_category(desk):
    for n in range(4):
        desk.item(f"y{n}", title=f"Yoga mat {'foam' if n % 2 else 'cork'}", parent_id=KITCHEN)
    desk.item("m", title="Mug")
    sheet = desk.sheet()
    desk.answer([row | {"decision": "none" if row["item_id"] != "m" else "1"} for row in sheet])
    (one,) = proposals(desk.store, latest_taxonomy(desk.store))
    assert set(one.name.split()) >= {"yoga", "mat"} and (one.items, one.parent_id) == (4, KITCHEN)


def test_the_command_says_so_when_there_are_none(taught, tmp_path):
    from pipelines.cli import app

    out = tmp_path / "new.csv"
    said = CliRunner().invoke(app, ["review", "proposals", "-w", str(taught), "--out", str(out)])
    assert said.exit_code == 0 and "often enough" in said.output
    assert out.read_text("utf-8-sig").startswith("name,parent_id,parent_path,items,vendors,examples")


def test_the_file_of_proposals_is_inert_in_a_spreadsheet(desk):
    from pipelines.cli import app

    for n in range(3):
        desk.item(f"y{n}", title=f"=HYPERLINK(yoga mat {n})", parent_id=KITCHEN)
    desk.answer([row | {"decision": "none"} for row in desk.sheet()])
    desk.store.close()
    desk.workspace.state.mkdir(exist_ok=True)
    (desk.workspace.root / "work.duckdb").rename(desk.workspace.work_db)
    desk.workspace.settings_file.write_text("")
    out = desk.workspace.root / "new.csv"
    said = CliRunner().invoke(app, ["review", "proposals", "-w", str(desk.workspace.root), "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "'=HYPERLINK(yoga mat" in out.read_text("utf-8-sig")
