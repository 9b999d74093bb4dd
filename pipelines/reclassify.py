"""Judges standing placements anew on purpose.  `catalog reclassify [--vendor V] [--node N] [--by NAME]`"""

from catalog.errors import CatalogError
from catalog.jobs import Job
from catalog.placement import ledger, reclassification
from catalog.placement.moves import Moves
from catalog.taxonomies.versions import latest_taxonomy
from pipelines.runs import By


def run(job: Job, part: reclassification.Part, by: By | None) -> Moves:
    """What would move; in the next night it does where somebody says so. Raises CatalogError when no model serves."""
    policy = ledger.current_policy(job.store, job.settings)
    if ledger.current_model(job.store) is None:
        raise CatalogError("No model serves, so nothing can be judged anew.", remedy="Train one: catalog train")
    found = reclassification.would_move(job.store, policy, latest_taxonomy(job.store), part)
    if by and found.items.height:
        reclassification.let_move(job, found, by.who, by.note)
    return found
