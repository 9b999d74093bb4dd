"""A small workspace made row by row, whose every answer is known.

Taxonomy: Home > Kitchen > Kettles | Pans, Home > Garden > Hoses, Toys > Puzzles. Three vendors:
acme delivers everything each time, bolt only changes, archive is a label file. A fourth, cobalt, never delivered.

run 1 nightly     acme 1 (full): a1 kettle placed, a1 again (duplicate), a2 and a3 review, a4 at Kitchen, a line refused
                  bolt 1 (delta): b1 puzzle placed, b2 hose decided by a label
run 2 labels      archive 1 (labels): x1, x2; not routed before run 4
run 3 nightly     acme 2 (full): a1 changed, a2 and a5 as ever or new, a3 and a4 absent; killed and taken over by run 4
run 4 nightly     acme's items settled: a1 moves to Pans, a2 decided by a reviewer, a5 review; bolt 2 refused, bolt 3 held
"""

import atexit
import json
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from catalog.certification.certificate import Certificate, Group, StratumCertificate
from catalog.certification.policy import Policy
from catalog.jobs import Job
from catalog.placement import grounds
from catalog.publishing import views
from catalog.settings import Settings, Workspace
from catalog.store import Store
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy

RUN = {1: "000001-aaaa", 2: "000002-bbbb", 3: "000003-cccc", 4: "000004-dddd"}
KETTLES, PANS, KITCHEN, HOSES, PUZZLES = "111", "112", "11", "121", "21"
IDS = {
    "Home": "1", "Home > Kitchen": "11", "Home > Kitchen > Kettles": "111", "Home > Kitchen > Pans": "112",
    "Home > Garden": "12", "Home > Garden > Hoses": "121", "Toys": "2", "Toys > Puzzles": "21",
}  # fmt: skip
METRICS = {
    "risk_coverage": {
        "coverage": [round(0.02 * n, 2) for n in range(1, 51)],
        "risk": [round(0.0585 * (0.02 * n) ** 3, 5) for n in range(1, 51)],
    },
    "labels_missing": {"0.95": 0, "0.98": 412},
    "leaf_accuracy": 0.873,
}


def stratum(name: str, **facts: object) -> StratumCertificate:
    """A stratum's part of a certificate: nothing passed unless told."""
    nothing = {
        "stratum": name, "target": 0.95, "level": 0.025, "threshold": None, "start": None, "n": 0, "k": 0, "p_value": 1.0,
        "precision": None, "lower_bound": 0.0, "n_available": 600, "coverage": 0.0, "item_precision": None,
        "item_interval": None, "labels_missing": None, "refusal": "nothing_passed",
    }  # fmt: skip
    return StratumCertificate(**{**nothing, **facts})


def certificate(**facts: object) -> Certificate:
    """The certificate of both models: the leaf test passed, the parent test did not."""
    leaf = stratum(
        "leaf", threshold=2.41, n=431, k=9, p_value=0.0031, precision=422 / 431, lower_bound=0.9607, coverage=0.71,
        refusal=None, departments=(Group("1", "Home", 300, 4, 296 / 300, 0.995, True),),
    )  # fmt: skip
    usual = {
        "model_id": "m2", "target": 0.95, "delta": 0.05, "min_level": None, "novelty_threshold": None, "groups": "pooled",
        "leaf": leaf, "parent": stratum("parent", n=22, k=2, labels_missing=180), "calibration_hash": "abc",
        "calibration_products": 607, "temperature_products": 280, "attempt": 1, "issued_at": "2026-03-01T00:00:00+00:00",
    }  # fmt: skip
    return Certificate(**{**usual, **facts})


def hour(n: int) -> datetime:
    """The n-th hour of the workspace's life."""
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=n)


def rows(store: Store, table: str, *records: dict) -> None:
    """Appends records, typed as the table's columns are where a column holds nothing else but None."""
    frame = pl.DataFrame(list(records), infer_schema_length=None)
    store.append(table, frame.select(c for c in frame.columns if frame[c].dtype != pl.Null))


def hand_made(root: Path) -> tuple[Workspace, Store]:
    """The workspace of this module's docstring, its work database open and its views made."""
    workspace = Workspace(Path(shutil.copytree(_template(), root, dirs_exist_ok=True)))
    return workspace, Store.open(workspace.work_db)


