"""Takes another classifier's answers in as a model of their own.  `catalog predictions import FILE --name NAME`"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from catalog.deliveries.inbox import VENDOR
from catalog.errors import CatalogError
from catalog.inference import answers, foreign
from catalog.inference.foreign import Calibration, Form
from catalog.jobs import Counts, Job, digest, now
from catalog.labels.labels import CategoryNames
from catalog.learning import examples
from catalog.placement import ledger
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import certify
from pipelines.labels import NOBODY

# One row per content an answer may stand for: the item as it is now, and as it was when its category was decided.
CONTENTS = """
    SELECT vendor, item_id, input_hash FROM live_items
    UNION SELECT vendor, item_id, input_hash FROM standing_decisions
"""


@dataclass(frozen=True)
class Imported:
    """What an import came to. `counts`: items answered, new (not answered before), and refused rows by rule."""

    model_id: str
    calibration: Calibration
    counts: Counts
    refused: list[str]

    def text(self) -> str:
        """What was taken, how it was read, and the first reasons why rows were refused."""
        counted = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in self.counts.items())
        return "\n".join([f"Model {self.model_id}: {counted}", self.calibration.text(), *self.refused])


@dataclass(frozen=True)
class How:
    """How a file is to be read: whose items where it has no vendor, what its scores are ("auto": what they look like),
    and whether it makes a new model although the name has one."""

    vendor: str | None = None
    scores: str = "auto"
    recalibrate: bool = False


def run(job: Job, file: Path, name: str, how: How | None = None) -> Imported:
    """The first import under a name fits the calibration and earns the certificate; later ones add what is new.

    A later file cannot change an answer: certificate and calibration speak for the answers they were made with.
    `recalibrate` makes a new model of this file's answers alone. Raises CatalogError when nothing of it can be used.
    """
    how = how or How()
    _check(file, name, how)
    taxonomy = latest_taxonomy(job.store)
    vendor = how.vendor or NOBODY
    read = answers.read_answers(file, CategoryNames(taxonomy), job.settings.feeds, vendor=vendor)
    read = _known(read, job.store.query(CONTENTS))
    before = None if how.recalibrate else ledger.foreign_model(job.store, name)
    kept = Calibration(**ledger.model_facts(job.store, before)["calibration"]) if before else None
    form = kept.form if kept else _form(how.scores, read.candidates)
    read = _fitting(read, form)
    if not read.candidates.height:
        raise CatalogError(f"{file.name} has no usable answer.{_first_reasons(read)}", remedy="Correct these rows.")
    known = examples.labelled(job.store, taxonomy, seed=job.settings.training.seed)
    calibration = kept or foreign.fit(read.candidates, known.filter(split="temperature"), form)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    model_id = before or f"{name}-{digest(sha256, vendor, calibration.to_dict(), taxonomy.version)[:8]}"
    with job.store.transaction():
        new = _append(job, model_id, foreign.predictions(read.candidates, calibration, taxonomy))
        if not job.store.one("SELECT count(*) FROM models WHERE model_id = ?", [model_id]):
            facts = {"kind": ledger.FOREIGN, "name": name, "file": file.name, "sha256": sha256}
            _record(job, model_id, known, facts | {"calibration": calibration.to_dict(), "items": new})
    certify.run(job, model_id=model_id)
    items = read.candidates.n_unique(["vendor", "item_id"])
    rules = Counter(read.rejects["rule"].to_list())
    return Imported(model_id, calibration, {"items": items, "new": new, **rules}, _reasons(read))


def _check(file: Path, name: str, how: How) -> None:
    if not file.is_file():
        raise CatalogError(f"{file} does not exist.", remedy="Name a file with another classifier's answers.")
    if not answers.spelled(name):
        raise CatalogError(f"{name!r} is no model name.", remedy="Use up to 40 of a-z, 0-9, point, underscore, hyphen.")
    if how.vendor is not None and not VENDOR.match(how.vendor):
        raise CatalogError(
            f"{how.vendor!r} is no vendor name.", remedy="Use letters, digits, point, underscore, hyphen."
        )
    if how.scores not in ("auto", *foreign.FORMS):
        raise CatalogError(f"{how.scores!r} is no form of scores.", remedy=f"Use auto, {', '.join(foreign.FORMS)}.")


def _form(asked: str, candidates: pl.DataFrame) -> Form:
    """What the scores are: as said, else as they look."""
    named = [form for form in foreign.FORMS if form == asked]
    return named[0] if named else foreign.form_of(candidates["score"])


def _known(read: answers.Answers, contents: pl.DataFrame) -> answers.Answers:
    """Answers about items of this workspace, each content of an item a row; the others are refused."""
    strange = read.candidates.join(contents, on=["vendor", "item_id"], how="anti")
    kept = read.candidates.join(contents, on=["vendor", "item_id"], how="semi")
    return _refuse(read, kept, strange, "unknown_item", "no item of this vendor and id has been delivered or labelled")


def _fitting(read: answers.Answers, form: Form) -> answers.Answers:
    strange = foreign.misfits(read.candidates, form)
    kept, out = read.candidates.filter(~strange), read.candidates.filter(strange)
    return _refuse(read, kept, out, "bad_score", f"a score is missing or no {form}")


def _refuse(read: answers.Answers, kept: pl.DataFrame, out: pl.DataFrame, rule: str, detail: str) -> answers.Answers:
    refused = out.group_by("vendor", "item_id").agg(line=pl.col("line").min())
    refused = refused.with_columns(rule=pl.lit(rule), detail=pl.lit(detail), raw=pl.lit(None, pl.String))
    return answers.Answers(kept, pl.concat([read.rejects, refused.select(answers.REJECT)]).sort("line", "item_id"))


def _append(job: Job, model_id: str, found: pl.DataFrame) -> int:
    """Appends what has no prediction of this model yet; returns how many contents that are.

    Items of one content share one prediction: the answer of the first, by vendor and id, stands for all of them.
    """
    store = job.store
    have = store.query("SELECT input_hash FROM predictions WHERE model_id = ?", [model_id])
    contents = store.query(CONTENTS)
    new = found.join(contents, on=["vendor", "item_id"]).join(have, on="input_hash", how="anti")
    new = new.sort("vendor", "item_id").unique("input_hash", keep="first", maintain_order=True).sort("input_hash")
    facts = {"model_id": model_id, "stage": "imported", "provider": "imported", "run_id": job.run_id}
    new = new.drop("vendor", "item_id").with_columns(pl.lit(value).alias(key) for key, value in facts.items())
    return store.append("predictions", new.with_columns(predicted_at=pl.lit(now())))


def _record(job: Job, model_id: str, known: pl.DataFrame, facts: dict) -> None:
    """The model and the split of every labelled item: the splits our own models have, so that both compare fairly."""
    store, taxonomy = job.store, latest_taxonomy(job.store)
    split = known.select("vendor", "item_id", "input_hash", "cluster", "split", model_id=pl.lit(model_id))
    store.append("example_splits", split)
    measured = examples.measured(examples.sample(store, model_id, "calibration"), delta=job.settings.routing.delta)
    store.append_row(
        "models",
        model_id=model_id,
        taxonomy_version=taxonomy.version,
        metrics=json.dumps(measured),
        facts=json.dumps(facts | {"taxonomy_version": taxonomy.version, "examples": known.height}),
        run_id=job.run_id,
        trained_at=now(),
    )


def _reasons(read: answers.Answers) -> list[str]:
    rows = read.rejects.unique(["rule", "detail"], keep="first", maintain_order=True).head(10)
    return [f"line {r['line']}: {r['rule']}: {r['detail']}" for r in rows.iter_rows(named=True)]


def _first_reasons(read: answers.Answers) -> str:
    return "".join(f" {reason}." for reason in _reasons(read)[:3])
