"""A certificate does not outlive its cause, and one vendor's edit stops that vendor alone."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hand_made import IDS, hand_made, hour, job, rows

from catalog.certification.policy import Policy
from catalog.placement import grounds
from catalog.publishing import views
from catalog.taxonomies.taxonomy import Taxonomy, from_paths
from catalog.taxonomies.versions import latest_taxonomy, save_taxonomy
from pipelines import certify

TREE = from_paths(IDS, IDS.values())
MAPPING = 'format = "csv"\n[columns]\nitem_id = "sku"\ntitle = "name"\nprice = "price"\n'


def hashes(folder: Path, taxonomy: Taxonomy = TREE) -> dict[str, str]:
    found = grounds.grounds(folder, ["acme", "bolt"], taxonomy)
    return {f"{kind} {key}": value for kind, key, value in found.iter_rows()}


def changed(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {key for key in one if one[key] != other.get(key)}


def test_a_mapping_matters_where_it_feeds_the_model(tmp_path):
    before = hashes(tmp_path)
    (tmp_path / "acme.toml").write_text(MAPPING)
    mapped = hashes(tmp_path)
    assert changed(before, mapped) == {"vendor acme"}
    for unread in (('"price"', '"net_price"'), ('"sku"', '"id"'), ("[columns]", 'delimiter = ";"\n[columns]')):
        (tmp_path / "acme.toml").write_text(MAPPING.replace(*unread))
        assert changed(mapped, hashes(tmp_path)) == set()
    for read in (('"name"', '"long_name"'), ("[columns]", 'encoding = "cp1251"\n[columns]\nbrand = "maker"')):
        (tmp_path / "acme.toml").write_text(MAPPING.replace(*read))
        assert changed(mapped, hashes(tmp_path)) == {"vendor acme"}
    (tmp_path / "acme.toml").write_text("format = [broken")
    assert changed(mapped, hashes(tmp_path)) == {"vendor acme"}


def test_renaming_a_category_keeps_the_tree_and_a_new_leaf_does_not(tmp_path):
    before = hashes(tmp_path)
    renamed = Taxonomy("tax2", TREE.nodes.with_columns(pl.col("name", "path").str.replace("Kettles", "Water kettles")))
    assert changed(before, hashes(tmp_path, renamed)) == set()
    paths = {**IDS, "Toys > Balls": "22"}
    grown = from_paths(paths, paths.values())
    assert changed(before, hashes(tmp_path, grown)) == {"department 2"}


@pytest.fixture
def certified(tmp_path):
    """A workspace whose serving model has a policy under today's settings, and the grounds of its certificate."""
    workspace, store = hand_made(tmp_path)
    with store:
        work = job(workspace, store)
        policy = Policy("m2", 0.95, 0.05, leaf_threshold=2.41, leaf_certified_precision=0.95)
        body = {"policy_id": policy.policy_id, "body": json.dumps(policy.to_dict()), "certificate_id": "c2"}
        settings_hash = work.settings.routing_hash
        rows(
            store,
            "policies",
            {**body, "seq": 3, "model_id": "m2", "settings_hash": settings_hash, "created_at": hour(3)},
        )
        now = grounds.grounds(workspace.vendors, ["acme", "bolt"], latest_taxonomy(store))
        store.append("grounds", now.with_columns(certificate_id=pl.lit("c2")))
        views.create(store)
        yield work, policy


def test_a_changed_mapping_suspends_its_vendor_until_it_is_taken_back(certified):
    work, policy = certified
    assert certify.run(work) == policy
    (work.workspace.vendors / "acme.toml").write_text(MAPPING)
    found = certify.run(work)
    assert found == replace(policy, suspended_vendors=frozenset({"acme"}), draw_shares={"vendor acme": 1.0})
    assert certify.run(work) == found
    seen = work.store.query("SELECT * FROM suspended").to_dicts()
    assert [(row["kind"], row["key"]) for row in seen] == [("vendor", "acme")]
    assert seen[0]["items"] == work.store.one("SELECT count(*) FROM live_items WHERE vendor = 'acme'") > 0
    assert "acme.toml" in seen[0]["cause"] and "catalog train" in seen[0]["ends"]
    (work.workspace.vendors / "acme.toml").unlink()
    assert certify.run(work) == policy
    assert work.store.query("SELECT * FROM suspended").height == 0
    assert work.store.one("SELECT count(*) FROM suspensions WHERE key = 'acme'") == 1


def test_the_first_mapping_of_a_vendor_known_from_labels_is_no_change(certified):
    work, policy = certified
    folder, named = work.workspace.vendors, replace(policy, known_vendors=frozenset({"newcomer"}))
    delivering = grounds.read_vendors(work.store, folder, policy)
    assert (
        delivering == set(work.store.query("SELECT DISTINCT vendor FROM live_items WHERE delivered")["vendor"]) != set()
    )
    assert grounds.read_vendors(work.store, folder, named) == delivering
    (folder / "newcomer.toml").write_text(MAPPING)
    assert grounds.read_vendors(work.store, folder, named) == delivering | {"newcomer"}


def test_a_changed_tree_suspends_its_department(certified):
    work, policy = certified
    paths = {**IDS, "Toys > Balls": "22"}
    save_taxonomy(work.store, from_paths(paths, paths.values()), "test")
    suspended = replace(policy, suspended_departments=frozenset({"2"}), draw_shares={"department 2": 1.0})
    assert certify.run(work) == suspended
    assert work.store.query("SELECT kind, key, name FROM suspended").rows() == [("department", "2", "Toys")]


@pytest.mark.parametrize(
    ("setting", "vendors", "review"),
    [("auto", 4, False), ("auto", 5, True), ("review", 1, True), ("place_with_warning", 9, False)],
)
def test_unseen_vendors_are_reviewed_once_the_labels_name_five(certified, setting, vendors, review):
    work, policy = certified
    named = [{"model_id": "m9", "vendor": f"v{n}", "item_id": "1"} for n in range(vendors)]
    rows(work.store, "example_splits", *named, {"model_id": "m9", "vendor": "catalogue", "item_id": "2"})
    found = grounds.with_vendors(work.store, replace(policy, model_id="m9"), setting)
    assert found.known_vendors == {f"v{n}" for n in range(vendors)}
    assert found.review_unseen_vendors is review
