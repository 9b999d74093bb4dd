"""Imported answers live as a model of their own: calibrated once, certified or refused, routed, compared, rolled back."""

import csv
import json
import random
import shutil
from pathlib import Path

import pytest
from conftest import SHELVES, product
from typer.testing import CliRunner

from catalog.certification import shortage
from catalog.errors import CatalogError
from catalog.jobs import Job
from catalog.learning import examples
from catalog.placement import ledger
from catalog.publishing import report
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import (
    certify,
    classify,
    cli,
    evaluate,
    labels,
    nightly,
    predictions,
    promote,
    route,
    taxonomy,
    workspace,
)
from pipelines.predictions import How
from pipelines.session import Session, opened

SETTINGS = "[routing]\ntarget = 0.9\ncontrol_share = 0.0\naudit_share = 0.0\n"
PATHS = list(SHELVES)
HEADER = ["vendor", "item_id", "category", "score"]


def write(path: Path, header: list[str], rows: list[list]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def rows_of(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


class Rival:
    """A classifier of a given accuracy; `blur` 0 makes its confidence say exactly when it is right."""

    def __init__(self, accuracy: float, blur: float, seed: int = 5) -> None:
        self.accuracy, self.blur, self.rng = accuracy, blur, random.Random(seed)

    def row(self, vendor: str, item_id: str, truth: str) -> list[list]:
        right = self.rng.random() < self.accuracy
        first = truth if right else self.rng.choice([path for path in PATHS if path != truth])
        other = self.rng.choice([path for path in PATHS if path != first])
        score = self.rng.gauss(93 if right else 70, 1 + self.blur)
        return [[vendor, item_id, first, round(min(100, max(0, score)))], [vendor, item_id, other, 5]]


class Place:
    """A workspace with 1,600 labelled products and 40 delivered ones; nothing was trained in it."""

    def __init__(self, session: Session, root: Path, truth: dict[tuple[str, str], str]) -> None:
        self.session, self.root, self.truth = session, root, truth
        self.store = session.store

    def answers(self, rival: Rival, *, name: str = "answers.csv", vendors: tuple[str, ...] = ("old", "acme")) -> Path:
        found = [line for (v, i), node in self.truth.items() if v in vendors for line in rival.row(v, i, node)]
        return write(self.root / name, HEADER, found)

    def job(self) -> Job:
        with self.session.single("test") as job:
            return job

    def take(self, file: Path, name: str = "llm", how: How | None = None) -> predictions.Imported:
        return predictions.run(self.job(), file, name, how)

    def outcomes(self) -> dict[str, int]:
        found = self.store.query(
            "SELECT outcome, reason, count(*) AS n FROM standing_routes WHERE vendor = 'acme' GROUP BY ALL"
        )
        return {f"{outcome} {reason}": n for outcome, reason, n in found.iter_rows()}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, str], str]]:
    root = tmp_path_factory.mktemp("rivals")
    place, rng = workspace.init(root / "ws"), random.Random(11)
    place.settings_file.write_text(SETTINGS)
    rows = [product(rng, n) for n in range(1640)]
    columns = ["item_id", "title", "brand", "category_path"]
    old = write(root / "labels.csv", columns, [[row[c] for c in columns] for row in rows[:1600]])
    (place.feeds / "acme").mkdir()
    write(place.feeds / "acme" / "a.csv", columns[:3], [[row[c] for c in columns[:3]] for row in rows[1600:]])
    with opened(place.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, old)
        with session.single("labels") as job:
            labels.run(job, old, vendor="old", random=True)
        nightly.run(session)
    vendors = ["old"] * 1600 + ["acme"] * 40
    return root, {(v, row["item_id"]): row["category_path"] for v, row in zip(vendors, rows, strict=True)}


@pytest.fixture
def place(template, tmp_path: Path):
    root, truth = template
    with opened(Path(shutil.copytree(root / "ws", tmp_path / "ws"))) as session:
        yield Place(session, tmp_path, truth)