@cache
def _template() -> Path:
    """Written once a process; every test gets a copy."""
    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root)
    (root / "catalog.toml").write_text("")
    workspace = Workspace(root)
    for folder in workspace.folders:
        folder.mkdir(parents=True, exist_ok=True)
    with Store.open(workspace.work_db) as store:
        rows(store, "workspace", {"workspace_id": "0f3c9a", "created_at": hour(0)})
        _taxonomy_and_model(store)
        _runs_and_deliveries(store)
        _items(store)
        _predictions(store)
        _decisions(store)
        _routes(store)
        views.create(store)
    return root


def job(workspace: Workspace, store: Store, run: int = 4) -> Job:
    """Work under one of the runs."""
    store.stage = "publish"
    return Job(workspace, Settings(), store, RUN[run])


def promised(work: Job, **further: Any) -> Policy:
    """Gives the serving model a policy under today's settings, places leaves from log-odds 2, and its certificate grounds."""
    policy = Policy("m2", 0.95, 0.05, leaf_threshold=2.0, leaf_certified_precision=0.95, **further)
    body = {"policy_id": policy.policy_id, "body": json.dumps(policy.to_dict()), "certificate_id": "c2"}
    facts = {"seq": 3, "model_id": "m2", "settings_hash": work.settings.routing_hash, "created_at": hour(3)}
    rows(work.store, "policies", body | facts)
    held = grounds.grounds(work.workspace.vendors, ["acme", "bolt"], latest_taxonomy(work.store))
    work.store.append("grounds", held.with_columns(certificate_id=pl.lit("c2")))
    views.create(work.store)
    return policy


def _taxonomy_and_model(store: Store) -> None:
    taxonomy = from_paths(IDS, IDS.values())
    store.append("categories", taxonomy.nodes.with_columns(taxonomy_version=pl.lit("tax1")))
    # The version before had only kettles, under another id and without a department.
    before = from_paths(["Kettles"], ["k0"])
    store.append("categories", before.nodes.with_columns(taxonomy_version=pl.lit("tax0")))
    for seq in (0, 1):
        rows(store, "taxonomies", {"taxonomy_version": f"tax{seq}", "seq": seq, "imported_at": hour(seq - 1)})
    rows(
        store,
        "category_map",
        {"import_seq": 1, "old_id": "k0", "new_id": KETTLES, "kind": "moved", "reason": "by hand"},
    )
    rows(store, "vendor_category_learned", {
        "learned_id": "l1", "seq": 1, "vendor": "bolt", "vendor_category": "Garten", "level": 1, "category_id": HOSES,
        "items": 30, "right_items": 29, "lower_bound": 0.85, "sources": ["label"], "learned_at": hour(2),
    })  # fmt: skip
    for n, model in enumerate(("m1", "m2"), start=1):
        rows(store, "models", {"model_id": model, "taxonomy_version": f"tax{n - 1}", "metrics": json.dumps(METRICS)})
        rows(store, "promotions", {"model_id": model, "seq": n, "action": "promote", "promoted_at": hour(n)})
        rows(store, "policies", {"policy_id": f"p{n}", "seq": n, "model_id": model, "certificate_id": f"c{n}"})
        rows(store, "certificates", {
            "certificate_id": f"c{n}", "model_id": model, "target": 0.95, "delta": 0.05, "attempt": 1,
            "body": json.dumps(certificate().to_dict()), "issued_at": hour(n),
        })  # fmt: skip
    rows(store, "suspensions", {
        "policy_id": "p2", "certificate_id": "c2", "kind": "vendor", "key": "bolt", "cause": "its mapping changed",
        "items": 2, "ends": "a new certificate", "run_id": RUN[2], "suspended_at": hour(2),
    })  # fmt: skip
    doubt = {
        "vendor": "archive",
        "category_id": PANS,
        "suggested_id": KETTLES,
        "share_label": 0.1,
        "share_suggested": 0.8,
    }
    rows(store, "label_doubts", {**doubt, "model_id": "m1", "rank": 1, "item_id": "x1", "doubted_at": hour(20)},
         {**doubt, "model_id": "m2", "rank": 1, "item_id": "x1", "input_hash": "in-x1", "doubted_at": hour(60)},
         {**doubt, "model_id": "m2", "rank": 2, "item_id": "x2", "doubted_at": hour(60)},  # its label is another by now
    )  # fmt: skip
    for key, split in (("a2", "train"), ("b2", "calibration")):
        vendor = {"a": "acme", "b": "bolt"}[key[0]]
        rows(store, "example_splits", {
            "model_id": "m2", "vendor": vendor, "item_id": key, "input_hash": f"in-{key}", "split": split,
        })  # fmt: skip


