"""Compares two models on labelled products neither has trained on.  `catalog evaluate`, `catalog models compare A B`"""

from dataclasses import dataclass

import polars as pl

from catalog.certification.policy import Policy, department_of
from catalog.errors import CatalogError
from catalog.inference.classifier import Classifier, KeptEmbeddings
from catalog.inference.signatures import trust_of
from catalog.jobs import Job
from catalog.learning import examples, gate, history
from catalog.learning.comparison import Comparison, compare, table
from catalog.learning.history import History
from catalog.placement import ledger, routing
from catalog.taxonomies.category_moves import model_translation
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import certify

ANSWER = ["input_hash", *routing.PREDICTION]
ENOUGH_CONTROL = 200  # products; with fewer, labels that neither model learned from are compared on as well


@dataclass(frozen=True)
class Compared:
    """A comparison and what it was made of: the products, in words too (`basis`), and both models' answers by input_hash
    (columns ANSWER)."""

    comparison: Comparison
    held_out: pl.DataFrame
    basis: str
    answers: tuple[pl.DataFrame, pl.DataFrame]
    names: tuple[str, str]


@dataclass(frozen=True)
class Evaluation:
    """A candidate beside what serves; `verdict` is None where it serves itself."""

    compared: Compared
    verdict: gate.Verdict | None

    @property
    def comparison(self) -> Comparison:
        """Both models' figures."""
        return self.compared.comparison

    def text(self) -> str:
        """For a terminal: the comparison, every slice with its interval, and what speaks against a promotion."""
        found = f"{self.comparison.brief()}\nCompared on {self.compared.basis}."
        return found if self.verdict is None else f"{found}\n{gate.text(self.verdict)}"

    def require_passed(self) -> None:
        """Raises CatalogError when the candidate is worse anywhere it matters, and says where."""
        if self.verdict is not None:
            self.verdict.require_passed()


def run(job: Job, model_id: str | None) -> Evaluation:
    """Compares a model (default: the newest) with the serving one, or with itself when none serves."""
    found = compared(job, *pair(job, model_id))
    return Evaluation(found, _judged(job, found))


def pair(job: Job, model_id: str | None) -> tuple[str, str]:
    """The model to evaluate (default: the newest) and what it is compared with. Raises CatalogError without any model."""
    store = job.store
    model_id = model_id or store.one("SELECT model_id FROM models ORDER BY trained_at DESC LIMIT 1")
    if model_id is None:
        raise CatalogError("There is no model yet.", remedy="Train one: catalog train")
    return model_id, ledger.current_model(store) or model_id


def _known(job: Job, first: str, second: str) -> list[str]:
    models = list(dict.fromkeys((first, second)))
    for model in models:
        ledger.model_facts(job.store, model)  # an unknown one is said to be unknown, not to have no labels
    return models


def _judged(job: Job, compared: Compared) -> gate.Verdict | None:
    """What speaks against the first of two models; None where it is compared with itself."""
    if compared.names[0] == compared.names[1]:
        return None
    return gate.judge(_products(job, compared), job.settings.routing.target, _history(job, *compared.names))


def _history(job: Job, first: str, second: str) -> History | None:
    """What was known when the second model learned, and what both make of it; None where one of them learned nothing here:
    beside imported answers the serving model would be praised for what it knows by heart."""
    now, before = (history.labels_of(job.store, model) for model in (first, second))
    if not now.height or not before.height:
        return None
    taxonomy, keys = latest_taxonomy(job.store), ["vendor", "item_id"]
    path = dict(taxonomy.nodes.select("category_id", "path").iter_rows())
    content = job.store.query(examples.EXAMPLES).drop("category_id")
    learned = before.filter(pl.col("split").is_in(["train", "early_stopping"]))
    taught = learned.join(now.select(*keys, now="category_id"), on=keys).join(content, on=keys)
    # Products that certify either model choose none: a certificate earned by what chose the model would say too much.
    certify = pl.concat(model.filter(split="calibration").select(keys) for model in (before, now))
    known = history.few_of_each(before.join(certify, on=keys, how="anti").drop("split").join(content, on=keys))
    for side, model in (("first", first), ("second", second)):
        answers = _answers(job, model, known).select("input_hash", pl.col("leaf_id").alias(f"{side}_says"))
        known = known.join(answers, on="input_hash", how="left", maintain_order="left")
    return History(
        *(
            frame.rename({"category_id": "category"}).select(
                pl.col(name) if name in (*keys, "title") else pl.col(name).replace_strict(path, default=pl.col(name))
                for name in schema
            )
            for frame, schema in ((taught, history.TAUGHT), (known, history.KNOWN))
        )
    )


