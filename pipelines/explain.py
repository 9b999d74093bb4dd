"""Says of one item what decided, what moved the model and what would change it.  `catalog explain ITEM`"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.inference.occlusion import Occlusion
from catalog.inference.signatures import trust_of
from catalog.placement import grounds, ledger
from catalog.review.corrections import NEAR
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation, model_translation
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import latest_taxonomy
from catalog.watch import explanation, facts, outcomes
from catalog.watch.explanation import Explanation, Seen
from catalog.watch.facts import Facts
from pipelines.session import Session

_SHOWN = 5
_KEPT = "SELECT * FROM predictions WHERE input_hash = ? AND model_id = ? LIMIT 1"


@dataclass(frozen=True)
class Asked:
    """An explanation, and what the model sees of the picture: uint8 (size, size, 3)."""

    explanation: Explanation
    pixels: np.ndarray | None = None


@dataclass(frozen=True)
class _Answer:
    """The serving model's prediction in today's ids (no row where it has none), and what came of asking it again."""

    model_id: str
    prediction: pl.DataFrame
    occlusion: Occlusion | None = None
    pixels: np.ndarray | None = None
    neighbours: tuple = ()


def run(session: Session, item_id: str, vendor: str | None = None) -> Asked:
    """Everything about an item that is live, was withdrawn, or stands in quarantine; the serving bundle is asked again.

    Nothing is written. Raises CatalogError for an item nobody ever delivered, with the one that may be meant, and when
    several vendors have one of that id.
    """
    store = session.store
    owner = facts.vendor_of(store, item_id, vendor)
    if owner is None:
        raise _unknown(store, item_id, vendor)
    found, taxonomy = facts.gather(store, owner, item_id), latest_taxonomy(store)
    model_id = ledger.current_model(store)
    answer = _ask(session, model_id, found) if model_id and found.lineage else None
    seen = _seen(answer, taxonomy, model_translation(store, model_id)) if answer else None
    predicted = answer.prediction if answer else pl.DataFrame()
    changes = tuple(outcomes.changes(found, predicted, _policy(session), taxonomy, seen))
    certificate = ledger.certificate(store, model_id, session.settings) if model_id else None
    near = tuple((one, _path(taxonomy, one.category_id)) for one in answer.neighbours) if answer else ()
    told = Explanation(owner, item_id, found.title, explanation.story(found, certificate), seen, changes, near)
    return Asked(told, answer.pixels if answer else None)


def _policy(session: Session) -> Policy:
    """The serving policy with its departments in today's ids."""
    policy = ledger.current_policy(session.store, session.settings)
    return grounds.translated(policy, model_translation(session.store, policy.model_id))


def _ask(session: Session, model_id: str, found: Facts) -> _Answer:
    """The bundle that serves, asked with and without each part; of imported answers only what they said."""
    store, content = session.store, found.content
    translation = model_translation(store, model_id)
    if ledger.is_foreign(store, model_id):
        kept = store.query(_KEPT, [content["input_hash"].item(), model_id])
        return _Answer(model_id, translation.predictions(kept))
    from catalog.inference import occlusion  # noqa: PLC0415 - what runs a bundle takes a while to import
    from catalog.inference.classifier import Classifier, KeptEmbeddings  # noqa: PLC0415
    from catalog.watch.neighbours import nearest  # noqa: PLC0415

    serving, path = session.settings.serving, ledger.model_path(session.workspace, model_id)
    classifier = Classifier.open(path, trust=trust_of(session), device=serving.device, threads=serving.threads)
    cache = occlusion.ReadOnly(KeptEmbeddings(session.workspace.embeddings))
    predicted = classifier.predict(content, embeddings=cache)
    content = occlusion.as_read(classifier, content, embeddings=cache)
    (left_out,) = occlusion.occlude(classifier, content, embeddings=cache)
    left_out = occlusion.with_regions(classifier, content, left_out, embeddings=cache)
    near = nearest(store, classifier.bundle, classifier.rules, content, cache, _SHOWN)
    pixels = classifier.pixels(content["image"].item())
    return _Answer(model_id, translation.predictions(predicted), left_out, pixels, tuple(near))


def _seen(answer: _Answer, taxonomy: Taxonomy, translation: Translation) -> Seen:
    top = answer.prediction.select("top_ids", "top_log_odds").head(1)
    ids, odds = top.row(0) if top.height else ([], [])
    candidates = list(zip(ids or [], odds or [], strict=True))[:_SHOWN]
    return explanation.seen(
        answer.model_id, candidates, answer.occlusion, lambda node: _path(taxonomy, translation.now(node) or node)
    )


def _path(taxonomy: Taxonomy, node: str | None) -> str:
    return taxonomy.path(node) if node is not None and node in taxonomy else f"{node} (no category any more)"


def _unknown(store: Store, item_id: str, vendor: str | None) -> CatalogError:
    given = pl.DataFrame({"line": [0], "vendor": [vendor or ""], "item_id": [item_id]})
    with store.frame("given", given):
        near = store.query(NEAR)["meant"].to_list()
    who = f"{vendor} has never delivered" if vendor else "Nobody has ever delivered"
    remedy = (
        f"Perhaps {near[0]} is meant." if near else 'List items: catalog sql "SELECT vendor, item_id, title FROM items"'
    )
    return CatalogError(f"{who} an item {item_id!r}.", remedy=remedy)