def test_a_good_rival_earns_a_certificate_serves_and_is_rolled_back(place: Place) -> None:
    found = place.take(place.answers(Rival(0.9, 4)))
    assert found.calibration.form == "percent"
    assert found.calibration.labels > 50
    policy = certify.run(place.job(), model_id=found.model_id)
    assert policy is not None
    assert policy.leaf_threshold is not None
    assert "Certified at 90%" in certify.outlook(place.job(), found.model_id)
    assert place.outcomes() == {"review no_prediction": 40}

    promote.run(place.job(), found.model_id, reason="test")
    night = nightly.run(place.session)
    assert night.run_id is not None
    settled = place.outcomes()
    assert settled["placed certified"] > 20
    assert sum(settled.values()) == 40
    wrong = place.store.query(
        "SELECT item_id, category_id FROM standing_routes WHERE outcome = 'placed' AND vendor = 'acme'"
    )
    right = [place.truth["acme", item] == node for item, node in wrong.iter_rows()]
    assert sum(right) / len(right) > 0.85
    assert found.model_id in report.page(place.store.query, place.store, night.run_id)
    assert nightly.run(place.session).run_id is None

    second = place.take(place.answers(Rival(0.9, 4, seed=6), name="b.csv"), "other")
    promote.run(place.job(), second.model_id, reason="test")
    assert promote.rollback(place.job())[0] == found.model_id
    assert ledger.current_model(place.store) == found.model_id


def test_a_bad_rival_is_refused_and_told_what_it_lacks(place: Place) -> None:
    found = place.take(place.answers(Rival(0.6, 40)))
    policy = certify.run(place.job(), model_id=found.model_id)
    assert policy is not None
    assert policy.leaf_threshold is None
    promote.run(place.job(), found.model_id, reason="test")
    nightly.run(place.session)
    assert set(place.outcomes()) <= {"review no_certificate"}
    said = certify.outlook(place.job(), found.model_id)
    assert said.startswith("Nothing is placed automatically at 90%")
    assert "Home alone" in said
    assert "Sport alone" in said


def test_the_same_file_twice_changes_nothing(place: Place) -> None:
    file = place.answers(Rival(0.9, 4))
    tables = ("predictions", "models", "example_splits", "certificates", "policies")
    first = place.take(file)
    before = {table: place.store.query(f"SELECT * FROM {table}") for table in tables}
    for how in (None, How(recalibrate=True)):
        again = place.take(file, how=how)
        assert again.model_id == first.model_id
        assert again.counts["new"] == 0
        for table in tables:
            assert place.store.query(f"SELECT * FROM {table}").equals(before[table])


def test_later_answers_join_the_model_and_cannot_change_earlier_ones(place: Place) -> None:
    first = place.take(place.answers(Rival(0.9, 4), vendors=("old",)))
    promote.run(place.job(), first.model_id, reason="test")
    nightly.run(place.session)
    assert place.outcomes() == {"review no_prediction": 40}
    kept = place.store.query("SELECT * FROM predictions ORDER BY input_hash")
    later = place.take(place.answers(Rival(0.1, 4), name="later.csv"))
    assert later.model_id == first.model_id
    assert later.calibration == first.calibration
    assert later.counts["new"] == 40
    found = place.store.query("SELECT * FROM predictions ORDER BY input_hash")
    assert found.filter(found["input_hash"].is_in(kept["input_hash"].implode())).equals(kept)
    assert nightly.run(place.session).run_id is not None  # imported answers alone are something to do
    assert "review no_prediction" not in place.outcomes()
    fresh = place.take(place.answers(Rival(0.1, 4), name="later.csv"), how=How(recalibrate=True))
    assert fresh.model_id != first.model_id
    assert fresh.calibration.bias < first.calibration.bias


def test_calibration_reads_the_temperature_split_and_nothing_else(place: Place) -> None:
    file = place.answers(Rival(0.9, 4))
    first = place.take(file)
    known = examples.labelled(place.store, latest_taxonomy(place.store), seed=7)
    apart = {(row["vendor"], row["item_id"]) for row in known.iter_rows(named=True) if row["split"] != "temperature"}
    assert first.calibration.labels == known.height - len(apart)
    # other answers for every other product leave the calibration as it is
    rows = rows_of(file)
    other = [[v, i, PATHS[0] if (v, i) in apart else node, score] for v, i, node, score in rows]
    changed = place.take(write(place.root / "other.csv", HEADER, other), "other")
    assert changed.calibration == first.calibration


