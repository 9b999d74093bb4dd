"""What this would have done with your history, or did in the shadow.  `catalog trial FILE`, `catalog trial --shadow`"""

import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl

from catalog.errors import CatalogError
from catalog.inference.classifier import Classifier, MemoryEmbeddings
from catalog.jobs import Job, Progress, quiet
from catalog.learning import by_time, examples, names
from catalog.placement import trial
from catalog.placement.trial import TARGETS, Trial
from catalog.publishing.reader import query_published
from catalog.settings import Settings, Workspace
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import current_version, latest_taxonomy, save_taxonomy
from pipelines import labels, taxonomy, train
from pipelines.session import Session, opened

_DATES = "SELECT vendor, item_id, decided_at FROM standing_decisions WHERE verdict = 'category'"
# Of live items alone: what is no longer sold need not be understood.
_UNREAD = """
    SELECT own_said AS said FROM shadow_comparison WHERE own_said IS NOT NULL AND own_id IS NULL
    GROUP BY own_said ORDER BY count(*) DESC, own_said LIMIT 5
"""
FAST = "towers as they come, not tuned; `catalog train` tunes them, which is slower and better"


def run(file: Path, root: Path, *, progress: Progress = quiet) -> Trial:
    """Files the last twelve months of a labelled history as if nobody had, with what was known before.

    Works in a folder of its own; of the workspace, where `root` is one, it takes settings and hierarchy, else the hierarchy is
    that of the file. Raises CatalogError when the file has too little history, or cannot be read.
    """
    if not file.is_file():
        raise CatalogError(f"{file} does not exist.", remedy="Name a file of labelled products with labelled_at.")
    settings, known = _around(Workspace(root))
    with tempfile.TemporaryDirectory(prefix="feedshelf-trial-") as scratch:
        place = Workspace(Path(scratch))
        for folder in place.folders:
            folder.mkdir(parents=True)
        place.settings_file.write_text("")
        with opened(place.root, progress=progress) as scratched:
            session = replace(scratched, settings=settings)
            with session.single("taxonomy") as job:
                if known is not None:
                    save_taxonomy(job.store, known, "trial")
                else:
                    taxonomy.run(job, file)
            with session.single("labels") as job:
                labels.run(job, file, random=True)
            return _tried(session)


def _around(workspace: Workspace) -> tuple[Settings, Taxonomy | None]:
    if not workspace.settings_file.exists():
        return Settings(), None
    settings = workspace.settings()
    if not workspace.work_db.exists():
        return settings, None
    with opened(workspace.root) as session:
        found = latest_taxonomy(session.store) if current_version(session.store) else None
    return settings, found


def _tried(session: Session) -> Trial:
    with session.single("trial") as job:
        tree = latest_taxonomy(job.store)
        every = examples.labelled(job.store, tree, seed=job.settings.training.seed).drop("split")
        known = by_time.splits(every.join(job.store.query(_DATES), on=["vendor", "item_id"]))
        folder = job.workspace.state / "training"
        folder.mkdir()
        predicted = _predicted(job, known, tree, folder)
    sample = known.join(predicted, on="input_hash", how="left", maintain_order="left").with_columns(
        row_hash="input_hash"
    )
    parts = {name: sample.filter(split=name) for name in ("temperature", "calibration", "trial")}
    delta = session.settings.routing.delta
    evidence = (parts["temperature"], parts["calibration"])
    if not parts["calibration"].height:
        raise CatalogError(
            "No product of the time that is tried may certify: all look like older ones.",
            remedy="Give a longer history, or one with more new products.",
        )
    tried = parts["trial"]
    days = tried["decided_at"].dt.date()
    return Trial(
        period=(str(days.min()), str(days.max())),
        days=days.n_unique(),
        learned=known.filter(pl.col("split").is_in(["train", "early_stopping"])).height,
        evidence=sum(part.height for part in evidence),
        training=FAST,
        outcomes=tuple(trial.outcome(evidence, tried, tree, target=target, delta=delta) for target in TARGETS),
    )


def _predicted(job: Job, known: pl.DataFrame, tree: Taxonomy, folder: Path) -> pl.DataFrame:
    """Trains with the fast settings and predicts everything that is newer than what taught."""
    from catalog.learning import training  # noqa: PLC0415 - torch is loaded only where a model is trained

    fast = replace(train.training_settings(job), finetune_epochs=0)
    usable = names.with_names(known.filter(pl.col("split").is_in(["train", "early_stopping"])), tree)
    report = training.train(usable, tree, fast, folder, job.progress)
    train.calibrate(folder, known.filter(split="temperature"), report.classes, job)
    held = known.filter(pl.col("split").is_in(["temperature", "calibration", "trial"]))
    classifier = Classifier.open(folder, device="cpu", threads=job.settings.serving.threads, verify=False)
    return classifier.predict(held.unique("input_hash", maintain_order=True), embeddings=MemoryEmbeddings())


def shadow(root: Path) -> str:
    """What nights in the shadow found, as they published it. Raises CatalogError when nothing is published yet."""
    published = Workspace(root).require().published_db
    rows = query_published(published, "SELECT * FROM shadow_summary ORDER BY items DESC, department")
    return trial.compared(rows.to_dicts(), query_published(published, _UNREAD)["said"].to_list())
