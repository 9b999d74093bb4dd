"""Compares what each vendor sent for the first time with what it sent before.  Part of every night."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from catalog.inference.bundle import LAYOUT, open_bundle
from catalog.inference.embeddings import KeptEmbeddings
from catalog.inference.inputs import InputRules
from catalog.inference.signatures import trust_of
from catalog.jobs import Job, now
from catalog.labels.clusters import stable_hash
from catalog.placement import ledger
from catalog.taxonomies.category_moves import model_translation
from catalog.taxonomies.versions import latest_taxonomy
from catalog.watch import batches, drift_words
from catalog.watch.drift import LEAST_BATCH, RUN_LEVEL, Judged, Reference, judge
from catalog.watch.features import (
    LEAVES,
    STATISTICS,
    Embedded,
    commonest,
    features,
    new_words,
    nothing_embedded,
    word_sets,
)

DEPARTMENTS = 5  # of a vendor, the largest of a run
ROWS: dict[str, Any] = {
    "vendor": pl.String, "category_id": pl.String, "statistic": pl.String, "items": pl.Int64, "reference_items": pl.Int64,
    "reference_runs": pl.Int32, "value": pl.Float64, "usual": pl.Float64, "score": pl.Float64, "bar": pl.Float64,
    "p_value": pl.Float64, "alarm": pl.Boolean, "sentence": pl.String, "remedy": pl.String,
    "examples": pl.List(pl.String),
}  # fmt: skip
Embed = Callable[[pl.DataFrame], tuple[np.ndarray, np.ndarray]]


def run(job: Job) -> int:
    """Appends the run's drift_statistics and returns how many alarmed. Without a model there is nothing to compare by.

    A vendor is one batch, and one more for each of its largest departments; the night's one error rate is divided among
    the vendors, and a vendor's among its batches. Repeated, it writes nothing twice.
    """
    store = job.store
    model_id = ledger.current_model(store)
    if model_id is None or store.one("SELECT count(*) FROM drift_statistics WHERE run_id = ?", [job.run_id]):
        return 0
    vendors = store.query(batches.VENDORS, {"run": job.run_id, "least": LEAST_BATCH})["vendor"].to_list()
    if not vendors:
        return 0
    # Opened for the first batch that is large enough to be judged: a bundle is read to its end to be what it says it is.
    opened = cache(lambda: _embedded(job, model_id))
    path_of = _path_of(job, model_id)
    facts = {"run_id": job.run_id, "model_id": model_id, "noted_at": now()}
    alarms = 0
    with store.transaction():
        for vendor in vendors:
            frame, looks = batches.with_looks(store, batches.contents(store, vendor, job.run_id, model_id), job.run_id)
            found = [
                row
                for part in _parts(job, frame, opened, RUN_LEVEL / len(vendors))
                for row in _rows(part, vendor, path_of)
            ]
            rows = pl.DataFrame(found, schema=ROWS)
            store.append("picture_looks", looks.with_columns(run_id=pl.lit(job.run_id)))
            store.append("drift_statistics", rows.with_columns(pl.lit(v).alias(k) for k, v in facts.items()))
            alarms += int(rows["alarm"].sum())
    return alarms


Part = tuple[str | None, Judged, np.ndarray, pl.DataFrame, Reference, list[str]]


def _parts(job: Job, frame: pl.DataFrame, opened: Callable[[], Embed], level: float) -> Iterator[Part]:
    """Each batch of a vendor that can be judged: its department (None: all), the judgement, features, items, reference."""
    fresh = pl.col("run_id") == job.run_id
    counted = frame.filter(fresh)["department"].value_counts().sort("count", "department", descending=[True, False])
    large = counted.filter(pl.col("count") >= LEAST_BATCH)["department"].head(DEPARTMENTS).to_list()
    groups = [None, *large] if len(large) > 1 else [None]
    for group in groups:
        part = frame if group is None else frame.filter(department=group)
        earlier, batch = part.filter(~fresh), part.filter(fresh)
        if batch.height < LEAST_BATCH:
            continue
        run = earlier["run_id"].rle_id().to_numpy().astype(np.int64)
        leaves = commonest(earlier["leaf_id"])
        before, after = (features(rows, opened()(rows), leaves) for rows in (earlier, batch))
        before[:, 3], after[:, 3] = new_words(word_sets(earlier), run, word_sets(batch))
        reference = Reference(before, run)
        if reference.suffices:
            seed = int(stable_hash([f"{job.run_id} {frame['vendor'][0]} {group}"], "drift")[0] >> np.uint64(1))
            judged = judge(reference, after, STATISTICS, level=level / len(groups), seed=seed)
            yield group, judged, after, batch, reference, leaves


def _rows(part: Part, vendor: str, path_of: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    group, judged, features_of, batch, reference, leaves = part
    named = _named(batch, leaves, path_of)
    for statistic in STATISTICS:
        name = statistic.name
        value, usual = drift_words.numbers(name, judged)
        alarm = name in judged.alarms
        row = {
            "vendor": vendor, "category_id": group, "statistic": name, "items": batch.height,
            "reference_items": len(reference.values), "reference_runs": reference.runs, "value": value, "usual": usual,
            "score": judged.score[name], "bar": judged.bar, "p_value": judged.p_value, "alarm": alarm,
            "sentence": drift_words.sentence(name, judged, named) if alarm else None,
            "remedy": drift_words.remedy(name, vendor) if alarm else None,
            "examples": drift_words.examples(name, judged, features_of, batch) if alarm else [],
        }  # fmt: skip
        yield {key: round(cell, 6) if isinstance(cell, float) else cell for key, cell in row.items()}


def _named(batch: pl.DataFrame, leaves: list[str], path_of: Callable[[str], str]) -> list[str]:
    """What the shares are shares of: the categories told apart, none in the places left over, and all others."""
    others = commonest(batch.filter(~pl.col("leaf_id").is_in(leaves))["leaf_id"])
    rest = f"others, such as {path_of(others[0])}," if others else "all others"
    return [*map(path_of, leaves), *[""] * (LEAVES - len(leaves)), rest]


def _embedded(job: Job, model_id: str) -> Embed:
    if ledger.is_foreign(job.store, model_id):
        return lambda frame: nothing_embedded(frame.height)
    bundle = open_bundle(ledger.model_path(job.workspace, model_id), trust=trust_of(job))
    rules = InputRules.from_json((bundle.path / LAYOUT.preprocess).read_text())
    return Embedded(rules, bundle.towers, KeptEmbeddings(job.workspace.embeddings)).of


def _path_of(job: Job, model_id: str) -> Callable[[str], str]:
    taxonomy, moves = latest_taxonomy(job.store), model_translation(job.store, model_id)

    def path_of(leaf: str) -> str:
        now_id = moves.now(leaf)
        return taxonomy.path(now_id) if now_id is not None and now_id in taxonomy else leaf

    return path_of
