"""What serves: which model and policy, under which certificate, and what decides whether a night has anything to do."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from catalog.certification.certificate import Certificate
from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.jobs import digest
from catalog.placement.vendor_categories import certified_rules
from catalog.settings import Settings, Workspace
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation

FOREIGN = "foreign"


def current_model(store: Store) -> str | None:
    """The id of the promoted bundle."""
    return store.one("SELECT model_id FROM promotions ORDER BY seq DESC LIMIT 1")


def model_facts(store: Store, model_id: str) -> dict[str, Any]:
    """What is kept of a model. Raises CatalogError when there is none of this id."""
    facts = store.query("SELECT facts FROM models WHERE model_id = ? LIMIT 1", [model_id])
    if not facts.height:
        raise CatalogError(f"There is no model {model_id}.", remedy="List them: catalog models list")
    return json.loads(facts.item() or "{}")


def is_foreign(store: Store, model_id: str) -> bool:
    """True for another classifier's imported answers: there is no bundle, and its stored predictions are all it says."""
    return model_facts(store, model_id).get("kind") == FOREIGN


def foreign_model(store: Store, name: str) -> str | None:
    """The id of the model that answers imported under this name belong to: the one made last."""
    return store.one(
        "SELECT model_id FROM models WHERE facts->>'$.kind' = ? AND facts->>'$.name' = ? ORDER BY trained_at DESC LIMIT 1",
        [FOREIGN, name],
    )


def model_path(workspace: Workspace, model_id: str) -> Path:
    """The bundle's folder. Raises CatalogError when it is gone."""
    path = workspace.models / model_id
    if not path.is_dir():
        raise CatalogError(
            f"The promoted model {model_id} is not in {workspace.models}.",
            remedy="Restore the folder from a backup, or promote another model (catalog models list).",
        )
    return path


def current_policy(store: Store, settings: Settings) -> Policy:
    """The policy of the promoted model under today's settings; without one everything goes to review."""
    model = current_model(store)
    body = store.one(
        "SELECT body FROM policies WHERE model_id = ? AND settings_hash = ? ORDER BY seq DESC LIMIT 1",
        [model, settings.routing_hash],
    )
    routing = settings.routing
    if body:
        return Policy.from_dict(json.loads(body))
    return Policy.review_everything(model or "none", routing.target, routing.delta, control_share=routing.control_share)


def certificate(store: Store, model_id: str, settings: Settings) -> Certificate | None:
    """The certificate that a model's policy under today's settings rests on; None before it was tried for one."""
    body = store.one(
        "SELECT c.body FROM policies p JOIN certificates c USING (certificate_id) "
        "WHERE p.model_id = ? AND p.settings_hash = ? ORDER BY p.seq DESC LIMIT 1",
        [model_id, settings.routing_hash],
    )
    return Certificate.from_dict(json.loads(body)) if body else None


def vendor_category_rules(store: Store, model_id: str | None, settings: Settings) -> pl.DataFrame:
    """The mappings of vendors' categories that the certificate of the model's policy was earned with, in today's ids."""
    certificate_id = store.one(
        "SELECT certificate_id FROM policies WHERE model_id = ? AND settings_hash = ? ORDER BY seq DESC LIMIT 1",
        [model_id, settings.routing_hash],
    )
    translation = Translation.from_version(store, certified_under(store, certificate_id))
    return certified_rules(store, certificate_id, translation)


def certified_under(store: Store, certificate_id: str | None) -> str | None:
    """The version of the hierarchy a certificate was earned under: its own, else that of its model."""
    return store.one(
        "SELECT coalesce(c.taxonomy_version, m.taxonomy_version) FROM certificates c LEFT JOIN models m USING (model_id) "
        "WHERE c.certificate_id = ? LIMIT 1",
        [certificate_id],
    )


def state_key(store: Store, settings: Settings) -> str:
    """Names everything besides the feeds that decides what a run does."""
    model = current_model(store)
    # Answers imported for the serving model must be routed by the next night; its own predictions a run makes itself.
    imported = (
        [store.one("SELECT count(*) FROM predictions WHERE model_id = ?", [model])]
        if model and is_foreign(store, model)
        else []
    )
    # Set once only, so that a workspace without them keeps its key.
    undone = store.one("SELECT max(seq) FROM delivery_orders WHERE word = 'undo'")
    schedules = store.one("SELECT max(seq) FROM schedules")
    taken_back = store.one("SELECT max(seq) FROM import_undos")
    trees = store.one("SELECT max(seq) FROM tree_maps")
    moves = store.one("SELECT max(seq) FROM move_approvals")
    anew = store.one("SELECT max(seq) FROM reclassified_items")
    runs_back = store.one("SELECT max(seq) FROM run_undos")
    return digest(
        model,
        store.one("SELECT taxonomy_version FROM taxonomies ORDER BY seq DESC LIMIT 1"),
        store.one("SELECT max(seq) FROM decisions"),
        settings.routing_hash,
        *imported,
        *([undone, schedules] if undone or schedules else []),
        *([f"import_undos {taken_back}"] if taken_back else []),
        *([f"tree_maps {trees}"] if trees else []),
        *([f"run_undos {runs_back}"] if runs_back else []),
        *([f"move_approvals {moves}"] if moves else []),
        *([f"reclassified {anew}"] if anew else []),
        *(["off"] if settings.automation == "off" else []),
        *(["nothing carried"] if not settings.routing.carry_decisions else []),
        *(["shadow"] if settings.mode == "shadow" else []),
    )