def test_the_splits_are_those_of_our_own_models(place: Place) -> None:
    found = place.take(place.answers(Rival(0.9, 4)))
    known = examples.labelled(place.store, latest_taxonomy(place.store), seed=place.session.settings.training.seed)
    kept = place.store.query(
        "SELECT vendor, item_id, cluster, split FROM example_splits WHERE model_id = ?", [found.model_id]
    )
    assert sorted(kept.rows()) == sorted(known.select("vendor", "item_id", "cluster", "split").rows())


def test_unanswered_products_count_as_not_placed(place: Place) -> None:
    full = place.take(place.answers(Rival(0.9, 4)), "full")
    rows = rows_of(place.answers(Rival(0.9, 4)))
    half = [row for row in rows if int(row[1]) % 2]
    part = place.take(write(place.root / "half.csv", HEADER, half), "half")
    certificates = []
    for model in (full.model_id, part.model_id):
        certify.run(place.job(), model_id=model)
        certificates.append(ledger.certificate(place.store, model, place.session.settings))
    whole, partial = certificates
    assert whole and partial
    # the same labels, whoever is certified on them: the second attempt spends what is left
    assert partial.calibration_products == whole.calibration_products
    assert (whole.attempt, partial.attempt) == (1, 2)
    assert partial.leaf.coverage < 0.6 < whole.leaf.coverage


