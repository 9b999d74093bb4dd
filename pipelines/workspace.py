"""Makes a workspace and says how it stands.  `catalog init | doctor | models`"""

import json
import shutil
from importlib import metadata
from pathlib import Path

from catalog.errors import CatalogError
from catalog.placement import ledger
from catalog.settings import Settings, Workspace
from catalog.store import Store
from pipelines import verify
from pipelines.session import opened

SETTINGS = """\
# Settings of this workspace. Every key and its default: deploy/catalog.production.toml.

[routing]
target = 0.98   # share of automatically placed products that must be right
delta = 0.05    # how often a certificate may say so wrongly

[feeds]
max_refused = 0 # refused or held feeds a night may have and still exit with 0

[images]
fetch = false   # true: pictures that vendors name by URL are fetched at night; read docs/images.md first
"""
POLICY = """\
# Dated, owned rules: never_automate, pin, target, probation (docs/nights.md). Empty: the certificate alone decides.
# catalog rules check says what each would have changed, and how often it was right.
#
# [[rule]]
# id = "no-medicine"
# kind = "never_automate"
# node = "Health > Medicine"
# owner = "your name"
# since = 2026-11-01
"""


def init(folder: Path) -> Workspace:
    """Makes the folders and the two settings files; an existing workspace keeps its files."""
    workspace = Workspace(folder)
    for path in workspace.folders:
        path.mkdir(parents=True, exist_ok=True)
    workspace.state.chmod(0o700)  # copies of feeds, addresses with their keys, what reviewers wrote
    for file, text in ((workspace.settings_file, SETTINGS), (workspace.policy_file, POLICY)):
        if not file.exists():
            file.write_text(text)
    return workspace


def last_run(store: Store) -> str:
    """The id of the last nightly run that ended. Raises CatalogError when none has."""
    found = store.one(
        "SELECT run_id FROM runs JOIN run_ends USING (run_id) WHERE job = 'nightly' AND status = 'done' "
        "ORDER BY run_id DESC LIMIT 1"
    )
    if found is None:
        raise CatalogError(
            "No night has run here yet.", remedy="Deliver a feed to feeds/VENDOR/ and run `catalog nightly`."
        )
    return found


def doctor(root: Path) -> tuple[str, bool]:
    """What a person would check first, line by line, and whether all of it is well."""
    workspace = Workspace(root).require()
    free = shutil.disk_usage(workspace.root).free / 2**30
    checks = [
        (True, f"settings      {workspace.settings_file} is valid (target {workspace.settings().routing.target:.0%})"),
        (free > 1, f"disk          {free:.1f} GiB free" + ("" if free > 1 else "; make room before the next night")),
    ]
    with opened(root) as session:
        tables = session.store.one("SELECT max(version) FROM schema_version")
        checks.append((True, f"work database schema {tables}"))
        model = ledger.current_model(session.store)
        checks.append((model is not None, f"model         {model or 'none; run catalog train'}"))
        taxonomy = session.store.one("SELECT taxonomy_version FROM taxonomies ORDER BY seq DESC LIMIT 1")
        checks.append((taxonomy is not None, f"taxonomy      {taxonomy or 'none; run catalog taxonomy import FILE'}"))
    trainable = _installed("torch")
    checks.append(
        (
            True,
            f"training      {'torch ' + trainable if trainable else 'not installed here (pip install feedshelf[train])'}",
        )
    )
    lines = [f"{'ok ' if good else 'FIX'}  {text}" for good, text in checks]
    return "\n".join(lines), all(good for good, _ in checks)


def verified(root: Path) -> tuple[bool, str]:
    """Whether everything holds that must, and a line for each thing asked."""
    with opened(root) as session:
        found = verify.everything(session)
    return not verify.broken(found), "\n".join(one.line() for one in found)


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def models(root: Path) -> str:
    """One line per model: kind, when, leaf accuracy on calibration products, what its certificate lets it place."""
    with opened(root) as session:
        return listed(session.store, session.settings)


def listed(store: Store, settings: Settings) -> str:
    """The lines of `models`, oldest first; the serving one is marked."""
    current = ledger.current_model(store)
    rows = store.query("SELECT model_id, trained_at, metrics, facts FROM models ORDER BY trained_at").to_dicts()
    lines = [
        f"{'*' if row['model_id'] == current else ' '} {row['model_id']}  {row['trained_at']:%Y-%m-%d %H:%M}  "
        f"{_measured(row)}  {_certified(store, settings, row['model_id'])}"
        for row in rows
    ]
    return "\n".join(lines) or "No model yet. Train one: catalog train"


def _measured(row: dict) -> str:
    facts, metrics = json.loads(row["facts"] or "{}"), json.loads(row["metrics"] or "{}")
    kind = f"answers of {facts['name']}" if facts.get("kind") == ledger.FOREIGN else "trained here"
    accuracy = metrics.get("leaf_accuracy")
    return kind + (f", leaf accuracy {accuracy:.1%}" if accuracy is not None else ", no calibration products")


def _certified(store: Store, settings: Settings, model_id: str) -> str:
    certificate = ledger.certificate(store, model_id, settings)
    if certificate is None:
        return "no certificate asked for"
    if certificate.leaf.threshold is None:
        return f"not certified at {certificate.target:.0%}"
    return f"certified at {certificate.target:.0%} for {certificate.leaf.coverage:.1%} of products"
