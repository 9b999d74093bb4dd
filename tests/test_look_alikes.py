"""Look-alikes over nights: who joins whom, who stays, who leaves, and what one decision, one draw and one audit stand for."""

import csv
import io
import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from test_ingest import Shop

from catalog.certification.policy import Policy
from catalog.integrity.invariants import INVARIANTS
from catalog.labels import leaders
from catalog.pictures import outlines
from catalog.placement import look_alikes
from catalog.settings import Settings
from catalog.taxonomies.taxonomy import from_paths
from pipelines import route

LAMPS, MUGS = "Home > Lamps", "Home > Mugs"
FIELDS = ("item_id", "title", "brand", "gtin", "product_id", "image")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy(
    "m1", 0.95, 0.05, leaf_threshold=3.0, leaf_certified_precision=0.95, audit_share=1e-9, control_share=0.0
)


def written(items: Iterable[dict]) -> str:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(FIELDS)
    lines.writerows([item.get(field, "") for field in FIELDS] for item in items)
    return text.getvalue()


class Night(Shop):
    """A shop whose model knows lamps: sure of them (log-odds 4) where `sure`, else in doubt."""

    def __init__(self, root: Path, policy: Policy = POLICY) -> None:
        super().__init__(root)
        self.workspace.settings_file.write_text("")
        self.settings = Settings()
        tree = from_paths([LAMPS, MUGS])
        self.store.append("categories", tree.nodes.with_columns(taxonomy_version=pl.lit("t1")))
        self.store.append_row("taxonomies", taxonomy_version="t1", seq=1, imported_at=NOW)
        self.store.append_row("models", model_id="m1", taxonomy_version="t1", facts="{}", trained_at=NOW)
        self.store.append_row("promotions", model_id="m1", seq=1, promoted_at=NOW)
        self.policies = 0
        self.serve(policy)

    def serve(self, policy: Policy) -> None:
        self.policies += 1
        self.store.append_row(
            "policies", policy_id=policy.policy_id, seq=self.policies, model_id="m1", body=json.dumps(policy.to_dict()),
            settings_hash=self.settings.routing_hash, created_at=NOW,
        )  # fmt: skip

    def routed(self, *items: dict, sure: bool = False, vendor: str = "acme", name: str = "items.csv") -> None:
        """A night in which these items are all that the vendor has."""
        self.deliver(written(items), vendor=vendor, name=name)
        assert self.night() == {"accepted": 1}
        self.settle(sure=sure)

    def settle(self, *, sure: bool = False) -> int:
        odds = 4.0 if sure else -0.5
        self.store.execute(
            """INSERT INTO predictions BY NAME
               SELECT DISTINCT input_hash, 'm1' AS model_id, $leaf AS leaf_id, 1 / (1 + exp(-$odds)) AS probability,
                   $odds AS log_odds, [$leaf] AS top_ids, [$odds] AS top_log_odds, ['Home', $leaf] AS chain_ids,
                   [0.99, 0.9] AS chain_mass, [5.0, $odds] AS chain_log_odds, 0.1 AS novelty, true AS has_text, true AS has_image
               FROM live_items ANTI JOIN predictions USING (input_hash)""",
            {"leaf": LAMPS, "odds": odds},
        )
        return route.run(self.job())

    def groups(self) -> dict[str, str]:
        return dict(
            self.rows("SELECT item_id, group_id FROM standing_routes SEMI JOIN live_items USING (vendor, item_id)")
        )

    def clusters(self) -> dict[str, str]:
        return dict(
            self.rows('SELECT item_id, "cluster" FROM look_alikes JOIN live_items USING (vendor, item_id, input_hash)')
        )

    def audited(self) -> list[str]:
        return [item for (item,) in self.rows("SELECT item_id FROM standing_routes WHERE audit ORDER BY item_id")]

    def picture(self, name: str, shape: str, colour: str = "brown") -> str:
        """A thing of this shape on white."""
        path = self.workspace.feeds / "acme" / name
        path.parent.mkdir(exist_ok=True)
        image = Image.new("RGB", (120, 120), "white")
        draw = ImageDraw.Draw(image)
        if shape == "tall":
            draw.rectangle((45, 5, 75, 115), fill=colour)
        else:
            draw.ellipse((10, 40, 110, 80), fill=colour)
        image.save(path)
        return name


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path)
    yield made
    made.store.close()


def lamp(number: object, title: str = "Desk lamp oak", brand: str = "Lumo", **facts: object) -> dict:
    return {"item_id": number, "title": title, "brand": brand, **facts}