def _runs_and_deliveries(store: Store) -> None:
    for number, run_id in RUN.items():
        name = "labels" if number == 2 else "nightly"
        rows(store, "runs", {"run_id": run_id, "job": name, "key": run_id[-4:], "started_at": hour(10 * number)})
    for number, status, heir in ((1, "done", None), (2, "done", None), (3, "superseded", RUN[4])):
        rows(store, "run_ends", {
            "run_id": RUN[number], "status": status, "superseded_by": heir, "ended_at": hour(10 * number + 2),
        })  # fmt: skip
    for vendor, no, run, kind, rows_in, status in (
        ("acme", 1, 1, "full", 6, "accepted"),
        ("bolt", 1, 1, "delta", 2, "accepted"),
        ("archive", 1, 2, "labels", 2, "accepted"),
        ("acme", 2, 3, "full", 3, "accepted"),
        ("bolt", 2, 4, "delta", 40, "refused"),
        ("bolt", 3, 4, "delta", 50, "held"),
    ):
        rows(store, "deliveries", {
            "delivery_id": f"{vendor}-{no}", "vendor": vendor, "delivery_no": no, "run_id": RUN[run], "kind": kind,
            "file_name": f"{vendor}-{no}.csv", "rows_in": rows_in, "status": status,
            "reason": None if status == "accepted" else "shrunk", "received_at": hour(10 * run + no),
        })  # fmt: skip
    rows(store, "rejects", {
        "delivery_id": "acme-1", "vendor": "acme", "line": 7, "item_id": "a9", "rule": "title_missing",
        "detail": "title is empty", "raw": "a9;;<script>alert(1)</script>", "run_id": RUN[1],
    })  # fmt: skip
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    rows(store, "schedules", {"seq": 1, "vendor": "cobalt", "seconds": 86_400, "noted_at": long_ago})
    # rows of a refused file were looked at too; they are in nobody's quarantine
    rows(store, "rejects", {"delivery_id": "bolt-2", "vendor": "bolt", "line": 2, "rule": "ragged", "run_id": RUN[4]})


def _items(store: Store) -> None:
    seen = (
        ("acme", 1, 2, "a1", "1", "new"), ("acme", 1, 3, "a1", "1", "duplicate"), ("acme", 1, 4, "a2", "1", "new"),
        ("acme", 1, 5, "a3", "1", "new"), ("acme", 1, 6, "a4", "1", "new"),
        ("bolt", 1, 2, "b1", "1", "new"), ("bolt", 1, 3, "b2", "1", "new"),
        ("archive", 1, 2, "x1", "1", "new"), ("archive", 1, 3, "x2", "1", "new"),
        ("acme", 2, 2, "a1", "2", "changed"), ("acme", 2, 3, "a2", "1", "unchanged"), ("acme", 2, 4, "a5", "1", "new"),
        ("bolt", 3, 2, "b9", "1", "new"),
    )  # fmt: skip
    for vendor, no, line, item, version, status in seen:
        keys = {"vendor": vendor, "item_id": item, "row_hash": f"row-{item}-{version}", "input_hash": f"in-{item}"}
        rows(store, "sightings", {
            **keys, "delivery_id": f"{vendor}-{no}", "delivery_no": no, "line": line, "status": status,
        })  # fmt: skip
        if status in ("new", "changed"):
            gtin = "4006381333931" if item in ("a1", "b1") else None
            rows(store, "items", {**keys, "title": f"{item} version {version}", "gtin": gtin, "created_at": hour(no)})


def _predictions(store: Store) -> None:
    tops = {"a1": (KETTLES, PANS), "a2": (PANS, KETTLES), "a3": (HOSES, PANS), "a4": (KETTLES, PANS), "b1": (PUZZLES,)}
    for item, top in tops.items():
        _predicted(store, item, "m1", top, 11)
    _predicted(store, "a1", "m2", (PANS, KETTLES, HOSES), 41)
    _predicted(store, "a5", "m2", (KETTLES, PANS, HOSES, PUZZLES, KITCHEN, "gone-id"), 41)


def _predicted(store: Store, item: str, model: str, top: tuple[str, ...], at: int) -> None:
    rows(store, "predictions", {
        "input_hash": f"in-{item}", "model_id": model, "leaf_id": top[0], "probability": 0.9, "top_ids": list(top),
        "predicted_at": hour(at),
    })  # fmt: skip


