"""Audit shares by power: each department has so much audited as shows a fall in time, and nobody is asked twice for it."""

from dataclasses import replace

import polars as pl
import pytest
from review_desk import MUGS, PUZZLES, Desk

from catalog.certification import monitor
from catalog.certification.policy import Policy
from catalog.jobs import Job
from catalog.placement import audit_shares
from catalog.placement.routing import route
from catalog.settings import Audit, Routing, Settings
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy

NIGHT = monitor.answers_to_alarm(0.98, 0.93, 5000) / 28  # audits


@pytest.mark.parametrize(
    ("placed", "share"), [(1_000_000, 0.01), (200, 0.025), (50, 0.1), (12, 0.2), (0, 0.2)]
)  # about five audits a night
def test_the_share_follows_what_must_be_seen_within_its_bounds(placed: float, share: float) -> None:
    found = monitor.audit_share(NIGHT, placed, least=0.01, most=0.2)
    assert found == pytest.approx(share, abs=0.005)
    assert found in (0.01, 0.2) or found * placed >= NIGHT


def test_a_share_below_the_setting_for_all_is_none() -> None:
    assert monitor.audit_share(NIGHT, 50, least=0.3, most=0.2) == 0.3


def night(desk: Desk, number: int, placed: dict[str, int], **settings: object) -> Job:
    """A run that places so many new items in each category; what is placed again counts no second time."""
    rows = [
        {"vendor": "acme", "item_id": f"{key}-{number}-{n}", "input_hash": f"{key}-{number}-{n}", "category_id": key}
        for key, many in placed.items()
        for n in range(many)
    ]
    again = {"vendor": "acme", "item_id": "old", "input_hash": "old", "category_id": MUGS}
    first = 1 + (desk.store.one("SELECT max(seq) FROM routes") or 0)
    facts = {"run_id": f"{number:06d}-x", "outcome": "placed", "decided_by": "model"}
    frame = pl.DataFrame([*rows, again]).with_columns(pl.lit(value).alias(name) for name, value in facts.items())
    desk.store.append("routes", frame.with_columns(seq=pl.int_range(first, first + frame.height, dtype=pl.Int64)))
    return replace(desk.job(), run_id=f"{number + 1:06d}-x", settings=Settings(audit=Audit(**settings)))


def test_departments_get_what_they_need_from_the_nights_before(desk: Desk) -> None:
    taxonomy = latest_taxonomy(desk.store)
    for number, mugs in enumerate((3000, 400, 400)):  # the first night brought all that a vendor has
        job = night(desk, number, {MUGS: mugs, PUZZLES: 40}, see_nights=28)
    needs = audit_shares.needs(job.store, job.settings, taxonomy, job.run_id)
    assert needs["1"].placed == pytest.approx(401, abs=1) and needs["2"].placed == 40
    assert needs["1"].share == pytest.approx(NIGHT / 400, abs=0.001) and needs["2"].share == pytest.approx(
        NIGHT / 40, abs=0.001
    )
    assert audit_shares.settle(job, taxonomy) == {key: need.share for key, need in needs.items()}
    assert audit_shares.settle(job, taxonomy) == audit_shares.shares(job.store, job.settings)  # begun again: the same
    assert job.store.query("SELECT department, run_id FROM audit_shares ORDER BY seq").rows() == [
        ("1", job.run_id),
        ("2", job.run_id),
    ]
    later = night(desk, 3, {MUGS: 100_000, PUZZLES: 40}, see_nights=28)
    assert audit_shares.settle(later, taxonomy).keys() == {"1", "2"}
    assert job.store.one("SELECT count(*) FROM audit_shares WHERE department = '2'") == 1  # written where it changes


def test_without_the_setting_nothing_is_computed(desk: Desk) -> None:
    job = night(desk, 0, {MUGS: 40})
    assert audit_shares.settle(job, latest_taxonomy(desk.store)) == {}
    assert desk.store.one("SELECT count(*) FROM audit_shares") == 0


def test_only_new_placements_of_the_department_are_drawn_at_its_share() -> None:
    tree = from_paths(["A > A1", "B > B1"])
    sure = {"log_odds": 5.0, "probability": 0.99, "has_text": True, "has_image": False, "image_status": "missing"}

    def rows(leaf: str, many: int, *, stands: bool, drawn: bool | None = None) -> list[dict]:
        chain = {"chain_ids": [leaf[0], leaf], "chain_mass": [1.0, 0.99], "chain_log_odds": [9.0, 5.0]}
        stood = {"standing_category": leaf if stands else None, "standing_outcome": "placed" if stands else None}
        return [sure | chain | stood | {
            "vendor": "v", "item_id": f"{leaf}{stands}{drawn}{n}", "row_hash": f"{n}", "input_hash": f"{n}",
            "product_id": None, "leaf_id": leaf, "decided_category": None, "decided_verdict": None, "top_ids": [leaf],
            "top_log_odds": [5.0], "novelty": 0.1, "standing_audit": drawn,
        } for n in range(many)]  # fmt: skip

    parts = [
        rows("A > A1", 400, stands=False),
        rows("B > B1", 400, stands=False),
        rows("A > A1", 400, stands=True, drawn=False),
        rows("A > A1", 20, stands=True, drawn=True),
    ]
    frame = pl.DataFrame([row for part in parts for row in part], infer_schema_length=None)
    policy = Policy("m", 0.95, 0.05, leaf_threshold=2.0, leaf_certified_precision=0.95, control_share=0.0)
    audit = route(frame, policy, tree, audit_shares={"A": 0.2})["audit"]
    new, other, standing, drawn = audit[:400].sum(), audit[400:800].sum(), audit[800:1200].sum(), audit[1200:].sum()
    assert 50 < new < 110  # a fifth
    assert other < 15 and standing < 15  # one in a hundred, as everywhere
    assert drawn == 20  # drawn before and not answered yet: still asked
    assert Routing().audit_share == policy.audit_share
