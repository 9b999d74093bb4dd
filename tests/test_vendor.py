"""The commands about one vendor: writing a form, trying a file, following a changed header, writing to the vendor."""

import csv
import io
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner
from vendor_files import products, table

from catalog.deliveries.inbox import pending
from catalog.deliveries.remedies import FLAGS, RULES, remedy
from catalog.errors import CatalogError, FeedRefused
from catalog.jobs import Job, start_run
from catalog.publishing import views
from catalog.reading.mapping import load_mapping
from catalog.settings import Settings, Workspace
from catalog.store import Store
from pipelines import ingest, vendor, workspace
from pipelines.cli import app
from schemas.items import RULE_NAMES

ROWS = products("en", 30)
HEADER = ["Item No.", "Product Name", "Price", "Colour", "Brand"]


def cells(row: dict[str, str]) -> list[str]:
    return [row[name] for name in ("item_id", "title", "price", "colour", "brand")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace.init(tmp_path / "ws").root


def wrote(root: Path, text: str, name: str = "items.csv") -> Path:
    path = root / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def plain(root: Path) -> Path:
    return wrote(root, table(HEADER, [cells(row) for row in ROWS]))


def test_a_proposal_is_written_once_and_never_over_a_persons_form(root: Path) -> None:
    path = plain(root)
    form = root / "vendors" / "acme.toml"
    answer = vendor.propose(root, "acme", path)
    assert answer.good and "catalog vendor check acme" in answer.text
    mapping = load_mapping(form, path)
    assert (mapping.wanted["item_id"], mapping.wanted["title"]) == (["Item No."], ["Product Name"])
    form.write_text("# mine\n" + form.read_text())
    with pytest.raises(CatalogError, match=r"--update.*--force"):
        vendor.propose(root, "acme", path)
    assert form.read_text().startswith("# mine")
    vendor.propose(root, "acme", path, force=True)
    assert form.read_text().startswith("# Proposed")


def test_every_line_of_the_form_has_its_reason(root: Path) -> None:
    lines = vendor.propose(root, "acme", plain(root), out="-").text.splitlines()
    keys = [line for line in lines if " = " in line and not line.startswith("#")]
    assert len(keys) >= 6 and all("  # " in line for line in keys)
    assert not (root / "vendors" / "acme.toml").exists()


def test_the_walk_through_in_the_docs_is_what_comes_out(root: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "vendors.md").read_text(encoding="utf-8")
    sent, form = (text.split(f"```{kind}\n", 1)[1].split("```", 1)[0] for kind in ("csv", "toml"))
    path = root / "muster.csv"
    path.write_bytes(sent.replace("\n", "\r\n").encode("windows-1252"))
    vendor.propose(root, "muster", path)
    assert (root / "vendors" / "muster.toml").read_text(encoding="utf-8") == form
    assert vendor.check(root, "muster", path).good


def test_what_only_the_vendor_knows_is_said_and_nothing_written(root: Path) -> None:
    text = table(["", "name", "price"], [[str(n), "the same lamp", "3.20"] for n in range(20)])
    path = wrote(root, text)
    answer = vendor.propose(root, "acme", path)
    assert not answer.good and "article number" in answer.text
    assert not (root / "vendors" / "acme.toml").exists()
    shown = vendor.propose(root, "acme", path, out="-")
    assert not shown.good and "# item_id" in shown.text and tomllib.loads(shown.text)["columns"]["title"] == "name"


def test_a_changed_header_is_shown_and_the_persons_lines_stay(root: Path) -> None:
    vendor.propose(root, "acme", plain(root))
    form = root / "vendors" / "acme.toml"
    form.write_text(form.read_text() + '\n[delivery]\nexpected_every = "24h"  # agreed in March\n')
    changed = wrote(
        root, table(["Item No.", "ProductName", "Price EUR", "Stock", "Brand"], [cells(row) for row in ROWS])
    )
    answer = vendor.update(root, "acme", changed)
    assert "renamed  'Product Name' -> 'ProductName'" in answer.text
    assert "removed  'Colour'" in answer.text and "added    'Stock'" in answer.text
    assert '-title = "Product Name"' in answer.text and '+title = "ProductName"' in answer.text
    assert "agreed in March" in form.read_text() and "ProductName" not in form.read_text()
    vendor.update(root, "acme", changed, force=True)
    mapping = load_mapping(form, changed)
    assert mapping.wanted["title"] == ["ProductName"] and mapping.wanted["price"] == ["Price EUR"]
    assert mapping.attributes == [] and mapping.delivery.expected_every == "24h"
    assert vendor.check(root, "acme", changed).good
    assert "columns the form knows" in vendor.update(root, "acme", changed).text


def test_another_dialect_is_part_of_the_difference(root: Path) -> None:
    vendor.propose(root, "acme", plain(root))
    other = wrote(root, table(HEADER, [cells(row) for row in ROWS], delimiter=";", above=("Price list",)))
    text = vendor.update(root, "acme", other, force=True).text
    assert '+delimiter = ";"' in text and "+header_row = 2" in text
    assert vendor.check(root, "acme", other).good


def test_a_file_that_has_not_changed_changes_nothing_whatever_its_form(root: Path) -> None:
    offers = "".join(
        f"<o id='{row['item_id']}'><name>{row['title']}</name><a name='Colour'>red</a><a name='Size'>L</a></o>"
        for row in ROWS
    )
    shop = table(
        ["Handle", "Title", "Vendor", "Option1 Name", "Option1 Value"],
        [[row["item_id"], row["title"], "Acme", "Size", "L"] for row in ROWS],
    )
    for name, text in (("offers.xml", f"<offers>{offers}</offers>"), ("shop.csv", shop)):
        path = wrote(root, text, name)
        vendor.propose(root, path.stem, path)
        form = (root / "vendors" / f"{path.stem}.toml").read_text()
        assert ("each" in form) == (name == "offers.xml") and ('preset = "shopify"' in form) == (name == "shop.csv")
        assert vendor.update(root, path.stem, path).text == "The file has the columns the form knows."


def test_update_needs_a_form(root: Path) -> None:
    with pytest.raises(CatalogError, match="Propose one"):
        vendor.update(root, "acme", plain(root))


def test_a_check_counts_what_the_night_would_and_stores_nothing(root: Path) -> None:
    rows = [cells(row) for row in ROWS]
    bad = [
        ["", "no number", "1.00", "red", "Acme"],
        ["A-1", "lamp", "ask", "red", "Acme"],
        ["A-2", "lamp", "1.00", "red", "Acme"],
        ["A-2", "table", "2.00", "red", "Acme"],
        rows[0],
        ["4.0E+12", "chair", "1.00", "red", "Acme"],
    ]
    path = wrote(root, table(HEADER, [*rows, *bad]))
    (root / "vendors" / "acme.toml").write_text(
        'format = "csv"\n[columns]\nitem_id = "Item No."\ntitle = "Product Name"\nprice = "Price"\n'
    )
    before = {file: file.stat().st_mtime_ns for file in root.rglob("*") if file.is_file()}
    answer = vendor.check(root, "acme", path)
    # 36 rows: 30 good ones of which one twice, and the one with the damaged id, which is an id all the same.
    assert [line.split()[1] for line in answer.text.splitlines()[:4]] == ["36", "31", "1", "4"]
    found = {line.split()[1]: line for line in answer.text.splitlines() if "first in line" in line}
    assert {"missing_item_id", "bad_price", "duplicate_id", "damaged_id"} <= found.keys()
    assert "line 32" in found["missing_item_id"] and "ask" in found["bad_price"]
    assert answer.good
    assert {file: file.stat().st_mtime_ns for file in root.rglob("*") if file.is_file()} == before


def test_a_check_counts_items_not_the_rows_that_were_folded_or_turned_away(root: Path) -> None:
    path = wrote(
        root, "id,group,name,price\n1,A,lamp,0\n1,,,0\n2,B,rug,0\n2,,,0\n3,C,mug,5\n4,D,pot,0\n4,D,pan,0\n", "a.csv"
    )
    (root / "vendors" / "acme.toml").write_text(
        'format = "csv"\n[columns]\nitem_id = "id"\ntitle = "name"\nprice = "price"\nvendor_category = "group"\n'
        '[fold]\nby = ["id"]\n[rules]\nduplicates = "quarantine"\n'
    )
    said = {line.split()[0]: line.split()[1] for line in vendor.check(root, "acme", path).text.splitlines() if line}
    assert [said[name] for name in ("rows", "accepted", "duplicates", "titles", "prices")] == ["7", "4", "3", "4", "4"]
    assert "3  zero_price " in vendor.check(root, "acme", path).text


def test_a_check_of_a_delta_counts_what_it_deletes(root: Path) -> None:
    path = wrote(root, "id,name,todo\n1,lamp,U\n2,,D\n3,chair,dance\n")
    (root / "vendors" / "acme.toml").write_text(
        'format = "csv"\n[columns]\nitem_id = "id"\ntitle = "name"\naction = "todo"\n[delivery]\nkind = "delta"\n'
    )
    answer = vendor.check(root, "acme", path)
    assert [line.split()[:2] for line in answer.text.splitlines()[:5]] == [
        ["rows", "3"], ["accepted", "1"], ["duplicates", "0"], ["deleted", "1"], ["quarantined", "1"]
    ]  # fmt: skip
    assert "unknown_action" in answer.text and answer.good


def test_a_check_refuses_with_the_line_and_the_remedy(root: Path) -> None:
    path = wrote(root, 'item_id,title\n1,"never closed\n2,b\n')
    with pytest.raises(FeedRefused, match="line 2"):
        vendor.check(root, "acme", path)
    empty = wrote(root, "item_id,title\n", "empty.csv")
    answer = vendor.check(root, "acme", empty)
    assert not answer.good and "HELD" in answer.text


def test_the_commands_answer_and_exit_as_they_should(root: Path) -> None:
    path = plain(root)

    def ran(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["vendor", *arguments, "--workspace", str(root)])
        return result.exit_code, result.output

    assert ran("propose", "acme", str(path))[0] == 0
    assert ran("propose", "acme", str(path), "--update") == (0, "The file has the columns the form knows.\n")
    code, text = ran("check", "acme", str(path))
    assert code == 0 and "accepted      30" in text
    page = wrote(root, "<!DOCTYPE html><html></html>", "page.csv")
    assert isinstance(
        CliRunner().invoke(app, ["vendor", "propose", "acme", str(page), "-w", str(root)]).exception, FeedRefused
    )


def night(root: Path, text: str) -> None:
    inbox = root / "feeds" / "acme"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "items.csv").write_text(text, encoding="utf-8", newline="")
    place = Workspace(root)
    with Store.open(place.work_db) as store:
        views.create(store)
        job = Job(place, Settings(), store, start_run(store, "nightly", "k" * 8))
        ingest.run(job, pending(place))


