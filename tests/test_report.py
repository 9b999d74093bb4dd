"""The page about a run: true to the tables, self-contained, inert whatever vendors write, never half written."""

import hashlib
import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hand_made import KITCHEN, METRICS, PANS, RUN, busy, certificate, hand_made, hour, job, rows, stratum
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from catalog.certification.certificate import accepted_errors
from catalog.certification.stratum import GroupTest
from catalog.errors import CatalogError
from catalog.learning import examples
from catalog.publishing import ask, flow, questions, report, served, summary, verdict, views
from catalog.publishing.reader import query_published
from catalog.settings import Audit
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import publish
from pipelines import report as report_job
from tests.hostile_pictures import JPEG

HOSTILE = '<script>alert("x")</script>&"\'><img src=x onerror=alert(1)>'
BUSY = "000005-eeee"  # the run of hand_made.busy
DOCS = Path(__file__).parents[1] / "docs" / "sql.md"


@pytest.fixture
def place(tmp_path):
    workspace, store = hand_made(tmp_path)
    yield workspace, store
    store.close()


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], str]]:
    """The page of a run as the workspace was made, each written once; 5 is the busy run, after some publications."""
    _, made = hand_made(tmp_path_factory.mktemp("calm"))
    _, more = hand_made(tmp_path_factory.mktemp("busy"))
    busy(more)
    publications(more)
    yield cache(lambda run: written(more if run not in RUN else made, run))
    made.close()
    more.close()


def written(store, run: int = 4) -> str:
    """The page, from the work database: its views answer as those of the published file do (test_publication.py)."""
    return report.page(store.query, store, RUN.get(run, BUSY))


def seen(store, run: int = 4) -> HTMLParser:
    return HTMLParser(written(store, run))


def parsed(path: Path) -> HTMLParser:
    return HTMLParser(path.read_text(encoding="utf-8"))


def table(page: HTMLParser, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    for node in page.css("h2, h3"):
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


def test_counts_are_those_of_run_summary_with_a_total(calm):
    page = HTMLParser(calm(4))
    assert [row[:10] for row in table(page, "What became of the rows")] == [
        ["Vendor", "rows in", "placed", "placed at parent", "review", "decided", "duplicate", "quarantine", "gone", ""],
        ["acme", "3", "1", "0", "1", "1", "0", "0", "2", ""],
        ["bolt", "0", "0", "0", "0", "0", "0", "0", "0", ""],
        ["total", "3", "1", "0", "1", "1", "0", "0", "2", ""],
    ]
    assert "counts balance" in page.body.text() and "2 files refused or held" in page.body.text()


def test_counts_that_do_not_balance_are_said_out_loud(place):
    _, store = place
    store.execute("DELETE FROM sightings WHERE delivery_id = 'acme-2' AND item_id = 'a5'")
    assert "counts do not balance" in seen(store).body.text()
    assert "acme do NOT balance" in summary.run_table(store.query, RUN[4])


def test_the_terminal_table_adds_up_and_counts_files_kept_out(place):
    _, store = place
    lines = summary.run_table(store.query, RUN[4]).splitlines()
    assert lines[1].split() == ["acme", "3", "1", "0", "1", "1", "0", "0", "0", "0", "2"]
    assert lines[3].split() == ["total", "3", "1", "0", "1", "1", "0", "0", "40", "50", "2"]
    assert lines[-1] == "Files refused: 1, held: 1."
    assert summary.run_table(store.query, RUN[3]) == "No deliveries in this run."


def test_a_vendor_called_total_or_with_brackets_is_still_a_vendor(place):
    _, store = place
    for name in ("total", "[bold]x[/bold]"):
        rows(store, "deliveries", {"delivery_id": name, "vendor": name, "delivery_no": 1, "run_id": RUN[4], "kind": "full",
                                   "rows_in": 0, "status": "accepted", "received_at": hour(41)})  # fmt: skip
    text = summary.run_table(store.query, RUN[4])
    assert "[bold]x[/bold]" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("total")] == ["0", "3"]


