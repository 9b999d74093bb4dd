"""Trains a bundle on the standing decisions, calibrates what it serves and earns its certificate.  `catalog train`"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from catalog.certification.calibration import Temperatures, fit_temperatures
from catalog.inference import bundle
from catalog.inference.classifier import Classifier, KeptEmbeddings, MemoryEmbeddings
from catalog.inference.early_exit import EarlyExit
from catalog.inference.inputs import TEXT_FIELDS
from catalog.inference.novelty import Novelty
from catalog.jobs import Job, now
from catalog.learning import card, examples, names, new_categories
from catalog.learning.training_settings import TrainingSettings
from catalog.placement import ledger
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import certify, promote


def run(job: Job, *, limit: int | None = None) -> str:
    """Returns the id of the new bundle. It is promoted at once only when no model serves yet, and none must be signed first."""
    from catalog.learning import cold, training  # noqa: PLC0415 - torch is loaded only where a model is trained

    store, taxonomy = job.store, latest_taxonomy(job.store)
    known = examples.labelled(store, taxonomy, seed=job.settings.training.seed)
    if known.height:
        examples.require_enough(known)
    if limit is not None:
        known = known.sample(min(limit, known.height), seed=job.settings.training.seed)
    folder = job.workspace.state / "training"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    usable = known.filter(pl.col("split") != "excluded")
    if known.height:
        told, expected = names.with_names(usable, taxonomy), new_categories.expected(store, known)
        report = training.train(told, taxonomy, training_settings(job), folder, job.progress, expected=expected)
    else:
        report = cold.train_on_names(taxonomy, training_settings(job), folder, job.progress)
    calibrate(folder, usable.filter(split="temperature"), report.classes, job)
    predicted = _predicted(folder, usable.filter(pl.col("split") != "train"), job)
    settings = {name: value for name, value in asdict(training_settings(job)).items() if name != "threads"}
    facts = {
        "taxonomy_version": taxonomy.version,
        "report": report.to_dict(),
        "examples": known.height,
        "settings": settings,
        "card": card.measured(known, predicted, taxonomy, examples.stated_dates(store)),
    }
    model_id = bundle.finalize(folder, job.workspace.models, facts, card.text(facts))
    _record(job, model_id, known, predicted, facts)
    _record_doubts(job, model_id, report.doubts)
    certify.run(job, model_id=model_id)
    if ledger.current_model(store) is None and not job.settings.models.require_signature:
        promote.run(job, model_id, reason="first model of this workspace")
    promote.write_pointer(job)  # of a training that was killed before it could
    return model_id


def training_settings(job: Job) -> TrainingSettings:
    """The settings of catalog.toml that training reads."""
    training, labels = job.settings.training, job.settings.labels
    return TrainingSettings(
        **training.model_dump(),
        inner=labels.inner,
        min_terminal=labels.min_terminal,
        threads=job.settings.serving.threads,
    )


def calibrate(folder: Path, held_out: pl.DataFrame, classes: list[str], job: Job) -> None:
    """Writes temperatures and what is usual, fitted on what will serve (the exported network), not on the network in training."""
    found, unlike, leave = Temperatures(), Novelty(), EarlyExit()
    index = {category: n for n, category in enumerate(classes)}
    scored = held_out.filter(pl.col("category_id").is_in(classes))
    if scored.height >= examples.LEAST_EXAMPLES:
        classifier = Classifier.open(folder, device="cpu", threads=job.settings.serving.threads, verify=False)
        target = np.array([index[category] for category in scored["category_id"]])
        logits, present, rows = _by_modality(classifier, scored)
        found, unlike = fit_temperatures(logits, target[rows], present), Novelty.fit(logits, present)
        if job.settings.training.early_exit:
            leave = EarlyExit.from_answers(logits / found.of(present)[:, None], target, present, rows)
    content = {**found.to_dict(), **unlike.to_dict(), **leave.to_dict(), "labels": scored.height}
    (folder / "calibration.json").write_text(json.dumps(content))


def _by_modality(classifier: Classifier, scored: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, what was read, and the row of each answer: every item as it is, those with both also with either alone.

    Feeds bring items without a picture although the labels had none: those would be served at a temperature of pictures.
    """
    cache = MemoryEmbeddings()
    answers = [classifier.raw(scored, embeddings=cache)]
    both = np.flatnonzero(answers[0][1].all(axis=1))
    rows = [np.arange(scored.height)]
    for left_out in (("image",), TEXT_FIELDS) if len(both) else ():
        alone = scored[both].with_columns(pl.lit(None, pl.String).alias(name) for name in left_out)
        answers.append(classifier.raw(alone, embeddings=cache))
        rows.append(both)
    logits, present = zip(*answers, strict=True)
    return np.concatenate(logits), np.concatenate(present), np.concatenate(rows)


def _predicted(folder: Path, held_out: pl.DataFrame, job: Job) -> pl.DataFrame:
    """What the finished networks answer for every labelled input they were not trained on."""
    inputs = held_out.unique("input_hash", maintain_order=True)
    classifier = Classifier.open(folder, device="cpu", threads=job.settings.serving.threads, verify=False)
    found = classifier.predict(inputs, embeddings=KeptEmbeddings(job.workspace.embeddings))
    return found.with_columns(provider=pl.lit(classifier.provider))


def _record(job: Job, model_id: str, known: pl.DataFrame, predicted: pl.DataFrame, facts: dict) -> None:
    """Appends the model, its splits and its predictions for the splits that certificates and reports are made of."""
    store = job.store
    if store.one("SELECT count(*) FROM models WHERE model_id = ?", [model_id]):
        return  # the same labels and settings make the same bundle, which is recorded already
    evidence = known.filter(pl.col("split").is_in(["temperature", "calibration"]))
    new = predicted.join(evidence, on="input_hash", how="semi").with_columns(
        model_id=pl.lit(model_id), run_id=pl.lit(job.run_id), predicted_at=pl.lit(now())
    )
    with store.transaction():
        store.append("predictions", new)
        store.append(
            "example_splits",
            known.select(
                "vendor", "item_id", "input_hash", "cluster", "split", "category_id", model_id=pl.lit(model_id)
            ),
        )
        calibration = examples.sample(store, model_id, "calibration")
        measured = examples.measured(calibration, delta=job.settings.routing.delta)
        store.append_row(
            "models",
            model_id=model_id,
            taxonomy_version=facts["taxonomy_version"],
            metrics=json.dumps(measured),
            facts=json.dumps(facts, default=str),
            run_id=job.run_id,
            trained_at=now(),
        )


def _record_doubts(job: Job, model_id: str, doubts: pl.DataFrame) -> None:
    """Appends the labels to check; the same labels and settings train the same model, whose doubts stand already."""
    if job.store.one("SELECT count(*) FROM label_doubts WHERE model_id = ?", [model_id]):
        return
    ranked = doubts.with_row_index("rank", offset=1).with_columns(
        pl.col("rank").cast(pl.Int32), model_id=pl.lit(model_id), run_id=pl.lit(job.run_id), doubted_at=pl.lit(now())
    )
    with job.store.transaction():
        job.store.append("label_doubts", ranked)
