"""What automation would have done: on history divided by time, and in nights that only compare."""

import json
import random
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import FIELDS, product, write
from short_nights import short_night
from simulated import World, tree
from typer.testing import CliRunner

from catalog.errors import CatalogError
from catalog.learning import by_time
from catalog.placement import trial
from catalog.publishing.reader import query_published
from catalog.publishing.report import trial_page
from catalog.settings import Workspace
from pipelines.cli import app

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def history(count: int, days: int) -> pl.DataFrame:
    """Products labelled one after the other over so many days; every tenth looks like one of the first."""
    clusters = [f"c{n if n % 10 else n // 10}" for n in range(count)]
    when = [NOW - timedelta(days=days * (1 - n / (count - 1))) for n in range(count)]
    return pl.DataFrame({"cluster": clusters, "decided_at": when})


def test_what_is_tried_is_the_last_twelve_months_and_nothing_is_learned_from_it() -> None:
    found = by_time.splits(history(2000, 1000))
    part = {name: rows for (name,), rows in found.group_by("split")}
    assert set(part) == {"train", "early_stopping", "temperature", "calibration", "trial", "excluded"}
    year = NOW - timedelta(days=365)
    learned = pl.concat([part["train"], part["early_stopping"]])
    assert learned["decided_at"].max() < year <= part["calibration"]["decided_at"].min()
    assert part["calibration"]["decided_at"].max() < part["trial"]["decided_at"].min()
    evidence = pl.concat([part["temperature"], part["calibration"]])
    assert not set(evidence["cluster"]) & set(learned["cluster"])
    assert not set(part["temperature"]["cluster"]) & set(part["calibration"]["cluster"])
    assert 0.05 < part["early_stopping"].height / learned.height < 0.15


def test_a_short_history_is_divided_and_one_without_dates_refused() -> None:
    found = by_time.splits(history(600, 90))
    assert 0.35 < found.filter(pl.col("split").is_in(["train", "early_stopping"])).height / 600 < 0.45
    for rows in (history(100, 90), history(600, 90).with_columns(decided_at=pl.lit(NOW))):
        with pytest.raises(CatalogError, match="labelled_at"):
            by_time.splits(rows)


def test_hours_are_reckoned_by_groups_of_a_day() -> None:
    when = [NOW] * 4 + [NOW + timedelta(days=1)] * 3
    routed = pl.DataFrame({
        "outcome": ["review", "review", "placed_at_parent", "placed", "review", "review", "review"],
        "group_id": ["a", "a", "b", "c", "a", "d", "d"], "decided_at": when,
    })  # fmt: skip
    # a twice and d twice are groups; b, and a on the second day, stand alone
    assert trial._work(routed) == (4, 2 * 12.0 + 2 * 15.0 + 4 * 1.0)