def test_each_stratum_speaks_for_itself(calm):
    page = HTMLParser(calm(4))
    leaf, parent = (" ".join(card.text(separator=" ").split()) for card in page.css("section.card"))
    assert "At a leaf certified" in leaf and "at least 95% are right" in leaf
    for fact in ("products tested, n 431", "wrong among them, k 9", "precision seen 97.9%", "96.1%", "2.41 (0.9176)"):
        assert fact in leaf
    assert "At a parent no automation" in parent and "no threshold passed the test" in parent
    assert "180 more labelled products" in parent and "at least 95%" not in parent
    assert "speaks for this stratum alone" in leaf


def test_a_stratum_refused_over_its_items_says_so(place):
    _, store = place
    refused = stratum(
        "leaf", n=400, k=10, refusal="item_weighted_below_target", item_precision=0.91, item_interval=(0.88, 0.94)
    )
    certify(store, leaf=refused)
    card = " ".join(seen(store).css("section.card")[0].text(separator=" ").split())
    assert "the precision over items lies below the target" in card and "91.0% (88.0% \N{EN DASH} 94.0%)" in card


def test_targets_say_what_is_missing(place, calm):
    _, store = place
    page = HTMLParser(calm(4))
    assert "not yet certifiable" in page.body.text() and "412 labels missing" in page.body.text()
    rows_found = served.targets(served.serving(store.query))
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
    assert [row.status for row in served.targets(served.serving(store.query))] == expected


def test_before_the_first_model_the_page_says_what_to_do(place):
    _, store = place
    for name in ("promotions", "models", "certificates", "policies"):
        store.execute(f"DELETE FROM {name}")
    text = seen(store).body.text()
    assert "No model serves yet" in text and "catalog train" in text


def test_a_model_without_certificate_places_nothing(place):
    _, store = place
    store.execute("DELETE FROM certificates")
    assert "No certificate was earned" in seen(store).body.text()


def test_a_run_without_deliveries_has_a_page(calm):
    assert "Nothing was delivered" in HTMLParser(calm(3)).body.text()


def test_an_unknown_run_is_refused(place):
    _, store = place
    with pytest.raises(CatalogError, match="no run 999"):
        report.page(store.query, store, "999")


def test_an_empty_workspace_has_a_page(tmp_path):
    _, store = hand_made(tmp_path)
    for (name,) in store.query("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'schema_version'").rows():
        store.execute(f"DELETE FROM {name}")
    rows(store, "runs", {"run_id": RUN[4], "job": "nightly", "started_at": hour(1)})
    views.create(store)
    text = seen(store).body.text()
    store.close()
    assert "Nothing waits for a person." in text and "No live items." in text


def test_whatever_vendors_write_is_text(place):
    _workspace, store = place
    store.execute("UPDATE deliveries SET vendor = ?, file_name = ?, sentence = ? WHERE vendor = 'bolt'", [HOSTILE] * 3)
    for name in ("sightings", "items", "routes"):
        store.execute(f"UPDATE {name} SET vendor = ? WHERE vendor = 'bolt'", [HOSTILE])
    store.execute("UPDATE rejects SET rule = ? WHERE vendor = 'acme'", [HOSTILE])
    store.execute("UPDATE items SET title = ?, gtin = coalesce(gtin, NULL)", [HOSTILE])
    store.execute("UPDATE routes SET reason = ?", [HOSTILE])
    store.execute("UPDATE categories SET path = path || ?, name = name || ?", [HOSTILE, HOSTILE])
    for run in (1, 4):
        text = written(store, run)
        page = HTMLParser(text)
        assert not page.css("script, img, iframe, object, link") and "onerror" in text
        assert not [n for n in page.css("*") if any(key.startswith("on") for key in n.attributes)]
        assert page.body.text().count('<script>alert("x")</script>') >= 5
    assert not HTMLParser(report.index(store.query, set(RUN.values()))).css("script, img")


def test_the_page_needs_nothing_else(calm):
    text = calm(4)
    assert "<script" not in text and "@import" not in text and "url(http" not in text
    links = [node.attributes["href"] for node in HTMLParser(text).css("[href]")]
    assert [link for link in links if not link.startswith("#")] == ["index.html"]
    ids = {node.attributes["id"] for node in HTMLParser(text).css("[id]")}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert "prefers-color-scheme: dark" in text
    assert "default-src 'none'" in text