def _compared(job: Job, models: list[str]) -> tuple[pl.DataFrame, str]:
    """The products to compare on, one item each, and what they are in words."""
    drawn = _control(job, models)
    if drawn.height >= ENOUGH_CONTROL:
        return drawn, f"{drawn.height} products of the control stream's comparison half"
    rest = _held_out(job, models)
    found = pl.concat([drawn, rest.join(drawn, on=["vendor", "item_id"], how="anti").select(drawn.columns)])
    said = f"{found.height} labelled products that neither model learned from"
    return found, f"{said}: the control stream's comparison half has {drawn.height}, and {ENOUGH_CONTROL} are needed"


def _control(job: Job, models: list[str]) -> pl.DataFrame:
    """The comparison half of the control stream, without look-alikes of what any of the models learned from."""
    known = examples.labelled(job.store, latest_taxonomy(job.store), seed=job.settings.training.seed)
    learned = job.store.query(
        "SELECT DISTINCT vendor, item_id FROM example_splits WHERE split IN ('train', 'early_stopping') "
        "AND model_id IN (SELECT unnest(?))",
        [models],
    )
    near = known.join(learned, on=["vendor", "item_id"], how="semi")["cluster"].implode()
    found = known.filter((pl.col("split") == "comparison") & ~pl.col("cluster").is_in(near))
    return found.drop("split").sort("vendor", "item_id").unique("cluster", keep="first", maintain_order=True)


def _products(job: Job, compared: Compared) -> pl.DataFrame:
    """One row per product compared, as `gate.judge` reads it."""
    taxonomy, held_out = latest_taxonomy(job.store), compared.held_out
    text, picture = (pl.any_horizontal(pl.col(name).fill_null("") != "" for name in columns) for columns in _SHOWN)
    found = held_out.select(
        department=department_of(taxonomy, "category_id").replace_strict(
            taxonomy.nodes["category_id"], taxonomy.nodes["path"], default=None, return_dtype=pl.String
        ),
        vendor="vendor",
        modality=pl.when(text & picture).then(pl.lit("text and picture")).when(picture).then(pl.lit("picture alone"))
        .otherwise(pl.lit("text alone")),
        category=pl.col("category_id").replace_strict(
            taxonomy.nodes["category_id"], taxonomy.nodes["path"], default=None, return_dtype=pl.String
        ),
    )  # fmt: skip
    sides = []
    for side, model, answers in zip(("first", "second"), compared.names, compared.answers, strict=True):
        frame = held_out.select("vendor", "input_hash", "category_id").join(
            answers, on="input_hash", how="left", maintain_order="left"
        )
        placed = _placed(frame, certify.run(job, model_id=model), taxonomy)
        right = (frame["leaf_id"] == frame["category_id"]).fill_null(False)
        sides += [right.alias(f"{side}_right"), placed.alias(f"{side}_placed")]
    return found.with_columns(sides)


_SHOWN = (("title", "description", "brand", "vendor_category", "attributes"), ("image",))


def _placed(frame: pl.DataFrame, policy: Policy | None, taxonomy: Taxonomy) -> pl.Series:
    """Bool per row: the policy would place it at a leaf by itself."""
    if policy is None:
        return pl.repeat(False, frame.height, eager=True)
    proposed = routing.propose(frame.with_row_index("row"), policy, taxonomy).sort("row")
    return proposed.select(pl.col("at_leaf") & pl.col("certified")).to_series()


def between(job: Job, first: str, second: str) -> Comparison:
    """Two models, ours or imported answers, on the same products, one item per look-alike cluster.

    Raises CatalogError when one is unknown or too few products are left.
    """
    return compared(job, first, second).comparison


