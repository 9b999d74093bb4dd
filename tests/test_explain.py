"""Explaining an item: what decided, what moved the bundle that serves, and what would change it."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.inference import occlusion
from catalog.inference.classifier import Classifier, KeptEmbeddings, MemoryEmbeddings
from catalog.placement.reason_codes import PRIORITY
from catalog.review.review_queue import NEUTRAL
from catalog.taxonomies.taxonomy import from_paths
from catalog.watch import explain_page, outcomes
from catalog.watch.explanation import Candidate, Explanation, Moved, Seen
from catalog.watch.facts import Facts
from pipelines import cli, explain, nightly, review
from pipelines.review_page import Desk
from pipelines.route import UNCLASSIFIED
from pipelines.session import opened
from tests.conftest import SHELVES, write

pytestmark = pytest.mark.train
HOSTILE = 'mug < "cup" & <b'
COLUMNS = ["item_id", "title", "description", "brand", "price", "vendor_category", "image"]
ROWS = [
    {
        "item_id": "sure",
        "title": "ceramic mug handle coffee new set",
        "description": "cup espresso",
        "image": "half.png",
    },
    {"item_id": "vague", "title": "new black set", "description": "large gift"},
    {"item_id": "hostile", "title": HOSTILE, "description": "cup", "image": "half.png"},
    {"item_id": "bare", "title": "", "image": "half.png"},
    {"item_id": "00005", "title": "tennis ball can", "description": "felt court"},
    {"item_id": "priced", "title": "lamp desk bulb", "price": "lots"},
]


@pytest.fixture(scope="module")
def place(learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of a vendor: six items, one with a price nobody can read; then all but the vague one."""
    root = Path(shutil.copytree(learned, tmp_path_factory.mktemp("explained") / "ws"))
    inbox = root / "feeds" / "acme"
    inbox.mkdir()
    picture = np.full((64, 64, 3), 230, np.uint8)
    picture[:, :32] = (20, 90, 160)
    Image.fromarray(picture).save(inbox / "half.png")
    for night, rows in enumerate((ROWS, [row for row in ROWS if row["item_id"] != "vague"]), start=1):
        write(inbox / f"2026-01-0{night}.csv", [{"price": "5", **row} for row in rows], COLUMNS)
        with opened(root) as session:
            found = nightly.to_take(session)
            run_id, _ = nightly.begin(session, found)
            for step in ("ingest", "certify", "classify", "route"):  # nothing here reads what is published
                nightly.step(session, step, str(run_id), found)
            nightly.close(session, str(run_id))
    return root


@pytest.fixture(scope="module")
def told(place: Path) -> dict[str, Explanation]:
    """Each item's explanation, those of the whole module under one lock."""
    with opened(place) as session:
        found = {item: explain.run(session, item).explanation for item in ("sure", "vague", "priced", "bare")}
        return found | {"label": explain.run(session, "00005", "history").explanation}


@pytest.fixture(scope="module")
def classifier(learned: Path) -> Classifier:
    return Classifier.open(learned / "models" / (learned / "models" / "current").read_text().strip())


def items(folder: Path, *titles: str | None, picture: bool = False) -> pl.DataFrame:
    if picture:
        Image.new("RGB", (40, 60), (200, 90, 160)).save(folder / "plain.png")
    image = str(folder / "plain.png") if picture else None
    schema = dict.fromkeys((*occlusion.INPUT_COLUMNS, "image_hash"), pl.String)
    rows = [{"input_hash": str(n), "title": title, "brand": "Acme", "image": image} for n, title in enumerate(titles)]
    return pl.DataFrame(rows, schema=schema)


def test_the_effect_of_a_word_is_what_the_model_says_without_it(classifier: Classifier, tmp_path: Path) -> None:
    title = "mug cup coffee handle"
    (found,) = occlusion.occlude(classifier, items(tmp_path, title), embeddings=MemoryEmbeddings())
    whole = classifier.predict(items(tmp_path, title)).row(0, named=True)
    assert (found.leaf_id, [word.part for word in found.words]) == (whole["leaf_id"], title.split())
    assert found.log_odds == pytest.approx(whole["log_odds"], rel=1e-6)  # how a product is summed may hang on the batch
    without = classifier.predict(items(tmp_path, "cup coffee handle")).row(0, named=True)
    assert found.words[0].leaf_id == without["leaf_id"]
    odds = dict(zip(without["top_ids"], without["top_log_odds"], strict=True))
    assert found.words[0].log_odds == pytest.approx(whole["log_odds"] - odds[found.leaf_id], abs=1e-3)
    assert [effect.part for effect in found.fields] == ["brand"]
    assert found.text_share == 1.0 and found.picture_share == 0.0