def test_plots_are_svg_with_words_and_colours_of_the_style_sheet(calm):
    text = calm(5)
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) >= 8
    style = text.partition("</style>")[0]
    for plot in plots:
        drawn = ET.fromstring(plot)
        assert drawn[0].tag.endswith("title") and drawn[0].text and drawn.get("role") == "img"
        assert not re.findall(r'(?:fill|stroke)="', plot), "a colour of its own would stay as it is in the dark"
        used = {name for names in re.findall(r'class="([^"]+)"', plot) for name in names.split()}
        assert all(f".{name}" in style for name in used - {"flow"}), used
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_page_is_for_screen_readers_too(calm):
    page = HTMLParser(calm(5))
    levels = [int(node.tag[1]) for node in page.css("h1, h2, h3, h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(node.attributes.get("scope") for node in page.css("th"))
    assert all(node.attributes.get("alt") for node in page.css("img"))
    # what is drawn can be read as a table, too
    for figure in page.css("figure"):
        assert figure.css_first("details table") and figure.css_first("figcaption").text()


def test_the_curve_marks_what_was_certified_and_the_target(place, calm):
    _, store = place
    text = calm(4)
    assert "certified: 71% placed, 97.9% right" in text
    assert "5% wrong: the target" in text
    certify(store, leaf=stratum("leaf"))
    assert "certified: " not in written(store)


def test_every_figure_is_what_its_sql_answers_in_the_published_file(place):
    workspace, store = place
    busy(store)
    publish.run(replace(job(workspace, store), run_id=BUSY))
    pages = [
        parsed(report_job.run(replace(job(workspace, store), run_id=BUSY))),
        parsed(workspace.reports / "index.html"),
    ]
    shown = [details for page in pages for details in page.css("details.behind")]
    assert {details.attributes["data-question"] for details in shown} >= {
        "flow",
        "backlog",
        "audited",
        "vendors",
        "runs",
    }
    for details in shown:
        sql = details.css_first("pre code").text()
        answer = ask.ask(workspace, sql, output="json")
        rows_shown = [[c.text() for c in tr.css("td")] for tr in details.css("tbody tr")]
        assert len(json.loads(answer)) == len(rows_shown), sql
        found = query_published(workspace.published_db, sql)
        assert rows_shown == [[questions.cell(v) for v in row] for row in found.iter_rows()], sql
        if rows_shown:
            assert [c.text() for c in details.css("thead th")] == found.columns


def test_no_figure_stands_without_its_sql(place, calm):
    """Every table, tile, card, list of facts and drawing, and every alarm, has its numbers and SQL before the next heading."""
    _, store = place
    certify(store, leaf=stratum("leaf"))
    for page in (seen(store), *(HTMLParser(calm(run)) for run in (1, 4, 5))):
        for node in page.css("figure, .tiles, .cards, dl, table"):
            if node.css_first("details.behind") or inside(node, "behind") or inside(node, "cards"):
                continue
            assert followed(node), node.html[:200]
        alarms = page.css("section.verdict li")
        assert not alarms or alarms[-1].css_first("details.behind")


def inside(node, name: str) -> bool:
    while node := node.parent:
        if name in (node.attributes.get("class") or "").split():
            return True
    return False


def followed(node) -> bool:
    """Whether the node, or what holds it, is followed by a question before a heading comes."""
    while node is not None:
        after = node.next
        while after is not None and after.tag not in ("h2", "h3"):
            if "behind" in (after.attributes.get("class") or "").split():
                return True
            after = after.next
        node = node.parent if node.parent is not None and node.parent.tag == "div" else None
    return False


def test_what_is_audited_is_said_by_department_with_how_soon_a_fall_is_seen(place):
    _, store = place
    busy(store)
    store.execute("UPDATE policies SET body = ?", [json.dumps({"audit_share": 0.02})])
    heading = "What is audited, department by department"
    blind = "no answers in four weeks; 227 are needed"
    assert table(seen(store, 5), heading)[1:] == [
        ["Home", "22", "2.0%", "2", "0", "in about 454 weeks"],
        ["Toys", "1", "2.0%", "0", "0", blind],
    ]
    given = HTMLParser(report.page(store.query, store, BUSY, Audit(see_nights=28, see_fall=0.1)))
    assert table(given, heading)[1] == ["Home", "22", "5.0%", "2", "0", "in about 172 weeks"]


def test_every_question_stands_on_the_page_or_the_index(place, calm):
    _, store = place
    both = calm(1) + calm(4) + calm(5) + report.index(store.query, set(RUN.values()))
    named = set(re.findall(r'data-question="(\w+)"', both))
    # of models trained before it was kept; of alarms that are not raised here; of labels that nothing speaks against
    without_data = {"reliability", "audit_so_far", "moves_held", "labels_against"}
    assert named | without_data == set(questions.names())


def test_a_model_that_kept_its_reliability_shows_it(place):
    _, store = place
    kept = METRICS | {"reliability": [{"said": 0.4, "right": 0.5, "n": 10}, {"said": 0.9, "right": 1.0, "n": 10}]}
    store.execute("UPDATE models SET metrics = ? WHERE model_id = 'm2'", [json.dumps(kept)])
    text = written(store)
    assert "said 40%, right 50% of 10 products" in text and "said 90%, right 100% of 10 products" in text


def test_the_flow_balances_in_every_column(place, calm):
    _, store = place
    for run in (1, 4):
        links = flow._links(questions.put(store.query, "flow", RUN[run]).records)
        for key in {link[1] for link in links if link[0] > 0}:
            came = sum(link[3] for link in links if link[2] == key)
            went = sum(link[3] for link in links if link[1] == key)
            assert came == went, key
    said = HTMLParser(calm(4)).css_first("svg.flow desc").text()
    assert said.startswith("93 rows received") and "40 refused to refused" in said and "50 held to held" in said


def test_pictures_of_what_is_mixed_up_stand_in_the_page(place, tmp_path):
    _, store = place
    busy(store)
    picture = tmp_path / "pan.jpg"
    picture.write_bytes(JPEG)
    sha256 = hashlib.sha256(JPEG).hexdigest()
    store.execute(
        "UPDATE items SET image = ?, image_hash = ?, image_status = 'ok' WHERE vendor = 'dome'", [str(picture), sha256]
    )
    [shown] = seen(store).css(".shown img")
    assert shown.attributes["src"].startswith("data:image/jpeg;base64,") and shown.attributes["alt"] == "pan 21"
    picture.write_bytes(JPEG + b"changed")  # by now it may be another product's
    page = seen(store)
    assert not page.css(".shown img") and "no picture" in page.text()


def test_a_night_without_a_fault_is_all_right(place):
    _, store = place
    for name in ("suspensions", "schedules"):
        store.execute(f"DELETE FROM {name}")
    store.execute("DELETE FROM deliveries WHERE status IN ('refused', 'held')")
    store.execute("UPDATE routes SET routed_at = now() WHERE outcome = 'review'")
    assert verdict.alarms(store.query, RUN[4]) == []
    page = seen(store)
    assert page.css_first(".verdict h2").text() == "All right" and "Nothing to do." in page.css_first(".verdict").text()


def test_what_is_wrong_stands_first_with_what_to_do(place):
    _, store = place
    publications(store)
    found = {alarm.code: alarm for alarm in verdict.alarms(store.query, RUN[4])}
    assert set(found) == {"file_refused", "file_held", "vendor_late", "automation_suspended", "review_behind"}
    assert "catalog feeds list --vendor bolt" in found["file_refused"].todo
    assert found["vendor_late"].sentence.startswith("cobalt is late")
    page = seen(store)
    assert page.css_first(".verdict h2").text() == "Look here: 5 things"
    assert [node.attributes["data-alarm"] for node in page.css("[data-alarm]")] == list(found)


def test_a_refused_file_is_said_each_night_until_a_newer_one_is_taken(place):
    _, store = place
    late = {"vendor": "bolt", "delivery_no": 4, "run_id": RUN[4], "kind": "delta", "file_name": "b.csv"}

    def files() -> set[str]:
        return {alarm.code for alarm in verdict.alarms(store.query, RUN[4]) if alarm.code.startswith("file_")}

    store.execute("UPDATE deliveries SET run_id = ? WHERE status IN ('refused', 'held')", [RUN[1]])
    assert files() == {"file_refused", "file_held"}
    rows(
        store,
        "deliveries",
        {**late, "delivery_id": "bolt-4", "status": "accepted", "rows_in": 0, "received_at": hour(44)},
    )
    assert files() == set()


def publications(store) -> None:
    """What a run of the month before published: half of 9 items had waited 20 days."""
    counts = {
        "live_items": 7,
        "review_backlog": 9,
        "waiting_answers": 5,
        "waiting_median_hours": 480,
        "waiting_oldest_hours": 600,
    }
    rows(store, "publications", {"run_id": RUN[4], "counts": json.dumps(counts), "published_at": hour(45)})


def test_every_other_alarm_can_be_raised(place):
    _, store = place
    busy(store)
    run = "000005-eeee"

    def raised() -> set[str]:
        return {alarm.code for alarm in verdict.alarms(store.query, run)}

    before = raised()
    rows(store, "rejects", *[{"delivery_id": "dome-1", "vendor": "dome", "line": n, "rule": "ragged", "run_id": run}
                             for n in range(2)])  # fmt: skip
    assert raised() - before == {"counts_unbalanced", "rows_left_out"}
    for n in range(60):  # placements that two reviewers each found wrong
        key = {"vendor": "dome", "item_id": f"w{n}", "input_hash": f"in-w{n}"}
        rows(store, "routes", {**key, "run_id": run, "model_id": "m2", "outcome": "placed", "decided_by": "model",
                               "category_id": PANS, "audit": True, "seq": 100 + n, "routed_at": hour(52)})  # fmt: skip
        audit = key | {"outcome": "placed", "placed_id": PANS, "department": "1", "model_id": "m2", "policy_id": "p2"}
        rows(store, "audit_answers", *[audit | {"seq": 100 + 2 * n + k, "who": who, "source": "review", "agrees": False,
                                                "decided_at": hour(60 + k)} for k, who in enumerate(("anna", "bo"))])  # fmt: skip
        if n == 0:
            assert "audit_below_target" not in raised()  # one wrong answer is daily life
    assert "audit_below_target" in raised()
    certify(store, leaf=stratum("leaf"))
    assert "not_certified" in raised() and "audit_below_target" not in raised()
    store.execute("DELETE FROM promotions")
    assert "no_model" in raised() and "not_certified" not in raised()


def test_many_alarms_of_a_kind_are_summed_up(place):
    _, store = place
    rows(store, "deliveries", *[{"delivery_id": f"z{n}", "vendor": f"z{n}", "delivery_no": 1, "run_id": RUN[4],
                                 "kind": "full", "file_name": "f.csv", "status": "refused", "received_at": hour(41)}
                                for n in range(9)])  # fmt: skip
    refused = [alarm for alarm in verdict.alarms(store.query, RUN[4]) if alarm.code == "file_refused"]
    assert len(refused) == 6 and refused[-1].sentence == "And 5 more like these."


def test_what_moved_and_what_was_left_out_is_listed(calm):
    page = HTMLParser(calm(4))
    assert table(page, "Moved in this run")[1] == [
        "acme a1", "a1 version 2", "Home > Kitchen > Kettles", "Home > Kitchen > Pans", "model",
    ]  # fmt: skip
    assert table(page, "One GTIN, several categories")[1][:3] == ["4006381333931", "2", "acme, bolt"]
    first = HTMLParser(calm(1))
    assert ["title missing", "acme", "1", "7"] in [
        [c.text() for c in tr.css("td")] for tr in first.css("tr")
    ]  # fmt: skip


def test_suspensions_name_cause_items_and_end(calm):
    page = HTMLParser(calm(4))
    of, items, cause, missing, ends = table(page, "Automation suspended")[1]
    assert (of, items, cause, ends) == ("vendor bolt", "2", "its mapping changed", "a new certificate")
    assert missing.startswith("Stopped on ") and "a model that is trained and certified now does" in missing


def test_a_vendor_has_few_pictures_by_what_this_shop_s_vendors_send(place, calm):
    _, store = place

    def called(page: HTMLParser) -> list[str]:
        return [tr.css_first("th").text() for tr in page.css("tr") if "few pictures" in tr.text()]

    nobody = HTMLParser(calm(4))  # sends any
    assert "Which vendor to call" in nobody.text() and called(nobody) == []
    store.execute("UPDATE items SET image_status = 'ok' WHERE vendor = 'acme'")
    assert called(seen(store)) == ["bolt"]


def test_labels_against_a_sure_prediction_are_listed_for_a_person(place):
    _, store = place
    rows(store, "predictions", {"input_hash": "in-b2", "model_id": "m2", "leaf_id": "112", "log_odds": 2.5})
    listed = seen(store)
    assert table(listed, "Labels to check")[1] == ["bolt b2", "Home > Garden > Hoses", "Home > Kitchen > Pans"]
    assert against(store) == against_by_the_test(store) == ["b2"]
    tests = (
        GroupTest("1", "Home", 2.6, 700, 3, 0.001, 0.0125, 982),
        GroupTest("2", "Toys", None, 40, 1, 0.8, 0.0125, 982),
    )
    for leaf in (
        stratum("leaf", threshold=2.4, coverage=0.7, bars={"1": 2.6, "2": 2.4}),
        stratum("leaf", threshold=2.4, coverage=0.7, bars={"1": 2.4, "2": 2.6}),
        stratum("leaf", coverage=0.7, tests=tests),
        stratum("leaf", coverage=0.7, tests=(replace(tests[0], threshold=2.5),)),
    ):
        certify(store, leaf=leaf)
        assert against(store) == against_by_the_test(store)
    certify(store, novelty_threshold=0.9)
    assert against(store) == ["b2"]
    store.execute("UPDATE predictions SET novelty = 0.95 WHERE input_hash = 'in-b2'")
    assert against(store) == against_by_the_test(store) == []
    listed = seen(store)
    assert table(listed, "Labels to check")[1][0].startswith("archive x1")


def against(store) -> list[str]:
    return [row["item_id"] for row in questions.put(store.query, "labels_against").records]


def against_by_the_test(store) -> list[str]:
    """The same by what certifies."""
    held = served.serving(store.query).certificate
    sample = examples.sample(store, "m2", "calibration")
    return accepted_errors(sample, held, latest_taxonomy(store))["item_id"].to_list()


def test_labels_that_training_doubts_are_listed_with_what_it_would_expect(place, calm):
    _, store = place
    page = HTMLParser(calm(4))
    assert table(page, "Labels to check")[1][1:] == ["Home > Kitchen > Pans", "Home > Kitchen > Kettles"]
    assert "1 label that training doubts" in page.body.text()
    store.execute("DELETE FROM label_doubts")
    assert "Labels to check" not in seen(store).body.text()


def test_departments_tested_apart_show_what_each_needs(place):
    _, store = place
    tests = (
        GroupTest("1", "Home", 2.0, 700, 3, 0.001, 0.0125, 982),
        GroupTest("2", "Toys", None, 40, 1, 0.8, 0.0125, 982),
    )
    certify(store, groups="each", leaf=stratum("leaf", n=700, k=3, precision=0.99, refusal=None, tests=tests))
    card = seen(store).css("section.card")[0]
    text = " ".join(card.text(separator=" ").split())
    assert "At a leaf certified" in text and "about 982 accepted products" in text
    assert "Home 700 3 certified" in text and "Toys 40 1 no automation" in text


def test_items_at_a_parent_are_counted_as_waiting(place):
    _, store = place
    rows(store, "routes", {"run_id": RUN[4], "vendor": "bolt", "item_id": "b1", "outcome": "placed_at_parent", "seq": 13,
                           "category_id": KITCHEN, "reason": "unsure", "routed_at": hour(41)})  # fmt: skip
    tiles = [" ".join(tile.text(separator=" ").split()) for tile in seen(store).css(".tile")]
    assert tiles[2].startswith("Waiting for a person 2 2 answers settle them; 1 item stands at a certified parent")


def test_the_index_lists_the_written_pages_youngest_first(place):
    workspace, store = place
    publish.run(job(workspace, store))
    for run in (1, 4):
        report_job.run(job(workspace, store, run))
    page = parsed(workspace.reports / "index.html")
    assert [a.attributes["href"] for a in page.css("a")] == [f"{RUN[4]}.html", f"{RUN[1]}.html"]
    cells = [[c.text() for c in tr.css("td")][1:] for tr in page.css_first("table").css("tbody tr")]
    assert cells == [
        ["2 refused or held", "50.0%", "1", "3", "1", "0", "1", "1", "0"],
        ["none", "40.0%", "\N{EN DASH}", "8", "2", "1", "2", "1", "1"],
    ]
    tiles = [" ".join(tile.text(separator=" ").split()) for tile in page.css(".tile")]
    assert tiles[0].startswith("Rows in 3") and tiles[0].endswith("between 3 and 8")


def test_writing_a_page_again_replaces_it(place):
    workspace, store = place
    publish.run(job(workspace, store))
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
    questions = {view.name: view.grain for view in views.questions()}
    kept = {view.name: view.grain for view in views.standing()}  # what is costly to ask is a table of the same name
    assert {name: grain for name, grain in sections.items() if name not in kept} == questions
    assert {name: kept[name] for name in sections if name in kept}.items() <= sections.items()
    asked = {"automation_by_vendor", "automation_by_brand", "price_outliers", "time_to_category", "vendor_quality"}
    assert asked <= set(sections)


def test_without_a_certificate_the_page_says_which_department_lacks_how_many_labels(place):
    _, store = place
    certify(store, leaf=stratum("leaf"))
    said = seen(store).body.text()
    assert "Nothing is placed automatically at 95%: at least 85 more (1 at hand" in said
    assert "Home alone: at least 85 more" in said and "Toys alone: at least 86 more (0 at hand" in said
    certify(store)
    assert "alone: at least" not in seen(store).body.text()


def test_drift_has_a_figure_a_vendor_with_how_far_it_is_from_an_alarm(place):
    _, store = place
    busy(store)
    quiet = {
        "run_id": BUSY,
        "statistic": "title_words",
        "score": 0.6,
        "bar": 1.2,
        "alarm": False,
        "items": 40,
        "reference_items": 300,
        "reference_runs": 6,
    }
    rows(store, "drift_statistics", {**quiet, "vendor": "acme"}, {**quiet, "vendor": "o'hara", "score": 0.3, "category_id": "1"},
         *({**quiet, "vendor": f"v{n}", "score": 0.01} for n in range(20)))  # fmt: skip
    page = seen(store, 5)
    figures = {f.css_first("h3").text(): f for f in page.css("figure") if f.css_first("[data-question=drift]")}
    called = {row[0]: row[1] for row in table(page, "Which vendor to call")}
    assert "what it sends has changed" in called["dome"] and "changed" not in called["acme"]
    assert list(figures)[:3] == ["dome", "acme", "o'hara"] and len(figures) == 12
    dome = figures["dome"]
    assert "208%" in dome.css_first("svg").text() and len(dome.css("rect.over")) == 1
    assert "Beyond chance: share of words never sent before 40% instead of 10%." in dome.css_first("figcaption").text()
    assert "50%" in figures["acme"].css_first("svg").text() and not figures["acme"].css("rect.over")
    assert "Home: words of a title" in figures["o'hara"].css_first("svg").text()
    for vendor, figure in figures.items():
        found = store.query(figure.css_first("pre code").text())
        assert found["vendor"].unique().to_list() == [vendor]


def test_the_page_says_whom_to_call_and_whose_file_was_the_same_again(place):
    _, store = place
    assert "Call cobalt, bolt and acme: the table says why." in " ".join(seen(store).body.text().split())
    store.execute("DELETE FROM schedules")
    store.execute("DELETE FROM rejects")
    store.execute("DELETE FROM deliveries WHERE delivery_id = 'bolt-3'")
    store.execute("UPDATE deliveries SET status = 'repeated', reason = NULL WHERE delivery_id = 'bolt-2'")
    page = seen(store)
    assert "Nobody: no vendor gives a reason to call." in page.body.text()
    assert [row[0] for row in table(page, "What became of the rows")] == ["Vendor", "acme", "total"]
    assert "1 more vendor sent the very file they had sent before, which changes nothing: bolt." in page.body.text()


def test_a_few_checks_are_drawn_hollow(place):
    _, store = place
    busy(store)
    page = seen(store, 5)
    assert len(page.css("circle.few")) == 1 and "Hollow: fewer than 10 checks" in page.body.text()
