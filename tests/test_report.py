"""The page about a run: true to the tables, self-contained, inert whatever vendors write, never half written."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest
from hand_made import KITCHEN, METRICS, RUN, busy, certificate, hand_made, hour, job, rows, stratum
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from catalog.certification.stratum import GroupTest
from catalog.errors import CatalogError
from catalog.publishing import charts, report, summary, views
from catalog.store import query_published
from pipelines import publish
from pipelines import report as report_job

HOSTILE = '<script>alert("x")</script>&"\'><img src=x onerror=alert(1)>'
DOCS = Path(__file__).parents[1] / "docs" / "sql.md"


@pytest.fixture
def place(tmp_path):
    workspace, store = hand_made(tmp_path)
    views.create(store)
    yield workspace, store
    store.close()


def parsed(path: Path) -> HTMLParser:
    return HTMLParser(path.read_text(encoding="utf-8"))


def table(page: HTMLParser, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    for node in page.css("h2"):
        if node.text() == heading:
            following = node.next
            while following is not None and not (following.tag == "div" and following.css_first("table")):
                following = following.next
            return [[" ".join(c.text().split()) for c in tr.css("th, td")] for tr in following.css("tr")]
    raise AssertionError(f"no {heading}")


def certify(store, **facts) -> None:
    """Another certificate for the serving model."""
    store.execute(
        "UPDATE certificates SET body = ? WHERE certificate_id = 'c2'", [json.dumps(certificate(**facts).to_dict())]
    )


def test_counts_are_those_of_run_summary_with_a_total(place):
    workspace, store = place
    page = parsed(report_job.run(job(workspace, store)))
    assert [row[:10] for row in table(page, "What became of the rows")] == [
        ["Vendor", "rows in", "placed", "placed at parent", "review", "decided", "duplicate", "quarantine", "gone", ""],
        ["acme", "3", "1", "0", "1", "1", "0", "0", "2", ""],
        ["bolt", "0", "0", "0", "0", "0", "0", "0", "0", ""],
        ["total", "3", "1", "0", "1", "1", "0", "0", "2", ""],
    ]
    assert "counts balance" in page.body.text() and "2 files refused or held" in page.body.text()


def test_counts_that_do_not_balance_are_said_out_loud(place):
    workspace, store = place
    store.execute("DELETE FROM sightings WHERE delivery_id = 'acme-2' AND item_id = 'a5'")
    assert "counts do not balance" in parsed(report_job.run(job(workspace, store))).body.text()
    assert "acme do NOT balance" in summary.run_table(store, RUN[4])


def test_the_terminal_table_adds_up_and_counts_files_kept_out(place):
    _, store = place
    lines = summary.run_table(store, RUN[4]).splitlines()
    assert lines[1].split() == ["acme", "3", "1", "0", "1", "1", "0", "0", "0", "0", "2"]
    assert lines[3].split() == ["total", "3", "1", "0", "1", "1", "0", "0", "40", "50", "2"]
    assert lines[-1] == "Files refused: 1, held: 1."
    assert summary.run_table(store, RUN[3]) == "No deliveries in this run."


def test_a_vendor_called_total_or_with_brackets_is_still_a_vendor(place):
    _, store = place
    for name in ("total", "[bold]x[/bold]"):
        rows(store, "deliveries", {"delivery_id": name, "vendor": name, "delivery_no": 1, "run_id": RUN[4], "kind": "full",
                                   "rows_in": 0, "status": "accepted", "received_at": hour(41)})  # fmt: skip
    text = summary.run_table(store, RUN[4])
    assert "[bold]x[/bold]" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("total")] == ["0", "3"]


def test_each_stratum_speaks_for_itself(place):
    workspace, store = place
    page = parsed(report_job.run(job(workspace, store)))
    leaf, parent = (" ".join(card.text(separator=" ").split()) for card in page.css("section.card"))
    assert "At a leaf certified" in leaf and "at least 95% are right" in leaf
    for fact in ("products tested, n 431", "wrong among them, k 9", "precision seen 97.9%", "96.1%", "2.41 (0.9176)"):
        assert fact in leaf
    assert "At a parent no automation" in parent and "no threshold passed the test" in parent
    assert "180 more labelled products" in parent and "at least 95%" not in parent
    assert "speaks for this stratum alone" in leaf


def test_a_stratum_refused_over_its_items_says_so(place):
    workspace, store = place
    refused = stratum(
        "leaf", n=400, k=10, refusal="item_weighted_below_target", item_precision=0.91, item_interval=(0.88, 0.94)
    )
    certify(store, leaf=refused)
    card = " ".join(parsed(report_job.run(job(workspace, store))).css("section.card")[0].text(separator=" ").split())
    assert "the precision over items lies below the target" in card and "91.0% (88.0% \N{EN DASH} 94.0%)" in card


def test_targets_say_what_is_missing(place):
    workspace, store = place
    page = parsed(report_job.run(job(workspace, store)))
    assert "not yet certifiable" in page.body.text() and "412 labels missing" in page.body.text()
    rows_found = report.targets(report.serving(store))
    assert [(row.target, row.status) for row in rows_found] == [(0.95, "certified"), (0.98, "not yet certifiable")]


@pytest.mark.parametrize(
    ("labels", "leaf", "expected"),
    [
        (0, None, ["certified", "certifiable"]),
        (None, None, ["certified", "not certifiable"]),
        (7, stratum("leaf", labels_missing=30), ["not yet certifiable", "not yet certifiable"]),
    ],
)
def test_every_way_a_target_can_stand(place, labels, leaf, expected):
    _, store = place
    metrics = METRICS | {"labels_missing": {"0.95": 30 if leaf else 0, "0.98": labels}}
    store.execute("UPDATE models SET metrics = ? WHERE model_id = 'm2'", [json.dumps(metrics)])
    if leaf:
        certify(store, leaf=leaf)
    assert [row.status for row in report.targets(report.serving(store))] == expected


def test_before_the_first_model_the_page_says_what_to_do(place):
    workspace, store = place
    for name in ("promotions", "models", "certificates", "policies"):
        store.execute(f"DELETE FROM {name}")
    text = parsed(report_job.run(job(workspace, store))).body.text()
    assert "No model serves yet" in text and "catalog train" in text


def test_a_model_without_certificate_places_nothing(place):
    workspace, store = place
    store.execute("DELETE FROM certificates")
    assert "No certificate was earned" in parsed(report_job.run(job(workspace, store))).body.text()


def test_a_run_without_deliveries_has_a_page(place):
    workspace, store = place
    assert "Nothing was delivered" in parsed(report_job.run(job(workspace, store, run=3))).body.text()


def test_an_unknown_run_is_refused(place):
    _, store = place
    with pytest.raises(CatalogError, match="no run 999"):
        report.page(store, "999")


def test_an_empty_workspace_has_a_page(tmp_path):
    workspace, store = hand_made(tmp_path)
    for (name,) in store.query("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'schema_version'").rows():
        store.execute(f"DELETE FROM {name}")
    rows(store, "runs", {"run_id": RUN[4], "job": "nightly", "started_at": hour(1)})
    views.create(store)
    text = parsed(report_job.run(job(workspace, store))).body.text()
    store.close()
    assert "Nothing waits for a person." in text and "No live items." in text


def test_whatever_vendors_write_is_text(place):
    workspace, store = place
    store.execute("UPDATE deliveries SET vendor = ?, file_name = ?, sentence = ? WHERE vendor = 'bolt'", [HOSTILE] * 3)
    for name in ("sightings", "items", "routes"):
        store.execute(f"UPDATE {name} SET vendor = ? WHERE vendor = 'bolt'", [HOSTILE])
    store.execute("UPDATE rejects SET rule = ? WHERE vendor = 'acme'", [HOSTILE])
    store.execute("UPDATE items SET title = ?, gtin = coalesce(gtin, NULL)", [HOSTILE])
    store.execute("UPDATE routes SET reason = ?", [HOSTILE])
    store.execute("UPDATE categories SET path = path || ?, name = name || ?", [HOSTILE, HOSTILE])
    for run in (1, 4):
        text = report_job.run(job(workspace, store, run)).read_text(encoding="utf-8")
        page = HTMLParser(text)
        assert not page.css("script, img, iframe, object, link") and "onerror" in text
        assert not [n for n in page.css("*") if any(key.startswith("on") for key in n.attributes)]
        assert page.body.text().count('<script>alert("x")</script>') >= 5
    assert not HTMLParser((workspace.reports / "index.html").read_text()).css("script, img")


def test_the_page_needs_nothing_else(place):
    workspace, store = place
    text = report_job.run(job(workspace, store)).read_text(encoding="utf-8")
    assert "<script" not in text and "@import" not in text and "url(http" not in text
    links = [node.attributes["href"] for node in HTMLParser(text).css("[href]")]
    assert links == ["index.html"]
    assert "prefers-color-scheme: dark" in text
    assert "default-src 'none'" in text


def test_plots_are_svg_with_colours_the_style_sheet_knows(place):
    workspace, store = place
    text = report_job.run(job(workspace, store)).read_text(encoding="utf-8")
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 2
    known = set(re.findall(r'\[(?:fill|stroke)="(#\w+)"\]', text))
    for plot in plots:
        ET.fromstring(plot)
        used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', plot))
        assert used and used <= known, f"{used - known} would stay as they are in the dark"
    ids = re.findall(r'\bid="([^"]+)"', "".join(plots))
    assert len(ids) == len(set(ids))


def test_the_curve_marks_what_was_certified_and_the_target(place):
    workspace, store = place
    text = report_job.run(job(workspace, store)).read_text(encoding="utf-8")
    assert "certified: 71% placed, 97.9% right" in text
    assert "5% wrong: the target of 95% right" in text
    certify(store, leaf=stratum("leaf"))
    assert "certified: " not in report_job.run(job(workspace, store)).read_text(encoding="utf-8")


def test_a_curve_of_many_points_is_thinned_and_keeps_its_end():
    many = pl.DataFrame({"coverage": [n / 10_000 for n in range(1, 10_001)], "risk": [0.01] * 9_999 + [0.2]})
    drawn = charts.risk_coverage(many, target=0.98, mark=None)
    assert len(drawn) < 60_000
    assert len(charts.risk_coverage(many.head(1), target=0.98, mark=None)) < len(drawn)


def test_what_moved_and_what_was_left_out_is_listed(place):
    workspace, store = place
    page = parsed(report_job.run(job(workspace, store)))
    assert table(page, "Moved in this run")[1] == [
        "acme a1", "a1 version 2", "Home > Kitchen > Kettles", "Home > Kitchen > Pans", "model",
    ]  # fmt: skip
    assert table(page, "One GTIN, several categories")[1][:3] == ["4006381333931", "2", "acme, bolt"]
    first = parsed(report_job.run(job(workspace, store, run=1)))
    assert ["title missing", "acme", "1", "7"] in [
        [c.text() for c in tr.css("td")] for tr in first.css("tr")
    ]  # fmt: skip


def test_suspensions_name_cause_items_and_end(place):
    workspace, store = place
    page = parsed(report_job.run(job(workspace, store)))
    assert table(page, "Automation suspended")[1] == ["vendor bolt", "2", "its mapping changed", "a new certificate"]


def test_labels_against_a_sure_prediction_are_listed_for_a_person(place):
    workspace, store = place
    rows(store, "predictions", {"input_hash": "in-b2", "model_id": "m2", "leaf_id": "112", "log_odds": 2.5})
    listed = parsed(report_job.run(job(workspace, store)))
    assert table(listed, "Labels to check")[1] == ["bolt b2", "Home > Garden > Hoses", "Home > Kitchen > Pans"]
    certify(store, leaf=stratum("leaf"))
    listed = parsed(report_job.run(job(workspace, store)))
    assert table(listed, "Labels to check")[1][0].startswith("archive x1")


def test_labels_that_training_doubts_are_listed_with_what_it_would_expect(place):
    workspace, store = place
    page = parsed(report_job.run(job(workspace, store)))
    assert table(page, "Labels to check")[1][1:] == ["Home > Kitchen > Pans", "Home > Kitchen > Kettles"]
    assert "1 label that training doubts" in page.body.text()
    store.execute("DELETE FROM label_doubts")
    assert "Labels to check" not in parsed(report_job.run(job(workspace, store))).body.text()


def test_departments_tested_apart_show_what_each_needs(place):
    workspace, store = place
    tests = (
        GroupTest("1", "Home", 2.0, 700, 3, 0.001, 0.0125, 982),
        GroupTest("2", "Toys", None, 40, 1, 0.8, 0.0125, 982),
    )
    certify(store, groups="each", leaf=stratum("leaf", n=700, k=3, precision=0.99, refusal=None, tests=tests))
    card = parsed(report_job.run(job(workspace, store))).css("section.card")[0]
    text = " ".join(card.text(separator=" ").split())
    assert "At a leaf certified" in text and "about 982 accepted products" in text
    assert "Home 700 3 certified" in text and "Toys 40 1 no automation" in text


def test_items_at_a_parent_are_counted_as_waiting(place):
    workspace, store = place
    rows(store, "routes", {"run_id": RUN[4], "vendor": "bolt", "item_id": "b1", "outcome": "placed_at_parent", "seq": 13,
                           "category_id": KITCHEN, "reason": "unsure", "routed_at": hour(41)})  # fmt: skip
    tiles = [
        " ".join(tile.text(separator=" ").split())
        for tile in parsed(report_job.run(job(workspace, store))).css(".tile")
    ]
    assert tiles[2].startswith("Waiting for a person 2 2 answers settle them; 1 item stands at a certified parent")


def test_the_index_lists_the_written_pages_youngest_first(place):
    workspace, store = place
    for run in (1, 4):
        report_job.run(job(workspace, store, run))
    page = parsed(workspace.reports / "index.html")
    assert [a.attributes["href"] for a in page.css("a")] == [f"{RUN[4]}.html", f"{RUN[1]}.html"]
    cells = [[c.text() for c in tr.css("td")][2:] for tr in page.css("tbody tr")]
    assert cells == [
        ["2", "3", "1", "0", "1", "1", "0", "0", "2 refused or held"],
        ["2", "8", "2", "1", "2", "1", "1", "1", ""],
    ]


def test_writing_a_page_again_replaces_it(place):
    workspace, store = place
    first = report_job.run(job(workspace, store)).read_bytes()
    assert report_job.run(job(workspace, store)).read_bytes() == first
    assert sorted(p.name for p in workspace.reports.iterdir()) == [f"{RUN[4]}.html", "index.html"]


def test_every_query_of_the_handbook_answers(place):
    workspace, store = place
    busy(store)
    publish.run(job(workspace, store))
    queries = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(queries) > len(views.questions())
    for query in queries:
        assert query_published(workspace.published_db, query).height > 0, query


def test_the_handbook_describes_every_view_by_its_grain():
    text = DOCS.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.+)$", text, re.MULTILINE))
    assert sections.pop("freshness") == next(table.grain for table in views.tables()[1] if table.name == "freshness")
    assert sections == {view.name: view.grain for view in views.questions()}


def test_without_a_certificate_the_page_says_which_department_lacks_how_many_labels(place):
    workspace, store = place
    certify(store, leaf=stratum("leaf"))
    said = parsed(report_job.run(job(workspace, store))).body.text()
    assert "Nothing is placed automatically at 95%: at least 85 more (1 at hand" in said
    assert "Home alone: at least 85 more" in said and "Toys alone: at least 86 more (0 at hand" in said
    certify(store)
    assert "alone: at least" not in parsed(report_job.run(job(workspace, store))).body.text()