def _decisions(store: Store) -> None:
    said = (
        (1, "bolt", "b2", "category", HOSES, "label"), (2, "archive", "x1", "category", PANS, "label"),
        (3, "archive", "x2", "category", PUZZLES, "label"), (4, "acme", "a2", "category", PANS, "review"),
        (5, "acme", "a2", "category", KETTLES, "label"),  # a later label does not outrank a person
        (6, "archive", "x2", "category", HOSES, "correction"), (7, "archive", "x2", "skip", None, "review"),
        (8, "acme", "a3", "not_sellable", None, "review"),
    )  # fmt: skip
    for seq, vendor, item, verdict, category, source in said:
        rows(store, "decisions", {
            "decision_id": f"d{seq}", "seq": seq, "vendor": vendor, "item_id": item, "input_hash": f"in-{item}",
            "verdict": verdict, "category_id": category, "source": source, "decided_at": hour(20 + seq),
        })  # fmt: skip
    rows(store, "decisions", {
        "decision_id": "d9", "seq": 9, "vendor": "acme", "item_id": "a3", "input_hash": "in-a3", "verdict": "category",
        "category_id": KETTLES, "source": "review", "who": "bob", "import_id": "i1", "decided_at": hour(29),
    })  # fmt: skip
    rows(store, "import_undos", {"seq": 1, "import_id": "i1", "who": "dora", "undone_at": hour(30)})
    word = {"vendor": "acme", "decided_by": "model", "model_id": "m1"}
    rows(store, "corrected",
        {**word, "seq": 1, "item_id": "a1", "kind": "error", "from_id": KETTLES, "route_seq": 1, "corrected_at": hour(21)},
        {**word, "seq": 2, "item_id": "a1", "kind": "error", "from_id": KETTLES, "route_seq": 1, "corrected_at": hour(22)},
        {**word, "seq": 3, "item_id": "a4", "kind": "refined", "from_id": KITCHEN, "route_seq": 4, "corrected_at": hour(22)},
    )  # fmt: skip
    for sheet, run, token in (("e1", 1, "OLD-a5"), ("e2", 4, "NEW-a5")):
        rows(store, "exports", {"export_id": sheet, "run_id": RUN[run], "rows": 1, "exported_at": hour(10 * run + 5)})
        rows(store, "export_rows", {
            "export_id": sheet, "token": token, "vendor": "acme", "item_id": "a5", "input_hash": "in-a5",
        })  # fmt: skip
    for seq, word, until in ((1, "taken", hour(46)), (2, "renewed", hour(10_000_000))):
        rows(store, "leases", {
            "seq": seq, "export_id": "e2", "place": 1, "vendor": "acme", "item_id": "a4", "input_hash": "in-a4",
            "reviewer": "anna", "word": word, "until": until, "taken_at": hour(45), "run_id": RUN[4], "said_at": hour(45),
        })  # fmt: skip


def _routes(store: Store) -> None:
    settled = (
        (1, 1, "acme", "a1", "placed", KETTLES, "model", None), (2, 1, "acme", "a2", "review", None, None, "g1"),
        (3, 1, "acme", "a3", "review", None, None, "g1"), (4, 1, "acme", "a4", "placed_at_parent", KITCHEN, "model", None),
        (5, 1, "bolt", "b1", "placed", PUZZLES, "model", None), (6, 1, "bolt", "b2", "decided", HOSES, "label", None),
        (7, 3, "acme", "a5", "review", None, None, "g2"),
        (8, 4, "acme", "a1", "placed", PANS, "model", None), (9, 4, "acme", "a2", "decided", PANS, "person", None),
        (10, 4, "acme", "a5", "review", None, None, "g2"), (11, 4, "archive", "x1", "decided", PANS, "label", None),
        (12, 4, "archive", "x2", "decided", HOSES, "person", None),
    )  # fmt: skip
    for seq, run, vendor, item, outcome, category, by, group in settled:
        rows(store, "routes", {
            "run_id": RUN[run], "vendor": vendor, "item_id": item, "input_hash": f"in-{item}", "outcome": outcome,
            "model_id": "m1" if run == 1 else "m2", "policy_id": "p1" if run == 1 else "p2", "category_id": category,
            "confidence": 0.99 if by == "model" else None, "reason": "unsure" if outcome == "review" else "certified",
            "sentence": "The leaf is not sure enough.", "decided_by": by, "group_id": group, "seq": seq,
            "parent_id": KITCHEN if outcome != "decided" else None, "routed_at": hour(10 * run + 1),
        })  # fmt: skip


