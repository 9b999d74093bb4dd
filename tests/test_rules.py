"""Rules of policy.toml: what is written, what is clear, what history says, and what they do in a night."""

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hand_made import PANS, PUZZLES, hand_made, hour, job, rows
from short_nights import short_night
from typer.testing import CliRunner

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.placement import rules
from catalog.placement.routing import route
from catalog.publishing import views
from catalog.publishing.reader import query_published
from catalog.settings import Settings, Workspace
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy
from pipelines.cli import app
from pipelines.rules import check

TREE = from_paths(["Home > Mugs", "Home > Pans", "Health > Pills > Cold", "Health > Pills > Pain", "Health > Bands"])
TODAY = date(2026, 11, 30)
OWNED = 'owner = "anna"\nsince = 2026-11-01\n'


def written(folder: Path, *bodies: str) -> list[rules.Rule]:
    file = folder / "policy.toml"
    file.write_text("\n".join(f"[[rule]]\n{OWNED}{body}" for body in bodies))
    return rules.load(file)


NEVER = 'id = "no-pills"\nkind = "never_automate"\nnode = "Health > Pills"\n'
PIN = 'id = "mugs"\nkind = "pin"\nvendor = "acme"\nvendor_category = "Tassen"\nnode = "Home > Mugs"\n'
WRONG = [
    ([NEVER.replace("node", "nod")], "nod "),
    ([NEVER, NEVER.replace("Health > Pills", "Home")], "two rules are called no-pills"),
    ([PIN, PIN.replace("mugs", "pans").replace("Home > Mugs", "Home > Pans")], "mugs and pans contradict each other"),
    (['id = "x"\nkind = "pin"\nnode = "Home"\ngtin = "40063"\n'], "gtin"),
    (['id = "x"\nkind = "pin"\nnode = "Home"\n'], "a pin needs gtin, or vendor and vendor_category"),
    (['id = "x"\nkind = "target"\nnode = "Home"\n'], "needs target"),
    (['id = "x"\nkind = "probation"\nvendor = "a"\nanswers = 5\nnode = "Home"\n'], "has no node"),
    ([NEVER + "until = 2026-10-01\n"], "before it begins"),
]