def test_many_items_together_are_explained_as_each_alone(classifier: Classifier, tmp_path: Path) -> None:
    titles = ["mug cup handle", None, "soy candle wax wick tealight scented", "x", "running shoe"]
    frame = items(tmp_path, *titles, picture=True)
    together = occlusion.occlude(classifier, frame, embeddings=MemoryEmbeddings(), most_words=4, fields=False)
    for row, found in enumerate(together):
        (alone,) = occlusion.occlude(
            classifier, frame.slice(row, 1), embeddings=MemoryEmbeddings(), most_words=4, fields=False
        )
        assert [w.part for w in found.words] == (titles[row] or "").split()[:4] and not found.fields
        assert alone.leaf_id == found.leaf_id and alone.log_odds == pytest.approx(found.log_odds, rel=1e-5)
        assert [w.log_odds for w in alone.words] == pytest.approx([w.log_odds for w in found.words], abs=1e-3)
    assert occlusion.occlude(classifier, frame.clear(), embeddings=MemoryEmbeddings()) == []


def test_asking_again_keeps_nothing(classifier: Classifier, tmp_path: Path) -> None:
    kept = KeptEmbeddings(tmp_path / "kept")
    classifier.predict(items(tmp_path, "mug cup"), embeddings=kept)
    before = sorted((tmp_path / "kept").rglob("*.arrow"))
    occlusion.occlude(classifier, items(tmp_path, "mug cup", picture=True), embeddings=kept)
    assert sorted((tmp_path / "kept").rglob("*.arrow")) == before


def test_covering_a_picture_of_one_colour_changes_nothing(classifier: Classifier, tmp_path: Path) -> None:
    item, kept = items(tmp_path, "mug cup", picture=True), MemoryEmbeddings()
    (found,) = occlusion.occlude(classifier, item, embeddings=kept)
    regions = occlusion.with_regions(classifier, item, found, embeddings=kept).regions
    assert regions is not None and regions.shape == (4, 4)
    assert np.abs(regions).max() < 1e-4
    nothing = item.with_columns(image=pl.lit(str(tmp_path / "gone.png")))
    assert occlusion.with_regions(classifier, nothing, found, embeddings=kept).regions is None


@pytest.mark.parametrize(
    ("ends", "share"), [((4, 2, 2, 0), 0.5), ((4, 4, 0, 0), 1.0), ((3, 0, 3, 0), 0.0), ((0, 0, 0, 0), None), ((-1, 0, -2, 0), 1.0)]
)  # fmt: skip
def test_shares_of_text_and_picture(ends: tuple, share: float | None) -> None:
    assert occlusion._text_share(*map(float, ends)) == share


def test_a_placed_item_says_what_placed_it_and_what_would_not(told: dict[str, Explanation]) -> None:
    found = told["sure"]
    story = dict(found.story)
    assert story["stands"].startswith("in Home > Kitchen > Mugs, put there by the model since")
    assert "of what is placed so is right" in story["certificate"] and "2026-01-02.csv" in story["delivered"]
    assert found.seen is not None
    assert max(found.seen.words, key=lambda w: w.log_odds).part in SHELVES["Home > Kitchen > Mugs"].split()
    assert len(found.seen.regions) == 4
    assert any("more than it needs" in line for line in found.changes)
    assert [path for _, path in found.neighbours].count("Home > Kitchen > Mugs") >= 3
    text = found.text()
    assert "What moved it" in text and "Home > Kitchen > Mugs" in text
    assert json.loads(json.dumps(found.to_dict()))["seen"]["words"][0]["part"] == "ceramic"


def test_an_item_nobody_delivers_any_more_says_where_it_stood(told: dict[str, Explanation]) -> None:
    found = told["vague"]
    assert "no longer delivers it" in dict(found.story)["stands"] and found.seen is None
    assert found.changes == ("It comes back when its vendor delivers it again.",)