def busy(store: Store) -> None:
    """One more run, 5, that gives every view something to say.

    dome delivers 21 pans at 10 euros or a cent more each, and one at 1,000 that two reviewers answered; the model took
    it for kettles. Before that day, the 21 are seen at hour 50 and placed at hour 52; the dear one is decided at 74.
    d20 was drawn for a check, and bo found it right.
    """
    run = "000005-eeee"
    rows(store, "tree_maps", {"tree": "google", "map_version": "m1", "seq": 1, "rows": 1, "imported_at": hour(49)})
    rows(store, "tree_map_rows", {"tree": "google", "map_version": "m1", "category_id": PANS, "target_id": "77"})
    rows(store, "runs", {"run_id": run, "job": "nightly", "host": "box-7", "started_at": hour(50)})
    rows(store, "run_ends", {"run_id": run, "status": "done", "ended_at": hour(55)})
    for stage, start, end in (("ingest", 50, 51), ("classify", 51, 54)):
        rows(store, "stages", {"run_id": run, "stage": stage, "started_at": hour(start), "finished_at": hour(end)})
    rows(store, "deliveries", {
        "delivery_id": "dome-1", "vendor": "dome", "delivery_no": 1, "run_id": run, "kind": "full", "file_name": "dome.csv",
        "rows_in": 22, "status": "accepted", "received_at": hour(50),
    })  # fmt: skip
    items = []
    for n in range(22):
        key = {"vendor": "dome", "item_id": f"d{n:02}", "row_hash": f"row-d{n:02}", "input_hash": f"in-d{n:02}"}
        price = Decimal("1000") if n == 21 else Decimal("10") + Decimal(n) / 100
        items.append({**key, "title": f"pan {n}", "brand": "Ferro", "price": price, "currency": "EUR",
                      "image": "/srv/shop/feeds/dome/pan.jpg", "created_at": hour(50)})  # fmt: skip
        rows(store, "sightings", {**key, "delivery_id": "dome-1", "delivery_no": 1, "line": n + 2, "status": "new"})
        placed = {
            "category_id": PANS,
            "confidence": 0.99,
            "certified_precision": 0.97,
            "outcome": "placed",
            "decided_by": "model",
        }
        decided = {"category_id": PANS, "outcome": "decided", "decided_by": "person"}
        rows(store, "routes", {**key, "run_id": run, "model_id": "m2", "policy_id": "p2", "seq": 20 + n,
                               "audit": n == 20, "routed_at": hour(74 if n == 21 else 52),
                               **(decided if n == 21 else placed)})  # fmt: skip
    rows(store, "items", *items)
    _predicted(store, "d21", "m2", (KETTLES, PANS), 51)
    said = (
        (20, "anna", "d21", "unsure", None),
        (21, "bo", "d21", "category", PANS),
        (22, "bo", "d20", "category", PANS),
    )
    for seq, who, item, verdict, category in said:
        rows(store, "decisions", {
            "decision_id": f"d{seq}", "seq": seq, "vendor": "dome", "item_id": item, "input_hash": f"in-{item}",
            "verdict": verdict, "category_id": category, "who": who, "source": "review", "decided_at": hour(72),
            "note": f"{who} looked twice",
        })  # fmt: skip
    rows(store, "drift_statistics", {
        "run_id": run, "vendor": "dome", "category_id": None, "statistic": "new_words", "items": 22, "reference_items": 400,
        "reference_runs": 6, "value": 0.4, "usual": 0.1, "score": 2.5, "bar": 1.2, "p_value": 0.001, "alarm": True,
        "sentence": "share of words never sent before 40% instead of 10%", "remedy": "look", "examples": ["d01 pan 1"],
        "model_id": "m2", "noted_at": hour(53),
    })  # fmt: skip
    audit = {"vendor": "dome", "outcome": "placed", "placed_id": PANS, "department": "1", "model_id": "m2", "policy_id": "p2",
             "who": "anna", "source": "review"}  # fmt: skip
    rows(store, "audit_answers",
         *(audit | {"seq": n, "item_id": f"d0{n}", "input_hash": f"in-d0{n}", "agrees": n > 0, "decided_at": hour(73)}
           for n in range(3)))  # fmt: skip
    rows(store, "audit_words", {"seq": 1, "word": "released", "certificate_id": "c2", "model_id": "m2", "key": "1",
                                "answers": 300, "wrong": 0, "evidence": 41.0, "said_at": hour(70)})  # fmt: skip
    way = {"certificate_id": "c2", "model_id": "m2", "kind": "vendor", "key": "bolt", "ground": "h1", "draw_share": 0.5}
    rows(store, "ways_back", way | {"seq": 1, "since": hour(2), "attempts": 0, "answers": 12, "wrong": 1, "next_at": 108,
                                    "waiting": 3, "sentence": "12 of 108.", "run_id": run, "said_at": hour(54)})  # fmt: skip
    rows(store, "audit_shares", {"seq": 1, "department": "1", "share": 0.05, "placed": 100.0, "needed": 4.9, "run_id": run,
                                 "set_at": hour(54)})  # fmt: skip
    rows(store, "retrainings", {"seq": 1, "retraining_id": "t1", "step": "ended", "model_id": "m2", "outcome": "promoted",
                                "sentence": "better", "run_id": run, "said_at": hour(54)})  # fmt: skip
    rows(store, "vendor_category_said", {"seq": 1, "vendor": "dome", "vendor_category": "Pfannen", "category_id": PANS,
                                         "taxonomy_version": "tax1", "who": "anna", "said_at": hour(72)})  # fmt: skip
    for n in (2, 20):
        rows(store, "look_alikes", {"vendor": "dome", "item_id": f"d{n:02}", "input_hash": f"in-d{n:02}", "cluster": "c1",
                                    "run_id": run})  # fmt: skip
    _ruled_and_shadowed(store, run)