def compared(job: Job, first: str, second: str) -> Compared:
    """The same, with what it was made of."""
    models = _known(job, first, second)
    held_out, basis = _compared(job, models)
    found = {model: _answers(job, model, held_out) for model in models}
    answers = (found[first], found[second])
    comparison = compare(held_out, answers, (first, second), latest_taxonomy(job.store))
    return Compared(comparison, held_out, basis, answers, (first, second))


def side_by_side(job: Job, first: str, second: str) -> str:
    """The comparison as a table, each model with the certificate it has or earns under today's settings."""
    found = between(job, first, second)
    return table(found, latest_taxonomy(job.store), (_automation(job, first), _automation(job, second)))


def _automation(job: Job, model_id: str) -> str:
    """Share of the calibration products that the model's certificate places, or that it places none."""
    certify.run(job, model_id=model_id)
    certificate = ledger.certificate(job.store, model_id, job.settings)
    if certificate is None or not certificate.automates:
        return f"none certified at {job.settings.routing.target:.0%}"
    leaf, parent = certificate.leaf, certificate.parent
    placed = f"{leaf.coverage:.1%} at {leaf.target:.0%} ({leaf.k} of {leaf.n} wrong, attempt {certificate.attempt})"
    return placed + (f", {parent.coverage:.1%} at a parent" if parent.threshold is not None else "")


def _held_out(job: Job, models: list[str]) -> pl.DataFrame:
    """One labelled item per cluster that no model of the list was trained or stopped on, nor on a look-alike of it."""
    used = job.store.query(
        """WITH learned AS (SELECT DISTINCT model_id, cluster FROM example_splits WHERE split IN ('train', 'early_stopping'))
           SELECT DISTINCT vendor, item_id FROM example_splits JOIN learned USING (model_id, cluster)
           WHERE model_id IN (SELECT unnest(?))""",
        [models],
    )
    clusters = job.store.query(
        "SELECT vendor, item_id, min(cluster) AS cluster FROM example_splits WHERE model_id IN (SELECT unnest(?)) "
        "AND split IN ('temperature', 'calibration') GROUP BY ALL",
        [models],
    )
    found = job.store.query(examples.EXAMPLES).join(used, on=["vendor", "item_id"], how="anti")
    found = (
        found.join(clusters, on=["vendor", "item_id"])
        .sort("vendor", "item_id")
        .unique("cluster", keep="first", maintain_order=True)
    )
    if found.height < examples.LEAST_EXAMPLES:
        raise CatalogError(
            f"Only {found.height} labelled products are left that no model was trained on.",
            remedy="Import more labels with --random: catalog labels import FILE --random.",
        )
    return found


def _answers(job: Job, model_id: str, held_out: pl.DataFrame) -> pl.DataFrame:
    """One row per input with an answer, in today's ids: those kept, and those our own bundle gives now."""
    found = _in_its_own_ids(job, model_id, held_out)
    return model_translation(job.store, model_id).predictions(found).select(ANSWER)


def _in_its_own_ids(job: Job, model_id: str, held_out: pl.DataFrame) -> pl.DataFrame:
    inputs = held_out.unique("input_hash", maintain_order=True)
    with job.store.frame("asked", inputs.select("input_hash")):
        kept = job.store.query(
            f"SELECT {', '.join(ANSWER)} FROM predictions JOIN asked USING (input_hash) WHERE model_id = ? ORDER BY input_hash",
            [model_id],
        ).select(ANSWER)
    missing = inputs.join(kept, on="input_hash", how="anti")
    if not missing.height or ledger.is_foreign(job.store, model_id):
        return kept
    serving = job.settings.serving
    path = ledger.model_path(job.workspace, model_id)
    classifier = Classifier.open(path, trust=trust_of(job), device=serving.device, threads=serving.threads)
    predicted = classifier.predict(missing, embeddings=KeptEmbeddings(job.workspace.embeddings))
    return pl.concat([kept, predicted.select(ANSWER)], how="vertical_relaxed")