def reported(root: Path, name: str = "acme") -> tuple[list[dict[str, str]], str]:
    place = Workspace(root)
    with Store.open(place.work_db) as store:
        vendor.report(place, store, name)
    rows = (root / "reports" / f"vendor-{name}.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(rows))), (root / "reports" / f"vendor-{name}.html").read_text()


def test_the_issue_list_names_line_problem_example_and_what_to_send(root: Path) -> None:
    hostile = "<script>alert(1)</script>"
    night(
        root,
        table(
            ["item_id", "title", "price", "gtin", "image"],
            [
                ["A-1", "lamp", "1.299", "123", ""],
                ["", "=cmd()", "1.00", "", ""],
                ["A-3", hostile, f"{hostile} 1", "", ""],
                ["A-4", "chair", "2.00", "", "missing.jpg"],
            ],
        ),
    )
    rows, page = reported(root)
    found = {(row["line"], row["code"]): row for row in rows}
    assert found["2", "gtin_invalid"]["taken"] == "yes" and found["2", "gtin_invalid"]["item_id"] == "A-1"
    assert found["2", "ambiguous_price"]["example"] == "lamp (taken as 1.2990)"
    assert found["3", "missing_item_id"]["taken"] == "no"
    assert "number" in found["3", "missing_item_id"]["what_to_send_instead"]
    assert hostile in found["4", "bad_price"]["example"]
    assert found["5", "image_missing"]["example"] == "missing.jpg"
    assert hostile not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [('item_id,title\n1,"never closed\n2,b\n', "refused", "line 2"), ("item_id,title\n", "held", "no row")],
)
def test_a_delivery_that_is_not_taken_is_reported_as_a_whole(root: Path, text: str, status: str, said: str) -> None:
    night(root, text)
    rows, page = reported(root)
    assert rows[0]["code"] == f"file_{status}" and said in rows[0]["problem"]
    assert status in page and said in page
    assert "catalog feeds" not in rows[0]["problem"] + page  # what to run here is nothing for the vendor