def a_pair_that_waits(store: Store, run: str = "000005-eeee") -> None:
    """In the run of `busy` echo delivers two look-alikes, which one decision may settle."""
    rows(store, "deliveries", {
        "delivery_id": "echo-1", "vendor": "echo", "delivery_no": 1, "run_id": run, "kind": "full", "file_name": "echo.csv",
        "rows_in": 2, "status": "accepted", "received_at": hour(50),
    })  # fmt: skip
    for n in (1, 2):
        key = {"vendor": "echo", "item_id": f"e{n}", "row_hash": f"row-e{n}", "input_hash": f"in-e{n}"}
        rows(store, "items", {**key, "title": f"hose {n}", "created_at": hour(50)})
        rows(store, "sightings", {**key, "delivery_id": "echo-1", "delivery_no": 1, "line": n + 1, "status": "new"})
        rows(store, "routes", {
            **key, "run_id": run, "outcome": "review", "reason": "unsure", "sentence": "The leaf is not sure enough.",
            "group_id": "g5", "seq": 60 + n, "routed_at": hour(52),
        })  # fmt: skip


def _ruled_and_shadowed(store: Store, run: str) -> None:
    """A rule that placed the dear pan before it was decided, a product of two pans, a GTIN on unlike titles, a shadow."""
    rows(store, "own_category_words", {
        "seq": 1, "vendor": "dome", "item_id": "d00", "said": "Pfannen", "means": PANS, "delivery_id": "dome-1", "run_id": run,
        "noted_at": hour(50),
    })  # fmt: skip
    body = json.dumps({"id": "pans", "kind": "pin", "node": PANS})
    rows(store, "rules_noted", {
        "seq": 1, "rule_id": "pans", "rule_hash": "h", "word": "stands", "owner": "anna", "body": body, "acts": True,
        "checked": json.dumps({"items": 1, "changed": 1, "decided": 0, "right": 0}), "run_id": run, "noted_at": hour(51),
    })  # fmt: skip
    rows(store, "routes", {
        "vendor": "dome", "item_id": "d21", "row_hash": "row-d21", "input_hash": "in-d21", "run_id": run, "outcome": "placed",
        "category_id": PANS, "decided_by": "rule", "rule_id": "pans", "model_id": "m2", "policy_id": "p2", "seq": 19,
        "routed_at": hour(74),
    })  # fmt: skip
    store.execute("UPDATE items SET product_id = 'dome:pan' WHERE item_id IN ('d00', 'd21')")
    store.execute("UPDATE items SET product_id = 'gtin:04006381333931' WHERE gtin IS NOT NULL")
    rows(store, "shadow_routes", {
        "run_id": run, "seq": 1, "vendor": "dome", "item_id": "d21", "input_hash": "in-d21", "model_id": "m2",
        "policy_id": "p2", "outcome": "placed", "category_id": KETTLES, "confidence": 0.9, "settled_at": hour(52),
    })  # fmt: skip