def test_rows_that_cannot_be_used_are_counted_and_explained(place: Place) -> None:
    rows = [["old", "00001", PATHS[0], 0.9], ["old", "00002", "Mugz", 0.9], ["nobody", "7", PATHS[0], 0.2]]
    rows += [["old", "00003", PATHS[0], 7], ["old", "00004", PATHS[0], ""]]
    found = place.take(write(place.root / "a.csv", HEADER, rows), how=How(scores="probability"))
    assert found.counts == {"items": 1, "new": 1, "unknown_category": 1, "unknown_item": 1, "bad_score": 2}
    assert "nearest: Home > Kitchen > Mugs" in found.text()
    with pytest.raises(CatalogError, match=r"no usable answer.*unknown_category"):
        place.take(write(place.root / "b.csv", HEADER, rows[1:2]), "nothing")


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("No Name", How(), "model name"),
        ("llm", How(scores="odds"), "form of scores"),
        ("llm", How(vendor="?"), "vendor"),
    ],
)
def test_wrong_options_are_named(place: Place, name: str, how: How, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        place.take(place.answers(Rival(0.9, 4)), name, how)


def test_two_rivals_side_by_side(place: Place) -> None:
    good = place.take(place.answers(Rival(0.9, 4)), "good")
    bad = place.take(place.answers(Rival(0.6, 40), name="b.csv"), "bad")
    found = evaluate.between(place.job(), good.model_id, bad.model_id)
    assert found.overall.low > 0.1
    assert found.first.log_loss < found.second.log_loss
    promote.run(place.job(), good.model_id, reason="test")
    with pytest.raises(CatalogError, match="Refused: it is worse on all products"):
        evaluate.run(place.job(), bad.model_id).require_passed()
    text = evaluate.side_by_side(place.job(), good.model_id, bad.model_id)
    assert "none certified at 90%" in text
    assert f"Only {good.model_id} is right: {found.only_first.height} products" in text
    assert "Home" in text and "Sport" in text
    assert "answers of good, leaf accuracy 9" in workspace_listing(place)
    with pytest.raises(CatalogError, match="no model nobody"):
        evaluate.between(place.job(), "nobody", good.model_id)


def workspace_listing(place: Place) -> str:
    return workspace.listed(place.store, place.session.settings)


def test_answers_without_any_label_are_candidates_for_review(tmp_path: Path) -> None:
    made = workspace.init(tmp_path / "ws")
    made.settings_file.write_text(SETTINGS)
    (made.feeds / "acme").mkdir()
    tree = write(tmp_path / "tree.csv", ["category_path"], [[path] for path in PATHS])
    write(made.feeds / "acme" / "a.csv", ["item_id", "title"], [["1", "a mug"], ["2", "a lamp"]])
    answers = write(tmp_path / "a.csv", ["item_id", "candidate_1", "candidate_2"], [["1", "Mugs", "Plates"]])
    with opened(made.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, tree)
        nightly.run(session)
        with session.single("predictions") as job:
            found = predictions.run(job, answers, "llm", How(vendor="acme"))
            said = certify.outlook(job, found.model_id)
            promote.run(job, found.model_id, reason="test")
            assert classify.run(job) is None
            route.run(job)
        waiting = session.store.query("SELECT item_id, reason, candidates FROM backlog ORDER BY item_id").rows()
    assert waiting == [
        ("1", "no_certificate", ["Home > Kitchen > Mugs", "Home > Kitchen > Plates"]),
        ("2", "no_prediction", None),
    ]
    assert f"at least {shortage.least(0.9, 0.05 / 4)} more (0 at hand" in said
    assert "--random" in said
    assert json.dumps(found.counts) == '{"items": 1, "new": 1}'


def test_the_commands_import_list_and_compare(template, tmp_path: Path) -> None:
    root, truth = template
    folder = Path(shutil.copytree(root / "ws", tmp_path / "ws"))
    models = []
    for name, accuracy in (("good", 0.9), ("poor", 0.6)):
        rival = Rival(accuracy, 4)
        found = [line for (vendor, item), node in truth.items() for line in rival.row(vendor, item, node)]
        file = write(tmp_path / f"{name}.csv", HEADER, found)
        answer = command("predictions", "import", str(file), "--name", name, "--workspace", str(folder))
        models.append(answer.split()[1].rstrip(":"))
    assert command("models", "--workspace", str(folder)) == command("models", "list", "--workspace", str(folder))
    said = command("models", "compare", *models, "--workspace", str(folder))
    assert all(model in said for model in models)
    assert "automation" in said


def command(*arguments: str) -> str:
    answer = CliRunner().invoke(cli.app, arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.train
def test_our_own_model_and_a_rival_take_turns(workspace_copy: Path, shop: Path, tmp_path: Path) -> None:
    (workspace_copy / "feeds" / "acme").mkdir()
    shutil.copy(shop / "first.csv", workspace_copy / "feeds" / "acme" / "2026-01-01.csv")
    with opened(workspace_copy) as session, (shop / "labels.csv").open(encoding="utf-8", newline="") as file:
        truth = {("history", row["item_id"]): row["category_path"] for row in csv.DictReader(file)}
        place = Place(session, tmp_path, truth)
        own = ledger.current_model(session.store)
        assert own is not None
        nightly.run(session)
        placed = place.outcomes()
        rival = place.take(place.answers(Rival(0.5, 4), vendors=("history",)))
        known = examples.labelled(session.store, latest_taxonomy(session.store), seed=session.settings.training.seed)
        unseen = known.filter(known["split"].is_in(["temperature", "calibration"]))["cluster"].n_unique()
        found = evaluate.between(place.job(), own, rival.model_id)
        assert found.overall.n == unseen
        assert found.overall.low > 0
        assert evaluate.run(place.job(), rival.model_id).comparison.overall.high < 0
        assert f"* {own}" in workspace.listed(session.store, session.settings)

        promote.run(place.job(), rival.model_id, reason="test")
        nightly.run(session)
        assert (
            place.store.one("SELECT count(*) FROM predictions WHERE model_id = ?", [rival.model_id])
            == rival.counts["new"]
        )
        # what our model had placed stays; what it had not has no prediction now
        assert {key for key in place.outcomes() if "no_prediction" in key} == {"review no_prediction"}
        assert promote.rollback(place.job()) == (own, 0)
        nightly.run(session)
        again = place.outcomes()
    assert sum(again.values()) == sum(placed.values()) == 120
    assert "review no_prediction" not in again