def test_look_alikes_form_one_group_over_two_nights(shop: Night) -> None:
    pictures = {
        "tall": shop.picture("tall.png", "tall"),
        "tall_too": shop.picture("tall2.png", "tall", "maroon"),
        "wide": shop.picture("wide.png", "wide"),
    }
    first = [
        lamp("a1"), lamp("a2", "DESK lamp, oak"), lamp("other_brand", brand="Potto"),
        lamp("p1", "Shade red", product_id="shade"), lamp("p2", "Schirm blau", product_id="shade"),
        lamp("g1", "Clip light for a shelf", gtin="4006381333931"),
        lamp("g2", "Garden gnome", gtin="4006381333931"),  # somebody typed the same number
        lamp("t1", "Tall floor lamp brown oak", image=pictures["tall"]),
        lamp("w1", "Tall floor lamp brown oak", image=pictures["wide"]),  # says the same, shows another thing
        lamp("short", "Lamp", brand=""), lamp("short_too", "Lamp", brand=""),
    ]  # fmt: skip
    shop.routed(*first)
    found = shop.groups()
    together = [{"a1", "a2"}, {"p1", "p2"}]
    assert [{item for item in found if found[item] == found[min(some)]} for some in together] == together
    alone = ("other_brand", "g1", "g2", "t1", "w1", "short", "short_too")
    assert len({found[item] for item in alone}) == len(alone)

    later = [
        lamp("a3", "Desk lamp - oak"), lamp("g3", "Clip light, shelf, white", gtin="4006381333931"),
        lamp("t2", "Tall floor lamp maroon oak", image=pictures["tall_too"]),
        lamp("b1", "Floor lamp with a quite different title", image=pictures["tall"]),
    ]  # fmt: skip
    shop.routed(*first, *later, name="more.csv")
    now = shop.groups()
    assert {item: now[item] for item in found} == found, "who came later changes nobody's group"
    assert (now["a3"], now["g3"], now["t2"]) == (now["a1"], now["g1"], now["t1"])
    assert now["b1"] not in {now[item] for item in found}
    sizes = dict(shop.rows("SELECT item_id, group_size FROM backlog"))
    assert (sizes["a1"], sizes["t2"], sizes["w1"]) == (3, 2, 1)


def test_an_item_that_changes_leaves_its_group_alone_and_finds_back(shop: Night) -> None:
    stock = [lamp(n) for n in "abc"]
    shop.routed(*stock)
    before = shop.clusters()
    (leader,) = {item for item, _ in shop.rows("SELECT item_id, keys FROM look_alikes WHERE keys IS NOT NULL")}
    changed = [item | {"title": "Ceiling light chrome"} if item["item_id"] == leader else item for item in stock]
    shop.routed(*changed, name="2.csv")
    now = shop.clusters()
    assert now[leader] != before[leader]
    rest = {item: cluster for item, cluster in before.items() if item != leader}
    assert {item: now[item] for item in rest} == rest, "whom it led stay together"
    shop.routed(*changed, lamp("d"), name="3.csv")
    assert shop.clusters()["d"] == before["a"], (
        "a cluster is found by what it began with, which need not be there any more"
    )
    shop.routed(*stock, name="4.csv")
    assert shop.clusters() == before
    assert not shop.rows("SELECT 1 FROM look_alikes GROUP BY vendor, item_id, input_hash HAVING count(*) > 1")


def test_a_large_cluster_sends_one_member_to_audit_and_no_second_one(shop: Night) -> None:
    stock = [lamp(f"{n:02}") for n in range(60)]
    others = [lamp(f"x{n}", f"Lamp number {'abcdefghijklmnopqrstuvwxyz'[n]}{n}") for n in range(25)]
    shop.routed(*stock[:15], *others, sure=True)
    assert shop.audited() == [], "fifteen are no large cluster"
    shop.routed(*stock[:24], *others, name="2.csv", sure=True)
    (sent,) = shop.audited()
    assert sent in {item["item_id"] for item in stock[15:24]}, "of those settled that night"
    shop.routed(*stock[:30], *others, name="3.csv", sure=True)
    assert shop.audited() == [sent], "one answer speaks for all of them"
    left = [item for item in stock if item["item_id"] != sent]
    shop.routed(*left[:30], *others, name="4.csv", sure=True)
    (again,) = set(shop.audited()) - {sent}
    assert again != sent, "the one that was to be asked is gone"
    shop.serve(Policy.from_dict({**POLICY.to_dict(), "leaf_threshold": 2.5}))
    assert shop.settle(sure=True) == 55
    assert len({*shop.audited()} & {item["item_id"] for item in left}) == 1


def test_of_a_product_the_control_stream_may_draw_one_item(shop: Night) -> None:
    shop.serve(Policy.from_dict({**POLICY.to_dict(), "control_share": 1.0}))
    shop.routed(
        *[lamp(n) for n in range(9)], *[lamp(f"x{n}", f"Lamp number {'abcdef'[n]}{n}") for n in range(6)], sure=True
    )
    drawn = shop.rows("SELECT a.cluster FROM standing_routes JOIN look_alikes a USING (vendor, item_id) WHERE control")
    assert len(drawn) == len(set(drawn)) == 7
    assert len({group for item, group in shop.groups().items() if str(item).startswith("x")}) == 6