@pytest.mark.parametrize(("bodies", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path, bodies: list[str], said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        written(tmp_path, *bodies)


def test_rules_that_follow_each_other_do_not_contradict(tmp_path: Path) -> None:
    first = f"[[rule]]\n{OWNED}{PIN}until = 2026-11-10\n"
    other = PIN.replace("mugs", "pans").replace("Home > Mugs", "Home > Pans")
    (tmp_path / "policy.toml").write_text(f'{first}[[rule]]\nowner = "bo"\nsince = 2026-11-11\n{other}')
    assert [rule.id for rule in rules.load(tmp_path / "policy.toml")] == ["mugs", "pans"]


def test_expired_unknown_and_idle_rules_are_said_and_a_lost_protection_stops_placing(tmp_path: Path) -> None:
    found = rules.standing(
        written(
            tmp_path,
            NEVER + "until = 2026-11-29\n",
            PIN.replace("Home > Mugs", "Home > Cups"),
            'id = "weak"\nkind = "target"\nnode = "Home"\ntarget = 0.9\n',
            'id = "fine"\nkind = "target"\nnode = "Health"\ntarget = 0.99\n',
        ),
        TREE, TODAY, target=0.95,
    )  # fmt: skip
    assert [bound.rule.id for bound in found.acting] == ["fine"] and not found.unclear
    assert [problem.split(" of anna ")[1].split(":")[0] for problem in found.problems] == [
        "expired on 2026-11-29",
        "names 'Home > Cups', which is no category here",
        "asks for 90.0%, which the target of all (95.0%) is not below",
    ]
    lost = rules.standing(written(tmp_path, NEVER.replace("Health > Pills", "Drugs")), TREE, TODAY)
    assert lost.unclear and "places nothing new" in lost.problems[0]


def predicted(leaf: str, log_odds: float = 5.0, **facts: object) -> dict:
    ids = TREE.ancestors(leaf)
    return {
        "vendor": "acme", "item_id": leaf, "row_hash": "r", "input_hash": leaf, "product_id": None, "title": leaf,
        "decided_category": None, "decided_verdict": None, "standing_category": None, "standing_outcome": None,
        "leaf_id": leaf, "probability": 0.99, "log_odds": log_odds, "top_ids": [leaf], "top_log_odds": [log_odds],
        "chain_ids": ids, "chain_mass": [0.999] * len(ids), "chain_log_odds": [7.0] * len(ids), "novelty": 0.1,
        "has_text": True, "has_image": False, "image_status": "missing", "gtin": None, "vendor_category": None, **facts,
    }  # fmt: skip


def routed(items: list[dict], found: rules.Standing, bars: dict[str, float | None]) -> pl.DataFrame:
    policy = Policy("m", 0.95, 0.05, leaf_threshold=2.0, leaf_certified_precision=0.95, control_share=0.0)
    todo = rules.with_rules(pl.DataFrame(items, infer_schema_length=None), found, {"new": 10})
    return route(todo, policy, TREE, rules.guards(found, TREE, bars)).select(
        "item_id", "outcome", "category_id", "decided_by", "reason", "rule_id"
    )


def test_each_kind_does_what_it_says_and_is_a_reason(tmp_path: Path) -> None:
    found = rules.standing(
        written(
            tmp_path, NEVER, PIN,
            'id = "band"\nkind = "pin"\ngtin = "4006381333931"\nnode = "Health"\n',
            'id = "sure"\nkind = "target"\nnode = "Home"\ntarget = 0.99\n',
            'id = "try"\nkind = "probation"\nvendor = "new"\nanswers = 1\n',
        ),
        TREE, TODAY, target=0.95,
    )  # fmt: skip
    items = [
        predicted("Health > Pills > Cold"),
        predicted("Health > Bands"),
        predicted("Home > Pans", 5.0),
        predicted("Home > Mugs", 3.0),
        predicted("Health > Pills > Pain", item_id="pinned", vendor_category="Tassen > Groß"),
        predicted("Home > Pans", item_id="by gtin", gtin="04006381333931"),
        predicted("Health > Bands", item_id="new", vendor="new"),
        predicted("Home > Mugs", item_id="decided", vendor_category="Tassen", decided_category="Home > Pans",
                  decided_verdict="category"),
    ]  # fmt: skip
    assert routed(items, found, {"sure": 4.0}).rows() == [
        ("Health > Pills > Cold", "review", None, None, "rule_never_automate", "no-pills"),
        ("Health > Bands", "placed", "Health > Bands", "model", "certified", None),
        ("Home > Pans", "placed", "Home > Pans", "model", "certified", None),
        ("Home > Mugs", "review", None, None, "rule_target", "sure"),
        ("pinned", "placed", "Home > Mugs", "rule", "rule_pin", "mugs"),
        ("by gtin", "placed_at_parent", "Health", "rule", "rule_pin", "band"),
        ("new", "review", None, None, "rule_probation", "try"),
        ("decided", "decided", "Home > Pans", "person", "decided", None),
    ]
    without = routed(items[2:3], found, {"sure": None})
    assert without.row(0)[4:] == ("rule_target", "sure")


def test_what_a_pin_placed_stays_when_the_pin_goes(tmp_path: Path) -> None:
    stood = {"standing_category": "Home > Mugs", "standing_outcome": "placed", "standing_by": "rule"}
    (row,) = routed([predicted("Home > Pans", 1.0, **stood)], rules.Standing(), {}).rows()
    assert row[1:5] == ("placed", "Home > Mugs", "rule", "sticky")


# ---------------------------------------------------------------- in a night


def catalog(place: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--workspace", str(place)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.train
def test_rules_are_checked_against_history_before_they_act_and_counted_after(
    learned: Path, shop: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(learned, tmp_path / "ws"))
    rows = [line.split(",") for line in (shop / "first.csv").read_text().splitlines()]
    lines = [",".join([*rows[0], "vendor_category"])]
    lines += [",".join([*row, "Tassen" if n < 5 else "Rest"]) for n, row in enumerate(rows[1:])]
    (place / "feeds" / "acme").mkdir()
    (place / "feeds" / "acme" / "items.csv").write_text("\n".join(lines) + "\n")
    shelf = "Home > Kitchen > Mugs"
    # labels say that what history calls Teller are anything but mugs
    labelled = (shop / "labels.csv").read_text().splitlines()
    said = [f"{labelled[0]},vendor_category", *(f"L{line},Teller" for line in labelled[1:41])]
    (tmp_path / "more.csv").write_text("\n".join(said) + "\n")
    catalog(place, "labels", "import", str(tmp_path / "more.csv"), "--vendor", "history2")
    pin = f'kind = "pin"\nvendor = "acme"\nvendor_category = "Tassen"\nnode = "{shelf}"\n'
    written(
        place,
        'id = "no-sport"\nkind = "never_automate"\nnode = "Sport"\n',
        f'id = "mugs"\n{pin}',
        f'id = "wrong"\n{pin}'.replace("acme", "history2").replace("Tassen", "Teller"),
        'id = "old"\nkind = "never_automate"\nnode = "Home"\nuntil = 2026-11-02\n',
    )
    before = catalog(place, "rules", "check")
    assert "rule old of anna expired on 2026-11-02" in before and "DOES NOT ACT" in before
    assert "it would have been right for" in before
    assert "3 rules act, 1 do not act: catalog rules check" in catalog(place, "status")
    short_night(place)
    published = Workspace(place).published_db
    noted = query_published(
        published, "SELECT rule_id, acts, checked_decided, checked_right FROM rules ORDER BY rule_id"
    )
    assert noted["rule_id"].to_list() == ["mugs", "no-sport", "wrong"] and noted["acts"].to_list() == [
        True,
        True,
        False,
    ]
    assert noted.row(2)[2] == 40 and noted.row(2)[3] < 20
    hits = dict(query_published(published, "SELECT rule_id, items FROM rule_hits").rows())
    assert hits["mugs"] == 5 and hits["no-sport"] > 0 and hits["wrong"] == 0
    sport = "SELECT count(*) FROM current_category WHERE vendor = 'acme' AND level_1 = 'Sport' AND decided_by = 'model'"
    assert query_published(published, sport).item() == 0
    lineage = query_published(published, "SELECT reason, sentence FROM item_lineage WHERE rule_id = 'mugs' LIMIT 1")
    assert lineage.row(0) == ("rule_pin", "Placed in Mugs by the rule mugs.")
    assert short_night(place) is None
    assert "rule old of anna expired" in catalog(place, "nightly")
    written(place)  # every rule is gone
    short_night(place)
    assert query_published(published, sport).item() > 0
    # what the pin placed stands still, unless the model is certain of another place
    stand = "SELECT decided_by FROM current_category WHERE vendor = 'acme' AND item_id <= '01004' ORDER BY item_id"
    found = query_published(published, stand)["decided_by"].to_list()
    assert len(found) == 5 and "rule" in found
    words = json.loads(query_published(published, "SELECT json_group_array(word) FROM rules").item())
    assert words.count("gone") == 3


def test_history_is_judged_by_the_threshold_of_each_department(tmp_path: Path) -> None:
    workspace, store = hand_made(tmp_path)
    with store:
        views.create(store)
        for item, leaf in (("x1", PANS), ("x2", PUZZLES)):
            rows(store, "predictions", {
                "input_hash": f"in-{item}", "model_id": "m2", "leaf_id": leaf, "log_odds": 3.0, "predicted_at": hour(41),
            })  # fmt: skip
        departments = {name: latest_taxonomy(store).ancestors(name)[0] for name in (PANS, PUZZLES)}
        policy = Policy("m2", 0.95, 0.05, leaf_groups={departments[PANS]: 5.0, departments[PUZZLES]: 2.0})
        rows(store, "policies", {
            "policy_id": "p3", "seq": 3, "model_id": "m2", "certificate_id": "c2",
            "settings_hash": Settings().routing_hash, "body": json.dumps(policy.to_dict()),
        })  # fmt: skip
        [rule] = written(tmp_path, 'id = "try"\nkind = "probation"\nvendor = "archive"\nanswers = 5\n')
        found = check(job(workspace, store), rules.Bound(rule, None))
    assert (found.decided, found.right) == (1, 0)  # the pans do not reach what their department asks for