def catalog(place: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--workspace", str(place)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_trial_is_certified_on_the_evidence_and_judged_on_the_rest() -> None:
    world, taxonomy = World(mean=6.0), tree()
    facts = {"row_hash": "r", "product_id": None, "input_hash": "i", "title": None, "novelty": 0.1, "has_text": True,
             "has_image": False, "image_status": "missing", "top_ids": [], "top_log_odds": []}  # fmt: skip
    literals = [pl.lit(value, pl.List(pl.String) if name == "top_ids" else pl.List(pl.Float64) if name == "top_log_odds" else None)
                .alias(name) for name, value in facts.items()]  # fmt: skip
    before, after, tried = (
        world.draw(size, seed).with_columns(literals) for size, seed in ((400, 1), (2000, 2), (2000, 3))
    )
    days = [NOW + timedelta(days=n % 20) for n in range(tried.height)]
    tried = tried.with_columns(pl.Series("decided_at", days))
    strict, lax = (
        trial.outcome((before, after), tried, taxonomy, target=target, delta=0.05) for target in (0.999, 0.95)
    )
    assert not strict.certified and strict.placed == 0 and strict.precision is None and strict.missing != 0
    assert lax.certified and lax.placed > 0.5 * lax.items and lax.precision is not None and lax.precision > 0.94
    assert lax.items == tried.height and lax.decisions < strict.decisions and lax.hours < strict.hours
    assert sum(part.items for part in lax.departments) == tried.height
    assert all(part.missing is None or part.missing > 0 for part in strict.departments)
    assert any(part.missing == 0 for part in lax.departments)
    told = trial.text(trial.Trial(("2026-01-01", "2026-11-30"), 20, 500, 2400, "none", (lax, strict)))
    assert "95%       yes" in told and "D0" in told and "labels missing" in told
    assert "95% placed, right, missing" in told and "for a certificate of its own" in told
    page = trial_page(trial.Trial(("2026-01-01", "2026-11-30"), 20, 500, 2400, "none", (lax, strict)))
    assert f'<td class="n">{lax.automation:.1%}</td>' in page and page.count('<th scope="row">D') == len(
        lax.departments
    )


@pytest.mark.train
@pytest.mark.slow
def test_a_trial_says_what_would_have_been_placed_and_how_right(shop: Path, tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [
        product(rng, n, vague=n % 5 == 0) | {"labelled_at": str(date(2024, 12, 1) + timedelta(days=n * 720 // 1200))}
        for n in range(1200)
    ]
    write(tmp_path / "history.csv", rows, [*FIELDS, "labelled_at"])
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "catalog.toml").write_text(
        (shop / "catalog.toml").read_text().replace("target = 0.9", "delta = 0.2")
    )
    page = tmp_path / "trial.html"
    found = json.loads(
        catalog(tmp_path / "ws", "trial", str(tmp_path / "history.csv"), "--json", "--report", str(page))
    )
    assert "<h2>By department</h2>" in page.read_text() and "Sport" in page.read_text()
    assert [one["target"] for one in found["outcomes"]] == [0.95, 0.98, 0.99]
    first, _, last = found["outcomes"]
    assert first["certified"] and 0.3 < first["placed"] / first["items"] < 0.85
    assert first["precision"] > 0.9 and first["decisions"] > 0 and first["hours"] > 0
    assert last["missing"] is None or last["missing"] > 0 or last["certified"]
    assert {part["name"] for part in first["departments"]} == {"Home", "Sport"}
    assert sum(part["placed"] for part in first["departments"]) == first["placed"]
    assert found["learned"] + found["evidence"] + first["items"] <= 1200
    assert "not tuned" in found["training"]
    assert list((tmp_path / "ws").iterdir()) == [tmp_path / "ws" / "catalog.toml"]


OWN_FORM = """\
format = "csv"
[columns]
item_id = "item_id"
title = "title"
description = "description"
brand = "brand"
price = "price"
own_category = "PIM"
[own_categories]
"Becher" = "Home > Kitchen > Mugs"
"""


@pytest.mark.train
def test_nights_in_the_shadow_change_no_category_and_are_summed_up(learned: Path, shop: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(learned, tmp_path / "ws"))
    settings = place / "catalog.toml"
    settings.write_text(f'mode = "shadow"\n{settings.read_text()}')
    (place / "policy.toml").write_text(
        '[[rule]]\nid = "p"\nkind = "pin"\nowner = "anna"\nsince = 2026-01-01\nvendor = "acme"\nvendor_category = "x"\n'
        'node = "Home > Kitchen > Mugs"\n'
    )
    (place / "feeds" / "acme").mkdir()
    lines = (shop / "first.csv").read_text().splitlines()
    own = dict(line.split(",", 1) for line in (shop / "truth.csv").read_text().splitlines())
    (place / "vendors" / "acme.toml").write_text(OWN_FORM)
    # a third of the items are filed by the shop's own process already, which has names of its own for two shelves
    names = {"Home > Kitchen > Mugs": "Becher", "Sport > Balls > Tennis": "Sonstiges"}
    filed = [
        names.get(own[line.split(",")[0]], own[line.split(",")[0]]) if n % 3 == 0 else ""
        for n, line in enumerate(lines)
    ]
    feed = [f"{line},{'PIM' if n == 0 else name}" for n, (line, name) in enumerate(zip(lines, filed, strict=True))]
    (place / "feeds" / "acme" / "2026-01-01.csv").write_text("\n".join(feed) + "\n")
    short_night(place)
    published = Workspace(place).published_db
    mine = "SELECT count(*) FROM current_category WHERE vendor = 'acme'"
    assert query_published(published, mine).item() == 0
    assert dict(query_published(published, "SELECT reason, items FROM review_reasons").rows())["shadow_mode"] > 30
    would = query_published(
        published, "SELECT count(*) FROM shadow_comparison WHERE vendor = 'acme' AND outcome = 'placed'"
    )
    assert would.item() > 10
    said = catalog(place, "trial", "--shadow")
    assert re.search(r"[1-9]\d* would stand where you put them", said) and "is none of ours ('Sonstiges')" in said
    (place / "vendors" / "acme.toml").unlink()
    # the others it files the next day, in a file of labels; its word is compared, and stands
    (tmp_path / "own.csv").write_text("\n".join(f"{line},{own[line.split(',')[0]]}" for line in lines) + "\n")
    catalog(place, "labels", "import", str(tmp_path / "own.csv"), "--vendor", "acme")
    short_night(place)
    assert query_published(published, mine).item() == 120
    compared = dict(
        query_published(
            published,
            "SELECT compared, count(*) FROM shadow_comparison WHERE outcome = 'placed' AND NOT learned GROUP BY ALL",
        ).rows()
    )
    assert compared["same"] > 10 and compared["same"] > 8 * compared.get("elsewhere", 0)
    said = catalog(place, "trial", "--shadow")
    assert "would stand where you put them" in said and "Home" in said