def generated(rng: random.Random, size: int) -> list[dict]:
    words = ["oak", "steel", "tall", "small", "desk", "floor", "clip", "shade", "black", "white"]
    titles = [" ".join(rng.sample(words, rng.randint(2, 6))) for _ in range(size // 4)]
    return [
        lamp(
            f"{n:04}", rng.choice(titles) + rng.choice(["", "", f" {rng.randint(1, 99)}", " new"]), rng.choice(["Lumo", "Potto", ""]),
            product_id=rng.choice(["", "", "", f"p{rng.randint(1, 30)}"]),
        )
        for n in range(size)
    ]  # fmt: skip


def test_a_killed_night_ends_with_the_same_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    items = generated(rng, 120)
    whole, killed = Night(tmp_path / "whole"), Night(tmp_path / "killed")
    whole.routed(*items)
    rng.shuffle(items)
    for module in (look_alikes, route):  # cut otherwise, too
        monkeypatch.setattr(module, "PART", 25)
    killed.deliver(written(items))
    killed.night()
    write, parts = killed.store.append, iter(range(99))

    def failing(table: str, frame: pl.DataFrame) -> int:
        if table == "look_alikes" and next(parts) == 2:
            raise KeyboardInterrupt
        return write(table, frame)

    monkeypatch.setattr(killed.store, "append", failing)
    with pytest.raises(KeyboardInterrupt):
        killed.settle()
    half = dict(killed.clusters())
    assert 0 < len(half) < 120
    killed.settle()
    assert killed.clusters() == whole.clusters() and killed.clusters().items() >= half.items()
    assert killed.groups() == whole.groups()
    settled = "SELECT * EXCLUDE (seq, run_id, routed_at, row_hash) FROM routes ORDER BY vendor, item_id"
    assert killed.rows(settled) == whole.rows(settled)
    (led,) = [one for one in INVARIANTS if one.name == "clusters_led"]
    for shop in (whole, killed):
        assert shop.store.query(led.sql, {"run": None}).height == 0
        shop.store.close()


def frame(items: list[dict]) -> pl.DataFrame:
    given = {"vendor": "v", "input_hash": "i", "image_hash": None, "product_id": None}
    columns = ("vendor", "item_id", "input_hash", "product_id", "title", "brand", "image_hash")
    rows = [{**given, **item, "product_id": item.get("product_id") and f"v:{item['product_id']}"} for item in items]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row", infer_schema_length=None)


def all_at_once(items: list[dict]) -> dict[str, str]:
    rows = leaders.compared_by(frame(items))
    known = leaders.Known()
    found = leaders.joined(rows, leaders.contested(leaders.keys_of(rows), known), known, lambda *_: True)
    return dict(found.select("item_id", "cluster").iter_rows())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_titles_that_no_other_has_change_nothing_for_others(seed: int, more: int) -> None:
    rng = random.Random(seed)
    items = generated(rng, 60)
    unrelated = [lamp(f"u{n}", f"unrelated thing {'abcdefghij'[n % 10]}{n}x", brand=f"b{n}") for n in range(more)]
    mixed = [*items]
    for one in unrelated:
        mixed.insert(rng.randint(0, len(mixed)), one)
    found = all_at_once(mixed)
    assert {item["item_id"]: found[item["item_id"]] for item in items} == all_at_once(items)


def test_no_chain_of_small_steps_and_no_crowd(tmp_path: Path) -> None:
    words = [f"word{letter}" for letter in "abcdefghijkl"]
    chain = [lamp(n, " ".join(words[n : n + 6]), image_hash=f"p{n}") for n in range(7)]
    found = all_at_once(chain)
    for cluster in set(found.values()):
        members = [int(item) for item, name in found.items() if name == cluster]
        assert max(members) - min(members) <= 1
    crowd = all_at_once([lamp(n, f"{n} thing", product_id="typed into every row") for n in range(250)])
    sizes = pl.Series(crowd.values()).value_counts()["count"].sort().to_list()
    assert sizes == [50, leaders.MOST, leaders.MOST]


def test_outlines_tell_shapes_apart_whatever_their_colour(shop: Night) -> None:
    names = [
        shop.picture(f"{shape}-{colour}.png", shape, colour)
        for shape in ("tall", "wide")
        for colour in ("navy", "brown")
    ]
    tall, tall_too, wide, wide_too = (outlines.outline(str(shop.workspace.feeds / "acme" / name)) for name in names)
    assert tall and tall_too and wide and wide_too and len(tall) == outlines.SIDE**2
    assert outlines.agree(tall, tall_too) and outlines.agree(wide, wide_too)
    assert not outlines.agree(tall, wide)
    white = bytes([255]) * outlines.SIDE**2
    assert not outlines.agree(white, white), "nothing to be seen on either"
    (shop.workspace.feeds / "acme" / "broken.png").write_bytes(b"\x89PNG broken")
    assert outlines.outline(str(shop.workspace.feeds / "acme" / "broken.png")) is None
    assert outlines.outline(None) is None