def test_every_rule_and_flag_of_the_docs_has_words_for_the_vendor() -> None:
    docs = Path(__file__).parents[1] / "docs"
    rules = (docs / "vendors.md").read_text().split("## What becomes of a row")[1].split("Label files add")[0]
    named = [code for row in rules.splitlines() if row.startswith("| `") for code in row.split("|")[1].split("`")[1::2]]
    assert {"ragged", "unknown_action"} <= set(named) <= RULES.keys()
    values = re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", (docs / "values.md").read_text())
    assert len(flags := set(values) & FLAGS.keys()) > 15
    others = (
        "bad_price item_id product_id vendor_category raw_text input_hash row_hash in_stock out_of_stock price_decimal"
    )
    assert set(values) - flags == set(others.split())


def test_a_vendor_that_sent_nothing_has_no_list(root: Path) -> None:
    with Store.open(Workspace(root).work_db) as store, pytest.raises(CatalogError, match="vendor check"):
        vendor.report(Workspace(root), store, "acme")
    with pytest.raises(CatalogError, match="no name"):
        vendor.check(root, "../acme", plain(root))


def written_rules() -> set[str]:
    """The rules that rows are given anywhere in the code: rule="...", rule=pl.lit("...")."""
    root = Path(__file__).parents[1]
    found = set(RULE_NAMES.values())
    for file in (*(root / "catalog" / "reading").glob("*.py"), *(root / "catalog" / "deliveries").glob("*.py")):
        found |= set(re.findall(r"\brule=(?:pl\.lit\()?\"([a-z_]+)\"", file.read_text(encoding="utf-8")))
    return found


def test_every_rule_the_program_writes_has_words_for_the_vendor_and_a_line_in_the_handbook() -> None:
    known = written_rules() | {"bad_price", "nothing_to_classify", "duplicate_id", "bad_quote", "bad_json"}
    assert {"ragged", "digits_lost", "too_many_attributes", "unknown_action"} <= known
    handbook = (Path(__file__).parents[1] / "docs" / "vendors.md").read_text(encoding="utf-8")
    said = handbook.partition("\n## What becomes of a row\n")[2].partition("\n## ")[0]
    assert {code for code in RULES if f"`{code}`" not in said} == set()
    assert known <= RULES.keys()
    assert not RULES.keys() & FLAGS.keys()
    assert all(words.problem.endswith(".") and words.send.endswith(".") for words in {**RULES, **FLAGS}.values())
    assert "strange thing" in remedy("strange_thing").problem