def test_an_item_in_quarantine_says_which_line_broke_which_rule(told: dict[str, Explanation]) -> None:
    found = told["priced"]
    assert "no row of it was ever accepted" in dict(found.story)["stands"]
    assert "line 6 of 2026-01-02.csv" in found.text() and "bad price" in found.text()
    assert "catalog vendor report acme" in found.changes[0]


def test_a_label_stands_until_another_word(told: dict[str, Explanation]) -> None:
    found = told["label"]
    assert "by an imported label" in dict(found.story)["stands"] and "catalog correct" in found.changes[0]


def test_an_item_without_text_is_explained_by_its_picture(told: dict[str, Explanation]) -> None:
    found = told["bare"]
    assert found.seen is not None and found.seen.words == () and found.seen.regions


def test_the_command_writes_a_page_that_is_inert(told: dict[str, Explanation], place: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(cli.app, ["explain", "hostile", "--workspace", str(place), "--json", "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["title"] == HOSTILE
    html = page.read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in html and "<script" not in html and "default-src 'none'" in html


def test_errors_name_the_vendors_or_the_item_that_may_be_meant(place: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(place, tmp_path / "ws"))
    with opened(own) as session:
        with pytest.raises(CatalogError, match="acme, history") as both:
            explain.run(session, "00005")
        with pytest.raises(CatalogError, match="never delivered") as slip:
            explain.run(session, "sur", "acme")
        session.store.execute("DELETE FROM promotions")  # the tables speak without a model, too
        found = explain.run(session, "sure").explanation
    assert "--vendor" in both.value.remedy and slip.value.remedy == "Perhaps acme sure is meant."
    assert found.seen is None and dict(found.story)["stands"].startswith("in Home > Kitchen > Mugs")


NEAR = re.compile(r"Labelled and most alike: \S.* \(\w+\); \S.* \(\w+\)\.")


def test_a_sheet_says_what_moved_the_model_when_asked_to(place: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(place, tmp_path / "ws"))
    with opened(own) as session, session.single("review export") as job:
        # the placed item comes to the sheet as an audit, which must give nothing away
        session.store.execute("UPDATE routes SET audit = item_id = 'sure' WHERE vendor = 'acme'")
        session.store.execute(
            "UPDATE routes SET outcome = 'review', category_id = NULL WHERE vendor = 'acme' AND item_id <> 'sure'"
        )
        (sheet,) = review.export(job, telling=review.explaining(job))
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["item_id"]: row["sentence"] for row in csv.DictReader(file)}
    assert rows["sure"] == NEUTRAL
    told = [sentence for sentence in rows.values() if " speak: " in sentence]
    assert all(NEAR.search(sentence) for sentence in told)
    assert told and all("text " in sentence for sentence in told)


def test_the_page_says_so_too_when_it_is_served_so(place: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(place, tmp_path / "ws"))
    with opened(own) as session:
        session.store.execute("UPDATE routes SET outcome = 'review', category_id = NULL WHERE vendor = 'acme'")
    desks = [Desk.at(own, explain=explain) for explain in (False, True)]
    plain, explaining = (desk.view("anna").screen for desk in desks)
    if explaining is not None and not explaining.items[0].title:  # of an item without text and picture nothing is said
        plain, explaining = desks[0].view("anna").screen, desks[1].skip("anna", tuple(explaining.tokens)).screen
    assert plain is not None and not NEAR.search(plain.sentence)
    assert explaining is not None and NEAR.search(explaining.sentence) and " speak: " in explaining.sentence


def test_a_heat_map_colours_what_speaks_for_and_against() -> None:
    regions = np.zeros((4, 4))
    regions[0, 0], regions[3, 3] = 2.0, -2.0
    shown = Image.open(io.BytesIO(explain_page.heat_map(np.full((64, 64, 3), 255, np.uint8), regions))).convert("RGB")
    red, green, _ = shown.getpixel((20, 20))  # type: ignore[misc]
    assert green > red + 40
    red, green, _ = shown.getpixel((300, 300))  # type: ignore[misc]
    assert red > green + 40
    assert min(shown.getpixel((160, 160))) > 235  # type: ignore[arg-type, type-var]


def test_every_way_to_miss_a_place_is_named() -> None:
    taxonomy = from_paths(["Home > Kitchen > Mugs", "Home > Kitchen > Plates", "Toys > Balls"])
    mugs, plates = "Home > Kitchen > Mugs", "Home > Kitchen > Plates"
    prediction = pl.DataFrame(
        {
            "leaf_id": [mugs], "log_odds": [1.0], "top_ids": [[mugs, plates]], "top_log_odds": [[1.0, -1.5]],
            "chain_ids": [["Home", "Home > Kitchen", mugs]], "chain_mass": [[0.99, 0.95, 0.73]],
            "chain_log_odds": [[4.6, 2.9, 1.0]],
        }
    )  # fmt: skip
    seen = Seen("m", (Candidate(mugs, 0.73, 1.0), Candidate(plates, 0.18, -1.5)), (Moved("mug", 2.0, plates),))
    facts = Facts("acme", "1", {"outcome": "review", "reason": "below_threshold"}, pl.DataFrame(), (), None, [], None)

    def said(**policy: object) -> str:
        return "\n".join(outcomes.changes(facts, prediction, Policy("m", 0.98, 0.05, **policy), taxonomy, seen))

    short = said(leaf_threshold=3.0, parent_threshold=2.5)
    assert "Placed at a leaf is what has log-odds of at least 3.00 (95.3%); this has 1.00 (73.1%), 2.00 short." in short
    assert "Placed at Home > Kitchen is what has log-odds of at least 2.50" in short and "0.40 more" in short
    assert f"Without the word 'mug' the best guess would be {plates}." in short
    assert "no certificate was earned at 98%" in said()
    assert "suspended for acme" in said(leaf_threshold=3.0, suspended_vendors=frozenset({"acme"}))
    assert "suspended for Home" in said(leaf_threshold=3.0, suspended_departments=frozenset({"Home"}))
    assert "No label names acme" in said(leaf_threshold=3.0, known_vendors=frozenset("b"), review_unseen_vendors=True)
    assert "seen below the target" in said(leaf_threshold=0.5, review_departments=frozenset({"Home"}))
    assert "no certificate of its own" in said(leaf_groups={"Toys": 1.0})
    seen = Seen("m", seen.candidates, (Moved("mug", 0.8, None),))
    surer = said(leaf_threshold=0.5)
    assert (
        "Without the word 'mug' it would miss the threshold of a leaf." in surer and "No single part flips it" in surer
    )


def test_every_reason_to_wait_says_what_would_end_it() -> None:
    by_the_model = {
        "no_certificate", "department_not_certified", "vendor_suspended", "department_suspended", "unseen_vendor",
        "close_call", "below_threshold",
    }  # fmt: skip
    assert {*PRIORITY, UNCLASSIFIED} - by_the_model == set(outcomes.ENDS), (
        "the others are told from policy and thresholds"
    )
    handbook = (Path(__file__).parents[1] / "docs" / "sql.md").read_text(encoding="utf-8")
    stands = {
        "certified",
        "sticky",
        "move_held",
        "rule_pin",
        "decided",
        "product_decided",
        "look_alike_decided",
        "settled",
    }
    assert {code for code in {*PRIORITY, UNCLASSIFIED, *stands} if f"`{code}`" not in handbook} == set()
    taxonomy = from_paths(["Home > Mugs"])
    row = {"outcome": "review", "reason": "shadow_mode"}
    facts = Facts("acme", "1", row, pl.DataFrame(), ("shadow_mode", "no_text", "below_threshold"), None, [], None)
    said = list(outcomes.changes(facts, pl.DataFrame(), Policy("m", 0.98, 0.05), taxonomy, None))
    assert len(said) == 2 and 'mode = "live"' in said[0] and "send a title" in said[1]


def test_a_title_is_no_markup_on_the_page() -> None:
    seen = Seen("m", (Candidate("A", 0.5, 0.0),), (Moved("<b>", 1.0, None),))
    html = explain_page.page(Explanation("v<i>", "1", "<u>", (("stands", "<s>"),), seen), None)
    assert not {"<b>", "<i>", "<u>", "<s>"} & {html[n : n + 3] for n in range(len(html))}
